/* Training of BPE (Sennrich, Haddow and Birch 2016) and of WordPiece as the package trains it: the
 * pair of neighbours that comes most often becomes a symbol, again and again.
 *
 * All words lie one behind the other as symbols in two chained lists; every pair knows its count and
 * where it is. So a merge costs as much as it changes, however long words are. Pairs that come as
 * often are taken in the order of their numbers: same counts, same merges. */
#include "text/train.h"

/* ---- The words as symbols ---- */
typedef struct symbols {
    int32_t *id;            /* [n]; GONE where a symbol became part of the one before */
    int32_t *next, *before; /* [n], within a word; -1 at its ends */
    int32_t *word;          /* [n], which one it is in */
    int64_t n;
    const int64_t *count; /* of each word */
} symbols;

/* ---- Pairs: the number of one is what the map has under its two symbols ---- */
typedef struct place { /* where a pair is, in ascending order */
    int32_t at, next;
} place;
typedef struct pair {
    int64_t count;
    int32_t left, right;
    int32_t head, tail; /* of its places; -1: none */
} pair;
typedef struct candidate { /* in the heap: a pair and what its count was */
    int64_t count;
    int32_t pair;
} candidate;
typedef struct merger {
    symbols s;
    pair_map map;
    pair *pair;
    place *place;
    candidate *heap;
    int64_t n_pairs, pair_room, n_places, place_room, n_heap, heap_room;
} merger;
enum { GONE = -1 };

static void merger_free(merger *m)
{
    alloc_free(m->s.id);
    alloc_free(m->s.next);
    alloc_free(m->s.before);
    alloc_free(m->s.word);
    pair_free(&m->map);
    alloc_free(m->pair);
    alloc_free(m->place);
    alloc_free(m->heap);
}

/* The number of a pair, a new one where it is new; -1: no memory. */
static int32_t pair_number(merger *m, int32_t left, int32_t right)
{
    pair_value *known = pair_put(&m->map, left, right);
    if (!known) return -1;
    if (known->a >= 0) return known->a;
    pair *grown = alloc_room(m->pair, &m->pair_room, m->n_pairs + 1, sizeof *grown);
    if (!grown) return -1;
    m->pair = grown;
    known->a = (int32_t)m->n_pairs;
    m->pair[m->n_pairs] = (pair){ 0, left, right, -1, -1 };
    return (int32_t)m->n_pairs++;
}

static rondo_status too_much(void)
{
    return rondo_fail(RONDO_E_LIMIT, "this is too much text to train a tokenizer on; take a part "
                                     "of it: \"FILE?rows=0-9%%\"");
}

/* A pair begins at a place; it is as often there as the word came. */
static rondo_status add_place(merger *m, int32_t at)
{
    const int32_t number = pair_number(m, m->s.id[at], m->s.id[m->s.next[at]]);
    if (number < 0) return RONDO_E_NOMEM;
    if (m->n_places == INT32_MAX) return too_much();
    place *grown = alloc_room(m->place, &m->place_room, m->n_places + 1, sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    m->place = grown;
    pair *p = &m->pair[number];
    m->place[m->n_places] = (place){ at, -1 };
    if (p->tail >= 0)
        m->place[p->tail].next = (int32_t)m->n_places;
    else
        p->head = (int32_t)m->n_places;
    p->tail = (int32_t)m->n_places++;
    p->count += m->s.count[m->s.word[at]];
    return RONDO_OK;
}

static void take_place(merger *m, int32_t at)
{
    const pair_value *known = pair_find(&m->map, m->s.id[at], m->s.id[m->s.next[at]]);
    if (known) m->pair[known->a].count -= m->s.count[m->s.word[at]];
}

/* ---- The heap: most often first, then lower numbers of symbols ---- */
static bool goes_before(const merger *m, candidate a, candidate b)
{
    const pair *x = &m->pair[a.pair], *y = &m->pair[b.pair];
    if (a.count != b.count) return a.count > b.count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static rondo_status push(merger *m, int32_t number)
{
    const candidate new = { m->pair[number].count, number };
    candidate *grown = alloc_room(m->heap, &m->heap_room, m->n_heap + 1, sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    m->heap = grown;
    int64_t i = m->n_heap++;
    for (; i > 0 && goes_before(m, new, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = new;
    return RONDO_OK;
}

static candidate pop(merger *m)
{
    const candidate top = m->heap[0], last = m->heap[--m->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < m->n_heap; i = child) {
        if (child + 1 < m->n_heap && goes_before(m, m->heap[child + 1], m->heap[child])) child++;
        if (!goes_before(m, m->heap[child], last)) break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = last;
    return top;
}

/* The pair that comes most often now, and at least so often; -1: there is none. */
static rondo_status best_pair(merger *m, int64_t least, int32_t *number)
{
    *number = -1;
    while (m->n_heap) {
        const candidate top = pop(m);
        const int64_t now = m->pair[top.pair].count;
        if (now < least) continue;
        if (now == top.count) {
            *number = top.pair;
            return RONDO_OK;
        }
        RONDO_TRY(push(m, top.pair)); /* its count has fallen since */
    }
    return RONDO_OK;
}

/* ---- A merge ---- */
static rondo_status merge_at(merger *m, int32_t at, int32_t id)
{
    symbols *s = &m->s;
    const int32_t right = s->next[at], before = s->before[at], behind = s->next[right];
    if (before >= 0) take_place(m, before);
    if (behind >= 0) take_place(m, right);
    s->id[at] = id;
    s->id[right] = GONE;
    s->next[at] = behind;
    if (behind >= 0) s->before[behind] = at;
    if (before >= 0) RONDO_TRY(add_place(m, before));
    return behind >= 0 ? add_place(m, at) : RONDO_OK;
}

static rondo_status merge_pair(merger *m, int32_t number, int32_t id)
{
    const int32_t left = m->pair[number].left, right = m->pair[number].right;
    const int64_t known = m->n_pairs;
    for (int32_t i = m->pair[number].head; i >= 0; i = m->place[i].next) {
        const int32_t at = m->place[i].at;
        if (m->s.id[at] != left || m->s.next[at] < 0 || m->s.id[m->s.next[at]] != right) continue;
        RONDO_TRY(merge_at(m, at, id));
    }
    m->pair[number].count = 0;
    for (int64_t i = known; i < m->n_pairs; i++)
        if (m->pair[i].count > 0) RONDO_TRY(push(m, (int32_t)i));
    return RONDO_OK;
}

/* ---- What the kinds differ in ---- */
typedef struct alphabet {
    const trainer *t;
    vocabulary tokens;  /* all of them, in the order of their ids */
    const char *prefix; /* of symbols within a word, "##"; "" */
    bool bytes;         /* symbols are bytes, as letters */
    double coverage;    /* how many of all letters must have a symbol */
} alphabet;

/* The symbol of one letter (or byte) of a word, with the prefix where it is not the first. */
static size_t symbol_text(const alphabet *a, const char *letter, bool first, char *out,
                          size_t *size)
{
    const size_t prefix = first ? 0 : strlen(a->prefix);
    memcpy(out, a->prefix, prefix);
    if (a->bytes) {
        *size = 1;
        return prefix + (size_t)letter_put(out + prefix, letter_of_byte((unsigned char)*letter));
    }
    *size = (size_t)letter_size(*letter);
    memcpy(out + prefix, letter, *size);
    return prefix + *size;
}

static rondo_status count_symbols(const alphabet *a, const word_counts *words, word_counts *counts)
{
    char text[LIMIT_TOKEN + LONGEST_LETTER];
    for (int64_t w = 0; w < words->words.n; w++) {
        size_t n, size;
        const char *word = vocabulary_text(&words->words, w, &n);
        for (size_t i = 0; i < n; i += size) {
            const size_t length = symbol_text(a, word + i, i == 0, text, &size);
            RONDO_TRY(counts_add(counts, text, length, words->count[w]));
        }
    }
    return RONDO_OK;
}

static rondo_status add_token(alphabet *a, const char *text, size_t n)
{
    int64_t id;
    return vocabulary_add(&a->tokens, text, n, &id);
}

static rondo_status add_bytes(alphabet *a)
{
    /* In the order of the letters that stand for them. */
    for (int32_t letter = 0; letter < 0x200; letter++) {
        char text[LONGEST_LETTER];
        if (byte_of_letter(letter) >= 0)
            RONDO_TRY(add_token(a, text, (size_t)letter_put(text, letter)));
    }
    return RONDO_OK;
}

/* The special tokens, then the symbols that come most often. */
static rondo_status make_alphabet(alphabet *a, const word_counts *words)
{
    const trainer *t = a->t;
    word_counts counts = { 0 };
    rondo_status status = RONDO_OK;
    for (int i = 0; i < t->n_special && !status; i++)
        status = add_token(a, t->special[i], strlen(t->special[i]));
    if (!status && a->bytes) return add_bytes(a);
    if (!status) status = count_symbols(a, words, &counts);
    int64_t *order = status ? NULL : counts_order(&counts), covered = 0;
    if (!status && !order) status = RONDO_E_NOMEM;
    for (int64_t i = 0; !status && i < counts.words.n; i++) {
        size_t n;
        const char *text = vocabulary_text(&counts.words, order[i], &n);
        if ((double)covered >= a->coverage * (double)counts.total) break;
        if (a->tokens.n >= t->options.vocab_size) break;
        if (strlen(text) == n) status = add_token(a, text, n); /* a zero byte is no key in JSON */
        covered += counts.count[order[i]];
    }
    alloc_free(order);
    counts_free(&counts);
    return status;
}

/* ---- From the words to a merger ---- */
static rondo_status reserve(symbols *s, const alphabet *a, const word_counts *words)
{
    int64_t total = 0;
    for (int64_t w = 0; w < words->words.n; w++) {
        size_t n;
        const char *word = vocabulary_text(&words->words, w, &n);
        total += a->bytes ? (int64_t)n : letters_count(word, (int64_t)n);
    }
    if (total > INT32_MAX / 4) return too_much();
    int32_t **const arrays[] = { &s->id, &s->next, &s->before, &s->word };
    for (int i = 0; i < 4; i++)
        if (!(*arrays[i] = alloc_array(total, sizeof(int32_t)))) return RONDO_E_NOMEM;
    s->count = words->count;
    return RONDO_OK;
}

/* What has no symbol ends a word. */
static rondo_status add_word(merger *m, const alphabet *a, const word_counts *words, int64_t w)
{
    char text[LIMIT_TOKEN + LONGEST_LETTER];
    symbols *s = &m->s;
    size_t n, size;
    int32_t before = -1;
    const char *word = vocabulary_text(&words->words, w, &n);
    for (size_t i = 0; i < n; i += size) {
        const size_t length = symbol_text(a, word + i, i == 0, text, &size);
        const int32_t id = (int32_t)vocabulary_find(&a->tokens, text, length);
        if (id < 0) {
            before = -1;
            continue;
        }
        const int32_t at = (int32_t)s->n++;
        s->id[at] = id;
        s->word[at] = (int32_t)w;
        s->next[at] = -1;
        s->before[at] = before;
        if (before >= 0) {
            s->next[before] = at;
            RONDO_TRY(add_place(m, before));
        }
        before = at;
    }
    return RONDO_OK;
}

static rondo_status find_pairs(merger *m, const alphabet *a, const word_counts *words)
{
    RONDO_TRY(reserve(&m->s, a, words));
    for (int64_t w = 0; w < words->words.n; w++) RONDO_TRY(add_word(m, a, words, w));
    for (int64_t i = 0; i < m->n_pairs; i++) RONDO_TRY(push(m, (int32_t)i));
    return RONDO_OK;
}

/* The token that a pair becomes; -1 with OK: it would be too long. */
static rondo_status joined(alphabet *a, const pair *p, int32_t *id)
{
    char text[2 * LIMIT_TOKEN];
    size_t n, more;
    const size_t prefix = strlen(a->prefix);
    const char *left = vocabulary_text(&a->tokens, p->left, &n);
    memcpy(text, left, n);
    const char *right = vocabulary_text(&a->tokens, p->right, &more);
    *id = -1;
    if (n + more - prefix > LIMIT_TOKEN) return RONDO_OK;
    memcpy(text + n, right + prefix, more - prefix);
    int64_t number;
    RONDO_TRY(vocabulary_add(&a->tokens, text, n + more - prefix, &number));
    *id = (int32_t)number;
    return RONDO_OK;
}

/* Merges until there are as many tokens as are wanted; `merges` may be NULL. */
static rondo_status merge_words(merger *m, alphabet *a, json_t *merges)
{
    enum { TELL = 64 };
    const train_options *o = &a->t->options;
    const int64_t first = a->tokens.n;
    const int64_t least = o->min_count > 1 ? o->min_count : 1;
    int32_t number, id;
    while (a->tokens.n < o->vocab_size) {
        RONDO_TRY(best_pair(m, least, &number));
        if (number < 0) break;
        const int32_t left = m->pair[number].left, right = m->pair[number].right;
        RONDO_TRY(joined(a, &m->pair[number], &id));
        if (id < 0) {
            m->pair[number].count = 0;
            continue;
        }
        if (merges &&
            json_array_append_new(merges, json_pack("[ss]", vocabulary_text(&a->tokens, left, NULL),
                                                    vocabulary_text(&a->tokens, right, NULL))))
            return rondo_fail(RONDO_E_NOMEM, "out of memory for merges");
        RONDO_TRY(merge_pair(m, number, id));
        if (a->tokens.n % TELL == 0)
            trainer_tell(a->t, "merging", a->tokens.n - first, o->vocab_size - first);
    }
    return RONDO_OK;
}

static json_t *tokens_json(const vocabulary *tokens)
{
    json_t *object = json_object();
    for (int64_t i = 0; i < tokens->n; i++) {
        if (!json_put(object, vocabulary_text(tokens, i, NULL), json_integer(i))) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

static rondo_status train_tokens(alphabet *a, const word_counts *words, json_t *merges)
{
    merger m = { 0 };
    rondo_status status = make_alphabet(a, words);
    if (!status && a->tokens.n > a->t->options.vocab_size)
        status = rondo_fail(RONDO_E_ARG,
                            "vocab_size is %lld; the special tokens and the letters alone are %lld",
                            (long long)a->t->options.vocab_size, (long long)a->tokens.n);
    if (!status) status = find_pairs(&m, a, words);
    if (!status) status = merge_words(&m, a, merges);
    merger_free(&m);
    return status;
}

/* ---- Byte-level BPE ---- */
static rondo_status frame_bpe(const train_options *o, json_t *file)
{
    RONDO_TRY(frame_normalizer(file, o));
    RONDO_TRY(frame_add(file, "pre_tokenizer", "pretokenizers",
                        json_pack("{ss, sb, sb, sb}", "type", "ByteLevel", "add_prefix_space",
                                  (int)o->prefix_space, "trim_offsets", 1, "use_regex", 1)));
    return json_put(file, "decoder",
                    json_pack("{ss, sb, sb, sb}", "type", "ByteLevel", "add_prefix_space", 1,
                              "trim_offsets", 1, "use_regex", 1));
}

static rondo_status model_of_bpe(trainer *t, const word_counts *words, json_t **model)
{
    alphabet a = { .t = t, .prefix = "", .bytes = true };
    json_t *merges = json_array();
    rondo_status status = train_tokens(&a, words, merges);
    if (!status) {
        *model = json_pack("{ss, sn, sn, sn, sn, sb, sb, sb, so, sO}", "type", "BPE", "dropout",
                           "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                           "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", 0, "vocab",
                           tokens_json(&a.tokens), "merges", merges);
        if (!*model) status = rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    }
    json_decref(merges);
    vocabulary_free(&a.tokens);
    return status;
}

/* ---- WordPiece ---- */
static rondo_status frame_wordpiece(const train_options *o, json_t *file)
{
    RONDO_TRY(json_put(file, "normalizer",
                       json_pack("{ss, sb, sb, sb, sb}", "type", "BertNormalizer", "clean_text", 1,
                                 "handle_chinese_chars", 1, "strip_accents", (int)o->strip_accents,
                                 "lowercase", (int)o->lowercase)));
    RONDO_TRY(frame_add(file, "pre_tokenizer", "pretokenizers", frame_of("BertPreTokenizer")));
    return json_put(file, "decoder",
                    json_pack("{ss, ss, sb}", "type", "WordPiece", "prefix", "##", "cleanup", 1));
}

static rondo_status model_of_wordpiece(trainer *t, const word_counts *words, json_t **model)
{
    alphabet a = { .t = t, .prefix = "##", .coverage = (double)t->options.coverage };
    rondo_status status = train_tokens(&a, words, NULL);
    if (!status) {
        *model = json_pack("{ss, ss, ss, si, so}", "type", "WordPiece", "unk_token",
                           t->options.unknown, "continuing_subword_prefix", "##",
                           "max_input_chars_per_word", 100, "vocab", tokens_json(&a.tokens));
        if (!*model) status = rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    }
    vocabulary_free(&a.tokens);
    return status;
}

/* ---- Rows ---- */
static const option_field bpe_fields[] = {
    TRAIN_FIELD(vocab_size, OPTION_INT, "8000", "tokens, with the 256 bytes and special ones"),
    TRAIN_FIELD(min_count, OPTION_INT, "2", "pairs that come less often are not merged"),
    TRAIN_FIELD(prefix_space, OPTION_BOOL, "false", "the first word is one behind a blank, too"),
    TRAIN_FIELD(normalize, OPTION_TEXT, "none", "Unicode's nfc, nfd, nfkc, nfkd, or none"),
    TRAIN_FIELD(lowercase, OPTION_BOOL, "false", "small letters"),
    TRAIN_FIELD(strip_accents, OPTION_BOOL, "false", "leave out accents"),
    TRAIN_FIELD(pad, OPTION_TEXT, NULL, "a padding token, such as <pad>"),
    TRAIN_COMMON_FIELDS,
};
const train_kind train_bpe = { "bpe",
                               "byte-level BPE, as GPT-2 has it; every text has tokens",
                               OPTION_TABLE(bpe_fields),
                               NULL,
                               NULL,
                               frame_bpe,
                               model_of_bpe };

static const option_field wordpiece_fields[] = {
    TRAIN_FIELD(vocab_size, OPTION_INT, "8000", "tokens, special ones too"),
    TRAIN_FIELD(min_count, OPTION_INT, "2", "pairs that come less often are not merged"),
    TRAIN_FIELD(coverage, OPTION_REAL, "0.9995", "share of all letters that have a token"),
    TRAIN_FIELD(lowercase, OPTION_BOOL, "true", "small letters"),
    TRAIN_FIELD(strip_accents, OPTION_BOOL, "true", "leave out accents"),
    TRAIN_FIELD(pad, OPTION_TEXT, "[PAD]", "the padding token"),
    TRAIN_FIELD(unknown, OPTION_TEXT, "[UNK]", "the token of unknown words"),
    TRAIN_COMMON_FIELDS,
};
const train_kind train_wordpiece = { "wordpiece",
                                     "WordPiece with BERT's rules, Chinese letters one by one",
                                     OPTION_TABLE(wordpiece_fields),
                                     NULL,
                                     NULL,
                                     frame_wordpiece,
                                     model_of_wordpiece };
