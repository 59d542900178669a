/* One row without a past to keep: streaming, and predicting one sequence. Nothing is set up that
 * does not depend on the input, states pass by pointer, and every other step takes the weights from
 * their other end, where the cache still holds them. The bits are those of scan.c. */
#include "layer.h"
#include <string.h>

bool scan_row_serves(const scan *s)
{
    return s->route.identity && s->route.batch == 1 && s->route.steps > 0 && !s->keep &&
           !s->training;
}

typedef struct row { /* one run of scan_row */
    scan *s;
    const scan_cell *c;
    const call *run;
    const real *const *initial;
    team *team;    /* NULL: none helps */
    bool shares;   /* the pool does, at its single step */
    int64_t chunk; /* steps whose inputs' products are made at once */
} row;

static void input_products(void *arg, int i, int n)
{
    const row *r = arg;
    const scan *s = r->s;
    const linear *l = r->c->x;
    const int64_t t = s->row.step.t, left = s->route.steps - t;
    linear_forward_part(l, r->run->weights, s->xp + t * l->out, r->run->in[0]->data + t * l->in,
                        left < r->chunk ? left : r->chunk, false, i, n);
}

/* The products that a step begins with. A sequence has those of its inputs already. Of two sums,
 * the one that came last comes first at the next step. */
static void first_products(void *arg, int i, int n)
{
    const row *r = arg;
    const scan *s = r->s;
    const rondo_cell *cell = r->c->row;
    const real *weights = r->run->weights;
    const bool inputs = s->route.steps == 1, recurrent = cell->h_gates > 0;
    const linear_term term[] = { { r->c->x, r->run->in[0]->data },
                                 { r->c->h, r->s->row.step.state[0] } };
    if (cell->additive) {
        linear_row(term + !inputs, 1 + inputs, weights, (real *)r->s->row.step.xp, !inputs,
                   s->turned, i, n);
        return;
    }
    if (inputs && !s->turned) linear_row(term, 1, weights, s->xp, false, false, i, n);
    if (recurrent) linear_row(term + 1, 1, weights, s->hp, false, s->turned, i, n);
    if (inputs && s->turned) linear_row(term, 1, weights, s->xp, false, true, i, n);
}

static void made_product(void *arg, int i, int n)
{
    const row *r = arg;
    const linear_term term = { r->c->made, r->s->row.step.made };
    linear_row(&term, 1, r->run->weights, r->s->mp, false, r->s->turned, i, n);
}

typedef struct job {
    void (*part)(void *arg, int i, int n);
    void *arg;
    int n;
} job;

static void pool_part(void *arg, int i)
{
    const job *j = arg;
    j->part(j->arg, i, j->n);
}

static void share(row *r, void (*part)(void *arg, int i, int n))
{
    if (r->team) {
        team_share(r->team, part, r);
    } else if (r->shares) {
        job j = { part, r, pool_threads(r->run->pool) };
        pool_run(r->run->pool, pool_part, &j, j.n);
    } else {
        part(r, 0, 1);
    }
}

static void one_step(row *r)
{
    const scan_cell *c = r->c;
    if (r->s->route.steps == 1 || c->row->h_gates) share(r, first_products);
    if (c->made) {
        c->row->prepare(&r->s->row.step);
        share(r, made_product);
    }
    c->row->step(&r->s->row.step);
    r->s->turned = !r->s->turned;
}

/* All that one step of a row sees; xp and the states move on. */
static void view_row(scan *s, const scan_cell *c, const call *run)
{
    row_view *v = &s->row;
    const real *weights = run->weights;
    const param *params = run->layer->params;
    scan_view_learned(s, c, run, false);
    for (int i = 0; i < c->row->n_params; i++)
        v->own[i] = c->params[i] < 0 ? NULL : weights + params[c->params[i]].offset;
    v->weights = weights;
    v->step = (rondo_step){ .rows = 1,
                            .units = c->units,
                            .xp = s->xp,
                            .hp = s->hp,
                            .mp = s->mp,
                            .state = v->state,
                            .next = v->next,
                            .made = s->made,
                            .saved = s->saved,
                            .inputs = s->inputs,
                            .param = v->own,
                            .activation = s->activation,
                            .args = c->args };
}

/* With a team the inputs' products come in pieces, for who comes late to find some left. */
static void all_steps(void *arg, team *helpers)
{
    enum { CHUNK = 48 };
    row *r = arg;
    scan *s = r->s;
    row_view *v = &s->row;
    const scan_cell *c = r->c;
    const int64_t u = c->units, steps = s->route.steps;
    r->team = helpers;
    r->chunk = helpers ? CHUNK : steps;
    view_row(s, c, r->run);
    for (int k = 0; k < c->row->states; k++) {
        if (!r->initial[k]) kernel_table()->fill(s->initial[k], 0, u);
        v->state[k] = r->initial[k] ? r->initial[k] : s->initial[k];
        v->next[k] = s->state[k];
    }
    for (int64_t t = 0; t < steps; t++, v->step.xp += c->x->out) {
        v->step.t = t;
        if (steps > 1 && t % r->chunk == 0) share(r, input_products);
        one_step(r);
        for (int k = 0; k < c->row->states; k++) {
            const bool all = k == 0 && s->full;
            v->state[k] = v->next[k];
            v->next[k] = all ? v->next[k] + u : s->state[k] + (~t & 1) * u;
        }
    }
}

static int64_t bytes(const linear *l)
{
    return l ? linear_packed_bytes(l->in, l->out, l->storage) : 0;
}

/* Meeting at every step takes some 0.1 µs, and calling the others once some µs. */
static bool helps(const row *r)
{
    enum { BYTES = 1 << 17, STEPS = 8 };
    return r->s->route.steps >= STEPS && bytes(r->c->h) >= BYTES && pool_threads(r->run->pool) > 1;
}

void scan_row(scan *s, const scan_cell *c, const call *run, const real *const *initial, real *y)
{
    row r = { .s = s, .c = c, .run = run, .initial = initial };
    if (y) s->state[0] = y;
    if (helps(&r))
        team_run(run->pool, all_steps, &r);
    else
        all_steps(&r, NULL);
}

/* Sharing out a single step takes some 0.3 µs when the others are awake. */
static bool shares(const scan_cell *c, pool *p)
{
    return pool_threads(p) > 1 && bytes(c->x) + bytes(c->h) + bytes(c->made) >= ROW_SHARED;
}

bool scan_row_step(scan *s, const scan_cell *c, const call *run)
{
    if (!s->single || s->route.steps != 1 || !scan_row_serves(s)) return false;
    const size_t size = (size_t)c->units * sizeof(real);
    const int states = c->row->states;
    row_view *v = &s->row;
    row r = { .s = s, .c = c, .run = run, .shares = run->pool && shares(c, run->pool) };
    if (v->weights != run->weights) view_row(s, c, run);
    for (int k = 0; k < states; k++) {
        const real *start = scan_start(c, run->layer, run->weights, k);
        v->state[k] = run->carry_in ? run->carry_in + k * c->units : start ? start : s->initial[k];
        v->next[k] = k > 0 ? s->state[k] : run->out[0].data;
        if (v->state[k] == s->initial[k]) kernel_table()->fill(s->initial[k], 0, c->units);
    }
    one_step(&r);
    for (int k = 0; k < states && run->carry_out; k++)
        memcpy(run->carry_out + k * c->units, v->next[k], size);
    return true;
}
