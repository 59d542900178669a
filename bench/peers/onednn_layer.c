/* onednn_layer - the memory and the primitives of one case, in the formats that primitives choose. */
#include "onednn.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char sentence[256];
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        if ((expr) != dnnl_success) return fail(#expr);                                            \
    } while (0)

bool fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return false;
}

double uniform(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0;
}

static bool make(layer *l, tensor *p, int rank, const dnnl_dims_t dims, dnnl_format_tag_t tag,
                 double scale)
{
    p->n = 1;
    for (int k = 0; k < rank; k++) p->n *= dims[k];
    p->data = aligned_alloc(64, ((size_t)p->n * sizeof(float) + 63) / 64 * 64);
    if (!p->data) return fail("out of memory");
    for (int64_t k = 0; k < p->n; k++) p->data[k] = (float)(scale * (2 * uniform() - 1));
    TRY(dnnl_memory_desc_init_by_tag(&p->md, rank, dims, dnnl_f32, tag));
    TRY(dnnl_memory_create(&p->memory, &p->md, l->engine, p->data));
    return true;
}

static bool make_all(layer *l)
{
    const dnnl_dims_t x = { l->t, l->b, l->i }, y = { l->t, l->b, l->h };
    const dnnl_dims_t w = { 1, 1, l->i, l->gates, l->h }, u = { 1, 1, l->h, l->gates, l->h };
    const dnnl_dims_t bias = { 1, 1, l->biases, l->h }, state = { 1, 1, l->b, l->h };
    const double in = sqrt(6.0 / (double)(l->i + l->h)), across = sqrt(3.0 / (double)l->h);
    bool good = make(l, &l->x, 3, x, dnnl_tnc, 1) && make(l, &l->y, 3, y, dnnl_tnc, 0) &&
                make(l, &l->w, 5, w, dnnl_ldigo, in) && make(l, &l->u, 5, u, dnnl_ldigo, across) &&
                make(l, &l->bias, 4, bias, dnnl_ldgo, 0.05);
    for (int k = 0; good && k < 2; k++)
        good = make(l, &l->state[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->cells[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->dstate[k], 4, state, dnnl_ldnc, 0) &&
               make(l, &l->dcells[k], 4, state, dnnl_ldnc, 0);
    return good && make(l, &l->dx, 3, x, dnnl_tnc, 0) && make(l, &l->dy, 3, y, dnnl_tnc, 1) &&
           make(l, &l->dw, 5, w, dnnl_ldigo, 0) && make(l, &l->du, 5, u, dnnl_ldigo, 0) &&
           make(l, &l->dbias, 4, bias, dnnl_ldgo, 0);
}

/* The same shape in whatever format. */
static dnnl_memory_desc_t any(const layer *l, const tensor *p)
{
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_tag(&md, p->md.ndims, p->md.dims, l->narrow ? dnnl_bf16 : dnnl_f32,
                                 dnnl_format_tag_any);
    return md;
}

static bool describe_forward(const layer *l, dnnl_rnn_desc_t *d)
{
    const dnnl_prop_kind_t kind = l->trains ? dnnl_forward_training : dnnl_forward_inference;
    const dnnl_rnn_direction_t right = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t w = any(l, &l->w), u = any(l, &l->u);
    const dnnl_memory_desc_t *state = l->streams || l->trains ? &l->state[0].md : NULL;
    if (l->lstm)
        TRY(dnnl_lstm_forward_desc_init(d, kind, right, &l->x.md, state, state, &w, &u, &l->bias.md,
                                        &l->y.md, state, state, 0));
    else if (l->gru)
        TRY(dnnl_lbr_gru_forward_desc_init(d, kind, right, &l->x.md, state, &w, &u, &l->bias.md,
                                           &l->y.md, state, 0));
    else
        TRY(dnnl_vanilla_rnn_forward_desc_init(d, kind, dnnl_eltwise_tanh, right, &l->x.md, state,
                                               &w, &u, &l->bias.md, &l->y.md, state, 0, 0, 0));
    return true;
}

/* With states, though they start at zero: without, version 2.6 gives wrong gradients of U. */
static bool describe_backward(const layer *l, dnnl_rnn_desc_t *d)
{
    const dnnl_rnn_direction_t right = dnnl_unidirectional_left2right;
    const dnnl_memory_desc_t w = any(l, &l->w), u = any(l, &l->u), *s = &l->state[0].md;
    if (l->lstm)
        TRY(dnnl_lstm_backward_desc_init(d, dnnl_backward, right, &l->x.md, s, s, &w, &u,
                                         &l->bias.md, &l->y.md, s, s, &l->dx.md, s, s, &w, &u,
                                         &l->dbias.md, &l->dy.md, s, s, 0));
    else if (l->gru)
        TRY(dnnl_lbr_gru_backward_desc_init(d, dnnl_backward, right, &l->x.md, s, &w, &u,
                                            &l->bias.md, &l->y.md, s, &l->dx.md, s, &w, &u,
                                            &l->dbias.md, &l->dy.md, s, 0));
    else
        TRY(dnnl_vanilla_rnn_backward_desc_init(
            d, dnnl_backward, dnnl_eltwise_tanh, right, &l->x.md, s, &w, &u, &l->bias.md, &l->y.md,
            s, &l->dx.md, s, &w, &u, &l->dbias.md, &l->dy.md, s, 0, 0, 0));
    return true;
}

static void give(execution *e, int arg, dnnl_memory_t memory)
{
    e->args[e->n++] = (dnnl_exec_arg_t){ arg, memory };
}

/* Memory in the format that a primitive has chosen for an argument. */
static bool chosen(const layer *l, const execution *e, int arg, dnnl_memory_t *memory)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(e->pd, dnnl_query_exec_arg_md, arg);
    TRY(dnnl_memory_create(memory, md, l->engine, DNNL_MEMORY_ALLOCATE));
    return true;
}

bool reorder(const layer *l, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_memory_desc_t *a, *b;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    TRY(dnnl_memory_get_memory_desc(from, &a));
    TRY(dnnl_memory_get_memory_desc(to, &b));
    TRY(dnnl_reorder_primitive_desc_create(&pd, a, l->engine, b, l->engine, NULL));
    TRY(dnnl_primitive_create(&primitive, pd));
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };
    TRY(dnnl_primitive_execute(primitive, l->stream, 2, args));
    TRY(dnnl_stream_wait(l->stream));
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    return true;
}

/* The primitive sees p in bf16; put and get take it there and back. */
static bool make_narrow(const layer *l, tensor *p, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    TRY(dnnl_memory_desc_init_by_tag(&md, p->md.ndims, p->md.dims, dnnl_bf16, tag));
    p->wide = p->memory;
    p->md = md;
    p->memory = NULL;
    TRY(dnnl_memory_create(&p->memory, &p->md, l->engine, DNNL_MEMORY_ALLOCATE));
    return true;
}

bool put(const layer *l, const tensor *p)
{
    return !p->wide || reorder(l, p->wide, p->memory);
}

bool get(const layer *l, const tensor *p)
{
    return !p->wide || reorder(l, p->memory, p->wide);
}

static bool narrow_all(layer *l)
{
    bool good = make_narrow(l, &l->x, dnnl_tnc) && make_narrow(l, &l->y, dnnl_tnc) && put(l, &l->x);
    for (int k = 0; good && k < 2; k++)
        good = make_narrow(l, &l->state[k], dnnl_ldnc) && put(l, &l->state[k]);
    return good;
}

bool put_weights(const layer *l)
{
    if (!reorder(l, l->w.memory, l->fw) || !reorder(l, l->u.memory, l->fu)) return false;
    return !l->trains || (reorder(l, l->w.memory, l->bw) && reorder(l, l->u.memory, l->bu));
}

static void give_forward(layer *l, execution *e, int before)
{
    e->n = 0;
    give(e, DNNL_ARG_SRC_LAYER, l->x.memory);
    give(e, DNNL_ARG_WEIGHTS_LAYER, l->fw);
    give(e, DNNL_ARG_WEIGHTS_ITER, l->fu);
    give(e, DNNL_ARG_BIAS, l->bias.memory);
    give(e, DNNL_ARG_DST_LAYER, l->y.memory);
    if (!l->streams && !l->trains) return;
    give(e, DNNL_ARG_SRC_ITER, l->state[before].memory);
    give(e, DNNL_ARG_DST_ITER, l->state[!before].memory);
    if (!l->lstm) return;
    give(e, DNNL_ARG_SRC_ITER_C, l->cells[before].memory);
    give(e, DNNL_ARG_DST_ITER_C, l->cells[!before].memory);
}

static bool prepare_backward(layer *l)
{
    dnnl_rnn_desc_t d;
    dnnl_memory_t workspace;
    execution *e = &l->backward;
    if (!describe_backward(l, &d)) return false;
    TRY(dnnl_primitive_desc_create(&e->pd, &d, NULL, l->engine, l->forward.pd));
    TRY(dnnl_primitive_create(&e->primitive, e->pd));
    if (!chosen(l, e, DNNL_ARG_WEIGHTS_LAYER, &l->bw) ||
        !chosen(l, e, DNNL_ARG_WEIGHTS_ITER, &l->bu) ||
        !chosen(l, e, DNNL_ARG_DIFF_WEIGHTS_LAYER, &l->bdw) ||
        !chosen(l, e, DNNL_ARG_DIFF_WEIGHTS_ITER, &l->bdu))
        return false;
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(l->forward.pd,
                                                                dnnl_query_workspace_md, 0);
    TRY(dnnl_memory_create(&workspace, md, l->engine, DNNL_MEMORY_ALLOCATE));
    give(&l->forward, DNNL_ARG_WORKSPACE, workspace);
    give(e, DNNL_ARG_SRC_LAYER, l->x.memory);
    give(e, DNNL_ARG_WEIGHTS_LAYER, l->bw);
    give(e, DNNL_ARG_WEIGHTS_ITER, l->bu);
    give(e, DNNL_ARG_BIAS, l->bias.memory);
    give(e, DNNL_ARG_DST_LAYER, l->y.memory);
    give(e, DNNL_ARG_WORKSPACE, workspace);
    give(e, DNNL_ARG_DIFF_DST_LAYER, l->dy.memory);
    give(e, DNNL_ARG_DIFF_SRC_LAYER, l->dx.memory);
    give(e, DNNL_ARG_DIFF_WEIGHTS_LAYER, l->bdw);
    give(e, DNNL_ARG_DIFF_WEIGHTS_ITER, l->bdu);
    give(e, DNNL_ARG_DIFF_BIAS, l->dbias.memory);
    give(e, DNNL_ARG_SRC_ITER, l->state[0].memory);
    give(e, DNNL_ARG_DST_ITER, l->state[1].memory);
    give(e, DNNL_ARG_DIFF_SRC_ITER, l->dstate[0].memory);
    give(e, DNNL_ARG_DIFF_DST_ITER, l->dstate[1].memory);
    if (!l->lstm) return true;
    give(e, DNNL_ARG_SRC_ITER_C, l->cells[0].memory);
    give(e, DNNL_ARG_DST_ITER_C, l->cells[1].memory);
    give(e, DNNL_ARG_DIFF_SRC_ITER_C, l->dcells[0].memory);
    give(e, DNNL_ARG_DIFF_DST_ITER_C, l->dcells[1].memory);
    return true;
}

bool prepare(layer *l)
{
    dnnl_rnn_desc_t d;
    l->lstm = strcmp(l->cell, "lstm") == 0;
    l->gru = strcmp(l->cell, "gru") == 0;
    l->gates = l->lstm ? 4 : l->gru ? 3 : 1;
    l->biases = l->gru ? 4 : l->gates;
    l->streams = l->letter == 'a';
    l->trains = l->letter == 'd';
    TRY(dnnl_engine_create(&l->engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&l->stream, l->engine, dnnl_stream_default_flags));
    if (!make_all(l) || (l->narrow && !narrow_all(l)) || !describe_forward(l, &d)) return false;
    l->missing = dnnl_primitive_desc_create(&l->forward.pd, &d, NULL, l->engine, NULL) ==
                 dnnl_unimplemented;
    if (!l->forward.pd) return fail("there is no such primitive");
    TRY(dnnl_primitive_create(&l->forward.primitive, l->forward.pd));
    if (!chosen(l, &l->forward, DNNL_ARG_WEIGHTS_LAYER, &l->fw) ||
        !chosen(l, &l->forward, DNNL_ARG_WEIGHTS_ITER, &l->fu))
        return false;
    give_forward(l, &l->forward, 0);
    l->other = l->forward;
    give_forward(l, &l->other, 1);
    return (!l->trains || prepare_backward(l)) && put_weights(l);
}

void release(layer *l)
{
    tensor *const all[] = { &l->x,         &l->w,         &l->u,        &l->bias,     &l->y,
                            &l->dy,        &l->dx,        &l->dw,       &l->du,       &l->dbias,
                            &l->state[0],  &l->state[1],  &l->cells[0], &l->cells[1], &l->dstate[0],
                            &l->dstate[1], &l->dcells[0], &l->dcells[1] };
    const dnnl_memory_t chosen_ones[] = { l->fw, l->fu, l->bw, l->bu, l->bdw, l->bdu };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        if (all[k]->memory) dnnl_memory_destroy(all[k]->memory);
        if (all[k]->wide) dnnl_memory_destroy(all[k]->wide);
        free(all[k]->data);
    }
    for (size_t k = 0; k < sizeof chosen_ones / sizeof *chosen_ones; k++)
        if (chosen_ones[k]) dnnl_memory_destroy(chosen_ones[k]);
    for (int k = 0; l->trains && k < l->forward.n; k++)
        if (l->forward.args[k].arg == DNNL_ARG_WORKSPACE)
            dnnl_memory_destroy(l->forward.args[k].memory);
    if (l->forward.primitive) dnnl_primitive_destroy(l->forward.primitive);
    if (l->backward.primitive) dnnl_primitive_destroy(l->backward.primitive);
    if (l->forward.pd) dnnl_primitive_desc_destroy(l->forward.pd);
    if (l->backward.pd) dnnl_primitive_desc_destroy(l->backward.pd);
    if (l->stream) dnnl_stream_destroy(l->stream);
    if (l->engine) dnnl_engine_destroy(l->engine);
}

void once(layer *l)
{
    execution *e = l->streams && l->calls++ % 2 ? &l->other : &l->forward;
    l->failed |= dnnl_primitive_execute(e->primitive, l->stream, e->n, e->args) != dnnl_success;
    e = &l->backward;
    if (l->trains)
        l->failed |= dnnl_primitive_execute(e->primitive, l->stream, e->n, e->args) != dnnl_success;
    l->failed |= dnnl_stream_wait(l->stream) != dnnl_success;
}
