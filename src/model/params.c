/* The three blocks: weights, gradients and packed copies; weights by name. */
#include "model.h"
#include <fnmatch.h>
#include <string.h>

enum { ALIGNMENT = 16 }; /* elements: 64 bytes of floats */

static rondo_status place(rondo_model *m)
{
    int64_t at = 0;
    for (int i = 0; i < m->n_params; i++) {
        m->params[i]->offset = at;
        if (!size_add(at, shape_size(&m->params[i]->shape) + ALIGNMENT - 1, &at))
            return rondo_fail(RONDO_E_LIMIT, "the model has more weights than can be addressed");
        at = at / ALIGNMENT * ALIGNMENT;
    }
    m->n_weights = at;
    for (int i = 0; i < m->n_layers; i++) layer_place(m->layers[i]);
    return RONDO_OK;
}

rondo_status model_reserve_packed(rondo_model *m)
{
    int64_t bytes = 0;
    const int storage = model_storage(m);
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++) {
            const linear *l = &m->layers[i]->linears[k];
            if (!size_add(bytes, linear_packed_bytes(l->in, l->out, storage), &bytes))
                return rondo_fail(RONDO_E_LIMIT,
                                  "the model has more weights than can be addressed");
        }
    unsigned char *at = alloc_aligned((size_t)bytes + 1);
    if (!at) return RONDO_E_NOMEM;
    alloc_free_aligned(m->packed);
    alloc_free_aligned(m->packed_backward); /* made again by who goes backward */
    m->packed = at;
    m->packed_backward = NULL;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++) {
            linear *l = &m->layers[i]->linears[k];
            l->storage = storage;
            l->packed = at;
            l->packed_transposed = NULL;
            at += linear_packed_bytes(l->in, l->out, storage);
        }
    model_weights_changed(m);
    return RONDO_OK;
}

static rondo_status allocate(rondo_model *m)
{
    int64_t bytes;
    if (!size_mul(m->n_weights + 1, sizeof(real), &bytes))
        return rondo_fail(RONDO_E_LIMIT, "the model has more weights than can be addressed");
    real *weights = alloc_aligned((size_t)bytes);
    const rondo_status s = weights ? model_reserve_packed(m) : RONDO_E_NOMEM;
    if (s)
        alloc_free_aligned(weights);
    else
        m->weights = weights;
    return s;
}

rondo_status model_allocate(rondo_model *m)
{
    RONDO_TRY(model_status(m));
    if (m->weights) return RONDO_OK;
    if (!m->n_layers || m->latest.node < 0)
        return rondo_fail(RONDO_E_STATE, "the model has no layers yet");
    RONDO_TRY(place(m));
    return allocate(m);
}

/* Walking all of a program's memory pays for what large models leave there. */
enum { LARGE = 1 << 20 };

static rondo_status draw(rondo_model *m, uint64_t seed)
{
    RONDO_TRY(model_allocate(m));
    m->seed = seed;
    rondo_status s = RONDO_OK;
    for (int i = 0; i < m->n_params && !s; i++) {
        rng r = rng_new(seed, rng_stream(RNG_INIT, (uint32_t)i));
        const param *p = m->params[i];
        s = initializer_run(p->initializer, m->weights + p->offset, &p->shape, &r);
    }
    if (m->n_weights > LARGE) alloc_trim(); /* of what drawing orthogonal matrices takes */
    if (!s) return RONDO_OK;
    alloc_free_aligned(m->weights); /* half drawn: nobody may take them for weights */
    alloc_free_aligned(m->packed);
    m->weights = NULL;
    m->packed = NULL;
    return s;
}

/* Under the lock: several threads may be the first to stream or to save. */
rondo_status model_prepare(rondo_model *m, uint64_t seed)
{
    RONDO_TRY(model_status(m));
    pthread_mutex_lock(&m->lock);
    const rondo_status s = m->weights ? RONDO_OK : draw(m, seed);
    pthread_mutex_unlock(&m->lock);
    return s;
}

rondo_status model_gradients(rondo_model *m)
{
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        if (p->sparse && !p->touched.row) RONDO_TRY(row_set_reserve(&p->touched, p->shape.dim[0]));
    }
    if (!m->gradients) m->gradients = alloc_aligned((size_t)(m->n_weights + 1) * sizeof(real));
    return m->gradients ? RONDO_OK : RONDO_E_NOMEM;
}

/* ---- Gradients back to zero ---- */
typedef struct clearing {
    real *first;
    int64_t n;
} clearing;

enum { CLEAR_AT_ONCE = 1 << 16 };

static void clear_piece(void *arg, int i)
{
    const clearing *c = arg;
    const int64_t at = (int64_t)i * CLEAR_AT_ONCE, left = c->n - at;
    kernel_table()->fill(c->first + at, 0, left < CLEAR_AT_ONCE ? left : CLEAR_AT_ONCE);
}

static void clear(real *first, int64_t n, pool *threads)
{
    clearing c = { first, n };
    pool_run(threads, clear_piece, &c, (int)((n + CLEAR_AT_ONCE - 1) / CLEAR_AT_ONCE));
}

void model_clear_gradients(rondo_model *m)
{
    const kernels *k = kernel_table();
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        real *gradient = m->gradients + p->offset;
        const int64_t width = p->shape.dim[p->shape.rank - 1];
        if (!p->sparse) clear(gradient, shape_size(&p->shape), m->pool);
        for (int64_t r = 0; r < p->touched.n; r++)
            k->fill(gradient + p->touched.row[r] * width, 0, width);
        row_set_clear(&p->touched);
    }
}

rondo_status model_threads(rondo_model *m, int threads)
{
    if (threads < 0 || threads > 1024)
        return rondo_fail(RONDO_E_ARG, "threads is %d, expected 0 (all) to 1024", threads);
    pool *fresh;
    RONDO_TRY(pool_new(&fresh, threads));
    pool_free(m->pool);
    m->pool = fresh;
    return RONDO_OK;
}

void model_weights_changed(rondo_model *m)
{
    m->version++;
}

/* Whether a gradient goes through the layer, or also on to its inputs. */
static bool needs_transpose(const rondo_model *m, const rondo_layer *layer, const linear *l,
                            const bool *needs)
{
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        if (n->layer != layer || !needs[i]) continue;
        if (!l->meets_input) return true;
        for (int k = 0; k < n->n_in; k++)
            if (needs[n->in[k].node]) return true;
    }
    return false;
}

/* Memory for all transposes that are needed or were, when one is needed for the first time. */
static rondo_status reserve_backward(rondo_model *m, const bool *needs)
{
    int64_t bytes = 0;
    const int storage = model_storage(m);
    bool first = false;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++) {
            const linear *l = &m->layers[i]->linears[k];
            const bool needed = !l->packed_transposed && needs_transpose(m, m->layers[i], l, needs);
            if (needed || l->packed_transposed)
                bytes += linear_packed_bytes(l->out, l->in, storage);
            first |= needed;
        }
    if (!first) return RONDO_OK;
    unsigned char *at = alloc_aligned((size_t)bytes);
    if (!at) return RONDO_E_NOMEM;
    alloc_free_aligned(m->packed_backward);
    m->packed_backward = at;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++) {
            linear *l = &m->layers[i]->linears[k];
            if (!l->packed_transposed && !needs_transpose(m, m->layers[i], l, needs)) continue;
            l->packed_transposed = at;
            at += linear_packed_bytes(l->out, l->in, storage);
        }
    atomic_store(&m->packed_version, 0);
    return RONDO_OK;
}

rondo_status model_pack(const rondo_model *model, const bool *needs)
{
    rondo_model *m = (rondo_model *)model; /* a cache behind the reader's back, under its lock */
    rondo_status s = RONDO_OK;
    pthread_mutex_lock(&m->lock);
    if (!m->weights)
        s = rondo_fail(RONDO_E_STATE, "the model has no weights yet: compile or load it");
    if (!s && needs && !linear_trains(model_storage(m)))
        s = rondo_fail(RONDO_E_STATE,
                       "the weights are kept in %s, which is for inference; to train, keep them "
                       "in f32: rondo_set_weight_storage(model, \"f32\")",
                       kernel_table()->storage[m->storage].name);
    if (!s && needs) s = reserve_backward(m, needs);
    if (!s && !model_is_packed(m)) {
        for (int i = 0; i < m->n_layers; i++)
            for (int k = 0; k < m->layers[i]->n_linears; k++)
                linear_pack(&m->layers[i]->linears[k], m->weights, m->pool);
        atomic_store_explicit(&m->packed_version, m->version, memory_order_release);
    }
    pthread_mutex_unlock(&m->lock);
    return s;
}

static const rondo_layer *owner(const rondo_model *m, const param *p)
{
    for (int i = 0; i < m->n_layers; i++)
        if (p >= m->layers[i]->params && p < m->layers[i]->params + m->layers[i]->n_params)
            return m->layers[i];
    return NULL;
}

static bool has_name(const rondo_model *m, const param *p, const char *name)
{
    const char *layer = owner(m, p)->name;
    const size_t n = strlen(layer);
    return !strncmp(name, layer, n) && name[n] == '.' && !strcmp(name + n + 1, p->name);
}

char *model_param_name(const rondo_model *m, int i)
{
    return alloc_format("%s.%s", owner(m, m->params[i])->name, m->params[i]->name);
}

static rondo_status find(const rondo_model *m, const char *name, const param **out)
{
    RONDO_TRY(model_prepare((rondo_model *)m, 0));
    for (int i = 0; name && i < m->n_params; i++)
        if (has_name(m, m->params[i], name)) {
            *out = m->params[i];
            return RONDO_OK;
        }
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
    snprintf(name, sizeof name, "%s.%s", owner(m, m->params[i])->name, m->params[i]->name);
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
    *out = (rondo_array){ .data = m->gradients + p->offset, .type = RONDO_F32, .shape = p->shape };
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

rondo_status rondo_adapt(rondo_model *m, const char *pattern, const char *what)
{
    int matched = 0;
    RONDO_TRY(model_status(m));
    if (!pattern || !what || (strcmp(what, "frozen") != 0 && strcmp(what, "trainable") != 0))
        return rondo_fail(RONDO_E_NAME, "adapt weights to \"frozen\" or \"trainable\", not \"%s\"",
                          what ? what : "(NULL)");
    for (int i = 0; i < m->n_params; i++) {
        char *name = model_param_name(m, i);
        if (!name) return RONDO_E_NOMEM;
        if (!fnmatch(pattern, name, 0)) {
            m->params[i]->trainable = *what == 't';
            matched++;
        }
        alloc_free(name);
    }
    m->adapted++;
    for (int i = 0; i < m->n_layers && m->weights; i++) layer_place(m->layers[i]);
    if (matched) return RONDO_OK;
    return rondo_fail(RONDO_E_NAME, "no weight is named like \"%s\"", pattern);
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
