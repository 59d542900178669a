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

/* where_fits: a pattern that names none of this model's weights is passed over. */
static rondo_status put_all(rondo_model *m, const char *specs, bool where_fits)
{
    char **part;
    int n;
    RONDO_TRY(text_split(&part, &n, specs, ';'));
    rondo_status s = RONDO_OK;
    for (int i = 0; i < n && !s; i++)
        if (*part[i] && (s = put_one(m, part[i])) == RONDO_E_NAME && where_fits) s = RONDO_OK;
    text_list_free(part);
    return s;
}

rondo_status recipe_put_adapters(rondo_model *m, const rondo_recipe *r, bool where_fits)
{
    const char *specs = rondo_recipe_get(r, "adapt");
    return specs ? rondo_fail_in(put_all(m, specs, where_fits), "adapt") : RONDO_OK;
}

rondo_status recipe_adapt(rondo_model *m, const rondo_recipe *r)
{
    const char *freeze = rondo_recipe_get(r, "freeze"), *train = rondo_recipe_get(r, "train");
    if (train && !freeze) freeze = "*";
    if (freeze) RONDO_TRY(rondo_fail_in(each_pattern(m, freeze, "frozen"), "freeze"));
    if (train) RONDO_TRY(rondo_fail_in(each_pattern(m, train, "trainable"), "train"));
    RONDO_TRY(recipe_put_adapters(m, r, false));
    if (rondo_parameter_count(m, true)) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "all weights are frozen, so there is nothing to train; say which "
                      "are to: --train \"*.bias\"");
}

void adapt_identify(const rondo_recipe *r, text_buffer *identity)
{
    static const char *const keys[] = { "freeze", "train", "adapt" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (rondo_recipe_get(r, keys[i]))
            text_add(identity, "\n%s %s", keys[i], rondo_recipe_get(r, keys[i]));
}
