/* One row without a past to keep: streaming, and predicting one sequence. Nothing is set up that
 * does not depend on the input, states pass by pointer, and every other step takes the weights from
 * their other end, where the cache still holds them. The bits are those of scan.c. */
#include "layer.h"
#include <string.h>

bool scan_row_serves(const scan *s)
{
    return s->route.identity && s->route.batch == 1 && !s->keep && !s->training;
}

typedef struct row { /* one run of scan_row */
    scan *s;
    const scan_cell *c;
    const call *run;
    const real *const *initial;
    team *team; /* NULL: nobody helps */
} row;

typedef struct product {
    const linear *l;
    const real *weights, *x;
    real *y;
    bool add, backwards;
} product;

static void product_part(void *arg, int i, int n)
{
    const product *p = arg;
    linear_row_part(p->l, p->weights, p->y, p->x, p->add, p->backwards, i, n);
}

static void multiply(const row *r, const linear *l, real *y, const real *x, bool add)
{
    product p = { l, r->run->weights, x, y, add, r->s->turned };
    if (r->team)
        team_share(r->team, product_part, &p);
    else
        linear_row(l, p.weights, y, x, add, p.backwards);
}

static void step_row(const row *r, rondo_step *step)
{
    const scan_cell *c = r->c;
    if (c->row->h_gates)
        multiply(r, c->h, c->row->additive ? (real *)step->xp : r->s->hp, step->state[0],
                 c->row->additive);
    if (c->made) {
        c->row->prepare(step);
        multiply(r, c->made, r->s->mp, step->made, false);
    }
    c->row->step(step);
}

/* All that one step of a row sees; xp and the states move on. */
static rondo_step view_row(const scan *s, const scan_cell *c, const call *run, const real **state,
                           real **next, const real **own)
{
    for (int i = 0; i < c->row->n_params; i++)
        own[i] = run->weights + run->layer->params[c->params[i]].offset;
    return (rondo_step){ .t = 0, /* all are named: to clear the rest would take as long as a gate */
                         .rows = 1,
                         .units = c->units,
                         .xp = s->xp,
                         .hp = s->hp,
                         .mp = s->mp,
                         .state = state,
                         .next = next,
                         .made = s->made,
                         .saved = s->saved,
                         .inputs = s->inputs,
                         .param = own,
                         .activation = c->activation,
                         .args = c->args,
                         .dnext = NULL,
                         .dxp = NULL,
                         .dhp = NULL,
                         .dmp = NULL,
                         .dmade = NULL,
                         .dstate = NULL,
                         .dparam = NULL };
}

/* The input's product of a single step; at odd steps it comes after that of the state. */
static void one_step(const row *r, rondo_step *step)
{
    scan *s = r->s;
    const scan_cell *c = r->c;
    const real *x = r->run->in[0]->data;
    if (s->turned && c->row->h_gates && !c->made && !c->row->additive) {
        multiply(r, c->h, s->hp, step->state[0], false);
        multiply(r, c->x, s->xp, x, false);
        c->row->step(step);
    } else {
        multiply(r, c->x, s->xp, x, false);
        step_row(r, step);
    }
    s->turned = !s->turned;
}

static void all_steps(void *arg, team *helpers)
{
    row *r = arg;
    scan *s = r->s;
    const scan_cell *c = r->c;
    const int64_t u = c->units, steps = s->route.steps;
    const real *state[MAX_STATES], *own[MAX_CELL_PARAMS];
    real *next[MAX_STATES];
    rondo_step step = view_row(s, c, r->run, state, next, own);
    r->team = helpers;
    for (int k = 0; k < c->row->states; k++) {
        if (!r->initial[k]) kernel_table()->fill(s->initial[k], 0, u);
        state[k] = r->initial[k] ? r->initial[k] : s->initial[k];
        next[k] = s->state[k];
    }
    if (steps == 1) {
        one_step(r, &step);
        return;
    }
    for (int64_t t = 0; t < steps; t++, step.xp += c->x->out) {
        step.t = t;
        step_row(r, &step);
        s->turned = !s->turned;
        for (int k = 0; k < c->row->states; k++) {
            const bool all = k == 0 && s->full;
            state[k] = next[k];
            next[k] = all ? next[k] + u : s->state[k] + (~t & 1) * u;
        }
    }
}

/* Meeting at every step takes some 0.1 µs, and calling the others once some µs. */
static bool helps(const row *r)
{
    enum { WEIGHTS = 1 << 15, STEPS = 8 };
    const linear *h = r->c->h;
    return r->s->route.steps >= STEPS && h && h->in * h->out >= WEIGHTS &&
           pool_threads(r->run->pool) > 1;
}

void scan_row(scan *s, const scan_cell *c, const call *run, const real *const *initial, real *y)
{
    row r = { .s = s, .c = c, .run = run, .initial = initial };
    if (y) s->state[0] = y;
    if (s->route.steps > 1)
        linear_forward(c->x, run->weights, run->pool, s->xp, c->x->out, run->in[0]->data, c->x->in,
                       s->route.steps, false);
    if (helps(&r))
        team_run(run->pool, all_steps, &r);
    else
        all_steps(&r, NULL);
}
