/* A diagnosis as JSON and back, from one table of fields per struct. */
#include "insight/insight.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum field_type { REAL, COUNT, FLAG, TEXT } field_type;
typedef struct field_row {
    const char *name;
    field_type type;
    size_t offset, size; /* size: bytes of a text */
    int many;            /* elements of an array; 0: one value */
    size_t filled;       /* where the number of those that are filled is; 0: all */
} field_row;

#define ONE(s, field, type)                                                                        \
    {                                                                                              \
#field, type, offsetof(s, field), sizeof(((s *)0)->field), 0, 0                            \
    }
#define SOME(s, field, type, n, count)                                                             \
    {                                                                                              \
#field, type, offsetof(s, field), 0, n, count                                              \
    }
#define GATE(field, type)    ONE(rondo_gate_diagnosis, field, type)
#define LAYER(field, type)   ONE(rondo_layer_diagnosis, field, type)
#define WHOLE(field, type)   ONE(rondo_diagnosis, field, type)
#define FINDING(field, type) ONE(rondo_finding, field, type)

static const field_row gate_fields[] = {
    GATE(name, TEXT),      GATE(activation, TEXT),
    GATE(bounded, FLAG),   GATE(mean, REAL),
    GATE(low, REAL),       GATE(high, REAL),
    GATE(saturated, REAL), GATE(from, REAL),
    GATE(to, REAL),        SOME(rondo_gate_diagnosis, bars, REAL, RONDO_BARS, 0),
};
static const field_row layer_fields[] = {
    LAYER(name, TEXT),
    LAYER(kind, TEXT),
    LAYER(activation, TEXT),
    LAYER(recurrent, FLAG),
    LAYER(backward, FLAG),
    LAYER(units, COUNT),
    LAYER(dead, COUNT),
    LAYER(constant, COUNT),
    LAYER(largest, REAL),
    LAYER(steps, REAL),
    SOME(rondo_layer_diagnosis, distance, COUNT, RONDO_DISTANCES,
         offsetof(rondo_layer_diagnosis, n_distances)),
    SOME(rondo_layer_diagnosis, gradient, REAL, RONDO_DISTANCES,
         offsetof(rondo_layer_diagnosis, n_distances)),
    LAYER(gradient_at_end, REAL),
    LAYER(unreached, REAL),
    LAYER(decay, REAL),
    LAYER(half_life, REAL),
    LAYER(memory, REAL),
    LAYER(kept, REAL),
    LAYER(kept_half_life, REAL),
    LAYER(forgetting, REAL),
    LAYER(spectral_radius, REAL),
    LAYER(lyapunov, REAL),
    LAYER(kernel_radius, REAL),
};
static const field_row finding_fields[] = {
    FINDING(rule, TEXT),      FINDING(layer, TEXT),  FINDING(severity, COUNT),
    FINDING(sentence, TEXT),  FINDING(advice, TEXT), FINDING(sentence_zh, TEXT),
    FINDING(advice_zh, TEXT),
};
static const field_row fields[] = {
    WHOLE(training, FLAG),
    WHOLE(diverged, FLAG),
    WHOLE(samples, COUNT),
    WHOLE(steps, REAL),
    WHOLE(loss, REAL),
    WHOLE(constant_loss, REAL),
    WHOLE(input_size, REAL),
    WHOLE(input_name, TEXT),
    WHOLE(target_size, REAL),
    WHOLE(batches, COUNT),
    WHOLE(gradient_norm, REAL),
    WHOLE(largest_norm, REAL),
    WHOLE(exploding, REAL),
    WHOLE(clipped, REAL),
    WHOLE(update_ratio, REAL),
    WHOLE(first_update_ratio, REAL),
    SOME(rondo_diagnosis, losses, REAL, 64, offsetof(rondo_diagnosis, n_losses)),
};
typedef struct field_list {
    const field_row *rows;
    int n;
} field_list;
#define FIELDS(rows)                                                                               \
    {                                                                                              \
        rows, (int)(sizeof rows / sizeof *rows)                                                    \
    }
static const field_list gate_list = FIELDS(gate_fields), layer_list = FIELDS(layer_fields),
                        finding_list = FIELDS(finding_fields), whole_list = FIELDS(fields);

/* ---- A new one ---- */
static void clear(void *at, const field_list *list)
{
    for (int i = 0; i < list->n; i++) {
        const field_row *f = &list->rows[i];
        double *x = (double *)((char *)at + f->offset);
        for (int k = 0; f->type == REAL && k < (f->many ? f->many : 1); k++) x[k] = NAN;
    }
}

rondo_status diagnosis_new(rondo_diagnosis **out, int64_t layers)
{
    rondo_diagnosis *d = *out = alloc_new(sizeof *d);
    if (!d) return RONDO_E_NOMEM;
    d->layer = alloc_array(layers + 1, sizeof *d->layer);
    if (!d->layer) {
        rondo_diagnosis_free(d);
        *out = NULL;
        return RONDO_E_NOMEM;
    }
    d->n_layers = layers;
    clear(d, &whole_list);
    for (int64_t i = 0; i < layers; i++) {
        clear(&d->layer[i], &layer_list);
        for (int g = 0; g < RONDO_GATES; g++) clear(&d->layer[i].gate[g], &gate_list);
    }
    return RONDO_OK;
}

void rondo_diagnosis_free(rondo_diagnosis *d)
{
    if (!d) return;
    alloc_free(d->layer);
    alloc_free(d);
}

/* ---- Writing ---- */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *one_value(const field_row *f, const char *at)
{
    switch (f->type) {
    case REAL:
        return number(*(const double *)at);
    case COUNT:
        return json_integer(*(const int64_t *)at);
    case FLAG:
        return json_boolean(*(const bool *)at);
    case TEXT:
        return json_string(at);
    }
    return NULL;
}

static int64_t filled(const field_row *f, const void *of)
{
    const int64_t n = f->filled ? *(const int64_t *)((const char *)of + f->filled) : f->many;
    return n < 0 ? 0 : n > f->many ? f->many : n;
}

static rondo_status put_fields(json_t *object, const field_list *list, const void *from)
{
    for (int i = 0; i < list->n; i++) {
        const field_row *f = &list->rows[i];
        const char *at = (const char *)from + f->offset;
        if (!f->many) {
            RONDO_TRY(json_put(object, f->name, one_value(f, at)));
            continue;
        }
        json_t *all = json_array();
        for (int64_t k = 0; k < filled(f, from); k++)
            json_array_append_new(all, one_value(f, at + k * 8));
        RONDO_TRY(json_put(object, f->name, all));
    }
    return RONDO_OK;
}

/* Appends an object of these fields; *object is borrowed. */
static rondo_status append(json_t *array, const field_list *list, const void *from, json_t **object)
{
    *object = json_object();
    if (json_array_append_new(array, *object)) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    return put_fields(*object, list, from);
}

static rondo_status put_layers(json_t *whole, const rondo_diagnosis *d)
{
    json_t *layers = json_array(), *object;
    RONDO_TRY(json_put(whole, "layers", layers));
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        RONDO_TRY(append(layers, &layer_list, l, &object));
        json_t *gates = json_array();
        RONDO_TRY(json_put(object, "gates", gates));
        for (int64_t g = 0; g < l->n_gates; g++)
            RONDO_TRY(append(gates, &gate_list, &l->gate[g], &object));
    }
    return RONDO_OK;
}

static rondo_status put_findings(json_t *whole, const rondo_diagnosis *d)
{
    json_t *findings = json_array(), *object;
    RONDO_TRY(json_put(whole, "findings", findings));
    for (int64_t i = 0; i < d->n_findings; i++)
        RONDO_TRY(append(findings, &finding_list, &d->finding[i], &object));
    return RONDO_OK;
}

rondo_status rondo_diagnosis_json(const rondo_diagnosis *d, char **text)
{
    json_t *whole = json_object();
    *text = NULL;
    rondo_status status = whole ? put_fields(whole, &whole_list, d) : RONDO_E_NOMEM;
    if (!status) status = put_layers(whole, d);
    if (!status) status = put_findings(whole, d);
    if (!status)
        *text = json_dumps(whole, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    json_decref(whole);
    return *text || status ? status : rondo_fail(RONDO_E_NOMEM, "out of memory");
}

/* ---- Reading ---- */
static void read_value(const field_row *f, char *at, const json_t *from)
{
    switch (f->type) {
    case REAL:
        *(double *)at = json_is_number(from) ? json_number_value(from) : NAN;
        break;
    case COUNT:
        *(int64_t *)at = json_integer_value(from);
        break;
    case FLAG:
        *(bool *)at = json_is_true(from);
        break;
    case TEXT:
        text_fit(at, f->size, json_is_string(from) ? json_string_value(from) : "");
        break;
    }
}

static void read_fields(const json_t *object, const field_list *list, void *to)
{
    for (int i = 0; i < list->n; i++) {
        const field_row *f = &list->rows[i];
        const json_t *from = json_object_get(object, f->name);
        char *at = (char *)to + f->offset;
        if (!f->many) {
            read_value(f, at, from);
            continue;
        }
        const size_t n = json_array_size(from);
        for (size_t k = 0; k < n && k < (size_t)f->many; k++)
            read_value(f, at + k * 8, json_array_get(from, k));
        if (f->filled)
            *(int64_t *)((char *)to + f->filled) = n < (size_t)f->many ? (int64_t)n : f->many;
    }
}

static rondo_status read_diagnosis(rondo_diagnosis **out, const json_t *whole)
{
    json_t *layers, *findings;
    RONDO_TRY(json_want_array(whole, "layers", &layers));
    RONDO_TRY(json_want_array(whole, "findings", &findings));
    if (json_array_size(layers) > LIMIT_LAYERS)
        return rondo_fail(RONDO_E_LIMIT, "more than %d layers", LIMIT_LAYERS);
    RONDO_TRY(diagnosis_new(out, (int64_t)json_array_size(layers)));
    rondo_diagnosis *d = *out;
    read_fields(whole, &whole_list, d);
    for (int64_t i = 0; i < d->n_layers; i++) {
        const json_t *object = json_array_get(layers, (size_t)i);
        const json_t *gates = json_object_get(object, "gates");
        rondo_layer_diagnosis *l = &d->layer[i];
        read_fields(object, &layer_list, l);
        for (size_t g = 0; g < json_array_size(gates) && g < RONDO_GATES; g++) {
            read_fields(json_array_get(gates, g), &gate_list, &l->gate[g]);
            l->n_gates++;
        }
    }
    for (size_t i = 0; i < json_array_size(findings) && i < RONDO_FINDINGS; i++)
        read_fields(json_array_get(findings, i), &finding_list, &d->finding[d->n_findings++]);
    return RONDO_OK;
}

rondo_status rondo_diagnosis_load(rondo_diagnosis **out, const char *path)
{
    file_map map;
    json_t *whole;
    *out = NULL;
    RONDO_TRY(file_map_open(&map, path));
    rondo_status status = json_read(&whole, (const char *)map.data, map.size, path);
    file_map_close(&map);
    if (status) return status;
    status = rondo_fail_in(read_diagnosis(out, whole), "%s", path);
    json_decref(whole);
    return status;
}
