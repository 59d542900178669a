/* Bytes that grow in memory, then in an unlinked temporary file that is mapped. */
#define _DEFAULT_SOURCE
#include "base/base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

enum { FIRST = 1 << 16 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What a container may use (Linux' second version of control groups), or all there is. */
static size_t container_memory(void)
{
    unsigned long long bytes = 0;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    if (!f) return SIZE_MAX;
    const int n = fscanf(f, "%llu", &bytes); /* "max": no limit */
    fclose(f);
    return n == 1 && bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

/* A quarter of the memory of the machine, of its container or of this process, the least of them. */
static size_t default_limit(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    size_t memory = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : (size_t)4 << 30;
    struct rlimit data;
    if (!getrlimit(RLIMIT_DATA, &data) && data.rlim_cur != RLIM_INFINITY)
        memory = smaller(memory, (size_t)data.rlim_cur);
    return smaller(memory, container_memory()) / 4;
}

void spill_init(spill *s, size_t limit)
{
    *s = (spill){ .limit = limit ? limit : default_limit(), .fd = -1 };
}

void spill_free(spill *s)
{
    if (s->fd >= 0) {
        munmap(s->data, s->capacity);
        close(s->fd);
    } else {
        alloc_free(s->data);
    }
    spill_init(s, s->limit);
}

/* In $TMPDIR or /var/tmp; /tmp may itself be memory. */
static rondo_status open_temporary(int *fd)
{
    const char *folder = getenv("TMPDIR");
    char *path = file_join(folder && *folder ? folder : "/var/tmp", "rondo-XXXXXX");
    rondo_status status = RONDO_OK;
    if (!path) return RONDO_E_NOMEM;
    *fd = mkstemp(path);
    if (*fd < 0)
        status = rondo_fail(RONDO_E_IO,
                            "the data is larger than a quarter of the memory and there is no room "
                            "for it at %s: %s; set TMPDIR to a directory with space",
                            path, strerror(errno));
    else
        unlink(path);
    alloc_free(path);
    return status;
}

/* The blocks are reserved before they are mapped: a full disk is an error here, not a signal later.
 * */
static rondo_status map_file(int fd, size_t capacity, unsigned char **data)
{
    int error = posix_fallocate(fd, 0, (off_t)capacity);
    if (error)
        return rondo_fail(RONDO_E_IO, "cannot keep %zu bytes of data in a temporary file: %s",
                          capacity, strerror(error));
    *data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*data == MAP_FAILED)
        return rondo_fail(RONDO_E_NOMEM, "cannot map %zu bytes of data: %s", capacity,
                          strerror(errno));
    return RONDO_OK;
}

static rondo_status move_to_file(spill *s, size_t capacity)
{
    unsigned char *data;
    int fd;
    rondo_status status;
    RONDO_TRY(open_temporary(&fd));
    status = map_file(fd, capacity, &data);
    if (status) {
        close(fd);
        return status;
    }
    if (s->size) memcpy(data, s->data, s->size);
    alloc_free(s->data);
    s->data = data;
    s->fd = fd;
    s->capacity = capacity;
    return RONDO_OK;
}

/* Makes room for n more bytes. */
static rondo_status reserve(spill *s, size_t n)
{
    size_t capacity = s->capacity ? s->capacity : FIRST;
    unsigned char *data;
    if (n > (size_t)LIMIT_SIZE || s->size > (size_t)LIMIT_SIZE - n)
        return rondo_fail(RONDO_E_LIMIT, "the data is over %lld bytes", (long long)LIMIT_SIZE);
    if (s->size + n <= s->capacity) return RONDO_OK;
    while (capacity < s->size + n) capacity += capacity / 2;
    if (s->fd < 0 && s->size + n > s->limit) return move_to_file(s, capacity);
    if (s->fd < 0) {
        data = alloc_grow(s->data, capacity);
        if (!data) return RONDO_E_NOMEM;
    } else {
        RONDO_TRY(map_file(s->fd, capacity, &data));
        munmap(s->data, s->capacity);
    }
    s->data = data;
    s->capacity = capacity;
    return RONDO_OK;
}

rondo_status spill_append(spill *s, const void *data, size_t n)
{
    if (n == 0) return RONDO_OK;
    RONDO_TRY(reserve(s, n));
    memcpy(s->data + s->size, data, n);
    s->size += n;
    return RONDO_OK;
}

static rondo_status inflate_into(spill *s, gzFile file, const char *path)
{
    enum { CHUNK = 1 << 18 };
    const char *why;
    int n, code;
    do {
        RONDO_TRY(reserve(s, CHUNK));
        n = gzread(file, s->data + s->size, CHUNK);
        if (n > 0) s->size += (size_t)n;
    } while (n > 0);
    why = gzerror(file, &code);
    switch (code) {
    case Z_OK:
    case Z_STREAM_END:
        return RONDO_OK;
    case Z_ERRNO:
        return rondo_fail(RONDO_E_IO, "cannot read %s: %s", path, strerror(errno));
    case Z_MEM_ERROR:
        return rondo_fail(RONDO_E_NOMEM, "out of memory reading %s", path);
    case Z_BUF_ERROR:
        return rondo_fail(RONDO_E_FORMAT, "%s: the gzip data ends too early: the file is cut",
                          path);
    default:
        return rondo_fail(RONDO_E_FORMAT, "%s: the gzip data is damaged: %s", path, why);
    }
}

rondo_status spill_read(spill *s, const char *path)
{
    gzFile file;
    rondo_status status;
    if (file_is_folder(path))
        return rondo_fail(RONDO_E_IO, "cannot read %s: it is a directory", path);
    errno = 0;
    file = gzopen(path, "rb");
    if (!file && errno) return rondo_fail(RONDO_E_IO, "cannot open %s: %s", path, strerror(errno));
    if (!file) return rondo_fail(RONDO_E_NOMEM, "out of memory reading %s", path);
    gzbuffer(file, 1 << 17);
    status = inflate_into(s, file, path);
    gzclose(file);
    return status;
}
