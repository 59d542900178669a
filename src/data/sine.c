/* sine.c - forecasting: the next values of a noisy sine of random frequency, phase and height. */
#include "data/data.h"
#include <math.h>

typedef struct sine_options {
    int64_t length, horizon, count, seed;
    float noise;
} sine_options;

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(sine_options, length), "50", "steps of a sequence" },
    { "horizon", OPTION_INT, offsetof(sine_options, horizon), "1", "next values to predict" },
    { "noise", OPTION_REAL, offsetof(sine_options, noise), "0.05", "deviation of the noise" },
    { "count", OPTION_INT, offsetof(sine_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(sine_options, seed), "0", "another seed, other samples" },
};

/* The targets are without noise: what is to be found. */
static void make(const void *options, rng *r, made_sample *m)
{
    const sine_options *o = options;
    const double turn = 6.283185307179586;
    const double step = turn / (10 + 30 * rng_uniform(r)); /* a period of 10 to 40 steps */
    const double phase = turn * rng_uniform(r), height = 0.5 + rng_uniform(r);
    for (int64_t t = 0; t < o->length; t++)
        m->x[t] = (real)(height * sin(phase + step * (double)t) + o->noise * rng_normal(r));
    for (int64_t t = 0; t < o->horizon; t++)
        m->y[t] = (real)(height * sin(phase + step * (double)(o->length + t)));
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    const sine_options *o = options;
    RONDO_TRY(generate_check("sine", "length", o->length, 1, 1 << 24));
    RONDO_TRY(generate_check("sine", "horizon", o->horizon, 1, 1 << 20));
    if (!(o->noise >= 0)) return rondo_fail(RONDO_E_ARG, "sine: noise must be 0 or more");
    return generate_dataset(out, &(task_generator){ .count = o->count,
                                                    .seed = o->seed,
                                                    .longest = o->length,
                                                    .input = { RONDO_F32, { 2, { o->length, 1 } } },
                                                    .target = { RONDO_F32, { 1, { o->horizon } } },
                                                    .options = o,
                                                    .options_size = sizeof *o,
                                                    .make = make });
}

const generator_row sine_generator = { "sine", "forecast a noisy sine", OPTION_TABLE(fields),
                                       sizeof(sine_options), open };
