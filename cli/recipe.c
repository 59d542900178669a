/* recipe - a YAML file of the keys that are options, too. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    call *call;
    const char *path;
    yaml_document_t document;
} reader;

static int bad(const reader *r, const yaml_node_t *at, const char *what)
{
    return complain(EXIT_USAGE, "%s:%zu: %s", r->path, at->start_mark.line + 1, what);
}

static const char *scalar(const yaml_node_t *n)
{
    return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static bool is_null(const yaml_node_t *n)
{
    const char *text = scalar(n);
    return text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* A path as seen from the recipe's folder; free() it. */
static char *beside(const char *recipe, const char *path)
{
    const char *slash = strrchr(recipe, '/');
    const bool as_is = !slash || path[0] == '/' || strcmp(path, "-") == 0 ||
                       strncmp(path, "task:", 5) == 0;
    const size_t n = as_is ? 0 : (size_t)(slash - recipe) + 1;
    char *joined = malloc(n + strlen(path) + 1);
    if (!joined) return NULL;
    memcpy(joined, recipe, n);
    strcpy(joined + n, path);
    return joined;
}

/* The value as one text: a scalar, or a list joined as the key wants it; free() it. */
static char *text_of(reader *r, const yaml_node_t *n, const char *join)
{
    if (scalar(n)) return strdup(scalar(n));
    char *text = strdup("");
    for (yaml_node_item_t *i = n->data.sequence.items.start; text && i < n->data.sequence.items.top;
         i++) {
        const char *item = scalar(yaml_document_get_node(&r->document, *i));
        char *longer = item ? malloc(strlen(text) + strlen(join) + strlen(item) + 1) : NULL;
        if (longer) sprintf(longer, "%s%s%s", text, *text ? join : "", item);
        free(text);
        text = longer;
    }
    return text;
}

static bool only_scalars(reader *r, const yaml_node_t *n)
{
    if (scalar(n)) return true;
    if (n->type != YAML_SEQUENCE_NODE) return false;
    for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
        if (!scalar(yaml_document_get_node(&r->document, *i))) return false;
    return true;
}

static int set_key(reader *r, const yaml_node_t *name, const yaml_node_t *n)
{
    const rondo_recipe_key *key = rondo_recipe_find("train", scalar(name));
    if (!key) return bad(r, name, rondo_error());
    if (rondo_recipe_get(r->call->recipe, key->name)) return bad(r, name, "this key comes twice");
    if (is_null(n)) return EXIT_OK;
    if (!only_scalars(r, n) || (n->type == YAML_SEQUENCE_NODE && !*key->join))
        return bad(r, n, "expected one value here, as in `epochs: 10`");
    char *text = text_of(r, n, key->join);
    const bool path = key->argument &&
                      (strcmp(key->argument, "FILE") == 0 || strcmp(key->argument, "PATH") == 0);
    char *value = text && path ? beside(r->path, text) : text;
    rondo_status status = value ? rondo_recipe_set(r->call->recipe, "train", key->name, value)
                                : RONDO_E_NOMEM;
    if (value != text) free(value);
    free(text);
    if (status == RONDO_E_NOMEM) return complain(EXIT_MEMORY, "out of memory");
    return status ? bad(r, n, rondo_error()) : EXIT_OK;
}

static int read_pairs(reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (!root) return complain(EXIT_USAGE, "%s: the recipe is empty", r->path);
    if (root->type != YAML_MAPPING_NODE)
        return bad(r, root, "a recipe is a list of `key: value` lines");
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(&r->document, p->value);
        if (!scalar(key)) return bad(r, root, "a key must be a word");
        const int code = set_key(r, key, value);
        if (code) return code;
    }
    return EXIT_OK;
}

int recipe_read(call *c, const char *path)
{
    reader r = { .call = c, .path = path };
    yaml_parser_t parser;
    FILE *file = fopen(path, "rb");
    if (!file) return complain(EXIT_FILES, "cannot open %s: %s", path, strerror(errno));
    if (!yaml_parser_initialize(&parser)) {
        fclose(file);
        return complain(EXIT_MEMORY, "out of memory");
    }
    yaml_parser_set_input_file(&parser, file);
    int code;
    if (yaml_parser_load(&parser, &r.document)) {
        code = read_pairs(&r);
        yaml_document_delete(&r.document);
    } else {
        code = complain(EXIT_USAGE, "%s:%zu:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                        parser.problem_mark.column + 1, parser.problem ? parser.problem : "?");
    }
    yaml_parser_delete(&parser);
    fclose(file);
    return code;
}
