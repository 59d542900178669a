/* cuts - where an epoch of streams is cut into windows. Lengths that vary (Merity, Keskar and Socher
 * 2017): most are around bptt, one in twenty around half of it, so that the cuts fall elsewhere in
 * every epoch. They are a function of the seed and the epoch, so training goes on exactly. */
#include "train/train.h"

enum { DEVIATION = 5, LEAST = 5 };

/* Five deviations: what is drawn beyond, once in three million times, is cut to it. */
int64_t cuts_longest(int64_t bptt, bool vary)
{
    return vary ? bptt + 5 * DEVIATION : bptt;
}

static int64_t draw(rng *r, int64_t bptt)
{
    const int64_t least = bptt < LEAST ? bptt : LEAST, most = cuts_longest(bptt, true);
    const double around = rng_uniform(r) < 0.95 ? (double)bptt : (double)bptt / 2;
    const double length = around + DEVIATION * rng_normal(r);
    return length < (double)least ? least : length > (double)most ? most : (int64_t)length;
}

rondo_status cuts_make(cuts *c, int64_t steps, int64_t bptt, bool vary, uint64_t seed,
                       int64_t epoch)
{
    const int64_t least = vary && bptt > LEAST ? LEAST : bptt;
    rng r = rng_new(seed, rng_stream(RNG_WINDOW, (uint32_t)epoch));
    if (!c->at) c->at = alloc_array((steps - 1) / least + 2, sizeof *c->at);
    if (!c->at) return RONDO_E_NOMEM;
    c->n = 0;
    for (int64_t at = 0; at < steps; at += vary ? draw(&r, bptt) : bptt) c->at[c->n++] = at;
    c->at[c->n] = steps;
    return RONDO_OK;
}

void cuts_free(cuts *c)
{
    alloc_free(c->at);
    *c = (cuts){ 0 };
}
