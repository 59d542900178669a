/* ranks - the critical-difference diagram of J. Demšar, Statistical comparisons of classifiers over
 * multiple data sets, JMLR 7 (2006): average ranks on a line, best on the right; thick bars join
 * those whose ranks lie closer than the critical difference. */
#include "chart/chart.h"
#include <math.h>

enum { RANKS_WIDTH = 640, LINE = 20, LEAST_LINE = 240 };

typedef struct diagram {
    const chart_ranks *r;
    text_buffer *out;
    int *order;      /* [n], best first */
    int width, edge; /* edge: what names take on either side */
    double axis;     /* height of the line */
} diagram;

static double rank_at(const diagram *d, int place)
{
    return d->r->ranks[d->order[place]];
}

static double across(const diagram *d, double rank)
{
    return d->width - d->edge - (rank - 1) / fmax(d->r->n - 1, 1) * (d->width - 2 * d->edge);
}

static void sort(diagram *d)
{
    for (int i = 0; i < d->r->n; i++) {
        int k = i;
        for (; k > 0 && d->r->ranks[d->order[k - 1]] > d->r->ranks[i]; k--)
            d->order[k] = d->order[k - 1];
        d->order[k] = i;
    }
}

static void draw_axis(const diagram *d)
{
    text_add(d->out, "<path class=\"mark\" d=\"M%.1f %.1fH%.1f\"/>\n", across(d, d->r->n), d->axis,
             across(d, 1));
    const int skip = d->r->n > 16 ? 2 : 1;
    for (int rank = 1; rank <= d->r->n; rank += skip)
        text_add(d->out,
                 "<path class=\"mark\" d=\"M%.1f %.1fv-6\"/><text class=\"dim\" x=\"%.1f\" "
                 "y=\"%.1f\" text-anchor=\"middle\">%d</text>\n",
                 across(d, rank), d->axis, across(d, rank), d->axis - 10, rank);
    if (!isfinite(d->r->difference)) return;
    const double from = across(d, 1), to = across(d, fmin(1 + d->r->difference, d->r->n));
    text_add(d->out,
             "<path class=\"mark\" d=\"M%.1f %.1fH%.1fm0 -4v8M%.1f %.1fv8\"/><text x=\"%.1f\" "
             "y=\"%.1f\" text-anchor=\"middle\">critical difference %.2f</text>\n",
             from, d->axis - 34, to, from, d->axis - 38, (from + to) / 2, d->axis - 42,
             d->r->difference);
}

/* Each from its place on the line down to its name, the better half on the right. */
static void draw_names(const diagram *d, double first)
{
    const int n = d->r->n, right = (n + 1) / 2;
    for (int i = 0; i < n; i++) {
        const bool better = i < right;
        const double y = first + LINE * (better ? i : n - 1 - i), x = across(d, rank_at(d, i));
        text_add(d->out,
                 "<path class=\"mark\" d=\"M%.1f %.1fV%.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                 "text-anchor=\"%s\">",
                 x, d->axis, y, better ? d->width - d->edge + 8 : d->edge - 8,
                 better ? d->width - d->edge + 12 : d->edge - 12, y + 4, better ? "start" : "end");
        text_escaped(d->out, d->r->names[d->order[i]]);
        text_add(d->out, " <tspan class=\"dim\">%.2f</tspan></text>\n", rank_at(d, i));
    }
}

/* The longest stretches within the difference; draws when asked, gives how many. */
static int draw_groups(const diagram *d, bool draw)
{
    int groups = 0, reached = -1;
    for (int i = 0; i < d->r->n && isfinite(d->r->difference); i++) {
        int last = i;
        while (last + 1 < d->r->n && rank_at(d, last + 1) - rank_at(d, i) < d->r->difference)
            last++;
        if (last == i || last <= reached) continue;
        reached = last;
        if (draw)
            text_add(d->out, "<path class=\"thick\" d=\"M%.1f %.1fH%.1f\"/>\n",
                     across(d, rank_at(d, i)) + 3, d->axis + 9 + 8 * groups,
                     across(d, rank_at(d, last)) - 3);
        groups++;
    }
    return groups;
}

void chart_draw_ranks(text_buffer *out, const chart_ranks *r, bool alone)
{
    diagram d = { .r = r, .out = out, .width = r->width ? r->width : RANKS_WIDTH };
    d.order = alloc_array(r->n, sizeof *d.order);
    if (!d.order) {
        if (!out->status) out->status = RONDO_E_NOMEM;
        return;
    }
    sort(&d);
    for (int i = 0; i < r->n; i++) d.edge = (int)fmax(d.edge, chart_text_width(r->names[i]) + 56);
    d.width = (int)fmax(d.width, 2 * d.edge + LEAST_LINE);
    d.axis = (r->title ? 30 : 8) + 58;
    const double first = d.axis + 14 + 8 * draw_groups(&d, false) + 8;
    chart_open(out, d.width, (int)(first + LINE * ((r->n + 1) / 2)), r->title, r->description,
               alone);
    draw_axis(&d);
    draw_groups(&d, true);
    draw_names(&d, first);
    text_add(out, "</svg>\n");
    alloc_free(d.order);
}
