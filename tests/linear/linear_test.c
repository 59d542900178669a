/* Products with a weight against plain loops in double: shapes of 1 and tails, views of some
 * columns of a wider matrix, frozen weights; and the same bits whatever the number of threads.
 * In f32 and in pairs of bf16, on numbers that bf16 can hold. */
#include "linear/linear.h"
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { PAD = 3 }; /* elements between the rows of x and y that nobody may touch */
static const real untouched = 12345;
static int storage = STORAGE_F32; /* of all problems */

typedef struct
    problem { /* y[rows][out] = x[rows][in]·W + b, W columns [column, column+out) of [in][ld] */
    linear l;
    param *weight; /* the matrix, then the view's biases */
    int64_t rows, column, size, ldx, ldy;
    real *weights; /* [in][ld] then [ld] biases */
    real *gradients, *x, *y;
} problem;

static real *drawn(int64_t n, uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_DATA, 0));
    real *x = alloc_array(n + 1, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (real)(rint(32 * rng_normal(&r)) / 32);
    return x;
}

static real *marked(int64_t n)
{
    real *x = alloc_array(n + 1, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = untouched;
    return x;
}

static problem begin(int64_t rows, int64_t in, int64_t out, int64_t column, int64_t ld)
{
    problem p = {
        .rows = rows, .column = column, .size = in * ld + ld, .ldx = in + PAD, .ldy = out + PAD
    };
    p.weight = alloc_array(2, sizeof *p.weight);
    assert_non_null(p.weight);
    p.weight[0] = (param){ .shape = { 2, { in, ld } } };
    p.weight[1] = (param){ .shape = { 1, { out } },
                           .offset = in * ld + column,
                           .gradient = in * ld + column };
    p.l = (linear){ .storage = storage,
                    .in = in,
                    .out = out,
                    .weight = &p.weight[0],
                    .column = column,
                    .bias = &p.weight[1] };
    p.weights = drawn(p.size, 1);
    p.gradients = alloc_array(p.size, sizeof(real));
    p.x = drawn(rows * p.ldx, 2);
    p.y = marked(rows * p.ldy);
    p.l.packed = alloc_aligned((size_t)linear_packed_bytes(in, out, storage));
    p.l.packed_transposed = alloc_aligned((size_t)linear_packed_bytes(out, in, storage));
    assert_true(p.gradients && p.l.packed && p.l.packed_transposed);
    linear_pack(&p.l, p.weights, &(drop_key){ 0 }, NULL, NULL);
    return p;
}

static void end(problem *p)
{
    alloc_free(p->weight);
    alloc_free(p->weights);
    alloc_free(p->gradients);
    alloc_free(p->x);
    alloc_free(p->y);
    alloc_free_aligned(p->l.packed);
    alloc_free_aligned(p->l.packed_transposed);
}

/* As close as a sum of n rounded products of such sizes can be. */
static void near(real got, double expected, double magnitude, int64_t n)
{
    const double eps = sizeof(real) == 4 ? FLT_EPSILON : DBL_EPSILON;
    if (!(fabs((double)got - expected) <= 2 * eps * (double)(n + 2) * (magnitude + 1)))
        fail_msg("%.9g, expected %.9g", (double)got, expected);
}

static void check_forward(problem *p, bool add)
{
    const linear *l = &p->l;
    real *before = drawn(p->rows * p->ldy, 3);
    memcpy(p->y, before, (size_t)(p->rows * p->ldy) * sizeof(real));
    linear_forward(l, p->weights, NULL, p->y, p->ldy, p->x, p->ldx, p->rows, add);
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t j = 0; j < p->ldy; j++) {
            const real got = p->y[r * p->ldy + j], start = before[r * p->ldy + j];
            if (j >= l->out) {
                assert_true(got == start);
                continue;
            }
            double sum = add       ? (double)start
                         : l->bias ? (double)p->weights[l->bias->offset + j]
                                   : 0;
            double magnitude = fabs(sum);
            for (int64_t k = 0; k < l->in; k++) {
                const double product =
                    (double)p->x[r * p->ldx + k] *
                    (double)p->weights[p->column + k * param_columns(p->weight) + j];
                sum += product;
                magnitude += fabs(product);
            }
            near(got, sum, magnitude, l->in);
        }
    alloc_free(before);
}

static void check_backward_input(problem *p, bool add)
{
    const linear *l = &p->l;
    real *dy = drawn(p->rows * p->ldy, 4), *dx = drawn(p->rows * p->ldx, 5),
         *before = drawn(p->rows * p->ldx, 5);
    linear_backward_input(l, NULL, dx, p->ldx, dy, p->ldy, p->rows, add);
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t k = 0; k < p->ldx; k++) {
            const real got = dx[r * p->ldx + k], start = before[r * p->ldx + k];
            if (k >= l->in) {
                assert_true(got == start);
                continue;
            }
            double sum = add ? (double)start : 0, magnitude = fabs(sum);
            for (int64_t j = 0; j < l->out; j++) {
                const double product =
                    (double)dy[r * p->ldy + j] *
                    (double)p->weights[p->column + k * param_columns(p->weight) + j];
                sum += product;
                magnitude += fabs(product);
            }
            near(got, sum, magnitude, l->out);
        }
    alloc_free(dy);
    alloc_free(dx);
    alloc_free(before);
}

/* dW += xᵀ·dy and db += Σ dy in the view's columns; every other gradient stays as it was. */
static void check_backward_weight(problem *p)
{
    const linear *l = &p->l;
    real *dy = drawn(p->rows * p->ldy, 6), *before = drawn(p->size, 7);
    memcpy(p->gradients, before, (size_t)p->size * sizeof(real));
    linear_backward_weight(l, p->weights, p->gradients, NULL, p->x, p->ldx, dy, p->ldy, p->rows);
    for (int64_t i = 0; i < p->size; i++) {
        const int64_t ld = param_columns(p->weight), k = i / ld,
                      j = i % ld - p->column; /* k of in: the biases */
        const bool inside = j >= 0 && j < l->out;
        const bool trains = k < l->in ? l->weight->gradient >= 0
                                      : l->bias && l->bias->gradient >= 0;
        if (!inside || !trains) {
            assert_true(p->gradients[i] == before[i]);
            continue;
        }
        double sum = (double)before[i], magnitude = fabs(sum);
        for (int64_t r = 0; r < p->rows; r++) {
            const double x = k < l->in ? (double)p->x[r * p->ldx + k] : 1;
            sum += x * (double)dy[r * p->ldy + j];
            magnitude += fabs(x * (double)dy[r * p->ldy + j]);
        }
        near(p->gradients[i], sum, magnitude, p->rows);
    }
    alloc_free(dy);
    alloc_free(before);
}

static void check_all(problem *p)
{
    check_forward(p, false);
    check_forward(p, true);
    check_backward_input(p, false);
    check_backward_input(p, true);
    check_backward_weight(p);
}

static void every_shape(void **state)
{
    static const int64_t sizes[] = { 1, 2, 7, 16, 17, 33, 65 };
    enum { N = sizeof sizes / sizeof *sizes };
    (void)state;
    for (int i = 0; i < N * N * N; i++) {
        const int64_t out = sizes[i / N % N];
        problem p = begin(sizes[i % N], sizes[i / N / N], out, 0, out);
        check_all(&p);
        end(&p);
    }
}

static void views_of_columns(void **state)
{
    static const int64_t cases[][5] = {
        /* rows in out column ld */
        { 1, 1, 1, 1, 3 },    { 5, 8, 8, 8, 24 },    { 5, 8, 16, 0, 24 },   { 9, 3, 5, 7, 17 },
        { 2, 33, 31, 2, 33 }, { 40, 17, 1, 16, 17 }, { 3, 70, 66, 64, 130 }
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        problem p = begin(cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4]);
        check_all(&p);
        end(&p);
    }
}

static void without_bias_and_frozen(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        problem p = begin(6, 5, 9, 1, 12);
        if (i & 1) p.weight[0].gradient = -1;
        if (i & 2) p.weight[1].gradient = -1;
        if (i & 4) p.l.bias = NULL;
        check_all(&p);
        end(&p);
    }
}

/* No rows is nothing to do, with no bias smeared anywhere; no gradient of it either. */
static void no_rows(void **state)
{
    problem p = begin(1, 4, 5, 0, 5);
    (void)state;
    linear_forward(&p.l, p.weights, NULL, p.y, p.ldy, p.x, p.ldx, 0, false);
    linear_backward_input(&p.l, NULL, p.x, p.ldx, p.y, p.ldy, 0, true);
    linear_backward_weight(&p.l, p.weights, p.gradients, NULL, p.x, p.ldx, p.y, p.ldy, 0);
    for (int64_t i = 0; i < p.ldy; i++) assert_true(p.y[i] == untouched);
    for (int64_t i = 0; i < p.size; i++) assert_true(p.gradients[i] == 0);
    end(&p);
}

/* Weights that change show once they are packed again. */
static void packed_again(void **state)
{
    problem p = begin(2, 6, 4, 0, 4);
    (void)state;
    for (int64_t i = 0; i < p.size; i++) p.weights[i] *= 2;
    linear_pack(&p.l, p.weights, &(drop_key){ 0 }, NULL, NULL);
    check_all(&p);
    end(&p);
}

typedef struct results {
    real *y, *dx, *gradients;
} results;

static results run(problem *p, pool *threads)
{
    results r = { marked(p->rows * p->ldy), marked(p->rows * p->ldx), drawn(p->size, 8) };
    linear_forward(&p->l, p->weights, threads, r.y, p->ldy, p->x, p->ldx, p->rows, false);
    linear_backward_input(&p->l, threads, r.dx, p->ldx, r.y, p->ldy, p->rows, false);
    linear_backward_weight(&p->l, p->weights, r.gradients, threads, p->x, p->ldx, r.y, p->ldy,
                           p->rows);
    return r;
}

static void free_results(results *r)
{
    alloc_free(r->y);
    alloc_free(r->dx);
    alloc_free(r->gradients);
}

static void same_bits_for_any_threads(void **state)
{
    static const int64_t shapes[][3] = { { 300, 70, 130 }, { 25, 64, 300 }, { 1, 300, 333 },
                                         { 97, 1, 700 },   { 1000, 65, 1 }, { 24, 100, 64 },
                                         { 49, 200, 65 } };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        problem p = begin(shapes[i][0], shapes[i][1], shapes[i][2], 3, shapes[i][2] + 5);
        results one = run(&p, NULL);
        for (int n = 1; n <= 4; n *= 2) {
            pool *threads;
            assert_int_equal(pool_new(&threads, n), RONDO_OK);
            results many = run(&p, threads);
            assert_memory_equal(one.y, many.y, (size_t)(p.rows * p.ldy) * sizeof(real));
            assert_memory_equal(one.dx, many.dx, (size_t)(p.rows * p.ldx) * sizeof(real));
            assert_memory_equal(one.gradients, many.gradients, (size_t)p.size * sizeof(real));
            free_results(&many);
            pool_free(threads);
        }
        free_results(&one);
        end(&p);
    }
}

/* A row has the same bits alone and among others: what streaming and batching rest on. */
static void same_bits_for_any_rows(void **state)
{
    problem p = begin(67, 45, 83, 2, 90);
    real *alone = marked(p.ldy);
    (void)state;
    linear_forward(&p.l, p.weights, NULL, p.y, p.ldy, p.x, p.ldx, p.rows, false);
    for (int64_t r = 0; r < p.rows; r++) {
        linear_forward(&p.l, p.weights, NULL, alone, p.ldy, p.x + r * p.ldx, p.ldx, 1, false);
        assert_memory_equal(alone, p.y + r * p.ldy, (size_t)p.l.out * sizeof(real));
    }
    alloc_free(alone);
    end(&p);
}

static int in_pairs(void **state)
{
    (void)state;
    storage = STORAGE_PAIRS;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape),
        cmocka_unit_test(views_of_columns),
        cmocka_unit_test(without_bias_and_frozen),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(packed_again),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(same_bits_for_any_rows),
    };
    const int failed = cmocka_run_group_tests_name("f32", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("pairs", tests, in_pairs, NULL);
}
