/* findings - the sentences of a diagnosis, wrapped to the terminal. */
#include "cli.h"
#include <string.h>

enum { WIDTH = 100 };

/* Words of a text in lines; the first line begins after `first`, all others are indented as much. */
static void wrap(FILE *out, const char *first, const char *text)
{
    const int indent = (int)strlen(first), terminal = terminal_width(out);
    const int width = terminal > 40 && terminal < WIDTH ? terminal : WIDTH;
    int column = indent;
    fputs(first, out);
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (column > indent && column + n + 1 > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", n, text);
        column += n;
        text += n + strspn(text + n, " ");
    }
    fputc('\n', out);
}

void print_findings(FILE *out, const rondo_diagnosis *d)
{
    static const char *const marks[] = { "", "note  ", "fault ", "BROKEN" };
    if (d->n_findings == 0) fputs("nothing suspicious found\n", out);
    for (int64_t i = 0; i < d->n_findings; i++) {
        const rondo_finding *f = &d->finding[i];
        char first[16];
        snprintf(first, sizeof first, "%s  ", marks[f->severity & 3]);
        wrap(out, first, f->sentence);
        wrap(out, "        ", f->advice);
    }
}

static bool known(const rondo_diagnosis *d, const rondo_finding *f)
{
    for (int64_t i = 0; d && i < d->n_findings; i++)
        if (strcmp(d->finding[i].rule, f->rule) == 0 && strcmp(d->finding[i].layer, f->layer) == 0)
            return true;
    return false;
}

void print_new_findings(FILE *out, const rondo_diagnosis *d, const rondo_diagnosis *before)
{
    for (int64_t i = 0; i < d->n_findings; i++)
        if (d->finding[i].severity > 1 && !known(before, &d->finding[i]))
            wrap(out, "diagnosis: ", d->finding[i].sentence);
}
