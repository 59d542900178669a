/* The grammar of specs: kind word… key=value… Quotes of either sort and parentheses keep spaces
 * together; quotes are taken away, parentheses stay. */
#include "base/base.h"
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What surrounds a character while we walk over a text. */
typedef struct walker {
    const char *text;
    size_t at;
    char quote;       /* the open one, or 0 */
    int depth;        /* open parentheses */
    size_t opened[2]; /* where the quote and the outermost parenthesis began */
} walker;

static bool at_top(const walker *w)
{
    return !w->quote && !w->depth;
}

/* Moves over one character; true when it belongs to the value (quotes do not). */
static bool walk(walker *w)
{
    char c = w->text[w->at++];
    if (w->quote) {
        if (c != w->quote) return true;
        w->quote = 0;
        return false;
    }
    if (c == '"' || c == '\'') {
        w->quote = c;
        w->opened[0] = w->at;
        return false;
    }
    if (c == '(' && w->depth++ == 0) w->opened[1] = w->at;
    if (c == ')' && w->depth > 0) w->depth--;
    return true;
}

static rondo_status check_closed(const walker *w)
{
    if (w->quote)
        return rondo_fail(RONDO_E_ARG, "the quote %c at column %zu of \"%s\" is not closed",
                          w->quote, w->opened[0], w->text);
    if (w->depth)
        return rondo_fail(RONDO_E_ARG, "the ( at column %zu of \"%s\" is not closed", w->opened[1],
                          w->text);
    return RONDO_OK;
}

/* Reads one word from w->at on; *key stays NULL when there is no = in it. */
static rondo_status read_word(walker *w, spec_word *word)
{
    char *out = alloc_grow(NULL, strlen(w->text + w->at) + 1);
    size_t n = 0;
    if (!out) return RONDO_E_NOMEM;
    word->value = out;
    word->column = (int)w->at + 1;
    while (w->text[w->at] && !(at_top(w) && is_space(w->text[w->at]))) {
        char c = w->text[w->at];
        if (c == '=' && at_top(w) && !word->key) {
            out[n] = 0;
            if (n == 0)
                return rondo_fail(RONDO_E_ARG,
                                  "a name is missing before = at column %zu of \"%s\" (write "
                                  "key=value without spaces)",
                                  w->at + 1, w->text);
            word->key = alloc_text(out);
            if (!word->key) return RONDO_E_NOMEM;
            n = 0;
            w->at++;
        } else if (walk(w)) {
            out[n++] = c;
        }
    }
    out[n] = 0;
    return check_closed(w);
}

rondo_status spec_parse(spec *s, const char *text)
{
    walker w = { .text = text };
    rondo_status status = RONDO_OK;
    int64_t most = 1; /* words: one more than there are spaces */
    for (const char *c = text; *c; c++) most += is_space(*c);
    *s = (spec){ 0 };
    s->words = alloc_array(most, sizeof *s->words);
    if (!s->words) return RONDO_E_NOMEM;
    for (;;) {
        while (is_space(text[w.at])) w.at++;
        if (!text[w.at]) break;
        s->n++;
        status = read_word(&w, &s->words[s->n - 1]);
        if (status) goto done;
    }
    if (s->n > 0 && !s->words[0].key) {
        s->kind = s->words[0].value;
        s->n--;
        memmove(s->words, s->words + 1, (size_t)s->n * sizeof *s->words);
    } else {
        s->kind = alloc_text("");
        if (!s->kind) status = RONDO_E_NOMEM;
    }
done:
    if (status) spec_free(s);
    return status;
}

void spec_free(spec *s)
{
    for (int i = 0; i < s->n; i++) {
        alloc_free(s->words[i].key);
        alloc_free(s->words[i].value);
    }
    alloc_free(s->words);
    alloc_free(s->kind);
    *s = (spec){ 0 };
}

static char *trimmed(const char *from, const char *to)
{
    char *part;
    while (from < to && is_space(*from)) from++;
    while (to > from && is_space(to[-1])) to--;
    part = alloc_new((size_t)(to - from) + 1);
    if (part) memcpy(part, from, (size_t)(to - from));
    return part;
}

rondo_status text_split(char ***parts, int *n, const char *text, char separator)
{
    walker w = { .text = text };
    rondo_status status;
    int64_t most = 2; /* parts and the closing NULL */
    size_t start = 0;
    *n = 0;
    for (const char *c = text; *c; c++) most += *c == separator;
    *parts = alloc_array(most, sizeof **parts);
    if (!*parts) return RONDO_E_NOMEM;
    while (text[w.at]) {
        size_t end = w.at;
        bool split = at_top(&w) && text[end] == separator;
        walk(&w);
        if (!split) continue;
        (*parts)[*n] = trimmed(text + start, text + end);
        if (!(*parts)[*n]) goto no_memory;
        ++*n;
        start = w.at;
    }
    status = check_closed(&w);
    if (status) goto fail;
    (*parts)[*n] = trimmed(text + start, text + w.at);
    if (!(*parts)[*n]) goto no_memory;
    if (*(*parts)[*n]) {
        ++*n;
    } else { /* an empty last part is none: "a; b;" has two */
        alloc_free((*parts)[*n]);
        (*parts)[*n] = NULL;
    }
    return RONDO_OK;
no_memory:
    status = RONDO_E_NOMEM;
fail:
    text_list_free(*parts);
    *parts = NULL;
    *n = 0;
    return status;
}

void text_list_free(char **parts)
{
    if (!parts) return;
    for (char **part = parts; *part; part++) alloc_free(*part);
    alloc_free(parts);
}
