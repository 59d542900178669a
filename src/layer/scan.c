/* The scan: one product for the inputs of many steps, then step after step the product of the state
 * and the cell's pointwise mathematics; backward the same way down, then one product per weight
 * over those steps.
 *   forward   XP = X·W + b        hp = h[t-1]·U       cell->step
 *   backward  cell->step_backward      dh[t-1] += dhp·Uᵀ
 *             dW += Xᵀ·DXP   dU += Hprevᵀ·DHP   dX = DXP·Wᵀ
 * The steps themselves are in scan_steps.c.
 *
 * So many steps make a chunk that what passes between the products and the cell (XP, DXP, DHP) stays
 * in the cache of one core; all of time would go to memory and back. */
#include "layer.h"
#include <string.h>

static real *keep(arena *a, int64_t rows, int64_t width)
{
    return arena_keep(a, (size_t)(rows * width) * sizeof(real));
}

static real *scratch(arena *a, int64_t rows, int64_t width)
{
    return arena_scratch(a, (size_t)(rows * width) * sizeof(real));
}

/* Steps of a chunk. Every chunk adds to all of dW and dU, so it has rows enough to make that a small
 * part of the traffic. */
static int64_t chunk_steps(const scan *s, const scan_cell *c, const value *x)
{
    enum { CACHED = 1 << 17 }; /* elements: half of a usual L2 */
    const int64_t rows = CACHED / (c->row->x_gates * c->units), least = 2 * (c->x->in + c->units);
    const int64_t steps = (rows > least ? rows : least) / (x->batch ? x->batch : 1);
    if (scan_row_serves(s) || steps >= x->steps) return x->steps;
    return steps < 1 ? 1 : steps;
}

static void plan_backward(scan *s, const scan_cell *c, arena *a, const value *x, int64_t total)
{
    const rondo_cell *row = c->row;
    const int64_t units = c->units, batch = x->batch, some = s->chunk * batch;
    int widest = 0;
    s->dxp = scratch(a, some, row->x_gates * units);
    s->dhp = row->additive ? s->dxp : scratch(a, some, row->h_gates * units);
    s->dmp = scratch(a, some, row->made_gates * units);
    s->dmade = scratch(a, row->made_gates ? batch : 0, units);
    for (int i = 0; i < row->n_params; i++)
        if (row->params[i].gates > widest) widest = row->params[i].gates;
    s->unread = scratch(a, widest, units);
    s->dh_dropped = scratch(a, c->recurrent_dropout > 0 ? batch : 0, units);
    if (s->watched)
        s->dh_gathered = keep(a, total, units);
    else if (s->full && !s->route.identity)
        s->dh_gathered = scratch(a, total, units);
    s->dx = scratch(a, s->route.identity && !(c->dropout > 0) ? 0 : total, c->x->in);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < row->states; k++) s->carry[i][k] = scratch(a, batch, units);
}

void scan_plan(scan *s, const scan_cell *c, arena *a, const value *x, bool reverse)
{
    const rondo_cell *row = c->row;
    const int64_t units = c->units, batch = x->batch, total = value_rows(x);
    memcpy(s->activation, c->activation, sizeof s->activation);
    for (int g = 0; g < MAX_GATES; g++)
        s->drawn[g] = layer_plan_drawn(&c->activation[g], a, s->training, units);
    route_plan(&s->route, a, x, reverse);
    if (!s->route.identity) s->gathered = keep(a, total, c->x->in);
    if (s->training && c->dropout > 0) {
        s->dropped = keep(a, total, c->x->in);
        s->mask_x = keep(a, batch, c->x->in);
    }
    if (s->training && c->recurrent_dropout > 0) {
        s->h_dropped = keep(a, total, units);
        s->mask_h = keep(a, batch, units);
    }
    const int64_t kept = s->keep ? total : batch;
    if (row->fade && s->keep) s->timed = scratch(a, 3 * SCAN_TIME_PARTS * batch, units);
    const size_t mark = arena_mark(a);
    s->chunk = chunk_steps(s, c, x);
    if (row->additive && c->keep_inputs && s->keep)
        s->xp = s->inputs = keep(a, total, row->x_gates * units);
    else
        s->xp = scratch(a, s->chunk * batch, row->x_gates * units);
    if (!row->additive) s->hp = scratch(a, batch, row->h_gates * units);
    s->mp = scratch(a, batch, row->made_gates * units);
    s->saved = keep(a, kept, row->saves * units);
    if (c->keep_inputs && !row->additive) s->inputs = keep(a, kept, row->input_saves * units);
    s->made = keep(a, row->made_gates ? kept : 0, units);
    for (int k = 0; k < row->states; k++) {
        if (k > 0 || !s->outside)
            s->state[k] = keep(a, s->keep || (k == 0 && s->full) ? total : 2 * batch, units);
        s->initial[k] = keep(a, batch, units);
    }
    if (!s->keep) return;
    arena_release(a, mark); /* what only forward needs may be overwritten */
    plan_backward(s, c, a, x, total);
}

void scan_view_learned(scan *s, const scan_cell *c, const call *run, bool down)
{
    for (int g = 0; g < MAX_GATES; g++) {
        if (!c->activation[g].row) continue;
        layer_view_learned(&s->activation[g], run, c->learned[g], down);
        if (!down)
            layer_draw(&s->activation[g], s->drawn[g], run, c->learned[g] * MAX_GATES + g,
                       c->units);
    }
}

/* A mask for every row of the batch, drawn by the caller's row number, laid out by rank. */
static void draw_mask(const scan *s, real *mask, real rate, const call *c, uint32_t key,
                      int64_t width)
{
    for (int64_t r = 0; r < s->route.batch; r++)
        kernel_table()->dropout_mask(mask + r * width, rate, c->seed, c->step, key,
                                     s->route.identity ? r : s->route.order[r], 1, width);
}

static void gather_input(scan *s, const scan_cell *c, const call *run, uint32_t key)
{
    const kernels *k = kernel_table();
    const int64_t in = c->x->in;
    s->x = run->in[0]->data;
    if (!s->route.identity) {
        k->gather(s->gathered, s->x, s->route.from, s->route.total, in);
        s->x = s->gathered;
    }
    if (s->mask_h) draw_mask(s, s->mask_h, c->recurrent_dropout, run, key + 1, c->units);
    if (!s->dropped) return;
    draw_mask(s, s->mask_x, c->dropout, run, key, in);
    for (int64_t t = 0; t < s->route.steps; t++) {
        const int64_t at = route_offset(&s->route, t) * in;
        k->mul(s->dropped + at, s->x + at, s->mask_x, route_active(&s->route, t) * in);
    }
    s->x = s->dropped;
}

void scan_forward(scan *s, const scan_cell *c, const call *run, uint32_t mask_key, real *h_out)
{
    if (h_out) s->state[0] = h_out;
    scan_view_learned(s, c, run, false);
    gather_input(s, c, run, mask_key);
    for (int64_t begin = 0, end; begin < s->route.steps; begin = end) {
        end = begin + s->chunk < s->route.steps ? begin + s->chunk : s->route.steps;
        s->first = route_offset(&s->route, begin);
        linear_forward(c->x, run->weights, run->pool, scan_xp(s, c, s->first), c->x->out,
                       s->x + s->first * c->x->in, c->x->in,
                       route_offset(&s->route, end) - s->first, false);
        scan_steps(s, c, run, begin, end, false);
    }
}

void scan_final(const scan *s, const scan_cell *c, int k, real *out)
{
    for (int64_t r = 0; r < s->route.batch; r++) {
        const int64_t row = s->route.identity ? r : s->route.order[r];
        const int64_t count = s->route.identity ? s->route.steps : s->route.count[r];
        memcpy(out + row * c->units, scan_state(s, c, k, count - 1, r),
               (size_t)c->units * sizeof *out);
    }
}

/* dU += Hprevᵀ·DHP for steps [begin, end). Where no row ends, the states before consecutive steps
 * lie side by side: one product. */
static void recurrent_gradient(const scan *s, const scan_cell *c, const call *run, int64_t begin,
                               int64_t end)
{
    const route *r = &s->route;
    const int64_t width = c->h->out, u = c->units;
    for (int64_t t = begin, next; t < end; t = next) {
        const int64_t at = route_offset(r, t);
        next = t + 1;
        while (next < end && t > 0 && route_active(r, next - 1) == route_active(r, next - 2))
            next++;
        const real *h = s->h_dropped ? s->h_dropped + at * u : scan_state(s, c, 0, t - 1, 0);
        if (s->h_dropped) next = end;
        linear product = *c->h;
        product.unmet = next == 1 && s->from_zero;
        linear_backward_weight(&product, run->weights, run->gradients, run->pool, h, u,
                               s->dhp + (at - s->first) * width, width, route_offset(r, next) - at);
    }
}

/* The gradients of all weights from steps [begin, end), and dX = DXP·Wᵀ where dx is wanted. */
static void chunk_gradients(const scan *s, const scan_cell *c, const call *run, int64_t begin,
                            int64_t end, real *dx, bool add)
{
    const int64_t in = c->x->in, rows = route_offset(&s->route, end) - s->first;
    linear_backward_weight(c->x, run->weights, run->gradients, run->pool, s->x + s->first * in, in,
                           s->dxp, c->x->out, rows);
    if (c->row->h_gates) recurrent_gradient(s, c, run, begin, end);
    if (c->made)
        linear_backward_weight(c->made, run->weights, run->gradients, run->pool,
                               s->made + s->first * c->units, c->units, s->dmp, c->made->out, rows);
    if (dx)
        linear_backward_input(c->x, run->pool, dx + s->first * in, in, s->dxp, c->x->out, rows,
                              add);
}

/* s->dx through dropout and back to where the steps came from. */
static void give_input_gradient(const scan *s, const scan_cell *c, real *dx, bool add)
{
    const kernels *k = kernel_table();
    const int64_t in = c->x->in;
    for (int64_t t = 0; s->mask_x && t < s->route.steps; t++) {
        real *at = s->dx + route_offset(&s->route, t) * in;
        k->mul(at, at, s->mask_x, route_active(&s->route, t) * in);
    }
    if (s->route.identity)
        layer_accumulate(dx, s->dx, add, s->route.total * in);
    else if (add)
        k->gather_add(dx, s->dx, s->route.back, s->route.steps * s->route.batch, in);
    else
        k->gather(dx, s->dx, s->route.back, s->route.steps * s->route.batch, in);
}

/* The gradients of the final states to where their rows end. */
static void place_final(const scan *s, const scan_cell *c)
{
    const kernels *k = kernel_table();
    const int64_t u = c->units, batch = s->route.batch;
    for (int i = 0; i < c->row->states; i++) k->scale(s->carry[1][i], s->carry[0][i], 1, batch * u);
    for (int64_t r = 0; s->dh && r < batch; r++) {
        const int64_t count = s->route.identity ? s->route.steps : s->route.count[r];
        if (count == 0) continue;
        k->add(scan_dh(s, c, count - 1, r), s->carry[0][0] + r * u, u);
        k->fill(scan_dh(s, c, -1, r), 0, u);
    }
}

void scan_backward(scan *s, const scan_cell *c, const call *run, real *dh)
{
    bool add;
    real *dx = value_grad(run->in[0], &add);
    const bool direct = s->route.identity && !s->mask_x;
    s->dh = dh;
    scan_view_learned(s, c, run, true);
    place_final(s, c);
    for (int64_t end = s->route.steps, begin; end > 0; end = begin) {
        begin = (end - 1) / s->chunk * s->chunk;
        s->first = route_offset(&s->route, begin);
        scan_steps(s, c, run, begin, end, true);
        chunk_gradients(s, c, run, begin, end, direct || !dx ? dx : s->dx, direct && add);
    }
    if (dx && !direct) give_input_gradient(s, c, dx, add);
}

real *scan_dinitial(const scan *s, int k)
{
    return s->carry[1][k];
}
