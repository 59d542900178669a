/* encode - a text through the parts of a tokenizer: added tokens, normalizer, pre-tokenizer, model,
 * post-processor.  A piece of text is rewritten and cut until it is words; what a word comes to is
 * kept, for those that come often. */
#include "text/rewrite.h"

/* One line of the processor's cache each; a word has one place where it may be. */
enum { CACHE_SIZE = 1 << 15, CACHE_WORD = 32, CACHE_TOKENS = 6, CACHE_FROM = 4096 };
typedef struct cached {
    int32_t id[CACHE_TOKENS];
    uint8_t end[CACHE_TOKENS], size, n; /* size 0: nothing is here */
    char word[CACHE_WORD];
} cached;

struct encoder {
    uint64_t serial; /* of the tokenizer that the cache is of */
    cached *cache;
    int64_t seen;  /* bytes of text: few are not worth a cache */
    int64_t given; /* bytes of this text */
    aligned form[2], text[2], mapped;
    piece_list pieces, next;
    token_out out;
    char *scratch;
    size_t scratch_size;
};

/* ---- Lists of tokens ---- */
rondo_status token_list_reserve(token_list *l, int64_t room)
{
    if (room <= l->room && (!l->spans || l->end)) return RONDO_OK;
    int64_t size = l->room ? l->room : 256;
    while (size < room) size *= 2;
    int32_t *id = alloc_grow(l->id, (size_t)size * sizeof *id);
    if (!id) return RONDO_E_NOMEM;
    l->id = id;
    if (l->spans || l->begin) {
        int64_t *begin = alloc_grow(l->begin, (size_t)size * sizeof *begin);
        if (!begin) return RONDO_E_NOMEM;
        l->begin = begin;
        int64_t *end = alloc_grow(l->end, (size_t)size * sizeof *end);
        if (!end) return RONDO_E_NOMEM;
        l->end = end;
    }
    l->room = size;
    return RONDO_OK;
}

void token_list_free(token_list *l)
{
    if (l->work) encoder_free(l->work);
    alloc_free(l->id);
    alloc_free(l->begin);
    alloc_free(l->end);
    *l = (token_list){ 0 };
}

void encoder_free(encoder *e)
{
    alloc_free_aligned(e->cache);
    for (int i = 0; i < 2; i++) {
        aligned_free(&e->form[i]);
        aligned_free(&e->text[i]);
    }
    aligned_free(&e->mapped);
    alloc_free(e->pieces.at);
    alloc_free(e->next.at);
    alloc_free(e->out.id);
    alloc_free(e->out.begin);
    alloc_free(e->out.end);
    alloc_free(e->scratch);
    alloc_free(e);
}

void *encoder_scratch(encoder *e, size_t bytes)
{
    if (bytes > e->scratch_size) {
        char *grown = alloc_grow(e->scratch, bytes + bytes / 2);
        if (!grown) return NULL;
        e->scratch = grown;
        e->scratch_size = bytes + bytes / 2;
    }
    return e->scratch;
}

/* The list's encoder, for this tokenizer and a text of n bytes. */
static rondo_status prepare(const tokenizer *t, token_list *l, int64_t n)
{
    encoder *e = l->work;
    if (!e) {
        e = l->work = alloc_new(sizeof *e);
        if (!e) return RONDO_E_NOMEM;
    }
    if (e->serial != t->serial && e->cache) memset(e->cache, 0, CACHE_SIZE * sizeof *e->cache);
    e->serial = t->serial;
    e->seen += n;
    e->given = n;
    e->pieces.status = e->next.status = RONDO_OK;
    if (!e->cache && !t->model.kind->cheap && e->seen >= CACHE_FROM) {
        e->cache = alloc_aligned(CACHE_SIZE * sizeof *e->cache);
        if (!e->cache) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

/* ---- From the text to pieces ---- */

/* A token of the text as it is now: its place in the text as it was given. */
static piece as_given(const aligned *now, piece p)
{
    if (p.id >= 0) aligned_span(now, p.begin, p.end, &p.begin, &p.end);
    return p;
}

static bool all_idle(const step_list *steps, const char *text, int64_t n)
{
    for (int i = 0; i < steps->n; i++)
        if (!steps->at[i].idle || !steps->at[i].idle(&steps->at[i], text, n)) return false;
    return true;
}

/* Adds the normal form of a piece of the text to e->text[0]. */
static rondo_status normalize(const step_list *steps, encoder *e, const aligned *given, piece p,
                              bool tracks)
{
    const aligned *now = given;
    for (int i = 0, turn = 0; i < steps->n; i++) {
        const step *s = &steps->at[i];
        if (s->idle && s->idle(s, now->data + p.begin, p.end - p.begin)) continue;
        aligned *next = &e->form[turn];
        aligned_clear(next, tracks, e->given);
        s->rewrite(s, now, &p, next);
        if (next->status) return next->status;
        p.begin = 0;
        p.end = next->n;
        now = next;
        turn = !turn;
    }
    aligned_copy(&e->text[0], now, p.begin, p.end);
    return e->text[0].status;
}

static void swap_lists(encoder *e)
{
    const piece_list done = e->next;
    e->next = e->pieces;
    e->pieces = done;
    e->next.n = 0;
}

/* Added tokens and the normal forms of what lies between; *now becomes the text they are pieces of. */
static rondo_status find_added(const tokenizer *t, encoder *e, aligned *now, bool tracks)
{
    const bool as_is = all_idle(&t->normalizer, now->data, now->n);
    const aligned given = *now;
    e->pieces.n = e->next.n = 0;
    added_find(&t->added, false, given.data, (piece){ 0, given.n, -1, true }, &e->pieces);
    RONDO_TRY(e->pieces.status);
    if (as_is && !t->added.normalized.nodes) return RONDO_OK;
    if (!as_is) aligned_clear(&e->text[0], tracks, e->given);
    for (int64_t i = 0; i < e->pieces.n; i++) {
        piece p = e->pieces.at[i];
        if (p.id >= 0) {
            piece_add(&e->next, p);
            continue;
        }
        if (!as_is) {
            const int64_t begin = e->text[0].n;
            RONDO_TRY(normalize(&t->normalizer, e, &given, p, tracks));
            *now = e->text[0];
            p = (piece){ begin, now->n, -1,
                         p.first && (!tracks || begin == now->n || now->from[begin] == 0) };
        }
        const int64_t found = e->next.n;
        added_find(&t->added, true, now->data, p, &e->next);
        for (int64_t k = found; k < e->next.n; k++) e->next.at[k] = as_given(now, e->next.at[k]);
    }
    if (!as_is) *now = e->text[0];
    swap_lists(e);
    return e->pieces.status;
}

static rondo_status rewrite_all(const step *s, encoder *e, const aligned *now, aligned *next,
                                bool tracks)
{
    aligned_clear(next, tracks, e->given);
    for (int64_t i = 0; i < e->pieces.n; i++) {
        piece p = e->pieces.at[i];
        if (p.id < 0) {
            const int64_t begin = next->n;
            s->rewrite(s, now, &p, next);
            p.begin = begin;
            p.end = next->n;
            if (begin == p.end) continue;
        }
        piece_add(&e->next, p);
    }
    swap_lists(e);
    return next->status ? next->status : e->pieces.status;
}

static rondo_status cut_all(const step *s, encoder *e, const aligned *now)
{
    for (int64_t i = 0; i < e->pieces.n; i++) {
        const piece p = e->pieces.at[i];
        if (p.id >= 0) {
            piece_add(&e->next, p);
            continue;
        }
        cutter c = { .step = s, .out = &e->next, .whole = p, .last = e->next.n, .opened = -1 };
        RONDO_TRY(s->cut(s, now->data, &c));
    }
    swap_lists(e);
    return e->pieces.status;
}

/* The words and added tokens of a text: e->pieces, of the text that *now comes to be. */
static rondo_status divide(const tokenizer *t, encoder *e, aligned *now, bool spans)
{
    const bool tracks = spans || t->needs_origin;
    int turn = 1;
    RONDO_TRY(find_added(t, e, now, tracks));
    for (int i = 0; i < t->pre_tokenizer.n; i++) {
        const step *s = &t->pre_tokenizer.at[i];
        if (s->cut) {
            RONDO_TRY(cut_all(s, e, now));
        } else if (!s->idle || !s->idle(s, now->data, now->n)) {
            RONDO_TRY(rewrite_all(s, e, now, &e->text[turn], tracks));
            *now = e->text[turn];
            turn = !turn;
        }
    }
    return RONDO_OK;
}

/* ---- From words to tokens ---- */

/* As the package's model sees it: bytes as letters. The spans of its tokens are turned back. */
static rondo_status encode_mapped(const tokenizer *t, encoder *e, const char *word, int64_t n)
{
    const aligned in = { .data = (char *)(uintptr_t)word, .n = n };
    const piece whole = { 0, n, -1, true };
    aligned_clear(&e->mapped, false, n);
    const step bytes = { .rewrite = rewrite_bytes };
    bytes.rewrite(&bytes, &in, &whole, &e->mapped);
    RONDO_TRY(e->mapped.status);
    RONDO_TRY(t->model.kind->encode(&t->model, e, e->mapped.data, e->mapped.n, &e->out));
    int64_t letters = 0, at = 0; /* of the mapped word: one for each byte of the word */
    for (int64_t i = 0; i < e->out.n; i++)
        for (int side = 0; side < 2; side++) {
            int64_t *place = side ? &e->out.end[i] : &e->out.begin[i];
            for (; at < *place; letters++) at += letter_size(e->mapped.data[at]);
            *place = letters;
        }
    return RONDO_OK;
}

static rondo_status encode_new(const tokenizer *t, encoder *e, const char *word, int64_t n)
{
    e->out.n = e->out.dropped = 0;
    e->out.status = RONDO_OK;
    const rondo_status status = t->maps_bytes
                                    ? encode_mapped(t, e, word, n)
                                    : t->model.kind->encode(&t->model, e, word, n, &e->out);
    return status ? status : e->out.status;
}

static cached *cache_place(encoder *e, const char *word, int64_t n)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t hash = (uint64_t)n * odd, eight;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, word + i, 8);
        hash = (hash ^ eight) * odd;
        hash ^= hash >> 32;
    }
    eight = 0;
    memcpy(&eight, word + i, (size_t)(n - i));
    hash = (hash ^ eight) * odd;
    return &e->cache[hash >> 32 & (CACHE_SIZE - 1)];
}

/* Only where each token begins where the one before it ends. */
static void cache_keep(cached *place, const token_out *out, const char *word, int64_t n)
{
    if (out->n > CACHE_TOKENS || out->dropped) return;
    int64_t at = 0;
    for (int64_t i = 0; i < out->n; i++) {
        if (out->begin[i] != at) return;
        at = out->end[i];
    }
    place->size = (uint8_t)n;
    place->n = (uint8_t)out->n;
    memcpy(place->word, word, (size_t)n);
    for (int64_t i = 0; i < out->n; i++) {
        place->id[i] = out->id[i];
        place->end[i] = (uint8_t)out->end[i];
    }
}

static void add_span(token_list *l, const aligned *now, int64_t begin, int64_t end)
{
    if (l->spans) aligned_span(now, begin, end, &l->begin[l->n], &l->end[l->n]);
}

static rondo_status add_cached(token_list *l, const aligned *now, const piece *p,
                               const cached *known)
{
    RONDO_TRY(token_list_reserve(l, l->n + known->n));
    for (int64_t i = 0, at = 0; i < known->n; i++) {
        l->id[l->n] = known->id[i];
        add_span(l, now, p->begin + at, p->begin + known->end[i]);
        at = known->end[i];
        l->n++;
    }
    return RONDO_OK;
}

static rondo_status add_word(const tokenizer *t, token_list *l, const aligned *now, const piece *p)
{
    encoder *e = l->work;
    const char *word = now->data + p->begin;
    const int64_t n = p->end - p->begin;
    cached *place = e->cache && n <= CACHE_WORD ? cache_place(e, word, n) : NULL;
    if (place && place->size == n && memcmp(place->word, word, (size_t)n) == 0)
        return add_cached(l, now, p, place);
    RONDO_TRY(encode_new(t, e, word, n));
    if (place) cache_keep(place, &e->out, word, n);
    RONDO_TRY(token_list_reserve(l, l->n + e->out.n));
    l->dropped += e->out.dropped;
    for (int64_t i = 0; i < e->out.n; i++) {
        l->id[l->n] = e->out.id[i];
        add_span(l, now, p->begin + e->out.begin[i], p->begin + e->out.end[i]);
        l->n++;
    }
    return RONDO_OK;
}

static rondo_status add_tokens(const tokenizer *t, const char *text, int64_t n, token_list *l)
{
    RONDO_TRY(prepare(t, l, n));
    encoder *e = l->work;
    aligned now = { .data = (char *)(uintptr_t)text, .n = n };
    RONDO_TRY(divide(t, e, &now, l->spans));
    RONDO_TRY(token_list_reserve(l, l->n + e->pieces.n));
    for (int64_t i = 0; i < e->pieces.n; i++) {
        const piece *p = &e->pieces.at[i];
        if (p->id < 0) {
            RONDO_TRY(add_word(t, l, &now, p));
            continue;
        }
        RONDO_TRY(token_list_reserve(l, l->n + 1));
        l->id[l->n] = p->id;
        if (l->spans) {
            l->begin[l->n] = p->begin;
            l->end[l->n] = p->end;
        }
        l->n++;
    }
    return RONDO_OK;
}

static rondo_status check(const char *text, size_t n)
{
    const size_t bad = utf8_valid(text, n);
    if (bad == n) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "byte %zu of the text (0x%02X) is not UTF-8", bad + 1,
                      (unsigned char)text[bad]);
}

rondo_status tokenizer_encode_plain(const tokenizer *t, const char *text, size_t n, token_list *l)
{
    const int64_t start = l->n;
    RONDO_TRY(check(text, n));
    const rondo_status status = add_tokens(t, text, (int64_t)n, l);
    if (status) l->n = start;
    return status;
}

rondo_status tokenizer_encode(const tokenizer *t, const char *text, size_t n, token_list *l)
{
    const int64_t start = l->n;
    RONDO_TRY(tokenizer_encode_plain(t, text, n, l));
    const rondo_status status = post_apply(&t->post, l, start, (int64_t)n);
    if (status) l->n = start;
    return status;
}

rondo_status encoder_words(const tokenizer *t, token_list *l, const char *text, int64_t n,
                           rondo_status (*word)(void *user, const char *text, int64_t n),
                           void *user)
{
    RONDO_TRY(check(text, (size_t)n));
    RONDO_TRY(prepare(t, l, n));
    encoder *e = l->work;
    aligned now = { .data = (char *)(uintptr_t)text, .n = n };
    RONDO_TRY(divide(t, e, &now, false));
    for (int64_t i = 0; i < e->pieces.n; i++)
        if (e->pieces.at[i].id < 0)
            RONDO_TRY(word(user, now.data + e->pieces.at[i].begin,
                           e->pieces.at[i].end - e->pieces.at[i].begin));
    return RONDO_OK;
}
