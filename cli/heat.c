/* heat - a map of numbers over time in a terminal: a line for each feature, time to the right. */
#include "cli.h"
#include <math.h>
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
