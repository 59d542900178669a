/* grid.c - arrays of numbers in a file (npy, idx), sample after sample: converted as they are
 * asked for, or borrowed from the mapped file when they are what we compute with. */
#include "data/data.h"
#include <math.h>
#include <string.h>

typedef struct grids {
    number_grid x, y;
    bool tokens, direct;    /* x: as int32_t; as it stands in the file */
    int64_t x_size, y_size; /* elements of a sample */
    bool has_labels, has_y;
    spill labels;          /* [N][y_size] int32_t, when targets are classes */
    char *x_path, *y_path; /* what x.path and y.path point to */
} grids;

int64_t grid_bytes(grid_type t)
{
    static const unsigned char bytes[] = { 1, 1, 2, 4, 8, 4, 8 };
    return bytes[t];
}

static bool is_integer(const number_grid *g)
{
    return g->type != GRID_F32 && g->type != GRID_F64;
}

rondo_status grid_check(const number_grid *g, size_t size)
{
    int64_t need = grid_bytes(g->type);
    for (int k = 0; k < g->rank; k++)
        if (!size_mul(need, g->dim[k], &need))
            return rondo_fail(RONDO_E_LIMIT, "%s: its header claims too many numbers", g->path);
    if ((size_t)need != size)
        return rondo_fail(
            RONDO_E_FORMAT, "%s: its header claims %lld bytes of numbers, %zu follow%s", g->path,
            (long long)need, size, (size_t)need > size ? "; the file is cut short" : "");
    if (g->rank < 1 || need == 0) return rondo_fail(RONDO_E_FORMAT, "%s: no numbers", g->path);
    return RONDO_OK;
}

void grid_close(number_grid *g)
{
    source_close(&g->source);
    alloc_free(g->order);
    *g = (number_grid){ 0 };
}

/* Element i as a double; integers of 64 bits may round above 2^53. */
static double value_at(const number_grid *g, int64_t i)
{
    const int64_t bytes = grid_bytes(g->type);
    const unsigned char *from = g->data + i * bytes;
    uint64_t bits = 0;
    if (g->type == GRID_U8) return *from;
    for (int64_t k = 0; k < bytes; k++)
        bits |= (uint64_t)from[g->big_endian ? bytes - 1 - k : k] << 8 * k;
    const uint32_t low = (uint32_t)bits;
    float f;
    double d;
    switch (g->type) {
    case GRID_I8:
        return (int8_t)bits;
    case GRID_I16:
        return (int16_t)bits;
    case GRID_I32:
        return (int32_t)bits;
    case GRID_I64:
        return (double)(int64_t)bits;
    case GRID_F32:
        memcpy(&f, &low, sizeof f);
        return f;
    default:
        memcpy(&d, &bits, sizeof d);
        return d;
    }
}

static void read_bytes(real *restrict out, const unsigned char *restrict from, double factor,
                       int64_t size)
{
    real value[256]; /* of each byte: a picture has far more of them */
    for (int i = 0; i < 256; i++) value[i] = (real)(i * factor);
    for (int64_t i = 0; i < size; i++) out[i] = value[from[i]];
}

static rondo_status check_finite(const number_grid *g, int64_t item, const real *x, int64_t size)
{
    real check = 0;
    for (int64_t i = 0; i < size; i++) check += x[i] * 0;
    if (check == 0) return RONDO_OK; /* not so with NaN or infinity among them */
    return rondo_fail(RONDO_E_FORMAT, "%s: sample %lld (from 0) has a value that is not finite",
                      g->path, (long long)item);
}

static rondo_status read_reals(real *out, const number_grid *g, int64_t item, int64_t size)
{
    if (g->type == GRID_U8 && !g->order) {
        read_bytes(out, g->data + item * size, g->factor, size);
        return RONDO_OK;
    }
    for (int64_t i = 0; i < size; i++)
        out[i] = (real)(value_at(g, item * size + (g->order ? g->order[i] : i)) * g->factor);
    return check_finite(g, item, out, size);
}

static rondo_status read_tokens(int32_t *out, const number_grid *g, int64_t item, int64_t size)
{
    for (int64_t i = 0; i < size; i++) {
        const double v = value_at(g, item * size + i);
        if (v < 0 || v > INT32_MAX)
            return rondo_fail(RONDO_E_FORMAT, "%s: sample %lld (from 0): %.17g is no token",
                              g->path, (long long)item, v);
        out[i] = (int32_t)v;
    }
    return RONDO_OK;
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    (void)i;
    return field_is_sequence(&d->input[0]) ? d->input[0].shape.dim[0] : 1;
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const grids *g = d->self;
    const int64_t y_steps = d->n_targets && field_is_sequence(&d->target[0])
                                ? d->target[0].shape.dim[0]
                                : 1;
    RONDO_TRY(cursor_reserve(c, (size_t)(g->x_size + g->y_size) * sizeof(real)));
    real *x = c->memory, *y = x + g->x_size;
    out->weight = 1;
    out->input[0] = (field){ .steps = length(d, i) };
    if (g->tokens) {
        RONDO_TRY(read_tokens(c->memory, &g->x, i, g->x_size));
        out->input[0].tokens = c->memory;
    } else if (g->direct) {
        out->input[0].data = (const real *)(const void *)g->x.data + i * g->x_size;
        RONDO_TRY(check_finite(&g->x, i, out->input[0].data, g->x_size));
    } else {
        RONDO_TRY(read_reals(x, &g->x, i, g->x_size));
        out->input[0].data = x;
    }
    if (!g->has_y) return RONDO_OK;
    if (g->has_labels) {
        const int32_t *labels = (const int32_t *)(const void *)g->labels.data;
        out->target[0] = (field){ NULL, labels + i * g->y_size, y_steps };
        return RONDO_OK;
    }
    out->target[0] = (field){ y, NULL, y_steps };
    return read_reals(y, &g->y, i, g->y_size);
}

static void close_grids(rondo_dataset *d)
{
    grids *g = d->self;
    if (!g) return;
    grid_close(&g->x);
    grid_close(&g->y);
    spill_free(&g->labels);
    alloc_free(g->x_path);
    alloc_free(g->y_path);
    alloc_free(g);
}

static int64_t sample_size(const number_grid *g)
{
    int64_t size = 1;
    for (int k = 1; k < g->rank; k++) size *= g->dim[k];
    return size;
}

/* [N] → {1}, [N][F] → {F}, [N][T][F]… → {T,F…}; tokens [N][T] → {T}. */
static rondo_status describe_input(rondo_dataset *d, grids *g)
{
    const number_grid *x = &g->x;
    if (g->tokens) {
        if (x->rank != 2 || !is_integer(x))
            return rondo_fail(RONDO_E_SHAPE, "%s: tokens are integers of shape [N][T]", x->path);
        d->input[0] = (field_shape){ RONDO_I32, { 1, { x->dim[1] } } };
    } else if (x->rank <= 2) {
        d->input[0] = (field_shape){ RONDO_F32, { 1, { g->x_size } } };
    } else {
        d->input[0] = (field_shape){ RONDO_F32, { 2, { x->dim[1], g->x_size / x->dim[1] } } };
    }
    const union {
        uint16_t word;
        unsigned char first;
    } probe = { 1 };
    g->direct = !g->tokens && !x->order && x->type == GRID_F32 && sizeof(real) == 4 &&
                x->factor == 1 && x->big_endian == (probe.first == 0) &&
                (uintptr_t)x->data % sizeof(real) == 0;
    return RONDO_OK;
}

/* Integers are classes, of a sample or of each step; other numbers are numbers. */
static rondo_status read_labels(rondo_dataset *d, grids *g, const reader_request *request)
{
    class_list list = { 0 };
    rondo_status s = RONDO_OK;
    const int64_t count = d->count * g->y_size;
    if (request->classes) s = class_list_fix(&list, request->classes, request->n_classes);
    double last = NAN;
    int32_t label = 0;
    for (int64_t i = 0; !s && i < count; i++) {
        const double v = value_at(&g->y, i);
        if (v != last) {
            char name[40];
            if (v == floor(v) && fabs(v) < 1e15)
                snprintf(name, sizeof name, "%lld", (long long)v);
            else
                snprintf(name, sizeof name, "%.9g", v);
            s = isfinite(v) ? class_list_find(&list, name, g->y.path, i, &label)
                            : rondo_fail(RONDO_E_FORMAT, "%s: label %lld is not finite", g->y.path,
                                         (long long)i);
            last = v;
        }
        if (!s) s = spill_append(&g->labels, &label, sizeof label);
    }
    if (!s) s = class_list_finish(&list, (int32_t *)(void *)g->labels.data, count);
    if (!s) class_list_give(&list, d);
    class_list_free(&list);
    return s;
}

static rondo_status describe_target(rondo_dataset *d, grids *g, const reader_request *request)
{
    const number_grid *x = &g->x, *y = &g->y;
    if (y->dim[0] != x->dim[0])
        return rondo_fail(RONDO_E_SHAPE, "%s has %lld samples, its labels %s have %lld", x->path,
                          (long long)x->dim[0], y->path, (long long)y->dim[0]);
    const bool per_step = y->rank == 2 && field_is_sequence(&d->input[0]) &&
                          y->dim[1] == length(d, 0);
    g->has_labels = request->target == TARGET_CLASSES ||
                    (request->target == TARGET_AUTO && is_integer(y) && (y->rank == 1 || per_step));
    g->has_y = true;
    d->n_targets = 1;
    if (g->has_labels) {
        if (y->rank != 1 && !per_step)
            return rondo_fail(RONDO_E_SHAPE, "%s: labels are of shape [N], or [N][T] one per step",
                              y->path);
        d->target[0] = (field_shape){ RONDO_I32,
                                      { y->rank - 1, { y->rank == 2 ? y->dim[1] : 0 } } };
        return read_labels(d, g, request);
    }
    if (y->rank > 3)
        return rondo_fail(RONDO_E_SHAPE, "%s: targets of rank %d; at most [N][T][F]", y->path,
                          y->rank);
    d->target[0] = y->rank == 3 ? (field_shape){ RONDO_F32, { 2, { y->dim[1], y->dim[2] } } }
                                : (field_shape){ RONDO_F32, { 1, { g->y_size } } };
    return RONDO_OK;
}

static rondo_status own_path(char **copy, number_grid *g)
{
    g->path = *copy = alloc_text(g->path);
    return *copy ? RONDO_OK : RONDO_E_NOMEM;
}

rondo_status grid_dataset(rondo_dataset **out, number_grid *x, number_grid *y, bool tokens,
                          const reader_request *request)
{
    *out = NULL;
    rondo_dataset *d = NULL;
    grids *g = alloc_new(sizeof *g);
    rondo_status s = g ? dataset_new(&d, x->dim[0]) : RONDO_E_NOMEM;
    if (s) {
        alloc_free(g);
        grid_close(x);
        if (y) grid_close(y);
        return s;
    }
    *g = (grids){ .x = *x, .tokens = tokens, .x_size = sample_size(x) };
    *x = (number_grid){ 0 };
    if (y) {
        g->y = *y;
        g->y_size = sample_size(y);
        *y = (number_grid){ 0 };
    }
    spill_init(&g->labels, 0);
    d->self = g;
    d->close = close_grids;
    d->length = length;
    d->get = get;
    d->n_inputs = 1;
    s = own_path(&g->x_path, &g->x);
    if (!s) s = describe_input(d, g);
    if (!s && y) s = own_path(&g->y_path, &g->y);
    if (!s && y) s = describe_target(d, g, request);
    if (s)
        rondo_dataset_free(d);
    else
        *out = d;
    return s;
}
