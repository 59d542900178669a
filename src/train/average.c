/* average - of the weights that the updates leave behind: they are evaluated and saved in their stead,
 * and training goes on from the others. The mean since some update (Polyak and Juditsky 1992, as
 * PyTorch's ASGD has it), since the loss stopped falling (Merity, Keskar and Socher 2017: NT-ASGD), or one
 * that forgets (Keras' use_ema). */
#include "train/train.h"
#include <math.h>
#include <string.h>

rondo_status average_check(const optimizer *o)
{
    const optimizer_options *p = &o->options;
    if (!(p->ema_momentum >= 0 && p->ema_momentum <= 1))
        return rondo_fail(RONDO_E_ARG, "optimizer %s: ema_momentum lies in [0, 1]", o->row->name);
    if (p->t0 < 0 || !(p->lambd >= 0) || !(p->alpha >= 0))
        return rondo_fail(RONDO_E_ARG, "optimizer %s: t0, lambd and alpha are 0 or more",
                          o->row->name);
    if (o->row->averages != AVERAGES_WHEN_STUCK || (p->nonmono >= 1 && p->nonmono <= MOST_CHECKS))
        return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "optimizer %s: nonmono is %lld, expected 1 to %d", o->row->name,
                      (long long)p->nonmono, MOST_CHECKS);
}

double average_share(const optimizer *o)
{
    if (o->average < 0 || o->average_from < 0 || o->iterations < o->average_from) return 0;
    const int64_t n = o->iterations - o->average_from;
    if (!o->options.use_ema) return 1 / (double)(n + 1);
    return n > 0 ? 1 - (double)o->options.ema_momentum : 1;
}

bool average_begun(const optimizer *o)
{
    return o->average >= 0 && o->average_from >= 0 && o->iterations > o->average_from;
}

static void swap(real *a, real *b, int64_t n)
{
    enum { MOST = 1024 };
    real kept[MOST];
    for (int64_t at = 0; at < n; at += MOST) {
        const size_t size = (size_t)(n - at < MOST ? n - at : MOST) * sizeof *a;
        memcpy(kept, a + at, size);
        memcpy(a + at, b + at, size);
        memcpy(b + at, kept, size);
    }
}

void average_swap(optimizer *o, real *weights, param *const params[], int n_params)
{
    for (int i = 0; average_begun(o) && i < n_params; i++)
        if (params[i]->gradient >= 0)
            swap(weights + params[i]->offset, o->slots[o->average] + params[i]->gradient,
                 shape_size(&params[i]->shape));
}

void average_take(const optimizer *o, real *weights, param *const params[], int n_params)
{
    for (int i = 0; average_begun(o) && i < n_params; i++)
        if (params[i]->gradient >= 0)
            memcpy(weights + params[i]->offset, o->slots[o->average] + params[i]->gradient,
                   (size_t)shape_size(&params[i]->shape) * sizeof *weights);
}

void average_note(optimizer *o, double now)
{
    checks *c = &o->checks;
    const int64_t recent = o->options.nonmono;
    if (o->row->averages != AVERAGES_WHEN_STUCK || o->average_from >= 0) return;
    if (c->n > recent && now > c->older) o->average_from = o->iterations + 1;
    double *place = &c->recent[c->n % recent];
    if (c->n == recent || (c->n > recent && *place < c->older)) c->older = *place;
    *place = now;
    c->n++;
}

/* ---- What a checkpoint keeps: the rate; where weights are averaged, since when; losses ---- */
int64_t optimizer_numbers(const optimizer *o)
{
    return 1 + (o->average >= 0) +
           (o->row->averages == AVERAGES_WHEN_STUCK ? 2 + o->options.nonmono : 0);
}

void optimizer_save(const optimizer *o, double numbers[])
{
    const int64_t n = optimizer_numbers(o);
    numbers[0] = o->learning_rate;
    if (n > 1) numbers[1] = (double)o->average_from;
    if (n <= 2) return;
    numbers[2] = (double)o->checks.n;
    numbers[3] = o->checks.older;
    memcpy(numbers + 4, o->checks.recent, (size_t)o->options.nonmono * sizeof *numbers);
}

static bool counts(double x, double least)
{
    return x >= least && x < 0x1p53 && x == floor(x);
}

rondo_status optimizer_load(optimizer *o, const double numbers[])
{
    const int64_t n = optimizer_numbers(o);
    if ((n > 1 && !counts(numbers[1], -1)) || (n > 2 && !counts(numbers[2], 0)))
        return rondo_fail(RONDO_E_FORMAT, "what the averaging of weights counts is no number");
    o->learning_rate = numbers[0];
    if (n > 1) o->average_from = (int64_t)numbers[1];
    if (n <= 2) return RONDO_OK;
    o->checks.n = (int64_t)numbers[2];
    o->checks.older = numbers[3];
    memcpy(o->checks.recent, numbers + 4, (size_t)o->options.nonmono * sizeof *numbers);
    return RONDO_OK;
}
