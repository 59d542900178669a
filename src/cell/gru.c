/* Gated recurrent unit (Cho et al. 2014), as Keras' GRU in its two forms:
 *   z = fz(xz + hz)   r = fr(xr + hr)
 *   reset_after (cuDNN, PyTorch):   g = fh(xh + r q),   q = h·Uh + bh
 *   reset before (the paper):       g = fh(xh + m),     m = (r h)·Uh
 *   h' = z h + (1 - z) g */
#include "cell.h"

enum { Z, R, H, GATES, Q = GATES, SAVES };

/* The gates z and r of one row, from its parts of xp and hp. */
static void gates(const rondo_step *s, int64_t row, int h_gates)
{
    const int64_t u = s->units;
    const real *restrict xp = s->xp + row * GATES * u;
    const real *restrict hp = s->hp + row * h_gates * u;
    real *gate = s->saved + row * SAVES * u, *z = s->inputs ? s->inputs + row * GATES * u : gate;
    for (int64_t k = 0; k < 2 * u; k++) z[k] = xp[k] + hp[k];
    rondo_activate(&s->activation[Z], gate + Z * u, z + Z * u, u);
    rondo_activate(&s->activation[R], gate + R * u, z + R * u, u);
}

/* The candidate from its pre-activation, which lies where inputs or saved keep it; then h. */
static void finish(const rondo_step *s, int64_t row)
{
    const int64_t u = s->units;
    real *gate = s->saved + row * SAVES * u;
    const real *pre = s->inputs ? s->inputs + (row * GATES + H) * u : gate + H * u;
    const real *restrict z = gate + Z * u;
    const real *restrict g = gate + H * u;
    const real *restrict h = s->state[0] + row * u;
    real *restrict h_next = s->next[0] + row * u;
    rondo_activate(&s->activation[H], gate + H * u, pre, u);
    for (int64_t k = 0; k < u; k++) h_next[k] = z[k] * h[k] + (1 - z[k]) * g[k];
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

/*   dz = dh (h - g)   dg = dh (1 - z)   dh_prev = dh z ;  candidate and z through their activations */
static void finish_backward(const rondo_step *s, int64_t row, real *restrict dz, real *restrict dg)
{
    const int64_t u = s->units;
    const real *restrict gate = s->saved + row * SAVES * u;
    const real *restrict z = gate + Z * u;
    const real *restrict g = gate + H * u;
    const real *restrict h = s->state[0] + row * u;
    const real *restrict dh = s->dnext[0] + row * u;
    real *restrict dh_prev = s->dstate[0] + row * u;
    for (int64_t k = 0; k < u; k++) {
        dz[k] = dh[k] * (h[k] - g[k]);
        dg[k] = dh[k] * (1 - z[k]);
        dh_prev[k] = dh[k] * z[k];
    }
    gate_backward(s, row, Z, dz);
    gate_backward(s, row, H, dg);
}

static void after_step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        gates(s, row, GATES);
        const real *restrict xh = s->xp + (row * GATES + H) * u;
        const real *restrict qh = s->hp + (row * GATES + H) * u;
        const real *restrict r = s->saved + (row * SAVES + R) * u;
        real *restrict q = s->saved + (row * SAVES + Q) * u;
        real *restrict pre = candidate_input(s, row);
        for (int64_t k = 0; k < u; k++) {
            q[k] = qh[k];
            pre[k] = xh[k] + r[k] * qh[k];
        }
        finish(s, row);
    }
}

/*   dxh = dpre   dq = dpre r   dr = dpre q */
static void after_step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *restrict r = s->saved + (row * SAVES + R) * u;
        const real *restrict q = r + (Q - R) * u;
        real *dx = s->dxp + row * GATES * u, *dhp = s->dhp + row * GATES * u;
        real *restrict dz = dx + Z * u;
        real *restrict dr = dx + R * u;
        real *restrict dg = dx + H * u;
        real *restrict dhz = dhp + Z * u;
        real *restrict dhr = dhp + R * u;
        real *restrict dq = dhp + H * u;
        finish_backward(s, row, dz, dg);
        for (int64_t k = 0; k < u; k++) dr[k] = dg[k] * q[k];
        gate_backward(s, row, R, dr);
        for (int64_t k = 0; k < u; k++) {
            dhz[k] = dz[k];
            dhr[k] = dr[k];
            dq[k] = dg[k] * r[k];
        }
    }
}

static void before_prepare(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        gates(s, row, 2);
        const real *restrict r = s->saved + (row * SAVES + R) * u;
        const real *restrict h = s->state[0] + row * u;
        for (int64_t k = 0; k < u; k++) s->made[row * u + k] = r[k] * h[k];
    }
}

static void before_step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *restrict xh = s->xp + (row * GATES + H) * u;
        const real *restrict m = s->mp + row * u;
        real *restrict pre = candidate_input(s, row);
        for (int64_t k = 0; k < u; k++) pre[k] = xh[k] + m[k];
        finish(s, row);
    }
}

static void before_step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *restrict dx = s->dxp + row * GATES * u;
        real *restrict dhp = s->dhp + row * 2 * u;
        finish_backward(s, row, dx + Z * u, dx + H * u);
        for (int64_t k = 0; k < u; k++) {
            s->dmp[row * u + k] = dx[H * u + k];
            dhp[Z * u + k] = dx[Z * u + k];
        }
    }
}

/*   dr = dmade h   dh_prev += dmade r */
static void before_prepare_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *restrict r = s->saved + (row * SAVES + R) * u;
        const real *restrict h = s->state[0] + row * u;
        const real *restrict dmade = s->dmade + row * u;
        real *restrict dr = s->dxp + (row * GATES + R) * u;
        real *restrict dh_prev = s->dstate[0] + row * u;
        for (int64_t k = 0; k < u; k++) {
            dr[k] = dmade[k] * h[k];
            dh_prev[k] += dmade[k] * r[k];
        }
        gate_backward(s, row, R, dr);
        for (int64_t k = 0; k < u; k++) s->dhp[(row * 2 + R) * u + k] = dr[k];
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
                  .parameters = "reset_after=1",
                  .variant = variant,
                  .step = after_step,
                  .step_backward = after_step_backward,
                  .help = "gated recurrent unit, as Keras' GRU; reset_after=false: as published" };
