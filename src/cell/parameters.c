#include "cell.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct declaration { /* "name=value", "name=value>0" or "name=value>=0" */
    char name[LIMIT_NAME];
    double value, least;
    bool bounded, open; /* there is a least value; it is not one itself */
} declaration;

/* Reads one at text; returns what follows it, NULL at the end. */
static const char *next_declared(const char *text, declaration *d)
{
    while (*text == ' ') text++;
    const size_t n = strcspn(text, "= ");
    *d = (declaration){ .value = 0 };
    if (n == 0 || n >= LIMIT_NAME) return NULL;
    memcpy(d->name, text, n);
    text += n;
    char *end = (char *)text;
    if (*text == '=') d->value = strtod(text + 1, &end);
    if (*end != '>') return end;
    d->bounded = true;
    d->open = end[1] != '=';
    d->least = strtod(end + (d->open ? 1 : 2), &end);
    return end;
}

/* Where `name` stands among the declared ones, or -1. */
static int declared_index(const char *declared, const char *name)
{
    declaration d;
    int i = 0;
    while (declared && (declared = next_declared(declared, &d))) {
        if (!strcmp(d.name, name)) return i;
        i++;
    }
    return -1;
}

bool parameters_name(const char *declared, int i, char name[LIMIT_NAME])
{
    declaration d;
    for (int k = 0; declared && k <= i; k++) declared = next_declared(declared, &d);
    if (declared) memcpy(name, d.name, sizeof d.name);
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
    declaration d;
    const char *rest = declared;
    for (int i = 0; i <= at && rest; i++) rest = next_declared(rest, &d);
    if (!rest)
        return rondo_fail(RONDO_E_ARG, "%s takes %d parameter%s, given more: \"%s\"", what, at,
                          at == 1 ? "" : "s", word);
    return parse_value(&args[at], word, what);
}

static rondo_status check_bounds(const double *args, const char *declared, const char *what)
{
    declaration d;
    for (int i = 0; declared && (declared = next_declared(declared, &d)); i++)
        if (d.bounded && !(d.open ? args[i] > d.least : args[i] >= d.least))
            return rondo_fail(RONDO_E_ARG, "%s: %s is %g, and must be %s %g, as in %s(%s=%g)", what,
                              d.name, args[i], d.open ? "above" : "at least", d.least, what, d.name,
                              d.value);
    return RONDO_OK;
}

rondo_status parameters_parse(double args[RONDO_MAX_PARAMETERS], const char *declared,
                              const char *given, const char *what)
{
    char word[LIMIT_NAME];
    declaration d;
    const char *rest = declared;
    for (int i = 0; i < RONDO_MAX_PARAMETERS; i++) {
        args[i] = 0;
        if (!rest) continue;
        rest = next_declared(rest, &d);
        args[i] = d.value;
    }
    if (rest && next_declared(rest, &d))
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
    return check_bounds(args, declared, what);
}
