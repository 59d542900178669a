/* Fit as a whole: it learns, allocates nothing in its loop, and threads change no bit. */
#define _DEFAULT_SOURCE
#include "train/bench.h"
#include <pthread.h>

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

/* The first step of a model: the loss falls by rate·|gradient|² to first order, so the gradient
 * is the loss's. */
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

/* Products in bf16 lead close by, are gone with the next compile, and leave weights in f32. */
static void computes_in_bf16(void **state)
{
    (void)state;
    double score[3][3];
    bench f32 = open_bench(WHOLE, last_layers, 2);
    ok(rondo_fit(f32.model, f32.data, .epochs = 3, .batch_size = BATCH));
    compute = "bf16";
    bench bf16 = open_bench(WHOLE, last_layers, 2);
    compute = NULL;
    ok(rondo_fit(bf16.model, bf16.data, .epochs = 3, .batch_size = BATCH));
    double apart = 0;
    for (int64_t i = 0; i < f32.model->n_weights; i++)
        apart = fmax(apart, fabs((double)f32.model->weights[i] - (double)bf16.model->weights[i]));
    assert_true(apart > 0 && apart < 0.05);
    ok(rondo_evaluate(bf16.model, bf16.data, score[0], 3));
    memcpy(f32.model->weights, bf16.model->weights,
           (size_t)f32.model->n_weights * sizeof *f32.model->weights);
    model_weights_changed(f32.model);
    ok(rondo_evaluate(f32.model, f32.data, score[1], 3));
    ok(rondo_compile_with(bf16.model, NULL)); /* what is not said again is f32 */
    ok(rondo_evaluate(bf16.model, bf16.data, score[2], 3));
    assert_true(score[0][0] != score[1][0]);
    assert_float_equal(score[0][0], score[1][0], 0.01);
    assert_memory_equal(score[1], score[2], sizeof score[1]);
    assert_int_equal(rondo_compile(bf16.model, .compute = "bf17"), RONDO_E_NAME);
    assert_string_equal(rondo_error(), "unknown compute \"bf17\"; did you mean bf16?");
    assert_int_equal(rondo_compile(bf16.model, .compute = "fixed"), RONDO_E_NAME);
    assert_string_equal(rondo_error(), "compute can be f32 or bf16, not \"fixed\"");
    close_bench(&f32);
    close_bench(&bf16);
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

/* With a rate of 0, windows see what the whole sequence sees: the carried states make up for the
 * cuts. */
static void windows_carry_states(void **state)
{
    (void)state;
    for (int ragged = 0; ragged < 2; ragged++) {
        const enum kind kind = ragged ? RAGGED_PER_STEP : PER_STEP;
        double whole[3], windows[3];
        bench b = open_bench(kind,
                             "gru 5 return_sequences; lstm 4 return_sequences; dense 4 softmax", 1);
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
        const rondo_array in = {
            i < 2 ? part[i] : all, RONDO_F32, { 3, { ROWS, steps, FEATURES } }, NULL
        };
        const rondo_array out = {
            i < 2 ? part_label[i] : all_label, RONDO_I32, { 2, { ROWS, steps } }, NULL
        };
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
    ok(rondo_fit(b.model, b.data, .epochs = 3, .batch_size = COUNT, .callbacks = &c,
                 .n_callbacks = 1));
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

/* Many threads may read one model at once. */
static void *evaluate_bench(void *arg)
{
    const bench *b = arg;
    double *values = calloc(3, sizeof *values);
    return rondo_evaluate(b->model, b->data, values, 3) ? NULL : values;
}

static void readers_at_once(void **state)
{
    (void)state;
    bench b = open_bench(RAGGED, last_layers, 2);
    pthread_t threads[4];
    double expected[3];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, evaluate_bench, &b), 0);
    ok(rondo_evaluate(b.model, b.data, expected, 3));
    for (int i = 0; i < 4; i++) {
        void *values;
        pthread_join(threads[i], &values);
        assert_non_null(values);
        assert_memory_equal(values, expected, sizeof expected);
        free(values);
    }
    close_bench(&b);
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
    double values[2];
    const rondo_array in = { x, RONDO_F32, { 3, { 8, STEPS, FEATURES } }, lengths };
    const rondo_array out = { label, RONDO_I32, { 1, { 8 } }, NULL };
    const rondo_batch b = { 1, 1, &in, &out, sample_weight };
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_status status = rondo_add_spec(m, "lstm 2; dense 4 softmax");
    if (!status)
        status = rondo_compile(m, .loss = "sparse_categorical_crossentropy", .threads = 1,
                               .metrics = "accuracy");
    if (!status) status = rondo_dataset_new(&d, &b);
    if (!status) status = rondo_callback_parse(&c, "early_stopping restore_best_weights");
    if (!status)
        status = rondo_fit(m, d, .batch_size = 4, .validation = d, .callbacks = &c,
                           .n_callbacks = 1, .checkpoint = checkpoint);
    if (!status) status = rondo_evaluate(m, d, values, 2);
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

/* predict: the shape it says, the same rows alone or together, zeros after the end of a ragged
 * row. */
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
        const rondo_array row = {
            x + r * STEPS * FEATURES, RONDO_F32, { 3, { 1, lengths[r], FEATURES } }, NULL
        };
        const rondo_batch alone = { .n_inputs = 1, .inputs = &row };
        rondo_array single = { one, RONDO_F32, { 3, { 1, lengths[r], CLASSES } }, NULL };
        ok(rondo_predict(b.model, &alone, &single, 1));
        assert_memory_equal(one, y + r * STEPS * CLASSES,
                            (size_t)(lengths[r] * CLASSES) * sizeof(real));
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
        cmocka_unit_test(computes_in_bf16),
        cmocka_unit_test(allocates_nothing),
        cmocka_unit_test(windows_carry_states),
        cmocka_unit_test(stateful_batches),
        cmocka_unit_test(loss_is_nan),
        cmocka_unit_test(refuses),
        cmocka_unit_test(predicts),
        cmocka_unit_test(readers_at_once),
        cmocka_unit_test(out_of_memory),
    };
    const struct CMUnitTest bf16[] = {
        cmocka_unit_test(learns),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(allocates_nothing),
        cmocka_unit_test(stateful_batches),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) +
           cmocka_run_group_tests(bf16, in_bf16, tear_down);
}
