/* The tasks: a task is one file and one row here. */
#include "task/task.h"
#include <stdarg.h>

static const task_row *const rows[] = { &task_classify,  &task_regress,  &task_forecast,
                                        &task_sentiment, &task_finetune, &task_language };

void task_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_TASK, rows[i]->name, rows[i]);
}

const char *rondo_task_recipe(const char *name, int i)
{
    const task_row *task = registry_find(REGISTRY_TASK, name);
    const char *const both[] = { "pretrain.yaml", "recipe.yaml" };
    const int skipped = task && task->first ? 0 : 1;
    return task && i >= 0 && i + skipped < 2 ? both[i + skipped] : NULL;
}

int rondo_task_count(void)
{
    return registry_count(REGISTRY_TASK);
}

const char *rondo_task_name(int i, const char **help)
{
    if (i < 0 || i >= rondo_task_count()) return NULL;
    if (help) *help = ((const task_row *)registry_at(REGISTRY_TASK, i))->help;
    return registry_name(REGISTRY_TASK, i);
}
