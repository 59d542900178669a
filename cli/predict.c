/* rondo predict */
#include "cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct teller {
    const rondo_pipeline *pipeline;
    const rondo_dataset *data;
    bool json;
} teller;

/* The sample as a drawing, and the answer under it. */
static rondo_status show(const rondo_prediction *told, void *user)
{
    enum { WIDTH = 56 };
    const teller *t = user;
    char *drawing;
    if (told->step <= 0) {
        const rondo_status status = rondo_sample_draw(t->data, told->sample, WIDTH, &drawing);
        if (status) return status;
        fputs(drawing, stdout);
        free(drawing);
    }
    double best = 0;
    for (int i = 0; i < told->n; i++)
        if ((double)told->values[i] > best) best = (double)told->values[i];
    if (told->label)
        printf("-> %s (%.1f %%)", told->label, 100 * best);
    else
        fputs("->", stdout);
    for (int i = 0; !told->label && i < told->n; i++)
        printf(" %s %.6g", rondo_pipeline_column(t->pipeline, i), (double)told->values[i]);
    fputs("\n\n", stdout);
    return ferror(stdout) ? RONDO_E_IO : RONDO_OK;
}

static rondo_status tell(const rondo_prediction *told, void *user)
{
    const teller *t = user;
    prediction_row(stdout, t->pipeline, told, t->json);
    return ferror(stdout) ? RONDO_E_IO : RONDO_OK;
}

static void print_header(const rondo_pipeline *p)
{
    const char *comma = "";
    if (rondo_pipeline_over_time(p)) fputs("sample,step,", stdout);
    if (rondo_pipeline_labels(p)) {
        fputs("label", stdout);
        comma = ",";
    }
    for (int i = 0; i < rondo_pipeline_columns(p); i++, comma = ",") {
        fputs(comma, stdout);
        csv_text(stdout, rondo_pipeline_column(p, i));
    }
    putchar('\n');
}

int command_predict(call *c)
{
    job j;
    int code = open_both(c, &j, false);
    if (!code) code = keep_weights(c, j.pipeline);
    if (!code) {
        teller t = { j.pipeline, j.data, c->json };
        const char *wanted = rondo_recipe_get(c->recipe, "show");
        const bool drawn = wanted && strcmp(wanted, "false") != 0;
        if (!c->json && !drawn) print_header(j.pipeline);
        const rondo_status status = rondo_pipeline_predict(j.pipeline, j.data, j.batch,
                                                           drawn ? show : tell, &t);
        code = ferror(stdout) ? finish_output() : status ? fail(status) : finish_output();
    }
    close_both(&j);
    return code;
}
