/* Every node is made here: constants are folded, what 0 and 1 do to a sum or product is done, and
 * the usual compositions take the form that neither overflows nor cancels (log(1+exp(x)) is
 * softplus(x)).  Constants stand first in what commutes. */
#include "formula.h"
#include <math.h>

static bool is(const tree *t, int at, int op)
{
    return t->term[at].op == op;
}

static int operand(const tree *t, int at, int i)
{
    return t->term[at].in[i];
}

static bool constant(const tree *t, int at)
{
    return is(t, at, NODE_CONSTANT);
}

static double value(const tree *t, int at)
{
    return t->term[at].value;
}

static int raw(tree *t, int op, int a, int b, int c)
{
    return tree_node(t, op, a, b, c, 0);
}

static int scaled(tree *t, double factor, int a)
{
    return make2(t, PROGRAM_MUL, tree_constant(t, factor), a);
}

/* Whether the node is 1 + exp(u); *u. */
static bool one_and_exp(const tree *t, int at, int *u)
{
    if (!is(t, at, PROGRAM_ADD) || !is_constant(t, operand(t, at, 0), 1) ||
        !is(t, operand(t, at, 1), PROGRAM_EXP))
        return false;
    *u = operand(t, operand(t, at, 1), 0);
    return true;
}

/* k in front of a product; *rest: what it multiplies. */
static double coefficient(const tree *t, int at, int *rest)
{
    const bool has = is(t, at, PROGRAM_MUL) && constant(t, operand(t, at, 0));
    *rest = has ? operand(t, at, 1) : at;
    return has ? value(t, operand(t, at, 0)) : 1;
}

static int add(tree *t, int a, int b)
{
    int u, v;
    const double times = coefficient(t, a, &u) + coefficient(t, b, &v);
    if (u == v) return scaled(t, times, u);
    if (is_constant(t, a, 0)) return b;
    if (is(t, b, PROGRAM_NEG)) return make2(t, PROGRAM_SUB, a, operand(t, b, 0));
    if (is(t, a, PROGRAM_NEG)) return make2(t, PROGRAM_SUB, b, operand(t, a, 0));
    if (constant(t, a) && is(t, b, PROGRAM_ADD) && constant(t, operand(t, b, 0)))
        return make2(t, PROGRAM_ADD, tree_constant(t, value(t, a) + value(t, operand(t, b, 0))),
                     operand(t, b, 1));
    if (is_constant(t, a, 1) && is(t, b, PROGRAM_ERF)) /* 1 + erf u = 2 Φ(√2 u) */
        return scaled(t, 2, make1(t, PROGRAM_NORMAL, scaled(t, ROOT_TWO, operand(t, b, 0))));
    if (is_constant(t, a, -1) && is(t, b, PROGRAM_EXP))
        return make1(t, PROGRAM_EXPM1, operand(t, b, 0));
    return raw(t, PROGRAM_ADD, a, b, -1);
}

static int subtract(tree *t, int a, int b)
{
    if (a == b) return tree_constant(t, 0);
    if (is_constant(t, a, 0)) return make1(t, PROGRAM_NEG, b);
    if (constant(t, b)) return make2(t, PROGRAM_ADD, tree_constant(t, -value(t, b)), a);
    if (is(t, b, PROGRAM_NEG)) return make2(t, PROGRAM_ADD, a, operand(t, b, 0));
    if (is_constant(t, a, 1) && is(t, b, PROGRAM_ERF))
        return scaled(t, 2, make1(t, PROGRAM_NORMAL, scaled(t, -ROOT_TWO, operand(t, b, 0))));
    return raw(t, PROGRAM_SUB, a, b, -1);
}

static int multiply(tree *t, int a, int b)
{
    if (is_constant(t, a, 0)) return a;
    if (is_constant(t, a, 1)) return b;
    if (is_constant(t, a, -1)) return make1(t, PROGRAM_NEG, b);
    if (is(t, a, PROGRAM_NEG))
        return make1(t, PROGRAM_NEG, make2(t, PROGRAM_MUL, operand(t, a, 0), b));
    if (is(t, b, PROGRAM_NEG) && constant(t, a)) return scaled(t, -value(t, a), operand(t, b, 0));
    if (is(t, b, PROGRAM_NEG))
        return make1(t, PROGRAM_NEG, make2(t, PROGRAM_MUL, a, operand(t, b, 0)));
    if (is(t, b, PROGRAM_MUL) && constant(t, operand(t, b, 0))) { /* constants gather in front */
        const int k = make2(t, PROGRAM_MUL, a, operand(t, b, 0));
        return constant(t, a) ? make2(t, PROGRAM_MUL, k, operand(t, b, 1))
                              : scaled(t, value(t, operand(t, b, 0)),
                                       make2(t, PROGRAM_MUL, a, operand(t, b, 1)));
    }
    if (is(t, a, PROGRAM_MUL) && constant(t, operand(t, a, 0)))
        return scaled(t, value(t, operand(t, a, 0)), make2(t, PROGRAM_MUL, operand(t, a, 1), b));
    if (is(t, b, PROGRAM_DIV) && is_constant(t, operand(t, b, 0), 1))
        return make2(t, PROGRAM_DIV, a, operand(t, b, 1));
    if (is(t, b, PROGRAM_DIV) && constant(t, a) && constant(t, operand(t, b, 0)))
        return make2(t, PROGRAM_DIV, make2(t, PROGRAM_MUL, a, operand(t, b, 0)), operand(t, b, 1));
    return raw(t, PROGRAM_MUL, a, b, -1);
}

/* (e^u - e^-u)/(e^u + e^-u) and (e^2u - 1)/(e^2u + 1) are tanh u; -1: neither. */
static int quotient_of_exps(tree *t, int a, int b)
{
    int u;
    if (is(t, a, PROGRAM_EXPM1) && one_and_exp(t, b, &u) && operand(t, a, 0) == u)
        return make1(t, PROGRAM_TANH, scaled(t, 0.5, u));
    if (!is(t, a, PROGRAM_SUB) || !is(t, b, PROGRAM_ADD) || operand(t, a, 0) != operand(t, b, 0) ||
        operand(t, a, 1) != operand(t, b, 1))
        return -1;
    const int plus = operand(t, a, 0), minus = operand(t, a, 1);
    if (!is(t, plus, PROGRAM_EXP) || !is(t, minus, PROGRAM_EXP)) return -1;
    u = operand(t, plus, 0);
    return operand(t, minus, 0) == make1(t, PROGRAM_NEG, u) ? make1(t, PROGRAM_TANH, u) : -1;
}

static int divide(tree *t, int a, int b)
{
    int u;
    if (a == b) return tree_constant(t, 1);
    if (is_constant(t, a, 0)) return a;
    if (constant(t, b) && value(t, b) != 0 && isfinite(1 / value(t, b)))
        return scaled(t, 1 / value(t, b), a);
    if (is(t, a, PROGRAM_NEG))
        return make1(t, PROGRAM_NEG, make2(t, PROGRAM_DIV, operand(t, a, 0), b));
    if (is(t, b, PROGRAM_NEG))
        return make1(t, PROGRAM_NEG, make2(t, PROGRAM_DIV, a, operand(t, b, 0)));
    const int hyperbolic = quotient_of_exps(t, a, b);
    if (hyperbolic >= 0) return hyperbolic;
    if (one_and_exp(t, b, &u)) {
        if (is(t, a, PROGRAM_EXP) && operand(t, a, 0) == u) return make1(t, PROGRAM_SIGMOID, u);
        return make2(t, PROGRAM_MUL, a, make1(t, PROGRAM_SIGMOID, make1(t, PROGRAM_NEG, u)));
    }
    return raw(t, PROGRAM_DIV, a, b, -1);
}

/* a^n by squaring, n ≥ 1 */
static int whole_power(tree *t, int a, int n)
{
    if (n == 1) return a;
    const int half = whole_power(t, a, n / 2), square = make2(t, PROGRAM_MUL, half, half);
    return n % 2 ? make2(t, PROGRAM_MUL, square, a) : square;
}

static int power(tree *t, int a, int b)
{
    enum { MOST = 64 };
    if (is_constant(t, a, EULER)) return make1(t, PROGRAM_EXP, b);
    if (!constant(t, b)) return raw(t, PROGRAM_POW, a, b, -1);
    const double n = value(t, b);
    if (n == 0) return tree_constant(t, 1);
    if (n == 0.5) return make1(t, PROGRAM_SQRT, a);
    if (n < 0 && n >= -MOST && (n == floor(n) || n == -0.5))
        return make2(t, PROGRAM_DIV, tree_constant(t, 1),
                     make2(t, PROGRAM_POW, a, tree_constant(t, -n)));
    if (n > 0 && n <= MOST && n == floor(n)) return whole_power(t, a, (int)n);
    return raw(t, PROGRAM_POW, a, b, -1);
}

static int negate(tree *t, int a)
{
    if (is(t, a, PROGRAM_NEG)) return operand(t, a, 0);
    if (is(t, a, PROGRAM_SUB)) return make2(t, PROGRAM_SUB, operand(t, a, 1), operand(t, a, 0));
    if (is(t, a, PROGRAM_MUL) && constant(t, operand(t, a, 0)))
        return scaled(t, -value(t, operand(t, a, 0)), operand(t, a, 1));
    return raw(t, PROGRAM_NEG, a, -1, -1);
}

static int logarithm(tree *t, int a)
{
    int u;
    if (is(t, a, PROGRAM_EXP)) return operand(t, a, 0);
    if (one_and_exp(t, a, &u)) return make1(t, PROGRAM_SOFTPLUS, u);
    if (is(t, a, PROGRAM_ADD) && is_constant(t, operand(t, a, 0), 1))
        return make1(t, PROGRAM_LOG1P, operand(t, a, 1));
    return raw(t, PROGRAM_LOG, a, -1, -1);
}

/* Of one operand, those that have a rule. */
static int one(tree *t, int op, int a)
{
    switch (op) {
    case PROGRAM_NEG:
        return negate(t, a);
    case PROGRAM_LOG:
        return logarithm(t, a);
    case PROGRAM_LOG1P:
        if (is(t, a, PROGRAM_EXP)) return make1(t, PROGRAM_SOFTPLUS, operand(t, a, 0));
        break;
    case PROGRAM_ABS:
        if (is(t, a, PROGRAM_NEG)) return make1(t, PROGRAM_ABS, operand(t, a, 0));
        if (is(t, a, PROGRAM_ABS)) return a;
        break;
    case PROGRAM_SQRT:
        if (is(t, a, PROGRAM_MUL) && operand(t, a, 0) == operand(t, a, 1))
            return make1(t, PROGRAM_ABS, operand(t, a, 0));
        break;
    default:
        break;
    }
    return raw(t, op, a, -1, -1);
}

static bool commutes(int op)
{
    return op == PROGRAM_ADD || op == PROGRAM_MUL || op == PROGRAM_MIN || op == PROGRAM_MAX ||
           op == PROGRAM_EQUAL;
}

static int where(tree *t, int condition, int a, int b)
{
    if (constant(t, condition)) return fabs(value(t, condition)) > 0 ? a : b;
    return a == b ? a : raw(t, PROGRAM_WHERE, condition, a, b);
}

int make(tree *t, int op, int a, int b, int c)
{
    const int in[3] = { a, b, c }, operands = op_operands(op);
    bool known = true;
    double v[3] = { 0 };
    for (int i = 0; i < operands; i++) {
        if (in[i] < 0) return -1;
        known = known && constant(t, in[i]);
        v[i] = value(t, in[i]);
    }
    if (known) return tree_constant(t, tree_apply(op, v[0], v[1], v[2]));
    if (operands == 1) return one(t, op, a);
    if (commutes(op) && (constant(t, b) || (!constant(t, a) && b < a))) a = in[1], b = in[0];
    switch (op) {
    case PROGRAM_ADD:
        return add(t, a, b);
    case PROGRAM_SUB:
        return subtract(t, a, b);
    case PROGRAM_MUL:
        return multiply(t, a, b);
    case PROGRAM_DIV:
        return divide(t, a, b);
    case PROGRAM_POW:
        return power(t, a, b);
    case PROGRAM_WHERE:
        return where(t, a, b, c);
    case PROGRAM_MIN:
    case PROGRAM_MAX:
        return a == b ? a : raw(t, op, a, b, -1);
    default:
        return raw(t, op, a, b, c);
    }
}
