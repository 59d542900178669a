/* The order of an epoch: every sample once, the same again for a seed and an epoch, and with a bucket in
 * batches of like lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "train/train.h"

enum { COUNT = 103, BATCH = 8 };

static int64_t length(const rondo_dataset *d, int64_t i)
{
    (void)d;
    return i * 37 % 50;
}

static const rondo_dataset data = { .count = COUNT, .length = length };

static epoch_order begin(int64_t bucket)
{
    epoch_order o;
    assert_int_equal(
        order_new(&o, &data, &(rondo_fit_options){ .batch_size = BATCH, .bucket = bucket }),
        RONDO_OK);
    return o;
}

/* Steps that batches take, each as long as its longest sample. */
static int64_t steps_of(const epoch_order *o)
{
    int64_t steps = 0;
    for (int64_t first = 0; first < COUNT; first += BATCH) {
        int64_t longest = 0;
        for (int64_t i = first; i < first + BATCH && i < COUNT; i++)
            if (length(&data, o->item[i]) > longest) longest = length(&data, o->item[i]);
        steps += longest;
    }
    return steps;
}

static void every_sample_once(void **state)
{
    (void)state;
    static const int64_t buckets[] = { 0, 1, 3, 12, 13, 1000, INT64_C(1) << 39 };
    for (size_t k = 0; k < sizeof buckets / sizeof *buckets; k++) {
        epoch_order a = begin(buckets[k]), b = begin(buckets[k]);
        bool seen[COUNT] = { false };
        order_draw(&a, 5, 2);
        order_draw(&b, 5, 1);
        assert_memory_not_equal(a.item, b.item, COUNT * sizeof *a.item);
        order_draw(&b, 5, 2);
        assert_memory_equal(a.item, b.item, COUNT * sizeof *a.item);
        for (int i = 0; i < COUNT; i++) {
            assert_false(seen[a.item[i]]);
            seen[a.item[i]] = true;
        }
        order_free(&a);
        order_free(&b);
    }
}

static void like_lengths_meet(void **state)
{
    (void)state;
    epoch_order plain = begin(0), some = begin(4), all = begin(100);
    order_draw(&plain, 1, 0);
    order_draw(&some, 1, 0);
    order_draw(&all, 1, 0);
    assert_true(steps_of(&some) < steps_of(&plain) * 4 / 5);
    assert_true(steps_of(&all) < steps_of(&some));
    /* the batches themselves come in any order */
    assert_true(length(&data, all.item[0]) != 0 || length(&data, all.item[BATCH]) > 10);
    order_free(&plain);
    order_free(&some);
    order_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_sample_once),
                                        cmocka_unit_test(like_lengths_meet) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
