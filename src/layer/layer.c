#include "layer.h"
#include <stdlib.h>
#include <string.h>

rondo_status layer_type_find(const layer_type **type, const char *kind)
{
    const void *row = registry_find(REGISTRY_LAYER, kind);
    if (!row && registry_find(REGISTRY_CELL, kind)) row = &layer_recurrent;
    if (row) {
        *type = row;
        return RONDO_OK;
    }
    const int layers = registry_count(REGISTRY_LAYER), cells = registry_count(REGISTRY_CELL);
    const char **names = alloc_array(layers + cells, sizeof *names);
    if (!names) return RONDO_E_NOMEM;
    for (int i = 0; i < layers; i++) names[i] = registry_name(REGISTRY_LAYER, i);
    for (int i = 0; i < cells; i++) names[layers + i] = registry_name(REGISTRY_CELL, i);
    const char *near = name_nearest(kind, layers + cells, names);
    alloc_free(names);
    if (near)
        return rondo_fail(RONDO_E_NAME, "unknown layer \"%s\"; did you mean \"%s\"?", kind, near);
    return rondo_fail(RONDO_E_NAME, "unknown layer \"%s\"; `rondo doctor` lists them", kind);
}

rondo_status layer_new(rondo_layer **out, const char *kind)
{
    rondo_layer *l = alloc_new(sizeof *l);
    *out = l;
    if (!l) return RONDO_E_NOMEM;
    if (!kind) return rondo_fail(RONDO_E_ARG, "a layer needs a kind");
    RONDO_TRY(layer_type_find(&l->type, kind));
    l->kind = alloc_text(kind);
    l->options = alloc_new(l->type->options_size + 1);
    l->extra = alloc_new(l->type->extra_size + 1);
    if (!l->kind || !l->options || !l->extra) return RONDO_E_NOMEM;
    return options_default(&l->type->options, l->options);
}

rondo_status layer_open(rondo_layer *l)
{
    return l->type->open ? l->type->open(l) : RONDO_OK;
}

static rondo_status set_option(rondo_layer *l, const char *key, const char *text)
{
    if (!strcmp(key, "name")) {
        alloc_free(l->name);
        l->name = alloc_text(text);
        return l->name ? RONDO_OK : RONDO_E_NOMEM;
    }
    if (!options_find(&l->type->options, key) && l->type->set_other) {
        const rondo_status s = l->type->set_other(l, key, text);
        if (s != RONDO_E_NAME) return s;
    }
    return options_set(&l->type->options, l->options, l->kind, key, text);
}

static bool is_number(const char *text)
{
    char *end;
    strtod(text, &end);
    return end != text && !*end;
}

/* A word without "=": the first field when it is a number in the first place, else a flag or an
 * activation. */
static rondo_status set_word(rondo_layer *l, const char *word, bool first)
{
    const option_table *table = &l->type->options;
    if (is_number(word) && table->n && first) return set_option(l, table->fields[0].name, word);
    const option_field *f = options_find(table, word);
    if (f && f->type == OPTION_BOOL) return set_option(l, word, "true");
    if (!f && options_find(table, "activation")) {
        if (activation_is_formula(word)) return set_option(l, "activation", word);
        char name[LIMIT_NAME];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "("), word);
        if (registry_find(REGISTRY_ACTIVATION, name)) return set_option(l, "activation", word);
    }
    if (f) return rondo_fail(RONDO_E_ARG, "%s: \"%s\" needs a value: %s=…", l->kind, word, word);
    const int flags = table->n, acts = registry_count(REGISTRY_ACTIVATION);
    const char **names = alloc_array(flags + acts, sizeof *names);
    if (!names) return RONDO_E_NOMEM;
    int n = 0;
    for (int i = 0; i < flags; i++)
        if (table->fields[i].type == OPTION_BOOL) names[n++] = table->fields[i].name;
    for (int i = 0; i < acts && options_find(table, "activation"); i++)
        names[n++] = registry_name(REGISTRY_ACTIVATION, i);
    const char *near = name_nearest(word, n, names);
    alloc_free(names);
    if (near)
        return rondo_fail(RONDO_E_NAME, "%s: what is \"%s\"? did you mean \"%s\"?", l->kind, word,
                          near);
    return rondo_fail(RONDO_E_NAME, "%s: \"%s\" is no flag%s of it", l->kind, word,
                      options_find(table, "activation") ? " and no activation" : "");
}

rondo_status layer_parse_into(rondo_layer **out, const char *text)
{
    spec parsed;
    *out = NULL;
    RONDO_TRY(spec_parse(&parsed, text));
    rondo_status s = layer_new(out, parsed.kind);
    for (int i = 0; !s && i < parsed.n; i++) {
        const spec_word *w = &parsed.words[i];
        s = w->key ? set_option(*out, w->key, w->value) : set_word(*out, w->value, i == 0);
    }
    if (!s) s = layer_open(*out);
    spec_free(&parsed);
    return s;
}

/* What every public constructor returns: the layer, carrying its failure for the model to report.
 * */
static rondo_layer *finished(rondo_layer *l, rondo_status s)
{
    if (!l) l = alloc_new(sizeof *l);
    if (l && s) {
        l->status = s;
        l->error = alloc_text(rondo_error());
    }
    return l;
}

rondo_layer *rondo_layer_parse(const char *text)
{
    rondo_layer *l = NULL;
    const rondo_status s = text ? layer_parse_into(&l, text)
                                : rondo_fail(RONDO_E_ARG, "rondo_layer_parse: the spec is NULL");
    return finished(l, s);
}

/* Of an options struct that may be shorter than ours: an older program's. */
static rondo_layer *with_options(const char *kind, const void *given, size_t size, size_t known)
{
    rondo_layer *l = NULL;
    rondo_status s = layer_new(&l, kind);
    void *whole = s ? NULL : alloc_new(known);
    if (!s && !whole) s = RONDO_E_NOMEM;
    if (!s && given) memcpy(whole, given, size && size < known ? size : known);
    if (!s && l->type->options_size != known)
        s = rondo_fail(RONDO_E_NAME, "\"%s\" is not a recurrent cell", kind);
    if (!s) s = options_merge(&l->type->options, l->options, whole);
    if (!s) {
        const option_field *name = options_find(&l->type->options, "name");
        char **text = (char **)((char *)l->options + name->offset);
        if (*text && !(l->name = alloc_text(*text))) s = RONDO_E_NOMEM;
        if (!s) s = layer_open(l);
    }
    alloc_free(whole);
    return finished(l, s);
}

rondo_layer *rondo_rnn_new(const char *cell, const rondo_rnn_options *options)
{
    if (cell && !registry_find(REGISTRY_CELL, cell) && registry_find(REGISTRY_LAYER, cell))
        return finished(NULL,
                        rondo_fail(RONDO_E_NAME, "\"%s\" is a layer, not a recurrent cell", cell));
    return with_options(cell, options, options ? options->size : 0, sizeof *options);
}

rondo_layer *rondo_dense_new(const rondo_dense_options *options)
{
    return with_options("dense", options, options ? options->size : 0, sizeof *options);
}

void layer_free(rondo_layer *l)
{
    if (!l) return;
    if (l->type && l->type->close && l->extra) l->type->close(l);
    if (l->type && l->options) options_free(&l->type->options, l->options);
    for (int i = 0; i < l->n_params; i++) param_free(&l->params[i]);
    alloc_free(l->params);
    alloc_free(l->options);
    alloc_free(l->extra);
    alloc_free(l->kind);
    alloc_free(l->name);
    alloc_free(l->error);
    alloc_free(l);
}

rondo_status layer_param(rondo_layer *l, const char *name, rondo_shape shape,
                         const char *initializer, int *index)
{
    int64_t size = 1;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] < 1 || !size_mul(size, shape.dim[i], &size))
            return rondo_fail(RONDO_E_LIMIT, "%s: %s would be too large or empty", l->kind, name);
    RONDO_TRY(initializer_check(initializer));
    param *grown = alloc_grow(l->params, (size_t)(l->n_params + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    l->params = grown;
    if (index) *index = l->n_params;
    return param_init(&grown[l->n_params++], name, shape, initializer);
}

static rondo_status add_linear(rondo_layer *l, linear w, linear_place at, int *index)
{
    if (l->n_linears == MAX_LINEARS)
        return rondo_fail(RONDO_E_LIMIT, "%s has more than %d products", l->kind, MAX_LINEARS);
    l->linears[l->n_linears] = w;
    l->places[l->n_linears] = at;
    *index = l->n_linears++;
    return RONDO_OK;
}

rondo_status layer_linear(rondo_layer *l, int kernel, int bias, int64_t in, int64_t column,
                          int64_t out, int *index)
{
    return add_linear(l, (linear){ .in = in, .out = out, .column = column },
                      (linear_place){ kernel, bias }, index);
}

rondo_status layer_tied_linear(rondo_layer *l, int bias, int *index)
{
    param *w = &l->tied->params[0];
    w->sparse = false;
    return add_linear(l,
                      (linear){ .in = w->shape.dim[1], .out = w->shape.dim[0], .transposed = true },
                      (linear_place){ -1, bias }, index);
}

void layer_place(rondo_layer *l)
{
    for (int i = 0; i < l->n_linears; i++) {
        const linear_place *at = &l->places[i];
        l->linears[i].weight = at->kernel < 0 ? &l->tied->params[0] : &l->params[at->kernel];
        l->linears[i].bias = at->bias < 0 ? NULL : &l->params[at->bias];
    }
}

bool layer_trains(const rondo_layer *l)
{
    bool trains = false;
    for (int i = 0; i < l->n_params; i++) trains |= param_trains(&l->params[i]);
    for (int i = 0; i < l->n_linears; i++) trains |= param_trains(l->linears[i].weight);
    return trains;
}

bool layer_multiplies(const rondo_layer *l, const param *p)
{
    bool own = false, used = p->looked_up;
    for (int i = 0; i < l->n_params; i++) own |= p == &l->params[i];
    for (int i = 0; i < l->n_linears; i++)
        used |= l->places[i].kernel >= 0 && p == &l->params[l->places[i].kernel];
    return own && used;
}

json_t *layer_to_json(const rondo_layer *l)
{
    json_t *options = options_to_json(&l->type->options, l->options);
    if (!options) return NULL;
    json_object_del(options, "name");
    return json_pack("{s:s, s:s, s:o}", "kind", l->kind, "name", l->name ? l->name : "", "options",
                     options);
}

rondo_status layer_from_json(rondo_layer **out, const json_t *json)
{
    const char *kind, *name;
    json_t *options;
    *out = NULL;
    RONDO_TRY(json_want_text(json, "kind", &kind));
    RONDO_TRY(json_want_text(json, "name", &name));
    RONDO_TRY(json_want_object(json, "options", &options));
    RONDO_TRY(layer_new(out, kind));
    rondo_layer *l = *out;
    if (*name && !(l->name = alloc_text(name))) return RONDO_E_NOMEM;
    RONDO_TRY(options_from_json(&l->type->options, l->options, kind, options));
    return layer_open(l);
}

void layer_same_rows(value *y, const value *x)
{
    y->steps = x->steps;
    y->batch = x->batch;
    y->lengths = x->lengths;
    y->mask = x->mask;
    y->masked = x->masked;
}

void layer_accumulate(real *dx, const real *d, bool add, int64_t n)
{
    if (add)
        kernel_table()->add(dx, d, n);
    else
        kernel_table()->scale(dx, d, 1, n);
}

bool shape_equal(const value_shape *a, const value_shape *b)
{
    return a->type == b->type && a->sequence == b->sequence && a->features == b->features &&
           (a->steps == b->steps || !a->steps || !b->steps);
}

char *shape_text(const value_shape *s, char text[64])
{
    const char *unit = s->type == RONDO_I32 ? "tokens" : "values";
    if (!s->sequence)
        snprintf(text, 64, "[%lld]", (long long)s->features);
    else if (s->type == RONDO_I32)
        snprintf(text, 64, "[time] of %s", unit);
    else if (s->steps)
        snprintf(text, 64, "[%lld][%lld]", (long long)s->steps, (long long)s->features);
    else
        snprintf(text, 64, "[time][%lld]", (long long)s->features);
    return text;
}
