/* formula - activations written as text: "x*tanh(softplus(x))", "a*tanh(b*x) with a=1, b=1".
 *
 *   text → parse.c → tree → derive.c (each node made through simplify.c) → program.c → kernels
 *
 * A tree is a list of nodes in which a node stands after its operands and equal nodes are one, so
 * that shared subexpressions are shared from the beginning. */
#ifndef RONDO_FORMULA_H
#define RONDO_FORMULA_H
#include "kernel/kernel.h"

#define EULER    2.71828182845904523536
#define PI       3.14159265358979323846
#define ROOT_TWO 1.41421356237309504880
enum { LIMIT_WORD = 64 }; /* bytes of a name in a formula, with its end */

/* ---- tree.c ---- */
enum {                                  /* leaves, beside the operations of programs */
       NODE_CONSTANT = PROGRAM_FMA + 1, /* value */
       NODE_X,
       NODE_DY,
       NODE_PARAMETER /* in[0]: which */
};
typedef struct term {
    int op;
    int in[3]; /* -1 where there is none */
    double value;
} term;
typedef struct tree {
    term *term;
    int n;
    int *bucket; /* by what a node is, to find it again */
} tree;
rondo_status tree_new(tree *);
void tree_free(tree *);
/* The node itself, found or added; -1 when there are too many (LIMIT_FORMULA_NODES) or an operand
 * is -1 already, so that only the last one need be looked at. */
int tree_node(tree *, int op, int a, int b, int c, double value);
int tree_constant(tree *, double);
double tree_apply(int op, double a, double b, double c); /* by libm */
int op_operands(int op);
/* value[i] of every node at x, with parameters. */
void tree_evaluate(const tree *, double *value, double x, const double *parameters);

/* ---- simplify.c: a node that has the same value, found, added or simpler ---- */
int make(tree *, int op, int a, int b, int c);
static inline int make1(tree *t, int op, int a)
{
    return make(t, op, a, -1, -1);
}
static inline int make2(tree *t, int op, int a, int b)
{
    return make(t, op, a, b, -1);
}
static inline bool is_constant(const tree *t, int at, double wanted)
{
    return t->term[at].op == NODE_CONSTANT && t->term[at].value == wanted;
}

/* ---- parse.c ---- */
typedef struct formula_parameter {
    char name[LIMIT_WORD];
    double value;  /* initial, where it is learned */
    bool symbolic; /* stays a name; else its value stands for it */
} formula_parameter;
typedef struct formula_names { /* what may stand in a formula besides x, e and pi */
    formula_parameter list[RONDO_MAX_PARAMETERS];
    int n;
    bool shared; /* "… with a=1 shared" */
} formula_names;
/* The text's root; adds the names that it declares after `with`. Failures show the text and a caret
 * under the place. */
rondo_status formula_parse(tree *, int *root, const char *text, formula_names *);
bool formula_mentions_x(const char *text); /* whether the word x is in it */
bool formula_has_function(const char *name);
const char *op_text(int op); /* "tanh", "+"; NULL for those that are written otherwise */

/* ---- derive.c ---- */
/* ∂root/∂leaf, leaf being NODE_X or a parameter: NODE_PARAMETER and which. */
rondo_status formula_derive(tree *, int *derivative, int root, int leaf_op, int which);

/* ---- print.c ---- */
/* As text of the same language, with as few parentheses as it takes; alloc_free it. */
rondo_status formula_print(char **text, const tree *, int root, const formula_names *);
/* The derivative of a formula of x and the names in `parameters` ("alpha=1 beta=0.5", may be
 * NULL), as text; alloc_free it. */
rondo_status formula_derivative_text(char **text, const char *of, const char *parameters);

/* ---- program.c ---- */
/* The program of `n` roots. `y`: the node whose value the input Y holds, -1: none. */
rondo_status program_compile(program *, const tree *, int n, const int root[], int y);
void program_free(program *);
bool program_reads(const program *, int slot);

/* ---- formula.c ---- */
typedef struct formula {
    rondo_activation row; /* the first member: what a rondo_function of it has */
    formula_names names;
    program forward, backward, backward_learned;
    double kinks[16];
    char *text, *parameters;
    char *notes; /* sentences for the user, one a line; NULL: nothing to say */
} formula;
/* An activation called `name` of a text in which the given names may stand, the symbolic ones of
 * them learned. */
rondo_status formula_new(formula **, const char *name, const char *text,
                         const formula_names *given);
void formula_free(formula *);
/* The formula that a row is the first member of; NULL: it is none. */
const formula *formula_of(const rondo_activation *);

/* ---- check.c ---- */
typedef struct formula_roots {
    int value, slope;
    int by[RONDO_MAX_PARAMETERS]; /* the derivative by each learned parameter */
} formula_roots;
/* Compares the derivatives with differences over a grid, and looks for poles, overflow and kinks:
 * fills kinks and notes. */
rondo_status formula_check(formula *, const tree *, const formula_roots *);
#endif
