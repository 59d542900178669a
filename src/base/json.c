/* Thin help over jansson. */
#include "base/base.h"
#include <string.h>

/* jansson's own limit is 2048 levels; ours is smaller, so look before it leaps. */
static bool too_deep(const char *text, size_t n)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_DEPTH) return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

rondo_status json_read(json_t **out, const char *text, size_t n, const char *what)
{
    json_error_t error;
    *out = NULL;
    if (too_deep(text, n))
        return rondo_fail(RONDO_E_FORMAT, "%s: the JSON is nested over %d deep", what, LIMIT_DEPTH);
    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (*out) return RONDO_OK;
    if (!*error.text ||
        json_error_code(&error) == json_error_out_of_memory) /* often says nothing */
        return rondo_fail(RONDO_E_NOMEM, "out of memory reading %s", what);
    if (json_error_code(&error) == json_error_null_character)
        return rondo_fail(RONDO_E_FORMAT, "%s: line %d, column %d: a zero character (\\u0000)",
                          what, error.line, error.column);
    return rondo_fail(RONDO_E_FORMAT, "%s: line %d, column %d: %s", what, error.line, error.column,
                      error.text);
}

rondo_status json_text(char **text, const json_t *json)
{
    size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY;
    size_t n = json_dumpb(json, NULL, 0, flags);
    *text = NULL;
    if (n == 0) return rondo_fail(RONDO_E_NOMEM, "out of memory writing JSON");
    *text = alloc_new(n + 1);
    if (!*text) return RONDO_E_NOMEM;
    if (json_dumpb(json, *text, n, flags) == n) return RONDO_OK;
    alloc_free(*text);
    *text = NULL;
    return rondo_fail(RONDO_E_NOMEM, "out of memory writing JSON");
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = { "an object", "an array", "a text", "a whole number",
                                         "a number",  "true",     "false",  "null" };
    return names[json_typeof(value)];
}

static rondo_status want(const json_t *object, const char *key, const char *expected,
                         json_t **value)
{
    *value = json_object_get(object, key);
    if (*value) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is missing, expected %s", key, expected);
}

static rondo_status wrong(const json_t *value, const char *key, const char *expected)
{
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is %s, expected %s", key, type_name(value), expected);
}

rondo_status json_want_int(const json_t *object, const char *key, int64_t *out)
{
    json_t *value;
    RONDO_TRY(want(object, key, "a whole number", &value));
    if (!json_is_integer(value)) return wrong(value, key, "a whole number");
    *out = json_integer_value(value);
    return RONDO_OK;
}

rondo_status json_want_real(const json_t *object, const char *key, double *out)
{
    json_t *value;
    RONDO_TRY(want(object, key, "a number", &value));
    if (!json_is_number(value)) return wrong(value, key, "a number");
    *out = json_number_value(value);
    return RONDO_OK;
}

rondo_status json_want_text(const json_t *object, const char *key, const char **out)
{
    json_t *value;
    RONDO_TRY(want(object, key, "a text", &value));
    if (!json_is_string(value)) return wrong(value, key, "a text");
    *out = json_string_value(value);
    return RONDO_OK;
}

rondo_status json_want_array(const json_t *object, const char *key, json_t **out)
{
    RONDO_TRY(want(object, key, "an array", out));
    return json_is_array(*out) ? RONDO_OK : wrong(*out, key, "an array");
}

rondo_status json_want_object(const json_t *object, const char *key, json_t **out)
{
    RONDO_TRY(want(object, key, "an object", out));
    return json_is_object(*out) ? RONDO_OK : wrong(*out, key, "an object");
}

rondo_status json_put(json_t *object, const char *key, json_t *value)
{
    if (object && value && json_object_set_new(object, key, value) == 0) return RONDO_OK;
    if (!object) json_decref(value);
    return rondo_fail(RONDO_E_NOMEM, "out of memory writing \"%s\"", key);
}
