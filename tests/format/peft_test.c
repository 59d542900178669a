/* Adapters as PEFT writes them (tests/golden/make_peft.py): what the torch model gave with them comes out;
 * written again they are the same tensors under the same names; what does not fit is refused by name. */
#define _DEFAULT_SOURCE
#include "base/helpers.h"
#include "format/format.h"
#include <math.h>

static const char golden[] = "tests/golden/peft";
static char *folder;

static void ok(rondo_status s)
{
    if (s) fail_msg("%s", rondo_error());
}

static rondo_model *build(const char *layers)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    ok(rondo_add_spec(m, layers));
    ok(model_prepare(m, 1));
    return m;
}

static void open_golden(tensor_file *f)
{
    char path[300];
    snprintf(path, sizeof path, "%s/model.safetensors", golden);
    ok(tensors_open(f, path));
}

static rondo_model *base(const tensor_file *f)
{
    rondo_model *m = build("embedding 6 input_dim=7; dense 5 tanh; dense 3");
    for (int i = 0; i < m->n_params; i++) {
        char name[100];
        snprintf(name, sizeof name, "weight:%s", rondo_weight_name(m, i));
        ok(tensors_copy(f, name, &m->params[i]->shape, m->weights + m->params[i]->offset));
    }
    model_weights_changed(m);
    return m;
}

/* The largest difference from PEFT's outputs. */
static double difference(const rondo_model *m, const tensor_file *f)
{
    real want[4 * 5 * 3], got[4 * 5 * 3];
    int32_t tokens[20];
    const rondo_array in = { tokens, RONDO_I32, RONDO_SHAPE(4, 5), NULL };
    rondo_array out = { got, RONDO_F32, RONDO_SHAPE(4, 5, 3), NULL };
    double worst = 0;
    memcpy(tokens, tensors_find(f, "tokens")->data, sizeof tokens);
    ok(tensors_copy(f, "output", &(rondo_shape){ 3, { 4, 5, 3 } }, want));
    ok(rondo_predict(m, &(rondo_batch){ .n_inputs = 1, .inputs = &in }, &out, 1));
    for (int i = 0; i < 4 * 5 * 3; i++) worst = fmax(worst, fabs((double)(got[i] - want[i])));
    return worst;
}

static void peft_gives_the_same(void **state)
{
    tensor_file f, theirs, ours;
    char path[300];
    (void)state;
    open_golden(&f);
    rondo_model *m = base(&f);
    assert_true(difference(m, &f) > 0.1);
    ok(rondo_adapters_load(m, NULL, golden));
    assert_true(difference(m, &f) < 1e-5);
    assert_int_equal(rondo_parameter_count(m, true),
                     5 + 3 + 2 * (7 + 6) + 2 * (6 + 5) + 3 * (5 + 3));
    ok(rondo_adapters_save(m, NULL, folder));
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", golden);
    ok(tensors_open(&theirs, path));
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    ok(tensors_open(&ours, path));
    assert_int_equal(ours.n, theirs.n);
    for (int i = 0; i < ours.n; i++) {
        const tensor *t = tensors_find(&theirs, ours.tensors[i].name);
        if (!t) fail_msg("PEFT has no %s", ours.tensors[i].name);
        assert_memory_equal(&t->shape, &ours.tensors[i].shape, sizeof(int64_t) * 3);
        if (sizeof(real) == 4) assert_memory_equal(t->data, ours.tensors[i].data, t->size);
    }
    tensors_close(&theirs);
    tensors_close(&ours);
    rondo_model *again = base(&f);
    ok(rondo_adapters_load(again, "again", folder));
    assert_true(difference(again, &f) < 1e-5);
    ok(rondo_adapter_merge(again, "again"));
    assert_true(difference(again, &f) < 1e-5);
    rondo_model_free(again);
    rondo_model_free(m);
    tensors_close(&f);
}

/* Of recurrent layers, under their weights' names. */
static void recurrent_kernels(void **state)
{
    (void)state;
    rondo_model *m = build("embedding 6 input_dim=7; lstm 5 merge=concat; dense 3"), *copy;
    ok(rondo_adapt(m, "lstm.*", "lora 2 rslora name=a"));
    ok(rondo_adapt(m, "*.recurrent_kernel", "lora 1 name=b"));
    assert_int_equal(rondo_adapters_save(m, NULL, folder), RONDO_E_ARG);
    ok(rondo_adapters_save(m, "a", folder));
    copy = build("embedding 6 input_dim=7; lstm 5 merge=concat; dense 3");
    ok(rondo_adapters_load(copy, "a", folder));
    for (int i = 0; i < copy->n_params; i++) {
        const param *p = copy->params[i], *q = model_param(m, rondo_weight_name(copy, i));
        assert_non_null(q);
        assert_memory_equal(copy->weights + p->offset, m->weights + q->offset,
                            (size_t)shape_size(&p->shape) * sizeof(real));
    }
    assert_int_equal(rondo_adapters_load(copy, "a", folder), RONDO_E_ARG);
    ok(rondo_adapters_load(copy, "twice", folder));
    rondo_model_free(copy);
    rondo_model_free(m);
}

static void refused(void **state)
{
    static const char *const others[][2] = {
        { "embedding 6 input_dim=7; dense 5", "dense_1.lora_A.weight belongs to no weight" },
        { "embedding 6 input_dim=7; dense 5; dense 4",
          "dense_1.lora_B.weight is 3x3, expected 4x3" },
        { "embedding 6 input_dim=9; dense 5; dense 3", "embedding" },
    };
    char path[300];
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rondo_model *m = build(others[i][0]);
        const int n = m->n_params;
        assert_true(rondo_adapters_load(m, NULL, golden) != RONDO_OK);
        if (!strstr(rondo_error(), others[i][1])) fail_msg("%s", rondo_error());
        assert_int_equal(m->n_params, n);
        ok(model_status(m));
        rondo_model_free(m);
    }
    static const char *const configs[] = { "{", "{}", "[1]", "{\"peft_type\": \"IA3\"}",
                                           "{\"peft_type\": \"LORA\", \"use_dora\": true}" };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        rondo_model *m = build("embedding 6 input_dim=7; dense 5; dense 3");
        snprintf(path, sizeof path, "%s/adapter_config.json", folder);
        ok(file_write_all(path, configs[i], strlen(configs[i])));
        assert_int_equal(rondo_adapters_load(m, NULL, folder), RONDO_E_FORMAT);
        rondo_model_free(m);
    }
    rondo_model *m = build("embedding 6 input_dim=7; dense 5; dense 3");
    assert_int_equal(rondo_adapters_load(m, NULL, "/nowhere"), RONDO_E_IO);
    assert_int_equal(rondo_adapters_save(m, NULL, folder), RONDO_E_NAME);
    ok(rondo_adapt(m, "*", "weight_drop"));
    assert_int_equal(rondo_adapters_save(m, "weight_drop", folder), RONDO_E_ARG);
    rondo_model_free(m);
}

/* One side alone would be an adapter that does nothing. */
static void half_an_adapter(void **state)
{
    char path[300];
    tensor_file f;
    rondo_model *m = build("embedding 6 input_dim=7; dense 5; dense 3");
    (void)state;
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    for (int side = 0; side < 2; side++) {
        ok(rondo_adapt(m, "dense.kernel", "lora rank=2"));
        ok(rondo_adapters_save(m, NULL, folder));
        ok(rondo_adapter_remove(m, "lora"));
        ok(tensors_open(&f, path));
        json_t *metadata = json_pack("{s:s}", "format", "pt");
        assert_int_equal(f.n, 2);
        ok(tensors_save(path, &f.tensors[side], 1, metadata));
        json_decref(metadata);
        tensors_close(&f);
        assert_int_equal(rondo_adapters_load(m, NULL, folder), RONDO_E_FORMAT);
        if (!strstr(rondo_error(), side ? "no lora_A" : "no lora_B")) fail_msg("%s", rondo_error());
    }
    rondo_model_free(m);
}

static int set_up(void **state)
{
    if (folder_make(state)) return -1;
    folder = *state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peft_gives_the_same),
        cmocka_unit_test(recurrent_kernels),
        cmocka_unit_test(refused),
        cmocka_unit_test(half_an_adapter),
    };
    return cmocka_run_group_tests(tests, set_up, folder_drop);
}
