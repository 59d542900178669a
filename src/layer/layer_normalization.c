/* layer normalization (Ba, Kiros, Hinton 2016) over the features, as Keras' LayerNormalization:
 *   xhat = (x - mean) / sqrt(var + epsilon)   y = gamma xhat + beta */
#include "layer.h"

typedef struct options {
    float epsilon;
    bool no_scale, no_center;
    char *name;
} options;
typedef struct extra {
    int gamma, beta; /* of params, or -1 */
} extra;
typedef struct memory {
    real *xhat; /* [rows][features] */
    real *rstd; /* [rows] */
} memory;

static const option_field fields[] = {
    { "epsilon", OPTION_REAL, offsetof(options, epsilon), "0.001", "added to the variance" },
    { "no_scale", OPTION_BOOL, offsetof(options, no_scale), NULL, "leave gamma out" },
    { "no_center", OPTION_BOOL, offsetof(options, no_center), NULL, "leave beta out" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer and its weights" },
};

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    const options *o = l->options;
    extra *e = l->extra;
    const rondo_shape vector = { 1, { in[0].features } };
    (void)n;
    e->gamma = e->beta = -1;
    if (!o->no_scale) RONDO_TRY(layer_param(l, "gamma", vector, "ones", &e->gamma));
    if (!o->no_center) RONDO_TRY(layer_param(l, "beta", vector, "zeros", &e->beta));
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)n;
    if (l->n_params && l->params[0].shape.dim[0] != in[0].features)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)l->params[0].shape.dim[0], (long long)in[0].features);
    out[0] = in[0];
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    memory *m = c->memory;
    const size_t rows = (size_t)value_rows(c->in[0]), size = (size_t)value_size(c->in[0]);
    layer_same_rows(&c->out[0], c->in[0]);
    m->xhat = arena_keep(a, size * sizeof(real));
    m->rstd = arena_keep(a, rows * sizeof(real));
}

static const real *weight(const call *c, int i)
{
    return i < 0 ? NULL : c->weights + c->layer->params[i].offset;
}

static real *gradient(const call *c, int i)
{
    if (i < 0 || c->layer->params[i].gradient < 0) return NULL;
    return c->gradients + c->layer->params[i].gradient;
}

static rondo_status forward(call *c)
{
    const options *o = c->layer->options;
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    const value *x = c->in[0];
    layer_same_rows(&c->out[0], x);
    kernel_table()->norm_forward(c->out[0].data, m->xhat, m->rstd, x->data, weight(c, e->gamma),
                                 weight(c, e->beta), (real)o->epsilon, value_rows(x),
                                 x->shape.features);
    return RONDO_OK;
}

/* With g = gamma dy and means over the features:  dx = (g - mean(g) - xhat mean(g xhat)) / std */
static void backward(call *c)
{
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    value *x = c->in[0];
    bool add;
    real *dx = value_grad(x, &add);
    kernel_table()->norm_backward(dx, add, gradient(c, e->gamma), gradient(c, e->beta),
                                  c->out[0].grad, m->xhat, m->rstd, weight(c, e->gamma),
                                  value_rows(x), x->shape.features);
}

const layer_type layer_layer_normalization = {
    .name = "layer_normalization",
    .help = "mean 0 and variance 1 over the features of each step",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(fields),
    .extra_size = sizeof(extra),
    .call_size = sizeof(memory),
    .min_inputs = 1,
    .max_inputs = 1,
    .build = build,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward
};
