/* What the tests of fit train: small data, and models compiled for it. */
#ifndef RONDO_TESTS_BENCH_H
#define RONDO_TESTS_BENCH_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "train/train.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 70, STEPS = 9, FEATURES = 3, CLASSES = 4, BATCH = 16, BATCHES = 5 };

static real x[COUNT * STEPS * FEATURES];
static int32_t label[COUNT], step_label[COUNT * STEPS];
static int64_t lengths[COUNT];
static float sample_weight[COUNT];
static char folder[256], checkpoint[300], log_path[300];
static const char *compute; /* of all models; NULL: f32 */
static const char *how = "adam learning_rate=0.01 clipnorm=1 "
                         "schedule='exponential decay_steps=20 decay_rate=0.9'";

static inline int set_up(void **state)
{
    (void)state;
    rng r = rng_new(9, rng_stream(RNG_DATA, 0));
    for (int i = 0; i < COUNT; i++) {
        label[i] = i % CLASSES;
        lengths[i] = 2 + rng_below(&r, STEPS - 1);
        sample_weight[i] = 0.5f + (float)rng_uniform(&r);
        for (int t = 0; t < STEPS; t++) {
            step_label[i * STEPS + t] = (int32_t)rng_below(&r, CLASSES);
            for (int k = 0; k < FEATURES; k++)
                x[(i * STEPS + t) * FEATURES + k] = (real)(0.3 * rng_normal(&r) +
                                                           (k == label[i] ||
                                                            k == step_label[i * STEPS + t]));
        }
    }
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rondo_fit_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(checkpoint, sizeof checkpoint, "%s/last.safetensors", folder);
    snprintf(log_path, sizeof log_path, "%s/log.csv", folder);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove(checkpoint);
    remove(log_path);
    return rmdir(folder);
}

/* ---- What the tests train ---- */
enum kind { WHOLE, RAGGED, PER_STEP, RAGGED_PER_STEP };
typedef struct bench {
    rondo_model *model;
    rondo_dataset *data;
} bench;

static inline rondo_dataset *open_data(enum kind kind, int count)
{
    const bool per_step = kind == PER_STEP || kind == RAGGED_PER_STEP;
    const int64_t *rows = kind == RAGGED || kind == RAGGED_PER_STEP ? lengths : NULL;
    const rondo_array in = { x, RONDO_F32, { 3, { count, STEPS, FEATURES } }, rows };
    const rondo_array one = { label, RONDO_I32, { 1, { count } }, NULL };
    const rondo_array all = { step_label, RONDO_I32, { 2, { count, STEPS } }, rows };
    const rondo_batch b = { 1, 1, &in, per_step ? &all : &one, rows ? sample_weight : NULL };
    rondo_dataset *d;
    assert_int_equal(rondo_dataset_new(&d, &b), RONDO_OK);
    return d;
}

static inline bench open_bench(enum kind kind, const char *layers, int threads)
{
    bench b = { rondo_model_new(), open_data(kind, COUNT) };
    rondo_input(b.model, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    char **part; /* behind "|" come adapters of all weights */
    int n;
    assert_int_equal(text_split(&part, &n, layers, '|'), RONDO_OK);
    rondo_add_spec(b.model, part[0]);
    for (int i = 1; i < n; i++) rondo_adapt(b.model, "*", part[i]);
    text_list_free(part);
    if (rondo_compile(b.model, .loss = "sparse_categorical_crossentropy",
                      .metrics = "accuracy perplexity", .seed = 7, .threads = threads,
                      .compute = compute, .optimizer = how))
        fail_msg("%s", rondo_error());
    return b;
}

static inline int in_bf16(void **state)
{
    compute = "bf16";
    return set_up(state);
}

static inline void close_bench(bench *b)
{
    rondo_dataset_free(b->data);
    rondo_model_free(b->model);
}

static const char *last_layers = "lstm 6 dropout=0.2; dense 4 softmax";
static const char *step_layers = "gru 5 return_sequences dropout=0.2; dense 4 softmax";
static const char *adapted_layers = "lstm 5 learned_state return_sequences; dense 4 softmax | "
                                    "lora 2 dropout=0.2 | weight_drop 0.3";
static const char *stateful_layers = "lstm 5 return_sequences stateful; dense 4 softmax";

static inline void ok(rondo_status status)
{
    if (status) fail_msg("%s: %s", rondo_status_text(status), rondo_error());
}

static inline void same_weights(const bench *a, const bench *b)
{
    assert_int_equal(a->model->n_weights, b->model->n_weights);
    assert_memory_equal(a->model->weights, b->model->weights,
                        (size_t)a->model->n_weights * sizeof(real));
    const optimizer *p = &a->model->training->optimizer, *q = &b->model->training->optimizer;
    assert_int_equal(p->iterations, q->iterations);
    for (int i = 0; i < p->n_slots; i++)
        assert_memory_equal(p->slots[i], q->slots[i], (size_t)p->n * sizeof(real));
}

static const struct {
    enum kind kind;
    const char **layers;
    int64_t bptt;
} runs[] = {
    { WHOLE, &last_layers, 0 },
    { RAGGED, &last_layers, 0 },
    { RAGGED_PER_STEP, &step_layers, 0 },
    { PER_STEP, &step_layers, 4 },
    { RAGGED_PER_STEP, &step_layers, 4 },
    { PER_STEP, &stateful_layers, 0 },
    { RAGGED_PER_STEP, &adapted_layers, 4 },
};
enum { RUNS = sizeof runs / sizeof *runs };
#endif
