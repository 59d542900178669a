#include "layer.h"

void route_plan(route *r, arena *a, const value *x, bool reverse)
{
    const size_t rows = (size_t)value_rows(x) * sizeof(int64_t),
                 batch = (size_t)x->batch * sizeof(int64_t);
    *r = (route){ .steps = x->steps, .batch = x->batch, .total = value_rows(x) };
    r->identity = !reverse && !x->lengths && !x->masked;
    if (r->identity) return;
    r->offset = arena_keep(a, (size_t)(x->steps + 2) * sizeof(int64_t));
    r->order = arena_keep(a, batch);
    r->rank = arena_keep(a, batch);
    r->count = arena_keep(a, batch);
    r->from = arena_keep(a, rows);
    r->back = arena_keep(a, rows);
    r->output = arena_keep(a, rows);
}

static bool valid(const value *x, int64_t t, int64_t row)
{
    if (x->lengths && t >= x->lengths[row]) return false;
    return !x->mask || x->mask[t * x->batch + row];
}

/* Ranks by counting sort on the number of valid steps, most first, ties in the caller's order. */
static void sort_rows(route *r, const value *x)
{
    int64_t *valid_of = r->rank, *place = r->offset; /* both are filled for good afterwards */
    for (int64_t n = 0; n < r->steps + 2; n++) place[n] = 0;
    for (int64_t b = 0; b < r->batch; b++) {
        valid_of[b] = 0;
        for (int64_t t = 0; t < r->steps; t++) valid_of[b] += valid(x, t, b);
        place[r->steps - valid_of[b] + 1]++;
    }
    for (int64_t n = 1; n < r->steps + 2; n++) place[n] += place[n - 1];
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t k = place[r->steps - valid_of[b]]++;
        r->order[k] = b;
        r->count[k] = valid_of[b];
    }
    for (int64_t k = 0; k < r->batch; k++) r->rank[r->order[k]] = k;
}

static void place_steps(route *r)
{
    int64_t active = r->batch;
    r->offset[0] = 0;
    for (int64_t t = 0; t < r->steps; t++) {
        while (active > 0 && r->count[active - 1] <= t) active--;
        r->offset[t + 1] = r->offset[t] + active;
    }
    r->total = r->offset[r->steps];
}

/* Where the step processed p-th of a row shows: its own time, or the order of processing with the
 * padding behind. */
static int64_t output_time(int64_t p, int64_t steps, int64_t length, bool reverse, bool restore)
{
    const int64_t t = reverse ? steps - 1 - p : p;
    if (!reverse || restore) return t;
    return t < length ? p - (steps - length) : length + p;
}

/* Masked steps repeat the output before them; where outputs are put back in order (Keras'
 * Bidirectional sets zero_output_for_mask) they are zero. */
void route_build(route *r, const value *x, bool reverse, bool restore)
{
    if (r->identity) return;
    sort_rows(r, x);
    place_steps(r);
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t length = x->lengths ? x->lengths[b] : r->steps;
        int64_t done = 0, latest = -1;
        for (int64_t p = 0; p < r->steps; p++) {
            const int64_t t = reverse ? r->steps - 1 - p : p, row = t * r->batch + b;
            const int64_t out = output_time(p, r->steps, length, reverse, restore) * r->batch + b;
            r->back[row] = -1;
            if (valid(x, t, b)) {
                latest = r->offset[done++] + r->rank[b];
                r->from[latest] = row;
                r->back[row] = latest;
            }
            const bool shown = t < length && (!restore || valid(x, t, b));
            r->output[out] = shown ? latest : -1;
        }
    }
}
