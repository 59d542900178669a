/* npy.c - NumPy arrays: X.npy with labels=Y.npy, or both in one .npz. */
#include "data/data.h"
#include <ctype.h>
#include <string.h>

typedef struct npy_options {
    char *x, *y;
    bool tokens;
} npy_options;

static const option_field fields[] = {
    { "x", OPTION_TEXT, offsetof(npy_options, x), "x", "the inputs' name inside an .npz" },
    { "y", OPTION_TEXT, offsetof(npy_options, y), "y", "the targets' name inside an .npz" },
    { "tokens", OPTION_BOOL, offsetof(npy_options, tokens), NULL,
      "integers [N][T] are tokens for an embedding" },
};

/* The value of a key in the header's Python dictionary, behind blanks; NULL when there is none. */
static const char *find_key(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    at += strspn(at, " '\"");
    if (*at++ != ':') return NULL;
    return at + strspn(at, " ");
}

static rondo_status parse_type(number_grid *g, const char *text)
{
    static const struct {
        const char *name;
        grid_type type;
    } types[] = { { "<f4", GRID_F32 },
                  { "<f8", GRID_F64 },
                  { "<i4", GRID_I32 },
                  { "<i8", GRID_I64 },
                  { "|u1", GRID_U8 } };
    for (size_t i = 0; text && i < sizeof types / sizeof *types; i++)
        if ((*text == '\'' || *text == '"') && !strncmp(text + 1, types[i].name, 3) &&
            text[4] == *text) {
            g->type = types[i].type;
            return RONDO_OK;
        }
    return rondo_fail(RONDO_E_FORMAT, "%s: element type %.*s; Rondo reads <f4 <f8 <i4 <i8 |u1",
                      g->path, text ? (int)strcspn(text, ",}") : 4, text ? text : "none");
}

/* "(60000, 28, 28)" */
static rondo_status parse_shape(number_grid *g, const char *text)
{
    if (!text || *text++ != '(')
        return rondo_fail(RONDO_E_FORMAT, "%s: the header has no shape", g->path);
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')') break;
        if (g->rank == 4) return rondo_fail(RONDO_E_SHAPE, "%s: more than 4 dimensions", g->path);
        int64_t n = 0;
        if (!isdigit((unsigned char)*text))
            return rondo_fail(RONDO_E_FORMAT, "%s: its shape is not of numbers", g->path);
        for (; isdigit((unsigned char)*text); text++)
            if (!size_mul(n, 10, &n) || !size_add(n, *text - '0', &n))
                return rondo_fail(RONDO_E_LIMIT, "%s: a dimension is too large", g->path);
        g->dim[g->rank++] = n;
    }
    return g->rank ? RONDO_OK
                   : rondo_fail(RONDO_E_SHAPE, "%s is one number, not an array", g->path);
}

/* \x93NUMPY, version, header length, a Python dictionary, data. */
static rondo_status parse(number_grid *g)
{
    const unsigned char *bytes = g->source.data;
    const size_t size = g->source.size;
    char header[4096];
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) || bytes[6] < 1 || bytes[6] > 3)
        return rondo_fail(RONDO_E_FORMAT, "%s: no npy array of version 1…3", g->path);
    const size_t begin = bytes[6] == 1 ? 10 : 12;
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length >= sizeof header || length > size - begin)
        return rondo_fail(RONDO_E_FORMAT, "%s: a header of %zu bytes; the file has %zu", g->path,
                          length, size);
    memcpy(header, bytes + begin, length);
    header[length] = 0;
    RONDO_TRY(parse_type(g, find_key(header, "descr")));
    const char *order = find_key(header, "fortran_order");
    if (!order || strncmp(order, "False", 5))
        return rondo_fail(RONDO_E_FORMAT,
                          "%s: columns first (fortran_order); save numpy.ascontiguousarray of it",
                          g->path);
    RONDO_TRY(parse_shape(g, find_key(header, "shape")));
    g->data = bytes + begin + length;
    return grid_check(g, size - begin - length);
}

static rondo_status read(number_grid *g, const char *path, const char *member)
{
    *g = (number_grid){ .path = path, .factor = 1 };
    rondo_status s = member ? npz_find(&g->source, path, member) : source_open(&g->source, path);
    if (!s) s = parse(g);
    if (s) grid_close(g);
    return s;
}

static bool is_npz(const unsigned char *head, size_t n)
{
    return n >= 4 && !memcmp(head, "PK\3\4", 4);
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    const npy_options *o = options;
    unsigned char head[4];
    size_t n;
    number_grid x, y = { 0 };
    RONDO_TRY(source_head(request->path, head, sizeof head, &n));
    const bool npz = is_npz(head, n);
    if (!npz && !request->labels && !request->no_target)
        return rondo_fail(RONDO_E_ARG, "%s: where are its labels? Say labels=Y.npy", request->path);
    RONDO_TRY(read(&x, request->path, npz ? o->x : NULL));
    rondo_status s = RONDO_OK;
    const bool labelled = !request->no_target;
    if (labelled && request->labels) s = read(&y, request->labels, NULL);
    if (labelled && !request->labels) s = read(&y, request->path, o->y);
    if (s) {
        grid_close(&x);
        return s;
    }
    return grid_dataset(out, &x, labelled ? &y : NULL, o->tokens, request);
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    return (n >= 6 && !memcmp(head, "\x93NUMPY", 6)) ||
           (is_npz(head, n) && path_ends(path, ".npz"));
}

const reader_row npy_reader = { .name = "npy",
                                .help = "NumPy arrays: .npy with labels=Y.npy, or .npz",
                                .options = OPTION_TABLE(fields),
                                .options_size = sizeof(npy_options),
                                .recognises = recognises,
                                .open = open };
