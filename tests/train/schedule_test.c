/* Schedules: the share of the learning rate after so many updates, and of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "train/train.h"
#include <math.h>

static void schedules(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t step;
        double factor;
    } cases[] = {
        { NULL, 7, 1 },
        { "constant", 0, 1 },
        { "step step_size=10 gamma=0.5", 9, 1 },
        { "step step_size=10 gamma=0.5", 10, 0.5 },
        { "step step_size=10 gamma=0.5", 39, 0.125 },
        { "exponential decay_steps=100 decay_rate=0.96", 50, 0.979795897 },
        { "exponential decay_steps=100 decay_rate=0.96 staircase", 199, 0.96 },
        { "cosine decay_steps=1000", 0, 1 },
        { "cosine decay_steps=1000", 500, 0.5 },
        { "cosine decay_steps=1000 alpha=0.1", 500, 0.55 },
        { "cosine decay_steps=1000 alpha=0.1", 5000, 0.1 },
        { "cosine decay_steps=1000 warmup_steps=10", 0, 0 },
        { "cosine decay_steps=1000 warmup_steps=10", 5, 0.5 },
        { "cosine decay_steps=1000 warmup_steps=10", 10, 1 },
        { "cosine decay_steps=1000 warmup_steps=10", 510, 0.5 },
        { "warmup warmup_steps=4", 0, 0.25 },
        { "warmup warmup_steps=4", 3, 1 },
        { "warmup warmup_steps=4", 9, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const schedule_row *row;
        schedule_options o;
        const schedule_time now = { .step = cases[i].step };
        assert_int_equal(schedule_parse(&row, &o, cases[i].spec), RONDO_OK);
        assert_float_equal(row->factor(&o, &now), cases[i].factor, 1e-6);
    }
}

/* Over a run of 10 epochs of 20 updates, after so many of them. */
static void schedules_of_a_run(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double updates, factor;
        bool spans;
    } cases[] = {
        { "decay_after epochs=4", 0, 1, false },
        { "decay_after epochs=4", 79, 1, false },
        { "decay_after epochs=4", 80, 0.5, false },
        { "decay_after epochs=4", 199, 0.015625, false },
        { "decay_after epochs=6 gamma=0.8333333", 121, 0.8333333, false },
        { "cosine", 0, 1, true },
        { "cosine", 100, 0.5, true },
        { "cosine warmup_steps=40", 20, 0.5, true },
        { "cosine warmup_ratio=0.2", 120, 0.5, true },
        { "cosine decay_steps=100", 1e9, 0, false },
        { "exponential decay_rate=0.01", 100, 0.1, true },
        { "linear", 50, 0.75, true },
        { "linear warmup_ratio=0.1", 10, 0.5, true },
        { "linear warmup_ratio=0.1", 110, 0.5, true },
        { "linear alpha=0.2", 150, 0.4, true },
        { "linear decay_steps=10 warmup_steps=10", 15, 0.5, false },
        { "linear decay_steps=10", 99, 0, false },
        { "slanted_triangular", 0, 1 / 32.0, true },
        { "slanted_triangular", 10, (1 + 0.5 * 31) / 32, true },
        { "slanted_triangular", 20, 1, true },
        { "slanted_triangular cut_frac=0.5 ratio=4", 150, (1 + 0.5 * 3) / 4, true },
        { "slanted_triangular", 200, 1 / 32.0, true },
        /* torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=200), PyTorch 2 */
        { "one_cycle", 0, 0.04, true },
        { "one_cycle", 30, 0.532779, true },
        { "one_cycle", 59, 1, true },
        { "one_cycle", 129, 0.500002, true },
        { "one_cycle", 199, 4e-6, true },
        { "one_cycle decay_steps=50 pct_start=0.5 div_factor=10 final_div_factor=100", 12, 0.55,
          false },
        /* where one update is all the way up */
        { "one_cycle decay_steps=8 pct_start=0.125", 0, 1, false },
        { "one_cycle decay_steps=10 pct_start=0", 0, 0.975529, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const schedule_row *row;
        schedule_options o;
        schedule_time now = { (int64_t)cases[i].updates, cases[i].updates / 20, 10, 200 };
        assert_int_equal(schedule_parse(&row, &o, cases[i].spec), RONDO_OK);
        const double factor = row->factor(&o, &now);
        if (fabs(factor - cases[i].factor) > 2e-6)
            fail_msg("%s after %g: %.9g, expected %.9g", cases[i].spec, cases[i].updates, factor,
                     cases[i].factor);
        assert_int_equal(schedule_spans_run(row, &o), cases[i].spans);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules),
        cmocka_unit_test(schedules_of_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
