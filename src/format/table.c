/* Model files, and the two public calls that choose among them. */
#include "format.h"
#include <errno.h>
#include <string.h>

extern const format_row format_native;

static const format_row *const rows[] = { &format_native };

void format_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_FORMAT, rows[i]->name, rows[i]);
}

rondo_status rondo_save(const rondo_model *m, const char *path)
{
    if (!path) return rondo_fail(RONDO_E_ARG, "rondo_save: the path is NULL");
    return format_native.save(m, path, NULL);
}

rondo_status rondo_load(rondo_model **out, const char *path)
{
    unsigned char head[64];
    *out = NULL;
    if (!path) return rondo_fail(RONDO_E_ARG, "rondo_load: the path is NULL");
    FILE *f = fopen(path, "rb");
    if (!f) return rondo_fail(RONDO_E_IO, "%s: %s", path, strerror(errno));
    const size_t n = fread(head, 1, sizeof head, f);
    const bool failed = ferror(f);
    fclose(f);
    if (failed) return rondo_fail(RONDO_E_IO, "%s: cannot be read (is it a folder?)", path);
    for (int i = 0; i < registry_count(REGISTRY_FORMAT); i++) {
        const format_row *row = registry_at(REGISTRY_FORMAT, i);
        if (row->recognises(path, head, n)) return row->load(out, path);
    }
    return rondo_fail(RONDO_E_FORMAT, "%s: not a model file (%s)", path,
                      n ? "no known format" : "it is empty");
}
