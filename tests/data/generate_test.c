/* Generated tasks: the same from the same seed, true to their definition, and with the statistics
 * they claim. */
#include "data/files.h"
#include <math.h>

static void get(const rondo_dataset *d, cursor *c, int64_t i, sample *s)
{
    assert_int_equal(d->get(d, c, i, s), RONDO_OK);
}

static bool same(const rondo_dataset *a, int64_t i, const rondo_dataset *b, int64_t k)
{
    cursor c[2] = { { 0 }, { 0 } };
    sample s[2];
    get(a, &c[0], i, &s[0]);
    get(b, &c[1], k, &s[1]);
    const int64_t n = s[0].input[0].steps * field_features(&a->input[0]);
    bool equal = s[0].input[0].steps == s[1].input[0].steps;
    if (equal && s[0].input[0].data)
        equal = !memcmp(s[0].input[0].data, s[1].input[0].data, (size_t)n * sizeof(real));
    else if (equal)
        equal = !memcmp(s[0].input[0].tokens, s[1].input[0].tokens, (size_t)n * 4);
    cursor_free(&c[0]);
    cursor_free(&c[1]);
    return equal;
}

/* Every row of the table: same seed, same samples, whatever their number; other seed or item,
 * others. */
static void a_function_of_seed_and_item(void **state)
{
    (void)state;
    rondo_tables();
    for (int k = 0; k < registry_count(REGISTRY_GENERATOR); k++) {
        char path[100];
        snprintf(path, sizeof path, "task:%s?count=30", registry_name(REGISTRY_GENERATOR, k));
        rondo_dataset *a = must_open(path, ""), *b = must_open(path, "count=50");
        rondo_dataset *c = must_open(path, "seed=1"), *huge = must_open(path, "count=4000000000");
        assert_int_equal(a->count, 30);
        assert_int_equal(b->count, 50);
        assert_true(a->digest && a->digest != b->digest && a->digest != c->digest);
        for (int64_t i = 0; i < 30; i++) {
            assert_true(same(a, i, b, i));
            assert_true(same(a, i, huge, i)); /* made when asked for, not at once */
            for (int64_t j = 0; j < 30; j++) assert_false(same(a, i, c, j));
            for (int64_t j = 0; j < i; j++) assert_false(same(a, i, a, j));
        }
        rondo_dataset_free(a);
        rondo_dataset_free(b);
        rondo_dataset_free(c);
        rondo_dataset_free(huge);
    }
}

static void adding(void **state)
{
    (void)state;
    enum { COUNT = 2000, STEPS = 31 };
    rondo_dataset *d = must_open("task:adding?length=31&count=2000", "");
    double sum = 0, square = 0;
    cursor c = { 0 };
    for (int64_t i = 0; i < COUNT; i++) {
        sample s;
        get(d, &c, i, &s);
        assert_int_equal(s.input[0].steps, STEPS);
        int marks[2] = { 0, 0 };
        double total = 0;
        for (int t = 0; t < STEPS; t++) {
            const real *x = s.input[0].data + 2 * t;
            assert_true(x[0] >= 0 && x[0] < 1 && (x[1] == 0 || x[1] == 1));
            marks[t >= STEPS / 2] += x[1] == 1;
            total += x[1] * x[0];
        }
        assert_true(marks[0] == 1 && marks[1] == 1);
        assert_near(total, s.target[0].data[0], 1e-6);
        sum += total;
        square += (total - 1) * (total - 1);
    }
    assert_near(sum / COUNT, 1, 0.03);          /* ± 3 standard errors of sqrt(1/6/2000) */
    assert_near(square / COUNT, 1.0 / 6, 0.02); /* the score of always saying 1 */
    rondo_dataset_free(d);
}

static void copying(void **state)
{
    (void)state;
    rondo_dataset *d = must_open("task:copy?length=7&memory=3&symbols=4&count=300", "");
    int64_t seen[5] = { 0 };
    cursor c = { 0 };
    assert_int_equal(d->n_classes, 5);
    assert_string_equal(d->classes[0], "blank");
    assert_string_equal(d->classes[4], "4");
    assert_int_equal(d->target[0].shape.dim[0], 13);
    for (int64_t i = 0; i < 300; i++) {
        sample s;
        get(d, &c, i, &s);
        assert_int_equal(s.input[0].steps, 13);
        assert_int_equal(s.target[0].steps, 13);
        for (int t = 0; t < 13; t++) {
            const int32_t x = s.input[0].tokens[t], y = s.target[0].tokens[t];
            if (t < 3) {
                assert_in_range(x, 1, 4);
                seen[x]++;
            } else {
                assert_int_equal(x, t == 9 ? 5 : 0);
            }
            assert_int_equal(y, t < 10 ? 0 : s.input[0].tokens[t - 10]);
        }
    }
    for (int k = 1; k < 5; k++) assert_in_range(seen[k], 180, 270);
    rondo_dataset_free(d);
}

static void temporal_order(void **state)
{
    (void)state;
    rondo_dataset *d = must_open("task:temporal_order?length=50&count=400", "");
    int64_t seen[4] = { 0 };
    cursor c = { 0 };
    for (int64_t i = 0; i < 400; i++) {
        sample s;
        int found = 0, order[2] = { 0, 0 };
        get(d, &c, i, &s);
        for (int t = 0; t < 50; t++) {
            const real *x = s.input[0].data + 6 * t;
            real hot = 0;
            for (int k = 0; k < 6; k++) hot += x[k];
            assert_true(hot == 1);
            if (x[0] == 0 && x[1] == 0) continue;
            assert_true(found ? t >= 25 && t < 30 : t >= 5 && t < 10);
            order[found++] = x[1] == 1;
        }
        assert_int_equal(found, 2);
        assert_int_equal(s.target[0].tokens[0], 2 * order[0] + order[1]);
        seen[s.target[0].tokens[0]]++;
    }
    for (int k = 0; k < 4; k++) assert_in_range(seen[k], 70, 130);
    rondo_dataset_free(d);
}

/* A sine obeys x[t+1] = 2 cos(w) x[t] - x[t-1], over the seam to the target too. */
static void sine(void **state)
{
    (void)state;
    rondo_dataset *d = must_open("task:sine?length=30&horizon=3&noise=0&count=50", "");
    cursor c = { 0 };
    for (int64_t i = 0; i < 50; i++) {
        sample s;
        double x[33];
        get(d, &c, i, &s);
        for (int t = 0; t < 33; t++) x[t] = t < 30 ? s.input[0].data[t] : s.target[0].data[t - 30];
        double up = 0, down = 0;
        for (int t = 1; t < 29; t++) {
            up += x[t] * (x[t - 1] + x[t + 1]);
            down += x[t] * x[t];
        }
        for (int t = 1; t < 32; t++) assert_near(x[t - 1] + x[t + 1], up / down * x[t], 1e-5);
    }
    rondo_dataset_free(d);
}

/* Nearest mean image, a weak classifier: far from chance, far from perfect. */
static void digits(void **state)
{
    (void)state;
    enum { COUNT = 1000, PIXELS = 784 };
    static double mean[10][PIXELS];
    rondo_dataset *train = must_open("task:digits?count=1000", "");
    rondo_dataset *test = must_open("task:digits?count=1000&seed=1", "");
    cursor c = { 0 };
    sample s;
    int64_t right = 0;
    double ink = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        get(train, &c, i, &s);
        for (int k = 0; k < PIXELS; k++) {
            assert_true(s.input[0].data[k] >= 0 && s.input[0].data[k] <= 1);
            mean[s.target[0].tokens[0]][k] += s.input[0].data[k] * 10.0 / COUNT;
            ink += s.input[0].data[k] / COUNT / PIXELS;
        }
    }
    assert_true(ink > 0.05 && ink < 0.25); /* MNIST: 0.13 */
    for (int64_t i = 0; i < COUNT; i++) {
        double best = 1e9;
        int label = -1;
        get(test, &c, i, &s);
        for (int k = 0; k < 10; k++) {
            double distance = 0;
            for (int p = 0; p < PIXELS; p++) distance += pow(s.input[0].data[p] - mean[k][p], 2);
            if (distance < best) {
                best = distance;
                label = k;
            }
        }
        right += label == s.target[0].tokens[0];
    }
    assert_in_range(right, 600, 930);
    rondo_dataset_free(train);
    rondo_dataset_free(test);
}

static void sentences(void **state)
{
    (void)state;
    must_fail("task:ading", "", RONDO_E_NAME, "did you mean \"adding\"?");
    must_fail("task:adding?lenght=3", "", RONDO_E_NAME, "did you mean \"length\"?");
    must_fail("task:adding?length=x", "", RONDO_E_ARG, "length");
    must_fail("task:adding?length=1", "", RONDO_E_ARG, "adding: length must be at least 2, not 1");
    must_fail("task:adding", "count=0", RONDO_E_ARG, "count must be at least 1");
    must_fail("task:parity", "min_length=50", RONDO_E_ARG, "min_length must be at most 40");
    must_fail("task:copy?symbols=1000", "", RONDO_E_ARG, "symbols must be at most 64");
    char *other[] = { "a", "b" };
    rondo_dataset *d;
    const reader_request q = { .path = "task:parity", .classes = other, .n_classes = 2 };
    assert_int_equal(reader_open(&d, &q), RONDO_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_of_seed_and_item),
        cmocka_unit_test(adding),
        cmocka_unit_test(copying),
        cmocka_unit_test(temporal_order),
        cmocka_unit_test(sine),
        cmocka_unit_test(digits),
        cmocka_unit_test(sentences),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
