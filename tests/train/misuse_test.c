/* The public interface used wrongly or oddly: a sentence or the right numbers, never a crash. */
#include "model/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 5, STEPS = 6, FEATURES = 2 };
static float x[ROWS * STEPS * FEATURES], per_step[ROWS * STEPS], last[ROWS];

static const rondo_array sequences = { x, RONDO_F32, { 3, { ROWS, STEPS, FEATURES } }, NULL };
static const rondo_array targets = { last, RONDO_F32, { 2, { ROWS, 1 } }, NULL };

static rondo_model *built(const char *layers)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    assert_int_equal(rondo_add_spec(m, layers), RONDO_OK);
    return m;
}

static rondo_model *compiled(const char *layers)
{
    rondo_model *m = built(layers);
    assert_int_equal(rondo_compile(m, .loss = "mse", .seed = 3, .threads = 1), RONDO_OK);
    return m;
}

static rondo_dataset *dataset(const rondo_array *in, const rondo_array *target)
{
    rondo_dataset *d;
    const rondo_batch all = { 1, 1, in, target, NULL };
    assert_int_equal(rondo_dataset_new(&d, &all), RONDO_OK);
    return d;
}

static void nothing_given(void **state)
{
    double score;
    rondo_model *m = compiled("gru 2; dense 1");
    (void)state;
    assert_int_equal(rondo_evaluate(NULL, NULL, &score, 1), RONDO_E_ARG);
    assert_int_equal(rondo_evaluate(m, NULL, &score, 1), RONDO_E_ARG);
    assert_int_equal(rondo_fit(m, NULL, .epochs = 1), RONDO_E_ARG);
    assert_int_equal(rondo_fit(NULL, NULL, .epochs = 1), RONDO_E_ARG);
    rondo_model_free(m);
}

static void outputs_are_chosen_before_compile(void **state)
{
    rondo_model *m = compiled("gru 2; dense 1");
    (void)state;
    assert_int_equal(rondo_outputs(m, 1, (rondo_value[]){ { 1, 0 } }), RONDO_E_STATE);
    rondo_model_free(m);
}

static void a_layer_has_one_model(void **state)
{
    rondo_model *a = rondo_model_new(), *b = rondo_model_new();
    rondo_layer *l = rondo_layer_parse("dense 2");
    (void)state;
    rondo_input(a, RONDO_F32, RONDO_SHAPE(3));
    rondo_input(b, RONDO_F32, RONDO_SHAPE(3));
    rondo_add(a, l);
    rondo_add(b, l);
    assert_int_equal(model_status(a), RONDO_OK);
    assert_int_equal(model_status(b), RONDO_E_ARG);
    rondo_model_free(b);
    rondo_model_free(a);
}

static void names_without_dots(void **state)
{
    rondo_model *m = rondo_model_new();
    (void)state;
    rondo_input(m, RONDO_F32, RONDO_SHAPE(3));
    assert_int_equal(rondo_add_spec(m, "dense 2 name=a.b"), RONDO_E_ARG);
    rondo_model_free(m);
}

/* A batch larger than anything is the whole of the data. */
static void huge_batches(void **state)
{
    double a[1], b[1];
    rondo_model *m = compiled("gru 2; dense 1"), *n = compiled("gru 2; dense 1");
    rondo_dataset *d = dataset(&sequences, &targets);
    (void)state;
    assert_int_equal(rondo_fit(m, d, .epochs = 2, .batch_size = INT64_MAX, .validation = d),
                     RONDO_OK);
    assert_int_equal(rondo_fit(n, d, .epochs = 2, .batch_size = ROWS), RONDO_OK);
    assert_int_equal(rondo_evaluate(m, d, a, 1), RONDO_OK);
    assert_int_equal(rondo_evaluate(n, d, b, 1), RONDO_OK);
    assert_true(a[0] == b[0]);
    rondo_dataset_free(d);
    rondo_model_free(m);
    rondo_model_free(n);
}

/* Lengths on the inputs alone: targets are as long as the arrays, whatever a batch is cut to. */
static void lengths_of_inputs_alone(void **state)
{
    static const int64_t lengths[ROWS] = { 4, 2, 3, 6, 5 };
    rondo_array ragged = sequences, wide = { per_step, RONDO_F32, { 3, { ROWS, STEPS, 1 } }, NULL };
    rondo_array same = wide;
    double a[1], b[1];
    (void)state;
    ragged.lengths = same.lengths = lengths;
    rondo_model *m = compiled("gru 2 return_sequences; dense 1");
    rondo_dataset *d = dataset(&ragged, &wide), *e = dataset(&ragged, &same);
    assert_int_equal(rondo_evaluate(m, d, a, 1), RONDO_OK);
    assert_int_equal(rondo_evaluate(m, e, b, 1), RONDO_OK);
    assert_true(a[0] == b[0]);
    assert_int_equal(rondo_fit(m, d, .epochs = 2, .batch_size = 2), RONDO_OK);
    assert_int_equal(rondo_fit(m, d, .epochs = 2, .batch_size = 2, .bptt = 2), RONDO_OK);
    rondo_dataset_free(d);
    rondo_dataset_free(e);
    rondo_model_free(m);
}

/* An initial state that is given would be given again at every window. */
static void no_pieces_of_time(void **state)
{
    rondo_stream *s;
    rondo_model *m = rondo_model_new();
    const rondo_value in[] = { rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES)),
                               rondo_input(m, RONDO_F32, RONDO_SHAPE(2)) };
    (void)state;
    rondo_apply(m, rondo_gru(2), 2, in);
    assert_int_equal(model_can_stream(m), RONDO_E_ARG);
    assert_int_equal(rondo_stream_new(&s, m, 1), RONDO_E_ARG);
    rondo_model_free(m);
}

/* A mask reaches the sum only when every part has one, in whatever order they come. */
static void masks_of_sums(void **state)
{
    static float y[2][ROWS];
    (void)state;
    for (int order = 0; order < 2; order++) {
        rondo_model *m = rondo_model_new();
        const rondo_value in = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
        const rondo_value masked = rondo_apply(m, rondo_layer_parse("masking"), 1, &in);
        const rondo_value plain = rondo_apply(m, rondo_layer_parse("activation linear"), 1, &in);
        const rondo_value parts[] = { order ? masked : plain, order ? plain : masked };
        rondo_apply(m, rondo_layer_parse("add"), 2, parts);
        rondo_add(m, rondo_gru(1));
        const rondo_batch all = { 1, 0, &sequences, NULL, NULL };
        rondo_array out = { y[order], RONDO_F32, { 2, { ROWS, 1 } }, NULL };
        assert_int_equal(rondo_predict(m, &all, &out, 1), RONDO_OK);
        rondo_model_free(m);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

/* rondo_predict carries the states of stateful layers over the very batches that rondo_evaluate has. */
static void stateful_predictions(void **state)
{
    enum { MANY = 96 };
    static float long_x[MANY * STEPS * FEATURES], y[MANY], t[MANY];
    const rondo_array in = { long_x, RONDO_F32, { 3, { MANY, STEPS, FEATURES } }, NULL };
    const rondo_array to = { t, RONDO_F32, { 2, { MANY, 1 } }, NULL };
    rondo_array out = { y, RONDO_F32, { 2, { MANY, 1 } }, NULL };
    double score[1], sum = 0;
    rng r = rng_new(5, rng_stream(RNG_DATA, 1));
    (void)state;
    for (int i = 0; i < MANY * STEPS * FEATURES; i++) long_x[i] = (float)rng_normal(&r);
    rondo_model *m = compiled("gru 3 stateful; dense 1");
    rondo_dataset *d = dataset(&in, &to);
    const rondo_batch all = { 1, 0, &in, NULL, NULL };
    assert_int_equal(rondo_predict(m, &all, &out, 1), RONDO_OK);
    assert_int_equal(rondo_evaluate(m, d, score, 1), RONDO_OK);
    for (int i = 0; i < MANY; i++) sum += (double)y[i] * (double)y[i] / MANY;
    assert_true(fabs(sum - score[0]) < 1e-6 * sum);
    rondo_dataset_free(d);
    rondo_model_free(m);
}

/* What comes while the last epoch ends does not stop the next fit. */
static rondo_status interrupt_at_end(rondo_event e, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    if (e == RONDO_FIT_END) rondo_interrupt();
    return RONDO_OK;
}

static void late_interrupt(void **state)
{
    const rondo_callback late = { .on = interrupt_at_end };
    rondo_model *m = compiled("gru 2; dense 1");
    rondo_dataset *d = dataset(&sequences, &targets);
    (void)state;
    assert_int_equal(rondo_fit(m, d, .epochs = 1, .callbacks = &late, .n_callbacks = 1), RONDO_OK);
    assert_int_equal(rondo_fit(m, d, .epochs = 1), RONDO_OK);
    rondo_dataset_free(d);
    rondo_model_free(m);
}

static int setup(void **state)
{
    rng r = rng_new(1, rng_stream(RNG_DATA, 0));
    (void)state;
    for (int i = 0; i < ROWS * STEPS * FEATURES; i++) x[i] = (float)rng_normal(&r);
    for (int i = 0; i < ROWS * STEPS; i++) per_step[i] = (float)rng_uniform(&r);
    for (int i = 0; i < ROWS; i++) last[i] = (float)rng_uniform(&r);
    for (int f = 0; f < FEATURES; f++) x[(1 * STEPS + 5) * FEATURES + f] = 0; /* one masked step */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(outputs_are_chosen_before_compile),
        cmocka_unit_test(a_layer_has_one_model),
        cmocka_unit_test(names_without_dots),
        cmocka_unit_test(huge_batches),
        cmocka_unit_test(lengths_of_inputs_alone),
        cmocka_unit_test(no_pieces_of_time),
        cmocka_unit_test(masks_of_sums),
        cmocka_unit_test(stateful_predictions),
        cmocka_unit_test(late_interrupt),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
