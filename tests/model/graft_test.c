/* A new model on the roots of another: layers cut off, functions exchanged, weights taken over. */
#include "model/models.h"

static rondo_model *new_model(const char *layers, uint64_t seed)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    rondo_add_spec(m, layers);
    assert_int_equal(model_prepare(m, seed), RONDO_OK);
    return m;
}

static json_t *config(const rondo_model *m)
{
    json_t *json;
    assert_int_equal(model_to_json(m, &json), RONDO_OK);
    return json;
}

static const real *weight(const rondo_model *m, const char *name)
{
    rondo_array a;
    assert_int_equal(rondo_weight_get(m, name, &a), RONDO_OK);
    return a.data;
}

static void cuts_the_end_of_a_chain(void **state)
{
    rondo_model *m = new_model("embedding 2 input_dim=5; lstm 3 return_sequences; dense 5 softmax",
                               1);
    rondo_model *cut;
    json_t *json = config(m);
    (void)state;
    assert_int_equal(graft_cut(json, 1), RONDO_OK);
    assert_int_equal(model_from_json(&cut, json), RONDO_OK);
    assert_int_equal(cut->n_layers, 2);
    assert_int_equal(model_output_shape(cut, 0)->features, 3);
    assert_int_equal(graft_cut(json, 3), RONDO_E_ARG);
    json_decref(json);
    rondo_model_free(cut);
    rondo_model_free(m);
}

static void forgets_what_was_said_of_its_weights(void **state)
{
    rondo_model *m = new_model("embedding 2 input_dim=5; lstm 3; dense 5 softmax", 1), *cut;
    (void)state;
    assert_int_equal(rondo_adapt(m, "*.kernel", "frozen"), RONDO_OK);
    assert_int_equal(rondo_adapt(m, "dense.kernel", "lora rank=2"), RONDO_OK);
    json_t *json = config(m);
    assert_int_equal(graft_cut(json, 1), RONDO_OK);
    assert_int_equal(model_from_json(&cut, json), RONDO_OK);
    assert_int_equal(rondo_parameter_count(cut, false) - rondo_parameter_count(cut, true), 2 * 12);
    json_decref(json);
    rondo_model_free(cut);
    rondo_model_free(m);
}

static void cuts_no_branch(void **state)
{
    rondo_model *m = rondo_model_new();
    const rondo_value in = rondo_input(m, RONDO_F32, RONDO_SHAPE(4));
    rondo_value half[2];
    for (int i = 0; i < 2; i++) half[i] = rondo_apply(m, rondo_layer_parse("dense 2"), 1, &in);
    rondo_apply(m, rondo_layer_parse("concat"), 2, half);
    json_t *json = config(m);
    (void)state;
    assert_int_equal(graft_cut(json, 1), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "concat"));
    json_decref(json);
    rondo_model_free(m);
}

/* The functions that a layer of the changed model has, "sigmoid tanh …". */
static void expect_functions(const json_t *json, int layer, const char *expected)
{
    rondo_model *m;
    char text[256] = "";
    assert_int_equal(model_from_json(&m, json), RONDO_OK);
    const rondo_layer *l = m->layers[layer];
    const rondo_function *f;
    for (int i = 0; (f = l->type->functions(l, i)) != NULL; i++) {
        strcat(text, *text ? " " : "");
        strcat(text, f->row->name);
    }
    assert_string_equal(text, expected);
    rondo_model_free(m);
}

static void exchanges_functions(void **state)
{
    rondo_model *m = new_model("embedding 2 input_dim=5; gru 3 return_sequences; lstm 3; dense 5",
                               1);
    json_t *json = config(m);
    (void)state;
    assert_int_equal(graft_functions(json, "gates=hard_sigmoid lstm.candidate=relu"), RONDO_OK);
    expect_functions(json, 1, "hard_sigmoid hard_sigmoid tanh");
    expect_functions(json, 2, "hard_sigmoid hard_sigmoid relu hard_sigmoid relu");
    assert_int_equal(graft_functions(json, "f=sigmoid dense.activation=elu"), RONDO_OK);
    expect_functions(json, 2, "hard_sigmoid sigmoid relu hard_sigmoid relu");
    expect_functions(json, 3, "elu");
    assert_int_equal(graft_functions(json, "f='x/(1+abs(x))'"), RONDO_OK);
    expect_functions(json, 2, "hard_sigmoid x/(1+abs(x)) relu hard_sigmoid relu");
    assert_int_equal(graft_functions(json, "q=tanh"), RONDO_E_NAME);
    assert_int_equal(graft_functions(json, "gru.f=tanh"), RONDO_E_NAME);
    assert_int_equal(graft_functions(json, "relu"), RONDO_E_ARG);
    json_decref(json);
    rondo_model_free(m);
}

static void takes_weights_over(void **state)
{
    rondo_model *old = new_model("embedding 2 input_dim=5; lstm 3; dense 5 softmax", 1);
    rondo_model *new = new_model("embedding 2 input_dim=5; lstm 3; dense 5 softmax", 2);
    int64_t taken;
    (void)state;
    const real before = *weight(new, "dense.kernel");
    graft_weights(new, old, 2, NULL, &taken);
    assert_int_equal(taken, 5 * 2 + (2 + 3 + 1) * 12);
    assert_memory_equal(weight(new, "lstm.kernel"), weight(old, "lstm.kernel"), 24 * sizeof(real));
    assert_true(*weight(new, "dense.kernel") == before); /* the head is its own */
    rondo_model_free(new);
    rondo_model_free(old);
}

static void takes_tokens_that_both_have(void **state)
{
    static const int64_t was[] = { 3, -1, 0, 4 };
    const token_map map = { 4, 5, was, true };
    rondo_model *old = new_model("embedding 2 input_dim=5; lstm 3; dense 5 softmax", 1);
    rondo_model *new = new_model("embedding 2 input_dim=4; lstm 3; dense 4 softmax", 2);
    int64_t taken;
    (void)state;
    const real fresh = weight(new, "embedding.embeddings")[2];
    graft_weights(new, old, 3, &map, &taken);
    const real *e = weight(new, "embedding.embeddings"), *e0 = weight(old, "embedding.embeddings");
    const real *d = weight(new, "dense.kernel"), *d0 = weight(old, "dense.kernel");
    assert_true(e[2] == fresh);
    for (int i = 0; i < 4; i++)
        for (int k = 0; was[i] >= 0 && k < 3; k++) {
            if (k < 2) assert_true(e[2 * i + k] == e0[2 * was[i] + k]);
            assert_true(d[4 * k + i] == d0[5 * k + was[i]]);
        }
    assert_int_equal(taken, 4 * 2 + (2 + 3 + 1) * 12 + (3 + 1) * 4);
    rondo_model_free(new);
    rondo_model_free(old);
}

/* As many tokens as before, but others; and a layer that has as many columns without telling any. */
static void tells_tokens_by_what_they_mean(void **state)
{
    static const int64_t was[] = { 1, 2, 3, 4, 0 };
    const char *layers = "embedding 2 input_dim=5; dense 5; dense 5 softmax";
    token_map map = { 5, 5, was, true };
    rondo_model *old = new_model(layers, 1), *new = new_model(layers, 2);
    int64_t taken;
    (void)state;
    for (int told = 1; told >= 0; told--) {
        map.told = told;
        graft_weights(new, old, 3, &map, &taken);
        assert_int_equal(taken, 5 * 2 + 3 * 5 + 6 * 5);
        const real *e = weight(new, "embedding.embeddings"), *d = weight(new, "dense_1.kernel");
        for (int i = 0; i < 5; i++) {
            const int64_t before = told ? was[i] : i;
            assert_true(e[2 * i] == weight(old, "embedding.embeddings")[2 * was[i]]);
            assert_true(d[i] == weight(old, "dense_1.kernel")[before]);
            assert_true(weight(new, "dense.kernel")[i] == weight(old, "dense.kernel")[i]);
        }
    }
    rondo_model_free(new);
    rondo_model_free(old);
}

/* What adapters have learnt is of the model that is taken over. */
static void takes_adapters_over(void **state)
{
    rondo_model *old = new_model("embedding 2 input_dim=5; lstm 3; dense 5 softmax", 1), *new;
    int64_t taken;
    (void)state;
    assert_int_equal(rondo_adapt(old, "*", "lora rank=2"), RONDO_OK);
    models_stir(old, 1);
    json_t *json = config(old);
    assert_int_equal(model_from_json(&new, json), RONDO_OK);
    assert_int_equal(model_prepare(new, 2), RONDO_OK);
    graft_weights(new, old, 3, NULL, &taken);
    assert_int_equal(taken, rondo_parameter_count(old, false));
    assert_memory_equal(weight(new, "lstm.kernel.lora_B"), weight(old, "lstm.kernel.lora_B"),
                        2 * 12 * sizeof(real));
    json_decref(json);
    rondo_model_free(new);
    rondo_model_free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_end_of_a_chain),
        cmocka_unit_test(forgets_what_was_said_of_its_weights),
        cmocka_unit_test(cuts_no_branch),
        cmocka_unit_test(exchanges_functions),
        cmocka_unit_test(takes_weights_over),
        cmocka_unit_test(takes_tokens_that_both_have),
        cmocka_unit_test(tells_tokens_by_what_they_mean),
        cmocka_unit_test(takes_adapters_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
