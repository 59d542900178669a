/* What is measured is also checked: every kind of case on every table of kernels, and a wrong number
 * is found. */
#include "task/task.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

static const rondo_bench_case small[] = {
    { "a", "simple_rnn", NULL, 1, 1, 5, 7, NULL },  { "a", "lstm", NULL, 1, 1, 7, 7, NULL },
    { "b", "gru", NULL, 1, 5, 3, 9, NULL },         { "c", "lstm", NULL, 3, 5, 4, 130, NULL },
    { "d", "simple_rnn", NULL, 2, 4, 3, 6, NULL },  { "d", "lstm", NULL, 2, 4, 3, 6, NULL },
    { "d", "gru", NULL, 2, 4, 3, 6, NULL },         { "d", "gru", NULL, 2, 4, 3, 6, "bf16" },
    { "e", "network", NULL, 32, 28, 28, 64, NULL },
};

static void test_every_table(void **state)
{
    (void)state;
    rondo_bench_result r;
    const kernels *k;
    bool runs;
    for (int i = 0; (k = kernel_at(i, &runs)) != NULL; i++) {
        if (!runs) continue;
        assert_int_equal(kernel_select(k->isa), RONDO_OK);
        for (size_t c = 0; c < sizeof small / sizeof *small; c++)
            if (rondo_bench(&r, &small[c], 1 + (int)c % 2, 0.001))
                fail_msg("%s: %s %s: %s", k->isa, small[c].letter, small[c].cell, rondo_error());
        assert_true(r.us > 0 && r.gflops > 0 && r.gflops <= r.peak && r.samples >= 5);
    }
    kernel_select(NULL);
}

static void test_every_activation(void **state)
{
    (void)state;
    rondo_bench_result r;
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++) {
        const rondo_bench_case c = {
            "activations", "lstm", registry_name(REGISTRY_ACTIVATION, i), 3, 4, 8, 8, NULL
        };
        if (rondo_bench(&r, &c, 1, 0.001)) fail_msg("%s: %s", c.activation, rondo_error());
    }
}

static void test_table(void **state)
{
    (void)state;
    int n = 0;
    for (const rondo_bench_case *c; (c = rondo_bench_case_at(n)) != NULL; n++)
        assert_true(c->cell && (c->units > 0 || strcmp(c->letter, "peak") == 0));
    assert_int_equal(n, 1 + 15 + 15 + 9 + 18 + 1 + 1 + registry_count(REGISTRY_ACTIVATION));
    assert_null(rondo_bench_case_at(-1));
}

static void test_wrong_number(void **state)
{
    (void)state;
    const rondo_bench_case c = { "b", "simple_rnn", NULL, 1, 2, 1, 2, NULL };
    const real kernel[] = { 0, 0 }, recurrent[] = { 0, 0, 0, 0 }, bias[] = { 0, 0 }, x[] = { 1, 2 };
    real y[] = { 0, 0, 0, 0 };
    const bench_layer_data data = { &c, kernel, recurrent, bias, NULL, x, y };
    assert_int_equal(bench_check_forward(&data), RONDO_OK);
    y[3] = (real)0.01;
    assert_int_equal(bench_check_forward(&data), RONDO_E_STATE);
    assert_non_null(strstr(rondo_error(), "step 1, row 0, unit 1 is 0.01, expected 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_table),
        cmocka_unit_test(test_every_activation),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_wrong_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
