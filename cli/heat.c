/* heat - a map of numbers over time in a terminal: a line for each feature, time to the right. */
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 32, LEVELS = 4 };

static double largest(const rondo_map *m)
{
    double most = 0;
    for (int64_t i = 0; i < m->steps * m->width; i++)
        if (fabs(m->values[i]) > most) most = fabs(m->values[i]);
    return most;
}

static void put_cell(double x, double most, bool colour)
{
    static const char *const shades[] = { "░", "▒", "▓", "█" };
    static const char above[] = ".+*#", below[] = ",-=%";
    const int level = isnan(x) || most == 0 ? 0 : (int)(fabs(x) / most * LEVELS + 0.5);
    if (level == 0)
        putchar(' ');
    else if (colour)
        printf("\033[%dm%s\033[0m", x > 0 ? 34 : 31, shades[level - 1]);
    else
        putchar(x > 0 ? above[level - 1] : below[level - 1]);
}

/* Of a line: its sum, or its mean, over the steps that were not skipped. */
static double summary(const rondo_map *m, int64_t column, bool mean)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t t = 0; t < m->steps; t++) {
        const double x = m->values[t * m->width + column];
        if (isnan(x)) continue;
        sum += x;
        n++;
    }
    return mean && n ? sum / (double)n : sum;
}

rondo_status heat_print(const rondo_map *m, bool attribution)
{
    enum { NAME = 20, NUMBER = 11, USUAL = 100 };
    const int terminal = terminal_width(stdout);
    const bool colour = shows_colour(stdout) && speaks_utf8();
    const double most = largest(m);
    int64_t columns[MOST_LINES], n, cells = (terminal > 60 ? terminal : USUAL) - NAME - NUMBER - 4;
    const rondo_status status = rondo_map_choose(m, MOST_LINES, columns, &n);
    if (status) return status;
    if (cells > m->steps) cells = m->steps;
    printf("\n%s, %s: %lld steps\n%-*s %*s\n", m->kind, m->of, (long long)m->steps, NAME, "",
           NUMBER, attribution ? "sum" : "mean");
    for (int64_t i = 0; i < n; i++) {
        printf("%-*.*s %*.4g |", NAME, NAME, m->names[columns[i]], NUMBER,
               summary(m, columns[i], !attribution));
        for (int64_t k = 0; k < cells; k++)
            put_cell(rondo_map_cell(m, columns[i], k, cells), most, colour);
        puts("|");
    }
    if (n < m->width)
        printf("… the %lld of %lld that weigh most\n", (long long)n, (long long)m->width);
    printf("%s up to %.3g\n", colour ? "blue above 0, red below," : ".+*# above 0, ,-=% below,",
           most);
    return RONDO_OK;
}

/* ---- Over a text ---- */
static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* What the `most`-th largest is worth; less is not shown. */
static rondo_status least_shown(double *least, const rondo_map *m, int64_t column, int64_t most)
{
    *least = 0;
    if (m->steps <= most) return RONDO_OK;
    double *sizes = malloc((size_t)m->steps * sizeof *sizes);
    if (!sizes) return RONDO_E_NOMEM;
    for (int64_t t = 0; t < m->steps; t++) {
        const double x = m->values[t * m->width + column];
        sizes[t] = isnan(x) ? 0 : fabs(x);
    }
    qsort(sizes, (size_t)m->steps, sizeof *sizes, by_value);
    *least = sizes[most - 1];
    free(sizes);
    return RONDO_OK;
}

static void put_bar(double x, double most, bool colour)
{
    enum { HALF = 10 };
    const int n = isnan(x) || most == 0 ? 0 : (int)(fabs(x) / most * HALF + 0.5);
    char bar[2 * HALF + 1];
    memset(bar, ' ', 2 * HALF);
    bar[2 * HALF] = 0;
    memset(x < 0 ? bar + HALF - n : bar + HALF, x < 0 ? '-' : '#', (size_t)n);
    if (colour) printf("\033[%dm", x < 0 ? 31 : 34);
    fputs(bar, stdout);
    if (colour) fputs("\033[0m", stdout);
}

rondo_status heat_tokens(const rondo_map *m, int64_t column, char *const *tokens)
{
    enum { MOST = 40 };
    const bool colour = shows_colour(stdout);
    double most = 0, least;
    const rondo_status status = least_shown(&least, m, column, MOST);
    if (status) return status;
    for (int64_t t = 0; t < m->steps; t++)
        most = fmax(most, fabs(m->values[t * m->width + column]));
    printf("\n%s, %s%s%s\n", m->kind, m->of, m->width > 1 ? ", " : "",
           m->width > 1 ? m->names[column] : "");
    for (int64_t t = 0; t < m->steps && tokens[t]; t++) {
        const double x = m->values[t * m->width + column];
        if (!(fabs(x) >= least)) continue;
        printf("%6lld %+11.4g ", (long long)t + 1, x);
        put_bar(x, most, colour);
        printf("  %s\n", tokens[t]);
    }
    if (m->steps > MOST)
        printf("the %d of %lld tokens that weigh most\n", MOST, (long long)m->steps);
    return RONDO_OK;
}
