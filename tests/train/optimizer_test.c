/* Optimizers against plain loops of Keras 3's formulas, in double, for ten steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "train/train.h"
#include <math.h>
#include <string.h>

enum { N = 40000, STEPS = 10 }; /* more than one chunk */

/* Three arrays with padding between; the second may be frozen. */
static param arrays[3] = {
    { .name = "a", .shape = { 2, { 7, 3 } }, .rate = 1 },
    { .name = "b", .shape = { 1, { 5 } }, .offset = 32, .gradient = 32, .rate = 1 },
    { .name = "c", .shape = { 1, { N - 48 } }, .offset = 48, .gradient = 48, .rate = 1 },
};
static param *const params[3] = { &arrays[0], &arrays[1], &arrays[2] };
static real weights[N], gradients[N], before[N], before_swap[N];

static bool in_array(int64_t i, int a)
{
    int64_t n = 1;
    for (int d = 0; d < arrays[a].shape.rank; d++) n *= arrays[a].shape.dim[d];
    return i >= arrays[a].offset && i < arrays[a].offset + n;
}

static void draw(real *x, uint64_t stream)
{
    rng r = rng_new(3, stream);
    for (int64_t i = 0; i < N; i++)
        x[i] = in_array(i, 0) || in_array(i, 1) || in_array(i, 2) ? (real)rng_normal(&r) : 0;
}

static void open_optimizer(optimizer *o, const char *text)
{
    if (optimizer_parse(o, text)) fail_msg("%s: %s", text, rondo_error());
    assert_int_equal(optimizer_reserve(o, weights, N, params, 3), RONDO_OK);
}

/* ---- The formulas, one weight at a time (keras.optimizers, 3.x) ---- */
typedef struct slot {
    double w, a, b;
} slot;
static void keras_sgd(slot *s, double g, int t)
{
    (void)t;
    s->w -= 0.01 * g;
}
static void keras_momentum(slot *s, double g, int t)
{
    (void)t;
    s->a = 0.9 * s->a - 0.05 * g;
    s->w += s->a;
}
static void keras_nesterov(slot *s, double g, int t)
{
    (void)t;
    s->a = 0.9 * s->a - 0.05 * g;
    s->w += 0.9 * s->a - 0.05 * g;
}
static void keras_rmsprop(slot *s, double g, int t)
{
    (void)t;
    s->a = 0.9 * s->a + 0.1 * g * g;
    s->w -= 0.001 * g / sqrt(s->a + 1e-7);
}
static void keras_rmsprop_momentum(slot *s, double g, int t)
{
    (void)t;
    s->a = 0.8 * s->a + 0.2 * g * g;
    s->b = 0.5 * s->b + 0.01 * g / sqrt(s->a + 1e-7);
    s->w -= s->b;
}
static void keras_adam_of(slot *s, double g, int t, double rate)
{
    const double alpha = rate * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t));
    s->a += (g - s->a) * (1 - 0.9);
    s->b += (g * g - s->b) * (1 - 0.999);
    s->w -= alpha * s->a / (sqrt(s->b) + 1e-7);
}
static void keras_adam(slot *s, double g, int t)
{
    keras_adam_of(s, g, t, 0.001);
}
static void keras_adamw(slot *s, double g, int t)
{
    s->w -= s->w * 0.004 * 0.001;
    keras_adam_of(s, g, t, 0.001);
}
static void keras_adam_cosine(slot *s, double g, int t)
{
    const int step = t - 1; /* warm-up of 3, then down over 4 to a tenth */
    const double done = step < 3 + 4 ? (step - 3) / 4.0 : 1;
    const double factor = step < 3 ? step / 3.0 : 0.9 * 0.5 * (1 + cos(acos(-1) * done)) + 0.1;
    keras_adam_of(s, g, t, 0.01 * factor);
}

static void torch_asgd(slot *s, double g, int t)
{
    const double eta = 0.05 / pow(1 + 0.1 * 0.05 * (t - 1), 0.5);
    s->w -= eta * (g + (0.1 + 0.02) * s->w);
    s->a += (s->w - s->a) / fmax(1, t - 1 - 2); /* the mean, from t0 = 2 on */
}
static void keras_ema(slot *s, double g, int t)
{
    s->w -= 0.1 * g;
    s->a = t == 1 ? s->w : 0.8 * s->a + 0.2 * s->w;
}

static const struct rule {
    const char *spec;
    void (*step)(slot *, double g, int t);
} rules[] = {
    { "sgd", keras_sgd },
    { "sgd learning_rate=0.05 momentum=0.9", keras_momentum },
    { "sgd learning_rate=0.05 momentum=0.9 nesterov", keras_nesterov },
    { "rmsprop", keras_rmsprop },
    { "rmsprop learning_rate=0.01 rho=0.8 momentum=0.5", keras_rmsprop_momentum },
    { "adam", keras_adam },
    { "adamw", keras_adamw },
    { "adam learning_rate=0.01 schedule='cosine decay_steps=4 warmup_steps=3 alpha=0.1'",
      keras_adam_cosine },
    { "asgd learning_rate=0.05 lambd=0.1 alpha=0.5 t0=2 weight_decay=0.02", torch_asgd },
    { "sgd learning_rate=0.1 use_ema ema_momentum=0.8", keras_ema },
};

static void formulas(void **state)
{
    (void)state;
    static slot slots[N];
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
        optimizer o;
        open_optimizer(&o, rules[k].spec);
        draw(weights, 0);
        for (int64_t i = 0; i < N; i++) slots[i] = (slot){ (double)weights[i], 0, 0 };
        for (int t = 1; t <= STEPS; t++) {
            draw(gradients, (uint64_t)t);
            for (int64_t i = 0; i < N; i++) rules[k].step(&slots[i], (double)gradients[i], t);
            optimizer_update(&o, weights, gradients, params, 3, NULL);
        }
        for (int average = 0; average <= (o.average >= 0); average++) {
            for (int64_t i = 0; i < N; i++) {
                const double expected = average ? slots[i].a : slots[i].w;
                if (fabs((double)weights[i] - expected) > 2e-6 * (1 + fabs(expected)))
                    fail_msg("%s, %s %lld: %.9g, expected %.9g", rules[k].spec,
                             average ? "average" : "weight", (long long)i, (double)weights[i],
                             expected);
            }
            average_swap(&o, weights, params, 3);
        }
        assert_int_equal(o.iterations, STEPS);
        optimizer_free(&o);
    }
}

/* Every row of the table: frozen arrays stay, and threads change no bit. */
static void walk(void **state)
{
    (void)state;
    assert_int_equal(registry_count(REGISTRY_OPTIMIZER), 6);
    static real alone[N];
    pool *threads;
    assert_int_equal(pool_new(&threads, 4), RONDO_OK);
    for (int k = 0; k < registry_count(REGISTRY_OPTIMIZER); k++)
        for (int frozen = 0; frozen < 2; frozen++) {
            arrays[1].gradient = frozen ? -1 : arrays[1].offset;
            for (int run = 0; run < 2; run++) {
                optimizer o;
                open_optimizer(&o, registry_name(REGISTRY_OPTIMIZER, k));
                draw(weights, 0);
                for (int t = 1; t <= 3; t++) {
                    draw(gradients, (uint64_t)t);
                    optimizer_update(&o, weights, gradients, params, 3, run ? threads : NULL);
                }
                optimizer_free(&o);
                if (!run) memcpy(alone, weights, sizeof alone);
            }
            assert_memory_equal(alone, weights, sizeof alone);
            draw(before, 0);
            const bool same = !memcmp(weights + 32, before + 32, 5 * sizeof(real));
            assert_int_equal(same, frozen);
            assert_memory_not_equal(weights, before, 21 * sizeof(real));
        }
    arrays[1].gradient = arrays[1].offset;
    pool_free(threads);
}

static double norm(const real *g, int64_t from, int64_t n)
{
    double sum = 0;
    for (int64_t i = from; i < from + n; i++) sum += (double)g[i] * (double)g[i];
    return sqrt(sum);
}

/* What an update of rate 1 takes away: the clipped gradient. */
static const real *clipped(const char *text, int threads)
{
    static real taken[N];
    pool *p;
    optimizer o;
    assert_int_equal(pool_new(&p, threads), RONDO_OK);
    open_optimizer(&o, text);
    draw(gradients, 1);
    memset(weights, 0, sizeof weights);
    optimizer_update(&o, weights, gradients, params, 3, p);
    for (int64_t i = 0; i < N; i++) taken[i] = -weights[i];
    optimizer_free(&o);
    pool_free(p);
    return taken;
}

static void clipping(void **state)
{
    (void)state;
    draw(before, 1);
    for (int threads = 1; threads <= 3; threads++) {
        const real *g = clipped("sgd learning_rate=1 clipvalue=0.5", threads);
        for (int64_t i = 0; i < N; i++)
            assert_true(g[i] == (before[i] > (real)0.5    ? (real)0.5
                                 : before[i] < (real)-0.5 ? (real)-0.5
                                                          : before[i]));

        /* clip_by_norm: each array by itself; one that is short enough is left alone. */
        assert_true(norm(before, 0, 21) < 10 && norm(before, 48, N - 48) > 10);
        g = clipped("sgd learning_rate=1 clipnorm=10", threads);
        for (int64_t i = 0; i < 37; i++) assert_true(g[i] == before[i]);
        assert_float_equal(norm(g, 48, N - 48), 10, 1e-4);

        /* clip_by_global_norm: all by the norm of all that trains. */
        const double everything = norm(before, 0, N);
        g = clipped("sgd learning_rate=1 global_clipnorm=2", threads);
        assert_float_equal(norm(g, 0, N), 2, 1e-5);
        assert_float_equal(g[3], (double)before[3] * 2 / everything, 1e-6);
        arrays[2].gradient = -1;
        const double some = norm(before, 0, 37);
        g = clipped("sgd learning_rate=1 global_clipnorm=2", threads);
        assert_float_equal(g[3], (double)before[3] * 2 / some, 1e-6);
        for (int64_t i = 48; i < N; i++) assert_true(g[i] == 0);
        arrays[2].gradient = arrays[2].offset;
    }
}

/* ---- A matrix of which few rows have a gradient: the numbers of one that keeps no account ---- */
enum { ROWS = 900, WIDTH = 40, FEW = 500 };

static void train_rows(real *w, const char *text, bool account, int threads)
{
    param matrix = { .shape = { 2, { ROWS, WIDTH } }, .sparse = account, .rate = 1 };
    param bias = {
        .shape = { 1, { 7 } }, .offset = ROWS * WIDTH, .gradient = ROWS * WIDTH, .rate = 1
    };
    param *const both[] = { &matrix, &bias };
    optimizer o;
    pool *p;
    open_optimizer(&o, text);
    assert_int_equal(pool_new(&p, threads), RONDO_OK);
    if (account) assert_int_equal(row_set_reserve(&matrix.touched, ROWS), RONDO_OK);
    rng r = rng_new(11, 0);
    for (int64_t i = 0; i < N; i++) w[i] = (real)rng_normal(&r);
    for (int step = 0; step < STEPS; step++) {
        int64_t rows[FEW];
        memset(gradients, 0, sizeof gradients);
        row_set_clear(&matrix.touched);
        for (int i = 0; i < FEW; i++) rows[i] = rng_below(&r, 1 + rng_below(&r, ROWS));
        if (account) row_set_add(&matrix.touched, rows, FEW);
        for (int i = 0; i < FEW * WIDTH; i++)
            gradients[rows[i / WIDTH] * WIDTH + i % WIDTH] += (real)rng_normal(&r);
        for (int i = 0; i < 7; i++) gradients[bias.offset + i] = (real)rng_normal(&r);
        optimizer_update(&o, w, gradients, both, 2, p);
    }
    row_set_free(&matrix.touched);
    optimizer_free(&o);
    pool_free(p);
}

static void few_rows(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        double tolerance; /* norms are added in another order */
    } cases[] = {
        { "sgd", 0 },
        { "sgd momentum=0.9", 0 },
        { "sgd weight_decay=0.01", 0 },
        { "sgd clipvalue=0.5", 0 },
        { "sgd global_clipnorm=3", 1e-6 },
        { "adam", 0 },
        { "adam clipnorm=2", 1e-5 },
        { "rmsprop momentum=0.5", 0 },
    };
    static real plain[N], w[N];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        train_rows(plain, cases[i].spec, false, 1);
        for (int threads = 1; threads <= 3; threads++) {
            train_rows(w, cases[i].spec, true, threads);
            for (int64_t k = 0; k < N; k++)
                if (!(fabs((double)(w[k] - plain[k])) <= cases[i].tolerance))
                    fail_msg("%s, %d threads, weight %lld: %.9g, expected %.9g", cases[i].spec,
                             threads, (long long)k, (double)w[k], (double)plain[k]);
        }
    }
}

/* What rests is averaged with the rest, and rests no less for it. */
static void few_rows_averaged(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "sgd", "sgd use_ema" },
        { "adam lazy", "adam lazy use_ema" },
        { "sgd", "asgd t0=3 lambd=0 alpha=0" },
    };
    static real plain[N], w[N];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        train_rows(plain, cases[i][0], true, 1);
        for (int threads = 1; threads <= 3; threads++) {
            train_rows(w, cases[i][1], true, threads);
            assert_memory_equal(plain, w, sizeof w);
        }
    }
    static real average[N];
    param matrix = { .shape = { 2, { 4, 3 } }, .sparse = true, .rate = 1 };
    param *const one = &matrix;
    optimizer o;
    assert_int_equal(row_set_reserve(&matrix.touched, 4), RONDO_OK);
    open_optimizer(&o, "sgd learning_rate=1 use_ema ema_momentum=0.5");
    memset(weights, 0, sizeof weights);
    memset(gradients, 0, sizeof gradients);
    for (int t = 0; t < 3;
         t++) { /* row 1 moves in the second update alone: to 1, half of it counts */
        row_set_clear(&matrix.touched);
        if (t == 1) row_set_add(&matrix.touched, (int64_t[]){ 1 }, 1);
        for (int i = 3; i < 6; i++) gradients[i] = t == 1 ? -1 : 0;
        optimizer_update(&o, weights, gradients, &one, 1, NULL);
    }
    memcpy(average, o.slots[o.average], sizeof average);
    assert_true(weights[4] == 1 && average[4] == (real)0.75 && average[0] == 0);
    row_set_free(&matrix.touched);
    optimizer_free(&o);
}

/* lazy: a row rests, slots and all, while it has no gradient. */
static void lazy_rows(void **state)
{
    (void)state;
    param matrix = { .shape = { 2, { 4, 3 } }, .sparse = true, .rate = 1 };
    param *const one = &matrix;
    optimizer o;
    assert_int_equal(row_set_reserve(&matrix.touched, 4), RONDO_OK);
    open_optimizer(&o, "adam lazy");
    draw(weights, 0);
    draw(before, 0);
    slot s = { (double)before[3], 0, 0 };
    for (int t = 1; t <= STEPS; t++) {
        const bool odd = t % 2;
        memset(gradients, 0, sizeof gradients);
        row_set_clear(&matrix.touched);
        if (odd) row_set_add(&matrix.touched, (int64_t[]){ 1, 1 }, 2);
        for (int i = 3; i < 6; i++) gradients[i] = odd ? (real)0.1 * (real)t : 0;
        if (odd) keras_adam(&s, (double)gradients[3], t);
        optimizer_update(&o, weights, gradients, &one, 1, NULL);
        assert_float_equal(weights[3], s.w, 2e-6);
    }
    assert_memory_equal(weights, before, 3 * sizeof(real));
    assert_memory_equal(weights + 6, before + 6, 6 * sizeof(real));
    row_set_free(&matrix.touched);
    optimizer_free(&o);
}

/* NT-ASGD: from the update after a loss that is over the least of those more than `nonmono` before. */
static void averages_when_stuck(void **state)
{
    (void)state;
    static const double losses[] = { 9, 5, 6, 7, 4, 5.5, 3 };
    optimizer o, loaded;
    double numbers[2 + 2 + 2];
    open_optimizer(&o, "ntasgd learning_rate=0.1 nonmono=2");
    open_optimizer(&loaded, "ntasgd learning_rate=0.1 nonmono=2");
    draw(weights, 0);
    for (int i = 0; i < 7; i++) {
        draw(gradients, (uint64_t)i + 1);
        for (int k = 0; k < 3; k++) optimizer_update(&o, weights, gradients, params, 3, NULL);
        const double first = (double)weights[0], share = average_share(&o);
        memcpy(before_swap, weights, sizeof weights);
        average_swap(&o, weights, params, 3);
        /* 7 is over 5? no: more than two checks ago there was only 9. 5.5 is over 5. */
        assert_int_equal(average_begun(&o), i > 5);
        assert_int_equal(share > 0, i > 5);
        assert_int_equal(first != (double)weights[0], i > 5);
        average_swap(&o, weights, params, 3);
        assert_memory_equal(before_swap, weights, sizeof weights);
        average_note(&o, losses[i]);
        assert_int_equal(optimizer_numbers(&o), 6);
        optimizer_save(&o, numbers);
        assert_int_equal(optimizer_load(&loaded, numbers), RONDO_OK);
        assert_memory_equal(&loaded.checks, &o.checks, sizeof o.checks);
        assert_int_equal(loaded.average_from, o.average_from);
    }
    numbers[2] = -3;
    assert_int_equal(optimizer_load(&loaded, numbers), RONDO_E_FORMAT);
    numbers[2] = 1e300;
    assert_int_equal(optimizer_load(&loaded, numbers), RONDO_E_FORMAT);
    optimizer_free(&loaded);
    optimizer_free(&o);
}

/* Arrays with rates of their own, in whatever runs they are updated. */
static void rates_of_arrays(void **state)
{
    (void)state;
    static const double rates[] = { 0.5, 1, 3 };
    optimizer o;
    open_optimizer(&o, "sgd learning_rate=0.1");
    memset(weights, 0, sizeof weights);
    draw(gradients, 1);
    for (int i = 0; i < 3; i++) arrays[i].rate = rates[i];
    optimizer_update(&o, weights, gradients, params, 3, NULL);
    for (int64_t i = 0; i < N; i++)
        for (int a = 0; a < 3; a++)
            if (in_array(i, a))
                assert_float_equal(weights[i], -0.1 * rates[a] * (double)gradients[i], 1e-6);
    for (int i = 0; i < 3; i++) arrays[i].rate = 1;
    optimizer_free(&o);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        rondo_status code;
        const char *says;
    } cases[] = {
        { "adan", RONDO_E_NAME, "adam" },
        { "adam learning_rat=1", RONDO_E_NAME, "learning_rate" },
        { "adam learning_rate=fast", RONDO_E_ARG, "fast" },
        { "adam learning_rate=-1", RONDO_E_ARG, "0 or more" },
        { "adam beta_1=1", RONDO_E_ARG, "beta_1" },
        { "asgd use_ema", RONDO_E_NAME, "use_ema" },
        { "sgd ema_momentum=2", RONDO_E_ARG, "ema_momentum" },
        { "ntasgd nonmono=0", RONDO_E_ARG, "1 to 64" },
        { "sgd clipnorm=1 clipvalue=1", RONDO_E_ARG, "one of" },
        { "sgd schedule=step", RONDO_E_ARG, "step_size" },
        { "sgd schedule=decay_after", RONDO_E_ARG, "epochs=4" },
        { "sgd schedule='one_cycle pct_start=2'", RONDO_E_ARG, "between 0 and 1" },
        { "sgd schedule='slanted_triangular ratio=0.5'", RONDO_E_ARG, "ratio=0.5" },
        { "sgd schedule='slanted_triangular ratio=0'", RONDO_E_ARG, "ratio=0" },
        { "sgd schedule='one_cycle div_factor=0'", RONDO_E_ARG, "div_factor=0" },
        { "sgd schedule=cosin", RONDO_E_NAME, "cosine" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        optimizer o;
        assert_int_equal(optimizer_parse(&o, cases[i].spec), cases[i].code);
        if (!strstr(rondo_error(), cases[i].says))
            fail_msg("%s: \"%s\" is not in: %s", cases[i].spec, cases[i].says, rondo_error());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(walk),
        cmocka_unit_test(clipping),
        cmocka_unit_test(few_rows),
        cmocka_unit_test(few_rows_averaged),
        cmocka_unit_test(lazy_rows),
        cmocka_unit_test(averages_when_stuck),
        cmocka_unit_test(rates_of_arrays),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
