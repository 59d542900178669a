/* csv_columns.c - which column of a table is what: names, kinds, target, features. */
#include "data/data.h"
#include <stdlib.h>
#include <string.h>

bool csv_is_missing(const csv_table *c, const csv_cell *cell)
{
    const char *mark = c->options->missing;
    return cell->n == 0 || (mark && strlen(mark) == cell->n && !memcmp(mark, cell->text, cell->n));
}

static bool is_text(const csv_cell *cell)
{
    double value;
    return number_parse(&value, cell->text, cell->n) == NUMBER_TEXT;
}

rondo_status csv_check_width(const csv_table *c)
{
    if (c->rows.n == c->n_columns) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: %d cells, expected %d as in the first row",
                      c->request->path, (long long)c->rows.row_line, c->rows.n, c->n_columns);
}

static rondo_status unknown_column(const csv_table *c, const char *name)
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

static int find_column(const csv_table *c, const char *name)
{
    for (int i = 0; i < c->n_columns; i++)
        if (!strcmp(name, c->names[i])) return i;
    if (!*name || strspn(name, "0123456789") != strlen(name) || strlen(name) > 8) return -1;
    const int position = atoi(name);
    return position <= c->n_columns ? position - 1 : -1;
}

static bool contains(const int *columns, int n, int column)
{
    for (int i = 0; i < n; i++)
        if (columns[i] == column) return true;
    return false;
}

static rondo_status add_column(const csv_table *c, int *columns, int *n, const char *name)
{
    const int found = find_column(c, name);
    if (found < 0) return unknown_column(c, name);
    if (contains(columns, *n, found))
        return rondo_fail(RONDO_E_ARG, "column \"%s\" is named twice", name);
    columns[(*n)++] = found;
    return RONDO_OK;
}

/* Several names between commas; a name may have commas itself. */
static rondo_status find_columns(const csv_table *c, int *columns, int *n, const char *list)
{
    for (const char *at = list;;) {
        while (*at == ' ') at++;
        size_t length = strcspn(at, ",");
        for (int i = 0; i < c->n_columns; i++) {
            const size_t whole = strlen(c->names[i]);
            if (whole > length && !strncmp(at, c->names[i], whole) &&
                (!at[whole] || at[whole] == ','))
                length = whole;
        }
        char name[LIMIT_NAME];
        int shown = length < sizeof name ? (int)length : LIMIT_NAME - 1;
        while (shown && at[shown - 1] == ' ') shown--;
        snprintf(name, sizeof name, "%.*s", shown, at);
        RONDO_TRY(add_column(c, columns, n, name));
        if (!at[length]) return RONDO_OK;
        at += length + 1;
    }
}

/* The columns of these names; of equal names one after the other. */
static rondo_status find_known(const csv_table *c, int *columns, int *n, char *const *names,
                               int n_names)
{
    for (int k = 0; k < n_names; k++) {
        int found = -1;
        for (int i = 0; found < 0 && i < c->n_columns; i++)
            if (!strcmp(names[k], c->names[i]) && !contains(columns, *n, i)) found = i;
        if (found < 0) found = find_column(c, names[k]);
        if (found < 0 || *n == c->n_columns) {
            unknown_column(c, names[k]);
            return rondo_fail_in(RONDO_E_FORMAT, "the model was trained on \"%s\"", names[k]);
        }
        columns[(*n)++] = found;
    }
    return RONDO_OK;
}

/* Whether one of the known names, not a position, stands in the first row. */
static bool named_in(const csv_table *c, char *const *names, int n)
{
    for (int k = 0; names && k < n; k++) {
        const csv_cell name = { names[k], strlen(names[k]), false };
        if (!name.n || !is_text(&name)) continue;
        for (int i = 0; i < c->n_columns; i++)
            if (!strcmp(names[k], c->names[i])) return true;
    }
    return false;
}

/* Whether a requested name, not a position, stands in the first row. */
static bool names_are_asked_for(const csv_table *c)
{
    const char *const asked[] = { c->options->target, c->options->features, c->options->sequence,
                                  c->options->text };
    for (size_t k = 0; k < sizeof asked / sizeof *asked; k++)
        for (int i = 0; asked[k] && i < c->n_columns; i++) {
            const csv_cell name = { c->names[i], strlen(c->names[i]), false };
            const char *at = name.n && is_text(&name) ? strstr(asked[k], name.text) : NULL;
            if (at && (at == asked[k] || at[-1] == ',') && (!at[name.n] || at[name.n] == ','))
                return true;
        }
    return named_in(c, c->request->features, c->request->n_features) ||
           named_in(c, c->request->targets, c->request->n_targets) ||
           named_in(c, c->request->groups, c->request->n_groups);
}

/* A header stands over numbers: text in the first row where the second has none. */
static rondo_status guess_header(csv_table *c, bool *header)
{
    bool more;
    *header = names_are_asked_for(c);
    if (*header) return RONDO_OK;
    RONDO_TRY(csv_next(&c->rows, &more));
    for (int i = 0; i < c->n_columns; i++) {
        const csv_cell name = { c->names[i], strlen(c->names[i]), false };
        if (!name.n || !is_text(&name) || csv_is_missing(c, &name)) continue;
        if (!more || i >= c->rows.n || csv_is_missing(c, &c->rows.cells[i]) ||
            !is_text(&c->rows.cells[i]))
            *header = true;
    }
    return RONDO_OK;
}

static rondo_status name_columns(csv_table *c, bool from_row)
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

rondo_status csv_read_header(csv_table *c)
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
    c->header = header;
    c->rows.at = header ? second.at : first.at;
    c->rows.line = header ? second.line : first.line;
    return header ? RONDO_OK : name_columns(c, false);
}

/* A column is what its first cell is: numbers or text. */
static rondo_status find_kinds(csv_table *c)
{
    const char *at = c->rows.at;
    const int64_t line = c->rows.line;
    int unknown = c->n_columns;
    c->kinds = alloc_array(c->n_columns, sizeof *c->kinds);
    if (!c->kinds) return RONDO_E_NOMEM;
    for (int row = 0; unknown && row < 1000; row++) {
        bool more;
        RONDO_TRY(csv_next(&c->rows, &more));
        if (!more && !row) return rondo_fail(RONDO_E_FORMAT, "%s: no rows", c->request->path);
        if (!more) break;
        RONDO_TRY(csv_check_width(c));
        for (int i = 0; i < c->n_columns; i++) {
            const csv_cell *cell = &c->rows.cells[i];
            if (c->kinds[i] != KIND_UNKNOWN || csv_is_missing(c, cell)) continue;
            c->kinds[i] = is_text(cell) ? KIND_TEXT : KIND_NUMBER;
            unknown--;
        }
    }
    c->rows.at = at;
    c->rows.line = line;
    return RONDO_OK;
}

/* The column that is named, or that the model was trained on, or the only one of text that is not the
 * target. */
static rondo_status choose_text(csv_table *c)
{
    const reader_request *q = c->request;
    const char *name = c->options->text;
    if (!name && q->features && find_column(c, q->features[0]) >= 0) name = q->features[0];
    if (name) {
        c->text = find_column(c, name);
        return c->text < 0 ? unknown_column(c, name) : RONDO_OK;
    }
    int found = 0;
    for (int i = 0; i < c->n_columns; i++) {
        if (c->kinds[i] != KIND_TEXT || contains(c->targets, c->n_targets, i)) continue;
        c->text = i;
        found++;
    }
    if (found == 1) return RONDO_OK;
    char known[2 * LIMIT_NAME];
    names_join(known, sizeof known, c->names, c->n_columns);
    return rondo_fail(RONDO_E_ARG,
                      "%s: which column is the text? Say text=NAME (--text NAME), one of %s",
                      q->path, known);
}

static rondo_status choose_features(csv_table *c)
{
    const reader_request *q = c->request;
    if (q->text || c->options->text) return choose_text(c);
    if (q->features && c->header) {
        RONDO_TRY(find_known(c, c->features, &c->n_features, q->features, q->n_features));
    } else if (c->options->features) {
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

static rondo_status choose_target(csv_table *c)
{
    const reader_request *q = c->request;
    rondo_status s = RONDO_OK;
    if (q->targets && c->header)
        s = find_known(c, c->targets, &c->n_targets, q->targets, q->n_targets);
    else if (c->options->target)
        s = find_columns(c, c->targets, &c->n_targets, c->options->target);
    if (s && !((s == RONDO_E_NAME || s == RONDO_E_FORMAT) && q->no_target)) return s;
    RONDO_TRY(choose_features(c));
    c->with_targets = !q->no_target;
    if (!c->with_targets) return RONDO_OK;
    if (!c->n_targets && c->options->window && c->n_features == 1)
        c->targets[c->n_targets++] = c->features[0];
    if (!c->n_targets) {
        char known[2 * LIMIT_NAME];
        names_join(known, sizeof known, c->names, c->n_columns);
        return rondo_fail(
            RONDO_E_ARG,
            "%s: which column is the target? Say target=NAME (--target NAME), one of %s", q->path,
            known);
    }
    c->classes = q->target == TARGET_CLASSES ||
                 (q->target == TARGET_AUTO && (q->classes || c->kinds[c->targets[0]] == KIND_TEXT));
    if (c->classes && c->n_targets > 1)
        return rondo_fail(RONDO_E_ARG, "%s: classes come from one target column, not %d", q->path,
                          c->n_targets);
    return c->classes && q->classes ? class_list_fix(&c->labels, q->classes, q->n_classes)
                                    : RONDO_OK;
}

rondo_status csv_choose_groups(csv_table *c)
{
    const int n = c->request->n_groups;
    if (!n) return RONDO_OK;
    c->groups = groups_new(n);
    if (!c->groups) return RONDO_E_NOMEM;
    for (int i = 0; i < n; i++) {
        c->groups[i].column = find_column(c, c->request->groups[i]);
        if (c->groups[i].column < 0) return unknown_column(c, c->request->groups[i]);
    }
    return RONDO_OK;
}

rondo_status csv_choose_columns(csv_table *c)
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
