/* rondo predict */
#include "cli.h"

typedef struct teller {
    const rondo_pipeline *pipeline;
    bool json;
} teller;

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
    if (!code) {
        teller t = { j.pipeline, c->json };
        if (!c->json) print_header(j.pipeline);
        const rondo_status status = rondo_pipeline_predict(j.pipeline, j.data, j.batch, tell, &t);
        code = ferror(stdout) ? finish_output() : status ? fail(status) : finish_output();
    }
    close_both(&j);
    return code;
}
