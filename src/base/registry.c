/* Every table by kind. Rows are only ever added, each published by the count: readers take no lock.
 * */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST = 256 }; /* rows of a kind */

static struct table {
    const char *name[MOST];
    const void *row[MOST];
    atomic_int n;
} tables[REGISTRY_KINDS];

static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool loading; /* this thread is in rondo_tables, which adds rows itself */

static void load(void)
{
    loading = true;
    rondo_tables();
    loading = false;
}

static struct table *table_of(registry_kind kind)
{
    if (!loading) pthread_once(&once, load);
    return &tables[kind];
}

static int find(struct table *table, const char *name)
{
    int n = atomic_load_explicit(&table->n, memory_order_acquire);
    for (int i = 0; i < n; i++)
        if (!strcmp(table->name[i], name)) return i;
    return -1;
}

rondo_status registry_add(registry_kind kind, const char *name, const void *row)
{
    struct table *table = table_of(kind);
    const char *noun = registry_kind_name(kind);
    rondo_status status = RONDO_OK;
    int i, n;
    if (!name || !*name) return rondo_fail(RONDO_E_ARG, "a new %s has no name", noun);
    if (strlen(name) > LIMIT_NAME)
        return rondo_fail(RONDO_E_LIMIT, "the name of a new %s is over %d bytes", noun, LIMIT_NAME);
    pthread_mutex_lock(&adding);
    i = find(table, name);
    n = atomic_load(&table->n);
    if (i >= 0 && table->row[i] != row) {
        status = rondo_fail(RONDO_E_ARG, "the %s \"%s\" is there already", noun, name);
    } else if (i < 0 && n == MOST) {
        status = rondo_fail(RONDO_E_LIMIT, "no room for %s \"%s\": there are %d", noun, name, MOST);
    } else if (i < 0) {
        table->name[n] = name;
        table->row[n] = row;
        atomic_store_explicit(&table->n, n + 1, memory_order_release);
    }
    pthread_mutex_unlock(&adding);
    return status;
}

const void *registry_find(registry_kind kind, const char *name)
{
    struct table *table = table_of(kind);
    int i = find(table, name);
    return i < 0 ? NULL : table->row[i];
}

rondo_status registry_get(registry_kind kind, const char *name, const void **row)
{
    struct table *table = table_of(kind);
    const char *noun = registry_kind_name(kind), *near;
    char list[800] = "";
    int n = registry_count(kind);
    size_t used = 0;
    *row = registry_find(kind, name);
    if (*row) return RONDO_OK;
    near = name_nearest(name, n, table->name);
    if (near)
        return rondo_fail(RONDO_E_NAME, "unknown %s \"%s\"; did you mean \"%s\"?", noun, name,
                          near);
    for (int i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s %s", i ? "," : "",
                                 table->name[i]);
    if (n == 0) snprintf(list, sizeof list, " none");
    if (!*name)
        return rondo_fail(RONDO_E_NAME, "the name of the %s is missing; there are%s", noun, list);
    return rondo_fail(RONDO_E_NAME, "unknown %s \"%s\"; there are%s", noun, name, list);
}

int registry_count(registry_kind kind)
{
    return atomic_load_explicit(&table_of(kind)->n, memory_order_acquire);
}

const void *registry_at(registry_kind kind, int i)
{
    return table_of(kind)->row[i];
}

const char *registry_name(registry_kind kind, int i)
{
    return table_of(kind)->name[i];
}

const char *registry_kind_name(registry_kind kind)
{
    static const char *const names[REGISTRY_KINDS] = { "activation",  "cell",           "layer",
                                                       "initializer", "loss",           "metric",
                                                       "optimizer",   "schedule",       "callback",
                                                       "reader",      "generated task", "format",
                                                       "task",        "adapter",        "preset" };
    return names[kind];
}

/* ---- The nearest name ---- */

enum { LONGEST = 64 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), case
 * ignored. */
static int distance(const char *a, const char *b)
{
    int row[3][LONGEST + 1];
    int na = (int)strlen(a), nb = (int)strlen(b);
    for (int j = 0; j <= nb; j++) row[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *now = row[i % 3], *above = row[(i + 2) % 3], *two_above = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            now[j] = smaller(above[j - 1] + (ca != cb), smaller(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]))
                now[j] = smaller(now[j], two_above[j - 2] + 1);
        }
    }
    return row[na % 3][nb];
}

const char *name_nearest(const char *name, int n, const char *const names[])
{
    size_t length = strlen(name);
    const char *nearest = NULL;
    int best = smaller(3, (int)(length + 1) / 3) + 1; /* one slip for every three letters or so */
    if (length < 2 || length > LONGEST) return NULL;
    for (int i = 0; i < n; i++) {
        int d = strlen(names[i]) > LONGEST ? best : distance(name, names[i]);
        if (d >= best) continue;
        best = d;
        nearest = names[i];
    }
    return nearest;
}
