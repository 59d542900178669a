/* Schedules: factors of the learning rate by where a run stands, as Keras' LearningRateSchedule and
 * PyTorch's and Hugging Face's schedulers. A length that is left out is the whole run's. */
#include "train/train.h"
#include <math.h>
#include <string.h>

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(schedule_options, name), initial, help                               \
    }
#define LENGTH FIELD(decay_steps, OPTION_INT, NULL, "updates that it takes; 0: the whole run's")
#define WARM_UP                                                                                    \
    FIELD(warmup_steps, OPTION_INT, NULL, "updates from 0 to the full rate, before the decay"),    \
        FIELD(warmup_ratio, OPTION_REAL, NULL,                                                     \
              "the same as a share of decay_steps, or of the run")
#define LAST FIELD(alpha, OPTION_REAL, NULL, "the last rate, as a share of the full one")

static const option_field step_fields[] = {
    FIELD(step_size, OPTION_INT, NULL, "updates between two cuts"),
    FIELD(gamma, OPTION_REAL, "0.1", "factor of a cut"),
};
static const option_field decay_after_fields[] = {
    FIELD(epochs, OPTION_INT, NULL, "with the full rate"),
    FIELD(gamma, OPTION_REAL, "0.5", "factor of each epoch after them"),
};
static const option_field exponential_fields[] = {
    LENGTH,
    FIELD(decay_rate, OPTION_REAL, "0.96", "factor after decay_steps"),
    FIELD(staircase, OPTION_BOOL, NULL, "in steps, not smoothly"),
};
static const option_field cosine_fields[] = { LENGTH, LAST, WARM_UP };
static const option_field linear_fields[] = { LENGTH, LAST, WARM_UP };
static const option_field warmup_fields[] = {
    FIELD(warmup_steps, OPTION_INT, NULL, "updates until the full rate"),
};
static const option_field triangular_fields[] = {
    LENGTH,
    FIELD(cut_frac, OPTION_REAL, "0.1", "share of it that the rate goes up in"),
    FIELD(ratio, OPTION_REAL, "32", "of the full rate to the lowest"),
};
static const option_field one_cycle_fields[] = {
    LENGTH,
    FIELD(pct_start, OPTION_REAL, "0.3", "share of it that the rate goes up in"),
    FIELD(div_factor, OPTION_REAL, "25", "of the full rate to the first"),
    FIELD(final_div_factor, OPTION_REAL, "10000", "of the first rate to the last"),
};

/* ---- A stretch of updates: so many, or the run's ---- */
typedef struct stretch {
    double at, length; /* updates done, and in all */
} stretch;

static stretch stretch_of(const schedule_options *o, const schedule_time *t)
{
    if (o->decay_steps > 0) return (stretch){ (double)t->step, (double)o->decay_steps };
    return (stretch){ t->epochs > 0 ? t->epoch / t->epochs * t->steps : 0, t->steps };
}

static double share(double at, double length)
{
    return at < length ? at / length : at > 0;
}

/* What comes before the decay; then *decay is what is left. Of the run's length it is a part, to one
 * that is given it is added, as in Keras. */
static bool warming(const schedule_options *o, const schedule_time *t, stretch *decay,
                    double *factor)
{
    *decay = stretch_of(o, t);
    const double given = (double)o->warmup_steps;
    const double up = given > 0 ? given : (double)o->warmup_ratio * decay->length;
    *factor = up > 0 ? decay->at / up : 1;
    if (decay->at < up) return true;
    decay->at -= up;
    if (o->decay_steps <= 0) decay->length -= up;
    return false;
}

/* ---- The schedules ---- */
static const double pi = 3.14159265358979323846;

static double constant(const schedule_options *o, const schedule_time *t)
{
    (void)o, (void)t;
    return 1;
}

static double stairs(const schedule_options *o, const schedule_time *t)
{
    return pow((double)o->gamma, (double)(t->step / o->step_size));
}

/* Zaremba et al. 2014. */
static double decay_after(const schedule_options *o, const schedule_time *t)
{
    const double past = floor(t->epoch) + 1 - (double)o->epochs;
    return past > 0 ? pow((double)o->gamma, past) : 1;
}

/* Keras ExponentialDecay. */
static double exponential(const schedule_options *o, const schedule_time *t)
{
    const stretch s = stretch_of(o, t);
    const double p = s.length > 0 ? s.at / s.length : 0;
    return pow((double)o->decay_rate, o->staircase ? floor(p) : p);
}

/* Keras CosineDecay with warmup_target = the rate and an initial rate of 0. */
static double cosine(const schedule_options *o, const schedule_time *t)
{
    stretch s;
    double factor;
    if (warming(o, t, &s, &factor)) return factor;
    return (1 - (double)o->alpha) * 0.5 * (1 + cos(pi * share(s.at, s.length))) + (double)o->alpha;
}

/* Hugging Face's get_linear_schedule_with_warmup; Keras PolynomialDecay with power 1. */
static double linear_decay(const schedule_options *o, const schedule_time *t)
{
    stretch s;
    double factor;
    if (warming(o, t, &s, &factor)) return factor;
    return 1 - (1 - (double)o->alpha) * share(s.at, s.length);
}

/* Its first update is worth 1/warmup_steps, not nothing. */
static double warmup(const schedule_options *o, const schedule_time *t)
{
    return t->step + 1 < o->warmup_steps ? (double)(t->step + 1) / (double)o->warmup_steps : 1.0;
}

/* Howard and Ruder 2018, equation 3. */
static double slanted_triangular(const schedule_options *o, const schedule_time *t)
{
    const stretch s = stretch_of(o, t);
    const double done = share(s.at, s.length), cut = (double)o->cut_frac;
    const double p = done < cut ? done / cut : cut < 1 ? (1 - done) / (1 - cut) : 1;
    return (1 + p * ((double)o->ratio - 1)) / (double)o->ratio;
}

/* PyTorch OneCycleLR in two phases of half a cosine each; momentum stays as it is. Its first update is
 * number 0, the last one number length-1. */
static double one_cycle(const schedule_options *o, const schedule_time *t)
{
    const stretch s = stretch_of(o, t);
    const double top = (double)o->pct_start * s.length - 1, end = s.length - 1;
    const double first = 1 / (double)o->div_factor, last = first / (double)o->final_div_factor;
    if (s.length <= 0) return first; /* not known yet */
    if (s.at < top) return first + (1 - first) * 0.5 * (1 - cos(pi * s.at / top));
    return last + (1 - last) * 0.5 * (1 + cos(pi * share(s.at - top, end - top)));
}

static const schedule_row rows[] = {
    { "constant", "the same rate always", { NULL, 0 }, NULL, false, constant },
    { "step", "cut by gamma every step_size updates", OPTION_TABLE(step_fields), "step_size", false,
      stairs },
    { "decay_after", "so many epochs, then times gamma in each", OPTION_TABLE(decay_after_fields),
      "epochs", false, decay_after },
    { "exponential", "decay_rate ^ (updates / decay_steps)", OPTION_TABLE(exponential_fields), NULL,
      true, exponential },
    { "cosine", "half a cosine down, after a warm-up", OPTION_TABLE(cosine_fields), NULL, true,
      cosine },
    { "linear", "a straight line down, after a warm-up", OPTION_TABLE(linear_fields), NULL, true,
      linear_decay },
    { "warmup", "a straight line up, then constant", OPTION_TABLE(warmup_fields), "warmup_steps",
      false, warmup },
    { "slanted_triangular", "a short way up, a long way down, as ULMFiT has it",
      OPTION_TABLE(triangular_fields), NULL, true, slanted_triangular },
    { "one_cycle", "half a cosine up, and one down to nearly nothing",
      OPTION_TABLE(one_cycle_fields), NULL, true, one_cycle },
};

void schedule_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_SCHEDULE, rows[i].name, &rows[i]);
}

static rondo_status check(const schedule_row *row, const schedule_options *o)
{
    const float numbers[] = { o->alpha, o->gamma, o->decay_rate, o->warmup_ratio };
    bool good = o->warmup_steps >= 0 && o->decay_steps >= 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) good &= numbers[i] >= 0;
    if (!good) return rondo_fail(RONDO_E_ARG, "schedule %s: no option may be under 0", row->name);
    if (!(o->cut_frac <= 1 && o->cut_frac >= 0 && o->pct_start <= 1 && o->pct_start >= 0 &&
          o->warmup_ratio <= 1))
        return rondo_fail(RONDO_E_ARG, "schedule %s: shares lie between 0 and 1", row->name);
    static const char *const divisors[] = { "ratio", "div_factor", "final_div_factor" };
    const option_field *f;
    for (size_t i = 0; i < sizeof divisors / sizeof *divisors; i++) {
        if (!(f = options_find(&row->options, divisors[i]))) continue;
        const float by = *(const float *)((const char *)o + f->offset);
        if (!(by >= 1))
            return rondo_fail(RONDO_E_ARG, "schedule %s divides rates: by 1 or more, not %s=%g",
                              row->name, f->name, (double)by);
    }
    if (!row->needs) return RONDO_OK;
    f = options_find(&row->options, row->needs);
    if (*(const int64_t *)((const char *)o + f->offset) > 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "schedule %s needs %s, as in schedule='%s %s=%d'", row->name,
                      row->needs, row->name, row->needs, row->factor == decay_after ? 4 : 1000);
}

bool schedule_spans_run(const schedule_row *row, const schedule_options *o)
{
    return row->takes_length && o->decay_steps == 0;
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
