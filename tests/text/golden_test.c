/* Tokenizers that the package `tokenizers` trained or built, and what it makes of texts: ours gives
 * the same ids and the same texts.  tests/golden/make_tokenizers.py makes the files. */
#define _POSIX_C_SOURCE 200809L
#include "text/tokens.h"
#include "ext/ext.h"

static const char folder[] = "tests/golden/tokenizers";

static int compare_ids(const char *name, const char *text, const token_list *l, const json_t *ids)
{
    int64_t i = 0;
    const int64_t n = (int64_t)json_array_size(ids);
    while (i < n && i < l->n && json_integer_value(json_array_get(ids, (size_t)i)) == l->id[i]) i++;
    if (i == n && i == l->n) return 0;
    char *wanted = json_dumps(ids, JSON_COMPACT);
    print_error("%s: \"%s\": token %lld; the package gives %s, we\n ", name, text, (long long)i,
                wanted);
    free(wanted);
    for (i = 0; i < l->n; i++) print_error("%d,", l->id[i]);
    print_error("\n");
    return 1;
}

static int run_case(const char *name, const tokenizer *t, const json_t *row)
{
    const char *text = json_string_value(json_array_get(row, 0));
    const json_t *ids = json_array_get(row, 1);
    const char *decoded = json_string_value(json_array_get(row, 2));
    token_list plain = { 0 }, spans = { .spans = true };
    text_buffer out = { 0 };
    int wrong = 0;
    /* Each twice: the second time words come from the cache, if there is one. */
    for (int i = 0; i < 2; i++) {
        plain.n = spans.n = 0;
        assert_int_equal(tokenizer_encode(t, text, strlen(text), &plain), RONDO_OK);
        assert_int_equal(tokenizer_encode(t, text, strlen(text), &spans), RONDO_OK);
        wrong |= compare_ids(name, text, &plain, ids) | compare_ids(name, text, &spans, ids);
    }
    for (int64_t i = 0; i < spans.n; i++)
        assert_true(0 <= spans.begin[i] && spans.begin[i] <= spans.end[i] &&
                    spans.end[i] <= (int64_t)strlen(text));
    assert_int_equal(tokenizer_decode(t, plain.id, plain.n, &out), RONDO_OK);
    if (strcmp(out.data ? out.data : "", decoded) != 0) {
        print_error("%s: \"%s\" becomes \"%s\"; the package gives \"%s\"\n", name, text,
                    out.data ? out.data : "", decoded);
        wrong = 1;
    }
    text_free(&out);
    token_list_free(&plain);
    token_list_free(&spans);
    return wrong;
}

static int run_file(const char *name)
{
    char *path = file_join(folder, name);
    file_map map;
    json_t *file, *row;
    tokenizer *t;
    size_t i;
    int wrong = 0;
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    assert_int_equal(json_read(&file, (const char *)map.data, map.size, path), RONDO_OK);
    file_map_close(&map);
    const rondo_status s = tokenizer_from_json(&t, json_object_get(file, "tokenizer"));
    if (s == RONDO_E_ABSENT && !regex_engine()) {
        print_message("%s: skipped: %s\n", name, rondo_error());
    } else if (s) {
        print_error("%s: %s\n", name, rondo_error());
        wrong = 1;
    } else {
        const json_t *rows = json_object_get(file, "cases");
        assert_true(json_array_size(rows) > 30);
        json_array_foreach (rows, i, row) wrong += run_case(name, t, row);
        tokenizer_free(t);
    }
    json_decref(file);
    alloc_free(path);
    return wrong;
}

static void as_the_package(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    int files = 0, wrong = 0;
    ext_register();
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        const char *only = getenv("RONDO_GOLDEN_ONLY");
        if (e->d_name[0] == '.' || (only && !strstr(e->d_name, only))) continue;
        wrong += run_file(e->d_name) != 0;
        files++;
    }
    closedir(d);
    print_message("%d tokenizers\n", files);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_the_package) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
