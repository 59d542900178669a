/* explain - why the model answers so: one number of its answer, and what it owes to the input. */
#include "insight/insight.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRADIENTS, OCCLUSION, GATES, UNITS, METHODS };
static const char *const method_names[] = { "integrated_gradients", "occlusion", "gates", "units" };

rondo_status explain_map(rondo_explanation *e, rondo_map **out, const char *kind, char *of,
                         int64_t steps, int64_t width)
{
    rondo_map *maps = alloc_grow(e->maps, ((size_t)e->n_maps + 1) * sizeof *maps);
    if (!maps) {
        alloc_free(of);
        return RONDO_E_NOMEM;
    }
    e->maps = maps;
    *out = &maps[e->n_maps++];
    **out = (rondo_map){ .kind = kind, .of = of, .steps = steps, .width = width };
    int64_t n;
    if (!size_mul(steps, width, &n))
        return rondo_fail(RONDO_E_LIMIT, "a map of %lld steps and %lld columns is too large",
                          (long long)steps, (long long)width);
    (*out)->values = alloc_array(n + 1, sizeof *(*out)->values);
    (*out)->names = alloc_array(width + 1, sizeof *(*out)->names);
    return (*out)->values && (*out)->names ? RONDO_OK : RONDO_E_NOMEM;
}

void rondo_explanation_free(rondo_explanation *e)
{
    if (!e) return;
    for (int i = 0; i < e->n_maps; i++) {
        alloc_free(e->maps[i].of);
        alloc_free(e->maps[i].values);
        text_list_free(e->maps[i].names);
    }
    alloc_free(e->maps);
    text_list_free(e->tokens);
    alloc_free(e->baseline);
    alloc_free(e);
}

/* ---- What is wanted ---- */
static rondo_status choose_methods(bool wanted[METHODS], const char *list)
{
    char **names;
    int n;
    memset(wanted, 0, METHODS * sizeof *wanted);
    RONDO_TRY(text_split(&names, &n, list ? list : method_names[GRADIENTS], ' '));
    rondo_status s = n ? RONDO_OK
                       : rondo_fail(RONDO_E_ARG, "by which method? %s, %s, %s or %s",
                                    method_names[0], method_names[1], method_names[2],
                                    method_names[3]);
    for (int i = 0; !s && i < n; i++) {
        int at = 0;
        while (at < METHODS && strcmp(names[i], method_names[at]) != 0) at++;
        if (at < METHODS) {
            wanted[at] = true;
            continue;
        }
        const char *near = name_nearest(names[i], METHODS, method_names);
        s = rondo_fail(RONDO_E_NAME, "unknown method \"%s\"; %s%s%s", names[i],
                       near ? "did you mean \""
                            : "there are integrated_gradients, occlusion, gates ",
                       near ? near : "and units", near ? "\"?" : "");
    }
    text_list_free(names);
    return s;
}

static rondo_status choose_column(int64_t *column, const rondo_pipeline *p, const char *name,
                                  const char *label)
{
    const char *wanted = name ? name : label;
    *column = 0;
    if (!wanted) return RONDO_OK;
    for (int i = 0; i < p->n_columns; i++)
        if (strcmp(wanted, p->columns[i]) == 0) {
            *column = i;
            return RONDO_OK;
        }
    const char *near = name_nearest(wanted, p->n_columns, (const char *const *)p->columns);
    char known[LIMIT_NAME];
    names_join(known, sizeof known, p->columns, p->n_columns);
    return near ? rondo_fail(RONDO_E_NAME, "the answer has no \"%s\"; did you mean \"%s\"?", wanted,
                             near)
                : rondo_fail(RONDO_E_NAME, "the answer has no \"%s\"; it has %s", wanted, known);
}

/* Steps of answers over time are counted from 1 by those who ask. */
static rondo_status choose_step(rondo_explanation *e, int64_t *at, const value *y, int64_t wanted)
{
    const int64_t steps = y->shape.sequence ? y->steps : 1;
    if (wanted && !y->shape.sequence)
        return rondo_fail(RONDO_E_ARG, "the answer is not over time, so it has no step %lld",
                          (long long)wanted);
    if (wanted < 0 || wanted > steps || !steps)
        return rondo_fail(RONDO_E_ARG, "step %lld: the sample has steps 1 to %lld",
                          (long long)wanted, (long long)steps);
    *at = wanted ? wanted - 1 : steps - 1;
    e->step = y->shape.sequence ? *at + 1 : 0;
    return RONDO_OK;
}

/* ---- The number that is explained ---- */
static rondo_status take_logit(lens *p)
{
    const rondo_function *f = model_output_activation(p->model, 0);
    if (!f)
        return rondo_fail(RONDO_E_ARG, "the model's last layer has no activation that can be left "
                                       "out, so there is no logit to explain");
    p->pass->fused[0] = true;
    return RONDO_OK;
}

static rondo_status set_goal(rondo_explanation *e, lens *p, const rondo_pipeline *pipeline,
                             int64_t column, bool logit)
{
    e->output = pipeline->columns[column];
    e->quantity = logit ? "logit" : pipeline->task == &task_classify ? "probability" : "value";
    p->column = column;
    if (logit) RONDO_TRY(take_logit(p));
    if (pipeline_is_binary(pipeline)) { /* one output, of the second class */
        p->factor = column ? 1 : -1;
        p->shift = column || logit ? 0 : 1;
        p->column = 0;
    } else if (pipeline->scale_out.n && !logit) {
        p->factor = 1 / pipeline->scale_out.factor[column];
        p->shift = pipeline->scale_out.shift[column];
    }
    return RONDO_OK;
}

/* ---- The baseline, in the data's own units ---- */
/* Whether the model skips step t of input i, as it does padding: there is nothing to attribute. */
static bool skips(const pass *p, int i, int64_t t)
{
    for (int n = 0; n < p->model->n_nodes; n++) {
        const node *at = &p->model->nodes[n];
        const value *y = &p->calls[n].out[0];
        if (at->layer && at->in[0].node == p->model->inputs[i] && y->mask && !y->mask[t])
            return true;
    }
    return false;
}

static rondo_status fill_baseline(lens_input *x, const rondo_pipeline *p, const rondo_dataset *d,
                                  int i, double number, bool mean)
{
    const scaler *scale = i == 0 ? pipeline_scaler(&p->scale_in) : NULL;
    const bool trained = mean && scale && strcmp(scale->kind, "standard") == 0;
    const int64_t width = x->features;
    scaler means = { 0 };
    if (x->tokens) return RONDO_OK;
    if (mean && !trained) RONDO_TRY(scaler_fit(&means, "standard", d, false, i));
    for (int64_t t = 0; t < x->steps; t++)
        for (int64_t k = 0; k < width; k++) {
            double b = means.n ? means.shift[k] : number;
            if (scale) b = trained ? 0 : (b - scale->shift[k]) * scale->factor[k];
            x->baseline[t * width + k] = skips(p->pass, i, t) ? x->sample[t * width + k] : (real)b;
        }
    scaler_free(&means);
    return RONDO_OK;
}

static rondo_status set_baseline(rondo_explanation *e, lens *p, const rondo_pipeline *pipeline,
                                 const rondo_dataset *d, const char *text)
{
    const bool mean = text && strcmp(text, "mean") == 0;
    double number = 0;
    if (text && !mean && strcmp(text, "zeros") != 0 &&
        number_parse(&number, text, strlen(text)) != NUMBER_OK)
        return rondo_fail(RONDO_E_ARG, "the baseline is zeros, mean or a number, not \"%s\"", text);
    for (int i = 0; i < p->n; i++)
        RONDO_TRY(fill_baseline(&p->input[i], pipeline, d, i, number, mean));
    const bool trained = strcmp(pipeline->scale_in.kind, "standard") == 0;
    e->baseline = p->input[0].tokens ? alloc_text("zero vectors")
                  : !mean            ? alloc_text(text ? text : "zeros")
                  : trained          ? alloc_text("mean of the training data")
                                     : alloc_text("mean of these data");
    return e->baseline ? RONDO_OK : RONDO_E_NOMEM;
}

/* ---- All of it ---- */
static rondo_status attribute(rondo_explanation *e, lens *p, const rondo_pipeline *pipeline,
                              const bool wanted[METHODS], int64_t hide)
{
    lens_blend(p, 0, 1);
    lens_blend(p, 1, 0);
    RONDO_TRY(lens_run(p, false));
    e->f = p->f[0];
    e->f_baseline = p->f[1];
    if (!isfinite(e->f) || !isfinite(e->f_baseline))
        return rondo_fail(RONDO_E_NAN, "the model's answer is not a number");
    char **features = pipeline->n_features == p->input[0].features ? pipeline->features : NULL;
    if (wanted[GRADIENTS]) RONDO_TRY(explain_gradients(e, p, features));
    return wanted[OCCLUSION] ? explain_occlusion(e, p, features, hide) : RONDO_OK;
}

static rondo_status answer(rondo_explanation *e, rondo_pipeline *p, const rondo_dataset *d,
                           const rondo_explain_options *o, int64_t *step, int64_t *column)
{
    if (!p->pass) RONDO_TRY(pass_new(&p->pass, p->model));
    RONDO_TRY(pipeline_forward(p, p->pass, d, &o->sample, 1));
    const value *y = pass_output(p->pass, 0);
    RONDO_TRY(choose_step(e, step, y, o->step));
    e->label = pipeline_read(p, p->row, y->data + *step * y->shape.features);
    return choose_column(column, p, o->output, e->label);
}

static rondo_status explain(rondo_explanation *e, rondo_pipeline *p, const rondo_dataset *d,
                            const rondo_explain_options *o)
{
    bool wanted[METHODS];
    int64_t step = 0, column = 0;
    lens around = { 0 };
    const int64_t hide = o->hide ? o->hide : 1;
    RONDO_TRY(choose_methods(wanted, o->methods));
    RONDO_TRY(data_check(p->model, d, false));
    if (o->sample < 0 || o->sample >= d->count)
        return rondo_fail(RONDO_E_ARG, "sample %lld: the data have samples 0 to %lld",
                          (long long)o->sample, (long long)d->count - 1);
    if (hide < 1) return rondo_fail(RONDO_E_ARG, "occlusion hides at least 1 step at a time");
    e->sample = o->sample;
    RONDO_TRY(answer(e, p, d, o, &step, &column));
    RONDO_TRY(pipeline_pieces(p, d, o->sample, &e->tokens));
    rondo_status s = lens_open(&around, p->model, &p->batch);
    around.step = step;
    if (!s) s = set_goal(e, &around, p, column, o->logit);
    if (!s) s = set_baseline(e, &around, p, d, o->baseline);
    if (!s) s = attribute(e, &around, p, wanted, hide);
    lens_close(&around);
    if (!s && wanted[GATES]) s = explain_gates(e, p, &p->batch, o->layer, o->gate);
    if (!s && wanted[UNITS]) s = explain_units(e, p, &p->batch, o->layer);
    return s;
}

rondo_status rondo_explain(rondo_explanation **out, rondo_pipeline *p, const rondo_dataset *d,
                           const rondo_explain_options *options)
{
    rondo_explain_options o = { 0 };
    const size_t given = options->size;
    memcpy(&o, options, given && given < sizeof o ? given : sizeof o);
    *out = alloc_new(sizeof **out);
    if (!*out) return RONDO_E_NOMEM;
    rondo_dataset *pieces = NULL;
    rondo_status s = d->streams ? dataset_windows(&pieces, d, STREAM_PIECE) : RONDO_OK;
    if (!s) s = explain(*out, p, pieces ? pieces : d, &o);
    rondo_dataset_free(pieces);
    if (!s) return RONDO_OK;
    rondo_explanation_free(*out);
    *out = NULL;
    return s;
}
