/* The tables of losses and metrics: a new one is a row in its family's file and a line here. */
#include "loss/loss.h"

static const loss_row *const losses[] = {
    &loss_categorical_crossentropy,
    &loss_sparse_categorical_crossentropy,
    &loss_binary_crossentropy,
    &loss_mse,
    &loss_mae,
    &loss_huber,
};

static const metric_row *const metrics[] = {
    &metric_accuracy,
    &metric_binary_accuracy,
    &metric_categorical_accuracy,
    &metric_sparse_accuracy,
    &metric_mae,
    &metric_mse,
    &metric_rmse,
    &metric_perplexity,
    &metric_bits,
    &metric_nll,
    &metric_binary_nll,
    &metric_precision,
    &metric_recall,
    &metric_f1,
    &metric_macro_f1,
    &metric_binary_precision,
    &metric_binary_recall,
    &metric_binary_f1,
    &metric_confusion_matrix,
};

enum { N_LOSSES = sizeof losses / sizeof *losses, N_METRICS = sizeof metrics / sizeof *metrics };

/* A name that is taken stays with its first owner, so the status tells nothing here. */
static void add(registry_kind kind, const char *name, const char *alias, const void *row)
{
    (void)registry_add(kind, name, row);
    if (alias) (void)registry_add(kind, alias, row);
}

void loss_register_all(void)
{
    for (int i = 0; i < N_LOSSES; i++)
        add(REGISTRY_LOSS, losses[i]->name, losses[i]->alias, losses[i]);
}

void metric_register_all(void)
{
    for (int i = 0; i < N_METRICS; i++)
        add(REGISTRY_METRIC, metrics[i]->name, metrics[i]->alias, metrics[i]);
}
