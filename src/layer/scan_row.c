/* One row without a past to keep: streaming, and predicting one sequence. Nothing is set up that
 * does not depend on the input, states pass by pointer, and every other step takes the weights from
 * their other end, where the cache still holds them. The bits are those of scan.c. */
#include "layer.h"
#include <string.h>

bool scan_row_serves(const scan *s)
{
    return s->route.identity && s->route.batch == 1 && !s->keep && !s->training;
}

static void step_row(scan *s, const scan_cell *c, const call *run, rondo_step *step)
{
    const bool back = s->turned;
    if (c->row->h_gates) linear_row(c->h, run->weights, s->hp, step->state[0], back);
    if (c->made) {
        c->row->prepare(step);
        linear_row(c->made, run->weights, s->mp, step->made, back);
    }
    c->row->step(step);
}

/* All that one step of a row sees; xp and the states move on. */
static rondo_step view_row(const scan *s, const scan_cell *c, const call *run, const real **state,
                           real **next, const real **own)
{
    for (int i = 0; i < c->row->n_params; i++)
        own[i] = run->weights + run->layer->params[c->params[i]].offset;
    return (rondo_step){ .rows = 1,
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
                         .args = c->args };
}

/* The input's product of a single step; at odd steps it comes after that of the state. */
static void one_step(scan *s, const scan_cell *c, const call *run, rondo_step *step)
{
    const real *x = run->in[0]->data;
    if (s->turned && c->row->h_gates && !c->made) {
        linear_row(c->h, run->weights, s->hp, step->state[0], true);
        linear_row(c->x, run->weights, s->xp, x, true);
        c->row->step(step);
    } else {
        linear_row(c->x, run->weights, s->xp, x, s->turned);
        step_row(s, c, run, step);
    }
    s->turned = !s->turned;
}

void scan_row(scan *s, const scan_cell *c, const call *run, const real *const *initial, real *y)
{
    const int64_t u = c->units, steps = s->route.steps;
    const real *state[MAX_STATES], *own[MAX_CELL_PARAMS];
    real *next[MAX_STATES];
    rondo_step step = view_row(s, c, run, state, next, own);
    if (y) s->state[0] = y;
    for (int k = 0; k < c->row->states; k++) {
        state[k] = initial[k];
        next[k] = s->state[k];
    }
    if (steps == 1) {
        one_step(s, c, run, &step);
        return;
    }
    linear_forward(c->x, run->weights, run->pool, s->xp, c->x->out, run->in[0]->data, c->x->in,
                   steps, false);
    for (int64_t t = 0; t < steps; t++, step.xp += c->x->out) {
        step.t = t;
        step_row(s, c, run, &step);
        s->turned = !s->turned;
        for (int k = 0; k < c->row->states; k++) {
            const bool all = k == 0 && s->full;
            state[k] = next[k];
            next[k] = all ? next[k] + u : s->state[k] + (~t & 1) * u;
        }
    }
}
