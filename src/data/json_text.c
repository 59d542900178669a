/* json_text.c - texts as JSON objects: an object a line (JSON Lines), or one array of objects. */
#include "data/data.h"
#include <string.h>

typedef struct json_options {
    char *text, *target;
} json_options;

static const option_field fields[] = {
    { "text", OPTION_TEXT, offsetof(json_options, text), NULL,
      "column, or key of JSON objects, with the text that is the input" },
    { "target", OPTION_TEXT, offsetof(json_options, target), NULL,
      "column to predict: name or position from 1; a,b for several" },
};

enum { LARGEST_ARRAY = 1 << 30 }; /* bytes of a file that is one array: it is read as a whole */

typedef struct json_reader {
    const reader_request *request;
    const char *path, *text, *target; /* the path, and the keys */
    bool begun, targets;              /* an object was seen; there are targets */
    source_file source;
    row_store *store;
    label_reader labels;
    group_reader *groups;
    text_buffer joined;
} json_reader;

static rondo_status missing(const json_reader *r, const json_t *object, const char *key,
                            int64_t place)
{
    const char *name, *names[64], *near;
    json_t *value;
    int n = 0;
    json_object_foreach ((json_t *)object, name, value)
        if (n < 64) names[n++] = name;
    near = name_nearest(key, n, names);
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: an object without \"%s\"%s%s%s", r->path,
                      (long long)place, key, near ? "; it has \"" : "", near ? near : "",
                      near ? "\"" : "");
}

/* A list of lines is one text. */
static rondo_status join(json_reader *r, const json_t *value, int64_t place)
{
    const json_t *item;
    size_t i;
    r->joined.size = 0;
    text_put(&r->joined, "", 0);
    json_array_foreach ((json_t *)value, i, item) {
        if (!json_is_string(item))
            return rondo_fail(RONDO_E_FORMAT, "%s:%lld: \"%s\" is a list of other things than text",
                              r->path, (long long)place, r->text);
        if (i) text_put(&r->joined, "\n", 1);
        text_put(&r->joined, json_string_value(item), json_string_length(item));
    }
    return r->joined.status;
}

static rondo_status read_document(json_reader *r, const json_t *object, int64_t place)
{
    const json_t *value = json_object_get(object, r->text);
    if (!value) return missing(r, object, r->text, place);
    if (json_is_array(value))
        RONDO_TRY(join(r, value, place));
    else if (!json_is_string(value))
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: \"%s\" is no text", r->path, (long long)place,
                          r->text);
    const char *text = json_is_string(value) ? json_string_value(value) : r->joined.data;
    const size_t n = json_is_string(value) ? json_string_length(value) : r->joined.size;
    RONDO_TRY(document_check(n, r->path, place));
    const int64_t i = store_documents(r->store);
    RONDO_TRY(store_text(r->store, text, n));
    return store_span(r->store, i, 1, i);
}

/* A label, or what samples are grouped by, as text. */
static rondo_status value_text(char out[LIMIT_NAME], const json_reader *r, const json_t *object,
                               const char *key, int64_t place)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return missing(r, object, key, place);
    if (json_is_string(value) && json_string_length(value) >= LIMIT_NAME)
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: \"%s\" has %zu bytes, too long for a name",
                          r->path, (long long)place, key, json_string_length(value));
    if (json_is_string(value))
        snprintf(out, LIMIT_NAME, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, LIMIT_NAME, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, LIMIT_NAME, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(out, LIMIT_NAME, "%s", json_is_true(value) ? "true" : "false");
    else
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: \"%s\" is no text, number, true or false",
                          r->path, (long long)place, key);
    return RONDO_OK;
}

/* The first object decides: whether there are targets, and of what kind. */
static rondo_status begin(json_reader *r, const json_t *object)
{
    const reader_request *q = r->request;
    const json_t *value = json_object_get(object, r->target ? r->target : "label");
    r->begun = true;
    r->targets = !q->no_target && (r->target || value);
    if (!r->target) r->target = "label";
    const bool numbers = q->target == TARGET_NUMBERS ||
                         (q->target == TARGET_AUTO && !q->classes && json_is_number(value));
    return labels_begin(&r->labels, q, numbers, &r->store->targets);
}

static rondo_status read_object(json_reader *r, const json_t *object, int64_t place)
{
    const reader_request *q = r->request;
    char text[LIMIT_NAME];
    if (!json_is_object(object))
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: expected an object, as in {\"text\": \"…\"}",
                          r->path, (long long)place);
    if (!r->begun) RONDO_TRY(begin(r, object));
    RONDO_TRY(read_document(r, object, place));
    for (int i = 0; i < q->n_groups; i++) {
        RONDO_TRY(value_text(text, r, object, q->groups[i], place));
        RONDO_TRY(group_see(&r->groups[i], q->groups[i], text, r->path, place));
    }
    if (!r->targets) return RONDO_OK;
    RONDO_TRY(value_text(text, r, object, r->target, place));
    return label_read(&r->labels, text, strlen(text), r->path, place);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static rondo_status read_array(json_reader *r, const char *text, size_t n)
{
    json_t *all, *object;
    size_t i;
    if (n > LARGEST_ARRAY)
        return rondo_fail(RONDO_E_LIMIT,
                          "%s: an array of %zu bytes is too large to be read as a whole; write an "
                          "object a line (JSON Lines)",
                          r->path, n);
    RONDO_TRY(json_read(&all, text, n, r->path));
    rondo_status s = RONDO_OK;
    json_array_foreach (all, i, object) {
        s = rondo_fail_in(read_object(r, object, (int64_t)i + 1), "object of the array");
        if (s) break;
    }
    json_decref(all);
    return s;
}

static rondo_status read_line(json_reader *r, const text_line *l)
{
    char where[LIMIT_NAME];
    json_t *object;
    snprintf(where, sizeof where, "%s:%lld", r->path, (long long)l->number);
    RONDO_TRY(json_read(&object, l->text, l->n, where));
    const rondo_status s = read_object(r, object, l->number);
    json_decref(object);
    return s;
}

static rondo_status read_all(json_reader *r)
{
    const char *at = (const char *)r->source.data, *end = at + r->source.size, *first = at;
    while (first < end && is_blank(*first)) first++;
    if (first < end && *first == '[') return read_array(r, at, r->source.size);
    line_cursor lines;
    lines_begin(&lines, &r->source);
    for (text_line l; lines_next(&lines, &l);)
        if (!line_is_blank(&l)) RONDO_TRY(read_line(r, &l));
    return RONDO_OK;
}

static rondo_status read_json(json_reader *r, const json_options *o)
{
    const reader_request *q = r->request;
    r->text = o->text ? o->text : q->n_features ? q->features[0] : "text";
    r->target = o->target ? o->target : q->n_targets ? q->targets[0] : NULL;
    if (q->labels)
        return rondo_fail(RONDO_E_ARG,
                          "%s: labels are a key of its objects: target=KEY, no labels "
                          "file",
                          r->path);
    RONDO_TRY(source_open(&r->source, r->path));
    RONDO_TRY(source_decode(&r->source, r->path, "utf8"));
    r->store = store_new(0, 1);
    r->groups = groups_new(q->n_groups + 1);
    if (!r->store || !r->groups) return RONDO_E_NOMEM;
    RONDO_TRY(read_all(r));
    return r->begun ? RONDO_OK : rondo_fail(RONDO_E_FORMAT, "%s: no objects in it", r->path);
}

static rondo_status name_one(char ***names, int *n, const char *name)
{
    *names = alloc_array(2, sizeof **names);
    if (!*names) return RONDO_E_NOMEM;
    *n = ((*names)[0] = alloc_text(name)) != NULL;
    return *n ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status finish(void *reader, rondo_dataset *d)
{
    json_reader *r = reader;
    const reader_request *q = r->request;
    RONDO_TRY(name_one(&d->features, &d->n_features, r->text));
    RONDO_TRY(groups_give(d, r->groups, q->n_groups, q, groups_by_item, NULL));
    if (!r->targets) return RONDO_OK;
    RONDO_TRY(name_one(&d->targets, &d->n_target_names, r->target));
    return labels_give(&r->labels, d, false);
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    json_reader r = { .request = request, .path = request->path };
    *out = NULL;
    rondo_status s = read_json(&r, options);
    s = store_give(out, &r.store, s, finish, &r);
    labels_free(&r.labels);
    groups_free(r.groups, request->n_groups);
    text_free(&r.joined);
    source_close(&r.source);
    return s;
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    size_t i = 0;
    if (!path_ends(path, ".json") && !path_ends(path, ".jsonl") && !path_ends(path, ".ndjson"))
        return false;
    while (i < n && (is_blank((char)head[i]) || head[i] == '[')) i++;
    return i < n && head[i] == '{';
}

const reader_row json_text_reader = {
    .name = "json",
    .help = "texts as JSON objects: {\"text\": …, \"label\": …} a line "
            "(JSON Lines), or an array of them",
    .options = OPTION_TABLE(fields),
    .options_size = sizeof(json_options),
    .recognises = recognises,
    .open = open
};
