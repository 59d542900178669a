/* groups.c - what samples can be told apart by: a column of the table they come from, one of a table
 * beside it, or their label. */
#include "data/data.h"
#include <string.h>

enum { MOST_VALUES = 60 }; /* of a column */

group_reader *groups_new(int n)
{
    group_reader *all = alloc_array(n, sizeof *all);
    for (int i = 0; all && i < n; i++) spill_init(&all[i].rows, 0);
    return all;
}

void groups_free(group_reader *all, int n)
{
    for (int i = 0; all && i < n; i++) {
        class_list_free(&all[i].values);
        spill_free(&all[i].rows);
    }
    alloc_free(all);
}

void groups_close(rondo_dataset *d)
{
    for (int i = 0; i < d->n_groups; i++) {
        alloc_free(d->groups[i].name);
        text_list_free(d->groups[i].values);
        alloc_free(d->groups[i].of);
    }
    alloc_free(d->groups);
    d->groups = NULL;
    d->n_groups = 0;
}

rondo_status group_see(group_reader *g, const char *name, const char *value, const char *path,
                       int64_t line)
{
    int32_t number;
    RONDO_TRY(class_list_find(&g->values, value, path, line, &number));
    if (g->values.n > MOST_VALUES)
        return rondo_fail(RONDO_E_LIMIT,
                          "%s: column \"%s\" has more than %d different values; to group by "
                          "numbers, put them into classes in a column of their own",
                          path, name, MOST_VALUES);
    return spill_append(&g->rows, &number, sizeof number);
}

rondo_status groups_see(group_reader *all, int n, char *const *names, const csv_rows *rows)
{
    for (int i = 0; i < n; i++) {
        char text[LIMIT_NAME];
        csv_cell_text(&rows->cells[all[i].column], text);
        RONDO_TRY(group_see(&all[i], names[i], text, rows->path, rows->row_line));
    }
    return RONDO_OK;
}

/* One column of the dataset, of which sample i is of group of[i]; takes the values. */
static rondo_status add_column(rondo_dataset *d, const char *name, class_list *values, int32_t **of)
{
    group_column *all = alloc_grow(d->groups, ((size_t)d->n_groups + 1) * sizeof *all);
    if (!all) return RONDO_E_NOMEM;
    d->groups = all;
    group_column *c = &all[d->n_groups];
    *c = (group_column){ alloc_text(name), values->names, values->n, *of };
    if (!c->name) return RONDO_E_NOMEM;
    values->names = NULL;
    *of = NULL;
    d->n_groups++;
    return RONDO_OK;
}

static rondo_status sample_groups(int32_t *of, int64_t count, const group_reader *g,
                                  const char *name, const reader_request *q, group_rows *rows,
                                  const void *user)
{
    const int32_t *number = (const int32_t *)(const void *)g->rows.data;
    const int64_t n_rows = (int64_t)(g->rows.size / sizeof *number);
    for (int64_t i = 0; i < count; i++) {
        int64_t first, n;
        rows(user, i, &first, &n);
        if (first >= n_rows) first = n_rows - 1; /* a window with nothing behind it */
        of[i] = number[first];
        for (int64_t r = first + 1; r < first + n; r++)
            if (number[r] != of[i])
                return rondo_fail(RONDO_E_FORMAT,
                                  "%s: sequence %lld has both \"%s\" and \"%s\" in column \"%s\"; "
                                  "a sequence belongs to one group",
                                  q->path, (long long)i + 1, g->values.names[of[i]],
                                  g->values.names[number[r]], name);
    }
    return RONDO_OK;
}

rondo_status groups_give(rondo_dataset *d, group_reader *all, int n, const reader_request *q,
                         group_rows *rows, const void *user)
{
    for (int i = 0; i < n; i++) {
        group_reader *g = &all[i];
        int32_t *of = alloc_array(d->count + 1, sizeof *of);
        rondo_status s = of ? class_list_finish(&g->values, (int32_t *)(void *)g->rows.data,
                                                (int64_t)(g->rows.size / sizeof *of))
                            : RONDO_E_NOMEM;
        if (!s) s = sample_groups(of, d->count, g, q->groups[i], q, rows, user);
        if (!s) s = add_column(d, q->groups[i], &g->values, &of);
        alloc_free(of);
        if (s) return s;
    }
    return RONDO_OK;
}

/* ---- A table of their own: a row for each sample, in the same order ---- */
void groups_by_item(const void *user, int64_t item, int64_t *first, int64_t *n)
{
    (void)user;
    *first = item;
    *n = 1;
}

static rondo_status read_table(csv_table *t, rondo_dataset *d)
{
    const reader_request *q = t->request;
    int64_t rows = 0;
    RONDO_TRY(csv_open(t));
    RONDO_TRY(csv_choose_groups(t));
    for (bool more;;) {
        RONDO_TRY(csv_next(&t->rows, &more));
        if (!more) break;
        RONDO_TRY(csv_check_width(t));
        RONDO_TRY(groups_see(t->groups, q->n_groups, q->groups, &t->rows));
        rows++;
    }
    if (rows != d->count)
        return rondo_fail(RONDO_E_SHAPE,
                          "%s has %lld rows under its header, the data %lld samples; it wants a "
                          "row for each",
                          q->path, (long long)rows, (long long)d->count);
    return groups_give(d, t->groups, q->n_groups, q, groups_by_item, NULL);
}

/* ---- The label ---- */
static rondo_status name_labels(class_list *values, const rondo_dataset *d, int32_t most)
{
    if (most >= MOST_VALUES)
        return rondo_fail(RONDO_E_LIMIT, "there are more than %d labels to group by", MOST_VALUES);
    values->names = alloc_array((int64_t)most + 2, sizeof *values->names);
    if (!values->names) return RONDO_E_NOMEM;
    for (; values->n <= most; values->n++) {
        char **name = &values->names[values->n];
        *name = values->n < d->n_classes ? alloc_text(d->classes[values->n])
                                         : alloc_format("%d", values->n);
        if (!*name) return RONDO_E_NOMEM;
    }
    return RONDO_OK;
}

static rondo_status group_by_label(rondo_dataset *d, const char *name)
{
    class_list values = { 0 };
    cursor c = { 0 };
    int32_t most = -1;
    int32_t *of = alloc_array(d->count + 1, sizeof *of);
    rondo_status s = of ? RONDO_OK : RONDO_E_NOMEM;
    for (int64_t i = 0; !s && i < d->count; i++) {
        sample one;
        s = d->get(d, &c, i, &one);
        if (s) break;
        of[i] = one.target[0].tokens[0];
        if (of[i] > most) most = of[i];
    }
    if (!s) s = name_labels(&values, d, most);
    if (!s) s = add_column(d, name, &values, &of);
    class_list_free(&values);
    cursor_free(&c);
    alloc_free(of);
    return s;
}

rondo_status groups_find(rondo_dataset *d, const reader_request *q)
{
    if (q->group_file) {
        const csv_options options = { .delimiter = "auto", .header = "yes" };
        reader_request own = { .path = q->group_file,
                               .groups = q->groups,
                               .n_groups = q->n_groups };
        csv_table t = { .request = &own, .options = &options, .text = -1 };
        const rondo_status s = read_table(&t, d);
        csv_close(&t);
        return s;
    }
    const bool labelled = d->n_targets > 0 && d->target[0].type == RONDO_I32 &&
                          !field_is_sequence(&d->target[0]);
    for (int i = 0; i < q->n_groups; i++) {
        const char *name = q->groups[i];
        if (!labelled ||
            (strcmp(name, "label") && (!d->n_target_names || strcmp(name, d->targets[0]))))
            return rondo_fail(RONDO_E_NAME,
                              "%s: its samples have no column \"%s\"; --groups FILE.csv may be a "
                              "table that has, with a row for each sample%s",
                              q->path, name, labelled ? ", and --by label groups by label" : "");
        RONDO_TRY(group_by_label(d, name));
    }
    return RONDO_OK;
}
