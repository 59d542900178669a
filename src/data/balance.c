/* balance.c - samples that count by their class: a view that gives each its weight. */
#include "data/data.h"
#include <stdlib.h>
#include <string.h>

typedef struct balanced {
    rondo_dataset *of; /* owned */
    float weight[];    /* [classes] */
} balanced;

static int32_t class_of(const rondo_dataset *d, const sample *s)
{
    const field *y = &s->target[0];
    return d->target[0].type == RONDO_I32 ? y->tokens[0] : y->data[0] > 0;
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    const balanced *b = d->self;
    return b->of->length(b->of, i);
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const balanced *b = d->self;
    RONDO_TRY(b->of->get(b->of, c, i, out));
    out->weight *= b->weight[class_of(d, out)];
    return RONDO_OK;
}

static rondo_status text(const rondo_dataset *d, cursor *c, int64_t i, const char **out, size_t *n)
{
    const balanced *b = d->self;
    return b->of->text(b->of, c, i, out, n);
}

static void close(rondo_dataset *d)
{
    balanced *b = d->self;
    d->classes = d->features = d->targets = NULL; /* of what it views */
    d->groups = NULL;
    d->n_groups = 0;
    rondo_dataset_free(b->of);
    alloc_free(b);
}

/* ---- The weights ---- */
/* samples / (classes · samples of the class), as scikit-learn's "balanced". */
static rondo_status weigh_evenly(float *weight, const rondo_dataset *d, int n)
{
    cursor c = { 0 };
    rondo_status s = RONDO_OK;
    int64_t *count = alloc_array(n, sizeof *count);
    if (!count) return RONDO_E_NOMEM;
    for (int64_t i = 0; !s && i < d->count; i++) {
        sample one;
        s = d->get(d, &c, i, &one);
        if (!s) count[class_of(d, &one)]++;
    }
    for (int k = 0; k < n; k++)
        weight[k] = count[k] ? (float)((double)d->count / ((double)n * (double)count[k])) : 0;
    alloc_free(count);
    cursor_free(&c);
    return s;
}

static int find_class(const rondo_dataset *d, const char *name)
{
    for (int i = 0; i < d->n_classes; i++)
        if (!strcmp(d->classes[i], name)) return i;
    return -1;
}

static rondo_status weigh_one(float *weight, const rondo_dataset *d, const spec_word *w)
{
    char *end;
    const int k = w->key ? find_class(d, w->key) : -1;
    if (k < 0) {
        char known[LIMIT_NAME];
        names_join(known, sizeof known, d->classes, d->n_classes);
        return rondo_fail(RONDO_E_ARG,
                          "class_weight: \"%s\" is none of the classes (%s); it is balanced, or "
                          "weights as in \"%s=2 %s=1\"",
                          w->key ? w->key : w->value, known, d->classes[0],
                          d->classes[d->n_classes - 1]);
    }
    weight[k] = strtof(w->value, &end);
    if (end != w->value && !*end && weight[k] >= 0 && weight[k] < 1e6f) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "class_weight: %s=%s is no weight from 0 on", w->key, w->value);
}

static rondo_status weigh_as_said(float *weight, const rondo_dataset *d, int n, const char *how)
{
    spec words;
    for (int i = 0; i < n; i++) weight[i] = 1;
    char *whole = alloc_format("weights %s", how); /* a kind in front */
    if (!whole) return RONDO_E_NOMEM;
    rondo_status s = spec_parse(&words, whole);
    alloc_free(whole);
    RONDO_TRY(s);
    for (int i = 0; !s && i < words.n; i++) s = weigh_one(weight, d, &words.words[i]);
    spec_free(&words);
    return s;
}

rondo_status class_weights(rondo_dataset **d, const char *how)
{
    rondo_dataset *whole = *d, *view;
    const field_shape *y = &whole->target[0];
    const int n = whole->n_classes;
    if (n < 2 || whole->n_targets != 1 || field_is_sequence(y))
        return rondo_fail(RONDO_E_ARG, "class_weight is for samples that have one class each");
    balanced *b = alloc_new(sizeof *b + (size_t)n * sizeof *b->weight);
    if (!b) return RONDO_E_NOMEM;
    rondo_status s = strcmp(how, "balanced") ? weigh_as_said(b->weight, whole, n, how)
                                             : weigh_evenly(b->weight, whole, n);
    if (!s) s = dataset_new(&view, whole->count);
    if (s) {
        alloc_free(b);
        return s;
    }
    *view = *whole;
    view->weighted = true;
    view->length = length;
    view->get = get;
    if (whole->text) view->text = text;
    view->close = close;
    view->self = b;
    b->of = whole;
    *d = view;
    return RONDO_OK;
}
