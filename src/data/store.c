/* store.c - samples that are runs of rows of one table, windows, sequences and rows alike, none
 * copied; or documents. */
#include "data/data.h"

row_store *store_new(int64_t width, int64_t target_width)
{
    row_store *s = alloc_new(sizeof *s);
    if (!s) return NULL;
    spill_init(&s->inputs, 0);
    spill_init(&s->ends, 0);
    spill_init(&s->targets, 0);
    spill_init(&s->spans, 0);
    s->width = width;
    s->target_width = target_width;
    return s;
}

void store_free(row_store *s)
{
    if (!s) return;
    spill_free(&s->inputs);
    spill_free(&s->ends);
    spill_free(&s->targets);
    spill_free(&s->spans);
    alloc_free(s);
}

rondo_status store_span(row_store *s, int64_t first, int64_t steps, int64_t target)
{
    const row_span one = { first, steps, target };
    return spill_append(&s->spans, &one, sizeof one);
}

int64_t store_documents(const row_store *s)
{
    return (int64_t)(s->ends.size / sizeof(int64_t));
}

rondo_status store_text(row_store *s, const char *text, size_t n)
{
    RONDO_TRY(spill_append(&s->inputs, text, n));
    const int64_t end = (int64_t)s->inputs.size;
    return spill_append(&s->ends, &end, sizeof end);
}

rondo_status document_check(size_t n, const char *path, int64_t line)
{
    if (n <= LIMIT_LINE) return RONDO_OK;
    return rondo_fail(RONDO_E_LIMIT,
                      "%s:%lld: a text of %zu bytes, %d are the most; to take a plain file as one "
                      "document say sample_by=document",
                      path, (long long)line, n, LIMIT_LINE);
}

static const row_span *find(const row_store *s, int64_t i)
{
    return (const row_span *)(const void *)s->spans.data + i;
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    const field_shape *first = d->n_inputs ? &d->input[0] : &d->target[0];
    return field_is_sequence(first) ? find(d->self, i)->steps : 1;
}

static rondo_status text(const rondo_dataset *d, cursor *c, int64_t i, const char **out, size_t *n)
{
    const row_store *s = d->self;
    const int64_t *end = (const int64_t *)(const void *)s->ends.data + find(s, i)->first;
    const int64_t begin = find(s, i)->first ? end[-1] : 0;
    (void)c;
    *out = *end > begin ? (const char *)s->inputs.data + begin : "";
    *n = (size_t)(*end - begin);
    return RONDO_OK;
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const row_store *s = d->self;
    const row_span *at = find(s, i);
    (void)c;
    if (d->n_inputs)
        out->input[0] = (field){ (const real *)(const void *)s->inputs.data + at->first * s->width,
                                 NULL, length(d, i) };
    out->weight = 1;
    if (!d->n_targets) return RONDO_OK;
    const int64_t steps = field_is_sequence(&d->target[0]) ? at->steps : 1;
    const void *data = s->targets.data;
    if (d->target[0].type == RONDO_I32)
        out->target[0] = (field){ NULL, (const int32_t *)data + at->target, steps };
    else
        out->target[0] = (field){ (const real *)data + at->target * s->target_width, NULL, steps };
    return RONDO_OK;
}

static void close_store(rondo_dataset *d)
{
    store_free(d->self);
}

static rondo_status store_dataset(rondo_dataset **out, row_store *s)
{
    const rondo_status status = dataset_new(out, (int64_t)(s->spans.size / sizeof(row_span)));
    if (status) {
        store_free(s);
        return status;
    }
    (*out)->n_inputs = s->width > 0;
    (*out)->text = s->width > 0 ? NULL : text;
    (*out)->length = length;
    (*out)->get = get;
    (*out)->close = close_store;
    (*out)->self = s;
    return RONDO_OK;
}

rondo_status store_give(rondo_dataset **out, row_store **s, rondo_status status,
                        rondo_status (*finish)(void *reader, rondo_dataset *), void *reader)
{
    row_store *taken = *s;
    *s = NULL;
    *out = NULL;
    if (status) {
        store_free(taken);
        return status;
    }
    RONDO_TRY(store_dataset(out, taken));
    status = finish(reader, *out);
    if (!status) return RONDO_OK;
    rondo_dataset_free(*out);
    *out = NULL;
    return status;
}
