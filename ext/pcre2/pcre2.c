/* pcre2 - regular expressions for tokenizers that ask for them. */
#include "ext/ext.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* How much one search may do: some patterns take time, or memory, that grows without end. */
enum { MATCH_LIMIT = 10000000, HEAP_LIMIT_KIB = 1 << 20 };

typedef struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
} pattern;

static const char *version(void)
{
    static char text[64];
    return pcre2_config(PCRE2_CONFIG_VERSION, text) > 0 ? text : "?";
}

static void release(void *p)
{
    pattern *r = p;
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    free(r);
}

static void *compile(const char *text, char *error, size_t size)
{
    int code;
    size_t at;
    pattern *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    r->limits = r->code ? pcre2_match_context_create(NULL) : NULL;
    if (!r->limits) {
        if (!r->code) pcre2_get_error_message(code, (PCRE2_UCHAR *)error, size);
        release(r);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* where it cannot, it interprets */
    return r;
}

static void *begin(const void *p)
{
    const pattern *r = p;
    return pcre2_match_data_create_from_pattern(r->code, NULL);
}

static void end(void *run)
{
    pcre2_match_data_free(run);
}

static int search(const void *p, void *run, const char *text, size_t n, size_t at, size_t *from,
                  size_t *to)
{
    const pattern *r = p;
    int found = pcre2_match(r->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, run, r->limits);
    /* A compiled pattern has a stack of 32 KiB: a group that is repeated over a long text wants more,
     * which the interpreter takes from the heap. */
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(r->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                            run, r->limits);
    if (found < 0) return found == PCRE2_ERROR_NOMATCH ? 0 : -1;
    const size_t *span = pcre2_get_ovector_pointer(run);
    *from = span[0];
    *to = span[1];
    return 1;
}

const rondo_regex_engine ext_pcre2 = { .name = "pcre2",
                                       .version = version,
                                       .compile = compile,
                                       .free = release,
                                       .begin = begin,
                                       .end = end,
                                       .search = search };
