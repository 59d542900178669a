/* table - scores of one measure, by block and treatment, and what can be said about their differences. */
#include "study/study.h"
#include <math.h>
#include <string.h>

enum { MOST_PAIRED = 24 }; /* treatments that a table of pairs has room for */

/* ---- Which run belongs where ---- */
static bool is_treatment(const rondo_study *s, const study_axis *a)
{
    bool any = false, data = false;
    for (int i = 0; i < s->n_axes; i++) {
        any |= s->axes[i].compared;
        data |= !s->axes[i].chooses_data;
    }
    if (any) return a->compared;
    return !a->chooses_data || !data; /* of data alone, the data are what is compared */
}

/* The labels of all points of the axes that are (not) treatments. */
static rondo_status make_labels(char ***out, int *n, const rondo_study *s, bool treatments)
{
    int total = 1;
    for (int i = 0; i < s->n_axes; i++)
        if (is_treatment(s, &s->axes[i]) == treatments) total *= s->axes[i].n;
    char **labels = alloc_array(total + 1, sizeof *labels);
    if (!labels) return RONDO_E_NOMEM;
    *out = labels;
    *n = total;
    for (int k = 0; k < total; k++) {
        text_buffer t = { 0 };
        int rest = k, size = total;
        text_put(&t, "", 0);
        for (int i = 0; i < s->n_axes; i++) {
            const study_axis *a = &s->axes[i];
            if (is_treatment(s, a) != treatments) continue;
            size /= a->n;
            if (a->n == 1 && total > 1) continue;             /* it tells nothing apart */
            const char *label = a->values[rest / size].label; /* "length 40" for a bare number */
            const bool bare = !label[strspn(label, "0123456789.-+e")];
            text_add(&t, "%s%s%s%s", t.size ? ", " : "", bare ? a->name : "", bare ? " " : "",
                     label);
            rest %= size;
        }
        if (t.status) return t.status;
        labels[k] = t.data;
    }
    return RONDO_OK;
}

static int place(const rondo_study *s, const study_run *run, bool treatments)
{
    int at = 0;
    for (int i = 0; i < s->n_axes; i++)
        if (is_treatment(s, &s->axes[i]) == treatments) at = at * s->axes[i].n + run->at[i];
    return at;
}

/* ---- Groups ---- */
static void count_run(study_group *g, const study_run *run, double score, bool lacks)
{
    g->diverged += run->state == RUN_DIVERGED;
    g->failed += run->state == RUN_FAILED;
    g->missing += run->state == RUN_WAITING;
    g->lacking += lacks;
    g->unsolved += run->state == RUN_FINISHED && !isfinite(score) && !lacks;
    if (!isfinite(score)) return;
    if (!(g->best <= score)) g->best = score;
    if (!(g->worst >= score)) g->worst = score;
    g->mean += (score - g->mean) / ++g->n;
}

static void finish_group(study_group *g, bool higher)
{
    if (g->n == 0) g->mean = NAN;
    if (higher) {
        const double least = g->best;
        g->best = g->worst;
        g->worst = least;
    }
    g->deviation = g->n > 1 ? sqrt(g->deviation / (g->n - 1)) : NAN;
    const double half = g->n > 1 ? statistics_t_quantile(0.05, g->n - 1) * g->deviation / sqrt(g->n)
                                 : NAN;
    g->low = g->mean - half;
    g->high = g->mean + half;
}

static void fill_groups(study_table *t, const rondo_study *s)
{
    const int n = t->n_blocks * t->n_treatments;
    for (int i = 0; i < n; i++) t->groups[i] = (study_group){ .best = NAN, .worst = NAN };
    for (int r = 0; r < s->n_runs; r++) {
        t->scores[r] = outcome_score(&s->runs[r], t->measure->name);
        count_run(&t->groups[t->of_block[r] * t->n_treatments + t->of_treatment[r]], &s->runs[r],
                  t->scores[r], outcome_lacks(&s->runs[r], t->measure->name));
    }
    for (int r = 0; r < s->n_runs; r++) {
        study_group *g = &t->groups[t->of_block[r] * t->n_treatments + t->of_treatment[r]];
        if (isfinite(t->scores[r]))
            g->deviation += (t->scores[r] - g->mean) * (t->scores[r] - g->mean);
    }
    for (int i = 0; i < n; i++) finish_group(&t->groups[i], t->measure->higher);
}

/* ---- Ranks ---- */
/* Less is better. A treatment of which runs diverged, or did not get there, comes after those of which
 * none did, by how many. */
static double merit(const study_table *t, const study_group *g)
{
    const int lost = g->diverged + g->unsolved;
    const double score = t->measure->higher ? -g->mean : g->mean;
    if (g->n == 0) return INFINITY;
    return lost ? 1e200 * ((double)lost / (lost + g->n)) + score : score;
}

bool table_better(const study_table *t, const study_group *a, const study_group *b)
{
    const int lost_a = a->diverged + a->unsolved, lost_b = b->diverged + b->unsolved;
    if (a->n == 0 || b->n == 0) return a->n > 0 && b->n == 0;
    if (lost_a != lost_b) return lost_a < lost_b;
    return t->measure->higher ? a->mean > b->mean : a->mean < b->mean;
}

static bool has_ended(const study_group *g)
{
    return g->missing == 0 && g->failed == 0 && g->lacking == 0 &&
           g->n + g->diverged + g->unsolved > 0;
}

/* merits[treatments] of block b; false when some treatment has none yet. */
static bool merits_of_block(double *merits, const study_table *t, int b)
{
    for (int k = 0; k < t->n_treatments; k++) {
        const study_group *g = &t->groups[b * t->n_treatments + k];
        if (!has_ended(g)) return false;
        merits[k] = merit(t, g);
    }
    return true;
}

static bool merits_of_seed(double *merits, const study_table *t, const rondo_study *s,
                           uint64_t seed)
{
    for (int k = 0; k < t->n_treatments; k++) merits[k] = NAN;
    for (int r = 0; r < s->n_runs; r++) {
        const study_run *run = &s->runs[r];
        if (run->seed != seed) continue;
        if (run->state == RUN_WAITING || run->state == RUN_FAILED ||
            outcome_lacks(run, t->measure->name))
            return false;
        const double score = t->scores[r];
        merits[t->of_treatment[r]] = !isfinite(score)     ? INFINITY
                                     : t->measure->higher ? -score
                                                          : score;
    }
    return true;
}

/* Every pair of treatments over the blocks, by Wilcoxon's test, adjusted by Holm; unless there are too
 * few blocks for even the clearest difference to come under 0.05. */
static rondo_status compare_pairs(study_table *t, const double *merits)
{
    const int k = t->n_treatments, n = k * (k - 1) / 2;
    if (k > MOST_PAIRED || ldexp(2, -t->ranked) * n >= 0.05) return RONDO_OK;
    double *p = alloc_array(n + t->ranked, sizeof *p), *difference = p + n;
    t->pairs = alloc_array(k * k, sizeof *t->pairs);
    if (!p || !t->pairs) {
        alloc_free(p);
        return RONDO_E_NOMEM;
    }
    for (int i = 0, at = 0; i < k; i++)
        for (int j = i + 1; j < k; j++, at++) {
            int used;
            for (int b = 0; b < t->ranked; b++) {
                const double x = merits[b * k + i], y = merits[b * k + j];
                difference[b] = x == y ? 0 : x - y;
            }
            p[at] = statistics_wilcoxon(difference, t->ranked, &used);
        }
    statistics_holm(p, n);
    for (int i = 0, at = 0; i < k; i++)
        for (int j = i + 1; j < k; j++, at++) t->pairs[i * k + j] = t->pairs[j * k + i] = p[at];
    alloc_free(p);
    return RONDO_OK;
}

static rondo_status rank_all(study_table *t, const rondo_study *s)
{
    const int k = t->n_treatments;
    t->by_seed = t->n_blocks == 1;
    const int most = t->by_seed ? s->n_seeds : t->n_blocks;
    if (k < 2) return RONDO_OK;
    double *merits = alloc_array(2 * (int64_t)most * k, sizeof *merits), *ranks = merits + most * k;
    if (!merits) return RONDO_E_NOMEM;
    for (int b = 0; b < most; b++) {
        double *row = merits + t->ranked * k;
        const bool whole = t->by_seed ? merits_of_seed(row, t, s, s->seeds[b])
                                      : merits_of_block(row, t, b);
        if (!whole) continue;
        statistics_rank(ranks + t->ranked * k, row, k);
        t->ranked++;
    }
    rondo_status status = RONDO_OK;
    if (t->ranked && !(t->ranks = alloc_array(k, sizeof *t->ranks))) status = RONDO_E_NOMEM;
    for (int i = 0; i < k && t->ranks; i++) {
        for (int b = 0; b < t->ranked; b++) t->ranks[i] += ranks[b * k + i];
        t->ranks[i] /= t->ranked;
    }
    if (t->ranked > 1) t->test = statistics_friedman(ranks, t->ranked, k);
    if (!status) status = compare_pairs(t, merits);
    alloc_free(merits);
    return status;
}

rondo_status table_make(study_table *t, const rondo_study *s, const study_measure *measure)
{
    *t = (study_table){ .measure = measure };
    rondo_status status = make_labels(&t->treatments, &t->n_treatments, s, true);
    if (!status) status = make_labels(&t->blocks, &t->n_blocks, s, false);
    if (status) return status;
    t->groups = alloc_array((int64_t)t->n_blocks * t->n_treatments, sizeof *t->groups);
    t->of_treatment = alloc_array(s->n_runs, sizeof *t->of_treatment);
    t->of_block = alloc_array(s->n_runs, sizeof *t->of_block);
    t->scores = alloc_array(s->n_runs, sizeof *t->scores);
    if (!t->groups || !t->of_treatment || !t->of_block || !t->scores) return RONDO_E_NOMEM;
    for (int r = 0; r < s->n_runs; r++) {
        t->of_treatment[r] = place(s, &s->runs[r], true);
        t->of_block[r] = place(s, &s->runs[r], false);
    }
    fill_groups(t, s);
    return rank_all(t, s);
}

void table_free(study_table *t)
{
    text_list_free(t->treatments);
    text_list_free(t->blocks);
    alloc_free(t->groups);
    alloc_free(t->ranks);
    alloc_free(t->pairs);
    alloc_free(t->of_treatment);
    alloc_free(t->of_block);
    alloc_free(t->scores);
    *t = (study_table){ 0 };
}
