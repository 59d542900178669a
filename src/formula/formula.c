/* An activation made of a text: its programs, and the row that cells call. */
#include "formula.h"
#include <string.h>

static const formula *of(const rondo_function *f)
{
    return (const formula *)(const void *)f->row;
}

/* The values of learned parameters; those that a function has not been given are as they begin. */
static void set_parameters(program_io *io, const rondo_function *f)
{
    const int learned = f->row->learned;
    io->shared = f->row->shared || (learned && !f->learned[0]);
    for (int i = 0; i < learned; i++)
        io->in[PROGRAM_PARAMETER + i] = f->learned[0] ? f->learned[i] : &f->args[i];
}

static void forward(real *y, const real *x, int64_t n, const void *args)
{
    const rondo_function *f = args;
    program_io io = { .in = { [PROGRAM_X] = x }, .out = { y } };
    set_parameters(&io, f);
    kernel_table()->run_program(&of(f)->forward, &io, n);
}

static void backward(real *dx, const real *x, const real *y, const real *dy, int64_t n,
                     const void *args)
{
    const rondo_function *f = args;
    program_io io = { .in = { [PROGRAM_X] = x, [PROGRAM_Y] = y, [PROGRAM_DY] = dy },
                      .out = { dx } };
    bool wanted = false;
    set_parameters(&io, f);
    for (int i = 0; i < f->row->learned; i++) {
        io.out[1 + i] = f->dlearned[i];
        wanted |= f->dlearned[i] != NULL;
    }
    kernel_table()->run_program(wanted ? &of(f)->backward_learned : &of(f)->backward, &io, n);
}

/* dx = dy f', and for each learned parameter dy ∂f/∂a. */
static rondo_status compile(formula *f, tree *t, formula_roots *roots)
{
    int root[PROGRAM_RESULTS], learned = 0;
    const int dy = tree_node(t, NODE_DY, -1, -1, -1, 0);
    RONDO_TRY(formula_derive(t, &roots->slope, roots->value, NODE_X, 0));
    root[0] = make2(t, PROGRAM_MUL, roots->slope, dy);
    for (int i = 0; i < f->names.n; i++) {
        if (!f->names.list[i].symbolic) continue;
        RONDO_TRY(formula_derive(t, &roots->by[learned], roots->value, NODE_PARAMETER, i));
        root[1 + learned] = make2(t, PROGRAM_MUL, roots->by[learned], dy);
        learned++;
    }
    for (int i = 0; i <= learned; i++)
        if (root[i] < 0)
            return rondo_fail(RONDO_E_LIMIT,
                              "the formula and its derivatives have more than %d parts",
                              LIMIT_FORMULA_NODES);
    RONDO_TRY(program_compile(&f->forward, t, 1, &roots->value, -1));
    if (!program_reads(&f->forward, PROGRAM_X))
        return rondo_fail(RONDO_E_ARG, "the formula does not depend on x");
    RONDO_TRY(program_compile(&f->backward, t, 1, root, roots->value));
    if (learned)
        RONDO_TRY(program_compile(&f->backward_learned, t, 1 + learned, root, roots->value));
    f->row.learned = learned;
    f->row.needs_input = program_reads(&f->backward, PROGRAM_X) ||
                         program_reads(&f->backward_learned, PROGRAM_X);
    return RONDO_OK;
}

/* "a=1 b=0.5": so the row says how its learned parameters are called. */
static rondo_status describe(formula *f)
{
    char text[RONDO_MAX_PARAMETERS * (LIMIT_WORD + 32)] = "";
    size_t at = 0;
    for (int i = 0; i < f->names.n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=%.9g", i ? " " : "",
                               f->names.list[i].name, f->names.list[i].value);
    f->parameters = alloc_text(text);
    f->row.parameters = f->parameters;
    return f->parameters ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status build(formula *f, const char *text)
{
    tree t;
    formula_roots roots;
    RONDO_TRY(tree_new(&t));
    rondo_status s = formula_parse(&t, &roots.value, text, &f->names);
    if (!s) s = compile(f, &t, &roots);
    f->row.shared = f->names.shared;
    if (!s) s = formula_check(f, &t, &roots);
    tree_free(&t);
    return s;
}

rondo_status formula_new(formula **out, const char *name, const char *text,
                         const formula_names *given)
{
    formula *f = alloc_new(sizeof *f);
    *out = f;
    if (!f) return RONDO_E_NOMEM;
    if (given) f->names = *given;
    f->text = alloc_text(name);
    f->row = (rondo_activation){ .name = f->text,
                                 .forward = forward,
                                 .backward = backward,
                                 .kinks = f->kinks,
                                 .takes_function = true };
    rondo_status s = f->text ? build(f, text) : RONDO_E_NOMEM;
    if (!s) s = describe(f);
    if (!s) return RONDO_OK;
    formula_free(f);
    *out = NULL;
    return s;
}

void formula_free(formula *f)
{
    if (!f) return;
    program_free(&f->forward);
    program_free(&f->backward);
    program_free(&f->backward_learned);
    alloc_free(f->text);
    alloc_free(f->parameters);
    alloc_free(f->notes);
    alloc_free(f);
}

const formula *formula_of(const rondo_activation *row)
{
    return row && row->forward == forward ? (const formula *)(const void *)row : NULL;
}
