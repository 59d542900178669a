/* Backpropagation through time: one step.  Windows and carried states are window.c's, epochs are
 * fit.c's. */
#include "train/train.h"
#include <math.h>

rondo_status train_step(rondo_model *model, const batch *b, double *mean)
{
    training *t = model->training;
    pass *p = t->pass;
    feed feeds[MAX_FIELDS];
    const int n = batch_feeds(b, feeds);

    p->step = (uint32_t)t->step++;
    model_clear_gradients(model);
    RONDO_TRY(pass_forward(p, n, feeds));
    RONDO_TRY(comparison_fill(&t->comparison, &t->objective, p, b));
    comparison_run(&t->comparison, &t->objective, p, &t->scores);
    *mean = t->comparison.total;
    if (!isfinite(*mean)) return RONDO_OK;

    pass_backward(p);
    optimizer_update(&t->optimizer, model->weights, model->gradients, model->params,
                     model->n_params, model->pool);
    model_weights_trained(model);
    return RONDO_OK;
}
