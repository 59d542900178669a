/* added - tokens beside the model's: found in the text before it is normalised (or after, where they
 * say so), leftmost first, of those the longest. */
#include "text/parts.h"

static const char *const fields[] = { "id",     "content",    "single_word", "lstrip",
                                      "rstrip", "normalized", "special",     NULL };

static rondo_status read_token(added_token *t, const json_t *j, int64_t most)
{
    const char *content;
    int64_t id;
    RONDO_TRY(json_want_text(j, "content", &content));
    RONDO_TRY(field_known(j, "it", fields));
    RONDO_TRY(json_want_int(j, "id", &id));
    if (!*content) return rondo_fail(RONDO_E_FORMAT, "\"content\" is empty");
    if (strlen(content) > LIMIT_TOKEN)
        return rondo_fail(RONDO_E_FORMAT, "\"content\" is over %d bytes", LIMIT_TOKEN);
    if (id < 0 || id >= most)
        return rondo_fail(RONDO_E_FORMAT,
                          "the id of \"%s\" is %lld; the most that makes sense is "
                          "%lld",
                          content, (long long)id, (long long)most - 1);
    t->id = (int32_t)id;
    t->content = alloc_text(content);
    if (!t->content) return RONDO_E_NOMEM;
    RONDO_TRY(field_bool(j, "single_word", false, &t->single_word));
    RONDO_TRY(field_bool(j, "lstrip", false, &t->lstrip));
    RONDO_TRY(field_bool(j, "rstrip", false, &t->rstrip));
    RONDO_TRY(field_bool(j, "special", false, &t->special));
    return field_bool(j, "normalized", !t->special, &t->normalized);
}

/* A token of both has one id, and an id one token. */
static rondo_status check_id(const added_token *t, const token_model *m)
{
    const int64_t id = vocabulary_find(&m->vocabulary, t->content, strlen(t->content));
    const char *other = vocabulary_text(&m->vocabulary, t->id, NULL);
    if (id >= 0 && id != t->id)
        return rondo_fail(RONDO_E_FORMAT, "\"%s\" is %d here and %lld in the model", t->content,
                          (int)t->id, (long long)id);
    if (id < 0 && other)
        return rondo_fail(RONDO_E_FORMAT, "the id of \"%s\", %d, is that of \"%s\" in the model",
                          t->content, (int)t->id, other);
    return RONDO_OK;
}

static rondo_status add_to_trie(added_tokens *a, int64_t i, const step_list *normalizer)
{
    const added_token *t = &a->at[i];
    aligned text = { 0 };
    if (!t->normalized) return trie_put(&a->raw, t->content, strlen(t->content), (int32_t)i);
    rondo_status status = steps_rewrite(normalizer, t->content, (int64_t)strlen(t->content), &text);
    if (!status) status = trie_put(&a->normalized, text.data, (size_t)text.n, (int32_t)i);
    aligned_free(&text);
    return status;
}

static rondo_status add_id(added_tokens *a, int64_t i)
{
    const int32_t id = a->at[i].id;
    if (a->by_id[id])
        return rondo_fail(RONDO_E_FORMAT, "the id %d is both \"%s\" and \"%s\"", (int)id,
                          a->at[a->by_id[id] - 1].content, a->at[i].content);
    a->by_id[id] = (int32_t)i + 1;
    return vocabulary_put(&a->by_content, i, a->at[i].content, strlen(a->at[i].content));
}

rondo_status added_read(added_tokens *a, const json_t *j, const token_model *m,
                        const step_list *normalizer)
{
    json_t *token;
    size_t i;
    *a = (added_tokens){ .size = m->vocabulary.n };
    if (j && !json_is_null(j) && !json_is_array(j))
        return rondo_fail(RONDO_E_FORMAT, "\"added_tokens\" is not an array");
    const int64_t n = (int64_t)json_array_size(j), most = m->vocabulary.n + 2 * n + 1024;
    if (n > LIMIT_VOCABULARY)
        return rondo_fail(RONDO_E_FORMAT, "\"added_tokens\" has %lld; the limit is %d",
                          (long long)n, LIMIT_VOCABULARY);
    a->at = alloc_array(n, sizeof *a->at);
    if (!a->at) return RONDO_E_NOMEM;
    json_array_foreach (j, i, token) {
        added_token *t = &a->at[a->n++];
        RONDO_TRY(rondo_fail_in(read_token(t, token, most), "added_tokens, %zu", i + 1));
        RONDO_TRY(rondo_fail_in(check_id(t, m), "added_tokens, %zu", i + 1));
        if (t->id >= a->size) a->size = t->id + 1;
    }
    a->by_id = alloc_array(a->size, sizeof *a->by_id);
    if (!a->by_id) return RONDO_E_NOMEM;
    for (int64_t k = 0; k < a->n; k++) {
        RONDO_TRY(rondo_fail_in(add_id(a, k), "added_tokens, %lld", (long long)k + 1));
        RONDO_TRY(add_to_trie(a, k, normalizer));
    }
    return RONDO_OK;
}

const added_token *added_of_id(const added_tokens *a, int64_t id)
{
    return id >= 0 && id < a->size && a->by_id[id] ? &a->at[a->by_id[id] - 1] : NULL;
}

void added_free(added_tokens *a)
{
    for (int64_t i = 0; i < a->n; i++) alloc_free(a->at[i].content);
    alloc_free(a->at);
    alloc_free(a->by_id);
    trie_free(&a->raw);
    trie_free(&a->normalized);
    vocabulary_free(&a->by_content);
    *a = (added_tokens){ 0 };
}

/* ---- Finding them ---- */
static bool word_before(const char *text, int64_t begin, int64_t at)
{
    int32_t letter;
    if (at == begin) return false;
    do at--;
    while (at > begin && ((unsigned char)text[at] & 0xC0) == 0x80);
    letter_at(text + at, &letter);
    return letter_is_word(letter);
}

static bool word_behind(const char *text, int64_t end, int64_t at)
{
    int32_t letter;
    return at < end && letter_at(text + at, &letter) && letter_is_word(letter);
}

/* Where the spaces before text[at] begin, at `begin` at the earliest. */
static int64_t spaces_before(const char *text, int64_t begin, int64_t at)
{
    int32_t letter;
    for (int64_t i = at; i > begin;) {
        do i--;
        while (i > begin && ((unsigned char)text[i] & 0xC0) == 0x80);
        letter_at(text + i, &letter);
        if (!letter_is_space(letter)) break;
        at = i;
    }
    return at;
}

static int64_t spaces_behind(const char *text, int64_t end, int64_t at)
{
    int32_t letter;
    while (at < end) {
        const int size = letter_at(text + at, &letter);
        if (!letter_is_space(letter)) break;
        at += size;
    }
    return at;
}

/* The longest token at text[at]: its end, at: none. */
static int64_t longest_at(const trie *t, const char *text, int64_t at, int64_t end, int32_t *number)
{
    int64_t found = at;
    int32_t node = 0;
    for (int64_t i = at; i < end; i++) {
        const pair_value *edge = pair_find(&t->edge, node, (unsigned char)text[i]);
        if (!edge) break;
        if (edge->b >= 0) {
            *number = edge->b;
            found = i + 1;
        }
        node = edge->a;
    }
    return found;
}

void added_find(const added_tokens *a, bool normalized, const char *text, piece whole,
                piece_list *out)
{
    const trie *t = normalized ? &a->normalized : &a->raw;
    int64_t kept = whole.begin, at = whole.begin;
    while (t->nodes && at < whole.end) {
        int32_t number = 0;
        int64_t begin = at, stop = at;
        if (t->first[(unsigned char)text[at]]) stop = longest_at(t, text, at, whole.end, &number);
        if (stop == at) {
            at++;
            continue;
        }
        const added_token *token = &a->at[number];
        at = stop;
        if (token->single_word &&
            (word_before(text, whole.begin, begin) || word_behind(text, whole.end, stop)))
            continue;
        if (token->lstrip) begin = spaces_before(text, kept, begin);
        if (token->rstrip) stop = spaces_behind(text, whole.end, stop);
        if (kept < begin)
            piece_add(out, (piece){ kept, begin, -1, whole.first && kept == whole.begin });
        piece_add(out, (piece){ begin, stop, token->id, false });
        kept = stop;
    }
    if (kept < whole.end)
        piece_add(out, (piece){ kept, whole.end, -1, whole.first && kept == whole.begin });
}
