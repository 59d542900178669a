/* Samples that count by their class. */
#include "data/files.h"

static rondo_dataset *open_classes(void)
{
    /* six of a, two of b, none of c */
    const char *path = put_text("c.txt", "a 1\na 2\nb 3\na 4\na 5\nb 6\na 7\na 8\n");
    rondo_dataset *d;
    char *classes[] = { (char[]){ "a" }, (char[]){ "b" }, (char[]){ "c" }, NULL };
    const reader_request q = { .path = path,
                               .spec = "format=text label=first",
                               .classes = classes,
                               .n_classes = 3,
                               .text = true };
    assert_int_equal(reader_open(&d, &q), RONDO_OK);
    return d;
}

static double weight_of(const rondo_dataset *d, int64_t i)
{
    sample s = { .weight = 1 };
    assert_int_equal(d->get(d, NULL, i, &s), RONDO_OK);
    return s.weight;
}

/* scikit-learn: n_samples / (n_classes * np.bincount(y)) */
static void balanced(void **state)
{
    (void)state;
    rondo_dataset *d = open_classes();
    const char *text;
    size_t n;
    assert_false(d->weighted);
    assert_int_equal(class_weights(&d, "balanced"), RONDO_OK);
    assert_true(d->weighted);
    assert_int_equal(d->count, 8);
    assert_near(weight_of(d, 0), 8.0 / (3 * 6), 1e-6);
    assert_near(weight_of(d, 2), 8.0 / (3 * 2), 1e-6);
    assert_int_equal(d->text(d, NULL, 2, &text, &n), RONDO_OK);
    assert_int_equal(*text, '3');
    assert_string_equal(d->classes[2], "c");
    rondo_dataset_free(d);
}

static void by_name(void **state)
{
    (void)state;
    rondo_dataset *d = open_classes();
    assert_int_equal(class_weights(&d, "b=2.5 c=0"), RONDO_OK);
    assert_near(weight_of(d, 0), 1, 0);
    assert_near(weight_of(d, 2), 2.5, 0);
    static const char *const bad[] = { "x=2", "a=-1", "a=b", "a", "evenly" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(class_weights(&d, bad[i]), RONDO_E_ARG);
        assert_non_null(strstr(rondo_error(), "class_weight"));
    }
    assert_near(weight_of(d, 2), 2.5, 0); /* as it was */
    rondo_dataset_free(d);
    d = must_open(put_text("n.csv", "x,y\n1,0.5\n2,0.25\n"), "target=y");
    assert_int_equal(class_weights(&d, "balanced"), RONDO_E_ARG);
    rondo_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(balanced), cmocka_unit_test(by_name) };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
