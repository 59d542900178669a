/* gates - the values of one gate: their histogram, how many lie at the ends, and how many where the
 * activation is flat, which is what saturation is for any function. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { GRID = 161 };
static const double reach = 8, wide = 4; /* x of the grid; the widest range that is drawn whole */
static const double low = 0.05, high = 0.95, flat = 0.05;

/* Range and slope over x in [-reach, reach]: one of a fixed function, one for each unit of a learned one. */
void gate_begin(gate_stats *g, const rondo_function *f, real *scratch, int64_t units)
{
    const int64_t n = f->row->learned ? units : 1;
    real *x = scratch, *y = x + n, *slope = y + n;
    double least = HUGE_VAL, most = -HUGE_VAL;
    *g = (gate_stats){ .row = f->row };
    if (f->row->rowwise) {
        g->to = 1;
        return;
    }
    for (int i = 0; i < GRID; i++) {
        kernel_table()->fill(x, (real)(reach * (2.0 * i / (GRID - 1) - 1)), n);
        kernel_table()->fill(slope, 1, n);
        rondo_activate(f, y, x, n);
        rondo_activate_backward(f, slope, f->row->needs_input ? x : NULL, y, slope, n);
        for (int64_t k = 0; k < n; k++) {
            least = fmin(least, (double)y[k]);
            most = fmax(most, (double)y[k]);
            g->steepest = fmax(g->steepest, fabs((double)slope[k]));
        }
    }
    g->steepest = fmin(g->steepest, 1);
    g->from = least > -wide ? round(least * 20) / 20 : -wide;
    g->to = most < wide ? round(most * 20) / 20 : wide;
    if (!(g->to > g->from)) g->to = g->from + 1;
}

static void count_flat(gate_stats *g, const rondo_function *f, const real *y, const real *x,
                       real *slope, int64_t n)
{
    if (f->row->rowwise || (f->row->needs_input && !x)) return;
    for (int64_t i = 0; i < n; i++) slope[i] = 1;
    rondo_activate_backward(f, slope, f->row->needs_input ? x : NULL, y, slope, n);
    for (int64_t i = 0; i < n; i++) g->flat += fabs((double)slope[i]) < flat * g->steepest;
    g->sloped += n;
}

void gate_see(gate_stats *g, const rondo_function *f, const real *y, const real *x, real *slope,
              int64_t n)
{
    const double bars = RONDO_BARS / (g->to - g->from);
    for (int64_t i = 0; i < n; i++) {
        const double v = (double)y[i], at = (v - g->from) * bars;
        if (!isfinite(v)) continue;
        g->sum += v;
        g->n++;
        g->low += v < low;
        g->high += v > high;
        g->bars[at < 0 ? 0 : at >= RONDO_BARS ? RONDO_BARS - 1 : (int)at]++;
    }
    count_flat(g, f, y, x, slope, n);
}

void gate_report(const gate_stats *g, rondo_gate_diagnosis *d)
{
    const double n = (double)g->n;
    text_fit(d->activation, sizeof d->activation, g->row->name);
    d->bounded = g->from == 0 && g->to == 1;
    d->from = g->from;
    d->to = g->to;
    if (g->n == 0) return;
    d->mean = g->sum / n;
    d->low = (double)g->low / n;
    d->high = (double)g->high / n;
    if (g->sloped) d->saturated = (double)g->flat / (double)g->sloped;
    for (int i = 0; i < RONDO_BARS; i++) d->bars[i] = (double)g->bars[i] / n;
}
