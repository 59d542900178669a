#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

/* The same calls measure and take. */
static void calls(arena *a, unsigned char *p[5])
{
    size_t mark;
    p[0] = arena_keep(a, 100);
    mark = arena_mark(a);
    p[1] = arena_scratch(a, 1);
    p[2] = arena_scratch(a, 1000);
    arena_release(a, mark);
    p[3] = arena_keep(a, 64);
    p[4] = arena_scratch(a, 200);
    arena_release(a, mark);
}

static void measures_then_gives(void **state)
{
    arena a = { 0 };
    unsigned char *p[5];
    (void)state;
    calls(&a, p);
    for (int i = 0; i < 5; i++) assert_null(p[i]);
    assert_int_equal(arena_needed(&a), 128 + 64 + 64 + 1024); /* kept, and the deepest scratch */
    assert_int_equal(arena_reserve(&a, arena_needed(&a)), RONDO_OK);
    calls(&a, p);
    for (int i = 0; i < 5; i++) {
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 64, 0);
        assert_true(p[i] >= a.base && p[i] < a.base + a.size);
    }
    assert_ptr_equal(p[0], a.base);
    assert_ptr_equal(p[3], a.base + 128);
    assert_ptr_equal(p[1], a.base + a.size - 64);
    assert_ptr_equal(p[2], a.base + a.size - 64 - 1024);
    assert_ptr_equal(p[4], a.base + a.size - 256);
    assert_true(p[2] >= p[3] + 64); /* what was scratch meets nothing that is kept later */
    arena_free(&a);
    assert_null(a.base);
}

static void grows_only_when_it_must(void **state)
{
    arena a = { 0 };
    unsigned char *base;
    (void)state;
    assert_int_equal(arena_reserve(&a, 1000), RONDO_OK);
    base = a.base;
    arena_keep(&a, 512);
    assert_int_equal(arena_reserve(&a, 500), RONDO_OK);
    assert_ptr_equal(a.base, base);
    assert_int_equal(a.kept, 0);
    assert_int_equal(arena_reserve(&a, 100000), RONDO_OK);
    assert_true(a.size >= 100000);
    memset(arena_keep(&a, 100000), 1, 100000);
    arena_free(&a);
}

static rondo_status reserve_twice(void *arg)
{
    arena a = { 0 };
    rondo_status status = arena_reserve(&a, 10);
    (void)arg;
    if (!status) status = arena_reserve(&a, 10000);
    arena_free(&a);
    return status;
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(reserve_twice, NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_then_gives),
        cmocka_unit_test(grows_only_when_it_must),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
