/* order - the order of an epoch's samples: a function of (seed, epoch) and nothing else, so that a
 * resumed run finds it again.  Where lengths differ a batch takes as long as its longest sample;
 * `bucket` sorts each run of so many batches by length, and shuffles these batches. */
#include "train/train.h"
#include <stdlib.h>
#include <string.h>

typedef struct sized {
    int64_t length, place, item;
} sized;

static int by_length(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->place < y->place ? -1 : 1; /* as they were drawn */
}

rondo_status order_new(epoch_order *o, const rondo_dataset *data, const rondo_fit_options *options)
{
    *o = (epoch_order){ .data = data, .batch = options->batch_size };
    o->item = alloc_array(data->count, sizeof *o->item);
    if (!o->item) return RONDO_E_NOMEM;
    if (!options->bucket) return RONDO_OK;
    int64_t window;
    if (!size_mul(options->bucket, o->batch, &window) || window > data->count) window = data->count;
    o->window = window;
    o->sizes = alloc_array(window, sizeof(sized));
    o->turn = alloc_array(window / o->batch + 1, sizeof *o->turn);
    return o->sizes && o->turn ? RONDO_OK : RONDO_E_NOMEM;
}

void order_free(epoch_order *o)
{
    alloc_free(o->item);
    alloc_free(o->sizes);
    alloc_free(o->turn);
}

/* Into sizes[n], which are sorted then. */
static void sort(sized *sizes, const rondo_dataset *data, const int64_t *item, int64_t n)
{
    for (int64_t i = 0; i < n; i++) sizes[i] = (sized){ data->length(data, item[i]), i, item[i] };
    qsort(sizes, (size_t)n, sizeof *sizes, by_length);
}

rondo_status order_by_length(int64_t *item, const rondo_dataset *data, int64_t first, int64_t n)
{
    sized *sizes = alloc_array(n, sizeof *sizes);
    if (!sizes) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < n; i++) item[i] = first + i;
    sort(sizes, data, item, n);
    for (int64_t i = 0; i < n; i++) item[i] = sizes[i].item;
    alloc_free(sizes);
    return RONDO_OK;
}

/* n samples from `first` on: sorted, then their whole batches shuffled. */
static void sort_window(epoch_order *o, int64_t first, int64_t n, rng *r)
{
    sized *sizes = o->sizes;
    const int64_t batches = n / o->batch;
    sort(sizes, o->data, o->item + first, n);
    for (int64_t k = 0; k < batches; k++) o->turn[k] = k;
    rng_shuffle(r, o->turn, batches);
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = i / o->batch,
                      from = k < batches ? o->turn[k] * o->batch + i % o->batch : i;
        o->item[first + i] = sizes[from].item;
    }
}

void order_keep(epoch_order *o)
{
    for (int64_t i = 0; i < o->data->count; i++) o->item[i] = i;
}

void order_draw(epoch_order *o, uint64_t seed, int64_t epoch)
{
    const int64_t n = o->data->count;
    rng r = rng_new(seed, rng_stream(RNG_SHUFFLE, (uint32_t)epoch));
    order_keep(o);
    rng_shuffle(&r, o->item, n);
    for (int64_t i = 0; o->window && i < n; i += o->window)
        sort_window(o, i, n - i < o->window ? n - i : o->window, &r);
}
