/* bench_network - two layers of a cell and a dense one that tells classes. Case e times the
 * tutorial's network, "memory" says what such steps take. */
#define _POSIX_C_SOURCE 200809L
#include "task/bench.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10, BATCHES = 8 };

/* Waves, their length the class, in noise. */
static void draw(bench_training *n)
{
    rng r = rng_new(7, rng_stream(RNG_CHECK, 1));
    for (int64_t i = 0; i < n->samples; i++) {
        n->label[i] = (int32_t)rng_below(&r, CLASSES);
        for (int64_t t = 0; t < n->steps; t++)
            for (int64_t f = 0; f < n->inputs; f++)
                n->x[(i * n->steps + t) * n->inputs + f] =
                    (real)(0.5 * sin((double)(f * (n->label[i] + 1) + t) / 8) + rng_uniform(&r) -
                           0.5);
    }
}

static rondo_status build(bench_training *n, const rondo_bench_case *c, int threads)
{
    char layers[256];
    snprintf(layers, sizeof layers, "%s %lld return_sequences; %s %lld; dense %d softmax", c->cell,
             (long long)c->units, c->cell, (long long)c->units, CLASSES);
    rondo_input(n->model, RONDO_F32, RONDO_SHAPE(0, c->inputs));
    RONDO_TRY(rondo_add_spec(n->model, layers));
    return rondo_compile(n->model, .optimizer = "adam", .loss = "sparse_categorical_crossentropy",
                         .seed = 1, .threads = threads);
}

static rondo_status network_open(bench_training *n, const rondo_bench_case *c, int64_t batches,
                                 int threads)
{
    RONDO_TRY(bench_training_new(n, c, batches, 1, false));
    draw(n);
    const rondo_array x = { n->x, RONDO_F32, { 3, { n->samples, c->steps, c->inputs } }, NULL };
    const rondo_array y = { n->label, RONDO_I32, { 1, { n->samples } }, NULL };
    RONDO_TRY(rondo_dataset_new(&n->data, &(rondo_batch){ 1, 1, &x, &y, NULL }));
    return build(n, c, threads);
}

rondo_status bench_network(rondo_bench_result *result, int threads, double seconds)
{
    static const rondo_bench_case tutorial = {
        .cell = "simple_rnn", .batch = 32, .steps = 28, .inputs = 28, .units = 64
    };
    bench_training n;
    rondo_status status = network_open(&n, &tutorial, BATCHES, threads);
    if (!status) status = bench_training_run(result, &n, "e", bench_network_loss, 0.8, seconds);
    bench_training_free(&n);
    return status;
}

/* ---- memory ---- */

/* "VmRSS:" resident memory, "VmHWM:" the most so far; in bytes, 0 where the system does not say. */
static double resident(const char *key)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) kib = strtod(line + strlen(key), NULL);
    if (file) fclose(file);
    return 1024 * kib;
}

/* The most from now on. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputc('5', file);
    fclose(file);
}

/* The most memory that a few steps take, over `before`; the loss has to go down meanwhile. */
static rondo_status most_of_steps(double *bytes, const rondo_bench_case *c, int threads,
                                  double before)
{
    enum { FEW = 12 };
    bench_training n;
    double first = 0;
    forget_peak();
    rondo_status status = network_open(&n, c, 1, threads);
    for (int i = 0; i < FEW && !status; i++) {
        bench_train(&n);
        status = n.status;
        if (i == 0) first = n.loss;
    }
    *bytes = resident("VmHWM:") - before;
    if (!status && !(n.loss < first))
        status = rondo_fail(RONDO_E_STATE,
                            "memory %s: the loss went from %g to %g in %d steps, which is not "
                            "learning; the figure is not believed",
                            c->cell, first, n.loss, FEW);
    bench_training_free(&n);
    alloc_trim();
    return status;
}

rondo_status bench_memory(rondo_bench_result *result, const rondo_bench_case *c, int threads)
{
    const rondo_bench_case tiny = {
        .cell = c->cell, .batch = 2, .steps = 2, .inputs = 2, .units = 2
    };
    double ignored;
    alloc_trim();
    const double idle = resident("VmRSS:");
    if (idle <= 0)
        return rondo_fail(RONDO_E_IO, "this system does not say how much memory a process has in "
                                      "use (/proc/self/status)");
    RONDO_TRY(most_of_steps(&ignored, &tiny, threads, idle));
    const double ready = resident("VmRSS:");
    RONDO_TRY(most_of_steps(&result->bytes, c, threads, idle));
    result->own_bytes = result->bytes - (ready - idle);
    return RONDO_OK;
}
