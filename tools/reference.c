/* reference - writes docs/REFERENCE.md and the plots that it shows: `make reference`.
 *   reference FOLDER
 * It is linked with the library in double precision, so that every machine writes the same bytes. */
#include "cell/cell.h"
#include "chart/chart.h"
#include "rondo_task.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- What is known of one thing ---- */
enum { MAX_FACTS = 16 };
typedef struct facts {
    struct {
        const char *name;
        char *value;
        bool list;
    } fact[MAX_FACTS];
    int n;
} facts;

static void keep_fact(const char *name, const char *value, bool list, void *user)
{
    facts *f = user;
    if (f->n == MAX_FACTS) return;
    f->fact[f->n].name = name;
    f->fact[f->n].value = alloc_format("%s", value);
    f->fact[f->n++].list = list;
}

static rondo_status facts_of(facts *f, const char *kind, const char *name)
{
    *f = (facts){ 0 };
    return rondo_reference_entry(kind, name, keep_fact, f);
}

static void facts_free(facts *f)
{
    for (int i = 0; i < f->n; i++) alloc_free(f->fact[i].value);
}

/* "" where it is not said. */
static const char *said(const facts *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->fact[i].name, name) && f->fact[i].value) return f->fact[i].value;
    return "";
}

/* ---- Plots ---- */
enum { STEPS = 100, EDGES = 8, POINTS = STEPS + 1 + 2 * EDGES, ROW = 3, WIDTH = 320, HEIGHT = 220 };
static const double LEFT = -5, RIGHT = 5, LOWEST = -2, HIGHEST = 3;

/* Evenly, but on both sides of every kink and not there; their number. */
static int sample(double x[POINTS], const double *kinks)
{
    int n = 0, edges = 0;
    for (int i = 0; i <= STEPS; i++) {
        const double at = LEFT + (RIGHT - LEFT) * i / STEPS;
        bool there = false;
        for (; kinks && !isnan(*kinks) && *kinks <= at && edges < EDGES; kinks++, edges++) {
            x[n++] = *kinks - 1e-9;
            x[n++] = *kinks + 1e-9;
            there = *kinks == at;
        }
        if (!there) x[n++] = at;
    }
    return n;
}

/* f and f' at x; of a function of rows, the first unit of the row (x, 0, 1). */
static void evaluate(const rondo_function *f, double x, double *y, double *slope)
{
    const real in[ROW] = { x, 0, 1 }, dy[ROW] = { 1, 0, 0 };
    real out[ROW], dx[ROW];
    const int64_t n = f->row->rowwise ? ROW : 1;
    activation_forward(f, out, in, 1, n);
    activation_backward(f, dx, in, out, dy, 1, n);
    *y = out[0];
    *slope = dx[0];
}

/* Leaves the parts of a line that can be seen, up to where it crosses an edge. */
static void cut(double *x, double *y, int n)
{
    bool seen[POINTS];
    for (int i = 0; i < n; i++) seen[i] = y[i] >= LOWEST && y[i] <= HIGHEST;
    for (int i = 0; i < n; i++) {
        if (seen[i]) continue;
        const int inside = i > 0 && seen[i - 1] ? i - 1 : i + 1;
        if (inside == n || !seen[inside] || !isfinite(y[i])) {
            y[i] = NAN;
            continue;
        }
        const double edge = y[i] > HIGHEST ? HIGHEST : LOWEST;
        x[i] = x[inside] + (x[i] - x[inside]) * (edge - y[inside]) / (y[i] - y[inside]);
        y[i] = edge;
    }
}

static rondo_status draw(const char *folder, const char *name)
{
    double x[POINTS], y[POINTS], slope_x[POINTS], slope[POINTS];
    rondo_function f;
    text_buffer t = { 0 };
    RONDO_TRY(activation_parse(&f, name));
    const int n = sample(x, f.row->kinks);
    double low = 0, high = 1;
    for (int i = 0; i < n; i++) {
        evaluate(&f, x[i], &y[i], &slope[i]);
        low = fmin(low, fmin(y[i], slope[i]));
        high = fmax(high, fmax(y[i], slope[i]));
    }
    memcpy(slope_x, x, sizeof x);
    cut(x, y, n);
    cut(slope_x, slope, n);
    const chart_series series[] = {
        { .name = "f", .x = x, .y = y, .n = n },
        { .name = "f'", .x = slope_x, .y = slope, .n = n, .dashed = true },
    };
    const chart picture = { .title = name,
                            .x = { .from = LEFT, .to = RIGHT },
                            .y = { .from = fmax(floor(2 * low) / 2, LOWEST),
                                   .to = fmin(ceil(2 * high) / 2, HIGHEST) },
                            .series = series,
                            .n_series = 2,
                            .width = WIDTH,
                            .height = HEIGHT };
    chart_draw(&t, &picture, true);
    activation_free(&f);
    char *path = alloc_format("%s/reference/%s.svg", folder, name);
    rondo_status status = path ? t.status : RONDO_E_NOMEM;
    if (!status) status = file_write_all(path, t.data, t.size);
    alloc_free(path);
    text_free(&t);
    return status;
}

/* ---- The page ---- */
typedef struct page {
    text_buffer text;
    const char *folder;
    rondo_status status;
} page;

/* In a cell of a table; the items of a list have tabs between them. */
static void add_cell_text(text_buffer *t, const char *value, bool code, const char *between)
{
    if (code) text_add(t, "`");
    for (; *value; value++)
        if (*value == '\t')
            text_add(t, code ? "`%s`" : "%s", between);
        else if (*value == '|')
            text_add(t, "\\|");
        else if (!code && strchr("<*_", *value))
            text_add(t, "\\%c", *value);
        else
            text_put(t, value, 1);
    if (code) text_add(t, "`");
}

static void add_table(text_buffer *t, const facts *f)
{
    static const struct {
        const char *fact, *label;
        bool code;
        const char *between; /* the items of a list */
    } lines[] = {
        { "also", "other names", true, ", " },
        { "formula", "formula", true, ", " },
        { "derivative", "derivative", true, ", " },
        { "range", "range", true, ", " },
        { "parameters", "parameters", true, ", " },
        { "learned", "learned", true, ", " },
        { "drawn", "drawn in training", true, ", " },
        { "kinks", "f' jumps at", true, ", " },
        { "slope_at_0", "f'(0)", false, NULL },
        { "largest_slope", "largest \\|f'\\|", false, NULL },
        { "gates", "gates", true, ", " },
        { "options", "options", true, "<br>" },
        { "weights", "weights", true, "<br>" },
        { "states", "states", false, NULL },
        { "source", "source", false, NULL },
        { "note", "note", false, NULL },
    };
    bool headed = false; /* the first line is the head, as Markdown wants one */
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *value = said(f, lines[i].fact);
        if (!*value) continue;
        text_add(t, "| %s | ", lines[i].label);
        add_cell_text(t, value, lines[i].code, lines[i].between);
        text_add(t, headed ? " |\n" : " |\n|:---|:---|\n");
        headed = true;
    }
    text_add(t, "\n");
}

static bool in_tools(const char *source)
{
    return strstr(source, "Keras") || strstr(source, "PyTorch") || strstr(source, "ONNX");
}

static const struct group {
    const char *title, *about;
} groups[] = {
    { "In Keras, PyTorch or ONNX", "" },
    { "From the literature", "" },
    { "Learned", "Parameters that are trained, one for every unit, or with `shared=1` one for all "
                 "units of the layer. They begin with the values that are given; plots show "
                 "those.\n\n" },
    { "Over the units of a row", "These mix the units. The plots show the first unit of the row "
                                 "(x, 0, 1) over x.\n\n" },
};
enum { GROUPS = sizeof groups / sizeof *groups };

static int group_of(const rondo_activation *row)
{
    if (row->rowwise) return 3;
    if (row->learned) return 2;
    return !row->source || !in_tools(row->source);
}

/* Calls `each` for every activation of a group, in the order of the tables. */
static void each_activation(page *p, int group, void (*each)(page *, const char *name))
{
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++)
        if (!activation_is_alias(i) && group_of(registry_at(REGISTRY_ACTIVATION, i)) == group)
            each(p, registry_name(REGISTRY_ACTIVATION, i));
}

static void fail_with(page *p, rondo_status status)
{
    if (!p->status) p->status = status;
}

static void link_to(page *p, const char *name)
{
    const text_buffer *t = &p->text;
    text_add(&p->text, "%s[%s](#%s)", t->size && t->data[t->size - 1] == ')' ? " · " : "", name,
             name);
}

static void write_activation(page *p, const char *name)
{
    facts f;
    fail_with(p, facts_of(&f, "activations", name));
    text_add(&p->text, "### %s\n\n![%s and its derivative](reference/%s.svg)\n\n", name, name,
             name);
    add_table(&p->text, &f);
    facts_free(&f);
    fail_with(p, draw(p->folder, name));
}

static void write_note(page *p, const char *name)
{
    facts f;
    fail_with(p, facts_of(&f, "activations", name));
    if (*said(&f, "note")) {
        text_add(&p->text, "| [%s](#%s) | ", name, name);
        add_cell_text(&p->text, said(&f, "note"), false, NULL);
        text_add(&p->text, " |\n");
    }
    facts_free(&f);
}

static void write_cell(const char *name, const char *line, bool list, void *user)
{
    page *p = user;
    facts f;
    (void)list;
    fail_with(p, facts_of(&f, "cells", name));
    text_add(&p->text, "### %s\n\n%s\n\n```\n", name, line);
    for (const char *at = said(&f, "equations"); *at; at++)
        text_put(&p->text, *at == '\t' ? "\n" : at, 1);
    text_add(&p->text, "\n```\n\n");
    add_table(&p->text, &f);
    facts_free(&f);
}

static void write_layer(const char *name, const char *line, bool list, void *user)
{
    page *p = user;
    facts f;
    (void)list;
    fail_with(p, facts_of(&f, "layers", name));
    text_add(&p->text, "### layer %s\n\n%s\n\n", name, line);
    add_table(&p->text, &f);
    facts_free(&f);
}

static void write_adapter(const char *name, const char *line, bool list, void *user)
{
    page *p = user;
    facts f = { 0 };
    (void)list;
    fail_with(p, facts_of(&f, "adapters", name));
    text_add(&p->text, "### adapter %s\n\n%s\n\n", name, line);
    add_table(&p->text, &f);
    facts_free(&f);
}

static void write_initializer(const char *name, const char *line, bool list, void *user)
{
    page *p = user;
    facts f;
    (void)list;
    fail_with(p, facts_of(&f, "initializers", name));
    text_add(&p->text, "| `%s` | %s%s%s | ", name, *said(&f, "parameters") ? "`" : "",
             said(&f, "parameters"), *said(&f, "parameters") ? "`" : "");
    add_cell_text(&p->text, line, false, NULL);
    text_add(&p->text, " |\n");
    facts_free(&f);
}

static const char introduction[] =
    "# Reference\n\n"
    "<!-- Written by `make reference` from the tables of the library; edit those. -->\n\n"
    "Every activation function, cell, layer and initialiser, as it is built in. `rondo help "
    "activations`, `rondo help cells`, `rondo help gelu` say the same in a terminal.\n\n"
    "**Where an activation goes.** By its name, with arguments in parentheses, by place or by "
    "name; those left out have the default given here, and `alpha=1>0` takes values above 0 "
    "alone:\n\n"
    "```text\n"
    "lstm 64 softsign                            the candidate and the output of a layer\n"
    "lstm 64 recurrent_activation=hard_sigmoid   the gates\n"
    "lstm 64 activations=\"i=elliott c=elu(0.5)\"  gate by gate\n"
    "dense 32 leaky_relu(negative_slope=0.1)     of other layers\n"
    "activation softmax                          as a layer of its own\n"
    "gru 32 \"x*tanh(softplus(x))\"                any formula: FORMULAS.md\n"
    "```\n\n"
    "Formulas are in the language of [FORMULAS.md](FORMULAS.md), and can be copied from here and "
    "changed. At a kink the derivative has the value that Keras and PyTorch give it. f'(0) and "
    "the largest |f'| are those at the default arguments: where f'(0) is below 1, a gradient that "
    "passes such units near 0 shrinks by that factor at every step, before the weights come in. "
    "Plots go from -5 to 5.\n\n";

static void write_contents(page *p)
{
    text_add(&p->text, "%s| | |\n|:---|:---|\n", introduction);
    for (int g = 0; g < GROUPS; g++) {
        text_add(&p->text, "| %s | ", groups[g].title);
        each_activation(p, g, link_to);
        text_add(&p->text, " |\n");
    }
    text_add(&p->text, "| Cells | ");
    for (int i = 0; i < registry_count(REGISTRY_CELL); i++)
        link_to(p, registry_name(REGISTRY_CELL, i));
    text_add(&p->text,
             " |\n| Also | [where tools differ](#where-tools-differ) · [layers](#layers) · "
             "[initialisers](#initialisers) |\n\n");
}

static void write_page(page *p)
{
    facts recurrent;
    write_contents(p);
    for (int g = 0; g < GROUPS; g++) {
        text_add(&p->text, "## %s\n\n%s", groups[g].title, groups[g].about);
        each_activation(p, g, write_activation);
    }
    text_add(
        &p->text,
        "## Where tools differ\n\nAnd what else to know.\n\n| activation | note |\n|:---|:---|\n");
    for (int g = 0; g < GROUPS; g++) each_activation(p, g, write_note);
    text_add(&p->text, "\n## Cells\n\n"
                       "x is the input of a step, h and c are the states before it, h' and c' "
                       "those after it; x·W is a product with a matrix, u h one element by "
                       "element. fi, ff … are the activations of the gates; what is given is "
                       "their default.\n\n");
    fail_with(p, rondo_reference("cells", write_cell, p));
    fail_with(p, facts_of(&recurrent, "layers", registry_name(REGISTRY_CELL, 0)));
    text_add(&p->text, "Options of all of them:\n\n");
    add_table(&p->text, &recurrent);
    facts_free(&recurrent);
    text_add(&p->text, "## Layers\n\nBesides the cells, each of which is a layer.\n\n");
    fail_with(p, rondo_reference("layers", write_layer, p));
    text_add(&p->text, "## Adapters\n\nOf weights: `--adapt \"PATTERN=ADAPTER\"`; "
                       "[ADAPTING.md](ADAPTING.md). Each also takes `name=…`.\n\n");
    fail_with(p, rondo_reference("adapters", write_adapter, p));
    text_add(&p->text,
             "## Initialisers\n\n| initialiser | parameters | weights |\n|:---|:---|:---|\n");
    fail_with(p, rondo_reference("initializers", write_initializer, p));
}

static rondo_status write_all(const char *folder)
{
    page p = { .folder = folder };
    char *plots = file_join(folder, "reference"), *path = file_join(folder, "REFERENCE.md");
    rondo_status status = plots && path ? file_make_folder(plots) : RONDO_E_NOMEM;
    if (!status) write_page(&p);
    if (!status) status = p.status ? p.status : p.text.status;
    if (!status) status = file_write_all(path, p.text.data, p.text.size);
    text_free(&p.text);
    alloc_free(plots);
    alloc_free(path);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "reference FOLDER\n");
        return 2;
    }
    if (!write_all(argv[1])) return 0;
    fprintf(stderr, "reference: %s\n", rondo_error());
    return 1;
}
