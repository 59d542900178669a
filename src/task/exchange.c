/* exchange - what it costs to exchange functions: the validation data judged by the base as it was, by
 * the new model before anything is trained, and by its best epoch. */
#include "task/task.h"
#include <math.h>
#include <string.h>

/* ---- Which functions are others ---- */
static void add_function(text_buffer *out, const rondo_function *f)
{
    char name[LIMIT_NAME];
    int n = 0;
    text_add(out, "%s", f->row->name);
    for (; n < RONDO_MAX_PARAMETERS && parameters_name(f->row->parameters, n, name); n++)
        text_add(out, n ? ", %g" : "(%g", (double)f->args[n]);
    if (n) text_add(out, ")");
}

static bool is_same(const rondo_function *a, const rondo_function *b)
{
    return activation_is(a, b->row->name) && memcmp(a->args, b->args, sizeof a->args) == 0;
}

/* The i-th place of the layer that has a function: a gate's name, or "activation". */
static void add_place(text_buffer *out, const rondo_layer *l, int i)
{
    char gate[LIMIT_NAME] = "activation";
    const rondo_cell *cell = registry_find(REGISTRY_CELL, l->kind);
    if (cell) cell_gate_name(gate, sizeof gate, cell, i);
    text_add(out, "%s", gate);
}

/* "lstm.i,f,o sigmoid -> hard_sigmoid", places that go from one function to one other together. */
static void add_layer(text_buffer *out, const rondo_layer *was, const rondo_layer *is)
{
    const rondo_function *(*at)(const rondo_layer *, int) = is->type->functions;
    for (int i = 0; at && at(was, i) && at(is, i); i++) {
        bool told = is_same(at(was, i), at(is, i));
        for (int k = 0; k < i && !told; k++)
            told = is_same(at(was, k), at(was, i)) && is_same(at(is, k), at(is, i));
        if (told) continue;
        text_add(out, "%s%s.", out->size ? "; " : "", is->name);
        add_place(out, is, i);
        for (int k = i + 1; at(was, k) && at(is, k); k++) {
            if (!is_same(at(was, k), at(was, i)) || !is_same(at(is, k), at(is, i))) continue;
            text_add(out, ",");
            add_place(out, is, k);
        }
        text_add(out, " ");
        add_function(out, at(was, i));
        text_add(out, " -> ");
        add_function(out, at(is, i));
    }
}

static rondo_status name_functions(rondo_exchange *e, const plan *p)
{
    const rondo_model *was = p->transfer.base->model, *is = p->pipeline->model;
    text_buffer out = { 0 };
    for (int i = 0; i < p->transfer.layers && i < was->n_layers; i++)
        add_layer(&out, was->layers[i], is->layers[i]);
    const rondo_status status = out.status;
    if (!status) text_fit(e->functions, sizeof e->functions, out.data ? out.data : "");
    text_free(&out);
    return status;
}

/* ---- What they cost ---- */
/* Whether the base tells what the new model does, of the same tokens: else why not. */
static bool is_comparable(rondo_exchange *e, const plan *p, const rondo_recipe *r)
{
    const transfer *t = &p->transfer;
    const char *why = !t->keeps_head ? "the model has another end than the base"
                      : t->base->tokenizer && rondo_recipe_get(r, "tokenizer")
                          ? "the model has another vocabulary than the base"
                      : !p->validation ? "there are no validation data; say --validation FILE"
                      : data_check(t->base->model, p->validation, true) ? rondo_error()
                                                                        : NULL;
    if (why) text_fit(e->reason, sizeof e->reason, why);
    return !why;
}

static rondo_status judge(rondo_exchange *e, rondo_pipeline *who, const plan *p, double *values)
{
    return rondo_fail_in(pipeline_judge(who, p->loss, p->metrics, p->validation, p->batch, e->name,
                                        values, RONDO_MAX_SCORES, &e->n),
                         "validation");
}

rondo_status exchange_before(rondo_exchange *e, plan *p, const rondo_recipe *r)
{
    if (!p->transfer.base || !rondo_recipe_get(r, "activation")) return RONDO_OK;
    RONDO_TRY(name_functions(e, p));
    if (!*e->functions) return RONDO_OK; /* those that it had */
    text_add(&p->notes, "exchanged: %s", e->functions);
    if (is_comparable(e, p, r)) {
        RONDO_TRY(judge(e, p->transfer.base, p, e->before));
        RONDO_TRY(judge(e, p->pipeline, p, e->exchanged));
        text_add(&p->notes, "; val_loss %.4g as it was, %.4g exchanged\n", e->before[0],
                 e->exchanged[0]);
    } else {
        text_add(&p->notes, "; what that costs is not judged: %s\n", e->reason);
    }
    return p->notes.status;
}

rondo_status exchange_after(rondo_exchange *e, const plan *p, const char *folder)
{
    rondo_pipeline *best;
    if (!e->n) return RONDO_OK;
    RONDO_TRY(plan_best(p, folder, &best));
    const rondo_status status = judge(e, best ? best : p->pipeline, p, e->after);
    rondo_pipeline_free(best);
    e->judged = !status;
    return status;
}

static rondo_status put_scores(json_t *o, const char *key, const rondo_exchange *e,
                               const double *values)
{
    json_t *all = json_object();
    if (!all) return RONDO_E_NOMEM;
    for (int i = 0; i < e->n; i++)
        if (json_object_set_new(all, e->name[i],
                                isfinite(values[i]) ? json_real(values[i]) : json_null())) {
            json_decref(all);
            return RONDO_E_NOMEM;
        }
    return json_put(o, key, all);
}

rondo_status exchange_note(const rondo_exchange *e, json_t *story)
{
    if (!*e->functions) return RONDO_OK;
    json_t *o = json_object();
    rondo_status status = o ? json_put(o, "functions", json_string(e->functions)) : RONDO_E_NOMEM;
    if (!status && *e->reason) status = json_put(o, "not_judged", json_string(e->reason));
    if (!status && e->n) status = put_scores(o, "before", e, e->before);
    if (!status && e->n) status = put_scores(o, "exchanged", e, e->exchanged);
    if (!status && e->judged) status = put_scores(o, "after", e, e->after);
    if (!status) status = json_put(story, "exchange", json_incref(o));
    json_decref(o);
    return status;
}
