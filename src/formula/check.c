/* What a formula does to numbers, before anybody trains with it: its derivative against differences
 * over a grid, where it has no finite value, where it overflows, where it or its slope jumps. */
#include "formula.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { POINTS = 513, NOTES = 1024, MOST_KINKS = 15, MOST_POLES = 8 };
static const double reach = 8, near = 1e-9;

typedef struct checker {
    formula *f;
    const tree *t;
    formula_roots root;
    double parameters[RONDO_MAX_PARAMETERS];
    double *value; /* of every node */
    double pole[MOST_POLES];
    int n_poles, n_kinks;
    char notes[NOTES];
    size_t n_notes;
} checker;

static double grid(int i)
{
    return -reach + 2 * reach * i / (POINTS - 1);
}

/* Of one node, in double. */
static double at(const checker *c, int node, double x)
{
    tree_evaluate(c->t, c->value, x, c->parameters);
    return c->value[node];
}

static void note(checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(checker *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(c->notes + c->n_notes, NOTES - c->n_notes, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < NOTES - c->n_notes) c->n_notes += (size_t)n;
    c->notes[c->n_notes] = 0;
}

/* 0.30000000000004 is meant to be 0.3. */
static double plain(double x)
{
    const double rounded = round(x * 1e6) / 1e6;
    return fabs(x - rounded) < near ? rounded + 0 : x; /* + 0: no -0 */
}

static bool has(const double *list, int n, double x)
{
    for (int i = 0; i < n; i++)
        if (fabs(list[i] - x) < 1e-6) return true;
    return false;
}

static void note_list(checker *c, const char *what, const double *list, int n, const char *rest)
{
    if (!n) return;
    note(c, "%s x = ", what);
    for (int i = 0; i < n; i++) note(c, "%s%.6g", i ? ", " : "", list[i]);
    note(c, "%s\n", rest);
}

/* ---- Poles: where what is divided by, or the argument of a logarithm, comes to 0 ---- */
static int vanishing(const term *n)
{
    return n->op == PROGRAM_DIV                           ? n->in[1]
           : n->op == PROGRAM_LOG || n->op == PROGRAM_POW ? n->in[0]
                                                          : -1;
}

static double smallest(const checker *c, int node, double low, double high)
{
    for (int i = 0; i < 80; i++) {
        const double third = (high - low) / 3;
        if (fabs(at(c, node, low + third)) < fabs(at(c, node, high - third)))
            high -= third;
        else
            low += third;
    }
    return plain((low + high) / 2);
}

static bool is_pole(const checker *c, double x)
{
    static const double aside = 1e-12, large = 1e4;
    double most = 0;
    for (int side = -1; side <= 1; side += 2) {
        const double y = at(c, c->root.value, x + side * aside);
        most = fmax(most, fmax(fabs(y), fabs(c->value[c->root.slope])));
    }
    return most > large;
}

static void find_poles(checker *c)
{
    for (int k = 0; k < c->t->n; k++) {
        const int node = vanishing(&c->t->term[k]);
        if (node < 0 || c->t->term[node].op == NODE_CONSTANT) continue;
        double before = INFINITY, here = fabs(at(c, node, grid(0)));
        for (int i = 0; i < POINTS - 1; i++) {
            const double after = fabs(at(c, node, grid(i + 1)));
            if (here <= before && here <= after && c->n_poles < MOST_POLES) {
                const double x = smallest(c, node, grid(i ? i - 1 : 0), grid(i + 1));
                if (fabs(at(c, node, x)) < near && is_pole(c, x) && !has(c->pole, c->n_poles, x))
                    c->pole[c->n_poles++] = x;
            }
            before = here;
            here = after;
        }
    }
}

/* ---- What the programs compute, in the numbers that train ---- */
/* Of f and f' or, with the place of a learned parameter, of its gradient. */
enum { SLOPE = -1 };
static bool finite_at(const checker *c, real x, int which)
{
    rondo_function f = { .row = &c->f->row };
    const real dy = 1;
    real y, dx, own[RONDO_MAX_PARAMETERS], gradient[RONDO_MAX_PARAMETERS] = { 0 };
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) {
        f.args[i] = own[i] = (real)c->parameters[i];
        if (i >= f.row->learned) continue;
        f.learned[i] = &own[i];
        f.dlearned[i] = &gradient[i];
    }
    rondo_activate(&f, &y, &x, 1);
    rondo_activate_backward(&f, &dx, &x, &y, &dy, 1);
    return which < 0 ? isfinite(y) && isfinite(dx) : isfinite(gradient[which]);
}

/* The last point of the grid up to which nothing is finite from point i on; i - 1: it is at i. */
static int gap_end(const checker *c, int i, int which)
{
    while (i < POINTS && !finite_at(c, (real)grid(i), which)) i++;
    return i - 1;
}

static void find_gaps(checker *c)
{
    for (int i = 0; i < POINTS; i++) {
        const int last = gap_end(c, i, SLOPE);
        if (last < i) continue;
        if (last > i)
            note(c, "f or f' is not finite for x from %.6g to %.6g: training will meet NaN there\n",
                 grid(i), grid(last));
        else if (!has(c->pole, c->n_poles, grid(i)) && c->n_poles < MOST_POLES)
            c->pole[c->n_poles++] = grid(i);
        i = last;
    }
    note_list(c, "f or f' grows without bound, or has no value, at", c->pole, c->n_poles,
              ": training may meet NaN there");
}

/* Where f and f' are finite and the gradient of a learned parameter is not. */
static void find_learned_gaps(checker *c, int which)
{
    double points[MOST_POLES];
    int n = 0;
    const char *name = c->f->names.list[which].name;
    for (int i = 0; i < POINTS; i++) {
        const int last = finite_at(c, (real)grid(i), SLOPE) ? gap_end(c, i, which) : i - 1;
        if (last < i) continue;
        if (last > i)
            note(c,
                 "the gradient of %s is not finite for x from %.6g to %.6g: training will meet NaN "
                 "there\n",
                 name, grid(i), grid(last));
        else if (n < MOST_POLES)
            points[n++] = grid(i);
        i = last;
    }
    if (n) note(c, "the gradient of %s has no finite value at", name);
    note_list(c, "", points, n, ": training may meet NaN there");
}

/* Outside the grid: from which |x| on something is not finite. */
static void find_overflow(checker *c, int side)
{
    static const double farthest = 1e4;
    double low = reach, high = reach;
    if (!finite_at(c, (real)(side * reach), SLOPE)) return;
    while (high < farthest && finite_at(c, (real)(side * high), SLOPE)) {
        low = high;
        high *= 1.25;
    }
    if (high >= farthest) return;
    for (int i = 0; i < 40; i++) {
        const double middle = (low + high) / 2;
        *(finite_at(c, (real)(side * middle), SLOPE) ? &low : &high) = middle;
    }
    note(c, "f or f' overflows for x %s %.4g\n", side > 0 ? "above" : "below", side * high);
}

/* ---- Kinks ---- */
static bool may_jump(const tree *t)
{
    for (int i = 0; i < t->n; i++) {
        const int op = t->term[i].op;
        if (op == PROGRAM_ABS || op == PROGRAM_SIGN || (op >= PROGRAM_MIN && op <= PROGRAM_WHERE))
            return true;
    }
    return false;
}

/* Follows the larger half of a difference down: a jump does not grow smaller. */
static bool find_jump(const checker *c, int node, double low, double high, double *where)
{
    double a = at(c, node, low), b = at(c, node, high);
    for (int i = 0; i < 60 && high - low > 1e-14; i++) {
        const double middle = (low + high) / 2, m = at(c, node, middle);
        if (!(fabs(b - a) > 1e-8 * (1 + fabs(a))) || !isfinite(a) || !isfinite(b)) return false;
        if (fabs(m - a) > fabs(b - m)) {
            high = middle;
            b = m;
        } else {
            low = middle;
            a = m;
        }
    }
    *where = plain((low + high) / 2);
    return fabs(b - a) > 1e-6 * (1 + fabs(a) + fabs(b));
}

static void find_kinks(checker *c)
{
    double jumps[MOST_KINKS], x;
    int n_jumps = 0;
    for (int i = 0; i + 1 < POINTS && may_jump(c->t); i++) {
        const bool jump = find_jump(c, c->root.value, grid(i), grid(i + 1), &x);
        if (!jump && !find_jump(c, c->root.slope, grid(i), grid(i + 1), &x)) continue;
        if (c->n_kinks == MOST_KINKS || has(c->pole, c->n_poles, x)) continue;
        if (jump && !has(jumps, n_jumps, x)) jumps[n_jumps++] = x;
        if (!has(c->f->kinks, c->n_kinks, x)) c->f->kinks[c->n_kinks++] = x;
    }
    c->f->kinks[c->n_kinks] = NAN;
    if (!c->n_kinks) c->f->row.kinks = NULL;
    note_list(c, "f' jumps at", c->f->kinks, c->n_kinks, ": gradient checks leave that out");
    note_list(c, "f itself jumps at", jumps, n_jumps, ", where no gradient tells of it");
}

/* ---- The derivatives: by x, or by a learned parameter ---- */
/* f so far aside of x, or of the parameter's value. */
static double beside(checker *c, int which, double x, double step)
{
    if (which < 0) return at(c, c->root.value, x + step);
    const double own = c->parameters[which];
    c->parameters[which] = own + step;
    const double y = at(c, c->root.value, x);
    c->parameters[which] = own;
    return y;
}

static double difference(checker *c, int which, double x, double h)
{
    return (8 * (beside(c, which, x, h) - beside(c, which, x, -h)) -
            (beside(c, which, x, 2 * h) - beside(c, which, x, -2 * h))) /
           (12 * h);
}

/* Whether the two sides have the same slope, as they have not where |a| is of an a that begins at 0. */
static bool smooth(checker *c, int which, double x)
{
    static const double h = 1e-6;
    const double here = beside(c, which, x, 0);
    const double above = beside(c, which, x, h) - here, below = here - beside(c, which, x, -h);
    return fabs(above - below) <= 1e-3 * (fabs(above) + fabs(below)) + 1e-14 * (1 + fabs(here));
}

/* Where two differences agree with each other, and not with the derivative, it is wrong. */
static rondo_status check_slope(checker *c, int which)
{
    static const double step[2] = { 1e-3, 1e-4 };
    const int node = which < 0 ? c->root.slope : c->root.by[which];
    for (int i = 0; i < POINTS - 1; i += 4) {
        const double x = grid(i) + 0.37 * (grid(1) - grid(0)), size = fabs(at(c, c->root.value, x));
        const double slope = c->value[node];
        const double d[2] = { difference(c, which, x, step[0]), difference(c, which, x, step[1]) };
        bool aside = isfinite(slope) && isfinite(d[0]) && isfinite(d[1]), agrees = false;
        for (int k = 0; k < c->n_kinks; k++) aside &= fabs(x - c->f->kinks[k]) > 2.5 * step[0];
        for (int k = 0; k < c->n_poles; k++) aside &= fabs(x - c->pole[k]) > 2.5 * step[0];
        for (int k = 0; k < 2; k++)
            agrees |= fabs(slope - d[k]) <= 1e-6 * (fabs(slope) + fabs(d[k])) + 1e-8 * (1 + size);
        if (!aside || agrees || fabs(d[0] - d[1]) > 1e-5 * (fabs(d[0]) + fabs(d[1]))) continue;
        if (!smooth(c, which, x)) continue;
        return rondo_fail(RONDO_E_ARG,
                          "the derivative of the formula by %s is %.9g at x = %.6g, where "
                          "differences say %.9g; it cannot be trained with",
                          which < 0 ? "x" : c->f->names.list[which].name, slope, x, d[1]);
    }
    return RONDO_OK;
}

rondo_status formula_check(formula *f, const tree *t, const formula_roots *roots)
{
    checker c = { .f = f, .t = t, .root = *roots, .value = alloc_array(t->n, sizeof *c.value) };
    if (!c.value) return RONDO_E_NOMEM;
    for (int i = 0; i < f->names.n; i++) c.parameters[i] = f->names.list[i].value;
    find_poles(&c);
    find_gaps(&c);
    find_overflow(&c, -1);
    find_overflow(&c, 1);
    find_kinks(&c);
    rondo_status s = check_slope(&c, SLOPE);
    for (int i = 0; i < f->row.learned && !s; i++) {
        find_learned_gaps(&c, i);
        s = check_slope(&c, i);
    }
    if (!s && c.n_notes && !(f->notes = alloc_text(c.notes))) s = RONDO_E_NOMEM;
    alloc_free(c.value);
    return s;
}
