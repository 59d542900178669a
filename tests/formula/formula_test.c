/* Formulas: what may be written, what is said of what may not, and their values and derivatives on
 * every instruction set against those of the built-in rows and of differences. */
#include "formula/formula.h"
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

static double value_of(const char *text, double x)
{
    const real in = (real)x;
    real y;
    rondo_function f = parsed(text);
    rondo_activate(&f, &y, &in, 1);
    activation_free(&f);
    return (double)y;
}

static void slopes_of(rondo_function *f, real *y, real *dx, const real *x, int64_t n)
{
    real *one = alloc_array(n, sizeof *one);
    for (int64_t i = 0; i < n; i++) one[i] = 1;
    rondo_activate(f, y, x, n);
    rondo_activate_backward(f, dx, f->row->needs_input ? x : NULL, y, one, n);
    alloc_free(one);
}

static void within(const char *what, double got, double wanted, double scale, double x)
{
    const bool exact = sizeof(real) == sizeof(double);
    const double bound = exact ? 1e-12 : 2e-6;
    if (!exact) scale += fabs(x) / 16; /* sums of a formula cancel where a row takes another way */
    if (got == wanted || fabs(got - wanted) <= bound * (fabs(wanted) + scale)) return;
    fail_msg("%s at %.9g: %.9g, expected %.9g", what, x, got, wanted);
}

static void close_to(const char *what, double got, double wanted, double x)
{
    within(what, got, wanted, 1e-3, x);
}

/* The grammar: how tightly everything binds. */
static void values(void **state)
{
    static const struct {
        const char *text;
        double x, value;
    } cases[] = {
        { "x", 3, 3 },
        { "-x^2", 3, -9 },
        { "(-x)^2", 3, 9 },
        { "2^x^2", 3, 512 },
        { "2**-x", 3, 0.125 },
        { "x - 2 - 3", 1, -4 },
        { "x/2/4", 16, 2 },
        { "1 + x*2", 3, 7 },
        { "-x*-2", 3, 6 },
        { "+x", 3, 3 },
        { ".5*x + 1e1 - 1.5E-1", 1, 10.35 },
        { "2*pi*x - e", 1, 6.283185307179586 - 2.718281828459045 },
        { "where(x > 1, 2, 3) + 0*x", 1, 3 },
        { "where(x >= 1, 2, 3)", 1, 2 },
        { "where(x < 1, 2, 3)", 1, 3 },
        { "where(x <= 1, 2, 3)", 1, 2 },
        { "where(x == 1, 2, 3)", 1, 2 },
        { "where(x != 1, 2, 3)", 1, 3 },
        { "min(x, 2) + max(x, 2)", 5, 7 },
        { "abs(x) + sign(x)", -4, 3 },
        { "sqrt(x) + log(x)", 1, 1 },
        { "expm1(x) + log1p(x) + erf(x) + atan(x) + sin(x) + tanh(x)", 0, 0 },
        { "cos(x) + sigmoid(x) + normal(x) + softplus(x)", 0, 2 + 0.6931471805599453 },
        { "x^2.5", 4, 32 },
        { "x^-2 + x^0.5 + x^-0.5", 4, 0.0625 + 2 + 0.5 },
        { "a*tanh(b*x) with a=2, b=0.5", 1, 2 * 0.46211715726000975 },
        { "a*x with a=-1.5 shared", 2, -3 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        close_to(cases[i].text, value_of(cases[i].text, cases[i].x), cases[i].value, cases[i].x);
}

/* Every row that says its formula: the formula is it, and so is its derivative. */
static void rows_are_their_formulas(void **state)
{
    enum { POINTS = 161 };
    real x[POINTS], y[POINTS], dx[POINTS], own_y[POINTS], own_dx[POINTS];
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++) {
        const rondo_activation *row = registry_at(REGISTRY_ACTIVATION, i);
        rondo_activation other = { .name = row->name,
                                   .parameters = row->parameters,
                                   .formula = row->formula };
        if (!row->formula || row->learned) continue;
        rondo_function own = parsed(row->name), formed = { 0 };
        formula *made;
        formula_names names = { 0 };
        char name[LIMIT_NAME];
        for (; parameters_name(other.parameters, names.n, name); names.n++) {
            snprintf(names.list[names.n].name, LIMIT_WORD, "%.60s", name);
            names.list[names.n].value = (double)own.args[names.n];
        }
        if (formula_new(&made, row->name, row->formula, &names))
            fail_msg("%s: %s", row->name, rondo_error());
        formed.row = &made->row;
        for (int k = 0; k < POINTS; k++) x[k] = (real)((k - 80.37) / 10);
        slopes_of(&own, own_y, own_dx, x, POINTS);
        slopes_of(&formed, y, dx, x, POINTS);
        for (int k = 0; k < POINTS; k++) {
            close_to(row->name, (double)y[k], (double)own_y[k], (double)x[k]);
            within(row->name, (double)dx[k], (double)own_dx[k], 0.1, (double)x[k]);
        }
        formula_free(made);
    }
}

/* Derivatives as text: simple ones look simple, and each is a formula again with the same value. */
static void derivatives_as_text(void **state)
{
    static const struct {
        const char *formula, *derivative;
    } cases[] = {
        { "x", "1" },
        { "x^3", "3*x^2" },
        { "tanh(x)", "(1 - tanh(x))*(1 + tanh(x))" },
        { "sigmoid(x)", "sigmoid(x)*(1 - sigmoid(x))" },
        { "log(1 + exp(x))", "sigmoid(x)" },
        { "where(x > 0, x, alpha*expm1(x))", "where(0 < x, 1, alpha*exp(x))" },
        { "max(x, 0)", "where(0 < x, 1, 0)" },
        { "x/(1 + abs(x))", NULL },
        { "x*tanh(softplus(x))", "tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x)))*(1 + "
                                 "tanh(softplus(x)))" },
        { "x - (2 - x)/(1 - x*(x/3))", NULL },
        { "x/2*(1 + erf(x/sqrt(2)))", NULL },
        { "2*sin(x)^2 - x^-2", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text, *again;
        if (formula_derivative_text(&text, cases[i].formula, "alpha=0.5"))
            fail_msg("%s: %s", cases[i].formula, rondo_error());
        if (cases[i].derivative) assert_string_equal(text, cases[i].derivative);
        tree t;
        int root;
        formula_names names = { .list = { { "alpha", 0.5, true } }, .n = 1 };
        assert_int_equal(tree_new(&t), RONDO_OK);
        if (formula_parse(&t, &root, text, &names)) fail_msg("%s: %s", text, rondo_error());
        assert_int_equal(formula_print(&again, &t, root, &names), RONDO_OK);
        assert_string_equal(text, again);
        tree_free(&t);
        alloc_free(text);
        alloc_free(again);
    }
}

/* What is written as text books do does not overflow or cancel. */
static void stable_forms(void **state)
{
    (void)state;
    close_to("softplus", value_of("log(1 + exp(x))", 200), 200, 200);
    close_to("softplus", value_of("log(1 + exp(x))", -30), 9.357622968839e-14, -30);
    close_to("sigmoid", value_of("1/(1 + exp(-x))", -80) * 1e30, 1.8048513878e-35 * 1e30, -80);
    close_to("silu", value_of("x/(1 + exp(-x))", -200) * 0, 0, -200);
    close_to("tanh", value_of("(exp(x) - exp(-x))/(exp(x) + exp(-x))", 300), 1, 300);
    close_to("tanh", value_of("(exp(2*x) - 1)/(exp(2*x) + 1)", 1e-4), 9.9999999666667e-05, 1e-4);
    close_to("gelu", value_of("0.5*x*(1 + erf(x/sqrt(2)))", -6) * 1e8, -5.919525870226e-09 * 1e8,
             -6);
}

static void refused(void **state)
{
    static const struct {
        const char *text;
        rondo_status code;
        const char *words;
        int caret; /* column of the text that it stands under, from 0; -1: none */
    } cases[] = {
        { "x*tahn(x)", RONDO_E_NAME, "did you mean \"tanh\"", 2 },
        { "x*blub(x)", RONDO_E_NAME, "unknown function", 2 },
        { "a*x", RONDO_E_NAME, "with a=1", 0 },
        { "x +", RONDO_E_ARG, "it ends where", 3 },
        { "x + * 2", RONDO_E_ARG, "\"*\" stands where", 4 },
        { "tanh(x, 2)", RONDO_E_ARG, "takes 1 operand", 6 },
        { "where(x, 2)", RONDO_E_ARG, "takes 3 operands, and has 2", 10 },
        { "(x + 1", RONDO_E_ARG, "it ends where", 6 },
        { "x + 1)", RONDO_E_ARG, "\")\" stands where an operator", 5 },
        { "2x", RONDO_E_ARG, "a * is missing", 1 },
        { "x + 1.2.3", RONDO_E_ARG, "not a number", 4 },
        { "x + 1e999", RONDO_E_ARG, "too large", 4 },
        { "tanh x", RONDO_E_ARG, "\"(\" is expected", 5 },
        { "x = 2", RONDO_E_ARG, "==", 2 },
        { "x \xc3\x97 2", RONDO_E_ARG, "ASCII", 2 },
        { "a*x with a", RONDO_E_ARG, "\"=\" and a number", 10 },
        { "a*x with a=b", RONDO_E_ARG, "a number to begin with", 11 },
        { "a*x with a=1, c=2", RONDO_E_NAME, "\"c\" is declared", 14 },
        { "x with tanh=1", RONDO_E_NAME, "is a function", 7 },
        { "x with x=1", RONDO_E_NAME, "meaning of its own", 7 },
        { "a*x with a=1 a=2", RONDO_E_NAME, "there already", 13 },
        { "a*x with a=1 2", RONDO_E_ARG, "\"2\" stands where", 13 },
        { "a*b*c*d*f*x with a=1 b=1 c=1 d=1 f=1", RONDO_E_LIMIT, "more than 4", 33 },
        { "2*y + 1", RONDO_E_NAME, "unknown name \"y\"", 2 },
        { "sqrt(2) - 1", RONDO_E_ARG, "does not depend on x", -1 },
        { "0*x", RONDO_E_ARG, "does not depend on x", -1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_function f = { 0 };
        const rondo_status s = activation_parse(&f, cases[i].text);
        if (s != cases[i].code || !strstr(rondo_error(), cases[i].words))
            fail_msg("\"%s\" gives %d: %s", cases[i].text, s, rondo_error());
        const char *line = strrchr(rondo_error(), '\n');
        if (cases[i].caret < 0) continue;
        assert_non_null(line);
        if ((int)strlen(line) - 4 != cases[i].caret)
            fail_msg("\"%s\": %s", cases[i].text, rondo_error());
    }
}

/* As deep and as long as may be, and one more. */
static void limits(void **state)
{
    char text[2 * LIMIT_FORMULA + 2] = "";
    rondo_function f = { 0 };
    (void)state;
    for (int i = 0; i < LIMIT_DEPTH - 1; i++) strcat(text, "-");
    f = parsed(strcat(text, "x"));
    activation_free(&f);
    memset(text, '(', LIMIT_DEPTH);
    strcpy(text + LIMIT_DEPTH, "x");
    assert_int_equal(activation_parse(&f, text), RONDO_E_LIMIT);
    memset(text, ' ', LIMIT_FORMULA + 1);
    strcpy(text + LIMIT_FORMULA, "x");
    assert_int_equal(activation_parse(&f, text), RONDO_E_LIMIT);
    strcpy(text, "x"); /* sines of sines: many parts, and a derivative of many more */
    for (int i = 0; i < 60; i++) {
        memmove(text + 4, text, strlen(text) + 1);
        memcpy(text, "sin(", 4);
        strcat(text, ")");
    }
    f = parsed(text);
    activation_free(&f);
    *text = 0; /* more constants than a program holds */
    for (int i = 0; i < 100; i++) sprintf(text + strlen(text), "+sin(%d*x)", i + 2);
    assert_int_equal(activation_parse(&f, text), RONDO_E_LIMIT);
}

static void noted(const char *text, const char *words)
{
    rondo_function f = parsed(text);
    const char *notes = activation_notes(&f);
    if (words && (!notes || !strstr(notes, words)))
        fail_msg("\"%s\" is noted: %s", text, notes ? notes : "nothing");
    if (!words && notes) fail_msg("\"%s\" is noted: %s", text, notes);
    activation_free(&f);
}

static void notes(void **state)
{
    (void)state;
    noted("x*tanh(softplus(x))", NULL);
    noted("tanh(x)*sigmoid(x)", NULL);
    noted("1/x", "at x = 0: training may meet NaN");
    noted("1/(x - 0.3)", "at x = 0.3");
    noted("1/(x - 0.3)^2", "at x = 0.3");
    noted("1/(x^2 - 4)", "at x = -2, 2");
    noted("log(x)", "from -8 to 0");
    noted("sqrt(abs(x))", "at x = 0");
    noted("max(x, 0)", "f' jumps at x = 0");
    noted("min(max(x, -1), 1.7)", "f' jumps at x = -1, 1.7");
    noted("abs(abs(x) - 0.123456)", "f' jumps at x = -0.123456, 0, 0.123456");
    noted("x^a with a=2", "the gradient of a is not finite for x from -8 to 0");
    noted("a*x with a=2", NULL);
    noted("max(a*x, b*tanh(x)) with a=0, b=1", "f' jumps");
    noted("tanh(abs(a)*x) + x with a=0", NULL);
    noted("sign(x) + x", "f itself jumps at x = 0");
    if (sizeof(real) == sizeof(float)) noted("exp(x)", "overflows for x above 88.7");
    rondo_function f = parsed("where(x > 1.25, 2*x, x)");
    assert_true(f.row->kinks && fabs(f.row->kinks[0] - 1.25) < 1e-9 && isnan(f.row->kinks[1]));
    activation_free(&f);
}

/* One and the same element has the same bits wherever it stands, and y may be x. */
static void any_length(void **state)
{
    enum { MOST = 300 };
    real x[MOST], whole[MOST], part[MOST], one;
    rondo_function f = parsed("x*tanh(softplus(x)) + a*erf(x)/(1 + x^2) with a=0.5");
    (void)state;
    for (int k = 0; k < MOST; k++) x[k] = (real)((k - 150) / 20.0);
    rondo_activate(&f, whole, x, MOST);
    for (int n = 1; n < MOST; n += 13) {
        memcpy(part, x, sizeof part);
        rondo_activate(&f, part, part, n);
        assert_memory_equal(part, whole, (size_t)n * sizeof *part);
        assert_memory_equal(part + n, x + n, (size_t)(MOST - n) * sizeof *part);
        rondo_activate(&f, &one, &x[n], 1);
        assert_memory_equal(&one, &whole[n], sizeof one);
    }
    activation_free(&f);
}

/* Gradients of what is learned are added up, for every unit or for all. */
static void learned_gradients(void **state)
{
    enum { N = 37 };
    real x[N], y[N], dx[N], dy[N], a[N], b[N], da[N], db[N], one_a = (real)1.5, one_b = (real)0.5,
                                                             sum_a = 3, sum_b = 0;
    double want_a = 3, want_b = 0;
    rondo_function f = parsed("a*tanh(b*x) with a=1.5, b=0.5"),
                   shared = parsed("a*tanh(b*x) with a=1.5, b=0.5 shared");
    (void)state;
    assert_int_equal(f.row->learned, 2);
    assert_string_equal(f.row->parameters, "a=1.5 b=0.5");
    for (int k = 0; k < N; k++) {
        x[k] = (real)((k - 18) / 6.0);
        dy[k] = (real)(1 + k % 3);
        a[k] = (real)1.5;
        b[k] = (real)0.5;
        da[k] = 2;
        db[k] = 0;
        const double t = tanh(0.5 * (double)x[k]);
        want_a += (double)dy[k] * t;
        want_b += (double)dy[k] * 1.5 * (1 - t * t) * (double)x[k];
    }
    f.learned[0] = a, f.learned[1] = b, f.dlearned[0] = da, f.dlearned[1] = db;
    shared.learned[0] = &one_a, shared.learned[1] = &one_b;
    shared.dlearned[0] = &sum_a, shared.dlearned[1] = &sum_b;
    rondo_activate(&f, y, x, N);
    rondo_activate_backward(&f, dx, x, y, dy, N);
    rondo_activate_backward(&shared, dx, x, y, dy, N);
    for (int k = 0; k < N; k++) {
        const double t = tanh(0.5 * (double)x[k]);
        close_to("value", (double)y[k], 1.5 * t, (double)x[k]);
        close_to("da", (double)da[k], 2 + (double)dy[k] * t, (double)x[k]);
        close_to("db", (double)db[k], (double)dy[k] * 1.5 * (1 - t * t) * (double)x[k],
                 (double)x[k]);
        close_to("dx", (double)dx[k], (double)dy[k] * 0.75 * (1 - t * t), (double)x[k]);
    }
    within("sum of da", (double)sum_a, want_a, 1, 0);
    within("sum of db", (double)sum_b, want_b, 1, 0);
    activation_free(&f);
    activation_free(&shared);
}

/* The tests once more with each of the tables that run here. */
static void on_every_table(void **state)
{
    bool runs;
    const kernels *k;
    for (int i = 0; (k = kernel_at(i, &runs)) != NULL; i++) {
        if (!runs) continue;
        assert_int_equal(kernel_select(k->isa), RONDO_OK);
        values(state);
        rows_are_their_formulas(state);
        stable_forms(state);
        any_length(state);
        learned_gradients(state);
    }
    kernel_select(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(rows_are_their_formulas),
        cmocka_unit_test(derivatives_as_text),
        cmocka_unit_test(stable_forms),
        cmocka_unit_test(refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(notes),
        cmocka_unit_test(any_length),
        cmocka_unit_test(learned_gradients),
        cmocka_unit_test(on_every_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
