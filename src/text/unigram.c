/* Unigram (Kudo 2018): of all ways to cut a word into tokens, the one whose scores, logarithms of
 * probabilities, add up to the most (Viterbi 1967). */
#include "text/parts.h"
#include <math.h>
#include <stdlib.h>

typedef struct unigram {
    trie tokens;
    double *given; /* [n], as the file has them */
    double *score; /* [n], as the package reads them */
    double least;  /* of those */
    bool byte_fallback;
    int32_t byte[256]; /* <0x00> … <0xFF>; -1 */
} unigram;

/* How much worse than the rarest token a letter is that none has, as sentencepiece has it. */
static const double UNKNOWN_PENALTY = 10;

/* ---- Reading and writing ---- */

/* The package's parser rounds twice: the digits, as a whole number, over a power of ten. Where the
 * scores of two ways are the same but for the last bit, that bit decides; so it must be theirs. */
static double as_the_package_reads(double number)
{
    enum { DIGITS = 17, EXACT = 22 }; /* powers of ten up to 10^22 are exact */
    char text[40];
    int precision = 0;
    do snprintf(text, sizeof text, "%.*e", precision, number);
    while (strtod(text, NULL) != number && ++precision < DIGITS);
    const char *exponent = strchr(text, 'e');
    const int power = exponent ? atoi(exponent + 1) - precision : 0;
    if (!exponent || power > 0 || power < -EXACT) return number;
    uint64_t digits = 0;
    for (const char *c = text; c < exponent; c++)
        if (*c >= '0' && *c <= '9') digits = digits * 10 + (uint64_t)(*c - '0');
    const double whole = (double)digits / pow(10, -power);
    return number < 0 ? -whole : whole;
}

static rondo_status read_token(token_model *m, unigram *u, int64_t id, const json_t *j)
{
    const char *token = json_string_value(json_array_get(j, 0));
    const json_t *score = json_array_get(j, 1);
    if (!token || !json_is_number(score) || json_array_size(j) != 2)
        return rondo_fail(RONDO_E_FORMAT, "it is not a token and its score");
    const size_t n = json_string_length(json_array_get(j, 0));
    if (n > LIMIT_TOKEN) return rondo_fail(RONDO_E_FORMAT, "it is over %d bytes", LIMIT_TOKEN);
    u->given[id] = json_number_value(score);
    u->score[id] = as_the_package_reads(u->given[id]);
    if (id == 0 || u->score[id] < u->least) u->least = u->score[id];
    RONDO_TRY(vocabulary_put(&m->vocabulary, id, token, n));
    return trie_put(&u->tokens, token, n, (int32_t)id);
}

static rondo_status read(token_model *m, const json_t *j)
{
    static const char *const known[] = { "type", "vocab", "unk_id", "byte_fallback", NULL };
    unigram *u = m->state;
    json_t *tokens, *token;
    int64_t unknown;
    size_t i;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(json_want_array(j, "vocab", &tokens));
    const int64_t n = (int64_t)json_array_size(tokens);
    if (n > LIMIT_VOCABULARY)
        return rondo_fail(RONDO_E_FORMAT, "\"vocab\" has %lld tokens; the limit is %d",
                          (long long)n, LIMIT_VOCABULARY);
    u->score = alloc_array(n, sizeof *u->score);
    u->given = alloc_array(n, sizeof *u->given);
    if (!u->score || !u->given) return RONDO_E_NOMEM;
    json_array_foreach (tokens, i, token)
        RONDO_TRY(rondo_fail_in(read_token(m, u, (int64_t)i, token), "token %zu", i));
    RONDO_TRY(field_int(j, "unk_id", -1, 0, n - 1, &unknown));
    m->unknown = (int32_t)unknown;
    RONDO_TRY(field_bool(j, "byte_fallback", false, &u->byte_fallback));
    for (int k = 0; k < 256; k++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)k);
        u->byte[k] = (int32_t)vocabulary_find(&m->vocabulary, name, 6);
    }
    return RONDO_OK;
}

static rondo_status write(const token_model *m, json_t *j)
{
    const unigram *u = m->state;
    RONDO_TRY(json_put(j, "unk_id", m->unknown < 0 ? json_null() : json_integer(m->unknown)));
    RONDO_TRY(json_put(j, "byte_fallback", json_boolean(u->byte_fallback)));
    json_t *tokens = json_array();
    for (int64_t i = 0; tokens && i < m->vocabulary.n; i++) {
        size_t n;
        const char *token = vocabulary_text(&m->vocabulary, i, &n);
        if (json_array_append_new(tokens, json_pack("[s#f]", token, (int)n, u->given[i]))) {
            json_decref(tokens);
            tokens = NULL;
        }
    }
    return json_put(j, "vocab", tokens);
}

static void free_state(token_model *m)
{
    unigram *u = m->state;
    trie_free(&u->tokens);
    alloc_free(u->score);
    alloc_free(u->given);
}

/* ---- Encoding ---- */
typedef struct best { /* of the ways to a byte of the word */
    double score;
    int64_t from; /* the byte before the last token; -1: there is no way yet */
    int32_t id;
} best;

static void reach(best *to, double score, int64_t from, int32_t id)
{
    if (to->from < 0 || score > to->score) *to = (best){ score, from, id };
}

static void find_ways(const token_model *m, const char *word, int64_t n, best *way)
{
    const unigram *u = m->state;
    for (int64_t i = 0; i <= n; i++) way[i].from = -1;
    way[0].score = 0;
    for (int64_t at = 0, size; at < n; at += size) {
        bool single = false;
        int32_t node = 0;
        size = letter_size(word[at]);
        for (int64_t i = at; i < n; i++) {
            const pair_value *edge = pair_find(&u->tokens.edge, node, (unsigned char)word[i]);
            if (!edge) break;
            if (edge->b >= 0) {
                reach(&way[i + 1], way[at].score + u->score[edge->b], at, edge->b);
                single |= i + 1 == at + size;
            }
            node = edge->a;
        }
        if (!single)
            reach(&way[at + size], way[at].score + u->least - UNKNOWN_PENALTY, at, m->unknown);
    }
}

/* Letters that no token has: as bytes, or as one unknown token. */
static void add_unknown(const token_model *m, const char *word, int64_t begin, int64_t end,
                        token_out *out)
{
    const unigram *u = m->state;
    const int64_t id = vocabulary_find(&m->vocabulary, word + begin, (size_t)(end - begin));
    bool bytes = id < 0 && u->byte_fallback;
    for (int64_t i = begin; i < end && bytes; i++) bytes = u->byte[(unsigned char)word[i]] >= 0;
    for (int64_t i = begin; i < end && bytes; i++)
        token_add(out, u->byte[(unsigned char)word[i]], i, i + 1);
    if (!bytes) token_add(out, id < 0 ? m->unknown : (int32_t)id, begin, end);
}

/* The way is known from its end: its tokens are turned round. Unknown neighbours are one. */
static rondo_status encode(const token_model *m, encoder *e, const char *word, int64_t n,
                           token_out *out)
{
    best *way = encoder_scratch(e, (size_t)(n + 1) * sizeof *way);
    int64_t last = 0;
    if (!way) return RONDO_E_NOMEM;
    find_ways(m, word, n, way);
    for (int64_t at = n, next = -1; at > 0;) { /* from now on `from` points ahead */
        const int64_t before = way[at].from;
        way[at].from = next;
        next = at;
        at = before;
        last = next;
    }
    for (int64_t begin = 0, end = last, unknown = -1; end >= 0;) {
        const bool known = way[end].id != m->unknown;
        if (!known && m->unknown < 0)
            return rondo_fail(RONDO_E_FORMAT,
                              "\"%.*s\" has letters that no token has, and there is no unknown one",
                              (int)(n < 100 ? n : 100), word);
        if (!known && unknown < 0) unknown = begin;
        if (known) token_add(out, way[end].id, begin, end);
        begin = end;
        end = way[end].from;
        if (unknown >= 0 && (end < 0 || way[end].id != m->unknown)) {
            add_unknown(m, word, unknown, begin, out);
            unknown = -1;
        }
    }
    return out->status;
}

const model_kind model_unigram = { .name = "Unigram",
                                   .size = sizeof(unigram),
                                   .read = read,
                                   .encode = encode,
                                   .write = write,
                                   .free = free_state };
