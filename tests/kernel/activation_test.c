/* Activations of every table against double precision: values and derivatives over a sweep of all
 * floats (tests/slow/activation_ulp.c takes every one), tails, and in place.  The worst of each
 * is printed. */
#include "kernel/kernel_test.h"
#include <stdio.h>
#include "kernel/activation_truth.h"

enum { BLOCK = 4096 };

static const rondo_activation *row_of(const kernels *t, const char *name)
{
    for (int a = 0; a < t->n_activations; a++)
        if (!strcmp(t->activations[a].name, name)) return &t->activations[a];
    fail_msg("no activation %s", name);
    return NULL;
}

/* x of block b of a sweep over all bit patterns, every 16411th; block 0 begins with special
 * values. */
static void sweep_block(float x[BLOCK], uint32_t b)
{
    static const float special[] = { 0.0f,     -0.0f,     1e-45f,  -1e-45f,  1e-40f, -1e-40f,
                                     FLT_MIN,  -FLT_MIN,  FLT_MAX, -FLT_MAX, 88.7f,  88.8f,
                                     -87.3f,   -87.4f,    -103.9f, -104.1f,  1e-20f, -1e-20f,
                                     INFINITY, -INFINITY, NAN,     9.01f,    -9.02f, 17.0f };
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint32_t bits = (b * BLOCK + i) * 16411u;
        memcpy(&x[i], &bits, sizeof bits);
    }
    if (b == 0) memcpy(x, special, sizeof special);
}

typedef struct worst {
    double ulp, at, slope, slope_at;
} worst;

typedef struct block {
    float x[BLOCK];
    double want[BLOCK], slope[BLOCK];
} block;

static void fill_block(block *all, uint32_t b, const activation_truth *truth)
{
    sweep_block(all->x, b);
    for (int i = 0; i < BLOCK; i++) {
        all->want[i] = truth_at(truth, (double)all->x[i]);
        all->slope[i] = truth->slope((double)all->x[i]);
    }
}

static void check_block(worst *w, const rondo_activation *f, const activation_truth *truth,
                        const block *all)
{
    static float y[BLOCK], dx[BLOCK], dy[BLOCK];
    real args[RONDO_MAX_PARAMETERS];
    truth_defaults(args, f->parameters);
    for (int i = 0; i < BLOCK; i++) dy[i] = 1;
    f->forward(y, all->x, BLOCK, args);
    f->backward(dx, all->x, y, dy, BLOCK, args);
    for (int i = 0; i < BLOCK; i++) {
        double at = (double)all->x[i], error = truth_ulp(y[i], all->want[i], truth->least);
        if (error > w->ulp) w->ulp = error, w->at = at;
        error = truth_slope_error(dx[i], all->slope[i], f->kinks, at);
        if (error > w->slope) w->slope = error, w->slope_at = at;
    }
}

static void check_values(int a)
{
    enum { TABLES = 4 };
    static block all;
    worst worsts[TABLES] = { { 0 } };
    const activation_truth *truth = truth_of(kernels_scalar.activations[a].name);
    int n = 0;
    assert_non_null(truth);
    for (uint32_t b = 0; b < 64; b++) {
        fill_block(&all, b, truth);
        n = 0;
        for (const kernels *t = next_table(NULL); t; t = next_table(t))
            check_block(&worsts[n++], &t->activations[a], truth, &all);
    }
    n = 0;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        const worst *w = &worsts[n++];
        print_message("%-8s %-24s %.2f ulp at %-15.9g derivative %.2f at %.9g\n", t->isa,
                      truth->name, w->ulp, w->at, w->slope, w->slope_at);
        assert_true(w->ulp <= TRUTH_ULP * truth->loose && w->slope <= TRUTH_SLOPE * truth->loose);
    }
}

static void test_values(void **state)
{
    (void)state;
    for (int a = 0; a < kernels_scalar.n_activations; a++)
        if (!kernels_scalar.activations[a].rowwise) check_values(a);
}

static void test_saturation(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        const float x[] = { 100, -200, INFINITY, -INFINITY };
        float y[4];
        row_of(t, "tanh")->forward(y, x, 4, NULL);
        assert_true(y[0] == 1 && y[1] == -1 && y[2] == 1 && y[3] == -1);
        row_of(t, "sigmoid")->forward(y, x, 4, NULL);
        assert_true(y[0] == 1 && y[1] == 0 && y[2] == 1 && y[3] == 0);
    }
}

/* Any n gives the bits of element by element, touches nothing else, and may work in place. */
static void check_tails(const rondo_activation *f)
{
    real args[RONDO_MAX_PARAMETERS];
    truth_defaults(args, f->parameters);
    for (int n = 1; n <= 40; n++) {
        real *x = numbers(n, 1), *dy = numbers(n, 2), y[41], dx[41], one[41], slope[41], place[41];
        y[n] = dx[n] = place[n] = 77;
        f->forward(y, x, n, args);
        f->backward(dx, x, y, dy, n, args);
        for (int i = 0; i < n && !f->rowwise; i++) {
            f->forward(one + i, x + i, 1, args);
            f->backward(slope + i, x + i, y + i, dy + i, 1, args);
        }
        assert_true(f->rowwise || (same_bits(y, one, n) && same_bits(dx, slope, n)));
        memcpy(place, x, (size_t)n * sizeof *place);
        f->forward(place, place, n, args);
        assert_true(same_bits(y, place, n));
        memcpy(place, dy, (size_t)n * sizeof *place);
        f->backward(place, x, y, place, n, args);
        assert_true(same_bits(dx, place, n));
        assert_true(y[n] == 77 && dx[n] == 77 && place[n] == 77);
        free(x);
        free(dy);
    }
}

static void test_tails_and_in_place(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int a = 0; a < t->n_activations; a++) check_tails(&t->activations[a]);
}

static void test_relu_parameters(void **state)
{
    (void)state;
    const real args[] = { (real)0.25, 6, 1 }; /* negative_slope, max_value, threshold */
    const real x[] = { -3, 0, 1, (real)1.5, 5, 6, 8, NAN };
    const double y_want[] = { -1, -0.25, 0, 1.5, 5, 6, 6, NAN };
    const double slope_want[] = { 0.25, 0.25, 0.25, 1, 1, 0, 0 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        const rondo_activation *f = row_of(t, "relu");
        real y[8], dx[8], dy[] = { 1, 1, 1, 1, 1, 1, 1, 1 };
        f->forward(y, x, 8, args);
        f->backward(dx, NULL, y, dy, 8, args);
        for (int i = 0; i < 8; i++) assert_near(y[i], y_want[i], 0);
        for (int i = 0; i < 7; i++) assert_near(dx[i], slope_want[i], 0);
    }
}

static void test_gelu_tanh_form(void **state)
{
    (void)state;
    const real args[] = { 1 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (double at = -6; at < 6; at += 0.037) {
            real x = (real)at, y;
            row_of(t, "gelu")->forward(&y, &x, 1, args);
            double u = sqrt(2 / acos(-1)) * ((double)x + 0.044715 * pow((double)x, 3));
            assert_near(y, 0.5 * (double)x * (1 + tanh(u)), 5e-7);
        }
}

static void test_softmax(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        const rondo_activation *f = row_of(t, "softmax");
        for (int n = 1; n <= 70; n++) {
            real *x = numbers(n, (uint64_t)n), y[70], all = 0;
            double bottom = 0;
            for (int i = 0; i < n; i++) x[i] = x[i] * 50 + 500;
            for (int i = 0; i < n; i++) bottom += exp((double)x[i] - 500);
            f->forward(y, x, n, NULL);
            for (int i = 0; i < n; i++) {
                double want = exp((double)x[i] - 500) / bottom;
                assert_near(y[i], want, 1e-6 * want + 1e-40);
                all += y[i];
            }
            assert_near(all, 1, 1e-5);
            free(x);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_tails_and_in_place),
        cmocka_unit_test(test_relu_parameters),
        cmocka_unit_test(test_gelu_tanh_form),
        cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
