/* rondo_summary: the table that Keras' model.summary() prints. */
#include "model.h"
#include <stdlib.h>
#include <string.h>

static int64_t layer_parameters(const rondo_layer *l)
{
    int64_t n = 0;
    for (int i = 0; i < l->n_params; i++) {
        n += shape_size(&l->params[i].shape);
        for (const adapter *a = l->params[i].adapters; a; a = a->next)
            for (int k = 0; k < a->n_params; k++) n += shape_size(&a->params[k].shape);
    }
    return n;
}

static bool append(char **text, char *line)
{
    if (!line || !*text) {
        alloc_free(line);
        return false;
    }
    char *joined = alloc_format("%s%s", *text, line);
    alloc_free(line);
    if (!joined) return false;
    alloc_free(*text);
    *text = joined;
    return true;
}

static char *node_line(const rondo_model *m, int i)
{
    const node *n = &m->nodes[i];
    char shape[64], from[64] = "", name[96];
    shape_text(&n->out[0], shape);
    if (!n->layer) return alloc_format("%-36s %-22s\n", "input", shape);
    for (int k = 0, at = 0; k < n->n_in && (n->n_in > 1 || n->in[0].node != i - 1) && at < 48; k++)
        at += snprintf(from + at, sizeof from - (size_t)at, "%s%d:%d", k ? " " : "", n->in[k].node,
                       n->in[k].port);
    if (strcmp(n->layer->name, n->layer->kind) == 0)
        snprintf(name, sizeof name, "%s", n->layer->kind);
    else
        snprintf(name, sizeof name, "%s (%s)", n->layer->name, n->layer->kind);
    bool first = true;
    for (int k = 0; k < i; k++) first &= m->nodes[k].layer != n->layer;
    if (!first) return alloc_format("%-36s %-22s %12s  %s\n", name, shape, "shared", from);
    return alloc_format("%-36s %-22s %12lld  %s\n", name, shape,
                        (long long)layer_parameters(n->layer), from);
}

rondo_status rondo_summary(const rondo_model *m, char **out)
{
    *out = NULL;
    RONDO_TRY(model_status(m));
    char *text = alloc_format("%-36s %-22s %12s\n", "layer", "output", "parameters");
    bool ok = text != NULL;
    for (int i = 0; ok && i < m->n_nodes; i++) ok = append(&text, node_line(m, i));
    const long long all = (long long)rondo_parameter_count(m, false);
    const long long trained = (long long)rondo_parameter_count(m, true);
    ok = ok && append(&text, alloc_format("total %lld parameters, %lld trainable", all, trained));
    if (ok && trained < all)
        ok = append(&text, alloc_format(" (%.1f %%)", 100.0 * (double)trained / (double)all));
    ok = ok && append(&text, alloc_format(", %.1f kB\n", (double)all * sizeof(float) / 1000));
    if (ok) {
        *out = malloc(strlen(text) + 1); /* the caller's to free() */
        if (*out) strcpy(*out, text);
    }
    alloc_free(text);
    return *out ? RONDO_OK : rondo_fail(RONDO_E_NOMEM, "out of memory");
}
