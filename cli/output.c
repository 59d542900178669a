/* output - messages, numbers, JSON and CSV. */
#define _DEFAULT_SOURCE
#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct {
    rondo_status status;
    int code;
} exits[] = {
    { RONDO_OK, EXIT_OK },
    { RONDO_E_NOMEM, EXIT_MEMORY },
    { RONDO_E_ARG, EXIT_USAGE },
    { RONDO_E_NAME, EXIT_USAGE },
    { RONDO_E_SHAPE, EXIT_INPUT },
    { RONDO_E_IO, EXIT_FILES },
    { RONDO_E_FORMAT, EXIT_INPUT },
    { RONDO_E_STATE, EXIT_USAGE },
    { RONDO_E_NAN, EXIT_DIVERGED },
    { RONDO_E_ABSENT, EXIT_USAGE },
    { RONDO_E_LIMIT, EXIT_MEMORY },
    { RONDO_E_STOPPED, EXIT_INTERRUPTED },
    { RONDO_E_MISMATCH, EXIT_OTHER_RUN },
};

int exit_of(rondo_status status)
{
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        if (exits[i].status == status) return exits[i].code;
    return EXIT_USAGE;
}

int fail(rondo_status status)
{
    const char *sentence = rondo_error();
    fflush(stdout);
    fprintf(stderr, "rondo: %s\n", sentence && *sentence ? sentence : rondo_status_text(status));
    return exit_of(status);
}

int complain(int code, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("rondo: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

void remark(const call *c, const char *format, ...)
{
    va_list args;
    if (c->quiet) return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int finish_output(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_OK;
    return complain(EXIT_FILES, "cannot write the output: %s", errno ? strerror(errno) : "?");
}

/* ---- JSON and CSV ---- */
void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

char *shell_text(const char *text)
{
    char *quoted = NULL;
    size_t n;
    const size_t harmless = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_./-=:,@%+");
    if (*text && !text[harmless]) return strdup(text);
    FILE *out = open_memstream(&quoted, &n);
    if (!out) return NULL;
    fputc('\'', out);
    for (; *text; text++) fputs(*text == '\'' ? "'\\''" : (char[]){ *text, 0 }, out);
    fputc('\'', out);
    if (!fclose(out)) return quoted;
    free(quoted);
    return NULL;
}

void json_number(FILE *out, double number)
{
    if (isfinite(number))
        fprintf(out, "%.9g", number);
    else
        fputs("null", out);
}

void csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void prediction_json(FILE *out, const rondo_pipeline *p, const rondo_prediction *told)
{
    fprintf(out, "{\"sample\": %lld", (long long)told->sample);
    if (told->step >= 0) fprintf(out, ", \"step\": %lld", (long long)told->step);
    if (told->label) {
        fputs(", \"label\": ", out);
        json_text(out, told->label);
        fputs(", \"probabilities\": {", out);
    } else {
        fputs(", \"values\": {", out);
    }
    for (int i = 0; i < told->n; i++) {
        if (i) fputs(", ", out);
        json_text(out, rondo_pipeline_column(p, i));
        fputs(": ", out);
        json_number(out, (double)told->values[i]);
    }
    fputs("}}\n", out);
}

void prediction_row(FILE *out, const rondo_pipeline *p, const rondo_prediction *told, bool json)
{
    if (json) {
        prediction_json(out, p, told);
        return;
    }
    if (told->step >= 0) fprintf(out, "%lld,%lld,", (long long)told->sample, (long long)told->step);
    if (told->label) csv_text(out, told->label);
    for (int i = 0; i < told->n; i++)
        fprintf(out, "%s%.9g", i || told->label ? "," : "", (double)told->values[i]);
    fputc('\n', out);
}

/* ---- Facts ---- */
int terminal_width(FILE *out)
{
    struct winsize size;
    if (!isatty(fileno(out))) return 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

bool shows_colour(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    return isatty(fileno(out)) && !(no_colour && *no_colour) &&
           !(kind && strcmp(kind, "dumb") == 0);
}

bool speaks_utf8(void)
{
    const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale) return strstr(locale, "UTF-8") || strstr(locale, "utf8");
    }
    return false;
}

/* As JSON writes numbers: no hexadecimal, no leading plus or zero. */
static bool is_number(const char *text)
{
    char *end;
    const char *digits = text + (*text == '-');
    if (*digits < '0' || *digits > '9' || strspn(text, "-+.eE0123456789") != strlen(text))
        return false;
    if (*digits == '0' && digits[1] >= '0' && digits[1] <= '9') return false;
    return isfinite(strtod(text, &end)) && !*end;
}

static void show_json(fact_sheet *sheet, const char *name, const char *text, bool list)
{
    fputs(sheet->n++ ? ",\n  " : "  ", sheet->out);
    json_text(sheet->out, name);
    fputs(": ", sheet->out);
    if (!list && is_number(text)) {
        fputs(text, sheet->out);
        return;
    }
    if (!list) {
        json_text(sheet->out, text);
        return;
    }
    fputc('[', sheet->out);
    for (bool first = true; *text || !first;) {
        char item[512];
        const size_t n = strcspn(text, "\t"), kept = n < sizeof item ? n : sizeof item - 1;
        if (first && !n) break;
        memcpy(item, text, kept);
        item[kept] = 0;
        if (!first) fputs(", ", sheet->out);
        json_text(sheet->out, item);
        first = false;
        text += n;
        if (!*text) break;
        text++;
    }
    fputc(']', sheet->out);
}

void show_fact(const char *name, const char *text, bool list, void *user)
{
    enum { NAME = 18, WIDTH = 100 };
    fact_sheet *sheet = user;
    if (sheet->json) {
        show_json(sheet, name, text, list);
        return;
    }
    fprintf(sheet->out, "%-*s", NAME, name);
    size_t column = NAME;
    for (const char *at = text; *at;) {
        const size_t n = list ? strcspn(at, "\t") : strlen(at);
        if (at != text && column + n + 2 > WIDTH) {
            fprintf(sheet->out, ",\n%*s", NAME, "");
            column = NAME;
        } else if (at != text) {
            fputs(", ", sheet->out);
            column += 2;
        }
        fprintf(sheet->out, "%.*s", (int)n, at);
        column += n;
        at += n + (at[n] == '\t');
    }
    fputc('\n', sheet->out);
}
