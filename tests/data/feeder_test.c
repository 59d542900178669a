/* Batches asked for beforehand are those that batch_gather gives, large ones from a thread too; a
 * failure comes when its batch is taken, with its sentence, and the next may do better. */
#include "data/data.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

enum { COUNT = 40, STEPS = 30, WIDTH = 50, FAILS = 25 };

static real x[COUNT * STEPS * WIDTH];
static int32_t label[COUNT];
static int64_t lengths[COUNT];
static rondo_status (*get_sample)(const rondo_dataset *, cursor *, int64_t, sample *);

static rondo_status get_or_fail(const rondo_dataset *d, cursor *c, int64_t i, sample *s)
{
    if (i == FAILS) return rondo_fail(RONDO_E_FORMAT, "sample %lld is bad", (long long)i);
    return get_sample(d, c, i, s);
}

static rondo_dataset *open_data(bool fails)
{
    for (int64_t i = 0; i < COUNT * STEPS * WIDTH; i++) x[i] = (real)i;
    for (int i = 0; i < COUNT; i++) {
        label[i] = i;
        lengths[i] = 1 + i * 7 % STEPS;
    }
    const rondo_array in = { x, RONDO_F32, { 3, { COUNT, STEPS, WIDTH } }, lengths };
    const rondo_array out = { label, RONDO_I32, { 1, { COUNT } }, NULL };
    rondo_dataset *d;
    assert_int_equal(rondo_dataset_new(&d, &(rondo_batch){ 1, 1, &in, &out, NULL }), RONDO_OK);
    get_sample = d->get;
    if (fails) d->get = get_or_fail;
    return d;
}

static void same(const batch *a, const batch *b)
{
    const batch_field *p = &a->input[0], *q = &b->input[0];
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(p->steps, q->steps);
    assert_memory_equal(p->data, q->data, (size_t)(p->steps * a->rows * WIDTH) * sizeof(real));
    assert_memory_equal(a->target[0].tokens, b->target[0].tokens, (size_t)a->rows * 4);
    assert_int_equal(p->lengths == NULL, q->lengths == NULL);
    if (p->lengths) assert_memory_equal(p->lengths, q->lengths, (size_t)a->rows * 8);
}

/* Batches of `rows`, from the last sample to the first; each is asked for while one is in use. */
static void gives_what_was_asked(int64_t rows)
{
    rondo_dataset *d = open_data(false);
    int64_t items[COUNT];
    feeder *f;
    batch expected = { 0 };
    const batch *b;
    for (int i = 0; i < COUNT; i++) items[i] = COUNT - 1 - i;
    assert_int_equal(feeder_open(&f, d, rows, ALL_STEPS, NULL, NULL), RONDO_OK);
    feeder_ask(f, items, rows, 0, ALL_STEPS);
    for (int64_t at = 0; at < COUNT; at += rows) {
        const int64_t n = COUNT - at < rows ? COUNT - at : rows, next = at + n;
        assert_int_equal(feeder_take(f, &b), RONDO_OK);
        if (next < COUNT)
            feeder_ask(f, items + next, COUNT - next < rows ? COUNT - next : rows, 0, ALL_STEPS);
        assert_int_equal(batch_gather(&expected, d, items + at, n, NULL, NULL), RONDO_OK);
        same(b, &expected);
    }
    batch_free(&expected);
    feeder_close(f);
    rondo_dataset_free(d);
}

static void test_batches(void **state)
{
    (void)state;
    gives_what_was_asked(3);  /* 18 KB */
    gives_what_was_asked(18); /* 108 KB */
}

static void test_failure(void **state)
{
    (void)state;
    for (int64_t rows = 2; rows <= 20; rows += 18) {
        rondo_dataset *d = open_data(true);
        int64_t items[COUNT];
        feeder *f;
        const batch *b;
        for (int i = 0; i < COUNT; i++) items[i] = i;
        assert_int_equal(feeder_open(&f, d, rows, ALL_STEPS, NULL, NULL), RONDO_OK);
        feeder_ask(f, items, rows, 0, ALL_STEPS);
        assert_int_equal(feeder_take(f, &b), RONDO_OK);
        feeder_ask(f, items + FAILS - 1, rows / 2 + 1, 0, ALL_STEPS);
        rondo_fail(RONDO_E_ARG, "something else");
        assert_int_equal(feeder_take(f, &b), RONDO_E_FORMAT);
        assert_string_equal(rondo_error(), "sample 25 is bad");
        feeder_ask(f, items, 1, 0, ALL_STEPS);
        assert_int_equal(feeder_take(f, &b), RONDO_OK);
        assert_int_equal(b->rows, 1);
        feeder_ask(f, items, rows, 0, ALL_STEPS); /* never taken */
        feeder_close(f);
        rondo_dataset_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
