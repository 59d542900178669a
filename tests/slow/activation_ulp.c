/* The error of every activation and of its derivative over all 2^32 floats, on every ISA that
 * runs here (or the one that RONDO_ISA names), against double precision; prints the table of
 * docs/ACTIVATION_ERRORS.md.
 *
 *   activation_ulp [STRIDE [NAME ...]]     every STRIDE-th bit pattern, of these activations
 *
 * Exits 1 when a value or a derivative is further off than it may be: 2 ulp for most. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "kernel/activation_truth.h"
#include "kernel/kernel.h"

enum { BLOCK = 4096, MAX_TABLES = 4, THREADS = 2 };

typedef struct worst {
    double error, at;
} worst;

typedef struct sweep {
    const activation_truth *truth;
    int activation; /* its index in every table */
    uint64_t stride, points;
    atomic_ullong next; /* point that nobody has taken */
    pthread_mutex_t lock;
    worst value[MAX_TABLES], slope[MAX_TABLES];
    double at_zero, rise[2]; /* f(0), f' right and left of it */
} sweep;

/* Nearer to 0 than this, f(0) + f'(0) x and f'(0) are f and f' to a part in 2^31: most floats.
 * Where both f(0) and f'(0) are 0 that says nothing. */
static const double linear_below = 0x1p-32;

static void worse(worst *w, double error, double at)
{
    if (error > w->error) w->error = error, w->at = at;
}

static float float_of(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

static bool wanted(const kernels *k, bool runs)
{
    const char *only = getenv("RONDO_ISA");
    return runs && (!only || !*only || !strcmp(only, k->isa));
}

/* The n ≤ BLOCK points from the first-th on. */
static void check_block(const sweep *s, worst *value, worst *slope, uint64_t first, int n)
{
    static const float one = 1;
    static _Thread_local float x[BLOCK], y[BLOCK], dy[BLOCK], dx[BLOCK];
    static _Thread_local double want[BLOCK], want_slope[BLOCK];
    bool runs = false;
    const kernels *k;
    for (int i = 0; i < n; i++) {
        x[i] = float_of((first + (uint64_t)i) * s->stride);
        dy[i] = one;
        double rise = s->rise[x[i] < 0];
        bool linear = fabs((double)x[i]) < linear_below && (s->at_zero != 0 || fabs(rise) > 0.001);
        want[i] = linear ? s->at_zero + rise * (double)x[i] : truth_at(s->truth, (double)x[i]);
        want_slope[i] = linear ? rise : s->truth->slope((double)x[i]);
    }
    for (int t = 0; (k = kernel_at(t, &runs)); t++) {
        const rondo_activation *f = &k->activations[s->activation];
        real args[RONDO_MAX_PARAMETERS];
        truth_defaults(args, f->parameters);
        if (!wanted(k, runs)) continue;
        f->forward(y, x, n, args);
        f->backward(dx, x, y, dy, n, args);
        for (int i = 0; i < n; i++) {
            worse(&value[t], truth_ulp(y[i], want[i], s->truth->least), (double)x[i]);
            worse(&slope[t], truth_slope_error(dx[i], want_slope[i], f->kinks, (double)x[i]),
                  (double)x[i]);
        }
    }
}

static void *work(void *shared)
{
    sweep *s = shared;
    worst value[MAX_TABLES] = { { 0, 0 } }, slope[MAX_TABLES] = { { 0, 0 } };
    uint64_t first;
    while ((first = atomic_fetch_add(&s->next, BLOCK)) < s->points) {
        uint64_t left = s->points - first;
        check_block(s, value, slope, first, (int)(left < BLOCK ? left : BLOCK));
    }
    pthread_mutex_lock(&s->lock);
    for (int t = 0; t < MAX_TABLES; t++) {
        worse(&s->value[t], value[t].error, value[t].at);
        worse(&s->slope[t], slope[t].error, slope[t].at);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static bool print_rows(const sweep *s)
{
    bool good = true, runs = false;
    const kernels *k;
    for (int t = 0; (k = kernel_at(t, &runs)); t++) {
        if (!wanted(k, runs)) continue;
        printf("| %s | %s | %.3f | %.9g | %.2f | %.9g | %s%llu |\n", s->truth->name, k->isa,
               s->value[t].error, s->value[t].at, s->slope[t].error, s->slope[t].at,
               s->stride == 1 ? "all " : "", (unsigned long long)s->points);
        good = good && s->value[t].error <= TRUTH_ULP * s->truth->loose &&
               s->slope[t].error <= TRUTH_SLOPE * s->truth->loose;
    }
    fflush(stdout);
    return good;
}

/* False when an error is too large. */
static bool check(int activation, const char *name, uint64_t stride)
{
    sweep s = { .truth = truth_of(name),
                .activation = activation,
                .stride = stride,
                .points = ((UINT64_C(1) << 32) + stride - 1) / stride,
                .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t thread[THREADS];
    int started = 0;
    if (!s.truth) return fprintf(stderr, "%s: no definition to compare with\n", name), false;
    s.at_zero = s.truth->f(0);
    s.rise[0] = s.truth->slope(0x1p-40);
    s.rise[1] = s.truth->slope(-0x1p-40);
    while (started < THREADS - 1 && !pthread_create(&thread[started], NULL, work, &s)) started++;
    work(&s);
    for (int i = 0; i < started; i++) pthread_join(thread[i], NULL);
    return print_rows(&s);
}

int main(int argc, char **argv)
{
    uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const kernels *k = kernel_at(0, NULL);
    bool good = true;
    if (!stride) return fprintf(stderr, "usage: activation_ulp [STRIDE [NAME ...]]\n"), 2;
    printf("| activation | ISA | ulp | at x | derivative | at x | floats |\n"
           "|---|---|---|---|---|---|---|\n");
    for (int a = 0; a < k->n_activations; a++) {
        bool asked = argc < 3 && !k->activations[a].rowwise;
        for (int i = 2; i < argc; i++) asked = asked || !strcmp(argv[i], k->activations[a].name);
        if (asked) good = check(a, k->activations[a].name, stride) && good;
    }
    return good ? 0 : 1;
}
