/* Which activation each gate of a recurrent layer has. */
#include "layer.h"
#include <string.h>

static rondo_status replace(rondo_function *f, const char *text)
{
    activation_free(f);
    return activation_parse(f, text);
}

/* "i=hard_sigmoid c=elu" */
static rondo_status set_gates(scan_cell *c, const char *text)
{
    char *whole = alloc_format("activations %s", text), gate[LIMIT_NAME];
    spec parsed;
    if (!whole) return RONDO_E_NOMEM;
    rondo_status s = spec_parse(&parsed, whole);
    alloc_free(whole);
    if (s) return s;
    for (int i = 0; !s && i < parsed.n; i++) {
        const spec_word *w = &parsed.words[i];
        const int n = cell_gate_count(c->row);
        int g = 0;
        for (; w->key && g < n; g++) {
            cell_gate_name(gate, sizeof gate, c->row, g);
            if (!strcmp(gate, w->key)) break;
        }
        if (!w->key || g == n)
            s = rondo_fail(RONDO_E_NAME, "%s has no gate \"%s\"; its gates are: %s", c->row->name,
                           w->key ? w->key : w->value, c->row->gates);
        else
            s = replace(&c->activation[g], w->value);
    }
    spec_free(&parsed);
    return s;
}

rondo_status gates_choose(scan_cell *c, const rondo_rnn_options *o)
{
    char gate[LIMIT_NAME];
    const int n = cell_gate_count(c->row);
    for (int g = 0; g < n; g++) {
        cell_gate_name(gate, sizeof gate, c->row, g);
        const bool recurrent = cell_gate_is_recurrent(c->row, gate);
        const char *given = recurrent ? o->recurrent_activation : o->activation;
        const char *standard = recurrent ? c->row->recurrent_activation : c->row->activation;
        RONDO_TRY(activation_parse(&c->activation[g], given ? given : standard));
    }
    if (o->activations) RONDO_TRY(set_gates(c, o->activations));
    c->keep_inputs = false;
    c->sums = c->row->n_params > 0;
    for (int g = 0; g < n; g++) {
        c->keep_inputs |= c->activation[g].row->needs_input;
        c->sums |= c->activation[g].row->learned > 0 && !c->activation[g].row->drawn;
    }
    c->keep_inputs = c->keep_inputs && (c->row->additive || c->row->input_saves > 0);
    return RONDO_OK;
}

rondo_status gates_learn(scan_cell *c, rondo_layer *l, const char *prefix)
{
    char gate[LIMIT_NAME], name[LIMIT_NAME + 64];
    const int n = cell_gate_count(c->row);
    for (int g = 0; g < n; g++) {
        cell_gate_name(gate, sizeof gate, c->row, g);
        snprintf(name, sizeof name, "%sactivation_%s.", prefix, gate);
        RONDO_TRY(layer_learned(l, name, &c->activation[g], c->units, &c->learned[g]));
    }
    return RONDO_OK;
}

void gates_free(scan_cell *c)
{
    for (int g = 0; g < MAX_GATES; g++) activation_free(&c->activation[g]);
}
