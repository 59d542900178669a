/* adding.c - the adding problem: the sum of the two marked numbers (Hochreiter & Schmidhuber 1997,
 * in the form of Le, Jaitly & Hinton 2015: uniform numbers, a marker in each half). */
#include "data/data.h"

typedef struct adding_options {
    int64_t length, count, seed;
} adding_options;

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(adding_options, length), "150", "steps of a sequence" },
    { "count", OPTION_INT, offsetof(adding_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(adding_options, seed), "0", "another seed, other samples" },
};

static void make(const void *options, rng *r, made_sample *m)
{
    const adding_options *o = options;
    const int64_t half = o->length / 2;
    const int64_t marked[2] = { rng_below(r, half), half + rng_below(r, o->length - half) };
    for (int64_t t = 0; t < o->length; t++) m->x[2 * t] = (real)rng_uniform(r); /* [T][2] */
    for (int k = 0; k < 2; k++) {
        m->x[2 * marked[k] + 1] = 1;
        m->y[0] += m->x[2 * marked[k]];
    }
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    const adding_options *o = options;
    RONDO_TRY(generate_check("adding", "length", o->length, 2, 1 << 24));
    return generate_dataset(out, &(task_generator){ .count = o->count,
                                                    .seed = o->seed,
                                                    .longest = o->length,
                                                    .input = { RONDO_F32, { 2, { o->length, 2 } } },
                                                    .target = { RONDO_F32, { 1, { 1 } } },
                                                    .options = o,
                                                    .options_size = sizeof *o,
                                                    .make = make });
}

const generator_row adding_generator = { "adding", "add two marked numbers of a long sequence",
                                         OPTION_TABLE(fields), sizeof(adding_options), open };
