/* One block with two ends: what is kept grows up, scratch grows down. */
#include "base/base.h"
#include <assert.h>

enum { ALIGNMENT = 64 };

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Counts the bytes in; false when only measuring. */
static bool take(arena *a, size_t *end, size_t bytes)
{
    *end += rounded(bytes);
    if (a->scratch > a->deepest) a->deepest = a->scratch;
    if (!a->base) return false;
    assert(arena_needed(a) <= a->size); /* the plan measured the same calls */
    return arena_needed(a) <= a->size;
}

void *arena_keep(arena *a, size_t bytes)
{
    size_t start = a->kept;
    return take(a, &a->kept, bytes) ? a->base + start : NULL;
}

void *arena_scratch(arena *a, size_t bytes)
{
    return take(a, &a->scratch, bytes) ? a->base + (a->size - a->scratch) : NULL;
}

rondo_status arena_reserve(arena *a, size_t size)
{
    arena_reset(a);
    if (a->base && size <= a->size) return RONDO_OK;
    alloc_free_aligned(a->base);
    a->size = 0;
    size = rounded(size ? size : 1);
    a->base = alloc_aligned(size);
    if (!a->base) return RONDO_E_NOMEM;
    a->size = size;
    return RONDO_OK;
}

void arena_free(arena *a)
{
    alloc_free_aligned(a->base);
    *a = (arena){ 0 };
}
