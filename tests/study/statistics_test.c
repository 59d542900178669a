/* Special functions and tests against values of SciPy 1.17. */
#include "study/study.h"
#include <math.h>
#include <setjmp.h>
#include <cmocka.h>

static void assert_near(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-9 * fmax(fabs(wanted), 1e-3))
        fail_msg("%.15g, expected %.15g", got, wanted);
}

static void tails_are_scipys(void **state)
{
    (void)state;
    assert_near(statistics_t(1.5, 3), 0.23058386524482294);
    assert_near(statistics_t(0.1, 30), 0.9210096117902712);
    assert_near(statistics_f(3, 2, 10), 0.09536743164062497);
    assert_near(statistics_f(9.28, 3, 39), 9.272804731987606e-05);
    assert_near(statistics_f(0.5, 7, 3), 0.7973063575133491);
    assert_near(statistics_chi2(3, 1), 0.08326451666355042);
    assert_near(statistics_chi2(9.28, 3), 0.025790724198756772);
    assert_near(statistics_chi2(0.2, 4), 0.9953211598395555);
    assert_near(statistics_chi2(50, 10), 2.669083424904495e-07);
    assert_near(statistics_normal(1.959963984540054), 0.975);
    assert_true(statistics_f(INFINITY, 3, 9) == 0 && statistics_chi2(0, 3) == 1);
}

static void quantiles_are_scipys(void **state)
{
    (void)state;
    assert_near(statistics_t_quantile(0.05, 1), 12.706204736174705);
    assert_near(statistics_t_quantile(0.05, 4), 2.7764451051977943);
    assert_near(statistics_t_quantile(0.01, 10), 3.1692726726169504);
    assert_near(statistics_t_quantile(0.05, 100), 1.983971518523552);
    /* Over √2: the table of critical values that Demšar gives for Nemenyi's test. */
    assert_near(statistics_range_quantile(0.05, 2) / sqrt(2), 1.9599639845400534);
    assert_near(statistics_range_quantile(0.05, 3) / sqrt(2), 2.343700586378409);
    assert_near(statistics_range_quantile(0.05, 5) / sqrt(2), 2.7277743708703763);
    assert_near(statistics_range_quantile(0.05, 10) / sqrt(2), 3.163683577053373);
    assert_near(statistics_range_quantile(0.05, 20) / sqrt(2), 3.5437991315177815);
}

static void ranks_share_ties(void **state)
{
    const double values[] = { 3, 1, INFINITY, 1, INFINITY, 2 };
    const double wanted[] = { 4, 1.5, 5.5, 1.5, 5.5, 3 };
    double ranks[6];
    (void)state;
    statistics_rank(ranks, values, 6);
    for (int i = 0; i < 6; i++) assert_true(ranks[i] == wanted[i]);
}

static void friedman_is_scipys(void **state)
{
    static const double plain[] = { 1, 2, 3, 2, 1, 3, 1, 2, 3, 1, 3, 2 };
    static const double tied[] = { 1, 2, 3, 1.5, 1.5, 3, 1, 2.5, 2.5, 2, 2, 2 };
    static const double same[] = { 1, 2, 3, 1, 2, 3 };
    (void)state;
    friedman f = statistics_friedman(plain, 4, 3);
    assert_near(f.chi2, 4.5);
    assert_near(f.p_chi2, 0.10539922456186433);
    assert_near(f.f, 3 * 4.5 / (4 * 2 - 4.5));
    assert_int_equal(f.freedom1, 2);
    assert_int_equal(f.freedom2, 6);
    f = statistics_friedman(tied, 4, 3);
    assert_near(f.chi2, 5);
    f = statistics_friedman(same, 2, 3); /* all blocks agree: as sure as they can make it */
    assert_true(isinf(f.f) && f.p_f == 0);
    f = statistics_friedman(plain, 3, 4); /* Demšar 2006: q √(k (k + 1) / 6 N) */
    assert_near(f.difference, 2.569031772546482 * sqrt(4 * 5 / (6.0 * 3)));
}

static void wilcoxon_is_scipys(void **state)
{
    const double few[] = { 1, -2, 3, 4, 5, 6, -7, 0, 8 };
    const double tied[] = { 1, 1, -1, 2, 2, 3, 4, 4, -2, 5 };
    int used;
    (void)state;
    assert_near(statistics_wilcoxon(few, 9, &used), 0.25);
    assert_int_equal(used, 8);
    assert_near(statistics_wilcoxon(tied, 10, &used), 0.035564379058193644);
    assert_near(statistics_wilcoxon((double[]){ 0, 0 }, 2, &used), 1);
    assert_int_equal(used, 0);
}

static void holm_adjusts_step_by_step(void **state)
{
    double p[] = { 0.01, 0.04, 0.03, 0.005, 0.9 };
    const double wanted[] = { 0.04, 0.09, 0.09, 0.025, 0.9 };
    double ties[] = { 0.02, 0.02, 0.02 };
    (void)state;
    statistics_holm(p, 5);
    for (int i = 0; i < 5; i++) assert_near(p[i], wanted[i]);
    statistics_holm(ties, 3);
    for (int i = 0; i < 3; i++) assert_near(ties[i], 0.06);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_are_scipys),   cmocka_unit_test(quantiles_are_scipys),
        cmocka_unit_test(ranks_share_ties),   cmocka_unit_test(friedman_is_scipys),
        cmocka_unit_test(wilcoxon_is_scipys), cmocka_unit_test(holm_adjusts_step_by_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
