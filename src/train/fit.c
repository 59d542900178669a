/* Fit: epochs of batches, with validation, callbacks, checkpoints and interrupts around
 * train/step.c. */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* How often somebody interrupted, and up to which time a fit has ended since: several may run at once,
 * and each of them stops. */
static atomic_int asked, answered;

void rondo_interrupt(void)
{
    atomic_fetch_add(&asked, 1);
}

int fit_interrupts(void)
{
    return atomic_load(&asked);
}

typedef struct fit {
    rondo_model *model;
    training *training;
    const rondo_dataset *data;
    rondo_fit_options options;
    fit_position at;
    int64_t batches; /* of an epoch */
    int64_t updates; /* … and what they come to, but for windows at random */
    epoch_order order;
    cuts cuts;      /* of streams: its windows, which are its batches */
    feeder *feeder; /* of its batches */
    evaluation validation;
    char **names; /* of values: scores, then the validation's */
    double *values;
    int n_scores, n_names;
    rondo_progress progress;
    char remark[512]; /* of a callback that gave up */
    double saved;     /* when the last checkpoint was written, in seconds */
    int begun;        /* interrupts that were for fits before */
} fit;

static bool interrupted(const fit *f)
{
    return atomic_load(&asked) != f->begun;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- Setting up ---- */
static rondo_status check_options(const fit *f)
{
    const rondo_fit_options *o = &f->options;
    if (o->epochs < 0 || o->batch_size < 0 || o->bptt < 0 || o->checkpoint_seconds < 0 ||
        o->steps_per_epoch < 0 || o->bucket < 0 || o->unfreeze < 0)
        return rondo_fail(RONDO_E_ARG, "fit: epochs, batch_size, bptt, checkpoint_seconds, "
                                       "steps_per_epoch, bucket and unfreeze cannot be under 0");
    if (o->bucket && (o->no_shuffle || (f->data && f->data->streams)))
        return rondo_fail(RONDO_E_ARG, "fit: bucket sorts samples that are shuffled; these stay in "
                                       "their order");
    if (o->bptt_vary && !(f->data && f->data->streams && o->bptt))
        return rondo_fail(RONDO_E_ARG, "fit: bptt_vary varies the windows of streams, around bptt; "
                                       "these data are none, or bptt is 0");
    if (o->steps_per_epoch && o->no_shuffle)
        return rondo_fail(RONDO_E_ARG, "fit: steps_per_epoch draws an epoch's batches from all the "
                                       "data; with no_shuffle none is drawn");
    if (f->data->count < 1) return rondo_fail(RONDO_E_ARG, "fit: the data has no samples");
    if (f->data->streams && (!o->bptt || o->steps_per_epoch))
        return rondo_fail(RONDO_E_ARG,
                          "fit: streams are trained on in windows, from end to end: say "
                          "bptt, and no steps_per_epoch");
    RONDO_TRY(data_check(f->model, f->data, true));
    if (o->validation)
        RONDO_TRY(rondo_fail_in(data_check(f->model, o->validation, true), "validation"));
    if (o->bptt) RONDO_TRY(rondo_fail_in(model_can_stream(f->model), "bptt"));
    return RONDO_OK;
}

static rondo_status make_names(fit *f)
{
    f->n_scores = rondo_score_count(f->model);
    const rondo_judge *judge = f->options.judge;
    const int known = f->options.validation ? 2 * f->n_scores : f->n_scores;
    f->n_names = known + (judge ? judge->n : 0);
    f->names = alloc_array(f->n_names + 1, sizeof *f->names);
    f->values = alloc_array(f->n_names, sizeof *f->values);
    if (!f->names || !f->values) return RONDO_E_NOMEM;
    for (int i = 0; i < f->n_names; i++) {
        const char *name = rondo_score_name(f->model, i % f->n_scores);
        f->names[i] = i < known ? alloc_format("%s%s", i < f->n_scores ? "" : "val_", name)
                                : alloc_text(judge->names[i - known]);
        if (!f->names[i]) return RONDO_E_NOMEM;
        f->values[i] = NAN;
    }
    return RONDO_OK;
}

/* For the schedule. */
static void note_time(fit *f)
{
    const rondo_fit_options *o = &f->options;
    schedule_time *t = &f->training->optimizer.time;
    t->epochs = (double)o->epochs;
    t->epoch = (double)f->at.epoch + (double)f->at.batch / (double)f->batches;
    t->steps = (double)f->updates * t->epochs;
}

/* An epoch's batches: of streams its windows, else some samples each. */
static rondo_status count_batches(fit *f)
{
    const rondo_fit_options *o = &f->options;
    f->batches = (f->data->count - 1) / o->batch_size + 1;
    if (o->steps_per_epoch && o->steps_per_epoch < f->batches) f->batches = o->steps_per_epoch;
    const int64_t windows = o->bptt ? (dataset_longest(f->data) - 1) / o->bptt + 1 : 1;
    f->updates = f->data->streams ? windows : f->batches * windows;
    if (!f->data->streams) return RONDO_OK;
    RONDO_TRY(cuts_make(&f->cuts, dataset_longest(f->data), o->bptt, o->bptt_vary, f->model->seed,
                        f->at.epoch));
    f->batches = f->cuts.n;
    return RONDO_OK;
}

/* Memory for the largest batch there can be: rows of the longest sample and, so that it is
 * ragged, one of the shortest.  After it no step allocates. */
static rondo_status reserve(fit *f)
{
    training *t = f->training;
    const rondo_dataset *d = f->data;
    const int64_t most = cuts_longest(f->options.bptt, f->options.bptt_vary);
    const int64_t steps = d->streams ? most : ALL_STEPS;
    const int64_t rows = f->options.batch_size < d->count ? f->options.batch_size : d->count;
    int64_t longest = 0, shortest = 0;
    for (int64_t i = 1; i < d->count; i++) {
        const int64_t length = d->length(d, i);
        if (length > d->length(d, longest)) longest = i;
        if (length < d->length(d, shortest)) shortest = i;
    }
    for (int64_t i = 0; i < rows; i++) f->order.item[i] = i ? longest : shortest;
    if (rows == 1) f->order.item[0] = longest;
    const batch *b;
    RONDO_TRY(feeder_open(&f->feeder, d, rows, steps, t->scale_in, t->scale_out));
    feeder_ask(f->feeder, f->order.item, rows, 0, steps);
    RONDO_TRY(feeder_take(f->feeder, &b));
    feed feeds[MAX_FIELDS];
    const int n = batch_feeds(b, feeds);
    for (int i = 0; i < n; i++)
        if (f->options.bptt && b->input[i].sequence && feeds[i].steps > most) feeds[i].steps = most;
    RONDO_TRY(pass_plan(t->pass, n, feeds));
    RONDO_TRY(comparison_reserve(&t->comparison, t->pass));
    if (f->options.bptt) RONDO_TRY(window_reserve(t, rows));
    return f->options.bptt || t->stateful ? carry_reserve(&t->carry, f->model, rows) : RONDO_OK;
}

static rondo_status set_up(fit *f, const rondo_fit_options *given)
{
    rondo_fit_options *o = &f->options;
    if (given) memcpy(o, given, given->size && given->size < sizeof *o ? given->size : sizeof *o);
    if (!o->epochs) o->epochs = 1;
    if (!o->batch_size) o->batch_size = 32;
    RONDO_TRY(training_of(&f->training, f->model, "rondo_fit"));
    if (!f->data) return rondo_fail(RONDO_E_ARG, "rondo_fit: the data is NULL");
    if (f->data->streams) o->batch_size = f->data->count;
    if (f->data->streams) o->no_shuffle = true;
    RONDO_TRY(check_options(f));
    f->training->carries = f->training->stateful || f->data->streams;
    RONDO_TRY(order_new(&f->order, f->data, o));
    RONDO_TRY(make_names(f));
    if (o->validation) RONDO_TRY(evaluation_open(&f->validation, f->model));
    RONDO_TRY(reserve(f));
    scores_reset(&f->training->scores);
    RONDO_TRY(checkpoint_note_model(f->training, f->model));
    if (o->checkpoint && file_exists(o->checkpoint))
        RONDO_TRY(checkpoint_load(o->checkpoint, f->model, f->data, o, &f->at));
    else
        RONDO_TRY(model_thaw(f->model, fit_groups(o, 0)));
    RONDO_TRY(count_batches(f));
    note_time(f);
    if (f->at.done && o->epochs > f->at.epochs) f->at.done = false;
    f->saved = seconds();
    return RONDO_OK;
}

int64_t fit_groups(const rondo_fit_options *o, int64_t epoch)
{
    return o->unfreeze ? 1 + epoch / o->unfreeze : 0;
}

/* What rested trains again; a failure sticks to the model. */
static void tear_down(fit *f)
{
    if (f->training) (void)model_thaw(f->model, 0);
    feeder_close(f->feeder);
    if (f->validation.model) evaluation_close(&f->validation);
    text_list_free(f->names);
    alloc_free(f->values);
    order_free(&f->order);
    cuts_free(&f->cuts);
}

/* ---- Running ---- */
static rondo_status notify(fit *f, rondo_event event, int n_metrics)
{
    f->progress = (rondo_progress){
        .epoch = f->at.epoch,
        .epochs = f->options.epochs,
        .batch = f->at.batch,
        .batches = f->batches,
        .samples = f->at.samples,
        .n_metrics = n_metrics,
        .metric = (const char *const *)f->names,
        .value = f->values,
        .stop = f->progress.stop,
    };
    for (int i = 0; i < f->options.n_callbacks; i++) {
        const rondo_callback *c = &f->options.callbacks[i];
        bool gave_up;
        RONDO_TRY(callback_call(c, event, f->model, &f->progress, &gave_up));
        if (!gave_up) continue;
        text_fit(f->remark, sizeof f->remark, rondo_error());
        f->progress.remark = f->remark;
    }
    return RONDO_OK;
}

static rondo_status save(fit *f)
{
    f->saved = seconds();
    if (!f->options.checkpoint) return RONDO_OK;
    return checkpoint_save(f->options.checkpoint, f->model, f->data, &f->options, &f->at);
}

static rondo_status stop_interrupted(fit *f)
{
    return rondo_fail(RONDO_E_STOPPED,
                      "interrupted in epoch %lld, after %lld of %lld batches; %s%s",
                      (long long)f->at.epoch + 1, (long long)f->at.batch, (long long)f->batches,
                      f->options.checkpoint ? "run it again to go on from " : "nothing was saved",
                      f->options.checkpoint ? f->options.checkpoint : "");
}

static void shuffle(fit *f)
{
    if (f->options.no_shuffle || f->data->streams)
        order_keep(&f->order);
    else
        order_draw(&f->order, f->model->seed, f->at.epoch);
}

/* For batch i of this epoch; what comes in the next is not known before it is shuffled. */
static void ask(fit *f, int64_t i)
{
    const int64_t size = f->options.batch_size, left = f->data->count - i * size;
    if (i >= f->batches) return;
    if (f->data->streams)
        feeder_ask(f->feeder, f->order.item, size, f->cuts.at[i],
                   f->cuts.at[i + 1] - f->cuts.at[i]);
    else
        feeder_ask(f->feeder, f->order.item + i * size, left < size ? left : size, 0, ALL_STEPS);
}

/* A window's rate is in proportion to its length, where lengths vary: as many steps, as much. */
static rondo_status train(fit *f, const batch *b, double *mean)
{
    if (!f->data->streams) return train_windows(f->model, b, f->options.bptt, mean);
    double *share = &f->training->optimizer.share;
    if (f->options.bptt_vary) *share = (double)b->input[0].steps / (double)f->options.bptt;
    const rondo_status status = train_stream(f->model, b, mean);
    *share = 1;
    return status;
}

static rondo_status train_batch(fit *f)
{
    training *t = f->training;
    const batch *b;
    double mean;
    RONDO_TRY(feeder_take(f->feeder, &b));
    const int64_t samples = f->data->streams ? b->rows * b->input[0].steps : b->rows;
    ask(f, f->at.batch + 1);
    RONDO_TRY(train(f, b, &mean));
    f->at.batch++;
    f->at.samples += samples;
    note_time(f);
    scores_result(&t->scores, f->values);
    RONDO_TRY(notify(f, RONDO_BATCH_END, f->n_scores));
    if (isfinite(mean) || f->progress.stop) return RONDO_OK;
    return rondo_fail(RONDO_E_NAN,
                      "the loss is %s in epoch %lld, batch %lld; a lower learning rate or "
                      "clipnorm=1 may help",
                      isnan(mean) ? "not a number" : "infinite", (long long)f->at.epoch + 1,
                      (long long)f->at.batch);
}

static rondo_status train_epoch(fit *f)
{
    if (f->at.batch == 0) scores_reset(&f->training->scores);
    if (f->at.batch == 0 && f->data->streams) f->training->carry.rows = 0;
    RONDO_TRY(count_batches(f));
    note_time(f);
    shuffle(f);
    ask(f, f->at.batch);
    while (f->at.batch < f->batches && !f->progress.stop) {
        RONDO_TRY(train_batch(f));
        if (interrupted(f)) {
            RONDO_TRY(save(f));
            return stop_interrupted(f);
        }
        if (f->options.checkpoint_seconds > 0 &&
            seconds() - f->saved >= f->options.checkpoint_seconds)
            RONDO_TRY(save(f));
    }
    return RONDO_OK;
}

static bool finished(const fit *f)
{
    return f->at.done || f->progress.stop || f->at.epoch >= f->options.epochs;
}

/* Validation, and who is told of it, see averaged weights; training goes on from the others. */
static void swap_average(fit *f)
{
    rondo_model *m = f->model;
    if (!average_begun(&f->training->optimizer)) return;
    average_swap(&f->training->optimizer, m->weights, m->params, m->n_params);
    model_weights_trained(m);
}

static rondo_status judge_epoch(fit *f)
{
    scores_result(&f->training->scores, f->values);
    if (f->options.validation) {
        RONDO_TRY(rondo_fail_in(
            evaluation_run(&f->validation, f->options.validation, f->options.batch_size),
            "validation"));
        scores_result(&f->validation.scores, f->values + f->n_scores);
    }
    if (f->options.judge)
        RONDO_TRY(f->options.judge->judge(f->model, f->values + f->n_names - f->options.judge->n,
                                          f->options.judge->user));
    return notify(f, RONDO_EPOCH_END, f->n_names);
}

static rondo_status end_epoch(fit *f)
{
    swap_average(f);
    const rondo_status status = judge_epoch(f);
    swap_average(f);
    RONDO_TRY(status);
    average_note(&f->training->optimizer, f->values[f->options.validation ? f->n_scores : 0]);
    f->at.epoch++;
    f->at.batch = f->at.samples = 0;
    RONDO_TRY(model_thaw(f->model, fit_groups(&f->options, f->at.epoch)));
    f->at.done = f->progress.stop;
    f->at.epochs = f->options.epochs;
    const bool rarely = f->options.checkpoint_rarely && !finished(f);
    return rarely && seconds() - f->saved < f->options.checkpoint_seconds ? RONDO_OK : save(f);
}

static rondo_status run(fit *f)
{
    RONDO_TRY(notify(f, RONDO_FIT_BEGIN, f->n_names));
    while (!finished(f)) {
        RONDO_TRY(train_epoch(f));
        RONDO_TRY(end_epoch(f));
        if (!interrupted(f) || finished(f)) continue;
        if (f->options.checkpoint_rarely) RONDO_TRY(save(f));
        return stop_interrupted(f);
    }
    average_take(&f->training->optimizer, f->model->weights, f->model->params, f->model->n_params);
    model_weights_trained(f->model);
    return notify(f, RONDO_FIT_END, f->n_names);
}

rondo_status rondo_fit_with(rondo_model *m, const rondo_dataset *data,
                            const rondo_fit_options *given)
{
    fit f = { .model = m, .data = data, .begun = atomic_load(&answered) };
    rondo_status status = set_up(&f, given);
    if (!status) {
        m->fitting = true;
        status = run(&f);
        m->fitting = false;
    }
    atomic_store(&answered, atomic_load(&asked)); /* what came during this fit was for it */
    tear_down(&f);
    return status;
}
