/* Around a step: a batch cut into windows of time (truncated backpropagation), and states
 * carried from window to window and, for stateful layers, from batch to batch. */
#include "train/train.h"
#include <math.h>

rondo_status carry_reserve(carry *c, const rondo_model *m, int64_t rows)
{
    if (rows <= c->room) return RONDO_OK;
    int64_t size;
    if (!size_mul(rows, m->state_size + 1, &size))
        return rondo_fail(RONDO_E_LIMIT, "states of %lld rows are too large", (long long)rows);
    carry_free(c);
    c->state = alloc_aligned((size_t)size * sizeof(real));
    if (!c->state) return RONDO_E_NOMEM;
    c->room = rows;
    return RONDO_OK;
}

rondo_status carry_begin(carry *c, pass *p, int64_t rows)
{
    RONDO_TRY(carry_reserve(c, p->model, rows));
    model_start_states(p->model, c->state, rows, c->rows != rows);
    p->begins = c->rows != rows ? BEGINS : BEGINS_UNLESS_STATEFUL;
    c->rows = rows;
    p->carry_in = p->carry_out = c->state;
    return RONDO_OK;
}

rondo_status carry_on(carry *c, pass *p, int64_t rows)
{
    if (c->rows != rows) return carry_begin(c, p, rows);
    p->carry_in = p->carry_out = c->state;
    return RONDO_OK;
}

void carry_free(carry *c)
{
    alloc_free_aligned(c->state);
    *c = (carry){ 0 };
}

/* ---- Windows ---- */
static void cut(batch_field *f, int64_t rows, int64_t at, int64_t n, int64_t *lengths)
{
    if (!f->sequence) return;
    if (f->data) f->data += at * rows * f->features;
    if (f->tokens) f->tokens += at * rows;
    f->steps = n;
    if (!f->lengths) return;
    for (int64_t b = 0; b < rows; b++) {
        const int64_t left = f->lengths[b] - at;
        lengths[b] = left < 0 ? 0 : left < n ? left : n;
    }
    f->lengths = lengths;
}

batch window_of(const batch *b, int64_t at, int64_t n, int64_t *lengths)
{
    batch w = *b;
    for (int i = 0; i < w.n_inputs; i++) cut(&w.input[i], w.rows, at, n, lengths + i * w.rows);
    lengths += w.n_inputs * w.rows;
    for (int i = 0; i < w.n_targets; i++) cut(&w.target[i], w.rows, at, n, lengths + i * w.rows);
    return w;
}

rondo_status window_steps(const batch *b, int64_t *steps)
{
    *steps = 1;
    for (int i = 0; i < b->n_inputs + b->n_targets; i++) {
        const batch_field *f = i < b->n_inputs ? &b->input[i] : &b->target[i - b->n_inputs];
        if (!f->sequence && i >= b->n_inputs)
            return rondo_fail(RONDO_E_ARG, "bptt needs a target for every step");
        if (!f->sequence) continue;
        const bool padded = i >= b->n_inputs && !f->lengths && f->steps > *steps; /* targets */
        if (*steps != 1 && f->steps != *steps && !padded)
            return rondo_fail(RONDO_E_SHAPE,
                              "bptt needs inputs and targets of as many steps, here %lld and %lld",
                              (long long)*steps, (long long)f->steps);
        if (!padded) *steps = f->steps;
    }
    return RONDO_OK;
}

rondo_status window_reserve(training *t, int64_t rows)
{
    if (rows <= t->lengths_room) return RONDO_OK;
    alloc_free(t->lengths);
    t->lengths_room = 0;
    t->lengths = alloc_array(2 * MAX_FIELDS * rows, sizeof *t->lengths);
    if (!t->lengths) return RONDO_E_NOMEM;
    t->lengths_room = rows;
    return RONDO_OK;
}

static rondo_status train_whole(rondo_model *m, const batch *b, double *mean)
{
    training *t = m->training;
    t->pass->carry_in = t->pass->carry_out = NULL;
    if (t->stateful) RONDO_TRY(carry_begin(&t->carry, t->pass, b->rows));
    RONDO_TRY(train_step(m, b, mean));
    scores_add_loss(&t->scores, *mean, (double)b->rows);
    return RONDO_OK;
}

rondo_status train_stream(rondo_model *m, const batch *b, double *mean)
{
    training *t = m->training;
    RONDO_TRY(carry_on(&t->carry, t->pass, b->rows));
    RONDO_TRY(train_step(m, b, mean));
    scores_add_loss(&t->scores, *mean, t->comparison.valid[0]);
    return RONDO_OK;
}

rondo_status train_windows(rondo_model *m, const batch *b, int64_t bptt, double *mean)
{
    if (bptt <= 0) return train_whole(m, b, mean);
    training *t = m->training;
    int64_t steps;
    RONDO_TRY(window_steps(b, &steps));
    RONDO_TRY(window_reserve(t, b->rows));
    RONDO_TRY(carry_begin(&t->carry, t->pass, b->rows));
    double sum = 0, valid = 0;
    for (int64_t at = 0; at < steps; at += bptt) {
        const int64_t n = steps - at < bptt ? steps - at : bptt;
        const batch w = window_of(b, at, n, t->lengths);
        double one;
        RONDO_TRY(train_step(m, &w, &one));
        scores_add_loss(&t->scores, one, t->comparison.valid[0]);
        sum += one * t->comparison.valid[0];
        valid += t->comparison.valid[0];
        if (!isfinite(one)) break;
    }
    *mean = valid > 0 ? sum / valid : 0;
    return RONDO_OK;
}
