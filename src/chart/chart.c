/* chart - lines, points and bars between two axes. */
#include "chart/chart.h"
#include <math.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 360, TITLE = 22, LEGEND = 18, TICK = 5 };

typedef struct frame {
    text_buffer *out;
    const chart *c;
    chart_scale x, y;                /* of the data; sideways x is the upright one */
    double left, right, top, bottom; /* of what lies between the axes */
    int bars, n_bars;                /* series of bars, so far and altogether */
} frame;

/* ---- What every drawing has ---- */
double chart_text_width(const char *text)
{
    return 6.7 * text_columns(text);
}

void chart_open(text_buffer *t, int width, int height, const char *title, const char *description,
                bool alone)
{
    text_add(t, "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" ",
             width, height);
    if (alone) text_add(t, "width=\"%d\" height=\"%d\" ", width, height);
    text_add(t, "role=\"img\" aria-label=\"");
    text_escaped(t, title ? title : "");
    if (title && description) text_add(t, ". ");
    text_escaped(t, description ? description : "");
    text_add(t, "\">\n");
    if (alone)
        text_add(t, "<style>\n%s</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n",
                 chart_style, width, height);
    if (!title) return;
    text_add(t, "<text class=\"title\" x=\"8\" y=\"17\">");
    text_escaped(t, title);
    text_add(t, "</text>\n");
}

static void write_text(const frame *f, double x, double y, const char *more, const char *text)
{
    text_add(f->out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    text_escaped(f->out, text);
    text_add(f->out, "</text>\n");
}

/* ---- Scales ---- */
static double at_x(const chart_series *s, int i)
{
    return s->x ? s->x[i] : i;
}

static void widen(double range[2], double value, bool log)
{
    if (!isfinite(value) || (log && value <= 0)) return;
    if (!(range[0] <= value)) range[0] = value;
    if (!(range[1] >= value)) range[1] = value;
}

static void find_ranges(const chart *c, double x[2], double y[2])
{
    x[0] = x[1] = y[0] = y[1] = NAN;
    for (int k = 0; k < c->n_series; k++) {
        const chart_series *s = &c->series[k];
        for (int i = 0; i < s->n; i++) {
            if (!isfinite(s->y[i])) continue;
            widen(x, at_x(s, i), c->x.log);
            widen(y, s->y[i], c->y.log);
            if (s->low) widen(y, s->low[i], c->y.log);
            if (s->high) widen(y, s->high[i], c->y.log);
        }
        if (s->mark == CHART_BARS) widen(y, 0, c->y.log);
    }
}

static void longest_label(double *width, const chart_scale *a, const chart_axis *asked)
{
    char text[32];
    for (int i = 0; i < a->n_ticks; i++) {
        axis_label(text, a, a->tick[i]);
        *width = fmax(*width, chart_text_width(text));
    }
    for (int i = 0; i < asked->n_names; i++)
        *width = fmax(*width, chart_text_width(asked->names[i]));
}

/* A point of the data on the drawing. */
static void place(const frame *f, double x, double y, double at[2])
{
    at[f->c->sideways] = axis_place(&f->x, x);
    at[!f->c->sideways] = axis_place(&f->y, y);
}

/* ---- Axes ---- */
static void write_across(const frame *f, double x, const char *label)
{
    write_text(f, x, f->bottom + 17, "class=\"dim\" text-anchor=\"middle\"", label);
}

static void write_upright(const frame *f, double y, const char *label)
{
    write_text(f, f->left - 8, y + 4, "class=\"dim\" text-anchor=\"end\"", label);
}

static void draw_ticks(const frame *f, const chart_scale *a, const chart_axis *asked, bool upright)
{
    char label[32];
    for (int i = 0; i < a->n_ticks; i++) {
        const double at = axis_place(a, a->tick[i]);
        axis_label(label, a, a->tick[i]);
        if (upright)
            text_add(f->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", f->left, at,
                     f->right);
        else
            text_add(f->out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>\n",
                     f->c->sideways ? "grid" : "rule", at, f->bottom,
                     f->c->sideways ? f->top : f->bottom + TICK);
        (upright ? write_upright : write_across)(f, at, label);
    }
    /* Names that would run into each other are left out, all but every so many. */
    double room = 0;
    if (!upright) longest_label(&room, &(chart_scale){ 0 }, asked);
    const double each = asked->n_names ? fabs(a->end - a->begin) / asked->n_names : 1;
    const int skip = upright ? 1 : (int)fmax(1, ceil((room + 8) / each));
    for (int i = 0; i < asked->n_names; i += skip)
        (upright ? write_upright : write_across)(f, axis_place(a, i), asked->names[i]);
}

static void draw_axes(const frame *f)
{
    const chart *c = f->c;
    const chart_axis *across = c->sideways ? &c->y : &c->x, *upright = c->sideways ? &c->x : &c->y;
    draw_ticks(f, &f->x, &c->x, c->sideways);
    draw_ticks(f, &f->y, &c->y, !c->sideways);
    text_add(f->out, "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/>\n", f->left, f->bottom,
             f->right);
    if (across->label)
        write_text(f, (f->left + f->right) / 2, f->bottom + 35, "text-anchor=\"middle\"",
                   across->label);
    if (upright->label) write_text(f, 8, f->top - 8, "", upright->label);
}

/* ---- Series ---- */
static void begin_series(const frame *f, int k)
{
    const chart_series *s = &f->c->series[k];
    const int colour = (s->colour ? s->colour : k + 1) - 1;
    text_add(f->out, "<g class=\"s%d%s\">", colour % CHART_COLOURS + 1,
             s->dashed || colour / CHART_COLOURS % 2 ? " dashed" : "");
    if (!s->name) return;
    text_add(f->out, "<title>");
    text_escaped(f->out, s->name);
    text_add(f->out, "</title>");
}

static bool shown(const frame *f, const chart_series *s, int i)
{
    return isfinite(s->y[i]) && !(f->c->y.log && s->y[i] <= 0) && !(f->c->x.log && at_x(s, i) <= 0);
}

/* Values past the ends of the axis are drawn at its ends. */
static double within(const chart_scale *a, double value)
{
    return fmin(fmax(value, a->from), a->to);
}

static void path_to(const frame *f, const char *verb, const chart_series *s, int i, double y)
{
    double at[2];
    place(f, at_x(s, i), within(&f->y, y), at);
    text_add(f->out, "%s%.1f %.1f", verb, at[0], at[1]);
}

static void draw_band(const frame *f, const chart_series *s)
{
    int begun = -1;
    if (!s->low || !s->high) return;
    for (int i = 0; i <= s->n; i++) {
        const bool there = i < s->n && shown(f, s, i) && isfinite(s->low[i]) &&
                           isfinite(s->high[i]);
        if (there && begun < 0) begun = i;
        if (there || begun < 0) continue;
        text_add(f->out, "<path class=\"band\" d=\"");
        for (int k = begun; k < i; k++) path_to(f, k == begun ? "M" : "L", s, k, s->high[k]);
        for (int k = i - 1; k >= begun; k--) path_to(f, "L", s, k, s->low[k]);
        text_add(f->out, "Z\"/>");
        begun = -1;
    }
}

static void draw_line(const frame *f, const chart_series *s)
{
    bool pen = false;
    draw_band(f, s);
    text_add(f->out, "<path class=\"line\" d=\"");
    for (int i = 0; i < s->n; i++) {
        const bool there = shown(f, s, i);
        if (there) path_to(f, pen ? "L" : "M", s, i, s->y[i]);
        pen = there;
    }
    text_add(f->out, "\"/>");
}

static void draw_whisker(const frame *f, const chart_series *s, int i, double shift)
{
    double low[2], high[2];
    if (!s->low || !s->high || !isfinite(s->low[i]) || !isfinite(s->high[i])) return;
    place(f, at_x(s, i), within(&f->y, s->low[i]), low);
    place(f, at_x(s, i), within(&f->y, s->high[i]), high);
    low[f->c->sideways] += shift;
    high[f->c->sideways] += shift;
    text_add(f->out, "<path class=\"whisker\" d=\"M%.1f %.1fL%.1f %.1f\"/>", low[0], low[1],
             high[0], high[1]);
}

static void draw_points(const frame *f, const chart_series *s)
{
    double at[2];
    for (int i = 0; i < s->n; i++) {
        if (!shown(f, s, i)) continue;
        draw_whisker(f, s, i, 0);
        place(f, at_x(s, i), within(&f->y, s->y[i]), at);
        text_add(f->out, "<circle class=\"fill\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>", at[0], at[1],
                 s->n > 60 ? "2" : "4");
    }
}

/* The width that the bars of one position share. */
static double bar_room(const frame *f, const chart_series *s)
{
    double least = f->c->x.names ? 1 : INFINITY;
    for (int i = 1; i < s->n; i++) least = fmin(least, fabs(at_x(s, i) - at_x(s, i - 1)));
    if (!isfinite(least) || least == 0) least = f->x.to - f->x.from;
    return fabs(axis_place(&f->x, f->x.from + least) - axis_place(&f->x, f->x.from)) * 0.84;
}

static void draw_bars(const frame *f, const chart_series *s)
{
    double at[2], base[2];
    const double room = bar_room(f, s), each = room / f->n_bars;
    const double shift = (f->bars + 0.5) * each - room / 2;
    const int across = f->c->sideways, along = !across;
    for (int i = 0; i < s->n; i++) {
        if (!shown(f, s, i)) continue;
        place(f, at_x(s, i), within(&f->y, s->y[i]), at);
        place(f, at_x(s, i), within(&f->y, 0), base);
        double corner[2], size[2];
        corner[across] = at[across] + shift - each * 0.48;
        corner[along] = fmin(at[along], base[along]);
        size[across] = each * 0.96;
        size[along] = fabs(at[along] - base[along]);
        text_add(f->out,
                 "<rect class=\"fill\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                 corner[0], corner[1], size[0], size[1]);
        draw_whisker(f, s, i, shift);
    }
}

static void draw_series(frame *f)
{
    for (int k = 0; k < f->c->n_series; k++) {
        const chart_series *s = &f->c->series[k];
        begin_series(f, k);
        if (s->mark == CHART_LINE) draw_line(f, s);
        if (s->mark == CHART_POINTS) draw_points(f, s);
        if (s->mark == CHART_BARS) draw_bars(f, s);
        if (s->mark == CHART_BARS) f->bars++;
        text_add(f->out, "</g>\n");
    }
}

/* ---- The legend: names in lines, as many as fit; draws only when asked, gives its height ---- */
static double legend(const frame *f, double top, double width, bool draw)
{
    double x = 8, y = top;
    int named = 0;
    for (int k = 0; k < f->c->n_series; k++) {
        const chart_series *s = &f->c->series[k];
        if (!s->name) continue;
        const double size = 24 + chart_text_width(s->name) + 14;
        if (named++ && x + size > width) {
            x = 8;
            y += LEGEND;
        }
        if (draw) {
            begin_series(f, k);
            text_add(f->out, "<path class=\"line\" stroke-width=\"3\" d=\"M%.1f %.1fh18\"/></g>\n",
                     x, y + 8);
            write_text(f, x + 24, y + 12, "", s->name);
        }
        x += size;
    }
    return named ? y - top + LEGEND : 0;
}

static void lay_out(frame *f, int width, int height)
{
    const chart *c = f->c;
    double x[2], y[2], labels = 0;
    const double top = c->title ? TITLE + 4 : 4;
    const char *upright = c->sideways ? c->x.label : c->y.label;
    find_ranges(c, x, y);
    axis_fit(&f->x, &c->x, x[0], x[1], c->sideways ? 5 : width / 90);
    axis_fit(&f->y, &c->y, y[0], y[1], c->sideways ? width / 110 : height / 60);
    if (!c->sideways && !c->x.names && c->x.from == c->x.to && x[0] < x[1]) {
        f->x.from = x[0]; /* lines and points go from edge to edge */
        f->x.to = x[1];
        while (f->x.n_ticks && f->x.tick[f->x.n_ticks - 1] > x[1] * 1.000001) f->x.n_ticks--;
        while (f->x.n_ticks && f->x.tick[0] < x[0] - 1e-9 * fabs(x[0]))
            memmove(f->x.tick, f->x.tick + 1, (size_t)--f->x.n_ticks * sizeof *f->x.tick);
    }
    if (c->sideways)
        longest_label(&labels, &f->x, &c->x);
    else
        longest_label(&labels, &f->y, &c->y);
    f->left = fmin(labels, width * 0.45) + 18;
    f->right = width - 18;
    f->top = top + legend(f, top, width, false) + (upright ? 24 : 10);
    f->bottom = height - ((c->sideways ? c->y.label : c->x.label) ? 44 : 26);
    chart_scale *across = c->sideways ? &f->y : &f->x, *up = c->sideways ? &f->x : &f->y;
    across->begin = f->left;
    across->end = f->right;
    up->begin = c->sideways ? f->top : f->bottom;
    up->end = c->sideways ? f->bottom : f->top;
}

void chart_draw(text_buffer *out, const chart *c, bool alone)
{
    frame f = { .out = out, .c = c };
    const int width = c->width ? c->width : WIDTH;
    const int height = c->height                     ? c->height
                       : c->sideways && c->x.n_names ? 96 + 24 * c->x.n_names
                                                     : HEIGHT;
    for (int k = 0; k < c->n_series; k++) f.n_bars += c->series[k].mark == CHART_BARS;
    lay_out(&f, width, height);
    /* Bars stand on their positions: half of one is left free at either end. */
    if (f.n_bars && !c->x.names && c->x.from == c->x.to)
        for (int k = 0; k < c->n_series; k++) {
            const chart_series *s = &c->series[k];
            if (s->mark != CHART_BARS || s->n < 2) continue;
            const double half = fabs(at_x(s, 1) - at_x(s, 0)) / 2;
            f.x.from = fmin(f.x.from, at_x(s, 0) - half);
            f.x.to = fmax(f.x.to, at_x(s, s->n - 1) + half);
        }
    chart_open(out, width, height, c->title, c->description, alone);
    legend(&f, c->title ? TITLE + 4 : 4, width, true);
    draw_axes(&f);
    draw_series(&f);
    text_add(out, "</svg>\n");
}
