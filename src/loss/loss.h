/* loss - what compares outputs with truth: losses (with gradients) and metrics (without). */
#ifndef RONDO_LOSS_H
#define RONDO_LOSS_H
#include "kernel/kernel.h"

typedef struct truth { /* what an output is compared with; rows = steps·batch in time-major order */
    const real *target;   /* [rows][width], or NULL … */
    const int32_t *label; /* … then [rows] */
    const real *weight;   /* [rows] sample weight × validity; 0 leaves a row out; NULL: 1 */
    int64_t rows, width;
    double threshold; /* of two classes, the second is the answer over it; 0: the larger one is */
} truth;

/* Fills weight[steps][batch] with sample[b] (NULL: 1) where step t of row b is valid, else 0;
 * returns how many are. Valid: t < lengths[b], t < more[b] and mask[t][b]; each of the three may be
 * NULL. */
double truth_weigh(real *weight, const real *sample, const int64_t *lengths, const int64_t *more,
                   const uint8_t *mask, int64_t steps, int64_t batch);
void truth_from_labels(real *target, const int32_t *label, int64_t rows); /* 0 and 1 as numbers */
double truth_weight_sum(const truth *);
truth truth_rows(const truth *, int64_t first, int64_t n); /* a part of it */

/* ---- Losses ---- */
typedef struct loss_row {
    const char *name, *alias, *help;
    const char *parameters; /* "delta=1" or NULL */
    bool smooths;           /* it says how much of the truth is shared out among all classes */
    bool takes_labels;      /* truth is label[], else target[][] */
    const char *fused;      /* the activation it takes the logits of: "softmax" */
    loss_kernel *(*kernel)(const kernels *, bool fused);
    slope_kernel *(*slope)(const kernels *); /* when fused, in a step of its own; NULL: not so */
} loss_row;
typedef struct loss { /* a row with its arguments */
    const loss_row *row;
    real parameter;
    bool fused;
} loss;
rondo_status loss_parse(loss *, const char *text); /* "huber delta=0.5", "huber(0.5)" */
/* E_SHAPE when the truth cannot be compared with such an output (labels wanted, widths differ);
 * E_ARG with the row and value when a label lies outside 0…width-1 or a target is not finite. */
rondo_status loss_check(const loss *, const truth *, int64_t width);
/* Keras' sum_over_batch_size is Σ weight·loss / valid, `valid` being the rows that count; returns
 * the sum over these rows, and dx is ∂/∂x of the quotient. x: outputs, or logits when fused (then y
 * receives the activation's values). dx may be NULL. scratch: loss_scratch bytes, for losses and
 * weights of the rows, which the pool's threads share out. */
size_t loss_scratch(int64_t rows);
double loss_run(const loss *, const truth *, double valid, real *dx, real *y, const real *x,
                void *scratch, pool *);
/* Of a loss that a layer works out itself: each row's weight / valid, after room for its losses in the
 * scratch; and their weighted sum. */
bool loss_is_of_labels(const loss *); /* -log of the label's probability */
bool loss_is_smoothed(const loss *);  /* it is more than the cross-entropy of the truth */
real *loss_shares(const truth *, double valid, void *scratch);
double loss_sum(const truth *, const double losses[]);
/* After a loss_run that was fused and without dx: makes that of its y, in place. */
void loss_slope(const loss *, const truth *, real *y, void *scratch, pool *);

/* ---- Metrics: sums in double, updated batch by batch in order; rows count by truth.weight ---- */
typedef struct metric_row {
    const char *name, *alias, *help;
    /* The row that serves such a loss and width (itself, mostly), or why none can. NULL: itself. */
    rondo_status (*resolve)(const struct metric_row **, const loss *, int64_t width);
    /* How many doubles of state it keeps for outputs of this width. */
    int64_t (*state)(int64_t width);
    void (*update)(double *state, const real *y, const truth *,
                   const double *batch_loss_sum_and_weight);
    double (*result)(const double *state, int64_t width);
    bool higher_is_better;
    bool share;     /* of rows that are right: has the intervals of a share */
    bool of_losses; /* reads no outputs, unless the loss is smoothed */
} metric_row;
typedef struct metric {
    const metric_row *row;
    int output; /* of the model */
    int64_t width;
    bool looks;  /* reads outputs */
    bool yes_no; /* outputs are no distribution over classes */
    double *state;
    int64_t n_state;
} metric;
/* "accuracy" resolves by the loss and width, as Keras does: binary_, categorical_ or
 * sparse_categorical_accuracy. */
rondo_status metric_parse(metric *, const char *name, const loss *, int64_t width);
rondo_status metric_copy(metric *, const metric *); /* of its own, reset state */
/* Whether more of a score is better, by its name: "val_accuracy". */
bool metric_higher_is_better(const char *score);
void metric_reset(metric *);
void metric_update(metric *, const real *y, const truth *, double loss_sum, double weight_sum);
double metric_result(const metric *);
void metric_free(metric *);
/* confusion[true][predicted], counts, for the metric "confusion_matrix"; NULL when it is another
 * one. */
const double *metric_confusion(const metric *, int64_t *classes);

/* ---- Within loss/ ---- */
/* losses.c */
extern const loss_row loss_categorical_crossentropy, loss_sparse_categorical_crossentropy,
    loss_binary_crossentropy, loss_mse, loss_mae, loss_huber;
/* metric_mean.c: weighted means over rows */
extern const metric_row metric_accuracy, metric_binary_accuracy, metric_categorical_accuracy,
    metric_sparse_accuracy, metric_mae, metric_mse, metric_rmse, metric_perplexity, metric_bits,
    metric_nll, metric_binary_nll;
/* metric_class.c: what is counted by class */
extern const metric_row metric_precision, metric_recall, metric_f1, metric_macro_f1,
    metric_binary_precision, metric_binary_recall, metric_binary_f1, metric_confusion_matrix;

/* Whether outputs of this width are yes/no numbers and not a distribution over classes. */
bool metric_is_binary(const loss *, int64_t width);
/* The class that row r of y, and of the truth, says: the largest value; of one output, over 0.5; or
 * as the truth's threshold has it. */
int64_t metric_predicted_class(const real *y, const truth *, int64_t r);
/* What an output must be over to say yes. */
static inline real metric_threshold(const truth *t)
{
    return (real)(t->threshold > 0 ? t->threshold : 0.5);
}
int64_t metric_true_class(const truth *, int64_t r);
static inline double metric_weight(const truth *t, int64_t r)
{
    return t->weight ? (double)t->weight[r] : 1.0;
}

void loss_register_all(void);   /* table.c */
void metric_register_all(void); /* table.c */
#endif
