#include "cell.h"
#include <string.h>

rondo_status activation_parse(rondo_function *f, const char *text)
{
    char name[LIMIT_NAME], given[LIMIT_NAME] = "";
    double args[RONDO_MAX_PARAMETERS];
    if (!text || !*text) text = "linear";
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
    const void *row;
    RONDO_TRY(registry_get(REGISTRY_ACTIVATION, name, &row));
    f->row = row;
    RONDO_TRY(parameters_parse(args, f->row->parameters, given, name));
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) f->args[i] = (real)args[i];
    return RONDO_OK;
}

bool activation_is(const rondo_function *f, const char *name)
{
    return !strcmp(f->row->name, name);
}

void activation_forward(const rondo_function *f, real *y, const real *x, int64_t rows,
                        int64_t width)
{
    if (!f->row->rowwise) {
        rondo_activate(f, y, x, rows * width);
        return;
    }
    for (int64_t r = 0; r < rows; r++) rondo_activate(f, y + r * width, x + r * width, width);
}

void activation_backward(const rondo_function *f, real *dx, const real *x, const real *y,
                         const real *dy, int64_t rows, int64_t width)
{
    if (!f->row->rowwise) {
        rondo_activate_backward(f, dx, x, y, dy, rows * width);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        rondo_activate_backward(f, dx + r * width, x ? x + r * width : NULL, y + r * width,
                                dy + r * width, width);
}

rondo_status rondo_register_activation(const rondo_activation *row)
{
    if (!row || !row->name || !row->forward || !row->backward)
        return rondo_fail(RONDO_E_ARG, "an activation row needs a name, forward and backward");
    double args[RONDO_MAX_PARAMETERS];
    RONDO_TRY(parameters_parse(args, row->parameters, NULL, row->name));
    return registry_add(REGISTRY_ACTIVATION, row->name, row);
}

/* What others call them. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "identity", "linear" },
    { "logistic", "sigmoid" },
    { "swish", "silu" },
    { "hard_swish", "hard_silu" },
    { "hardswish", "hard_silu" },
    { "hardsigmoid", "hard_sigmoid" },
    { "hardtanh", "hard_tanh" },
    { "hardshrink", "hard_shrink" },
    { "softshrink", "soft_shrink" },
    { "tanhshrink", "tanh_shrink" },
    { "logsigmoid", "log_sigmoid" },
    { "exp", "exponential" },
    { "atan", "arctan" },
    { "sin", "sine" },
    { "cos", "cosine" },
    { "relu_squared", "squared_relu" },
    { "elliott_symmetric", "softsign" },
};

bool activation_is_alias(int i)
{
    const rondo_activation *row = registry_at(REGISTRY_ACTIVATION, i);
    return strcmp(row->name, registry_name(REGISTRY_ACTIVATION, i)) != 0;
}

void activation_register_all(void)
{
    const kernels *k = kernel_table();
    for (int i = 0; i < k->n_activations; i++) rondo_register_activation(&k->activations[i]);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        registry_add(REGISTRY_ACTIVATION, aliases[i].alias,
                     registry_find(REGISTRY_ACTIVATION, aliases[i].name));
}
