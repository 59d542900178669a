/* loops - what many cells do to the numbers of a row. They stand alone so that their arguments can
 * be restrict: gcc makes vectors of them then. */
#ifndef RONDO_CELL_LOOPS_H
#define RONDO_CELL_LOOPS_H
#include "cell.h"

/* y = a + b */
static inline void sum(real *restrict y, const real *restrict a, const real *restrict b, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = a[k] + b[k];
}

/* y = a b */
static inline void product(real *restrict y, const real *restrict a, const real *restrict b,
                           int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = a[k] * b[k];
}

/* y = x + a b */
static inline void product_add(real *restrict y, const real *restrict x, const real *restrict a,
                               const real *restrict b, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = x[k] + a[k] * b[k];
}

/* y += a b */
static inline void accumulate(real *restrict y, const real *restrict a, const real *restrict b,
                              int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] += a[k] * b[k];
}

/* y = z a + (1 - z) b */
static inline void mix(real *restrict y, const real *restrict z, const real *restrict a,
                       const real *restrict b, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = z[k] * a[k] + (1 - z[k]) * b[k];
}

/* Of mix with h = a the state before and g = b:
 *   dz = dh (h - g)   dg = dh (1 - z)   dh_prev += dh z */
static inline void mix_backward(real *restrict dz, real *restrict dg, real *restrict dh_prev,
                                const real *restrict dh, const real *restrict z,
                                const real *restrict h, const real *restrict g, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        dz[k] = dh[k] * (h[k] - g[k]);
        dg[k] = dh[k] * (1 - z[k]);
        dh_prev[k] += dh[k] * z[k];
    }
}
#endif
