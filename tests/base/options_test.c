#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

typedef struct cell_options {
    int64_t units;
    float dropout;
    bool stateful;
    char *activation, *name;
} cell_options;

static const option_field fields[] = {
    { "units", OPTION_INT, offsetof(cell_options, units), "8", "how many" },
    { "dropout", OPTION_REAL, offsetof(cell_options, dropout), NULL, "how much" },
    { "stateful", OPTION_BOOL, offsetof(cell_options, stateful), NULL, "carries" },
    { "activation", OPTION_TEXT, offsetof(cell_options, activation), "tanh", "which" },
    { "name", OPTION_TEXT, offsetof(cell_options, name), NULL, "its name" },
};
static const option_table table = OPTION_TABLE(fields);

static void sets_from_text(void **state)
{
    cell_options o;
    spec s;
    (void)state;
    assert_int_equal(options_default(&table, &o), RONDO_OK);
    assert_int_equal(o.units, 8);
    assert_string_equal(o.activation, "tanh");
    assert_null(o.name);
    assert_int_equal(
        spec_parse(&s, "lstm stateful units=-12 dropout=2e-1 name='my cell' activation=relu"),
        RONDO_OK);
    assert_int_equal(options_from_spec(&table, &o, "lstm", &s), RONDO_OK);
    assert_int_equal(o.units, -12);
    assert_true(o.dropout == 0.2f && o.stateful);
    assert_string_equal(o.name, "my cell");
    assert_string_equal(o.activation, "relu");
    assert_int_equal(options_set(&table, &o, "lstm", "stateful", "no"), RONDO_OK);
    assert_false(o.stateful);
    spec_free(&s);
    options_free(&table, &o);
    assert_null(o.name);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *key, *value;
        rondo_status status;
        const char *sentence;
    } bad[] = {
        { "untis", "3", RONDO_E_NAME, "unknown option \"untis\" of lstm; did you mean \"units\"?" },
        { "Units", "3", RONDO_E_NAME, "did you mean \"units\"?" },
        { "zzzzzz", "3", RONDO_E_NAME,
          "unknown option \"zzzzzz\" of lstm; it has units, dropout, stateful, activation, name" },
        { "units", "many", RONDO_E_ARG, "lstm: units is \"many\", expected a whole number" },
        { "units", "3.5", RONDO_E_ARG, "whole number" },
        { "units", "", RONDO_E_ARG, "whole number" },
        { "units", "99999999999999999999", RONDO_E_ARG, "whole number" },
        { "units", NULL, RONDO_E_ARG, "lstm: units wants a value: units=…, a whole number" },
        { "dropout", "0.1x", RONDO_E_ARG, "expected a number" },
        { "dropout", "nan", RONDO_E_ARG, "expected a number" },
        { "dropout", "1e99", RONDO_E_ARG, "expected a number" },
        { "stateful", "maybe", RONDO_E_ARG, "expected true or false" },
        { "name", NULL, RONDO_E_ARG, "name wants a value" },
    };
    static const option_table none = { NULL, 0 };
    cell_options o;
    (void)state;
    assert_int_equal(options_default(&table, &o), RONDO_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(options_set(&table, &o, "lstm", bad[i].key, bad[i].value), bad[i].status);
        assert_sentence(bad[i].sentence);
    }
    assert_int_equal(options_set(&none, &o, "add", "x", "1"), RONDO_E_NAME);
    assert_sentence("add takes none");
    assert_int_equal(o.units, 8);
    options_free(&table, &o);
}

static void merges_what_is_set(void **state)
{
    cell_options o, from = { .dropout = 0.5f, .name = "given" };
    (void)state;
    assert_int_equal(options_default(&table, &o), RONDO_OK);
    assert_int_equal(options_merge(&table, &o, &from), RONDO_OK);
    assert_int_equal(o.units, 8);
    assert_true(o.dropout == 0.5f && !o.stateful);
    assert_string_equal(o.activation, "tanh");
    assert_string_equal(o.name, "given");
    assert_ptr_not_equal(o.name, from.name);
    options_free(&table, &o);
}

static void goes_through_json(void **state)
{
    static const float hard[] = { 0.1f, 0.2f, 1e-7f, 3.4028235e38f, 1.17549435e-38f, 1 / 3.0f };
    cell_options o, back;
    (void)state;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        json_t *json;
        assert_int_equal(options_default(&table, &o), RONDO_OK);
        assert_int_equal(options_default(&table, &back), RONDO_OK);
        o.units = INT64_MAX;
        o.dropout = hard[i];
        o.stateful = true;
        json = options_to_json(&table, &o);
        assert_non_null(json);
        assert_null(json_object_get(json, "name"));
        assert_int_equal(options_from_json(&table, &back, "lstm", json), RONDO_OK);
        assert_int_equal(back.units, INT64_MAX);
        assert_true(back.dropout == hard[i] && back.stateful);
        assert_string_equal(back.activation, "tanh");
        json_decref(json);
        options_free(&table, &o);
        options_free(&table, &back);
    }
}

static void json_of_others_is_checked(void **state)
{
    static const struct {
        const char *text;
        rondo_status status;
    } cases[] = {
        { "{\"units\": null, \"dropout\": 1}", RONDO_OK },
        { "{\"units\": 1.5}", RONDO_E_ARG },
        { "{\"unit\": 1}", RONDO_E_NAME },
        { "{\"units\": [1]}", RONDO_E_FORMAT },
        { "[]", RONDO_E_FORMAT },
    };
    cell_options o;
    (void)state;
    assert_int_equal(options_default(&table, &o), RONDO_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json;
        assert_int_equal(json_read(&json, cases[i].text, strlen(cases[i].text), "test"), RONDO_OK);
        assert_int_equal(options_from_json(&table, &o, "lstm", json), cases[i].status);
        json_decref(json);
    }
    assert_int_equal(o.units, 8);
    assert_true(o.dropout == 1);
    options_free(&table, &o);
}

static rondo_status use(void *arg)
{
    cell_options o, other = { .name = "other" };
    json_t *json = NULL;
    rondo_status status;
    (void)arg;
    RONDO_TRY(options_default(&table, &o));
    status = options_set(&table, &o, "lstm", "name", "x");
    if (!status) status = options_merge(&table, &o, &other);
    if (!status) {
        json = options_to_json(&table, &o);
        if (!json) status = RONDO_E_NOMEM;
    }
    if (!status) status = options_from_json(&table, &o, "lstm", json);
    json_decref(json);
    options_free(&table, &o);
    return status;
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(use, NULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_from_text),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(merges_what_is_set),
        cmocka_unit_test(goes_through_json),
        cmocka_unit_test(json_of_others_is_checked),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
