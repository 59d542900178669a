/* Long sequences and streams are gone through in windows: in memory that does not grow with them, and
 * with the bits that they have as a whole. */
#define _DEFAULT_SOURCE
#include "train/bench.h"

enum { ROWS = 6, LONG = 9000, TOKENS = 11 };
static int32_t tokens[LONG + ROWS], next[LONG + ROWS];
static const char *layers = "embedding 5 input_dim=11; lstm 6 return_sequences; "
                            "gru 4 return_sequences dropout=0.1; dense 11 softmax";

/* rows of steps each, out of one sequence */
static rondo_dataset *open_tokens(int64_t rows, int64_t steps, const int64_t *ends, bool streams)
{
    rng r = rng_new(3, rng_stream(RNG_DATA, 1));
    for (int64_t i = 0; i < LONG + ROWS; i++) {
        const int64_t before = i ? tokens[i - 1] : 0;
        tokens[i] = (int32_t)((before * 3 + rng_below(&r, 3)) % TOKENS);
        if (i) next[i - 1] = tokens[i];
    }
    const rondo_array in = { tokens, RONDO_I32, { 2, { rows, steps } }, ends };
    const rondo_array out = { next, RONDO_I32, { 2, { rows, steps } }, ends };
    rondo_dataset *d;
    ok(rondo_dataset_new(&d, &(rondo_batch){ 1, 1, &in, &out, NULL }));
    d->streams = streams;
    return d;
}

static rondo_model *open_model(int threads)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    ok(rondo_add_spec(m, layers));
    ok(rondo_compile(m, .loss = "sparse_categorical_crossentropy", .metrics = "perplexity",
                     .optimizer = "sgd learning_rate=0.5 global_clipnorm=1", .seed = 5,
                     .threads = threads));
    return m;
}

/* The mean over steps of -log y of the next token, from answers in one piece. */
static double loss_of(const real *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum -= log((double)y[i * TOKENS + next[i]]);
    return sum / (double)n;
}

static void long_rows_are_judged_in_windows(void **state)
{
    (void)state;
    static const int64_t length[] = { LONG / 3, LONG };
    size_t memory[2];
    rondo_model *m = open_model(2);
    for (int k = 0; k < 2; k++) {
        const int64_t n = length[k];
        rondo_dataset *d = open_tokens(1, n, NULL, k == 1);
        evaluation e;
        double score[2];
        ok(evaluation_open(&e, m));
        ok(evaluation_run(&e, d, 1));
        scores_result(&e.scores, score);
        memory[k] = e.pass->arena.size;
        evaluation_close(&e);

        real *y = malloc((size_t)(n * TOKENS) * sizeof *y), one[TOKENS];
        rondo_array out = { y, RONDO_F32, { 3, { 1, n, TOKENS } }, NULL };
        const rondo_array in = { tokens, RONDO_I32, { 2, { 1, n } }, NULL };
        ok(rondo_predict(m, &(rondo_batch){ 1, 0, &in, NULL, NULL }, &out, 1));
        assert_true(fabs(score[0] - loss_of(y, n)) < 1e-5);
        assert_true(fabs(score[1] - exp(score[0])) < 1e-3);

        rondo_stream *s;
        ok(rondo_stream_new(&s, m, 1));
        for (int64_t t = 0; t < n; t++) {
            const rondo_array x1 = { tokens + t, RONDO_I32, { 1, { 1 } }, NULL };
            rondo_array y1 = { one, RONDO_F32, { 2, { 1, TOKENS } }, NULL };
            ok(rondo_stream_step(s, &x1, &y1));
            assert_memory_equal(one, y + t * TOKENS, sizeof one);
        }
        rondo_stream_free(s);
        rondo_dataset_free(d);
        free(y);
    }
    assert_true(memory[1] <= memory[0] * 2);
    rondo_model_free(m);
}

/* Rows that end at different steps: no token is lost, none counted twice. */
static void ragged_streams_count_every_step(void **state)
{
    (void)state;
    const int64_t ends[ROWS] = { LONG / ROWS, LONG / ROWS, LONG / ROWS, 700, 1, 0 };
    double a[2], b[2];
    rondo_model *m = open_model(1);
    rondo_dataset *streams = open_tokens(ROWS, LONG / ROWS, ends, true);
    rondo_dataset *rows = open_tokens(ROWS, LONG / ROWS, ends, false);
    ok(rondo_evaluate(m, streams, a, 2));
    ok(rondo_evaluate(m, rows, b, 2));
    assert_true(fabs(a[0] - b[0]) < 1e-6 && fabs(a[1] - b[1]) < 1e-5);
    assert_float_equal(exp(a[0]), a[1], 1e-5);
    rondo_dataset_free(streams);
    rondo_dataset_free(rows);
    rondo_model_free(m);
}

/* For those who look at samples: every step of the streams in one of them. */
static void streams_in_pieces(void **state)
{
    (void)state;
    const int64_t ends[ROWS] = { 20, 20, 13, 7, 1, 0 };
    rondo_dataset *streams = open_tokens(ROWS, 20, ends, true), *d;
    sample s;
    cursor c = { 0 };
    int64_t i = 0;
    ok(dataset_windows(&d, streams, 7));
    assert_int_equal(d->count, 3 + 3 + 2 + 1 + 1 + 0);
    assert_false(d->streams);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t at = 0; at < ends[r]; at += 7, i++) {
            const int64_t n = ends[r] - at < 7 ? ends[r] - at : 7;
            ok(d->get(d, &c, i, &s));
            assert_int_equal(d->length(d, i), n);
            assert_int_equal(s.input[0].steps, n);
            assert_memory_equal(s.input[0].tokens, tokens + r * 20 + at,
                                (size_t)n * sizeof *tokens);
            assert_memory_equal(s.target[0].tokens, next + r * 20 + at, (size_t)n * sizeof *next);
        }
    assert_int_equal(i, d->count);
    cursor_free(&c);
    rondo_dataset_free(d);
    rondo_dataset_free(streams);
}

static int64_t countdown, windows, epochs_seen;

static rondo_status count(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    windows += event == RONDO_BATCH_END;
    epochs_seen += event == RONDO_EPOCH_END;
    if (event == RONDO_BATCH_END && --countdown == 0) rondo_interrupt();
    return RONDO_OK;
}

static rondo_status fit(rondo_model *m, const rondo_dataset *d, bool vary, const char *path)
{
    const rondo_callback c = { .on = count };
    return rondo_fit(m, d, .epochs = 2, .batch_size = ROWS, .bptt = 20, .bptt_vary = vary,
                     .no_shuffle = !d->streams, .callbacks = &c, .n_callbacks = 1,
                     .checkpoint = path);
}

static void same(const rondo_model *a, const rondo_model *b)
{
    assert_memory_equal(a->weights, b->weights, (size_t)a->n_weights * sizeof(real));
}

/* A stream's windows are those of truncated backpropagation over rows of a batch. */
static void streams_train_as_windows_of_rows(void **state)
{
    (void)state;
    rondo_dataset *streams = open_tokens(ROWS, 130, NULL, true);
    rondo_dataset *rows = open_tokens(ROWS, 130, NULL, false);
    rondo_model *a = open_model(1), *b = open_model(2);
    windows = 0;
    ok(fit(a, streams, false, NULL));
    assert_int_equal(windows, 2 * 7);
    ok(fit(b, rows, false, NULL));
    same(a, b);
    rondo_dataset_free(streams);
    rondo_dataset_free(rows);
    rondo_model_free(a);
    rondo_model_free(b);
}

/* Stopped after any window, with windows that vary or not: the same bits in the end. */
static void resumes_exactly(void **state)
{
    (void)state;
    rondo_dataset *d = open_tokens(ROWS, 300, NULL, true);
    for (int vary = 0; vary < 2; vary++) {
        rondo_model *whole = open_model(1);
        windows = 0;
        ok(fit(whole, d, vary, NULL));
        const int64_t all = windows;
        for (int64_t at = 1; at < all; at += 3) {
            remove(checkpoint);
            countdown = at;
            rondo_model *m = open_model(2);
            assert_int_equal(fit(m, d, vary, checkpoint), RONDO_E_STOPPED);
            rondo_model_free(m);
            m = open_model(1);
            ok(fit(m, d, vary, checkpoint));
            same(whole, m);
            rondo_model_free(m);
        }
        remove(checkpoint);
        rondo_model_free(whole);
    }
    rondo_dataset_free(d);
}

/* A checkpoint of varied windows is none of equal ones. */
static void other_windows_are_another_run(void **state)
{
    (void)state;
    rondo_dataset *d = open_tokens(ROWS, 300, NULL, true);
    rondo_model *m = open_model(1);
    ok(fit(m, d, true, checkpoint));
    assert_int_equal(fit(m, d, false, checkpoint), RONDO_E_MISMATCH);
    remove(checkpoint);
    rondo_model_free(m);
    rondo_dataset_free(d);
}

static void windows_vary_as_stated(void **state)
{
    (void)state;
    enum { BPTT = 70, ALL = 2000000 };
    cuts c = { 0 }, again = { 0 };
    int64_t half = 0, longest = 0, shortest = ALL;
    double sum = 0;
    ok(cuts_make(&c, ALL, BPTT, true, 1, 4));
    ok(cuts_make(&again, ALL, BPTT, true, 1, 4));
    assert_int_equal(c.n, again.n);
    assert_memory_equal(c.at, again.at, (size_t)c.n * sizeof *c.at);
    for (int64_t i = 0; i + 1 < c.n; i++) {
        const int64_t n = c.at[i + 1] - c.at[i];
        half += n < BPTT * 3 / 4;
        longest = n > longest ? n : longest;
        shortest = n < shortest ? n : shortest;
        sum += (double)n;
    }
    assert_int_equal(c.at[c.n], ALL);
    assert_true(fabs((double)half / (double)c.n - 0.05) < 0.005);
    assert_true(fabs(sum / (double)c.n - (0.95 * BPTT + 0.05 * BPTT / 2 - 0.5)) < 0.3);
    assert_true(shortest >= 5 && longest <= cuts_longest(BPTT, true) && longest > BPTT + 10);
    ok(cuts_make(&again, ALL, BPTT, true, 1, 5));
    assert_memory_not_equal(c.at, again.at, 100 * sizeof *c.at);
    cuts_free(&c);
    cuts_free(&again);
    ok(cuts_make(&c, 45, 20, false, 1, 0));
    assert_int_equal(c.n, 3);
    assert_int_equal(c.at[2], 40);
    cuts_free(&c);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    rondo_dataset *d = open_tokens(ROWS, 60, NULL, true),
                  *rows = open_tokens(ROWS, 60, NULL, false);
    rondo_model *m = open_model(1);
    assert_int_equal(rondo_fit(m, d, .epochs = 1), RONDO_E_ARG);
    assert_int_equal(rondo_fit(m, d, .epochs = 1, .bptt = 20, .steps_per_epoch = 2), RONDO_E_ARG);
    assert_int_equal(rondo_fit(m, rows, .epochs = 1, .bptt = 20, .bptt_vary = true), RONDO_E_ARG);
    rondo_model_free(m);
    rondo_dataset_free(d);
    rondo_dataset_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_rows_are_judged_in_windows),
        cmocka_unit_test(ragged_streams_count_every_step),
        cmocka_unit_test(streams_in_pieces),
        cmocka_unit_test(streams_train_as_windows_of_rows),
        cmocka_unit_test(resumes_exactly),
        cmocka_unit_test(other_windows_are_another_run),
        cmocka_unit_test(windows_vary_as_stated),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
