/* dense:  y = f(xW + b), at every step of a sequence. With `tie` W is the transpose of another layer's
 * first weight: one weight, whose gradient is the sum of both uses'. */
#include "layer.h"

typedef rondo_dense_options options;
typedef struct extra {
    rondo_function activation;
    int learned; /* the first of its params */
    int product;
} extra;
typedef struct memory {
    real *z;     /* [rows][units] pre-activations, when the activation's gradient needs them */
    real *dz;    /* [rows][units] */
    real *drawn; /* [units] of an activation that draws */
} memory;

static const option_field fields[] = {
    { "units", OPTION_INT, offsetof(options, units), NULL, "outputs" },
    { "activation", OPTION_TEXT, offsetof(options, activation), NULL, "linear unless given" },
    { "kernel_initializer", OPTION_TEXT, offsetof(options, kernel_initializer), "glorot_uniform",
      "" },
    { "bias_initializer", OPTION_TEXT, offsetof(options, bias_initializer), "zeros", "" },
    { "no_bias", OPTION_BOOL, offsetof(options, no_bias), NULL, "leave the bias out" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer and its weights" },
    { "tie", OPTION_TEXT, offsetof(options, tie), NULL,
      "use that layer's weight, transposed: tie=embedding" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    extra *e = l->extra;
    if (o->units < 0) return rondo_fail(RONDO_E_ARG, "dense: units must be positive");
    return activation_parse(&e->activation, o->activation);
}

static void close(rondo_layer *l)
{
    activation_free(&((extra *)l->extra)->activation);
}

static rondo_status check_tie(const rondo_layer *l, int64_t features)
{
    const options *o = l->options;
    const param *w = l->tied->n_params ? &l->tied->params[0] : NULL;
    if (!w || w->shape.rank != 2)
        return rondo_fail(RONDO_E_ARG, "dense: tie=%s, which has no matrix to share", o->tie);
    if (w->shape.dim[1] != features)
        return rondo_fail(RONDO_E_SHAPE,
                          "dense: tie=%s, whose vectors have %lld values; the input has %lld "
                          "features. Put \"dense %lld\" between, or make both alike",
                          o->tie, (long long)w->shape.dim[1], (long long)features,
                          (long long)w->shape.dim[1]);
    if (!o->units || o->units == w->shape.dim[0]) return RONDO_OK;
    return rondo_fail(RONDO_E_SHAPE, "dense: tie=%s gives %lld units, not %lld; leave them out",
                      o->tie, (long long)w->shape.dim[0], (long long)o->units);
}

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    const options *o = l->options;
    extra *e = l->extra;
    int kernel = -1, bias = -1;
    (void)n;
    if (l->tied) RONDO_TRY(check_tie(l, in[0].features));
    const int64_t units = l->tied ? l->tied->params[0].shape.dim[0] : o->units;
    if (units == 0)
        return rondo_fail(RONDO_E_ARG, "dense needs its number of units, as in \"dense 10\"");
    const rondo_shape matrix = { 2, { in[0].features, units } }, vector = { 1, { units } };
    if (!l->tied) RONDO_TRY(layer_param(l, "kernel", matrix, o->kernel_initializer, &kernel));
    if (!o->no_bias) RONDO_TRY(layer_param(l, "bias", vector, o->bias_initializer, &bias));
    RONDO_TRY(layer_learned(l, "activation.", &e->activation, units, &e->learned));
    if (l->tied)
        RONDO_TRY(layer_tied_linear(l, bias, &e->product));
    else
        RONDO_TRY(layer_linear(l, kernel, bias, in[0].features, 0, units, &e->product));
    l->linears[e->product].meets_input = true;
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const linear *w = &l->linears[((const extra *)l->extra)->product];
    (void)n;
    if (in[0].features != w->in)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)w->in, (long long)in[0].features);
    out[0] = in[0];
    out[0].features = w->out;
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    const extra *e = c->layer->extra;
    memory *m = c->memory;
    layer_same_rows(&c->out[0], c->in[0]);
    m->drawn = layer_plan_drawn(&e->activation, a, c->training, c->out[0].shape.features);
    if (!c->gradients || c->skip_activation) return;
    const size_t bytes = (size_t)(value_rows(c->in[0]) * c->out[0].shape.features) * sizeof(real);
    m->z = e->activation.row->needs_input ? arena_keep(a, bytes) : NULL;
    m->dz = arena_scratch(a, bytes);
}

static const linear *product(const call *c)
{
    return &c->layer->linears[((const extra *)c->layer->extra)->product];
}

static void forward_rows(const call *c, real *z, int64_t first, int64_t n)
{
    const linear *w = product(c);
    linear_forward(w, c->weights, c->pool, z, w->out, c->in[0]->data + first * w->in, w->in, n,
                   false);
}

static rondo_status forward(call *c)
{
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    const value *x = c->in[0], *y = &c->out[0];
    const int64_t rows = value_rows(x), units = y->shape.features;
    real *z = m->z ? m->z : y->data;
    layer_same_rows(&c->out[0], x);
    forward_rows(c, z, 0, rows);
    rondo_function f = e->activation;
    layer_view_learned(&f, c, e->learned, false);
    layer_draw(&f, m->drawn, c, e->learned, units);
    if (!c->skip_activation) activation_forward(&f, y->data, z, rows, units);
    return RONDO_OK;
}

/* dx += dz·Wᵀ   dW += xᵀ·dz   db += Σ dz */
static void backward_rows(const call *c, real *dx, bool add, const real *dz, int64_t first,
                          int64_t n)
{
    const linear *w = product(c);
    linear_backward_weight(w, c->weights, c->gradients, c->pool, c->in[0]->data + first * w->in,
                           w->in, dz, w->out, n);
    if (dx) linear_backward_input(w, c->pool, dx + first * w->in, w->in, dz, w->out, n, add);
}

/* dz = f'(z) dy */
static void backward(call *c)
{
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    value *x = c->in[0], *y = &c->out[0];
    const int64_t rows = value_rows(x), units = y->shape.features;
    const real *dz = y->grad;
    bool add;
    if (!c->skip_activation) {
        rondo_function f = e->activation;
        layer_view_learned(&f, c, e->learned, true);
        if (m->drawn) f.learned[0] = m->drawn;
        activation_backward(&f, m->dz, m->z, y->data, y->grad, rows, units);
        dz = m->dz;
    }
    real *dx = value_grad(x, &add);
    backward_rows(c, dx, add, dz, 0, rows);
}

static const rondo_function *activation(const rondo_layer *l)
{
    return &((const extra *)l->extra)->activation;
}

static const rondo_function *functions(const rondo_layer *l, int i)
{
    return i == 0 ? activation(l) : NULL;
}

const layer_type layer_dense = { .name = "dense",
                                 .help = "y = f(xW + b), at every step of a sequence",
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
                                 .forward_rows = forward_rows,
                                 .backward_rows = backward_rows,
                                 .activation = activation,
                                 .functions = functions };
