/* csv.c - tables of text: rows, sequences or windows of them as samples. */
#include "data/data.h"
#include <stdlib.h>
#include <string.h>

typedef struct csv_options {
    char *target, *features, *sequence, *delimiter, *header, *missing;
    int64_t window, horizon, stride, steps, skip;
    bool per_step;
} csv_options;

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
        #name, type, offsetof(csv_options, name), initial, help                                    \
    }
static const option_field fields[] = {
    FIELD(target, OPTION_TEXT, NULL, "column to predict: name or position from 1; a,b for several"),
    FIELD(features, OPTION_TEXT, NULL, "input columns; all numeric ones but target and sequence"),
    FIELD(sequence, OPTION_TEXT, NULL, "column whose equal neighbours make rows one sequence"),
    FIELD(per_step, OPTION_BOOL, NULL, "with sequence: a target per row, not one per sequence"),
    FIELD(window, OPTION_INT, NULL, "samples are windows of this many rows"),
    FIELD(horizon, OPTION_INT, "1", "with window: predict this many rows ahead"),
    FIELD(stride, OPTION_INT, "1", "with window: rows from one window to the next"),
    FIELD(steps, OPTION_INT, NULL, "cuts the features of a row into this many time steps"),
    FIELD(delimiter, OPTION_TEXT, "auto", "auto comma semicolon tab, or one character"),
    FIELD(header, OPTION_TEXT, "auto", "auto yes no: whether the first row names the columns"),
    FIELD(missing, OPTION_TEXT, NULL, "cells with this text, or empty: their rows are left out"),
    FIELD(skip, OPTION_INT, NULL, "lines to pass over first"),
};

typedef enum column_kind { KIND_UNKNOWN, KIND_NUMBER, KIND_TEXT } column_kind;

typedef struct csv {
    const reader_request *request;
    const csv_options *options;
    source source;
    csv_rows rows;
    char **names; /* [n_columns], NULL */
    column_kind *kinds;
    int n_columns;
    int *features, *targets; /* columns */
    int n_features, n_targets;
    int sequence;       /* column or -1 */
    bool classes;       /* the target is a class */
    bool with_targets;  /* they are to be read */
    class_list labels;
    store *store;
    real *row;          /* [max(n_features, n_targets)] */
    int64_t kept, begun; /* rows in the table; of them the first of the present segment */
    csv_cell group;     /* of the sequence column, in the row before */
} csv;

static bool is_missing(const csv *c, const csv_cell *cell)
{
    const char *mark = c->options->missing;
    return cell->n == 0 || (mark && strlen(mark) == cell->n && !memcmp(mark, cell->text, cell->n));
}

static bool is_text(const csv_cell *cell)
{
    double value;
    return number_parse(&value, cell->text, cell->n) == NUMBER_TEXT;
}

/* ---- Columns ---- */
static rondo_status unknown_column(const csv *c, const char *name)
{
    const char *near = name_nearest(name, c->n_columns, (const char *const *)c->names);
    if (near)
        return rondo_fail(RONDO_E_NAME, "no column \"%s\" in %s; did you mean \"%s\"?", name,
                          c->request->path, near);
    char known[2 * LIMIT_NAME];
    names_join(known, sizeof known, c->names, c->n_columns);
    return rondo_fail(RONDO_E_NAME, "no column \"%s\" in %s; its columns are %s", name,
                      c->request->path, known);
}

static int find_column(const csv *c, const char *name)
{
    for (int i = 0; i < c->n_columns; i++)
        if (!strcmp(name, c->names[i])) return i;
    if (!*name || strspn(name, "0123456789") != strlen(name) || strlen(name) > 8) return -1;
    const int position = atoi(name);
    return position <= c->n_columns ? position - 1 : -1;
}

static rondo_status add_column(const csv *c, int *columns, int *n, const char *name)
{
    const int found = find_column(c, name);
    if (found < 0) return unknown_column(c, name);
    for (int i = 0; i < *n; i++)
        if (columns[i] == found)
            return rondo_fail(RONDO_E_ARG, "column \"%s\" is named twice", name);
    columns[(*n)++] = found;
    return RONDO_OK;
}

/* A name, even one with commas, or several between commas. */
static rondo_status find_columns(const csv *c, int *columns, int *n, const char *list)
{
    if (find_column(c, list) >= 0) return add_column(c, columns, n, list);
    for (const char *at = list;; at++) {
        const char *end = at + strcspn(at, ",");
        const char *next = end;
        char name[LIMIT_NAME];
        while (*at == ' ') at++;
        while (end > at && end[-1] == ' ') end--;
        snprintf(name, sizeof name, "%.*s", (int)(end - at), at);
        RONDO_TRY(add_column(c, columns, n, name));
        at = next;
        if (!*at) return RONDO_OK;
    }
}

/* Whether a requested name, not a position, stands in the first row. */
static bool names_are_asked_for(const csv *c)
{
    const char *const asked[] = { c->options->target, c->options->features, c->options->sequence };
    for (size_t k = 0; k < sizeof asked / sizeof *asked; k++)
        for (int i = 0; asked[k] && i < c->n_columns; i++) {
            const csv_cell name = { c->names[i], strlen(c->names[i]), false };
            const char *at = name.n && is_text(&name) ? strstr(asked[k], name.text) : NULL;
            if (at && (at == asked[k] || at[-1] == ',') && (!at[name.n] || at[name.n] == ','))
                return true;
        }
    return false;
}

/* A header stands over numbers: text in the first row where the second has none. */
static rondo_status guess_header(csv *c, bool *header)
{
    bool more;
    *header = names_are_asked_for(c);
    if (*header) return RONDO_OK;
    RONDO_TRY(csv_next(&c->rows, &more));
    for (int i = 0; i < c->n_columns; i++) {
        const csv_cell name = { c->names[i], strlen(c->names[i]), false };
        if (!name.n || !is_text(&name) || is_missing(c, &name)) continue;
        if (!more || i >= c->rows.n || is_missing(c, &c->rows.cells[i]) ||
            !is_text(&c->rows.cells[i]))
            *header = true;
    }
    return RONDO_OK;
}

static rondo_status name_columns(csv *c, bool from_row)
{
    text_list_free(c->names);
    c->names = alloc_array((int64_t)c->n_columns + 1, sizeof *c->names);
    if (!c->names) return RONDO_E_NOMEM;
    for (int i = 0; i < c->n_columns; i++) {
        char name[LIMIT_NAME];
        if (from_row)
            csv_cell_text(&c->rows.cells[i], name);
        else
            snprintf(name, sizeof name, "%d", i + 1);
        if (!name_is_utf8(name))
            return rondo_fail(RONDO_E_FORMAT, "%s:%lld: column %d: its name is not UTF-8 text",
                              c->request->path, (long long)c->rows.row_line, i + 1);
        c->names[i] = alloc_text(name);
        if (!c->names[i]) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

static rondo_status read_header(csv *c)
{
    const char *choice = c->options->header;
    const csv_rows first = c->rows;
    bool more, header = !strcmp(choice, "yes");
    RONDO_TRY(csv_next(&c->rows, &more));
    if (!more) return rondo_fail(RONDO_E_FORMAT, "%s: no rows", c->request->path);
    c->n_columns = c->rows.n;
    RONDO_TRY(name_columns(c, true));
    const csv_rows second = c->rows;
    if (!strcmp(choice, "auto"))
        RONDO_TRY(guess_header(c, &header));
    else if (!header && strcmp(choice, "no"))
        return rondo_fail(RONDO_E_ARG, "header is auto, yes or no, not \"%s\"", choice);
    c->rows.at = header ? second.at : first.at;
    c->rows.line = header ? second.line : first.line;
    return header ? RONDO_OK : name_columns(c, false);
}

static rondo_status check_width(const csv *c)
{
    if (c->rows.n == c->n_columns) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: %d cells, expected %d as in the first row",
                      c->request->path, (long long)c->rows.row_line, c->rows.n, c->n_columns);
}

/* A column is what its first cell is: numbers or text. */
static rondo_status find_kinds(csv *c)
{
    const char *at = c->rows.at;
    const int64_t line = c->rows.line;
    int unknown = c->n_columns;
    c->kinds = alloc_array(c->n_columns, sizeof *c->kinds);
    if (!c->kinds) return RONDO_E_NOMEM;
    for (int row = 0; unknown && row < 1000; row++) {
        bool more;
        RONDO_TRY(csv_next(&c->rows, &more));
        if (!more) break;
        RONDO_TRY(check_width(c));
        for (int i = 0; i < c->n_columns; i++) {
            const csv_cell *cell = &c->rows.cells[i];
            if (c->kinds[i] != KIND_UNKNOWN || is_missing(c, cell)) continue;
            c->kinds[i] = is_text(cell) ? KIND_TEXT : KIND_NUMBER;
            unknown--;
        }
    }
    c->rows.at = at;
    c->rows.line = line;
    return RONDO_OK;
}

static bool contains(const int *columns, int n, int column)
{
    for (int i = 0; i < n; i++)
        if (columns[i] == column) return true;
    return false;
}

static rondo_status choose_features(csv *c)
{
    if (c->options->features) {
        RONDO_TRY(find_columns(c, c->features, &c->n_features, c->options->features));
    } else {
        for (int i = 0; i < c->n_columns; i++) {
            if (c->kinds[i] != KIND_NUMBER || i == c->sequence) continue;
            if (!c->options->window && contains(c->targets, c->n_targets, i)) continue;
            c->features[c->n_features++] = i;
        }
    }
    if (!c->n_features)
        return rondo_fail(RONDO_E_FORMAT, "%s: no column of numbers is left for input",
                          c->request->path);
    return RONDO_OK;
}

static rondo_status choose_target(csv *c)
{
    const reader_request *q = c->request;
    rondo_status s = RONDO_OK;
    if (c->options->target) s = find_columns(c, c->targets, &c->n_targets, c->options->target);
    if (s && !(s == RONDO_E_NAME && q->no_target)) return s;
    RONDO_TRY(choose_features(c));
    c->with_targets = !q->no_target;
    if (!c->with_targets) return RONDO_OK;
    if (!c->n_targets && c->options->window && c->n_features == 1)
        c->targets[c->n_targets++] = c->features[0];
    if (!c->n_targets) {
        char known[2 * LIMIT_NAME];
        names_join(known, sizeof known, c->names, c->n_columns);
        return rondo_fail(RONDO_E_ARG, "%s: which column is the target? Say target=NAME, one of %s",
                          q->path, known);
    }
    c->classes = q->target == TARGET_CLASSES ||
                 (q->target == TARGET_AUTO && (q->classes || c->kinds[c->targets[0]] == KIND_TEXT));
    if (c->classes && c->n_targets > 1)
        return rondo_fail(RONDO_E_ARG, "%s: classes come from one target column, not %d", q->path,
                          c->n_targets);
    return c->classes && q->classes ? class_list_fix(&c->labels, q->classes, q->n_classes)
                                    : RONDO_OK;
}

static rondo_status choose_columns(csv *c)
{
    c->features = alloc_array(c->n_columns, sizeof *c->features);
    c->targets = alloc_array(c->n_columns, sizeof *c->targets);
    if (!c->features || !c->targets) return RONDO_E_NOMEM;
    RONDO_TRY(find_kinds(c));
    c->sequence = -1;
    if (c->options->sequence) {
        c->sequence = find_column(c, c->options->sequence);
        if (c->sequence < 0) return unknown_column(c, c->options->sequence);
    }
    RONDO_TRY(choose_target(c));
    const int64_t steps = c->options->steps;
    if (steps && c->n_features % steps)
        return rondo_fail(RONDO_E_SHAPE, "%s: %d features do not divide into steps=%lld",
                          c->request->path, c->n_features, (long long)steps);
    return RONDO_OK;
}

/* ---- Rows ---- */
/* The segment's rows become samples; no window reaches over its ends. */
static rondo_status end_segment(csv *c)
{
    const csv_options *o = c->options;
    store *s = c->store;
    if (o->window) {
        /* the rows begun…window-1 are input, the next `horizon` the target; a class is the last's */
        const int64_t ahead = c->with_targets ? o->horizon : 0;
        const int64_t offset = o->window + (c->classes ? ahead - 1 : 0);
        for (int64_t i = c->begun; c->kept - i >= ahead && c->kept - i - ahead >= o->window;
             i += o->stride)
            RONDO_TRY(store_span(s, i, o->window, i + offset));
    } else if (c->sequence >= 0) {
        if (c->kept > c->begun)
            RONDO_TRY(store_span(s, c->begun, c->kept - c->begun,
                                 o->per_step ? c->begun : c->kept - 1));
    } else {
        const int64_t steps = o->steps ? o->steps : 1;
        for (int64_t i = c->begun; i < c->kept; i++)
            RONDO_TRY(store_span(s, i * steps, steps, i));
    }
    c->begun = c->kept;
    return RONDO_OK;
}

static rondo_status append_numbers(csv *c, spill *to, const int *columns, int n)
{
    for (int i = 0; i < n; i++) {
        const csv_cell *cell = &c->rows.cells[columns[i]];
        RONDO_TRY(number_read(&c->row[i], cell->text, cell->n, c->request->path, c->rows.row_line,
                              c->names[columns[i]]));
    }
    return spill_append(to, c->row, (size_t)n * sizeof *c->row);
}

static rondo_status append_row(csv *c)
{
    RONDO_TRY(append_numbers(c, &c->store->inputs, c->features, c->n_features));
    if (!c->with_targets) return RONDO_OK;
    if (!c->classes) return append_numbers(c, &c->store->targets, c->targets, c->n_targets);
    char name[LIMIT_NAME];
    int32_t label;
    csv_cell_text(&c->rows.cells[c->targets[0]], name);
    RONDO_TRY(class_list_find(&c->labels, name, c->request->path, c->rows.row_line, &label));
    return spill_append(&c->store->targets, &label, sizeof label);
}

/* Whether a used cell of the row is missing: an error unless missing= allows it. */
static rondo_status find_missing(const csv *c, bool *missing)
{
    *missing = false;
    for (int i = 0; i < c->n_features + c->n_targets; i++) {
        if (i >= c->n_features && !c->with_targets) break;
        const int column = i < c->n_features ? c->features[i] : c->targets[i - c->n_features];
        if (!is_missing(c, &c->rows.cells[column])) continue;
        *missing = true;
        if (!c->options->missing)
            return rondo_fail(RONDO_E_FORMAT,
                              "%s:%lld: column \"%s\" is empty; missing=NA leaves out the rows with "
                              "an empty cell or NA",
                              c->request->path, (long long)c->rows.row_line, c->names[column]);
    }
    return RONDO_OK;
}

static rondo_status read_rows(csv *c)
{
    const int widest = c->n_features > c->n_targets ? c->n_features : c->n_targets;
    c->row = alloc_array(widest, sizeof *c->row);
    const int64_t steps = c->options->steps ? c->options->steps : 1;
    c->store = store_new(c->n_features / steps, c->n_targets);
    if (!c->row || !c->store) return RONDO_E_NOMEM;
    for (bool more;;) {
        bool missing;
        RONDO_TRY(csv_next(&c->rows, &more));
        if (!more) break;
        RONDO_TRY(check_width(c));
        if (c->sequence >= 0) {
            const csv_cell *group = &c->rows.cells[c->sequence];
            if (group->n != c->group.n || memcmp(group->text, c->group.text, group->n))
                RONDO_TRY(end_segment(c));
            c->group = *group;
        }
        RONDO_TRY(find_missing(c, &missing));
        if (missing && c->options->window) RONDO_TRY(end_segment(c));
        if (missing) continue;
        RONDO_TRY(append_row(c));
        c->kept++;
    }
    RONDO_TRY(end_segment(c));
    if (c->store->spans.size) return RONDO_OK;
    if (!c->options->window) return rondo_fail(RONDO_E_FORMAT, "%s: no rows", c->request->path);
    return rondo_fail(RONDO_E_FORMAT, "%s: %lld rows make no window of %lld and %lld ahead",
                      c->request->path, (long long)c->kept, (long long)c->options->window,
                      (long long)(c->with_targets ? c->options->horizon : 0));
}

/* ---- The dataset ---- */
static rondo_status list_names(char ***out, int *n_out, const csv *c, const int *columns, int n)
{
    *out = alloc_array((int64_t)n + 1, sizeof **out);
    if (!*out) return RONDO_E_NOMEM;
    *n_out = n;
    for (int i = 0; i < n; i++) {
        (*out)[i] = alloc_text(c->names[columns[i]]);
        if (!(*out)[i]) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

static rondo_status finish(csv *c, rondo_dataset *d)
{
    const csv_options *o = c->options;
    const store *s = d->self;
    const bool sequence = o->window || o->steps || c->sequence >= 0;
    const int64_t steps = o->window ? o->window : o->steps; /* 0: they differ */
    d->input[0] = sequence ? (field_shape){ RONDO_F32, { 2, { steps, s->width } } }
                           : (field_shape){ RONDO_F32, { 1, { s->width } } };
    RONDO_TRY(list_names(&d->features, &d->n_features, c, c->features, c->n_features));
    if (!c->with_targets) return RONDO_OK;
    d->n_targets = 1;
    RONDO_TRY(list_names(&d->targets, &d->n_target_names, c, c->targets, c->n_targets));
    if (c->classes) {
        d->target[0] = (field_shape){ RONDO_I32, { o->per_step ? 1 : 0, { 0 } } };
        RONDO_TRY(class_list_finish(&c->labels, (int32_t *)(void *)s->targets.data, c->kept));
        class_list_give(&c->labels, d);
    } else if (o->per_step) {
        d->target[0] = (field_shape){ RONDO_F32, { 2, { 0, c->n_targets } } };
    } else {
        const int64_t ahead = o->window ? o->horizon : 1;
        d->target[0] = (field_shape){ RONDO_F32, { 1, { ahead * c->n_targets } } };
    }
    return RONDO_OK;
}

static rondo_status check_options(const csv_options *o)
{
    if (o->window < 0 || o->horizon < 1 || o->stride < 1 || o->steps < 0 || o->skip < 0 ||
        o->window > LIMIT_SIZE || o->horizon > LIMIT_SIZE || o->stride > LIMIT_SIZE)
        return rondo_fail(RONDO_E_ARG, "csv: window, steps and skip are 0 or more, horizon and "
                                       "stride 1 or more");
    if (o->per_step && (!o->sequence || o->window))
        return rondo_fail(RONDO_E_ARG, "csv: per_step goes with sequence= and without window=");
    if (o->steps && (o->sequence || o->window))
        return rondo_fail(RONDO_E_ARG, "csv: steps= cuts single rows; leave out sequence and window");
    return RONDO_OK;
}

static rondo_status choose_delimiter(csv *c)
{
    static const char *const names[] = { "comma", "semicolon", "tab" };
    const char *choice = c->options->delimiter;
    c->rows.delimiter = csv_guess_delimiter(&c->rows);
    if (!strcmp(choice, "auto")) return RONDO_OK;
    c->rows.delimiter = *choice;
    if (strlen(choice) == 1 && !strchr("\"\r\n", *choice)) return RONDO_OK;
    for (int i = 0; i < 3; i++) {
        c->rows.delimiter = ",;\t"[i];
        if (!strcmp(choice, names[i])) return RONDO_OK;
    }
    return rondo_fail(RONDO_E_ARG, "csv: delimiter is auto, comma, semicolon, tab or one character");
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    csv c = { .request = request, .options = options };
    *out = NULL;
    RONDO_TRY(check_options(options));
    RONDO_TRY(source_open(&c.source, request->path));
    csv_begin(&c.rows, request->path, (const char *)c.source.data, c.source.size);
    csv_skip_lines(&c.rows, c.options->skip);
    rondo_status s = choose_delimiter(&c);
    if (!s) s = read_header(&c);
    if (!s) s = choose_columns(&c);
    if (!s) s = read_rows(&c);
    if (!s) {
        s = store_dataset(out, c.store);
        c.store = NULL;
    }
    if (!s) s = finish(&c, *out);
    if (s) {
        rondo_dataset_free(*out);
        *out = NULL;
    }
    store_free(c.store);
    class_list_free(&c.labels);
    alloc_free(c.row);
    alloc_free(c.features);
    alloc_free(c.targets);
    alloc_free(c.kinds);
    text_list_free(c.names);
    csv_end(&c.rows);
    source_close(&c.source);
    return s;
}

/* The last to be asked: any text. */
static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    (void)path;
    return n > 0 && !memchr(head, 0, n);
}

const reader_row csv_reader = { "csv",
                                "tables of text, comma-separated and the like",
                                OPTION_TABLE(fields),
                                sizeof(csv_options),
                                recognises,
                                open };
