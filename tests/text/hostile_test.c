/* Tokenizer files that are malformed, or made to hurt: each gets a sentence; and words without end,
 * which take no longer for every letter than short ones. */
#define _POSIX_C_SOURCE 200809L
#include "text/tokens.h"

/* A file of these members, the rest as it should be. */
#define FILE_OF(members) "{\"version\":\"1.0\"," members "}"
#define WORDS            "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1},\"unk_token\":\"b\"}"
#define BPE(vocab, merges)                                                                         \
    FILE_OF("\"model\":{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges "}")

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *file, *words;
        rondo_status status;
    } cases[] = {
        { "[]", "not an object", RONDO_E_FORMAT },
        { "{}", "\"model\" is not an object", RONDO_E_FORMAT },
        { "{\"version\":\"2.0\"," WORDS "}", "version is 2.0", RONDO_E_ABSENT },
        { "{\"magic\":1," WORDS "}", "asks for \"magic\"", RONDO_E_ABSENT },
        { FILE_OF("\"model\":{\"type\":\"Magic\"}"), "\"Magic\" is none", RONDO_E_ABSENT },
        { FILE_OF("\"model\":{\"type\":\"WordLevel\"}"), "\"vocab\" is missing", RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}"),
          "\"unk_token\" is missing", RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"WordLevel\",\"vocab\":[],\"unk_token\":\"\"}"),
          "\"vocab\" is an array", RONDO_E_FORMAT },
        { BPE("{\"a\":0,\"b\":0}", "[]"), "the id 0 is both \"a\" and \"b\"", RONDO_E_FORMAT },
        { BPE("{\"a\":0,\"a\":1}", "[]"), "duplicate", RONDO_E_FORMAT },
        { BPE("{\"a\":-1}", "[]"), "the id of \"a\" is none", RONDO_E_FORMAT },
        { BPE("{\"a\":1.5}", "[]"), "the id of \"a\" is none", RONDO_E_FORMAT },
        { BPE("{\"a\":4000000000}", "[]"), "with 1 tokens in all", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "{}"), "\"merges\" is an object", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[\"a b\"]"), "merge 1: it names the token \"b\"", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[[\"a\",\"a\"]]"), "it makes the token \"aa\"", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[\"a\"]"), "no pair of tokens", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[\"a a a\"]"), "no pair of tokens", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[[\"a\"]]"), "no pair of tokens", RONDO_E_FORMAT },
        { BPE("{\"a\":0}", "[7]"), "no pair of tokens", RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}"),
          "BPE-dropout", RONDO_E_ABSENT },
        { FILE_OF("\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":1}"),
          "\"unk_id\" is 1", RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0],[\"a\",0]]}"), "twice",
          RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}"), "a token and its score",
          RONDO_E_FORMAT },
        { FILE_OF("\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"a\","
                  "\"max_input_chars_per_word\":-1}"),
          "\"max_input_chars_per_word\" is -1", RONDO_E_FORMAT },
        { FILE_OF("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}," WORDS),
          "\"Precompiled\" is none", RONDO_E_ABSENT },
        { FILE_OF("\"normalizer\":{\"type\":\"NFC\",\"how\":1}," WORDS), "asks for \"how\"",
          RONDO_E_ABSENT },
        { FILE_OF("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},"
                  "\"content\":\"\"}," WORDS),
          "\"pattern\" is empty", RONDO_E_FORMAT },
        { FILE_OF("\"normalizer\":7," WORDS), "not an object", RONDO_E_FORMAT },
        { FILE_OF("\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}," WORDS),
          "\"UnicodeScripts\" is none", RONDO_E_ABSENT },
        { FILE_OF("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a+\"},"
                  "\"behavior\":\"Removed\",\"invert\":false}," WORDS),
          "needs an engine", RONDO_E_ABSENT },
        { FILE_OF("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}," WORDS),
          "not a single letter", RONDO_E_FORMAT },
        { FILE_OF("\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":0}," WORDS),
          "\"length\" is 0", RONDO_E_FORMAT },
        { FILE_OF("\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Eaten\"}," WORDS),
          "\"behavior\" is \"Eaten\"", RONDO_E_FORMAT },
        { FILE_OF("\"added_tokens\":[{\"id\":1,\"content\":\"c\"}]," WORDS), "is that of \"b\"",
          RONDO_E_FORMAT },
        { FILE_OF("\"added_tokens\":[{\"id\":0,\"content\":\"b\"}]," WORDS),
          "\"b\" is 0 here and 1 in the model", RONDO_E_FORMAT },
        { FILE_OF("\"added_tokens\":[{\"id\":99999999,\"content\":\"c\"}]," WORDS),
          "the most that makes sense", RONDO_E_FORMAT },
        { FILE_OF("\"added_tokens\":[{\"id\":2,\"content\":\"c\"},{\"id\":2,\"content\":\"d\"}]"
                  "," WORDS),
          "the id 2 is both", RONDO_E_FORMAT },
        { FILE_OF("\"added_tokens\":[{\"id\":2,\"content\":\"\"}]," WORDS), "is empty",
          RONDO_E_FORMAT },
        { FILE_OF("\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",9],"
                  "\"cls\":[\"y\",0]}," WORDS),
          "it adds the token 9", RONDO_E_FORMAT },
        { FILE_OF("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":"
                  "{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}," WORDS),
          "second text", RONDO_E_FORMAT },
        { FILE_OF(
              "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
              "{\"id\":\"x\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}," WORDS),
          "\"x\" is missing", RONDO_E_FORMAT },
        { FILE_OF("\"truncation\":{\"max_length\":1,\"strategy\":\"LongestFirst\",\"stride\":0},"
                  "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",0],"
                  "\"cls\":[\"y\",0]}," WORDS),
          "alone adds 2", RONDO_E_FORMAT },
        { FILE_OF(
              "\"truncation\":{\"max_length\":1,\"strategy\":\"OnlySecond\",\"stride\":0}," WORDS),
          "for two texts", RONDO_E_ABSENT },
        { FILE_OF("\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",0],"
                  "\"cls\":[\"y\",-1]}," WORDS),
          "\"cls\" is not a token and its id", RONDO_E_FORMAT },
        { FILE_OF("\"padding\":{\"strategy\":{\"Fixed\":3},\"pad_id\":2}," WORDS),
          "\"pad_id\" is 2", RONDO_E_FORMAT },
        { FILE_OF("\"padding\":{\"strategy\":{\"Fixed\":2147483647},\"pad_id\":0}," WORDS),
          "\"Fixed\" is 2147483647", RONDO_E_FORMAT },
        { FILE_OF("\"padding\":{\"strategy\":\"Never\",\"pad_id\":0}," WORDS), "\"strategy\"",
          RONDO_E_FORMAT },
        { FILE_OF("\"padding\":{\"strategy\":{\"Fixed\":3},\"pad_id\":2},\"model\":{\"type\":"
                  "\"WordLevel\",\"vocab\":{\"a\":0,\"b\":7},\"unk_token\":\"b\"}"),
          "padding: there is no token 2", RONDO_E_FORMAT },
        { FILE_OF("\"decoder\":{\"type\":\"CTC\"}," WORDS), "\"CTC\" is none", RONDO_E_ABSENT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_not_read(cases[i].file, cases[i].status, cases[i].words);
}

/* Cut off and spoilt at every byte: good, or a sentence. */
static void spoilt(void **state)
{
    (void)state;
    static const char *const lines[] = { "the theme comes back", "the end", NULL };
    static const char *const specs[] = { "word end=<eos>",
                                         "bpe vocab_size=270 end=<eos> pad=<pad> pad_to=4",
                                         "wordpiece vocab_size=40", "unigram vocab_size=30" };
    for (int k = 0; k < 4; k++) {
        tokenizer *t = must_train(specs[k], lines);
        json_t *json;
        char *text;
        assert_int_equal(tokenizer_to_json(t, &json), RONDO_OK);
        assert_int_equal(json_text(&text, json), RONDO_OK);
        json_decref(json);
        tokenizer_free(t);
        const size_t n = strlen(text);
        for (size_t i = 0; i < 2 * n; i += 1 + n / 600) {
            char *copy = alloc_text(text);
            if (i < n)
                copy[i] = 0;
            else
                copy[i - n] = (char)("0]\"a,{"[i % 6]);
            json_t *file;
            rondo_status s = json_read(&file, copy, strlen(copy), "spoilt");
            if (!s) s = tokenizer_from_json(&t, file);
            if (!s) {
                token_list l = { 0 };
                s = tokenizer_encode(t, lines[0], strlen(lines[0]), &l);
                token_list_free(&l);
                tokenizer_free(t);
            }
            assert_true(!s || s == RONDO_E_FORMAT || s == RONDO_E_ABSENT);
            json_decref(file);
            alloc_free(copy);
        }
        alloc_free(text);
    }
}

static void too_many_steps(void **state)
{
    (void)state;
    text_buffer b = { 0 };
    text_add(&b, "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (int i = 0; i < 300; i++) text_add(&b, "%s{\"type\":\"Whitespace\"}", i ? "," : "");
    text_add(&b, "]}," WORDS "}");
    must_not_read(b.data, RONDO_E_FORMAT, "over 256 steps");
    text_free(&b);
}

/* Texts that double with every step end with a sentence, not with the machine's memory. */
static char *doubling(const char *part, const char *members)
{
    text_buffer b = { 0 };
    text_add(&b, "{\"%s\":{\"type\":\"Sequence\",\"%s\":[", part, members);
    for (int i = 0; i < 60; i++)
        text_add(&b, "%s{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}",
                 i ? "," : "");
    text_add(&b, "]},%s", WORDS "}");
    assert_int_equal(b.status, RONDO_OK);
    return b.data;
}

static void bombs(void **state)
{
    (void)state;
    token_list l = { 0 };
    text_buffer out = { 0 };
    char *file = doubling("normalizer", "normalizers");
    tokenizer *t = must_read(file);
    for (int spans = 0; spans < 2; spans++) {
        l.spans = spans;
        assert_int_equal(tokenizer_encode(t, "ba", 2, &l), RONDO_E_LIMIT);
        assert_sentence("the tokenizer's steps make over");
        assert_int_equal(l.n, 0);
    }
    assert_int_equal(tokenizer_encode(t, "b", 1, &l), RONDO_OK);
    tokenizer_free(t);
    alloc_free(file);
    file = doubling("decoder", "decoders");
    t = must_read(file);
    assert_int_equal(tokenizer_decode(t, (const int32_t[]){ 1, 0 }, 2, &out), RONDO_E_LIMIT);
    assert_sentence("grows to over");
    assert_int_equal(tokenizer_decode(t, (const int32_t[]){ 1 }, 1, &out), RONDO_OK);
    text_free(&out);
    tokenizer_free(t);
    alloc_free(file);
    token_list_free(&l);
}

/* ---- Long words ---- */
static char *repeat(const char *what, size_t times)
{
    const size_t n = strlen(what);
    char *text = alloc_new(n * times + 1);
    for (size_t i = 0; i < times; i++) memcpy(text + i * n, what, n);
    return text;
}

static int64_t count_tokens(const tokenizer *t, const char *text)
{
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode(t, text, strlen(text), &l), RONDO_OK);
    const int64_t n = l.n;
    token_list_free(&l);
    return n;
}

enum { LONG = 1 << 20 };

static void long_words(void **state)
{
    (void)state;
    char *as = repeat("a", LONG), *marks = repeat("\xCC\x81\xCC\xA7", LONG / 4),
         *blanks = repeat(" ", LONG);
    tokenizer *t = must_read(
        BPE("{\"a\":0,\"aa\":1,\"aaaa\":2,\"aaaaaaaa\":3}", "[\"a a\",\"aa aa\",\"aaaa aaaa\"]"));
    assert_int_equal(count_tokens(t, as), LONG / 8);
    tokenizer_free(t);
    /* Merges that are found last go first: the heap is full of what is no more. */
    t = must_read(BPE("{\"a\":0,\"aa\":1,\"aaa\":2}", "[\"aa a\",\"a a\"]"));
    assert_int_equal(count_tokens(t, as), LONG / 3 + 1);
    tokenizer_free(t);
    t = must_read(
        FILE_OF("\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"##a\":1,\"##aaaaaaab\":2},"
                "\"unk_token\":\"a\",\"max_input_chars_per_word\":2000000000,"
                "\"continuing_subword_prefix\":\"##\"}"));
    assert_int_equal(count_tokens(t, as), LONG);
    tokenizer_free(t);
    t = must_read(
        FILE_OF("\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"u\",0],[\"a\",-1],[\"aa\",-1.5],"
                "[\"aaab\",-2]],\"unk_id\":0}"));
    assert_int_equal(count_tokens(t, as), LONG / 2);
    assert_int_equal(count_tokens(t, blanks), 1);
    tokenizer_free(t);
    /* One letter and half a million marks in the wrong order. */
    t = must_train("char normalize=nfc", (const char *const[]){ "a\xCC\x81\xCC\xA7", NULL });
    assert_int_equal(count_tokens(t, marks), LONG / 2);
    tokenizer_free(t);
    t = must_train("bpe", (const char *const[]){ as, NULL });
    assert_true(count_tokens(t, as) < LONG / 200);
    assert_true(count_tokens(t, blanks) == LONG);
    tokenizer_free(t);
    t = must_train("unigram vocab_size=20", (const char *const[]){ as, NULL });
    assert_true(count_tokens(t, as) <= LONG / 8);
    tokenizer_free(t);
    alloc_free(as);
    alloc_free(marks);
    alloc_free(blanks);
}

/* Any bytes as text: UTF-8 or a sentence. */
static void any_bytes(void **state)
{
    (void)state;
    tokenizer *t = must_train("bpe vocab_size=300", (const char *const[]){ "the theme", NULL });
    token_list l = { .spans = true };
    rng r = rng_new(7, 1);
    for (int i = 0; i < 2000; i++) {
        char text[40];
        const size_t n = (size_t)rng_below(&r, sizeof text);
        for (size_t k = 0; k < n; k++) text[k] = (char)rng_below(&r, i % 2 ? 256 : 128);
        l.n = 0;
        const rondo_status s = tokenizer_encode(t, text, n, &l);
        assert_int_equal(!s, utf8_valid(text, n) == n);
        text_buffer out = { 0 };
        if (s) continue;
        assert_int_equal(tokenizer_decode(t, l.id, l.n, &out), RONDO_OK);
        assert_int_equal(out.size, n);
        assert_true(n == 0 || memcmp(out.data, text, n) == 0);
        text_free(&out);
    }
    token_list_free(&l);
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed), cmocka_unit_test(spoilt),     cmocka_unit_test(too_many_steps),
        cmocka_unit_test(bombs),     cmocka_unit_test(long_words), cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
