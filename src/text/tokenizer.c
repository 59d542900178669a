/* tokenizer - a tokenizer.json as a whole: read, written, asked. */
#include "text/rewrite.h"
#include <stdatomic.h>

/* ---- Special tokens: what the file says of them; else names that are usual ---- */
static int32_t first_of(const tokenizer *t, const char *const names[])
{
    for (int i = 0; names[i]; i++) {
        const int32_t id = tokenizer_id(t, names[i]);
        if (id >= 0) return id;
    }
    return -1;
}

static token_specials find_specials(const tokenizer *t)
{
    static const char *const pads[] = { "<pad>", "[PAD]", "<|pad|>", "", NULL };
    static const char *const begins[] = { "<bos>", "<s>", "[CLS]", "[BOS]", NULL };
    static const char *const ends[] = { "<eos>", "</s>", "[SEP]", "[EOS]", "<|endoftext|>", NULL };
    const post_processor *p = &t->post;
    token_specials s = { .unknown = t->model.unknown };
    s.pad = p->pads ? p->pad : first_of(t, pads);
    s.begin = p->n && p->id[0] != OWN_TOKENS ? p->id[0] : first_of(t, begins);
    s.end = p->n && p->id[p->n - 1] != OWN_TOKENS ? p->id[p->n - 1] : first_of(t, ends);
    return s;
}

/* ---- Reading ---- */

/* Of Metaspace's "first": whether a piece is the text's first is a matter of where it is from. */
static bool asks_origin(const step_list *steps)
{
    for (int i = 0; i < steps->n; i++)
        if (steps->at[i].rewrite == rewrite_prefix && steps->at[i].left) return true;
    return false;
}

/* What is added to texts are tokens, none of the vocabulary's gaps. */
static rondo_status check_added(const tokenizer *t)
{
    const post_processor *p = &t->post;
    for (int64_t i = 0; i < p->n; i++)
        if (p->id[i] != OWN_TOKENS && !tokenizer_token(t, p->id[i]))
            return rondo_fail(RONDO_E_FORMAT, "post_processor: there is no token %d",
                              (int)p->id[i]);
    if (p->pads && !tokenizer_token(t, p->pad))
        return rondo_fail(RONDO_E_FORMAT, "padding: there is no token %d", (int)p->pad);
    return RONDO_OK;
}

static rondo_status read_parts(tokenizer *t, const json_t *file)
{
    static const char *const known[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL
    };
    if (!json_is_object(file)) return rondo_fail(RONDO_E_FORMAT, "it is not an object");
    RONDO_TRY(field_known(file, "it", known));
    const char *version = json_string_value(json_object_get(file, "version"));
    if (json_object_get(file, "version") && (!version || strcmp(version, "1.0") != 0))
        return rondo_fail(RONDO_E_ABSENT, "its version is %s; Rondo reads 1.0",
                          version ? version : "no text");
    RONDO_TRY(steps_read_normalizer(&t->normalizer, json_object_get(file, "normalizer")));
    RONDO_TRY(steps_read_pre_tokenizer(&t->pre_tokenizer, json_object_get(file, "pre_tokenizer")));
    RONDO_TRY(model_read(&t->model, json_object_get(file, "model")));
    RONDO_TRY(
        added_read(&t->added, json_object_get(file, "added_tokens"), &t->model, &t->normalizer));
    RONDO_TRY(post_read(&t->post, file, tokenizer_size(t)));
    RONDO_TRY(check_added(t));
    return decoder_read(&t->decoder, json_object_get(file, "decoder"));
}

/* All but the model, for writing it again. */
static json_t *all_but_model(const json_t *file)
{
    json_t *copy = json_object();
    for (void *at = json_object_iter((json_t *)(uintptr_t)file); copy && at;
         at = json_object_iter_next((json_t *)(uintptr_t)file, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = strcmp(key, "model") ? json_deep_copy(json_object_iter_value(at))
                                             : json_null();
        if (!value || json_object_set_new(copy, key, value)) {
            json_decref(copy);
            copy = NULL;
        }
    }
    return copy;
}

rondo_status tokenizer_from_json(tokenizer **out, const json_t *file)
{
    static atomic_uint_least64_t serials;
    *out = NULL;
    tokenizer *t = alloc_new(sizeof *t);
    if (!t) return RONDO_E_NOMEM;
    t->serial = atomic_fetch_add(&serials, 1) + 1;
    rondo_status status = rondo_fail_in(read_parts(t, file), "tokenizer");
    if (!status) t->file = all_but_model(file);
    if (!status && !t->file) status = rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    if (status) {
        tokenizer_free(t);
        return status;
    }
    step_list *steps = &t->pre_tokenizer;
    if (steps->n && steps->at[steps->n - 1].rewrite == rewrite_bytes) {
        t->maps_bytes = true;
        steps->n--;
    }
    t->needs_origin = t->normalizer.n && asks_origin(steps);
    t->special = find_specials(t);
    *out = t;
    return RONDO_OK;
}

rondo_status tokenizer_open(tokenizer **out, const char *path)
{
    file_map map;
    json_t *file;
    *out = NULL;
    RONDO_TRY(file_map_open(&map, path));
    rondo_status status = RONDO_OK;
    if (map.size > LIMIT_TOKENIZER_FILE)
        status = rondo_fail(RONDO_E_FORMAT, "%s has %zu bytes; a tokenizer may have %d", path,
                            map.size, LIMIT_TOKENIZER_FILE);
    if (!status) status = json_read(&file, (const char *)map.data, map.size, path);
    file_map_close(&map);
    RONDO_TRY(status);
    status = rondo_fail_in(tokenizer_from_json(out, file), "%s", path);
    json_decref(file);
    return status;
}

void tokenizer_free(tokenizer *t)
{
    if (!t) return;
    json_decref(t->file);
    steps_free(&t->normalizer);
    steps_free(&t->pre_tokenizer);
    model_free(&t->model);
    added_free(&t->added);
    post_free(&t->post);
    decoder_free(t->decoder);
    alloc_free(t);
}

/* ---- Writing ---- */
rondo_status tokenizer_to_json(const tokenizer *t, json_t **out)
{
    json_t *model;
    *out = NULL;
    RONDO_TRY(model_write(&t->model, &model));
    *out = json_deep_copy(t->file);
    if (*out && json_object_set_new(*out, "model", model) == 0) return RONDO_OK;
    if (!*out) json_decref(model);
    json_decref(*out);
    *out = NULL;
    return rondo_fail(RONDO_E_NOMEM, "out of memory writing a tokenizer");
}

static int write_part(const char *bytes, size_t n, void *user)
{
    return file_write(user, bytes, n) ? -1 : 0;
}

rondo_status tokenizer_save(const tokenizer *t, const char *path)
{
    json_t *file;
    file_writer w;
    RONDO_TRY(tokenizer_to_json(t, &file));
    rondo_status status = file_write_begin(&w, path);
    if (!status && json_dump_callback(file, write_part, &w, JSON_INDENT(2) | JSON_ENCODE_ANY)) {
        status = ferror(w.stream) ? rondo_fail(RONDO_E_IO, "cannot write %s", path)
                                  : rondo_fail(RONDO_E_NOMEM, "out of memory writing %s", path);
        file_write_cancel(&w);
    }
    json_decref(file);
    return status ? status : file_write_end(&w);
}

/* ---- Asking ---- */
int64_t tokenizer_size(const tokenizer *t)
{
    return t->added.size;
}

const char *tokenizer_token(const tokenizer *t, int64_t id)
{
    const added_token *added = added_of_id(&t->added, id);
    return added ? added->content : vocabulary_text(&t->model.vocabulary, id, NULL);
}

int32_t tokenizer_id(const tokenizer *t, const char *token)
{
    const int64_t added = vocabulary_find(&t->added.by_content, token, strlen(token));
    if (added >= 0) return t->added.at[added].id;
    return (int32_t)vocabulary_find(&t->model.vocabulary, token, strlen(token));
}

token_specials tokenizer_special(const tokenizer *t)
{
    return t->special;
}

bool tokenizer_is_special(const tokenizer *t, int64_t id)
{
    const added_token *added = added_of_id(&t->added, id);
    return added && added->special;
}

const char *tokenizer_kind(const tokenizer *t)
{
    return t->model.kind->name;
}
