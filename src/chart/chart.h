/* chart - pictures of numbers as SVG text: no scripts, no fonts, no files of their own.
 *
 *   chart        lines with bands, points with whiskers, bars; linear and log axes    chart.c, axis.c
 *   chart_grid   a heat map: time × feature, a confusion matrix with numbers          grid.c
 *   chart_ranks  a critical-difference diagram                                        ranks.c
 *   page         the frame of an HTML page that holds them                            page.c
 *
 * Colours are classes whose values light and dark pages set (page.c); each also differs in lightness,
 * so that they can be told apart without colour vision.  The same numbers give the same bytes. */
#ifndef RONDO_CHART_INTERNAL_H
#define RONDO_CHART_INTERNAL_H
#include "base/base.h"

enum { CHART_COLOURS = 8 }; /* then they come again, dashed */

typedef struct chart_axis {
    const char *label; /* NULL: none */
    bool log;
    bool whole;               /* ticks at whole numbers alone: epochs */
    double from, to;          /* its ends; equal: from the data */
    const char *const *names; /* [n_names]: position i is called so; NULL: numbers */
    int n_names;
} chart_axis;

typedef enum chart_mark { CHART_LINE, CHART_POINTS, CHART_BARS } chart_mark;

typedef struct chart_series {
    const char *name;         /* in the legend; NULL: not there */
    const double *x;          /* [n]; NULL: 0, 1, 2 … */
    const double *y;          /* [n]; not finite: a gap */
    const double *low, *high; /* [n]: a line's band, the whiskers of points and bars; NULL: none */
    int n;
    chart_mark mark;
    int colour; /* 1 … as many as you like; 0: its place among the series */
    bool dashed;
} chart_series;

typedef struct chart {
    const char *title, *description; /* description: for those who hear it; may be NULL */
    chart_axis x, y;
    bool sideways; /* x runs down the left side, y to the right: for long names and whiskers */
    const chart_series *series;
    int n_series;
    int width, height; /* of the drawing's own units, which scale; 0: 640 × 360 */
} chart;

typedef struct chart_grid {
    const char *title, *description;
    chart_axis x, y;      /* columns and rows: names, or numbers from `from` in steps of one */
    const double *values; /* [rows][columns]; not finite: an empty cell */
    int rows, columns;
    double low, high; /* what is palest and strongest; equal: from the data. low < 0 < high: two
                       * colours, the palest at 0 */
    int decimals;     /* of the numbers in the cells; -1: none are written */
    int width;        /* 0: 640 */
} chart_grid;

typedef struct chart_ranks { /* Demšar 2006, figure 1: bars join what does not differ */
    const char *title, *description;
    const char *const *names; /* [n] */
    const double *ranks;      /* [n], 1 is best */
    int n;
    double difference; /* the critical one; NaN: none is drawn */
    int width;         /* 0: 640 */
} chart_ranks;

/* Alone, as a file that a Markdown page shows, it has its own style and background; otherwise it
 * stands in a page that has chart_style. */
void chart_draw(text_buffer *, const chart *, bool alone);
void chart_draw_grid(text_buffer *, const chart_grid *, bool alone);
void chart_draw_ranks(text_buffer *, const chart_ranks *, bool alone);

/* ---- page.c ---- */
extern const char chart_style[]; /* CSS of the charts, light and dark */
/* Head, style and the opening of <main>; lang is "en" or "zh".  What stands between is yours: h2, p,
 * table (class "wide" scrolls inside a <div class="scroll">), figure with an SVG and a figcaption,
 * <div class="figures"> for several side by side, details. */
void page_begin(text_buffer *, const char *title, const char *lang);
void page_end(text_buffer *);

/* ---- axis.c, for the drawings above ---- */
enum { AXIS_TICKS = 48 };
typedef struct chart_scale {
    bool log;
    double from, to;   /* of the data, after rounding to ticks */
    double begin, end; /* of the drawing */
    double step;       /* between ticks; of a log axis: the power of ten */
    double tick[AXIS_TICKS];
    int n_ticks;
} chart_scale;
void axis_fit(chart_scale *, const chart_axis *, double least, double most, int wanted);
double axis_place(const chart_scale *, double value);
void axis_label(char text[32], const chart_scale *, double value);
/* <svg …><title>… with what every drawing has. */
void chart_open(text_buffer *, int width, int height, const char *title, const char *description,
                bool alone);
double chart_text_width(const char *); /* about, in units of the drawing */
#endif
