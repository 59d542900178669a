/* Gradients against central differences, of what training minimises: with the masks of its first step
 * and all that layers add to the loss. Meant for the double build; four step sizes, the best
 * agreement counts, and where the function itself has a kink within reach (its differences disagree
 * with each other) the point is left out. */
#include "model.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef struct checker {
    rondo_model *model;
    const objective *objective;
    int n;
    const feed *feeds;
    const truth *truths;
    const double *valid;
    pass *forward;
    check_result *result;
    double noise; /* that a difference has at the first step size */
} checker;

static rondo_status total_loss(const checker *c, pass *p, double *total)
{
    double values[MAX_PORTS];
    RONDO_TRY(objective_forward(c->objective, p, c->n, c->feeds, c->truths, c->valid, values));
    *total = pass_penalty(p);
    for (int i = 0; i < c->objective->n; i++) *total += values[i];
    return RONDO_OK;
}

static rondo_status loss_at(const checker *c, real *w, real at, double *total)
{
    const real kept = *w;
    *w = at;
    model_weights_changed(c->model);
    const rondo_status s = total_loss(c, c->forward, total);
    *w = kept;
    model_weights_changed(c->model);
    return s;
}

/* Fourth-order central difference: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h */
static rondo_status difference(const checker *c, real *w, double h, double *d)
{
    double f[4];
    RONDO_TRY(loss_at(c, w, *w + (real)h, &f[0]));
    RONDO_TRY(loss_at(c, w, *w - (real)h, &f[1]));
    RONDO_TRY(loss_at(c, w, *w + (real)(2 * h), &f[2]));
    RONDO_TRY(loss_at(c, w, *w - (real)(2 * h), &f[3]));
    *d = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
    return RONDO_OK;
}

enum { STEPS = 4 };
static const double step[STEPS] = { 1e-3, 1e-4, 1e-2, 1e-5 };
static const double bound = 1e-6, good_enough = 1e-7, kink = 1e-5;

/* A loss is known to about its last bit, so its differences to 18/12 times that over h. At the first
 * step size that much passes for agreement with any gradient, as the relative bound does; smaller
 * steps are for functions that bend and earn no more. */
static double noise_of(double total)
{
    return 2 * DBL_EPSILON * fabs(total) / step[0];
}

static double relative(const checker *c, double a, double b)
{
    return fabs(a - b) / (fmax(1e-7, fabs(a) + fabs(b)) + c->noise / bound);
}

static rondo_status check_one(const checker *c, real *w, double analytic, const char *name,
                              int64_t index)
{
    double numeric[STEPS], best = HUGE_VAL, shown = 0, half;
    for (int i = 0; i < STEPS && best > good_enough; i++) {
        RONDO_TRY(difference(c, w, step[i], &numeric[i]));
        if (relative(c, analytic, numeric[i]) < best) {
            best = relative(c, analytic, numeric[i]);
            shown = numeric[i];
        }
    }
    if (best > bound) {
        RONDO_TRY(difference(c, w, step[1] / 2, &half));
        if (relative(c, half, numeric[1]) > kink && fabs(half - numeric[1]) > 1e-9) {
            c->result->left_out++;
            return RONDO_OK;
        }
    }
    c->result->checked++;
    if (best > c->result->worst || isnan(best)) {
        c->result->worst = best;
        snprintf(c->result->where, sizeof c->result->where,
                 "%s[%lld]: analytic %.10g, numeric %.10g", name, (long long)index, analytic,
                 shown);
    }
    return RONDO_OK;
}

/* Every element, or `some` of them drawn evenly. */
static rondo_status check_array(const checker *c, real *w, const real *analytic, int64_t n,
                                int64_t some, const char *name)
{
    rng r = rng_new((uint64_t)n, rng_stream(RNG_CHECK, 0));
    const int64_t count = some && some < n ? some : n;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = count < n ? rng_below(&r, n) : i;
        RONDO_TRY(check_one(c, w + at, (double)analytic[at], name, at));
    }
    return RONDO_OK;
}

static rondo_status check_params(const checker *c, const real *gradients, int64_t some)
{
    const rondo_model *m = c->model;
    for (int i = 0; i < m->n_params; i++) {
        const param *p = m->params[i];
        if (p->gradient < 0) continue;
        const int64_t n = shape_size(&p->shape);
        char *name = model_param_name(m, i);
        const rondo_status s = name ? check_array(c, m->weights + p->offset,
                                                  gradients + p->gradient, n, some, name)
                                    : RONDO_E_NOMEM;
        alloc_free(name);
        if (s) return s;
    }
    return RONDO_OK;
}

static rondo_status check_inputs(const checker *c, const pass *p, int64_t some)
{
    for (int i = 0; i < c->n; i++) {
        char name[32];
        value *x = pass_input(p, i);
        snprintf(name, sizeof name, "input %d", i);
        if (x->grad && x->grad_written)
            RONDO_TRY(check_array(c, (real *)c->feeds[i].data, x->grad, value_size(x), some, name));
    }
    return RONDO_OK;
}

rondo_status check_gradients(rondo_model *m, const objective *o, int n, const feed feeds[],
                             const truth truths[], const double valid[], int64_t per_param,
                             bool inputs, check_result *result)
{
    checker c = { m, o, n, feeds, truths, valid, NULL, result, 0 };
    pass *p = NULL;
    double loss_value;
    *result = (check_result){ 0 };
    rondo_status s = pass_new(&p, m);
    if (!s) s = pass_new(&c.forward, m);
    real *gradients = s ? NULL : alloc_aligned((size_t)(m->n_weights + 1) * sizeof *gradients);
    if (!s && !gradients) s = RONDO_E_NOMEM;
    if (!s) {
        p->training = c.forward->training = true;
        p->seed = c.forward->seed = m->seed;
        p->gradients = gradients;
        p->input_gradients = inputs;
        s = total_loss(&c, p, &loss_value);
    }
    if (!s) {
        c.noise = noise_of(loss_value);
        pass_backward(p);
        s = check_params(&c, gradients, per_param);
    }
    if (!s && inputs) s = check_inputs(&c, p, per_param);
    alloc_free_aligned(gradients);
    pass_free(c.forward);
    pass_free(p);
    return s;
}
