/* files.h - small files for the tests of readers, in a folder of their own that goes away. */
#ifndef RONDO_TESTS_FILES_H
#define RONDO_TESTS_FILES_H
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "data/data.h"

static char folder[256];

static inline int files_begin(void **state)
{
    (void)state;
    const char *where = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rondo-data-XXXXXX", where && *where ? where : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int files_end(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.') unlink(path);
    }
    if (d) closedir(d);
    return rmdir(folder);
}

/* The path of a file in the folder; good until the fourth next call. */
static inline const char *at(const char *name)
{
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *put(const char *name, const void *data, size_t n)
{
    const char *path = at(name);
    unlink(path); /* some file systems write at once what is cut and written again */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline const char *put_text(const char *name, const char *text)
{
    return put(name, text, strlen(text));
}

static inline const char *put_gzip(const char *name, const void *data, size_t n)
{
    const char *path = at(name);
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, data, (unsigned)n), n);
    assert_int_equal(gzclose(f), Z_OK);
    return path;
}

/* An .npy of these bytes: type "<f4", shape "(2, 3)". */
static inline size_t make_npy(unsigned char *out, const char *type, const char *shape,
                              const void *data, size_t n)
{
    char header[118];
    const int used = snprintf(header, sizeof header,
                              "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type,
                              shape);
    memset(header + used, ' ', sizeof header - (size_t)used);
    header[sizeof header - 1] = '\n';
    memcpy(out, "\x93NUMPY\1\0\x76\0", 10);
    memcpy(out + 10, header, sizeof header);
    memcpy(out + 128, data, n);
    return 128 + n;
}

static inline const char *put_npy(const char *name, const char *type, const char *shape,
                                  const void *data, size_t n)
{
    unsigned char bytes[4096];
    assert_true(n + 128 <= sizeof bytes);
    return put(name, bytes, make_npy(bytes, type, shape, data, n));
}

/* ---- Zip archives ---- */
typedef struct zip {
    unsigned char bytes[16384], directory[1024];
    size_t n, n_directory;
    int entries;
} zip;

static inline void le(unsigned char **p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) *(*p)++ = (unsigned char)(v >> 8 * i);
}

static inline void zip_add(zip *z, const char *name, const void *data, size_t n, bool deflated)
{
    unsigned char packed[4096];
    z_stream s = { .next_in = (Bytef *)(uintptr_t)data,
                   .avail_in = (unsigned)n,
                   .next_out = packed,
                   .avail_out = sizeof packed };
    assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    const size_t size = deflated ? s.total_out : n;
    deflateEnd(&s);
    const uint32_t offset = (uint32_t)z->n, method = deflated ? 8 : 0;
    const uint32_t crc = (uint32_t)crc32_z(0, data, n), length = (uint32_t)strlen(name);
    unsigned char *p = z->bytes + z->n, *d = z->directory + z->n_directory;
    le(&p, 0x04034b50, 4);
    le(&d, 0x02014b50, 4);
    le(&d, 20, 2);
    for (int k = 0; k < 2; k++) {
        unsigned char **to = k ? &d : &p;
        le(to, 20, 2);
        le(to, 0, 2);
        le(to, method, 2);
        le(to, 0, 4);
        le(to, crc, 4);
        le(to, (uint32_t)size, 4);
        le(to, (uint32_t)n, 4);
        le(to, length, 2);
        le(to, 0, 2);
    }
    le(&d, 0, 6);
    le(&d, 0, 4);
    le(&d, offset, 4);
    memcpy(p, name, length);
    memcpy(p + length, deflated ? packed : data, size);
    memcpy(d, name, length);
    z->n = (size_t)(p - z->bytes) + length + size;
    z->n_directory = (size_t)(d - z->directory) + length;
    z->entries++;
}

static inline size_t zip_end(zip *z)
{
    memcpy(z->bytes + z->n, z->directory, z->n_directory);
    unsigned char *p = z->bytes + z->n + z->n_directory;
    le(&p, 0x06054b50, 4);
    le(&p, 0, 4);
    le(&p, (uint32_t)z->entries, 2);
    le(&p, (uint32_t)z->entries, 2);
    le(&p, (uint32_t)z->n_directory, 4);
    le(&p, (uint32_t)z->n, 4);
    le(&p, 0, 2);
    return (size_t)(p - z->bytes);
}

/* ---- Datasets ---- */
static inline rondo_dataset *must_open(const char *path, const char *spec_text)
{
    rondo_dataset *d = NULL;
    rondo_status s = rondo_dataset_open(&d, path, spec_text);
    if (s) print_error("%s (%s): %s\n", path, spec_text, rondo_error());
    assert_int_equal(s, RONDO_OK);
    assert_non_null(d);
    return d;
}

/* It fails so, and its sentence holds these words. */
static inline void must_fail(const char *path, const char *spec_text, rondo_status code,
                             const char *words)
{
    rondo_dataset *d = (rondo_dataset *)folder;
    const rondo_status s = rondo_dataset_open(&d, path, spec_text);
    if (s != code || !strstr(rondo_error(), words))
        print_error("%s (%s): expected \"%s\", got %d: %s\n", path, spec_text, words, s,
                    rondo_error());
    assert_int_equal(s, code);
    assert_non_null(strstr(rondo_error(), words));
    assert_null(d);
}

/* In double; cmocka's own compares in float. */
static inline void assert_near(double a, double b, double most)
{
    if (!(a - b <= most && b - a <= most)) print_error("%.17g and %.17g differ\n", a, b);
    assert_true(a - b <= most && b - a <= most);
}

static inline void assert_reals(const real *x, int64_t n, const double *expected)
{
    for (int64_t i = 0; i < n; i++) assert_true(x[i] == (real)expected[i]);
}
#define REALS(...)                                                                                 \
    (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[])                      \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
