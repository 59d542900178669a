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

typedef rondo_status tell_row(const rondo_prediction *, void *user);

static rondo_status tell(rondo_pipeline *p, int64_t item, int64_t step, const real *y,
                         tell_row *row, void *user)
{
    const char *label = pipeline_read(p, p->row, y);
    const rondo_prediction told = { item, step, label, p->row, p->n_columns };
    return row(&told, user);
}

/* Rows of one window; y is [steps][rows][width]. */
static rondo_status tell_batch(rondo_pipeline *p, const tour *w, tell_row *row, void *user)
{
    const value *y = pass_output(p->pass, 0);
    const bool over_time = y->shape.sequence;
    for (int64_t r = 0; r < y->batch; r++) {
        const int64_t steps = over_time && y->lengths ? y->lengths[r] : y->steps;
        for (int64_t t = 0; t < steps; t++)
            RONDO_TRY(tell(p, w->sample + r, over_time ? w->step + t : -1,
                           y->data + (t * y->batch + r) * y->shape.features, row, user));
    }
    return RONDO_OK;
}

/* Where samples are sorted their answers, y[order.n][width], wait until those of the run are there. */
static rondo_status keep_batch(rondo_pipeline *p, const tour *w, real **waiting, tell_row *row,
                               void *user)
{
    const value *y = pass_output(p->pass, 0);
    const length_order *o = &w->order;
    const int64_t width = y->shape.features;
    if (w->sample == o->first) { /* a run begins */
        alloc_free(*waiting);
        *waiting = alloc_array(o->n * width, sizeof **waiting);
        if (!*waiting) return RONDO_E_NOMEM;
    }
    for (int64_t r = 0; r < w->n; r++)
        memcpy(*waiting + (w->items[r] - o->first) * width, y->data + r * width,
               (size_t)width * sizeof **waiting);
    if (w->sample + w->n < o->first + o->n) return RONDO_OK;
    for (int64_t i = 0; i < o->n; i++)
        RONDO_TRY(tell(p, o->first + i, -1, *waiting + i * width, row, user));
    return RONDO_OK;
}

rondo_status rondo_pipeline_predict(rondo_pipeline *p, const rondo_dataset *data, int64_t rows,
                                    tell_row *row, void *user)
{
    int64_t most = rows < 1 ? 32 : rows > PIPELINE_ITEMS ? PIPELINE_ITEMS : rows;
    tour w;
    const batch *b;
    feed feeds[MAX_FIELDS];
    real *waiting = NULL;
    RONDO_TRY(data_check(p->model, data, false));
    if (!p->pass) RONDO_TRY(pass_new(&p->pass, p->model));
    tour_open(&w, p->pass);
    const bool over_time = model_output_shape(p->model, 0)->sequence;
    if (over_time && !w.stateful) /* told sample after sample */
        most = tour_rows(most, dataset_longest(data));
    tour_begin(&w, data, most, pipeline_scaler(&p->scale_in), NULL);
    tour_sort(&w);
    rondo_status status = RONDO_OK;
    while (!status && !(status = tour_next(&w, &b)) && b) {
        status = pass_forward(p->pass, batch_feeds(b, feeds), feeds);
        if (!status)
            status = w.sorted ? keep_batch(p, &w, &waiting, row, user)
                              : tell_batch(p, &w, row, user);
    }
    tour_close(&w);
    alloc_free(waiting);
    return status;
}
