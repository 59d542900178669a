/* rondo_insight.h - what a trained model does, to whom and why: scores of groups, one answer explained,
 * a diagnosis of gradients, gates and units, the report of a run. Pipelines are those of rondo_task.h. */
#ifndef RONDO_INSIGHT_PUBLIC_H
#define RONDO_INSIGHT_PUBLIC_H
#include "rondo_task.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Groups: every metric for parts of the data, as Fairlearn's MetricFrame has them ---------- */
typedef struct rondo_group {
    const char *value[RONDO_MAX_BY]; /* of each column: "north" */
    int64_t samples;
    double score[RONDO_MAX_SCORES]; /* NAN where there are no samples */
    /* For metrics that are shares: Wilson's 95 % interval of so many samples; else NAN. */
    double low[RONDO_MAX_SCORES], high[RONDO_MAX_SCORES];
    bool small; /* too few samples to say: under 30, or an interval wider than 0.2 */
} rondo_group;
typedef struct rondo_spread { /* of one metric over the groups; those that are NAN left out */
    double min, max;
    double difference, ratio; /* between groups: max - min, min / max */
    double overall_difference,
        overall_ratio; /* to the whole: the largest |group - whole|, the least
                                               * of group / whole, or whole / group when that is
                                               * over 1 */
    bool overlap; /* the intervals of the least and the largest do: chance may tell them apart */
} rondo_spread;
typedef struct rondo_breakdown {
    int n_by, n_scores;
    const char *by[RONDO_MAX_BY], *name[RONDO_MAX_SCORES]; /* columns; "loss" "accuracy" … */
    double whole[RONDO_MAX_SCORES];                        /* of all samples */
    rondo_spread spread[RONDO_MAX_SCORES];
    int64_t n_groups; /* every combination of values, in order, those without samples too */
    rondo_group *group;
} rondo_breakdown;
/* By the columns that the data were opened with (`by`, `groups`). Borrows names from the dataset.
 * E_ARG when there are none, or the model carries states from sample to sample. */
rondo_status rondo_breakdown_new(rondo_breakdown **, rondo_pipeline *, const rondo_dataset *,
                                 int64_t batch);
void rondo_breakdown_free(rondo_breakdown *);

/* ---- Explaining one answer ---------------------------------------------------------------- */
typedef struct rondo_map { /* numbers over time */
    const char *kind;      /* "integrated_gradients" "occlusion" "gates" "units" */
    char *of;              /* "input", or the layer: "lstm", "lstm.backward" */
    int64_t steps, width;
    char **names;   /* [width] of features, gates or units */
    double *values; /* [steps][width]; NAN where the layer skipped the step */
} rondo_map;
typedef struct rondo_explain_options {
    size_t size;         /* of this struct */
    const char *methods; /* "integrated_gradients occlusion gates units"; NULL: the first */
    int64_t sample;      /* from 0 */
    const char
        *output;  /* class or column to explain; NULL: the predicted class, the first column */
    int64_t step; /* of answers over time, from 1; 0: the last */
    bool logit;   /* not the probability but what the last activation takes */
    const char
        *baseline;     /* the input that says nothing: "zeros" (in the data's units), "mean" (of the
                           * training data, where they were standardised; else of these), or a
                           * number; NULL: zeros. Of tokens always the zero vector */
    int64_t hide;      /* steps that occlusion hides at a time; 0: 1 */
    const char *layer; /* gates and units of this one alone; NULL: of each recurrent layer */
    const char *gate;  /* the units of this gate; NULL: each gate's mean over the units */
} rondo_explain_options;
typedef struct rondo_explanation {
    int64_t sample, step; /* step 0: the answer is not over time */
    const char *label;    /* the predicted class; NULL: none */
    const char *output;   /* what is explained … */
    const char *quantity; /* … as "probability" "logit" "value" */
    char *baseline;       /* in words */
    double f, f_baseline; /* of the sample, of the baseline */
    /* Of integrated gradients: what they add up to, |sum - (f - f_baseline)| / |f - f_baseline|, the
     * points on the way, and whether the gap is under 0.01. points 0: not asked for. */
    double sum, gap;
    int64_t points;
    bool complete;
    int n_maps;
    rondo_map *maps;
    char **tokens; /* of text: what of it each step of the input is, ended by NULL; NULL: numbers */
} rondo_explanation;
/* Integrated gradients (Sundararajan, Taly and Yan 2017) of every input: (x - b) times the mean
 * gradient on the straight way from the baseline b to x, at the midpoints of 32 parts; parts on which
 * it does not add up to the difference of f at their ends are halved, up to 120 times and 8192 points.
 * Occlusion: f less f with the feature (and as many steps as `hide` says) replaced by the baseline.
 * All without dropout, from zero states. E_ARG or E_NAME in a sentence for a sample, class, step, layer
 * or gate that there is not. */
rondo_status rondo_explain(rondo_explanation **, rondo_pipeline *, const rondo_dataset *,
                           const rondo_explain_options *);
/* For drawing: the columns with the largest Σ |value|, at most so many, in the map's order; and the
 * mean of the steps that share cell i of so many (NAN where all were skipped). */
rondo_status rondo_map_choose(const rondo_map *, int64_t most, int64_t *columns, int64_t *n);
double rondo_map_cell(const rondo_map *, int64_t column, int64_t i, int64_t cells);
/* Its maps as heat maps on a page, FILE.html, or the only one alone, FILE.svg; in "en" (or NULL) or
 * "zh"; atomic. */
rondo_status rondo_explanation_write(const rondo_explanation *, const char *path, const char *lang);
void rondo_explanation_free(rondo_explanation *);

/* ---- Diagnosis --------------------------------------------------------------------------- */
/* What a network does with gradients, gates and units over given data, in numbers, and what is wrong
 * with it, in sentences. docs/DIAGNOSING.md says what each number is and where it comes from. NaN:
 * not measured, or there is none. */
enum { RONDO_DISTANCES = 96, RONDO_BARS = 20, RONDO_GATES = 8, RONDO_FINDINGS = 24 };
typedef struct rondo_gate_diagnosis {
    char name[16], activation[48]; /* "f", "sigmoid" */
    bool bounded;                  /* a gate proper: its values lie between 0 and 1 */
    double mean;
    double low, high;        /* shares of its values under 0.05 and over 0.95 */
    double saturated;        /* share where its activation's slope is under 5 % of the steepest */
    double from, to;         /* ends of the histogram; what lies outside counts there */
    double bars[RONDO_BARS]; /* shares of the values */
} rondo_gate_diagnosis;
typedef struct
    rondo_layer_diagnosis { /* a direction of a recurrent layer; or another one's units */
    char name[64], kind[32];
    char activation[48]; /* of its output */
    bool recurrent, backward;
    int64_t units, dead, constant; /* always 0; never changing */
    double largest;                /* |output| */
    /* Recurrent ones alone, NaN or 0 in others: */
    double steps; /* of a row, in the mean */
    /* So many steps before the end of a row, the norm of ∂loss/∂h as a multiple of that at the end:
     * the median over rows. The loss is that of the row's last step. */
    int64_t n_distances, distance[RONDO_DISTANCES];
    double gradient[RONDO_DISTANCES];
    double gradient_at_end; /* … and that norm */
    double unreached;       /* share of rows to whose end no gradient comes */
    double decay;           /* its factor a step, fitted */
    double half_life;       /* steps in which it halves; NaN: it does not shrink */
    double memory;          /* steps until 1 % is left; NaN: more than the rows have */
    double kept; /* of the last state what a step hands on as it is, by itself: geometric mean */
    double kept_half_life; /* steps in which that halves */
    double forgetting;     /* share of units and steps where it is under 0.05 */
    double
        spectral_radius; /* of ∂s[t]/∂s[t-1], s being all states: the median over steps of the data */
    double lyapunov;      /* the largest exponent, a step */
    double kernel_radius; /* of the recurrent kernel alone, where the cell has one gate */
    int64_t n_gates;
    rondo_gate_diagnosis gate[RONDO_GATES];
} rondo_layer_diagnosis;
typedef struct rondo_finding {
    char rule[32], layer[64];
    int64_t severity;                      /* 1: worth knowing; 2: likely to harm; 3: broken */
    char sentence[512], advice[512];       /* in English … */
    char sentence_zh[512], advice_zh[512]; /* … and in Chinese */
} rondo_finding;
typedef struct rondo_diagnosis {
    bool training;   /* seen while training; else a trained model over data */
    bool diverged;   /* and its loss was not a number at last */
    int64_t samples; /* whose gradients over time, gates and units were looked at */
    double steps;    /* of a row, in the mean */
    double loss;
    double constant_loss; /* of the best answer that is always the same */
    double input_size;    /* root mean square of the largest input feature … */
    char input_name[64];  /* … and its name */
    double target_size;   /* the same of targets that are numbers */
    int64_t batches;      /* whose gradients of the weights were measured */
    double gradient_norm; /* the median of their norms, and … */
    double largest_norm;
    double exploding; /* share of the batches with more than 10 times the median */
    double clipped;   /* while training: share whose gradient was clipped */
    double
        update_ratio; /* ‖change of w‖ / ‖w‖ of an update: the median over matrices and batches */
    double first_update_ratio; /* the same of the first 16 batches */
    int64_t n_losses;          /* of equal parts of the training, in order */
    double losses[64];
    int64_t n_layers;
    rondo_layer_diagnosis *layer;
    int64_t n_findings; /* the gravest first; none: nothing suspicious */
    rondo_finding finding[RONDO_FINDINGS];
} rondo_diagnosis;
typedef struct rondo_diagnose_options {
    size_t size;
    int64_t samples, batch; /* so many, spread over the data, so many at a time; 0: 256, 32 */
} rondo_diagnose_options;
/* The data need targets. options may be NULL. rondo_diagnosis_free the result. */
rondo_status rondo_diagnose(rondo_pipeline *, const rondo_dataset *, const rondo_diagnose_options *,
                            rondo_diagnosis **);
/* As JSON, which `train --diagnose` leaves in the run directory as diagnosis.json, and back; free()
 * the text. */
rondo_status rondo_diagnosis_json(const rondo_diagnosis *, char **text);
rondo_status rondo_diagnosis_load(rondo_diagnosis **, const char *path);
/* A page of charts, FILE.html, or the chart of gradients alone, FILE.svg; in "en" (or NULL) or "zh".
 * E_ARG: none of these. */
rondo_status rondo_diagnosis_write(const rondo_diagnosis *, const char *path, const char *lang);
void rondo_diagnosis_free(rondo_diagnosis *);

/* ---- Reports ---------------------------------------------------------------------------- */
/* One page about a run directory: what it is, curves, scores, samples, diagnosis, layers, manifest; no
 * scripts, nothing from a network. Keys of the recipe: data, labels, by, groups and the readers' (none:
 * the run's validation data, or those of training), lang (en, zh), batch, threads. path NULL:
 * RUN/report.html. Of a run that is not finished it says what there is. Atomic. */
rondo_status rondo_report(const char *run, const rondo_recipe *, const char *path);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
