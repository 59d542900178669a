/* bench_training - a model learns, from samples in memory to changed weights: gather, forward, loss,
 * backward, optimizer; packing comes with the next forward. */
#include "task/bench.h"
#include <math.h>

enum { ENOUGH = 96 }; /* steps after which the loss has to be much lower */

rondo_status bench_training_new(bench_training *t, const rondo_bench_case *c, int64_t batches,
                                int64_t labels, bool tokens)
{
    *t = (bench_training){ .batch = c->batch, .steps = c->steps, .inputs = c->inputs };
    t->samples = batches * c->batch;
    const int64_t numbers = t->samples * t->steps;
    if (tokens)
        t->token = alloc_array(numbers, sizeof *t->token);
    else
        t->x = alloc_array(numbers * t->inputs, sizeof *t->x);
    t->label = alloc_array(t->samples * labels, sizeof *t->label);
    t->items = alloc_array(t->samples, sizeof *t->items);
    t->model = rondo_model_new();
    if (!(t->x || t->token) || !t->label || !t->items || !t->model) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < t->samples; i++) t->items[i] = i;
    return RONDO_OK;
}

void bench_training_free(bench_training *t)
{
    rondo_dataset_free(t->data);
    rondo_model_free(t->model);
    alloc_free(t->x);
    alloc_free(t->token);
    alloc_free(t->label);
    alloc_free(t->items);
}

void bench_train(void *training_)
{
    bench_training *b = training_;
    training *t = b->model->training;
    const int64_t *items = b->items + b->done++ * b->batch % b->samples;
    rondo_status status = batch_gather(&t->batch, b->data, items, b->batch, NULL, NULL);
    if (!status) status = train_windows(b->model, &t->batch, 0, &b->loss);
    if (status) b->status = status;
}

/* The step that comes is on the first batch: its loss is that of the weights as they are, but for what
 * bf16 rounds off. */
static rondo_status check_loss(bench_training *t, const char *letter, double plain)
{
    bench_train(t);
    RONDO_TRY(t->status);
    const double most = t->model->compute == STORAGE_F32 ? 1e-3 : 2e-2;
    if (fabs(t->loss - plain) <= most * (1 + plain)) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE, "%s: the loss is %g, expected %g; the figure is not believed",
                      letter, t->loss, plain);
}

rondo_status bench_training_run(rondo_bench_result *result, bench_training *t, const char *letter,
                                double (*plain)(const bench_training *), double share,
                                double seconds)
{
    const int64_t batches = t->samples / t->batch;
    const double first = plain(t);
    RONDO_TRY(check_loss(t, letter, first));
    bench_time(result, bench_train, t, seconds);
    while (t->done < ENOUGH || t->done % batches != 0) bench_train(t);
    RONDO_TRY(t->status);
    const double last = plain(t);
    RONDO_TRY(check_loss(t, letter, last));
    if (last < share * first) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE,
                      "%s: the loss went from %g to %g in %lld steps, which is not learning; the "
                      "figure is not believed",
                      letter, first, last, (long long)t->done);
}
