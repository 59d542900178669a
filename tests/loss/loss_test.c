/* Losses: numbers from Keras' documentation, what they refuse, and how they are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "loss/loss.h"
#include <math.h>
#include <string.h>

/* The loss of outputs x against a truth. */
static double run(const char *text, const real *x, truth t, double valid)
{
    loss l;
    double scratch[64];
    assert_int_equal(loss_parse(&l, text), RONDO_OK);
    assert_int_equal(loss_check(&l, &t, t.width), RONDO_OK);
    assert_true(loss_scratch(t.rows) <= sizeof scratch);
    return loss_run(&l, &t, valid, NULL, NULL, x, scratch, NULL) / valid;
}

/* keras.io/api/losses, 3.x: the examples there, with three digits as printed. */
static void keras_examples(void **state)
{
    (void)state;
    const real one_hot[] = { 0, 1, 0, 0, 0, 1 }, p[] = { 0.05f, 0.95f, 0, 0.1f, 0.8f, 0.1f };
    const int32_t labels[] = { 1, 2 };
    const real w[] = { 0.3f, 0.7f };
    const char *cce = "categorical_crossentropy", *scce = "sparse_categorical_crossentropy";
    assert_float_equal(run(cce, p, (truth){ one_hot, NULL, NULL, 2, 3, 0 }, 2), 1.177, 5e-4);
    assert_float_equal(run(cce, p, (truth){ one_hot, NULL, w, 2, 3, 0 }, 2), 0.814, 5e-4);
    assert_float_equal(run(scce, p, (truth){ NULL, labels, NULL, 2, 3, 0 }, 2), 1.177, 5e-4);
    assert_float_equal(run(scce, p, (truth){ NULL, labels, w, 2, 3, 0 }, 2), 0.814, 5e-4);

    const real bits[] = { 0, 1, 0, 0 }, q[] = { 0.6f, 0.4f, 0.4f, 0.6f };
    const real first[] = { 1, 0 };
    const char *bce = "binary_crossentropy";
    assert_float_equal(run(bce, q, (truth){ bits, NULL, NULL, 2, 2, 0 }, 2), 0.815, 5e-4);
    assert_float_equal(run(bce, q, (truth){ bits, NULL, first, 2, 2, 0 }, 2), 0.458, 5e-4);
    assert_float_equal(run("huber", q, (truth){ bits, NULL, NULL, 2, 2, 0 }, 2), 0.155, 5e-4);
    assert_float_equal(run("huber", q, (truth){ bits, NULL, first, 2, 2, 0 }, 2), 0.09, 5e-4);

    const real y[] = { 1, 1, 1, 0 }, uneven[] = { 0.7f, 0.3f };
    const char *means[] = { "mse", "mae", "mean_squared_error", "mean_absolute_error" };
    for (int i = 0; i < 4; i++) {
        assert_float_equal(run(means[i], y, (truth){ bits, NULL, NULL, 2, 2, 0 }, 2), 0.5, 1e-6);
        assert_float_equal(run(means[i], y, (truth){ bits, NULL, uneven, 2, 2, 0 }, 2), 0.25, 1e-6);
    }
}

static void logits(void **state)
{
    (void)state;
    /* BinaryCrossentropy(from_logits=True), the same page. */
    const real bits[] = { 0, 1, 0, 0 }, x[] = { -18.6f, 0.51f, 2.94f, -12.8f };
    loss l;
    double scratch[16];
    real y[4], dx[4];
    truth t = { bits, NULL, NULL, 1, 4, 0 };
    assert_int_equal(loss_parse(&l, "binary_crossentropy"), RONDO_OK);
    l.fused = true;
    assert_float_equal(loss_run(&l, &t, 1, dx, y, x, scratch, NULL), 0.865, 5e-4);
    for (int i = 0; i < 4; i++) {
        const double p = 1 / (1 + exp(-(double)x[i]));
        assert_float_equal(y[i], p, 1e-6);
        assert_float_equal(dx[i], (p - (double)bits[i]) / 4, 1e-6);
    }
}

static void huber_delta(void **state)
{
    (void)state;
    const real target[] = { 0, 0 }, x[] = { 0.25f, -3 };
    const truth t = { target, NULL, NULL, 2, 1, 0 };
    const double half = (0.25 * 0.25 / 2 + 0.5 * (3 - 0.25)) / 2;
    const double one = (0.25 * 0.25 / 2 + 3 - 0.5) / 2;
    assert_float_equal(run("huber delta=0.5", x, t, 2), half, 1e-6);
    assert_float_equal(run("huber(0.5)", x, t, 2), half, 1e-6);
    assert_float_equal(run("huber(delta=0.5)", x, t, 2), half, 1e-6);
    assert_float_equal(run(" huber ", x, t, 2), one, 1e-6);
}

/* Of the truth a part is shared out among all classes: -Σ t' log p by hand. */
static void label_smoothing(void **state)
{
    (void)state;
    const real one_hot[] = { 0, 1, 0 }, p[] = { 0.05f, 0.85f, 0.1f }, yes[] = { 1 }, q[] = { 0.8f };
    const int32_t label = 1;
    const double whole = -log(0.85), parts = -(log(0.05) + log(0.85) + log(0.1)) / 3;
    const double mixed = 0.9 * whole + 0.1 * parts;
    const char *cce = "categorical_crossentropy label_smoothing=0.1";
    const char *scce = "sparse_categorical_crossentropy(label_smoothing=0.1)";
    const char *bce = "binary_crossentropy label_smoothing=0.1";
    assert_float_equal(run(cce, p, (truth){ one_hot, NULL, NULL, 1, 3, 0 }, 1), mixed, 1e-6);
    assert_float_equal(run(scce, p, (truth){ NULL, &label, NULL, 1, 3, 0 }, 1), mixed, 1e-6);
    assert_float_equal(run(bce, q, (truth){ yes, NULL, NULL, 1, 1, 0 }, 1),
                       -0.95 * log(0.8) - 0.05 * log(0.2), 1e-6);
}

/* A row without weight counts nowhere, whatever its numbers are. */
static void left_out_rows(void **state)
{
    (void)state;
    const real target[] = { 1, NAN, 3 }, x[] = { 2, NAN, 3 }, weight[] = { 1, 0, 1 };
    loss l;
    double scratch[16];
    real dx[3] = { 9, 9, 9 };
    const truth t = { target, NULL, weight, 3, 1, 0 };
    assert_int_equal(loss_parse(&l, "mse"), RONDO_OK);
    assert_int_equal(loss_check(&l, &t, 1), RONDO_OK);
    assert_float_equal(loss_run(&l, &t, 2, dx, NULL, x, scratch, NULL) / 2, 0.5, 1e-6);
    assert_float_equal(dx[0], 1, 1e-6);
    assert_true(dx[1] == 0);
    loss_run(&l, &t, 0, dx, NULL, x, scratch, NULL);
    assert_true(dx[0] == 0);
}

static void refuses(rondo_status code, const char *text, truth t, int64_t width, const char *says)
{
    loss l;
    assert_int_equal(loss_parse(&l, text), RONDO_OK);
    assert_int_equal(loss_check(&l, &t, width), code);
    if (!strstr(rondo_error(), says)) fail_msg("\"%s\" is not in: %s", says, rondo_error());
}

static void bad_truth(void **state)
{
    (void)state;
    const int32_t labels[] = { 0, 11, 3 }, negative[] = { 0, -1 };
    const real numbers[] = { 0, INFINITY };
    const char *scce = "sparse_categorical_crossentropy";
    refuses(RONDO_E_ARG, scce, (truth){ NULL, labels, NULL, 3, 10, 0 }, 10,
            "10 values per example");
    refuses(RONDO_E_ARG, scce, (truth){ NULL, labels, NULL, 3, 10, 0 }, 10, "up to 11");
    refuses(RONDO_E_ARG, scce, (truth){ NULL, negative, NULL, 2, 10, 0 }, 10, "label -1 of row 1");
    refuses(RONDO_E_SHAPE, scce, (truth){ numbers, NULL, NULL, 1, 2, 0 }, 2, "class labels");
    refuses(RONDO_E_SHAPE, "mse", (truth){ NULL, labels, NULL, 3, 2, 0 }, 2,
            "sparse_categorical_crossentropy");
    refuses(RONDO_E_SHAPE, "mse", (truth){ numbers, NULL, NULL, 1, 2, 0 }, 3, "targets of 2");
    refuses(RONDO_E_ARG, "mse", (truth){ numbers, NULL, NULL, 2, 1, 0 }, 1, "row 1");
}

static void bad_names(void **state)
{
    (void)state;
    loss l;
    assert_int_equal(loss_parse(&l, "mea"), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "mae"));
    assert_int_equal(loss_parse(&l, ""), RONDO_E_ARG);
    assert_int_equal(loss_parse(&l, "mse 3"), RONDO_E_ARG);
    assert_int_equal(loss_parse(&l, "huber delta=x"), RONDO_E_ARG);
    assert_int_equal(loss_parse(&l, "huber(-1)"), RONDO_E_ARG);
    assert_int_equal(loss_parse(&l, "binary_crossentropy label_smoothing=0"), RONDO_OK);
    assert_int_equal(loss_parse(&l, "binary_crossentropy label_smoothing=1"), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "from 0 to under 1"));
}

static void weighing(void **state)
{
    (void)state;
    const real sample[] = { 2, 3 };
    const int64_t lengths[] = { 3, 1 }, more[] = { 2, 3 };
    const uint8_t mask[] = { 1, 1, 0, 1, 1, 1 }; /* [3][2] */
    real w[6];
    assert_true(truth_weigh(w, sample, lengths, more, mask, 3, 2) == 2);
    const real expected[] = { 2, 3, 0, 0, 0, 0 };
    assert_memory_equal(w, expected, sizeof w);
    assert_true(truth_weigh(w, NULL, NULL, NULL, NULL, 3, 2) == 6);
    for (int i = 0; i < 6; i++) assert_true(w[i] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras_examples), cmocka_unit_test(logits),
        cmocka_unit_test(huber_delta),    cmocka_unit_test(label_smoothing),
        cmocka_unit_test(left_out_rows),  cmocka_unit_test(bad_truth),
        cmocka_unit_test(bad_names),      cmocka_unit_test(weighing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
