/* folder - which folder a run lives in, whose it is, and starting over in it. */
#define _DEFAULT_SOURCE
#include "task/task.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const our_files[] = { "model.safetensors", "best.safetensors",
                                         "last.safetensors",  "log.csv",
                                         "manifest.json",     "events.out.tfevents." };
enum { OUR_FILES = sizeof our_files / sizeof *our_files };

/* By how the name begins: temporary files of a run that was killed are ours, too. */
static bool is_ours(const char *name)
{
    for (int i = 0; i < OUR_FILES; i++) {
        const size_t n = strlen(our_files[i]);
        const char *at = name[0] == '.' ? name + 1 : name;
        if (strncmp(at, our_files[i], n) == 0) return true;
    }
    return false;
}

/* Calls on every name in the folder until one says false. */
static rondo_status each_name(const char *folder, bool (*on)(const char *folder, const char *name))
{
    DIR *d = opendir(folder);
    bool go_on = true;
    if (!d) return rondo_fail(RONDO_E_IO, "%s: cannot read the folder", folder);
    for (struct dirent *e; go_on && (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            go_on = on(folder, e->d_name);
    closedir(d);
    return go_on ? RONDO_OK : RONDO_E_STATE;
}

static bool only_ours(const char *folder, const char *name)
{
    (void)folder;
    return is_ours(name);
}

static bool remove_ours(const char *folder, const char *name)
{
    if (!is_ours(name)) return true;
    char *path = file_join(folder, name);
    if (path) remove(path);
    alloc_free(path);
    return true;
}

/* The first line in which the two identities differ, for the sentence. */
static rondo_status fail_mismatch(const char *folder, const char *theirs, const char *ours)
{
    for (;;) {
        const size_t n = strcspn(theirs, "\n"), m = strcspn(ours, "\n");
        if (n != m || strncmp(theirs, ours, n) != 0 || !theirs[n])
            return rondo_fail(RONDO_E_MISMATCH,
                              "%s holds another run: there it is \"%.*s\", here \"%.*s\"; choose "
                              "another directory with -o, or start over in it with --fresh",
                              folder, (int)n, theirs, (int)m, ours);
        theirs += n + 1;
        ours += m + 1;
    }
}

static rondo_status claim(const char *folder, const char *identity, bool fresh, manifest *m)
{
    *m = (manifest){ 0 };
    if (!file_exists(folder)) return RONDO_OK;
    if (!file_is_folder(folder))
        return rondo_fail(RONDO_E_IO, "%s is a file; a run needs a directory", folder);
    if (!fresh) RONDO_TRY(manifest_read(m, folder));
    if (m->json && strcmp(m->identity, identity) != 0)
        return fail_mismatch(folder, m->identity, identity);
    if (m->json) return RONDO_OK;
    const rondo_status status = each_name(folder, only_ours);
    if (status == RONDO_E_STATE)
        return rondo_fail(RONDO_E_ARG, "%s is not empty and holds no run; choose another directory",
                          folder);
    if (status) return status;
    return each_name(folder, remove_ours);
}

/* Without a name: the first runs/TASK-N that is free, or holds this very run. */
static rondo_status choose(char **folder, const plan *p, bool fresh)
{
    for (int n = 1; n < 100000; n++) {
        manifest m;
        char *name = alloc_format("runs/%s-%d", p->task->name, n);
        if (!name) return RONDO_E_NOMEM;
        if (!file_exists(name)) {
            *folder = name;
            return RONDO_OK;
        }
        const bool known = !fresh && !manifest_read(&m, name) && m.json;
        const bool same = known && strcmp(m.identity, p->identity) == 0;
        if (known) manifest_free(&m);
        if (same) {
            *folder = name;
            return RONDO_OK;
        }
        alloc_free(name);
    }
    return rondo_fail(RONDO_E_LIMIT, "runs/ is full; say -o DIR");
}

/* One process at a time; the lock goes with the descriptor. Where a file system knows no locks, none. */
static rondo_status lock(int *fd, const char *folder)
{
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return RONDO_OK;
    return rondo_fail(RONDO_E_STATE, "%s: another process is training there", folder);
}

void folder_release(int fd)
{
    if (fd >= 0) close(fd);
}

rondo_status folder_claim(char **folder, int *fd, manifest *m, const plan *p, const rondo_recipe *r)
{
    const char *named = rondo_recipe_get(r, "output");
    const bool fresh = recipe_flag(r, "fresh");
    *folder = NULL;
    *fd = -1;
    *m = (manifest){ 0 };
    if (!named)
        RONDO_TRY(choose(folder, p, fresh));
    else if (!(*folder = alloc_text(named)))
        return RONDO_E_NOMEM;
    if (file_is_folder(*folder)) RONDO_TRY(lock(fd, *folder));
    RONDO_TRY(claim(*folder, p->identity, fresh, m));
    RONDO_TRY(file_make_folder(*folder));
    return *fd < 0 ? lock(fd, *folder) : RONDO_OK;
}
