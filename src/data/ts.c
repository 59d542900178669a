/* ts.c - sktime and UCR .ts files: a sample a line, dimensions between ':', its class last. */
#include "data/data.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct ts {
    const reader_request *request;
    const char *at, *end; /* of what is left of the file */
    int64_t line;
    int64_t length;                     /* of every series, when the file says so */
    bool labelled, numbers, timestamps; /* the last part is a class; a number */
    bool classes, with_targets;
    class_list labels;
    row_store *store;
    int64_t dimensions; /* 0: not yet known */
    real *series;       /* [dimensions][steps] of one sample */
    int64_t capacity;
    int64_t rows, samples, shortest, longest;
} ts;

typedef struct text {
    const char *at, *end;
} text;

static rondo_status bad(const ts *f, const char *what)
{
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: %s", f->request->path, (long long)f->line, what);
}

static text trimmed(text t)
{
    while (t.at < t.end && strchr(" \t\r", *t.at)) t.at++;
    while (t.end > t.at && strchr(" \t\r", t.end[-1])) t.end--;
    return t;
}

/* The next line without blanks around it; false at the end. */
static bool next_line(ts *f, text *out)
{
    if (f->at == f->end) return false;
    const char *end = memchr(f->at, '\n', (size_t)(f->end - f->at));
    *out = trimmed((text){ f->at, end ? end : f->end });
    f->at = end ? end + 1 : f->end;
    f->line++;
    return true;
}

/* Cuts the next part off, up to a mark. */
static text cut(text *rest, char mark)
{
    const char *end = rest->at < rest->end ? memchr(rest->at, mark, (size_t)(rest->end - rest->at))
                                           : NULL;
    const text part = { rest->at, end ? end : rest->end };
    rest->at = end ? end + 1 : rest->end;
    return trimmed(part);
}

static void copy_text(char out[LIMIT_NAME], text t)
{
    snprintf(out, LIMIT_NAME, "%.*s",
             (int)(t.end - t.at < LIMIT_NAME ? t.end - t.at : LIMIT_NAME - 1), t.at);
}

/* ---- Header ---- */
static rondo_status read_class_label(ts *f, text rest)
{
    char word[LIMIT_NAME];
    copy_text(word, cut(&rest, ' '));
    f->labelled = !strcasecmp(word, "true");
    if (!f->labelled || f->request->classes) return RONDO_OK;
    int32_t label;
    while (rest.at < rest.end) {
        copy_text(word, cut(&rest, ' '));
        if (*word) RONDO_TRY(class_list_find(&f->labels, word, f->request->path, f->line, &label));
    }
    f->labels.fixed = f->labels.n > 0;
    return RONDO_OK;
}

static rondo_status read_key(ts *f, text line)
{
    char key[LIMIT_NAME], value[LIMIT_NAME];
    copy_text(key, cut(&line, ' '));
    line = trimmed(line);
    if (!strcasecmp(key, "@classLabel")) return read_class_label(f, line);
    copy_text(value, line);
    if (!strcasecmp(key, "@targetLabel")) f->labelled = f->numbers = !strcasecmp(value, "true");
    if (!strcasecmp(key, "@timeStamps") && !strcasecmp(value, "true"))
        return bad(f, "series with time stamps are not read; leave the stamps out");
    if (!strcasecmp(key, "@dimensions") || !strcasecmp(key, "@dimension"))
        f->dimensions = atoll(value);
    if (!strcasecmp(key, "@seriesLength")) f->length = atoll(value);
    if (f->dimensions < 0 || f->length < 0) return bad(f, "a count below 0");
    return RONDO_OK;
}

static rondo_status read_header(ts *f)
{
    text line;
    while (next_line(f, &line)) {
        if (line.at == line.end || *line.at == '#') continue;
        if (*line.at != '@') return bad(f, "expected @data before the samples");
        if (line.end - line.at == 5 && !strncasecmp(line.at, "@data", 5)) return RONDO_OK;
        RONDO_TRY(read_key(f, line));
    }
    return bad(f, "the file ends before @data");
}

static rondo_status choose_target(ts *f)
{
    const reader_request *q = f->request;
    f->with_targets = !q->no_target;
    if (!f->with_targets) return RONDO_OK;
    if (!f->labelled)
        return rondo_fail(RONDO_E_FORMAT, "%s: its header says @classLabel false: no targets",
                          q->path);
    f->classes = q->target == TARGET_CLASSES || (q->target == TARGET_AUTO && !f->numbers);
    return f->classes && q->classes ? class_list_fix(&f->labels, q->classes, q->n_classes)
                                    : RONDO_OK;
}

/* ---- Samples ---- */
static rondo_status add_number(ts *f, int64_t n, text part, int64_t dimension)
{
    if (n == f->capacity) {
        const int64_t capacity = f->capacity ? 2 * f->capacity : 256;
        real *series = alloc_grow(f->series, (size_t)capacity * sizeof *series);
        if (!series) return RONDO_E_NOMEM;
        f->series = series;
        f->capacity = capacity;
    }
    if (part.end - part.at == 1 && *part.at == '?')
        return bad(f, "a missing value (?); fill it or leave the sample out");
    char name[40];
    snprintf(name, sizeof name, "dimension %lld", (long long)dimension + 1);
    return number_read(&f->series[n], part.at, (size_t)(part.end - part.at), f->request->path,
                       f->line, name);
}

/* "1,2,3:4,5,6" into series[dimension][step]; an empty dimension has no steps. */
static rondo_status read_series(ts *f, text rest, int64_t dimensions, int64_t *steps)
{
    int64_t n = 0;
    *steps = f->length ? f->length : -1;
    for (int64_t d = 0; d < dimensions; d++) {
        const int64_t before = n;
        text series = cut(&rest, ':');
        while (series.at < series.end) RONDO_TRY(add_number(f, n++, cut(&series, ','), d));
        if (*steps < 0) *steps = n - before;
        if (n - before != *steps)
            return rondo_fail(RONDO_E_FORMAT,
                              "%s:%lld: dimension %lld has %lld steps, expected %lld",
                              f->request->path, (long long)f->line, (long long)d + 1,
                              (long long)(n - before), (long long)*steps);
    }
    return RONDO_OK;
}

static rondo_status read_target(ts *f, text part)
{
    if (!f->with_targets) return RONDO_OK;
    if (!f->classes) {
        real y;
        RONDO_TRY(number_read(&y, part.at, (size_t)(part.end - part.at), f->request->path, f->line,
                              "target"));
        return spill_append(&f->store->targets, &y, sizeof y);
    }
    char name[LIMIT_NAME];
    int32_t label;
    copy_text(name, part);
    if (!*name) return bad(f, "no class after the last ':'");
    RONDO_TRY(class_list_find(&f->labels, name, f->request->path, f->line, &label));
    return spill_append(&f->store->targets, &label, sizeof label);
}

static rondo_status read_sample(ts *f, text line)
{
    text series = line, target = { line.end, line.end };
    int64_t parts = 1, steps;
    for (const char *at = line.at; at < line.end; at++) parts += *at == ':';
    if (f->labelled) {
        while (series.end > series.at && series.end[-1] != ':') series.end--;
        target.at = series.end;
        if (series.end > series.at) series.end--;
        parts--;
    }
    if (!f->dimensions) f->dimensions = parts;
    if (parts != f->dimensions || parts < 1)
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: %lld dimensions, expected %lld%s",
                          f->request->path, (long long)f->line, (long long)parts,
                          (long long)f->dimensions, f->labelled ? " and a class" : "");
    RONDO_TRY(read_series(f, series, parts, &steps));
    for (int64_t t = 0; t < steps; t++)
        for (int64_t d = 0; d < parts; d++)
            RONDO_TRY(spill_append(&f->store->inputs, &f->series[d * steps + t], sizeof(real)));
    RONDO_TRY(read_target(f, trimmed(target)));
    RONDO_TRY(store_span(f->store, f->rows, steps, f->samples++));
    f->rows += steps;
    if (f->samples == 1 || steps < f->shortest) f->shortest = steps;
    if (steps > f->longest) f->longest = steps;
    return RONDO_OK;
}

static rondo_status read_samples(ts *f)
{
    text line;
    f->store = store_new(f->dimensions, 1);
    if (!f->store) return RONDO_E_NOMEM;
    while (next_line(f, &line))
        if (line.at < line.end && *line.at != '#') RONDO_TRY(read_sample(f, line));
    if (!f->samples) return rondo_fail(RONDO_E_FORMAT, "%s: no samples", f->request->path);
    f->store->width = f->dimensions;
    return RONDO_OK;
}

static rondo_status finish(void *reader, rondo_dataset *d)
{
    ts *f = reader;
    const int64_t steps = f->shortest == f->longest ? f->longest : 0;
    row_store *s = d->self;
    d->input[0] = (field_shape){ RONDO_F32, { 2, { steps, f->dimensions } } };
    if (!f->with_targets) return RONDO_OK;
    d->n_targets = 1;
    d->target[0] = f->classes ? (field_shape){ RONDO_I32, { 0, { 0 } } }
                              : (field_shape){ RONDO_F32, { 1, { 1 } } };
    if (!f->classes) return RONDO_OK;
    RONDO_TRY(class_list_finish(&f->labels, (int32_t *)(void *)s->targets.data, f->samples));
    class_list_give(&f->labels, d);
    return RONDO_OK;
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    ts f = { .request = request };
    source_file file;
    (void)options;
    *out = NULL;
    if (request->labels)
        return rondo_fail(RONDO_E_ARG, "%s has its labels inside; leave the labels file out",
                          request->path);
    RONDO_TRY(source_open(&file, request->path));
    f.at = (const char *)file.data;
    f.end = f.at + file.size;
    rondo_status s = read_header(&f);
    if (!s) s = choose_target(&f);
    if (!s) s = read_samples(&f);
    s = store_give(out, &f.store, s, finish, &f);
    class_list_free(&f.labels);
    alloc_free(f.series);
    source_close(&file);
    return s;
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    return path_ends(path, ".ts") && n > 0 && !memchr(head, 0, n);
}

const reader_row ts_reader = { .name = "ts",
                               .help = "sktime and UCR .ts files, of unequal lengths too",
                               .options_size = 1,
                               .recognises = recognises,
                               .open = open };
