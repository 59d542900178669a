/* Metrics by groups: Fairlearn's MetricFrame by hand, where groups come from, and what is refused. */
#include "data/files.h"
#include "insight/insight.h"
#include <math.h>

static rondo_pipeline *pipeline; /* answers its input; compared by mae */

/* y = x, judged by mae and mse. */
static int identity(void **state)
{
    rondo_model *m = rondo_model_new();
    real one = 1;
    const rondo_array w = { &one, RONDO_F32, { 2, { 1, 1 } }, NULL };
    (void)state;
    if (files_begin(state)) return -1;
    rondo_input(m, RONDO_F32, RONDO_SHAPE(1));
    rondo_add_spec(m, "dense 1");
    if (pipeline_new(&pipeline, registry_find(REGISTRY_TASK, "regress"))) return -1;
    pipeline->model = m;
    pipeline->loss = alloc_text("mse");
    pipeline->metrics = alloc_text("mae");
    if (model_prepare(m, 0) || rondo_weight_set(m, "dense.kernel", &w)) return -1;
    return pipeline_seal(pipeline);
}

static int remove_all(void **state)
{
    rondo_pipeline_free(pipeline);
    return files_end(state);
}

static rondo_status open_by(rondo_dataset **d, const char *text, const char *by, const char *groups,
                            const char *sequence)
{
    rondo_recipe *r = rondo_recipe_new();
    rondo_recipe_set(r, "eval", "data", put_text("g.csv", text));
    rondo_recipe_set(r, "eval", "target", "y");
    rondo_recipe_set(r, "eval", "features", "x");
    if (by) rondo_recipe_set(r, "eval", "by", by);
    if (sequence) rondo_recipe_set(r, "eval", "sequence", sequence);
    if (groups) rondo_recipe_set(r, "eval", "groups", groups);
    const rondo_status s = rondo_pipeline_data(pipeline, d, r, true);
    rondo_recipe_free(r);
    return s;
}

/* Errors of the groups: a 1 1 4 (mean 2), b 1 (1), c 0.5 1.5 0.5 (5/6); of all 9.5 / 7. */
static const char table[] = "x,y,who,sex\n"
                            "1,2,a,f\n2,1,a,m\n0,4,a,f\n5,4,b,f\n"
                            "1,1.5,c,f\n1,2.5,c,f\n1,0.5,c,f\n";

static void as_metric_frame(void **state)
{
    rondo_dataset *d;
    rondo_breakdown *b;
    (void)state;
    assert_int_equal(open_by(&d, table, "who", NULL, NULL), RONDO_OK);
    assert_int_equal(rondo_breakdown_new(&b, pipeline, d, 2), RONDO_OK);
    assert_int_equal(b->n_groups, 3);
    assert_string_equal(b->by[0], "who");
    assert_string_equal(b->group[2].value[0], "c");
    assert_int_equal(b->group[2].samples, 3);
    assert_int_equal(b->n_scores, 2);
    assert_string_equal(b->name[1], "mae");
    const double all = 9.5 / 7;
    const rondo_spread *s = &b->spread[1];
    assert_float_equal(b->whole[1], all, 1e-6);
    assert_float_equal(b->group[0].score[1], 2, 1e-6);
    assert_float_equal(b->group[0].score[0], 6, 1e-6); /* mse: 1 1 16 */
    assert_float_equal(b->group[1].score[1], 1, 1e-6);
    assert_float_equal(b->group[2].score[1], 2.5 / 3, 1e-6);
    assert_float_equal(s->min, 2.5 / 3, 1e-6);
    assert_float_equal(s->max, 2, 1e-6);
    assert_float_equal(s->difference, 2 - 2.5 / 3, 1e-6);
    assert_float_equal(s->ratio, 2.5 / 6, 1e-6);
    assert_float_equal(s->overall_difference, 2 - all, 1e-6); /* |2-all| > |0.83-all| */
    assert_float_equal(s->overall_ratio, 2.5 / 3 / all, 1e-6);
    assert_true(b->group[0].small);
    assert_true(isnan(b->group[0].low[1])); /* an error is no share */
    assert_false(s->overlap);
    rondo_breakdown_free(b);
    rondo_dataset_free(d);
}

/* Two columns make every combination; those without samples are left out of the comparison. */
static void combinations(void **state)
{
    rondo_dataset *d;
    rondo_breakdown *b;
    (void)state;
    assert_int_equal(open_by(&d, table, "who,sex", NULL, NULL), RONDO_OK);
    assert_int_equal(rondo_breakdown_new(&b, pipeline, d, 32), RONDO_OK);
    assert_int_equal(b->n_groups, 6); /* af am bf bm cf cm */
    assert_string_equal(b->group[1].value[1], "m");
    assert_float_equal(b->group[0].score[1], 2.5, 1e-6);
    assert_float_equal(b->group[1].score[1], 1, 1e-6);
    assert_int_equal(b->group[3].samples, 0);
    assert_true(isnan(b->group[3].score[1]));
    assert_true(b->group[3].small);
    assert_float_equal(b->spread[1].difference, 2.5 - 2.5 / 3, 1e-6);
    rondo_breakdown_free(b);
    rondo_dataset_free(d);
}

/* Accuracy is a share: 40 of 50 and 15 of 50; statsmodels' proportion_confint(method="wilson"). */
static void shares(void **state)
{
    rondo_dataset *d;
    rondo_breakdown *b;
    char *text = alloc_array(4096, 1);
    size_t at = (size_t)sprintf(text, "x,y,who\n");
    (void)state;
    for (int i = 0; i < 100; i++) {
        const bool right = i < 50 ? i < 40 : i < 65;
        at += (size_t)sprintf(text + at, "%d,%d,%s\n", i % 2, right ? i % 2 : 1 - i % 2,
                              i < 50 ? "a" : "b");
    }
    alloc_free(pipeline->metrics);
    pipeline->metrics = alloc_text("binary_accuracy");
    assert_int_equal(open_by(&d, text, "who", NULL, NULL), RONDO_OK);
    assert_int_equal(rondo_breakdown_new(&b, pipeline, d, 32), RONDO_OK);
    assert_float_equal(b->group[0].score[1], 0.8, 1e-6);
    assert_float_equal(b->group[0].low[1], 0.669629, 1e-5);
    assert_float_equal(b->group[0].high[1], 0.887562, 1e-5);
    assert_float_equal(b->group[1].low[1], 0.191036, 1e-5);
    assert_float_equal(b->group[1].high[1], 0.437504, 1e-5);
    assert_true(b->group[0].small); /* wider than 0.2 */
    assert_false(b->spread[1].overlap);
    assert_float_equal(b->spread[1].ratio, 0.375, 1e-6);
    alloc_free(text);
    rondo_breakdown_free(b);
    rondo_dataset_free(d);
}

static void other_tables(void **state)
{
    rondo_dataset *d;
    (void)state;
    assert_int_equal(
        open_by(&d, "x,y\n1,2\n3,4\n", "who", put_text("who.csv", "no,who\n1,10\n2,9\n"), NULL),
        RONDO_OK);
    assert_int_equal(d->n_groups, 1);
    assert_string_equal(d->groups[0].values[0], "9"); /* numbers by value */
    assert_int_equal(d->groups[0].of[0], 1);
    rondo_dataset_free(d);
}

static void refused(void **state)
{
    static const struct {
        const char *text, *by, *groups, *sequence, *says;
    } rows[] = {
        { "x,y,who\n1,2,a\n", "whom", NULL, NULL, "did you mean \"who\"" },
        { "x,y,who\n1,2,a\n", "1,2,3,4,5", NULL, NULL, "1 to 4 columns" },
        { "x,y\n1,2\n", "who", "who\n1\n2\n", NULL, "2 rows under its header, the data 1" },
        { "x,y\n1,2\n", "who", "a,b\n1,2\n", NULL, "no column \"who\"" },
        { "x,y\n1,2\n", NULL, "who\n1\n", NULL, "say --by COLUMN" },
        { "x,y,who,s\n1,2,a,1\n2,3,b,1\n", "who", NULL, "s", "both \"a\" and \"b\"" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rondo_dataset *d = NULL;
        const char *groups = rows[i].groups ? put_text("who.csv", rows[i].groups) : NULL;
        assert_int_not_equal(open_by(&d, rows[i].text, rows[i].by, groups, rows[i].sequence),
                             RONDO_OK);
        assert_null(d);
        if (!strstr(rondo_error(), rows[i].says))
            fail_msg("no \"%s\" in: %s", rows[i].says, rondo_error());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_metric_frame), cmocka_unit_test(combinations), cmocka_unit_test(shares),
        cmocka_unit_test(other_tables),    cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, identity, remove_all);
}
