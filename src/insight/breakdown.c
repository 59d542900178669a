/* breakdown - every metric for each group of samples, and how far the groups are apart, as Fairlearn's
 * MetricFrame defines it (Bird et al. 2020): by_group, difference, ratio, group_min, group_max. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { MOST_GROUPS = 1000, FEW = 30 };
static const double wide = 0.2; /* an interval that says too little */

/* ---- Which sample is in which group: all combinations of the columns' values, last fastest ---- */
static int64_t group_of(const rondo_dataset *d, int64_t item)
{
    int64_t at = 0;
    for (int k = 0; k < d->n_groups; k++) at = at * d->groups[k].n + d->groups[k].of[item];
    return at;
}

static rondo_status name_groups(rondo_breakdown *b, const rondo_dataset *d)
{
    b->n_by = d->n_groups;
    b->n_groups = 1;
    for (int k = 0; k < b->n_by; k++) {
        b->by[k] = d->groups[k].name;
        b->n_groups *= d->groups[k].n;
        if (b->n_groups > MOST_GROUPS)
            return rondo_fail(RONDO_E_LIMIT, "the columns make more than %d groups; name fewer",
                              MOST_GROUPS);
    }
    b->group = alloc_array(b->n_groups, sizeof *b->group);
    if (!b->group) return RONDO_E_NOMEM;
    for (int64_t g = 0; g < b->n_groups; g++) {
        int64_t rest = g;
        for (int k = b->n_by; k-- > 0; rest /= d->groups[k].n)
            b->group[g].value[k] = d->groups[k].values[rest % d->groups[k].n];
    }
    for (int64_t i = 0; i < d->count; i++) b->group[group_of(d, i)].samples++;
    return RONDO_OK;
}

/* ---- One group ---- */
static void judge_size(rondo_group *g, const rondo_breakdown *b)
{
    g->small = g->samples < FEW;
    for (int i = 0; i < b->n_scores; i++) {
        g->low[i] = g->high[i] = NAN;
        if (!g->samples) g->score[i] = NAN;
        if (!g->samples ||
            !rondo_score_interval(b->name[i], g->score[i], g->samples, &g->low[i], &g->high[i]))
            continue;
        g->small |= g->high[i] - g->low[i] > wide;
    }
}

static rondo_status score_group(rondo_breakdown *b, int64_t g, rondo_pipeline *p,
                                const rondo_dataset *d, int64_t rows, int64_t *items)
{
    const char *names[RONDO_MAX_SCORES];
    rondo_dataset *part;
    int64_t n = 0;
    int count;
    for (int64_t i = 0; i < d->count; i++)
        if (group_of(d, i) == g) items[n++] = i;
    if (n == 0) return RONDO_OK;
    RONDO_TRY(dataset_subset(&part, d, items, n));
    const rondo_status s = rondo_pipeline_evaluate(p, part, rows, names, b->group[g].score,
                                                   RONDO_MAX_SCORES, &count);
    rondo_dataset_free(part);
    return s;
}

/* ---- The groups beside each other ---- */
static double at_most_one(double ratio)
{
    return ratio > 1 ? 1 / ratio : ratio;
}

static void spread_score(rondo_breakdown *b, int i)
{
    rondo_spread *s = &b->spread[i];
    const rondo_group *least = NULL, *largest = NULL;
    *s = (rondo_spread){ NAN, NAN, NAN, NAN, NAN, NAN, false };
    for (int64_t k = 0; k < b->n_groups; k++) {
        const rondo_group *g = &b->group[k];
        const double x = g->score[i];
        if (isnan(x)) continue;
        if (!least || x < least->score[i]) least = g;
        if (!largest || x > largest->score[i]) largest = g;
        s->overall_difference = fmax(s->overall_difference, fabs(x - b->whole[i]));
        s->overall_ratio = fmin(s->overall_ratio, at_most_one(x / b->whole[i]));
    }
    if (!least) return;
    s->min = least->score[i];
    s->max = largest->score[i];
    s->difference = s->max - s->min;
    s->ratio = s->min / s->max;
    s->overlap = least != largest && least->high[i] >= largest->low[i]; /* false where NAN */
}

static rondo_status fill(rondo_breakdown *b, rondo_pipeline *p, const rondo_dataset *d,
                         int64_t rows)
{
    RONDO_TRY(name_groups(b, d));
    int64_t *items = alloc_array(d->count + 1, sizeof *items);
    rondo_status s = items ? RONDO_OK : RONDO_E_NOMEM;
    for (int64_t g = 0; !s && g < b->n_groups; g++) s = score_group(b, g, p, d, rows, items);
    alloc_free(items);
    /* last, so that the confusion matrix of the last evaluation is that of all samples */
    if (!s)
        s = rondo_pipeline_evaluate(p, d, rows, b->name, b->whole, RONDO_MAX_SCORES, &b->n_scores);
    if (s) return s;
    for (int64_t g = 0; g < b->n_groups; g++) judge_size(&b->group[g], b);
    for (int i = 0; i < b->n_scores; i++) spread_score(b, i);
    return RONDO_OK;
}

rondo_status rondo_breakdown_new(rondo_breakdown **out, rondo_pipeline *p, const rondo_dataset *d,
                                 int64_t rows)
{
    *out = NULL;
    if (!d->n_groups) return rondo_fail(RONDO_E_ARG, "by which column? say --by COLUMN");
    if (model_stateful(p->model))
        return rondo_fail(RONDO_E_ARG, "the model carries its state from sample to sample, so a "
                                       "group's samples cannot be taken alone");
    rondo_breakdown *b = alloc_new(sizeof *b);
    if (!b) return RONDO_E_NOMEM;
    const rondo_status s = fill(b, p, d, rows);
    if (s)
        rondo_breakdown_free(b);
    else
        *out = b;
    return s;
}

void rondo_breakdown_free(rondo_breakdown *b)
{
    if (b) alloc_free(b->group);
    alloc_free(b);
}
