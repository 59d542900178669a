#include "linear.h"
#include <string.h>

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
                      .bias = add || l->bias < 0 ? NULL : weights + l->bias,
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
    const real *bias = l->bias < 0 ? NULL : weights + l->bias + begin;
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

typedef struct gradient { /* dw[in][out] += x[rows][in]ᵀ·dy[rows][out], split by columns of dw */
    const kernels *kernel;
    int storage;
    real *dw, *db;
    const real *x, *dy;
    int64_t lddw, ldx, lddy, rows, in, out;
    int parts;
} gradient;

static void gradient_part(void *arg, int i)
{
    const gradient *g = arg;
    int64_t begin, end;
    part(&begin, &end, i, g->parts, g->out, COLUMN_GRAIN);
    if (begin >= end) return;
    if (g->dw)
        g->kernel->storage[g->storage].gemm_tn(g->dw + begin, g->lddw, g->x, g->ldx, g->dy + begin,
                                               g->lddy, true, g->in, end - begin, g->rows);
    if (g->db)
        g->kernel->column_sums(g->db + begin, g->dy + begin, g->lddy, true, g->rows, end - begin);
}

void linear_backward_weight(const linear *l, real *gradients, pool *threads, const real *x,
                            int64_t ldx, const real *dy, int64_t lddy, int64_t rows)
{
    gradient g = { .kernel = kernel_table(),
                   .storage = l->storage,
                   .dw = l->trains ? gradients + l->weight : NULL,
                   .db = l->bias >= 0 && l->bias_trains ? gradients + l->bias : NULL,
                   .x = x,
                   .dy = dy,
                   .lddw = l->ld,
                   .ldx = ldx,
                   .lddy = lddy,
                   .rows = rows,
                   .in = l->in,
                   .out = l->out };
    if (rows == 0 || (!g.dw && !g.db)) return;
    g.parts = parts(threads, l->out, COLUMN_GRAIN, rows * l->in * l->out);
    pool_run(g.parts == 1 ? NULL : threads, gradient_part, &g, g.parts);
}

int64_t linear_packed_bytes(int64_t in, int64_t out, int storage)
{
    const kernels *k = kernel_table();
    const int64_t panels = (out + k->panel - 1) / k->panel;
    return (panels * k->storage[storage].panel_bytes(in) + 63) / 64 * 64;
}

bool linear_trains(int storage)
{
    return kernel_table()->storage[storage].gemm_tn != NULL;
}

typedef struct kind {
    const char *name;
    int storage;
} kind;

/* Of the n kinds that `what` may be. */
static rondo_status find_kind(int *storage, const kind *kinds, int n, const char *what,
                              const char *name)
{
    const char *names[STORAGES];
    for (int i = 0; i < n; i++) {
        names[i] = kinds[i].name;
        if (name && strcmp(name, names[i]) == 0) {
            *storage = kinds[i].storage;
            return RONDO_OK;
        }
    }
    const char *near = name ? name_nearest(name, n, names) : NULL;
    if (near)
        return rondo_fail(RONDO_E_NAME, "unknown %s \"%s\"; did you mean %s?", what, name, near);
    return rondo_fail(RONDO_E_NAME, "%s can be f32%s or %s, not \"%s\"", what,
                      n > 2 ? ", bf16" : "", names[n - 1], name ? name : "(NULL)");
}

rondo_status linear_storage(int *storage, const char *name)
{
    static const kind kinds[] = { { "f32", STORAGE_F32 },
                                  { "bf16", STORAGE_BF16 },
                                  { "int8", STORAGE_INT8 } };
    return find_kind(storage, kinds, 3, "weights", name);
}

rondo_status linear_compute(int *storage, const char *name)
{
    static const kind kinds[] = { { "f32", STORAGE_F32 }, { "bf16", STORAGE_PAIRS } };
    return find_kind(storage, kinds, 2, "compute", name);
}

const char *linear_compute_name(int storage)
{
    return storage == STORAGE_PAIRS ? "bf16" : "f32";
}

typedef struct
    packing { /* of one linear, by panels: first those of W, then those of its transpose */
    const linear *linear;
    const real *weights;
    int64_t panels, backward_panels;
    int parts;
} packing;

static void packing_part(void *arg, int i)
{
    const packing *p = arg;
    const linear *l = p->linear;
    const kernels *k = kernel_table();
    const weight_storage *store = &k->storage[l->storage];
    const real *w = p->weights + l->weight;
    const int64_t all = p->panels + p->backward_panels, width = k->panel;
    for (int64_t n = all * i / p->parts; n < all * (i + 1) / p->parts; n++) {
        const int64_t at = (n < p->panels ? n : n - p->panels) * width;
        const int64_t columns = n < p->panels ? l->out : l->in;
        const int64_t some = columns - at < width ? columns - at : width;
        if (n < p->panels)
            store->pack((char *)l->packed + n * store->panel_bytes(l->in), w + at, l->ld, l->in,
                        some);
        else
            store->pack_transposed((char *)l->packed_transposed +
                                       (n - p->panels) * store->panel_bytes(l->out),
                                   w + at * l->ld, l->ld, l->out, some);
    }
}

void linear_pack(const linear *l, const real *weights, pool *threads)
{
    const int64_t width = kernel_table()->panel;
    packing p = { .linear = l,
                  .weights = weights,
                  .panels = (l->out + width - 1) / width,
                  .backward_panels = l->packed_transposed ? (l->in + width - 1) / width : 0 };
    p.parts = parts(threads, p.panels + p.backward_panels, 1, 8 * l->in * l->out);
    pool_run(p.parts == 1 ? NULL : threads, packing_part, &p, p.parts);
}
