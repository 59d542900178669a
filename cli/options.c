/* options - a command line into words and keys; the keys' table knows which take a value. */
#include "cli.h"
#include <stdlib.h>
#include <string.h>

static int add_option(call *c, const char *key, const char *value)
{
    if (c->n_options == MAX_OPTIONS) return complain(EXIT_USAGE, "too many options");
    c->options[c->n_options++] = (given){ key, value };
    return EXIT_OK;
}

/* --key=value, --key value, --flag, --no-flag; *used is 2 when the next argument was the value. */
static int read_long(call *c, const char *text, const char *next, int *used)
{
    char name[64];
    const char *equals = strchr(text, '=');
    const size_t n = equals ? (size_t)(equals - text) : strlen(text);
    if (n >= sizeof name) return complain(EXIT_USAGE, "unknown option --%s", text);
    memcpy(name, text, n);
    name[n] = 0;
    *used = 1;
    if (strcmp(name, "help") == 0) {
        c->help = true;
        return EXIT_OK;
    }
    const bool off = strncmp(name, "no-", 3) == 0 && !equals;
    const rondo_recipe_key *key = off ? rondo_recipe_find(c->command->name, name + 3) : NULL;
    if (key && !key->argument) return add_option(c, key->name, "false");
    key = rondo_recipe_find(c->command->name, name);
    if (!key) return fail(RONDO_E_NAME);
    if (equals) return add_option(c, key->name, equals + 1);
    if (!key->argument) return add_option(c, key->name, "true");
    if (!next || strncmp(next, "--", 2) == 0)
        return complain(EXIT_USAGE, "--%s wants a value: --%s %s", name, name, key->argument);
    *used = 2;
    return add_option(c, key->name, next);
}

static int read_short(call *c, char letter, const char *next, int *used)
{
    *used = 1;
    if (letter == 'h') {
        c->help = true;
        return EXIT_OK;
    }
    if (letter == 'q') return read_long(c, "quiet", next, used);
    if (letter != 'o')
        return complain(EXIT_USAGE, "unknown option -%c; rondo %s --help lists them", letter,
                        c->command->name);
    return read_long(c, "output", next, used);
}

static int add_word(call *c, const char *word)
{
    if (c->n_words < c->command->most) {
        c->words[c->n_words++] = word;
        return EXIT_OK;
    }
    return complain(EXIT_USAGE, "\"%s\" is one word too many: rondo %s %s [--options]", word,
                    c->command->name, c->command->words);
}

int options_apply(call *c)
{
    for (int i = 0; i < c->n_options; i++) {
        const rondo_status status = rondo_recipe_set(c->recipe, c->command->name, c->options[i].key,
                                                     c->options[i].value);
        if (status) return fail(status);
    }
    const char *json = rondo_recipe_get(c->recipe, "json");
    const char *quiet = rondo_recipe_get(c->recipe, "quiet");
    const char *threads = rondo_recipe_get(c->recipe, "threads");
    c->json = json && (strcmp(json, "true") == 0 || strcmp(json, "1") == 0);
    c->quiet = quiet && (strcmp(quiet, "true") == 0 || strcmp(quiet, "1") == 0);
    c->threads = threads ? atoi(threads) : 0;
    if (c->threads < 0) return complain(EXIT_USAGE, "threads is %s; 0 means all", threads);
    return EXIT_OK;
}

int options_read(call *c, int argc, char **argv)
{
    bool only_words = false;
    for (int i = 0, used, code; i < argc; i += used) {
        const char *text = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        used = 1;
        if (!only_words && strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        if (only_words || text[0] != '-' || !text[1])
            code = add_word(c, text);
        else if (text[1] == '-')
            code = read_long(c, text + 2, next, &used);
        else if (!text[2])
            code = read_short(c, text[1], next, &used);
        else
            code = complain(EXIT_USAGE, "unknown option %s; long options begin with --", text);
        if (code) return code;
    }
    if (c->help) return EXIT_OK;
    if (c->n_words < c->command->least)
        return complain(EXIT_USAGE, "which one? rondo %s %s [--options]", c->command->name,
                        c->command->words);
    const bool trains = c->command->run == command_train ||
                        (c->command->run == command_finetune && is_recipe(c->words[0]));
    if (trains && c->n_words > 0) {
        const int code = recipe_read(c, NULL, c->words[0]);
        if (code) return code;
    }
    return options_apply(c);
}
