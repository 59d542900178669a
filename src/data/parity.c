/* parity.c - whether a sequence of bits holds an even or an odd number of ones. */
#include "data/data.h"

typedef struct parity_options {
    int64_t length, min_length, count, seed;
} parity_options;

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(parity_options, length), "40", "most steps of a sequence" },
    { "min_length", OPTION_INT, offsetof(parity_options, min_length), "0",
      "fewest steps; 0: all have `length`" },
    { "count", OPTION_INT, offsetof(parity_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(parity_options, seed), "0", "another seed, other samples" },
};

static int64_t steps(const void *options, rng *r)
{
    const parity_options *o = options;
    const int64_t least = o->min_length ? o->min_length : o->length;
    return least + rng_below(r, o->length - least + 1);
}

static void make(const void *options, rng *r, made_sample *m)
{
    (void)options;
    for (int64_t t = 0; t < m->steps; t++) {
        const int32_t bit = (int32_t)rng_below(r, 2);
        m->x[t] = (real)bit; /* [T][1] */
        m->labels[0] ^= bit;
    }
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    static const char *const classes[] = { "even", "odd", NULL };
    const parity_options *o = options;
    RONDO_TRY(generate_check("parity", "length", o->length, 1, 1 << 24));
    RONDO_TRY(generate_check("parity", "min_length", o->min_length, 0, o->length));
    const bool ragged = o->min_length && o->min_length < o->length;
    return generate_dataset(
        out, &(task_generator){ .count = o->count,
                                .seed = o->seed,
                                .longest = o->length,
                                .input = { RONDO_F32, { 2, { ragged ? 0 : o->length, 1 } } },
                                .target = { RONDO_I32, { 0, { 0 } } },
                                .classes = classes,
                                .options = o,
                                .options_size = sizeof *o,
                                .steps = steps,
                                .make = make });
}

const generator_row parity_generator = { "parity", "is the number of ones even or odd",
                                         OPTION_TABLE(fields), sizeof(parity_options), open };
