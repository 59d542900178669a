/* frame - the parts of a new tokenizer.json around the model. */
#include "text/train.h"

json_t *frame_of(const char *type)
{
    return json_pack("{ss}", "type", type);
}

rondo_status frame_add(json_t *file, const char *key, const char *members, json_t *part)
{
    json_t *parts = json_object_get(json_object_get(file, key), members);
    if (!parts) {
        RONDO_TRY(json_put(file, key, json_pack("{sss[]}", "type", "Sequence", members)));
        parts = json_object_get(json_object_get(file, key), members);
    }
    if (part && json_array_append_new(parts, part) == 0) return RONDO_OK;
    return rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
}

rondo_status frame_finish(json_t *file, const char *key, const char *members)
{
    json_t *parts = json_object_get(json_object_get(file, key), members);
    if (!parts) return json_put(file, key, json_null());
    if (json_array_size(parts) != 1) return RONDO_OK;
    return json_put(file, key, json_incref(json_array_get(parts, 0)));
}

/* normalize=nfc, lowercase, strip_accents: in this order; accents are marks of a decomposed text. */
rondo_status frame_normalizer(json_t *file, const train_options *o)
{
    static const char *const forms[][2] = {
        { "nfc", "NFC" }, { "nfd", "NFD" }, { "nfkc", "NFKC" }, { "nfkd", "NFKD" }
    };
    const char *members = "normalizers", *form = NULL;
    for (int i = 0; o->normalize && i < 4; i++)
        if (strcmp(o->normalize, forms[i][0]) == 0) form = forms[i][1];
    if (o->normalize && *o->normalize && !form && strcmp(o->normalize, "none") != 0)
        return rondo_fail(RONDO_E_ARG,
                          "normalize is \"%s\"; it may be none, nfc, nfd, nfkc or nfkd",
                          o->normalize);
    if (o->strip_accents) form = form && form[2] == 'K' ? "NFKD" : "NFD";
    if (form) RONDO_TRY(frame_add(file, "normalizer", members, frame_of(form)));
    if (o->lowercase) RONDO_TRY(frame_add(file, "normalizer", members, frame_of("Lowercase")));
    if (o->strip_accents)
        RONDO_TRY(frame_add(file, "normalizer", members, frame_of("StripAccents")));
    return RONDO_OK;
}

/* The id of a special token in the model. */
static int64_t id_in(const json_t *model, const char *token)
{
    const json_t *tokens = json_object_get(model, "vocab");
    if (json_is_object(tokens)) return json_integer_value(json_object_get(tokens, token));
    for (size_t i = 0; i < json_array_size(tokens); i++)
        if (strcmp(json_string_value(json_array_get(json_array_get(tokens, i), 0)), token) == 0)
            return (int64_t)i;
    return 0;
}

/* A word's unknown token stays a word: in texts that have it already, such as the Penn Treebank's,
 * it is one between blanks. */
static bool is_added(const trainer *t, const char *token)
{
    const bool words = t->kind == &train_word || t->kind == &train_char;
    const char *unknown = t->options.unknown;
    return *token && !(words && unknown && strcmp(token, unknown) == 0);
}

static json_t *added_list(const trainer *t, const json_t *model)
{
    json_t *list = json_array();
    for (int i = 0; list && i < t->n_special; i++) {
        if (!is_added(t, t->special[i])) continue;
        json_t *token = json_pack("{sI, ss, sb, sb, sb, sb, sb}", "id",
                                  (json_int_t)id_in(model, t->special[i]), "content", t->special[i],
                                  "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                  "special", 1);
        if (token && json_array_append_new(list, token) == 0) continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

static json_t *special_item(const char *token)
{
    return json_pack("{s{ss, si}}", "SpecialToken", "id", token, "type_id", 0);
}

/* <bos> text <eos> */
static rondo_status add_template(const trainer *t, json_t *file, const json_t *model)
{
    const train_options *o = &t->options;
    const char *const around[] = { o->begin, o->end };
    if ((!o->begin || !*o->begin) && (!o->end || !*o->end))
        return json_put(file, "post_processor", json_null());
    json_t *post = json_pack("{ss, s[], s[{s{ss, si}}, {s{ss, si}}], s{}}", "type",
                             "TemplateProcessing", "single", "pair", "Sequence", "id", "A",
                             "type_id", 0, "Sequence", "id", "B", "type_id", 1, "special_tokens");
    RONDO_TRY(json_put(file, "post_processor", post));
    json_t *single = json_object_get(post, "single"),
           *specials = json_object_get(post, "special_tokens");
    for (int i = 0; i < 2; i++) {
        int failed = 0;
        if (i == 1)
            failed = json_array_append_new(
                single, json_pack("{s{ss, si}}", "Sequence", "id", "A", "type_id", 0));
        if (around[i] && *around[i] && !failed) {
            failed = json_array_append_new(single, special_item(around[i]));
            RONDO_TRY(
                json_put(specials, around[i],
                         json_pack("{ss, s[I], s[s]}", "id", around[i], "ids",
                                   (json_int_t)id_in(model, around[i]), "tokens", around[i])));
        }
        if (failed) return rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    }
    return RONDO_OK;
}

rondo_status frame_around(const trainer *t, json_t *file, const json_t *model)
{
    const train_options *o = &t->options;
    const char *pad = o->pad ? o->pad : "";
    RONDO_TRY(json_put(file, "added_tokens", added_list(t, model)));
    RONDO_TRY(add_template(t, file, model));
    if (o->truncate)
        RONDO_TRY(
            json_put(file, "truncation",
                     json_pack("{ss, sI, ss, si}", "direction", "Right", "max_length",
                               (json_int_t)o->truncate, "strategy", "LongestFirst", "stride", 0)));
    if (!o->pad_to) return RONDO_OK;
    if (!o->pad) return rondo_fail(RONDO_E_ARG, "pad_to wants a padding token: say pad=\"<pad>\"");
    return json_put(file, "padding",
                    json_pack("{s{sI}, ss, sn, sI, si, ss}", "strategy", "Fixed",
                              (json_int_t)o->pad_to, "direction", "Right", "pad_to_multiple_of",
                              "pad_id", (json_int_t)id_in(model, pad), "pad_type_id", 0,
                              "pad_token", pad));
}
