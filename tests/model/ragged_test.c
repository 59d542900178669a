/* Rows do not see each other, nor the padding behind them: every row of a ragged or masked batch
 * has the bits that it has alone. */
#include "model/models.h"

enum { STEPS = 9, BATCH = 6, FEATURES = 4, TOKENS = 6, MOST = STEPS * BATCH * 32 };
static const int64_t lengths[BATCH] = { 4, 9, 0, 1, 9, 7 };
static const real padding = 9;

static const char *const specs[] = {
    "simple_rnn 5 return_sequences",
    "lstm 5 return_sequences; lstm 3 return_sequences; dense 2 softmax",
    "gru 5 return_sequences; layer_normalization; gru 4 reset_after=false",
    "lstm 5 merge=concat return_sequences; gru 3 merge=ave return_sequences; dense 2",
    "gru 4 merge=sum",
    "mgu 4 return_sequences; mingru 5 merge=concat return_sequences; indrnn 3 go_backwards",
    "peephole_lstm 4 return_sequences; layer_norm_lstm 3 merge=concat return_sequences; janet 3",
    "lstm 4 go_backwards return_sequences; gru 3 return_sequences",
    "gru 4 go_backwards; dense 3 tanh",
    "masking mask_value=9; lstm 4 return_sequences; gru 3",
    "masking mask_value=9; gru 4 go_backwards return_sequences; lstm 3 return_sequences",
    "masking mask_value=9; lstm 3 merge=concat return_sequences; gru 3 return_sequences",
    "masking mask_value=9; gru 3 go_backwards return_sequences; simple_rnn 3 go_backwards "
    "return_sequences; lstm 2",
    "embedding 3 input_dim=6; gru 4 return_sequences",
    "embedding 3 input_dim=6 mask_zero; lstm 4 go_backwards return_sequences; gru 3 "
    "return_sequences",
    "embedding 3 input_dim=6 mask_zero; lstm 4 merge=mul",
    "gru 4 return_sequences; pool last max average; dense 3",
    "embedding 3 input_dim=6 mask_zero; pool average max",
    "masking mask_value=9; lstm 4 return_sequences; pool max last",
};
enum { SPECS = sizeof specs / sizeof *specs };

static real x[STEPS * BATCH * FEATURES];
static int32_t tokens[STEPS * BATCH];

/* Some steps inside are masked ones too (9s, token 0); behind the rows lies what `fill` says. */
static void draw(real behind, int32_t token_behind)
{
    rng r = rng_new(3, rng_stream(RNG_DATA, 0));
    for (int64_t i = 0; i < STEPS * BATCH; i++) {
        const int64_t t = i / BATCH, b = i % BATCH;
        const bool masked = rng_below(&r, 4) == 0, beyond = t >= lengths[b];
        for (int f = 0; f < FEATURES; f++) {
            const real drawn = (real)rng_normal(&r);
            x[i * FEATURES + f] = beyond ? behind : masked ? padding : drawn;
        }
        const int32_t token = 1 + (int32_t)rng_below(&r, TOKENS - 1);
        tokens[i] = beyond ? token_behind : masked ? 0 : token;
    }
}

static feed whole(const rondo_model *m, const int64_t *some_lengths)
{
    const bool t = models_takes_tokens(m);
    return (feed){ STEPS, BATCH, t ? NULL : x, t ? tokens : NULL, some_lengths };
}

/* Row b alone, as long as it is, must give the bits it gives in y[steps][batch][width]. */
static void check_row(const char *what, const rondo_model *m, const pass *together, int64_t b)
{
    const value *all = pass_output(together, 0);
    const int64_t width = all->shape.features;
    real row[STEPS * FEATURES];
    int32_t row_tokens[STEPS];
    for (int64_t t = 0; t < lengths[b]; t++) {
        memcpy(row + t * FEATURES, x + (t * BATCH + b) * FEATURES, FEATURES * sizeof *x);
        row_tokens[t] = tokens[t * BATCH + b];
    }
    const bool takes_tokens = models_takes_tokens(m);
    const feed alone = { .steps = lengths[b],
                         .batch = 1,
                         .data = takes_tokens ? NULL : row,
                         .tokens = takes_tokens ? row_tokens : NULL };
    pass *p;
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    models_run(p, &alone);
    const value *own = pass_output(p, 0);
    if (!own->shape.sequence) models_same_bits(what, own->data, all->data + b * width, width);
    for (int64_t t = 0; own->shape.sequence && t < lengths[b]; t++)
        models_same_bits(what, own->data + t * width, all->data + (t * BATCH + b) * width, width);
    pass_free(p);
}

static void each_row_as_if_alone(void **state)
{
    (void)state;
    draw(0, 0);
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        const feed f = whole(m, lengths);
        pass *p;
        assert_int_equal(pass_new(&p, m), RONDO_OK);
        models_run(p, &f);
        for (int64_t b = 0; b < BATCH; b++) check_row(specs[i], m, p, b);
        pass_free(p);
        rondo_model_free(m);
    }
}

/* What lies behind the end of a row changes no bit of outputs, loss or gradients. */
static void what_lies_behind_is_not_read(void **state)
{
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        const int64_t width = model_output_shape(m, 0)->features;
        const bool sequence = model_output_shape(m, 0)->sequence;
        real *target = models_draw(STEPS * BATCH * width, 8), *gradients[2], weight[STEPS * BATCH],
             y[2][MOST];
        double mean[2];
        objective o;
        assert_int_equal(objective_parse(&o, m, "mse"), RONDO_OK);
        const double valid = truth_weigh(weight, NULL, sequence ? lengths : NULL, NULL, NULL,
                                         sequence ? STEPS : 1, BATCH);
        for (int k = 0; k < 2; k++) {
            pass *p;
            draw(k ? 123 : 0, k ? 5 : 0);
            const feed f = whole(m, lengths);
            gradients[k] = alloc_aligned((size_t)m->n_weights * sizeof(real));
            assert_non_null(gradients[k]);
            assert_int_equal(pass_new(&p, m), RONDO_OK);
            p->gradients = gradients[k];
            const truth t = { .target = target,
                              .weight = weight,
                              .rows = sequence ? STEPS * BATCH : BATCH,
                              .width = width };
            if (objective_forward(&o, p, 1, &f, &t, &valid, &mean[k]))
                fail_msg("%s", rondo_error());
            pass_backward(p);
            for (int64_t r = 0; r < t.rows; r++)
                for (int64_t c = 0; c < width; c++)
                    y[k][r * width + c] = weight[r] != 0 ? pass_output(p, 0)->data[r * width + c]
                                                         : 0;
            pass_free(p);
            models_same_bits(specs[i], y[0], y[k], t.rows * width);
        }
        assert_memory_equal(&mean[0], &mean[1], sizeof *mean);
        models_same_bits(specs[i], gradients[0], gradients[1], m->n_weights);
        for (int k = 0; k < 2; k++) alloc_free_aligned(gradients[k]);
        alloc_free(target);
        rondo_model_free(m);
    }
}

/* Lengths that all are the whole: the way without gathering gives the bits of the way with it. */
static void full_lengths_are_no_lengths(void **state)
{
    static const int64_t full[BATCH] = { STEPS, STEPS, STEPS, STEPS, STEPS, STEPS };
    (void)state;
    draw(1, 1);
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        const feed with = whole(m, full), without = whole(m, NULL);
        pass *p, *q;
        assert_int_equal(pass_new(&p, m), RONDO_OK);
        assert_int_equal(pass_new(&q, m), RONDO_OK);
        models_run(p, &with);
        models_run(q, &without);
        models_same_bits(specs[i], pass_output(p, 0)->data, pass_output(q, 0)->data,
                         value_size(pass_output(p, 0)));
        pass_free(p);
        pass_free(q);
        rondo_model_free(m);
    }
}

/* A pass is planned anew for every shape it meets, and finds back. */
static void shapes_that_change(void **state)
{
    static const int64_t steps[] = { 3, STEPS, 1, 3, STEPS };
    (void)state;
    draw(0, 0);
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        pass *lasting;
        assert_int_equal(pass_new(&lasting, m), RONDO_OK);
        for (int k = 0; k < 5; k++) {
            feed f = whole(m, NULL);
            pass *fresh;
            f.steps = steps[k];
            f.batch = k % 2 ? BATCH : BATCH / 2;
            assert_int_equal(pass_new(&fresh, m), RONDO_OK);
            models_run(lasting, &f);
            models_run(fresh, &f);
            models_same_bits(specs[i], pass_output(lasting, 0)->data, pass_output(fresh, 0)->data,
                             value_size(pass_output(fresh, 0)));
            pass_free(fresh);
        }
        pass_free(lasting);
        rondo_model_free(m);
    }
}

/* No rows, and rows of no steps. */
static void empty_batches(void **state)
{
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        rondo_model *m = models_new(specs[i], FEATURES);
        const feed feeds[] = { { 0, 2, x, tokens, NULL },
                               { 3, 0, x, tokens, NULL },
                               { 0, 0, x, tokens, NULL } };
        for (int k = 0; k < 3; k++) {
            pass *p;
            real *gradients = alloc_aligned((size_t)m->n_weights * sizeof *gradients);
            assert_non_null(gradients);
            assert_int_equal(pass_new(&p, m), RONDO_OK);
            p->gradients = gradients;
            models_run(p, &feeds[k]);
            value *y = pass_output(p, 0);
            for (int64_t n = 0; n < value_size(y); n++) y->grad[n] = 1;
            y->grad_written = true;
            pass_backward(p);
            pass_free(p);
            alloc_free_aligned(gradients);
        }
        rondo_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_as_if_alone),
        cmocka_unit_test(what_lies_behind_is_not_read),
        cmocka_unit_test(full_lengths_are_no_lengths),
        cmocka_unit_test(shapes_that_change),
        cmocka_unit_test(empty_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
