/* Memory: every allocation of the library goes through alloc_hook. */
#define _DEFAULT_SOURCE
#include "base/base.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20 };

static void *from_system(void *p, size_t n)
{
    if (n) return realloc(p, n);
    free(p);
    return NULL;
}

void *(*alloc_hook)(void *p, size_t n) = from_system;

void *alloc_grow(void *p, size_t n)
{
    void *q = alloc_hook(p, n ? n : 1);
    if (!q) rondo_fail(RONDO_E_NOMEM, "out of memory: %zu bytes were wanted", n);
    return q;
}

void *alloc_new(size_t n)
{
    void *p = alloc_grow(NULL, n);
    return p ? memset(p, 0, n) : NULL;
}

void *alloc_array(int64_t count, size_t size)
{
    int64_t bytes;
    if (size > (size_t)LIMIT_SIZE || !size_mul(count, (int64_t)size, &bytes) ||
        (uint64_t)bytes > SIZE_MAX) {
        rondo_fail(RONDO_E_LIMIT, "%lld elements of %zu bytes are too many", (long long)count,
                   size);
        return NULL;
    }
    return alloc_new((size_t)bytes);
}

/* Large blocks lie on large pages where the system has them: a network's weights need hundreds of
 * small ones, more than a core remembers. */
static void advise_large(void *p, size_t n)
{
#ifdef MADV_HUGEPAGE
    if (n >= LARGE_PAGE) madvise(p, n / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#else
    (void)p, (void)n;
#endif
}

/* The block that the hook gave is kept just before the aligned memory. */
void *alloc_aligned(size_t n)
{
    const size_t alignment = n >= LARGE_PAGE ? LARGE_PAGE : ALIGNMENT;
    unsigned char *block, *p;
    if (n > SIZE_MAX - alignment - sizeof(void *)) {
        rondo_fail(RONDO_E_NOMEM, "out of memory: %zu bytes were wanted", n);
        return NULL;
    }
    block = alloc_grow(NULL, n + alignment + sizeof(void *));
    if (!block) return NULL;
    p = block + sizeof(void *);
    p += (alignment - (uintptr_t)p % alignment) % alignment;
    memcpy(p - sizeof(void *), &block, sizeof(void *));
    advise_large(p, n);
    memset(p, 0, n);
    return p;
}

void alloc_free_aligned(void *p)
{
    void *block;
    if (!p) return;
    memcpy(&block, (unsigned char *)p - sizeof(void *), sizeof(void *));
    alloc_free(block);
}

void *alloc_room(void *array, int64_t *room, int64_t n, size_t size)
{
    enum { FIRST = 64 };
    int64_t wider = *room ? *room : FIRST, bytes;
    if (n <= *room) return array;
    while (wider < n && wider <= LIMIT_SIZE) wider *= 2;
    if (!size_mul(wider, (int64_t)size, &bytes) || (uint64_t)bytes > SIZE_MAX) {
        rondo_fail(RONDO_E_LIMIT, "%lld elements of %zu bytes are too many", (long long)n, size);
        return NULL;
    }
    void *grown = alloc_grow(array, (size_t)bytes);
    if (grown) *room = wider;
    return grown;
}

char *alloc_text(const char *text)
{
    size_t n;
    char *copy;
    if (!text) return NULL;
    n = strlen(text) + 1;
    copy = alloc_grow(NULL, n);
    return copy ? memcpy(copy, text, n) : NULL;
}

char *alloc_format(const char *format, ...)
{
    va_list args;
    char *text;
    int n;
    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        rondo_fail(RONDO_E_ARG, "a text could not be formatted");
        return NULL;
    }
    text = alloc_grow(NULL, (size_t)n + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void alloc_free(void *p)
{
    if (p) alloc_hook(p, 0);
}

void alloc_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

bool size_mul(int64_t a, int64_t b, int64_t *product)
{
    if (a < 0 || b < 0 || (a > 0 && b > LIMIT_SIZE / a)) return false;
    *product = a * b;
    return true;
}

bool size_add(int64_t a, int64_t b, int64_t *sum)
{
    if (a < 0 || b < 0 || a > LIMIT_SIZE || b > LIMIT_SIZE - a) return false;
    *sum = a + b;
    return true;
}
