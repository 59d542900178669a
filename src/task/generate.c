/* generate - a language model writes.  Several samples are rows of one stream, so many at a time;
 * each draws from random numbers of its own, so that it does not depend on how many there are. */
#include "task/task.h"
#include <math.h>
#include <string.h>

enum { MOST_ROWS = 32, LENGTH = 200, MOST_BEAMS = 256 };

void rondo_generator_free(rondo_generator *g)
{
    if (!g) return;
    for (int64_t r = 0; g->row && r < g->rows; r++) {
        speaker_close(&g->row[r].speaker);
        alloc_free(g->row[r].said.id);
        alloc_free(g->row[r].said.has);
    }
    alloc_free(g->row);
    alloc_free(g->next);
    alloc_free(g->logits);
    alloc_free(g->first_logits);
    alloc_free(g->first_state);
    alloc_free(g->log_p);
    alloc_free(g->stop);
    alloc_free(g->banned);
    sampler_close(&g->sampler);
    beam_close(&g->beam);
    alloc_free(g->prompt);
    text_free(&g->remark);
    rondo_stream_free(g->stream);
    alloc_free(g);
}

/* ---- What is asked for ---- */
static rondo_status check_options(const rondo_generate_options *o)
{
    if (o->length < 0 || o->samples < 0 || o->top_k < 0 || o->beams < 0)
        return rondo_fail(RONDO_E_ARG, "length, samples, top_k and beam cannot be under 0; leave "
                                       "out what is to be as usual");
    if (!(o->temperature >= 0) || !(o->repetition_penalty >= 0) || !isfinite(o->temperature) ||
        !isfinite(o->repetition_penalty) || !isfinite(o->length_penalty))
        return rondo_fail(RONDO_E_ARG, "temperature and repetition_penalty are numbers over 0, "
                                       "length_penalty is a number");
    if (!(o->top_p >= 0 && o->top_p <= 1))
        return rondo_fail(RONDO_E_ARG, "top_p is %g; it is a probability, over 0 and at most 1",
                          o->top_p);
    if (!o->beams && o->length_penalty != 0)
        return rondo_fail(RONDO_E_ARG, "length_penalty compares what a beam search finds: say "
                                       "--beam 4, too");
    if (!o->beams) return RONDO_OK;
    if (o->beams > MOST_BEAMS)
        return rondo_fail(RONDO_E_LIMIT, "beam is %lld; %d is the most", (long long)o->beams,
                          MOST_BEAMS);
    if (o->greedy || o->temperature > 0 || o->top_k || o->top_p > 0 || o->repetition_penalty > 0)
        return rondo_fail(RONDO_E_ARG, "beam search finds what is most likely and draws nothing; "
                                       "leave greedy, temperature, top_k, top_p and "
                                       "repetition_penalty out");
    if (o->samples > o->beams)
        return rondo_fail(RONDO_E_ARG, "a search with %lld beams gives at most so many samples",
                          (long long)o->beams);
    return RONDO_OK;
}

static rondo_status fill_options(rondo_generator *g, const rondo_generate_options *given)
{
    rondo_generate_options *o = &g->options;
    if (given) memcpy(o, given, given->size && given->size < sizeof *o ? given->size : sizeof *o);
    RONDO_TRY(check_options(o));
    if (!o->length) o->length = LENGTH;
    if (!o->samples) o->samples = 1;
    if (!o->length_penalty) o->length_penalty = 1;
    if (o->stop && *o->stop && !(g->stop = alloc_text(o->stop))) return RONDO_E_NOMEM;
    return RONDO_OK;
}

static rondo_status check_pipeline(const rondo_pipeline *p)
{
    if (p->task != &task_language || !p->tokenizer)
        return rondo_fail(RONDO_E_ARG,
                          "the model's task is %s; what writes text is a language model (rondo "
                          "train --task language)",
                          p->task ? p->task->name : "not known");
    if (model_output_shape(p->model, 0)->features < tokenizer_size(p->tokenizer))
        return rondo_fail(RONDO_E_FORMAT, "the model has %lld outputs, its tokenizer %lld tokens",
                          (long long)model_output_shape(p->model, 0)->features,
                          (long long)tokenizer_size(p->tokenizer));
    return RONDO_OK;
}

/* ---- The prompt ---- */
static rondo_status add_prompt(rondo_generator *g, const int32_t *ids, int64_t n)
{
    int32_t *grown = alloc_grow(g->prompt, (size_t)(g->n_prompt + n + 1) * sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    g->prompt = grown;
    if (n) memcpy(grown + g->n_prompt, ids, (size_t)n * sizeof *ids);
    g->n_prompt += n;
    return RONDO_OK;
}

/* Pieces that the model does not know, each once. One that is written as the unknown token is known. */
static rondo_status note_unknown(rondo_generator *g, const char *text, const token_list *list)
{
    enum { SHOWN = 300 }; /* bytes */
    const int32_t unknown = g->special.unknown;
    if (list->dropped)
        return rondo_fail(RONDO_E_ARG,
                          "%lld pieces of the prompt are not in the model's vocabulary, and it has "
                          "no token for what is unknown",
                          (long long)list->dropped);
    for (int64_t i = 0; unknown >= 0 && i < list->n; i++) {
        if (list->id[i] != unknown || list->end[i] <= list->begin[i]) continue;
        char *piece = alloc_format("\"%.*s\"", (int)(list->end[i] - list->begin[i]),
                                   text + list->begin[i]);
        if (!piece) return RONDO_E_NOMEM;
        const char *as_written = strstr(piece, tokenizer_token(g->how, unknown));
        const bool known = as_written == piece + 1 && strlen(piece) == strlen(as_written) + 1 &&
                           strlen(as_written) == strlen(tokenizer_token(g->how, unknown)) + 1;
        const bool told = g->remark.data && strstr(g->remark.data, piece);
        if (!known && !told && g->remark.size < SHOWN)
            text_add(&g->remark, "%s%s", g->remark.size ? ", " : "the model does not know ", piece);
        alloc_free(piece);
    }
    return g->remark.status;
}

static rondo_status read_segment(rondo_generator *g, token_list *list, const char *text, size_t n)
{
    list->n = 0;
    RONDO_TRY(rondo_fail_in(tokenizer_encode_plain(g->how, text, n, list), "prompt"));
    RONDO_TRY(note_unknown(g, text, list));
    return add_prompt(g, list->id, list->n);
}

/* As the training text was, where lines end in a token; after what every text begins with. */
static rondo_status read_lines(rondo_generator *g, token_list *list, const char *text)
{
    const bool lines = language_ends_lines(g->pipeline);
    if (g->boundary >= 0) RONDO_TRY(add_prompt(g, &g->boundary, 1));
    while (*text) {
        const size_t n = lines ? strcspn(text, "\n") : strlen(text);
        RONDO_TRY(read_segment(g, list, text, n));
        text += n;
        if (*text) RONDO_TRY(add_prompt(g, &g->boundary, 1));
        text += *text != 0;
    }
    if (g->n_prompt) return RONDO_OK;
    RONDO_TRY(read_segment(g, list, "\n", 1));
    if (g->n_prompt && !g->remark.size) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "what shall it go on with? The model has no token that a text "
                                   "begins with: say --prompt TEXT");
}

static rondo_status read_prompt(rondo_generator *g)
{
    token_list list = { .spans = true };
    const rondo_status status = read_lines(g, &list, g->options.prompt ? g->options.prompt : "");
    token_list_free(&list);
    if (!status && g->remark.size)
        text_add(&g->remark, " in the prompt, and reads %s there",
                 tokenizer_token(g->how, g->special.unknown));
    return status ? status : g->remark.status;
}

/* ---- Stepping ---- */
rondo_status generator_step(rondo_generator *g, const int32_t *tokens)
{
    const rondo_array x = { (void *)tokens, RONDO_I32, { 1, { g->rows } }, NULL };
    rondo_array y = { g->logits, RONDO_F32, { 2, { g->rows, g->n } }, NULL };
    RONDO_TRY(rondo_stream_step(g->stream, &x, &y));
    if (stream_gives_logits(g->stream)) return RONDO_OK;
    for (int64_t i = 0; i < g->rows * g->n; i++)
        g->logits[i] = (real)log((double)g->logits[i] + 1e-30);
    return RONDO_OK;
}

/* All rows read the prompt; what comes of it is kept for samples that begin later. */
static rondo_status begin_with_prompt(rondo_generator *g)
{
    for (int64_t i = 0; i < g->n_prompt; i++) {
        for (int64_t r = 0; r < g->rows; r++) g->next[r] = g->prompt[i];
        RONDO_TRY(generator_step(g, g->next));
    }
    const real *state = rondo_stream_state(g->stream, &g->n_state);
    g->first_state = alloc_array((int64_t)g->n_state + 1, sizeof *g->first_state);
    g->first_logits = alloc_array(g->n, sizeof *g->first_logits);
    if (!g->first_state || !g->first_logits) return RONDO_E_NOMEM;
    memcpy(g->first_state, state, g->n_state * sizeof *state);
    memcpy(g->first_logits, g->logits, (size_t)g->n * sizeof *g->logits);
    return RONDO_OK;
}

static void say(spoken *s, int32_t id)
{
    if (!s->has || s->has[id]) return;
    s->has[id] = 1;
    s->id[s->n++] = id;
}

static void begin_row(rondo_generator *g, int64_t r)
{
    sample_row *row = &g->row[r];
    row->rng = rng_new(g->options.seed, rng_stream(RNG_GENERATE, (uint32_t)(g->first + r)));
    row->over = g->first + r >= g->options.samples;
    row->said.n = 0;
    if (row->said.has) memset(row->said.has, 0, (size_t)g->n);
    for (int64_t i = 0; i < g->n_prompt; i++) say(&row->said, g->prompt[i]);
    speaker_begin(&row->speaker, g->prompt, g->n_prompt);
    memcpy(g->logits + r * g->n, g->first_logits, (size_t)g->n * sizeof *g->logits);
}

static void begin_samples(rondo_generator *g, int64_t first)
{
    memcpy(rondo_stream_state(g->stream, NULL), g->first_state, g->n_state * sizeof(real));
    g->first = first;
    g->at = g->step = 0;
    for (int64_t r = 0; r < g->rows; r++) begin_row(g, r);
}

/* ---- Opening ---- */

/* What no text has: the gaps of a vocabulary, outputs beyond it, and tokens that only mark something. */
static rondo_status ban(rondo_generator *g)
{
    const token_specials *s = &g->special;
    g->banned = alloc_array(g->n, sizeof *g->banned);
    if (!g->banned) return RONDO_E_NOMEM;
    for (int32_t id = 0; id < g->n; id++) {
        const bool mark = id == s->pad || id == s->begin || id == s->unknown;
        if (!tokenizer_token(g->how, id) || (mark && id != s->end)) g->banned[g->n_banned++] = id;
    }
    return RONDO_OK;
}

static rondo_status open_sampler(rondo_generator *g)
{
    const rondo_generate_options *o = &g->options;
    RONDO_TRY(ban(g));
    const sampler_options how = { .temperature = o->greedy        ? 0
                                                 : o->temperature ? o->temperature
                                                                  : 1,
                                  .top_p = o->top_p > 0 ? o->top_p : 1,
                                  .top_k = o->top_k,
                                  .repetition_penalty = o->repetition_penalty
                                                            ? o->repetition_penalty
                                                            : 1,
                                  .banned = g->banned,
                                  .n_banned = g->n_banned };
    return sampler_open(&g->sampler, g->n, &how);
}

static rondo_status open_rows(rondo_generator *g)
{
    const rondo_generate_options *o = &g->options;
    g->rows = o->beams ? o->beams : o->samples < MOST_ROWS ? o->samples : MOST_ROWS;
    g->n = model_output_shape(g->pipeline->model, 0)->features;
    g->row = alloc_array(g->rows, sizeof *g->row);
    g->next = alloc_array(g->rows, sizeof *g->next);
    g->logits = alloc_array(g->rows * g->n, sizeof *g->logits);
    g->log_p = alloc_array(g->n, sizeof *g->log_p);
    if (!g->row || !g->next || !g->logits || !g->log_p) return RONDO_E_NOMEM;
    for (int64_t r = 0; r < g->rows; r++) {
        RONDO_TRY(speaker_open(&g->row[r].speaker, g->how, g->stop));
        if (!(o->repetition_penalty > 0)) continue;
        g->row[r].said.id = alloc_array(g->n, sizeof *g->row[r].said.id);
        g->row[r].said.has = alloc_array(g->n, 1);
        if (!g->row[r].said.id || !g->row[r].said.has) return RONDO_E_NOMEM;
    }
    RONDO_TRY(stream_open(&g->stream, g->pipeline->model, g->rows, true));
    return rondo_stream_threads(g->stream, pool_threads(g->pipeline->model->pool));
}

static rondo_status open(rondo_generator *g, rondo_pipeline *p, const rondo_generate_options *given)
{
    RONDO_TRY(check_pipeline(p));
    g->pipeline = p;
    g->how = p->tokenizer;
    g->special = tokenizer_special(g->how);
    g->boundary = language_boundary(p);
    RONDO_TRY(fill_options(g, given));
    RONDO_TRY(read_prompt(g));
    RONDO_TRY(open_rows(g));
    RONDO_TRY(open_sampler(g));
    RONDO_TRY(begin_with_prompt(g));
    g->options.prompt = g->options.stop = NULL; /* were borrowed */
    if (g->options.beams) return beam_search(&g->beam, g);
    begin_samples(g, 0);
    return RONDO_OK;
}

rondo_status rondo_generator_new(rondo_generator **out, rondo_pipeline *p,
                                 const rondo_generate_options *given)
{
    rondo_generator *g = *out = alloc_new(sizeof *g);
    if (!g) return RONDO_E_NOMEM;
    const rondo_status status = open(g, p, given);
    if (!status) return RONDO_OK;
    rondo_generator_free(g);
    *out = NULL;
    return status;
}

const char *rondo_generator_remark(const rondo_generator *g)
{
    return g->remark.data;
}

/* ---- Piece by piece ---- */
/* To the next row that still writes; false when there is none left. */
static rondo_status next_row(rondo_generator *g, bool *more)
{
    for (;;) {
        while (g->at < g->rows && g->row[g->at].over) g->at++;
        *more = g->at < g->rows;
        if (*more) return RONDO_OK;
        bool all_over = true;
        for (int64_t r = 0; r < g->rows; r++) all_over &= g->row[r].over;
        if (all_over && g->first + g->rows >= g->options.samples) return RONDO_OK;
        if (all_over) {
            begin_samples(g, g->first + g->rows);
            continue;
        }
        RONDO_TRY(generator_step(g, g->next));
        g->step++;
        g->at = 0;
    }
}

/* The token as a piece: its text, and whether the sample ends with it. */
rondo_status generator_tell(rondo_generator *g, speaker *s, int32_t id, bool last,
                            rondo_piece *piece)
{
    const bool end = id == g->special.end;
    piece->id = id;
    piece->token = tokenizer_token(g->how, id);
    if (!piece->token) piece->token = "";
    RONDO_TRY(speaker_say(s, id, &piece->text, &piece->size));
    piece->finish = s->stopped ? "stop" : end ? "end" : last ? "length" : NULL;
    if (piece->finish) speaker_end(s, &piece->text, &piece->size);
    return RONDO_OK;
}

rondo_status rondo_generator_next(rondo_generator *g, rondo_piece *piece, bool *more)
{
    *piece = (rondo_piece){ .sample = -1, .text = "", .log_probability = NAN };
    if (g->options.beams) return beam_next(&g->beam, g, piece, more);
    RONDO_TRY(next_row(g, more));
    if (!*more) return RONDO_OK;
    const int64_t r = g->at++;
    sample_row *row = &g->row[r];
    const real *logits = g->logits + r * g->n;
    const int32_t id = g->next[r] = sampler_next(&g->sampler, logits, &row->said, &row->rng);
    say(&row->said, id);
    piece->sample = g->first + r;
    if (g->options.scores) {
        sampler_log_probabilities(&g->sampler, g->log_p, logits);
        piece->log_probability = (double)g->log_p[id];
    }
    RONDO_TRY(generator_tell(g, &row->speaker, id, g->step + 1 == g->options.length, piece));
    row->over = piece->finish != NULL;
    return RONDO_OK;
}
