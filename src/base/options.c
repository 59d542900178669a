/* An options struct and the table of its fields: text and JSON in and out. */
#include "base/base.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *place(const option_field *field, void *options)
{
    return (char *)options + field->offset;
}

static const void *place_in(const option_field *field, const void *options)
{
    return (const char *)options + field->offset;
}

const option_field *options_find(const option_table *table, const char *key)
{
    for (int i = 0; i < table->n; i++)
        if (!strcmp(table->fields[i].name, key)) return &table->fields[i];
    return NULL;
}

static rondo_status unknown(const option_table *table, const char *what, const char *key)
{
    enum { MOST = 128 };
    const char *names[MOST], *near;
    char list[600] = "";
    int n = table->n < MOST ? table->n : MOST;
    size_t used = 0;
    if (n <= 0) return rondo_fail(RONDO_E_NAME, "unknown option \"%s\": %s takes none", key, what);
    for (int i = 0; i < n; i++) names[i] = table->fields[i].name;
    near = name_nearest(key, n, names);
    if (near)
        return rondo_fail(RONDO_E_NAME, "unknown option \"%s\" of %s; did you mean \"%s\"?", key,
                          what, near);
    for (int i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s %s", i ? "," : "", names[i]);
    return rondo_fail(RONDO_E_NAME, "unknown option \"%s\" of %s; it has%s", key, what, list);
}

/* ---- One field from text ---- */

static bool set_int(int64_t *out, const char *text)
{
    char *end;
    long long value;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end) return false;
    *out = value;
    return true;
}

static bool set_real(float *out, const char *text)
{
    char *end;
    float value = strtof(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *out = value;
    return true;
}

static bool set_bool(bool *out, const char *text)
{
    static const char *const words[] = { "false", "true", "0", "1", "no", "yes" };
    for (int i = 0; i < 6; i++) {
        if (strcmp(words[i], text)) continue;
        *out = i % 2 == 1;
        return true;
    }
    return false;
}

static rondo_status set_text(char **out, const char *text)
{
    char *copy = alloc_text(text);
    if (!copy) return RONDO_E_NOMEM;
    alloc_free(*out);
    *out = copy;
    return RONDO_OK;
}

static rondo_status set_field(const option_field *field, void *options, const char *what,
                              const char *value)
{
    static const char *const expected[] = { "a whole number", "a number", "true or false",
                                            "a text" };
    void *out = place(field, options);
    bool good = false;
    if (!value && field->type != OPTION_BOOL)
        return rondo_fail(RONDO_E_ARG, "%s: %s wants a value: %s=…, %s", what, field->name,
                          field->name, expected[field->type]);
    switch (field->type) {
    case OPTION_INT:
        good = set_int(out, value);
        break;
    case OPTION_REAL:
        good = set_real(out, value);
        break;
    case OPTION_BOOL:
        good = set_bool(out, value ? value : "true");
        break;
    case OPTION_TEXT:
        return set_text(out, value);
    }
    if (good) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "%s: %s is \"%s\", expected %s", what, field->name, value,
                      expected[field->type]);
}

rondo_status options_set(const option_table *table, void *options, const char *what,
                         const char *key, const char *value)
{
    const option_field *field = options_find(table, key);
    return field ? set_field(field, options, what, value) : unknown(table, what, key);
}

rondo_status options_from_spec(const option_table *table, void *options, const char *what,
                               const spec *s)
{
    for (int i = 0; i < s->n; i++) {
        const spec_word *word = &s->words[i];
        if (word->key)
            RONDO_TRY(options_set(table, options, what, word->key, word->value));
        else
            RONDO_TRY(options_set(table, options, what, word->value, NULL));
    }
    return RONDO_OK;
}

/* ---- Whole structs ---- */

static void clear(const option_field *field, void *options)
{
    void *out = place(field, options);
    switch (field->type) {
    case OPTION_INT:
        *(int64_t *)out = 0;
        break;
    case OPTION_REAL:
        *(float *)out = 0;
        break;
    case OPTION_BOOL:
        *(bool *)out = false;
        break;
    case OPTION_TEXT:
        *(char **)out = NULL;
        break;
    }
}

rondo_status options_default(const option_table *table, void *options)
{
    rondo_status status = RONDO_OK;
    for (int i = 0; i < table->n; i++) clear(&table->fields[i], options);
    for (int i = 0; i < table->n && !status; i++) {
        const option_field *field = &table->fields[i];
        if (field->initial) status = set_field(field, options, "default", field->initial);
    }
    if (status) options_free(table, options);
    return status;
}

rondo_status options_merge(const option_table *table, void *options, const void *from)
{
    for (int i = 0; i < table->n; i++) {
        const option_field *field = &table->fields[i];
        void *out = place(field, options);
        const void *in = place_in(field, from);
        switch (field->type) {
        case OPTION_INT:
            if (*(const int64_t *)in) *(int64_t *)out = *(const int64_t *)in;
            break;
        case OPTION_REAL:
            if (*(const float *)in != 0) *(float *)out = *(const float *)in;
            break;
        case OPTION_BOOL:
            if (*(const bool *)in) *(bool *)out = true;
            break;
        case OPTION_TEXT:
            if (*(char *const *)in) RONDO_TRY(set_text(out, *(char *const *)in));
            break;
        }
    }
    return RONDO_OK;
}

void options_free(const option_table *table, void *options)
{
    for (int i = 0; i < table->n; i++) {
        const option_field *field = &table->fields[i];
        if (field->type != OPTION_TEXT) continue;
        alloc_free(*(char **)place(field, options));
        *(char **)place(field, options) = NULL;
    }
}

/* ---- JSON ---- */

/* The double with the fewest digits that is this float again: 0.2f is written 0.2. */
static double plain(float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return strtod(text, NULL);
}

json_t *options_to_json(const option_table *table, const void *options)
{
    json_t *object = json_object();
    for (int i = 0; i < table->n; i++) {
        const option_field *field = &table->fields[i];
        const void *in = place_in(field, options);
        json_t *value = NULL;
        switch (field->type) {
        case OPTION_INT:
            value = json_integer(*(const int64_t *)in);
            break;
        case OPTION_REAL:
            value = json_real(plain(*(const float *)in));
            break;
        case OPTION_BOOL:
            value = json_boolean(*(const bool *)in);
            break;
        case OPTION_TEXT:
            if (!*(char *const *)in) continue;
            value = json_string(*(char *const *)in);
            break;
        }
        if (json_put(object, field->name, value)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

rondo_status options_from_json(const option_table *table, void *options, const char *what,
                               const json_t *object)
{
    void *at;
    if (!json_is_object(object))
        return rondo_fail(RONDO_E_FORMAT, "%s: the options are not an object", what);
    for (at = json_object_iter((json_t *)object); at;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        char number[40];
        const char *text = number;
        switch (json_typeof(value)) {
        case JSON_NULL:
            continue;
        case JSON_INTEGER:
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
            break;
        case JSON_REAL:
            snprintf(number, sizeof number, "%.17g", json_real_value(value));
            break;
        case JSON_TRUE:
        case JSON_FALSE:
            text = json_is_true(value) ? "true" : "false";
            break;
        case JSON_STRING:
            text = json_string_value(value);
            break;
        default:
            return rondo_fail(RONDO_E_FORMAT, "%s: \"%s\" is not a single value", what, key);
        }
        RONDO_TRY(options_set(table, options, what, key, text));
    }
    return RONDO_OK;
}
