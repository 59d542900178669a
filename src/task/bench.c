/* bench - how fast this machine runs the cases that docs/PERFORMANCE.md is about.  A figure counts
 * only when what was computed is right, and when the machine can be that fast at all. */
#define _POSIX_C_SOURCE 200809L
#include "task/bench.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SAMPLES = 7,
    FEWEST = 5,
    PAIRS = 9,
    MAX_CASES = 256,
    PEAK_THREADS = 256,
    PEAK_TURNS = 1 << 20
};

/* ---- The cases ---- */
#define CELLS(X, ...) X("simple_rnn", __VA_ARGS__), X("lstm", __VA_ARGS__), X("gru", __VA_ARGS__)
#define ROW(cell, letter, b, t, i, h)                                                              \
    {                                                                                              \
        letter, cell, NULL, b, t, i, h, NULL                                                       \
    }
#define STORED(cell, letter, t, h, numbers)                                                        \
    {                                                                                              \
        letter, cell, NULL, 1, t, h, h, numbers                                                    \
    }
#define WIDTHS(letter, t, numbers)                                                                 \
    CELLS(STORED, letter, t, 32, numbers), CELLS(STORED, letter, t, 64, numbers),                  \
        CELLS(STORED, letter, t, 128, numbers), CELLS(STORED, letter, t, 256, numbers),            \
        CELLS(STORED, letter, t, 512, numbers)

static rondo_bench_case cases[MAX_CASES] = {
    ROW("fma", "peak", 0, 0, 0, 0),
    WIDTHS("a", 1, NULL),
    WIDTHS("a", 1, "bf16"),
    WIDTHS("a", 1, "int8"),
    WIDTHS("b", 100, NULL),
    WIDTHS("b", 100, "bf16"),
    WIDTHS("b", 100, "int8"),
    CELLS(ROW, "c", 32, 100, 256, 256),
    CELLS(ROW, "c", 32, 100, 512, 512),
    CELLS(ROW, "c", 32, 100, 1024, 1024),
    CELLS(ROW, "d", 20, 35, 200, 200),
    CELLS(ROW, "d", 20, 35, 650, 650),
    CELLS(ROW, "d", 20, 35, 1500, 1500),
    CELLS(ROW, "d", 32, 100, 64, 64),
    CELLS(ROW, "d", 64, 28, 28, 128),
    CELLS(ROW, "d", 16, 400, 2, 100),
    ROW("network", "e", 32, 28, 28, 64),
    ROW("language", "f", 20, 20, 10000, 200),
    { "f", "language", NULL, 20, 20, 10000, 200, "bf16" },
    ROW("simple_rnn", "memory", 32, 28, 28, 64),
    ROW("lstm", "memory", 20, 35, 650, 650),
    ROW("lstm", "memory", 32, 100, 64, 64),
    ROW("gru", "memory", 64, 28, 28, 128),
    ROW("lstm", "activations", 32, 50, 128, 128),
};

static bool has_cell(int n, const char *cell)
{
    for (int i = 0; i < n; i++)
        if (strcmp(cases[i].cell, cell) == 0) return true;
    return false;
}

/* Two rows more for every other cell, and one for every activation that is built in and that a
 * forget gate can have: one that is never below 1 (log_softmax) makes any state infinite. */
static void add_built_in(void)
{
    int n = 0;
    while (cases[n].letter) n++;
    const int written = n;
    const rondo_bench_case usual = cases[n - 1];
    for (int i = 0; i < registry_count(REGISTRY_CELL) && n < MAX_CASES - 2; i++) {
        const char *cell = registry_name(REGISTRY_CELL, i);
        if (has_cell(written, cell)) continue;
        cases[n++] = (rondo_bench_case)ROW(cell, "d", 20, 35, 650, 650);
        cases[n++] = (rondo_bench_case)ROW(cell, "d", 64, 28, 28, 128);
    }
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION) && n < MAX_CASES - 1; i++) {
        double bias;
        if (activation_is_alias(i) ||
            !bench_closing_bias(&bias, registry_name(REGISTRY_ACTIVATION, i)))
            continue;
        cases[n] = usual;
        cases[n++].activation = registry_name(REGISTRY_ACTIVATION, i);
    }
}

const rondo_bench_case *rondo_bench_case_at(int i)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, add_built_in);
    return i >= 0 && i < MAX_CASES && cases[i].letter ? &cases[i] : NULL;
}

/* ---- Time ---- */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_of(void (*once)(void *), void *user, int64_t calls)
{
    const double begun = now();
    for (int64_t i = 0; i < calls; i++) once(user);
    return now() - begun;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *samples, int n)
{
    qsort(samples, (size_t)n, sizeof *samples, by_size);
    return samples[n / 2];
}

/* How many calls a sample takes that lasts as long as given. */
static int64_t calls_of(void (*once)(void *), void *user, double seconds, double *took)
{
    int64_t calls = 1;
    once(user); /* plans, packs, warms */
    while ((*took = time_of(once, user, calls)) < seconds / 4 && calls < 1 << 30) calls *= 2;
    const double wanted = seconds * (double)calls / *took;
    return wanted > 1 ? (int64_t)wanted : 1;
}

void bench_time(rondo_bench_result *result, void (*once)(void *user), void *user, double seconds)
{
    double took, each[SAMPLES];
    const int64_t calls = calls_of(once, user, seconds / SAMPLES, &took);
    result->samples = took > seconds / SAMPLES ? FEWEST : SAMPLES;
    for (int i = 0; i < result->samples; i++) each[i] = time_of(once, user, calls) / (double)calls;
    result->us = 1e6 * median(each, result->samples);
}

void bench_compare(rondo_bench_result *result, void (*once)(void *user), void *user, void *other,
                   double seconds)
{
    double took, each[PAIRS], ratio[PAIRS];
    once(other);
    const int64_t calls = calls_of(once, user, seconds / (2 * PAIRS), &took);
    result->samples = PAIRS;
    for (int i = 0; i < PAIRS; i++) {
        const double reference = time_of(once, other, calls) / (double)calls;
        each[i] = time_of(once, user, calls) / (double)calls;
        ratio[i] = each[i] / reference;
    }
    result->us = 1e6 * median(each, PAIRS);
    result->relative = median(ratio, PAIRS);
}

/* ---- The peak ---- */
typedef struct peak_job {
    real (*peak)(int64_t n, double *flops);
    double flops[PEAK_THREADS];
    real value[PEAK_THREADS];
} peak_job;

static void run_peak(void *arg, int i)
{
    peak_job *job = arg;
    job->value[i] = job->peak(PEAK_TURNS, &job->flops[i]);
}

/* GFLOP/s, the best of a few runs on the best table of this CPU, whichever is in use. */
static rondo_status measure_peak(int threads, bool bf16, double *peak)
{
    static peak_job job;
    const kernels *k;
    pool *all;
    bool runs;
    for (int i = 0; (k = kernel_at(i, &runs)) != NULL; i++)
        if (runs) job.peak = bf16 ? k->peak_bf16 : k->peak;
    RONDO_TRY(pool_new(&all, threads));
    for (int i = 0; i < 2 * SAMPLES; i++) {
        const double begun = now();
        pool_run(all, run_peak, &job, threads);
        double flops = 0;
        for (int t = 0; t < threads; t++) flops += job.flops[t];
        *peak = fmax(*peak, 1e-9 * flops / (now() - begun));
    }
    pool_free(all);
    return RONDO_OK;
}

static rondo_status measure(rondo_bench_result *result, const rondo_bench_case *c, int threads,
                            double seconds)
{
    if (strcmp(c->letter, "e") == 0) return bench_network(result, threads, seconds);
    if (strcmp(c->letter, "f") == 0) return bench_language(result, c, threads, seconds);
    if (strcmp(c->letter, "peak") != 0) return bench_layer(result, c, threads, seconds);
    result->gflops = result->peak;
    result->us = 0;
    result->samples = 2 * SAMPLES;
    return RONDO_OK;
}

/* Operations of one call, in thousands of millions. */
static double work(const rondo_bench_case *c)
{
    const double b = (double)c->batch, t = (double)c->steps, i = (double)c->inputs,
                 h = (double)c->units;
    const rondo_cell *row = registry_find(REGISTRY_CELL, c->cell);
    const int of_x = row ? row->x_gates : 1, of_h = row ? row->h_gates + row->made_gates : 1;
    const bool trains = !strchr("abc", c->letter[0]) || c->letter[1];
    double sum = 2 * b * t * h * (of_x * i + of_h * h);
    if (strcmp(c->cell, "language") == 0) sum = 2 * b * t * h * (2 * 4 * 2 * h + i);
    if (strcmp(c->cell, "network") == 0) sum += 2 * b * (t * h * 2 * h + h * 10);
    return 1e-9 * sum * (trains ? 3 : 1);
}

/* What the letter says of a case. */
typedef struct case_kind {
    const char *letter;
    bool sizes, cell; /* these can be chosen; what cannot does not count */
    bool stored;      /* its weights may be kept in fewer bytes */
    bool computes;    /* its products may be computed in bf16 */
} case_kind;
static const case_kind kinds[] = {
    { "a", true, true, true, false },
    { "b", true, true, true, false },
    { "c", true, true, true, false },
    { "d", true, true, false, true },
    { "e", false, false, false, false },
    { "f", true, false, false, true },
    { "activations", true, true, false, false },
    { "memory", true, true, false, false },
    { "peak", false, false, false, false },
};

static rondo_status check_numbers(const case_kind *kind, const rondo_bench_case *c)
{
    int storage;
    if (!c->numbers) return RONDO_OK;
    if (kind->computes && strcmp(c->numbers, "int8") != 0)
        return linear_compute(&storage, c->numbers);
    RONDO_TRY(linear_storage(&storage, c->numbers));
    if (kind->stored) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "%s %s: not in %s; weights in bf16 and int8 are for inference (a, b, c), "
                      "products in bf16 for training (d, f)",
                      c->letter, c->cell, c->numbers);
}

static rondo_status check_case(const rondo_bench_case *c)
{
    enum { KINDS = sizeof kinds / sizeof *kinds };
    int i = 0;
    while (i < KINDS && strcmp(kinds[i].letter, c->letter) != 0) i++;
    if (i == KINDS)
        return rondo_fail(RONDO_E_NAME,
                          "unknown case \"%s\"; there are a to f, activations, memory, peak",
                          c->letter);
    RONDO_TRY(check_numbers(&kinds[i], c));
    if (!kinds[i].sizes) return RONDO_OK;
    if (c->batch < 1 || c->steps < 1 || c->inputs < 1 || c->units < 1)
        return rondo_fail(RONDO_E_ARG, "%s %s: B, T, I and H are at least 1", c->letter, c->cell);
    int64_t size, widest = c->inputs > c->units ? c->inputs : c->units;
    if (!size_mul(c->batch, c->steps, &size) || !size_mul(size, 4 * widest, &size) ||
        !size_mul(widest, 4 * widest, &size))
        return rondo_fail(RONDO_E_LIMIT, "%s %s: too large to measure", c->letter, c->cell);
    const void *row;
    return kinds[i].cell ? registry_get(REGISTRY_CELL, c->cell, &row) : RONDO_OK;
}

/* How many times the fp32 peak a single row with such weights may reach: bf16 and int8 have
 * instructions of their own, which do twice and four times as much. */
static int times_peak(const rondo_bench_case *c)
{
    int storage = STORAGE_F32;
    if (c->numbers && strchr("abc", c->letter[0])) linear_storage(&storage, c->numbers);
    return storage == STORAGE_INT8 ? 4 : storage == STORAGE_BF16 ? 2 : 1;
}

rondo_status rondo_bench(rondo_bench_result *result, const rondo_bench_case *c, int threads,
                         double seconds)
{
    static double peaks[2][PEAK_THREADS + 1]; /* f32, bf16; by threads; 0: not measured yet */
    pool *all;
    *result = (rondo_bench_result){ 0 };
    RONDO_TRY(check_case(c));
    RONDO_TRY(pool_new(&all, threads));
    threads = pool_threads(all);
    pool_free(all);
    if (strcmp(c->letter, "memory") == 0) return bench_memory(result, c, threads);
    if (threads > PEAK_THREADS) threads = PEAK_THREADS;
    const bool bf16 = c->numbers && strchr("df", c->letter[0]) && strcmp(c->numbers, "bf16") == 0;
    double *peak = &peaks[bf16][threads];
    if (*peak <= 0) RONDO_TRY(measure_peak(threads, bf16, peak));
    result->peak = *peak;
    RONDO_TRY(measure(result, c, threads, seconds > 0 ? seconds : 0.5));
    if (strcmp(c->letter, "peak") == 0) return RONDO_OK;
    result->gflops = 1e6 * work(c) / result->us;
    if (result->gflops > *peak) RONDO_TRY(measure_peak(threads, bf16, peak));
    result->peak = *peak;
    if (result->gflops <= times_peak(c) * *peak) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE,
                      "%s %s: %.0f GFLOP/s is more than the %.0f that %d threads of this machine "
                      "reach; the figure is not believed",
                      c->letter, c->cell, result->gflops, times_peak(c) * *peak, threads);
}
