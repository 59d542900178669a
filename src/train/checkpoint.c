/* Checkpoints: a native model file with, beside the model, everything that training would need
 * to go on exactly.
 *
 * Metadata "checkpoint" (JSON): "run", texts that must agree for the file to fit a run;
 * "position", integers. Tensors: "state.slot.0"… of the optimizer, "state.numbers" (the optimizer's,
 * then the scores' sums), "state.carry" (states), "state.callback.0"… (their bytes, without those that watch). */
#include "train/train.h"
#include <string.h>

enum { MAX_EXTRAS = 64, PREFIX = 32 };
#define SLOT     "state.slot.%d"
#define CALLBACK "state.callback.%d"

/* ---- What must agree ---- */
static rondo_status put_number(json_t *o, const char *key, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return json_put(o, key, json_string(text));
}

static rondo_status put_digest(json_t *o, const char *key, uint64_t digest)
{
    char text[32];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)digest);
    return json_put(o, key, json_string(text));
}

rondo_status checkpoint_note_model(training *t, const rondo_model *m)
{
    json_t *config;
    char *text;
    RONDO_TRY(model_to_json(m, &config));
    const rondo_status status = json_text(&text, config);
    json_decref(config);
    if (status) return status;
    sha256_text(t->begun_with, text, strlen(text));
    alloc_free(text);
    return RONDO_OK;
}

/* The first `end` of them, without those that watch: these may come and go, wherever they stand. */
static int count_callbacks(const rondo_fit_options *o, int end)
{
    int n = 0;
    for (int i = 0; i < end; i++) n += !callback_watches(&o->callbacks[i]);
    return n;
}

/* Of weights that do not learn at the optimizer's. */
static rondo_status describe_rates(json_t *run, const rondo_model *m)
{
    char number[32];
    text_buffer rates = { 0 };
    for (int i = 0; i < m->n_params; i++) {
        if (m->params[i]->rate == 1) continue;
        number_text(number, m->params[i]->rate);
        text_add(&rates, "%s%s=%s", rates.size ? " " : "", rondo_weight_name(m, i), number);
    }
    rondo_status status = rates.status;
    if (!status && rates.size) status = json_put(run, "rates of weights", json_string(rates.data));
    text_free(&rates);
    return status;
}

static rondo_status describe_run(json_t *run, const rondo_model *m, const rondo_dataset *data,
                                 const rondo_fit_options *o)
{
    const training *t = m->training;
    RONDO_TRY(json_put(run, "model", json_string(t->begun_with)));
    RONDO_TRY(json_put(run, "precision", json_string(sizeof(real) == 4 ? "float" : "double")));
    RONDO_TRY(json_put(run, "optimizer", json_string(t->optimizer_spec)));
    RONDO_TRY(json_put(run, "loss", json_string(t->loss_spec)));
    RONDO_TRY(json_put(run, "metrics", json_string(t->metric_spec)));
    if (schedule_spans_run(t->optimizer.schedule, &t->optimizer.schedule_options))
        RONDO_TRY(put_number(run, "number of epochs, which its schedule spans,", o->epochs));
    if (o->unfreeze) RONDO_TRY(put_number(run, "epochs to thaw a layer", o->unfreeze));
    RONDO_TRY(describe_rates(run, m));
    RONDO_TRY(put_digest(run, "seed", m->seed));
    RONDO_TRY(json_put(run, "compute", json_string(linear_compute_name(m->compute))));
    RONDO_TRY(put_number(run, "batch size", o->batch_size));
    RONDO_TRY(o->bptt_vary ? json_put(run, "bptt", json_sprintf("%lld, varied", (long long)o->bptt))
                           : put_number(run, "bptt", o->bptt));
    RONDO_TRY(json_put(run, "shuffling",
                       o->steps_per_epoch
                           ? json_sprintf("%lld batches an epoch", (long long)o->steps_per_epoch)
                           : json_string(o->no_shuffle ? "off" : "on")));
    if (o->bucket) RONDO_TRY(put_number(run, "bucket", o->bucket));
    RONDO_TRY(put_number(run, "number of samples", data->count));
    RONDO_TRY(put_digest(run, "data (its digest)", data->digest));
    RONDO_TRY(put_number(run, "number of callbacks", count_callbacks(o, o->n_callbacks)));
    return json_put(run, "identity", json_string(o->identity ? o->identity : ""));
}

static rondo_status compare_keys(const char *path, json_t *keys, const json_t *saved,
                                 const json_t *now)
{
    const char *key;
    json_t *each;
    json_object_foreach (keys, key, each) {
        const char *was = json_string_value(json_object_get(saved, key));
        const char *is = json_string_value(json_object_get(now, key));
        if (!was || !is || strcmp(was, is) != 0)
            return rondo_fail(RONDO_E_MISMATCH,
                              "%s is the checkpoint of another run: its %s was %s, now it is %s; "
                              "name another file, or delete it to start over",
                              path, key, was ? was : "not given", is && *is ? is : "not given");
    }
    return RONDO_OK;
}

static rondo_status compare_runs(const char *path, json_t *saved, json_t *now)
{
    RONDO_TRY(compare_keys(path, now, saved, now));
    return compare_keys(path, saved, saved, now);
}

/* ---- Saving ---- */
typedef struct packing {
    tensor tensors[MAX_EXTRAS];
    char names[MAX_EXTRAS][PREFIX];
    int n;
    double *numbers;
    json_t *metadata;
} packing;

static void add(packing *p, const char *name, const char *type, int64_t n, size_t element,
                const void *data)
{
    snprintf(p->names[p->n], PREFIX, "%s", name);
    tensor *t = &p->tensors[p->n];
    *t = (tensor){ p->names[p->n], "", { 1, { n } }, data, (size_t)n * element };
    snprintf(t->type, sizeof t->type, "%s", type);
    p->n++;
}

static const char *real_type(void)
{
    return sizeof(real) == 4 ? "F32" : "F64";
}

static rondo_status add_tensors(packing *p, const rondo_model *m, const rondo_fit_options *o)
{
    const training *t = m->training;
    char name[PREFIX];
    for (int i = 0; i < t->optimizer.n_slots; i++) {
        snprintf(name, sizeof name, SLOT, i);
        add(p, name, real_type(), t->optimizer.n, sizeof(real), t->optimizer.slots[i]);
    }
    const int64_t first = optimizer_numbers(&t->optimizer), n = first + scores_size(&t->scores);
    p->numbers = alloc_array(n, sizeof *p->numbers);
    if (!p->numbers) return RONDO_E_NOMEM;
    optimizer_save(&t->optimizer, p->numbers);
    scores_save(&t->scores, p->numbers + first);
    add(p, "state.numbers", "F64", n, sizeof(double), p->numbers);
    if (t->carries && t->carry.rows)
        add(p, "state.carry", real_type(), m->state_size * t->carry.rows, sizeof(real),
            t->carry.state);
    for (int i = 0; i < o->n_callbacks; i++) {
        const void *bytes;
        size_t size;
        if (!o->callbacks[i].save || callback_watches(&o->callbacks[i])) continue;
        if (p->n == MAX_EXTRAS)
            return rondo_fail(RONDO_E_LIMIT, "a checkpoint keeps the state of at most %d callbacks",
                              MAX_EXTRAS - 5);
        RONDO_TRY(o->callbacks[i].save(o->callbacks[i].user, &bytes, &size));
        snprintf(name, sizeof name, CALLBACK, count_callbacks(o, i));
        add(p, name, "U8", (int64_t)size, 1, bytes);
    }
    return RONDO_OK;
}

static rondo_status put_position(json_t *o, const training *t, const fit_position *at)
{
    RONDO_TRY(json_put(o, "epoch", json_integer(at->epoch)));
    RONDO_TRY(json_put(o, "batch", json_integer(at->batch)));
    RONDO_TRY(json_put(o, "samples", json_integer(at->samples)));
    RONDO_TRY(json_put(o, "done", json_integer(at->done)));
    RONDO_TRY(json_put(o, "epochs", json_integer(at->epochs)));
    RONDO_TRY(json_put(o, "iterations", json_integer(t->optimizer.iterations)));
    RONDO_TRY(json_put(o, "step", json_integer(t->step)));
    return json_put(o, "carry_rows", json_integer(t->carries ? t->carry.rows : 0));
}

static rondo_status make_metadata(packing *p, const rondo_model *m, const rondo_dataset *data,
                                  const rondo_fit_options *o, const fit_position *at)
{
    json_t *all = json_object(), *run = json_object(), *position = json_object();
    char *text = NULL;
    rondo_status status = describe_run(run, m, data, o);
    if (!status) status = put_position(position, m->training, at);
    if (!status) status = json_put(all, "run", json_incref(run));
    if (!status) status = json_put(all, "position", json_incref(position));
    if (!status) status = json_text(&text, all);
    p->metadata = json_object();
    if (!status) status = json_put(p->metadata, "checkpoint", json_string(text));
    alloc_free(text);
    json_decref(position);
    json_decref(run);
    json_decref(all);
    return status;
}

rondo_status checkpoint_save(const char *path, const rondo_model *m, const rondo_dataset *data,
                             const rondo_fit_options *o, const fit_position *at)
{
    const void *native;
    RONDO_TRY(registry_get(REGISTRY_FORMAT, "native", &native));
    packing *p = alloc_new(sizeof *p);
    if (!p) return RONDO_E_NOMEM;
    rondo_status status = add_tensors(p, m, o);
    if (!status) status = make_metadata(p, m, data, o, at);
    if (!status) {
        const extras more = { p->tensors, p->n, p->metadata };
        status = ((const format_row *)native)->save(m, path, &more);
    }
    json_decref(p->metadata);
    alloc_free(p->numbers);
    alloc_free(p);
    return status;
}

/* ---- Loading ---- */
/* The data of a tensor that must have this type and size; NULL, with the sentence, when it has
 * not. */
static const void *data_of(const tensor_file *f, const char *path, const char *name,
                           const char *type, size_t size)
{
    const tensor *t = tensors_find(f, name);
    if (t && !strcmp(t->type, type) && t->size == size) return t->data;
    (void)rondo_fail(RONDO_E_FORMAT, "%s: tensor %s is %s, expected %zu bytes of %s", path, name,
                     t ? "of another type or size" : "missing", size, type);
    return NULL;
}

static rondo_status load_tensors(const tensor_file *f, const char *path, rondo_model *m,
                                 int64_t carry_rows)
{
    training *t = m->training;
    const size_t slot = (size_t)t->optimizer.n * sizeof(real);
    for (int i = 0; i < t->optimizer.n_slots; i++) {
        char name[PREFIX];
        snprintf(name, sizeof name, SLOT, i);
        const void *data = data_of(f, path, name, real_type(), slot);
        if (!data) return RONDO_E_FORMAT;
        memcpy(t->optimizer.slots[i], data, slot);
    }
    const int64_t first = optimizer_numbers(&t->optimizer), n = first + scores_size(&t->scores);
    const size_t size = (size_t)n * sizeof(double);
    const void *data = data_of(f, path, "state.numbers", "F64", size);
    double *numbers = data ? alloc_array(n, sizeof *numbers) : NULL;
    if (!numbers) return data ? RONDO_E_NOMEM : RONDO_E_FORMAT;
    memcpy(numbers, data, size);
    const rondo_status status = optimizer_load(&t->optimizer, numbers);
    scores_load(&t->scores, numbers + first);
    alloc_free(numbers);
    if (status) return rondo_fail_in(status, "%s", path);
    t->carry.rows = 0;
    if (!t->carries || carry_rows <= 0) return RONDO_OK;
    RONDO_TRY(carry_reserve(&t->carry, m, carry_rows));
    const size_t states = (size_t)(m->state_size * carry_rows) * sizeof(real);
    data = data_of(f, path, "state.carry", real_type(), states);
    if (!data) return RONDO_E_FORMAT;
    memcpy(t->carry.state, data, states);
    t->carry.rows = carry_rows;
    return RONDO_OK;
}

static rondo_status load_callbacks(const tensor_file *f, const char *path,
                                   const rondo_fit_options *o)
{
    for (int i = 0; i < o->n_callbacks; i++) {
        char name[PREFIX];
        snprintf(name, sizeof name, CALLBACK, count_callbacks(o, i));
        const tensor *t = tensors_find(f, name);
        if (!o->callbacks[i].load || callback_watches(&o->callbacks[i]) || !t) continue;
        RONDO_TRY(rondo_fail_in(o->callbacks[i].load(o->callbacks[i].user, t->data, t->size), "%s",
                                path));
    }
    return RONDO_OK;
}

static rondo_status load_position(const json_t *o, training *t, fit_position *at,
                                  int64_t *carry_rows)
{
    int64_t done;
    RONDO_TRY(json_want_int(o, "epoch", &at->epoch));
    RONDO_TRY(json_want_int(o, "batch", &at->batch));
    RONDO_TRY(json_want_int(o, "samples", &at->samples));
    RONDO_TRY(json_want_int(o, "done", &done));
    RONDO_TRY(json_want_int(o, "epochs", &at->epochs));
    RONDO_TRY(json_want_int(o, "iterations", &t->optimizer.iterations));
    RONDO_TRY(json_want_int(o, "step", &t->step));
    RONDO_TRY(json_want_int(o, "carry_rows", carry_rows));
    at->done = done != 0;
    if (at->epoch < 0 || at->batch < 0 || t->optimizer.iterations < 0 || t->step < 0 ||
        *carry_rows < 0)
        return rondo_fail(RONDO_E_FORMAT, "a position below 0");
    return RONDO_OK;
}

/* What was frozen and thawed on the way is so again. */
static rondo_status load_frozen(const tensor_file *f, const char *path, rondo_model *m)
{
    json_t *json;
    const char *text = json_string_value(json_object_get(f->metadata, "model"));
    if (!text) return rondo_fail(RONDO_E_FORMAT, "%s: the metadata have no \"model\"", path);
    RONDO_TRY(json_read(&json, text, strlen(text), path));
    const rondo_status status = rondo_fail_in(model_freeze_as(m, json), "%s", path);
    json_decref(json);
    return status;
}

static rondo_status load(const tensor_file *f, const char *path, const json_t *all, rondo_model *m,
                         const rondo_dataset *data, const rondo_fit_options *o, fit_position *at)
{
    json_t *run, *position, *now = json_object();
    rondo_status status = describe_run(now, m, data, o);
    if (!status) status = json_want_object(all, "run", &run);
    if (!status) status = compare_runs(path, run, now);
    json_decref(now);
    RONDO_TRY(status);
    int64_t carry_rows;
    RONDO_TRY(json_want_object(all, "position", &position));
    RONDO_TRY(rondo_fail_in(load_position(position, m->training, at, &carry_rows), "%s", path));
    RONDO_TRY(model_thaw(m, fit_groups(o, at->epoch)));
    RONDO_TRY(load_frozen(f, path, m));
    RONDO_TRY(load_tensors(f, path, m, carry_rows));
    RONDO_TRY(rondo_fail_in(model_read_weights(m, f), "%s", path));
    return load_callbacks(f, path, o);
}

rondo_status checkpoint_load(const char *path, rondo_model *m, const rondo_dataset *data,
                             const rondo_fit_options *o, fit_position *at)
{
    tensor_file f;
    RONDO_TRY(tensors_open(&f, path));
    json_t *all = NULL;
    const char *text = json_string_value(json_object_get(f.metadata, "checkpoint"));
    rondo_status status =
        text ? json_read(&all, text, strlen(text), path)
             : rondo_fail(RONDO_E_MISMATCH,
                          "%s is no checkpoint of a training run; name another file", path);
    if (!status) status = load(&f, path, all, m, data, o, at);
    json_decref(all);
    tensors_close(&f);
    return status;
}
