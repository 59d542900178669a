/* path - paths among a recipe's values, seen from the folder that the recipe lies in. */
#define _XOPEN_SOURCE 700
#include "task/task.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char spec_or_file[] =
    "SPEC or FILE"; /* a key's argument: a tokenizer's spec, or a path */

bool rondo_recipe_is_path(const rondo_recipe_key *key)
{
    return key->argument &&
           (strcmp(key->argument, "FILE") == 0 || strcmp(key->argument, "PATH") == 0 ||
            strcmp(key->argument, spec_or_file) == 0);
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t n = strlen(text), m = strlen(ending);
    return n > m && strcmp(text + n - m, ending) == 0;
}

bool path_is_tokenizer(const char *text)
{
    const char *slash = strchr(text, '/');
    return (slash && slash < text + strcspn(text, " ")) || ends_with(text, ".json") ||
           ends_with(text, ".safetensors");
}

size_t path_label(const char *item)
{
    const size_t n = strspn(item, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-");
    return n > 0 && item[n] == '=' ? n : 0;
}

static rondo_status add_path(text_buffer *out, const char *item, const char *folder, bool whole)
{
    char found[PATH_MAX];
    const bool as_is = *item == '/' || strcmp(item, "-") == 0 || strncmp(item, "task:", 5) == 0;
    char *path = as_is || !folder || !*folder ? alloc_text(item) : file_join(folder, item);
    if (!path) return RONDO_E_NOMEM;
    const char *shown = whole && !as_is && realpath(path, found) ? found : path;
    text_put(out, shown, strlen(shown));
    alloc_free(path);
    return out->status;
}

/* "a=FILE; b=FILE" is one text. */
static rondo_status add_list(text_buffer *out, const char *text, const char *folder, bool whole)
{
    char **parts;
    int n;
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    rondo_status status = RONDO_OK;
    for (int i = 0; i < n && !status; i++) {
        const size_t label = path_label(parts[i]), skip = label ? label + 1 : 0;
        if (i) text_put(out, "; ", 2);
        text_put(out, parts[i], skip);
        status = add_path(out, parts[i] + skip, folder, whole);
    }
    text_list_free(parts);
    return status;
}

rondo_status path_place(char **placed, const rondo_recipe_key *key, const char *text,
                        const char *folder, bool whole)
{
    text_buffer out = { 0 };
    rondo_status status = RONDO_OK;
    if (!rondo_recipe_is_path(key) ||
        (strcmp(key->argument, spec_or_file) == 0 && !path_is_tokenizer(text)))
        text_put(&out, text, strlen(text));
    else if (strchr(key->join, ';'))
        status = add_list(&out, text, folder, whole);
    else
        status = add_path(&out, text, folder, whole);
    text_put(&out, "", 0);
    if (!status) status = out.status;
    if (status) text_free(&out);
    *placed = out.data;
    return status;
}

rondo_status rondo_recipe_place(char **placed, const rondo_recipe_key *key, const char *text,
                                const char *folder)
{
    return path_place(placed, key, text, folder, false);
}
