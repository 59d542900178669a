/* Batches are time-major, padded with zeros, and cost no memory twice; scalers against their
 * formulas. */
#include "data/files.h"
#include <math.h>

enum { N = 4, T = 3, F = 2 };
static real xs[N][T][F], targets[N][2];
static int32_t tokens[N][T];
static int64_t lengths[N] = { 2, 3, 0, 1 };
static float weights[N] = { 1, 2, 3, 4 };

static rondo_dataset *make(bool ragged)
{
    for (int i = 0; i < N; i++) {
        for (int t = 0; t < T; t++) {
            tokens[i][t] = 10 * i + t + 1;
            for (int f = 0; f < F; f++) xs[i][t][f] = (real)(100 * i + 10 * t + f + 1);
        }
        targets[i][0] = (real)i;
        targets[i][1] = (real)-i;
    }
    const int64_t *rows = ragged ? lengths : NULL;
    const rondo_array in[] = { { xs, RONDO_F32, { 3, { N, T, F } }, rows },
                               { tokens, RONDO_I32, { 2, { N, T } }, rows } };
    const rondo_array out[] = { { targets, RONDO_F32, { 2, { N, 2 } }, NULL } };
    const rondo_batch all = { 2, 1, in, out, weights };
    rondo_dataset *d;
    assert_int_equal(rondo_dataset_new(&d, &all), RONDO_OK);
    return d;
}

static void time_major_and_padded(void **state)
{
    (void)state;
    static const int64_t items[] = { 3, 0, 2 };
    rondo_dataset *d = make(true);
    batch b = { 0 };
    for (int turn = 0; turn < 2; turn++) { /* the second over what the first left */
        assert_int_equal(batch_gather(&b, d, items, 3, NULL, NULL), RONDO_OK);
        assert_int_equal(b.rows, 3);
        assert_int_equal(b.input[0].steps, 2);
        assert_int_equal(b.input[0].features, F);
        assert_non_null(b.input[0].lengths);
        for (int64_t r = 0; r < 3; r++) {
            const int64_t i = items[r];
            assert_int_equal(b.input[0].lengths[r], lengths[i]);
            assert_int_equal(b.input[1].lengths[r], lengths[i]);
            assert_true(b.weight[r] == weights[i]);
            assert_reals(b.target[0].data + 2 * r, REALS((double)i, (double)-i));
            for (int64_t t = 0; t < 2; t++) {
                const bool valid = t < lengths[i];
                assert_int_equal(b.input[1].tokens[t * 3 + r], valid ? tokens[i][t] : 0);
                for (int64_t f = 0; f < F; f++)
                    assert_true(b.input[0].data[(t * 3 + r) * F + f] == (valid ? xs[i][t][f] : 0));
            }
        }
        memset(b.memory, 0xff, b.size);
    }
    batch_free(&b);
    rondo_dataset_free(d);
}

static void lengths_only_when_rows_differ(void **state)
{
    (void)state;
    rondo_dataset *d = make(true);
    batch b = { 0 };
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 1, 1 }, 2, NULL, NULL), RONDO_OK);
    assert_null(b.input[0].lengths);
    assert_int_equal(b.input[0].steps, 3);
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 2 }, 1, NULL, NULL), RONDO_OK);
    assert_int_equal(b.input[0].steps, 0);
    batch_free(&b);
    rondo_dataset_free(d);
    d = make(false);
    assert_int_equal(d->input[0].shape.dim[0], T);
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 2, 0 }, 2, NULL, NULL), RONDO_OK);
    assert_null(b.input[0].lengths);
    assert_true(b.input[0].data[2 * 2 * F] == xs[2][2][0]);
    real rows[2 * T * F];
    batch_to_rows(rows, b.input[0].data, 2, T, F);
    assert_memory_equal(rows, xs[2], sizeof xs[2]);
    assert_memory_equal(rows + T * F, xs[0], sizeof xs[0]);
    batch_free(&b);
    rondo_dataset_free(d);
}

static int64_t calls;
static void *(*real_hook)(void *, size_t);
static void *count_calls(void *p, size_t n)
{
    calls += n != 0;
    return real_hook(p, n);
}

static void a_second_gather_allocates_nothing(void **state)
{
    (void)state;
    static const char *const tasks[] = { "task:parity?min_length=3&length=30&count=200",
                                         "task:copy?count=40&length=20",
                                         "task:digits?count=40000" };
    for (size_t k = 0; k < sizeof tasks / sizeof *tasks; k++) {
        rondo_dataset *d = must_open(tasks[k], "");
        batch b = { 0 };
        assert_int_equal(batch_reserve(&b, d, 8, ALL_STEPS), RONDO_OK);
        real_hook = alloc_hook;
        alloc_hook = count_calls;
        calls = 0;
        for (int64_t first = 0; first + 8 <= 40; first += 4) {
            int64_t items[8];
            for (int i = 0; i < 8; i++) items[i] = first + i;
            assert_int_equal(batch_gather(&b, d, items, first % 8 ? 5 : 8, NULL, NULL), RONDO_OK);
        }
        alloc_hook = real_hook;
        assert_int_equal(calls, 0);
        batch_free(&b);
        rondo_dataset_free(d);
    }
}

/* ---- Views ---- */
static void subsets(void **state)
{
    (void)state;
    rondo_dataset *d = must_open("task:digits?count=20", "");
    static const int64_t items[] = { 13, 2, 7 };
    rondo_dataset *part, *other, *none = d;
    assert_int_equal(dataset_subset(&part, d, items, 3), RONDO_OK);
    assert_int_equal(dataset_subset(&other, d, items, 2), RONDO_OK);
    assert_int_equal(rondo_dataset_count(part), 3);
    assert_int_equal(part->n_classes, 10);
    assert_true(part->digest && part->digest != d->digest && part->digest != other->digest);
    cursor c = { 0 };
    for (int i = 0; i < 3; i++) {
        sample s;
        assert_int_equal(part->get(part, &c, i, &s), RONDO_OK);
        assert_int_equal(s.target[0].tokens[0], items[i] % 10);
    }
    cursor_free(&c);
    assert_int_equal(dataset_subset(&none, d, (int64_t[]){ 20 }, 1), RONDO_E_ARG);
    assert_null(none);
    rondo_dataset_free(other);
    rondo_dataset_free(part);
    rondo_dataset_free(d);
    assert_int_equal(rondo_dataset_count(NULL), 0);
    rondo_dataset_free(NULL);
}

static void arrays_that_do_not_agree(void **state)
{
    (void)state;
    int64_t over[N] = { 0, 1, 4, 0 };
    const rondo_array good = { xs, RONDO_F32, { 3, { N, T, F } }, NULL };
    const rondo_array label = { tokens, RONDO_I32, { 1, { N } }, NULL };
    const struct {
        rondo_array input, target;
        rondo_status code;
        const char *words;
    } table[] = {
        { { xs, RONDO_F32, { 3, { N, T, F } }, over },
          label,
          RONDO_E_SHAPE,
          "input 0, row 2: length 4 is not within 0…3" },
        { good,
          { tokens, RONDO_I32, { 1, { 3 } }, NULL },
          RONDO_E_SHAPE,
          "target 0 has 3 rows, input 0 has 4" },
        { { xs, RONDO_F32, { 4, { N, T, 1, F } }, NULL }, label, RONDO_E_SHAPE, "rank 4" },
        { good, { tokens, RONDO_I32, { 3, { N, 1, 1 } }, NULL }, RONDO_E_SHAPE, "rank 3" },
        { { xs, RONDO_F32, { 0, { 0 } }, NULL }, label, RONDO_E_SHAPE, "rank 0" },
        { { NULL, RONDO_F32, { 2, { N, F } }, NULL }, label, RONDO_E_ARG, "no data" },
        { { xs, RONDO_F32, { 2, { N, F } }, lengths }, label, RONDO_E_ARG, "no sequence" },
        { { xs, (rondo_type)9, { 2, { N, F } }, NULL }, label, RONDO_E_ARG, "element type" },
        { { xs, RONDO_F32, { 2, { -1, F } }, NULL }, label, RONDO_E_SHAPE, "dimension of -1" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const rondo_batch all = { 1, 1, &table[i].input, &table[i].target, NULL };
        rondo_dataset *d;
        assert_int_equal(rondo_dataset_new(&d, &all), table[i].code);
        assert_non_null(strstr(rondo_error(), table[i].words));
        assert_null(d);
    }
    rondo_dataset *d;
    assert_int_equal(rondo_dataset_new(&d, &(rondo_batch){ 0, 0, NULL, NULL, NULL }), RONDO_E_ARG);
}

/* ---- Scalers ---- */
static double feature(int i, int t, int f)
{
    return f == 0 ? 1e4 + sin(i * 3 + t) : f == 1 ? 5 : i - t * 0.5;
}

static void scalers_against_formulas(void **state)
{
    (void)state;
    enum { ROWS = 50, STEPS = 4, WIDTH = 3 };
    static real x[ROWS][STEPS][WIDTH];
    int64_t steps[ROWS];
    double n = 0, mean[WIDTH] = { 0 }, square[WIDTH] = { 0 };
    double min[WIDTH], max[WIDTH];
    for (int i = 0; i < ROWS; i++) {
        steps[i] = i % (STEPS + 1);
        for (int t = 0; t < STEPS; t++)
            for (int f = 0; f < WIDTH; f++) {
                x[i][t][f] = t < steps[i] ? (real)feature(i, t, f) : (real)NAN;
                if (t >= steps[i]) continue;
                const double v = x[i][t][f];
                if (n == 0 || v < min[f]) min[f] = v;
                if (n == 0 || v > max[f]) max[f] = v;
                mean[f] += v;
            }
        n += (double)steps[i];
    }
    for (int f = 0; f < WIDTH; f++) mean[f] /= n;
    for (int i = 0; i < ROWS; i++)
        for (int t = 0; t < steps[i]; t++)
            for (int f = 0; f < WIDTH; f++) square[f] += pow(x[i][t][f] - mean[f], 2);
    const rondo_array in = { x, RONDO_F32, { 3, { ROWS, STEPS, WIDTH } }, steps };
    rondo_dataset *d;
    assert_int_equal(rondo_dataset_new(&d, &(rondo_batch){ 1, 0, &in, NULL, NULL }), RONDO_OK);
    for (int k = 0; k < 2; k++) {
        scaler s, again;
        assert_int_equal(scaler_fit(&s, k ? "minmax" : "standard", d, false, 0), RONDO_OK);
        assert_int_equal(s.n, WIDTH);
        for (int f = 0; f < WIDTH; f++) {
            const double spread = k ? max[f] - min[f] : sqrt(square[f] / n);
            assert_near(s.shift[f], k ? min[f] : mean[f], 1e-9);
            assert_near(s.factor[f], f == 1 ? 1 : 1 / spread, 1e-9);
        }
        json_t *object = scaler_to_json(&s);
        assert_int_equal(scaler_from_json(&again, object), RONDO_OK);
        assert_memory_equal(again.shift, s.shift, WIDTH * sizeof(double));
        assert_memory_equal(again.factor, s.factor, WIDTH * sizeof(double));
        batch b = { 0 }; /* applied to valid steps alone; zeros stay zeros */
        assert_int_equal(batch_gather(&b, d, (int64_t[]){ 1, 4 }, 2, &again, NULL), RONDO_OK);
        real one[WIDTH];
        memcpy(one, x[4][3], sizeof one);
        scaler_apply(&s, one, 1);
        assert_memory_equal(b.input[0].data + 7 * WIDTH, one, sizeof one);
        assert_reals(b.input[0].data + 6 * WIDTH, REALS(0, 0, 0));
        scaler_reverse(&s, one, 1);
        for (int f = 0; f < WIDTH; f++) assert_near(one[f], x[4][3][f], 2e-3);
        batch_free(&b);
        json_decref(object);
        scaler_free(&again);
        scaler_free(&s);
    }
    rondo_dataset_free(d);
}

/* NaN and infinity are found when arrays become a dataset, except behind a row's end. */
static void arrays_are_finite(void **state)
{
    real x[3][2][1] = { { { 1 }, { 2 } }, { { 3 }, { (real)NAN } }, { { 5 }, { 6 } } };
    real y[3] = { 1, 2, 3 };
    int64_t ends[3] = { 2, 1, 2 };
    rondo_array in = { x, RONDO_F32, { 3, { 3, 2, 1 } }, ends };
    const rondo_array out = { y, RONDO_F32, { 1, { 3 } }, NULL };
    const rondo_batch all = { 1, 1, &in, &out, NULL };
    rondo_dataset *d;
    (void)state;
    assert_int_equal(rondo_dataset_new(&d, &all), RONDO_OK);
    rondo_dataset_free(d);
    y[2] = -(real)INFINITY;
    assert_int_equal(rondo_dataset_new(&d, &all), RONDO_E_FORMAT);
    assert_non_null(strstr(rondo_error(), "target 0: sample 2"));
    y[2] = 3;
    in.lengths = NULL;
    assert_int_equal(rondo_dataset_new(&d, &all), RONDO_E_FORMAT);
    assert_non_null(strstr(rondo_error(), "input 0: sample 1"));
    assert_null(d);
}

/* Steps filled with the mask's value stay as they are and are not fitted; all others differ from it. */
static void scalers_pass_over_padding(void **state)
{
    static const real mask = -1;
    real x[2][4][2] = { { { 2, 8 }, { 4, -1 }, { -1, -1 }, { -1, -1 } },
                        { { 6, -1 }, { -1, 9 }, { 3, 0 }, { -1, -1 } } };
    real y[2][4][1] = { { { 1 }, { 2 }, { 90 }, { 90 } }, { { 3 }, { 4 }, { 5 }, { 90 } } };
    const double value = mask;
    const rondo_array in = { x, RONDO_F32, { 3, { 2, 4, 2 } }, NULL };
    const rondo_array out = { y, RONDO_F32, { 3, { 2, 4, 1 } }, NULL };
    rondo_dataset *d;
    scaler s, t, again;
    (void)state;
    assert_int_equal(rondo_dataset_new(&d, &(rondo_batch){ 1, 1, &in, &out, NULL }), RONDO_OK);
    assert_int_equal(scaler_fit_masked(&s, "standard", d, false, 0, &value), RONDO_OK);
    assert_near(s.shift[0], 14.0 / 5, 1e-12); /* of 2, 4, 6, -1, 3 */
    assert_near(s.shift[1], 3, 1e-12);        /* of 8, -1, -1, 9, 0 */
    scaler_free(&s);
    assert_int_equal(scaler_fit_masked(&t, "minmax", d, true, 0, &value), RONDO_OK);
    assert_near(t.shift[0], 1, 1e-12);
    assert_near(t.factor[0], 1.0 / 4, 1e-12);
    assert_int_equal(scaler_fit_masked(&s, "minmax", d, false, 0, &value), RONDO_OK);
    json_t *object = scaler_to_json(&s);
    assert_int_equal(scaler_from_json(&again, object), RONDO_OK);
    batch b = { 0 };
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 0, 1 }, 2, &again, &t), RONDO_OK);
    const real *to = b.input[0].data; /* [T][2][2] */
    assert_reals(to, REALS(3.0 / 7, 0.9));
    assert_reals(to + 2 * 4, REALS(-1, -1));
    assert_reals(to + 3 * 4 + 2, REALS(-1, -1));
    assert_reals(to + 1 * 4, REALS(5.0 / 7, 0));
    again.mask = 0; /* what minmax makes of its minima is no padding */
    real least[2] = { -1, -1 };
    scaler_apply(&again, least, 1);
    assert_true(least[0] != 0 && fabs((double)least[0]) < 1e-30 && least[1] == 0);
    json_object_set_new(object, "mask", json_string("none"));
    scaler_free(&again);
    assert_int_equal(scaler_from_json(&again, object), RONDO_E_FORMAT);
    batch_free(&b);
    json_decref(object);
    scaler_free(&s);
    scaler_free(&t);
    rondo_dataset_free(d);
}

static void scalers_that_do_not_fit(void **state)
{
    (void)state;
    rondo_dataset *d = make(false);
    scaler s;
    assert_int_equal(scaler_fit(&s, "standart", d, false, 0), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "did you mean \"standard\"?"));
    assert_int_equal(scaler_fit(&s, "minmax", d, false, 1), RONDO_E_ARG);
    assert_int_equal(scaler_fit(&s, "none", d, false, 0), RONDO_OK);
    assert_int_equal(s.n, 0);
    assert_int_equal(scaler_fit(&s, "minmax", d, true, 0), RONDO_OK);
    batch b = { 0 };
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 3 }, 1, NULL, &s), RONDO_OK);
    assert_reals(b.target[0].data, REALS(1, 0));
    scaler narrow = s;
    narrow.n = 1;
    assert_int_equal(batch_gather(&b, d, (int64_t[]){ 3 }, 1, NULL, &narrow), RONDO_E_SHAPE);
    batch_free(&b);
    scaler_free(&s);
    static const char *const bad[] = {
        "{}",
        "{\"kind\":\"minmax\",\"shift\":[1],\"factor\":[]}",
        "{\"kind\":\"minmax\",\"shift\":[1],\"factor\":[\"a\"]}",
        "{\"kind\":\"minmax\",\"shift\":[1],\"factor\":[0]}",
        "{\"kind\":\"minmax\",\"shift\":[],\"factor\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *object = json_loads(bad[i], 0, NULL);
        assert_int_equal(scaler_from_json(&s, object), RONDO_E_FORMAT);
        json_decref(object);
    }
    rondo_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_major_and_padded),
        cmocka_unit_test(lengths_only_when_rows_differ),
        cmocka_unit_test(a_second_gather_allocates_nothing),
        cmocka_unit_test(subsets),
        cmocka_unit_test(arrays_that_do_not_agree),
        cmocka_unit_test(scalers_against_formulas),
        cmocka_unit_test(arrays_are_finite),
        cmocka_unit_test(scalers_pass_over_padding),
        cmocka_unit_test(scalers_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
