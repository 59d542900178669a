/* Reading whole files, and writing them so that a reader sees the old file or the new one, never
 * half of one. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"
#include <stdatomic.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static rondo_status cannot(const char *verb, const char *path)
{
    return rondo_fail(RONDO_E_IO, "cannot %s %s: %s", verb, path, strerror(errno));
}

/* ---- Reading ---- */

/* A pipe or a device: its size is known at its end. */
static rondo_status read_all(file_map *map, int fd, const char *path)
{
    enum { CHUNK = 1 << 16 };
    unsigned char *data = NULL;
    for (;;) {
        ssize_t n;
        unsigned char *grown = alloc_grow(data, map->size + CHUNK);
        if (!grown) {
            alloc_free(data);
            return RONDO_E_NOMEM;
        }
        data = grown;
        n = read(fd, data + map->size, CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            alloc_free(data);
            return cannot("read", path);
        }
        map->size += (size_t)n;
        map->data = data;
        if (n == 0) return RONDO_OK;
    }
}

static rondo_status map_descriptor(file_map *map, int fd, const char *path)
{
    struct stat info;
    void *data;
    if (fstat(fd, &info)) return cannot("read", path);
    if (S_ISDIR(info.st_mode))
        return rondo_fail(RONDO_E_IO, "cannot read %s: it is a directory", path);
    if (!S_ISREG(info.st_mode) || info.st_size == 0) return read_all(map, fd, path);
    if ((uint64_t)info.st_size > SIZE_MAX)
        return rondo_fail(RONDO_E_LIMIT, "%s is too large for this machine", path);
    data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return cannot("map", path);
    *map = (file_map){ .data = data, .size = (size_t)info.st_size, .mapped = true };
    return RONDO_OK;
}

rondo_status file_map_open(file_map *map, const char *path)
{
    rondo_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *map = (file_map){ 0 };
    if (fd < 0) return cannot("open", path);
    status = map_descriptor(map, fd, path);
    if (status) *map = (file_map){ 0 };
    close(fd);
    return status;
}

void file_map_close(file_map *map)
{
    if (map->mapped)
        munmap((void *)map->data, map->size);
    else
        alloc_free((void *)map->data);
    *map = (file_map){ 0 };
}

/* ---- Folders and names ---- */

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

rondo_status file_make_folder(const char *path)
{
    rondo_status status = RONDO_OK;
    char *part = alloc_text(path);
    size_t n = strlen(path);
    if (!part) return RONDO_E_NOMEM;
    for (size_t i = 1; i <= n && !status; i++) {
        if (part[i] && part[i] != '/') continue;
        part[i] = 0;
        if (mkdir(part, 0777) && (errno != EEXIST || !file_is_folder(part)))
            status = cannot("make the directory", part);
        part[i] = path[i];
    }
    alloc_free(part);
    return status;
}

char *file_join(const char *folder, const char *name)
{
    size_t n = strlen(folder);
    bool slash = n > 0 && folder[n - 1] != '/';
    return alloc_format("%s%s%s", folder, slash ? "/" : "", name);
}

/* ---- Writing ---- */

/* Not a plain file (a terminal, a pipe, /dev/full): there is no old content to keep, and a rename
 * would replace it. */
static bool is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static atomic_uint written; /* so that two threads may write to one path at once */

rondo_status file_write_begin(file_writer *w, const char *path)
{
    rondo_status status = RONDO_E_NOMEM;
    const char *opened = path;
    int flags = O_WRONLY | O_CLOEXEC, fd = -1;
    *w = (file_writer){ 0 };
    if (file_is_folder(path))
        return rondo_fail(RONDO_E_IO, "cannot write %s: it is a directory", path);
    w->path = alloc_text(path);
    if (!w->path) return RONDO_E_NOMEM;
    if (!is_special(path)) {
        w->temporary = alloc_format("%s.tmp-%ld-%u", path, (long)getpid(),
                                    atomic_fetch_add(&written, 1u));
        if (!w->temporary) goto fail;
        opened = w->temporary;
        flags |= O_CREAT | O_TRUNC;
    }
    fd = open(opened, flags, 0666);
    if (fd >= 0) w->stream = fdopen(fd, "wb");
    if (w->stream) return RONDO_OK;
    status = cannot("write", path);
    if (fd >= 0) close(fd);
fail:
    file_write_cancel(w);
    return status;
}

rondo_status file_write(file_writer *w, const void *data, size_t n)
{
    if (n == 0 || fwrite(data, 1, n, w->stream) == n) return RONDO_OK;
    return cannot("write", w->path);
}

/* So that the new name, too, is on the disk. Some file systems cannot sync a folder: then there is
 * nothing to do. */
static rondo_status sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = alloc_text(slash ? path : ".");
    rondo_status status = RONDO_OK;
    int fd;
    if (!folder) return RONDO_E_NOMEM;
    if (slash) folder[slash == path ? 1 : slash - path] = 0;
    fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (fsync(fd) && errno != EINVAL && errno != ENOTSUP) status = cannot("sync", folder);
        close(fd);
    }
    alloc_free(folder);
    return status;
}

rondo_status file_write_end(file_writer *w)
{
    rondo_status status = RONDO_OK;
    bool good = !ferror(w->stream) && fflush(w->stream) == 0;
    if (good && w->temporary) good = fsync(fileno(w->stream)) == 0;
    if (!good) {
        status = cannot("write", w->path);
        goto done;
    }
    if (fclose(w->stream)) status = cannot("write", w->path);
    w->stream = NULL;
    if (status || !w->temporary) goto done;
    if (rename(w->temporary, w->path)) {
        status = cannot("write", w->path);
        goto done;
    }
    alloc_free(w->temporary);
    w->temporary = NULL;
    status = sync_folder_of(w->path);
done:
    file_write_cancel(w);
    return status;
}

void file_write_cancel(file_writer *w)
{
    if (w->stream) fclose(w->stream);
    if (w->temporary) unlink(w->temporary);
    alloc_free(w->temporary);
    alloc_free(w->path);
    *w = (file_writer){ 0 };
}

rondo_status file_write_all(const char *path, const void *data, size_t n)
{
    file_writer w;
    rondo_status status;
    RONDO_TRY(file_write_begin(&w, path));
    status = file_write(&w, data, n);
    if (!status) return file_write_end(&w);
    file_write_cancel(&w);
    return status;
}
