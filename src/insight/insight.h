/* insight - what a trained model does, to whom and why.
 *
 *   breakdown   every metric for each group of samples                        breakdown.c
 *   lens        the model around one sample: many versions of it at a time    lens.c
 *   explain     one answer, by …                                              explain.c
 *   … integrated gradients, occlusion                                         attribution.c
 *   … gates and units over time                                               activity.c
 *   picture     maps over time as heat maps                                   picture.c
 *   report      one HTML page about a run                          report.c, report_*.c
 *   diagnosis   gradients over time, gates, units; what is wrong              diagnose.c, diagnose_*.c */
#ifndef RONDO_INSIGHT_H
#define RONDO_INSIGHT_H
#include "chart/chart.h"
#include "rondo_insight.h"
#include "task/task.h"
#include <stdarg.h>

void insight_register_all(void); /* callbacks: diagnose */

/* ---- diagnose_spread.c: how large many numbers are, by their logarithm, in fixed memory ---- */
enum { STREAM_PIECE = 100 }; /* steps of a sample, where the data are streams */

enum { SPREAD_BINS = 1024 };
typedef struct spread {
    int64_t n, zeros; /* not finite or below 0 count as nothing */
    double least, most;
    int32_t bin[SPREAD_BINS];
} spread;
void spread_add(spread *, double size);
double spread_quantile(const spread *, double share); /* within 7 %; NaN of nothing */

/* ---- diagnose_gates.c: the values of one gate ---- */
typedef struct gate_stats {
    const rondo_activation *row;
    double from, to; /* of the histogram: the function's range, where that is narrow */
    double steepest; /* slope that is 1 at most: what is flat is so beside it */
    double sum;
    int64_t n, low, high, sloped, flat; /* sloped: values whose slope is known */
    int64_t bars[RONDO_BARS];
} gate_stats;
/* The function's range and steepest slope, as it is now; scratch[3][units]. */
void gate_begin(gate_stats *, const rondo_function *, real *scratch, int64_t units);
/* Values y[n], by which function and of what (NULL: not known); slope[n] is scratch. */
void gate_see(gate_stats *, const rondo_function *, const real *y, const real *x, real *slope,
              int64_t n);
void gate_report(const gate_stats *, rondo_gate_diagnosis *);

/* ---- diagnose_probe.c: batches through a watched pass, and what was seen there ---- */
typedef struct look { /* at one direction of a recurrent layer, or at the units of another */
    int node, direction;
    bool recurrent;
    const rondo_activation *activation; /* of what it gives; NULL: none */
    int64_t units;
    real *least, *most; /* [units] */
    gate_stats gate[MAX_GATES];
    int n_gates;
    spread *flow; /* [RONDO_DISTANCES] norms of ∂loss/∂h, of that at the end */
    spread *end;  /* the norms at the end */
    int64_t rows, steps, unreached, forgetting;
    double log_kept;
    int64_t n_kept;
    bool hands_on; /* something, at some step */
    real *scratch; /* for a step of the cell, and a row of slopes */
} look;
typedef struct probe {
    const rondo_model *model;
    const objective *objective;
    pass *pass;
    real *gradients;
    look *looks;
    int n_looks;
    real *weight[MAX_PORTS]; /* of truths: the ends alone */
    int64_t room[MAX_PORTS];
    int64_t samples;
    double *input; /* [features] sums of squares of the first input */
    int64_t features, input_rows;
    double *answer; /* [2][width] sums of the first output's targets, and of their squares */
    int64_t width;
    double answers; /* rows of it, by weight */
} probe;
rondo_status probe_open(probe *, const rondo_model *, const objective *);
/* One batch; the views of its pass stay until the next. */
rondo_status probe_see(probe *, int n, const feed feeds[], const truth truths[]);
void probe_reset(probe *); /* forget what layers showed of the batches so far */
/* All but the findings and what only training shows. jacobians: with the radius and the exponent of
 * the recurrence, on rows of the last batch, which takes longer than the rest. */
rondo_status probe_report(const probe *, bool jacobians, rondo_diagnosis **);
void probe_close(probe *);
int64_t probe_distance(int i); /* the i-th that is measured: 0 1 2 … 16, then wider and wider */
/* diagnose_flow.c: what a recurrent layer's scan shows. */
rondo_status flow_open(look *, const scan_cell *);
void flow_see(look *, const call *, const scan_view *);
void flow_report(const look *, rondo_layer_diagnosis *);

/* ---- diagnose_jacobian.c: ∂s[t]/∂s[t-1] along rows that a view shows ---- */
typedef struct jacobian {
    double radius, exponent, kernel_radius;
} jacobian;
rondo_status jacobian_measure(jacobian *, const rondo_model *, const call *, int direction);

/* ---- diagnose_rules.c: findings from figures ---- */
void rules_apply(rondo_diagnosis *);
/* diagnose_page.c: findings, figures and tables, to stand in a page. */
void diagnosis_body(text_buffer *, const rondo_diagnosis *, bool chinese);
/* diagnose_json.c */
rondo_status diagnosis_new(rondo_diagnosis **, int64_t layers); /* every figure NaN */
extern const callback_row callback_diagnose;                    /* diagnose_course.c */

/* ---- lens.c ---- */
enum { LENS_ROWS = 32 }; /* versions that run at a time */

/* One input of the model.  Tokens cannot be changed a little, so what stands for them is the share of
 * the embedded vector that is there, one number a step: 1 in the sample, 0 in the baseline. */
typedef struct lens_input {
    bool tokens;
    int64_t steps, features; /* features of tokens: 1 */
    real *sample, *baseline; /* [steps][features], scaled as the model sees them */
    real *version;           /* [steps][LENS_ROWS][features] to be filled; holds the sample */
    real *gradient;          /* as version: of the explained number, after lens_run */
    int32_t *token;          /* [steps][LENS_ROWS] */
    int node;                /* that embeds them … */
    int64_t width;           /* … so wide; 0: not tokens */
    real *embedded;          /* [steps][LENS_ROWS][width] as embedded */
} lens_input;

/* The explained number is factor · (column of the output at a step) + shift, in the data's own units. */
typedef struct lens {
    const rondo_model *model;
    pass *pass;
    real *gradients; /* of the weights; nobody reads them */
    int n;
    lens_input input[MAX_FIELDS];
    int64_t step, column;
    double factor, shift;
    double f[LENS_ROWS]; /* of each version, after lens_run */
} lens;
/* Around the only row of a gathered batch. What is explained is the caller's to set. */
rondo_status lens_open(lens *, const rondo_model *, const batch *);
/* Forward, and backward when gradients are wanted. */
rondo_status lens_run(lens *, bool gradients);
/* Version r becomes baseline + share · (sample - baseline). */
void lens_blend(lens *, int64_t r, double share);
void lens_close(lens *);

/* ---- explain.c, attribution.c, activity.c ---- */
/* A map with room for its values and names (zeroed), added to the explanation; takes `of`. */
rondo_status explain_map(rondo_explanation *, rondo_map **, const char *kind, char *of,
                         int64_t steps, int64_t width);
/* Maps of the inputs, whose features have these names (or, NULL, numbers). */
rondo_status explain_gradients(rondo_explanation *, lens *, char *const *features);
rondo_status explain_occlusion(rondo_explanation *, lens *, char *const *features, int64_t hide);
/* Maps of gates or of units of the recurrent layers (or of the one named) for the only row of a
 * batch. gate NULL: each gate's mean over the units. */
rondo_status explain_gates(rondo_explanation *, const rondo_pipeline *, const batch *,
                           const char *layer, const char *gate);
rondo_status explain_units(rondo_explanation *, const rondo_pipeline *, const batch *,
                           const char *layer);

/* ---- picture.c ---- */
typedef struct map_style {
    const char *title, *description;
    const char *time; /* what runs to the right */
    int64_t rows;     /* at most so many, those that weigh most; 0: 40 */
    int width;        /* as a chart's */
} map_style;
rondo_status map_draw(text_buffer *, const rondo_map *, const map_style *, bool alone);
/* text_map.c: the columns that weigh most, each as the text's pieces tinted by it. */
rondo_status text_maps_write(text_buffer *, const rondo_map *, char *const *tokens);
/* ---- report.c, report_scores.c, report_samples.c: one HTML page about a run ---- */
typedef struct verdict { /* of one sample of a classifier */
    int64_t sample;
    int truth, label;
    double sure; /* the probability of the label */
} verdict;
typedef struct run_report {
    text_buffer out;
    bool chinese;
    const char *folder;
    const json_t *about;      /* its manifest */
    rondo_pipeline *pipeline; /* NULL: the training is not finished */
    rondo_dataset *data;      /* NULL: none to judge it by */
    const char *data_path;
    bool given;      /* they are the user's, and not those of the run */
    bool trained_on; /* they are the training data */
    int64_t rows;    /* of a batch */
} run_report;
/* Texts of the table below, formatted and escaped. */
void report_say(run_report *, int word, ...);
void report_heading(run_report *, int word);
/* One sentence, or some, of the table. */
#define REPORT_PARAGRAPH(r, ...)                                                                   \
    do {                                                                                           \
        text_add(&(r)->out, "<p>");                                                                \
        report_say(r, __VA_ARGS__);                                                                \
        text_add(&(r)->out, "</p>\n");                                                             \
    } while (0)
void report_cell(run_report *, const char *tag, const char *text); /* <td>text</td> */
void report_number(run_report *, double);
/* report_text.c: of a language model the lead, what it is judged on, a score's unit, samples. */
void report_language(run_report *, const char *layers, long long parameters);
void report_judged_text(run_report *, const rondo_text_unit *);
void report_unit(run_report *, const char *score); /* a cell; nothing where scores have none */
rondo_status report_writing(run_report *);
rondo_status report_base(run_report *); /* what became of a base, and what other functions cost */
rondo_status report_curves(run_report *);
rondo_status report_scores(run_report *); /* and groups, where the data have them */
rondo_status report_samples(run_report *);

/* ---- words.c: all that pages say ---- */
enum {
    WORD_TITLE,
    WORD_CLASSIFIER,
    WORD_REGRESSION,
    WORD_FORECASTER,
    WORD_LANGUAGE_MODEL,
    WORD_LAYERS_OF,
    WORD_TRAINED,
    WORD_TRAINED_TEXT,
    WORD_BEST,
    WORD_UNFINISHED,
    WORD_JUDGED,
    WORD_JUDGED_TEXT,
    WORD_END_COUNTED,
    WORD_UNKNOWN,
    WORD_A_WORD,
    WORD_A_SUB_WORD,
    WORD_A_CHARACTER,
    WORD_A_BYTE,
    WORD_A_TOKEN,
    WORD_PER,
    WORD_NATS_PER,
    WORD_BITS_PER,
    WORD_WRITES,
    WORD_FORGOTTEN,
    WORD_FORGOTTEN_SAY,
    WORD_THE_BASE,
    WORD_FUNCTIONS,
    WORD_EXCHANGE,
    WORD_ON_VALIDATION,
    WORD_NOT_JUDGED,
    WORD_AS_IT_WAS,
    WORD_EXCHANGED,
    WORD_AFTER_BEST,
    WORD_AFTER_LAST,
    WORD_FLATTERS,
    WORD_NO_DATA,
    WORD_CURVES,
    WORD_NO_LOG,
    WORD_EPOCH,
    WORD_TRAINING,
    WORD_VALIDATION,
    WORD_SCORES,
    WORD_METRIC,
    WORD_VALUE,
    WORD_SCALED_LOSS,
    WORD_SCALED_CURVES,
    WORD_CONFUSION,
    WORD_PREDICTED,
    WORD_TRUE,
    WORD_CLASS,
    WORD_PRECISION,
    WORD_RECALL,
    WORD_F1,
    WORD_SUPPORT,
    WORD_GROUPS,
    WORD_SAMPLES,
    WORD_INTERVAL,
    WORD_SMALL,
    WORD_LEAST,
    WORD_LARGEST,
    WORD_DIFFERENCE,
    WORD_RATIO,
    WORD_TO_ALL,
    WORD_RATIO_TO_ALL,
    WORD_GROUPS_SAY,
    WORD_WRONG,
    WORD_RIGHT,
    WORD_NONE_WRONG,
    WORD_NONE_RIGHT,
    WORD_WRONG_SAMPLE,
    WORD_RIGHT_SAMPLE,
    WORD_STEP,
    WORD_ATTRIBUTION,
    WORD_ANSWERS,
    WORD_SAMPLE,
    WORD_ERRORS,
    WORD_ERROR,
    WORD_COUNT,
    WORD_BESIDE,
    WORD_MODEL,
    WORD_LAST,
    WORD_MEAN,
    WORD_WORSE,
    WORD_DIAGNOSIS,
    WORD_NO_DIAGNOSIS,
    WORD_EXPLANATION,
    WORD_SAMPLE_NUMBER,
    WORD_SAMPLE_LABEL,
    WORD_EXPLAINED,
    WORD_EXPLAINED_STEP,
    WORD_COMPLETE,
    WORD_PROBABILITY,
    WORD_LOGIT,
    WORD_QUANTITY,
    WORD_INTEGRATED,
    WORD_OCCLUSION,
    WORD_MAP_GATES,
    WORD_MAP_UNITS,
    WORD_TIME,
    WORD_MAP,
    WORD_MAP_MANY,
    WORD_DIAGNOSED,
    WORD_HEALTHY,
    WORD_TRY,
    WORD_GRADIENTS,
    WORD_GRADIENT_NORM,
    WORD_DISTANCE,
    WORD_LOSSES,
    WORD_LOSS,
    WORD_PARTS,
    WORD_MEMORY,
    WORD_LAYER,
    WORD_HALF_LIFE,
    WORD_ONE_PERCENT,
    WORD_DECAY,
    WORD_KEPT,
    WORD_RADIUS,
    WORD_EXPONENT,
    WORD_UNITS,
    WORD_N_UNITS,
    WORD_DEAD,
    WORD_CONSTANT,
    WORD_LARGEST_OUTPUT,
    WORD_GATES,
    WORD_GATE,
    WORD_ACTIVATION,
    WORD_GATE_MEAN,
    WORD_LOW,
    WORD_HIGH,
    WORD_SATURATED,
    WORD_SHARE,
    WORD_LAYERS,
    WORD_RUN,
    WORD_MADE,
    WORDS
};
const char *page_word(int word, bool chinese);
rondo_status page_language(bool *chinese, const char *lang); /* "en" (or NULL) or "zh" */
/* Formatted and escaped. */
void page_say(text_buffer *, bool chinese, int word, ...);
void page_vsay(text_buffer *, bool chinese, int word, va_list);
#endif
