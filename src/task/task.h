/* task - data + model + meaning = a pipeline; a recipe and a folder = a run.
 *
 *   recipe    keys and values, from a command line or a YAML file         recipe.c
 *   plan      what a recipe comes to: task, data, model, loss             plan.c
 *   pipeline  a model with its reader, classes and scalers                pipeline.c
 *             … used: predict.c, evaluate.c, drift.c, stream.c, check.c
 *   run       a folder that a plan trains into, and resumes in            run.c, folder.c, manifest.c */
#ifndef RONDO_TASK_INTERNAL_H
#define RONDO_TASK_INTERNAL_H
#include "rondo_task.h"
#include "text/text.h"
#include "train/train.h"

enum {
    PIPELINE_VERSION = 1,
    MANIFEST_VERSION = 1,
    PIPELINE_ITEMS = 4096 /* most samples of one batch that is predicted */
};

typedef struct plan plan;
/* ---- table.c: one row per task ---- */
typedef struct task_row {
    const char *name, *help;
    const struct task_row *as; /* another one, of which it is a beginning; NULL: it is its own */
    target_kind target;
    const char *metrics; /* the default ones */
    int64_t batch, bptt; /* the default ones; 0: 32, and never */
    bool in_time_order;  /* a validation split is the end of the data, not a drawn part */
    const char
        *first; /* what `rondo new` writes as pretrain.yaml, to be trained first; or NULL … */
    const char *recipe;                           /* … as recipe.yaml */
    const char *data;                             /* … and the name of the sample data */
    rondo_status (*sample)(file_writer *, rng *); /* … which this writes, as CSV */
} task_row;
extern const task_row task_classify, task_regress, task_forecast, task_sentiment, task_finetune,
    task_language;
void task_register_all(void);
/* Adds one line of text to a file being written. */
rondo_status task_line(file_writer *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* ---- recipe.c, recipe_keys.c ---- */
/* Verbs that open data as a model has them. */
#define READS_DATA "train eval predict diagnose explain report"
typedef struct own_key {
    rondo_recipe_key key;
    option_type type;
} own_key;
const own_key *recipe_own_keys(int *n);
typedef enum key_source { KEY_OWN, KEY_READER, KEY_OPTIMIZER } key_source;
bool recipe_flag(const rondo_recipe *, const char *key);
/* The value, or `initial` when the key is not set; E_ARG when it is under `least`. */
rondo_status recipe_int(const rondo_recipe *, const char *key, int64_t initial, int64_t least,
                        int64_t *value);
rondo_status recipe_real(const rondo_recipe *, const char *key, double initial, double *value);
/* "first key=value …" of the keys that are set and come from there; alloc_free it. */
const char *recipe_given(const rondo_recipe *, const char *key); /* by itself, not by its preset */
/* preset.c: what a preset says of a key that the recipe does not set; NULL: nothing. */
void preset_register_all(void);
const char *preset_value(const rondo_recipe *, const char *key);
rondo_status preset_check(const rondo_recipe *); /* E_NAME: there is no such preset */
void preset_note(const rondo_recipe *,
                 text_buffer *notes); /* the keys that it brings, a line each */
const char *preset_line(const char *name);
rondo_status preset_tell(const char *name, rondo_fact *, void *user);
rondo_status recipe_spec(char **spec, const rondo_recipe *, key_source, const char *first);
/* The columns that `by` names; text_list_free them. */
rondo_status recipe_groups(char ***names, int *n, const rondo_recipe *);
json_t *recipe_to_json(const rondo_recipe *); /* what is set; NULL when memory is out */
/* ---- path.c ---- */
/* The bytes of the label in "256=FILE"; 0: a path alone. */
size_t path_label(const char *item);
/* rondo_recipe_place; whole: what is there by its full path, without links. */
rondo_status path_place(char **placed, const rondo_recipe_key *, const char *text,
                        const char *folder, bool whole);
/* Whether a tokenizer is named by a path, of a tokenizer.json or of a model, not by a spec: it ends
 * in .json or .safetensors, or its first word has a slash. */
bool path_is_tokenizer(const char *text);
/* ---- text_data.c ---- */
typedef struct text_cut { /* what stays of a long text: */
    int64_t most;         /* so many tokens; 0: all … */
    bool front;           /* … the last ones: the front is cut off */
} text_cut;
/* Token ids, with targets, classes and groups as the raw text has them. Takes `raw`, also when it
 * fails. */
rondo_status text_data(rondo_dataset **, rondo_dataset *raw, const tokenizer *, const text_cut *);
/* That of a tokenizer.json, or of a model file or run directory, whose weights stay unread. */
rondo_status tokenizer_at(tokenizer **, const char *path);
/* "word max_tokens=20000", trained on these texts, or a path. */
rondo_status text_tokenizer(tokenizer **, const char *kind, const rondo_dataset *raw);

/* What the end token stands behind, of a language model's text. */
typedef enum text_ends {
    TEXT_ENDS_NOT,
    TEXT_ENDS_LINES,
    TEXT_ENDS_DOCUMENTS,
    TEXT_ENDINGS
} text_ends;
/* ---- vectors.c ---- */
/* The model's embedding begins with the vectors in a file; *found of *tokens are there, others stay. */
rondo_status vectors_load(rondo_pipeline *, const char *path, int64_t *found, int64_t *tokens);
/* ---- pipeline.c ---- */
struct rondo_pipeline {
    rondo_model *model;
    const task_row *task;                  /* NULL: a bare model */
    char *reader_spec;                     /* the options its training data were read with */
    char **classes, **features, **targets; /* names, or NULL */
    int n_classes, n_features, n_targets;
    scaler scale_in, scale_out; /* n is 0: none */
    tokenizer *tokenizer;       /* of a model that reads text; NULL: it reads numbers */
    text_cut cut;
    text_ends ends;   /* of a language model … */
    char *unit;       /* … whose tokens are "word" "sub-word" "character" "byte"; else NULL */
    double threshold; /* of two classes: the second is told over it; 0: at 0.5 */
    char **columns;   /* of a prediction */
    int n_columns;
    char *json;
    char *folder;         /* of the run it was opened from; NULL: a file */
    char *loss, *metrics; /* specs; NULL: none known */
    double *confusion;
    int64_t n_confusion; /* classes of it */
    pass *pass;          /* of predictions */
    batch batch;
    rondo_stream *stream;
    real *row; /* [columns] values of a prediction, [inputs] and [outputs] of a stream's step */
};
rondo_status pipeline_new(rondo_pipeline **, const task_row *); /* takes no model yet */
/* What was opened as raw text becomes tokens; other data stay as they are. Frees it when it fails. */
rondo_status pipeline_tokens(const rondo_pipeline *, rondo_dataset **, int64_t streams);
/* E_SHAPE when the tokenizer knows more tokens than the model's embedding has rows. */
rondo_status pipeline_check_tokens(const rondo_pipeline *);
/* What of its text each token of sample i is, ended by NULL; text_list_free it. NULL: no text. */
rondo_status pipeline_pieces(const rondo_pipeline *, const rondo_dataset *, int64_t i,
                             char ***pieces);
/* Takes names from the data that it is trained on. */
rondo_status pipeline_learn(rondo_pipeline *, const rondo_dataset *, const char *reader_spec);
/* After model, names and scalers are set: columns, and pipeline_note. */
rondo_status pipeline_seal(rondo_pipeline *);
/* The JSON anew, and the JSON into the model. */
rondo_status pipeline_note(rondo_pipeline *);
/* The file that a path stands for: itself, or the model of a run directory; alloc_free it. */
rondo_status pipeline_file(char **file, const char *path);
const scaler *pipeline_scaler(const scaler *);   /* NULL when it scales nothing */
bool pipeline_is_binary(const rondo_pipeline *); /* one sigmoid that tells two classes apart */
/* Gathers samples items[n] and runs the pass over them. */
rondo_status pipeline_forward(rondo_pipeline *, pass *, const rondo_dataset *, const int64_t *items,
                              int64_t n);
/* rondo_pipeline_evaluate by such a loss and such metrics. */
rondo_status pipeline_judge(rondo_pipeline *, const char *by, const char *metrics,
                            const rondo_dataset *, int64_t rows, const char **names, double *values,
                            int n, int *count);
/* values[columns] of the model's output y[width], in the data's own units; returns the label or NULL. */
const char *pipeline_read(const rondo_pipeline *, real *values, const real *y);
/* ---- corpus.c: text as streams of tokens ---- */
typedef struct corpus_cut {
    bool training; /* else to judge: no token is dropped */
    int64_t rows;  /* streams */
    int64_t bptt;  /* training: a multiple of it is kept of each … */
    bool vary;     /* … unless windows vary */
} corpus_cut;
/* Takes raw text, also when it fails. The pipeline has its tokenizer. */
rondo_status corpus_data(rondo_dataset **, rondo_dataset *raw, const rondo_pipeline *,
                         const corpus_cut *);
/* Raw text in two, the rest having this part of the bytes; both borrow it. */
rondo_status corpus_split(rondo_dataset **most, rondo_dataset **rest, const rondo_dataset *raw,
                          double part);
/* Data as the pipeline reads them; a language model's in such streams. */
rondo_status pipeline_open_data(rondo_pipeline *, rondo_dataset **, const rondo_recipe *,
                                bool need_targets, const corpus_cut *);
bool corpus_is(const rondo_dataset *);
int64_t corpus_targets(const rondo_dataset *); /* tokens that are told in an epoch */
int64_t corpus_unknown(const rondo_dataset *); /* … of which so many, or one more, are unknown */

/* ---- language.c ---- */
bool language_ends_lines(const rondo_pipeline *);
int32_t language_boundary(const rondo_pipeline *); /* the token a text begins after; -1: none */
const char *
language_reading(const plan *,
                 const rondo_recipe *); /* options of a reader that hold unless others do */
rondo_status language_put(const rondo_pipeline *, json_t *); /* its part of the pipeline's JSON … */
rondo_status language_get(rondo_pipeline *, const json_t *); /* … and back */

/* ---- sampler.c: which token comes next ---- */
typedef struct spoken { /* tokens that were read or said, each once */
    int32_t *id;        /* [n] */
    uint8_t *has;       /* [vocabulary] */
    int64_t n;
} spoken;
typedef struct sampler_options {
    double temperature;        /* 0: always the most likely */
    double top_p;              /* of the likeliest that together have so much probability; 1: all */
    int64_t top_k;             /* of so many likeliest; 0: all */
    double repetition_penalty; /* 1: none */
    const int32_t *banned;     /* [n_banned] never chosen; borrowed */
    int n_banned;
} sampler_options;
typedef struct sampler {
    sampler_options options;
    int64_t n;
    const rondo_activation *softmax, *log_softmax;
    real *p;        /* [n] */
    int32_t *order; /* [n] */
} sampler;
rondo_status sampler_open(sampler *, int64_t n, const sampler_options *);
/* One number of the generator is used where one is drawn. */
int32_t sampler_next(sampler *, const real *logits, const spoken *, rng *);
void sampler_ban(const sampler *, real *x); /* what is never chosen is as unlikely as can be */
void sampler_log_probabilities(sampler *, real *log_p, const real *logits);
/* Of order[n], numbers of items: brings those before the others that have the largest p (of equals the
 * lower numbers), until there are `most` or their sum reaches `mass`; returns how many. In no order;
 * in time that grows with n. */
int64_t sampler_best(const real *p, int32_t *order, int64_t n, int64_t most, double mass);
void sampler_close(sampler *);

/* ---- speaker.c: tokens into text, as they come ---- */
typedef struct speaker {
    const tokenizer *how;
    const char *stop;
    size_t n_stop;
    int32_t *id;      /* the last tokens … */
    int64_t n, heard; /* … of which so many are in the text already */
    text_buffer before, now;
    text_buffer held; /* text that is not given yet … */
    size_t given;     /* … but for so much, in the last call */
    bool stopped;     /* the stop text has come */
} speaker;
rondo_status speaker_open(speaker *, const tokenizer *,
                          const char *stop);                  /* borrows; stop or NULL */
void speaker_begin(speaker *, const int32_t *ids, int64_t n); /* the text before; given already */
/* What the text goes on with, without the stop text; valid until the next call. */
rondo_status speaker_say(speaker *, int32_t id, const char **text, size_t *size);
/* After the last token's say, with what that gave: what was held back, too. */
void speaker_end(speaker *, const char **text, size_t *size);
void speaker_close(speaker *);

/* ---- generate.c: a language model writes ---- */
typedef struct sample_row {
    rng rng;
    speaker speaker;
    spoken said; /* .has NULL: nobody asks */
    bool over;
} sample_row;

typedef struct hypothesis { /* a text of a beam search */
    int32_t *id;            /* [n] */
    double *log_p;          /* [n] of each */
    int64_t n;
    double sum, score; /* of log-probabilities; by length, once it is over */
} hypothesis;
typedef struct beam {
    int64_t beams;
    hypothesis *running, *other, *found; /* [beams]; found: over, the best first */
    int64_t n_running, n_found;
    real *log_p, *value; /* [beams·vocabulary] of the candidates: of each token; of the text */
    int32_t *order;      /* [beams·vocabulary] */
    int64_t *from;       /* [beams] rows that go on */
    int64_t sample, position; /* of the next piece */
} beam;

struct rondo_generator {
    rondo_pipeline *pipeline; /* borrowed */
    const tokenizer *how;
    token_specials special;
    int32_t boundary; /* that a text begins with; -1: none */
    rondo_generate_options options;
    char *stop;
    int32_t *prompt; /* [n_prompt] */
    int64_t n_prompt;
    text_buffer remark;
    rondo_stream *stream;
    sampler sampler;
    int32_t *banned; /* [n_banned] ids that are never said */
    int n_banned;
    int64_t rows, n;                  /* samples at a time; outputs of the model */
    sample_row *row;                  /* [rows] */
    int32_t *next;                    /* [rows] what they said last */
    real *logits;                     /* [rows][n] of what comes next */
    real *log_p;                      /* [n] */
    real *first_state, *first_logits; /* after the prompt: of all rows; [n] of each */
    size_t n_state;
    int64_t first, at, step; /* the sample of row 0; the row that is next; tokens said by each */
    beam beam;
};
/* Logits of what comes after these tokens, one of each row. */
rondo_status generator_step(rondo_generator *, const int32_t *tokens);
rondo_status generator_tell(rondo_generator *, speaker *, int32_t id, bool last, rondo_piece *);

/* ---- beam.c ---- */
rondo_status beam_search(beam *, rondo_generator *);
rondo_status beam_next(beam *, rondo_generator *, rondo_piece *, bool *more);
void beam_close(beam *);
/* ---- threshold.c ---- */
typedef struct threshold_row { /* of a sample */
    double p;                  /* the probability of the second class … */
    bool yes;                  /* … and whether it is it */
} threshold_row;
/* The one that does best by "accuracy", "f1" or "balanced_accuracy": between two neighbours, or 0.5; of
 * equally good ones that nearest to 0.5. Sorts the rows. */
double threshold_best(threshold_row *, int64_t n, const char *by);
/* E_ARG when it is no probability, or the model does not tell two classes apart; NULL: nothing. */
rondo_status threshold_set(rondo_pipeline *, const char *text);
/* Of training: a probability, which is set, or what to choose it by, "f1". */
rondo_status threshold_check(const plan *, const char *text);
/* Chooses it on the plan's validation data, when the text says by what; of a model, of one in a file. */
rondo_status threshold_choose(rondo_pipeline *, const plan *, const char *text);
rondo_status threshold_choose_file(const char *file, const plan *, const char *text);

/* ---- head.c: the last layer of a spec, before there is a model ---- */
typedef struct head {
    bool dense, has_units; /* dense, or another that ends in the data's classes */
    char activation[64];   /* "softmax"; "" none */
} head;
rondo_status head_parse(head *, const char *spec);
/* The spec with units filled into its last layer, "…; dense 10 softmax"; alloc_free it. */
rondo_status head_fill(char **filled, const char *spec, int64_t units);
/* Whether an embedding in it leaves the number of tokens to the tokenizer … */
bool spec_wants_tokens(const char *spec);
/* … and the spec with that filled in, "embedding 64 input_dim=8000; …"; alloc_free it. */
rondo_status spec_fill_tokens(char **filled, const char *spec, int64_t tokens);

/* ---- transfer.c: a model made of another ---- */
typedef struct transfer {
    rondo_pipeline *base; /* NULL: the model is new */
    bool keeps_head;      /* it tells what the base told */
    int layers;           /* the first of the model's, which are the base's */
} transfer;
rondo_status transfer_refuse(const rondo_recipe *); /* keys that want a base; there is none */
/* Opens what the recipe calls base; its task, and what its end is, where that is kept. */
rondo_status transfer_open(plan *, const rondo_recipe *, head *);
void transfer_names(const transfer *, reader_request *); /* that the data must have */
bool transfer_reads_text(const transfer *);
rondo_status transfer_tokenizer(const transfer *, rondo_pipeline *);
rondo_status transfer_scalers(const transfer *, rondo_pipeline *);
/* The plan's model: the base's layers as the recipe changes them, and the layers of `end`, NULL: none. */
rondo_status transfer_model(plan *, const rondo_recipe *, const char *end);
rondo_status transfer_weights(plan *); /* once the model is compiled */
/* Whether all numbers of tokens mean what they meant to the base. */
bool transfer_same_tokens(const transfer *, const rondo_pipeline *);
void transfer_close(transfer *);

/* ---- replay.c: the base beside it ---- */
typedef struct replay replay;
/* NULL where the recipe neither replays nor judges the base. Of a compiled model, whose first layers are
 * the base's. */
rondo_status replay_open(replay **, const plan *, const rondo_recipe *, int layers);
rondo_callback replay_callback(replay *);
const rondo_judge *replay_judge(const replay *);      /* NULL: none */
rondo_status replay_scores(const replay *, json_t *); /* of the base before, into the object */
rondo_status replay_note(const replay *, text_buffer *notes);
rondo_status replay_identify(const replay *,
                             char **identity);              /* of the run: the base's data, too */
bool replay_stopped(const replay *);                        /* by the guard */
rondo_status replay_save(const replay *, const char *path); /* the base with its body as it is */
void replay_close(replay *);

/* ---- exchange.c: what exchanged functions cost; nothing where none are ---- */
/* Of the compiled model that has the base's weights: names the functions, judges both, notes it. */
rondo_status exchange_before(rondo_exchange *, plan *, const rondo_recipe *);
rondo_status exchange_after(rondo_exchange *, const plan *, const char *folder);
rondo_status exchange_note(const rondo_exchange *, json_t *story); /* as "exchange" */

/* ---- plan.c ---- */
typedef struct plan_test {
    char *name, *path; /* "test", or "test_256" */
    rondo_dataset *data;
} plan_test;
struct plan {
    const task_row *task;
    char *spec;                       /* of the layers, with units filled in */
    char *optimizer, *loss, *metrics; /* specs */
    const char *compute;              /* of the recipe */
    char *reader_spec;
    rondo_dataset *data, *train, *validation; /* train may be data; validation may be NULL */
    bool reads_text;                          /* the model wants tokens */
    const char *reading; /* a reader's options that hold unless others are given; or NULL */
    bool bits;           /* the targets of a last sigmoid are zeros and ones, and unscaled */
    spool files[2];      /* the data and their labels, when they come as a stream */
    plan_test *tests;
    int n_tests;
    rondo_pipeline *pipeline;
    transfer transfer;
    char *identity; /* what must agree to go on: data, model, options; not epochs, nor threads */
    int64_t epochs, steps_per_epoch, batch, bucket, bptt, threads, patience, unfreeze;
    bool bptt_vary;
    const char *rates;               /* of weights; NULL: 1 */
    const char *until;               /* of the recipe; NULL: none */
    const char *threshold, *vectors; /* the same */
    double checkpoint_seconds;
    uint64_t seed;
    text_buffer notes, warnings; /* lines for the user, see rondo_run_report */
};
rondo_status plan_make(plan *, const rondo_recipe *);
/* Data as the plan's reader has them; `known`: their classes and columns are these. */
rondo_status plan_open(rondo_dataset **, const plan *, const char *path, const char *labels,
                       const rondo_dataset *known, target_kind);
void plan_free(plan *);
rondo_status plan_identify(plan *, const rondo_recipe *); /* identity.c */
/* text_data.c: the tokenizer that the recipe asks for, made from the training data; text becomes tokens
 * everywhere. Nothing where the data are no text. */
rondo_status plan_tokenize(plan *, const rondo_recipe *);
/* The plan's spec is this one, with the rows of embeddings filled in; takes it. */
rondo_status plan_fill_tokens(plan *, char *layers);
rondo_status plan_identify_tokens(const plan *, text_buffer *identity);
/* language.c: the same of a language model, whose data become streams. */
rondo_status language_plan(plan *, const rondo_recipe *);
void language_identify(const plan *, text_buffer *identity);
void language_note(const plan *, text_buffer *notes);
/* adapt.c: freezes, thaws and adapts weights as the recipe has it. */
rondo_status recipe_adapt(rondo_model *, const rondo_recipe *);
/* Its adapters alone; where_fits: those that name none of the model's weights are passed over. */
rondo_status recipe_put_adapters(rondo_model *, const rondo_recipe *, bool where_fits);
void adapt_identify(const rondo_recipe *, text_buffer *identity);

/* ---- test.c ---- */
rondo_status plan_open_tests(plan *,
                             const rondo_recipe *); /* those of the recipe, when it has any */
rondo_status plan_check_tests(const plan *);        /* whether the model can read them */
void plan_close_tests(plan *);
/* The folder's best epoch; NULL: none was kept. */
rondo_status plan_best(const plan *, const char *folder, rondo_pipeline **best);
/* Its scores, or those of the model as it is when none was kept: "test_accuracy",
 * "test_256_loss" … into the object. */
rondo_status plan_judge(const plan *, const char *folder, json_t *result);

/* ---- manifest.c: manifest.json, the run's diary ---- */
typedef struct manifest {
    char *identity;
    bool finished;
    int64_t epochs; /* asked for when it was written */
    json_t *json;   /* NULL: there is no run here */
} manifest;
rondo_status manifest_read(manifest *, const char *folder);
rondo_status manifest_write(const char *folder, const plan *, const rondo_recipe *,
                            const manifest *before, const char *state, const json_t *result,
                            const json_t *training);
void manifest_free(manifest *);

/* ---- run.c ---- */
typedef struct run_outlook {
    text_buffer warnings; /* lines, as a rondo_run_report has them */
    json_t *scores;       /* {name: null} of those that its manifest's result will hold */
} run_outlook;
/* Whether rondo_run_train could begin: data, model, options; writes nothing. The outlook (zeroed, then
 * run_outlook_free) is filled as far as it got. */
rondo_status run_check(const rondo_recipe *, run_outlook *);
void run_outlook_free(run_outlook *);
/* rondo_run_train; one_of_many: no log for TensorBoard, and a checkpoint only every checkpoint_seconds,
 * as writing them is what short runs would take longest for. */
rondo_status run_train(const rondo_recipe *, bool one_of_many, const rondo_callback *,
                       int n_callbacks,
                       void (*started)(const rondo_run_report *, const rondo_model *, void *),
                       void *user, rondo_run_report *);

/* ---- folder.c ---- */
/* The folder this plan may train in, made when it is not there; *m is what it holds of this run so
 * far; *fd keeps others out, see folder_release.  E_MISMATCH when it is another run's (unless the
 * recipe says fresh), E_ARG when it is nobody's and not empty, E_STATE when a process trains there
 * now. */
rondo_status folder_claim(char **folder, int *fd, manifest *m, const plan *, const rondo_recipe *);
void folder_release(int fd); /* another process may train there */
/* Whether `name` is the temporary that file.c writes before `whole`, "whole.tmp-PID-N". */
bool folder_is_temporary(const char *name, const char *whole);
/* --fresh: the files of the run that is there are put aside, the user's stay … */
rondo_status folder_start_over(const char *folder);
/* … and removed once the new run has a checkpoint, or back in their places while it has none. */
rondo_status folder_settle(const char *folder);
rondo_status folder_forget(const char *folder, const char *name); /* one file, if it is there */
#endif
