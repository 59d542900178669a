/* tokenize - tokenizers by themselves: trained on texts as readers find them, used line by line,
 * measured. */
#include "task/task.h"
#include <stdlib.h>
#include <string.h>

struct rondo_tokenizer {
    tokenizer *how;
    token_list list;
    text_buffer text; /* what was decoded last */
};

static rondo_status wrap(rondo_tokenizer **out, tokenizer *how)
{
    *out = alloc_new(sizeof **out);
    if (!*out) {
        tokenizer_free(how);
        return RONDO_E_NOMEM;
    }
    (*out)->how = how;
    (*out)->list.spans = true;
    return RONDO_OK;
}

void rondo_tokenizer_free(rondo_tokenizer *t)
{
    if (!t) return;
    tokenizer_free(t->how);
    token_list_free(&t->list);
    text_free(&t->text);
    alloc_free(t);
}

/* The tokenizer in a model's file; no weights are read. */
static rondo_status open_in_model(tokenizer **out, const char *path)
{
    char *file;
    tensor_file tensors;
    json_t *pipeline = NULL;
    RONDO_TRY(pipeline_file(&file, path));
    rondo_status status = tensors_open(&tensors, file);
    if (!status) {
        const char *text = json_string_value(json_object_get(tensors.metadata, "pipeline"));
        if (text) status = json_read(&pipeline, text, strlen(text), file);
        const json_t *how = json_object_get(pipeline, "tokenizer");
        if (!status && !how)
            status = rondo_fail(RONDO_E_FORMAT, "%s has no tokenizer: its model reads no text",
                                file);
        if (!status) status = rondo_fail_in(tokenizer_from_json(out, how), "%s", file);
        tensors_close(&tensors);
    }
    json_decref(pipeline);
    alloc_free(file);
    return status;
}

rondo_status tokenizer_at(tokenizer **out, const char *path)
{
    const char *end = strrchr(path, '.');
    return end && strcmp(end, ".json") == 0 ? tokenizer_open(out, path) : open_in_model(out, path);
}

rondo_status rondo_tokenizer_open(rondo_tokenizer **out, const char *path)
{
    tokenizer *how = NULL;
    *out = NULL;
    RONDO_TRY(tokenizer_at(&how, path));
    return wrap(out, how);
}

rondo_status rondo_tokenizer_save(const rondo_tokenizer *t, const char *path)
{
    return tokenizer_save(t->how, path);
}

/* ---- Training ---- */
typedef struct texts { /* of one dataset after the other */
    rondo_dataset **data;
    int n, at;
    int64_t next;
    cursor cursor;
    rondo_train_tell *tell;
    void *user;
} texts;

static rondo_status next_text_of(void *user, bool rewind, const char **text, size_t *n)
{
    texts *t = user;
    if (rewind) {
        t->at = 0;
        t->next = 0;
    }
    *text = NULL;
    *n = 0;
    while (t->at < t->n && t->next == t->data[t->at]->count) {
        t->at++;
        t->next = 0;
    }
    if (t->at == t->n) return RONDO_OK;
    const rondo_dataset *d = t->data[t->at];
    return d->text(d, &t->cursor, t->next++, text, n);
}

static void tell_of(void *user, const char *what, int64_t done, int64_t total)
{
    const texts *t = user;
    if (t->tell) t->tell(what, done, total, t->user);
}

static rondo_status open_text(rondo_dataset **out, const char *path, const char *options)
{
    const reader_request request = {
        .path = path, .spec = options, .text = true, .no_target = true
    };
    RONDO_TRY(reader_open(out, &request));
    if (dataset_is_raw_text(*out)) return RONDO_OK;
    rondo_dataset_free(*out);
    *out = NULL;
    return rondo_fail(RONDO_E_FORMAT, "%s holds numbers; a tokenizer is for text", path);
}

rondo_status rondo_tokenizer_train(rondo_tokenizer **out, const char *kind,
                                   const char *const *files, int n, const rondo_recipe *r,
                                   rondo_train_tell *tell, void *user)
{
    char *options = NULL;
    tokenizer *how = NULL;
    *out = NULL;
    texts t = { .tell = tell, .user = user };
    t.data = alloc_array(n, sizeof *t.data);
    rondo_status status = t.data ? recipe_spec(&options, r, KEY_READER, NULL) : RONDO_E_NOMEM;
    for (; t.n < n && !status; t.n += !status)
        status = open_text(&t.data[t.n], files[t.n], options);
    if (!status) status = tokenizer_train(&how, kind, next_text_of, &t, tell_of);
    for (int i = 0; i < t.n; i++) rondo_dataset_free(t.data[i]);
    alloc_free(t.data);
    alloc_free(options);
    cursor_free(&t.cursor);
    return status ? status : wrap(out, how);
}

/* ---- Using ---- */
rondo_status rondo_tokenizer_encode(rondo_tokenizer *t, const char *text, size_t n, bool plain,
                                    const int32_t **ids, int64_t *count)
{
    t->list.n = 0;
    RONDO_TRY(plain ? tokenizer_encode_plain(t->how, text, n, &t->list)
                    : tokenizer_encode(t->how, text, n, &t->list));
    *ids = t->list.id;
    *count = t->list.n;
    return RONDO_OK;
}

rondo_status rondo_tokenizer_decode(rondo_tokenizer *t, const int32_t *ids, int64_t n,
                                    const char **text, size_t *size)
{
    t->text.size = 0;
    if (t->text.data) *t->text.data = 0;
    RONDO_TRY(tokenizer_decode(t->how, ids, n, &t->text));
    *text = t->text.data ? t->text.data : "";
    *size = t->text.size;
    return RONDO_OK;
}

const char *rondo_tokenizer_token(const rondo_tokenizer *t, int64_t id)
{
    return tokenizer_token(t->how, id);
}

int64_t rondo_tokenizer_size(const rondo_tokenizer *t)
{
    return tokenizer_size(t->how);
}

/* ---- Facts ---- */
static void tell_special(const rondo_tokenizer *t, const char *name, int32_t id, rondo_fact *fact,
                         void *user)
{
    char text[LIMIT_TOKEN + 32];
    if (id < 0) return;
    snprintf(text, sizeof text, "%s (%d)", tokenizer_token(t->how, id), (int)id);
    fact(name, text, false, user);
}

static void tell_count(const char *name, int64_t count, rondo_fact *fact, void *user)
{
    char text[40];
    snprintf(text, sizeof text, "%lld", (long long)count);
    fact(name, text, false, user);
}

/* n for each of so many, of none as of one. */
static void tell_ratio(const char *name, int64_t n, int64_t each, rondo_fact *fact, void *user)
{
    text_buffer text = { 0 };
    text_add(&text, "%.6g", (double)n / (each ? (double)each : 1));
    if (!text.status) fact(name, text.data, false, user);
    text_free(&text);
}

rondo_status rondo_tokenizer_facts(const rondo_tokenizer *t, rondo_fact *fact, void *user)
{
    const token_specials s = tokenizer_special(t->how);
    text_buffer others = { 0 };
    fact("tokenizer", tokenizer_kind(t->how), false, user);
    tell_count("tokens", tokenizer_size(t->how), fact, user);
    tell_special(t, "padding", s.pad, fact, user);
    tell_special(t, "unknown", s.unknown, fact, user);
    tell_special(t, "begin", s.begin, fact, user);
    tell_special(t, "end", s.end, fact, user);
    for (int64_t i = 0; i < tokenizer_size(t->how); i++)
        if (tokenizer_is_special(t->how, i))
            text_add(&others, "%s%s", others.size ? "\t" : "", tokenizer_token(t->how, i));
    if (others.size) fact("special", others.data, true, user);
    const rondo_status status = others.status;
    text_free(&others);
    return status;
}

/* What the words of a text are is a matter of blanks: of Chinese there is one a sentence. */
static int64_t count_words(const char *text, size_t n)
{
    int64_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < n; i++) {
        const bool blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

typedef struct measure {
    int64_t texts, bytes, letters, words, tokens, unknown, dropped, longest;
} measure;

static rondo_status measure_text(rondo_tokenizer *t, const char *text, size_t n, measure *m)
{
    const int32_t unknown = tokenizer_special(t->how).unknown;
    t->list.n = 0;
    RONDO_TRY(tokenizer_encode_plain(t->how, text, n, &t->list));
    m->texts++;
    m->bytes += (int64_t)n;
    m->tokens += t->list.n;
    m->words += count_words(text, n);
    if (t->list.n > m->longest) m->longest = t->list.n;
    for (size_t i = 0; i < n; i++) m->letters += ((unsigned char)text[i] & 0xC0) != 0x80;
    for (int64_t i = 0; i < t->list.n; i++) m->unknown += unknown >= 0 && t->list.id[i] == unknown;
    return RONDO_OK;
}

static void tell_measure(const measure *m, rondo_fact *fact, void *user)
{
    tell_count("texts", m->texts, fact, user);
    tell_count("bytes", m->bytes, fact, user);
    tell_count("letters", m->letters, fact, user);
    tell_count("words", m->words, fact, user);
    tell_count("text_tokens", m->tokens, fact, user);
    tell_count("longest_text", m->longest, fact, user);
    tell_ratio("tokens_per_word", m->tokens, m->words, fact, user);
    tell_ratio("bytes_per_token", m->bytes, m->tokens, fact, user);
    tell_ratio("letters_per_token", m->letters, m->tokens, fact, user);
    tell_ratio("unknown_share", m->unknown, m->tokens, fact, user);
    tell_count("letters_dropped", m->dropped, fact, user);
}

rondo_status rondo_tokenizer_measure(rondo_tokenizer *t, const char *file, const rondo_recipe *r,
                                     rondo_fact *fact, void *user)
{
    char *options;
    rondo_dataset *d;
    measure m = { 0 };
    cursor c = { 0 };
    RONDO_TRY(recipe_spec(&options, r, KEY_READER, NULL));
    rondo_status status = open_text(&d, file, options);
    alloc_free(options);
    RONDO_TRY(status);
    t->list.dropped = 0;
    for (int64_t i = 0; i < d->count && !status; i++) {
        const char *text;
        size_t n;
        status = d->text(d, &c, i, &text, &n);
        if (!status)
            status = rondo_fail_in(measure_text(t, text, n, &m), "%s: text %lld", file,
                                   (long long)i + 1);
    }
    m.dropped = t->list.dropped;
    cursor_free(&c);
    rondo_dataset_free(d);
    if (!status) tell_measure(&m, fact, user);
    return status;
}

/* ---- What can be trained ---- */
const char *rondo_tokenizer_kind(int i, const char **help)
{
    return tokenizer_train_kind(i, help, NULL);
}

rondo_status rondo_tokenizer_options(const char *kind, rondo_fact *fact, void *user)
{
    const option_table *options;
    const char *name;
    for (int i = 0; (name = tokenizer_train_kind(i, NULL, &options)) != NULL; i++) {
        if (strcmp(name, kind) != 0) continue;
        for (int k = 0; k < options->n; k++) {
            const option_field *f = &options->fields[k];
            char text[300];
            const bool shown = f->initial && *f->initial;
            snprintf(text, sizeof text, "%s%s%s%s", f->help, shown ? " (" : "",
                     shown ? f->initial : "", shown ? ")" : "");
            fact(f->name, text, false, user);
        }
        return RONDO_OK;
    }
    return rondo_fail(RONDO_E_NAME, "there is no tokenizer \"%s\"", kind);
}
