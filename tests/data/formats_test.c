/* npy, npz, idx and ts: the numbers that come out, and what is said of bad files. */
#include "data/files.h"
#include <math.h>

static void check_sample(const rondo_dataset *d, int64_t i, int64_t n, const double *x)
{
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, i, &s), RONDO_OK);
    assert_reals(s.input[0].data, n, x);
    cursor_free(&c);
}

static int32_t label_of(const rondo_dataset *d, int64_t i)
{
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, i, &s), RONDO_OK);
    const int32_t label = s.target[0].tokens[0];
    cursor_free(&c);
    return label;
}

/* ---- npy ---- */
static const float xs[12] = { 1, 2, 3, 4, 5, 6, -7, 8, 9, 10, 11, 12.5f };
static const int64_t ys[2] = { 30, 4 };

static void npy_of_every_type(void **state)
{
    (void)state;
    double f8[4] = { 1, -2, 3, 4.5 };
    int32_t i4[4] = { 1, -2, 3, 1 << 30 };
    int64_t i8[4] = { 1, -2, 3, 1LL << 40 };
    unsigned char u1[4] = { 1, 2, 3, 255 };
    static const char *const types[] = { "<f8", "<i4", "<i8", "|u1" };
    const void *const data[] = { f8, i4, i8, u1 };
    const size_t sizes[] = { sizeof f8, sizeof i4, sizeof i8, sizeof u1 };
    const double last[] = { 4.5, 1 << 30, (double)(1LL << 40), 255 };
    for (int k = 0; k < 4; k++) {
        rondo_dataset *d = must_open(put_npy("x.npy", types[k], "(2, 2)", data[k], sizes[k]),
                                     "no_target");
        assert_int_equal(d->count, 2);
        assert_int_equal(d->input[0].shape.rank, 1);
        check_sample(d, 1, REALS(3, last[k]));
        rondo_dataset_free(d);
    }
}

static void npy_with_labels(void **state)
{
    (void)state;
    const char *x = put_npy("x.npy", "<f4", "(2, 3, 2)", xs, sizeof xs);
    const char *y = put_npy("y.npy", "<i8", "(2,)", ys, sizeof ys);
    char text[600];
    snprintf(text, sizeof text, "labels=%s", y);
    rondo_dataset *d = must_open(x, text);
    assert_int_equal(d->input[0].shape.dim[0], 3);
    assert_int_equal(d->input[0].shape.dim[1], 2);
    assert_int_equal(d->length(d, 0), 3);
    check_sample(d, 1, REALS(-7, 8, 9, 10, 11, 12.5));
    assert_int_equal(d->n_classes, 2);
    assert_string_equal(d->classes[0], "4");
    assert_string_equal(d->classes[1], "30");
    assert_int_equal(label_of(d, 0), 1);
    assert_int_equal(label_of(d, 1), 0);
    rondo_dataset_free(d);
    snprintf(text, sizeof text, "as=numbers labels=%s", y);
    d = must_open(x, text);
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, 0, &s), RONDO_OK);
    assert_int_equal(d->target[0].type, RONDO_F32);
    assert_reals(s.target[0].data, REALS(30));
    cursor_free(&c);
    rondo_dataset_free(d);
    must_fail(x, "", RONDO_E_ARG, "labels=Y.npy");
    snprintf(text, sizeof text, "labels=%s", put_npy("y3.npy", "<i4", "(3,)", xs, 12));
    must_fail(x, text, RONDO_E_SHAPE, "has 2 samples, its labels");
}

static void npy_of_tokens(void **state)
{
    (void)state;
    int32_t tokens[6] = { 5, 0, 7, 1, 2, 3 }, steps[6] = { 1, 0, 1, 2, 2, 0 };
    char text[600];
    snprintf(text, sizeof text, "tokens labels=%s",
             put_npy("y.npy", "<i4", "(2, 3)", steps, sizeof steps));
    rondo_dataset *d = must_open(put_npy("x.npy", "<i4", "(2, 3)", tokens, sizeof tokens), text);
    assert_int_equal(d->input[0].type, RONDO_I32);
    assert_int_equal(d->target[0].shape.rank, 1);
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, 1, &s), RONDO_OK);
    assert_int_equal(s.input[0].steps, 3);
    assert_memory_equal(s.input[0].tokens, tokens + 3, 12);
    assert_memory_equal(s.target[0].tokens, steps + 3, 12);
    rondo_dataset_free(d);
    tokens[4] = -1;
    d = must_open(put_npy("x.npy", "<i4", "(2, 3)", tokens, sizeof tokens), text);
    assert_int_equal(d->get(d, &c, 1, &s), RONDO_E_FORMAT);
    assert_non_null(strstr(rondo_error(), "-1 is no token"));
    cursor_free(&c);
    rondo_dataset_free(d);
}

static void npz_stored_and_deflated(void **state)
{
    (void)state;
    for (int deflated = 0; deflated < 2; deflated++) {
        static zip z;
        unsigned char bytes[1024];
        memset(&z, 0, sizeof z);
        size_t n = make_npy(bytes, "<f4", "(2, 3, 2)", xs, sizeof xs);
        zip_add(&z, "x.npy", bytes, n, deflated);
        n = make_npy(bytes, "<i8", "(2,)", ys, sizeof ys);
        zip_add(&z, "labels.npy", bytes, n, !deflated);
        const char *path = put("d.npz", z.bytes, zip_end(&z));
        rondo_dataset *d = must_open(path, "y=labels");
        check_sample(d, 0, REALS(1, 2, 3, 4, 5, 6));
        assert_int_equal(label_of(d, 0), 1);
        rondo_dataset_free(d);
        must_fail(path, "", RONDO_E_NAME, "has no array \"y\"; it has: x labels");
        z.bytes[60]++; /* within x: the checksum notices, or inflate does */
        must_fail(put("d.npz", z.bytes, zip_end(&z)), "y=labels", RONDO_E_FORMAT, "x.npy");
    }
}

static size_t most_asked;
static void *(*real_hook)(void *, size_t);
static void *watch(void *p, size_t n)
{
    if (n > most_asked) most_asked = n;
    return real_hook(p, n);
}

/* Headers may claim anything; memory is asked for what the file holds. */
static void claims_are_checked_first(void **state)
{
    (void)state;
    real_hook = alloc_hook;
    alloc_hook = watch;
    most_asked = 0;
    static const char *const shapes[] = {
        "(2000000000, 3)",
        "(2, 3000000)",
        "(99999999999999999999,)",
        "(4611686018427387904, 4)",
        "(2, 2)",
        "(2, 4)",
        "()",
        "(0, 3)",
        "(1, 1, 1, 1, 1)",
        "(x)",
        "(-1, 3)",
        "(2,",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        rondo_dataset *d;
        const char *path = put_npy("h.npy", "<f4", shapes[i], xs, 24);
        const rondo_status s = rondo_dataset_open(&d, path, "no_target");
        assert_true(s == RONDO_E_FORMAT || s == RONDO_E_LIMIT || s == RONDO_E_SHAPE);
        assert_non_null(strstr(rondo_error(), "h.npy"));
    }
    alloc_hook = real_hook;
    assert_true(most_asked < 1 << 17);
    must_fail(put_npy("h.npy", ">f4", "(2, 3)", xs, 24), "no_target", RONDO_E_FORMAT,
              "Rondo reads <f4");
    float bad[4] = { 1, 2, 3, INFINITY };
    rondo_dataset *d = must_open(put_npy("h.npy", "<f4", "(2, 2)", bad, sizeof bad), "no_target");
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->get(d, &c, 0, &s), RONDO_OK);
    assert_int_equal(d->get(d, &c, 1, &s), RONDO_E_FORMAT);
    cursor_free(&c);
    rondo_dataset_free(d);
}

/* ---- idx ---- */
static const unsigned char images[] = { 0, 0, 8, 3,  0,   0,   0,   2,   0,   0, 0,   2, 0,   0,
                                        0, 3, 0, 51, 102, 153, 204, 255, 255, 0, 255, 0, 255, 0 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 7, 3 };

static void idx_images(void **state)
{
    (void)state;
    char text[600];
    snprintf(text, sizeof text, "labels=%s", put_gzip("l.gz", labels, sizeof labels));
    for (int gzip = 0; gzip < 2; gzip++) {
        const char *path = gzip ? put_gzip("i.gz", images, sizeof images)
                                : put("i.idx", images, sizeof images);
        rondo_dataset *d = must_open(path, text);
        assert_int_equal(d->count, 2);
        assert_int_equal(d->input[0].shape.dim[0], 2);
        assert_int_equal(d->input[0].shape.dim[1], 3);
        check_sample(d, 0, REALS(0, 0.2, 0.4, 0.6, 0.8, 1));
        assert_string_equal(d->classes[1], "7");
        assert_int_equal(label_of(d, 0), 1);
        rondo_dataset_free(d);
        char pixels[620];
        snprintf(pixels, sizeof pixels, "pixels %s", text);
        d = must_open(path, pixels);
        assert_int_equal(d->input[0].shape.dim[0], 6);
        assert_int_equal(d->input[0].shape.dim[1], 1);
        assert_int_equal(d->length(d, 0), 6);
        rondo_dataset_free(d);
    }
    must_fail(at("i.idx"), "", RONDO_E_ARG, "labels=FILE");
    must_fail(put("s.idx", images, sizeof images - 1), "no_target", RONDO_E_FORMAT, "cut short");
    must_fail(put("s.idx", labels, sizeof labels), "no_target pixel", RONDO_E_NAME, "\"pixels\"");
}

/* One order for all images, another for another seed; every pixel stays. */
static void idx_permuted(void **state)
{
    (void)state;
    const char *path = put("p.idx", images, sizeof images);
    rondo_dataset *d[] = { must_open(path, "no_target pixels"),
                           must_open(path, "no_target pixels permute=1"),
                           must_open(path, "no_target permute=1"),
                           must_open(path, "no_target permute=2") };
    cursor c[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
    sample s[4];
    for (int i = 0; i < 2; i++) {
        real sum = 0;
        bool moved = false, other = false;
        for (int k = 0; k < 4; k++) assert_int_equal(d[k]->get(d[k], &c[k], i, &s[k]), RONDO_OK);
        for (int k = 0; k < 6; k++) {
            const real x = s[1].input[0].data[k];
            sum += x - s[0].input[0].data[k];
            moved |= x != s[0].input[0].data[k];
            other |= x != s[3].input[0].data[k];
            assert_true(x == s[2].input[0].data[k]);
        }
        assert_near(sum, 0, 1e-6);
        assert_true(i || (moved && other)); /* the second has but two values */
    }
    for (int k = 0; k < 4; k++) {
        cursor_free(&c[k]);
        rondo_dataset_free(d[k]);
    }
    must_fail(path, "no_target permute=-1", RONDO_E_ARG, "permute is a seed");
}

static void idx_of_other_types(void **state)
{
    (void)state;
    static const unsigned char shorts[] = {
        0, 0, 0x0b, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe
    };
    static const unsigned char floats[] = { 0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0 };
    rondo_dataset *d = must_open(put("t.idx", shorts, sizeof shorts), "no_target");
    check_sample(d, 0, REALS(258, -2));
    rondo_dataset_free(d);
    d = must_open(put("t.idx", floats, sizeof floats), "no_target");
    check_sample(d, 0, REALS(1.5));
    rondo_dataset_free(d);
}

/* ---- ts ---- */
static void ts_of_unequal_lengths(void **state)
{
    (void)state;
    const char *path = put_text("a.ts", "#about\n@problemName a\n@timeStamps false\n@dimensions 2\n"
                                        "@classLabel true up down\n@data\n"
                                        "1,2,3:10,20,30:down\r\n\n4:40:up\n");
    rondo_dataset *d = must_open(path, "");
    assert_int_equal(d->count, 2);
    assert_int_equal(d->input[0].shape.dim[0], 0);
    assert_int_equal(d->input[0].shape.dim[1], 2);
    assert_int_equal(d->length(d, 0), 3);
    assert_int_equal(d->length(d, 1), 1);
    check_sample(d, 0, REALS(1, 10, 2, 20, 3, 30));
    check_sample(d, 1, REALS(4, 40));
    assert_string_equal(d->classes[0], "up"); /* in the header's order */
    assert_int_equal(label_of(d, 0), 1);
    rondo_dataset_free(d);
    d = must_open(path, "no_target");
    assert_int_equal(d->n_targets, 0);
    rondo_dataset_free(d);
    d = must_open(put_text("r.ts", "@targetLabel true\n@data\n1,2:0.5\n3,4:-2\n"), "");
    cursor c = { 0 };
    sample s;
    d->get(d, &c, 1, &s);
    assert_reals(s.target[0].data, REALS(-2));
    assert_int_equal(d->input[0].shape.dim[0], 2);
    rondo_dataset_free(d);
}

static void ts_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } table[] = {
        { "@classLabel true a\n@data\n1,2:3:a\n1,?:3,4:a\n", "e.ts:3: dimension 2 has 1 steps" },
        { "@classLabel true a\n@data\n1,?:a\n", "e.ts:3: a missing value (?)" },
        { "@classLabel true a\n@data\n1,x:a\n", "e.ts:3: column \"dimension 1\": \"x\"" },
        { "@classLabel true a\n@data\n1,2:b\n", "e.ts:3: label \"b\" is none of the classes (a)" },
        { "@classLabel true\n@data\n1,2:\n", "e.ts:3: no class" },
        { "@classLabel true a\n@data\n1:2:a\n1:a\n", "e.ts:4: 1 dimensions, expected 2" },
        { "@classLabel true a\n@seriesLength 3\n@data\n1,2:a\n", "2 steps, expected 3" },
        { "@timeStamps true\n@data\n", "e.ts:1: series with time stamps" },
        { "@classLabel false\n@data\n1,2\n", "no targets" },
        { "@classLabel true a\n", "before @data" },
        { "@classLabel true a\n@data\n", "no samples" },
        { "1,2:a\n", "expected @data" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        must_fail(put_text("e.ts", table[i].text), "", RONDO_E_FORMAT, table[i].words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_of_every_type),
        cmocka_unit_test(npy_with_labels),
        cmocka_unit_test(npy_of_tokens),
        cmocka_unit_test(npz_stored_and_deflated),
        cmocka_unit_test(claims_are_checked_first),
        cmocka_unit_test(idx_images),
        cmocka_unit_test(idx_permuted),
        cmocka_unit_test(idx_of_other_types),
        cmocka_unit_test(ts_of_unequal_lengths),
        cmocka_unit_test(ts_sentences),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
