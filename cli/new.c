/* rondo new */
#include "cli.h"
#include <string.h>

static int list_tasks(void)
{
    const char *name, *help;
    complain(EXIT_USAGE, "which task, and into which folder? rondo new TASK DIR; the tasks are");
    for (int i = 0; (name = rondo_task_name(i, &help)) != NULL; i++)
        fprintf(stderr, "  %-10s %s\n", name, help);
    return EXIT_USAGE;
}

int command_new(call *c)
{
    const char *name;
    if (c->n_words < 2) return list_tasks();
    const rondo_status status = rondo_task_start(c->words[0], c->words[1]);
    if (status) return fail(status);
    const size_t n = strlen(c->words[1]);
    const char *slash = n && c->words[1][n - 1] == '/' ? "" : "/";
    if (c->json) {
        fputs("{\"recipe\": ", stdout);
        char path[4096];
        snprintf(path, sizeof path, "%s%srecipe.yaml", c->words[1], slash);
        json_text(stdout, path);
        fputs("}\n", stdout);
        return finish_output();
    }
    printf("%s%srecipe.yaml and sample data are written; have a look, then\n", c->words[1], slash);
    for (int i = 0; (name = rondo_task_recipe(c->words[0], i)) != NULL; i++)
        printf("  rondo train %s%s%s\n", c->words[1], slash, name);
    return finish_output();
}
