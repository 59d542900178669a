/* Elman's network (1990) as Keras' SimpleRNN:  h' = f(z),  z = xW + b + hU. */
#include "cell.h"

static void step(const rondo_step *s)
{
    activation_forward(&s->activation[0], s->next[0], s->xp, s->rows, s->units);
}

/* dz = f'(z) dh */
static void step_backward(const rondo_step *s)
{
    activation_backward(&s->activation[0], s->dxp, s->inputs, s->next[0], s->dnext[0], s->rows,
                        s->units);
}

extern const rondo_cell CELL(simple_rnn);
const rondo_cell CELL(simple_rnn) = { .name = "simple_rnn",
                                      .states = 1,
                                      .x_gates = 1,
                                      .h_gates = 1,
                                      .gates = "h",
                                      .additive = true,
                                      .activation = "tanh",
                                      .formula = "h' = f(x·W + h·U + b)",
                                      .source = "Elman 1990",
                                      .step = step,
                                      .step_backward = step_backward,
                                      .help = "Elman's recurrent network, as Keras' SimpleRNN" };
