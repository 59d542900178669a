/* The radius and the exponent against a dense Jacobian made by differences, in double precision: each
 * column is a stream's step from a state that is moved a little. */
#include "insight/insight.h"
#include "model/models.h"
#include <math.h>

enum { FEATURES = 2, STEPS = 200, UNITS = 4, MOST = 2 * UNITS };

/* J[i][j] = ∂s'[i]/∂s[j] at a state and an input. */
static void dense(rondo_stream *stream, const real *s, real *x, int n, double J[MOST][MOST])
{
    const real h = (real)1e-5;
    real y[UNITS];
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(1, FEATURES), NULL };
    rondo_array out = { y, RONDO_F32, RONDO_SHAPE(1, UNITS), NULL };
    size_t size;
    for (int j = 0; j < n; j++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            real *state = rondo_stream_state(stream, &size);
            assert_int_equal(size, n);
            memcpy(state, s, (size_t)n * sizeof *s);
            state[j] += (real)sign * h;
            assert_int_equal(rondo_stream_step(stream, &in, &out), RONDO_OK);
            state = rondo_stream_state(stream, &size);
            for (int i = 0; i < n; i++)
                J[i][j] = (sign > 0 ? 0 : J[i][j]) + (double)((real)sign * state[i] / (2 * h));
        }
}

/* Gelfand: ‖J^(2^k)‖^(1/2^k), the matrix scaled to norm 1 after each squaring. */
static double gelfand(double J[MOST][MOST], int n)
{
    double power[MOST][MOST], square[MOST][MOST], log_norm = 0;
    memcpy(power, J, sizeof power);
    for (int k = 0; k < 30; k++) {
        double squares = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) squares += power[i][j] * power[i][j];
        const double norm = sqrt(squares);
        log_norm += log(norm) / exp2(k);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                square[i][j] = 0;
                for (int m = 0; m < n; m++)
                    square[i][j] += power[i][m] / norm * (power[m][j] / norm);
            }
        memcpy(power, square, sizeof power);
    }
    return exp(log_norm);
}

/* The mean growth of a tangent along the row, its first half left out. */
static double follow(const scan_view *v, rondo_stream *stream, int states)
{
    double tangent[MOST] = { 1, -0.5, 0.3, 0.7, 0.2, -0.9, 0.4, 0.1 }, sum = 0;
    const int n = states * UNITS;
    for (int64_t t = 0; t < STEPS; t++) {
        double J[MOST][MOST], next[MOST] = { 0 }, squares = 0;
        real s[MOST];
        for (int k = 0; k < states; k++)
            memcpy(s + k * UNITS, view_state(v, k, t - 1, 0), UNITS * sizeof *s);
        dense(stream, s, (real *)view_input(v, t, 0), n, J);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) next[i] += J[i][j] * tangent[j];
        for (int i = 0; i < n; i++) squares += next[i] * next[i];
        for (int i = 0; i < n; i++) tangent[i] = next[i] / sqrt(squares);
        if (t >= STEPS / 5) sum += log(sqrt(squares));
    }
    return sum / (STEPS - STEPS / 5);
}

static void agrees(const char *text)
{
    rondo_model *m = models_new(text, FEATURES);
    real *x = models_draw(STEPS * FEATURES, 8);
    const feed f = { STEPS, 1, x, NULL, NULL };
    pass *p;
    rondo_stream *stream;
    scan_view v;
    jacobian j;
    double J[MOST][MOST];
    real s[MOST];
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    assert_int_equal(rondo_stream_new(&stream, m, 1), RONDO_OK);
    p->watched = true;
    models_run(p, &f);
    assert_true(layer_view(&p->calls[1], 0, &v));
    const int states = v.cell->row->states;
    assert_int_equal(jacobian_measure(&j, m, &p->calls[1], 0), RONDO_OK);
    for (int k = 0; k < states; k++)
        memcpy(s + k * UNITS, view_state(&v, k, STEPS / 2 - 1, 0), UNITS * sizeof *s);
    dense(stream, s, (real *)view_input(&v, STEPS / 2, 0), states * UNITS, J);
    const double radius = gelfand(J, states * UNITS), exponent = follow(&v, stream, states);
    if (fabs(j.radius / radius - 1) > 0.02)
        fail_msg("%s: radius %g, by differences %g", text, j.radius, radius);
    if (fabs(j.exponent - exponent) > 0.02)
        fail_msg("%s: exponent %g, by differences %g", text, j.exponent, exponent);
    rondo_stream_free(stream);
    pass_free(p);
    rondo_model_free(m);
    alloc_free(x);
}

static void every_cell(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++) {
        char text[96];
        snprintf(text, sizeof text, "%s %d", registry_name(REGISTRY_CELL, i), UNITS);
        agrees(text);
    }
    agrees("simple_rnn 4 gelu");
    agrees("gru 4 options=\"reset_after=false\"");
}

/* U = factor · rotation: every eigenvalue is a complex one of that size. */
static void kernel_radius_of_a_rotation(void **state)
{
    (void)state;
    rondo_model *m = models_new("simple_rnn 2 linear", FEATURES);
    real *x = models_draw(STEPS * FEATURES, 8);
    const real u[] = { (real)0.48, (real)-0.64, (real)0.64, (real)0.48 }; /* 0.8 · rotation */
    const rondo_array kernel = { (void *)u, RONDO_F32, RONDO_SHAPE(2, 2), NULL };
    const feed f = { 20, 2, x, NULL, NULL };
    pass *p;
    jacobian j;
    assert_int_equal(rondo_weight_set(m, "simple_rnn.recurrent_kernel", &kernel), RONDO_OK);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    p->watched = true;
    models_run(p, &f);
    assert_int_equal(jacobian_measure(&j, m, &p->calls[1], 0), RONDO_OK);
    assert_true(fabs(j.kernel_radius - 0.8) < 1e-9);
    assert_true(fabs(j.radius - 0.8) < 1e-9);
    assert_true(fabs(j.exponent - log(0.8)) < 1e-9);
    pass_free(p);
    rondo_model_free(m);
    alloc_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(kernel_radius_of_a_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
