/* rondo.h - recurrent neural networks in C11: models, training, streaming, extension.
 *
 * A model is a list of layers applied to values.  You build it, compile it,
 * fit it, and ask it questions.  Four rules hold everywhere:
 *   - Zero means default: every options struct may be left empty.
 *   - Errors stick while building: a failed builder call marks the model, later builder
 *     calls do nothing, and the next call that returns a status reports the first one.
 *   - What you pass in you keep (arrays, names); what _new(), _open() or _load() gives you
 *     you _free(), except a layer, which belongs to the model it is given to.
 *   - A model may be read (predict, stream, save) by many threads at once, changed by one. */
#ifndef RONDO_H
#define RONDO_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* what is declared here is what librondo.so shows */

#define RONDO_VERSION "0.1.0"

/* The element of every RONDO_F32 array, and what activations and cells are written with:
 * float; double in the build that checks gradients (cc -DRONDO_DOUBLE … -lrondo_double). */
#ifdef RONDO_DOUBLE
typedef double rondo_real;
#else
typedef float rondo_real;
#endif

/* ---- Errors -------------------------------------------------------------------------- */
#define RONDO_STATUSES(X)                                                                          \
    X(OK, 0, "ok")                                                                                 \
    X(E_NOMEM, -1, "out of memory")                                                                \
    X(E_ARG, -2, "bad argument")                                                                   \
    X(E_NAME, -3, "unknown name")                                                                  \
    X(E_SHAPE, -4, "shapes do not agree")                                                          \
    X(E_IO, -5, "read or write failed")                                                            \
    X(E_FORMAT, -6, "malformed file")                                                              \
    X(E_STATE, -7, "called too early or late")                                                     \
    X(E_NAN, -8, "loss is not a number")                                                           \
    X(E_ABSENT, -9, "not built in")                                                                \
    X(E_LIMIT, -10, "over a stated limit")                                                         \
    X(E_STOPPED, -11, "stopped by a callback or a signal")                                         \
    X(E_MISMATCH, -12, "checkpoint of another run")

typedef enum rondo_status {
#define X(name, value, text) RONDO_##name = value,
    RONDO_STATUSES(X)
#undef X
} rondo_status;

const char *rondo_error(void);               /* the last failure on this thread, in a sentence */
const char *rondo_status_text(rondo_status); /* "out of memory" */
const char *rondo_version(void);
const char *rondo_isa(void); /* the kernel table in use: "scalar" "avx2" "avx512" "neon" */

/* ---- Arrays: a shape over memory someone else owns ------------------------------------- */
typedef enum rondo_type { RONDO_F32, RONDO_I32 } rondo_type; /* rondo_real, int32_t */
typedef struct rondo_shape {
    int rank;
    int64_t dim[5]; /* a dim of 0: any length */
} rondo_shape;
typedef struct rondo_array {
    void *data; /* contiguous, [N][T][F] for sequences */
    rondo_type type;
    rondo_shape shape;
    const int64_t *lengths; /* [N], valid steps of each row; NULL: all of them */
} rondo_array;
typedef struct rondo_batch { /* what a model eats: one or more inputs, targets, sample weights */
    int n_inputs, n_targets;
    const rondo_array *inputs, *targets;
    const float *weights; /* [N] or NULL */
} rondo_batch;

/* ---- Layers --------------------------------------------------------------------------- */
typedef struct rondo_layer rondo_layer;
typedef struct rondo_model rondo_model;
typedef struct rondo_value {
    int node, port; /* an edge of the graph; port 0 is the output, 1… the final states */
} rondo_value;

typedef struct rondo_rnn_options {
    size_t size; /* of this struct, filled by the macros: lets it grow */
    int64_t units;
    const char *activation,
        *recurrent_activation; /* by name, as in Keras: "tanh" "leaky_relu(0.1)" */
    const char *activations;   /* per gate: "i=hard_sigmoid f=sigmoid c=elu h=tanh" */
    const char *kernel_initializer, *recurrent_initializer, *bias_initializer;
    bool return_sequences, return_state, go_backwards, stateful, no_bias;
    float dropout, recurrent_dropout;
    const char *merge;        /* bidirectional when set: "concat" "sum" "mul" "ave" */
    const char *options;      /* what only this cell has: "reset_after=false" */
    const char *name;         /* default: the kind, then kind_1, kind_2 … */
    bool no_unit_forget_bias; /* the forget gate's bias begins as the others, not with 1 */
    bool learned_state;       /* states begin not at 0 but as weights say, which are trained */
} rondo_rnn_options;

typedef struct rondo_dense_options {
    size_t size;
    int64_t units;
    const char *activation, *kernel_initializer, *bias_initializer;
    bool no_bias;
    const char *name;
    const char *tie; /* a layer before it, whose weight it uses transposed: "embedding" */
} rondo_dense_options;

rondo_layer *rondo_rnn_new(const char *cell, const rondo_rnn_options *);
rondo_layer *rondo_dense_new(const rondo_dense_options *);
/* Any layer: "lstm 64 tanh return_sequences dropout=0.2", "embedding 256 input_dim=8000". */
rondo_layer *rondo_layer_parse(const char *spec);

#ifndef __cplusplus /* As in Keras: rondo_lstm(64, .return_sequences = true). */
#define RONDO_SHAPE(...)                                                                           \
    ((rondo_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define RONDO_OPTIONS(type, ...) (&(type){ .size = sizeof(type), __VA_ARGS__ })
#define rondo_rnn(cell, ...)                                                                       \
    rondo_rnn_new(cell, RONDO_OPTIONS(rondo_rnn_options, .units = __VA_ARGS__))
#define rondo_simple_rnn(...) rondo_rnn("simple_rnn", __VA_ARGS__)
#define rondo_lstm(...)       rondo_rnn("lstm", __VA_ARGS__)
#define rondo_gru(...)        rondo_rnn("gru", __VA_ARGS__)
#define rondo_dense(...)      rondo_dense_new(RONDO_OPTIONS(rondo_dense_options, .units = __VA_ARGS__))
#define rondo_compile(m, ...)                                                                      \
    rondo_compile_with(m, RONDO_OPTIONS(rondo_compile_options, __VA_ARGS__))
#define rondo_fit(m, data, ...)                                                                    \
    rondo_fit_with(m, data, RONDO_OPTIONS(rondo_fit_options, __VA_ARGS__))
#endif

/* ---- Models ---------------------------------------------------------------------------- */
rondo_model *rondo_model_new(void); /* NULL only when memory is out */
void rondo_model_free(rondo_model *);
/* per_example: {T, F} for sequences of reals (T of 0: any length), {F} for vectors of reals,
 * {T} for sequences of I32 tokens. */
rondo_value rondo_input(rondo_model *, rondo_type, rondo_shape per_example);
rondo_value rondo_add(rondo_model *, rondo_layer *); /* onto the latest value */
rondo_value rondo_apply(rondo_model *, rondo_layer *, int n, const rondo_value in[]);
/* Adds every layer of "simple_rnn 64 return_sequences; gru 32; dense 10 softmax". */
rondo_status rondo_add_spec(rondo_model *, const char *spec);
rondo_status rondo_outputs(rondo_model *, int n, const rondo_value out[]); /* default: the latest */
/* Which weights train and what adapts them, by name pattern (*, ?, [a-z]), before or after compile:
 *   "frozen" "trainable" "only"    "only": those named train, all others are frozen
 *   "lora rank=8 alpha=16"         W + alpha/rank A·B meets the input, and A, B train in W's place
 *   "weight_drop rate=0.5"         some of W is dropped at each step of training
 * Adapters go onto matrices; several may sit on one, each with a name: "lora 4 name=french". What is
 * frozen takes no gradient, no optimizer's memory and no time. E_NAME: no such weight, or kind. */
rondo_status rondo_adapt(rondo_model *, const char *pattern, const char *spec);
/* Adapters of that name, NULL: all of them. Switched off, the weight meets inputs without it; merged,
 * what it adds becomes part of the weight, and outputs keep their bits where it was the last; removed,
 * it is forgotten. Weights that it froze train again. E_NAME: there is none. */
rondo_status rondo_adapter_enable(rondo_model *, const char *name, bool on);
rondo_status rondo_adapter_merge(rondo_model *, const char *name);
rondo_status rondo_adapter_remove(rondo_model *, const char *name);
/* Factors of the learning rate, by name pattern: "embedding*=0.1 lstm*=0.4", the last that matches counts;
 * or "discriminative=2.6": groups of layers, each at 1/2.6 of the rate of the one above it (2.6 may be left
 * out). A group is a layer with weights; those behind the last recurrent one are one group. NULL: 1 for
 * all. Not in model files. E_NAME: no such weight. */
rondo_status rondo_set_rates(rondo_model *, const char *rates);
/* LoRA adapters of that name (save, NULL: the only one there is; load, NULL: "lora") in the files of
 * Hugging Face's PEFT: FOLDER/adapter_config.json and adapter_model.safetensors. Loading refuses
 * tensors that belong to no weight, by name, and changes nothing then. */
rondo_status rondo_adapters_save(const rondo_model *, const char *name, const char *folder);
rondo_status rondo_adapters_load(rondo_model *, const char *name, const char *folder);
typedef struct rondo_adapter_info {
    const char *weight, *kind, *name; /* "lstm.kernel" (until the next call), "lora", its name */
    int64_t parameters;               /* that it adds */
    bool enabled;
} rondo_adapter_info;
bool rondo_adapter_at(const rondo_model *, int i, rondo_adapter_info *); /* false: not so many */
/* The native file: safetensors whose metadata hold the model.  Atomic: the old file or the new. */
rondo_status rondo_save(const rondo_model *, const char *path);
rondo_status rondo_load(rondo_model **, const char *path); /* any format that is built in */
/* A text that travels in the model file; Rondo's pipelines keep theirs (JSON) here. NULL: none. */
rondo_status rondo_set_metadata(rondo_model *, const char *json);
const char *rondo_metadata(const rondo_model *);
rondo_status rondo_summary(const rondo_model *,
                           char **text); /* a table as Keras prints; free() it */

int rondo_input_count(const rondo_model *);
int rondo_output_count(const rondo_model *);
/* Per example: {T, F} or {F}; T of 0: any length. */
rondo_status rondo_input_shape(const rondo_model *, int i, rondo_type *, rondo_shape *);
rondo_status rondo_output_shape(const rondo_model *, int i, rondo_shape *);

int rondo_weight_count(const rondo_model *);
int64_t rondo_parameter_count(const rondo_model *, bool trainable_only);
const char *rondo_weight_name(const rondo_model *, int i); /* "lstm.recurrent_kernel" */
rondo_status rondo_weight_get(
    const rondo_model *, const char *name,
    rondo_array *out); /* borrows the model's memory: to read; write with rondo_weight_set */
rondo_status rondo_weight_set(rondo_model *, const char *name, const rondo_array *); /* copies */
rondo_status rondo_gradient_get(const rondo_model *, const char *name,
                                rondo_array *out); /* borrows; see rondo_gradients */

/* Keeps what products use of the weights in "f32" (as it begins), "bf16" or "int8" (a scale per
 * column), for inference: less to fetch, so a step is faster. The weights themselves, what is
 * saved, states and activations stay f32. A model kept so cannot train. E_NAME: none of them. */
rondo_status rondo_set_weight_storage(rondo_model *, const char *storage);
const char *rondo_weight_storage(const rondo_model *);

/* ---- Data ------------------------------------------------------------------------------ */
typedef struct rondo_dataset rondo_dataset;
/* Borrows the arrays. They must not change while somebody trains on them: another thread may be
 * reading the next batch. */
rondo_status rondo_dataset_new(rondo_dataset **, const rondo_batch *all);
/* A file or generated task by its reader; the spec has the reader's options:
 * ("train.csv", "target=y window=24 horizon=1"), ("task:adding?length=150", ""). */
rondo_status rondo_dataset_open(rondo_dataset **, const char *path, const char *spec);
int64_t rondo_dataset_count(const rondo_dataset *);
void rondo_dataset_free(rondo_dataset *);

/* ---- Training -------------------------------------------------------------------------- */
typedef struct rondo_progress {
    int64_t epoch, epochs;  /* from 0 */
    int64_t batch, batches; /* done in this epoch, and in all */
    int64_t samples;        /* done in this epoch; of streams, steps of them */
    int n_metrics;
    const char *const *metric; /* "loss" "accuracy" … and, at the end of an epoch, "val_loss" … */
    const double *value;
    bool stop;          /* set it to end training after this event */
    const char *remark; /* why a callback that only watches (diagnose) gave up; NULL: none did */
} rondo_progress;
typedef enum rondo_event {
    RONDO_FIT_BEGIN,
    RONDO_BATCH_END,
    RONDO_EPOCH_END,
    RONDO_FIT_END
} rondo_event;
typedef struct rondo_callback {
    rondo_status (*on)(rondo_event, rondo_model *, rondo_progress *, void *user);
    rondo_status (*save)(void *user, const void **bytes,
                         size_t *n); /* state for exact resume; may be NULL */
    rondo_status (*load)(void *user, const void *bytes, size_t n);
    void (*free)(void *user); /* called by rondo_callback_free; may be NULL */
    void *user;
} rondo_callback;
/* A built-in one: "early_stopping monitor=val_loss patience=3", "csv_logger path=log.csv". */
rondo_status rondo_callback_parse(rondo_callback *, const char *spec);
void rondo_callback_free(rondo_callback *);

typedef struct rondo_compile_options {
    size_t size;
    const char *optimizer, *loss, *metrics; /* "adam learning_rate=0.002 clipnorm=1" */
    uint64_t seed;                          /* initial weights, masks, shuffling */
    int threads;                            /* 0: as many as the machine has; never changes a bit */
    /* Matrix products, of training and of all that the compiled model is asked: in "f32", or in
     * "bf16", both sides rounded and sums f32, faster for wide layers. Weights stay f32, and so
     * does the file. NULL: "f32"; E_NAME: neither. */
    const char *compute;
} rondo_compile_options;
/* Scores of your own at the end of each epoch, after the validation's: in logs and progress like all. */
typedef struct rondo_judge {
    int n;
    const char *const *names; /* [n] */
    rondo_status (*judge)(rondo_model *, double *values, void *user);
    void *user;
} rondo_judge;
typedef struct rondo_fit_options {
    size_t size;
    int64_t epochs, batch_size; /* 1, 32 */
    int64_t bptt;               /* truncate backpropagation to this many steps, carrying state */
    const rondo_dataset *validation;
    const rondo_callback *callbacks;
    int n_callbacks;
    bool no_shuffle;
    const char
        *checkpoint; /* a file: written each epoch and when stopped, resumed from when it exists */
    const char *identity;      /* what must agree to resume from it: data, recipe; may be NULL */
    double checkpoint_seconds; /* also after this long inside an epoch; 0: only at its end */
    int64_t steps_per_epoch;   /* an epoch is so many batches, drawn anew; 0: all the data */
    bool checkpoint_rarely;    /* not at the end of every epoch either, but after as long */
    /* Of streams: windows of lengths drawn around bptt, each with the learning rate in proportion. */
    bool bptt_vary;
    /* Sorts each so many batches of an epoch by length, so that a batch's samples are of like lengths;
     * 0: none. */
    int64_t bucket;
    /* Gradual unfreezing: at first the top group of layers trains alone (see rondo_set_rates), and after
     * every so many epochs one more; 0: all train from the start. What is frozen stays so. */
    int64_t unfreeze;
    const rondo_judge *judge; /* borrowed; NULL: none */
} rondo_fit_options;

rondo_status rondo_compile_with(rondo_model *, const rondo_compile_options *);
rondo_status rondo_fit_with(rondo_model *, const rondo_dataset *, const rondo_fit_options *);
/* For signal handlers: fit ends after the running step, writes its checkpoint, returns E_STOPPED.
 * */
void rondo_interrupt(void);
/* scores: loss, then the metrics in compiled order; rondo_score_name() says which. */
rondo_status rondo_evaluate(const rondo_model *, const rondo_dataset *, double *scores, int n);
int rondo_score_count(const rondo_model *);
const char *rondo_score_name(const rondo_model *, int i);
rondo_status rondo_predict_shape(const rondo_model *, const rondo_batch *, int output,
                                 rondo_shape *);
rondo_status rondo_predict(const rondo_model *, const rondo_batch *, rondo_array *outputs, int n);
rondo_status rondo_train_batch(rondo_model *, const rondo_batch *, double *loss);
/* Fills the gradients, changes no weight; dropout off. */
rondo_status rondo_gradients(rondo_model *, const rondo_batch *, double *loss);
/* Worst relative error |a-n|/max(1e-7,|a|+|n|) against central differences, in double precision. */
rondo_status rondo_check_gradients(const rondo_model *, const rondo_batch *, double *worst);
rondo_status rondo_reset_states(rondo_model *); /* of stateful layers, as Keras' reset_states() */
double rondo_learning_rate(const rondo_model *);
rondo_status rondo_set_learning_rate(rondo_model *, double);
/* Of an optimizer that averages weights (use_ema, asgd, ntasgd): exchanges them with their averages, and
 * back, once there are any. rondo_fit validates and saves with the averages and leaves them in the model.
 * E_STATE: it does not average. */
rondo_status rondo_swap_average(rondo_model *);

/* ---- Streaming: one step at a time; many streams may share one model --------------------- */
typedef struct rondo_stream rondo_stream;
rondo_status rondo_stream_new(rondo_stream **, const rondo_model *, int64_t rows);
rondo_status rondo_stream_step(rondo_stream *, const rondo_array *x, rondo_array *y);
/* How many threads a step may take, 0: as many as the machine has; a new stream takes 1, the
 * caller's. Never changes a bit. The others help with large layers while steps follow each other
 * closely, awake in between; where a step is long in coming they sleep, and the caller is alone. */
rondo_status rondo_stream_threads(rondo_stream *, int threads);
rondo_status rondo_stream_reset(rondo_stream *, int64_t row); /* one row back to the start */
rondo_status rondo_stream_select(rondo_stream *, const int64_t *from,
                                 int64_t n); /* reorder rows: beam search */
rondo_real *rondo_stream_state(rondo_stream *,
                               size_t *n); /* flat [rows][n/rows]: save it, copy it */
void rondo_stream_free(rondo_stream *);

/* ---- Extending: fill a row, register it, use it by name --------------------------------- */
typedef struct rondo_activation {
    const char *name;
    /* y[i] = f(x[i]); y may be x. args: the values of `parameters`, in order. */
    void (*forward)(rondo_real *y, const rondo_real *x, int64_t n, const void *args);
    /* dx[i] = dy[i] f'(x[i]); dx may be dy. x is NULL unless needs_input. */
    void (*backward)(rondo_real *dx, const rondo_real *x, const rondo_real *y, const rondo_real *dy,
                     int64_t n, const void *args);
    bool needs_input; /* backward reads x, so keep it; most need only y */
    bool rowwise;     /* mixes the n values it is given (softmax): called once per row and gate */
    /* "negative_slope=0.2>=0": names and defaults, for "leaky_relu(0.1)"; and, where not every number
     * makes sense, of which (>=) or above which (>) a value must be. */
    const char *parameters;
    /* Where f' jumps at the default arguments, NAN-terminated; NULL: smooth. */
    const double *kinks;
    /* For readers, all may be NULL.  `formula` defines f in the language of formulas, of x and the
     * names in `parameters`: "where(x > 0, x, alpha*expm1(x))"; NULL when rowwise. */
    const char *formula, *range; /* "(-alpha, inf)": of y over all x */
    const char *source;          /* who proposed it, what other tools call it */
    const char *note;            /* where tools differ, what to watch for */
    /* A row without forward and backward is its formula, and Rondo derives it.  The first `learned`
     * of the parameters are then trained, from their arguments on: a value for every unit of the
     * layer, or one for all where a last parameter called "shared" is not 0. */
    int learned;
    /* A name in the formula that is not learned but drawn evenly between the first two parameters,
     * in training, for every unit once a step; otherwise it is their mean. NULL: none. */
    const char *drawn;
    bool shared;         /* learned values are one for all units */
    bool takes_function; /* forward and backward get the rondo_function as args, not its args */
} rondo_activation;

enum { RONDO_MAX_PARAMETERS = 4 };
typedef struct rondo_function { /* an activation with its arguments */
    const rondo_activation *row;
    rondo_real args[RONDO_MAX_PARAMETERS];
    /* Of a row with learned parameters, set for a pass: their values [n], or [1] where shared, and
     * where their gradients are added up (NULL: nobody asks). Such a row is called once per row and
     * gate. */
    const rondo_real *learned[RONDO_MAX_PARAMETERS];
    rondo_real *dlearned[RONDO_MAX_PARAMETERS];
} rondo_function;

static inline void rondo_activate(const rondo_function *f, rondo_real *y, const rondo_real *x,
                                  int64_t n)
{
    f->row->forward(y, x, n, f->row->takes_function ? (const void *)f : f->args);
}
static inline void rondo_activate_backward(const rondo_function *f, rondo_real *dx,
                                           const rondo_real *x, const rondo_real *y,
                                           const rondo_real *dy, int64_t n)
{
    f->row->backward(dx, x, y, dy, n, f->row->takes_function ? (const void *)f : f->args);
}

/* One time step of the rows still running.  Every array is contiguous; gates lie side by side
 * in a row, in the order of the cell: xp[r*x_gates*units + g*units + u]. */
typedef struct rondo_step {
    int64_t t, rows, units;
    /* [rows][x_gates*units] input projected, bias added; in an additive cell h[t-1] projected is in
     * it too. Forward only, as hp and mp. */
    const rondo_real *xp;
    const rondo_real *hp; /* [rows][h_gates*units] h[t-1] projected (its own bias added), or NULL */
    const rondo_real *mp; /* [rows][made_gates*units] `made` projected; two-phase cells */
    const rondo_real *const *state; /* previous states, [rows][units] each */
    rondo_real *const *next; /* next states; next[0] is the output; filled when going backward */
    rondo_real *made;        /* [rows][units] filled by prepare; kept */
    rondo_real *saved;       /* [rows][saves*units], kept for step_backward */
    /* [rows][input_saves*units], or NULL when no activation needs its input; in an additive cell
     * what xp was, kept for it. */
    rondo_real *inputs;
    const rondo_real *const *param;   /* what the cell declared (peepholes, layer-norm gains ...) */
    const rondo_function *activation; /* one per gate name of the cell, see rondo_activate() */
    const rondo_real *args;           /* the values of the cell's `parameters`, in order */
    const rondo_real *const *dnext;   /* backward only: gradient at each next state */
    rondo_real *dxp, *dhp, *dmp;      /* backward only: fill */
    const rondo_real *dmade;          /* prepare_backward only: gradient at made */
    /* Backward only, leaving out the paths through hp and mp: add to dstate[0], which holds what
     * reached that output from above; fill the others. */
    rondo_real *const *dstate;
    rondo_real *const *dparam; /* backward only: add */
} rondo_step;

typedef struct rondo_cell_param {
    /* "peephole", "zeros". An initializer called "recurrent_initializer" is what the layer's option
     * of that name says; called "bias_initializer" this is the layer's bias: the cell adds it, and
     * not the scan to xp; with no_bias it is NULL. */
    const char *name, *initializer;
    int gates; /* it has gates*units values */
} rondo_cell_param;

typedef struct rondo_cell rondo_cell;
struct rondo_cell {
    const char *name;
    int states, x_gates, h_gates, saves, n_params;
    /* Names of its activations, as in "i f c o h"; "" when it has none. What they give lies first in
     * `saved` (and what they are given first in `inputs`), in this order, for those who watch; one
     * that finds no place there gives next[0]. */
    const char *gates;
    bool rowwise; /* step mixes units of a row (layer norm): do not split units over threads */
    /* xp and hp would only ever be added, gate by gate (h_gates = x_gates): the scan gives their sum
     * as xp and no hp, and step_backward fills dxp alone. */
    bool additive;
    void (*step)(const rondo_step *);
    void (*step_backward)(const rondo_step *);
    /* A second phase, for products of a vector the cell makes (r*h in GRU with reset_after=false):
     * prepare fills `made` and saved; the scan gives mp = made·U[:, h_gates…]; step uses mp.
     * step_backward fills dmp and its parts of dxp, dhp, dstate; prepare_backward adds the rest. */
    int made_gates;
    void (*prepare)(const rondo_step *);
    void (*prepare_backward)(const rondo_step *);
    /* d[rows][units] *= a, for cells with h' = a h + b, a and b of xp alone: one state, no h_gates,
     * no params, and saved that does not depend on the state. Where a row has it, parts of time are
     * computed at once when training: the same to rounding, not to the bit. */
    void (*fade)(const rondo_step *, rondo_real *d);
    int input_saves;        /* per-unit values kept as well when an activation needs its input; none
                             * of an additive cell's own */
    bool recurrent_bias;    /* hp has a bias of its own (GRU with reset_after) */
    const char *activation; /* default of the gates that Keras calls activation ("tanh") */
    const char *recurrent_activation;
    const char *recurrent_gates; /* which of `gates` take recurrent_activation: "i f o" */
    const char *parameters;      /* numbers and flags only this cell has: "reset_after=1" */
    int forget_gate;             /* 1 + its place in the bias, for unit_forget_bias; 0: none */
    int keep_gate, write_gate;   /* 1 + the places of the gates that keep what was, and that let
                                     * in what is new, for chrono; 0: none */
    const char *recurrent_initializer; /* its default; NULL: "orthogonal" */
    const rondo_cell_param *params;    /* [n_params] */
    const rondo_cell *(*variant)(
        const rondo_real *args); /* the row that serves these args; NULL: this one */
    const char *help;
    const char *formula, *source; /* its equations, a line each; who published it; or NULL */
};

rondo_status rondo_register_activation(const rondo_activation *);
rondo_status rondo_register_cell(const rondo_cell *);

/* Regular expressions, which some tokenizers ask for: Rondo has none of its own. ext/pcre2 is such an
 * engine; without one those tokenizers are refused (RONDO_E_ABSENT). Texts are UTF-8, \p{L} and \s
 * are Unicode's. */
typedef struct rondo_regex_engine {
    const char *name; /* "pcre2" */
    const char *(*version)(void);
    /* NULL, and why in `error` (room for `size` bytes), when the pattern is wrong. */
    void *(*compile)(const char *pattern, char *error, size_t size);
    void (*free)(void *pattern);
    void *(*begin)(
        const void *pattern); /* one thread's memory for searching; NULL: there is none */
    void (*end)(void *run);
    /* The first match in text[at, n), seen as part of text[0, n). 1: *begin and *end say where; 0:
     * there is none; -1: it would take too long. */
    int (*search)(const void *pattern, void *run, const char *text, size_t n, size_t at,
                  size_t *begin, size_t *end);
} rondo_regex_engine;
rondo_status rondo_register_regex(const rondo_regex_engine *); /* borrowed; the last one counts */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
