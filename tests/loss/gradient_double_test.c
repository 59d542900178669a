/* Every loss of the table, plain and on logits, against central differences in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "loss/loss.h"
#include <math.h>

enum { ROWS = 5, WIDTH = 4, N = ROWS * WIDTH };

static double value_at(const loss *l, const truth *t, const real *x, real *dx)
{
    double scratch[2 * ROWS];
    real y[N];
    return loss_run(l, t, 3, dx, y, x, scratch, NULL) / 3;
}

static void check(const loss_row *row, bool fused)
{
    const bool probabilities = row->fused && !fused;
    rng r = rng_new(1, rng_stream(RNG_CHECK, 0));
    const real weight[ROWS] = { 1, 0.5, 0, 2, 1 };
    const int32_t label[ROWS] = { 3, 0, 1, 2, 2 };
    real x[N], target[N], dx[N];
    for (int i = 0; i < N; i++) {
        x[i] = probabilities ? 0.1 + 0.8 * rng_uniform(&r) : 3 * rng_normal(&r);
        target[i] = row->fused ? rng_uniform(&r) : rng_normal(&r);
    }
    const truth t = {
        row->takes_labels ? NULL : target, row->takes_labels ? label : NULL, weight, ROWS, WIDTH, 0
    };
    loss l;
    assert_int_equal(loss_parse(&l, row->name), RONDO_OK);
    l.fused = fused;
    value_at(&l, &t, x, dx);
    for (int i = 0; i < N; i++) {
        const real at = x[i], step = 1e-5;
        x[i] = at + step;
        const double above = value_at(&l, &t, x, NULL);
        x[i] = at - step;
        const double below = value_at(&l, &t, x, NULL);
        x[i] = at;
        const double numeric = (above - below) / (2 * step), sum = fabs(dx[i]) + fabs(numeric);
        if (fabs(dx[i] - numeric) > 1e-6 * fmax(sum, 1e-3))
            fail_msg("%s%s, x[%d]: analytic %.10g, numeric %.10g", row->name,
                     fused ? " on logits" : "", i, dx[i], numeric);
    }
}

static void walk(void **state)
{
    (void)state;
    assert_true(registry_count(REGISTRY_LOSS) >= 6);
    for (int i = 0; i < registry_count(REGISTRY_LOSS); i++) {
        const loss_row *row = registry_at(REGISTRY_LOSS, i);
        check(row, false);
        if (row->fused) check(row, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(walk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
