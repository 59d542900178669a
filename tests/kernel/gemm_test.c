/* Products against plain loops in double, on every table; and the promise that a sum's bits
 * depend on its row and column alone. */
#include "kernel/kernel_test.h"
#include <float.h>

enum { GUARD = 7 }; /* elements between the rows, that no kernel may touch */

typedef struct product {
    int64_t m, n, k, lda, ldb, ldc;
    bool tn, add, biased;
    real *a, *b, *c, *bias, *packed;
} product;

static int64_t panels(const kernels *t, int64_t n)
{
    return (n + t->panel - 1) / t->panel * t->panel;
}

static product product_new(const kernels *t, int64_t m, int64_t n, int64_t k, bool tn, int variant)
{
    product p = { .m = m, .n = n, .k = k, .tn = tn, .add = variant == 1, .biased = variant == 2 };
    p.lda = (tn ? m : k) + GUARD;
    p.ldb = n + GUARD;
    p.ldc = n + GUARD;
    p.a = numbers((tn ? k : m) * p.lda, 1);
    p.b = numbers(k * p.ldb, 2);
    p.c = numbers(m * p.ldc, 3);
    p.bias = numbers(n, 4);
    p.packed = numbers(panels(t, n) * k, 5);
    return p;
}

static void product_free(product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->bias);
    free(p->packed);
}

/* Rows [row, row+m) and columns [column, column+n) of the product. */
static void run(const kernels *t, const product *p, real *c, int64_t row, int64_t m, int64_t column,
                int64_t n)
{
    real *at = c + row * p->ldc + column;
    if (p->tn) {
        t->gemm_tn(at, p->ldc, p->a + row, p->lda, p->b + column, p->ldb, p->add, m, n, p->k);
    } else {
        t->pack(p->packed, p->b + column, p->ldb, p->k, n);
        t->gemm(at, p->ldc, p->a + row * p->lda, p->lda, p->packed,
                p->biased ? p->bias + column : NULL, p->add, m, n, p->k);
    }
}

static void check_values(const kernels *t, const product *p)
{
    real *c = copy_of(p->c, p->m * p->ldc);
    run(t, p, c, 0, p->m, 0, p->n);
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->ldc; j++) {
            double old = (double)p->c[i * p->ldc + j], got = (double)c[i * p->ldc + j];
            if (j >= p->n) {
                assert_true(got == old);
                continue;
            }
            double want = p->add ? old : p->biased ? (double)p->bias[j] : 0, size = fabs(want);
            for (int64_t q = 0; q < p->k; q++) {
                double a = (double)(p->tn ? p->a[q * p->lda + i] : p->a[i * p->lda + q]);
                double b = (double)p->b[q * p->ldb + j];
                want += a * b;
                size += fabs(a * b);
            }
            if (!(fabs(got - want) <= FLT_EPSILON * (2 + sqrt((double)p->k)) * size))
                fail_msg("%s %s %dx%dx%d variant %d%d at %d,%d: %.9g, expected %.9g", t->isa,
                         p->tn ? "tn" : "nn", (int)p->m, (int)p->n, (int)p->k, p->add, p->biased,
                         (int)i, (int)j, got, want);
        }
    free(c);
}

static void check_shape(const kernels *t, int64_t m, int64_t n, int64_t k)
{
    for (int variant = 0; variant < 3; variant++)
        for (int tn = 0; tn < (variant < 2 ? 2 : 1); tn++) {
            product p = product_new(t, m, n, k, tn, variant);
            check_values(t, &p);
            product_free(&p);
        }
}

static void test_small_shapes(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t m = 1; m <= 33; m++)
            for (int64_t n = 1; n <= 33; n++) check_shape(t, m, n, 1 + (m * 7 + n * 5) % 33);
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t k = 0; k <= 33; k++) check_shape(t, 1 + k % 7, 1 + k * 11 % 33, k);
}

static void test_larger_shapes(void **state)
{
    (void)state;
    static const int64_t shape[][3] = { { 1, 130, 300 },  { 2, 128, 64 },   { 3, 200, 401 },
                                        { 5, 65, 129 },   { 20, 192, 70 },  { 61, 100, 523 },
                                        { 301, 67, 140 }, { 13, 15, 1700 }, { 0, 9, 4 },
                                        { 7, 3001, 701 }, { 490, 81, 600 } };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
            check_shape(t, shape[i][0], shape[i][1], shape[i][2]);
}

/* Any split of the rows and columns gives the bits of the whole. */
static void check_splits(const kernels *t, const product *p)
{
    const int64_t cells = p->m * p->ldc;
    real *whole = copy_of(p->c, cells), *split = copy_of(p->c, cells);
    run(t, p, whole, 0, p->m, 0, p->n);
    rng random = rng_new(11, (uint64_t)p->m);
    for (int64_t i = 0, m; i < p->m; i += m) {
        m = 1 + rng_below(&random, p->m - i);
        for (int64_t j = 0, n; j < p->n; j += n) {
            n = 1 + rng_below(&random, p->n - j);
            run(t, p, split, i, m, j, n);
        }
    }
    assert_true(same_bits(whole, split, cells));
    memcpy(split, p->c, (size_t)cells * sizeof *split);
    for (int64_t i = 0; i < p->m; i++) run(t, p, split, i, 1, 0, p->n);
    assert_true(same_bits(whole, split, cells));
    free(whole);
    free(split);
}

static void test_bits_do_not_depend_on_the_split(void **state)
{
    (void)state;
    static const int64_t shape[][3] = { { 7, 33, 21 },    { 20, 150, 64 },  { 64, 31, 700 },
                                        { 300, 90, 500 }, { 23, 257, 901 }, { 4, 64, 1900 } };
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
            for (int variant = 0; variant < 6; variant++) {
                product p = product_new(t, shape[i][0], shape[i][1], shape[i][2], variant > 2,
                                        variant % 3);
                check_splits(t, &p);
                product_free(&p);
            }
}

static void test_packing(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 1; n <= 2 * t->panel + 1; n += n < 20 ? 1 : 13)
            for (int64_t k = 1; k <= 40; k += 13) {
                int64_t size = panels(t, n) * k;
                real *w = numbers(k * n, 1), *wt = numbers(k * n, 2);
                real *packed = numbers(size, 3), *transposed = numbers(size, 4);
                for (int64_t p = 0; p < k; p++)
                    for (int64_t j = 0; j < n; j++) wt[j * k + p] = w[p * n + j];
                t->pack(packed, w, n, k, n);
                t->pack_transposed(transposed, wt, k, k, n);
                assert_true(same_bits(packed, transposed, size));
                for (int64_t i = 0; i < size; i++) {
                    int64_t p = i / t->panel % k, j = i / t->panel / k * t->panel + i % t->panel;
                    assert_true(packed[i] == (j < n ? w[p * n + j] : 0));
                }
                free(w);
                free(wt);
                free(packed);
                free(transposed);
            }
}

static void test_column_sums(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 1; n < 150; n += n < 34 ? 1 : 9)
            for (int64_t m = 0; m < 34; m += 3) {
                real *a = numbers(m * (n + GUARD), 1), *y = numbers(n, 2), *old = copy_of(y, n);
                for (int add = 1; add >= 0; add--) {
                    t->column_sums(y, a, n + GUARD, add, m, n);
                    for (int64_t j = 0; j < n; j++) {
                        double want = add ? (double)old[j] : 0;
                        for (int64_t i = 0; i < m; i++) want += (double)a[i * (n + GUARD) + j];
                        assert_near(y[j], want, 1e-5);
                    }
                }
                free(a);
                free(y);
                free(old);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_shapes),
        cmocka_unit_test(test_larger_shapes),
        cmocka_unit_test(test_bits_do_not_depend_on_the_split),
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_column_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
