/* Single batches: trained on, or only differentiated. */
#include "train/train.h"

/* Gathers the whole of a public batch into b. */
static rondo_status gather(batch *b, const rondo_model *m, const rondo_batch *from)
{
    const training *t = m->training;
    rondo_dataset *data;
    RONDO_TRY(rondo_dataset_new(&data, from));
    int64_t *items = NULL;
    rondo_status status = data_check(m, data, true);
    if (status) goto done;
    items = alloc_array(data->count, sizeof *items);
    if (!items) status = RONDO_E_NOMEM;
    if (status) goto done;
    for (int64_t i = 0; i < data->count; i++) items[i] = i;
    status = batch_gather(b, data, items, data->count, t->scale_in, t->scale_out);
done:
    alloc_free(items);
    rondo_dataset_free(data);
    return status;
}

rondo_status rondo_train_batch(rondo_model *m, const rondo_batch *b, double *mean)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_train_batch"));
    RONDO_TRY(gather(&t->batch, m, b));
    double one;
    RONDO_TRY(train_windows(m, &t->batch, 0, &one));
    if (mean) *mean = one;
    return RONDO_OK;
}

/* Forward and truths on a pass, from zero states. */
static rondo_status compare(comparison *c, const rondo_model *m, pass *p, const batch *b)
{
    feed feeds[MAX_FIELDS];
    const int n = batch_feeds(b, feeds);
    p->carry_in = p->carry_out = NULL;
    RONDO_TRY(pass_forward(p, n, feeds));
    return comparison_fill(c, &m->training->objective, p, b);
}

rondo_status rondo_gradients(rondo_model *m, const rondo_batch *b, double *mean)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_gradients"));
    RONDO_TRY(gather(&t->batch, m, b));
    model_clear_gradients(m);
    t->pass->training = false;
    rondo_status status = compare(&t->comparison, m, t->pass, &t->batch);
    if (!status) {
        comparison_run(&t->comparison, &t->objective, t->pass, NULL);
        pass_backward(t->pass);
        if (mean) *mean = t->comparison.total;
    }
    t->pass->training = true;
    return status;
}

rondo_status rondo_check_gradients(const rondo_model *m, const rondo_batch *from, double *worst)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_check_gradients"));
    pass *p = NULL;
    batch b = { 0 };
    comparison c = { 0 };
    rondo_status status = gather(&b, m, from);
    if (!status) status = pass_new(&p, m);
    if (!status) {
        objective_apply(&t->objective, p);
        status = compare(&c, m, p, &b);
    }
    if (!status) {
        feed feeds[MAX_FIELDS];
        const int n = batch_feeds(&b, feeds);
        check_result result;
        status = bridge_check(m, t->loss_spec, n, feeds, c.truth, c.valid, 0, &result);
        if (!status) *worst = result.worst;
    }
    comparison_free(&c);
    batch_free(&b);
    pass_free(p);
    return status;
}
