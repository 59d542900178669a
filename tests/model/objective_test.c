/* Outputs that their loss takes in blocks of rows: the bits of outputs that are kept whole. */
#include "model/models.h"

enum { STEPS = 11, BATCH = 31, ROWS = STEPS * BATCH, FEATURES = 5, CLASSES = 1100, FEW = 7 };

static real *x, *target, weight[ROWS];
static int32_t label[ROWS], few[ROWS];
static int64_t lengths[BATCH];

static int setup(void **state)
{
    (void)state;
    rng r = rng_new(4, rng_stream(RNG_DATA, 0));
    x = models_draw(ROWS * FEATURES, 1);
    target = models_draw(ROWS * CLASSES, 2);
    for (int64_t i = 0; i < ROWS * CLASSES; i++) target[i] = target[i] > 0;
    for (int b = 0; b < BATCH; b++) lengths[b] = rng_below(&r, STEPS + 1);
    for (int i = 0; i < ROWS; i++) {
        label[i] = (int32_t)rng_below(&r, CLASSES);
        few[i] = (int32_t)rng_below(&r, FEW);
        weight[i] = i / BATCH < lengths[i % BATCH] ? (real)(0.5 + rng_uniform(&r)) : 0;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alloc_free(x);
    alloc_free(target);
    return 0;
}

typedef struct seen { /* what an observer was shown */
    real *y[2];       /* [ROWS][width] by output */
    int64_t rows[2];
    int blocks[2];
} seen;

static void see(void *user, int output, const real *y, const truth *t, double loss_sum)
{
    seen *s = user;
    (void)loss_sum;
    memcpy(s->y[output] + s->rows[output] * t->width, y, (size_t)(t->rows * t->width) * sizeof *y);
    s->rows[output] += t->rows;
    s->blocks[output]++;
}

typedef struct result {
    double value[2];
    real *gradients, *y[2];
    int blocks[2];
} result;

static result run(rondo_model *m, const char *losses, bool ragged, bool whole, int threads)
{
    result r = { 0 };
    seen s = { 0 };
    objective o;
    pass *p;
    truth truths[2];
    double valid[2] = { ROWS, ROWS };
    const feed f = { STEPS, BATCH, x, NULL, ragged ? lengths : NULL };
    assert_int_equal(model_threads(m, threads), RONDO_OK);
    assert_int_equal(objective_parse(&o, m, losses), RONDO_OK);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    r.gradients = alloc_aligned((size_t)m->n_weights * sizeof(real));
    assert_non_null(r.gradients);
    p->gradients = r.gradients;
    objective_apply(&o, p);
    if (whole) memset(p->blocks, 0, sizeof p->blocks);
    models_run(p, &f);
    for (int i = 0; i < o.n; i++) {
        const int64_t width = model_output_shape(m, i)->features;
        truths[i] = (truth){ .rows = ROWS, .width = width, .weight = ragged ? weight : NULL };
        if (o.losses[i].row->takes_labels)
            truths[i].label = width == CLASSES ? label : few;
        else
            truths[i].target = target;
        s.y[i] = r.y[i] = alloc_array(ROWS * width, sizeof(real));
        assert_non_null(s.y[i]);
        assert_int_equal(loss_check(&o.losses[i], &truths[i], width), RONDO_OK);
    }
    objective_run(&o, p, truths, valid, r.value, &(observer){ see, &s });
    pass_backward(p);
    for (int i = 0; i < o.n; i++) {
        assert_int_equal(s.rows[i], ROWS);
        r.blocks[i] = s.blocks[i];
    }
    pass_free(p);
    return r;
}

static void free_result(result *r)
{
    alloc_free_aligned(r->gradients);
    for (int i = 0; i < 2; i++) alloc_free(r->y[i]);
}

/* `blocks`: whether output i comes in more than one. */
static void same(rondo_model *m, const char *losses, const bool *blocks)
{
    for (int ragged = 0; ragged < 2; ragged++) {
        result whole = run(m, losses, ragged, true, 1);
        for (int threads = 1; threads <= 3; threads++) {
            result r = run(m, losses, ragged, false, threads);
            for (int i = 0; i < model_output_count(m); i++) {
                assert_int_equal(whole.blocks[i], 1);
                assert_int_equal(r.blocks[i] > 1, blocks[i]);
                assert_float_equal(whole.value[i], r.value[i], 1e-12 * whole.value[i]);
                models_same_bits(losses, whole.y[i], r.y[i],
                                 ROWS * model_output_shape(m, i)->features);
            }
            models_same_bits(losses, whole.gradients, r.gradients, m->n_weights);
            free_result(&r);
        }
        free_result(&whole);
    }
}

/* The loss of labels alone, as the layer works it out, is that of its probabilities; threads change no
 * bit of it. */
static void by_label(void **state)
{
    static const char *const text =
        "gru 6 return_sequences; adaptive_softmax 1100 cutoffs='60 400'";
    static const char *const cost = "sparse_categorical_crossentropy";
    (void)state;
    rondo_model *m = models_new(text, FEATURES);
    for (int ragged = 0; ragged < 2; ragged++) {
        result whole = run(m, cost, ragged, true, 1), one = run(m, cost, ragged, false, 1);
        assert_true(one.blocks[0] > 1);
        assert_float_equal(whole.value[0], one.value[0], 1e-5 * whole.value[0]);
        models_same_bits(text, whole.y[0], one.y[0], ROWS * 1100);
        double size = 0, difference = 0;
        for (int64_t i = 0; i < m->n_weights; i++) {
            const double a = (double)whole.gradients[i], b = (double)one.gradients[i];
            size += a * a;
            difference += (a - b) * (a - b);
        }
        assert_true(difference < 1e-10 * size);
        for (int threads = 2; threads <= 3; threads++) {
            result many = run(m, cost, ragged, false, threads);
            assert_true(many.value[0] == one.value[0]);
            models_same_bits(text, many.gradients, one.gradients, m->n_weights);
            free_result(&many);
        }
        free_result(&one);
        free_result(&whole);
    }
    rondo_model_free(m);
}

static void blocks_change_no_bit(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *loss;
        bool blocks;
    } cases[] = {
        { "gru 6 return_sequences; dense 1100 softmax", "sparse_categorical_crossentropy", true },
        { "gru 6 return_sequences; dense 1100 softmax", "categorical_crossentropy", true },
        { "gru 6 return_sequences; dense 1100 sigmoid no_bias", "binary_crossentropy", false },
        { "dense 1100 softmax no_bias", "sparse_categorical_crossentropy", true },
        { "gru 6 return_sequences; dense 7 softmax", "sparse_categorical_crossentropy", false },
        { "gru 6 return_sequences; dense 1100", "mse", false },
        { "dense 1100; activation softmax", "sparse_categorical_crossentropy", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_model *m = models_new(cases[i].layers, FEATURES);
        same(m, cases[i].loss, &cases[i].blocks);
        rondo_model_free(m);
    }
}

/* Frozen: the weights of the last layer, then those before it, then all. */
static void what_is_frozen(void **state)
{
    (void)state;
    static const char *const patterns[] = { "dense.*", "gru.*", "*" };
    for (int i = 0; i < 3; i++) {
        rondo_model *m = models_new("gru 6 return_sequences; dense 1100 softmax", FEATURES);
        assert_int_equal(rondo_adapt(m, patterns[i], "frozen"), RONDO_OK);
        same(m, "sparse_categorical_crossentropy", (bool[]){ true });
        rondo_model_free(m);
    }
}

/* An output that another one is made of, and two of one source. */
static void several_outputs(void **state)
{
    (void)state;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    const rondo_value h = rondo_add(m, rondo_layer_parse("gru 9 return_sequences"));
    const rondo_value y = rondo_add(m, rondo_layer_parse("dense 7 softmax"));
    assert_int_equal(rondo_outputs(m, 2, (rondo_value[]){ y, h }), RONDO_OK);
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    same(m, "sparse_categorical_crossentropy; mse", (bool[]){ false, false });
    rondo_model_free(m);

    m = rondo_model_new();
    const rondo_value in = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    const rondo_value a = rondo_apply(m, rondo_layer_parse("dense 1100 softmax"), 1, &in);
    const rondo_value b = rondo_apply(m, rondo_layer_parse("dense 7 softmax"), 1, &in);
    assert_int_equal(rondo_outputs(m, 2, (rondo_value[]){ a, b }), RONDO_OK);
    assert_int_equal(model_prepare(m, 3), RONDO_OK);
    same(m, "sparse_categorical_crossentropy", (bool[]){ true, false });
    rondo_model_free(m);
}

/* The gradient of an output ends where nothing before it trains, though what comes after does. */
static void a_frozen_output_that_goes_on(void **state)
{
    (void)state;
    static const char *const first[] = { "gru 9 return_sequences", "dense 9 relu", "masking",
                                         "activation relu" };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        rondo_model *m = rondo_model_new();
        rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
        const rondo_value h = rondo_add(m, rondo_layer_parse(first[i]));
        const rondo_value y = rondo_add(m, rondo_layer_parse("lstm 7 return_sequences"));
        assert_int_equal(rondo_outputs(m, 2, (rondo_value[]){ y, h }), RONDO_OK);
        assert_int_equal(model_prepare(m, 3), RONDO_OK);
        if (i < 2) assert_int_equal(rondo_adapt(m, i ? "dense.*" : "gru.*", "frozen"), RONDO_OK);
        same(m, "mse", (bool[]){ false, false });
        rondo_model_free(m);
    }
}

/* However many classes there are, a block of their outputs is no gigabyte. */
static void blocks_are_bounded(void **state)
{
    (void)state;
    for (int64_t classes = 1000; classes <= 1000000; classes *= 10) {
        char layers[64];
        pass *p;
        const feed f = { STEPS, BATCH, x, NULL, NULL };
        snprintf(layers, sizeof layers, "dense 1; dense %lld softmax", (long long)classes);
        rondo_model *m = models_new(layers, FEATURES);
        assert_int_equal(pass_new(&p, m), RONDO_OK);
        p->fused[0] = p->blocks[0] = true;
        assert_int_equal(pass_plan(p, 1, &f), RONDO_OK);
        const int64_t block = pass_output(p, 0)->block;
        assert_true(block >= 24 && block * classes <= (int64_t)25 << 20);
        if (classes <= 10000) assert_true(block >= ROWS / 2);
        pass_free(p);
        rondo_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_output_that_goes_on),
        cmocka_unit_test(blocks_change_no_bit),
        cmocka_unit_test(by_label),
        cmocka_unit_test(what_is_frozen),
        cmocka_unit_test(several_outputs),
        cmocka_unit_test(blocks_are_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
