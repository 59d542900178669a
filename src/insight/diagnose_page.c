/* page - a diagnosis as charts and tables, in English or Chinese. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

typedef struct words { /* one per language */
    const char *title, *healthy, *try_this, *gradients, *gradients_y, *distance, *losses, *loss,
        *part, *gates, *share, *memory, *units;
    const char *memory_head[7], *unit_head[5], *gate_head[6];
    const char *samples;
} words;

static const words english = {
    "Diagnosis",
    "Nothing suspicious found.",
    "Try: ",
    "How the gradient shrinks on its way back in time",
    "norm of ∂loss/∂h, of that at the end",
    "steps before the end of the row",
    "Loss over the training",
    "loss",
    "parts of the training",
    "What gates do",
    "share of the values",
    "Memory of recurrent layers",
    "Units",
    { "layer", "steps until half", "steps until 1 %", "factor a step", "kept a step",
      "spectral radius", "largest Lyapunov exponent" },
    { "layer", "units", "dead", "constant", "largest output" },
    { "gate", "activation", "mean", "under 0.05", "over 0.95", "saturated" },
    "%lld samples; loss %.4g.",
};
static const words chinese = {
    "诊断",
    "没有发现可疑之处。",
    "建议：",
    "梯度沿时间向后传播时如何衰减",
    "∂损失/∂h 的范数（相对于末步）",
    "距序列末尾的步数",
    "训练过程中的损失",
    "损失",
    "训练的各部分",
    "各个门的取值",
    "取值的比例",
    "循环层的记忆",
    "单元",
    { "层", "减半所需步数", "降到 1 % 所需步数", "每步的倍数", "每步保留", "谱半径",
      "最大李雅普诺夫指数" },
    { "层", "单元数", "死亡", "恒定", "最大输出" },
    { "门", "激活函数", "均值", "低于 0.05", "高于 0.95", "饱和" },
    "%lld 个样本；损失 %.4g。",
};

static const char *const severities[] = { "", "note", "fault", "broken" };

static void layer_title(char *out, size_t size, const rondo_layer_diagnosis *l)
{
    snprintf(out, size, "%s%s", l->name, l->backward ? " ←" : "");
}

/* ---- Sentences ---- */
static void put_findings(text_buffer *t, const rondo_diagnosis *d, const words *w)
{
    const bool zh = w == &chinese;
    if (d->n_findings == 0) text_add(t, "<p>%s</p>\n", w->healthy);
    for (int64_t i = 0; i < d->n_findings; i++) {
        const rondo_finding *f = &d->finding[i];
        text_add(t, "<p class=\"finding %s\"><strong>", severities[f->severity & 3]);
        text_escaped(t, zh ? f->sentence_zh : f->sentence);
        text_add(t, "</strong><br>%s", w->try_this);
        text_escaped(t, zh ? f->advice_zh : f->advice);
        text_add(t, "</p>\n");
    }
}

/* ---- Charts ---- */
/* Every recurrent layer's median, from 1 down to where floats end. */
static void put_gradients(text_buffer *t, const rondo_diagnosis *d, const words *w, bool alone)
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
    const chart c = { .title = w->gradients,
                      .x = { .label = w->distance },
                      .y = { .label = w->gradients_y, .log = true },
                      .series = series,
                      .n_series = n };
    chart_draw(t, &c, alone);
}

static void put_losses(text_buffer *t, const rondo_diagnosis *d, const words *w)
{
    if (d->n_losses < 2) return;
    const chart_series one = { .y = d->losses, .n = (int)d->n_losses };
    const chart c = { .title = w->losses,
                      .x = { .label = w->part },
                      .y = { .label = w->loss },
                      .series = &one,
                      .n_series = 1 };
    text_add(t, "<figure>\n");
    chart_draw(t, &c, false);
    text_add(t, "</figure>\n");
}

static void put_gate(text_buffer *t, const rondo_layer_diagnosis *l, const rondo_gate_diagnosis *g,
                     const words *w)
{
    double x[RONDO_BARS];
    char title[128], name[80];
    layer_title(name, sizeof name, l);
    snprintf(title, sizeof title, "%s: %s (%s)", name, g->name, g->activation);
    for (int i = 0; i < RONDO_BARS; i++)
        x[i] = g->from + (g->to - g->from) * (i + 0.5) / RONDO_BARS;
    const chart_series bars = { .x = x, .y = g->bars, .n = RONDO_BARS, .mark = CHART_BARS };
    const chart c = { .title = title,
                      .y = { .label = w->share },
                      .series = &bars,
                      .n_series = 1,
                      .width = 320,
                      .height = 200 };
    text_add(t, "<figure>\n");
    chart_draw(t, &c, false);
    text_add(t, "</figure>\n");
}

/* ---- Tables ---- */
static void put_head(text_buffer *t, const char *const heads[], int n)
{
    text_add(t, "<div class=\"scroll\"><table class=\"wide\"><thead><tr>");
    for (int i = 0; i < n; i++) text_add(t, "<th>%s</th>", heads[i]);
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

static void put_memory(text_buffer *t, const rondo_diagnosis *d, const words *w)
{
    text_add(t, "<h3>%s</h3>\n", w->memory);
    put_head(t, w->memory_head, 7);
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

static void put_units(text_buffer *t, const rondo_diagnosis *d, const words *w)
{
    text_add(t, "<h3>%s</h3>\n", w->units);
    put_head(t, w->unit_head, 5);
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

static void put_gates(text_buffer *t, const rondo_diagnosis *d, const words *w)
{
    text_add(t, "<h3>%s</h3>\n", w->gates);
    put_head(t, w->gate_head, 6);
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
            put_gate(t, &d->layer[i], &d->layer[i].gate[g], w);
    text_add(t, "</div>\n");
}

/* ---- Whole ---- */
static const words *words_of(const char *lang)
{
    return lang && strcmp(lang, "zh") == 0 ? &chinese : &english;
}

void diagnosis_body(text_buffer *t, const rondo_diagnosis *d, const char *lang)
{
    const words *w = words_of(lang);
    bool recurrent = false;
    for (int64_t i = 0; i < d->n_layers; i++) recurrent |= d->layer[i].recurrent;
    text_add(t, "<p class=\"lead\">");
    text_add(t, w->samples, (long long)d->samples, d->loss);
    text_add(t, "</p>\n");
    put_findings(t, d, w);
    put_losses(t, d, w);
    if (recurrent) {
        text_add(t, "<figure>\n");
        put_gradients(t, d, w, false);
        text_add(t, "</figure>\n");
        put_memory(t, d, w);
    }
    if (d->n_layers) put_units(t, d, w);
    if (recurrent) put_gates(t, d, w);
}

static bool ends(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcmp(path + n - m, ending) == 0;
}

rondo_status rondo_diagnosis_write(const rondo_diagnosis *d, const char *path, const char *lang)
{
    text_buffer t = { 0 };
    const words *w = words_of(lang);
    if (ends(path, ".svg")) {
        put_gradients(&t, d, w, true);
        if (!t.data && !t.status)
            return rondo_fail(RONDO_E_ARG,
                              "%s: there is no recurrent layer whose gradient could be "
                              "drawn; FILE.html has the rest",
                              path);
    } else if (ends(path, ".html")) {
        page_begin(&t, w->title, w == &chinese ? "zh" : "en");
        text_add(&t, "<h1>%s</h1>\n", w->title);
        diagnosis_body(&t, d, lang);
        page_end(&t);
    } else {
        return rondo_fail(RONDO_E_ARG, "%s: a diagnosis is written as FILE.html or FILE.svg", path);
    }
    const rondo_status status = t.status ? t.status : file_write_all(path, t.data, t.size);
    text_free(&t);
    return status;
}
