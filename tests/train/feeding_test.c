/* Fit over batches that are large enough to be gathered by a thread: the bits of training on one
 * batch after the other, no allocation, and a sample that cannot be had fails at its batch. */
#include "train/train.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
/* cmocka wants these first */
#include <cmocka.h>

enum { SAMPLES = 50, LONG = 60, WIDE = 40, ROWS = 16, LAST = SAMPLES % ROWS }; /* 150 KB a batch */

static real x[SAMPLES * LONG * WIDE];
static int32_t label[SAMPLES];
static void *(*system_alloc)(void *, size_t);
static atomic_int allocations;
static int at_first, at_last, batches;
static rondo_status (*get_sample)(const rondo_dataset *, cursor *, int64_t, sample *);

static int fill(void **state)
{
    (void)state;
    rng r = rng_new(4, rng_stream(RNG_DATA, 0));
    for (int64_t i = 0; i < SAMPLES * LONG * WIDE; i++) x[i] = (real)rng_normal(&r);
    for (int i = 0; i < SAMPLES; i++) label[i] = i % 3;
    return 0;
}

static rondo_batch samples(int64_t first, int64_t n, rondo_array *in, rondo_array *out)
{
    *in = (rondo_array){ x + first * LONG * WIDE, RONDO_F32, { 3, { n, LONG, WIDE } }, NULL };
    *out = (rondo_array){ label + first, RONDO_I32, { 1, { n } }, NULL };
    return (rondo_batch){ 1, 1, in, out, NULL };
}

static rondo_model *compile(void)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(0, WIDE));
    rondo_add_spec(m, "gru 5 dropout=0.1; dense 3 softmax");
    if (rondo_compile(m, .loss = "sparse_categorical_crossentropy", .seed = 3, .threads = 2))
        fail_msg("%s", rondo_error());
    return m;
}

static rondo_status watch(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)p, (void)user;
    if (event != RONDO_BATCH_END) return RONDO_OK;
    if (batches++ == 0) at_first = allocations;
    at_last = allocations;
    return RONDO_OK;
}

static void *count_allocation(void *p, size_t n)
{
    allocations++;
    return system_alloc(p, n);
}

static rondo_status run(rondo_model *m, const rondo_dataset *d, int64_t epochs)
{
    const rondo_callback c = { .on = watch };
    batches = 0;
    return rondo_fit(m, d, .epochs = epochs, .batch_size = ROWS, .no_shuffle = true,
                     .callbacks = &c, .n_callbacks = 1);
}

static void as_one_by_one(void **state)
{
    (void)state;
    rondo_model *fitted = compile(), *stepped = compile();
    rondo_array in, out;
    rondo_dataset *d;
    rondo_batch b = samples(0, SAMPLES, &in, &out);
    assert_int_equal(rondo_dataset_new(&d, &b), RONDO_OK);
    system_alloc = alloc_hook;
    alloc_hook = count_allocation;
    const rondo_status status = run(fitted, d, 3);
    alloc_hook = system_alloc;
    assert_int_equal(status, RONDO_OK);
    assert_int_equal(at_first, at_last);
    for (int epoch = 0; epoch < 3; epoch++)
        for (int64_t at = 0; at < SAMPLES; at += ROWS) {
            b = samples(at, SAMPLES - at < ROWS ? LAST : ROWS, &in, &out);
            assert_int_equal(rondo_train_batch(stepped, &b, NULL), RONDO_OK);
        }
    assert_memory_equal(fitted->weights, stepped->weights,
                        (size_t)fitted->n_weights * sizeof(real));
    rondo_dataset_free(d);
    rondo_model_free(fitted);
    rondo_model_free(stepped);
}

static rondo_status get_or_fail(const rondo_dataset *d, cursor *c, int64_t i, sample *s)
{
    if (i == 2 * ROWS + 1) return rondo_fail(RONDO_E_IO, "sample %lld is lost", (long long)i);
    return get_sample(d, c, i, s);
}

/* The batches before it are trained on, though the third was gathered while the second was. */
static void fails_at_its_batch(void **state)
{
    (void)state;
    rondo_model *m = compile();
    rondo_array in, out;
    rondo_dataset *d;
    const rondo_batch b = samples(0, SAMPLES, &in, &out);
    assert_int_equal(rondo_dataset_new(&d, &b), RONDO_OK);
    get_sample = d->get;
    d->get = get_or_fail;
    assert_int_equal(run(m, d, 1), RONDO_E_IO);
    assert_string_equal(rondo_error(), "sample 33 is lost");
    assert_int_equal(batches, 2);
    assert_int_equal(m->training->optimizer.iterations, 2);
    rondo_dataset_free(d);
    rondo_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_one_by_one),
        cmocka_unit_test(fails_at_its_batch),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
