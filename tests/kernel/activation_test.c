/* Activations of every table against double precision: values in ulp over a sweep of all floats,
 * derivatives, tails, and in place.  The worst ulp of each is printed. */
#include "kernel/kernel_test.h"
#include <float.h>
#include <stdio.h>

static double elu(double x, double alpha)
{
    return x > 0 ? x : alpha * expm1(x);
}

/* f(x) with the default parameters, written anew from the definitions; NAN of an unknown name. */
static double truth(const char *name, double x)
{
    if (!strcmp(name, "linear")) return x;
    if (!strcmp(name, "sigmoid")) return 1 / (1 + exp(-x));
    if (!strcmp(name, "tanh")) return tanh(x);
    if (!strcmp(name, "relu")) return x > 0 ? x : 0;
    if (!strcmp(name, "elu")) return elu(x, 1);
    if (!strcmp(name, "selu")) return 1.0507009873554805 * elu(x, 1.6732632423543772);
    if (!strcmp(name, "leaky_relu")) return x > 0 ? x : 0.2 * x;
    if (!strcmp(name, "gelu")) return x < -60 ? 0 : x * 0.5 * erfc(-x * sqrt(0.5));
    if (!strcmp(name, "silu")) return x < -600 ? 0 : x / (1 + exp(-x));
    if (!strcmp(name, "softplus")) return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    if (!strcmp(name, "softsign")) return x / (1 + fabs(x));
    if (!strcmp(name, "mish")) return x < -600 ? 0 : x > 40 ? x : x * tanh(log1p(exp(x)));
    if (!strcmp(name, "exponential")) return exp(x);
    if (!strcmp(name, "hard_sigmoid")) return fmin(1, fmax(0, x / 6 + 0.5));
    if (!strcmp(name, "hard_sigmoid_k2")) return fmin(1, fmax(0, 0.2 * x + 0.5));
    if (!strcmp(name, "hard_tanh")) return fmin(1, fmax(-1, x));
    return NAN;
}

/* Values of "alpha=1 b=0.5". */
static void defaults(real args[RONDO_MAX_PARAMETERS], const char *parameters)
{
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) args[i] = 0;
    for (int i = 0; parameters && (parameters = strchr(parameters, '=')); i++)
        args[i] = (real)strtod(++parameters, NULL);
}

/* How far y is from want, in units of the last place of a float of that size, but at least of
 * size `least`. */
static double ulp(float y, double want, double least)
{
    int exponent;
    if (isnan(want)) return isnan(y) ? 0 : INFINITY;
    if (fabs(want) > FLT_MAX) want = copysign(INFINITY, want);
    if (isinf(want) || isinf(y))
        return y == want || fabs(want) > 0.9999999 * FLT_MAX ? 0 : INFINITY;
    frexp(fmax(fabs(want), least), &exponent);
    if (exponent < -125) exponent = -125;
    return fabs(y - want) / ldexp(1, exponent - 24);
}

enum { BLOCK = 4096 };

/* x of block b of a sweep over all bit patterns, every 4099th; block 0 begins with special
 * values. */
static void sweep_block(float x[BLOCK], uint32_t b)
{
    static const float special[] = { 0.0f,     -0.0f,     1e-45f,  -1e-45f,  1e-40f, -1e-40f,
                                     FLT_MIN,  -FLT_MIN,  FLT_MAX, -FLT_MAX, 88.7f,  88.8f,
                                     -87.3f,   -87.4f,    -103.9f, -104.1f,  1e-20f, -1e-20f,
                                     INFINITY, -INFINITY, NAN,     9.01f,    -9.02f, 17.0f };
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint32_t bits = (b * BLOCK + i) * 4099u;
        memcpy(&x[i], &bits, sizeof bits);
    }
    if (b == 0) memcpy(x, special, sizeof special);
}

static void test_values(void **state)
{
    (void)state;
    static float x[BLOCK], y[BLOCK];
    static double want[BLOCK];
    double worst[4][32] = { { 0 } }, at[4][32] = { { 0 } };
    const kernels *scalar = kernel_at(0, NULL);
    for (int a = 0; a < scalar->n_activations; a++)
        for (uint32_t b = 0; b < 256 && !scalar->activations[a].rowwise; b++) {
            /* the definition of these two cancels: x/6 + 1/2 */
            double least = strstr(scalar->activations[a].name, "hard_sigmoid") ? 0.5 : 0;
            sweep_block(x, b);
            for (int i = 0; i < BLOCK; i++) want[i] = truth(scalar->activations[a].name, x[i]);
            int table = 0;
            for (const kernels *t = next_table(NULL); t; t = next_table(t), table++) {
                real args[RONDO_MAX_PARAMETERS];
                defaults(args, t->activations[a].parameters);
                t->activations[a].forward(y, x, BLOCK, args);
                for (int i = 0; i < BLOCK; i++) {
                    bool limit = isinf(x[i]) && isnan(want[i]); /* softsign ∞: ∞/∞ */
                    double error = limit ? 0 : ulp(y[i], want[i], least);
                    if (error > worst[table][a]) worst[table][a] = error, at[table][a] = x[i];
                }
            }
        }
    int table = 0;
    for (const kernels *t = next_table(NULL); t; t = next_table(t), table++)
        for (int a = 0; a < t->n_activations; a++)
            if (!t->activations[a].rowwise)
                print_message("%-8s %-16s worst %.2f ulp at %.9g\n", t->isa, t->activations[a].name,
                              worst[table][a], at[table][a]);
    for (table = 0; table < 4; table++)
        for (int a = 0; a < scalar->n_activations; a++) assert_true(worst[table][a] <= 4);
}

static void test_saturation(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int a = 0; a < t->n_activations; a++) {
            const rondo_activation *f = &t->activations[a];
            float x[] = { 100, -200, INFINITY, -INFINITY }, y[4];
            if (strcmp(f->name, "tanh") && strcmp(f->name, "sigmoid")) continue;
            f->forward(y, x, 4, NULL);
            float low = f->name[0] == 't' ? -1.0f : 0.0f;
            assert_true(y[0] == 1 && y[1] == low && y[2] == 1 && y[3] == low);
        }
}

/* f' against a central difference of the truth, between kinks. */
static void check_slope(const kernels *t, const rondo_activation *f)
{
    real args[RONDO_MAX_PARAMETERS], x[400], y[400], dy[400], dx[400];
    defaults(args, f->parameters);
    for (int i = 0; i < 400; i++)
        x[i] = -10 + (real)i / 20 + (real)0.013, dy[i] = (real)(i % 5 - 2);
    f->forward(y, x, 400, args);
    f->backward(dx, f->needs_input ? x : NULL, y, dy, 400, args);
    for (int i = 0; i < 400; i++) {
        double h = 1e-5, at = (double)x[i], d = (double)dy[i];
        double slope = (truth(f->name, at + h) - truth(f->name, at - h)) / (2 * h);
        if (!(fabs((double)dx[i] - d * slope) <= 1e-6 * (1 + fabs(slope)) * fabs(d)))
            fail_msg("%s %s'(%g): %.9g, expected %.9g", t->isa, f->name, at, (double)dx[i],
                     d * slope);
    }
}

static void test_slopes(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int a = 0; a < t->n_activations; a++)
            if (!t->activations[a].rowwise) check_slope(t, &t->activations[a]);
}

/* Any n gives the bits of element by element, touches nothing else, and may work in place. */
static void check_tails(const rondo_activation *f)
{
    real args[RONDO_MAX_PARAMETERS];
    defaults(args, f->parameters);
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
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int a = 0; a < t->n_activations; a++) {
            const rondo_activation *f = &t->activations[a];
            real y[8], dx[8], dy[] = { 1, 1, 1, 1, 1, 1, 1, 1 };
            if (strcmp(f->name, "relu")) continue;
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
        for (int a = 0; a < t->n_activations; a++) {
            const rondo_activation *f = &t->activations[a];
            if (strcmp(f->name, "gelu")) continue;
            for (double at = -6; at < 6; at += 0.037) {
                real x = (real)at, y;
                f->forward(&y, &x, 1, args);
                double u = sqrt(2 / acos(-1)) * ((double)x + 0.044715 * pow((double)x, 3));
                assert_near(y, 0.5 * (double)x * (1 + tanh(u)), 5e-7);
            }
        }
}

static void test_softmax(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        const rondo_activation *f = &t->activations[t->n_activations - 1];
        assert_string_equal(f->name, "softmax");
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
        cmocka_unit_test(test_values),          cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_slopes),          cmocka_unit_test(test_tails_and_in_place),
        cmocka_unit_test(test_relu_parameters), cmocka_unit_test(test_gelu_tanh_form),
        cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
