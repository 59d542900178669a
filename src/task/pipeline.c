/* pipeline - a model with what it needs to read raw data and to say what its numbers mean.  The JSON
 * below travels in the model file; nothing in it depends on the machine or the hour, so that equal
 * runs leave equal files. */
#include "task/task.h"
#include <string.h>

const scaler *pipeline_scaler(const scaler *s)
{
    return s->n > 0 ? s : NULL;
}

static int64_t output_width(const rondo_pipeline *p)
{
    return model_output_shape(p->model, 0)->features;
}

bool pipeline_is_binary(const rondo_pipeline *p)
{
    return p->task == &task_classify && output_width(p) == 1;
}

rondo_status pipeline_new(rondo_pipeline **out, const task_row *task)
{
    *out = alloc_new(sizeof **out);
    if (!*out) return RONDO_E_NOMEM;
    (*out)->task = task;
    return RONDO_OK;
}

void rondo_pipeline_free(rondo_pipeline *p)
{
    if (!p) return;
    pass_free(p->pass);
    batch_free(&p->batch);
    rondo_stream_free(p->stream);
    rondo_model_free(p->model);
    text_list_free(p->classes);
    text_list_free(p->features);
    text_list_free(p->targets);
    text_list_free(p->columns);
    tokenizer_free(p->tokenizer);
    scaler_free(&p->scale_in);
    scaler_free(&p->scale_out);
    alloc_free(p->reader_spec);
    alloc_free(p->unit);
    alloc_free(p->loss);
    alloc_free(p->metrics);
    alloc_free(p->json);
    alloc_free(p->folder);
    alloc_free(p->confusion);
    alloc_free(p->row);
    alloc_free(p);
}

/* ---- Names ---- */
static rondo_status copy_names(char ***to, int *n_to, char *const *from, int n)
{
    if (n <= 0 || !from) return RONDO_OK;
    *to = alloc_array((int64_t)n + 1, sizeof **to);
    if (!*to) return RONDO_E_NOMEM;
    for (; *n_to < n; ++*n_to)
        if (!((*to)[*n_to] = alloc_text(from[*n_to]))) return RONDO_E_NOMEM;
    return RONDO_OK;
}

rondo_status pipeline_learn(rondo_pipeline *p, const rondo_dataset *data, const char *reader_spec)
{
    p->reader_spec = alloc_text(reader_spec);
    if (!p->reader_spec) return RONDO_E_NOMEM;
    RONDO_TRY(copy_names(&p->classes, &p->n_classes, data->classes, data->n_classes));
    RONDO_TRY(copy_names(&p->features, &p->n_features, data->features, data->n_features));
    return copy_names(&p->targets, &p->n_targets, data->targets, data->n_target_names);
}

static char *column_name(const rondo_pipeline *p, int i, int n)
{
    if (p->task == &task_classify)
        return i < p->n_classes ? alloc_text(p->classes[i]) : alloc_format("%d", i);
    if (p->task == &task_language) {
        const char *token = tokenizer_token(p->tokenizer, i);
        return alloc_text(token ? token : "");
    }
    if (p->n_targets == 0 || n % p->n_targets) return alloc_format("y%d", i + 1);
    const char *name = p->targets[i % p->n_targets];
    return p->task == &task_forecast ? alloc_format("%s+%d", name, i / p->n_targets + 1)
                                     : alloc_text(name);
}

static rondo_status name_columns(rondo_pipeline *p)
{
    const int64_t width = pipeline_is_binary(p) ? 2 : output_width(p);
    if (width > 1 << 24) return rondo_fail(RONDO_E_LIMIT, "the model has too many outputs to name");
    const int n = (int)width;
    p->columns = alloc_array(width + 1, sizeof *p->columns);
    p->row = alloc_array(width + rondo_pipeline_inputs(p) + output_width(p), sizeof *p->row);
    if (!p->columns || !p->row) return RONDO_E_NOMEM;
    for (int i = 0; i < n; p->n_columns = ++i)
        if (!(p->columns[i] = column_name(p, i, n))) return RONDO_E_NOMEM;
    return RONDO_OK;
}

/* ---- JSON ---- */
static rondo_status put_names(json_t *object, const char *key, char *const *names, int n)
{
    if (n == 0) return RONDO_OK;
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        if (json_array_append_new(list, json_string(names[i]))) {
            json_decref(list);
            return rondo_fail(RONDO_E_FORMAT, "%s: name %d is not UTF-8 text: %s", key, i + 1,
                              names[i]);
        }
    return json_put(object, key, list);
}

static rondo_status put_text(json_t *object, const char *key, const char *text)
{
    return text ? json_put(object, key, json_string(text)) : RONDO_OK;
}

/* How text becomes tokens, all of it. */
static rondo_status put_tokenizer(json_t *object, const rondo_pipeline *p)
{
    json_t *how;
    if (!p->tokenizer) return RONDO_OK;
    RONDO_TRY(tokenizer_to_json(p->tokenizer, &how));
    RONDO_TRY(json_put(object, "tokenizer", how));
    if (!p->cut.most) return RONDO_OK;
    RONDO_TRY(json_put(object, "max_length", json_integer(p->cut.most)));
    return json_put(object, "truncate", json_string(p->cut.front ? "pre" : "post"));
}

static rondo_status fill_json(const rondo_pipeline *p, json_t *o)
{
    RONDO_TRY(json_put(o, "version", json_integer(PIPELINE_VERSION)));
    RONDO_TRY(put_text(o, "task", p->task->name));
    RONDO_TRY(put_text(o, "reader", p->reader_spec));
    RONDO_TRY(put_text(o, "loss", p->loss));
    RONDO_TRY(put_text(o, "metrics", p->metrics));
    RONDO_TRY(put_names(o, "classes", p->classes, p->n_classes));
    RONDO_TRY(put_names(o, "features", p->features, p->n_features));
    RONDO_TRY(put_names(o, "targets", p->targets, p->n_targets));
    RONDO_TRY(put_tokenizer(o, p));
    RONDO_TRY(language_put(p, o));
    if (p->threshold > 0) RONDO_TRY(json_put(o, "threshold", json_real(p->threshold)));
    if (p->scale_in.n) RONDO_TRY(json_put(o, "scale_inputs", scaler_to_json(&p->scale_in)));
    if (p->scale_out.n) RONDO_TRY(json_put(o, "scale_targets", scaler_to_json(&p->scale_out)));
    return RONDO_OK;
}

rondo_status pipeline_note(rondo_pipeline *p)
{
    alloc_free(p->json);
    p->json = NULL;
    json_t *object = json_object();
    rondo_status status = object ? fill_json(p, object) : RONDO_E_NOMEM;
    if (!status) status = json_text(&p->json, object);
    json_decref(object);
    return status ? status : rondo_set_metadata(p->model, p->json);
}

rondo_status pipeline_seal(rondo_pipeline *p)
{
    RONDO_TRY(name_columns(p));
    return pipeline_note(p);
}

static rondo_status get_names(const json_t *object, const char *key, char ***names, int *n)
{
    json_t *list, *item;
    size_t i;
    if (!json_object_get(object, key)) return RONDO_OK;
    RONDO_TRY(json_want_array(object, key, &list));
    if (json_array_size(list) > 1 << 24)
        return rondo_fail(RONDO_E_LIMIT, "%s: more names than a pipeline may have", key);
    *names = alloc_array((int64_t)json_array_size(list) + 1, sizeof **names);
    if (!*names) return RONDO_E_NOMEM;
    json_array_foreach (list, i, item) {
        if (!json_is_string(item))
            return rondo_fail(RONDO_E_FORMAT, "%s: item %zu is not text", key, i + 1);
        if (!((*names)[i] = alloc_text(json_string_value(item)))) return RONDO_E_NOMEM;
        *n = (int)i + 1;
    }
    return RONDO_OK;
}

static rondo_status get_text(const json_t *object, const char *key, char **text)
{
    const char *found;
    if (!json_object_get(object, key)) return RONDO_OK;
    RONDO_TRY(json_want_text(object, key, &found));
    *text = alloc_text(found);
    return *text ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status get_scaler(const json_t *object, const char *key, scaler *s, int64_t features)
{
    json_t *saved;
    if (!json_object_get(object, key)) return RONDO_OK;
    RONDO_TRY(json_want_object(object, key, &saved));
    RONDO_TRY(scaler_from_json(s, saved));
    if (s->n != features)
        return rondo_fail(RONDO_E_FORMAT, "%s has %lld factors, the model %lld values", key,
                          (long long)s->n, (long long)features);
    return RONDO_OK;
}

static rondo_status get_tokenizer(const json_t *object, rondo_pipeline *p)
{
    json_t *how;
    const char *end;
    if (!json_object_get(object, "tokenizer")) return RONDO_OK;
    RONDO_TRY(json_want_object(object, "tokenizer", &how));
    RONDO_TRY(rondo_fail_in(tokenizer_from_json(&p->tokenizer, how), "tokenizer"));
    if (!json_object_get(object, "max_length")) return RONDO_OK;
    RONDO_TRY(json_want_int(object, "max_length", &p->cut.most));
    RONDO_TRY(json_want_text(object, "truncate", &end));
    p->cut.front = strcmp(end, "pre") == 0;
    if (p->cut.most > 0) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "max_length is %lld", (long long)p->cut.most);
}

static rondo_status read_json(rondo_pipeline *p, const json_t *o)
{
    int64_t version;
    const char *name;
    const void *row;
    RONDO_TRY(json_want_int(o, "version", &version));
    if (version < 1 || version > PIPELINE_VERSION)
        return rondo_fail(RONDO_E_FORMAT, "a pipeline of version %lld; this Rondo reads 1 to %d",
                          (long long)version, PIPELINE_VERSION);
    RONDO_TRY(json_want_text(o, "task", &name));
    RONDO_TRY(registry_get(REGISTRY_TASK, name, &row));
    p->task = ((const task_row *)row)->as ? ((const task_row *)row)->as : row;
    RONDO_TRY(get_text(o, "reader", &p->reader_spec));
    RONDO_TRY(get_text(o, "loss", &p->loss));
    RONDO_TRY(get_text(o, "metrics", &p->metrics));
    RONDO_TRY(get_names(o, "classes", &p->classes, &p->n_classes));
    RONDO_TRY(get_names(o, "features", &p->features, &p->n_features));
    RONDO_TRY(get_names(o, "targets", &p->targets, &p->n_targets));
    RONDO_TRY(get_tokenizer(o, p));
    RONDO_TRY(language_get(p, o));
    if (json_object_get(o, "threshold")) RONDO_TRY(json_want_real(o, "threshold", &p->threshold));
    if (!(p->threshold >= 0 && p->threshold < 1))
        return rondo_fail(RONDO_E_FORMAT, "threshold is %g, no probability", p->threshold);
    RONDO_TRY(get_scaler(o, "scale_inputs", &p->scale_in, rondo_pipeline_inputs(p)));
    return get_scaler(o, "scale_targets", &p->scale_out, output_width(p));
}

/* A bare model may still say what it was compiled with. */
static rondo_status read_training(rondo_pipeline *p)
{
    json_t *o;
    if (!p->model->training_spec) return RONDO_OK;
    RONDO_TRY(json_read(&o, p->model->training_spec, strlen(p->model->training_spec), "training"));
    rondo_status status = p->loss ? RONDO_OK : get_text(o, "loss", &p->loss);
    if (!status && !p->metrics) status = get_text(o, "metrics", &p->metrics);
    json_decref(o);
    return status;
}

/* Metadata may be any text of the user's; a pipeline is an object with a version and a task. */
static bool is_pipeline(const json_t *o)
{
    return json_object_get(o, "version") && json_object_get(o, "task");
}

static rondo_status read_metadata(rondo_pipeline *p)
{
    const char *text = rondo_metadata(p->model);
    json_t *object = NULL;
    if (!text) return read_training(p);
    rondo_status status = json_read(&object, text, strlen(text), "pipeline");
    if (status == RONDO_E_NOMEM) return status;
    if (!is_pipeline(object)) {
        json_decref(object);
        return read_training(p);
    }
    status = read_json(p, object);
    json_decref(object);
    if (status) return rondo_fail_in(status, "pipeline");
    p->json = alloc_text(text);
    return p->json ? read_training(p) : RONDO_E_NOMEM;
}

rondo_status pipeline_file(char **file, const char *path)
{
    *file = file_is_folder(path) ? file_join(path, "model.safetensors") : alloc_text(path);
    if (!*file) return RONDO_E_NOMEM;
    if (file_exists(*file)) return RONDO_OK;
    const rondo_status status =
        file_is_folder(path)
            ? rondo_fail(RONDO_E_IO,
                         "%s has no model.safetensors: its training is not finished; "
                         "the same rondo train command goes on",
                         path)
            : rondo_fail(RONDO_E_IO, "%s: there is no such file or run directory", path);
    alloc_free(*file);
    *file = NULL;
    return status;
}

rondo_status rondo_pipeline_open(rondo_pipeline **out, const char *path, int threads)
{
    char *file;
    rondo_pipeline *p;
    *out = NULL;
    RONDO_TRY(pipeline_file(&file, path));
    rondo_status status = pipeline_new(&p, NULL);
    if (!status) status = rondo_load(&p->model, file);
    if (!status) status = rondo_fail_in(read_metadata(p), "%s", file);
    if (!status) status = rondo_fail_in(pipeline_check_tokens(p), "%s", file);
    if (!status) status = model_threads(p->model, threads);
    if (!status) status = name_columns(p);
    if (!status && file_is_folder(path) && !(p->folder = alloc_text(path))) status = RONDO_E_NOMEM;
    alloc_free(file);
    if (status)
        rondo_pipeline_free(p);
    else
        *out = p;
    return status;
}

static rondo_status make_tokens(const rondo_pipeline *p, rondo_dataset **data,
                                const corpus_cut *streams)
{
    if (!dataset_is_raw_text(*data)) return RONDO_OK;
    rondo_dataset *raw = *data;
    *data = NULL;
    if (p->task == &task_language) return corpus_data(data, raw, p, streams);
    if (p->tokenizer) return text_data(data, raw, p->tokenizer, &p->cut);
    rondo_dataset_free(raw);
    return rondo_fail(RONDO_E_ARG, "the data are text, the model reads numbers");
}

rondo_status pipeline_tokens(const rondo_pipeline *p, rondo_dataset **data, int64_t streams)
{
    return make_tokens(p, data, &(corpus_cut){ .rows = streams });
}

rondo_status pipeline_open_data(rondo_pipeline *p, rondo_dataset **data, const rondo_recipe *r,
                                bool need_targets, const corpus_cut *streams)
{
    char *options = NULL, **by = NULL;
    reader_request request = {
        .path = rondo_recipe_get(r, "data"),
        .labels = rondo_recipe_get(r, "labels"),
        .before = p->reader_spec,
        .text = p->tokenizer,
        .target = p->task ? p->task->target : TARGET_AUTO,
        .no_target = !need_targets || p->task == &task_language,
        .classes = p->classes,
        .n_classes = p->n_classes,
        .features = rondo_recipe_get(r, "features") ? NULL : p->features,
        .n_features = p->n_features,
        .targets = rondo_recipe_get(r, "target") ? NULL : p->targets,
        .n_targets = p->n_targets,
        .group_file = rondo_recipe_get(r, "groups"),
    };
    *data = NULL;
    if (!request.path) return rondo_fail(RONDO_E_ARG, "which data? say --data FILE");
    RONDO_TRY(threshold_set(p, rondo_recipe_get(r, "threshold")));
    RONDO_TRY(recipe_groups(&by, &request.n_groups, r));
    request.groups = by;
    rondo_status status = recipe_spec(&options, r, KEY_READER, NULL);
    request.spec = options;
    if (!status) status = reader_open(data, &request);
    alloc_free(options);
    text_list_free(by);
    if (!status && need_targets && (*data)->n_targets == 0 && p->task != &task_language)
        status = rondo_fail(RONDO_E_ARG, "%s: there are no targets to compare with%s", request.path,
                            request.labels ? "" : "; say --labels FILE or --target COLUMN");
    if (!status) status = rondo_fail_in(make_tokens(p, data, streams), "%s", request.path);
    if (!status)
        status = rondo_fail_in(data_check(p->model, *data, need_targets), "%s", request.path);
    if (status) {
        rondo_dataset_free(*data);
        *data = NULL;
    }
    return status;
}

rondo_status rondo_pipeline_data(rondo_pipeline *p, rondo_dataset **data, const rondo_recipe *r,
                                 bool need_targets)
{
    corpus_cut streams = { 0 };
    RONDO_TRY(recipe_int(r, "batch", 1, 1, &streams.rows));
    return pipeline_open_data(p, data, r, need_targets, &streams);
}

/* ---- What others ask ---- */
rondo_model *rondo_pipeline_model(rondo_pipeline *p)
{
    return p->model;
}

const char *rondo_pipeline_task(const rondo_pipeline *p)
{
    return p->task ? p->task->name : "";
}

const char *rondo_pipeline_json(const rondo_pipeline *p)
{
    return p->json ? p->json : "{}";
}

const char *rondo_pipeline_class(const rondo_pipeline *p, int64_t i)
{
    return i >= 0 && i < p->n_classes ? p->classes[i] : NULL;
}

int rondo_pipeline_columns(const rondo_pipeline *p)
{
    return p->n_columns;
}

const char *rondo_pipeline_column(const rondo_pipeline *p, int i)
{
    return i >= 0 && i < p->n_columns ? p->columns[i] : NULL;
}

bool rondo_pipeline_over_time(const rondo_pipeline *p)
{
    return model_output_shape(p->model, 0)->sequence;
}

int64_t rondo_pipeline_inputs(const rondo_pipeline *p)
{
    rondo_type type;
    rondo_shape shape;
    if (rondo_input_shape(p->model, 0, &type, &shape)) return 0;
    const field_shape f = { type, shape };
    return field_features(&f);
}

bool rondo_pipeline_labels(const rondo_pipeline *p)
{
    return p->task == &task_classify;
}
