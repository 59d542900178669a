/* onednn - what oneDNN's recurrent primitives take for the cases of `rondo bench`.
 *
 *   onednn SECONDS < cases      lines "case,cell,B,T,I,H,,weights"; one JSON object a line comes back
 *
 * At their best: weights in the formats that the primitives choose, reordered outside of what is
 * timed, and so are the gradients; gradients are not cleared between calls.  Every case is checked:
 * the outputs against plain loops, the gradients against differences.  With weights in bf16 inputs,
 * outputs and the state h are bf16 as well, as the primitives want it.  C API of version 2. */
#define _POSIX_C_SOURCE 200809L
#include <dnnl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 7, FEWEST = 3, MOST_ARGS = 32, UNITS = 8, RING = 64 };

static char sentence[256];
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        if ((expr) != dnnl_success) return fail(#expr);                                            \
    } while (0)

static bool fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return false;
}

/* ---- A layer ---- */
typedef struct tensor { /* ours, plain; and in the format of a primitive */
    dnnl_memory_desc_t md;
    float *data;
    int64_t n;
    dnnl_memory_t memory;
    dnnl_memory_t wide; /* of data, where the memory is in bf16; else NULL */
} tensor;

typedef struct execution {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MOST_ARGS];
    int n;
} execution;

typedef struct layer {
    char letter, cell[16];
    int64_t b, t, i, h;
    int gates, biases;
    bool lstm, gru, streams, trains, narrow; /* narrow: bf16 */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    tensor x, w, u, bias, y, dy, dx, dw, du, dbias;  /* [T][B][I] [I][G][H] [H][G][H] [G'][H] … */
    tensor state[2], cells[2], dstate[2], dcells[2]; /* before and after */
    execution forward, other, backward;              /* other: as forward, states the other way */
    dnnl_memory_t fw, fu, bw, bu, bdw, bdu;          /* in the formats of forward and backward */
    int64_t calls;
    bool failed, missing; /* missing: oneDNN has no such primitive */
} layer;

static double uniform(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static bool make(layer *l, tensor *p, int rank, const dnnl_dims_t dims, dnnl_format_tag_t tag,
                 double scale)
{
    p->n = 1;
    for (int k = 0; k < rank; k++) p->n *= dims[k];
    p->data = aligned_alloc(64, ((size_t)p->n * sizeof(float) + 63) / 64 * 64);
    if (!p->data) return fail("out of memory");
    for (int64_t k = 0; k < p->n; k++) p->data[k] = (float)(scale * (2 * uniform() - 1));
    TRY(dnnl_memory_desc_init_by_tag(&p->md, rank, dims, dnnl_f32, tag));
    TRY(dnnl_memory_create(&p->memory, &p->md, l->engine, p->data));
    return true;
}

static bool make_all(layer *l)
{
    const dnnl_dims_t x = { l->t, l->b, l->i }, y = { l->t, l->b, l->h };
    const dnnl_dims_t w = { 1, 1, l->i, l->gates, l->h }, u = { 1, 1, l->h, l->gates, l->h };
    const dnnl_dims_t bias = { 1, 1, l->biases, l->h }, state = { 1, 1, l->b, l->h };
    const double in = sqrt(6.0 / (double)(l->i + l->h)), across = sqrt(3.0 / (double)l->h);
    bool good = make(l, &l->x, 3, x, dnnl_tnc, 1) && make(l, &l->y, 3, y, dnnl_tnc, 0) &&
                make(l, &l->w, 5, w, dnnl_ldigo, in) && make(l, &l->u, 5, u, dnnl_ldigo, across) &&
                make(l, &l->bias, 4, bias, dnnl_ldgo, 0.05);
    for (int k = 0; good && k < 2; k++)
        good = make(l, &l->state[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->cells[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->dstate[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->dcells[k], 4, state, dnnl_ldnc, 0);
    return good && make(l, &l->dx, 3, x, dnnl_tnc, 0) && make(l, &l->dy, 3, y, dnnl_tnc, 1) &&
           make(l, &l->dw, 5, w, dnnl_ldigo, 0) && make(l, &l->du, 5, u, dnnl_ldigo, 0) &&
           make(l, &l->dbias, 4, bias, dnnl_ldgo, 0);
}

/* The same shape in whatever format. */
static dnnl_memory_desc_t any(const layer *l, const tensor *p)
{
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_tag(&md, p->md.ndims, p->md.dims, l->narrow ? dnnl_bf16 : dnnl_f32,
                                 dnnl_format_tag_any);
    return md;
}

static bool describe_forward(const layer *l, dnnl_rnn_desc_t *d)
{
    const dnnl_prop_kind_t kind = l->trains ? dnnl_forward_training : dnnl_forward_inference;
    const dnnl_rnn_direction_t right = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t w = any(l, &l->w), u = any(l, &l->u);
    const dnnl_memory_desc_t *state = l->streams || l->trains ? &l->state[0].md : NULL;
    if (l->lstm)
        TRY(dnnl_lstm_forward_desc_init(d, kind, right, &l->x.md, state, state, &w, &u, &l->bias.md,
                                        &l->y.md, state, state, 0));
    else if (l->gru)
        TRY(dnnl_lbr_gru_forward_desc_init(d, kind, right, &l->x.md, state, &w, &u, &l->bias.md,
                                           &l->y.md, state, 0));
    else
        TRY(dnnl_vanilla_rnn_forward_desc_init(d, kind, dnnl_eltwise_tanh, right, &l->x.md, state,
                                               &w, &u, &l->bias.md, &l->y.md, state, 0, 0, 0));
    return true;
}

/* With states, though they start at zero: without, version 2.6 gives wrong gradients of U. */
static bool describe_backward(const layer *l, dnnl_rnn_desc_t *d)
{
    const dnnl_rnn_direction_t right = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t w = any(l, &l->w), u = any(l, &l->u), *s = &l->state[0].md;
    if (l->lstm)
        TRY(dnnl_lstm_backward_desc_init(d, dnnl_backward, right, &l->x.md, s, s, &w, &u,
                                         &l->bias.md, &l->y.md, s, s, &l->dx.md, s, s, &w, &u,
                                         &l->dbias.md, &l->dy.md, s, s, 0));
    else if (l->gru)
        TRY(dnnl_lbr_gru_backward_desc_init(d, dnnl_backward, right, &l->x.md, s, &w, &u,
                                            &l->bias.md, &l->y.md, s, &l->dx.md, s, &w, &u,
                                            &l->dbias.md, &l->dy.md, s, 0));
    else
        TRY(dnnl_vanilla_rnn_backward_desc_init(
            d, dnnl_backward, dnnl_eltwise_tanh, right, &l->x.md, s, &w, &u, &l->bias.md, &l->y.md,
            s, &l->dx.md, s, &w, &u, &l->dbias.md, &l->dy.md, s, 0, 0, 0));
    return true;
}

static void give(execution *e, int arg, dnnl_memory_t memory)
{
    e->args[e->n++] = (dnnl_exec_arg_t){ arg, memory };
}

/* Memory in the format that a primitive has chosen for an argument. */
static bool chosen(const layer *l, const execution *e, int arg, dnnl_memory_t *memory)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(e->pd, dnnl_query_exec_arg_md, arg);
    TRY(dnnl_memory_create(memory, md, l->engine, DNNL_MEMORY_ALLOCATE));
    return true;
}

static bool reorder(const layer *l, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_memory_desc_t *a, *b;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    TRY(dnnl_memory_get_memory_desc(from, &a));
    TRY(dnnl_memory_get_memory_desc(to, &b));
    TRY(dnnl_reorder_primitive_desc_create(&pd, a, l->engine, b, l->engine, NULL));
    TRY(dnnl_primitive_create(&primitive, pd));
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };
    TRY(dnnl_primitive_execute(primitive, l->stream, 2, args));
    TRY(dnnl_stream_wait(l->stream));
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    return true;
}

/* The primitive sees p in bf16; put and get take it there and back. */
static bool make_narrow(const layer *l, tensor *p, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    TRY(dnnl_memory_desc_init_by_tag(&md, p->md.ndims, p->md.dims, dnnl_bf16, tag));
    p->wide = p->memory;
    p->md = md;
    p->memory = NULL;
    TRY(dnnl_memory_create(&p->memory, &p->md, l->engine, DNNL_MEMORY_ALLOCATE));
    return true;
}

static bool put(const layer *l, const tensor *p)
{
    return !p->wide || reorder(l, p->wide, p->memory);
}

static bool get(const layer *l, const tensor *p)
{
    return !p->wide || reorder(l, p->memory, p->wide);
}

static bool narrow_all(layer *l)
{
    bool good = make_narrow(l, &l->x, dnnl_tnc) && make_narrow(l, &l->y, dnnl_tnc) &&
                put(l, &l->x);
    for (int k = 0; good && k < 2; k++)
        good = make_narrow(l, &l->state[k], dnnl_ldnc) && put(l, &l->state[k]);
    return good;
}

static bool put_weights(const layer *l)
{
    if (!reorder(l, l->w.memory, l->fw) || !reorder(l, l->u.memory, l->fu)) return false;
    return !l->trains || (reorder(l, l->w.memory, l->bw) && reorder(l, l->u.memory, l->bu));
}

static void give_forward(layer *l, execution *e, int before)
{
    e->n = 0;
    give(e, DNNL_ARG_SRC_LAYER, l->x.memory);
    give(e, DNNL_ARG_WEIGHTS_LAYER, l->fw);
    give(e, DNNL_ARG_WEIGHTS_ITER, l->fu);
    give(e, DNNL_ARG_BIAS, l->bias.memory);
    give(e, DNNL_ARG_DST_LAYER, l->y.memory);
    if (!l->streams && !l->trains) return;
    give(e, DNNL_ARG_SRC_ITER, l->state[before].memory);
    give(e, DNNL_ARG_DST_ITER, l->state[!before].memory);
    if (!l->lstm) return;
    give(e, DNNL_ARG_SRC_ITER_C, l->cells[before].memory);
    give(e, DNNL_ARG_DST_ITER_C, l->cells[!before].memory);
}

static bool prepare_backward(layer *l)
{
    dnnl_rnn_desc_t d;
    dnnl_memory_t workspace;
    execution *e = &l->backward;
    if (!describe_backward(l, &d)) return false;
    TRY(dnnl_primitive_desc_create(&e->pd, &d, NULL, l->engine, l->forward.pd));
    TRY(dnnl_primitive_create(&e->primitive, e->pd));
    if (!chosen(l, e, DNNL_ARG_WEIGHTS_LAYER, &l->bw) ||
        !chosen(l, e, DNNL_ARG_WEIGHTS_ITER, &l->bu) ||
        !chosen(l, e, DNNL_ARG_DIFF_WEIGHTS_LAYER, &l->bdw) ||
        !chosen(l, e, DNNL_ARG_DIFF_WEIGHTS_ITER, &l->bdu))
        return false;
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(l->forward.pd,
                                                                dnnl_query_workspace_md, 0);
    TRY(dnnl_memory_create(&workspace, md, l->engine, DNNL_MEMORY_ALLOCATE));
    give(&l->forward, DNNL_ARG_WORKSPACE, workspace);
    give(e, DNNL_ARG_SRC_LAYER, l->x.memory);
    give(e, DNNL_ARG_WEIGHTS_LAYER, l->bw);
    give(e, DNNL_ARG_WEIGHTS_ITER, l->bu);
    give(e, DNNL_ARG_BIAS, l->bias.memory);
    give(e, DNNL_ARG_DST_LAYER, l->y.memory);
    give(e, DNNL_ARG_WORKSPACE, workspace);
    give(e, DNNL_ARG_DIFF_DST_LAYER, l->dy.memory);
    give(e, DNNL_ARG_DIFF_SRC_LAYER, l->dx.memory);
    give(e, DNNL_ARG_DIFF_WEIGHTS_LAYER, l->bdw);
    give(e, DNNL_ARG_DIFF_WEIGHTS_ITER, l->bdu);
    give(e, DNNL_ARG_DIFF_BIAS, l->dbias.memory);
    give(e, DNNL_ARG_SRC_ITER, l->state[0].memory);
    give(e, DNNL_ARG_DST_ITER, l->state[1].memory);
    give(e, DNNL_ARG_DIFF_SRC_ITER, l->dstate[0].memory);
    give(e, DNNL_ARG_DIFF_DST_ITER, l->dstate[1].memory);
    if (!l->lstm) return true;
    give(e, DNNL_ARG_SRC_ITER_C, l->cells[0].memory);
    give(e, DNNL_ARG_DST_ITER_C, l->cells[1].memory);
    give(e, DNNL_ARG_DIFF_SRC_ITER_C, l->dcells[0].memory);
    give(e, DNNL_ARG_DIFF_DST_ITER_C, l->dcells[1].memory);
    return true;
}

static bool prepare(layer *l)
{
    dnnl_rnn_desc_t d;
    l->lstm = strcmp(l->cell, "lstm") == 0;
    l->gru = strcmp(l->cell, "gru") == 0;
    l->gates = l->lstm ? 4 : l->gru ? 3 : 1;
    l->biases = l->gru ? 4 : l->gates;
    l->streams = l->letter == 'a';
    l->trains = l->letter == 'd';
    TRY(dnnl_engine_create(&l->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&l->stream, l->engine, dnnl_stream_default_flags));
    if (!make_all(l) || (l->narrow && !narrow_all(l)) || !describe_forward(l, &d)) return false;
    l->missing = dnnl_primitive_desc_create(&l->forward.pd, &d, NULL, l->engine, NULL) ==
                 dnnl_unimplemented;
    if (!l->forward.pd) return fail("there is no such primitive");
    TRY(dnnl_primitive_create(&l->forward.primitive, l->forward.pd));
    if (!chosen(l, &l->forward, DNNL_ARG_WEIGHTS_LAYER, &l->fw) ||
        !chosen(l, &l->forward, DNNL_ARG_WEIGHTS_ITER, &l->fu))
        return false;
    give_forward(l, &l->forward, 0);
    l->other = l->forward;
    give_forward(l, &l->other, 1);
    return (!l->trains || prepare_backward(l)) && put_weights(l);
}

static void release(layer *l)
{
    tensor *const all[] = { &l->x,         &l->w,         &l->u,        &l->bias,     &l->y,
                            &l->dy,        &l->dx,        &l->dw,       &l->du,       &l->dbias,
                            &l->state[0],  &l->state[1],  &l->cells[0], &l->cells[1], &l->dstate[0],
                            &l->dstate[1], &l->dcells[0], &l->dcells[1] };
    const dnnl_memory_t chosen_ones[] = { l->fw, l->fu, l->bw, l->bu, l->bdw, l->bdu };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        if (all[k]->memory) dnnl_memory_destroy(all[k]->memory);
        if (all[k]->wide) dnnl_memory_destroy(all[k]->wide);
        free(all[k]->data);
    }
    for (size_t k = 0; k < sizeof chosen_ones / sizeof *chosen_ones; k++)
        if (chosen_ones[k]) dnnl_memory_destroy(chosen_ones[k]);
    for (int k = 0; l->trains && k < l->forward.n; k++)
        if (l->forward.args[k].arg == DNNL_ARG_WORKSPACE)
            dnnl_memory_destroy(l->forward.args[k].memory);
    if (l->forward.primitive) dnnl_primitive_destroy(l->forward.primitive);
    if (l->backward.primitive) dnnl_primitive_destroy(l->backward.primitive);
    if (l->forward.pd) dnnl_primitive_desc_destroy(l->forward.pd);
    if (l->backward.pd) dnnl_primitive_desc_destroy(l->backward.pd);
    if (l->stream) dnnl_stream_destroy(l->stream);
    if (l->engine) dnnl_engine_destroy(l->engine);
}

/* ---- What is timed ---- */
static void once(layer *l)
{
    execution *e = l->streams && l->calls++ % 2 ? &l->other : &l->forward;
    l->failed |= dnnl_primitive_execute(e->primitive, l->stream, e->n, e->args) != dnnl_success;
    e = &l->backward;
    if (l->trains)
        l->failed |= dnnl_primitive_execute(e->primitive, l->stream, e->n, e->args) != dnnl_success;
    l->failed |= dnnl_stream_wait(l->stream) != dnnl_success;
}

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
