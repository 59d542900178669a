/* study - its definition: built call by call, kept as study.json. */
#include "study/study.h"
#include <stdlib.h>
#include <string.h>

rondo_study *rondo_study_new(void)
{
    return alloc_new(sizeof(rondo_study));
}

/* ---- Keys ---- */
static void free_keys(study_keys *keys)
{
    for (int i = 0; i < keys->n; i++) {
        alloc_free(keys->items[i].key);
        alloc_free(keys->items[i].text);
        alloc_free(keys->items[i].folder);
    }
    alloc_free(keys->items);
    *keys = (study_keys){ 0 };
}

static study_key *find_key(const study_keys *keys, const char *key)
{
    for (int i = 0; i < keys->n; i++)
        if (strcmp(keys->items[i].key, key) == 0) return &keys->items[i];
    return NULL;
}

static rondo_status put_key(study_keys *keys, const char *key, const char *text, const char *folder)
{
    study_key *there = find_key(keys, key);
    if (!there) {
        study_key *grown = alloc_grow(keys->items, (size_t)(keys->n + 1) * sizeof *grown);
        if (!grown) return RONDO_E_NOMEM;
        keys->items = grown;
        there = &grown[keys->n++];
        *there = (study_key){ 0 };
        there->key = alloc_text(key);
    }
    alloc_free(there->text);
    alloc_free(there->folder);
    there->text = alloc_text(text);
    there->folder = alloc_text(folder);
    return there->key && there->text && (!folder || there->folder) ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status put_train_key(study_keys *keys, const char *key, const char *text,
                                  const char *folder)
{
    const rondo_recipe_key *row = rondo_recipe_find("train", key);
    if (!row) return RONDO_E_NAME;
    return put_key(keys, row->name, text, folder);
}

rondo_status rondo_study_set(rondo_study *s, const char *key, const char *text, const char *folder)
{
    return put_train_key(&s->keys, key, text, folder);
}

rondo_status rondo_study_override(rondo_study *s, const char *key, const char *text)
{
    return put_train_key(&s->overrides, key, text, NULL);
}

/* ---- Axes ---- */
const study_axis *study_find_axis(const rondo_study *s, const char *name)
{
    for (int i = 0; i < s->n_axes; i++)
        if (strcmp(s->axes[i].name, name) == 0) return &s->axes[i];
    return NULL;
}

bool rondo_study_has_axis(const rondo_study *s, const char *name)
{
    return study_find_axis(s, name) != NULL;
}

static void free_axis(study_axis *a)
{
    for (int i = 0; i < a->n; i++) {
        alloc_free(a->values[i].label);
        alloc_free(a->values[i].folder);
        free_keys(&a->values[i].brings);
    }
    alloc_free(a->values);
    alloc_free(a->name);
    *a = (study_axis){ 0 };
}

static rondo_status check_axis_name(const char *name)
{
    const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_");
    if (n > 0 && !name[n] && n < 64) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "an axis is called \"%s\"; its name has letters, digits and _ only, as {%s} "
                      "in the recipe stands for its value",
                      name, n ? "name" : "cell");
}

rondo_status rondo_study_vary(rondo_study *s, const char *name, const char *label,
                              const char *folder)
{
    study_axis *a = (study_axis *)study_find_axis(s, name);
    if (!a) {
        RONDO_TRY(check_axis_name(name));
        if (s->n_axes == MAX_AXES) return rondo_fail(RONDO_E_LIMIT, "more than %d axes", MAX_AXES);
        a = &s->axes[s->n_axes];
        if (!(a->name = alloc_text(name))) return RONDO_E_NOMEM;
        s->n_axes++;
    }
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->values[i].label, label) == 0)
            return rondo_fail(RONDO_E_ARG, "vary: %s has the value \"%s\" twice", name, label);
    study_value *grown = alloc_grow(a->values, (size_t)(a->n + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    a->values = grown;
    study_value *v = &a->values[a->n++];
    *v = (study_value){ .label = alloc_text(label), .folder = alloc_text(folder) };
    return v->label && (!folder || v->folder) ? RONDO_OK : RONDO_E_NOMEM;
}

rondo_status rondo_study_bring(rondo_study *s, const char *key, const char *text,
                               const char *folder)
{
    if (s->n_axes == 0 || s->axes[s->n_axes - 1].n == 0)
        return rondo_fail(RONDO_E_STATE, "no value of an axis to bring %s", key);
    study_axis *a = &s->axes[s->n_axes - 1];
    study_value *v = &a->values[a->n - 1];
    const rondo_recipe_key *row = rondo_recipe_find("train", key);
    if (row) key = row->name;
    if (find_key(&v->brings, key))
        return rondo_fail(RONDO_E_ARG, "vary: %s of %s says twice what %s is", v->label, a->name,
                          key);
    return put_key(&v->brings, key, text, folder);
}

void rondo_study_drop(rondo_study *s, const char *name)
{
    study_axis *a = (study_axis *)study_find_axis(s, name);
    if (!a) return;
    free_axis(a);
    memmove(a, a + 1, (size_t)(&s->axes[s->n_axes] - (a + 1)) * sizeof *a);
    s->axes[--s->n_axes] = (study_axis){ 0 };
}

rondo_status rondo_study_seed(rondo_study *s, uint64_t seed)
{
    for (int i = 0; i < s->n_seeds; i++)
        if (s->seeds[i] == seed)
            return rondo_fail(RONDO_E_ARG, "the seed %llu comes twice", (unsigned long long)seed);
    uint64_t *grown = alloc_grow(s->seeds, (size_t)(s->n_seeds + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    s->seeds = grown;
    s->seeds[s->n_seeds++] = seed;
    return RONDO_OK;
}

rondo_status rondo_study_measure(rondo_study *s, const char *name, const char *better)
{
    if (better && strcmp(better, "higher") != 0 && strcmp(better, "lower") != 0)
        return rondo_fail(RONDO_E_ARG, "better is \"%s\"; it is higher or lower", better);
    if (!*name || strchr(name, '/'))
        return rondo_fail(RONDO_E_ARG, "measure: \"%s\" is no score's name, as test_accuracy is",
                          name);
    for (int i = 0; i < s->n_measures; i++)
        if (strcmp(s->measures[i].name, name) == 0)
            return rondo_fail(RONDO_E_ARG, "measure: %s comes twice", name);
    if (s->n_measures == MAX_MEASURES)
        return rondo_fail(RONDO_E_LIMIT, "more than %d measures", MAX_MEASURES);
    study_measure *m = &s->measures[s->n_measures];
    m->higher = better ? *better == 'h' : !strcmp(name, "reached") || metric_higher_is_better(name);
    if (!(m->name = alloc_text(name))) return RONDO_E_NOMEM;
    s->n_measures++;
    return RONDO_OK;
}

rondo_status rondo_study_compare(rondo_study *s, const char *name)
{
    const char *names[MAX_AXES];
    study_axis *a = (study_axis *)study_find_axis(s, name);
    if (a) {
        a->compared = true;
        return RONDO_OK;
    }
    for (int i = 0; i < s->n_axes; i++) names[i] = s->axes[i].name;
    const char *near = name_nearest(name, s->n_axes, names);
    return rondo_fail(RONDO_E_NAME, "compare: no axis is called \"%s\"%s%s%s", name,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

rondo_status rondo_study_command(rondo_study *s, const char *command)
{
    alloc_free(s->command);
    s->command = alloc_text(command);
    return s->command ? RONDO_OK : RONDO_E_NOMEM;
}

void rondo_study_free(rondo_study *s)
{
    if (!s) return;
    grid_free(s);
    free_keys(&s->keys);
    free_keys(&s->overrides);
    for (int i = 0; i < s->n_axes; i++) free_axis(&s->axes[i]);
    for (int i = 0; i < s->n_measures; i++) alloc_free(s->measures[i].name);
    json_decref(s->names);
    alloc_free(s->seeds);
    alloc_free(s->command);
    alloc_free(s->folder);
    alloc_free(s);
}

/* ---- study.json ---- */
static json_t *keys_to_json(const study_keys *keys)
{
    json_t *list = json_array();
    for (int i = 0; i < keys->n; i++) {
        const study_key *k = &keys->items[i];
        json_array_append_new(list, json_pack("[s, s, s?]", k->key, k->text, k->folder));
    }
    return list;
}

static json_t *axis_to_json(const study_axis *a)
{
    json_t *values = json_array();
    for (int i = 0; i < a->n; i++)
        json_array_append_new(values, json_pack("{s:s, s:s*, s:o}", "label", a->values[i].label,
                                                "folder", a->values[i].folder, "brings",
                                                keys_to_json(&a->values[i].brings)));
    return json_pack("{s:s, s:b, s:o}", "name", a->name, "compared", a->compared, "values", values);
}

static json_t *to_json(const rondo_study *s)
{
    json_t *axes = json_array(), *seeds = json_array(), *measures = json_array();
    json_t *runs = json_array();
    for (int i = 0; i < s->n_runs; i++) json_array_append_new(runs, json_string(s->runs[i].name));
    for (int i = 0; i < s->n_axes; i++) json_array_append_new(axes, axis_to_json(&s->axes[i]));
    for (int i = 0; i < s->n_seeds; i++)
        json_array_append_new(seeds, json_integer((json_int_t)s->seeds[i]));
    for (int i = 0; i < s->n_measures; i++)
        json_array_append_new(measures,
                              json_pack("{s:s, s:s}", "name", s->measures[i].name, "better",
                                        s->measures[i].higher ? "higher" : "lower"));
    return json_pack("{s:i, s:s, s:s?, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
                     STUDY_VERSION, "rondo", rondo_version(), "command", s->command, "seconds",
                     s->seconds, "keys", keys_to_json(&s->keys), "overrides",
                     keys_to_json(&s->overrides), "axes", axes, "seeds", seeds, "measures",
                     measures, "runs", runs);
}

rondo_status study_save(const rondo_study *s)
{
    char *path = file_join(s->folder, "study.json");
    json_t *all = to_json(s);
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
    const rondo_status status = path && text ? file_write_all(path, text, strlen(text))
                                             : rondo_fail(RONDO_E_NOMEM, "out of memory");
    free(text);
    json_decref(all);
    alloc_free(path);
    return status;
}

static rondo_status keys_from_json(study_keys *keys, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *key = json_string_value(json_array_get(item, 0));
        const char *text = json_string_value(json_array_get(item, 1));
        if (!key || !text) return rondo_fail(RONDO_E_FORMAT, "a key without a text");
        RONDO_TRY(put_key(keys, key, text, json_string_value(json_array_get(item, 2))));
    }
    return RONDO_OK;
}

static rondo_status axis_from_json(rondo_study *s, const json_t *from)
{
    const char *name, *label;
    json_t *values, *item;
    size_t i;
    RONDO_TRY(json_want_text(from, "name", &name));
    RONDO_TRY(json_want_array(from, "values", &values));
    json_array_foreach (values, i, item) {
        RONDO_TRY(json_want_text(item, "label", &label));
        RONDO_TRY(
            rondo_study_vary(s, name, label, json_string_value(json_object_get(item, "folder"))));
        study_axis *a = (study_axis *)study_find_axis(s, name);
        a->compared = json_is_true(json_object_get(from, "compared"));
        RONDO_TRY(keys_from_json(&a->values[a->n - 1].brings, json_object_get(item, "brings")));
    }
    return RONDO_OK;
}

static rondo_status from_json(rondo_study *s, const json_t *all)
{
    int64_t version;
    json_t *axes, *seeds, *measures, *item;
    size_t i;
    RONDO_TRY(json_want_int(all, "version", &version));
    if (version > STUDY_VERSION)
        return rondo_fail(RONDO_E_FORMAT, "version %lld is newer than this program",
                          (long long)version);
    RONDO_TRY(keys_from_json(&s->keys, json_object_get(all, "keys")));
    RONDO_TRY(keys_from_json(&s->overrides, json_object_get(all, "overrides")));
    RONDO_TRY(json_want_array(all, "axes", &axes));
    json_array_foreach (axes, i, item) RONDO_TRY(axis_from_json(s, item));
    RONDO_TRY(json_want_array(all, "seeds", &seeds));
    json_array_foreach (seeds, i, item)
        RONDO_TRY(rondo_study_seed(s, (uint64_t)json_integer_value(item)));
    RONDO_TRY(json_want_array(all, "measures", &measures));
    json_array_foreach (measures, i, item) {
        const char *name, *better;
        RONDO_TRY(json_want_text(item, "name", &name));
        RONDO_TRY(json_want_text(item, "better", &better));
        RONDO_TRY(rondo_study_measure(s, name, better));
    }
    const char *command = json_string_value(json_object_get(all, "command"));
    s->names = json_incref(json_object_get(all, "runs"));
    s->seconds = json_number_value(json_object_get(all, "seconds"));
    return command ? rondo_study_command(s, command) : RONDO_OK;
}

rondo_status study_load(rondo_study **out, const char *folder)
{
    file_map map;
    json_t *all = NULL;
    rondo_study *s = rondo_study_new();
    char *path = file_join(folder, "study.json");
    rondo_status status = s && path && (s->folder = alloc_text(folder)) ? RONDO_OK : RONDO_E_NOMEM;
    if (!status && !file_exists(path))
        status = rondo_fail(RONDO_E_IO, "%s holds no study (there is no study.json)", folder);
    if (!status) status = file_map_open(&map, path);
    if (!status) {
        status = json_read(&all, (const char *)map.data, map.size, path);
        file_map_close(&map);
    }
    if (!status) status = rondo_fail_in(from_json(s, all), "%s", path);
    json_decref(all);
    alloc_free(path);
    if (status)
        rondo_study_free(s);
    else
        *out = s;
    return status;
}
