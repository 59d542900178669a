/* The steps of a cell whose state fades, h' = a h + b with a and b of the input alone (mingru), shared
 * out over time. Parts of time begin from zero, all at once; then what each hands on is known, one part
 * after another; then it is added to the steps of the next part, fading, all parts at once.
 * How many parts there are depends on the steps alone, never on the threads: any number of those gives
 * the same bits. They are not the bits of one step after another, because sums are taken otherwise. */
#include "layer.h"

enum { SHORTEST = 32, CARRY = 0, PRODUCT = SCAN_TIME_PARTS, OTHER = 2 * SCAN_TIME_PARTS };

typedef struct timed {
    scan *s;
    const scan_cell *c;
    int64_t from, to; /* steps */
    int parts;
} timed;

int scan_time_parts(const scan *s, const scan_cell *c, int64_t steps, bool down)
{
    if (!c->row->fade || !s->keep || (down && (!s->dh || c->sums))) return 1;
    return (int)(steps / SHORTEST < SCAN_TIME_PARTS ? steps / SHORTEST : SCAN_TIME_PARTS);
}

static int64_t begin_of(const timed *p, int part)
{
    return p->from + (p->to - p->from) * part / p->parts;
}

/* [batch][units] of a part: CARRY, PRODUCT or OTHER + part. */
static real *place(const timed *p, int which)
{
    return p->s->timed + which * p->s->route.batch * p->c->units;
}

static int64_t size_at(const timed *p, int64_t t)
{
    return route_active(&p->s->route, t) * p->c->units;
}

/* What a cell that has one state and no product of it sees; from, next: of the state. */
static rondo_step view(const timed *p, int64_t t, const real *const *from, real *const *next)
{
    const scan *s = p->s;
    const rondo_cell *row = p->c->row;
    const int64_t at = route_offset(&s->route, t), u = p->c->units;
    return (rondo_step){ .t = t,
                         .rows = route_active(&s->route, t),
                         .units = u,
                         .xp = scan_xp(s, p->c, at),
                         .state = from,
                         .next = next,
                         .saved = s->saved + at * row->saves * u,
                         .inputs = s->inputs ? s->inputs + at * row->input_saves * u : NULL,
                         .activation = s->activation,
                         .args = p->c->args };
}

/* d *= a of step t */
static void fade(const timed *p, int64_t t, real *d, int64_t rows)
{
    rondo_step step = view(p, t, NULL, NULL);
    step.rows = rows;
    p->c->row->fade(&step, d);
}

/* Every step of a part from zero (the first part: from the state before), and the product of its a. */
static void up_from_zero(void *arg, int part)
{
    const timed *p = arg;
    const kernels *k = kernel_table();
    const int64_t begin = begin_of(p, part), end = begin_of(p, part + 1);
    real *zero = place(p, OTHER + part), *product = place(p, PRODUCT + part);
    k->fill(zero, 0, size_at(p, begin));
    k->fill(product, 1, size_at(p, begin));
    for (int64_t t = begin; t < end; t++) {
        const real *from = t > begin || part == 0 ? scan_state(p->s, p->c, 0, t - 1, 0) : zero;
        real *next = scan_state(p->s, p->c, 0, t, 0);
        const rondo_step step = view(p, t, &from, &next);
        p->c->row->step(&step);
        p->c->row->fade(&step, product);
    }
}

/* What part hands on: the state after its last step. */
static void hand_up(const timed *p, int part)
{
    const kernels *k = kernel_table();
    const int64_t end = begin_of(p, part + 1), n = size_at(p, end);
    real *carry = place(p, CARRY + part + 1);
    k->scale(carry, scan_state(p->s, p->c, 0, end - 1, 0), 1, n);
    if (part > 0) k->mul_add(carry, place(p, PRODUCT + part), place(p, CARRY + part), n);
}

static void up_add(void *arg, int part)
{
    const timed *p = arg;
    real *carry = place(p, CARRY + part);
    for (int64_t t = begin_of(p, part); part > 0 && t < begin_of(p, part + 1); t++) {
        fade(p, t, carry, route_active(&p->s->route, t));
        kernel_table()->add(scan_state(p->s, p->c, 0, t, 0), carry, size_at(p, t));
    }
}

/* dh[t-1] += a dh[t] */
static void pass_down(const timed *p, int64_t t, real *d, real *to)
{
    const kernels *k = kernel_table();
    const int64_t n = size_at(p, t);
    k->scale(d, scan_dh(p->s, p->c, t, 0), 1, n);
    fade(p, t, d, route_active(&p->s->route, t));
    if (to) k->add(to, d, n);
}

/* The gradients of a part's steps as if none came from the next; what leaves it stays in OTHER. */
static void down_from_zero(void *arg, int part)
{
    const timed *p = arg;
    const int64_t begin = begin_of(p, part), end = begin_of(p, part + 1);
    real *product = place(p, PRODUCT + part), *leaves = place(p, OTHER + part);
    kernel_table()->fill(product, 1, size_at(p, begin));
    for (int64_t t = end - 1; t >= begin; t--) {
        pass_down(p, t, leaves, t > begin ? scan_dh(p->s, p->c, t - 1, 0) : NULL);
        fade(p, t, product, route_active(&p->s->route, t));
    }
}

/* What comes to part from the next one, for the rows that go on there. */
static void hand_down(const timed *p, int part)
{
    const kernels *k = kernel_table();
    const int64_t n = size_at(p, begin_of(p, part + 1));
    real *carry = place(p, CARRY + part);
    k->scale(carry, place(p, OTHER + part + 1), 1, n);
    if (part + 2 < p->parts)
        k->mul_add(carry, place(p, PRODUCT + part + 1), place(p, CARRY + part + 1),
                   size_at(p, begin_of(p, part + 2)));
}

/* Adds it on, and has the cell make dxp of the whole gradient; what the cell sends on is there already. */
static void down_add(void *arg, int part)
{
    const timed *p = arg;
    const kernels *k = kernel_table();
    const int64_t begin = begin_of(p, part), end = begin_of(p, part + 1), u = p->c->units;
    const int64_t rows = part + 1 < p->parts ? route_active(&p->s->route, end) : 0;
    real *carry = place(p, CARRY + part), *sent = place(p, OTHER + part);
    for (int64_t t = end - 1; t >= begin; t--) {
        const real *h = scan_state(p->s, p->c, 0, t - 1, 0), *dh = scan_dh(p->s, p->c, t, 0);
        real *next = scan_state(p->s, p->c, 0, t, 0);
        rondo_step step = view(p, t, &h, &next);
        k->add(scan_dh(p->s, p->c, t, 0), carry, rows * u);
        fade(p, t, carry, rows);
        k->fill(sent, 0, size_at(p, t));
        step.dnext = &dh;
        step.dstate = &sent;
        step.dxp = p->s->dxp + (route_offset(&p->s->route, t) - p->s->first) * p->c->x->out;
        p->c->row->step_backward(&step);
    }
}

void scan_time(scan *s, const scan_cell *c, const call *run, int64_t from, int64_t to, bool down)
{
    timed p = { s, c, from, to, scan_time_parts(s, c, to - from, down) };
    pool_run(run->pool, down ? down_from_zero : up_from_zero, &p, p.parts);
    for (int i = 0; i + 1 < p.parts; i++) {
        if (down)
            hand_down(&p, p.parts - 2 - i);
        else
            hand_up(&p, i);
    }
    pool_run(run->pool, down ? down_add : up_add, &p, p.parts);
    if (down) pass_down(&p, from, place(&p, OTHER), scan_dh(s, c, from - 1, 0));
}
