/* Tokenizers of real texts: the ids that `make check-tokenizers` compared with the package's, by
 * their digest. */
#define _POSIX_C_SOURCE 200809L
#include "text/tokens.h"

typedef struct lines { /* of a file */
    file_map map;
    size_t at;
} lines;

static rondo_status next_line(void *user, bool rewind, const char **text, size_t *n)
{
    lines *l = user;
    if (rewind) l->at = 0;
    *text = NULL;
    *n = 0;
    if (l->at >= l->map.size) return RONDO_OK;
    const char *begin = (const char *)l->map.data + l->at;
    const char *end = memchr(begin, '\n', l->map.size - l->at);
    *text = begin;
    *n = end ? (size_t)(end - begin) : l->map.size - l->at;
    l->at += *n + 1;
    return RONDO_OK;
}

static const struct {
    const char *spec, *train, *test, *digest;
} cases[] = {
    { "char", "lm/tinyshakespeare/input.txt", "lm/tinyshakespeare/input.txt",
      "1c1daf35c6081230c0e72f7d4d2e586e62d5b77496800f22df0abd421d057e8a" },
    { "word plain unknown=<unk> end=<eos>", "lm/ptb/ptb.train.txt", "lm/ptb/ptb.test.txt",
      "28c5a73817886936b6bff0113a7a34e3d3db08c04c50dfc929a8a25438724d07" },
    { "bpe vocab_size=8000", "lm/ptb/ptb.valid.txt", "mt/tatoeba-en-zh/cmn.txt",
      "5e8b3da1d0fdf51e507eb366096566881309a8c93242e883017fe18eadb69e17" },
    { "wordpiece vocab_size=4000", "mt/tatoeba-en-zh/cmn.txt", "mt/tatoeba-en-zh/cmn.txt",
      "b135645fa81c01ecd0556683b46a57684c37b26ebae31493f3d04ced82838aea" },
};

static void same_ids(void **state)
{
    (void)state;
    const char *shared = getenv("RONDO_SHARED");
    char *data = file_join(shared ? shared : "../shared", "data");
    if (!file_is_folder(data)) {
        print_message("skipped: there is no %s\n", data);
        alloc_free(data);
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lines l = { 0 };
        tokenizer *t;
        token_list ids = { 0 };
        const char *text;
        size_t n;
        char *train = file_join(data, cases[i].train), *test = file_join(data, cases[i].test);
        char digest[65];
        assert_int_equal(file_map_open(&l.map, train), RONDO_OK);
        assert_int_equal(tokenizer_train(&t, cases[i].spec, next_line, &l, NULL), RONDO_OK);
        file_map_close(&l.map);
        assert_int_equal(file_map_open(&l.map, test), RONDO_OK);
        assert_int_equal(next_line(&l, true, &text, &n), RONDO_OK);
        for (; text; next_line(&l, false, &text, &n))
            assert_int_equal(tokenizer_encode(t, text, n, &ids), RONDO_OK);
        file_map_close(&l.map);
        sha256_text(digest, ids.id, (size_t)ids.n * sizeof *ids.id);
        assert_string_equal(digest, cases[i].digest);
        token_list_free(&ids);
        tokenizer_free(t);
        alloc_free(train);
        alloc_free(test);
    }
    alloc_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_ids) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
