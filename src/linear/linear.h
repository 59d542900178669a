/* linear - the one place where a weight meets an input: packing and storage types now; adapters,
 * ties later.
 *
 * A linear is a view of columns of one weight matrix [in][ld] of the model's weight vector. Its
 * packed copies are made by linear_pack once per change of the weights, and shared by everybody who
 * reads the model. */
#ifndef RONDO_LINEAR_H
#define RONDO_LINEAR_H
#include "kernel/kernel.h"

typedef struct linear {
    int64_t in, out; /* shape of the view */
    int64_t ld;      /* row length of the whole matrix */
    int64_t weight;  /* offset in the weight vector of the view's first element */
    int64_t bias;    /* offset of its bias, or -1 */
    bool trains, bias_trains;
    bool meets_input;        /* the layer's own: its transpose serves that input's gradient alone */
    int storage;             /* of the packed copies: STORAGE_… ; the weights stay as they are */
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
void linear_backward_weight(const linear *, real *gradients, pool *, const real *x, int64_t ldx,
                            const real *dy, int64_t lddy,
                            int64_t rows); /* dW += xᵀ·dy, db += Σ dy, of what trains */
int64_t linear_packed_bytes(int64_t in, int64_t out, int storage);
bool linear_trains(int storage); /* or is for inference only */
/* For inference, STORAGE_… of "f32" "bf16" "int8"; E_NAME with the nearest. */
rondo_status linear_storage(int *storage, const char *name);
/* For training, STORAGE_… of products computed in "f32" "bf16"; E_NAME with the nearest. */
rondo_status linear_compute(int *storage, const char *name);
const char *linear_compute_name(int storage);
/* Fills packed, and packed_transposed when it is there, panel by panel over the pool's threads. */
void linear_pack(const linear *, const real *weights, pool *);
#endif
