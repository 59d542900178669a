#include "cell.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads "name=value" at text into name and value; returns what follows it, NULL at the end. */
static const char *next_declared(const char *text, char name[LIMIT_NAME], double *value)
{
    while (*text == ' ') text++;
    const size_t n = strcspn(text, "= ");
    if (n == 0 || n >= LIMIT_NAME) return NULL;
    memcpy(name, text, n);
    name[n] = 0;
    text += n;
    char *end = (char *)text;
    *value = *text == '=' ? strtod(text + 1, &end) : 0;
    return end;
}

/* Where `name` stands among the declared ones, or -1. */
static int declared_index(const char *declared, const char *name)
{
    char known[LIMIT_NAME];
    double value;
    int i = 0;
    while (declared && (declared = next_declared(declared, known, &value))) {
        if (!strcmp(known, name)) return i;
        i++;
    }
    return -1;
}

bool parameters_name(const char *declared, int i, char name[LIMIT_NAME])
{
    double value;
    for (int k = 0; declared && k <= i; k++) declared = next_declared(declared, name, &value);
    return declared;
}

bool parameters_have(const char *declared, const char *name)
{
    return declared_index(declared, name) >= 0;
}

static rondo_status parse_value(double *value, const char *text, const char *what)
{
    char *end;
    if (!strcmp(text, "true") || !strcmp(text, "false")) {
        *value = text[0] == 't';
        return RONDO_OK;
    }
    *value = strtod(text, &end);
    if (end == text || *end || isnan(*value))
        return rondo_fail(RONDO_E_ARG, "%s: \"%s\" is not a number", what, text);
    return RONDO_OK;
}

/* One word of what was given: "0.1" or "max=1". */
static rondo_status parse_word(double *args, int *position, const char *declared, char *word,
                               const char *what)
{
    char *equals = strchr(word, '=');
    int at = (*position)++;
    if (equals) {
        *equals = 0;
        at = declared_index(declared, word);
        if (at < 0)
            return rondo_fail(RONDO_E_NAME, "%s has no parameter \"%s\"; it has: %s", what, word,
                              declared && *declared ? declared : "none");
        return parse_value(&args[at], equals + 1, what);
    }
    char name[LIMIT_NAME];
    double value;
    const char *rest = declared;
    for (int i = 0; i <= at && rest; i++) rest = next_declared(rest, name, &value);
    if (!rest)
        return rondo_fail(RONDO_E_ARG, "%s takes %d parameter%s, given more: \"%s\"", what, at,
                          at == 1 ? "" : "s", word);
    return parse_value(&args[at], word, what);
}

rondo_status parameters_parse(double args[RONDO_MAX_PARAMETERS], const char *declared,
                              const char *given, const char *what)
{
    char name[LIMIT_NAME], word[LIMIT_NAME];
    const char *rest = declared;
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) {
        args[i] = 0;
        if (rest) rest = next_declared(rest, name, &args[i]);
    }
    double beyond;
    if (rest && next_declared(rest, name, &beyond))
        return rondo_fail(RONDO_E_LIMIT, "%s declares more than %d parameters", what,
                          RONDO_MAX_PARAMETERS);
    int position = 0;
    while (given && *given) {
        given += strspn(given, " ,");
        const size_t n = strcspn(given, " ,");
        if (n == 0) break;
        if (n >= sizeof word) return rondo_fail(RONDO_E_LIMIT, "%s: a parameter is too long", what);
        memcpy(word, given, n);
        word[n] = 0;
        given += n;
        RONDO_TRY(parse_word(args, &position, declared, word, what));
    }
    return RONDO_OK;
}
