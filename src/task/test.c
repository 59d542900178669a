/* test - data that training never sees: opened with the plan, so that what is wrong with them is known
 * before anything is trained, and judged once, at the end. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { MAX_TESTS = 64, MAX_SCORES = 32 };

static const char *after_label(const char *text)
{
    const size_t n = path_label(text);
    return n ? text + n + 1 : text;
}

static rondo_status open_one(plan *p, const char *text, const char *labels)
{
    plan_test *t = &p->tests[p->n_tests++];
    const size_t n = path_label(text);
    const char *path = after_label(text);
    t->name = alloc_format(n ? "test_%.*s" : "test", (int)n, text);
    t->path = alloc_text(path);
    if (!t->name || !t->path) return RONDO_E_NOMEM;
    for (int i = 0; i + 1 < p->n_tests; i++)
        if (strcmp(p->tests[i].name, t->name) == 0)
            return rondo_fail(RONDO_E_ARG,
                              "test: two data would both be called %s; name them: "
                              "\"a=FILE; b=FILE\"",
                              t->name);
    RONDO_TRY(plan_open(&t->data, p, path, labels, p->data, p->task->target));
    if (t->data->n_targets == 0 && p->task != &task_language)
        return rondo_fail(RONDO_E_ARG, "%s has no targets; say --test-labels FILE", path);
    return RONDO_OK;
}

rondo_status plan_open_tests(plan *p, const rondo_recipe *r)
{
    char **parts, **labels = NULL;
    int n, n_labels = 0;
    const char *given = rondo_recipe_get(r, "test"), *files = rondo_recipe_get(r, "test_labels");
    if (!given) return RONDO_OK;
    RONDO_TRY(text_split(&parts, &n, given, ';'));
    rondo_status status = files ? text_split(&labels, &n_labels, files, ';') : RONDO_OK;
    if (!status && n > MAX_TESTS)
        status = rondo_fail(RONDO_E_LIMIT, "test names %d data; %d are the most", n, MAX_TESTS);
    if (!status && n_labels && n_labels != n)
        status = rondo_fail(RONDO_E_ARG, "test names %d data, test_labels %d", n, n_labels);
    if (!status && !(p->tests = alloc_array(n, sizeof *p->tests))) status = RONDO_E_NOMEM;
    for (int i = 0; i < n && !status; i++)
        status = open_one(p, parts[i], n_labels ? after_label(labels[i]) : NULL);
    text_list_free(labels);
    text_list_free(parts);
    return status;
}

rondo_status plan_check_tests(const plan *p)
{
    for (int i = 0; i < p->n_tests; i++)
        RONDO_TRY(rondo_fail_in(data_check(p->pipeline->model, p->tests[i].data, true), "%s",
                                p->tests[i].name));
    return RONDO_OK;
}

void plan_close_tests(plan *p)
{
    for (int i = 0; i < p->n_tests; i++) {
        alloc_free(p->tests[i].name);
        alloc_free(p->tests[i].path);
        rondo_dataset_free(p->tests[i].data);
    }
    alloc_free(p->tests);
}

static rondo_status judge(rondo_pipeline *line, const plan_test *t, int64_t rows, json_t *result)
{
    const char *names[MAX_SCORES];
    double values[MAX_SCORES];
    int n;
    RONDO_TRY(rondo_pipeline_evaluate(line, t->data, rows, names, values, MAX_SCORES, &n));
    for (int i = 0; i < n; i++) {
        char *name = alloc_format("%s_%s", t->name, names[i]);
        const rondo_status status =
            name ? json_put(result, name, isfinite(values[i]) ? json_real(values[i]) : json_null())
                 : RONDO_E_NOMEM;
        alloc_free(name);
        RONDO_TRY(status);
    }
    return RONDO_OK;
}

rondo_status plan_best(const plan *p, const char *folder, rondo_pipeline **best)
{
    char *file = file_join(folder, "best.safetensors");
    *best = NULL;
    if (!file) return RONDO_E_NOMEM;
    const rondo_status status = file_exists(file) ? rondo_pipeline_open(best, file, (int)p->threads)
                                                  : RONDO_OK;
    alloc_free(file);
    return status;
}

rondo_status plan_judge(const plan *p, const char *folder, json_t *result)
{
    rondo_pipeline *best = NULL;
    if (p->n_tests == 0) return RONDO_OK;
    rondo_status status = plan_best(p, folder, &best);
    for (int i = 0; i < p->n_tests && !status; i++)
        status = rondo_fail_in(judge(best ? best : p->pipeline, &p->tests[i], p->batch, result),
                               "test");
    rondo_pipeline_free(best);
    return status;
}
