/* source.c - the bytes of a file: mapped, or unpacked when it is gzip. */
#include "data/data.h"
#include <errno.h>
#include <string.h>
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

bool path_ends(const char *path, const char *ending)
{
    size_t n = strlen(path);
    const size_t m = strlen(ending);
    if (n > 3 && !strcmp(path + n - 3, ".gz")) n -= 3;
    return n >= m && !memcmp(path + n - m, ending, m);
}
