/* Building: nodes, values, outputs. The first failure sticks to the model; later calls do nothing.
 * */
#include "model.h"
#include <string.h>

static const rondo_value nowhere = { -1, 0 };

rondo_model *rondo_model_new(void)
{
    rondo_model *m = alloc_new(sizeof *m);
    if (!m) return NULL;
    m->latest = nowhere;
    m->version = m->whole_version = 1;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void rondo_model_free(rondo_model *m)
{
    if (!m) return;
    if (m->training_free) m->training_free(m->training);
    pool_free(m->pool);
    for (int i = 0; i < m->n_layers; i++) layer_free(m->layers[i]);
    while (m->unlisted) {
        rondo_layer *next = m->unlisted->next;
        layer_free(m->unlisted);
        m->unlisted = next;
    }
    for (int i = 0; i < m->n_nodes; i++) alloc_free(m->nodes[i].in);
    alloc_free_aligned(m->weights);
    alloc_free_aligned(m->gradients);
    alloc_free_aligned(m->packed);
    alloc_free_aligned(m->room);
    alloc_free_aligned(m->packed_backward);
    alloc_free(m->layers);
    alloc_free(m->nodes);
    alloc_free(m->inputs);
    alloc_free(m->outputs);
    alloc_free(m->params);
    alloc_free(m->error);
    alloc_free(m->metadata);
    alloc_free(m->training_spec);
    pthread_mutex_destroy(&m->lock);
    alloc_free(m);
}

rondo_status model_status(const rondo_model *m)
{
    if (!m) return rondo_fail(RONDO_E_ARG, "the model is NULL");
    if (!m->status) return RONDO_OK;
    return rondo_fail(m->status, "%s", m->error ? m->error : rondo_status_text(m->status));
}

/* Keeps the first failure, whose sentence is this thread's. */
static rondo_value stick(rondo_model *m, rondo_status s)
{
    if (m && !m->status && s) {
        m->status = s;
        m->error = alloc_text(rondo_error());
    }
    return nowhere;
}

rondo_status model_stick(rondo_model *m, rondo_status s)
{
    if (s) stick(m, s);
    return s;
}

static rondo_status add_node(rondo_model *m, const node *n)
{
    if (m->weights)
        return rondo_fail(RONDO_E_STATE,
                          "the model is in use already: layers are added before compile");
    if (m->n_nodes == LIMIT_LAYERS)
        return rondo_fail(RONDO_E_LIMIT, "a model has at most %d nodes", LIMIT_LAYERS);
    node *grown = alloc_grow(m->nodes, (size_t)(m->n_nodes + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    m->nodes = grown;
    grown[m->n_nodes++] = *n;
    return RONDO_OK;
}

static rondo_status input_shape(value_shape *out, rondo_type type, const rondo_shape *s)
{
    const bool tokens = type == RONDO_I32;
    *out = (value_shape){
        .type = type, .sequence = tokens || s->rank == 2, .features = 1, .steps = 1
    };
    if (s->rank != 1 && (tokens || s->rank != 2))
        return rondo_fail(RONDO_E_SHAPE,
                          "an input is {time, features} or {features}, or {time} of tokens; "
                          "given %d dimensions",
                          s->rank);
    if (!tokens) out->features = s->dim[s->rank - 1];
    if (out->sequence) out->steps = s->dim[0];
    if (out->features < 1 || out->steps < 0 || out->features > LIMIT_SIZE)
        return rondo_fail(RONDO_E_SHAPE, "an input needs at least one feature, given %lld",
                          (long long)out->features);
    return RONDO_OK;
}

rondo_value rondo_input(rondo_model *m, rondo_type type, rondo_shape per_example)
{
    node n = { .n_out = 1 };
    if (!m || m->status) return nowhere;
    rondo_status s = input_shape(&n.out[0], type, &per_example);
    int *grown = s ? NULL : alloc_grow(m->inputs, (size_t)(m->n_inputs + 1) * sizeof *grown);
    if (!s && !grown) s = RONDO_E_NOMEM;
    if (grown) m->inputs = grown;
    n.input = m->n_inputs;
    if (!s && m->n_inputs == MAX_PORTS)
        s = rondo_fail(RONDO_E_LIMIT, "a model has at most %d inputs", MAX_PORTS);
    if (!s) s = add_node(m, &n);
    if (s) return stick(m, s);
    m->inputs[m->n_inputs++] = m->n_nodes - 1;
    return m->latest = (rondo_value){ m->n_nodes - 1, 0 };
}

/* What goes into a file's JSON has to be UTF-8. */
static rondo_status check_text(const char *what, const char *text)
{
    json_t *string = json_string(text);
    if (!string) return rondo_fail(RONDO_E_ARG, "%s is not UTF-8 text", what);
    json_decref(string);
    return RONDO_OK;
}

/* "lstm", then "lstm_1" … */
static rondo_status name_layer(const rondo_model *m, rondo_layer *l)
{
    for (int suffix = 0; !l->name; suffix++) {
        char *name = suffix ? alloc_format("%s_%d", l->kind, suffix) : alloc_text(l->kind);
        bool taken = false;
        if (!name) return RONDO_E_NOMEM;
        for (int i = 0; i < m->n_layers; i++)
            taken |= m->layers[i] != l && m->layers[i]->name && !strcmp(m->layers[i]->name, name);
        if (taken)
            alloc_free(name);
        else
            l->name = name;
    }
    RONDO_TRY(check_text("the name of a layer", l->name));
    if (strchr(l->name, '.'))
        return rondo_fail(RONDO_E_ARG, "the name of a layer has no dots: \"%s\"", l->name);
    if (strlen(l->name) > LIMIT_NAME / 2)
        return rondo_fail(RONDO_E_LIMIT, "the name of a layer is longer than %d bytes",
                          LIMIT_NAME / 2); /* so that its weights' names fit a file */
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i] != l && m->layers[i]->name && !strcmp(m->layers[i]->name, l->name))
            return rondo_fail(RONDO_E_ARG, "two layers are named \"%s\"", l->name);
    return RONDO_OK;
}

/* From here on the model owns the layer, whatever happens. */
static rondo_status take(rondo_model *m, rondo_layer *l)
{
    if (l->owner && l->owner != m)
        return rondo_fail(RONDO_E_ARG, "the layer belongs to another model already");
    l->owner = m;
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i] == l) return RONDO_OK;
    for (const rondo_layer *other = m->unlisted; other; other = other->next)
        if (other == l) return RONDO_E_NOMEM;
    rondo_layer **grown = alloc_grow(m->layers, (size_t)(m->n_layers + 1) * sizeof *grown);
    if (!grown) { /* kept all the same: it may be applied again */
        l->next = m->unlisted;
        m->unlisted = l;
        return RONDO_E_NOMEM;
    }
    m->layers = grown;
    l->index = (uint32_t)m->n_layers;
    m->layers[m->n_layers++] = l;
    return RONDO_OK;
}

/* The layer that its option `tie` names. */
static rondo_status find_tied(const rondo_model *m, rondo_layer *l)
{
    const option_field *f = options_find(&l->type->options, "tie");
    const char *name = f ? *(char **)((char *)l->options + f->offset) : NULL;
    if (!name) return RONDO_OK;
    const char **names = alloc_array(m->n_layers + 1, sizeof *names);
    if (!names) return RONDO_E_NOMEM;
    int n = 0;
    for (int i = 0; i < m->n_layers; i++) {
        if (m->layers[i] == l) continue;
        names[n++] = m->layers[i]->name;
        if (!strcmp(m->layers[i]->name, name)) l->tied = m->layers[i];
    }
    const char *near = name_nearest(name, n, names);
    alloc_free(names);
    if (l->tied) return RONDO_OK;
    return rondo_fail(RONDO_E_NAME, "%s: tie=%s, but no layer before it is named so%s%s%s", l->kind,
                      name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static rondo_status gather_shapes(const rondo_model *m, const rondo_layer *l, int n,
                                  const rondo_value in[], value_shape shapes[])
{
    for (int i = 0; i < n; i++) {
        if (in[i].node < 0 || in[i].node >= m->n_nodes || in[i].port < 0 ||
            in[i].port >= m->nodes[in[i].node].n_out)
            return rondo_fail(RONDO_E_ARG,
                              "%s: input %d is no value of this model (node %d, port %d)", l->kind,
                              i, in[i].node, in[i].port);
        shapes[i] = m->nodes[in[i].node].out[in[i].port];
        if (shapes[i].type == RONDO_I32 && !l->type->any_input)
            return rondo_fail(RONDO_E_SHAPE,
                              "%s takes real numbers, given tokens; put an embedding before it",
                              l->kind);
    }
    return RONDO_OK;
}

static rondo_status apply(rondo_model *m, rondo_layer *l, int n, const rondo_value in[])
{
    enum { MAX_INPUTS = 16 };
    value_shape shapes[MAX_INPUTS];
    node made = { .layer = l, .n_in = n, .state_offset = m->state_size };
    if (l->status)
        return rondo_fail(l->status, "%s", l->error ? l->error : rondo_status_text(l->status));
    if (n < l->type->min_inputs || n > l->type->max_inputs || n > MAX_INPUTS)
        return rondo_fail(RONDO_E_ARG, "%s takes %d to %d inputs, given %d", l->kind,
                          l->type->min_inputs, l->type->max_inputs, n);
    RONDO_TRY(gather_shapes(m, l, n, in, shapes));
    RONDO_TRY(name_layer(m, l));
    if (!l->built) {
        RONDO_TRY(find_tied(m, l));
        if (l->type->build) RONDO_TRY(l->type->build(l, n, shapes));
        l->built = true;
        RONDO_TRY(model_list_params(m, l));
    }
    RONDO_TRY(l->type->outputs(l, n, shapes, made.out, &made.n_out));
    if (l->type->state_size) made.state_size = l->type->state_size(l);
    made.in = alloc_array(n, sizeof *made.in);
    if (!made.in) return RONDO_E_NOMEM;
    memcpy(made.in, in, (size_t)n * sizeof *in);
    const rondo_status s = add_node(m, &made);
    if (s)
        alloc_free(made.in);
    else
        m->state_size += made.state_size;
    return s;
}

rondo_value rondo_apply(rondo_model *m, rondo_layer *l, int n, const rondo_value in[])
{
    if (!m) {
        layer_free(l);
        return nowhere;
    }
    if (!l) return stick(m, rondo_fail(RONDO_E_NOMEM, "no layer given: memory was out"));
    rondo_status s = take(m, l);
    if (m->status) return nowhere;
    if (!s) s = apply(m, l, n, in);
    if (s) return stick(m, s);
    return m->latest = (rondo_value){ m->n_nodes - 1, 0 };
}

rondo_value rondo_add(rondo_model *m, rondo_layer *l)
{
    if (m && !m->status && m->latest.node < 0)
        stick(m, rondo_fail(RONDO_E_STATE, "add an input before the first layer: rondo_input(…)"));
    const rondo_value latest = m ? m->latest : nowhere;
    return rondo_apply(m, l, 1, &latest);
}

rondo_status rondo_add_spec(rondo_model *m, const char *text)
{
    char **parts;
    int n;
    RONDO_TRY(model_status(m));
    if (!text) return rondo_fail(RONDO_E_ARG, "the model's spec is NULL");
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    for (int i = 0; i < n && !m->status; i++)
        if (*parts[i]) rondo_add(m, rondo_layer_parse(parts[i]));
    text_list_free(parts);
    return model_status(m);
}

rondo_status rondo_outputs(rondo_model *m, int n, const rondo_value out[])
{
    RONDO_TRY(model_status(m));
    if (m->training)
        return rondo_fail(RONDO_E_STATE, "the model is compiled: outputs are chosen before that");
    if (n < 1 || n > MAX_PORTS)
        return rondo_fail(RONDO_E_LIMIT, "a model has 1 to %d outputs, given %d", MAX_PORTS, n);
    for (int i = 0; i < n; i++) {
        if (out[i].node < 0 || out[i].node >= m->n_nodes || out[i].port < 0 ||
            out[i].port >= m->nodes[out[i].node].n_out || !m->nodes[out[i].node].layer)
            return rondo_fail(RONDO_E_ARG, "output %d is not the output of a layer", i);
        for (int j = 0; j < i; j++)
            if (out[i].node == out[j].node && out[i].port == out[j].port)
                return rondo_fail(RONDO_E_ARG, "outputs %d and %d are the same value", j, i);
    }
    rondo_value *copy = alloc_array(n, sizeof *copy);
    if (!copy) return RONDO_E_NOMEM;
    memcpy(copy, out, (size_t)n * sizeof *out);
    alloc_free(m->outputs);
    m->outputs = copy;
    m->n_outputs = n;
    return RONDO_OK;
}

int model_output_count(const rondo_model *m)
{
    return m->n_outputs ? m->n_outputs : 1;
}

rondo_value model_output(const rondo_model *m, int i)
{
    return m->n_outputs ? m->outputs[i] : m->latest;
}

const value_shape *model_output_shape(const rondo_model *m, int i)
{
    const rondo_value v = model_output(m, i);
    return &m->nodes[v.node].out[v.port];
}

bool model_is_used(const rondo_model *m, int at)
{
    for (int n = 0; n < m->n_nodes; n++)
        for (int k = 0; k < m->nodes[n].n_in; k++)
            if (m->nodes[n].in[k].node == at) return true;
    return false;
}

const rondo_function *model_output_activation(const rondo_model *m, int i)
{
    const rondo_value v = model_output(m, i);
    const rondo_layer *l = m->nodes[v.node].layer;
    if (model_is_used(m, v.node)) return NULL; /* its activation is wanted by somebody else too */
    return l && l->type->activation ? l->type->activation(l) : NULL;
}

bool model_layer_stateful(const rondo_layer *l)
{
    const option_field *f = l ? options_find(&l->type->options, "stateful") : NULL;
    return f && f->type == OPTION_BOOL && *(const bool *)((const char *)l->options + f->offset);
}

bool model_stateful(const rondo_model *m)
{
    for (int i = 0; i < m->n_nodes; i++)
        if (model_layer_stateful(m->nodes[i].layer)) return true;
    return false;
}

void model_start_states(const rondo_model *m, real *states, int64_t batch, bool all)
{
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        const int64_t width = n->state_size ? n->layer->type->state_width(n->layer) : 1;
        if (!all && model_layer_stateful(n->layer)) continue;
        for (int64_t k = 0; k < n->state_size / width; k++)
            for (int64_t r = 0; r < batch; r++)
                model_start_row(m, n, (int)k,
                                states + (n->state_offset + k * width) * batch + r * width);
    }
}

void model_start_row(const rondo_model *m, const node *n, int k, real *row)
{
    const layer_type *type = n->layer->type;
    const real *start = type->state_start ? type->state_start(n->layer, m->weights, k) : NULL;
    const int64_t width = type->state_width(n->layer);
    if (start)
        memcpy(row, start, (size_t)width * sizeof *row);
    else
        kernel_table()->fill(row, 0, width);
}

rondo_status model_can_stream(const rondo_model *m)
{
    RONDO_TRY(model_status(m));
    for (int i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].state_size && m->nodes[i].n_in > 1)
            return rondo_fail(RONDO_E_ARG,
                              "%s begins with a state it is given, so the model cannot run in "
                              "pieces of time",
                              m->nodes[i].layer->name);
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i]->type->can_stream) RONDO_TRY(m->layers[i]->type->can_stream(m->layers[i]));
    return RONDO_OK;
}

int rondo_input_count(const rondo_model *m)
{
    return m ? m->n_inputs : 0;
}

int rondo_output_count(const rondo_model *m)
{
    return m && m->latest.node >= 0 ? model_output_count(m) : 0;
}

static rondo_shape public_shape(const value_shape *s)
{
    if (s->type == RONDO_I32) return (rondo_shape){ 1, { s->steps } };
    if (!s->sequence) return (rondo_shape){ 1, { s->features } };
    return (rondo_shape){ 2, { s->steps, s->features } };
}

rondo_status rondo_input_shape(const rondo_model *m, int i, rondo_type *type, rondo_shape *shape)
{
    RONDO_TRY(model_status(m));
    if (i < 0 || i >= m->n_inputs) return rondo_fail(RONDO_E_ARG, "the model has no input %d", i);
    const value_shape *s = &m->nodes[m->inputs[i]].out[0];
    *type = s->type;
    *shape = public_shape(s);
    return RONDO_OK;
}

rondo_status rondo_output_shape(const rondo_model *m, int i, rondo_shape *shape)
{
    RONDO_TRY(model_status(m));
    if (i < 0 || i >= rondo_output_count(m))
        return rondo_fail(RONDO_E_ARG, "the model has no output %d", i);
    *shape = public_shape(model_output_shape(m, i));
    return RONDO_OK;
}

rondo_status rondo_set_metadata(rondo_model *m, const char *json)
{
    RONDO_TRY(model_status(m));
    if (json) RONDO_TRY(check_text("the metadata", json));
    char *copy = alloc_text(json);
    if (json && !copy) return RONDO_E_NOMEM;
    alloc_free(m->metadata);
    m->metadata = copy;
    return RONDO_OK;
}

const char *rondo_metadata(const rondo_model *m)
{
    return m ? m->metadata : NULL;
}
