/* classes.c - label names and their numbers. */
#include "data/data.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 1 << 16, MOST_FRACTIONS = 64 /* labels like 1.5 before it is no class */ };

static rondo_status reserve(class_list *c, int n)
{
    if (n <= c->capacity) return RONDO_OK;
    if (n > MOST_CLASSES)
        return rondo_fail(RONDO_E_LIMIT, "more than %d different labels; are they numbers?",
                          MOST_CLASSES);
    const int capacity = 2 * n < 16 ? 16 : 2 * n;
    char **names = alloc_grow(c->names, ((size_t)capacity + 1) * sizeof *names);
    if (!names) return RONDO_E_NOMEM;
    names[c->n] = NULL;
    c->names = names;
    int *sorted = alloc_grow(c->sorted, (size_t)capacity * sizeof *sorted);
    if (!sorted) return RONDO_E_NOMEM;
    c->sorted = sorted;
    c->capacity = capacity;
    return RONDO_OK;
}

/* Where a name stands in sorted[], or would. */
static int place(const class_list *c, const char *name, bool *found)
{
    int low = 0, high = c->n;
    *found = false;
    while (low < high) {
        const int middle = (low + high) / 2;
        const int order = strcmp(name, c->names[c->sorted[middle]]);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static rondo_status add(class_list *c, const char *name, int at)
{
    RONDO_TRY(reserve(c, c->n + 1));
    char *copy = alloc_text(name);
    if (!copy) return RONDO_E_NOMEM;
    memmove(c->sorted + at + 1, c->sorted + at, (size_t)(c->n - at) * sizeof *c->sorted);
    c->sorted[at] = c->n;
    c->names[c->n++] = copy;
    c->names[c->n] = NULL;
    return RONDO_OK;
}

/* "3.0" and "+3" are "3"; other names stay as written. */
static void canonical(char out[LIMIT_NAME], const char *name)
{
    double value;
    if (number_parse(&value, name, strlen(name)) == NUMBER_OK && fabs(value) < 1e15 &&
        value == floor(value))
        snprintf(out, LIMIT_NAME, "%lld", (long long)value);
    else
        snprintf(out, LIMIT_NAME, "%s", name);
}

void names_join(char *out, size_t size, char *const *names, int n)
{
    size_t used = 0;
    *out = 0;
    for (int i = 0; i < n; i++) {
        const size_t need = strlen(names[i]) + 2;
        if (used + need + sizeof " …" > size) {
            snprintf(out + used, size - used, " …");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", names[i]);
    }
}

bool name_is_utf8(const char *name)
{
    const size_t n = strlen(name);
    return utf8_valid(name, n) == n;
}

rondo_status class_list_find(class_list *c, const char *name, const char *path, int64_t line,
                             int32_t *label)
{
    bool found;
    int at = place(c, name, &found);
    if (!found && c->fixed) {
        char text[LIMIT_NAME], known[LIMIT_NAME];
        canonical(text, name);
        at = place(c, text, &found);
        names_join(known, sizeof known, c->names, c->n);
        if (!found)
            return rondo_fail(RONDO_E_FORMAT, "%s:%lld: label \"%s\" is none of the classes (%s)",
                              path, (long long)line, name, known);
    }
    if (!found && !name_is_utf8(name))
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: the label is not UTF-8 text", path,
                          (long long)line);
    double value;
    if (!found && c->n >= MOST_FRACTIONS && number_parse(&value, name, strlen(name)) == NUMBER_OK &&
        value != floor(value))
        return rondo_fail(RONDO_E_FORMAT,
                          "%s:%lld: %s and %d labels before it look like numbers, not classes; to "
                          "predict numbers, let the last layer be \"dense\" without softmax",
                          path, (long long)line, name, c->n);
    if (!found) RONDO_TRY(add(c, name, at));
    *label = c->sorted[at];
    return RONDO_OK;
}

rondo_status class_list_fix(class_list *c, char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        bool found;
        const int at = place(c, names[i], &found);
        if (found) return rondo_fail(RONDO_E_ARG, "class \"%s\" is named twice", names[i]);
        RONDO_TRY(add(c, names[i], at));
    }
    c->fixed = true;
    return RONDO_OK;
}

typedef struct numbered {
    double value;
    int label;
} numbered;

static int by_value(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->label - y->label;
}

/* order[i] gets the value of name i when all names are numbers, else its place in the alphabet. */
static bool rank(const class_list *c, numbered *order)
{
    bool numeric = true;
    for (int i = 0; i < c->n; i++) {
        order[i].label = i;
        if (number_parse(&order[i].value, c->names[i], strlen(c->names[i])) != NUMBER_OK)
            numeric = false;
    }
    if (!numeric)
        for (int i = 0; i < c->n; i++) order[c->sorted[i]].value = i;
    qsort(order, (size_t)c->n, sizeof *order, by_value);
    return numeric;
}

rondo_status class_list_finish(class_list *c, int32_t *labels, int64_t count)
{
    if (c->fixed || c->n == 0) return RONDO_OK;
    rondo_status s = RONDO_OK;
    numbered *order = alloc_array(c->n, sizeof *order);
    int *number = alloc_array(c->n, sizeof *number); /* of each label found so far */
    char **names = alloc_array((int64_t)c->n + 1, sizeof *names);
    if (!order || !number || !names) {
        s = RONDO_E_NOMEM;
        goto done;
    }
    const bool numeric = rank(c, order);
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        const bool same = numeric && i > 0 && order[i].value == order[i - 1].value;
        char text[LIMIT_NAME];
        if (!same) {
            const char *name = c->names[order[i].label];
            if (numeric) canonical(text, name);
            names[n] = alloc_text(numeric ? text : name);
            if (!names[n++]) {
                s = RONDO_E_NOMEM;
                goto done;
            }
        }
        number[order[i].label] = n - 1;
    }
    for (int64_t i = 0; i < count; i++) labels[i] = number[labels[i]];
    text_list_free(c->names);
    c->names = names;
    c->n = n;
    names = NULL;
done:
    alloc_free(order);
    alloc_free(number);
    text_list_free(names);
    return s;
}

void class_list_give(class_list *c, rondo_dataset *d)
{
    d->classes = c->names;
    d->n_classes = c->n;
    c->names = NULL;
    class_list_free(c);
}

void class_list_free(class_list *c)
{
    text_list_free(c->names);
    alloc_free(c->sorted);
    *c = (class_list){ 0 };
}
