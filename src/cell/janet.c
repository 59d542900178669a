/* Just another network (van der Westhuizen and Lasenby 2018, "The unreasonable effectiveness of the
 * forget gate"): an LSTM of a forget gate alone; with chrono initialisation it needs no other. Without
 * the paper's beta it is also the UGRNN (Collins et al. 2016).
 *   f = ff(zf)   g = fh(zh)   h' = f h + (1 - f) g */
#include "loops.h"

enum { F, H, GATES };

static void step(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *z = s->xp + row * GATES * u;
        real *f = s->saved + (row * GATES + F) * u, *g = s->saved + (row * GATES + H) * u;
        rondo_activate(&s->activation[F], f, z + F * u, u);
        rondo_activate(&s->activation[H], g, z + H * u, u);
        mix(s->next[0] + row * u, f, s->state[0] + row * u, g, u);
    }
}

/*   df = dh (h - g)   dg = dh (1 - f)   dh_prev += dh f */
static void step_backward(const rondo_step *s)
{
    const int64_t u = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        const real *gate = s->saved + row * GATES * u;
        const real *z = s->inputs ? s->inputs + row * GATES * u : NULL;
        real *dz = s->dxp + row * GATES * u;
        mix_backward(dz + F * u, dz + H * u, s->dstate[0] + row * u, s->dnext[0] + row * u,
                     gate + F * u, s->state[0] + row * u, gate + H * u, u);
        for (int g = 0; g < GATES; g++)
            rondo_activate_backward(&s->activation[g], dz + g * u, z ? z + g * u : NULL,
                                    gate + g * u, dz + g * u, u);
    }
}

extern const rondo_cell CELL(janet);
const rondo_cell CELL(janet) = { .name = "janet",
                                 .states = 1,
                                 .x_gates = GATES,
                                 .h_gates = GATES,
                                 .saves = GATES,
                                 .gates = "f h",
                                 .additive = true,
                                 .activation = "tanh",
                                 .recurrent_activation = "sigmoid",
                                 .recurrent_gates = "f",
                                 .forget_gate = 1 + F,
                                 .keep_gate = 1 + F,
                                 .step = step,
                                 .step_backward = step_backward,
                                 .formula = "f  = ff(x·Wf + h·Uf + bf)\n"
                                            "g  = fh(x·Wh + h·Uh + bh)\n"
                                            "h' = f h + (1 - f) g",
                                 .source = "van der Westhuizen and Lasenby 2018, arXiv 1804.04849; "
                                           "UGRNN: Collins et al. 2016, arXiv 1611.09913",
                                 .help = "an LSTM of a forget gate alone" };
