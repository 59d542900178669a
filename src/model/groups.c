/* Groups of layers, from the bottom up: each layer that has weights, and as one group, the top, all that lie
 * behind the last one that carries a state. What they learn at which rate, and from when on (Howard and
 * Ruder 2018: discriminative rates, gradual unfreezing). */
#include "model.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The layers that some weight belongs to, in order; the last that carries a state. */
static int count_groups(const rondo_model *m, int *last_state)
{
    int n = 0;
    *last_state = -1;
    for (int i = 0; i < m->n_layers; i++) {
        const rondo_layer *l = m->layers[i];
        if (l->n_params == 0) continue;
        if (l->type->state_size) *last_state = n;
        n++;
    }
    return n;
}

int model_groups(const rondo_model *m)
{
    int last;
    const int n = count_groups(m, &last);
    return last >= 0 && last + 2 < n ? last + 2 : n;
}

static int group_of(const rondo_model *m, const rondo_layer *of)
{
    int n = 0;
    for (int i = 0; i < m->n_layers && m->layers[i] != of; i++) n += m->layers[i]->n_params > 0;
    const int top = model_groups(m) - 1;
    return n < top ? n : top;
}

/* ---- Rates ---- */
static rondo_status bad_rates(const char *text)
{
    return rondo_fail(RONDO_E_ARG,
                      "rates: \"%s\" is no list of factors; say \"embedding*=0.1 lstm*=0.4\", or "
                      "\"discriminative\": each layer at 1/2.6 of the rate of the one above it",
                      text);
}

/* "discriminative" or "discriminative=2.6" */
static rondo_status set_discriminative(rondo_model *m, const char *text)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    const double factor = equals ? strtod(equals + 1, &end) : 2.6;
    if (equals && (end == equals + 1 || end[strspn(end, " ")])) return bad_rates(text);
    if (!(factor >= 1 && factor <= 1e6))
        return rondo_fail(RONDO_E_ARG, "rates: a layer's rate is divided by 1 or more, not by %s",
                          equals + 1);
    const int top = model_groups(m) - 1;
    for (int i = 0; i < m->n_params; i++)
        m->params[i]->rate = pow(factor, group_of(m, m->params[i]->layer) - top);
    return RONDO_OK;
}

static rondo_status set_rate(rondo_model *m, const char *word)
{
    const char *equals = strrchr(word, '=');
    char *end = NULL, *pattern;
    const double rate = equals ? strtod(equals + 1, &end) : -1;
    bool *matches;
    int n;
    if (!equals || equals == word || end == equals + 1 || *end) return bad_rates(word);
    if (!(rate >= 0 && rate <= 1e6))
        return rondo_fail(RONDO_E_ARG,
                          "rates: the factor %s makes no sense; weights that are not "
                          "to train are frozen",
                          equals + 1);
    if (!(pattern = alloc_format("%.*s", (int)(equals - word), word))) return RONDO_E_NOMEM;
    const rondo_status status = model_match(&matches, &n, m, pattern);
    alloc_free(pattern);
    if (status) return rondo_fail_in(status, "rates");
    for (int i = 0; i < m->n_params; i++)
        if (matches[i]) m->params[i]->rate = rate;
    alloc_free(matches);
    return RONDO_OK;
}

rondo_status rondo_set_rates(rondo_model *m, const char *text)
{
    char **words;
    int n;
    RONDO_TRY(model_status(m));
    if (!text) text = "";
    for (int i = 0; i < m->n_params; i++) m->params[i]->rate = 1;
    if (strncmp(text, "discriminative", 14) == 0 && !isalnum((unsigned char)text[14]))
        return set_discriminative(m, text);
    RONDO_TRY(text_split(&words, &n, text, ' '));
    rondo_status status = RONDO_OK;
    for (int i = 0; i < n && !status; i++)
        if (*words[i]) status = set_rate(m, words[i]);
    text_list_free(words);
    return status;
}

/* ---- From when on ---- */
rondo_status model_thaw(rondo_model *m, int64_t groups)
{
    const int64_t n = model_groups(m);
    bool changed = false;
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        const bool rests = groups > 0 && group_of(m, p->layer) < n - groups;
        changed |= rests != p->rests;
        p->rests = rests;
    }
    return changed ? model_stick(m, model_follow(m)) : RONDO_OK;
}
