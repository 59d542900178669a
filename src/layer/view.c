/* view - a look at what a scan keeps, by gate and state, step and row. */
#include "layer.h"

bool layer_view(const call *c, int direction, scan_view *v)
{
    if (!c->layer || c->layer->type != &layer_recurrent) return false;
    const recurrent_extra *e = c->layer->extra;
    const recurrent_memory *m = c->memory;
    if (direction < 0 || direction >= e->directions) return false;
    *v = (scan_view){ &e->cell[direction], &m->scan[direction] };
    return true;
}

int64_t view_steps(const scan_view *v)
{
    return v->scan->route.steps;
}

int64_t view_rows(const scan_view *v, int64_t t)
{
    return route_active(&v->scan->route, t);
}

int64_t view_count(const scan_view *v, int64_t r)
{
    const route *of = &v->scan->route;
    return of->identity ? of->steps : of->count[r];
}

int64_t view_batch_row(const scan_view *v, int64_t r)
{
    const route *of = &v->scan->route;
    return of->identity ? r : of->order[r];
}

/* Where step t of row r lies among all that are kept. */
static int64_t place(const scan_view *v, int64_t t, int64_t r)
{
    return route_offset(&v->scan->route, t) + r;
}

int64_t view_time(const scan_view *v, int64_t t, int64_t r)
{
    const route *of = &v->scan->route;
    return of->identity ? t : of->from[place(v, t, r)] / of->batch;
}

const real *view_input(const scan_view *v, int64_t t, int64_t r)
{
    return v->scan->x + place(v, t, r) * v->cell->x->in;
}

const real *view_state(const scan_view *v, int k, int64_t t, int64_t r)
{
    return scan_state(v->scan, v->cell, k, t, r);
}

const real *view_gate(const scan_view *v, int g, int64_t t, int64_t r)
{
    const int saves = v->cell->row->saves;
    if (g >= saves) return view_state(v, 0, t, r);
    return v->scan->saved + (place(v, t, r) * saves + g) * v->cell->units;
}

const real *view_gate_input(const scan_view *v, int g, int64_t t, int64_t r)
{
    const rondo_cell *row = v->cell->row;
    const int kept = row->additive ? row->x_gates : row->input_saves;
    if (!v->scan->inputs || g >= kept) return NULL;
    return v->scan->inputs + (place(v, t, r) * kept + g) * v->cell->units;
}

void view_step(const scan_view *v, int64_t t, int64_t r, rondo_step *step)
{
    const scan *s = v->scan;
    const rondo_cell *row = v->cell->row;
    step->activation = s->activation;
    step->args = v->cell->args;
    step->saved = s->saved + place(v, t, r) * row->saves * v->cell->units;
    step->inputs = (real *)view_gate_input(v, 0, t, r);
    step->made = s->made + (row->made_gates ? place(v, t, r) * v->cell->units : 0);
}

const real *view_gradient(const scan_view *v, int64_t t, int64_t r)
{
    return scan_dh(v->scan, v->cell, t, r);
}
