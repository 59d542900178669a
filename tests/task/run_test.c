/* Runs and pipelines: decisions, the file's pipeline read back, failing allocations, bad metadata. */
#define _DEFAULT_SOURCE
#include "task/task.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/rondo-task-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char paths[4][400];
    static int k;
    char *path = paths[k++ % 4];
    snprintf(path, 400, "%s/%s", folder, name);
    return path;
}

/* NULL-terminated key, value … */
static rondo_recipe *recipe_of(const char *verb, ...)
{
    va_list args;
    rondo_recipe *r = rondo_recipe_new();
    va_start(args, verb);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        assert_int_equal(rondo_recipe_set(r, verb, key, va_arg(args, const char *)), RONDO_OK);
    va_end(args);
    return r;
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(file_write_all(path, text, strlen(text)), RONDO_OK);
}

static void decisions(void **state)
{
    static const struct {
        const char *model, *data, *window, *task, *loss, *spec;
    } rows[] = {
        { "gru 3; dense softmax", "labels.csv", NULL, "classify", "sparse_categorical_crossentropy",
          "gru 3; dense 3 softmax" },
        { "dense 4 relu; dense softmax", "bits.csv", NULL, "classify",
          "sparse_categorical_crossentropy", "dense 4 relu; dense 2 softmax" },
        { "dense sigmoid", "bits.csv", NULL, "classify", "binary_crossentropy", "dense 1 sigmoid" },
        { "dense", "numbers.csv", NULL, "regress", "mse", "dense 1" },
        { "gru 3; dense", "numbers.csv", "2", "forecast", "mse", "gru 3; dense 1" },
    };
    (void)state;
    write_text(in_folder("labels.csv"), "x,y\n1,a\n2,b\n3,c\n4,a\n");
    write_text(in_folder("bits.csv"), "x,y\n1,0\n2,1\n3,0\n4,1\n");
    write_text(in_folder("numbers.csv"), "x,y\n1,0.5\n2,1\n3,2\n4,3.5\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plan p;
        rondo_recipe *r = recipe_of("train", "model", rows[i].model, "target", "y", "data",
                                    in_folder(rows[i].data), NULL);
        if (rows[i].window) rondo_recipe_set(r, "train", "window", rows[i].window);
        if (strncmp(rows[i].model, "gru", 3) == 0 && !rows[i].window)
            rondo_recipe_set(r, "train", "steps", "1");
        const rondo_status status = plan_make(&p, r);
        if (status) fail_msg("%s: %s", rows[i].model, rondo_error());
        assert_string_equal(p.task->name, rows[i].task);
        assert_string_equal(p.loss, rows[i].loss);
        assert_string_equal(p.spec, rows[i].spec);
        plan_free(&p);
        rondo_recipe_free(r);
    }
}

static rondo_recipe *forecast_recipe(const char *output)
{
    return recipe_of("train", "model", "gru 3; dense", "data", in_folder("series.csv"), "target",
                     "b", "features", "a,b", "window", "4", "horizon", "2", "scale", "standard",
                     "epochs", "1", "threads", "1", "validation_split", "0.25", "output", output,
                     NULL);
}

static void write_series(void)
{
    char text[4096] = "a,b\n";
    for (int i = 0; i < 60; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%g\n", i,
                 500 + 100 * sin(i / 3.0));
    write_text(in_folder("series.csv"), text);
}

static void a_pipeline_comes_back(void **state)
{
    rondo_run_report report;
    rondo_pipeline *p;
    rondo_dataset *data;
    const char *names[8];
    double values[8];
    int n;
    (void)state;
    write_series();
    rondo_recipe *r = forecast_recipe(in_folder("run"));
    if (rondo_run_train(r, NULL, 0, NULL, NULL, &report)) fail_msg("%s", rondo_error());
    assert_string_equal(report.task, "forecast");
    assert_int_equal(report.samples + report.validation_samples, 55);
    assert_int_equal(rondo_run_train(r, NULL, 0, NULL, NULL, &report), RONDO_OK);
    assert_true(report.already_done);
    rondo_recipe_free(r);

    assert_int_equal(rondo_pipeline_open(&p, in_folder("run"), 1), RONDO_OK);
    assert_string_equal(rondo_pipeline_task(p), "forecast");
    assert_int_equal(rondo_pipeline_columns(p), 2);
    assert_string_equal(rondo_pipeline_column(p, 0), "b+1");
    assert_string_equal(rondo_pipeline_column(p, 1), "b+2");
    r = recipe_of("eval", "data", in_folder("series.csv"), NULL);
    assert_int_equal(rondo_pipeline_data(p, &data, r, true), RONDO_OK);
    assert_int_equal(rondo_pipeline_evaluate(p, data, 7, names, values, 8, &n), RONDO_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "loss");
    assert_string_equal(names[1], "mae");
    assert_true(values[0] < 10 && values[1] > 5 && values[1] < 300); /* of units, of hundreds */
    rondo_dataset_free(data);
    rondo_recipe_free(r);
    rondo_pipeline_free(p);
}

static int failing_after;

static void *fail_now_and_then(void *p, size_t n)
{
    if (n && failing_after >= 0 && failing_after-- == 0) return NULL;
    if (n) return realloc(p, n);
    free(p);
    return NULL;
}

/* Whichever allocation fails while a model is opened, it is said, and nothing leaks or crashes. */
static void failing_allocations(void **state)
{
    void *(*usual)(void *, size_t) = alloc_hook;
    const char *path = in_folder("run");
    rondo_pipeline *p;
    (void)state;
    assert_int_equal(rondo_pipeline_open(&p, path, 1), RONDO_OK);
    rondo_pipeline_free(p);
    alloc_hook = fail_now_and_then;
    for (int at = 0; at < 100000; at++) {
        failing_after = at;
        const rondo_status status = rondo_pipeline_open(&p, path, 1);
        const bool reached = failing_after < 0;
        failing_after = -1;
        if (status) {
            assert_int_equal(status, RONDO_E_NOMEM);
            assert_null(p);
        } else {
            rondo_pipeline_free(p);
        }
        if (!reached) break;
    }
    alloc_hook = usual;
}

static void bad_metadata(void **state)
{
    static const char *const texts[] = {
        "{\"version\": 2, \"task\": \"classify\"}",
        "{\"version\": 1, \"task\": \"juggle\"}",
        "{\"version\": 1, \"task\": 3}",
        "{\"version\": 1, \"task\": \"classify\", \"classes\": [1]}",
        "{\"version\": 1, \"task\": \"classify\", \"classes\": \"a\"}",
        "{\"version\": 1, \"task\": \"regress\", \"scale_inputs\": 4}",
        "{\"version\": 1, \"task\": \"regress\", \"scale_inputs\": {\"kind\": \"standard\", "
        "\"shift\": [1], \"factor\": [1]}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rondo_pipeline *p;
        rondo_model *m = rondo_model_new();
        rondo_input(m, RONDO_F32, RONDO_SHAPE(3));
        assert_int_equal(rondo_add_spec(m, "dense 2"), RONDO_OK);
        if (rondo_set_metadata(m, texts[i]) == RONDO_OK) {
            assert_int_equal(rondo_compile(m, .loss = "mse", .threads = 1), RONDO_OK);
            assert_int_equal(rondo_save(m, in_folder("bad.safetensors")), RONDO_OK);
            const rondo_status status = rondo_pipeline_open(&p, in_folder("bad.safetensors"), 1);
            assert_true(status == RONDO_E_FORMAT || status == RONDO_E_NAME);
            assert_null(p);
        }
        rondo_model_free(m);
    }
}

/* Any other text is the user's own, and the model a bare one. */
static void metadata_of_others(void **state)
{
    static const char *const texts[] = {
        "{", "[]", "{}", "my notes", "3", "{\"version\": 1}", "{\"task\": \"classify\"}", "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rondo_pipeline *p;
        rondo_model *m = rondo_model_new();
        rondo_input(m, RONDO_F32, RONDO_SHAPE(3));
        assert_int_equal(rondo_add_spec(m, "dense 2"), RONDO_OK);
        assert_int_equal(rondo_set_metadata(m, texts[i]), RONDO_OK);
        assert_int_equal(rondo_compile(m, .loss = "mse", .threads = 1), RONDO_OK);
        assert_int_equal(rondo_save(m, in_folder("theirs.safetensors")), RONDO_OK);
        rondo_model_free(m);
        if (rondo_pipeline_open(&p, in_folder("theirs.safetensors"), 1))
            fail_msg("%s: %s", texts[i], rondo_error());
        assert_string_equal(rondo_pipeline_task(p), "");
        assert_string_equal(rondo_pipeline_json(p), "{}");
        rondo_pipeline_free(p);
    }
}

static void a_bare_model_is_checked(void **state)
{
    rondo_pipeline *p;
    double worst = 1;
    (void)state;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    assert_int_equal(rondo_add_spec(m, "embedding 3 input_dim=5; gru 3; dense 2 sigmoid"),
                     RONDO_OK);
    assert_int_equal(rondo_compile(m, .loss = "mse", .threads = 1), RONDO_OK);
    assert_int_equal(rondo_save(m, in_folder("bare.safetensors")), RONDO_OK);
    rondo_model_free(m);
    assert_int_equal(rondo_pipeline_open(&p, in_folder("bare.safetensors"), 1), RONDO_OK);
    assert_string_equal(rondo_pipeline_task(p), "");
    assert_string_equal(rondo_pipeline_json(p), "{}");
    if (rondo_pipeline_check(p, &worst)) fail_msg("%s", rondo_error());
    assert_true(worst < 1e-6);
    rondo_pipeline_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),           cmocka_unit_test(a_pipeline_comes_back),
        cmocka_unit_test(failing_allocations), cmocka_unit_test(bad_metadata),
        cmocka_unit_test(metadata_of_others),  cmocka_unit_test(a_bare_model_is_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
