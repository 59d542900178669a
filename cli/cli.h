/* cli - the program.  It stands on the public headers; what it adds is words: options in, tables,
 * bars, JSON and exit codes out.  Results go to stdout, everything else to stderr. */
#ifndef RONDO_CLI_H
#define RONDO_CLI_H
#include "rondo_insight.h"
#include "rondo_task.h"
#include <stdio.h>

enum exit_codes {
    EXIT_OK,
    EXIT_CHECK,     /* a check failed */
    EXIT_USAGE,     /* the command line or the recipe */
    EXIT_INPUT,     /* malformed data or model */
    EXIT_FILES,     /* reading or writing */
    EXIT_MEMORY,    /* memory, or over a limit */
    EXIT_DIVERGED,  /* the loss is not a number */
    EXIT_OTHER_RUN, /* the checkpoint is another run's */
    EXIT_PREEMPTED = 75,
    EXIT_INTERRUPTED = 130
};
int exit_of(rondo_status);

enum { MAX_WORDS = 64, MAX_OPTIONS = 128 };

typedef struct given { /* an option as it was given */
    const char *key, *value;
} given;

typedef struct call { /* one command line */
    const struct command *command;
    const char *words[MAX_WORDS];
    int n_words;
    given options[MAX_OPTIONS];
    int n_options;
    rondo_recipe *recipe; /* the options; for train, of the recipe file, too */
    bool help, json, quiet;
    int threads;
} call;

typedef struct command {
    const char *name;
    const char *words; /* "MODEL [FILE]" */
    int least, most;   /* how many words */
    const char *help;
    const char *more; /* what --help says besides, examples last; may be NULL */
    int (*run)(call *);
} command;

/* ---- commands.c ---- */
const command *command_find(const char *name); /* NULL with a message on stderr */
const command *command_at(int i);              /* NULL past the last */
int command_new(call *), command_train(call *), command_finetune(call *), command_eval(call *),
    command_predict(call *), command_stream(call *), command_inspect(call *), command_check(call *),
    command_diagnose(call *), command_doctor(call *), command_bench(call *),
    command_explain(call *), command_report(call *), command_study(call *),
    command_tokenize(call *), command_generate(call *), command_adapt(call *), command_help(call *);

/* ---- options.c ---- */
/* Splits a command line; EXIT_OK, or EXIT_USAGE with a message. Options reach the recipe by… */
int options_read(call *, int argc, char **argv);
int options_apply(call *); /* … this, after a recipe file was read */

/* ---- recipe.c ---- */
/* Reads FILE.yaml into the call's recipe; paths in it are relative to it. With a study, its keys and
 * axes go there, but those that only say how it is made. */
int recipe_read(call *, rondo_study *, const char *path);
bool is_recipe(const char *word); /* FILE.yaml */

/* ---- help.c ---- */
void help_all(FILE *);
void help_command(FILE *, const command *);

/* ---- output.c ---- */
int fail(rondo_status); /* "rondo: sentence" of the last failure; gives its exit code */
int complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
void remark(const call *, const char *format, ...) __attribute__((format(printf, 2, 3)));
int finish_output(void); /* flushes stdout; EXIT_FILES with a message when that failed */
void json_text(FILE *, const char *text); /* quoted */
char *shell_text(const char *text); /* as a shell takes it: in quotes unless harmless; free() it */
void json_number(FILE *, double);   /* null when it is none */
void csv_text(FILE *, const char *text);         /* quoted where it must be */
void adapters_json(FILE *, const rondo_model *); /* adapt.c: a list of them */
void prediction_row(FILE *, const rondo_pipeline *, const rondo_prediction *, bool json);
int terminal_width(FILE *); /* 0: no terminal */
bool shows_colour(FILE *);
bool speaks_utf8(void); /* by the locale */
/* Facts as an aligned list, or as members of a JSON object. */
typedef struct fact_sheet {
    FILE *out;
    bool json;
    int n;
} fact_sheet;
rondo_fact show_fact; /* user is a fact_sheet */

/* ---- data.c ---- */
typedef struct job { /* a model and data for it */
    rondo_pipeline *pipeline;
    rondo_dataset *data;
    long long batch;
} job;
int open_both(call *, job *, bool need_targets);
int keep_weights(const call *, rondo_pipeline *); /* in what --weights says */
void close_both(job *);

/* ---- heat.c ---- */
/* attribution: the numbers beside the lines are sums, not means. */
rondo_status heat_print(const rondo_map *, bool attribution);
/* Of one column over a text: a line a token, those that weigh most. */
rondo_status heat_tokens(const rondo_map *, int64_t column, char *const *tokens);

/* ---- findings.c: what a diagnosis comes to, sentence by sentence ---- */
void print_findings(FILE *, const rondo_diagnosis *, bool chinese);
/* Those that are not in `before` (NULL: all), shorter, while something is under way. */
void print_new_findings(FILE *, const rondo_diagnosis *, const rondo_diagnosis *before);

/* ---- groups.c: what eval --by shows ---- */
void print_groups(const rondo_breakdown *);
void json_groups(const rondo_breakdown *); /* members of an object, after others */
void remark_groups(const call *, const rondo_breakdown *);

/* ---- progress.c ---- */
typedef struct progress {
    FILE *out;
    bool quiet, colour, unicode;
    int width;
    double begun, epoch_begun, drawn; /* seconds */
    int64_t first_epoch, first_batch; /* where this process took up */
    bool under_way;
    double judged[2]; /* val_loss, or loss: the least before the last epoch, the last; 0: none */
    char last[1024];  /* members of a JSON object: scores of the last epoch */
} progress;
void progress_init(progress *, FILE *, bool quiet);
rondo_callback progress_callback(progress *);
/* A bar of many runs: so many of all are done; work and left in runs, parts counted. */
void progress_part(progress *, int64_t done, int64_t total, double work, double left);
void progress_clear(progress *); /* before other text is written */

/* ---- signals.c ---- */
void signals_ignore(void);
void signals_catch(void (*interrupt)(void)); /* SIGINT, SIGTERM: once softly, then hard */
int signals_exit(void);                      /* the exit code of the signal that came, or 0 */
#endif
