/* evaluate - the loss as it was trained, metrics in the data's own units, and who is taken for whom. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { MOST_CONFUSED = 1000 }; /* classes of a confusion matrix */

typedef struct judge {
    objective objective;
    scores scores;
    char **names;
    comparison comparison;
    pass *pass;
    tour tour;
} judge;

/* Of outputs that were trained towards smoothed truth: how good they are by the truth itself. */
static bool wants_nll(const judge *j, const char *metrics)
{
    return j->objective.n == 1 && loss_is_smoothed(&j->objective.losses[0]) &&
           !strstr(metrics, "nll");
}

static rondo_status judge_open(judge *j, const rondo_pipeline *p, const char *by,
                               const char *metrics)
{
    const bool confusion = p->task == &task_classify && p->n_columns <= MOST_CONFUSED;
    if (!by)
        return rondo_fail(RONDO_E_STATE, "the model file does not say which loss it was trained "
                                         "with, so there is nothing to evaluate by");
    RONDO_TRY(objective_parse(&j->objective, p->model, by));
    char *all = alloc_format("%s%s%s", metrics, wants_nll(j, metrics) ? " nll" : "",
                             confusion ? " confusion_matrix" : "");
    if (!all) return RONDO_E_NOMEM;
    rondo_status status = scores_parse(&j->scores, &j->names, p->model, &j->objective, all);
    alloc_free(all);
    if (!status) status = pass_new(&j->pass, p->model);
    if (!status) objective_apply(&j->objective, j->pass);
    if (!status && p->scale_out.n) j->pass->blocks[0] = false; /* whole, to be scaled back */
    if (!status) tour_open(&j->tour, j->pass);
    return status;
}

static void judge_close(judge *j)
{
    scores_free(&j->scores);
    text_list_free(j->names);
    comparison_free(&j->comparison);
    tour_close(&j->tour);
    pass_free(j->pass);
}

static rondo_status judge_batch(judge *j, rondo_pipeline *p, const batch *b)
{
    feed feeds[MAX_FIELDS];
    const int n = batch_feeds(b, feeds);
    comparison *c = &j->comparison;
    RONDO_TRY(pass_forward(j->pass, n, feeds));
    RONDO_TRY(comparison_fill(c, &j->objective, j->pass, b));
    c->truth[0].threshold = p->threshold;
    comparison_run(c, &j->objective, j->pass, p->scale_out.n ? NULL : &j->scores);
    if (p->scale_out.n) {
        value *y = pass_output(j->pass, 0);
        scaler_reverse(&p->scale_out, y->data, value_rows(y));
        scaler_reverse(&p->scale_out, b->target[0].data, value_rows(y));
        scores_see(&j->scores, 0, y->data, &c->truth[0], c->value[0] * c->valid[0]);
    }
    tour_add_loss(&j->tour, &j->scores, c);
    return RONDO_OK;
}

static rondo_status judge_all(judge *j, rondo_pipeline *p, const rondo_dataset *data, int64_t rows)
{
    const batch *b;
    tour_begin(&j->tour, data, rows, pipeline_scaler(&p->scale_in), pipeline_scaler(&p->scale_out));
    for (;;) {
        RONDO_TRY(tour_next(&j->tour, &b));
        if (!b) return RONDO_OK;
        RONDO_TRY(judge_batch(j, p, b));
    }
}

/* The names that stay: those of the metric rows, which live forever. */
static void give_scores(const judge *j, const char **names, double *values, int n, int *count)
{
    *count = 0;
    for (int i = 0; i <= j->scores.n_metrics && *count < n; i++) {
        const metric *m = i ? &j->scores.metrics[i - 1] : NULL;
        int64_t classes;
        if (m && metric_confusion(m, &classes)) continue;
        names[*count] = NULL;
        for (int k = 0; m && k < registry_count(REGISTRY_METRIC); k++)
            if (strcmp(registry_name(REGISTRY_METRIC, k), j->names[i]) == 0)
                names[*count] = registry_name(REGISTRY_METRIC, k);
        if (!m) names[*count] = "loss";
        if (m && !names[*count]) names[*count] = m->row->name;
        values[(*count)++] = i ? metric_result(m)
                             : j->scores.loss_weight > 0
                                 ? j->scores.loss_sum / j->scores.loss_weight
                                 : 0;
    }
}

/* Of text: what does not depend on how it was cut into tokens. */
static void add_by_byte(const judge *j, const rondo_dataset *data, const char **names,
                        double *values, int n, int *count)
{
    static const char *const all[] = { "bits_per_token", "bits_per_byte", "byte_perplexity" };
    const double steps = j->tour.valid;
    double nats = values[0];
    if (!data->text_bytes || *count + 3 > n) return;
    for (int i = 0; i < *count; i++)
        if (strcmp(names[i], "nll") == 0) nats = values[i];
    const double by_byte = nats * steps / (double)data->text_bytes;
    const double each[] = { nats / log(2), by_byte / log(2), exp(by_byte) };
    for (int i = 0; i < 3; i++) {
        bool there = false;
        for (int k = 0; k < *count; k++) there |= strcmp(names[k], all[i]) == 0;
        if (there) continue;
        names[*count] = all[i];
        values[(*count)++] = each[i];
    }
}

static rondo_status keep_confusion(rondo_pipeline *p, const judge *j)
{
    alloc_free(p->confusion);
    p->confusion = NULL;
    for (int i = 0; i < j->scores.n_metrics; i++) {
        const double *counts = metric_confusion(&j->scores.metrics[i], &p->n_confusion);
        if (!counts) continue;
        p->confusion = alloc_array(p->n_confusion * p->n_confusion, sizeof *p->confusion);
        if (!p->confusion) return RONDO_E_NOMEM;
        memcpy(p->confusion, counts,
               (size_t)(p->n_confusion * p->n_confusion) * sizeof *p->confusion);
        break;
    }
    return RONDO_OK;
}

rondo_status pipeline_judge(rondo_pipeline *p, const char *by, const char *metrics,
                            const rondo_dataset *data, int64_t rows, const char **names,
                            double *values, int n, int *count)
{
    judge j = { 0 };
    const int64_t most = rows < 1 ? 32 : rows > PIPELINE_ITEMS ? PIPELINE_ITEMS : rows;
    RONDO_TRY(data_check(p->model, data, true));
    rondo_status status = judge_open(&j, p, by, metrics ? metrics : "");
    if (!status) status = judge_all(&j, p, data, most);
    if (!status) status = keep_confusion(p, &j);
    if (!status) give_scores(&j, names, values, n, count);
    if (!status) add_by_byte(&j, data, names, values, n, count);
    judge_close(&j);
    return status;
}

rondo_status rondo_pipeline_evaluate(rondo_pipeline *p, const rondo_dataset *data, int64_t rows,
                                     const char **names, double *values, int n, int *count)
{
    return pipeline_judge(p, p->loss, p->metrics, data, rows, names, values, n, count);
}

const double *rondo_pipeline_confusion(const rondo_pipeline *p, int64_t *classes)
{
    *classes = p->n_confusion;
    return p->confusion;
}

/* Wilson 1927: of the shares p that would give `score` of n trials, 95 %. */
bool rondo_score_interval(const char *name, double score, int64_t samples, double *low,
                          double *high)
{
    const metric_row *row = registry_find(REGISTRY_METRIC, name);
    if (!row || !row->share || samples < 1) return false;
    const double z = 1.9599639845400545, n = (double)samples, zz = z * z / n;
    const double middle = (score + zz / 2) / (1 + zz);
    const double half = z / (1 + zz) * sqrt(score * (1 - score) / n + zz / (4 * n));
    *low = fmax(0, middle - half);
    *high = fmin(1, middle + half);
    return true;
}
