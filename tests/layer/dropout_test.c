/* Dropout: the share it sets to zero, the same masks for the same (seed, step), and nothing in
 * inference. */
#include "model/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { STEPS = 40, BATCH = 25, FEATURES = 20, N = STEPS * BATCH * FEATURES };
static real x[N], y[N], again[N];

static rondo_model *model(const char *text, int64_t features)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, features));
    if (rondo_add_spec(m, text)) fail_msg("%s: %s", text, rondo_error());
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    return m;
}

static void run(const rondo_model *m, real *out, bool training, uint64_t seed, uint32_t step)
{
    pass *p;
    const feed f = { .steps = STEPS, .batch = BATCH, .data = x };
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    p->training = training;
    p->seed = seed;
    p->step = step;
    assert_int_equal(pass_forward(p, 1, &f), RONDO_OK);
    const value *v = pass_output(p, 0);
    assert_true(value_size(v) <= N);
    memcpy(out, v->data, (size_t)value_size(v) * sizeof(real));
    pass_free(p);
}

static int setup(void **state)
{
    (void)state;
    rng r = rng_new(1, rng_stream(RNG_DATA, 0));
    for (int i = 0; i < N; i++) x[i] = (real)(1 + rng_uniform(&r));
    return 0;
}

static void share_and_scale(void **state)
{
    static const double rates[] = { 0.1, 0.5, 0.9 };
    (void)state;
    for (int k = 0; k < 3; k++) {
        char text[32];
        int64_t zeros = 0;
        snprintf(text, sizeof text, "dropout %g", rates[k]);
        rondo_model *m = model(text, FEATURES);
        run(m, y, true, 7, 0);
        for (int i = 0; i < N; i++) {
            zeros += y[i] == 0;
            if (y[i] != 0)
                assert_true(fabs((double)y[i] / ((double)x[i] / (1 - rates[k])) - 1) < 1e-6);
        }
        const double share = (double)zeros / N, sigma = sqrt(rates[k] * (1 - rates[k]) / N);
        assert_true(fabs(share - rates[k]) < 4 * sigma);
        rondo_model_free(m);
    }
}

static double agreement(const real *a, const real *b)
{
    int64_t same = 0;
    for (int i = 0; i < N; i++) same += (a[i] == 0) == (b[i] == 0);
    return (double)same / N;
}

static void seed_and_step_decide(void **state)
{
    rondo_model *m = model("dropout 0.5", FEATURES);
    (void)state;
    run(m, y, true, 7, 3);
    run(m, again, true, 7, 3);
    assert_memory_equal(y, again, sizeof y);
    run(m, again, true, 7, 4);
    assert_true(fabs(agreement(y, again) - 0.5) < 0.02);
    run(m, again, true, 8, 3);
    assert_true(fabs(agreement(y, again) - 0.5) < 0.02);
    rondo_model_free(m);
}

/* Two layers of one model draw masks that have nothing to do with each other. */
static void layers_differ(void **state)
{
    rondo_model *m = model("dropout 0.5; dropout 0.5", FEATURES);
    int64_t zeros = 0;
    (void)state;
    run(m, y, true, 7, 0);
    for (int i = 0; i < N; i++) zeros += y[i] == 0;
    assert_true(fabs((double)zeros / N - 0.75) < 0.02);
    rondo_model_free(m);
}

static void off_in_inference(void **state)
{
    rondo_model *m = model("dropout 0.5", FEATURES);
    (void)state;
    run(m, y, false, 7, 0);
    assert_memory_equal(y, x, sizeof x);
    rondo_model_free(m);
    m = model("dropout 0", FEATURES);
    run(m, y, true, 7, 0);
    assert_memory_equal(y, x, sizeof x);
    rondo_model_free(m);
}

/* A recurrent layer drops the same features of a row at every step, and others in another row. A
 * linear network whose kernel is the identity shows the mask. */
static void one_mask_a_sequence(void **state)
{
    rondo_model *m = model(
        "simple_rnn 20 linear return_sequences dropout=0.5 kernel_initializer=identity "
        "recurrent_initializer=zeros",
        FEATURES);
    int64_t zeros = 0;
    (void)state;
    run(m, y, true, 7, 0);
    for (int b = 0; b < BATCH; b++)
        for (int f = 0; f < FEATURES; f++) {
            const bool dropped = y[b * FEATURES + f] == 0;
            zeros += dropped;
            for (int t = 1; t < STEPS; t++)
                assert_int_equal(y[(t * BATCH + b) * FEATURES + f] == 0, dropped);
        }
    assert_true(fabs((double)zeros / (BATCH * FEATURES) - 0.5) < 4 * 0.5 / sqrt(BATCH * FEATURES));
    assert_true(memcmp(y, y + FEATURES, FEATURES * sizeof *y) != 0);
    rondo_model_free(m);
}

/* A locked layer does so, too, under either name. */
static void locked(void **state)
{
    static const char *const specs[] = { "dropout 0.5 locked", "spatial_dropout1d 0.5" };
    (void)state;
    for (int k = 0; k < 2; k++) {
        rondo_model *m = model(specs[k], FEATURES);
        int64_t zeros = 0;
        real *out = k ? again : y;
        run(m, out, true, 7, 3);
        for (int i = 0; i < BATCH * FEATURES; i++) {
            zeros += out[i] == 0;
            for (int t = 0; t < STEPS; t++)
                assert_true(out[t * BATCH * FEATURES + i] ==
                            (out[i] == 0 ? 0 : 2 * x[t * BATCH * FEATURES + i]));
        }
        assert_true(fabs((double)zeros / (BATCH * FEATURES) - 0.5) <
                    4 * 0.5 / sqrt(BATCH * FEATURES));
        assert_true(memcmp(out, out + FEATURES, FEATURES * sizeof *out) != 0);
        run(m, out, false, 7, 3);
        assert_memory_equal(out, x, sizeof x);
        rondo_model_free(m);
    }
}

/* An embedding drops whole rows: a token's vector is there in all places or in none. */
static void embedding_rows(void **state)
{
    enum { TOKENS = 400 };
    static int32_t tokens[STEPS * BATCH];
    rondo_model *m = rondo_model_new();
    pass *p;
    (void)state;
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    assert_int_equal(rondo_add_spec(m, "embedding 5 input_dim=400 dropout=0.2"), RONDO_OK);
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    for (int i = 0; i < STEPS * BATCH; i++) tokens[i] = i * 7 % TOKENS;
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    const feed f = { .steps = STEPS, .batch = BATCH, .tokens = tokens };
    for (int training = 0; training < 2; training++) {
        int64_t zeros = 0;
        p->training = training;
        p->step = 5;
        assert_int_equal(pass_forward(p, 1, &f), RONDO_OK);
        const real *out = pass_output(p, 0)->data;
        for (int i = 0; i < STEPS * BATCH; i++) {
            const real *first = out + i % TOKENS * 5, *row = m->weights + tokens[i] * 5;
            assert_memory_equal(out + i * 5, first, 5 * sizeof *out);
            zeros += out[i * 5] == 0;
            if (out[i * 5] != 0)
                assert_float_equal(out[i * 5 + 4], (double)row[4] / (training ? 0.8 : 1), 1e-7);
        }
        if (training)
            assert_true(zeros > 100 && zeros < 300);
        else
            assert_int_equal(zeros, 0);
    }
    pass_free(p);
    rondo_model_free(m);
    m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    assert_int_equal(rondo_add_spec(m, "embedding 5 input_dim=4 dropout=1"), RONDO_E_ARG);
    rondo_model_free(m);
}

/* What activity_regularization adds, over the valid steps alone. */
static void penalties(void **state)
{
    static const int64_t lengths[BATCH] = { 3, 0, STEPS, 1 };
    rondo_model *m = model("activity_regularization ar=2 tar=3 l2=0.5", FEATURES);
    double squares = 0, changes = 0, values = 0, pairs = 0;
    pass *p;
    (void)state;
    for (int t = 0; t < STEPS; t++)
        for (int b = 0; b < BATCH; b++)
            for (int f = 0; f < FEATURES && t < lengths[b]; f++) {
                const int i = (t * BATCH + b) * FEATURES + f;
                squares += (double)x[i] * (double)x[i];
                values++;
                if (t == 0) continue;
                changes += pow((double)x[i] - (double)x[i - BATCH * FEATURES], 2);
                pairs++;
            }
    const feed f = { .steps = STEPS, .batch = BATCH, .data = x, .lengths = lengths };
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    p->training = true;
    assert_int_equal(pass_forward(p, 1, &f), RONDO_OK);
    assert_memory_equal(pass_output(p, 0)->data, x, sizeof x);
    assert_float_equal(pass_penalty(p),
                       2 * squares / values + 3 * changes / pairs + 0.5 * squares / BATCH, 1e-4);
    p->training = false;
    assert_int_equal(pass_forward(p, 1, &f), RONDO_OK);
    assert_true(pass_penalty(p) == 0);
    pass_free(p);
    rondo_model_free(m);
}

static void recurrent_layers_in_inference(void **state)
{
    rondo_model *with = model("lstm 6 return_sequences dropout=0.4 recurrent_dropout=0.3",
                              FEATURES);
    rondo_model *without = model("lstm 6 return_sequences", FEATURES);
    const size_t n = STEPS * BATCH * 6 * sizeof(real);
    (void)state;
    run(with, y, false, 7, 0);
    run(without, again, false, 7, 0);
    assert_memory_equal(y, again, n);
    run(with, y, true, 7, 0);
    assert_true(memcmp(y, again, n) != 0);
    run(with, again, true, 7, 0);
    assert_memory_equal(y, again, n);
    rondo_model_free(with);
    rondo_model_free(without);
}

/* Random slopes below 0 in training, evenly between both ends, their mean otherwise. */
static void random_slopes(void **state)
{
    rondo_model *m = model("rrelu lower=0.1 upper=0.5", FEATURES);
    double sum = 0, least = 1, most = 0;
    (void)state;
    for (int i = 0; i < N; i += 2) x[i] = -x[i];
    run(m, y, true, 7, 3);
    run(m, again, true, 7, 3);
    assert_memory_equal(y, again, sizeof y);
    run(m, again, true, 7, 4);
    assert_true(memcmp(y, again, sizeof y) != 0);
    for (int i = 0; i < N; i++) {
        const double slope = (double)y[i] / (double)x[i];
        if (i % 2) assert_true(slope == 1);
        if (i % 2) continue;
        sum += slope;
        least = fmin(least, slope);
        most = fmax(most, slope);
    }
    assert_true(least > 0.0999 && least < 0.102 && most > 0.498 && most < 0.5001);
    assert_true(fabs(sum / (N / 2) - 0.3) < 0.005);
    run(m, y, false, 7, 3);
    for (int i = 0; i < N; i += 2) assert_true(fabs((double)y[i] / (double)x[i] - 0.3) < 1e-6);
    for (int i = 0; i < N; i += 2) x[i] = -x[i];
    rondo_model_free(m);
    m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 3));
    assert_int_equal(rondo_add_spec(m, "rrelu lower=0.5 upper=0.1"), RONDO_E_ARG);
    rondo_model_free(m);
}

/* As an activation: a slope for each unit, the same in all rows and steps. */
static void random_slopes_of_units(void **state)
{
    static const char *const specs[] = {
        "activation rrelu(0.1,0.5)",
        "dense 20 rrelu(0.1,0.5) kernel_initializer=identity",
        "simple_rnn 20 rrelu(0.1,0.5) return_sequences kernel_initializer=identity "
        "recurrent_initializer=zeros",
    };
    (void)state;
    for (int i = 0; i < N; i++) x[i] = -x[i];
    for (int k = 0; k < 3; k++) {
        rondo_model *m = model(specs[k], FEATURES);
        assert_int_equal(rondo_parameter_count(m, true), k == 0 ? 0 : k == 1 ? 420 : 820);
        run(m, y, true, 7, 3);
        for (int i = 0; i < N; i++) {
            const double slope = (double)y[i] / (double)x[i];
            const double first = (double)y[i % FEATURES] / (double)x[i % FEATURES];
            assert_true(slope > 0.0999 && slope < 0.5001 && fabs(slope - first) < 1e-6);
        }
        assert_true(fabs((double)y[0] / (double)x[0] - (double)y[1] / (double)x[1]) > 1e-4);
        run(m, again, true, 7, 4);
        assert_true(memcmp(y, again, sizeof y) != 0);
        run(m, y, false, 7, 3);
        for (int i = 0; i < N; i++) assert_true(fabs((double)y[i] / (double)x[i] - 0.3) < 1e-6);
        rondo_model_free(m);
    }
    for (int i = 0; i < N; i++) x[i] = -x[i];
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_and_scale),
        cmocka_unit_test(seed_and_step_decide),
        cmocka_unit_test(layers_differ),
        cmocka_unit_test(off_in_inference),
        cmocka_unit_test(one_mask_a_sequence),
        cmocka_unit_test(recurrent_layers_in_inference),
        cmocka_unit_test(random_slopes),
        cmocka_unit_test(random_slopes_of_units),
        cmocka_unit_test(locked),
        cmocka_unit_test(embedding_rows),
        cmocka_unit_test(penalties),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
