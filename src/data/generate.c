/* generate.c - samples that are functions of (seed, item) and nothing else, so train (seed=0) and
 * test (seed=1) never meet.  Few are made at once when the data is opened, many one by one as they
 * are asked for. */
#include "data/data.h"
#include <string.h>

enum { KEEP_BYTES = 64 << 20 }; /* made at once up to here */

typedef struct generated {
    task_generator how;
    void *options;
    size_t x_bytes, bytes; /* of a sample: its input, and in all */
    unsigned char *kept;   /* [count][bytes], or NULL */
} generated;

rondo_status generate_check(const char *task, const char *option, int64_t value, int64_t least,
                            int64_t most)
{
    if (value < least)
        return rondo_fail(RONDO_E_ARG, "%s: %s must be at least %lld, not %lld", task, option,
                          (long long)least, (long long)value);
    if (value > most)
        return rondo_fail(RONDO_E_ARG, "%s: %s must be at most %lld, not %lld", task, option,
                          (long long)most, (long long)value);
    return RONDO_OK;
}

static rng begin(const generated *g, int64_t item, int64_t *steps)
{
    rng r = rng_new((uint64_t)g->how.seed, rng_stream(RNG_DATA, (uint32_t)item));
    *steps = g->how.steps ? g->how.steps(g->options, &r) : g->how.longest;
    return r;
}

static void make(const generated *g, int64_t item, unsigned char *at)
{
    made_sample m = { .item = item };
    rng r = begin(g, item, &m.steps);
    memset(at, 0, g->bytes);
    void *x = at, *y = at + g->x_bytes;
    if (g->how.input.type == RONDO_F32)
        m.x = x;
    else
        m.tokens = x;
    if (g->how.target.type == RONDO_F32)
        m.y = y;
    else
        m.labels = y;
    g->how.make(g->options, &r, &m);
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    int64_t steps;
    begin(d->self, i, &steps);
    return steps;
}

static field view(const field_shape *f, const void *at, int64_t steps)
{
    const int64_t n = field_is_sequence(f) ? steps : 1;
    return f->type == RONDO_F32 ? (field){ at, NULL, n } : (field){ NULL, at, n };
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const generated *g = d->self;
    unsigned char *at = g->kept ? g->kept + (size_t)i * g->bytes : NULL;
    if (!at) {
        RONDO_TRY(cursor_reserve(c, g->bytes));
        at = c->memory;
        make(g, i, at);
    }
    const int64_t steps = length(d, i);
    out->input[0] = view(&d->input[0], at, steps);
    out->target[0] = view(&d->target[0], at + g->x_bytes, steps);
    out->weight = 1;
    return RONDO_OK;
}

static void close_generated(rondo_dataset *d)
{
    generated *g = d->self;
    if (!g) return;
    alloc_free(g->options);
    alloc_free(g->kept);
    alloc_free(g);
}

static rondo_status copy_classes(rondo_dataset *d, const char *const *names)
{
    int n = 0;
    while (names && names[n]) n++;
    if (!n) return RONDO_OK;
    d->classes = alloc_array((int64_t)n + 1, sizeof *d->classes);
    if (!d->classes) return RONDO_E_NOMEM;
    for (int i = 0; i < n; i++) {
        d->classes[i] = alloc_text(names[i]);
        if (!d->classes[i]) return RONDO_E_NOMEM;
    }
    d->n_classes = n;
    return RONDO_OK;
}

static bool field_bytes(int64_t *bytes, const field_shape *f, int64_t longest)
{
    *bytes = f->type == RONDO_F32 ? sizeof(real) : sizeof(int32_t);
    for (int k = 0; k < f->shape.rank; k++)
        if (!size_mul(*bytes, f->shape.dim[k] ? f->shape.dim[k] : longest, bytes)) return false;
    *bytes = (*bytes + 15) & ~(int64_t)15;
    return true;
}

static rondo_status prepare(generated *g)
{
    int64_t x, y, bytes, all;
    if (!field_bytes(&x, &g->how.input, g->how.longest) ||
        !field_bytes(&y, &g->how.target, g->how.longest) || !size_add(x, y, &bytes))
        return rondo_fail(RONDO_E_LIMIT, "the samples of the task are too large");
    g->x_bytes = (size_t)x;
    g->bytes = (size_t)bytes;
    g->options = alloc_new(g->how.options_size);
    if (!g->options) return RONDO_E_NOMEM;
    memcpy(g->options, g->how.options, g->how.options_size);
    if (!size_mul(g->how.count, bytes, &all) || all > KEEP_BYTES) return RONDO_OK;
    g->kept = alloc_new((size_t)all);
    if (!g->kept) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < g->how.count; i++) make(g, i, g->kept + (size_t)i * g->bytes);
    return RONDO_OK;
}

rondo_status generate_dataset(rondo_dataset **out, const task_generator *how)
{
    *out = NULL;
    rondo_dataset *d;
    RONDO_TRY(generate_check("task", "count", how->count, 1, (int64_t)1 << 32));
    RONDO_TRY(dataset_new(&d, how->count));
    generated *g = d->self = alloc_new(sizeof *g);
    rondo_status s = g ? RONDO_OK : RONDO_E_NOMEM;
    if (g) {
        g->how = *how;
        d->n_inputs = d->n_targets = 1;
        d->input[0] = how->input;
        d->target[0] = how->target;
        d->length = length;
        d->get = get;
        d->close = close_generated;
        s = prepare(g);
    }
    if (!s) s = copy_classes(d, how->classes);
    if (s)
        rondo_dataset_free(d);
    else
        *out = d;
    return s;
}
