/* The tasks: a task is one file and one row here. */
#include "task/task.h"
#include <stdarg.h>

static const task_row *const rows[] = { &task_classify, &task_regress, &task_forecast,
                                        &task_sentiment, &task_language };

void task_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_TASK, rows[i]->name, rows[i]);
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
