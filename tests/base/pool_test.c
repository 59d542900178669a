#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { N = 100 };
static const int thread_counts[] = { 1, 2, 3, 4, 0 };
enum { N_COUNTS = sizeof thread_counts / sizeof *thread_counts };

typedef struct job {
    pool *pool;
    int64_t cells[N]; /* written by task i alone, without a lock */
    atomic_int inner;
} job;

static void count(void *arg, int i)
{
    ((job *)arg)->cells[i]++;
}

static void runs_each_task_once(void **state)
{
    (void)state;
    for (int c = 0; c < N_COUNTS; c++) {
        job j = { 0 };
        assert_int_equal(pool_new(&j.pool, thread_counts[c]), RONDO_OK);
        assert_true(pool_threads(j.pool) >= 1);
        if (thread_counts[c]) assert_int_equal(pool_threads(j.pool), thread_counts[c]);
        for (int round = 0; round < 2000; round++) {
            int n = round % 2 ? N : round % 7;
            for (int i = 0; i < N; i++) j.cells[i] = 0;
            pool_run(j.pool, count, &j, n);
            for (int i = 0; i < N; i++) assert_int_equal(j.cells[i], i < n);
        }
        pool_free(j.pool);
    }
}

static void sleeps_and_wakes(void **state)
{
    job j = { 0 };
    (void)state;
    assert_int_equal(pool_new(&j.pool, 4), RONDO_OK);
    for (int round = 0; round < 20; round++) {
        struct timespec nap = { 0, 2000000 };
        nanosleep(&nap, NULL); /* long enough for all to be asleep */
        pool_run(j.pool, count, &j, N);
    }
    for (int i = 0; i < N; i++) assert_int_equal(j.cells[i], 20);
    pool_free(j.pool);
}

static void add_inner(void *arg, int i)
{
    (void)i;
    atomic_fetch_add(&((job *)arg)->inner, 1);
}

static void run_inside(void *arg, int i)
{
    job *j = arg;
    pool_run(j->pool, add_inner, j, 5);
    j->cells[i]++;
}

static void runs_inside_itself(void **state)
{
    (void)state;
    for (int c = 0; c < N_COUNTS; c++) {
        job j = { 0 };
        assert_int_equal(pool_new(&j.pool, thread_counts[c]), RONDO_OK);
        pool_run(j.pool, run_inside, &j, N);
        assert_int_equal(atomic_load(&j.inner), 5 * N);
        pool_free(j.pool);
    }
}

static void *run_many(void *arg)
{
    job *shared = arg;
    job mine = { 0 };
    for (int round = 0; round < 500; round++) pool_run(shared->pool, count, &mine, N);
    for (int i = 0; i < N; i++)
        if (mine.cells[i] != 500) return "wrong";
    return NULL;
}

static void serves_many_callers(void **state)
{
    job shared = { 0 };
    pthread_t callers[3];
    (void)state;
    assert_int_equal(pool_new(&shared.pool, 3), RONDO_OK);
    for (int i = 0; i < 3; i++) pthread_create(&callers[i], NULL, run_many, &shared);
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(callers[i], &result);
        assert_null(result);
    }
    pool_free(shared.pool);
}

static void runs_without_a_pool(void **state)
{
    job j = { 0 };
    (void)state;
    pool_run(NULL, count, &j, N);
    for (int i = 0; i < N; i++) assert_int_equal(j.cells[i], 1);
    assert_int_equal(pool_threads(NULL), 1);
    pool_free(NULL);
}

static void refuses_nonsense(void **state)
{
    pool *p;
    (void)state;
    assert_int_equal(pool_new(&p, -1), RONDO_E_ARG);
    assert_int_equal(pool_new(&p, 100000), RONDO_E_ARG);
    assert_null(p);
}

/* Signals are for the program's own threads: the signal mask that workers start with is full. */
static void block_check(void *arg, int i)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ((job *)arg)->cells[i] = sigismember(&mask, SIGINT);
    struct timespec nap = { 0, 1000000 };
    nanosleep(&nap, NULL);
}

static void leaves_signals_alone(void **state)
{
    job j = { 0 };
    sigset_t mask;
    int64_t blocked = 0;
    (void)state;
    assert_int_equal(pool_new(&j.pool, 4), RONDO_OK);
    pool_run(j.pool, block_check, &j, 40);
    for (int i = 0; i < 40; i++) blocked += j.cells[i];
    assert_in_range(blocked, 1, 40);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGINT), 0);
    pool_free(j.pool);
}

static rondo_status make(void *arg)
{
    pool *p;
    (void)arg;
    RONDO_TRY(pool_new(&p, 2));
    pool_free(p);
    return RONDO_OK;
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(make, NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_each_task_once),  cmocka_unit_test(sleeps_and_wakes),
        cmocka_unit_test(runs_inside_itself),   cmocka_unit_test(serves_many_callers),
        cmocka_unit_test(runs_without_a_pool),  cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(leaves_signals_alone), cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
