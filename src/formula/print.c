/* Trees as text of the language they came from. */
#include "formula.h"
#include <math.h>
#include <string.h>

enum { COMPARISON = 1, SUM, PRODUCT, SIGN, POWER, PRIMARY }; /* how tightly it binds */

typedef struct printer {
    const tree *t;
    const formula_names *names;
    char *text;
    size_t n, size;
    rondo_status status;
} printer;

static void put(printer *p, const char *text)
{
    enum { MOST = 1 << 16 };
    const size_t more = strlen(text);
    if (p->status) return;
    if (p->n + more + 1 > p->size) {
        const size_t size = 2 * (p->n + more) + 64;
        char *grown = size > MOST ? NULL : alloc_grow(p->text, size);
        if (!grown) {
            p->status = size > MOST ? rondo_fail(RONDO_E_LIMIT, "the formula is too long to print")
                                    : RONDO_E_NOMEM;
            return;
        }
        p->text = grown;
        p->size = size;
    }
    memcpy(p->text + p->n, text, more + 1);
    p->n += more;
}

static void print(printer *p, int at, int binding);

/* The fewest digits that are this number again; the known ones by name. */
static void put_number(printer *p, double value)
{
    char digits[40];
    if (value == PI || value == EULER) {
        put(p, value == PI ? "pi" : "e");
        return;
    }
    for (int n = 6; n <= 17; n++) {
        snprintf(digits, sizeof digits, "%.*g", n, value);
        if (strtod(digits, NULL) == value) break;
    }
    put(p, digits);
}

static void put_call(printer *p, const term *n)
{
    put(p, op_text(n->op));
    for (int i = 0; i < op_operands(n->op); i++) {
        put(p, i ? ", " : "(");
        print(p, n->in[i], 0);
    }
    put(p, ")");
}

static void put_binary(printer *p, const term *n, const char *sign, int left, int right)
{
    print(p, n->in[0], left);
    put(p, sign);
    print(p, n->in[1], right);
}

/* Constants stand first in the tree: -1 + x reads x - 1. */
static void put_sum(printer *p, const term *n)
{
    const term *first = &p->t->term[n->in[0]];
    if (n->op == PROGRAM_SUB || first->op != NODE_CONSTANT || first->value > 0) {
        put_binary(p, n, n->op == PROGRAM_SUB ? " - " : " + ", SUM,
                   n->op == PROGRAM_SUB ? PRODUCT : SUM);
        return;
    }
    print(p, n->in[1], SUM);
    put(p, " - ");
    put_number(p, -first->value);
}

static int binding_of(const term *n)
{
    switch (n->op) {
    case PROGRAM_LESS:
    case PROGRAM_LESS_EQUAL:
    case PROGRAM_EQUAL:
        return COMPARISON;
    case PROGRAM_ADD:
    case PROGRAM_SUB:
        return SUM;
    case PROGRAM_MUL:
        return n->in[0] == n->in[1] ? POWER : PRODUCT;
    case PROGRAM_DIV:
        return PRODUCT;
    case PROGRAM_NEG:
        return SIGN;
    case PROGRAM_POW:
        return POWER;
    case NODE_CONSTANT:
        return n->value < 0 ? SIGN : PRIMARY;
    default:
        return PRIMARY;
    }
}

static void put_product(printer *p, const term *n)
{
    if (n->in[0] != n->in[1]) {
        put_binary(p, n, "*", PRODUCT, PRODUCT);
        return;
    }
    print(p, n->in[0], PRIMARY);
    put(p, "^2");
}

static void put_node(printer *p, const term *n)
{
    switch (n->op) {
    case PROGRAM_LESS:
        put_binary(p, n, " < ", SUM, SUM);
        break;
    case PROGRAM_LESS_EQUAL:
        put_binary(p, n, " <= ", SUM, SUM);
        break;
    case PROGRAM_EQUAL:
        put_binary(p, n, " == ", SUM, SUM);
        break;
    case PROGRAM_ADD:
    case PROGRAM_SUB:
        put_sum(p, n);
        break;
    case PROGRAM_MUL:
        put_product(p, n);
        break;
    case PROGRAM_DIV:
        put_binary(p, n, "/", PRODUCT, SIGN);
        break;
    case PROGRAM_POW:
        put_binary(p, n, "^", PRIMARY, SIGN);
        break;
    case PROGRAM_NEG:
        put(p, "-");
        print(p, n->in[0], SIGN);
        break;
    case NODE_CONSTANT:
        put_number(p, n->value);
        break;
    case NODE_X:
        put(p, "x");
        break;
    case NODE_DY:
        put(p, "dy");
        break;
    case NODE_PARAMETER:
        put(p, p->names->list[n->in[0]].name);
        break;
    default:
        put_call(p, n);
    }
}

static void print(printer *p, int at, int binding)
{
    const term *n = &p->t->term[at];
    const bool inside = binding_of(n) < binding;
    if (p->status) return;
    if (inside) put(p, "(");
    put_node(p, n);
    if (inside) put(p, ")");
}

rondo_status formula_print(char **text, const tree *t, int root, const formula_names *names)
{
    printer p = { .t = t, .names = names };
    print(&p, root, 0);
    if (p.status) {
        alloc_free(p.text);
        p.text = NULL;
    }
    *text = p.text;
    return p.status;
}

/* "alpha=1 beta=0.5" as names that stay. */
static rondo_status names_of(formula_names *names, const char *declared)
{
    *names = (formula_names){ 0 };
    for (const char *at = declared; at && *at; at += strspn(at, " ")) {
        const size_t n = strcspn(at, "= ");
        if (n >= LIMIT_WORD || names->n == RONDO_MAX_PARAMETERS)
            return rondo_fail(RONDO_E_LIMIT, "\"%s\" are too many or too long names", declared);
        formula_parameter *p = &names->list[names->n++];
        *p = (formula_parameter){ .symbolic = true };
        memcpy(p->name, at, n);
        at += n + strcspn(at + n, " ");
    }
    return RONDO_OK;
}

rondo_status formula_derivative_text(char **text, const char *of, const char *parameters)
{
    formula_names names;
    tree t;
    int root, slope;
    *text = NULL;
    RONDO_TRY(names_of(&names, parameters));
    RONDO_TRY(tree_new(&t));
    rondo_status s = formula_parse(&t, &root, of, &names);
    if (!s) s = formula_derive(&t, &slope, root, NODE_X, 0);
    if (!s) s = formula_print(text, &t, slope, &names);
    tree_free(&t);
    return s;
}
