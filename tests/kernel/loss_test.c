/* Losses of every table against their formulas; labels against one-hot targets; rows of weight
 * 0; extremes. */
#include "kernel/kernel_test.h"

enum { ROWS = 4, WIDEST = 40 };

typedef struct sample { /* one batch of [ROWS][width] */
    real x[ROWS * WIDEST], target[ROWS * WIDEST], y[ROWS * WIDEST], dx[ROWS * WIDEST];
    real weight[ROWS];
    int32_t label[ROWS];
    double loss[ROWS];
    int64_t width;
} sample;

/* x in (0, 1) when they are probabilities, else in (-4, 4); target a distribution, or the
 * one-hot of label. */
static sample sample_of(int64_t width, bool probabilities, bool one_hot)
{
    sample s = { .width = width };
    real *x = numbers(ROWS * width, 1), *t = numbers(ROWS * width, 2);
    for (int64_t r = 0; r < ROWS; r++) {
        double mass = 0;
        s.weight[r] = (real)(0.5 + (double)r / 4);
        s.label[r] = (int32_t)((r * 7 + 3) % width);
        for (int64_t i = r * width; i < (r + 1) * width; i++) {
            s.x[i] = probabilities ? (real)(0.5 + 0.45 * (double)x[i]) : 4 * x[i];
            mass += (double)(t[i] = (real)fabs((double)t[i]));
        }
        for (int64_t i = 0; i < width; i++)
            s.target[r * width + i] = one_hot ? i == s.label[r]
                                              : (real)((double)t[r * width + i] / mass);
    }
    free(x);
    free(t);
    return s;
}

/* The loss of one row from the definition. */
static double row_loss(const char *name, const real *x, const real *t, int64_t n, double parameter)
{
    double loss = 0, bottom = 0;
    bool softmax = !strcmp(name, "softmax_cross_entropy"), cross = strstr(name, "cross") != NULL;
    bool yes_no = !strcmp(name, "sigmoid_cross_entropy") || !strcmp(name, "binary_cross_entropy");
    for (int64_t i = 0; i < n; i++) bottom += softmax ? exp((double)x[i]) : (double)x[i];
    for (int64_t i = 0; i < n; i++) {
        double xi = (double)x[i], ti = (double)t[i], e = fabs(xi - ti), p = 1 / (1 + exp(-xi));
        if (cross) ti = (1 - parameter) * ti + parameter / (yes_no ? 2 : (double)n);
        if (softmax) loss -= ti * log(exp(xi) / bottom);
        if (!strcmp(name, "cross_entropy")) loss -= ti * log(xi / bottom);
        if (!strcmp(name, "sigmoid_cross_entropy"))
            loss -= (ti * log(p) + (1 - ti) * log(1 - p)) / (double)n;
        if (!strcmp(name, "binary_cross_entropy"))
            loss -= (ti * log(xi) + (1 - ti) * log(1 - xi)) / (double)n;
        if (!strcmp(name, "squared_error")) loss += e * e / (double)n;
        if (!strcmp(name, "absolute_error")) loss += e / (double)n;
        if (!strcmp(name, "huber"))
            loss += (e <= parameter ? e * e / 2 : parameter * e - parameter * parameter / 2) /
                    (double)n;
    }
    return loss;
}

typedef struct named_loss {
    const char *name;
    loss_kernel *kernel;
    bool probabilities, fused;
} named_loss;
enum { LOSSES = 7 };

static void losses_of(const kernels *t, named_loss row[LOSSES])
{
    const named_loss rows[LOSSES] = {
        { "softmax_cross_entropy", t->softmax_cross_entropy, false, true },
        { "sigmoid_cross_entropy", t->sigmoid_cross_entropy, false, true },
        { "cross_entropy", t->cross_entropy, true, false },
        { "binary_cross_entropy", t->binary_cross_entropy, true, false },
        { "squared_error", t->squared_error, false, false },
        { "absolute_error", t->absolute_error, false, false },
        { "huber", t->huber, false, false },
    };
    memcpy(row, rows, sizeof rows);
}

static void test_values(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= WIDEST; width++) {
            named_loss row[LOSSES];
            losses_of(t, row);
            for (int i = 0; i < LOSSES; i++) {
                const real parameter = strcmp(row[i].name, "huber") ? (real)(width % 3) / 4
                                                                    : (real)1.25;
                sample s = sample_of(width, row[i].probabilities, false);
                row[i].kernel(s.loss, NULL, s.y, s.x, s.target, NULL, s.weight, parameter, ROWS,
                              width);
                for (int64_t r = 0; r < ROWS; r++)
                    assert_near(s.loss[r],
                                row_loss(row[i].name, s.x + r * width, s.target + r * width, width,
                                         (double)parameter),
                                3e-6);
                double first[ROWS];
                memcpy(first, s.loss, sizeof first);
                row[i].kernel(s.loss, s.dx, s.y, s.x, s.target, NULL, NULL, parameter, ROWS, width);
                assert_memory_equal(first, s.loss, sizeof first);
            }
        }
}

static void test_fused_values_are_the_activation(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        sample s = sample_of(21, false, false);
        t->softmax_cross_entropy(s.loss, s.dx, s.y, s.x, s.target, NULL, NULL, 0, ROWS, 21);
        for (int64_t r = 0; r < ROWS; r++) {
            double bottom = 0;
            for (int i = 0; i < 21; i++) bottom += exp((double)s.x[r * 21 + i]);
            for (int i = 0; i < 21; i++)
                assert_near(s.y[r * 21 + i], exp((double)s.x[r * 21 + i]) / bottom, 1e-6);
        }
        t->sigmoid_cross_entropy(s.loss, s.dx, s.y, s.x, s.target, NULL, NULL, 0, ROWS, 21);
        for (int i = 0; i < ROWS * 21; i++)
            assert_near(s.y[i], 1 / (1 + exp(-(double)s.x[i])), 1e-6);
    }
}

static void test_labels_are_one_hot_targets(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= WIDEST; width++)
            for (int fused = 0; fused < 2; fused++) {
                loss_kernel *kernel = fused ? t->softmax_cross_entropy : t->cross_entropy;
                sample a = sample_of(width, !fused, true), b = a;
                const real smoothing = (real)(width % 3) / 4;
                kernel(a.loss, a.dx, a.y, a.x, a.target, NULL, a.weight, smoothing, ROWS, width);
                kernel(b.loss, b.dx, b.y, b.x, NULL, b.label, b.weight, smoothing, ROWS, width);
                for (int64_t i = 0; i < ROWS * width; i++) assert_near(a.dx[i], b.dx[i], 1e-6);
                for (int r = 0; r < ROWS; r++) assert_near(a.loss[r], b.loss[r], 1e-9);
            }
}

/* A row of weight 0 gives exact zeros, whatever is in it, and does not read its label. */
static void test_rows_that_do_not_count(void **state)
{
    (void)state;
    enum { WIDTH = 19 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        named_loss row[LOSSES];
        losses_of(t, row);
        for (int i = 0; i < LOSSES; i++)
            for (int labels = 0; labels < (strstr(row[i].name, "cross") && i % 2 == 0 ? 2 : 1);
                 labels++) {
                sample s = sample_of(WIDTH, row[i].probabilities, false);
                s.weight[2] = 0;
                s.label[2] = INT32_MIN;
                for (int j = 0; j < WIDTH; j++) s.x[2 * WIDTH + j] = j % 2 ? NAN : INFINITY;
                row[i].kernel(s.loss, s.dx, s.y, s.x, labels ? NULL : s.target,
                              labels ? s.label : NULL, s.weight, 1, ROWS, WIDTH);
                for (int j = 0; j < WIDTH; j++) assert_true(s.dx[2 * WIDTH + j] == 0);
                assert_true(s.loss[2] == 0);
                assert_true(t->all_finite(s.dx, ROWS * WIDTH));
            }
    }
}

static void test_extremes(void **state)
{
    (void)state;
    const real logits[] = { 1000, -1000, 0 };
    const real sure[] = { 0, 1, 0 };
    const int32_t label = 1;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        double loss;
        real dx[3], y[3];
        t->softmax_cross_entropy(&loss, dx, y, logits, NULL, &label, NULL, 0, 1, 3);
        assert_near(loss, 2000, 1e-9);
        assert_true(dx[0] == 1 && dx[1] == -1 && dx[2] == 0);
        memcpy(y, logits, sizeof y); /* in place */
        t->softmax_cross_entropy(&loss, NULL, y, y, sure, NULL, NULL, 0, 1, 3);
        assert_near(loss, 2000, 1e-9);
        t->sigmoid_cross_entropy(&loss, dx, y, logits, sure, NULL, NULL, 0, 1, 3);
        assert_near(loss, (1000 + 1000 + log(2)) / 3, 1e-4);
        t->binary_cross_entropy(&loss, dx, y, sure, (const real[]){ 1, 1, 1 }, NULL, NULL, 0, 1, 3);
        assert_near(loss, (-2 * log(1e-7) - log1p(-1e-7)) / 3, 1e-6);
        assert_true(dx[0] == 0 && dx[1] == 0);
        const int32_t none = 0;
        t->cross_entropy(&loss, dx, y, sure, NULL, &none, NULL, 0, 1, 3);
        assert_near(loss, -log(1e-7), 1e-6);
    }
}

/* The gradient made of the probabilities in place, or in place of the logits at once, has the bits of
 * the one made with them. */
static void test_slope_in_place(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= WIDEST; width += 13)
            for (int labels = 0; labels < 2; labels++) {
                sample s = sample_of(width, false, false);
                const real *target = labels ? NULL : s.target;
                const int32_t *label = labels ? s.label : NULL;
                s.weight[1] = 0;
                const real smoothing = (real)(width % 3) / 4;
                t->softmax_cross_entropy(s.loss, s.dx, s.y, s.x, target, label, s.weight, smoothing,
                                         ROWS, width);
                t->softmax_slope(s.y, target, label, s.weight, smoothing, ROWS, width);
                assert_true(same_bits(s.y, s.dx, ROWS * width));
                memcpy(s.y, s.x, (size_t)(ROWS * width) * sizeof *s.y);
                t->softmax_cross_entropy(s.loss, s.y, s.y, s.y, target, label, s.weight, smoothing,
                                         ROWS, width);
                assert_true(same_bits(s.y, s.dx, ROWS * width));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slope_in_place),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_fused_values_are_the_activation),
        cmocka_unit_test(test_labels_are_one_hot_targets),
        cmocka_unit_test(test_rows_that_do_not_count),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
