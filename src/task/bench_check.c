/* bench_check - the same by plain loops in double precision, sharing nothing with what is timed but
 * the weights.  A layer is followed unit by unit: each step starts from the timed outputs of the
 * step before, so a few units of a few rows say whether every step was right. */
#include "task/bench.h"
#include <math.h>
#include <string.h>

enum { MAX_UNITS = 128, SEVERAL = 8, GATES = 4 };

/* A gate's function: libm's, or else the row of the scalar table. */
typedef struct gate {
    double (*plain)(double);
    rondo_function f;
} gate;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static rondo_status find_gate(gate *g, const char *activation, double (*usual)(double))
{
    g->plain = usual;
    if (!activation) return RONDO_OK;
    g->plain = NULL;
    RONDO_TRY(activation_parse(&g->f, activation));
    for (int i = 0; i < kernels_scalar.n_activations; i++)
        if (strcmp(kernels_scalar.activations[i].name, g->f.row->name) == 0)
            g->f.row = &kernels_scalar.activations[i];
    return RONDO_OK;
}

static void apply(const gate *g, double *z, int64_t n)
{
    real x[MAX_UNITS] = { 0 };
    for (int64_t k = 0; k < n; k++) {
        if (g->plain) z[k] = g->plain(z[k]);
        x[k] = (real)z[k];
    }
    if (g->plain) return;
    rondo_activate(&g->f, x, x, n);
    for (int64_t k = 0; k < n; k++) z[k] = (double)x[k];
}

/* Units 0, stride, 2 stride … of one row. */
typedef struct follower {
    const bench_layer_data *d;
    int64_t row, stride, n;
    int gates;
    bool gru, lstm;
    gate inner, outer; /* of the candidate and the output; of the other gates */
    double tolerance;  /* of fewer bytes a weight, more */
    double xp[GATES][MAX_UNITS], hp[GATES][MAX_UNITS], cell[MAX_UNITS], h[MAX_UNITS];
} follower;

/* What gate g of the followed units gets from x and from the outputs one step before. */
static void project(follower *f, int64_t t, int g)
{
    const bench_layer_data *d = f->d;
    const rondo_bench_case *s = d->shape;
    const int64_t width = f->gates * s->units;
    const real *x = d->x + (t * s->batch + f->row) * s->inputs;
    const real *before = t ? d->y + ((t - 1) * s->batch + f->row) * s->units : NULL;
    for (int64_t k = 0; k < f->n; k++) {
        const int64_t column = g * s->units + k * f->stride;
        double a = (double)d->bias[column], b = 0;
        if (f->gru) b = (double)d->recurrent_bias[column];
        for (int64_t i = 0; i < s->inputs; i++)
            a += (double)x[i] * (double)d->kernel[i * width + column];
        for (int64_t i = 0; before && i < s->units; i++)
            b += (double)before[i] * (double)d->recurrent[i * width + column];
        f->xp[g][k] = a;
        f->hp[g][k] = b;
    }
}

static void add_all(follower *f)
{
    for (int g = 0; g < f->gates; g++)
        for (int64_t k = 0; k < f->n; k++) f->xp[g][k] += f->hp[g][k];
}

static void step_lstm(follower *f) /* i f c o */
{
    double *i = f->xp[0], *forget = f->xp[1], *c = f->xp[2], *o = f->xp[3], out[MAX_UNITS];
    add_all(f);
    apply(&f->outer, i, f->n);
    apply(&f->outer, forget, f->n);
    apply(&f->inner, c, f->n);
    apply(&f->outer, o, f->n);
    for (int64_t k = 0; k < f->n; k++) {
        f->cell[k] = forget[k] * f->cell[k] + i[k] * c[k];
        out[k] = f->cell[k];
    }
    apply(&f->inner, out, f->n);
    for (int64_t k = 0; k < f->n; k++) f->h[k] = o[k] * out[k];
}

static void step_gru(follower *f, const real *before) /* z r h, reset after */
{
    double *z = f->xp[0], *r = f->xp[1], *g = f->xp[2], q[MAX_UNITS];
    memcpy(q, f->hp[2], sizeof q);
    memset(f->hp[2], 0, sizeof f->hp[2]);
    add_all(f);
    apply(&f->outer, z, f->n);
    apply(&f->outer, r, f->n);
    for (int64_t k = 0; k < f->n; k++) g[k] += r[k] * q[k];
    apply(&f->inner, g, f->n);
    for (int64_t k = 0; k < f->n; k++) {
        const double old = before ? (double)before[k * f->stride] : 0;
        f->h[k] = z[k] * old + (1 - z[k]) * g[k];
    }
}

static void step_simple(follower *f)
{
    add_all(f);
    apply(&f->inner, f->xp[0], f->n);
    memcpy(f->h, f->xp[0], sizeof f->h);
}

static rondo_status follow(follower *f)
{
    const bench_layer_data *d = f->d;
    const rondo_bench_case *s = d->shape;
    memset(f->cell, 0, sizeof f->cell);
    for (int64_t t = 0; t < s->steps; t++) {
        const real *y = d->y + (t * s->batch + f->row) * s->units;
        for (int g = 0; g < f->gates; g++) project(f, t, g);
        if (f->lstm)
            step_lstm(f);
        else if (f->gru)
            step_gru(f, t ? y - s->batch * s->units : NULL);
        else
            step_simple(f);
        for (int64_t k = 0; k < f->n; k++) {
            const double found = (double)y[k * f->stride];
            if (fabs(found - f->h[k]) <= f->tolerance * (1 + fabs(f->h[k]))) continue;
            return rondo_fail(
                RONDO_E_STATE,
                "%s %s: step %lld, row %lld, unit %lld is %g, expected %g; the figure "
                "is not believed",
                s->letter, s->cell, (long long)t, (long long)f->row, (long long)(k * f->stride),
                found, f->h[k]);
        }
    }
    return RONDO_OK;
}

rondo_status bench_check_forward(const bench_layer_data *d)
{
    const rondo_bench_case *s = d->shape;
    const bool rounded = s->numbers && strcmp(s->numbers, "f32") != 0;
    const double coarse = strcmp(s->letter, "d") == 0 ? 2e-2 : 5e-2;
    follower f = { .d = d, .tolerance = rounded ? coarse : 2e-4 };
    f.lstm = strcmp(s->cell, "lstm") == 0;
    f.gru = strcmp(s->cell, "gru") == 0;
    f.gates = f.lstm ? 4 : f.gru ? 3 : 1;
    f.stride = s->units <= MAX_UNITS ? 1 : s->units / SEVERAL;
    f.n = s->units / f.stride < MAX_UNITS ? s->units / f.stride : MAX_UNITS;
    rondo_status status = find_gate(&f.inner, s->activation, tanh);
    if (!status) status = find_gate(&f.outer, s->activation, sigmoid);
    if (!status) status = follow(&f);
    f.row = s->batch - 1;
    if (!status && f.row) status = follow(&f);
    activation_free(&f.inner.f);
    activation_free(&f.outer.f);
    return status;
}

/* ---- The tutorial's network: two simple_rnn layers of 64, dense 10, softmax ---- */
enum { WIDTH = 64, CLASSES = 10 };

static const real *weight(const rondo_model *m, int i)
{
    rondo_array a = { 0 };
    rondo_weight_get(m, rondo_weight_name(m, i), &a);
    return a.data;
}

/* h = tanh(x·W + h·U + b), in place. */
static void simple_step(double *h, const double *x, int64_t inputs, const real *const w[3])
{
    double next[WIDTH];
    for (int u = 0; u < WIDTH; u++) {
        double sum = (double)w[2][u];
        for (int64_t i = 0; i < inputs; i++) sum += x[i] * (double)w[0][i * WIDTH + u];
        for (int i = 0; i < WIDTH; i++) sum += h[i] * (double)w[1][i * WIDTH + u];
        next[u] = tanh(sum);
    }
    memcpy(h, next, sizeof next);
}

/* -log of what a softmax gives the label. */
static double surprise(const double *logit, int64_t n, int64_t label)
{
    double largest = logit[0], sum = 0;
    for (int64_t i = 1; i < n; i++) largest = fmax(largest, logit[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(logit[i] - largest);
    return log(sum) + largest - logit[label];
}

double bench_network_loss(const bench_training *n)
{
    enum { INPUTS = 28 };
    const rondo_model *m = n->model;
    const real *const first[] = { weight(m, 0), weight(m, 1), weight(m, 2) };
    const real *const second[] = { weight(m, 3), weight(m, 4), weight(m, 5) };
    const real *dense = weight(m, 6), *bias = weight(m, 7);
    double total = 0;
    for (int64_t r = 0; r < n->batch; r++) {
        double low[WIDTH] = { 0 }, high[WIDTH] = { 0 }, in[INPUTS], logit[CLASSES];
        for (int64_t t = 0; t < n->steps; t++) {
            for (int i = 0; i < INPUTS; i++) in[i] = (double)n->x[(r * n->steps + t) * INPUTS + i];
            simple_step(low, in, INPUTS, first);
            simple_step(high, low, WIDTH, second);
        }
        for (int c = 0; c < CLASSES; c++) {
            logit[c] = (double)bias[c];
            for (int u = 0; u < WIDTH; u++) logit[c] += high[u] * (double)dense[u * CLASSES + c];
        }
        total += surprise(logit, CLASSES, n->label[r]);
    }
    return total / (double)n->batch;
}

/* ---- A language model: embedding, two lstm layers, dense, softmax ---- */

/* y [out] += x [in]·w [in][out] */
static void add_product(double *y, const double *x, const real *w, int64_t in, int64_t out)
{
    for (int64_t i = 0; i < in; i++)
        for (int64_t j = 0; j < out; j++) y[j] += x[i] * (double)w[i * out + j];
}

/* h and c in place; gates i f c o; z [4 units] is room. */
static void lstm_step(double *h, double *c, const double *x, double *z, const real *const w[3],
                      int64_t units)
{
    for (int64_t j = 0; j < 4 * units; j++) z[j] = (double)w[2][j];
    add_product(z, x, w[0], units, 4 * units);
    add_product(z, h, w[1], units, 4 * units);
    for (int64_t u = 0; u < units; u++) {
        c[u] = sigmoid(z[units + u]) * c[u] + sigmoid(z[u]) * tanh(z[2 * units + u]);
        h[u] = sigmoid(z[3 * units + u]) * tanh(c[u]);
    }
}

/* Of one row; room [9 units + words]. */
static double row_loss(const rondo_model *m, const int32_t *token, const int32_t *label,
                       int64_t steps, int64_t units, int64_t words, double *room)
{
    const real *const first[] = { weight(m, 1), weight(m, 2), weight(m, 3) };
    const real *const second[] = { weight(m, 4), weight(m, 5), weight(m, 6) };
    const real *embedding = weight(m, 0), *dense = weight(m, 7), *bias = weight(m, 8);
    double *low = room, *high = room + 2 * units, *x = room + 4 * units, *z = room + 5 * units,
           *logit = room + 9 * units, total = 0;
    memset(room, 0, (size_t)(4 * units) * sizeof *room); /* the states */
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t u = 0; u < units; u++) x[u] = (double)embedding[token[t] * units + u];
        lstm_step(low, low + units, x, z, first, units);
        lstm_step(high, high + units, low, z, second, units);
        for (int64_t i = 0; i < words; i++) logit[i] = (double)bias[i];
        add_product(logit, high, dense, units, words);
        total += surprise(logit, words, label[t]);
    }
    return total;
}

double bench_language_loss(const bench_training *t)
{
    rondo_array dense = { 0 };
    rondo_weight_get(t->model, rondo_weight_name(t->model, 7), &dense);
    const int64_t units = dense.shape.dim[0], words = t->inputs;
    double *room = alloc_array(9 * units + words, sizeof *room), total = 0;
    if (!room) return NAN;
    for (int64_t r = 0; r < t->batch; r++)
        total += row_loss(t->model, t->token + r * t->steps, t->label + r * t->steps, t->steps,
                          units, words, room);
    alloc_free(room);
    return total / (double)(t->batch * t->steps);
}
