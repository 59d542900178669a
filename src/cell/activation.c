#include "cell.h"
#include "formula/formula.h"
#include <string.h>

/* A name stands alone or before its arguments; anything else in which x stands is a formula. */
bool activation_is_formula(const char *text)
{
    char name[LIMIT_NAME];
    const size_t n = strcspn(text, "(");
    if (formula_mentions_x(text)) return true;
    if (n >= sizeof name) return false;
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    if (registry_find(REGISTRY_ACTIVATION, name)) return false;
    if (*name >= '0' && *name <= '9') return true;
    return strpbrk(name, "+-*/^.<>=") || formula_has_function(name);
}

/* "leaky_relu(0.1)" → row and arguments. */
static rondo_status parse_call(const rondo_activation **row, double args[RONDO_MAX_PARAMETERS],
                               const char *text)
{
    char name[LIMIT_NAME], given[LIMIT_NAME] = "";
    const size_t n = strcspn(text, "(");
    if (strlen(text) >= sizeof name)
        return rondo_fail(RONDO_E_LIMIT, "an activation's name is longer than %d bytes",
                          LIMIT_NAME);
    memcpy(name, text, n);
    name[n] = 0;
    if (text[n]) {
        const char *close = strrchr(text, ')');
        if (!close || close[1])
            return rondo_fail(RONDO_E_ARG, "activation \"%s\": expected \")\" at its end", text);
        memcpy(given, text + n + 1, (size_t)(close - text) - n - 1);
        given[(size_t)(close - text) - n - 1] = 0;
    }
    const void *found;
    RONDO_TRY(registry_get(REGISTRY_ACTIVATION, name, &found));
    *row = found;
    return parameters_parse(args, (*row)->parameters, given, name);
}

/* The formula of a row that has no functions of its own: its first parameters are learned, the
 * others are what the arguments say. */
static rondo_status row_formula(formula **made, const rondo_activation *row, const double *args)
{
    formula_names names = { 0 };
    for (; names.n < RONDO_MAX_PARAMETERS; names.n++) {
        formula_parameter *p = &names.list[names.n];
        char name[LIMIT_NAME];
        if (!parameters_name(row->parameters, names.n, name)) break;
        if (strlen(name) >= sizeof p->name)
            return rondo_fail(RONDO_E_LIMIT, "%s: the name of a parameter is too long", row->name);
        memcpy(p->name, name, strlen(name) + 1);
        p->value = args[names.n];
        p->symbolic = names.n < row->learned;
        if (!strcmp(name, "shared")) names.shared = args[names.n] != 0;
    }
    return formula_new(made, row->name, row->formula, &names);
}

static rondo_status parse_row(rondo_function *f, formula **made, const char *text)
{
    const rondo_activation *row;
    double args[RONDO_MAX_PARAMETERS];
    RONDO_TRY(parse_call(&row, args, text));
    f->row = row;
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) f->args[i] = (real)args[i];
    return row->forward ? RONDO_OK : row_formula(made, row, args);
}

rondo_status activation_parse(rondo_function *f, const char *text)
{
    formula *made = NULL;
    rondo_status status;
    *f = (rondo_function){ 0 };
    if (!text || !*text) text = "linear";
    if (activation_is_formula(text))
        status = formula_new(&made, text, text, NULL);
    else
        status = parse_row(f, &made, text);
    if (status) {
        *f = (rondo_function){ 0 };
        return status;
    }
    if (!made) return RONDO_OK;
    f->row = &made->row;
    for (int i = 0; i < made->names.n; i++) f->args[i] = (real)made->names.list[i].value;
    return RONDO_OK;
}

void activation_free(rondo_function *f)
{
    formula_free((formula *)formula_of(f->row));
    *f = (rondo_function){ 0 };
}

const char *activation_notes(const rondo_function *f)
{
    const formula *made = formula_of(f->row);
    return made ? made->notes : NULL;
}

/* The row's own text; of a formula it is its name. */
rondo_status activation_derivative(char **text, const rondo_activation *row)
{
    *text = NULL;
    if (!row->formula) return RONDO_OK;
    return formula_derivative_text(text, row->formula, row->parameters);
}

bool activation_is(const rondo_function *f, const char *name)
{
    return !strcmp(f->row->name, name);
}

/* One call sees one row: of a row's learned values each belongs to a unit. */
static bool by_row(const rondo_function *f)
{
    return f->row->rowwise || f->row->learned;
}

void activation_forward(const rondo_function *f, real *y, const real *x, int64_t rows,
                        int64_t width)
{
    if (!by_row(f)) {
        rondo_activate(f, y, x, rows * width);
        return;
    }
    for (int64_t r = 0; r < rows; r++) rondo_activate(f, y + r * width, x + r * width, width);
}

void activation_backward(const rondo_function *f, real *dx, const real *x, const real *y,
                         const real *dy, int64_t rows, int64_t width)
{
    if (!by_row(f)) {
        rondo_activate_backward(f, dx, x, y, dy, rows * width);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        rondo_activate_backward(f, dx + r * width, x ? x + r * width : NULL, y + r * width,
                                dy + r * width, width);
}

rondo_status rondo_register_activation(const rondo_activation *row)
{
    if (!row || !row->name || (!row->formula && !row->forward) || !row->forward != !row->backward)
        return rondo_fail(RONDO_E_ARG,
                          "an activation row needs a name, and forward and backward or a formula");
    double args[RONDO_MAX_PARAMETERS];
    formula *made = NULL;
    RONDO_TRY(parameters_parse(args, row->parameters, NULL, row->name));
    if (!row->forward) RONDO_TRY(row_formula(&made, row, args));
    formula_free(made);
    return registry_add(REGISTRY_ACTIVATION, row->name, row);
}

void activation_register_all(void)
{
    const kernels *k = kernel_table();
    for (int i = 0; i < k->n_activations; i++) rondo_register_activation(&k->activations[i]);
    learned_register_all();
}
