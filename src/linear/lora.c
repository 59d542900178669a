/* lora:  W' = W + s A·B,  A [rows][rank], B [rank][columns], s = alpha/rank (Hu et al. 2021), or
 * alpha/sqrt(rank) (rsLoRA, Kalajdzievski 2023).
 *
 * W' is packed once a step, so products cost what they cost without it. Its gradient would cost as
 * much as W's; A and B have theirs from the two sides of dW = lᵀ·r directly:
 *   t = s r·Bᵀ   dA += lᵀ·t        u = s l·A   dB += uᵀ·r
 * 2 rank (rows + columns) multiply-adds for each row of l and r, in place of rows columns. l and r
 * are taken in blocks of rows whose t and u lie on the stack.
 *
 * Dropout is on the input of A, one mask for a step of training: it drops rows of A, and so goes into
 * W' like the rest. PEFT draws a mask for every row of x, for which x W and (mask x) A B would have to be
 * products of their own in every step of a scan. */
#include "linear.h"
#include <math.h>
#include <string.h>

typedef struct options {
    int64_t rank;
    float alpha, dropout;
    bool rslora;
} options;

enum { A, B, MOST = 1024, ROOM = 4096 };

static const option_field fields[] = {
    { "rank", OPTION_INT, offsetof(options, rank), "8", "columns of A, rows of B" },
    { "alpha", OPTION_REAL, offsetof(options, alpha), "16", "A·B counts alpha/rank times" },
    { "dropout", OPTION_REAL, offsetof(options, dropout), NULL,
      "share of A's inputs dropped in training, for all rows of a step alike" },
    { "rslora", OPTION_BOOL, offsetof(options, rslora), NULL, "alpha/sqrt(rank) in its place" },
};

static int64_t rank_of(const adapter *a)
{
    return ((const options *)a->options)->rank;
}

static real scale_of(const adapter *a)
{
    const options *o = a->options;
    const double rank = (double)o->rank;
    return (real)((double)o->alpha / (o->rslora ? sqrt(rank) : rank));
}

static bool draws(const adapter *a)
{
    return ((const options *)a->options)->dropout > 0;
}

static rondo_status add_param(adapter *a, const char *name, int64_t rows, int64_t columns,
                              const char *initializer)
{
    const rondo_shape shape = { 2, { rows, columns } };
    const bool plain = !strcmp(a->name, a->row->name);
    char *full = alloc_format("%s.%s%s%s", a->of, name, plain ? "" : ".", plain ? "" : a->name);
    if (!full) return RONDO_E_NOMEM;
    const rondo_status s = param_init(&a->params[a->n_params++], full, shape, initializer);
    alloc_free(full);
    return s;
}

/* As PEFT begins: A as kaiming_uniform(a=√5), and B 0; of an embedding A 0, so that a token that was
 * never seen stays where it was, and B normal. */
static rondo_status open(adapter *a)
{
    const options *o = a->options;
    const int64_t most = a->rows < a->columns ? a->rows : a->columns;
    char even[64];
    if (o->rank < 1 || o->rank > MOST || o->rank > most)
        return rondo_fail(RONDO_E_ARG, "lora: rank is %lld; for %s, %lldx%lld, expected 1 to %lld",
                          (long long)o->rank, a->of, (long long)a->rows, (long long)a->columns,
                          (long long)(most < MOST ? most : MOST));
    if (!(o->dropout >= 0 && o->dropout < 1))
        return rondo_fail(RONDO_E_ARG, "lora: dropout is %g, expected at least 0 and below 1",
                          (double)o->dropout);
    snprintf(even, sizeof even, "uniform(-%.9g,%.9g)", 1 / sqrt((double)a->rows),
             1 / sqrt((double)a->rows));
    RONDO_TRY(add_param(a, "lora_A", a->rows, o->rank, a->looked_up ? "zeros" : even));
    RONDO_TRY(add_param(a, "lora_B", o->rank, a->columns, a->looked_up ? "normal(0,1)" : "zeros"));
    a->params[A].looked_up = a->looked_up;
    return RONDO_OK;
}

/* ---- Copies: A with the step's mask, and for products packed and times s: A, B, Bᵀ ---- */
enum { MASK, MASKED_A, PACKED_A, PACKED_B, PACKED_BT, COPIES };

static int64_t packed_elements(int64_t k, int64_t n)
{
    const int64_t panel = kernel_table()->panel;
    return (n + panel - 1) / panel * panel * k;
}

/* Where a copy begins; of COPIES: how large all are. */
static int64_t place(const adapter *a, int copy)
{
    const int64_t rank = rank_of(a), dropped = draws(a) ? (a->rows + 15) / 16 * 16 : 0;
    const int64_t size[COPIES] = { dropped, dropped * rank, packed_elements(a->rows, rank),
                                   packed_elements(rank, a->columns),
                                   packed_elements(a->columns, rank) };
    int64_t at = 0;
    for (int i = 0; i < copy; i++) at += size[i];
    return at;
}

static int64_t packed_size(const adapter *a)
{
    return place(a, COPIES);
}

static void scale_copy(const adapter *a, int copy)
{
    real *begin = a->packed + place(a, copy);
    kernel_table()->scale(begin, begin, scale_of(a), place(a, copy + 1) - place(a, copy));
}

/* A as the step has it. */
static const real *dropped(const adapter *a, const real *weights)
{
    return draws(a) ? a->packed + place(a, MASKED_A) : weights + a->params[A].offset;
}

static void pack(const adapter *a, const real *weights, const drop_key *d)
{
    const kernels *k = kernel_table();
    const int64_t rank = rank_of(a);
    const real *b = weights + a->params[B].offset, *w = weights + a->params[A].offset;
    if (draws(a)) {
        real *mask = a->packed + place(a, MASK), *masked = a->packed + place(a, MASKED_A);
        const real rate = d->on ? (real)((const options *)a->options)->dropout : 0;
        k->dropout_mask(mask, rate, d->seed, d->step, a->key, 0, 1, a->rows);
        for (int64_t r = 0; r < a->rows; r++)
            k->scale(masked + r * rank, w + r * rank, mask[r], rank);
    }
    k->pack(a->packed + place(a, PACKED_A), dropped(a, weights), rank, a->rows, rank);
    k->pack(a->packed + place(a, PACKED_B), b, a->columns, rank, a->columns);
    k->pack_transposed(a->packed + place(a, PACKED_BT), b, a->columns, a->columns, rank);
    for (int copy = PACKED_A; copy < COPIES; copy++) scale_copy(a, copy);
}

static void add(const adapter *a, real *w, int64_t begin, int64_t end, const real *weights)
{
    const int64_t rank = rank_of(a);
    kernel_table()->gemm(w, a->columns, dropped(a, weights) + begin * rank, rank,
                         a->packed + place(a, PACKED_B), NULL, true, end - begin, a->columns, rank);
}

/* ---- Backward ---- */
typedef struct block { /* rows of both sides, and what becomes of them */
    const adapter *a;
    const outer *o;
    int64_t first, n;
    real *t, *u; /* [n][rank] */
    int parts;
} block;

enum { GRAIN = 32 }; /* rows or columns that are worth a thread's while */

/* y[n][rank] = x·(a packed [·][rank]), whose rows `from`… are met: panel by panel. */
static void narrow(const adapter *a, real *y, const real *x, int64_t ldx, const real *packed,
                   int64_t rows, int64_t from, int64_t k, int64_t n)
{
    const kernels *kernel = kernel_table();
    const int64_t rank = rank_of(a), panel = kernel->panel;
    for (int64_t c = 0; c < rank; c += panel)
        kernel->gemm(y + c, rank, x, ldx, packed + c * rows + from * panel, NULL, false, n,
                     rank - c < panel ? rank - c : panel, k);
}

static void sides_part(void *arg, int i)
{
    const block *b = arg;
    const adapter *a = b->a;
    const outer *o = b->o;
    const int64_t rank = rank_of(a), begin = b->n * i / b->parts,
                  some = b->n * (i + 1) / b->parts - begin, at = b->first + begin;
    if (some == 0) return;
    narrow(a, b->t + begin * rank, o->right + at * o->ld_right, o->ld_right,
           a->packed + place(a, PACKED_BT), a->columns, o->column, o->width, some);
    if (o->left) {
        narrow(a, b->u + begin * rank, o->left + at * o->ld_left, o->ld_left,
               a->packed + place(a, PACKED_A), a->rows, 0, a->rows, some);
        return;
    }
    real *u = b->u + begin * rank;
    kernel_table()->gather(u, dropped(a, o->weights), o->row + at, some, rank);
    kernel_table()->scale(u, u, scale_of(a), some * rank);
}

/* dA: threads share its rows. Of rows by number each takes every parts-th. */
static void a_part(const block *b, int i)
{
    const kernels *k = kernel_table();
    const outer *o = b->o;
    const int64_t rank = rank_of(b->a), begin = b->a->rows * i / b->parts,
                  end = b->a->rows * (i + 1) / b->parts;
    real *d = o->gradients + b->a->params[A].gradient;
    for (int64_t r = 0; !o->left && r < b->n; r++) {
        const int64_t row = o->row[b->first + r];
        if (row % b->parts == i) k->add(d + row * rank, b->t + r * rank, rank);
    }
    if (o->left && begin < end)
        k->gemm_tn(d + begin * rank, rank, o->left + b->first * o->ld_left + begin, o->ld_left,
                   b->t, rank, true, end - begin, rank, b->n);
}

/* dB: threads share its columns. */
static void b_part(const block *b, int i)
{
    const outer *o = b->o;
    const int64_t grains = (o->width + GRAIN - 1) / GRAIN, begin = grains * i / b->parts * GRAIN;
    int64_t end = grains * (i + 1) / b->parts * GRAIN;
    if (end > o->width) end = o->width;
    if (begin >= end) return;
    kernel_table()->gemm_tn(o->gradients + b->a->params[B].gradient + o->column + begin,
                            b->a->columns, b->u, rank_of(b->a),
                            o->right + b->first * o->ld_right + begin, o->ld_right, true,
                            rank_of(b->a), end - begin, b->n);
}

static void gradient_part(void *arg, int i)
{
    const block *b = arg;
    if (b->a->params[A].gradient >= 0) a_part(b, i);
    if (b->a->params[B].gradient >= 0) b_part(b, i);
}

static void backward(const adapter *a, const outer *o)
{
    const int64_t rank = rank_of(a), most = ROOM / rank;
    real t[ROOM], u[ROOM];
    block b = { .a = a, .o = o, .t = t, .u = u };
    if (a->params[A].gradient < 0 && a->params[B].gradient < 0) return;
    for (; b.first < o->n; b.first += b.n) {
        b.n = o->n - b.first < most ? o->n - b.first : most;
        b.parts = b.n * (a->rows + o->width) * rank < (1 << 16) ? 1 : pool_threads(o->pool);
        pool *threads = b.parts == 1 ? NULL : o->pool;
        pool_run(threads, sides_part, &b, b.parts);
        pool_run(threads, gradient_part, &b, b.parts);
    }
}

/* Rows of A that were dropped learn nothing, the others 1/(1-dropout) times as much. */
static void finish(const adapter *a, real *dw, real *gradients, const drop_key *d, pool *threads)
{
    const int64_t rank = rank_of(a);
    const real *mask = a->packed + place(a, MASK);
    (void)dw, (void)threads;
    if (!d->on || !draws(a) || a->params[A].gradient < 0) return;
    for (int64_t r = 0; r < a->rows; r++) {
        real *row = gradients + a->params[A].gradient + r * rank;
        kernel_table()->scale(row, row, mask[r], rank);
    }
}

const adapter_row adapter_lora = {
    .name = "lora",
    .help = "adds a matrix of low rank, which trains in place of the weight",
    .options = OPTION_TABLE(fields),
    .options_size = sizeof(options),
    .freezes = true,
    .open = open,
    .draws = draws,
    .packed_size = packed_size,
    .pack = pack,
    .add = add,
    .backward = backward,
    .finish = finish,
};
