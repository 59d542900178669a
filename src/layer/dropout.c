/* dropout (Srivastava et al. 2014), inverted:  y = x m / (1-rate) in training, y = x otherwise.
 * locked, or by the name spatial_dropout1d: one mask for all steps of a sequence, another for each row
 * (Gal and Ghahramani 2016; AWD-LSTM's LockedDropout, Keras' SpatialDropout1D). */
#include "layer.h"

extern const layer_type layer_spatial_dropout1d;

typedef struct options {
    float rate;
    bool locked;
    char *name;
} options;

static const option_field fields[] = {
    { "rate", OPTION_REAL, offsetof(options, rate), NULL, "share of values set to zero" },
    { "locked", OPTION_BOOL, offsetof(options, locked), NULL,
      "the same features at all steps of a sequence" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};
static const option_field spatial_fields[] = {
    { "rate", OPTION_REAL, offsetof(options, rate), NULL, "share of features set to zero" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    if (!(o->rate >= 0 && o->rate < 1))
        return rondo_fail(RONDO_E_ARG, "%s: rate is %g, expected 0 <= rate < 1", l->kind,
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

/* Rows of features that a mask is drawn for: of all steps, or of one. */
static int64_t mask_rows(const call *c)
{
    const options *o = c->layer->options;
    const bool locked = o->locked || c->layer->type == &layer_spatial_dropout1d;
    return locked ? c->in[0]->batch : value_rows(c->in[0]);
}

static void plan(call *c, arena *a)
{
    const size_t size = (size_t)(mask_rows(c) * c->in[0]->shape.features);
    layer_same_rows(&c->out[0], c->in[0]);
    *(real **)c->memory = active(c) ? arena_keep(a, size * sizeof(real)) : NULL;
}

static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const value *x = c->in[0];
    const int64_t rows = mask_rows(c), size = rows * x->shape.features;
    real *mask = *(real **)c->memory;
    layer_same_rows(&c->out[0], x);
    if (!mask) {
        k->scale(c->out[0].data, x->data, 1, value_size(x));
        return RONDO_OK;
    }
    k->dropout_mask(mask, (real)((const options *)c->layer->options)->rate, c->seed, c->step,
                    c->layer->index * LAYER_MASKS, 0, rows, x->shape.features);
    for (int64_t at = 0; at < value_size(x); at += size)
        k->mul(c->out[0].data + at, x->data + at, mask, size);
    return RONDO_OK;
}

static void backward(call *c)
{
    const kernels *k = kernel_table();
    value *x = c->in[0], *y = &c->out[0];
    const real *mask = *(real **)c->memory;
    const int64_t size = mask_rows(c) * x->shape.features;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    if (!mask) {
        layer_accumulate(dx, y->grad, add, value_size(x));
        return;
    }
    for (int64_t at = 0; at < value_size(x); at += size)
        (add ? k->mul_add : k->mul)(dx + at, y->grad + at, mask, size);
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

const layer_type layer_spatial_dropout1d = {
    .name = "spatial_dropout1d",
    .help = "sets a share of the features to zero at all steps, as \"dropout 0.5 locked\"",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(spatial_fields),
    .call_size = sizeof(real *),
    .min_inputs = 1,
    .max_inputs = 1,
    .open = open,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward
};
