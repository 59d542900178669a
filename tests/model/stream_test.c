/* A stream gives the bits that the whole sequence gives: over cells and options, in rows, in
 * chunks, after its state was saved, reset or reordered; and it asks for no memory. */
#include "model/models.h"

enum { STEPS = 13, ROWS = 3, FEATURES = 5, TOKENS = 7, MOST = STEPS * ROWS * 64 };

static const char *const specs[] = {
    "dense 4 tanh; dense 3",
    "simple_rnn 5 return_sequences",
    "simple_rnn 17 relu return_sequences",
    "simple_rnn 4 softmax return_sequences",
    "lstm 5 return_sequences",
    "lstm 33 no_bias return_sequences",
    "lstm 7 activations=\"i=hard_sigmoid f=gelu c=elu o=softsign h=mish\" return_sequences",
    "gru 5 return_sequences",
    "gru 9 reset_after=false return_sequences",
    "mgu 9 return_sequences; mingru 7 return_sequences; indrnn 5 return_sequences",
    "mingru 19 gelu no_bias return_sequences; indrnn 6 mish return_sequences",
    "peephole_lstm 9 return_sequences; layer_norm_lstm 6 return_sequences; janet 5 "
    "return_sequences",
    "peephole_lstm 5 silu return_sequences; layer_norm_lstm 3 gelu no_bias return_sequences",
    "gru 6 reset_after=false no_bias recurrent_activation=hard_sigmoid return_sequences",
    "lstm 6 return_sequences; gru 5 return_sequences; simple_rnn 4 return_sequences; dense 3 "
    "softmax",
    "layer_normalization; gru 6 return_sequences; layer_normalization no_center; dense 2 "
    "leaky_relu(0.1)",
    "dropout 0.5; rrelu; dense 6 rrelu; simple_rnn 5 rrelu return_sequences; lstm 6 dropout=0.3 "
    "recurrent_dropout=0.4 return_sequences; activation "
    "softplus",
    "embedding 6 input_dim=7; lstm 5 return_sequences; dense 7 softmax",
    "lstm 5 stateful return_sequences; gru 3 stateful return_sequences",
    "lstm 19 \"x*tanh(log1p(exp(x)))\" return_sequences; activation prelu; gru 5 "
    "recurrent_activation=learned_sigmoid activation=\"a*sin(b*x) with a=0.5, b=2 shared\" "
    "return_sequences; dense 3 learned_swish",
    "lstm 6 learned_state return_sequences; gru 19 learned_state stateful return_sequences",
    "lstm 19 return_sequences; gru 6 reset_after=false return_sequences | lora 2 dropout=0.5",
    "embedding 6 input_dim=7; lstm 6 return_sequences; dense softmax tie=embedding",
    "embedding 6 input_dim=7; dense 19; lstm 6 learned_state return_sequences; dense tie=embedding "
    "| "
    "lora 2 | weight_drop 0.4 | lora 1 name=second",
};
enum { SPECS = sizeof specs / sizeof *specs };

typedef struct sequence { /* time-major input, and the outputs of the whole of it */
    rondo_model *m;
    real *x;
    int32_t *tokens;
    int64_t width; /* of an output */
    real y[MOST];
} sequence;

static feed part(const sequence *q, int64_t at, int64_t steps)
{
    if (models_takes_tokens(q->m))
        return (feed){ .steps = steps, .batch = ROWS, .tokens = q->tokens + at * ROWS };
    return (feed){ .steps = steps, .batch = ROWS, .data = q->x + at * ROWS * FEATURES };
}

static const char *storage = "f32"; /* of the weights */
static const char *compute = "f32"; /* what products are computed in */

static void begin(sequence *q, const char *text)
{
    pass *p;
    q->m = models_new(text, FEATURES);
    assert_int_equal(rondo_set_weight_storage(q->m, storage), RONDO_OK);
    assert_int_equal(model_set_compute(q->m, compute), RONDO_OK);
    q->x = models_draw(STEPS * ROWS * FEATURES, 4);
    q->tokens = models_draw_tokens(STEPS * ROWS, TOKENS, 4);
    const feed whole = part(q, 0, STEPS);
    assert_int_equal(pass_new(&p, q->m), RONDO_OK);
    models_run(p, &whole);
    const value *v = pass_output(p, 0);
    q->width = v->shape.features;
    assert_true(value_size(v) <= MOST && v->steps == STEPS);
    memcpy(q->y, v->data, (size_t)value_size(v) * sizeof(real));
    pass_free(p);
}

static void end(sequence *q)
{
    rondo_model_free(q->m);
    alloc_free(q->x);
    alloc_free(q->tokens);
}

/* Rows [first, first+rows) of step t through the stream. */
static void step(rondo_stream *s, const sequence *q, int64_t t, int64_t first, int64_t rows,
                 real *y)
{
    const feed f = part(q, t, 1);
    rondo_array in = { .type = RONDO_F32, .shape = { 2, { rows, FEATURES } } };
    rondo_array out = { y, RONDO_F32, { 2, { rows, q->width } }, NULL };
    if (f.tokens)
        in = (rondo_array){ (int32_t *)f.tokens + first, RONDO_I32, { 1, { rows } }, NULL };
    else
        in.data = (real *)f.data + first * FEATURES;
    if (rondo_stream_step(s, &in, &out)) fail_msg("%s", rondo_error());
    assert_int_equal(out.shape.dim[0], rows);
    assert_int_equal(out.shape.dim[1], q->width);
}

static rondo_stream *opened(const sequence *q, int64_t rows)
{
    rondo_stream *s;
    if (rondo_stream_new(&s, q->m, rows)) fail_msg("%s", rondo_error());
    return s;
}

static void check_steps(rondo_stream *s, const char *what, const sequence *q, int64_t from,
                        int64_t to)
{
    real y[ROWS * 64];
    for (int64_t t = from; t < to; t++) {
        step(s, q, t, 0, ROWS, y);
        models_same_bits(what, y, q->y + t * ROWS * q->width, ROWS * q->width);
    }
}

static void steps_equal_the_sequence(void **state)
{
    static sequence q;
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        begin(&q, specs[i]);
        rondo_stream *s = opened(&q, ROWS);
        check_steps(s, specs[i], &q, 0, STEPS);
        rondo_stream_free(s);
        end(&q);
    }
}

/* Each row of a batch in a stream of its own. */
static void a_row_alone(void **state)
{
    static sequence q;
    real y[64];
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        begin(&q, specs[i]);
        for (int64_t row = 0; row < ROWS; row++) {
            rondo_stream *s = opened(&q, 1);
            for (int64_t t = 0; t < STEPS; t++) {
                step(s, &q, t, row, 1, y);
                models_same_bits(specs[i], y, q.y + (t * ROWS + row) * q.width, q.width);
            }
            rondo_stream_free(s);
        }
        end(&q);
    }
}

/* A pass whose states go in where they came out, fed in chunks of uneven length. */
static void chunks_equal_the_sequence(void **state)
{
    static const int64_t cuts[] = { 0, 1, 6, 8, STEPS };
    static sequence q;
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        begin(&q, specs[i]);
        pass *p;
        real *carry = alloc_array(q.m->state_size * ROWS + 1, sizeof *carry);
        assert_non_null(carry);
        model_start_states(q.m, carry, ROWS, true);
        assert_int_equal(pass_new(&p, q.m), RONDO_OK);
        p->carry_in = p->carry_out = carry;
        for (int c = 0; c + 1 < (int)(sizeof cuts / sizeof *cuts); c++) {
            const feed f = part(&q, cuts[c], cuts[c + 1] - cuts[c]);
            models_run(p, &f);
            models_same_bits(specs[i], pass_output(p, 0)->data, q.y + cuts[c] * ROWS * q.width,
                             value_size(pass_output(p, 0)));
        }
        pass_free(p);
        alloc_free(carry);
        end(&q);
    }
}

static void state_saved_and_restored(void **state)
{
    static sequence q;
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        size_t n, m;
        begin(&q, specs[i]);
        rondo_stream *s = opened(&q, ROWS), *other = opened(&q, ROWS);
        check_steps(s, specs[i], &q, 0, 5);
        const rondo_real *kept = rondo_stream_state(s, &n);
        rondo_real *place = rondo_stream_state(other, &m);
        assert_int_equal(n, m);
        assert_int_equal(n, q.m->state_size * ROWS);
        memcpy(place, kept, n * sizeof *kept);
        check_steps(other, specs[i], &q, 5, STEPS); /* goes on where the first one was */
        check_steps(s, specs[i], &q, 5, STEPS);
        rondo_stream_free(s);
        rondo_stream_free(other);
        end(&q);
    }
}

/* One row begins again while the others go on. */
static void a_row_is_reset(void **state)
{
    static sequence q;
    real y[ROWS * 64];
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        begin(&q, specs[i]);
        rondo_stream *s = opened(&q, ROWS), *fresh = opened(&q, ROWS);
        check_steps(s, specs[i], &q, 0, 4);
        assert_int_equal(rondo_stream_reset(s, 1), RONDO_OK);
        for (int64_t t = 4; t < STEPS; t++) {
            real again[ROWS * 64];
            step(s, &q, t, 0, ROWS, y);
            step(fresh, &q, t, 0, ROWS, again);
            for (int row = 0; row < ROWS; row++)
                models_same_bits(
                    specs[i], y + row * q.width,
                    row == 1 ? again + row * q.width : q.y + (t * ROWS + row) * q.width, q.width);
        }
        assert_int_equal(rondo_stream_reset(s, -1), RONDO_E_ARG);
        assert_int_equal(rondo_stream_reset(s, ROWS), RONDO_E_ARG);
        assert_non_null(strstr(rondo_error(), "rows 0 to 2, not 3"));
        rondo_stream_free(s);
        rondo_stream_free(fresh);
        end(&q);
    }
}

/* Rows 0, 1, 2 become 2, 2, 0: what beam search does. */
static void rows_are_selected(void **state)
{
    static sequence q;
    static const int64_t from[] = { 2, 2, 0 }, beyond[] = { 0, ROWS }, below[] = { -1 };
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        begin(&q, specs[i]);
        rondo_stream *s = opened(&q, ROWS);
        check_steps(s, specs[i], &q, 0, 6);
        assert_int_equal(rondo_stream_select(s, from, 3), RONDO_OK);
        for (int64_t t = 6; t < STEPS; t++) {
            real y[ROWS * 64];
            real x[ROWS * FEATURES];
            int32_t tokens[ROWS];
            for (int row = 0; row < ROWS; row++) {
                tokens[row] = q.tokens[t * ROWS + from[row]];
                memcpy(x + row * FEATURES, q.x + (t * ROWS + from[row]) * FEATURES,
                       FEATURES * sizeof *x);
            }
            const bool takes_tokens = models_takes_tokens(q.m);
            const rondo_array in = { takes_tokens ? (void *)tokens : (void *)x,
                                     takes_tokens ? RONDO_I32 : RONDO_F32,
                                     { takes_tokens ? 1 : 2, { ROWS, FEATURES } },
                                     NULL };
            rondo_array out = { y, RONDO_F32, { 2, { ROWS, q.width } }, NULL };
            assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_OK);
            for (int row = 0; row < ROWS; row++)
                models_same_bits(specs[i], y + row * q.width,
                                 q.y + (t * ROWS + from[row]) * q.width, q.width);
        }
        assert_int_equal(rondo_stream_select(s, from, ROWS + 1), RONDO_E_ARG);
        assert_int_equal(rondo_stream_select(s, beyond, 2), RONDO_E_ARG);
        assert_int_equal(rondo_stream_select(s, below, 1), RONDO_E_ARG);
        rondo_stream_free(s);
        end(&q);
    }
}

/* Without return_sequences a step shows the state so far: what the sequence up to here ends in. */
static void the_last_state_so_far(void **state)
{
    static const char *const last[] = { "lstm 5", "gru 4 return_sequences; simple_rnn 3; dense 2" };
    static sequence q;
    (void)state;
    for (int i = 0; i < 2; i++) {
        pass *p;
        real y[ROWS * 64];
        q.m = models_new(last[i], FEATURES);
        q.x = models_draw(STEPS * ROWS * FEATURES, 4);
        q.tokens = NULL;
        assert_int_equal(pass_new(&p, q.m), RONDO_OK);
        q.width = model_output_shape(q.m, 0)->features;
        rondo_stream *s = opened(&q, ROWS);
        for (int64_t t = 0; t < STEPS; t++) {
            const feed prefix = part(&q, 0, t + 1);
            models_run(p, &prefix);
            step(s, &q, t, 0, ROWS, y);
            models_same_bits(last[i], y, pass_output(p, 0)->data, ROWS * q.width);
        }
        rondo_stream_free(s);
        pass_free(p);
        end(&q);
    }
}

/* A masked step shows the output before it, in a stream as in the sequence. */
static void masked_steps(void **state)
{
    static const char *const masked[] = {
        "embedding 4 input_dim=7 mask_zero; lstm 5 return_sequences",
        "embedding 4 input_dim=7 mask_zero; gru 3 return_sequences; "
        "gru 4 return_sequences; dense 2"
    };
    static sequence q;
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(&q, masked[i]);
        rondo_stream *s = opened(&q, ROWS);
        check_steps(s, masked[i], &q, 0, STEPS);
        rondo_stream_free(s);
        end(&q);
    }
}

/* Weights in fewer bytes change the numbers, not the promise; nor do products in bf16. */
static void narrow_weights_too(void **state)
{
    static const char *const narrow[][2] = { { "bf16", "f32" },
                                             { "int8", "f32" },
                                             { "f32", "bf16" } };
    for (int i = 0; i < 3; i++) {
        storage = narrow[i][0];
        compute = narrow[i][1];
        steps_equal_the_sequence(state);
        a_row_alone(state);
        chunks_equal_the_sequence(state);
    }
    storage = compute = "f32";
}

/* Layers large enough to be shared out, on more threads than there may be processors. */
static void helpers_change_no_bit(void **state)
{
    static const char *const large[] = {
        "lstm 200 return_sequences; gru 256 return_sequences; simple_rnn 400 return_sequences; "
        "dense 3",
        "lstm 256 return_sequences; gru 300 reset_after=false return_sequences; dense 2",
    };
    static sequence q;
    real y[64];
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(&q, large[i]);
        for (int threads = 2; threads < 5; threads++) {
            rondo_stream *s = opened(&q, 1);
            assert_int_equal(rondo_stream_threads(s, threads), RONDO_OK);
            for (int64_t t = 0; t < STEPS; t++) {
                step(s, &q, t, 1, 1, y);
                models_same_bits(large[i], y, q.y + (t * ROWS + 1) * q.width, q.width);
            }
            assert_int_equal(rondo_stream_threads(s, -1), RONDO_E_ARG);
            rondo_stream_free(s);
        }
        end(&q);
    }
}

static int allocations;
static void *(*true_hook)(void *, size_t);
static void *counting(void *p, size_t n)
{
    allocations += n > 0;
    return true_hook(p, n);
}

static void no_memory_is_asked_for(void **state)
{
    static sequence q;
    (void)state;
    for (int i = 0; i < SPECS; i++) {
        static const int64_t from[] = { 1, 0, 2 };
        real y[ROWS * 64];
        begin(&q, specs[i]);
        rondo_stream *s = opened(&q, ROWS);
        step(s, &q, 0, 0, ROWS, y); /* packs the weights */
        true_hook = alloc_hook;
        allocations = 0;
        alloc_hook = counting;
        for (int64_t t = 1; t < STEPS; t++) step(s, &q, t, 0, ROWS, y);
        rondo_stream_select(s, from, 3);
        rondo_stream_reset(s, 0);
        alloc_hook = true_hook;
        assert_int_equal(allocations, 0);
        rondo_stream_free(s);
        end(&q);
    }
}

/* Rows without a step keep the state they came with, one alone as several. */
static void no_steps(void **state)
{
    (void)state;
    for (int64_t rows = 1; rows <= 2; rows++) {
        rondo_model *m = models_new("lstm 3 return_sequences; gru 2", 2);
        pass *p;
        assert_int_equal(pass_new(&p, m), RONDO_OK);
        const int64_t n = m->state_size * rows;
        real *in = models_draw(n, 1), *out = models_draw(n, 2);
        p->carry_in = in;
        p->carry_out = out;
        models_run(p, &(feed){ .steps = 0, .batch = rows, .data = in });
        models_same_bits("no steps", in, out, n);
        models_same_bits("output", in + 6 * rows, pass_output(p, 0)->data, 2 * rows);
        alloc_free(in);
        alloc_free(out);
        pass_free(p);
        rondo_model_free(m);
    }
}

static void models_that_cannot_stream(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "lstm 3 merge=concat return_sequences", "lstm reads the sequence from its end" },
        { "gru 3 return_sequences; gru 3 go_backwards name=back",
          "back reads the sequence from its end" },
    };
    rondo_stream *s;
    (void)state;
    for (int i = 0; i < 2; i++) {
        rondo_model *m = models_new(cases[i].text, FEATURES);
        assert_int_equal(rondo_stream_new(&s, m, 1), RONDO_E_ARG);
        assert_null(s);
        assert_non_null(strstr(rondo_error(), cases[i].words));
        rondo_model_free(m);
    }
    rondo_model *m = rondo_model_new();
    const rondo_value in[] = { rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 2)),
                               rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 2)) };
    rondo_apply(m, rondo_layer_parse("add"), 2, in);
    assert_int_equal(rondo_stream_new(&s, m, 1), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "a stream has one input, the model has 2"));
    rondo_model_free(m);
}

static void calls_that_do_not_fit(void **state)
{
    static sequence q;
    real x[ROWS * FEATURES] = { 0 }, y[64];
    rondo_stream *s;
    (void)state;
    begin(&q, "lstm 5 return_sequences");
    assert_int_equal(rondo_stream_new(&s, q.m, 0), RONDO_E_ARG);
    assert_int_equal(rondo_stream_new(&s, q.m, INT64_MAX), RONDO_E_LIMIT);
    s = opened(&q, ROWS);
    rondo_array in = { x, RONDO_F32, RONDO_SHAPE(ROWS, FEATURES), NULL };
    rondo_array out = { y, RONDO_F32, RONDO_SHAPE(ROWS, 5), NULL };
    assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_OK);
    in.shape = RONDO_SHAPE(ROWS, FEATURES - 1);
    assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "a step takes 3 rows of 5 values, given 12"));
    in.shape = RONDO_SHAPE(ROWS, FEATURES);
    in.type = RONDO_I32;
    assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_E_SHAPE);
    in.type = RONDO_F32;
    in.data = NULL;
    assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_E_SHAPE);
    in.data = x;
    out.shape = RONDO_SHAPE(ROWS, 4);
    /* refused before the state moves: the same step again, with room, is the second one still */
    real before[2 * 5 * ROWS];
    size_t n;
    const rondo_real *now = rondo_stream_state(s, &n);
    assert_int_equal(n, 2 * 5 * ROWS);
    memcpy(before, now, sizeof before);
    assert_int_equal(rondo_stream_step(s, &in, &out), RONDO_E_SHAPE);
    assert_non_null(strstr(rondo_error(), "a step gives 15 values, there is room for 12"));
    models_same_bits("state", before, now, (int64_t)n);
    rondo_stream_free(s);
    rondo_stream_free(NULL);
    end(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_equal_the_sequence),
        cmocka_unit_test(a_row_alone),
        cmocka_unit_test(chunks_equal_the_sequence),
        cmocka_unit_test(narrow_weights_too),
        cmocka_unit_test(helpers_change_no_bit),
        cmocka_unit_test(state_saved_and_restored),
        cmocka_unit_test(a_row_is_reset),
        cmocka_unit_test(rows_are_selected),
        cmocka_unit_test(the_last_state_so_far),
        cmocka_unit_test(masked_steps),
        cmocka_unit_test(no_memory_is_asked_for),
        cmocka_unit_test(no_steps),
        cmocka_unit_test(models_that_cannot_stream),
        cmocka_unit_test(calls_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
