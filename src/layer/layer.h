/* layer - one layer per file: shapes, memory, forward, backward. A layer does shapes; kernels do
 * floats.
 *
 * A layer is a type row, its options and its parameters; applied twice, it shares them. What one
 * application needs lives in a `call`. The model drives a call so:
 *   build    once per layer: declares parameters from the input shapes
 *   outputs  once per node: shapes of the outputs
 *   plan     once per batch shape: only asks the arena for memory, as the arena may be measuring
 *   forward, backward */
#ifndef RONDO_LAYER_H
#define RONDO_LAYER_H
#include "cell/cell.h"
#include "linear/linear.h"

enum { MAX_PORTS = 8, MAX_LINEARS = 8 };

typedef struct value_shape { /* of one example */
    rondo_type type;
    bool sequence;
    int64_t steps;    /* of a sequence; 0: any */
    int64_t features; /* 1 for tokens */
} value_shape;

typedef struct value { /* of one batch; time-major [steps][batch][features] */
    value_shape shape;
    int64_t steps, batch; /* steps is 1 unless shape.sequence */
    real *data;
    int32_t *tokens;        /* instead of data for I32 */
    const int64_t *lengths; /* [batch] valid steps, or NULL: all */
    const uint8_t *mask;    /* [steps][batch] 0 = masked, as Keras' masks; or NULL */
    bool masked;            /* plan: a mask will be there when forward runs */
    real *grad;             /* as data; NULL when nobody needs it */
    bool passed_on;         /* who made it wants the gradient; else it is the loss's alone */
    int64_t block;          /* data holds so many rows at a time, and becomes grad; 0: all */
    bool unmade;            /* data is never there: the loss does without */
    bool grad_written;      /* somebody has already put his share there: add */
} value;
static inline int64_t value_rows(const value *v)
{
    return v->steps * v->batch;
}
static inline int64_t value_size(const value *v)
{
    return v->steps * v->batch * v->shape.features;
}
/* Where to put the gradient for v: NULL when not wanted. *add says whether a share is there
 * already. */
static inline real *value_grad(value *v, bool *add)
{
    *add = v->grad_written;
    if (!v->passed_on) return NULL;
    v->grad_written = v->grad != NULL;
    return v->grad;
}

typedef struct linear_place { /* of params, which move until the layer is built */
    int kernel, bias;         /* kernel -1: that of the layer it is tied to; bias -1: none */
} linear_place;

struct rondo_layer {
    const struct layer_type *type;
    char *kind; /* how it was asked for: "lstm"; names the layer and the config */
    char *name; /* unique in a model */
    void *options;
    void *extra; /* the type's own, made by open, freed by close */
    param *params;
    int n_params;
    linear linears[MAX_LINEARS];
    linear_place places[MAX_LINEARS];
    int n_linears;
    rondo_layer *tied;  /* its model found it by the option `tie`, before build; NULL: none */
    rondo_model *owner; /* the model it was given to */
    uint32_t index;     /* in the model: keys its random masks */
    bool built;
    rondo_status status; /* a constructor that failed; the model reports it */
    char *error;
    rondo_layer *next; /* among a model's unlisted ones */
};

typedef struct call { /* one application in one pass */
    rondo_layer *layer;
    int n_in, n_out;
    value **in;
    value *out;   /* [n_out] */
    void *memory; /* type->call_size bytes, zeroed, for pointers that plan sets */
    const real *weights;
    real *gradients;      /* NULL: no backward will come */
    bool notes_rows;      /* they are the model's own: params that are sparse know their rows */
    bool training;        /* dropout is on, running statistics move */
    bool watched;         /* keep what a view shows (view.c), as if it were to go backward */
    uint64_t seed;        /* of dropout masks … */
    uint32_t step;        /* … at this step */
    bool skip_activation; /* the loss takes logits: leave the last activation out, both ways */
    const real *carry_in; /* states before, [state][batch][units], or NULL: as layers begin … */
    bool begins;          /* … which is what they are */
    real *carry_out;      /* where to leave the states after, or NULL */
    double penalty;       /* that it adds to what is minimised in training, not to the loss */
    pool *pool;
} call;

typedef struct layer_type {
    const char *name, *help;
    size_t options_size;
    option_table options;
    size_t extra_size, call_size;
    int min_inputs, max_inputs;
    bool any_input; /* takes token inputs (I32) */
    /* A key that is not in `options`; may be NULL. RONDO_E_NAME: not mine either. */
    rondo_status (*set_other)(rondo_layer *, const char *key, const char *value);
    rondo_status (*open)(rondo_layer *); /* options are set: check them; may be NULL */
    void (*close)(rondo_layer *);        /* may be NULL */
    rondo_status (*build)(rondo_layer *, int n,
                          const value_shape in[]); /* declares params; may be NULL */
    rondo_status (*outputs)(const rondo_layer *, int n, const value_shape in[], value_shape out[],
                            int *n_out);
    /* Sets out[].steps, batch, lengths, mask and memory; data and grad of out are the model's to
     * give. */
    void (*plan)(call *, arena *);
    rondo_status (*forward)(call *);
    /* Reads out[].grad (zeros where nobody wrote), which is its own from here on; adds to in[]->grad
     * and gradients. */
    void (*backward)(call *);
    /* The same for rows [first, first+n) of the only output, whose activation is left to its loss:
     * into y; from dy to dx (all rows of in[0]->grad, or NULL) and gradients. NULL: all or none. */
    void (*forward_rows)(const call *, real *y, int64_t first, int64_t n);
    void (*backward_rows)(const call *, real *dx, bool add, const real *dy, int64_t first,
                          int64_t n);
    /* For rows [first, first+n) of the only output, with forward_rows: the cross-entropy of labels, and
     * where the call goes backward what comes of it, times each row's share (0 leaves it out): to dx
     * (all rows of in[0]->grad, or NULL) and gradients. Less work than all outputs. NULL: it is not. */
    void (*label_loss)(const call *, double *loss, real *dx, bool add, const int32_t *label,
                       const real *share, int64_t first, int64_t n);
    /* Elements of carried state per row; NULL: none. E_ARG in *why… when it cannot run step by
     * step. */
    int64_t (*state_size)(const rondo_layer *);
    int64_t (*state_width)(const rondo_layer *); /* of one state, as units */
    /* What the i-th state begins with, [state_width]; NULL, as may be the function: zeros. */
    const real *(*state_start)(const rondo_layer *, const real *weights, int i);
    rondo_status (*can_stream)(const rondo_layer *);
    /* The layer's last activation, when a loss may take its logits instead; NULL: none. */
    const rondo_function *(*activation)(const rondo_layer *);
    /* The i-th of all that it applies; NULL: there are not so many. May be NULL. */
    const rondo_function *(*functions)(const rondo_layer *, int i);
} layer_type;

/* The layer called so; every cell is one. */
rondo_status layer_type_find(const layer_type **, const char *kind);

/* Declares a parameter; offset comes later.  Returns its index, or fails. */
rondo_status layer_param(rondo_layer *, const char *name, rondo_shape, const char *initializer,
                         int *index);
/* Declares a linear over columns [column, column+out) of params[kernel] with bias params[bias] (-1:
 * none). */
rondo_status layer_linear(rondo_layer *, int kernel, int bias, int64_t in, int64_t column,
                          int64_t out, int *index);
/* The transpose of the first weight of the layer that this one is tied to, which is no longer
 * sparse. */
rondo_status layer_tied_linear(rondo_layer *, int bias, int *index);
void layer_place(rondo_layer *);        /* after it is built: sets what its linears view */
bool layer_trains(const rondo_layer *); /* some weight that it uses does */
bool layer_multiplies(const rondo_layer *,
                      const param *); /* inputs by it, or looks up rows of it */
rondo_status layer_new(rondo_layer **,
                       const char *kind); /* of a layer type or a cell; default options */
rondo_status layer_open(rondo_layer *);   /* after its options are set */
rondo_status layer_parse_into(rondo_layer **, const char *spec);
void layer_free(rondo_layer *);
/* A layer in whatever state it is: constructors that fail return one carrying the failure. */
json_t *layer_to_json(const rondo_layer *);
rondo_status layer_from_json(rondo_layer **, const json_t *);
/* Of equal type and features, and of equal steps where both are known. */
bool shape_equal(const value_shape *, const value_shape *);
char *shape_text(const value_shape *, char text[64]); /* "[time][28]" */

void layer_same_rows(value *y, const value *x); /* steps, batch, lengths and mask as x has them */
void layer_accumulate(real *dx, const real *d, bool add, int64_t n); /* dx (+)= d */
enum { LAYER_MASKS = 8 }; /* random masks a layer may draw: it keys them index*LAYER_MASKS + i */

/* merge.c: parts of equal shape into one, for the merge layers and for bidirectional ones. */
typedef enum merge_kind { MERGE_CONCAT, MERGE_ADD, MERGE_MULTIPLY, MERGE_AVERAGE } merge_kind;
void merge_forward(merge_kind, real *y, int n, const real *const part[], const int64_t width[],
                   int64_t rows);
/* dpart[i] (+)= its share of dy; dpart[i] NULL: not wanted. */
void merge_backward(merge_kind, real *const dpart[], const bool add[], const real *dy, int n,
                    const real *const part[], const int64_t width[], int64_t rows);

/* route.c: the order in which a scan takes the steps of a batch. Rows are sorted by how many valid
 * steps they have, so those still running at scan step t are a prefix; valid steps lie packed, step
 * after step, and no cell knows a mask. */
typedef struct route {
    int64_t steps, batch;
    int64_t total; /* valid steps of all rows */
    bool identity; /* packed is time-major: nothing to gather */
    int64_t
        *offset; /* [steps+1] first packed row of scan step t; t has offset[t+1]-offset[t] rows */
    int64_t *order;  /* [batch] caller's row of each rank */
    int64_t *rank;   /* [batch] the inverse */
    int64_t *count;  /* [batch] valid steps of each rank, descending */
    int64_t *from;   /* [total] input row of each packed row */
    int64_t *back;   /* [steps*batch] packed row of each input row, -1 where skipped */
    int64_t *output; /* [steps*batch] packed row that each output row shows, -1: zeros */
} route;
/* An identity needs no memory; x only for its shape. */
void route_plan(route *, arena *, const value *x, bool reverse);
/* reverse: last valid step first. restore: outputs at their own times, not in the order of
 * processing. */
void route_build(route *, const value *x, bool reverse, bool restore);
static inline int64_t route_active(const route *r, int64_t t)
{
    return r->identity ? r->batch : r->offset[t + 1] - r->offset[t];
}
static inline int64_t route_offset(const route *r, int64_t t)
{
    return r->identity ? t * r->batch : r->offset[t];
}

/* scan.c: one direction of one recurrent layer over one batch. */
typedef struct scan_cell { /* what a scan runs: the cell with its activations and weights */
    const rondo_cell *row;
    rondo_function activation[MAX_GATES];
    real args[RONDO_MAX_PARAMETERS];
    int64_t units;
    int learned[MAX_GATES];      /* the first of the layer's params that the activation learns */
    bool keep_inputs;            /* an activation's gradient needs its input */
    bool sums;                   /* gradients of the cell's own parameters sum over rows */
    const linear *x, *h, *made;  /* made NULL: one phase */
    int params[MAX_CELL_PARAMS]; /* of the layer's params; -1: left out */
    int start;                   /* of them: initial states [states][units]; -1: zeros */
    real dropout, recurrent_dropout;
} scan_cell;
/* gates.c: the activations that the options give, else the cell's own. */
rondo_status gates_choose(scan_cell *, const rondo_rnn_options *);
/* What they learn becomes params of the layer: "activation_i.alpha". */
rondo_status gates_learn(scan_cell *, rondo_layer *, const char *prefix);
void gates_free(scan_cell *);
/* The k-th initial state that is learned, [units]; NULL: none is. */
static inline const real *scan_start(const scan_cell *c, const rondo_layer *l, const real *weights,
                                     int k)
{
    return c->start < 0 ? NULL : weights + l->params[c->start].offset + k * c->units;
}
/* direction.c: declares the parameters of one direction ("forward.kernel") and the products over
 * them, for so many input features. */
rondo_status direction_build(rondo_layer *, scan_cell *, const char *prefix, int64_t in);
typedef struct row_view { /* what a cell sees of one row, and the weights that it is set for */
    const real *weights;
    rondo_step step;
    const real *state[MAX_STATES], *own[MAX_CELL_PARAMS];
    real *next[MAX_STATES];
} row_view;
typedef struct scan {
    bool turned;                          /* scan_row: the next step takes weights from their end */
    bool single;                          /* one direction, without ports for states */
    rondo_function activation[MAX_GATES]; /* the cell's, seeing what this call has learned */
    real *drawn[MAX_GATES];               /* [units] of those that draw */
    row_view row;                         /* scan_row */
    /* The caller's wishes: dropout; all steps of everything kept for backward; all steps of h kept;
     * in the caller's memory; the gradients of all outputs kept, too. */
    bool training, keep, full, outside, watched;
    route route;
    real *gathered; /* [total][in] */
    real *dropped;  /* [total][in] after dropout */
    const real *x;  /* one of the two, or the layer's input */
    int64_t chunk;  /* steps whose products lie in xp, dxp, dhp and dmp at a time */
    int64_t first;  /* their first packed row */
    real *xp;       /* [chunk*batch][x_gates*units]; [total][…] where it is inputs too */
    real *hp, *mp;  /* [batch][h_gates*units], [batch][made_gates*units]: of this step; additive
                     * cells have no hp */
    real *saved, *inputs, *made; /* inputs of additive cells are xp */
    real *state[MAX_STATES];     /* [total][units], or two steps of [batch][units] in turn */
    real *initial[MAX_STATES];   /* [batch][units] by rank */
    bool from_zero;              /* initial[0] is zeros: dU has nothing from it */
    real *timed;                 /* scan_time: [3][SCAN_TIME_PARTS][batch][units] */
    real *mask_x, *mask_h;       /* [batch][in], [batch][units] by rank */
    real *h_dropped;             /* [total][units] h after recurrent dropout */
    /* backward */
    real *dxp, *dhp, *dmp;      /* [chunk*batch][…]; dhp is dxp for additive cells */
    real *dmade, *dh_dropped;   /* [batch][units] */
    real *carry[2][MAX_STATES]; /* [batch][units] gradient of the states, two in turn */
    real *unread;               /* [gates*units] gradients of the cell's own that are frozen */
    real *dh; /* [total][units] gradient of the outputs in scan order; NULL: of the last alone */
    real *dh_gathered; /* memory for it, unless the outputs lie in scan order; else NULL. Of one
                        * that is watched, always */
    real *dx;          /* [total][in] */
} scan;
void scan_plan(scan *, const scan_cell *, arena *, const value *x,
               bool reverse); /* wishes are set */
/* initial[] are set, and route built; h_out: the caller's memory for h [total][units], or NULL. */
void scan_forward(scan *, const scan_cell *, const call *, uint32_t mask_key, real *h_out);
/* scan_row.c: the same for a single row with nothing to keep; initial[k] are its states before
 * (NULL: zeros), and are not written. */
bool scan_row_serves(const scan *);
void scan_row(scan *, const scan_cell *, const call *, const real *const *initial, real *h_out);
/* Bytes of packed weights that a step of a layer needs before sharing it out pays. */
enum { ROW_SHARED = 1 << 20 };
/* One step alone, all of it, where that is all there is (else false): states from carry_in (NULL:
 * zeros) to carry_out, the output to out[0]. */
bool scan_row_step(scan *, const scan_cell *, const call *);
/* State k after the last step of each row, in the caller's order of rows. */
void scan_final(const scan *, const scan_cell *, int k, real *out); /* [batch][units] */
/* dh: gradient of every output by packed row, or NULL; is written over. carry[0] holds that of the
 * final states by rank. Leaves the gradient of the initial states in scan_dinitial(). Adds to
 * gradients; dx of the input via x. */
void scan_backward(scan *, const scan_cell *, const call *, real *dh);
real *scan_dinitial(const scan *, int k);
/* scan_time.c: the same as scan_steps for cells whose state fades, parts of time at once: into how
 * many; 1: as the others. */
enum { SCAN_TIME_PARTS = 16 };
int scan_time_parts(const scan *, const scan_cell *, int64_t steps, bool down);
void scan_time(scan *, const scan_cell *, const call *, int64_t from, int64_t to, bool down);
/* Points the activations at their learned values, and going down at their gradients. */
void scan_view_learned(scan *, const scan_cell *, const call *, bool down);
/* scan_steps.c: steps [from, to) alone, when all that goes into them is there. */
void scan_steps(scan *, const scan_cell *, const call *, int64_t from, int64_t to, bool down);
real *scan_xp(const scan *, const scan_cell *, int64_t row); /* of a packed row in the chunk */
/* Row r of state k after step t; before the first, the initial one. */
real *scan_state(const scan *, const scan_cell *, int k, int64_t t, int64_t r);
/* The gradient of row r's output of step t: in the caller's memory, or by turns in that of two steps
 * where only the last output is given. Before the first step it is that of the initial state. */
real *scan_dh(const scan *, const scan_cell *, int64_t t, int64_t r);

/* recurrent.c: what a recurrent layer has in `extra`, and a call of it in `memory`. */
enum { MAX_DIRECTIONS = 2 };
typedef struct recurrent_extra {
    int directions;
    merge_kind merge;
    scan_cell cell[MAX_DIRECTIONS];
} recurrent_extra;
typedef struct recurrent_memory {
    scan scan[MAX_DIRECTIONS];
    real *part[MAX_DIRECTIONS]; /* what each direction gives to the merge: as out, [units] wide */
    real *dpart[MAX_DIRECTIONS];
    real *row;       /* [batch][units] a gradient on its way to a state */
    uint8_t *turned; /* [steps][batch] the mask of outputs in the order of processing */
} recurrent_memory;
extern const layer_type layer_recurrent; /* serves every cell */

/* view.c: what the scans of a watched pass computed, for those who look into a network; it stays
 * until the pass goes forward again. Rows are ranks: the longest first, so that those that run at
 * step t of the scan are the first view_rows(t). */
typedef struct scan_view {
    const scan_cell *cell; /* its row names the gates */
    const scan *scan;      /* activation[g] is that of gate g, with what it has learned */
} scan_view;
/* false: the layer is not recurrent, or has no such direction (0; 1 of a bidirectional one). */
bool layer_view(const call *, int direction, scan_view *);
int64_t view_steps(const scan_view *);
int64_t view_rows(const scan_view *, int64_t t);                 /* that run at step t … */
int64_t view_count(const scan_view *, int64_t r);                /* steps that row r has */
int64_t view_batch_row(const scan_view *, int64_t r);            /* the caller's row */
int64_t view_time(const scan_view *, int64_t t, int64_t r);      /* the step of the input it took */
const real *view_input(const scan_view *, int64_t t, int64_t r); /* [features], dropped out */
/* [units] each. State k after step t (-1: before the first); the value of gate g; what its activation
 * was given, or NULL where that was not kept, as no derivative reads it. */
const real *view_state(const scan_view *, int k, int64_t t, int64_t r);
const real *view_gate(const scan_view *, int g, int64_t t, int64_t r);
const real *view_gate_input(const scan_view *, int g, int64_t t, int64_t r);
/* What the cell kept of that step, into what its step_backward is given: activation, args, saved,
 * inputs, made. */
void view_step(const scan_view *, int64_t t, int64_t r, rondo_step *);
/* After backward: ∂loss/∂h of step t, all that comes of it later included. */
const real *view_gradient(const scan_view *, int64_t t, int64_t r);

/* learned.c: the learned parameters of an activation become params of the layer, called by their
 * names with a prefix ("activation."); a value for each unit, or one where shared. */
rondo_status layer_learned(rondo_layer *, const char *prefix, const rondo_function *, int64_t units,
                           int *first);
/* Points the function at their values in a call, and going down at their gradients. */
void layer_view_learned(rondo_function *, const call *, int first, bool down);
/* What is drawn and not learned: [units] to keep where training draws, else NULL; drawn by forward,
 * where there is something to draw. which: another number for every function of a layer. */
real *layer_plan_drawn(const rondo_function *, arena *, bool training, int64_t units);
void layer_draw(rondo_function *, real *values, const call *, int which, int64_t units);

/* initializer.c: fills one parameter from "glorot_uniform", "constant(0.5)", "orthogonal(gain=1)".
 * */
typedef struct initializer_row {
    const char *name, *parameters, *help; /* "mean=0 stddev=0.05" */
    rondo_status (*fill)(real *w, const rondo_shape *, const double *args, rng *);
} initializer_row;
rondo_status initializer_run(const char *text, real *w, const rondo_shape *, rng *);
rondo_status initializer_check(const char *text); /* E_NAME, E_ARG */
/* Whether it (the first, of several) has a parameter of this name, which the layer is to give. */
bool initializer_asks(const char *text, const char *name);

void layer_register_all(void);       /* table.c */
void initializer_register_all(void); /* initializer.c */
#endif
