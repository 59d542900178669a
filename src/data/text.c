/* text.c - plain text: each line, paragraph or file is a document. */
#include "data/data.h"
#include <string.h>

typedef struct text_options {
    char *label, *sample_by, *encoding;
} text_options;

static const option_field fields[] = {
    { "label", OPTION_TEXT, offsetof(text_options, label), NULL,
      "of text: first when a word in front of each line says its class; coarse: that word as far "
      "as "
      "its colon, as in \"DESC:manner How …\"" },
    { "sample_by", OPTION_TEXT, offsetof(text_options, sample_by), "line",
      "of text: what is a document: line, paragraph (blank lines between them) or document (the "
      "file)" },
    ENCODING_FIELD(text_options),
};

typedef struct text_reader {
    const reader_request *request;
    const char *path; /* of what is read at the moment */
    line_cursor lines;
    bool first, coarse;
    source_file source, labels;
    row_store *store;
    label_reader known;
} text_reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void begin(text_reader *r, const char *path, const source_file *s)
{
    r->path = path;
    lines_begin(&r->lines, s);
}

/* ---- Labels ---- */
static rondo_status add_label(text_reader *r, const char *text, size_t n, int64_t number)
{
    static const char mark[] = "__label__"; /* as fastText writes them */
    const size_t skip = n > sizeof mark - 1 && !memcmp(text, mark, sizeof mark - 1)
                            ? sizeof mark - 1
                            : 0;
    return label_read(&r->known, text + skip, n - skip, r->path, number);
}

/* Takes the word in front off the line. */
static rondo_status take_label(text_reader *r, text_line *l)
{
    while (l->n && is_blank(*l->text)) l->text++, l->n--;
    size_t n = 0;
    while (n < l->n && !is_blank(l->text[n])) n++;
    const char *colon = r->coarse ? memchr(l->text, ':', n) : NULL;
    if (r->coarse && !colon)
        return rondo_fail(
            RONDO_E_FORMAT,
            "%s:%lld: label=coarse wants a colon in the first word, as in DESC:manner", r->path,
            (long long)l->number);
    RONDO_TRY(add_label(r, l->text, colon ? (size_t)(colon - l->text) : n, l->number));
    while (n < l->n && is_blank(l->text[n])) n++;
    l->text += n;
    l->n -= n;
    return RONDO_OK;
}

static rondo_status read_label_file(text_reader *r)
{
    const int64_t documents = store_documents(r->store);
    int64_t labels = 0;
    text_line l;
    for (begin(r, r->request->labels, &r->labels); lines_next(&r->lines, &l);) {
        if (line_is_blank(&l)) continue;
        while (l.n && is_blank(l.text[l.n - 1])) l.n--;
        RONDO_TRY(add_label(r, l.text, l.n, l.number));
        labels++;
    }
    if (labels == documents) return RONDO_OK;
    return rondo_fail(RONDO_E_SHAPE, "%s has %lld labels, %s %lld documents", r->request->labels,
                      (long long)labels, r->request->path, (long long)documents);
}

/* ---- Documents ---- */
static rondo_status add_document(text_reader *r, const char *text, size_t n)
{
    const int64_t i = store_documents(r->store);
    RONDO_TRY(store_text(r->store, text, n));
    return store_span(r->store, i, 1, i);
}

/* A blank line is a document without words, so that answers stand line by line; but where lines have
 * labels it is nothing. */
static rondo_status read_lines(text_reader *r)
{
    for (text_line l; lines_next(&r->lines, &l);) {
        if (r->first && line_is_blank(&l)) continue;
        if (r->first) RONDO_TRY(take_label(r, &l));
        RONDO_TRY(document_check(l.n, r->path, l.number));
        RONDO_TRY(add_document(r, l.text, l.n));
    }
    return RONDO_OK;
}

static rondo_status read_paragraphs(text_reader *r)
{
    text_line first = { 0 };
    const char *end = NULL; /* of the paragraph's last line; NULL: there is none yet */
    for (text_line l;;) {
        const bool more = lines_next(&r->lines, &l), blank = !more || line_is_blank(&l);
        if (blank && end) {
            const size_t n = (size_t)(end - first.text);
            RONDO_TRY(document_check(n, r->path, first.number));
            RONDO_TRY(add_document(r, first.text, n));
            end = NULL;
        }
        if (!more) return RONDO_OK;
        if (blank) continue;
        if (!end) first = l;
        end = l.text + l.n;
    }
}

static rondo_status read_documents(text_reader *r, const char *by)
{
    begin(r, r->request->path, &r->source);
    if (!strcmp(by, "document"))
        RONDO_TRY(add_document(r, (const char *)r->source.data, r->source.size));
    else
        RONDO_TRY(!strcmp(by, "line") ? read_lines(r) : read_paragraphs(r));
    if (r->store->inputs.size > 0) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "%s: there is no text in it", r->request->path);
}

/* ---- The dataset ---- */
static rondo_status check_options(text_reader *r, const text_options *o)
{
    const char *by = o->sample_by, *label = o->label ? o->label : "none";
    r->coarse = !strcmp(label, "coarse");
    r->first = r->coarse || !strcmp(label, "first");
    if (!r->first && strcmp(label, "none") != 0)
        return rondo_fail(RONDO_E_ARG, "label is first, coarse or none, not \"%s\"", label);
    if (strcmp(by, "line") != 0 && strcmp(by, "paragraph") != 0 && strcmp(by, "document") != 0)
        return rondo_fail(RONDO_E_ARG, "sample_by is line, paragraph or document, not \"%s\"", by);
    if (r->first && (r->request->labels || strcmp(by, "line") != 0))
        return rondo_fail(RONDO_E_ARG,
                          "label=%s goes with sample_by=line, without a file of labels", label);
    return RONDO_OK;
}

static rondo_status read_text(text_reader *r, const text_options *o)
{
    const reader_request *q = r->request;
    RONDO_TRY(check_options(r, o));
    RONDO_TRY(source_open(&r->source, q->path));
    RONDO_TRY(source_decode(&r->source, q->path, o->encoding));
    if (q->labels) {
        RONDO_TRY(source_open(&r->labels, q->labels));
        RONDO_TRY(source_decode(&r->labels, q->labels, o->encoding));
    }
    r->store = store_new(0, 1);
    if (!r->store) return RONDO_E_NOMEM;
    RONDO_TRY(labels_begin(&r->known, q, q->target == TARGET_NUMBERS, &r->store->targets));
    RONDO_TRY(read_documents(r, o->sample_by));
    return q->labels ? read_label_file(r) : RONDO_OK;
}

static rondo_status finish(void *reader, rondo_dataset *d)
{
    text_reader *r = reader;
    return r->first || r->request->labels ? labels_give(&r->known, d, false) : RONDO_OK;
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    text_reader r = { .request = request };
    *out = NULL;
    rondo_status s = read_text(&r, options);
    s = store_give(out, &r.store, s, finish, &r);
    labels_free(&r.known);
    source_close(&r.labels);
    source_close(&r.source);
    return s;
}

/* Any text but tables. */
static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    return n > 0 && !memchr(head, 0, n) && !path_ends(path, ".csv") && !path_ends(path, ".tsv");
}

const reader_row lines_reader = { .name = "text",
                                  .help = "plain text: a document a line; \"text label=first\" for "
                                          "lines like \"good A fine film .\"",
                                  .options = OPTION_TABLE(fields),
                                  .options_size = sizeof(text_options),
                                  .recognises = recognises,
                                  .open = open,
                                  .only_text = true,
                                  .target_option = "label" };
