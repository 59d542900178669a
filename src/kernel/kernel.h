/* kernel - the only loops over numbers besides the pointwise rows of cell/.
 *
 * One source (kernels.inc and its families) compiled once per ISA; each gives one constant
 * table.  In the double build there is only the scalar table, on libm: the oracle.
 *
 * Determinism: every output element is computed by one call on one thread, its sum taken over k
 * in ascending order with one accumulator (fused multiply-add where the ISA has it), whatever
 * the shape, the tile or the tail. So gemm over any split of rows or columns gives the same
 * bits. */
#ifndef RONDO_KERNEL_H
#define RONDO_KERNEL_H
#include "base/base.h"

/* What one update needs besides the vectors; in double, for 1-beta. */
typedef struct optimizer_terms {
    double rate, beta1, beta2, epsilon, decay; /* decay: decoupled weight decay (adamw) */
    double correction1, correction2;           /* 1-beta1^t, 1-beta2^t */
    double momentum, rho;
    bool nesterov;
    double scale, clip; /* of gradients: g = scale g, then to [-clip, clip]; clip 0: no bounds */
} optimizer_terms;

/* Rows of [rows][width]: loss[r] = the loss of the row; dx[r] = weight[r] ∂loss[r]/∂x (weight
 * NULL: 1; a weight of 0 gives exact zeros even where x is not finite).  dx may be NULL: loss
 * only.  target [rows][width] or label [rows]. */
typedef void loss_kernel(double *loss, real *dx, real *y, const real *x, const real *target,
                         const int32_t *label, const real *weight, real parameter, int64_t rows,
                         int64_t width);

/* What a fused kernel gives as dx, made of its y in place. */
typedef void slope_kernel(real *y, const real *target, const int32_t *label, const real *weight,
                          real parameter, int64_t rows, int64_t width);

/* A product that a row's sums go on with: x[k] and packed weights of as many rows. */
typedef struct row_term {
    const real *x;
    const void *packed;
    int64_t k;
} row_term;
enum { ROW_TERMS = 2 };

/* How packed weights are kept.  A packed matrix is ceil(n/panel) panels of
 * panel_bytes(k) each, so that columns may be shared out.  A row of c has the same bits whatever
 * the other rows are and whichever way the panels are taken. */
typedef struct weight_storage {
    const char *name;
    int64_t (*panel_bytes)(int64_t k);
    void (*pack)(void *packed, const real *w, int64_t ldw, int64_t k, int64_t n); /* w [k][n] */
    /* c[m][n] = bias[n] + a[m][k]·packed, bias NULL: 0; or with add: c += a·packed, no bias. */
    void (*product)(real *c, int64_t ldc, const real *a, int64_t lda, const void *packed,
                    const real *bias, bool add, int64_t m, int64_t n, int64_t k);
    /* One row: c[n] = start[n] + x·packed of up to ROW_TERMS terms, the bits of product and then
     * product with add. start NULL: 0; it may be c. backwards: the last panels first, which the
     * cache still holds when the call before went forwards. */
    void (*row)(real *c, const real *start, const row_term *, int terms, bool backwards, int64_t n);
    /* What training needs besides, as kernels have it below; NULL: for inference only. */
    void (*pack_transposed)(void *packed, const real *w, int64_t ldw, int64_t k, int64_t n);
    void (*gemm_tn)(real *c, int64_t ldc, const real *a, int64_t lda, const real *b, int64_t ldb,
                    bool add, int64_t m, int64_t n, int64_t k);
} weight_storage;
/* PAIRS: weights in bf16 that meet inputs rounded to bf16; for training.  The others widen. */
enum { STORAGE_F32, STORAGE_BF16, STORAGE_INT8, STORAGE_PAIRS, STORAGES };

/* ---- programs: what formulas become, see formula/ ---- */
/* Operations on elements, and how many operands they have.  NORMAL is Φ, the normal distribution;
 * comparisons give 1 or 0; WHERE takes the second operand where the first is not 0, else the
 * third. */
#define PROGRAM_OPS(X)                                                                             \
    X(NEG, 1)                                                                                      \
    X(ABS, 1)                                                                                      \
    X(SIGN, 1)                                                                                     \
    X(SQRT, 1)                                                                                     \
    X(EXP, 1)                                                                                      \
    X(EXPM1, 1)                                                                                    \
    X(LOG, 1)                                                                                      \
    X(LOG1P, 1)                                                                                    \
    X(TANH, 1)                                                                                     \
    X(SIGMOID, 1)                                                                                  \
    X(SOFTPLUS, 1)                                                                                 \
    X(ERF, 1)                                                                                      \
    X(NORMAL, 1)                                                                                   \
    X(SIN, 1)                                                                                      \
    X(COS, 1)                                                                                      \
    X(ATAN, 1)                                                                                     \
    X(ADD, 2)                                                                                      \
    X(SUB, 2)                                                                                      \
    X(MUL, 2)                                                                                      \
    X(DIV, 2)                                                                                      \
    X(POW, 2)                                                                                      \
    X(MIN, 2)                                                                                      \
    X(MAX, 2)                                                                                      \
    X(LESS, 2)                                                                                     \
    X(LESS_EQUAL, 2)                                                                               \
    X(EQUAL, 2)                                                                                    \
    X(WHERE, 3)                                                                                    \
    X(FMA, 3)
typedef enum program_op {
#define X(name, arity) PROGRAM_##name,
    PROGRAM_OPS(X)
#undef X
} program_op;

/* Slots: inputs, then constants, then registers. */
enum {
    PROGRAM_X,
    PROGRAM_Y,
    PROGRAM_DY,
    PROGRAM_PARAMETER, /* the first of RONDO_MAX_PARAMETERS learned ones */
    PROGRAM_INPUTS = PROGRAM_PARAMETER + RONDO_MAX_PARAMETERS,
    PROGRAM_CONSTANTS = 64,
    PROGRAM_REGISTERS = 32,
    PROGRAM_SLOTS = PROGRAM_INPUTS + PROGRAM_CONSTANTS + PROGRAM_REGISTERS,
    PROGRAM_RESULTS = 1 + RONDO_MAX_PARAMETERS
};
typedef struct program_step {
    uint8_t op, to, from[3]; /* slots; where there are fewer operands, the first again */
} program_step;
typedef struct program {
    program_step *step;
    int n_steps, n_constants, n_registers, n_results;
    real constant[PROGRAM_CONSTANTS];
    uint8_t result[PROGRAM_RESULTS]; /* slots */
} program;
typedef struct program_io {
    const real *in[PROGRAM_INPUTS]; /* [n]; NULL where the program does not read it */
    real *out[PROGRAM_RESULTS]; /* the first is stored (it may be any input), others are added to */
    bool shared; /* a parameter is one value, and its result the sum over n, not [n] */
} program_io;

typedef struct kernels {
    const char *isa;
    int lanes; /* elements of a vector */
    int panel; /* columns of a packed panel */

    /* ---- products.  Matrices are row-major, ld = elements from row to row.
     * A packed matrix [k][n] is ceil(n/panel) panels of [k][panel], zero padded. ---- */
    void (*pack)(real *packed, const real *w, int64_t ldw, int64_t k, int64_t n); /* w [k][n] */
    void (*pack_transposed)(real *packed, const real *w, int64_t ldw, int64_t k,
                            int64_t n); /* w [n][k] */
    /* c[m][n] = bias[n] + a[m][k]·packed, or with add: c += a·packed (bias NULL then). bias may
     * be NULL: 0. add starts the sum from c, so c + Σ is taken in ascending k. */
    void (*gemm)(real *c, int64_t ldc, const real *a, int64_t lda, const real *packed,
                 const real *bias, bool add, int64_t m, int64_t n, int64_t k);
    /* c[m][n] (+)= a[k][m]ᵀ·b[k][n]: weight gradients, k runs over time and rows. */
    void (*gemm_tn)(real *c, int64_t ldc, const real *a, int64_t lda, const real *b, int64_t ldb,
                    bool add, int64_t m, int64_t n, int64_t k);
    void (*column_sums)(real *y, const real *a, int64_t lda, bool add, int64_t m,
                        int64_t n); /* y[n] (+)= Σ_m a[m][n] */

    /* ---- vectors of n ---- */
    void (*fill)(real *y, real value, int64_t n);
    void (*add)(real *y, const real *x, int64_t n);                  /* y += x */
    void (*scale)(real *y, const real *x, real factor, int64_t n);   /* y = factor x; y may be x */
    void (*axpy)(real *y, real factor, const real *x, int64_t n);    /* y += factor x */
    void (*approach)(real *y, real share, const real *x, int64_t n); /* y += share (x - y) */
    void (*mul)(real *y, const real *a, const real *b, int64_t n);   /* y = a b; y may be a or b */
    void (*mul_add)(real *y, const real *a, const real *b, int64_t n); /* y += a b */
    /* x is `parts` vectors of n, one after another. y[i]: the largest x[j*n+i]; dx[j*n+i]: dy[i] at
     * the first of the largest, else 0. */
    void (*maxout)(real *y, const real *x, int64_t n, int64_t parts);
    void (*maxout_backward)(real *dx, const real *x, const real *y, const real *dy, int64_t n,
                            int64_t parts);
    double (*sum)(const real *x, int64_t n);         /* in double; fixed order */
    double (*sum_squares)(const real *x, int64_t n); /* in double; fixed order */
    bool (*all_finite)(const real *x, int64_t n);
    void (*prefetch)(const real *x, int64_t n);  /* they will be read soon */
    int64_t (*argmax)(const real *x, int64_t n); /* the first of the largest; some i with NaN */

    /* ---- rows by index: index < 0 reads as zeros, is not written ---- */
    void (*gather)(real *y, const real *x, const int64_t *index, int64_t rows,
                   int64_t width); /* y[r] = x[index[r]] */
    void (*scatter)(real *y, const real *x, const int64_t *index, int64_t rows,
                    int64_t width); /* y[index[r]] = x[r] */
    void (*gather_add)(real *y, const real *x, const int64_t *index, int64_t rows,
                       int64_t width); /* y[r] += x[index[r]] */
    void (*scatter_add)(real *y, const real *x, const int64_t *index, int64_t rows,
                        int64_t width); /* y[index[r]] += x[r], r ascending */

    /* mask[r] = 1 when any x[r][i] differs from value, else 0 */
    void (*row_mask)(uint8_t *mask, const real *x, real value, int64_t rows, int64_t width);

    /* ---- rows of [rows][width] ---- */
    void (*norm_forward)(real *y, real *xhat, real *rstd, const real *x, const real *gain,
                         const real *shift, real epsilon, int64_t rows,
                         int64_t width); /* layer norm; gain, shift may be NULL */
    /* dx (+)= …; dgain += Σ dy xhat, dshift += Σ dy, rows ascending (each may be NULL). */
    void (*norm_backward)(real *dx, bool add, real *dgain, real *dshift, const real *dy,
                          const real *xhat, const real *rstd, const real *gain, int64_t rows,
                          int64_t width);
    /* Inverted dropout: mask[r][i] is 0 with probability `rate`, else 1/(1-rate); a function of
     * (seed, step, layer, row+r, i) alone: Philox key = seed, counter = (i/4, row+r, step,
     * layer). */
    void (*dropout_mask)(real *mask, real rate, uint64_t seed, uint32_t step, uint32_t layer,
                         int64_t row, int64_t rows, int64_t width);

    /* y[i] drawn evenly between lower and upper, by the same rule. */
    void (*draw_between)(real *y, real lower, real upper, uint64_t seed, uint32_t step,
                         uint32_t layer, int64_t row, int64_t width);
    /* 1 where x > 0, else a slope drawn between lower and upper, by the same rule. */
    void (*rrelu_factors)(real *factor, const real *x, real lower, real upper, uint64_t seed,
                          uint32_t step, uint32_t layer, int64_t rows, int64_t width);

    /* ---- losses, see loss_kernel. Fused: x are logits, y receives the probabilities; the
     * others read x itself and leave y alone.  On probabilities: clipped to [1e-7, 1-1e-7] as
     * Keras does. The parameter is huber's delta and, of cross-entropies, how much of the truth is
     * smoothed. ---- */
    loss_kernel *softmax_cross_entropy; /* fused; target distribution or label; Σ over the row */
    slope_kernel *softmax_slope;        /* of softmax_cross_entropy */
    loss_kernel *sigmoid_cross_entropy; /* fused; mean over the row */
    loss_kernel
        *cross_entropy; /* rows are first normalised to sum 1, as Keras does; target or label */
    loss_kernel *binary_cross_entropy;                   /* mean over the row */
    loss_kernel *squared_error, *absolute_error, *huber; /* mean over the row */

    /* ---- optimizers: one pass over n weights ---- */
    void (*sgd)(real *w, real *velocity, const real *g, int64_t n,
                const optimizer_terms *); /* velocity NULL: none */
    void (*rmsprop)(real *w, real *square, real *velocity, const real *g, int64_t n,
                    const optimizer_terms *);
    void (*adam)(real *w, real *m, real *v, const real *g, int64_t n, const optimizer_terms *);

    weight_storage storage[STORAGES]; /* gemv.inc, gemm_bf16.inc */
    /* n turns of independent fused multiply-adds in registers, as many as hide their latency:
     * *flops done. The value only keeps the compiler from leaving them out. */
    real (*peak)(int64_t n, double *flops);
    real (*peak_bf16)(int64_t n, double *flops);

    void (*run_program)(const program *, const program_io *, int64_t n);

    const rondo_activation *activations; /* this ISA's rows */
    int n_activations;
} kernels;

/* The table in use: the one RONDO_ISA names, or else (also when that one cannot run) the best
 * for this CPU and system. */
const kernels *kernel_table(void);
/* Changes the table in use: "scalar" "avx2" "avx512" "neon"; E_ABSENT when it cannot run here.
 * NULL goes back to the first choice and says what was wrong with RONDO_ISA: E_NAME, E_ABSENT;
 * then the best one is in use. */
rondo_status kernel_select(const char *isa);
/* For tests and doctor: the i-th table built in, and whether it runs here; NULL past the last. */
const kernels *kernel_at(int i, bool *runs);
extern const kernels kernels_scalar, kernels_avx2, kernels_avx512, kernels_neon; /* isa_*.c */

#endif
