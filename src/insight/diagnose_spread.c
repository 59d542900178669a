/* spread - a histogram of sizes by their logarithm: medians of any number of numbers, in fixed
 * memory, whatever their order. */
#include "insight/insight.h"
#include <math.h>

enum { PER_OCTAVE = 5, MIDDLE = SPREAD_BINS / 2 }; /* 2^±102 */

static int bin_of(double size)
{
    const double at = floor(log2(size) * PER_OCTAVE) + MIDDLE;
    return at < 0 ? 0 : at > SPREAD_BINS - 1 ? SPREAD_BINS - 1 : (int)at;
}

void spread_add(spread *s, double size)
{
    if (!isfinite(size) || size < 0) return;
    if (s->n == 0 || size < s->least) s->least = size;
    if (s->n == 0 || size > s->most) s->most = size;
    s->n++;
    if (size == 0)
        s->zeros++;
    else
        s->bin[bin_of(size)]++;
}

double spread_quantile(const spread *s, double share)
{
    if (s->n == 0) return NAN;
    double left = share * (double)s->n - (double)s->zeros;
    if (left <= 0) return s->zeros ? 0 : s->least;
    for (int i = 0; i < SPREAD_BINS; i++) {
        if (s->bin[i] && left <= s->bin[i]) {
            const double size = exp2((i - MIDDLE + left / s->bin[i]) / PER_OCTAVE);
            return fmin(fmax(size, s->least), s->most);
        }
        left -= s->bin[i];
    }
    return s->most;
}
