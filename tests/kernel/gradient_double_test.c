/* Every derivative of kernel/ in double against central differences: activations, softmax, layer
 * norm, losses. */
#include "kernel/kernel_test.h"

static double relative(double analytic, double numeric)
{
    return fabs(analytic - numeric) / fmax(1e-8, fabs(analytic) + fabs(numeric));
}

static void arguments(real args[RONDO_MAX_PARAMETERS], const char *parameters)
{
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) args[i] = 0;
    for (int i = 0; parameters && (parameters = strchr(parameters, '=')); i++) {
        args[i] = (real)strtod(parameters + 1, NULL);
        parameters = strchr(parameters, ' ');
    }
}

static bool near_kink(const rondo_activation *f, double x)
{
    for (const double *kink = f->kinks; kink && !isnan(*kink); kink++)
        if (fabs(x - *kink) < 1e-4) return true;
    return false;
}

static void check_slopes(const rondo_activation *f, const real *args)
{
    const double h = 1e-5;
    int left_out = 0;
    for (double x = -6.0033; x < 6; x += 0.01) {
        double y, up, down, dx, dy = 1, above = x + h, below = x - h;
        if (near_kink(f, x)) {
            left_out++;
            continue;
        }
        f->forward(&y, &x, 1, args);
        f->forward(&up, &above, 1, args);
        f->forward(&down, &below, 1, args);
        f->backward(&dx, f->needs_input ? &x : NULL, &y, &dy, 1, args);
        double numeric = (up - down) / (2 * h);
        if (relative(dx, numeric) > 1e-6 && fabs(dx - numeric) > 1e-9)
            fail_msg("%s'(%g) = %.12g, expected %.12g", f->name, x, dx, numeric);
    }
    assert_true(left_out <= 2);
}

static void test_activations(void **state)
{
    (void)state;
    const kernels *t = kernel_table();
    for (int i = 0; i < t->n_activations; i++) {
        real args[RONDO_MAX_PARAMETERS];
        if (t->activations[i].rowwise) continue;
        arguments(args, t->activations[i].parameters);
        check_slopes(&t->activations[i], args);
        if (!strcmp(t->activations[i].name, "gelu"))
            check_slopes(&t->activations[i], (const real[]){ 1 });
        if (!strcmp(t->activations[i].name, "elu"))
            check_slopes(&t->activations[i], (const real[]){ 0.4 });
    }
}

/* What Keras and PyTorch give at a kink. */
static void test_slopes_at_kinks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double x, slope;
    } point[] = {
        { "relu", 0, 0 }, { "leaky_relu", 0, 0.2 }, { "elu", 0, 1 }, { "softsign", 0, 1 }
    };
    const kernels *t = kernel_table();
    for (size_t p = 0; p < sizeof point / sizeof *point; p++)
        for (int i = 0; i < t->n_activations; i++) {
            const rondo_activation *f = &t->activations[i];
            real args[RONDO_MAX_PARAMETERS], y, dx, dy = 1;
            if (strcmp(f->name, point[p].name)) continue;
            arguments(args, f->parameters);
            f->forward(&y, &point[p].x, 1, args);
            f->backward(&dx, NULL, &y, &dy, 1, args);
            assert_true(dx == point[p].slope);
        }
}

static void test_softmax(void **state)
{
    (void)state;
    enum { N = 7 };
    const kernels *t = kernel_table();
    const rondo_activation *f = &t->activations[t->n_activations - 1];
    real *x = numbers(N, 1), *dy = numbers(N, 2), y[N], dx[N];
    f->forward(y, x, N, NULL);
    f->backward(dx, NULL, y, dy, N, NULL);
    for (int i = 0; i < N; i++) {
        double value[2], kept = x[i];
        for (int side = 0; side < 2; side++) {
            x[i] = kept + (side ? 1e-5 : -1e-5);
            f->forward(y, x, N, NULL);
            value[side] = 0;
            for (int j = 0; j < N; j++) value[side] += dy[j] * y[j];
        }
        x[i] = kept;
        assert_true(relative(dx[i], (value[1] - value[0]) / 2e-5) < 1e-6);
    }
    free(x);
    free(dy);
}

typedef struct norm {
    real x[12], gain[4], shift[4], dy[12];
} norm;

static double norm_value(const norm *n)
{
    real y[12], xhat[12], rstd[3];
    double value = 0;
    kernel_table()->norm_forward(y, xhat, rstd, n->x, n->gain, n->shift, 1e-3, 3, 4);
    for (int i = 0; i < 12; i++) value += n->dy[i] * y[i];
    return value;
}

static void test_norm(void **state)
{
    (void)state;
    norm n;
    real *start = numbers(sizeof n / sizeof(real), 1);
    memcpy(&n, start, sizeof n);
    real y[12], xhat[12], rstd[3],
        gradient[20] = { 0 }; /* of x, gain, shift, as they lie in norm */
    kernel_table()->norm_forward(y, xhat, rstd, n.x, n.gain, n.shift, 1e-3, 3, 4);
    for (int i = 0; i < 12; i++) gradient[i] = 1;
    kernel_table()->norm_backward(gradient, true, gradient + 12, gradient + 16, n.dy, xhat, rstd,
                                  n.gain, 3, 4);
    for (int i = 0; i < 20; i++) {
        real *at = i < 12 ? n.x + i : i < 16 ? n.gain + i - 12 : n.shift + i - 16, kept = *at;
        *at = kept + 1e-5;
        double up = norm_value(&n);
        *at = kept - 1e-5;
        double numeric = (up - norm_value(&n)) / 2e-5;
        *at = kept;
        assert_true(relative(gradient[i] - (i < 12), numeric) < 1e-6);
    }
    free(start);
}

typedef struct loss_case {
    const char *name;
    loss_kernel *kernel;
    bool probabilities, labels;
} loss_case;

static void check_loss(const loss_case *c, real parameter)
{
    enum { ROWS = 3, WIDTH = 5, N = ROWS * WIDTH };
    real *x = numbers(N, 1), *target = numbers(N, 2), *weight = numbers(ROWS, 3), y[N], dx[N];
    double loss[ROWS];
    const int32_t label[ROWS] = { 4, 0, 2 };
    for (int i = 0; i < N; i++) {
        target[i] = fabs(target[i]); /* Σ target need not be 1 */
        if (c->probabilities) x[i] = 0.5 + 0.4 * x[i];
    }
    const real *t = c->labels ? NULL : target;
    c->kernel(loss, dx, y, x, t, label, weight, parameter, ROWS, WIDTH);
    for (int i = 0; i < N; i++) {
        double value[2], kept = x[i];
        for (int side = 0; side < 2; side++) {
            x[i] = kept + (side ? 1e-5 : -1e-5);
            c->kernel(loss, NULL, y, x, t, label, weight, parameter, ROWS, WIDTH);
            value[side] = loss[i / WIDTH] * weight[i / WIDTH];
        }
        x[i] = kept;
        double numeric = (value[1] - value[0]) / 2e-5;
        if (relative(dx[i], numeric) > 1e-6 && fabs(dx[i] - numeric) > 1e-10)
            fail_msg("%s, element %d: %.12g, expected %.12g", c->name, i, dx[i], numeric);
    }
    free(x);
    free(target);
    free(weight);
}

static void test_losses(void **state)
{
    (void)state;
    const kernels *t = kernel_table();
    const loss_case cases[] = {
        { "softmax_cross_entropy", t->softmax_cross_entropy, false, false },
        { "softmax_cross_entropy of labels", t->softmax_cross_entropy, false, true },
        { "cross_entropy", t->cross_entropy, true, false },
        { "cross_entropy of labels", t->cross_entropy, true, true },
        { "sigmoid_cross_entropy", t->sigmoid_cross_entropy, false, false },
        { "binary_cross_entropy", t->binary_cross_entropy, true, false },
        { "squared_error", t->squared_error, false, false },
        { "absolute_error", t->absolute_error, false, false },
        { "huber", t->huber, false, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_loss(&cases[i], 0.3);
        check_loss(&cases[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations), cmocka_unit_test(test_slopes_at_kinks),
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_norm),
        cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
