/* Philox4x32-10: J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3. SC 2011. */
#include "base/base.h"
#include <math.h>

void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        rng_philox_round(&c0, &c1, &c2, &c3, k0, k1);
        k0 += philox_weyl[0];
        k1 += philox_weyl[1];
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The stream is the upper half of the counter; the lower half counts blocks. */
rng rng_new(uint64_t seed, uint64_t stream)
{
    return (rng){ .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
                  .counter = { 0, 0, (uint32_t)stream, (uint32_t)(stream >> 32) } };
}

uint32_t rng_next(rng *r)
{
    if (r->left == 0) {
        rng_philox(r->out, r->counter, r->key);
        if (++r->counter[0] == 0) r->counter[1]++;
        r->left = 4;
    }
    return r->out[4 - r->left--];
}

double rng_uniform(rng *r)
{
    uint32_t high = rng_next(r) >> 5, low = rng_next(r) >> 6; /* 27 and 26 bits */
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

double rng_normal(rng *r)
{
    double u = 1 - rng_uniform(r), v = rng_uniform(r); /* u > 0 */
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

int64_t rng_below(rng *r, int64_t n)
{
    uint64_t bound = (uint64_t)n, spare = (0 - bound) % bound; /* 2^64 mod n */
    uint64_t draw;
    do {
        uint64_t high = rng_next(r);
        draw = high << 32 | rng_next(r);
    } while (draw < spare);
    return (int64_t)(draw % bound);
}

void rng_shuffle(rng *r, int64_t *items, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = rng_below(r, i + 1), item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}
