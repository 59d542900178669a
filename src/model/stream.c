/* Streaming: a pass of one step, whose states go in where they came out. */
#define _POSIX_C_SOURCE 200809L
#include "model.h"
#include <string.h>
#include <time.h>

enum { CLOSE = 300 * 1000 }; /* ns from the end of a step to the next while others help */

struct rondo_stream {
    pass *pass;
    int64_t rows;
    rondo_type type;  /* of a step's input … */
    int64_t takes;    /* … and how many values it has, all rows together */
    const value *out; /* … and what it gives */
    real *state;      /* [state_size × rows], node after node, each [state][rows][units] */
    real *previous;   /* for select */
    pool *helpers;    /* NULL: none */
    int64_t latest;   /* with helpers: when the step before ended */
};

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

rondo_status rondo_stream_new(rondo_stream **out, const rondo_model *m, int64_t rows)
{
    return stream_open(out, m, rows, false);
}

bool stream_gives_logits(const rondo_stream *s)
{
    return s->pass->fused[0];
}

rondo_status stream_open(rondo_stream **out, const rondo_model *m, int64_t rows, bool logits)
{
    const rondo_function *last;
    *out = NULL;
    RONDO_TRY(model_can_stream(m));
    if (rows < 1)
        return rondo_fail(RONDO_E_ARG, "a stream has at least one row, given %lld",
                          (long long)rows);
    if (m->n_inputs != 1)
        return rondo_fail(RONDO_E_ARG, "a stream has one input, the model has %d", m->n_inputs);
    RONDO_TRY(model_prepare((rondo_model *)m, 0));
    int64_t size;
    if (!size_mul(m->state_size + 1, rows, &size))
        return rondo_fail(RONDO_E_LIMIT, "a stream of %lld rows is too large", (long long)rows);
    rondo_stream *s = alloc_new(sizeof *s);
    if (!s) return RONDO_E_NOMEM;
    *out = s;
    s->rows = rows;
    s->state = alloc_array(size, sizeof *s->state);
    s->previous = alloc_array(size, sizeof *s->previous);
    rondo_status status = s->state && s->previous ? pass_new(&s->pass, m) : RONDO_E_NOMEM;
    if (!status) {
        const feed shape = { .steps = 1, .batch = rows };
        const value_shape *in = &m->nodes[m->inputs[0]].out[0];
        s->type = in->type;
        s->takes = in->type == RONDO_I32 ? rows : rows * in->features;
        s->out = pass_output(s->pass, 0);
        s->pass->carry_in = s->pass->carry_out = s->state;
        last = model_output_activation(m, 0);
        s->pass->fused[0] = logits && last && activation_is(last, "softmax");
        s->pass->pool = NULL;
        model_start_states(m, s->state, rows, true);
        status = pass_plan(s->pass, 1, &shape);
    }
    if (!status) return RONDO_OK;
    rondo_stream_free(s);
    *out = NULL;
    return status;
}

void rondo_stream_free(rondo_stream *s)
{
    if (!s) return;
    pass_free(s->pass);
    pool_free(s->helpers);
    alloc_free(s->state);
    alloc_free(s->previous);
    alloc_free(s);
}

/* Whether some layer's step is large enough to be shared out. */
static bool has_large_layer(const rondo_model *m)
{
    for (int i = 0; i < m->n_layers; i++) {
        const rondo_layer *l = m->layers[i];
        int64_t bytes = 0;
        for (int k = 0; k < l->n_linears; k++)
            bytes += linear_packed_bytes(l->linears[k].in, l->linears[k].out, model_storage(m));
        if (bytes >= ROW_SHARED) return true;
    }
    return false;
}

rondo_status rondo_stream_threads(rondo_stream *s, int threads)
{
    pool *fresh = NULL;
    if (threads < 0 || has_large_layer(s->pass->model)) RONDO_TRY(pool_new(&fresh, threads));
    pool_free(s->helpers);
    s->helpers = fresh;
    s->pass->pool = NULL;
    return RONDO_OK;
}

static int64_t elements(const rondo_shape *shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape->rank; i++) n *= shape->dim[i];
    return n;
}

rondo_status rondo_stream_step(rondo_stream *s, const rondo_array *x, rondo_array *y)
{
    const bool tokens = s->type == RONDO_I32;
    const int64_t gives = s->rows * s->out->shape.features;
    if (!x->data || x->type != s->type || elements(&x->shape) != s->takes)
        return rondo_fail(RONDO_E_SHAPE, "a step takes %lld %s of %lld %s, given %lld",
                          (long long)s->rows, s->rows == 1 ? "row" : "rows",
                          (long long)(s->takes / s->rows), tokens ? "token" : "values",
                          (long long)elements(&x->shape));
    if (!y->data || elements(&y->shape) < gives)
        return rondo_fail(RONDO_E_SHAPE, "a step gives %lld values, there is room for %lld",
                          (long long)gives, (long long)elements(&y->shape));
    const feed step = { .steps = 1,
                        .batch = s->rows,
                        .data = tokens ? NULL : x->data,
                        .tokens = tokens ? x->data : NULL };
    if (s->helpers) s->pass->pool = now() - s->latest < CLOSE ? s->helpers : NULL;
    RONDO_TRY(pass_repeat(s->pass, &step));
    if (s->helpers) s->latest = now();
    memcpy(y->data, s->out->data, (size_t)gives * sizeof(real));
    y->type = RONDO_F32;
    y->shape.rank = 2;
    y->shape.dim[0] = s->rows;
    y->shape.dim[1] = s->out->shape.features;
    return RONDO_OK;
}

/* Calls visit on every [rows][width] block of the state: the k-th of node n. */
typedef void visit_block(rondo_stream *, const node *n, int k, int64_t at, const void *);
static void each_block(rondo_stream *s, visit_block *visit, const void *arg)
{
    const rondo_model *m = s->pass->model;
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        if (!n->state_size) continue;
        const int64_t width = n->layer->type->state_width(n->layer);
        for (int64_t k = 0; k < n->state_size / width; k++)
            visit(s, n, (int)k, (n->state_offset + k * width) * s->rows, arg);
    }
}

static void start_row(rondo_stream *s, const node *n, int k, int64_t at, const void *row)
{
    const int64_t width = n->layer->type->state_width(n->layer);
    model_start_row(s->pass->model, n, k, s->state + at + *(const int64_t *)row * width);
}

rondo_status rondo_stream_reset(rondo_stream *s, int64_t row)
{
    if (row < 0 || row >= s->rows)
        return rondo_fail(RONDO_E_ARG, "the stream has rows 0 to %lld, not %lld",
                          (long long)s->rows - 1, (long long)row);
    each_block(s, start_row, &row);
    return RONDO_OK;
}

typedef struct selection {
    const int64_t *from;
    int64_t n;
} selection;

static void select_rows(rondo_stream *s, const node *n, int k, int64_t at, const void *arg)
{
    const selection *wanted = arg;
    const int64_t width = n->layer->type->state_width(n->layer);
    (void)k;
    kernel_table()->gather(s->state + at, s->previous + at, wanted->from, wanted->n, width);
}

rondo_status rondo_stream_select(rondo_stream *s, const int64_t *from, int64_t n)
{
    if (n < 0 || n > s->rows)
        return rondo_fail(RONDO_E_ARG, "the stream has %lld rows, %lld are selected",
                          (long long)s->rows, (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (from[i] < 0 || from[i] >= s->rows)
            return rondo_fail(RONDO_E_ARG, "the stream has rows 0 to %lld, not %lld",
                              (long long)s->rows - 1, (long long)from[i]);
    const selection wanted = { from, n };
    memcpy(s->previous, s->state,
           (size_t)(s->pass->model->state_size * s->rows) * sizeof *s->state);
    each_block(s, select_rows, &wanted);
    return RONDO_OK;
}

rondo_real *rondo_stream_state(rondo_stream *s, size_t *n)
{
    if (n) *n = (size_t)(s->pass->model->state_size * s->rows);
    return s->state;
}
