#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <math.h>

/* Random123's kat_vectors for philox4x32-10. */
static void gives_the_published_numbers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    uint32_t out[4];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        rng_philox(out, known[i].counter, known[i].key);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void a_sequence_is_philox_over_a_counter(void **state)
{
    rng r = rng_new(0x0123456789abcdef, rng_stream(RNG_DROPOUT, 7));
    const uint32_t key[2] = { 0x89abcdef, 0x01234567 };
    (void)state;
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = { block, 0, 7, RNG_DROPOUT };
        uint32_t out[4];
        rng_philox(out, counter, key);
        for (int i = 0; i < 4; i++) assert_int_equal(rng_next(&r), out[i]);
    }
}

/* 200,000 draws: the bounds are five standard errors. */
static void has_the_right_moments(void **state)
{
    enum { N = 200000 };
    rng r = rng_new(1, rng_stream(RNG_INIT, 0));
    double uniform = 0, normal = 0, square = 0, fourth = 0;
    int64_t tally[7] = { 0 };
    (void)state;
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r), z = rng_normal(&r);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        uniform += u;
        normal += z;
        square += z * z;
        fourth += z * z * z * z;
        tally[rng_below(&r, 7)]++;
    }
    assert_true(fabs(uniform / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(normal / N) < 5 * sqrt(1.0 / N));
    assert_true(fabs(square / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth / N - 3) < 5 * sqrt(96.0 / N));
    for (int i = 0; i < 7; i++)
        assert_true(fabs((double)tally[i] / N - 1.0 / 7) < 5 * sqrt(6.0 / 49 / N));
}

static void draws_below_large_bounds(void **state)
{
    rng r = rng_new(2, 3);
    int64_t bound = (int64_t)3 << 61, low = 0;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        int64_t x = rng_below(&r, bound);
        assert_true(x >= 0 && x < bound);
        low += x < bound / 3;
    }
    assert_in_range(low, 870, 1130);
    assert_int_equal(rng_below(&r, 1), 0);
}

static void shuffles_fairly(void **state)
{
    int64_t seen[4][4] = { { 0 } };
    rng r = rng_new(5, rng_stream(RNG_SHUFFLE, 1));
    (void)state;
    for (int round = 0; round < 8000; round++) {
        int64_t items[4] = { 0, 1, 2, 3 }, mask = 0;
        rng_shuffle(&r, items, 4);
        for (int i = 0; i < 4; i++) {
            seen[i][items[i]]++;
            mask |= 1 << items[i];
        }
        assert_int_equal(mask, 15);
    }
    for (int i = 0; i < 16; i++) assert_in_range(seen[i / 4][i % 4], 1800, 2200);
}

static void streams_differ(void **state)
{
    rng a = rng_new(1, rng_stream(RNG_INIT, 0)), b = rng_new(1, rng_stream(RNG_INIT, 1));
    rng c = rng_new(2, rng_stream(RNG_INIT, 0)), again = rng_new(1, rng_stream(RNG_INIT, 0));
    int same = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint32_t x = rng_next(&a);
        same += (x == rng_next(&b)) + (x == rng_next(&c));
        assert_int_equal(x, rng_next(&again));
    }
    assert_true(same < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_numbers),
        cmocka_unit_test(a_sequence_is_philox_over_a_counter),
        cmocka_unit_test(has_the_right_moments),
        cmocka_unit_test(draws_below_large_bounds),
        cmocka_unit_test(shuffles_fairly),
        cmocka_unit_test(streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
