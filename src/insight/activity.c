/* activity - what happens inside recurrent layers over the steps of one sample. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

typedef struct watcher { /* of one kind of map */
    const char *kind, *layer, *gate;
    rondo_explanation *to;
    char layers[LIMIT_NAME], gates[LIMIT_NAME]; /* that were passed over */
} watcher;

static void note(char known[LIMIT_NAME], const char *name)
{
    const size_t used = strlen(known);
    snprintf(known + used, LIMIT_NAME - used, "%s%s", used ? ", " : "", name);
}

/* Steps that the layer skips stay NAN. */
static rondo_status open_map(watcher *w, rondo_map **m, char *of, int64_t steps, int64_t width)
{
    RONDO_TRY(explain_map(w->to, m, w->kind, of, steps, width));
    for (int64_t i = 0; i < steps * width; i++) (*m)->values[i] = NAN;
    return RONDO_OK;
}

static rondo_status name_units(rondo_map *m)
{
    for (int64_t u = 0; u < m->width; u++)
        if (!(m->names[u] = alloc_format("%lld", (long long)u))) return RONDO_E_NOMEM;
    return RONDO_OK;
}

/* One value a unit: state 0 (gate < 0), or a gate. */
static rondo_status show_units(watcher *w, const scan_view *v, char *of, int64_t steps, int gate)
{
    rondo_map *m;
    const int64_t units = v->cell->units;
    RONDO_TRY(open_map(w, &m, of, steps, units));
    for (int64_t t = 0; t < view_count(v, 0); t++) {
        const real *from = gate < 0 ? view_state(v, 0, t, 0) : view_gate(v, gate, t, 0);
        double *to = m->values + view_time(v, t, 0) * units;
        for (int64_t u = 0; u < units; u++) to[u] = (double)from[u];
    }
    return name_units(m);
}

static rondo_status show_means(watcher *w, const scan_view *v, char *of, int64_t steps)
{
    rondo_map *m;
    const int64_t units = v->cell->units;
    const int gates = cell_gate_count(v->cell->row);
    RONDO_TRY(open_map(w, &m, of, steps, gates));
    for (int64_t t = 0; t < view_count(v, 0); t++)
        for (int g = 0; g < gates; g++) {
            const real *from = view_gate(v, g, t, 0);
            double sum = 0;
            for (int64_t u = 0; u < units; u++) sum += (double)from[u];
            m->values[view_time(v, t, 0) * gates + g] = sum / (double)units;
        }
    for (int g = 0; g < gates; g++) {
        char name[LIMIT_NAME];
        cell_gate_name(name, sizeof name, v->cell->row, g);
        if (!(m->names[g] = alloc_text(name))) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

static rondo_status show_view(watcher *w, const scan_view *v, char *of, int64_t steps)
{
    if (strcmp(w->kind, "units") == 0) return show_units(w, v, of, steps, -1);
    if (!w->gate) return show_means(w, v, of, steps);
    for (int g = 0; g < cell_gate_count(v->cell->row); g++) {
        char name[LIMIT_NAME];
        cell_gate_name(name, sizeof name, v->cell->row, g);
        if (strcmp(name, w->gate) == 0) return show_units(w, v, of, steps, g);
        note(w->gates, name);
    }
    alloc_free(of);
    return RONDO_OK;
}

static rondo_status show_layers(watcher *w, const pass *p, int64_t steps)
{
    for (int i = 0; i < p->model->n_nodes; i++) {
        static const char *const ends[] = { ".forward", ".backward" };
        scan_view v, other;
        const call *c = &p->calls[i];
        const bool several = layer_view(c, 1, &other);
        for (int d = 0; d < 2 && layer_view(c, d, &v); d++) {
            if (w->layer && strcmp(w->layer, c->layer->name) != 0) {
                if (d == 0) note(w->layers, c->layer->name);
                continue;
            }
            char *of = alloc_format("%s%s", c->layer->name, several ? ends[d] : "");
            if (!of) return RONDO_E_NOMEM;
            RONDO_TRY(show_view(w, &v, of, steps));
        }
    }
    return RONDO_OK;
}

static rondo_status watch(watcher *w, const rondo_pipeline *p, const batch *b)
{
    feed feeds[MAX_FIELDS];
    pass *run;
    const int before = w->to->n_maps;
    RONDO_TRY(pass_new(&run, p->model));
    run->watched = true;
    rondo_status s = pass_forward(run, batch_feeds(b, feeds), feeds);
    if (!s) s = show_layers(w, run, b->input[0].steps);
    pass_free(run);
    if (s || w->to->n_maps > before) return s;
    if (*w->gates)
        return rondo_fail(RONDO_E_NAME, "no gate \"%s\"; there are %s", w->gate, w->gates);
    if (*w->layers)
        return rondo_fail(RONDO_E_NAME, "no recurrent layer \"%s\"; there are %s", w->layer,
                          w->layers);
    return rondo_fail(RONDO_E_ARG, "the model has no recurrent layer, so no %s to show", w->kind);
}

rondo_status explain_gates(rondo_explanation *e, const rondo_pipeline *p, const batch *b,
                           const char *layer, const char *gate)
{
    watcher w = { .kind = "gates", .layer = layer, .gate = gate, .to = e };
    return watch(&w, p, b);
}

rondo_status explain_units(rondo_explanation *e, const rondo_pipeline *p, const batch *b,
                           const char *layer)
{
    watcher w = { .kind = "units", .layer = layer, .to = e };
    return watch(&w, p, b);
}
