/* What a watched pass shows of its scans: every cell's gates by name, states, gradients over time;
 * and that watching changes no bit. */
#include "model/models.h"
#include <math.h>

enum { FEATURES = 3, STEPS = 6, BATCH = 5, UNITS = 4 };
static const int64_t ragged[BATCH] = { 4, 6, 1, 6, 2 };

/* ---- An activation that gives the same whatever it is given: it names the gate that has it ---- */
static void constant(real *y, const real *x, int64_t n, const void *args)
{
    (void)x;
    for (int64_t i = 0; i < n; i++) y[i] = *(const real *)args;
}

static void flat(real *dx, const real *x, const real *y, const real *dy, int64_t n,
                 const void *args)
{
    (void)x, (void)y, (void)dy, (void)args;
    for (int64_t i = 0; i < n; i++) dx[i] = 0;
}

static const rondo_activation marker = {
    .name = "marker", .forward = constant, .backward = flat, .parameters = "value=0"
};

typedef struct watched {
    rondo_model *model;
    pass *pass;
    real *x, *gradients;
} watched;

static watched run(const char *text, bool watch, const int64_t *lengths)
{
    watched w = { .model = models_new(text, FEATURES),
                  .x = models_draw(STEPS * BATCH * FEATURES, 8) };
    const feed f = { STEPS, BATCH, w.x, NULL, lengths };
    w.gradients = alloc_array(w.model->n_weights, sizeof *w.gradients);
    assert_int_equal(pass_new(&w.pass, w.model), RONDO_OK);
    w.pass->watched = watch;
    w.pass->gradients = w.gradients;
    w.pass->input_gradients = true;
    models_run(w.pass, &f);
    value *y = pass_output(w.pass, 0);
    for (int64_t i = 0; i < value_size(y); i++)
        y->grad[i] = y->lengths && i / y->shape.features / y->batch >=
                                       y->lengths[i / y->shape.features % y->batch]
                         ? 0
                         : (real)sin((double)i);
    y->grad_written = true;
    pass_backward(w.pass);
    return w;
}

static void done(watched *w)
{
    pass_free(w->pass);
    rondo_model_free(w->model);
    alloc_free(w->x);
    alloc_free(w->gradients);
}

static scan_view look(const watched *w, int at, int direction)
{
    scan_view v;
    assert_true(layer_view(&w->pass->calls[at], direction, &v));
    return v;
}

/* Each gate of each cell in turn has the marker: it alone shows the marker's value. */
static void every_gate_of_every_cell(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++) {
        const rondo_cell *cell = registry_at(REGISTRY_CELL, i);
        for (int g = 0; g < cell_gate_count(cell); g++) {
            char text[256], gate[64];
            cell_gate_name(gate, sizeof gate, cell, g);
            snprintf(text, sizeof text, "%s %d activations=\"%s=marker(0.375)\"", cell->name, UNITS,
                     gate);
            watched w = run(text, true, ragged);
            const scan_view v = look(&w, 1, 0);
            for (int64_t t = 0; t < view_steps(&v); t++)
                for (int64_t r = 0; r < view_rows(&v, t); r++)
                    for (int k = 0; k < UNITS; k++)
                        if (view_gate(&v, g, t, r)[k] != (real)0.375)
                            fail_msg("%s: gate %s is not where `gates` says", cell->name, gate);
            done(&w);
        }
    }
}

/* What a gate was given gives its value. */
static void inputs_of_gates(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++) {
        const rondo_cell *cell = registry_at(REGISTRY_CELL, i);
        char text[256];
        snprintf(text, sizeof text, "%s %d gelu recurrent_activation=silu", cell->name, UNITS);
        watched w = run(text, true, ragged);
        const scan_view v = look(&w, 1, 0);
        for (int g = 0; g < cell_gate_count(cell); g++) {
            const real *z = view_gate_input(&v, g, 0, 0), *y = view_gate(&v, g, 0, 0);
            real again[UNITS];
            if (!z) continue;
            rondo_activate(&v.cell->activation[g], again, z, UNITS);
            for (int k = 0; k < UNITS; k++)
                if (fabs((double)(again[k] - y[k])) > 1e-5)
                    fail_msg("%s: gate %d was not given what lies first in inputs", cell->name, g);
        }
        done(&w);
    }
}

static const char *const specs[] = {
    "simple_rnn 4",
    "simple_rnn 4 return_sequences",
    "lstm 4",
    "lstm 4 return_sequences; gru 3",
    "gru 4 return_sequences merge=concat; lstm 3 merge=sum",
    "simple_rnn 4 gelu return_sequences go_backwards",
};

static void watching_changes_no_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        for (int k = 0; k < 2; k++) {
            watched a = run(specs[i], false, k ? ragged : NULL);
            watched b = run(specs[i], true, k ? ragged : NULL);
            const value *y = pass_output(a.pass, 0), *x = pass_input(a.pass, 0);
            models_same_bits("output", y->data, pass_output(b.pass, 0)->data, value_size(y));
            models_same_bits("gradient", a.gradients, b.gradients, a.model->n_weights);
            models_same_bits("input", x->grad, pass_input(b.pass, 0)->grad, value_size(x));
            done(&a);
            done(&b);
        }
}

/* dz = dh (1 - h²) summed over steps and rows is the gradient of the bias. */
static void gradients_over_time(void **state)
{
    static const char *const kinds[] = { "", " return_sequences", " go_backwards",
                                         " return_sequences merge=concat" };
    (void)state;
    for (int i = 0; i < 8; i++) {
        char text[96];
        snprintf(text, sizeof text, "simple_rnn %d%s", UNITS, kinds[i / 2]);
        watched w = run(text, true, i % 2 ? ragged : NULL);
        const rondo_layer *l = w.model->layers[0];
        scan_view v;
        for (int d = 0; layer_view(&w.pass->calls[1], d, &v); d++) {
            const param *bias = &l->params[3 * d + 2];
            double sum[UNITS] = { 0 };
            for (int64_t t = 0; t < view_steps(&v); t++)
                for (int64_t r = 0; r < view_rows(&v, t); r++)
                    for (int k = 0; k < UNITS; k++) {
                        const double h = (double)view_state(&v, 0, t, r)[k];
                        sum[k] += (double)view_gradient(&v, t, r)[k] * (1 - h * h);
                    }
            for (int k = 0; k < UNITS; k++)
                assert_true(fabs(sum[k] - (double)w.gradients[bias->offset + k]) < 1e-4);
        }
        done(&w);
    }
}

static void rows_and_times(void **state)
{
    (void)state;
    watched w = run("simple_rnn 4 return_sequences merge=concat", true, ragged);
    for (int d = 0; d < 2; d++) {
        const scan_view v = look(&w, 1, d);
        const int64_t width = pass_output(w.pass, 0)->shape.features;
        const real *y = pass_output(w.pass, 0)->data;
        for (int64_t r = 0; r < BATCH; r++) {
            const int64_t row = view_batch_row(&v, r);
            assert_int_equal(view_count(&v, r), ragged[row]);
            for (int64_t t = 0; t < view_count(&v, r); t++) {
                const int64_t time = d ? ragged[row] - 1 - t : t;
                assert_int_equal(view_time(&v, t, r), time);
                assert_memory_equal(view_state(&v, 0, t, r),
                                    y + (time * BATCH + row) * width + d * UNITS,
                                    UNITS * sizeof *y);
            }
        }
    }
    scan_view none;
    assert_false(layer_view(&w.pass->calls[0], 0, &none));
    assert_false(layer_view(&w.pass->calls[1], 2, &none));
    done(&w);
}

/* Forward alone, a single row too: everything is there. */
static void without_going_backward(void **state)
{
    (void)state;
    rondo_model *m = models_new("lstm 4; dense 2", FEATURES);
    real *x = models_draw(STEPS * FEATURES, 8);
    const feed f = { STEPS, 1, x, NULL, NULL };
    pass *p, *plain;
    scan_view v;
    assert_int_equal(pass_new(&p, m), RONDO_OK);
    assert_int_equal(pass_new(&plain, m), RONDO_OK);
    p->watched = true;
    models_run(p, &f);
    models_run(plain, &f);
    models_same_bits("output", pass_output(p, 0)->data, pass_output(plain, 0)->data, 2);
    assert_true(layer_view(&p->calls[1], 0, &v));
    for (int64_t t = 0; t < STEPS; t++)
        for (int k = 0; k < UNITS; k++) {
            const double f_gate = (double)view_gate(&v, 1, t, 0)[k];
            const double i_gate = (double)view_gate(&v, 0, t, 0)[k];
            const double c = f_gate * (double)view_state(&v, 1, t - 1, 0)[k] +
                             i_gate * (double)view_gate(&v, 2, t, 0)[k];
            assert_true(fabs(c - (double)view_state(&v, 1, t, 0)[k]) < 1e-6);
        }
    pass_free(p);
    pass_free(plain);
    rondo_model_free(m);
    alloc_free(x);
}

int main(void)
{
    rondo_register_activation(&marker);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gate_of_every_cell), cmocka_unit_test(inputs_of_gates),
        cmocka_unit_test(watching_changes_no_bit),  cmocka_unit_test(gradients_over_time),
        cmocka_unit_test(rows_and_times),           cmocka_unit_test(without_going_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
