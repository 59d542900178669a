/* The three blocks: weights, gradients of what trains, packed copies. */
#include "model.h"
#include <string.h>

enum { ALIGNMENT = 16 }; /* elements: 64 bytes of floats */

/* ---- Places ---- */
static void list(rondo_model *m, const rondo_layer *l, param *p)
{
    if (!p->id) p->id = ++m->last_id;
    p->layer = l;
    m->params[m->n_params++] = p;
}

static rondo_status reserve_list(rondo_model *m, int64_t n)
{
    param **grown = alloc_grow(m->params, (size_t)(n + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    m->params = grown;
    return RONDO_OK;
}

rondo_status model_list_params(rondo_model *m, rondo_layer *l)
{
    RONDO_TRY(reserve_list(m, m->n_params + l->n_params));
    for (int i = 0; i < l->n_params; i++) list(m, l, &l->params[i]);
    return RONDO_OK;
}

/* Keys of what is drawn are numbers of adapters, apart from those of layers' masks. */
rondo_status model_list_all(rondo_model *m)
{
    const uint32_t apart = (uint32_t)1 << 31;
    uint32_t n_adapters = 0;
    int64_t n = 0;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_params; k++) {
            n++;
            for (adapter *a = m->layers[i]->params[k].adapters; a; a = a->next) {
                a->key = apart | n_adapters++;
                n += a->n_params;
            }
        }
    RONDO_TRY(reserve_list(m, n));
    m->n_params = 0;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_params; k++)
            list(m, m->layers[i], &m->layers[i]->params[k]);
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_params; k++)
            for (adapter *a = m->layers[i]->params[k].adapters; a; a = a->next)
                for (int j = 0; j < a->n_params; j++) list(m, m->layers[i], &a->params[j]);
    return RONDO_OK;
}

/* What is frozen has no gradient, and no slots of an optimizer. */
void model_place_gradients(rondo_model *m)
{
    int64_t at = 0;
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        const bool trains = p->trainable && !p->rests;
        p->gradient = trains ? at : -1;
        if (trains) at += (shape_size(&p->shape) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    m->n_gradients = at;
    m->gradient_room = -1; /* what lies there is another weight's */
}

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
    model_place_gradients(m);
    return RONDO_OK;
}

/* ---- Memory for packed copies ---- */
/* The effective weight is kept where rows are looked up, and else made in one room for all. */
static rondo_status reserve_effective(rondo_model *m)
{
    int64_t room = 0;
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        const bool kept = p->looked_up && p->adapters;
        if (!kept) alloc_free_aligned(p->effective);
        if (!kept) p->effective = NULL;
        if (!kept || p->effective) continue;
        p->effective = alloc_aligned((size_t)shape_size(&p->shape) * sizeof(real));
        if (!p->effective) return RONDO_E_NOMEM;
    }
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++) {
            const int64_t one = linear_room(&m->layers[i]->linears[k]);
            if (one > room) room = one;
        }
    alloc_free_aligned(m->room);
    m->room = room ? alloc_aligned((size_t)room * sizeof(real)) : NULL;
    return room && !m->room ? RONDO_E_NOMEM : RONDO_OK;
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
    return reserve_effective(m);
}

/* ---- Weights ---- */
static real *new_weights(const rondo_model *m)
{
    int64_t bytes;
    if (size_mul(m->n_weights + 1, sizeof(real), &bytes)) return alloc_aligned((size_t)bytes);
    (void)rondo_fail(RONDO_E_LIMIT, "the model has more weights than can be addressed");
    return NULL;
}

static rondo_status allocate(rondo_model *m)
{
    real *weights = new_weights(m);
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

static rondo_status draw_param(rondo_model *m, int i)
{
    rng r = rng_new(m->seed, rng_stream(RNG_INIT, (uint32_t)i));
    const param *p = m->params[i];
    return initializer_run(p->initializer, m->weights + p->offset, &p->shape, &r);
}

/* Walking all of a program's memory pays for what large models leave there. */
enum { LARGE = 1 << 20 };

static rondo_status draw_all(rondo_model *m, uint64_t seed)
{
    RONDO_TRY(model_allocate(m));
    m->seed = seed;
    rondo_status s = RONDO_OK;
    for (int i = 0; i < m->n_params && !s; i++) s = draw_param(m, i);
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
    const rondo_status s = m->weights ? RONDO_OK : draw_all(m, seed);
    pthread_mutex_unlock(&m->lock);
    return s;
}

rondo_status model_place_again(rondo_model *m)
{
    real *before = m->weights;
    int64_t *offset = alloc_array(m->n_params + 1, sizeof *offset);
    if (!offset) return RONDO_E_NOMEM;
    for (int i = 0; i < m->n_params; i++) offset[i] = m->params[i]->offset;
    rondo_status s = place(m);
    real *weights = s ? NULL : new_weights(m);
    if (!s && !weights) s = RONDO_E_NOMEM;
    if (weights) m->weights = weights;
    for (int i = 0; i < m->n_params && !s; i++) {
        const param *p = m->params[i];
        if (offset[i] < 0)
            s = draw_param(m, i);
        else
            memcpy(weights + p->offset, before + offset[i],
                   (size_t)shape_size(&p->shape) * sizeof *weights);
    }
    if (weights) alloc_free_aligned(before);
    alloc_free(offset);
    return s ? s : model_reserve_packed(m);
}

/* ---- Gradients ---- */
rondo_status model_gradients(rondo_model *m)
{
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        const bool noted = p->sparse && p->gradient >= 0;
        p->stale = NULL;
        if (!noted) row_set_free(&p->touched);
        if (noted && !p->touched.row) RONDO_TRY(row_set_reserve(&p->touched, p->shape.dim[0]));
        if (noted && m->gradient_room != m->n_gradients) row_set_clear(&p->touched);
    }
    if (m->gradients && m->gradient_room == m->n_gradients) return RONDO_OK;
    real *gradients = alloc_aligned((size_t)(m->n_gradients + 1) * sizeof(real));
    if (!gradients) return RONDO_E_NOMEM;
    alloc_free_aligned(m->gradients);
    m->gradients = gradients;
    m->gradient_room = m->n_gradients;
    return RONDO_OK;
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
    for (int i = 0; i < m->n_layers; i++)
        for (int j = 0; j < m->layers[i]->n_linears; j++)
            m->layers[i]->linears[j].weight->stale = m->gradients;
    for (int i = 0; i < m->n_params; i++) {
        param *p = m->params[i];
        if (p->gradient < 0 || p->stale == m->gradients) continue;
        real *gradient = m->gradients + p->gradient;
        const int64_t width = param_columns(p);
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

/* ---- Packing ---- */
void model_weights_changed(rondo_model *m)
{
    m->whole_version = ++m->version;
}

void model_weights_trained(rondo_model *m)
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
            l->packed_at = 0;
            at += linear_packed_bytes(l->out, l->in, storage);
        }
    atomic_store(&m->packed_version, 0);
    return RONDO_OK;
}

/* Copies of what does not train stay while only the rest changes. */
static void pack_linear(const rondo_model *m, linear *l, const drop_key *d)
{
    const bool drawn = adapters_draw(l->weight);
    const int64_t now = param_trains(l->weight) ? m->version : m->whole_version;
    if (l->packed_at >= now && !drawn) return;
    linear_pack(l, m->weights, d, m->room, m->pool);
    l->packed_at = m->version;
}

static bool draws(const rondo_model *m)
{
    for (int i = 0; i < m->n_params; i++)
        if (adapters_draw(m->params[i])) return true;
    return false;
}

static void pack_all(rondo_model *m, const drop_key *d)
{
    for (int i = 0; i < m->n_params; i++)
        if (m->params[i]->adapters) adapters_pack(m->params[i], m->weights, d, m->pool);
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_linears; k++)
            pack_linear(m, &m->layers[i]->linears[k], d);
}

rondo_status model_pack(const rondo_model *model, const bool *needs, const drop_key *d)
{
    rondo_model *m = (rondo_model *)model; /* a cache behind the reader's back, under its lock */
    rondo_status s = RONDO_OK;
    pthread_mutex_lock(&m->lock);
    const bool masked = d->on && draws(m); /* good for this one pass */
    if (!m->weights)
        s = rondo_fail(RONDO_E_STATE, "the model has no weights yet: compile or load it");
    if (!s && needs && !linear_trains(model_storage(m)))
        s = rondo_fail(RONDO_E_STATE,
                       "the weights are kept in %s, which is for inference; to train, keep them "
                       "in f32: rondo_set_weight_storage(model, \"f32\")",
                       kernel_table()->storage[m->storage].name);
    if (!s && needs) s = reserve_backward(m, needs);
    if (!s && (masked || !model_is_packed(m))) {
        pack_all(m, d);
        atomic_store_explicit(&m->packed_version, masked ? 0 : m->version, memory_order_release);
    }
    pthread_mutex_unlock(&m->lock);
    return s;
}
