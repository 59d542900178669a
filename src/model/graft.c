/* graft - a new model on the roots of another: its last layers cut off, its functions exchanged, its
 * weights taken over.  The first two change the model's JSON, before the new one is built from it. */
#include "model.h"
#include <fnmatch.h>
#include <string.h>

/* ---- Cutting ---- */
static json_t *last_of(const json_t *list)
{
    const size_t n = json_array_size(list);
    return n ? json_array_get(list, n - 1) : NULL;
}

static bool is_of(const char *weight, const char *layer)
{
    const size_t n = strlen(layer);
    return weight && strncmp(weight, layer, n) == 0 && weight[n] == '.';
}

/* What is said of the layer's weights: that they are frozen, what adapts them. */
static void forget_weights(json_t *model, const char *layer)
{
    json_t *frozen = json_object_get(model, "frozen"),
           *adapters = json_object_get(model, "adapters");
    for (size_t i = json_array_size(frozen); i-- > 0;)
        if (is_of(json_string_value(json_array_get(frozen, i)), layer))
            json_array_remove(frozen, i);
    for (size_t i = json_array_size(adapters); i-- > 0;) {
        const json_t *weight = json_object_get(json_array_get(adapters, i), "weight");
        if (is_of(json_string_value(weight), layer)) json_array_remove(adapters, i);
    }
}

/* The last node must be the output, and nobody else's layer. */
static rondo_status cut_one(json_t *model)
{
    json_t *nodes = json_object_get(model, "nodes"), *layers = json_object_get(model, "layers");
    json_t *outputs = json_object_get(model, "outputs"), *end = last_of(nodes);
    const json_t *inputs = json_object_get(end, "inputs");
    const json_int_t last = (json_int_t)json_array_size(nodes) - 1;
    const char *name = json_string_value(json_object_get(last_of(layers), "name"));
    if (!inputs)
        return rondo_fail(RONDO_E_ARG, "the model has no more layers that could be cut off");
    if (json_array_size(outputs) != 1 || json_array_size(inputs) != 1 || !name ||
        json_integer_value(json_array_get(json_array_get(outputs, 0), 0)) != last ||
        json_integer_value(json_object_get(end, "layer")) !=
            (json_int_t)json_array_size(layers) - 1)
        return rondo_fail(RONDO_E_ARG,
                          "only the end of a chain of layers can be cut off; \"%s\" is "
                          "none",
                          name ? name : "");
    if (json_array_set(outputs, 0, json_array_get(inputs, 0)))
        return rondo_fail(RONDO_E_NOMEM, "out of memory");
    forget_weights(model, name);
    json_array_remove(nodes, (size_t)last);
    json_array_remove(layers, json_array_size(layers) - 1);
    return RONDO_OK;
}

rondo_status graft_cut(json_t *model, int64_t layers)
{
    while (layers-- > 0) RONDO_TRY(cut_one(model));
    return RONDO_OK;
}

/* ---- Other functions ---- */
typedef struct exchange {
    char *layers;      /* a pattern of layers' names; NULL: all that recur */
    const char *place; /* of a cell "gates", "candidate" or a gate's name; "activation" */
    const char *function;
} exchange;

/* "f=hard_sigmoid o=tanh" with the gate's function in place of the one it had. */
static rondo_status set_gate(json_t *options, const char *gate, const char *function)
{
    const char *given = json_string_value(json_object_get(options, "activations"));
    spec before = { 0 };
    text_buffer list = { 0 };
    char *text = alloc_format("gates %s", given ? given : "");
    rondo_status status = text ? spec_parse(&before, text) : RONDO_E_NOMEM;
    for (int i = 0; !status && i < before.n; i++)
        if (before.words[i].key && strcmp(before.words[i].key, gate) != 0)
            text_add(&list, "%s='%s' ", before.words[i].key, before.words[i].value);
    text_add(&list, "%s='%s'", gate, function);
    if (!status) status = list.status;
    if (!status) status = json_put(options, "activations", json_string(list.data));
    text_free(&list);
    spec_free(&before);
    alloc_free(text);
    return status;
}

static bool has_gate(const rondo_cell *cell, const char *gate)
{
    const size_t n = strlen(gate);
    for (const char *at = cell->gates; (at = strstr(at, gate)) != NULL; at += n)
        if ((at == cell->gates || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

/* Where the layer has such a place, its function is the new one. */
static rondo_status set_place(json_t *layer, const exchange *e, bool *done)
{
    json_t *options = json_object_get(layer, "options");
    const char *kind = json_string_value(json_object_get(layer, "kind"));
    const rondo_cell *cell = kind ? registry_find(REGISTRY_CELL, kind) : NULL;
    const bool gates = strcmp(e->place, "gates") == 0;
    *done = true;
    if (cell && gates) return json_put(options, "recurrent_activation", json_string(e->function));
    if (cell ? strcmp(e->place, "candidate") == 0 : strcmp(e->place, "activation") == 0)
        return json_put(options, "activation", json_string(e->function));
    if (cell && has_gate(cell, e->place)) return set_gate(options, e->place, e->function);
    *done = false;
    return RONDO_OK;
}

static rondo_status exchange_one(json_t *model, const exchange *e)
{
    json_t *layer, *layers = json_object_get(model, "layers");
    size_t i;
    int found = 0;
    json_array_foreach (layers, i, layer) {
        const char *kind = json_string_value(json_object_get(layer, "kind"));
        const char *name = json_string_value(json_object_get(layer, "name"));
        bool done = false;
        if (!kind || !name) continue;
        if (e->layers ? fnmatch(e->layers, name, 0) != 0 : !registry_find(REGISTRY_CELL, kind))
            continue;
        RONDO_TRY(set_place(layer, e, &done));
        found += done;
    }
    if (found) return RONDO_OK;
    return rondo_fail(RONDO_E_NAME,
                      "no %s has \"%s\"; say gates=…, candidate=…, a gate's name as in "
                      "f=…, or LAYER.activation=…",
                      e->layers ? e->layers : "recurrent layer", e->place);
}

rondo_status graft_functions(json_t *model, const char *changes)
{
    spec s;
    char *text = alloc_format("functions %s", changes);
    if (!text) return RONDO_E_NOMEM;
    rondo_status status = spec_parse(&s, text);
    alloc_free(text);
    RONDO_TRY(status);
    for (int i = 0; i < s.n && !status; i++) {
        char *key = s.words[i].key, *dot = key ? strrchr(key, '.') : NULL;
        const exchange e = { dot ? key : NULL, dot ? dot + 1 : key, s.words[i].value };
        if (!key)
            status = rondo_fail(RONDO_E_ARG,
                                "\"%s\" says no place; expected gates=hard_sigmoid or "
                                "lstm.candidate=relu",
                                s.words[i].value);
        if (dot) *dot = 0;
        if (!status) status = exchange_one(model, &e);
    }
    spec_free(&s);
    return status;
}

/* ---- Weights ---- */
/* The side of a weight that goes by tokens: the rows of what is looked up, the columns of a last layer
 * that tells them. -1: none; it has as many as there are tokens, or more. */
static int token_side(const rondo_model *m, const param *p, int64_t tokens, bool told)
{
    const int last = p->shape.rank - 1, side = p->looked_up ? 0 : last;
    const bool by_tokens = p->looked_up || (told && p->layer == m->layers[m->n_layers - 1]);
    return by_tokens && p->shape.dim[side] >= tokens ? side : -1;
}

/* Whether shapes are equal, but for that side. */
static bool shapes_fit(const rondo_shape *to, const rondo_shape *from, int side)
{
    bool fit = to->rank == from->rank;
    for (int i = 0; fit && i < to->rank; i++) fit = i == side || to->dim[i] == from->dim[i];
    return fit;
}

/* Rows of a matrix, its columns, or numbers of a vector, of the tokens that there were before. */
static void take_tokens(real *to, const param *p, const real *from, const param *before, int side,
                        const token_map *map)
{
    const int last = p->shape.rank - 1;
    const int64_t row = p->shape.dim[last], row_before = before->shape.dim[last];
    const int64_t rows = side == last ? shape_size(&p->shape) / row : 1;
    const int64_t width = side == last ? 1 : row;
    for (int64_t i = 0; i < map->n; i++)
        for (int64_t r = 0; map->before[i] >= 0 && r < rows; r++)
            memcpy(to + r * row + i * width, from + r * row_before + map->before[i] * width,
                   (size_t)width * sizeof *to);
}

static bool take_param(rondo_model *to, const param *p, const rondo_model *from,
                       const param *before, const token_map *map)
{
    const int side = map ? token_side(to, p, map->n, map->told) : -1;
    const int side_before = map ? token_side(from, before, map->n_before, map->told) : -1;
    if (side != side_before || !shapes_fit(&p->shape, &before->shape, side)) return false;
    real *w = to->weights + p->offset;
    const real *w_before = from->weights + before->offset;
    if (side >= 0)
        take_tokens(w, p, w_before, before, side, map);
    else
        memcpy(w, w_before, (size_t)shape_size(&p->shape) * sizeof *w);
    return true;
}

bool graft_is_of(const rondo_model *m, const param *p, int layers)
{
    for (int i = 0; i < layers && i < m->n_layers; i++)
        if (m->layers[i] == p->layer) return true;
    return false;
}

void graft_weights(rondo_model *to, const rondo_model *from, int layers, const token_map *map,
                   int64_t *taken)
{
    *taken = 0;
    for (int i = 0; i < to->n_params; i++) { /* adapters', too */
        const param *p = to->params[i];
        if (!graft_is_of(to, p, layers)) continue;
        const param *before = model_param(from, rondo_weight_name(to, i));
        if (before && take_param(to, p, from, before, map)) *taken += shape_size(&p->shape);
    }
    model_weights_changed(to);
}
