/* Recipes: every key of every table is settable, bad ones are told apart. */
#include "task/task.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void assert_said(const char *words)
{
    if (!strstr(rondo_error(), words)) fail_msg("\"%s\" is not in: %s", words, rondo_error());
}

static void every_key(void **state)
{
    int n;
    (void)state;
    const rondo_recipe_key *keys = rondo_recipe_keys(&n);
    assert_true(n > 40);
    for (int i = 0; i < n; i++) {
        rondo_recipe *r = rondo_recipe_new();
        const char *argument = keys[i].argument, *choices = argument ? strchr(argument, '|') : NULL;
        char verb[16], text[16] = "1";
        assert_non_null(keys[i].help);
        assert_non_null(keys[i].join);
        snprintf(verb, sizeof verb, "%.*s", (int)strcspn(keys[i].verbs, " "), keys[i].verbs);
        assert_ptr_equal(rondo_recipe_find(verb, keys[i].name), &keys[i]);
        if (choices) snprintf(text, sizeof text, "%.*s", (int)(choices - argument), argument);
        assert_int_equal(rondo_recipe_set(r, verb, keys[i].name, text), RONDO_OK);
        assert_string_equal(rondo_recipe_get(r, keys[i].name), text);
        for (int k = 0; k < i; k++) assert_string_not_equal(keys[i].name, keys[k].name);
        rondo_recipe_free(r);
    }
}

static void readers_and_optimizers_are_in(void **state)
{
    (void)state;
    assert_non_null(rondo_recipe_find("predict", "window"));
    assert_non_null(rondo_recipe_find("train", "clipnorm"));
    assert_non_null(rondo_recipe_find("train", "learning-rate"));
    assert_ptr_equal(rondo_recipe_find("train", "lr"), rondo_recipe_find("train", "learning_rate"));
    assert_null(rondo_recipe_find("predict", "learning_rate"));
    assert_said("takes no option");
}

/* No option is dropped, or hidden by another of its name: what is set reaches its own spec. */
static void assert_reaches(const option_table *fields, const char *verb, key_source from)
{
    for (int i = 0; i < fields->n; i++) {
        const char *name = fields->fields[i].name;
        char *text;
        rondo_recipe *r = rondo_recipe_new();
        if (rondo_recipe_set(r, verb, name, "1")) fail_msg("%s", rondo_error());
        assert_int_equal(recipe_spec(&text, r, from, NULL), RONDO_OK);
        if (strncmp(text, name, strlen(name)) != 0) fail_msg("%s is not its table's", name);
        alloc_free(text);
        rondo_recipe_free(r);
    }
}

static void every_option_is_a_key(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_READER); i++)
        assert_reaches(&((const reader_row *)registry_at(REGISTRY_READER, i))->options, "predict",
                       KEY_READER);
    for (int i = 0; i < registry_count(REGISTRY_OPTIMIZER); i++)
        assert_reaches(&((const optimizer_row *)registry_at(REGISTRY_OPTIMIZER, i))->options,
                       "train", KEY_OPTIMIZER);
}

static void bad_ones(void **state)
{
    (void)state;
    rondo_recipe *r = rondo_recipe_new();
    assert_int_equal(rondo_recipe_set(r, "train", "epoch", "3"), RONDO_E_NAME);
    assert_said("did you mean epochs");
    assert_int_equal(rondo_recipe_set(r, "train", "epochs", "three"), RONDO_E_ARG);
    assert_said("three");
    assert_int_equal(rondo_recipe_set(r, "train", "checkpoint_seconds", "soon"), RONDO_E_ARG);
    assert_int_equal(rondo_recipe_set(r, "train", "fresh", "perhaps"), RONDO_E_ARG);
    assert_null(rondo_recipe_get(r, "epochs"));
    rondo_recipe_free(r);
}

static void specs_keep_what_was_said(void **state)
{
    char *text;
    spec s;
    (void)state;
    rondo_recipe *r = rondo_recipe_new();
    assert_int_equal(rondo_recipe_set(r, "train", "target", "a b;c"), RONDO_OK);
    assert_int_equal(rondo_recipe_set(r, "train", "window", "24"), RONDO_OK);
    assert_int_equal(rondo_recipe_set(r, "train", "lr", "0.5"), RONDO_OK);
    assert_int_equal(recipe_spec(&text, r, KEY_READER, "stride=2"), RONDO_OK);
    assert_int_equal(spec_parse(&s, text), RONDO_OK);
    assert_int_equal(s.n, 3);
    for (int i = 0; i < s.n; i++)
        if (strcmp(s.words[i].key, "target") == 0) assert_string_equal(s.words[i].value, "a b;c");
    spec_free(&s);
    alloc_free(text);
    assert_int_equal(recipe_spec(&text, r, KEY_OPTIMIZER, "sgd"), RONDO_OK);
    assert_string_equal(text, "sgd learning_rate=0.5");
    alloc_free(text);
    rondo_recipe_free(r);
}

static void heads(void **state)
{
    static const struct {
        const char *spec, *activation, *filled;
        bool dense, units;
    } rows[] = {
        { "gru 4; dense softmax", "softmax", "gru 4; dense 7 softmax", true, false },
        { "gru 4; dense", "", "gru 4; dense 7", true, false },
        { "dense 3 activation=sigmoid;", "sigmoid", NULL, true, true },
        { "dense units=3 softmax", "softmax", NULL, true, true },
        { "gru 4; dense leaky_relu(0.1) no_bias", "leaky_relu",
          "gru 4; dense 7 leaky_relu(0.1) no_bias", true, false },
        { "dense 2; gru 4", "", NULL, false, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head h;
        char *filled;
        assert_int_equal(head_parse(&h, rows[i].spec), RONDO_OK);
        assert_int_equal(h.dense, rows[i].dense);
        assert_int_equal(h.has_units, rows[i].units);
        assert_string_equal(h.activation, rows[i].activation);
        if (!rows[i].filled) continue;
        assert_int_equal(head_fill(&filled, rows[i].spec, 7), RONDO_OK);
        assert_string_equal(filled, rows[i].filled);
        alloc_free(filled);
    }
    head h;
    assert_int_equal(head_parse(&h, " ; "), RONDO_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key),
        cmocka_unit_test(every_option_is_a_key),
        cmocka_unit_test(readers_and_optimizers_are_in),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(specs_keep_what_was_said),
        cmocka_unit_test(heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
