/* identity - what two runs must share to be one, in words: a checkpoint of another is refused. */
#include "task/task.h"
#include <string.h>

/* A schedule over the whole run gives other rates, from the first epoch on, in a longer one. */
static rondo_status identify_rates(const plan *p, text_buffer *id)
{
    optimizer o;
    RONDO_TRY(optimizer_parse(&o, p->optimizer));
    if (schedule_spans_run(o.schedule, &o.schedule_options))
        text_add(id, "\nepochs %lld (the schedule spans them)", (long long)p->epochs);
    optimizer_free(&o);
    if (p->rates) text_add(id, "\nrates %s", p->rates);
    if (p->unfreeze) text_add(id, "\nunfreeze %lld", (long long)p->unfreeze);
    return RONDO_OK;
}

/* What two runs must share to be one: all that changes a weight. Later keys are named only where
 * they are set, so that older runs still go on. */
rondo_status plan_identify(plan *p, const rondo_recipe *r)
{
    const char *scale = rondo_recipe_get(r, "scale"), *more = rondo_recipe_get(r, "callbacks");
    const rondo_dataset *v = p->validation;
    static const char *const replayed[] = { "replay", "replay_share" };
    text_buffer id = { 0 };
    text_add(&id,
             "task %s\nreader %s\ndata %016llx\nvalidation %016llx\nmodel %s\noptimizer %s\n"
             "loss %s\nmetrics %s\nbatch %lld\nbptt %lld\ncompute %s\nseed %llu\nscale %s\n"
             "patience %lld\ncallbacks %s",
             p->task->name, p->reader_spec, (unsigned long long)p->train->digest,
             (unsigned long long)(v ? v->digest : 0), p->spec, p->optimizer, p->loss, p->metrics,
             (long long)p->batch, (long long)p->bptt, p->compute, (unsigned long long)p->seed,
             scale ? scale : "none", (long long)p->patience, more ? more : "");
    if (p->steps_per_epoch) text_add(&id, "\nsteps_per_epoch %lld", (long long)p->steps_per_epoch);
    if (p->bucket) text_add(&id, "\nbucket %lld", (long long)p->bucket);
    if (p->until) text_add(&id, "\nuntil %s", p->until);
    for (size_t i = 0; i < sizeof replayed / sizeof *replayed; i++)
        if (rondo_recipe_get(r, replayed[i]))
            text_add(&id, "\n%s %s", replayed[i], rondo_recipe_get(r, replayed[i]));
    rondo_status status = plan_identify_tokens(p, &id);
    if (!status) status = identify_rates(p, &id);
    if (!id.status) id.status = status;
    language_identify(p, &id);
    if (rondo_recipe_get(r, "class_weight"))
        text_add(&id, "\nclass_weight %s", rondo_recipe_get(r, "class_weight"));
    adapt_identify(r, &id);
    p->identity = id.data;
    return id.status;
}
