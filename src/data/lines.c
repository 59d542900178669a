/* lines.c - a text line by line. */
#include "data/data.h"
#include <string.h>

void lines_begin(line_cursor *c, const source_file *s)
{
    *c = (line_cursor){ .at = (const char *)s->data, .end = (const char *)s->data + s->size };
}

bool lines_next(line_cursor *c, text_line *l)
{
    if (c->at == c->end) return false;
    const char *stop = memchr(c->at, '\n', (size_t)(c->end - c->at));
    *l = (text_line){ c->at, (size_t)((stop ? stop : c->end) - c->at), ++c->number };
    if (l->n && l->text[l->n - 1] == '\r') l->n--;
    c->at = stop ? stop + 1 : c->end;
    return true;
}

bool line_is_blank(const text_line *l)
{
    size_t i = 0;
    while (i < l->n && (l->text[i] == ' ' || l->text[i] == '\t')) i++;
    return i == l->n;
}
