/* LoRA adapters in the layout of Hugging Face's PEFT: a folder with adapter_config.json and
 * adapter_model.safetensors, whose tensors are
 *   base_model.model.MODULE.lora_A.weight      [rank][in]     the transpose of our A
 *   base_model.model.MODULE.lora_B.weight      [out][rank]    the transpose of our B
 *   base_model.model.MODULE.lora_embedding_A   [rank][tokens], lora_embedding_B [units][rank]
 * MODULE is the layer ("dense", "embedding") where it has one matrix, else the weight
 * ("lstm.recurrent_kernel"): what a torch model would call the module that holds it. */
#include "format.h"
#include <string.h>

#define PREFIX "base_model.model."
enum { MODULE = 2 * LIMIT_NAME, SIDES = 2 };
static const char *const endings[2][SIDES] = {
    { ".lora_A.weight", ".lora_B.weight" },
    { ".lora_embedding_A", ".lora_embedding_B" },
};

static void module_name(char name[MODULE], const param *p)
{
    const rondo_layer *l = p->layer;
    int matrices = 0;
    for (int i = 0; i < l->n_params; i++) matrices += layer_multiplies(l, &l->params[i]);
    snprintf(name, MODULE, "%s%s%s", l->name, matrices > 1 ? "." : "", matrices > 1 ? p->name : "");
}

/* to[columns][rows] = from[rows][columns] */
static void transpose(real *to, const real *from, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

/* ---- Saving ---- */
typedef struct saving {
    const rondo_model *model;
    tensor *tensors;
    int n;
    json_t *config, *modules, *ranks, *alphas; /* the first's rank and alpha; others by module */
    json_t *first;
} saving;

static rondo_status add_side(saving *s, const param *p, const char *module, const char *ending)
{
    tensor *t = &s->tensors[s->n++];
    const int64_t rows = p->shape.dim[0], columns = p->shape.dim[1];
    real *data = alloc_array(rows * columns, sizeof *data);
    t->data = data;
    t->name = alloc_format(PREFIX "%s%s", module, ending);
    if (!data || !t->name) return RONDO_E_NOMEM;
    transpose(data, s->model->weights + p->offset, rows, columns);
    t->shape = (rondo_shape){ 2, { columns, rows } };
    t->size = (size_t)(rows * columns) * sizeof *data;
    strcpy(t->type, sizeof(real) == 4 ? "F32" : "F64");
    return RONDO_OK;
}

/* An option of this adapter: the folder's, where it is the first; by module, where it differs. */
static rondo_status put_option(saving *s, json_t *options, const char *ours, const char *theirs,
                               json_t *by_module, const char *module)
{
    json_t *given = json_object_get(options, ours);
    if (s->first == options) return json_put(s->config, theirs, json_incref(given));
    if (json_equal(given, json_object_get(s->first, ours))) return RONDO_OK;
    if (by_module) return json_put(by_module, module, json_incref(given));
    return rondo_fail(RONDO_E_ARG,
                      "%s has another %s than the adapters before it; a folder has one", module,
                      ours);
}

static rondo_status add_adapter(saving *s, const param *p, const adapter *a)
{
    char module[MODULE];
    module_name(module, p);
    if (a->row != &adapter_lora)
        return rondo_fail(RONDO_E_ARG, "%s: PEFT has no adapter of the kind %s", module,
                          a->row->name);
    for (int i = 0; i < SIDES; i++)
        RONDO_TRY(add_side(s, &a->params[i], module, endings[p->looked_up][i]));
    RONDO_TRY(json_array_append_new(s->modules, json_string(module)) ? RONDO_E_NOMEM : RONDO_OK);
    json_t *options = options_to_json(&a->row->options, a->options);
    if (!options) return RONDO_E_NOMEM;
    const bool first = !s->first;
    if (first) s->first = options;
    rondo_status status = put_option(s, options, "rank", "r", s->ranks, module);
    if (!status) status = put_option(s, options, "alpha", "lora_alpha", s->alphas, module);
    if (!status) status = put_option(s, options, "dropout", "lora_dropout", NULL, module);
    if (!status) status = put_option(s, options, "rslora", "use_rslora", NULL, module);
    if (!first) json_decref(options);
    return status;
}

static rondo_status add_all(saving *s, const char *name)
{
    for (int i = 0; i < s->model->n_params; i++) {
        const param *p = s->model->params[i];
        const adapter *a = adapter_find(p, name);
        if (a) RONDO_TRY(add_adapter(s, p, a));
    }
    if (s->n) return RONDO_OK;
    return rondo_fail(RONDO_E_NAME, "the model has no adapter \"%s\"", name);
}

static rondo_status write_config(const saving *s, const char *folder)
{
    char *path = file_join(folder, "adapter_config.json"), *text = NULL;
    rondo_status status = path ? RONDO_OK : RONDO_E_NOMEM;
    json_t *o = s->config;
    if (!status) status = json_put(o, "peft_type", json_string("LORA"));
    if (!status) status = json_put(o, "target_modules", json_incref(s->modules));
    if (!status) status = json_put(o, "rank_pattern", json_incref(s->ranks));
    if (!status) status = json_put(o, "alpha_pattern", json_incref(s->alphas));
    if (!status) status = json_put(o, "bias", json_string("none"));
    if (!status) status = json_put(o, "inference_mode", json_true());
    if (!status) status = json_put(o, "task_type", json_null());
    if (!status) status = json_put(o, "base_model_name_or_path", json_null());
    if (!status) status = json_text(&text, o);
    if (!status) status = file_write_all(path, text, strlen(text));
    alloc_free(text);
    alloc_free(path);
    return status;
}

static rondo_status write_tensors(const saving *s, const char *folder)
{
    char *path = file_join(folder, "adapter_model.safetensors");
    json_t *metadata = json_pack("{s:s}", "format", "pt");
    const rondo_status status = path && metadata ? tensors_save(path, s->tensors, s->n, metadata)
                                                 : RONDO_E_NOMEM;
    json_decref(metadata);
    alloc_free(path);
    return status;
}

/* The only name that LoRA adapters have. */
static rondo_status only_name(const char **name, const rondo_model *m)
{
    rondo_adapter_info info;
    *name = NULL;
    for (int i = 0; rondo_adapter_at(m, i, &info); i++) {
        if (strcmp(info.kind, adapter_lora.name) != 0) continue;
        if (*name && strcmp(*name, info.name) != 0)
            return rondo_fail(RONDO_E_ARG,
                              "the model has adapters \"%s\" and \"%s\"; say which is to be saved",
                              *name, info.name);
        *name = info.name;
    }
    return *name ? RONDO_OK : rondo_fail(RONDO_E_NAME, "the model has no LoRA adapters");
}

rondo_status rondo_adapters_save(const rondo_model *m, const char *name, const char *folder)
{
    RONDO_TRY(model_status(m));
    if (!folder) return rondo_fail(RONDO_E_ARG, "rondo_adapters_save: the folder is NULL");
    if (!name) RONDO_TRY(only_name(&name, m));
    RONDO_TRY(model_prepare((rondo_model *)m, 0));
    saving s = { .model = m,
                 .tensors = alloc_array(m->n_params + 1, sizeof *s.tensors),
                 .config = json_object(),
                 .modules = json_array(),
                 .ranks = json_object(),
                 .alphas = json_object() };
    rondo_status status = s.tensors ? add_all(&s, name) : RONDO_E_NOMEM;
    if (!status) status = file_make_folder(folder);
    if (!status) status = write_config(&s, folder);
    if (!status) status = write_tensors(&s, folder);
    for (int i = 0; i < s.n; i++) {
        alloc_free(s.tensors[i].name);
        alloc_free((void *)s.tensors[i].data);
    }
    alloc_free(s.tensors);
    json_decref(s.config);
    json_decref(s.modules);
    json_decref(s.ranks);
    json_decref(s.alphas);
    json_decref(s.first);
    return status;
}

/* ---- Loading ---- */
typedef struct loading {
    rondo_model *model;
    const char *name;
    tensor_file file;
    json_t *config;
    adapter **made; /* [n_params], where there is one for it */
    uint8_t *sides; /* [n_params] that it has, bits */
} loading;

/* The number of a module in a pattern of such, whose keys may be endings of names. */
static const json_t *of_module(const json_t *pattern, const char *module)
{
    const char *key;
    json_t *found;
    const size_t n = strlen(module);
    json_object_foreach ((json_t *)pattern, key, found) {
        const size_t k = strlen(key);
        if (k <= n && !strcmp(module + n - k, key) && (k == n || module[n - k - 1] == '.'))
            return found;
    }
    return NULL;
}

/* Variants ask by flags such as use_dora; what else they need is in tensors that nobody claims. */
static rondo_status check_config(const json_t *config)
{
    const char *type, *key;
    json_t *flag;
    RONDO_TRY(json_want_text(config, "peft_type", &type));
    if (strcmp(type, "LORA") != 0)
        return rondo_fail(RONDO_E_FORMAT, "holds an adapter of type %s; LORA is read", type);
    json_object_foreach ((json_t *)config, key, flag) {
        if (strncmp(key, "use_", 4) != 0 || !strcmp(key, "use_rslora") || !json_is_true(flag))
            continue;
        return rondo_fail(RONDO_E_FORMAT, "asks for %s, a variant of LoRA that is not read", key);
    }
    return RONDO_OK;
}

/* The weight that a tensor is a side of: by the module, or by the weight's own name. */
static bool find_side(const rondo_model *m, const char *tensor_name, int *at, int *side)
{
    char module[MODULE], expected[MODULE + 64];
    for (*at = 0; *at < m->n_params; ++*at) {
        const param *p = m->params[*at];
        if (!layer_multiplies(p->layer, p)) continue;
        module_name(module, p);
        for (*side = 0; *side < SIDES; ++*side) {
            snprintf(expected, sizeof expected, PREFIX "%s%s", module,
                     endings[p->looked_up][*side]);
            if (!strcmp(expected, tensor_name)) return true;
            snprintf(expected, sizeof expected, PREFIX "%s.%s%s", p->layer->name, p->name,
                     endings[p->looked_up][*side]);
            if (!strcmp(expected, tensor_name)) return true;
        }
    }
    return false;
}

static double number(const json_t *config, const char *pattern, const char *key, const char *module,
                     double otherwise)
{
    const json_t *found = pattern ? of_module(json_object_get(config, pattern), module) : NULL;
    if (!found) found = json_object_get(config, key);
    return json_is_number(found) ? json_number_value(found) : otherwise;
}

/* One adapter of the rank that A has. */
static rondo_status make(loading *l, int at, const tensor *a)
{
    char module[MODULE], text[256];
    const param *p = l->model->params[at];
    module_name(module, p);
    snprintf(text, sizeof text, "lora rank=%lld alpha=%.9g dropout=%.9g rslora=%s name=%s",
             (long long)(a->shape.rank == 2 ? a->shape.dim[0] : 0),
             number(l->config, "alpha_pattern", "lora_alpha", module, 8),
             number(l->config, NULL, "lora_dropout", module, 0),
             json_is_true(json_object_get(l->config, "use_rslora")) ? "true" : "false", l->name);
    if (adapter_find(p, l->name))
        return rondo_fail(RONDO_E_ARG,
                          "the model's %s has an adapter \"%s\" already; choose another name",
                          module, l->name);
    return rondo_fail_in(adapter_parse(&l->made[at], text, p), "%s", a->name);
}

/* Every tensor is a side of some weight's adapter, of the right shape. */
static rondo_status account(loading *l)
{
    int at, side;
    for (int i = 0; i < l->file.n; i++) {
        const tensor *t = &l->file.tensors[i];
        if (!find_side(l->model, t->name, &at, &side))
            return rondo_fail(RONDO_E_FORMAT, "%s belongs to no weight of the model", t->name);
        if (l->sides[at] & 1 << side)
            return rondo_fail(RONDO_E_FORMAT, "%s is there twice, under two names", t->name);
        l->sides[at] |= (uint8_t)(1 << side);
        if (side == 0) RONDO_TRY(make(l, at, t));
    }
    for (int i = 0; i < l->file.n; i++) {
        const tensor *t = &l->file.tensors[i];
        (void)find_side(l->model, t->name, &at, &side);
        const adapter *a = l->made[at];
        if (l->sides[at] != (1 << SIDES) - 1)
            return rondo_fail(RONDO_E_FORMAT, "%s has no %s beside it", t->name,
                              side ? "lora_A" : "lora_B");
        const rondo_shape *want = &a->params[side].shape;
        if (t->shape.rank != 2 || t->shape.dim[0] != want->dim[1] ||
            t->shape.dim[1] != want->dim[0])
            return rondo_fail(RONDO_E_SHAPE, "%s is %lldx%lld, expected %lldx%lld", t->name,
                              (long long)t->shape.dim[0],
                              (long long)(t->shape.rank > 1 ? t->shape.dim[1] : 1),
                              (long long)want->dim[1], (long long)want->dim[0]);
    }
    return l->file.n ? RONDO_OK : rondo_fail(RONDO_E_FORMAT, "holds no tensors");
}

static rondo_status copy_weights(const loading *l)
{
    rondo_status s = RONDO_OK;
    for (int i = 0; i < l->file.n && !s; i++) {
        int at, side;
        const tensor *t = &l->file.tensors[i];
        (void)find_side(l->model, t->name, &at, &side);
        const param *p = &adapter_find(l->model->params[at], l->name)->params[side];
        real *turned = alloc_array(shape_size(&t->shape), sizeof *turned);
        s = turned ? tensors_copy(&l->file, t->name, &t->shape, turned) : RONDO_E_NOMEM;
        if (!s) transpose(l->model->weights + p->offset, turned, t->shape.dim[0], t->shape.dim[1]);
        alloc_free(turned);
    }
    model_weights_changed(l->model);
    return s;
}

/* Both files are read before the model changes. */
static rondo_status put(loading *l, const char *tensors_path)
{
    rondo_model *m = l->model;
    RONDO_TRY(rondo_fail_in(account(l), "%s", tensors_path));
    for (int i = 0; i < m->n_params; i++) {
        if (!l->made[i]) continue;
        adapter_put(m->params[i], l->made[i]);
        l->made[i] = NULL;
    }
    RONDO_TRY(model_settle(m));
    return copy_weights(l);
}

static rondo_status open_both(loading *l, const char *config_path, const char *tensors_path)
{
    file_map map;
    RONDO_TRY(file_map_open(&map, config_path));
    rondo_status s = json_read(&l->config, (const char *)map.data, map.size, config_path);
    file_map_close(&map);
    if (!s) s = rondo_fail_in(check_config(l->config), "%s", config_path);
    if (!s) s = tensors_open(&l->file, tensors_path);
    return s;
}

rondo_status rondo_adapters_load(rondo_model *m, const char *name, const char *folder)
{
    RONDO_TRY(model_status(m));
    if (!folder) return rondo_fail(RONDO_E_ARG, "rondo_adapters_load: the folder is NULL");
    RONDO_TRY(model_check_idle(m));
    RONDO_TRY(model_prepare(m, 0));
    char *config = file_join(folder, "adapter_config.json"),
         *tensors = file_join(folder, "adapter_model.safetensors");
    const int n = m->n_params;
    loading l = { .model = m,
                  .name = name ? name : adapter_lora.name,
                  .made = alloc_array(n + 1, sizeof *l.made),
                  .sides = alloc_array(n + 1, sizeof *l.sides) };
    const bool there = config && tensors && l.made && l.sides;
    rondo_status s = there ? open_both(&l, config, tensors) : RONDO_E_NOMEM;
    if (!s) s = put(&l, tensors);
    for (int i = 0; l.made && i < n; i++) adapter_free(l.made[i]);
    if (l.file.tensors) tensors_close(&l.file);
    json_decref(l.config);
    alloc_free(l.made);
    alloc_free(l.sides);
    alloc_free(config);
    alloc_free(tensors);
    return s;
}
