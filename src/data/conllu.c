/* conllu.c - CoNLL-U, as Universal Dependencies, spaCy, Stanza and CoreNLP write it: a word a line in
 * ten columns, a blank line behind each sentence.  A sentence is a document: its words with a blank
 * between; target= a column gives each word a label. */
#include "data/data.h"
#include <string.h>

typedef struct conllu_options {
    char *target, *encoding;
} conllu_options;

static const option_field fields[] = {
    { "target", OPTION_TEXT, offsetof(conllu_options, target), NULL,
      "column to predict: name or position from 1; a,b for several" },
    ENCODING_FIELD(conllu_options),
};

enum { ID, FORM, LEMMA, UPOS, COLUMNS = 10 };
static const char *const columns[COLUMNS] = { "id",    "form", "lemma",  "upos", "xpos",
                                              "feats", "head", "deprel", "deps", "misc" };

typedef struct cell {
    const char *text;
    size_t n;
} cell;

typedef struct conllu {
    const reader_request *request;
    const char *path;
    int target; /* column; -1: none */
    text_line line;
    int64_t first; /* label of this sentence */
    source_file source;
    row_store *store;
    label_reader labels;
    text_buffer sentence;
    int64_t words; /* of it */
} conllu;

/* By name, or by position as in a table. */
static rondo_status choose_target(conllu *c, const char *name)
{
    char position[8];
    c->target = -1;
    if (!name || c->request->no_target) return RONDO_OK;
    for (int i = LEMMA; i < COLUMNS; i++) {
        snprintf(position, sizeof position, "%d", i + 1);
        if (!strcmp(name, columns[i]) || !strcmp(name, position)) c->target = i;
    }
    if (c->target >= 0) return RONDO_OK;
    const char *near = name_nearest(name, COLUMNS - LEMMA, columns + LEMMA);
    return rondo_fail(RONDO_E_NAME, "CoNLL-U has no labels \"%s\"%s%s%s", name,
                      near ? "; did you mean \"" : "; say one of lemma, upos, xpos, feats, deprel",
                      near ? near : "", near ? "\"?" : "");
}

static rondo_status end_sentence(conllu *c)
{
    const int64_t i = store_documents(c->store);
    if (c->words == 0) return RONDO_OK;
    RONDO_TRY(c->sentence.status);
    RONDO_TRY(document_check(c->sentence.size, c->path, c->line.number));
    RONDO_TRY(store_text(c->store, c->sentence.data, c->sentence.size));
    RONDO_TRY(store_span(c->store, i, c->words, c->first));
    c->first += c->words;
    c->words = 0;
    c->sentence.size = 0;
    return RONDO_OK;
}

static rondo_status split(const conllu *c, cell cells[COLUMNS])
{
    const char *at = c->line.text, *end = at + c->line.n;
    int n = 0;
    for (const char *begin = at;; at++) {
        if (at < end && *at != '\t') continue;
        if (n < COLUMNS) cells[n] = (cell){ begin, (size_t)(at - begin) };
        n++;
        if (at == end) break;
        begin = at + 1;
    }
    if (n == COLUMNS && cells[FORM].n) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s:%lld: %s", c->path, (long long)c->line.number,
                      n == COLUMNS ? "a line without a word in its second column"
                                   : "expected ten columns with tabs between, as CoNLL-U has them");
}

/* Ranges (2-3: what two words are written as) and empty nodes (5.1) are no words of the sentence. */
static rondo_status read_word(conllu *c)
{
    cell cells[COLUMNS];
    RONDO_TRY(split(c, cells));
    if (memchr(cells[ID].text, '-', cells[ID].n) || memchr(cells[ID].text, '.', cells[ID].n))
        return RONDO_OK;
    if (c->words++) text_put(&c->sentence, " ", 1);
    const cell *form = &cells[FORM];
    for (size_t i = 0; i < form->n; i++) /* a word stays one: 10 000 is 10_000 */
        text_put(&c->sentence, form->text[i] == ' ' ? "_" : form->text + i, 1);
    if (c->target < 0) return RONDO_OK;
    return label_read(&c->labels, cells[c->target].text, cells[c->target].n, c->path,
                      c->line.number);
}

static rondo_status read_lines(conllu *c)
{
    line_cursor lines;
    for (lines_begin(&lines, &c->source); lines_next(&lines, &c->line);) {
        if (c->line.n == 0)
            RONDO_TRY(end_sentence(c));
        else if (*c->line.text != '#')
            RONDO_TRY(read_word(c));
    }
    RONDO_TRY(end_sentence(c));
    return store_documents(c->store) ? RONDO_OK
                                     : rondo_fail(RONDO_E_FORMAT, "%s: no sentences", c->path);
}

static rondo_status read_conllu(conllu *c, const conllu_options *o)
{
    const reader_request *q = c->request;
    if (q->labels)
        return rondo_fail(RONDO_E_ARG, "%s: labels are a column of it: target=upos, no labels file",
                          c->path);
    RONDO_TRY(choose_target(c, o->target ? o->target : q->n_targets ? q->targets[0] : NULL));
    RONDO_TRY(source_open(&c->source, c->path));
    RONDO_TRY(source_decode(&c->source, c->path, o->encoding));
    c->store = store_new(0, 1);
    if (!c->store) return RONDO_E_NOMEM;
    RONDO_TRY(labels_begin(&c->labels, q, false, &c->store->targets));
    return read_lines(c);
}

static rondo_status finish(void *reader, rondo_dataset *d)
{
    conllu *c = reader;
    if (c->target < 0) return RONDO_OK;
    d->targets = alloc_array(2, sizeof *d->targets);
    if (!d->targets) return RONDO_E_NOMEM;
    d->n_target_names = 1;
    if (!(d->targets[0] = alloc_text(columns[c->target]))) return RONDO_E_NOMEM;
    return labels_give(&c->labels, d, true);
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    conllu c = { .request = request, .path = request->path };
    *out = NULL;
    rondo_status s = read_conllu(&c, options);
    s = store_give(out, &c.store, s, finish, &c);
    labels_free(&c.labels);
    text_free(&c.sentence);
    source_close(&c.source);
    return s;
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    (void)head;
    return n > 0 && (path_ends(path, ".conllu") || path_ends(path, ".conll"));
}

const reader_row conllu_reader = { .name = "conllu",
                                   .help = "CoNLL-U: sentences of words with their labels; "
                                           "\"conllu target=upos\"",
                                   .options = OPTION_TABLE(fields),
                                   .options_size = sizeof(conllu_options),
                                   .recognises = recognises,
                                   .open = open };
