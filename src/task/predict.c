/* predict - a pipeline answers: batches forward, then numbers in the data's own units. */
#include "task/task.h"
#include <string.h>

rondo_status pipeline_forward(rondo_pipeline *p, pass *run, const rondo_dataset *data,
                              int64_t first, int64_t n)
{
    feed feeds[MAX_FIELDS];
    int64_t items[PIPELINE_ITEMS];
    for (int64_t i = 0; i < n; i++) items[i] = first + i;
    RONDO_TRY(batch_gather(&p->batch, data, items, n, pipeline_scaler(&p->scale_in),
                           pipeline_scaler(&p->scale_out)));
    RONDO_TRY(pass_forward(run, batch_feeds(&p->batch, feeds), feeds));
    return RONDO_OK;
}

static int largest(const real *y, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (y[i] > y[best]) best = i;
    return best;
}

const char *pipeline_read(const rondo_pipeline *p, real *values, const real *y)
{
    if (pipeline_is_binary(p)) {
        values[0] = 1 - y[0];
        values[1] = y[0];
        return p->columns[y[0] > (real)(p->threshold > 0 ? p->threshold : 0.5)];
    }
    memcpy(values, y, (size_t)p->n_columns * sizeof *values);
    if (p->threshold > 0) return p->columns[y[1] > (real)p->threshold];
    if (p->task == &task_classify) return p->columns[largest(y, p->n_columns)];
    if (p->scale_out.n) scaler_reverse(&p->scale_out, values, 1);
    return NULL;
}

/* Rows of one window; y is [steps][rows][width]. */
static rondo_status tell_batch(rondo_pipeline *p, const tour *w,
                               rondo_status (*row)(const rondo_prediction *, void *), void *user)
{
    const value *y = pass_output(p->pass, 0);
    const bool over_time = y->shape.sequence;
    for (int64_t r = 0; r < y->batch; r++) {
        const int64_t steps = over_time && y->lengths ? y->lengths[r] : y->steps;
        for (int64_t t = 0; t < steps; t++) {
            const char *label = pipeline_read(p, p->row,
                                              y->data + (t * y->batch + r) * y->shape.features);
            const rondo_prediction told = { w->sample + r, over_time ? w->step + t : -1, label,
                                            p->row, p->n_columns };
            RONDO_TRY(row(&told, user));
        }
    }
    return RONDO_OK;
}

rondo_status rondo_pipeline_predict(rondo_pipeline *p, const rondo_dataset *data, int64_t rows,
                                    rondo_status (*row)(const rondo_prediction *, void *user),
                                    void *user)
{
    int64_t most = rows < 1 ? 32 : rows > PIPELINE_ITEMS ? PIPELINE_ITEMS : rows;
    tour w;
    const batch *b;
    feed feeds[MAX_FIELDS];
    RONDO_TRY(data_check(p->model, data, false));
    if (!p->pass) RONDO_TRY(pass_new(&p->pass, p->model));
    tour_open(&w, p->pass);
    if (!w.stateful) most = tour_rows(most, dataset_longest(data)); /* told sample after sample */
    tour_begin(&w, data, most, pipeline_scaler(&p->scale_in), NULL);
    rondo_status status = RONDO_OK;
    while (!status && !(status = tour_next(&w, &b)) && b) {
        status = pass_forward(p->pass, batch_feeds(b, feeds), feeds);
        if (!status) status = tell_batch(p, &w, row, user);
    }
    tour_close(&w);
    return status;
}
