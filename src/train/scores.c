/* The numbers that a run shows: mean loss, then the metrics, over what has been seen since the
 * last reset. */
#include "train/train.h"
#include <string.h>

/* "accuracy" or, when the model has several outputs, "dense_1_accuracy". */
static char *score_name(const rondo_model *m, int output, const char *name)
{
    if (model_output_count(m) == 1) return alloc_text(name);
    const rondo_layer *layer = m->nodes[model_output(m, output).node].layer;
    return alloc_format("%s_%s", layer ? layer->name : "input", name);
}

static rondo_status add(scores *s, char ***names, const rondo_model *m, const objective *o,
                        int output, const char *name)
{
    const size_t n = (size_t)s->n_metrics;
    metric *metrics = alloc_grow(s->metrics, (n + 1) * sizeof *metrics);
    if (!metrics) return RONDO_E_NOMEM;
    s->metrics = metrics;
    char **grown = alloc_grow(*names, (n + 3) * sizeof *grown); /* "loss", these, NULL */
    if (!grown) return RONDO_E_NOMEM;
    *names = grown;
    RONDO_TRY(metric_parse(&metrics[n], name, &o->losses[output],
                           model_output_shape(m, output)->features));
    metrics[n].output = output;
    s->n_metrics++;
    grown[n + 1] = score_name(m, output, name);
    grown[n + 2] = NULL;
    return grown[n + 1] ? RONDO_OK : RONDO_E_NOMEM;
}

/* Words between blanks and commas. */
static rondo_status add_all(scores *s, char ***names, const rondo_model *m, const objective *o,
                            int output, const char *text)
{
    for (text += strspn(text, " ,"); *text; text += strspn(text, " ,")) {
        char name[LIMIT_NAME];
        const size_t n = strcspn(text, " ,");
        if (n >= sizeof name) return rondo_fail(RONDO_E_NAME, "unknown metric \"%.20s…\"", text);
        memcpy(name, text, n);
        name[n] = '\0';
        RONDO_TRY(add(s, names, m, o, output, name));
        text += n;
    }
    return RONDO_OK;
}

rondo_status scores_parse(scores *s, char ***names, const rondo_model *m, const objective *o,
                          const char *metrics)
{
    *s = (scores){ 0 };
    char **parts = NULL;
    int n = 0;
    *names = alloc_array(2, sizeof **names);
    if (!*names || !((*names)[0] = alloc_text("loss"))) return RONDO_E_NOMEM;
    if (!metrics || !metrics[strspn(metrics, " ")]) return RONDO_OK;
    RONDO_TRY(text_split(&parts, &n, metrics, ';'));
    rondo_status status = RONDO_OK;
    if (n != 1 && n != o->n)
        status = rondo_fail(RONDO_E_ARG,
                            "metrics \"%s\" are for %d outputs, the model has %d: give one list "
                            "for all, or one for each with ; between",
                            metrics, n, o->n);
    for (int i = 0; i < o->n && !status; i++)
        status = add_all(s, names, m, o, i, parts[n == 1 ? 0 : i]);
    text_list_free(parts);
    return status;
}

rondo_status scores_copy(scores *s, const scores *from)
{
    *s = (scores){ 0 };
    if (from->n_metrics == 0) return RONDO_OK;
    s->metrics = alloc_array(from->n_metrics, sizeof *s->metrics);
    if (!s->metrics) return RONDO_E_NOMEM;
    for (; s->n_metrics < from->n_metrics; s->n_metrics++)
        RONDO_TRY(metric_copy(&s->metrics[s->n_metrics], &from->metrics[s->n_metrics]));
    return RONDO_OK;
}

void scores_reset(scores *s)
{
    s->loss_sum = s->loss_weight = 0;
    for (int i = 0; i < s->n_metrics; i++) metric_reset(&s->metrics[i]);
}

void scores_add_loss(scores *s, double mean, double rows)
{
    s->loss_sum += rows * mean;
    s->loss_weight += rows;
}

void scores_see(scores *s, int output, const real *y, const truth *t, double loss_sum)
{
    for (int i = 0; i < s->n_metrics; i++)
        if (s->metrics[i].output == output)
            metric_update(&s->metrics[i], y, t, loss_sum, truth_weight_sum(t));
}

bool scores_look(const scores *s, int output)
{
    for (int i = 0; i < s->n_metrics; i++)
        if (s->metrics[i].output == output && s->metrics[i].looks) return true;
    return false;
}

void scores_result(const scores *s, double values[])
{
    values[0] = s->loss_weight > 0 ? s->loss_sum / s->loss_weight : 0;
    for (int i = 0; i < s->n_metrics; i++) values[1 + i] = metric_result(&s->metrics[i]);
}

int64_t scores_size(const scores *s)
{
    int64_t n = 2;
    for (int i = 0; i < s->n_metrics; i++) n += s->metrics[i].n_state;
    return n;
}

void scores_save(const scores *s, double state[])
{
    *state++ = s->loss_sum;
    *state++ = s->loss_weight;
    for (int i = 0; i < s->n_metrics; i++) {
        const metric *m = &s->metrics[i];
        memcpy(state, m->state, (size_t)m->n_state * sizeof *state);
        state += m->n_state;
    }
}

void scores_load(scores *s, const double state[])
{
    s->loss_sum = *state++;
    s->loss_weight = *state++;
    for (int i = 0; i < s->n_metrics; i++) {
        metric *m = &s->metrics[i];
        memcpy(m->state, state, (size_t)m->n_state * sizeof *state);
        state += m->n_state;
    }
}

void scores_free(scores *s)
{
    for (int i = 0; i < s->n_metrics; i++) metric_free(&s->metrics[i]);
    alloc_free(s->metrics);
    *s = (scores){ 0 };
}
