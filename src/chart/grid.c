/* grid - a heat map.  A cell is the colour at an opacity: on a light page and on a dark one what is
 * much stands out. */
#include "chart/chart.h"
#include <math.h>

enum { GRID_WIDTH = 640, LEGEND_HEIGHT = 34 };

typedef struct map {
    const chart_grid *g;
    text_buffer *out;
    double low, high, left, top, cell_width, cell_height;
} map;

static void find_range(map *m)
{
    const chart_grid *g = m->g;
    m->low = g->low;
    m->high = g->high;
    if (g->low != g->high) return;
    m->low = INFINITY;
    m->high = -INFINITY;
    for (int i = 0; i < g->rows * g->columns; i++) {
        if (!isfinite(g->values[i])) continue;
        m->low = fmin(m->low, g->values[i]);
        m->high = fmax(m->high, g->values[i]);
    }
    if (!(m->low <= m->high)) m->low = 0, m->high = 1;
    if (m->low == m->high) m->low = fmin(0, m->low), m->high = fmax(m->low + 1, m->high);
    if (m->low < 0 && m->high > 0) { /* both colours are as strong at the same distance of 0 */
        m->high = fmax(m->high, -m->low);
        m->low = -m->high;
    }
}

/* How strong, 0 … 1; *colour 1, or 2 below zero. */
static double strength(const map *m, double value, int *colour)
{
    const bool both = m->low < 0 && m->high > 0;
    *colour = both && value < 0 ? 2 : 1;
    const double part = !both       ? (value - m->low) / (m->high - m->low)
                        : value < 0 ? value / m->low
                                    : value / m->high;
    return fmin(fmax(part, 0), 1);
}

static void draw_cell(const map *m, int row, int column)
{
    const chart_grid *g = m->g;
    const double value = g->values[row * g->columns + column];
    const double x = m->left + column * m->cell_width, y = m->top + row * m->cell_height;
    int colour;
    if (!isfinite(value)) return;
    const double part = strength(m, value, &colour);
    const double gap = m->cell_width > 8 && m->cell_height > 8 ? 1 : 0;
    text_add(m->out,
             "<rect class=\"fill s%d\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
             "fill-opacity=\"%.3f\"/>",
             colour, x, y, m->cell_width - gap, m->cell_height - gap, 0.03 + 0.97 * part);
    if (g->decimals >= 0)
        text_add(m->out, "<text%s x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.*f</text>",
                 part > 0.55 ? " class=\"page\"" : "", x + (m->cell_width - gap) / 2,
                 y + m->cell_height / 2 + 4, g->decimals, value);
}

static void write_name(const map *m, double x, double y, const char *anchor, const char *text)
{
    text_add(m->out, "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    text_escaped(m->out, text);
    text_add(m->out, "</text>\n");
}

static void name_of(char text[32], const chart_axis *a, int i, const char **name)
{
    snprintf(text, 32, "%.0f", a->from + i);
    *name = a->names && i < a->n_names ? a->names[i] : text;
}

/* Names of rows or columns, as many as there is room for. */
static void write_names(const map *m, const chart_axis *a, int n, bool rows)
{
    char text[32];
    const char *name;
    double room = rows ? 14 : 0;
    for (int i = 0; i < n && !rows; i++) {
        name_of(text, a, i, &name);
        room = fmax(room, chart_text_width(name) + 6);
    }
    const double each = rows ? m->cell_height : m->cell_width;
    const int skip = (int)fmax(1, ceil(room / each));
    for (int i = 0; i < n; i += skip) {
        name_of(text, a, i, &name);
        if (rows)
            write_name(m, m->left - 6, m->top + (i + 0.5) * each + 4, "end", name);
        else
            write_name(m, m->left + (i + 0.5) * each, m->top - 6, "middle", name);
    }
}

/* What the colours mean, from low to high. */
static void draw_legend(const map *m, double top)
{
    enum { STEPS = 9, STEP = 16 };
    char text[32];
    const double x = m->left + 48;
    for (int i = 0; i < STEPS; i++) {
        int colour;
        const double value = m->low + (m->high - m->low) * i / (STEPS - 1);
        const double part = strength(m, value, &colour);
        text_add(m->out,
                 "<rect class=\"fill s%d\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"10\" "
                 "fill-opacity=\"%.3f\"/>",
                 colour, x + i * STEP, top, STEP - 1, 0.03 + 0.97 * part);
    }
    chart_scale a = { 0 };
    axis_fit(&a, &(chart_axis){ .from = m->low, .to = m->high }, 0, 1, 40);
    axis_label(text, &a, m->low);
    write_name(m, x - 6, top + 9, "end", text);
    axis_label(text, &a, m->high);
    write_name(m, x + STEPS * STEP + 5, top + 9, "start", text);
}

void chart_draw_grid(text_buffer *out, const chart_grid *g, bool alone)
{
    map m = { .g = g, .out = out };
    const int width = g->width ? g->width : GRID_WIDTH;
    char text[32];
    const char *name;
    double names = 0;
    find_range(&m);
    for (int i = 0; i < g->rows; i++) {
        name_of(text, &g->y, i, &name);
        names = fmax(names, chart_text_width(name));
    }
    m.left = fmin(names, width * 0.4) + 16;
    m.top = (g->title ? 26 : 4) + (g->x.label || g->y.label ? 18 : 0) + 18;
    m.cell_width = fmin((width - m.left - 12) / fmax(g->columns, 1), g->decimals >= 0 ? 72 : 48);
    m.cell_height = fmin(fmax(fmin(m.cell_width, 240.0 / fmax(g->rows, 1)), 3), 34);
    if (g->decimals >= 0) m.cell_height = fmax(m.cell_height, 24);
    const double bottom = m.top + m.cell_height * g->rows;
    chart_open(out, width, (int)(bottom + LEGEND_HEIGHT), g->title, g->description, alone);
    if (g->y.label) write_name(&m, 8, m.top - 24, "start", g->y.label);
    if (g->x.label)
        write_name(&m, m.left + m.cell_width * g->columns / 2, m.top - 24, "middle", g->x.label);
    write_names(&m, &g->x, g->columns, false);
    write_names(&m, &g->y, g->rows, true);
    for (int row = 0; row < g->rows; row++) {
        for (int column = 0; column < g->columns; column++) draw_cell(&m, row, column);
        text_add(out, "\n");
    }
    draw_legend(&m, bottom + 14);
    text_add(out, "\n</svg>\n");
}
