/* maxout:  y = the largest of p pieces, which lie side by side in the features (Goodfellow et al.
 * 2013).  After a dense layer it is an activation that learns its shape: convex, of p straight
 * parts. */
#include "layer.h"

typedef struct options {
    int64_t pieces;
    char *name;
} options;
typedef struct memory {
    real *dx; /* [features] of one row */
} memory;

static const option_field fields[] = {
    { "pieces", OPTION_INT, offsetof(options, pieces), "2", "of which the largest is taken" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static int64_t pieces(const rondo_layer *l)
{
    return ((const options *)l->options)->pieces;
}

static rondo_status open(rondo_layer *l)
{
    if (pieces(l) >= 1) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "%s has pieces=%lld; at least 1 is needed", l->name,
                      (long long)pieces(l));
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    (void)n;
    if (in[0].features % pieces(l))
        return rondo_fail(RONDO_E_SHAPE,
                          "%s cuts its features into %lld pieces, given %lld; expected a multiple",
                          l->name, (long long)pieces(l), (long long)in[0].features);
    out[0] = in[0];
    out[0].features /= pieces(l);
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    memory *m = c->memory;
    layer_same_rows(&c->out[0], c->in[0]);
    if (c->gradients) m->dx = arena_scratch(a, (size_t)c->in[0]->shape.features * sizeof(real));
}

static rondo_status forward(call *c)
{
    const value *x = c->in[0], *y = &c->out[0];
    const int64_t n = y->shape.features, all = x->shape.features;
    layer_same_rows(&c->out[0], x);
    for (int64_t r = 0; r < value_rows(x); r++)
        kernel_table()->maxout(y->data + r * n, x->data + r * all, n, pieces(c->layer));
    return RONDO_OK;
}

/* dx = dy where x is the largest (the first of equals), else 0 */
static void backward(call *c)
{
    const memory *m = c->memory;
    value *x = c->in[0];
    const value *y = &c->out[0];
    const int64_t n = y->shape.features, all = x->shape.features;
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    for (int64_t r = 0; r < value_rows(x); r++) {
        kernel_table()->maxout_backward(m->dx, x->data + r * all, y->data + r * n, y->grad + r * n,
                                        n, pieces(c->layer));
        layer_accumulate(dx + r * all, m->dx, add, all);
    }
}

const layer_type layer_maxout = { .name = "maxout",
                                  .help = "the largest of pieces of the features: \"dense 64; "
                                          "maxout 2\" has 32 outputs",
                                  .options_size = sizeof(options),
                                  .options = OPTION_TABLE(fields),
                                  .call_size = sizeof(memory),
                                  .min_inputs = 1,
                                  .max_inputs = 1,
                                  .open = open,
                                  .outputs = outputs,
                                  .plan = plan,
                                  .forward = forward,
                                  .backward = backward };
