/* adapt - what of a model trains, and what adapts it: the keys freeze, train and adapt of a recipe. */
#include "task/task.h"
#include <string.h>

/* Every pattern of "embedding.* *.bias". */
static rondo_status each_pattern(rondo_model *m, const char *patterns, const char *spec_text)
{
    char **part;
    int n;
    RONDO_TRY(text_split(&part, &n, patterns, ' '));
    rondo_status s = RONDO_OK;
    for (int i = 0; i < n && !s; i++)
        if (*part[i]) s = rondo_adapt(m, part[i], spec_text);
    text_list_free(part);
    return s;
}

/* "*.kernel=lora rank=8" */
static rondo_status put_one(rondo_model *m, const char *text)
{
    const size_t n = strcspn(text, "=");
    if (!text[n] || n == 0)
        return rondo_fail(RONDO_E_ARG, "\"%s\" is not PATTERN=SPEC, as in \"*.kernel=lora rank=8\"",
                          text);
    char *pattern = alloc_format("%.*s", (int)n, text);
    if (!pattern) return RONDO_E_NOMEM;
    const char *spec_text = text + n + 1;
    while (*spec_text == ' ') spec_text++;
    const rondo_status s = rondo_adapt(m, pattern, spec_text);
    alloc_free(pattern);
    return s;
}

static rondo_status put_all(rondo_model *m, const char *specs)
{
    char **part;
    int n;
    RONDO_TRY(text_split(&part, &n, specs, ';'));
    rondo_status s = RONDO_OK;
    for (int i = 0; i < n && !s; i++)
        if (*part[i]) s = put_one(m, part[i]);
    text_list_free(part);
    return s;
}

rondo_status recipe_adapt(text_buffer *identity, rondo_model *m, const rondo_recipe *r)
{
    static const char *const keys[] = { "freeze", "train", "adapt" };
    const char *freeze = rondo_recipe_get(r, "freeze"), *train = rondo_recipe_get(r, "train"),
               *adapt = rondo_recipe_get(r, "adapt");
    if (train && !freeze) freeze = "*";
    if (freeze) RONDO_TRY(rondo_fail_in(each_pattern(m, freeze, "frozen"), "freeze"));
    if (train) RONDO_TRY(rondo_fail_in(each_pattern(m, train, "trainable"), "train"));
    if (adapt) RONDO_TRY(rondo_fail_in(put_all(m, adapt), "adapt"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (rondo_recipe_get(r, keys[i]))
            text_add(identity, "\n%s %s", keys[i], rondo_recipe_get(r, keys[i]));
    if (identity->status) return identity->status;
    if (rondo_parameter_count(m, true)) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "all weights are frozen, so there is nothing to train; say which "
                      "are to: --train \"*.bias\"");
}
