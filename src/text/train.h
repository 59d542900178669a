/* train - what the trainers share. */
#ifndef RONDO_TEXT_TRAIN_H
#define RONDO_TEXT_TRAIN_H
#include "text/parts.h"

typedef struct train_options {
    int64_t vocab_size, min_count, max_tokens, longest, seeds, truncate, pad_to;
    float shrink, coverage;
    char *standardize, *split, *normalize, *pad, *unknown, *begin, *end, *special;
    bool plain, lowercase, strip_accents, prefix_space;
} train_options;

#define TRAIN_FIELD(name, type, initial, help)                                                     \
    {                                                                                              \
#name, type, offsetof(train_options, name), initial, help                                  \
    }
#define TRAIN_COMMON_FIELDS                                                                        \
    TRAIN_FIELD(begin, OPTION_TEXT, NULL, "a token put before every text, such as <bos>"),         \
        TRAIN_FIELD(end, OPTION_TEXT, NULL, "a token put behind every text, such as <eos>"),       \
        TRAIN_FIELD(special, OPTION_TEXT, NULL, "other special tokens: a,b"),                      \
        TRAIN_FIELD(truncate, OPTION_INT, "0",                                                     \
                    "texts are cut off behind so many tokens; 0: never"),                          \
        TRAIN_FIELD(pad_to, OPTION_INT, "0", "shorter texts are padded to so many; 0: never")

/* Words of the texts with how often they came, as normalizer and pre-tokenizer give them. */
typedef struct word_counts {
    vocabulary words;
    int64_t *count; /* [words.n] */
    int64_t room, total;
} word_counts;
rondo_status counts_add(word_counts *, const char *text, size_t n, int64_t count);
rondo_status counts_add_letters(word_counts *, const char *text, size_t n,
                                int64_t count); /* each */
void counts_free(word_counts *);
/* The numbers of the words, most often first; those as often by their bytes, the greatest first
 * (as Keras has them). Free it with alloc_free; NULL: no memory. */
int64_t *counts_order(const word_counts *);

typedef struct trainer trainer;
typedef struct train_kind {
    const char *name, *help;
    option_table options;
    rondo_status (*defaults)(train_options *); /* that hang on other options; or NULL */
    bool (*letters)(const train_options *);    /* what is counted is letters, not words; or NULL */
    /* Normalizer, pre-tokenizer and decoder of the file. */
    rondo_status (*frame)(const train_options *, json_t *file);
    /* "model" from the counts; specials come first, as trainer_specials has them. */
    rondo_status (*model)(trainer *, const word_counts *, json_t **model);
} train_kind;
extern const train_kind train_char, train_word, train_byte, train_bpe, train_wordpiece,
    train_unigram;

struct trainer {
    const train_kind *kind;
    train_options options;
    const char *special[64]; /* in the order of their ids: pad, unknown, begin, end, others */
    int n_special;
    train_progress *tell;
    void *user;
};
void trainer_tell(const trainer *, const char *what, int64_t done, int64_t total);

/* train_seeds.c: texts of two letters and up to `longest` that come in words at least twice. */
rondo_status train_seeds(const word_counts *words, int64_t longest, word_counts *seeds);

/* ---- frame.c: the parts of a tokenizer.json around the model ---- */
json_t *frame_of(const char *type); /* {"type": …} */
/* Adds to a "Sequence" of such parts, which is what `file` has under `key`. */
rondo_status frame_add(json_t *file, const char *key, const char *members, json_t *part);
rondo_status frame_normalizer(json_t *file, const train_options *);
/* One part alone is not a sequence; none is null. */
rondo_status frame_finish(json_t *file, const char *key, const char *members);
rondo_status frame_around(const trainer *, json_t *file, const json_t *model);
#endif
