/* Metrics counted by class: precision, recall, F1, the confusion matrix.
 *
 * Binary ones are of the positive class at 0.5, over all outputs (Keras' Precision, Recall);
 * those over several classes are macro means, over the classes that appear in the truth or in
 * the answers (scikit-learn's average="macro"). State of the first six: [class]{right, answered,
 * true}. */
#include "loss/loss.h"

enum { RIGHT, ANSWERED, TRUE, N_COUNTS };

static int64_t classes(int64_t width)
{
    return width == 1 ? 2 : width;
}

static int64_t counts(int64_t width)
{
    return N_COUNTS * classes(width);
}

static int64_t positive_counts(int64_t width)
{
    (void)width;
    return N_COUNTS;
}

static void update_classes(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    for (int64_t r = 0; r < t->rows; r++) {
        const double weight = metric_weight(t, r);
        if (weight == 0) continue;
        const int64_t answer = metric_predicted_class(y, t, r);
        const int64_t right = metric_true_class(t, r);
        s[N_COUNTS * answer + ANSWERED] += weight;
        s[N_COUNTS * right + TRUE] += weight;
        if (answer == right) s[N_COUNTS * answer + RIGHT] += weight;
    }
}

static void update_positive(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    for (int64_t r = 0; r < t->rows; r++) {
        const double weight = metric_weight(t, r);
        for (int64_t i = r * t->width; i < (r + 1) * t->width; i++) {
            const bool answer = y[i] > metric_threshold(t), right = t->target[i] > (real)0.5;
            if (answer) s[ANSWERED] += weight;
            if (right) s[TRUE] += weight;
            if (answer && right) s[RIGHT] += weight;
        }
    }
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double precision(const double *s, int64_t width)
{
    (void)width;
    return ratio(s[RIGHT], s[ANSWERED]);
}

static double recall(const double *s, int64_t width)
{
    (void)width;
    return ratio(s[RIGHT], s[TRUE]);
}

static double f1(const double *s, int64_t width)
{
    (void)width;
    return ratio(2 * s[RIGHT], s[ANSWERED] + s[TRUE]);
}

static double macro(const double *s, int64_t width, double (*of)(const double *, int64_t))
{
    double sum = 0;
    int64_t seen = 0;
    for (int64_t c = 0; c < classes(width); c++, s += N_COUNTS)
        if (s[ANSWERED] > 0 || s[TRUE] > 0) {
            sum += of(s, width);
            seen++;
        }
    return ratio(sum, (double)seen);
}

static double macro_precision(const double *s, int64_t width)
{
    return macro(s, width, precision);
}

static double macro_recall(const double *s, int64_t width)
{
    return macro(s, width, recall);
}

static double macro_f1(const double *s, int64_t width)
{
    return macro(s, width, f1);
}

static int64_t matrix(int64_t width)
{
    return classes(width) * classes(width);
}

static void update_matrix(double *s, const real *y, const truth *t, const double *sums)
{
    (void)sums;
    for (int64_t r = 0; r < t->rows; r++) {
        const double weight = metric_weight(t, r);
        if (weight == 0) continue;
        const int64_t answer = metric_predicted_class(y, t, r);
        s[metric_true_class(t, r) * classes(t->width) + answer] += weight;
    }
}

/* As a score: the share on the diagonal. */
static double diagonal(const double *s, int64_t width)
{
    double right = 0, all = 0;
    for (int64_t i = 0; i < matrix(width); i++) {
        all += s[i];
        if (i % (classes(width) + 1) == 0) right += s[i];
    }
    return ratio(right, all);
}

static rondo_status numbers_only(const metric_row **row, const loss *l, int64_t width)
{
    (void)width;
    if (!l->row->takes_labels) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "metric %s is for yes/no outputs, but loss %s takes class labels",
                      (*row)->name, l->row->name);
}

static rondo_status precision_for(const metric_row **row, const loss *l, int64_t width)
{
    if (!l->row->takes_labels && metric_is_binary(l, width)) *row = &metric_binary_precision;
    return RONDO_OK;
}

static rondo_status recall_for(const metric_row **row, const loss *l, int64_t width)
{
    if (!l->row->takes_labels && metric_is_binary(l, width)) *row = &metric_binary_recall;
    return RONDO_OK;
}

static rondo_status f1_for(const metric_row **row, const loss *l, int64_t width)
{
    if (!l->row->takes_labels && metric_is_binary(l, width)) *row = &metric_binary_f1;
    return RONDO_OK;
}

const metric_row metric_precision = {
    .name = "precision",
    .help = "right / answered: of the positive class, or the mean over several",
    .resolve = precision_for,
    .state = counts,
    .update = update_classes,
    .result = macro_precision,
    .higher_is_better = true,
};
const metric_row metric_recall = {
    .name = "recall",
    .help = "right / true: of the positive class, or the mean over several",
    .resolve = recall_for,
    .state = counts,
    .update = update_classes,
    .result = macro_recall,
    .higher_is_better = true,
};
const metric_row metric_f1 = {
    .name = "f1",
    .help = "harmonic mean of precision and recall: positive class, or the mean over several",
    .resolve = f1_for,
    .state = counts,
    .update = update_classes,
    .result = macro_f1,
    .higher_is_better = true,
};
const metric_row metric_macro_f1 = {
    .name = "macro_f1",
    .help = "the mean of the classes' f1, also of two",
    .state = counts,
    .update = update_classes,
    .result = macro_f1,
    .higher_is_better = true,
};
const metric_row metric_binary_precision = {
    .name = "binary_precision",
    .help = "right / answered, over outputs above 0.5",
    .resolve = numbers_only,
    .state = positive_counts,
    .update = update_positive,
    .result = precision,
    .higher_is_better = true,
};
const metric_row metric_binary_recall = {
    .name = "binary_recall",
    .help = "right / true, over outputs above 0.5",
    .resolve = numbers_only,
    .state = positive_counts,
    .update = update_positive,
    .result = recall,
    .higher_is_better = true,
};
const metric_row metric_binary_f1 = {
    .name = "binary_f1",
    .help = "harmonic mean of binary precision and recall",
    .resolve = numbers_only,
    .state = positive_counts,
    .update = update_positive,
    .result = f1,
    .higher_is_better = true,
};
const metric_row metric_confusion_matrix = {
    .name = "confusion_matrix",
    .help = "how often each class was answered for each; as a number, its diagonal's share",
    .state = matrix,
    .update = update_matrix,
    .result = diagonal,
    .higher_is_better = true,
};
