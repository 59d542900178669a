/* The activations with their default parameters, written anew in double from the definitions,
 * with their derivatives: within a few parts in 10^16, where a float has 1.2 in 10^7. */
#ifndef ACTIVATION_TRUTH_H
#define ACTIVATION_TRUTH_H
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/base.h"

#define TRUTH_LAMBDA 1.0507009873554805 /* selu */
#define TRUTH_ALPHA  1.6732632423543772

static inline double truth_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static inline double truth_normal(double x) /* Φ */
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}
static inline double truth_elu(double x)
{
    return x > 0 ? x : expm1(x);
}
static inline double truth_gelu(double x)
{
    return x < -60 ? 0 : x * truth_normal(x);
}
static inline double truth_gelu_slope(double x)
{
    return fabs(x) > 60 ? x > 0 : truth_normal(x) + x * 0.39894228040143267794 * exp(-x * x / 2);
}
static inline double truth_silu(double x)
{
    return x < -600 ? 0 : x * truth_sigmoid(x);
}
static inline double truth_silu_slope(double x)
{
    return fabs(x) > 600 ? x > 0 : truth_sigmoid(x) * (1 + x * truth_sigmoid(-x));
}
static inline double truth_softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static inline double truth_mish(double x)
{
    return x < -600 ? 0 : x > 40 ? x : x * tanh(log1p(exp(x)));
}
static inline double truth_mish_slope(double x)
{
    if (fabs(x) > 60) return x > 0;
    double t = tanh(log1p(exp(x)));
    return t + x * truth_sigmoid(x) * (1 - t * t);
}

typedef struct activation_truth {
    const char *name;
    double (*f)(double x);
    double (*slope)(double x); /* between kinks */
    double least; /* where the definition cancels (x/6 + 1/2), ulp are counted as of this size */
} activation_truth;

#define TRUTH_F(name, f, slope)                                                                    \
    static inline double truth_f_##name(double x)                                                  \
    {                                                                                              \
        return f;                                                                                  \
    }                                                                                              \
    static inline double truth_slope_##name(double x)                                              \
    {                                                                                              \
        return (void)x, slope;                                                                     \
    }
#define TRUTHS(X)                                                                                  \
    X(linear, x, 1, 0)                                                                             \
    X(sigmoid, truth_sigmoid(x), truth_sigmoid(x) * truth_sigmoid(-x), 0)                          \
    X(tanh, tanh(x), 4 * truth_sigmoid(2 * x) * truth_sigmoid(-2 * x), 0)                          \
    X(relu, x > 0 ? x : 0, x > 0, 0)                                                               \
    X(elu, truth_elu(x), x > 0 ? 1 : exp(x), 0)                                                    \
    X(selu, TRUTH_LAMBDA *(x > 0 ? x : TRUTH_ALPHA * truth_elu(x)),                                \
      TRUTH_LAMBDA *(x > 0 ? 1 : TRUTH_ALPHA * exp(x)), 0)                                         \
    X(leaky_relu, x > 0 ? x : 0.2 * x, x > 0 ? 1 : 0.2, 0)                                         \
    X(gelu, truth_gelu(x), truth_gelu_slope(x), 0)                                                 \
    X(silu, truth_silu(x), truth_silu_slope(x), 0)                                                 \
    X(softplus, truth_softplus(x), truth_sigmoid(x), 0)                                            \
    X(softsign, isinf(x) ? copysign(1, x) : x / (1 + fabs(x)), pow(1 + fabs(x), -2), 0)            \
    X(mish, truth_mish(x), truth_mish_slope(x), 0)                                                 \
    X(exponential, exp(x), exp(x), 0)                                                              \
    X(hard_sigmoid, fmin(1, fmax(0, x / 6 + 0.5)), fabs(x) < 3 ? 1 / 6.0 : 0, 0.5)                 \
    X(hard_sigmoid_k2, fmin(1, fmax(0, 0.2 * x + 0.5)), fabs(x) < 2.5 ? 0.2 : 0, 0.5)              \
    X(hard_tanh, fmin(1, fmax(-1, x)), fabs(x) < 1, 0)                                             \
    X(mingru_g, x < 0 ? truth_sigmoid(x) : x + 0.5,                                                \
      x < 0 ? truth_sigmoid(x) * truth_sigmoid(-x) : 1, 0)

#define X(name, f, slope, least) TRUTH_F(name, f, slope)
TRUTHS(X)
#undef X

/* NULL when there is none of that name. */
static inline const activation_truth *truth_of(const char *name)
{
    static const activation_truth all[] = {
#define X(name, f, slope, least) { #name, truth_f_##name, truth_slope_##name, least },
        TRUTHS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name)) return &all[i];
    return NULL;
}

/* NaN gives NaN. */
static inline double truth_at(const activation_truth *truth, double x)
{
    return isnan(x) ? x : truth->f(x);
}

/* Values of "alpha=1 b=0.5". */
static inline void truth_defaults(real args[RONDO_MAX_PARAMETERS], const char *parameters)
{
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) args[i] = 0;
    for (int i = 0; parameters && (parameters = strchr(parameters, '=')); i++)
        args[i] = (real)strtod(++parameters, NULL);
}

/* How far y is from want, in units of the last place of a float of that size, but at least of
 * size `least`.  Denormal floats are 2^-149 apart; the largest float and ∞ may stand for each
 * other where want is within an ulp of the border. */
static inline double truth_ulp(float y, double want, double least)
{
    if (isnan(want) || isnan(y)) return isnan(want) && isnan(y) ? 0 : INFINITY;
    if (fabs(want) > FLT_MAX) want = copysign(INFINITY, want);
    if (isinf(want) || isinf(y))
        return (double)y == want || fabs(want) > 0.9999999 * FLT_MAX ? 0 : INFINITY;
    double size = fmax(fmax(fabs(want), least), FLT_MIN);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    bits = (bits >> 52 << 52) - (UINT64_C(23) << 52); /* the power of two below, times 2^-23 */
    memcpy(&size, &bits, sizeof size);
    return fabs((double)y - want) / size;
}

/* How far a derivative at x is from what is wanted, in units of 2^-24 max(1, |f'|): a derivative
 * that is read off y cannot know more of its small values.  0 at kinks and where there is none. */
static inline double truth_slope_error(float got, double want, const double *kinks, double x)
{
    for (; kinks && !isnan(*kinks); kinks++)
        if (fabs(x - *kinks) < 1e-6) return 0;
    if (!isfinite(x) || isnan(want) || fabs(want) > 0.9999999 * FLT_MAX) return 0;
    if (isnan(got)) return INFINITY;
    return fabs((double)got - want) / fmax(1, fabs(want)) * 0x1p24;
}

/* What is allowed of the two. */
#define TRUTH_ULP   2.0
#define TRUTH_SLOPE 5.0
#endif
