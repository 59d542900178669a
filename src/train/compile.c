/* Compile: what turns a graph into something that trains. */
#include "train/train.h"
#include <string.h>

static void free_training(training *t)
{
    if (!t) return;
    optimizer_free(&t->optimizer);
    alloc_free(t->optimizer_spec);
    alloc_free(t->loss_spec);
    alloc_free(t->metric_spec);
    scores_free(&t->scores);
    text_list_free(t->score_names);
    pass_free(t->pass);
    batch_free(&t->batch);
    comparison_free(&t->comparison);
    carry_free(&t->carry);
    alloc_free(t->lengths);
    alloc_free(t);
}

rondo_status training_of(training **t, const rondo_model *m, const char *what)
{
    RONDO_TRY(model_status(m));
    *t = m->training;
    if (!m->training)
        return rondo_fail(RONDO_E_STATE, "%s needs a compiled model: call rondo_compile first",
                          what);
    return RONDO_OK;
}

void training_scale(rondo_model *m, const scaler *in, const scaler *out)
{
    if (!m->training) return;
    m->training->scale_in = in;
    m->training->scale_out = out;
}

/* The text under a key of {"loss": …, "metrics": …, "optimizer": …}; NULL when there is none. */
static const char *saved(const json_t *specs, const char *key)
{
    return specs ? json_string_value(json_object_get(specs, key)) : NULL;
}

static rondo_status keep_specs(training *t, const rondo_model *m, const rondo_compile_options *o)
{
    json_t *specs = NULL;
    if (!o->optimizer && !o->loss && !o->metrics && m->training_spec)
        RONDO_TRY(json_read(&specs, m->training_spec, strlen(m->training_spec), "training"));
    const char *optimizer_text = o->optimizer ? o->optimizer : saved(specs, "optimizer");
    const char *loss_text = o->loss ? o->loss : saved(specs, "loss");
    const char *metric_text = o->metrics ? o->metrics : saved(specs, "metrics");
    rondo_status status = RONDO_OK;
    t->optimizer_spec = alloc_text(optimizer_text ? optimizer_text : "adam");
    t->loss_spec = alloc_text(loss_text);
    t->metric_spec = alloc_text(metric_text ? metric_text : "");
    if (!loss_text)
        status = rondo_fail(RONDO_E_ARG, "compile needs a loss, such as .loss = \"mse\" or "
                                         "\"sparse_categorical_crossentropy\"");
    else if (!t->optimizer_spec || !t->loss_spec || !t->metric_spec)
        status = RONDO_E_NOMEM;
    json_decref(specs);
    return status;
}

static rondo_status write_spec(char **text, const training *t)
{
    json_t *o = json_object();
    rondo_status status = json_put(o, "optimizer", json_string(t->optimizer_spec));
    if (!status) status = json_put(o, "loss", json_string(t->loss_spec));
    if (!status) status = json_put(o, "metrics", json_string(t->metric_spec));
    if (!status) status = json_text(text, o);
    json_decref(o);
    return status;
}

static rondo_status fill(training *t, rondo_model *m, const rondo_compile_options *o)
{
    RONDO_TRY(keep_specs(t, m, o));
    RONDO_TRY(optimizer_parse(&t->optimizer, t->optimizer_spec));
    RONDO_TRY(objective_parse(&t->objective, m, t->loss_spec));
    RONDO_TRY(scores_parse(&t->scores, &t->score_names, m, &t->objective, t->metric_spec));
    RONDO_TRY(optimizer_reserve(&t->optimizer, m->weights, m->n_gradients, m->params, m->n_params));
    RONDO_TRY(model_gradients(m));
    RONDO_TRY(pass_new(&t->pass, m));
    t->pass->training = true;
    t->pass->gradients = m->gradients;
    objective_apply(&t->objective, t->pass);
    for (int i = 0; i < t->objective.n; i++) t->pass->unseen[i] = !scores_look(&t->scores, i);
    t->stateful = t->carries = model_stateful(m);
    return RONDO_OK;
}

/* What trains has changed: its gradients lie elsewhere, slots move along. */
static rondo_status follow(rondo_model *m)
{
    training *t = m->training;
    RONDO_TRY(optimizer_reserve(&t->optimizer, m->weights, m->n_gradients, m->params, m->n_params));
    RONDO_TRY(model_gradients(m));
    t->pass->gradients = m->gradients;
    return RONDO_OK;
}

rondo_status rondo_compile_with(rondo_model *m, const rondo_compile_options *given)
{
    rondo_compile_options o = { .size = sizeof o };
    if (given) memcpy(&o, given, given->size && given->size < sizeof o ? given->size : sizeof o);
    RONDO_TRY(model_status(m));
    const char *compute = o.compute ? o.compute : "f32";
    int kind;
    RONDO_TRY(linear_compute(&kind, compute));
    RONDO_TRY(model_prepare(m, o.seed));
    training *t = alloc_new(sizeof *t);
    if (!t) return RONDO_E_NOMEM;
    char *text = NULL;
    rondo_status status = fill(t, m, &o);
    if (!status) status = write_spec(&text, t);
    if (!status) status = model_threads(m, o.threads);
    if (!status) status = model_set_compute(m, compute); /* last: what fails changes nothing */
    if (status) {
        alloc_free(text);
        free_training(t);
        return status;
    }
    m->seed = t->pass->seed = o.seed;
    t->pass->pool = m->pool;
    if (m->training) {
        t->scale_in = m->training->scale_in;
        t->scale_out = m->training->scale_out;
        free_training(m->training);
    }
    alloc_free(m->training_spec);
    m->training_spec = text;
    m->training = t;
    m->training_free = free_training;
    m->training_follow = follow;
    return RONDO_OK;
}

int rondo_score_count(const rondo_model *m)
{
    return m->training ? 1 + m->training->scores.n_metrics : 0;
}

const char *rondo_score_name(const rondo_model *m, int i)
{
    return i >= 0 && i < rondo_score_count(m) ? m->training->score_names[i] : NULL;
}

double rondo_learning_rate(const rondo_model *m)
{
    return m->training ? optimizer_rate(&m->training->optimizer) : 0;
}

/* The rate that a schedule's factor applies to. */
rondo_status rondo_set_learning_rate(rondo_model *m, double rate)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_set_learning_rate"));
    if (!(rate >= 0) || rate > 1e30)
        return rondo_fail(RONDO_E_ARG, "a learning rate of %g makes no sense", rate);
    t->optimizer.learning_rate = rate;
    return RONDO_OK;
}

rondo_status rondo_swap_average(rondo_model *m)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_swap_average"));
    if (t->optimizer.average < 0)
        return rondo_fail(RONDO_E_STATE,
                          "optimizer %s keeps no average of the weights: give it "
                          "use_ema, or take asgd or ntasgd",
                          t->optimizer.row->name);
    average_swap(&t->optimizer, m->weights, m->params, m->n_params);
    model_weights_trained(m);
    return RONDO_OK;
}

rondo_status rondo_reset_states(rondo_model *m)
{
    training *t;
    RONDO_TRY(training_of(&t, m, "rondo_reset_states"));
    t->carry.rows = 0;
    return RONDO_OK;
}
