/* The order in which a scan takes the steps of a batch: small cases written by hand, then many
 * against the definition. */
#include "layer/layer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { MAX_STEPS = 6, MAX_BATCH = 5, MAX_ROWS = MAX_STEPS * MAX_BATCH };

typedef struct expected {
    int64_t order[MAX_BATCH], offset[MAX_STEPS + 1], from[MAX_ROWS], output[MAX_ROWS];
} expected;
typedef struct example {
    const char *what;
    int64_t steps, batch;
    const int64_t *lengths;
    const uint8_t *mask; /* [steps][batch] */
    bool reverse, restore;
    expected e;
} example;

static const int64_t lengths[] = { 2, 0, 3 };
static const uint8_t before_inside_after[] = { 0, 1, 1, /* row 0: padding before, */
                                               0, 0, 1, /* row 1: inside, */
                                               1, 0, 1, /* row 2: after */
                                               1, 1, 0 };
static const int64_t three[] = { 3 };
static const uint8_t hole[] = { 1, 0, 1, 1 };

static const example examples[] = {
    { .what = "ragged rows, one of no length",
      .steps = 3,
      .batch = 3,
      .lengths = lengths,
      .e = { { 2, 0, 1 }, { 0, 2, 4, 5 }, { 2, 0, 5, 3, 8 }, { 1, -1, 0, 3, -1, 2, -1, -1, 4 } } },
    { .what = "masks before, inside and after",
      .steps = 4,
      .batch = 3,
      .mask = before_inside_after,
      .e = { { 2, 0, 1 },
             { 0, 3, 6, 7, 7 },
             { 2, 6, 1, 5, 9, 10, 8 },
             { -1, 2, 0, -1, 2, 3, 1, 2, 6, 4, 5, 6 } } },
    { .what = "masks, last step first, outputs in the order of processing",
      .steps = 4,
      .batch = 3,
      .mask = before_inside_after,
      .reverse = true,
      .e = { { 2, 0, 1 },
             { 0, 3, 6, 7, 7 },
             { 8, 9, 10, 5, 6, 1, 2 },
             { 1, 2, -1, 4, 2, 0, 4, 2, 3, 4, 5, 6 } } },
    { .what = "masks, last step first, outputs at their own times",
      .steps = 4,
      .batch = 3,
      .mask = before_inside_after,
      .reverse = true,
      .restore = true,
      .e = { { 2, 0, 1 },
             { 0, 3, 6, 7, 7 },
             { 8, 9, 10, 5, 6, 1, 2 },
             { -1, 5, 6, -1, -1, 3, 4, -1, 0, 1, 2, -1 } } },
    { .what = "ragged rows, last step first",
      .steps = 3,
      .batch = 3,
      .lengths = lengths,
      .reverse = true,
      .e = { { 2, 0, 1 }, { 0, 2, 4, 5 }, { 8, 3, 5, 0, 2 }, { 1, -1, 0, 3, -1, 2, -1, -1, 4 } } },
    { .what = "ragged rows, last step first, outputs at their own times",
      .steps = 3,
      .batch = 3,
      .lengths = lengths,
      .reverse = true,
      .restore = true,
      .e = { { 2, 0, 1 }, { 0, 2, 4, 5 }, { 8, 3, 5, 0, 2 }, { 3, -1, 4, 1, -1, 2, -1, -1, 0 } } },
    { .what = "a length and a mask together, last step first",
      .steps = 4,
      .batch = 1,
      .lengths = three,
      .mask = hole,
      .reverse = true,
      .e = { { 0 }, { 0, 1, 2, 2, 2 }, { 2, 0 }, { 0, 0, 1, -1 } } },
    { .what = "no mask, last step first",
      .steps = 2,
      .batch = 2,
      .reverse = true,
      .e = { { 0, 1 }, { 0, 2, 4 }, { 2, 3, 0, 1 }, { 0, 1, 2, 3 } } },
};

static value input_of(const example *x)
{
    return (value){ .shape = { RONDO_F32, true, 0, 1 },
                    .steps = x->steps,
                    .batch = x->batch,
                    .lengths = x->lengths,
                    .mask = x->mask,
                    .masked = x->mask != NULL };
}

/* Plans with a measuring arena, reserves what it says, then builds. */
static route built(const example *x, arena *a)
{
    route r;
    arena measure = { 0 };
    const value v = input_of(x);
    route_plan(&r, &measure, &v, x->reverse);
    assert_int_equal(arena_reserve(a, measure.kept), RONDO_OK);
    arena_reset(a);
    route_plan(&r, a, &v, x->reverse);
    assert_int_equal(a->kept, measure.kept);
    route_build(&r, &v, x->reverse, x->restore);
    return r;
}

static void same(const char *what, const char *array, const int64_t *got, const int64_t *want,
                 int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (got[i] != want[i])
            fail_msg("%s: %s[%d] is %d, expected %d", what, array, (int)i, (int)got[i],
                     (int)want[i]);
}

static void compare(const example *x, const route *r, const expected *e)
{
    const int64_t rows = x->steps * x->batch;
    int64_t back[MAX_ROWS];
    same(x->what, "order", r->order, e->order, x->batch);
    same(x->what, "offset", r->offset, e->offset, x->steps + 1);
    assert_int_equal(r->total, e->offset[x->steps]);
    same(x->what, "from", r->from, e->from, r->total);
    same(x->what, "output", r->output, e->output, rows);
    for (int64_t i = 0; i < rows; i++) back[i] = -1;
    for (int64_t i = 0; i < r->total; i++) back[e->from[i]] = i;
    same(x->what, "back", r->back, back, rows);
    for (int64_t k = 0; k < x->batch; k++) {
        int64_t count = 0;
        assert_int_equal(r->rank[r->order[k]], k);
        for (int64_t t = 0; t < x->steps; t++) count += k < route_active(r, t);
        assert_int_equal(r->count[k], count);
    }
}

static void by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        arena a = { 0 };
        const route r = built(&examples[i], &a);
        assert_false(r.identity);
        compare(&examples[i], &r, &examples[i].e);
        arena_free(&a);
    }
}

static void nothing_to_gather(void **state)
{
    const example x = { .what = "whole rows", .steps = 3, .batch = 2 };
    arena a = { 0 };
    (void)state;
    const route r = built(&x, &a);
    assert_true(r.identity);
    assert_int_equal(a.kept, 0);
    assert_int_equal(route_active(&r, 2), 2);
    assert_int_equal(route_offset(&r, 2), 4);
    arena_free(&a);
}

static bool valid(const example *x, int64_t t, int64_t b)
{
    return (!x->lengths || t < x->lengths[b]) && (!x->mask || x->mask[t * x->batch + b]);
}

/* Row b's steps in the order of processing, from the definition. */
static int64_t valid_steps(const example *x, int64_t b, int64_t times[MAX_STEPS])
{
    int64_t n = 0;
    for (int64_t p = 0; p < x->steps; p++) {
        const int64_t t = x->reverse ? x->steps - 1 - p : p;
        if (valid(x, t, b)) times[n++] = t;
    }
    return n;
}

static void define(const example *x, expected *e)
{
    int64_t times[MAX_BATCH][MAX_STEPS], n[MAX_BATCH], placed = 0, packed = 0;
    for (int64_t b = 0; b < x->batch; b++) n[b] = valid_steps(x, b, times[b]);
    for (int64_t count = x->steps; count >= 0; count--)
        for (int64_t b = 0; b < x->batch; b++)
            if (n[b] == count) e->order[placed++] = b;
    for (int64_t i = 0; i < x->steps * x->batch; i++) e->output[i] = -1;
    for (int64_t s = 0; s < x->steps; s++) {
        e->offset[s] = packed;
        for (int64_t k = 0; k < x->batch; k++) {
            const int64_t b = e->order[k];
            if (s < n[b]) e->from[packed++] = times[b][s] * x->batch + b;
        }
    }
    e->offset[x->steps] = packed;
    for (int64_t b = 0; b < x->batch; b++) {
        const int64_t length = x->lengths ? x->lengths[b] : x->steps;
        for (int64_t at = 0; at < length;
             at++) { /* a time of the output, and the input's beside it */
            const bool turned = x->reverse && !x->restore;
            const int64_t t = turned ? length - 1 - at : at;
            if (x->restore && !valid(x, t, b)) continue; /* zeros, not the output before */
            for (int64_t i = 0; i < packed; i++) {
                const int64_t from = e->from[i] / x->batch;
                if (e->from[i] % x->batch == b && (x->reverse ? from >= t : from <= t))
                    e->output[at * x->batch + b] = i; /* the last one processed until then */
            }
        }
    }
}

static void against_the_definition(void **state)
{
    rng r = rng_new(1, rng_stream(RNG_DATA, 1));
    (void)state;
    for (int i = 0; i < 4000; i++) {
        int64_t some_lengths[MAX_BATCH];
        uint8_t some_mask[MAX_ROWS];
        example x = { .what = "random", .reverse = i & 1, .restore = i & 2 };
        expected e;
        arena a = { 0 };
        x.steps = 1 + rng_below(&r, MAX_STEPS);
        x.batch = 1 + rng_below(&r, MAX_BATCH);
        for (int64_t b = 0; b < x.batch; b++) some_lengths[b] = rng_below(&r, x.steps + 1);
        for (int64_t k = 0; k < x.steps * x.batch; k++) some_mask[k] = (uint8_t)rng_below(&r, 2);
        if (i & 4) x.lengths = some_lengths;
        if (i & 8) x.mask = some_mask;
        const route built_route = built(&x, &a);
        define(&x, &e);
        if (!built_route.identity) compare(&x, &built_route, &e);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(nothing_to_gather),
        cmocka_unit_test(against_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
