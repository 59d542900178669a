/* Derivatives, node after node: those of the operands are there when a node's turn comes. */
#include "formula.h"
#include <math.h>

typedef struct deriver {
    tree *t;
    int *d; /* of each node; -1: none was made, the tree is full */
} deriver;

static int constant(const deriver *v, double value)
{
    return tree_constant(v->t, value);
}

static int product(const deriver *v, int a, int b)
{
    return make2(v->t, PROGRAM_MUL, a, b);
}

static int sum(const deriver *v, int a, int b)
{
    return make2(v->t, PROGRAM_ADD, a, b);
}

static int difference(const deriver *v, int a, int b)
{
    return make2(v->t, PROGRAM_SUB, a, b);
}

/* factor e^(-u² scale) */
static int bell(const deriver *v, double factor, double scale, int u)
{
    const int square = product(v, u, u);
    return product(v, constant(v, factor),
                   make1(v->t, PROGRAM_EXP, product(v, constant(v, -scale), square)));
}

/* f'(u) where the node y is f(u). */
static int outer(const deriver *v, int op, int y, int u)
{
    tree *t = v->t;
    const int one = constant(v, 1);
    switch (op) {
    case PROGRAM_NEG:
        return constant(v, -1);
    case PROGRAM_ABS:
        return make1(t, PROGRAM_SIGN, u);
    case PROGRAM_SQRT:
        return make2(t, PROGRAM_DIV, constant(v, 0.5), y);
    case PROGRAM_EXP:
        return y;
    case PROGRAM_EXPM1:
        return make1(t, PROGRAM_EXP, u);
    case PROGRAM_LOG:
        return make2(t, PROGRAM_DIV, one, u);
    case PROGRAM_LOG1P:
        return make2(t, PROGRAM_DIV, one, sum(v, one, u));
    case PROGRAM_TANH: {
        const int below = difference(v, one, y); /* made in this order by every compiler */
        return product(v, below, sum(v, one, y));
    }
    case PROGRAM_SIGMOID:
        return product(v, y, difference(v, one, y));
    case PROGRAM_SOFTPLUS:
        return make1(t, PROGRAM_SIGMOID, u);
    case PROGRAM_ERF:
        return bell(v, 1.12837916709551257390, 1, u);
    case PROGRAM_NORMAL:
        return bell(v, 0.39894228040143267794, 0.5, u);
    case PROGRAM_SIN:
        return make1(t, PROGRAM_COS, u);
    case PROGRAM_COS:
        return make1(t, PROGRAM_NEG, make1(t, PROGRAM_SIN, u));
    case PROGRAM_ATAN:
        return make2(t, PROGRAM_DIV, one, sum(v, one, product(v, u, u)));
    default:
        return constant(v, 0); /* sign */
    }
}

/* a^b: b a^(b-1) da + a^b log(a) db */
static int of_power(const deriver *v, int y, int a, int b)
{
    tree *t = v->t;
    int d = constant(v, 0);
    if (!is_constant(t, v->d[a], 0)) {
        const int less = make2(t, PROGRAM_POW, a, difference(v, b, constant(v, 1)));
        d = product(v, product(v, b, less), v->d[a]);
    }
    if (d < 0 || v->d[b] < 0 || is_constant(t, v->d[b], 0)) return d;
    return sum(v, d, product(v, product(v, y, make1(t, PROGRAM_LOG, a)), v->d[b]));
}

/* Where both are equal a constant wins: max(x, 0) has the slope 0 there, as Keras and PyTorch say. */
static int of_extreme(const deriver *v, int op, int a, int b)
{
    const bool tie = v->t->term[a].op == NODE_CONSTANT;
    const int low = (op == PROGRAM_MIN) == tie ? b : a, high = low == a ? b : a;
    const int strictly = make2(v->t, PROGRAM_LESS, low, high);
    return tie ? make(v->t, PROGRAM_WHERE, strictly, v->d[b], v->d[a])
               : make(v->t, PROGRAM_WHERE, strictly, v->d[a], v->d[b]);
}

static int derivative(const deriver *v, int at)
{
    const term n = v->t->term[at];
    const int a = n.in[0], b = n.in[1], c = n.in[2];
    const int da = v->d[a], db = b < 0 ? -1 : v->d[b];
    switch (n.op) {
    case PROGRAM_ADD:
        return sum(v, da, db);
    case PROGRAM_SUB:
        return difference(v, da, db);
    case PROGRAM_MUL: {
        const int left = product(v, da, b);
        return sum(v, left, product(v, a, db));
    }
    case PROGRAM_DIV: /* (da - y db)/b */
        return make2(v->t, PROGRAM_DIV, difference(v, da, product(v, at, db)), b);
    case PROGRAM_POW:
        return of_power(v, at, a, b);
    case PROGRAM_MIN:
    case PROGRAM_MAX:
        return of_extreme(v, n.op, a, b);
    case PROGRAM_WHERE:
        return make(v->t, PROGRAM_WHERE, a, db, v->d[c]);
    case PROGRAM_LESS:
    case PROGRAM_LESS_EQUAL:
    case PROGRAM_EQUAL:
        return constant(v, 0);
    default:
        return is_constant(v->t, da, 0) ? da : product(v, outer(v, n.op, at, a), da);
    }
}

rondo_status formula_derive(tree *t, int *out, int root, int leaf_op, int which)
{
    deriver v = { t, alloc_array(root + 1, sizeof *v.d) };
    bool full = false;
    if (!v.d) return RONDO_E_NOMEM;
    for (int i = 0; i <= root && !full; i++) {
        const term *n = &t->term[i];
        if (n->op < NODE_CONSTANT)
            v.d[i] = derivative(&v, i);
        else
            v.d[i] = constant(&v, n->op == leaf_op && (leaf_op == NODE_X || n->in[0] == which));
        full = v.d[i] < 0;
    }
    *out = v.d[root];
    alloc_free(v.d);
    return full ? rondo_fail(RONDO_E_LIMIT,
                             "the formula's derivative has more than %d parts; a shorter formula "
                             "may say the same",
                             LIMIT_FORMULA_NODES)
                : RONDO_OK;
}
