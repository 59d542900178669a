/* run - a plan trained into a folder.  Killed at any moment, the same call goes on from the last
 * checkpoint and ends in the same bits as one that was never stopped. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { MAX_CALLBACKS = 24 };

/* What the run's own callback writes down while training. */
typedef struct diary {
    int64_t first_epoch, epochs, steps;
    bool begun, reached;
    const condition *until; /* NULL: none */
    json_t *result;         /* the last epoch's scores */
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
    bool over; /* the old run was put aside */
} run;

static rondo_status write_diary(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    diary *d = user;
    if (!d->begun) d->first_epoch = p->epoch;
    d->begun = true;
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    d->epochs = p->epoch + 1;
    d->steps = m->training->step;
    if (d->until) RONDO_TRY(condition_met(d->until, p, &d->reached));
    for (int i = 0; i < p->n_metrics; i++)
        RONDO_TRY(json_put(d->result, p->metric[i],
                           isfinite(p->value[i]) ? json_real(p->value[i]) : json_null()));
    if (d->until) RONDO_TRY(json_put(d->result, "reached", json_boolean(d->reached)));
    return json_put(d->result, "steps", json_integer(d->steps));
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
    RONDO_TRY(add_file_callback(r, "tensorboard", "", ""));
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
    return add_given(r, rondo_recipe_get(recipe, "callbacks"));
}

static rondo_status add_callers(run *r, const rondo_callback *theirs, int n)
{
    if (r->n_own + n + 1 > MAX_CALLBACKS)
        return rondo_fail(RONDO_E_LIMIT, "more than %d callbacks", MAX_CALLBACKS);
    r->diary.result = json_object();
    if (!r->diary.result) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    r->callbacks[r->n_callbacks++] = (rondo_callback){ .on = write_diary, .user = &r->diary };
    for (int i = 0; i < n; i++) r->callbacks[r->n_callbacks++] = theirs[i];
    return RONDO_OK;
}

/* ---- One run ---- */
static rondo_status prepare(run *r)
{
    plan *p = &r->plan;
    rondo_pipeline *line = p->pipeline;
    RONDO_TRY(rondo_compile(line->model, .optimizer = p->optimizer, .loss = p->loss,
                            .metrics = p->metrics, .seed = p->seed, .threads = (int)p->threads,
                            .compute = p->compute));
    line->loss = alloc_text(p->loss);
    line->metrics = alloc_text(p->metrics);
    if (!line->loss || !line->metrics) return RONDO_E_NOMEM;
    RONDO_TRY(pipeline_learn(line, p->data, p->reader_spec));
    RONDO_TRY(pipeline_seal(line));
    training_scale(line->model, line->scale_in.n ? &line->scale_in : NULL,
                   line->scale_out.n ? &line->scale_out : NULL);
    return RONDO_OK;
}

static void fill_report(rondo_run_report *report, const run *r)
{
    const plan *p = &r->plan;
    report->epochs = p->epochs;
    report->parameters = rondo_parameter_count(p->pipeline->model, false);
    report->samples = p->train->count;
    report->validation_samples = p->validation ? p->validation->count : 0;
    report->seed = p->seed;
    report->task = p->task->name;
    snprintf(report->output, sizeof report->output, "%s", r->folder);
    memcpy(report->notes, p->notes, sizeof report->notes);
}

static rondo_status train(run *r, const rondo_recipe *recipe, rondo_run_report *report)
{
    const plan *p = &r->plan;
    rondo_model *m = p->pipeline->model;
    if (r->over) RONDO_TRY(folder_start_over(r->folder));
    RONDO_TRY(manifest_write(r->folder, p, recipe, &r->before, "running", NULL));
    rondo_status status = rondo_fit(
        m, p->train, .epochs = p->epochs, .batch_size = p->batch, .bptt = p->bptt,
        .steps_per_epoch = p->steps_per_epoch, .validation = p->validation,
        .callbacks = r->callbacks, .n_callbacks = r->n_callbacks, .checkpoint = r->checkpoint,
        .identity = p->identity, .checkpoint_seconds = p->checkpoint_seconds);
    report->first_epoch = r->diary.first_epoch;
    if (r->diary.begun) report->epochs = r->diary.epochs;
    report->steps = r->diary.steps;
    report->reached = r->diary.reached;
    report->stopped = status == RONDO_E_STOPPED;
    RONDO_TRY(status);
    RONDO_TRY(rondo_save(m, r->model_file));
    return manifest_write(r->folder, p, recipe, &r->before, "finished", r->diary.result);
}

static rondo_status go(run *r, const rondo_recipe *recipe, const rondo_callback *callbacks,
                       int n_callbacks,
                       void (*started)(const rondo_run_report *, const rondo_model *, void *),
                       void *user, rondo_run_report *report)
{
    RONDO_TRY(plan_make(&r->plan, recipe));
    RONDO_TRY(prepare(r));
    RONDO_TRY(folder_claim(&r->folder, &r->lock, &r->before, &r->plan, recipe));
    r->over = recipe_flag(recipe, "fresh") && r->before.json;
    if (r->over) manifest_free(&r->before);
    r->model_file = file_join(r->folder, "model.safetensors");
    r->checkpoint = file_join(r->folder, "last.safetensors");
    if (!r->model_file || !r->checkpoint) return RONDO_E_NOMEM;
    fill_report(report, r);
    report->already_done = r->before.finished && r->before.epochs >= r->plan.epochs &&
                           file_exists(r->model_file);
    if (report->already_done) return RONDO_OK;
    report->resumed = !r->over && file_exists(r->checkpoint);
    RONDO_TRY(add_callbacks(r, recipe));
    RONDO_TRY(add_callers(r, callbacks, n_callbacks));
    if (started) started(report, r->plan.pipeline->model, user);
    return train(r, recipe, report);
}

rondo_status rondo_run_train(const rondo_recipe *recipe, const rondo_callback *callbacks,
                             int n_callbacks,
                             void (*started)(const rondo_run_report *, const rondo_model *, void *),
                             void *user, rondo_run_report *report)
{
    run r = { .lock = -1 };
    rondo_run_report unread;
    if (!report) report = &unread;
    *report = (rondo_run_report){ .task = "" };
    rondo_status status = go(&r, recipe, callbacks, n_callbacks, started, user, report);
    for (int i = 0; i < r.n_own; i++) rondo_callback_free(&r.callbacks[i]);
    json_decref(r.diary.result);
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
    return status;
}
