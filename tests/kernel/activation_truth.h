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

static inline double truth_log_sigmoid(double x)
{
    return -truth_softplus(-x);
}
static inline double truth_sigmoid_slope(double x)
{
    return truth_sigmoid(x) * truth_sigmoid(-x);
}
static inline double truth_tanh_slope(double x)
{
    return 4 * truth_sigmoid_slope(2 * x);
}
static inline double truth_clip(double low, double high, double x)
{
    return fmin(high, fmax(low, x));
}
static inline double truth_softsign(double x)
{
    return isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
}
static inline double truth_squareplus(double x)
{
    return x > 0 ? (x + hypot(x, 2)) / 2 : isinf(x) ? 0 : 2 / (hypot(x, 2) - x);
}
static inline double truth_tanh_shrink(double x) /* near 0 its series */
{
    const double z = x * x;
    if (fabs(x) > 0.1) return x - tanh(x);
    return x * z *
           (1 / 3.0 -
            z * (2 / 15.0 - z * (17 / 315.0 - z * (62 / 2835.0 - z * (1382 / 155925.0 -
                                                                      z * 21844 / 6081075.0)))));
}
static inline double truth_isru(double x)
{
    return isinf(x) ? copysign(1, x) : x / hypot(1, x);
}
static inline double truth_isru_slope(double x)
{
    return pow(hypot(1, x), -3);
}
static inline double truth_half_tangent(double x)
{
    return isinf(x) ? copysign(1, x) : x / (1 + hypot(1, x));
}
static inline double truth_gauss(double x) /* times a polynomial of x */
{
    return fabs(x) > 30 ? 0 : exp(-x * x);
}
static inline double truth_wave(double x)
{
    return fabs(x) > 30 ? 0 : (1 - x) * (1 + x) * exp(-x * x);
}
static inline double truth_wave_slope(double x)
{
    return truth_gauss(x) * 2 * truth_clip(-30, 30, x) * (fmin(x * x, 900) - 2);
}
static inline double truth_pair(double x, double b, double c)
{
    return (truth_sigmoid(x + b) + truth_sigmoid(x + c)) / 2;
}
static inline double truth_pair_slope(double x, double b, double c)
{
    return (truth_sigmoid_slope(x + b) + truth_sigmoid_slope(x + c)) / 2;
}
static inline double truth_aranda(double x) /* w/(√(1+w)(1 + √(1+w))), w = 2 e^x */
{
    const double w = 2 * exp(fmin(x, 600)), root = sqrt(1 + w);
    return w / (root * (1 + root));
}
static inline double truth_gompertz(double x, double beta) /* e^x e^(-β e^x) */
{
    return x > 300 ? 0 : exp(x - beta * exp(x));
}
static inline double truth_skewed_slope(double x)
{
    return truth_sigmoid(x) * truth_sigmoid(2 * x) *
           (truth_sigmoid(-x) + 2 * truth_sigmoid(-2 * x));
}
static inline double truth_hard_silu(double x)
{
    return x > -3 ? x * fmin(1, (x + 3) / 6) : 0;
}

typedef struct activation_truth {
    const char *name;
    double (*f)(double x);
    double (*slope)(double x); /* between kinks */
    double least; /* where the definition cancels (x/6 + 1/2), ulp are counted as of this size */
    double
        loose; /* times as much as TRUTH_ULP and TRUTH_SLOPE is allowed: many roundings in a row */
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
    X(linear, x, 1, 0, 1)                                                                          \
    X(sigmoid, truth_sigmoid(x), truth_sigmoid_slope(x), 0, 1)                                     \
    X(tanh, tanh(x), truth_tanh_slope(x), 0, 1)                                                    \
    X(relu, x > 0 ? x : 0, x > 0, 0, 1)                                                            \
    X(relu6, truth_clip(0, 6, x), x > 0 && x < 6, 0, 1)                                            \
    X(leaky_relu, x > 0 ? x : 0.2 * x, x > 0 ? 1 : 0.2, 0, 1)                                      \
    X(thresholded_relu, x > 1 ? x : 0, x > 1, 0, 1)                                                \
    X(threshold, x > 0 ? x : 0, x > 0, 0, 1)                                                       \
    X(elu, truth_elu(x), x > 0 ? 1 : exp(x), 0, 1)                                                 \
    X(selu, TRUTH_LAMBDA *(x > 0 ? x : TRUTH_ALPHA * truth_elu(x)),                                \
      TRUTH_LAMBDA *(x > 0 ? 1 : TRUTH_ALPHA * exp(x)), 0, 1)                                      \
    X(celu, truth_elu(x), x > 0 ? 1 : exp(x), 0, 1)                                                \
    X(softplus, truth_softplus(x), truth_sigmoid(x), 0, 1)                                         \
    X(softplus_threshold, x > 20 ? x : truth_softplus(x), x > 20 ? 1 : truth_sigmoid(x), 0, 1)     \
    X(squareplus, truth_squareplus(x), truth_squareplus(x) / hypot(x, 2), 0, 1)                    \
    X(sparse_plus, x > 1 ? x : pow(fmax(0, x + 1), 2) / 4, truth_clip(0, 1, (x + 1) / 2), 0, 1)    \
    X(gelu, truth_gelu(x), truth_gelu_slope(x), 0, 1)                                              \
    X(silu, truth_silu(x), truth_silu_slope(x), 0, 1)                                              \
    X(hard_silu, truth_hard_silu(x), x > 3 ? 1 : x > -3 ? x / 3 + 0.5 : 0, 0, 1)                   \
    X(mish, truth_mish(x), truth_mish_slope(x), 0, 1)                                              \
    X(exponential, exp(x), exp(x), 0, 1)                                                           \
    X(softsign, truth_softsign(x), pow(1 + fabs(x), -2), 0, 1)                                     \
    X(hard_sigmoid, truth_clip(0, 1, x / 6 + 0.5), fabs(x) < 3 ? 1 / 6.0 : 0, 0.5, 1)              \
    X(hard_sigmoid_k2, truth_clip(0, 1, 0.2 * x + 0.5), fabs(x) < 2.5 ? 0.2 : 0, 0.5, 1)           \
    X(sparse_sigmoid, truth_clip(0, 1, x / 2 + 0.5), fabs(x) < 1 ? 0.5 : 0, 0, 1)                  \
    X(log_sigmoid, truth_log_sigmoid(x), truth_sigmoid(-x), 0, 1)                                  \
    X(hard_tanh, truth_clip(-1, 1, x), fabs(x) < 1, 0, 1)                                          \
    X(hard_shrink, fabs(x) > 0.5 ? x : 0, fabs(x) > 0.5, 0, 1)                                     \
    X(soft_shrink, x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0, fabs(x) > 0.5, 0, 1)                \
    X(tanh_shrink, truth_tanh_shrink(x), pow(tanh(x), 2), 0, 2)                                    \
    X(affine, x, 1, 0, 1)                                                                          \
    X(scaled_tanh, tanh(x), truth_tanh_slope(x), 0, 1)                                             \
    X(squared_relu, x > 0 ? x * x : 0, 2 * fmax(0, x), 0, 1)                                       \
    X(lecun_tanh, 1.7159 * tanh(2 * x / 3), 1.7159 * 2 / 3 * truth_tanh_slope(2 * x / 3), 0, 2)    \
    X(penalized_tanh, (x < 0 ? 0.25 : 1) * tanh(x), (x < 0 ? 0.25 : 1) * truth_tanh_slope(x), 0,   \
      1)                                                                                           \
    X(penalized_tanh_quotient, (x < 0 ? 4 : 1) * tanh(x), (x < 0 ? 4 : 1) * truth_tanh_slope(x),   \
      0, 2)                                                                                        \
    X(penalized_tanh_square, tanh(x) * (1 - 0.25 * tanh(x)),                                       \
      truth_tanh_slope(x) * (1 - 0.5 * tanh(x)), 0, 2)                                             \
    X(arctan, atan(x), 1 / (1 + x * x), 0, 1)                                                      \
    X(isru, truth_isru(x), truth_isru_slope(x), 0, 1)                                              \
    X(bent_identity, x *(1 + truth_half_tangent(x) / 2), 1 + truth_isru(x) / 2, 0, 2)              \
    X(snake, x + pow(sin(x), 2), 1 + sin(2 * x), 1, 2)                                             \
    X(sine, sin(x), cos(x), 0, 1)                                                                  \
    X(cosine, cos(x), -sin(x), 0, 1)                                                               \
    X(cube, x *x *x, 3 * x * x, 0, 1)                                                              \
    X(maxsig, fmax(x, truth_sigmoid(x)), truth_sigmoid(x) < x ? 1 : truth_sigmoid_slope(x), 0, 1)  \
    X(maxtanh, x > 0 ? x : tanh(x), x > 0 ? 1 : truth_tanh_slope(x), 0, 1)                         \
    X(minsin, x > 0 ? sin(x) : x, x > 0 ? cos(x) : 1, 0, 1)                                        \
    X(cosid, cos(x) - x, -sin(x) - 1, 1, 1)                                                        \
    X(arctid, pow(atan(x), 2) - x, 2 * atan(x) / (1 + x * x) - 1, 1, 2)                            \
    X(aranda, truth_aranda(x), x > 600 ? 0 : exp(x) * pow(1 + 2 * exp(x), -1.5), 0, 3)             \
    X(bisig1, truth_pair(x, -1, 1), truth_pair_slope(x, -1, 1), 0, 3)                              \
    X(bisig2, truth_pair(x, 0, 1), truth_pair_slope(x, 0, 1), 0, 3)                                \
    X(bitanh1, (tanh(x / 2) + tanh((x + 1) / 2)) / 2 + 0.5, 2 * truth_pair_slope(x, 0, 1), 1, 2)   \
    X(bitanh2, (tanh((x - 1) / 2) + tanh((x + 1) / 2)) / 2 + 0.5, 2 * truth_pair_slope(x, -1, 1),  \
      1, 2)                                                                                        \
    X(cloglog, -expm1(-exp(x)), truth_gompertz(x, 1), 0, 1)                                        \
    X(cloglogm, 1.5 - 2 * exp(-0.7 * exp(x)), 1.4 * truth_gompertz(x, 0.7), 1, 1)                  \
    X(loglog, exp(-exp(-x)) + 0.5, truth_gompertz(-x, 1), 0, 1)                                    \
    X(elliott, x < 0 ? 0.5 / (1 - x) : 1 - 0.5 / (1 + x), 0.5 * pow(1 + fabs(x), -2), 0, 1)        \
    X(modified_elliott, truth_isru(x) + 0.5, truth_isru_slope(x), 0.5, 1)                          \
    X(softsign_shifted, truth_softsign(x) + 0.5, pow(1 + fabs(x), -2), 0.5, 1)                     \
    X(rootsig, truth_half_tangent(x) + 0.5, 1 / (hypot(1, x) * (1 + hypot(1, x))), 0.5, 1)         \
    X(saturated, truth_clip(-1, 1, x) + 0.5, fabs(x) < 1, 0, 1)                                    \
    X(logarithmic, copysign(log1p(fabs(x)), x) + 0.5, 1 / (1 + fabs(x)), 0.5, 2)                   \
    X(logsigm, pow(truth_sigmoid(x), 2) + 0.5, 2 * truth_sigmoid(x) * truth_sigmoid_slope(x), 0,   \
      2)                                                                                           \
    X(sigmoidalm, pow(truth_sigmoid(x), 4), 4 * pow(truth_sigmoid(x), 4) * truth_sigmoid(-x), 0,   \
      4)                                                                                           \
    X(sigmoidalm2, pow(truth_sigmoid(x / 2), 4),                                                   \
      2 * pow(truth_sigmoid(x / 2), 4) * truth_sigmoid(-x / 2), 0, 4)                              \
    X(sigt, truth_sigmoid(x) * (1 + truth_sigmoid(-x)),                                            \
      2 * truth_sigmoid(x) * pow(truth_sigmoid(-x), 2), 0, 2)                                      \
    X(skewed_sig, truth_sigmoid(x) * truth_sigmoid(2 * x) + 0.5, truth_skewed_slope(x), 0, 2)      \
    X(gaussian, truth_gauss(x), -2 * truth_clip(-30, 30, x) * truth_gauss(x), 0, 1)                \
    X(wave, truth_wave(x), truth_wave_slope(x), 0, 2)                                              \
    X(sech, 1 / cosh(x), -tanh(x) / cosh(x), 0, 2)                                                 \
    X(mingru_g, x < 0 ? truth_sigmoid(x) : x + 0.5, x < 0 ? truth_sigmoid_slope(x) : 1, 0, 1)

#define X(name, f, slope, least, loose) TRUTH_F(name, f, slope)
TRUTHS(X)
#undef X

/* NULL when there is none of that name. */
static inline const activation_truth *truth_of(const char *name)
{
    static const activation_truth all[] = {
#define X(name, f, slope, least, loose) { #name, truth_f_##name, truth_slope_##name, least, loose },
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

/* Values of "alpha=1>0 b=0.5". */
static inline void truth_defaults(real args[RONDO_MAX_PARAMETERS], const char *parameters)
{
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) args[i] = 0;
    for (int i = 0; parameters && (parameters = strchr(parameters, '=')); i++) {
        args[i] = (real)strtod(parameters + 1, NULL);
        parameters = strchr(parameters, ' ');
    }
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
