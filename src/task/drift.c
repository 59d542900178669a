/* drift - how far weights in fewer bytes lead a model's answers away from f32, step by step: errors
 * enter at every step and the state carries them on. */
#include "task/task.h"
#include <math.h>

enum { DRIFT_ROWS = 32, DRIFT_VALUES = 1 << 22 }; /* at most so many samples, numbers kept */

typedef struct drift {
    rondo_pipeline *pipeline;
    feed feed;
    int64_t steps, width;
    real *answers[2]; /* [steps][rows][width] in f32 and in the other storage */
} drift;

static rondo_status answer(const drift *d, const char *storage, real *y)
{
    rondo_stream *stream;
    const int64_t rows = d->feed.batch;
    const value_shape *in = &d->pipeline->model->nodes[d->pipeline->model->inputs[0]].out[0];
    RONDO_TRY(rondo_set_weight_storage(d->pipeline->model, storage));
    RONDO_TRY(rondo_stream_new(&stream, d->pipeline->model, rows));
    rondo_status status = RONDO_OK;
    for (int64_t t = 0; t < d->steps && !status; t++) {
        rondo_array x = { .type = in->type, .shape = { 2, { rows, in->features } } };
        rondo_array out = { .data = y + t * rows * d->width, .shape = { 2, { rows, d->width } } };
        if (d->feed.tokens)
            x.data = (int32_t *)d->feed.tokens + t * rows;
        else
            x.data = (real *)d->feed.data + t * rows * in->features;
        status = rondo_stream_step(stream, &x, &out);
    }
    rondo_stream_free(stream);
    if (d->pipeline->scale_out.n) scaler_reverse(&d->pipeline->scale_out, y, d->steps * rows);
    return status;
}

/* Over the rows that still run. */
static double largest_at(const drift *d, int64_t t)
{
    double largest = 0;
    for (int64_t r = 0; r < d->feed.batch; r++)
        for (int64_t i = 0; i < d->width; i++) {
            const int64_t at = (t * d->feed.batch + r) * d->width + i;
            const double apart = fabs((double)d->answers[0][at] - (double)d->answers[1][at]);
            if (d->feed.lengths && t >= d->feed.lengths[r]) break;
            if (!(apart <= largest)) largest = apart;
        }
    return largest;
}

static rondo_status compare(drift *d, const char *storage, rondo_drift *told, void *user)
{
    const int64_t each = d->feed.batch * d->width;
    const char *before = rondo_weight_storage(d->pipeline->model);
    d->steps = d->feed.steps < DRIFT_VALUES / each ? d->feed.steps : DRIFT_VALUES / each;
    if (d->steps < 1)
        return rondo_fail(RONDO_E_LIMIT, "the model has too many outputs to compare step by step");
    for (int i = 0; i < 2; i++)
        if (!(d->answers[i] = alloc_array(d->steps * each, sizeof **d->answers)))
            return RONDO_E_NOMEM;
    rondo_status status = answer(d, "f32", d->answers[0]);
    if (!status) status = answer(d, storage, d->answers[1]);
    if (status) return status;
    for (int64_t step = 1; step < d->steps; step *= 10) told(step, largest_at(d, step - 1), user);
    told(d->steps, largest_at(d, d->steps - 1), user);
    return rondo_set_weight_storage(d->pipeline->model, before);
}

rondo_status rondo_pipeline_drift(rondo_pipeline *p, const rondo_dataset *data, const char *storage,
                                  rondo_drift *told, void *user)
{
    drift d = { .pipeline = p, .width = model_output_shape(p->model, 0)->features };
    const int64_t n = data->count < DRIFT_ROWS ? data->count : DRIFT_ROWS;
    int64_t items[DRIFT_ROWS];
    feed feeds[MAX_FIELDS];
    RONDO_TRY(model_can_stream(p->model));
    RONDO_TRY(data_check(p->model, data, false));
    for (int64_t i = 0; i < n; i++) items[i] = i;
    RONDO_TRY(batch_gather(&p->batch, data, items, n, pipeline_scaler(&p->scale_in), NULL));
    batch_feeds(&p->batch, feeds);
    d.feed = feeds[0];
    if (n == 0 || d.feed.steps == 0) return RONDO_OK;
    const rondo_status status = compare(&d, storage, told, user);
    alloc_free(d.answers[0]);
    alloc_free(d.answers[1]);
    return status;
}
