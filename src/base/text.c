/* A text that grows.  A failure sticks: what is added after it is dropped, and who takes the text
 * asks once. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <utf8proc.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* Room for n more bytes and the final zero. */
static bool make_room(text_buffer *t, size_t n)
{
    if (t->status) return false;
    if (t->data && t->size + n < t->capacity) return true;
    if (t->most && t->size + n > t->most) {
        t->status = rondo_fail(RONDO_E_LIMIT, "a text grows to over %zu bytes", t->most);
        return false;
    }
    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity <= t->size + n) capacity *= 2;
    char *grown = alloc_grow(t->data, capacity);
    if (!grown) {
        t->status = RONDO_E_NOMEM;
        return false;
    }
    t->data = grown;
    t->capacity = capacity;
    return true;
}

void text_put(text_buffer *t, const char *bytes, size_t n)
{
    if (!make_room(t, n)) return;
    memcpy(t->data + t->size, bytes, n);
    t->size += n;
    t->data[t->size] = 0;
}

static locale_t plain; /* numbers with a point, whatever locale the program has set */

static void make_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void text_add_list(text_buffer *t, const char *format, va_list args)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    va_list again;
    pthread_once(&once, make_plain);
    const locale_t before = plain ? uselocale(plain) : (locale_t)0;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    if (n < 0 && !t->status) t->status = rondo_fail(RONDO_E_ARG, "cannot format a text");
    if (n >= 0 && make_room(t, (size_t)n)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
    if (before) uselocale(before);
}

void text_add(text_buffer *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_list(t, format, args);
    va_end(args);
}

void text_escaped(text_buffer *t, const char *raw)
{
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" }
    };
    utf8proc_int32_t letter;
    for (size_t left = strlen(raw), n; left > 0; raw += n, left -= n) {
        const utf8proc_ssize_t read = utf8proc_iterate((const utf8proc_uint8_t *)raw,
                                                       (utf8proc_ssize_t)left, &letter);
        const char *entity = NULL;
        n = read > 0 ? (size_t)read : 1;
        if (read <= 0) entity = "\xEF\xBF\xBD"; /* the replacement character */
        if (read == 1 && (unsigned char)*raw < ' ') entity = " ";
        for (size_t i = 0; read == 1 && i < sizeof entities / sizeof *entities; i++)
            if (*raw == entities[i].letter) entity = entities[i].entity;
        text_put(t, entity ? entity : raw, entity ? strlen(entity) : n);
    }
}

void text_free(text_buffer *t)
{
    alloc_free(t->data);
    *t = (text_buffer){ 0 };
}

void text_fit(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size)
        for (n = size - 1; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;) n--;
    memmove(out, text, n);
    out[n] = 0;
}

int text_columns(const char *raw)
{
    int columns = 0;
    utf8proc_int32_t letter;
    for (utf8proc_ssize_t n; *raw; raw += n > 0 ? n : 1) {
        n = utf8proc_iterate((const utf8proc_uint8_t *)raw, -1, &letter);
        columns += n > 0 ? utf8proc_charwidth(letter) : 1;
    }
    return columns;
}
