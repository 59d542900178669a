/* report_samples - of a report: samples that are wrong and right with what was seen in them, or answers
 * beside the truth, and beside the simplest answer there is. */
#include "chart/chart.h"
#include "insight/insight.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 3, FEW_FEATURES = 8, SMALL_WIDTH = 420 };

typedef struct answers { /* of all samples */
    rondo_pipeline *pipeline;
    verdict *verdicts; /* of a classifier, else: */
    double *values;    /* [samples][columns] */
    int64_t columns;
} answers;

static rondo_status keep_answer(const rondo_prediction *told, void *user)
{
    answers *a = user;
    if (a->verdicts) {
        verdict *v = &a->verdicts[told->sample];
        v->sample = told->sample;
        for (int k = 0; k < told->n; k++)
            if (a->pipeline->columns[k] == told->label) v->label = k;
        v->sure = (double)told->values[v->label];
    } else {
        for (int64_t k = 0; k < a->columns; k++)
            a->values[told->sample * a->columns + k] = (double)told->values[k];
    }
    return RONDO_OK;
}

/* ---- One sample, drawn ---- */
static rondo_status draw_lines(run_report *r, const field *f, int64_t width,
                               const char *const *names)
{
    chart_series series[FEW_FEATURES];
    double *values = alloc_array((width + 1) * (f->steps + 1), sizeof *values);
    if (!values) return RONDO_E_NOMEM;
    double *steps = values + width * f->steps;
    for (int64_t t = 0; t < f->steps; t++) {
        steps[t] = (double)t + 1;
        for (int64_t k = 0; k < width; k++)
            values[k * f->steps + t] = (double)f->data[t * width + k];
    }
    for (int64_t k = 0; k < width; k++)
        series[k] = (chart_series){ .name = width > 1 ? names[k] : NULL,
                                    .x = steps,
                                    .y = values + k * f->steps,
                                    .n = (int)f->steps,
                                    .mark = f->steps > 1 ? CHART_LINE : CHART_POINTS };
    const chart c = { .x = { .label = page_word(WORD_STEP, r->chinese) },
                      .series = series,
                      .n_series = (int)width,
                      .width = SMALL_WIDTH,
                      .height = 220 };
    chart_draw(&r->out, &c, false);
    alloc_free(values);
    return r->out.status;
}

static rondo_status draw_grid(run_report *r, const field *f, int64_t width, char **names)
{
    const map_style style = { .time = page_word(WORD_STEP, r->chinese), .width = SMALL_WIDTH };
    rondo_map m = { .steps = f->steps, .width = width, .names = names };
    m.values = alloc_array(f->steps * width + 1, sizeof *m.values);
    if (!m.values) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < f->steps * width; i++) m.values[i] = (double)f->data[i];
    const rondo_status s = map_draw(&r->out, &m, &style, false);
    alloc_free(m.values);
    return s;
}

/* The text, or numbers of tokens where there is none. */
static rondo_status write_tokens(run_report *r, const field *f, int64_t i)
{
    enum { MOST = 200, MOST_BYTES = 4000 };
    if (r->data->text) {
        cursor c = { 0 };
        char shown[MOST_BYTES];
        const char *text;
        size_t n;
        const rondo_status s = r->data->text(r->data, &c, i, &text, &n);
        if (!s) {
            size_t kept = n < sizeof shown ? n : sizeof shown - 1;
            while (kept && kept < n && ((unsigned char)text[kept] & 0xC0) == 0x80) kept--;
            memcpy(shown, text, kept);
            shown[kept] = 0;
            text_add(&r->out, "<p>");
            text_escaped(&r->out, shown);
            text_add(&r->out, n > kept ? " …</p>\n" : "</p>\n");
        }
        cursor_free(&c);
        return s;
    }
    text_add(&r->out, "<p>");
    for (int64_t t = 0; t < f->steps && t < MOST; t++)
        text_add(&r->out, "%s%d", t ? " " : "", (int)f->tokens[t]);
    text_add(&r->out, f->steps > MOST ? " …</p>\n" : "</p>\n");
    return r->out.status;
}

static rondo_status feature_names(char ***names, const rondo_pipeline *p, int64_t width)
{
    *names = alloc_array(width + 1, sizeof **names);
    for (int64_t k = 0; *names && k < width; k++) {
        (*names)[k] = p->n_features == width ? alloc_text(p->features[k])
                                             : alloc_format("x%lld", (long long)k + 1);
        if (!(*names)[k]) return RONDO_E_NOMEM;
    }
    return *names ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status draw_sample(run_report *r, int64_t i)
{
    cursor c = { 0 };
    sample s;
    char **names = NULL;
    rondo_status status = r->data->get(r->data, &c, i, &s);
    const int64_t width = field_features(&r->data->input[0]);
    if (!status) status = feature_names(&names, r->pipeline, width);
    if (!status && s.input[0].tokens)
        status = write_tokens(r, &s.input[0], i);
    else if (!status && width <= FEW_FEATURES)
        status = draw_lines(r, &s.input[0], width, (const char *const *)names);
    else if (!status)
        status = draw_grid(r, &s.input[0], width, names);
    text_list_free(names);
    cursor_free(&c);
    return status;
}

/* ---- A classifier's samples ---- */
/* The caption's second half is the gap; NAN: there is no attribution. */
static rondo_status draw_attribution(run_report *r, const verdict *v, double *gap)
{
    rondo_explanation *e;
    const rondo_explain_options o = { .size = sizeof o,
                                      .sample = v->sample,
                                      .output = r->pipeline->columns[v->label],
                                      .baseline = "mean" };
    const rondo_status s = rondo_explain(&e, r->pipeline, r->data, &o);
    if (s) return s == RONDO_E_NOMEM ? s : RONDO_OK; /* what has none is shown without */
    const map_style style = { .time = page_word(WORD_STEP, r->chinese), .width = SMALL_WIDTH };
    const rondo_status drawn = e->tokens ? text_maps_write(&r->out, &e->maps[0], e->tokens)
                                         : map_draw(&r->out, &e->maps[0], &style, false);
    *gap = e->gap;
    rondo_explanation_free(e);
    return drawn;
}

static rondo_status show_verdict(run_report *r, const verdict *v)
{
    const char *label = r->pipeline->columns[v->label];
    const bool right = v->label == v->truth, known = v->truth < r->pipeline->n_columns;
    double gap = NAN;
    text_add(&r->out, "<figure>\n");
    RONDO_TRY(draw_sample(r, v->sample));
    RONDO_TRY(draw_attribution(r, v, &gap));
    text_add(&r->out, "<figcaption>");
    report_say(r, right ? WORD_RIGHT_SAMPLE : WORD_WRONG_SAMPLE, (long long)v->sample, label,
               100 * v->sure, known ? r->pipeline->columns[v->truth] : "?");
    text_add(&r->out, r->chinese ? "。" : ". ");
    if (!isnan(gap)) report_say(r, WORD_ATTRIBUTION, label, 100 * gap);
    text_add(&r->out, "</figcaption>\n</figure>\n");
    return r->out.status;
}

/* Wrong before right; of those the surest first, of these the least sure. */
static int by_interest(const void *a, const void *b)
{
    const verdict *x = a, *y = b;
    const bool x_right = x->label == x->truth, y_right = y->label == y->truth;
    if (x_right != y_right) return x_right - y_right;
    if (x->sure != y->sure) return (x->sure < y->sure) == x_right ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static rondo_status show_some(run_report *r, const verdict *v, int64_t n, int title, int none)
{
    report_heading(r, title);
    if (!n) {
        text_add(&r->out, "<p>");
        report_say(r, none);
        text_add(&r->out, "</p>\n");
    }
    text_add(&r->out, "<div class=\"figures\">\n");
    for (int64_t i = 0; i < n && i < SHOWN; i++) RONDO_TRY(show_verdict(r, &v[i]));
    text_add(&r->out, "</div>\n");
    return r->out.status;
}

static rondo_status show_verdicts(run_report *r, verdict *v)
{
    const int64_t n = r->data->count;
    int64_t wrong = 0;
    qsort(v, (size_t)n, sizeof *v, by_interest);
    while (wrong < n && v[wrong].label != v[wrong].truth) wrong++;
    RONDO_TRY(show_some(r, v, wrong, WORD_WRONG, WORD_NONE_WRONG));
    return show_some(r, v + wrong, n - wrong, WORD_RIGHT, WORD_NONE_RIGHT);
}

/* ---- Numbers: answers, truth and the simplest answer, [samples][columns] each ---- */
typedef struct numbers {
    const double *answer;
    double *truth, *simple;
    int64_t n, columns;
    bool last; /* the simplest answer is the last value of the target's own feature */
} numbers;

static int feature_called(const rondo_pipeline *p, const char *name)
{
    for (int k = 0; k < p->n_features; k++)
        if (strcmp(p->features[k], name) == 0) return k;
    return -1;
}

static rondo_status read_truth(numbers *x, const run_report *r)
{
    const rondo_pipeline *p = r->pipeline;
    const int64_t width = field_features(&r->data->input[0]);
    cursor c = { 0 };
    rondo_status s = RONDO_OK;
    x->last = p->task == &task_forecast && p->n_targets && p->n_features == width;
    for (int k = 0; x->last && k < p->n_targets; k++)
        x->last = feature_called(p, p->targets[k]) >= 0;
    for (int64_t i = 0; !s && i < x->n; i++) {
        sample one;
        s = r->data->get(r->data, &c, i, &one);
        for (int64_t k = 0; !s && k < x->columns; k++) {
            x->truth[i * x->columns + k] = (double)one.target[0].data[k];
            if (!x->last) continue;
            const int from = feature_called(p, p->targets[k % p->n_targets]);
            x->simple[i * x->columns + k] =
                (double)one.input[0].data[(one.input[0].steps - 1) * width + from];
        }
    }
    cursor_free(&c);
    for (int64_t k = 0; !s && !x->last && k < x->columns; k++) {
        double sum = 0;
        for (int64_t i = 0; i < x->n; i++) sum += x->truth[i * x->columns + k];
        for (int64_t i = 0; i < x->n; i++) x->simple[i * x->columns + k] = sum / (double)x->n;
    }
    return s;
}

static void draw_answers(run_report *r, const numbers *x)
{
    enum { MOST = 300 };
    double predicted[MOST], actual[MOST];
    const int n = x->n < MOST ? (int)x->n : MOST;
    for (int i = 0; i < n; i++) {
        predicted[i] = x->answer[i * x->columns];
        actual[i] = x->truth[i * x->columns];
    }
    const chart_series series[] = {
        { .name = page_word(WORD_TRUE, r->chinese), .y = actual, .n = n },
        { .name = page_word(WORD_PREDICTED, r->chinese), .y = predicted, .n = n },
    };
    const chart c = { .title = r->pipeline->columns[0],
                      .x = { .label = page_word(WORD_SAMPLE, r->chinese) },
                      .series = series,
                      .n_series = 2,
                      .width = 520,
                      .height = 300 };
    text_add(&r->out, "<figure>\n");
    chart_draw(&r->out, &c, false);
    text_add(&r->out, "</figure>\n");
}

static void draw_errors(run_report *r, const numbers *x)
{
    enum { BINS = 21 };
    double least = INFINITY, most = -INFINITY, count[BINS] = { 0 }, middle[BINS];
    for (int64_t i = 0; i < x->n * x->columns; i++) {
        least = fmin(least, x->truth[i] - x->answer[i]);
        most = fmax(most, x->truth[i] - x->answer[i]);
    }
    if (!(most > least)) return; /* nothing to tell apart */
    for (int64_t i = 0; i < x->n * x->columns; i++) {
        const double part = (x->truth[i] - x->answer[i] - least) / (most - least);
        count[part < 1 ? (int)(part * BINS) : BINS - 1]++;
    }
    for (int i = 0; i < BINS; i++) middle[i] = least + (i + 0.5) * (most - least) / BINS;
    const chart_series bars = { .x = middle, .y = count, .n = BINS, .mark = CHART_BARS };
    const chart c = { .title = page_word(WORD_ERRORS, r->chinese),
                      .x = { .label = page_word(WORD_ERROR, r->chinese) },
                      .y = { .label = page_word(WORD_COUNT, r->chinese) },
                      .series = &bars,
                      .n_series = 1,
                      .width = 520,
                      .height = 300 };
    text_add(&r->out, "<figure>\n");
    chart_draw(&r->out, &c, false);
    text_add(&r->out, "</figure>\n");
}

static void mean_errors(const numbers *x, const double *answer, double *mae, double *rmse)
{
    *mae = *rmse = 0;
    const double n = (double)(x->n * x->columns);
    for (int64_t i = 0; i < x->n * x->columns; i++) {
        const double e = x->truth[i] - answer[i];
        *mae += fabs(e) / n;
        *rmse += e * e / n;
    }
    *rmse = sqrt(*rmse);
}

static void compare_simplest(run_report *r, const numbers *x)
{
    double mae[2], rmse[2];
    mean_errors(x, x->answer, &mae[0], &rmse[0]);
    mean_errors(x, x->simple, &mae[1], &rmse[1]);
    report_heading(r, WORD_BESIDE);
    text_add(&r->out, "<div class=\"scroll\"><table><tr><th></th><th>MAE</th><th>RMSE</th></tr>\n");
    for (int i = 0; i < 2; i++) {
        text_add(&r->out, "<tr><td>");
        report_say(r, !i ? WORD_MODEL : x->last ? WORD_LAST : WORD_MEAN);
        text_add(&r->out, "</td><td>%.5g</td><td>%.5g</td></tr>\n", mae[i], rmse[i]);
    }
    text_add(&r->out, "</table></div>\n");
    if (mae[0] < mae[1]) return;
    text_add(&r->out, "<p>");
    report_say(r, WORD_WORSE);
    text_add(&r->out, "</p>\n");
}

static rondo_status show_numbers(run_report *r, const answers *a)
{
    numbers x = { .answer = a->values, .n = r->data->count, .columns = a->columns };
    x.truth = alloc_array(x.n * x.columns + 1, sizeof *x.truth);
    x.simple = alloc_array(x.n * x.columns + 1, sizeof *x.simple);
    rondo_status s = x.truth && x.simple ? read_truth(&x, r) : RONDO_E_NOMEM;
    if (!s && x.n) {
        report_heading(r, WORD_ANSWERS);
        text_add(&r->out, "<div class=\"figures\">\n");
        draw_answers(r, &x);
        draw_errors(r, &x);
        text_add(&r->out, "</div>\n");
        compare_simplest(r, &x);
        s = r->out.status;
    }
    alloc_free(x.truth);
    alloc_free(x.simple);
    return s;
}

/* ---- Both ---- */
static rondo_status read_truths(verdict *v, const rondo_dataset *d)
{
    cursor c = { 0 };
    rondo_status s = RONDO_OK;
    const int64_t width = field_features(&d->target[0]);
    for (int64_t i = 0; !s && i < d->count; i++) {
        sample one;
        s = d->get(d, &c, i, &one);
        if (s) break;
        const real *y = one.target[0].data;
        if (!y) {
            v[i].truth = one.target[0].tokens[0];
            continue;
        }
        if (width == 1) v[i].truth = y[0] > (real)0.5;
        for (int64_t k = 1; k < width; k++)
            if (y[k] > y[v[i].truth]) v[i].truth = (int)k;
    }
    cursor_free(&c);
    return s;
}

rondo_status report_samples(run_report *r)
{
    const int64_t n = r->data->count;
    const bool classes = rondo_pipeline_labels(r->pipeline);
    answers a = { .pipeline = r->pipeline, .columns = r->pipeline->n_columns };
    if (rondo_pipeline_over_time(r->pipeline))
        return RONDO_OK; /* an answer a step: the scores tell */
    if (!classes && r->data->target[0].type != RONDO_F32) return RONDO_OK;
    if (classes)
        a.verdicts = alloc_array(n + 1, sizeof *a.verdicts);
    else
        a.values = alloc_array(n * a.columns + 1, sizeof *a.values);
    rondo_status s = a.verdicts || a.values ? RONDO_OK : RONDO_E_NOMEM;
    if (!s) s = rondo_pipeline_predict(r->pipeline, r->data, r->rows, keep_answer, &a);
    if (!s && classes) s = read_truths(a.verdicts, r->data);
    if (!s) s = classes ? show_verdicts(r, a.verdicts) : show_numbers(r, &a);
    alloc_free(a.verdicts);
    alloc_free(a.values);
    return s;
}
