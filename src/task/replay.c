/* replay - what was learnt before is not forgotten: the base stays beside the model that is made of it.
 * Both have one body, the layers that were taken over, and a head each. Between steps of the new task
 * come steps of the base on its own data (Robins 1995, "rehearsal"), and after each epoch the base is
 * judged with the body as it is now. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { WINDOW = 64 }; /* steps of streams, where the recipe says no bptt */

/* ---- One body ---- */
typedef struct pair { /* the same weights in both models */
    const param *base, *model;
} pair;

struct replay {
    rondo_pipeline *base; /* borrowed; compiled */
    rondo_model *model;   /* borrowed */
    pair *pairs;
    int n_pairs;
    rondo_dataset *data, *judged; /* NULL: none */
    int64_t rows, bptt;
    double share, owed; /* steps of the base for each of the model; that are due */
    double guard;       /* by what part the base's loss may rise; 0: any */
    int64_t turn, at;   /* how often all data came; batches or windows of this time */
    int64_t *order;     /* [data->count] */
    cuts cuts;
    batch batch;
    evaluation evaluation;
    char **names; /* "base_loss", "base_perplexity" … */
    double *before;
    rondo_judge judge;
    bool stopped;
    unsigned char *saved; /* what the last save gave */
};

static rondo_status find_pairs(replay *r, int layers)
{
    const rondo_model *m = r->model;
    r->pairs = alloc_array(m->n_params + 1, sizeof *r->pairs);
    if (!r->pairs) return RONDO_E_NOMEM;
    for (int i = 0; i < m->n_params; i++) {
        const param *p = m->params[i];
        if (!graft_is_of(m, p, layers)) continue;
        const param *theirs = model_param(r->base->model, rondo_weight_name(m, i));
        if (!theirs || shape_size(&theirs->shape) != shape_size(&p->shape))
            return rondo_fail(RONDO_E_ARG,
                              "the base has no weight %s of this size: a base that is replayed or "
                              "judged keeps its functions' parameters",
                              rondo_weight_name(m, i));
        r->pairs[r->n_pairs++] = (pair){ theirs, p };
    }
    return RONDO_OK;
}

static void copy_body(const replay *r, bool to_base)
{
    rondo_model *base = r->base->model, *m = r->model;
    for (int i = 0; i < r->n_pairs; i++) {
        const pair *p = &r->pairs[i];
        real *theirs = base->weights + p->base->offset, *ours = m->weights + p->model->offset;
        memcpy(to_base ? theirs : ours, to_base ? ours : theirs,
               (size_t)shape_size(&p->base->shape) * sizeof *ours);
    }
    model_weights_changed(to_base ? base : m);
}

/* The base's next steps are as the model's next one: what of the body trains, and at which rate. */
static rondo_status follow_model(const replay *r)
{
    bool changed = false;
    for (int i = 0; i < r->n_pairs; i++) {
        param *theirs = (param *)r->pairs[i].base;
        const param *ours = r->pairs[i].model;
        changed |= theirs->trainable != ours->trainable || theirs->rests != ours->rests;
        theirs->trainable = ours->trainable;
        theirs->rests = ours->rests;
        theirs->rate = ours->rate;
    }
    r->base->model->training->optimizer.learning_rate = optimizer_rate(
        &r->model->training->optimizer);
    return changed ? model_follow(r->base->model) : RONDO_OK;
}

/* ---- Steps of the base ---- */
static rondo_status begin_turn(replay *r)
{
    const rondo_model *base = r->base->model;
    const rondo_dataset *d = r->data;
    r->at = 0;
    for (int64_t i = 0; i < d->count; i++) r->order[i] = i;
    if (d->streams) {
        base->training->carry.rows = 0;
        return cuts_make(&r->cuts, dataset_longest(d), r->bptt, false, r->model->seed, r->turn);
    }
    rng draw = rng_new(r->model->seed, rng_stream(RNG_REPLAY, (uint32_t)r->turn));
    rng_shuffle(&draw, r->order, d->count);
    return RONDO_OK;
}

static int64_t steps_of_turn(const replay *r)
{
    return r->data->streams ? r->cuts.n : (r->data->count - 1) / r->rows + 1;
}

static rondo_status step(replay *r)
{
    rondo_model *base = r->base->model;
    training *t = base->training;
    const rondo_dataset *d = r->data;
    double mean;
    if (r->at >= steps_of_turn(r)) {
        r->turn++;
        RONDO_TRY(begin_turn(r));
    }
    const int64_t i = r->at++;
    if (d->streams) {
        const int64_t first = r->cuts.at[i], n = r->cuts.at[i + 1] - first;
        RONDO_TRY(batch_gather_steps(&r->batch, d, r->order, d->count, first, n, t->scale_in,
                                     t->scale_out));
        RONDO_TRY(train_stream(base, &r->batch, &mean));
    } else {
        const int64_t left = d->count - i * r->rows, n = left < r->rows ? left : r->rows;
        RONDO_TRY(batch_gather(&r->batch, d, r->order + i * r->rows, n, t->scale_in, t->scale_out));
        RONDO_TRY(train_windows(base, &r->batch, 0, &mean));
    }
    if (isfinite(mean)) return RONDO_OK;
    return rondo_fail(RONDO_E_NAN, "the loss of the base is %s; a lower learning rate may help",
                      isnan(mean) ? "not a number" : "infinite");
}

static rondo_status take_turns(replay *r)
{
    if (!r->data) return RONDO_OK;
    r->owed += r->share;
    if (r->owed < 1) return RONDO_OK;
    RONDO_TRY(follow_model(r));
    copy_body(r, true);
    for (; r->owed >= 1; r->owed -= 1) RONDO_TRY(step(r));
    copy_body(r, false);
    return RONDO_OK;
}

/* ---- Judging the base ---- */
static rondo_status judge_base(replay *r, double *values)
{
    RONDO_TRY(evaluation_run(&r->evaluation, r->judged, r->rows));
    scores_result(&r->evaluation.scores, values);
    return RONDO_OK;
}

static rondo_status judge(rondo_model *m, double *values, void *user)
{
    replay *r = user;
    (void)m;
    copy_body(r, true);
    return rondo_fail_in(judge_base(r, values), "the base");
}

static rondo_status open_judge(replay *r)
{
    const rondo_model *base = r->base->model;
    const int n = rondo_score_count(base);
    if (!r->judged) return RONDO_OK;
    RONDO_TRY(evaluation_open(&r->evaluation, base));
    r->names = alloc_array(n + 1, sizeof *r->names);
    r->before = alloc_array(n, sizeof *r->before);
    if (!r->names || !r->before) return RONDO_E_NOMEM;
    for (int i = 0; i < n; i++)
        if (!(r->names[i] = alloc_format("base_%s", rondo_score_name(base, i))))
            return RONDO_E_NOMEM;
    r->judge = (rondo_judge){ n, (const char *const *)r->names, judge, r };
    return judge_base(r, r->before);
}

const rondo_judge *replay_judge(const replay *r)
{
    return r && r->judged ? &r->judge : NULL;
}

rondo_status replay_scores(const replay *r, json_t *object)
{
    for (int i = 0; r && i < r->judge.n; i++)
        RONDO_TRY(json_put(object, r->names[i], json_real(r->before[i])));
    return RONDO_OK;
}

rondo_status replay_note(const replay *r, text_buffer *notes)
{
    for (int i = 0; r && i < r->judge.n; i++)
        text_add(notes, "%s%s %.4g%s", i ? ", " : "the base before: ", r->names[i], r->before[i],
                 i + 1 < r->judge.n ? "" : "\n");
    return notes->status;
}

bool replay_stopped(const replay *r)
{
    return r && r->stopped;
}

static void guard_base(replay *r, rondo_progress *p)
{
    for (int i = 0; r->judged && r->guard > 0 && i < p->n_metrics; i++)
        if (strcmp(p->metric[i], "base_loss") == 0 &&
            !(p->value[i] <= r->before[0] + r->guard * fabs(r->before[0])))
            r->stopped = p->stop = true;
}

/* ---- As a callback ---- */
static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    replay *r = user;
    (void)m;
    if (event == RONDO_BATCH_END) return rondo_fail_in(take_turns(r), "replay");
    if (event == RONDO_EPOCH_END) guard_base(r, p);
    return RONDO_OK;
}

/* What a fit must find again: where the base's data stand, and the base itself with its optimizer. */
typedef struct position {
    int64_t turn, at, iterations, step, slots, carry_rows;
    double owed, learning_rate;
    bool stopped;
} position;

/* What has no bytes may have no place either: memcpy would not have that. */
static size_t place(unsigned char *to, size_t at, const void *from, size_t n)
{
    if (to && n) memcpy(to + at, from, n);
    return at + n;
}

/* Into `to`, or only how many bytes they are. */
static size_t write_down(const replay *r, unsigned char *to)
{
    const rondo_model *base = r->base->model;
    const training *t = base->training;
    const optimizer *o = &t->optimizer;
    position p;
    memset(&p, 0, sizeof p);
    p = (position){ r->turn,       r->at,   o->iterations,    t->step,   o->n,
                    t->carry.rows, r->owed, o->learning_rate, r->stopped };
    size_t n = place(to, 0, &p, sizeof p);
    n = place(to, n, base->weights, (size_t)base->n_weights * sizeof(real));
    for (int i = 0; i < o->n_slots; i++) n = place(to, n, o->slots[i], (size_t)o->n * sizeof(real));
    return place(to, n, t->carry.state, (size_t)(t->carry.rows * base->state_size) * sizeof(real));
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    replay *r = user;
    *n = write_down(r, NULL);
    alloc_free(r->saved);
    r->saved = alloc_new(*n);
    if (!r->saved) return RONDO_E_NOMEM;
    write_down(r, r->saved);
    *bytes = r->saved;
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    replay *r = user;
    rondo_model *base = r->base->model;
    training *t = base->training;
    optimizer *o = &t->optimizer;
    position p;
    if (n < sizeof p) return rondo_fail(RONDO_E_FORMAT, "replay: its state is cut off");
    memcpy(&p, bytes, sizeof p);
    RONDO_TRY(follow_model(r));
    if (p.carry_rows < 0 || p.carry_rows > (int64_t)(n / sizeof(real)))
        return rondo_fail(RONDO_E_FORMAT, "replay: its state is damaged");
    RONDO_TRY(carry_reserve(&t->carry, base, p.carry_rows));
    t->carry.rows = p.carry_rows;
    if (p.slots != o->n || write_down(r, NULL) != n)
        return rondo_fail(RONDO_E_FORMAT, "replay: its state is of another base");
    const unsigned char *at = (const unsigned char *)bytes + sizeof p;
    const size_t weights = (size_t)base->n_weights * sizeof(real);
    memcpy(base->weights, at, weights);
    at += weights;
    for (int i = 0; i < o->n_slots; i++, at += (size_t)o->n * sizeof(real))
        memcpy(o->slots[i], at, (size_t)o->n * sizeof(real));
    const size_t carried = (size_t)(p.carry_rows * base->state_size) * sizeof(real);
    if (carried) memcpy(t->carry.state, at, carried);
    model_weights_changed(base);
    o->iterations = p.iterations;
    o->learning_rate = p.learning_rate;
    t->step = p.step;
    r->turn = p.turn;
    if (r->data) RONDO_TRY(begin_turn(r));
    t->carry.rows = p.carry_rows;
    r->at = p.at;
    r->owed = p.owed;
    r->stopped = p.stopped;
    return RONDO_OK;
}

rondo_callback replay_callback(replay *r)
{
    return (rondo_callback){ .on = on, .save = save, .load = load, .user = r };
}

/* ---- Opening ---- */
/* The base's own data, as it was trained on them. */
static rondo_status open_data(rondo_dataset **data, const replay *r, const char *path, bool trains)
{
    *data = NULL;
    rondo_recipe *recipe = rondo_recipe_new();
    rondo_status status = recipe ? rondo_recipe_set(recipe, "eval", "data", path) : RONDO_E_NOMEM;
    const corpus_cut streams = { .training = trains, .rows = r->rows, .bptt = r->bptt };
    if (!status) status = pipeline_open_data(r->base, data, recipe, true, &streams);
    rondo_recipe_free(recipe);
    return status;
}

static rondo_status compile_base(const replay *r, const plan *p)
{
    rondo_pipeline *base = r->base;
    if (!base->loss)
        return rondo_fail(RONDO_E_ARG, "the base does not say by which loss it was trained, so it "
                                       "can be neither replayed nor judged");
    RONDO_TRY(rondo_compile(base->model, .optimizer = p->optimizer, .loss = base->loss,
                            .metrics = base->metrics, .seed = p->seed, .threads = (int)p->threads,
                            .compute = p->compute));
    optimizer *o = &base->model->training->optimizer;
    RONDO_TRY(schedule_parse(&o->schedule, &o->schedule_options, NULL)); /* follow_model's */
    training_scale(base->model, base->scale_in.n ? &base->scale_in : NULL,
                   base->scale_out.n ? &base->scale_out : NULL);
    return RONDO_OK;
}

static rondo_status open_all(replay *r, const plan *p, const rondo_recipe *recipe, int layers)
{
    const char *again = rondo_recipe_get(recipe, "replay");
    const char *judged = rondo_recipe_get(recipe, "base_data");
    RONDO_TRY(recipe_real(recipe, "replay_share", 0.25, &r->share));
    RONDO_TRY(recipe_real(recipe, "guard", 0, &r->guard));
    if (!(r->share > 0 && r->share <= 64))
        return rondo_fail(RONDO_E_ARG,
                          "replay_share is %g, expected steps of the base for each of "
                          "the new task, over 0 and up to 64",
                          r->share);
    RONDO_TRY(recipe_put_adapters(r->base->model, recipe, true));
    RONDO_TRY(compile_base(r, p));
    RONDO_TRY(find_pairs(r, layers));
    if (again) RONDO_TRY(rondo_fail_in(open_data(&r->data, r, again, true), "replay"));
    if (judged) RONDO_TRY(rondo_fail_in(open_data(&r->judged, r, judged, false), "base_data"));
    if (r->data) {
        r->order = alloc_array(r->data->count, sizeof *r->order);
        if (!r->order) return RONDO_E_NOMEM;
        r->base->model->training->carries = r->data->streams;
        RONDO_TRY(begin_turn(r));
    }
    return open_judge(r);
}

rondo_status replay_open(replay **out, const plan *p, const rondo_recipe *recipe, int layers)
{
    const char *judged = rondo_recipe_get(recipe, "base_data");
    *out = NULL;
    if (rondo_recipe_get(recipe, "guard") && !judged)
        return rondo_fail(RONDO_E_ARG, "guard watches the base's loss: say --base-data FILE, too");
    if (rondo_recipe_get(recipe, "replay_share") && !rondo_recipe_get(recipe, "replay"))
        return rondo_fail(RONDO_E_ARG, "replay_share is how often the base is replayed: say "
                                       "--replay FILE, too");
    if (!rondo_recipe_get(recipe, "replay") && !judged) return RONDO_OK;
    if (!transfer_same_tokens(&p->transfer, p->pipeline))
        return rondo_fail(RONDO_E_ARG, "a base that is replayed or judged keeps its vocabulary: "
                                       "leave --tokenizer out, or --replay and --base-data");
    replay *r = alloc_new(sizeof *r);
    if (!r) return RONDO_E_NOMEM;
    r->base = p->transfer.base;
    r->model = p->pipeline->model;
    r->rows = p->batch;
    r->bptt = p->bptt ? p->bptt : WINDOW;
    const rondo_status status = open_all(r, p, recipe, layers);
    if (status)
        replay_close(r);
    else
        *out = r;
    return status;
}

rondo_status replay_identify(const replay *r, char **identity)
{
    if (!r || !r->data) return RONDO_OK;
    char *longer = alloc_format("%s\nreplayed data %016llx", *identity,
                                (unsigned long long)r->data->digest);
    if (!longer) return RONDO_E_NOMEM;
    alloc_free(*identity);
    *identity = longer;
    return RONDO_OK;
}

rondo_status replay_save(const replay *r, const char *path)
{
    copy_body(r, true);
    return rondo_save(r->base->model, path);
}

void replay_close(replay *r)
{
    if (!r) return;
    if (r->evaluation.model) evaluation_close(&r->evaluation);
    rondo_dataset_free(r->data);
    rondo_dataset_free(r->judged);
    batch_free(&r->batch);
    cuts_free(&r->cuts);
    text_list_free(r->names);
    alloc_free(r->before);
    alloc_free(r->pairs);
    alloc_free(r->order);
    alloc_free(r->saved);
    alloc_free(r);
}
