/* insight - what a trained model does, to whom and why.
 *
 *   breakdown   every metric for each group of samples                        breakdown.c
 *   lens       the model around one sample: many versions of it at a time    lens.c
 *   explain     one answer, by …                                              explain.c
 *   … integrated gradients, occlusion                                         attribution.c
 *   … gates and units over time                                               activity.c
 *   picture     maps over time as heat maps                                   picture.c */
#ifndef RONDO_INSIGHT_H
#define RONDO_INSIGHT_H
#include "task/task.h"

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
#endif
