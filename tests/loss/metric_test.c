/* Metrics: numbers from the documentation of Keras and scikit-learn; batches add up; every row
 * of the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "loss/loss.h"
#include <math.h>
#include <string.h>

static const char *const mse = "mse", *const bce = "binary_crossentropy",
                         *const cce = "categorical_crossentropy",
                         *const scce = "sparse_categorical_crossentropy";

static double score(const char *name, const char *loss_name, const real *y, truth t)
{
    loss l;
    metric m;
    assert_int_equal(loss_parse(&l, loss_name), RONDO_OK);
    assert_int_equal(metric_parse(&m, name, &l, t.width), RONDO_OK);
    metric_update(&m, y, &t, 0, 0);
    const double found = metric_result(&m);
    metric_free(&m);
    return found;
}

/* keras.io/api/metrics, 3.x: the examples there. */
static void keras_examples(void **state)
{
    (void)state;
    const real b[] = { 1, 1, 0, 0 }, p[] = { 0.98f, 1, 0, 0.6f }, outer[] = { 1, 0, 0, 1 };
    assert_float_equal(score("accuracy", bce, p, (truth){ b, NULL, NULL, 4, 1, 0 }), 0.75, 1e-6);
    assert_float_equal(score("acc", bce, p, (truth){ b, NULL, outer, 4, 1, 0 }), 0.5, 1e-6);

    const real one_hot[] = { 0, 0, 1, 0, 1, 0 }, q[] = { 0.1f, 0.9f, 0.8f, 0.05f, 0.95f, 0 };
    const int32_t labels[] = { 2, 1 };
    const real w[] = { 0.7f, 0.3f };
    assert_float_equal(score("accuracy", cce, q, (truth){ one_hot, NULL, NULL, 2, 3, 0 }), 0.5,
                       1e-6);
    assert_float_equal(score("accuracy", cce, q, (truth){ one_hot, NULL, w, 2, 3, 0 }), 0.3, 1e-6);
    assert_float_equal(score("accuracy", scce, q, (truth){ NULL, labels, NULL, 2, 3, 0 }), 0.5,
                       1e-6);
    assert_float_equal(score("accuracy", scce, q, (truth){ NULL, labels, w, 2, 3, 0 }), 0.3, 1e-6);

    const real hits[] = { 0, 1, 1, 1 }, answers[] = { 1, 0, 1, 1 }, third[] = { 0, 0, 1, 0 };
    const truth all = { hits, NULL, NULL, 4, 1, 0 }, one = { hits, NULL, third, 4, 1, 0 };
    assert_float_equal(score("precision", bce, answers, all), 2.0 / 3, 1e-6);
    assert_float_equal(score("precision", bce, answers, one), 1, 1e-6);
    assert_float_equal(score("recall", bce, answers, all), 2.0 / 3, 1e-6);
    assert_float_equal(score("recall", bce, answers, one), 1, 1e-6);
    assert_float_equal(score("f1", bce, answers, all), 2.0 / 3, 1e-6);

    const real target[] = { 0, 1, 0, 0 }, y[] = { 1, 1, 0, 0 }, first[] = { 1, 0 };
    const truth both = { target, NULL, NULL, 2, 2, 0 }, top = { target, NULL, first, 2, 2, 0 };
    assert_float_equal(score("rmse", mse, y, both), 0.5, 1e-6);
    assert_float_equal(score("rmse", mse, y, top), 0.70710677, 1e-6);
    assert_float_equal(score("mae", mse, y, both), 0.25, 1e-6);
    assert_float_equal(score("mae", mse, y, top), 0.5, 1e-6);
    assert_float_equal(score("mse", mse, y, both), 0.25, 1e-6);
}

/* The example of sklearn.metrics.f1_score, precision_score and recall_score; class 3 is never
 * seen. */
static void macro_means(void **state)
{
    (void)state;
    const int32_t truth_of[] = { 0, 1, 2, 0, 1, 2 }, answer[] = { 0, 2, 1, 0, 0, 1 };
    real y[6 * 4] = { 0 };
    for (int r = 0; r < 6; r++) y[r * 4 + answer[r]] = 1;
    const truth t = { NULL, truth_of, NULL, 6, 4, 0 };
    assert_float_equal(score("f1", scce, y, t), 4.0 / 15, 1e-6);
    assert_float_equal(score("precision", scce, y, t), 2.0 / 9, 1e-6);
    assert_float_equal(score("recall", scce, y, t), 1.0 / 3, 1e-6);

    loss l;
    metric m;
    int64_t classes;
    assert_int_equal(loss_parse(&l, scce), RONDO_OK);
    assert_int_equal(metric_parse(&m, "confusion_matrix", &l, 4), RONDO_OK);
    metric_update(&m, y, &t, 0, 0);
    const double *counts = metric_confusion(&m, &classes);
    const double expected[16] = { 2, 0, 0, 0, 1, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0 };
    assert_int_equal(classes, 4);
    assert_memory_equal(counts, expected, sizeof expected);
    assert_float_equal(metric_result(&m), 1.0 / 3, 1e-6);
    metric_free(&m);
}

/* Of two classes the second is answered over it, by one output or by two. */
static void thresholds(void **state)
{
    (void)state;
    const real p[] = { 0.1f, 0.3f, 0.6f, 0.9f }, yes[] = { 0, 1, 0, 1 };
    const real both[] = { 0.9f, 0.1f, 0.7f, 0.3f, 0.4f, 0.6f, 0.1f, 0.9f };
    const int32_t label[] = { 0, 1, 0, 1 };
    truth one = { .target = yes, .rows = 4, .width = 1 };
    truth two = { .label = label, .rows = 4, .width = 2 };
    static const struct {
        double threshold, accuracy, f1;
    } cases[] = { { 0, 0.5, 0.5 }, { 0.2, 0.75, 0.8 }, { 0.7, 0.75, 2.0 / 3 }, { 0.95, 0.5, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one.threshold = two.threshold = cases[i].threshold;
        assert_float_equal(score("accuracy", bce, p, one), cases[i].accuracy, 1e-6);
        assert_float_equal(score("accuracy", scce, both, two), cases[i].accuracy, 1e-6);
        assert_float_equal(score("f1", bce, p, one), cases[i].f1, 1e-6);
        assert_float_equal(score("macro_f1", bce, p, one), score("macro_f1", scce, both, two),
                           1e-6);
    }
    one.threshold = 0.2; /* f1 of the first class: 2/3 */
    assert_float_equal(score("macro_f1", bce, p, one), (0.8 + 2.0 / 3) / 2, 1e-6);
}

static void perplexity(void **state)
{
    (void)state;
    loss l;
    metric m;
    const truth none = { .rows = 0, .width = 2 };
    assert_int_equal(loss_parse(&l, scce), RONDO_OK);
    assert_int_equal(metric_parse(&m, "perplexity", &l, 2), RONDO_OK);
    metric_update(&m, NULL, &none, log(3.0), 1);
    metric_update(&m, NULL, &none, 3 * log(5.0), 3);
    assert_float_equal(metric_result(&m), exp((log(3.0) + 3 * log(5.0)) / 4), 1e-5);
    metric_free(&m);
    assert_int_equal(metric_parse(&m, "bpc", &l, 2), RONDO_OK);
    metric_update(&m, NULL, &none, 4 * log(8.0), 4);
    assert_float_equal(metric_result(&m), 3, 1e-6);
    metric_free(&m);
    assert_int_equal(loss_parse(&l, mse), RONDO_OK);
    assert_int_equal(metric_parse(&m, "perplexity", &l, 2), RONDO_E_ARG);
}

/* A smoothed loss is no likelihood: what is told of one is told from the outputs, weights and all. */
static void smoothed(void **state)
{
    (void)state;
    static const char *const losses[] = { "sparse_categorical_crossentropy label_smoothing=0.2",
                                          "categorical_crossentropy label_smoothing=0.2",
                                          "binary_crossentropy label_smoothing=0.2" };
    const real y[] = { 0.25f, 0.75f, 0.5f, 0.5f }, target[] = { 0, 1, 1, 0 }, w[] = { 1, 3 };
    const int32_t label[] = { 1, 0 };
    for (int i = 0; i < 3; i++) {
        loss l;
        metric m;
        const truth t = { i ? target : NULL, i ? NULL : label, w, 2, 2, 0 };
        const double nats = -(log(0.75) + 3 * log(0.5)) / 4;
        assert_int_equal(loss_parse(&l, losses[i]), RONDO_OK);
        assert_int_equal(metric_parse(&m, "perplexity", &l, 2), RONDO_OK);
        assert_true(m.looks);
        metric_update(&m, y, &t, 99, 4);
        assert_float_equal(metric_result(&m), exp(nats), 1e-6);
        metric_free(&m);
        assert_int_equal(metric_parse(&m, "nll", &l, 2), RONDO_OK);
        metric_update(&m, y, &t, 99, 4);
        assert_float_equal(metric_result(&m), i == 2 ? 2 * nats : nats, 1e-6);
        metric_free(&m);
    }
}

/* Summed over yes/no outputs, whose loss is a mean; of a distribution it is the loss. */
static void likelihoods(void **state)
{
    (void)state;
    static const struct {
        const char *loss;
        double times;
    } cases[] = { { scce, 1 }, { "binary_crossentropy", 88 } };
    for (int i = 0; i < 2; i++) {
        loss l;
        metric m;
        const truth none = { .rows = 0, .width = 88 };
        assert_int_equal(loss_parse(&l, cases[i].loss), RONDO_OK);
        assert_int_equal(metric_parse(&m, "nll", &l, 88), RONDO_OK);
        metric_update(&m, NULL, &none, 0.5, 1);
        metric_update(&m, NULL, &none, 0.7, 3);
        assert_float_equal(metric_result(&m), cases[i].times * 1.2 / 4, 1e-6);
        metric_free(&m);
    }
    loss l;
    metric m;
    assert_int_equal(loss_parse(&l, mse), RONDO_OK);
    assert_int_equal(metric_parse(&m, "nll", &l, 2), RONDO_E_ARG);
    assert_false(metric_higher_is_better("val_nll"));
}

/* Every row: two batches give what one batch of both gives, a reset forgets, and results are
 * finite. */
static void walk(void **state)
{
    (void)state;
    assert_true(registry_count(REGISTRY_METRIC) >= 15);
    enum { ROWS = 12, WIDTH = 3 };
    rng r = rng_new(5, rng_stream(RNG_CHECK, 1));
    real y[ROWS * WIDTH], target[ROWS * WIDTH];
    int32_t label[ROWS];
    for (int i = 0; i < ROWS * WIDTH; i++) {
        y[i] = (real)rng_uniform(&r);
        target[i] = rng_below(&r, 2) ? 1 : 0;
    }
    for (int i = 0; i < ROWS; i++) label[i] = (int32_t)rng_below(&r, WIDTH);
    for (int i = 0; i < registry_count(REGISTRY_METRIC); i++) {
        const char *name = registry_name(REGISTRY_METRIC, i);
        loss l;
        metric whole, parts;
        bool labels = false;
        assert_int_equal(loss_parse(&l, cce), RONDO_OK);
        if (metric_parse(&whole, name, &l, WIDTH)) {
            labels = true;
            assert_int_equal(loss_parse(&l, scce), RONDO_OK);
            assert_int_equal(metric_parse(&whole, name, &l, WIDTH), RONDO_OK);
        }
        assert_int_equal(metric_copy(&parts, &whole), RONDO_OK);
        truth t = { labels ? NULL : target, labels ? label : NULL, NULL, ROWS, WIDTH, 0 };
        metric_update(&whole, y, &t, 7, 5);
        const double expected = metric_result(&whole);
        t.rows = 5;
        metric_update(&parts, y, &t, 3, 2);
        t.rows = ROWS - 5;
        if (labels)
            t.label += 5;
        else
            t.target += 5 * WIDTH;
        metric_update(&parts, y + 5 * WIDTH, &t, 4, 3);
        assert_true(isfinite(expected));
        assert_float_equal(metric_result(&parts), expected, 1e-9);
        metric_reset(&whole);
        metric_reset(&parts);
        assert_memory_equal(whole.state, parts.state, (size_t)whole.n_state * sizeof(double));
        metric_free(&whole);
        metric_free(&parts);
    }
}

static void directions(void **state)
{
    (void)state;
    assert_true(metric_higher_is_better("val_accuracy"));
    assert_true(metric_higher_is_better("f1"));
    assert_true(metric_higher_is_better("val_dense_1_recall"));
    assert_false(metric_higher_is_better("val_loss"));
    assert_false(metric_higher_is_better("mae"));
    assert_false(metric_higher_is_better("inaccuracy"));
}

static void refuses(void **state)
{
    (void)state;
    loss l;
    metric m;
    assert_int_equal(loss_parse(&l, scce), RONDO_OK);
    assert_int_equal(metric_parse(&m, "mae", &l, 3), RONDO_E_ARG);
    assert_int_equal(metric_parse(&m, "acuracy", &l, 3), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "accuracy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras_examples), cmocka_unit_test(macro_means),
        cmocka_unit_test(perplexity),     cmocka_unit_test(smoothed),
        cmocka_unit_test(walk),           cmocka_unit_test(likelihoods),
        cmocka_unit_test(directions),     cmocka_unit_test(refuses),
        cmocka_unit_test(thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
