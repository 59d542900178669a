/* A set of rows that costs what it holds, not what it might. */
#include "linear.h"

rondo_status row_set_reserve(row_set *s, int64_t rows)
{
    *s = (row_set){ .row = alloc_array(rows, sizeof *s->row),
                    .has = alloc_array(rows, sizeof *s->has) };
    if (s->row && s->has) return RONDO_OK;
    row_set_free(s);
    return RONDO_E_NOMEM;
}

void row_set_add(row_set *s, const int64_t rows[], int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (s->has[rows[i]]) continue;
        s->has[rows[i]] = 1;
        s->row[s->n++] = (int32_t)rows[i];
    }
}

void row_set_clear(row_set *s)
{
    for (int64_t i = 0; i < s->n; i++) s->has[s->row[i]] = 0;
    s->n = 0;
}

void row_set_free(row_set *s)
{
    alloc_free(s->row);
    alloc_free(s->has);
    *s = (row_set){ 0 };
}
