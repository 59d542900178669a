/* part.c - some samples of a file, by their number: rows=9/10. */
#include "data/data.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_RANGES = 64 };

typedef struct rows { /* which numbers are kept; all are whole and from 0 on */
    int64_t from[MOST_RANGES], to[MOST_RANGES]; /* both included */
    int n;
    int64_t divisor; /* 0: they are positions … */
    bool percent;    /* … or percent of all */
} rows;

static bool read_number(const char **at, int64_t *value)
{
    char *end;
    if (**at < '0' || **at > '9') return false;
    *value = strtoll(*at, &end, 10);
    *at = end;
    return *value <= LIMIT_SIZE;
}

static bool parse(rows *r, const char *text)
{
    const char *at = text;
    do {
        if (r->n == MOST_RANGES) return false;
        int64_t *from = &r->from[r->n], *to = &r->to[r->n++];
        if (!read_number(&at, from)) return false;
        *to = *from;
        if (*at == '-') {
            at++;
            if (!read_number(&at, to)) return false;
        }
        if (*to < *from) return false;
    } while (*at == ',' && at++);
    if (*at == '%' && !at[1]) return r->percent = true;
    if (*at != '/') return !*at;
    at++;
    return read_number(&at, &r->divisor) && !*at && r->divisor > 0;
}

static bool keeps(const rows *r, int64_t i, int64_t count)
{
    const int64_t place = r->divisor ? i % r->divisor : i;
    for (int k = 0; k < r->n; k++) {
        if (r->percent ? i * 100 >= r->from[k] * count && i * 100 < (r->to[k] + 1) * count
                       : place >= r->from[k] && place <= r->to[k])
            return true;
    }
    return false;
}

rondo_status rows_keep(rondo_dataset **d, const char *text)
{
    rows r = { .n = 0 };
    int64_t n = 0;
    const int64_t count = (*d)->count;
    if (!parse(&r, text))
        return rondo_fail(
            RONDO_E_ARG, "rows is \"%s\"; it is like 9/10 (every tenth), 0-7/10, 0-89%% or 100-199",
            text);
    int64_t *items = alloc_array(count + 1, sizeof *items);
    if (!items) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < count; i++)
        if (keeps(&r, i, count)) items[n++] = i;
    const rondo_status s = n ? dataset_part(d, items, n)
                             : rondo_fail(RONDO_E_ARG, "rows=%s keeps none of %lld samples", text,
                                          (long long)count);
    alloc_free(items);
    return s;
}
