/* groups - what eval --by shows: a row for each group, a column for each metric. */
#include "cli.h"
#include <math.h>
#include <string.h>

enum { WIDTH = 12 };

static void print_number(double x)
{
    if (isnan(x))
        printf(" %*s", WIDTH, "-");
    else
        printf(" %*.5g", WIDTH, x);
}

static void group_name(char *out, size_t size, const rondo_breakdown *b, const rondo_group *g)
{
    size_t used = 0;
    *out = 0;
    for (int k = 0; k < b->n_by && used < size; k++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", k ? ", " : "",
                                 *g->value[k] ? g->value[k] : "(empty)");
}

static void print_interval(const rondo_breakdown *b, const rondo_group *g)
{
    const char *gap = "   ";
    for (int i = 0; i < b->n_scores; i++) {
        if (isnan(g->low[i])) continue;
        printf("%s%s %.3f to %.3f", gap, b->name[i], g->low[i], g->high[i]);
        gap = ", ";
    }
}

static int name_width(const rondo_breakdown *b)
{
    char name[256];
    size_t widest = strlen("ratio to all");
    for (int64_t k = 0; k < b->n_groups; k++) {
        group_name(name, sizeof name, b, &b->group[k]);
        if (strlen(name) > widest) widest = strlen(name);
    }
    return widest > 40 ? 40 : (int)widest;
}

static void print_spread(const rondo_breakdown *b, int width, const char *what, size_t offset)
{
    printf("%-*s %9s", width, what, "");
    for (int i = 0; i < b->n_scores; i++) {
        double x;
        memcpy(&x, (const char *)&b->spread[i] + offset, sizeof x);
        print_number(x);
    }
    putchar('\n');
}

void print_groups(const rondo_breakdown *b)
{
    static const struct {
        const char *what;
        size_t offset;
    } rows[] = {
        { "least", offsetof(rondo_spread, min) },
        { "largest", offsetof(rondo_spread, max) },
        { "difference", offsetof(rondo_spread, difference) },
        { "ratio", offsetof(rondo_spread, ratio) },
        { "to all", offsetof(rondo_spread, overall_difference) },
        { "ratio to all", offsetof(rondo_spread, overall_ratio) },
    };
    char name[256];
    const int width = name_width(b);
    printf("\n%-*s %9s", width, "group", "samples");
    for (int i = 0; i < b->n_scores; i++) printf(" %*.*s", WIDTH, WIDTH, b->name[i]);
    puts("   95 % interval");
    for (int64_t k = 0; k < b->n_groups; k++) {
        const rondo_group *g = &b->group[k];
        group_name(name, sizeof name, b, g);
        printf("%-*.*s %9lld", width, width, name, (long long)g->samples);
        for (int i = 0; i < b->n_scores; i++) print_number(g->score[i]);
        print_interval(b, g);
        puts(g->small ? "   too few to say" : "");
    }
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        print_spread(b, width, rows[r].what, rows[r].offset);
}

void remark_groups(const call *c, const rondo_breakdown *b)
{
    int64_t small = 0;
    for (int64_t k = 0; k < b->n_groups; k++) small += b->group[k].small;
    if (small)
        remark(c,
               "%lld of %lld groups are too small to say: under 30 samples, or a 95 %% interval "
               "wider than 0.2",
               (long long)small, (long long)b->n_groups);
    for (int i = 0; i < b->n_scores; i++)
        if (b->spread[i].overlap)
            remark(c,
                   "%s: the intervals of the least and the largest group overlap; their "
                   "difference may be chance",
                   b->name[i]);
}

static void json_member(const char *name, double x, bool first)
{
    fputs(first ? "" : ", ", stdout);
    json_text(stdout, name);
    fputs(": ", stdout);
    json_number(stdout, x);
}

static void json_group(const rondo_breakdown *b, const rondo_group *g)
{
    const char *comma = "";
    fputs("{\"group\": {", stdout);
    for (int k = 0; k < b->n_by; k++) {
        fputs(k ? ", " : "", stdout);
        json_text(stdout, b->by[k]);
        fputs(": ", stdout);
        json_text(stdout, g->value[k]);
    }
    printf("}, \"samples\": %lld", (long long)g->samples);
    for (int i = 0; i < b->n_scores; i++) json_member(b->name[i], g->score[i], false);
    fputs(", \"intervals\": {", stdout);
    for (int i = 0; i < b->n_scores; i++) {
        if (isnan(g->low[i])) continue;
        fputs(comma, stdout);
        json_text(stdout, b->name[i]);
        printf(": [%.6g, %.6g]", g->low[i], g->high[i]);
        comma = ", ";
    }
    printf("}, \"small\": %s}", g->small ? "true" : "false");
}

/* Members of an object: "groups" and "spread". */
void json_groups(const rondo_breakdown *b)
{
    fputs(", \"groups\": [", stdout);
    for (int64_t k = 0; k < b->n_groups; k++) {
        fputs(k ? ", " : "", stdout);
        json_group(b, &b->group[k]);
    }
    fputs("], \"spread\": {", stdout);
    for (int i = 0; i < b->n_scores; i++) {
        const rondo_spread *s = &b->spread[i];
        fputs(i ? ", " : "", stdout);
        json_text(stdout, b->name[i]);
        fputs(": {", stdout);
        json_member("min", s->min, true);
        json_member("max", s->max, false);
        json_member("difference", s->difference, false);
        json_member("ratio", s->ratio, false);
        json_member("difference_to_overall", s->overall_difference, false);
        json_member("ratio_to_overall", s->overall_ratio, false);
        printf(", \"intervals_overlap\": %s}", s->overlap ? "true" : "false");
    }
    fputc('}', stdout);
}
