/* masking, as Keras' Masking:  a step whose features all equal mask_value is skipped downstream. */
#include "layer.h"

typedef struct options {
    float mask_value;
    char *name;
} options;

static const option_field fields[] = {
    { "mask_value", OPTION_REAL, offsetof(options, mask_value), "0",
      "what a skipped step is filled with" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)l, (void)n;
    if (!in[0].sequence) return rondo_fail(RONDO_E_SHAPE, "masking takes sequences, given vectors");
    out[0] = in[0];
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    layer_same_rows(&c->out[0], c->in[0]);
    c->out[0].masked = true;
    *(uint8_t **)c->memory = arena_keep(a, (size_t)value_rows(c->in[0]));
}

/* Keras sets the masked steps to zero as well. */
static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const value *x = c->in[0];
    value *y = &c->out[0];
    uint8_t *mask = *(uint8_t **)c->memory;
    const int64_t rows = value_rows(x), width = x->shape.features;
    layer_same_rows(y, x);
    k->row_mask(mask, x->data, (real)((const options *)c->layer->options)->mask_value, rows, width);
    k->scale(y->data, x->data, 1, rows * width);
    for (int64_t r = 0; r < rows; r++)
        if (!mask[r]) k->fill(y->data + r * width, 0, width);
    y->mask = mask;
    y->masked = true;
    return RONDO_OK;
}

static void backward(call *c)
{
    const kernels *k = kernel_table();
    value *x = c->in[0], *y = &c->out[0];
    const int64_t rows = value_rows(x), width = x->shape.features;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    for (int64_t r = 0; r < rows; r++)
        if (!y->mask[r]) k->fill(y->grad + r * width, 0, width);
    layer_accumulate(dx, y->grad, add, rows * width);
}

const layer_type layer_masking = { .name = "masking",
                                   .help = "skip steps whose features all equal mask_value",
                                   .options_size = sizeof(options),
                                   .options = OPTION_TABLE(fields),
                                   .call_size = sizeof(uint8_t *),
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .outputs = outputs,
                                   .plan = plan,
                                   .forward = forward,
                                   .backward = backward };
