/* csv_rows.c - RFC 4180: text to rows of cells.  Lines may end in LF, CRLF or CR. */
#include "data/data.h"
#include <string.h>

void csv_begin(csv_rows *r, const char *path, const char *text, size_t size)
{
    *r = (csv_rows){ .path = path, .at = text, .end = text + size, .delimiter = ',', .line = 1 };
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) r->at += 3;
}

void csv_end(csv_rows *r)
{
    alloc_free(r->cells);
    *r = (csv_rows){ 0 };
}

static bool at_line_end(const csv_rows *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

static void pass_line_end(csv_rows *r)
{
    if (r->at == r->end) return;
    if (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n') r->at++;
    r->at++;
    r->line++;
}

void csv_skip_lines(csv_rows *r, int64_t n)
{
    while (n-- > 0 && r->at < r->end) {
        while (!at_line_end(r)) r->at++;
        pass_line_end(r);
    }
}

char csv_guess_delimiter(const csv_rows *r)
{
    static const char marks[] = ",;\t";
    int64_t count[3] = { 0 };
    bool quoted = false, blank = true;
    csv_rows copy = *r;
    for (; copy.at < copy.end && (quoted || blank || !at_line_end(&copy)); copy.at++) {
        const char c = *copy.at;
        if (c == '"') quoted = !quoted;
        if (!strchr(" \t\r\n", c)) blank = false;
        const char *mark = quoted || !c ? NULL : strchr(marks, c);
        if (mark) count[mark - marks]++;
    }
    int best = 0;
    for (int i = 1; i < 3; i++)
        if (count[i] > count[best]) best = i;
    return marks[best];
}

static bool is_blank(const csv_rows *r, char c)
{
    return (c == ' ' || c == '\t') && c != r->delimiter;
}

static rondo_status add_cell(csv_rows *r, csv_cell cell)
{
    if (r->n == r->capacity) {
        const int capacity = r->capacity ? 2 * r->capacity : 16;
        if (capacity > 1 << 24)
            return rondo_fail(RONDO_E_LIMIT, "%s:%lld: more than %d columns", r->path,
                              (long long)r->line, r->capacity);
        csv_cell *cells = alloc_grow(r->cells, (size_t)capacity * sizeof *cells);
        if (!cells) return RONDO_E_NOMEM;
        r->cells = cells;
        r->capacity = capacity;
    }
    r->cells[r->n++] = cell;
    return RONDO_OK;
}

/* Stands on the opening quote; leaves behind the closing one. */
static rondo_status quoted_cell(csv_rows *r, csv_cell *cell)
{
    const int64_t opened = r->line;
    const char *begin = ++r->at;
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') r->line++;
        if (*r->at != '"') continue;
        if (r->at + 1 < r->end && r->at[1] == '"') {
            r->at++;
            continue;
        }
        *cell = (csv_cell){ begin, (size_t)(r->at++ - begin), true };
        while (r->at < r->end && is_blank(r, *r->at)) r->at++;
        if (at_line_end(r) || *r->at == r->delimiter) return RONDO_OK;
        return rondo_fail(RONDO_E_FORMAT,
                          "%s:%lld: text after a closing quote; a quote inside quotes is doubled",
                          r->path, (long long)r->line);
    }
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: a quote is opened and never closed", r->path,
                      (long long)opened);
}

static rondo_status next_cell(csv_rows *r)
{
    csv_cell cell;
    while (r->at < r->end && is_blank(r, *r->at)) r->at++;
    if (r->at < r->end && *r->at == '"') {
        RONDO_TRY(quoted_cell(r, &cell));
        return add_cell(r, cell);
    }
    const char *begin = r->at;
    while (!at_line_end(r) && *r->at != r->delimiter) r->at++;
    const char *end = r->at;
    while (end > begin && is_blank(r, end[-1])) end--;
    return add_cell(r, (csv_cell){ begin, (size_t)(end - begin), false });
}

rondo_status csv_next(csv_rows *r, bool *more)
{
    do {
        *more = r->at < r->end;
        r->n = 0;
        r->row_line = r->line;
        if (!*more) return RONDO_OK;
        RONDO_TRY(next_cell(r));
        while (r->at < r->end && *r->at == r->delimiter) {
            r->at++;
            RONDO_TRY(next_cell(r));
        }
        pass_line_end(r);
    } while (r->n == 1 && r->cells[0].n == 0 && !r->cells[0].quoted);
    return RONDO_OK;
}

void csv_cell_add(const csv_cell *cell, text_buffer *out)
{
    const char *at = cell->text, *end = at + cell->n;
    while (at < end) {
        const char *quote = cell->quoted ? memchr(at, '"', (size_t)(end - at)) : NULL;
        const char *stop = quote ? quote + 1 : end;
        text_put(out, at, (size_t)(stop - at));
        at = quote ? stop + 1 : end; /* the second of two */
    }
}

void csv_cell_text(const csv_cell *cell, char out[LIMIT_NAME])
{
    size_t n = 0;
    for (size_t i = 0; i < cell->n && n < LIMIT_NAME - 1; i++) {
        if (cell->text[i] == '"' && cell->quoted) i++;
        out[n++] = cell->text[i];
    }
    if (n == LIMIT_NAME - 1) { /* cut: not inside a UTF-8 character */
        while (n && ((unsigned char)out[n - 1] & 0xc0) == 0x80) n--;
        if (n && (unsigned char)out[n - 1] >= 0x80) n--;
    }
    out[n] = 0;
}
