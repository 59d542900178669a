/* Layers from text: what the words mean, and what is said when they mean nothing. */
#include "layer/layer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* An option of the layer as JSON text: "64" "\"tanh\"" "true" "0.2"; "" when it is not set. */
static void option_is(const rondo_layer *l, const char *key, const char *expected)
{
    json_t *json = layer_to_json(l);
    const json_t *option = json_object_get(json_object_get(json, "options"), key);
    char *text = option ? json_dumps(option, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7)) : NULL;
    if (strcmp(text ? text : "", expected) != 0)
        fail_msg("%s is %s, expected %s", key, text, expected);
    free(text);
    json_decref(json);
}

static rondo_layer *parsed(const char *text)
{
    rondo_layer *l = NULL;
    if (layer_parse_into(&l, text)) fail_msg("%s: %s", text, rondo_error());
    return l;
}

static void words(void **state)
{
    rondo_layer *l = parsed("lstm 64 relu return_sequences dropout=0.2");
    (void)state;
    assert_string_equal(l->kind, "lstm");
    option_is(l, "units", "64");
    option_is(l, "activation", "\"relu\"");
    option_is(l, "return_sequences", "true");
    option_is(l, "return_state", "false");
    option_is(l, "dropout", "0.2");
    option_is(l, "kernel_initializer", "\"glorot_uniform\"");
    layer_free(l);

    l = parsed("dense units=3 activation=leaky_relu(0.1) no_bias=yes name=head");
    option_is(l, "units", "3");
    option_is(l, "activation", "\"leaky_relu(0.1)\"");
    option_is(l, "no_bias", "true");
    assert_string_equal(l->name, "head");
    layer_free(l);

    l = parsed("  dense\t2 leaky_relu(negative_slope=0.3) ");
    option_is(l, "activation", "\"leaky_relu(negative_slope=0.3)\"");
    layer_free(l);
}

static void quotes(void **state)
{
    rondo_layer *l = parsed("lstm 8 activations=\"i=hard_sigmoid c=elu(alpha=0.5) h=softsign\" "
                            "name='the memory'");
    (void)state;
    option_is(l, "activations", "\"i=hard_sigmoid c=elu(alpha=0.5) h=softsign\"");
    assert_string_equal(l->name, "the memory");
    layer_free(l);
}

static void options_of_one_cell(void **state)
{
    static const char *const same[] = { "gru 4 reset_after=false",
                                        "gru 4 options='reset_after=false'" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        rondo_layer *l = parsed(same[i]);
        option_is(l, "options", "\"reset_after=false\"");
        layer_free(l);
    }
}

/* The constructors in C and the text make the same layer. */
static void as_in_c(void **state)
{
    rondo_layer *const from_c[] = {
        rondo_lstm(64, .activation = "relu", .return_sequences = true, .dropout = 0.2f),
        rondo_gru(3, .merge = "sum", .options = "reset_after=false", .name = "two_ways"),
        rondo_dense(10, .activation = "softmax", .kernel_initializer = "he_normal"),
        rondo_rnn("simple_rnn", 5, .go_backwards = true),
    };
    static const char *const text[] = {
        "lstm 64 relu return_sequences dropout=0.2",
        "gru 3 merge=sum reset_after=false name=two_ways",
        "dense 10 softmax kernel_initializer=he_normal",
        "simple_rnn 5 go_backwards",
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        rondo_layer *l = parsed(text[i]);
        json_t *a = layer_to_json(l), *b = layer_to_json(from_c[i]);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        layer_free(l);
        layer_free(from_c[i]);
    }
}

/* An options struct of an older program, which ends earlier. */
static void shorter_options(void **state)
{
    rondo_rnn_options o = { .size = offsetof(rondo_rnn_options, kernel_initializer),
                            .units = 6,
                            .activation = "relu",
                            .kernel_initializer = "not read" };
    rondo_layer *l = rondo_rnn_new("gru", &o);
    (void)state;
    assert_int_equal(l->status, RONDO_OK);
    option_is(l, "units", "6");
    option_is(l, "kernel_initializer", "\"glorot_uniform\"");
    layer_free(l);
}

static const struct {
    const char *text;
    rondo_status code;
    const char *words;
} mistakes[] = {
    { "lsmt 64", RONDO_E_NAME, "unknown layer \"lsmt\"; did you mean \"lstm\"?" },
    { "no_such_layer_at_all 3", RONDO_E_NAME, "unknown layer \"no_such_layer_at_all\"" },
    { "", RONDO_E_NAME, "unknown layer" },
    { "units=3", RONDO_E_NAME, "unknown layer" },
    { "lstm 64 retrun_sequences", RONDO_E_NAME, "did you mean \"return_sequences\"?" },
    { "lstm 64 thanh", RONDO_E_NAME, "what is \"thanh\"? did you mean \"tanh\"?" },
    { "lstm 64 drop_out=0.2", RONDO_E_NAME, "did you mean \"dropout\"?" },
    { "lstm 64 zzzzzz", RONDO_E_NAME, "\"zzzzzz\" is no flag and no activation of it" },
    { "dropout 0.5 zzzzzz", RONDO_E_NAME, "\"zzzzzz\" is no flag of it" },
    { "pool", RONDO_E_ARG, "pool wants last, max, average or several" },
    { "pool maximum", RONDO_E_NAME, "\"maximum\" is no flag of it" },
    { "maxout pieces=0", RONDO_E_ARG, "at least 1 is needed" },
    { "lstm 64 reset_after=1", RONDO_E_NAME, "unknown option \"reset_after\" of lstm" },
    { "lstm units=many", RONDO_E_ARG, "units is \"many\", expected a whole number" },
    { "lstm 6.5", RONDO_E_ARG, "units is \"6.5\", expected a whole number" },
    { "lstm 64 dropout=half", RONDO_E_ARG, "dropout is \"half\", expected a number" },
    { "lstm 64 return_sequences=maybe", RONDO_E_ARG, "expected true or false" },
    { "lstm 64 activation", RONDO_E_ARG, "\"activation\" needs a value: activation=" },
    { "lstm", RONDO_E_ARG, "lstm needs its number of units, as in \"lstm 64\"" },
    { "lstm 0", RONDO_E_ARG, "needs its number of units" },
    { "lstm -3", RONDO_E_ARG, "units" },
    { "dense -3", RONDO_E_ARG, "units" },
    { "lstm 4 dropout=1", RONDO_E_ARG, "dropout" },
    { "lstm 4 recurrent_dropout=-0.1", RONDO_E_ARG, "dropout" },
    { "dropout 1", RONDO_E_ARG, "0 <= rate < 1" },
    { "lstm 4 merge=join", RONDO_E_ARG, "merge is \"join\", expected concat, sum, mul or ave" },
    { "lstm 4 activation=nothing", RONDO_E_NAME, "unknown activation \"nothing\"" },
    { "lstm 4 recurrent_activation=sigmiod", RONDO_E_NAME, "did you mean \"sigmoid\"" },
    { "lstm 4 activations='i=tanh q=relu'", RONDO_E_NAME,
      "lstm has no gate \"q\"; its gates are: i f c o h" },
    { "gru 4 activations=tanh", RONDO_E_NAME, "gru has no gate \"tanh\"; its gates are: z r h" },
    { "gru 4 options=reset=0", RONDO_E_NAME, "gru has no parameter \"reset\"" },
    { "gru 4 reset_after=perhaps", RONDO_E_ARG, "gru: \"perhaps\" is not a number" },
    { "embedding 4", RONDO_E_ARG, "embedding needs units and input_dim" },
    { "lstm 4 name='a", RONDO_E_ARG, "is not closed" },
    { "lstm 4 =3", RONDO_E_ARG, "a name is missing before =" },
};

static void misspelt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        rondo_layer *l = NULL;
        const rondo_status s = layer_parse_into(&l, mistakes[i].text);
        layer_free(l);
        if (s != mistakes[i].code || !strstr(rondo_error(), mistakes[i].words))
            fail_msg("\"%s\": status %d: %s", mistakes[i].text, s, rondo_error());
        /* what the public constructor returns carries the same failure */
        l = rondo_layer_parse(mistakes[i].text);
        assert_int_equal(l->status, mistakes[i].code);
        assert_non_null(strstr(l->error, mistakes[i].words));
        layer_free(l);
    }
}

static void wrong_constructors(void **state)
{
    rondo_layer *const wrong[] = { rondo_layer_parse(NULL), rondo_rnn("dense", 3),
                                   rondo_rnn("lstn", 3),    rondo_rnn_new(NULL, NULL),
                                   rondo_dense(-1),         rondo_lstm(0) };
    static const rondo_status codes[] = { RONDO_E_ARG, RONDO_E_NAME, RONDO_E_NAME,
                                          RONDO_E_ARG, RONDO_E_ARG,  RONDO_E_ARG };
    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(wrong[i]->status, codes[i]);
        assert_true(strlen(wrong[i]->error) > 10);
        layer_free(wrong[i]);
    }
}

/* Sizes that no machine holds are refused when the layer meets its input, and nothing overflows
 * on the way. */
static void sizes_out_of_this_world(void **state)
{
    static const char *const specs[] = { "lstm 9223372036854775807", "gru 3000000000000000000",
                                         "dense 1099511627777",
                                         "simple_rnn 4611686018427387904 merge=concat",
                                         "lstm 400000000000" };
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        rondo_layer *l = NULL;
        const value_shape in = { RONDO_F32, true, 0, 3 };
        rondo_status s = layer_parse_into(&l, specs[i]);
        if (!s) s = l->type->build(l, 1, &in);
        if (s != RONDO_E_LIMIT) fail_msg("%s: %d %s", specs[i], s, s ? rondo_error() : "");
        layer_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(quotes),
        cmocka_unit_test(options_of_one_cell),
        cmocka_unit_test(as_in_c),
        cmocka_unit_test(shorter_options),
        cmocka_unit_test(misspelt),
        cmocka_unit_test(wrong_constructors),
        cmocka_unit_test(sizes_out_of_this_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
