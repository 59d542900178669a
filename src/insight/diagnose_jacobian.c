/* jacobian - of one step of a recurrent layer, J = ∂s[t]/∂s[t-1], s being all its states: how much its
 * strongest direction grows when the same step is repeated (the spectral radius), and along the steps of
 * real rows (the largest Lyapunov exponent; Benettin et al. 1980, for recurrent networks Vogt et al.
 * 2020). Both come from products v·J, which the layer's own backward pass gives exactly, whatever the
 * cell: a model of this layer alone, one step long, with its states as inputs and outputs. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { ROWS = 8, STEPS = 200, TURNS = 120, SETTLING = 40 };
static const double nothing = 1e-30;

typedef struct stepper {
    rondo_model *model;
    pass *pass;
    const scan_view *view;
    int states;
    int64_t units, in, rows;
    real *x, *gradients;
    real *s[MAX_STATES], *v[MAX_STATES]; /* [rows][units] */
} stepper;

static rondo_status build(stepper *st, const rondo_layer *l)
{
    rondo_value in[1 + MAX_STATES], out[MAX_STATES];
    rondo_rnn_options o = *(const rondo_rnn_options *)l->options;
    o.size = sizeof o;
    o.merge = NULL;
    o.name = "step";
    o.return_state = true;
    o.return_sequences = o.go_backwards = o.stateful = o.learned_state = false;
    o.dropout = o.recurrent_dropout = 0;
    st->model = rondo_model_new();
    if (!st->model) return RONDO_E_NOMEM;
    in[0] = rondo_input(st->model, RONDO_F32, (rondo_shape){ 2, { 1, st->in } });
    for (int k = 0; k < st->states; k++)
        in[1 + k] = rondo_input(st->model, RONDO_F32, (rondo_shape){ 1, { st->units } });
    const rondo_value y = rondo_apply(st->model, rondo_rnn_new(l->kind, &o), 1 + st->states, in);
    for (int k = 0; k < st->states; k++) out[k] = (rondo_value){ y.node, 1 + k };
    RONDO_TRY(rondo_outputs(st->model, st->states, out));
    RONDO_TRY(model_prepare(st->model, 0));
    return rondo_adapt(st->model, "*", "frozen");
}

/* The parameter of that name in the layer's direction: "forward.kernel" for "kernel". */
static const param *source(const rondo_layer *l, int direction, const char *name)
{
    static const char *const prefixes[] = { "forward.", "backward." };
    for (int i = 0; i < l->n_params; i++) {
        const char *other = l->params[i].name;
        if (strcmp(other, name) == 0) return &l->params[i];
        const size_t n = strlen(prefixes[direction]);
        if (strncmp(other, prefixes[direction], n) == 0 && strcmp(other + n, name) == 0)
            return &l->params[i];
    }
    return NULL;
}

static void copy_weights(stepper *st, const rondo_model *m, const rondo_layer *l, int direction)
{
    const rondo_layer *own = st->model->layers[0];
    for (int i = 0; i < own->n_params; i++) {
        const param *to = &own->params[i], *from = source(l, direction, to->name);
        if (!from) continue;
        real *w = st->model->weights + to->offset;
        memcpy(w, m->weights + from->offset, (size_t)shape_size(&to->shape) * sizeof(real));
        for (const adapter *a = from->adapters; a; a = a->next)
            if (!a->off) adapter_merge(a, w, m->weights);
    }
    model_weights_changed(st->model);
}

static rondo_status reserve(stepper *st)
{
    const int64_t size = ROWS * st->units;
    RONDO_TRY(pass_new(&st->pass, st->model));
    st->x = alloc_array(ROWS * st->in, sizeof *st->x);
    st->gradients = alloc_array(st->model->n_weights + 1, sizeof *st->gradients);
    st->s[0] = alloc_array(2 * st->states * size, sizeof **st->s);
    if (!st->x || !st->gradients || !st->s[0]) return RONDO_E_NOMEM;
    for (int k = 0; k < st->states; k++) {
        st->s[k] = st->s[0] + k * size;
        st->v[k] = st->s[0] + (st->states + k) * size;
    }
    st->pass->gradients = st->gradients;
    st->pass->input_gradients = true;
    return RONDO_OK;
}

static void release(stepper *st)
{
    pass_free(st->pass);
    rondo_model_free(st->model);
    alloc_free(st->x);
    alloc_free(st->gradients);
    alloc_free(st->s[0]);
}

/* Row r of the stepper stands before step t of a row of the view. */
static void stand(stepper *st, int64_t r, int64_t t, int64_t rank)
{
    memcpy(st->x + r * st->in, view_input(st->view, t, rank), (size_t)st->in * sizeof *st->x);
    for (int k = 0; k < st->states; k++)
        memcpy(st->s[k] + r * st->units, view_state(st->view, k, t - 1, rank),
               (size_t)st->units * sizeof(real));
}

static void draw(stepper *st)
{
    rng random = rng_new(0, rng_stream(RNG_CHECK, 2));
    for (int64_t i = 0; i < st->states * ROWS * st->units; i++)
        st->v[0][i] = (real)rng_normal(&random);
}

/* v ← v·J / ‖v·J‖ of each row; grown[r] receives ln of the norm. The first call only makes v of length 1. */
static void normalise(stepper *st, double grown[ROWS])
{
    const kernels *kernel = kernel_table();
    for (int64_t r = 0; r < st->rows; r++) {
        double squares = 0;
        for (int k = 0; k < st->states; k++)
            squares += kernel->sum_squares(st->v[k] + r * st->units, st->units);
        const double size = sqrt(squares);
        grown[r] = isfinite(size) ? log(fmax(size, nothing)) : NAN;
        for (int k = 0; k < st->states; k++)
            kernel->scale(st->v[k] + r * st->units, st->v[k] + r * st->units,
                          (real)(size > nothing ? 1 / size : 0), st->units);
    }
}

static rondo_status turn(stepper *st, double grown[ROWS])
{
    feed feeds[1 + MAX_STATES] = { { 1, st->rows, st->x, NULL, NULL } };
    const int64_t size = st->rows * st->units;
    for (int k = 0; k < st->states; k++) feeds[1 + k] = (feed){ 1, st->rows, st->s[k], NULL, NULL };
    RONDO_TRY(pass_forward(st->pass, 1 + st->states, feeds));
    for (int k = 0; k < st->states; k++) {
        value *y = pass_output(st->pass, k);
        memcpy(y->grad, st->v[k], (size_t)size * sizeof(real));
        y->grad_written = true;
    }
    pass_backward(st->pass);
    for (int k = 0; k < st->states; k++)
        memcpy(st->v[k], pass_input(st->pass, 1 + k)->grad, (size_t)size * sizeof(real));
    normalise(st, grown);
    return RONDO_OK;
}

/* Along the longest rows, from their ends to their beginnings; the first fifth lets v turn into the
 * direction that grows most. */
static rondo_status exponent(stepper *st, double *result)
{
    const int64_t rows = view_rows(st->view, 0);
    double grown[ROWS], sum = 0, n = 0;
    st->rows = rows < ROWS ? rows : ROWS;
    if (st->rows == 0) return RONDO_OK;
    const int64_t shortest = view_count(st->view, st->rows - 1);
    const int64_t steps = shortest < STEPS ? shortest : STEPS;
    draw(st);
    normalise(st, grown);
    for (int64_t i = 0; i + 1 < steps; i++) {
        for (int64_t r = 0; r < st->rows; r++) stand(st, r, view_count(st->view, r) - 1 - i, r);
        RONDO_TRY(turn(st, grown));
        for (int64_t r = 0; r < st->rows && i >= steps / 5; r++, n++) sum += grown[r];
    }
    if (n > 0) *result = sum / n;
    return RONDO_OK;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* At points all over the rows and their steps: the growth of v when J is applied again and again; the
 * mean over many turns, as a pair of complex eigenvalues makes it swing. */
static rondo_status radius(stepper *st, double *result)
{
    const int64_t rows = view_rows(st->view, 0);
    double grown[ROWS], sum[ROWS] = { 0 };
    st->rows = rows < ROWS ? rows : ROWS;
    if (st->rows == 0) return RONDO_OK;
    for (int64_t r = 0; r < st->rows; r++) {
        const int64_t rank = r * rows / st->rows;
        stand(st, r, view_count(st->view, rank) * (r + 1) / (st->rows + 1), rank);
    }
    draw(st);
    for (int i = 0; i < TURNS; i++) {
        RONDO_TRY(turn(st, grown));
        for (int64_t r = 0; r < st->rows && i >= SETTLING; r++)
            sum[r] += grown[r] / (TURNS - SETTLING);
    }
    qsort(sum, (size_t)st->rows, sizeof *sum, compare);
    *result = exp(sum[st->rows / 2]);
    return RONDO_OK;
}

/* The same of the recurrent kernel U [units][units] itself. */
static rondo_status kernel_radius(const rondo_model *m, const param *u, int64_t n, double *result)
{
    rng random = rng_new(0, rng_stream(RNG_CHECK, 3));
    const kernels *k = kernel_table();
    real *v = alloc_array(2 * n, sizeof *v);
    if (!v) return RONDO_E_NOMEM;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) v[i] = (real)rng_normal(&random);
    for (int turns = -1; turns < TURNS; turns++) {
        const double size = sqrt(k->sum_squares(v, n));
        if (turns >= SETTLING) sum += log(fmax(size, nothing)) / (TURNS - SETTLING);
        k->scale(v + n, v, (real)(size > nothing ? 1 / size : 0), n);
        k->gemm_tn(v, n, v + n, 1, m->weights + u->offset, n, false, 1, n, n);
    }
    alloc_free(v);
    *result = exp(sum);
    return RONDO_OK;
}

rondo_status jacobian_measure(jacobian *j, const rondo_model *m, const call *c, int direction)
{
    scan_view view;
    *j = (jacobian){ NAN, NAN, NAN };
    if (!layer_view(c, direction, &view)) return RONDO_OK;
    const scan_cell *cell = view.cell;
    stepper st = {
        .view = &view, .states = cell->row->states, .units = cell->units, .in = cell->x->in
    };
    rondo_status status = build(&st, c->layer);
    if (!status) {
        copy_weights(&st, m, c->layer, direction);
        status = reserve(&st);
    }
    if (!status) status = exponent(&st, &j->exponent);
    if (!status) status = radius(&st, &j->radius);
    const param *u = status ? NULL : source(st.model->layers[0], 0, "recurrent_kernel");
    if (u && cell->row->h_gates == 1 && !cell->row->made_gates)
        status = kernel_radius(st.model, u, cell->units, &j->kernel_radius);
    release(&st);
    return status;
}
