/* lens - a model asked about many versions of one sample at a time, and how an output of it changes
 * with them. */
#include "insight/insight.h"
#include <string.h>

static real *rows_of(int64_t steps, int64_t rows, int64_t width)
{
    int64_t n;
    if (size_mul(steps, rows, &n) && size_mul(n, width, &n))
        return alloc_array(n + 1, sizeof(real));
    rondo_fail(RONDO_E_LIMIT, "%lld steps are too many to explain", (long long)steps);
    return NULL;
}

/* The node that makes real numbers of input i's tokens. */
static rondo_status find_embedding(lens_input *x, const rondo_model *m, int i)
{
    for (x->node = 0; x->node < m->n_nodes; x->node++) {
        const node *n = &m->nodes[x->node];
        if (!n->layer || n->in[0].node != m->inputs[i] || n->out[0].type != RONDO_F32) continue;
        x->width = n->out[0].features;
        return RONDO_OK;
    }
    return rondo_fail(RONDO_E_ARG, "input %d has tokens that no layer embeds", i);
}

static rondo_status open_input(lens_input *x, const rondo_model *m, const batch_field *f, int i)
{
    *x = (lens_input){ .tokens = f->type == RONDO_I32,
                       .steps = f->steps,
                       .features = f->type == RONDO_I32 ? 1 : f->features };
    const int64_t n = x->steps * x->features;
    x->sample = rows_of(x->steps, 1, x->features);
    x->baseline = rows_of(x->steps, 1, x->features);
    x->version = rows_of(x->steps, LENS_ROWS, x->features);
    x->gradient = rows_of(x->steps, LENS_ROWS, x->features);
    if (!x->sample || !x->baseline || !x->version || !x->gradient) return RONDO_E_NOMEM;
    for (int64_t k = 0; k < n; k++) x->sample[k] = x->tokens ? 1 : f->data[k];
    if (!x->tokens) return RONDO_OK;
    RONDO_TRY(find_embedding(x, m, i));
    x->embedded = rows_of(x->steps, LENS_ROWS, x->width);
    x->token = alloc_array(x->steps * LENS_ROWS + 1, sizeof *x->token);
    if (!x->embedded || !x->token) return RONDO_E_NOMEM;
    for (int64_t k = 0; k < x->steps * LENS_ROWS; k++) x->token[k] = f->tokens[k / LENS_ROWS];
    return RONDO_OK;
}

/* Called when a node has its outputs: takes from the embedded vectors what a version lacks. */
static void thin(void *user, int at, call *c)
{
    lens *p = user;
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        if (!x->tokens || x->node != at) continue;
        real *y = c->out[0].data;
        const int64_t rows = x->steps * LENS_ROWS;
        memcpy(x->embedded, y, (size_t)(rows * x->width) * sizeof *y);
        for (int64_t r = 0; r < rows; r++)
            kernel_table()->scale(y + r * x->width, y + r * x->width, x->version[r], x->width);
    }
}

rondo_status lens_open(lens *p, const rondo_model *m, const batch *b)
{
    *p = (lens){ .model = m, .factor = 1 };
    RONDO_TRY(pass_new(&p->pass, m));
    p->gradients = alloc_aligned((size_t)(m->n_weights + 1) * sizeof *p->gradients);
    if (!p->gradients) return RONDO_E_NOMEM;
    p->pass->gradients = p->gradients;
    p->pass->input_gradients = true;
    p->pass->touch = thin;
    p->pass->touch_user = p;
    for (; p->n < b->n_inputs; p->n++) {
        const rondo_status s = open_input(&p->input[p->n], m, &b->input[p->n], p->n);
        if (!s) continue;
        p->n++; /* what it has is freed with the others */
        return s;
    }
    for (int64_t r = 0; r < LENS_ROWS; r++) lens_blend(p, r, 1);
    return RONDO_OK;
}

void lens_blend(lens *p, int64_t r, double share)
{
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        for (int64_t t = 0; t < x->steps; t++)
            for (int64_t k = 0; k < x->features; k++) {
                const int64_t at = t * x->features + k;
                const double whole = (double)x->sample[at], none = (double)x->baseline[at];
                x->version[(t * LENS_ROWS + r) * x->features + k] =
                    share == 1 ? x->sample[at] : (real)(none + share * (whole - none));
            }
    }
}

/* By the share of an embedded vector: Σ embedded · gradient. */
static void share_gradients(const lens_input *x, const real *grad)
{
    for (int64_t r = 0; r < x->steps * LENS_ROWS; r++) {
        double sum = 0;
        for (int64_t k = r * x->width; grad && k < (r + 1) * x->width; k++)
            sum += (double)x->embedded[k] * (double)grad[k];
        x->gradient[r] = (real)sum;
    }
}

static void backward(lens *p)
{
    value *y = pass_output(p->pass, 0);
    const int64_t width = y->shape.features;
    kernel_table()->fill(y->grad, 0, value_size(y));
    for (int64_t r = 0; r < LENS_ROWS; r++)
        y->grad[(p->step * LENS_ROWS + r) * width + p->column] = (real)p->factor;
    y->grad_written = true;
    pass_backward(p->pass);
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        const value *v = x->tokens ? &p->pass->calls[x->node].out[0] : pass_input(p->pass, i);
        const real *grad = v->grad_written ? v->grad : NULL;
        if (x->tokens)
            share_gradients(x, grad);
        else if (grad)
            memcpy(x->gradient, grad, (size_t)value_size(v) * sizeof *grad);
    }
}

rondo_status lens_run(lens *p, bool gradients)
{
    feed feeds[MAX_FIELDS];
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        feeds[i] = (feed){ x->steps, LENS_ROWS, x->tokens ? NULL : x->version, x->token, NULL };
    }
    RONDO_TRY(pass_forward(p->pass, p->n, feeds));
    const value *y = pass_output(p->pass, 0);
    for (int64_t r = 0; r < LENS_ROWS; r++)
        p->f[r] = p->factor *
                      (double)y->data[(p->step * LENS_ROWS + r) * y->shape.features + p->column] +
                  p->shift;
    if (gradients) backward(p);
    return RONDO_OK;
}

void lens_close(lens *p)
{
    for (int i = 0; i < p->n; i++) {
        lens_input *x = &p->input[i];
        alloc_free(x->sample);
        alloc_free(x->baseline);
        alloc_free(x->version);
        alloc_free(x->gradient);
        alloc_free(x->embedded);
        alloc_free(x->token);
    }
    pass_free(p->pass);
    alloc_free_aligned(p->gradients);
    *p = (lens){ 0 };
}
