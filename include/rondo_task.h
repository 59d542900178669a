/* rondo_task.h - pipelines and runs, for programs such as ours: task + data in, run directory out.
 *
 * A recipe is what to do, as keys and values; every command-line option is a key.  A pipeline is a
 * model with all it needs to read raw data and to say what its numbers mean: task, reader, classes,
 * scalers.  It travels in the model file.  A run is a directory: model.safetensors (the result),
 * best.safetensors (the best epoch by validation), last.safetensors (the checkpoint), log.csv,
 * events.out.tfevents.*, manifest.json. */
#ifndef RONDO_TASK_H
#define RONDO_TASK_H
#include "rondo.h"
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Recipes ---------------------------------------------------------------------------- */
typedef struct rondo_recipe rondo_recipe;
typedef struct rondo_recipe_key {
    const char *name;     /* "learning_rate"; --learning-rate on a command line */
    const char *argument; /* "N" "FILE" "PATH" "TEXT" …, NULL for a flag */
    const char *initial;  /* the default, for people; NULL: none */
    const char *help;
    const char *verbs; /* "train eval": who takes it */
    const char *join;  /* what lies between the items when a recipe gives a list */
} rondo_recipe_key;
/* Ours first, then the options of every reader and optimizer that is built in. */
const rondo_recipe_key *rondo_recipe_keys(int *n);
/* The key of that name (dashes or underscores, aliases such as "lr") that the verb takes; NULL with
 * the sentence set ("did you mean") when it takes none. verb NULL: any. */
const rondo_recipe_key *rondo_recipe_find(const char *verb, const char *name);
rondo_recipe *rondo_recipe_new(void);
/* E_NAME when the verb takes no such key; E_ARG when the value is none of its kind. */
rondo_status rondo_recipe_set(rondo_recipe *, const char *verb, const char *key, const char *value);
const char *rondo_recipe_get(const rondo_recipe *, const char *key); /* NULL when not set */
bool rondo_recipe_is_path(const rondo_recipe_key *); /* its value names a file, or several */
/* The key's text as seen from here when its paths are relative to `folder` (NULL, "": to here); lists
 * "a=FILE; b=FILE" item by item, task:… and - as they are, and so is every key's that names no file.
 * free() it. */
rondo_status rondo_recipe_place(char **placed, const rondo_recipe_key *, const char *text,
                                const char *folder);
void rondo_recipe_free(rondo_recipe *);

/* ---- Facts: what inspect and doctor show ------------------------------------------------- */
/* Called once per fact, in order; a list has tabs between its items. */
typedef void rondo_fact(const char *name, const char *value, bool list, void *user);
/* Version, CPU, kernel tables, threads, libraries, everything built in. E_IO when the machine lacks
 * something Rondo needs (a writable temporary folder); the facts are given all the same. */
rondo_status rondo_doctor(rondo_fact *, void *user);
/* What is built in: "activations", "cells", "layers" or "initializers". One fact for each, its name
 * and a line about it. E_NAME: there is no such kind. */
rondo_status rondo_reference(const char *kind, rondo_fact *, void *user);
/* All about one of them, by any of its names; kind NULL: of the first kind that has it. Formula,
 * derivative, range and source of an activation; equations, gates and weights of a cell; options of
 * a layer. E_NAME: there is none; no fact was told then. fact NULL: only whether it is there. */
rondo_status rondo_reference_entry(const char *kind, const char *name, rondo_fact *, void *user);
/* The i-th kind, "activations" first; NULL past the last. */
const char *rondo_reference_kind(int i);

/* ---- Runs ------------------------------------------------------------------------------- */
enum { RONDO_MAX_SCORES = 32 };
/* What it cost that a model's functions are others than its base's, on the validation data: scores of
 * the base as it was, of the new model before anything was trained, and of its best epoch. Metrics are
 * in the data's own units. */
typedef struct rondo_exchange {
    char functions[512]; /* "lstm.i,f,o sigmoid -> hard_sigmoid; …"; "": none were exchanged */
    char reason[512];    /* why that was not judged; "" */
    bool judged;         /* to the end */
    int n;
    const char *name[RONDO_MAX_SCORES]; /* "loss", "perplexity" … */
    double before[RONDO_MAX_SCORES], exchanged[RONDO_MAX_SCORES], after[RONDO_MAX_SCORES];
} rondo_exchange;
typedef struct rondo_run_report {
    bool resumed;      /* went on from a checkpoint */
    bool already_done; /* nothing to do: finished before */
    bool stopped;      /* by a signal; a checkpoint is there */
    bool reached;      /* what `until` says, in the last epoch */
    bool guarded;      /* the base's loss had risen more than `guard` allows */
    bool spans;        /* its schedule spans the run: with more epochs it is another run */
    int64_t first_epoch, epochs;
    int64_t steps; /* batches (or windows of them) trained on, in all epochs of the run */
    int64_t parameters, samples, validation_samples;
    uint64_t seed;
    const char *task;  /* "classify" */
    char output[1024]; /* the run directory */
    rondo_exchange exchange;
    /* Lines, for `started` alone; "" afterwards. notes: what was decided for the user: loss, metrics,
     * classes …; warnings: what is not as it was written or may not be as it was meant: a formula's
     * pole, an epoch of fewer batches than were asked for. */
    const char *notes, *warnings;
} rondo_run_report;
/* Trains as the recipe says, into its `output` directory; resumes there. `started` (may be NULL) is
 * called once the model and the data are known. The report is filled as far as it got. */
rondo_status rondo_run_train(const rondo_recipe *, const rondo_callback *, int n_callbacks,
                             void (*started)(const rondo_run_report *, const rondo_model *,
                                             void *user),
                             void *user, rondo_run_report *);
/* Writes a commented recipe, and sample data, for a task into a new directory. E_NAME lists them.
 * */
rondo_status rondo_task_start(const char *task, const char *directory);
/* The i-th of the recipes that it writes, in the order in which they are trained; NULL past the last. */
const char *rondo_task_recipe(const char *task, int i);
int rondo_task_count(void);
const char *rondo_task_name(int i, const char **help);

/* ---- Studies: a recipe at every point of a grid ----------------------------------------- */
typedef struct rondo_study rondo_study;
rondo_study *rondo_study_new(void);
void rondo_study_free(rondo_study *);
/* A key of the recipe, of those that train takes; its text may hold {placeholders}: names of axes and
 * of keys that an axis's values bring. Paths are relative to `folder` (NULL: to where we are). */
rondo_status rondo_study_set(rondo_study *, const char *key, const char *text, const char *folder);
/* The same, but it wins over all: an option of the command line. */
rondo_status rondo_study_override(rondo_study *, const char *key, const char *text);
/* One more value of an axis, which begins with its first one. Where the axis is called like a key that
 * names files, the label is one, relative to `folder`. */
rondo_status rondo_study_vary(rondo_study *, const char *axis, const char *label,
                              const char *folder);
/* … and a key that the last value brings: one of train's, or a placeholder. */
rondo_status rondo_study_bring(rondo_study *, const char *key, const char *text,
                               const char *folder);
bool rondo_study_has_axis(const rondo_study *, const char *axis);
/* Takes the axis away, for one that replaces it; nothing happens when there is none. */
void rondo_study_drop(rondo_study *, const char *axis);
rondo_status rondo_study_seed(rondo_study *, uint64_t seed); /* one more; none: 0 alone */
/* A score to compare by, "test_accuracy"; none: the first of test data, else of validation. better:
 * "higher", "lower", or NULL: what the metric's name says. */
rondo_status rondo_study_measure(rondo_study *, const char *measure, const char *better);
/* An axis whose values are compared; the other axes make the blocks that ranks are averaged over.
 * None: all axes but those that choose the data. */
rondo_status rondo_study_compare(rondo_study *, const char *axis);

typedef struct rondo_study_event {
    int64_t done, total; /* runs that have come to an end */
    double work, left;   /* of this call: runs' worth done, parts counted, and to do */
    const char *run;     /* that ended just now, "lstm-tanh-0"; NULL: one has come further */
    const char *outcome; /* "finished", "diverged", "failed" */
    const char *detail;  /* "test_accuracy 0.91", or what went wrong */
    double seconds;      /* it took */
    const char *warning; /* found while checking, each once: a formula's pole …; NULL: none */
} rondo_study_event;
typedef struct rondo_study_report {
    int64_t total, before, finished, diverged, failed; /* runs; before: of earlier calls */
    int64_t others; /* in the folder's runs/ that are no points of this grid */
    bool stopped;
    char failure[512]; /* of the first run that failed */
} rondo_study_report;
/* Makes every run that has not come to an end, `jobs` at a time (0: as many as the machine has
 * processors), in folder/runs/, and writes what came out: results.csv, study.md, study.html and their
 * pictures. What cannot work is found before anything is trained. A run that fails is counted, and
 * tried again by the next call; one that diverges is a result. Stopped, the same call goes on.
 * `tell` is called by one thread at a time. */
rondo_status rondo_study_run(rondo_study *, const char *folder, int jobs,
                             void (*tell)(const rondo_study_event *, void *user), void *user,
                             rondo_study_report *);
/* Writes it again, of the runs that a study's folder holds; failed: those that cannot be read. */
rondo_status rondo_study_write(const char *folder, rondo_study_report *);
/* What made it, for the pages. */
rondo_status rondo_study_command(rondo_study *, const char *command);

/* ---- Tokenizers: text to token ids and back, docs/TOKENIZERS.md -------------------------------- */
typedef struct rondo_tokenizer rondo_tokenizer; /* used by one thread at a time */
/* A Hugging Face tokenizer.json (any path that ends in .json), or the one in a model file or run
 * directory. E_FORMAT when it is malformed, E_ABSENT when it asks for what Rondo has not. */
rondo_status rondo_tokenizer_open(rondo_tokenizer **, const char *path);
/* "bpe vocab_size=8000" …, on the texts of n files; the recipe's readers' options say where those are
 * in them (may be NULL). tell (may be NULL): so much of `total` is done, 0: nobody knows. */
typedef void rondo_train_tell(const char *what, int64_t done, int64_t total, void *user);
rondo_status rondo_tokenizer_train(rondo_tokenizer **, const char *spec, const char *const *files,
                                   int n, const rondo_recipe *, rondo_train_tell *, void *user);
rondo_status rondo_tokenizer_save(const rondo_tokenizer *,
                                  const char *path); /* as tokenizer.json */
void rondo_tokenizer_free(rondo_tokenizer *);
/* Borrowed until the next call. plain: nothing is added, cut off or padded. E_FORMAT: no UTF-8. */
rondo_status rondo_tokenizer_encode(rondo_tokenizer *, const char *text, size_t n, bool plain,
                                    const int32_t **ids, int64_t *count);
rondo_status rondo_tokenizer_decode(rondo_tokenizer *, const int32_t *ids, int64_t n,
                                    const char **text, size_t *size);
int64_t rondo_tokenizer_size(const rondo_tokenizer *);                  /* the highest id + 1 */
const char *rondo_tokenizer_token(const rondo_tokenizer *, int64_t id); /* NULL: there is none */
rondo_status rondo_tokenizer_facts(const rondo_tokenizer *, rondo_fact *, void *user);
/* Of the texts of a file: tokens per word, bytes per token, how many are unknown … */
rondo_status rondo_tokenizer_measure(rondo_tokenizer *, const char *file, const rondo_recipe *,
                                     rondo_fact *, void *user);
/* The i-th kind that can be trained, NULL past the last; and the options of one. */
const char *rondo_tokenizer_kind(int i, const char **help);
rondo_status rondo_tokenizer_options(const char *kind, rondo_fact *, void *user);

/* ---- Pipelines -------------------------------------------------------------------------- */
typedef struct rondo_pipeline rondo_pipeline;
/* A model file or a run directory; threads 0: as many as the machine has. */
rondo_status rondo_pipeline_open(rondo_pipeline **, const char *model_or_run, int threads);
rondo_model *rondo_pipeline_model(rondo_pipeline *);     /* borrowed */
const char *rondo_pipeline_task(const rondo_pipeline *); /* "" when the file holds a bare model */
const char *rondo_pipeline_json(const rondo_pipeline *); /* all it knows; "{}" for a bare model */
/* File, task, reader, classes, features, targets, scaling, training. */
rondo_status rondo_pipeline_facts(const rondo_pipeline *, rondo_fact *, void *user);
/* Opens data as the model was trained on: same reader options, classes, features. Keys of the
 * recipe: data, labels, format and the readers' options, which win over the pipeline's. */
rondo_status rondo_pipeline_data(rondo_pipeline *, rondo_dataset **, const rondo_recipe *,
                                 bool need_targets);
/* Columns that samples may be grouped by (the key `by`). */
enum { RONDO_MAX_BY = 4 };
/* Fills names[] and values[] (room for n), *count of them: loss first. The loss is in the units of
 * training (scaled targets), metrics are in the data's own. */
rondo_status rondo_pipeline_evaluate(rondo_pipeline *, const rondo_dataset *, int64_t batch,
                                     const char **names, double *values, int n, int *count);
/* Wilson's 95 % interval of a score that is a share of so many samples, "accuracy"; false: it is none. */
bool rondo_score_interval(const char *name, double score, int64_t samples, double *low,
                          double *high);
/* How far outputs drift from those of f32 when weights are kept in "bf16" or "int8" (see
 * rondo_set_weight_storage): the largest difference of an output, in the data's own units, at steps
 * 1, 10, 100 … and the last, over the first samples. E_ARG when the model cannot run step by step. */
typedef void rondo_drift(int64_t step, double largest, void *user);
rondo_status rondo_pipeline_drift(rondo_pipeline *, const rondo_dataset *, const char *storage,
                                  rondo_drift *, void *user);
/* What the scores of a language model are per, and how much of the text they are of. */
typedef struct rondo_text_unit {
    const char *unit; /* "word" "sub-word" "character" "byte" */
    const char *end;  /* the token that ends a text and counts as one; NULL: there is none */
    int64_t streams, tokens, unknown, bytes;
} rondo_text_unit;
/* Of data that rondo_pipeline_data opened; false when it is no language model. */
bool rondo_pipeline_text_unit(const rondo_pipeline *, const rondo_dataset *, rondo_text_unit *);
/* The confusion matrix of the last evaluation, [true][predicted]; NULL when the task has none. */
const double *rondo_pipeline_confusion(const rondo_pipeline *, int64_t *classes);
const char *rondo_pipeline_class(const rondo_pipeline *, int64_t i); /* NULL past the last */

/* ---- Answers ---------------------------------------------------------------------------- */
/* One sample, or one step of a sample for outputs over time (step is -1 otherwise): label is the
 * predicted class or NULL; values are probabilities or numbers in the data's own units. */
typedef struct rondo_prediction {
    int64_t sample, step;
    const char *label;
    const rondo_real *values; /* [n] */
    int n;
} rondo_prediction;
/* Calls row() for each, in the order of the data. */
rondo_status rondo_pipeline_predict(rondo_pipeline *, const rondo_dataset *, int64_t batch,
                                    rondo_status (*row)(const rondo_prediction *, void *user),
                                    void *user);
int rondo_pipeline_columns(const rondo_pipeline *);
bool rondo_pipeline_labels(const rondo_pipeline *); /* predictions have labels */
const char *rondo_pipeline_column(const rondo_pipeline *, int i);
bool rondo_pipeline_over_time(const rondo_pipeline *); /* predictions have steps */

/* Sample i drawn with letters, at most `width` in a line: many features as an image, few as lines
 * over time; text is text. free() it. */
rondo_status rondo_sample_draw(const rondo_dataset *, int64_t i, int width, char **text);

/* One step: x[n] in the data's own units → the prediction (valid until the next step). The state is
 * carried inside. */
rondo_status rondo_pipeline_stream(rondo_pipeline *, const rondo_real *x, int64_t n,
                                   rondo_prediction *);
int64_t rondo_pipeline_inputs(const rondo_pipeline *); /* numbers a step takes */
/* The carried state in a safetensors file, atomic. E_MISMATCH when it is another model's. */
rondo_status rondo_pipeline_state_save(rondo_pipeline *, const char *path);
rondo_status rondo_pipeline_state_load(rondo_pipeline *, const char *path);
/* Gradient check of the pipeline's model on generated inputs of its own shapes, in double. */
rondo_status rondo_pipeline_check(rondo_pipeline *, double *worst);
void rondo_pipeline_free(rondo_pipeline *);

/* ---- Generating text -------------------------------------------------------------------- */
typedef struct rondo_generate_options {
    size_t size;        /* of this struct; 0 everywhere means default */
    const char *prompt; /* UTF-8; NULL: the beginning of a text */
    const char *stop;   /* a sample ends before this text; NULL: none */
    int64_t length;     /* tokens of a sample at most; 0: 200 */
    int64_t samples;    /* 0: 1; each is the same whatever their number */
    uint64_t seed;
    bool greedy;        /* always the most likely token; else one is drawn … */
    double temperature; /* … by probability ^ (1 / temperature); 0: 1 */
    int64_t top_k;      /* … out of so many likeliest; 0: all */
    double top_p;       /* … out of the likeliest that together have this probability; 0: 1 */
    double
        repetition_penalty; /* Keskar et al. 2019: divides what speaks for a token that was read or
                                * said before; 0: 1, none */
    int64_t beams;          /* instead of drawing: a search with so many beams; 0: none */
    double length_penalty;  /* of beams: texts are compared by Σ log p / length ^ this; 0: 1 */
    bool scores;            /* log-probabilities are wanted */
} rondo_generate_options;
typedef struct rondo_piece { /* what a token adds to a sample */
    int64_t sample;
    int32_t id;
    const char *token;      /* as the vocabulary has it: "Ġthe" */
    double log_probability; /* that the model gives it, whatever it was drawn by; NAN: not wanted */
    const char *text;       /* the text goes on with these bytes, whole letters; perhaps none yet */
    size_t size;
    const char *finish; /* with the last one: "length" "end" (the model ended the text) or "stop" */
} rondo_piece;
typedef struct rondo_generator rondo_generator;
/* Borrows the pipeline, of a language model; copies what the options say. What the prompt has that
 * is not in the vocabulary is read as the unknown token, see the remark; E_ARG where there is none.
 * Padding, begin-of-text and unknown tokens are never said. */
rondo_status rondo_generator_new(rondo_generator **, rondo_pipeline *,
                                 const rondo_generate_options *);
const char *rondo_generator_remark(const rondo_generator *); /* a sentence; NULL: nothing to say */
/* The next piece, valid until the call after: samples that are made together take turns. *more false:
 * that was all. Allocates nothing. */
rondo_status rondo_generator_next(rondo_generator *, rondo_piece *, bool *more);
void rondo_generator_free(rondo_generator *);

/* ---- Speed ------------------------------------------------------------------------------ */
typedef struct rondo_bench_case {
    const char *letter;     /* a stream's step; b a sequence; c sequences, batched; d training of a
                             * layer; e training of a network; f training of a language model;
                             * "activations"; "memory" of the training of two such layers and a
                             * dense one; "peak" */
    const char *cell;       /* "lstm"; "network" for e, "language" for f, "fma" for peak */
    const char *activation; /* of all gates; NULL: the cell's own */
    int64_t batch, steps, inputs, units; /* of f: inputs is the vocabulary */
    const char *numbers; /* of d and f: products in "bf16"; of a, b and c: the weights, as
                          * rondo_set_weight_storage has them; NULL: f32 */
} rondo_bench_case;
typedef struct rondo_bench_result {
    double us;     /* of one call, the median of the samples */
    double gflops; /* of 2·B·T·G·H·(I+H) operations, three times that when training */
    double peak;   /* GFLOP/s that so many threads of this machine reach so, as measured */
    int samples;
    double relative;  /* of activations alone: times as long as with the usual ones, in turn */
    double bytes;     /* of memory alone: the most that is resident during steps, above the idle
                       * process … */
    double own_bytes; /* … and above one that has trained a tiny network of the kind before */
} rondo_bench_result;
/* The cases that `rondo bench` measures; NULL past the last. */
const rondo_bench_case *rondo_bench_case_at(int i);
/* Measures a case, of these or of your own, for about so many seconds on so many threads (0: all),
 * and compares what was computed with a slow and plain computation: E_STATE when they differ, or
 * when the figure is above the machine's peak. */
rondo_status rondo_bench(rondo_bench_result *, const rondo_bench_case *, int threads,
                         double seconds);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
