/* The steps that make a new text of an old one: letter by letter, texts for texts, what is in front.
 * Unicode's normal forms are in forms.c. */
#include "text/rewrite.h"

static const char *at_letter(const aligned *in, int64_t i)
{
    return in->data + i;
}

/* Puts a letter in the place of in[i, i + size). */
static void put_letter(aligned *out, const aligned *in, int64_t i, int size, int32_t letter)
{
    char bytes[LONGEST_LETTER];
    int64_t from, to;
    aligned_span(in, i, i + size, &from, &to);
    aligned_put(out, bytes, letter_put(bytes, letter), from, to);
}

/* ---- Letter by letter ---- */

/* As Unicode's full mapping: U+0130 is the one letter whose small form is two. */
void rewrite_lowercase(const step *s, const aligned *in, const piece *p, aligned *out)
{
    enum { CAPITAL_I_WITH_DOT = 0x130, DOT_ABOVE = 0x307 };
    int32_t letter;
    (void)s;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &letter);
        if (letter == CAPITAL_I_WITH_DOT) {
            put_letter(out, in, i, (int)size, 'i');
            put_letter(out, in, i, (int)size, DOT_ABOVE);
        } else {
            put_letter(out, in, i, (int)size,
                       letter < 0x80 ? letter + (letter >= 'A' && letter <= 'Z') * 32
                                     : utf8proc_tolower(letter));
        }
    }
}

bool idle_lowercase(const step *s, const char *text, int64_t n)
{
    bool idle = true;
    (void)s;
    for (int64_t i = 0; i < n && idle; i++)
        idle = !(text[i] & 0x80) && !(text[i] >= 'A' && text[i] <= 'Z');
    return idle;
}

/* Leaves out the letters of a kind. */
void rewrite_without(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int32_t letter;
    int64_t kept = p->begin;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &letter);
        if (!s->test(letter)) continue;
        aligned_copy(out, in, kept, i);
        kept = i + size;
    }
    aligned_copy(out, in, kept, p->end);
}

/* Leaves out a set of ASCII letters. */
void rewrite_without_set(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int64_t kept = p->begin;
    for (int64_t i = p->begin; i < p->end; i++) {
        const unsigned char c = (unsigned char)in->data[i];
        if (c >= 0x80 || !(s->letters[c / 64] >> c % 64 & 1)) continue;
        aligned_copy(out, in, kept, i);
        kept = i + 1;
    }
    aligned_copy(out, in, kept, p->end);
}

/* BERT's cleaning: no control letters, every space a plain one. */
void rewrite_clean(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int32_t letter;
    (void)s;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &letter);
        if (letter == 0 || letter == 0xFFFD || letter_is_control(letter)) continue;
        if (letter_is_space(letter))
            put_letter(out, in, i, (int)size, ' ');
        else
            aligned_copy(out, in, i, i + size);
    }
}

/* A blank on either side of every Chinese letter. */
void rewrite_chinese(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int32_t letter;
    int64_t kept = p->begin;
    (void)s;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &letter);
        if (letter < 0x3400 || !letter_is_chinese(letter)) continue;
        aligned_copy(out, in, kept, i);
        put_letter(out, in, i, (int)size, ' ');
        aligned_copy(out, in, i, i + size);
        put_letter(out, in, i, (int)size, ' ');
        kept = i + size;
    }
    aligned_copy(out, in, kept, p->end);
}

bool idle_ascii(const step *s, const char *text, int64_t n)
{
    (void)s;
    return letters_are_ascii(text, n);
}

/* sentencepiece's nmt rules: control letters go, letters that are spaces in some sense become one. */
void rewrite_nmt(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int32_t c;
    (void)s;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &c);
        if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
            c == 0x9F)
            continue;
        if (c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
            (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
            c == 0xFEFF || c == 0xFFFD)
            put_letter(out, in, i, (int)size, ' ');
        else
            aligned_copy(out, in, i, i + size);
    }
}

/* Every byte as the letter that stands for it. */
void rewrite_bytes(const step *s, const aligned *in, const piece *p, aligned *out)
{
    (void)s;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_size(in->data[i]);
        char bytes[LONGEST_LETTER];
        int64_t from, to;
        aligned_span(in, i, i + size, &from, &to);
        for (int64_t k = 0; k < size; k++)
            aligned_put(out, bytes,
                        letter_put(bytes, letter_of_byte((unsigned char)in->data[i + k])), from,
                        to);
    }
}

/* ---- At the ends ---- */
void rewrite_strip(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int32_t letter;
    int64_t begin = p->begin, end = p->end, last = p->begin;
    for (int64_t i = p->begin, size; i < p->end; i += size) {
        size = letter_at(at_letter(in, i), &letter);
        if (!letter_is_space(letter))
            last = i + size;
        else if (s->left && begin == i)
            begin = i + size;
    }
    if (s->right) end = last > begin ? last : begin;
    aligned_copy(out, in, begin, end);
}

static bool begins_with(const aligned *in, const piece *p, const char *text, int64_t n)
{
    return p->end - p->begin >= n && memcmp(in->data + p->begin, text, (size_t)n) == 0;
}

/* Puts `text` in front unless `content` is there (NULL: always); `left`: of the first piece alone. */
void rewrite_prefix(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int64_t from, to;
    const bool there = s->content && begins_with(in, p, s->content, s->content_size);
    if (!there && (!s->left || p->first) && p->begin < p->end) {
        aligned_span(in, p->begin, p->begin, &from, &to);
        aligned_put(out, s->text, s->text_size, from, from);
    }
    aligned_copy(out, in, p->begin, p->end);
}

/* ---- Texts for texts ---- */
int64_t text_find(const char *text, int64_t n, int64_t at, const char *what, int64_t size)
{
    while (n - at >= size) {
        const char *next = memchr(text + at, what[0], (size_t)(n - at - size + 1));
        if (!next) return -1;
        if (memcmp(next, what, (size_t)size) == 0) return next - text;
        at = next - text + 1;
    }
    return -1;
}

static void put_content(const step *s, const aligned *in, int64_t begin, int64_t end, aligned *out)
{
    int64_t from, to;
    aligned_span(in, begin, end, &from, &to);
    aligned_put(out, s->content, s->content_size, from, to);
}

void rewrite_replace(const step *s, const aligned *in, const piece *p, aligned *out)
{
    int64_t kept = p->begin, found;
    while ((found = text_find(in->data, p->end, kept, s->text, s->text_size)) >= 0) {
        aligned_copy(out, in, kept, found);
        put_content(s, in, found, found + s->text_size, out);
        kept = found + s->text_size;
    }
    aligned_copy(out, in, kept, p->end);
}

bool idle_replace(const step *s, const char *text, int64_t n)
{
    return text_find(text, n, 0, s->text, s->text_size) < 0;
}

void rewrite_replace_regex(const step *s, const aligned *in, const piece *p, aligned *out)
{
    regex_run *run;
    int64_t kept = 0, begin, end;
    const char *text = in->data + p->begin;
    const int64_t n = p->end - p->begin;
    rondo_status status = regex_begin(&run, s->pattern);
    for (int64_t at = 0; !status && at <= n;) {
        status = regex_next(s->pattern, run, text, n, at, &begin, &end);
        if (status || begin < 0) break;
        aligned_copy(out, in, p->begin + kept, p->begin + begin);
        put_content(s, in, p->begin + begin, p->begin + end, out);
        kept = end;
        at = end > begin ? end : end < n ? end + letter_size(text[end]) : n + 1;
    }
    regex_end(run);
    aligned_copy(out, in, p->begin + kept, p->end);
    if (status) out->status = status;
}
