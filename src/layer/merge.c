/* concat, add, multiply, average:  several values of the same rows into one. */
#include "layer.h"
#include <string.h>

typedef struct options {
    char *name;
} options;

static const option_field fields[] = {
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

enum { MAX_PARTS = 16 };

static void concat_forward(real *y, int n, const real *const part[], const int64_t width[],
                           int64_t rows)
{
    int64_t total = 0, column = 0;
    for (int i = 0; i < n; i++) total += width[i];
    for (int i = 0; i < n; i++) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(y + r * total + column, part[i] + r * width[i], (size_t)width[i] * sizeof *y);
        column += width[i];
    }
}

void merge_forward(merge_kind kind, real *y, int n, const real *const part[], const int64_t width[],
                   int64_t rows)
{
    const kernels *k = kernel_table();
    const int64_t size = rows * width[0];
    if (kind == MERGE_CONCAT) {
        concat_forward(y, n, part, width, rows);
        return;
    }
    k->scale(y, part[0], 1, size);
    for (int i = 1; i < n; i++) {
        if (kind == MERGE_MULTIPLY)
            k->mul(y, y, part[i], size);
        else
            k->add(y, part[i], size);
    }
    if (kind == MERGE_AVERAGE) k->scale(y, y, (real)1 / (real)n, size);
}

static void concat_backward(real *const dpart[], const bool add[], const real *dy, int n,
                            const int64_t width[], int64_t rows)
{
    int64_t total = 0, column = 0;
    for (int i = 0; i < n; i++) total += width[i];
    for (int i = 0; i < n; i++) {
        for (int64_t r = 0; dpart[i] && r < rows; r++)
            layer_accumulate(dpart[i] + r * width[i], dy + r * total + column, add[i], width[i]);
        column += width[i];
    }
}

/* d part[i] = dy · Π of the other parts, a row at a time so that the product stays in the cache */
static void multiply_backward(real *dpart, bool add, const real *dy, int i, int n,
                              const real *const part[], int64_t size)
{
    const kernels *k = kernel_table();
    enum { BLOCK = 256 };
    real product[BLOCK];
    for (int64_t at = 0; at < size; at += BLOCK) {
        const int64_t m = size - at < BLOCK ? size - at : BLOCK;
        k->scale(product, dy + at, 1, m);
        for (int j = 0; j < n; j++)
            if (j != i) k->mul(product, product, part[j] + at, m);
        layer_accumulate(dpart + at, product, add, m);
    }
}

void merge_backward(merge_kind kind, real *const dpart[], const bool add[], const real *dy, int n,
                    const real *const part[], const int64_t width[], int64_t rows)
{
    const kernels *k = kernel_table();
    const int64_t size = rows * width[0];
    if (kind == MERGE_CONCAT) {
        concat_backward(dpart, add, dy, n, width, rows);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!dpart[i]) continue;
        if (kind == MERGE_MULTIPLY) {
            multiply_backward(dpart[i], add[i], dy, i, n, part, size);
        } else {
            const real share = kind == MERGE_AVERAGE ? (real)1 / (real)n : 1;
            if (add[i])
                k->axpy(dpart[i], share, dy, size);
            else
                k->scale(dpart[i], dy, share, size);
        }
    }
}

extern const layer_type layer_merges[4];

static merge_kind kind_of(const rondo_layer *l)
{
    return (merge_kind)(l->type - layer_merges);
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const bool concat = kind_of(l) == MERGE_CONCAT;
    char a[64], b[64];
    out[0] = in[0];
    *n_out = 1;
    for (int i = 1; i < n; i++) {
        value_shape other = in[i];
        if (concat) other.features = in[0].features;
        if (!shape_equal(&in[0], &other))
            return rondo_fail(RONDO_E_SHAPE, "%s cannot join %s and %s", l->kind,
                              shape_text(&in[0], a), shape_text(&in[i], b));
        if (!out[0].steps) out[0].steps = in[i].steps;
        if (concat) out[0].features += in[i].features;
    }
    if (out[0].features > LIMIT_SIZE)
        return rondo_fail(RONDO_E_LIMIT, "%s: %lld features are too many", l->kind,
                          (long long)out[0].features);
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    bool masked = true;
    for (int i = 0; i < c->n_in; i++) masked &= c->in[i]->masked;
    layer_same_rows(&c->out[0], c->in[0]);
    c->out[0].mask = NULL;
    c->out[0].masked = masked;
    *(uint8_t **)c->memory = masked ? arena_keep(a, (size_t)value_rows(c->in[0])) : NULL;
}

/* As Keras: a step counts when it counts in any part; a part without a mask counts everywhere. */
static void join_masks(call *c)
{
    uint8_t *mask = *(uint8_t **)c->memory;
    c->out[0].mask = mask;
    c->out[0].masked = mask != NULL;
    for (int64_t r = 0; mask && r < value_rows(c->in[0]); r++) {
        mask[r] = 0;
        for (int i = 0; i < c->n_in; i++) mask[r] |= !c->in[i]->mask || c->in[i]->mask[r];
    }
}

static int64_t length_of(const value *v, int64_t row)
{
    return v->lengths ? v->lengths[row] : v->steps;
}

/* Parts go step by step side by side, so they have as many of them, and every row as long. */
static rondo_status check_rows(const call *c)
{
    const value *first = c->in[0];
    for (int i = 1; i < c->n_in; i++) {
        const value *v = c->in[i];
        if (v->steps != first->steps || v->batch != first->batch)
            return rondo_fail(RONDO_E_SHAPE, "%s: input %d has %lld steps, input 0 has %lld",
                              c->layer->name, i, (long long)v->steps, (long long)first->steps);
        for (int64_t r = 0; v->lengths != first->lengths && r < v->batch; r++)
            if (length_of(v, r) != length_of(first, r))
                return rondo_fail(RONDO_E_SHAPE,
                                  "%s: row %lld has %lld steps in input %d, %lld in input 0",
                                  c->layer->name, (long long)r, (long long)length_of(v, r), i,
                                  (long long)length_of(first, r));
    }
    return RONDO_OK;
}

static void parts_of(const call *c, const real *part[], int64_t width[])
{
    for (int i = 0; i < c->n_in; i++) {
        part[i] = c->in[i]->data;
        width[i] = c->in[i]->shape.features;
    }
}

static rondo_status forward(call *c)
{
    const real *part[MAX_PARTS];
    int64_t width[MAX_PARTS];
    RONDO_TRY(check_rows(c));
    layer_same_rows(&c->out[0], c->in[0]);
    join_masks(c);
    parts_of(c, part, width);
    merge_forward(kind_of(c->layer), c->out[0].data, c->n_in, part, width, value_rows(c->in[0]));
    return RONDO_OK;
}

static void backward(call *c)
{
    const real *part[MAX_PARTS];
    real *dpart[MAX_PARTS];
    int64_t width[MAX_PARTS];
    bool add[MAX_PARTS];
    parts_of(c, part, width);
    for (int i = 0; i < c->n_in; i++) dpart[i] = value_grad(c->in[i], &add[i]);
    merge_backward(kind_of(c->layer), dpart, add, c->out[0].grad, c->n_in, part, width,
                   value_rows(c->in[0]));
}

#define ROW(row_name, row_help)                                                                    \
    {                                                                                              \
        .name = row_name, .help = row_help, .options_size = sizeof(options),                       \
        .call_size = sizeof(uint8_t *), .options = OPTION_TABLE(fields), .min_inputs = 2,          \
        .max_inputs = MAX_PARTS, .outputs = outputs, .plan = plan, .forward = forward,             \
        .backward = backward                                                                       \
    }

/* In the order of merge_kind. */
const layer_type layer_merges[4] = {
    ROW("concat", "features side by side, as Keras' Concatenate"),
    ROW("add", "sum of values of equal shape"),
    ROW("multiply", "product of values of equal shape"),
    ROW("average", "mean of values of equal shape"),
};
