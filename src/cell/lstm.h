/* lstm - what the LSTMs have in common: their gates, and the cell state between them. */
#ifndef RONDO_CELL_LSTM_H
#define RONDO_CELL_LSTM_H
#include "loops.h"

/* In saved: the gates, and a = fh(c'). */
enum { I, F, C, O, GATES, A = GATES, LSTM_SAVES };

/* c' = f c + i g */
static inline void lstm_cell(real *restrict c_next, const real *restrict c,
                             const real *restrict gate, int64_t u)
{
    const real *i = gate + I * u, *f = gate + F * u, *g = gate + C * u;
    for (int64_t k = 0; k < u; k++) c_next[k] = f[k] * c[k] + i[k] * g[k];
}

/* From the gradient at c', which is dc and what dc_prev holds, to those of the gates' values in dz:
 *   di = dc g   df = dc c   dg = dc i   dc_prev = dc f */
static inline void lstm_cell_backward(real *restrict dz, real *restrict dc_prev,
                                      const real *restrict dc, const real *restrict gate,
                                      const real *restrict c, int64_t u)
{
    const real *i = gate + I * u, *f = gate + F * u, *g = gate + C * u;
    for (int64_t k = 0; k < u; k++) {
        const real d = dc[k] + dc_prev[k];
        dz[I * u + k] = d * g[k];
        dz[F * u + k] = d * c[k];
        dz[C * u + k] = d * i[k];
        dc_prev[k] = d * f[k];
    }
}

/* The gradients of the values of gates [from, to) in dz to those of their pre-activations. */
static inline void lstm_gates_backward(const rondo_step *s, int64_t row, int saves, int from,
                                       int to, real *dz)
{
    const int64_t u = s->units;
    const real *gate = s->saved + row * saves * u;
    const real *z = s->inputs ? s->inputs + row * GATES * u : NULL;
    for (int g = from; g < to; g++)
        rondo_activate_backward(&s->activation[g], dz + g * u, z ? z + g * u : NULL, gate + g * u,
                                dz + g * u, u);
}
#endif
