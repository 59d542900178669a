/* A model's layers and graph as JSON:
 *   {"layers": [{"kind", "name", "options"} …],
 *    "nodes": [{"input": {"type", "shape"}} | {"layer": i, "inputs": [[node, port] …]} …],
 *    "outputs": [[node, port] …], "frozen": ["lstm.kernel" …],
 *    "adapters": [{"weight", "kind", "name", "options", "enabled", "froze"} …]: only where there are */
#include "model.h"
#include <string.h>

static json_t *value_json(rondo_value v)
{
    return json_pack("[i,i]", v.node, v.port);
}

static json_t *input_json(const value_shape *s)
{
    json_t *shape = s->type == RONDO_I32 ? json_pack("[I]", (json_int_t)s->steps)
                    : s->sequence
                        ? json_pack("[I,I]", (json_int_t)s->steps, (json_int_t)s->features)
                        : json_pack("[I]", (json_int_t)s->features);
    return json_pack("{s:{s:s, s:o}}", "input", "type", s->type == RONDO_I32 ? "i32" : "f32",
                     "shape", shape);
}

static json_t *node_json(const rondo_model *m, const node *n)
{
    int layer = 0;
    if (!n->layer) return input_json(&n->out[0]);
    while (m->layers[layer] != n->layer) layer++;
    json_t *inputs = json_array();
    for (int i = 0; i < n->n_in; i++) json_array_append_new(inputs, value_json(n->in[i]));
    return json_pack("{s:i, s:o}", "layer", layer, "inputs", inputs);
}

static json_t *frozen_json(const rondo_model *m)
{
    json_t *frozen = json_array();
    for (int i = 0; i < m->n_params; i++)
        if (!m->params[i]->trainable)
            json_array_append_new(frozen, json_string(rondo_weight_name(m, i)));
    return frozen;
}

static json_t *adapters_json(const rondo_model *m)
{
    json_t *all = json_array();
    for (int i = 0; i < m->n_params; i++)
        for (const adapter *a = m->params[i]->adapters; a; a = a->next) {
            json_t *one = adapter_to_json(a);
            const bool named = !json_put(one, "weight", json_string(rondo_weight_name(m, i)));
            if (named && !json_array_append_new(all, one)) continue;
            if (!named) json_decref(one);
            json_decref(all);
            return NULL;
        }
    return all;
}

rondo_status model_to_json(const rondo_model *m, json_t **out)
{
    RONDO_TRY(model_status(m));
    json_t *layers = json_array(), *nodes = json_array(), *outputs = json_array();
    for (int i = 0; i < m->n_layers; i++)
        json_array_append_new(layers, layer_to_json(m->layers[i]));
    for (int i = 0; i < m->n_nodes; i++) json_array_append_new(nodes, node_json(m, &m->nodes[i]));
    for (int i = 0; i < model_output_count(m); i++)
        json_array_append_new(outputs, value_json(model_output(m, i)));
    *out = json_pack("{s:o, s:o, s:o, s:o}", "layers", layers, "nodes", nodes, "outputs", outputs,
                     "frozen", frozen_json(m));
    json_t *adapters = adapters_json(m);
    bool whole = *out && adapters && (int)json_array_size(layers) == m->n_layers &&
                 (int)json_array_size(nodes) == m->n_nodes;
    if (whole && json_array_size(adapters)) whole = !json_object_set(*out, "adapters", adapters);
    json_decref(adapters);
    if (whole) return RONDO_OK;
    json_decref(*out);
    *out = NULL;
    return rondo_fail(RONDO_E_NOMEM, "out of memory");
}

static rondo_status read_value(const json_t *json, rondo_value *v)
{
    if (json_array_size(json) != 2 || !json_is_integer(json_array_get(json, 0)) ||
        !json_is_integer(json_array_get(json, 1)))
        return rondo_fail(RONDO_E_FORMAT, "a value is [node, port]");
    const json_int_t n = json_integer_value(json_array_get(json, 0));
    const json_int_t port = json_integer_value(json_array_get(json, 1));
    if (n < 0 || n > LIMIT_LAYERS || port < 0 || port >= MAX_PORTS)
        return rondo_fail(RONDO_E_FORMAT, "value [%lld, %lld] is out of range", (long long)n,
                          (long long)port);
    *v = (rondo_value){ (int)n, (int)port };
    return RONDO_OK;
}

static rondo_status read_input(rondo_model *m, const json_t *json)
{
    const char *type;
    json_t *dims;
    rondo_shape shape = { 0 };
    RONDO_TRY(json_want_text(json, "type", &type));
    RONDO_TRY(json_want_array(json, "shape", &dims));
    if (json_array_size(dims) > 2)
        return rondo_fail(RONDO_E_FORMAT, "an input has 1 or 2 dimensions");
    for (size_t i = 0; i < json_array_size(dims); i++) {
        const json_t *dim = json_array_get(dims, i);
        if (!json_is_integer(dim))
            return rondo_fail(RONDO_E_FORMAT, "a dimension of an input is not a whole number");
        shape.dim[shape.rank++] = json_integer_value(dim);
    }
    const bool tokens = !strcmp(type, "i32");
    if (!tokens && strcmp(type, "f32") != 0)
        return rondo_fail(RONDO_E_FORMAT, "an input is of type \"%s\", expected f32 or i32", type);
    rondo_input(m, tokens ? RONDO_I32 : RONDO_F32, shape);
    return model_status(m);
}

typedef struct reader { /* layers read and not yet given to the model */
    rondo_model *model;
    rondo_layer **layers;
    bool *given;
    int n;
} reader;

static rondo_status read_node(reader *r, const json_t *json)
{
    rondo_value in[16];
    int64_t layer;
    json_t *inputs;
    const json_t *input = json_object_get(json, "input");
    if (input) return read_input(r->model, input);
    RONDO_TRY(json_want_int(json, "layer", &layer));
    RONDO_TRY(json_want_array(json, "inputs", &inputs));
    if (layer < 0 || layer >= r->n)
        return rondo_fail(RONDO_E_FORMAT, "there is no layer %lld", (long long)layer);
    if (json_array_size(inputs) > 16)
        return rondo_fail(RONDO_E_LIMIT, "a layer has at most 16 inputs");
    for (size_t i = 0; i < json_array_size(inputs); i++)
        RONDO_TRY(read_value(json_array_get(inputs, i), &in[i]));
    r->given[layer] = true;
    rondo_apply(r->model, r->layers[layer], (int)json_array_size(inputs), in);
    return model_status(r->model);
}

/* By whole names: rondo_adapt would take a "*" in one for a pattern. */
static rondo_status read_frozen(rondo_model *m, const json_t *json)
{
    json_t *frozen;
    RONDO_TRY(json_want_array(json, "frozen", &frozen));
    for (int i = 0; i < m->n_params; i++) m->params[i]->trainable = true;
    for (size_t i = 0; i < json_array_size(frozen); i++) {
        const char *name = json_string_value(json_array_get(frozen, i));
        param *p = model_param(m, name);
        if (!p)
            return rondo_fail(RONDO_E_FORMAT, "there is no weight \"%s\" to freeze",
                              name ? name : "");
        p->trainable = false;
    }
    return RONDO_OK;
}

rondo_status model_freeze_as(rondo_model *m, const json_t *json)
{
    RONDO_TRY(read_frozen(m, json));
    return model_follow(m);
}

/* Before what is frozen: that may be what an adapter adds. */
static rondo_status read_adapter(rondo_model *m, const json_t *json)
{
    const char *weight;
    adapter *a;
    RONDO_TRY(json_want_text(json, "weight", &weight));
    param *p = model_param(m, weight);
    if (!p) return rondo_fail(RONDO_E_FORMAT, "there is no weight \"%s\" to adapt", weight);
    RONDO_TRY(rondo_fail_in(adapter_from_json(&a, json, p), "%s", weight));
    const bool taken = adapter_find(p, a->name) != NULL;
    const bool froze = a->froze;
    if (!taken) {
        adapter_put(p, a);
        a->froze = froze;
        return RONDO_OK;
    }
    const rondo_status s = rondo_fail(RONDO_E_FORMAT, "%s has two adapters \"%s\"", weight,
                                      a->name);
    adapter_free(a);
    return s;
}

static rondo_status read_adapters(rondo_model *m, const json_t *json)
{
    json_t *adapters;
    if (!json_object_get(json, "adapters")) return RONDO_OK;
    RONDO_TRY(json_want_array(json, "adapters", &adapters));
    for (size_t i = 0; i < json_array_size(adapters); i++)
        RONDO_TRY(read_adapter(m, json_array_get(adapters, i)));
    return model_list_all(m);
}

static rondo_status read_graph(reader *r, const json_t *json)
{
    json_t *nodes, *outputs;
    rondo_value out[MAX_PORTS];
    RONDO_TRY(json_want_array(json, "nodes", &nodes));
    RONDO_TRY(json_want_array(json, "outputs", &outputs));
    for (size_t i = 0; i < json_array_size(nodes); i++)
        RONDO_TRY(read_node(r, json_array_get(nodes, i)));
    if (json_array_size(outputs) < 1 || json_array_size(outputs) > MAX_PORTS)
        return rondo_fail(RONDO_E_FORMAT, "a model has 1 to %d outputs", MAX_PORTS);
    for (size_t i = 0; i < json_array_size(outputs); i++)
        RONDO_TRY(read_value(json_array_get(outputs, i), &out[i]));
    RONDO_TRY(rondo_outputs(r->model, (int)json_array_size(outputs), out));
    RONDO_TRY(read_adapters(r->model, json));
    return read_frozen(r->model, json);
}

rondo_status model_from_json(rondo_model **out, const json_t *json)
{
    json_t *layers;
    *out = NULL;
    RONDO_TRY(json_want_array(json, "layers", &layers));
    if (json_array_size(layers) > LIMIT_LAYERS)
        return rondo_fail(RONDO_E_LIMIT, "a model has at most %d layers", LIMIT_LAYERS);
    reader r = { .n = (int)json_array_size(layers) };
    r.model = rondo_model_new();
    r.layers = alloc_array(r.n + 1, sizeof *r.layers);
    r.given = alloc_array(r.n + 1, sizeof *r.given);
    rondo_status s = r.model && r.layers && r.given ? RONDO_OK : RONDO_E_NOMEM;
    for (int i = 0; !s && i < r.n; i++)
        s = layer_from_json(&r.layers[i], json_array_get(layers, (size_t)i));
    if (!s) s = read_graph(&r, json);
    for (int i = 0; r.layers && i < r.n; i++)
        if (!r.given || !r.given[i]) layer_free(r.layers[i]);
    alloc_free(r.layers);
    alloc_free(r.given);
    if (!s && r.model->n_layers != r.n)
        s = rondo_fail(RONDO_E_FORMAT, "the model has layers that it never uses");
    if (s)
        rondo_model_free(r.model);
    else
        *out = r.model;
    return s;
}
