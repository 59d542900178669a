/* What a row of one's own has to bring, and that names are taken once. */
#include "cell/cell.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void step(const rondo_step *s)
{
    (void)s;
}

static void forward(rondo_real *y, const rondo_real *x, int64_t n, const void *args)
{
    (void)args;
    for (int64_t i = 0; i < n; i++) y[i] = x[i];
}

static void backward(rondo_real *dx, const rondo_real *x, const rondo_real *y, const rondo_real *dy,
                     int64_t n, const void *args)
{
    (void)x, (void)y, (void)args;
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i];
}

static const rondo_cell good = { .name = "good",
                                 .states = 1,
                                 .x_gates = 1,
                                 .h_gates = 1,
                                 .gates = "h",
                                 .step = step,
                                 .step_backward = step };

static void refuse(const rondo_cell *cell, rondo_status code, const char *words)
{
    const rondo_status s = cell_check(cell);
    if (s != code || !strstr(rondo_error(), words)) fail_msg("status %d: %s", s, rondo_error());
    assert_int_equal(rondo_register_cell(cell), code);
}

#define REFUSE(code, words, ...)                                                                   \
    do {                                                                                           \
        rondo_cell c = good;                                                                       \
        __VA_ARGS__;                                                                               \
        refuse(&c, code, words);                                                                   \
    } while (0)

static void every_refusal(void **state)
{
    static const rondo_cell_param param = { "peephole", "zeros", 1 };
    (void)state;
    assert_int_equal(cell_check(&good), RONDO_OK);
    refuse(NULL, RONDO_E_ARG, "name");
    REFUSE(RONDO_E_ARG, "name", c.name = NULL);
    REFUSE(RONDO_E_ARG, "name", c.name = "");
    REFUSE(RONDO_E_ARG, "step and step_backward", c.step = NULL);
    REFUSE(RONDO_E_ARG, "step and step_backward", c.step_backward = NULL);
    REFUSE(RONDO_E_ARG, "0 states", c.states = 0);
    REFUSE(RONDO_E_ARG, "states", c.states = MAX_STATES + 1);
    REFUSE(RONDO_E_ARG, "gates", c.x_gates = 0);
    REFUSE(RONDO_E_ARG, "gates", c.h_gates = -1);
    REFUSE(RONDO_E_ARG, "saves", c.saves = -1);
    REFUSE(RONDO_E_ARG, "gates", c.made_gates = -1);
    REFUSE(RONDO_E_ARG, "prepare", c.made_gates = 1);
    REFUSE(RONDO_E_ARG, "prepare", c.made_gates = 1, c.prepare = step);
    REFUSE(RONDO_E_ARG, "additive", c.additive = true, c.h_gates = 2);
    REFUSE(RONDO_E_ARG, "additive", c.additive = true, c.made_gates = 1, c.prepare = step,
           c.prepare_backward = step);
    REFUSE(RONDO_E_ARG, "additive", c.additive = true, c.recurrent_bias = true);
    REFUSE(RONDO_E_ARG, "additive", c.additive = true, c.input_saves = 1);
    REFUSE(RONDO_E_ARG, "params", c.n_params = 1);
    REFUSE(RONDO_E_LIMIT, "activations", c.gates = "a b c d e f g h i");
    REFUSE(RONDO_E_LIMIT, "params", c.n_params = MAX_CELL_PARAMS + 1, c.params = &param);
    assert_null(registry_find(REGISTRY_CELL, "good"));
}

static void gates_are_counted(void **state)
{
    static const struct {
        const char *gates;
        int n;
    } cases[] = { { NULL, 0 }, { "", 0 },          { "  ", 0 },
                  { "h", 1 },  { "i f c o h", 5 }, { " z  r ", 2 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cell_gate_count(&(rondo_cell){ .gates = cases[i].gates }), cases[i].n);
}

static void names_are_taken_once(void **state)
{
    static const rondo_cell same_name = {
        .name = "mine", .states = 1, .x_gates = 1, .step = step, .step_backward = step
    };
    static const rondo_cell mine = {
        .name = "mine", .states = 1, .x_gates = 1, .step = step, .step_backward = step
    };
    static const rondo_activation curve = { .name = "curve",
                                            .forward = forward,
                                            .backward = backward };
    static const rondo_activation other = { .name = "curve",
                                            .forward = forward,
                                            .backward = backward };
    static const rondo_activation built_in = { .name = "tanh",
                                               .forward = forward,
                                               .backward = backward };
    rondo_cell lstm = mine;
    (void)state;
    assert_int_equal(rondo_register_cell(&mine), RONDO_OK);
    assert_int_equal(rondo_register_cell(&mine), RONDO_OK); /* the same row again */
    assert_int_equal(rondo_register_cell(&same_name), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "the cell \"mine\" is there already"));
    lstm.name = "lstm";
    assert_int_equal(rondo_register_cell(&lstm), RONDO_E_ARG);
    assert_ptr_equal(registry_find(REGISTRY_CELL, "mine"), &mine);

    assert_int_equal(rondo_register_activation(&curve), RONDO_OK);
    assert_int_equal(rondo_register_activation(&curve), RONDO_OK);
    assert_int_equal(rondo_register_activation(&other), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "\"curve\" is there already"));
    assert_int_equal(rondo_register_activation(&built_in), RONDO_E_ARG);
}

static void activations_need_their_functions(void **state)
{
    const rondo_activation cases[] = { { .forward = forward, .backward = backward },
                                       { .name = "x", .backward = backward },
                                       { .name = "x", .forward = forward },
                                       { .name = "", .forward = forward, .backward = backward } };
    (void)state;
    assert_int_equal(rondo_register_activation(NULL), RONDO_E_ARG);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rondo_register_activation(&cases[i]), RONDO_E_ARG);
    assert_null(registry_find(REGISTRY_ACTIVATION, "x"));
}

/* More than there is room for would be written past the end when somebody uses them. */
static void too_many_parameters(void **state)
{
    static const rondo_activation five = { .name = "five",
                                           .forward = forward,
                                           .backward = backward,
                                           .parameters = "a=1 b=2 c=3 d=4 e=5" };
    rondo_cell cell = good;
    cell.name = "five";
    cell.parameters = five.parameters;
    (void)state;
    assert_int_not_equal(rondo_register_activation(&five), RONDO_OK);
    assert_int_not_equal(rondo_register_cell(&cell), RONDO_OK);
}

static void options_of_a_cell(void **state)
{
    const rondo_cell *gru = registry_find(REGISTRY_CELL, "gru");
    real args[RONDO_MAX_PARAMETERS];
    (void)state;
    assert_non_null(gru);
    assert_int_equal(cell_parse_args(gru, NULL, args), RONDO_OK);
    assert_true(args[0] == 1);
    assert_int_equal(cell_parse_args(gru, "reset_after=false", args), RONDO_OK);
    assert_true(args[0] == 0);
    assert_int_equal(cell_parse_args(gru, "reset_befor=1", args), RONDO_E_NAME);
    assert_non_null(strstr(rondo_error(), "gru has no parameter \"reset_befor\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal),        cmocka_unit_test(gates_are_counted),
        cmocka_unit_test(names_are_taken_once), cmocka_unit_test(activations_need_their_functions),
        cmocka_unit_test(too_many_parameters),  cmocka_unit_test(options_of_a_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
