/* Initial weights: the distributions that Keras 3 states, their fans, and the same values for the
 * same seed. */
#include "layer/layer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { IN = 160, OUT = 240, N = IN * OUT };
static real w[N];

static void run(const char *text, rondo_shape shape)
{
    rng r = rng_new(5, rng_stream(RNG_INIT, 0));
    if (initializer_run(text, w, &shape, &r)) fail_msg("%s: %s", text, rondo_error());
}

static void near(const char *what, double got, double expected, double error)
{
    if (!(fabs(got - expected) <= error))
        fail_msg("%s is %.6g, expected %.6g ± %.2g", what, got, expected, error);
}

/* Keras' fans of a matrix are its sides; of a vector its length, twice. */
static void distributions(void **state)
{
    static const struct {
        const char *text;
        int rank;
        double variance, bound;
    } cases[] = {
        { "glorot_uniform", 2, 2.0 / (IN + OUT), 0.1224744871 }, /* sqrt(6/400) */
        { "glorot_normal", 2, 2.0 / (IN + OUT), 0.1607745 },     /* 2 sqrt(2/400) / 0.8796 */
        { "he_uniform", 2, 2.0 / IN, 0.1936491673 },             /* sqrt(6/160) */
        { "he_normal", 2, 2.0 / IN, 0.2542068 },
        { "glorot_uniform", 1, 1.0 / N, 0.0088388348 },
        { "he_uniform", 1, 2.0 / N, 0.0125 },
        { "uniform", 2, 0.1 * 0.1 / 12, 0.05 },
        { "uniform(-0.5, 0.5)", 2, 1.0 / 12, 0.5 },
        { "normal", 2, 0.05 * 0.05, HUGE_VAL },
        { "normal(stddev=2)", 2, 4, HUGE_VAL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double sum = 0, squares = 0, largest = 0;
        run(cases[i].text,
            cases[i].rank == 2 ? (rondo_shape){ 2, { IN, OUT } } : (rondo_shape){ 1, { N } });
        for (int k = 0; k < N; k++) {
            sum += (double)w[k];
            squares += (double)w[k] * (double)w[k];
            if (fabs((double)w[k]) > largest) largest = fabs((double)w[k]);
        }
        const double stddev = sqrt(cases[i].variance);
        near(cases[i].text, sum / N, 0, 4 * stddev / sqrt(N));
        near(cases[i].text, squares / N / cases[i].variance, 1, 6 / sqrt(N));
        assert_true(largest <= cases[i].bound * 1.00001);
        if (cases[i].bound < 1e9) assert_true(largest > cases[i].bound * 0.99);
    }
}

static void plain_values(void **state)
{
    (void)state;
    run("zeros", RONDO_SHAPE(3, 4));
    for (int i = 0; i < 12; i++) assert_true(w[i] == 0);
    run("ones", RONDO_SHAPE(12));
    for (int i = 0; i < 12; i++) assert_true(w[i] == 1);
    run("constant(-0.25)", RONDO_SHAPE(12));
    for (int i = 0; i < 12; i++) assert_true(w[i] == (real)-0.25);
    run("constant(value=3)", RONDO_SHAPE(12));
    assert_true(w[11] == 3);
    run("range(4,8,1)", RONDO_SHAPE(12));
    for (int i = 0; i < 12; i++) assert_true(w[i] == (i >= 4 && i < 8));
    run("range(begin=0, end=12, value=2)", RONDO_SHAPE(12));
    for (int i = 0; i < 12; i++) assert_true(w[i] == 2);
}

static void identity(void **state)
{
    static const rondo_shape shapes[] = { { 2, { 4, 4 } }, { 2, { 3, 5 } }, { 2, { 5, 2 } } };
    (void)state;
    for (int s = 0; s < 3; s++) {
        run("identity(0.5)", shapes[s]);
        for (int64_t i = 0; i < shapes[s].dim[0]; i++)
            for (int64_t j = 0; j < shapes[s].dim[1]; j++)
                assert_true(w[i * shapes[s].dim[1] + j] == (i == j ? (real)0.5 : 0));
    }
}

/* The shorter side's vectors are orthonormal (times gain); Keras draws the fused matrix
 * [units][gates*units] at once. */
static void orthogonal(void **state)
{
    static const rondo_shape shapes[] = {
        { 2, { 24, 96 } }, { 2, { 32, 32 } }, { 2, { 60, 7 } }, { 2, { 1, 5 } }
    };
    (void)state;
    for (int s = 0; s < 4; s++)
        for (int scaled = 0; scaled < 2; scaled++) {
            const int64_t rows = shapes[s].dim[0], columns = shapes[s].dim[1];
            const int64_t n = rows < columns ? rows : columns, m = rows < columns ? columns : rows;
            const int64_t along = rows <= columns ? 1 : columns,
                          across = rows <= columns ? columns : 1;
            run(scaled ? "orthogonal(gain=3)" : "orthogonal", shapes[s]);
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j <= i; j++) {
                    double dot = 0;
                    for (int64_t k = 0; k < m; k++)
                        dot += (double)w[i * across + k * along] *
                               (double)w[j * across + k * along];
                    near("a dot product", dot, i != j ? 0 : scaled ? 9 : 1, 1e-5);
                }
        }
}

static void the_seed_decides(void **state)
{
    static real again[N];
    const rondo_shape shape = { 2, { 24, 96 } };
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_INITIALIZER); i++) {
        const char *name = registry_name(REGISTRY_INITIALIZER, i);
        rng other = rng_new(6, rng_stream(RNG_INIT, 0));
        assert_int_equal(initializer_check(name), RONDO_OK);
        run(name, shape);
        memcpy(again, w, sizeof w);
        memset(w, 0, sizeof w);
        run(name, shape);
        assert_memory_equal(w, again, 24 * 96 * sizeof(real));
        assert_int_equal(initializer_run(name, again, &shape, &other), RONDO_OK);
        const bool random = strstr(name, "uniform") || strstr(name, "normal") ||
                            strstr(name, "orthogonal");
        assert_int_equal(memcmp(w, again, 24 * 96 * sizeof(real)) != 0, random);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *text;
        rondo_status code;
        const char *words;
    } cases[] = {
        { "glorot", RONDO_E_NAME, "unknown initializer \"glorot\"" },
        { "orthogonl", RONDO_E_NAME, "did you mean \"orthogonal\"" },
        { "constant(1", RONDO_E_ARG, "is not closed" },
        { "constant(one)", RONDO_E_ARG, "not a number" },
        { "constant(1,2)", RONDO_E_ARG, "takes 1 parameter" },
        { "normal(sd=1)", RONDO_E_NAME, "no parameter \"sd\"" },
        { "", RONDO_E_NAME, "missing" },
    };
    const rondo_shape vector = { 1, { 4 } };
    rng r = rng_new(1, 1);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(initializer_check(cases[i].text), cases[i].code);
        if (!strstr(rondo_error(), cases[i].words))
            fail_msg("%s: %s", cases[i].text, rondo_error());
    }
    assert_int_equal(initializer_run("identity", w, &vector, &r), RONDO_E_SHAPE);
    assert_int_equal(initializer_run("orthogonal", w, &vector, &r), RONDO_E_SHAPE);
    assert_int_equal(initializer_run("range(2,5,1)", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("range(-1,2,1)", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("range(3,2,1)", w, &vector, &r), RONDO_E_ARG);
}

/* What the layers draw: lstm's forget gate (the second quarter of the bias) starts at 1, all
 * other biases where the initializer says. */
static void unit_forget_bias(void **state)
{
    static const char *const specs[] = { "lstm 5",
                                         "gru 5",
                                         "simple_rnn 5",
                                         "dense 5",
                                         "lstm 5 no_unit_forget_bias",
                                         "lstm 5 bias_initializer=constant(2)" };
    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
        rondo_layer *l = NULL;
        const value_shape in = { RONDO_F32, true, 0, 3 };
        assert_int_equal(layer_parse_into(&l, specs[s]), RONDO_OK);
        assert_int_equal(l->type->build(l, 1, &in), RONDO_OK);
        for (int i = 0; i < l->n_params; i++) {
            const param *p = &l->params[i];
            rng r = rng_new(1, 1);
            if (!strstr(p->name, "bias")) continue;
            assert_int_equal(initializer_run(p->initializer, w, &p->shape, &r), RONDO_OK);
            for (int64_t k = 0; k < p->shape.dim[0]; k++)
                assert_true(w[k] == ((s == 0 || s == 5) && k >= 5 && k < 10 ? 1 : s == 5 ? 2 : 0));
        }
        layer_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions),    cmocka_unit_test(plain_values),
        cmocka_unit_test(identity),         cmocka_unit_test(orthogonal),
        cmocka_unit_test(the_seed_decides), cmocka_unit_test(refused),
        cmocka_unit_test(unit_forget_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
