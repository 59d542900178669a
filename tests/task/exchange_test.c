/* What exchanged functions cost: three judgements of the same data, each as rondo eval makes it. */
#define _DEFAULT_SOURCE
#include "base/helpers.h"
#include "task/task.h"

static char *folder, base[300];
static const char *const data = "task:sine?count=96&length=16",
                         *const held = "task:sine?count=32&length=16&seed=1";

static void ok(rondo_status status)
{
    if (status) fail_msg("%s: %s", rondo_status_text(status), rondo_error());
}

/* Trains with these keys, NULL-terminated, into folder/name. */
static rondo_exchange train(const char *name, const char *begins_as, ...)
{
    char path[300];
    va_list args;
    rondo_run_report report;
    rondo_recipe *r = rondo_recipe_new();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    va_start(args, begins_as);
    ok(rondo_recipe_set(r, "train", begins_as ? "base" : "model",
                        begins_as ? begins_as : "lstm 6; dense"));
    ok(rondo_recipe_set(r, "train", "data", data));
    ok(rondo_recipe_set(r, "train", "output", path));
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        ok(rondo_recipe_set(r, "finetune", key, va_arg(args, const char *)));
    va_end(args);
    ok(rondo_run_train(r, NULL, 0, NULL, NULL, &report));
    rondo_recipe_free(r);
    return report.exchange;
}

static int make_base(void **state)
{
    if (folder_make(state)) return -1;
    folder = *state;
    snprintf(base, sizeof base, "%s/base", folder);
    train("base", NULL, "epochs", "3", "metrics", "mae", NULL);
    return 0;
}

/* Loss and mae of the held data by the model in folder/name. */
static void judge(const char *name, double found[2])
{
    char path[300];
    const char *names[RONDO_MAX_SCORES];
    double values[RONDO_MAX_SCORES];
    int n;
    rondo_pipeline *p;
    rondo_dataset *d;
    rondo_recipe *r = rondo_recipe_new();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ok(rondo_recipe_set(r, "eval", "data", held));
    ok(rondo_pipeline_open(&p, path, 1));
    ok(rondo_pipeline_data(p, &d, r, true));
    ok(rondo_pipeline_evaluate(p, d, 32, names, values, RONDO_MAX_SCORES, &n));
    assert_int_equal(n, 2);
    memcpy(found, values, 2 * sizeof *found);
    rondo_dataset_free(d);
    rondo_pipeline_free(p);
    rondo_recipe_free(r);
}

static void judged_three_times(void **state)
{
    (void)state;
    double before[2], after[2];
    const rondo_exchange e = train("hard", base, "activation", "gates=hard_sigmoid", "validation",
                                   held, "epochs", "4", "learning_rate", "0.01", NULL);
    assert_string_equal(e.functions, "lstm.i,f,o sigmoid -> hard_sigmoid");
    assert_string_equal(e.reason, "");
    assert_true(e.judged);
    assert_int_equal(e.n, 2);
    assert_string_equal(e.name[0], "loss");
    assert_string_equal(e.name[1], "mae");
    judge("base", before);
    judge("hard/best.safetensors", after);
    for (int i = 0; i < 2; i++) {
        assert_true(e.before[i] == before[i]);
        assert_true(e.after[i] == after[i]);
        assert_true(e.exchanged[i] != e.before[i] && e.exchanged[i] != e.after[i]);
    }
    assert_true(e.after[0] < e.exchanged[0]);
}

/* A new end tells something else; without data there is nothing to judge. */
static void says_why_not(void **state)
{
    (void)state;
    rondo_exchange e = train("end", base, "activation", "lstm.c=leaky_relu(0.2) o=sin",
                             "validation", held, "head", "dense 4 tanh; dense", "epochs", "1",
                             NULL);
    assert_string_equal(e.functions, "lstm.c tanh -> leaky_relu(0.2); lstm.o sigmoid -> sine");
    assert_non_null(strstr(e.reason, "another end"));
    assert_false(e.judged);
    e = train("blind", base, "activation", "gates=hard_sigmoid", "epochs", "1", NULL);
    assert_non_null(strstr(e.reason, "--validation"));
    assert_false(e.judged);
}

static void nothing_exchanged(void **state)
{
    (void)state;
    rondo_exchange e = train("same", base, "activation", "gates=sigmoid", "validation", held,
                             "epochs", "1", NULL);
    assert_string_equal(e.functions, "");
    e = train("plain", base, "validation", held, "epochs", "1", NULL);
    assert_string_equal(e.functions, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged_three_times),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(nothing_exchanged),
    };
    return cmocka_run_group_tests(tests, make_base, folder_drop);
}
