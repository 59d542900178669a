/* rondo explain */
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_attribution(const rondo_map *m)
{
    return strcmp(m->kind, "gates") != 0 && strcmp(m->kind, "units") != 0;
}

/* ---- Words and pictures ---- */
static void print_head(const rondo_explanation *e)
{
    printf("sample %lld", (long long)e->sample);
    if (e->step) printf(", step %lld", (long long)e->step);
    if (e->label) printf(": %s", e->label);
    printf("\nexplained: the %s of %s, %.6g; of the baseline (%s), %.6g\n", e->quantity, e->output,
           e->f, e->baseline, e->f_baseline);
    if (e->points)
        printf("integrated gradients add up to %.6g; the difference is %.6g: gap %.2g %% at %lld "
               "points\n",
               e->sum, e->f - e->f_baseline, 100 * e->gap, (long long)e->points);
}

/* The values that weigh most: "x at step 3 +0.12". */
static void print_most(const rondo_map *m)
{
    enum { MOST = 5 };
    int64_t best[MOST];
    int n = 0;
    for (int64_t i = 0; i < m->steps * m->width; i++) {
        int at = n;
        if (isnan(m->values[i]) || m->values[i] == 0) continue;
        while (at > 0 && fabs(m->values[best[at - 1]]) < fabs(m->values[i])) at--;
        if (at == MOST) continue;
        if (n < MOST) n++;
        memmove(best + at + 1, best + at, (size_t)(n - 1 - at) * sizeof *best);
        best[at] = i;
    }
    for (int k = 0; k < n; k++)
        printf("%s%s at step %lld %+.4g", k ? ", " : "most: ", m->names[best[k] % m->width],
               (long long)(best[k] / m->width + 1), m->values[best[k]]);
    if (n) putchar('\n');
}

/* Of a text: the columns that weigh most, token by token. */
static rondo_status print_over_text(const rondo_map *m, char *const *tokens)
{
    enum { SHOWN = 2 };
    int64_t columns[SHOWN], n;
    rondo_status status = rondo_map_choose(m, SHOWN, columns, &n);
    for (int64_t k = 0; !status && k < n; k++) status = heat_tokens(m, columns[k], tokens);
    return status;
}

static rondo_status print_text(const rondo_explanation *e)
{
    print_head(e);
    for (int i = 0; i < e->n_maps; i++) {
        const rondo_map *m = &e->maps[i];
        const bool attribution = is_attribution(m);
        rondo_status status = RONDO_OK;
        if (!e->tokens || !attribution) status = heat_print(m, attribution);
        if (!status && e->tokens)
            status = print_over_text(m, e->tokens);
        else if (!status && attribution)
            print_most(m);
        if (status) return status;
    }
    return RONDO_OK;
}

/* ---- For programs ---- */
static void print_csv(const rondo_explanation *e)
{
    printf("method,of,step,%sname,value\n", e->tokens ? "token," : "");
    for (int i = 0; i < e->n_maps; i++) {
        const rondo_map *m = &e->maps[i];
        for (int64_t k = 0; k < m->steps * m->width; k++) {
            printf("%s,", m->kind);
            csv_text(stdout, m->of);
            printf(",%lld,", (long long)(k / m->width + 1));
            if (e->tokens) {
                csv_text(stdout, e->tokens[k / m->width]);
                putchar(',');
            }
            csv_text(stdout, m->names[k % m->width]);
            if (isnan(m->values[k]))
                puts(",");
            else
                printf(",%.9g\n", m->values[k]);
        }
    }
}

static void json_member(const char *name, double x)
{
    printf(", \"%s\": ", name);
    json_number(stdout, x);
}

static void json_map(const rondo_map *m)
{
    printf("{\"method\": \"%s\", \"of\": ", m->kind);
    json_text(stdout, m->of);
    fputs(", \"names\": [", stdout);
    for (int64_t k = 0; k < m->width; k++) {
        fputs(k ? ", " : "", stdout);
        json_text(stdout, m->names[k]);
    }
    fputs("], \"values\": [", stdout);
    for (int64_t i = 0; i < m->steps * m->width; i++) {
        fputs(i % m->width ? ", " : i ? "], [" : "[", stdout);
        json_number(stdout, m->values[i]);
    }
    fputs(m->steps > 0 && m->width > 0 ? "]]}" : "]}", stdout);
}

static void json_tokens(char *const *tokens)
{
    fputs(", \"tokens\": [", stdout);
    for (int64_t t = 0; tokens[t]; t++) {
        if (t) fputs(", ", stdout);
        json_text(stdout, tokens[t]);
    }
    putchar(']');
}

static void print_json(const rondo_explanation *e)
{
    printf("{\"sample\": %lld", (long long)e->sample);
    if (e->step) printf(", \"step\": %lld", (long long)e->step);
    if (e->label) {
        fputs(", \"label\": ", stdout);
        json_text(stdout, e->label);
    }
    fputs(", \"output\": ", stdout);
    json_text(stdout, e->output);
    printf(", \"quantity\": \"%s\", \"baseline\": ", e->quantity);
    json_text(stdout, e->baseline);
    json_member("f", e->f);
    json_member("f_baseline", e->f_baseline);
    if (e->points) {
        json_member("sum", e->sum);
        json_member("gap", e->gap);
        printf(", \"points\": %lld, \"complete\": %s", (long long)e->points,
               e->complete ? "true" : "false");
    }
    if (e->tokens) json_tokens(e->tokens);
    fputs(", \"maps\": [", stdout);
    for (int i = 0; i < e->n_maps; i++) {
        fputs(i ? ", " : "", stdout);
        json_map(&e->maps[i]);
    }
    puts("]}");
}

/* ---- The command ---- */
static bool flag(const call *c, const char *key)
{
    const char *text = rondo_recipe_get(c->recipe, key);
    return text && strcmp(text, "false") != 0;
}

static int64_t number(const call *c, const char *key)
{
    const char *text = rondo_recipe_get(c->recipe, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static int show(const call *c, const rondo_explanation *e)
{
    const char *file = rondo_recipe_get(c->recipe, "output");
    rondo_status status = RONDO_OK;
    if (e->points && !e->complete)
        remark(c, "the gap is over 1 %%: the way from the baseline crosses a jump (a mask, a step "
                  "function), or the answer hardly differs; try --baseline mean or --logit");
    if (file) {
        status = rondo_explanation_write(e, file, rondo_recipe_get(c->recipe, "lang"));
        if (!status) remark(c, "%s is written", file);
    } else if (c->json) {
        print_json(e);
    } else if (flag(c, "csv")) {
        print_csv(e);
    } else {
        status = print_text(e);
    }
    return status ? fail(status) : finish_output();
}

int command_explain(call *c)
{
    job j;
    rondo_explanation *e = NULL;
    int code = open_both(c, &j, false);
    if (!code) {
        const rondo_explain_options o = {
            .size = sizeof o,
            .methods = rondo_recipe_get(c->recipe, "method"),
            .sample = number(c, "sample"),
            .output = rondo_recipe_get(c->recipe, "class"),
            .step = number(c, "step"),
            .logit = flag(c, "logit"),
            .baseline = rondo_recipe_get(c->recipe, "baseline"),
            .hide = number(c, "hide"),
            .layer = rondo_recipe_get(c->recipe, "layer"),
            .gate = rondo_recipe_get(c->recipe, "gate"),
        };
        const rondo_status status = rondo_explain(&e, j.pipeline, j.data, &o);
        code = status ? fail(status) : show(c, e);
    }
    rondo_explanation_free(e);
    close_both(&j);
    return code;
}
