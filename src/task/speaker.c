/* speaker - tokens become text as they come: what is given is final, letters of several bytes are
 * whole, and nothing is given that may yet turn out to be the stop text. */
#include "task/task.h"
#include <string.h>

enum { TAIL = 64, PATIENCE = 16 }; /* tokens kept; and waited for until a letter is whole */

rondo_status speaker_open(speaker *s, const tokenizer *how, const char *stop)
{
    *s = (speaker){ .how = how, .stop = stop, .n_stop = stop ? strlen(stop) : 0 };
    s->id = alloc_array(TAIL, sizeof *s->id);
    return s->id ? RONDO_OK : RONDO_E_NOMEM;
}

void speaker_close(speaker *s)
{
    alloc_free(s->id);
    text_free(&s->before);
    text_free(&s->now);
    text_free(&s->held);
    *s = (speaker){ 0 };
}

/* Begins anew, after these tokens: how a word is joined to the one before depends on that. */
void speaker_begin(speaker *s, const int32_t *ids, int64_t n)
{
    const int64_t kept = n < PATIENCE ? n : PATIENCE;
    if (kept) memcpy(s->id, ids + n - kept, (size_t)kept * sizeof *ids);
    s->n = s->heard = kept;
    s->held.size = s->given = 0;
    s->stopped = false;
}

static rondo_status decode(const speaker *s, int64_t n, text_buffer *out)
{
    out->size = 0;
    RONDO_TRY(tokenizer_decode(s->how, s->id, n, out));
    return out->status;
}

/* Whether it ends in a part of a letter, or in what a decoder writes for one. */
static bool ends_torn(const text_buffer *t)
{
    static const char torn[] = "\xEF\xBF\xBD";
    const size_t n = sizeof torn - 1, from = t->size > 4 ? t->size - 4 : 0;
    size_t first = from;
    while (first < t->size && ((unsigned char)t->data[first] & 0xC0) == 0x80) first++;
    if (t->size >= n && memcmp(t->data + t->size - n, torn, n) == 0) return true;
    return t->size > 0 && utf8_valid(t->data + first, t->size - first) != t->size - first;
}

/* Of the text held: how much of it cannot be the beginning of the stop text; all up to that, where
 * it is there. */
static size_t free_of_stop(speaker *s)
{
    const char *text = s->held.data;
    const size_t size = s->held.size;
    for (size_t at = 0; s->n_stop && at < size; at++) {
        const size_t n = size - at < s->n_stop ? size - at : s->n_stop;
        if (memcmp(text + at, s->stop, n) != 0) continue;
        s->stopped = n == s->n_stop;
        return at;
    }
    return size;
}

static void give(speaker *s, size_t n, const char **text, size_t *size)
{
    *text = s->held.data ? s->held.data : "";
    *size = s->given = n;
}

rondo_status speaker_say(speaker *s, int32_t id, const char **text, size_t *size)
{
    if (s->given) {
        memmove(s->held.data, s->held.data + s->given, s->held.size - s->given);
        s->held.size -= s->given;
    }
    if (s->n == TAIL) {
        s->heard -= s->heard < TAIL / 2 ? s->heard : TAIL / 2;
        memmove(s->id, s->id + TAIL / 2, (TAIL / 2) * sizeof *s->id);
        s->n = TAIL / 2;
    }
    s->id[s->n++] = id;
    RONDO_TRY(decode(s, s->heard, &s->before));
    RONDO_TRY(decode(s, s->n, &s->now));
    const bool wait = ends_torn(&s->now) && s->n - s->heard < PATIENCE;
    if (!wait && s->now.size > s->before.size) {
        text_put(&s->held, s->now.data + s->before.size, s->now.size - s->before.size);
        memmove(s->id, s->id + s->heard, (size_t)(s->n - s->heard) * sizeof *s->id);
        s->n -= s->heard;
        s->heard = s->n;
    }
    RONDO_TRY(s->held.status);
    give(s, free_of_stop(s), text, size);
    return RONDO_OK;
}

void speaker_end(speaker *s, const char **text, size_t *size)
{
    if (!s->stopped) give(s, s->held.size, text, size);
}
