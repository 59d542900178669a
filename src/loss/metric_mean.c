/* Metrics that are weighted means over rows: accuracies, errors, likelihoods.  State: {Σ
 * weight·value, Σ weight}. */
#include "loss/loss.h"
#include <math.h>

enum { SUM, WEIGHT, N_STATE };

static int64_t state(int64_t width)
{
    (void)width;
    return N_STATE;
}

static double mean(const double *s, int64_t width)
{
    (void)width;
    return s[WEIGHT] > 0 ? s[SUM] / s[WEIGHT] : 0;
}

static double root(const double *s, int64_t width)
{
    return sqrt(mean(s, width));
}

/* Of a loss that is a mean over the outputs: their sum. */
static double summed(const double *s, int64_t width)
{
    return mean(s, width) * (double)width;
}

/* exp(mean loss per token). */
static double exponential(const double *s, int64_t width)
{
    return exp(mean(s, width));
}

/* mean loss per token / ln 2. */
static double bits(const double *s, int64_t width)
{
    return mean(s, width) / 0.69314718055994530942;
}

/* One walk over the rows for all: `value` says what row r is worth. */
static void update(double *s, const real *y, const truth *t,
                   double (*value)(const real *y, const truth *, int64_t r))
{
    for (int64_t r = 0; r < t->rows; r++) {
        const double weight = metric_weight(t, r);
        if (weight == 0) continue;
        s[SUM] += weight * value(y, t, r);
        s[WEIGHT] += weight;
    }
}

static double same_class(const real *y, const truth *t, int64_t r)
{
    return metric_predicted_class(y, t, r) == metric_true_class(t, r);
}

static double same_bits(const real *y, const truth *t, int64_t r)
{
    int64_t same = 0;
    for (int64_t i = r * t->width; i < (r + 1) * t->width; i++)
        same += t->target[i] == (y[i] > metric_threshold(t));
    return (double)same / (double)t->width;
}

static double absolute_error(const real *y, const truth *t, int64_t r)
{
    double sum = 0;
    for (int64_t i = r * t->width; i < (r + 1) * t->width; i++)
        sum += fabs((double)y[i] - (double)t->target[i]);
    return sum / (double)t->width;
}

static double squared_error(const real *y, const truth *t, int64_t r)
{
    double sum = 0;
    for (int64_t i = r * t->width; i < (r + 1) * t->width; i++) {
        const double e = (double)y[i] - (double)t->target[i];
        sum += e * e;
    }
    return sum / (double)t->width;
}

static void update_class(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    update(s, y, t, same_class);
}

static void update_bits(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    update(s, y, t, same_bits);
}

static void update_absolute(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    update(s, y, t, absolute_error);
}

static void update_squared(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    update(s, y, t, squared_error);
}

static void update_loss(double *s, const real *y, const truth *t, const double *sums)
{
    (void)y, (void)t;
    s[SUM] += sums[0];
    s[WEIGHT] += sums[1];
}

static rondo_status by_loss(const metric_row **row, const loss *l, int64_t width)
{
    *row = l->row->takes_labels         ? &metric_sparse_accuracy
           : metric_is_binary(l, width) ? &metric_binary_accuracy
                                        : &metric_categorical_accuracy;
    return RONDO_OK;
}

static rondo_status numbers_only(const metric_row **row, const loss *l, int64_t width)
{
    (void)width;
    if (!l->row->takes_labels) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "metric %s compares numbers, but loss %s takes class labels",
                      (*row)->name, l->row->name);
}

static rondo_status labels_only(const metric_row **row, const loss *l, int64_t width)
{
    (void)width;
    if (l->row->takes_labels) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "metric %s compares class labels, but loss %s takes numbers",
                      (*row)->name, l->row->name);
}

static rondo_status cross_entropies_only(const metric_row **row, const loss *l, int64_t width)
{
    (void)width;
    if (l->row->fused) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "metric %s is told from a cross-entropy, but the loss is %s",
                      (*row)->name, l->row->name);
}

static rondo_status nll_for(const metric_row **row, const loss *l, int64_t width)
{
    RONDO_TRY(cross_entropies_only(row, l, width));
    if (metric_is_binary(l, width)) *row = &metric_binary_nll;
    return RONDO_OK;
}

const metric_row metric_accuracy = {
    .name = "accuracy",
    .alias = "acc",
    .help = "share of right answers; binary, categorical or sparse as the loss asks",
    .resolve = by_loss,
    .higher_is_better = true,
    .share = true,
};
const metric_row metric_binary_accuracy = {
    .name = "binary_accuracy",
    .help = "share of outputs on the right side of 0.5",
    .resolve = numbers_only,
    .state = state,
    .update = update_bits,
    .result = mean,
    .higher_is_better = true,
    .share = true,
};
const metric_row metric_categorical_accuracy = {
    .name = "categorical_accuracy",
    .help = "share of rows whose largest output is the target's largest",
    .resolve = numbers_only,
    .state = state,
    .update = update_class,
    .result = mean,
    .higher_is_better = true,
    .share = true,
};
const metric_row metric_sparse_accuracy = {
    .name = "sparse_categorical_accuracy",
    .help = "share of rows whose largest output is the label's",
    .resolve = labels_only,
    .state = state,
    .update = update_class,
    .result = mean,
    .higher_is_better = true,
    .share = true,
};
const metric_row metric_mae = {
    .name = "mae",
    .alias = "mean_absolute_error",
    .help = "mean |y - target|",
    .resolve = numbers_only,
    .state = state,
    .update = update_absolute,
    .result = mean,
};
const metric_row metric_mse = {
    .name = "mse",
    .alias = "mean_squared_error",
    .help = "mean (y - target)^2",
    .resolve = numbers_only,
    .state = state,
    .update = update_squared,
    .result = mean,
};
const metric_row metric_rmse = {
    .name = "rmse",
    .alias = "root_mean_squared_error",
    .help = "square root of mse",
    .resolve = numbers_only,
    .state = state,
    .update = update_squared,
    .result = root,
};
const metric_row metric_perplexity = {
    .name = "perplexity",
    .help = "exp(mean cross-entropy per token)",
    .resolve = cross_entropies_only,
    .state = state,
    .update = update_loss,
    .of_losses = true,
    .result = exponential,
};
const metric_row metric_bits = {
    .name = "bits_per_token",
    .alias = "bpc",
    .help = "mean cross-entropy per token in bits; of characters: bits per character",
    .resolve = cross_entropies_only,
    .state = state,
    .update = update_loss,
    .of_losses = true,
    .result = bits,
};
const metric_row metric_nll = {
    .name = "nll",
    .help = "negative log-likelihood of a step: cross-entropy in nats, summed over the outputs",
    .resolve = nll_for,
    .state = state,
    .update = update_loss,
    .of_losses = true,
    .result = mean,
};
const metric_row metric_binary_nll = {
    .name = "binary_nll",
    .help = "nll of outputs that are each a yes or a no",
    .resolve = cross_entropies_only,
    .state = state,
    .update = update_loss,
    .of_losses = true,
    .result = summed,
};
