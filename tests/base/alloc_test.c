#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

static void sizes_are_checked(void **state)
{
    int64_t n = -7;
    (void)state;
    assert_true(size_mul(3, 5, &n));
    assert_int_equal(n, 15);
    assert_true(size_mul(0, LIMIT_SIZE, &n));
    assert_int_equal(n, 0);
    assert_true(size_mul(LIMIT_SIZE / 2, 2, &n));
    assert_false(size_mul(LIMIT_SIZE / 2 + 1, 2, &n));
    assert_false(size_mul(INT64_MAX, INT64_MAX, &n));
    assert_false(size_mul(-1, 5, &n));
    assert_false(size_mul(5, -1, &n));
    assert_true(size_add(LIMIT_SIZE - 1, 1, &n));
    assert_int_equal(n, LIMIT_SIZE);
    assert_false(size_add(LIMIT_SIZE, 1, &n));
    assert_false(size_add(INT64_MAX, INT64_MAX, &n));
    assert_false(size_add(-1, 5, &n));
}

static void gives_zeros(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 37) {
        unsigned char *p = alloc_new(n), *q = alloc_aligned(n);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i] | q[i], 0);
        assert_int_equal((uintptr_t)q % 64, 0);
        alloc_free(p);
        alloc_free_aligned(q);
    }
    alloc_free(NULL);
    alloc_free_aligned(NULL);
    assert_null(alloc_text(NULL));
    assert_null(alloc_array(INT64_MAX, 8));
    assert_null(alloc_array(-1, 8));
    assert_sentence("too many");
}

static rondo_status use_everything(void *arg)
{
    char *text = alloc_text("text"), *format = alloc_format("%d and %s", 12, "more");
    void *array = alloc_array(3, 8), *aligned = alloc_aligned(100), *grown = alloc_new(4);
    void *larger = grown ? alloc_grow(grown, 400) : NULL;
    bool good = text && format && array && aligned && larger;
    (void)arg;
    if (good) assert_string_equal(format, "12 and more");
    alloc_free(text);
    alloc_free(format);
    alloc_free(array);
    alloc_free_aligned(aligned);
    alloc_free(larger ? larger : grown);
    return good ? RONDO_OK : RONDO_E_NOMEM;
}

static void failures_are_said(void **state)
{
    (void)state;
    memory_fail_everywhere(use_everything, NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(gives_zeros),
        cmocka_unit_test(failures_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
