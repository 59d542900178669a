/* Weights by name: got, set, frozen and thawed. */
#include "model/models.h"

static void names_and_shapes(void **state)
{
    static const struct {
        const char *name;
        rondo_shape shape;
    } expected[] = {
        { "gru.forward.kernel", { 2, { 3, 12 } } },
        { "gru.forward.recurrent_kernel", { 2, { 4, 12 } } },
        { "gru.forward.bias", { 1, { 12 } } },
        { "gru.forward.recurrent_bias", { 1, { 12 } } },
        { "gru.backward.kernel", { 2, { 3, 12 } } },
        { "gru.backward.recurrent_kernel", { 2, { 4, 12 } } },
        { "gru.backward.bias", { 1, { 12 } } },
        { "gru.backward.recurrent_bias", { 1, { 12 } } },
        { "lstm.kernel", { 2, { 8, 20 } } },
        { "lstm.recurrent_kernel", { 2, { 5, 20 } } },
        { "lstm.bias", { 1, { 20 } } },
        { "layer_normalization.gamma", { 1, { 5 } } },
        { "layer_normalization.beta", { 1, { 5 } } },
        { "head.kernel", { 2, { 5, 2 } } },
    };
    enum { N = sizeof expected / sizeof *expected };
    rondo_model *m = models_new("gru 4 merge=concat return_sequences; lstm 5; layer_normalization; "
                                "dense 2 no_bias name=head",
                                3);
    int64_t total = 0;
    (void)state;
    assert_int_equal(rondo_weight_count(m), N);
    for (int i = 0; i < N; i++) {
        rondo_array w;
        assert_string_equal(rondo_weight_name(m, i), expected[i].name);
        assert_int_equal(rondo_weight_get(m, expected[i].name, &w), RONDO_OK);
        models_same_shape(&w.shape, &expected[i].shape);
        assert_int_equal((uintptr_t)w.data % 64, 0);
        total += w.shape.dim[0] * (w.shape.rank > 1 ? w.shape.dim[1] : 1);
    }
    assert_int_equal(rondo_parameter_count(m, false), total);
    assert_int_equal(rondo_parameter_count(m, true), total);
    rondo_model_free(m);
}

static void get_what_was_set(void **state)
{
    rondo_model *m = models_new("dense 2 name=d", 3);
    rondo_real kernel[6] = { 1, 2, 3, 4, 5, 6 }, bias[2] = { 10, 20 }, x[3] = { 1, 1, 1 };
    rondo_array w = { kernel, RONDO_F32, RONDO_SHAPE(3, 2), NULL };
    rondo_array b = { bias, RONDO_F32, RONDO_SHAPE(2), NULL }, got;
    const feed f = { .steps = 1, .batch = 1, .data = x };
    pass *p;
    (void)state;
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    models_run(p, &f); /* packs the weights before */
    assert_int_equal(rondo_weight_set(m, "d.kernel", &w), RONDO_OK);
    assert_int_equal(rondo_weight_set(m, "d.bias", &b), RONDO_OK);
    kernel[0] = 99; /* a copy was taken */
    assert_int_equal(rondo_weight_get(m, "d.kernel", &got), RONDO_OK);
    for (int i = 0; i < 6; i++) assert_true(((real *)got.data)[i] == i + 1);
    models_run(p, &f);
    assert_true(pass_output(p, 0)->data[0] == 10 + 1 + 3 + 5);
    assert_true(pass_output(p, 0)->data[1] == 20 + 2 + 4 + 6);
    pass_free(p);

    w.shape = RONDO_SHAPE(2, 3);
    assert_int_equal(rondo_weight_set(m, "d.kernel", &w), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "d.kernel is 3x2"));
    w.shape = RONDO_SHAPE(6);
    assert_int_equal(rondo_weight_set(m, "d.kernel", &w), RONDO_E_SHAPE);
    w.shape = RONDO_SHAPE(3, 2);
    w.type = RONDO_I32;
    assert_int_equal(rondo_weight_set(m, "d.kernel", &w), RONDO_E_SHAPE);
    assert_int_equal(rondo_weight_set(m, "d.kernel", NULL), RONDO_E_SHAPE);
    assert_int_equal(rondo_weight_set(m, "d.kernal", &w), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "no weight \"d.kernal\""));
    assert_int_equal(rondo_weight_get(m, NULL, &got), RONDO_E_NAME);
    assert_int_equal(rondo_gradient_get(m, "d.kernel", &got), RONDO_E_STATE);
    rondo_model_free(m);
}

/* The pattern, and the weights that it freezes, by their first letters. */
static void patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *
            frozen; /* of lstm.kernel, lstm.recurrent_kernel, lstm.bias, dense.kernel, dense.bias */
    } cases[] = {
        { "*", "11111" },          { "lstm.*", "11100" },    { "*.kernel", "10010" },
        { "*kernel", "11010" },    { "*.bias", "00101" },    { "dense.bias", "00001" },
        { "[ld]*.bias", "00101" }, { "????.bias", "00100" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_model *m = models_new("lstm 2; dense 2", 3);
        assert_int_equal(rondo_adapt(m, cases[i].pattern, "frozen"), RONDO_OK);
        for (int k = 0; k < 5; k++)
            assert_int_equal(!m->params[k]->trainable, cases[i].frozen[k] == '1');
        assert_int_equal(rondo_adapt(m, "*", "trainable"), RONDO_OK);
        for (int k = 0; k < 5; k++) assert_true(m->params[k]->trainable);
        rondo_model_free(m);
    }
}

static void patterns_refused(void **state)
{
    rondo_model *m = models_new("lstm 2; dense 2", 3);
    (void)state;
    assert_int_equal(rondo_adapt(m, "gru.*", "frozen"), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "no weight is named like \"gru.*\""));
    assert_int_equal(rondo_adapt(m, "*", "lara rank=2"), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "did you mean \"lora\"?"));
    assert_int_equal(rondo_adapt(m, "*", "lora rank=8"), RONDO_E_ARG);
    assert_int_equal(rondo_adapt(m, "*.bias", "lora 1"), RONDO_E_SHAPE);
    assert_int_equal(rondo_adapt(m, "*", "lora rnak=1"), RONDO_E_NAME);
    assert_int_equal(rondo_adapt(m, "*", "weight_drop 1"), RONDO_E_ARG);
    assert_int_equal(rondo_adapt(m, NULL, "frozen"), RONDO_E_NAME);
    assert_int_equal(rondo_adapt(m, "*", NULL), RONDO_E_NAME);
    assert_int_equal(rondo_parameter_count(m, true), rondo_parameter_count(m, false));
    rondo_model_free(m);
}

/* Copies every weight, trains one batch, and says which weights moved. */
static void moved(rondo_model *m, const rondo_batch *b, char which[], int n)
{
    real *before = alloc_array(m->n_weights, sizeof *before);
    double mean;
    assert_non_null(before);
    memcpy(before, m->weights, (size_t)m->n_weights * sizeof *before);
    assert_int_equal(rondo_train_batch(m, b, &mean), RONDO_OK);
    for (int i = 0; i < n; i++) {
        const param *p = m->params[i];
        const size_t size = (size_t)(p->shape.dim[0] * (p->shape.rank > 1 ? p->shape.dim[1] : 1)) *
                            sizeof(real);
        which[i] = memcmp(before + p->offset, m->weights + p->offset, size) ? '1' : '0';
    }
    which[n] = 0;
    alloc_free(before);
}

/* Between two batches of the same shape: what is thawed trains again, as in gradual unfreezing. */
static void frozen_and_thawed_between_batches(void **state)
{
    enum { ROWS = 4, STEPS = 3 };
    rondo_real *x = models_draw(ROWS * STEPS * 3, 1), *y = models_draw(ROWS * 2, 2);
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, STEPS, 3), NULL };
    const rondo_array want = { y, RONDO_F32, RONDO_SHAPE(ROWS, 2), NULL };
    const rondo_batch b = { .n_inputs = 1, .n_targets = 1, .inputs = &in, .targets = &want };
    rondo_model *m = models_new("lstm 2; dense 2", 3);
    char which[8];
    (void)state;
    assert_int_equal(rondo_adapt(m, "lstm.*", "frozen"), RONDO_OK);
    assert_int_equal(rondo_compile(m, .loss = "mse"), RONDO_OK);
    moved(m, &b, which, 5);
    assert_string_equal(which, "00011");
    assert_int_equal(rondo_adapt(m, "lstm.*", "trainable"), RONDO_OK);
    moved(m, &b, which, 5);
    assert_string_equal(which, "11111");
    assert_int_equal(rondo_adapt(m, "*.bias", "frozen"), RONDO_OK);
    moved(m, &b, which, 5);
    assert_string_equal(which, "11010");
    rondo_model_free(m);
    alloc_free(x);
    alloc_free(y);
}

/* The same seed draws the same weights; another one others. */
static void seeds(void **state)
{
    rondo_model *a = rondo_model_new(), *b = rondo_model_new(), *c = rondo_model_new();
    rondo_model *const all[] = { a, b, c };
    (void)state;
    for (int i = 0; i < 3; i++) {
        rondo_input(all[i], RONDO_F32, RONDO_SHAPE(0, 3));
        rondo_add_spec(all[i], "lstm 4; dense 2");
        assert_int_equal(rondo_compile(all[i], .loss = "mse", .seed = i < 2 ? 8 : 9), RONDO_OK);
    }
    models_same_bits("weights", a->weights, b->weights, a->n_weights);
    assert_true(memcmp(a->weights, c->weights, 12 * sizeof(real)) != 0);
    for (int i = 0; i < 3; i++) rondo_model_free(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_shapes),
        cmocka_unit_test(get_what_was_set),
        cmocka_unit_test(patterns),
        cmocka_unit_test(patterns_refused),
        cmocka_unit_test(seeds),
        cmocka_unit_test(frozen_and_thawed_between_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
