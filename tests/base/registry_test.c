/* The registry by itself: these are its tables here, not the library's. */
#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <pthread.h>

static const int mse, mae, huber;
static int loads;

void rondo_tables(void)
{
    loads++;
    registry_add(REGISTRY_LOSS, "mse", &mse);
    registry_add(REGISTRY_LOSS, "mae", &mae);
    registry_add(REGISTRY_LOSS, "huber", &huber);
}

static void *look(void *arg)
{
    (void)arg;
    return (void *)registry_find(REGISTRY_LOSS, "mae");
}

static void loads_once_for_all_threads(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, look, NULL);
    for (int i = 0; i < 4; i++) {
        void *row;
        pthread_join(threads[i], &row);
        assert_ptr_equal(row, &mae);
    }
    assert_int_equal(loads, 1);
}

static void keeps_their_order(void **state)
{
    static const char *const names[] = { "mse", "mae", "huber" };
    static const int *const rows[] = { &mse, &mae, &huber };
    (void)state;
    assert_int_equal(registry_count(REGISTRY_LOSS), 3);
    assert_int_equal(registry_count(REGISTRY_CELL), 0);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(registry_name(REGISTRY_LOSS, i), names[i]);
        assert_ptr_equal(registry_at(REGISTRY_LOSS, i), rows[i]);
    }
}

static void says_what_it_lacks(void **state)
{
    const void *row;
    (void)state;
    assert_int_equal(registry_get(REGISTRY_LOSS, "huber", &row), RONDO_OK);
    assert_ptr_equal(row, &huber);
    assert_int_equal(registry_get(REGISTRY_LOSS, "mea", &row), RONDO_E_NAME);
    assert_string_equal(rondo_error(), "unknown loss \"mea\"; did you mean \"mae\"?");
    assert_null(row);
    assert_int_equal(registry_get(REGISTRY_LOSS, "quantile", &row), RONDO_E_NAME);
    assert_string_equal(rondo_error(), "unknown loss \"quantile\"; there are mse, mae, huber");
    assert_int_equal(registry_get(REGISTRY_LOSS, "", &row), RONDO_E_NAME);
    assert_sentence("the name of the loss is missing");
    assert_int_equal(registry_get(REGISTRY_TASK, "x", &row), RONDO_E_NAME);
    assert_sentence("unknown task \"x\"; there are none");
}

static void takes_new_rows(void **state)
{
    static char names[300][8];
    static const int one = 0, two = 0;
    int added = 0;
    (void)state;
    assert_int_equal(registry_add(REGISTRY_LOSS, "mse", &mse), RONDO_OK);
    assert_int_equal(registry_count(REGISTRY_LOSS), 3);
    assert_int_equal(registry_add(REGISTRY_LOSS, "mse", &one), RONDO_E_ARG);
    assert_sentence("the loss \"mse\" is there already");
    assert_int_equal(registry_add(REGISTRY_LOSS, "", &one), RONDO_E_ARG);
    assert_int_equal(registry_add(REGISTRY_CELL, "cfn", &two), RONDO_OK);
    assert_ptr_equal(registry_find(REGISTRY_CELL, "cfn"), &two);
    assert_null(registry_find(REGISTRY_LOSS, "cfn"));
    for (int i = 0; i < 300; i++) {
        snprintf(names[i], sizeof names[i], "r%d", i);
        added += registry_add(REGISTRY_READER, names[i], &one) == RONDO_OK;
    }
    assert_in_range(added, 200, 299);
    assert_int_equal(added, registry_count(REGISTRY_READER));
    assert_int_equal(registry_add(REGISTRY_READER, "last", &one), RONDO_E_LIMIT);
}

static void finds_the_nearest(void **state)
{
    static const char *const names[] = { "lstm", "gru", "simple_rnn", "return_sequences", "units" };
    static const struct {
        const char *name, *nearest;
    } cases[] = {
        { "ltsm", "lstm" },   { "LSTM", "lstm" },
        { "gri", "gru" },     { "simplernn", "simple_rnn" },
        { "untis", "units" }, { "retrun_sequence", "return_sequences" },
        { "cnn", NULL },      { "g", NULL },
        { "", NULL },         { "transformer", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *nearest = name_nearest(cases[i].name, 5, names);
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_once_for_all_threads), cmocka_unit_test(keeps_their_order),
        cmocka_unit_test(says_what_it_lacks),         cmocka_unit_test(takes_new_rows),
        cmocka_unit_test(finds_the_nearest),
    };
    for (int kind = 0; kind < REGISTRY_KINDS; kind++)
        if (!registry_kind_name((registry_kind)kind)) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
