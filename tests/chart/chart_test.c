/* Charts are well-formed, say what they show, keep names whole and give the same bytes again. */
#include "chart/chart.h"
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

/* Every element is closed in order; attributes are quoted; no bare ampersand. */
static void assert_well_formed(const char *svg)
{
    char open[32][16];
    int depth = 0;
    for (const char *at = svg; (at = strchr(at, '<')) != NULL;) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        const size_t n = strcspn(at + 1 + (at[1] == '/'), " >/\n");
        assert_true(n > 0 && n < sizeof *open);
        if (at[1] == '/') {
            assert_true(depth > 0);
            assert_memory_equal(open[--depth], at + 2, n);
        } else if (end[-1] != '/') {
            assert_true(depth < 32);
            snprintf(open[depth++], sizeof *open, "%.*s", (int)n, at + 1);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
    for (const char *at = svg; (at = strchr(at, '&')) != NULL; at++)
        assert_true(strcspn(at, ";") < 8);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)) != NULL; text++) n++;
    return n;
}

static void lines_have_bands_gaps_and_escaped_names(void **state)
{
    const double y[] = { 1, 0.5, NAN, 0.25, 0.1 }, low[] = { 0.9, 0.4, NAN, 0.2, 0.05 },
                 high[] = { 1.1, 0.6, NAN, 0.3, 0.2 };
    const chart_series s[] = {
        { .name = "a<b & 双曲\xff", .y = y, .low = low, .high = high, .n = 5 },
        { .name = "other", .y = y, .n = 5, .colour = 9 }
    };
    text_buffer t = { 0 }, again = { 0 };
    const chart c = {
        .title = "x \"y\"", .description = "falls", .y = { .log = true }, .series = s, .n_series = 2
    };
    (void)state;
    chart_draw(&t, &c, true);
    chart_draw(&again, &c, true);
    assert_int_equal(t.status, RONDO_OK);
    assert_well_formed(t.data);
    assert_string_equal(t.data, again.data);
    assert_int_equal(count(t.data, "class=\"band\""), 2); /* one on either side of the gap */
    assert_non_null(strstr(t.data, "a&lt;b &amp; 双曲\xEF\xBF\xBD"));
    assert_non_null(strstr(t.data, "aria-label=\"x &quot;y&quot;. falls\""));
    assert_non_null(
        strstr(t.data, "class=\"s1 dashed\"")); /* the ninth colour is the first, dashed */
    assert_non_null(strstr(t.data, "prefers-color-scheme:dark"));
    text_free(&t);
    text_free(&again);
}

static void ticks_are_round(void **state)
{
    static const struct {
        chart_axis asked;
        double least, most;
        const char *first, *last;
    } cases[] = {
        { { 0 }, 0.013, 0.094, "0.00", "0.10" },
        { { 0 }, -3, 17, "-5", "20" },
        { { 0 }, 0, 98000, "0", "100k" },
        { { 0 }, 0, 4.2e6, "0", "5M" },
        { { .log = true }, 0.002, 31, "0.001", "100" },
        { { .log = true }, 2, 30, "2", "20" },
        { { 0 }, 5, 5, "4.4", "5.6" },
        { { .from = 0, .to = 1 }, -9, 9, "0.0", "1.0" },
        { { 0 }, 0, 2e-6, "0", "2e-06" },
        { { 0 }, NAN, NAN, "0.0", "1.0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        chart_scale a = { 0 };
        axis_fit(&a, &cases[i].asked, cases[i].least, cases[i].most, 5);
        assert_in_range(a.n_ticks, 2, 12);
        axis_label(text, &a, a.tick[0]);
        assert_string_equal(text, cases[i].first);
        axis_label(text, &a, a.tick[a.n_ticks - 1]);
        assert_string_equal(text, cases[i].last);
    }
}

static void bars_and_whiskers_stand_upright_or_sideways(void **state)
{
    const char *const names[] = { "tanh", "relu", "leaky_relu(0.1)" };
    const double y[] = { 1, 2, -1 }, low[] = { 0.5, 1, -2 }, high[] = { 1.5, 3, 0 };
    (void)state;
    for (int mark = CHART_LINE; mark <= CHART_BARS; mark++)
        for (int sideways = 0; sideways < 2; sideways++) {
            const chart_series s = { "s", NULL, y, low, high, 3, (chart_mark)mark, 0, false };
            const chart c = { .title = "t",
                              .x = { .label = "function", .names = names, .n_names = 3 },
                              .y = { .label = "loss" },
                              .sideways = sideways,
                              .series = &s,
                              .n_series = 1 };
            text_buffer t = { 0 };
            chart_draw(&t, &c, false);
            assert_well_formed(t.data);
            assert_non_null(strstr(t.data, ">leaky_relu(0.1)</text>"));
            if (mark != CHART_LINE) assert_int_equal(count(t.data, "class=\"whisker\""), 3);
            text_free(&t);
        }
}

static void nothing_to_draw_is_drawn(void **state)
{
    text_buffer t = { 0 };
    (void)state;
    chart_draw(&t, &(chart){ 0 }, false);
    chart_draw_grid(&t, &(chart_grid){ .decimals = -1 }, false);
    assert_int_equal(t.status, RONDO_OK);
    assert_well_formed(t.data);
    text_free(&t);
}

static void grids_have_a_cell_for_every_number(void **state)
{
    const double values[] = { 50, 2, NAN, 3, 44, -5 };
    const chart_grid g = {
        .title = "confusion", .values = values, .rows = 2, .columns = 3, .decimals = 1, .x.from = 1
    };
    text_buffer t = { 0 };
    (void)state;
    chart_draw_grid(&t, &g, true);
    assert_well_formed(t.data);
    assert_non_null(strstr(t.data, ">50.0</text>"));
    assert_non_null(strstr(t.data, ">-5.0</text>"));
    assert_int_equal(count(t.data, "<rect class=\"fill") - 9, 5); /* nine are the legend's */
    text_free(&t);
}

static void ranks_are_joined_within_the_difference(void **state)
{
    const char *const names[] = { "a", "b", "c", "d" };
    const double ranks[] = { 3.9, 1.2, 2.0, 2.9 };
    chart_ranks r = { .names = names, .ranks = ranks, .n = 4, .difference = 1 };
    text_buffer t = { 0 };
    (void)state;
    chart_draw_ranks(&t, &r, false);
    assert_well_formed(t.data);
    assert_int_equal(count(t.data, "class=\"thick\""), 2); /* b-c, c-d; d-a is 1 exactly: apart */
    assert_true(strstr(t.data, ">b <") < strstr(t.data, ">c <"));
    text_free(&t);
    r.difference = NAN;
    chart_draw_ranks(&t, &r, false);
    assert_int_equal(count(t.data, "class=\"thick\""), 0);
    text_free(&t);
}

static void numbers_have_points_in_any_locale(void **state)
{
    text_buffer t = { 0 };
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) setlocale(LC_NUMERIC, "fr_FR.UTF-8");
    text_add(&t, "%.2f", 1.5);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(t.data, "1.50");
    text_free(&t);
    assert_int_equal(text_columns("ab双曲"), 6);
}

static void *no_memory(void *p, size_t n)
{
    (void)p;
    (void)n;
    return NULL;
}

static void a_failure_sticks(void **state)
{
    text_buffer t = { 0 };
    void *(*usual)(void *, size_t) = alloc_hook;
    (void)state;
    alloc_hook = no_memory;
    text_add(&t, "lost");
    alloc_hook = usual;
    text_add(&t, "dropped");
    assert_int_equal(t.status, RONDO_E_NOMEM);
    assert_null(t.data);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_bands_gaps_and_escaped_names),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(bars_and_whiskers_stand_upright_or_sideways),
        cmocka_unit_test(nothing_to_draw_is_drawn),
        cmocka_unit_test(grids_have_a_cell_for_every_number),
        cmocka_unit_test(ranks_are_joined_within_the_difference),
        cmocka_unit_test(numbers_have_points_in_any_locale),
        cmocka_unit_test(a_failure_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
