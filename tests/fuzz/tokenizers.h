/* tokenizers - fuzz targets of text: tokenizer files, and any bytes as text. */
#ifndef TESTS_FUZZ_TOKENIZERS_H
#define TESTS_FUZZ_TOKENIZERS_H
#include "fuzz/basics.h"
#include "text/text.h"

/* What it makes of a text is the same every time, in order and from within the text; and it becomes
 * text again. */
static void fuzz_encode_with(const tokenizer *t, const char *text, size_t n)
{
    token_list once = { 0 }, spans = { .spans = true };
    text_buffer out = { 0 };
    rondo_status s = tokenizer_encode(t, text, n, &once);
    fuzz_check(s);
    fuzz_expect(s == RONDO_E_FORMAT || s == RONDO_E_LIMIT || s == RONDO_E_NOMEM ||
                    utf8_valid(text, n) == n,
                "tokens of what is no UTF-8");
    for (int i = 0; i < 2 && !s; i++) {
        spans.n = 0;
        s = tokenizer_encode(t, text, n, &spans);
        if (s) break;
        fuzz_expect(spans.n == once.n &&
                        (!once.n || !memcmp(once.id, spans.id, (size_t)once.n * sizeof *once.id)),
                    "other tokens the second time");
        for (int64_t k = 0; k < spans.n; k++)
            fuzz_expect(0 <= spans.begin[k] && spans.begin[k] <= spans.end[k] &&
                            spans.end[k] <= (int64_t)n && tokenizer_token(t, spans.id[k]),
                        "a token from nowhere");
    }
    if (!s) fuzz_check(tokenizer_decode(t, once.id, once.n, &out));
    text_free(&out);
    token_list_free(&once);
    token_list_free(&spans);
}

static int fuzz_tokenizer(const uint8_t *data, size_t size)
{
    static const char *const texts[] = { "",
                                         "the theme \xE4\xB8\xAD\xE6\x96\x87 comes <s>back</s>!",
                                         "  \xC3\x89t\xC3\xA9\n\t123 a\xCC\x81 ",
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    json_t *json, *written;
    tokenizer *t = NULL, *again;
    alloc_hook = fuzz_memory;
    rondo_status s = json_read(&json, (const char *)data, size, "tokenizer");
    if (!s) s = tokenizer_from_json(&t, json);
    fuzz_check(s);
    fuzz_expect(!s == (t != NULL), "a tokenizer and a failure");
    json_decref(json);
    fuzz_accepted += !s;
    for (int i = 0; t && i < 4; i++) fuzz_encode_with(t, texts[i], strlen(texts[i]));
    if (t) {
        s = tokenizer_to_json(t, &written);
        fuzz_check(s);
        if (!s) s = tokenizer_from_json(&again, written);
        fuzz_expect(!s || s == RONDO_E_NOMEM, "a tokenizer is not read back");
        if (!s) tokenizer_free(again);
        json_decref(written);
    }
    tokenizer_free(t);
    return 0;
}

static rondo_status fuzz_next_text(void *user, bool rewind, const char **text, size_t *n)
{
    static const char line[] = "The theme comes back, again and again; \xE4\xB8\xAD\xE6\x96\x87 "
                               "caf\xC3\xA9 123!";
    int *given = user;
    if (rewind) *given = 0;
    *text = (*given)++ < 2 ? line : NULL;
    *n = sizeof line - 1;
    return RONDO_OK;
}

/* Any bytes as text, for a tokenizer of each kind. */
static int fuzz_encode(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = { "char normalize=nfkc",
                                         "word strip_accents end=<eos>",
                                         "byte",
                                         "bpe vocab_size=300 normalize=nfc",
                                         "wordpiece vocab_size=60 truncate=9 pad_to=12",
                                         "unigram vocab_size=60" };
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static tokenizer *made[KINDS];
    alloc_hook = fuzz_memory;
    for (int i = 0, given; i < KINDS; i++) {
        if (!made[i])
            fuzz_expect(!tokenizer_train(&made[i], kinds[i], fuzz_next_text, &given, NULL),
                        "a tokenizer cannot be trained");
        fuzz_encode_with(made[i], (const char *)data, size);
    }
    fuzz_accepted += utf8_valid((const char *)data, size) == size;
    return 0;
}
#endif
