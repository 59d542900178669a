/* flow - what a scan shows of memory: how ∂loss/∂h shrinks or grows on its way back in time, what a
 * step hands on of its state, what its gates do. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

/* Values of each gate that are looked at in a batch: enough for shares of a percent, whatever its size. */
enum { GATE_VALUES = 1 << 13, EXACT = 16, PER_OCTAVE = 6 };
static const double nearly_nothing = 1e-6, least_median = 1e-30, forgets = 0.05;

int64_t probe_distance(int i)
{
    return i <= EXACT ? i : (int64_t)llround(EXACT * exp2((double)(i - EXACT) / PER_OCTAVE));
}

rondo_status flow_open(look *l, const scan_cell *c)
{
    const rondo_cell *row = c->row;
    int64_t params = 0;
    for (int i = 0; i < row->n_params; i++) params += row->params[i].gates;
    const int64_t vectors = 1 + 2 * row->states + row->x_gates + row->h_gates + row->made_gates +
                            params;
    l->n_gates = cell_gate_count(row);
    l->flow = alloc_array(RONDO_DISTANCES, sizeof *l->flow);
    l->end = alloc_new(sizeof *l->end);
    l->scratch = alloc_array(vectors * c->units, sizeof *l->scratch);
    if (!l->flow || !l->end || !l->scratch) return RONDO_E_NOMEM;
    for (int g = 0; g < l->n_gates; g++) gate_begin(&l->gate[g], &c->activation[g], l->scratch, 1);
    return RONDO_OK;
}

/* ---- Gradients over time ---- */
static double norm(const real *x, int64_t n)
{
    return sqrt(kernel_table()->sum_squares(x, n));
}

static void see_gradients(look *l, const scan_view *v, int64_t r)
{
    const int64_t count = view_count(v, r), u = v->cell->units;
    if (count == 0) return;
    const double at_end = norm(view_gradient(v, count - 1, r), u);
    l->rows++;
    l->steps += count;
    spread_add(l->end, at_end);
    if (!(at_end > 0) || !isfinite(at_end)) {
        l->unreached++;
        return;
    }
    for (int i = 0; i < RONDO_DISTANCES && probe_distance(i) < count; i++)
        spread_add(&l->flow[i],
                   norm(view_gradient(v, count - 1 - probe_distance(i), r), u) / at_end);
}

/* ---- What a step hands on ---- */
/* The gradient of ones at the last state, brought through the cell's pointwise step alone: what lies on
 * the path that has no product in it (f of an LSTM, z of a GRU), whatever the cell. */
static const real *hand_on(look *l, const call *c, const scan_view *v, int64_t t, int64_t r)
{
    const scan_cell *cell = v->cell;
    const rondo_cell *row = cell->row;
    const int64_t u = cell->units;
    const real *state[MAX_STATES], *dnext[MAX_STATES], *own[MAX_CELL_PARAMS];
    real *next[MAX_STATES], *dstate[MAX_STATES], *dparam[MAX_CELL_PARAMS], *at = l->scratch + u;
    for (int i = 0; i < row->states; i++) {
        state[i] = view_state(v, i, t - 1, r);
        next[i] = (real *)view_state(v, i, t, r);
        dnext[i] = at;
        kernel_table()->fill(at, i == row->states - 1, u);
        dstate[i] = at + u;
        kernel_table()->fill(dstate[i], 0, u);
        at += 2 * u;
    }
    rondo_step step = { .t = t, .rows = 1, .units = u };
    step.dxp = at;
    step.dhp = row->additive ? step.dxp : (at += row->x_gates * u);
    at = step.dhp + row->h_gates * u;
    step.dmp = at;
    at += row->made_gates * u;
    for (int i = 0; i < row->n_params; i++) {
        const bool there = cell->params[i] >= 0;
        own[i] = there ? c->weights + c->layer->params[cell->params[i]].offset : NULL;
        dparam[i] = there ? at : NULL;
        at += row->params[i].gates * u;
    }
    view_step(v, t, r, &step);
    step.state = state;
    step.next = next;
    step.param = own;
    step.dnext = dnext;
    step.dstate = dstate;
    step.dparam = dparam;
    row->step_backward(&step);
    return dstate[row->states - 1];
}

static void see_kept(look *l, const call *c, const scan_view *v, int64_t t, int64_t r)
{
    const real *kept = hand_on(l, c, v, t, r);
    for (int64_t k = 0; k < v->cell->units; k++) {
        const double factor = fabs((double)kept[k]);
        l->log_kept += log(fmax(factor, nearly_nothing));
        l->forgetting += factor < forgets;
        l->hands_on |= factor > 0;
    }
    l->n_kept += v->cell->units;
}

/* ---- Gates, units ---- */
static void see_step(look *l, const call *c, const scan_view *v, int64_t t, int64_t r)
{
    const int64_t u = v->cell->units;
    for (int g = 0; g < l->n_gates; g++)
        gate_see(&l->gate[g], &v->scan->activation[g], view_gate(v, g, t, r),
                 view_gate_input(v, g, t, r), l->scratch, u);
    see_kept(l, c, v, t, r);
}

void flow_see(look *l, const call *c, const scan_view *v)
{
    const int64_t rows = view_rows(v, 0), u = v->cell->units;
    int64_t total = 0, at = 0;
    for (int64_t r = 0; r < rows; r++) {
        see_gradients(l, v, r);
        total += view_count(v, r);
    }
    for (int g = 0; g < l->n_gates; g++) /* what is learned is known when the pass has run */
        if (l->gate[g].n == 0) gate_begin(&l->gate[g], &v->scan->activation[g], l->scratch, u);
    const int64_t every = 1 + total * u / GATE_VALUES;
    for (int64_t t = 0; t < view_steps(v); t++)
        for (int64_t r = 0; r < view_rows(v, t); r++) {
            const real *h = view_state(v, 0, t, r);
            for (int64_t k = 0; k < u; k++) {
                if (h[k] < l->least[k]) l->least[k] = h[k];
                if (h[k] > l->most[k]) l->most[k] = h[k];
            }
            if (at++ % every == 0) see_step(l, c, v, t, r);
        }
}

/* ---- What came of it ---- */
/* ln of the norm against the distance, by least squares, where there is a norm. */
static double fit_decay(const rondo_layer_diagnosis *d)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int64_t i = 0; i < d->n_distances; i++) {
        if (!(d->gradient[i] > least_median)) break;
        const double at = (double)d->distance[i], size = log(d->gradient[i]);
        n++;
        x += at;
        y += size;
        xx += at * at;
        xy += at * size;
    }
    return n < 2 ? NAN : exp((n * xy - x * y) / (n * xx - x * x));
}

/* The distance at which the norm falls under 1 %, between two that were measured. */
static double fit_memory(const rondo_layer_diagnosis *d)
{
    for (int64_t i = 1; i < d->n_distances; i++) {
        if (d->gradient[i] >= 0.01) continue;
        const double before = log(d->gradient[i - 1]);
        const double after = log(fmax(d->gradient[i], least_median));
        const double part = (before - log(0.01)) / (before - after);
        return (double)d->distance[i - 1] + part * (double)(d->distance[i] - d->distance[i - 1]);
    }
    return NAN;
}

static double half_life(double factor)
{
    return factor < 1 ? log(0.5) / log(factor) : NAN;
}

/* Distances that at least a quarter of the rows have. */
static void report_gradients(const look *l, rondo_layer_diagnosis *d)
{
    d->unreached = l->rows ? (double)l->unreached / (double)l->rows : NAN;
    d->gradient_at_end = spread_quantile(l->end, 0.5);
    for (int i = 0; i < RONDO_DISTANCES && l->flow[i].n > 0; i++) {
        if (4 * l->flow[i].n < l->flow[0].n) break;
        d->distance[i] = probe_distance(i);
        d->gradient[i] = spread_quantile(&l->flow[i], 0.5);
        d->n_distances++;
    }
    d->decay = fit_decay(d);
    d->half_life = half_life(d->decay);
    d->memory = fit_memory(d);
}

void flow_report(const look *l, rondo_layer_diagnosis *d)
{
    if (l->rows) d->steps = (double)l->steps / (double)l->rows;
    report_gradients(l, d);
    if (l->n_kept && l->hands_on) {
        d->kept = exp(l->log_kept / (double)l->n_kept);
        d->kept_half_life = half_life(d->kept);
        d->forgetting = (double)l->forgetting / (double)l->n_kept;
    }
    d->n_gates = l->n_gates;
    for (int g = 0; g < l->n_gates; g++) gate_report(&l->gate[g], &d->gate[g]);
}
