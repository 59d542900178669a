/* Reports: every sentence in both languages with the same blanks; pages that are well-formed, ask nothing
 * of a network and keep hostile names harmless. */
#include "data/files.h"
#include "insight/insight.h"

/* The conversions of a format, one after the other: "%s%lld%.2g%%". */
static void blanks(char out[64], const char *format)
{
    size_t n = 0;
    for (const char *at = format; (at = strchr(at, '%')) != NULL;) {
        size_t length = 1 + strspn(at + 1, ".0123456789l");
        for (length++; length && n < 63; length--) out[n++] = *at++;
    }
    out[n] = 0;
}

static void every_word_twice(void **state)
{
    (void)state;
    for (int i = 0; i < WORDS; i++) {
        char en[64], zh[64];
        const char *english = page_word(i, false), *chinese = page_word(i, true);
        if (!english || !chinese || !*english || !*chinese) fail_msg("sentence %d lacks one", i);
        blanks(en, english);
        blanks(zh, chinese);
        assert_string_equal(en, zh);
    }
}

static const char *page_of(const char *run, const char *key, const char *option, file_map *map)
{
    rondo_recipe *r = rondo_recipe_new();
    if (key) assert_int_equal(rondo_recipe_set(r, "report", key, option), RONDO_OK);
    const char *path = at("page.html");
    if (rondo_report(run, r, path)) fail_msg("%s", rondo_error());
    rondo_recipe_free(r);
    assert_int_equal(file_map_open(map, path), RONDO_OK);
    char *text = alloc_array((int64_t)map->size + 1, 1);
    memcpy(text, map->data, map->size);
    return text;
}

/* Elements close in order, but those of HTML that have no end. */
static void assert_well_formed(const char *page)
{
    static const char *const endless[] = { "meta", "!DOCTYPE" };
    char open[64][24];
    int depth = 0;
    for (const char *from = page; (from = strchr(from, '<')) != NULL;) {
        const char *end = strchr(from, '>');
        assert_non_null(end);
        const bool closing = from[1] == '/';
        const size_t n = strcspn(from + 1 + closing, " >/\n");
        char name[24];
        snprintf(name, sizeof name, "%.*s", n < 23 ? (int)n : 23, from + 1 + closing);
        bool alone = end[-1] == '/';
        for (int i = 0; i < 2; i++) alone |= !strcmp(name, endless[i]);
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!alone) {
            assert_true(depth < 64);
            snprintf(open[depth++], sizeof *open, "%s", name);
        }
        from = end;
    }
    assert_int_equal(depth, 0);
}

static void assert_alone(const char *page, size_t most)
{
    static const char *const asks[] = { "https:", "<script", "src=", "@import", "url(", "onload" };
    assert_true(strlen(page) < most);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) assert_null(strstr(page, asks[i]));
    for (const char *from = page; (from = strstr(from, "http:")) != NULL; from++)
        assert_memory_equal(from, "http://www.w3.org/2000/svg", 26);
}

/* Trains a tiny model on this table, in the folder "run". */
static const char *trained(const char *layers, const char *table, const char *scale,
                           const char *epochs)
{
    static char run[512];
    rondo_recipe *r = rondo_recipe_new();
    snprintf(run, sizeof run, "%s", at("run"));
    const char *const pairs[][2] = { { "model", layers },
                                     { "data", put_text("d.csv", table) },
                                     { "target", "y" },
                                     { "output", run },
                                     { "epochs", epochs },
                                     { "fresh", "true" },
                                     { "steps", "2" },
                                     { "scale", scale },
                                     { "validation_split", ".3" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(rondo_recipe_set(r, "train", pairs[i][0], pairs[i][1]), RONDO_OK);
    if (rondo_run_train(r, NULL, 0, NULL, NULL, NULL)) fail_msg("%s", rondo_error());
    rondo_recipe_free(r);
    return run;
}

static void classifier(void **state)
{
    static const char table[] = "a<b,\"c&\"\"d\",e,f,y\n"
                                "1,2,3,4,<script>\n2,3,4,5,b&c\n3,1,0,2,<script>\n0,0,1,1,b&c\n"
                                "1,0,3,4,<script>\n2,3,0,5,b&c\n3,1,7,2,<script>\n0,5,1,1,b&c\n";
    file_map map;
    (void)state;
    const char *run = trained("gru 3; dense softmax", table, "none", "2");
    for (int zh = 0; zh < 2; zh++) {
        const char *page = page_of(run, "lang", zh ? "zh" : "en", &map);
        assert_well_formed(page);
        assert_alone(page, 400000);
        assert_non_null(strstr(page, zh ? "混淆矩阵" : "Confusion matrix"));
        assert_non_null(strstr(page, "&lt;script&gt;"));
        assert_non_null(strstr(page, zh ? "学习曲线" : "Learning curves"));
        alloc_free((void *)page);
        file_map_close(&map);
    }
}

static void numbers(void **state)
{
    static const char table[] = "a,b,y\n1,2,0.5\n2,3,1\n3,1,2\n0,0,3\n5,1,2\n0,2,1\n";
    file_map map;
    (void)state;
    const char *page = page_of(trained("gru 3; dense", table, "standard", "3"), NULL, NULL, &map);
    assert_well_formed(page);
    assert_alone(page, 300000);
    assert_non_null(strstr(page, "always the mean"));
    assert_non_null(strstr(page, "scaled targets"));
    alloc_free((void *)page);
    file_map_close(&map);
}

/* Without a model, a log or data there is less to say; without a run, nothing. */
static void lacking(void **state)
{
    static const char table[] = "a,b,y\n1,2,0.5\n2,3,1\n3,1,2\n0,0,3\n5,1,2\n0,2,1\n";
    const char *run = trained("gru 3; dense", table, "none", "1");
    char path[600];
    file_map map;
    (void)state;
    unlink(at("d.csv"));
    const char *page = page_of(run, NULL, NULL, &map);
    assert_non_null(strstr(page, "There are no data to judge it by"));
    alloc_free((void *)page);
    file_map_close(&map);
    snprintf(path, sizeof path, "%s/log.csv", run);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.safetensors", run);
    unlink(path);
    page = page_of(run, NULL, NULL, &map);
    assert_well_formed(page);
    assert_non_null(strstr(page, "not finished"));
    assert_non_null(strstr(page, "nothing to draw"));
    alloc_free((void *)page);
    file_map_close(&map);
    rondo_recipe *r = rondo_recipe_new();
    assert_int_equal(rondo_report(at("nowhere"), r, NULL), RONDO_E_IO);
    assert_non_null(strstr(rondo_error(), "no run directory"));
    assert_int_equal(rondo_recipe_set(r, "report", "lang", "de"), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "lang is \"de\", expected en|zh"));
    rondo_recipe_free(r);
}

static int remove_run(void **state)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s/run'", folder);
    if (system(command)) return -1;
    return files_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_twice),
        cmocka_unit_test(classifier),
        cmocka_unit_test(numbers),
        cmocka_unit_test(lacking),
    };
    return cmocka_run_group_tests(tests, files_begin, remove_run);
}
