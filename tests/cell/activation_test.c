/* Activations by name, and over the rows of a matrix. */
#include "cell/cell.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static rondo_function parsed(const char *text)
{
    rondo_function f = { 0 };
    if (activation_parse(&f, text)) fail_msg("\"%s\": %s", text, rondo_error());
    return f;
}

static void by_name(void **state)
{
    (void)state;
    assert_true(activation_is(&(rondo_function){ .row = parsed(NULL).row }, "linear"));
    assert_string_equal(parsed("").row->name, "linear");
    assert_string_equal(parsed("tanh").row->name, "tanh");
    assert_string_equal(parsed("tanh()").row->name, "tanh");
    assert_true(parsed("leaky_relu").args[0] == (real)0.2);
    assert_true(parsed("leaky_relu(0.1)").args[0] == (real)0.1);
    assert_true(parsed("leaky_relu(negative_slope=0.3)").args[0] == (real)0.3);
    assert_true(parsed("elu( alpha=0.5 )").args[0] == (real)0.5);
    const rondo_function tanh_row = parsed("tanh");
    assert_true(activation_is(&tanh_row, "tanh"));
    assert_false(activation_is(&tanh_row, "tan"));
}

static void every_row_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++) {
        const char *name = registry_name(REGISTRY_ACTIVATION, i);
        const rondo_activation *row = registry_at(REGISTRY_ACTIVATION, i);
        rondo_function f = parsed(name);
        assert_true(activation_is(&f, row->name)); /* also by another name */
        assert_true(f.row == row || !row->forward);
        for (const double *kink = f.row->kinks; kink && !isnan(*kink); kink++)
            assert_true(kink - f.row->kinks < 16);
        activation_free(&f);
    }
}

static void refused(void **state)
{
    char longest[LIMIT_NAME + 1];
    rondo_function f;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const struct {
        const char *text;
        rondo_status code;
        const char *words;
    } cases[] = {
        { "tahn", RONDO_E_NAME, "did you mean \"tanh\"" },
        { "no_such_curve", RONDO_E_NAME, "unknown activation \"no_such_curve\"" },
        { "relu(0.1", RONDO_E_ARG, "expected \")\"" },
        { "relu(0.1) ", RONDO_E_ARG, "expected \")\"" },
        { "(1)", RONDO_E_NAME, "missing" },
        { "tanh(1)", RONDO_E_ARG, "tanh takes 0 parameters" },
        { "leaky_relu(slope=1)", RONDO_E_NAME, "negative_slope" },
        { "leaky_relu(y)", RONDO_E_ARG, "not a number" },
        { "leaky_relu(-0.5)", RONDO_E_ARG,
          "negative_slope is -0.5, and must be at least 0, as in" },
        { "celu(0)", RONDO_E_ARG, "alpha is 0, and must be above 0, as in celu(alpha=1)" },
        { "relu(max_value=-1)", RONDO_E_ARG, "max_value is -1" },
        { "leaky_relu(x)", RONDO_E_NAME, "unknown function \"leaky_relu\"" },
        { longest, RONDO_E_LIMIT, "longer" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(activation_parse(&f, cases[i].text), cases[i].code);
        if (!strstr(rondo_error(), cases[i].words))
            fail_msg("\"%s\" says: %s", cases[i].text, rondo_error());
    }
}

/* Softmax mixes a row and nothing beyond it; the others do not see rows at all. */
static void over_rows(void **state)
{
    enum { ROWS = 3, WIDTH = 5 };
    const real x[ROWS * WIDTH] = { 1, 2, 3, 4, 5, -1, 0, 1, 0, -1, 0, 0, 0, 0, 7 };
    real y[ROWS * WIDTH], dx[ROWS * WIDTH], dy[ROWS * WIDTH];
    const rondo_function softmax = parsed("softmax"), cubic = parsed("tanh");
    (void)state;
    activation_forward(&softmax, y, x, ROWS, WIDTH);
    for (int r = 0; r < ROWS; r++) {
        double total = 0, sum = 0;
        for (int i = 0; i < WIDTH; i++) total += exp((double)x[r * WIDTH + i]);
        for (int i = 0; i < WIDTH; i++) {
            const double expected = exp((double)x[r * WIDTH + i]) / total;
            assert_true(fabs((double)y[r * WIDTH + i] - expected) < 1e-6);
            sum += (double)y[r * WIDTH + i];
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    /* a gradient in row 1 alone stays there: dx = y (dy - Σ dy y) */
    memset(dy, 0, sizeof dy);
    dy[WIDTH + 2] = 1;
    activation_backward(&softmax, dx, NULL, y, dy, ROWS, WIDTH);
    for (int i = 0; i < ROWS * WIDTH; i++) {
        const double p = (double)y[WIDTH + 2], own = (double)y[i];
        const double expected = i / WIDTH != 1 ? 0 : own * ((i == WIDTH + 2) - p);
        assert_true(fabs((double)dx[i] - expected) < 1e-6);
    }
    activation_forward(&cubic, y, x, ROWS, WIDTH);
    activation_backward(&cubic, dx, NULL, y, dy, ROWS, WIDTH);
    for (int i = 0; i < ROWS * WIDTH; i++) {
        assert_true(fabs((double)y[i] - tanh((double)x[i])) < 1e-6);
        const double slope = 1 - (double)y[i] * (double)y[i];
        assert_true(fabs((double)dx[i] - slope * (double)dy[i]) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),
        cmocka_unit_test(every_row_by_its_name),
        cmocka_unit_test(refused),
        cmocka_unit_test(over_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
