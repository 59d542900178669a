/* Which table runs, and what is said about a RONDO_ISA that cannot. */
#define _POSIX_C_SOURCE 200809L
#include "kernel/kernel_test.h"

static const kernels *best(void)
{
    const kernels *last = NULL;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) last = t;
    return last;
}

static void test_tables(void **state)
{
    (void)state;
    bool runs = false;
    assert_string_equal(kernel_at(0, &runs)->isa, "scalar");
    assert_true(runs);
    assert_null(kernel_at(-1, NULL));
    assert_null(kernel_at(99, NULL));
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        assert_int_equal(t->panel % t->lanes, 0);
        assert_int_equal(t->n_activations, kernel_at(0, NULL)->n_activations);
        for (int i = 0; i < t->n_activations; i++)
            assert_string_equal(t->activations[i].name, kernel_at(0, NULL)->activations[i].name);
    }
}

static void test_select(void **state)
{
    (void)state;
    unsetenv("RONDO_ISA");
    assert_int_equal(kernel_select(NULL), RONDO_OK);
    assert_ptr_equal(kernel_table(), best());
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        assert_int_equal(kernel_select(t->isa), RONDO_OK);
        assert_ptr_equal(kernel_table(), t);
        assert_string_equal(rondo_isa(), t->isa);
    }
    const kernels *before = kernel_table();
    assert_int_equal(kernel_select("sve9"), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "sve9"));
#ifdef __aarch64__
    assert_int_equal(kernel_select("avx2"), RONDO_E_ABSENT);
#else
    assert_int_equal(kernel_select("neon"), RONDO_E_ABSENT);
#endif
    assert_ptr_equal(kernel_table(), before);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("RONDO_ISA", "scalar", 1);
    assert_int_equal(kernel_select(NULL), RONDO_OK);
    assert_string_equal(kernel_table()->isa, "scalar");
    setenv("RONDO_ISA", "avx9000", 1);
    assert_int_equal(kernel_select(NULL), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "RONDO_ISA"));
    assert_ptr_equal(kernel_table(), best());
    setenv("RONDO_ISA", "", 1);
    assert_int_equal(kernel_select(NULL), RONDO_OK);
    assert_ptr_equal(kernel_table(), best());
    unsetenv("RONDO_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
