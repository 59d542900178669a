/* basics - what every fuzz target stands on: little memory, a file of any bytes, and the library's word. */
#ifndef TESTS_FUZZ_BASICS_H
#define TESTS_FUZZ_BASICS_H
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#include "base/base.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fuzz_target {
    const char *name, *ending; /* ending: of its seeds in a corpus folder */
    int (*run)(const uint8_t *data, size_t size);
} fuzz_target;

static int64_t fuzz_accepted; /* inputs that were good: seeds must be */

/* ---- Memory: more than a small machine has is not there ---- */
enum { FUZZ_MEMORY = 1 << 28, FUZZ_WEIGHTS = 1 << 20 };

static void *fuzz_memory(void *p, size_t n)
{
    if (n == 0) {
        free(p);
        return NULL;
    }
    return n > FUZZ_MEMORY ? NULL : realloc(p, n);
}

static void fuzz_expect(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "fuzz: %s; the sentence is \"%s\"\n", what, rondo_error());
    abort();
}

/* Bytes can be wrong; they cannot call too early or diverge. */
static void fuzz_check(rondo_status s)
{
    if (!s) return;
    fuzz_expect(s != RONDO_E_STATE && s != RONDO_E_NAN && s != RONDO_E_STOPPED && s != RONDO_E_IO,
                "a failure that bytes cannot cause");
    fuzz_expect(strlen(rondo_error()) > 5, "a failure without a sentence");
}

/* ---- A file of these bytes ---- */
static char fuzz_folder[256];

static void fuzz_leave(void)
{
    rmdir(fuzz_folder);
}

static const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[600];
    if (!*fuzz_folder) {
        const char *where = getenv("TMPDIR");
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/rondo-fuzz-XXXXXX",
                 where && *where ? where : "/tmp");
        fuzz_expect(mkdtemp(fuzz_folder) != NULL, "no temporary folder");
        atexit(fuzz_leave);
    }
    snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
    FILE *f = fopen(path, "wb");
    fuzz_expect(f && fwrite(data, 1, size, f) == size && fclose(f) == 0,
                "the input cannot be written");
    return path;
}
#endif
