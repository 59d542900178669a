/* rondo VERB [MODEL] [FILES] [--options] */
#include "cli.h"
#include "ext/ext.h"
#include <string.h>

static int run_command(call *c)
{
    if (c->help) {
        help_command(stdout, c->command);
        return finish_output();
    }
    return c->command->run(c);
}

int main(int argc, char **argv)
{
    call c = { 0 };
    signals_ignore();
    ext_register();
    if (argc < 2) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("rondo %s\n", rondo_version());
        return finish_output();
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_all(stdout);
        return finish_output();
    }
    c.command = command_find(argv[1]);
    if (!c.command) return EXIT_USAGE;
    c.recipe = rondo_recipe_new();
    if (!c.recipe) return fail(RONDO_E_NOMEM);
    int code = options_read(&c, argc - 2, argv + 2);
    if (!code) code = run_command(&c);
    rondo_recipe_free(c.recipe);
    return code;
}
