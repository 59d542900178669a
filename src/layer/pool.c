/* pool:  a sequence becomes one vector: its last valid step, the largest value of each feature over the
 * valid steps, their average, or several of these side by side, in this order.  All three are the concat
 * pooling of ULMFiT (Howard and Ruder 2018); average is Keras' GlobalAveragePooling1D, max its
 * GlobalMaxPooling1D, which knows no masks; ours does. A sequence without steps becomes zeros. */
#include "layer.h"

typedef struct options {
    bool last, max, average;
    char *name;
} options;
typedef struct memory {
    int64_t *step;  /* [steps] which rows of the input are one sequence's valid steps */
    real *one, *of; /* [steps][features] that sequence, and its gradient */
} memory;

static const option_field fields[] = {
    { "last", OPTION_BOOL, offsetof(options, last), NULL, "the last valid step" },
    { "max", OPTION_BOOL, offsetof(options, max), NULL, "the largest of each feature" },
    { "average", OPTION_BOOL, offsetof(options, average), NULL, "the mean of each feature" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static int parts_of(const rondo_layer *l)
{
    const options *o = l->options;
    return o->last + o->max + o->average;
}

static rondo_status open(rondo_layer *l)
{
    if (parts_of(l)) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "pool wants last, max, average or several of them, as in "
                                   "\"pool last max average\"");
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)n;
    if (!in[0].sequence)
        return rondo_fail(RONDO_E_SHAPE,
                          "pool takes sequences, given vectors; does the layer before "
                          "it lack return_sequences?");
    out[0] = (value_shape){ .type = RONDO_F32, .features = in[0].features * parts_of(l) };
    *n_out = 1;
    return RONDO_OK;
}

static void lay_out(value *y, const value *x)
{
    y->steps = 1;
    y->batch = x->batch;
    y->lengths = NULL;
    y->mask = NULL;
    y->masked = false;
}

static void plan(call *c, arena *a)
{
    memory *m = c->memory;
    const value *x = c->in[0];
    const size_t size = (size_t)(x->steps * x->shape.features) * sizeof(real);
    lay_out(&c->out[0], x);
    m->step = arena_keep(a, (size_t)x->steps * sizeof *m->step);
    m->one = arena_keep(a, size);
    m->of = c->gradients ? arena_keep(a, size) : NULL;
}

/* Lists and gathers the valid steps of sequence `row`; how many. */
static int64_t gather_one(const memory *m, const value *x, int64_t row)
{
    const int64_t length = x->lengths ? x->lengths[row] : x->steps;
    int64_t n = 0;
    for (int64_t t = 0; t < length; t++)
        if (!x->mask || x->mask[t * x->batch + row]) m->step[n++] = t * x->batch + row;
    kernel_table()->gather(m->one, x->data, m->step, n, x->shape.features);
    return n;
}

static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const memory *m = c->memory;
    const value *x = c->in[0];
    const int64_t width = x->shape.features, parts = parts_of(c->layer);
    lay_out(&c->out[0], x);
    for (int64_t row = 0; row < x->batch; row++) {
        real *y = c->out[0].data + row * parts * width;
        const int64_t n = gather_one(m, x, row);
        k->fill(y, 0, parts * width);
        if (n == 0) continue;
        if (o->last) k->scale(y, m->one + (n - 1) * width, 1, width);
        y += o->last * width;
        if (o->max) k->maxout(y, m->one, width, n);
        y += o->max * width;
        if (!o->average) continue;
        k->column_sums(y, m->one, width, false, n, width);
        k->scale(y, y, 1 / (real)n, width);
    }
    return RONDO_OK;
}

/* Of one sequence: what each of its n steps gets, into m->of. */
static void backward_one(const call *c, int64_t row, int64_t n)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const memory *m = c->memory;
    const int64_t width = c->in[0]->shape.features, first = row * parts_of(c->layer) * width;
    const real *y = c->out[0].data + first, *dy = c->out[0].grad + first;
    const int64_t max = o->last * width, average = max + o->max * width;
    if (o->max)
        k->maxout_backward(m->of, m->one, y + max, dy + max, width, n);
    else
        k->fill(m->of, 0, n * width);
    if (o->last) k->add(m->of + (n - 1) * width, dy, width);
    for (int64_t t = 0; o->average && t < n; t++)
        k->axpy(m->of + t * width, 1 / (real)n, dy + average, width);
}

static void backward(call *c)
{
    const kernels *k = kernel_table();
    const memory *m = c->memory;
    value *x = c->in[0];
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    if (!add) k->fill(dx, 0, value_size(x));
    for (int64_t row = 0; row < x->batch; row++) {
        const int64_t n = gather_one(m, x, row);
        if (n == 0) continue;
        backward_one(c, row, n);
        k->scatter_add(dx, m->of, m->step, n, x->shape.features);
    }
}

static rondo_status can_stream(const rondo_layer *l)
{
    return rondo_fail(RONDO_E_ARG, "%s needs the whole sequence", l->name);
}

const layer_type layer_pool = { .name = "pool",
                                .help =
                                    "a sequence becomes one vector: \"pool max\", \"pool last max "
                                    "average\"",
                                .options_size = sizeof(options),
                                .options = OPTION_TABLE(fields),
                                .call_size = sizeof(memory),
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .open = open,
                                .outputs = outputs,
                                .plan = plan,
                                .forward = forward,
                                .backward = backward,
                                .can_stream = can_stream };
