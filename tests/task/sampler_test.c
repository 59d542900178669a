/* Which token comes next: the likeliest are found as sorting would find them, and drawn as often as they
 * are likely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "task/task.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 700 };
static real p[MOST];

static int by_p(const void *a, const void *b)
{
    const int32_t i = *(const int32_t *)a, k = *(const int32_t *)b;
    return p[i] > p[k] ? -1 : p[i] < p[k] ? 1 : i < k ? -1 : i > k;
}

/* Probabilities with many ties, or none. */
static void fill(int64_t n, rng *r, bool ties)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        p[i] = ties ? (real)(1 + rng_below(r, 4)) : (real)exp(2 * rng_normal(r));
        sum += (double)p[i];
    }
    for (int64_t i = 0; i < n; i++) p[i] = (real)((double)p[i] / sum);
}

static void finds_what_sorting_finds(void **state)
{
    (void)state;
    static const double masses[] = { 0.01, 0.3, 0.9, 0.999, INFINITY };
    rng r = rng_new(1, 2);
    int32_t sorted[MOST], order[MOST];
    for (int round = 0; round < 300; round++) {
        const int64_t n = 1 + rng_below(&r, round < 100 ? 12 : MOST);
        fill(n, &r, round % 3 == 0);
        for (int64_t i = 0; i < n; i++) sorted[i] = order[i] = (int32_t)i;
        qsort(sorted, (size_t)n, sizeof *sorted, by_p);
        const int64_t most = 1 + rng_below(&r, n);
        const double mass = masses[round % 5];
        int64_t wanted = 0;
        for (double sum = 0; wanted < most && sum < mass;) sum += (double)p[sorted[wanted++]];
        const int64_t kept = sampler_best(p, order, n, most, mass);
        /* the sum is taken in another order, which may tell at the very edge */
        assert_true(kept == wanted || (isfinite(mass) && llabs((long long)(kept - wanted)) == 1));
        qsort(order, (size_t)kept, sizeof *order, by_p);
        assert_memory_equal(order, sorted, (size_t)kept * sizeof *order);
    }
}

static const spoken nothing = { 0 };

static void draw_all(double *share, const real *logits, int64_t n, const sampler_options *o)
{
    enum { DRAWS = 40000 };
    sampler s;
    rng r = rng_new(5, 6);
    assert_int_equal(sampler_open(&s, n, o), RONDO_OK);
    memset(share, 0, (size_t)n * sizeof *share);
    for (int i = 0; i < DRAWS; i++) share[sampler_next(&s, logits, &nothing, &r)] += 1.0 / DRAWS;
    sampler_close(&s);
}

static void draws_by_probability(void **state)
{
    (void)state;
    const real logits[] = { (real)log(0.5), (real)log(0.2), (real)log(0.2), (real)log(0.1) };
    double share[4];
    sampler_options o = { .temperature = 1, .top_p = 1, .repetition_penalty = 1 };
    draw_all(share, logits, 4, &o);
    assert_true(fabs(share[0] - 0.5) < 0.01 && fabs(share[1] - 0.2) < 0.01);
    assert_true(fabs(share[3] - 0.1) < 0.01);
    o.temperature = 0.5; /* squares: 25 4 4 1 */
    draw_all(share, logits, 4, &o);
    assert_true(fabs(share[0] - 25.0 / 34) < 0.01 && fabs(share[3] - 1.0 / 34) < 0.01);
    o.temperature = 1;
    o.top_k = 2; /* of the equals the lower number */
    draw_all(share, logits, 4, &o);
    assert_true(fabs(share[0] - 5.0 / 7) < 0.01 && share[2] == 0 && share[3] == 0);
    o.top_k = 0;
    o.top_p = 0.65;
    draw_all(share, logits, 4, &o);
    assert_true(fabs(share[1] - 2.0 / 7) < 0.01 && share[2] == 0);
    o.top_p = 0.6; /* of what the two likeliest have, as the first alone has */
    o.top_k = 2;
    draw_all(share, logits, 4, &o);
    assert_true(share[0] > 0.9999);
    o.top_p = 1;
    o.top_k = 0;
    o.temperature = 1e-40;
    draw_all(share, logits, 4, &o);
    assert_true(share[0] > 0.9999);
    o.temperature = 0;
    draw_all(share, logits, 4, &o);
    assert_true(share[1] + share[2] + share[3] == 0);
    const int32_t banned[] = { 0, 3 };
    o.temperature = 1;
    o.banned = banned;
    o.n_banned = 2;
    draw_all(share, logits, 4, &o);
    assert_true(share[0] == 0 && share[3] == 0 && fabs(share[1] - 0.5) < 0.01);
}

/* What speaks for a token is divided by the penalty, what speaks against it multiplied. */
static void penalizes_what_was_said(void **state)
{
    (void)state;
    const real logits[] = { 2, 1.5, -1, (real)-1.2 };
    int32_t ids[] = { 0, 2 };
    const spoken said = { .id = ids, .n = 2 };
    sampler s;
    rng r = rng_new(1, 1);
    const sampler_options o = { .top_p = 1, .repetition_penalty = 1.5 };
    assert_int_equal(sampler_open(&s, 4, &o), RONDO_OK);
    assert_int_equal(sampler_next(&s, logits, &nothing, &r), 0);
    assert_int_equal(sampler_next(&s, logits, &said, &r), 1);
    assert_true(fabs((double)s.p[0] - 2 / 1.5) < 1e-6 && fabs((double)s.p[2] + 1.5) < 1e-6);
    sampler_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_sorting_finds),
        cmocka_unit_test(draws_by_probability),
        cmocka_unit_test(penalizes_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
