/* number.c - decimal numbers from text; strtod of the "C" locale, whatever setlocale was told. */
#define _GNU_SOURCE
#include "data/data.h"
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

static locale_t plain;
static void make_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool is_word_for_not_finite(const char *text)
{
    static const char *const words[] = { "nan", "inf", "infinity" };
    if (*text == '+' || *text == '-') text++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(text, words[i])) return true;
    return false;
}

number_kind number_parse(double *out, const char *text, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char copy[LIMIT_NAME], *end;
    if (n == 0 || n >= sizeof copy || memchr(text, 0, n)) return NUMBER_TEXT;
    memcpy(copy, text, n);
    copy[n] = 0;
    if (strspn(copy, "+-.0123456789eE") != n)
        return is_word_for_not_finite(copy) ? NUMBER_NOT_FINITE : NUMBER_TEXT;
    pthread_once(&once, make_plain);
    *out = plain ? strtod_l(copy, &end, plain) : strtod(copy, &end);
    if (*end || end == copy) return NUMBER_TEXT;
    return isfinite((real)*out) ? NUMBER_OK : NUMBER_NOT_FINITE;
}

rondo_status number_read(real *out, const char *text, size_t n, const char *where, int64_t line,
                         const char *column)
{
    double value = 0;
    const number_kind kind = number_parse(&value, text, n);
    *out = (real)value;
    if (kind == NUMBER_OK) return RONDO_OK;
    const int shown = n < 40 ? (int)n : 40;
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: column \"%s\": \"%.*s\" is not a %snumber", where,
                      (long long)line, column, shown, text,
                      kind == NUMBER_NOT_FINITE ? "finite " : "");
}
