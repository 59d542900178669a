#include "model.h"
#include <string.h>

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
    }
    text_list_free(parts);
    return s;
}

rondo_status objective_forward(const objective *o, pass *p, int n, const feed feeds[],
                               const truth truths[], const double valid[], double values[])
{
    for (int i = 0; i < o->n; i++) p->fused[i] = o->losses[i].fused;
    RONDO_TRY(pass_forward(p, n, feeds));
    for (int i = 0; i < o->n; i++) {
        value *y = pass_output(p, i);
        const int64_t width = y->shape.features;
        bool add;
        real *dy = value_grad(y, &add);
        if (truths[i].rows != value_rows(y))
            return rondo_fail(RONDO_E_SHAPE,
                              "output %d has %lld rows (steps × batch), its targets %lld", i,
                              (long long)value_rows(y), (long long)truths[i].rows);
        RONDO_TRY(loss_check(&o->losses[i], &truths[i], width));
        loss_run(&o->losses[i], &truths[i], valid[i], dy, y->data, y->data, p->loss_scratch[i],
                 &values[i]);
    }
    return RONDO_OK;
}
