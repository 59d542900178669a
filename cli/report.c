/* rondo report */
#include "cli.h"

int command_report(call *c)
{
    const char *file = rondo_recipe_get(c->recipe, "output");
    const rondo_status status = rondo_report(c->words[0], c->recipe, file);
    if (status) return fail(status);
    if (c->json) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", file ? file : c->words[0], file ? "" : "/report.html");
        fputs("{\"report\": ", stdout);
        json_text(stdout, path);
        puts("}");
    } else {
        printf("%s%s\n", file ? file : c->words[0], file ? "" : "/report.html");
    }
    return finish_output();
}
