/* subject.h - a model as a pipeline, and one random sample for it. */
#ifndef RONDO_TESTS_SUBJECT_H
#define RONDO_TESTS_SUBJECT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "insight/insight.h"

typedef struct subject {
    rondo_pipeline *pipeline;
    rondo_dataset *data;
    real x[64];
    int32_t tokens[16];
    rondo_array input;
    rondo_batch batch;
} subject;

/* Sequences of 7 steps of 2 numbers, or of 7 tokens below 10. */
static inline void subject_open(subject *s, const char *task, const char *layers, bool tokens)
{
    rng r = rng_new(3, rng_stream(RNG_DATA, 0));
    rondo_model *m = rondo_model_new();
    memset(s, 0, sizeof *s);
    rondo_input(m, tokens ? RONDO_I32 : RONDO_F32, tokens ? RONDO_SHAPE(0) : RONDO_SHAPE(0, 2));
    if (rondo_add_spec(m, layers) || model_prepare(m, 5)) fail_msg("%s: %s", layers, rondo_error());
    assert_int_equal(pipeline_new(&s->pipeline, registry_find(REGISTRY_TASK, task)), RONDO_OK);
    s->pipeline->model = m;
    assert_int_equal(pipeline_seal(s->pipeline), RONDO_OK);
    for (int i = 0; i < 64; i++) s->x[i] = (real)rng_normal(&r);
    for (int i = 0; i < 16; i++) s->tokens[i] = (int32_t)rng_below(&r, 10);
    s->input = tokens ? (rondo_array){ s->tokens, RONDO_I32, { 2, { 2, 7 } }, NULL }
                      : (rondo_array){ s->x, RONDO_F32, { 3, { 2, 7, 2 } }, NULL };
    s->batch = (rondo_batch){ .n_inputs = 1, .inputs = &s->input };
    assert_int_equal(rondo_dataset_new(&s->data, &s->batch), RONDO_OK);
}

static inline void subject_close(subject *s)
{
    rondo_dataset_free(s->data);
    rondo_pipeline_free(s->pipeline);
}

/* cmocka's own compares floats. */
static inline void assert_near(double a, double b, double most)
{
    if (!(fabs(a - b) <= most)) fail_msg("%.15g and %.15g differ by over %g", a, b, most);
}

static inline rondo_explanation *must_explain(subject *s, rondo_explain_options o)
{
    rondo_explanation *e;
    o.size = sizeof o;
    if (rondo_explain(&e, s->pipeline, s->data, &o)) fail_msg("%s", rondo_error());
    return e;
}
#endif
