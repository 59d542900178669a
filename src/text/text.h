/* text - from text to token ids and back: normalisation, tokenizers, vocabularies, their training.
 *
 * A tokenizer is what Hugging Face's tokenizer.json says: a normalizer, a pre-tokenizer that cuts
 * the text into words, a model that cuts words into tokens (WordLevel, BPE, WordPiece, Unigram),
 * what is added around them, and a decoder. char, byte and word are such tokenizers, too, so every
 * one is written as a file that the `tokenizers` package reads, with the same ids. docs/TOKENIZERS.md. */
#ifndef RONDO_TEXT_H
#define RONDO_TEXT_H
#include "base/base.h"

/* What a tokenizer file may ask for; over these: RONDO_E_FORMAT. */
enum {
    LIMIT_VOCABULARY = 1 << 22,      /* tokens */
    LIMIT_TOKEN = 1 << 10,           /* bytes of a token */
    LIMIT_STEPS = 256,               /* normalizers, pre-tokenizers, decoders in sequence */
    LIMIT_PATTERN = 1 << 16,         /* bytes of a regular expression */
    LIMIT_PADDING = 1 << 20,         /* tokens that a text is padded to */
    LIMIT_NODES = 1 << 27,           /* of a trie of tokens */
    LIMIT_TOKENIZER_FILE = 128 << 20 /* bytes */
};
/* A text of n bytes may have so many on its way through a tokenizer's steps: a letter of Unicode
 * becomes 18 at the most, a hostile file's would double it again and again. */
enum { LIMIT_GROWTH = 64, LIMIT_GROWTH_BASE = 1 << 20 };

typedef struct tokenizer tokenizer; /* immutable: many threads may use one */

/* What encoding gives; zeroed is empty. Use one list again and again (n = 0 empties it): it keeps
 * the words it has seen, and its memory. One thread at a time. */
typedef struct token_list {
    int32_t *id;          /* [n] */
    int64_t n, room;      /* room for that many */
    bool spans;           /* set it before: where each token is from, is wanted */
    int64_t *begin, *end; /* [n] bytes of the text; begin = end where a token was added */
    int64_t dropped;      /* pieces of text that became no token: not in the vocabulary, and the
                      * tokenizer has no unknown token */
    struct encoder *work;
} token_list;
void token_list_free(token_list *);

/* ---- tokenizer.c ---- */
/* A tokenizer.json. E_FORMAT for what is malformed, E_ABSENT for what it asks for and we have not.
 * */
rondo_status tokenizer_open(tokenizer **, const char *path);
rondo_status tokenizer_from_json(tokenizer **, const json_t *);
rondo_status tokenizer_to_json(const tokenizer *, json_t **); /* all of it; json_decref it */
rondo_status tokenizer_save(const tokenizer *, const char *path);
void tokenizer_free(tokenizer *);
int64_t tokenizer_size(const tokenizer *); /* the highest id + 1: rows of an embedding */
/* NULL where there is none (ids may have gaps). As it is in the vocabulary: "Ġthe", "##ing". */
const char *tokenizer_token(const tokenizer *, int64_t id);
int32_t tokenizer_id(const tokenizer *, const char *token); /* -1: none */
typedef struct token_specials {
    int32_t pad, unknown, begin, end; /* -1 where there is none */
} token_specials;
token_specials tokenizer_special(const tokenizer *);
bool tokenizer_is_special(const tokenizer *, int64_t id); /* decoding leaves it out */
const char *tokenizer_kind(const tokenizer *);            /* "WordLevel" "BPE" … */

/* ---- encode.c ---- */
/* Appends the ids of a text as the package's `encode` gives them: tokens that the post-processor
 * adds (such as <eos>), truncated and padded where the file says so. E_FORMAT for what is no UTF-8,
 * naming the byte, counted from 1, and for a word that has no token where there is no unknown one;
 * E_LIMIT where steps make more of the text than makes sense (LIMIT_GROWTH), or a regular
 * expression takes too long. After a failure the list is as it was. */
rondo_status tokenizer_encode(const tokenizer *, const char *text, size_t n, token_list *);
/* The text's own tokens alone: nothing added, cut off or padded. */
rondo_status tokenizer_encode_plain(const tokenizer *, const char *text, size_t n, token_list *);

/* ---- decode.c ---- */
/* Adds the text of n ids, special tokens left out. E_ARG for an id outside the vocabulary; E_LIMIT
 * as for encoding. */
rondo_status tokenizer_decode(const tokenizer *, const int32_t *ids, int64_t n, text_buffer *);

/* ---- train.c ---- */
/* Gives one document at a time: *text NULL at the end. rewind: begin again from the first. What it
 * gives is borrowed until the next call. */
typedef rondo_status next_text(void *user, bool rewind, const char **text, size_t *n);
/* Called now and then while a long training works: so much of `total` of what it does is done. */
typedef void train_progress(void *user, const char *what, int64_t done, int64_t total);
/* "char", "word max_tokens=10000", "byte", "bpe vocab_size=8000", "wordpiece …", "unigram …". Same
 * spec and texts, same tokenizer. tell may be NULL; both get `user`. */
rondo_status tokenizer_train(tokenizer **, const char *spec, next_text *next, void *user,
                             train_progress *tell);

/* ---- regex.c ---- */
const rondo_regex_engine *regex_engine(void); /* NULL: none was registered */

/* The kinds that tokenizer_train knows, for help: the i-th's name, NULL past the last. */
const char *tokenizer_train_kind(int i, const char **help, const option_table **options);
#endif
