/* dataset.c - what every dataset does, wherever its samples come from. */
#include "data/data.h"
#include <string.h>

rondo_status cursor_reserve(cursor *c, size_t bytes)
{
    if (bytes <= c->size) return RONDO_OK;
    void *memory = alloc_grow(c->memory, bytes);
    if (!memory) return RONDO_E_NOMEM;
    c->memory = memory;
    c->size = bytes;
    return RONDO_OK;
}

void cursor_free(cursor *c)
{
    alloc_free(c->memory);
    *c = (cursor){ 0 };
}

rondo_status dataset_new(rondo_dataset **out, int64_t count)
{
    *out = alloc_new(sizeof **out);
    if (!*out) return RONDO_E_NOMEM;
    (*out)->count = count;
    return RONDO_OK;
}

int64_t rondo_dataset_count(const rondo_dataset *d)
{
    return d ? d->count : 0;
}

void rondo_dataset_free(rondo_dataset *d)
{
    if (!d) return;
    if (d->close) d->close(d);
    text_list_free(d->classes);
    text_list_free(d->features);
    text_list_free(d->targets);
    groups_close(d);
    alloc_free(d);
}

int64_t dataset_longest(const rondo_dataset *d)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < d->count; i++) {
        int64_t n = d->length(d, i);
        if (n > longest) longest = n;
    }
    return longest;
}

/* ---- A view of some samples ---- */
typedef struct subset {
    const rondo_dataset *of;
    rondo_dataset *owned; /* the same, where it goes with the view */
    int64_t items[];      /* [count] */
} subset;

static int64_t subset_length(const rondo_dataset *d, int64_t i)
{
    const subset *s = d->self;
    return s->of->length(s->of, s->items[i]);
}

static rondo_status subset_get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const subset *s = d->self;
    return s->of->get(s->of, c, s->items[i], out);
}

static rondo_status subset_text(const rondo_dataset *d, cursor *c, int64_t i, const char **text,
                                size_t *n)
{
    const subset *s = d->self;
    return s->of->text(s->of, c, s->items[i], text, n);
}

static void subset_close(rondo_dataset *d)
{
    subset *s = d->self;
    rondo_dataset_free(s->owned);
    alloc_free(s);
    d->classes = d->features = d->targets = NULL; /* borrowed */
}

/* The items' own: a view that forgets groups would not be one to evaluate by them. */
static rondo_status subset_groups(rondo_dataset *d, const rondo_dataset *of)
{
    const subset *s = d->self;
    d->n_groups = 0;
    d->groups = NULL;
    if (!of->n_groups) return RONDO_OK;
    d->groups = alloc_array(of->n_groups, sizeof *d->groups);
    if (!d->groups) return RONDO_E_NOMEM;
    for (int k = 0; k < of->n_groups; k++) {
        const group_column *from = &of->groups[k];
        group_column *to = &d->groups[d->n_groups++];
        to->name = alloc_text(from->name);
        to->values = alloc_array((int64_t)from->n + 1, sizeof *to->values);
        to->of = alloc_array(d->count + 1, sizeof *to->of);
        if (!to->name || !to->values || !to->of) return RONDO_E_NOMEM;
        for (; to->n < from->n; to->n++)
            if (!(to->values[to->n] = alloc_text(from->values[to->n]))) return RONDO_E_NOMEM;
        for (int64_t i = 0; i < d->count; i++) to->of[i] = from->of[s->items[i]];
    }
    return RONDO_OK;
}

static void subset_digest(rondo_dataset *d)
{
    const subset *s = d->self;
    uint8_t hash[32];
    uint64_t mine;
    if (!d->digest) return;
    sha256(hash, s->items, (size_t)d->count * sizeof *s->items);
    memcpy(&mine, hash, sizeof mine);
    d->digest ^= mine;
}

static rondo_status make_subset(rondo_dataset **out, const rondo_dataset *of, const int64_t *items,
                                int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] < 0 || items[i] >= of->count)
            return rondo_fail(RONDO_E_ARG, "sample %lld of %lld does not exist",
                              (long long)items[i], (long long)of->count);
    int64_t size;
    if (!size_mul(n, sizeof *items, &size) || !size_add(size, sizeof(subset), &size))
        return rondo_fail(RONDO_E_LIMIT, "a subset of %lld samples is too large", (long long)n);
    subset *s = alloc_new((size_t)size);
    if (!s) return RONDO_E_NOMEM;
    if (dataset_new(out, n)) {
        alloc_free(s);
        return RONDO_E_NOMEM;
    }
    **out = *of;
    (*out)->count = n;
    (*out)->length = subset_length;
    (*out)->get = subset_get;
    if (of->text) (*out)->text = subset_text;
    (*out)->close = subset_close;
    (*out)->self = s;
    s->of = of;
    if (n) memcpy(s->items, items, (size_t)n * sizeof *items);
    subset_digest(*out);
    return subset_groups(*out, of);
}

rondo_status dataset_subset(rondo_dataset **out, const rondo_dataset *of, const int64_t *items,
                            int64_t n)
{
    *out = NULL;
    const rondo_status s = make_subset(out, of, items, n);
    if (!s) return RONDO_OK;
    rondo_dataset_free(*out);
    *out = NULL;
    return s;
}

rondo_status dataset_part(rondo_dataset **d, const int64_t *items, int64_t n)
{
    rondo_dataset *whole = *d, *part;
    RONDO_TRY(dataset_subset(&part, whole, items, n));
    ((subset *)part->self)->owned = whole;
    *d = part;
    return RONDO_OK;
}

/* ---- A view of streams in pieces ---- */
typedef struct windows {
    const rondo_dataset *of;
    int64_t steps;
    int64_t first[]; /* [streams] the number of its first piece */
} windows;

static int64_t pieces_of(const windows *w, int64_t stream)
{
    return (w->of->length(w->of, stream) + w->steps - 1) / w->steps;
}

/* The stream that piece i is of, and where it begins there. */
static int64_t find_piece(const windows *w, int64_t i, int64_t *at)
{
    int64_t stream = 0;
    while (stream + 1 < w->of->count && w->first[stream + 1] <= i) stream++;
    *at = (i - w->first[stream]) * w->steps;
    return stream;
}

static int64_t piece_length(const rondo_dataset *d, int64_t i)
{
    const windows *w = d->self;
    int64_t at;
    const int64_t stream = find_piece(w, i, &at), left = w->of->length(w->of, stream) - at;
    return left < w->steps ? left : w->steps;
}

static void cut_field(const field_shape *shape, field *f, int64_t at, int64_t steps)
{
    if (!field_is_sequence(shape)) return;
    if (f->data) f->data += at * field_features(shape);
    if (f->tokens) f->tokens += at;
    f->steps = steps;
}

static rondo_status piece_get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const windows *w = d->self;
    int64_t at;
    const int64_t stream = find_piece(w, i, &at), steps = piece_length(d, i);
    RONDO_TRY(w->of->get(w->of, c, stream, out));
    for (int k = 0; k < d->n_inputs; k++) cut_field(&d->input[k], &out->input[k], at, steps);
    for (int k = 0; k < d->n_targets; k++) cut_field(&d->target[k], &out->target[k], at, steps);
    return RONDO_OK;
}

static void pieces_close(rondo_dataset *d)
{
    alloc_free(d->self);
    d->classes = d->features = d->targets = NULL; /* borrowed */
}

rondo_status dataset_windows(rondo_dataset **out, const rondo_dataset *streams, int64_t steps)
{
    *out = NULL;
    windows *w = alloc_new(sizeof *w + (size_t)streams->count * sizeof *w->first);
    rondo_dataset *d;
    if (!w || dataset_new(&d, 0)) {
        alloc_free(w);
        return RONDO_E_NOMEM;
    }
    w->of = streams;
    w->steps = steps;
    *d = *streams;
    d->count = 0;
    for (int64_t r = 0; r < streams->count; r++) {
        w->first[r] = d->count;
        d->count += pieces_of(w, r);
    }
    d->streams = false;
    d->text_bytes = 0;
    d->length = piece_length;
    d->get = piece_get;
    d->text = NULL;
    d->close = pieces_close;
    d->groups = NULL;
    d->n_groups = 0;
    d->self = w;
    *out = d;
    return RONDO_OK;
}
