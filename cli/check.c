/* rondo check */
#include "cli.h"

int command_check(call *c)
{
    static const double limit = 1e-6;
    rondo_pipeline *p;
    double worst = 0;
    rondo_status status = rondo_pipeline_open(&p, c->words[0], c->threads);
    if (status) return fail(status);
    remark(c, "comparing every gradient with central differences, in double precision");
    status = rondo_pipeline_check(p, &worst);
    rondo_pipeline_free(p);
    if (status) return fail(status);
    const bool passed = worst < limit;
    if (c->json)
        printf("{\"worst_relative_error\": %.3g, \"limit\": %g, \"passed\": %s}\n", worst, limit,
               passed ? "true" : "false");
    else
        printf("worst relative error %.2e, limit %.0e: %s\n", worst, limit,
               passed ? "passed" : "FAILED");
    const int code = finish_output();
    return code ? code : passed ? EXIT_OK : EXIT_CHECK;
}
