/* A batch as what a model is fed, and as what its outputs are compared with. */
#include "train/train.h"
#include <string.h>

static value_shape shape_of(const field_shape *f)
{
    const bool sequence = field_is_sequence(f);
    return (value_shape){ f->type, sequence, sequence ? f->shape.dim[0] : 1, field_features(f) };
}

static bool agree(const value_shape *a, const value_shape *b)
{
    return a->sequence == b->sequence && a->features == b->features &&
           (!a->sequence || !a->steps || !b->steps || a->steps == b->steps);
}

static rondo_status check_input(const rondo_model *m, const rondo_dataset *data, int i)
{
    const value_shape *wants = &m->nodes[m->inputs[i]].out[0];
    const value_shape has = shape_of(&data->input[i]);
    if (wants->type == has.type && agree(wants, &has)) return RONDO_OK;
    char a[64], b[64];
    return rondo_fail(RONDO_E_SHAPE, "input %d of the model takes %s%s, the data has %s%s", i + 1,
                      wants->type == RONDO_I32 ? "tokens " : "", shape_text(wants, a),
                      has.type == RONDO_I32 ? "tokens " : "", shape_text(&has, b));
}

static rondo_status check_target(const rondo_model *m, const rondo_dataset *data, int i)
{
    const value_shape *gives = model_output_shape(m, i);
    const value_shape has = shape_of(&data->target[i]);
    if (gives->sequence && !has.sequence)
        return rondo_fail(RONDO_E_SHAPE,
                          "output %d of the model has a value for every step, the data has one "
                          "target per sequence: leave return_sequences out of the last recurrent "
                          "layer",
                          i + 1);
    if (!gives->sequence && has.sequence)
        return rondo_fail(RONDO_E_SHAPE,
                          "output %d of the model has one value per sequence, the data has a "
                          "target for every step: add return_sequences to the last recurrent layer",
                          i + 1);
    /* Whether labels fit is the loss's to say, batch by batch. */
    if (has.type == RONDO_I32 || agree(gives, &has)) return RONDO_OK;
    char a[64], b[64];
    return rondo_fail(RONDO_E_SHAPE,
                      "output %d of the model is %s per example, the data's target %s", i + 1,
                      shape_text(gives, a), shape_text(&has, b));
}

rondo_status data_check(const rondo_model *m, const rondo_dataset *data, bool with_targets)
{
    if (data->n_inputs != m->n_inputs)
        return rondo_fail(RONDO_E_SHAPE, "the model has %d inputs, the data %d", m->n_inputs,
                          data->n_inputs);
    for (int i = 0; i < m->n_inputs; i++) RONDO_TRY(check_input(m, data, i));
    if (!with_targets) return RONDO_OK;
    if (data->n_targets == 0)
        return rondo_fail(RONDO_E_SHAPE, "the data has no targets to compare the outputs with");
    if (data->n_targets != model_output_count(m))
        return rondo_fail(RONDO_E_SHAPE, "the model has %d outputs, the data %d targets",
                          model_output_count(m), data->n_targets);
    for (int i = 0; i < data->n_targets; i++) RONDO_TRY(check_target(m, data, i));
    return RONDO_OK;
}

int batch_feeds(const batch *b, feed feeds[MAX_FIELDS])
{
    for (int i = 0; i < b->n_inputs; i++) {
        const batch_field *f = &b->input[i];
        feeds[i] = (feed){ f->steps, b->rows, f->data, f->tokens, f->lengths };
    }
    return b->n_inputs;
}

static size_t rounded(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

rondo_status comparison_reserve(comparison *c, pass *p)
{
    size_t size = 0;
    const int n = model_output_count(p->model);
    for (int i = 0; i < n; i++)
        size += 2 * rounded((size_t)value_rows(pass_output(p, i)) * sizeof(real));
    if (size > c->size) {
        comparison_free(c);
        c->memory = alloc_aligned(size);
        if (!c->memory) return RONDO_E_NOMEM;
        c->size = size;
    }
    unsigned char *at = c->memory;
    c->n = n;
    for (int i = 0; i < n; i++) {
        const size_t bytes = rounded((size_t)value_rows(pass_output(p, i)) * sizeof(real));
        c->weight[i] = (real *)at;
        c->target[i] = (real *)(at + bytes);
        at += 2 * bytes;
    }
    return RONDO_OK;
}

static rondo_status fill_one(comparison *c, const objective *o, const value *v, const batch *b,
                             int i)
{
    const batch_field *f = &b->target[i];
    truth *t = &c->truth[i];
    if (f->sequence != v->shape.sequence ||
        (f->sequence && (f->lengths ? f->steps != v->steps : f->steps < v->steps)))
        return rondo_fail(RONDO_E_SHAPE,
                          "output %d of the model has %lld steps in this batch, the targets %lld",
                          i + 1, (long long)v->steps, (long long)f->steps);
    const int64_t width = v->shape.features;
    *t = (truth){ .rows = value_rows(v), .width = f->data ? f->features : width };
    if (f->data) {
        t->target = f->data;
    } else if (width == 1 && !o->losses[i].row->takes_labels) {
        truth_from_labels(c->target[i], f->tokens, t->rows);
        t->target = c->target[i];
    } else {
        t->label = f->tokens;
    }
    c->valid[i] = (double)t->rows;
    const bool ragged = f->sequence && (v->lengths || f->lengths || v->mask);
    if (b->weight || ragged) {
        c->valid[i] = truth_weigh(c->weight[i], b->weight, f->sequence ? v->lengths : NULL,
                                  f->sequence ? f->lengths : NULL, f->sequence ? v->mask : NULL,
                                  v->steps, v->batch);
        t->weight = c->weight[i];
    }
    return loss_check(&o->losses[i], t, width);
}

rondo_status comparison_fill(comparison *c, const objective *o, pass *p, const batch *b)
{
    RONDO_TRY(comparison_reserve(c, p));
    for (int i = 0; i < c->n; i++) RONDO_TRY(fill_one(c, o, pass_output(p, i), b, i));
    return RONDO_OK;
}

static void see(void *user, int output, const real *y, const truth *t, double loss_sum)
{
    scores_see(user, output, y, t, loss_sum);
}

void comparison_run(comparison *c, const objective *o, pass *p, scores *s)
{
    objective_run(o, p, c->truth, c->valid, c->value, s ? &(observer){ see, s } : NULL);
    c->total = 0;
    for (int i = 0; i < c->n; i++) c->total += c->value[i];
}

void comparison_free(comparison *c)
{
    alloc_free_aligned(c->memory);
    *c = (comparison){ 0 };
}
