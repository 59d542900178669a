/* rrelu (Xu et al. 2015), as PyTorch's RReLU:  y = x > 0 ? x : a x, in training with a drawn between
 * lower and upper for every element, otherwise with their mean. */
#include "layer.h"

typedef struct options {
    float lower, upper;
    char *name;
} options;

static const option_field fields[] = {
    { "lower", OPTION_REAL, offsetof(options, lower), "0.125", "least slope below 0" },
    { "upper", OPTION_REAL, offsetof(options, upper), "0.33333334", "largest" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    if (!(o->lower <= o->upper))
        return rondo_fail(RONDO_E_ARG, "rrelu: lower is %g and upper %g, expected lower <= upper",
                          (double)o->lower, (double)o->upper);
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

static void plan(call *c, arena *a)
{
    const size_t bytes = (size_t)value_size(c->in[0]) * sizeof(real);
    layer_same_rows(&c->out[0], c->in[0]);
    *(real **)c->memory = c->gradients ? arena_keep(a, bytes) : arena_scratch(a, bytes);
}

/* y = f x with the factor f of every element: 1, or the slope. */
static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const value *x = c->in[0];
    const real lower = (real)o->lower, upper = (real)o->upper, mean = (lower + upper) / 2;
    real *factor = *(real **)c->memory;
    layer_same_rows(&c->out[0], x);
    k->rrelu_factors(factor, x->data, c->training ? lower : mean, c->training ? upper : mean,
                     c->seed, c->step, c->layer->index * LAYER_MASKS, value_rows(x),
                     x->shape.features);
    k->mul(c->out[0].data, x->data, factor, value_size(x));
    return RONDO_OK;
}

/* dx = f dy */
static void backward(call *c)
{
    const kernels *k = kernel_table();
    value *x = c->in[0], *y = &c->out[0];
    const real *factor = *(real **)c->memory;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    if (add)
        k->mul_add(dx, y->grad, factor, value_size(x));
    else
        k->mul(dx, y->grad, factor, value_size(x));
}

const layer_type layer_rrelu = { .name = "rrelu",
                                 .help = "relu with random slopes below 0 in training: \"rrelu\"",
                                 .options_size = sizeof(options),
                                 .options = OPTION_TABLE(fields),
                                 .call_size = sizeof(real *),
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .open = open,
                                 .outputs = outputs,
                                 .plan = plan,
                                 .forward = forward,
                                 .backward = backward };
