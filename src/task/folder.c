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
                                         "manifest.json",     "diagnosis.json" };
enum { OUR_FILES = sizeof our_files / sizeof *our_files };

/* The old run while a fresh one begins, complete, and while it is being moved there or back. */
static const char aside[] = ".rondo-before-fresh", moving[] = ".rondo-moving";

bool folder_is_temporary(const char *name, const char *whole)
{
    static const char mark[] = ".tmp-";
    const size_t n = strlen(whole);
    if (strncmp(name, whole, n) != 0 || strncmp(name + n, mark, sizeof mark - 1) != 0) return false;
    const char *number = name + n + sizeof mark - 1;
    return *number && strspn(number, "0123456789-") == strlen(number);
}

static bool is_ours(const char *name)
{
    static const char events[] = "events.out.tfevents.";
    for (int i = 0; i < OUR_FILES; i++)
        if (strcmp(name, our_files[i]) == 0 || folder_is_temporary(name, our_files[i])) return true;
    return strncmp(name, events, sizeof events - 1) == 0;
}

/* All that a run can leave that was killed before it had a manifest. */
static bool is_aborted_start(const char *name)
{
    return folder_is_temporary(name, "manifest.json");
}

/* ---- Moving files ---- */
static rondo_status cannot(const char *what, const char *path)
{
    return rondo_fail(RONDO_E_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static rondo_status move_one(const char *from, const char *to, const char *name)
{
    char *old = file_join(from, name), *new = to ? file_join(to, name) : NULL;
    rondo_status status = RONDO_OK;
    if (!old || (to && !new))
        status = RONDO_E_NOMEM;
    else if (to ? rename(old, new) : remove(old))
        status = cannot(to ? "move" : "remove", old);
    alloc_free(old);
    alloc_free(new);
    return status;
}

/* Moves the files whose names are `which` into `to`, or removes them when it is NULL; *others counts
 * what is left. */
static rondo_status move_files(const char *from, const char *to, bool (*which)(const char *),
                               int *others)
{
    DIR *d = opendir(from);
    rondo_status status = RONDO_OK;
    *others = 0;
    if (!d) return rondo_fail(RONDO_E_IO, "%s: cannot read the folder", from);
    for (struct dirent *e; !status && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (which(e->d_name))
            status = move_one(from, to, e->d_name);
        else
            ++*others;
    }
    closedir(d);
    return status;
}

/* Out of the inner folder, which goes. */
static rondo_status move_back(const char *folder, const char *inner)
{
    int others;
    RONDO_TRY(move_files(inner, folder, is_ours, &others));
    return rmdir(inner) ? cannot("remove", inner) : RONDO_OK;
}

static bool holds(const char *folder, const char *name)
{
    char *path = file_join(folder, name);
    const bool there = path && file_exists(path);
    alloc_free(path);
    return there;
}

rondo_status folder_forget(const char *folder, const char *name)
{
    return holds(folder, name) ? move_one(folder, NULL, name) : RONDO_OK;
}

/* The old run goes once the new one has something to go on from; until then it comes back. */
static rondo_status settle(const char *folder, const char *kept, const char *half)
{
    int others;
    if (file_is_folder(kept)) {
        if (holds(folder, "last.safetensors") || holds(folder, "model.safetensors")) {
            RONDO_TRY(move_files(kept, NULL, is_ours, &others));
            return rmdir(kept) ? cannot("remove", kept) : RONDO_OK;
        }
        RONDO_TRY(move_files(folder, NULL, is_ours, &others));
        if (rename(kept, half)) return cannot("move", kept);
    }
    return file_is_folder(half) ? move_back(folder, half) : RONDO_OK;
}

static rondo_status put_aside(const char *folder, const char *kept, const char *half)
{
    int others;
    RONDO_TRY(file_make_folder(half));
    const rondo_status status = move_files(folder, half, is_ours, &others);
    if (!status && !rename(half, kept)) return RONDO_OK;
    return status ? status : cannot("move", half);
}

/* Runs one of the two above with the paths of both inner folders. */
static rondo_status with_inner(const char *folder,
                               rondo_status (*act)(const char *, const char *, const char *))
{
    char *kept = file_join(folder, aside), *half = file_join(folder, moving);
    const rondo_status status = kept && half ? act(folder, kept, half) : RONDO_E_NOMEM;
    alloc_free(kept);
    alloc_free(half);
    return status;
}

rondo_status folder_start_over(const char *folder)
{
    return with_inner(folder, put_aside);
}

rondo_status folder_settle(const char *folder)
{
    return with_inner(folder, settle);
}

/* ---- Whose it is ---- */
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
    RONDO_TRY(folder_settle(folder));
    RONDO_TRY(rondo_fail_in(manifest_read(m, folder), "%s", folder));
    if (m->json && !fresh && strcmp(m->identity, identity) != 0)
        return fail_mismatch(folder, m->identity, identity);
    if (m->json) return RONDO_OK;
    int others;
    RONDO_TRY(move_files(folder, NULL, is_aborted_start, &others));
    if (others)
        return rondo_fail(RONDO_E_ARG, "%s is not empty and holds no run; choose another directory",
                          folder);
    return RONDO_OK;
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
