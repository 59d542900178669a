/* run - a plan trained into a folder.  Killed at any moment, the same call goes on from the last
 * checkpoint and ends in the same bits as one that was never stopped. */
#define _POSIX_C_SOURCE 200809L
#include "task/task.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_CALLBACKS = 24 };

/* What the run's own callback writes down while training. */
typedef struct diary {
    int64_t first_epoch, epochs, steps;
    bool begun, reached;
    const condition *until; /* NULL: none */
    json_t *result;         /* the last epoch's scores */
    json_t *training;       /* how it came to them */
    double seconds, best;   /* best: of val_loss */
    int64_t best_epoch;     /* from 1; 0: none yet */
    char *saved;            /* as the last checkpoint has it */
    double since;           /* when the seconds were counted last */
} diary;

typedef struct run {
    plan plan;
    condition until;
    manifest before;
    char *folder, *model_file, *checkpoint;
    diary diary;
    rondo_callback callbacks[MAX_CALLBACKS];
    int n_own, n_callbacks;
    int lock;
    replay *replay; /* NULL: no base is kept beside the model */
    rondo_exchange exchange;
    bool over;        /* the old run was put aside */
    bool one_of_many; /* see run_train */
} run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void count_seconds(diary *d)
{
    const double t = now();
    d->seconds += t - d->since;
    d->since = t;
}

static void find_best(diary *d, const rondo_progress *p)
{
    for (int i = 0; i < p->n_metrics; i++) {
        const double score = p->value[i];
        if (strcmp(p->metric[i], "val_loss") != 0 || !isfinite(score)) continue;
        if (d->best_epoch && !(score < d->best)) continue;
        d->best = score;
        d->best_epoch = p->epoch + 1;
    }
}

static rondo_status write_diary(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    diary *d = user;
    if (!d->begun) {
        d->first_epoch = p->epoch;
        d->since = now();
    }
    d->begun = true;
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    d->epochs = p->epoch + 1;
    d->steps = m->training->step;
    if (d->until) RONDO_TRY(condition_met(d->until, p, &d->reached));
    count_seconds(d);
    find_best(d, p);
    for (int i = 0; i < p->n_metrics; i++)
        RONDO_TRY(json_put(d->result, p->metric[i],
                           isfinite(p->value[i]) ? json_real(p->value[i]) : json_null()));
    return RONDO_OK;
}

/* A checkpoint keeps it all: who is killed between the last epoch and the end knows the scores still. */
static rondo_status save_diary(void *user, const void **bytes, size_t *n)
{
    diary *d = user;
    count_seconds(d);
    json_t *all = json_pack("{s:f, s:f, s:I, s:I, s:I, s:b, s:O}", "seconds", d->seconds, "best",
                            d->best, "best_epoch", (json_int_t)d->best_epoch, "epochs",
                            (json_int_t)d->epochs, "steps", (json_int_t)d->steps, "reached",
                            d->reached, "result", d->result);
    free(d->saved);
    d->saved = all ? json_dumps(all, JSON_COMPACT) : NULL; /* scores stay in their order */
    json_decref(all);
    if (!d->saved) return rondo_fail(RONDO_E_NOMEM, "out of memory writing a checkpoint");
    *bytes = d->saved;
    *n = strlen(d->saved);
    return RONDO_OK;
}

static rondo_status read_diary(diary *d, const json_t *all)
{
    json_t *result;
    RONDO_TRY(json_want_real(all, "seconds", &d->seconds));
    RONDO_TRY(json_want_real(all, "best", &d->best));
    RONDO_TRY(json_want_int(all, "best_epoch", &d->best_epoch));
    RONDO_TRY(json_want_int(all, "epochs", &d->epochs));
    RONDO_TRY(json_want_int(all, "steps", &d->steps));
    RONDO_TRY(json_want_object(all, "result", &result));
    d->reached = json_is_true(json_object_get(all, "reached"));
    return json_object_update(d->result, result)
               ? rondo_fail(RONDO_E_NOMEM, "out of memory reading a checkpoint")
               : RONDO_OK;
}

static rondo_status load_diary(void *user, const void *bytes, size_t n)
{
    json_t *all;
    RONDO_TRY(json_read(&all, bytes, n, "the run's diary"));
    const rondo_status status = rondo_fail_in(read_diary(user, all), "the run's diary");
    json_decref(all);
    return status;
}

/* ---- Callbacks: ours, the recipe's, the caller's ---- */
static rondo_status add_callback(run *r, const char *text)
{
    if (r->n_own == MAX_CALLBACKS)
        return rondo_fail(RONDO_E_LIMIT, "more than %d callbacks", MAX_CALLBACKS);
    RONDO_TRY(rondo_callback_parse(&r->callbacks[r->n_own], text));
    r->n_callbacks = ++r->n_own;
    return RONDO_OK;
}

static rondo_status add_file_callback(run *r, const char *kind, const char *name, const char *more)
{
    char *path = *name ? file_join(r->folder, name) : alloc_text(r->folder);
    char *text = path ? alloc_format("%s path=\"%s\"%s", kind, path, more) : NULL;
    rondo_status status = text ? add_callback(r, text) : RONDO_E_NOMEM;
    alloc_free(text);
    alloc_free(path);
    return status;
}

static rondo_status add_given(run *r, const char *specs)
{
    char **parts;
    int n;
    if (!specs) return RONDO_OK;
    RONDO_TRY(text_split(&parts, &n, specs, ';'));
    rondo_status status = RONDO_OK;
    for (int i = 0; i < n && !status; i++)
        if (*parts[i]) status = add_callback(r, parts[i]);
    text_list_free(parts);
    return status;
}

static rondo_status add_until(run *r)
{
    char *text = alloc_format("until condition=\"%s\"", r->plan.until);
    const rondo_status status = text ? add_callback(r, text) : RONDO_E_NOMEM;
    alloc_free(text);
    return status;
}

static rondo_status add_callbacks(run *r, const rondo_recipe *recipe)
{
    char text[96];
    const plan *p = &r->plan;
    RONDO_TRY(add_file_callback(r, "csv_logger", "log.csv", ""));
    if (!r->one_of_many) RONDO_TRY(add_file_callback(r, "tensorboard", "", ""));
    if (p->validation)
        RONDO_TRY(add_file_callback(r, "model_checkpoint", "best.safetensors",
                                    " monitor=val_loss save_best_only=true"));
    if (p->patience) {
        snprintf(text, sizeof text, "early_stopping monitor=%s patience=%lld",
                 p->validation ? "val_loss" : "loss", (long long)p->patience);
        RONDO_TRY(add_callback(r, text));
    }
    if (p->until) {
        RONDO_TRY(condition_parse(&r->until, p->until));
        r->diary.until = &r->until;
        RONDO_TRY(add_until(r));
    }
    RONDO_TRY(add_given(r, rondo_recipe_get(recipe, "callbacks")));
    /* It watches, and so is no part of the run. */
    return recipe_flag(recipe, "diagnose") ? add_file_callback(r, "diagnose", "diagnosis.json", "")
                                           : RONDO_OK;
}

static rondo_status add_callers(run *r, const rondo_callback *theirs, int n)
{
    if (r->n_own + n + 2 > MAX_CALLBACKS)
        return rondo_fail(RONDO_E_LIMIT, "more than %d callbacks", MAX_CALLBACKS);
    r->diary.result = json_object();
    r->diary.training = json_object();
    if (!r->diary.result || !r->diary.training) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    if (r->replay) r->callbacks[r->n_callbacks++] = replay_callback(r->replay);
    r->callbacks[r->n_callbacks++] = (rondo_callback){
        .on = write_diary, .save = save_diary, .load = load_diary, .user = &r->diary
    };
    for (int i = 0; i < n; i++) r->callbacks[r->n_callbacks++] = theirs[i];
    return RONDO_OK;
}

/* ---- One run ---- */
static rondo_status load_vectors(plan *p)
{
    int64_t found, tokens;
    if (!p->vectors) return RONDO_OK;
    RONDO_TRY(vectors_load(p->pipeline, p->vectors, &found, &tokens));
    text_add(&p->notes, "vectors: %lld of %lld tokens are in %s\n", (long long)found,
             (long long)tokens, p->vectors);
    return p->notes.status;
}

static rondo_status prepare(run *r, const rondo_recipe *recipe)
{
    plan *p = &r->plan;
    rondo_pipeline *line = p->pipeline;
    RONDO_TRY(rondo_compile(line->model, .optimizer = p->optimizer, .loss = p->loss,
                            .metrics = p->metrics, .seed = p->seed, .threads = (int)p->threads,
                            .compute = p->compute));
    RONDO_TRY(transfer_weights(p));
    RONDO_TRY(load_vectors(p));
    RONDO_TRY(rondo_set_rates(line->model, p->rates));
    if (p->transfer.base) RONDO_TRY(replay_open(&r->replay, p, recipe, p->transfer.layers));
    RONDO_TRY(replay_identify(r->replay, &p->identity));
    RONDO_TRY(replay_note(r->replay, &p->notes));
    line->loss = alloc_text(p->loss);
    line->metrics = alloc_text(p->metrics);
    if (!line->loss || !line->metrics) return RONDO_E_NOMEM;
    char *reading = alloc_format("%s%s%s", p->reading ? p->reading : "",
                                 p->reading && *p->reader_spec ? " " : "", p->reader_spec);
    if (!reading) return RONDO_E_NOMEM;
    const rondo_status learnt = pipeline_learn(line, p->data, reading);
    alloc_free(reading);
    RONDO_TRY(learnt);
    RONDO_TRY(pipeline_seal(line));
    RONDO_TRY(threshold_check(p, p->threshold));
    if (line->threshold > 0) RONDO_TRY(pipeline_note(line));
    training_scale(line->model, line->scale_in.n ? &line->scale_in : NULL,
                   line->scale_out.n ? &line->scale_out : NULL);
    return RONDO_OK;
}

/* Of a language model, tokens. */
static int64_t samples_of(const rondo_dataset *d)
{
    return corpus_is(d) ? corpus_targets(d) : d->count;
}

static void fill_report(rondo_run_report *report, const run *r)
{
    const plan *p = &r->plan;
    report->epochs = p->epochs;
    report->parameters = rondo_parameter_count(p->pipeline->model, false);
    report->samples = samples_of(p->train);
    report->validation_samples = p->validation ? samples_of(p->validation) : 0;
    report->seed = p->seed;
    const optimizer *o = &p->pipeline->model->training->optimizer;
    report->spans = schedule_spans_run(o->schedule, &o->schedule_options);
    report->task = p->task->name;
    snprintf(report->output, sizeof report->output, "%s", r->folder);
    report->notes = p->notes.data ? p->notes.data : "";
    report->warnings = p->warnings.data ? p->warnings.data : "";
}

static rondo_status write_down(run *r, const rondo_recipe *recipe, const char *state)
{
    diary *d = &r->diary;
    count_seconds(d);
    RONDO_TRY(json_put(d->training, "epochs", json_integer(d->epochs)));
    RONDO_TRY(json_put(d->training, "steps", json_integer(d->steps)));
    if (d->until) RONDO_TRY(json_put(d->training, "reached", json_boolean(d->reached)));
    if (d->best_epoch) RONDO_TRY(json_put(d->training, "best_epoch", json_integer(d->best_epoch)));
    RONDO_TRY(exchange_note(&r->exchange, d->training));
    RONDO_TRY(json_put(d->training, "seconds", json_real(d->seconds)));
    return manifest_write(r->folder, &r->plan, recipe, &r->before, state, d->result, d->training);
}

/* The run stays one that may go on, but those who count runs see why it did not. */
static rondo_status note_divergence(run *r, const rondo_recipe *recipe)
{
    char sentence[512];
    text_fit(sentence, sizeof sentence, rondo_error());
    RONDO_TRY(json_put(r->diary.training, "error", json_string(sentence)));
    RONDO_TRY(write_down(r, recipe, "diverged"));
    return rondo_fail(RONDO_E_NAN, "%s", sentence);
}

/* The best epoch's model has one of its own. */
static rondo_status choose_best_threshold(const run *r)
{
    char *file = file_join(r->folder, "best.safetensors");
    if (!file) return RONDO_E_NOMEM;
    const rondo_status status = threshold_choose_file(file, &r->plan, r->plan.threshold);
    alloc_free(file);
    return status;
}

/* The base as it is after all this, for those who want to judge it on other data. */
static rondo_status save_base(run *r)
{
    if (!r->replay) return RONDO_OK;
    json_t *before = json_object();
    rondo_status status = before ? replay_scores(r->replay, before) : RONDO_E_NOMEM;
    if (!status) status = json_put(r->diary.training, "base_before", json_incref(before));
    json_decref(before);
    char *file = status ? NULL : file_join(r->folder, "base.safetensors");
    if (!status) status = file ? replay_save(r->replay, file) : RONDO_E_NOMEM;
    alloc_free(file);
    return status;
}

static rondo_status train(run *r, const rondo_recipe *recipe, rondo_run_report *report)
{
    const plan *p = &r->plan;
    rondo_model *m = p->pipeline->model;
    if (r->over) RONDO_TRY(folder_start_over(r->folder));
    RONDO_TRY(manifest_write(r->folder, p, recipe, &r->before, "running", NULL, NULL));
    RONDO_TRY(folder_forget(r->folder, "diagnosis.json")); /* of the training until now */
    rondo_status status = rondo_fit(
        m, p->train, .epochs = p->epochs, .batch_size = p->batch, .bucket = p->bucket,
        .bptt = p->bptt, .bptt_vary = p->bptt_vary, .steps_per_epoch = p->steps_per_epoch,
        .validation = p->validation, .judge = replay_judge(r->replay), .callbacks = r->callbacks,
        .n_callbacks = r->n_callbacks, .checkpoint = r->checkpoint, .identity = p->identity,
        .checkpoint_seconds = p->checkpoint_seconds, .checkpoint_rarely = r->one_of_many,
        .unfreeze = p->unfreeze);
    report->first_epoch = r->diary.first_epoch;
    if (r->diary.begun) report->epochs = r->diary.epochs;
    report->steps = r->diary.steps;
    report->reached = r->diary.reached;
    report->stopped = status == RONDO_E_STOPPED;
    if (status == RONDO_E_NAN) return note_divergence(r, recipe);
    RONDO_TRY(status);
    RONDO_TRY(threshold_choose(p->pipeline, p, p->threshold));
    RONDO_TRY(rondo_save(m, r->model_file));
    RONDO_TRY(choose_best_threshold(r));
    report->guarded = replay_stopped(r->replay);
    RONDO_TRY(save_base(r));
    RONDO_TRY(exchange_after(&r->exchange, p, r->folder));
    report->exchange = r->exchange;
    RONDO_TRY(plan_judge(p, r->folder, r->diary.result));
    return write_down(r, recipe, "finished");
}

static rondo_status go(run *r, const rondo_recipe *recipe, const rondo_callback *callbacks,
                       int n_callbacks,
                       void (*started)(const rondo_run_report *, const rondo_model *, void *),
                       void *user, rondo_run_report *report)
{
    RONDO_TRY(plan_make(&r->plan, recipe));
    RONDO_TRY(prepare(r, recipe));
    RONDO_TRY(folder_claim(&r->folder, &r->lock, &r->before, &r->plan, recipe));
    r->over = recipe_flag(recipe, "fresh") && r->before.json;
    if (r->over) manifest_free(&r->before);
    r->model_file = file_join(r->folder, "model.safetensors");
    r->checkpoint = file_join(r->folder, "last.safetensors");
    if (!r->model_file || !r->checkpoint) return RONDO_E_NOMEM;
    const bool done = r->before.finished && r->before.epochs >= r->plan.epochs &&
                      file_exists(r->model_file);
    if (!done) RONDO_TRY(exchange_before(&r->exchange, &r->plan, recipe));
    fill_report(report, r);
    report->already_done = done;
    if (done) {
        const json_t *story = json_object_get(r->before.json, "training");
        report->first_epoch = report->epochs = json_integer_value(json_object_get(story, "epochs"));
        report->steps = json_integer_value(json_object_get(story, "steps"));
        report->reached = json_is_true(json_object_get(story, "reached"));
        return RONDO_OK;
    }
    report->resumed = !r->over && file_exists(r->checkpoint);
    RONDO_TRY(add_callbacks(r, recipe));
    RONDO_TRY(add_callers(r, callbacks, n_callbacks));
    if (started) started(report, r->plan.pipeline->model, user);
    return train(r, recipe, report);
}

/* A batch all the way to its loss: whether labels fit is the loss's to say. */
static rondo_status try_batch(const plan *p)
{
    training *t;
    tour w;
    const batch *b;
    feed feeds[MAX_FIELDS];
    rondo_pipeline *line = p->pipeline;
    if (p->bptt) RONDO_TRY(rondo_fail_in(model_can_stream(line->model), "bptt"));
    RONDO_TRY(training_of(&t, line->model, "run_check"));
    tour_open(&w, t->pass);
    tour_begin(&w, p->train, p->batch, t->scale_in, t->scale_out);
    rondo_status status = tour_next(&w, &b);
    if (!status) status = pass_forward(t->pass, batch_feeds(b, feeds), feeds);
    if (!status) status = comparison_fill(&t->comparison, &t->objective, t->pass, b);
    tour_close(&w);
    return status;
}

/* A score's names: of training, "val_…" of validation data, "test_…" of each test data. */
static rondo_status name_scores(json_t *names, const plan *p)
{
    const rondo_model *m = p->pipeline->model;
    if (!names) return RONDO_E_NOMEM;
    for (int i = 0; i < rondo_score_count(m); i++) {
        const char *score = rondo_score_name(m, i);
        for (int k = p->validation ? -2 : -1; k < p->n_tests; k++) {
            char *name = k == -1 ? alloc_text(score)
                                 : alloc_format("%s_%s", k < 0 ? "val" : p->tests[k].name, score);
            const rondo_status status = name ? json_put(names, name, json_null()) : RONDO_E_NOMEM;
            alloc_free(name);
            RONDO_TRY(status);
        }
    }
    return RONDO_OK;
}

static rondo_status look_out(run_outlook *o, const plan *p)
{
    text_put(&o->warnings, p->warnings.data ? p->warnings.data : "", p->warnings.size);
    RONDO_TRY(o->warnings.status);
    o->scores = json_object();
    return name_scores(o->scores, p);
}

void run_outlook_free(run_outlook *o)
{
    text_free(&o->warnings);
    json_decref(o->scores);
    *o = (run_outlook){ 0 };
}

rondo_status run_check(const rondo_recipe *recipe, run_outlook *outlook)
{
    run r = { .lock = -1 };
    rondo_status status = plan_make(&r.plan, recipe);
    if (!status) status = prepare(&r, recipe);
    if (!status) status = try_batch(&r.plan);
    if (!status) status = add_given(&r, rondo_recipe_get(recipe, "callbacks"));
    if (!status) status = look_out(outlook, &r.plan);
    if (!status) status = replay_scores(r.replay, outlook->scores);
    for (int i = 0; i < r.n_own; i++) rondo_callback_free(&r.callbacks[i]);
    replay_close(r.replay);
    plan_free(&r.plan);
    return status;
}

rondo_status run_train(const rondo_recipe *recipe, bool one_of_many,
                       const rondo_callback *callbacks, int n_callbacks,
                       void (*started)(const rondo_run_report *, const rondo_model *, void *),
                       void *user, rondo_run_report *report)
{
    run r = { .lock = -1, .one_of_many = one_of_many };
    rondo_run_report unread;
    if (!report) report = &unread;
    *report = (rondo_run_report){ .task = "", .notes = "", .warnings = "" };
    rondo_status status = go(&r, recipe, callbacks, n_callbacks, started, user, report);
    for (int i = 0; i < r.n_own; i++) rondo_callback_free(&r.callbacks[i]);
    replay_close(r.replay);
    json_decref(r.diary.result);
    json_decref(r.diary.training);
    free(r.diary.saved);
    if (r.over) {
        const rondo_status settled = folder_settle(r.folder);
        if (!status) status = settled;
    }
    folder_release(r.lock);
    manifest_free(&r.before);
    alloc_free(r.folder);
    alloc_free(r.model_file);
    alloc_free(r.checkpoint);
    plan_free(&r.plan);
    report->notes = report->warnings = "";
    return status;
}

rondo_status rondo_run_train(const rondo_recipe *recipe, const rondo_callback *callbacks,
                             int n_callbacks,
                             void (*started)(const rondo_run_report *, const rondo_model *, void *),
                             void *user, rondo_run_report *report)
{
    return run_train(recipe, false, callbacks, n_callbacks, started, user, report);
}
