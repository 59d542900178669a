/* picture - maps over time as heat maps, alone or on a page. */
#include "chart/chart.h"
#include "insight/insight.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 40, MOST_CELLS = 400 };

typedef struct weighed { /* one column of a map */
    int64_t column;
    double size;
} weighed;

static int by_size(const void *a, const void *b)
{
    const weighed *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? 1 : -1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static int by_column(const void *a, const void *b)
{
    const weighed *x = a, *y = b;
    return x->column < y->column ? -1 : x->column > y->column;
}

rondo_status rondo_map_choose(const rondo_map *m, int64_t most, int64_t *columns, int64_t *n)
{
    weighed *all = alloc_array(m->width + 1, sizeof *all);
    if (!all) return RONDO_E_NOMEM;
    *n = m->width < most ? m->width : most;
    for (int64_t k = 0; k < m->width; k++) {
        all[k].column = k;
        for (int64_t t = 0; t < m->steps; t++) {
            const double x = fabs(m->values[t * m->width + k]);
            if (x > 0) all[k].size += x; /* not of NAN */
        }
    }
    qsort(all, (size_t)m->width, sizeof *all, by_size);
    qsort(all, (size_t)*n, sizeof *all, by_column);
    for (int64_t k = 0; k < *n; k++) columns[k] = all[k].column;
    alloc_free(all);
    return RONDO_OK;
}

double rondo_map_cell(const rondo_map *m, int64_t column, int64_t i, int64_t cells)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t t = i * m->steps / cells; t < (i + 1) * m->steps / cells; t++) {
        const double x = m->values[t * m->width + column];
        if (isnan(x)) continue;
        sum += x;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

rondo_status map_draw(text_buffer *out, const rondo_map *m, const map_style *style, bool alone)
{
    const char *names[MOST_ROWS];
    int64_t columns[MOST_ROWS], rows;
    const int64_t most = style->rows && style->rows < MOST_ROWS ? style->rows : MOST_ROWS;
    const int64_t cells = m->steps < MOST_CELLS ? m->steps : MOST_CELLS;
    RONDO_TRY(rondo_map_choose(m, most, columns, &rows));
    double *values = alloc_array(rows * cells + 1, sizeof *values);
    if (!values) return RONDO_E_NOMEM;
    for (int64_t r = 0; r < rows; r++) {
        names[r] = m->names[columns[r]];
        for (int64_t c = 0; c < cells; c++)
            values[r * cells + c] = rondo_map_cell(m, columns[r], c, cells);
    }
    const chart_grid grid = { .title = style->title,
                              .description = style->description,
                              .x = { .label = style->time, .from = 1 },
                              .y = { .names = names, .n_names = (int)rows },
                              .values = values,
                              .rows = (int)rows,
                              .columns = (int)cells,
                              .decimals = -1,
                              .width = style->width };
    chart_draw_grid(out, &grid, alone);
    alloc_free(values);
    return out->status;
}

/* ---- An explanation as a file ---- */
static const char *kind_word(const char *kind, bool chinese)
{
    static const struct {
        const char *kind;
        int word;
    } kinds[] = {
        { "integrated_gradients", WORD_INTEGRATED },
        { "occlusion", WORD_OCCLUSION },
        { "gates", WORD_MAP_GATES },
        { "units", WORD_MAP_UNITS },
        { "probability", WORD_PROBABILITY },
        { "logit", WORD_LOGIT },
        { "value", WORD_QUANTITY },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].kind) == 0) return page_word(kinds[i].word, chinese);
    return kind;
}

static rondo_status draw_map(text_buffer *out, const rondo_explanation *e, int i, bool chinese,
                             bool alone)
{
    char title[2 * LIMIT_NAME], description[2 * LIMIT_NAME];
    const rondo_map *m = &e->maps[i];
    const bool many = m->steps > MOST_CELLS;
    snprintf(title, sizeof title, "%s, %s", kind_word(m->kind, chinese), m->of);
    snprintf(description, sizeof description, page_word(many ? WORD_MAP_MANY : WORD_MAP, chinese),
             (long long)m->width, (long long)m->steps);
    const map_style style = { .title = title,
                              .description = description,
                              .time = page_word(many ? WORD_TIME : WORD_STEP, chinese) };
    return map_draw(out, m, &style, alone);
}

static void write_facts(text_buffer *out, const rondo_explanation *e, bool chinese)
{
    const char *quantity = kind_word(e->quantity, chinese);
    text_add(out, "<h1>");
    if (e->label)
        page_say(out, chinese, WORD_SAMPLE_LABEL, (long long)e->sample, e->label);
    else
        page_say(out, chinese, WORD_SAMPLE_NUMBER, (long long)e->sample);
    text_add(out, "</h1>\n<p>");
    if (e->step)
        page_say(out, chinese, WORD_EXPLAINED_STEP, quantity, e->output, (long long)e->step, e->f,
                 e->baseline, e->f_baseline);
    else
        page_say(out, chinese, WORD_EXPLAINED, quantity, e->output, e->f, e->baseline,
                 e->f_baseline);
    text_add(out, "</p>\n");
    if (!e->points) return;
    text_add(out, "<p>");
    page_say(out, chinese, WORD_COMPLETE, e->sum, e->f - e->f_baseline, 100 * e->gap,
             (long long)e->points);
    text_add(out, "</p>\n");
}

static rondo_status write_page(text_buffer *out, const rondo_explanation *e, bool chinese)
{
    page_begin(out, page_word(WORD_EXPLANATION, chinese), chinese ? "zh" : "en");
    write_facts(out, e, chinese);
    for (int i = 0; i < e->n_maps; i++) {
        text_add(out, "<figure>\n");
        RONDO_TRY(draw_map(out, e, i, chinese, false));
        if (e->tokens) RONDO_TRY(text_maps_write(out, &e->maps[i], e->tokens));
        text_add(out, "</figure>\n");
    }
    page_end(out);
    return out->status;
}

rondo_status rondo_explanation_write(const rondo_explanation *e, const char *path, const char *lang)
{
    text_buffer out = { 0 };
    bool chinese;
    rondo_status s;
    RONDO_TRY(page_language(&chinese, lang));
    if (path_ends(path, ".html"))
        s = write_page(&out, e, chinese);
    else if (!path_ends(path, ".svg"))
        s = rondo_fail(RONDO_E_ARG, "%s: a page is FILE.html, one map alone FILE.svg", path);
    else if (e->n_maps != 1)
        s = rondo_fail(RONDO_E_ARG, "%s: an svg is of one map, these are %d; say FILE.html", path,
                       e->n_maps);
    else
        s = draw_map(&out, e, 0, chinese, true);
    if (!s) s = file_write_all(path, out.data, out.size);
    text_free(&out);
    return s;
}
