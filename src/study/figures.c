/* figures - a table's pictures: intervals, ranks, learning curves. */
#include "study/study.h"
#include <math.h>
#include <string.h>

static void draw_chart(text_buffer *t, const void *picture, bool alone)
{
    chart_draw(t, picture, alone);
}

static void draw_ranks(text_buffer *t, const void *picture, bool alone)
{
    chart_draw_ranks(t, picture, alone);
}

/* A file's name of a measure and what the picture shows: "test_nll-2-curves", of letters that every
 * file system takes; a measure that does not fit is told from others by its digest. */
static void file_name(char name[112], const char *measure, int block, const char *what)
{
    char safe[61], part[16] = "", mark[16] = "";
    snprintf(safe, sizeof safe, "%.60s", measure);
    for (char *c = safe; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *c))
            *c = '_';
    if (*safe == '.') *safe = '_';
    if (strcmp(safe, measure) != 0)
        snprintf(mark, sizeof mark, "-%08x", crc32c(0, measure, strlen(measure)));
    if (block >= 0) snprintf(part, sizeof part, "-%d", block + 1);
    snprintf(name, 112, "%s%s%s-%s", safe, mark, part, what);
}

static const char *block_title(const study_table *t, int b, const char *fallback)
{
    return *t->blocks[b] ? t->blocks[b] : fallback;
}

/* ---- Means with their intervals ---- */
static rondo_status intervals(document *d, const rondo_study *s, const study_table *t, int b)
{
    char name[112];
    (void)s;
    const int n = t->n_treatments;
    double *mean = alloc_array(3 * (int64_t)n, sizeof *mean), *low = mean + n, *high = low + n;
    if (!mean) return RONDO_E_NOMEM;
    for (int k = 0; k < n; k++) {
        const study_group *g = &t->groups[b * n + k];
        mean[k] = g->mean;
        low[k] = g->low;
        high[k] = g->high;
    }
    const chart_series points = {
        .y = mean, .low = low, .high = high, .n = n, .mark = CHART_POINTS
    };
    const chart picture = {
        .title = block_title(t, b, t->measure->name),
        .description = "mean and 95 % confidence interval of each treatment",
        .x = { .names = (const char *const *)t->treatments, .n_names = n },
        .y = { .label = t->measure->name },
        .sideways = true,
        .series = &points,
        .n_series = 1,
    };
    file_name(name, t->measure->name, b, "intervals");
    document_figure(d, name, picture.title, draw_chart, &picture);
    alloc_free(mean);
    return RONDO_OK;
}

/* ---- Learning curves: mean over seeds, and from the least to the most ---- */
typedef struct curve {
    double *mean, *low, *high; /* [n] */
    int n;
} curve;

/* What is logged each epoch and goes with the measure: val_accuracy with test_accuracy. */
static void column_for(char name[96], const study_run *run, const char *measure)
{
    const char *const last = strrchr(measure, '_');
    const char *const found[] = { measure, "", "val_loss", "loss" };
    for (int i = 0; i < 4; i++) {
        int n;
        if (i == 1)
            snprintf(name, 96, "val_%s", last ? last + 1 : measure);
        else
            snprintf(name, 96, "%s", found[i]);
        double *there = outcome_curve(run, name, &n);
        alloc_free(there);
        if (there) return;
    }
}

static void add_curve(curve *c, const double *one, int n)
{
    /* A run that stopped early stays where it was: a mean is of all runs at every epoch. */
    for (int i = 0; i < c->n; i++) {
        const double y = one[i < n ? i : n - 1];
        c->mean[i] += y;
        c->low[i] = fmin(c->low[i], y);
        c->high[i] = fmax(c->high[i], y);
    }
}

/* Of the finished runs of treatment k in block b; c->n is 0 when there are none. */
static rondo_status read_curve(curve *c, const rondo_study *s, const study_table *t, int b, int k,
                               const char *column)
{
    int runs = 0, n;
    *c = (curve){ 0 };
    for (int turn = 0; turn < 2; turn++) {
        for (int r = 0; r < s->n_runs; r++) {
            if (t->of_block[r] != b || t->of_treatment[r] != k || s->runs[r].state != RUN_FINISHED)
                continue;
            double *one = outcome_curve(&s->runs[r], column, &n);
            if (turn == 0 && n > c->n) c->n = n;
            if (turn == 1 && n > 0) add_curve(c, one, n);
            runs += turn == 1 && n > 0;
            alloc_free(one);
        }
        if (c->n == 0) return RONDO_OK;
        if (turn == 1) break;
        c->mean = alloc_array(3 * (int64_t)c->n, sizeof *c->mean);
        if (!c->mean) return RONDO_E_NOMEM;
        c->low = c->mean + c->n;
        c->high = c->low + c->n;
        for (int i = 0; i < c->n; i++) {
            c->low[i] = INFINITY;
            c->high[i] = -INFINITY;
        }
    }
    for (int i = 0; i < c->n; i++) c->mean[i] /= runs;
    return RONDO_OK;
}

/* Losses that fall by more than a factor of twenty are seen better on a log axis. */
static bool wants_log(const curve *curves, int n)
{
    double least = INFINITY, most = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < curves[k].n; i++) {
            least = fmin(least, curves[k].low[i]);
            most = fmax(most, curves[k].high[i]);
        }
    return least > 0 && isfinite(most) && most > 20 * least;
}

/* Whether treatment k is one of those that come out best, as many as can be told apart. */
static bool among_best(const study_table *t, int b, int k)
{
    const study_group *groups = &t->groups[b * t->n_treatments];
    int better = 0;
    for (int i = 0; i < t->n_treatments; i++) better += table_better(t, &groups[i], &groups[k]);
    return better < CHART_COLOURS;
}

static void draw_curves(document *d, const study_table *t, int b, const char *column,
                        const curve *curves, chart_series *series, const double *epochs)
{
    char name[112], title[192];
    int n = 0, longest = 0, there = 0;
    for (int k = 0; k < t->n_treatments; k++) {
        there += curves[k].n > 0;
        if (curves[k].n == 0 || n == CHART_COLOURS || !among_best(t, b, k)) continue;
        series[n++] = (chart_series){ .name = t->treatments[k],
                                      .x = epochs,
                                      .y = curves[k].mean,
                                      .low = curves[k].low,
                                      .high = curves[k].high,
                                      .n = curves[k].n,
                                      .colour = k + 1 }; /* in every block */
        if (curves[k].n > longest) longest = curves[k].n;
    }
    if (n == 0 || longest < 2) return;
    const size_t used = (size_t)snprintf(title, sizeof title, "%.120s", block_title(t, b, column));
    if (n < there) snprintf(title + used, sizeof title - used, " (the best %d of %d)", n, there);
    const chart picture = {
        .title = title,
        .description = "by epoch: mean over seeds, and the band from the least to the most",
        .x = { .label = "epoch", .whole = true },
        .y = { .label = column, .log = wants_log(curves, t->n_treatments) },
        .series = series,
        .n_series = n,
        .height = 300 + 18 * (n / 4),
    };
    file_name(name, t->measure->name, b, "curves");
    document_figure(d, name, picture.title, draw_chart, &picture);
}

static rondo_status curves_of_block(document *d, const rondo_study *s, const study_table *t, int b)
{
    char column[96] = "";
    int longest = 0;
    for (int r = 0; r < s->n_runs && !*column; r++)
        if (t->of_block[r] == b && s->runs[r].state == RUN_FINISHED)
            column_for(column, &s->runs[r], t->measure->name);
    if (!*column) return RONDO_OK;
    curve *curves = alloc_array(t->n_treatments, sizeof *curves);
    chart_series *series = alloc_array(t->n_treatments, sizeof *series);
    rondo_status status = curves && series ? RONDO_OK : RONDO_E_NOMEM;
    for (int k = 0; k < t->n_treatments && !status; k++) {
        status = read_curve(&curves[k], s, t, b, k, column);
        if (curves[k].n > longest) longest = curves[k].n;
    }
    double *epochs = alloc_array(longest + 1, sizeof *epochs);
    if (!status && !epochs) status = RONDO_E_NOMEM;
    for (int i = 0; i < longest && epochs; i++) epochs[i] = i + 1;
    if (!status) draw_curves(d, t, b, column, curves, series, epochs);
    for (int k = 0; k < t->n_treatments && curves; k++) alloc_free(curves[k].mean);
    alloc_free(epochs);
    alloc_free(curves);
    alloc_free(series);
    return status;
}

/* ---- All of them ---- */
static void each_block(document *d, const rondo_study *s, const study_table *t,
                       rondo_status (*draw)(document *, const rondo_study *, const study_table *,
                                            int))
{
    document_side_by_side(d, true);
    for (int b = 0; b < t->n_blocks && !d->status; b++) d->status = draw(d, s, t, b);
    document_side_by_side(d, false);
}

void figures_ranks(document *d, const study_table *t)
{
    char name[112];
    const chart_ranks picture = {
        .title = "Average ranks",
        .description = "1 is best; bars join treatments that differ by less than the critical "
                       "difference",
        .names = (const char *const *)t->treatments,
        .ranks = t->ranks,
        .n = t->n_treatments,
        .difference = t->ranked > 1 ? t->test.difference : NAN,
        .width = 760,
    };
    file_name(name, t->measure->name, -1, "ranks");
    document_figure(d, name, picture.title, draw_ranks, &picture);
}

void figures_intervals(document *d, const rondo_study *s, const study_table *t)
{
    each_block(d, s, t, intervals);
}

void figures_curves(document *d, const rondo_study *s, const study_table *t)
{
    each_block(d, s, t, curves_of_block);
}
