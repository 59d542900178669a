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
        { "lecun_uniform", 2, 1.0 / IN, 0.1369306394 }, /* sqrt(3/160) */
        { "lecun_normal", 2, 1.0 / IN, 0.1797513 },
        { "variance_scaling", 2, 1.0 / IN, 0.1797513 },
        { "variance_scaling(2 fan_in=0 fan_out=1)", 2, 2.0 / OUT, 0.2075588 },
        { "variance_scaling(fan_in=0.5 fan_out=0.5 uniform=1)", 2, 2.0 / (IN + OUT), 0.1224744871 },
        { "truncated_normal(stddev=0.1)", 2, 0.1 * 0.1 * 0.7737413, 0.2 },
        { "torch_rnn(60)", 2, 1.0 / 180, 0.1290994449 },
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

/* Each gate's square by itself: symmetric, positive definite, its largest eigenvalue 1; the trace
 * says that A = R'R/n was drawn: its eigenvalues have the mean 1 and reach up to 4. */
static void np_rnn(void **state)
{
    enum { UNITS = 40, GATES = 3 };
    static double v[UNITS], next[UNITS];
    (void)state;
    run("np_rnn", RONDO_SHAPE(UNITS, GATES * UNITS));
    for (int g = 0; g < GATES; g++) {
        double largest = 0, trace = 0;
        for (int i = 0; i < UNITS; i++) v[i] = 1 + 0.01 * i;
        for (int turn = 0; turn < 5000; turn++) {
            largest = 0;
            for (int i = 0; i < UNITS; i++) {
                next[i] = 0;
                for (int j = 0; j < UNITS; j++)
                    next[i] += (double)w[i * GATES * UNITS + g * UNITS + j] * v[j];
                largest = fmax(largest, fabs(next[i]));
            }
            for (int i = 0; i < UNITS; i++) v[i] = next[i] / largest;
        }
        near("the largest eigenvalue", largest, 1, 1e-5);
        for (int i = 0; i < UNITS; i++)
            for (int j = 0; j <= i; j++) {
                const real *block = w + g * UNITS;
                assert_true(block[i * GATES * UNITS + j] == block[j * GATES * UNITS + i]);
                if (i == j) trace += (double)block[i * GATES * UNITS + j];
            }
        near("the mean eigenvalue", trace / UNITS, 2.0 / 4.9, 0.05);
    }
    assert_true(w[0] != w[UNITS]);
}

/* Which part of a layer's bias keeps and which writes; exp(b) is spread over 1 … max-1. */
static void chrono(void **state)
{
    enum { UNITS = 3000 };
    static const struct {
        const char *spec;
        int keep, write, gates; /* places in the bias, -1: none */
    } cases[] = { { "lstm 3000 bias_initializer=chrono(40)", 1, 0, 4 },
                  { "gru 3000 bias_initializer='chrono(max=40)'", 0, -1, 3 },
                  { "gru 3000 bias_initializer=chrono(40) reset_after=false", 0, -1, 3 },
                  { "mgu 3000 bias_initializer=chrono(40)", -1, 0, 2 },
                  { "mingru 3000 bias_initializer=chrono(40)", -1, 0, 2 } };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rondo_layer *l = NULL;
        const value_shape in = { RONDO_F32, true, 0, 1 };
        double sum = 0, squares = 0;
        assert_int_equal(layer_parse_into(&l, cases[c].spec), RONDO_OK);
        assert_int_equal(l->type->build(l, 1, &in), RONDO_OK);
        for (int i = 0; i < l->n_params; i++) {
            const param *p = &l->params[i];
            if (!strstr(p->name, "bias")) continue;
            run(p->initializer, p->shape);
            for (int64_t k = 0; k < p->shape.dim[0]; k++) {
                const int part = (int)(k / UNITS);
                const bool recurrent = strcmp(p->name, "recurrent_bias") == 0;
                const bool keeps = part == cases[c].keep, writes = part == cases[c].write;
                if (recurrent || (!keeps && !writes)) {
                    assert_true(w[k] == 0);
                    continue;
                }
                const double time = exp(keeps ? (double)w[k] : -(double)w[k]);
                assert_true(time > 0.999 && time < 39.001);
                if (writes && cases[c].keep >= 0)
                    assert_true(w[k] == -w[k + (cases[c].keep - part) * UNITS]);
                sum += time, squares += time * time;
            }
        }
        const int parts = (cases[c].keep >= 0) + (cases[c].write >= 0);
        sum /= parts * UNITS, squares /= parts * UNITS;
        near(cases[c].spec, sum, 20, 0.8);
        near(cases[c].spec, squares - sum * sum, 38 * 38 / 12.0, 8);
        layer_free(l);
    }
}

/* With what only a layer would give them. */
static const char *completed(const char *name)
{
    if (strcmp(name, "torch_rnn") == 0) return "torch_rnn(24)";
    return strcmp(name, "chrono") == 0 ? "chrono(40 units=12 keep=2 write=1)" : name;
}

static void the_seed_decides(void **state)
{
    static real again[N];
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_INITIALIZER); i++) {
        const char *name = completed(registry_name(REGISTRY_INITIALIZER, i));
        const rondo_shape matrix = { 2, { 24, 96 } }, vector = { 1, { 24 * 96 } };
        const rondo_shape shape = strstr(name, "chrono") ? vector : matrix;
        rng other = rng_new(6, rng_stream(RNG_INIT, 0));
        assert_int_equal(initializer_check(name), RONDO_OK);
        run(name, shape);
        memcpy(again, w, sizeof w);
        memset(w, 0, sizeof w);
        run(name, shape);
        assert_memory_equal(w, again, 24 * 96 * sizeof(real));
        assert_int_equal(initializer_run(name, again, &shape, &other), RONDO_OK);
        const bool random = !strstr("identity zeros ones range constant", name);
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
        { "chrono(1,2,3,4,5)", RONDO_E_ARG, "takes 4 parameters" },
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
    assert_int_equal(initializer_run("np_rnn", w, &vector, &r), RONDO_E_SHAPE);
    assert_int_equal(initializer_run("np_rnn", w, &RONDO_SHAPE(3, 4), &r), RONDO_E_SHAPE);
    assert_int_equal(initializer_run("torch_rnn", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("variance_scaling(fan_in=0)", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("chrono(40)", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("chrono(2 units=2 keep=2)", w, &vector, &r), RONDO_E_ARG);
    assert_int_equal(initializer_run("chrono(9 units=2 keep=3)", w, &vector, &r), RONDO_E_ARG);
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
        cmocka_unit_test(np_rnn),           cmocka_unit_test(chrono),
        cmocka_unit_test(the_seed_decides), cmocka_unit_test(refused),
        cmocka_unit_test(unit_forget_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
