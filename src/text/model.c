/* model - what the kinds of models share: their row, their vocabulary, their unknown token. */
#include "text/parts.h"

/* ids of a file may have gaps, but not so that a model would be mostly rows of nothing. */
static int64_t most_id(size_t tokens)
{
    enum { SPARE = 1024 };
    const int64_t most = 2 * (int64_t)tokens + SPARE;
    return most < LIMIT_VOCABULARY ? most : LIMIT_VOCABULARY;
}

rondo_status model_read_vocabulary(token_model *m, const json_t *j)
{
    json_t *tokens;
    RONDO_TRY(json_want_object(j, "vocab", &tokens));
    const size_t n = json_object_size(tokens);
    const int64_t most = most_id(n);
    if (n > LIMIT_VOCABULARY)
        return rondo_fail(RONDO_E_FORMAT, "\"vocab\" has %zu tokens; the limit is %d", n,
                          LIMIT_VOCABULARY);
    for (void *at = json_object_iter(tokens); at; at = json_object_iter_next(tokens, at)) {
        const char *token = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        const size_t size = strlen(token);
        const int64_t id = json_integer_value(value);
        if (size > LIMIT_TOKEN)
            return rondo_fail(RONDO_E_FORMAT, "\"vocab\": the token \"%.40s…\" is over %d bytes",
                              token, LIMIT_TOKEN);
        if (!json_is_integer(value) || id < 0)
            return rondo_fail(RONDO_E_FORMAT, "\"vocab\": the id of \"%s\" is none", token);
        if (id >= most)
            return rondo_fail(RONDO_E_FORMAT,
                              "\"vocab\": the id of \"%s\" is %lld, with %zu tokens in all", token,
                              (long long)id, n);
        RONDO_TRY(vocabulary_put(&m->vocabulary, id, token, size));
    }
    return RONDO_OK;
}

json_t *model_write_vocabulary(const token_model *m)
{
    json_t *tokens = json_object();
    for (int64_t i = 0; i < m->vocabulary.n; i++) {
        const char *token = vocabulary_text(&m->vocabulary, i, NULL);
        if (!token || !json_put(tokens, token, json_integer(i))) continue;
        json_decref(tokens);
        return NULL;
    }
    return tokens;
}

rondo_status model_read_unknown(token_model *m, const json_t *j, bool needed)
{
    const char *token;
    RONDO_TRY(field_text(j, "unk_token", NULL, &token));
    if (!token && needed) return rondo_fail(RONDO_E_FORMAT, "\"unk_token\" is missing");
    m->unknown = token ? (int32_t)vocabulary_find(&m->vocabulary, token, strlen(token)) : -1;
    return RONDO_OK;
}

rondo_status model_write_unknown(const token_model *m, json_t *j)
{
    const char *token = vocabulary_text(&m->vocabulary, m->unknown, NULL);
    return json_put(j, "unk_token", token ? json_string(token) : json_null());
}

static const model_kind *kind_of(const json_t *j)
{
    static const model_kind *const kinds[] = { &model_word_level, &model_bpe, &model_wordpiece,
                                               &model_unigram };
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type) /* older files do not say */
        type = json_object_get(j, "merges")                     ? "BPE"
               : json_object_get(j, "max_input_chars_per_word") ? "WordPiece"
               : json_is_array(json_object_get(j, "vocab"))     ? "Unigram"
                                                                : "WordLevel";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->name, type) == 0) return kinds[i];
    rondo_fail(RONDO_E_ABSENT, "the model \"%s\" is none that Rondo has", type);
    return NULL;
}

rondo_status model_read(token_model *m, const json_t *j)
{
    *m = (token_model){ .unknown = -1 };
    if (!json_is_object(j)) return rondo_fail(RONDO_E_FORMAT, "\"model\" is not an object");
    m->kind = kind_of(j);
    if (!m->kind) return RONDO_E_ABSENT;
    if (m->kind->size) {
        m->state = alloc_new(m->kind->size);
        if (!m->state) return RONDO_E_NOMEM;
    }
    return rondo_fail_in(m->kind->read(m, j), "the model %s", m->kind->name);
}

rondo_status model_write(const token_model *m, json_t **out)
{
    *out = json_object();
    rondo_status status = json_put(*out, "type", json_string(m->kind->name));
    if (!status) status = m->kind->write(m, *out);
    if (!status) return RONDO_OK;
    json_decref(*out);
    *out = NULL;
    return status;
}

void model_free(token_model *m)
{
    if (m->kind && m->kind->free && m->state) m->kind->free(m);
    alloc_free(m->state);
    vocabulary_free(&m->vocabulary);
    *m = (token_model){ 0 };
}
