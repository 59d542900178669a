/* The steps that divide a piece. */
#include "text/rewrite.h"

/* ---- What becomes of a match ---- */
static void add_span(cutter *c, int64_t begin, int64_t end)
{
    if (begin == end) return;
    const piece p = { begin, end, -1, c->whole.first && begin == c->whole.begin };
    piece_add(c->out, p);
}

static void lengthen_last(cutter *c, int64_t begin, int64_t end)
{
    if (c->last < c->out->n && c->out->at[c->out->n - 1].end == begin && begin < end)
        c->out->at[c->out->n - 1].end = end;
    else
        add_span(c, begin, end);
}

void cutter_span(cutter *c, int64_t begin, int64_t end, bool match)
{
    match ^= c->step->invert;
    switch (c->step->behaviour) {
    case CUT_REMOVED:
        if (!match) add_span(c, begin, end);
        break;
    case CUT_ISOLATED:
        add_span(c, begin, end);
        break;
    case CUT_WITH_PREVIOUS:
        if (match && !c->matched)
            lengthen_last(c, begin, end);
        else
            add_span(c, begin, end);
        break;
    case CUT_CONTIGUOUS:
        if (match == c->matched)
            lengthen_last(c, begin, end);
        else
            add_span(c, begin, end);
        break;
    case CUT_WITH_NEXT: /* a match waits for what comes */
        if (match && c->opened >= 0) add_span(c, c->opened, begin);
        if (match)
            c->opened = begin;
        else
            add_span(c, c->opened >= 0 ? c->opened : begin, end);
        if (!match) c->opened = -1;
        break;
    }
    c->matched = match;
}

/* What lies behind the last match, and a match that still waits. */
static rondo_status finish(cutter *c, int64_t at)
{
    if (at < c->whole.end) cutter_span(c, at, c->whole.end, false);
    if (c->opened >= 0) add_span(c, c->opened, c->whole.end);
    return c->out->status;
}

/* ---- What is a match ---- */

/* Every letter that passes the test. */
rondo_status cut_letters(const step *s, const char *text, cutter *c)
{
    int64_t before = c->whole.begin;
    int32_t letter;
    for (int64_t i = c->whole.begin, size; i < c->whole.end; i += size) {
        size = letter_at(text + i, &letter);
        if (!s->test(letter)) continue;
        if (before < i) cutter_span(c, before, i, false);
        cutter_span(c, i, i + size, true);
        before = i + size;
    }
    return finish(c, before);
}

/* Every place that has this text. */
rondo_status cut_text(const step *s, const char *text, cutter *c)
{
    int64_t before = c->whole.begin, found;
    while ((found = text_find(text, c->whole.end, before, s->text, s->text_size)) >= 0) {
        if (before < found) cutter_span(c, before, found, false);
        before = found + s->text_size;
        cutter_span(c, found, before, true);
    }
    return finish(c, before);
}

rondo_status cut_regex(const step *s, const char *text, cutter *c)
{
    regex_run *run;
    const int64_t first = c->whole.begin, n = c->whole.end - first;
    int64_t before = 0, begin, end;
    rondo_status status = regex_begin(&run, s->pattern);
    for (int64_t at = 0; !status && at <= n;) {
        status = regex_next(s->pattern, run, text + first, n, at, &begin, &end);
        if (status || begin < 0) break;
        if (before < begin) cutter_span(c, first + before, first + begin, false);
        cutter_span(c, first + begin, first + end, true);
        before = end;
        at = end > begin ? end : end < n ? end + letter_size(text[first + end]) : n + 1;
    }
    regex_end(run);
    return status ? status : finish(c, first + before);
}

/* \w+|[^\w\s]+ are the words; between them there are spaces. */
rondo_status cut_words(const step *s, const char *text, cutter *c)
{
    enum { SPACE, WORD, OTHER } kind, now = SPACE;
    int64_t before = c->whole.begin, i = c->whole.begin;
    int32_t letter;
    (void)s;
    for (int64_t size; i < c->whole.end; i += size) {
        size = letter_at(text + i, &letter);
        kind = letter_is_word(letter) ? WORD : letter_is_space(letter) ? SPACE : OTHER;
        if (kind == now && i > before) continue;
        if (now != SPACE) add_span(c, before, i);
        before = i;
        now = kind;
    }
    if (now != SPACE) add_span(c, before, i);
    return c->out->status;
}

/* `number` letters each. */
rondo_status cut_length(const step *s, const char *text, cutter *c)
{
    int64_t before = c->whole.begin, count = 0;
    for (int64_t i = c->whole.begin; i < c->whole.end; i += letter_size(text[i])) {
        if (count++ % s->number || i == before) continue;
        add_span(c, before, i);
        before = i;
    }
    return finish(c, before);
}

/* ---- GPT-2's words (Radford et al. 2019):
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ ---- */
enum letter_kind { SPACE, LETTER, NUMBER, OTHER };

static enum letter_kind kind_of(int32_t c)
{
    if (c < 0x80) {
        if ((c | 32) >= 'a' && (c | 32) <= 'z') return LETTER;
        return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : c >= '0' && c <= '9' ? NUMBER : OTHER;
    }
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return letter_is_space(c) ? SPACE : OTHER;
    }
}

/* The size of 's, 't, 're … at p, 0: it is none. */
static int64_t contraction(const char *p, int64_t left)
{
    static const char *const ends[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const int64_t size = (int64_t)strlen(ends[i]);
        if (left > size && memcmp(p + 1, ends[i], (size_t)size) == 0) return size + 1;
    }
    return 0;
}

/* The end of the letters of one kind from i on; *last: where the last of them begins. */
static int64_t run_end(const char *text, int64_t i, int64_t end, enum letter_kind kind,
                       int64_t *last)
{
    int32_t letter;
    while (i < end) {
        const int size = letter_at(text + i, &letter);
        if (kind_of(letter) != kind) break;
        *last = i;
        i += size;
    }
    return i;
}

rondo_status cut_gpt2(const step *s, const char *text, cutter *c)
{
    const int64_t end = c->whole.end;
    (void)s;
    for (int64_t i = c->whole.begin, next; i < end; i = next) {
        int32_t letter;
        int64_t last = i, start = i;
        next = text[i] == '\'' ? i + contraction(text + i, end - i) : i;
        if (next == i) {
            if (text[i] == ' ' && i + 1 < end && letter_at(text + i + 1, &letter) &&
                kind_of(letter) != SPACE)
                start = i + 1; /* a blank goes with the word behind it */
            letter_at(text + start, &letter);
            const enum letter_kind kind = kind_of(letter);
            next = run_end(text, start, end, kind, &last);
            /* Spaces before a word: the last of them is left for it. */
            if (kind == SPACE && next < end && last > i) next = last;
        }
        add_span(c, i, next);
    }
    return c->out->status;
}
