/* Vectors and rows of every table against plain loops, all lengths 0…40 and a few longer. */
#include "kernel/kernel_test.h"
#include <float.h>

enum { LONGEST = 40 };

static void check_vectors(const kernels *t, int64_t n)
{
    real *a = numbers(n + 1, 1), *b = numbers(n + 1, 2), *c = numbers(n + 1, 3), *y;
    double sum = 0, squares = 0;
#define CHECK(call, want, tolerance)                                                               \
    y = copy_of(c, n + 1);                                                                         \
    t->call;                                                                                       \
    for (int64_t i = 0; i < n; i++) assert_near(y[i], want, tolerance);                            \
    assert_true(y[n] == c[n]);                                                                     \
    free(y)
    CHECK(fill(y, 3, n), 3, 0);
    CHECK(add(y, a, n), c[i] + a[i], 0);
    CHECK(scale(y, a, (real)0.3, n), a[i] * (real)0.3, 0);
    CHECK(scale(y, y, (real)0.3, n), c[i] * (real)0.3, 0);
    CHECK(axpy(y, (real)0.3, a, n), (double)c[i] + 0.3 * (double)a[i], 2e-7);
    CHECK(approach(y, (real)0.3, a, n), (double)c[i] + 0.3 * ((double)a[i] - (double)c[i]), 4e-7);
    CHECK(mul(y, a, b, n), a[i] * b[i], 0);
    CHECK(mul(y, a, y, n), a[i] * c[i], 0);
    CHECK(mul_add(y, a, b, n), (double)c[i] + (double)a[i] * (double)b[i], 2e-7);
#undef CHECK
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i];
        squares += (double)a[i] * (double)a[i];
    }
    assert_near(t->sum(a, n), sum, 1e-12 * (double)(n + 1));
    assert_near(t->sum_squares(a, n), squares, 1e-12 * (double)(n + 1));
    assert_true(t->sum(a, n) == kernel_at(0, NULL)->sum(a, n));
    assert_true(t->sum_squares(a, n) == kernel_at(0, NULL)->sum_squares(a, n));
    free(a);
    free(b);
    free(c);
}

/* Whole numbers from a few, so that there are equals. */
static void check_maxout(const kernels *t, int64_t n, int64_t pieces)
{
    real *x = numbers(n * pieces + 1, 1), *dy = numbers(n + 1, 2), *y = numbers(n + 1, 3);
    real *dx = numbers(n * pieces + 1, 4);
    const real past_y = y[n], past_dx = dx[n * pieces];
    for (int64_t i = 0; i < n * pieces; i++) x[i] = (real)(i * i % 5) - 2;
    t->maxout(y, x, n, pieces);
    t->maxout_backward(dx, x, y, dy, n, pieces);
    for (int64_t i = 0; i < n; i++) {
        int64_t most = 0;
        for (int64_t j = 1; j < pieces; j++)
            if (x[j * n + i] > x[most * n + i]) most = j;
        assert_true(y[i] == x[most * n + i]);
        for (int64_t j = 0; j < pieces; j++) assert_true(dx[j * n + i] == (j == most ? dy[i] : 0));
    }
    assert_true(y[n] == past_y && dx[n * pieces] == past_dx);
    free(x);
    free(dy);
    free(y);
    free(dx);
}

static void test_maxout(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 0; n <= LONGEST; n++)
            for (int64_t pieces = 1; pieces <= 4; pieces++) check_maxout(t, n, pieces);
}

static void test_vectors(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        for (int64_t n = 0; n <= LONGEST; n++) check_vectors(t, n);
        check_vectors(t, 1000);
        check_vectors(t, 4099);
    }
}

static void test_all_finite(void **state)
{
    (void)state;
    static const real bad[] = { INFINITY, -INFINITY, NAN };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 0; n <= LONGEST; n++) {
            real *x = numbers(n + 1, 1);
            x[n] = NAN;
            if (n > 0) x[0] = FLT_MAX;
            assert_true(t->all_finite(x, n));
            for (int64_t i = 0; i < n; i++) {
                real kept = x[i];
                x[i] = bad[i % 3];
                assert_false(t->all_finite(x, n));
                x[i] = kept;
            }
            free(x);
        }
}

static void test_argmax(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 1; n < 70; n++) {
            real *x = numbers(n, (uint64_t)n);
            for (int64_t i = 0; i < n; i++) {
                real *y = copy_of(x, n);
                y[i] = 9;
                y[n - 1] = 9; /* the first of two */
                assert_int_equal(t->argmax(y, n), i);
                y[i] = NAN;
                assert_in_range(t->argmax(y, n), 0, n - 1);
                for (int64_t k = 0; k < n; k++) y[k] = -INFINITY;
                assert_int_equal(t->argmax(y, n), 0);
                free(y);
            }
            free(x);
        }
}

static void check_indexed(const kernels *t, int64_t width)
{
    enum { ROWS = 5 };
    static const int64_t index[ROWS] = { 3, -1, 0, 3, 4 };
    real *x = numbers(ROWS * width, 1), *old = numbers(ROWS * width, 2), *want;
#define CHECK(kernel, loop)                                                                        \
    do {                                                                                           \
        real *y = copy_of(old, ROWS * width);                                                      \
        want = copy_of(old, ROWS * width);                                                         \
        t->kernel(y, x, index, ROWS, width);                                                       \
        for (int r = 0; r < ROWS; r++)                                                             \
            for (int64_t i = 0; i < width; i++) loop;                                              \
        assert_true(same_bits(y, want, ROWS *width));                                              \
        free(y);                                                                                   \
        free(want);                                                                                \
    } while (0)
    CHECK(gather, want[r * width + i] = index[r] < 0 ? 0 : x[index[r] * width + i]);
    CHECK(scatter, if (index[r] >= 0) want[index[r] * width + i] = x[r * width + i]);
    CHECK(gather_add, if (index[r] >= 0) want[r * width + i] += x[index[r] * width + i]);
    CHECK(scatter_add, if (index[r] >= 0) want[index[r] * width + i] += x[r * width + i]);
#undef CHECK
    free(x);
    free(old);
}

static void test_rows_by_index(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= LONGEST; width++) check_indexed(t, width);
}

static void test_norm_forward(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= LONGEST; width++) {
            real *x = numbers(ROWS * width, 1), *gain = numbers(width, 2),
                 *shift = numbers(width, 3);
            real *y = numbers(ROWS * width, 4), *xhat = numbers(ROWS * width, 5), rstd[ROWS];
            for (int64_t i = 0; i < ROWS * width; i++) x[i] += 10;
            for (int plain = 0; plain < 2; plain++) {
                t->norm_forward(y, xhat, rstd, x, plain ? NULL : gain, plain ? NULL : shift,
                                (real)1e-3, ROWS, width);
                for (int64_t r = 0; r < ROWS; r++) {
                    double mean = 0, variance = 0;
                    for (int64_t i = 0; i < width; i++) mean += (double)x[r * width + i];
                    mean /= (double)width;
                    for (int64_t i = 0; i < width; i++)
                        variance += pow((double)x[r * width + i] - mean, 2) / (double)width;
                    assert_near(rstd[r], 1 / sqrt(variance + 1e-3), 1e-4);
                    for (int64_t i = 0; i < width; i++) {
                        double h = ((double)x[r * width + i] - mean) / sqrt(variance + 1e-3);
                        assert_near(xhat[r * width + i], h, 5e-5);
                        if (!plain) h = h * (double)gain[i] + (double)shift[i];
                        assert_near(y[r * width + i], h, 5e-5);
                    }
                }
            }
            free(x);
            free(gain);
            free(shift);
            free(y);
            free(xhat);
        }
}

/* In float only that every table agrees with the scalar one; the double test checks that one. */
static void test_norm_backward(void **state)
{
    (void)state;
    enum { ROWS = 4 };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t width = 1; width <= LONGEST; width++) {
            int64_t n = ROWS * width;
            real *dy = numbers(n, 1), *xhat = numbers(n, 2), *gain = numbers(width, 3);
            real *rstd = numbers(ROWS, 4), *start = numbers(n, 5);
            for (int add = 0; add < 2; add++) {
                real *out[2][3];
                for (int which = 0; which < 2; which++) {
                    for (int i = 0; i < 3; i++) out[which][i] = copy_of(start, i ? width : n);
                    const kernels *k = which ? t : kernel_at(0, NULL);
                    k->norm_backward(out[which][0], add, out[which][1], out[which][2], dy, xhat,
                                     rstd, gain, ROWS, width);
                }
                for (int i = 0; i < 3; i++) {
                    for (int64_t j = 0; j < (i ? width : n); j++)
                        assert_near(out[1][i][j], out[0][i][j], 1e-6);
                    free(out[0][i]);
                    free(out[1][i]);
                }
            }
            t->norm_backward(NULL, false, NULL, NULL, dy, xhat, rstd, NULL, ROWS, width);
            free(dy);
            free(xhat);
            free(gain);
            free(rstd);
            free(start);
        }
}

static void test_dropout_mask(void **state)
{
    (void)state;
    enum { ROWS = 300, WIDTH = 203 };
    static real mask[ROWS * WIDTH], other[ROWS * WIDTH];
    const kernels *scalar = kernel_at(0, NULL);
    const real rate = (real)0.3;
    scalar->dropout_mask(mask, rate, 42, 7, 3, 1000, ROWS, WIDTH);
    double dropped = 0, follows = 0;
    for (int64_t i = 0; i < ROWS * WIDTH; i++) {
        const int64_t at = i % WIDTH;
        uint32_t u[4];
        rng_philox(u, (uint32_t[]){ (uint32_t)at / 4, 1000 + (uint32_t)(i / WIDTH), 7, 3 },
                   (uint32_t[]){ 42, 0 });
        const bool drops = (real)(u[at % 4] >> 8) * (real)0x1p-24 < rate;
        assert_true(mask[i] == (drops ? 0 : 1 / (1 - rate)));
        dropped += mask[i] == 0;
        follows += i > 0 && mask[i] == 0 && mask[i - 1] == 0;
    }
    double n = (double)ROWS * WIDTH;
    assert_near(dropped / n, 0.3, 4 * sqrt(0.21 / n));
    assert_near(follows / n, 0.09, 6 * sqrt(0.09 / n));
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        t->dropout_mask(other, rate, 42, 7, 3, 1000, ROWS, WIDTH);
        assert_true(same_bits(mask, other, ROWS * WIDTH));
        t->dropout_mask(other, rate, 42, 7, 3, 1100, 50, WIDTH); /* rows are where they were */
        assert_true(same_bits(mask + 100 * WIDTH, other, 50 * WIDTH));
        t->dropout_mask(other, rate, 42, 8, 3, 1000, ROWS, WIDTH);
        assert_false(same_bits(mask, other, ROWS * WIDTH));
        t->dropout_mask(other, 0, 42, 7, 3, 0, 1, 9);
        for (int i = 0; i < 9; i++) assert_true(other[i] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),      cmocka_unit_test(test_all_finite),
        cmocka_unit_test(test_argmax),       cmocka_unit_test(test_rows_by_index),
        cmocka_unit_test(test_norm_forward), cmocka_unit_test(test_norm_backward),
        cmocka_unit_test(test_dropout_mask), cmocka_unit_test(test_maxout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
