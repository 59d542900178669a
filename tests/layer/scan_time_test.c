/* Parts of time at once: what one step after another gives, to rounding; the same bits for any number
 * of threads; rows of any length, ends between parts included. */
#include "model/models.h"
#include <math.h>

enum { STEPS = 300, BATCH = 3, FEATURES = 4, WEIGHTS = 2000, OUTPUTS = STEPS * BATCH * 9 };
#ifdef RONDO_DOUBLE
static const double bound = 1e-13;
#else
static const double bound = 1e-5;
#endif
static const int64_t lengths[BATCH] = { 150, 300, 77 };
static real *x;

typedef struct results {
    real y[OUTPUTS], gradients[WEIGHTS], dx[STEPS * BATCH * FEATURES];
} results;

static void run(results *r, const char *text, int threads, bool ragged)
{
    pass *p;
    rondo_model *m = models_new(text, FEATURES);
    const feed f = { STEPS, BATCH, x, NULL, ragged ? lengths : NULL };
    memset(r, 0, sizeof *r);
    assert_true(m->n_weights <= WEIGHTS);
    assert_int_equal(model_threads(m, threads), RONDO_OK);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    p->gradients = r->gradients;
    p->input_gradients = true;
    models_run(p, &f);
    value *v = pass_output(p, 0);
    assert_true(value_size(v) <= OUTPUTS);
    memcpy(r->y, v->data, (size_t)value_size(v) * sizeof(real));
    for (int64_t i = 0; i < value_size(v); i++) v->grad[i] = r->y[i] - (real)0.3;
    v->grad_written = true;
    pass_backward(p);
    memcpy(r->dx, pass_input(p, 0)->grad, sizeof r->dx);
    pass_free(p);
    rondo_model_free(m);
}

static double apart(const real *a, const real *b, int64_t n)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / norm);
}

static void parts_and_steps(void **state)
{
    static const char *const specs[][2] = {
        { "mingru 17 return_sequences; mingru 9 return_sequences",
          "mingru 17 parallel=1 return_sequences; mingru 9 parallel=1 return_sequences" },
        { "mingru 5 gelu merge=concat return_sequences; mingru 6 tanh",
          "mingru 5 gelu merge=concat parallel=1 return_sequences; mingru 6 tanh parallel=1" },
        { "mingru 8 linear go_backwards return_sequences",
          "mingru 8 linear go_backwards parallel=1 return_sequences" },
    };
    static results steps, parts, more;
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        for (int ragged = 0; ragged < 2; ragged++) {
            run(&steps, specs[i][0], 1, ragged);
            run(&parts, specs[i][1], 1, ragged);
            run(&more, specs[i][1], 3, ragged);
            assert_memory_equal(&parts, &more, sizeof parts);
            assert_int_not_equal(memcmp(&parts, &steps, sizeof parts), 0);
            assert_true(apart(parts.y, steps.y, OUTPUTS) < bound);
            assert_true(apart(parts.gradients, steps.gradients, WEIGHTS) < bound);
            assert_true(apart(parts.dx, steps.dx, STEPS * BATCH * FEATURES) < bound);
        }
}

static int setup(void **state)
{
    (void)state;
    x = models_draw(STEPS * BATCH * FEATURES, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alloc_free(x);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(parts_and_steps) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
