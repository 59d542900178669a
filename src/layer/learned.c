/* Parameters of activations that are trained: weights of the layer that applies them; and those that
 * are drawn. */
#include "layer.h"

rondo_status layer_learned(rondo_layer *l, const char *prefix, const rondo_function *f,
                           int64_t units, int *first)
{
    *first = l->n_params;
    for (int i = 0; i < f->row->learned && !f->row->drawn; i++) {
        const rondo_shape shape = { 1, { f->row->shared ? 1 : units } };
        char own[LIMIT_NAME], initial[64];
        parameters_name(f->row->parameters, i, own);
        snprintf(initial, sizeof initial, "constant(%.17g)", (double)f->args[i]);
        char *name = alloc_format("%s%s", prefix, own);
        const rondo_status s = name ? layer_param(l, name, shape, initial, NULL) : RONDO_E_NOMEM;
        alloc_free(name);
        if (s) return s;
    }
    return RONDO_OK;
}

void layer_view_learned(rondo_function *f, const call *c, int first, bool down)
{
    for (int i = 0; i < f->row->learned && !f->row->drawn; i++) {
        const param *p = &c->layer->params[first + i];
        const bool trains = down && c->gradients && p->gradient >= 0;
        f->learned[i] = c->weights + p->offset;
        f->dlearned[i] = trains ? c->gradients + p->gradient : NULL;
    }
}

void layer_draw(rondo_function *f, real *values, const call *c, int which, int64_t units)
{
    enum { KEY = LAYER_MASKS - 1 };
    if (!values) return;
    kernel_table()->draw_between(values, f->args[1], f->args[2], c->seed, c->step,
                                 c->layer->index * LAYER_MASKS + KEY, which, units);
    f->learned[0] = values;
}

real *layer_plan_drawn(const rondo_function *f, arena *a, bool training, int64_t units)
{
    return f->row && f->row->drawn && training ? arena_keep(a, (size_t)units * sizeof(real)) : NULL;
}
