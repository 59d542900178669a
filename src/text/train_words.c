/* Training of char, word and byte: what is counted is the vocabulary.  The rules are those of Keras'
 * TextVectorization; `plain` is for texts that somebody else made ready, such as the Penn
 * Treebank's. */
#include "text/train.h"

static const option_field word_fields[] = {
    TRAIN_FIELD(max_tokens, OPTION_INT, "0", "tokens of the vocabulary, special ones too; 0: all"),
    TRAIN_FIELD(min_count, OPTION_INT, "1", "words that came less often are unknown"),
    TRAIN_FIELD(standardize, OPTION_TEXT, "lower_and_strip_punctuation",
                "lower, strip_punctuation, lower_and_strip_punctuation or none"),
    TRAIN_FIELD(split, OPTION_TEXT, "whitespace", "whitespace, character or none"),
    TRAIN_FIELD(plain, OPTION_BOOL, "false",
                "change nothing, split at spaces, no padding token, an unknown one only if named"),
    TRAIN_FIELD(normalize, OPTION_TEXT, "none", "Unicode's nfc, nfd, nfkc, nfkd, or none"),
    TRAIN_FIELD(strip_accents, OPTION_BOOL, "false", "leave out accents"),
    TRAIN_FIELD(pad, OPTION_TEXT, NULL, "the padding token; '' at 0 unless plain"),
    TRAIN_FIELD(unknown, OPTION_TEXT, NULL, "the token of unknown words; [UNK] at 1 unless plain"),
    TRAIN_COMMON_FIELDS,
};

static const option_field char_fields[] = {
    TRAIN_FIELD(max_tokens, OPTION_INT, "0", "tokens of the vocabulary, special ones too; 0: all"),
    TRAIN_FIELD(min_count, OPTION_INT, "1", "letters that came less often are unknown"),
    TRAIN_FIELD(standardize, OPTION_TEXT, "none",
                "lower, strip_punctuation, lower_and_strip_punctuation or none"),
    TRAIN_FIELD(plain, OPTION_BOOL, "false", "no padding token, an unknown one only if named"),
    TRAIN_FIELD(normalize, OPTION_TEXT, "none", "Unicode's nfc, nfd, nfkc, nfkd, or none"),
    TRAIN_FIELD(strip_accents, OPTION_BOOL, "false", "leave out accents"),
    TRAIN_FIELD(pad, OPTION_TEXT, NULL, "the padding token; '' at 0 unless plain"),
    TRAIN_FIELD(unknown, OPTION_TEXT, NULL,
                "the token of unknown letters; [UNK] at 1 unless plain"),
    TRAIN_COMMON_FIELDS,
};

static const option_field byte_fields[] = {
    TRAIN_FIELD(pad, OPTION_TEXT, NULL,
                "a padding token, such as <pad>; special ones follow the bytes"),
    TRAIN_COMMON_FIELDS,
};

/* Keras' special tokens. */
static rondo_status defaults(train_options *o)
{
    if (o->plain) return RONDO_OK;
    if (!o->pad) o->pad = alloc_text("");
    if (!o->unknown) o->unknown = alloc_text("[UNK]");
    return o->pad && o->unknown ? RONDO_OK : RONDO_E_NOMEM;
}

/* ---- Frames ---- */
static rondo_status add_standard(const train_options *o, json_t *file)
{
    static const char unwanted[] = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'";
    const char *rule = o->plain ? "none" : o->standardize;
    const bool both = strcmp(rule, "lower_and_strip_punctuation") == 0;
    const bool lower = both || strcmp(rule, "lower") == 0;
    const bool strip = both || strcmp(rule, "strip_punctuation") == 0;
    if (!lower && !strip && strcmp(rule, "none") != 0)
        return rondo_fail(RONDO_E_ARG,
                          "standardize is \"%s\"; it may be lower, strip_punctuation, "
                          "lower_and_strip_punctuation or none",
                          rule);
    if (lower) RONDO_TRY(frame_add(file, "normalizer", "normalizers", frame_of("Lowercase")));
    for (const char *c = unwanted; strip && *c; c++)
        RONDO_TRY(frame_add(file, "normalizer", "normalizers",
                            json_pack("{ss, s{ss#}, ss}", "type", "Replace", "pattern", "String", c,
                                      1, "content", "")));
    return RONDO_OK;
}

static bool splits_letters(const train_options *o)
{
    return !o->split || strcmp(o->split, "character") == 0;
}

static rondo_status frame_words(const train_options *o, json_t *file)
{
    RONDO_TRY(frame_normalizer(file, o));
    RONDO_TRY(add_standard(o, file));
    if (splits_letters(o)) return json_put(file, "decoder", frame_of("Fuse"));
    if (strcmp(o->split, "whitespace") == 0)
        return frame_add(file, "pre_tokenizer", "pretokenizers", frame_of("WhitespaceSplit"));
    if (strcmp(o->split, "none") == 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "split is \"%s\"; it may be whitespace, character or none",
                      o->split);
}

static rondo_status frame_bytes(const train_options *o, json_t *file)
{
    (void)o;
    RONDO_TRY(frame_add(file, "pre_tokenizer", "pretokenizers",
                        json_pack("{ss, sb, sb, sb}", "type", "ByteLevel", "add_prefix_space", 0,
                                  "trim_offsets", 1, "use_regex", 0)));
    return json_put(file, "decoder",
                    json_pack("{ss, sb, sb, sb}", "type", "ByteLevel", "add_prefix_space", 0,
                              "trim_offsets", 1, "use_regex", 0));
}

/* ---- Models ---- */
/* The vocabulary in Keras' order, after the special tokens. What JSON cannot have as a key (a zero
 * byte) and what is too long is left out. */
static rondo_status choose(const trainer *t, const word_counts *c, json_t *tokens,
                           int64_t *left_out)
{
    const train_options *o = &t->options;
    int64_t *order = counts_order(c), next = (int64_t)json_object_size(tokens);
    rondo_status status = order ? RONDO_OK : RONDO_E_NOMEM;
    *left_out = 0;
    for (int64_t i = 0; !status && i < c->words.n; i++) {
        size_t n;
        const char *text = vocabulary_text(&c->words, order[i], &n);
        const bool cut = (o->max_tokens && next >= o->max_tokens) ||
                         c->count[order[i]] < o->min_count || n > LIMIT_TOKEN || strlen(text) != n;
        if (json_object_get(tokens, text)) continue;
        if (next == LIMIT_VOCABULARY)
            status = rondo_fail(RONDO_E_LIMIT,
                                "there are over %d different tokens; cut them off "
                                "with max_tokens or min_count",
                                LIMIT_VOCABULARY);
        else if (cut)
            ++*left_out;
        else
            status = json_put(tokens, text, json_integer(next++));
    }
    alloc_free(order);
    return status;
}

/* With `plain` a named unknown token that the texts have already is where its count puts it. */
static rondo_status put_specials(const trainer *t, const word_counts *c, json_t *tokens)
{
    const train_options *o = &t->options;
    for (int i = 0; i < t->n_special; i++) {
        const char *token = t->special[i];
        const bool counted = o->plain && o->unknown && strcmp(token, o->unknown) == 0 &&
                             vocabulary_find(&c->words, token, strlen(token)) >= 0;
        if (!counted)
            RONDO_TRY(json_put(tokens, token, json_integer((json_int_t)json_object_size(tokens))));
    }
    return RONDO_OK;
}

/* Letters are a BPE without merges; words are WordLevel. */
static rondo_status make_model(const trainer *t, json_t *tokens, json_t **model)
{
    const char *unknown = t->options.unknown;
    if (splits_letters(&t->options))
        *model = json_pack("{ss, sn, ss?, sn, sn, sb, sb, sb, so, s[]}", "type", "BPE", "dropout",
                           "unk_token", unknown, "continuing_subword_prefix", "end_of_word_suffix",
                           "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", 0, "vocab", tokens,
                           "merges");
    else
        *model = json_pack("{ss, so, ss}", "type", "WordLevel", "vocab", tokens, "unk_token",
                           unknown ? unknown : "");
    return *model ? RONDO_OK : rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
}

static rondo_status model_words(trainer *t, const word_counts *c, json_t **model)
{
    json_t *tokens = json_object();
    int64_t left_out = 0;
    rondo_status status = put_specials(t, c, tokens);
    if (!status) status = choose(t, c, tokens, &left_out);
    if (!status && left_out && !t->options.unknown)
        status = rondo_fail(RONDO_E_ARG,
                            "%lld of them would have no token; name one for them: unknown=<unk>",
                            (long long)left_out);
    if (!status) return make_model(t, tokens, model);
    json_decref(tokens);
    return status;
}

static rondo_status model_bytes(trainer *t, const word_counts *c, json_t **model)
{
    json_t *tokens = json_object();
    rondo_status status = RONDO_OK;
    (void)c;
    for (int i = 0; i < 256 && !status; i++) {
        char letter[LONGEST_LETTER + 1] = { 0 };
        letter_put(letter, letter_of_byte((unsigned char)i));
        status = json_put(tokens, letter, json_integer(i));
    }
    if (!status) status = put_specials(t, c, tokens);
    if (!status) return make_model(t, tokens, model);
    json_decref(tokens);
    return status;
}

const train_kind train_word = { "word",
                                "words, the most frequent ones, as Keras' TextVectorization",
                                OPTION_TABLE(word_fields),
                                defaults,
                                splits_letters,
                                frame_words,
                                model_words };
const train_kind train_char = { "char",
                                "letters (Unicode code points)",
                                OPTION_TABLE(char_fields),
                                defaults,
                                splits_letters,
                                frame_words,
                                model_words };
const train_kind train_byte = { "byte",
                                "the 256 bytes; every text has tokens",
                                OPTION_TABLE(byte_fields),
                                NULL,
                                splits_letters,
                                frame_bytes,
                                model_bytes };
