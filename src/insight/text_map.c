/* text_map - a map over a text: its pieces, tinted by what they are worth. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { MOST_PIECES = 600 };

static double largest(const rondo_map *m, int64_t column)
{
    double most = 0;
    for (int64_t t = 0; t < m->steps; t++)
        most = fmax(most, fabs(m->values[t * m->width + column])); /* passes over NAN */
    return most;
}

/* Blue above 0, red below, the stronger the further. */
static void write_tinted(text_buffer *out, const rondo_map *m, int64_t column, char *const *tokens)
{
    const double most = largest(m, column);
    text_add(out, "<p style=\"line-height:1.8\">");
    for (int64_t t = 0; t < m->steps && t < MOST_PIECES && tokens[t]; t++) {
        const double x = m->values[t * m->width + column];
        const double strength = isnan(x) || most == 0 ? 0 : 0.75 * fabs(x) / most;
        text_add(out, "%s<span title=\"%lld: %.4g\" style=\"background:rgba(%s,%.2f)\">",
                 t ? " " : "", (long long)t + 1, isnan(x) ? 0 : x,
                 x < 0 ? "214,69,65" : "52,108,199", strength);
        text_escaped(out, tokens[t]);
        text_add(out, "</span>");
    }
    text_add(out, m->steps > MOST_PIECES ? " …</p>\n" : "</p>\n");
}

rondo_status text_maps_write(text_buffer *out, const rondo_map *m, char *const *tokens)
{
    enum { SHOWN = 4 };
    int64_t columns[SHOWN], n;
    RONDO_TRY(rondo_map_choose(m, SHOWN, columns, &n));
    for (int64_t k = 0; k < n; k++) {
        if (m->width > 1) {
            text_add(out, "<p><b>");
            text_escaped(out, m->names[columns[k]]);
            text_add(out, "</b></p>\n");
        }
        write_tinted(out, m, columns[k], tokens);
    }
    return out->status;
}
