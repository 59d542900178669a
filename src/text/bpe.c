/* BPE (Sennrich, Haddow and Birch 2016): the letters of a word, then pairs of neighbours merged in
 * the order in which training found them. */
#include "text/parts.h"

enum { PAGE = 256 };

typedef struct bpe {
    pair_map merges; /* (left, right) → (rank, what they become) */
    int32_t *pair;   /* [n_merges][2], in order of rank */
    int64_t n_merges;
    char *prefix, *suffix; /* of letters within a word; of a word's last; or NULL */
    bool fuse_unknown, byte_fallback, ignore_merges;
    int32_t byte[256];               /* <0x00> … <0xFF>; -1 */
    int32_t *letter[LETTERS / PAGE]; /* token + 1 of a single letter, by pages; 0: none */
} bpe;

/* ---- Reading and writing ---- */
static rondo_status add_letters(token_model *m, bpe *b)
{
    for (int64_t i = 0; i < m->vocabulary.n; i++) {
        size_t n;
        int32_t letter;
        const char *token = vocabulary_text(&m->vocabulary, i, &n);
        if (!token || n == 0 || (size_t)letter_size(*token) != n) continue;
        letter_at(token, &letter);
        int32_t **page = &b->letter[letter / PAGE];
        if (!*page) *page = alloc_array(PAGE, sizeof **page);
        if (!*page) return RONDO_E_NOMEM;
        (*page)[letter % PAGE] = (int32_t)i + 1;
    }
    for (int i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)i);
        b->byte[i] = (int32_t)vocabulary_find(&m->vocabulary, name, 6);
    }
    return RONDO_OK;
}

/* A merge is "left right", or ["left", "right"]. */
static rondo_status read_pair(const json_t *j, const char **left, size_t *n, const char **right)
{
    const char *both = json_string_value(j);
    *left = json_string_value(json_array_get(j, 0));
    *right = json_string_value(json_array_get(j, 1));
    *n = *left ? strlen(*left) : 0;
    if (both) {
        const char *blank = strchr(both, ' ');
        *left = both;
        *right = blank ? blank + 1 : NULL;
        *n = blank ? (size_t)(blank - both) : 0;
        if (*right && strchr(*right, ' ')) *right = NULL;
    }
    if (*left && *right && (both || json_array_size(j) == 2)) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "it is no pair of tokens");
}

static rondo_status add_merge(const token_model *m, bpe *b, int64_t rank, const json_t *j)
{
    const char *left, *right;
    char both[2 * LIMIT_TOKEN + 1];
    size_t n;
    RONDO_TRY(read_pair(j, &left, &n, &right));
    const size_t prefix = b->prefix ? strlen(b->prefix) : 0, size = strlen(right);
    const int64_t l = vocabulary_find(&m->vocabulary, left, n);
    const int64_t r = vocabulary_find(&m->vocabulary, right, size);
    if (l < 0 || r < 0)
        return rondo_fail(RONDO_E_FORMAT, "it names the token \"%.*s\", which is not in \"vocab\"",
                          l < 0 ? (int)(n < 100 ? n : 100) : 100, l < 0 ? left : right);
    if (size < prefix || (prefix && strncmp(right, b->prefix, prefix) != 0))
        return rondo_fail(RONDO_E_FORMAT, "\"%s\" does not begin with \"%s\"", right, b->prefix);
    memcpy(both, left, n);
    memcpy(both + n, right + prefix, size - prefix);
    const int64_t id = vocabulary_find(&m->vocabulary, both, n + size - prefix);
    if (id < 0)
        return rondo_fail(RONDO_E_FORMAT, "it makes the token \"%.*s\", which is not in \"vocab\"",
                          (int)(n + size - prefix < 100 ? n + size - prefix : 100), both);
    pair_value *value = pair_put(&b->merges, (int32_t)l, (int32_t)r);
    if (!value) return RONDO_E_NOMEM;
    *value = (pair_value){ (int32_t)rank, (int32_t)id };
    b->pair[2 * rank] = (int32_t)l;
    b->pair[2 * rank + 1] = (int32_t)r;
    return RONDO_OK;
}

static rondo_status read_merges(const token_model *m, bpe *b, const json_t *j)
{
    json_t *merges, *merge;
    size_t i;
    RONDO_TRY(json_want_array(j, "merges", &merges));
    b->n_merges = (int64_t)json_array_size(merges);
    if (b->n_merges > LIMIT_VOCABULARY)
        return rondo_fail(RONDO_E_FORMAT, "\"merges\" has %lld pairs; the limit is %d",
                          (long long)b->n_merges, LIMIT_VOCABULARY);
    b->pair = alloc_array(2 * b->n_merges, sizeof *b->pair);
    if (!b->pair) return RONDO_E_NOMEM;
    json_array_foreach (merges, i, merge)
        RONDO_TRY(rondo_fail_in(add_merge(m, b, (int64_t)i, merge), "merge %zu", i + 1));
    return RONDO_OK;
}

static rondo_status read(token_model *m, const json_t *j)
{
    static const char *const known[] = { "type",
                                         "vocab",
                                         "merges",
                                         "unk_token",
                                         "dropout",
                                         "continuing_subword_prefix",
                                         "end_of_word_suffix",
                                         "fuse_unk",
                                         "byte_fallback",
                                         "ignore_merges",
                                         NULL };
    bpe *b = m->state;
    const char *prefix, *suffix;
    const json_t *dropout = json_object_get(j, "dropout");
    RONDO_TRY(field_known(j, "it", known));
    if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
        return rondo_fail(RONDO_E_ABSENT, "\"dropout\" (BPE-dropout) is not what Rondo does: "
                                          "encoding is the same every time");
    RONDO_TRY(model_read_vocabulary(m, j));
    RONDO_TRY(model_read_unknown(m, j, false));
    RONDO_TRY(field_text(j, "continuing_subword_prefix", NULL, &prefix));
    RONDO_TRY(field_text(j, "end_of_word_suffix", NULL, &suffix));
    RONDO_TRY(field_bool(j, "fuse_unk", false, &b->fuse_unknown));
    RONDO_TRY(field_bool(j, "byte_fallback", false, &b->byte_fallback));
    RONDO_TRY(field_bool(j, "ignore_merges", false, &b->ignore_merges));
    if (prefix && *prefix && !(b->prefix = alloc_text(prefix))) return RONDO_E_NOMEM;
    if (suffix && *suffix && !(b->suffix = alloc_text(suffix))) return RONDO_E_NOMEM;
    RONDO_TRY(add_letters(m, b));
    return read_merges(m, b, j);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static rondo_status write(const token_model *m, json_t *j)
{
    const bpe *b = m->state;
    RONDO_TRY(json_put(j, "dropout", json_null()));
    RONDO_TRY(model_write_unknown(m, j));
    RONDO_TRY(json_put(j, "continuing_subword_prefix", text_or_null(b->prefix)));
    RONDO_TRY(json_put(j, "end_of_word_suffix", text_or_null(b->suffix)));
    RONDO_TRY(json_put(j, "fuse_unk", json_boolean(b->fuse_unknown)));
    RONDO_TRY(json_put(j, "byte_fallback", json_boolean(b->byte_fallback)));
    RONDO_TRY(json_put(j, "ignore_merges", json_boolean(b->ignore_merges)));
    RONDO_TRY(json_put(j, "vocab", model_write_vocabulary(m)));
    json_t *merges = json_array();
    for (int64_t i = 0; merges && i < b->n_merges; i++)
        if (json_array_append_new(
                merges, json_pack("[ss]", vocabulary_text(&m->vocabulary, b->pair[2 * i], NULL),
                                  vocabulary_text(&m->vocabulary, b->pair[2 * i + 1], NULL)))) {
            json_decref(merges);
            merges = NULL;
        }
    return json_put(j, "merges", merges);
}

static void free_state(token_model *m)
{
    bpe *b = m->state;
    pair_free(&b->merges);
    alloc_free(b->pair);
    alloc_free(b->prefix);
    alloc_free(b->suffix);
    for (int i = 0; i < LETTERS / PAGE; i++) alloc_free(b->letter[i]);
}

/* ---- A word's letters ---- */

/* A letter, with what goes before and behind it. */
typedef struct dressed {
    char text[2 * LIMIT_TOKEN + LONGEST_LETTER];
    size_t n;
} dressed;

static void dress(const bpe *b, const char *word, int64_t begin, int64_t end, int64_t n, dressed *d)
{
    const char *const parts[] = { begin > 0 ? b->prefix : NULL, word + begin,
                                  end == n ? b->suffix : NULL };
    d->n = 0;
    for (int i = 0; i < 3; i++) {
        if (!parts[i]) continue;
        const size_t size = i == 1 ? (size_t)(end - begin) : strlen(parts[i]);
        memcpy(d->text + d->n, parts[i], size);
        d->n += size;
    }
}

/* -1: it has none. Most have nothing around them: those are in the pages. */
static int32_t letter_token(const token_model *m, const char *word, int64_t begin, int64_t end,
                            int64_t n)
{
    const bpe *b = m->state;
    int32_t letter;
    if ((begin > 0 && b->prefix) || (end == n && b->suffix)) {
        dressed d;
        dress(b, word, begin, end, n, &d);
        return (int32_t)vocabulary_find(&m->vocabulary, d.text, d.n);
    }
    letter_at(word + begin, &letter);
    const int32_t *page = b->letter[letter / PAGE];
    return page ? page[letter % PAGE] - 1 : -1;
}

static bool add_bytes(const bpe *b, const char *word, int64_t begin, int64_t end, int64_t n,
                      token_out *out)
{
    dressed d;
    dress(b, word, begin, end, n, &d);
    for (size_t i = 0; i < d.n; i++)
        if (b->byte[(unsigned char)d.text[i]] < 0) return false;
    for (size_t i = 0; i < d.n; i++) token_add(out, b->byte[(unsigned char)d.text[i]], begin, end);
    return true;
}

/* Unknown letters wait for the next known one: neighbours may become one. */
static void add_unknown(const token_model *m, token_out *out, int64_t *waits, int64_t end)
{
    if (*waits >= 0) token_add(out, m->unknown, *waits, end);
    *waits = -1;
}

static void split_letters(const token_model *m, const char *word, int64_t n, token_out *out)
{
    const bpe *b = m->state;
    int64_t waits = -1, waited = 0; /* unknown letters, from and to */
    for (int64_t i = 0, end; i < n && !out->status; i = end) {
        end = i + letter_size(word[i]);
        const int32_t id = letter_token(m, word, i, end, n);
        if (id >= 0) {
            add_unknown(m, out, &waits, waited);
            token_add(out, id, i, end);
        } else if (b->byte_fallback && add_bytes(b, word, i, end, n, out)) {
            continue;
        } else if (m->unknown >= 0) {
            if (!b->fuse_unknown) add_unknown(m, out, &waits, waited);
            if (waits < 0) waits = i;
            waited = end;
        } else {
            out->dropped++;
        }
    }
    add_unknown(m, out, &waits, waited);
}

/* ---- Merging: a heap of what could be merged, lowest rank first, then leftmost; O(n log n) ---- */
typedef struct merging {
    const bpe *b;
    int32_t *id;
    int32_t *next,
        *before;    /* of the tokens that are left; -1: none. next of a merged one is GONE */
    uint64_t *heap; /* rank, place */
    int64_t n_heap;
} merging;
enum { GONE = -2 };

static void push(merging *g, uint64_t key)
{
    int64_t i = g->n_heap++;
    for (; i > 0 && g->heap[(i - 1) / 2] > key; i = (i - 1) / 2) g->heap[i] = g->heap[(i - 1) / 2];
    g->heap[i] = key;
}

static uint64_t pop(merging *g)
{
    const uint64_t top = g->heap[0], last = g->heap[--g->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < g->n_heap; i = child) {
        if (child + 1 < g->n_heap && g->heap[child + 1] < g->heap[child]) child++;
        if (g->heap[child] >= last) break;
        g->heap[i] = g->heap[child];
    }
    g->heap[i] = last;
    return top;
}

static const pair_value *merge_at(const merging *g, int32_t i)
{
    return i < 0 || g->next[i] < 0 ? NULL : pair_find(&g->b->merges, g->id[i], g->id[g->next[i]]);
}

static void offer(merging *g, int32_t i)
{
    const pair_value *merge = merge_at(g, i);
    if (merge) push(g, (uint64_t)(uint32_t)merge->a << 32 | (uint32_t)i);
}

static void merge_all(merging *g, int64_t *end)
{
    while (g->n_heap) {
        const uint64_t key = pop(g);
        const int32_t i = (int32_t)(uint32_t)key;
        const pair_value *merge = merge_at(g, i);
        if (!merge || merge->a != (int32_t)(key >> 32)) continue; /* of what is no more */
        const int32_t right = g->next[i];
        g->id[i] = merge->b;
        end[i] = end[right];
        g->next[i] = g->next[right];
        g->next[right] = GONE;
        if (g->next[i] >= 0) g->before[g->next[i]] = i;
        offer(g, g->before[i]);
        offer(g, i);
    }
}

/* Merges the tokens from `first` on. */
static rondo_status merge_tokens(const bpe *b, encoder *e, token_out *out, int64_t first)
{
    const int64_t n = out->n - first;
    if (n < 2 || !b->merges.n) return RONDO_OK;
    if (n > INT32_MAX / 4)
        return rondo_fail(RONDO_E_LIMIT, "a word of %lld letters is too long", (long long)n);
    /* Every merge takes one place from the heap and a token from the word, and adds two. */
    char *room = encoder_scratch(e, (size_t)n * (3 * sizeof(uint64_t) + 2 * sizeof(int32_t)));
    if (!room) return RONDO_E_NOMEM;
    merging g = { .b = b, .id = out->id + first, .heap = (uint64_t *)(void *)room };
    g.next = (int32_t *)(void *)(room + (size_t)n * 3 * sizeof(uint64_t));
    g.before = g.next + n;
    for (int32_t i = 0; i < n; i++) {
        g.next[i] = i + 1 < n ? i + 1 : -1;
        g.before[i] = i - 1;
    }
    for (int32_t i = 0; i < n; i++) offer(&g, i);
    merge_all(&g, out->end + first);
    int64_t kept = first;
    for (int64_t i = 0; i < n; i++) {
        if (g.next[i] == GONE) continue;
        out->id[kept] = out->id[first + i];
        out->begin[kept] = out->begin[first + i];
        out->end[kept++] = out->end[first + i];
    }
    out->n = kept;
    return RONDO_OK;
}

static rondo_status encode(const token_model *m, encoder *e, const char *word, int64_t n,
                           token_out *out)
{
    const bpe *b = m->state;
    const int64_t first = out->n;
    const int64_t whole = b->ignore_merges ? vocabulary_find(&m->vocabulary, word, (size_t)n) : -1;
    if (whole >= 0) {
        token_add(out, (int32_t)whole, 0, n);
        return RONDO_OK;
    }
    split_letters(m, word, n, out);
    return out->status ? out->status : merge_tokens(b, e, out, first);
}

const model_kind model_bpe = { .name = "BPE",
                               .size = sizeof(bpe),
                               .read = read,
                               .encode = encode,
                               .write = write,
                               .free = free_state };
