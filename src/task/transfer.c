/* transfer - a model made of another: its body taken over, its head kept or replaced, its vocabulary and
 * its functions exchanged.  `rondo finetune`, and what a recipe says with `base`. */
#include "task/task.h"
#include <string.h>

/* ---- What is asked for ---- */
static void head_of_base(head *h, const rondo_pipeline *base)
{
    const rondo_function *f = model_output_activation(base->model, 0);
    *h = (head){ .dense = true, .has_units = true };
    if (f) snprintf(h->activation, sizeof h->activation, "%s", f->row->name);
}

rondo_status transfer_refuse(const rondo_recipe *r)
{
    static const char *const keys[] = { "head",      "cut",   "replay",    "replay_share",
                                        "base_data", "guard", "activation" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (rondo_recipe_get(r, keys[i]))
            return rondo_fail(RONDO_E_ARG,
                              "%s is for a model that begins as another: rondo finetune "
                              "MODEL, or base: MODEL in a recipe",
                              keys[i]);
    return RONDO_OK;
}

rondo_status transfer_open(plan *p, const rondo_recipe *r, head *h)
{
    transfer *t = &p->transfer;
    int64_t threads;
    const char *task = rondo_recipe_get(r, "task"), *new_head = rondo_recipe_get(r, "head");
    if (rondo_recipe_get(r, "model"))
        return rondo_fail(RONDO_E_ARG,
                          "the layers are the base's: say --head \"dense softmax\" for "
                          "another end, and no --model");
    RONDO_TRY(recipe_int(r, "threads", 0, 0, &threads));
    RONDO_TRY(rondo_fail_in(
        rondo_pipeline_open(&t->base, rondo_recipe_get(r, "base"), (int)threads), "base"));
    if (!t->base->task)
        return rondo_fail(RONDO_E_ARG, "base: %s does not say what it was trained for",
                          rondo_recipe_get(r, "base"));
    if (new_head) return rondo_fail_in(head_parse(h, new_head), "head");
    if (rondo_recipe_get(r, "cut"))
        return rondo_fail(RONDO_E_ARG, "cut takes layers off for another end: say which, as in "
                                       "--head \"dense softmax\"");
    if (task && strcmp(task, "auto") != 0 && strcmp(task, t->base->task->name) != 0)
        return rondo_fail(RONDO_E_ARG,
                          "the base was trained to %s; to %s it needs another end: say "
                          "--head \"dense softmax\"",
                          t->base->task->name, task);
    t->keeps_head = true;
    p->task = t->base->task;
    head_of_base(h, t->base);
    return RONDO_OK;
}

void transfer_names(const transfer *t, reader_request *request)
{
    const rondo_pipeline *base = t->base;
    if (!t->keeps_head) return;
    request->classes = base->classes;
    request->n_classes = base->n_classes;
    request->features = base->features;
    request->n_features = base->n_features;
    request->targets = base->targets;
    request->n_targets = base->n_targets;
}

/* ---- The tokenizer and the scalers ---- */
bool transfer_reads_text(const transfer *t)
{
    return t->base && t->base->tokenizer;
}

rondo_status transfer_tokenizer(const transfer *t, rondo_pipeline *line)
{
    json_t *how;
    RONDO_TRY(tokenizer_to_json(t->base->tokenizer, &how));
    const rondo_status status = tokenizer_from_json(&line->tokenizer, how);
    json_decref(how);
    if (!line->cut.most) line->cut = t->base->cut;
    return status;
}

static rondo_status copy_scaler(scaler *to, const scaler *from)
{
    if (!from->n) return RONDO_OK;
    json_t *json = scaler_to_json(from);
    if (!json) return RONDO_E_NOMEM;
    const rondo_status status = scaler_from_json(to, json);
    json_decref(json);
    return status;
}

rondo_status transfer_scalers(const transfer *t, rondo_pipeline *line)
{
    RONDO_TRY(copy_scaler(&line->scale_in, &t->base->scale_in));
    return t->keeps_head ? copy_scaler(&line->scale_out, &t->base->scale_out) : RONDO_OK;
}

/* ---- The model ---- */
static void open_length(json_t *model, const rondo_dataset *data)
{
    json_t *input = json_object_get(json_array_get(json_object_get(model, "nodes"), 0), "input");
    json_t *shape = json_object_get(input, "shape");
    const json_int_t steps = json_integer_value(json_array_get(shape, 0));
    const bool sequence = data->n_inputs > 0 && field_is_sequence(&data->input[0]);
    if (sequence && steps != data->input[0].shape.dim[0])
        json_array_set_new(shape, 0, json_integer(0));
}

/* Whether the end that stays tells tokens. */
static bool tells_tokens(const transfer *t)
{
    return t->keeps_head && t->base->task == &task_language;
}

/* Embeddings that had as many rows as the base has tokens get those of the new vocabulary; so does a
 * last layer that told them (told). */
static rondo_status resize(json_t *model, int64_t before, int64_t now, bool told)
{
    json_t *layer;
    size_t i;
    json_array_foreach (json_object_get(model, "layers"), i, layer) {
        static const char *const sides[] = { "input_dim", "units" };
        json_t *options = json_object_get(layer, "options");
        const char *kind = json_string_value(json_object_get(layer, "kind"));
        const bool last = i + 1 == json_array_size(json_object_get(model, "layers"));
        for (int k = 0; kind && k < 2; k++) {
            const json_t *size = json_object_get(options, sides[k]);
            const bool goes_by_tokens = k == 0 ? strcmp(kind, "embedding") == 0
                                               : told && last && strcmp(kind, "dense") == 0;
            if (goes_by_tokens && json_integer_value(size) == before)
                RONDO_TRY(json_put(options, sides[k], json_integer(now)));
        }
    }
    return RONDO_OK;
}

static rondo_status describe(plan *p, const rondo_recipe *r, const json_t *model, const char *end)
{
    char *text, digest[65];
    const char *changes = rondo_recipe_get(r, "activation");
    uint64_t weights;
    char *file;
    RONDO_TRY(json_text(&text, model));
    sha256_text(digest, text, strlen(text));
    alloc_free(text);
    RONDO_TRY(pipeline_file(&file, rondo_recipe_get(r, "base")));
    const rondo_status status = source_digest(file, &weights);
    alloc_free(file);
    RONDO_TRY(status);
    p->spec = alloc_format("base %016llx %.16s%s%s%s%s", (unsigned long long)weights, digest,
                           end ? "; " : "", end ? end : "", changes ? "; with " : "",
                           changes ? changes : "");
    return p->spec ? RONDO_OK : RONDO_E_NOMEM;
}

/* Whether the base's end is a layer that a new head stands in place of. */
static rondo_status cut_head(json_t *model, const rondo_recipe *r)
{
    int64_t layers;
    RONDO_TRY(recipe_int(r, "cut", 1, 0, &layers));
    return rondo_fail_in(graft_cut(model, layers), "cut");
}

/* An adaptive_softmax has its classes by how frequent they were in the base's text. */
static rondo_status check_end(const plan *p)
{
    const transfer *t = &p->transfer;
    const rondo_model *m = t->base->model;
    const bool by_rank = strcmp(m->layers[m->n_layers - 1]->type->name, "adaptive_softmax") == 0;
    if (!by_rank || !tells_tokens(t) || transfer_same_tokens(t, p->pipeline)) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "the base's adaptive_softmax tells the tokens of its own vocabulary; for "
                      "another say --head \"adaptive_softmax cutoffs='2000 10000'\"");
}

static rondo_status shape_model(json_t *model, plan *p, const rondo_recipe *r)
{
    const transfer *t = &p->transfer;
    const char *changes = rondo_recipe_get(r, "activation");
    const tokenizer *before = t->base->tokenizer, *now = p->pipeline->tokenizer;
    RONDO_TRY(check_end(p));
    if (!t->keeps_head) RONDO_TRY(cut_head(model, r));
    if (changes) RONDO_TRY(rondo_fail_in(graft_functions(model, changes), "activation"));
    if (before && now)
        RONDO_TRY(resize(model, tokenizer_size(before), tokenizer_size(now), tells_tokens(t)));
    open_length(model, p->train);
    return RONDO_OK;
}

rondo_status transfer_model(plan *p, const rondo_recipe *r, const char *end)
{
    transfer *t = &p->transfer;
    json_t *model;
    RONDO_TRY(model_to_json(t->base->model, &model));
    rondo_status status = shape_model(model, p, r);
    if (!status) status = describe(p, r, model, end);
    if (!status)
        status = rondo_fail_in(model_from_json(&p->pipeline->model, model), "the base's layers");
    json_decref(model);
    RONDO_TRY(status);
    rondo_model *m = p->pipeline->model;
    t->layers = m->n_layers;
    if (!end) return RONDO_OK;
    m->n_outputs = 0; /* what comes last, again */
    return rondo_add_spec(m, end);
}

/* ---- The weights ---- */
bool transfer_same_tokens(const transfer *t, const rondo_pipeline *p)
{
    const tokenizer *now = p->tokenizer, *then = t->base ? t->base->tokenizer : NULL;
    if (!now || !then) return true;
    bool same = tokenizer_size(now) == tokenizer_size(then);
    for (int64_t i = 0; same && i < tokenizer_size(now); i++) {
        const char *a = tokenizer_token(now, i), *b = tokenizer_token(then, i);
        same = a && b ? strcmp(a, b) == 0 : a == b; /* numbers may have none */
    }
    return same;
}

static rondo_status map_tokens(token_map *map, int64_t **before, const tokenizer *now,
                               const tokenizer *then)
{
    *map = (token_map){ .n = tokenizer_size(now), .n_before = tokenizer_size(then) };
    *before = alloc_array(map->n, sizeof **before);
    if (!*before) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < map->n; i++) {
        const char *token = tokenizer_token(now, i); /* NULL: a number that has none */
        (*before)[i] = token ? tokenizer_id(then, token) : -1;
    }
    map->before = *before;
    return RONDO_OK;
}

rondo_status transfer_weights(plan *p)
{
    const transfer *t = &p->transfer;
    rondo_model *m = p->pipeline->model;
    token_map map = { 0 };
    int64_t *before = NULL, taken, shared = 0;
    if (!t->base) return RONDO_OK;
    if (!transfer_same_tokens(t, p->pipeline))
        RONDO_TRY(map_tokens(&map, &before, p->pipeline->tokenizer, t->base->tokenizer));
    map.told = tells_tokens(t);
    for (int64_t i = 0; before && i < map.n; i++) shared += before[i] >= 0;
    graft_weights(m, t->base->model, t->layers, before ? &map : NULL, &taken);
    alloc_free(before);
    text_add(&p->notes, "base: %lld of %lld parameters are taken over", (long long)taken,
             (long long)rondo_parameter_count(m, false));
    if (before && shared < map.n)
        text_add(&p->notes, ", of %lld tokens %lld are new", (long long)map.n,
                 (long long)(map.n - shared));
    text_add(&p->notes, "\n");
    return p->notes.status;
}

void transfer_close(transfer *t)
{
    rondo_pipeline_free(t->base);
    *t = (transfer){ 0 };
}
