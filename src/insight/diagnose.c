/* diagnose - a trained model over data. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { SAMPLES = 256, ROWS = 32 };

typedef struct patient {
    rondo_pipeline *pipeline;
    const rondo_dataset *data;
    rondo_diagnose_options options;
    objective objective;
    probe probe;
    pass *pass; /* for the loss, whole, and the gradients of the weights */
    real *gradients;
    batch batch;
    comparison comparison;
    int64_t *items;
    spread norms;
    double losses, rows;
} patient;

static rondo_status open(patient *s)
{
    const rondo_pipeline *p = s->pipeline;
    const rondo_model *m = p->model;
    if (!p->loss)
        return rondo_fail(RONDO_E_STATE, "the model file does not say which loss it was trained "
                                         "with, so there are no gradients to look at");
    RONDO_TRY(data_check(m, s->data, true));
    if (s->data->count == 0) return rondo_fail(RONDO_E_ARG, "the data has no samples");
    RONDO_TRY(objective_parse(&s->objective, m, p->loss));
    RONDO_TRY(probe_open(&s->probe, m, &s->objective));
    RONDO_TRY(pass_new(&s->pass, m));
    s->gradients = alloc_aligned((size_t)(m->n_weights + 1) * sizeof *s->gradients);
    s->items = alloc_array(s->options.batch, sizeof *s->items);
    if (!s->gradients || !s->items) return RONDO_E_NOMEM;
    s->pass->gradients = s->gradients;
    objective_apply(&s->objective, s->pass);
    return RONDO_OK;
}

static void close(patient *s)
{
    probe_close(&s->probe);
    pass_free(s->pass);
    batch_free(&s->batch);
    comparison_free(&s->comparison);
    alloc_free_aligned(s->gradients);
    alloc_free(s->items);
}

/* The n samples from the `first` of those chosen, which lie evenly over the data. */
static rondo_status see_batch(patient *s, int64_t first, int64_t n, int64_t of)
{
    const rondo_pipeline *p = s->pipeline;
    comparison *c = &s->comparison;
    feed feeds[MAX_FIELDS];
    for (int64_t i = 0; i < n; i++)
        s->items[i] = (int64_t)((double)(first + i) * (double)s->data->count / (double)of);
    RONDO_TRY(batch_gather(&s->batch, s->data, s->items, n, pipeline_scaler(&p->scale_in),
                           pipeline_scaler(&p->scale_out)));
    const int n_feeds = batch_feeds(&s->batch, feeds);
    memset(s->gradients, 0, (size_t)p->model->n_weights * sizeof *s->gradients);
    RONDO_TRY(pass_forward(s->pass, n_feeds, feeds));
    RONDO_TRY(comparison_fill(c, &s->objective, s->pass, &s->batch));
    comparison_run(c, &s->objective, s->pass, NULL);
    pass_backward(s->pass);
    spread_add(&s->norms, sqrt(kernel_table()->sum_squares(s->gradients, p->model->n_weights)));
    s->losses += c->total * (double)n;
    s->rows += (double)n;
    return probe_see(&s->probe, n_feeds, feeds, c->truth);
}

/* The features' names are in the data. */
static void name_input(const patient *s, rondo_diagnosis *d)
{
    const int64_t i = atoll(d->input_name) - 1;
    if (i >= 0 && i < s->data->n_features && s->data->features)
        text_fit(d->input_name, sizeof d->input_name, s->data->features[i]);
}

static rondo_status examine(patient *s, rondo_diagnosis **out)
{
    const int64_t count = s->data->count;
    const int64_t of = s->options.samples < count ? s->options.samples : count;
    RONDO_TRY(open(s));
    for (int64_t at = 0; at < of; at += s->options.batch) {
        const int64_t left = of - at;
        RONDO_TRY(see_batch(s, at, left < s->options.batch ? left : s->options.batch, of));
    }
    RONDO_TRY(probe_report(&s->probe, true, out));
    rondo_diagnosis *d = *out;
    d->loss = s->losses / s->rows;
    d->batches = s->norms.n;
    d->gradient_norm = spread_quantile(&s->norms, 0.5);
    d->largest_norm = s->norms.n ? s->norms.most : NAN;
    name_input(s, d);
    rules_apply(d);
    return RONDO_OK;
}

rondo_status rondo_diagnose(rondo_pipeline *p, const rondo_dataset *data,
                            const rondo_diagnose_options *given, rondo_diagnosis **out)
{
    *out = NULL;
    patient *s = alloc_new(sizeof *s);
    if (!s) return RONDO_E_NOMEM;
    s->pipeline = p;
    s->data = data;
    rondo_diagnose_options *o = &s->options;
    if (given) memcpy(o, given, given->size && given->size < sizeof *o ? given->size : sizeof *o);
    if (o->samples < 1) o->samples = SAMPLES;
    if (o->batch < 1) o->batch = ROWS;
    rondo_dataset *pieces = NULL;
    rondo_status status = data->streams ? dataset_windows(&pieces, data, STREAM_PIECE) : RONDO_OK;
    if (pieces) s->data = pieces;
    if (!status) status = examine(s, out);
    close(s);
    rondo_dataset_free(pieces);
    alloc_free(s);
    return status;
}
