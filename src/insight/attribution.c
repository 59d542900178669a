/* attribution - what of an input an output owes to each feature at each step. */
#include "insight/insight.h"
#include <math.h>

enum { PARTS = LENS_ROWS, MOST_POINTS = 1 << 13, MOST_HALVINGS = 120 };
static const double close_enough = 0.01;

/* Maps of all inputs, one after the other; *first is the place of input 0's. */
static rondo_status open_maps(rondo_explanation *e, const lens *p, char *const *features,
                              const char *kind, int *first)
{
    *first = e->n_maps;
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
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

/* ---- Integrated gradients ----
 * What they add up to on a part of the way is the difference of f at its ends, as it is on all of it.
 * So each part tells how far its midpoint is from enough, and those that are too coarse are halved:
 * around kinks and steep places, while smooth ways need the first points alone.  Near a baseline of
 * zeros shares may be as small as floats: layer normalisation is steepest there, step after step. */
typedef struct part { /* of the way, from one share of the sample to another */
    double from, to, f_from, f_to;
} part;

typedef struct walk {
    lens *lens;
    rondo_map *maps; /* Σ length · gradient of the parts that are done */
    double sum, tolerance;
    int64_t points;
    part *now, *next; /* [MOST_POINTS] parts to do, at this halving and at the next */
    int n_now, n_next;
} walk;

static rondo_status first_parts(walk *w, const rondo_explanation *e)
{
    for (int i = 1; i < PARTS; i++) lens_blend(w->lens, i, (double)i / PARTS);
    RONDO_TRY(lens_run(w->lens, false));
    for (int i = 0; i < PARTS; i++)
        w->now[i] = (part){ (double)i / PARTS, (double)(i + 1) / PARTS,
                            i ? w->lens->f[i] : e->f_baseline,
                            i + 1 < PARTS ? w->lens->f[i + 1] : e->f };
    w->n_now = PARTS;
    return RONDO_OK;
}

/* Of version r: how f changes with the share of the sample, Σ gradient · (x - b). */
static double slope(const lens *p, int64_t r)
{
    double sum = 0;
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        for (int64_t k = 0; k < x->steps * x->features; k++)
            sum +=
                (double)
                    x->gradient[(k / x->features * LENS_ROWS + r) * x->features + k % x->features] *
                ((double)x->sample[k] - (double)x->baseline[k]);
    }
    return sum;
}

static void keep(walk *w, int64_t r, double length)
{
    for (int i = 0; i < w->lens->n; i++) {
        const lens_input *x = &w->lens->input[i];
        for (int64_t k = 0; k < x->steps * x->features; k++)
            w->maps[i].values[k] +=
                length *
                (double)
                    x->gradient[(k / x->features * LENS_ROWS + r) * x->features + k % x->features];
    }
}

/* The midpoints of parts [first, first+n); what is too coarse is put off, halved, while it may be. */
static rondo_status walk_parts(walk *w, int first, int n, bool last)
{
    const part *at = w->now + first;
    for (int r = 0; r < n; r++) lens_blend(w->lens, r, (at[r].from + at[r].to) / 2);
    RONDO_TRY(lens_run(w->lens, true));
    w->points += n;
    for (int r = 0; r < n; r++) {
        const double length = at[r].to - at[r].from, middle = (at[r].from + at[r].to) / 2;
        const double gain = length * slope(w->lens, r);
        const bool coarse = fabs(gain - (at[r].f_to - at[r].f_from)) > w->tolerance;
        const bool room = !last && w->points + w->n_now + w->n_next + 2 <= MOST_POINTS;
        if (coarse && room && middle > at[r].from && middle < at[r].to) {
            w->next[w->n_next++] = (part){ at[r].from, middle, at[r].f_from, w->lens->f[r] };
            w->next[w->n_next++] = (part){ middle, at[r].to, w->lens->f[r], at[r].f_to };
        } else {
            keep(w, r, length);
            w->sum += gain;
        }
    }
    return RONDO_OK;
}

static rondo_status walk_all(walk *w, const rondo_explanation *e)
{
    RONDO_TRY(first_parts(w, e));
    for (int halvings = 0; w->n_now; halvings++) {
        w->n_next = 0;
        for (int first = 0; first < w->n_now; first += LENS_ROWS) {
            const int left = w->n_now - first, n = left < LENS_ROWS ? left : LENS_ROWS;
            RONDO_TRY(walk_parts(w, first, n, halvings == MOST_HALVINGS));
        }
        part *const done = w->now;
        w->now = w->next;
        w->n_now = w->n_next;
        w->next = done;
    }
    return RONDO_OK;
}

/* From mean gradients to attributions. */
static void finish(rondo_map *maps, const lens *p)
{
    for (int i = 0; i < p->n; i++) {
        const lens_input *x = &p->input[i];
        for (int64_t k = 0; k < x->steps * x->features; k++)
            maps[i].values[k] *= (double)x->sample[k] - (double)x->baseline[k];
    }
}

rondo_status explain_gradients(rondo_explanation *e, lens *p, char *const *features)
{
    int first;
    RONDO_TRY(open_maps(e, p, features, "integrated_gradients", &first));
    const double difference = e->f - e->f_baseline;
    const double noise = 2.5e-7 * (fabs(e->f) + fabs(e->f_baseline)); /* of single precision */
    walk w = { .lens = p,
               .maps = e->maps + first,
               .tolerance = close_enough * fabs(difference) / (4 * PARTS) + noise,
               .now = alloc_array(MOST_POINTS, sizeof *w.now),
               .next = alloc_array(MOST_POINTS, sizeof *w.next) };
    const rondo_status s = w.now && w.next ? walk_all(&w, e) : RONDO_E_NOMEM;
    alloc_free(w.now);
    alloc_free(w.next);
    if (s) return s;
    finish(w.maps, p);
    e->points = w.points;
    e->sum = w.sum;
    e->gap = difference == 0 && w.sum == 0 ? 0 : fabs((w.sum - difference) / difference);
    e->complete = e->gap < close_enough || fabs(w.sum - difference) <= 4 * noise;
    return RONDO_OK;
}

/* ---- Occlusion ---- */
/* Version r lacks `hide` steps of feature k of input i. */
static void hide_steps(const lens_input *x, int64_t r, int64_t from, int64_t hide, int64_t k)
{
    for (int64_t t = from; t < from + hide && t < x->steps; t++)
        x->version[(t * LENS_ROWS + r) * x->features + k] = x->baseline[t * x->features + k];
}

static rondo_status occlude(rondo_map *m, double whole, lens *p, int i, int64_t hide)
{
    const lens_input *x = &p->input[i];
    const int64_t places = (x->steps + hide - 1) / hide, n = places * x->features;
    for (int64_t first = 0; first < n; first += LENS_ROWS) {
        const int64_t rows = n - first < LENS_ROWS ? n - first : LENS_ROWS;
        for (int64_t r = 0; r < rows; r++) {
            lens_blend(p, r, 1);
            hide_steps(x, r, (first + r) / x->features * hide, hide, (first + r) % x->features);
        }
        RONDO_TRY(lens_run(p, false));
        for (int64_t r = 0; r < rows; r++) {
            const int64_t from = (first + r) / x->features * hide, k = (first + r) % x->features;
            for (int64_t t = from; t < from + hide && t < x->steps; t++)
                m->values[t * x->features + k] = whole - p->f[r];
        }
    }
    return RONDO_OK;
}

rondo_status explain_occlusion(rondo_explanation *e, lens *p, char *const *features, int64_t hide)
{
    int first;
    RONDO_TRY(open_maps(e, p, features, "occlusion", &first));
    for (int i = 0; i < p->n; i++) RONDO_TRY(occlude(&e->maps[first + i], e->f, p, i, hide));
    return RONDO_OK;
}
