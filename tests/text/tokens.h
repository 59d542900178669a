/* tokens.h - for tests of tokenizers: texts to train on, ids to expect. */
#ifndef TESTS_TEXT_TOKENS_H
#define TESTS_TEXT_TOKENS_H
#include "base/helpers.h"
#include "text/text.h"

/* The texts of an array, NULL at its end, one by one. */
typedef struct texts {
    const char *const *all;
    int at;
} texts;

static inline rondo_status next_of(void *user, bool rewind, const char **text, size_t *n)
{
    texts *t = user;
    if (rewind) t->at = 0;
    *text = t->all[t->at];
    *n = *text ? strlen(*text) : 0;
    t->at += *text != NULL;
    return RONDO_OK;
}

static inline tokenizer *must_train(const char *spec_text, const char *const *all)
{
    tokenizer *t = NULL;
    texts user = { all, 0 };
    const rondo_status s = tokenizer_train(&t, spec_text, next_of, &user, NULL);
    if (s) print_error("%s: %s\n", spec_text, rondo_error());
    assert_int_equal(s, RONDO_OK);
    return t;
}

static inline tokenizer *must_read(const char *json_text_)
{
    json_t *json;
    tokenizer *t = NULL;
    rondo_status s = json_read(&json, json_text_, strlen(json_text_), "test");
    if (!s) s = tokenizer_from_json(&t, json);
    if (s) print_error("%s\n%s\n", json_text_, rondo_error());
    assert_int_equal(s, RONDO_OK);
    json_decref(json);
    return t;
}

static inline void must_not_read(const char *json_text_, rondo_status code, const char *words)
{
    json_t *json;
    tokenizer *t = NULL;
    rondo_status s = json_read(&json, json_text_, strlen(json_text_), "test");
    if (!s) s = tokenizer_from_json(&t, json);
    if (s != code || !strstr(rondo_error(), words))
        print_error("%s\nexpected \"%s\", got %d: %s\n", json_text_, words, s, rondo_error());
    assert_int_equal(s, code);
    assert_non_null(strstr(rondo_error(), words));
    assert_null(t);
    json_decref(json);
}

/* The tokens of a text, with | between. */
static inline const char *tokens_of(const tokenizer *t, const char *text)
{
    static char line[4096];
    token_list l = { 0 };
    size_t used = 0;
    const rondo_status s = tokenizer_encode(t, text, strlen(text), &l);
    if (s) print_error("%s\n", rondo_error());
    assert_int_equal(s, RONDO_OK);
    line[0] = 0;
    for (int64_t i = 0; i < l.n; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i ? "|" : "",
                                 tokenizer_token(t, l.id[i]));
    token_list_free(&l);
    return line;
}

static inline void assert_tokens(const tokenizer *t, const char *text, const char *expected)
{
    assert_string_equal(tokens_of(t, text), expected);
}

static inline void assert_ids(const tokenizer *t, const char *text, int n, const int32_t *expected)
{
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode(t, text, strlen(text), &l), RONDO_OK);
    assert_int_equal(l.n, n);
    for (int i = 0; i < n; i++) assert_int_equal(l.id[i], expected[i]);
    token_list_free(&l);
}
#define IDS(...)                                                                                   \
    (int)(sizeof((int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t)), (int32_t[])                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Encoding and decoding gives this text. */
static inline void assert_decodes(const tokenizer *t, const char *text, const char *expected)
{
    token_list l = { 0 };
    text_buffer out = { 0 };
    assert_int_equal(tokenizer_encode(t, text, strlen(text), &l), RONDO_OK);
    assert_int_equal(tokenizer_decode(t, l.id, l.n, &out), RONDO_OK);
    assert_string_equal(out.data ? out.data : "", expected);
    text_free(&out);
    token_list_free(&l);
}
#endif
