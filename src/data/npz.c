/* npz.c - one array out of a zip archive: stored or deflated, no encryption, under 4 GB (APPNOTE
 * 6.3). */
#include "data/data.h"
#include <string.h>
#include <zlib.h>

enum { END_SIZE = 22, ENTRY_SIZE = 46, LOCAL_SIZE = 30 };

typedef struct entry {
    const char *name;
    size_t name_size;
    unsigned method, flags;
    uint32_t crc, packed, size, offset;
} entry;

static uint32_t u16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}
static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

/* The end record stands last, before a comment of at most 64 KB. */
static const unsigned char *find_end(const file_map *map)
{
    if (map->size < END_SIZE) return NULL;
    const size_t most = map->size - END_SIZE;
    for (size_t back = 0; back <= most && back <= 0xffff; back++) {
        const unsigned char *at = map->data + most - back;
        if (!memcmp(at, "PK\5\6", 4) && u16(at + 20) == back) return at;
    }
    return NULL;
}

/* Reads the directory entry at *at and moves on; false when it does not fit. */
static bool next_entry(entry *e, const file_map *map, size_t *at, size_t end)
{
    if (*at > end || end - *at < ENTRY_SIZE) return false;
    const unsigned char *p = map->data + *at;
    if (memcmp(p, "PK\1\2", 4)) return false;
    *e = (entry){ (const char *)p + ENTRY_SIZE,
                  u16(p + 28),
                  u16(p + 10),
                  u16(p + 8),
                  u32(p + 16),
                  u32(p + 20),
                  u32(p + 24),
                  u32(p + 42) };
    const size_t whole = ENTRY_SIZE + e->name_size + u16(p + 30) + u16(p + 32);
    if (end - *at < whole) return false;
    *at += whole;
    return true;
}

static rondo_status find(entry *found, const file_map *map, const char *path, const char *name)
{
    const unsigned char *end = find_end(map);
    if (!end)
        return rondo_fail(RONDO_E_FORMAT, "%s: no zip directory at its end; cut short?", path);
    const size_t limit = (size_t)(end - map->data);
    size_t at = u32(end + 16);
    char known[LIMIT_NAME] = "";
    for (unsigned i = 0; i < u16(end + 10); i++) {
        entry e;
        if (!next_entry(&e, map, &at, limit))
            return rondo_fail(RONDO_E_FORMAT, "%s: the zip directory is damaged at byte %zu", path,
                              at);
        size_t n = e.name_size;
        if (n >= 4 && !memcmp(e.name + n - 4, ".npy", 4)) n -= 4;
        *found = e;
        if (n == strlen(name) && !memcmp(e.name, name, n)) return RONDO_OK;
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, " %.*s", (int)n, e.name);
    }
    return rondo_fail(RONDO_E_NAME, "%s has no array \"%s\"; it has:%s", path, name, known);
}

static rondo_status unpack(spill *out, const unsigned char *packed, const entry *e,
                           const char *path)
{
    unsigned char buffer[1 << 14];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)packed, .avail_in = e->packed };
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    rondo_status s = RONDO_OK;
    int result = Z_OK;
    while (!s && result == Z_OK) {
        z.next_out = buffer;
        z.avail_out = sizeof buffer;
        result = inflate(&z, Z_NO_FLUSH);
        s = spill_append(out, buffer, sizeof buffer - z.avail_out);
        if (out->size > e->size) result = Z_DATA_ERROR;
    }
    inflateEnd(&z);
    if (!s && result != Z_STREAM_END)
        s = rondo_fail(RONDO_E_FORMAT, "%s: %.*s does not unpack", path, (int)e->name_size,
                       e->name);
    return s;
}

static rondo_status extract(source_file *s, const char *path, const entry *e)
{
    const file_map *map = &s->map;
    const size_t at = e->offset;
    if (e->flags & 1 || e->packed == UINT32_MAX || e->size == UINT32_MAX)
        return rondo_fail(RONDO_E_FORMAT, "%s: %.*s is encrypted or over 4 GB; save it as .npy",
                          path, (int)e->name_size, e->name);
    if (map->size < LOCAL_SIZE || at > map->size - LOCAL_SIZE ||
        memcmp(map->data + at, "PK\3\4", 4))
        return rondo_fail(RONDO_E_FORMAT, "%s: no zip entry at byte %zu", path, at);
    const size_t begin = at + LOCAL_SIZE + u16(map->data + at + 26) + u16(map->data + at + 28);
    if (begin > map->size || map->size - begin < e->packed ||
        (e->method == 0 && e->packed != e->size))
        return rondo_fail(RONDO_E_FORMAT, "%s: %.*s reaches over the end of the file", path,
                          (int)e->name_size, e->name);
    if (e->method == 0) {
        s->data = map->data + begin;
        s->size = e->size;
    } else if (e->method == Z_DEFLATED) {
        RONDO_TRY(unpack(&s->unpacked, map->data + begin, e, path));
        s->data = s->unpacked.data;
        s->size = s->unpacked.size;
    } else {
        return rondo_fail(RONDO_E_FORMAT, "%s: compression method %u", path, e->method);
    }
    if (s->size != e->size || (uint32_t)crc32_z(0, s->data, s->size) != e->crc)
        return rondo_fail(RONDO_E_FORMAT, "%s: %.*s is damaged (checksum)", path, (int)e->name_size,
                          e->name);
    return RONDO_OK;
}

rondo_status npz_find(source_file *s, const char *path, const char *name)
{
    entry e;
    *s = (source_file){ 0 };
    spill_init(&s->unpacked, 0);
    rondo_status status = file_map_open(&s->map, path);
    if (!status) status = find(&e, &s->map, path, name);
    if (!status) status = extract(s, path, &e);
    if (status) source_close(s);
    return status;
}
