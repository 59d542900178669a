/* CSV: what becomes of rows, sequences and windows, and what is said of bad ones. */
#include "data/files.h"
#include <locale.h>

/* ---- Rows ---- */
static void rows_are_samples(void **state)
{
    (void)state;
    rondo_dataset *d = must_open(
        put_text("a.csv",
                 "\xef\xbb\xbfname,x,y,z\r\n\"a, \"\"b\"\"\",1,2.5,-3\r\n\r\nc, 4 ,\"5\",6e2"),
        "target=z");
    assert_int_equal(d->count, 2);
    assert_int_equal(d->input[0].shape.rank, 1);
    assert_int_equal(d->input[0].shape.dim[0], 2);
    assert_int_equal(d->n_features, 2);
    assert_string_equal(d->features[0], "x");
    assert_string_equal(d->features[1], "y");
    assert_string_equal(d->targets[0], "z");
    assert_null(d->classes);
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, 1, &s), RONDO_OK);
    assert_reals(s.input[0].data, REALS(4, 5));
    assert_reals(s.target[0].data, REALS(600));
    rondo_dataset_free(d);
    d = must_open(at("a.csv"), "target=name features=3,x");
    assert_string_equal(d->classes[0], "a, \"b\"");
    assert_int_equal(d->get(d, &c, 0, &s), RONDO_OK);
    assert_reals(s.input[0].data, REALS(2.5, 1));
    rondo_dataset_free(d);
}

static void steps_cut_a_row(void **state)
{
    (void)state;
    rondo_dataset *d = must_open(put_text("s.csv", "1,2,3,4,0\n5,6,7,8,1\n"), "target=5 steps=2");
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->input[0].shape.rank, 2);
    assert_int_equal(d->input[0].shape.dim[0], 2);
    assert_int_equal(d->input[0].shape.dim[1], 2);
    d->get(d, &c, 1, &s);
    assert_int_equal(s.input[0].steps, 2);
    assert_reals(s.input[0].data, REALS(5, 6, 7, 8));
    assert_reals(s.target[0].data, REALS(1));
    rondo_dataset_free(d);
    must_fail(at("s.csv"), "target=5 steps=3", RONDO_E_SHAPE, "4 features");
}

/* header, delimiter and columns as they are found out or told */
static void layouts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *spec;
        int64_t count, features;
        double first; /* input value */
    } table[] = {
        { "a;b\n1;2\n3;4\n", "target=b", 2, 1, 1 },
        { "a\tb\n1\t2\n3\t4\n", "target=b", 2, 1, 1 },
        { "a|b\n1|2\n3|4\n", "target=b delimiter=|", 2, 1, 1 },
        { "1,2\n3,4\n", "target=2", 2, 1, 1 },
        { "1,2\n3,4\n", "target=2 header=yes", 1, 1, 3 },
        { "10,20\n3,4\n", "target=20 header=yes", 1, 1, 3 },
        { "d,2\ne,4\n", "target=1", 2, 1, 2 },
        { "2016-01-01,5,1\n2016-01-02,6,2\n", "target=3", 2, 1, 5 },
        { "date,v,y\n2016-01-01,5,1\n", "target=y", 1, 1, 5 },
        { "v,y\n", "target=1 header=no features=2", 0, 0, 0 },
        { "# title\nmore\na,b\n1,2\n", "target=b skip=2", 1, 1, 1 },
        { "a,b\r1,2\r3,4\r", "target=b", 2, 1, 1 },
        { "a,b,c\nNA,1,2\n5,6,7\n8,,1\n9,9,9\n", "target=c missing=NA", 2, 2, 5 },
        { "\"two words\",b\n1,2\n", "target='two words'", 1, 1, 2 },
        { "a,b\n,\n1,2\n", "target=b missing=NA", 1, 1, 1 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *path = put_text("l.csv", table[i].text);
        if (!table[i].count) {
            must_fail(path, table[i].spec, RONDO_E_FORMAT, "is not a number");
            continue;
        }
        rondo_dataset *d = must_open(path, table[i].spec);
        cursor c = { 0 };
        sample s;
        assert_int_equal(d->count, table[i].count);
        assert_int_equal(d->n_features, table[i].features);
        d->get(d, &c, 0, &s);
        assert_true(s.input[0].data[0] == (real)table[i].first);
        rondo_dataset_free(d);
    }
}

/* ---- Sequences ---- */
static void sequences_by_a_column(void **state)
{
    (void)state;
    const char *path = put_text("q.csv",
                                "id,x,y\na,1,10\na,2,20\nb,3,30\na,4,40\na,5,50\na,6,60\n");
    rondo_dataset *d = must_open(path, "sequence=id target=y");
    static const int64_t steps[] = { 2, 1, 3 };
    static const double last[] = { 20, 30, 60 };
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->count, 3);
    assert_int_equal(d->input[0].shape.dim[0], 0);
    assert_int_equal(dataset_longest(d), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(d->length(d, i), steps[i]);
        d->get(d, &c, i, &s);
        assert_int_equal(s.input[0].steps, steps[i]);
        assert_int_equal(s.target[0].steps, 1);
        assert_reals(s.target[0].data, REALS(last[i]));
    }
    assert_reals(s.input[0].data, REALS(4, 5, 6));
    rondo_dataset_free(d);
    d = must_open(path, "sequence=id target=y per_step");
    d->get(d, &c, 2, &s);
    assert_int_equal(s.target[0].steps, 3);
    assert_reals(s.target[0].data, REALS(40, 50, 60));
    rondo_dataset_free(d);
    d = must_open(path, "sequence=id target=y window=2"); /* no window over an end */
    assert_int_equal(d->count, 1);
    d->get(d, &c, 0, &s);
    assert_reals(s.input[0].data, REALS(4, 40, 5, 50));
    assert_reals(s.target[0].data, REALS(60));
    rondo_dataset_free(d);
}

/* ---- Windows: input is rows i…i+window-1, targets rows i+window…i+window+horizon-1 ---- */
static void windows_by_numbers(void **state)
{
    (void)state;
    enum { ROWS = 20 };
    char text[1024] = "x,y\n";
    for (int i = 0; i < ROWS; i++) snprintf(text + strlen(text), 32, "%d,%d\n", i, 100 + i);
    const char *path = put_text("w.csv", text);
    for (int64_t window = 1; window <= 20; window++)
        for (int64_t horizon = 1; horizon <= 3; horizon++)
            for (int64_t stride = 1; stride <= 3; stride++) {
                char spec_text[100];
                snprintf(spec_text, sizeof spec_text,
                         "target=y window=%lld horizon=%lld stride=%lld", (long long)window,
                         (long long)horizon, (long long)stride);
                int64_t count = 0;
                while (count * stride + window + horizon <= ROWS) count++;
                if (!count) {
                    must_fail(path, spec_text, RONDO_E_FORMAT, "20 rows make no window");
                    continue;
                }
                rondo_dataset *d = must_open(path, spec_text);
                assert_int_equal(d->count, count);
                assert_int_equal(d->target[0].shape.dim[0], horizon);
                cursor c = { 0 };
                for (int64_t i = 0; i < count; i++) {
                    sample s;
                    d->get(d, &c, i, &s);
                    assert_int_equal(s.input[0].steps, window);
                    for (int64_t t = 0; t < window; t++) { /* the target is a feature too */
                        assert_true(s.input[0].data[2 * t] == (real)(i * stride + t));
                        assert_true(s.input[0].data[2 * t + 1] == (real)(100 + i * stride + t));
                    }
                    for (int64_t h = 0; h < horizon; h++)
                        assert_true(s.target[0].data[h] == (real)(100 + i * stride + window + h));
                }
                rondo_dataset_free(d);
            }
}

static void windows_of_other_kinds(void **state)
{
    (void)state;
    cursor c = { 0 };
    sample s;
    const char *path = put_text("k.csv",
                                "x,y,c\n1,10,up\n2,20,up\n3,30,down\n4,40,up\n5,50,down\n");
    rondo_dataset *d = must_open(path, "window=2 horizon=2 target=x,y features=x");
    assert_int_equal(d->count, 2);
    assert_int_equal(d->n_target_names, 2);
    assert_int_equal(d->target[0].shape.dim[0], 4);
    d->get(d, &c, 1, &s);
    assert_reals(s.input[0].data, REALS(2, 3));
    assert_reals(s.target[0].data, REALS(4, 40, 5, 50));
    rondo_dataset_free(d);
    d = must_open(path, "window=2 horizon=2 target=c"); /* the class of the row `horizon` ahead */
    assert_int_equal(d->count, 2);
    d->get(d, &c, 0, &s);
    assert_int_equal(s.target[0].tokens[0], 1);
    d->get(d, &c, 1, &s);
    assert_int_equal(s.target[0].tokens[0], 0);
    rondo_dataset_free(d);
    d = must_open(path, "window=2 no_target features=x"); /* up to the very end */
    assert_int_equal(d->count, 4);
    assert_int_equal(d->n_targets, 0);
    rondo_dataset_free(d);
    path = put_text("g.csv", "v\n1\n2\n3\n***\n5\n6\n7\n"); /* no window over a gap */
    d = must_open(path, "window=2 missing=***");
    assert_int_equal(d->count, 2);
    d->get(d, &c, 1, &s);
    assert_reals(s.input[0].data, REALS(5, 6));
    assert_reals(s.target[0].data, REALS(7));
    rondo_dataset_free(d);
}

/* ---- Classes ---- */
static void classes_have_an_order(void **state)
{
    (void)state;
    const char *path = put_text("c.csv", "x,y\n1,10\n2,9.0\n3,9\n4,-1.5\n5,10\n");
    rondo_dataset *d = must_open(path, "target=y as=classes");
    static const char *const names[] = { "-1.5", "9", "10" };
    static const int32_t labels[] = { 2, 1, 1, 0, 2 };
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->n_classes, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(d->classes[i], names[i]);
    assert_null(d->classes[3]);
    for (int i = 0; i < 5; i++) {
        d->get(d, &c, i, &s);
        assert_int_equal(s.target[0].tokens[0], labels[i]);
    }
    rondo_dataset_free(d);
    char *known[] = { "zebra", "ant", "10" };
    reader_request q = { .path = put_text("t.csv", "x,y\n1,ant\n2,10.0\n3,zebra\n"),
                         .spec = "target=y",
                         .classes = known,
                         .n_classes = 3 };
    assert_int_equal(reader_open(&d, &q), RONDO_OK);
    for (int i = 0; i < 3; i++) {
        d->get(d, &c, i, &s);
        assert_int_equal(s.target[0].tokens[0], (i + 1) % 3);
    }
    rondo_dataset_free(d);
    q.n_classes = 2;
    assert_int_equal(reader_open(&d, &q), RONDO_E_FORMAT);
    assert_non_null(
        strstr(rondo_error(), "t.csv:3: label \"10.0\" is none of the classes (zebra, ant)"));
}

/* ---- What is said ---- */
static void sentences(void **state)
{
    (void)state;
    static const struct {
        const char *text, *spec;
        rondo_status code;
        const char *words;
    } table[] = {
        { "x,volume\n1,2\n3,abc\n", "target=volume", RONDO_E_FORMAT,
          "e.csv:3: column \"volume\": \"abc\" is not a number" },
        { "x,y\n1,2\nabc,3\n", "target=y", RONDO_E_FORMAT,
          "e.csv:3: column \"x\": \"abc\" is not a number" },
        { "x,y\n1,2\nnan,3\n", "target=y", RONDO_E_FORMAT, "\"nan\" is not a finite number" },
        { "x,y\n1,2\n3,-inf\n", "target=y", RONDO_E_FORMAT, "e.csv:3: column \"y\": \"-inf\"" },
        { "x,y\n1,2\n1e999,2\n", "target=y", RONDO_E_FORMAT, "not a finite number" },
        { "x,y\n1,2\n,2\n", "target=y", RONDO_E_FORMAT, "e.csv:3: column \"x\" is empty" },
        { "x,y\n1,2\n3\n", "target=y", RONDO_E_FORMAT, "e.csv:3: 1 cells, expected 2" },
        { "x,z,y\n\"a\nb\",1,2\n3,4\n", "target=y", RONDO_E_FORMAT,
          "e.csv:4: 2 cells, expected 3" },
        { "x,y\n1,\"2\n", "target=y", RONDO_E_FORMAT, "e.csv:2: a quote is opened" },
        { "x,y\n1,\"2\"3\n", "target=y", RONDO_E_FORMAT, "e.csv:2: text after a closing quote" },
        { "volume,y\n1,2\n", "target=volum", RONDO_E_NAME, "no column \"volum\" in " },
        { "volume,y\n1,2\n", "target=volum", RONDO_E_NAME, "did you mean \"volume\"?" },
        { "volume,y\n1,2\n", "target=9", RONDO_E_NAME, "its columns are volume, y" },
        { "x,y\n1,2\n", "", RONDO_E_ARG, "Say target=NAME (--target NAME), one of x, y" },
        { "x,y\n1,2\n", "target=y,y", RONDO_E_ARG, "named twice" },
        { "x,y\n1,2\n", "targt=y", RONDO_E_NAME, "did you mean \"target\"?" },
        { "x,y\n1,2\n", "target=y window=a", RONDO_E_ARG, "window" },
        { "x,y\n1,2\n", "target=y window=2 horizon=0", RONDO_E_ARG, "1 or more" },
        { "x,y\n1,2\n", "target=y per_step", RONDO_E_ARG, "per_step goes with sequence" },
        { "x,y\n1,2\n", "target=y delimiter=ab", RONDO_E_ARG, "delimiter is" },
        { "x,y\n1,2\n", "target=y header=maybe", RONDO_E_ARG, "header is" },
        { "x,y\n1,2\n", "target=y format=cvs", RONDO_E_NAME, "did you mean \"csv\"?" },
        { "x,y\n1,2\n", "target=y as=words", RONDO_E_ARG, "classes or numbers" },
        { "x,y\n", "target=y header=yes", RONDO_E_FORMAT, "no rows" },
        { "", "target=y", RONDO_E_FORMAT, "is empty" },
        { "\n\n", "target=y", RONDO_E_FORMAT, "no rows" },
        { "a,b\nx,y\n", "target=b", RONDO_E_FORMAT, "no column of numbers" },
        { "x,y\n1,\xff\n", "target=y", RONDO_E_FORMAT, "not UTF-8" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        must_fail(put_text("e.csv", table[i].text), table[i].spec, table[i].code, table[i].words);
    must_fail(at("none.csv"), "target=y", RONDO_E_IO, "none.csv");
    must_fail(folder, "target=y", RONDO_E_IO, folder);
    must_fail(put("b.csv", "a\0b", 3), "target=y", RONDO_E_FORMAT, "no reader knows");
}

static void names_with_commas(void **state)
{
    (void)state;
    rondo_dataset *d = must_open(put_text("n.csv", "\"a,b\",\"b\",y,c\n1,2,3,4\n"),
                                 "target=y features='c, a,b'");
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, 0, &s), RONDO_OK);
    assert_int_equal(d->n_features, 2);
    assert_reals(s.input[0].data, REALS(4, 1));
    rondo_dataset_free(d);
    must_fail(at("n.csv"), "target=y labels=other.csv", RONDO_E_ARG, "no labels file");
}

/* Numbers do not depend on the locale that a program has set. */
static void decimal_points(void **state)
{
    (void)state;
    static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "C" };
    double v = 0;
    for (int i = 0; i < 3; i++) {
        setlocale(LC_ALL, locales[i]);
        assert_int_equal(number_parse(&v, "1.5e1", 5), NUMBER_OK);
        assert_true(v == 15);
    }
    static const char *const not [] = { "", "1,5", "0x10", "1.5.2", "e", "-", "1 2", "--1", "1e" };
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        assert_int_equal(number_parse(&v, not [i], strlen(not [i])), NUMBER_TEXT);
    static const char *const wild[] = { "nan", "NaN", "-Inf", "+infinity", "1e400" };
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        assert_int_equal(number_parse(&v, wild[i], strlen(wild[i])), NUMBER_NOT_FINITE);
}

static void digests_follow_the_content(void **state)
{
    (void)state;
    rondo_dataset *a = must_open(put_text("d1.csv", "x,y\n1,2\n"), "target=y");
    rondo_dataset *b = must_open(put_text("d2.csv", "x,y\n1,2\n"), "target=y");
    rondo_dataset *c = must_open(put_text("d3.csv", "x,y\n1,3\n"), "target=y");
    assert_true(a->digest && a->digest == b->digest && a->digest != c->digest);
    rondo_dataset_free(a);
    rondo_dataset_free(b);
    rondo_dataset_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_samples),
        cmocka_unit_test(steps_cut_a_row),
        cmocka_unit_test(layouts),
        cmocka_unit_test(sequences_by_a_column),
        cmocka_unit_test(windows_by_numbers),
        cmocka_unit_test(windows_of_other_kinds),
        cmocka_unit_test(classes_have_an_order),
        cmocka_unit_test(sentences),
        cmocka_unit_test(names_with_commas),
        cmocka_unit_test(decimal_points),
        cmocka_unit_test(digests_follow_the_content),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
