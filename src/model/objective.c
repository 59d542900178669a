#include "model.h"
#include <string.h>

/* Whether the layer that makes output i, for nobody but its loss, can give that of labels itself. */
static bool takes_labels(const rondo_model *m, int i)
{
    const rondo_value v = model_output(m, i);
    const rondo_layer *l = m->nodes[v.node].layer;
    return l && l->type->label_loss && !model_is_used(m, v.node);
}

rondo_status objective_parse(objective *o, const rondo_model *m, const char *losses)
{
    char **parts;
    int n;
    RONDO_TRY(text_split(&parts, &n, losses, ';'));
    rondo_status s = RONDO_OK;
    o->n = model_output_count(m);
    if (n != 1 && n != o->n)
        s = rondo_fail(RONDO_E_ARG, "the model has %d outputs, the loss names %d: \"%s\"", o->n, n,
                       losses);
    for (int i = 0; !s && i < o->n; i++) {
        loss *l = &o->losses[i];
        const rondo_function *f = model_output_activation(m, i);
        s = loss_parse(l, parts[n == 1 ? 0 : i]);
        l->fused = !s && l->row->fused && f && activation_is(f, l->row->fused);
        o->by_label[i] = !s && takes_labels(m, i) && loss_is_of_labels(l);
    }
    text_list_free(parts);
    return s;
}

void objective_apply(const objective *o, pass *p)
{
    for (int i = 0; i < o->n; i++) {
        p->fused[i] = o->losses[i].fused;
        p->blocks[i] = (o->losses[i].fused && o->losses[i].row->slope) || o->by_label[i];
    }
}

/* One output.  A block of rows at a time, the layer that makes it goes forward and backward around
 * its loss: whatever the blocks, every sum is taken over ascending rows, so bits do not change.  Where
 * nobody looks at it in between, its loss writes the gradient over it in the same pass. */
static double run_output(const loss *l, pass *p, int i, const truth *all, double valid,
                         const observer *o)
{
    value *y = pass_output(p, i);
    const call *maker = pass_maker(p, i);
    const layer_type *type = maker->layer->type;
    const int64_t rows = value_rows(y), block = y->block ? y->block : rows;
    const bool back = y->block && maker->gradients, at_once = back && p->unseen[i];
    bool add = false;
    real *dx = back ? value_grad(maker->in[0], &add) : NULL;
    y->grad_written = y->grad;
    double sum = 0;
    for (int64_t first = 0; first < rows; first += block) {
        const truth part = truth_rows(all, first, rows - first < block ? rows - first : block);
        if (y->block) type->forward_rows(maker, y->data, first, part.rows);
        const double one = loss_run(l, &part, valid, at_once ? y->data : y->grad, y->data, y->data,
                                    p->loss_scratch[i], p->pool);
        if (o) o->see(o->user, i, y->data, &part, one);
        sum += one;
        if (!back) continue;
        if (!at_once) loss_slope(l, &part, y->data, p->loss_scratch[i], p->pool);
        type->backward_rows(maker, dx, add, y->data, first, part.rows);
    }
    return valid > 0 ? sum / valid : 0;
}

/* The same where the layer gives the loss of labels: outputs are made only to be seen. */
static double run_labels(pass *p, int i, const truth *all, double valid, const observer *o)
{
    value *y = pass_output(p, i);
    const call *maker = pass_maker(p, i);
    bool add = false;
    real *dx = maker->gradients ? value_grad(maker->in[0], &add) : NULL;
    double sum = 0;
    for (int64_t first = 0; first < all->rows; first += y->block) {
        const truth part = truth_rows(all, first,
                                      all->rows - first < y->block ? all->rows - first : y->block);
        double *losses = p->loss_scratch[i];
        const real *share = loss_shares(&part, valid, losses);
        maker->layer->type->label_loss(maker, losses, dx, add, part.label, share, first, part.rows);
        const double one = loss_sum(&part, losses);
        if (o && !y->unmade) maker->layer->type->forward_rows(maker, y->data, first, part.rows);
        if (o) o->see(o->user, i, y->data, &part, one);
        sum += one;
    }
    return valid > 0 ? sum / valid : 0;
}

/* Whole outputs first: one of them may feed another, and then its loss is the first to write its
 * gradient. */
void objective_run(const objective *o, pass *p, const truth truths[], const double valid[],
                   double values[], const observer *watcher)
{
    for (int blocks = 0; blocks < 2; blocks++)
        for (int i = 0; i < o->n; i++)
            if ((pass_output(p, i)->block > 0) == blocks)
                values[i] = blocks && o->by_label[i]
                                ? run_labels(p, i, &truths[i], valid[i], watcher)
                                : run_output(&o->losses[i], p, i, &truths[i], valid[i], watcher);
}

rondo_status objective_forward(const objective *o, pass *p, int n, const feed feeds[],
                               const truth truths[], const double valid[], double values[])
{
    objective_apply(o, p);
    RONDO_TRY(pass_forward(p, n, feeds));
    for (int i = 0; i < o->n; i++) {
        const value *y = pass_output(p, i);
        if (truths[i].rows != value_rows(y))
            return rondo_fail(RONDO_E_SHAPE,
                              "output %d has %lld rows (steps × batch), its targets %lld", i,
                              (long long)value_rows(y), (long long)truths[i].rows);
        RONDO_TRY(loss_check(&o->losses[i], &truths[i], y->shape.features));
    }
    objective_run(o, p, truths, valid, values, NULL);
    return RONDO_OK;
}
