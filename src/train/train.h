/* train - fit, one step of backpropagation through time, optimizers, schedules, callbacks. */
#ifndef RONDO_TRAIN_H
#define RONDO_TRAIN_H
#include "data/data.h"
#include "model/model.h"

/* ---- Optimizers: one loop over one vector ---- */
typedef struct
    optimizer_options { /* the union of all optimizers' fields; each row lists those it has */
    float learning_rate, momentum, rho, beta_1, beta_2, epsilon, weight_decay, lambd, alpha,
        ema_momentum;
    int64_t t0, nonmono;
    bool nesterov, lazy, use_ema;
    float clipvalue, clipnorm,
        global_clipnorm; /* 0: off; clipnorm is per weight array, as in Keras */
    char *schedule;      /* "cosine decay_steps=1000 warmup_steps=100" */
} optimizer_options;
typedef struct optimizer_row {
    const char *name, *help;
    option_table options;
    enum { AVERAGES_NOTHING, AVERAGES_LATE, AVERAGES_WHEN_STUCK } averages; /* unless use_ema */
    int (*slots)(const optimizer_options *);
    void (*update)(const kernels *, real *w, real *const slots[], const real *g, int64_t n,
                   const optimizer_terms *);
} optimizer_row;
typedef struct schedule_options { /* of all schedules, as above */
    int64_t decay_steps, warmup_steps, step_size, epochs;
    float decay_rate, alpha, gamma, warmup_ratio, cut_frac, ratio, pct_start, div_factor,
        final_div_factor;
    bool staircase;
} schedule_options;
typedef struct schedule_time { /* where a run stands */
    int64_t step;              /* updates done, in all fits */
    double epoch, epochs;      /* done of this fit, with the part of the present one; of how many */
    double steps;              /* updates of this fit; where it is cut at random, about so many */
} schedule_time;
typedef struct schedule_row {
    const char *name, *help;
    option_table options;
    const char *needs; /* an option that must be over 0, or NULL */
    bool takes_length; /* decay_steps; left out, it spans the run */
    double (*factor)(const schedule_options *, const schedule_time *); /* times the learning rate */
} schedule_row;
typedef struct slot_place { /* of a param */
    int64_t id, at;
} slot_place;
enum { MOST_CHECKS = 64 };
typedef struct checks { /* of a loss: its values, the last few one by one */
    int64_t n;
    double recent[MOST_CHECKS], older; /* the i-th at i modulo nonmono; the least of the others */
} checks;
typedef struct optimizer {
    const optimizer_row *row;
    optimizer_options options;
    const schedule_row *schedule;
    schedule_options schedule_options;
    int64_t iterations;   /* updates done */
    schedule_time time;   /* set by fit, but for the step, which is those */
    double share;         /* of the rate, that the next update is worth: 1 */
    double learning_rate; /* base, may be changed by callbacks */
    int n_slots;
    real *slots[4]; /* [n] each, zeros at first, of what trains … */
    int64_t n;
    slot_place *places; /* … which is in them where */
    int n_places;
    int average;          /* the slot of averaged weights, the last; -1: there is none */
    int64_t average_from; /* the first update whose weights count; -1: none yet */
    checks checks;        /* … as they say */
} optimizer;
rondo_status optimizer_parse(optimizer *,
                             const char *spec); /* "adam learning_rate=0.01"; NULL: adam */
/* The slots of what trains, n elements; what trained before keeps its own. */
rondo_status optimizer_reserve(optimizer *, const real *weights, int64_t n, param *const params[],
                               int n_params);
/* Updates the arrays that train by their gradients, clipped by value, by the norm of each array or
 * by that of all. */
void optimizer_update(optimizer *, real *weights, const real *gradients, param *const params[],
                      int n_params, pool *);
double optimizer_rate(const optimizer *); /* of the next update */
void optimizer_free(optimizer *);

/* ---- average.c: averaged weights, which are evaluated and kept while training goes on from others */
rondo_status average_check(const optimizer *); /* of options */
/* The share of the weights in their average after this update; 0: they are not averaged yet. */
double average_share(const optimizer *);
bool average_begun(const optimizer *); /* there is one */
/* Exchanges weights and averages, of what trains, where there are any. */
void average_swap(optimizer *, real *weights, param *const params[], int n_params);
void average_take(const optimizer *, real *weights, param *const params[], int n_params);
/* The loss that was checked, once per epoch: if the optimizer waits for it, averaging begins when it
 * is larger than any more than `nonmono` checks ago. */
void average_note(optimizer *, double now);
int64_t optimizer_numbers(const optimizer *); /* doubles that a checkpoint keeps */
void optimizer_save(const optimizer *, double numbers[]);
rondo_status optimizer_load(optimizer *, const double numbers[]);
rondo_status schedule_parse(const schedule_row **, schedule_options *,
                            const char *spec); /* NULL: constant */
/* Its rates depend on how many epochs the run has: one of more epochs is another run. */
bool schedule_spans_run(const schedule_row *, const schedule_options *);

/* ---- scores.c: running means of the loss and metrics, as Keras shows them ---- */
typedef struct scores {
    double loss_sum, loss_weight; /* Σ rows·loss of a batch, Σ rows */
    metric *metrics;
    int n_metrics;
} scores;
/* Metrics by name, for all outputs: "accuracy mae"; or for each: "accuracy; mae rmse". NULL: none.
 * */
rondo_status scores_parse(scores *, char ***names, const rondo_model *, const objective *,
                          const char *metrics);
rondo_status scores_copy(scores *, const scores *); /* of its own, at zero */
void scores_reset(scores *);
/* Keras weighs a batch's loss by its rows, metrics by the weights of what they count. */
void scores_add_loss(scores *, double mean, double rows);
void scores_see(scores *, int output, const real *y, const truth *, double loss_sum);
bool scores_look(const scores *, int output);        /* whether a metric reads what it is */
void scores_result(const scores *, double values[]); /* the loss, then each metric */
int64_t scores_size(const scores *);                 /* doubles that scores_save writes */
void scores_save(const scores *, double state[]);
void scores_load(scores *, const double state[]);
void scores_free(scores *);

/* ---- truth.c: a batch as what a model is fed, and what its outputs are compared with ---- */
typedef struct comparison {
    int n;
    truth truth[MAX_PORTS];                    /* one per output */
    double valid[MAX_PORTS], value[MAX_PORTS]; /* rows that count; the loss of the output */
    double total;                              /* Σ value */
    real *weight[MAX_PORTS], *target[MAX_PORTS];
    void *memory; /* stays, so a second batch of no larger shape allocates nothing */
    size_t size;
} comparison;
/* E_SHAPE with both shapes when the model cannot be fed (or its outputs not compared with) such
 * data. */
rondo_status data_check(const rondo_model *, const rondo_dataset *, bool with_targets);
int batch_feeds(const batch *, feed feeds[MAX_FIELDS]); /* returns how many; borrows the batch */
/* After pass_plan: makes memory for truths of these outputs. */
rondo_status comparison_reserve(comparison *, pass *);
/* After pass_forward: truths from targets, lengths, masks and sample weights; checks them. */
rondo_status comparison_fill(comparison *, const objective *, pass *, const batch *);
/* Losses and, when the pass goes backward, gradients of the outputs; metrics of scores (NULL: no
 * matter) see the outputs. */
void comparison_run(comparison *, const objective *, pass *, scores *);
void comparison_free(comparison *);

/* ---- window.c: states carried from window to window and, of stateful layers, from batch to batch
 * ---- */
typedef struct carry {
    real *state;        /* [state_size × rows] */
    int64_t rows, room; /* that it holds states of (0: none yet), and has memory for */
} carry;
rondo_status carry_reserve(carry *, const rondo_model *, int64_t rows);
/* Sets the pass to go on from it: stateful layers where they were if there are as many rows, all
 * others at zero. */
rondo_status carry_begin(carry *, pass *, int64_t rows);
/* The same, but all go on where there are as many rows. */
rondo_status carry_on(carry *, pass *, int64_t rows);
void carry_free(carry *);
/* Steps [at, at+n) of a batch, which it borrows; lengths: room for 2·MAX_FIELDS times its rows. */
batch window_of(const batch *, int64_t at, int64_t n, int64_t *lengths);
/* The steps that all sequences of the batch have; E_SHAPE or E_ARG when it cannot be cut. */
rondo_status window_steps(const batch *, int64_t *steps);

/* ---- What compile leaves in a model ---- */
typedef struct training {
    optimizer optimizer;
    char *optimizer_spec, *loss_spec, *metric_spec; /* as given, for the model file */
    objective objective;
    scores scores;
    char **score_names; /* "loss", then the metrics' */
    pass *pass;         /* of training; evaluation makes its own */
    batch batch;
    comparison comparison;
    carry carry;
    bool stateful;    /* some layer is … */
    bool carries;     /* … or the data are streams: states go from batch to batch */
    int64_t *lengths; /* [2·MAX_FIELDS][rows] of a window */
    int64_t lengths_room;
    char begun_with[65];                /* digest of the model when its fit began: a checkpoint's */
    int64_t step;                       /* batches or windows trained; keys dropout masks */
    const scaler *scale_in, *scale_out; /* borrowed from the pipeline; NULL: none */
} training;
/* Scalers to apply to every batch that this compiled model trains on, evaluates or predicts;
 * borrowed, NULL: none. Outputs are left scaled. */
void training_scale(rondo_model *, const scaler *in, const scaler *out);
/* The training of a compiled model, or E_STATE naming the call that wanted it. */
rondo_status training_of(training **, const rondo_model *, const char *what);

/* step.c: one window of one batch: forward, loss, backward, clip, update. Fits on a screen.
 * A loss that is not finite is given back as it is, and updates nothing. */
rondo_status train_step(rondo_model *, const batch *, double *loss);
/* window.c: one batch in windows of `bptt` steps (0: whole), carrying states; *loss is the mean of
 * the windows. */
rondo_status train_windows(rondo_model *, const batch *, int64_t bptt, double *loss);
rondo_status window_reserve(training *, int64_t rows);
/* The next window of streams, after that of the call before. */
rondo_status train_stream(rondo_model *, const batch *, double *loss);

/* ---- cuts.c: where an epoch of streams is cut into windows ---- */
typedef struct cuts {
    int64_t *at; /* [n+1] where windows begin; the last: where the streams end */
    int64_t n;
} cuts;
/* Its memory is made once: always of as many steps. */
rondo_status cuts_make(cuts *, int64_t steps, int64_t bptt, bool vary, uint64_t seed,
                       int64_t epoch);
int64_t cuts_longest(int64_t bptt, bool vary); /* window there can be */
void cuts_free(cuts *);

/* ---- tour.c: through data in batches, of long sequences and streams in windows of steps ---- */
typedef struct tour {
    pass *pass; /* borrowed; set to carry states as it must */
    const rondo_dataset *data;
    const scaler *scale_in, *scale_out;
    int64_t rows;             /* samples at a time */
    int64_t sample, n;        /* of the present batch: the first sample, and how many */
    int64_t step, taken;      /* of the present window: the first step, and how many */
    int64_t steps;            /* of the batch, when it is taken in windows; else 0 */
    bool last;                /* window of its batch */
    bool stateful, in_pieces; /* the model carries states; can run in pieces of time */
    batch whole, window;
    int64_t *items, *lengths; /* [rows], [2·MAX_FIELDS][rows] */
    int64_t room;
    carry carry;
    double loss_sum, valid; /* of the batch until now */
} tour;
void tour_open(tour *, pass *);
/* From the data's first sample; so many at a time, of streams all. Borrows data and scalers. */
void tour_begin(tour *, const rondo_dataset *, int64_t rows, const scaler *in, const scaler *out);
rondo_status tour_next(tour *, const batch **); /* NULL: that was all */
/* After the window's comparison: once a batch is over its loss goes to the scores, by its rows. */
void tour_add_loss(tour *, scores *, const comparison *);
/* So many of at most `rows` samples of `longest` steps that each batch is one window, where it can. */
int64_t tour_rows(int64_t rows, int64_t longest);
void tour_close(tour *);

/* ---- evaluate.c: a model run over data, as often as wanted, with memory of its own ---- */
typedef struct evaluation {
    const rondo_model *model;
    pass *pass;
    tour tour;
    comparison comparison;
    scores scores;
} evaluation;
rondo_status evaluation_open(evaluation *, const rondo_model *);
rondo_status evaluation_run(evaluation *, const rondo_dataset *, int64_t batch_size);
void evaluation_close(evaluation *);

/* ---- order.c: which sample comes when in an epoch ---- */
typedef struct epoch_order {
    const rondo_dataset *data;
    int64_t *item;         /* [data->count] the order, batch after batch */
    int64_t batch, window; /* samples that are sorted together; 0: none are */
    void *sizes;           /* [window] */
    int64_t *turn;         /* [batches of a window] */
} epoch_order;
rondo_status order_new(epoch_order *, const rondo_dataset *, const rondo_fit_options *);
void order_keep(epoch_order *);                               /* as the data have it */
void order_draw(epoch_order *, uint64_t seed, int64_t epoch); /* of this epoch, drawn by the seed */
void order_free(epoch_order *);
/* item[n]: the samples [first, first + n), shorter ones first, as they are where lengths do not differ. */
rondo_status order_by_length(int64_t *item, const rondo_dataset *, int64_t first, int64_t n);

/* ---- fit.c ---- */
/* How many groups of layers train in this epoch; 0: all. */
int64_t fit_groups(const rondo_fit_options *, int64_t epoch);
int fit_interrupts(void); /* how often rondo_interrupt was called */

/* ---- checkpoint.c: exact resume ---- */
typedef struct fit_position {      /* where a fit stands */
    int64_t epoch, batch, samples; /* batch and samples of this epoch */
    bool done;                     /* ended by a callback … */
    int64_t epochs;                /* … when so many epochs were wanted */
} fit_position;
/* Before anything is frozen or thawed on the way: the model that the checkpoints are of. */
rondo_status checkpoint_note_model(training *, const rondo_model *);
rondo_status checkpoint_save(const char *path, const rondo_model *, const rondo_dataset *,
                             const rondo_fit_options *, const fit_position *);
rondo_status checkpoint_load(const char *path, rondo_model *, const rondo_dataset *,
                             const rondo_fit_options *, fit_position *);

/* ---- Callbacks: one per file ---- */
typedef struct callback_self callback_self;
typedef struct callback_row {
    const char *name, *help;
    option_table options;
    size_t self_size, options_offset; /* of what user points at: callback_self, options, the rest */
    rondo_status (*open)(callback_self *); /* options are set: check them; may be NULL */
    void (*close)(callback_self *);        /* may be NULL; options are freed after it */
    rondo_status (*on)(rondo_event, rondo_model *, rondo_progress *, void *user);
    rondo_status (*save)(void *user, const void **bytes, size_t *n); /* as in rondo_callback */
    rondo_status (*load)(void *user, const void *bytes, size_t n);
    bool watches; /* is no part of the run: may come and go when that is resumed */
} callback_row;
struct callback_self { /* what a built-in callback's user points at begins so */
    const callback_row *row;
    bool gave_up; /* one that watches: it failed in this fit, and is called no more */
};
static inline void *callback_options(callback_self *self)
{
    return (char *)self + self->row->options_offset;
}
extern const callback_row callback_early_stopping, callback_model_checkpoint,
    callback_reduce_lr_on_plateau, callback_csv_logger, callback_tensorboard,
    callback_terminate_on_nan, callback_until;

void optimizer_register_all(void); /* table.c */
void schedule_register_all(void);
void callback_register_all(void);

/* callback.c: what they share. */
bool callback_watches(const rondo_callback *); /* a row's `watches`; false for a user's own */
/* Calls it. One that watches ends no training by a failure: *gave_up says that it has just given up. */
rondo_status callback_call(const rondo_callback *, rondo_event, rondo_model *, rondo_progress *,
                           bool *gave_up);
/* The value of a metric at the end of an epoch; E_ARG, listing what there is, when there is none of
 * that name. */
rondo_status monitor_value(const rondo_progress *, const char *who, const char *monitor,
                           double *value);
/* "auto" "min" "max" → whether more is better. */
rondo_status monitor_mode(const char *who, const char *mode, const char *monitor, bool *higher);
static inline bool monitor_better(bool higher, double now, double best, double min_delta)
{
    return higher ? now - min_delta > best : now + min_delta < best;
}
typedef struct condition { /* "val_accuracy >= 0.99" */
    char score[LIMIT_NAME];
    double value;
    bool above, or_equal;
} condition;
rondo_status condition_parse(condition *, const char *text);
/* Never of a score that is not a number; E_ARG when there is none of that name. */
rondo_status condition_met(const condition *, const rondo_progress *, bool *met);
void number_text(char text[32], double number); /* the shortest that reads back as the same */
/* Opens a log to go on after its first `keep` bytes; flushes it and says how long it is now. */
rondo_status log_open(FILE **, const char *path, int64_t keep);
rondo_status log_flush(FILE *, const char *path, int64_t *size);
uint32_t tfrecord_crc(const void *data, size_t n); /* masked CRC-32C */
#endif
