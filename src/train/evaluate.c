/* Running a model over data without training it.  Models are only read here, so many threads
 * may. */
#include "train/train.h"
#include <string.h>

enum { BATCH_SIZE = 32, PREDICT_ROWS = 256 };

rondo_status evaluation_open(evaluation *e, const rondo_model *m)
{
    *e = (evaluation){ .model = m };
    training *t;
    RONDO_TRY(training_of(&t, m, "evaluation"));
    rondo_status status = pass_new(&e->pass, m);
    if (!status) status = scores_copy(&e->scores, &t->scores);
    if (status) {
        evaluation_close(e);
        return status;
    }
    objective_apply(&t->objective, e->pass);
    for (int i = 0; i < t->objective.n; i++) e->pass->unseen[i] = !scores_look(&e->scores, i);
    tour_open(&e->tour, e->pass);
    return RONDO_OK;
}

static rondo_status score(evaluation *e, const batch *b)
{
    const training *t = e->model->training;
    feed feeds[MAX_FIELDS];
    const int n = batch_feeds(b, feeds);
    RONDO_TRY(pass_forward(e->pass, n, feeds));
    RONDO_TRY(comparison_fill(&e->comparison, &t->objective, e->pass, b));
    comparison_run(&e->comparison, &t->objective, e->pass, &e->scores);
    tour_add_loss(&e->tour, &e->scores, &e->comparison);
    return RONDO_OK;
}

rondo_status evaluation_run(evaluation *e, const rondo_dataset *data, int64_t batch_size)
{
    const training *t = e->model->training;
    const batch *b;
    if (!data) return rondo_fail(RONDO_E_ARG, "the data to evaluate is NULL");
    RONDO_TRY(data_check(e->model, data, true));
    scores_reset(&e->scores);
    tour_begin(&e->tour, data, batch_size, t->scale_in, t->scale_out);
    tour_sort(&e->tour);
    for (;;) {
        RONDO_TRY(tour_next(&e->tour, &b));
        if (!b) return RONDO_OK;
        RONDO_TRY(score(e, b));
    }
}

void evaluation_close(evaluation *e)
{
    tour_close(&e->tour);
    pass_free(e->pass);
    comparison_free(&e->comparison);
    scores_free(&e->scores);
    *e = (evaluation){ 0 };
}

rondo_status rondo_evaluate(const rondo_model *m, const rondo_dataset *data, double *values, int n)
{
    evaluation e;
    RONDO_TRY(evaluation_open(&e, m));
    double *all = alloc_array(1 + e.scores.n_metrics, sizeof *all);
    rondo_status status = all ? evaluation_run(&e, data, BATCH_SIZE) : RONDO_E_NOMEM;
    if (!status) {
        scores_result(&e.scores, all);
        for (int i = 0; i < n; i++) values[i] = i <= e.scores.n_metrics ? all[i] : 0;
    }
    alloc_free(all);
    evaluation_close(&e);
    return status;
}

/* ---- Predicting ---- */
static const scaler *scale_in(const rondo_model *m)
{
    return m->training ? m->training->scale_in : NULL;
}

/* A view of the batch's inputs as a dataset, checked against the model. */
static rondo_status open_inputs(rondo_dataset **data, const rondo_model *m, const rondo_batch *b)
{
    RONDO_TRY(model_status(m));
    const rondo_batch inputs = { .n_inputs = b->n_inputs, .inputs = b->inputs };
    RONDO_TRY(rondo_dataset_new(data, &inputs));
    const rondo_status status = data_check(m, *data, false);
    if (status) rondo_dataset_free(*data);
    return status;
}

static rondo_status output_dims(const rondo_model *m, const rondo_batch *b, int i,
                                rondo_shape *shape)
{
    if (i < 0 || i >= model_output_count(m))
        return rondo_fail(RONDO_E_ARG, "output %d: the model has %d outputs, counted from 0", i,
                          model_output_count(m));
    const value_shape *v = model_output_shape(m, i);
    const int64_t rows = b->inputs[0].shape.dim[0];
    if (!v->sequence) {
        *shape = (rondo_shape){ 2, { rows, v->features } };
        return RONDO_OK;
    }
    const node *at = &m->nodes[model_output(m, i).node];
    while (at->layer) at = &m->nodes[at->in[0].node]; /* the input whose steps it has */
    *shape = (rondo_shape){ 3, { rows, b->inputs[at->input].shape.dim[1], v->features } };
    return RONDO_OK;
}

rondo_status rondo_predict_shape(const rondo_model *m, const rondo_batch *b, int output,
                                 rondo_shape *shape)
{
    rondo_dataset *data;
    RONDO_TRY(open_inputs(&data, m, b));
    rondo_dataset_free(data);
    return output_dims(m, b, output, shape);
}

static rondo_status check_outputs(const rondo_model *m, const rondo_batch *b,
                                  const rondo_array *outputs, int n)
{
    if (n > model_output_count(m))
        return rondo_fail(RONDO_E_ARG, "asked for %d outputs, the model has %d", n,
                          model_output_count(m));
    for (int i = 0; i < n; i++) {
        rondo_shape want;
        RONDO_TRY(output_dims(m, b, i, &want));
        const rondo_shape *has = &outputs[i].shape;
        bool same = outputs[i].type == RONDO_F32 && has->rank == want.rank && outputs[i].data;
        for (int d = 0; same && d < want.rank; d++) same = has->dim[d] == want.dim[d];
        if (!same)
            return rondo_fail(RONDO_E_SHAPE,
                              "the array for output %d is not F32 of the shape that "
                              "rondo_predict_shape gives",
                              i);
    }
    return RONDO_OK;
}

/* The tour's rows and steps of y[N][T][F], zeros after the end of each. */
static void copy_rows(const rondo_array *y, const tour *w, const value *v)
{
    const int64_t width = v->shape.features;
    const int64_t steps = v->shape.sequence ? y->shape.dim[1] : 1;
    real *out = (real *)y->data + w->sample * steps * width;
    if (w->step == 0) memset(out, 0, (size_t)(v->batch * steps * width) * sizeof *out);
    for (int64_t t = 0; t < v->steps && w->step + t < steps; t++)
        for (int64_t b = 0; b < v->batch; b++)
            if (!v->shape.sequence || !v->lengths || t < v->lengths[b])
                memcpy(out + (b * steps + w->step + t) * width,
                       v->data + (t * v->batch + b) * width, (size_t)width * sizeof *out);
}

static rondo_status predict(tour *w, rondo_array *outputs, int n)
{
    const batch *b;
    feed feeds[MAX_FIELDS];
    for (;;) {
        RONDO_TRY(tour_next(w, &b));
        if (!b) return RONDO_OK;
        const int n_feeds = batch_feeds(b, feeds);
        RONDO_TRY(pass_forward(w->pass, n_feeds, feeds));
        for (int i = 0; i < n; i++) copy_rows(&outputs[i], w, pass_output(w->pass, i));
    }
}

rondo_status rondo_predict(const rondo_model *m, const rondo_batch *b, rondo_array *outputs, int n)
{
    rondo_dataset *data = NULL;
    pass *p = NULL;
    tour w = { 0 };
    RONDO_TRY(open_inputs(&data, m, b));
    rondo_status status = check_outputs(m, b, outputs, n);
    if (!status) status = model_prepare((rondo_model *)m, 0); /* once, for one never compiled */
    if (!status) status = pass_new(&p, m);
    if (!status) {
        tour_open(&w, p);
        /* of stateful models as rondo_evaluate cuts it */
        tour_begin(&w, data, w.stateful ? BATCH_SIZE : PREDICT_ROWS, scale_in(m), NULL);
        status = predict(&w, outputs, n);
    }
    tour_close(&w);
    pass_free(p);
    rondo_dataset_free(data);
    return status;
}
