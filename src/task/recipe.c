/* recipe - keys and values.  Ours are in the table below; readers and optimizers bring their own. */
#include "task/task.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 160 };
static const struct {
    const char *alias, *key;
} aliases[] = {
    { "lr", "learning_rate" },
    { "batch_size", "batch" },
    { "o", "output" },
};

static struct {
    rondo_recipe_key keys[MAX_KEYS];
    option_type types[MAX_KEYS];
    key_source sources[MAX_KEYS];
    int n;
} table;

static int find_key(const char *name)
{
    for (int i = 0; i < table.n; i++)
        if (strcmp(table.keys[i].name, name) == 0) return i;
    return -1;
}

/* A default that not all who have the option share is nobody's to show. */
static void forget_default(rondo_recipe_key *known, const char *initial)
{
    if (known->initial && (!initial || strcmp(known->initial, initial) != 0)) known->initial = NULL;
}

static void add_key(const rondo_recipe_key *key, option_type type, key_source from)
{
    if (find_key(key->name) >= 0) return;
    assert(table.n < MAX_KEYS); /* the tables are ours; a test finds every option of theirs */
    table.keys[table.n] = *key;
    table.types[table.n] = type;
    table.sources[table.n++] = from;
}

static void add_fields(const option_table *fields, key_source from, const char *verbs)
{
    static const char *const arguments[] = {
        [OPTION_INT] = "N", [OPTION_REAL] = "X", [OPTION_BOOL] = NULL, [OPTION_TEXT] = "TEXT"
    };
    for (int i = 0; i < fields->n; i++) {
        const option_field *f = &fields->fields[i];
        const rondo_recipe_key key = {
            f->name, arguments[f->type], f->initial, f->help, verbs, ","
        };
        const int known = find_key(f->name);
        if (known >= 0 && table.sources[known] == from)
            forget_default(&table.keys[known], f->initial);
        add_key(&key, f->type, from);
    }
}

static void build_table(void)
{
    int n;
    const own_key *own = recipe_own_keys(&n);
    for (int i = 0; i < n; i++)
        add_key(&own[i].key, own[i].type,
                strcmp(own[i].key.name, "format") == 0 ? KEY_READER : KEY_OWN);
    for (int i = 0; i < registry_count(REGISTRY_READER); i++)
        add_fields(&((const reader_row *)registry_at(REGISTRY_READER, i))->options, KEY_READER,
                   READS_DATA " tokenize");
    for (int i = 0; i < registry_count(REGISTRY_OPTIMIZER); i++)
        add_fields(&((const optimizer_row *)registry_at(REGISTRY_OPTIMIZER, i))->options,
                   KEY_OPTIMIZER, "train");
}

const rondo_recipe_key *rondo_recipe_keys(int *n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, build_table);
    *n = table.n;
    return table.keys;
}

static bool takes(const rondo_recipe_key *key, const char *verb)
{
    const size_t n = verb ? strlen(verb) : 0;
    if (n == 0) return true;
    if (strcmp(verb, "study") == 0 && takes(key, "train")) return true;
    if (strcmp(verb, "finetune") == 0 && takes(key, "train"))
        return strcmp(key->name, "model") != 0;
    for (const char *at = key->verbs; (at = strstr(at, verb)) != NULL; at += n)
        if ((at == key->verbs || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
    return false;
}

/* The names that the verb takes, for "did you mean". */
static void fail_key(const char *verb, const char *name, bool known)
{
    const char *names[MAX_KEYS];
    int n = 0;
    for (int i = 0; i < table.n; i++)
        if (takes(&table.keys[i], verb)) names[n++] = table.keys[i].name;
    const char *near = name_nearest(name, n, names);
    if (known)
        rondo_fail(RONDO_E_NAME, "%s takes no option %s; rondo %s --help lists what it takes", verb,
                   name, verb);
    else if (near)
        rondo_fail(RONDO_E_NAME, "unknown option %s; did you mean %s?", name, near);
    else
        rondo_fail(RONDO_E_NAME, "unknown option %s; rondo %s --help lists them", name,
                   verb ? verb : "train");
}

const rondo_recipe_key *rondo_recipe_find(const char *verb, const char *name)
{
    char plain[LIMIT_NAME];
    size_t length = 0;
    int n;
    rondo_recipe_keys(&n);
    for (; name[length] && length + 1 < sizeof plain; length++)
        plain[length] = name[length] == '-' ? '_' : name[length];
    plain[length] = 0;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(plain, aliases[i].alias) == 0) {
            memcpy(plain, aliases[i].key, strlen(aliases[i].key) + 1);
            break;
        }
    const int i = find_key(plain);
    if (i >= 0 && takes(&table.keys[i], verb)) return &table.keys[i];
    fail_key(verb, plain, i >= 0);
    return NULL;
}

/* ---- A recipe ---- */
struct rondo_recipe {
    char *values[MAX_KEYS];
};

rondo_recipe *rondo_recipe_new(void)
{
    return alloc_new(sizeof(rondo_recipe));
}

/* Of a key whose argument says "en|zh": one of these. */
static rondo_status check_choice(const rondo_recipe_key *key, const char *text)
{
    char **choices;
    int n;
    bool found = false;
    if (!strchr(key->argument, '|')) return RONDO_OK;
    RONDO_TRY(text_split(&choices, &n, key->argument, '|'));
    for (int i = 0; i < n; i++) found |= strcmp(choices[i], text) == 0;
    text_list_free(choices);
    if (found) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "%s is \"%s\", expected %s", key->name, text, key->argument);
}

const char *recipe_given(const rondo_recipe *r, const char *key)
{
    const int i = find_key(key);
    return i >= 0 ? r->values[i] : NULL;
}

/* What the recipe says of the i-th key, or its preset; NULL: neither. */
static const char *value_of(const rondo_recipe *r, int i)
{
    return r->values[i] ? r->values[i] : preset_value(r, table.keys[i].name);
}

/* The value must be one of its kind; the options code says what is wrong when it is not. */
static rondo_status check_value(const char *verb, int i, const char *text)
{
    union {
        int64_t integer;
        float number;
        bool flag;
        char *text;
    } slot = { 0 };
    if (table.types[i] == OPTION_TEXT) return check_choice(&table.keys[i], text);
    const option_field row = { table.keys[i].name, table.types[i], 0, NULL, NULL };
    const option_table one = { &row, 1 };
    return options_set(&one, &slot, verb ? verb : "recipe", row.name, text);
}

rondo_status rondo_recipe_set(rondo_recipe *r, const char *verb, const char *key, const char *text)
{
    if (!r || !key || !text) return rondo_fail(RONDO_E_ARG, "a recipe, a key and a value, please");
    const rondo_recipe_key *row = rondo_recipe_find(verb, key);
    if (!row) return RONDO_E_NAME;
    const int i = (int)(row - table.keys);
    RONDO_TRY(check_value(verb, i, text));
    char *copy = alloc_text(text);
    if (!copy) return RONDO_E_NOMEM;
    alloc_free(r->values[i]);
    r->values[i] = copy;
    return RONDO_OK;
}

const char *rondo_recipe_get(const rondo_recipe *r, const char *key)
{
    int n;
    rondo_recipe_keys(&n);
    const int i = find_key(key);
    return r && i >= 0 ? value_of(r, i) : NULL;
}

void rondo_recipe_free(rondo_recipe *r)
{
    if (!r) return;
    for (int i = 0; i < MAX_KEYS; i++) alloc_free(r->values[i]);
    alloc_free(r);
}

bool recipe_flag(const rondo_recipe *r, const char *key)
{
    const char *text = rondo_recipe_get(r, key);
    const option_field row = { key, OPTION_BOOL, 0, NULL, NULL };
    const option_table one = { &row, 1 };
    bool flag = false;
    return text && !options_set(&one, &flag, "rondo", key, text) && flag;
}

rondo_status recipe_int(const rondo_recipe *r, const char *key, int64_t initial, int64_t least,
                        int64_t *number)
{
    const char *text = rondo_recipe_get(r, key);
    *number = text ? strtoll(text, NULL, 10) : initial;
    if (*number < least)
        return rondo_fail(RONDO_E_ARG, "%s is %s; the least that makes sense is %lld", key, text,
                          (long long)least);
    return RONDO_OK;
}

rondo_status recipe_real(const rondo_recipe *r, const char *key, double initial, double *number)
{
    const char *text = rondo_recipe_get(r, key);
    *number = text ? strtod(text, NULL) : initial;
    if (!(*number >= 0))
        return rondo_fail(RONDO_E_ARG, "%s is %s; it cannot be negative", key, text);
    return RONDO_OK;
}

rondo_status recipe_spec(char **out, const rondo_recipe *r, key_source from, const char *first)
{
    *out = alloc_text(first ? first : "");
    for (int i = 0; *out && i < table.n; i++) {
        const char *text = value_of(r, i);
        if (!text || table.sources[i] != from) continue;
        const bool plain = *text && !strpbrk(text, " \t'\"();=");
        const char *quote = plain ? "" : strchr(text, '\'') ? "\"" : "'";
        char *longer = alloc_format("%s%s%s=%s%s%s", *out, **out ? " " : "", table.keys[i].name,
                                    quote, text, quote);
        alloc_free(*out);
        *out = longer;
    }
    return *out ? RONDO_OK : RONDO_E_NOMEM;
}

rondo_status recipe_groups(char ***names, int *n, const rondo_recipe *r)
{
    const char *by = rondo_recipe_get(r, "by");
    *names = NULL;
    *n = 0;
    if (!by && rondo_recipe_get(r, "groups"))
        return rondo_fail(RONDO_E_ARG, "groups without by: which of its columns? say --by COLUMN");
    if (!by) return RONDO_OK;
    RONDO_TRY(text_split(names, n, by, ','));
    rondo_status status = RONDO_OK;
    if (*n < 1 || *n > RONDO_MAX_BY)
        status = rondo_fail(RONDO_E_ARG, "by is \"%s\"; it names 1 to %d columns", by,
                            RONDO_MAX_BY);
    for (int i = 0; i < *n && !status; i++)
        for (int k = 0; k < i && !status; k++)
            if (strcmp((*names)[i], (*names)[k]) == 0)
                status = rondo_fail(RONDO_E_ARG, "by is \"%s\"; it names %s twice", by,
                                    (*names)[i]);
    if (!status) return RONDO_OK;
    text_list_free(*names);
    *names = NULL;
    return status;
}

json_t *recipe_to_json(const rondo_recipe *r)
{
    json_t *object = json_object();
    for (int i = 0; object && i < table.n; i++)
        if (value_of(r, i) && json_put(object, table.keys[i].name, json_string(value_of(r, i)))) {
            json_decref(object);
            return NULL;
        }
    return object;
}
