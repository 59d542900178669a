/* Five updates of every optimizer on every table against Keras' formulas in double. */
#include "kernel/kernel_test.h"

enum { N = 37, STEPS = 5 };

typedef struct weights { /* double: the formulas; real: the kernel */
    double w[N], s1[N], s2[N];
    real rw[N], rs1[N], rs2[N];
} weights;

static void begin(weights *x)
{
    real *start = numbers(N, 1);
    memset(x, 0, sizeof *x);
    for (int i = 0; i < N; i++) x->w[i] = (double)(x->rw[i] = start[i]);
    free(start);
}

static void compare(const weights *x)
{
    for (int i = 0; i < N; i++) {
        assert_near(x->rw[i], x->w[i], 1e-6);
        assert_near(x->rs1[i], x->s1[i], 1e-6);
        assert_near(x->rs2[i], x->s2[i], 1e-6);
    }
}

static void test_sgd(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int variant = 0; variant < 4; variant++) {
            weights x;
            optimizer_terms o = {
                .scale = 1, .rate = 0.1, .momentum = 0.9, .nesterov = variant == 2
            };
            if (variant == 3) o.decay = 0.04;
            begin(&x);
            for (int step = 0; step < STEPS; step++) {
                real *g = numbers(N, 10 + (uint64_t)step);
                t->sgd(x.rw, variant ? x.rs1 : NULL, g, N, &o);
                for (int i = 0; i < N; i++) {
                    double gi = (double)g[i], momentum = variant ? 0.9 : 0;
                    double v = momentum * x.s1[i] - 0.1 * gi;
                    x.w[i] -= 0.1 * o.decay * x.w[i];
                    x.w[i] += o.nesterov ? momentum * v - 0.1 * gi : v;
                    if (variant) x.s1[i] = v;
                }
                free(g);
            }
            compare(&x);
        }
}

static void test_rmsprop(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int moving = 0; moving < 2; moving++) {
            weights x;
            optimizer_terms o = {
                .scale = 1, .rate = 0.01, .rho = 0.9, .epsilon = 1e-7, .momentum = 0.5
            };
            begin(&x);
            for (int step = 0; step < STEPS; step++) {
                real *g = numbers(N, 20 + (uint64_t)step);
                g[3] = 0;
                t->rmsprop(x.rw, x.rs1, moving ? x.rs2 : NULL, g, N, &o);
                for (int i = 0; i < N; i++) {
                    double gi = (double)g[i];
                    x.s1[i] = 0.9 * x.s1[i] + (1 - 0.9) * gi * gi;
                    double increment = 0.01 * gi / sqrt(x.s1[i] + 1e-7);
                    if (moving) increment = x.s2[i] = 0.5 * x.s2[i] + increment;
                    x.w[i] -= increment;
                }
                free(g);
            }
            compare(&x);
        }
}

static void test_adam(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int decays = 0; decays < 2; decays++) {
            weights x;
            optimizer_terms o = {
                .scale = 1, .rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7
            };
            if (decays) o.decay = 0.04;
            begin(&x);
            for (int step = 1; step <= STEPS; step++) {
                real *g = numbers(N, 30 + (uint64_t)step);
                g[3] = 0;
                o.correction1 = 1 - pow(0.9, step);
                o.correction2 = 1 - pow(0.999, step);
                t->adam(x.rw, x.rs1, x.rs2, g, N, &o);
                double alpha = 0.001 * sqrt(o.correction2) / o.correction1;
                for (int i = 0; i < N; i++) {
                    double gi = (double)g[i];
                    x.w[i] -= 0.001 * o.decay * x.w[i];
                    x.s1[i] += (gi - x.s1[i]) * (1 - 0.9);
                    x.s2[i] += (gi * gi - x.s2[i]) * (1 - 0.999);
                    x.w[i] -= alpha * x.s1[i] / (sqrt(x.s2[i]) + 1e-7);
                }
                free(g);
            }
            compare(&x);
        }
}

/* An update of a part gives the bits of the whole, and lengths that are no multiple of a vector
 * stay inside. */
static void test_tails(void **state)
{
    (void)state;
    const optimizer_terms o = { .scale = 1,
                                .rate = 0.1,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .epsilon = 1e-7,
                                .correction1 = 0.1,
                                .correction2 = 0.01,
                                .rho = 0.9,
                                .momentum = 0.9,
                                .decay = 0.01 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int n = 0; n < N; n++) {
            weights whole, part;
            real *g = numbers(N, 40);
            begin(&whole);
            begin(&part);
            t->adam(whole.rw, whole.rs1, whole.rs2, g, N, &o);
            t->adam(part.rw, part.rs1, part.rs2, g, n, &o);
            assert_true(n == N || part.rs1[n] == 0);
            t->adam(part.rw + n, part.rs1 + n, part.rs2 + n, g + n, N - n, &o);
            t->rmsprop(whole.rw, whole.rs2, whole.rs1, g, N, &o); /* squares are no less than 0 */
            t->rmsprop(part.rw, part.rs2, part.rs1, g, n, &o);
            t->rmsprop(part.rw + n, part.rs2 + n, part.rs1 + n, g + n, N - n, &o);
            t->sgd(whole.rw, whole.rs1, g, N, &o);
            t->sgd(part.rw, part.rs1, g, n, &o);
            t->sgd(part.rw + n, part.rs1 + n, g + n, N - n, &o);
            assert_true(same_bits(whole.rw, part.rw, N) && same_bits(whole.rs1, part.rs1, N) &&
                        same_bits(whole.rs2, part.rs2, N));
            free(g);
        }
}

/* Gradients are scaled, then clipped, on their way into an update. */
static void test_clipping(void **state)
{
    (void)state;
    const optimizer_terms o = { .rate = 1, .scale = 0.5, .clip = 0.25 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        weights x;
        real *g = numbers(N, 50);
        g[0] = NAN;
        g[1] = INFINITY;
        g[2] = -INFINITY;
        begin(&x);
        t->sgd(x.rw, NULL, g, N, &o);
        assert_true(isnan(x.rw[0]));
        for (int i = 1; i < N; i++)
            assert_near(x.rw[i], x.w[i] - fmax(-0.25, fmin(0.25, 0.5 * (double)g[i])), 1e-6);
        free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),   cmocka_unit_test(test_rmsprop),  cmocka_unit_test(test_adam),
        cmocka_unit_test(test_tails), cmocka_unit_test(test_clipping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
