/* threshold - of two classes, over which probability the second is told: one half, a number, or what
 * does best on the validation data. */
#include "task/task.h"
#include <stdlib.h>
#include <string.h>

typedef double score_of(double right_yes, double right_no, double yes, double no);

static double accuracy(double right_yes, double right_no, double yes, double no)
{
    return (right_yes + right_no) / (yes + no);
}

/* Harmonic mean of precision and recall of the second class. */
static double f1(double right_yes, double right_no, double yes, double no)
{
    const double wrong_yes = no - right_no;
    return right_yes > 0 ? 2 * right_yes / (right_yes + wrong_yes + yes) : 0;
}

/* The mean of both classes' recall. */
static double balanced_accuracy(double right_yes, double right_no, double yes, double no)
{
    return ((yes > 0 ? right_yes / yes : 1) + (no > 0 ? right_no / no : 1)) / 2;
}

static const struct {
    const char *name;
    score_of *score;
} choices[] = { { "accuracy", accuracy },
                { "f1", f1 },
                { "balanced_accuracy", balanced_accuracy } };

static score_of *find_choice(const char *name)
{
    for (size_t i = 0; name && i < sizeof choices / sizeof *choices; i++)
        if (strcmp(choices[i].name, name) == 0) return choices[i].score;
    return NULL;
}

rondo_status threshold_set(rondo_pipeline *p, const char *text)
{
    char *end;
    if (!text) return RONDO_OK;
    if (p->n_columns != 2 || p->task != &task_classify)
        return rondo_fail(RONDO_E_ARG, "threshold is for models that tell two classes apart");
    const double over = strtod(text, &end);
    if (end == text || *end || !(over > 0 && over < 1))
        return rondo_fail(
            RONDO_E_ARG,
            "threshold is \"%s\", expected a probability between 0 and 1; training may "
            "choose it by accuracy, f1 or balanced_accuracy",
            text);
    p->threshold = over;
    return RONDO_OK;
}

rondo_status threshold_check(const plan *p, const char *text)
{
    if (!find_choice(text)) return text ? threshold_set(p->pipeline, text) : RONDO_OK;
    if (p->pipeline->n_columns != 2 || p->task != &task_classify)
        return rondo_fail(RONDO_E_ARG, "threshold is for models that tell two classes apart");
    return p->validation ? RONDO_OK
                         : rondo_fail(RONDO_E_ARG,
                                      "threshold %s is chosen on validation data; say "
                                      "--validation FILE or --validation-split 0.1",
                                      text);
}

/* ---- Choosing ---- */
typedef struct told_rows {
    const rondo_dataset *data;
    cursor cursor;
    threshold_row *rows; /* [data->count] */
} told_rows;

static rondo_status keep(const rondo_prediction *told, void *user)
{
    told_rows *s = user;
    sample one;
    RONDO_TRY(s->data->get(s->data, &s->cursor, told->sample, &one));
    const field *y = &one.target[0];
    const bool yes = y->tokens ? y->tokens[0] > 0 : y->data[0] > 0;
    s->rows[told->sample] = (threshold_row){ (double)told->values[1], yes };
    return RONDO_OK;
}

static int by_probability(const void *a, const void *b)
{
    const threshold_row *x = a, *y = b;
    return (x->p > y->p) - (x->p < y->p);
}

static double from_half(double p)
{
    return p < 0.5 ? 0.5 - p : p - 0.5;
}

double threshold_best(threshold_row *rows, int64_t n, const char *by)
{
    score_of *score = find_choice(by);
    qsort(rows, (size_t)n, sizeof *rows, by_probability);
    double yes = 0, best = 0.5, most = -1;
    for (int64_t i = 0; i < n; i++) yes += rows[i].yes;
    const double no = (double)n - yes;
    double below_yes = 0, below_no = 0;
    for (int64_t i = 0; i <= n; i++) {
        const double low = i ? rows[i - 1].p : 0, high = i < n ? rows[i].p : 1;
        /* anywhere between them is the same here; 0.5 is if it lies there */
        const double cut = low < 0.5 && high > 0.5 ? 0.5 : (low + high) / 2;
        const double now = score(yes - below_yes, below_no, yes, no);
        const bool between = i == 0 || i == n || low < high;
        if (between && cut > 0 && cut < 1 &&
            (now > most || (now == most && from_half(cut) < from_half(best)))) {
            most = now;
            best = cut;
        }
        if (i == n) break;
        below_yes += rows[i].yes;
        below_no += !rows[i].yes;
    }
    return best;
}

rondo_status threshold_choose(rondo_pipeline *p, const plan *by, const char *text)
{
    const rondo_dataset *data = by->validation;
    if (!find_choice(text)) return RONDO_OK;
    told_rows s = { .data = data, .rows = alloc_array(data->count, sizeof *s.rows) };
    rondo_status status = s.rows ? rondo_pipeline_predict(p, data, by->batch, keep, &s)
                                 : RONDO_E_NOMEM;
    if (!status) {
        p->threshold = threshold_best(s.rows, data->count, text);
        status = pipeline_note(p);
    }
    cursor_free(&s.cursor);
    alloc_free(s.rows);
    return status;
}

rondo_status threshold_choose_file(const char *file, const plan *by, const char *text)
{
    rondo_pipeline *p;
    if (!find_choice(text) || !file_exists(file)) return RONDO_OK;
    RONDO_TRY(rondo_pipeline_open(&p, file, (int)by->threads));
    rondo_status s = threshold_choose(p, by, text);
    if (!s) s = rondo_save(p->model, file);
    rondo_pipeline_free(p);
    return s;
}
