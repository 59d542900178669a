/* vectors - word vectors made elsewhere (GloVe, word2vec and fastText as text) begin an embedding: a
 * line a word, its numbers behind it; word2vec and fastText say how many and how wide first. */
#include "task/task.h"
#include <string.h>

typedef struct vector_file {
    const char *path, *at, *end;
    int64_t line; /* of what `at` points to */
    source_file source;
} vector_file;

typedef struct vector_line {
    const char *word, *numbers, *end; /* the numbers, from the blank in front of them on */
    size_t n;                         /* bytes of the word */
} vector_line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Steps over one field from its end; where it begins. */
static const char *field_before(const char *begin, const char *end)
{
    while (end > begin && is_blank(end[-1])) end--;
    while (end > begin && !is_blank(end[-1])) end--;
    return end;
}

static const char *line_end(const vector_file *f)
{
    const char *stop = memchr(f->at, '\n', (size_t)(f->end - f->at));
    return stop ? stop : f->end;
}

static void pass_line(vector_file *f, const char *stop)
{
    f->at = stop < f->end ? stop + 1 : stop;
    f->line++;
}

/* The last `width` fields are numbers; a word may have blanks inside. false: there are fewer. */
static bool split_line(vector_line *l, const char *begin, const char *end, int64_t width)
{
    const char *at = end;
    while (at > begin && is_blank(at[-1])) at--;
    l->end = at;
    for (int64_t i = 0; i < width; i++) at = field_before(begin, at);
    l->numbers = at;
    while (at > begin && is_blank(at[-1])) at--;
    l->word = begin;
    l->n = (size_t)(at - begin);
    return at > begin;
}

/* How many numbers stand at the end of a line, its first field left out. */
static int64_t count_numbers(const char *begin, const char *end)
{
    int64_t n = 0;
    for (;;) {
        while (end > begin && is_blank(end[-1])) end--;
        const char *number = field_before(begin, end);
        double parsed;
        if (number == begin || number_parse(&parsed, number, (size_t)(end - number)) == NUMBER_TEXT)
            return n;
        n++;
        end = number;
    }
}

/* "400000 300": how many vectors and how wide. */
static bool is_header(const char *begin, const char *end)
{
    while (end > begin && is_blank(end[-1])) end--;
    const char *second = field_before(begin, end);
    if (second == begin || field_before(begin, second) != begin) return false;
    for (const char *at = begin; at < end; at++)
        if (!is_blank(*at) && (*at < '0' || *at > '9')) return false;
    return true;
}

static rondo_status check_width(vector_file *f, int64_t width)
{
    if (f->at < f->end && is_header(f->at, line_end(f))) pass_line(f, line_end(f));
    if (f->at == f->end)
        return rondo_fail(RONDO_E_FORMAT, "%s: there are no vectors in it", f->path);
    const int64_t has = count_numbers(f->at, line_end(f));
    if (has == width) return RONDO_OK;
    return rondo_fail(RONDO_E_SHAPE,
                      "%s:%lld: %lld numbers behind a word, the embedding has %lld: say "
                      "\"embedding %lld\"",
                      f->path, (long long)f->line, (long long)has, (long long)width,
                      (long long)has);
}

static rondo_status read_numbers(real *row, const vector_file *f, const vector_line *l,
                                 int64_t width)
{
    const char *at = l->numbers;
    for (int64_t i = 0; i < width; i++) {
        while (is_blank(*at)) at++;
        const char *begin = at;
        while (at < l->end && !is_blank(*at)) at++;
        RONDO_TRY(number_read(&row[i], begin, (size_t)(at - begin), f->path, f->line, "vector"));
    }
    return RONDO_OK;
}

/* The first vector of each token is taken. */
static rondo_status read_vectors(vector_file *f, real *table, int64_t width, const tokenizer *t,
                                 uint8_t *found)
{
    char word[LIMIT_NAME];
    for (; f->at < f->end; pass_line(f, line_end(f))) {
        vector_line l;
        const char *stop = line_end(f);
        const char *first = f->at;
        while (first < stop && is_blank(*first)) first++;
        if (first == stop) continue;
        if (!split_line(&l, f->at, stop, width))
            return rondo_fail(RONDO_E_FORMAT, "%s:%lld: fewer than a word and %lld numbers",
                              f->path, (long long)f->line, (long long)width);
        if (l.n >= sizeof word) continue; /* longer than what a text has */
        memcpy(word, l.word, l.n);
        word[l.n] = 0;
        const int32_t id = tokenizer_id(t, word);
        if (id < 0 || found[id]) continue;
        RONDO_TRY(read_numbers(table + id * width, f, &l, width));
        found[id] = 1;
    }
    return RONDO_OK;
}

/* The first embedding that has a row for each token; it may have more. */
static const param *find_table(const rondo_model *m, int64_t tokens)
{
    for (int i = 0; i < m->n_layers; i++) {
        const rondo_layer *l = m->layers[i];
        if (strcmp(l->type->name, "embedding") == 0 && l->params[0].shape.dim[0] >= tokens)
            return &l->params[0];
    }
    return NULL;
}

rondo_status vectors_load(rondo_pipeline *p, const char *path, int64_t *found, int64_t *tokens)
{
    if (!p->tokenizer)
        return rondo_fail(RONDO_E_ARG, "vectors are of words; this model reads numbers");
    *tokens = tokenizer_size(p->tokenizer);
    *found = 0;
    const param *table = find_table(p->model, *tokens);
    if (!table)
        return rondo_fail(RONDO_E_ARG,
                          "vectors begin an embedding, and the model has none of %lld tokens; "
                          "where input_dim is left out it is filled in",
                          (long long)*tokens);
    uint8_t *seen = alloc_array(*tokens, sizeof *seen);
    vector_file f = { .path = path, .line = 1 };
    rondo_status s = seen ? source_open(&f.source, path) : RONDO_E_NOMEM;
    f.at = (const char *)f.source.data;
    f.end = f.at ? f.at + f.source.size : f.at;
    const int64_t width = table->shape.dim[1];
    if (!s) s = check_width(&f, width);
    if (!s) s = read_vectors(&f, p->model->weights + table->offset, width, p->tokenizer, seen);
    for (int64_t i = 0; seen && i < *tokens; i++) *found += seen[i];
    source_close(&f.source);
    alloc_free(seen);
    if (!s && *found == 0)
        s = rondo_fail(RONDO_E_ARG, "%s has a vector for none of the %lld tokens", path,
                       (long long)*tokens);
    model_weights_changed(p->model);
    return s;
}
