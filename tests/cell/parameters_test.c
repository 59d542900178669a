/* Parameters in a row's own words: "negative_slope=0.2 max=6", and what a user gives for them. */
#include "cell/cell.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const char declared[] = "alpha=1.5 beta=-2 gamma=1e3 delta";

static void check(const char *given, double a, double b, double c, double d)
{
    const double expected[RONDO_MAX_PARAMETERS] = { a, b, c, d };
    double args[RONDO_MAX_PARAMETERS] = { 7, 7, 7, 7 };
    if (parameters_parse(args, declared, given, "curve"))
        fail_msg("\"%s\": %s", given, rondo_error());
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++)
        if (args[i] != expected[i]) fail_msg("\"%s\": parameter %d is %g", given, i, args[i]);
}

static void defaults(void **state)
{
    double args[RONDO_MAX_PARAMETERS] = { 7, 7, 7, 7 };
    (void)state;
    check(NULL, 1.5, -2, 1000, 0);
    check("", 1.5, -2, 1000, 0);
    check("  ", 1.5, -2, 1000, 0);
    assert_int_equal(parameters_parse(args, NULL, NULL, "curve"), RONDO_OK);
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) assert_true(args[i] == 0);
}

static void by_position_and_name(void **state)
{
    (void)state;
    check("3", 3, -2, 1000, 0);
    check("3, 4, 5, 6", 3, 4, 5, 6);
    check("3 4,5", 3, 4, 5, 0);
    check("beta=9", 1.5, 9, 1000, 0);
    check("delta=1e-3, alpha=-0.5", -0.5, -2, 1000, 1e-3);
    check("8, delta=2", 8, -2, 1000, 2);
    check("gamma=true delta=false", 1.5, -2, 1, 0);
    check("alpha=inf", HUGE_VAL, -2, 1000, 0);
}

static void refused(void **state)
{
    char longest[LIMIT_NAME + 1];
    memset(longest, '1', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const struct {
        const char *declared, *given;
        rondo_status code;
        const char *words;
    } cases[] = {
        { declared, "epsilon=1", RONDO_E_NAME,
          "curve has no parameter \"epsilon\"; it has: alpha" },
        { declared, "=1", RONDO_E_NAME, "no parameter \"\"" },
        { declared, "alpha=", RONDO_E_ARG, "\"\" is not a number" },
        { declared, "one", RONDO_E_ARG, "curve: \"one\" is not a number" },
        { declared, "1x", RONDO_E_ARG, "\"1x\" is not a number" },
        { declared, "nan", RONDO_E_ARG, "\"nan\" is not a number" },
        { declared, "1 2 3 4 5", RONDO_E_ARG, "curve takes 4 parameters, given more: \"5\"" },
        { "alpha=1", "1 2", RONDO_E_ARG, "curve takes 1 parameter, given more" },
        { NULL, "1", RONDO_E_ARG, "curve takes 0 parameters" },
        { NULL, "alpha=1", RONDO_E_NAME, "it has: none" },
        { declared, longest, RONDO_E_LIMIT, "too long" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double args[RONDO_MAX_PARAMETERS];
        assert_int_equal(parameters_parse(args, cases[i].declared, cases[i].given, "curve"),
                         cases[i].code);
        if (!strstr(rondo_error(), cases[i].words))
            fail_msg("\"%s\" says: %s", cases[i].given, rondo_error());
    }
}

static void names(void **state)
{
    (void)state;
    assert_true(parameters_have(declared, "alpha"));
    assert_true(parameters_have(declared, "delta"));
    assert_false(parameters_have(declared, "alph"));
    assert_false(parameters_have(declared, "alphaa"));
    assert_false(parameters_have(declared, ""));
    assert_false(parameters_have(NULL, "alpha"));
    assert_false(parameters_have("", "alpha"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(by_position_and_name),
        cmocka_unit_test(refused),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
