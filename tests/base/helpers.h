/* helpers - for tests: a folder that goes away, and memory that fails on purpose.
 * The including file defines _POSIX_C_SOURCE 200809L. */
#ifndef TESTS_BASE_HELPERS_H
#define TESTS_BASE_HELPERS_H
#include "base/base.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- A folder of its own for every test: *state is its path ---- */

static inline int folder_make(void **state)
{
    const char *base = getenv("TMPDIR");
    char *path = alloc_format("%s/rondo-test-XXXXXX", base && *base ? base : "/tmp");
    *state = path;
    return path && mkdtemp(path) ? 0 : -1;
}

static inline int folder_count(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(folder));) n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static inline void folder_delete(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char *inside;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        inside = file_join(path, entry->d_name);
        if (file_is_folder(inside))
            folder_delete(inside);
        else
            unlink(inside);
        alloc_free(inside);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

static inline int folder_drop(void **state)
{
    folder_delete(*state);
    alloc_free(*state);
    return 0;
}

/* ---- Memory: the n-th allocation fails, and what is not given back is counted ---- */

static int memory_fail_at = -1, memory_asked, memory_blocks;
static bool memory_failed_json; /* jansson may then call the text malformed, or lose a letter */

static inline void *memory_hook(void *p, size_t n)
{
    if (n == 0) {
        memory_blocks--;
        free(p);
        return NULL;
    }
    if (memory_asked++ == memory_fail_at) return NULL;
    void *q = realloc(p, n);
    if (q && !p) memory_blocks++;
    return q;
}

static inline void *memory_for_json(size_t n)
{
    void *p = alloc_hook(NULL, n ? n : 1);
    if (!p) memory_failed_json = true;
    return p;
}

static inline void memory_from_json(void *p)
{
    if (p) alloc_hook(p, 0);
}

/* Runs `work` with each of its allocations failing in turn: it must say so and leave nothing behind.
 * With `json`, jansson's too; not where it parses texts over 15 bytes: 2.14 asserts when one cannot grow. */
static inline void memory_fail_everywhere(rondo_status (*work)(void *), void *arg, bool json)
{
    void *(*before)(void *, size_t) = alloc_hook;
    rondo_status status;
    int i = 0;
    alloc_hook = memory_hook;
    if (json) json_set_alloc_funcs(memory_for_json, memory_from_json);
    do {
        memory_fail_at = i;
        memory_asked = memory_blocks = 0;
        rondo_fail(RONDO_OK, "nothing yet");
        memory_failed_json = false;
        status = work(arg);
        if (status && !memory_failed_json) {
            assert_int_equal(status, RONDO_E_NOMEM);
            assert_non_null(strstr(rondo_error(), "out of memory"));
        }
        if (memory_asked > i && !memory_failed_json) assert_int_not_equal(status, RONDO_OK);
        assert_int_equal(memory_blocks, 0);
    } while (memory_asked > i++);
    assert_int_equal(status, RONDO_OK); /* when nothing failed */
    memory_fail_at = -1;
    json_set_alloc_funcs(malloc, free);
    alloc_hook = before;
}

#define assert_sentence(part) assert_non_null(strstr(rondo_error(), part))

#endif
