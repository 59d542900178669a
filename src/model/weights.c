/* Weights by name. */
#include "model.h"
#include <string.h>

char *model_param_name(const rondo_model *m, int i)
{
    return alloc_format("%s.%s", m->params[i]->layer->name, m->params[i]->name);
}

static bool has_name(const param *p, const char *name)
{
    const char *layer = p->layer->name;
    const size_t n = strlen(layer);
    return !strncmp(name, layer, n) && name[n] == '.' && !strcmp(name + n + 1, p->name);
}

param *model_param(const rondo_model *m, const char *name)
{
    for (int i = 0; name && i < m->n_params; i++)
        if (has_name(m->params[i], name)) return m->params[i];
    return NULL;
}

static rondo_status find(const rondo_model *m, const char *name, const param **out)
{
    RONDO_TRY(model_prepare((rondo_model *)m, 0));
    *out = model_param(m, name);
    if (*out) return RONDO_OK;
    char *first = m->n_params ? model_param_name(m, 0) : NULL;
    const rondo_status s = rondo_fail(RONDO_E_NAME, "the model has no weight \"%s\"%s%s%s",
                                      name ? name : "(NULL)", first ? "; its first is \"" : "",
                                      first ? first : "", first ? "\"" : "");
    alloc_free(first);
    return s;
}

int rondo_weight_count(const rondo_model *m)
{
    return m && !m->status ? m->n_params : 0;
}

int64_t rondo_parameter_count(const rondo_model *m, bool trainable_only)
{
    int64_t n = 0;
    for (int i = 0; m && i < m->n_params; i++)
        if (!trainable_only || m->params[i]->trainable) n += shape_size(&m->params[i]->shape);
    return n;
}

const char *rondo_weight_name(const rondo_model *m, int i)
{
    static _Thread_local char name[2 * LIMIT_NAME];
    if (!m || i < 0 || i >= m->n_params) return NULL;
    snprintf(name, sizeof name, "%s.%s", m->params[i]->layer->name, m->params[i]->name);
    return name;
}

rondo_status rondo_weight_get(const rondo_model *m, const char *name, rondo_array *out)
{
    const param *p;
    RONDO_TRY(find(m, name, &p));
    *out = (rondo_array){ .data = m->weights + p->offset, .type = RONDO_F32, .shape = p->shape };
    return RONDO_OK;
}

rondo_status rondo_gradient_get(const rondo_model *m, const char *name, rondo_array *out)
{
    const param *p;
    RONDO_TRY(find(m, name, &p));
    if (!m->gradients)
        return rondo_fail(RONDO_E_STATE, "there are no gradients yet: call rondo_gradients first");
    if (p->gradient < 0) return rondo_fail(RONDO_E_STATE, "%s is frozen: it has no gradient", name);
    *out =
        (rondo_array){ .data = m->gradients + p->gradient, .type = RONDO_F32, .shape = p->shape };
    return RONDO_OK;
}

rondo_status rondo_weight_set(rondo_model *m, const char *name, const rondo_array *values)
{
    const param *p;
    RONDO_TRY(find(m, name, &p));
    bool same = values && values->data && values->type == RONDO_F32 &&
                values->shape.rank == p->shape.rank;
    for (int i = 0; same && i < p->shape.rank; i++) same = values->shape.dim[i] == p->shape.dim[i];
    if (!same)
        return rondo_fail(RONDO_E_SHAPE,
                          "%s is %lldx%lld (%d dimensions); the given values are shaped otherwise",
                          name, (long long)p->shape.dim[0],
                          (long long)(p->shape.rank > 1 ? p->shape.dim[1] : 1), p->shape.rank);
    memcpy(m->weights + p->offset, values->data, (size_t)shape_size(&p->shape) * sizeof(real));
    model_weights_changed(m);
    return RONDO_OK;
}

rondo_status model_read_weights(rondo_model *m, const tensor_file *file)
{
    for (int i = 0; i < m->n_params; i++) {
        char *name = model_param_name(m, i);
        if (!name) return RONDO_E_NOMEM;
        const rondo_status s = tensors_copy(file, name, &m->params[i]->shape,
                                            m->weights + m->params[i]->offset);
        alloc_free(name);
        if (s) return s;
    }
    model_weights_changed(m);
    return RONDO_OK;
}
