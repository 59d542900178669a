/* Gated recurrent unit (Cho et al. 2014), as Keras' GRU in its two forms:
 *   z = fz(xz + hz)   r = fr(xr + hr)
 *   reset_after (cuDNN, PyTorch):   g = fh(xh + r q),   q = h·Uh + bh
 *   reset before (the paper):       g = fh(xh + m),     m = (r h)·Uh
 *   h' = z h + (1 - z) g */
#include "loops.h"
#include <string.h>

enum { Z, R, H, GATES, Q = GATES, SAVES };

/* The gates z and r of one row, from its parts of xp and hp. */
static void gates(const rondo_step *s, int64_t row, int h_gates)
{
    const int64_t u = s->units;
    real *gate = s->saved + row * SAVES * u, *z = s->inputs ? s->inputs + row * GATES * u : gate;
    sum(z, s->xp + row * GATES * u, s->hp + row * h_gates * u, 2 * u);
    rondo_activate(&s->activation[Z], gate + Z * u, z + Z * u, u);
    rondo_activate(&s->activation[R], gate + R * u, z + R * u, u);
}

/* The candidate from its pre-activation, which lies where inputs or saved keep it; then h. */
static void finish(const rondo_step *s, int64_t row)
{
    const int64_t u = s->units;
    real *gate = s->saved + row * SAVES * u;
    const real *pre = s->inputs ? s->inputs + (row * GATES + H) * u : gate + H * u;
    rondo_activate(&s->activation[H], gate + H * u, pre, u);
    mix(s->next[0] + row * u, gate + Z * u, s->state[0] + row * u, gate + H * u, u);
}

static real *candidate_input(const rondo_step *s, int64_t row)
{
    return s->inputs ? s->inputs + (row * GATES + H) * s->units
                     : s->saved + (row * SAVES + H) * s->units;
}

static void gate_backward(const rondo_step *s, int64_t row, int g, real *dz)
{
    const int64_t u = s->units;
    rondo_activate_backward(&s->activation[g], dz,
                            s->inputs ? s->inputs + (row * GATES + g) * u : NULL,
                            s->saved + (row * SAVES + g) * u, dz, u);
}

/*   dz = dh (h - g)   dg = dh (1 - z)   dh_prev += dh z ;  candidate and z through their activations */
static void finish_backward(const rondo_step *s, int64_t row, real *dz, real *dg)
{
    const int64_t u = s->units;
    const real *gate = s->saved + row * SAVES * u;
    mix_backward(dz, dg, s->dstate[0] + row * u, s->dnext[0] + row * u, gate + Z * u,
                 s->state[0] + row * u, gate + H * u, u);
    gate_backward(s, row, Z, dz);
    gate_backward(s, row, H, dg);
}

static void after_step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *q = s->saved + (row * SAVES + Q) * u;
        gates(s, row, GATES);
        memcpy(q, s->hp + (row * GATES + H) * u, (size_t)u * sizeof *q);
        product_add(candidate_input(s, row), s->xp + (row * GATES + H) * u,
                    s->saved + (row * SAVES + R) * u, q, u);
        finish(s, row);
    }
}

/*   dxh = dpre   dq = dpre r   dr = dpre q */
static void after_step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *r = s->saved + (row * SAVES + R) * u, *q = s->saved + (row * SAVES + Q) * u;
        real *dx = s->dxp + row * GATES * u, *dhp = s->dhp + row * GATES * u;
        finish_backward(s, row, dx + Z * u, dx + H * u);
        product(dx + R * u, dx + H * u, q, u);
        gate_backward(s, row, R, dx + R * u);
        memcpy(dhp, dx, (size_t)(2 * u) * sizeof *dx); /* z and r */
        product(dhp + H * u, dx + H * u, r, u);
    }
}

static void before_prepare(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        gates(s, row, 2);
        product(s->made + row * u, s->saved + (row * SAVES + R) * u, s->state[0] + row * u, u);
    }
}

static void before_step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        sum(candidate_input(s, row), s->xp + (row * GATES + H) * u, s->mp + row * u, u);
        finish(s, row);
    }
}

static void before_step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *dx = s->dxp + row * GATES * u;
        finish_backward(s, row, dx + Z * u, dx + H * u);
        memcpy(s->dmp + row * u, dx + H * u, (size_t)u * sizeof *dx);
        memcpy(s->dhp + (row * 2 + Z) * u, dx + Z * u, (size_t)u * sizeof *dx);
    }
}

/*   dr = dmade h   dh_prev += dmade r */
static void before_prepare_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *r = s->saved + (row * SAVES + R) * u, *dmade = s->dmade + row * u;
        real *dr = s->dxp + (row * GATES + R) * u, *dh_prev = s->dstate[0] + row * u;
        product(dr, dmade, s->state[0] + row * u, u);
        accumulate(dh_prev, dmade, r, u);
        gate_backward(s, row, R, dr);
        memcpy(s->dhp + (row * 2 + R) * u, dr, (size_t)u * sizeof *dr);
    }
}

static const rondo_cell reset_before = { .name = "gru",
                                         .states = 1,
                                         .x_gates = GATES,
                                         .h_gates = 2,
                                         .made_gates = 1,
                                         .saves = SAVES,
                                         .input_saves = GATES,
                                         .gates = "z r h",
                                         .activation = "tanh",
                                         .recurrent_activation = "sigmoid",
                                         .recurrent_gates = "z r",
                                         .keep_gate = 1 + Z,
                                         .parameters = "reset_after=1",
                                         .prepare = before_prepare,
                                         .prepare_backward = before_prepare_backward,
                                         .step = before_step,
                                         .step_backward = before_step_backward };

static const rondo_cell *variant(const real *args)
{
    return args[0] != 0 ? NULL : &reset_before;
}

extern const rondo_cell CELL(gru);
const rondo_cell
    CELL(gru) = { .name = "gru",
                  .states = 1,
                  .x_gates = GATES,
                  .h_gates = GATES,
                  .saves = SAVES,
                  .input_saves = GATES,
                  .gates = "z r h",
                  .recurrent_bias = true,
                  .activation = "tanh",
                  .recurrent_activation = "sigmoid",
                  .recurrent_gates = "z r",
                  .keep_gate = 1 + Z,
                  .formula = "z  = fz(x·Wz + h·Uz + bz + cz)\n"
                             "r  = fr(x·Wr + h·Ur + br + cr)\n"
                             "g  = fh(x·Wh + r (h·Uh + ch) + bh)\n"
                             "h' = z h + (1 - z) g\n"
                             "reset_after=false: g = fh(x·Wh + (r h)·Uh + bh), and no c",
                  .source = "Cho et al. 2014, arXiv 1406.1078",
                  .parameters = "reset_after=1",
                  .variant = variant,
                  .step = after_step,
                  .step_backward = after_step_backward,
                  .help = "gated recurrent unit, as Keras' GRU; reset_after=false: as published" };
