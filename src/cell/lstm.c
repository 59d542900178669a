/* Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), as
 * Keras' LSTM. With z = xW + b + hU in four parts:
 *   i = fi(zi)  f = ff(zf)  g = fc(zc)  o = fo(zo)
 *   c' = f c + i g      a = fh(c')      h' = o a */
#include "loops.h"

enum { I, F, C, O, GATES, A = GATES, SAVES };

static void new_c(real *restrict c_next, const real *restrict c, const real *restrict gate,
                  int64_t u)
{
    const real *i = gate + I * u, *f = gate + F * u, *g = gate + C * u;
    for (int64_t k = 0; k < u; k++) c_next[k] = f[k] * c[k] + i[k] * g[k];
}

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *z = s->xp + r * GATES * u;
        real *gate = s->saved + r * SAVES * u, *a = gate + A * u, *c_next = s->next[1] + r * u;
        for (int g = 0; g < GATES; g++)
            rondo_activate(&s->activation[g], gate + g * u, z + g * u, u);
        new_c(c_next, s->state[1] + r * u, gate, u);
        rondo_activate(&s->activation[A], a, c_next, u);
        product(s->next[0] + r * u, gate + O * u, a, u);
    }
}

/* di, df, dg from the gradient at c', which is dc and what dc_prev holds; dc_prev = dc f */
static void cell_backward(real *restrict di, real *restrict df, real *restrict dg,
                          real *restrict dc_prev, const real *restrict dc,
                          const real *restrict gate, const real *restrict c, int64_t u)
{
    const real *i = gate + I * u, *f = gate + F * u, *g = gate + C * u;
    for (int64_t k = 0; k < u; k++) {
        const real d = dc[k] + dc_prev[k];
        di[k] = d * g[k];
        df[k] = d * c[k];
        dg[k] = d * i[k];
        dc_prev[k] = d * f[k];
    }
}

/* With dh, dc the gradients at h', c':
 *   do = dh a      dc += fh'(c') dh o      di = dc g   df = dc c   dg = dc i      dc_prev = dc f
 * and each through its own gate's derivative. */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *gate = s->saved + r * SAVES * u, *a = gate + A * u;
        const real *z = s->inputs ? s->inputs + r * GATES * u : NULL, *dh = s->dnext[0] + r * u;
        real *dz = s->dxp + r * GATES * u, *dc_prev = s->dstate[1] + r * u;
        product(dc_prev, dh, gate + O * u, u);
        rondo_activate_backward(&s->activation[A], dc_prev, s->next[1] + r * u, a, dc_prev, u);
        cell_backward(dz + I * u, dz + F * u, dz + C * u, dc_prev, s->dnext[1] + r * u, gate,
                      s->state[1] + r * u, u);
        product(dz + O * u, dh, a, u);
        for (int g = 0; g < GATES; g++)
            rondo_activate_backward(&s->activation[g], dz + g * u, z ? z + g * u : NULL,
                                    gate + g * u, dz + g * u, u);
    }
}

extern const rondo_cell CELL(lstm);
const rondo_cell CELL(lstm) = { .name = "lstm",
                                .states = 2,
                                .x_gates = GATES,
                                .h_gates = GATES,
                                .saves = SAVES,
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
