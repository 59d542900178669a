/* dropout (Srivastava et al. 2014), inverted:  y = x m / (1-rate) in training, y = x otherwise. */
#include "layer.h"

typedef struct options {
    float rate;
    char *name;
} options;

static const option_field fields[] = {
    { "rate", OPTION_REAL, offsetof(options, rate), NULL, "share of values set to zero" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    if (!(o->rate >= 0 && o->rate < 1))
        return rondo_fail(RONDO_E_ARG, "dropout: rate is %g, expected 0 <= rate < 1",
                          (double)o->rate);
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)l, (void)n;
    out[0] = in[0];
    *n_out = 1;
    return RONDO_OK;
}

static bool active(const call *c)
{
    return c->training && ((const options *)c->layer->options)->rate > 0;
}

static void plan(call *c, arena *a)
{
    layer_same_rows(&c->out[0], c->in[0]);
    *(real **)c->memory = active(c) ? arena_keep(a, (size_t)value_size(c->in[0]) * sizeof(real))
                                    : NULL;
}

static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const value *x = c->in[0];
    real *mask = *(real **)c->memory;
    layer_same_rows(&c->out[0], x);
    if (mask) {
        k->dropout_mask(mask, (real)((const options *)c->layer->options)->rate, c->seed, c->step,
                        c->layer->index * LAYER_MASKS, 0, value_rows(x), x->shape.features);
        k->mul(c->out[0].data, x->data, mask, value_size(x));
    } else {
        k->scale(c->out[0].data, x->data, 1, value_size(x));
    }
    return RONDO_OK;
}

static void backward(call *c)
{
    const kernels *k = kernel_table();
    value *x = c->in[0], *y = &c->out[0];
    const real *mask = *(real **)c->memory;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    if (!mask)
        layer_accumulate(dx, y->grad, add, value_size(x));
    else if (add)
        k->mul_add(dx, y->grad, mask, value_size(x));
    else
        k->mul(dx, y->grad, mask, value_size(x));
}

const layer_type layer_dropout = {
    .name = "dropout",
    .help = "sets a share of the values to zero in training: \"dropout 0.5\"",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(fields),
    .call_size = sizeof(real *),
    .min_inputs = 1,
    .max_inputs = 1,
    .open = open,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward
};
