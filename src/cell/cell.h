/* cell - pointwise mathematics with its gradient: activations by name, one recurrent cell per file.
 * */
#ifndef RONDO_CELL_H
#define RONDO_CELL_H
#include "kernel/kernel.h"

/* "tanh", "leaky_relu(0.1)", "elu(alpha=0.5)", "x*sigmoid(b*x) with b=1" → row and arguments. NULL
 * or "" is linear. What it made is given back by activation_free, which takes a zeroed one too. */
rondo_status activation_parse(rondo_function *, const char *text);
void activation_free(rondo_function *);
bool activation_is_formula(const char *text);
const char *activation_notes(const rondo_function *); /* for the user, one a line; NULL: none */
/* The derivative as text, of x and the row's parameters; *text NULL where the row has no formula;
 * alloc_free it. */
rondo_status activation_derivative(char **text, const rondo_activation *);
bool activation_is(const rondo_function *, const char *name);
/* y[rows][width] = f(x), row by row where the activation mixes a row. */
void activation_forward(const rondo_function *, real *y, const real *x, int64_t rows,
                        int64_t width);
void activation_backward(const rondo_function *, real *dx, const real *x, const real *y,
                         const real *dy, int64_t rows, int64_t width);

/* "negative_slope=0.2>=0 max=6": names, defaults and what they may be; given: "0.1" or "max=1" or
 * "0.1, max=1". E_ARG: no number, or out of bounds. */
rondo_status parameters_parse(double args[RONDO_MAX_PARAMETERS], const char *declared,
                              const char *given, const char *what);
/* The i-th name of `declared`; false past the last. */
bool parameters_name(const char *declared, int i, char name[LIMIT_NAME]);
/* Whether `declared` has a parameter of that name. */
bool parameters_have(const char *declared, const char *name);

/* Values of a row's `parameters` ("reset_after=1"): defaults, then those that `options` sets. */
rondo_status cell_parse_args(const rondo_cell *, const char *options,
                             real args[RONDO_MAX_PARAMETERS]);
/* Number of gate names in "i f c o h". */
int cell_gate_count(const rondo_cell *);
void cell_gate_name(char name[], size_t size, const rondo_cell *, int g); /* the g-th of them */
/* Whether the gate takes recurrent_activation. */
bool cell_gate_is_recurrent(const rondo_cell *, const char *gate);
rondo_status cell_check(const rondo_cell *); /* what rondo_register_cell asks of a row */

enum { MAX_STATES = 4, MAX_GATES = 8, MAX_CELL_PARAMS = 8 };

/* The name of a built-in cell's row: each file is compiled for every ISA (cmake/cells.cmake), and
 * table.c takes the copy that goes with the kernels in use. */
#ifndef CELL_ISA
#define CELL_ISA plain
#endif
#define CELL_JOIN(name, isa) cell_##name##_##isa
#define CELL_ROW(name, isa)  CELL_JOIN(name, isa)
#define CELL(name)           CELL_ROW(name, CELL_ISA)

void learned_register_all(void); /* learned.c */
void cell_register_all(void);    /* table.c */
/* Whether the i-th name in the registry is another name of a row. */
bool activation_is_alias(int i);
void activation_register_all(void); /* the rows of the kernel table in use */
#endif
