/* What is measured is also checked: every kind of case on every table of kernels, and a wrong number
 * is found. */
#define _POSIX_C_SOURCE 200809L
#include "task/bench.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants these first */
#include <cmocka.h>

#define CASE(letter, cell, ...)                                                                    \
    {                                                                                              \
        letter, cell, NULL, __VA_ARGS__                                                            \
    }
static const rondo_bench_case small[] = {
    CASE("a", "simple_rnn", 1, 1, 5, 7, NULL),  CASE("a", "lstm", 1, 1, 7, 7, "bf16"),
    CASE("b", "gru", 1, 5, 3, 9, "int8"),       CASE("c", "lstm", 3, 5, 4, 130, NULL),
    CASE("d", "simple_rnn", 2, 4, 3, 6, NULL),  CASE("d", "lstm", 2, 4, 3, 6, NULL),
    CASE("d", "gru", 2, 4, 3, 6, NULL),         CASE("e", "network", 32, 28, 28, 64, NULL),
    CASE("d", "gru", 2, 4, 3, 6, "bf16"),       CASE("f", "language", 2, 4, 50, 6, NULL),
    CASE("f", "language", 3, 5, 70, 9, "bf16"),
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

static void test_every_cell(void **state)
{
    (void)state;
    rondo_bench_result r;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++) {
        const rondo_bench_case c = CASE("d", registry_name(REGISTRY_CELL, i), 2, 4, 3, 6, NULL);
        if (rondo_bench(&r, &c, 1, 0.001)) fail_msg("%s: %s", c.cell, rondo_error());
    }
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
    int n = 0, activations = 0;
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++)
        activations += !activation_is_alias(i) &&
                       strcmp(registry_name(REGISTRY_ACTIVATION, i), "log_softmax");
    for (const rondo_bench_case *c; (c = rondo_bench_case_at(n)) != NULL; n++)
        assert_true(c->cell && (c->units > 0 || strcmp(c->letter, "peak") == 0));
    assert_int_equal(n, 1 + 3 * 15 + 3 * 15 + 9 + 18 + 1 + 2 + 4 + 1 +
                            2 * (registry_count(REGISTRY_CELL) - 3) + activations);
    assert_null(rondo_bench_case_at(-1));
}

/* Such steps take at least the model: weights, their gradients, two slots of Adam, and packed. */
static void test_memory(void **state)
{
    (void)state;
    const rondo_bench_case c = CASE("memory", "gru", 4, 6, 300, 200, NULL);
    const double weights = 3 * 200 * (300 + 3 * 200) * sizeof(real);
    rondo_bench_result r;
    if (access("/proc/self/status", R_OK)) skip();
    assert_int_equal(rondo_bench(&r, &c, 1, 0), RONDO_OK);
    assert_true(r.bytes > 5 * weights);
    assert_true(r.own_bytes <= r.bytes);
}

static void test_stored(void **state)
{
    (void)state;
    rondo_bench_result r;
    const rondo_bench_case trains = CASE("d", "gru", 1, 2, 3, 4, "int8"),
                           unknown = CASE("a", "gru", 1, 1, 3, 4, "int9");
    assert_int_equal(rondo_bench(&r, &trains, 1, 0.001), RONDO_E_ARG);
    assert_int_equal(rondo_bench(&r, &unknown, 1, 0.001), RONDO_E_NAME);
}

static void test_wrong_number(void **state)
{
    (void)state;
    const rondo_bench_case c = CASE("b", "simple_rnn", 1, 2, 1, 2, NULL);
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
        cmocka_unit_test(test_every_table),      cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_every_activation), cmocka_unit_test(test_table),
        cmocka_unit_test(test_memory),           cmocka_unit_test(test_stored),
        cmocka_unit_test(test_wrong_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
