/* Every gradient against central differences in double precision, walking the tables: a new cell,
 * activation, layer or loss is checked the day its row is added. */
#include "model/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { STEPS = 4, BATCH = 3, FEATURES = 3, CLASSES = 4 };
static const double bound = 1e-6;

typedef struct problem { /* random inputs and targets for a model */
    real x[MAX_PORTS][STEPS * BATCH * 8];
    int32_t tokens[MAX_PORTS][STEPS * BATCH];
    real target[STEPS * BATCH * 16];
    int32_t label[STEPS * BATCH];
    real weight[STEPS * BATCH];
    int64_t lengths[BATCH];
} problem;

static problem data;

static double worst_seen;
static char worst_where[512];
static long checked, left_out;

static void fill_problem(uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_DATA, 0));
    for (int i = 0; i < MAX_PORTS; i++)
        for (int k = 0; k < STEPS * BATCH * 8; k++) data.x[i][k] = (real)rng_normal(&r);
    for (int i = 0; i < MAX_PORTS; i++)
        for (int k = 0; k < STEPS * BATCH; k++) data.tokens[i][k] = (int32_t)rng_below(&r, CLASSES);
    for (int k = 0; k < STEPS * BATCH; k++) {
        real sum = 0;
        for (int c = 0; c < 16; c++) data.target[k * 16 + c] = (real)(0.1 + 0.8 * rng_uniform(&r));
        for (int c = 0; c < CLASSES; c++) sum += data.target[k * CLASSES + c];
        (void)sum;
        data.label[k] = (int32_t)rng_below(&r, CLASSES);
        data.weight[k] = (real)(0.5 + rng_uniform(&r));
    }
}

/* Small random values everywhere, biases too, so that no gradient hides behind a zero. */
static void stir_weights(rondo_model *m, uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_INIT, 77));
    for (int64_t i = 0; i < m->n_weights; i++)
        m->weights[i] = (real)(0.4 * (double)m->weights[i] + 0.2 * rng_normal(&r));
    model_weights_changed(m);
}

static void check_model(rondo_model *m, const char *losses, bool ragged, const char *what)
{
    /* exp of exp of exp leaves the numbers behind soon, and so does a cube */
    const bool steep = strstr(what, "exponential") || strstr(what, "cube") ||
                       strstr(what, "squared_relu");
    const int64_t steps = steep ? 2 : STEPS;
    feed feeds[MAX_PORTS];
    truth truths[MAX_PORTS];
    double valid[MAX_PORTS];
    objective o;
    check_result result;
    assert_int_equal(model_status(m), RONDO_OK);
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    stir_weights(m, 5);
    if (objective_parse(&o, m, losses)) fail_msg("%s: %s", what, rondo_error());
    for (int i = 0; i < m->n_inputs; i++) {
        const value_shape *s = &m->nodes[m->inputs[i]].out[0];
        feeds[i] = (feed){ .steps = s->sequence ? steps : 1, .batch = BATCH };
        if (s->type == RONDO_I32)
            feeds[i].tokens = data.tokens[i];
        else
            feeds[i].data = data.x[i];
        if (ragged && s->sequence && steps == STEPS) feeds[i].lengths = data.lengths;
    }
    for (int i = 0; i < o.n; i++) {
        const value_shape *s = model_output_shape(m, i);
        const int64_t rows = s->sequence ? steps * BATCH : BATCH;
        truths[i] = (truth){ .rows = rows, .width = s->features, .weight = data.weight };
        if (o.losses[i].row->takes_labels)
            truths[i].label = data.label;
        else
            truths[i].target = data.target;
        valid[i] = (double)rows;
    }
    const rondo_status s = check_gradients(m, &o, m->n_inputs, feeds, truths, valid, 0,
                                           !strstr(what, "masking") /* a masked input jumps */,
                                           &result);
    if (s) fail_msg("%s: %s", what, rondo_error());
    if (!(result.worst < bound)) fail_msg("%s: error %.2e at %s", what, result.worst, result.where);
    assert_true(result.checked > 0);
    if (result.worst > worst_seen) {
        worst_seen = result.worst;
        snprintf(worst_where, sizeof worst_where, "%s: %s", what, result.where);
    }
    checked += result.checked;
    left_out += result.left_out;
    rondo_model_free(m);
}

static void check_spec(const char *text, const char *losses, bool ragged)
{
    rondo_model *m = rondo_model_new();
    const bool tokens = strstr(text, "embedding") == text;
    if (tokens)
        rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    else
        rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    if (rondo_add_spec(m, text)) fail_msg("%s: %s", text, rondo_error());
    check_model(m, losses, ragged, text);
}

static void every_cell_and_activation(void **state)
{
    char text[256];
    (void)state;
    for (int c = 0; c < registry_count(REGISTRY_CELL); c++)
        for (int a = 0; a < registry_count(REGISTRY_ACTIVATION); a++) {
            if (activation_is_alias(a)) continue;
            const char *cell = registry_name(REGISTRY_CELL, c),
                       *act = registry_name(REGISTRY_ACTIVATION, a);
            snprintf(text, sizeof text, "%s 3 %s return_sequences", cell, act);
            check_spec(text, "mse", a % 2);
            snprintf(text, sizeof text, "%s 3 recurrent_activation=%s return_sequences; dense 2 %s",
                     cell, act, act);
            check_spec(text, "mse", a % 3 == 0);
        }
}

/* In gates and candidates of every cell, learned parameters too. */
static void every_cell_and_formula(void **state)
{
    static const char *const formulas[] = {
        "x*tanh(log1p(exp(x)))",
        "0.5*x*(1 + erf(x/sqrt(2)))",
        "x/(1 + exp(-x))",
        "a*tanh(b*x) with a=1, b=0.7",
        "where(x > 0, x, a*x) with a=0.25 shared",
        "x*sigmoid(b*x) with b=1.5 shared",
        "sin(x) + cos(2*x)/4 - atan(x)^3/5",
        "max(min(x, 1), -1) + 0.1*abs(x)",
        "x/sqrt(1 + x^2)",
        "softplus(x)^1.5/(2 + exp(-x^2))",
        "normal(x)*x - expm1(-x^2)*sign(x)",
        "c*log(2 + k^2 + x^2) - 2^(-x^2) with c=1, k=0.5",
    };
    char text[512];
    (void)state;
    for (int c = 0; c < registry_count(REGISTRY_CELL); c++)
        for (size_t a = 0; a < sizeof formulas / sizeof *formulas; a++) {
            const char *cell = registry_name(REGISTRY_CELL, c), *of = formulas[a];
            snprintf(text, sizeof text, "%s 3 \"%s\" return_sequences", cell, of);
            check_spec(text, "mse", a % 2);
            snprintf(text, sizeof text,
                     "%s 2 merge=concat recurrent_activation=\"%s\" return_sequences; activation "
                     "\"%s\"; dense 2 \"%s\"",
                     cell, of, of, of);
            check_spec(text, "mse", a % 3 == 0);
        }
}

static void recurrent_options(void **state)
{
    static const char *const specs[] = {
        "lstm 3",
        "lstm 3 no_bias",
        "gru 3",
        "gru 3 reset_after=false",
        "gru 3 reset_after=false no_bias",
        "gru 3 reset_after=false activation=gelu recurrent_activation=silu return_sequences",
        "mgu 3 no_bias",
        "mgu 3 merge=concat activation=gelu recurrent_activation=silu return_sequences",
        "mingru 3 no_bias return_sequences; mingru 2 tanh",
        "mingru 3 go_backwards activation=linear recurrent_activation=hard_sigmoid",
        "mingru 2 merge=sum activations=\"z=gelu h=mish\" return_sequences",
        "indrnn 3 no_bias return_sequences; indrnn 2 tanh",
        "indrnn 3 merge=concat gelu dropout=0.3",
        "peephole_lstm 3 no_bias",
        "peephole_lstm 2 merge=ave activations=\"i=gelu c=softsign o=silu\" return_sequences",
        "layer_norm_lstm 3 no_bias return_sequences",
        "layer_norm_lstm 3 epsilon=0.1 merge=mul recurrent_dropout=0.3",
        "layer_norm_lstm 4 activations=\"i=gelu f=mish c=elu o=silu h=gelu\"",
        "janet 3 no_bias merge=concat return_sequences",
        "lstm 3 learned_state return_sequences; gru 2 learned_state",
        "gru 2 learned_state merge=concat recurrent_dropout=0.2; dense 2",
        "masking mask_value=9; lstm 3 learned_state return_sequences; dense 2 tanh",
        "mingru 3 learned_state go_backwards return_sequences; layer_norm_lstm 2 learned_state",
        "lstm 3 activations=\"i=hard_sigmoid f=gelu c=elu o=softsign h=mish\" return_sequences",
        "simple_rnn 3 go_backwards return_sequences",
        "lstm 3 go_backwards",
        "lstm 2 merge=concat return_sequences",
        "gru 2 merge=sum return_sequences",
        "simple_rnn 2 merge=mul",
        "lstm 2 merge=ave",
        "gru 2 merge=concat go_backwards return_sequences",
        "simple_rnn 3 return_sequences; lstm 2 return_sequences; gru 2",
        "masking mask_value=9; lstm 3 return_sequences; dense 2 tanh",
        "masking mask_value=9; gru 2 merge=concat; dense 2 tanh",
        "masking mask_value=9; simple_rnn 3 go_backwards return_sequences; lstm 2",
        "layer_normalization; gru 2 return_sequences; layer_normalization no_center",
        "dense 3 relu; lstm 2; dense 2 no_bias",
        "dropout 0.5; lstm 3 dropout=0.3 recurrent_dropout=0.4",
        "dense 4; dropout 0.4 locked; gru 3 return_sequences; spatial_dropout1d 0.3; dense 2",
        "dense 3; activity_regularization l2=0.3; simple_rnn 3",
        "lstm 3 return_sequences; activity_regularization tar=1; dropout 0.3 locked; "
        "activity_regularization ar=2; dense 2",
        "masking mask_value=9; lstm 3 return_sequences; activity_regularization ar=2 tar=1",
        "embedding 3 input_dim=4 mask_zero; activity_regularization tar=0.5 l2=1; lstm 2",
        "embedding 3 input_dim=4; lstm 2 return_sequences",
        "embedding 3 input_dim=4 dropout=0.4; lstm 3 return_sequences; dense tie=embedding",
        "embedding 3 input_dim=4 mask_zero; gru 2",
        "activation softplus; simple_rnn 3",
        "rrelu; simple_rnn 3 return_sequences; rrelu lower=-0.1 upper=0.3",
        "dense 4; glu; lstm 2",
        "simple_rnn 4 return_sequences; glu silu; dense 2",
        "dense 6; glu softmax; gru 2",
        "dense 4; maxout; lstm 2",
        "gru 6 return_sequences; maxout pieces=3; dense 2",
        "lstm 3 return_sequences; pool max; dense 2",
        "pool average; dense 3",
        "gru 3 merge=concat return_sequences; pool last max average; dense 2",
        "masking mask_value=9; simple_rnn 3 return_sequences; pool last average",
        "embedding 3 input_dim=4; pool max average; dense 2",
        "lstm 5 return_sequences; adaptive_softmax 12 cutoffs='4 9' div_value=2 head_bias",
        "gru 4; adaptive_softmax 9 cutoffs=3",
        "dense 6; glu \"b*tanh(a*x) with a=1, b=0.5\"; lstm 2",
    };
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        fill_problem(i);
        for (int f = 0; f < FEATURES; f++)
            data.x[0][(1 * BATCH + 0) * FEATURES + f] = 9; /* row 0, step 1 */
        for (int f = 0; f < FEATURES; f++)
            data.x[0][(0 * BATCH + 2) * FEATURES + f] = 9; /* row 2, step 0 */
        check_spec(specs[i], "mse", false);
        check_spec(specs[i], "huber(0.1)", true);
    }
    fill_problem(1);
}

static void every_loss(void **state)
{
    static const char *const heads[] = { "softmax", "sigmoid", "linear", "tanh" };
    char text[128];
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_LOSS); i++)
        for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
            const char *name = registry_name(REGISTRY_LOSS, i);
            const bool probabilities = strstr(name, "crossentropy") != NULL;
            if (probabilities && h > 1) continue; /* outputs of those may be negative */
            snprintf(text, sizeof text, "simple_rnn 3 return_sequences; dense %d %s", CLASSES,
                     heads[h]);
            check_spec(text, name, h % 2);
            if (!probabilities) continue;
            char smoothed[96];
            snprintf(smoothed, sizeof smoothed, "%s label_smoothing=0.2", name);
            check_spec(text, smoothed, !(h % 2));
        }
    static const char *const adaptive = "simple_rnn 3 return_sequences; "
                                        "adaptive_softmax 4 cutoffs='1 3' div_value=2";
    for (int ragged = 0; ragged < 2; ragged++) {
        check_spec(adaptive, "sparse_categorical_crossentropy", ragged);
        check_spec(adaptive, "categorical_crossentropy", ragged);
        check_spec(adaptive, "sparse_categorical_crossentropy label_smoothing=0.2", ragged);
    }
}

/* Encoder and decoder: initial states, returned states, a shared layer, merges of all kinds, two
 * outputs. */
static void functional_graph(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    const rondo_value a = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    const rondo_value b = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_layer *shared = rondo_layer_parse("dense 4 tanh");
    const rondo_value ea = rondo_apply(m, shared, 1, &a), eb = rondo_apply(m, shared, 1, &b);
    const rondo_value enc = rondo_apply(
        m, rondo_lstm(3, .return_sequences = true, .return_state = true), 1, &ea);
    const rondo_value dec_in[] = { eb, { enc.node, 1 }, { enc.node, 2 } };
    const rondo_value dec = rondo_apply(
        m, rondo_lstm(3, .return_sequences = true, .return_state = true), 3, dec_in);
    const rondo_value pair[] = { enc, dec };
    const rondo_value add = rondo_apply(m, rondo_layer_parse("add"), 2, pair);
    const rondo_value mul = rondo_apply(m, rondo_layer_parse("multiply"), 2, pair);
    const rondo_value four[] = { add, mul, dec };
    const rondo_value average = rondo_apply(m, rondo_layer_parse("average"), 3, four);
    const rondo_value all[] = { average, ea, dec };
    const rondo_value cat = rondo_apply(m, rondo_layer_parse("concat"), 3, all);
    const rondo_value y = rondo_apply(m, rondo_dense(CLASSES, .activation = "softmax"), 1, &cat);
    const rondo_value last = rondo_apply(m, rondo_layer_parse("dense 2 sigmoid"), 1,
                                         &(rondo_value){ dec.node, 2 });
    rondo_outputs(m, 2, (rondo_value[]){ y, last });
    check_model(m, "sparse_categorical_crossentropy; mse", false, "functional graph");
}

static void bidirectional_with_states(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    const rondo_value x = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    const rondo_value h0 = rondo_input(m, RONDO_F32, RONDO_SHAPE(2)),
                      h1 = rondo_input(m, RONDO_F32, RONDO_SHAPE(2));
    const rondo_value in[] = { x, h0, h1 };
    const rondo_value y = rondo_apply(m, rondo_gru(2, .merge = "concat", .return_state = true), 3,
                                      in);
    rondo_outputs(m, 2, (rondo_value[]){ y, { y.node, 2 } });
    check_model(m, "mse", true, "bidirectional with states");
}

/* Nothing flows into frozen weights, and what lies before them still gets its gradient. */
static void frozen(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_add_spec(m, "lstm 2 return_sequences; gru 2; dense 2");
    assert_int_equal(rondo_adapt(m, "gru.*", "frozen"), RONDO_OK);
    check_model(m, "mse", false, "frozen");
}

/* Every adapter on every matrix of every cell, in dense layers, looked up and tied, alone and on each
 * other; with the weights themselves training too, as they may. */
static void every_adapter(void **state)
{
    static const char *const specs[] = {
        "dense 3; dense 2 tanh",
        "lstm 3 merge=concat return_sequences; dense 2",
        "embedding 3 input_dim=4 dropout=0.3; lstm 3 return_sequences; dense softmax tie=embedding",
        "embedding 3 input_dim=4; dense 5; gru 3 reset_after=false return_sequences; dense 4",
        "embedding 3 input_dim=4 mask_zero; gru 3; dense no_bias tie=embedding",
    };
    static const char *const adapted[] = { "lora rank=2", "lora 1 alpha=3 rslora",
                                           "weight_drop 0.3" };
    char text[128];
    (void)state;
    const int n_specs = sizeof specs / sizeof *specs, n_cells = registry_count(REGISTRY_CELL);
    for (int i = 0; i < n_specs + n_cells; i++)
        for (int a = 0; a < 6; a++) {
            snprintf(text, sizeof text, "%s%s",
                     i < n_specs ? specs[i] : registry_name(REGISTRY_CELL, i - n_specs),
                     i < n_specs ? "" : " 3 return_sequences; dense 2");
            rondo_model *m = rondo_model_new();
            if (strstr(text, "embedding"))
                rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
            else
                rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
            if (rondo_add_spec(m, text)) fail_msg("%s: %s", text, rondo_error());
            if (rondo_adapt(m, "*", adapted[a % 3])) fail_msg("%s: %s", text, rondo_error());
            if (a >= 3) assert_int_equal(rondo_adapt(m, "*", "lora 1 name=second"), RONDO_OK);
            if (a >= 4) assert_int_equal(rondo_adapt(m, "*", "trainable"), RONDO_OK);
            check_model(m, "mse", i % 2, text);
        }
}

/* Frozen: parameters of a cell's own, of an activation, one side of LoRA. */
static void frozen_parts(void **state)
{
    static const char *const cases[][2] = {
        { "peephole_lstm 2 return_sequences; dense 2", "*.peephole*" },
        { "layer_norm_lstm 3; dense 2", "layer_norm_lstm.*" },
        { "indrnn 3 return_sequences; indrnn 2", "*.recurrent_kernel" },
        { "gru 3 activation=prelu; dense 2 prelu", "*.activation*" },
        { "lstm 2 return_sequences; gru 2; dense 2", "[lg]*.bias" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_model *m = rondo_model_new();
        rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
        rondo_add_spec(m, cases[i][0]);
        if (rondo_adapt(m, cases[i][1], i == 1 ? "only" : "frozen")) fail_msg("%s", rondo_error());
        check_model(m, "mse", i % 2, cases[i][0]);
    }
}

/* A planted mistake must be seen: the check itself is able to fail. */
static void wrong_backward(real *dx, const real *x, const real *y, const real *dy, int64_t n,
                           const void *args)
{
    (void)x, (void)args;
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (1 - y[i] * y[i]) * (real)1.0001;
}

static void right_forward(real *y, const real *x, int64_t n, const void *args)
{
    (void)args;
    for (int64_t i = 0; i < n; i++) y[i] = (real)tanh((double)x[i]);
}

static const rondo_activation wrong = { .name = "wrong_tanh",
                                        .forward = right_forward,
                                        .backward = wrong_backward };

static void planted_mistake(void **state)
{
    feed x = { .steps = STEPS, .batch = BATCH, .data = data.x[0] };
    truth t = { .target = data.target, .rows = BATCH, .width = 2 };
    const double valid = BATCH;
    objective o;
    check_result result;
    (void)state;
    assert_int_equal(rondo_register_activation(&wrong), RONDO_OK);
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    assert_int_equal(rondo_add_spec(m, "simple_rnn 2 wrong_tanh"), RONDO_OK);
    assert_int_equal(model_prepare(m, 1), RONDO_OK);
    assert_int_equal(objective_parse(&o, m, "mse"), RONDO_OK);
    assert_int_equal(check_gradients(m, &o, 1, &x, &t, &valid, 0, true, &result), RONDO_OK);
    assert_true(result.worst > 1e-5);
    rondo_model_free(m);
}

/* One output is far off and the other nearly right: the loss is large, the gradients of the second are
 * small, and differences of the loss tell of them in its last bits. */
static double worst_beside_noise(const char *function)
{
    real target[BATCH * 2];
    feed x = { .steps = 1, .batch = BATCH, .data = data.x[0] };
    truth t = { .target = target, .rows = BATCH, .width = 2 };
    const double valid = BATCH;
    char layers[100];
    objective o;
    check_result result;
    for (int i = 0; i < BATCH; i++) {
        target[2 * i] = 100000;
        target[2 * i + 1] = (real)0.001;
    }
    snprintf(layers, sizeof layers, "dense 3 %s; dense 2", function);
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(FEATURES));
    assert_int_equal(rondo_add_spec(m, layers), RONDO_OK);
    assert_int_equal(model_prepare(m, 1), RONDO_OK);
    real *last = m->weights + model_param(m, "dense_1.kernel")->offset;
    for (int i = 0; i < 3; i++) last[2 * i + 1] = 0;
    assert_int_equal(objective_parse(&o, m, "mse"), RONDO_OK);
    assert_int_equal(check_gradients(m, &o, 1, &x, &t, &valid, 0, true, &result), RONDO_OK);
    rondo_model_free(m);
    return result.worst;
}

static void noise_is_no_mistake(void **state)
{
    (void)state;
    const double right = worst_beside_noise("tanh"), not = worst_beside_noise("wrong_tanh");
    if (right > 1e-6) fail_msg("the noise of a large loss counts as an error of %g", right);
    if (!(not > 1e-5)) fail_msg("a mistake hides in the noise: %g", not );
}

static int setup(void **state)
{
    (void)state;
    fill_problem(1);
    data.lengths[0] = 2;
    data.lengths[1] = 0;
    data.lengths[2] = STEPS;
    return 0;
}

static int report(void **state)
{
    (void)state;
    print_message("gradients: worst error %.2e (%s) over %ld points, %ld left out near kinks\n",
                  worst_seen, worst_where, checked, left_out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_and_activation),
        cmocka_unit_test(every_cell_and_formula),
        cmocka_unit_test(recurrent_options),
        cmocka_unit_test(every_loss),
        cmocka_unit_test(functional_graph),
        cmocka_unit_test(bidirectional_with_states),
        cmocka_unit_test(frozen),
        cmocka_unit_test(every_adapter),
        cmocka_unit_test(frozen_parts),
        cmocka_unit_test(planted_mistake),
        cmocka_unit_test(noise_is_no_mistake),
    };
    return cmocka_run_group_tests(tests, setup, report);
}
