/* idx.c - the format of MNIST: images by rows or by pixels, with their labels in a second file. */
#include "data/data.h"

typedef struct idx_options {
    bool pixels;
    int64_t permute;
} idx_options;

static const option_field fields[] = {
    { "pixels", OPTION_BOOL, offsetof(idx_options, pixels), NULL,
      "one pixel a time step, not one row" },
    { "permute", OPTION_INT, offsetof(idx_options, permute), "0",
      "one order of the pixels for all images, drawn from this seed; 0: as they stand" },
};

/* 0 0 type rank, then the dimensions as big-endian 32-bit counts. */
static rondo_status read_header(number_grid *g, size_t *at)
{
    static const struct {
        unsigned char code;
        grid_type type;
    } types[] = { { 0x08, GRID_U8 },  { 0x09, GRID_I8 },  { 0x0b, GRID_I16 },
                  { 0x0c, GRID_I32 }, { 0x0d, GRID_F32 }, { 0x0e, GRID_F64 } };
    const unsigned char *head = g->source.data;
    const size_t size = g->source.size;
    if (size < 4 || head[0] || head[1])
        return rondo_fail(RONDO_E_FORMAT, "%s: no idx file", g->path);
    size_t k = 0;
    while (k < sizeof types / sizeof *types && types[k].code != head[2]) k++;
    if (k == sizeof types / sizeof *types)
        return rondo_fail(RONDO_E_FORMAT, "%s: element type 0x%02x at byte 2 is none of idx",
                          g->path, head[2]);
    g->type = types[k].type;
    g->rank = head[3];
    if (g->rank < 1 || g->rank > 4)
        return rondo_fail(RONDO_E_FORMAT, "%s: rank %d at byte 3, expected 1…4", g->path, g->rank);
    *at = 4 + 4 * (size_t)g->rank;
    if (size < *at) return rondo_fail(RONDO_E_FORMAT, "%s: the header is cut short", g->path);
    for (int i = 0; i < g->rank; i++) {
        const unsigned char *d = head + 4 + 4 * i;
        g->dim[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
    }
    return RONDO_OK;
}

static rondo_status read(number_grid *g, const char *path)
{
    size_t at = 0;
    *g = (number_grid){ .path = path, .big_endian = true, .factor = 1 };
    rondo_status s = source_open(&g->source, path);
    if (!s) s = read_header(g, &at);
    if (!s) s = grid_check(g, g->source.size - at);
    if (s)
        grid_close(g);
    else
        g->data = g->source.data + at;
    return s;
}

/* One order for every sample (Le, Jaitly & Hinton 2015: permuted MNIST). */
static rondo_status permute(number_grid *g, int64_t seed)
{
    int64_t size = 1;
    if (seed < 0) return rondo_fail(RONDO_E_ARG, "idx: permute is a seed from 1 on, or 0");
    if (!seed) return RONDO_OK;
    for (int k = 1; k < g->rank; k++) size *= g->dim[k];
    g->order = alloc_array(size, sizeof *g->order);
    if (!g->order) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < size; i++) g->order[i] = i;
    rng r = rng_new((uint64_t)seed, rng_stream(RNG_DATA, 0));
    rng_shuffle(&r, g->order, size);
    return RONDO_OK;
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    const idx_options *o = options;
    number_grid x, y = { 0 };
    if (!request->labels && !request->no_target)
        return rondo_fail(RONDO_E_ARG, "%s: where are its labels? Say labels=FILE", request->path);
    RONDO_TRY(read(&x, request->path));
    if (x.type == GRID_U8) x.factor = 1.0 / 255;
    if (o->pixels) { /* [N][H][W] → [N][H·W][1] */
        for (int k = 2; k < x.rank; k++) x.dim[1] *= x.dim[k];
        x.rank = 3;
        if (!x.dim[1]) x.dim[1] = 1;
        x.dim[2] = 1;
    }
    const bool labelled = request->labels && !request->no_target;
    rondo_status s = permute(&x, o->permute);
    if (!s && labelled) s = read(&y, request->labels);
    if (s) {
        grid_close(&x);
        return s;
    }
    return grid_dataset(out, &x, labelled ? &y : NULL, false, request);
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    (void)path;
    return n >= 4 && !head[0] && !head[1] && head[2] >= 0x08 && head[2] <= 0x0e && head[3] >= 1 &&
           head[3] <= 4;
}

const reader_row idx_reader = { .name = "idx",
                                .help =
                                    "idx images, plain or .gz, with labels=FILE: a row a time step",
                                .options = OPTION_TABLE(fields),
                                .options_size = sizeof(idx_options),
                                .recognises = recognises,
                                .open = open };
