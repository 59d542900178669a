/* axis - where an axis ends, where its ticks are and what is written there. */
#include "chart/chart.h"
#include <math.h>
#include <string.h>

/* 1, 2 or 5 times a power of ten, the least that is not under x. */
static double round_up(double x)
{
    const double power = pow(10, floor(log10(x)));
    const double part = x / power;
    return power * (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10);
}

static void fit_linear(chart_scale *a, bool fixed, bool whole, int wanted)
{
    if (a->to <= a->from) {
        const double room = a->from != 0 ? fabs(a->from) * 0.1 : 1;
        a->from -= room;
        a->to += room;
    }
    a->step = round_up((a->to - a->from) / wanted);
    if (whole) a->step = fmax(a->step, 1);
    if (!fixed) {
        a->from = floor(a->from / a->step + 1e-9) * a->step;
        a->to = ceil(a->to / a->step - 1e-9) * a->step;
    }
    const double first = ceil(a->from / a->step - 1e-9);
    for (int i = 0; a->n_ticks < AXIS_TICKS; i++) {
        const double tick = (first + i) * a->step;
        if (tick > a->to + a->step * 1e-6) break;
        a->tick[a->n_ticks++] = fabs(tick) < a->step * 1e-6 ? 0 : tick;
    }
}

/* Whole decades, or 1-2-5 where there are few. */
static void fit_log(chart_scale *a, bool fixed, int wanted)
{
    static const double within[] = { 1, 2, 5 };
    if (a->from <= 0) a->from = a->to > 0 ? a->to / 1000 : 1;
    if (a->to <= a->from) a->to = a->from * 10;
    double low = floor(log10(a->from) + 1e-9), high = ceil(log10(a->to) - 1e-9);
    const bool fine = high - low <= 2;
    const double skip = fine ? 1 : ceil((high - low) / wanted);
    if (!fixed && !fine) {
        a->from = pow(10, low);
        a->to = pow(10, high);
    }
    for (double e = low; e <= high; e += skip)
        for (int k = 0; k < (fine ? 3 : 1) && a->n_ticks < AXIS_TICKS; k++) {
            const double tick = pow(10, e) * within[k];
            if (tick >= a->from * 0.999999 && tick <= a->to * 1.000001)
                a->tick[a->n_ticks++] = tick;
        }
}

void axis_fit(chart_scale *a, const chart_axis *asked, double least, double most, int wanted)
{
    const bool fixed = asked->from != asked->to;
    *a = (chart_scale){ .log = asked->log, .begin = a->begin, .end = a->end };
    a->from = fixed ? asked->from : least;
    a->to = fixed ? asked->to : most;
    if (!(a->from <= a->to)) a->from = 0, a->to = 1;
    if (asked->names) {
        a->from = -0.5;
        a->to = asked->n_names - 0.5;
    } else if (a->log) {
        fit_log(a, fixed, wanted);
    } else {
        fit_linear(a, fixed, asked->whole, wanted);
    }
}

double axis_place(const chart_scale *a, double value)
{
    const double part = a->log ? log(fmax(value, 1e-300) / a->from) / log(a->to / a->from)
                               : (value - a->from) / (a->to - a->from);
    return a->begin + (a->end - a->begin) * part;
}

void axis_label(char text[32], const chart_scale *a, double value)
{
    text_buffer t = { 0 };
    const double size = fabs(value), most = fmax(fabs(a->from), fabs(a->to));
    const double step = a->log ? size : a->step;
    const bool millions = most >= 1e4 && fmod(step, 1e6) == 0;
    const bool thousands = !millions && most >= 1e4 && fmod(step, 1e3) == 0;
    if (millions || thousands)
        text_add(&t, "%.0f%s", value / (millions ? 1e6 : 1e3),
                 value == 0 ? ""
                 : millions ? "M"
                            : "k");
    else if (most >= 1e7 || step < 1e-4)
        text_add(&t, "%.3g", value);
    else
        text_add(&t, "%.*f", step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0, value);
    snprintf(text, 32, "%s", t.status ? "" : t.data);
    text_free(&t);
}
