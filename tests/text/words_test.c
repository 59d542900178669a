/* char, word and byte: Keras' rules, plain corpora, bytes. */
#define _POSIX_C_SOURCE 200809L
#include "text/tokens.h"

static const char *const lines[] = { "The cat, the dog; THE END!", "a cat's end: \xE4\xB8\xAD", "",
                                     "dog", NULL };

/* Keras orders by count, then by the token, both descending; '' is 0, [UNK] 1. */
static void word_as_keras(void **state)
{
    (void)state;
    tokenizer *t = must_train("word", lines);
    static const char *const expected[] = { "",     "[UNK]", "the", "end", "dog", "\xE4\xB8\xAD",
                                            "cats", "cat",   "a" };
    assert_int_equal(tokenizer_size(t), 9);
    for (int i = 0; i < 9; i++) assert_string_equal(tokenizer_token(t, i), expected[i]);
    assert_ids(t, "The dog's end \xE4\xB8\xAD", IDS(2, 1, 3, 5));
    assert_decodes(t, "The DOG, end.", "the dog end");
    const token_specials s = tokenizer_special(t);
    assert_int_equal(s.pad, 0);
    assert_int_equal(s.unknown, 1);
    assert_int_equal(s.begin, -1);
    assert_int_equal(tokenizer_id(t, "cat"), 7);
    assert_int_equal(tokenizer_id(t, "cow"), -1);
    tokenizer_free(t);
}

static void word_options(void **state)
{
    (void)state;
    tokenizer *t = must_train("word max_tokens=4", lines);
    assert_int_equal(tokenizer_size(t), 4);
    assert_tokens(t, "the end, dog", "the|end|[UNK]");
    tokenizer_free(t);
    t = must_train("word min_count=2 standardize=lower", lines);
    assert_tokens(t, "THE cat", "the|[UNK]");
    tokenizer_free(t);
    t = must_train("word standardize=strip_punctuation split=none", lines);
    assert_tokens(t, "The cat the dog THE END", "The cat the dog THE END");
    tokenizer_free(t);
    t = must_train("word truncate=2 pad_to=4", lines);
    assert_ids(t, "the end dog the", IDS(2, 3, 0, 0));
    tokenizer_free(t);
    t = must_train("word split=character standardize=lower", lines);
    assert_tokens(t, "Cat\xE4\xB8\xAD%", "c|a|t|\xE4\xB8\xAD|[UNK]");
    assert_decodes(t, "the cat", "the cat");
    tokenizer_free(t);
}

/* A Penn Treebank line: its <unk> is a word, every line ends with <eos>. */
static void word_plain(void **state)
{
    (void)state;
    static const char *const ptb[] = { " no it was n't <unk> monday ", " <unk> said it <unk> ",
                                       NULL };
    tokenizer *t = must_train("word plain unknown=<unk> end=<eos>", ptb);
    assert_int_equal(tokenizer_size(t), 8);
    assert_tokens(t, " it was <unk> Monday ", "it|was|<unk>|<unk>|<eos>");
    assert_int_equal(tokenizer_special(t).end, 0);
    assert_int_equal(tokenizer_special(t).unknown, 1);
    assert_int_equal(tokenizer_special(t).pad, -1);
    assert_true(tokenizer_is_special(t, 0));
    assert_false(tokenizer_is_special(t, 1));
    assert_decodes(t, "it was Monday", "it was <unk>");
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode_plain(t, "it said", 7, &l), RONDO_OK);
    assert_int_equal(l.n, 2);
    token_list_free(&l);
    tokenizer_free(t);
}

static void no_unknown(void **state)
{
    (void)state;
    texts user = { lines, 0 };
    token_list l = { 0 };
    tokenizer *t = must_train("word plain", lines);
    assert_int_equal(tokenizer_encode(t, "a cow", 5, &l), RONDO_E_FORMAT);
    assert_sentence("\"cow\" is not in the vocabulary");
    assert_int_equal(l.n, 0);
    tokenizer_free(t);
    assert_int_equal(tokenizer_train(&t, "word plain max_tokens=3", next_of, &user, NULL),
                     RONDO_E_ARG);
    assert_sentence("unknown=<unk>");
    t = must_train("char plain", lines);
    assert_int_equal(tokenizer_encode(t, "dzogz", 5, &l), RONDO_OK);
    assert_int_equal(l.n, 3);
    assert_int_equal(l.dropped, 2);
    token_list_free(&l);
    tokenizer_free(t);
}

static void bytes(void **state)
{
    (void)state;
    tokenizer *t = must_train("byte pad=<pad> end=<eos>", lines);
    assert_int_equal(tokenizer_size(t), 258);
    assert_ids(t, "A \xC3\xA9\n", IDS('A', ' ', 0xC3, 0xA9, '\n', 257));
    assert_decodes(t, "A \xC3\xA9\n", "A \xC3\xA9\n");
    assert_int_equal(tokenizer_special(t).pad, 256);
    assert_int_equal(tokenizer_special(t).end, 257);
    static const int32_t half[] = { 'a', 0xE4, 0xB8, 'b', 0xFF, 0xF0, 0x9F };
    text_buffer out = { 0 };
    assert_int_equal(tokenizer_decode(t, half, 7, &out), RONDO_OK);
    assert_string_equal(out.data, "a\xEF\xBF\xBD"
                                  "b\xEF\xBF\xBD\xEF\xBF\xBD");
    text_free(&out);
    assert_int_equal(tokenizer_decode(t, (const int32_t[]){ 258 }, 1, &out), RONDO_E_ARG);
    assert_sentence("no token 258");
    tokenizer_free(t);
}

static void wrong_utf8(void **state)
{
    (void)state;
    tokenizer *t = must_train("char", lines);
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode(t, "caf\xE9 au lait", 11, &l), RONDO_E_FORMAT);
    assert_sentence("byte 4 of the text (0xE9)");
    token_list_free(&l);
    tokenizer_free(t);
}

static void wrong_specs(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *words;
        rondo_status status;
    } cases[] = { { "words", "did you mean \"word\"", RONDO_E_NAME },
                  { "word max_token=3", "did you mean \"max_tokens\"", RONDO_E_NAME },
                  { "word standardize=upper", "standardize is \"upper\"", RONDO_E_ARG },
                  { "word split=commas", "split is \"commas\"", RONDO_E_ARG },
                  { "char normalize=nfx", "normalize is \"nfx\"", RONDO_E_ARG },
                  { "char max_tokens=-1", "max_tokens is -1", RONDO_E_ARG },
                  { "byte pad_to=9", "padding token", RONDO_E_ARG } };
    static const char *const nothing[] = { NULL }, *const empty[] = { "", " ", NULL };
    tokenizer *t;
    texts user = { lines, 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tokenizer_train(&t, cases[i].spec, next_of, &user, NULL), cases[i].status);
        assert_sentence(cases[i].words);
        assert_null(t);
    }
    user.all = nothing;
    assert_int_equal(tokenizer_train(&t, "char", next_of, &user, NULL), RONDO_E_FORMAT);
    user.all = empty;
    assert_int_equal(tokenizer_train(&t, "word", next_of, &user, NULL), RONDO_E_FORMAT);
    assert_sentence("no text");
}

/* What is written and read again is the same, and so is what it makes of texts. */
static void round_trip(void **state)
{
    static const char *const specs[] = { "char", "word begin=<s> end=</s> special=<a>,<b>",
                                         "byte" };
    char *path = file_join(*state, "tokenizer.json");
    for (int i = 0; i < 3; i++) {
        tokenizer *t = must_train(specs[i], lines), *again;
        assert_int_equal(tokenizer_save(t, path), RONDO_OK);
        assert_int_equal(tokenizer_open(&again, path), RONDO_OK);
        json_t *a, *b;
        assert_int_equal(tokenizer_to_json(t, &a), RONDO_OK);
        assert_int_equal(tokenizer_to_json(again, &b), RONDO_OK);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        char *tokens = alloc_text(tokens_of(t, "the <a>end<b>!"));
        assert_tokens(again, "the <a>end<b>!", tokens);
        alloc_free(tokens);
        tokenizer_free(t);
        tokenizer_free(again);
    }
    alloc_free(path);
}

/* A text whose normal form spells a special token has tokens all the same. */
static void specials_in_disguise(void **state)
{
    (void)state;
    static const char *const wide[] = { "\xEF\xBC\xA1 \xEF\xBC\xA1\xEF\xBC\xA2 b", /* Ａ ＡＢ b */
                                        "\xEF\xBC\xA2\xEF\xBC\xA1 A", NULL };
    static const char *const specs[] = { "unigram vocab_size=30 special=A",
                                         "bpe vocab_size=300 normalize=nfkc special=A",
                                         "word normalize=nfkc special=A standardize=none",
                                         "wordpiece vocab_size=30 special=A lowercase=false" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        tokenizer *t = must_train(specs[i], wide);
        assert_true(tokenizer_is_special(t, tokenizer_id(t, "A")));
        assert_decodes(t, "A", "");
        tokenizer_free(t);
    }
}

/* Progress is of what is left to do: never over all, never of nothing. */
static void told(void *user, const char *what, int64_t done, int64_t total)
{
    (void)user, (void)what;
    assert_true(total == 0 || (0 <= done && done <= total));
}

static void progress(void **state)
{
    (void)state;
    static const char *const specs[] = { "unigram vocab_size=9000", "unigram vocab_size=12",
                                         "bpe vocab_size=400", "char" };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        tokenizer *t;
        texts user = { lines, 0 };
        assert_int_equal(tokenizer_train(&t, specs[i], next_of, &user, told), RONDO_OK);
        tokenizer_free(t);
    }
}

static rondo_status train_and_use(void *arg)
{
    tokenizer *t;
    texts user = { lines, 0 };
    token_list l = { .spans = true };
    text_buffer out = { 0 };
    RONDO_TRY(tokenizer_train(&t, arg, next_of, &user, NULL));
    rondo_status s = tokenizer_encode(t, lines[0], strlen(lines[0]), &l);
    if (!s) s = tokenizer_decode(t, l.id, l.n, &out);
    text_free(&out);
    token_list_free(&l);
    tokenizer_free(t);
    return s;
}

static void memory_gives_out(void **state)
{
    (void)state;
    memory_fail_everywhere(train_and_use, (void *)(uintptr_t) "word end=<eos> pad_to=4", false);
    memory_fail_everywhere(train_and_use, (void *)(uintptr_t) "char normalize=nfd", false);
    memory_fail_everywhere(train_and_use, (void *)(uintptr_t) "byte", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(word_as_keras),
        cmocka_unit_test(word_options),
        cmocka_unit_test(word_plain),
        cmocka_unit_test(no_unknown),
        cmocka_unit_test(bytes),
        cmocka_unit_test(wrong_utf8),
        cmocka_unit_test(wrong_specs),
        cmocka_unit_test_setup_teardown(round_trip, folder_make, folder_drop),
        cmocka_unit_test(specials_in_disguise),
        cmocka_unit_test(progress),
        cmocka_unit_test(memory_gives_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
