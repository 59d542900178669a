/* regular_languages.c - the four regular tasks of Delétang et al. 2023 (Neural Networks and the
 * Chomsky Hierarchy): words over a small alphabet, one-hot, and the class that a finite automaton
 * ends in. Trained on short words and tested on long ones they tell which cells keep a state and
 * which only seem to. */
#include "data/data.h"

typedef struct automaton { /* what has been read so far; all zero before the first symbol */
    int32_t value, term, last;
} automaton;

typedef struct language {
    const char *name;
    const char *const *classes; /* NULL-terminated */
    int symbols;                /* of the alphabet */
    int numbers; /* these first ones stand at even steps, the others between them, and words are odd;
                    0: any symbol anywhere */
    void (*read)(automaton *, int32_t symbol);
    int32_t (*answer)(const automaton *);
} language;

typedef struct language_options {
    int64_t length, min_length, count, seed;
    bool per_step;
} language_options;

typedef struct language_task {
    const language *language;
    language_options options;
} language_task;

static const option_field fields[] = {
    { "length", OPTION_INT, offsetof(language_options, length), "40", "most steps of a sequence" },
    { "min_length", OPTION_INT, offsetof(language_options, min_length), "0",
      "fewest steps, lengths being drawn evenly; 0: all have `length`" },
    { "per_step", OPTION_BOOL, offsetof(language_options, per_step), NULL,
      "an answer at every step, to what was read so far" },
    { "count", OPTION_INT, offsetof(language_options, count), "10000", "samples" },
    { "seed", OPTION_INT, offsetof(language_options, seed), "0", "another seed, other samples" },
};

/* ---- The automata ---- */
enum { MODULUS = 5, PLUS = MODULUS, MINUS, TIMES };

static const char *const even_odd[] = { "even", "odd", NULL };
static const char *const residues[] = { "0", "1", "2", "3", "4", NULL };

static int32_t value_of(const automaton *a)
{
    return a->value;
}

/* How many ones, modulo 2. */
static void read_parity(automaton *a, int32_t symbol)
{
    a->value ^= symbol;
}

/* How many changes from one symbol to another, modulo 2; `term` says that there is a symbol to
 * change from. */
static void read_pairs(automaton *a, int32_t symbol)
{
    a->value ^= a->term && symbol != a->last;
    a->term = 1;
    a->last = symbol;
}

/* 0 a step back, 1 stay, 2 a step on, around a circle. */
static void read_moves(automaton *a, int32_t symbol)
{
    a->value = (a->value + MODULUS + symbol - 1) % MODULUS;
}

/* value + term, the term being the product that may still grow. */
static void read_arithmetic(automaton *a, int32_t symbol)
{
    if (symbol >= MODULUS) {
        a->last = symbol;
    } else if (a->last == TIMES) {
        a->term = a->term * symbol % MODULUS;
    } else {
        a->value = (a->value + a->term) % MODULUS;
        a->term = a->last == MINUS ? (MODULUS - symbol) % MODULUS : symbol;
    }
}

static int32_t sum_of(const automaton *a)
{
    return (a->value + a->term) % MODULUS;
}

static const language parity = { "parity", even_odd, 2, 0, read_parity, value_of };
static const language even_pairs = { "even_pairs", even_odd, 2, 0, read_pairs, value_of };
static const language cycle_navigation = {
    "cycle_navigation", residues, 3, 0, read_moves, value_of
};
static const language modular_arithmetic = { "modular_arithmetic", residues, TIMES + 1, MODULUS,
                                             read_arithmetic,      sum_of };

/* ---- Samples ---- */
static int64_t fit(const language *l, int64_t length)
{
    return l->numbers ? (length - 1) | 1 : length; /* an even length has a step less */
}

static int64_t steps(const void *options, rng *r)
{
    const language_task *task = options;
    const language_options *o = &task->options;
    const int64_t least = o->min_length ? o->min_length : o->length;
    return fit(task->language, least + rng_below(r, o->length - least + 1));
}

static int32_t draw(const language *l, rng *r, int64_t t)
{
    if (!l->numbers) return (int32_t)rng_below(r, l->symbols);
    return (int32_t)(t % 2 ? l->numbers + rng_below(r, l->symbols - l->numbers)
                           : rng_below(r, l->numbers));
}

static void make(const void *options, rng *r, made_sample *m)
{
    const language_task *task = options;
    const language *l = task->language;
    automaton a = { 0 };
    for (int64_t t = 0; t < m->steps; t++) {
        const int32_t symbol = draw(l, r, t);
        m->x[t * l->symbols + symbol] = 1; /* one-hot [T][symbols] */
        l->read(&a, symbol);
        m->labels[task->options.per_step ? t : 0] = l->answer(&a);
    }
}

static rondo_status open(rondo_dataset **out, const language *l, const language_options *o)
{
    RONDO_TRY(generate_check(l->name, "length", o->length, 1, 1 << 24));
    RONDO_TRY(generate_check(l->name, "min_length", o->min_length, 0, o->length));
    const language_task task = { l, *o };
    const int64_t longest = fit(l, o->length);
    const int64_t all = o->min_length && o->min_length < o->length ? 0 : longest;
    return generate_dataset(out,
                            &(task_generator){ .count = o->count,
                                               .seed = o->seed,
                                               .longest = longest,
                                               .input = { RONDO_F32, { 2, { all, l->symbols } } },
                                               .target = { RONDO_I32, { o->per_step, { all } } },
                                               .classes = l->classes,
                                               .options = &task,
                                               .options_size = sizeof task,
                                               .steps = steps,
                                               .make = make });
}

#define LANGUAGE(of, help)                                                                         \
    static rondo_status open_##of(rondo_dataset **out, const void *options)                        \
    {                                                                                              \
        return open(out, &of, options);                                                            \
    }                                                                                              \
    const generator_row of##_generator = { #of, help, OPTION_TABLE(fields),                        \
                                           sizeof(language_options), open_##of };

LANGUAGE(parity, "is the number of ones even or odd")
LANGUAGE(even_pairs, "is the number of changes between two symbols even or odd")
LANGUAGE(cycle_navigation, "where a walk around a circle of five places ends")
LANGUAGE(modular_arithmetic, "the value of 1 + 2 * 3 - 4 …, modulo 5")
