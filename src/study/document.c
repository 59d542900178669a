/* document - what is said once is written twice: as HTML, and as Markdown with pictures beside it. */
#include "study/study.h"
#include <stdarg.h>
#include <string.h>

/* Markdown reads some letters in running text; in tables a bar ends a cell. */
static void add_markdown(text_buffer *t, const char *text)
{
    for (; *text; text++) {
        if (strchr("*_`|<\\[", *text)) text_put(t, "\\", 1);
        text_put(t, *text == '\n' ? " " : text, 1);
    }
}

void document_begin(document *d, const char *folder, const char *title)
{
    *d = (document){ .folder = folder };
    page_begin(&d->html, title, "en");
    document_heading(d, 1, title);
}

void document_heading(document *d, int level, const char *text)
{
    text_add(&d->html, "<h%d>", level);
    text_escaped(&d->html, text);
    text_add(&d->html, "</h%d>\n", level);
    text_add(&d->markdown, "%.*s ", level, "####");
    add_markdown(&d->markdown, text);
    text_add(&d->markdown, "\n\n");
}

void document_text(document *d, const char *format, ...)
{
    text_buffer t = { 0 };
    va_list args;
    va_start(args, format);
    text_add_list(&t, format, args);
    va_end(args);
    if (t.status && !d->status) d->status = t.status;
    text_add(&d->html, "<p>");
    text_escaped(&d->html, t.data ? t.data : "");
    text_add(&d->html, "</p>\n");
    add_markdown(&d->markdown, t.data ? t.data : "");
    text_add(&d->markdown, "\n\n");
    text_free(&t);
}

void document_code(document *d, const char *text)
{
    text_add(&d->html, "<pre><code>");
    text_escaped(&d->html, text);
    text_add(&d->html, "</code></pre>\n");
    text_add(&d->markdown, "```sh\n%s\n```\n\n", text);
}

/* ---- Tables ---- */
void document_table(document *d, const char *const *columns, int n)
{
    d->columns = n;
    text_add(&d->html, "<div class=\"scroll\"><table>\n<thead><tr>");
    text_add(&d->markdown, "|");
    for (int i = 0; i < n; i++) {
        text_add(&d->html, "<th>");
        text_escaped(&d->html, columns[i]);
        text_add(&d->html, "</th>");
        text_add(&d->markdown, " ");
        add_markdown(&d->markdown, columns[i]);
        text_add(&d->markdown, " |");
    }
    text_add(&d->html, "</tr></thead>\n<tbody>\n");
    text_add(&d->markdown, "\n|");
    for (int i = 0; i < n; i++) text_add(&d->markdown, i ? "---:|" : "---|");
    text_add(&d->markdown, "\n");
}

void document_row(document *d, const char *const *cells, const bool *strong)
{
    text_add(&d->html, "<tr>");
    text_add(&d->markdown, "|");
    for (int i = 0; i < d->columns; i++) {
        const bool bold = strong && strong[i] && *cells[i];
        text_add(&d->html, bold ? "<td><strong>" : "<td>");
        text_escaped(&d->html, cells[i]);
        text_add(&d->html, bold ? "</strong></td>" : "</td>");
        text_add(&d->markdown, bold ? " **" : " ");
        add_markdown(&d->markdown, cells[i]);
        text_add(&d->markdown, bold ? "** |" : " |");
    }
    text_add(&d->html, "</tr>\n");
    text_add(&d->markdown, "\n");
}

void document_table_end(document *d)
{
    text_add(&d->html, "</tbody></table></div>\n");
    text_add(&d->markdown, "\n");
}

/* ---- Pictures ---- */
void document_side_by_side(document *d, bool begin)
{
    text_add(&d->html, begin ? "<div class=\"figures\">\n" : "</div>\n");
}

void document_figure(document *d, const char *name, const char *title, document_draw *draw,
                     const void *picture)
{
    text_buffer alone = { 0 };
    char *path = alloc_format("%s/%s.svg", d->folder, name);
    text_add(&d->html, "<figure>");
    draw(&d->html, picture, false);
    text_add(&d->html, "</figure>\n");
    draw(&alone, picture, true);
    text_add(&d->markdown, "![");
    add_markdown(&d->markdown, title);
    text_add(&d->markdown, "](%s.svg)\n\n", name);
    rondo_status status = !path ? RONDO_E_NOMEM : alone.status;
    if (!status) status = file_write_all(path, alone.data, alone.size);
    if (status && !d->status) d->status = status;
    alloc_free(path);
    text_free(&alone);
}

static rondo_status write_file(const document *d, const char *name, const char *ending,
                               const text_buffer *t)
{
    if (d->status) return d->status;
    if (t->status) return t->status;
    char *path = alloc_format("%s/%s.%s", d->folder, name, ending);
    if (!path) return RONDO_E_NOMEM;
    const rondo_status status = file_write_all(path, t->data, t->size);
    alloc_free(path);
    return status;
}

rondo_status document_end(document *d, const char *name)
{
    page_end(&d->html);
    rondo_status status = write_file(d, name, "html", &d->html);
    if (!status) status = write_file(d, name, "md", &d->markdown);
    text_free(&d->html);
    text_free(&d->markdown);
    return status;
}
