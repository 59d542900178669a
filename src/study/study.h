/* study - a recipe at every point of a grid, and what came out.
 *
 *   definition   keys, axes, seeds; as study.json            study.c
 *   grid         axes × seeds: recipes and folders of runs   grid.c
 *   jobs         checking and training them, many at once    jobs.c
 *   outcome      what a run left behind; results.csv         outcome.c
 *   table        means, intervals, ranks and their tests     table.c, statistics.c
 *   document     text, tables and pictures, as HTML and Markdown at once    document.c
 *   pages        study.md, study.html and pictures           pages.c, figures.c */
#ifndef RONDO_STUDY_INTERNAL_H
#define RONDO_STUDY_INTERNAL_H
#include "chart/chart.h"
#include "task/task.h"

enum { MAX_AXES = 12, MAX_MEASURES = 16, MAX_RUNS = 100000, STUDY_VERSION = 1 };

/* ---- study.c ---- */
typedef struct study_key {
    char *key, *text, *folder; /* folder NULL: paths as they are */
} study_key;
typedef struct study_keys {
    study_key *items;
    int n;
} study_keys;
typedef struct study_value {
    char *label, *folder; /* folder: that it is relative to, where it is a path */
    study_keys brings;
} study_value;
typedef struct study_axis {
    char *name;
    study_value *values;
    int n;
    bool compared, chooses_data;
} study_axis;
typedef struct study_measure {
    char *name;
    bool higher;
} study_measure;

typedef enum run_state { RUN_WAITING, RUN_FINISHED, RUN_DIVERGED, RUN_FAILED } run_state;
typedef struct study_run {
    int at[MAX_AXES]; /* which value of each axis */
    uint64_t seed;
    char *name, *folder; /* "lstm-tanh-0-1a2b3c4d" */
    rondo_recipe *recipe;
    run_state state;
    double part;   /* of its epochs that are done while it runs */
    json_t *facts; /* its manifest, once it has come to an end */
    char *why;     /* it diverged or failed */
} study_run;

struct rondo_study {
    study_keys keys, overrides;
    study_axis axes[MAX_AXES];
    int n_axes;
    uint64_t *seeds;
    int n_seeds;
    study_measure measures[MAX_MEASURES];
    int n_measures;
    char *command, *folder;
    double seconds;  /* of the calls that trained, altogether */
    json_t *names;   /* of the runs, as study.json has them; NULL: they follow from the recipes */
    study_run *runs; /* [n_runs]; seeds outermost, so that what is there early is balanced */
    int n_runs;
};
const study_axis *study_find_axis(const rondo_study *, const char *name);
/* study.json in the folder. */
rondo_status study_save(const rondo_study *);
rondo_status study_load(rondo_study **, const char *folder);

/* ---- grid.c ---- */
/* Makes the runs; E_ARG or E_NAME, in a sentence that names axis, label or run, for what is no recipe. */
rondo_status grid_make(rondo_study *);
void grid_free(rondo_study *);
void study_describe(char *text, size_t size, const rondo_study *,
                    const study_run *); /* "lstm, relu" */

/* ---- jobs.c ---- */
typedef void study_tell(const rondo_study_event *, void *user);

/* ---- statistics.c: special functions, and tests made of them ---- */
double statistics_normal(double z);                              /* P(Z ≤ z) */
double statistics_chi2(double x, double freedom);                /* P(X ≥ x) */
double statistics_f(double x, double freedom1, double freedom2); /* P(X ≥ x) */
double statistics_t(double t, double freedom);                   /* P(|T| ≥ |t|) */
double statistics_t_quantile(double p, double freedom);          /* t with P(|T| ≥ t) = p */
/* P(Q ≥ q) of the range of k normal numbers in units of a known deviation, and its inverse. */
double statistics_range(double q, int k);
double statistics_range_quantile(double p, int k);
/* Ranks of values[n], 1 for the least, ties sharing theirs. */
void statistics_rank(double *ranks, const double *values, int n);
typedef struct friedman {
    double chi2, f, p_chi2, p_f; /* f, p_f: as Iman and Davenport 1980 correct it */
    int freedom1, freedom2;
    double difference; /* Nemenyi's critical one at 0.05, of average ranks */
} friedman;
/* ranks[blocks][treatments] of each block's own. */
friedman statistics_friedman(const double *ranks, int blocks, int treatments);
/* Wilcoxon's signed ranks of n differences, zeros left out: two-sided p; exact up to 25 without ties,
 * else by the normal approximation. *used: how many differences are not 0. */
double statistics_wilcoxon(const double *differences, int n, int *used);
void statistics_holm(double *p, int n); /* Holm 1979: adjusts n p-values in place */

/* ---- table.c ---- */
typedef struct study_group { /* one treatment in one block, over its seeds */
    int n;                   /* runs with a score */
    int diverged, failed, missing, unsolved;
    int lacking;                       /* finished, but have no such score */
    double mean, deviation, low, high; /* low, high: 95 % interval of the mean (Student's t) */
    double best, worst;
} study_group;
typedef struct study_table {
    const study_measure *measure;
    char **treatments, **blocks; /* labels, "lstm, relu"; blocks may be one, "" */
    int n_treatments, n_blocks;
    study_group *groups; /* [blocks][treatments] */
    bool by_seed;        /* one block alone: ranks are of its seeds */
    int ranked;          /* blocks, or seeds, in which every treatment has come to an end */
    double *ranks;       /* [treatments] on average; NULL when none was ranked */
    friedman test;
    double *pairs; /* [treatments][treatments] Holm-adjusted Wilcoxon p; NULL: too few blocks */
    int *of_treatment, *of_block; /* [runs] */
    double *scores;               /* [runs], NaN: none */
} study_table;
rondo_status table_make(study_table *, const rondo_study *, const study_measure *);
void table_free(study_table *);
/* Whether a comes before b: what has scores before what has none, then fewer lost runs, then means. */
bool table_better(const study_table *, const study_group *a, const study_group *b);

/* ---- document.c: one text, written as HTML and as Markdown; pictures become files of their own, too ---- */
typedef struct document {
    text_buffer html, markdown;
    const char *folder;
    rondo_status status; /* of writing a picture */
    int columns;         /* of the table under way */
} document;
void document_begin(document *, const char *folder, const char *title);
void document_heading(document *, int level, const char *text);
void document_text(document *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void document_code(document *, const char *text); /* a block of it */
/* The first column holds words, the others numbers. */
void document_table(document *, const char *const *columns, int n);
void document_row(document *, const char *const *cells,
                  const bool *strong); /* NULL: none is bold */
void document_table_end(document *);
typedef void document_draw(text_buffer *, const void *picture, bool alone);
/* folder/name.svg in Markdown, where it stands in HTML; wide ones stand alone, others side by side
 * between two calls of document_side_by_side. */
void document_figure(document *, const char *name, const char *title, document_draw *,
                     const void *picture);
void document_side_by_side(document *, bool begin);
/* What stands between the two calls is folded away; title NULL ends it. */
void document_fold(document *, const char *title);
rondo_status document_end(document *, const char *name); /* writes name.html, name.md; frees */

/* ---- figures.c ---- */
void figures_ranks(document *, const study_table *);
void figures_intervals(document *, const rondo_study *, const study_table *);
void figures_curves(document *, const rondo_study *, const study_table *);

/* ---- pages.c ---- */
rondo_status pages_write(rondo_study *);

/* ---- outcome.c ---- */
rondo_status outcome_read(study_run *); /* what its folder says; waiting when it has none */
/* A score, NaN when the run has none: test data's, or the validation's of the best epoch. */
double outcome_score(const study_run *, const char *measure);
double outcome_fact(const study_run *, const char *key); /* "epochs" "seconds" … of its training */
/* Whether the run has come to an end without ever having had such a score. */
bool outcome_lacks(const study_run *, const char *measure);
bool outcome_is_fact(const char *name); /* "steps": every run has it */
json_t *
outcome_scores(const rondo_study *); /* names of all scores that some run has: {name: null} */
rondo_status outcome_fail_measure(const char *name,
                                  const json_t *there); /* lists those there are */
const char *outcome_main_score(const study_run *); /* test data's, else validation's, else loss */
/* Fills measures that the study does not name, from the runs that have ended. */
rondo_status outcome_choose_measures(rondo_study *);
rondo_status outcome_write_csv(const rondo_study *);
/* A column of its log.csv by epoch, [*n]; alloc_free it. NULL, *n 0 when there is none. */
double *outcome_curve(const study_run *, const char *column, int *n);
#endif
