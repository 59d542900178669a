/* Independently recurrent neural network (Li et al. 2018): each unit sees its own past alone, through
 * one weight.
 *   z = xW + b + u h    h' = f(z) */
#include "loops.h"

/* The pre-activation is kept where a gradient will need it, else made where the output goes. */
static void step(const rondo_step *s)
{
    const int64_t n = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *y = s->next[0] + row * n, *z = s->inputs ? s->inputs + row * n : y;
        product_add(z, s->xp + row * n, s->param[0], s->state[0] + row * n, n);
        rondo_activate(&s->activation[0], y, z, n);
    }
}

/*   dz = f'(z) dh   dh_prev += dz u   du += dz h */
static void step_backward(const rondo_step *s)
{
    const int64_t n = s->units;
    for (int64_t row = 0; row < s->rows; row++) {
        real *dz = s->dxp + row * n;
        rondo_activate_backward(&s->activation[0], dz, s->inputs ? s->inputs + row * n : NULL,
                                s->next[0] + row * n, s->dnext[0] + row * n, n);
        accumulate(s->dstate[0] + row * n, dz, s->param[0], n);
        accumulate(s->dparam[0], dz, s->state[0] + row * n, n);
    }
}

static const rondo_cell_param params[] = { { "recurrent_kernel", "recurrent_initializer", 1 } };

extern const rondo_cell CELL(indrnn);
const rondo_cell CELL(indrnn) = { .name = "indrnn",
                                  .states = 1,
                                  .x_gates = 1,
                                  .input_saves = 1,
                                  .gates = "h",
                                  .activation = "relu",
                                  .recurrent_initializer = "uniform(0, 1)",
                                  .params = params,
                                  .n_params = 1,
                                  .step = step,
                                  .step_backward = step_backward,
                                  .formula = "h' = f(x·W + u h + b)",
                                  .source = "Li, Li, Cook, Zhu and Gao 2018, arXiv 1803.04831",
                                  .help = "independently recurrent network: one recurrent weight a "
                                          "unit, relu" };
