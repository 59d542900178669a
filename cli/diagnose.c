/* rondo diagnose */
#include "cli.h"
#include <stdlib.h>

int command_diagnose(call *c)
{
    job j;
    rondo_diagnosis *d = NULL;
    char *text = NULL;
    int code = open_both(c, &j, true);
    if (!code) {
        const rondo_diagnose_options o = { sizeof o, 0, j.batch };
        rondo_status status = rondo_diagnose(j.pipeline, j.data, &o, &d);
        if (!status) status = rondo_diagnosis_json(d, &text);
        if (status)
            code = fail(status);
        else
            puts(text);
    }
    free(text);
    rondo_diagnosis_free(d);
    close_both(&j);
    return code;
}
