/* data - what eval and predict share: a model, and data read as it was trained on. */
#include "cli.h"
#include <stdio.h>

int open_both(call *c, job *j, bool need_targets)
{
    rondo_status status;
    *j = (job){ 0 };
    if (c->n_words > 1) {
        status = rondo_recipe_set(c->recipe, c->command->name, "data", c->words[1]);
        if (status) return fail(status);
    }
    const char *data = rondo_recipe_get(c->recipe, "data");
    if (!data)
        return complain(EXIT_USAGE, "which data? rondo %s %s --data FILE", c->command->name,
                        c->words[0]);
    status = rondo_pipeline_open(&j->pipeline, c->words[0], c->threads);
    if (status) return fail(status);
    status = rondo_pipeline_data(j->pipeline, &j->data, c->recipe, need_targets);
    if (status) return fail(status);
    const char *batch = rondo_recipe_get(c->recipe, "batch");
    j->batch = 32;
    if (batch && (sscanf(batch, "%lld", &j->batch) != 1 || j->batch < 1))
        return complain(EXIT_USAGE, "batch is %s; the least that makes sense is 1", batch);
    return EXIT_OK;
}

int keep_weights(const call *c, rondo_pipeline *p)
{
    const char *storage = rondo_recipe_get(c->recipe, "weights");
    const rondo_status status = storage ? rondo_set_weight_storage(rondo_pipeline_model(p), storage)
                                        : RONDO_OK;
    return status ? fail(status) : EXIT_OK;
}

void close_both(job *j)
{
    rondo_dataset_free(j->data);
    rondo_pipeline_free(j->pipeline);
}
