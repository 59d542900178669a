/* Rows of a weight by number: an embedding's. What a product with an input would be that is 1 at one
 * place. */
#include "linear.h"

typedef struct lookup { /* of n rows, for one of parts threads */
    const param *param;
    const real *w, *dy; /* the effective weight */
    real *y, *dw;
    const int64_t *row;
    int64_t n;
    int parts;
} lookup;

static void share(lookup *l, void (*task)(void *, int), pool *threads)
{
    enum { ENOUGH = 1 << 15 }; /* elements, to be worth waking a thread */
    l->parts = l->n * param_columns(l->param) < ENOUGH ? 1 : pool_threads(threads);
    pool_run(threads, task, l, l->parts);
}

static void gather_part(void *arg, int i)
{
    const lookup *l = arg;
    const int64_t width = param_columns(l->param), begin = l->n * i / l->parts,
                  end = l->n * (i + 1) / l->parts;
    kernel_table()->gather(l->y + begin * width, l->w, l->row + begin, end - begin, width);
}

void lookup_forward(const param *p, const real *weights, pool *threads, real *y, const int64_t *row,
                    int64_t n)
{
    const real *w = p->effective ? p->effective : weights + p->offset;
    share(&(lookup){ .param = p, .w = w, .y = y, .row = row, .n = n }, gather_part, threads);
}

/* Every parts-th row is the i-th thread's, in the order of n: threads split rows of dW, so a sum has
 * the same bits for any number of them. */
static void scatter_part(void *arg, int i)
{
    const lookup *l = arg;
    const int64_t width = param_columns(l->param);
    for (int64_t r = 0; r < l->n; r++)
        if (l->row[r] % l->parts == i)
            kernel_table()->add(l->dw + l->row[r] * width, l->dy + r * width, width);
}

static void note_rows(param *p, const int64_t *row, int64_t n)
{
    if (p->sparse && p->gradient >= 0) row_set_add(&p->touched, row, n);
}

void lookup_backward(param *p, const real *weights, real *gradients, pool *threads, const real *dy,
                     const int64_t *row, int64_t n, bool note)
{
    const outer sides = { .right = dy,
                          .row = row,
                          .ld_right = param_columns(p),
                          .n = n,
                          .width = param_columns(p),
                          .weights = weights,
                          .gradients = gradients,
                          .pool = threads };
    if (note) note_rows(p, row, n);
    for (adapter *a = p->adapters; a; a = a->next) {
        if (a->off || !a->row->backward) continue;
        a->row->backward(a, &sides);
        for (int i = 0; note && i < a->n_params; i++) note_rows(&a->params[i], row, n);
    }
    if (p->gradient < 0) return;
    param_settle(p, gradients);
    share(&(lookup){ .param = p, .dy = dy, .dw = gradients + p->gradient, .row = row, .n = n },
          scatter_part, threads);
}
