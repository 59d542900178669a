/* Model files that are cut, spoilt, foreign, newer or lying: always a sentence, never a crash,
 * and no memory for sizes that the file only claims. */
#define _POSIX_C_SOURCE 200809L
#include "format/format.h"
#include "base/helpers.h"
#include "model/models.h"

static char *path; /* of the file under attack */

static int begin(void **state)
{
    if (folder_make(state)) return -1;
    path = file_join(*state, "m.safetensors");
    return path ? 0 : -1;
}

static int end(void **state)
{
    alloc_free(path);
    return folder_drop(state);
}

static void put(const void *bytes, size_t n)
{
    unlink(path); /* some file systems write at once what is cut and written again */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void refused(rondo_status code, const char *words)
{
    rondo_model *m = (rondo_model *)&path;
    const rondo_status s = rondo_load(&m, path);
    if (s != code || !strstr(rondo_error(), words))
        fail_msg("expected \"%s\", got %d: %s", words, s, rondo_error());
    assert_null(m);
    assert_sentence(path);
}

/* ---- Every length and every byte ---- */
typedef struct specimen {
    unsigned char bytes[4096];
    size_t n;
    rondo_model *m;
} specimen;

static specimen taken(void)
{
    specimen p;
    p.m = models_new("simple_rnn 2; dense 1 sigmoid", 2);
    assert_int_equal(rondo_adapt(p.m, "dense.bias", "frozen"), RONDO_OK);
    assert_int_equal(rondo_set_metadata(p.m, "{\"a\":1}"), RONDO_OK);
    assert_int_equal(rondo_save(p.m, path), RONDO_OK);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    p.n = fread(p.bytes, 1, sizeof p.bytes, f);
    assert_true(p.n < sizeof p.bytes);
    fclose(f);
    return p;
}

/* A sentence of the right kind, or the very same model. */
static void check_load(const specimen *p)
{
    rondo_model *m;
    const rondo_status s = rondo_load(&m, path);
    if (s) {
        assert_null(m);
        if (s != RONDO_E_FORMAT && s != RONDO_E_LIMIT && s != RONDO_E_IO)
            fail_msg("status %d: %s", s, rondo_error());
        assert_sentence(path);
        return;
    }
    models_same(m, p->m);
    assert_string_equal(rondo_metadata(m), rondo_metadata(p->m));
    rondo_model_free(m);
}

static void cut_anywhere(void **state)
{
    specimen p = taken();
    (void)state;
    for (size_t n = 0; n < p.n; n++) {
        rondo_model *m;
        put(p.bytes, n);
        const rondo_status s = rondo_load(&m, path);
        assert_int_equal(s, RONDO_E_FORMAT);
        assert_null(m);
        assert_sentence(path);
    }
    p.bytes[p.n] = 0; /* and one byte too long */
    put(p.bytes, p.n + 1);
    refused(RONDO_E_FORMAT, "");
    rondo_model_free(p.m);
}

static void spoilt_anywhere(void **state)
{
    static const unsigned char masks[] = { 0x01, 0x02, 0x20, 0x80, 0xff };
    specimen p = taken();
    (void)state;
    put(p.bytes, p.n);
    check_load(&p);
    for (size_t i = 0; i < p.n; i++)
        for (size_t k = 0; k < sizeof masks; k++) {
            p.bytes[i] ^= masks[k];
            put(p.bytes, p.n);
            check_load(&p);
            p.bytes[i] ^= masks[k];
        }
    rondo_model_free(p.m);
}

static void a_weight_is_changed(void **state)
{
    specimen p = taken();
    (void)state;
    p.bytes[p.n - 1] ^= 1;
    put(p.bytes, p.n);
    refused(RONDO_E_FORMAT, "digest does not match: the file is damaged");
    rondo_model_free(p.m);
}

/* ---- Files that are something else ---- */
static void not_a_model(void **state)
{
    static const char csv[] = "a,b,c\n1,2,3\n", json[] = "{\"layers\": []}";
    rondo_model *m;
    put("", 0);
    refused(RONDO_E_FORMAT, "it is empty");
    put(csv, sizeof csv - 1);
    refused(RONDO_E_FORMAT, "not a model file");
    put(json, sizeof json - 1);
    refused(RONDO_E_FORMAT, "");
    put("\x7f\xff\xff\xff\xff\xff\xff\xff{", 9);
    refused(RONDO_E_FORMAT, "its header would have");
    unlink(path);
    refused(RONDO_E_IO, "No such file");
    assert_int_equal(rondo_load(&m, *state), RONDO_E_IO); /* a folder */
    assert_sentence(*state);
}

/* A file with this metadata and one weight d.kernel of this shape (and type, and perhaps another
 * tensor). */
static void craft(const char *version, const char *model, rondo_shape shape, const char *type,
                  const char *also)
{
    static const double zeros[64];
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= shape.dim[i];
    tensor t[2] = { { .name = "d.kernel", .shape = shape, .data = zeros },
                    { .name = (char *)also, .shape = { 1, { 1 } }, .data = zeros, .size = 4 } };
    t[0].size = (size_t)n * (strcmp(type, "F64") ? 4 : 8);
    snprintf(t[0].type, sizeof t[0].type, "%s", type);
    strcpy(t[1].type, "F32");
    json_t *metadata = json_object();
    if (version) json_object_set_new(metadata, "format", json_string("rondo"));
    if (version) json_object_set_new(metadata, "version", json_string(version));
    if (model) json_object_set_new(metadata, "model", json_string(model));
    if (tensors_save(path, t, also ? 2 : 1, metadata)) fail_msg("%s", rondo_error());
    json_decref(metadata);
}

#define MODEL_OF(layer)                                                                            \
    "{\"layers\":[" layer "],\"nodes\":[{\"input\":{\"type\":\"f32\",\"shape\":[0,3]}},"           \
    "{\"layer\":0,\"inputs\":[[0,0]]}],\"outputs\":[[1,0]],\"frozen\":[]}"
#define LAYER(kind, units)                                                                         \
    "{\"kind\":\"" kind "\",\"name\":\"d\",\"options\":{\"units\":" units ",\"no_bias\":true}}"
#define DENSE MODEL_OF(LAYER("dense", "2"))

static void foreign_and_newer(void **state)
{
    rondo_model *m;
    (void)state;
    craft(NULL, NULL, RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT, "a safetensors file, but not one of Rondo's");
    craft("2", DENSE, RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT,
            "written in format version 2; this is Rondo " RONDO_VERSION ", which reads version 1");
    craft("1", NULL, RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT, "no \"model\"");
    craft("1", "{", RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT, "model: line 1");
    craft("1", MODEL_OF(LAYER("liquid", "2")), RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT, "unknown layer \"liquid\"");
    craft("1", DENSE, RONDO_SHAPE(3, 2), "F32", NULL);
    assert_int_equal(rondo_load(&m, path), RONDO_OK);
    rondo_model_free(m);
    craft("1", DENSE, RONDO_SHAPE(3, 2), "F64", NULL); /* wider, but the same numbers */
    assert_int_equal(rondo_load(&m, path), RONDO_OK);
    rondo_model_free(m);
}

static void weights_that_do_not_fit(void **state)
{
    (void)state;
    craft("1", DENSE, RONDO_SHAPE(2, 3), "F32", NULL);
    refused(RONDO_E_FORMAT, "tensor \"d.kernel\" is [2][3], expected [3][2]");
    craft("1", DENSE, RONDO_SHAPE(6), "F32", NULL);
    refused(RONDO_E_FORMAT, "tensor \"d.kernel\" is [6], expected [3][2]");
    craft("1", DENSE, RONDO_SHAPE(3, 2), "I32", NULL);
    refused(RONDO_E_FORMAT, "has type I32, expected F32 or F64");
    craft("1", DENSE, RONDO_SHAPE(3, 2), "F32", "stranger");
    refused(RONDO_E_FORMAT, "holds 2 weights, the model it describes has 1");
    craft(
        "1",
        MODEL_OF("{\"kind\":\"dense\",\"name\":\"e\",\"options\":{\"units\":2,\"no_bias\":true}}"),
        RONDO_SHAPE(3, 2), "F32", NULL);
    refused(RONDO_E_FORMAT, "tensor \"e.kernel\" is missing");
}

/* ---- Sizes that the file only claims ---- */
static size_t largest;
static void *(*true_hook)(void *, size_t);
static void *watching(void *p, size_t n)
{
    if (n > largest) largest = n;
    return true_hook(p, n);
}

static void huge_claims(void **state)
{
    static const char *const models[] = {
        MODEL_OF(LAYER("dense", "1000000000")),
        MODEL_OF(LAYER("dense", "1000000000000000")),
        MODEL_OF(LAYER("lstm", "1000000")),
        MODEL_OF(LAYER("lstm", "9223372036854775807")),
        MODEL_OF(LAYER("simple_rnn", "4611686018427387904")),
    };
    (void)state;
    true_hook = alloc_hook;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        rondo_model *m;
        craft("1", models[i], RONDO_SHAPE(3, 2), "F32", NULL);
        largest = 0;
        alloc_hook = watching;
        const rondo_status s = rondo_load(&m, path);
        alloc_hook = true_hook;
        assert_true(s == RONDO_E_FORMAT || s == RONDO_E_LIMIT);
        assert_sentence(path);
        assert_true(largest < 100000);
    }
}

#define ATTACK(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATTACK(cut_anywhere), ATTACK(spoilt_anywhere),   ATTACK(a_weight_is_changed),
        ATTACK(not_a_model),  ATTACK(foreign_and_newer), ATTACK(weights_that_do_not_fit),
        ATTACK(huge_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
