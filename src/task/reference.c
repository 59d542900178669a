/* reference - what is built in, in words: docs/REFERENCE.md and `rondo help activations` are made of
 * it. */
#include "cell/cell.h"
#include "layer/layer.h"
#include "task/task.h"
#include <math.h>
#include <string.h>

typedef struct teller { /* whom facts are told */
    rondo_fact *fact;
    void *user;
} teller;

static void tell(const teller *to, const char *name, const char *what)
{
    if (what && *what) to->fact(name, what, false, to->user);
}

/* The list, and gives back its memory. */
static rondo_status tell_list(const teller *to, const char *name, text_buffer *list)
{
    const rondo_status status = list->status;
    if (!status && list->size) to->fact(name, list->data, true, to->user);
    text_free(list);
    return status;
}

static void add_item(text_buffer *list, const char *item)
{
    text_add(list, "%s%s", list->size ? "\t" : "", item);
}

/* ---- Activations ---- */
static const char *activation_line(const char *name)
{
    const rondo_activation *row = registry_find(REGISTRY_ACTIVATION, name);
    return row->formula ? row->formula : row->note ? row->note : "";
}

/* The derivative at x[n], of a function that does not mix them. */
static void slopes(const rondo_function *f, real *slope, const real *x, int64_t n)
{
    enum { ROOM = 256 };
    real y[ROOM], one[ROOM];
    for (int64_t i = 0; i < n; i += ROOM) {
        const int64_t count = n - i < ROOM ? n - i : ROOM;
        for (int64_t k = 0; k < count; k++) one[k] = 1;
        activation_forward(f, y, x + i, 1, count);
        activation_backward(f, slope + i, x + i, y, one, 1, count);
    }
}

/* The largest |f'| from -most to most. */
static double largest_slope(const rondo_function *f, double most)
{
    enum { POINTS = 256 };
    real x[POINTS], slope[POINTS];
    double largest = 0;
    for (int block = 0; block < 40; block++) {
        for (int i = 0; i < POINTS; i++)
            x[i] = (real)(most * ((block * POINTS + i) / (20.0 * POINTS) - 1));
        slopes(f, slope, x, POINTS);
        for (int i = 0; i < POINTS; i++) largest = fmax(largest, fabs((double)slope[i]));
    }
    return largest;
}

static rondo_status tell_slopes(const teller *to, const char *name)
{
    const real zero = 0;
    real at_zero;
    char text[32];
    rondo_function f;
    RONDO_TRY(activation_parse(&f, name));
    slopes(&f, &at_zero, &zero, 1);
    snprintf(text, sizeof text, "%.4g", (double)at_zero);
    tell(to, "slope_at_0", text);
    const double near = largest_slope(&f, 20), far = largest_slope(&f, 10000);
    snprintf(text, sizeof text, "%.4g", fmax(near, far));
    tell(to, "largest_slope", far > 2 * near ? "grows without bound" : text);
    activation_free(&f);
    return RONDO_OK;
}

static rondo_status tell_kinks(const teller *to, const rondo_activation *row)
{
    text_buffer list = { 0 };
    for (const double *k = row->kinks; k && !isnan(*k); k++)
        text_add(&list, "%s%.4g", k == row->kinks ? "" : "\t", *k);
    return tell_list(to, "kinks", &list);
}

/* Every name of the row, but that which it has itself. */
static rondo_status tell_other_names(const teller *to, const rondo_activation *row)
{
    text_buffer list = { 0 };
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++)
        if (registry_at(REGISTRY_ACTIVATION, i) == row && activation_is_alias(i))
            add_item(&list, registry_name(REGISTRY_ACTIVATION, i));
    return tell_list(to, "also", &list);
}

static rondo_status tell_learned(const teller *to, const rondo_activation *row)
{
    char name[LIMIT_NAME];
    text_buffer list = { 0 };
    for (int i = 0; i < row->learned && !row->drawn; i++)
        if (parameters_name(row->parameters, i, name)) add_item(&list, name);
    tell(to, "drawn", row->drawn);
    return tell_list(to, "learned", &list);
}

static rondo_status tell_activation(const teller *to, const char *name)
{
    const rondo_activation *row = registry_find(REGISTRY_ACTIVATION, name);
    char *derivative;
    tell(to, "name", row->name);
    RONDO_TRY(tell_other_names(to, row));
    tell(to, "formula", row->formula);
    RONDO_TRY(activation_derivative(&derivative, row));
    tell(to, "derivative", derivative);
    alloc_free(derivative);
    tell(to, "range", row->range);
    tell(to, "parameters", row->parameters);
    RONDO_TRY(tell_learned(to, row));
    RONDO_TRY(tell_kinks(to, row));
    if (!row->rowwise) RONDO_TRY(tell_slopes(to, row->name));
    tell(to, "source", row->source);
    tell(to, "note", row->note);
    return RONDO_OK;
}

/* ---- Cells ---- */
static const char *cell_line(const char *name)
{
    return ((const rondo_cell *)registry_find(REGISTRY_CELL, name))->help;
}

static rondo_status tell_gates(const teller *to, const rondo_cell *cell)
{
    text_buffer list = { 0 };
    char gate[LIMIT_NAME];
    for (int g = 0; g < cell_gate_count(cell); g++) {
        cell_gate_name(gate, sizeof gate, cell, g);
        text_add(&list, "%s%s=%s", g ? "\t" : "", gate,
                 cell_gate_is_recurrent(cell, gate) ? cell->recurrent_activation
                                                    : cell->activation);
    }
    return tell_list(to, "gates", &list);
}

enum { FEATURES = 7, UNITS = 100 }; /* of a layer that is made to see what its weights look like */

static void add_extent(text_buffer *t, int64_t extent)
{
    if (extent == FEATURES)
        text_add(t, "features");
    else if (extent == UNITS)
        text_add(t, "units");
    else if (extent % UNITS == 0)
        text_add(t, "%lld units", (long long)(extent / UNITS));
    else
        text_add(t, "%lld", (long long)extent);
}

static rondo_status list_weights(text_buffer *list, const rondo_model *m)
{
    for (int i = 0; i < rondo_weight_count(m); i++) {
        const char *name = rondo_weight_name(m, i), *own = strchr(name, '.');
        rondo_array w;
        RONDO_TRY(rondo_weight_get(m, name, &w));
        text_add(list, "%s%s ", i ? "\t" : "", own ? own + 1 : name);
        for (int d = 0; d < w.shape.rank; d++) {
            if (d) text_add(list, " × ");
            add_extent(list, w.shape.dim[d]);
        }
    }
    return RONDO_OK;
}

static rondo_status tell_weights(const teller *to, const rondo_cell *cell)
{
    text_buffer list = { 0 };
    rondo_model *m = rondo_model_new();
    if (!m) return RONDO_E_NOMEM;
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, FEATURES));
    rondo_add(m, rondo_rnn(cell->name, UNITS));
    const rondo_status status = list_weights(&list, m);
    rondo_model_free(m);
    if (status) {
        text_free(&list);
        return status;
    }
    return tell_list(to, "weights", &list);
}

static rondo_status tell_equations(const teller *to, const char *formula)
{
    text_buffer list = { 0 };
    for (const char *at = formula; at && *at; at += strspn(at, "\n")) {
        const size_t n = strcspn(at, "\n");
        text_add(&list, "%s%.*s", at == formula ? "" : "\t", (int)n, at);
        at += n;
    }
    return tell_list(to, "equations", &list);
}

static rondo_status tell_cell(const teller *to, const char *name)
{
    char states[16];
    const rondo_cell *cell = registry_find(REGISTRY_CELL, name);
    tell(to, "name", cell->name);
    tell(to, "help", cell->help);
    RONDO_TRY(tell_equations(to, cell->formula));
    RONDO_TRY(tell_gates(to, cell));
    tell(to, "parameters", cell->parameters);
    RONDO_TRY(tell_weights(to, cell));
    snprintf(states, sizeof states, "%d", cell->states);
    tell(to, "states", states);
    tell(to, "source", cell->source);
    return RONDO_OK;
}

/* ---- Layers, adapters and initializers ---- */
static const char *layer_line(const char *name)
{
    return ((const layer_type *)registry_find(REGISTRY_LAYER, name))->help;
}

static rondo_status tell_options(const teller *to, const option_table *options)
{
    text_buffer list = { 0 };
    for (int i = 0; i < options->n; i++) {
        const option_field *o = &options->fields[i];
        text_add(&list, "%s%s%s%s%s%s", i ? "\t" : "", o->name, o->initial ? "=" : "",
                 o->initial ? o->initial : "", *o->help ? ": " : "", o->help);
    }
    return tell_list(to, "options", &list);
}

static rondo_status tell_layer(const teller *to, const char *name)
{
    const layer_type *type;
    RONDO_TRY(layer_type_find(&type, name));
    tell(to, "name", name);
    tell(to, "help", type->help);
    return tell_options(to, &type->options);
}

static const char *adapter_line(const char *name)
{
    return ((const adapter_row *)registry_find(REGISTRY_ADAPTER, name))->help;
}

static rondo_status tell_adapter(const teller *to, const char *name)
{
    const adapter_row *row = registry_find(REGISTRY_ADAPTER, name);
    tell(to, "name", row->name);
    tell(to, "help", row->help);
    return tell_options(to, &row->options);
}

static const char *initializer_line(const char *name)
{
    return ((const initializer_row *)registry_find(REGISTRY_INITIALIZER, name))->help;
}

static rondo_status tell_initializer(const teller *to, const char *name)
{
    const initializer_row *row = registry_find(REGISTRY_INITIALIZER, name);
    tell(to, "name", row->name);
    tell(to, "help", row->help);
    tell(to, "parameters", row->parameters);
    return RONDO_OK;
}

static rondo_status tell_preset(const teller *to, const char *name)
{
    return preset_tell(name, to->fact, to->user);
}

/* ---- Kinds ---- */
static const struct kind {
    const char *name;
    registry_kind registry;
    const char *(*line)(const char *name);
    rondo_status (*all)(const teller *, const char *name);
} kinds[] = {
    { "activations", REGISTRY_ACTIVATION, activation_line, tell_activation },
    { "cells", REGISTRY_CELL, cell_line, tell_cell },
    { "layers", REGISTRY_LAYER, layer_line, tell_layer },
    { "initializers", REGISTRY_INITIALIZER, initializer_line, tell_initializer },
    { "adapters", REGISTRY_ADAPTER, adapter_line, tell_adapter },
    { "presets", REGISTRY_PRESET, preset_line, tell_preset },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *rondo_reference_kind(int i)
{
    return i >= 0 && i < KINDS ? kinds[i].name : NULL;
}

static rondo_status find_kind(const struct kind **found, const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(kinds[i].name, name)) {
            *found = &kinds[i];
            return RONDO_OK;
        }
    return rondo_fail(RONDO_E_NAME,
                      "nothing is called \"%s\"; there are activations, cells, layers, "
                      "initializers, adapters and presets",
                      name);
}

rondo_status rondo_reference(const char *kind, rondo_fact *fact, void *user)
{
    const struct kind *k = NULL;
    RONDO_TRY(find_kind(&k, kind));
    for (int i = 0; i < registry_count(k->registry); i++)
        if (k->registry != REGISTRY_ACTIVATION || !activation_is_alias(i)) {
            const char *name = registry_name(k->registry, i);
            fact(name, k->line(name), false, user);
        }
    return RONDO_OK;
}

rondo_status rondo_reference_entry(const char *kind, const char *name, rondo_fact *fact, void *user)
{
    const struct kind *k = NULL;
    const void *row;
    const teller to = { fact, user };
    if (kind) RONDO_TRY(find_kind(&k, kind));
    for (int i = 0; i < KINDS && !k; i++)
        if (registry_find(kinds[i].registry, name)) k = &kinds[i];
    if (!k)
        return rondo_fail(RONDO_E_NAME,
                          "no activation, cell, layer, initializer, adapter or preset is called "
                          "\"%s\"",
                          name);
    const layer_type *type;
    RONDO_TRY(k->registry == REGISTRY_LAYER ? layer_type_find(&type, name)
                                            : registry_get(k->registry, name, &row));
    return fact ? k->all(&to, name) : RONDO_OK;
}
