/* A user's own activation and cell under the gradient check, through the public interface. */
#include "cell/custom_rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>

enum { ROWS = 3, STEPS = 4, FEATURES = 3 };

/* As the cell, with a gradient that forgets a factor. */
static void careless_backward(const rondo_step *s)
{
    for (int64_t i = 0; i < s->rows * s->units; i++) {
        const rondo_real f = s->saved[i], dh = s->dnext[0][i];
        s->dxp[i] = s->dhp[i] = dh * leak * (1 - f * f);
        s->dstate[0][i] += dh;
    }
}

static double worst_of(rondo_model *m)
{
    double x[ROWS * STEPS * FEATURES], target[ROWS * STEPS * 2], worst = HUGE_VAL;
    const int64_t lengths[ROWS] = { 4, 0, 2 };
    for (int i = 0; i < ROWS * STEPS * FEATURES; i++) x[i] = sin(1 + i * 1.7);
    for (int i = 0; i < ROWS * STEPS * 2; i++) target[i] = sin(2 + i * 1.3);
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, FEATURES), lengths };
    const rondo_array want = { target, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, 2), lengths };
    const rondo_batch batch = { .n_inputs = 1, .n_targets = 1, .inputs = &in, .targets = &want };
    assert_int_equal(rondo_compile(m, .loss = "mse", .seed = 1), RONDO_OK);
    if (rondo_check_gradients(m, &batch, &worst)) fail_msg("%s", rondo_error());
    rondo_model_free(m);
    return worst;
}

static void gradients_agree(void **state)
{
    (void)state;
    assert_true(worst_of(leaky_model()) < 1e-6);
}

static void a_mistake_is_seen(void **state)
{
    static rondo_cell careless;
    (void)state;
    careless = leaky;
    careless.name = "careless";
    careless.step_backward = careless_backward;
    assert_int_equal(rondo_register_cell(&careless), RONDO_OK);
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_add(m, rondo_rnn("careless", 2, .return_sequences = true));
    assert_true(worst_of(m) > 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_agree),
        cmocka_unit_test(a_mistake_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
