/* train - a tokenizer from texts: count their words, make a model of the counts, put it into its
 * frame.  What each kind does is in its own file. */
#include "text/train.h"
#include <stdlib.h>

/* ---- Counts ---- */
rondo_status counts_add(word_counts *c, const char *text, size_t n, int64_t count)
{
    const int64_t before = c->words.n;
    int64_t i;
    int64_t *grown = alloc_room(c->count, &c->room, before + 1, sizeof *grown);
    if (!grown) return RONDO_E_NOMEM;
    c->count = grown;
    RONDO_TRY(vocabulary_add(&c->words, text, n, &i));
    if (i == before) c->count[i] = 0;
    c->count[i] += count;
    c->total += count;
    return RONDO_OK;
}

rondo_status counts_add_letters(word_counts *letters, const char *text, size_t n, int64_t count)
{
    for (size_t at = 0, size; at < n; at += size) {
        size = (size_t)letter_size(text[at]);
        RONDO_TRY(counts_add(letters, text + at, size, count));
    }
    return RONDO_OK;
}

void counts_free(word_counts *c)
{
    vocabulary_free(&c->words);
    alloc_free(c->count);
    *c = (word_counts){ 0 };
}

typedef struct ranked {
    const char *text;
    size_t n;
    int64_t count, number;
} ranked;

static int by_count(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    if (order) return order > 0 ? -1 : 1;
    return x->n > y->n ? -1 : x->n < y->n;
}

int64_t *counts_order(const word_counts *c)
{
    const int64_t n = c->words.n;
    ranked *list = alloc_array(n, sizeof *list);
    int64_t *order = list ? alloc_array(n, sizeof *order) : NULL;
    for (int64_t i = 0; order && i < n; i++)
        list[i] = (ranked){ vocabulary_text(&c->words, i, &list[i].n), list[i].n, c->count[i], i };
    if (order && n) qsort(list, (size_t)n, sizeof *list, by_count);
    for (int64_t i = 0; order && i < n; i++) order[i] = list[i].number;
    alloc_free(list);
    return order;
}

void trainer_tell(const trainer *t, const char *what, int64_t done, int64_t total)
{
    if (t->tell) t->tell(t->user, what, done, total);
}

/* ---- Counting the words of all texts ---- */
static rondo_status count_word(void *user, const char *text, int64_t n)
{
    return counts_add(user, text, (size_t)n, 1);
}

static rondo_status count_letters(void *user, const char *text, int64_t n)
{
    return counts_add_letters(user, text, (size_t)n, 1);
}

static rondo_status count_texts(const trainer *t, const tokenizer *counting, next_text *next,
                                word_counts *counts)
{
    enum { TELL = 1 << 20 }; /* bytes between two calls */
    rondo_status (*count)(void *, const char *, int64_t) = count_word;
    token_list list = { 0 };
    const char *text;
    size_t n;
    int64_t read = 0, told = 0;
    if (t->kind->letters && t->kind->letters(&t->options)) count = count_letters;
    rondo_status status = next(t->user, true, &text, &n);
    while (!status && text) {
        status = encoder_words(counting, &list, text, (int64_t)n, count, counts);
        read += (int64_t)n;
        if (read - told >= TELL) {
            trainer_tell(t, "counting words", read, 0);
            told = read;
        }
        if (!status) status = next(t->user, false, &text, &n);
    }
    token_list_free(&list);
    if (!status && !counts->words.n)
        status = rondo_fail(RONDO_E_FORMAT, "there is no text to train a tokenizer on");
    return status;
}

/* ---- The spec ---- */
static const train_kind *const kinds[] = { &train_char, &train_word,      &train_byte,
                                           &train_bpe,  &train_wordpiece, &train_unigram };
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *tokenizer_train_kind(int i, const char **help, const option_table **options)
{
    if (i < 0 || i >= KINDS) return NULL;
    if (help) *help = kinds[i]->help;
    if (options) *options = &kinds[i]->options;
    return kinds[i]->name;
}

static const train_kind *find_kind(const char *name)
{
    const char *names[KINDS];
    for (int i = 0; i < KINDS; i++) {
        names[i] = kinds[i]->name;
        if (strcmp(name, names[i]) == 0) return kinds[i];
    }
    const char *near = name_nearest(name, KINDS, names);
    if (near)
        rondo_fail(RONDO_E_NAME, "unknown tokenizer \"%s\"; did you mean \"%s\"?", name, near);
    else
        rondo_fail(RONDO_E_NAME,
                   "unknown tokenizer \"%s\"; there are char, word, byte, bpe, wordpiece, unigram",
                   name);
    return NULL;
}

static rondo_status add_special(trainer *t, const char *token)
{
    enum { MOST = sizeof t->special / sizeof *t->special };
    if (!token) return RONDO_OK;
    for (int i = 0; i < t->n_special; i++)
        if (strcmp(t->special[i], token) == 0) return RONDO_OK;
    if (t->n_special == MOST)
        return rondo_fail(RONDO_E_LIMIT, "there are over %d special tokens", MOST);
    if (strlen(token) > LIMIT_TOKEN)
        return rondo_fail(RONDO_E_LIMIT, "a special token is over %d bytes", LIMIT_TOKEN);
    t->special[t->n_special++] = token;
    return RONDO_OK;
}

static rondo_status check_number(const char *name, int64_t number, int64_t least, int64_t most)
{
    if (number >= least && number <= most) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "%s is %lld; it may be %lld to %lld", name, (long long)number,
                      (long long)least, (long long)most);
}

static rondo_status check_options(const train_options *o)
{
    RONDO_TRY(check_number("vocab_size", o->vocab_size, 0, LIMIT_VOCABULARY));
    RONDO_TRY(check_number("max_tokens", o->max_tokens, 0, LIMIT_VOCABULARY));
    RONDO_TRY(check_number("min_count", o->min_count, 0, INT64_MAX));
    RONDO_TRY(check_number("truncate", o->truncate, 0, LIMIT_SIZE));
    RONDO_TRY(check_number("longest", o->longest, 0, LIMIT_TOKEN / LONGEST_LETTER));
    RONDO_TRY(check_number("seeds", o->seeds, 0, INT32_MAX));
    if (!(o->coverage >= 0 && o->coverage <= 1))
        return rondo_fail(RONDO_E_ARG, "coverage is %g; it is a share, 0 to 1",
                          (double)o->coverage);
    if (!(o->shrink >= 0 && o->shrink < 1))
        return rondo_fail(RONDO_E_ARG, "shrink is %g; it may be 0 to below 1", (double)o->shrink);
    return check_number("pad_to", o->pad_to, 0, LIMIT_PADDING);
}

/* ---- All of it ---- */
static rondo_status make_frame(const trainer *t, json_t **file)
{
    *file = json_pack("{ss, sn, sn, s[], sn, sn, sn, sn, sn}", "version", "1.0", "truncation",
                      "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
                      "decoder", "model");
    if (!*file) return rondo_fail(RONDO_E_NOMEM, "out of memory for a tokenizer");
    RONDO_TRY(t->kind->frame(&t->options, *file));
    RONDO_TRY(frame_finish(*file, "normalizer", "normalizers"));
    return frame_finish(*file, "pre_tokenizer", "pretokenizers");
}

/* A tokenizer of that frame which knows the special tokens and nothing else. */
static rondo_status make_counting(const trainer *t, json_t *file, tokenizer **counting)
{
    json_t *tokens = json_object();
    *counting = NULL;
    for (int i = 0; i < t->n_special; i++)
        RONDO_TRY(json_put(tokens, t->special[i], json_integer(i)));
    RONDO_TRY(
        json_put(file, "model",
                 json_pack("{ss, so, ss}", "type", "WordLevel", "vocab", tokens, "unk_token", "")));
    RONDO_TRY(frame_around(t, file, json_object_get(file, "model")));
    return tokenizer_from_json(counting, file);
}

static rondo_status train(trainer *t, next_text *next, tokenizer **out)
{
    word_counts counts = { 0 };
    tokenizer *counting = NULL;
    json_t *file = NULL, *model = NULL;
    rondo_status status = make_frame(t, &file);
    if (!status) status = make_counting(t, file, &counting);
    if (!status) status = count_texts(t, counting, next, &counts);
    if (!status) status = t->kind->model(t, &counts, &model);
    if (!status) status = json_put(file, "model", model);
    if (!status) status = frame_around(t, file, model);
    if (!status) status = tokenizer_from_json(out, file);
    json_decref(file);
    tokenizer_free(counting);
    counts_free(&counts);
    return status;
}

rondo_status tokenizer_train(tokenizer **out, const char *text, next_text *next, void *user,
                             train_progress *tell)
{
    spec s;
    char **others = NULL;
    int n_others = 0;
    *out = NULL;
    RONDO_TRY(spec_parse(&s, text));
    trainer t = { .kind = find_kind(s.kind), .tell = tell, .user = user };
    rondo_status status = t.kind ? RONDO_OK : RONDO_E_NAME;
    if (!status) status = options_default(&t.kind->options, &t.options);
    if (!status) status = options_from_spec(&t.kind->options, &t.options, s.kind, &s);
    if (!status && t.kind->defaults) status = t.kind->defaults(&t.options);
    const train_options *o = &t.options;
    if (!status) status = check_options(o);
    if (!status) status = add_special(&t, o->pad);
    if (!status) status = add_special(&t, o->unknown);
    if (!status) status = add_special(&t, o->begin);
    if (!status) status = add_special(&t, o->end);
    if (!status && o->special) status = text_split(&others, &n_others, o->special, ',');
    for (int i = 0; i < n_others && !status; i++) status = add_special(&t, others[i]);
    if (!status) status = train(&t, next, out);
    text_list_free(others);
    if (t.kind) options_free(&t.kind->options, &t.options);
    spec_free(&s);
    return status;
}
