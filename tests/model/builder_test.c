/* Building: the first failure sticks with its sentence, what comes later does nothing, and every
 * layer is freed. */
#include "model/models.h"

static rondo_model *with_input(void)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 4));
    return m;
}

/* The model reports this, whatever is asked of it. */
static void must_say(rondo_model *m, rondo_status code, const char *words)
{
    rondo_stream *s;
    json_t *json;
    const rondo_status status = model_status(m);
    if (status != code || !strstr(rondo_error(), words))
        fail_msg("status %d: %s", status, rondo_error());
    rondo_fail(RONDO_E_ARG, "something else");
    assert_int_equal(rondo_compile(m, .loss = "mse"), code);
    assert_non_null(strstr(rondo_error(), words));
    assert_int_equal(rondo_add_spec(m, "dense 2"), code);
    assert_int_equal(rondo_stream_new(&s, m, 1), code);
    assert_int_equal(model_to_json(m, &json), code);
    assert_int_equal(rondo_save(m, "/nowhere/model"), code);
    assert_int_equal(rondo_adapt(m, "*", "frozen"), code);
    assert_int_equal(rondo_set_metadata(m, "{}"), code);
    assert_non_null(strstr(rondo_error(), words));
    assert_int_equal(rondo_weight_count(m), 0);
}

static void the_first_failure_sticks(void **state)
{
    rondo_model *m = with_input();
    (void)state;
    rondo_add(m, rondo_lstm(3, .return_sequences = true));
    const int nodes = m->n_nodes;
    assert_int_equal(rondo_add(m, rondo_layer_parse("lstn 4")).node, -1);
    assert_int_equal(rondo_add(m, rondo_dense(0)).node, -1);
    assert_int_equal(rondo_add(m, rondo_dense(5)).node, -1);
    assert_int_equal(rondo_input(m, RONDO_F32, RONDO_SHAPE(3)).node, -1);
    assert_int_equal(m->n_nodes, nodes);
    must_say(m, RONDO_E_NAME, "unknown layer \"lstn\"; did you mean \"lstm\"?");
    rondo_model_free(m);
}

static void nothing_before_an_input(void **state)
{
    rondo_model *m = rondo_model_new();
    (void)state;
    rondo_add(m, rondo_dense(5));
    must_say(m, RONDO_E_STATE, "add an input before the first layer");
    rondo_model_free(m);

    m = rondo_model_new();
    assert_int_equal(rondo_compile(m, .loss = "mse"), RONDO_E_STATE);
    assert_non_null(strstr(rondo_error(), "no layers yet"));
    rondo_model_free(m);
}

static void null_models_and_layers(void **state)
{
    rondo_model *m = with_input();
    (void)state;
    assert_int_equal(rondo_add(NULL, rondo_dense(5)).node, -1);
    assert_int_equal(rondo_input(NULL, RONDO_F32, RONDO_SHAPE(3)).node, -1);
    assert_int_equal(rondo_add_spec(NULL, "dense 1"), RONDO_E_ARG);
    assert_int_equal(rondo_add_spec(m, NULL), RONDO_E_ARG);
    assert_int_equal(model_status(m), RONDO_OK);
    rondo_add(m, NULL);
    assert_int_equal(model_status(m), RONDO_E_NOMEM);
    rondo_model_free(m);
    rondo_model_free(NULL);
}

static void inputs(void **state)
{
    static const struct {
        rondo_type type;
        rondo_shape shape;
        bool good;
    } cases[] = {
        { RONDO_F32, { 2, { 0, 3 } }, true },     { RONDO_F32, { 2, { 28, 28 } }, true },
        { RONDO_F32, { 1, { 3 } }, true },        { RONDO_I32, { 1, { 0 } }, true },
        { RONDO_I32, { 1, { 80 } }, true },       { RONDO_F32, { 2, { 0, 0 } }, false },
        { RONDO_F32, { 1, { 0 } }, false },       { RONDO_F32, { 0, { 0 } }, false },
        { RONDO_F32, { 3, { 1, 2, 3 } }, false }, { RONDO_I32, { 2, { 0, 3 } }, false },
        { RONDO_F32, { 2, { -1, 3 } }, false },   { RONDO_F32, { 1, { -3 } }, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_model *m = rondo_model_new();
        rondo_input(m, cases[i].type, cases[i].shape);
        assert_int_equal(model_status(m), cases[i].good ? RONDO_OK : RONDO_E_SHAPE);
        if (cases[i].good) {
            rondo_type type;
            rondo_shape shape;
            assert_int_equal(rondo_input_shape(m, 0, &type, &shape), RONDO_OK);
            assert_int_equal(type, cases[i].type);
            models_same_shape(&shape, &cases[i].shape);
        }
        rondo_model_free(m);
    }
}

static const struct {
    const char *text;
    rondo_status code;
    const char *words;
} mistakes[] = {
    { "lstm 3; lstm 3", RONDO_E_SHAPE,
      "lstm_1 takes sequences [time][features], given [3]; does the layer before it need "
      "return_sequences?" },
    { "gru 3 name=encoder; simple_rnn 3 name=top", RONDO_E_SHAPE, "top takes sequences" },
    { "lstm 3; masking", RONDO_E_SHAPE, "masking takes sequences" },
    { "embedding 3 input_dim=9", RONDO_E_SHAPE,
      "embedding takes tokens (I32), given real numbers" },
    { "dense", RONDO_E_ARG, "dense needs its number of units" },
    { "lstm 3 name=a; dense 2 name=a", RONDO_E_ARG, "two layers are named \"a\"" },
    { "concat", RONDO_E_ARG, "concat takes 2 to " },
    { "lstm 3 kernel_initializer=glorrot_uniform", RONDO_E_NAME,
      "did you mean \"glorot_uniform\"?" },
    { "dense 4; lstm 3; dense 2 softmx", RONDO_E_NAME, "did you mean \"softmax\"?" },
};

static void mistakes_in_specs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        rondo_model *m = with_input();
        const rondo_status s = rondo_add_spec(m, mistakes[i].text);
        if (s != mistakes[i].code || !strstr(rondo_error(), mistakes[i].words))
            fail_msg("\"%s\": status %d: %s", mistakes[i].text, s, rondo_error());
        must_say(m, mistakes[i].code, mistakes[i].words);
        rondo_model_free(m);
    }
}

static void tokens_go_into_an_embedding(void **state)
{
    static const char *const specs[] = { "lstm 3", "dense 3", "masking", "layer_normalization",
                                         "dropout 0.5" };
    (void)state;
    for (int i = 0; i < 5; i++) {
        rondo_model *m = rondo_model_new();
        rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
        assert_int_equal(rondo_add_spec(m, specs[i]), RONDO_E_SHAPE);
        assert_non_null(strstr(rondo_error(), "put an embedding before it"));
        rondo_model_free(m);
    }
}

static void values_that_do_not_fit(void **state)
{
    rondo_value in[4];
    rondo_model *m = with_input();
    (void)state;
    in[0] = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 5));
    in[1] = (rondo_value){ 0, 0 };
    rondo_apply(m, rondo_layer_parse("add"), 2, in);
    must_say(m, RONDO_E_SHAPE, "add cannot join [time][5] and [time][4]");
    rondo_model_free(m);

    m = with_input();
    in[0] = rondo_add(m, rondo_gru(3));
    in[1] = (rondo_value){ 0, 0 };
    rondo_apply(m, rondo_layer_parse("concat"), 2, in);
    must_say(m, RONDO_E_SHAPE, "concat cannot join [3] and [time][4]");
    rondo_model_free(m);

    m = with_input(); /* an lstm has two states */
    in[0] = (rondo_value){ 0, 0 };
    in[1] = rondo_input(m, RONDO_F32, RONDO_SHAPE(3));
    rondo_apply(m, rondo_lstm(3), 2, in);
    must_say(m, RONDO_E_SHAPE, "lstm takes 1 input, or 3 with its initial states; given 2");
    rondo_model_free(m);

    m = with_input();
    in[0] = (rondo_value){ 0, 0 };
    in[1] = rondo_input(m, RONDO_F32, RONDO_SHAPE(4));
    rondo_apply(m, rondo_gru(3), 2, in);
    must_say(m, RONDO_E_SHAPE, "gru: initial state 1 is [4], expected [3]");
    rondo_model_free(m);

    m = with_input(); /* a shared layer meets another width */
    rondo_layer *shared = rondo_dense(3);
    in[0] = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 5));
    rondo_apply(m, shared, 1, &(rondo_value){ 0, 0 });
    rondo_apply(m, shared, 1, in);
    must_say(m, RONDO_E_SHAPE, "dense was built for 4 features, given 5");
    rondo_model_free(m);
}

static void values_of_nobody(void **state)
{
    static const rondo_value wrong[] = { { -1, 0 }, { 7, 0 }, { 0, 1 }, { 0, -1 }, { 1, 0 } };
    (void)state;
    for (int i = 0; i < 5; i++) {
        rondo_model *m = with_input();
        rondo_apply(m, rondo_dense(3), 1, &wrong[i]);
        must_say(m, RONDO_E_ARG, "input 0 is no value of this model");
        rondo_model_free(m);
    }
}

static void outputs(void **state)
{
    rondo_model *m = with_input();
    const rondo_value y = rondo_add(m, rondo_gru(3, .return_state = true));
    rondo_shape shape;
    (void)state;
    assert_int_equal(rondo_output_count(m), 1);
    assert_int_equal(rondo_outputs(m, 2, (rondo_value[]){ { y.node, 1 }, y }), RONDO_OK);
    assert_int_equal(rondo_output_count(m), 2);
    assert_int_equal(rondo_output_shape(m, 1, &shape), RONDO_OK);
    assert_int_equal(shape.rank, 1);
    assert_int_equal(shape.dim[0], 3);
    assert_int_equal(rondo_outputs(m, 2, (rondo_value[]){ y, y }), RONDO_E_ARG);
    assert_int_equal(rondo_outputs(m, 1, (rondo_value[]){ { 0, 0 } }), RONDO_E_ARG); /* an input */
    assert_int_equal(rondo_outputs(m, 1, (rondo_value[]){ { y.node, 2 } }), RONDO_E_ARG);
    assert_int_equal(rondo_outputs(m, 0, NULL), RONDO_E_LIMIT);
    assert_int_equal(rondo_output_count(m), 2); /* as they were */
    assert_int_equal(rondo_output_shape(m, 2, &shape), RONDO_E_ARG);
    rondo_model_free(m);
}

static void no_layers_once_in_use(void **state)
{
    rondo_model *m = with_input();
    (void)state;
    rondo_add(m, rondo_gru(3));
    assert_int_equal(rondo_compile(m, .loss = "mse"), RONDO_OK);
    rondo_add(m, rondo_dense(3));
    assert_int_equal(model_status(m), RONDO_E_STATE);
    assert_non_null(strstr(rondo_error(), "before compile"));
    rondo_model_free(m);
}

static void names(void **state)
{
    char longest[600] = "dense 2 name=";
    rondo_model *m = with_input();
    (void)state;
    assert_int_equal(rondo_add_spec(m, "dense 2; dense 2 name=dense_2; dense 2; dense 2; lstm 2"),
                     RONDO_OK);
    assert_string_equal(m->layers[0]->name, "dense");
    assert_string_equal(m->layers[1]->name, "dense_2");
    assert_string_equal(m->layers[2]->name, "dense_1");
    assert_string_equal(m->layers[3]->name, "dense_3");
    assert_string_equal(rondo_weight_name(m, 0), "dense.kernel");
    assert_null(rondo_weight_name(m, rondo_weight_count(m)));
    rondo_model_free(m);

    memset(longest + strlen(longest), 'x', 400); /* its weights' names would not fit a file */
    m = with_input();
    assert_int_equal(rondo_add_spec(m, longest), RONDO_E_LIMIT);
    rondo_model_free(m);

    m = with_input(); /* nor would these, which are not UTF-8 */
    assert_int_equal(rondo_set_metadata(m, "\xff"), RONDO_E_ARG);
    assert_int_equal(rondo_add_spec(m, "dense 2 name=\xc3-"), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "not UTF-8"));
    rondo_model_free(m);
}

/* An initializer that cannot serve leaves no weights behind that somebody could take for drawn
 * ones. */
static void weights_that_cannot_be_drawn(void **state)
{
    rondo_model *m = with_input();
    (void)state;
    assert_int_equal(rondo_add_spec(m, "dense 3; gru 3 bias_initializer=identity"), RONDO_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rondo_compile(m, .loss = "mse"), RONDO_E_SHAPE);
        assert_non_null(strstr(rondo_error(), "identity is for matrices"));
    }
    rondo_model_free(m);
}

/* Widths that double and double again end in a sentence, not in an overflow; so do batches of
 * them. */
static void widths_without_end(void **state)
{
    rondo_value in[16];
    rondo_model *m = rondo_model_new();
    in[0] = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 1));
    (void)state;
    for (int depth = 0; depth < 10; depth++) {
        for (int i = 1; i < 16; i++) in[i] = in[0];
        in[0] = rondo_apply(m, rondo_layer_parse("concat"), 16, in);
    }
    if (!model_status(m)) { /* 2^40 features wide */
        real *x = models_draw(1 << 12, 1);
        const feed f = { .steps = 16, .batch = 256, .data = x };
        pass *p;
        assert_int_equal(model_prepare(m, 0), RONDO_OK);
        assert_int_equal(pass_new(&p, m), RONDO_OK);
        assert_int_equal(pass_forward(p, 1, &f), RONDO_E_LIMIT);
        pass_free(p);
        alloc_free(x);
        rondo_model_free(m);
        m = rondo_model_new();
        rondo_input(m, RONDO_F32, RONDO_SHAPE(0, (int64_t)1 << 40));
        in[0] = in[1] = (rondo_value){ 0, 0 };
        rondo_apply(m, rondo_layer_parse("concat"), 2, in);
    }
    assert_int_equal(model_status(m), RONDO_E_LIMIT);
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(nothing_before_an_input),
        cmocka_unit_test(null_models_and_layers),
        cmocka_unit_test(inputs),
        cmocka_unit_test(mistakes_in_specs),
        cmocka_unit_test(tokens_go_into_an_embedding),
        cmocka_unit_test(values_that_do_not_fit),
        cmocka_unit_test(values_of_nobody),
        cmocka_unit_test(outputs),
        cmocka_unit_test(no_layers_once_in_use),
        cmocka_unit_test(names),
        cmocka_unit_test(weights_that_cannot_be_drawn),
        cmocka_unit_test(widths_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
