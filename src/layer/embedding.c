/* embedding:  y[t] = E[token[t]], a row per token. With dropout whole rows are left out for a step of
 * training, wherever their token stands, and the others scaled (Gal and Ghahramani 2016; AWD-LSTM's
 * embedded_dropout); a layer that is tied to it sees them all. */
#include "layer.h"

typedef struct options {
    int64_t units, input_dim;
    char *embeddings_initializer, *name;
    bool mask_zero;
    float dropout;
} options;
typedef struct memory {
    int64_t *rows; /* [steps*batch] tokens as row numbers */
    uint8_t *mask; /* [steps*batch] */
    real *factor;  /* [steps*batch] of the vector, 0: it is dropped; NULL: no dropout */
} memory;

static const option_field fields[] = {
    { "units", OPTION_INT, offsetof(options, units), NULL, "size of a vector (Keras: output_dim)" },
    { "input_dim", OPTION_INT, offsetof(options, input_dim), NULL, "tokens: 0 … input_dim-1" },
    { "embeddings_initializer", OPTION_TEXT, offsetof(options, embeddings_initializer), "uniform",
      "" },
    { "mask_zero", OPTION_BOOL, offsetof(options, mask_zero), NULL, "token 0 is padding: mask it" },
    { "dropout", OPTION_REAL, offsetof(options, dropout), NULL,
      "share of the tokens whose vectors are zeros for a step of training" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer and its weights" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    if (o->units < 1 || o->input_dim < 1)
        return rondo_fail(RONDO_E_ARG, "embedding needs units and input_dim, as in "
                                       "\"embedding 64 input_dim=8000\"");
    if (!(o->dropout >= 0 && o->dropout < 1))
        return rondo_fail(RONDO_E_ARG, "embedding: dropout is %g, expected 0 <= dropout < 1",
                          (double)o->dropout);
    return RONDO_OK;
}

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    const options *o = l->options;
    (void)n, (void)in;
    const rondo_shape matrix = { 2, { o->input_dim, o->units } };
    RONDO_TRY(layer_param(l, "embeddings", matrix, o->embeddings_initializer, NULL));
    l->params[0].looked_up = l->params[0].sparse = true;
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const options *o = l->options;
    (void)n;
    if (in[0].type != RONDO_I32)
        return rondo_fail(RONDO_E_SHAPE, "embedding takes tokens (I32), given real numbers");
    out[0] = in[0];
    out[0].type = RONDO_F32;
    out[0].features = o->units;
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    const options *o = c->layer->options;
    memory *m = c->memory;
    const int64_t rows = value_rows(c->in[0]);
    layer_same_rows(&c->out[0], c->in[0]);
    m->rows = arena_keep(a, (size_t)rows * sizeof *m->rows);
    c->out[0].masked = c->in[0]->masked || o->mask_zero;
    m->mask = o->mask_zero ? arena_keep(a, (size_t)rows) : NULL;
    m->factor = c->training && o->dropout > 0 ? arena_keep(a, (size_t)rows * sizeof *m->factor)
                                              : NULL;
}

static void scale_rows(const call *c, real *y)
{
    const memory *m = c->memory;
    const int64_t rows = m->factor ? value_rows(c->in[0]) : 0, width = c->out[0].shape.features;
    for (int64_t r = 0; r < rows; r++)
        kernel_table()->scale(y + r * width, y + r * width, m->factor[r], width);
}

static rondo_status forward(call *c)
{
    const options *o = c->layer->options;
    const memory *m = c->memory;
    const value *x = c->in[0];
    const int64_t rows = value_rows(x);
    layer_same_rows(&c->out[0], x);
    for (int64_t r = 0; r < rows; r++) {
        const int32_t token = x->tokens[r];
        if (token < 0 || token >= o->input_dim)
            return rondo_fail(RONDO_E_ARG,
                              "%s has rows for tokens 0 to %lld, the data has token %d",
                              c->layer->name, (long long)o->input_dim - 1, token);
        m->rows[r] = token;
        if (m->mask) m->mask[r] = token != 0;
        if (m->factor)
            kernel_table()->dropout_mask(&m->factor[r], (real)o->dropout, c->seed, c->step,
                                         c->layer->index * LAYER_MASKS, token, 1, 1);
    }
    if (m->mask) {
        c->out[0].mask = m->mask;
        c->out[0].masked = true;
    }
    lookup_forward(&c->layer->params[0], c->weights, c->pool, c->out[0].data, m->rows, rows);
    scale_rows(c, c->out[0].data);
    return RONDO_OK;
}

/* dE[token[t]] += factor dy[t] */
static void backward(call *c)
{
    const memory *m = c->memory;
    scale_rows(c, c->out[0].grad);
    lookup_backward(&c->layer->params[0], c->weights, c->gradients, c->pool, c->out[0].grad,
                    m->rows, value_rows(c->in[0]), c->notes_rows);
}

const layer_type layer_embedding = {
    .name = "embedding",
    .help = "a vector for every token: \"embedding 64 input_dim=8000\"",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(fields),
    .call_size = sizeof(memory),
    .min_inputs = 1,
    .max_inputs = 1,
    .any_input = true,
    .open = open,
    .build = build,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward
};
