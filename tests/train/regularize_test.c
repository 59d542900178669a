/* What changes on the way through a run: rates over all of it. */
#define _DEFAULT_SOURCE
#include "train/bench.h"

static int64_t countdown; /* batches until it interrupts; 0: never */

static rondo_status interrupt(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    if (event == RONDO_BATCH_END && --countdown == 0) rondo_interrupt();
    return RONDO_OK;
}

static rondo_status fit(bench *b, int64_t bptt, int64_t epochs, int64_t stop_after,
                        const char *path)
{
    const rondo_callback c = { .on = interrupt };
    countdown = stop_after;
    return rondo_fit(b->model, b->data, .epochs = epochs, .batch_size = BATCH, .bptt = bptt,
                     .checkpoint = path, .callbacks = &c, .n_callbacks = 1);
}

/* ---- Schedules ---- */
static const char *const over_a_run[] = {
    "sgd learning_rate=0.5 schedule=slanted_triangular",
    "adam learning_rate=0.02 schedule=one_cycle",
    "adam learning_rate=0.02 schedule='linear warmup_ratio=0.2'",
    "sgd schedule='decay_after epochs=2'",
};

static void schedules_resume(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof over_a_run / sizeof *over_a_run; i++) {
        how = over_a_run[i];
        bench whole = open_bench(WHOLE, last_layers, 1);
        ok(fit(&whole, 0, 4, 0, NULL));
        for (int at = 2; at < 4 * BATCHES; at += 7) {
            bench first = open_bench(WHOLE, last_layers, 1), b = open_bench(WHOLE, last_layers, 2);
            remove(checkpoint);
            assert_int_equal(fit(&first, 0, 4, at, checkpoint), RONDO_E_STOPPED);
            ok(fit(&b, 0, 4, 0, checkpoint));
            same_weights(&whole, &b);
            close_bench(&first);
            close_bench(&b);
        }
        close_bench(&whole);
    }
    remove(checkpoint);
}

/* The rate at the end of each epoch, which is that of the next update. */
static rondo_status note_rate(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    if (event == RONDO_EPOCH_END) ((double *)user)[p->epoch] = rondo_learning_rate(m);
    return RONDO_OK;
}

static void rates_by_epoch(void **state)
{
    (void)state;
    double rates[4];
    const rondo_callback c = { .on = note_rate, .user = rates };
    how = "sgd learning_rate=1 schedule='decay_after epochs=2'";
    bench b = open_bench(PER_STEP, step_layers, 1);
    ok(rondo_fit(b.model, b.data, .epochs = 4, .batch_size = BATCH, .bptt = 4, .callbacks = &c,
                 .n_callbacks = 1));
    const double expected[] = { 1, 0.5, 0.25, 0.125 };
    for (int i = 0; i < 4; i++) assert_float_equal(rates[i], expected[i], 1e-12);
    close_bench(&b);
    how = "sgd learning_rate=1 schedule=linear";
    b = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(b.model, b.data, .epochs = 4, .batch_size = BATCH, .callbacks = &c,
                 .n_callbacks = 1));
    for (int i = 0; i < 4; i++) assert_float_equal(rates[i], 0.75 - 0.25 * i, 1e-12);
    close_bench(&b);
}

/* More epochs are another run where the schedule spans them, and the same one where it does not. */
static void epochs_raised(void **state)
{
    (void)state;
    for (int spans = 0; spans < 2; spans++) {
        how = spans ? "sgd schedule=cosine" : "sgd schedule='cosine decay_steps=30'";
        bench b = open_bench(WHOLE, last_layers, 1), more = open_bench(WHOLE, last_layers, 1);
        remove(checkpoint);
        ok(fit(&b, 0, 2, 0, checkpoint));
        const rondo_status status = fit(&more, 0, 3, 0, checkpoint);
        assert_int_equal(status, spans ? RONDO_E_MISMATCH : RONDO_OK);
        if (spans) assert_non_null(strstr(rondo_error(), "was 2, now it is 3"));
        close_bench(&b);
        close_bench(&more);
    }
    remove(checkpoint);
}

/* ---- Averaged weights ---- */
static const char *const averaging[] = {
    "asgd learning_rate=0.3 t0=7",
    "ntasgd learning_rate=20 global_clipnorm=1 nonmono=1",
    "adam learning_rate=0.02 use_ema ema_momentum=0.9",
    "rmsprop momentum=0.5 use_ema",
};

static void averages_resume(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof averaging / sizeof *averaging; i++) {
        how = averaging[i];
        bench whole = open_bench(PER_STEP, step_layers, 1);
        ok(fit(&whole, 4, 5, 0, NULL));
        const optimizer *o = &whole.model->training->optimizer;
        if (!average_begun(o)) fail_msg("%s does not average", how);
        for (int at = 1; at < 5 * BATCHES; at += 5) {
            bench first = open_bench(PER_STEP, step_layers, 1),
                  b = open_bench(PER_STEP, step_layers, 2);
            remove(checkpoint);
            assert_int_equal(fit(&first, 4, 5, at, checkpoint), RONDO_E_STOPPED);
            ok(fit(&b, 4, 5, 0, checkpoint));
            same_weights(&whole, &b);
            close_bench(&first);
            close_bench(&b);
        }
        /* … and from the end of a run, which goes on from the weights before averaging. */
        bench more = open_bench(PER_STEP, step_layers, 1), b = open_bench(PER_STEP, step_layers, 1);
        ok(fit(&more, 4, 6, 0, NULL));
        remove(checkpoint);
        ok(fit(&b, 4, 5, 0, checkpoint));
        same_weights(&whole, &b);
        close_bench(&b);
        b = open_bench(PER_STEP, step_layers, 1);
        ok(fit(&b, 4, 6, 0, checkpoint));
        same_weights(&more, &b);
        close_bench(&b);
        close_bench(&more);
        close_bench(&whole);
    }
    remove(checkpoint);
}

static real seen[4096];

static rondo_status note_weights(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)p;
    if (event == RONDO_EPOCH_END)
        memcpy(user, m->weights, (size_t)m->n_weights * sizeof *m->weights);
    return RONDO_OK;
}

/* What is validated, and shown at the end of an epoch, and left at the end, is the average. */
static void averages_are_judged(void **state)
{
    (void)state;
    how = "adam learning_rate=0.02 use_ema ema_momentum=0.5";
    bench b = open_bench(WHOLE, last_layers, 1);
    const rondo_callback c = { .on = note_weights, .user = seen };
    const size_t size = (size_t)b.model->n_weights * sizeof(real);
    assert_true(size <= sizeof seen);
    ok(rondo_fit(b.model, b.data, .batch_size = BATCH, .callbacks = &c, .n_callbacks = 1));
    const optimizer *o = &b.model->training->optimizer;
    assert_memory_equal(b.model->weights, seen, size);
    assert_memory_equal(b.model->weights, o->slots[o->average],
                        (size_t)shape_size(&b.model->params[0]->shape) * sizeof(real));
    ok(rondo_swap_average(b.model));
    close_bench(&b);
    how = "adam";
    b = open_bench(WHOLE, last_layers, 1);
    assert_int_equal(rondo_swap_average(b.model), RONDO_E_STATE);
    close_bench(&b);
}

/* ---- Rates of layers, and layers that train later ---- */
static double rate_of(const rondo_model *m, const char *name)
{
    return model_param(m, name)->rate;
}

static void rates(void **state)
{
    (void)state;
    how = "sgd";
    bench b = open_bench(
        WHOLE, "dense 3; lstm 5 return_sequences; gru 4; dense 6 tanh; dense 4 softmax", 1);
    rondo_model *m = b.model;
    assert_int_equal(model_groups(m), 4);
    ok(rondo_set_rates(m, "discriminative"));
    assert_true(rate_of(m, "dense_2.kernel") == 1 && rate_of(m, "dense_1.bias") == 1);
    assert_float_equal(rate_of(m, "gru.kernel"), 1 / 2.6, 1e-12);
    assert_float_equal(rate_of(m, "dense.kernel"), 1 / (2.6 * 2.6 * 2.6), 1e-12);
    ok(rondo_set_rates(m, "discriminative=2"));
    assert_float_equal(rate_of(m, "lstm.bias"), 0.25, 0);
    ok(rondo_set_rates(m, "*=0.5 lstm*=0.1  lstm.bias=0"));
    assert_true(rate_of(m, "lstm.kernel") == 0.1 && rate_of(m, "lstm.bias") == 0);
    assert_true(rate_of(m, "gru.bias") == 0.5);
    const real before = m->weights[model_param(m, "lstm.bias")->offset + 1];
    ok(rondo_fit(m, b.data, .batch_size = BATCH));
    assert_true(before == m->weights[model_param(m, "lstm.bias")->offset + 1]);
    ok(rondo_set_rates(m, NULL));
    assert_true(rate_of(m, "lstm.bias") == 1);
    assert_int_equal(rondo_set_rates(m, "gry*=1"), RONDO_E_NAME);
    static const char *const bad[] = { "fast",     "lstm*=quick",
                                       "=1",       "discriminative=",
                                       "lstm*=-1", "discriminative=0.5",
                                       "lstm*=nan" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (rondo_set_rates(m, bad[i]) != RONDO_E_ARG) fail_msg("%s is taken", bad[i]);
    close_bench(&b);
}

static const char *tower = "dense 3; lstm 5 dropout=0.2 return_sequences; gru 4; dense 4 softmax";

static rondo_status fit_thawing(bench *b, int64_t epochs, int64_t stop_after, const char *path,
                                const rondo_callback *c)
{
    const rondo_callback stopper = { .on = interrupt };
    countdown = stop_after;
    return rondo_fit(b->model, b->data, .epochs = epochs, .batch_size = BATCH, .unfreeze = 1,
                     .checkpoint = path, .callbacks = c ? c : &stopper, .n_callbacks = 1);
}

/* What had changed by the end of each epoch, layer by layer from the top. */
static rondo_status note_changes(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    static const char *const names[] = { "dense_1.kernel", "gru.kernel", "lstm.kernel",
                                         "dense.kernel" };
    if (event == RONDO_FIT_BEGIN) memcpy(seen, m->weights, (size_t)m->n_weights * sizeof *seen);
    for (int i = 0; event == RONDO_EPOCH_END && i < 4; i++) {
        const int64_t at = model_param(m, names[i])->offset;
        ((int *)user)[p->epoch] += m->weights[at] != seen[at];
    }
    return RONDO_OK;
}

static void thaws_from_the_top(void **state)
{
    (void)state;
    how = "adam learning_rate=0.02 use_ema ema_momentum=0.5";
    int changed[5] = { 0 };
    const rondo_callback c = { .on = note_changes, .user = changed };
    bench b = open_bench(WHOLE, tower, 1);
    assert_true((size_t)b.model->n_weights < sizeof seen / sizeof *seen);
    ok(fit_thawing(&b, 5, 0, NULL, &c));
    const int expected[] = { 1, 2, 3, 4, 4 };
    assert_memory_equal(changed, expected, sizeof changed);
    assert_int_equal(rondo_parameter_count(b.model, true), rondo_parameter_count(b.model, false));
    close_bench(&b);
}

/* Whichever layers train when it is stopped; what is frozen stays so. */
static void thawing_resumes(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        how = k ? "ntasgd learning_rate=0.2" : "adam learning_rate=0.02 use_ema";
        bench whole = open_bench(WHOLE, tower, 1);
        ok(rondo_adapt(whole.model, "lstm.bias", "frozen"));
        ok(rondo_set_rates(whole.model, "discriminative"));
        ok(fit_thawing(&whole, 5, 0, NULL, NULL));
        assert_true(model_param(whole.model, "lstm.bias")->gradient < 0);
        for (int at = 1; at < 5 * BATCHES; at += 2) {
            bench first = open_bench(WHOLE, tower, 1), b = open_bench(WHOLE, tower, 2);
            ok(rondo_adapt(first.model, "lstm.bias", "frozen"));
            ok(rondo_adapt(b.model, "lstm.bias", "frozen"));
            ok(rondo_set_rates(first.model, "discriminative"));
            remove(checkpoint);
            assert_int_equal(fit_thawing(&first, 5, at, checkpoint, NULL), RONDO_E_STOPPED);
            assert_int_equal(fit_thawing(&b, 5, 0, checkpoint, NULL), RONDO_E_MISMATCH);
            assert_non_null(strstr(rondo_error(), "rates"));
            ok(rondo_set_rates(b.model, "discriminative"));
            assert_int_equal(fit(&b, 0, 5, 0, checkpoint), RONDO_E_MISMATCH);
            assert_non_null(strstr(rondo_error(), "thaw"));
            ok(fit_thawing(&b, 5, 0, checkpoint, NULL));
            same_weights(&whole, &b);
            close_bench(&first);
            close_bench(&b);
        }
        close_bench(&whole);
    }
    remove(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_resume),    cmocka_unit_test(rates_by_epoch),
        cmocka_unit_test(epochs_raised),       cmocka_unit_test(averages_resume),
        cmocka_unit_test(averages_are_judged), cmocka_unit_test(rates),
        cmocka_unit_test(thaws_from_the_top),  cmocka_unit_test(thawing_resumes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
