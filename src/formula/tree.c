/* Trees whose equal nodes are one (hash consing), and their value by libm. */
#include "formula.h"
#include <math.h>
#include <string.h>

enum { BUCKETS = 2 * LIMIT_FORMULA_NODES };

rondo_status tree_new(tree *t)
{
    *t = (tree){ .term = alloc_array(LIMIT_FORMULA_NODES, sizeof *t->term),
                 .bucket = alloc_array(BUCKETS, sizeof *t->bucket) };
    if (t->term && t->bucket) return RONDO_OK;
    tree_free(t);
    return RONDO_E_NOMEM;
}

void tree_free(tree *t)
{
    alloc_free(t->term);
    alloc_free(t->bucket);
    *t = (tree){ 0 };
}

int op_operands(int op)
{
    static const int operands[] = {
#define X(name, arity) arity,
        PROGRAM_OPS(X)
#undef X
    };
    return op < NODE_CONSTANT ? operands[op] : 0;
}

static uint32_t hash(const term *n)
{
    uint64_t bits;
    memcpy(&bits, &n->value, sizeof bits);
    const uint64_t parts[] = { (uint64_t)n->op, (uint64_t)n->in[0], (uint64_t)n->in[1],
                               (uint64_t)n->in[2], bits };
    uint64_t h = 0;
    for (int i = 0; i < 5; i++) h = (h ^ parts[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return (uint32_t)h;
}

static bool same(const term *a, const term *b)
{
    return a->op == b->op && !memcmp(a->in, b->in, sizeof a->in) &&
           !memcmp(&a->value, &b->value, sizeof a->value);
}

int tree_node(tree *t, int op, int a, int b, int c, double value)
{
    const term wanted = { op, { a, b, c }, value };
    const int operands = op_operands(op);
    for (int i = 0; i < operands; i++)
        if (wanted.in[i] < 0) return -1;
    uint32_t at = hash(&wanted) % BUCKETS;
    for (; t->bucket[at]; at = (at + 1) % BUCKETS)
        if (same(&t->term[t->bucket[at] - 1], &wanted)) return t->bucket[at] - 1;
    if (t->n == LIMIT_FORMULA_NODES) return -1;
    t->term[t->n] = wanted;
    t->bucket[at] = t->n + 1;
    return t->n++;
}

int tree_constant(tree *t, double value)
{
    return tree_node(t, NODE_CONSTANT, -1, -1, -1, value == 0 ? 0 : value); /* no -0 */
}

static double apply1(int op, double a)
{
    switch (op) {
    case PROGRAM_NEG:
        return -a;
    case PROGRAM_ABS:
        return fabs(a);
    case PROGRAM_SIGN:
        return a > 0 ? 1 : a < 0 ? -1 : a;
    case PROGRAM_SQRT:
        return sqrt(a);
    case PROGRAM_EXP:
        return exp(a);
    case PROGRAM_EXPM1:
        return expm1(a);
    case PROGRAM_LOG:
        return log(a);
    case PROGRAM_LOG1P:
        return log1p(a);
    case PROGRAM_TANH:
        return tanh(a);
    case PROGRAM_SIGMOID:
        return 1 / (1 + exp(-a));
    case PROGRAM_SOFTPLUS:
        return fmax(0, a) + log1p(exp(-fabs(a)));
    case PROGRAM_ERF:
        return erf(a);
    case PROGRAM_NORMAL:
        return 0.5 * erfc(a * -0.70710678118654752440);
    case PROGRAM_SIN:
        return sin(a);
    case PROGRAM_COS:
        return cos(a);
    default:
        return atan(a);
    }
}

double tree_apply(int op, double a, double b, double c)
{
    switch (op) {
    case PROGRAM_ADD:
        return a + b;
    case PROGRAM_SUB:
        return a - b;
    case PROGRAM_MUL:
        return a * b;
    case PROGRAM_DIV:
        return a / b;
    case PROGRAM_POW:
        return pow(a, b);
    case PROGRAM_MIN:
        return a < b ? a : b;
    case PROGRAM_MAX:
        return a > b ? a : b;
    case PROGRAM_LESS:
        return a < b;
    case PROGRAM_LESS_EQUAL:
        return a <= b;
    case PROGRAM_EQUAL:
        return a == b;
    case PROGRAM_WHERE:
        return fabs(a) > 0 ? b : c;
    case PROGRAM_FMA:
        return a * b + c;
    default:
        return apply1(op, a);
    }
}

void tree_evaluate(const tree *t, double *value, double x, const double *parameters)
{
    for (int i = 0; i < t->n; i++) {
        const term *n = &t->term[i];
        double in[3] = { 0 };
        for (int k = 0; k < 3; k++)
            if (n->op < NODE_CONSTANT && n->in[k] >= 0) in[k] = value[n->in[k]];
        switch (n->op) {
        case NODE_CONSTANT:
            value[i] = n->value;
            break;
        case NODE_X:
            value[i] = x;
            break;
        case NODE_DY:
            value[i] = 1;
            break;
        case NODE_PARAMETER:
            value[i] = parameters[n->in[0]];
            break;
        default:
            value[i] = tree_apply(n->op, in[0], in[1], in[2]);
        }
    }
}
