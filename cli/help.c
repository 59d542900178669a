/* help - made from the tables of commands and recipe keys. */
#include "cli.h"
#include <string.h>

void help_all(FILE *out)
{
    fprintf(out,
            "rondo %s - recurrent neural networks: trained, evaluated, used\n\n"
            "rondo COMMAND [MODEL] [FILES] [--options]\n\n",
            rondo_version());
    const command *c;
    for (int i = 0; (c = command_at(i)) != NULL; i++)
        fprintf(out, "  %-8s %-14s %s\n", c->name, c->words, c->help);
    fprintf(out, "\nEvery command takes --help and --json. A first try:\n"
                 "  rondo new classify gestures && rondo train gestures/recipe.yaml\n");
}

static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

static void help_key(FILE *out, const rondo_recipe_key *key)
{
    char option[64];
    int n = snprintf(option, sizeof option, "--%s%s%s", key->name, key->argument ? " " : "",
                     key->argument ? key->argument : "");
    for (char *c = option; *c && *c != ' '; c++)
        if (*c == '_') *c = '-';
    fprintf(out, "  %-28s%s%s", option, n > 27 ? " " : "", key->help ? key->help : "");
    if (key->initial && *key->initial) fprintf(out, " (%s)", key->initial);
    fputc('\n', out);
}

void help_command(FILE *out, const command *c)
{
    int n;
    const rondo_recipe_key *keys = rondo_recipe_keys(&n);
    fprintf(out, "rondo %s%s%s [--options]\n%s\n\n", c->name, *c->words ? " " : "", c->words,
            c->help);
    for (int i = 0; i < n; i++)
        if (has_word(keys[i].verbs, c->name)) help_key(out, &keys[i]);
    if (strcmp(c->name, "train") == 0)
        fprintf(out, "\nEvery option is a key of a recipe, too: --learning-rate 0.01 is\n"
                     "learning_rate: 0.01 there. Options win over the recipe.\n");
    if (c->more) fprintf(out, "\n%s", c->more);
}

int command_help(call *c)
{
    if (c->n_words == 0) {
        help_all(stdout);
        return finish_output();
    }
    const command *about = command_find(c->words[0]);
    if (!about) return EXIT_USAGE;
    help_command(stdout, about);
    return finish_output();
}
