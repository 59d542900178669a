/* The parameters of one direction of a recurrent layer, and the products over them. */
#include "layer.h"
#include <string.h>

typedef struct builder { /* of one direction */
    rondo_layer *layer;
    scan_cell *cell;
    const char *prefix; /* "forward." */
} builder;

enum { INITIALIZER_TEXT = 2 * LIMIT_NAME };

/* "chrono(40)" → "chrono(40 units=64 keep=2 write=1)", where an initializer asks for what only the
 * layer knows. */
static rondo_status complete(char *text, size_t size, const char *given, const builder *b)
{
    const rondo_cell *row = b->cell->row;
    const int end = (int)strcspn(given, ";)");
    const bool open = memchr(given, '(', (size_t)end) != NULL;
    char gates[64] = "";
    int length;
    if (!initializer_asks(given, "units") || open != (given[end] == ')')) {
        length = snprintf(text, size, "%s", given);
    } else {
        if (initializer_asks(given, "keep"))
            snprintf(gates, sizeof gates, " keep=%d write=%d", row->keep_gate, row->write_gate);
        length = snprintf(text, size, "%.*s%s units=%lld%s%s%s", end, given, open ? "" : "(",
                          (long long)b->cell->units, gates, open ? "" : ")", given + end);
    }
    if ((size_t)length < size) return RONDO_OK;
    return rondo_fail(RONDO_E_LIMIT, "%s: an initializer is longer than %zu bytes", b->layer->kind,
                      size - 1);
}

static rondo_status add_param(const builder *b, const char *name, int rank, int64_t rows,
                              int64_t columns, const char *initializer, int *index)
{
    char full[LIMIT_NAME], text[INITIALIZER_TEXT];
    const rondo_shape matrix = { 2, { rows, columns } }, vector = { 1, { columns } };
    snprintf(full, sizeof full, "%s%s", b->prefix, name);
    RONDO_TRY(complete(text, sizeof text, initializer, b));
    return layer_param(b->layer, full, rank == 1 ? vector : matrix, text, index);
}

/* As bias_initializer says, with unit_forget_bias unless that sets the gates itself. */
static rondo_status add_bias(const builder *b, const char *name, int64_t gates, int *index)
{
    const rondo_rnn_options *o = b->layer->options;
    const char *given = o->bias_initializer ? o->bias_initializer : "zeros";
    const int64_t u = o->units, forget = b->cell->row->forget_gate;
    char text[INITIALIZER_TEXT];
    const bool ones = forget && !o->no_unit_forget_bias && !initializer_asks(given, "keep");
    if (!ones) return add_param(b, name, 1, 1, gates * u, given, index);
    snprintf(text, sizeof text, "%s; range(%lld,%lld,1)", given, (long long)((forget - 1) * u),
             (long long)(forget * u));
    return add_param(b, name, 1, 1, gates * u, text, index);
}

/* Whether the cell adds the layer's bias itself. */
static bool adds_bias(const rondo_cell *row)
{
    for (int i = 0; i < row->n_params; i++)
        if (strcmp(row->params[i].initializer, "bias_initializer") == 0) return true;
    return false;
}

static rondo_status add_biases(const builder *b, int *bias, int *recurrent_bias)
{
    const rondo_rnn_options *o = b->layer->options;
    const rondo_cell *row = b->cell->row;
    const char *given = o->bias_initializer;
    *bias = *recurrent_bias = -1;
    if (o->no_bias) return RONDO_OK;
    if (!adds_bias(row)) RONDO_TRY(add_bias(b, "bias", row->x_gates, bias));
    if (!row->recurrent_bias) return RONDO_OK;
    if (!given || initializer_asks(given, "keep")) given = "zeros"; /* the other bias has them */
    return add_param(b, "recurrent_bias", 1, 1, row->h_gates * o->units, given, recurrent_bias);
}

/* Those that the cell declares. */
static rondo_status add_own(const builder *b, const char *recurrent_initializer)
{
    const rondo_rnn_options *o = b->layer->options;
    for (int i = 0; i < b->cell->row->n_params; i++) {
        const rondo_cell_param *p = &b->cell->row->params[i];
        int *index = &b->cell->params[i];
        *index = -1;
        if (strcmp(p->initializer, "bias_initializer") == 0) {
            if (!o->no_bias) RONDO_TRY(add_bias(b, p->name, p->gates, index));
            continue;
        }
        const bool recurrent = strcmp(p->initializer, "recurrent_initializer") == 0;
        RONDO_TRY(add_param(b, p->name, 1, 1, p->gates * o->units,
                            recurrent ? recurrent_initializer : p->initializer, index));
    }
    return RONDO_OK;
}

rondo_status direction_build(rondo_layer *l, scan_cell *c, const char *prefix, int64_t in)
{
    const builder *b = &(builder){ l, c, prefix };
    const rondo_rnn_options *o = l->options;
    const rondo_cell *row = c->row;
    const char *initializer = o->recurrent_initializer     ? o->recurrent_initializer
                              : row->recurrent_initializer ? row->recurrent_initializer
                                                           : "orthogonal";
    const int64_t u = o->units, h_columns = row->h_gates * u, made_columns = row->made_gates * u;
    int kernel, recurrent, bias, recurrent_bias, product;
    RONDO_TRY(add_param(b, "kernel", 2, in, row->x_gates * u, o->kernel_initializer, &kernel));
    if (h_columns + made_columns)
        RONDO_TRY(add_param(b, "recurrent_kernel", 2, u, h_columns + made_columns, initializer,
                            &recurrent));
    RONDO_TRY(add_biases(b, &bias, &recurrent_bias));
    RONDO_TRY(add_own(b, initializer));
    RONDO_TRY(gates_learn(c, l, prefix));
    c->start = -1;
    if (o->learned_state)
        RONDO_TRY(add_param(b, "initial_state", 2, row->states, u, "zeros", &c->start));
    RONDO_TRY(layer_linear(l, kernel, bias, in, 0, row->x_gates * u, &product));
    l->linears[product].meets_input = true;
    c->x = &l->linears[product];
    if (h_columns) {
        RONDO_TRY(layer_linear(l, recurrent, recurrent_bias, u, 0, h_columns, &product));
        c->h = &l->linears[product];
    }
    if (made_columns) {
        RONDO_TRY(layer_linear(l, recurrent, -1, u, h_columns, made_columns, &product));
        c->made = &l->linears[product];
    }
    return RONDO_OK;
}
