/* Patterns of tokenizers on texts that are long for them: a match, or a sentence. */
#define _POSIX_C_SOURCE 200809L
#include "text/tokens.h"
#include "ext/ext.h"

static tokenizer *split_by(const char *pattern)
{
    text_buffer b = { 0 };
    text_add(&b,
             "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},\"behavior\":"
             "\"Isolated\",\"invert\":false},\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"u\":0},"
             "\"unk_token\":\"u\"}}",
             pattern);
    tokenizer *t = must_read(b.data);
    text_free(&b);
    return t;
}

static bool is_there(void)
{
    ext_register();
    if (regex_engine()) return true;
    print_message("skipped: Rondo was built without pcre2\n");
    return false;
}

/* More than the stack of a compiled pattern holds. */
static void repeated_groups(void **state)
{
    enum { LONG = 1 << 20 };
    (void)state;
    if (!is_there()) skip();
    tokenizer *t = split_by("(?:a|b)+");
    token_list l = { 0 };
    char *text = malloc(LONG);
    memset(text, 'a', LONG);
    text[LONG / 2] = ' ';
    assert_int_equal(tokenizer_encode(t, text, LONG, &l), RONDO_OK);
    assert_int_equal(l.n, 3);
    free(text);
    token_list_free(&l);
    tokenizer_free(t);
}

/* Time that doubles with every letter ends with a sentence. */
static void too_slow(void **state)
{
    (void)state;
    if (!is_there()) skip();
    tokenizer *t = split_by("(a+)+$");
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode(t, text, sizeof text - 1, &l), RONDO_E_LIMIT);
    assert_sentence("takes too long");
    assert_int_equal(l.n, 0);
    token_list_free(&l);
    tokenizer_free(t);
}

/* Classes of letters are listed one by one in the files of some. */
static void long_patterns(void **state)
{
    (void)state;
    if (!is_there()) skip();
    text_buffer b = { 0 };
    for (int i = 0; i < 1000; i++)
        text_add(&b, "%s\xE4%c%c", i ? "" : "[", 0xB8 + i / 64 % 8, 0x80 + i % 64);
    text_add(&b, "]+");
    tokenizer *t = split_by(b.data);
    assert_tokens(t, "a \xE4\xB8\x80\xE4\xB8\x81 b", "u|u|u");
    text_free(&b);
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_groups),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(long_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
