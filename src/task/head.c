/* head - what the last layer of a spec says before there is a model: which task it is for, and
 * whether its units are left to the data. */
#include "task/task.h"
#include <ctype.h>
#include <string.h>

static bool is_number(const char *word)
{
    if (!*word) return false;
    for (; *word; word++)
        if (!isdigit((unsigned char)*word)) return false;
    return true;
}

/* "leaky_relu(0.1)" → "leaky_relu" */
static void bare_name(char name[64], const char *word)
{
    const size_t n = strcspn(word, "(");
    const size_t kept = n < 63 ? n : 63;
    memcpy(name, word, kept);
    name[kept] = 0;
}

static void read_word(head *h, const spec_word *w)
{
    char name[64];
    bare_name(name, w->value ? w->value : "");
    if (!w->key && is_number(name))
        h->has_units = true;
    else if (w->key && (strcmp(w->key, "units") == 0 || strcmp(w->key, "tie") == 0))
        h->has_units = true;
    else if (w->key ? strcmp(w->key, "activation") == 0
                    : registry_find(REGISTRY_ACTIVATION, name) != NULL)
        memcpy(h->activation, name, sizeof name);
}

rondo_status head_parse(head *h, const char *text)
{
    char **parts = NULL;
    spec last = { 0 };
    int n = 0;
    *h = (head){ 0 };
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    while (n > 0 && !*parts[n - 1]) n--;
    rondo_status status = n == 0 ? rondo_fail(RONDO_E_ARG, "the model has no layers; try "
                                                           "--model \"gru 64; dense softmax\"")
                                 : spec_parse(&last, parts[n - 1]);
    if (!status) {
        const bool adaptive = last.kind && strcmp(last.kind, "adaptive_softmax") == 0;
        h->dense = adaptive || (last.kind && strcmp(last.kind, "dense") == 0);
        if (adaptive) memcpy(h->activation, "softmax", sizeof "softmax");
        for (int i = 0; i < last.n; i++) read_word(h, &last.words[i]);
        if (last.kind && strcmp(last.kind, "activation") == 0) h->has_units = true;
    }
    spec_free(&last);
    text_list_free(parts);
    return status;
}

rondo_status head_fill(char **filled, const char *text, int64_t units)
{
    char **parts = NULL;
    int n = 0;
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    while (n > 0 && !*parts[n - 1]) n--;
    *filled = alloc_text("");
    for (int i = 0; *filled && i < n; i++) {
        const int kind = (int)strcspn(parts[i], " ");
        char *longer = i < n - 1 ? alloc_format("%s%s; ", *filled, parts[i])
                                 : alloc_format("%s%.*s %lld%s", *filled, kind, parts[i],
                                                (long long)units, parts[i] + kind);
        alloc_free(*filled);
        *filled = longer;
    }
    text_list_free(parts);
    return *filled ? RONDO_OK : RONDO_E_NOMEM;
}

/* ---- An embedding's rows ---- */
static bool lacks_tokens(const char *layer)
{
    spec s;
    if (spec_parse(&s, layer)) return false; /* what is wrong with it, the model will say */
    bool lacks = strcmp(s.kind, "embedding") == 0;
    for (int i = 0; i < s.n; i++)
        if (s.words[i].key && strcmp(s.words[i].key, "input_dim") == 0) lacks = false;
    spec_free(&s);
    return lacks;
}

bool spec_wants_tokens(const char *text)
{
    char **parts;
    int n;
    bool wants = false;
    if (text_split(&parts, &n, text, ';')) return false;
    for (int i = 0; i < n; i++) wants |= lacks_tokens(parts[i]);
    text_list_free(parts);
    return wants;
}

rondo_status spec_fill_tokens(char **filled, const char *text, int64_t tokens)
{
    char **parts;
    int n;
    text_buffer out = { 0 };
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    for (int i = 0; i < n; i++) {
        text_add(&out, "%s%s", i ? "; " : "", parts[i]);
        if (lacks_tokens(parts[i])) text_add(&out, " input_dim=%lld", (long long)tokens);
    }
    text_list_free(parts);
    if (out.status) text_free(&out);
    *filled = out.data;
    return *filled ? RONDO_OK : RONDO_E_NOMEM;
}
