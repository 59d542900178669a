/* findings - the sentences of a diagnosis, wrapped to the terminal. */
#include "cli.h"
#include <string.h>

enum { WIDTH = 100 };

/* Bytes of what comes next that no line break parts, and its columns: a word or, as nobody writes
 * blanks between them, one Chinese character of two columns; and the mark after it. */
static int piece(const char *text, int *columns)
{
    static const char *const marks[] = { "，", "。", "：", "；", "、", "）" };
    const unsigned char wide = 0xe3; /* the first byte of such a character, at least */
    int n = 0;
    while (text[n] && text[n] != ' ' && (unsigned char)text[n] < wide) n++;
    *columns = n;
    if (n == 0) {
        n = 3;
        *columns = 2;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strncmp(text + n, marks[i], 3) == 0) {
            *columns += 2;
            return n + 3;
        }
    return n;
}

/* A text in lines; the first begins after `first`, all others after so many columns. */
static void wrap(FILE *out, const char *first, int indent, const char *text)
{
    const int terminal = terminal_width(out);
    const int width = terminal > 40 && terminal < WIDTH ? terminal : WIDTH;
    int column = indent, columns;
    bool blank = false;
    fputs(first, out);
    while (*text) {
        const int n = piece(text, &columns);
        if (column > indent && column + columns + blank > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent && blank) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", n, text);
        column += columns;
        text += n;
        blank = *text == ' ';
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void print_findings(FILE *out, const rondo_diagnosis *d, bool chinese)
{
    enum { INDENT = 8 };
    static const char *const marks[][2] = { { "", "" },
                                            { "note    ", "提示    " },
                                            { "fault   ", "故障    " },
                                            { "BROKEN  ", "损坏    " } };
    if (d->n_findings == 0)
        fputs(chinese ? "没有发现可疑之处\n" : "nothing suspicious found\n", out);
    for (int64_t i = 0; i < d->n_findings; i++) {
        const rondo_finding *f = &d->finding[i];
        wrap(out, marks[f->severity & 3][chinese], INDENT, chinese ? f->sentence_zh : f->sentence);
        wrap(out, "        ", INDENT, chinese ? f->advice_zh : f->advice);
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
            wrap(out, "diagnosis: ", 11, d->finding[i].sentence);
}
