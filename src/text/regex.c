/* regex - the patterns of Split and Replace, through the engine that the program registered. */
#include "text/parts.h"
#include <stdatomic.h>

struct regex {
    const rondo_regex_engine *engine;
    void *pattern;
};

struct regex_run {
    const rondo_regex_engine *engine;
    void *memory;
};

static const rondo_regex_engine *_Atomic registered;

rondo_status rondo_register_regex(const rondo_regex_engine *engine)
{
    if (!engine || !engine->compile || !engine->search || !engine->begin || !engine->end ||
        !engine->free)
        return rondo_fail(RONDO_E_ARG, "a regular-expression engine lacks a function");
    atomic_store(&registered, engine);
    return RONDO_OK;
}

const rondo_regex_engine *regex_engine(void)
{
    return atomic_load(&registered);
}

rondo_status regex_new(regex **out, const char *pattern)
{
    const rondo_regex_engine *engine = regex_engine();
    char why[200] = "";
    *out = NULL;
    if (!engine)
        return rondo_fail(RONDO_E_ABSENT,
                          "the regular expression \"%.200s\" needs an engine, and there is none; "
                          "install libpcre2-dev and build Rondo again",
                          pattern);
    regex *r = alloc_new(sizeof *r);
    if (!r) return RONDO_E_NOMEM;
    r->engine = engine;
    r->pattern = engine->compile(pattern, why, sizeof why);
    if (!r->pattern) {
        alloc_free(r);
        if (!*why) return rondo_fail(RONDO_E_NOMEM, "out of memory for a regular expression");
        return rondo_fail(RONDO_E_FORMAT, "the regular expression \"%.200s\" is wrong: %s", pattern,
                          why);
    }
    *out = r;
    return RONDO_OK;
}

void regex_free(regex *r)
{
    if (!r) return;
    r->engine->free(r->pattern);
    alloc_free(r);
}

rondo_status regex_begin(regex_run **out, const regex *r)
{
    *out = alloc_new(sizeof **out);
    if (!*out) return RONDO_E_NOMEM;
    (*out)->engine = r->engine;
    (*out)->memory = r->engine->begin(r->pattern);
    if ((*out)->memory) return RONDO_OK;
    alloc_free(*out);
    *out = NULL;
    return rondo_fail(RONDO_E_NOMEM, "out of memory for a regular expression");
}

rondo_status regex_next(const regex *r, regex_run *run, const char *text, int64_t n, int64_t at,
                        int64_t *begin, int64_t *end)
{
    size_t from = 0, to = 0;
    *begin = *end = -1;
    const int found = r->engine->search(r->pattern, run->memory, text, (size_t)n, (size_t)at, &from,
                                        &to);
    if (found < 0)
        return rondo_fail(
            RONDO_E_LIMIT,
            "a regular expression of the tokenizer takes too long, or too much memory, on "
            "this text; shorter texts (a line each) want less");
    if (!found || from < (size_t)at || to < from || to > (size_t)n) return RONDO_OK;
    *begin = (int64_t)from;
    *end = (int64_t)to;
    return RONDO_OK;
}

void regex_end(regex_run *run)
{
    if (!run) return;
    run->engine->end(run->memory);
    alloc_free(run);
}
