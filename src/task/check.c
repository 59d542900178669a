/* check - the gradients of a pipeline's own model, on generated inputs of its shapes. */
#include "task/task.h"
#include <string.h>

enum { CHECK_ROWS = 2, CHECK_STEPS = 5, CHECK_TOKENS = 1 << 20 };

typedef struct probe { /* the arrays of one generated batch */
    rondo_array inputs[MAX_FIELDS], targets[MAX_FIELDS];
    int n_inputs, n_targets;
} probe;

static void free_probe(probe *b)
{
    for (int i = 0; i < b->n_inputs; i++) alloc_free(b->inputs[i].data);
    for (int i = 0; i < b->n_targets; i++) alloc_free(b->targets[i].data);
}

/* [CHECK_ROWS] examples of this shape; integers lie under `below`. */
static rondo_status generate(rondo_array *a, rondo_type type, rondo_shape one, int64_t below,
                             rng *draw)
{
    int64_t n = CHECK_ROWS;
    *a = (rondo_array){ .type = type, .shape = { one.rank + 1, { CHECK_ROWS } } };
    for (int d = 0; d < one.rank; d++) {
        a->shape.dim[d + 1] = one.dim[d] ? one.dim[d] : CHECK_STEPS;
        if (!size_mul(n, a->shape.dim[d + 1], &n))
            return rondo_fail(RONDO_E_LIMIT, "the model's shapes are too large to check");
    }
    a->data = alloc_array(n, type == RONDO_I32 ? sizeof(int32_t) : sizeof(real));
    if (!a->data) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < n; i++)
        if (type == RONDO_I32)
            ((int32_t *)a->data)[i] = (int32_t)rng_below(draw, below);
        else
            ((real *)a->data)[i] = (real)rng_normal(draw);
    return RONDO_OK;
}

/* Tokens that the embedding after the input knows. */
static int64_t tokens_of(const rondo_model *m, int input)
{
    int64_t least = CHECK_TOKENS;
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        for (int k = 0; n->layer && k < n->n_in; k++)
            if (n->in[k].node == m->inputs[input] && n->layer->n_params > 0 &&
                n->layer->params[0].shape.dim[0] < least)
                least = n->layer->params[0].shape.dim[0];
    }
    return least;
}

/* What output i is compared with: labels, numbers, or for entropies numbers from 0 to 1. */
static rondo_status generate_target(probe *b, const rondo_model *m, const loss *l, int i, rng *draw)
{
    const value_shape *y = model_output_shape(m, i);
    const int64_t steps = y->steps;
    const rondo_type type = l->row->takes_labels ? RONDO_I32 : RONDO_F32;
    rondo_shape one = { 0 };
    if (y->sequence) one.dim[one.rank++] = steps;
    if (type == RONDO_F32) one.dim[one.rank++] = y->features;
    RONDO_TRY(generate(&b->targets[i], type, one, y->features, draw));
    b->n_targets = i + 1;
    if (type == RONDO_I32 || !l->row->fused) return RONDO_OK;
    real *target = b->targets[i].data;
    int64_t n = 1;
    for (int d = 0; d < b->targets[i].shape.rank; d++) n *= b->targets[i].shape.dim[d];
    for (int64_t k = 0; k < n; k++) target[k] = (real)rng_uniform(draw) / (real)y->features;
    return RONDO_OK;
}

static rondo_status generate_batch(probe *b, const rondo_model *m, const objective *o)
{
    rng draw = rng_new(0, rng_stream(RNG_CHECK, 1));
    for (int i = 0; i < rondo_input_count(m); i++) {
        rondo_type type;
        rondo_shape shape;
        RONDO_TRY(rondo_input_shape(m, i, &type, &shape));
        RONDO_TRY(generate(&b->inputs[i], type, shape, tokens_of(m, i), &draw));
        b->n_inputs = i + 1;
    }
    for (int i = 0; i < o->n; i++) RONDO_TRY(generate_target(b, m, &o->losses[i], i, &draw));
    return RONDO_OK;
}

/* A bare model is checked with the loss that its last activation asks for. */
static const char *loss_of(const rondo_pipeline *p)
{
    const rondo_function *f = model_output_activation(p->model, 0);
    if (p->loss) return p->loss;
    if (f && activation_is(f, "softmax")) return "sparse_categorical_crossentropy";
    return f && activation_is(f, "sigmoid") ? "binary_crossentropy" : "mse";
}

rondo_status rondo_pipeline_check(rondo_pipeline *p, double *worst)
{
    objective o = { 0 };
    probe b = { 0 };
    RONDO_TRY(rondo_compile(p->model, .loss = loss_of(p), .threads = pool_threads(p->model->pool)));
    RONDO_TRY(objective_parse(&o, p->model, loss_of(p)));
    rondo_status status = generate_batch(&b, p->model, &o);
    const rondo_batch whole = { b.n_inputs, b.n_targets, b.inputs, b.targets, NULL };
    if (!status) status = rondo_check_gradients(p->model, &whole, worst);
    free_probe(&b);
    return status;
}
