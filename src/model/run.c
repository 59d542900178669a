/* A pass: the nodes forward over one batch, and backward. All memory of a batch lies in one arena,
 * laid out by asking every layer twice: once measuring, once for real. */
#include "model.h"
#include <string.h>

static size_t aligned(size_t n)
{
    return (n + 63) / 64 * 64;
}

static rondo_status connect(pass *p)
{
    const rondo_model *m = p->model;
    value **in = p->in;
    unsigned char *memory = p->memory;
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        call *c = &p->calls[i];
        *c = (call){ .layer = n->layer,
                     .n_in = n->n_in,
                     .n_out = n->n_out,
                     .in = in,
                     .out = &p->values[i * MAX_PORTS],
                     .memory = memory };
        for (int k = 0; k < n->n_in; k++)
            in[k] = &p->values[n->in[k].node * MAX_PORTS + n->in[k].port];
        in += n->n_in;
        if (n->layer) memory += aligned(n->layer->type->call_size);
        for (int k = 0; k < n->n_out; k++) c->out[k].shape = n->out[k];
    }
    return RONDO_OK;
}

rondo_status pass_new(pass **out, const rondo_model *m)
{
    size_t memory = 1;
    int64_t inputs = 1;
    *out = NULL;
    RONDO_TRY(model_status(m));
    for (int i = 0; i < m->n_nodes; i++) {
        inputs += m->nodes[i].n_in;
        if (m->nodes[i].layer) memory += aligned(m->nodes[i].layer->type->call_size);
    }
    pass *p = alloc_new(sizeof *p);
    if (!p) return RONDO_E_NOMEM;
    p->model = m;
    p->pool = m->pool;
    p->calls = alloc_array(m->n_nodes + 1, sizeof *p->calls);
    p->values = alloc_array((m->n_nodes + 1) * MAX_PORTS, sizeof *p->values);
    p->in = alloc_array(inputs, sizeof *p->in);
    p->needs = alloc_array(m->n_nodes + 1, sizeof *p->needs);
    p->memory = alloc_aligned(memory);
    if (!p->calls || !p->values || !p->in || !p->needs || !p->memory) {
        pass_free(p);
        return RONDO_E_NOMEM;
    }
    *out = p;
    return connect(p);
}

void pass_free(pass *p)
{
    if (!p) return;
    arena_free(&p->arena);
    alloc_free(p->calls);
    alloc_free(p->values);
    alloc_free(p->in);
    alloc_free(p->needs);
    alloc_free_aligned(p->memory);
    alloc_free(p);
}

value *pass_output(const pass *p, int i)
{
    const rondo_value v = model_output(p->model, i);
    return &p->values[v.node * MAX_PORTS + v.port];
}

call *pass_maker(const pass *p, int i)
{
    return &p->calls[model_output(p->model, i).node];
}

value *pass_input(const pass *p, int i)
{
    return &p->values[p->model->inputs[i] * MAX_PORTS];
}

static bool takes_tokens(const rondo_model *m, const node *n)
{
    return m->nodes[n->in[0].node].out[n->in[0].port].type == RONDO_I32 &&
           n->out[0].type == RONDO_F32;
}

/* Whether a gradient has to reach this node: it has weights that train, or one before it has. */
static bool needs_gradient(const pass *p, int i)
{
    const node *n = &p->model->nodes[i];
    if (!p->gradients) return false;
    if (!n->layer) return p->input_gradients && n->out[0].type == RONDO_F32;
    if (p->input_gradients && n->n_in && takes_tokens(p->model, n)) return true;
    if (layer_trains(n->layer)) return true;
    for (int k = 0; k < n->n_in; k++)
        if (p->needs[n->in[k].node]) return true;
    return false;
}

static bool is_output(const rondo_model *m, int at, int port)
{
    for (int i = 0; i < model_output_count(m); i++) {
        const rondo_value v = model_output(m, i);
        if (v.node == at && v.port == port) return true;
    }
    return false;
}

/* Whether an output that this node makes is one of those. */
static bool makes(const pass *p, int at, const bool those[])
{
    for (int i = 0; i < model_output_count(p->model); i++)
        if (those[i] && model_output(p->model, i).node == at) return true;
    return false;
}

/* Rows of an output that are made, compared and differentiated at a time: so many that a pass over
 * the weights pays, unless they are too long for that, in blocks of equal size. */
static int64_t block_rows(const value *v)
{
    enum { ELEMENTS = 1 << 18, ENOUGH = 240, MOST = 1 << 24, GRAIN = 24 };
    const int64_t rows = value_rows(v), width = v->shape.features;
    int64_t most = width * ENOUGH <= MOST ? ENOUGH : MOST / width;
    if (most < ELEMENTS / width) most = ELEMENTS / width;
    if (most < GRAIN) most = GRAIN;
    const int64_t blocks = (rows + most - 1) / most;
    if (blocks <= 1) return rows;
    return ((rows + blocks - 1) / blocks + GRAIN - 1) / GRAIN * GRAIN;
}

/* Memory of an output of node i.  A block of it becomes its gradient in place, and may lie where
 * nodes have their scratch: its loss comes between the last of them forward and the first backward.
 */
static void lay_out_value(const pass *p, arena *a, int i, int port)
{
    value *v = &p->calls[i].out[port];
    const bool wanted = p->needs[i] || (p->gradients && is_output(p->model, i, port));
    const int64_t rows = v->unmade ? 0 : v->block ? v->block : value_rows(v);
    const size_t bytes = (size_t)(rows * v->shape.features) * sizeof(real);
    if (p->calls[i].layer) v->data = v->block ? arena_scratch(a, bytes) : arena_keep(a, bytes);
    v->grad = wanted && !v->block ? arena_keep(a, bytes) : NULL;
    v->passed_on = p->needs[i];
}

/* One walk over the nodes; every node uses the scratch in its turn. */
static void lay_out(pass *p, arena *a)
{
    const rondo_model *m = p->model;
    for (int i = 0; i < m->n_nodes; i++) {
        call *c = &p->calls[i];
        const size_t mark = arena_mark(a);
        p->needs[i] = needs_gradient(p, i);
        c->gradients = p->needs[i] ? p->gradients : NULL;
        c->training = p->training;
        c->watched = p->watched;
        c->skip_activation = makes(p, i, p->fused);
        if (c->layer) {
            memset(c->memory, 0, c->layer->type->call_size);
            c->layer->type->plan(c, a);
            const bool blocks = c->layer->type->forward_rows && makes(p, i, p->blocks);
            c->out[0].block = blocks ? block_rows(&c->out[0]) : 0;
            c->out[0].unmade = blocks && c->layer->type->label_loss && makes(p, i, p->unseen);
        }
        for (int k = 0; k < c->n_out; k++) lay_out_value(p, a, i, k);
        arena_release(a, mark);
    }
    for (int i = 0; i < model_output_count(m); i++) {
        const value *v = pass_output(p, i);
        p->loss_scratch[i] = arena_keep(a, loss_scratch(v->block ? v->block : value_rows(v)));
    }
}

static rondo_status set_inputs(pass *p, int n, const feed feeds[])
{
    const rondo_model *m = p->model;
    if (n != m->n_inputs)
        return rondo_fail(RONDO_E_SHAPE, "the model has %d inputs, the data %d", m->n_inputs, n);
    for (int i = 0; i < n; i++) {
        value *v = pass_input(p, i);
        if (feeds[i].batch != feeds[0].batch)
            return rondo_fail(RONDO_E_SHAPE, "input %d has %lld rows, input 0 has %lld", i,
                              (long long)feeds[i].batch, (long long)feeds[0].batch);
        v->steps = feeds[i].steps;
        v->batch = feeds[i].batch;
        v->data = (real *)feeds[i].data;
        v->tokens = (int32_t *)feeds[i].tokens;
        v->lengths = feeds[i].lengths;
    }
    return RONDO_OK;
}

static struct plan_key key_of(const pass *p, int n, const feed feeds[])
{
    struct plan_key key;
    memset(&key, 0, sizeof key);
    for (int i = 0; i < n; i++) {
        key.steps[i] = feeds[i].steps;
        key.batch[i] = feeds[i].batch;
        key.ragged[i] = feeds[i].lengths != NULL;
    }
    memcpy(key.fused, p->fused, sizeof key.fused);
    memcpy(key.blocks, p->blocks, sizeof key.blocks);
    memcpy(key.unseen, p->unseen, sizeof key.unseen);
    key.adapted = p->model->adapted;
    key.training = p->training;
    key.backward = p->gradients != NULL;
    key.input_gradients = p->input_gradients;
    key.watched = p->watched;
    key.planned = true;
    return key;
}

/* No value is larger than can be counted; what layers need beside them is then no matter either. */
static rondo_status check_sizes(const pass *p)
{
    const rondo_model *m = p->model;
    for (int i = 0; i < m->n_nodes; i++)
        for (int k = 0; k < p->calls[i].n_out; k++) {
            const value *v = &p->calls[i].out[k];
            int64_t n;
            if (!size_mul(v->steps, v->batch, &n) || !size_mul(n, v->shape.features, &n))
                return rondo_fail(RONDO_E_LIMIT,
                                  "a batch of %lld rows of %lld steps with %lld features is too "
                                  "large",
                                  (long long)v->batch, (long long)v->steps,
                                  (long long)v->shape.features);
        }
    return RONDO_OK;
}

rondo_status pass_plan(pass *p, int n, const feed feeds[])
{
    RONDO_TRY(set_inputs(p, n, feeds));
    const struct plan_key key = key_of(p, n, feeds);
    if (!memcmp(&key, &p->key, sizeof key)) return RONDO_OK;
    arena measure = { 0 };
    p->key.planned = p->ready = false;
    lay_out(p, &measure);
    const size_t bytes = arena_needed(&measure);
    RONDO_TRY(check_sizes(p));
    if (bytes > p->arena.size || !p->arena.base) RONDO_TRY(arena_reserve(&p->arena, bytes));
    arena_reset(&p->arena);
    lay_out(p, &p->arena);
    p->key = key;
    return RONDO_OK;
}

static drop_key drawn(const pass *p)
{
    return (drop_key){ p->training, p->seed, p->step };
}

static bool begins(const pass *p, const rondo_layer *l)
{
    return p->begins == BEGINS || (p->begins == BEGINS_UNLESS_STATEFUL && !model_layer_stateful(l));
}

rondo_status pass_forward(pass *p, int n, const feed feeds[])
{
    const rondo_model *m = p->model;
    const drop_key masks = drawn(p);
    RONDO_TRY(pass_plan(p, n, feeds));
    RONDO_TRY(model_pack(m, p->gradients ? p->needs : NULL, &masks));
    const int64_t batch = feeds[0].batch;
    for (int i = 0; i < m->n_nodes; i++) {
        call *c = &p->calls[i];
        const int64_t state = m->nodes[i].state_offset * batch;
        for (int k = 0; k < c->n_out; k++) c->out[k].grad_written = false;
        if (!c->layer) continue;
        c->weights = m->weights;
        c->gradients = p->needs[i] ? p->gradients : NULL;
        c->notes_rows = p->gradients && p->gradients == m->gradients;
        c->seed = p->seed;
        c->step = p->step;
        c->pool = p->pool;
        c->carry_in = p->carry_in ? p->carry_in + state : NULL;
        c->begins = !p->carry_in || begins(p, c->layer);
        c->carry_out = p->carry_out ? p->carry_out + state : NULL;
        if (c->out[0].block)
            layer_same_rows(&c->out[0], c->in[0]);
        else
            RONDO_TRY(c->layer->type->forward(c));
        if (p->touch) p->touch(p->touch_user, i, c);
    }
    p->begins = CARRIED;
    p->ready = true;
    return RONDO_OK;
}

rondo_status pass_repeat(pass *p, const feed *f)
{
    const rondo_model *m = p->model;
    if (!p->ready || p->key.adapted != m->adapted || !model_is_packed(m))
        return pass_forward(p, 1, f);
    value *x = pass_input(p, 0);
    x->data = (real *)f->data;
    x->tokens = (int32_t *)f->tokens;
    for (int i = 0; i < m->n_nodes; i++) {
        call *c = &p->calls[i];
        c->pool = p->pool;
        if (c->layer) RONDO_TRY(c->layer->type->forward(c));
    }
    return RONDO_OK;
}

double pass_penalty(const pass *p)
{
    double sum = 0;
    for (int i = 0; i < p->model->n_nodes; i++) sum += p->calls[i].penalty;
    return sum;
}

/* Where masks lay over weights, sums become gradients. */
static void finish_adapters(const pass *p)
{
    const drop_key masks = drawn(p);
    for (int i = 0; i < p->model->n_params; i++) {
        const param *w = p->model->params[i];
        real *dw = w->gradient < 0 ? NULL : p->gradients + w->gradient;
        for (const adapter *a = w->adapters; a; a = a->next)
            if (!a->off && a->row->finish) a->row->finish(a, dw, p->gradients, &masks, p->pool);
    }
}

void pass_backward(pass *p)
{
    for (int i = p->model->n_nodes - 1; i >= 0; i--) {
        call *c = &p->calls[i];
        bool reached = false;
        for (int k = 0; k < c->n_out; k++) reached |= c->out[k].grad_written;
        if (!c->layer || !reached || !p->needs[i]) continue;
        for (int k = 0; k < c->n_out; k++)
            if (!c->out[k].grad_written)
                kernel_table()->fill(c->out[k].grad, 0, value_size(&c->out[k]));
        c->layer->type->backward(c);
    }
    for (int i = 0; i < p->model->n_params; i++) param_settle(p->model->params[i], p->gradients);
    if (p->training) finish_adapters(p);
}
