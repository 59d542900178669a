/* What stands between a weight and its inputs: put on, taken off, written down. */
#include "linear.h"
#include <stdlib.h>
#include <string.h>

rondo_status param_init(param *p, const char *name, rondo_shape shape, const char *initializer)
{
    *p = (param){ .name = alloc_text(name),
                  .shape = shape,
                  .initializer = alloc_text(initializer),
                  .offset = -1,
                  .gradient = -1,
                  .trainable = true,
                  .rate = 1 };
    return p->name && p->initializer ? RONDO_OK : RONDO_E_NOMEM;
}

void param_free(param *p)
{
    while (p->adapters) adapter_remove(p, p->adapters);
    row_set_free(&p->touched);
    alloc_free(p->name);
    alloc_free(p->initializer);
    alloc_free_aligned(p->effective);
}

void param_settle(param *p, real *gradients)
{
    if (p->gradient < 0 || !p->stale || p->stale != gradients) return;
    kernel_table()->fill(gradients + p->gradient, 0, shape_size(&p->shape));
    p->stale = NULL;
}

static rondo_status make(adapter **out, const char *kind, const param *p)
{
    const void *row;
    RONDO_TRY(registry_get(REGISTRY_ADAPTER, kind, &row));
    if (p->shape.rank != 2)
        return rondo_fail(RONDO_E_SHAPE, "%s adapts matrices; %s is a vector", kind, p->name);
    adapter *a = *out = alloc_new(sizeof *a);
    if (!a) return RONDO_E_NOMEM;
    a->row = row;
    a->of = p->name;
    a->looked_up = p->looked_up;
    a->rows = p->shape.dim[0];
    a->columns = p->shape.dim[1];
    a->options = alloc_new(a->row->options_size + 1);
    if (!a->options) return RONDO_E_NOMEM;
    return options_default(&a->row->options, a->options);
}

static rondo_status set_name(adapter *a, const char *name)
{
    if (!name || !*name || strlen(name) > 64 || strpbrk(name, ". /\\*?["))
        return rondo_fail(RONDO_E_ARG,
                          "an adapter's name is a word of up to 64 letters without . / * ? and [, "
                          "not \"%s\"",
                          name ? name : "");
    alloc_free(a->name);
    a->name = alloc_text(name);
    return a->name ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status finished(adapter *a)
{
    if (!a->name) RONDO_TRY(set_name(a, a->row->name));
    RONDO_TRY(a->row->open(a));
    const int64_t n = a->row->packed_size ? a->row->packed_size(a) : 0;
    if (n > 0 && !(a->packed = alloc_aligned((size_t)n * sizeof(real)))) return RONDO_E_NOMEM;
    return RONDO_OK;
}

/* A number in the first place is the first option: "lora 8". */
static rondo_status set_word(adapter *a, const spec_word *w, bool first)
{
    const option_table *table = &a->row->options;
    char *end = w->value;
    if (w->key && !strcmp(w->key, "name")) return set_name(a, w->value);
    if (w->key) return options_set(table, a->options, a->row->name, w->key, w->value);
    if (first) (void)strtod(w->value, &end);
    if (end != w->value && !*end)
        return options_set(table, a->options, a->row->name, table->fields[0].name, w->value);
    return options_set(table, a->options, a->row->name, w->value, NULL);
}

rondo_status adapter_parse(adapter **out, const char *text, const param *p)
{
    spec parsed;
    *out = NULL;
    RONDO_TRY(spec_parse(&parsed, text));
    rondo_status s = make(out, parsed.kind, p);
    for (int i = 0; !s && i < parsed.n; i++) s = set_word(*out, &parsed.words[i], i == 0);
    if (!s) s = finished(*out);
    spec_free(&parsed);
    if (!s) return RONDO_OK;
    adapter_free(*out);
    *out = NULL;
    return s;
}

json_t *adapter_to_json(const adapter *a)
{
    json_t *options = options_to_json(&a->row->options, a->options);
    return options ? json_pack("{s:s, s:s, s:o, s:b, s:b}", "kind", a->row->name, "name", a->name,
                               "options", options, "enabled", !a->off, "froze", a->froze)
                   : NULL;
}

static rondo_status read(adapter **out, const json_t *json, const param *p)
{
    const char *kind, *name;
    json_t *options;
    RONDO_TRY(json_want_text(json, "kind", &kind));
    RONDO_TRY(json_want_text(json, "name", &name));
    RONDO_TRY(json_want_object(json, "options", &options));
    RONDO_TRY(make(out, kind, p));
    RONDO_TRY(set_name(*out, name));
    RONDO_TRY(options_from_json(&(*out)->row->options, (*out)->options, kind, options));
    (*out)->off = json_is_false(json_object_get(json, "enabled"));
    (*out)->froze = json_is_true(json_object_get(json, "froze"));
    return finished(*out);
}

rondo_status adapter_from_json(adapter **out, const json_t *json, const param *p)
{
    *out = NULL;
    const rondo_status s = read(out, json, p);
    if (!s) return RONDO_OK;
    adapter_free(*out);
    *out = NULL;
    return s;
}

void adapter_put(param *p, adapter *a)
{
    for (int i = 0; i < a->n_params; i++) a->params[i].sparse = a->params[i].looked_up && p->sparse;
    adapter **end = &p->adapters;
    while (*end) end = &(*end)->next;
    *end = a;
    if (!a->row->freezes || !p->trainable) return;
    a->froze = true;
    p->trainable = false;
}

adapter *adapter_find(const param *p, const char *name)
{
    adapter *a = p->adapters;
    while (a && strcmp(a->name, name) != 0) a = a->next;
    return a;
}

void adapter_remove(param *p, adapter *a)
{
    adapter **at = &p->adapters;
    while (*at != a) at = &(*at)->next;
    *at = a->next;
    if (a->froze) {
        adapter *other = p->adapters;
        while (other && !other->row->freezes) other = other->next;
        if (other)
            other->froze = true;
        else
            p->trainable = true;
    }
    adapter_free(a);
}

void adapter_free(adapter *a)
{
    if (!a) return;
    for (int i = 0; i < a->n_params; i++) param_free(&a->params[i]);
    if (a->options) options_free(&a->row->options, a->options);
    alloc_free(a->options);
    alloc_free(a->name);
    alloc_free_aligned(a->packed);
    alloc_free(a);
}

void adapter_merge(const adapter *a, real *w, const real *weights)
{
    const drop_key none = { 0 };
    if (!a->row->add) return;
    if (a->row->pack) a->row->pack(a, weights, &none);
    a->row->add(a, w, 0, a->rows, weights);
}

bool adapters_change(const param *p, const drop_key *d)
{
    for (const adapter *a = p->adapters; a; a = a->next)
        if (!a->off && (a->row->add || (d->on && a->row->draws(a)))) return true;
    return false;
}

bool adapters_draw(const param *p)
{
    for (const adapter *a = p->adapters; a; a = a->next)
        if (!a->off && a->row->draws(a)) return true;
    return false;
}

bool param_trains(const param *p)
{
    bool trains = p->gradient >= 0;
    for (const adapter *a = p->adapters; a; a = a->next)
        for (int i = 0; i < a->n_params; i++) trains |= a->params[i].gradient >= 0;
    return trains;
}
