/* Grids come to the recipes they should, tables to the numbers they should. */
#define _POSIX_C_SOURCE 200809L
#include "study/study.h"
#include <math.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static rondo_study *make(void)
{
    rondo_study *s = rondo_study_new();
    assert_non_null(s);
    s->folder = alloc_text("nowhere");
    return s;
}

static void set(rondo_study *s, const char *key, const char *text)
{
    assert_int_equal(rondo_study_set(s, key, text, "recipes/"), RONDO_OK);
}

static void vary(rondo_study *s, const char *axis, const char *label)
{
    assert_int_equal(rondo_study_vary(s, axis, label, "recipes/"), RONDO_OK);
}

static void bring(rondo_study *s, const char *key, const char *text)
{
    assert_int_equal(rondo_study_bring(s, key, text, "recipes/"), RONDO_OK);
}

static void points_become_recipes(void **state)
{
    rondo_study *s = make();
    (void)state;
    set(s, "model", "{layer}; dense");
    set(s, "data", "{set}.csv");
    set(s, "lr", "0.1");
    vary(s, "network", "IRNN");
    bring(s, "layer", "simple_rnn {units} relu recurrent_initializer=identity");
    vary(s, "network", "LSTM");
    bring(s, "layer", "lstm {units}");
    bring(s, "lr", "0.001");
    vary(s, "units", "8");
    vary(s, "set", "a");
    vary(s, "set", "b");
    vary(s, "batch", "16");
    rondo_study_seed(s, 3);
    rondo_study_seed(s, 5);
    assert_int_equal(rondo_study_override(s, "epochs", "2"), RONDO_OK);
    assert_int_equal(grid_make(s), RONDO_OK);
    assert_int_equal(s->n_runs, 8);
    const rondo_recipe *last = s->runs[7].recipe;
    assert_string_equal(rondo_recipe_get(last, "model"), "lstm 8; dense");
    assert_string_equal(rondo_recipe_get(last, "data"), "recipes/b.csv");
    assert_string_equal(rondo_recipe_get(last, "learning_rate"), "0.001");
    assert_string_equal(rondo_recipe_get(last, "batch"), "16");
    assert_string_equal(rondo_recipe_get(last, "epochs"), "2");
    assert_string_equal(rondo_recipe_get(last, "seed"), "5");
    assert_string_equal(rondo_recipe_get(s->runs[0].recipe, "learning_rate"), "0.1");
    assert_memory_equal(s->runs[7].name, "LSTM-8-b-16-5-", 14);
    assert_true(study_find_axis(s, "set")->chooses_data);
    assert_false(study_find_axis(s, "network")->chooses_data);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < i; k++) assert_string_not_equal(s->runs[i].name, s->runs[k].name);
    rondo_study_free(s);
}

static void names_say_what_comes_out_and_nothing_else(void **state)
{
    rondo_study *s[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        s[i] = make();
        set(s[i], "model", "{cell} 4; dense");
        set(s[i], "data", "task:adding");
        vary(s[i], "cell", "gru");
    }
    set(s[1], "threads", "7");
    set(s[1], "quiet", "true");
    set(s[2], "epochs", "7");
    for (int i = 0; i < 3; i++) assert_int_equal(grid_make(s[i]), RONDO_OK);
    assert_string_equal(s[0]->runs[0].name, s[1]->runs[0].name);
    assert_string_not_equal(s[0]->runs[0].name, s[2]->runs[0].name);
    for (int i = 0; i < 3; i++) rondo_study_free(s[i]);
}

static void paths_are_those_of_their_folder(void **state)
{
    rondo_study *s = make();
    (void)state;
    set(s, "model", "gru 4; dense");
    vary(s, "data", "a.csv");
    assert_int_equal(rondo_study_vary(s, "data", "b.csv", NULL), RONDO_OK);
    set(s, "test", "x=c.csv; y=task:adding");
    assert_int_equal(grid_make(s), RONDO_OK);
    assert_string_equal(rondo_recipe_get(s->runs[0].recipe, "data"), "recipes/a.csv");
    assert_string_equal(rondo_recipe_get(s->runs[1].recipe, "data"), "b.csv");
    assert_string_equal(rondo_recipe_get(s->runs[0].recipe, "test"),
                        "x=recipes/c.csv; y=task:adding");
    rondo_study_free(s);
}

static void circumstances_are_no_axes(void **state)
{
    static const char *const names[] = { "seed", "threads", "output", "o" };
    (void)state;
    for (int i = 0; i < 8; i++) {
        rondo_study *s = make();
        set(s, "model", "gru 4; dense");
        vary(s, i < 4 ? names[i] : "other", "1");
        if (i >= 4) bring(s, names[i - 4], "1");
        assert_int_equal(grid_make(s), RONDO_E_ARG);
        assert_non_null(strstr(rondo_error(), "; say "));
        rondo_study_free(s);
    }
}

static void two_axes_do_not_say_the_same_key(void **state)
{
    rondo_study *s = make();
    (void)state;
    set(s, "model", "gru 4; dense");
    vary(s, "lr", "0.1");
    vary(s, "task", "adding");
    bring(s, "data", "task:adding");
    bring(s, "learning_rate", "0.2");
    assert_int_equal(grid_make(s), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "both lr and task say what learning_rate is"));
    rondo_study_free(s);
}

/* ---- Tables ---- */
/* Scores [treatment][block][seed]; NaN: diverged. */
static rondo_study *with_scores(int treatments, int blocks, int seeds, const double *given)
{
    char label[16];
    rondo_study *s = make();
    set(s, "model", "gru {units}; dense");
    set(s, "data", "task:adding?seed={set}");
    for (int k = 0; k < treatments; k++) {
        snprintf(label, sizeof label, "%d", k + 1);
        vary(s, "units", label);
    }
    for (int b = 0; b < blocks; b++) {
        snprintf(label, sizeof label, "%d", b);
        vary(s, "set", label);
    }
    for (int i = 0; i < seeds; i++) rondo_study_seed(s, (uint64_t)i);
    assert_int_equal(rondo_study_measure(s, "test_mae", NULL), RONDO_OK);
    assert_int_equal(grid_make(s), RONDO_OK);
    for (int r = 0; r < s->n_runs; r++) {
        study_run *run = &s->runs[r];
        const double score = given[(run->at[0] * blocks + run->at[1]) * seeds + (int)run->seed];
        run->state = isfinite(score) ? RUN_FINISHED : RUN_DIVERGED;
        run->facts = isfinite(score) ? json_pack("{s:{s:f}}", "result", "test_mae", score)
                                     : json_object();
    }
    return s;
}

static void groups_have_mean_and_interval(void **state)
{
    const double given[] = { 1, 2, 4, 3, 5, 4 };
    study_table t;
    rondo_study *s = with_scores(2, 1, 3, given);
    (void)state;
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    const study_group *g = &t.groups[0];
    assert_true(fabs(g->mean - 7.0 / 3) < 1e-12 && fabs(g->deviation - 1.5275252316519468) < 1e-12);
    /* 4.302652729911275 = t(2) at 0.975 */
    assert_true(fabs(g->high - g->mean - 4.302652729911275 * g->deviation / sqrt(3)) < 1e-9);
    assert_true(g->best == 1 && g->worst == 4 && g->n == 3);
    assert_true(t.by_seed && t.ranked == 3); /* one block: its seeds are ranked */
    assert_true(fabs(t.ranks[0] - 3.5 / 3) < 1e-12);
    assert_string_equal(t.treatments[1], "units 2");
    table_free(&t);
    rondo_study_free(s);
}

static void who_diverges_ranks_behind(void **state)
{
    const double given[] = {
        0.1, NAN, 0.1, NAN, /* the best mean, but one of two is lost */
        0.5, 0.7, 0.5, 0.5, /* */
        NAN, NAN, 0.4, 0.4, /* lost, and best */
    };
    study_table t;
    rondo_study *s = with_scores(3, 2, 2, given);
    (void)state;
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    assert_int_equal(t.ranked, 2);
    assert_true(t.ranks[0] == 2.5 && t.ranks[1] == 1.5 && t.ranks[2] == 2);
    assert_int_equal(t.groups[2].diverged, 2);
    table_free(&t);
    s->runs[0].state = RUN_WAITING; /* its block has no ranks yet */
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    assert_int_equal(t.ranked, 1);
    assert_int_equal(t.groups[0].missing, 1);
    table_free(&t);
    rondo_study_free(s);
}

static void who_has_no_score_is_never_better(void **state)
{
    const double given[] = { NAN, NAN, 0.7, NAN, 0.9, 0.8 };
    study_table t;
    rondo_study *s = with_scores(3, 1, 2, given);
    (void)state;
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    const study_group *none = &t.groups[0], *one = &t.groups[1], *both = &t.groups[2];
    assert_true(table_better(&t, both, one) && table_better(&t, one, none));
    assert_false(table_better(&t, none, one) || table_better(&t, one, both));
    assert_false(table_better(&t, none, none));
    table_free(&t);
    json_object_clear(json_object_get(s->runs[2].facts, "result")); /* it never had such a score */
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    assert_true(t.groups[2].lacking == 1 && t.groups[2].unsolved == 0 && t.groups[2].n == 1);
    table_free(&t);
    rondo_study_free(s);
}

static void measures_are_names_of_scores(void **state)
{
    rondo_study *s = make();
    (void)state;
    assert_int_equal(rondo_study_measure(s, "../../mae", NULL), RONDO_E_ARG);
    assert_int_equal(rondo_study_measure(s, "mae", NULL), RONDO_OK);
    assert_int_equal(rondo_study_measure(s, "mae", NULL), RONDO_E_ARG);
    rondo_study_free(s);
}

static void what_is_compared_can_be_said(void **state)
{
    const double given[] = { 1, 2, 3, 4 };
    study_table t;
    rondo_study *s = with_scores(2, 2, 1, given);
    (void)state;
    assert_int_equal(rondo_study_compare(s, "set"), RONDO_OK);
    assert_int_equal(rondo_study_compare(s, "sets"), RONDO_E_NAME);
    assert_int_equal(table_make(&t, s, &s->measures[0]), RONDO_OK);
    assert_int_equal(t.n_treatments, 2);
    assert_true(t.groups[0].mean == 1 && t.groups[1].mean == 2 && t.groups[2].mean == 3);
    assert_true(t.ranks[0] == 1 && t.ranks[1] == 2);
    table_free(&t);
    rondo_study_free(s);
}

static void a_definition_is_kept_whole(void **state)
{
    char folder[] = "/tmp/rondo-study-XXXXXX", path[64];
    rondo_study *again, *s = make();
    (void)state;
    assert_non_null(mkdtemp(folder));
    alloc_free(s->folder);
    s->folder = alloc_text(folder);
    set(s, "model", "{cell} 4; dense");
    set(s, "data", "task:adding");
    vary(s, "cell", "gru");
    bring(s, "lr", "0.5");
    rondo_study_seed(s, 9);
    rondo_study_override(s, "epochs", "3");
    rondo_study_measure(s, "val_mae", "higher");
    rondo_study_compare(s, "cell");
    rondo_study_command(s, "rondo study \"x\"");
    s->seconds = 2.5;
    assert_int_equal(study_save(s), RONDO_OK);
    assert_int_equal(study_load(&again, folder), RONDO_OK);
    assert_int_equal(grid_make(s), RONDO_OK);
    assert_int_equal(grid_make(again), RONDO_OK);
    assert_string_equal(s->runs[0].name, again->runs[0].name);
    assert_true(again->axes[0].compared && again->measures[0].higher && again->seconds == 2.5);
    assert_string_equal(again->command, s->command);
    rondo_study_free(s);
    rondo_study_free(again);
    snprintf(path, sizeof path, "%s/study.json", folder);
    FILE *f = fopen(path, "w");
    fputs("{\"version\": 1, \"axes\": [{\"name\": 3}], \"seeds\": []}", f);
    fclose(f);
    assert_int_equal(study_load(&again, folder), RONDO_E_FORMAT);
    remove(path);
    remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_become_recipes),
        cmocka_unit_test(names_say_what_comes_out_and_nothing_else),
        cmocka_unit_test(paths_are_those_of_their_folder),
        cmocka_unit_test(circumstances_are_no_axes),
        cmocka_unit_test(two_axes_do_not_say_the_same_key),
        cmocka_unit_test(groups_have_mean_and_interval),
        cmocka_unit_test(who_diverges_ranks_behind),
        cmocka_unit_test(who_has_no_score_is_never_better),
        cmocka_unit_test(measures_are_names_of_scores),
        cmocka_unit_test(what_is_compared_can_be_said),
        cmocka_unit_test(a_definition_is_kept_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
