/* Persistent threads that share out the tasks of one job at a time.
 *
 * A job is published as a ticket: its number in the upper half, the tasks not yet taken in the
 * lower. Whoever takes one off the ticket by compare-and-swap may read the job's fields: they stay
 * as they are until that task is done, and a thread that comes late finds another ticket. */
#define _GNU_SOURCE
#include "base/base.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_THREADS = 1024,
    STACK = 1 << 20, /* bytes; kernels copy what they multiply there, up to a quarter of it */
    SPINS =
        25000,  /* pauses before a thread sleeps: some 0.5 ms, as a sleeper takes 0.1 ms to wake */
    YIELD = 250 /* so often others may have the processor meanwhile */
};

struct pool {
    int n_workers;
    pthread_t *workers;
    pthread_mutex_t busy; /* held while a job runs */

    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) atomic_int done; /* tasks of this job */
    atomic_int sleeping;          /* workers that sleep until `wake` */
    atomic_bool waiting;          /* the owner of the job sleeps until `all_done` */
    atomic_bool quit;
    pthread_mutex_t sleep;
    pthread_cond_t wake, all_done;

    void (*task)(void *arg, int i); /* the job */
    void *arg;
    int n;
};

static inline void pause_briefly(int i)
{
    if (i % YIELD == YIELD - 1) {
        sched_yield();
        return;
    }
    pause_cpu();
}

/* Takes and runs tasks until none is left to take. */
static void take_tasks(pool *p)
{
    uint64_t ticket = atomic_load(&p->ticket);
    while ((uint32_t)ticket > 0) {
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket - 1)) continue;
        int n = p->n;
        p->task(p->arg, n - (int)(uint32_t)ticket);
        if (atomic_fetch_add(&p->done, 1) + 1 == n && atomic_load(&p->waiting)) {
            pthread_mutex_lock(&p->sleep);
            pthread_cond_signal(&p->all_done);
            pthread_mutex_unlock(&p->sleep);
        }
        ticket = atomic_load(&p->ticket);
    }
}

static bool has_work(pool *p)
{
    return (uint32_t)atomic_load(&p->ticket) > 0 || atomic_load(&p->quit);
}

static void *work(void *arg)
{
    pool *p = arg;
    while (!atomic_load(&p->quit)) {
        take_tasks(p);
        for (int i = 0; i < SPINS && !has_work(p); i++) pause_briefly(i);
        if (has_work(p)) continue;
        pthread_mutex_lock(&p->sleep);
        atomic_fetch_add(&p->sleeping, 1);
        while (!has_work(p)) pthread_cond_wait(&p->wake, &p->sleep);
        atomic_fetch_sub(&p->sleeping, 1);
        pthread_mutex_unlock(&p->sleep);
    }
    return NULL;
}

static void wake_workers(pool *p)
{
    if (atomic_load(&p->sleeping) == 0) return;
    pthread_mutex_lock(&p->sleep);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->sleep);
}

static void await_done(pool *p, int n)
{
    for (int i = 0; i < SPINS && atomic_load(&p->done) < n; i++) pause_briefly(i);
    if (atomic_load(&p->done) == n) return;
    pthread_mutex_lock(&p->sleep);
    atomic_store(&p->waiting, true);
    while (atomic_load(&p->done) < n) pthread_cond_wait(&p->all_done, &p->sleep);
    atomic_store(&p->waiting, false);
    pthread_mutex_unlock(&p->sleep);
}

void pool_run(pool *p, void (*task)(void *arg, int i), void *arg, int n)
{
    if (n <= 1 || pool_threads(p) == 1 || pthread_mutex_trylock(&p->busy)) {
        for (int i = 0; i < n; i++) task(arg, i);
        return;
    }
    p->task = task;
    p->arg = arg;
    p->n = n;
    atomic_store(&p->done, 0);
    uint64_t job = (atomic_load(&p->ticket) >> 32) + 1;
    atomic_store(&p->ticket, job << 32 | (uint32_t)n);
    wake_workers(p);
    take_tasks(p);
    await_done(p, n);
    pthread_mutex_unlock(&p->busy);
}

int pool_threads(const pool *p)
{
    return p ? p->n_workers + 1 : 1;
}

int pool_processors(void)
{
    long n;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (int)n;
}

/* Workers leave signals to the program's own threads. */
static rondo_status start_workers(pool *p, int n)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int error = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->n_workers < n) {
        error = pthread_create(&p->workers[p->n_workers], &attributes, work, p);
        if (error) break;
        p->n_workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!error) return RONDO_OK;
    return rondo_fail(RONDO_E_LIMIT, "cannot start thread %d of %d: %s", p->n_workers + 2, n + 1,
                      strerror(error));
}

rondo_status pool_new(pool **out, int threads)
{
    rondo_status status;
    pool *p;
    *out = NULL;
    if (threads < 0 || threads > MOST_THREADS)
        return rondo_fail(RONDO_E_ARG, "%d threads were asked for, expected 0 to %d", threads,
                          MOST_THREADS);
    if (threads == 0) threads = pool_processors();
    p = alloc_aligned(sizeof *p);
    if (!p) return RONDO_E_NOMEM;
    pthread_mutex_init(&p->busy, NULL);
    pthread_mutex_init(&p->sleep, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->all_done, NULL);
    p->workers = alloc_array(threads, sizeof *p->workers);
    status = p->workers ? start_workers(p, threads - 1) : RONDO_E_NOMEM;
    if (status)
        pool_free(p);
    else
        *out = p;
    return status;
}

void pool_free(pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->sleep);
    atomic_store(&p->quit, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->sleep);
    for (int i = 0; i < p->n_workers; i++) pthread_join(p->workers[i], NULL);
    pthread_cond_destroy(&p->all_done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->sleep);
    pthread_mutex_destroy(&p->busy);
    alloc_free(p->workers);
    alloc_free_aligned(p);
}
