#include "linear.h"

enum {
    MIN_FLOPS = 1 << 16
}; /* multiply-adds below which waking a thread costs more than it saves */

/* How many parts to cut `n` outputs into, each a multiple of `grain`. */
static int parts(pool *p, int64_t n, int64_t grain, int64_t flops)
{
    int64_t most = (n + grain - 1) / grain, threads = pool_threads(p);
    if (flops < MIN_FLOPS) return 1;
    return (int)(threads < most ? threads : most);
}

/* The i-th of n parts of [0, size), on multiples of grain. */
static void part(int64_t *begin, int64_t *end, int i, int n, int64_t size, int64_t grain)
{
    const int64_t grains = (size + grain - 1) / grain;
    *begin = grains * i / n * grain;
    *end = grains * (i + 1) / n * grain;
    if (*begin > size) *begin = size;
    if (*end > size) *end = size;
}

typedef struct product { /* y[rows][out] (+)= bias + x[rows][in]·packed */
    const kernels *kernel;
    int storage;
    real *y;
    const real *x, *bias;
    const void *packed;
    int64_t ldy, ldx, rows, in, out;
    bool add, by_columns;
    int parts;
} product;

enum { ROW_GRAIN = 12, COLUMN_GRAIN = 32 };

static void product_rows(const product *p, int64_t begin, int64_t rows)
{
    p->kernel->storage[p->storage].product(p->y + begin * p->ldy, p->ldy, p->x + begin * p->ldx,
                                           p->ldx, p->packed, p->bias, p->add, rows, p->out, p->in);
}

/* The i-th of n shares of the columns of a product. */
static void product_columns(const product *p, int i, int n)
{
    const kernels *k = p->kernel;
    const weight_storage *s = &k->storage[p->storage];
    int64_t begin, end;
    part(&begin, &end, i, n, p->out, k->panel);
    if (begin >= end) return;
    const unsigned char *packed = p->packed;
    s->product(p->y + begin, p->ldy, p->x, p->ldx,
               packed + begin / k->panel * s->panel_bytes(p->in), p->bias ? p->bias + begin : NULL,
               p->add, p->rows, end - begin, p->in);
}

static void product_part(void *arg, int i)
{
    const product *p = arg;
    int64_t begin, end;
    if (p->by_columns) {
        product_columns(p, i, p->parts);
        return;
    }
    part(&begin, &end, i, p->parts, p->rows, ROW_GRAIN);
    if (begin < end) product_rows(p, begin, end - begin);
}

/* Shared out along the side that has more grains: the shares are more alike, and each thread reads
 * a part of what there is more of. */
static void product_run(product *p, pool *threads)
{
    if (p->rows == 0) return;
    const int64_t panel = p->kernel->panel, flops = p->rows * p->in * p->out;
    p->by_columns = p->out / panel > p->rows / ROW_GRAIN;
    p->parts = p->by_columns ? parts(threads, p->out, panel, flops)
                             : parts(threads, p->rows, ROW_GRAIN, flops);
    if (p->parts == 1)
        product_rows(p, 0, p->rows);
    else
        pool_run(threads, product_part, p, p->parts);
}

static product forward(const linear *l, const real *weights, real *y, int64_t ldy, const real *x,
                       int64_t ldx, int64_t rows, bool add)
{
    return (product){ .kernel = kernel_table(),
                      .storage = l->storage,
                      .y = y,
                      .ldy = ldy,
                      .x = x,
                      .ldx = ldx,
                      .packed = l->packed,
                      .bias = add || !l->bias ? NULL : weights + l->bias->offset,
                      .rows = rows,
                      .in = l->in,
                      .out = l->out,
                      .add = add };
}

static product backward(const linear *l, real *dx, int64_t lddx, const real *dy, int64_t lddy,
                        int64_t rows, bool add)
{
    return (product){ .kernel = kernel_table(),
                      .storage = l->storage,
                      .y = dx,
                      .ldy = lddx,
                      .x = dy,
                      .ldx = lddy,
                      .packed = l->packed_transposed,
                      .rows = rows,
                      .in = l->out,
                      .out = l->in,
                      .add = add };
}

void linear_forward(const linear *l, const real *weights, pool *threads, real *y, int64_t ldy,
                    const real *x, int64_t ldx, int64_t rows, bool add)
{
    product p = forward(l, weights, y, ldy, x, ldx, rows, add);
    product_run(&p, threads);
}

void linear_row(const linear_term *term, int terms, const real *weights, real *y, bool add,
                bool backwards, int i, int n)
{
    const kernels *k = kernel_table();
    const linear *l = term[0].l;
    const weight_storage *s = &k->storage[l->storage];
    int64_t begin = 0, end = l->out;
    row_term parts[ROW_TERMS];
    if (n > 1) part(&begin, &end, i, n, l->out, k->panel);
    if (begin >= end) return;
    for (int t = 0; t < terms; t++) {
        const int64_t in = term[t].l->in;
        const unsigned char *packed = term[t].l->packed;
        if (begin > 0) packed += begin / k->panel * s->panel_bytes(in);
        parts[t] = (row_term){ term[t].x, packed, in };
    }
    const real *bias = l->bias ? weights + l->bias->offset + begin : NULL;
    s->row(y + begin, add ? y + begin : bias, parts, terms, backwards, end - begin);
}

void linear_forward_part(const linear *l, const real *weights, real *y, const real *x, int64_t rows,
                         bool add, int i, int n)
{
    product p = forward(l, weights, y, l->out, x, l->in, rows, add);
    product_columns(&p, i, n);
}

void linear_backward_input_part(const linear *l, real *dx, const real *dy, int64_t rows, bool add,
                                int i, int n)
{
    product p = backward(l, dx, l->in, dy, l->out, rows, add);
    product_columns(&p, i, n);
}

void linear_backward_input(const linear *l, pool *threads, real *dx, int64_t lddx, const real *dy,
                           int64_t lddy, int64_t rows, bool add)
{
    product p = backward(l, dx, lddx, dy, lddy, rows, add);
    product_run(&p, threads);
}

typedef struct gradient { /* dw[in][out] += x[rows][in]ᵀ·dy[rows][out], split by columns of dw, or
                           * dw[out][in] += dyᵀ·x, by its rows */
    const kernels *kernel;
    const linear *linear;
    real *dw, *db;
    const real *x, *dy;
    int64_t ldx, lddy, rows;
    bool add; /* to dw; else it is written over */
    int parts;
} gradient;

static void gradient_part(void *arg, int i)
{
    const gradient *g = arg;
    const linear *l = g->linear;
    const weight_storage *store = &g->kernel->storage[l->storage];
    const int64_t ld = param_columns(l->weight);
    int64_t begin, end;
    part(&begin, &end, i, g->parts, l->out, COLUMN_GRAIN);
    if (begin >= end) return;
    if (g->dw && l->transposed)
        store->gemm_tn(g->dw + begin * ld, ld, g->dy + begin, g->lddy, g->x, g->ldx, g->add,
                       end - begin, l->in, g->rows);
    else if (g->dw)
        store->gemm_tn(g->dw + begin, ld, g->x, g->ldx, g->dy + begin, g->lddy, g->add, l->in,
                       end - begin, g->rows);
    if (g->db)
        g->kernel->column_sums(g->db + begin, g->dy + begin, g->lddy, true, g->rows, end - begin);
}

/* What comes first in a step writes all of the weight's gradient, if it reaches all: neither zeros
 * are written before it nor are they read. */
static bool adds(const linear *l, real *gradients)
{
    param *w = l->weight;
    const bool stale = w->stale == gradients, whole = l->in * l->out == shape_size(&w->shape);
    if (stale && !whole) param_settle(w, gradients);
    if (!stale || !whole) return true;
    w->stale = NULL;
    return false;
}

static void backward_adapters(const linear *l, const outer *o)
{
    for (const adapter *a = l->weight->adapters; a; a = a->next)
        if (!a->off && a->row->backward) a->row->backward(a, o);
}

void linear_backward_weight(const linear *l, const real *weights, real *gradients, pool *threads,
                            const real *x, int64_t ldx, const real *dy, int64_t lddy, int64_t rows)
{
    const int64_t dw = l->unmet ? -1 : l->weight->gradient, db = l->bias ? l->bias->gradient : -1;
    gradient g = { .kernel = kernel_table(),
                   .linear = l,
                   .dw = dw < 0 ? NULL : gradients + dw + l->column,
                   .db = db < 0 ? NULL : gradients + db,
                   .x = x,
                   .dy = dy,
                   .ldx = ldx,
                   .lddy = lddy,
                   .rows = rows };
    const outer sides = { .left = l->transposed ? dy : x,
                          .right = l->transposed ? x : dy,
                          .ld_left = l->transposed ? lddy : ldx,
                          .ld_right = l->transposed ? ldx : lddy,
                          .n = rows,
                          .column = l->column,
                          .width = l->transposed ? l->in : l->out,
                          .weights = weights,
                          .gradients = gradients,
                          .pool = threads };
    if (rows == 0) return;
    if (!l->unmet) backward_adapters(l, &sides);
    if (!g.dw && !g.db) return;
    g.add = !g.dw || adds(l, gradients);
    g.parts = parts(threads, l->out, COLUMN_GRAIN, rows * l->in * l->out);
    pool_run(g.parts == 1 ? NULL : threads, gradient_part, &g, g.parts);
}
