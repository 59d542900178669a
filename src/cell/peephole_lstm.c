/* Long short-term memory with peepholes (Gers and Schmidhuber 2000): gates see the cell state, through
 * one weight a unit; i and f the one before, o the new one.
 *   i = fi(zi + pi c)   f = ff(zf + pf c)   g = fc(zc)
 *   c' = f c + i g      o = fo(zo + po c')  h' = o fh(c') */
#include "lstm.h"
#include <string.h>

enum { PI, PF, PO, PEEPHOLES }; /* ONNX's P holds them as i, o, f */

/* A gate from its pre-activation z, to which c through weights p is added: where the activations'
 * inputs are kept (there z lies already), else where the gate will be. */
static void peeping_gate(const rondo_step *s, int64_t row, int g, const real *p, const real *c)
{
    const int64_t u = s->units;
    real *gate = s->saved + (row * LSTM_SAVES + g) * u;
    real *z = s->inputs ? s->inputs + (row * GATES + g) * u : gate;
    if (!s->inputs) memcpy(z, s->xp + (row * GATES + g) * u, (size_t)u * sizeof *z);
    accumulate(z, p, c, u);
    rondo_activate(&s->activation[g], gate, z, u);
}

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    const real *p = s->param[0];
    for (int64_t r = 0; r < s->rows; r++) {
        const real *c = s->state[1] + r * u;
        real *gate = s->saved + r * LSTM_SAVES * u, *c_next = s->next[1] + r * u;
        peeping_gate(s, r, I, p + PI * u, c);
        peeping_gate(s, r, F, p + PF * u, c);
        rondo_activate(&s->activation[C], gate + C * u, s->xp + (r * GATES + C) * u, u);
        lstm_cell(c_next, c, gate, u);
        peeping_gate(s, r, O, p + PO * u, c_next);
        rondo_activate(&s->activation[A], gate + A * u, c_next, u);
        product(s->next[0] + r * u, gate + O * u, gate + A * u, u);
    }
}

/*   dzo = fo' dh a     dc = dc' + fh'(c') dh o + po dzo
 *   dzi, dzf, dzg, dc_prev as lstm's, and then dc_prev += pi dzi + pf dzf
 *   dpi += dzi c       dpf += dzf c       dpo += dzo c' */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    const real *p = s->param[0];
    real *dp = s->dparam[0];
    for (int64_t r = 0; r < s->rows; r++) {
        const real *gate = s->saved + r * LSTM_SAVES * u, *dh = s->dnext[0] + r * u;
        const real *c = s->state[1] + r * u, *c_next = s->next[1] + r * u;
        real *dz = s->dxp + r * GATES * u, *dc_prev = s->dstate[1] + r * u;
        product(dz + O * u, dh, gate + A * u, u);
        lstm_gates_backward(s, r, LSTM_SAVES, O, GATES, dz);
        product(dc_prev, dh, gate + O * u, u);
        rondo_activate_backward(&s->activation[A], dc_prev, c_next, gate + A * u, dc_prev, u);
        accumulate(dc_prev, p + PO * u, dz + O * u, u);
        lstm_cell_backward(dz, dc_prev, s->dnext[1] + r * u, gate, c, u);
        lstm_gates_backward(s, r, LSTM_SAVES, I, O, dz);
        accumulate(dc_prev, p + PI * u, dz + I * u, u);
        accumulate(dc_prev, p + PF * u, dz + F * u, u);
        accumulate(dp + PI * u, dz + I * u, c, u);
        accumulate(dp + PF * u, dz + F * u, c, u);
        accumulate(dp + PO * u, dz + O * u, c_next, u);
    }
}

static const rondo_cell_param params[] = { { "peephole", "zeros", PEEPHOLES } };

extern const rondo_cell CELL(peephole_lstm);
const rondo_cell CELL(peephole_lstm) = { .name = "peephole_lstm",
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
                                         .params = params,
                                         .n_params = 1,
                                         .step = step,
                                         .step_backward = step_backward,
                                         .formula = "i  = fi(x·Wi + h·Ui + pi c + bi)\n"
                                                    "f  = ff(x·Wf + h·Uf + pf c + bf)\n"
                                                    "g  = fc(x·Wc + h·Uc + bc)\n"
                                                    "c' = f c + i g\n"
                                                    "o  = fo(x·Wo + h·Uo + po c' + bo)\n"
                                                    "h' = o fh(c')",
                                         .source = "Gers and Schmidhuber 2000; ONNX LSTM with P",
                                         .help = "LSTM whose gates see the cell state" };
