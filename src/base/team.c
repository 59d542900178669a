/* Threads that help one of them through many short jobs, without sleeping in between.
 *
 * The leader waits for nobody to come or to begin: a job has a part for each helper that has come
 * so far, and a part that its helper has not begun when the leader is done with his own is the
 * leader's, so a machine whose processors are busy elsewhere loses nothing. A job is published as
 * one word, its number and how many parts it has; who claims a part of it may read the rest, as the
 * leader changes nothing before every part is done. */
#define _GNU_SOURCE
#include "base/base.h"
#include <sched.h>
#include <stdatomic.h>

enum { MOST_HELPERS = 63, SPINS = 4000 /* pauses before a waiting thread lets others run */ };

typedef struct helper {
    _Alignas(64) _Atomic uint64_t claimed; /* the last job whose part somebody has begun … */
    _Atomic uint64_t done;                 /* … and its helper has done */
} helper;

struct team {
    void (*lead)(void *arg, team *);
    void *lead_arg;
    void (*part)(void *arg, int i, int n); /* the job */
    void *arg;
    _Alignas(64) _Atomic uint64_t job; /* number << 8 | parts */
    atomic_bool over;
    _Alignas(64) atomic_int helpers; /* that have come */
    helper at[MOST_HELPERS];
};

static void wait_a_little(int *waited)
{
    if (++*waited % SPINS == 0) {
        sched_yield();
        return;
    }
    pause_cpu();
}

/* Whether the part is ours now: somebody may have it, or be jobs ahead. */
static bool claim(helper *h, uint64_t job)
{
    uint64_t last = atomic_load_explicit(&h->claimed, memory_order_relaxed);
    return last < job && atomic_compare_exchange_strong(&h->claimed, &last, job);
}

/* Reads the job before it counts as come, so that it misses none that it has a part in. */
static void help(team *t)
{
    uint64_t seen = atomic_load(&t->job), job;
    const int me = atomic_fetch_add(&t->helpers, 1);
    for (int waited = 0; !atomic_load_explicit(&t->over, memory_order_acquire);) {
        job = atomic_load_explicit(&t->job, memory_order_acquire);
        const int parts = (int)(job & 0xff);
        if (job == seen) {
            wait_a_little(&waited);
            continue;
        }
        seen = job;
        waited = 0;
        if (me + 1 >= parts || !claim(&t->at[me], job)) continue;
        t->part(t->arg, me + 1, parts);
        atomic_store_explicit(&t->at[me].done, job, memory_order_release);
    }
}

static void join(void *arg, int i)
{
    team *t = arg;
    if (i > 0) {
        help(t);
        return;
    }
    t->lead(t->lead_arg, t);
    atomic_store_explicit(&t->over, true, memory_order_release);
}

void team_run(pool *p, void (*lead)(void *arg, team *), void *arg)
{
    team t = { .lead = lead, .lead_arg = arg };
    const int threads = pool_threads(p);
    pool_run(p, join, &t, threads > MOST_HELPERS ? MOST_HELPERS : threads);
}

void team_share(team *t, void (*part)(void *arg, int i, int n), void *arg)
{
    const int parts = 1 + atomic_load_explicit(&t->helpers, memory_order_acquire);
    if (parts == 1) {
        part(arg, 0, 1);
        return;
    }
    const uint64_t number = (atomic_load_explicit(&t->job, memory_order_relaxed) >> 8) + 1,
                   job = number << 8 | (uint64_t)parts;
    t->part = part;
    t->arg = arg;
    atomic_store_explicit(&t->job, job, memory_order_release);
    part(arg, 0, parts);
    for (int i = 0, waited = 0; i < parts - 1; i++) {
        if (claim(&t->at[i], job)) {
            part(arg, i + 1, parts);
            continue;
        }
        while (atomic_load_explicit(&t->at[i].done, memory_order_acquire) != job)
            wait_a_little(&waited);
    }
}
