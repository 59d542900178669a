/* glu:  y = a f(b), a and b the first and the second half of the features.  f is sigmoid in GLU
 * (Dauphin et al. 2017; Keras and PyTorch glu), relu in ReGLU, gelu in GEGLU, silu in SwiGLU and
 * linear in the bilinear layer (Shazeer 2020). */
#include "layer.h"

typedef struct options {
    char *activation, *name;
} options;
typedef struct memory {
    real *gate;  /* [rows][features/2] f(b), kept for backward; NULL when nothing goes backward */
    real *dx;    /* [features] of one row */
    real *drawn; /* [features/2] of an activation that draws */
} memory;
typedef struct extra {
    rondo_function activation;
    int learned;      /* the first of the params */
    int64_t features; /* of what it was built for */
} extra;

static const option_field fields[] = {
    { "activation", OPTION_TEXT, offsetof(options, activation), "sigmoid", "of the second half" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    extra *e = l->extra;
    return activation_parse(&e->activation, ((const options *)l->options)->activation);
}

static void close(rondo_layer *l)
{
    activation_free(&((extra *)l->extra)->activation);
}

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    extra *e = l->extra;
    (void)n;
    e->features = in[0].features;
    return layer_learned(l, "", &e->activation, in[0].features / 2, &e->learned);
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const extra *e = l->extra;
    (void)n;
    if (in[0].features % 2)
        return rondo_fail(RONDO_E_SHAPE,
                          "%s halves its features, given %lld; expected an even number", l->name,
                          (long long)in[0].features);
    if (e->activation.row->learned && in[0].features != e->features)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)e->features, (long long)in[0].features);
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
    m->drawn = layer_plan_drawn(&((const extra *)c->layer->extra)->activation, a, c->training,
                                x->shape.features / 2);
    if (!c->gradients) return;
    m->gate = arena_keep(a, (size_t)(value_size(x) / 2) * sizeof(real));
    m->dx = arena_scratch(a, (size_t)x->shape.features * sizeof(real));
}

static rondo_status forward(call *c)
{
    const memory *m = c->memory;
    const extra *e = c->layer->extra;
    const value *x = c->in[0], *y = &c->out[0];
    const int64_t n = y->shape.features;
    rondo_function f = e->activation;
    layer_same_rows(&c->out[0], x);
    layer_view_learned(&f, c, e->learned, false);
    layer_draw(&f, m->drawn, c, e->learned, n);
    for (int64_t r = 0; r < value_rows(x); r++) {
        const real *a = x->data + r * 2 * n;
        real *gate = (m->gate ? m->gate : y->data) + r * n;
        rondo_activate(&f, gate, a + n, n);
        kernel_table()->mul(y->data + r * n, gate, a, n);
    }
    return RONDO_OK;
}

/* da = dy f(b)   db = f'(b) (dy a) */
static void backward(call *c)
{
    const memory *m = c->memory;
    const extra *e = c->layer->extra;
    value *x = c->in[0];
    const value *y = &c->out[0];
    const int64_t n = y->shape.features;
    rondo_function f = e->activation;
    bool add;
    real *dx = value_grad(x, &add), *da = m->dx, *db = m->dx + n;
    layer_view_learned(&f, c, e->learned, true);
    if (m->drawn) f.learned[0] = m->drawn;
    for (int64_t r = 0; r < value_rows(x); r++) {
        const real *a = x->data + r * 2 * n, *dy = y->grad + r * n, *gate = m->gate + r * n;
        kernel_table()->mul(da, dy, gate, n);
        kernel_table()->mul(db, dy, a, n);
        rondo_activate_backward(&f, db, a + n, gate, db, n);
        if (dx) layer_accumulate(dx + r * 2 * n, m->dx, add, 2 * n);
    }
}

static const rondo_function *functions(const rondo_layer *l, int i)
{
    return i == 0 ? &((const extra *)l->extra)->activation : NULL;
}

const layer_type layer_glu = { .name = "glu",
                               .help = "first half times f(second half): \"glu\", \"glu silu\"",
                               .options_size = sizeof(options),
                               .options = OPTION_TABLE(fields),
                               .extra_size = sizeof(extra),
                               .call_size = sizeof(memory),
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .open = open,
                               .close = close,
                               .build = build,
                               .outputs = outputs,
                               .plan = plan,
                               .forward = forward,
                               .backward = backward,
                               .functions = functions };
