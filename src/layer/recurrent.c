/* The recurrent layer: any cell, one direction or two, over whole sequences. Options and ports as
 * Keras' RNN layers; the time loop is scan.c. */
#include "layer.h"
#include <string.h>

typedef rondo_rnn_options options;
typedef recurrent_extra extra;
typedef recurrent_memory memory;

static const option_field fields[] = {
    { "units", OPTION_INT, offsetof(options, units), NULL, "size of the state and of the output" },
    { "activation", OPTION_TEXT, offsetof(options, activation), NULL,
      "of the candidate and output; tanh" },
    { "recurrent_activation", OPTION_TEXT, offsetof(options, recurrent_activation), NULL,
      "of the gates; sigmoid" },
    { "activations", OPTION_TEXT, offsetof(options, activations), NULL,
      "per gate: activations=\"i=hard_sigmoid c=elu\"" },
    { "kernel_initializer", OPTION_TEXT, offsetof(options, kernel_initializer), "glorot_uniform",
      "" },
    { "recurrent_initializer", OPTION_TEXT, offsetof(options, recurrent_initializer), NULL,
      "orthogonal, or the cell's own" },
    { "bias_initializer", OPTION_TEXT, offsetof(options, bias_initializer), NULL, "zeros" },
    { "no_unit_forget_bias", OPTION_BOOL, offsetof(options, no_unit_forget_bias), NULL,
      "do not begin with 1 at the forget gate's bias" },
    { "return_sequences", OPTION_BOOL, offsetof(options, return_sequences), NULL,
      "output every step, not the last" },
    { "return_state", OPTION_BOOL, offsetof(options, return_state), NULL,
      "final states as ports 1…" },
    { "go_backwards", OPTION_BOOL, offsetof(options, go_backwards), NULL, "last step first" },
    { "stateful", OPTION_BOOL, offsetof(options, stateful), NULL,
      "start where the batch before ended" },
    { "no_bias", OPTION_BOOL, offsetof(options, no_bias), NULL, "leave the biases out" },
    { "dropout", OPTION_REAL, offsetof(options, dropout), NULL,
      "of the inputs, one mask a sequence" },
    { "recurrent_dropout", OPTION_REAL, offsetof(options, recurrent_dropout), NULL,
      "of the state, one mask a sequence" },
    { "merge", OPTION_TEXT, offsetof(options, merge), NULL,
      "makes it bidirectional: concat sum mul ave" },
    { "learned_state", OPTION_BOOL, offsetof(options, learned_state), NULL,
      "begin with states that are trained, not with 0" },
    { "options", OPTION_TEXT, offsetof(options, options), NULL,
      "of this cell alone: reset_after=false" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer and its weights" },
};

/* "reset_after=false" given as an option of the layer goes to those of the cell. */
static rondo_status set_other(rondo_layer *l, const char *key, const char *text)
{
    options *o = l->options;
    const rondo_cell *cell = registry_find(REGISTRY_CELL, l->kind);
    if (!parameters_have(cell->parameters, key)) return RONDO_E_NAME;
    char *joined = alloc_format("%s%s%s=%s", o->options ? o->options : "", o->options ? " " : "",
                                key, text);
    if (!joined) return RONDO_E_NOMEM;
    alloc_free((char *)o->options);
    o->options = joined;
    return RONDO_OK;
}

static rondo_status choose_merge(extra *e, const options *o)
{
    static const char *const names[] = { "concat", "sum", "mul", "ave" };
    e->directions = 1;
    if (!o->merge) return RONDO_OK;
    e->directions = 2;
    for (int i = 0; i < 4; i++)
        if (!strcmp(o->merge, names[i])) {
            e->merge = (merge_kind)i;
            return RONDO_OK;
        }
    return rondo_fail(RONDO_E_ARG, "merge is \"%s\", expected concat, sum, mul or ave", o->merge);
}

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    extra *e = l->extra;
    const void *row;
    RONDO_TRY(registry_get(REGISTRY_CELL, l->kind, &row));
    if (o->units < 1)
        return rondo_fail(RONDO_E_ARG, "%s needs its number of units, as in \"%s 64\"", l->kind,
                          l->kind);
    if (o->units > LIMIT_SIZE)
        return rondo_fail(RONDO_E_LIMIT, "%s: %lld units are too many", l->kind,
                          (long long)o->units);
    if (!(o->dropout >= 0 && o->dropout < 1 && o->recurrent_dropout >= 0 &&
          o->recurrent_dropout < 1))
        return rondo_fail(RONDO_E_ARG,
                          "%s: dropout and recurrent_dropout are at least 0 and below 1", l->kind);
    RONDO_TRY(choose_merge(e, o));
    for (int d = 0; d < e->directions; d++) {
        scan_cell *c = &e->cell[d];
        c->row = row;
        c->units = o->units;
        c->dropout = (real)o->dropout;
        c->recurrent_dropout = (real)o->recurrent_dropout;
        RONDO_TRY(cell_parse_args(c->row, o->options, c->args));
        const rondo_cell *variant = c->row->variant ? c->row->variant(c->args) : NULL;
        if (variant) c->row = variant;
        if (o->recurrent_dropout > 0 && c->row->h_gates == 0)
            return rondo_fail(RONDO_E_ARG,
                              "%s multiplies its state with no matrix, so recurrent_dropout has "
                              "nothing to drop; dropout drops inputs",
                              l->kind);
        RONDO_TRY(gates_choose(c, o));
    }
    return RONDO_OK;
}

static void close(rondo_layer *l)
{
    extra *e = l->extra;
    for (int d = 0; d < MAX_DIRECTIONS; d++) gates_free(&e->cell[d]);
}

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    static const char *const prefixes[] = { "forward.", "backward." };
    extra *e = l->extra;
    (void)n;
    for (int d = 0; d < e->directions; d++)
        RONDO_TRY(
            direction_build(l, &e->cell[d], e->directions > 1 ? prefixes[d] : "", in[0].features));
    return RONDO_OK;
}

static int64_t output_width(const rondo_layer *l)
{
    const extra *e = l->extra;
    const int64_t u = ((const options *)l->options)->units;
    return e->directions > 1 && e->merge == MERGE_CONCAT ? 2 * u : u;
}

static rondo_status check_inputs(const rondo_layer *l, int n, const value_shape in[])
{
    const extra *e = l->extra;
    const options *o = l->options;
    const int states = e->directions * e->cell[0].row->states;
    char text[64];
    if (!in[0].sequence)
        return rondo_fail(
            RONDO_E_SHAPE,
            "%s takes sequences [time][features], given %s; does the layer before it need "
            "return_sequences?",
            l->name, shape_text(&in[0], text));
    if (in[0].features != e->cell[0].x->in)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)e->cell[0].x->in, (long long)in[0].features);
    if (n != 1 && n != 1 + states)
        return rondo_fail(RONDO_E_SHAPE,
                          "%s takes 1 input, or %d with its initial states; given %d", l->name,
                          1 + states, n);
    if (n > 1 && o->learned_state)
        return rondo_fail(RONDO_E_ARG,
                          "%s is given its initial states; learned_state has none to "
                          "learn",
                          l->name);
    for (int i = 1; i < n; i++)
        if (in[i].sequence || in[i].type != RONDO_F32 || in[i].features != o->units)
            return rondo_fail(RONDO_E_SHAPE, "%s: initial state %d is %s, expected [%lld]", l->name,
                              i, shape_text(&in[i], text), (long long)o->units);
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const options *o = l->options;
    const extra *e = l->extra;
    RONDO_TRY(check_inputs(l, n, in));
    const value_shape state = { RONDO_F32, false, 1, o->units };
    const int states = e->directions * e->cell[0].row->states;
    out[0] = o->return_sequences ? in[0] : state;
    out[0].features = output_width(l);
    *n_out = 1;
    if (!o->return_state) return RONDO_OK;
    if (1 + states > MAX_PORTS)
        return rondo_fail(RONDO_E_LIMIT, "%s has more than %d states to return", l->name,
                          MAX_PORTS - 1);
    for (int i = 0; i < states; i++) out[(*n_out)++] = state;
    return RONDO_OK;
}

/* The direction's scan takes the last step first; a bidirectional layer puts its outputs back in
 * order. */
static bool reversed(const rondo_layer *l, int direction)
{
    return (direction == 1) != ((const options *)l->options)->go_backwards;
}

static void plan(call *c, arena *a)
{
    const options *o = c->layer->options;
    const extra *e = c->layer->extra;
    memory *m = c->memory;
    value *x = c->in[0], *y = &c->out[0];
    const bool several = e->directions > 1;
    layer_same_rows(y, x);
    if (!o->return_sequences) *y = (value){ .shape = y->shape, .steps = 1, .batch = x->batch };
    for (int i = 1; i < c->n_out; i++)
        c->out[i] = (value){ .shape = c->out[i].shape, .steps = 1, .batch = x->batch };
    for (int d = 0; d < e->directions; d++) {
        scan *s = &m->scan[d];
        const bool identity = !reversed(c->layer, d) && !x->lengths && !x->masked;
        *s = (scan){ .training = c->training,
                     .keep = c->gradients || c->watched,
                     .watched = c->watched,
                     .full = o->return_sequences,
                     .single = !several && c->n_in == 1 && c->n_out == 1,
                     .outside = !several && identity && o->return_sequences };
        const size_t bytes = (size_t)(value_rows(y) * o->units) * sizeof(real);
        if (several) m->part[d] = arena_keep(a, bytes);
        if (several && c->gradients) m->dpart[d] = arena_scratch(a, bytes);
        scan_plan(s, &e->cell[d], a, x, reversed(c->layer, d));
    }
    m->turned = arena_keep(a, x->masked && o->go_backwards ? (size_t)value_rows(x) : 0);
    m->row = arena_scratch(a, (size_t)(x->batch * o->units) * sizeof(real));
}

/* [batch][units] in the caller's order to ranks. */
static void to_ranks(const route *r, real *ranked, const real *rows, int64_t units)
{
    if (r->identity)
        kernel_table()->scale(ranked, rows, 1, r->batch * units);
    else
        kernel_table()->gather(ranked, rows, r->order, r->batch, units);
}

/* The i-th initial state as the caller has it; NULL: zeros. */
static const real *initial_state(const call *c, const scan *s, int i)
{
    const int64_t u = ((const options *)c->layer->options)->units;
    if (c->n_in > 1) return c->in[1 + i]->data;
    return c->carry_in ? c->carry_in + i * s->route.batch * u : NULL;
}

static void repeat(real *rows, const real *row, int64_t n, int64_t units)
{
    for (int64_t r = 0; r < n; r++) memcpy(rows + r * units, row, (size_t)units * sizeof *row);
}

static void set_initial(const call *c, scan *s, int direction)
{
    const scan_cell *cell = &((const extra *)c->layer->extra)->cell[direction];
    const int states = cell->row->states;
    for (int k = 0; k < states; k++) {
        const real *from = initial_state(c, s, direction * states + k);
        const real *start = scan_start(cell, c->layer, c->weights, k);
        if (k == 0) s->from_zero = !from && !start;
        if (from)
            to_ranks(&s->route, s->initial[k], from, cell->units);
        else if (start)
            repeat(s->initial[k], start, s->route.batch, cell->units);
        else
            kernel_table()->fill(s->initial[k], 0, s->route.batch * cell->units);
    }
}

static void run_row(const call *c, scan *s, int direction, real *h_out)
{
    const scan_cell *cell = &((const extra *)c->layer->extra)->cell[direction];
    const real *initial[MAX_STATES];
    for (int k = 0; k < cell->row->states; k++) {
        initial[k] = initial_state(c, s, direction * cell->row->states + k);
        if (!initial[k]) initial[k] = scan_start(cell, c->layer, c->weights, k);
    }
    scan_row(s, cell, c, initial, h_out);
}

static void give_states(const call *c, const scan *s, int direction)
{
    const extra *e = c->layer->extra;
    const int states = e->cell[0].row->states;
    const int64_t u = e->cell[0].units;
    for (int k = 0; k < states; k++) {
        const int i = direction * states + k;
        if (c->carry_out)
            scan_final(s, &e->cell[direction], k, c->carry_out + i * s->route.batch * u);
        if (c->n_out > 1) scan_final(s, &e->cell[direction], k, c->out[1 + i].data);
    }
}

/* Outputs that follow the order of processing have their mask turned round as well. */
static void turn_mask(const call *c, const route *r)
{
    const value *x = c->in[0];
    uint8_t *turned = ((const memory *)c->memory)->turned;
    for (int64_t b = 0; b < r->batch; b++) {
        const int64_t length = x->lengths ? x->lengths[b] : r->steps;
        for (int64_t t = 0; t < r->steps; t++)
            turned[t * r->batch + b] = t < length && x->mask[(length - 1 - t) * r->batch + b];
    }
    c->out[0].mask = turned;
}

/* Masked steps before a row's first valid one repeat an output too where it came with a state: the
 * output that the state is. */
static void show_carried(const call *c, const scan *s, real *y)
{
    const value *x = c->in[0];
    const int64_t u = c->out[0].shape.features;
    for (int64_t i = 0; i < value_rows(x); i++) {
        const int64_t t = i / x->batch, b = i % x->batch;
        if (s->route.output[i] < 0 && (!x->lengths || t < x->lengths[b]))
            memcpy(y + i * u, s->initial[0] + s->route.rank[b] * u, (size_t)u * sizeof *y);
    }
}

static rondo_status forward(call *c)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const extra *e = c->layer->extra;
    memory *m = c->memory;
    const value *x = c->in[0];
    value *y = &c->out[0];
    const bool several = e->directions > 1;
    const int64_t widths[MAX_DIRECTIONS] = { o->units, o->units };
    if (scan_row_step(&m->scan[0], &e->cell[0], c)) return RONDO_OK;
    if (o->return_sequences) layer_same_rows(y, x);
    for (int d = 0; d < e->directions; d++) {
        scan *s = &m->scan[d];
        real *part = several ? m->part[d] : y->data;
        route_build(&s->route, x, reversed(c->layer, d), several);
        if (scan_row_serves(s)) {
            run_row(c, s, d, s->outside ? y->data : NULL);
        } else {
            set_initial(c, s, d);
            scan_forward(s, &e->cell[d], c, c->layer->index * LAYER_MASKS + 2 * (uint32_t)d,
                         s->outside ? y->data : NULL);
        }
        give_states(c, s, d);
        if (!o->return_sequences)
            scan_final(s, &e->cell[d], 0, part);
        else if (!s->route.identity)
            k->gather(part, s->state[0], s->route.output, value_rows(x), o->units);
        else if (several)
            k->scale(part, s->state[0], 1, value_rows(x) * o->units);
    }
    if (!several && o->return_sequences && x->mask && (c->carry_in || o->learned_state))
        show_carried(c, &m->scan[0], y->data);
    if (several)
        merge_forward(e->merge, y->data, 2, (const real *const *)m->part, widths, value_rows(y));
    else if (o->return_sequences && o->go_backwards && x->mask)
        turn_mask(c, &m->scan[0].route);
    return RONDO_OK;
}

/* Gradients of final states, from the ports and from an output that is the last state, by rank. */
static void gather_final(const call *c, scan *s, int direction, const real *dpart)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const memory *m = c->memory;
    const extra *e = c->layer->extra;
    const int states = e->cell[0].row->states;
    const int64_t u = o->units, size = s->route.batch * u;
    for (int i = 0; i < states; i++) {
        real *d = s->carry[0][i];
        k->fill(d, 0, size);
        if (c->n_out > 1) to_ranks(&s->route, d, c->out[1 + direction * states + i].grad, u);
        if (i == 0 && !o->return_sequences) {
            to_ranks(&s->route, m->row, dpart, u);
            k->add(d, m->row, size);
        }
    }
}

static void give_dinitial(const call *c, const scan *s, int direction)
{
    const kernels *k = kernel_table();
    const extra *e = c->layer->extra;
    const int states = e->cell[0].row->states;
    const int64_t u = e->cell[0].units, batch = s->route.batch;
    for (int i = 0; c->n_in > 1 && i < states; i++) {
        bool add;
        real *dx = value_grad(c->in[1 + direction * states + i], &add);
        const real *d = scan_dinitial(s, i);
        if (!dx) continue;
        if (s->route.identity)
            layer_accumulate(dx, d, add, batch * u);
        else if (add)
            k->gather_add(dx, d, s->route.rank, batch, u);
        else
            k->gather(dx, d, s->route.rank, batch, u);
    }
}

/* Of states that are learned: from where rows began, and from where they are shown. */
static void learn_start(const call *c, const scan *s, int direction)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const extra *e = c->layer->extra;
    const scan_cell *cell = &e->cell[direction];
    const value *x = c->in[0], *y = &c->out[0];
    const int64_t u = cell->units;
    if (cell->start < 0 || !c->begins || c->layer->params[cell->start].gradient < 0) return;
    real *d = c->gradients + c->layer->params[cell->start].gradient;
    for (int i = 0; i < cell->row->states; i++)
        k->column_sums(d + i * u, scan_dinitial(s, i), u, true, s->route.batch, u);
    for (int64_t i = 0; i < value_rows(x); i++)
        if (e->directions == 1 && o->return_sequences && x->mask && s->route.output[i] < 0 &&
            (!x->lengths || i / x->batch < x->lengths[i % x->batch]))
            k->add(d, y->grad + i * u, u);
}

static void backward(call *c)
{
    const kernels *k = kernel_table();
    const options *o = c->layer->options;
    const extra *e = c->layer->extra;
    memory *m = c->memory;
    const value *y = &c->out[0];
    const int64_t widths[MAX_DIRECTIONS] = { o->units, o->units };
    const bool fresh[MAX_DIRECTIONS] = { false, false };
    const bool several = e->directions > 1;
    if (several)
        merge_backward(e->merge, m->dpart, fresh, y->grad, 2, (const real *const *)m->part, widths,
                       value_rows(y));
    for (int d = 0; d < e->directions; d++) {
        scan *s = &m->scan[d];
        real *dpart = several ? m->dpart[d] : y->grad, *dh = s->dh_gathered;
        gather_final(c, s, d, dpart);
        if (dh) {
            k->fill(dh, 0, s->route.total * o->units);
            if (o->return_sequences && s->route.identity)
                k->add(dh, dpart, s->route.total * o->units);
            else if (o->return_sequences)
                k->scatter_add(dh, dpart, s->route.output, value_rows(y), o->units);
        } else if (o->return_sequences) {
            dh = dpart;
        }
        scan_backward(s, &e->cell[d], c, dh);
        give_dinitial(c, s, d);
        learn_start(c, s, d);
    }
}

static int64_t state_size(const rondo_layer *l)
{
    const extra *e = l->extra;
    return e->directions * e->cell[0].row->states * e->cell[0].units;
}

static int64_t state_width(const rondo_layer *l)
{
    return ((const options *)l->options)->units;
}

static const real *state_start(const rondo_layer *l, const real *weights, int i)
{
    const extra *e = l->extra;
    const int states = e->cell[0].row->states;
    return scan_start(&e->cell[i / states], l, weights, i % states);
}

static rondo_status can_stream(const rondo_layer *l)
{
    const options *o = l->options;
    if (!o->merge && !o->go_backwards) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "%s reads the sequence from its end, so it cannot run step by step", l->name);
}

static const rondo_function *functions(const rondo_layer *l, int i)
{
    const scan_cell *c = &((const extra *)l->extra)->cell[0];
    return i < cell_gate_count(c->row) ? &c->activation[i] : NULL;
}

const layer_type layer_recurrent = { .name = "recurrent",
                                     .help = "any recurrent cell over a sequence",
                                     .options_size = sizeof(options),
                                     .options = OPTION_TABLE(fields),
                                     .extra_size = sizeof(extra),
                                     .call_size = sizeof(memory),
                                     .min_inputs = 1,
                                     .max_inputs = 1 + MAX_DIRECTIONS * MAX_STATES,
                                     .set_other = set_other,
                                     .open = open,
                                     .close = close,
                                     .build = build,
                                     .outputs = outputs,
                                     .plan = plan,
                                     .forward = forward,
                                     .backward = backward,
                                     .state_size = state_size,
                                     .state_width = state_width,
                                     .state_start = state_start,
                                     .can_stream = can_stream,
                                     .functions = functions };
