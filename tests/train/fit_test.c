/* Fit as a whole: it learns, resumes exactly, allocates nothing in its loop, and threads change no bit. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "train/train.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 70, STEPS = 9, FEATURES = 3, CLASSES = 4, BATCH = 16, BATCHES = 5 };

static real x[COUNT * STEPS * FEATURES];
static int32_t label[COUNT], step_label[COUNT * STEPS];
static int64_t lengths[COUNT];
static float sample_weight[COUNT];
static char folder[256], checkpoint[300], log_path[300];

static int set_up(void **state)
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
                x[(i * STEPS + t) * FEATURES + k] =
                    (real)(0.3 * rng_normal(&r) + (k == label[i] || k == step_label[i * STEPS + t]));
        }
    }
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rondo_fit_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(checkpoint, sizeof checkpoint, "%s/last.safetensors", folder);
    snprintf(log_path, sizeof log_path, "%s/log.csv", folder);
    return 0;
}

static int tear_down(void **state)
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

static rondo_dataset *open_data(enum kind kind, int count)
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

static bench open_bench(enum kind kind, const char *layers, int threads)
{
    bench b = { rondo_model_new(), open_data(kind, COUNT) };
    rondo_input(b.model, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_add_spec(b.model, layers);
    if (rondo_compile(b.model, .loss = "sparse_categorical_crossentropy",
                      .metrics = "accuracy perplexity", .seed = 7, .threads = threads,
                      .optimizer = "adam learning_rate=0.01 clipnorm=1 "
                                   "schedule='exponential decay_steps=20 decay_rate=0.9'"))
        fail_msg("%s", rondo_error());
    return b;
}

static void close_bench(bench *b)
{
    rondo_dataset_free(b->data);
    rondo_model_free(b->model);
}

static const char *last_layers = "lstm 6 dropout=0.2; dense 4 softmax";
static const char *step_layers = "gru 5 return_sequences dropout=0.2; dense 4 softmax";
static const char *stateful_layers = "lstm 5 return_sequences stateful; dense 4 softmax";

static void ok(rondo_status status)
{
    if (status) fail_msg("%s: %s", rondo_status_text(status), rondo_error());
}

static void same_weights(const bench *a, const bench *b)
{
    assert_int_equal(a->model->n_weights, b->model->n_weights);
    assert_memory_equal(a->model->weights, b->model->weights,
                        (size_t)a->model->n_weights * sizeof(real));
    const optimizer *p = &a->model->training->optimizer, *q = &b->model->training->optimizer;
    assert_int_equal(p->iterations, q->iterations);
    for (int i = 0; i < p->n_slots; i++)
        assert_memory_equal(p->slots[i], q->slots[i], (size_t)p->n * sizeof(real));
}

/* ---- Tests ---- */
static void learns(void **state)
{
    (void)state;
    bench b = open_bench(WHOLE, "simple_rnn 12; dense 4 softmax", 2);
    double before[3], after[3];
    ok(rondo_evaluate(b.model, b.data, before, 3));
    ok(rondo_fit(b.model, b.data, .epochs = 60, .batch_size = BATCH));
    ok(rondo_evaluate(b.model, b.data, after, 3));
    assert_true(after[0] < 0.5 * before[0] && after[1] > 0.9);
    assert_float_equal(after[2], exp(after[0]), 1e-4);
    close_bench(&b);
}

/* The first step of a model: the loss falls by rate·|gradient|² to first order, so the gradient is the loss's. */
static void follows_its_gradient(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    ok(rondo_add_spec(m, "gru 6; dense 4 softmax"));
    ok(rondo_compile(m, .loss = "sparse_categorical_crossentropy", .threads = 1,
                     .optimizer = "sgd learning_rate=0.01"));
    const rondo_array in = { x, RONDO_F32, { 3, { COUNT, STEPS, FEATURES } }, lengths };
    const rondo_array out = { label, RONDO_I32, { 1, { COUNT } }, NULL };
    const rondo_batch all = { 1, 1, &in, &out, sample_weight };
    double before, same, after;
    ok(rondo_gradients(m, &all, &before));
    const double squares = kernel_table()->sum_squares(m->gradients, m->n_weights);
    ok(rondo_train_batch(m, &all, &same));
    ok(rondo_gradients(m, &all, &after));
    assert_float_equal(before, same, 1e-6);
    assert_float_equal((before - after) / (0.01 * squares), 1, 0.02);
    rondo_model_free(m);
}

static const struct {
    enum kind kind;
    const char **layers;
    int64_t bptt;
} runs[] = {
    { WHOLE, &last_layers, 0 },           { RAGGED, &last_layers, 0 },
    { RAGGED_PER_STEP, &step_layers, 0 }, { PER_STEP, &step_layers, 4 },
    { RAGGED_PER_STEP, &step_layers, 4 }, { PER_STEP, &stateful_layers, 0 },
};
enum { RUNS = sizeof runs / sizeof *runs };

static void threads_change_nothing(void **state)
{
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        bench one = open_bench(runs[k].kind, *runs[k].layers, 1);
        ok(rondo_fit(one.model, one.data, .epochs = 2, .batch_size = BATCH, .bptt = runs[k].bptt));
        for (int n = 2; n <= 4; n += 2) {
            bench b = open_bench(runs[k].kind, *runs[k].layers, n);
            ok(rondo_fit(b.model, b.data, .epochs = 2, .batch_size = BATCH, .bptt = runs[k].bptt));
            same_weights(&one, &b);
            close_bench(&b);
        }
        close_bench(&one);
    }
}

/* ---- Resuming ---- */
static int64_t countdown; /* batches until it interrupts */

static rondo_status interrupt(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    if (event == RONDO_BATCH_END && --countdown == 0) rondo_interrupt();
    return RONDO_OK;
}

static rondo_status fit_all(bench *b, int64_t bptt, const char *path, int64_t epochs)
{
    rondo_callback c[4] = { { .on = interrupt } };
    char text[400];
    rondo_dataset *validation = open_data(WHOLE, 20);
    if (b->model->nodes[b->model->n_nodes - 1].out[0].sequence) {
        rondo_dataset_free(validation);
        validation = open_data(PER_STEP, 20);
    }
    snprintf(text, sizeof text, "csv_logger path=%s", log_path);
    ok(rondo_callback_parse(&c[1], text));
    ok(rondo_callback_parse(&c[2], "reduce_lr_on_plateau patience=1 monitor=loss min_delta=0.1"));
    ok(rondo_callback_parse(&c[3], "early_stopping patience=50 restore_best_weights"));
    const rondo_status status =
        rondo_fit(b->model, b->data, .epochs = epochs, .batch_size = BATCH, .bptt = bptt,
                  .validation = validation, .callbacks = c, .n_callbacks = 4, .checkpoint = path);
    for (int i = 1; i < 4; i++) rondo_callback_free(&c[i]);
    rondo_dataset_free(validation);
    return status;
}

static char *read_log(void)
{
    file_map map;
    ok(file_map_open(&map, log_path));
    char *text = calloc(1, map.size + 1);
    memcpy(text, map.data, map.size);
    file_map_close(&map);
    return text;
}

/* Stopped after any batch, and twice: the same bits in the end, the same log. */
static void resumes_exactly(void **state)
{
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        bench whole = open_bench(runs[k].kind, *runs[k].layers, 1);
        countdown = 0;
        ok(fit_all(&whole, runs[k].bptt, NULL, 3));
        char *log = read_log();
        for (int at = 1; at < 3 * BATCHES; at += k ? 4 : 1) {
            remove(checkpoint);
            countdown = at;
            rondo_status status = RONDO_E_STOPPED;
            for (int part = 0; part < 4 && status == RONDO_E_STOPPED; part++) {
                bench b = open_bench(runs[k].kind, *runs[k].layers, 2);
                status = fit_all(&b, runs[k].bptt, checkpoint, 3);
                if (part == 0) {
                    assert_int_equal(status, RONDO_E_STOPPED);
                    countdown = 2; /* and once more */
                }
                if (!status) same_weights(&whole, &b);
                close_bench(&b);
            }
            ok(status);
            countdown = 0;
            char *resumed = read_log();
            assert_string_equal(log, resumed);
            free(resumed);
        }
        free(log);
        close_bench(&whole);
    }
    remove(checkpoint);
}

static int events[4];

static rondo_status count_events(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    events[event]++;
    return RONDO_OK;
}

static void finished_runs(void **state)
{
    (void)state;
    const rondo_callback c = { .on = count_events };
    bench whole = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(whole.model, whole.data, .epochs = 4, .batch_size = BATCH));
    remove(checkpoint);
    for (int part = 0; part < 3; part++) { /* 2 epochs; again the same; epochs raised to 4 */
        static const int expected[3][4] = { { 1, 2 * BATCHES, 2, 1 }, { 1, 0, 0, 1 },
                                            { 1, 2 * BATCHES, 2, 1 } };
        bench b = open_bench(WHOLE, last_layers, 1);
        memset(events, 0, sizeof events);
        ok(rondo_fit(b.model, b.data, .epochs = part < 2 ? 2 : 4, .batch_size = BATCH,
                     .checkpoint = checkpoint, .callbacks = &c, .n_callbacks = 1));
        assert_memory_equal(events, expected[part], sizeof events);
        if (part == 2) same_weights(&whole, &b);
        close_bench(&b);
    }
    /* The checkpoint is a model as well. */
    rondo_model *loaded;
    ok(rondo_load(&loaded, checkpoint));
    ok(rondo_compile_with(loaded, NULL));
    double a[3], b[3];
    ok(rondo_evaluate(whole.model, whole.data, a, 3));
    ok(rondo_evaluate(loaded, whole.data, b, 3));
    assert_memory_equal(a, b, sizeof a);
    rondo_model_free(loaded);
    close_bench(&whole);
    remove(checkpoint);
}

static void other_runs(void **state)
{
    (void)state;
    bench b = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(b.model, b.data, .batch_size = BATCH, .checkpoint = checkpoint, .identity = "a"));
    static const struct {
        const char *layers, *identity, *says;
        int64_t batch_size;
        bool no_shuffle;
    } cases[] = {
        { "lstm 7; dense 4 softmax", "a", "model", BATCH, false },
        { NULL, "a", "batch size was 16, now it is 17", BATCH + 1, false },
        { NULL, "b", "identity was a, now it is b", BATCH, false },
        { NULL, "a", "shuffling", BATCH, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench other = open_bench(WHOLE, cases[i].layers ? cases[i].layers : last_layers, 1);
        assert_int_equal(rondo_fit(other.model, other.data, .epochs = 2,
                                   .batch_size = cases[i].batch_size, .checkpoint = checkpoint,
                                   .identity = cases[i].identity,
                                   .no_shuffle = cases[i].no_shuffle),
                         RONDO_E_MISMATCH);
        if (!strstr(rondo_error(), cases[i].says))
            fail_msg("\"%s\" is not in: %s", cases[i].says, rondo_error());
        close_bench(&other);
    }
    close_bench(&b);
    remove(checkpoint);
}

/* ---- No allocation in the loop ---- */
static void *(*system_alloc)(void *, size_t);
static int64_t allocations, first_allocations, loop_allocations;

static void *count_allocations(void *p, size_t n)
{
    allocations++;
    return system_alloc(p, n);
}

/* Counts from the end of the first batch or, with validation, of the first epoch. */
static rondo_status watch_allocations(rondo_event event, rondo_model *m, rondo_progress *p,
                                      void *user)
{
    (void)m;
    const rondo_event from = *(const bool *)user ? RONDO_EPOCH_END : RONDO_BATCH_END;
    if (event == from && !first_allocations) first_allocations = allocations;
    if (event == RONDO_EPOCH_END && p->epoch == 3)
        loop_allocations = allocations - first_allocations;
    return RONDO_OK;
}

static void allocates_nothing(void **state)
{
    (void)state;
    for (int k = 0; k < 2 * RUNS; k++) {
        const int i = k / 2;
        bool validated = k % 2;
        bench b = open_bench(runs[i].kind, *runs[i].layers, 2);
        const rondo_callback c = { .on = watch_allocations, .user = &validated };
        system_alloc = alloc_hook;
        alloc_hook = count_allocations;
        allocations = first_allocations = 0;
        loop_allocations = -1;
        rondo_fit_options o = { .size = sizeof o, .epochs = 4, .batch_size = BATCH };
        o.bptt = runs[i].bptt;
        o.validation = validated ? b.data : NULL;
        o.callbacks = &c;
        o.n_callbacks = 1;
        const rondo_status status = rondo_fit_with(b.model, b.data, &o);
        alloc_hook = system_alloc;
        ok(status);
        assert_true(first_allocations > 0);
        assert_int_equal(loop_allocations, 0);
        close_bench(&b);
    }
}

/* ---- Truncated backpropagation ---- */

/* With a rate of 0, windows see what the whole sequence sees: the carried states make up for the cuts. */
static void windows_carry_states(void **state)
{
    (void)state;
    for (int ragged = 0; ragged < 2; ragged++) {
        const enum kind kind = ragged ? RAGGED_PER_STEP : PER_STEP;
        double whole[3], windows[3];
        bench b = open_bench(kind, "gru 5 return_sequences; lstm 4 return_sequences; dense 4 softmax", 1);
        ok(rondo_set_learning_rate(b.model, 0));
        ok(rondo_evaluate(b.model, b.data, whole, 3));
        ok(rondo_fit(b.model, b.data, .batch_size = BATCH, .bptt = 4));
        scores_result(&b.model->training->scores, windows);
        assert_float_equal(windows[1], whole[1], 1e-9);
        assert_float_equal(windows[2], whole[2], 1e-5);
        close_bench(&b);
    }
}

/* Stateful: two batches of half the time give what one of all of it gives. */
static void stateful_batches(void **state)
{
    (void)state;
    bench b = open_bench(PER_STEP, stateful_layers, 1);
    ok(rondo_set_learning_rate(b.model, 0));
    enum { ROWS = 4, HALF = 4 };
    static real part[2][ROWS * HALF * FEATURES], all[ROWS * 2 * HALF * FEATURES];
    static int32_t part_label[2][ROWS * HALF], all_label[ROWS * 2 * HALF];
    for (int r = 0; r < ROWS; r++)
        for (int t = 0; t < 2 * HALF; t++) {
            const int at = r * HALF + t % HALF, from = r * STEPS + t, to = r * 2 * HALF + t;
            memcpy(part[t / HALF] + at * FEATURES, x + from * FEATURES, FEATURES * sizeof(real));
            memcpy(all + to * FEATURES, x + from * FEATURES, FEATURES * sizeof(real));
            part_label[t / HALF][at] = all_label[to] = step_label[from];
        }
    double half[2], whole;
    for (int i = 0; i < 3; i++) {
        if (i == 2) ok(rondo_reset_states(b.model));
        const int64_t steps = i < 2 ? HALF : 2 * HALF;
        const rondo_array in = { i < 2 ? part[i] : all, RONDO_F32, { 3, { ROWS, steps, FEATURES } },
                                 NULL };
        const rondo_array out = { i < 2 ? part_label[i] : all_label, RONDO_I32,
                                  { 2, { ROWS, steps } }, NULL };
        const rondo_batch one = { 1, 1, &in, &out, NULL };
        ok(rondo_train_batch(b.model, &one, i < 2 ? &half[i] : &whole));
    }
    assert_float_equal((half[0] + half[1]) / 2, whole, 1e-6);
    close_bench(&b);
}

/* ---- When things go wrong ---- */
static void loss_is_nan(void **state)
{
    (void)state;
    bench b = open_bench(WHOLE, "simple_rnn 4 relu; dense 4 softmax", 1);
    ok(rondo_fit(b.model, b.data, .batch_size = BATCH));
    const real kept = x[0];
    x[0] = NAN;
    assert_int_equal(rondo_fit(b.model, b.data, .batch_size = COUNT), RONDO_E_NAN);
    assert_non_null(strstr(rondo_error(), "epoch 1, batch 1"));
    assert_true(kernel_table()->all_finite(b.model->weights, b.model->n_weights));
    rondo_callback c;
    ok(rondo_callback_parse(&c, "terminate_on_nan"));
    ok(rondo_fit(b.model, b.data, .epochs = 3, .batch_size = COUNT, .callbacks = &c, .n_callbacks = 1));
    rondo_callback_free(&c);
    x[0] = kept;
    close_bench(&b);
}

static void refuses(void **state)
{
    (void)state;
    bench b = open_bench(WHOLE, last_layers, 1);
    rondo_dataset *steps = open_data(PER_STEP, COUNT);
    assert_int_equal(rondo_fit(b.model, steps, .epochs = 1), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "return_sequences"));
    assert_int_equal(rondo_fit(b.model, b.data, .epochs = -1), RONDO_E_ARG);
    assert_int_equal(rondo_fit(b.model, b.data, .bptt = 3), RONDO_E_ARG);
    label[2] = 11;
    assert_int_equal(rondo_fit(b.model, b.data, .epochs = 1), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "labels up to 11"));
    label[2] = 2;
    rondo_dataset_free(steps);
    close_bench(&b);

    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 2));
    ok(rondo_add_spec(m, "lstm 3; dense 1"));
    assert_int_equal(rondo_compile(m, .optimizer = "adam"), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "loss"));
    b.data = open_data(WHOLE, COUNT);
    assert_int_equal(rondo_fit(m, b.data, .epochs = 1), RONDO_E_STATE);
    ok(rondo_compile(m, .loss = "mse"));
    assert_int_equal(rondo_fit(m, b.data, .epochs = 1), RONDO_E_SHAPE);
    rondo_dataset_free(b.data);
    rondo_model_free(m);
}

/* Memory that runs out at any allocation: a status, no crash, and (under ASan) no leak. */
static int64_t allocations_left;

static void *fail_allocation(void *p, size_t n)
{
    return n && allocations_left-- <= 0 ? NULL : system_alloc(p, n);
}

static rondo_status whole_life(void)
{
    rondo_model *m = rondo_model_new();
    if (!m) return RONDO_E_NOMEM;
    rondo_callback c = { 0 };
    rondo_dataset *d = NULL;
    double scores[2];
    const rondo_array in = { x, RONDO_F32, { 3, { 8, STEPS, FEATURES } }, lengths };
    const rondo_array out = { label, RONDO_I32, { 1, { 8 } }, NULL };
    const rondo_batch b = { 1, 1, &in, &out, sample_weight };
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_status status = rondo_add_spec(m, "lstm 2; dense 4 softmax");
    if (!status) status = rondo_compile(m, .loss = "sparse_categorical_crossentropy", .threads = 1,
                                        .metrics = "accuracy");
    if (!status) status = rondo_dataset_new(&d, &b);
    if (!status) status = rondo_callback_parse(&c, "early_stopping restore_best_weights");
    if (!status) status = rondo_fit(m, d, .batch_size = 4, .validation = d, .callbacks = &c,
                                    .n_callbacks = 1, .checkpoint = checkpoint);
    if (!status) status = rondo_evaluate(m, d, scores, 2);
    rondo_callback_free(&c);
    if (d) rondo_dataset_free(d);
    rondo_model_free(m);
    remove(checkpoint);
    return status;
}

static void out_of_memory(void **state)
{
    (void)state;
    ok(whole_life());
    system_alloc = alloc_hook;
    rondo_status status = RONDO_E_NOMEM;
    int64_t at = 0;
    for (; status == RONDO_E_NOMEM && at < 10000; at++) {
        allocations_left = at;
        alloc_hook = fail_allocation;
        status = whole_life();
        alloc_hook = system_alloc;
    }
    if (status) fail_msg("allocation %lld: %s", (long long)at, rondo_error());
    assert_true(at > 50);
}

/* predict: the shape it says, the same rows alone or together, zeros after the end of a ragged row. */
static void predicts(void **state)
{
    (void)state;
    bench b = open_bench(PER_STEP, "gru 5 return_sequences; dense 4 softmax", 2);
    const rondo_array in = { x, RONDO_F32, { 3, { COUNT, STEPS, FEATURES } }, lengths };
    const rondo_batch all = { .n_inputs = 1, .inputs = &in };
    rondo_shape shape;
    ok(rondo_predict_shape(b.model, &all, 0, &shape));
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dim[0] * shape.dim[1] * shape.dim[2], COUNT * STEPS * CLASSES);
    static real y[COUNT * STEPS * CLASSES], one[STEPS * CLASSES];
    rondo_array out = { y, RONDO_F32, shape, NULL };
    ok(rondo_predict(b.model, &all, &out, 1));
    for (int r = 0; r < COUNT; r += 7) {
        const rondo_array row = { x + r * STEPS * FEATURES, RONDO_F32,
                                  { 3, { 1, lengths[r], FEATURES } }, NULL };
        const rondo_batch alone = { .n_inputs = 1, .inputs = &row };
        rondo_array single = { one, RONDO_F32, { 3, { 1, lengths[r], CLASSES } }, NULL };
        ok(rondo_predict(b.model, &alone, &single, 1));
        assert_memory_equal(one, y + r * STEPS * CLASSES, (size_t)(lengths[r] * CLASSES) * sizeof(real));
        for (int64_t i = lengths[r] * CLASSES; i < STEPS * CLASSES; i++)
            assert_true(y[r * STEPS * CLASSES + i] == 0);
    }
    out.shape.dim[1]--;
    assert_int_equal(rondo_predict(b.model, &all, &out, 1), RONDO_E_SHAPE);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(follows_its_gradient),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(resumes_exactly),
        cmocka_unit_test(finished_runs),
        cmocka_unit_test(other_runs),
        cmocka_unit_test(allocates_nothing),
        cmocka_unit_test(windows_carry_states),
        cmocka_unit_test(stateful_batches),
        cmocka_unit_test(loss_is_nan),
        cmocka_unit_test(refuses),
        cmocka_unit_test(predicts),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
