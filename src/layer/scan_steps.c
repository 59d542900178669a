/* The time loop of a scan: step after step the product of the state and the cell's pointwise
 * mathematics; backward the same way down. Threads share it in one of two ways, with the same bits:
 *   by rows      each takes rows of the batch through all of time; they never meet
 *   by columns   each computes its columns of every product, so that recurrent weights too large
 *                for the cache of one core are fetched once and not once by each; then they meet
 *                and take rows of the cell's step */
#include "layer.h"

enum {
    MIN_ROWS = 4,         /* a thread's share of a batch below which it is not worth waking */
    OWN_WEIGHTS = 1 << 21 /* recurrent weights that each thread may fetch for itself */
};

typedef struct walk { /* through the steps, of one thread for some rows or of a team for all */
    scan *s;
    const scan_cell *c;
    const call *call;
    bool down;
    int64_t from, to; /* steps */
    int parts;
    team *team;
} walk;

real *scan_state(const scan *s, const scan_cell *c, int k, int64_t t, int64_t r)
{
    if (t < 0) return s->initial[k] + r * c->units;
    const bool all = s->keep || (k == 0 && s->full);
    const int64_t first = all ? route_offset(&s->route, t) : (t & 1) * s->route.batch;
    return s->state[k] + (first + r) * c->units;
}

real *scan_dh(const scan *s, const scan_cell *c, int64_t t, int64_t r)
{
    if (s->dh && t >= 0) return s->dh + (route_offset(&s->route, t) + r) * c->units;
    return s->carry[t & 1][0] + r * c->units;
}

/* Row r's place at step t in what is kept of all steps or of this one alone. */
static int64_t kept_row(const scan *s, int64_t t, int64_t r)
{
    return s->keep ? route_offset(&s->route, t) + r : r;
}

real *scan_xp(const scan *s, const scan_cell *c, int64_t row)
{
    const bool whole = s->xp == s->inputs;
    return s->xp + (whole ? row : row - s->first) * c->row->x_gates * c->units;
}

/* Where row r's h[t-1]·U goes at step t: onto the input's product, or apart from it. */
static real *sums(const scan *s, const scan_cell *c, int64_t t, int64_t r)
{
    if (c->row->additive) return scan_xp(s, c, route_offset(&s->route, t) + r);
    return s->hp + r * c->row->h_gates * c->units;
}

typedef struct pointers { /* what a rondo_step points at */
    const real *state[MAX_STATES], *dnext[MAX_STATES], *own[MAX_CELL_PARAMS];
    real *next[MAX_STATES], *dstate[MAX_STATES], *dparam[MAX_CELL_PARAMS];
} pointers;

static void view_up(rondo_step *step, pointers *p, const walk *w, int64_t t, int64_t row)
{
    const scan *s = w->s;
    const scan_cell *c = w->c;
    const rondo_cell *cell = c->row;
    const param *own = w->call->layer->params;
    const int64_t at = route_offset(&s->route, t) + row, kept = kept_row(s, t, row), u = c->units;
    const int64_t wide = cell->additive ? cell->x_gates : cell->input_saves;
    for (int i = 0; i < cell->states; i++) {
        p->state[i] = scan_state(s, c, i, t - 1, row);
        p->next[i] = scan_state(s, c, i, t, row);
    }
    for (int i = 0; i < cell->n_params; i++)
        p->own[i] = c->params[i] < 0 ? NULL : w->call->weights + own[c->params[i]].offset;
    step->xp = scan_xp(s, c, at);
    step->hp = s->hp ? s->hp + row * cell->h_gates * u : NULL;
    step->mp = s->mp + row * cell->made_gates * u;
    step->state = p->state;
    step->next = p->next;
    step->made = s->made + (cell->made_gates ? kept * u : 0);
    step->saved = s->saved + kept * cell->saves * u;
    step->inputs = s->inputs ? s->inputs + kept * wide * u : NULL;
    step->param = p->own;
    step->activation = s->activation;
    step->args = c->args;
}

static void view_down(rondo_step *step, pointers *p, const walk *w, int64_t t, int64_t row)
{
    const scan *s = w->s;
    const scan_cell *c = w->c;
    const rondo_cell *cell = c->row;
    const param *own = w->call->layer->params;
    const int64_t at = route_offset(&s->route, t) + row - s->first, u = c->units;
    p->dnext[0] = scan_dh(s, c, t, row);
    p->dstate[0] = scan_dh(s, c, t - 1, row);
    for (int i = 1; i < cell->states; i++) {
        p->dnext[i] = s->carry[t & 1][i] + row * u;
        p->dstate[i] = s->carry[~t & 1][i] + row * u;
    }
    for (int i = 0; i < cell->n_params; i++)
        p->dparam[i] = c->params[i] < 0 ? NULL
                       : own[c->params[i]].gradient < 0
                           ? s->unread
                           : w->call->gradients + own[c->params[i]].gradient;
    step->dnext = p->dnext;
    step->dstate = p->dstate;
    step->dparam = p->dparam;
    step->dxp = s->dxp + at * cell->x_gates * u;
    step->dhp = s->dhp + at * cell->h_gates * u;
    step->dmp = s->dmp + at * cell->made_gates * u;
    step->dmade = s->dmade + row * u;
}

typedef struct phase { /* one of the cell's functions, for rows [begin, begin+rows) of step t */
    const walk *w;
    void (*run)(const rondo_step *);
    int64_t t, begin, rows;
} phase;

static void phase_part(void *arg, int i, int n)
{
    const phase *p = arg;
    const int64_t first = p->rows * i / n, rows = p->rows * (i + 1) / n - first;
    rondo_step step = { .t = p->t, .rows = rows, .units = p->w->c->units };
    pointers held;
    if (rows == 0) return;
    view_up(&step, &held, p->w, p->t, p->begin + first);
    if (p->w->down) view_down(&step, &held, p->w, p->t, p->begin + first);
    p->run(&step);
}

/* What a cell and its activations learn of their own sums over rows: one thread goes down, so that
 * the order is fixed. */
static void pointwise(const walk *w, void (*run)(const rondo_step *), int64_t t, int64_t begin,
                      int64_t rows)
{
    phase p = { w, run, t, begin, rows };
    if (w->team && !(w->down && w->c->sums))
        team_share(w->team, phase_part, &p);
    else
        phase_part(&p, 0, 1);
}

typedef struct product { /* y (+)= x·U, or going down x·Uᵀ */
    const walk *w;
    const linear *l;
    real *y;
    const real *x;
    int64_t rows;
    bool add;
} product;

static void product_part(void *arg, int i, int n)
{
    const product *p = arg;
    if (p->w->down)
        linear_backward_input_part(p->l, p->y, p->x, p->rows, p->add, i, n);
    else
        linear_forward_part(p->l, p->w->call->weights, p->y, p->x, p->rows, p->add, i, n);
}

static void multiply(const walk *w, const linear *l, real *y, const real *x, int64_t rows, bool add)
{
    product p = { w, l, y, x, rows, add };
    if (w->team)
        team_share(w->team, product_part, &p);
    else
        product_part(&p, 0, 1);
}

static void step_up(const walk *w, int64_t t, int64_t begin, int64_t rows)
{
    const scan *s = w->s;
    const scan_cell *c = w->c;
    const int64_t u = c->units;
    const real *h = scan_state(s, c, 0, t - 1, begin);
    if (s->h_dropped) {
        real *dropped = s->h_dropped + (route_offset(&s->route, t) + begin) * u;
        kernel_table()->mul(dropped, h, s->mask_h + begin * u, rows * u);
        h = dropped;
    }
    if (c->row->h_gates) multiply(w, c->h, sums(s, c, t, begin), h, rows, c->row->additive);
    if (c->made) {
        pointwise(w, c->row->prepare, t, begin, rows);
        multiply(w, c->made, s->mp + begin * c->made->out, s->made + kept_row(s, t, begin) * u,
                 rows, false);
    }
    pointwise(w, c->row->step, t, begin, rows);
}

/* dh += dhp·Uᵀ, through recurrent dropout. */
static void state_gradient(const walk *w, real *dh, const real *dhp, int64_t begin, int64_t rows)
{
    const scan *s = w->s;
    const int64_t u = w->c->units;
    if (!s->mask_h) {
        multiply(w, w->c->h, dh, dhp, rows, true);
        return;
    }
    real *dropped = s->dh_dropped + begin * u;
    multiply(w, w->c->h, dropped, dhp, rows, false);
    kernel_table()->mul_add(dh, dropped, s->mask_h + begin * u, rows * u);
}

/* What the cell will want of step t on its way down: of a long past it is in no cache, and comes
 * while a product keeps the arithmetic busy. */
static void fetch(const walk *w, int64_t t, int64_t begin, int64_t rows)
{
    const scan *s = w->s;
    const scan_cell *c = w->c;
    const int64_t u = c->units, width = c->row->saves * u;
    if (t < 0) return;
    kernel_table()->prefetch(s->saved + kept_row(s, t, begin) * width, rows * width);
    kernel_table()->prefetch(scan_dh(s, c, t, begin), rows * u);
    for (int k = 0; k < c->row->states; k++)
        kernel_table()->prefetch(scan_state(s, c, k, t - 1, begin), rows * u);
}

/* From the gradient at step t to the one before. */
static void step_down(const walk *w, int64_t t, int64_t begin, int64_t rows)
{
    const scan *s = w->s;
    const scan_cell *c = w->c;
    const int64_t u = c->units, at = route_offset(&s->route, t) + begin - s->first;
    real *dh = scan_dh(s, c, t - 1, begin);
    if (!s->dh) kernel_table()->fill(dh, 0, rows * u);
    pointwise(w, c->row->step_backward, t, begin, rows);
    if (c->made) {
        multiply(w, c->made, s->dmade + begin * u, s->dmp + at * c->made->out, rows, false);
        pointwise(w, c->row->prepare_backward, t, begin, rows);
    }
    fetch(w, t - 1, begin, rows);
    if (c->row->h_gates) state_gradient(w, dh, s->dhp + at * c->h->out, begin, rows);
}

/* The steps, for those of rows [begin, end) that run at each: a prefix. */
static void walk_rows(const walk *w, int64_t begin, int64_t end)
{
    const route *r = &w->s->route;
    for (int64_t i = w->from; i < w->to; i++) {
        const int64_t t = w->down ? w->to - 1 - (i - w->from) : i, active = route_active(r, t);
        const int64_t rows = (active < end ? active : end) - begin;
        if (rows <= 0) continue;
        if (w->down)
            step_down(w, t, begin, rows);
        else
            step_up(w, t, begin, rows);
    }
}

static void own_rows(void *arg, int i)
{
    const walk *w = arg;
    const int64_t batch = w->s->route.batch;
    walk_rows(w, batch * i / w->parts, batch * (i + 1) / w->parts);
}

static void all_rows(void *arg, team *helpers)
{
    walk *w = arg;
    w->team = helpers;
    walk_rows(w, 0, w->s->route.batch);
}

void scan_steps(scan *s, const scan_cell *c, const call *run, int64_t from, int64_t to, bool down)
{
    walk w = { .s = s, .c = c, .call = run, .down = down, .from = from, .to = to };
    const int64_t most = s->route.batch / MIN_ROWS, threads = pool_threads(run->pool);
    const int64_t weights = c->units * (c->row->h_gates + c->row->made_gates) * c->units;
    if (scan_time_parts(s, c, to - from, down) > 1) {
        scan_time(s, c, run, from, to, down);
        return;
    }
    if (threads > 1 && weights > OWN_WEIGHTS) {
        team_run(run->pool, all_rows, &w);
        return;
    }
    w.parts = (int)(most < 1 || (down && c->sums) ? 1 : threads < most ? threads : most);
    pool_run(run->pool, own_rows, &w, w.parts);
}
