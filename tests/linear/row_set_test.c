/* Sets of rows: each once, in the order they came, and empty again at the cost of what they held. */
#include "linear/linear.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void each_row_once(void **state)
{
    (void)state;
    row_set s;
    assert_int_equal(row_set_reserve(&s, 10), RONDO_OK);
    row_set_add(&s, (int64_t[]){ 7, 0, 7, 9 }, 4);
    row_set_add(&s, (int64_t[]){ 9, 3, 0 }, 3);
    assert_int_equal(s.n, 4);
    assert_memory_equal(s.row, ((int32_t[]){ 7, 0, 9, 3 }), 4 * sizeof(int32_t));
    row_set_clear(&s);
    assert_int_equal(s.n, 0);
    row_set_add(&s, (int64_t[]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0 }, 12);
    assert_int_equal(s.n, 10);
    row_set_free(&s);
    assert_null(s.row);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_row_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
