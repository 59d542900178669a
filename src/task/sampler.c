/* sampler - which token comes next, out of the numbers a language model gives: the most likely one, or
 * one drawn by its probability.  What is likely is found in time that grows with the vocabulary alone:
 * nothing is sorted. */
#include "task/task.h"
#include <float.h>
#include <math.h>
#include <string.h>

static const rondo_activation *function(const char *name)
{
    return registry_find(REGISTRY_ACTIVATION, name);
}

rondo_status sampler_open(sampler *s, int64_t n, const sampler_options *o)
{
    *s = (sampler){ .n = n, .options = *o };
    if (o->temperature < 1e-30) s->options.temperature = 0; /* floats know nothing colder */
    s->softmax = function("softmax");
    s->log_softmax = function("log_softmax");
    s->p = alloc_array(n, sizeof *s->p);
    s->order = alloc_array(n, sizeof *s->order);
    return s->p && s->order ? RONDO_OK : RONDO_E_NOMEM;
}

void sampler_close(sampler *s)
{
    alloc_free(s->p);
    alloc_free(s->order);
    *s = (sampler){ 0 };
}

/* ---- The likeliest ---- */
/* The more likely first; of equals that with the lower number: no two are alike. */
static bool before(const real *p, int32_t a, int32_t b)
{
    return p[a] > p[b] || (p[a] == p[b] && a < b);
}

static void swap(int32_t *order, int64_t i, int64_t k)
{
    const int32_t other = order[i];
    order[i] = order[k];
    order[k] = other;
}

/* Puts an item of order[low…high) where it would be, were they sorted; returns where. */
static int64_t part(const real *p, int32_t *order, int64_t low, int64_t high)
{
    const int64_t middle = low + (high - low) / 2, last = high - 1;
    int64_t at = low;
    if (before(p, order[middle], order[low])) swap(order, low, middle);
    if (before(p, order[last], order[low])) swap(order, low, last);
    if (before(p, order[middle], order[last])) swap(order, middle, last); /* their median is last */
    for (int64_t i = low; i < last; i++)
        if (before(p, order[i], order[last])) swap(order, i, at++);
    swap(order, at, last);
    return at;
}

int64_t sampler_best(const real *p, int32_t *order, int64_t n, int64_t most, double mass)
{
    int64_t low = 0, high = n;
    double sum = 0; /* of order[0…low) */
    while (low < high) {
        const int64_t at = part(p, order, low, high);
        double better = sum;
        for (int64_t i = low; i < at; i++) better += (double)p[order[i]];
        if (at >= most || (at > low && better >= mass)) {
            high = at;
            continue;
        }
        low = at + 1;
        sum = better + (double)p[order[at]];
        if (low >= most || sum >= mass) break;
    }
    return low;
}

/* ---- The next token ---- */
/* Keskar et al. 2019: what was said before is less likely. */
static void penalize(const sampler *s, const spoken *said)
{
    const real penalty = (real)s->options.repetition_penalty;
    if (penalty == 1) return;
    for (int64_t i = 0; i < said->n; i++) {
        real *x = &s->p[said->id[i]];
        *x = *x > 0 ? *x / penalty : *x * penalty;
    }
}

/* As many of s->order as may be drawn: the top_k likeliest, and of these the likeliest that have
 * top_p of what they have together. */
static int64_t cut_off(sampler *s)
{
    const sampler_options *o = &s->options;
    double mass = o->top_p;
    int64_t kept = s->n;
    for (int64_t i = 0; i < s->n; i++) s->order[i] = (int32_t)i;
    if (o->top_k > 0 && o->top_k < s->n) {
        kept = sampler_best(s->p, s->order, s->n, o->top_k, INFINITY);
        double sum = 0;
        for (int64_t i = 0; i < kept; i++) sum += (double)s->p[s->order[i]];
        mass *= sum;
    }
    return o->top_p < 1 ? sampler_best(s->p, s->order, kept, kept, mass) : kept;
}

static int32_t draw(const sampler *s, int64_t kept, bool cut, rng *r)
{
    double total = 0, sum = 0;
    for (int64_t i = 0; i < kept; i++) total += (double)s->p[cut ? s->order[i] : i];
    const double at = rng_uniform(r) * total;
    int32_t id = 0;
    for (int64_t i = 0; i < kept; i++) {
        const int32_t k = cut ? s->order[i] : (int32_t)i;
        if (!(s->p[k] > 0)) continue;
        id = k;
        sum += (double)s->p[k];
        if (sum > at) break;
    }
    return id;
}

void sampler_ban(const sampler *s, real *x)
{
    for (int i = 0; i < s->options.n_banned; i++) x[s->options.banned[i]] = (real)-FLT_MAX;
}

int32_t sampler_next(sampler *s, const real *logits, const spoken *said, rng *r)
{
    const sampler_options *o = &s->options;
    memcpy(s->p, logits, (size_t)s->n * sizeof *s->p);
    sampler_ban(s, s->p);
    penalize(s, said);
    if (o->temperature == 0) return (int32_t)kernel_table()->argmax(s->p, s->n);
    if (o->temperature != 1) kernel_table()->scale(s->p, s->p, (real)(1 / o->temperature), s->n);
    s->softmax->forward(s->p, s->p, s->n, NULL);
    const bool cut = o->top_k > 0 || o->top_p < 1;
    return draw(s, cut ? cut_off(s) : s->n, cut, r);
}

void sampler_log_probabilities(sampler *s, real *log_p, const real *logits)
{
    s->log_softmax->forward(log_p, logits, s->n, NULL);
}
