#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

static void reads_words_and_keys(void **state)
{
    spec s;
    (void)state;
    assert_int_equal(spec_parse(&s,
                                "  lstm 64 leaky_relu(0.1, x y)\treturn_sequences "
                                "activations=\"i=tanh f=relu\" name='a \"b\"' empty= mix=a'b c'd"),
                     RONDO_OK);
    static const struct {
        const char *key, *value;
        int column;
    } expected[] = {
        { NULL, "64", 8 },
        { NULL, "leaky_relu(0.1, x y)", 11 },
        { NULL, "return_sequences", 32 },
        { "activations", "i=tanh f=relu", 49 },
        { "name", "a \"b\"", 77 },
        { "empty", "", 90 },
        { "mix", "ab cd", 97 },
    };
    assert_string_equal(s.kind, "lstm");
    assert_int_equal(s.n, 7);
    for (int i = 0; i < s.n; i++) {
        assert_string_equal(s.words[i].value, expected[i].value);
        assert_int_equal(s.words[i].column, expected[i].column);
        if (expected[i].key)
            assert_string_equal(s.words[i].key, expected[i].key);
        else
            assert_null(s.words[i].key);
    }
    spec_free(&s);
}

static void has_no_kind_before_a_key(void **state)
{
    spec s;
    (void)state;
    assert_int_equal(spec_parse(&s, "target=y window=24"), RONDO_OK);
    assert_string_equal(s.kind, "");
    assert_int_equal(s.n, 2);
    assert_string_equal(s.words[0].key, "target");
    spec_free(&s);
    assert_int_equal(spec_parse(&s, " "), RONDO_OK);
    assert_string_equal(s.kind, "");
    assert_int_equal(s.n, 0);
    spec_free(&s);
}

static void says_where_it_is_wrong(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        { "lstm name='x", "the quote ' at column 11 of \"lstm name='x\" is not closed" },
        { "dense f(g(x)", "the ( at column 8" },
        { "dense = 3", "a name is missing before = at column 7" },
    };
    spec s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(spec_parse(&s, bad[i].text), RONDO_E_ARG);
        assert_sentence(bad[i].sentence);
        assert_null(s.words);
    }
}

static void splits_at_the_top(void **state)
{
    static const char *const expected[] = { "a 'x;y'", "", "f(1;2)" };
    char **parts;
    int n;
    (void)state;
    assert_int_equal(text_split(&parts, &n, " a 'x;y' ;; f(1;2) ; ", ';'), RONDO_OK);
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++) assert_string_equal(parts[i], expected[i]);
    assert_null(parts[n]);
    text_list_free(parts);
    assert_int_equal(text_split(&parts, &n, "  ", ';'), RONDO_OK);
    assert_int_equal(n, 0);
    text_list_free(parts);
    assert_int_equal(text_split(&parts, &n, "a;'b;c", ';'), RONDO_E_ARG);
    assert_null(parts);
}

static rondo_status parse_and_split(void *arg)
{
    spec s;
    char **parts;
    int n;
    (void)arg;
    RONDO_TRY(spec_parse(&s, "lstm 64 name=x 'y z'"));
    spec_free(&s);
    RONDO_TRY(spec_parse(&s, "name=x"));
    spec_free(&s);
    RONDO_TRY(text_split(&parts, &n, "a; b; c", ';'));
    text_list_free(parts);
    return RONDO_OK;
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(parse_and_split, NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_words_and_keys),   cmocka_unit_test(has_no_kind_before_a_key),
        cmocka_unit_test(says_where_it_is_wrong), cmocka_unit_test(splits_at_the_top),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
