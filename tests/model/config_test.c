/* A model's layers and graph as JSON and back: the same JSON, the same names, the same numbers. */
#include "model/models.h"

static const char *const specs[] = {
    "simple_rnn 3",
    "lstm 64 tanh return_sequences dropout=0.2; lstm 4 recurrent_dropout=0.125; dense 2 softmax",
    "gru 3 reset_after=false go_backwards return_sequences; gru 3 stateful no_bias",
    "lstm 3 activations=\"i=hard_sigmoid c=elu(alpha=0.5) h=softsign\" merge=ave return_sequences "
    "name=two",
    "dense 4 leaky_relu(0.1); layer_normalization epsilon=0.00025 no_center; activation mish; gru "
    "2",
    "masking mask_value=-1; simple_rnn 3 merge=mul return_state",
    "embedding 3 input_dim=9 mask_zero; lstm 2 kernel_initializer=\"normal(0, 0.001)\" "
    "bias_initializer=constant(0.5)",
    "dropout 0.3; dense 2 name='a name with spaces'",
};
enum { SPECS = sizeof specs / sizeof *specs };

static char *json_of(const rondo_model *m)
{
    json_t *json;
    char *text;
    assert_int_equal(model_to_json(m, &json), RONDO_OK);
    assert_int_equal(json_text(&text, json), RONDO_OK);
    json_decref(json);
    return text;
}

static rondo_status from_text(rondo_model **m, const char *text)
{
    json_t *json;
    *m = NULL;
    RONDO_TRY(json_read(&json, text, strlen(text), "model"));
    const rondo_status s = model_from_json(m, json);
    json_decref(json);
    return s;
}

/* The copy says the same of itself, and with the same weights computes the same. */
static void check_copy(const rondo_model *m, int n, const feed feeds[])
{
    char *before = json_of(m), *after;
    rondo_model *copy;
    pass *p, *q;
    if (from_text(&copy, before)) fail_msg("%s", rondo_error());
    after = json_of(copy);
    assert_string_equal(before, after);
    assert_int_equal(model_prepare(copy, 1), RONDO_OK);
    assert_int_equal(copy->n_weights, m->n_weights);
    memcpy(copy->weights, m->weights, (size_t)m->n_weights * sizeof *m->weights);
    for (int i = 0; i < rondo_weight_count(m); i++)
        assert_int_equal(copy->params[i]->trainable, m->params[i]->trainable);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    assert_int_equal(pass_new(&q, copy), RONDO_OK);
    if (pass_forward(p, n, feeds) || pass_forward(q, n, feeds)) fail_msg("%s", rondo_error());
    for (int i = 0; i < rondo_output_count(m); i++)
        models_same_bits("output", pass_output(p, i)->data, pass_output(q, i)->data,
                         value_size(pass_output(p, i)));
    pass_free(p);
    pass_free(q);
    rondo_model_free(copy);
    alloc_free(before);
    alloc_free(after);
}

static void every_spec(void **state)
{
    real *x = models_draw(5 * 4 * 3, 1);
    int32_t *tokens = models_draw_tokens(5 * 4, 9, 1);
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], 3);
        const feed f = { .steps = 5,
                         .batch = 4,
                         .data = models_takes_tokens(m) ? NULL : x,
                         .tokens = models_takes_tokens(m) ? tokens : NULL };
        check_copy(m, 1, &f);
        rondo_model_free(m);
    }
    alloc_free(x);
    alloc_free(tokens);
}

static void a_graph(void **state)
{
    real *x = models_draw(5 * 4 * 3, 1);
    const feed feeds[] = { { .steps = 5, .batch = 4, .data = x },
                           { .steps = 1, .batch = 4, .data = x } };
    rondo_model *m = rondo_model_new();
    const rondo_value a = rondo_input(m, RONDO_F32, RONDO_SHAPE(5, 3)),
                      b = rondo_input(m, RONDO_F32, RONDO_SHAPE(2));
    rondo_layer *shared = rondo_dense(3, .name = "shared");
    const rondo_value one = rondo_apply(m, shared, 1, &a), two = rondo_apply(m, shared, 1, &one);
    const rondo_value y = rondo_apply(m, rondo_gru(2, .return_state = true), 2,
                                      (rondo_value[]){ two, b });
    const rondo_value z = rondo_apply(m, rondo_layer_parse("average"), 3,
                                      (rondo_value[]){ y, b, { y.node, 1 } });
    (void)state;
    assert_int_equal(rondo_outputs(m, 3, (rondo_value[]){ { y.node, 1 }, z, two }), RONDO_OK);
    assert_int_equal(model_prepare(m, 1), RONDO_OK);
    assert_int_equal(rondo_adapt(m, "shared.*", "frozen"), RONDO_OK);
    models_stir(m, 2);
    check_copy(m, 2, feeds);
    rondo_model_free(m);
    alloc_free(x);
}

/* Frozen weights are remembered by their names, which may hold anything, "*" and "[" too. */
static void frozen_under_odd_names(void **state)
{
    real *x = models_draw(5 * 4 * 3, 1);
    const feed f = { .steps = 5, .batch = 4, .data = x };
    rondo_model *m = models_new("dense 2 name=[a]*; dense 2 name=[a]xyz", 3);
    (void)state;
    assert_int_equal(rondo_adapt(m, "\\[a\\]\\*.kernel", "frozen"), RONDO_OK);
    assert_false(m->params[0]->trainable);
    assert_true(m->params[2]->trainable);
    check_copy(m, 1, &f);
    rondo_model_free(m);
    alloc_free(x);
}

/* Every one of these is refused with a sentence; nothing is leaked. */
static void refused(void **state)
{
#define LAYER(kind, options) "{\"kind\":\"" kind "\",\"name\":\"a\",\"options\":{" options "}}"
#define INPUT                "{\"input\":{\"type\":\"f32\",\"shape\":[0,3]}}"
#define MODEL(layers, nodes, outputs, frozen)                                                      \
    "{\"layers\":[" layers "],\"nodes\":[" nodes "],\"outputs\":[" outputs "],\"frozen\":[" frozen \
    "]}"
#define DENSE LAYER("dense", "\"units\":2")
#define USED  "{\"layer\":0,\"inputs\":[[0,0]]}"
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"layers\":3}",
        "{\"layers\":[]}",
        MODEL(DENSE, INPUT "," USED, "", ""),
        MODEL(DENSE, INPUT "," USED, "[7,0]", ""),
        MODEL(DENSE, INPUT "," USED, "[0,0]", ""),
        MODEL(DENSE, INPUT "," USED, "[1,0],[1,0]", ""),
        MODEL(DENSE, INPUT "," USED, "[1]", ""),
        MODEL(DENSE, INPUT "," USED, "[\"1\",0]", ""),
        MODEL(DENSE, INPUT "," USED, "[1,0]", "\"nobody.kernel\""),
        MODEL(DENSE, INPUT "," USED, "[1,0]", "7"),
        MODEL(DENSE, INPUT, "[0,0]", ""),
        MODEL(DENSE, USED "," INPUT, "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":1,\"inputs\":[[0,0]]}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":-1,\"inputs\":[[0,0]]}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":0,\"inputs\":[[1,0]]}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":0,\"inputs\":[]}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":0,\"inputs\":[[0,0],[0,0]]}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",{\"layer\":0}", "[1,0]", ""),
        MODEL(DENSE, INPUT ",7", "[1,0]", ""),
        MODEL(DENSE "," DENSE, INPUT "," USED ",{\"layer\":1,\"inputs\":[[1,0]]}", "[2,0]", ""),
        MODEL(LAYER("dense", "\"unit\":2"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("dense", "\"units\":[2]"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("dense", "\"units\":2.5"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("dense", "\"units\":-2"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("dense", "\"units\":1000000000000000"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("lstm", "\"units\":9223372036854775807"), INPUT "," USED, "[1,0]", ""),
        MODEL(LAYER("nothing", ""), INPUT "," USED, "[1,0]", ""),
        MODEL("{\"kind\":\"dense\"}", INPUT "," USED, "[1,0]", ""),
        MODEL("7", INPUT "," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f32\",\"shape\":[1,2,3]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f32\",\"shape\":[]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f32\",\"shape\":[0,-3]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f32\",\"shape\":[0,\"3\"]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f64\",\"shape\":[0,3]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{\"type\":\"f32\",\"shape\":[\"0\",3]}}," USED, "[1,0]", ""),
        MODEL(DENSE, "{\"input\":{}}," USED, "[1,0]", ""),
    };
    rondo_model *m;
    (void)state;
    if (from_text(&m, MODEL(DENSE, INPUT "," USED, "[1,0]", "\"a.bias\"")))
        fail_msg("%s", rondo_error());
    rondo_model_free(m);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const rondo_status s = from_text(&m, texts[i]);
        if (!s) fail_msg("taken: %s", texts[i]);
        assert_int_not_equal(s, RONDO_E_NOMEM);
        assert_null(m);
        assert_true(strlen(rondo_error()) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spec),
        cmocka_unit_test(a_graph),
        cmocka_unit_test(frozen_under_odd_names),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
