/* model - a flat list of nodes; passes run it up and down over one batch.
 *
 * A model holds what is trained; a pass holds what one batch needs (values, gradients of values,
 * memory), so many passes may read one model. */
#ifndef RONDO_MODEL_H
#define RONDO_MODEL_H
#include "layer/layer.h"
#include "loss/loss.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct node {
    rondo_layer *layer; /* NULL: an input */
    int n_in;
    rondo_value *in;
    int n_out;
    value_shape out[MAX_PORTS];
    int input;            /* which input of the model, for inputs */
    int64_t state_offset; /* of its carried state, per row */
    int64_t state_size;
} node;

struct rondo_model {
    rondo_status status; /* the first failed builder call */
    char *error;
    node *nodes;
    int n_nodes;
    rondo_layer **layers; /* each once, in order of first use */
    int n_layers;
    rondo_layer *unlisted; /* given when there was no memory to list them */
    int *inputs;           /* node of each input */
    int n_inputs;
    rondo_value *outputs;
    int n_outputs; /* 0: the latest value */
    rondo_value latest;
    param **params; /* of all layers, in order; offsets are 64-byte aligned */
    int n_params;
    int64_t last_id;       /* of a param */
    int64_t n_weights;     /* elements of the block, padding included */
    int64_t n_gradients;   /* of those that train: of gradients and each optimizer slot … */
    int64_t gradient_room; /* … and that there is memory for */
    real *weights, *gradients;
    real *room;            /* where effective weights are made for packing; NULL: none is */
    void *packed;          /* every linear's packed copy … */
    int storage;           /* … kept so for inference: STORAGE_… */
    int compute;           /* … or, where that is f32, as training computes */
    void *packed_backward; /* their transposes, of those that a gradient went through */
    int64_t version;       /* weights changed … */
    int64_t whole_version; /* … and not only those that train */
    _Atomic int64_t packed_version; /* when last packed; read without the lock */
    bool fitting;                   /* a fit is running: weights neither come nor go */
    int64_t adapted;                /* times that weights were frozen, thawed or adapted */
    pthread_mutex_t lock;           /* of packing */
    int64_t state_size;             /* carried states per row, all nodes */
    uint64_t seed;
    pool *pool;
    char *metadata;
    char *training_spec; /* JSON: optimizer, loss, metrics as compiled or as loaded; NULL: none */
    struct training *training; /* after compile; train/ owns what is inside */
    void (*training_free)(struct training *);
    rondo_status (*training_follow)(rondo_model *); /* what trains is another set of weights */
};

/* ---- graph.c, params.c ---- */
rondo_value model_output(const rondo_model *, int i);
int model_output_count(const rondo_model *);
const value_shape *model_output_shape(const rondo_model *, int i);
bool model_is_used(const rondo_model *, int node); /* some node takes what it makes */
const rondo_function *model_output_activation(const rondo_model *,
                                              int i); /* NULL: none to take logits of */
rondo_status model_allocate(rondo_model *);           /* the weights, zero; once */
/* Allocates the blocks and draws the initial weights, once; later calls do nothing. */
rondo_status model_prepare(rondo_model *, uint64_t seed);
rondo_status model_threads(rondo_model *, int threads); /* 0: all */
void model_weights_changed(rondo_model *);
void model_weights_trained(rondo_model *); /* the same of those that train */
/* Lists a layer's params; and all, those of adapters after the layers' own. */
rondo_status model_list_params(rondo_model *, rondo_layer *);
rondo_status model_list_all(rondo_model *);
void model_place_gradients(rondo_model *); /* after some were frozen, thawed, listed */
/* After that, and any other change of what trains: gradients, slots, packed copies are its. */
rondo_status model_follow(rondo_model *);
/* The same after adapters came or went, which they may where no fit is running (E_STATE). A failure
 * sticks: it leaves no model to go on with. */
rondo_status model_check_idle(const rondo_model *);
rondo_status model_settle(rondo_model *);
/* Weights listed anew get their places: those that were there keep their values. */
rondo_status model_place_again(rondo_model *);
/* Which of the listed params are named so, and how many; E_NAME: none. */
rondo_status model_match(bool **matches, int *n, const rondo_model *, const char *pattern);
rondo_status model_stick(rondo_model *, rondo_status); /* as a builder's failure; passes it on */
/* Brings packed copies up to date; any thread. needs [n_nodes]: where gradients go, which want
 * transposes; NULL: forward only. Masks over weights as drawn. */
rondo_status model_pack(const rondo_model *, const bool *needs, const drop_key *);
rondo_status model_set_compute(rondo_model *, const char *); /* products in "f32" or "bf16" */
static inline int model_storage(const rondo_model *m)        /* of the packed copies */
{
    return m->storage ? m->storage : m->compute;
}
rondo_status model_reserve_packed(rondo_model *); /* where there are weights */
static inline bool model_is_packed(const rondo_model *m)
{
    return atomic_load_explicit(&m->packed_version, memory_order_acquire) == m->version;
}
char *model_param_name(const rondo_model *, int i);        /* "lstm.kernel"; alloc_free it */
param *model_param(const rondo_model *, const char *name); /* NULL: there is none */
rondo_status model_status(const rondo_model *); /* the failure that stuck, with its sentence */
/* The gradient block of what trains, zeroed where it is new. */
rondo_status model_gradients(rondo_model *);
/* For the next pass backward: of weights in products they are stale, so that the first product writes
 * them; the others become zeros, of what is sparse the rows that were touched. */
void model_clear_gradients(rondo_model *);
bool model_layer_stateful(const rondo_layer *); /* NULL: no */
bool model_stateful(const rondo_model *); /* some layer carries its state from batch to batch */
/* Carried states [state_size × batch] as layers begin: of those that are not stateful, or of all. */
void model_start_states(const rondo_model *, real *states, int64_t batch, bool all);
void model_start_row(const rondo_model *, const node *, int k, real *row); /* of its k-th state */
rondo_status model_read_weights(rondo_model *, const tensor_file *);       /* every one, by name */
rondo_status model_can_stream(const rondo_model *);

/* ---- groups.c: layers with weights, from the bottom; those behind the last state are one ---- */
int model_groups(const rondo_model *);
/* So many of them, from the top, train as far as they are not frozen, the others rest; 0: none does. */
rondo_status model_thaw(rondo_model *, int64_t groups);

/* ---- config.c: layers, graph and shapes as JSON, and back ---- */
rondo_status model_to_json(const rondo_model *, json_t **);
rondo_status model_freeze_as(rondo_model *,
                             const json_t *); /* what is frozen there, and no other */
rondo_status model_from_json(rondo_model **, const json_t *); /* not allocated */

/* ---- graft.c: a new model on the roots of another ---- */
/* On the model's JSON: takes the last layers off; E_ARG where they are not the end of a chain. */
rondo_status graft_cut(json_t *model, int64_t layers);
/* … and exchanges functions: "gates=hard_sigmoid lstm.candidate=relu f=sigmoid dense.activation=tanh";
 * E_NAME where nothing has such a place. */
rondo_status graft_functions(json_t *model, const char *changes);
typedef struct token_map { /* from a vocabulary of n_before tokens to one of n */
    int64_t n, n_before;
    const int64_t *before; /* [n] the number that each token had; -1: it is new */
    bool told;             /* the last layers of both models tell tokens */
} token_map;
/* The first `layers` of the new model take over the weights, adapters' among them, that the old one has
 * by the same name and shape; of a side that goes by tokens those that both have (map NULL: tokens are
 * the same). *taken: how many numbers such weights have. */
bool graft_is_of(const rondo_model *, const param *, int layers); /* of the first ones */
void graft_weights(rondo_model *to, const rondo_model *from, int layers, const token_map *map,
                   int64_t *taken);

/* ---- Formats register rows of this (format/table.c); rondo_save and rondo_load are theirs ---- */
typedef struct extras { /* what a checkpoint keeps beside the model */
    const tensor *tensors;
    int n;
    json_t *metadata; /* string values, borrowed */
} extras;
typedef struct format_row {
    const char *name, *help;
    bool (*recognises)(const char *path, const unsigned char *head, size_t n);
    rondo_status (*load)(rondo_model **, const char *path);
    rondo_status (*save)(const rondo_model *, const char *path,
                         const extras *); /* extras may be NULL; NULL: read only */
} format_row;

/* ---- run.c ---- */
typedef struct feed { /* one input of a batch, time-major */
    int64_t steps, batch;
    const real *data;       /* [steps][batch][features] */
    const int32_t *tokens;  /* or [steps][batch] */
    const int64_t *lengths; /* [batch] or NULL */
} feed;

typedef struct pass {
    const rondo_model *model;
    /* The caller's wishes, set before the first plan: */
    bool training;          /* dropout is on */
    bool input_gradients;   /* also of the inputs; of tokens, of what is made of them */
    bool watched;           /* layers keep what a view shows, see layer_view */
    bool fused[MAX_PORTS];  /* output i leaves its activation to the loss … */
    bool blocks[MAX_PORTS]; /* … and is then, where it can, made a block of rows at a time */
    bool unseen
        [MAX_PORTS]; /* nobody looks at output i: it is not made where its loss can do without */
    real *gradients; /* where weight gradients are added; NULL: forward only, nothing is kept */
    uint64_t seed;   /* of dropout masks … */
    uint32_t step;   /* … at this step */
    const real
        *carry_in;   /* [state_size × batch], node after node, each [state][batch][units]; NULL: as
                   * layers begin */
    real *carry_out; /* may be carry_in */
    /* What is in carry_in is as layers begin, for the next forward alone: of those that are not
     * stateful, or of all. */
    enum { CARRIED, BEGINS_UNLESS_STATEFUL, BEGINS } begins;
    pool *pool;
    /* Shown each node's outputs as soon as they are there, and may change them; NULL: nobody. */
    void (*touch)(void *user, int node, call *);
    void *touch_user;
    /* The pass's own: */
    arena arena;
    call *calls;   /* [n_nodes] */
    value *values; /* [n_nodes][MAX_PORTS] */
    value **in;
    bool *needs; /* [n_nodes] gradients are wanted there */
    void *loss_scratch[MAX_PORTS];
    unsigned char *memory; /* of the calls */
    bool ready;            /* calls are as the last forward set them */
    struct plan_key {      /* what the layout was made for */
        int64_t steps[MAX_PORTS], batch[MAX_PORTS], adapted;
        bool ragged[MAX_PORTS], fused[MAX_PORTS], blocks[MAX_PORTS], unseen[MAX_PORTS];
        bool training, backward, input_gradients, watched, planned;
    } key;
} pass;
rondo_status pass_new(pass **, const rondo_model *);
/* Lays out memory for these shapes, growing the arena when it is too small. */
rondo_status pass_plan(pass *, int n, const feed feeds[]);
rondo_status pass_forward(pass *, int n, const feed feeds[]); /* plans, then runs */
/* Forward again when nothing has changed since but the numbers of the only input: pass_forward
 * without its preparations, which it falls back on. */
rondo_status pass_repeat(pass *, const feed *);
value *pass_output(const pass *, int i);
call *pass_maker(const pass *p, int i); /* the call that makes output i */
value *pass_input(const pass *, int i);
double pass_penalty(const pass *); /* Σ of what layers add to what is minimised */
void pass_backward(pass *); /* the caller has filled pass_output(i)->grad and set grad_written */
void pass_free(pass *);

/* ---- stream.c ---- */
/* A stream that, with `logits`, gives what the model's last softmax takes, where it ends in one. */
rondo_status stream_open(rondo_stream **, const rondo_model *, int64_t rows, bool logits);
bool stream_gives_logits(const rondo_stream *);

/* ---- objective.c: outputs, losses, truths: the value at the top of the graph ---- */
typedef struct objective {
    loss losses[MAX_PORTS];
    bool by_label[MAX_PORTS]; /* the layer has the cross-entropy of labels itself */
    int n;                    /* as the model's outputs */
} objective;
rondo_status objective_parse(objective *, const rondo_model *,
                             const char *losses); /* "mse" or one per output: "mse; bce" */
void objective_apply(const objective *, pass *); /* tells which outputs leave an activation to it */
typedef struct observer { /* shown the outputs (probabilities where fused) that a loss compared */
    void (*see)(void *user, int output, const real *y, const truth *, double loss_sum);
    void *user;
} observer;
/* After pass_forward: losses and, when the pass goes backward, gradients of the outputs. values[]
 * one per output; valid[i]: rows that count; the observer may be NULL. Outputs in blocks of rows are
 * made here. */
void objective_run(const objective *, pass *, const truth truths[], const double valid[],
                   double values[], const observer *);
/* Forward and run, truths checked. */
rondo_status objective_forward(const objective *, pass *, int n, const feed feeds[],
                               const truth truths[], const double valid[], double values[]);

/* ---- check.c: gradients against central differences; exact only in the double build ---- */
typedef struct check_result {
    double worst;
    char where[128];           /* "lstm.kernel[17]: analytic 0.25, numeric 0.26" */
    int64_t checked, left_out; /* left out: within 1e-4 of a kink */
} check_result;
rondo_status check_gradients(rondo_model *, const objective *, int n, const feed feeds[],
                             const truth truths[], const double valid[],
                             int64_t per_param /* 0: every weight */,
                             bool inputs /* of the inputs, too */, check_result *);
/* bridge.c: the same on a copy of the model, in double precision from either build. */
rondo_status bridge_check(const rondo_model *, const char *losses, int n, const feed feeds[],
                          const truth truths[], const double valid[], int64_t per_param,
                          check_result *);
#endif
