/* arrays.c - a dataset over arrays of the caller, borrowed. */
#include "data/data.h"
#include <string.h>

typedef struct arrays {
    rondo_array input[MAX_FIELDS], target[MAX_FIELDS];
    const float *weights;
} arrays;

/* Rows per field: {T,F} or {F} reals, {T} tokens or {} labels; [N] reals are {1}. */
static rondo_status check(field_shape *out, const rondo_array *a, int64_t count, const char *what,
                          int i)
{
    const rondo_shape *s = &a->shape;
    const bool reals = a->type == RONDO_F32;
    if (!reals && a->type != RONDO_I32)
        return rondo_fail(RONDO_E_ARG, "%s %d has an unknown element type", what, i);
    if (s->rank < 1 || s->rank > (reals ? 3 : 2))
        return rondo_fail(RONDO_E_SHAPE,
                          reals ? "%s %d has rank %d; reals are [N][T][F], [N][F] or [N]"
                                : "%s %d has rank %d; integers are [N][T] or [N]",
                          what, i, s->rank);
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] < 0 || s->dim[k] > LIMIT_SIZE)
            return rondo_fail(RONDO_E_SHAPE, "%s %d has a dimension of %lld", what, i,
                              (long long)s->dim[k]);
    if (s->dim[0] != count)
        return rondo_fail(RONDO_E_SHAPE, "%s %d has %lld rows, input 0 has %lld", what, i,
                          (long long)s->dim[0], (long long)count);
    if (!a->data) return rondo_fail(RONDO_E_ARG, "%s %d has no data", what, i);
    out->type = a->type;
    out->shape.rank = s->rank - 1;
    memcpy(out->shape.dim, s->dim + 1, (size_t)(s->rank - 1) * sizeof *s->dim);
    if (reals && s->rank == 1) out->shape = (rondo_shape){ 1, { 1 } };
    if (!a->lengths) return RONDO_OK;
    if (!field_is_sequence(out))
        return rondo_fail(RONDO_E_ARG, "%s %d is no sequence and has lengths", what, i);
    for (int64_t r = 0; r < count; r++)
        if (a->lengths[r] < 0 || a->lengths[r] > s->dim[1])
            return rondo_fail(RONDO_E_SHAPE, "%s %d, row %lld: length %lld is not within 0…%lld",
                              what, i, (long long)r, (long long)a->lengths[r],
                              (long long)s->dim[1]);
    out->shape.dim[0] = 0;
    return RONDO_OK;
}

static field get_field(const rondo_array *a, const field_shape *shape, int64_t i)
{
    int64_t steps = 1, size = 1;
    for (int k = 1; k < a->shape.rank; k++) size *= a->shape.dim[k];
    if (field_is_sequence(shape)) steps = a->lengths ? a->lengths[i] : a->shape.dim[1];
    if (a->type == RONDO_F32) return (field){ (const real *)a->data + i * size, NULL, steps };
    return (field){ NULL, (const int32_t *)a->data + i * size, steps };
}

/* Behind a row's end may stand anything. */
static rondo_status check_values(const rondo_array *a, const field_shape *shape, int64_t count,
                                 const char *what, int i)
{
    if (a->type != RONDO_F32) return RONDO_OK;
    for (int64_t r = 0; r < count; r++) {
        const field f = get_field(a, shape, r);
        const int64_t n = f.steps * field_features(shape);
        real sum = 0;
        for (int64_t k = 0; k < n; k++) sum += f.data[k] * 0;
        if (sum != 0) /* so with NaN or infinity among them */
            return rondo_fail(RONDO_E_FORMAT,
                              "%s %d: sample %lld (from 0) has a value that is not "
                              "finite",
                              what, i, (long long)r);
    }
    return RONDO_OK;
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    const arrays *a = d->self;
    for (int k = 0; k < d->n_inputs; k++)
        if (field_is_sequence(&d->input[k])) return get_field(&a->input[k], &d->input[k], i).steps;
    for (int k = 0; k < d->n_targets; k++)
        if (field_is_sequence(&d->target[k]))
            return get_field(&a->target[k], &d->target[k], i).steps;
    return 1;
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const arrays *a = d->self;
    (void)c;
    for (int k = 0; k < d->n_inputs; k++) out->input[k] = get_field(&a->input[k], &d->input[k], i);
    for (int k = 0; k < d->n_targets; k++)
        out->target[k] = get_field(&a->target[k], &d->target[k], i);
    out->weight = a->weights ? a->weights[i] : 1;
    return RONDO_OK;
}

static void close_arrays(rondo_dataset *d)
{
    alloc_free(d->self);
}

/* The digest stays 0: what is borrowed may change, so no promise is made about it. */
rondo_status rondo_dataset_new(rondo_dataset **out, const rondo_batch *all)
{
    *out = NULL;
    if (all->n_inputs < 1 || all->n_inputs > MAX_FIELDS || all->n_targets < 0 ||
        all->n_targets > MAX_FIELDS)
        return rondo_fail(RONDO_E_ARG, "a dataset has 1…%d inputs and 0…%d targets, not %d and %d",
                          MAX_FIELDS, MAX_FIELDS, all->n_inputs, all->n_targets);
    const int64_t count = all->inputs[0].shape.rank > 0 ? all->inputs[0].shape.dim[0] : 0;
    rondo_dataset *d;
    RONDO_TRY(dataset_new(&d, count));
    rondo_status s = RONDO_OK;
    arrays *a = d->self = alloc_new(sizeof *a);
    if (!a) s = RONDO_E_NOMEM;
    for (int i = 0; !s && i < all->n_inputs; i++) {
        s = check(&d->input[i], &all->inputs[i], count, "input", i);
        if (!s) s = check_values(&all->inputs[i], &d->input[i], count, "input", i);
        a->input[i] = all->inputs[i];
    }
    for (int i = 0; !s && i < all->n_targets; i++) {
        s = check(&d->target[i], &all->targets[i], count, "target", i);
        if (!s) s = check_values(&all->targets[i], &d->target[i], count, "target", i);
        a->target[i] = all->targets[i];
    }
    d->close = close_arrays;
    if (s) {
        rondo_dataset_free(d);
        return s;
    }
    a->weights = all->weights;
    d->n_inputs = all->n_inputs;
    d->n_targets = all->n_targets;
    d->weighted = all->weights != NULL;
    d->length = length;
    d->get = get;
    *out = d;
    return RONDO_OK;
}
