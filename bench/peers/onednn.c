/* onednn - what oneDNN's recurrent primitives take for the cases of `rondo bench`.
 *
 *   onednn SECONDS < cases      lines "case,cell,B,T,I,H,,weights"; one JSON object a line comes back
 *
 * At their best: weights in the formats that the primitives choose, reordered outside of what is
 * timed, and so are the gradients; gradients are not cleared between calls.  Every case is checked:
 * the outputs against plain loops, the gradients against differences.  With weights in bf16 inputs,
 * outputs and the state h are bf16 as well, as the primitives want it.  C API of version 2. */
#define _POSIX_C_SOURCE 200809L
#include "onednn.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 7, FEWEST = 3 };

/* ---- What is timed ---- */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_of(layer *l, int64_t calls)
{
    const double begun = now();
    for (int64_t k = 0; k < calls; k++) once(l);
    return now() - begun;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_us(layer *l, double seconds)
{
    double sample[SAMPLES], took;
    int64_t calls = 1;
    once(l);
    while ((took = time_of(l, calls)) < seconds / SAMPLES / 4) calls *= 2;
    if (took < seconds / SAMPLES) calls = (int64_t)(seconds / SAMPLES * (double)calls / took);
    const int n = took > seconds ? FEWEST : SAMPLES;
    for (int k = 0; k < n; k++) sample[k] = time_of(l, calls) / (double)calls;
    qsort(sample, (size_t)n, sizeof *sample, by_size);
    return 1e6 * sample[n / 2];
}

/* ---- How it is checked ---- */
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Unit k of row r at step t, from the outputs of the step before; *c is the cell's state. */
static double unit(const layer *l, const float *x, const float *before, int64_t k, double *c)
{
    double a[4] = { 0 }, p[4] = { 0 };
    for (int g = 0; g < l->gates; g++) {
        const int64_t column = g * l->h + k, width = l->gates * l->h;
        a[g] = l->bias.data[column];
        for (int64_t j = 0; j < l->i; j++) a[g] += (double)x[j] * l->w.data[j * width + column];
        for (int64_t j = 0; before && j < l->h; j++)
            p[g] += (double)before[j] * l->u.data[j * width + column];
    }
    if (l->lstm) {
        *c = sigmoid(a[1] + p[1]) * *c + sigmoid(a[0] + p[0]) * tanh(a[2] + p[2]);
        return sigmoid(a[3] + p[3]) * tanh(*c);
    }
    if (!l->gru) return tanh(a[0] + p[0]);
    const double z = sigmoid(a[0] + p[0]), q = p[2] + l->bias.data[3 * l->h + k];
    return z * (before ? before[k] : 0) + (1 - z) * tanh(a[2] + sigmoid(a[1] + p[1]) * q);
}

/* The outputs y [steps][B][H] of the last row, as they were computed from x [steps][B][I]. */
static bool check_forward(const layer *l, const float *x, const float *y, int64_t steps)
{
    const int64_t r = l->b - 1;
    for (int64_t k = 0; k<l->h; k += l->h> UNITS ? l->h / UNITS : 1) {
        double c = 0;
        for (int64_t t = 0; t < steps; t++) {
            const float *before = t ? y + ((t - 1) * l->b + r) * l->h : NULL;
            const double expected = unit(l, x + (t * l->b + r) * l->i, before, k, &c);
            const double found = y[(t * l->b + r) * l->h + k];
            if (!(fabs(found - expected) <= (l->narrow ? 5e-2 : 2e-4)))
                return fail("step %lld, unit %lld is %g, expected %g", (long long)t, (long long)k,
                            found, expected);
        }
    }
    return true;
}

/* A stream from the start, RING steps of different inputs. */
static bool check_stream(layer *l)
{
    float *x = malloc((size_t)(RING * l->i) * sizeof *x),
          *y = malloc((size_t)(RING * l->h) * sizeof *y);
    bool good = x && y;
    l->calls = 0;
    memset(l->state[0].data, 0, (size_t)l->state[0].n * sizeof(float));
    memset(l->cells[0].data, 0, (size_t)l->cells[0].n * sizeof(float));
    good = good && put(l, &l->state[0]);
    for (int t = 0; good && t < RING; t++) {
        for (int64_t j = 0; j < l->i; j++) x[t * l->i + j] = (float)(2 * uniform() - 1);
        memcpy(l->x.data, x + t * l->i, (size_t)l->i * sizeof *x);
        good = put(l, &l->x);
        once(l);
        good = good && get(l, &l->y);
        memcpy(y + t * l->h, l->y.data, (size_t)l->h * sizeof *y);
    }
    good = good && check_forward(l, x, y, RING);
    free(x);
    free(y);
    return good;
}

static double squares(const tensor *p)
{
    double sum = 0;
    for (int64_t k = 0; k < p->n; k++) sum += (double)p->data[k] * p->data[k];
    return sum;
}

static void move(tensor *p, const tensor *along, double far)
{
    for (int64_t k = 0; k < p->n; k++) p->data[k] += (float)(far * along->data[k]);
}

/* Σ dy y after all have moved so far along their gradients. */
static double moved(layer *l, double far)
{
    move(&l->x, &l->dx, far);
    move(&l->w, &l->dw, far);
    move(&l->u, &l->du, far);
    move(&l->bias, &l->dbias, far);
    if (!put_weights(l)) return NAN;
    const execution *e = &l->forward;
    dnnl_primitive_execute(e->primitive, l->stream, e->n, e->args);
    dnnl_stream_wait(l->stream);
    double sum = 0;
    for (int64_t k = 0; k < l->y.n; k++) sum += (double)l->y.data[k] * l->dy.data[k];
    return sum;
}

static bool check_gradients(layer *l)
{
    memset(l->dw.data, 0, (size_t)l->dw.n * sizeof(float));
    memset(l->du.data, 0, (size_t)l->du.n * sizeof(float));
    memset(l->dbias.data, 0, (size_t)l->dbias.n * sizeof(float));
    memset(l->dx.data, 0, (size_t)l->dx.n * sizeof(float));
    if (!reorder(l, l->dw.memory, l->bdw) || !reorder(l, l->du.memory, l->bdu)) return false;
    once(l);
    if (!reorder(l, l->bdw, l->dw.memory) || !reorder(l, l->bdu, l->du.memory)) return false;
    const double length = sqrt(squares(&l->dx) + squares(&l->dw) + squares(&l->du) +
                               squares(&l->dbias));
    double rise = NAN;
    for (double far = 0.01; far > 0.00005; far /= 10) {
        const double there = moved(l, far / length), back = moved(l, -2 * far / length);
        moved(l, far / length);
        rise = (there - back) / (2 * far);
        if (fabs(rise - length) <= 0.02 * length) return true;
    }
    return fail("the gradient's length is %g, along it the sum rises by %g", length, rise);
}

static bool check(layer *l)
{
    if (l->failed) return fail("a primitive failed");
    if (l->streams) return check_stream(l);
    if (!get(l, &l->y)) return false;
    if (!check_forward(l, l->x.data, l->y.data, l->t)) return false;
    return !l->trains || check_gradients(l);
}

static void answer(layer *l, double seconds)
{
    double us = 0;
    const bool ready = prepare(l);
    if (ready) us = median_us(l, seconds);
    if (ready && check(l))
        printf("{\"us\":%.6g}\n", us);
    else
        printf("{\"%s\":\"%s\"}\n", l->missing ? "skip" : "error", sentence);
    release(l);
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 0.5;
    const dnnl_version_t *v = dnnl_version();
    char line[256], kind[16], weights[16];
    printf("{\"peer\":\"oneDNN\",\"version\":\"%d.%d.%d\",\"settings\":\"primitives choose the "
           "formats of weights; reorders not timed\"}\n",
           v->major, v->minor, v->patch);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        layer l = { 0 };
        long long size[4];
        *weights = 0;
        const int n = sscanf(line, "%15[^,],%15[^,],%lld,%lld,%lld,%lld,,%15s", kind, l.cell,
                             &size[0], &size[1], &size[2], &size[3], weights);
        l.narrow = strcmp(weights, "bf16") == 0;
        if (n < 6 || kind[1] || !strchr("abcd", *kind) || (*weights && !l.narrow)) {
            printf("{\"skip\":\"no such primitive\"}\n");
        } else {
            l.letter = *kind;
            l.b = size[0], l.t = size[1], l.i = size[2], l.h = size[3];
            answer(&l, seconds);
        }
        fflush(stdout);
    }
    return 0;
}
