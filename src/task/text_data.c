/* text_data - raw text and a tokenizer make a dataset like others: token ids, I32 {T}.  All of it is
 * cut into tokens at once, when it is opened; the ids page from disk where memory cannot hold them. */
#include "task/task.h"
#include <string.h>

typedef struct text_tokens {
    rondo_dataset *raw;
    spill ids;  /* int32_t, of one text after the other */
    spill ends; /* [count] int64_t: where each ends among the ids */
} text_tokens;

static const int64_t *ends(const text_tokens *t)
{
    return (const int64_t *)(const void *)t->ends.data;
}

static int64_t first_of(const text_tokens *t, int64_t i)
{
    return i ? ends(t)[i - 1] : 0;
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    return ends(d->self)[i] - first_of(d->self, i);
}

static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const text_tokens *t = d->self;
    RONDO_TRY(t->raw->get(t->raw, c, i, out));
    const int32_t *ids = (const int32_t *)(const void *)t->ids.data;
    out->input[0] = (field){ NULL, ids + first_of(t, i), length(d, i) };
    return RONDO_OK;
}

static rondo_status text(const rondo_dataset *d, cursor *c, int64_t i, const char **out, size_t *n)
{
    const text_tokens *t = d->self;
    return t->raw->text(t->raw, c, i, out, n);
}

static void close(rondo_dataset *d)
{
    text_tokens *t = d->self;
    d->classes = d->features = d->targets = NULL; /* the raw text's */
    d->groups = NULL;
    d->n_groups = 0;
    if (!t) return;
    rondo_dataset_free(t->raw);
    spill_free(&t->ids);
    spill_free(&t->ends);
    alloc_free(t);
}

/* ---- Cutting ---- */
/* A label per word is a label per token only where each word is one. */
static rondo_status check_labels(const rondo_dataset *raw, cursor *c, int64_t i, int64_t tokens)
{
    sample s;
    if (!raw->n_targets || !field_is_sequence(&raw->target[0])) return RONDO_OK;
    RONDO_TRY(raw->get(raw, c, i, &s));
    if (s.target[0].steps == tokens) return RONDO_OK;
    return rondo_fail(RONDO_E_SHAPE,
                      "text %lld has %lld labels and %lld tokens; labels of words want a tokenizer "
                      "that leaves words whole (--tokenizer \"word standardize=lower\"), and no "
                      "max_length",
                      (long long)i + 1, (long long)s.target[0].steps, (long long)tokens);
}

static rondo_status keep(text_tokens *t, const token_list *list, const text_cut *cut)
{
    int64_t first = 0, n = list->n;
    if (cut->most && n > cut->most) {
        n = cut->most;
        first = cut->front ? list->n - n : 0;
    }
    RONDO_TRY(spill_append(&t->ids, list->id + first, (size_t)n * sizeof *list->id));
    const int64_t end = (int64_t)(t->ids.size / sizeof *list->id);
    return spill_append(&t->ends, &end, sizeof end);
}

static rondo_status cut_all(text_tokens *t, const tokenizer *how, const text_cut *cut)
{
    const rondo_dataset *raw = t->raw;
    token_list list = { 0 };
    cursor c = { 0 };
    rondo_status s = RONDO_OK;
    for (int64_t i = 0; !s && i < raw->count; i++) {
        const char *text;
        size_t n;
        list.n = 0;
        s = raw->text(raw, &c, i, &text, &n);
        if (!s)
            s = rondo_fail_in(tokenizer_encode(how, text, n, &list), "text %lld", (long long)i + 1);
        if (!s) s = keep(t, &list, cut);
        if (!s) s = check_labels(raw, &c, i, ends(t)[i] - first_of(t, i));
    }
    token_list_free(&list);
    cursor_free(&c);
    return s;
}

rondo_status text_data(rondo_dataset **out, rondo_dataset *raw, const tokenizer *how,
                       const text_cut *cut)
{
    *out = alloc_new(sizeof **out);
    text_tokens *t = alloc_new(sizeof *t);
    if (!*out || !t) {
        alloc_free(t);
        alloc_free(*out);
        *out = NULL;
        rondo_dataset_free(raw);
        return RONDO_E_NOMEM;
    }
    spill_init(&t->ids, 0);
    spill_init(&t->ends, 0);
    t->raw = raw;
    **out = *raw;
    (*out)->n_inputs = 1;
    (*out)->input[0] = (field_shape){ RONDO_I32, { 1, { 0 } } };
    (*out)->length = length;
    (*out)->get = get;
    (*out)->text = text;
    (*out)->close = close;
    (*out)->self = t;
    const rondo_status s = cut_all(t, how, cut);
    if (!s) return RONDO_OK;
    rondo_dataset_free(*out);
    *out = NULL;
    return s;
}

rondo_status pipeline_check_tokens(const rondo_pipeline *p)
{
    if (!p->tokenizer) return RONDO_OK;
    const int64_t tokens = tokenizer_size(p->tokenizer);
    for (int i = 0; i < p->model->n_layers; i++) {
        const rondo_layer *l = p->model->layers[i];
        if (strcmp(l->type->name, "embedding") != 0 || l->params[0].shape.dim[0] >= tokens)
            continue;
        return rondo_fail(
            RONDO_E_SHAPE,
            "the tokenizer has %lld tokens, %s rows for %lld; where input_dim is left "
            "out it is filled in",
            (long long)tokens, l->name, (long long)l->params[0].shape.dim[0]);
    }
    return RONDO_OK;
}

/* ---- Words for people ---- */
/* What token k of an encoded text is of it; of one that was added, its name. */
static char *piece(const tokenizer *how, const token_list *list, int64_t k, const char *text)
{
    const int64_t begin = list->begin[k], end = list->end[k];
    if (end > begin) return alloc_format("%.*s", (int)(end - begin), text + begin);
    const char *name = tokenizer_token(how, list->id[k]);
    return alloc_text(name ? name : "");
}

rondo_status pipeline_pieces(const rondo_pipeline *p, const rondo_dataset *d, int64_t i,
                             char ***pieces)
{
    token_list list = { .spans = true };
    cursor c = { 0 };
    const char *text = NULL;
    size_t size = 0;
    *pieces = NULL;
    if (!p->tokenizer || !d->text) return RONDO_OK;
    rondo_status s = d->text(d, &c, i, &text, &size);
    if (!s) s = tokenizer_encode(p->tokenizer, text, size, &list);
    const int64_t most = p->cut.most, n = most && list.n > most ? most : list.n;
    const int64_t first = p->cut.front ? list.n - n : 0;
    if (!s && !(*pieces = alloc_array(n + 1, sizeof **pieces))) s = RONDO_E_NOMEM;
    for (int64_t k = 0; !s && k < n; k++)
        if (!((*pieces)[k] = piece(p->tokenizer, &list, first + k, text))) s = RONDO_E_NOMEM;
    if (s) {
        text_list_free(*pieces);
        *pieces = NULL;
    }
    token_list_free(&list);
    cursor_free(&c);
    return s;
}

/* ---- Its tokenizer ---- */
typedef struct texts { /* one after the other */
    const rondo_dataset *raw;
    cursor cursor;
    int64_t next;
} texts;

static rondo_status next_document(void *user, bool rewind, const char **text, size_t *n)
{
    texts *t = user;
    if (rewind) t->next = 0;
    *text = NULL;
    *n = 0;
    if (t->next == t->raw->count) return RONDO_OK;
    return t->raw->text(t->raw, &t->cursor, t->next++, text, n);
}

rondo_status text_tokenizer(tokenizer **out, const char *kind, const rondo_dataset *raw)
{
    *out = NULL;
    if (path_is_tokenizer(kind)) return tokenizer_at(out, kind);
    texts all = { .raw = raw };
    const rondo_status s = tokenizer_train(out, kind, next_document, &all, NULL);
    cursor_free(&all.cursor);
    return rondo_fail_in(s, "tokenizer");
}

/* ---- A plan's ---- */
static rondo_status fill_cut(text_cut *cut, const rondo_recipe *r)
{
    const char *end = rondo_recipe_get(r, "truncate");
    cut->front = end && strcmp(end, "pre") == 0;
    return recipe_int(r, "max_length", 0, 0, &cut->most);
}

/* Options that would do nothing are refused. */
static rondo_status check_keys(const plan *p, const rondo_recipe *r)
{
    static const char *const keys[] = { "tokenizer", "max_length", "truncate" };
    const bool text = dataset_is_raw_text(p->data);
    if (rondo_recipe_get(r, "eos"))
        return rondo_fail(RONDO_E_ARG, "eos says what ends a text of a language model: say --task "
                                       "language, or leave it out");
    for (size_t i = 0; !text && i < sizeof keys / sizeof *keys; i++)
        if (rondo_recipe_get(r, keys[i]))
            return rondo_fail(RONDO_E_ARG, "%s is for text, %s holds numbers; leave it out",
                              keys[i], rondo_recipe_get(r, "data"));
    return RONDO_OK;
}

rondo_status plan_tokenize(plan *p, const rondo_recipe *r)
{
    const char *kind = rondo_recipe_get(r, "tokenizer");
    rondo_pipeline *line = p->pipeline;
    if (p->task == &task_language) return language_plan(p, r);
    RONDO_TRY(check_keys(p, r));
    if (!dataset_is_raw_text(p->data)) return RONDO_OK;
    RONDO_TRY(fill_cut(&line->cut, r));
    if (!kind && transfer_reads_text(&p->transfer))
        RONDO_TRY(transfer_tokenizer(&p->transfer, line));
    else
        RONDO_TRY(text_tokenizer(&line->tokenizer, kind ? kind : "word", p->train));
    const bool split = p->train != p->data;
    const rondo_status s = pipeline_tokens(line, &p->train, 1);
    if (!split) p->data = p->train;
    RONDO_TRY(rondo_fail_in(s, "%s", rondo_recipe_get(r, "data")));
    if (p->validation)
        RONDO_TRY(rondo_fail_in(pipeline_tokens(line, &p->validation, 1), "validation"));
    for (int i = 0; i < p->n_tests; i++)
        RONDO_TRY(
            rondo_fail_in(pipeline_tokens(line, &p->tests[i].data, 1), "%s", p->tests[i].name));
    return RONDO_OK;
}

rondo_status plan_fill_tokens(plan *p, char *layers)
{
    const tokenizer *how = p->pipeline->tokenizer;
    p->spec = layers;
    if (!how || !spec_wants_tokens(layers)) return RONDO_OK;
    p->spec = NULL;
    const rondo_status s = spec_fill_tokens(&p->spec, layers, tokenizer_size(how));
    alloc_free(layers);
    return s;
}

/* Same texts and spec, same tokenizer; one that comes from a file is told by its content, as are word
 * vectors. */
rondo_status plan_identify_tokens(const plan *p, text_buffer *identity)
{
    char *text, digest[65];
    json_t *how;
    uint64_t vectors;
    const rondo_pipeline *line = p->pipeline;
    if (!line->tokenizer) return RONDO_OK;
    RONDO_TRY(tokenizer_to_json(line->tokenizer, &how));
    const rondo_status s = json_text(&text, how);
    json_decref(how);
    RONDO_TRY(s);
    sha256_text(digest, text, strlen(text));
    alloc_free(text);
    text_add(identity, "\ntokenizer %.16s", digest);
    if (line->cut.most)
        text_add(identity, "\nmax_length %lld %s", (long long)line->cut.most,
                 line->cut.front ? "pre" : "post");
    if (!p->vectors) return RONDO_OK;
    RONDO_TRY(source_digest(p->vectors, &vectors));
    text_add(identity, "\nvectors %016llx", (unsigned long long)vectors);
    return RONDO_OK;
}
