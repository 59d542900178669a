/* activity regularization:  y = x, and large or jumpy x cost something in training. To the loss it adds,
 * over the valid steps of all rows,
 *   l2/batch Σ x²                   as Keras' ActivityRegularization
 *   ar mean(x²)                     AR  (Merity, McCann and Socher 2017): behind the last dropout
 *   tar mean((x[t] - x[t-1])²)      TAR (the same): before it
 * Only gradients show it: the loss that is reported, and perplexity, are those of the answers. */
#include "layer.h"

typedef struct options {
    float l2, ar, tar;
    char *name;
} options;
typedef struct memory {
    real *difference; /* [features] or, where all steps are valid, [batch*features] */
} memory;

static const option_field fields[] = {
    { "l2", OPTION_REAL, offsetof(options, l2), NULL, "times the sum of squares of a row (Keras)" },
    { "ar", OPTION_REAL, offsetof(options, ar), NULL, "times the mean square (AWD-LSTM: 2)" },
    { "tar", OPTION_REAL, offsetof(options, tar), NULL,
      "times the mean square of what changes from step to step (AWD-LSTM: 1)" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer" },
};

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    if (o->l2 >= 0 && o->ar >= 0 && o->tar >= 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "activity_regularization: l2, ar and tar are 0 or more");
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    if (((const options *)l->options)->tar > 0 && !in[0].sequence)
        return rondo_fail(RONDO_E_SHAPE, "activity_regularization: tar is of sequences; its input "
                                         "has no steps");
    (void)n;
    out[0] = in[0];
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    memory *m = c->memory;
    const value *x = c->in[0];
    layer_same_rows(&c->out[0], x);
    m->difference = arena_scratch(a, (size_t)(x->batch * x->shape.features) * sizeof(real));
}

/* ---- Stretches of values that are valid together: those of a step, or of a row at a step ---- */
typedef struct stretches {
    const value *x;
    int64_t n, width; /* of a step */
} stretches;

static stretches stretches_of(const value *x)
{
    const bool all = !x->lengths && !x->mask;
    return (stretches){ x, all ? 1 : x->batch,
                        all ? x->batch * x->shape.features : x->shape.features };
}

/* Where stretch i of step t begins; -1: it is not valid. */
static int64_t place(const stretches *s, int64_t t, int64_t i)
{
    const value *x = s->x;
    if (t < 0 || (x->lengths && t >= x->lengths[i])) return -1;
    if (x->mask && !x->mask[t * x->batch + i]) return -1;
    return t * x->batch * x->shape.features + i * s->width;
}

typedef struct factors { /* of Σ x² and Σ (x[t] - x[t-1])² */
    double square, change;
} factors;

static factors factors_of(const call *c, const stretches *s)
{
    const options *o = c->layer->options;
    double values = 0, pairs = 0;
    for (int64_t t = 0; t < s->x->steps; t++)
        for (int64_t i = 0; i < s->n; i++) {
            if (place(s, t, i) < 0) continue;
            values += (double)s->width;
            if (place(s, t - 1, i) >= 0) pairs += (double)s->width;
        }
    return (factors){ (double)o->l2 / (double)s->x->batch +
                          (values > 0 ? (double)o->ar / values : 0),
                      pairs > 0 ? (double)o->tar / pairs : 0 };
}

/* x[t] - x[t-1] into the scratch; false: one of them is not valid. */
static bool difference(const call *c, const stretches *s, int64_t t, int64_t i)
{
    const kernels *k = kernel_table();
    const int64_t at = place(s, t, i), before = place(s, t - 1, i);
    real *d = ((const memory *)c->memory)->difference;
    if (at < 0 || before < 0) return false;
    k->scale(d, s->x->data + at, 1, s->width);
    k->axpy(d, -1, s->x->data + before, s->width);
    return true;
}

static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const stretches s = stretches_of(c->in[0]);
    const factors f = factors_of(c, &s);
    layer_same_rows(&c->out[0], c->in[0]);
    k->scale(c->out[0].data, c->in[0]->data, 1, value_size(c->in[0]));
    c->penalty = 0;
    for (int64_t t = 0; c->training && t < s.x->steps; t++)
        for (int64_t i = 0; i < s.n; i++) {
            const int64_t at = place(&s, t, i);
            if (f.square > 0 && at >= 0)
                c->penalty += f.square * k->sum_squares(s.x->data + at, s.width);
            if (f.change > 0 && difference(c, &s, t, i))
                c->penalty += f.change * k->sum_squares(((memory *)c->memory)->difference, s.width);
        }
    return RONDO_OK;
}

/* dx += dy + 2 f x + 2 f' (x[t] - x[t-1]) - 2 f' (x[t+1] - x[t]) */
static void backward(call *c)
{
    const kernels *k = kernel_table();
    const stretches s = stretches_of(c->in[0]);
    const factors f = factors_of(c, &s);
    const real *d = ((const memory *)c->memory)->difference;
    value *x = c->in[0];
    bool add;
    real *dx = value_grad(x, &add);
    if (!dx) return;
    layer_accumulate(dx, c->out[0].grad, add, value_size(x));
    for (int64_t t = 0; c->training && t < x->steps; t++)
        for (int64_t i = 0; i < s.n; i++) {
            const int64_t at = place(&s, t, i);
            if (f.square > 0 && at >= 0)
                k->axpy(dx + at, (real)(2 * f.square), x->data + at, s.width);
            if (!(f.change > 0) || !difference(c, &s, t, i)) continue;
            k->axpy(dx + at, (real)(2 * f.change), d, s.width);
            k->axpy(dx + place(&s, t - 1, i), (real)(-2 * f.change), d, s.width);
        }
}

const layer_type layer_activity_regularization = {
    .name = "activity_regularization",
    .help = "y = x, which costs something where it is large, or changes: \"… ar=2 tar=1\"",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(fields),
    .call_size = sizeof(memory),
    .min_inputs = 1,
    .max_inputs = 1,
    .open = open,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward
};
