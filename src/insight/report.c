/* report - one page about a run: what it is, how it learned, how good it is, on what it fails. */
#include "insight/insight.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ---- */
void report_say(run_report *r, int word, ...)
{
    va_list args;
    va_start(args, word);
    page_vsay(&r->out, r->chinese, word, args);
    va_end(args);
}

void report_heading(run_report *r, int word)
{
    text_add(&r->out, "<h2>");
    report_say(r, word);
    text_add(&r->out, "</h2>\n");
}

void report_cell(run_report *r, const char *tag, const char *text)
{
    text_add(&r->out, "<%s>", tag);
    text_escaped(&r->out, text);
    text_add(&r->out, "</%s>", tag);
}

/* ---- What the run is ---- */
static const char *text_at(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

static long long number_at(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Of a model that began as another: that one by its path, not by its digest, "base 1a… 2b…; dense 2". */
static rondo_status layers_text(char **text, const run_report *r)
{
    const char *layers = text_at(r->about, "model", "?");
    const char *base = text_at(json_object_get(r->about, "recipe"), "base", NULL);
    text_buffer out = { 0 };
    if (base) {
        const char *end = strchr(layers, ';');
        text_add(&out, page_word(WORD_LAYERS_OF, r->chinese), base);
        layers = end ? end : "";
    }
    text_add(&out, "%s", layers);
    *text = out.data;
    return out.status;
}

static rondo_status write_lead(run_report *r)
{
    const json_t *m = r->about, *data = json_object_get(m, "data");
    const char *task = text_at(m, "task", "");
    const long long parameters = number_at(m, "parameters"), tokens = number_at(data, "tokens");
    char *layers;
    RONDO_TRY(layers_text(&layers, r));
    if (strcmp(task, "language") == 0)
        report_language(r, layers, parameters);
    else if (strcmp(task, "classify") == 0 && r->pipeline)
        REPORT_PARAGRAPH(r, WORD_CLASSIFIER, r->pipeline->n_columns, layers, parameters);
    else
        REPORT_PARAGRAPH(r, strcmp(task, "forecast") == 0 ? WORD_FORECASTER : WORD_REGRESSION,
                         layers, parameters);
    alloc_free(layers);
    REPORT_PARAGRAPH(r, tokens ? WORD_TRAINED_TEXT : WORD_TRAINED,
                     tokens ? tokens : number_at(data, "samples"), text_at(data, "path", "?"),
                     number_at(m, "epochs"), text_at(m, "optimizer", "?"), number_at(m, "seed"));
    if (!r->pipeline) REPORT_PARAGRAPH(r, WORD_UNFINISHED);
    return r->out.status;
}

/* Nested objects are rows of their own, "data.digest". */
static void write_rows(run_report *r, const json_t *object, const char *within)
{
    const char *key;
    json_t *item;
    json_object_foreach ((json_t *)object, key, item) {
        char name[LIMIT_NAME], number[64];
        const char *text = json_string_value(item);
        snprintf(name, sizeof name, "%s%s%s", within, *within ? "." : "", key);
        if (json_is_object(item)) {
            write_rows(r, item, name);
            continue;
        }
        if (strcmp(name, "identity") == 0) continue; /* what the rest says, once more */
        if (json_is_number(item)) {
            snprintf(number, sizeof number, "%.10g", json_number_value(item));
            text = number;
        }
        text_add(&r->out, "<tr>");
        report_cell(r, "td", name);
        report_cell(r, "td", text ? text : json_is_true(item) ? "true" : "-");
        text_add(&r->out, "</tr>\n");
    }
}

static rondo_status write_layers(run_report *r)
{
    char *text;
    if (!r->pipeline) return RONDO_OK;
    RONDO_TRY(rondo_summary(r->pipeline->model, &text));
    report_heading(r, WORD_LAYERS);
    text_add(&r->out, "<pre>");
    text_escaped(&r->out, text);
    text_add(&r->out, "</pre>\n");
    free(text);
    return RONDO_OK;
}

/* ---- The data it is judged by: the user's, else the validation data, else those of training ---- */
static rondo_status set_default(rondo_recipe *own, const json_t *about, const char *data,
                                const char *labels)
{
    const json_t *recipe = json_object_get(about, "recipe");
    RONDO_TRY(rondo_recipe_set(own, "report", "data", text_at(recipe, data, "")));
    const char *with = text_at(recipe, labels, NULL);
    return with ? rondo_recipe_set(own, "report", "labels", with) : RONDO_OK;
}

static rondo_status open_default(run_report *r, const json_t *about, char why[LIMIT_NAME])
{
    const json_t *recipe = json_object_get(about, "recipe");
    const bool validation = json_object_get(recipe, "validation") != NULL;
    rondo_recipe *own = rondo_recipe_new();
    if (!own) return RONDO_E_NOMEM;
    r->trained_on = !validation;
    r->data_path = text_at(recipe, validation ? "validation" : "data", "?");
    rondo_status s = validation ? set_default(own, about, "validation", "validation_labels")
                                : set_default(own, about, "data", "labels");
    if (!s) s = rondo_pipeline_data(r->pipeline, &r->data, own, true);
    rondo_recipe_free(own);
    if (!s || s == RONDO_E_NOMEM) return s;
    text_fit(why, LIMIT_NAME, rondo_error()); /* moved, perhaps: a report without them */
    return RONDO_OK;
}

static rondo_status open_data(run_report *r, const rondo_recipe *recipe, const json_t *about,
                              char why[LIMIT_NAME])
{
    int64_t rows;
    RONDO_TRY(recipe_int(recipe, "batch", 32, 1, &rows));
    r->rows = rows;
    if (!r->pipeline) return RONDO_OK;
    r->data_path = rondo_recipe_get(recipe, "data");
    r->given = r->data_path != NULL;
    if (r->given) return rondo_pipeline_data(r->pipeline, &r->data, recipe, true);
    if (rondo_recipe_get(recipe, "by"))
        return rondo_fail(RONDO_E_ARG, "by which data? --by goes with --data FILE");
    return open_default(r, about, why);
}

/* ---- Diagnosis: as it was seen while training, else, and of data that the user names, anew ---- */
static rondo_status write_diagnosis(run_report *r)
{
    rondo_diagnosis *d = NULL;
    char *path = file_join(r->folder, "diagnosis.json");
    if (!path) return RONDO_E_NOMEM;
    const bool seen = !r->given && file_exists(path);
    rondo_status s = seen      ? rondo_diagnosis_load(&d, path)
                     : r->data ? rondo_diagnose(r->pipeline, r->data, NULL, &d)
                               : RONDO_OK;
    alloc_free(path);
    if (s == RONDO_E_NOMEM) return s;
    if (!d && !s) return RONDO_OK;
    report_heading(r, WORD_DIAGNOSIS);
    if (s)
        REPORT_PARAGRAPH(r, WORD_NO_DIAGNOSIS, rondo_error());
    else
        diagnosis_body(&r->out, d, r->chinese);
    rondo_diagnosis_free(d);
    return RONDO_OK;
}

/* ---- The page ---- */
static rondo_status write_body(run_report *r, const char *why)
{
    rondo_text_unit unit;
    RONDO_TRY(write_lead(r));
    if (r->data) {
        if (rondo_pipeline_text_unit(r->pipeline, r->data, &unit))
            report_judged_text(r, &unit);
        else
            REPORT_PARAGRAPH(r, WORD_JUDGED, (long long)r->data->count, r->data_path);
        RONDO_TRY(report_scores(r));
        if (r->trained_on) REPORT_PARAGRAPH(r, WORD_FLATTERS);
    } else if (r->pipeline) {
        REPORT_PARAGRAPH(r, WORD_NO_DATA, why);
    }
    RONDO_TRY(report_base(r));
    RONDO_TRY(report_curves(r));
    RONDO_TRY(report_writing(r));
    if (r->data) RONDO_TRY(report_samples(r));
    RONDO_TRY(write_diagnosis(r));
    RONDO_TRY(write_layers(r));
    report_heading(r, WORD_RUN);
    text_add(&r->out, "<div class=\"scroll\"><table class=\"words\">\n");
    write_rows(r, r->about, "");
    text_add(&r->out, "</table></div>\n<footer>");
    report_say(r, WORD_MADE, rondo_version());
    text_add(&r->out, "</footer>\n");
    return r->out.status;
}

static rondo_status write_page(run_report *r, const char *why)
{
    char title[2 * LIMIT_NAME];
    const char *name = strrchr(r->folder, '/');
    snprintf(title, sizeof title, page_word(WORD_TITLE, r->chinese),
             name && name[1] ? name + 1 : r->folder);
    page_begin(&r->out, title, r->chinese ? "zh" : "en");
    report_cell(r, "h1", title);
    text_add(&r->out, "\n");
    RONDO_TRY(write_body(r, why));
    page_end(&r->out);
    return r->out.status;
}

static rondo_status open_model(run_report *r, const manifest *m, int threads)
{
    if (!m->json)
        return rondo_fail(RONDO_E_IO, "%s is no run directory: it has no manifest.json", r->folder);
    char *path = file_join(r->folder, "model.safetensors");
    if (!path) return RONDO_E_NOMEM;
    const bool there = file_exists(path);
    alloc_free(path);
    return there ? rondo_pipeline_open(&r->pipeline, r->folder, threads) : RONDO_OK;
}

rondo_status rondo_report(const char *run, const rondo_recipe *recipe, const char *path)
{
    char why[LIMIT_NAME] = "";
    run_report r = { .folder = run };
    manifest m;
    int64_t threads;
    if (path && !path_ends(path, ".html"))
        return rondo_fail(RONDO_E_ARG, "%s: a report is a page, FILE.html", path);
    RONDO_TRY(page_language(&r.chinese, rondo_recipe_get(recipe, "lang")));
    RONDO_TRY(recipe_int(recipe, "threads", 0, 0, &threads));
    RONDO_TRY(manifest_read(&m, run));
    r.about = m.json;
    char *file = path ? alloc_text(path) : file_join(run, "report.html");
    rondo_status s = file ? open_model(&r, &m, (int)threads) : RONDO_E_NOMEM;
    if (!s) s = open_data(&r, recipe, m.json, why);
    if (!s) s = write_page(&r, why);
    if (!s) s = file_write_all(file, r.out.data, r.out.size);
    alloc_free(file);
    text_free(&r.out);
    rondo_dataset_free(r.data);
    rondo_pipeline_free(r.pipeline);
    manifest_free(&m);
    return s;
}
