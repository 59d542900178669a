/* The native file: weights by name in a safetensors file; the model, its pipeline and how it was
 * trained in the metadata. Any safetensors reader sees the weights. */
#include "format.h"
#include <string.h>

enum { FORMAT_VERSION = 1 };

static rondo_status add_text(json_t *metadata, const char *key, const char *text)
{
    return text ? json_put(metadata, key, json_string(text)) : RONDO_OK;
}

static rondo_status describe(const rondo_model *m, const extras *more, json_t *metadata)
{
    json_t *json;
    char *text, version[16];
    snprintf(version, sizeof version, "%d", FORMAT_VERSION);
    RONDO_TRY(add_text(metadata, "format", "rondo"));
    RONDO_TRY(add_text(metadata, "version", version));
    RONDO_TRY(add_text(metadata, "pipeline", m->metadata));
    RONDO_TRY(add_text(metadata, "training", m->training_spec));
    RONDO_TRY(model_to_json(m, &json));
    rondo_status s = json_text(&text, json);
    json_decref(json);
    if (s) return s;
    s = add_text(metadata, "model", text);
    alloc_free(text);
    if (!s && more && more->metadata && json_object_update(metadata, more->metadata))
        s = rondo_fail(RONDO_E_NOMEM, "out of memory");
    return s;
}

static rondo_status list_weights(const rondo_model *m, tensor *tensors)
{
    for (int i = 0; i < m->n_params; i++) {
        const param *p = m->params[i];
        tensor *t = &tensors[i];
        const size_t n = (size_t)shape_size(&p->shape) * sizeof(real);
        *t = (tensor){ .shape = p->shape, .data = m->weights + p->offset, .size = n };
        strcpy(t->type, sizeof(real) == 4 ? "F32" : "F64");
        t->name = model_param_name(m, i);
        if (!t->name) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

static rondo_status save(const rondo_model *m, const char *path, const extras *more)
{
    const int n_extra = more ? more->n : 0;
    RONDO_TRY(model_prepare((rondo_model *)m, 0));
    tensor *tensors = alloc_array(m->n_params + n_extra + 1, sizeof *tensors);
    json_t *metadata = json_object();
    rondo_status s = tensors && metadata ? list_weights(m, tensors) : RONDO_E_NOMEM;
    if (!s) s = describe(m, more, metadata);
    if (!s) {
        for (int i = 0; i < n_extra; i++) tensors[m->n_params + i] = more->tensors[i];
        s = tensors_save(path, tensors, m->n_params + n_extra, metadata);
    }
    for (int i = 0; tensors && i < m->n_params; i++) alloc_free(tensors[i].name);
    alloc_free(tensors);
    json_decref(metadata);
    return s;
}

static const char *text_of(const json_t *metadata, const char *key)
{
    return json_string_value(json_object_get(metadata, key));
}

static rondo_status check_version(const json_t *metadata)
{
    const char *format = text_of(metadata, "format"), *version = text_of(metadata, "version");
    if (!format || strcmp(format, "rondo") != 0 || !version)
        return rondo_fail(RONDO_E_FORMAT,
                          "a safetensors file, but not one of Rondo's: it does not say which "
                          "layers its weights belong to");
    if (strcmp(version, "1") != 0)
        return rondo_fail(RONDO_E_FORMAT,
                          "written in format version %s; this is Rondo %s, which reads version %d",
                          version, RONDO_VERSION, FORMAT_VERSION);
    return RONDO_OK;
}

static bool is_weight(const rondo_model *m, const char *name)
{
    for (int i = 0; i < m->n_params; i++)
        if (!strcmp(rondo_weight_name(m, i), name)) return true;
    return false;
}

/* Every tensor is a weight of the model, or one of a checkpoint's own ("state.…"). */
static rondo_status account(const rondo_model *m, const tensor_file *file)
{
    int own = 0;
    for (int i = 0; i < file->n; i++) {
        const char *name = file->tensors[i].name;
        own += !strncmp(name, "state.", 6) && !is_weight(m, name);
    }
    if (rondo_parameter_count(m, false) > (int64_t)(file->map.size / 4))
        return rondo_fail(RONDO_E_FORMAT,
                          "describes %lld parameters, more than the file has room for",
                          (long long)rondo_parameter_count(m, false));
    if (file->n - own == m->n_params) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "holds %d weights, the model it describes has %d",
                      file->n - own, m->n_params);
}

static rondo_status rebuild(rondo_model **out, const tensor_file *file)
{
    json_t *json;
    const char *text = text_of(file->metadata, "model");
    RONDO_TRY(check_version(file->metadata));
    if (!text) return rondo_fail(RONDO_E_FORMAT, "the metadata have no \"model\"");
    RONDO_TRY(json_read(&json, text, strlen(text), "model"));
    rondo_status s = model_from_json(out, json);
    json_decref(json);
    if (!s) s = account(*out, file);
    if (!s) s = model_allocate(*out);
    if (!s) s = model_read_weights(*out, file);
    if (!s) s = rondo_set_metadata(*out, text_of(file->metadata, "pipeline"));
    if (s) return s;
    const char *training = text_of(file->metadata, "training");
    (*out)->training_spec = alloc_text(training);
    return training && !(*out)->training_spec ? RONDO_E_NOMEM : RONDO_OK;
}

static rondo_status load(rondo_model **out, const char *path)
{
    tensor_file file;
    *out = NULL;
    RONDO_TRY(tensors_open(&file, path));
    const rondo_status s = rebuild(out, &file);
    tensors_close(&file);
    if (!s) return RONDO_OK;
    rondo_model_free(*out);
    *out = NULL;
    /* whatever name or shape was wrong, it is the file that says so */
    return rondo_fail_in(s == RONDO_E_NOMEM || s == RONDO_E_LIMIT ? s : RONDO_E_FORMAT, "%s", path);
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    (void)path;
    return n > 8 && head[8] == '{';
}

const format_row format_native = { .name = "native",
                                   .help = "Rondo's own: a safetensors file",
                                   .recognises = recognises,
                                   .load = load,
                                   .save = save };
