/* temporal_order.c - the order of two symbols far apart among distractors (Hochreiter &
 * Schmidhuber 1997, task 6a). */
#include "data/data.h"

typedef struct order_options {
    int64_t length, count, seed;
} order_options;

enum { SYMBOLS = 6 }; /* X Y, then the distractors a b c d */

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(order_options, length), "100", "steps of a sequence" },
    { "count", OPTION_INT, offsetof(order_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(order_options, seed), "0", "another seed, other samples" },
};

/* One relevant symbol within 1/10…2/10 of the sequence, one within 5/10…6/10, as in the paper. */
static void make(const void *options, rng *r, made_sample *m)
{
    const order_options *o = options;
    const int64_t tenth = o->length / 10;
    const int64_t place[2] = { tenth + rng_below(r, tenth), 5 * tenth + rng_below(r, tenth) };
    const int32_t symbol[2] = { (int32_t)rng_below(r, 2), (int32_t)rng_below(r, 2) };
    for (int64_t t = 0; t < o->length; t++) { /* one-hot [T][6] */
        int64_t which = 2 + rng_below(r, SYMBOLS - 2);
        for (int k = 0; k < 2; k++)
            if (t == place[k]) which = symbol[k];
        m->x[t * SYMBOLS + which] = 1;
    }
    m->labels[0] = 2 * symbol[0] + symbol[1];
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    static const char *const classes[] = { "XX", "XY", "YX", "YY", NULL };
    const order_options *o = options;
    RONDO_TRY(generate_check("temporal_order", "length", o->length, 10, 1 << 24));
    return generate_dataset(
        out, &(task_generator){ .count = o->count,
                                .seed = o->seed,
                                .longest = o->length,
                                .input = { RONDO_F32, { 2, { o->length, SYMBOLS } } },
                                .target = { RONDO_I32, { 0, { 0 } } },
                                .classes = classes,
                                .options = o,
                                .options_size = sizeof *o,
                                .make = make });
}

const generator_row temporal_order_generator = { "temporal_order",
                                                 "which of two symbols came first",
                                                 OPTION_TABLE(fields), sizeof(order_options),
                                                 open };
