#include "cell.h"
#include <string.h>

int cell_gate_count(const rondo_cell *cell)
{
    int n = 0;
    for (const char *at = cell->gates; at && *at; n++) {
        at += strspn(at, " ");
        if (!*at) break;
        at += strcspn(at, " ");
    }
    return n;
}

void cell_gate_name(char name[], size_t size, const rondo_cell *cell, int g)
{
    const char *at = cell->gates ? cell->gates : "";
    size_t n = 0;
    for (int i = 0; i <= g; i++) {
        at += n + strspn(at + n, " ");
        n = strcspn(at, " ");
    }
    snprintf(name, size, "%.*s", (int)n, at);
}

bool cell_gate_is_recurrent(const rondo_cell *cell, const char *gate)
{
    const size_t n = strlen(gate);
    for (const char *at = cell->recurrent_gates; at && *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (!strncmp(at, gate, n) && (at[n] == ' ' || !at[n])) return true;
    }
    return false;
}

rondo_status cell_parse_args(const rondo_cell *cell, const char *options,
                             real args[RONDO_MAX_PARAMETERS])
{
    double values[RONDO_MAX_PARAMETERS];
    RONDO_TRY(parameters_parse(values, cell->parameters, options, cell->name));
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) args[i] = (real)values[i];
    return RONDO_OK;
}

rondo_status cell_check(const rondo_cell *cell)
{
    if (!cell || !cell->name || !*cell->name)
        return rondo_fail(RONDO_E_ARG, "a cell row needs a name");
    if (!cell->step || !cell->step_backward)
        return rondo_fail(RONDO_E_ARG, "cell %s needs step and step_backward", cell->name);
    if (cell->states < 1 || cell->states > MAX_STATES)
        return rondo_fail(RONDO_E_ARG, "cell %s has %d states; 1 to %d are possible", cell->name,
                          cell->states, MAX_STATES);
    if (cell->x_gates < 1 || cell->h_gates < 0 || cell->saves < 0 || cell->made_gates < 0)
        return rondo_fail(RONDO_E_ARG, "cell %s: a number of gates or saves is negative",
                          cell->name);
    if (cell->made_gates && (!cell->prepare || !cell->prepare_backward))
        return rondo_fail(RONDO_E_ARG,
                          "cell %s has made_gates, so it needs prepare and prepare_backward",
                          cell->name);
    if (cell->additive && (cell->h_gates != cell->x_gates || cell->made_gates ||
                           cell->recurrent_bias || cell->input_saves))
        return rondo_fail(RONDO_E_ARG,
                          "cell %s: additive cells have as many h_gates as x_gates, one bias and "
                          "no input_saves: xp holds the sums, and is kept where it is needed",
                          cell->name);
    if (cell->fade && (cell->states != 1 || cell->h_gates || cell->made_gates || cell->n_params))
        return rondo_fail(RONDO_E_ARG,
                          "cell %s: fade is for cells with one state, no h_gates and no params",
                          cell->name);
    if (cell->n_params && !cell->params)
        return rondo_fail(RONDO_E_ARG, "cell %s has n_params but no params", cell->name);
    if (cell_gate_count(cell) > MAX_GATES || cell->n_params > MAX_CELL_PARAMS)
        return rondo_fail(RONDO_E_LIMIT, "cell %s: at most %d activations and %d params",
                          cell->name, MAX_GATES, MAX_CELL_PARAMS);
    double args[RONDO_MAX_PARAMETERS];
    return parameters_parse(args, cell->parameters, NULL, cell->name);
}

rondo_status rondo_register_cell(const rondo_cell *cell)
{
    RONDO_TRY(cell_check(cell));
    return registry_add(REGISTRY_CELL, cell->name, cell);
}
