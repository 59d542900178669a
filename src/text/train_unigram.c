/* Training of Unigram (Kudo 2018), as sentencepiece does it: many seeds, then in turn the
 * expectation of each token's count (over all ways to cut the words) and its probability from that;
 * and the tokens that would be missed least go, until there are as many as are wanted. */
#include "text/train.h"
#include <math.h>
#include <stdlib.h>

static const double LEAST_EXPECTED = 0.5; /* tokens expected less often go at once */
static const double UNKNOWN = 10; /* how much worse than the worst token an unknown letter is */

typedef struct unit {
    double score;    /* logarithm of its probability */
    double expected; /* how often it comes */
    bool letter;     /* single letters stay */
} unit;

typedef struct arc { /* a token in a word */
    int32_t from, to, id;
} arc;

typedef struct learner {
    const trainer *t;
    const word_counts *words;
    vocabulary tokens;
    unit *unit; /* [tokens.n] */
    int64_t unit_room;
    trie trie;
    double least;             /* score */
    double *forward, *behind; /* [longest word + 1] */
    arc *arc;
    int64_t n_arcs, arc_room;
} learner;

static void learner_free(learner *l)
{
    vocabulary_free(&l->tokens);
    alloc_free(l->unit);
    trie_free(&l->trie);
    alloc_free(l->forward);
    alloc_free(l->behind);
    alloc_free(l->arc);
}

static int64_t place_of(const trainer *t, const char *token)
{
    for (int i = 0; i < t->n_special; i++)
        if (strcmp(t->special[i], token) == 0) return i;
    return -1;
}

/* Special tokens have their places already: a normal form may spell one ("<" and "\uFF1C"). */
static rondo_status add_unit(learner *l, const char *text, size_t n, double score, bool letter)
{
    int64_t id;
    if (place_of(l->t, text) >= 0) return RONDO_OK;
    RONDO_TRY(vocabulary_add(&l->tokens, text, n, &id));
    unit *grown = alloc_room(l->unit, &l->unit_room, l->tokens.n, sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    l->unit = grown;
    l->unit[id] = (unit){ score, 0, letter };
    return RONDO_OK;
}

static rondo_status build_trie(learner *l)
{
    size_t n;
    trie_free(&l->trie);
    l->least = 0;
    for (int64_t i = 0; i < l->tokens.n; i++) {
        const char *text = vocabulary_text(&l->tokens, i, &n);
        RONDO_TRY(trie_put(&l->trie, text, n, (int32_t)i));
        if (l->unit[i].score < l->least) l->least = l->unit[i].score;
    }
    return RONDO_OK;
}

/* ---- All ways through a word ---- */
static rondo_status add_arc(learner *l, int64_t from, int64_t to, int32_t id)
{
    arc *grown = alloc_room(l->arc, &l->arc_room, l->n_arcs + 1, sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    l->arc = grown;
    l->arc[l->n_arcs++] = (arc){ (int32_t)from, (int32_t)to, id };
    return RONDO_OK;
}

/* The tokens of a word, in the order of where they begin; id -1: a letter that none has. */
static rondo_status find_arcs(learner *l, const char *word, int64_t n)
{
    l->n_arcs = 0;
    for (int64_t at = 0, size; at < n; at += size) {
        int32_t node = 0;
        bool single = false;
        size = letter_size(word[at]);
        for (int64_t i = at; i < n; i++) {
            const pair_value *edge = pair_find(&l->trie.edge, node, (unsigned char)word[i]);
            if (!edge) break;
            if (edge->b >= 0) {
                RONDO_TRY(add_arc(l, at, i + 1, edge->b));
                single |= i + 1 == at + size;
            }
            node = edge->a;
        }
        if (!single) RONDO_TRY(add_arc(l, at, at + size, -1));
    }
    return RONDO_OK;
}

static double score_of(const learner *l, int32_t id)
{
    return id < 0 ? l->least - UNKNOWN : l->unit[id].score;
}

/* log(exp a + exp b) */
static double log_add(double a, double b)
{
    const double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY || high - low > 50 ? high : high + log1p(exp(low - high));
}

/* Adds, for each token of the word, how often it is expected in `count` of them. */
static rondo_status expect_word(learner *l, const char *word, int64_t n, double count)
{
    RONDO_TRY(find_arcs(l, word, n));
    for (int64_t i = 0; i <= n; i++) l->forward[i] = l->behind[i] = -INFINITY;
    l->forward[0] = l->behind[n] = 0;
    for (int64_t i = 0; i < l->n_arcs; i++) {
        const arc *a = &l->arc[i];
        l->forward[a->to] = log_add(l->forward[a->to], l->forward[a->from] + score_of(l, a->id));
    }
    for (int64_t i = l->n_arcs; i-- > 0;) {
        const arc *a = &l->arc[i];
        const double way = score_of(l, a->id) + l->behind[a->to];
        l->behind[a->from] = log_add(l->behind[a->from], way);
        if (a->id >= 0)
            l->unit[a->id].expected += count * exp(l->forward[a->from] + way - l->forward[n]);
    }
    return RONDO_OK;
}

/* ---- Expectation, and probabilities from it ---- */

/* ψ(x) for x > 0: recurrence up to 7, then the asymptotic series (Abramowitz and Stegun 6.3.18). */
static double digamma(double x)
{
    double sum = 0;
    for (; x < 7; x++) sum -= 1 / x;
    x -= 0.5;
    const double y = 1 / (x * x);
    return sum + log(x) + y * (1.0 / 24 - y * (7.0 / 960 - y * (31.0 / 8064 - y * 127.0 / 30720)));
}

/* Keeps the units that pass; those are the first ones then. */
static rondo_status keep_units(learner *l, const bool *keep)
{
    learner kept = { .t = l->t };
    rondo_status status = RONDO_OK;
    size_t n;
    for (int64_t i = 0; i < l->tokens.n && !status; i++) {
        if (!keep[i]) continue;
        const char *text = vocabulary_text(&l->tokens, i, &n);
        status = add_unit(&kept, text, n, l->unit[i].score, l->unit[i].letter);
        if (!status) kept.unit[kept.tokens.n - 1].expected = l->unit[i].expected;
    }
    vocabulary_free(&l->tokens);
    alloc_free(l->unit);
    l->tokens = kept.tokens;
    l->unit = kept.unit;
    l->unit_room = kept.unit_room;
    return status;
}

static rondo_status expect_all(learner *l)
{
    size_t n;
    RONDO_TRY(build_trie(l));
    for (int64_t i = 0; i < l->tokens.n; i++) l->unit[i].expected = 0;
    for (int64_t w = 0; w < l->words->words.n; w++) {
        const char *word = vocabulary_text(&l->words->words, w, &n);
        RONDO_TRY(expect_word(l, word, (int64_t)n, (double)l->words->count[w]));
    }
    return RONDO_OK;
}

static rondo_status maximize(learner *l)
{
    bool *keep = alloc_array(l->tokens.n, sizeof *keep);
    double sum = 0;
    if (!keep) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < l->tokens.n; i++) {
        unit *u = &l->unit[i];
        keep[i] = u->letter || u->expected >= LEAST_EXPECTED;
        if (u->expected < LEAST_EXPECTED) u->expected = LEAST_EXPECTED;
        if (keep[i]) sum += u->expected;
    }
    const rondo_status status = keep_units(l, keep);
    for (int64_t i = 0; i < l->tokens.n && !status; i++)
        l->unit[i].score = digamma(l->unit[i].expected) - digamma(sum);
    alloc_free(keep);
    return status;
}

/* ---- What would be missed least ---- */

/* The best way through a text that is not the token itself: its score, -∞ where there is none; marks
 * in l->arc[0 … *n_best) the tokens of it. */
static rondo_status second_best(learner *l, const char *text, int64_t n, int32_t self,
                                double *score, int64_t *n_best)
{
    RONDO_TRY(find_arcs(l, text, n));
    int32_t best[LIMIT_TOKEN + 1];
    l->forward[0] = 0;
    for (int64_t i = 1; i <= n; i++) l->forward[i] = -INFINITY;
    for (int64_t i = 0; i < l->n_arcs; i++) {
        const arc *a = &l->arc[i];
        const double way = l->forward[a->from] + score_of(l, a->id);
        if (a->id == self || a->id < 0 || way <= l->forward[a->to]) continue;
        l->forward[a->to] = way;
        best[a->to] = (int32_t)i;
    }
    *score = l->forward[n];
    *n_best = 0;
    if (*score == -INFINITY) return RONDO_OK;
    /* From the end: the arcs used are all behind those still to be read. */
    int64_t kept = l->n_arcs;
    for (int64_t at = n; at > 0;) {
        const arc used = l->arc[best[at]];
        l->arc[--kept] = used;
        at = used.from;
    }
    *n_best = l->n_arcs - kept;
    memmove(l->arc, l->arc + kept, (size_t)*n_best * sizeof *l->arc);
    return RONDO_OK;
}

typedef struct loss {
    double loss;
    int64_t id;
} loss;

static int by_loss(const void *a, const void *b)
{
    const loss *x = a, *y = b;
    if (x->loss != y->loss) return x->loss > y->loss ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* How much less likely the words are without the token, its place taken by its second best way. */
static rondo_status loss_without(learner *l, int64_t id, double sum, loss *out)
{
    size_t n;
    double other;
    int64_t n_best;
    const char *text = vocabulary_text(&l->tokens, id, &n);
    const unit *u = &l->unit[id];
    RONDO_TRY(second_best(l, text, (int64_t)n, (int32_t)id, &other, &n_best));
    *out = (loss){ INFINITY, id };
    if (u->letter || other == -INFINITY) return RONDO_OK;
    if (other > u->score) { /* it is never the best way */
        out->loss = -INFINITY;
        return RONDO_OK;
    }
    const double log_sum = log(sum + u->expected * (double)(n_best - 1));
    double instead = 0;
    for (int64_t i = 0; i < n_best; i++)
        instead += log(l->unit[l->arc[i].id].expected + u->expected) - log_sum;
    out->loss = u->expected * (log(u->expected) - log(sum) - instead);
    return RONDO_OK;
}

static rondo_status prune(learner *l, int64_t wanted)
{
    const int64_t n = l->tokens.n;
    const int64_t shrunk = (int64_t)((double)l->t->options.shrink * (double)n);
    const int64_t left = shrunk > wanted ? shrunk : wanted;
    loss *losses = alloc_array(n, sizeof *losses);
    bool *keep = losses ? alloc_array(n, sizeof *keep) : NULL;
    rondo_status status = keep ? build_trie(l) : RONDO_E_NOMEM;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += l->unit[i].expected;
    for (int64_t i = 0; i < n && !status; i++) status = loss_without(l, i, sum, &losses[i]);
    if (!status) qsort(losses, (size_t)n, sizeof *losses, by_loss);
    for (int64_t i = 0; i < n && !status; i++)
        keep[losses[i].id] = losses[i].loss == INFINITY || (i < left && losses[i].loss > -INFINITY);
    if (!status) status = keep_units(l, keep);
    alloc_free(losses);
    alloc_free(keep);
    return status;
}

/* ---- From seeds to tokens ---- */

/* Single letters, as many as cover enough of the text. */
static rondo_status add_letters(learner *l, int64_t most)
{
    const train_options *o = &l->t->options;
    word_counts letters = { 0 };
    rondo_status status = RONDO_OK;
    for (int64_t w = 0; w < l->words->words.n && !status; w++) {
        size_t n;
        const char *word = vocabulary_text(&l->words->words, w, &n);
        status = counts_add_letters(&letters, word, n, l->words->count[w]);
    }
    int64_t *order = status ? NULL : counts_order(&letters), covered = 0;
    if (!status && !order) status = RONDO_E_NOMEM;
    for (int64_t i = 0; !status && i < letters.words.n && l->tokens.n < most; i++) {
        size_t n;
        const char *text = vocabulary_text(&letters.words, order[i], &n);
        if ((double)covered >= (double)o->coverage * (double)letters.total) break;
        covered += letters.count[order[i]];
        if (strlen(text) == n) status = add_unit(l, text, n, (double)letters.count[order[i]], true);
    }
    alloc_free(order);
    counts_free(&letters);
    return status;
}

typedef struct seed {
    const char *text;
    size_t n;
    double weight;
} seed;

static int by_weight(const void *a, const void *b)
{
    const seed *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Of the seeds those with the most letters in the text. */
static rondo_status add_seeds(learner *l)
{
    const train_options *o = &l->t->options;
    word_counts found = { 0 };
    rondo_status status = train_seeds(l->words, o->longest, &found);
    seed *seeds = status ? NULL : alloc_array(found.words.n, sizeof *seeds);
    if (!status && !seeds) status = RONDO_E_NOMEM;
    for (int64_t i = 0; i < found.words.n && !status; i++) {
        seed *s = &seeds[i];
        s->text = vocabulary_text(&found.words, i, &s->n);
        s->weight = (double)found.count[i] * (double)letters_count(s->text, (int64_t)s->n);
    }
    if (!status && found.words.n) qsort(seeds, (size_t)found.words.n, sizeof *seeds, by_weight);
    for (int64_t i = 0; i < found.words.n && i < o->seeds && !status; i++)
        status = add_unit(l, seeds[i].text, seeds[i].n, seeds[i].weight, false);
    alloc_free(seeds);
    counts_free(&found);
    double sum = 0;
    for (int64_t i = 0; i < l->tokens.n; i++) sum += l->unit[i].score;
    for (int64_t i = 0; i < l->tokens.n; i++) l->unit[i].score = log(l->unit[i].score / sum);
    return status;
}

static rondo_status reserve(learner *l)
{
    size_t n, longest = LIMIT_TOKEN;
    for (int64_t w = 0; w < l->words->words.n; w++) {
        vocabulary_text(&l->words->words, w, &n);
        if (n > longest) longest = n;
    }
    if (longest >= INT32_MAX)
        return rondo_fail(RONDO_E_LIMIT, "a word of %zu bytes is too long to train on", longest);
    l->forward = alloc_array((int64_t)longest + 1, sizeof *l->forward);
    l->behind = alloc_array((int64_t)longest + 1, sizeof *l->behind);
    return l->forward && l->behind ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status learn(learner *l, int64_t wanted)
{
    enum { ROUNDS = 2 };
    const int64_t first = l->tokens.n, goal = wanted + wanted / 10;
    for (;;) {
        for (int i = 0; i < ROUNDS; i++) {
            RONDO_TRY(expect_all(l));
            RONDO_TRY(maximize(l));
        }
        if (first > goal) trainer_tell(l->t, "pruning", first - l->tokens.n, first - goal);
        const int64_t before = l->tokens.n;
        if (before <= goal) return RONDO_OK;
        RONDO_TRY(prune(l, goal));
        if (l->tokens.n == before) return RONDO_OK;
    }
}

/* A multiple of 1/1024: sums of such scores are exact, and so is every reader's idea of them; two ways
 * of one score are that everywhere. */
static double rounded(double score)
{
    return floor(score * 1024 + 0.5) / 1024;
}

/* Special tokens score 0, then the likeliest tokens: letters first of all. */
static rondo_status write_tokens(const learner *l, int64_t wanted, json_t *list)
{
    loss *order = alloc_array(l->tokens.n, sizeof *order);
    int64_t letters = 0, others = 0;
    if (!order) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < l->tokens.n; i++) {
        order[i] = (loss){ l->unit[i].score, i };
        letters += l->unit[i].letter;
    }
    qsort(order, (size_t)l->tokens.n, sizeof *order, by_loss);
    int failed = 0;
    for (int i = 0; i < l->t->n_special && !failed; i++)
        failed = json_array_append_new(list, json_pack("[sf]", l->t->special[i], 0.0));
    for (int64_t i = 0; i < l->tokens.n && !failed; i++) {
        const unit *u = &l->unit[order[i].id];
        if (!u->letter && ++others > wanted - letters) continue;
        failed = json_array_append_new(
            list,
            json_pack("[sf]", vocabulary_text(&l->tokens, order[i].id, NULL), rounded(u->score)));
    }
    alloc_free(order);
    return failed ? rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer") : RONDO_OK;
}

static rondo_status model_of_unigram(trainer *t, const word_counts *words, json_t **model)
{
    learner l = { .t = t, .words = words };
    const int64_t wanted = t->options.vocab_size - t->n_special;
    json_t *list = json_array();
    rondo_status status = wanted > 0 ? RONDO_OK
                                     : rondo_fail(RONDO_E_ARG,
                                                  "vocab_size is too small: the special "
                                                  "tokens alone are %d",
                                                  t->n_special);
    if (!status) status = reserve(&l);
    if (!status) status = add_letters(&l, wanted);
    if (!status) status = add_seeds(&l);
    if (!status) status = learn(&l, wanted);
    if (!status) status = write_tokens(&l, wanted, list);
    if (!status) {
        *model = json_pack("{ss, sI, sb, sO}", "type", "Unigram", "unk_id",
                           (json_int_t)place_of(t, t->options.unknown), "byte_fallback", 0, "vocab",
                           list);
        if (!*model) status = rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    }
    json_decref(list);
    learner_free(&l);
    return status;
}

/* ---- The row ---- */
static rondo_status frame_unigram(const train_options *o, json_t *file)
{
    RONDO_TRY(frame_normalizer(file, o));
    RONDO_TRY(frame_add(file, "pre_tokenizer", "pretokenizers",
                        json_pack("{ss, ss, ss, sb}", "type", "Metaspace", "replacement", "\u2581",
                                  "prepend_scheme", "always", "split", 1)));
    return json_put(file, "decoder",
                    json_pack("{ss, ss, ss, sb}", "type", "Metaspace", "replacement", "\u2581",
                              "prepend_scheme", "always", "split", 1));
}

static const option_field fields[] = {
    TRAIN_FIELD(vocab_size, OPTION_INT, "8000", "tokens, special ones too"),
    TRAIN_FIELD(coverage, OPTION_REAL, "0.9995", "share of all letters that have a token"),
    TRAIN_FIELD(longest, OPTION_INT, "16", "letters of a token"),
    TRAIN_FIELD(seeds, OPTION_INT, "1000000", "texts to begin with"),
    TRAIN_FIELD(shrink, OPTION_REAL, "0.75", "share of the tokens that stays in each round"),
    TRAIN_FIELD(normalize, OPTION_TEXT, "nfkc", "Unicode's nfc, nfd, nfkc, nfkd, or none"),
    TRAIN_FIELD(lowercase, OPTION_BOOL, "false", "small letters"),
    TRAIN_FIELD(strip_accents, OPTION_BOOL, "false", "leave out accents"),
    TRAIN_FIELD(pad, OPTION_TEXT, NULL, "a padding token, such as <pad>"),
    TRAIN_FIELD(unknown, OPTION_TEXT, "<unk>", "the token of unknown letters"),
    TRAIN_COMMON_FIELDS,
};
const train_kind train_unigram = { "unigram",
                                   "the likeliest way to cut, as sentencepiece finds it",
                                   OPTION_TABLE(fields),
                                   NULL,
                                   NULL,
                                   frame_unigram,
                                   model_of_unigram };
