/* attribution - what of an input an output owes to each feature at each step. */
#include "insight/insight.h"
#include <math.h>

enum { PARTS = 32, MOST_PARTS = 32 * 81 }; /* of the way; thirds of thirds keep the points before */
static const double close_enough = 0.01;

/* Maps of all inputs, one after the other; *first is the place of input 0's. */
static rondo_status open_maps(rondo_explanation *e, const probe *p, char *const *features,
                              const char *kind, int *first)
{
    *first = e->n_maps;
    for (int i = 0; i < p->n; i++) {
        const probe_input *x = &p->input[i];
        rondo_map *m;
        char *of = i ? alloc_format("input %d", i) : alloc_text("input");
        if (!of) return RONDO_E_NOMEM;
        RONDO_TRY(explain_map(e, &m, kind, of, x->steps, x->features));
        for (int64_t k = 0; k < x->features; k++) {
            m->names[k] = x->tokens        ? alloc_text("token")
                          : features && !i ? alloc_text(features[k])
                                           : alloc_format("x%lld", (long long)k + 1);
            if (!m->names[k]) return RONDO_E_NOMEM;
        }
    }
    return RONDO_OK;
}

/* ---- Integrated gradients ---- */
/* Adds the gradients at PROBE_ROWS or fewer points of the way to the maps. */
static rondo_status add_points(rondo_map *maps, probe *p, const double *shares, int n)
{
    for (int r = 0; r < n; r++) probe_blend(p, r, shares[r]);
    RONDO_TRY(probe_run(p, true));
    for (int i = 0; i < p->n; i++) {
        const probe_input *x = &p->input[i];
        for (int64_t t = 0; t < x->steps; t++)
            for (int r = 0; r < n; r++) {
                const real *from = x->gradient + (t * PROBE_ROWS + r) * x->features;
                double *to = maps[i].values + t * x->features;
                for (int64_t k = 0; k < x->features; k++) to[k] += (double)from[k];
            }
    }
    return RONDO_OK;
}

/* The midpoints of `parts` equal parts; those of a third as many are there already. */
static rondo_status walk(rondo_map *maps, probe *p, int64_t parts)
{
    double shares[PROBE_ROWS];
    int n = 0;
    for (int64_t i = 0; i < parts; i++) {
        if (parts > PARTS && i % 3 == 1) continue;
        shares[n++] = ((double)i + 0.5) / (double)parts;
        if (n < PROBE_ROWS) continue;
        RONDO_TRY(add_points(maps, p, shares, n));
        n = 0;
    }
    return n ? add_points(maps, p, shares, n) : RONDO_OK;
}

/* Σ (x - b) · mean gradient. */
static double add_up(const rondo_map *maps, const probe *p, int64_t parts)
{
    double sum = 0;
    for (int i = 0; i < p->n; i++) {
        const probe_input *x = &p->input[i];
        for (int64_t k = 0; k < x->steps * x->features; k++)
            sum += maps[i].values[k] / (double)parts *
                   ((double)x->sample[k] - (double)x->baseline[k]);
    }
    return sum;
}

/* From sums of gradients to attributions. */
static void finish(rondo_map *maps, const probe *p, int64_t parts)
{
    for (int i = 0; i < p->n; i++) {
        const probe_input *x = &p->input[i];
        for (int64_t k = 0; k < x->steps * x->features; k++)
            maps[i].values[k] *= ((double)x->sample[k] - (double)x->baseline[k]) / (double)parts;
    }
}

rondo_status explain_gradients(rondo_explanation *e, probe *p, char *const *features)
{
    int first;
    RONDO_TRY(open_maps(e, p, features, "integrated_gradients", &first));
    rondo_map *maps = e->maps + first;
    const double difference = e->f - e->f_baseline;
    const double noise = 1e-6 * (fabs(e->f) + fabs(e->f_baseline)); /* of single precision */
    for (int64_t parts = PARTS; parts <= MOST_PARTS && !e->complete; parts *= 3) {
        RONDO_TRY(walk(maps, p, parts));
        e->points = parts;
        e->sum = add_up(maps, p, parts);
        e->gap = difference == 0 && e->sum == 0 ? 0 : fabs((e->sum - difference) / difference);
        e->complete = e->gap < close_enough || fabs(e->sum - difference) <= noise;
    }
    finish(maps, p, e->points);
    return RONDO_OK;
}

/* ---- Occlusion ---- */
/* Version r lacks `hide` steps of feature k of input i. */
static void hide_steps(const probe_input *x, int64_t r, int64_t from, int64_t hide, int64_t k)
{
    for (int64_t t = from; t < from + hide && t < x->steps; t++)
        x->version[(t * PROBE_ROWS + r) * x->features + k] = x->baseline[t * x->features + k];
}

static rondo_status occlude(rondo_map *m, double whole, probe *p, int i, int64_t hide)
{
    const probe_input *x = &p->input[i];
    const int64_t places = (x->steps + hide - 1) / hide, n = places * x->features;
    for (int64_t first = 0; first < n; first += PROBE_ROWS) {
        const int64_t rows = n - first < PROBE_ROWS ? n - first : PROBE_ROWS;
        for (int64_t r = 0; r < rows; r++) {
            probe_blend(p, r, 1);
            hide_steps(x, r, (first + r) / x->features * hide, hide, (first + r) % x->features);
        }
        RONDO_TRY(probe_run(p, false));
        for (int64_t r = 0; r < rows; r++) {
            const int64_t from = (first + r) / x->features * hide, k = (first + r) % x->features;
            for (int64_t t = from; t < from + hide && t < x->steps; t++)
                m->values[t * x->features + k] = whole - p->f[r];
        }
    }
    return RONDO_OK;
}

rondo_status explain_occlusion(rondo_explanation *e, probe *p, char *const *features, int64_t hide)
{
    int first;
    RONDO_TRY(open_maps(e, p, features, "occlusion", &first));
    for (int i = 0; i < p->n; i++) RONDO_TRY(occlude(&e->maps[first + i], e->f, p, i, hide));
    return RONDO_OK;
}
