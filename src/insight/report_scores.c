/* report_scores - of a report: curves, metrics, confusion matrix, classes and groups. */
#include "chart/chart.h"
#include "insight/insight.h"
#include <math.h>
#include <string.h>

/* ---- Curves ---- */
enum { MOST_COLUMNS = 64, MOST_EPOCHS = 1 << 16 };

typedef struct log_table { /* log.csv */
    char names[MOST_COLUMNS][64];
    double *values; /* [columns][room] */
    int columns, epochs, room;
} log_table;

static rondo_status read_row(log_table *t, const csv_rows *rows)
{
    for (int c = 0; c < rows->n && c < t->columns; c++) {
        double x = NAN;
        if (number_parse(&x, rows->cells[c].text, rows->cells[c].n) != NUMBER_OK) x = NAN;
        t->values[(int64_t)c * t->room + t->epochs] = x;
    }
    t->epochs++;
    return RONDO_OK;
}

static rondo_status read_log(log_table *t, const char *path)
{
    csv_rows rows;
    file_map map;
    bool more;
    RONDO_TRY(file_map_open(&map, path));
    csv_begin(&rows, path, (const char *)map.data, map.size);
    rondo_status s = csv_next(&rows, &more);
    for (size_t i = 0; i < map.size; i++) t->room += map.data[i] == '\n';
    if (t->room > MOST_EPOCHS) t->room = MOST_EPOCHS;
    t->columns = rows.n < MOST_COLUMNS ? rows.n : MOST_COLUMNS;
    for (int c = 0; !s && c < t->columns; c++) {
        char name[LIMIT_NAME];
        csv_cell_text(&rows.cells[c], name);
        snprintf(t->names[c], sizeof t->names[c], "%.63s", name);
    }
    t->values = s ? NULL : alloc_array((int64_t)t->columns * t->room + 1, sizeof *t->values);
    if (!s && !t->values) s = RONDO_E_NOMEM;
    while (!s && t->epochs < t->room) {
        s = csv_next(&rows, &more);
        if (s || !more) break;
        s = read_row(t, &rows);
    }
    csv_end(&rows);
    file_map_close(&map);
    return s;
}

static const double *column_of(const log_table *t, const char *prefix, const char *name)
{
    for (int c = 0; c < t->columns; c++)
        if (!strncmp(t->names[c], prefix, strlen(prefix)) &&
            !strcmp(t->names[c] + strlen(prefix), name))
            return t->values + (int64_t)c * t->room;
    return NULL;
}

static chart_series series_of(const run_report *r, int word, const double *x, const double *y,
                              int n)
{
    return (chart_series){ .name = page_word(word, r->chinese),
                           .x = x,
                           .y = y,
                           .n = n,
                           .mark = n > 1 ? CHART_LINE : CHART_POINTS };
}

static void draw_series(run_report *r, const char *name, const chart_series *series, int n)
{
    const chart c = { .title = name,
                      .x = { .label = page_word(WORD_EPOCH, r->chinese) },
                      .series = series,
                      .n_series = n,
                      .width = 520,
                      .height = 300 };
    text_add(&r->out, "<figure>\n");
    chart_draw(&r->out, &c, false);
    text_add(&r->out, "</figure>\n");
}

/* The base's, from before the first epoch on: epochs[-1] is 0. */
static rondo_status draw_base(run_report *r, const log_table *t, const char *name,
                              const double *epochs, const json_t *before)
{
    double *y = alloc_array(t->epochs + 1, sizeof *y);
    if (!y) return RONDO_E_NOMEM;
    y[0] = json_number_value(before);
    memcpy(y + 1, column_of(t, "", name), (size_t)t->epochs * sizeof *y);
    const chart_series base = series_of(r, WORD_THE_BASE, epochs - 1, y, t->epochs + 1);
    draw_series(r, name, &base, 1);
    alloc_free(y);
    return RONDO_OK;
}

static rondo_status draw_curve(run_report *r, const log_table *t, const char *name,
                               const double *epochs)
{
    const json_t *story = json_object_get(r->about, "training"),
                 *before = json_object_get(json_object_get(story, "base_before"), name);
    const double *validation = column_of(t, "val_", name);
    if (json_is_number(before)) return draw_base(r, t, name, epochs, before);
    const chart_series series[] = {
        series_of(r, WORD_TRAINING, epochs, column_of(t, "", name), t->epochs),
        series_of(r, WORD_VALIDATION, epochs, validation, t->epochs),
    };
    draw_series(r, name, series, validation ? 2 : 1);
    return RONDO_OK;
}

/* The epoch with the least loss of validation, or of training where there is none. */
static void name_best(run_report *r, const log_table *t)
{
    const double *judge = column_of(t, "val_", "loss");
    const char *name = judge ? "val_loss" : "loss";
    int best = 0;
    if (!judge) judge = column_of(t, "", "loss");
    if (!judge) return;
    for (int i = 1; i < t->epochs; i++)
        if (judge[i] < judge[best]) best = i;
    text_add(&r->out, "<p>");
    report_say(r, WORD_BEST, (long long)best + 1, name, judge[best]);
    text_add(&r->out, "</p>\n");
}

rondo_status report_curves(run_report *r)
{
    log_table t = { .columns = 0 };
    char *path = file_join(r->folder, "log.csv");
    if (!path) return RONDO_E_NOMEM;
    rondo_status s = file_exists(path) ? read_log(&t, path) : RONDO_OK;
    alloc_free(path);
    double *epochs = s ? NULL : alloc_array(t.epochs + 1, sizeof *epochs);
    if (!s && !epochs) s = RONDO_E_NOMEM;
    for (int i = 0; !s && i <= t.epochs; i++) epochs[i] = i;
    if (!s) report_heading(r, WORD_CURVES);
    if (!s && t.epochs) name_best(r, &t);
    if (!s && !t.epochs) {
        text_add(&r->out, "<p>");
        report_say(r, WORD_NO_LOG);
        text_add(&r->out, "</p>\n");
    }
    if (!s && t.epochs && r->pipeline && r->pipeline->scale_out.n) {
        text_add(&r->out, "<p>");
        report_say(r, WORD_SCALED_CURVES);
        text_add(&r->out, "</p>\n");
    }
    text_add(&r->out, "<div class=\"figures\">\n");
    for (int c = 0; !s && t.epochs && c < t.columns; c++)
        if (strcmp(t.names[c], "epoch") != 0 && strncmp(t.names[c], "val_", 4) != 0)
            s = draw_curve(r, &t, t.names[c], epochs + 1);
    text_add(&r->out, "</div>\n");
    alloc_free(epochs);
    alloc_free(t.values);
    return s;
}

/* ---- Metrics ---- */
void report_number(run_report *r, double x)
{
    if (isnan(x))
        text_add(&r->out, "<td>-</td>");
    else
        text_add(&r->out, "<td>%.4g</td>", x);
}

static void head_cells(run_report *r, const int *names, int n)
{
    for (int i = 0; i < n; i++) report_cell(r, "th", page_word(names[i], r->chinese));
}

static void write_metrics(run_report *r, const char *const *names, const double *values, int n)
{
    static const int titles[] = { WORD_METRIC, WORD_VALUE };
    text_add(&r->out, "<table><tr>");
    head_cells(r, titles, 2);
    if (strcmp(rondo_pipeline_task(r->pipeline), "language") == 0) text_add(&r->out, "<th></th>");
    text_add(&r->out, "</tr>\n");
    for (int i = 0; i < n; i++) {
        text_add(&r->out, "<tr>");
        report_cell(r, "td", names[i]);
        report_number(r, values[i]);
        report_unit(r, names[i]);
        text_add(&r->out, "</tr>\n");
    }
    text_add(&r->out, "</table>\n");
    if (!r->pipeline->scale_out.n) return;
    text_add(&r->out, "<p>");
    report_say(r, WORD_SCALED_LOSS);
    text_add(&r->out, "</p>\n");
}

static void write_classes(run_report *r, const double *counts, int64_t n)
{
    static const int titles[] = { WORD_CLASS, WORD_PRECISION, WORD_RECALL, WORD_F1, WORD_SUPPORT };
    text_add(&r->out, "<div class=\"scroll\"><table><tr>");
    head_cells(r, titles, 5);
    text_add(&r->out, "</tr>\n");
    for (int64_t k = 0; k < n; k++) {
        double truly = 0, said = 0;
        for (int64_t i = 0; i < n; i++) {
            truly += counts[k * n + i];
            said += counts[i * n + k];
        }
        const double right = counts[k * n + k];
        text_add(&r->out, "<tr>");
        report_cell(r, "td", rondo_pipeline_column(r->pipeline, (int)k));
        report_number(r, right / said);
        report_number(r, right / truly);
        report_number(r, 2 * right / (truly + said));
        text_add(&r->out, "<td>%.0f</td></tr>\n", truly);
    }
    text_add(&r->out, "</table></div>\n");
}

static void write_confusion(run_report *r)
{
    enum { MOST_SHOWN = 100, MOST_NUMBERS = 16 };
    int64_t n;
    const double *counts = rondo_pipeline_confusion(r->pipeline, &n);
    if (!counts || n > MOST_SHOWN) return;
    const char *const *names = (const char *const *)r->pipeline->columns;
    double most = 1;
    for (int64_t i = 0; i < n * n; i++) most = fmax(most, counts[i]);
    const int width = n <= MOST_NUMBERS / 2 ? 440 : 720;
    const chart_axis across = { .names = names,
                                .n_names = (int)n,
                                .label = page_word(WORD_PREDICTED, r->chinese) };
    const chart_axis down = { .names = names,
                              .n_names = (int)n,
                              .label = page_word(WORD_TRUE, r->chinese) };
    const chart_grid grid = { .x = across,
                              .y = down,
                              .values = counts,
                              .rows = (int)n,
                              .columns = (int)n,
                              .high = most,
                              .decimals = n <= MOST_NUMBERS ? 0 : -1,
                              .width = width };
    report_heading(r, WORD_CONFUSION);
    text_add(&r->out, "<figure style=\"max-width:%dpx\">\n", width);
    chart_draw_grid(&r->out, &grid, false);
    text_add(&r->out, "</figure>\n");
    write_classes(r, counts, n);
}

/* ---- Groups ---- */
static void group_row(run_report *r, const rondo_breakdown *b, const rondo_group *g)
{
    text_add(&r->out, "<tr><td>");
    for (int k = 0; k < b->n_by; k++) {
        text_add(&r->out, k ? ", " : "");
        text_escaped(&r->out, *g->value[k] ? g->value[k] : "\"\"");
    }
    text_add(&r->out, "</td><td>%lld</td>", (long long)g->samples);
    for (int i = 0; i < b->n_scores; i++) {
        if (isnan(g->low[i]))
            report_number(r, g->score[i]);
        else
            text_add(&r->out, "<td>%.4g <small>%.2f-%.2f</small></td>", g->score[i], g->low[i],
                     g->high[i]);
    }
    report_cell(r, "td", g->small ? page_word(WORD_SMALL, r->chinese) : "");
    text_add(&r->out, "</tr>\n");
}

static void spread_row(run_report *r, const rondo_breakdown *b, int word, size_t offset)
{
    text_add(&r->out, "<tr><td>");
    report_say(r, word);
    text_add(&r->out, "</td><td></td>");
    for (int i = 0; i < b->n_scores; i++) {
        double x;
        memcpy(&x, (const char *)&b->spread[i] + offset, sizeof x);
        report_number(r, x);
    }
    text_add(&r->out, "<td></td></tr>\n");
}

static void write_groups(run_report *r, const rondo_breakdown *b)
{
    static const struct {
        int word;
        size_t offset;
    } rows[] = {
        { WORD_LEAST, offsetof(rondo_spread, min) },
        { WORD_LARGEST, offsetof(rondo_spread, max) },
        { WORD_DIFFERENCE, offsetof(rondo_spread, difference) },
        { WORD_RATIO, offsetof(rondo_spread, ratio) },
        { WORD_TO_ALL, offsetof(rondo_spread, overall_difference) },
        { WORD_RATIO_TO_ALL, offsetof(rondo_spread, overall_ratio) },
    };
    report_heading(r, WORD_GROUPS);
    text_add(&r->out, "<div class=\"scroll\"><table><tr><th>");
    for (int k = 0; k < b->n_by; k++) {
        text_add(&r->out, k ? ", " : "");
        text_escaped(&r->out, b->by[k]);
    }
    text_add(&r->out, "</th>");
    report_cell(r, "th", page_word(WORD_SAMPLES, r->chinese));
    for (int i = 0; i < b->n_scores; i++) report_cell(r, "th", b->name[i]);
    text_add(&r->out, "<th></th></tr>\n");
    for (int64_t k = 0; k < b->n_groups; k++) group_row(r, b, &b->group[k]);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        spread_row(r, b, rows[i].word, rows[i].offset);
    text_add(&r->out, "</table></div>\n<p>");
    report_say(r, WORD_GROUPS_SAY);
    text_add(&r->out, "</p>\n");
}

rondo_status report_scores(run_report *r)
{
    const char *names[RONDO_MAX_SCORES];
    double values[RONDO_MAX_SCORES];
    rondo_breakdown *groups = NULL;
    int n = 0;
    if (r->data->n_groups) {
        RONDO_TRY(rondo_breakdown_new(&groups, r->pipeline, r->data, r->rows));
        write_metrics(r, groups->name, groups->whole, groups->n_scores);
    } else {
        RONDO_TRY(rondo_pipeline_evaluate(r->pipeline, r->data, r->rows, names, values,
                                          RONDO_MAX_SCORES, &n));
        write_metrics(r, names, values, n);
    }
    write_confusion(r);
    if (groups) write_groups(r, groups);
    rondo_breakdown_free(groups);
    return r->out.status;
}
