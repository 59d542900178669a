/* bench_layer - cases a to d: one recurrent layer as a stream, over sequences, and trained. */
#include "task/bench.h"
#include <math.h>
#include <string.h>

enum { RING = 64 }; /* different steps that a stream is given in turn */

typedef struct bench {
    const rondo_bench_case *c;
    bool streams, trains;
    rondo_model *model;
    rondo_stream *stream;
    pass *pass;
    int64_t steps, at; /* steps of x; where the ring is */
    real *x, *y, *dy;  /* [steps][B][I], [steps][B][H] (of a stream), [T][B][H] */
    rondo_status status;
} bench;

static void draw(real *x, int64_t n, uint64_t use, double low, double high)
{
    rng r = rng_new(7, rng_stream(RNG_CHECK, (uint32_t)use));
    for (int64_t i = 0; i < n; i++) x[i] = (real)(low + (high - low) * rng_uniform(&r));
}

enum { AROUND = 3, ROW = 128 };

/* The largest that a gate of this activation is, near z. */
static double gate_size(const rondo_function *f, double z)
{
    real x[ROW], y[ROW];
    double largest = 0;
    for (int k = 0; k < AROUND; k++) {
        for (int i = 0; i < ROW; i++) x[i] = (real)(z + 0.25 * (k - AROUND / 2));
        activation_forward(f, y, x, 1, ROW);
        largest = fmax(largest, fabs((double)y[0]));
    }
    return largest;
}

bool bench_closing_bias(double *bias, const char *activation)
{
    rondo_function f;
    double least = INFINITY;
    if (activation_parse(&f, activation ? activation : "sigmoid")) return false;
    for (double z = -3; z <= 3; z += 0.5) {
        const double size = gate_size(&f, z);
        if (size < least) least = size, *bias = z;
    }
    activation_free(&f);
    return least < 0.95;
}

/* Weights that keep every activation finite in every gate, exponential too: they are small, and
 * the forget gates (the second of four) are closed a little. */
static void tame(rondo_model *m, int64_t inputs, int64_t units, const char *activation)
{
    rondo_array kernel = { 0 }, recurrent = { 0 }, bias = { 0 };
    double closing = 0;
    rondo_weight_get(m, "layer.kernel", &kernel);
    rondo_weight_get(m, "layer.recurrent_kernel", &recurrent);
    rondo_weight_get(m, "layer.bias", &bias);
    kernel_table()->scale(kernel.data, kernel.data, (real)0.1, 4 * units * inputs);
    kernel_table()->scale(recurrent.data, recurrent.data, (real)0.01, 4 * units * units);
    bench_closing_bias(&closing, activation);
    draw(bias.data, 4 * units, 3, -1, 0.3);
    draw((real *)bias.data + units, units, 4, closing - 0.25, closing + 0.25);
    model_weights_changed(m);
}

static rondo_status build(bench *b, int threads)
{
    const rondo_bench_case *c = b->c;
    const rondo_rnn_options options = { .size = sizeof options,
                                        .units = c->units,
                                        .activation = c->activation,
                                        .recurrent_activation = c->activation,
                                        .recurrent_initializer = "glorot_uniform",
                                        .bias_initializer = "uniform",
                                        .return_sequences = true,
                                        .name = "layer" };
    b->model = rondo_model_new();
    if (!b->model) return RONDO_E_NOMEM;
    rondo_input(b->model, RONDO_F32, RONDO_SHAPE(0, c->inputs));
    rondo_add(b->model, rondo_rnn_new(c->cell, &options));
    const bool trains = strcmp(c->letter, "d") == 0;
    if (c->numbers && trains) RONDO_TRY(model_set_compute(b->model, c->numbers));
    RONDO_TRY(model_prepare(b->model, 1));
    RONDO_TRY(model_threads(b->model, threads));
    if (strcmp(c->letter, "activations") == 0) tame(b->model, c->inputs, c->units, c->activation);
    return c->numbers && !trains ? rondo_set_weight_storage(b->model, c->numbers) : RONDO_OK;
}

static rondo_status prepare(bench *b, int threads)
{
    const rondo_bench_case *c = b->c;
    RONDO_TRY(build(b, threads));
    b->streams = strcmp(c->letter, "a") == 0;
    b->trains = !strchr("abc", c->letter[0]) || c->letter[1];
    b->steps = b->streams ? RING : c->steps;
    b->x = alloc_aligned((size_t)(b->steps * c->batch * c->inputs) * sizeof(real));
    b->y = alloc_aligned((size_t)(b->steps * c->batch * c->units) * sizeof(real));
    b->dy = alloc_aligned((size_t)(b->steps * c->batch * c->units) * sizeof(real));
    if (!b->x || !b->y || !b->dy) return RONDO_E_NOMEM;
    draw(b->x, b->steps * c->batch * c->inputs, 1, -1, 1);
    draw(b->dy, b->steps * c->batch * c->units, 2, -1, 1);
    if (b->streams) {
        RONDO_TRY(rondo_stream_new(&b->stream, b->model, c->batch));
        return rondo_stream_threads(b->stream, threads);
    }
    RONDO_TRY(pass_new(&b->pass, b->model));
    if (!b->trains) return RONDO_OK;
    RONDO_TRY(model_gradients(b->model));
    b->pass->input_gradients = true; /* not training: nothing is drawn that a check cannot know */
    b->pass->gradients = b->model->gradients;
    return RONDO_OK;
}

/* ---- What is timed ---- */
static void forward(void *user)
{
    bench *b = user;
    const feed in = { .steps = b->steps, .batch = b->c->batch, .data = b->x };
    const rondo_status status = pass_forward(b->pass, 1, &in);
    if (status) b->status = status;
}

static void train(void *user)
{
    bench *b = user;
    kernel_table()->fill(b->model->gradients, 0, b->model->n_weights);
    forward(b);
    if (b->status) return;
    value *out = pass_output(b->pass, 0);
    memcpy(out->grad, b->dy, (size_t)value_size(out) * sizeof *b->dy); /* backward uses it up */
    out->grad_written = true;
    pass_backward(b->pass);
}

static void step(void *user)
{
    bench *b = user;
    const int64_t in = b->c->batch * b->c->inputs, out = b->c->batch * b->c->units;
    const rondo_array x = {
        b->x + b->at * in, RONDO_F32, { 2, { b->c->batch, b->c->inputs } }, NULL
    };
    rondo_array y = { b->y + b->at * out, RONDO_F32, { 2, { b->c->batch, b->c->units } }, NULL };
    const rondo_status status = rondo_stream_step(b->stream, &x, &y);
    if (status) b->status = status;
    b->at = (b->at + 1) % RING;
}

/* ---- How it is checked ---- */
static rondo_status check_forward(const bench *b)
{
    static const char *const names[] = { "layer.kernel", "layer.recurrent_kernel", "layer.bias",
                                         "layer.recurrent_bias" };
    const real *weight[4] = { NULL };
    rondo_bench_case shape = *b->c;
    shape.steps = b->steps;
    for (int i = 0; i < rondo_weight_count(b->model); i++)
        for (int k = 0; k < 4; k++) {
            rondo_array found = { 0 };
            if (strcmp(rondo_weight_name(b->model, i), names[k]) != 0) continue;
            RONDO_TRY(rondo_weight_get(b->model, names[k], &found));
            weight[k] = found.data;
        }
    const real *y = b->streams ? b->y : pass_output(b->pass, 0)->data;
    return bench_check_forward(
        &(bench_layer_data){ &shape, weight[0], weight[1], weight[2], weight[3], b->x, y });
}

/* Σ dy y with weights and inputs moved along their gradients, `far` in all. */
static double moved(bench *b, const real *weights, const real *x, double far)
{
    const kernels *k = kernel_table();
    const int64_t n = b->steps * b->c->batch * b->c->inputs;
    memcpy(b->model->weights, weights, (size_t)b->model->n_weights * sizeof(real));
    memcpy(b->x, x, (size_t)n * sizeof(real));
    k->axpy(b->model->weights, (real)far, b->model->gradients, b->model->n_weights);
    k->axpy(b->x, (real)far, pass_input(b->pass, 0)->grad, n);
    model_weights_changed(b->model);
    forward(b);
    const real *y = pass_output(b->pass, 0)->data;
    double sum = 0;
    for (int64_t i = 0; i < b->steps * b->c->batch * b->c->units; i++)
        sum += (double)y[i] * (double)b->dy[i];
    return sum;
}

/* All gradients at once: along the direction that they give, the sum must rise by their length.
 * `far` is how far to go: where the sum bends much, less; where it hardly moves, more. */
static rondo_status check_along(bench *b, const real *weights, const real *x)
{
    static const double far[] = { 0.01, 0.001, 0.0001 };
    const int64_t n = b->steps * b->c->batch * b->c->inputs;
    const kernels *k = kernel_table();
    const double length = sqrt(k->sum_squares(b->model->gradients, b->model->n_weights) +
                               k->sum_squares(pass_input(b->pass, 0)->grad, n));
    double rise = NAN;
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        const double step = far[i] / fmax(length, 1e-30);
        rise = (moved(b, weights, x, step) - moved(b, weights, x, -step)) / (2 * far[i]);
        if (fabs(rise - length) <= 0.02 * length) return RONDO_OK;
    }
    return rondo_fail(RONDO_E_STATE,
                      "%s %s: the gradient's length is %g, along it the loss rises by %g; the "
                      "figure is not believed",
                      b->c->letter, b->c->cell, length, rise);
}

static rondo_status check_gradients_along(bench *b)
{
    const int64_t n = b->steps * b->c->batch * b->c->inputs;
    real *weights = alloc_array(b->model->n_weights, sizeof *weights);
    real *x = alloc_array(n, sizeof *x);
    rondo_status status = weights && x ? RONDO_OK : RONDO_E_NOMEM;
    if (!status) {
        memcpy(weights, b->model->weights, (size_t)b->model->n_weights * sizeof *weights);
        memcpy(x, b->x, (size_t)n * sizeof *x);
        status = check_along(b, weights, x);
    }
    alloc_free(weights);
    alloc_free(x);
    return status;
}

/* What bf16 gives lies near what f32 gives, which is then in place to be checked itself. */
static rondo_status check_bf16_gradients(bench *b)
{
    const kernels *k = kernel_table();
    const int64_t n = b->model->n_weights;
    real *bf16 = alloc_array(n, sizeof *bf16);
    if (!bf16) return RONDO_E_NOMEM;
    memcpy(bf16, b->model->gradients, (size_t)n * sizeof *bf16);
    rondo_status status = model_set_compute(b->model, "f32");
    if (!status) train(b);
    k->axpy(bf16, -1, b->model->gradients, n);
    const double apart = sqrt(k->sum_squares(bf16, n)),
                 length = sqrt(k->sum_squares(b->model->gradients, n));
    alloc_free(bf16);
    if (!status) status = b->status;
    if (status || apart <= 0.05 * length) return status;
    return rondo_fail(RONDO_E_STATE,
                      "%s %s: the gradient in bf16 is %g from that in f32, of length %g; the "
                      "figure is not believed",
                      b->c->letter, b->c->cell, apart, length);
}

/* Along some activations the slope jumps: a difference over a jump is no gradient. */
static bool smooth(const rondo_bench_case *c)
{
    rondo_function f;
    const rondo_cell *row = registry_find(REGISTRY_CELL, c->cell);
    const char *activation = c->activation ? c->activation : row->activation;
    const bool found = !activation_parse(&f, activation) && !f.row->kinks;
    activation_free(&f);
    return found;
}

/* A row of what was timed, by a stream: the way of other cells than those that are followed. */
static rondo_status check_streamed(const bench *b, int64_t row)
{
    const rondo_bench_case *c = b->c;
    rondo_stream *stream;
    real *y = alloc_array(c->units, sizeof *y);
    if (!y) return RONDO_E_NOMEM;
    rondo_status status = rondo_stream_new(&stream, b->model, 1);
    for (int64_t t = 0; !status && t < b->steps; t++) {
        const int64_t at = t * c->batch + row;
        const real *timed = pass_output(b->pass, 0)->data + at * c->units;
        const rondo_array in = { b->x + at * c->inputs, RONDO_F32, { 2, { 1, c->inputs } }, NULL };
        rondo_array out = { y, RONDO_F32, { 2, { 1, c->units } }, NULL };
        status = rondo_stream_step(stream, &in, &out);
        for (int64_t k = 0; !status && k < c->units; k++)
            if (!(fabs((double)(timed[k] - y[k])) <= 1e-4 * (1 + fabs((double)y[k]))))
                status = rondo_fail(RONDO_E_STATE,
                                    "%s %s: step %lld, row %lld, unit %lld is %g, in a stream %g; "
                                    "the figure is not believed",
                                    c->letter, c->cell, (long long)t, (long long)row, (long long)k,
                                    (double)timed[k], (double)y[k]);
    }
    rondo_stream_free(stream);
    alloc_free(y);
    return status;
}

static bool followed(const char *cell)
{
    return !strcmp(cell, "simple_rnn") || !strcmp(cell, "lstm") || !strcmp(cell, "gru");
}

static rondo_status check(bench *b)
{
    if (b->streams) {
        b->at = 0;
        RONDO_TRY(rondo_stream_reset(b->stream, 0));
        for (int i = 0; i < RING; i++) step(b);
    }
    RONDO_TRY(b->status);
    if (followed(b->c->cell))
        RONDO_TRY(check_forward(b));
    else if (!b->streams)
        RONDO_TRY(check_streamed(b, b->c->batch - 1));
    if (b->model->compute != STORAGE_F32) RONDO_TRY(check_bf16_gradients(b));
    return b->trains && smooth(b->c) ? check_gradients_along(b) : RONDO_OK;
}

static void close(bench *b)
{
    rondo_stream_free(b->stream);
    pass_free(b->pass);
    rondo_model_free(b->model);
    alloc_free_aligned(b->x);
    alloc_free_aligned(b->y);
    alloc_free_aligned(b->dy);
}

/* The same with the cell's own activations runs in turn with it. */
static rondo_status measure_relative(rondo_bench_result *result, bench *b, int threads,
                                     double seconds)
{
    rondo_bench_case usual = *b->c;
    usual.activation = NULL;
    bench other = { .c = &usual };
    const rondo_status status = prepare(&other, threads);
    if (!status) bench_compare(result, train, b, &other, seconds);
    close(&other);
    return status;
}

rondo_status bench_layer(rondo_bench_result *result, const rondo_bench_case *c, int threads,
                         double seconds)
{
    bench b = { .c = c };
    rondo_status status = prepare(&b, threads);
    if (!status && strcmp(c->letter, "activations") == 0)
        status = measure_relative(result, &b, threads, seconds);
    else if (!status)
        bench_time(result, b.streams ? step : b.trains ? train : forward, &b, seconds);
    if (!status) status = check(&b);
    close(&b);
    return status;
}
