#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

static const float floats[6] = { 1, -2, 3.5f, 0, 1e-30f, 1e30f };
static const double doubles[2] = { 0.1, -1e300 };
static const int64_t longs[1] = { INT64_MIN };
static const unsigned char bytes[3] = { 1, 2, 255 };

static const tensor sample[] = {
    { "lstm.kernel", "F32", { 2, { 2, 3 } }, floats, sizeof floats },
    { "é \"quoted\"", "F64", { 1, { 2 } }, doubles, sizeof doubles },
    { "step", "I64", { 0, { 0 } }, longs, sizeof longs },
    { "nothing", "F32", { 3, { 4, 0, 2 } }, NULL, 0 },
    { "image", "U8", { 1, { 3 } }, bytes, sizeof bytes },
};
enum { N = sizeof sample / sizeof *sample };

static json_t *sample_metadata(void)
{
    /* A key and a value that look like a digest but are none. */
    return json_pack("{s:s, s:s}", "\"digest", "crc32c:12345678", "model",
                     "{\"digest\":\"crc32c:00000000\"}");
}

static rondo_status save_sample(const char *path)
{
    json_t *metadata = sample_metadata();
    rondo_status status = tensors_save(path, sample, N, metadata);
    json_decref(metadata);
    return status;
}

/* Whether f holds exactly the sample's tensors. */
static bool is_sample(const tensor_file *f)
{
    if (f->n != N) return false;
    for (int i = 0; i < N; i++) {
        const tensor *t = tensors_find(f, sample[i].name);
        if (!t || strcmp(t->type, sample[i].type) || t->size != sample[i].size) return false;
        if (t->shape.rank != sample[i].shape.rank) return false;
        for (int d = 0; d < t->shape.rank; d++)
            if (t->shape.dim[d] != sample[i].shape.dim[d]) return false;
        if (t->size && memcmp(t->data, sample[i].data, t->size)) return false;
    }
    return true;
}

static void saves_and_opens(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    tensor_file f;
    uint64_t length;
    assert_int_equal(save_sample(path), RONDO_OK);
    assert_int_equal(tensors_open(&f, path), RONDO_OK);
    assert_true(is_sample(&f));
    assert_string_equal(f.tensors[0].name, "lstm.kernel");
    assert_string_equal(json_string_value(json_object_get(f.metadata, "model")),
                        "{\"digest\":\"crc32c:00000000\"}");
    assert_null(tensors_find(&f, "other"));
    memcpy(&length, f.map.data, 8);
    assert_int_equal(length % 8, 0);
    tensors_close(&f);
    tensors_close(&f);
    alloc_free(path);
}

static void copies_as_real(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    const rondo_shape two = { 1, { 2 } }, matrix = { 2, { 2, 3 } }, other = { 2, { 3, 2 } };
    real out[6];
    tensor_file f;
    assert_int_equal(save_sample(path), RONDO_OK);
    assert_int_equal(tensors_open(&f, path), RONDO_OK);
    assert_int_equal(tensors_copy(&f, "lstm.kernel", &matrix, out), RONDO_OK);
    for (int i = 0; i < 6; i++) assert_true(out[i] == (real)floats[i]);
    assert_int_equal(tensors_copy(&f, sample[1].name, &two, out), RONDO_OK);
    assert_true(out[0] == (real)doubles[0]);
    assert_int_equal(tensors_copy(&f, "lstm.kernel", &other, out), RONDO_E_SHAPE);
    assert_string_equal(rondo_error(), "tensor \"lstm.kernel\" is [2][3], expected [3][2]");
    assert_int_equal(tensors_copy(&f, "lstm.bias", &two, out), RONDO_E_FORMAT);
    assert_string_equal(rondo_error(), "tensor \"lstm.bias\" is missing");
    assert_int_equal(tensors_copy(&f, "step", &two, out), RONDO_E_FORMAT);
    assert_sentence("I64");
    tensors_close(&f);
    alloc_free(path);
}

static void every_cut_is_noticed(void **state)
{
    char *path = file_join(*state, "m.safetensors"), *cut = file_join(*state, "cut");
    tensor_file f;
    file_map map;
    assert_int_equal(save_sample(path), RONDO_OK);
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    for (size_t n = 0; n < map.size; n++) {
        FILE *file = fopen(cut, "wb");
        fwrite(map.data, 1, n, file);
        fclose(file);
        assert_int_equal(tensors_open(&f, cut), RONDO_E_FORMAT);
        assert_sentence(cut);
    }
    file_map_close(&map);
    alloc_free(path);
    alloc_free(cut);
}

static void every_flip_is_noticed(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    tensor_file f;
    file_map map;
    unsigned char *copy;
    size_t size;
    int unnoticed = 0;
    assert_int_equal(save_sample(path), RONDO_OK);
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    size = map.size;
    copy = alloc_new(size);
    memcpy(copy, map.data, size);
    file_map_close(&map);
    for (size_t i = 0; i < 8 * size; i++) {
        FILE *flipped = fopen(path, "wb");
        copy[i / 8] ^= (unsigned char)(1 << i % 8);
        fwrite(copy, 1, size, flipped);
        fclose(flipped);
        copy[i / 8] ^= (unsigned char)(1 << i % 8);
        if (tensors_open(&f, path) == RONDO_OK) {
            assert_true(is_sample(&f)); /* only a flip in the word "digest" passes */
            unnoticed++;
        }
        tensors_close(&f);
    }
    assert_in_range(unnoticed, 0, 8 * strlen("digest"));
    alloc_free(copy);
    alloc_free(path);
}

static rondo_status open_text(const char *path, const char *header, size_t data)
{
    uint64_t length = strlen(header);
    char file[2000] = { 0 };
    tensor_file f;
    rondo_status status;
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)length);
    assert_int_equal(file_write_all(path, file, 8 + (size_t)length + data), RONDO_OK);
    status = tensors_open(&f, path);
    tensors_close(&f);
    return status;
}

#define T(dtype, shape, from, to)                                                                  \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void files_of_others_are_checked(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *sentence; /* NULL: good */
    } cases[] = {
        { "{}", 0, NULL },
        { "{\"a\":" T("F32", "[2]", "0", "8") "}", 8, NULL },
        { "{\"__metadata__\":{\"format\":\"pt\"},\"a\":" T("U8", "[]", "0", "1") "}  ", 1, NULL },
        { "{\"b\":" T("U8", "[3]", "4", "7") ",\"a\":" T("F32", "[1]", "0", "4") "}", 7, NULL },
        { "{\"a\":" T("U8", "[3]", "0", "3") ",\"b\":" T("F32", "[1]", "3", "7") "}", 7, NULL },
        { "[]", 0, "not an object" },
        { "{\"a\":1}", 0, "tensor \"a\" is not described" },
        { "{\"a\":{}}", 0, "tensor \"a\" is not described" },
        { "{\"\":" T("U8", "[1]", "0", "1") "}", 1, "name is empty" },
        { "{\"a\":" T("F32", "[2]", "0", "8") "}", 7, "tensor \"a\": its data are bytes 0 to 8" },
        { "{\"a\":" T("F32", "[2]", "0", "8") "}", 9, "1 bytes after the last tensor" },
        { "{\"a\":" T("F32", "[3]", "0", "8") "}", 8, "not those of [3] of type F32" },
        { "{\"a\":" T("F32", "[2]", "8", "0") "}", 8, "bytes 8 to 0" },
        { "{\"a\":" T("F32", "[2]", "-8", "0") "}", 8, "bytes -8 to 0" },
        { "{\"a\":" T("F32", "[2]", "0", "8.0") "}", 8, "not two whole numbers" },
        { "{\"a\":" T("F16", "[4]", "0", "8") "}", 8, "type \"F16\", expected F32" },
        { "{\"a\":" T("U8", "[-1]", "0", "0") "}", 0, "size 1 of its shape" },
        { "{\"a\":" T("U8", "[\"x\"]", "0", "0") "}", 0, "size 1 of its shape" },
        { "{\"a\":" T("U8", "3", "0", "3") "}", 3, "not an array" },
        { "{\"a\":" T("U8", "[1,1,1,1,1,1]", "0", "1") "}", 1, "at most 5 sizes" },
        { "{\"a\":" T("F64", "[4294967296,4294967296]", "0", "0") "}", 0, "not those of" },
        { "{\"a\":" T("U8", "[4]", "0", "4") ",\"b\":" T("U8", "[4]", "2", "6") "}", 6,
          "tensor \"b\" overlaps" },
        { "{\"a\":" T("U8", "[2]", "0", "2") ",\"b\":" T("U8", "[2]", "4", "6") "}", 6,
          "tensor \"b\" does not begin where" },
        { "{\"a\":" T("U8", "[1]", "0", "1") ",\"a\":" T("U8", "[1]", "1", "2") "}", 2,
          "duplicate" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "metadata \"a\" is not a text" },
        { "{\"__metadata__\":{\"digest\":\"crc32c:12345678\"}}", 0,
          "digest does not match: the file is damaged" },
        { "{\"__metadata__\":{\"digest\":\"sha1:12345678\"}}", 0, "expected crc32c:" },
        { "{\"__metadata__\":{\"digest\":\"crc32c:\"}}", 0, "expected crc32c:" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, "nested" },
    };
    char *path = file_join(*state, "m.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_status status = open_text(path, cases[i].header, cases[i].data);
        assert_int_equal(status, cases[i].sentence ? RONDO_E_FORMAT : RONDO_OK);
        if (!cases[i].sentence) continue;
        assert_sentence(path);
        assert_sentence(cases[i].sentence);
    }
    alloc_free(path);
}

static void a_huge_header_is_refused(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    uint64_t length = LIMIT_HEADER + 1;
    tensor_file f;
    FILE *file = fopen(path, "wb");
    fwrite(&length, 1, 8, file);
    fseek(file, LIMIT_HEADER + 100, SEEK_SET); /* a hole, not bytes */
    fputc(0, file);
    fclose(file);
    assert_int_equal(tensors_open(&f, path), RONDO_E_FORMAT);
    assert_sentence("its header would have");
    alloc_free(path);
}

static void nonsense_is_not_saved(void **state)
{
    static const struct {
        tensor tensors[2];
        int n;
        const char *sentence;
    } bad[] = {
        { { { "", "U8", { 1, { 3 } }, bytes, 3 } }, 1, "may not be named" },
        { { { "__metadata__", "U8", { 1, { 3 } }, bytes, 3 } }, 1, "may not be named" },
        { { { "a", "F16", { 1, { 3 } }, bytes, 6 } }, 1, "type \"F16\"" },
        { { { "a", "U8", { 1, { 4 } }, bytes, 3 } }, 1, "not those of its shape" },
        { { { "a", "U8", { 1, { 3 } }, bytes, 3 }, { "a", "U8", { 1, { 3 } }, bytes, 3 } },
          2,
          "two tensors are named \"a\"" },
    };
    char *path = file_join(*state, "m.safetensors");
    json_t *metadata = json_pack("{s:i}", "number", 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tensors_save(path, bad[i].tensors, bad[i].n, NULL), RONDO_E_ARG);
        assert_sentence(bad[i].sentence);
    }
    assert_int_equal(tensors_save(path, sample, N, metadata), RONDO_E_ARG);
    assert_sentence("metadata \"number\" is not a text");
    assert_int_equal(folder_count(*state), 0);
    json_decref(metadata);
    alloc_free(path);
}

static rondo_status save_and_open(void *path)
{
    tensor_file f;
    json_t *metadata = sample_metadata();
    rondo_status status = metadata ? tensors_save(path, sample, N, metadata)
                                   : rondo_fail(RONDO_E_NOMEM, "out of memory");
    json_decref(metadata);
    RONDO_TRY(status);
    RONDO_TRY(tensors_open(&f, path));
    status = is_sample(&f) ? RONDO_OK : RONDO_E_FORMAT;
    tensors_close(&f);
    return status;
}

static void survives_no_memory(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    memory_fail_everywhere(save_and_open, path, false);
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(saves_and_opens),
        in_folder(copies_as_real),
        in_folder(every_cut_is_noticed),
        in_folder(every_flip_is_noticed),
        in_folder(files_of_others_are_checked),
        in_folder(a_huge_header_is_refused),
        in_folder(nonsense_is_not_saved),
        in_folder(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
