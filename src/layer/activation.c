/* activation:  y = f(x) */
#include "layer.h"

typedef struct options {
    char *activation, *name;
} options;

static const option_field fields[] = {
    { "activation", OPTION_TEXT, offsetof(options, activation), "linear", "the function" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

typedef struct extra {
    rondo_function activation;
    int learned;      /* the first of the params */
    int64_t features; /* of what it was built for */
} extra;

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
    return layer_learned(l, "", &e->activation, in[0].features, &e->learned);
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const extra *e = l->extra;
    (void)n;
    if (e->activation.row->learned && in[0].features != e->features)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)e->features, (long long)in[0].features);
    out[0] = in[0];
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    layer_same_rows(&c->out[0], c->in[0]);
    if (!c->gradients) return;
    *(real **)c->memory = arena_scratch(a, (size_t)value_size(c->in[0]) * sizeof(real));
}

static rondo_status forward(call *c)
{
    const extra *e = c->layer->extra;
    const value *x = c->in[0], *y = &c->out[0];
    rondo_function f = e->activation;
    layer_same_rows(&c->out[0], x);
    layer_view_learned(&f, c, e->learned, false);
    if (c->skip_activation)
        kernel_table()->scale(y->data, x->data, 1, value_size(x));
    else
        activation_forward(&f, y->data, x->data, value_rows(x), x->shape.features);
    return RONDO_OK;
}

/* dx += f'(x) dy */
static void backward(call *c)
{
    const extra *e = c->layer->extra;
    value *x = c->in[0], *y = &c->out[0];
    real *dz = *(real **)c->memory;
    rondo_function f = e->activation;
    bool add;
    layer_view_learned(&f, c, e->learned, true);
    if (c->skip_activation)
        kernel_table()->scale(dz, y->grad, 1, value_size(x));
    else
        activation_backward(&f, dz, x->data, y->data, y->grad, value_rows(x), x->shape.features);
    real *dx = value_grad(x, &add);
    if (dx) layer_accumulate(dx, dz, add, value_size(x));
}

static const rondo_function *activation(const rondo_layer *l)
{
    return &((const extra *)l->extra)->activation;
}

static const rondo_function *functions(const rondo_layer *l, int i)
{
    return i == 0 ? activation(l) : NULL;
}

const layer_type layer_activation = { .name = "activation",
                                      .help = "y = f(x): \"activation gelu\"",
                                      .options_size = sizeof(options),
                                      .options = OPTION_TABLE(fields),
                                      .extra_size = sizeof(extra),
                                      .call_size = sizeof(real *),
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .open = open,
                                      .close = close,
                                      .build = build,
                                      .outputs = outputs,
                                      .plan = plan,
                                      .forward = forward,
                                      .backward = backward,
                                      .activation = activation,
                                      .functions = functions };
