/* report_text - of a report: what a language model's scores are per, and what it writes; what a model
 * that began as another took from it, and what that cost the other. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

/* ---- A language model ---- */
static const char *unit_word(const run_report *r, const char *unit)
{
    static const struct {
        const char *unit;
        int word;
    } units[] = { { "word", WORD_A_WORD },
                  { "sub-word", WORD_A_SUB_WORD },
                  { "character", WORD_A_CHARACTER },
                  { "byte", WORD_A_BYTE } };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (unit && strcmp(units[i].unit, unit) == 0) return page_word(units[i].word, r->chinese);
    return page_word(WORD_A_TOKEN, r->chinese);
}

void report_language(run_report *r, const char *layers, long long parameters)
{
    const char *unit = unit_word(r, r->pipeline ? r->pipeline->unit : NULL);
    REPORT_PARAGRAPH(r, WORD_LANGUAGE_MODEL, unit, layers, parameters);
}

void report_judged_text(run_report *r, const rondo_text_unit *u)
{
    text_add(&r->out, "<p>");
    report_say(r, WORD_JUDGED_TEXT, (long long)u->tokens, r->data_path, unit_word(r, u->unit));
    if (u->end) report_say(r, WORD_END_COUNTED, u->end);
    if (u->unknown) report_say(r, WORD_UNKNOWN, (long long)u->unknown);
    text_add(&r->out, "</p>\n");
}

void report_unit(run_report *r, const char *score)
{
    rondo_text_unit u;
    if (!r->data || !rondo_pipeline_text_unit(r->pipeline, r->data, &u)) return;
    const bool bytes = strstr(score, "byte") != NULL;
    const int word = !strcmp(score, "loss") || !strcmp(score, "nll") ? WORD_NATS_PER
                     : !strncmp(score, "bits", 4)                    ? WORD_BITS_PER
                     : strstr(score, "perplexity")                   ? WORD_PER
                                                                     : -1;
    text_add(&r->out, "<td style=\"text-align:left\">");
    if (word >= 0) report_say(r, word, unit_word(r, bytes ? "byte" : u.unit));
    text_add(&r->out, "</td>");
}

enum { SAMPLES = 3, LENGTH = 80 };

static rondo_status write_samples(text_buffer text[SAMPLES], rondo_pipeline *p)
{
    rondo_generator *g;
    rondo_piece piece;
    bool more = true;
    RONDO_TRY(rondo_generator_new(&g, p,
                                  &(rondo_generate_options){ .size = sizeof(rondo_generate_options),
                                                             .samples = SAMPLES,
                                                             .length = LENGTH,
                                                             .temperature = 0.8 }));
    rondo_status s = RONDO_OK;
    while (!s && more) {
        s = rondo_generator_next(g, &piece, &more);
        if (!s && more) text_put(&text[piece.sample], piece.text, piece.size);
    }
    rondo_generator_free(g);
    return s;
}

/* Where it cannot write, as one that reads from the end, there is nothing to show. */
rondo_status report_writing(run_report *r)
{
    text_buffer text[SAMPLES] = { 0 };
    if (!r->pipeline || strcmp(rondo_pipeline_task(r->pipeline), "language") != 0) return RONDO_OK;
    const rondo_status s = write_samples(text, r->pipeline);
    if (!s) report_heading(r, WORD_WRITES);
    for (int i = 0; i < SAMPLES; i++) {
        if (!s && text[i].data) {
            text_add(&r->out, "<pre style=\"white-space:pre-wrap\">");
            text_escaped(&r->out, text[i].data);
            text_add(&r->out, "</pre>\n");
        }
        text_free(&text[i]);
    }
    return s == RONDO_E_NOMEM ? s : r->out.status;
}

/* ---- Scores at several times, side by side ---- */
typedef struct moment {
    int word;
    const json_t *scores;
} moment;

static double score_at(const moment *m, const char *name)
{
    const json_t *score = json_object_get(m->scores, name);
    return json_is_number(score) ? json_number_value(score) : NAN;
}

static void write_moments(run_report *r, const moment *moments, int n)
{
    const char *name;
    json_t *score;
    text_add(&r->out, "<div class=\"scroll\"><table><tr>");
    report_cell(r, "th", page_word(WORD_METRIC, r->chinese));
    for (int i = 0; i < n; i++) report_cell(r, "th", page_word(moments[i].word, r->chinese));
    text_add(&r->out, "</tr>\n");
    json_object_foreach ((json_t *)moments[0].scores, name, score) {
        text_add(&r->out, "<tr>");
        report_cell(r, "td", name);
        for (int i = 0; i < n; i++) report_number(r, score_at(&moments[i], name));
        text_add(&r->out, "</tr>\n");
    }
    text_add(&r->out, "</table></div>\n");
}

/* What its base lost, and what other functions cost. */
rondo_status report_base(run_report *r)
{
    const json_t *story = json_object_get(r->about, "training");
    const json_t *before = json_object_get(story, "base_before");
    const json_t *exchange = json_object_get(story, "exchange");
    const char *functions = json_string_value(json_object_get(exchange, "functions"));
    const char *why = json_string_value(json_object_get(exchange, "not_judged"));
    const moment base[] = { { WORD_AS_IT_WAS, before },
                            { WORD_AFTER_LAST, json_object_get(r->about, "result") } };
    const moment other[] = { { WORD_AS_IT_WAS, json_object_get(exchange, "before") },
                             { WORD_EXCHANGED, json_object_get(exchange, "exchanged") },
                             { WORD_AFTER_BEST, json_object_get(exchange, "after") } };
    if (json_object_size(before)) {
        report_heading(r, WORD_FORGOTTEN);
        REPORT_PARAGRAPH(r, WORD_FORGOTTEN_SAY);
        write_moments(r, base, 2);
    }
    if (functions) {
        report_heading(r, WORD_FUNCTIONS);
        REPORT_PARAGRAPH(r, WORD_EXCHANGE, functions);
    }
    if (functions && why) REPORT_PARAGRAPH(r, WORD_NOT_JUDGED, why);
    if (json_object_size(other[0].scores)) {
        REPORT_PARAGRAPH(r, WORD_ON_VALIDATION);
        write_moments(r, other, 3);
    }
    return r->out.status;
}
