/* The safetensors container (https://github.com/huggingface/safetensors, "Format"): an 8-byte
 * little-endian header length, a JSON object {"name": {"dtype", "shape", "data_offsets"}, …,
 * "__metadata__": {texts}}, the data, with no gap. Ours adds __metadata__.digest: "crc32c:" and the
 * CRC-32C, in 8 hexadecimal digits, of the header (those digits taken as zeros) followed by the
 * data. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are written as they lie in memory, and files are little-endian"
#endif

#define DIGEST_BEFORE "\"digest\":\"crc32c:" /* as it stands in compact JSON */
#define DIGEST_ZERO   "crc32c:00000000"
enum { DIGITS = 8 };

static const struct element {
    const char *name;
    int64_t size;
} elements[] = { { "F32", 4 }, { "F64", 8 }, { "I32", 4 }, { "I64", 8 }, { "U8", 1 } };
enum { N_ELEMENTS = sizeof elements / sizeof *elements, MAX_RANK = 5 };

/* Bytes of an element, or 0 for a type that is none of ours. */
static int64_t element_size(const char *type)
{
    for (int i = 0; i < N_ELEMENTS; i++)
        if (!strcmp(elements[i].name, type)) return elements[i].size;
    return 0;
}

static bool shape_bytes(const rondo_shape *shape, int64_t size, int64_t *bytes)
{
    *bytes = size;
    for (int i = 0; i < shape->rank; i++)
        if (!size_mul(*bytes, shape->dim[i], bytes)) return false;
    return true;
}

/* "[64][200]" */
static const char *shape_words(const rondo_shape *shape, char text[128])
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < shape->rank; i++)
        used += (size_t)snprintf(text + used, 128 - used, "[%lld]", (long long)shape->dim[i]);
    return shape->rank ? text : "a single number";
}

/* Where the digits of the digest stand in a header, or NULL. A quote inside a text of the header
 * has a backslash. */
static char *find_digits(char *header, size_t length)
{
    size_t before = strlen(DIGEST_BEFORE);
    for (size_t i = 1; i + before + DIGITS <= length; i++)
        if (header[i - 1] != '\\' && !memcmp(header + i, DIGEST_BEFORE, before))
            return header + i + before;
    return NULL;
}

/* ---- Saving ---- */

static rondo_status entry_json(json_t **out, const tensor *t, int64_t offset)
{
    json_t *entry = json_object(), *shape = json_array(), *offsets;
    rondo_status status;
    bool good = shape != NULL;
    for (int i = 0; i < t->shape.rank; i++)
        good = good && json_array_append_new(shape, json_integer(t->shape.dim[i])) == 0;
    if (!good) {
        json_decref(shape);
        shape = NULL;
    }
    offsets = json_pack("[I, I]", (json_int_t)offset, (json_int_t)(offset + (int64_t)t->size));
    status = json_put(entry, "shape", shape);
    if (status)
        json_decref(offsets);
    else
        status = json_put(entry, "data_offsets", offsets);
    if (!status) status = json_put(entry, "dtype", json_string(t->type));
    *out = entry;
    return status;
}

static rondo_status check_tensor(const char *path, const tensor *t)
{
    int64_t size = element_size(t->type), bytes;
    if (!*t->name || strlen(t->name) > LIMIT_NAME || !strcmp(t->name, "__metadata__"))
        return rondo_fail(RONDO_E_ARG, "%s: a tensor may not be named \"%s\"", path, t->name);
    if (!size || t->shape.rank < 0 || t->shape.rank > MAX_RANK)
        return rondo_fail(RONDO_E_ARG, "%s: tensor \"%s\" has type \"%s\" and rank %d", path,
                          t->name, t->type, t->shape.rank);
    if (!shape_bytes(&t->shape, size, &bytes) || (uint64_t)bytes != t->size)
        return rondo_fail(RONDO_E_ARG, "%s: tensor \"%s\" has %zu bytes, not those of its shape",
                          path, t->name, t->size);
    return RONDO_OK;
}

static rondo_status metadata_copy(json_t **out, const char *path, const json_t *metadata)
{
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    *out = copy;
    json_object_foreach ((json_t *)metadata, key, value) {
        if (!json_is_string(value))
            return rondo_fail(RONDO_E_ARG, "%s: metadata \"%s\" is not a text", path, key);
        RONDO_TRY(json_put(copy, key, json_incref(value)));
    }
    return json_put(copy, "digest", json_string(DIGEST_ZERO));
}

static rondo_status header_json(json_t **out, const char *path, const tensor *tensors, int n,
                                const json_t *metadata)
{
    json_t *header = json_object(), *part = NULL;
    int64_t offset = 0;
    rondo_status status = metadata_copy(&part, path, metadata);
    *out = header;
    if (status) {
        json_decref(part);
        return status;
    }
    RONDO_TRY(json_put(header, "__metadata__", part));
    for (int i = 0; i < n; i++) {
        RONDO_TRY(check_tensor(path, &tensors[i]));
        if (json_object_get(header, tensors[i].name))
            return rondo_fail(RONDO_E_ARG, "%s: two tensors are named \"%s\"", path,
                              tensors[i].name);
        status = entry_json(&part, &tensors[i], offset);
        if (status) {
            json_decref(part);
            return status;
        }
        RONDO_TRY(json_put(header, tensors[i].name, part));
        if (!size_add(offset, (int64_t)tensors[i].size, &offset))
            return rondo_fail(RONDO_E_LIMIT, "%s: the tensors are too large together", path);
    }
    return RONDO_OK;
}

/* The header's text, padded with spaces so that the data begin at a multiple of 8, with its digest.
 * */
static rondo_status header_text(char **out, const char *path, const tensor *tensors, int n,
                                const json_t *metadata)
{
    json_t *json = NULL;
    char *text = NULL, *padded, *digits, hex[DIGITS + 1];
    uint32_t crc;
    size_t length;
    rondo_status status = header_json(&json, path, tensors, n, metadata);
    if (!status) status = json_text(&text, json);
    json_decref(json);
    if (status) return status;
    padded = alloc_format("%s%*s", text, (int)(8 - strlen(text) % 8) % 8, "");
    alloc_free(text);
    if (!padded) return RONDO_E_NOMEM;
    length = strlen(padded);
    if (length > LIMIT_HEADER) {
        alloc_free(padded);
        return rondo_fail(RONDO_E_LIMIT, "%s: the header is over %d bytes", path, LIMIT_HEADER);
    }
    crc = crc32c(0, padded, length);
    for (int i = 0; i < n; i++) crc = crc32c(crc, tensors[i].data, tensors[i].size);
    digits = find_digits(padded, length);
    snprintf(hex, sizeof hex, "%08x", (unsigned)crc);
    memcpy(digits, hex, DIGITS);
    *out = padded;
    return RONDO_OK;
}

rondo_status tensors_save(const char *path, const tensor *tensors, int n, const json_t *metadata)
{
    file_writer w;
    char *header = NULL;
    uint64_t length;
    rondo_status status;
    RONDO_TRY(header_text(&header, path, tensors, n, metadata));
    length = strlen(header);
    status = file_write_begin(&w, path);
    if (!status) status = file_write(&w, &length, sizeof length);
    if (!status) status = file_write(&w, header, (size_t)length);
    for (int i = 0; i < n && !status; i++)
        status = file_write(&w, tensors[i].data, tensors[i].size);
    if (!status)
        status = file_write_end(&w);
    else
        file_write_cancel(&w);
    alloc_free(header);
    return status;
}

/* ---- Opening ---- */

static rondo_status read_shape(const char *path, const char *name, const json_t *shape, tensor *t)
{
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > MAX_RANK)
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: tensor \"%s\": the shape is not an array of at most %d sizes", path,
                          name, MAX_RANK);
    t->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return rondo_fail(RONDO_E_FORMAT,
                              "%s: tensor \"%s\": size %zu of its shape is not a whole number",
                              path, name, i + 1);
        t->shape.dim[i] = json_integer_value(dim);
    }
    return RONDO_OK;
}

static rondo_status read_offsets(const char *path, const char *name, const json_t *offsets,
                                 int64_t available, int64_t *begin, int64_t *end)
{
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second))
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: tensor \"%s\": data_offsets are not two whole numbers", path, name);
    *begin = json_integer_value(first);
    *end = json_integer_value(second);
    if (*begin >= 0 && *begin <= *end && *end <= available) return RONDO_OK;
    return rondo_fail(
        RONDO_E_FORMAT,
        "%s: tensor \"%s\": its data are bytes %lld to %lld, but the file holds %lld: "
        "it is cut or damaged",
        path, name, (long long)*begin, (long long)*end, (long long)available);
}

static rondo_status read_tensor(const char *path, const char *name, const json_t *entry,
                                const unsigned char *data, int64_t available, tensor *t)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    int64_t size = type ? element_size(type) : 0, begin = 0, end = 0, bytes;
    if (!*name || strlen(name) > LIMIT_NAME)
        return rondo_fail(RONDO_E_FORMAT, "%s: a tensor's name is empty or over %d bytes", path,
                          LIMIT_NAME);
    if (json_object_size(entry) != 3)
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: tensor \"%s\" is not described by dtype, shape and data_offsets",
                          path, name);
    if (!size)
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: tensor \"%s\" has type \"%s\", expected F32, F64, I32, I64 or U8",
                          path, name, type ? type : "");
    RONDO_TRY(read_shape(path, name, json_object_get(entry, "shape"), t));
    RONDO_TRY(
        read_offsets(path, name, json_object_get(entry, "data_offsets"), available, &begin, &end));
    if (!shape_bytes(&t->shape, size, &bytes) || bytes != end - begin) {
        char shape[128];
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: tensor \"%s\" has %lld bytes, not those of %s of type %s", path,
                          name, (long long)(end - begin), shape_words(&t->shape, shape), type);
    }
    snprintf(t->type, sizeof t->type, "%s", type);
    t->data = data + begin;
    t->size = (size_t)bytes;
    t->name = alloc_text(name);
    return t->name ? RONDO_OK : RONDO_E_NOMEM;
}

static int by_place(const void *a, const void *b)
{
    const tensor *x = a, *y = b;
    const unsigned char *dx = x->data, *dy = y->data;
    if (dx != dy) return dx < dy ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* In the order of their data, each must begin where the one before ends. */
static rondo_status check_places(const char *path, const tensor_file *f, const unsigned char *data,
                                 int64_t available)
{
    const unsigned char *end = data;
    for (int i = 0; i < f->n; i++) {
        const unsigned char *begin = f->tensors[i].data;
        if (begin != end)
            return rondo_fail(RONDO_E_FORMAT, "%s: tensor \"%s\" %s", path, f->tensors[i].name,
                              begin < end ? "overlaps the one before it"
                                          : "does not begin where the one before it ends");
        end = begin + f->tensors[i].size;
    }
    if (end == data + available) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s: %lld bytes after the last tensor", path,
                      (long long)(data + available - end));
}

static rondo_status check_metadata(const char *path, const json_t *metadata)
{
    const char *key;
    json_t *value;
    if (metadata && !json_is_object(metadata))
        return rondo_fail(RONDO_E_FORMAT, "%s: __metadata__ is not an object", path);
    json_object_foreach ((json_t *)metadata, key, value)
        if (!json_is_string(value))
            return rondo_fail(RONDO_E_FORMAT, "%s: metadata \"%s\" is not a text", path, key);
    return RONDO_OK;
}

/* A file of another program may have no digest: it loads unchecked. */
static rondo_status check_digest(const char *path, const json_t *metadata, const char *header,
                                 size_t length, const unsigned char *data, size_t n)
{
    const char *digest = json_string_value(json_object_get(metadata, "digest"));
    const char *digits = find_digits((char *)header, length);
    char expected[sizeof DIGEST_ZERO];
    uint32_t crc;
    if (!digest) return RONDO_OK;
    if (!digits || strlen(digest) != strlen(DIGEST_ZERO))
        return rondo_fail(RONDO_E_FORMAT, "%s: the digest is \"%s\", expected crc32c:XXXXXXXX",
                          path, digest);
    crc = crc32c(0, header, (size_t)(digits - header));
    crc = crc32c(crc, "00000000", DIGITS);
    crc = crc32c(crc, digits + DIGITS, (size_t)(header + length - (digits + DIGITS)));
    crc = crc32c(crc, data, n);
    snprintf(expected, sizeof expected, "crc32c:%08x", (unsigned)crc);
    if (!strcmp(digest, expected)) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s: digest does not match: the file is damaged", path);
}

static rondo_status read_tensors(tensor_file *f, const char *path, const json_t *header,
                                 const unsigned char *data, int64_t available)
{
    const char *name;
    json_t *entry;
    f->tensors = alloc_array((int64_t)json_object_size(header), sizeof *f->tensors);
    if (!f->tensors) return RONDO_E_NOMEM;
    json_object_foreach ((json_t *)header, name, entry) {
        if (!strcmp(name, "__metadata__")) continue;
        RONDO_TRY(read_tensor(path, name, entry, data, available, &f->tensors[f->n]));
        f->n++;
    }
    qsort(f->tensors, (size_t)f->n, sizeof *f->tensors, by_place);
    return check_places(path, f, data, available);
}

static rondo_status read_file(tensor_file *f, const char *path)
{
    const unsigned char *data;
    const char *text;
    uint64_t length;
    size_t available;
    json_t *header, *metadata;
    rondo_status status;
    if (f->map.size < sizeof length)
        return rondo_fail(RONDO_E_FORMAT, "%s: %zu bytes are not a safetensors file", path,
                          f->map.size);
    memcpy(&length, f->map.data, sizeof length);
    available = f->map.size - sizeof length;
    if (length > LIMIT_HEADER || length > available)
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: not a safetensors file, or cut: its header would have %llu bytes, "
                          "the file has %zu",
                          path, (unsigned long long)length, f->map.size);
    text = (const char *)f->map.data + sizeof length;
    data = f->map.data + sizeof length + length;
    available -= (size_t)length;
    RONDO_TRY(json_read(&header, text, (size_t)length, path));
    metadata = json_object_get(header, "__metadata__");
    status = json_is_object(header)
                 ? check_metadata(path, metadata)
                 : rondo_fail(RONDO_E_FORMAT, "%s: the header is not an object", path);
    if (!status) status = check_digest(path, metadata, text, (size_t)length, data, available);
    if (!status) status = read_tensors(f, path, header, data, (int64_t)available);
    f->metadata = metadata ? json_incref(metadata) : json_object();
    if (!status && !f->metadata) status = rondo_fail(RONDO_E_NOMEM, "out of memory: %s", path);
    json_decref(header);
    return status;
}

rondo_status tensors_open(tensor_file *f, const char *path)
{
    rondo_status status;
    *f = (tensor_file){ 0 };
    RONDO_TRY(file_map_open(&f->map, path));
    status = read_file(f, path);
    if (status) tensors_close(f);
    return status;
}

void tensors_close(tensor_file *f)
{
    for (int i = 0; f->tensors && i < f->n; i++) alloc_free(f->tensors[i].name);
    alloc_free(f->tensors);
    json_decref(f->metadata);
    file_map_close(&f->map);
    *f = (tensor_file){ 0 };
}

/* ---- Using ---- */

const tensor *tensors_find(const tensor_file *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->tensors[i].name, name)) return &f->tensors[i];
    return NULL;
}

static bool same_shape(const rondo_shape *a, const rondo_shape *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim);
}

rondo_status tensors_copy(const tensor_file *f, const char *name, const rondo_shape *shape,
                          real *out)
{
    const tensor *t = tensors_find(f, name);
    const unsigned char *data;
    bool wide;
    size_t n;
    if (!t) return rondo_fail(RONDO_E_FORMAT, "tensor \"%s\" is missing", name);
    wide = !strcmp(t->type, "F64");
    if (!wide && strcmp(t->type, "F32"))
        return rondo_fail(RONDO_E_FORMAT, "tensor \"%s\" has type %s, expected F32 or F64", name,
                          t->type);
    if (!same_shape(&t->shape, shape)) {
        char found[128], expected[128];
        return rondo_fail(RONDO_E_SHAPE, "tensor \"%s\" is %s, expected %s", name,
                          shape_words(&t->shape, found), shape_words(shape, expected));
    }
    data = t->data;
    n = t->size / (wide ? sizeof(double) : sizeof(float));
    for (size_t i = 0; i < n; i++) {
        double eight;
        float four;
        if (wide)
            memcpy(&eight, data + i * sizeof eight, sizeof eight);
        else
            memcpy(&four, data + i * sizeof four, sizeof four);
        out[i] = wide ? (real)eight : (real)four;
    }
    return RONDO_OK;
}
