/* WordPiece (Schuster and Nakajima 2012, as BERT has it): the longest token that begins a word, then
 * the longest that goes on from there. */
#include "text/parts.h"

typedef struct wordpiece {
    trie tokens;
    int32_t inside; /* the trie's node behind the prefix of tokens that go on; -1: there are none */
    char *prefix;   /* "##" */
    char *unknown;
    int64_t longest; /* letters of a word; longer ones are unknown */
} wordpiece;

static rondo_status read(token_model *m, const json_t *j)
{
    static const char *const known[] = {
        "type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", NULL
    };
    wordpiece *w = m->state;
    const char *prefix, *unknown;
    size_t n;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(model_read_vocabulary(m, j));
    RONDO_TRY(model_read_unknown(m, j, true));
    RONDO_TRY(json_want_text(j, "unk_token", &unknown));
    RONDO_TRY(field_text(j, "continuing_subword_prefix", "##", &prefix));
    RONDO_TRY(field_int(j, "max_input_chars_per_word", 100, 0, INT32_MAX, &w->longest));
    w->prefix = alloc_text(prefix);
    w->unknown = alloc_text(unknown);
    if (!w->prefix || !w->unknown) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < m->vocabulary.n; i++) {
        const char *token = vocabulary_text(&m->vocabulary, i, &n);
        if (token) RONDO_TRY(trie_put(&w->tokens, token, n, (int32_t)i));
    }
    for (const char *c = prefix; *c && w->inside >= 0; c++) {
        const pair_value *edge = pair_find(&w->tokens.edge, w->inside, (unsigned char)*c);
        w->inside = edge ? edge->a : -1;
    }
    return RONDO_OK;
}

/* The longest token from word[at] on: its end, at: none. */
static int64_t longest_token(const wordpiece *w, const char *word, int64_t n, int64_t at,
                             int32_t *id)
{
    int32_t node = at ? w->inside : 0;
    int64_t end = at;
    for (int64_t i = at; i < n && node >= 0; i++) {
        const pair_value *edge = pair_find(&w->tokens.edge, node, (unsigned char)word[i]);
        if (edge && edge->b >= 0) {
            *id = edge->b;
            end = i + 1;
        }
        node = edge ? edge->a : -1;
    }
    return end;
}

static rondo_status encode(const token_model *m, encoder *e, const char *word, int64_t n,
                           token_out *out)
{
    const wordpiece *w = m->state;
    const int64_t first = out->n;
    int64_t at = 0;
    int32_t id = 0;
    (void)e;
    if (n <= w->longest || letters_count(word, n) <= w->longest)
        for (int64_t end; at < n; at = end) {
            end = longest_token(w, word, n, at, &id);
            if (end == at) break;
            token_add(out, id, at, end);
        }
    if (at == n) return RONDO_OK;
    if (m->unknown < 0)
        return rondo_fail(RONDO_E_FORMAT,
                          "the word \"%.*s\" has no tokens, and the unknown one, \"%s\", is not in "
                          "the vocabulary",
                          (int)(n < 100 ? n : 100), word, w->unknown);
    out->n = first;
    token_add(out, m->unknown, 0, n);
    return RONDO_OK;
}

static rondo_status write(const token_model *m, json_t *j)
{
    const wordpiece *w = m->state;
    RONDO_TRY(json_put(j, "unk_token", json_string(w->unknown)));
    RONDO_TRY(json_put(j, "continuing_subword_prefix", json_string(w->prefix)));
    RONDO_TRY(json_put(j, "max_input_chars_per_word", json_integer(w->longest)));
    return json_put(j, "vocab", model_write_vocabulary(m));
}

static void free_state(token_model *m)
{
    wordpiece *w = m->state;
    trie_free(&w->tokens);
    alloc_free(w->prefix);
    alloc_free(w->unknown);
}

const model_kind model_wordpiece = { .name = "WordPiece",
                                     .size = sizeof(wordpiece),
                                     .read = read,
                                     .encode = encode,
                                     .write = write,
                                     .free = free_state };
