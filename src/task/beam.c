/* beam - of so many beginnings of a text that are the most likely, each is continued by every token,
 * and as many are kept again.  Of the texts that are over, those count most that have the largest
 * mean log-probability. */
#include "task/task.h"
#include <float.h>
#include <math.h>
#include <string.h>

static rondo_status open_texts(hypothesis **texts, int64_t n, int64_t length)
{
    *texts = alloc_array(n, sizeof **texts);
    for (int64_t i = 0; *texts && i < n; i++) {
        (*texts)[i].id = alloc_array(length, sizeof *(*texts)[i].id);
        (*texts)[i].log_p = alloc_array(length, sizeof *(*texts)[i].log_p);
        if (!(*texts)[i].id || !(*texts)[i].log_p) return RONDO_E_NOMEM;
    }
    return *texts ? RONDO_OK : RONDO_E_NOMEM;
}

static void close_texts(hypothesis *texts, int64_t n)
{
    for (int64_t i = 0; texts && i < n; i++) {
        alloc_free(texts[i].id);
        alloc_free(texts[i].log_p);
    }
    alloc_free(texts);
}

static rondo_status open(beam *b, const rondo_generator *g)
{
    const int64_t beams = g->rows, length = g->options.length;
    int64_t size;
    if (!size_mul(beams * 3, length, &size) || size > LIMIT_SIZE >> 12 ||
        !size_mul(beams, g->n, &size) || size > INT32_MAX)
        return rondo_fail(RONDO_E_LIMIT,
                          "%lld beams of %lld tokens are too much to keep; say fewer",
                          (long long)beams, (long long)length);
    b->beams = beams;
    RONDO_TRY(open_texts(&b->running, beams, length));
    RONDO_TRY(open_texts(&b->other, beams, length));
    RONDO_TRY(open_texts(&b->found, beams, length));
    b->log_p = alloc_array(beams * g->n, sizeof *b->log_p);
    b->value = alloc_array(beams * g->n, sizeof *b->value);
    b->order = alloc_array(beams * g->n, sizeof *b->order);
    b->from = alloc_array(beams, sizeof *b->from);
    return b->log_p && b->value && b->order && b->from ? RONDO_OK : RONDO_E_NOMEM;
}

void beam_close(beam *b)
{
    close_texts(b->running, b->beams);
    close_texts(b->other, b->beams);
    close_texts(b->found, b->beams);
    alloc_free(b->log_p);
    alloc_free(b->value);
    alloc_free(b->order);
    alloc_free(b->from);
    *b = (beam){ 0 };
}

static void extend(hypothesis *to, const hypothesis *from, int32_t id, double log_p)
{
    memcpy(to->id, from->id, (size_t)from->n * sizeof *to->id);
    memcpy(to->log_p, from->log_p, (size_t)from->n * sizeof *to->log_p);
    to->id[from->n] = id;
    to->log_p[from->n] = log_p;
    to->n = from->n + 1;
    to->sum = from->sum + log_p;
}

static double score_of(double sum, int64_t n, const rondo_generator *g)
{
    return sum / pow((double)n, g->options.length_penalty);
}

/* Into its place among those found, when it is one of the best. */
static void keep(beam *b, const rondo_generator *g, const hypothesis *from, int32_t id,
                 double log_p)
{
    const double score = score_of(from->sum + log_p, from->n + 1, g);
    int64_t at = b->n_found;
    if (at == b->beams && !(score > b->found[at - 1].score)) return;
    if (at < b->beams)
        b->n_found++;
    else
        at--;
    const hypothesis spare = b->found[at];
    for (; at > 0 && score > b->found[at - 1].score; at--) b->found[at] = b->found[at - 1];
    b->found[at] = spare;
    extend(&b->found[at], from, id, log_p);
    b->found[at].score = score;
}

/* Continuations of all that run, the likeliest 2·beams of them first, in order: enough, if each beam
 * ends. Returns how many there are. */
static int64_t candidates(beam *b, rondo_generator *g)
{
    const int64_t n = b->n_running * g->n;
    for (int64_t r = 0; r < b->n_running; r++) {
        real *total = b->value + r * g->n, *log_p = b->log_p + r * g->n;
        sampler_log_probabilities(&g->sampler, log_p, g->logits + r * g->n);
        for (int64_t i = 0; i < g->n; i++) total[i] = (real)((double)log_p[i] + b->running[r].sum);
        sampler_ban(&g->sampler, total);
    }
    for (int64_t i = 0; i < n; i++) b->order[i] = (int32_t)i;
    const int64_t kept = sampler_best(b->value, b->order, n, 2 * b->beams < n ? 2 * b->beams : n,
                                      INFINITY);
    for (int64_t i = 1; i < kept; i++) { /* few: by insertion */
        const int32_t one = b->order[i];
        int64_t at = i;
        for (; at > 0 && (b->value[one] > b->value[b->order[at - 1]] ||
                          (b->value[one] == b->value[b->order[at - 1]] && one < b->order[at - 1]));
             at--)
            b->order[at] = b->order[at - 1];
        b->order[at] = one;
    }
    return kept;
}

static void advance(beam *b, rondo_generator *g, bool last)
{
    const int64_t n = candidates(b, g);
    int64_t going = 0;
    for (int64_t i = 0; i < n && going < b->beams; i++) {
        const int64_t row = b->order[i] / g->n;
        const int32_t id = (int32_t)(b->order[i] % g->n);
        const hypothesis *from = &b->running[row];
        if (!(b->value[b->order[i]] > (real)-FLT_MAX)) break; /* never to be said */
        const double log_p = (double)b->log_p[b->order[i]];
        const bool ends = id == g->special.end;
        if (ends && i >= b->beams) continue;
        if (ends || last) keep(b, g, from, id, log_p);
        if (ends) continue;
        b->from[going] = row;
        g->next[going] = id;
        extend(&b->other[going++], from, id, log_p);
    }
    hypothesis *before = b->running;
    b->running = b->other;
    b->other = before;
    b->n_running = going;
}

/* Nothing that runs can still become better than the last of those found, if it goes on as it does. */
static bool settled(const beam *b, const rondo_generator *g)
{
    if (b->n_running == 0) return true;
    return b->n_found == b->beams &&
           score_of(b->running[0].sum, b->running[0].n, g) <= b->found[b->n_found - 1].score;
}

rondo_status beam_search(beam *b, rondo_generator *g)
{
    RONDO_TRY(open(b, g));
    memcpy(g->logits, g->first_logits, (size_t)g->n * sizeof *g->logits);
    b->n_running = 1;
    for (int64_t step = 0; step < g->options.length; step++) {
        advance(b, g, step + 1 == g->options.length);
        if (settled(b, g)) break;
        for (int64_t r = b->n_running; r < b->beams; r++) b->from[r] = g->next[r] = 0;
        RONDO_TRY(rondo_stream_select(g->stream, b->from, b->beams));
        RONDO_TRY(generator_step(g, g->next));
    }
    return RONDO_OK;
}

rondo_status beam_next(beam *b, rondo_generator *g, rondo_piece *piece, bool *more)
{
    *more = b->sample < b->n_found && b->sample < g->options.samples;
    if (!*more) return RONDO_OK;
    const hypothesis *text = &b->found[b->sample];
    speaker *s = &g->row[0].speaker;
    if (b->position == 0) speaker_begin(s, g->prompt, g->n_prompt);
    piece->sample = b->sample;
    if (g->options.scores) piece->log_probability = text->log_p[b->position];
    const bool last = b->position + 1 == text->n;
    RONDO_TRY(generator_tell(g, s, text->id[b->position], last, piece));
    b->position++;
    if (!piece->finish) return RONDO_OK;
    b->position = 0;
    b->sample++;
    return RONDO_OK;
}
