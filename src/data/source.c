/* source.c - the bytes of a file: mapped, or unpacked when it is gzip. */
#define _POSIX_C_SOURCE 200809L
#include "data/data.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

rondo_status source_open(source_file *s, const char *path)
{
    *s = (source_file){ 0 };
    spill_init(&s->unpacked, 0);
    rondo_status status = file_map_open(&s->map, path);
    if (!status && s->map.size >= 2 && s->map.data[0] == 0x1f && s->map.data[1] == 0x8b) {
        file_map_close(&s->map);
        s->map = (file_map){ 0 };
        status = spill_read(&s->unpacked, path);
        s->data = s->unpacked.data;
        s->size = s->unpacked.size;
    } else {
        s->data = s->map.data;
        s->size = s->map.size;
    }
    if (status) source_close(s);
    return status;
}

void source_close(source_file *s)
{
    if (s->map.data) file_map_close(&s->map);
    if (s->unpacked.data) spill_free(&s->unpacked);
    *s = (source_file){ 0 };
}

rondo_status source_head(const char *path, unsigned char *head, size_t room, size_t *n)
{
    if (file_is_folder(path)) return rondo_fail(RONDO_E_IO, "%s is a folder, not a file", path);
    errno = 0;
    gzFile file = gzopen(path, "rb"); /* reads plain files as they are */
    if (!file)
        return rondo_fail(RONDO_E_IO, "%s: %s", path,
                          errno ? strerror(errno) : "not enough memory to open it");
    int got = gzread(file, head, (unsigned)room);
    gzclose(file);
    *n = got > 0 ? (size_t)got : 0; /* what is wrong with it, its reader will say */
    return RONDO_OK;
}

rondo_status source_digest(const char *path, uint64_t *digest)
{
    file_map map;
    uint8_t hash[32];
    RONDO_TRY(file_map_open(&map, path));
    sha256(hash, map.data, map.size);
    file_map_close(&map);
    memcpy(digest, hash, sizeof *digest);
    return RONDO_OK;
}

/* ---- Streams ---- */
static const char standard_input[] = "-";

static bool is_stream(const char *path)
{
    struct stat info;
    if (!strcmp(path, standard_input)) return true;
    return !stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static FILE *open_temporary(void)
{
    const char *folder = getenv("TMPDIR");
    char *path = file_join(folder && *folder ? folder : "/var/tmp", "rondo-XXXXXX");
    const int fd = path ? mkstemp(path) : -1;
    if (fd >= 0) unlink(path);
    alloc_free(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    if (!file && fd >= 0) close(fd);
    return file;
}

static rondo_status copy_stream(FILE *to, int from)
{
    unsigned char bytes[1 << 16];
    for (;;) {
        const ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return rondo_fail(RONDO_E_IO, "cannot read it: %s", strerror(errno));
        if ((n && fwrite(bytes, 1, (size_t)n, to) != (size_t)n) || (!n && fflush(to)))
            return rondo_fail(RONDO_E_IO,
                              "cannot keep it in a temporary file: %s; set TMPDIR to a directory "
                              "with space",
                              strerror(errno));
        if (!n) return RONDO_OK;
    }
}

rondo_status spool_open(spool *s, const char *path)
{
    *s = (spool){ .path = path };
    if (!path || !is_stream(path)) return RONDO_OK;
    const bool standard = !strcmp(path, standard_input);
    const int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rondo_fail(RONDO_E_IO, "cannot open %s: %s", path, strerror(errno));
    s->file = open_temporary();
    rondo_status status = s->file ? copy_stream(s->file, fd)
                                  : rondo_fail(RONDO_E_IO,
                                               "cannot make a temporary file to keep it in; set "
                                               "TMPDIR to a directory with space");
    if (!standard) close(fd);
    if (status) return spool_fail(s, status, path);
    snprintf(s->kept, sizeof s->kept, "/dev/fd/%d", fileno(s->file));
    s->path = s->kept;
    return RONDO_OK;
}

void spool_close(spool *s)
{
    if (s->file) fclose(s->file);
    *s = (spool){ 0 };
}

rondo_status spool_fail(const spool *s, rondo_status status, const char *path)
{
    const bool standard = path && !strcmp(path, standard_input);
    return s->file || standard ? rondo_fail_in(status, "%s", standard ? "standard input" : path)
                               : status;
}

bool path_ends(const char *path, const char *ending)
{
    size_t n = strlen(path);
    const size_t m = strlen(ending);
    if (n > 3 && !strcmp(path + n - 3, ".gz")) n -= 3;
    return n >= m && !memcmp(path + n - m, ending, m);
}
