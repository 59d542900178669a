/* outcome - what a run left behind: its manifest says how it ended, its log how it came there. */
#include "study/study.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Its log ---- */
static int column_of(const char *line, const char *name)
{
    const size_t n = strlen(name);
    for (int i = 0;; i++) {
        const size_t size = strcspn(line, ",\n");
        if (size == n && strncmp(line, name, n) == 0) return i;
        if (line[size] != ',') return -1;
        line += size + 1;
    }
}

static double number_at(const char *line, int column)
{
    for (; column > 0; column--) {
        line += strcspn(line, ",\n");
        if (*line++ != ',') return NAN;
    }
    char *end;
    const double number = strtod(line, &end);
    return end == line ? NAN : number;
}

double *outcome_curve(const study_run *run, const char *name, int *n)
{
    file_map map;
    double *curve = NULL;
    *n = 0;
    char *path = file_join(run->folder, "log.csv");
    if (!path || !file_exists(path) || file_map_open(&map, path)) {
        alloc_free(path);
        return NULL;
    }
    char *text = alloc_format("%.*s", (int)map.size, (const char *)map.data);
    const int column = text ? column_of(text, name) : -1;
    int lines = 0;
    for (const char *c = text; c && *c; c++) lines += *c == '\n';
    if (column >= 0 && lines > 1) curve = alloc_array(lines - 1, sizeof *curve);
    for (const char *line = text; curve && *n < lines - 1; ++*n) {
        line += strcspn(line, "\n") + 1;
        curve[*n] = number_at(line, column);
    }
    alloc_free(text);
    alloc_free(path);
    file_map_close(&map);
    return curve;
}

/* Scores of validation data and of a base are those of the epoch that test data are judged by. */
static rondo_status take_best_epoch(study_run *run)
{
    const char *key;
    json_t *score, *result = json_object_get(run->facts, "result");
    const int64_t best = json_integer_value(
        json_object_get(json_object_get(run->facts, "training"), "best_epoch"));
    if (best < 1) return RONDO_OK;
    json_object_foreach (result, key, score) {
        int n;
        if (strncmp(key, "val_", 4) != 0 && strncmp(key, "base_", 5) != 0) continue;
        double *curve = outcome_curve(run, key, &n);
        if (best <= n && isfinite(curve[best - 1]))
            json_object_set_new(result, key, json_real(curve[best - 1]));
        alloc_free(curve);
    }
    return RONDO_OK;
}

rondo_status outcome_read(study_run *run)
{
    manifest m;
    json_decref(run->facts);
    alloc_free(run->why);
    run->facts = NULL;
    run->why = NULL;
    run->state = RUN_WAITING;
    RONDO_TRY(rondo_fail_in(manifest_read(&m, run->folder), "%s", run->folder));
    const char *state = json_string_value(json_object_get(m.json, "state"));
    if (m.finished)
        run->state = RUN_FINISHED;
    else if (state && strcmp(state, "diverged") == 0)
        run->state = RUN_DIVERGED;
    if (run->state != RUN_WAITING) run->facts = json_incref(m.json);
    manifest_free(&m);
    if (run->state == RUN_DIVERGED) {
        const json_t *error = json_object_get(json_object_get(run->facts, "training"), "error");
        run->why = alloc_text(json_is_string(error) ? json_string_value(error) : "");
        if (!run->why) return RONDO_E_NOMEM;
    }
    return run->facts ? take_best_epoch(run) : RONDO_OK;
}

/* ---- Its numbers ---- */
static const char *const facts[] = { "parameters", "epochs",  "best_epoch",
                                     "steps",      "reached", "seconds" };
enum { FACTS = sizeof facts / sizeof *facts };

bool outcome_is_fact(const char *key)
{
    for (int i = 0; i < FACTS; i++)
        if (strcmp(key, facts[i]) == 0) return true;
    return false;
}

static double number_of(const json_t *item)
{
    return json_is_number(item) ? json_number_value(item) : NAN;
}

double outcome_fact(const study_run *run, const char *key)
{
    const json_t *story = json_object_get(run->facts, "training");
    const json_t *result = json_object_get(run->facts, "result");
    const json_t *item = json_object_get(story, key);
    if (!item) item = json_object_get(result, key);
    if (!item) item = json_object_get(run->facts, key);
    if (json_is_boolean(item)) return json_is_true(item);
    return number_of(item);
}

/* Steps count only where they led to the goal of `until`. */
double outcome_score(const study_run *run, const char *measure)
{
    const json_t *result = json_object_get(run->facts, "result");
    const json_t *item = json_object_get(result, measure);
    if (run->state != RUN_FINISHED) return NAN;
    if (strcmp(measure, "steps") == 0 && outcome_fact(run, "reached") == 0) return NAN;
    return item ? number_of(item) : outcome_fact(run, measure);
}

bool outcome_lacks(const study_run *run, const char *measure)
{
    return run->state == RUN_FINISHED && !outcome_is_fact(measure) &&
           !json_object_get(json_object_get(run->facts, "result"), measure);
}

/* ---- Which measures there are ---- */
static const char *score_with(const study_run *run, const char *prefix)
{
    const char *key, *found = NULL;
    json_t *item;
    const size_t n = strlen(prefix);
    json_object_foreach (json_object_get(run->facts, "result"), key, item) {
        if (strncmp(key, prefix, n) != 0 || !json_is_real(item) || strchr(key, '/')) continue;
        const char *last = strrchr(key, '_');
        if (!found || strcmp(last ? last + 1 : key, "loss") != 0) found = key;
        if (strcmp(found, key) == 0 && last && strcmp(last + 1, "loss") != 0) break;
    }
    return found;
}

const char *outcome_main_score(const study_run *run)
{
    static const char *const prefixes[] = { "test", "val_", "" };
    const char *found = NULL;
    for (int p = 0; p < 3 && !found; p++) found = score_with(run, prefixes[p]);
    return found;
}

/* In order of appearance. */
json_t *outcome_scores(const rondo_study *s)
{
    const char *key;
    json_t *item, *names = json_object();
    for (int i = 0; i < s->n_runs && names; i++)
        json_object_foreach (json_object_get(s->runs[i].facts, "result"), key, item)
            if (!outcome_is_fact(key) && !json_object_get(names, key))
                json_object_set_new(names, key, json_null());
    return names;
}

rondo_status outcome_fail_measure(const char *name, const json_t *there)
{
    enum { MOST = 64 };
    const char *key, *names[MOST];
    json_t *item;
    int n = 0;
    text_buffer all = { 0 };
    json_object_foreach ((json_t *)there, key, item) {
        if (n < MOST) names[n++] = key;
        text_add(&all, "%s%s", all.size ? ", " : "", key);
    }
    for (int i = 0; i < FACTS; i++) text_add(&all, "%s%s", all.size ? ", " : "", facts[i]);
    const char *near = name_nearest(name, n, names);
    const rondo_status status = rondo_fail(
        RONDO_E_NAME, "measure: no run has a score \"%s\"%s%s%s; there are %s", name,
        near ? "; did you mean " : "", near ? near : "", near ? "?" : "", all.data);
    text_free(&all);
    return status;
}

rondo_status outcome_choose_measures(rondo_study *s)
{
    for (int i = 0; i < s->n_runs && !s->n_measures; i++) {
        const char *found = outcome_main_score(&s->runs[i]);
        if (found) return rondo_study_measure(s, found, NULL);
    }
    return s->n_measures ? RONDO_OK : rondo_study_measure(s, "loss", NULL);
}

/* ---- results.csv: a row for every run ---- */
static void put_cell(text_buffer *t, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        text_add(t, "%s", text);
        return;
    }
    text_add(t, "\"");
    for (; *text; text++) text_add(t, *text == '"' ? "\"\"" : "%c", *text);
    text_add(t, "\"");
}

static void put_number(text_buffer *t, double number)
{
    if (isfinite(number)) text_add(t, "%.9g", number);
    text_add(t, ",");
}

static void put_row(text_buffer *t, const rondo_study *s, const study_run *run, json_t *names)
{
    static const char *const states[] = { "waiting", "finished", "diverged", "failed" };
    const char *key;
    json_t *item;
    for (int i = 0; i < s->n_axes; i++) {
        put_cell(t, s->axes[i].values[run->at[i]].label);
        text_add(t, ",");
    }
    text_add(t, "%llu,%s,", (unsigned long long)run->seed, states[run->state]);
    for (int i = 0; i < FACTS; i++) put_number(t, outcome_fact(run, facts[i]));
    json_object_foreach (names, key, item)
        put_number(t, number_of(json_object_get(json_object_get(run->facts, "result"), key)));
    put_cell(t, run->name);
    text_add(t, ",");
    put_cell(t, run->why ? run->why : "");
    text_add(t, "\n");
}

rondo_status outcome_write_csv(const rondo_study *s)
{
    const char *key;
    json_t *item, *names = outcome_scores(s);
    text_buffer t = { 0 };
    char *path = file_join(s->folder, "results.csv");
    for (int i = 0; i < s->n_axes; i++) text_add(&t, "%s,", s->axes[i].name);
    text_add(&t, "seed,status,");
    for (int i = 0; i < FACTS; i++) text_add(&t, "%s,", facts[i]);
    json_object_foreach (names, key, item) text_add(&t, "%s,", key);
    text_add(&t, "run,error\n");
    for (int i = 0; i < s->n_runs; i++) put_row(&t, s, &s->runs[i], names);
    const rondo_status status = !path || !names ? RONDO_E_NOMEM
                                : t.status      ? t.status
                                                : file_write_all(path, t.data, t.size);
    json_decref(names);
    alloc_free(path);
    text_free(&t);
    return status;
}
