/* Schedules: factors of the learning rate by the number of updates done, as Keras'
 * LearningRateSchedule. */
#include "train/train.h"
#include <math.h>
#include <string.h>

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(schedule_options, name), initial, help                               \
    }
static const option_field step_fields[] = {
    FIELD(step_size, OPTION_INT, NULL, "updates between two cuts"),
    FIELD(gamma, OPTION_REAL, "0.1", "factor of a cut"),
};
static const option_field exponential_fields[] = {
    FIELD(decay_steps, OPTION_INT, NULL, "updates after which decay_rate is reached"),
    FIELD(decay_rate, OPTION_REAL, "0.96", "factor after decay_steps"),
    FIELD(staircase, OPTION_BOOL, NULL, "in steps, not smoothly"),
};
static const option_field cosine_fields[] = {
    FIELD(decay_steps, OPTION_INT, NULL, "updates from the full rate to the last"),
    FIELD(alpha, OPTION_REAL, NULL, "the last rate, as a share of the full one"),
    FIELD(warmup_steps, OPTION_INT, NULL, "updates from 0 to the full rate, before the decay"),
};
static const option_field warmup_fields[] = {
    FIELD(warmup_steps, OPTION_INT, NULL, "updates until the full rate"),
};

static double constant(const schedule_options *o, int64_t step)
{
    (void)o, (void)step;
    return 1;
}

static double stairs(const schedule_options *o, int64_t step)
{
    return pow((double)o->gamma, (double)(step / o->step_size));
}

/* Keras ExponentialDecay. */
static double exponential(const schedule_options *o, int64_t step)
{
    const double p = (double)step / (double)o->decay_steps;
    return pow((double)o->decay_rate, o->staircase ? floor(p) : p);
}

/* Keras CosineDecay with warmup_target = the rate and an initial rate of 0. */
static double cosine(const schedule_options *o, int64_t step)
{
    if (step < o->warmup_steps) return (double)step / (double)o->warmup_steps;
    const int64_t after = step - o->warmup_steps;
    const double done = after < o->decay_steps ? (double)after / (double)o->decay_steps : 1.0;
    const double pi = 3.14159265358979323846;
    return (1 - (double)o->alpha) * 0.5 * (1 + cos(pi * done)) + (double)o->alpha;
}

/* Its first update is worth 1/warmup_steps, not nothing. */
static double warmup(const schedule_options *o, int64_t step)
{
    return step + 1 < o->warmup_steps ? (double)(step + 1) / (double)o->warmup_steps : 1.0;
}

static const schedule_row rows[] = {
    { "constant", "the same rate always", { NULL, 0 }, NULL, constant },
    { "step", "cut by gamma every step_size updates", OPTION_TABLE(step_fields), "step_size",
      stairs },
    { "exponential", "decay_rate ^ (updates / decay_steps)", OPTION_TABLE(exponential_fields),
      "decay_steps", exponential },
    { "cosine", "half a cosine over decay_steps, after a warm-up", OPTION_TABLE(cosine_fields),
      "decay_steps", cosine },
    { "warmup", "a straight line up, then constant", OPTION_TABLE(warmup_fields), "warmup_steps",
      warmup },
};

void schedule_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_SCHEDULE, rows[i].name, &rows[i]);
}

static rondo_status check(const schedule_row *row, const schedule_options *o)
{
    if (o->warmup_steps < 0 || !(o->alpha >= 0) || !(o->gamma >= 0) || !(o->decay_rate >= 0))
        return rondo_fail(RONDO_E_ARG, "schedule %s: no option may be under 0", row->name);
    if (!row->needs) return RONDO_OK;
    const option_field *f = options_find(&row->options, row->needs);
    if (*(const int64_t *)((const char *)o + f->offset) > 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "schedule %s needs %s, as in schedule='%s %s=1000'", row->name,
                      row->needs, row->name, row->needs);
}

rondo_status schedule_parse(const schedule_row **row, schedule_options *o, const char *text)
{
    *o = (schedule_options){ 0 };
    spec parsed;
    RONDO_TRY(spec_parse(&parsed, text && *text ? text : "constant"));
    const void *found;
    rondo_status status = registry_get(REGISTRY_SCHEDULE, parsed.kind, &found);
    if (status) goto done;
    *row = found;
    status = options_default(&(*row)->options, o);
    if (status) goto done;
    status = options_from_spec(&(*row)->options, o, (*row)->name, &parsed);
    if (status) goto done;
    status = check(*row, o);
done:
    spec_free(&parsed);
    return status;
}
