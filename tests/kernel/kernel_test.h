/* What the kernel tests share: every table that runs here, and numbers to feed it. */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/kernel.h"

/* The table after t of those that run here; the first after NULL; NULL after the last:
 * for (const kernels *t = next_table(NULL); t; t = next_table(t)) */
static inline const kernels *next_table(const kernels *t)
{
    bool runs = false, passed = !t;
    const kernels *k;
    for (int i = 0; (k = kernel_at(i, &runs)); i++) {
        if (passed && runs) return k;
        if (k == t) passed = true;
    }
    return NULL;
}

/* n numbers in (-1, 1), the same for the same seed. */
static inline real *numbers(int64_t n, uint64_t seed)
{
    real *x = malloc((size_t)(n ? n : 1) * sizeof *x);
    rng random = rng_new(seed, 0);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (real)(2 * rng_uniform(&random) - 1);
    return x;
}

/* x as bf16 has it: 8 bits, nearest even. */
static inline double rounded(real x)
{
    int exponent;
    const double part = frexp((double)x, &exponent);
    return ldexp(rint(part * 256), exponent - 8);
}

static inline real *copy_of(const real *x, int64_t n)
{
    real *y = malloc((size_t)(n ? n : 1) * sizeof *y);
    assert_non_null(y);
    memcpy(y, x, (size_t)n * sizeof *x);
    return y;
}

static inline bool same_bits(const real *a, const real *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* |got - want| ≤ tolerance, and both NaN is near. */
#define assert_near(got, want, tolerance)                                                          \
    do {                                                                                           \
        double got_ = (double)(got), want_ = (double)(want), limit_ = (double)(tolerance);         \
        if (!(fabs(got_ - want_) <= limit_) && !(isnan(got_) && isnan(want_)) && got_ != want_)    \
            fail_msg("%s: got %.9g, expected %.9g within %.3g", #got, got_, want_, limit_);        \
    } while (0)
#endif
