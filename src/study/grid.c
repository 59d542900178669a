/* grid - the product of axes and seeds: for each point the recipe that the study comes to there. */
#include "study/study.h"
#include <string.h>

enum { MAX_VARIABLES = 128, MAX_NESTING = 8, NAME_BYTES = 72 };

/* What {…} may stand for, and what the keys are, at one point of the grid. */
typedef struct point {
    const char *variable[MAX_VARIABLES], *value[MAX_VARIABLES];
    int n_variables;
    const study_key *key[MAX_VARIABLES]; /* of train; a later one of the same name replaces it */
    const study_axis *from[MAX_VARIABLES];
    int n_keys;
} point;

/* ---- What a point says ---- */
static rondo_status add_key(point *p, const study_key *key, const study_axis *from)
{
    int i = 0;
    while (i < p->n_keys && strcmp(p->key[i]->key, key->key) != 0) i++;
    if (i < p->n_keys && from && p->from[i])
        return rondo_fail(RONDO_E_ARG, "vary: both %s and %s say what %s is", p->from[i]->name,
                          from->name, key->key);
    if (i == MAX_VARIABLES) return rondo_fail(RONDO_E_LIMIT, "too many keys");
    p->key[i] = key;
    p->from[i] = from;
    if (i == p->n_keys) p->n_keys++;
    return RONDO_OK;
}

static rondo_status add_variable(point *p, const char *name, const char *text)
{
    if (p->n_variables == MAX_VARIABLES)
        return rondo_fail(RONDO_E_LIMIT, "more than %d placeholders", MAX_VARIABLES);
    p->variable[p->n_variables] = name;
    p->value[p->n_variables++] = text;
    return RONDO_OK;
}

static bool is_train_key(const char *name)
{
    return rondo_recipe_find("train", name) != NULL;
}

/* What {axis} stands for: the label, or what the label is short for. */
static const char *text_of_axis(const study_axis *a, const study_value *v)
{
    for (int k = 0; k < v->brings.n; k++)
        if (strcmp(v->brings.items[k].key, a->name) == 0) return v->brings.items[k].text;
    return v->label;
}

/* own[axis]: the key that a plain value of an axis named like one of train's is. */
static rondo_status gather(point *p, const rondo_study *s, const int *at, study_key *own)
{
    *p = (point){ 0 };
    for (int i = 0; i < s->keys.n; i++) RONDO_TRY(add_key(p, &s->keys.items[i], NULL));
    for (int i = 0; i < s->n_axes; i++) {
        const study_axis *a = &s->axes[i];
        const study_value *v = &a->values[at[i]];
        RONDO_TRY(add_variable(p, a->name, text_of_axis(a, v)));
        const rondo_recipe_key *row = v->brings.n ? NULL : rondo_recipe_find("train", a->name);
        if (row) {
            own[i] = (study_key){ (char *)row->name, v->label, v->folder };
            RONDO_TRY(add_key(p, &own[i], a));
        }
        for (int k = 0; k < v->brings.n; k++) {
            const study_key *key = &v->brings.items[k];
            if (is_train_key(key->key))
                RONDO_TRY(add_key(p, key, a));
            else if (strcmp(key->key, a->name) != 0)
                RONDO_TRY(add_variable(p, key->key, key->text));
        }
    }
    for (int i = 0; i < s->overrides.n; i++) RONDO_TRY(add_key(p, &s->overrides.items[i], NULL));
    return RONDO_OK;
}

/* ---- Placeholders ---- */
static rondo_status fail_placeholder(const point *p, const char *key, const char *name, size_t n)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)n, name);
    const char *near = name_nearest(word, p->n_variables, p->variable);
    return rondo_fail(RONDO_E_NAME, "%s: there is no axis for {%s}%s%s%s", key, word,
                      near ? "; did you mean {" : "; name it under vary", near ? near : "",
                      near ? "}?" : "");
}

/* The text with one layer of {name} replaced; *more: there was one. */
static rondo_status replace(text_buffer *out, const point *p, const char *key, const char *text,
                            bool *more)
{
    *more = false;
    while (*text) {
        const size_t plain = strcspn(text, "{");
        text_put(out, text, plain);
        text += plain;
        if (!*text) break;
        const size_t n = strcspn(text + 1, "}");
        if (!text[1 + n])
            return rondo_fail(RONDO_E_ARG, "%s: the { in \"%s\" is not closed", key, text);
        int i = 0;
        while (i < p->n_variables &&
               (strncmp(p->variable[i], text + 1, n) != 0 || p->variable[i][n]))
            i++;
        if (i == p->n_variables) return fail_placeholder(p, key, text + 1, n);
        text_put(out, p->value[i], strlen(p->value[i]));
        *more = true;
        text += n + 2;
    }
    text_put(out, "", 0);
    return out->status;
}

static rondo_status substitute(char **out, const point *p, const char *key, const char *text)
{
    char *now = alloc_text(text);
    bool more = true;
    rondo_status status = now ? RONDO_OK : RONDO_E_NOMEM;
    for (int depth = 0; !status && more; depth++) {
        text_buffer next = { 0 };
        status = depth < MAX_NESTING
                     ? replace(&next, p, key, now, &more)
                     : rondo_fail(RONDO_E_ARG, "%s: the placeholders of \"%s\" go in a circle", key,
                                  text);
        alloc_free(now);
        now = next.data;
    }
    if (status) {
        alloc_free(now);
        now = NULL;
    }
    *out = now;
    return status;
}

/* ---- The runs ---- */
/* What says nothing about what comes out. */
static bool is_circumstance(const char *key)
{
    static const char *const keys[] = { "output", "threads", "quiet",
                                        "json",   "fresh",   "checkpoint_seconds" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

/* Sets the key, and adds it to what the run's digest is of. */
static rondo_status set_key(study_run *run, const point *p, const study_key *key, char *digest_of[])
{
    int n;
    char *text, *placed = NULL, *whole = NULL;
    const rondo_recipe_key *row = rondo_recipe_find("train", key->key);
    const int i = (int)(row - rondo_recipe_keys(&n));
    RONDO_TRY(substitute(&text, p, key->key, key->text));
    rondo_status status = path_place(&placed, row, text, key->folder, false);
    if (!status) status = rondo_recipe_set(run->recipe, "train", key->key, placed);
    if (!status) status = path_place(&whole, row, placed, NULL, true);
    if (!status && !is_circumstance(row->name))
        digest_of[i] = alloc_format("%s=%s\n", row->name, whole);
    alloc_free(whole);
    alloc_free(placed);
    alloc_free(text);
    return status;
}

/* "lstm-tanh-JSB-0", of letters that every file system takes. */
static void make_title(char title[NAME_BYTES], const rondo_study *s, const study_run *run)
{
    size_t n = 0;
    for (int i = 0; i < s->n_axes; i++) {
        for (const char *c = s->axes[i].values[run->at[i]].label; *c && n + 24 < NAME_BYTES; c++) {
            const bool good = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._+",
                                     *c) != NULL;
            if (good)
                title[n++] = *c;
            else if (n && title[n - 1] != '_')
                title[n++] = '_';
        }
        title[n++] = '-';
    }
    snprintf(title + n, NAME_BYTES - n, "%llu", (unsigned long long)run->seed);
}

static rondo_status name_run(const rondo_study *s, study_run *run, char *const digest_of[], int n)
{
    char title[NAME_BYTES], digest[65];
    text_buffer all = { 0 };
    for (int i = 0; i < n; i++)
        if (digest_of[i]) text_put(&all, digest_of[i], strlen(digest_of[i]));
    text_put(&all, "", 0);
    if (all.status) return all.status;
    sha256_text(digest, all.data, all.size);
    text_free(&all);
    make_title(title, s, run);
    const char *known = json_string_value(json_array_get(s->names, (size_t)(run - s->runs)));
    run->name = known ? alloc_text(known) : alloc_format("%s-%.8s", title, digest);
    run->folder = run->name ? alloc_format("%s/runs/%s", s->folder, run->name) : NULL;
    if (!run->folder) return RONDO_E_NOMEM;
    return rondo_recipe_set(run->recipe, "train", "output", run->folder);
}

static rondo_status make_run(const rondo_study *s, study_run *run)
{
    point p;
    study_key own[MAX_AXES], seed;
    char number[32];
    int n;
    rondo_recipe_keys(&n);
    char **digest_of = alloc_array(n + 1, sizeof *digest_of);
    run->recipe = rondo_recipe_new();
    if (!digest_of || !run->recipe) return RONDO_E_NOMEM;
    rondo_status status = gather(&p, s, run->at, own);
    snprintf(number, sizeof number, "%llu", (unsigned long long)run->seed);
    seed = (study_key){ "seed", number, NULL };
    if (!status) status = add_key(&p, &seed, NULL);
    for (int i = 0; i < p.n_keys && !status; i++) status = set_key(run, &p, p.key[i], digest_of);
    if (!status) status = name_run(s, run, digest_of, n);
    for (int i = 0; i < n; i++) alloc_free(digest_of[i]);
    alloc_free(digest_of);
    return status;
}

/* An axis must change something: be a key, bring some, or stand in a text. */
static bool names(const char *text, const char *axis_name)
{
    char braced[80];
    snprintf(braced, sizeof braced, "{%s}", axis_name);
    return strstr(text, braced) != NULL;
}

static bool stands_in(const study_keys *keys, const char *axis_name)
{
    for (int i = 0; i < keys->n; i++)
        if (names(keys->items[i].text, axis_name)) return true;
    return false;
}

static bool overridden(const rondo_study *s, const char *key)
{
    for (int i = 0; i < s->overrides.n; i++)
        if (strcmp(s->overrides.items[i].key, key) == 0) return true;
    return false;
}

/* What each run has of its own, or what says nothing about what comes out, cannot be varied. */
static rondo_status check_varied(const char *name, const char *axis)
{
    const rondo_recipe_key *row = rondo_recipe_find("train", name);
    if (!row) return RONDO_OK;
    if (strcmp(row->name, "seed") == 0)
        return rondo_fail(RONDO_E_ARG,
                          "vary: %s says what seed is; say seeds: 5, or seeds: [1, 2, 3], or "
                          "--seeds 1,2,3",
                          axis);
    if (strcmp(row->name, "output") == 0)
        return rondo_fail(RONDO_E_ARG,
                          "vary: %s says what output is; each run has a directory of its own; say "
                          "output: DIR beside vary, or -o DIR",
                          axis);
    if (is_circumstance(row->name))
        return rondo_fail(RONDO_E_ARG,
                          "vary: %s says what %s is, on which no result depends; say it beside "
                          "vary, or as --%s",
                          axis, row->name, row->name);
    return RONDO_OK;
}

static rondo_status check_axis(const rondo_study *s, const study_axis *a)
{
    RONDO_TRY(check_varied(a->name, a->name));
    for (int k = 0; k < a->n; k++)
        for (int i = 0; i < a->values[k].brings.n; i++)
            RONDO_TRY(check_varied(a->values[k].brings.items[i].key, a->name));
    bool used = is_train_key(a->name) || stands_in(&s->overrides, a->name);
    for (int i = 0; i < s->keys.n && !used; i++)
        used = names(s->keys.items[i].text, a->name) && !overridden(s, s->keys.items[i].key);
    for (int i = 0; i < s->n_axes && !used; i++)
        for (int k = 0; k < s->axes[i].n && !used; k++)
            used = names(s->axes[i].values[k].label, a->name) ||
                   stands_in(&s->axes[i].values[k].brings, a->name);
    for (int k = 0; k < a->n && !used; k++) used = a->values[k].brings.n > 0;
    if (used) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "vary: %s changes nothing: it is no key of train, and {%s} stands nowhere in "
                      "the recipe",
                      a->name, a->name);
}

/* An axis whose values are other data: what is compared is compared on each of them. */
static void find_data_axes(rondo_study *s)
{
    for (int i = 0; i < s->n_axes; i++) {
        study_axis *a = &s->axes[i];
        a->chooses_data = strcmp(a->name, "data") == 0;
        for (int k = 0; k < s->keys.n; k++)
            if (strcmp(s->keys.items[k].key, "data") == 0 && names(s->keys.items[k].text, a->name))
                a->chooses_data = true;
        for (int k = 0; k < a->n; k++)
            for (int j = 0; j < a->values[k].brings.n; j++)
                if (strcmp(a->values[k].brings.items[j].key, "data") == 0) a->chooses_data = true;
    }
}

static rondo_status count_runs(const rondo_study *s, int64_t *total)
{
    *total = s->n_seeds;
    for (int i = 0; i < s->n_axes; i++) {
        RONDO_TRY(check_axis(s, &s->axes[i]));
        *total *= s->axes[i].n;
        if (*total > MAX_RUNS)
            return rondo_fail(RONDO_E_LIMIT, "the grid has over %d runs", MAX_RUNS);
    }
    return RONDO_OK;
}

void study_describe(char *text, size_t size, const rondo_study *s, const study_run *run)
{
    size_t n = 0;
    *text = 0;
    for (int i = 0; i < s->n_axes && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
                              s->axes[i].values[run->at[i]].label);
}

rondo_status grid_make(rondo_study *s)
{
    char where[256];
    int64_t total;
    if (s->n_seeds == 0) RONDO_TRY(rondo_study_seed(s, 0));
    RONDO_TRY(count_runs(s, &total));
    find_data_axes(s);
    s->runs = alloc_array(total, sizeof *s->runs);
    if (!s->runs) return RONDO_E_NOMEM;
    s->n_runs = (int)total;
    for (int r = 0; r < s->n_runs; r++) {
        study_run *run = &s->runs[r];
        int rest = r;
        for (int i = s->n_axes - 1; i >= 0; i--) {
            run->at[i] = rest % s->axes[i].n;
            rest /= s->axes[i].n;
        }
        run->seed = s->seeds[rest];
        study_describe(where, sizeof where, s, run);
        const rondo_status status = make_run(s, run);
        if (status) return *where ? rondo_fail_in(status, "%s", where) : status;
    }
    return RONDO_OK;
}

void grid_free(rondo_study *s)
{
    for (int i = 0; i < s->n_runs; i++) {
        study_run *run = &s->runs[i];
        rondo_recipe_free(run->recipe);
        json_decref(run->facts);
        alloc_free(run->name);
        alloc_free(run->folder);
        alloc_free(run->why);
    }
    alloc_free(s->runs);
    s->runs = NULL;
    s->n_runs = 0;
}
