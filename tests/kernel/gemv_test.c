/* Products with stored weights on every table: one row has the bits of gemm; bf16 and int8 against
 * loops in double over the weights as they are stored; any rows, either direction, any split of the
 * columns gives the same bits. */
#include "kernel/kernel_test.h"
#include <float.h>

enum { GUARD = 5 };

typedef struct problem {
    int64_t m, n, k, lda, ldc;
    real *w, *a, *bias, *c;
    unsigned char *packed;
    double *stored; /* [k][n] the weights as they should be */
} problem;

/* A column as it is stored; int8 has a scale for it. */
static void store_column(const problem *p, int storage, int64_t j)
{
    real most = 0;
    for (int64_t i = 0; i < p->k; i++) {
        const real w = p->w[i * (p->n + GUARD) + j];
        most = w > most ? w : -w > most ? -w : most;
    }
    for (int64_t i = 0; i < p->k; i++) {
        const real w = p->w[i * (p->n + GUARD) + j], scale = most / 127, levels = w / scale;
        p->stored[i * p->n + j] = storage == STORAGE_F32    ? (double)w
                                  : storage == STORAGE_INT8 ? round((double)levels) * (double)scale
                                                            : rounded(w);
    }
}

static problem begin(const kernels *t, int storage, int64_t m, int64_t n, int64_t k)
{
    const weight_storage *s = &t->storage[storage];
    problem p = { .m = m, .n = n, .k = k, .lda = k + GUARD, .ldc = n + GUARD };
    p.w = numbers(k * (n + GUARD), 1);
    p.a = numbers(m * p.lda, 2);
    for (int64_t i = 0; i < m * p.lda && storage == STORAGE_PAIRS; i++)
        p.a[i] = (real)rounded(p.a[i]);
    p.bias = numbers(n, 3);
    p.c = numbers(m * p.ldc, 4);
    p.packed = malloc((size_t)((n + t->panel - 1) / t->panel * s->panel_bytes(k)) + 1);
    assert_non_null(p.packed);
    s->pack(p.packed, p.w, n + GUARD, k, n);
    p.stored = malloc((size_t)(n * k) * sizeof *p.stored);
    assert_non_null(p.stored);
    for (int64_t j = 0; j < n; j++) store_column(&p, storage, j);
    return p;
}

static void end(problem *p)
{
    free(p->w);
    free(p->a);
    free(p->bias);
    free(p->c);
    free(p->packed);
    free(p->stored);
}

typedef enum mode { FROM_ZERO, FROM_BIAS, ADD_TO_BIAS, MODES } mode;

static const real *begin_at(const problem *p, real *c, mode from, int64_t row, int64_t rows)
{
    for (int64_t r = row; from == ADD_TO_BIAS && r < row + rows; r++)
        memcpy(c + r * p->ldc, p->bias, (size_t)p->n * sizeof *c);
    return from == FROM_BIAS ? p->bias : NULL;
}

static void run(const weight_storage *s, const problem *p, real *c, mode from)
{
    const real *bias = begin_at(p, c, from, 0, p->m);
    s->product(c, p->ldc, p->a, p->lda, p->packed, bias, from == ADD_TO_BIAS, p->m, p->n, p->k);
}

static void run_row(const weight_storage *s, const problem *p, real *c, mode from, bool backwards,
                    int64_t r)
{
    const row_term term = { p->a + r * p->lda, p->packed, p->k };
    const real *bias = begin_at(p, c, from, r, 1);
    c += r * p->ldc;
    s->row(c, from == ADD_TO_BIAS ? c : bias, &term, 1, backwards, p->n);
}

static void check_values(const kernels *t, int storage, const problem *p, mode from)
{
    for (int64_t r = 0; r < p->m; r++) {
        double level = 0;
        for (int64_t i = 0; i < p->k; i++) level = fmax(level, fabs((double)p->a[r * p->lda + i]));
        level = storage == STORAGE_INT8 ? level / 8191 / 2 : 0; /* what x is rounded by */
        for (int64_t j = 0; j < p->n; j++) {
            double want = from == FROM_ZERO ? 0 : (double)p->bias[j], size = fabs(want), off = 0;
            for (int64_t i = 0; i < p->k; i++) {
                const double w = p->stored[i * p->n + j];
                want += w * (double)p->a[r * p->lda + i];
                size += fabs(w * (double)p->a[r * p->lda + i]);
                off += fabs(w) * level;
            }
            const double limit = FLT_EPSILON * (4 + sqrt((double)p->k)) * size + 1.01 * off;
            const double got = (double)p->c[r * p->ldc + j];
            if (!(fabs(got - want) <= limit))
                fail_msg("%s %s %dx%dx%d at %d,%d: %.9g, expected %.9g", t->isa,
                         t->storage[storage].name, (int)p->m, (int)p->n, (int)p->k, (int)r, (int)j,
                         got, want);
        }
    }
}

static void check_bits(const weight_storage *s, const problem *p, mode from)
{
    real *other = copy_of(p->c, p->m * p->ldc);
    for (int backwards = 0; backwards < 2; backwards++) {
        for (int64_t r = 0; r < p->m; r++) run_row(s, p, other, from, backwards, r);
        assert_true(same_bits(other, p->c, p->m * p->ldc));
    }
    free(other);
}

static void check(const kernels *t, int storage, int64_t m, int64_t n, int64_t k)
{
    const weight_storage *s = &t->storage[storage];
    problem p = begin(t, storage, m, n, k);
    real *before = copy_of(p.c, m * p.ldc);
    for (mode from = 0; from < MODES; from++) {
        run(s, &p, p.c, from);
        check_values(t, storage, &p, from);
        check_bits(s, &p, from);
        for (int64_t r = 0; r < m; r++)
            assert_true(same_bits(p.c + r * p.ldc + n, before + r * p.ldc + n, GUARD));
    }
    free(before);
    end(&p);
}

static void every_shape(void **state)
{
    static const int64_t ns[] = { 1, 7, 16, 17, 63, 64, 65, 128, 130, 200 };
    static const int64_t ks[] = { 1, 3, 4, 31, 33, 50, 130 };
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int s = 0; s < STORAGES; s++)
            for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
                for (size_t k = 0; k < sizeof ks / sizeof *ks; k++)
                    check(t, s, 1 + (int64_t)(i + k) % 6, ns[i], ks[k]);
}

/* More steps than whole numbers are summed over at once. */
static void long_sums(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int s = 0; s < STORAGES; s++) {
            check(t, s, 3, 5, 4096);
            check(t, s, 2, 5, 9001);
        }
}

static void one_row_is_gemm(void **state)
{
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int64_t n = 1; n < 200; n += 11) {
            problem p = begin(t, STORAGE_F32, 1, n, 70);
            real *c = copy_of(p.c, p.ldc);
            t->gemm(c, p.ldc, p.a, p.lda, (const real *)(const void *)p.packed, p.bias, false, 1, n,
                    p.k);
            run_row(&t->storage[STORAGE_F32], &p, p.c, FROM_BIAS, n % 2, 0);
            assert_true(same_bits(c, p.c, p.ldc));
            free(c);
            end(&p);
        }
}

/* Two terms make the sum that the second adds to the first; a share of the columns has its bits. */
static void check_terms(const kernels *t, int storage, int64_t n, int64_t k1, int64_t k2)
{
    const weight_storage *s = &t->storage[storage];
    problem p = begin(t, storage, 1, n, k1), q = begin(t, storage, 1, n, k2);
    const row_term terms[] = { { p.a, p.packed, k1 }, { q.a, q.packed, k2 } };
    run(s, &p, p.c, FROM_BIAS);
    s->product(p.c, p.ldc, q.a, q.lda, q.packed, NULL, true, 1, n, k2);
    for (int backwards = 0; backwards < 2; backwards++) {
        s->row(q.c, p.bias, terms, 2, backwards, n);
        assert_true(same_bits(q.c, p.c, n));
        memcpy(q.c, p.bias, (size_t)n * sizeof *q.c);
        s->row(q.c, q.c, terms, 2, backwards, n);
        assert_true(same_bits(q.c, p.c, n));
    }
    if (n > t->panel) {
        const row_term rest[] = { { p.a, p.packed + s->panel_bytes(k1), k1 },
                                  { q.a, q.packed + s->panel_bytes(k2), k2 } };
        s->row(q.c, p.bias + t->panel, rest, 2, false, n - t->panel);
        assert_true(same_bits(q.c, p.c + t->panel, n - t->panel));
    }
    end(&p);
    end(&q);
}

static void several_terms(void **state)
{
    static const int64_t ns[] = { 1, 15, 16, 33, 80, 96, 130, 257 };
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int s = 0; s < STORAGES; s++)
            for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
                check_terms(t, s, ns[i], 5, 32);
                check_terms(t, s, ns[i], 130, 64);
                check_terms(t, s, ns[i], 3, 4100);
            }
}

/* What is not finite in a row or a column comes out as not a number there and only there; zeros give
 * the bias. */
static void odd_numbers(void **state)
{
    static const real odd[] = { NAN, INFINITY, -INFINITY };
    enum { N = 20, K = 37 };
    (void)state;
    for (const kernels *t = next_table(NULL); t; t = next_table(t))
        for (int i = 0; i < 3; i++) {
            const weight_storage *s = &t->storage[STORAGE_INT8];
            problem p = begin(t, STORAGE_INT8, 3, N, K);
            p.a[p.lda + 5] = odd[i];
            memset(p.a + 2 * p.lda, 0, K * sizeof *p.a);
            p.w[3 * (N + GUARD) + 8] = odd[i];
            s->pack(p.packed, p.w, N + GUARD, K, N);
            run(s, &p, p.c, FROM_BIAS);
            for (int64_t j = 0; j < N; j++) {
                assert_true(isnan(p.c[p.ldc + j]));
                assert_true(isnan(p.c[j]) == (j == 8));
                if (j != 8) assert_true(p.c[2 * p.ldc + j] == p.bias[j]);
            }
            end(&p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape),     cmocka_unit_test(long_sums),
        cmocka_unit_test(one_row_is_gemm), cmocka_unit_test(several_terms),
        cmocka_unit_test(odd_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
