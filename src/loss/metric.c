/* Metrics by name, and what they have in common. */
#include "loss/loss.h"
#include <math.h>
#include <string.h>

bool metric_is_binary(const loss *l, int64_t width)
{
    return width == 1 || (l->row->fused && !strcmp(l->row->fused, "sigmoid"));
}

int64_t metric_predicted_class(const real *y, const truth *t, int64_t r)
{
    const real *row = y + r * t->width;
    if (t->width == 1) return row[0] > metric_threshold(t);
    if (t->width == 2 && t->threshold > 0) return row[1] > metric_threshold(t);
    return kernel_table()->argmax(row, t->width);
}

int64_t metric_true_class(const truth *t, int64_t r)
{
    if (t->label) return t->label[r];
    const real *row = t->target + r * t->width;
    return t->width == 1 ? row[0] > (real)0.5 : kernel_table()->argmax(row, t->width);
}

rondo_status metric_parse(metric *m, const char *name, const loss *l, int64_t width)
{
    *m = (metric){ .width = width };
    const void *row;
    RONDO_TRY(registry_get(REGISTRY_METRIC, name, &row));
    m->row = row;
    if (m->row->resolve) RONDO_TRY(m->row->resolve(&m->row, l, width));
    m->looks = !m->row->of_losses || loss_is_smoothed(l);
    m->yes_no = metric_is_binary(l, width);
    m->n_state = m->row->state(width);
    if (m->n_state > LIMIT_SIZE >> 8)
        return rondo_fail(RONDO_E_LIMIT, "metric %s of %lld classes needs too much memory", name,
                          (long long)width);
    m->state = alloc_array(m->n_state, sizeof *m->state);
    return m->state ? RONDO_OK : RONDO_E_NOMEM;
}

rondo_status metric_copy(metric *m, const metric *from)
{
    *m = *from;
    m->state = alloc_array(m->n_state, sizeof *m->state);
    return m->state ? RONDO_OK : RONDO_E_NOMEM;
}

void metric_reset(metric *m)
{
    memset(m->state, 0, (size_t)m->n_state * sizeof *m->state);
}

/* The cross-entropy of row r's probabilities with the truth as it is, which is what a smoothed loss is
 * not: a perplexity of it would be none. */
static double cross_entropy(const metric *m, const real *y, const truth *t, int64_t r)
{
    const double least = 1e-38; /* of what single precision can say */
    const int64_t n = m->width;
    double sum = 0;
    y += r * n;
    if (t->label) return -log(fmax((double)y[t->label[r]], least));
    for (int64_t i = 0; i < n; i++) {
        const double p = (double)y[i], wanted = (double)t->target[r * n + i];
        if (wanted > 0) sum -= wanted * log(fmax(p, least));
        if (m->yes_no && wanted < 1) sum -= (1 - wanted) * log(fmax(1 - p, least));
    }
    return m->yes_no ? sum / (double)n : sum;
}

void metric_update(metric *m, const real *y, const truth *t, double loss_sum, double weight_sum)
{
    double sums[2] = { loss_sum, weight_sum };
    if (m->row->of_losses && m->looks) {
        sums[0] = 0;
        for (int64_t r = 0; r < t->rows; r++) {
            const double weight = metric_weight(t, r);
            if (weight != 0) sums[0] += weight * cross_entropy(m, y, t, r);
        }
    }
    m->row->update(m->state, y, t, sums);
}

double metric_result(const metric *m)
{
    return m->row->result(m->state, m->width);
}

void metric_free(metric *m)
{
    alloc_free(m->state);
    m->state = NULL;
}

const double *metric_confusion(const metric *m, int64_t *classes)
{
    if (m->row != &metric_confusion_matrix) return NULL;
    *classes = m->width == 1 ? 2 : m->width;
    return m->state;
}

/* "val_dense_1_accuracy" ends in the metric's own name. */
static bool ends_in(const char *score, const char *name)
{
    const size_t n = strlen(score), m = strlen(name);
    return n >= m && !strcmp(score + n - m, name) && (n == m || score[n - m - 1] == '_');
}

bool metric_higher_is_better(const char *score)
{
    for (int i = 0; i < registry_count(REGISTRY_METRIC); i++) {
        const metric_row *row = registry_at(REGISTRY_METRIC, i);
        if (row->higher_is_better && ends_in(score, registry_name(REGISTRY_METRIC, i))) return true;
    }
    return false;
}
