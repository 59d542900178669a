/* recipe - a YAML file of the keys that are options, too. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    call *call;
    rondo_study *study; /* NULL: the recipe of one run */
    const char *path;
    char *folder; /* of the recipe; "" where we are */
    yaml_document_t document;
    const rondo_recipe_key *seen[MAX_OPTIONS];
    int n_seen;
} reader;

static int read_pairs(reader *, const yaml_node_t *from,
                      int (*each)(reader *, const yaml_node_t *, const yaml_node_t *));

static const yaml_node_t *node(reader *r, yaml_node_item_t i)
{
    return yaml_document_get_node(&r->document, i);
}

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

/* Adds an item to a list joined as the key wants it, with its name where it has one; takes both texts. */
static char *join_text(char *list, const char *name, char *item, const char *join)
{
    const size_t room = (list ? strlen(list) : 0) + strlen(join) + (name ? strlen(name) : 0) +
                        (item ? strlen(item) : 0) + 2;
    char *longer = list && item ? malloc(room) : NULL;
    if (longer)
        snprintf(longer, room, "%s%s%s%s%s", list, *list ? join : "", name ? name : "",
                 name ? "=" : "", item);
    free(list);
    free(item);
    return longer;
}

/* The value as one text: a scalar, a list, or names with files: "a=FILE; b=FILE"; free() it. */
static char *text_of(reader *r, const yaml_node_t *n, const rondo_recipe_key *key)
{
    if (scalar(n)) return strdup(scalar(n));
    char *text = strdup("");
    if (n->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
            text = join_text(text, scalar(node(r, p->key)), strdup(scalar(node(r, p->value))),
                             key->join);
        return text;
    }
    for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
        text = join_text(text, NULL, strdup(scalar(node(r, *i))), key->join);
    return text;
}

static bool fits(reader *r, const yaml_node_t *n, const rondo_recipe_key *key)
{
    if (scalar(n)) return true;
    if (!*key->join) return false;
    if (n->type == YAML_MAPPING_NODE) {
        if (!rondo_recipe_is_path(key)) return false;
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
            if (!scalar(node(r, p->key)) || !scalar(node(r, p->value))) return false;
        return true;
    }
    for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
        if (!scalar(node(r, *i))) return false;
    return true;
}

/* A rondo_status of the last call as the exit code, with the line. */
static int told(const reader *r, const yaml_node_t *n, rondo_status status)
{
    if (status == RONDO_E_NOMEM) return complain(EXIT_MEMORY, "out of memory");
    return status ? bad(r, n, rondo_error()) : EXIT_OK;
}

static int set_key(reader *r, const yaml_node_t *name, const yaml_node_t *n)
{
    const char *verb = r->study ? "study" : "train";
    const rondo_recipe_key *key = rondo_recipe_find(verb, scalar(name));
    if (!key) return bad(r, name, rondo_error());
    const bool own = !r->study || !rondo_recipe_find("train", key->name) ||
                     strcmp(key->name, "output") == 0;
    for (int i = 0; i < r->n_seen; i++)
        if (r->seen[i] == key) return bad(r, name, "this key comes twice");
    if (r->n_seen < MAX_OPTIONS) r->seen[r->n_seen++] = key;
    if (is_null(n)) return EXIT_OK;
    if (!fits(r, n, key)) return bad(r, n, "expected one value here, as in `epochs: 10`");
    if (r->study && strcmp(key->name, "seed") == 0)
        return bad(r, name, "a study has seeds, as in `seeds: 5` or `seeds: [1, 2, 3]`");
    char *text = text_of(r, n, key), *placed = NULL;
    rondo_status status = text ? RONDO_OK : RONDO_E_NOMEM;
    if (!status && own) status = rondo_recipe_place(&placed, key, text, r->folder);
    if (!status) /* a study's paths are placed when {…} in them are known */
        status = own ? rondo_recipe_set(r->call->recipe, verb, key->name, placed)
                     : rondo_study_set(r->study, key->name, text, r->folder);
    free(placed);
    free(text);
    return told(r, n, status);
}

/* ---- The axes of a study ---- */
static int bring(reader *r, const yaml_node_t *name, const yaml_node_t *n)
{
    static const rondo_recipe_key plain = { .join = "" };
    const rondo_recipe_key *key = rondo_recipe_find("train", scalar(name));
    if (!key) key = &plain;
    if (!fits(r, n, key)) return bad(r, n, "expected one value here, as in `lr: 0.01`");
    char *text = text_of(r, n, key);
    const rondo_status status = text ? rondo_study_bring(r->study, scalar(name), text, r->folder)
                                     : RONDO_E_NOMEM;
    free(text);
    return told(r, n, status);
}

/* label: {key: text …}, or label: text, which {axis} then stands for. */
static int add_value(reader *r, const yaml_node_t *axis, const yaml_node_t *label,
                     const yaml_node_t *n)
{
    if (!scalar(label)) return bad(r, axis, "a value of an axis must be a word");
    const int code = told(r, label,
                          rondo_study_vary(r->study, scalar(axis), scalar(label), r->folder));
    if (code || !n || is_null(n)) return code;
    if (scalar(n)) return bring(r, axis, n);
    if (n->type == YAML_MAPPING_NODE) return read_pairs(r, n, bring);
    return bad(r, n, "expected keys of this value, as in `JSB: {data: jsb.jsonl}`");
}

static int add_axis(reader *r, const yaml_node_t *name, const yaml_node_t *n)
{
    if (rondo_study_has_axis(r->study, scalar(name))) return bad(r, name, "this axis comes twice");
    int code = EXIT_OK;
    if (scalar(n)) return add_value(r, name, n, NULL);
    if (n->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
             !code && p < n->data.mapping.pairs.top; p++)
            code = add_value(r, name, node(r, p->key), node(r, p->value));
        return code;
    }
    for (yaml_node_item_t *i = n->data.sequence.items.start;
         !code && i < n->data.sequence.items.top; i++)
        code = add_value(r, name, node(r, *i), NULL);
    return code;
}

static int set_study_key(reader *r, const yaml_node_t *name, const yaml_node_t *n)
{
    if (!r->study || strcmp(scalar(name), "vary") != 0) return set_key(r, name, n);
    if (n->type != YAML_MAPPING_NODE)
        return bad(r, n, "expected axes here, as in `vary: {cell: [lstm, gru]}`");
    return read_pairs(r, n, add_axis);
}

static int read_pairs(reader *r, const yaml_node_t *from,
                      int (*each)(reader *, const yaml_node_t *, const yaml_node_t *))
{
    for (yaml_node_pair_t *p = from->data.mapping.pairs.start; p < from->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = node(r, p->key);
        if (!scalar(key)) return bad(r, from, "a key must be a word");
        const int code = each(r, key, node(r, p->value));
        if (code) return code;
    }
    return EXIT_OK;
}

static int read_root(reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (!root) return complain(EXIT_USAGE, "%s: the recipe is empty", r->path);
    if (root->type != YAML_MAPPING_NODE)
        return bad(r, root, "a recipe is a list of `key: value` lines");
    return read_pairs(r, root, set_study_key);
}

bool is_recipe(const char *word)
{
    const char *dot = strrchr(word, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

int recipe_read(call *c, rondo_study *study, const char *path)
{
    reader r = { .call = c, .study = study, .path = path };
    const char *slash = strrchr(path, '/');
    yaml_parser_t parser;
    if (!is_recipe(path))
        return complain(EXIT_USAGE,
                        "\"%s\" is no recipe (FILE.yaml); data are given with --data %s", path,
                        path);
    FILE *file = fopen(path, "rb");
    if (!file) return complain(EXIT_FILES, "cannot open %s: %s", path, strerror(errno));
    r.folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!r.folder || !yaml_parser_initialize(&parser)) {
        free(r.folder);
        fclose(file);
        return complain(EXIT_MEMORY, "out of memory");
    }
    yaml_parser_set_input_file(&parser, file);
    int code;
    if (yaml_parser_load(&parser, &r.document)) {
        code = read_root(&r);
        yaml_document_delete(&r.document);
    } else {
        code = complain(EXIT_USAGE, "%s:%zu:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                        parser.problem_mark.column + 1, parser.problem ? parser.problem : "?");
    }
    yaml_parser_delete(&parser);
    free(r.folder);
    fclose(file);
    return code;
}
