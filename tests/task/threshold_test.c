/* Which threshold is best: by definition, all that could be. */
#include "task/task.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static double judged(const threshold_row *rows, int64_t n, const char *by, double cut)
{
    double hit = 0, miss = 0, alarm = 0, quiet = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool told = rows[i].p > cut;
        hit += told && rows[i].yes;
        miss += !told && rows[i].yes;
        alarm += told && !rows[i].yes;
        quiet += !told && !rows[i].yes;
    }
    if (strcmp(by, "accuracy") == 0) return (hit + quiet) / (double)n;
    if (strcmp(by, "f1") == 0) return hit > 0 ? 2 * hit / (2 * hit + miss + alarm) : 0;
    return ((hit + miss > 0 ? hit / (hit + miss) : 1) +
            (quiet + alarm > 0 ? quiet / (quiet + alarm) : 1)) /
           2;
}

static void best_of_all(void **state)
{
    static const char *const ways[] = { "accuracy", "f1", "balanced_accuracy" };
    (void)state;
    rng draw = rng_new(4, rng_stream(RNG_DATA, 0));
    for (int round = 0; round < 300; round++) {
        threshold_row rows[20];
        const int64_t n = 1 + rng_below(&draw, 20);
        for (int64_t i = 0; i < n; i++)
            rows[i] = (threshold_row){ (double)rng_below(&draw, 12) / 11,
                                       rng_below(&draw, 3) == 0 };
        for (int w = 0; w < 3; w++) {
            const double found = threshold_best(rows, n, ways[w]);
            double most = 0;
            for (int k = 1; k < 200; k++) {
                const double score = judged(rows, n, ways[w], k / 200.0);
                if (score > most) most = score;
            }
            assert_true(found > 0 && found < 1);
            assert_true(judged(rows, n, ways[w], found) >= most - 1e-12);
        }
    }
}

static void one_half_where_it_is_as_good(void **state)
{
    (void)state;
    threshold_row apart[] = { { 0.2, false }, { 0.9, true }, { 0.1, false }, { 0.8, true } };
    assert_float_equal(threshold_best(apart, 4, "accuracy"), 0.5, 0);
    threshold_row low[] = { { 0.01, false }, { 0.1, true }, { 0.2, true }, { 0.03, false } };
    assert_float_equal(threshold_best(low, 4, "f1"), 0.065, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(best_of_all),
                                        cmocka_unit_test(one_half_where_it_is_as_good) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
