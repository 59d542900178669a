/* activation:  y = f(x) */
#include "layer.h"

typedef struct options {
    char *activation, *name;
} options;

static const option_field fields[] = {
    { "activation", OPTION_TEXT, offsetof(options, activation), "linear", "the function" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    return activation_parse(l->extra, ((const options *)l->options)->activation);
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)l, (void)n;
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
    const value *x = c->in[0], *y = &c->out[0];
    layer_same_rows(&c->out[0], x);
    if (c->skip_activation)
        kernel_table()->scale(y->data, x->data, 1, value_size(x));
    else
        activation_forward(c->layer->extra, y->data, x->data, value_rows(x), x->shape.features);
    return RONDO_OK;
}

/* dx += f'(x) dy */
static void backward(call *c)
{
    value *x = c->in[0], *y = &c->out[0];
    real *dz = *(real **)c->memory;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    if (c->skip_activation)
        kernel_table()->scale(dz, y->grad, 1, value_size(x));
    else
        activation_backward(c->layer->extra, dz, x->data, y->data, y->grad, value_rows(x),
                            x->shape.features);
    layer_accumulate(dx, dz, add, value_size(x));
}

static const rondo_function *activation(const rondo_layer *l)
{
    return l->extra;
}

const layer_type layer_activation = { .name = "activation",
                                      .help = "y = f(x): \"activation gelu\"",
                                      .options_size = sizeof(options),
                                      .options = OPTION_TABLE(fields),
                                      .extra_size = sizeof(rondo_function),
                                      .call_size = sizeof(real *),
                                      .min_inputs = 1,
                                      .max_inputs = 1,
                                      .open = open,
                                      .outputs = outputs,
                                      .plan = plan,
                                      .forward = forward,
                                      .backward = backward,
                                      .activation = activation };
