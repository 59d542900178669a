/* predict - a pipeline answers: batches forward, then numbers in the data's own units. */
#include "task/task.h"
#include <string.h>

rondo_status pipeline_forward(rondo_pipeline *p, pass *run, const rondo_dataset *data,
                              const int64_t *items, int64_t n)
{
    feed feeds[MAX_FIELDS];
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

/* ---- Answers over time, or that hang on the samples before: in the order of the data ---- */

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

static rondo_status tell_in_order(rondo_pipeline *p, tour *w, const rondo_dataset *data,
                                  int64_t most, tell_row *row, void *user)
{
    const batch *b;
    feed feeds[MAX_FIELDS];
    if (!w->stateful) most = tour_rows(most, dataset_longest(data)); /* told sample after sample */
    tour_begin(w, data, most, pipeline_scaler(&p->scale_in), NULL);
    for (;;) {
        RONDO_TRY(tour_next(w, &b));
        if (!b) return RONDO_OK;
        RONDO_TRY(pass_forward(p->pass, batch_feeds(b, feeds), feeds));
        RONDO_TRY(tell_batch(p, w, row, user));
    }
}

/* ---- One answer each: samples of like length go together, some batches' worth at a time, so that a
 * long one holds up no short ones; their answers wait for their turn ---- */
enum { BATCHES = 64, MOST_WAITING = 1 << 22 /* numbers */ };

typedef struct answers {
    int64_t *item; /* [most], by length */
    real *y;       /* [most][width], by place in the data */
    int64_t most, width;
} answers;

static rondo_status answers_open(answers *a, const rondo_pipeline *p, int64_t count, int64_t rows)
{
    a->width = model_output_shape(p->model, 0)->features;
    a->most = MOST_WAITING / a->width;
    if (a->most > BATCHES * rows) a->most = BATCHES * rows;
    if (a->most > count) a->most = count;
    if (a->most < 1) a->most = 1;
    a->item = alloc_array(a->most, sizeof *a->item);
    a->y = a->item ? alloc_array(a->most * a->width, sizeof *a->y) : NULL;
    return a->y ? RONDO_OK : RONDO_E_NOMEM;
}

/* Samples [first, first + n), at most `rows` at a time. */
static rondo_status answer(rondo_pipeline *p, answers *a, const rondo_dataset *data, int64_t first,
                           int64_t n, int64_t rows)
{
    RONDO_TRY(order_by_length(a->item, data, first, n));
    for (int64_t i = 0, some; i < n; i += some) {
        some = rows < n - i ? rows : n - i;
        while (some > tour_rows(some, data->length(data, a->item[i + some - 1]))) some--;
        RONDO_TRY(pipeline_forward(p, p->pass, data, a->item + i, some));
        const value *y = pass_output(p->pass, 0);
        for (int64_t r = 0; r < some; r++)
            memcpy(a->y + (a->item[i + r] - first) * a->width, y->data + r * a->width,
                   (size_t)a->width * sizeof *a->y);
    }
    return RONDO_OK;
}

static rondo_status tell_sorted(rondo_pipeline *p, answers *a, const rondo_dataset *data,
                                int64_t rows, tell_row *row, void *user)
{
    for (int64_t first = 0, n; first < data->count; first += n) {
        n = data->count - first < a->most ? data->count - first : a->most;
        RONDO_TRY(answer(p, a, data, first, n, rows));
        for (int64_t i = 0; i < n; i++)
            RONDO_TRY(tell(p, first + i, -1, a->y + i * a->width, row, user));
    }
    return RONDO_OK;
}

rondo_status rondo_pipeline_predict(rondo_pipeline *p, const rondo_dataset *data, int64_t rows,
                                    tell_row *row, void *user)
{
    const int64_t most = rows < 1 ? 32 : rows > PIPELINE_ITEMS ? PIPELINE_ITEMS : rows;
    tour w;
    answers a = { 0 };
    RONDO_TRY(data_check(p->model, data, false));
    if (!p->pass) RONDO_TRY(pass_new(&p->pass, p->model));
    tour_open(&w, p->pass);
    rondo_status status;
    if (w.stateful || data->streams || model_output_shape(p->model, 0)->sequence) {
        status = tell_in_order(p, &w, data, most, row, user);
    } else {
        status = answers_open(&a, p, data->count, most);
        if (!status) status = tell_sorted(p, &a, data, most, row, user);
    }
    tour_close(&w);
    alloc_free(a.item);
    alloc_free(a.y);
    return status;
}
