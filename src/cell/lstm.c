/* Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), as
 * Keras' LSTM. With z = xp + hp in four parts:
 *   i = fi(zi)  f = ff(zf)  g = fc(zc)  o = fo(zo)
 *   c' = f c + i g      a = fh(c')      h' = o a */
#include "cell.h"

enum { I, F, C, O, GATES, A = GATES, SAVES };

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *restrict xp = s->xp + r * GATES * u, *restrict hp = s->hp + r * GATES * u,
                             *restrict c = s->state[1] + r * u;
        real *gate = s->saved + r * SAVES * u, *z = s->inputs ? s->inputs + r * GATES * u : gate;
        real *restrict h_next = s->next[0] + r * u, *restrict c_next = s->next[1] + r * u;
        for (int64_t k = 0; k < GATES * u; k++) z[k] = xp[k] + hp[k];
        for (int g = 0; g < GATES; g++)
            rondo_activate(&s->activation[g], gate + g * u, z + g * u, u);
        const real *restrict i = gate + I * u, *restrict f = gate + F * u,
                             *restrict g = gate + C * u, *restrict o = gate + O * u;
        real *restrict a = gate + A * u;
        for (int64_t k = 0; k < u; k++) c_next[k] = f[k] * c[k] + i[k] * g[k];
        rondo_activate(&s->activation[A], a, c_next, u);
        for (int64_t k = 0; k < u; k++) h_next[k] = o[k] * a[k];
    }
}

/* With dh, dc the gradients at h', c':
 *   do = dh a      dc += fh'(c') dh o      di = dc g   df = dc c   dg = dc i      dc_prev = dc f
 * and each through its own gate's derivative. */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *gate = s->saved + r * SAVES * u, *c_next = s->next[1] + r * u;
        const real *z = s->inputs ? s->inputs + r * GATES * u : NULL;
        const real *restrict i = gate + I * u, *restrict f = gate + F * u;
        const real *restrict g = gate + C * u, *restrict o = gate + O * u;
        const real *restrict a = gate + A * u, *restrict c = s->state[1] + r * u;
        const real *restrict dh = s->dnext[0] + r * u, *restrict dc = s->dnext[1] + r * u;
        real *dz = s->dxp + r * GATES * u;
        real *restrict di = dz + I * u, *restrict df = dz + F * u;
        real *restrict dg = dz + C * u, *restrict do_ = dz + O * u;
        real *restrict dh_prev = s->dstate[0] + r * u, *restrict dc_prev = s->dstate[1] + r * u;
        for (int64_t k = 0; k < u; k++) dc_prev[k] = dh[k] * o[k];
        rondo_activate_backward(&s->activation[A], dc_prev, c_next, a, dc_prev, u);
        for (int64_t k = 0; k < u; k++) {
            const real d = dc[k] + dc_prev[k];
            di[k] = d * g[k];
            df[k] = d * c[k];
            dg[k] = d * i[k];
            do_[k] = dh[k] * a[k];
            dc_prev[k] = d * f[k];
            dh_prev[k] = 0;
        }
        for (int n = 0; n < GATES; n++)
            rondo_activate_backward(&s->activation[n], dz + n * u, z ? z + n * u : NULL,
                                    gate + n * u, dz + n * u, u);
    }
}

extern const rondo_cell CELL(lstm);
const rondo_cell CELL(lstm) = { .name = "lstm",
                                .states = 2,
                                .x_gates = GATES,
                                .h_gates = GATES,
                                .saves = SAVES,
                                .input_saves = GATES,
                                .gates = "i f c o h",
                                .additive = true,
                                .activation = "tanh",
                                .recurrent_activation = "sigmoid",
                                .recurrent_gates = "i f o",
                                .forget_gate = 1 + F,
                                .step = step,
                                .step_backward = step_backward,
                                .help = "long short-term memory, as Keras' LSTM" };
