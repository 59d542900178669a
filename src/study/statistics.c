/* statistics - tail probabilities and the tests that compare treatments over blocks, as recommended by
 * J. Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006). */
#include "study/study.h"
#include <math.h>
#include <stdlib.h>

static const double tiny = 1e-300, close_enough = 1e-15;
static const double pi = 3.14159265358979323846;

double statistics_normal(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

/* ---- Incomplete gamma and beta functions: series and continued fractions (Lentz's method), as in
 * DLMF 8.11.4, 8.9.2 and 8.17.22 ---- */
static double gamma_series(double a, double x) /* P(a, x), for x < a + 1 */
{
    double term = 1 / a, sum = term;
    for (int n = 1; n < 10000 && term > sum * close_enough; n++) sum += term *= x / (a + n);
    return sum * exp(a * log(x) - x - lgamma(a));
}

static double gamma_fraction(double a, double x) /* 1 - P(a, x), for x ≥ a + 1 */
{
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (int i = 1; i < 10000; i++) {
        const double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        if (fabs(d) < tiny) d = tiny;
        c = b + an / c;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < close_enough) break;
    }
    return h * exp(a * log(x) - x - lgamma(a));
}

double statistics_chi2(double x, double freedom)
{
    const double a = freedom / 2, half = x / 2;
    if (!(x > 0)) return 1;
    return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < tiny) d = tiny;
    double h = d = 1 / d;
    for (int m = 1; m < 10000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[2] = { even, odd };
        for (int k = 0; k < 2; k++) {
            d = 1 + terms[k] * d;
            if (fabs(d) < tiny) d = tiny;
            c = 1 + terms[k] / c;
            if (fabs(c) < tiny) c = tiny;
            d = 1 / d;
            h *= d * c;
        }
        if (fabs(d * c - 1) < close_enough) break;
    }
    return h;
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta(double a, double b, double x)
{
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double statistics_f(double x, double freedom1, double freedom2)
{
    if (!(x > 0)) return 1;
    if (isinf(x)) return 0;
    return beta(freedom2 / 2, freedom1 / 2, freedom2 / (freedom2 + freedom1 * x));
}

double statistics_t(double t, double freedom)
{
    return beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

/* Where a falling function of x ≥ 0 comes to p. */
static double invert(double (*tail)(double x, double more), double more, double p)
{
    double low = 0, high = 1;
    while (tail(high, more) > p && high < 1e12) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-14 * high; i++) {
        const double middle = (low + high) / 2;
        if (tail(middle, more) > p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double statistics_t_quantile(double p, double freedom)
{
    return invert(statistics_t, freedom, p);
}

/* ---- The studentized range with a known deviation: k ∫ φ(z) (Φ(z) - Φ(z - q))^(k-1) dz is the
 * probability that it is at most q; by Simpson's rule ---- */
double statistics_range(double q, int k)
{
    enum { STEPS = 2000 };
    const double from = -9, to = 9 + q, h = (to - from) / STEPS;
    double sum = 0;
    if (!(q > 0)) return 1;
    for (int i = 0; i <= STEPS; i++) {
        const double z = from + i * h, weight = i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2;
        const double inside = statistics_normal(z) - statistics_normal(z - q);
        sum += weight * exp(-z * z / 2) / sqrt(2 * pi) * pow(inside, k - 1);
    }
    return 1 - k * sum * h / 3;
}

static double range_of(double q, double k)
{
    return statistics_range(q, (int)k);
}

double statistics_range_quantile(double p, int k)
{
    return invert(range_of, k, p);
}

/* ---- Ranks ---- */
void statistics_rank(double *ranks, const double *values, int n)
{
    for (int i = 0; i < n; i++) {
        int less = 0, same = 0;
        for (int k = 0; k < n; k++) {
            less += values[k] < values[i];
            same += values[k] == values[i];
        }
        ranks[i] = less + (same + 1) / 2.0;
    }
}

/* Σ (t³ - t) over the ties of a block, for the correction of the χ² of tied ranks. */
static double tie_sum(const double *ranks, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        int same = 0;
        for (int k = 0; k < n; k++) same += ranks[k] == ranks[i];
        sum += (double)same * same - 1; /* each of the t tied ones adds its part */
    }
    return sum;
}

friedman statistics_friedman(const double *ranks, int blocks, int treatments)
{
    const double n = blocks, k = treatments;
    double squares = 0, ties = 0;
    friedman f = { .freedom1 = treatments - 1, .freedom2 = (treatments - 1) * (blocks - 1) };
    for (int t = 0; t < treatments; t++) {
        double sum = 0;
        for (int b = 0; b < blocks; b++) sum += ranks[b * treatments + t];
        squares += sum / n * (sum / n);
    }
    for (int b = 0; b < blocks; b++) ties += tie_sum(ranks + b * treatments, treatments);
    const double correction = 1 - ties / (n * k * (k * k - 1));
    f.chi2 = 12 * n / (k * (k + 1)) * (squares - k * (k + 1) * (k + 1) / 4);
    f.chi2 = correction > 0 ? f.chi2 / correction : 0;
    const double rest = n * (k - 1) - f.chi2;
    f.f = rest > 1e-12 ? (n - 1) * f.chi2 / rest : INFINITY;
    f.p_chi2 = statistics_chi2(f.chi2, f.freedom1);
    f.p_f = statistics_f(f.f, f.freedom1, f.freedom2);
    f.difference = statistics_range_quantile(0.05, treatments) / sqrt(2) *
                   sqrt(k * (k + 1) / (6 * n));
    return f;
}

/* ---- Wilcoxon's signed ranks ---- */
enum { EXACT = 25 };

/* 2 P(W ≤ w) of all 2^n signs of the ranks 1 … n. */
static double wilcoxon_exact(double w, int n)
{
    double ways[EXACT * (EXACT + 1) / 2 + 1] = { 1 }, below = 0, all = 1;
    const int most = n * (n + 1) / 2;
    for (int rank = 1; rank <= n; rank++) {
        for (int sum = most; sum >= rank; sum--) ways[sum] += ways[sum - rank];
        all *= 2;
    }
    for (int sum = 0; sum <= (int)w; sum++) below += ways[sum];
    return fmin(1, 2 * below / all);
}

double statistics_wilcoxon(const double *differences, int n, int *used)
{
    double *size = alloc_array(2 * (int64_t)n + 1, sizeof *size), *ranks = size + n;
    int m = 0;
    *used = 0;
    if (!size) return NAN;
    double positive = 0, negative = 0;
    for (int i = 0; i < n; i++)
        if (differences[i] != 0) size[m++] = fabs(differences[i]);
    statistics_rank(ranks, size, m);
    for (int i = 0, k = 0; i < n; i++) {
        if (differences[i] == 0) continue;
        *(differences[i] > 0 ? &positive : &negative) += ranks[k++];
    }
    const double ties = tie_sum(ranks, m), w = fmin(positive, negative);
    alloc_free(size);
    *used = m;
    if (m == 0) return 1;
    if (m <= EXACT && ties == 0) return wilcoxon_exact(w, m);
    const double mean = m * (m + 1) / 4.0;
    const double variance = m * (m + 1) * (2.0 * m + 1) / 24 - ties / 48;
    return variance > 0 ? fmin(1, 2 * statistics_normal((w - mean) / sqrt(variance))) : 1;
}

void statistics_holm(double *p, int n)
{
    double reached = 0, last = -1;
    for (int done = 0; done < n;) { /* the smallest first; adjusted ones never fall */
        double least = INFINITY;
        int same = 0;
        for (int i = 0; i < n; i++)
            if (p[i] > last && p[i] < least) least = p[i];
        for (int i = 0; i < n; i++) same += p[i] == least;
        if (same == 0) break;
        reached = fmax(reached, fmin(1, least * (n - done)));
        last = least;
        done += same;
        for (int i = 0; i < n; i++)
            if (p[i] == least) p[i] = -1 - reached; /* set aside, below all that are left */
    }
    for (int i = 0; i < n; i++)
        if (p[i] < 0) p[i] = -1 - p[i];
}
