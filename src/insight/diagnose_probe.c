/* probe - batches through a watched pass of its own, forward and back; what its layers show is added
 * up. Gradients over time are those of the loss of each row's last step, as those of a loss at every
 * step would say nothing of how far they come; layers that read backward get that of the first. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

/* ---- Opening: a look at each direction of each recurrent layer, and at layers of units ---- */
static rondo_status look_units(look *l, int64_t units)
{
    l->units = units;
    l->least = alloc_array(2 * units, sizeof *l->least);
    if (!l->least) return RONDO_E_NOMEM;
    l->most = l->least + units;
    return RONDO_OK;
}

static bool is_output(const rondo_model *m, int at)
{
    for (int i = 0; i < model_output_count(m); i++)
        if (model_output(m, i).node == at) return true;
    return false;
}

static rondo_status add_look(probe *p, int at, int direction)
{
    const call *c = &p->pass->calls[at];
    const layer_type *type = c->layer->type;
    scan_view v;
    look *l = &p->looks[p->n_looks++];
    *l = (look){ .node = at, .direction = direction };
    if (!layer_view(c, direction, &v)) {
        const rondo_function *f = type->activation ? type->activation(c->layer) : NULL;
        l->activation = f ? f->row : NULL;
        return look_units(l, c->out[0].shape.features);
    }
    l->recurrent = true;
    RONDO_TRY(look_units(l, v.cell->units));
    RONDO_TRY(flow_open(l, v.cell));
    l->activation = l->n_gates ? l->gate[l->n_gates - 1].row : NULL;
    return RONDO_OK;
}

static rondo_status add_looks(probe *p)
{
    const rondo_model *m = p->model;
    p->looks = alloc_array((int64_t)m->n_nodes * MAX_DIRECTIONS, sizeof *p->looks);
    if (!p->looks) return RONDO_E_NOMEM;
    for (int i = 0; i < m->n_nodes; i++) {
        const call *c = &p->pass->calls[i];
        scan_view v;
        if (!c->layer) continue;
        for (int d = 0; layer_view(c, d, &v); d++) RONDO_TRY(add_look(p, i, d));
        if (c->layer->type->activation && !is_output(m, i)) RONDO_TRY(add_look(p, i, 0));
    }
    return RONDO_OK;
}

rondo_status probe_open(probe *p, const rondo_model *m, const objective *o)
{
    *p = (probe){ .model = m, .objective = o };
    RONDO_TRY(pass_new(&p->pass, m));
    p->gradients = alloc_aligned((size_t)(m->n_weights + 1) * sizeof *p->gradients);
    if (!p->gradients) return RONDO_E_NOMEM;
    p->pass->watched = true;
    p->pass->gradients = p->gradients;
    const value_shape *in = &m->nodes[m->inputs[0]].out[0];
    p->features = in->type == RONDO_F32 ? in->features : 0;
    p->width = model_output_shape(m, 0)->features;
    p->input = alloc_array(p->features + 1, sizeof *p->input);
    p->answer = alloc_array(2 * p->width, sizeof *p->answer);
    if (!p->input || !p->answer) return RONDO_E_NOMEM;
    RONDO_TRY(add_looks(p));
    probe_reset(p);
    return RONDO_OK;
}

void probe_close(probe *p)
{
    for (int i = 0; i < p->n_looks; i++) {
        alloc_free(p->looks[i].least);
        alloc_free(p->looks[i].flow);
        alloc_free(p->looks[i].end);
        alloc_free(p->looks[i].scratch);
    }
    for (int i = 0; i < MAX_PORTS; i++) alloc_free(p->weight[i]);
    alloc_free(p->looks);
    alloc_free(p->input);
    alloc_free(p->answer);
    alloc_free_aligned(p->gradients);
    pass_free(p->pass);
    *p = (probe){ 0 };
}

void probe_reset(probe *p)
{
    for (int i = 0; i < p->n_looks; i++) {
        look *l = &p->looks[i];
        for (int64_t k = 0; k < l->units; k++) {
            l->least[k] = (real)HUGE_VAL;
            l->most[k] = (real)-HUGE_VAL;
        }
        if (!l->recurrent) continue;
        memset(l->flow, 0, RONDO_DISTANCES * sizeof *l->flow);
        memset(l->end, 0, sizeof *l->end);
        for (int g = 0; g < l->n_gates; g++) l->gate[g].n = 0; /* begins anew with the next batch */
        l->rows = l->steps = l->unreached = l->forgetting = l->n_kept = 0;
        l->log_kept = 0;
        l->hands_on = false;
    }
    p->samples = 0;
}

/* ---- One batch ---- */
/* Of every row's steps that count, the last (or the first) alone: weight[steps][batch]. */
static rondo_status end_alone(probe *p, int i, truth *t, double *valid, int64_t rows, bool first)
{
    const int64_t steps = t->rows / rows;
    if (p->room[i] < t->rows) {
        alloc_free(p->weight[i]);
        p->room[i] = 0;
        p->weight[i] = alloc_array(t->rows, sizeof *p->weight[i]);
        if (!p->weight[i]) return RONDO_E_NOMEM;
        p->room[i] = t->rows;
    }
    *valid = 0;
    kernel_table()->fill(p->weight[i], 0, t->rows);
    for (int64_t b = 0; b < rows; b++)
        for (int64_t k = 0; k < steps; k++) {
            const int64_t row = (first ? k : steps - 1 - k) * rows + b;
            if (t->weight && !(t->weight[row] > 0)) continue;
            p->weight[i][row] = 1;
            ++*valid;
            break;
        }
    t->weight = p->weight[i];
    return RONDO_OK;
}

/* Forward, and back from the last step (or the first) of each row. */
static rondo_status run(probe *p, int n, const feed feeds[], const truth truths[], bool first)
{
    truth some[MAX_PORTS];
    double valid[MAX_PORTS], values[MAX_PORTS];
    for (int i = 0; i < p->objective->n; i++) {
        some[i] = truths[i];
        RONDO_TRY(end_alone(p, i, &some[i], &valid[i], feeds[0].batch, first));
    }
    memset(p->gradients, 0, (size_t)p->model->n_weights * sizeof *p->gradients);
    RONDO_TRY(objective_forward(p->objective, p->pass, n, feeds, some, valid, values));
    pass_backward(p->pass);
    return RONDO_OK;
}

static bool reads_backward(const probe *p, const look *l)
{
    const rondo_rnn_options *o = p->model->nodes[l->node].layer->options;
    return l->recurrent && o->return_sequences && (l->direction == 1) != o->go_backwards;
}

static void see_units(look *l, const value *v)
{
    const int64_t u = l->units;
    for (int64_t i = 0; i < value_rows(v); i++) {
        const real *y = v->data + i * u;
        if (v->shape.sequence && v->lengths && i / v->batch >= v->lengths[i % v->batch]) continue;
        for (int64_t k = 0; k < u; k++) {
            if (y[k] < l->least[k]) l->least[k] = y[k];
            if (y[k] > l->most[k]) l->most[k] = y[k];
        }
    }
}

static void see_layers(probe *p, bool backward)
{
    for (int i = 0; i < p->n_looks; i++) {
        look *l = &p->looks[i];
        const call *c = &p->pass->calls[l->node];
        scan_view v;
        if (reads_backward(p, l) != backward) continue;
        if (l->recurrent && layer_view(c, l->direction, &v))
            flow_see(l, c, &v);
        else
            see_units(l, &c->out[0]);
    }
}

static void see_input(probe *p, const feed *f)
{
    for (int64_t i = 0; p->features && i < f->steps * f->batch; i++) {
        if (f->lengths && i / f->batch >= f->lengths[i % f->batch]) continue;
        for (int64_t k = 0; k < p->features; k++) {
            const double x = (double)f->data[i * p->features + k];
            p->input[k] += x * x;
        }
        p->input_rows++;
    }
}

static void see_answers(probe *p, const truth *t)
{
    for (int64_t r = 0; r < t->rows; r++) {
        const double w = t->weight ? (double)t->weight[r] : 1;
        p->answers += w;
        for (int64_t k = 0; t->target && k < t->width && k < p->width; k++) {
            const double y = (double)t->target[r * t->width + k];
            p->answer[k] += w * y;
            p->answer[p->width + k] += w * y * y;
        }
        if (!t->target && w > 0) p->answer[t->label[r]] += w;
    }
}

rondo_status probe_see(probe *p, int n, const feed feeds[], const truth truths[])
{
    bool backward = false;
    for (int i = 0; i < p->n_looks; i++) backward |= reads_backward(p, &p->looks[i]);
    if (backward) {
        RONDO_TRY(run(p, n, feeds, truths, true));
        see_layers(p, true);
    }
    RONDO_TRY(run(p, n, feeds, truths, false));
    see_layers(p, false);
    see_input(p, &feeds[0]);
    see_answers(p, &truths[0]);
    p->samples += feeds[0].batch;
    return RONDO_OK;
}

/* ---- What came of it ---- */
static double entropy(double share)
{
    return share > 0 ? -share * log(share) : 0;
}

/* The loss of the best answer that is always the same, of losses of which it is known. */
static double constant_loss(const probe *p)
{
    const loss *l = &p->objective->losses[0];
    const char *name = l->row->name;
    const double smoothing = loss_is_smoothed(l) ? (double)l->parameter : 0;
    const bool yes_no = strcmp(name, "binary_crossentropy") == 0;
    const bool classes = strstr(name, "categorical_crossentropy") != NULL;
    double sum = 0;
    if (!(p->answers > 0) || p->objective->n > 1) return NAN;
    for (int64_t k = 0; k < p->width; k++) {
        const double share = p->answer[k] / p->answers,
                     square = p->answer[p->width + k] / p->answers,
                     mean = (1 - smoothing) * share + smoothing / (classes ? (double)p->width : 2);
        if (classes)
            sum += entropy(mean);
        else if (yes_no)
            sum += (entropy(mean) + entropy(1 - mean)) / (double)p->width;
        else
            sum += (square - mean * mean) / (double)p->width;
    }
    return classes || yes_no || strcmp(name, "mse") == 0 ? sum : NAN;
}

static double target_size(const probe *p)
{
    double largest = NAN;
    for (int64_t k = 0; k < p->width && p->answers > 0; k++)
        largest = fmax(largest, sqrt(p->answer[p->width + k] / p->answers));
    return p->answer[p->width] > 0 || largest > 0 ? largest : NAN;
}

static void report_input(const probe *p, rondo_diagnosis *d)
{
    int64_t most = 0;
    for (int64_t k = 1; k < p->features; k++)
        if (p->input[k] > p->input[most]) most = k;
    if (p->features == 0 || p->input_rows == 0) return;
    d->input_size = sqrt(p->input[most] / (double)p->input_rows);
    snprintf(d->input_name, sizeof d->input_name, "%lld", (long long)most + 1);
}

static void report_units(const look *l, rondo_layer_diagnosis *d)
{
    d->largest = 0;
    for (int64_t k = 0; k < l->units; k++) {
        const double least = (double)l->least[k], most = (double)l->most[k];
        const double size = fmax(fabs(least), fabs(most));
        if (!(most >= least)) continue;
        d->largest = fmax(d->largest, size);
        d->dead += size == 0;
        d->constant += size > 0 && most - least <= 1e-3 * size;
    }
    if (l->activation) text_fit(d->activation, sizeof d->activation, l->activation->name);
}

static rondo_status report_layer(const probe *p, const look *l, bool jacobians,
                                 rondo_layer_diagnosis *d)
{
    const call *c = &p->pass->calls[l->node];
    scan_view v;
    text_fit(d->name, sizeof d->name, c->layer->name);
    text_fit(d->kind, sizeof d->kind, c->layer->kind);
    d->units = l->units;
    d->recurrent = l->recurrent;
    report_units(l, d);
    if (!l->recurrent || !layer_view(c, l->direction, &v)) return RONDO_OK;
    const rondo_rnn_options *o = c->layer->options;
    d->backward = (l->direction == 1) != o->go_backwards;
    flow_report(l, d);
    for (int g = 0; g < l->n_gates; g++)
        cell_gate_name(d->gate[g].name, sizeof d->gate[g].name, v.cell->row, g);
    if (!jacobians || p->samples == 0) return RONDO_OK;
    jacobian j;
    RONDO_TRY(jacobian_measure(&j, p->model, c, l->direction));
    d->spectral_radius = j.radius;
    d->lyapunov = j.exponent;
    d->kernel_radius = j.kernel_radius;
    return RONDO_OK;
}

rondo_status probe_report(const probe *p, bool jacobians, rondo_diagnosis **out)
{
    RONDO_TRY(diagnosis_new(out, p->n_looks));
    rondo_diagnosis *d = *out;
    d->samples = p->samples;
    rondo_status status = RONDO_OK;
    for (int i = 0; i < p->n_looks && !status; i++) {
        status = report_layer(p, &p->looks[i], jacobians, &d->layer[i]);
        if (!(d->steps >= d->layer[i].steps)) d->steps = d->layer[i].steps;
    }
    report_input(p, d);
    d->constant_loss = constant_loss(p);
    d->target_size = target_size(p);
    if (!status) return RONDO_OK;
    rondo_diagnosis_free(d);
    *out = NULL;
    return status;
}
