/* The same bits for any number of threads, and many threads that read one model. */
#include "model/models.h"
#include <pthread.h>

enum { STEPS = 11, BATCH = 37, FEATURES = 9, TOKENS = 12 };
static const char *const specs[] = {
    "simple_rnn 33 relu return_sequences; dense 20 softmax",
    "lstm 40 return_sequences; lstm 24",
    "lstm 40 return_sequences; adaptive_softmax 300 cutoffs='40 150'",
    "gru 40 merge=concat return_sequences; gru 16 reset_after=false; dense 5",
    "mgu 33 merge=sum return_sequences; mingru 21 return_sequences; indrnn 40; dense 5",
    "peephole_lstm 24 return_sequences; layer_norm_lstm 17 return_sequences; janet 33; dense 5",
    "layer_normalization; lstm 17 go_backwards return_sequences; gru 31",
    "lstm 33 rrelu return_sequences; gru 9 recurrent_activation=rrelu(0.1,0.2) return_sequences; "
    "dense 7 rrelu; activation rrelu",
    "rrelu; dropout 0.3; lstm 33 dropout=0.2 recurrent_dropout=0.2 return_sequences; dense 70 gelu",
    "embedding 24 input_dim=12; gru 20 return_sequences; dense 12 softmax",
    "embedding 24 input_dim=12 mask_zero; lstm 20 merge=sum",
    "lstm 33 \"a*tanh(b*x) with a=1, b=0.5\" return_sequences; gru 17 merge=sum "
    "recurrent_activation=learned_sigmoid prelu(0.1,shared=1); dense 5 \"x/(1 + abs(c*x)) with "
    "c=1\"",
    "embedding 24 input_dim=12; gru 40 return_sequences; pool last max average; dense 5",
    "embedding 90 input_dim=12; simple_rnn 8", /* tokens enough to share */
    "lstm 40 return_sequences; gru 40 reset_after=false merge=concat; dense 5 | lora 3 dropout=0.3",
    "lstm 70 learned_state return_sequences; dense 30 | weight_drop 0.4 | lora 5 | lora 2 name=b",
    "embedding 64 input_dim=12; lstm 64 return_sequences; dense softmax tie=embedding",
    "embedding 90 input_dim=12; dense 64; gru 90; dense tie=embedding | lora 4 | weight_drop 0.2",
};
enum { SPECS = sizeof specs / sizeof *specs };

static real *x;
static int32_t *tokens;
static int64_t lengths[BATCH];

static int setup(void **state)
{
    rng r = rng_new(1, rng_stream(RNG_DATA, 2));
    (void)state;
    x = models_draw(STEPS * BATCH * FEATURES, 1);
    tokens = models_draw_tokens(STEPS * BATCH, TOKENS, 1);
    for (int b = 0; b < BATCH; b++) lengths[b] = rng_below(&r, STEPS + 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alloc_free(x);
    alloc_free(tokens);
    return 0;
}

static feed input(const rondo_model *m, bool ragged)
{
    const bool t = models_takes_tokens(m);
    return (feed){ STEPS, BATCH, t ? NULL : x, t ? tokens : NULL, ragged ? lengths : NULL };
}

typedef struct results {
    real *y, *gradients;
    int64_t size;
} results;

/* Outputs and gradients of a training pass, for an output gradient that is the output itself. */
static results run(rondo_model *m, int threads, bool ragged)
{
    results r;
    pass *p;
    const feed f = input(m, ragged);
    assert_int_equal(model_threads(m, threads), RONDO_OK);
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    r.gradients = alloc_aligned((size_t)m->n_weights * sizeof(real));
    assert_non_null(r.gradients);
    p->gradients = r.gradients;
    p->training = true;
    p->seed = 5;
    models_run(p, &f);
    value *v = pass_output(p, 0);
    r.size = value_size(v);
    r.y = alloc_array(r.size, sizeof(real));
    assert_non_null(r.y);
    memcpy(r.y, v->data, (size_t)r.size * sizeof(real));
    memcpy(v->grad, v->data, (size_t)r.size * sizeof(real));
    v->grad_written = true;
    pass_backward(p);
    pass_free(p);
    return r;
}

static void free_results(results *r)
{
    alloc_free(r->y);
    alloc_free_aligned(r->gradients);
}

static void any_number_of_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SPECS; i++)
        for (int ragged = 0; ragged < 2; ragged++) {
            rondo_model *m = models_new(specs[i], FEATURES);
            results one = run(m, 1, ragged);
            for (int n = 2; n <= 4; n++) {
                results many = run(m, n, ragged);
                models_same_bits(specs[i], one.y, many.y, one.size);
                models_same_bits(specs[i], one.gradients, many.gradients, m->n_weights);
                free_results(&many);
            }
            free_results(&one);
            rondo_model_free(m);
        }
}

/* ---- Four threads that predict on one model, while its weights have yet to be packed ---- */
enum { READERS = 4, ROUNDS = 3 };
typedef struct reader {
    const rondo_model *m;
    real y[STEPS * BATCH * 16];
    rondo_status status;
} reader;

static void *predict(void *arg)
{
    reader *r = arg;
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(BATCH, STEPS, FEATURES), lengths };
    const rondo_batch b = { .n_inputs = 1, .inputs = &in };
    for (int i = 0; i < ROUNDS && !r->status; i++) {
        rondo_array out = { r->y, RONDO_F32, RONDO_SHAPE(BATCH, STEPS, 16), NULL };
        r->status = rondo_predict(r->m, &b, &out, 1);
    }
    return NULL;
}

static void *stream(void *arg)
{
    reader *r = arg;
    rondo_stream *s;
    r->status = rondo_stream_new(&s, r->m, BATCH);
    for (int64_t t = 0; t < STEPS && !r->status; t++) {
        const rondo_array in = { x + t * BATCH * FEATURES, RONDO_F32, RONDO_SHAPE(BATCH, FEATURES),
                                 NULL };
        rondo_array out = { r->y + t * BATCH * 16, RONDO_F32, RONDO_SHAPE(BATCH, 16), NULL };
        r->status = rondo_stream_step(s, &in, &out);
    }
    if (s) rondo_stream_free(s);
    return NULL;
}

static void together(void *(*work)(void *), int threads)
{
    static reader readers[READERS], serial;
    pthread_t ids[READERS];
    rondo_model *m = models_new(
        "lstm 24 return_sequences; gru 16 return_sequences; dense 16 softmax", FEATURES);
    assert_int_equal(model_threads(m, threads), RONDO_OK);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){ .m = m };
        assert_int_equal(pthread_create(&ids[i], NULL, work, &readers[i]), 0);
    }
    for (int i = 0; i < READERS; i++) pthread_join(ids[i], NULL);
    serial = (reader){ .m = m };
    work(&serial);
    assert_int_equal(serial.status, RONDO_OK);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, RONDO_OK);
        models_same_bits("reader", readers[i].y, serial.y, STEPS * BATCH * 16);
    }
    rondo_model_free(m);
}

static void predicting_together(void **state)
{
    (void)state;
    together(predict, 1);
    together(predict, 3);
}

static void streaming_together(void **state)
{
    (void)state;
    together(stream, 2);
}

/* Streams may be the first to ask for weights: one draws them, the others wait. */
static void drawing_weights_together(void **state)
{
    static reader readers[READERS];
    pthread_t ids[READERS];
    rondo_model *m = rondo_model_new();
    (void)state;
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    assert_int_equal(rondo_add_spec(m, "lstm 24 return_sequences; dense 16"), RONDO_OK);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){ .m = m };
        assert_int_equal(pthread_create(&ids[i], NULL, stream, &readers[i]), 0);
    }
    for (int i = 0; i < READERS; i++) pthread_join(ids[i], NULL);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].status, RONDO_OK);
        models_same_bits("reader", readers[i].y, readers[0].y, STEPS * BATCH * 16);
    }
    rondo_model_free(m);
}

static void numbers_of_threads(void **state)
{
    rondo_model *m = models_new("dense 2", FEATURES);
    (void)state;
    assert_int_equal(model_threads(m, -1), RONDO_E_ARG);
    assert_int_equal(model_threads(m, 1025), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "threads is 1025, expected 0 (all) to 1024"));
    assert_int_equal(model_threads(m, 0), RONDO_OK);
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads), cmocka_unit_test(predicting_together),
        cmocka_unit_test(streaming_together),    cmocka_unit_test(drawing_weights_together),
        cmocka_unit_test(numbers_of_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
