/* Unicode's normal forms (UAX #15), segment by segment: a letter that nothing before it can join,
 * and those after it that may.  So the work is linear whatever the text, and every letter knows
 * where it is from. */
#include "text/rewrite.h"

/* Jamo that join the one before; with compatibility, letters whose form is a mark or a jamo. */
static bool may_join(int32_t c, bool compatible)
{
    return (c >= 0x1160 && c <= 0x11FF) ||
           (compatible && ((c >= 0x3131 && c <= 0x318E) || (c >= 0xFF9E && c <= 0xFFDC)));
}

static bool begins_segment(int32_t c, bool compatible)
{
    if (c < 0x300 || (c >= 0x3400 && c < 0xA000)) return true;
    return utf8proc_get_property(c)->combining_class == 0 && !letter_is_mark(c) &&
           !may_join(c, compatible);
}

/* Alone, it is its own form. */
static bool is_stable(int32_t c, int64_t options)
{
    if (c < 0x80) return true;
    if (options & UTF8PROC_COMPOSE && !(options & UTF8PROC_COMPAT) && c < 0x300) return true;
    const bool hangul = c >= 0xAC00 && c <= 0xD7A3;
    if (hangul) return options & UTF8PROC_COMPOSE;
    return utf8proc_get_property(c)->decomp_seqindex == UINT16_MAX;
}

/* Orders runs of marks by their class, those of one class as they are: a counting sort. */
static void order_marks(int32_t *letters, int64_t n, int32_t *spare)
{
    for (int64_t i = 0, end; i < n; i = end) {
        int64_t count[257] = { 0 };
        bool sorted = true;
        int before = 0;
        for (end = i; end < n; end++) {
            const int class = utf8proc_get_property(letters[end])->combining_class;
            if (!class) break;
            sorted &= class >= before;
            before = class;
            count[class + 1]++;
        }
        if (end == i) end++;
        if (sorted) continue;
        for (int k = 0; k < 256; k++) count[k + 1] += count[k];
        for (int64_t k = i; k < end; k++)
            spare[count[utf8proc_get_property(letters[k])->combining_class]++] = letters[k];
        memcpy(letters + i, spare, (size_t)(end - i) * sizeof *letters);
    }
}

/* in[begin, end) as a segment of its own. */
static rondo_status put_segment(int64_t options, const aligned *in, int64_t begin, int64_t end,
                                aligned *out)
{
    enum { SMALL = 64, MOST = 18 }; /* letters that one can become */
    int32_t small[2 * SMALL], *letters = small, letter;
    const int64_t room = (end - begin) * MOST; /* every letter has a byte at least */
    int64_t n = 0, from, to;
    int boundary = 0;
    if (room > SMALL) letters = alloc_array(2 * room, sizeof *letters);
    if (!letters) return RONDO_E_NOMEM;
    for (int64_t i = begin; i < end;) {
        i += letter_at(in->data + i, &letter);
        const utf8proc_ssize_t put = utf8proc_decompose_char(letter, letters + n,
                                                             room > SMALL ? room - n : SMALL - n,
                                                             (utf8proc_option_t)options, &boundary);
        if (put > 0) n += put;
    }
    order_marks(letters, n, letters + (room > SMALL ? room : SMALL));
    if (options & UTF8PROC_COMPOSE)
        n = utf8proc_normalize_utf32(letters, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    aligned_span(in, begin, end, &from, &to);
    for (int64_t i = 0; i < n; i++) {
        char bytes[LONGEST_LETTER];
        aligned_put(out, bytes, letter_put(bytes, letters[i]), from, to);
    }
    if (letters != small) alloc_free(letters);
    return RONDO_OK;
}

void rewrite_form(const step *s, const aligned *in, const piece *p, aligned *out)
{
    const bool compatible = s->number & UTF8PROC_COMPAT;
    const int64_t options = s->number;
    int64_t kept = p->begin;
    int32_t letter, next;
    for (int64_t i = p->begin, end; i < p->end; i = end) {
        end = i + letter_at(in->data + i, &letter);
        bool alone = true;
        while (end < p->end) {
            const int size = letter_at(in->data + end, &next);
            if (begins_segment(next, compatible)) break;
            end += size;
            alone = false;
        }
        if (alone && is_stable(letter, options)) continue;
        aligned_copy(out, in, kept, i);
        kept = end;
        const rondo_status status = put_segment(options, in, i, end, out);
        if (status) out->status = status;
        if (out->status) return;
    }
    aligned_copy(out, in, kept, p->end);
}

bool idle_form(const step *s, const char *text, int64_t n)
{
    (void)s;
    return letters_are_ascii(text, n);
}
