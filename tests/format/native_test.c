/* The native file: what was saved is what is loaded, to the bit; and saving the loaded model
 * writes the same bytes. */
#define _POSIX_C_SOURCE 200809L
#include "format/format.h"
#include "base/helpers.h"
#include "model/models.h"

static const char *const specs[] = {
    "dense 2",
    "simple_rnn 7 return_sequences; lstm 5 no_bias; dense 3 softmax",
    "gru 4 merge=concat reset_after=false return_sequences name=encoder; layer_normalization; lstm "
    "3 dropout=0.2",
    "masking mask_value=-1; lstm 4 activations=\"i=hard_sigmoid c=elu(alpha=0.5)\" stateful; dense "
    "1 no_bias",
    "embedding 6 input_dim=9 mask_zero; gru 3; dropout 0.5; dense 9 softmax",
    "dense 3 name=state; dense 2 name=state_slot",
    "activation tanh", /* a model without weights */
    "lstm 4 merge=concat \"a*tanh(b*x) with a=1.1, b=0.7 shared\" return_sequences; dense 3 "
    "'where(x > 0, x, slope*x) with slope=0.1'; activation pelu",
};
enum { SPECS = sizeof specs / sizeof *specs };

static char *whole_file(const char *path, size_t *n)
{
    file_map map;
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    char *bytes = alloc_new(map.size + 1);
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.size);
    *n = map.size;
    file_map_close(&map);
    return bytes;
}

static rondo_model *loaded(const char *path)
{
    rondo_model *m = NULL;
    if (rondo_load(&m, path)) fail_msg("%s", rondo_error());
    return m;
}

static void saved_and_loaded(void **state)
{
    char *path = file_join(*state, "m.safetensors"),
         *again = file_join(*state, "again.safetensors");
    for (int i = 0; i < SPECS; i++) {
        size_t n, n_again;
        rondo_model *m = models_new(specs[i], 3);
        if (i % 2) assert_int_equal(rondo_adapt(m, "*.kernel", "frozen"), RONDO_OK);
        if (rondo_save(m, path)) fail_msg("%s: %s", specs[i], rondo_error());
        rondo_model *copy = loaded(path);
        models_same(m, copy);
        assert_null(rondo_metadata(copy));
        assert_null(copy->training_spec);
        assert_int_equal(rondo_save(copy, again), RONDO_OK);
        char *first = whole_file(path, &n), *second = whole_file(again, &n_again);
        assert_int_equal(n, n_again);
        assert_memory_equal(first, second, n);
        alloc_free(first);
        alloc_free(second);
        rondo_model_free(m);
        rondo_model_free(copy);
    }
    assert_int_equal(folder_count(*state), 2); /* and nothing temporary */
    alloc_free(path);
    alloc_free(again);
}

/* Special numbers keep their bits too. */
static void special_values(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    rondo_model *m = models_new("dense 3 name=d", 3);
    const uint32_t bits[] = {
        0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 0x00000001, 0x7f7fffff
    };
    memcpy(m->weights, bits, sizeof bits);
    assert_int_equal(rondo_save(m, path), RONDO_OK);
    rondo_model *copy = loaded(path);
    assert_memory_equal(copy->weights, bits, sizeof bits);
    rondo_model_free(m);
    rondo_model_free(copy);
    alloc_free(path);
}

static void metadata(void **state)
{
    static const char text[] = "{\"task\":\"classify\",\"classes\":[\"a\\\"b\",\"Zürich\",\"\"]}";
    char *path = file_join(*state, "m.safetensors");
    rondo_model *m = models_new("dense 2", 3);
    assert_int_equal(rondo_set_metadata(m, text), RONDO_OK);
    assert_string_equal(rondo_metadata(m), text);
    assert_int_equal(rondo_save(m, path), RONDO_OK);
    rondo_model *copy = loaded(path);
    assert_string_equal(rondo_metadata(copy), text);
    assert_int_equal(rondo_set_metadata(copy, NULL), RONDO_OK);
    assert_null(rondo_metadata(copy));
    assert_int_equal(rondo_save(copy, path), RONDO_OK);
    rondo_model_free(copy);
    copy = loaded(path);
    assert_null(rondo_metadata(copy));
    rondo_model_free(m);
    rondo_model_free(copy);
    alloc_free(path);
}

/* How it was trained travels along, and a loaded model compiles without being told again. */
static void training(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    rondo_model *m = models_new("dense 2", 3);
    assert_int_equal(rondo_compile(m, .optimizer = "sgd learning_rate=0.5 momentum=0.9",
                                   .loss = "huber delta=0.5", .metrics = "mae"),
                     RONDO_OK);
    assert_int_equal(rondo_save(m, path), RONDO_OK);
    rondo_model *copy = loaded(path);
    assert_string_equal(copy->training_spec, m->training_spec);
    assert_int_equal(rondo_compile_with(copy, NULL), RONDO_OK);
    assert_true(rondo_learning_rate(copy) == 0.5);
    assert_string_equal(rondo_score_name(copy, 1), "mae");
    models_same(m, copy);
    rondo_model_free(m);
    rondo_model_free(copy);
    alloc_free(path);
}

/* Any safetensors reader sees the weights by name. */
static void seen_by_others(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    rondo_model *m = models_new("lstm 4; dense 2 name=head", 3);
    tensor_file f;
    assert_int_equal(rondo_save(m, path), RONDO_OK);
    assert_int_equal(tensors_open(&f, path), RONDO_OK);
    assert_int_equal(f.n, 5);
    for (int i = 0; i < f.n; i++) assert_string_equal(f.tensors[i].type, "F32");
    const tensor *t = tensors_find(&f, "lstm.recurrent_kernel");
    assert_non_null(t);
    assert_int_equal(t->shape.rank, 2);
    assert_int_equal(t->shape.dim[0], 4);
    assert_int_equal(t->shape.dim[1], 16);
    assert_memory_equal(t->data, m->weights + m->params[1]->offset, t->size);
    assert_string_equal(json_string_value(json_object_get(f.metadata, "format")), "rondo");
    assert_string_equal(json_string_value(json_object_get(f.metadata, "version")), "1");
    tensors_close(&f);
    rondo_model_free(m);
    alloc_free(path);
}

/* Saving an unfinished model draws its weights; one without layers has none to draw. */
static void unfinished_models(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    rondo_model *m = rondo_model_new();
    assert_int_equal(rondo_save(NULL, path), RONDO_E_ARG);
    assert_int_equal(rondo_save(m, path), RONDO_E_STATE);
    rondo_input(m, RONDO_F32, RONDO_SHAPE(3));
    assert_int_equal(rondo_save(m, path), RONDO_E_STATE);
    assert_int_equal(folder_count(*state), 0);
    rondo_add(m, rondo_dense(2));
    assert_int_equal(rondo_save(m, NULL), RONDO_E_ARG);
    assert_int_equal(rondo_save(m, path), RONDO_OK);
    rondo_model *copy = loaded(path);
    models_same(m, copy);
    rondo_model_free(copy);
    rondo_model_free(m);
    assert_int_equal(rondo_load(&m, NULL), RONDO_E_ARG);
    assert_null(m);
    alloc_free(path);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(saved_and_loaded), IN_FOLDER(special_values), IN_FOLDER(metadata),
        IN_FOLDER(training),         IN_FOLDER(seen_by_others), IN_FOLDER(unfinished_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
