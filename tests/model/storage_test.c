/* Weights kept in bf16 and int8: near f32 for as long as a sequence lasts, the same for any number
 * of threads, only for inference, and gone without a trace. */
#include "model/models.h"
#include <math.h>

enum { STEPS = 100, BATCH = 9, FEATURES = 24, MOST = STEPS * BATCH * 64 };
static int64_t rows = BATCH;

static const char *const specs[] = {
    "lstm 64 return_sequences",
    "gru 48 return_sequences; gru 33 reset_after=false return_sequences",
    "simple_rnn 40 return_sequences; dense 5",
};
enum { SPECS = sizeof specs / sizeof *specs };

/* The weights as they are drawn: stirred ones make networks that are chaotic. */
static rondo_model *opened(const char *text)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    if (rondo_add_spec(m, text) || model_prepare(m, 3)) fail_msg("%s", rondo_error());
    return m;
}

static int64_t answer(rondo_model *m, const char *storage, real *y)
{
    real *x = models_draw(STEPS * BATCH * FEATURES, 8);
    const feed f = { .steps = STEPS, .batch = rows, .data = x };
    pass *p;
    if (rondo_set_weight_storage(m, storage)) fail_msg("%s", rondo_error());
    assert_string_equal(rondo_weight_storage(m), storage);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    models_run(p, &f);
    const int64_t n = value_size(pass_output(p, 0));
    assert_true(n <= MOST);
    memcpy(y, pass_output(p, 0)->data, (size_t)n * sizeof *y);
    pass_free(p);
    alloc_free(x);
    return n;
}

static void near_f32(void **state)
{
    static const struct {
        const char *storage;
        double limit;
    } kinds[] = { { "bf16", 0.02 }, { "int8", 0.03 } };
    static real exact[MOST], y[MOST];
    (void)state;
    for (int i = 0; i < SPECS; i++)
        for (int k = 0; k < 2; k++) {
            rondo_model *m = opened(specs[i]);
            double worst = 0;
            const int64_t n = answer(m, "f32", exact);
            answer(m, kinds[k].storage, y);
            for (int64_t j = 0; j < n; j++) worst = fmax(worst, fabs((double)(y[j] - exact[j])));
            if (!(worst > 0 && worst < kinds[k].limit))
                fail_msg("%s in %s is off by %g", specs[i], kinds[k].storage, worst);
            answer(m, "f32", y);
            models_same_bits("f32 again", y, exact, n);
            rondo_model_free(m);
        }
}

static void any_number_of_threads(void **state)
{
    static const char *const kinds[] = { "bf16", "int8" };
    static real alone[MOST], y[MOST];
    (void)state;
    for (int i = 0; i < SPECS; i++)
        for (int k = 0; k < 2; k++) {
            rondo_model *m = opened(specs[i]);
            const int64_t n = answer(m, kinds[k], alone);
            for (int threads = 2; threads < 4; threads++) {
                assert_int_equal(model_threads(m, threads), RONDO_OK);
                answer(m, kinds[k], y);
                models_same_bits(specs[i], y, alone, n);
            }
            rondo_model_free(m);
        }
}

/* One row is split by the columns of its products, at every step. */
static void helped_through_a_row(void **state)
{
    static const char *const kinds[] = { "f32", "bf16", "int8" };
    static const char *const wide[] = { "lstm 100 return_sequences",
                                        "gru 130 reset_after=false return_sequences" };
    static real alone[MOST], y[MOST];
    (void)state;
    rows = 1;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) {
            rondo_model *m = opened(wide[i]);
            assert_int_equal(model_threads(m, 1), RONDO_OK);
            const int64_t n = answer(m, kinds[k], alone);
            for (int threads = 2; threads < 5; threads++) {
                assert_int_equal(model_threads(m, threads), RONDO_OK);
                answer(m, kinds[k], y);
                models_same_bits(wide[i], y, alone, n);
            }
            rondo_model_free(m);
        }
    rows = BATCH;
}

static void before_there_are_weights(void **state)
{
    static real early[MOST], late[MOST];
    rondo_model *m = rondo_model_new(), *n = opened(specs[0]);
    (void)state;
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    assert_int_equal(rondo_add_spec(m, specs[0]), RONDO_OK);
    assert_int_equal(rondo_set_weight_storage(m, "int8"), RONDO_OK);
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    const int64_t values = answer(m, "int8", early);
    assert_int_equal(answer(n, "int8", late), values);
    models_same_bits("early and late", early, late, values);
    rondo_model_free(m);
    rondo_model_free(n);
}

/* A stream that is open meanwhile goes on with the weights as they are kept now. */
static void under_an_open_stream(void **state)
{
    rondo_model *m = opened("dense 30");
    rondo_stream *s;
    real *x = models_draw(FEATURES, 2), y[3][30];
    const rondo_array in = { x, RONDO_F32, { 2, { 1, FEATURES } }, NULL };
    static const char *const kinds[] = { "f32", "int8", "f32" };
    (void)state;
    assert_int_equal(rondo_stream_new(&s, m, 1), RONDO_OK);
    for (int i = 0; i < 3; i++) {
        rondo_array out = { y[i], RONDO_F32, { 2, { 1, 30 } }, NULL };
        assert_int_equal(rondo_set_weight_storage(m, kinds[i]), RONDO_OK);
        assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_OK);
    }
    assert_memory_equal(y[0], y[2], sizeof y[0]);
    assert_memory_not_equal(y[0], y[1], sizeof y[0]);
    rondo_stream_free(s);
    alloc_free(x);
    rondo_model_free(m);
}

static void names(void **state)
{
    rondo_model *m = opened("dense 2");
    (void)state;
    assert_int_equal(rondo_set_weight_storage(m, "int9"), RONDO_E_NAME);
    assert_string_equal(rondo_error(), "unknown weights \"int9\"; did you mean int8?");
    assert_int_equal(rondo_set_weight_storage(m, "quaternions"), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "f32, bf16 or int8"));
    assert_int_equal(rondo_set_weight_storage(m, NULL), RONDO_E_NAME);
    assert_int_equal(rondo_set_weight_storage(NULL, "int8"), RONDO_E_ARG);
    assert_string_equal(rondo_weight_storage(m), "f32");
    assert_null(rondo_weight_storage(NULL));
    rondo_model_free(m);
}

static void training_is_refused(void **state)
{
    rondo_model *m = opened("lstm 4; dense 1");
    real x[FEATURES] = { 1 }, y[1] = { 1 };
    const rondo_array in = { x, RONDO_F32, { 3, { 1, 1, FEATURES } }, NULL };
    const rondo_array target = { y, RONDO_F32, { 2, { 1, 1 } }, NULL };
    const rondo_batch batch = { 1, 1, &in, &target, NULL };
    double mean;
    (void)state;
    if (rondo_compile(m, .optimizer = "sgd", .loss = "mse")) fail_msg("%s", rondo_error());
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rondo_set_weight_storage(m, "bf16"), RONDO_OK);
        assert_int_equal(rondo_train_batch(m, &batch, &mean), RONDO_E_STATE);
        assert_non_null(strstr(rondo_error(), "kept in bf16"));
        assert_int_equal(rondo_gradients(m, &batch, &mean), RONDO_E_STATE);
        assert_int_equal(rondo_set_weight_storage(m, "f32"), RONDO_OK);
        assert_int_equal(rondo_train_batch(m, &batch, &mean), RONDO_OK);
    }
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_f32),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(helped_through_a_row),
        cmocka_unit_test(before_there_are_weights),
        cmocka_unit_test(under_an_open_stream),
        cmocka_unit_test(names),
        cmocka_unit_test(training_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
