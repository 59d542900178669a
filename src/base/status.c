/* The sentence of the last failure, one per thread. */
#include "base/base.h"
#include <stdarg.h>
#include <string.h>

enum { SENTENCE = 1024, LETTER = 4 }; /* a sentence too long by a letter shows where to cut it */
static _Thread_local char sentence[SENTENCE];

rondo_status rondo_fail(rondo_status code, const char *format, ...)
{
    char text[SENTENCE + LETTER]; /* the arguments may point into the old sentence */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_fit(sentence, sizeof sentence, text);
    return code;
}

rondo_status rondo_fail_in(rondo_status code, const char *format, ...)
{
    char where[SENTENCE + LETTER], text[2 * SENTENCE + LETTER + 2];
    va_list args;
    if (!code) return code;
    va_start(args, format);
    vsnprintf(where, sizeof where, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %s", where, sentence);
    text_fit(sentence, sizeof sentence, text);
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
