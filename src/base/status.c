/* The sentence of the last failure, one per thread. */
#include "base/base.h"
#include <stdarg.h>
#include <string.h>

enum { SENTENCE = 1024 };
static _Thread_local char sentence[SENTENCE];

/* A sentence that is cut must not end inside a UTF-8 character. */
static void keep(const char *text)
{
    size_t n = strlen(text);
    if (n >= SENTENCE - 1) {
        n = SENTENCE - 1;
        while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80) n--;
        if (n > 0 && (unsigned char)text[n - 1] >= 0x80) n--;
    }
    memcpy(sentence, text, n);
    sentence[n] = 0;
}

rondo_status rondo_fail(rondo_status code, const char *format, ...)
{
    char text[SENTENCE]; /* the arguments may point into the old sentence */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keep(text);
    return code;
}

rondo_status rondo_fail_in(rondo_status code, const char *format, ...)
{
    char where[SENTENCE], text[2 * SENTENCE + 2];
    va_list args;
    if (!code) return code;
    va_start(args, format);
    vsnprintf(where, sizeof where, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %s", where, sentence);
    keep(text);
    return code;
}

const char *rondo_error(void)
{
    return sentence;
}

const char *rondo_status_text(rondo_status status)
{
    switch (status) {
#define X(name, value, text)                                                                       \
    case RONDO_##name:                                                                             \
        return text;
        RONDO_STATUSES(X)
#undef X
    }
    return "unknown status";
}

const char *rondo_version(void)
{
    return RONDO_VERSION;
}
