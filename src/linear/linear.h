/* linear - the one place where a weight meets an input: packing, storage types, adapters, ties, what
 * is frozen.
 *
 *   param     a weight: where it and its gradient lie, and what stands between it and its inputs
 *   adapter   one such thing: LoRA's A·B beside it, a mask over it; a row of a table
 *   linear    a product with columns of a weight, or with its transpose; its packed copies
 *
 * A product reads packed copies of the *effective weight*, what the adapters make of the weight.
 * linear_pack makes them, once per change, and everybody who reads the model shares them: a scan, a
 * stream, weights in int8 see no adapter. Backward, each gives the gradient of what trains and
 * nothing else; LoRA's without that of the whole weight (lora.c). */
#ifndef RONDO_LINEAR_H
#define RONDO_LINEAR_H
#include "kernel/kernel.h"

typedef struct row_set { /* rows of a matrix, each once, in the order they came */
    int32_t *row;        /* [n]; NULL: none is kept */
    uint8_t *has;        /* [rows of the matrix] */
    int64_t n;
} row_set;
rondo_status row_set_reserve(row_set *, int64_t rows); /* empty, of a matrix of so many */
void row_set_add(row_set *, const int64_t rows[], int64_t n);
void row_set_clear(row_set *);
void row_set_free(row_set *);

typedef struct adapter adapter;
typedef struct param {        /* of a layer; the model gives it its places */
    const rondo_layer *layer; /* whose it is, once a model lists it */
    char *name;               /* "kernel", "forward.kernel", "kernel.lora_A" */
    rondo_shape shape;
    char *initializer;
    int64_t offset;   /* in the weight vector */
    int64_t gradient; /* in the vectors of what trains: gradients, slots; -1: it does not */
    int64_t id;       /* no other param of the model has it, or had */
    bool trainable;
    bool rests;        /* while others train, it does not yet */
    double rate;       /* times the optimizer's; 1 */
    bool looked_up;    /* its rows are taken by number: an embedding's */
    bool sparse;       /* … and only so: few of them have a gradient … */
    row_set touched;   /* … these, in the model's own gradients */
    const real *stale; /* gradients where its own is that of a step before; NULL: nowhere */
    adapter *adapters; /* in the order they were put on */
    real *effective;   /* [rows][columns] where rows are looked up and adapters change them */
} param;
rondo_status param_init(param *, const char *name, rondo_shape, const char *initializer);
void param_free(param *);
static inline int64_t param_columns(const param *p)
{
    return p->shape.dim[p->shape.rank - 1];
}

typedef struct
    drop_key { /* what the masks of a step of training are drawn by; off: nothing is dropped */
    bool on;
    uint64_t seed;
    uint32_t step;
} drop_key;

typedef struct outer { /* the two sides of a gradient dW[:, column…] = leftᵀ·right */
    const real *left;  /* [n][rows of W]; NULL: it is 1 at row[i], else 0 */
    const real *right; /* [n][width] */
    const int64_t *row;
    int64_t ld_left, ld_right, n, column, width;
    const real *weights;
    real *gradients;
    pool *pool;
} outer;

void param_settle(param *, real *gradients); /* its own become zeros there, if they are stale */

/* ---- adapter.c: what stands between a weight and its inputs ---- */
enum { ADAPTER_PARAMS = 2 };
struct adapter {
    const struct adapter_row *row;
    char *name;     /* "lora", unless the spec says otherwise; of those on a weight, each another */
    void *options;  /* the row's */
    bool off;       /* the weight as if it were not there */
    bool froze;     /* the weight, which trained before */
    uint32_t key;   /* of what it draws, in one model each another */
    const char *of; /* the weight's name: "kernel" */
    int64_t rows, columns; /* its shape */
    bool looked_up;        /* it is */
    param params[ADAPTER_PARAMS];
    int n_params;
    real *packed; /* the row's copies of its params */
    adapter *next;
};
typedef struct adapter_row {
    const char *name, *help;
    option_table options;
    size_t options_size;
    bool freezes; /* the weight, when it is put on: what it adds trains instead */
    /* Checks the options, declares the params. */
    rondo_status (*open)(adapter *);
    bool (*draws)(const adapter *); /* anew at every step of training */
    /* Elements of packed, and fills them from its params; NULL: it has none. */
    int64_t (*packed_size)(const adapter *);
    void (*pack)(const adapter *, const real *weights, const drop_key *);
    /* w becomes what it makes of rows [begin, end) of the weight; those that mask come first. */
    void (*mask)(const adapter *, real *w, int64_t begin, int64_t end, const drop_key *);
    void (*add)(const adapter *, real *w, int64_t begin, int64_t end, const real *weights);
    /* Adds to the gradients of its params; NULL: it has none. */
    void (*backward)(const adapter *, const outer *);
    /* At the end of a backward pass: from the sums at what was dropped to the gradient of dw, the
     * weight's (NULL: it does not train), and of its params. */
    void (*finish)(const adapter *, real *dw, real *gradients, const drop_key *, pool *);
} adapter_row;
extern const adapter_row adapter_lora, adapter_weight_drop;
void adapter_register_all(void); /* table.c */

/* "lora rank=8 alpha=16", for a weight of so many rows and columns. */
rondo_status adapter_parse(adapter **, const char *spec, const param *);
json_t *
adapter_to_json(const adapter *); /* {"kind", "name", "options", "enabled"}; NULL: no memory */
rondo_status adapter_from_json(adapter **, const json_t *, const param *);
void adapter_put(param *, adapter *); /* the last of the weight's, which it may freeze */
adapter *adapter_find(const param *, const char *name);
void adapter_remove(param *, adapter *); /* and frees it; a weight that it froze trains again */
void adapter_free(adapter *);
/* What an element of the weight is with it alone: for merging, and never with a mask. */
void adapter_merge(const adapter *, real *w, const real *weights);
bool adapters_change(const param *, const drop_key *); /* some make another weight of it */
bool adapters_draw(const param *);                     /* … at every step of training */
bool param_trains(const param *); /* it, or what its adapters add; after the model placed them */

/* ---- linear.c: products ---- */
/* A view of columns of a weight [in][…], or of a weight [out][in] transposed. */
typedef struct linear {
    int64_t in, out;
    param *weight;
    int64_t column; /* the first */
    const param *bias;
    bool transposed;         /* the weight is [out][in]: tied */
    bool unmet;              /* all its inputs are zeros: dW gets nothing, db does */
    bool meets_input;        /* the layer's own: its transpose serves that input's gradient alone */
    int storage;             /* of the packed copies: STORAGE_… ; the weights stay as they are */
    int64_t packed_at;       /* the model's version that the copies are of; 0: of none */
    void *packed;            /* [in][out] in panels */
    void *packed_transposed; /* [out][in] in panels; NULL until a gradient goes through it */
} linear;

/* A matrix product over many rows is split over the pool's threads, by outputs. */
void linear_forward(const linear *, const real *weights, pool *, real *y, int64_t ldy,
                    const real *x, int64_t ldx, int64_t rows,
                    bool add); /* y = x·W + b; with add: y += x·W, no bias, sums start from y */
/* One row's sum over several inputs: y = b + x·W and on with the next, the bits of linear_forward
 * and then linear_forward with add; b is the first one's. With add the first goes on from y too.
 * backwards: the other end of the weights first, which the cache still holds when the call before
 * went forwards. Of n shares of the columns it does the i-th. */
typedef struct linear_term {
    const linear *l;
    const real *x;
} linear_term;
void linear_row(const linear_term *, int terms, const real *weights, real *y, bool add,
                bool backwards, int i, int n);
void linear_backward_input(const linear *, pool *, real *dx, int64_t lddx, const real *dy,
                           int64_t lddy, int64_t rows, bool add); /* dx (+)= dy·Wᵀ */
/* The i-th of n shares of the columns of the same two products, of rows that lie close. */
void linear_forward_part(const linear *, const real *weights, real *y, const real *x, int64_t rows,
                         bool add, int i, int n);
void linear_backward_input_part(const linear *, real *dx, const real *dy, int64_t rows, bool add,
                                int i, int n);
/* dW += xᵀ·dy, db += Σ dy, of what trains: the weight, its adapters', the bias. */
void linear_backward_weight(const linear *, const real *weights, real *gradients, pool *,
                            const real *x, int64_t ldx, const real *dy, int64_t lddy, int64_t rows);

/* ---- lookup.c: rows of a weight by number, the product with inputs that are one 1 each ---- */
void lookup_forward(const param *, const real *weights, pool *, real *y, const int64_t *row,
                    int64_t n); /* y[n][columns] */
/* dW[row[i]] += dy[i], of what trains. note: in the model's own gradients, whose rows are kept. */
void lookup_backward(param *, const real *weights, real *gradients, pool *, const real *dy,
                     const int64_t *row, int64_t n, bool note);

/* ---- pack.c ---- */
int64_t linear_packed_bytes(int64_t in, int64_t out, int storage);
bool linear_trains(int storage); /* or is for inference only */
/* For inference, STORAGE_… of "f32" "bf16" "int8"; E_NAME with the nearest. */
rondo_status linear_storage(int *storage, const char *name);
/* For training, STORAGE_… of products computed in "f32" "bf16"; E_NAME with the nearest. */
rondo_status linear_compute(int *storage, const char *name);
const char *linear_compute_name(int storage);
/* Packs the adapters' params, and fills `effective` where it is kept. Before linear_pack. */
void adapters_pack(const param *, const real *weights, const drop_key *, pool *);
int64_t linear_room(const linear *); /* elements of `room` below */
/* Fills packed, and packed_transposed when it is there, panel by panel over the pool's threads. The
 * effective weight is made in the room, where it is not kept. */
void linear_pack(const linear *, const real *weights, const drop_key *, real *room, pool *);
#endif
