/* Packed weights: what they are kept in, and how the effective weight becomes panels. */
#include "linear.h"
#include <string.h>

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

/* Some pieces of work, each large enough to be worth waking a thread. */
static int shares(pool *threads, int64_t pieces, int64_t elements)
{
    enum { ENOUGH = 1 << 13 };
    const int64_t most = pool_threads(threads);
    if (elements < ENOUGH) return 1;
    return (int)(most < pieces ? most : pieces);
}

/* ---- The effective weight ---- */
typedef struct making {
    const param *param;
    const real *weights;
    const drop_key *drawn;
    real *w; /* [rows][columns] */
    int parts;
} making;

static void making_part(void *arg, int i)
{
    const making *m = arg;
    const param *p = m->param;
    const int64_t rows = p->shape.dim[0], width = param_columns(p), begin = rows * i / m->parts,
                  end = rows * (i + 1) / m->parts;
    real *w = m->w + begin * width;
    memcpy(w, m->weights + p->offset + begin * width, (size_t)((end - begin) * width) * sizeof *w);
    for (const adapter *a = p->adapters; a; a = a->next)
        if (!a->off && a->row->mask) a->row->mask(a, w, begin, end, m->drawn);
    for (const adapter *a = p->adapters; a; a = a->next)
        if (!a->off && a->row->add) a->row->add(a, w, begin, end, m->weights);
}

static void make_effective(const param *p, real *w, const real *weights, const drop_key *d,
                           pool *threads)
{
    making m = { p, weights, d, w, shares(threads, p->shape.dim[0], shape_size(&p->shape)) };
    pool_run(m.parts == 1 ? NULL : threads, making_part, &m, m.parts);
}

void adapters_pack(const param *p, const real *weights, const drop_key *d, pool *threads)
{
    for (const adapter *a = p->adapters; a; a = a->next)
        if (!a->off && a->row->pack) a->row->pack(a, weights, d);
    if (p->effective) make_effective(p, p->effective, weights, d, threads);
}

/* ---- Panels ---- */
typedef struct
    packing { /* of one linear, block by block of the weight, whose numbers are read once */
    const linear *linear;
    const real *w;           /* [rows][columns], the view */
    char *straight, *across; /* panels of it, and of its transpose; NULL: not wanted */
    real *turned;            /* across, where its storage takes no transpose: f32 panels */
    int64_t rows, columns, row_block, column_block;
    int parts;
} packing;

static int64_t blocks(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* Where the numbers of step k of a panel of `steps` begin. */
static char *place_of(char *panels, const weight_storage *store, int64_t panel, int64_t steps,
                      int64_t k)
{
    return panels + panel * store->panel_bytes(steps) + (k > 0 ? store->panel_bytes(k) : 0);
}

static void pack_block(const packing *p, int64_t row, int64_t column)
{
    const kernels *k = kernel_table();
    const weight_storage *store = &k->storage[p->linear->storage];
    const int64_t ld = param_columns(p->linear->weight), width = k->panel;
    const int64_t below = p->rows - row, rows = below < p->row_block ? below : p->row_block;
    const int64_t right = p->columns - column,
                  columns = right < p->column_block ? right : p->column_block;
    const real *w = p->w + row * ld + column;
    if (p->straight)
        store->pack(place_of(p->straight, store, column / width, p->rows, row), w, ld, rows,
                    columns);
    if (!p->across) return;
    char *across = place_of(p->across, store, row / width, p->columns, column);
    if (!p->turned) {
        store->pack_transposed(across, w, ld, columns, rows);
        return;
    }
    real *turned = p->turned + row * columns;
    k->pack_transposed(turned, w, ld, columns, rows);
    store->pack(across, turned, width, columns, rows);
}

static void packing_part(void *arg, int i)
{
    const packing *p = arg;
    const int64_t down = blocks(p->rows, p->row_block);
    const int64_t all = down * blocks(p->columns, p->column_block);
    for (int64_t n = all * i / p->parts; n < all * (i + 1) / p->parts; n++)
        pack_block(p, n % down * p->row_block, n / down * p->column_block);
}

static bool turns(const linear *l)
{
    return l->transposed && !kernel_table()->storage[l->storage].pack_transposed;
}

int64_t linear_room(const linear *l)
{
    const param *p = l->weight;
    const int64_t width = kernel_table()->panel, panels = (l->out + width - 1) / width;
    return (p->adapters && !p->effective ? (shape_size(&p->shape) + 15) / 16 * 16 : 0) +
           (turns(l) ? panels * width * l->in : 0);
}

void linear_pack(const linear *l, const real *weights, const drop_key *d, real *room, pool *threads)
{
    const int64_t width = kernel_table()->panel;
    const bool changed = adapters_change(l->weight, d);
    const real *w = !changed               ? weights + l->weight->offset
                    : l->weight->effective ? l->weight->effective
                                           : room;
    if (changed && w == room) make_effective(l->weight, room, weights, d, threads);
    packing p = { .linear = l,
                  .w = w + l->column,
                  .straight = l->transposed ? l->packed_transposed : l->packed,
                  .across = l->transposed ? l->packed : l->packed_transposed,
                  .turned = turns(l) ? room + (w == room ? shape_size(&l->weight->shape) : 0)
                                     : NULL,
                  .rows = l->transposed ? l->out : l->in,
                  .columns = l->transposed ? l->in : l->out };
    p.row_block = p.across ? width : p.rows; /* a storage without transposes may want all */
    p.column_block = p.turned ? p.columns : width;
    p.parts = shares(threads, blocks(p.rows, p.row_block) * blocks(p.columns, p.column_block),
                     p.rows * p.columns);
    pool_run(p.parts == 1 ? NULL : threads, packing_part, &p, p.parts);
}
