/* Explanations: integrated gradients add up on every cell, gates and units are those of the layer, and
 * what is refused. */
#include "insight/subject.h"

/* Σ attributions = f(x) - f(baseline), within 1 %. */
static void check_complete(const char *layers, const char *task, bool tokens,
                           rondo_explain_options o)
{
    subject s;
    subject_open(&s, task, layers, tokens);
    rondo_explanation *e = must_explain(&s, o);
    double sum = 0;
    for (int64_t i = 0; i < e->maps[0].steps * e->maps[0].width; i++) sum += e->maps[0].values[i];
    assert_near(sum, e->sum, 1e-6 * fabs(sum) + 1e-9);
    if (!e->complete) fail_msg("%s: gap %g after %d points", layers, e->gap, (int)e->points);
    assert_true(fabs(sum - (e->f - e->f_baseline)) < 0.01 * fabs(e->f - e->f_baseline) + 2e-6);
    rondo_explanation_free(e);
    subject_close(&s);
}

static void every_cell(void **state)
{
    static const char *const activations[] = { "", "activation=relu",
                                               "activation=relu "
                                               "recurrent_activation=hard_sigmoid",
                                               "merge=concat", "go_backwards" };
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++)
        for (size_t a = 0; a < sizeof activations / sizeof *activations; a++) {
            char layers[256];
            const char *cell = registry_name(REGISTRY_CELL, i);
            snprintf(layers, sizeof layers, "%s 5 return_sequences %s; %s 4 %s; dense 3 softmax",
                     cell, activations[a], cell, activations[a]);
            check_complete(layers, "classify", false,
                           (rondo_explain_options){ .sample = 1, .baseline = "0.3" });
            /* what normalises the units of a row jumps at an input of zeros */
            if (((const rondo_cell *)registry_at(REGISTRY_CELL, i))->rowwise) continue;
            check_complete(layers, "classify", false,
                           (rondo_explain_options){ .logit = true, .output = "2" });
        }
}

/* Of what activations have learned. */
static double answer_of(const char *layers, real slope)
{
    subject s;
    rondo_array w;
    subject_open(&s, "regress", layers, false);
    rondo_model *m = s.pipeline->model;
    if (slope != 0) {
        assert_int_equal(rondo_weight_get(m, "gru.activation_h.s", &w), RONDO_OK);
        for (int i = 0; i < 5; i++) ((real *)w.data)[i] = slope;
        model_weights_changed(m);
    }
    rondo_explanation *e = must_explain(&s, (rondo_explain_options){ .sample = 1 });
    const double sum = e->sum;
    rondo_explanation_free(e);
    subject_close(&s);
    return sum;
}

static void learned_activations(void **state)
{
    (void)state;
    const double declared = answer_of("gru 5 activation=\"tanh(s*x) with s=3\"; dense 2", 0);
    assert_near(answer_of("gru 5 activation=\"tanh(s*x) with s=1\"; dense 2", 3), declared, 0);
}

static void every_graph(void **state)
{
    static const struct {
        const char *layers, *task;
        bool tokens;
        rondo_explain_options options;
    } rows[] = {
        { "embedding 6 input_dim=10; lstm 5; dense 3 softmax", "classify", true, { 0 } },
        { "embedding 6 input_dim=10 mask_zero; gru 5 merge=sum; dense 3 softmax",
          "classify",
          true,
          { 0 } },
        { "gru 5; dense 1 sigmoid", "classify", false, { .output = "0" } },
        { "gru 5; dense 1 sigmoid", "classify", false, { .output = "1", .logit = true } },
        { "lstm 5 return_sequences; dense 2", "regress", false, { .step = 3, .output = "y2" } },
        { "masking; lstm 5 dropout=0.5 recurrent_dropout=0.3; dense 2 relu; dense 2",
          "regress",
          false,
          { .baseline = "0.3" } },
        { "layer_normalization; simple_rnn 5 relu; dense 2",
          "regress",
          false,
          { .baseline = "mean" } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_complete(rows[i].layers, rows[i].task, rows[i].tokens, rows[i].options);
}

/* In units of the data: scaled inputs and targets change neither the sum nor the share of a feature. */
static void scaled(void **state)
{
    subject s;
    double shift[2] = { 1, -2 }, factor[2] = { 0.5, 3 };
    (void)state;
    subject_open(&s, "regress", "lstm 4; dense 2", false);
    scaler *in = &s.pipeline->scale_in, *out = &s.pipeline->scale_out;
    *in = (scaler){ "standard", 2, shift, factor, false, 0 };
    *out = *in;
    rondo_explanation *e = must_explain(&s, (rondo_explain_options){ .output = "y2" });
    assert_true(e->complete);
    assert_string_equal(e->baseline, "zeros");
    rondo_explanation_free(e);
    e = must_explain(&s, (rondo_explain_options){ .output = "y2", .baseline = "mean" });
    assert_true(e->complete);
    assert_string_equal(e->baseline, "mean of the training data");
    /* the baseline answers as scaled zeros do */
    real zeros[14] = { 0 }, y[2];
    const rondo_array x = { zeros, RONDO_F32, { 3, { 1, 7, 2 } }, NULL };
    rondo_array to = { y, RONDO_F32, { 2, { 1, 2 } }, NULL };
    const rondo_batch b = { .n_inputs = 1, .inputs = &x };
    assert_int_equal(rondo_predict(s.pipeline->model, &b, &to, 1), RONDO_OK);
    assert_near(e->f_baseline, (double)y[1] / 3 - 2, 1e-5);
    rondo_explanation_free(e);
    *in = *out = (scaler){ 0 };
    subject_close(&s);
}

static void inside(void **state)
{
    subject s;
    (void)state;
    subject_open(&s, "regress", "lstm 4 return_sequences; lstm 3 merge=concat return_sequences",
                 false);
    rondo_explanation *e = must_explain(&s, (rondo_explain_options){ .methods = "gates units" });
    assert_int_equal(e->n_maps, 6);
    assert_string_equal(e->maps[0].kind, "gates");
    assert_string_equal(e->maps[0].of, "lstm");
    assert_string_equal(e->maps[2].of, "lstm_1.backward");
    assert_int_equal(e->maps[0].steps, 7);
    assert_string_equal(e->maps[0].names[1], "f");
    for (int i = 0; i < 7; i++) /* a forget gate is between 0 and 1 */
        assert_true(e->maps[0].values[i * e->maps[0].width + 1] > 0 &&
                    e->maps[0].values[i * e->maps[0].width + 1] < 1);
    /* units of the last layer are its outputs, those of its way back at their own steps */
    real y[84];
    rondo_array to = { y, RONDO_F32, { 3, { 2, 7, 6 } }, NULL };
    assert_int_equal(rondo_predict(s.pipeline->model, &s.batch, &to, 1), RONDO_OK);
    assert_string_equal(e->maps[5].of, "lstm_1.backward");
    for (int t = 0; t < 7; t++)
        for (int u = 0; u < 3; u++) {
            assert_near(e->maps[4].values[t * 3 + u], y[t * 6 + u], 1e-6);
            assert_near(e->maps[5].values[t * 3 + u], y[t * 6 + 3 + u], 1e-6);
        }
    rondo_explanation_free(e);
    e = must_explain(&s,
                     (rondo_explain_options){ .methods = "gates", .layer = "lstm", .gate = "o" });
    assert_int_equal(e->n_maps, 1);
    assert_int_equal(e->maps[0].width, 4);
    rondo_explanation_free(e);
    subject_close(&s);
}

static void refused(void **state)
{
    static const struct {
        rondo_explain_options options;
        const char *says;
    } rows[] = {
        { { .sample = 2 }, "samples 0 to 1" },
        { { .sample = -1 }, "samples 0 to 1" },
        { { .step = 8 }, "steps 1 to 7" },
        { { .output = "y9" }, "did you mean" },
        { { .baseline = "null" }, "zeros, mean or a number" },
        { { .methods = "gate" }, "did you mean \"gates\"" },
        { { .methods = "gates", .layer = "gru" }, "there are lstm" },
        { { .methods = "gates", .gate = "z" }, "there are i, f, c, o, h" },
        { { .logit = true }, "no activation" },
        { { .methods = "occlusion", .hide = -1 }, "at least 1" },
    };
    subject s;
    (void)state;
    subject_open(&s, "regress", "lstm 4 return_sequences; dense 2 tanh; layer_normalization",
                 false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rondo_explanation *e;
        rondo_explain_options o = rows[i].options;
        o.size = sizeof o;
        assert_int_not_equal(rondo_explain(&e, s.pipeline, s.data, &o), RONDO_OK);
        assert_null(e);
        if (!strstr(rondo_error(), rows[i].says))
            fail_msg("no \"%s\" in: %s", rows[i].says, rondo_error());
    }
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell), cmocka_unit_test(every_graph),
        cmocka_unit_test(scaled),     cmocka_unit_test(inside),
        cmocka_unit_test(refused),    cmocka_unit_test(learned_activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
