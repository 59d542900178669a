/* glu:  y = a f(b), a and b the first and the second half of the features.  f is sigmoid in GLU
 * (Dauphin et al. 2017; Keras and PyTorch glu), relu in ReGLU, gelu in GEGLU, silu in SwiGLU and
 * linear in the bilinear layer (Shazeer 2020). */
#include "layer.h"

typedef struct options {
    char *activation, *name;
} options;
typedef struct memory {
    real *gate; /* [rows][features/2] f(b), kept for backward; NULL when nothing goes backward */
    real *dx;   /* [features] of one row */
} memory;

static const option_field fields[] = {
    { "activation", OPTION_TEXT, offsetof(options, activation), "sigmoid", "of the second half" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    return activation_parse(l->extra, ((const options *)l->options)->activation);
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)n;
    if (in[0].features % 2)
        return rondo_fail(RONDO_E_SHAPE,
                          "%s halves its features, given %lld; expected an even number", l->name,
                          (long long)in[0].features);
    out[0] = in[0];
    out[0].features /= 2;
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    memory *m = c->memory;
    const value *x = c->in[0];
    layer_same_rows(&c->out[0], x);
    if (!c->gradients) return;
    m->gate = arena_keep(a, (size_t)(value_size(x) / 2) * sizeof(real));
    m->dx = arena_scratch(a, (size_t)x->shape.features * sizeof(real));
}

static rondo_status forward(call *c)
{
    const memory *m = c->memory;
    const value *x = c->in[0], *y = &c->out[0];
    const int64_t n = y->shape.features;
    layer_same_rows(&c->out[0], x);
    for (int64_t r = 0; r < value_rows(x); r++) {
        const real *a = x->data + r * 2 * n;
        real *gate = (m->gate ? m->gate : y->data) + r * n;
        rondo_activate(c->layer->extra, gate, a + n, n);
        kernel_table()->mul(y->data + r * n, gate, a, n);
    }
    return RONDO_OK;
}

/* da = dy f(b)   db = f'(b) (dy a) */
static void backward(call *c)
{
    const memory *m = c->memory;
    value *x = c->in[0];
    const value *y = &c->out[0];
    const int64_t n = y->shape.features;
    bool add;
    real *dx = value_grad(x, &add), *da = m->dx, *db = m->dx + n;
    for (int64_t r = 0; dx && r < value_rows(x); r++) {
        const real *a = x->data + r * 2 * n, *dy = y->grad + r * n, *gate = m->gate + r * n;
        kernel_table()->mul(da, dy, gate, n);
        kernel_table()->mul(db, dy, a, n);
        rondo_activate_backward(c->layer->extra, db, a + n, gate, db, n);
        layer_accumulate(dx + r * 2 * n, m->dx, add, 2 * n);
    }
}

const layer_type layer_glu = { .name = "glu",
                               .help = "first half times f(second half): \"glu\", \"glu silu\"",
                               .options_size = sizeof(options),
                               .options = OPTION_TABLE(fields),
                               .extra_size = sizeof(rondo_function),
                               .call_size = sizeof(memory),
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .open = open,
                               .outputs = outputs,
                               .plan = plan,
                               .forward = forward,
                               .backward = backward };
