/* Every part of every job is done once, by as many as have come, and what one job wrote the next
 * may read; with no pool, a busy pool and more threads than processors too. */
#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <stdatomic.h>

enum { JOBS = 3000, CELLS = 64 };

typedef struct work {
    pool *pool;
    int64_t cells[CELLS]; /* each belongs to one part of a job, without a lock */
    int64_t job;
    int most;
    int shared; /* jobs that had more than one part */
} work;

static void add(void *arg, int i, int n)
{
    work *w = arg;
    for (int c = CELLS * i / n; c < CELLS * (i + 1) / n; c++) w->cells[c] += w->job;
    if (i == 0) {
        w->most = n > w->most ? n : w->most;
        w->shared += n > 1;
    }
}

static void lead(void *arg, team *t)
{
    work *w = arg;
    for (w->job = 0; w->job < JOBS; w->job++) {
        team_share(t, add, w);
        for (int c = 0; c < CELLS; c++) assert_int_equal(w->cells[c], w->job * (w->job + 1) / 2);
    }
}

static void every_part_once(void **state)
{
    static const int threads[] = { 1, 2, 3, 8, 80 };
    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        work w = { 0 };
        assert_int_equal(pool_new(&w.pool, threads[i]), RONDO_OK);
        for (int round = 0; round < (threads[i] < 8 ? 5 : 1); round++) {
            memset(w.cells, 0, sizeof w.cells);
            team_run(w.pool, lead, &w);
        }
        assert_true(w.most >= 1 && w.most <= threads[i]);
        if (threads[i] == 1) assert_int_equal(w.shared, 0);
        pool_free(w.pool);
    }
}

static void nobody_to_help(void **state)
{
    work w = { 0 };
    (void)state;
    team_run(NULL, lead, &w);
    assert_int_equal(w.most, 1);
}

static void lead_inside(void *arg, int i)
{
    work *all = arg;
    memset(all[i].cells, 0, sizeof all[i].cells);
    team_run(all[i].pool, lead, &all[i]);
}

static void in_a_busy_pool(void **state)
{
    static work all[3];
    pool *p;
    (void)state;
    assert_int_equal(pool_new(&p, 2), RONDO_OK);
    for (int i = 0; i < 3; i++) all[i].pool = p;
    pool_run(p, lead_inside, all, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(all[i].most, 1);
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_once),
        cmocka_unit_test(nobody_to_help),
        cmocka_unit_test(in_a_busy_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
