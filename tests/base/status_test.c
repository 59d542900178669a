#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <pthread.h>

static void fails_with_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(rondo_error(), "");
    assert_int_equal(rondo_fail(RONDO_E_SHAPE, "%s is %d", "x", 3), RONDO_E_SHAPE);
    assert_string_equal(rondo_error(), "x is 3");
    assert_int_equal(rondo_fail_in(RONDO_E_SHAPE, "layer %d", 2), RONDO_E_SHAPE);
    assert_string_equal(rondo_error(), "layer 2: x is 3");
    assert_int_equal(rondo_fail_in(RONDO_OK, "nowhere"), RONDO_OK);
    assert_string_equal(rondo_error(), "layer 2: x is 3");
    rondo_fail(RONDO_E_ARG, "again: %s", rondo_error());
    assert_string_equal(rondo_error(), "again: layer 2: x is 3");
}

static void cuts_between_characters(void **state)
{
    char text[2000];
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) { /* the cut falls everywhere in a character */
        memset(text, 'x', lead);
        for (size_t i = lead; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xE2\x80\xA6", 4);
        rondo_fail(RONDO_E_ARG, "%s", text);
        assert_in_range(strlen(rondo_error()), 1000, 1023);
        assert_int_equal((strlen(rondo_error()) - lead) % 3, 0);
        rondo_fail_in(RONDO_E_ARG, "%s", text);
        assert_in_range(strlen(rondo_error()), 1000, 1023);
    }
}

static void *other_thread(void *arg)
{
    (void)arg;
    return *rondo_error() ? "not empty" : NULL;
}

static void is_one_per_thread(void **state)
{
    pthread_t thread;
    void *result;
    (void)state;
    rondo_fail(RONDO_E_ARG, "mine");
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_join(thread, &result);
    assert_null(result);
    assert_string_equal(rondo_error(), "mine");
}

static rondo_status forward(rondo_status inner)
{
    RONDO_TRY(inner);
    return RONDO_E_STATE;
}

static void names_and_forwards(void **state)
{
    (void)state;
#define X(name, value, text)                                                                       \
    assert_int_equal(RONDO_##name, value);                                                         \
    assert_string_equal(rondo_status_text(RONDO_##name), text);
    RONDO_STATUSES(X)
#undef X
    assert_string_equal(rondo_status_text((rondo_status)99), "unknown status");
    assert_int_equal(forward(RONDO_E_NAN), RONDO_E_NAN);
    assert_int_equal(forward(RONDO_OK), RONDO_E_STATE);
    assert_string_equal(rondo_version(), RONDO_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_with_a_sentence),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(is_one_per_thread),
        cmocka_unit_test(names_and_forwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
