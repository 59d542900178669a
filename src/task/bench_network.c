/* bench_network - case e: the tutorial's network learns rows of pixels, from samples in memory to
 * changed weights: gather, forward, loss, backward, Adam; packing comes with the next forward. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { STEPS = 28, INPUTS = 28, CLASSES = 10, BATCH = 32, BATCHES = 8, SAMPLES = BATCH * BATCHES };
enum { ENOUGH = 96 }; /* steps after which the loss has to be much lower */

typedef struct network {
    rondo_model *model;
    rondo_dataset *data;
    real *x;        /* [SAMPLES][STEPS][INPUTS] */
    int32_t *label; /* [SAMPLES] */
    int64_t items[SAMPLES], done;
    double loss;
    rondo_status status;
} network;

/* Waves, their length the class, in noise. */
static void draw(network *n)
{
    rng r = rng_new(7, rng_stream(RNG_CHECK, 1));
    for (int64_t i = 0; i < SAMPLES; i++) {
        n->label[i] = (int32_t)rng_below(&r, CLASSES);
        n->items[i] = i;
        for (int64_t t = 0; t < STEPS; t++)
            for (int64_t f = 0; f < INPUTS; f++)
                n->x[(i * STEPS + t) * INPUTS + f] =
                    (real)(0.5 * sin((double)(f * (n->label[i] + 1) + t) / 8) + rng_uniform(&r) -
                           0.5);
    }
}

static rondo_status prepare(network *n, int threads)
{
    n->x = alloc_array(SAMPLES * STEPS * INPUTS, sizeof *n->x);
    n->label = alloc_array(SAMPLES, sizeof *n->label);
    n->model = rondo_model_new();
    if (!n->x || !n->label || !n->model) return RONDO_E_NOMEM;
    draw(n);
    const rondo_array x = { n->x, RONDO_F32, { 3, { SAMPLES, STEPS, INPUTS } }, NULL };
    const rondo_array y = { n->label, RONDO_I32, { 1, { SAMPLES } }, NULL };
    RONDO_TRY(rondo_dataset_new(&n->data, &(rondo_batch){ 1, 1, &x, &y, NULL }));
    rondo_input(n->model, RONDO_F32, RONDO_SHAPE(0, INPUTS));
    RONDO_TRY(rondo_add_spec(n->model, "simple_rnn 64 return_sequences; simple_rnn 64; "
                                       "dense 10 softmax"));
    return rondo_compile(n->model, .optimizer = "adam", .loss = "sparse_categorical_crossentropy",
                         .seed = 1, .threads = threads);
}

static void train(void *user)
{
    network *n = user;
    training *t = n->model->training;
    const int64_t *items = n->items + n->done++ % BATCHES * BATCH;
    rondo_status status = batch_gather(&t->batch, n->data, items, BATCH, NULL, NULL);
    if (!status) status = train_windows(n->model, &t->batch, 0, &n->loss);
    if (status) n->status = status;
}

/* Before and after: what was learnt, and the loss of the weights it ended with. */
static rondo_status check(network *n, double first)
{
    while (n->done < ENOUGH || n->done % BATCHES != 0) train(n);
    RONDO_TRY(n->status);
    const double expected = bench_network_loss(n->model, n->x, n->label, BATCH, STEPS);
    train(n);
    if (!(fabs(n->loss - expected) <= 1e-3 * (1 + expected)))
        return rondo_fail(RONDO_E_STATE,
                          "e: the loss is %g, expected %g; the figure is not believed", n->loss,
                          expected);
    if (n->loss < 0.8 * first) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE,
                      "e: the loss went from %g to %g in %lld steps, which is not learning; the "
                      "figure is not believed",
                      first, n->loss, (long long)n->done);
}

rondo_status bench_network(rondo_bench_result *result, int threads, double seconds)
{
    network n = { 0 };
    rondo_status status = prepare(&n, threads);
    if (!status) {
        const double first = bench_network_loss(n.model, n.x, n.label, BATCH, STEPS);
        bench_time(result, train, &n, seconds);
        status = check(&n, first);
    }
    rondo_dataset_free(n.data);
    rondo_model_free(n.model);
    alloc_free(n.x);
    alloc_free(n.label);
    return status;
}
