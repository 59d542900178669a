/* Minimal gated unit (Zhou, Wu, Zhang and Zhou 2016): a GRU whose one gate resets and updates.
 *   f = ff(xf + hf)   g = fh(xh + m),   m = (f h)·Uh
 *   h' = (1 - f) h + f g */
#include "loops.h"
#include <string.h>

enum { F, H, GATES };

/* What the activation of gate g reads: kept apart only when its gradient will need it. */
static real *input_of(const rondo_step *s, int64_t row, int g)
{
    return (s->inputs ? s->inputs : s->saved) + (row * GATES + g) * s->units;
}

static void gate_backward(const rondo_step *s, int64_t row, int g, real *d)
{
    rondo_activate_backward(&s->activation[g], d, s->inputs ? input_of(s, row, g) : NULL,
                            s->saved + (row * GATES + g) * s->units, d, s->units);
}

static void prepare(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *f = s->saved + (row * GATES + F) * u, *z = input_of(s, row, F);
        sum(z, s->xp + (row * GATES + F) * u, s->hp + row * u, u);
        rondo_activate(&s->activation[F], f, z, u);
        product(s->made + row * u, f, s->state[0] + row * u, u);
    }
}

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *f = s->saved + (row * GATES + F) * u;
        real *g = s->saved + (row * GATES + H) * u, *z = input_of(s, row, H);
        sum(z, s->xp + (row * GATES + H) * u, s->mp + row * u, u);
        rondo_activate(&s->activation[H], g, z, u);
        mix(s->next[0] + row * u, f, g, s->state[0] + row * u, u);
    }
}

/*   dg = dh f   dh_prev += dh (1 - f) */
static void candidate_gradient(real *restrict dg, real *restrict dh_prev, const real *restrict dh,
                               const real *restrict f, int64_t u)
{
    for (int64_t k = 0; k < u; k++) {
        dg[k] = dh[k] * f[k];
        dh_prev[k] += dh[k] * (1 - f[k]);
    }
}

/*   dm = dxh = fh' dg;   prepare_backward does f */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *dxh = s->dxp + (row * GATES + H) * u;
        candidate_gradient(dxh, s->dstate[0] + row * u, s->dnext[0] + row * u,
                           s->saved + (row * GATES + F) * u, u);
        gate_backward(s, row, H, dxh);
        memcpy(s->dmp + row * u, dxh, (size_t)u * sizeof *dxh);
    }
}

/*   df = dh (g - h) + dmade h   dh_prev += dmade f */
static void gate_gradient(real *restrict df, real *restrict dh_prev, const real *restrict dh,
                          const real *restrict dmade, const real *restrict h,
                          const real *restrict gate, int64_t u)
{
    const real *f = gate + F * u, *g = gate + H * u;
    for (int64_t k = 0; k < u; k++) {
        df[k] = dh[k] * (g[k] - h[k]) + dmade[k] * h[k];
        dh_prev[k] += dmade[k] * f[k];
    }
}

static void prepare_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *dxf = s->dxp + (row * GATES + F) * u;
        gate_gradient(dxf, s->dstate[0] + row * u, s->dnext[0] + row * u, s->dmade + row * u,
                      s->state[0] + row * u, s->saved + row * GATES * u, u);
        gate_backward(s, row, F, dxf);
        memcpy(s->dhp + row * u, dxf, (size_t)u * sizeof *dxf);
    }
}

extern const rondo_cell CELL(mgu);
const rondo_cell CELL(mgu) = { .name = "mgu",
                               .states = 1,
                               .x_gates = GATES,
                               .h_gates = 1,
                               .made_gates = 1,
                               .saves = GATES,
                               .input_saves = GATES,
                               .gates = "f h",
                               .activation = "tanh",
                               .recurrent_activation = "sigmoid",
                               .recurrent_gates = "f",
                               .write_gate = 1 + F,
                               .prepare = prepare,
                               .prepare_backward = prepare_backward,
                               .step = step,
                               .step_backward = step_backward,
                               .formula = "f  = ff(x·Wf + h·Uf + bf)\n"
                                          "g  = fh(x·Wh + (f h)·Uh + bh)\n"
                                          "h' = (1 - f) h + f g",
                               .source = "Zhou, Wu, Zhang and Zhou 2016, arXiv 1603.09420",
                               .help = "minimal gated unit: a GRU with one gate" };
