/* page - a diagnosis as charts and tables, in English or Chinese. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { FIGURE_WIDTH = 520, FIGURE_HEIGHT = 300 }; /* two side by side, as in reports */

static const char *const severities[] = { "", "note", "fault", "broken" };

static void layer_title(char *out, size_t size, const rondo_layer_diagnosis *l)
{
    snprintf(out, size, "%s%s", l->name, l->backward ? " ←" : "");
}

/* ---- Sentences ---- */
static void put_findings(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    if (d->n_findings == 0) text_add(t, "<p>%s</p>\n", page_word(WORD_HEALTHY, chinese));
    for (int64_t i = 0; i < d->n_findings; i++) {
        const rondo_finding *f = &d->finding[i];
        text_add(t, "<p class=\"finding %s\"><strong>", severities[f->severity & 3]);
        text_escaped(t, chinese ? f->sentence_zh : f->sentence);
        text_add(t, "</strong><br>%s", page_word(WORD_TRY, chinese));
        text_escaped(t, chinese ? f->advice_zh : f->advice);
        text_add(t, "</p>\n");
    }
}

/* ---- Charts ---- */
/* Every recurrent layer's median, from 1 down to where floats end. */
static void put_gradients(text_buffer *t, const rondo_diagnosis *d, bool chinese, bool alone)
{
    enum { MOST = 16 };
    double x[MOST][RONDO_DISTANCES], y[MOST][RONDO_DISTANCES];
    char names[MOST][80];
    chart_series series[MOST];
    int n = 0;
    for (int64_t i = 0; i < d->n_layers && n < MOST; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        if (l->n_distances < 2) continue;
        layer_title(names[n], sizeof names[n], l);
        for (int64_t k = 0; k < l->n_distances; k++) {
            x[n][k] = (double)l->distance[k];
            y[n][k] = l->gradient[k] > 0 ? l->gradient[k] : NAN;
        }
        series[n] =
            (chart_series){ .name = names[n], .x = x[n], .y = y[n], .n = (int)l->n_distances };
        n++;
    }
    if (n == 0) return;
    const chart c = { .title = page_word(WORD_GRADIENTS, chinese),
                      .x = { .label = page_word(WORD_DISTANCE, chinese) },
                      .y = { .label = page_word(WORD_GRADIENT_NORM, chinese), .log = true },
                      .series = series,
                      .n_series = n,
                      .width = alone ? 0 : FIGURE_WIDTH,
                      .height = alone ? 0 : FIGURE_HEIGHT };
    chart_draw(t, &c, alone);
}

static void put_losses(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    if (d->n_losses < 2) return;
    const chart_series one = { .y = d->losses, .n = (int)d->n_losses };
    const chart c = { .title = page_word(WORD_LOSSES, chinese),
                      .x = { .label = page_word(WORD_PARTS, chinese) },
                      .y = { .label = page_word(WORD_LOSS, chinese) },
                      .series = &one,
                      .n_series = 1,
                      .width = FIGURE_WIDTH,
                      .height = FIGURE_HEIGHT };
    text_add(t, "<figure>\n");
    chart_draw(t, &c, false);
    text_add(t, "</figure>\n");
}

static void put_gate(text_buffer *t, const rondo_layer_diagnosis *l, const rondo_gate_diagnosis *g,
                     bool chinese)
{
    double x[RONDO_BARS];
    char title[128], name[80];
    layer_title(name, sizeof name, l);
    snprintf(title, sizeof title, "%s: %s (%s)", name, g->name, g->activation);
    for (int i = 0; i < RONDO_BARS; i++)
        x[i] = g->from + (g->to - g->from) * (i + 0.5) / RONDO_BARS;
    const chart_series bars = { .x = x, .y = g->bars, .n = RONDO_BARS, .mark = CHART_BARS };
    const chart c = { .title = title,
                      .y = { .label = page_word(WORD_SHARE, chinese) },
                      .series = &bars,
                      .n_series = 1,
                      .width = FIGURE_WIDTH,
                      .height = 220 };
    text_add(t, "<figure>\n");
    chart_draw(t, &c, false);
    text_add(t, "</figure>\n");
}

/* ---- Tables ---- */
static void put_head(text_buffer *t, const int heads[], int n, bool chinese)
{
    text_add(t, "<div class=\"scroll\"><table class=\"wide\"><thead><tr>");
    for (int i = 0; i < n; i++) {
        text_add(t, "<th>");
        page_say(t, chinese, heads[i]);
        text_add(t, "</th>");
    }
    text_add(t, "</tr></thead><tbody>\n");
}

static void put_number(text_buffer *t, double x)
{
    if (isfinite(x))
        text_add(t, "<td>%.3g</td>", x);
    else
        text_add(t, "<td>–</td>");
}

static void put_percent(text_buffer *t, double x)
{
    if (isfinite(x))
        text_add(t, "<td>%.0f %%</td>", 100 * x);
    else
        text_add(t, "<td>–</td>");
}

static void put_name(text_buffer *t, const rondo_layer_diagnosis *l)
{
    char name[80];
    layer_title(name, sizeof name, l);
    text_add(t, "<tr><td>");
    text_escaped(t, name);
    text_add(t, "</td>");
}

static const char table_end[] = "</tbody></table></div>\n";

static void put_memory(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    static const int heads[] = { WORD_LAYER, WORD_HALF_LIFE, WORD_ONE_PERCENT, WORD_DECAY,
                                 WORD_KEPT,  WORD_RADIUS,    WORD_EXPONENT };
    text_add(t, "<h3>%s</h3>\n", page_word(WORD_MEMORY, chinese));
    put_head(t, heads, 7, chinese);
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        const double numbers[] = { l->half_life, l->memory,          l->decay,
                                   l->kept,      l->spectral_radius, l->lyapunov };
        if (!l->recurrent) continue;
        put_name(t, l);
        for (int k = 0; k < 6; k++) put_number(t, numbers[k]);
        text_add(t, "</tr>\n");
    }
    text_add(t, "%s", table_end);
}

static void put_units(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    static const int heads[] = { WORD_LAYER, WORD_N_UNITS, WORD_DEAD, WORD_CONSTANT,
                                 WORD_LARGEST_OUTPUT };
    text_add(t, "<h3>%s</h3>\n", page_word(WORD_UNITS, chinese));
    put_head(t, heads, 5, chinese);
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        put_name(t, l);
        text_add(t, "<td>%lld</td><td>%lld</td><td>%lld</td>", (long long)l->units,
                 (long long)l->dead, (long long)l->constant);
        put_number(t, l->largest);
        text_add(t, "</tr>\n");
    }
    text_add(t, "%s", table_end);
}

static void put_gates(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    static const int heads[] = { WORD_GATE, WORD_ACTIVATION, WORD_GATE_MEAN,
                                 WORD_LOW,  WORD_HIGH,       WORD_SATURATED };
    text_add(t, "<h3>%s</h3>\n", page_word(WORD_GATES, chinese));
    put_head(t, heads, 6, chinese);
    for (int64_t i = 0; i < d->n_layers; i++)
        for (int64_t g = 0; g < d->layer[i].n_gates; g++) {
            const rondo_gate_diagnosis *gate = &d->layer[i].gate[g];
            char name[80];
            layer_title(name, sizeof name, &d->layer[i]);
            text_add(t, "<tr><td>");
            text_escaped(t, name);
            text_add(t, " %s</td><td>", gate->name);
            text_escaped(t, gate->activation);
            text_add(t, "</td>");
            put_number(t, gate->mean);
            put_percent(t, gate->bounded ? gate->low : NAN);
            put_percent(t, gate->bounded ? gate->high : NAN);
            put_percent(t, gate->saturated);
            text_add(t, "</tr>\n");
        }
    text_add(t, "%s<div class=\"figures\">\n", table_end);
    for (int64_t i = 0; i < d->n_layers; i++)
        for (int64_t g = 0; g < d->layer[i].n_gates; g++)
            put_gate(t, &d->layer[i], &d->layer[i].gate[g], chinese);
    text_add(t, "</div>\n");
}

/* ---- Whole ---- */
void diagnosis_body(text_buffer *t, const rondo_diagnosis *d, bool chinese)
{
    bool recurrent = false;
    for (int64_t i = 0; i < d->n_layers; i++) recurrent |= d->layer[i].recurrent;
    text_add(t, "<p class=\"lead\">");
    page_say(t, chinese, WORD_DIAGNOSED, (long long)d->samples, d->loss);
    text_add(t, "</p>\n");
    put_findings(t, d, chinese);
    text_add(t, "<div class=\"figures\">\n");
    put_losses(t, d, chinese);
    if (recurrent) {
        text_add(t, "<figure>\n");
        put_gradients(t, d, chinese, false);
        text_add(t, "</figure>\n");
    }
    text_add(t, "</div>\n");
    if (recurrent) put_memory(t, d, chinese);
    if (d->n_layers) put_units(t, d, chinese);
    if (recurrent) put_gates(t, d, chinese);
}

rondo_status rondo_diagnosis_write(const rondo_diagnosis *d, const char *path, const char *lang)
{
    text_buffer t = { 0 };
    bool chinese;
    RONDO_TRY(page_language(&chinese, lang));
    if (path_ends(path, ".svg")) {
        put_gradients(&t, d, chinese, true);
        if (!t.data && !t.status)
            return rondo_fail(RONDO_E_ARG,
                              "%s: there is no recurrent layer whose gradient could be "
                              "drawn; FILE.html has the rest",
                              path);
    } else if (path_ends(path, ".html")) {
        page_begin(&t, page_word(WORD_DIAGNOSIS, chinese), chinese ? "zh" : "en");
        text_add(&t, "<h1>%s</h1>\n", page_word(WORD_DIAGNOSIS, chinese));
        diagnosis_body(&t, d, chinese);
        page_end(&t);
    } else {
        return rondo_fail(RONDO_E_ARG, "%s: a diagnosis is written as FILE.html or FILE.svg", path);
    }
    const rondo_status status = t.status ? t.status : file_write_all(path, t.data, t.size);
    text_free(&t);
    return status;
}
