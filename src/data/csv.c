/* csv.c - tables of text: rows, sequences or windows of them as samples. */
#include "data/data.h"
#include <string.h>

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
        "" #name, type, offsetof(csv_options, name), initial, help                                 \
    }
static const option_field fields[] = {
    FIELD(target, OPTION_TEXT, NULL, "column to predict: name or position from 1; a,b for several"),
    FIELD(features, OPTION_TEXT, NULL,
          "input columns; all numeric ones but sequence and, without window, target"),
    FIELD(text, OPTION_TEXT, NULL,
          "column, or key of JSON objects, with the text that is the input"),
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
    ENCODING_FIELD(csv_options),
};

/* ---- Rows ---- */
/* The segment's rows become samples; no window reaches over its ends. */
static rondo_status end_segment(csv_table *c)
{
    const csv_options *o = c->options;
    row_store *s = c->store;
    if (o->window) {
        /* `window` rows of input, then `horizon` of target; a class is that of the last */
        const int64_t ahead = c->with_targets ? o->horizon : 0;
        const int64_t offset = o->window + (c->classes ? ahead - 1 : 0);
        for (int64_t i = c->begun; c->kept - i >= ahead && c->kept - i - ahead >= o->window;
             i += o->stride)
            RONDO_TRY(store_span(s, i, o->window, i + offset));
    } else if (c->sequence >= 0) {
        if (c->kept > c->begun)
            RONDO_TRY(
                store_span(s, c->begun, c->kept - c->begun, o->per_step ? c->begun : c->kept - 1));
    } else {
        const int64_t steps = o->steps ? o->steps : 1;
        for (int64_t i = c->begun; i < c->kept; i++) RONDO_TRY(store_span(s, i * steps, steps, i));
    }
    c->begun = c->kept;
    return RONDO_OK;
}

static rondo_status append_numbers(csv_table *c, spill *to, const int *columns, int n)
{
    for (int i = 0; i < n; i++) {
        const csv_cell *cell = &c->rows.cells[columns[i]];
        RONDO_TRY(number_read(&c->row[i], cell->text, cell->n, c->request->path, c->rows.row_line,
                              c->names[columns[i]]));
    }
    return spill_append(to, c->row, (size_t)n * sizeof *c->row);
}

static rondo_status append_text(csv_table *c)
{
    const csv_cell *cell = &c->rows.cells[c->text];
    RONDO_TRY(document_check(cell->n, c->request->path, c->rows.row_line));
    c->cell.size = 0;
    csv_cell_add(cell, &c->cell);
    RONDO_TRY(c->cell.status);
    return store_text(c->store, c->cell.data, c->cell.size);
}

static rondo_status append_row(csv_table *c)
{
    RONDO_TRY(c->text >= 0 ? append_text(c)
                           : append_numbers(c, &c->store->inputs, c->features, c->n_features));
    RONDO_TRY(groups_see(c->groups, c->request->n_groups, c->request->groups, &c->rows));
    if (!c->with_targets) return RONDO_OK;
    if (!c->classes) return append_numbers(c, &c->store->targets, c->targets, c->n_targets);
    char name[LIMIT_NAME];
    int32_t label;
    csv_cell_text(&c->rows.cells[c->targets[0]], name);
    RONDO_TRY(class_list_find(&c->labels, name, c->request->path, c->rows.row_line, &label));
    return spill_append(&c->store->targets, &label, sizeof label);
}

/* Whether a used cell of the row is missing: an error unless missing= allows it. */
static rondo_status find_missing(const csv_table *c, bool *missing)
{
    *missing = false;
    for (int i = 0; i < c->n_features + c->n_targets; i++) {
        if (i >= c->n_features && !c->with_targets) break;
        const int column = i < c->n_features ? c->features[i] : c->targets[i - c->n_features];
        if (!csv_is_missing(c, &c->rows.cells[column])) continue;
        *missing = true;
        if (!c->options->missing)
            return rondo_fail(
                RONDO_E_FORMAT,
                "%s:%lld: column \"%s\" is empty; missing=NA leaves out the rows with "
                "an empty cell or NA",
                c->request->path, (long long)c->rows.row_line, c->names[column]);
    }
    return RONDO_OK;
}

static rondo_status read_rows(csv_table *c)
{
    const int widest = c->n_features > c->n_targets ? c->n_features : c->n_targets;
    c->row = alloc_array(widest, sizeof *c->row);
    const int64_t steps = c->options->steps ? c->options->steps : 1;
    c->store = store_new(c->text >= 0 ? 0 : c->n_features / steps, c->n_targets);
    if (!c->row || !c->store) return RONDO_E_NOMEM;
    for (bool more;;) {
        bool missing;
        RONDO_TRY(csv_next(&c->rows, &more));
        if (!more) break;
        RONDO_TRY(csv_check_width(c));
        if (c->sequence >= 0) {
            const csv_cell *group = &c->rows.cells[c->sequence];
            if (group->n != c->group.n ||
                (group->n && memcmp(group->text, c->group.text, group->n)))
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
static rondo_status list_names(char ***out, int *n_out, const csv_table *c, const int *columns,
                               int n)
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

struct read_table {
    const csv_table *table;
    const row_store *store;
};

/* A sequence is of one group; a row, or a window, is of that of the row it is to tell. */
static void rows_of(const void *user, int64_t item, int64_t *first, int64_t *n)
{
    const struct read_table *r = user;
    const row_span *at = (const row_span *)(const void *)r->store->spans.data + item;
    const bool sequence = r->table->sequence >= 0 && !r->table->options->window;
    *first = sequence ? at->first : at->target;
    *n = sequence ? at->steps : 1;
}

static rondo_status finish(void *reader, rondo_dataset *d)
{
    csv_table *c = reader;
    const csv_options *o = c->options;
    const row_store *s = d->self;
    const bool sequence = o->window || o->steps || c->sequence >= 0;
    const int64_t steps = o->window ? o->window : o->steps; /* 0: they differ */
    d->input[0] = c->text >= 0 ? (field_shape){ RONDO_F32, { 0, { 0 } } }
                  : sequence   ? (field_shape){ RONDO_F32, { 2, { steps, s->width } } }
                               : (field_shape){ RONDO_F32, { 1, { s->width } } };
    if (c->text >= 0)
        RONDO_TRY(list_names(&d->features, &d->n_features, c, &c->text, 1));
    else
        RONDO_TRY(list_names(&d->features, &d->n_features, c, c->features, c->n_features));
    const struct read_table read = { c, s };
    RONDO_TRY(groups_give(d, c->groups, c->request->n_groups, c->request, rows_of, &read));
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
        return rondo_fail(RONDO_E_ARG,
                          "csv: steps= cuts single rows; leave out sequence and window");
    if (o->text && (o->sequence || o->window || o->steps || o->features))
        return rondo_fail(RONDO_E_ARG, "csv: text= is the only input, a document a row; leave out "
                                       "features, sequence, window and steps");
    return RONDO_OK;
}

static rondo_status choose_delimiter(csv_table *c)
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
    return rondo_fail(RONDO_E_ARG,
                      "csv: delimiter is auto, comma, semicolon, tab or one character");
}

rondo_status csv_open(csv_table *c)
{
    const char *encoding = c->options->encoding ? c->options->encoding : "utf8";
    RONDO_TRY(source_open(&c->source, c->request->path));
    if (c->options->text || c->request->text || strcmp(encoding, "utf8") != 0)
        RONDO_TRY(source_decode(&c->source, c->request->path, encoding));
    csv_begin(&c->rows, c->request->path, (const char *)c->source.data, c->source.size);
    csv_skip_lines(&c->rows, c->options->skip);
    RONDO_TRY(choose_delimiter(c));
    return csv_read_header(c);
}

void csv_close(csv_table *c)
{
    store_free(c->store);
    class_list_free(&c->labels);
    groups_free(c->groups, c->request->n_groups);
    alloc_free(c->row);
    alloc_free(c->features);
    alloc_free(c->targets);
    alloc_free(c->kinds);
    text_free(&c->cell);
    text_list_free(c->names);
    csv_end(&c->rows);
    source_close(&c->source);
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    csv_table c = { .request = request, .options = options, .text = -1 };
    *out = NULL;
    if (request->labels)
        return rondo_fail(RONDO_E_ARG, "%s: labels are a column of it: target=NAME, no labels file",
                          request->path);
    RONDO_TRY(check_options(options));
    rondo_status s = csv_open(&c);
    if (!s) s = csv_choose_columns(&c);
    if (!s) s = csv_choose_groups(&c);
    if (!s) s = read_rows(&c);
    s = store_give(out, &c.store, s, finish, &c);
    csv_close(&c);
    return s;
}

/* The last to be asked: any text. */
static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    (void)path;
    return n > 0 && !memchr(head, 0, n);
}

const reader_row csv_reader = { .name = "csv",
                                .help = "tables of text, comma-separated and the like",
                                .options = OPTION_TABLE(fields),
                                .options_size = sizeof(csv_options),
                                .recognises = recognises,
                                .open = open };
