/* The regular languages, each judged by its definition over the whole word rather than symbol by
 * symbol. */
#include "data/files.h"

enum { MOST = 64 };

typedef struct word {
    int symbol[MOST], n, label, symbols;
} word;

static word read_word(const rondo_dataset *d, cursor *c, int64_t i)
{
    sample s;
    word w = { .symbols = (int)field_features(&d->input[0]) };
    assert_int_equal(d->get(d, c, i, &s), RONDO_OK);
    assert_int_equal(s.input[0].steps, d->length(d, i));
    w.n = (int)s.input[0].steps;
    w.label = s.target[0].tokens[0];
    assert_in_range(w.n, 1, MOST);
    for (int t = 0; t < w.n; t++) {
        int hot = 0;
        for (int k = 0; k < w.symbols; k++) {
            const real x = s.input[0].data[t * w.symbols + k];
            assert_true(x == 0 || x == 1);
            if (x == 1) w.symbol[t] = k;
            hot += x == 1;
        }
        assert_int_equal(hot, 1);
    }
    return w;
}

static int ones(const word *w)
{
    int n = 0;
    for (int t = 0; t < w->n; t++) n += w->symbol[t] == 1;
    return n % 2;
}

static int ends_differ(const word *w) /* as many changes as it takes */
{
    return w->symbol[0] != w->symbol[w->n - 1];
}

static int place(const word *w)
{
    int at = 0;
    for (int t = 0; t < w->n; t++) at += w->symbol[t] - 1;
    return (at % 5 + 5) % 5;
}

/* From the right: products first, then sums, in whole numbers modulo 5. */
static int value(const word *w)
{
    int sum = 0, product = 1;
    for (int t = w->n - 1; t >= 0; t -= 2) {
        const int before = t ? w->symbol[t - 1] : 5;
        assert_true(w->symbol[t] < 5 && (t == 0 || (before >= 5 && before < 8)));
        product = product * w->symbol[t] % 5;
        if (before == 7) continue;
        sum += before == 6 ? 5 - product : product;
        product = 1;
    }
    return sum % 5;
}

static const struct {
    const char *task;
    int symbols, classes;
    bool odd;
    int (*answer)(const word *);
} languages[] = {
    { "parity", 2, 2, false, ones },
    { "even_pairs", 2, 2, false, ends_differ },
    { "cycle_navigation", 3, 5, false, place },
    { "modular_arithmetic", 8, 5, true, value },
};
enum { LANGUAGES = sizeof languages / sizeof *languages };

static void answers(void **state)
{
    (void)state;
    for (int k = 0; k < LANGUAGES; k++) {
        char path[100];
        int lengths[MOST + 1] = { 0 }, labels[5] = { 0 };
        cursor c = { 0 };
        snprintf(path, sizeof path, "task:%s?length=20&min_length=1&count=4000", languages[k].task);
        rondo_dataset *d = must_open(path, "");
        assert_int_equal(d->input[0].shape.dim[0], 0);
        assert_int_equal(d->input[0].shape.dim[1], languages[k].symbols);
        assert_int_equal(d->n_classes, languages[k].classes);
        for (int64_t i = 0; i < d->count; i++) {
            const word w = read_word(d, &c, i);
            assert_int_equal(w.label, languages[k].answer(&w));
            lengths[w.n]++;
            labels[w.label]++;
        }
        for (int n = 1; n <= 20; n++)
            if (!languages[k].odd)
                assert_in_range(lengths[n], 140, 260);
            else
                assert_in_range(lengths[n], n % 2 ? 320 : 0, n % 2 ? 480 : 0);
        for (int n = 0; n < languages[k].classes; n++) /* 0 is likelier where there are products */
            assert_in_range(labels[n], 3000 / languages[k].classes, 6000 / languages[k].classes);
        cursor_free(&c);
        rondo_dataset_free(d);
    }
}

/* Words of one length, and an answer at every step to the word up to there. */
static void every_step(void **state)
{
    (void)state;
    for (int k = 0; k < LANGUAGES; k++) {
        char path[100];
        cursor c = { 0 };
        sample s;
        snprintf(path, sizeof path, "task:%s?length=30&count=50", languages[k].task);
        rondo_dataset *whole = must_open(path, ""), *steps = must_open(path, "per_step");
        const int64_t n = languages[k].odd ? 29 : 30;
        assert_int_equal(whole->input[0].shape.dim[0], n);
        assert_int_equal(steps->target[0].shape.rank, 1);
        assert_int_equal(steps->target[0].shape.dim[0], n);
        for (int64_t i = 0; i < 50; i++) {
            word w = read_word(whole, &c, i);
            assert_int_equal(steps->get(steps, &c, i, &s), RONDO_OK);
            assert_int_equal(s.target[0].tokens[n - 1], w.label);
            for (w.n = 1; w.n < n; w.n += languages[k].odd ? 2 : 1)
                assert_int_equal(s.target[0].tokens[w.n - 1], languages[k].answer(&w));
        }
        cursor_free(&c);
        rondo_dataset_free(whole);
        rondo_dataset_free(steps);
    }
}

/* The examples of the paper's own program. */
static void arithmetic_by_hand(void **state)
{
    (void)state;
    const word w[] = { { { 1, 5, 2, 7, 3 }, 5, 2, 8 },
                       { { 1, 6, 1, 6, 1 }, 5, 4, 8 },
                       { { 0, 7, 1, 5, 4, 7, 3, 6, 2 }, 9, 0, 8 } };
    for (int i = 0; i < 3; i++) assert_int_equal(value(&w[i]), w[i].label);
}

static void sentences(void **state)
{
    (void)state;
    must_fail("task:even_pairs", "length=0", RONDO_E_ARG,
              "even_pairs: length must be at least 1, not 0");
    must_fail("task:cycle_navigation", "min_length=50", RONDO_E_ARG,
              "min_length must be at most 40");
    must_fail("task:modular_aritmetic", "", RONDO_E_NAME, "did you mean \"modular_arithmetic\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(every_step),
        cmocka_unit_test(arithmetic_by_hand),
        cmocka_unit_test(sentences),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
