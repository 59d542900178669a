/* WordLevel: a word is a token. */
#include "text/parts.h"

static rondo_status read(token_model *m, const json_t *j)
{
    static const char *const known[] = { "type", "vocab", "unk_token", NULL };
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(model_read_vocabulary(m, j));
    return model_read_unknown(m, j, true);
}

static rondo_status encode(const token_model *m, encoder *e, const char *word, int64_t n,
                           token_out *out)
{
    (void)e;
    int64_t id = vocabulary_find(&m->vocabulary, word, (size_t)n);
    if (id < 0) id = m->unknown;
    if (id < 0)
        return rondo_fail(RONDO_E_FORMAT,
                          "the word \"%.*s\" is not in the vocabulary, and the tokenizer has no "
                          "token for unknown words",
                          (int)(n < 100 ? n : 100), word);
    token_add(out, (int32_t)id, 0, n);
    return RONDO_OK;
}

static rondo_status write(const token_model *m, json_t *j)
{
    RONDO_TRY(json_put(j, "vocab", model_write_vocabulary(m)));
    if (m->unknown >= 0) return model_write_unknown(m, j);
    return json_put(j, "unk_token", json_string("")); /* the package wants one */
}

const model_kind model_word_level = {
    .name = "WordLevel", .read = read, .encode = encode, .write = write, .cheap = true
};
