/* copy.c - the copy problem (Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016): `memory`
 * symbols, `length` steps of waiting with a mark at their end, then the symbols are to be said
 * again. */
#include "data/data.h"
#include <stdio.h>

typedef struct copy_options {
    int64_t length, symbols, memory, count, seed;
} copy_options;

enum { MOST_SYMBOLS = 64 };

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(copy_options, length), "100", "steps of waiting" },
    { "symbols", OPTION_INT, offsetof(copy_options, symbols), "8", "different symbols" },
    { "memory", OPTION_INT, offsetof(copy_options, memory), "10", "symbols to remember" },
    { "count", OPTION_INT, offsetof(copy_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(copy_options, seed), "0", "another seed, other samples" },
};

/* Tokens: 0 blank, 1…symbols, symbols+1 the mark. */
static void make(const void *options, rng *r, made_sample *m)
{
    const copy_options *o = options;
    const int64_t answer = o->length + o->memory;
    m->tokens[answer - 1] = (int32_t)o->symbols + 1;
    for (int64_t t = 0; t < o->memory; t++)
        m->tokens[t] = m->labels[answer + t] = 1 + (int32_t)rng_below(r, o->symbols);
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    const copy_options *o = options;
    RONDO_TRY(generate_check("copy", "length", o->length, 1, 1 << 24));
    RONDO_TRY(generate_check("copy", "symbols", o->symbols, 2, MOST_SYMBOLS));
    RONDO_TRY(generate_check("copy", "memory", o->memory, 1, 1 << 20));
    const int64_t steps = o->length + 2 * o->memory;
    char text[MOST_SYMBOLS + 1][12] = { "blank" };
    const char *classes[MOST_SYMBOLS + 2] = { text[0] };
    for (int i = 1; i <= o->symbols; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        classes[i] = text[i];
    }
    return generate_dataset(out, &(task_generator){ .count = o->count,
                                                    .seed = o->seed,
                                                    .longest = steps,
                                                    .input = { RONDO_I32, { 1, { steps } } },
                                                    .target = { RONDO_I32, { 1, { steps } } },
                                                    .classes = classes,
                                                    .options = o,
                                                    .options_size = sizeof *o,
                                                    .make = make });
}

const generator_row copy_generator = { "copy", "repeat symbols after a long wait",
                                       OPTION_TABLE(fields), sizeof(copy_options), open };
