/* corpus - text as a language model goes through it: one stream of tokens, cut into streams that run
 * beside each other.  To train, they are those of Zaremba, Sutskever and Vinyals 2014 and of
 * TensorFlow's ptb_word_lm: of N tokens the r-th of R streams has those from r·⌊N/R⌋ on, each token's
 * target is the next one, and what is left over at the ends is dropped. To judge, nothing is
 * dropped: every token but a first one that nothing comes before is a target once. */
#include "task/task.h"
#include <string.h>

enum { PIECE = 1 << 20 }; /* bytes that are cut into tokens at once, where a text is longer */

typedef struct corpus {
    spill ids; /* int32_t: the boundary, where there is one, then the text */
    int64_t bytes;
    int64_t rows, each, first; /* to train: stream r begins at first + r·each … */
    int64_t steps;             /* … and has so many steps; 0: to judge */
    int64_t unknown;           /* tokens */
} corpus;

static const int32_t *ids(const corpus *c)
{
    return (const int32_t *)(const void *)c->ids.data;
}

static int64_t count(const corpus *c)
{
    return (int64_t)(c->ids.size / sizeof(int32_t));
}

/* ---- The streams ---- */
/* Where stream r begins; to judge, what there is is shared out as evenly as can be. */
static int64_t begin_of(const corpus *c, int64_t r)
{
    return c->steps ? c->first + r * c->each : (count(c) - 1) * r / c->rows;
}

static int64_t length(const rondo_dataset *d, int64_t r)
{
    const corpus *c = d->self;
    return c->steps ? c->steps : begin_of(c, r + 1) - begin_of(c, r);
}

static rondo_status get(const rondo_dataset *d, cursor *at, int64_t r, sample *out)
{
    const corpus *c = d->self;
    const int32_t *from = ids(c) + begin_of(c, r);
    (void)at;
    out->input[0] = (field){ NULL, from, length(d, r) };
    out->target[0] = (field){ NULL, from + 1, length(d, r) };
    out->weight = 1;
    return RONDO_OK;
}

static void close(rondo_dataset *d)
{
    corpus *c = d->self;
    if (c) spill_free(&c->ids);
    alloc_free(c);
}

/* ---- Reading ---- */
typedef struct reading {
    corpus *corpus;
    const rondo_pipeline *pipeline;
    token_list list;
    int32_t unknown;
} reading;

static rondo_status add_piece(reading *r, const char *text, size_t n)
{
    token_list *list = &r->list;
    list->n = 0;
    RONDO_TRY(tokenizer_encode_plain(r->pipeline->tokenizer, text, n, list));
    for (int64_t i = 0; i < list->n; i++) r->corpus->unknown += list->id[i] == r->unknown;
    r->corpus->bytes += (int64_t)n;
    return spill_append(&r->corpus->ids, list->id, (size_t)list->n * sizeof *list->id);
}

/* A long text in pieces that end with a line, where it has lines. */
static rondo_status add_text(reading *r, const char *text, size_t n)
{
    while (n > PIECE) {
        size_t some = PIECE;
        while (some > PIECE / 2 && text[some - 1] != '\n') some--;
        if (text[some - 1] != '\n')
            for (some = PIECE; ((unsigned char)text[some] & 0xC0) == 0x80;) some--;
        RONDO_TRY(add_piece(r, text, some));
        text += some;
        n -= some;
    }
    return add_piece(r, text, n);
}

/* What ends a text counts as the one byte that a line's end is. */
static rondo_status add_end(reading *r, bool last)
{
    const rondo_pipeline *p = r->pipeline;
    const int32_t end = tokenizer_special(p->tokenizer).end;
    if (p->ends == TEXT_ENDS_NOT) return last ? RONDO_OK : add_piece(r, "\n", 1);
    r->corpus->bytes++;
    return spill_append(&r->corpus->ids, &end, sizeof end);
}

static rondo_status read_all(reading *r, const rondo_dataset *raw)
{
    const int32_t boundary = language_boundary(r->pipeline);
    cursor at = { 0 };
    rondo_status status = RONDO_OK;
    if (boundary >= 0) status = spill_append(&r->corpus->ids, &boundary, sizeof boundary);
    for (int64_t i = 0; !status && i < raw->count; i++) {
        const char *text;
        size_t n;
        status = raw->text(raw, &at, i, &text, &n);
        if (!status) status = rondo_fail_in(add_text(r, text, n), "text %lld", (long long)i + 1);
        if (!status) status = add_end(r, i + 1 == raw->count);
    }
    cursor_free(&at);
    token_list_free(&r->list);
    return status;
}

/* ---- The dataset ---- */
static rondo_status cut(corpus *c, const rondo_pipeline *p, const corpus_cut *how)
{
    const bool begun = language_boundary(p) >= 0;
    const int64_t n = count(c) - begun;
    if (n < 2)
        return rondo_fail(RONDO_E_FORMAT, "the text is empty: %lld tokens are all it has",
                          (long long)n);
    c->rows = how->rows;
    if (!how->training) {
        if (c->rows > count(c) - 1) c->rows = count(c) - 1;
        return RONDO_OK;
    }
    c->first = begun;
    c->each = n / c->rows;
    c->steps = c->each - 1;
    if (!how->vary) c->steps -= c->steps % how->bptt;
    if (c->steps > 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "the text has %lld tokens: too few for %lld streams with windows of %lld "
                      "steps; say --batch or --bptt smaller",
                      (long long)n, (long long)c->rows, (long long)how->bptt);
}

/* The bytes of a token that is no target, being the first. */
static rondo_status leave_out_first(corpus *c, const rondo_pipeline *p)
{
    text_buffer text = { 0 };
    if (language_boundary(p) >= 0) return RONDO_OK;
    const rondo_status status = tokenizer_decode(p->tokenizer, ids(c), 1, &text);
    c->bytes -= (int64_t)text.size;
    text_free(&text);
    return status;
}

static rondo_status fill(rondo_dataset *d, const rondo_dataset *raw, const rondo_pipeline *p,
                         const corpus_cut *how)
{
    uint8_t hash[32];
    corpus *c = d->self;
    reading r = { .corpus = c, .pipeline = p, .unknown = tokenizer_special(p->tokenizer).unknown };
    RONDO_TRY(read_all(&r, raw));
    RONDO_TRY(cut(c, p, how));
    RONDO_TRY(leave_out_first(c, p));
    d->count = c->rows;
    d->n_inputs = d->n_targets = 1;
    d->input[0] = d->target[0] = (field_shape){ RONDO_I32, { 1, { 0 } } };
    d->streams = true;
    d->text_bytes = how->training ? 0 : c->bytes;
    d->length = length;
    d->get = get;
    sha256(hash, c->ids.data, c->ids.size);
    memcpy(&d->digest, hash, sizeof d->digest);
    return RONDO_OK;
}

rondo_status corpus_data(rondo_dataset **out, rondo_dataset *raw, const rondo_pipeline *p,
                         const corpus_cut *how)
{
    corpus *c = alloc_new(sizeof *c);
    rondo_status status = c ? dataset_new(out, 0) : RONDO_E_NOMEM;
    if (!status) {
        spill_init(&c->ids, 0);
        (*out)->self = c;
        (*out)->close = close;
        status = fill(*out, raw, p, how);
        if (status) rondo_dataset_free(*out);
    } else {
        alloc_free(c);
    }
    rondo_dataset_free(raw);
    if (status) *out = NULL;
    return status;
}

bool corpus_is(const rondo_dataset *d)
{
    return d && d->close == close;
}

int64_t corpus_targets(const rondo_dataset *d)
{
    int64_t n = 0;
    for (int64_t r = 0; r < d->count; r++) n += length(d, r);
    return n;
}

int64_t corpus_unknown(const rondo_dataset *d)
{
    return ((const corpus *)d->self)->unknown;
}

/* ---- A part of raw text, to the byte: the end of it is kept to judge by ---- */
typedef struct text_part {
    const rondo_dataset *of; /* borrowed */
    int64_t first;           /* document */
    size_t skip, limit;      /* bytes of the first, left out; of the last, so many alone */
} text_part;

static rondo_status part_text(const rondo_dataset *d, cursor *at, int64_t i, const char **text,
                              size_t *n)
{
    const text_part *p = d->self;
    RONDO_TRY(p->of->text(p->of, at, p->first + i, text, n));
    if (i + 1 == d->count && p->limit < *n) *n = p->limit;
    if (i > 0) return RONDO_OK;
    *text += p->skip;
    *n -= p->skip;
    return RONDO_OK;
}

static void close_part(rondo_dataset *d)
{
    alloc_free(d->self);
}

static rondo_status part_new(rondo_dataset **out, const rondo_dataset *of, int64_t first, int64_t n,
                             size_t skip, size_t limit)
{
    text_part *p = alloc_new(sizeof *p);
    const rondo_status status = p ? dataset_new(out, n) : RONDO_E_NOMEM;
    if (status) {
        alloc_free(p);
        return status;
    }
    *p = (text_part){ of, first, skip, limit };
    (*out)->self = p;
    (*out)->text = part_text;
    (*out)->close = close_part;
    return RONDO_OK;
}

/* The document that byte `at` of all is in; *at becomes its place there, between letters. */
static rondo_status find(const rondo_dataset *raw, int64_t *at, int64_t *document)
{
    cursor c = { 0 };
    const char *text;
    size_t n = 0;
    rondo_status status = RONDO_OK;
    for (*document = 0; !status; ++*document, *at -= (int64_t)n) {
        status = raw->text(raw, &c, *document, &text, &n);
        if (status || *at < (int64_t)n || *document + 1 == raw->count) break;
    }
    while (!status && *at > 0 && *at < (int64_t)n && ((unsigned char)text[*at] & 0xC0) == 0x80)
        --*at;
    cursor_free(&c);
    return status;
}

rondo_status corpus_split(rondo_dataset **most, rondo_dataset **rest, const rondo_dataset *raw,
                          double part)
{
    cursor c = { 0 };
    int64_t total = 0, document = 0;
    rondo_status status = RONDO_OK;
    *most = *rest = NULL;
    for (int64_t i = 0; i < raw->count && !status; i++) {
        const char *text;
        size_t n;
        status = raw->text(raw, &c, i, &text, &n);
        if (!status) total += (int64_t)n;
    }
    cursor_free(&c);
    int64_t at = total - (int64_t)((double)total * part);
    if (!status) status = find(raw, &at, &document);
    if (!status) status = part_new(most, raw, 0, document + 1, 0, (size_t)at);
    if (!status)
        status = part_new(rest, raw, document, raw->count - document, (size_t)at, SIZE_MAX);
    return status;
}
