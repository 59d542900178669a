/* Products of operands rounded to bf16 against plain loops in double on rounded numbers, on every
 * table; and the promise that a sum's bits depend on its row and column alone.
 *
 * The limit is that of f32 sums: tables differ in which product of a pair comes first and in
 * whether it is rounded before the second, and in nothing else. */
#include "kernel/kernel_test.h"
#include <float.h>

enum { GUARD = 7 }; /* elements between the rows, that no kernel may touch */

typedef struct product {
    int64_t m, n, k, lda, ldb, ldc;
    bool tn, add, biased;
    real *a, *b, *c, *bias;
    void *packed;
} product;

static const weight_storage *pairs(const kernels *t)
{
    return &t->storage[STORAGE_PAIRS];
}

static void *panels(const kernels *t, int64_t n, int64_t k)
{
    void *packed = malloc((size_t)((n + t->panel - 1) / t->panel * pairs(t)->panel_bytes(k)) + 1);
    assert_non_null(packed);
    return packed;
}

static product product_new(const kernels *t, int64_t m, int64_t n, int64_t k, bool tn, int variant)
{
    product p = { .m = m, .n = n, .k = k, .tn = tn, .add = variant == 1, .biased = variant == 2 };
    p.lda = (tn ? m : k) + GUARD;
    p.ldb = p.ldc = n + GUARD;
    p.a = numbers((tn ? k : m) * p.lda, 1);
    p.b = numbers(k * p.ldb, 2);
    p.c = numbers(m * p.ldc, 3);
    p.bias = numbers(n, 4);
    p.packed = panels(t, n, k);
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
        pairs(t)->gemm_tn(at, p->ldc, p->a + row, p->lda, p->b + column, p->ldb, p->add, m, n,
                          p->k);
    } else {
        pairs(t)->pack(p->packed, p->b + column, p->ldb, p->k, n);
        pairs(t)->product(at, p->ldc, p->a + row * p->lda, p->lda, p->packed,
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
                double a = rounded(p->tn ? p->a[q * p->lda + i] : p->a[i * p->lda + q]);
                double b = rounded(p->b[q * p->ldb + j]);
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

static void small_shapes(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t)) {
        for (int64_t m = 1; m <= 33; m++)
            for (int64_t n = 1; n <= 33; n++) check_shape(t, m, n, 1 + (m * 7 + n * 5) % 33);
        for (int64_t k = 0; k <= 33; k++) check_shape(t, 1 + k % 7, 1 + k * 11 % 33, k);
    }
}

/* Several blocks of rows, chunks of k and parts of a panel. */
static void larger_shapes(void **state)
{
    static const int64_t shape[][3] = { { 1, 130, 300 },  { 2, 128, 64 },   { 3, 200, 401 },
                                        { 5, 65, 129 },   { 20, 192, 70 },  { 61, 100, 723 },
                                        { 301, 67, 140 }, { 13, 15, 1703 }, { 0, 9, 4 } };
    (void)state;
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

static void bits_do_not_depend_on_the_split(void **state)
{
    static const int64_t shape[][3] = { { 7, 33, 21 },    { 20, 150, 64 },  { 64, 31, 701 },
                                        { 300, 90, 500 }, { 23, 257, 901 }, { 50, 64, 1900 } };
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
            for (int variant = 0; variant < 5; variant++) {
                product p = product_new(t, shape[i][0], shape[i][1], shape[i][2], variant > 2,
                                        variant % 3);
                check_splits(t, &p);
                product_free(&p);
            }
}

/* Words of two rounded numbers, zeros behind the end; the transpose packs to the same bytes. */
static void packing(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 1; n <= 2 * t->panel + 1; n += n < 20 ? 1 : 13)
            for (int64_t k = 1; k <= 80; k += 13) {
                const int64_t size = (n + t->panel - 1) / t->panel * t->panel * ((k + 1) / 2);
                real *w = numbers(k * n, 1), *wt = numbers(k * n, 2);
                uint32_t *packed = panels(t, n, k), *transposed = panels(t, n, k);
                for (int64_t p = 0; p < k; p++)
                    for (int64_t j = 0; j < n; j++) wt[j * k + p] = w[p * n + j];
                pairs(t)->pack(packed, w, n, k, n);
                pairs(t)->pack_transposed(transposed, wt, k, k, n);
                assert_memory_equal(packed, transposed, (size_t)size * sizeof *packed);
                for (int64_t i = 0; i < size; i++)
                    for (int half = 0; half < 2; half++) {
                        const int64_t row = i / t->panel, at = 2 * (row % ((k + 1) / 2)) + half;
                        const int64_t j = row / ((k + 1) / 2) * t->panel + i % t->panel;
                        const uint32_t bits = half ? packed[i] & 0xffff0000u : packed[i] << 16;
                        float got;
                        memcpy(&got, &bits, sizeof got);
                        assert_true((double)got == (j < n && at < k ? rounded(w[at * n + j]) : 0));
                    }
                free(w);
                free(wt);
                free(packed);
                free(transposed);
            }
}

/* Ties go to even; what is too large becomes infinite, what is not a number stays so. */
static void rounding(void **state)
{
    static const float in[] = { 1 + 0x1p-8f,  1 + 0x3p-8f,   1 + 0x1.002p-8f,
                                -1 - 0x1p-8f, 0x1.ffffp127f, INFINITY,
                                NAN,          -0.0f };
    static const float want[] = { 1, 1 + 0x1p-6f, 1 + 0x1p-7f, -1, INFINITY, INFINITY, NAN, 0 };
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
            const real x = in[i], one = 1;
            real y[2];
            void *packed = panels(t, 1, 1);
            pairs(t)->pack(packed, &x, 1, 1, 1);
            pairs(t)->product(&y[0], 1, &one, 1, packed, NULL, false, 1, 1, 1);
            pairs(t)->pack(packed, &one, 1, 1, 1);
            pairs(t)->product(&y[1], 1, &x, 1, packed, NULL, false, 1, 1, 1);
            assert_near(y[0], want[i], 0);
            assert_near(y[1], want[i], 0);
            free(packed);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(larger_shapes),
        cmocka_unit_test(bits_do_not_depend_on_the_split),
        cmocka_unit_test(packing),
        cmocka_unit_test(rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
