#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

static rondo_status read_text(json_t **json, const char *text)
{
    return json_read(json, text, strlen(text), "model.json");
}

static void says_where_it_is_wrong(void **state)
{
    static const char *const bad[] = { "",          "{",    "{\"a\": 1,}", "[1, 2", "{\"a\":1} x",
                                       "{\"a\" 1}", "\xff", "[1e999]" };
    json_t *json;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(read_text(&json, bad[i]), RONDO_E_FORMAT);
        assert_sentence("model.json: line ");
        assert_null(json);
    }
    assert_int_equal(read_text(&json, "{\n \"a\": 1,\n \"a\": 2}"), RONDO_E_FORMAT);
    assert_sentence("line 3");
    assert_sentence("duplicate");
}

static void limits_its_depth(void **state)
{
    char text[4 * LIMIT_DEPTH];
    json_t *json;
    (void)state;
    for (int depth = LIMIT_DEPTH - 1; depth <= LIMIT_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = 0;
        assert_int_equal(read_text(&json, text), depth > LIMIT_DEPTH ? RONDO_E_FORMAT : RONDO_OK);
        json_decref(json);
    }
    assert_int_equal(read_text(&json,
                               "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                               "[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\", 1]"),
                     RONDO_OK);
    json_decref(json);
}

static void wants_what_it_wants(void **state)
{
    json_t *json, *part;
    int64_t whole;
    double number;
    const char *text;
    (void)state;
    assert_int_equal(
        read_text(&json, "{\"i\": -7, \"r\": 0.5, \"t\": \"x\", \"a\": [], \"o\": {}}"), RONDO_OK);
    assert_int_equal(json_want_int(json, "i", &whole), RONDO_OK);
    assert_int_equal(whole, -7);
    assert_int_equal(json_want_real(json, "r", &number), RONDO_OK);
    assert_true(number == 0.5);
    assert_int_equal(json_want_real(json, "i", &number), RONDO_OK);
    assert_true(number == -7);
    assert_int_equal(json_want_text(json, "t", &text), RONDO_OK);
    assert_string_equal(text, "x");
    assert_int_equal(json_want_array(json, "a", &part), RONDO_OK);
    assert_int_equal(json_want_object(json, "o", &part), RONDO_OK);
    assert_int_equal(json_want_int(json, "r", &whole), RONDO_E_FORMAT);
    assert_string_equal(rondo_error(), "\"r\" is a number, expected a whole number");
    assert_int_equal(json_want_text(json, "none", &text), RONDO_E_FORMAT);
    assert_string_equal(rondo_error(), "\"none\" is missing, expected a text");
    assert_int_equal(json_want_real(json, "t", &number), RONDO_E_FORMAT);
    assert_int_equal(json_want_array(json, "o", &part), RONDO_E_FORMAT);
    assert_int_equal(json_want_object(json, "a", &part), RONDO_E_FORMAT);
    json_decref(json);
}

static rondo_status round_trip(void *arg)
{
    json_t *json = json_object();
    char *text = NULL;
    rondo_status status = json_put(json, "b", json_integer(2));
    (void)arg;
    if (!status) status = json_put(json, "a", json_string("é\"\n"));
    if (!status) status = json_text(&text, json);
    json_decref(json);
    if (!status) {
        assert_string_equal(text, "{\"a\":\"é\\\"\\n\",\"b\":2}");
        status = read_text(&json, text);
        if (!status) json_decref(json);
    }
    alloc_free(text);
    return status;
}

static void writes_sorted_text(void **state)
{
    (void)state;
    assert_int_equal(round_trip(NULL), RONDO_OK);
    assert_int_equal(json_put(NULL, "x", json_integer(1)), RONDO_E_NOMEM);
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(round_trip, NULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_it_is_wrong), cmocka_unit_test(limits_its_depth),
        cmocka_unit_test(wants_what_it_wants),    cmocka_unit_test(writes_sorted_text),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
