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
    fprintf(
        out,
        "\nEvery command takes --help and --json. A first try:\n"
        "  rondo new classify gestures && rondo train gestures/recipe.yaml\n"
        "rondo help activations (cells, layers, initializers, adapters, presets) lists them.\n");
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
    if (strcmp(c->name, "finetune") == 0)
        fprintf(out, "\nAnd every option of rondo train but --model: rondo train --help.\n");
    if (strcmp(c->name, "train") == 0)
        fprintf(out, "\nEvery option is a key of a recipe, too: --learning-rate 0.01 is\n"
                     "learning_rate: 0.01 there. Options win over the recipe.\n");
    if (c->more) fprintf(out, "\n%s", c->more);
}

/* ---- What is built in ---- */
static void show_line(const char *name, const char *text, bool list, void *user)
{
    (void)list;
    fprintf(user, "  %-24s %s\n", name, text);
}

/* A list has a line for each item. */
static void show_entry(const char *name, const char *text, bool list, void *user)
{
    enum { NAME = 15 };
    FILE *out = user;
    fprintf(out, "%-*s ", NAME - 1, name);
    for (const char *c = text; *c; c++)
        if (list && *c == '\t')
            fprintf(out, "\n%*s", NAME, "");
        else
            fputc(*c, out);
    fputc('\n', out);
}

/* All of a kind, or with a name all about one; kind NULL: of any. */
static rondo_status show_reference(const call *c, const char *kind, const char *name)
{
    fact_sheet sheet = { .out = stdout, .json = true };
    rondo_fact *show = c->json ? show_fact : name ? show_entry : show_line;
    void *user = c->json ? (void *)&sheet : stdout;
    rondo_status status = name ? rondo_reference_entry(kind, name, NULL, NULL) : RONDO_OK;
    if (status) return status;
    if (c->json) fputs("{\n", stdout);
    status = name ? rondo_reference_entry(kind, name, show, user)
                  : rondo_reference(kind, show, user);
    if (c->json) fputs("\n}\n", stdout);
    if (!status && !c->json && !name) printf("\nrondo help %s NAME says all about one.\n", kind);
    return status;
}

static bool is_kind(const char *word)
{
    const char *kind;
    for (int i = 0; (kind = rondo_reference_kind(i)) != NULL; i++)
        if (strcmp(kind, word) == 0) return true;
    return false;
}

static bool is_command(const char *word)
{
    const command *about;
    for (int i = 0; (about = command_at(i)) != NULL; i++)
        if (strcmp(about->name, word) == 0) return true;
    return false;
}

/* The options of a kind of tokenizer. */
static rondo_status show_tokenizer(const call *c, const char *kind)
{
    fact_sheet sheet = { .out = stdout, .json = true };
    if (c->json) fputs("{\n", stdout);
    const rondo_status status = rondo_tokenizer_options(kind, c->json ? show_fact : show_line,
                                                        c->json ? (void *)&sheet : stdout);
    if (c->json) fputs("\n}\n", stdout);
    return status;
}

int command_help(call *c)
{
    const char *word = c->words[0];
    if (c->n_words == 0) {
        help_all(stdout);
    } else if (c->n_words == 2 && strcmp(word, "tokenize") == 0) {
        const rondo_status status = show_tokenizer(c, c->words[1]);
        if (status) return fail(status);
    } else if (c->n_words == 2 || is_kind(word)) {
        const rondo_status status = show_reference(c, word, c->n_words == 2 ? c->words[1] : NULL);
        if (status) return fail(status);
    } else if (!is_command(word) && !rondo_reference_entry(NULL, word, NULL, NULL)) {
        const rondo_status status = show_reference(c, NULL, word);
        if (status) return fail(status);
    } else {
        const command *about = command_find(word);
        if (!about) return EXIT_USAGE;
        help_command(stdout, about);
    }
    return finish_output();
}
