/* Adapters put on, stacked, switched, merged and removed; what is frozen; and gradients through the
 * masks of a step of training. */
#include "model/models.h"
#include <math.h>

enum { STEPS = 5, BATCH = 4, FEATURES = 3, TOKENS = 7 };
static const char *const specs[] = {
    "dense 4 tanh; dense 3",
    "lstm 5 return_sequences; gru 4 reset_after=false; dense 3",
    "gru 4 merge=concat return_sequences; dense 2 no_bias",
    "embedding 6 input_dim=7; simple_rnn 6 return_sequences; dense softmax tie=embedding",
};
enum { SPECS = sizeof specs / sizeof *specs };

typedef struct outputs {
    real *y;
    int64_t n;
} outputs;

static outputs run(const rondo_model *m)
{
    pass *p;
    outputs o;
    real *x = models_draw(STEPS * BATCH * FEATURES, 1);
    int32_t *tokens = models_draw_tokens(STEPS * BATCH, TOKENS, 1);
    const bool t = models_takes_tokens(m);
    const feed f = { STEPS, BATCH, t ? NULL : x, t ? tokens : NULL, NULL };
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    models_run(p, &f);
    o.n = value_size(pass_output(p, 0));
    o.y = alloc_array(o.n, sizeof(real));
    assert_non_null(o.y);
    memcpy(o.y, pass_output(p, 0)->data, (size_t)o.n * sizeof(real));
    pass_free(p);
    alloc_free(x);
    alloc_free(tokens);
    return o;
}

static void ok(rondo_status s)
{
    if (s) fail_msg("%s", rondo_error());
}

/* The outputs are these, to the bit, or are not. */
static void check(const rondo_model *m, const outputs *before, bool same)
{
    outputs now = run(m);
    assert_int_equal(now.n, before->n);
    assert_int_equal(!memcmp(now.y, before->y, (size_t)now.n * sizeof(real)), same);
    alloc_free(now.y);
}

/* Random values in what adapters added since there were n params. */
static void stir_from(rondo_model *m, int n)
{
    for (int i = n; i < m->n_params; i++) {
        real *w = m->weights + m->params[i]->offset;
        const int64_t size = shape_size(&m->params[i]->shape);
        real *values = models_draw(size, (uint64_t)i);
        for (int64_t k = 0; k < size; k++) w[k] = values[k] / 4;
        alloc_free(values);
    }
    model_weights_changed(m);
}

/* New adapters change nothing; trained, they do; switched off and on, removed, merged: to the bit. */
static void life(void **state)
{
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        const int n = m->n_params;
        const int64_t count = rondo_parameter_count(m, false);
        outputs plain = run(m);
        ok(rondo_adapt(m, "*", "lora 2"));
        check(m, &plain, true);
        assert_true(m->n_params > n);
        stir_from(m, n);
        outputs adapted = run(m);
        check(m, &plain, false);
        ok(rondo_adapter_enable(m, "lora", false));
        check(m, &plain, true);
        ok(rondo_adapter_enable(m, NULL, true));
        check(m, &adapted, true);
        ok(rondo_adapt(m, "*", "lora 1 alpha=2 name=second"));
        check(m, &adapted, true);
        stir_from(m, m->n_params - 2);
        outputs both = run(m);
        check(m, &adapted, false);
        for (int k = 0; k < m->n_params; k++)
            assert_null(strstr(m->params[k]->name, "lora_A.lora"));
        ok(rondo_adapter_remove(m, "second"));
        check(m, &adapted, true);
        ok(rondo_adapter_merge(m, "lora"));
        check(m, &adapted, true);
        assert_int_equal(m->n_params, n);
        assert_int_equal(rondo_parameter_count(m, false), count);
        assert_int_equal(rondo_parameter_count(m, true), count);
        assert_int_equal(rondo_adapter_merge(m, NULL), RONDO_E_NAME);
        alloc_free(plain.y);
        alloc_free(adapted.y);
        alloc_free(both.y);
        rondo_model_free(m);
    }
}

/* Streams that are open see what is put on, and go on. */
static void under_an_open_stream(void **state)
{
    real x[FEATURES] = { 1, -1, (real)0.5 }, y[3], again[3];
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(1, FEATURES), NULL };
    rondo_array out = { y, RONDO_F32, RONDO_SHAPE(1, 3), NULL };
    rondo_stream *s;
    (void)state;
    rondo_model *m = models_new("lstm 5 return_sequences; dense 3", FEATURES);
    const int n = m->n_params;
    ok(rondo_stream_new(&s, m, 1));
    ok(rondo_stream_step(s, &in, &out));
    ok(rondo_adapt(m, "*", "lora 2"));
    stir_from(m, n);
    ok(rondo_stream_reset(s, 0));
    out.data = again;
    ok(rondo_stream_step(s, &in, &out));
    assert_true(memcmp(y, again, sizeof y) != 0);
    ok(rondo_adapter_remove(m, NULL));
    ok(rondo_stream_reset(s, 0));
    ok(rondo_stream_step(s, &in, &out));
    assert_memory_equal(y, again, sizeof y);
    rondo_stream_free(s);
    rondo_model_free(m);
}

/* What trains has gradients and slots, and nothing else has; slots follow those they belong to. */
static void frozen_costs_nothing(void **state)
{
    (void)state;
    rondo_model *m = models_new("lstm 4 return_sequences; lstm 4; dense 2", FEATURES);
    ok(rondo_adapt(m, "lstm*", "frozen"));
    ok(rondo_compile(m, .loss = "mse"));
    assert_int_equal(m->n_gradients, 16 + 16); /* dense: 8 and 2, each a line of memory */
    ok(rondo_adapt(m, "*.bias", "only"));
    assert_int_equal(m->n_gradients, 16 + 16 + 16);
    assert_int_equal(rondo_parameter_count(m, true), 16 + 16 + 2);
    ok(rondo_adapt(m, "*.kernel", "lora 1"));
    assert_int_equal(m->n_gradients, 3 * 16 + 6 * 16);
    rondo_array g;
    assert_int_equal(rondo_gradient_get(m, "lstm.kernel", &g), RONDO_E_STATE);
    ok(rondo_gradient_get(m, "lstm.kernel.lora_A", &g));
    rondo_model_free(m);
}

static void refused(void **state)
{
    (void)state;
    rondo_model *m = models_new("lstm 4 learned_state; dense 2", FEATURES);
    ok(rondo_adapt(m, "*", "lora 2"));
    assert_int_equal(rondo_adapt(m, "dense.*", "lora 1"), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "name=second"));
    assert_int_equal(rondo_adapt(m, "*.initial_state", "lora 1"), RONDO_E_SHAPE);
    assert_int_equal(rondo_adapt(m, "*", "lora 1 name=a.b"), RONDO_E_ARG);
    assert_int_equal(rondo_adapt(m, "*", "lora 1 dropout=1"), RONDO_E_ARG);
    assert_int_equal(rondo_adapter_enable(m, "french", true), RONDO_E_NAME);
    ok(model_status(m));
    rondo_model_free(m);
    m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    assert_int_equal(rondo_add_spec(m, "embedding 4 input_dim=9; dense tie=embeding"),
                     RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "did you mean \"embedding\""));
    rondo_model_free(m);
    m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    assert_int_equal(rondo_add_spec(m, "embedding 4 input_dim=9; lstm 5; dense tie=embedding"),
                     RONDO_E_SHAPE);
    rondo_model_free(m);
}

/* ---- A step of training whose masks stay: its loss is a function of the weights ---- */
static double half_square(pass *p, const feed *f)
{
    double sum = 0;
    models_run(p, f);
    const value *y = pass_output(p, 0);
    for (int64_t i = 0; i < value_size(y); i++) sum += (double)y->data[i] * (double)y->data[i] / 2;
    return sum;
}

static void masked_gradients(void **state)
{
    static const char *const masked[] = {
        "lstm 5 return_sequences; gru 4 reset_after=false; dense 3 | weight_drop 0.4",
        "simple_rnn 4 return_sequences; dense 3 | lora 2 dropout=0.5",
        "dense 4 tanh; lstm 3 | weight_drop 0.3 | lora 2 dropout=0.2 | lora 1 name=b dropout=0.4",
    };
    real *x = models_draw(STEPS * BATCH * FEATURES, 1);
    const feed f = { STEPS, BATCH, x, NULL, NULL };
    const bool exact = sizeof(real) == 8;
    (void)state;
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
        pass *p;
        rondo_model *m = models_new(masked[i], FEATURES);
        if (i == 0) ok(rondo_adapt(m, "*", "trainable"));
        ok(pass_new(&p, m));
        p->gradients = alloc_aligned((size_t)m->n_gradients * sizeof(real));
        p->training = true;
        p->seed = 3;
        p->step = 11;
        half_square(p, &f);
        value *y = pass_output(p, 0);
        memcpy(y->grad, y->data, (size_t)value_size(y) * sizeof(real));
        y->grad_written = true;
        pass_backward(p);
        for (int k = 0; exact && k < m->n_params; k++) {
            const param *w = m->params[k];
            for (int64_t j = 0; w->gradient >= 0 && j < shape_size(&w->shape); j++) {
                real *at = m->weights + w->offset + j;
                const real kept = *at, h = (real)1e-5;
                const double analytic = (double)p->gradients[w->gradient + j];
                *at = kept + h;
                model_weights_changed(m);
                const double up = half_square(p, &f);
                *at = kept - h;
                model_weights_changed(m);
                const double numeric = (up - half_square(p, &f)) / (2 * (double)h);
                *at = kept;
                if (fabs(analytic - numeric) > 1e-6 * (1 + fabs(numeric)))
                    fail_msg("%s: %s[%lld]: %g, numeric %g", masked[i], w->name, (long long)j,
                             analytic, numeric);
            }
        }
        alloc_free_aligned(p->gradients);
        pass_free(p);
        rondo_model_free(m);
    }
    alloc_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life),
        cmocka_unit_test(under_an_open_stream),
        cmocka_unit_test(frozen_costs_nothing),
        cmocka_unit_test(refused),
        cmocka_unit_test(masked_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
