/* Elman's network (1990) as Keras' SimpleRNN:  h' = f(xp + hp),  xp = xW + b, hp = hU. */
#include "cell.h"

static void step(const rondo_step *s)
{
    const int64_t n = s->rows * s->units;
    real *h = s->next[0], *z = s->inputs ? s->inputs : h;
    for (int64_t i = 0; i < n; i++) z[i] = s->xp[i] + s->hp[i];
    activation_forward(&s->activation[0], h, z, s->rows, s->units);
}

/* dz = f'(z) dh */
static void step_backward(const rondo_step *s)
{
    const int64_t n = s->rows * s->units;
    activation_backward(&s->activation[0], s->dxp, s->inputs, s->next[0], s->dnext[0], s->rows,
                        s->units);
    for (int64_t i = 0; i < n; i++) s->dstate[0][i] = 0;
}

extern const rondo_cell CELL(simple_rnn);
const rondo_cell CELL(simple_rnn) = { .name = "simple_rnn",
                                      .states = 1,
                                      .x_gates = 1,
                                      .h_gates = 1,
                                      .input_saves = 1,
                                      .gates = "h",
                                      .additive = true,
                                      .activation = "tanh",
                                      .step = step,
                                      .step_backward = step_backward,
                                      .help = "Elman's recurrent network, as Keras' SimpleRNN" };
