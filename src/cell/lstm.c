/* Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), as
 * Keras' LSTM. With z = xW + b + hU in four parts:
 *   i = fi(zi)  f = ff(zf)  g = fc(zc)  o = fo(zo)
 *   c' = f c + i g      a = fh(c')      h' = o a */
#include "lstm.h"

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *z = s->xp + r * GATES * u;
        real *gate = s->saved + r * LSTM_SAVES * u, *a = gate + A * u, *c_next = s->next[1] + r * u;
        for (int g = 0; g < GATES; g++)
            rondo_activate(&s->activation[g], gate + g * u, z + g * u, u);
        lstm_cell(c_next, s->state[1] + r * u, gate, u);
        rondo_activate(&s->activation[A], a, c_next, u);
        product(s->next[0] + r * u, gate + O * u, a, u);
    }
}

/* With dh, dc the gradients at h', c':
 *   do = dh a      dc += fh'(c') dh o      di = dc g   df = dc c   dg = dc i      dc_prev = dc f
 * and each through its own gate's derivative. */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *gate = s->saved + r * LSTM_SAVES * u, *a = gate + A * u;
        const real *dh = s->dnext[0] + r * u;
        real *dz = s->dxp + r * GATES * u, *dc_prev = s->dstate[1] + r * u;
        product(dc_prev, dh, gate + O * u, u);
        rondo_activate_backward(&s->activation[A], dc_prev, s->next[1] + r * u, a, dc_prev, u);
        lstm_cell_backward(dz, dc_prev, s->dnext[1] + r * u, gate, s->state[1] + r * u, u);
        product(dz + O * u, dh, a, u);
        lstm_gates_backward(s, r, LSTM_SAVES, I, GATES, dz);
    }
}

extern const rondo_cell CELL(lstm);
const rondo_cell CELL(lstm) = { .name = "lstm",
                                .states = 2,
                                .x_gates = GATES,
                                .h_gates = GATES,
                                .saves = LSTM_SAVES,
                                .gates = "i f c o h",
                                .additive = true,
                                .activation = "tanh",
                                .recurrent_activation = "sigmoid",
                                .recurrent_gates = "i f o",
                                .forget_gate = 1 + F,
                                .keep_gate = 1 + F,
                                .write_gate = 1 + I,
                                .formula = "i  = fi(x·Wi + h·Ui + bi)\n"
                                           "f  = ff(x·Wf + h·Uf + bf)\n"
                                           "g  = fc(x·Wc + h·Uc + bc)\n"
                                           "o  = fo(x·Wo + h·Uo + bo)\n"
                                           "c' = f c + i g\n"
                                           "h' = o fh(c')",
                                .source = "Hochreiter and Schmidhuber 1997; forget gate: Gers, "
                                          "Schmidhuber and Cummins 2000",
                                .step = step,
                                .step_backward = step_backward,
                                .help = "long short-term memory, as Keras' LSTM" };
