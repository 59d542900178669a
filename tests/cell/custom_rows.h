/* custom_rows - an activation and a cell as a user of the library writes them: public header
 * only. */
#ifndef TESTS_CELL_CUSTOM_ROWS_H
#define TESTS_CELL_CUSTOM_ROWS_H
#include "rondo.h"
#include <math.h>

/* y = x * sigmoid(x) */
static void swish(rondo_real *y, const rondo_real *x, int64_t n, const void *args)
{
    (void)args;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] / (1 + (rondo_real)exp((double)-x[i]));
}

static void swish_backward(rondo_real *dx, const rondo_real *x, const rondo_real *y,
                           const rondo_real *dy, int64_t n, const void *args)
{
    (void)args;
    for (int64_t i = 0; i < n; i++) {
        const rondo_real s = 1 / (1 + (rondo_real)exp((double)-x[i]));
        dx[i] = dy[i] * (y[i] + s * (1 - y[i]));
    }
}

static const rondo_activation my_swish = {
    .name = "my_swish", .forward = swish, .backward = swish_backward, .needs_input = true
};

/* A leaky integrator, h' = h + a (tanh(xW + hU + b) - h). */
static const rondo_real leak = (rondo_real)0.3;

static void leaky_step(const rondo_step *s)
{
    for (int64_t i = 0; i < s->rows * s->units; i++) {
        const rondo_real f = s->saved[i] = (rondo_real)tanh((double)(s->xp[i] + s->hp[i]));
        s->next[0][i] = s->state[0][i] + leak * (f - s->state[0][i]);
    }
}

static void leaky_step_backward(const rondo_step *s)
{
    for (int64_t i = 0; i < s->rows * s->units; i++) {
        const rondo_real f = s->saved[i], dh = s->dnext[0][i];
        s->dxp[i] = s->dhp[i] = dh * leak * (1 - f * f);
        s->dstate[0][i] += dh * (1 - leak);
    }
}

static const rondo_cell leaky = { .name = "leaky",
                                  .states = 1,
                                  .x_gates = 1,
                                  .h_gates = 1,
                                  .saves = 1,
                                  .gates = "",
                                  .step = leaky_step,
                                  .step_backward = leaky_step_backward };

static inline rondo_model *leaky_model(void)
{
    rondo_register_activation(&my_swish);
    rondo_register_cell(&leaky);
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 3));
    rondo_add(m, rondo_rnn("leaky", 4, .return_sequences = true));
    rondo_add(m, rondo_simple_rnn(3, .activation = "my_swish", .return_sequences = true));
    rondo_add(m, rondo_dense(2, .activation = "my_swish"));
    return m;
}
#endif
