/* rondo eval */
#include "cli.h"
#include <string.h>

enum { MOST_SCORES = 32, MOST_CLASSES_SHOWN = 20 };

static void print_confusion(const rondo_pipeline *p)
{
    int64_t n;
    size_t widest = 5;
    const double *counts = rondo_pipeline_confusion(p, &n);
    if (!counts || n > MOST_CLASSES_SHOWN) return;
    for (int64_t i = 0; i < n; i++)
        if (strlen(rondo_pipeline_column(p, (int)i)) > widest)
            widest = strlen(rondo_pipeline_column(p, (int)i));
    if (widest > 16) widest = 16;
    printf("\n%-*s   predicted\n%-*s ", (int)widest, "true", (int)widest, "");
    for (int64_t i = 0; i < n; i++)
        printf(" %*.*s", n > 10 ? 5 : 7, n > 10 ? 5 : 7, rondo_pipeline_column(p, (int)i));
    putchar('\n');
    for (int64_t i = 0; i < n; i++) {
        printf("%-*.*s ", (int)widest, (int)widest, rondo_pipeline_column(p, (int)i));
        for (int64_t k = 0; k < n; k++) printf(" %*.0f", n > 10 ? 5 : 7, counts[i * n + k]);
        putchar('\n');
    }
}

static void print_scores(const call *c, const char **names, const double *values, int n)
{
    if (c->json) fputc('{', stdout);
    for (int i = 0; i < n; i++) {
        if (!c->json) {
            printf("%-18s %.6g\n", names[i], values[i]);
            continue;
        }
        if (i) fputs(", ", stdout);
        json_text(stdout, names[i]);
        fputs(": ", stdout);
        json_number(stdout, values[i]);
    }
    if (c->json) fputs("}\n", stdout);
}

int command_eval(call *c)
{
    job j;
    const char *names[MOST_SCORES];
    double values[MOST_SCORES];
    int n = 0;
    int code = open_both(c, &j, true);
    if (!code) {
        const rondo_status status = rondo_pipeline_evaluate(j.pipeline, j.data, j.batch, names,
                                                            values, MOST_SCORES, &n);
        code = status ? fail(status) : EXIT_OK;
    }
    if (!code) {
        print_scores(c, names, values, n);
        if (!c->json) print_confusion(j.pipeline);
        if (!c->json && strstr(rondo_pipeline_json(j.pipeline), "\"scale_targets\""))
            remark(c,
                   "the loss is that of scaled targets; the metrics are in the data's own units");
        code = finish_output();
    }
    close_both(&j);
    return code;
}
