/* start - rondo new: a folder with a commented recipe and data that it trains on as written. */
#include "task/task.h"
#include <stdarg.h>
#include <string.h>

rondo_status task_line(file_writer *w, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line)
        return rondo_fail(RONDO_E_LIMIT, "a line of %d bytes is too long", n);
    return file_write(w, line, (size_t)n);
}

static rondo_status write_recipe(const char *folder, const char *name, const char *recipe)
{
    char *path = recipe ? file_join(folder, name) : NULL;
    if (!recipe) return RONDO_OK;
    if (!path) return RONDO_E_NOMEM;
    rondo_status status = file_exists(path)
                              ? rondo_fail(RONDO_E_IO, "%s is there already; choose another folder",
                                           path)
                              : file_write_all(path, recipe, strlen(recipe));
    alloc_free(path);
    return status;
}

static rondo_status write_data(const char *folder, const task_row *task)
{
    file_writer w;
    rng draw = rng_new(0, rng_stream(RNG_DATA, 1));
    char *path = file_join(folder, task->data);
    if (!path) return RONDO_E_NOMEM;
    rondo_status status = file_exists(path) ? rondo_fail(RONDO_E_IO, "%s is there already", path)
                                            : file_write_begin(&w, path);
    if (!status) {
        status = task->sample(&w, &draw);
        if (!status) status = file_write_end(&w);
        if (status) file_write_cancel(&w);
    }
    alloc_free(path);
    return status;
}

rondo_status rondo_task_start(const char *name, const char *folder)
{
    const void *task;
    RONDO_TRY(registry_get(REGISTRY_TASK, name, &task));
    if (file_exists(folder) && !file_is_folder(folder))
        return rondo_fail(RONDO_E_IO, "%s is a file; choose another folder", folder);
    RONDO_TRY(file_make_folder(folder));
    const task_row *row = task;
    RONDO_TRY(write_data(folder, row));
    RONDO_TRY(write_recipe(folder, "pretrain.yaml", row->first));
    return write_recipe(folder, "recipe.yaml", row->recipe);
}
