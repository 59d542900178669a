/* What trains, and what stands between weights and their inputs: frozen, thawed, adapted, merged. */
#include "model.h"
#include <fnmatch.h>
#include <string.h>

/* Calls visit on every adapter of that name (NULL: on all), which may take itself off; how many. */
typedef struct visitor {
    const char *name;
    rondo_status (*visit)(rondo_model *, param *, adapter *, const void *arg);
    const void *arg;
} visitor;

static rondo_status each_adapter(rondo_model *m, const visitor *v, int *n)
{
    *n = 0;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_params; k++) {
            param *p = &m->layers[i]->params[k];
            for (adapter *a = p->adapters, *next; a; a = next) {
                next = a->next;
                if (v->name && strcmp(v->name, a->name) != 0) continue;
                ++*n;
                RONDO_TRY(v->visit(m, p, a, v->arg));
            }
        }
    return RONDO_OK;
}

rondo_status model_follow(rondo_model *m)
{
    m->adapted++;
    model_place_gradients(m);
    if (!m->weights) return RONDO_OK;
    model_weights_changed(m);
    if (m->gradients) RONDO_TRY(model_gradients(m));
    return m->training_follow ? m->training_follow(m) : RONDO_OK;
}

rondo_status model_settle(rondo_model *m)
{
    rondo_status s = model_list_all(m);
    if (!s && m->weights) s = model_place_again(m);
    if (!s) s = model_follow(m);
    return model_stick(m, s);
}

/* ---- frozen, trainable, only ---- */
typedef enum training_word { FROZEN, TRAINABLE, ONLY, WORDS } training_word;
static const char *const words[WORDS] = { "frozen", "trainable", "only" };

static rondo_status no_match(const rondo_model *m, const char *pattern)
{
    char *first = m->n_params ? model_param_name(m, 0) : NULL;
    const rondo_status s = rondo_fail(RONDO_E_NAME, "no weight is named like \"%s\"%s%s%s", pattern,
                                      first ? "; the first is \"" : "", first ? first : "",
                                      first ? "\"" : "");
    alloc_free(first);
    return s;
}

rondo_status model_match(bool **matches, int *n, const rondo_model *m, const char *pattern)
{
    *n = 0;
    *matches = alloc_array(m->n_params + 1, sizeof **matches);
    if (!*matches) return RONDO_E_NOMEM;
    for (int i = 0; i < m->n_params; i++) {
        (*matches)[i] = !fnmatch(pattern, rondo_weight_name(m, i), 0);
        *n += (*matches)[i];
    }
    if (*n) return RONDO_OK;
    alloc_free(*matches);
    *matches = NULL;
    return no_match(m, pattern);
}

/* What is switched off does not train, whatever its name matches. */
static rondo_status rest_one(rondo_model *m, param *p, adapter *a, const void *arg)
{
    (void)m, (void)p, (void)arg;
    for (int i = 0; i < a->n_params && a->off; i++) a->params[i].trainable = false;
    return RONDO_OK;
}

static rondo_status set_training(rondo_model *m, const bool *matches, training_word word)
{
    for (int i = 0; i < m->n_params; i++)
        if (matches[i] || word == ONLY) m->params[i]->trainable = matches[i] && word != FROZEN;
    int n;
    RONDO_TRY(each_adapter(m, &(visitor){ NULL, rest_one, NULL }, &n));
    return model_stick(m, model_follow(m));
}

/* ---- Adapters ---- */
rondo_status model_check_idle(const rondo_model *m)
{
    if (!m->fitting) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE, "adapters are put on and taken off between fits, not in one; "
                                     "they may be frozen, thawed and switched");
}

/* Onto every matrix that matches, or onto none. */
static rondo_status put_all(rondo_model *m, const bool *matches, const char *text, int *n)
{
    adapter **made = alloc_array(m->n_params + 1, sizeof *made);
    rondo_status s = made ? RONDO_OK : RONDO_E_NOMEM;
    *n = 0;
    for (int i = 0; i < m->n_params && !s; i++) {
        const param *p = m->params[i];
        if (!matches[i] || !layer_multiplies(p->layer, p)) continue;
        s = rondo_fail_in(adapter_parse(&made[i], text, p), "%s", p->layer->name);
        if (!s && adapter_find(p, made[i]->name))
            s = rondo_fail(RONDO_E_ARG,
                           "%s.%s has an adapter \"%s\" already; give the new one a name of its "
                           "own: \"%s … name=second\"",
                           p->layer->name, p->name, made[i]->name, made[i]->row->name);
        ++*n;
    }
    for (int i = 0; made && i < m->n_params; i++) {
        if (s)
            adapter_free(made[i]);
        else if (made[i])
            adapter_put(m->params[i], made[i]);
    }
    alloc_free(made);
    return s;
}

static rondo_status unknown(const char *text)
{
    const char *names[WORDS + 16];
    char kind[64];
    int n = 0;
    for (; n < WORDS; n++) names[n] = words[n];
    for (int i = 0; i < registry_count(REGISTRY_ADAPTER) && n < WORDS + 16; i++)
        names[n++] = registry_name(REGISTRY_ADAPTER, i);
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, " "), text);
    const char *near = name_nearest(kind, n, names);
    if (near)
        return rondo_fail(RONDO_E_NAME, "weights cannot be adapted to \"%s\"; did you mean \"%s\"?",
                          kind, near);
    return rondo_fail(RONDO_E_NAME,
                      "weights are adapted to \"frozen\", \"trainable\", \"only\" (all others "
                      "frozen), \"lora rank=8\" or \"weight_drop rate=0.5\", not \"%s\"",
                      kind);
}

static bool is_adapter(const char *text)
{
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, " "), text);
    return registry_find(REGISTRY_ADAPTER, kind) != NULL;
}

rondo_status rondo_adapt(rondo_model *m, const char *pattern, const char *text)
{
    bool *matches;
    int n, word = 0;
    RONDO_TRY(model_status(m));
    if (!pattern || !text) return unknown(text ? text : "(NULL)");
    while (word < WORDS && strcmp(text, words[word]) != 0) word++;
    if (word == WORDS && !is_adapter(text)) return unknown(text);
    if (word == WORDS) RONDO_TRY(model_check_idle(m));
    RONDO_TRY(model_match(&matches, &n, m, pattern));
    rondo_status s = word < WORDS ? set_training(m, matches, (training_word)word)
                                  : put_all(m, matches, text, &n);
    alloc_free(matches);
    if (s || word < WORDS) return s;
    if (n) return model_settle(m);
    return rondo_fail(RONDO_E_SHAPE,
                      "no weight named like \"%s\" is a matrix, which is what \"%s\" "
                      "adapts",
                      pattern, text);
}

static rondo_status none_named(const rondo_model *m, const char *name)
{
    rondo_adapter_info info;
    if (!rondo_adapter_at(m, 0, &info))
        return rondo_fail(RONDO_E_NAME, "the model has no adapters");
    return rondo_fail(RONDO_E_NAME, "the model has no adapter \"%s\"; it has \"%s\" on %s", name,
                      info.name, info.weight);
}

static rondo_status switch_one(rondo_model *m, param *p, adapter *a, const void *on)
{
    (void)m, (void)p;
    a->off = !*(const bool *)on;
    for (int i = 0; i < a->n_params; i++) a->params[i].trainable = !a->off;
    return RONDO_OK;
}

rondo_status rondo_adapter_enable(rondo_model *m, const char *name, bool on)
{
    int n;
    RONDO_TRY(model_status(m));
    RONDO_TRY(each_adapter(m, &(visitor){ name, switch_one, &on }, &n));
    return n ? model_stick(m, model_follow(m)) : none_named(m, name ? name : "*");
}

static rondo_status remove_one(rondo_model *m, param *p, adapter *a, const void *merge)
{
    if (*(const bool *)merge && !a->off) adapter_merge(a, m->weights + p->offset, m->weights);
    adapter_remove(p, a);
    return RONDO_OK;
}

static rondo_status take_off(rondo_model *m, const char *name, bool merge)
{
    int n;
    RONDO_TRY(model_status(m));
    RONDO_TRY(model_check_idle(m));
    if (merge) RONDO_TRY(model_prepare(m, 0));
    RONDO_TRY(each_adapter(m, &(visitor){ name, remove_one, &merge }, &n));
    return n ? model_settle(m) : none_named(m, name ? name : "*");
}

rondo_status rondo_adapter_merge(rondo_model *m, const char *name)
{
    return take_off(m, name, true);
}

rondo_status rondo_adapter_remove(rondo_model *m, const char *name)
{
    return take_off(m, name, false);
}

bool rondo_adapter_at(const rondo_model *m, int i, rondo_adapter_info *info)
{
    static _Thread_local char weight[2 * LIMIT_NAME];
    for (int l = 0; m && l < m->n_layers; l++)
        for (int k = 0; k < m->layers[l]->n_params; k++) {
            const param *p = &m->layers[l]->params[k];
            for (const adapter *a = p->adapters; a; a = a->next) {
                if (i-- > 0) continue;
                *info = (rondo_adapter_info){ weight, a->row->name, a->name, 0, !a->off };
                snprintf(weight, sizeof weight, "%s.%s", m->layers[l]->name, p->name);
                for (int j = 0; j < a->n_params; j++)
                    info->parameters += shape_size(&a->params[j].shape);
                return true;
            }
        }
    return false;
}
