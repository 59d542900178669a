/* parts - what a tokenizer is made of; for the files of this folder.
 *
 * A text goes through steps. A rewrite makes a new text of a piece of the old one and keeps where
 * each byte is from; a cut divides a piece. The normalizers of a file are rewrites, its
 * pre-tokenizers are rewrites and cuts. What comes out of them, words, the model makes tokens of. */
#ifndef RONDO_TEXT_PARTS_H
#define RONDO_TEXT_PARTS_H
#include "text/text.h"
#include <string.h>
#include <utf8proc.h>

/* ---- Letters: code points of text that is known to be UTF-8 (letters.c) ---- */
enum { LONGEST_LETTER = 4, LETTERS = 0x110000 };

/* The letter at p; its size in bytes. */
static inline int letter_at(const char *p, int32_t *letter)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x80) {
        *letter = u[0];
        return 1;
    }
    if (u[0] < 0xE0) {
        *letter = (u[0] & 31) << 6 | (u[1] & 63);
        return 2;
    }
    if (u[0] < 0xF0) {
        *letter = (u[0] & 15) << 12 | (u[1] & 63) << 6 | (u[2] & 63);
        return 3;
    }
    *letter = (u[0] & 7) << 18 | (u[1] & 63) << 12 | (u[2] & 63) << 6 | (u[3] & 63);
    return 4;
}

static inline int letter_size(char first)
{
    const unsigned char u = (unsigned char)first;
    return u < 0x80 ? 1 : u < 0xE0 ? 2 : u < 0xF0 ? 3 : 4;
}

int letter_put(char out[LONGEST_LETTER], int32_t letter); /* its size */
bool letters_are_ascii(const char *text, int64_t n);
int64_t letters_count(const char *text, int64_t n);
typedef bool letter_test(int32_t);
letter_test letter_is_space;       /* White_Space */
letter_test letter_is_word;        /* \w of UTS #18: letters, marks, digits, connectors, joiners */
letter_test letter_is_number;      /* category N */
letter_test letter_is_punctuation; /* ASCII's and category P */
letter_test letter_is_mark;        /* category M */
letter_test letter_is_nonspacing;  /* category Mn */
letter_test letter_is_control;     /* categories Cc, Cf, Cn, Co but tab, newline, return */
letter_test letter_is_chinese;     /* CJK ideographs */
/* GPT-2's mapping of bytes to letters that can be seen, U+0021 … U+0143, and back (-1: none). */
int32_t letter_of_byte(unsigned char);
int byte_of_letter(int32_t);

/* ---- vocabulary.c: texts by number, numbers by text ---- */
typedef struct vocabulary {
    char *bytes; /* all texts, each with a zero at its end */
    size_t used, room;
    struct vocabulary_entry {
        size_t at; /* in bytes; NO_TEXT: a gap */
        uint32_t size, hash;
    } * entry;
    int64_t n, entry_room, count; /* highest number + 1; how many there are */
    uint32_t *slot;               /* number + 1 by hash; 0 is empty */
    uint32_t mask;
} vocabulary;
/* The number of a text, -1: it has none. */
int64_t vocabulary_find(const vocabulary *, const char *text, size_t n);
/* Gives a text its number; E_FORMAT when one of the two is taken. */
rondo_status vocabulary_put(vocabulary *, int64_t number, const char *text, size_t n);
/* The number of a text, the next one when it is new. E_LIMIT: it, or they, are too many. */
rondo_status vocabulary_add(vocabulary *, const char *text, size_t n, int64_t *number);
const char *vocabulary_text(const vocabulary *, int64_t number, size_t *n); /* NULL: none */
void vocabulary_free(vocabulary *);

/* ---- pairs.c: two numbers by two numbers. Merges of a BPE; edges of a trie ---- */
typedef struct pair_value {
    int32_t a, b;
} pair_value;
typedef struct pair_map {
    struct pair_slot {
        uint64_t key; /* left + 1 and right; 0 is empty */
        pair_value value;
    } * slot;
    uint64_t odd; /* multiplier of the hash */
    int64_t n;
    int bits;
} pair_map;
/* NULL: none. Good until the next pair_put. */
pair_value *pair_find(const pair_map *, int32_t left, int32_t right);
pair_value *pair_put(pair_map *, int32_t left, int32_t right); /* new ones are {-1, -1}; NULL */
void pair_free(pair_map *);

/* A trie of texts: which of them begin a text? */
typedef struct trie {
    pair_map edge;   /* (node, byte) → (node, number of the text that ends there) */
    int32_t nodes;   /* 0 is the root */
    bool first[256]; /* bytes that a text begins with */
} trie;
rondo_status trie_put(trie *, const char *text, size_t n, int32_t number);
void trie_free(trie *);

/* ---- aligned.c: a text on its way through the steps; a failure sticks ---- */
typedef struct aligned {
    char *data;
    int64_t n, room;
    int64_t *from, *to; /* [n], where each byte's letter is from, in the text as it was given … */
    bool tracks;        /* … where that is wanted; if not, as if this text were that one */
    int64_t most;       /* bytes that it may come to; then it fails with E_LIMIT */
    rondo_status status;
} aligned;
/* Empty, for what becomes of a text that was given with so many bytes. */
void aligned_clear(aligned *, bool tracks, int64_t given);
void aligned_put(aligned *, const char *bytes, int64_t n, int64_t from, int64_t to);
void aligned_copy(aligned *, const aligned *in, int64_t begin, int64_t end);
/* Where in[begin, end) is from. */
void aligned_span(const aligned *in, int64_t begin, int64_t end, int64_t *from, int64_t *to);
void aligned_free(aligned *);

/* ---- Pieces of a text ---- */
typedef struct piece {
    int64_t begin, end; /* bytes of the text as it is now; of a token: as it was given */
    int32_t id;         /* of an added token; -1: a word */
    bool first;         /* it begins where the text does */
} piece;
typedef struct piece_list {
    piece *at;
    int64_t n, room;
    rondo_status status;
} piece_list;
void piece_add(piece_list *, piece);

/* ---- regex.c: through the engine that was registered ---- */
typedef struct regex regex;
rondo_status regex_new(regex **, const char *pattern); /* E_ABSENT, E_FORMAT */
typedef struct regex_run regex_run;                    /* one thread's memory for matching */
rondo_status regex_begin(regex_run **, const regex *);
/* The next match in text[at, n); *begin is -1 when there is none. E_LIMIT: it took too long. */
rondo_status regex_next(const regex *, regex_run *, const char *text, int64_t n, int64_t at,
                        int64_t *begin, int64_t *end);
void regex_end(regex_run *);
void regex_free(regex *);

/* ---- steps.c: the rows that tokenizer.json names, as steps ---- */
typedef enum cut_behaviour { /* what becomes of a match */
                             CUT_REMOVED,
                             CUT_ISOLATED,
                             CUT_WITH_PREVIOUS,
                             CUT_WITH_NEXT,
                             CUT_CONTIGUOUS
} cut_behaviour;

typedef struct step step;
/* Gives the spans of a text in turn, matches and what lies between. */
typedef struct cutter {
    const step *step;
    piece_list *out;
    piece whole;          /* the piece that is cut */
    int64_t last, opened; /* CUT_WITH_NEXT: where the match that waits begins, or -1 */
    bool matched;         /* the span before was a match */
} cutter;
void cutter_span(cutter *, int64_t begin, int64_t end, bool match);

struct step {
    /* One of the two. */
    void (*rewrite)(const step *, const aligned *in, const piece *, aligned *out);
    rondo_status (*cut)(const step *, const char *text, cutter *);
    bool (*idle)(const step *, const char *text, int64_t n); /* it would change nothing; or NULL */
    /* What it is told; each uses some. */
    char *text, *content;
    int64_t text_size, content_size, number;
    letter_test *test;
    cut_behaviour behaviour;
    bool invert, left, right;
    uint64_t letters[2]; /* a set of ASCII letters */
    regex *pattern;
};
typedef struct step_list {
    step *at;
    int n;
} step_list;
/* From "normalizer" or "pre_tokenizer"; NULL and null are none. */
rondo_status steps_read_normalizer(step_list *, const json_t *);
rondo_status steps_read_pre_tokenizer(step_list *, const json_t *);
step *step_add(step_list *); /* NULL: no memory, or E_FORMAT: too many */
void steps_free(step_list *);

/* ---- fields.c: members of an object, each named in the sentence; absent or null: the default ---- */
rondo_status field_bool(const json_t *, const char *key, bool initial, bool *);
rondo_status field_int(const json_t *, const char *key, int64_t initial, int64_t least,
                       int64_t most, int64_t *);
rondo_status field_text(const json_t *, const char *key, const char *initial, const char **);
/* The "Regex" of a pattern; NULL: there is none. */
rondo_status field_pattern(const json_t *, const char **);
/* One letter. */
rondo_status field_letter(const json_t *, const char *key, const char *initial, const char **);
/* A key that is there and that none of us knows would change what the file means. */
rondo_status field_known(const json_t *, const char *what, const char *const known[]);
/* The row of a table with this "type". */
const char *field_type(const json_t *); /* NULL with the sentence set */

/* ---- The models ---- */
typedef struct token_out { /* what a word comes to; begin and end are bytes of the word */
    int32_t *id;
    int64_t *begin, *end;
    int64_t n, room;
    int64_t dropped;
    rondo_status status;
} token_out;
void token_add(token_out *, int32_t id, int64_t begin, int64_t end);

typedef struct encoder encoder;
typedef struct token_model token_model;
typedef struct model_kind {
    const char *name;
    size_t size; /* of its state */
    rondo_status (*read)(token_model *, const json_t *);
    /* Adds the tokens of a word that is not empty. */
    rondo_status (*encode)(const token_model *, encoder *, const char *word, int64_t n,
                           token_out *);
    rondo_status (*write)(const token_model *, json_t *);
    void (*free)(token_model *);
    bool cheap; /* encoding is as fast as looking into the cache */
} model_kind;
struct token_model {
    const model_kind *kind;
    vocabulary vocabulary;
    int32_t unknown; /* -1: there is none */
    void *state;     /* the kind's own */
};
extern const model_kind model_word_level, model_bpe, model_wordpiece, model_unigram;
rondo_status model_read(token_model *, const json_t *);
rondo_status model_write(const token_model *, json_t **);
void model_free(token_model *);
/* "vocab" as an object of ids. */
rondo_status model_read_vocabulary(token_model *, const json_t *);
json_t *model_write_vocabulary(const token_model *);
/* Reads "unk_token", which may be absent where `needed` is not set. */
rondo_status model_read_unknown(token_model *, const json_t *, bool needed);
rondo_status model_write_unknown(const token_model *, json_t *);

/* ---- added.c: tokens beside the model's, found in the text before all else ---- */
typedef struct added_token {
    char *content;
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} added_token;
typedef struct added_tokens {
    added_token *at;
    int64_t n;
    trie raw, normalized;  /* numbers in `at` */
    vocabulary by_content; /* numbers in `at` */
    int32_t *by_id;        /* number in `at` + 1, 0: none; [size] */
    int64_t size;
} added_tokens;
rondo_status added_read(added_tokens *, const json_t *, const token_model *,
                        const step_list *normalizer);
/* Cuts text[begin, end) into tokens and what lies between; pieces of `text`. */
void added_find(const added_tokens *, bool normalized, const char *text, piece whole,
                piece_list *out);
const added_token *added_of_id(const added_tokens *, int64_t id); /* NULL: none */
void added_free(added_tokens *);

/* ---- process.c: what is put around the tokens of a text ---- */
typedef struct post_processor {
    int32_t *id; /* OWN_TOKENS stands for the text's tokens */
    int64_t n, added;
    bool cuts, cuts_left, pads, pads_left;
    int64_t longest;         /* where it cuts */
    int64_t fixed, multiple; /* where it pads: to so many, to a multiple; 0 */
    int32_t pad;
} post_processor;
enum { OWN_TOKENS = -1 };
rondo_status post_read(post_processor *, const json_t *file, int64_t size);
rondo_status post_apply(const post_processor *, token_list *, int64_t start, int64_t text_size);
void post_free(post_processor *);

/* ---- decode.c ---- */
typedef struct decoder decoder;
rondo_status decoder_read(decoder **, const json_t *);
void decoder_free(decoder *);

/* ---- encode.c ---- */
rondo_status token_list_reserve(token_list *, int64_t room);
struct tokenizer {
    uint64_t serial; /* no two have the same */
    json_t *file;    /* all but the model and the added tokens' places */
    step_list normalizer, pre_tokenizer;
    bool maps_bytes;   /* last of all, bytes to letters: done with a word the cache has not */
    bool needs_origin; /* a step asks where a piece is from */
    token_model model;
    added_tokens added;
    post_processor post;
    decoder *decoder;
    token_specials special;
};
/* What normalizer and pre-tokenizer make of a text: calls word(user, …) for each; for training. */
rondo_status encoder_words(const tokenizer *, token_list *, const char *text, int64_t n,
                           rondo_status (*word)(void *user, const char *text, int64_t n),
                           void *user);
/* Memory for a model, kept from word to word; NULL with the sentence set. */
void *encoder_scratch(encoder *, size_t bytes);
void encoder_free(encoder *);
/* A text through steps that are all rewrites, for added tokens. */
rondo_status steps_rewrite(const step_list *, const char *text, int64_t n, aligned *out);
#endif
