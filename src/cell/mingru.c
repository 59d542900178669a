/* Minimal GRU (Feng et al. 2024, "Were RNNs all we needed?"): gates see the input alone, so there are
 * no recurrent weights and h' is linear in h.
 *   z = fz(xz)   g = fh(xh)   h' = (1 - z) h + z g */
#include "loops.h"
#include <string.h>

enum { Z, H, GATES };

/* What the activations read is kept where a gradient will need it. */
static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *x = s->xp + row * GATES * u;
        real *z = s->saved + (row * GATES + Z) * u, *g = s->saved + (row * GATES + H) * u;
        if (s->inputs) memcpy(s->inputs + row * GATES * u, x, (size_t)(GATES * u) * sizeof *x);
        rondo_activate(&s->activation[Z], z, x + Z * u, u);
        rondo_activate(&s->activation[H], g, x + H * u, u);
        mix(s->next[0] + row * u, z, g, s->state[0] + row * u, u);
    }
}

/*   dz = dh (g - h)   dg = dh z   dh_prev += dh (1 - z) */
static void update_backward(real *restrict dz, real *restrict dg, real *restrict dh_prev,
                            const real *restrict dh, const real *restrict h,
                            const real *restrict gate, int64_t u)
{
    const real *z = gate + Z * u, *g = gate + H * u;
    for (int64_t k = 0; k < u; k++) {
        dz[k] = dh[k] * (g[k] - h[k]);
        dg[k] = dh[k] * z[k];
        dh_prev[k] += dh[k] * (1 - z[k]);
    }
}

static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *gate = s->saved + row * GATES * u;
        const real *x = s->inputs ? s->inputs + row * GATES * u : NULL;
        real *dx = s->dxp + row * GATES * u;
        update_backward(dx + Z * u, dx + H * u, s->dstate[0] + row * u, s->dnext[0] + row * u,
                        s->state[0] + row * u, gate, u);
        for (int g = 0; g < GATES; g++)
            rondo_activate_backward(&s->activation[g], dx + g * u, x ? x + g * u : NULL,
                                    gate + g * u, dx + g * u, u);
    }
}

/*   d *= 1 - z */
static void fade_row(real *restrict d, const real *restrict z, int64_t u)
{
    for (int64_t k = 0; k < u; k++) d[k] *= 1 - z[k];
}

static void fade(const rondo_step *s, real *d)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++)
        fade_row(d + row * u, s->saved + (row * GATES + Z) * u, u);
}

#define MINGRU                                                                                     \
    .name = "mingru", .states = 1, .x_gates = GATES, .saves = GATES, .input_saves = GATES,         \
    .gates = "z h", .activation = "mingru_g", .recurrent_activation = "sigmoid",                   \
    .recurrent_gates = "z", .parameters = "parallel=0", .write_gate = 1 + Z, .step = step,         \
    .step_backward = step_backward

static const rondo_cell parallel = { MINGRU, .fade = fade };

static const rondo_cell *variant(const real *args)
{
    return args[0] != 0 ? &parallel : NULL;
}

extern const rondo_cell CELL(mingru);
const rondo_cell CELL(mingru) = { MINGRU, .variant = variant,
                                  .formula = "z  = fz(x·Wz + bz)\n"
                                             "g  = fh(x·Wh + bh)\n"
                                             "h' = (1 - z) h + z g",
                                  .source = "Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, "
                                            "arXiv 2410.01201",
                                  .help = "minimal GRU: gates of the input alone, no recurrent "
                                          "weights; `linear` or `tanh` instead of the paper's g; "
                                          "parallel=1: training shares out time" };
