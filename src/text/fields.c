/* fields - members of the objects of a tokenizer.json, each wrong one named. */
#include "text/parts.h"

/* Absent and null are the same: the default. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

rondo_status field_bool(const json_t *object, const char *key, bool initial, bool *out)
{
    const json_t *value = member(object, key);
    *out = value ? json_is_true(value) : initial;
    if (!value || json_is_boolean(value)) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is not true or false", key);
}

rondo_status field_int(const json_t *object, const char *key, int64_t initial, int64_t least,
                       int64_t most, int64_t *out)
{
    const json_t *value = member(object, key);
    *out = initial;
    if (!value) return RONDO_OK;
    if (!json_is_integer(value))
        return rondo_fail(RONDO_E_FORMAT, "\"%s\" is not a whole number", key);
    *out = json_integer_value(value);
    if (*out >= least && *out <= most) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is %lld; it may be %lld to %lld", key,
                      (long long)*out, (long long)least, (long long)most);
}

static rondo_status text_within(const json_t *object, const char *key, const char *initial,
                                size_t most, const char **out)
{
    const json_t *value = member(object, key);
    *out = value ? json_string_value(value) : initial;
    if (*out && strlen(*out) > most)
        return rondo_fail(RONDO_E_FORMAT, "\"%s\" is over %zu bytes", key, most);
    if (*out || !value) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is not a text", key);
}

rondo_status field_text(const json_t *object, const char *key, const char *initial,
                        const char **out)
{
    return text_within(object, key, initial, LIMIT_TOKEN, out);
}

rondo_status field_pattern(const json_t *object, const char **out)
{
    return text_within(object, "Regex", NULL, LIMIT_PATTERN, out);
}

rondo_status field_letter(const json_t *object, const char *key, const char *initial,
                          const char **out)
{
    RONDO_TRY(field_text(object, key, initial, out));
    if (*out && **out && (*out)[letter_size(**out)] == 0) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is not a single letter", key);
}

rondo_status field_known(const json_t *object, const char *what, const char *const known[])
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const char *key = json_object_iter_key(at);
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0) i++;
        if (!known[i])
            return rondo_fail(RONDO_E_ABSENT, "%s asks for \"%s\", which Rondo does not have", what,
                              key);
    }
    return RONDO_OK;
}

const char *field_type(const json_t *object)
{
    const char *type;
    if (!json_is_object(object)) {
        rondo_fail(RONDO_E_FORMAT, "it is not an object");
        return NULL;
    }
    return json_want_text(object, "type", &type) ? NULL : type;
}
