/* Trees to steps: operands before what is made of them, registers given back after their last use,
 * a product that only one sum wants joined with it. */
#include "formula.h"
#include <string.h>

enum { NOWHERE = -1 };

typedef struct compiler {
    const tree *t;
    program *p;
    int y;                        /* node that the input Y holds, or -1 */
    int *uses;                    /* of each node, still to come */
    int *slot;                    /* of each node; NOWHERE: not made yet */
    int *height;                  /* of each node over its deepest leaf */
    int owner[PROGRAM_REGISTERS]; /* node in each register; NOWHERE: free */
    rondo_status status;
} compiler;

static bool is_leaf(const compiler *c, int at)
{
    return at == c->y || c->t->term[at].op >= NODE_CONSTANT;
}

/* The product among the operands of a sum that nothing else wants, or -1. */
static int joined(const compiler *c, int at)
{
    const term *n = &c->t->term[at];
    for (int i = 0; i < 2 && n->op == PROGRAM_ADD && !is_leaf(c, at); i++) {
        const int in = n->in[i];
        const bool alone = c->uses[in] == 1 && c->slot[in] == NOWHERE;
        if (alone && !is_leaf(c, in) && c->t->term[in].op == PROGRAM_MUL) return in;
    }
    return -1;
}

/* Uses of every node below the roots; operands stand before, so one walk down the list does. */
static void count_uses(compiler *c, int n, const int root[])
{
    for (int i = 0; i < n; i++) c->uses[root[i]]++;
    for (int i = c->t->n - 1; i >= 0; i--)
        for (int k = 0; k < op_operands(c->t->term[i].op); k++)
            if (c->uses[i] && !is_leaf(c, i)) c->uses[c->t->term[i].in[k]]++;
    for (int i = 0; i < c->t->n; i++)
        for (int k = 0; k < op_operands(c->t->term[i].op); k++) {
            const int below = c->height[c->t->term[i].in[k]] + 1;
            if (!is_leaf(c, i) && below > c->height[i]) c->height[i] = below;
        }
}

static int leaf_slot(compiler *c, int at)
{
    const term *n = &c->t->term[at];
    program *p = c->p;
    if (at == c->y) return PROGRAM_Y;
    if (n->op == NODE_X) return PROGRAM_X;
    if (n->op == NODE_DY) return PROGRAM_DY;
    if (n->op == NODE_PARAMETER) return PROGRAM_PARAMETER + n->in[0];
    if (p->n_constants == PROGRAM_CONSTANTS) {
        c->status = rondo_fail(RONDO_E_LIMIT, "the formula has more than %d different constants",
                               PROGRAM_CONSTANTS);
        return 0;
    }
    p->constant[p->n_constants] = (real)n->value;
    return PROGRAM_INPUTS + p->n_constants++;
}

static int free_register(compiler *c, int owner)
{
    for (int i = 0; i < PROGRAM_REGISTERS; i++) {
        if (c->owner[i] != NOWHERE) continue;
        c->owner[i] = owner;
        if (i >= c->p->n_registers) c->p->n_registers = i + 1;
        return PROGRAM_INPUTS + PROGRAM_CONSTANTS + i;
    }
    c->status = rondo_fail(RONDO_E_LIMIT,
                           "the formula keeps more than %d intermediate values at a time",
                           PROGRAM_REGISTERS);
    return 0;
}

static void used(compiler *c, int at)
{
    const int i = c->slot[at] - PROGRAM_INPUTS - PROGRAM_CONSTANTS;
    if (--c->uses[at] == 0 && i >= 0) c->owner[i] = NOWHERE;
}

static void emit(compiler *c, int at);

/* The deepest operand first: it wants the most registers. */
static void emit_operands(compiler *c, int n, const int in[])
{
    bool done[3] = { false };
    for (int k = 0; k < n; k++) {
        int deepest = -1;
        for (int i = 0; i < n; i++)
            if (!done[i] && (deepest < 0 || c->height[in[i]] > c->height[in[deepest]])) deepest = i;
        done[deepest] = true;
        emit(c, in[deepest]);
    }
}

static void emit(compiler *c, int at)
{
    if (c->status || c->slot[at] != NOWHERE) return;
    if (is_leaf(c, at)) {
        c->slot[at] = leaf_slot(c, at);
        return;
    }
    const term *n = &c->t->term[at];
    const int product = joined(c, at);
    int in[3] = { n->in[0], n->in[1], n->in[2] }, count = op_operands(n->op);
    program_step step = { .op = (uint8_t)n->op };
    if (product >= 0) {
        const int other = n->in[0] == product ? n->in[1] : n->in[0];
        in[0] = c->t->term[product].in[0];
        in[1] = c->t->term[product].in[1];
        in[2] = other;
        count = 3;
        step.op = PROGRAM_FMA;
    }
    emit_operands(c, count, in);
    if (c->status) return;
    for (int i = 0; i < 3; i++) step.from[i] = (uint8_t)c->slot[in[i < count ? i : 0]];
    for (int i = 0; i < count; i++) used(c, in[i]);
    c->slot[at] = free_register(c, at);
    step.to = (uint8_t)c->slot[at];
    if (!c->status) c->p->step[c->p->n_steps++] = step;
}

rondo_status program_compile(program *p, const tree *t, int n, const int root[], int y)
{
    compiler c = { .t = t,
                   .p = p,
                   .y = y,
                   .uses = alloc_array(t->n, sizeof *c.uses),
                   .slot = alloc_array(t->n, sizeof *c.slot),
                   .height = alloc_array(t->n, sizeof *c.height) };
    *p = (program){ .step = alloc_array(t->n, sizeof *p->step), .n_results = n };
    if (!c.uses || !c.slot || !c.height || !p->step) c.status = RONDO_E_NOMEM;
    for (int i = 0; i < PROGRAM_REGISTERS; i++) c.owner[i] = NOWHERE;
    for (int i = 0; !c.status && i < t->n; i++) c.slot[i] = NOWHERE;
    if (!c.status) count_uses(&c, n, root);
    for (int i = 0; !c.status && i < n; i++) {
        emit(&c, root[i]); /* whose use by the result is never over: it stays */
        p->result[i] = (uint8_t)c.slot[root[i]];
    }
    alloc_free(c.uses);
    alloc_free(c.slot);
    alloc_free(c.height);
    if (c.status) program_free(p);
    return c.status;
}

void program_free(program *p)
{
    alloc_free(p->step);
    *p = (program){ 0 };
}

bool program_reads(const program *p, int slot)
{
    bool reads = false;
    for (int i = 0; i < p->n_steps; i++)
        for (int k = 0; k < 3; k++) reads |= p->step[i].from[k] == slot;
    for (int i = 0; i < p->n_results; i++) reads |= p->result[i] == slot;
    return reads;
}
