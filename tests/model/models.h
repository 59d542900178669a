/* models - for tests: models from specs with weights that hide nothing, batches, and their
 * outputs. */
#ifndef TESTS_MODEL_MODELS_H
#define TESTS_MODEL_MODELS_H
#include "model/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Random weights everywhere, biases too. */
static inline void models_stir(rondo_model *m, uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_INIT, 77));
    for (int64_t i = 0; i < m->n_weights; i++)
        m->weights[i] = (real)(0.5 * (double)m->weights[i] + 0.2 * rng_normal(&r));
    model_weights_changed(m);
}

/* Of sequences of `features` numbers, or of tokens where the spec begins with an embedding. Behind
 * "|" come adapters of all weights: "lstm 4; dense 2 | lora 2 | weight_drop 0.3". */
static inline rondo_model *models_new(const char *text, int64_t features)
{
    char **part;
    int n;
    rondo_model *m = rondo_model_new();
    if (!strncmp(text, "embedding", 9))
        rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    else
        rondo_input(m, RONDO_F32, RONDO_SHAPE(0, features));
    assert_int_equal(text_split(&part, &n, text, '|'), RONDO_OK);
    rondo_status s = rondo_add_spec(m, part[0]);
    for (int i = 1; i < n && !s; i++) s = rondo_adapt(m, "*", part[i]);
    if (s || model_prepare(m, 3)) fail_msg("%s: %s", text, rondo_error());
    text_list_free(part);
    models_stir(m, 5);
    return m;
}

static inline real *models_draw(int64_t n, uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_DATA, 0));
    real *x = alloc_array(n + 1, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (real)rng_normal(&r);
    return x;
}

static inline int32_t *models_draw_tokens(int64_t n, int64_t below, uint64_t seed)
{
    rng r = rng_new(seed, rng_stream(RNG_DATA, 1));
    int32_t *x = alloc_array(n + 1, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (int32_t)rng_below(&r, below);
    return x;
}

static inline bool models_takes_tokens(const rondo_model *m)
{
    return m->nodes[m->inputs[0]].out[0].type == RONDO_I32;
}

static inline void models_run(pass *p, const feed *f)
{
    if (pass_forward(p, 1, f)) fail_msg("%s", rondo_error());
}

static inline void models_same_shape(const rondo_shape *a, const rondo_shape *b)
{
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->dim, b->dim, sizeof a->dim);
}

static inline void models_same_bits(const char *what, const real *a, const real *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("%s: value %lld is %.9g and %.9g", what, (long long)i, (double)a[i],
                     (double)b[i]);
}

/* The same layers and graph, and the same weights to the bit. */
static inline void models_same(const rondo_model *a, const rondo_model *b)
{
    json_t *one, *two;
    assert_int_equal(model_to_json(a, &one), RONDO_OK);
    assert_int_equal(model_to_json(b, &two), RONDO_OK);
    assert_true(json_equal(one, two));
    json_decref(one);
    json_decref(two);
    assert_int_equal(a->n_params, b->n_params);
    for (int i = 0; i < a->n_params; i++) {
        const param *p = a->params[i], *q = b->params[i];
        char *name = model_param_name(a, i), *other = model_param_name(b, i);
        int64_t n = 1;
        assert_string_equal(name, other);
        assert_int_equal(p->trainable, q->trainable);
        models_same_shape(&p->shape, &q->shape);
        for (int d = 0; d < p->shape.rank; d++) n *= p->shape.dim[d];
        models_same_bits(name, a->weights + p->offset, b->weights + q->offset, n);
        alloc_free(name);
        alloc_free(other);
    }
}
#endif
