/* Answers come in the order of the data and are what each sample has by itself, to the bit, however
 * long those beside it are. */
#include "task/task.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { SAMPLES = 300, LONGEST = 900, CLASSES = 3 };
static int32_t tokens[SAMPLES][LONGEST];
static int64_t lengths[SAMPLES];

static rondo_pipeline *open_pipeline(const char *layers)
{
    rondo_pipeline *p;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    if (rondo_add_spec(m, layers) || model_prepare(m, 5)) fail_msg("%s: %s", layers, rondo_error());
    assert_int_equal(pipeline_new(&p, registry_find(REGISTRY_TASK, "classify")), RONDO_OK);
    p->model = m;
    assert_int_equal(pipeline_seal(p), RONDO_OK);
    return p;
}

/* Mostly short, one without steps, some long. */
static void fill(void)
{
    rng r = rng_new(1, 1);
    for (int64_t i = 0; i < SAMPLES; i++) {
        lengths[i] = i % 60 == 7 ? LONGEST - i : i == 3 ? 0 : 1 + rng_below(&r, 12);
        for (int64_t t = 0; t < lengths[i]; t++) tokens[i][t] = (int32_t)rng_below(&r, 9);
    }
}

typedef struct told {
    int64_t n;
    real values[SAMPLES][CLASSES];
} told;

static rondo_status keep(const rondo_prediction *p, void *user)
{
    told *t = user;
    assert_int_equal(p->sample, t->n);
    assert_int_equal(p->step, -1);
    memcpy(t->values[t->n++], p->values, sizeof t->values[0]);
    return RONDO_OK;
}

static void predict(rondo_pipeline *p, int64_t first, int64_t n, int64_t rows, told *t)
{
    const rondo_array x = { tokens[first], RONDO_I32, { 2, { n, LONGEST } }, lengths + first };
    const rondo_batch inputs = { .n_inputs = 1, .inputs = &x };
    rondo_dataset *d;
    t->n = 0;
    assert_int_equal(rondo_dataset_new(&d, &inputs), RONDO_OK);
    if (rondo_pipeline_predict(p, d, rows, keep, t)) fail_msg("%s", rondo_error());
    assert_int_equal(t->n, n);
    rondo_dataset_free(d);
}

static void in_order_and_alone(void **state)
{
    static const char *const models[] = {
        "embedding 4 input_dim=9; lstm 5; dense 3 softmax",
        "embedding 4 input_dim=9; gru 5 return_sequences merge=concat; pool last max average; "
        "dense "
        "3 softmax",
    };
    static told all, one;
    (void)state;
    fill();
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        rondo_pipeline *p = open_pipeline(models[k]);
        for (int64_t rows = 1; rows < 100; rows += 31) { /* several runs of 64 batches, and one */
            predict(p, 0, SAMPLES, rows, &all);
            for (int64_t i = 0; i < SAMPLES; i++) {
                predict(p, i, 1, 1, &one);
                assert_memory_equal(one.values[0], all.values[i], sizeof one.values[0]);
            }
        }
        rondo_pipeline_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(in_order_and_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
