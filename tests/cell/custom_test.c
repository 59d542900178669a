/* A user's own activation and cell: by name in a model, trained, and equal to a plain loop in
 * double. */
#include "cell/custom_rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 5, STEPS = 7, FEATURES = 3, UNITS = 4 };

static const rondo_real *weight(const rondo_model *m, const char *name)
{
    rondo_array w;
    assert_int_equal(rondo_weight_get(m, name, &w), RONDO_OK);
    return w.data;
}

static void fill(float *x, int n, float seed)
{
    for (int i = 0; i < n; i++) x[i] = (float)sin((double)(seed + (float)i * 1.7f));
}

static void equals_a_plain_loop(void **state)
{
    float x[ROWS * STEPS * FEATURES], y[ROWS * STEPS * UNITS];
    (void)state;
    fill(x, ROWS * STEPS * FEATURES, 1);
    rondo_register_cell(&leaky);
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_add(m, rondo_rnn("leaky", UNITS, .return_sequences = true));
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, FEATURES), NULL };
    rondo_array out = { y, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, UNITS), NULL };
    assert_int_equal(rondo_compile(m, .loss = "mse", .seed = 4), RONDO_OK);
    assert_int_equal(rondo_predict(m, &(rondo_batch){ .n_inputs = 1, .inputs = &in }, &out, 1),
                     RONDO_OK);
    const rondo_real *w = weight(m, "leaky.kernel"), *u = weight(m, "leaky.recurrent_kernel");
    const rondo_real *b = weight(m, "leaky.bias");
    for (int r = 0; r < ROWS; r++) {
        double h[UNITS] = { 0 }, next[UNITS];
        for (int t = 0; t < STEPS; t++) {
            for (int j = 0; j < UNITS; j++) {
                double z = (double)b[j];
                for (int k = 0; k < FEATURES; k++)
                    z += (double)x[(r * STEPS + t) * FEATURES + k] * (double)w[k * UNITS + j];
                for (int k = 0; k < UNITS; k++) z += h[k] * (double)u[k * UNITS + j];
                next[j] = h[j] + (double)leak * (tanh(z) - h[j]);
                assert_true(fabs(next[j] - (double)y[(r * STEPS + t) * UNITS + j]) < 1e-5);
            }
            memcpy(h, next, sizeof h);
        }
    }
    rondo_model_free(m);
}

static void trains(void **state)
{
    float x[ROWS * STEPS * FEATURES], target[ROWS * STEPS * 2];
    double first, last;
    (void)state;
    fill(x, ROWS * STEPS * FEATURES, 2);
    fill(target, ROWS * STEPS * 2, 3);
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, FEATURES), NULL };
    const rondo_array want = { target, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, 2), NULL };
    const rondo_batch batch = { .n_inputs = 1, .n_targets = 1, .inputs = &in, .targets = &want };
    rondo_model *m = leaky_model();
    assert_int_equal(rondo_compile(m, .loss = "mse", .optimizer = "adam learning_rate=0.02"),
                     RONDO_OK);
    assert_int_equal(rondo_train_batch(m, &batch, &first), RONDO_OK);
    for (int i = 0; i < 100; i++) assert_int_equal(rondo_train_batch(m, &batch, &last), RONDO_OK);
    assert_true(last < 0.7 * first);
    rondo_model_free(m);
}

/* The double copy inside the single-precision library does not know the user's rows, and says so */
static void checked_in_the_double_build_only(void **state)
{
    float x[ROWS * STEPS * FEATURES] = { 0 }, target[ROWS * STEPS * 2] = { 0 };
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, FEATURES), NULL };
    const rondo_array want = { target, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, 2), NULL };
    const rondo_batch batch = { .n_inputs = 1, .n_targets = 1, .inputs = &in, .targets = &want };
    double worst;
    (void)state;
    rondo_model *m = leaky_model();
    assert_int_equal(rondo_compile(m, .loss = "mse"), RONDO_OK);
    assert_int_equal(rondo_check_gradients(m, &batch, &worst), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "in double precision: "));
    assert_non_null(strstr(rondo_error(), "leaky"));
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_plain_loop),
        cmocka_unit_test(trains),
        cmocka_unit_test(checked_in_the_double_build_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
