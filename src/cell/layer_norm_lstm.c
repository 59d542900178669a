/* Long short-term memory with layer normalisation (Ba, Kiros and Hinton 2016, equations 20 to 22): of
 * all that comes from the input, of all that comes from the state, and of the new cell state, each
 * over the units of a row.
 *   z  = ax x^ + ah h^ + b,   x^ = norm(xW), h^ = norm(hU)     (i f g o) as lstm's
 *   c' = f c + i g            h' = o fh(n),  n = ac norm(c') + bc */
#include "lstm.h"

enum { XHAT = LSTM_SAVES, HHAT = XHAT + GATES, XRSTD = HHAT + GATES, HRSTD, SAVES };
enum { OF_X, OF_H, OF_C, SHIFT_C, BIAS, PARAMS };

static real epsilon(const rondo_step *s)
{
    return s->args[0];
}

/* Where the activation of the first gate reads, and behind it the others. */
static real *sums(const rondo_step *s, int64_t row)
{
    return s->inputs ? s->inputs + row * GATES * s->units : s->saved + row * SAVES * s->units;
}

static void step(const rondo_step *s)
{
    const kernels *k = kernel_table();
    const int64_t u = s->units, wide = GATES * u;
    for (int64_t r = 0; r < s->rows; r++) {
        real *gate = s->saved + r * SAVES * u, *a = gate + A * u, *z = sums(s, r), rstd;
        real *h_next = s->next[0] + r * u, *c_next = s->next[1] + r * u;
        k->norm_forward(z, gate + HHAT * u, gate + HRSTD * u, s->hp + r * wide, s->param[OF_H],
                        s->param[BIAS], epsilon(s), 1, wide);
        k->norm_forward(z, gate + XHAT * u, gate + XRSTD * u, s->xp + r * wide, s->param[OF_X], z,
                        epsilon(s), 1, wide);
        for (int g = 0; g < GATES; g++)
            rondo_activate(&s->activation[g], gate + g * u, z + g * u, u);
        lstm_cell(c_next, s->state[1] + r * u, gate, u);
        k->norm_forward(a, h_next, &rstd, c_next, s->param[OF_C], s->param[SHIFT_C], epsilon(s), 1,
                        u); /* h_next holds norm(c') for now */
        rondo_activate(&s->activation[A], a, a, u);
        product(h_next, gate + O * u, a, u);
    }
}

/* From dn, the gradient at n, to that at c', in place: norm(c') is made anew, where dhp will be. */
static void norm_c_backward(const rondo_step *s, int64_t row, real *d)
{
    const kernels *k = kernel_table();
    const int64_t u = s->units;
    const real *a = s->saved + (row * SAVES + A) * u;
    real *chat = s->dhp + row * GATES * u, *n = chat + u, rstd;
    k->norm_forward(n, chat, &rstd, s->next[1] + row * u, s->param[OF_C], s->param[SHIFT_C],
                    epsilon(s), 1, u);
    rondo_activate_backward(&s->activation[A], d, n, a, d, u);
    k->norm_backward(d, false, s->dparam[OF_C], s->dparam[SHIFT_C], d, chat, &rstd, s->param[OF_C],
                     1, u);
}

/*   do = dh a   dn = fh' dh o   dc = dc' + norm'(dn);   dz as lstm's
 *   dxp = norm'(dz) at x^, dhp = norm'(dz) at h^, gains by each; db += dz */
static void step_backward(const rondo_step *s)
{
    const kernels *k = kernel_table();
    const int64_t u = s->units, wide = GATES * u;
    for (int64_t r = 0; r < s->rows; r++) {
        const real *gate = s->saved + r * SAVES * u, *dh = s->dnext[0] + r * u;
        real *dz = s->dxp + r * wide, *dc_prev = s->dstate[1] + r * u;
        product(dc_prev, dh, gate + O * u, u);
        norm_c_backward(s, r, dc_prev);
        lstm_cell_backward(dz, dc_prev, s->dnext[1] + r * u, gate, s->state[1] + r * u, u);
        product(dz + O * u, dh, gate + A * u, u);
        lstm_gates_backward(s, r, SAVES, I, GATES, dz);
        k->norm_backward(s->dhp + r * wide, false, s->dparam[OF_H], s->dparam[BIAS], dz,
                         gate + HHAT * u, gate + HRSTD * u, s->param[OF_H], 1, wide);
        k->norm_backward(dz, false, s->dparam[OF_X], NULL, dz, gate + XHAT * u, gate + XRSTD * u,
                         s->param[OF_X], 1, wide);
    }
}

static const rondo_cell_param params[PARAMS] = { [OF_X] = { "kernel_gain", "ones", GATES },
                                                 [OF_H] = { "recurrent_gain", "ones", GATES },
                                                 [OF_C] = { "state_gain", "ones", 1 },
                                                 [SHIFT_C] = { "state_bias", "zeros", 1 },
                                                 [BIAS] = { "bias", "bias_initializer", GATES } };

extern const rondo_cell CELL(layer_norm_lstm);
const rondo_cell
    CELL(layer_norm_lstm) = { .name = "layer_norm_lstm",
                              .states = 2,
                              .x_gates = GATES,
                              .h_gates = GATES,
                              .saves = SAVES,
                              .input_saves = GATES,
                              .rowwise = true,
                              .gates = "i f c o h",
                              .activation = "tanh",
                              .recurrent_activation = "sigmoid",
                              .recurrent_gates = "i f o",
                              .parameters = "epsilon=0.001",
                              .forget_gate = 1 + F,
                              .keep_gate = 1 + F,
                              .write_gate = 1 + I,
                              .params = params,
                              .n_params = PARAMS,
                              .step = step,
                              .step_backward = step_backward,
                              .formula = "z  = ax norm(x·W) + ah norm(h·U) + b, in four parts\n"
                                         "i  = fi(zi), f = ff(zf), g = fc(zc), o = fo(zo)\n"
                                         "c' = f c + i g\n"
                                         "h' = o fh(ac norm(c') + bc)",
                              .source = "Ba, Kiros and Hinton 2016, arXiv 1607.06450",
                              .help = "LSTM with layer normalisation of what comes from input, "
                                      "state and memory" };
