/* batch.c - samples, [N][T][F], become batches, [T][B][F]; the only place that knows both. */
#include "data/data.h"
#include <string.h>

/* A batch's fields, inputs first, then targets. */
static batch_field *field_at(batch *b, int k)
{
    return k < b->n_inputs ? &b->input[k] : &b->target[k - b->n_inputs];
}
static const field_shape *shape_at(const rondo_dataset *d, int k)
{
    return k < d->n_inputs ? &d->input[k] : &d->target[k - d->n_inputs];
}
static const field *sample_at(const rondo_dataset *d, const sample *s, int k)
{
    return k < d->n_inputs ? &s->input[k] : &s->target[k - d->n_inputs];
}
static bool is_ragged(const field_shape *f)
{
    return field_is_sequence(f) && f->shape.dim[0] == 0;
}

/* Steps [first, first+steps) of a sequence that has `all`: how many there are. */
static int64_t steps_within(int64_t all, int64_t first, int64_t steps)
{
    const int64_t left = all > first ? all - first : 0;
    return left < steps ? left : steps;
}

static void describe(batch *b, const rondo_dataset *d, int64_t first, int64_t steps)
{
    b->n_inputs = d->n_inputs;
    b->n_targets = d->n_targets;
    for (int k = 0; k < d->n_inputs + d->n_targets; k++) {
        const field_shape *f = shape_at(d, k);
        batch_field *to = field_at(b, k);
        *to = (batch_field){ .type = f->type,
                             .sequence = field_is_sequence(f),
                             .steps = 1,
                             .features = field_features(f) };
        if (to->sequence) to->steps = steps_within(f->shape.dim[0], first, steps);
    }
}

/* Raises the steps of ragged fields to what these samples need; items NULL: the first n samples. */
static rondo_status measure(batch *b, const rondo_dataset *d, const int64_t *items, int64_t n,
                            int64_t first, int64_t steps)
{
    int ragged = 0, begin = -1; /* length() speaks of the first sequence */
    for (int k = d->n_inputs + d->n_targets - 1; k >= 0; k--) {
        if (field_is_sequence(shape_at(d, k))) begin = k;
        ragged += is_ragged(shape_at(d, k));
    }
    if (!ragged) return RONDO_OK;
    const bool cheap = ragged == 1 && is_ragged(shape_at(d, begin));
    for (int64_t i = 0; i < n; i++) {
        const int64_t item = items ? items[i] : i;
        sample s = { 0 };
        if (!cheap) RONDO_TRY(d->get(d, &b->cursor, item, &s));
        for (int k = begin; k < d->n_inputs + d->n_targets; k++) {
            if (!is_ragged(shape_at(d, k))) continue;
            const int64_t all = cheap ? d->length(d, item) : sample_at(d, &s, k)->steps;
            const int64_t here = steps_within(all, first, steps);
            if (here > field_at(b, k)->steps) field_at(b, k)->steps = here;
        }
    }
    return RONDO_OK;
}

/* Carves the block, or only measures when memory is NULL; false when it would be too large. */
static bool carve(batch *b, const rondo_dataset *d, int64_t n, unsigned char *memory, int64_t *size)
{
    int64_t at = 0, bytes;
    for (int k = 0; k < b->n_inputs + b->n_targets; k++) {
        batch_field *f = field_at(b, k);
        const int64_t element = f->type == RONDO_F32 ? sizeof(real) : sizeof(int32_t);
        if (!size_mul(f->steps, n, &bytes) || !size_mul(bytes, f->features, &bytes) ||
            !size_mul(bytes, element, &bytes))
            return false;
        void *data = memory ? memory + at : NULL;
        f->data = f->type == RONDO_F32 ? data : NULL;
        f->tokens = f->type == RONDO_I32 ? data : NULL;
        if (!size_add(at, (bytes + 63) & ~(int64_t)63, &at)) return false;
        if (f->sequence) {
            f->lengths = memory ? (int64_t *)(void *)(memory + at) : NULL;
            if (!size_mul(n, sizeof *f->lengths, &bytes)) return false;
            if (!size_add(at, (bytes + 63) & ~(int64_t)63, &at)) return false;
        }
    }
    b->weight = memory && d->weighted ? (real *)(void *)(memory + at) : NULL;
    if (!size_mul(n, sizeof *b->weight, &bytes) || !size_add(at, bytes + 64, &at)) return false;
    *size = at;
    return true;
}

static rondo_status lay_out(batch *b, const rondo_dataset *d, int64_t n)
{
    int64_t size;
    if (!carve(b, d, n, NULL, &size))
        return rondo_fail(RONDO_E_LIMIT, "a batch of %lld such samples is too large", (long long)n);
    if ((size_t)size > b->size) {
        void *memory = alloc_aligned((size_t)size);
        if (!memory) return RONDO_E_NOMEM;
        alloc_free_aligned(b->memory);
        b->memory = memory;
        b->size = (size_t)size;
    }
    carve(b, d, n, b->memory, &size);
    return RONDO_OK;
}

/* One row of a field: step first+t goes to [t][row]; zeros behind the row's end. */
static void place(batch_field *to, const field *from, int64_t first, int64_t row, int64_t rows,
                  const scaler *scale)
{
    const int64_t width = to->features, skip = to->sequence ? first : 0;
    const int64_t here = steps_within(from->steps, skip, to->steps);
    for (int64_t t = 0; t < to->steps; t++) {
        const int64_t at = t * rows + row;
        if (to->type == RONDO_I32) {
            to->tokens[at] = t < here ? from->tokens[skip + t] : 0;
        } else if (t >= here) {
            memset(to->data + at * width, 0, (size_t)width * sizeof(real));
        } else {
            memcpy(to->data + at * width, from->data + (skip + t) * width,
                   (size_t)width * sizeof(real));
            if (scale) scaler_apply(scale, to->data + at * width, 1);
        }
    }
    if (to->sequence) to->lengths[row] = here;
}

static rondo_status check_scaler(const scaler *s, const batch_field *f, int n, const char *what)
{
    if (!s || !s->n) return RONDO_OK;
    if (n && f->type == RONDO_F32 && f->features == s->n) return RONDO_OK;
    return rondo_fail(RONDO_E_SHAPE, "the %s scaler is for %lld numbers, the data have %lld", what,
                      (long long)s->n, (long long)(n && f->type == RONDO_F32 ? f->features : 0));
}

rondo_status batch_gather(batch *b, const rondo_dataset *d, const int64_t *items, int64_t n,
                          const scaler *scale_in, const scaler *scale_out)
{
    return batch_gather_steps(b, d, items, n, 0, ALL_STEPS, scale_in, scale_out);
}

rondo_status batch_gather_steps(batch *b, const rondo_dataset *d, const int64_t *items, int64_t n,
                                int64_t first, int64_t steps, const scaler *scale_in,
                                const scaler *scale_out)
{
    const int fields = d->n_inputs + d->n_targets;
    b->rows = n;
    describe(b, d, first, steps);
    RONDO_TRY(check_scaler(scale_in, &b->input[0], b->n_inputs, "input"));
    if (b->n_targets) RONDO_TRY(check_scaler(scale_out, &b->target[0], b->n_targets, "target"));
    RONDO_TRY(measure(b, d, items, n, first, steps));
    RONDO_TRY(lay_out(b, d, n));
    for (int64_t row = 0; row < n; row++) {
        sample s = { .weight = 1 };
        RONDO_TRY(d->get(d, &b->cursor, items[row], &s));
        for (int k = 0; k < fields; k++)
            place(field_at(b, k), sample_at(d, &s, k), first, row, n,
                  k == 0             ? scale_in
                  : k == d->n_inputs ? scale_out
                                     : NULL);
        if (b->weight) b->weight[row] = s.weight;
    }
    for (int k = 0; k < fields; k++) {
        batch_field *f = field_at(b, k);
        bool full = true;
        for (int64_t row = 0; f->sequence && row < n; row++) full &= f->lengths[row] == f->steps;
        if (full) f->lengths = NULL;
    }
    return RONDO_OK;
}

rondo_status batch_reserve(batch *b, const rondo_dataset *d, int64_t n, int64_t steps)
{
    describe(b, d, 0, steps);
    RONDO_TRY(measure(b, d, NULL, d->count, 0, steps));
    RONDO_TRY(lay_out(b, d, n));
    int64_t longest = 0; /* its get() grows the cursor once for all */
    for (int64_t i = 1; i < d->count; i++)
        if (d->length(d, i) > d->length(d, longest)) longest = i;
    sample s;
    return d->count ? d->get(d, &b->cursor, longest, &s) : RONDO_OK;
}

void batch_free(batch *b)
{
    alloc_free_aligned(b->memory);
    cursor_free(&b->cursor);
    *b = (batch){ 0 };
}

void batch_to_rows(real *y, const real *x, int64_t rows, int64_t steps, int64_t features)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t t = 0; t < steps; t++)
            memcpy(y + (r * steps + t) * features, x + (t * rows + r) * features,
                   (size_t)features * sizeof *y);
}
