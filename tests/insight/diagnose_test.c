/* What a diagnosis measures, on networks whose figures are known; that it comes back from JSON; and
 * that watching a training changes no bit of it. */
#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include "insight/insight.h"
#include <math.h>

enum { ROWS = 6, STEPS = 24, UNITS = 3 };
static const int64_t ragged[ROWS] = { 24, 20, 24, 24, 20, 24 };

typedef struct scene {
    rondo_model *model;
    objective objective;
    probe probe;
    rondo_diagnosis *seen;
} scene;

static void set_scale(rondo_model *m, const char *name, real on_diagonal)
{
    rondo_array w;
    assert_int_equal(rondo_weight_get(m, name, &w), RONDO_OK);
    for (int64_t i = 0; i < UNITS; i++)
        for (int64_t k = 0; k < UNITS; k++)
            ((real *)w.data)[i * UNITS + k] = i == k ? on_diagonal : 0;
    model_weights_changed(m);
}

static void build(scene *s, const char *text)
{
    *s = (scene){ .model = rondo_model_new() };
    rondo_input(s->model, RONDO_F32, RONDO_SHAPE(0, 2));
    if (rondo_add_spec(s->model, text) || model_prepare(s->model, 3)) fail_msg("%s", rondo_error());
}

/* A network over made-up data; its targets have the shape of what it gives. */
static void look_at(scene *s, const int64_t *lengths)
{
    real x[STEPS * ROWS * 2], y[STEPS * ROWS * 2 * UNITS];
    for (int i = 0; i < STEPS * ROWS * 2; i++) x[i] = (real)sin(i);
    for (int i = 0; i < STEPS * ROWS * 2 * UNITS; i++) y[i] = (real)cos(i) * 3;
    const feed f = { STEPS, ROWS, x, NULL, lengths };
    assert_int_equal(objective_parse(&s->objective, s->model, "mse"), RONDO_OK);
    assert_int_equal(probe_open(&s->probe, s->model, &s->objective), RONDO_OK);
    const value_shape *out = model_output_shape(s->model, 0);
    real weight[STEPS * ROWS];
    truth_weigh(weight, NULL, lengths, NULL, NULL, STEPS, ROWS);
    const truth t = { .target = y,
                      .weight = out->sequence ? weight : NULL,
                      .rows = out->sequence ? STEPS * ROWS : ROWS,
                      .width = out->features };
    assert_int_equal(probe_see(&s->probe, 1, &f, &t), RONDO_OK);
    assert_int_equal(probe_report(&s->probe, true, &s->seen), RONDO_OK);
}

static void see(scene *s, const char *text, real recurrent, const int64_t *lengths)
{
    build(s, text);
    if (recurrent != 0) set_scale(s->model, "simple_rnn.recurrent_kernel", recurrent);
    look_at(s, lengths);
}

static void done(scene *s)
{
    rondo_diagnosis_free(s->seen);
    probe_close(&s->probe);
    rondo_model_free(s->model);
}

static void near(double is, double wanted, double by)
{
    if (!(fabs(is - wanted) <= by)) fail_msg("%g, expected %g", is, wanted);
}

/* h' = 0.5 h + …: the gradient halves every step, whatever the rows and the direction. */
static void halves_every_step(void **state)
{
    static const char *const specs[] = { "simple_rnn 3 linear",
                                         "simple_rnn 3 linear return_sequences",
                                         "simple_rnn 3 linear go_backwards" };
    (void)state;
    for (int i = 0; i < 6; i++) {
        scene s;
        see(&s, specs[i / 2], (real)0.5, i % 2 ? ragged : NULL);
        const rondo_layer_diagnosis *l = &s.seen->layer[0];
        assert_int_equal(s.seen->n_layers, 1);
        near(l->decay, 0.5, 1e-4);
        near(l->half_life, 1, 1e-3);
        near(l->memory, log(0.01) / log(0.5), 0.01);
        near(l->gradient[8], exp2(-8), 1e-4 * exp2(-8));
        near(l->spectral_radius, 0.5, 1e-4);
        near(l->lyapunov, log(0.5), 1e-4);
        near(l->kernel_radius, 0.5, 1e-4);
        near(l->unreached, 0, 0);
        near(l->steps, i % 2 ? 136.0 / 6 : STEPS, 1e-9);
        assert_true(isnan(l->kept));
        done(&s);
    }
}

static void both_directions(void **state)
{
    (void)state;
    scene s;
    see(&s, "lstm 3 return_sequences merge=concat", 0, ragged);
    assert_int_equal(s.seen->n_layers, 2);
    for (int d = 0; d < 2; d++) {
        const rondo_layer_diagnosis *l = &s.seen->layer[d];
        assert_int_equal(l->backward, d == 1);
        near(l->unreached, 0, 0);
        assert_true(l->n_distances > 10 && l->gradient[10] > 0);
        assert_true(l->kept > 0.5 && l->kept < 1);
        assert_int_equal(l->n_gates, 5);
        assert_string_equal(l->gate[1].name, "f");
        near(l->gate[1].mean, 0.7, 0.15); /* its bias is 1 */
        double sum = 0;
        for (int i = 0; i < RONDO_BARS; i++) sum += l->gate[1].bars[i];
        near(sum, 1, 1e-9);
    }
    done(&s);
}

/* The share that a step hands on is the forget gate's own value. */
static void what_is_kept(void **state)
{
    (void)state;
    scene s;
    see(&s,
        "lstm 3 no_unit_forget_bias bias_initializer=constant(-4) kernel_initializer=zeros "
        "recurrent_initializer=zeros",
        0, NULL);
    const rondo_layer_diagnosis *l = &s.seen->layer[0];
    const double f = 1 / (1 + exp(4));
    near(l->kept, f, 1e-6);
    near(l->forgetting, 1, 0);
    near(l->kept_half_life, log(0.5) / log(f), 1e-5);
    near(l->gate[1].low, 1, 0);
    assert_int_equal(l->constant, 0); /* h still grows */
    done(&s);
}

static void saturation_of_any_function(void **state)
{
    static const struct {
        const char *function;
        real x[4];
        double share;
    } cases[] = {
        { "sigmoid", { 0, 1, 5, -5 }, 0.5 },      { "tanh", { 0, 1, 3, -3 }, 0.5 },
        { "relu", { 1, 2, -1, 3 }, 0.25 },        { "linear", { 1, 2, -1, 3 }, 0 },
        { "hard_sigmoid", { 0, 1, 9, -9 }, 0.5 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_function f;
        gate_stats g;
        rondo_gate_diagnosis d = { .mean = 0 };
        real y[4], slope[4], scratch[3];
        assert_int_equal(activation_parse(&f, cases[i].function), RONDO_OK);
        gate_begin(&g, &f, scratch, 1);
        rondo_activate(&f, y, cases[i].x, 4);
        gate_see(&g, &f, y, cases[i].x, slope, 4);
        gate_report(&g, &d);
        near(d.saturated, cases[i].share, 0);
    }
}

/* What an activation has learned is what is looked at, and not what it began with. */
static void learned_activations(void **state)
{
    (void)state;
    scene a, b;
    rondo_array w;
    see(&a, "indrnn 8 activation=\"tanh(s*x) with s=8\"", 0, ragged);
    build(&b, "indrnn 8 activation=\"tanh(s*x) with s=1\"");
    assert_int_equal(rondo_weight_get(b.model, "indrnn.activation_h.s", &w), RONDO_OK);
    for (int i = 0; i < 8; i++) ((real *)w.data)[i] = 8;
    model_weights_changed(b.model);
    look_at(&b, ragged);
    const rondo_layer_diagnosis *l = &a.seen->layer[0], *k = &b.seen->layer[0];
    const int last = (int)l->n_gates - 1;
    near(k->gate[last].saturated, l->gate[last].saturated, 0);
    near(k->gate[last].from, l->gate[last].from, 0);
    near(k->kept, l->kept, 0);
    near(k->forgetting, l->forgetting, 0);
    near(k->lyapunov, l->lyapunov, 0);
    near(k->decay, l->decay, 0);
    done(&a);
    done(&b);
}

/* Parameters that are left out; and a name that is too long, in letters of three bytes. */
static void left_out_and_cut(void **state)
{
    (void)state;
    scene s;
    char *text;
    see(&s, "layer_norm_lstm 4 no_bias name=a循环神经网络循环神经网络循环神经网络循环神经网络", 0,
        NULL);
    assert_true(s.seen->layer[0].kept > 0);
    assert_int_equal(strlen(s.seen->layer[0].name), 61);
    if (rondo_diagnosis_json(s.seen, &text)) fail_msg("%s", rondo_error());
    free(text);
    done(&s);
}

static const rondo_finding *found(const rondo_diagnosis *d, const char *rule)
{
    for (int64_t i = 0; i < d->n_findings; i++)
        if (!strcmp(d->finding[i].rule, rule)) return &d->finding[i];
    return NULL;
}

/* Advice about gates is for cells that have them, and names what they take. */
static void words_fit_the_cell(void **state)
{
    (void)state;
    scene s;
    see(&s, "gru 3 bias_initializer=constant(-4) kernel_initializer=zeros", 0, NULL);
    rules_apply(s.seen);
    const rondo_finding *f = found(s.seen, "keeps_nothing");
    assert_true(f && strstr(f->advice, "chrono(24)") && !strstr(f->sentence, "forget"));
    assert_null(found(s.seen, "forget_gate_closed"));
    done(&s);
    see(&s, "indrnn 3 recurrent_initializer=constant(0.01)", 0, NULL);
    rules_apply(s.seen);
    assert_true(s.seen->layer[0].forgetting > 0.5);
    for (int64_t i = 0; i < s.seen->n_findings; i++)
        assert_null(strstr(s.seen->finding[i].advice, "chrono"));
    assert_null(found(s.seen, "forget_gate_closed"));
    done(&s);
}

static void medians(void **state)
{
    spread *s = alloc_new(sizeof *s);
    (void)state;
    assert_true(isnan(spread_quantile(s, 0.5)));
    spread_add(s, NAN);
    for (int i = 1; i <= 999; i++) spread_add(s, i);
    near(spread_quantile(s, 0.5), 500, 35);
    near(spread_quantile(s, 1), 999, 0);
    for (int i = 0; i < 2000; i++) spread_add(s, 0);
    near(spread_quantile(s, 0.5), 0, 0);
    alloc_free(s);
}

static void dead_and_constant(void **state)
{
    (void)state;
    scene s;
    see(&s,
        "dense 4 relu bias_initializer=constant(-9); "
        "dense 3 kernel_initializer=zeros bias_initializer=ones tanh; simple_rnn 3",
        0, NULL);
    assert_int_equal(s.seen->n_layers, 3);
    assert_int_equal(s.seen->layer[0].dead, 4);
    assert_int_equal(s.seen->layer[1].constant, 3);
    assert_int_equal(s.seen->layer[2].dead, 0);
    rules_apply(s.seen);
    assert_int_equal(s.seen->n_findings, 2);
    assert_string_equal(s.seen->finding[0].rule, "dead_units");
    assert_non_null(strstr(s.seen->finding[0].sentence, "4 of 4 units are dead: their relu"));
    assert_non_null(strstr(s.seen->finding[0].sentence_zh, "4 个单元"));
    assert_null(strchr(s.seen->finding[0].advice_zh, '{'));
    done(&s);
}

static void same_value(double a, double b)
{
    if (isnan(a) || isnan(b))
        assert_true(isnan(a) && isnan(b));
    else
        near(a, b, 1e-5 * fabs(b));
}

static void comes_back_from_json(void **folder)
{
    char *path = file_join(*folder, "diagnosis.json"), *page = file_join(*folder, "d.html"), *text;
    rondo_diagnosis *again;
    scene s;
    see(&s, "lstm 3; dense 3 relu bias_initializer=constant(-50); dense 3", 0, NULL);
    rules_apply(s.seen);
    assert_true(s.seen->n_findings > 0);
    assert_int_equal(rondo_diagnosis_json(s.seen, &text), RONDO_OK);
    assert_int_equal(file_write_all(path, text, strlen(text)), RONDO_OK);
    assert_int_equal(rondo_diagnosis_load(&again, path), RONDO_OK);
    assert_int_equal(again->n_layers, 2);
    assert_int_equal(again->n_findings, s.seen->n_findings);
    assert_string_equal(again->finding[0].advice_zh, s.seen->finding[0].advice_zh);
    const rondo_layer_diagnosis *a = &again->layer[0], *b = &s.seen->layer[0];
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->n_distances, b->n_distances);
    assert_int_equal(a->n_gates, b->n_gates);
    for (int64_t i = 0; i < a->n_distances; i++) same_value(a->gradient[i], b->gradient[i]);
    same_value(a->gate[2].mean, b->gate[2].mean);
    same_value(a->kernel_radius, b->kernel_radius);
    same_value(a->kept, b->kept);
    assert_int_equal(rondo_diagnosis_write(again, page, "zh"), RONDO_OK);
    assert_int_equal(rondo_diagnosis_write(again, "d.pdf", "en"), RONDO_E_ARG);
    assert_int_equal(rondo_diagnosis_write(again, page, "de"), RONDO_E_ARG);
    assert_int_equal(file_write_all(path, "{\"layers\": 3}", 13), RONDO_OK);
    rondo_diagnosis_free(again);
    assert_int_equal(rondo_diagnosis_load(&again, path), RONDO_E_FORMAT);
    free(text);
    alloc_free(path);
    alloc_free(page);
    done(&s);
}

/* ---- While training ---- */
static rondo_model *train(const char *text, const char *data, const char *watch, int64_t bptt)
{
    rondo_model *m = rondo_model_new();
    rondo_dataset *d;
    rondo_callback c = { 0 };
    rondo_type type;
    if (rondo_dataset_open(&d, data, "")) fail_msg("%s: %s", data, rondo_error());
    type = d->input[0].type;
    rondo_input(m, type, d->input[0].shape);
    if (rondo_add_spec(m, text) ||
        rondo_compile(m, .seed = 5, .threads = 2,
                      .loss = d->target[0].type == RONDO_I32 ? "sparse_categorical_crossentropy"
                                                             : "mse"))
        fail_msg("%s: %s", text, rondo_error());
    if (watch && rondo_callback_parse(&c, watch)) fail_msg("%s", rondo_error());
    if (rondo_fit(m, d, .epochs = 2, .batch_size = 16, .bptt = bptt, .callbacks = &c,
                  .n_callbacks = watch ? 1 : 0))
        fail_msg("%s: %s", text, rondo_error());
    rondo_callback_free(&c);
    rondo_dataset_free(d);
    return m;
}

static void watching_changes_no_bit(void **folder)
{
    static const struct {
        const char *spec, *data;
        int64_t bptt;
    } runs[] = {
        { "lstm 8 dropout=0.2; dense 1", "task:adding?length=12&count=200", 0 },
        { "gru 8 return_sequences merge=concat recurrent_dropout=0.1; dropout 0.2; simple_rnn 5 "
          "relu;"
          "dense 10 softmax",
          "task:digits?count=120&size=8", 0 },
        { "embedding 6 input_dim=10; lstm 8 return_sequences stateful; dense 10 softmax",
          "task:copy?count=100&length=6&memory=3", 4 },
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        char *path = file_join(*folder, "diagnosis.json");
        char *watch = alloc_format("diagnose path=%s every=4", path);
        rondo_diagnosis *d;
        rondo_model *a = train(runs[i].spec, runs[i].data, NULL, runs[i].bptt);
        rondo_model *b = train(runs[i].spec, runs[i].data, watch, runs[i].bptt);
        assert_int_equal(a->n_weights, b->n_weights);
        assert_memory_equal(a->weights, b->weights, (size_t)a->n_weights * sizeof(real));
        assert_int_equal(rondo_diagnosis_load(&d, path), RONDO_OK);
        assert_true(d->training && d->batches > 10 && d->update_ratio > 0 && d->n_losses > 10);
        assert_true(d->layer[0].lyapunov < 1 && d->layer[0].spectral_radius > 0);
        rondo_diagnosis_free(d);
        rondo_model_free(a);
        rondo_model_free(b);
        alloc_free(watch);
        alloc_free(path);
    }
}

/* Nor does it end one: what it cannot write is remarked. */
static void watching_ends_no_training(void **folder)
{
    char *watch = alloc_format("diagnose path=%s/none/d.json every=4", (char *)*folder);
    rondo_model *a = train("gru 4; dense 1", "task:adding?length=6&count=99", NULL, 0);
    rondo_model *b = train("gru 4; dense 1", "task:adding?length=6&count=99", watch, 0);
    assert_memory_equal(a->weights, b->weights, (size_t)a->n_weights * sizeof(real));
    rondo_model_free(a);
    rondo_model_free(b);
    alloc_free(watch);
}

static rondo_status with_little_memory(void *arg)
{
    static const real x[2 * 4 * 2], y[2];
    const feed f = { 4, 2, x, NULL, NULL };
    const truth t = { .target = y, .rows = 2, .width = 1 };
    rondo_model *m = arg;
    objective o;
    probe p = { 0 };
    rondo_diagnosis *d = NULL;
    RONDO_TRY(objective_parse(&o, m, "mse"));
    rondo_status status = probe_open(&p, m, &o);
    if (!status) status = probe_see(&p, 1, &f, &t);
    if (!status) status = probe_report(&p, true, &d);
    rondo_diagnosis_free(d);
    probe_close(&p);
    return status;
}

static void memory_may_fail(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 2));
    assert_int_equal(rondo_add_spec(m, "lstm 2; dense 1"), RONDO_OK);
    assert_int_equal(model_prepare(m, 1), RONDO_OK);
    assert_int_equal(model_reserve_packed(m), RONDO_OK);
    assert_int_equal(with_little_memory(m), RONDO_OK); /* what the model keeps is made once */
    memory_fail_everywhere(with_little_memory, m, false);
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_every_step),
        cmocka_unit_test(both_directions),
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(saturation_of_any_function),
        cmocka_unit_test(learned_activations),
        cmocka_unit_test(left_out_and_cut),
        cmocka_unit_test(words_fit_the_cell),
        cmocka_unit_test(medians),
        cmocka_unit_test(dead_and_constant),
        cmocka_unit_test_setup_teardown(comes_back_from_json, folder_make, folder_drop),
        cmocka_unit_test_setup_teardown(watching_changes_no_bit, folder_make, folder_drop),
        cmocka_unit_test_setup_teardown(watching_ends_no_training, folder_make, folder_drop),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
