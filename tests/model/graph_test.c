/* The functional form: a translator with two inputs, states handed over, a layer used twice -
 * against its parts. */
#include "model/models.h"
#include <math.h>

enum { ROWS = 3, SOURCE = 5, TARGET = 4, TOKENS = 11, UNITS = 6 };

typedef struct translator {
    rondo_model *m;
    rondo_value encoded, decoded, both, words;
} translator;

static translator built(void)
{
    translator t = { rondo_model_new(), { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } };
    rondo_model *m = t.m;
    const rondo_value source = rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    const rondo_value target = rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    rondo_layer *shared = rondo_layer_parse("embedding 5 input_dim=11");
    const rondo_value e = rondo_apply(m, shared, 1, &source),
                      d = rondo_apply(m, shared, 1, &target);
    t.encoded = rondo_apply(m, rondo_lstm(UNITS, .return_sequences = true, .return_state = true), 1,
                            &e);
    const rondo_value in[] = { d, { t.encoded.node, 1 }, { t.encoded.node, 2 } };
    t.decoded = rondo_apply(m, rondo_lstm(UNITS, .return_sequences = true), 3, in);
    t.both = rondo_apply(m, rondo_layer_parse("concat"), 2, (rondo_value[]){ t.decoded, d });
    t.words = rondo_apply(m, rondo_dense(TOKENS, .activation = "softmax"), 1, &t.both);
    if (model_status(m) || model_prepare(m, 2)) fail_msg("%s", rondo_error());
    models_stir(m, 3);
    return t;
}

static void two_inputs_of_different_length(void **state)
{
    const translator t = built();
    rondo_type type;
    rondo_shape shape;
    (void)state;
    assert_int_equal(rondo_input_count(t.m), 2);
    assert_int_equal(rondo_input_shape(t.m, 1, &type, &shape), RONDO_OK);
    assert_int_equal(type, RONDO_I32);
    assert_int_equal(rondo_input_shape(t.m, 2, &type, &shape), RONDO_E_ARG);
    /* the shared embedding counts once */
    const int64_t embedding = TOKENS * 5, lstm = 4 * UNITS * (5 + UNITS + 1),
                  dense = (UNITS + 5 + 1) * TOKENS;
    assert_int_equal(rondo_parameter_count(t.m, false), embedding + 2 * lstm + dense);
    rondo_model_free(t.m);
}

/* The encoder alone gives the states; a decoder that starts from them gives what the whole graph
 * gives. */
static void as_its_parts(void **state)
{
    const translator t = built();
    int32_t *source = models_draw_tokens(ROWS * SOURCE, TOKENS, 1),
            *target = models_draw_tokens(ROWS * TARGET, TOKENS, 2);
    const int64_t lengths[ROWS] = { 5, 2, 3 };
    const feed feeds[] = { { .steps = SOURCE, .batch = ROWS, .tokens = source, .lengths = lengths },
                           { .steps = TARGET, .batch = ROWS, .tokens = target } };
    pass *p;
    (void)state;
    assert_int_equal(
        rondo_outputs(t.m, 4, (rondo_value[]){ t.words, t.encoded, { t.encoded.node, 1 }, t.both }),
        RONDO_OK);
    assert_int_equal(pass_new(&p, t.m), RONDO_OK);
    if (pass_forward(p, 2, feeds)) fail_msg("%s", rondo_error());
    const value *words = pass_output(p, 0), *encoded = pass_output(p, 1), *h = pass_output(p, 2),
                *both = pass_output(p, 3);
    assert_int_equal(words->steps, TARGET);
    assert_int_equal(encoded->steps, SOURCE);
    for (int b = 0; b < ROWS; b++) /* h is the last valid step of the encoder's sequence */
        models_same_bits("final state", h->data + b * UNITS,
                         encoded->data + ((lengths[b] - 1) * ROWS + b) * UNITS, UNITS);
    for (int r = 0; r < TARGET * ROWS;
         r++) { /* rows of the concatenation: decoder, then embedding */
        rondo_array e;
        double sum = 0;
        assert_int_equal(rondo_weight_get(t.m, "embedding.embeddings", &e), RONDO_OK);
        models_same_bits("embedding", both->data + r * (UNITS + 5) + UNITS,
                         (real *)e.data + target[r] * 5, 5);
        for (int c = 0; c < TOKENS; c++) sum += (double)words->data[r * TOKENS + c];
        assert_true(fabs(sum - 1) < 1e-5);
    }
    pass_free(p);
    rondo_model_free(t.m);
    alloc_free(source);
    alloc_free(target);
}

/* A decoder without a source would start from zeros: the states do arrive. */
static void states_are_handed_over(void **state)
{
    const translator t = built();
    int32_t *source = models_draw_tokens(ROWS * SOURCE, TOKENS, 1),
            *target = models_draw_tokens(ROWS * TARGET, TOKENS, 2);
    feed feeds[] = { { .steps = SOURCE, .batch = ROWS, .tokens = source },
                     { .steps = TARGET, .batch = ROWS, .tokens = target } };
    real first[TARGET * ROWS * TOKENS];
    pass *p;
    (void)state;
    assert_int_equal(pass_new(&p, t.m), RONDO_OK);
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_OK);
    memcpy(first, pass_output(p, 0)->data, sizeof first);
    source[(SOURCE - 1) * ROWS + 1] = (source[(SOURCE - 1) * ROWS + 1] + 1) % TOKENS; /* of row 1 */
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_OK);
    for (int r = 0; r < TARGET * ROWS; r++) {
        const bool same = !memcmp(first + r * TOKENS, pass_output(p, 0)->data + r * TOKENS,
                                  TOKENS * sizeof(real));
        assert_int_equal(same, r % ROWS != 1);
    }
    pass_free(p);
    rondo_model_free(t.m);
    alloc_free(source);
    alloc_free(target);
}

static void batches_that_do_not_fit(void **state)
{
    const translator t = built();
    int32_t tokens[ROWS * SOURCE] = { 0 };
    feed feeds[] = { { .steps = SOURCE, .batch = ROWS, .tokens = tokens },
                     { .steps = 1, .batch = ROWS + 1, .tokens = tokens } };
    pass *p;
    (void)state;
    assert_int_equal(pass_new(&p, t.m), RONDO_OK);
    assert_int_equal(pass_forward(p, 1, feeds), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "the model has 2 inputs, the data 1"));
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "input 1 has 4 rows, input 0 has 3"));
    feeds[1].batch = ROWS;
    tokens[4] = TOKENS;
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_E_ARG);
    assert_non_null(
        strstr(rondo_error(), "embedding has rows for tokens 0 to 10, the data has token 11"));
    tokens[4] = -1;
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_E_ARG);
    tokens[4] = 0;
    assert_int_equal(pass_forward(p, 2, feeds), RONDO_OK);
    pass_free(p);
    rondo_model_free(t.m);

    rondo_model *m = rondo_model_new(); /* two sequences to be joined, of different length */
    rondo_value in[] = { rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 1)), { 0, 0 } };
    const real x[8] = { 0 };
    in[1] = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 1));
    rondo_apply(m, rondo_layer_parse("add"), 2, in);
    assert_int_equal(model_prepare(m, 0), RONDO_OK);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    const feed uneven[] = { { .steps = 2, .batch = 2, .data = x },
                            { .steps = 4, .batch = 2, .data = x } };
    assert_int_equal(pass_forward(p, 2, uneven), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "add: input 1 has 4 steps, input 0 has 2"));
    pass_free(p);
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_inputs_of_different_length),
        cmocka_unit_test(as_its_parts),
        cmocka_unit_test(states_are_handed_over),
        cmocka_unit_test(batches_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
