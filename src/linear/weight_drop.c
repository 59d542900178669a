/* weight_drop:  W' = m W, with m drawn anew at every step of training, the same for all rows and time
 * steps of the batch: DropConnect (Wan et al. 2013) as AWD-LSTM has it on its recurrent kernels (Merity
 * et al. 2018). m is 0 with probability `rate`, else 1/(1-rate). */
#include "linear.h"

typedef struct options {
    float rate;
} options;

static const option_field fields[] = {
    { "rate", OPTION_REAL, offsetof(options, rate), "0.5", "share of the weights that is dropped" },
};

static rondo_status open(adapter *a)
{
    const options *o = a->options;
    if (o->rate >= 0 && o->rate < 1) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "weight_drop: rate is %g, expected at least 0 and below 1",
                      (double)o->rate);
}

static bool draws(const adapter *a)
{
    return ((const options *)a->options)->rate > 0;
}

/* Elements are numbered through the whole matrix and drawn in runs, so a mask does not depend on how
 * threads share the rows. w begins with row `begin`. */
static void mask(const adapter *a, real *w, int64_t begin, int64_t end, const drop_key *d)
{
    enum { RUN = 1024 };
    const kernels *k = kernel_table();
    const real rate = (real)((const options *)a->options)->rate;
    const int64_t first = begin * a->columns, last = end * a->columns;
    real m[RUN];
    if (!d->on || !(rate > 0)) return;
    for (int64_t at = first, next; at < last; at = next) {
        next = (at / RUN + 1) * RUN < last ? (at / RUN + 1) * RUN : last;
        k->dropout_mask(m, rate, d->seed, d->step, a->key, at / RUN, 1, RUN);
        k->mul(w + at - first, w + at - first, m + at % RUN, next - at);
    }
}

typedef struct job {
    const adapter *adapter;
    real *dw;
    const drop_key *drawn;
    int parts;
} job;

static void mask_part(void *arg, int i)
{
    const job *j = arg;
    const int64_t rows = j->adapter->rows, begin = rows * i / j->parts;
    mask(j->adapter, j->dw + begin * j->adapter->columns, begin, rows * (i + 1) / j->parts,
         j->drawn);
}

/* dW = m dW' */
static void finish(const adapter *a, real *dw, real *gradients, const drop_key *d, pool *threads)
{
    job j = { a, dw, d, pool_threads(threads) };
    (void)gradients;
    if (dw && d->on) pool_run(threads, mask_part, &j, j.parts);
}

const adapter_row adapter_weight_drop = {
    .name = "weight_drop",
    .help = "drops weights while training (DropConnect), as AWD-LSTM its recurrent kernels",
    .options = OPTION_TABLE(fields),
    .options_size = sizeof(options),
    .open = open,
    .draws = draws,
    .mask = mask,
    .finish = finish,
};
