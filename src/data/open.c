/* open.c - from a path and a spec to a dataset: which reader, which options. */
#include "data/data.h"
#include <string.h>

static const char task_prefix[] = "task:";

/* What every reader understands beside its own options. */
typedef struct common {
    const char *format, *labels, *rows;
    target_kind target;
    bool no_target;
} common;

/* What a request comes to: words of the reader's own, and of those that other data were read with. */
typedef struct wishes {
    common common;
    spec own, before;
    int n_own, n_before;
} wishes;

static rondo_status take_common(common *c, const spec_word *word, bool *taken)
{
    *taken = true;
    if (!word->key) {
        if (!strcmp(word->value, "no_target"))
            c->no_target = true;
        else
            *taken = false;
        return RONDO_OK;
    }
    if (!strcmp(word->key, "format")) {
        c->format = word->value;
    } else if (!strcmp(word->key, "labels")) {
        c->labels = word->value;
    } else if (!strcmp(word->key, "rows")) {
        c->rows = word->value;
    } else if (!strcmp(word->key, "as")) {
        if (strcmp(word->value, "classes") && strcmp(word->value, "numbers"))
            return rondo_fail(RONDO_E_ARG, "as= is classes or numbers, not \"%s\"", word->value);
        c->target = !strcmp(word->value, "classes") ? TARGET_CLASSES : TARGET_NUMBERS;
    } else {
        *taken = false;
    }
    return RONDO_OK;
}

/* Moves the common words behind the reader's own, whose number *n becomes. */
static rondo_status split_common(common *c, spec *s, int *n)
{
    *n = 0;
    for (int i = 0; i < s->n; i++) {
        bool taken;
        RONDO_TRY(take_common(c, &s->words[i], &taken));
        if (taken) continue;
        const spec_word own = s->words[i];
        s->words[i] = s->words[*n];
        s->words[(*n)++] = own;
    }
    return RONDO_OK;
}

static rondo_status check_classes(const rondo_dataset *d, const reader_request *q)
{
    bool same = !q->classes || !d->classes || q->n_classes == d->n_classes;
    for (int i = 0; same && q->classes && i < d->n_classes; i++)
        same = !strcmp(q->classes[i], d->classes[i]);
    return same ? RONDO_OK
                : rondo_fail(RONDO_E_FORMAT, "%s has other classes than the model", q->path);
}

/* ---- Generated tasks ---- */
static rondo_status set_query(const generator_row *row, void *options, char *query)
{
    while (query && *query) {
        char *next = strchr(query, '&'), *equals;
        if (next) *next++ = 0;
        equals = strchr(query, '=');
        if (equals) *equals++ = 0;
        if (*query) RONDO_TRY(options_set(&row->options, options, row->name, query, equals));
        query = next;
    }
    return RONDO_OK;
}

/* The task's name and options tell its samples. */
static rondo_status task_digest(uint64_t *digest, const generator_row *row, const void *options)
{
    json_t *object = options_to_json(&row->options, options);
    char *text = NULL, *whole = NULL;
    uint8_t hash[32];
    rondo_status s = object ? json_text(&text, object) : RONDO_E_NOMEM;
    if (!s) whole = alloc_format("%s %s", row->name, text);
    if (!s && !whole) s = RONDO_E_NOMEM;
    if (!s) {
        sha256(hash, whole, strlen(whole));
        memcpy(digest, hash, sizeof *digest);
    }
    alloc_free(whole);
    alloc_free(text);
    json_decref(object);
    return s;
}

static rondo_status open_task(rondo_dataset **out, const reader_request *request, const wishes *w)
{
    const generator_row *row;
    const void *found;
    void *options = NULL;
    char *query;
    if (request->labels)
        return rondo_fail(RONDO_E_ARG, "%s has its labels inside; leave the labels file out",
                          request->path);
    char *name = alloc_text(request->path + sizeof task_prefix - 1);
    if (!name) return RONDO_E_NOMEM;
    query = strchr(name, '?');
    if (query) *query++ = 0;
    rondo_status s = registry_get(REGISTRY_GENERATOR, name, &found);
    if (s) goto done;
    row = found;
    options = alloc_new(row->options_size);
    s = options ? options_default(&row->options, options) : RONDO_E_NOMEM;
    if (s) goto done;
    s = set_query(row, options, query);
    const spec own = { .words = w->own.words, .n = w->n_own };
    if (!s) s = options_from_spec(&row->options, options, row->name, &own);
    if (!s) s = row->open(out, options);
    if (!s) s = task_digest(&(*out)->digest, row, options);
    if (!s) s = check_classes(*out, request);
    options_free(&row->options, options);
done:
    alloc_free(options);
    alloc_free(name);
    return s;
}

/* ---- Files ---- */

/* A file that no reader takes for its own. */
static rondo_status refuse(const reader_request *q, const unsigned char *head, size_t n)
{
    char *names[32], known[LIMIT_NAME];
    int readers = 0;
    if (n == 0) return rondo_fail(RONDO_E_FORMAT, "%s is empty", q->path);
    if (text_is_utf16(head, n)) return text_refuse_utf16(q->path);
    if (q->text) return rondo_fail(RONDO_E_FORMAT, "%s has zero bytes: it is no text", q->path);
    for (; readers < registry_count(REGISTRY_READER) && readers < 32; readers++)
        names[readers] = (char *)(uintptr_t)registry_name(REGISTRY_READER, readers);
    names_join(known, sizeof known, names, readers);
    return rondo_fail(RONDO_E_FORMAT,
                      "%s: no reader knows such a file; say format=NAME (--format NAME) if it is "
                      "one of %s",
                      q->path, known);
}
static rondo_status choose_reader(const reader_row **out, const reader_request *q,
                                  const char *format)
{
    unsigned char head[512];
    size_t n;
    const void *found;
    if (format) {
        RONDO_TRY(registry_get(REGISTRY_READER, format, &found));
        *out = found;
        return RONDO_OK;
    }
    RONDO_TRY(source_head(q->path, head, sizeof head, &n));
    for (int i = 0; i < registry_count(REGISTRY_READER); i++) {
        *out = registry_at(REGISTRY_READER, i);
        if ((*out)->only_text && !q->text) continue;
        if ((*out)->recognises && (*out)->recognises(q->path, head, n)) return RONDO_OK;
    }
    return refuse(q, head, n);
}

/* Words that the reader knows, and of those about targets none where no targets are needed. */
static rondo_status set_before(const reader_row *row, void *options, const reader_request *q,
                               const wishes *w)
{
    for (int i = 0; i < w->n_before; i++) {
        const spec_word *word = &w->before.words[i];
        const char *key = word->key ? word->key : word->value;
        if (!options_find(&row->options, key)) continue;
        if (q->no_target && row->target_option && !strcmp(key, row->target_option)) continue;
        RONDO_TRY(
            options_set(&row->options, options, row->name, key, word->key ? word->value : NULL));
    }
    return RONDO_OK;
}

/* An option that is another reader's: the file is read as something it was not meant to be. */
static rondo_status check_known(const reader_row *row, const spec *own)
{
    for (int i = 0; i < own->n; i++) {
        const char *key = own->words[i].key ? own->words[i].key : own->words[i].value;
        if (options_find(&row->options, key)) continue;
        for (int k = 0; k < registry_count(REGISTRY_READER); k++) {
            const reader_row *other = registry_at(REGISTRY_READER, k);
            if (!options_find(&other->options, key)) continue;
            return rondo_fail(RONDO_E_NAME,
                              "\"%s\" is an option of the reader %s, and the file is read as %s; "
                              "say format=%s%s",
                              key, other->name, row->name, other->name,
                              other->only_text ? ", and --tokenizer word where a model reads it"
                                               : "");
        }
    }
    return RONDO_OK;
}

static rondo_status open_file(rondo_dataset **out, const reader_request *request, const wishes *w)
{
    const reader_row *row = NULL;
    RONDO_TRY(choose_reader(&row, request, w->common.format));
    void *options = alloc_new(row->options_size);
    if (!options) return RONDO_E_NOMEM;
    rondo_status s = options_default(&row->options, options);
    if (s) goto done;
    const spec own = { .words = w->own.words, .n = w->n_own };
    uint64_t labels = 0;
    s = set_before(row, options, request, w);
    if (!s) s = check_known(row, &own);
    if (!s) s = options_from_spec(&row->options, options, row->name, &own);
    if (!s) s = row->open(out, request, options);
    if (!s) s = source_digest(request->path, &(*out)->digest);
    if (!s && request->labels) s = source_digest(request->labels, &labels);
    if (!s) (*out)->digest ^= labels << 1 | labels >> 63; /* turned, so that a twice is not 0 */
    options_free(&row->options, options);
done:
    alloc_free(options);
    return s;
}

/* Streams are kept first: a reader opens its files more than once. */
static rondo_status open_kept(rondo_dataset **out, const reader_request *request, const wishes *w)
{
    reader_request q = *request;
    spool data, labels = { 0 };
    rondo_status s = spool_open(&data, request->path);
    if (!s) s = spool_open(&labels, request->labels);
    q.path = data.path;
    q.labels = labels.path;
    if (!s) s = spool_fail(&data, open_file(out, &q, w), request->path);
    spool_close(&data);
    spool_close(&labels);
    return s;
}

/* ---- Both ---- */
static rondo_status parse_words(spec *words, const char *options)
{
    /* a kind in front, so that a lone flag is not taken for one */
    char *text = alloc_format("data %s", options ? options : "");
    if (!text) return RONDO_E_NOMEM;
    const rondo_status s = spec_parse(words, text);
    alloc_free(text);
    return s;
}

static rondo_status read_wishes(wishes *w, const reader_request *q)
{
    RONDO_TRY(parse_words(&w->before, q->before));
    RONDO_TRY(split_common(&w->common, &w->before, &w->n_before));
    RONDO_TRY(parse_words(&w->own, q->spec));
    return split_common(&w->common, &w->own, &w->n_own);
}

/* "reviews.csv?rows=9/10" → the path, and words behind the spec's; a file called so is meant. */
static rondo_status split_query(char **path, char **words, const reader_request *q)
{
    *path = alloc_text(q->path);
    if (!*path) return RONDO_E_NOMEM;
    char *query = strchr(*path, '?');
    if (query && (!strncmp(*path, task_prefix, sizeof task_prefix - 1) || file_exists(*path)))
        query = NULL;
    if (query) *query++ = 0;
    for (char *at = query; at && *at; at++)
        if (*at == '&') *at = ' ';
    *words = alloc_format("%s %s", q->spec ? q->spec : "", query ? query : "");
    return *words ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status open_wished(rondo_dataset **out, const reader_request *request, wishes *w)
{
    reader_request q = *request;
    RONDO_TRY(read_wishes(w, request));
    q.labels = w->common.labels;
    q.target = w->common.target;
    q.no_target |= w->common.no_target;
    if (q.group_file) q.n_groups = 0; /* not the reader's */
    RONDO_TRY(strncmp(q.path, task_prefix, sizeof task_prefix - 1) ? open_kept(out, &q, w)
                                                                   : open_task(out, &q, w));
    if (request->n_groups && !(*out)->n_groups) RONDO_TRY(groups_find(*out, request));
    return w->common.rows ? rows_keep(out, w->common.rows) : RONDO_OK;
}

rondo_status reader_open(rondo_dataset **out, const reader_request *request)
{
    char *path = NULL, *words = NULL;
    *out = NULL;
    if (!request->path) return rondo_fail(RONDO_E_ARG, "which data? There is no path");
    wishes w = { .common = { .labels = request->labels, .target = request->target } };
    rondo_status s = split_query(&path, &words, request);
    reader_request q = *request;
    q.path = path;
    q.spec = words;
    if (!s) s = open_wished(out, &q, &w);
    spec_free(&w.before);
    spec_free(&w.own);
    alloc_free(words);
    alloc_free(path);
    if (s) {
        rondo_dataset_free(*out);
        *out = NULL;
    }
    return s;
}

rondo_status rondo_dataset_open(rondo_dataset **out, const char *path, const char *options)
{
    return reader_open(out, &(reader_request){ .path = path, .spec = options });
}
