/* From the single-precision library into its double-precision copy. Both are compiled from this
 * file: the library holds the whole double build as one object whose only visible name is
 * rondo_double_entry. */
#include "model.h"
#include <string.h>

/* What crosses: nothing here depends on rondo_real. */
typedef struct crossing_input {
    int64_t steps, batch, features;
    const float *data;
    const int32_t *tokens;
    const int64_t *lengths;
} crossing_input;
typedef struct crossing_truth {
    int64_t rows, width;
    const float *target, *weight;
    const int32_t *label;
    double valid;
} crossing_truth;
typedef struct crossing {
    const char *model, *losses; /* JSON of the graph; loss specs */
    const float *weights;
    int64_t n_weights, per_param;
    int n_inputs, n_truths;
    crossing_input input[MAX_PORTS];
    crossing_truth truth[MAX_PORTS];
    check_result *result;
    char error[1024];
} crossing;
rondo_status rondo_double_entry(crossing *c);

#ifdef RONDO_DOUBLE

static real *widened(const float *x, int64_t n, rondo_status *s)
{
    real *wide = x && !*s ? alloc_array(n + 1, sizeof *wide) : NULL;
    if (x && !wide && !*s) *s = RONDO_E_NOMEM;
    for (int64_t i = 0; wide && i < n; i++) wide[i] = (real)x[i];
    return wide;
}

static rondo_status run(crossing *c, rondo_model *m)
{
    feed feeds[MAX_PORTS];
    truth truths[MAX_PORTS];
    double valid[MAX_PORTS];
    objective o;
    RONDO_TRY(model_allocate(m));
    if (m->n_weights != c->n_weights)
        return rondo_fail(RONDO_E_SHAPE, "the model's copy has %lld weights, expected %lld",
                          (long long)m->n_weights, (long long)c->n_weights);
    for (int64_t i = 0; i < m->n_weights; i++) m->weights[i] = (real)c->weights[i];
    model_weights_changed(m);
    rondo_status s = objective_parse(&o, m, c->losses);
    for (int i = 0; i < c->n_inputs; i++) {
        const crossing_input *x = &c->input[i];
        feeds[i] = (feed){ x->steps, x->batch,
                           widened(x->data, x->steps * x->batch * x->features, &s), x->tokens,
                           x->lengths };
    }
    for (int i = 0; i < c->n_truths; i++) {
        const crossing_truth *t = &c->truth[i];
        truths[i] = (truth){ .target = widened(t->target, t->rows * t->width, &s),
                             .label = t->label,
                             .weight = widened(t->weight, t->rows, &s),
                             .rows = t->rows,
                             .width = t->width };
        valid[i] = t->valid;
    }
    if (!s)
        s = check_gradients(m, &o, c->n_inputs, feeds, truths, valid, c->per_param, true,
                            c->result);
    for (int i = 0; i < c->n_inputs; i++) alloc_free((void *)feeds[i].data);
    for (int i = 0; i < c->n_truths; i++) {
        alloc_free((void *)truths[i].target);
        alloc_free((void *)truths[i].weight);
    }
    return s;
}

rondo_status rondo_double_entry(crossing *c)
{
    json_t *json;
    rondo_model *m = NULL;
    rondo_status s = json_read(&json, c->model, strlen(c->model), "model");
    if (!s) {
        s = model_from_json(&m, json);
        json_decref(json);
    }
    if (!s) s = run(c, m);
    rondo_model_free(m);
    if (s) snprintf(c->error, sizeof c->error, "%s", rondo_error());
    return s;
}

/* The same check from the double build itself, on a copy of the model. */
rondo_status bridge_check(const rondo_model *m, const char *losses, int n, const feed feeds[],
                          const truth truths[], const double valid[], int64_t per_param,
                          check_result *result)
{
    json_t *json;
    rondo_model *copy = NULL;
    objective o;
    RONDO_TRY(model_to_json(m, &json));
    rondo_status s = model_from_json(&copy, json);
    json_decref(json);
    if (!s) s = model_allocate(copy);
    if (!s) {
        memcpy(copy->weights, m->weights, (size_t)m->n_weights * sizeof *m->weights);
        model_weights_changed(copy);
        s = objective_parse(&o, copy, losses);
    }
    if (!s) s = check_gradients(copy, &o, n, feeds, truths, valid, per_param, true, result);
    rondo_model_free(copy);
    return s;
}

#else

rondo_status bridge_check(const rondo_model *m, const char *losses, int n, const feed feeds[],
                          const truth truths[], const double valid[], int64_t per_param,
                          check_result *result)
{
    json_t *json;
    char *text;
    RONDO_TRY(model_to_json(m, &json));
    rondo_status s = json_text(&text, json);
    json_decref(json);
    if (s) return s;
    crossing c = { .model = text,
                   .losses = losses,
                   .weights = m->weights,
                   .n_weights = m->n_weights,
                   .per_param = per_param,
                   .n_inputs = n,
                   .n_truths = model_output_count(m),
                   .result = result };
    for (int i = 0; i < n; i++)
        c.input[i] = (crossing_input){
            feeds[i].steps, feeds[i].batch,  m->nodes[m->inputs[i]].out[0].features,
            feeds[i].data,  feeds[i].tokens, feeds[i].lengths
        };
    for (int i = 0; i < c.n_truths; i++)
        c.truth[i] = (crossing_truth){ truths[i].rows,   truths[i].width, truths[i].target,
                                       truths[i].weight, truths[i].label, valid[i] };
    s = rondo_double_entry(&c);
    alloc_free(text);
    if (s == RONDO_E_NAME)
        return rondo_fail(s,
                          "%s in double precision: rows of your own are checked by a program built "
                          "with -DRONDO_DOUBLE and linked with -lrondo_double",
                          c.error);
    return s ? rondo_fail(s, "in double precision: %s", c.error) : RONDO_OK;
}
#endif
