/* Resuming: a run that was stopped anywhere ends with the bits of one that was not. */
#define _DEFAULT_SOURCE
#include "train/bench.h"

static int64_t countdown; /* batches until it interrupts */

static rondo_status interrupt(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    if (event == RONDO_BATCH_END && --countdown == 0) rondo_interrupt();
    return RONDO_OK;
}

static rondo_status fit_all(bench *b, int64_t bptt, const char *path, int64_t epochs)
{
    rondo_callback c[4] = { { .on = interrupt } };
    char text[400];
    rondo_dataset *validation = open_data(WHOLE, 20);
    if (b->model->nodes[b->model->n_nodes - 1].out[0].sequence) {
        rondo_dataset_free(validation);
        validation = open_data(PER_STEP, 20);
    }
    snprintf(text, sizeof text, "csv_logger path=%s", log_path);
    ok(rondo_callback_parse(&c[1], text));
    ok(rondo_callback_parse(&c[2], "reduce_lr_on_plateau patience=1 monitor=loss min_delta=0.1"));
    ok(rondo_callback_parse(&c[3], "early_stopping patience=50 restore_best_weights"));
    const rondo_status status = rondo_fit(b->model, b->data, .epochs = epochs, .batch_size = BATCH,
                                          .bptt = bptt, .validation = validation, .callbacks = c,
                                          .n_callbacks = 4, .checkpoint = path);
    for (int i = 1; i < 4; i++) rondo_callback_free(&c[i]);
    rondo_dataset_free(validation);
    return status;
}

static char *read_log(void)
{
    file_map map;
    ok(file_map_open(&map, log_path));
    char *text = calloc(1, map.size + 1);
    memcpy(text, map.data, map.size);
    file_map_close(&map);
    return text;
}

/* Stopped after any batch, and twice: the same bits in the end, the same log. */
static void resumes_exactly(void **state)
{
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        bench whole = open_bench(runs[k].kind, *runs[k].layers, 1);
        countdown = 0;
        ok(fit_all(&whole, runs[k].bptt, NULL, 3));
        char *log = read_log();
        for (int at = 1; at < 3 * BATCHES; at += k ? 4 : 1) {
            remove(checkpoint);
            countdown = at;
            rondo_status status = RONDO_E_STOPPED;
            for (int part = 0; part < 4 && status == RONDO_E_STOPPED; part++) {
                bench b = open_bench(runs[k].kind, *runs[k].layers, 2);
                status = fit_all(&b, runs[k].bptt, checkpoint, 3);
                if (part == 0) {
                    assert_int_equal(status, RONDO_E_STOPPED);
                    countdown = 2; /* and once more */
                }
                if (!status) same_weights(&whole, &b);
                close_bench(&b);
            }
            ok(status);
            countdown = 0;
            char *resumed = read_log();
            assert_string_equal(log, resumed);
            free(resumed);
        }
        free(log);
        close_bench(&whole);
    }
    remove(checkpoint);
}

/* Whatever has weights, or draws numbers, goes on from where it was. */
static void stops_once(const char *layers, int64_t bucket)
{
    bench whole = open_bench(RAGGED_PER_STEP, layers, 1);
    ok(rondo_fit(whole.model, whole.data, .epochs = 2, .batch_size = BATCH, .bucket = bucket));
    remove(checkpoint);
    const rondo_callback c = { .on = interrupt };
    for (int part = 0; part < 2; part++) {
        bench b = open_bench(RAGGED_PER_STEP, layers, 2);
        countdown = part ? 0 : BATCHES + 2;
        const rondo_status status = rondo_fit(b.model, b.data, .epochs = 2, .batch_size = BATCH,
                                              .checkpoint = checkpoint, .callbacks = &c,
                                              .n_callbacks = 1, .bucket = bucket);
        if (status != (part ? RONDO_OK : RONDO_E_STOPPED))
            fail_msg("%s: %s", layers, status ? rondo_error() : "it was not stopped");
        if (part) same_weights(&whole, &b);
        close_bench(&b);
    }
    close_bench(&whole);
}

static void every_cell_resumes(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++) {
        char layers[200];
        snprintf(layers, sizeof layers, "%s 5 return_sequences dropout=0.2; dense 4 softmax",
                 registry_name(REGISTRY_CELL, i));
        stops_once(layers, 0);
    }
}

static void batches_of_like_lengths_resume(void **state)
{
    (void)state;
    stops_once("gru 5 return_sequences dropout=0.2; dense 4 softmax", 2);
}

static void learned_activations_resume(void **state)
{
    (void)state;
    stops_once("lstm 8 \"a*tanh(b*x) with a=1, b=1\" return_sequences; dense 4 softmax", 0);
    stops_once("dense 6; rrelu; lstm 5 rrelu return_sequences; dense 4 softmax", 0);
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++) {
        const rondo_activation *row = registry_at(REGISTRY_ACTIVATION, i);
        char layers[200];
        if (row->learned == 0) continue;
        snprintf(layers, sizeof layers, "gru 5 %s return_sequences; dense 4 softmax", row->name);
        stops_once(layers, 0);
    }
}

static void adapters_resume(void **state)
{
    (void)state;
    stops_once("lstm 5 learned_state return_sequences; dense 4 softmax | weight_drop 0.3", 0);
    stops_once("gru 5 return_sequences; dense 4 softmax | lora 2 dropout=0.3 | lora 1 name=b", 0);
}

/* One layer after the other, as training goes on: stopped before, at and after a thaw. */
static rondo_status thaw(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)user;
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    return rondo_adapt(m, p->epoch == 0 ? "gru_1.*" : "*", "trainable");
}

static void gradual_unfreezing_resumes(void **state)
{
    const char *layers = "gru 5 return_sequences; gru 5; dense 4 softmax";
    const rondo_callback c[2] = { { .on = thaw }, { .on = interrupt } };
    (void)state;
    bench whole = open_bench(WHOLE, layers, 1);
    countdown = 0;
    ok(rondo_adapt(whole.model, "dense.*", "only"));
    ok(rondo_fit(whole.model, whole.data, .epochs = 3, .batch_size = BATCH, .callbacks = c,
                 .n_callbacks = 2));
    for (int at = 1; at < 3 * BATCHES; at += 2) {
        remove(checkpoint);
        for (int part = 0; part < 2; part++) {
            bench b = open_bench(WHOLE, layers, 2);
            ok(rondo_adapt(b.model, "dense.*", "only"));
            countdown = part ? 0 : at;
            const rondo_status status = rondo_fit(b.model, b.data, .epochs = 3, .batch_size = BATCH,
                                                  .callbacks = c, .n_callbacks = 2,
                                                  .checkpoint = checkpoint);
            if (status != (part ? RONDO_OK : RONDO_E_STOPPED)) fail_msg("%s", rondo_error());
            if (part) same_weights(&whole, &b);
            close_bench(&b);
        }
    }
    close_bench(&whole);
}

/* Epochs of two batches each, drawn from all the data: other samples in each, all of them in time. */
static void epochs_of_some_batches(void **state)
{
    (void)state;
    bench whole = open_bench(WHOLE, last_layers, 1), all = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(whole.model, whole.data, .epochs = 6, .batch_size = BATCH, .steps_per_epoch = 2));
    assert_int_equal(whole.model->training->step, 12);
    ok(rondo_fit(all.model, all.data, .epochs = 2, .batch_size = BATCH, .steps_per_epoch = 99));
    assert_int_equal(all.model->training->step, 2 * BATCHES);
    remove(checkpoint);
    for (int epochs = 3; epochs <= 6; epochs += 3) {
        bench b = open_bench(WHOLE, last_layers, 1);
        ok(rondo_fit(b.model, b.data, .epochs = epochs, .batch_size = BATCH, .steps_per_epoch = 2,
                     .checkpoint = checkpoint));
        if (epochs == 6) same_weights(&whole, &b);
        close_bench(&b);
    }
    remove(checkpoint);
    assert_int_equal(rondo_fit(all.model, all.data, .steps_per_epoch = 2, .no_shuffle = true),
                     RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "no_shuffle"));
    close_bench(&whole);
    close_bench(&all);
}

static int events[4];

static rondo_status count_events(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    events[event]++;
    return RONDO_OK;
}

static void finished_runs(void **state)
{
    (void)state;
    const rondo_callback c = { .on = count_events };
    bench whole = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(whole.model, whole.data, .epochs = 4, .batch_size = BATCH));
    remove(checkpoint);
    for (int part = 0; part < 3; part++) { /* 2 epochs; again the same; epochs raised to 4 */
        static const int expected[3][4] = { { 1, 2 * BATCHES, 2, 1 },
                                            { 1, 0, 0, 1 },
                                            { 1, 2 * BATCHES, 2, 1 } };
        bench b = open_bench(WHOLE, last_layers, 1);
        memset(events, 0, sizeof events);
        ok(rondo_fit(b.model, b.data, .epochs = part < 2 ? 2 : 4, .batch_size = BATCH,
                     .checkpoint = checkpoint, .callbacks = &c, .n_callbacks = 1));
        assert_memory_equal(events, expected[part], sizeof events);
        if (part == 2) same_weights(&whole, &b);
        close_bench(&b);
    }
    /* The checkpoint is a model as well. */
    rondo_model *loaded;
    ok(rondo_load(&loaded, checkpoint));
    ok(rondo_compile_with(loaded, NULL));
    double a[3], b[3];
    ok(rondo_evaluate(whole.model, whole.data, a, 3));
    ok(rondo_evaluate(loaded, whole.data, b, 3));
    assert_memory_equal(a, b, sizeof a);
    rondo_model_free(loaded);
    close_bench(&whole);
    remove(checkpoint);
}

static void other_runs(void **state)
{
    (void)state;
    bench b = open_bench(WHOLE, last_layers, 1);
    ok(rondo_fit(b.model, b.data, .batch_size = BATCH, .checkpoint = checkpoint, .identity = "a"));
    static const struct {
        const char *layers, *identity, *says, *compute;
        int64_t batch_size;
        bool no_shuffle;
    } cases[] = {
        { "lstm 7; dense 4 softmax", "a", "model", NULL, BATCH, false },
        { NULL, "a", "compute was f32, now it is bf16", "bf16", BATCH, false },
        { NULL, "a", "batch size was 16, now it is 17", NULL, BATCH + 1, false },
        { NULL, "b", "identity was a, now it is b", NULL, BATCH, false },
        { NULL, "a", "shuffling", NULL, BATCH, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        compute = cases[i].compute;
        bench other = open_bench(WHOLE, cases[i].layers ? cases[i].layers : last_layers, 1);
        assert_int_equal(rondo_fit(other.model, other.data, .epochs = 2,
                                   .batch_size = cases[i].batch_size, .checkpoint = checkpoint,
                                   .identity = cases[i].identity,
                                   .no_shuffle = cases[i].no_shuffle),
                         RONDO_E_MISMATCH);
        if (!strstr(rondo_error(), cases[i].says))
            fail_msg("\"%s\" is not in: %s", cases[i].says, rondo_error());
        close_bench(&other);
        compute = NULL;
    }
    close_bench(&b);
    remove(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_exactly),
        cmocka_unit_test(every_cell_resumes),
        cmocka_unit_test(batches_of_like_lengths_resume),
        cmocka_unit_test(learned_activations_resume),
        cmocka_unit_test(adapters_resume),
        cmocka_unit_test(gradual_unfreezing_resumes),
        cmocka_unit_test(finished_runs),
        cmocka_unit_test(epochs_of_some_batches),
        cmocka_unit_test(other_runs),
    };
    const struct CMUnitTest bf16[] = { cmocka_unit_test(resumes_exactly) };
    return cmocka_run_group_tests(tests, set_up, tear_down) +
           cmocka_run_group_tests(bf16, in_bf16, tear_down);
}
