/* decode - from ids to text: the tokens of a list, changed step by step, then joined. */
#include "text/parts.h"

/* Texts one behind the other. */
typedef struct pieces {
    text_buffer text;
    int64_t *end; /* [n] */
    int64_t n, room;
} pieces;

typedef struct decode_step decode_step;
struct decode_step {
    void (*change)(const decode_step *, const pieces *in, pieces *out);
    char *text, *content; /* what a kind is told */
    int64_t left, right;
    bool clean, keeps_first;
    regex *pattern;
};

struct decoder {
    decode_step step[LIMIT_STEPS];
    int n;
};

/* ---- Lists of texts ---- */
static void close_piece(pieces *p)
{
    if (p->text.status) return;
    int64_t *end = alloc_room(p->end, &p->room, p->n + 1, sizeof *end);
    if (!end) {
        p->text.status = RONDO_E_NOMEM;
        return;
    }
    p->end = end;
    p->end[p->n++] = (int64_t)p->text.size;
}

static const char *piece_text(const pieces *p, int64_t i, size_t *n)
{
    const int64_t begin = i ? p->end[i - 1] : 0;
    *n = (size_t)(p->end[i] - begin);
    return p->text.data ? p->text.data + begin : "";
}

static void pieces_free(pieces *p)
{
    text_free(&p->text);
    alloc_free(p->end);
}

/* text, with every `what` replaced */
static void put_replaced(text_buffer *out, const char *text, size_t n, const char *what,
                         const char *with)
{
    const size_t size = strlen(what);
    for (size_t i = 0; i < n;) {
        const bool found = size && n - i >= size && memcmp(text + i, what, size) == 0;
        if (found)
            text_put(out, with, strlen(with));
        else
            text_put(out, text + i, 1);
        i += found ? size : 1;
    }
}

/* ---- The kinds ---- */

/* How many bytes at the bad place are the beginning of a letter, 1 at the least. */
static size_t bad_size(const char *text, size_t n)
{
    for (size_t size = 1; size < 3 && size < n; size++) {
        /* Would it be valid if it went on? Some last byte makes it so. */
        char whole[LONGEST_LETTER] = { 0 };
        bool begins = false;
        memcpy(whole, text, size + 1);
        const size_t wanted = (size_t)letter_size(*text);
        for (size_t k = size + 1; k < wanted; k++) whole[k] = (char)0x80;
        begins = wanted > size + 1 && utf8_valid(whole, wanted) == wanted;
        if (!begins) return size;
    }
    return n < 3 ? n : 3;
}

static void put_valid(text_buffer *out, const char *text, size_t n)
{
    while (n) {
        const size_t good = utf8_valid(text, n);
        text_put(out, text, good);
        text += good;
        n -= good;
        if (!n) break;
        const size_t bad = bad_size(text, n);
        text_put(out, "\xEF\xBF\xBD", 3); /* the replacement character */
        text += bad;
        n -= bad;
    }
}

/* The bytes that a text's letters stand for; false when one stands for none. */
static bool put_bytes(text_buffer *out, const char *text, size_t n)
{
    const size_t before = out->size;
    int32_t letter;
    for (size_t i = 0; i < n;) {
        i += (size_t)letter_at(text + i, &letter);
        const int byte = byte_of_letter(letter);
        if (byte < 0) {
            if (!out->status) out->size = before;
            return false;
        }
        text_put(out, (const char[]){ (char)byte }, 1);
    }
    return true;
}

static void byte_level(const decode_step *s, const pieces *in, pieces *out)
{
    text_buffer bytes = { 0 };
    (void)s;
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        if (!put_bytes(&bytes, token, n)) text_put(&bytes, token, n);
    }
    if (bytes.size) put_valid(&out->text, bytes.data, bytes.size);
    if (bytes.status) out->text.status = bytes.status;
    text_free(&bytes);
    close_piece(out);
}

static void fuse(const decode_step *s, const pieces *in, pieces *out)
{
    (void)s;
    text_put(&out->text, in->text.data ? in->text.data : "", in->text.size);
    close_piece(out);
}

/* The mark is a blank, but in the first token. */
static void metaspace(const decode_step *s, const pieces *in, pieces *out)
{
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        put_replaced(&out->text, token, n, s->text, i || s->keeps_first ? " " : "");
        close_piece(out);
    }
}

/* The suffix is a blank, but in the last token. */
static void bpe_suffix(const decode_step *s, const pieces *in, pieces *out)
{
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        put_replaced(&out->text, token, n, s->text, i + 1 < in->n ? " " : "");
        close_piece(out);
    }
}

/* English as it is written: no blank before a stop. In this order. */
static void clean(text_buffer *out, const char *text, size_t n)
{
    static const char *const rules[][2] = {
        { " .", "." },   { " ?", "?" },     { " !", "!" },    { " ,", "," },
        { " ' ", "'" },  { " n't", "n't" }, { " 'm", "'m" },  { " do not", " don't" },
        { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" }
    };
    enum { RULES = sizeof rules / sizeof *rules };
    text_buffer part[2] = { { 0 } };
    text_put(&part[0], text, n);
    for (int i = 0; i < RULES; i++) {
        text_buffer *from = &part[i % 2], *to = &part[(i + 1) % 2];
        to->size = 0;
        if (from->data) put_replaced(to, from->data, from->size, rules[i][0], rules[i][1]);
        if (from->status) to->status = from->status;
    }
    const text_buffer *last = &part[RULES % 2];
    if (last->status) out->status = last->status;
    if (last->data) text_put(out, last->data, last->size);
    text_free(&part[0]);
    text_free(&part[1]);
}

/* A blank before each token but the first and those that go on. */
static void wordpiece(const decode_step *s, const pieces *in, pieces *out)
{
    const size_t prefix = strlen(s->text);
    text_buffer token = { 0 };
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *text = piece_text(in, i, &n);
        const bool on = i && n >= prefix && memcmp(text, s->text, prefix) == 0;
        token.size = 0;
        if (i && !on) text_put(&token, " ", 1);
        text_put(&token, on ? text + prefix : text, on ? n - prefix : n);
        if (s->clean)
            clean(&out->text, token.data, token.size);
        else
            text_put(&out->text, token.data ? token.data : "", token.size);
        close_piece(out);
    }
    if (token.status) out->text.status = token.status;
    text_free(&token);
}

/* <0x41> is the byte; runs of them are text where they are UTF-8. */
static int byte_of_token(const char *token, size_t n)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    if (n != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
    int byte = 0;
    for (int i = 3; i < 5; i++) {
        const char *digit = token[i] ? strchr(digits, token[i]) : NULL;
        if (!digit) return -1;
        const int value = (int)(digit - digits);
        byte = byte * 16 + (value < 16 ? value : value - 6);
    }
    return byte;
}

static void put_run(const text_buffer *run, pieces *out)
{
    if (!run->size) return;
    if (utf8_valid(run->data, run->size) == run->size) {
        text_put(&out->text, run->data, run->size);
        close_piece(out);
        return;
    }
    for (size_t i = 0; i < run->size; i++) {
        text_put(&out->text, "\xEF\xBF\xBD", 3);
        close_piece(out);
    }
}

static void byte_fallback(const decode_step *s, const pieces *in, pieces *out)
{
    text_buffer run = { 0 };
    (void)s;
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        const int byte = byte_of_token(token, n);
        if (byte >= 0) {
            text_put(&run, (const char[]){ (char)byte }, 1);
            continue;
        }
        put_run(&run, out);
        run.size = 0;
        text_put(&out->text, token, n);
        close_piece(out);
    }
    put_run(&run, out);
    if (run.status) out->text.status = run.status;
    text_free(&run);
}

/* Up to so many of a letter at either end of each token go. */
static void strip(const decode_step *s, const pieces *in, pieces *out)
{
    const size_t size = strlen(s->text);
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        for (int64_t k = 0; k < s->left && n >= size && !memcmp(token, s->text, size); k++) {
            token += size;
            n -= size;
        }
        for (int64_t k = 0; k < s->right && n >= size; k++) {
            if (memcmp(token + n - size, s->text, size) != 0) break;
            n -= size;
        }
        text_put(&out->text, token, n);
        close_piece(out);
    }
}

static void put_matches_replaced(const decode_step *s, const char *token, int64_t n, pieces *out)
{
    regex_run *run;
    int64_t kept = 0, begin, end;
    rondo_status status = regex_begin(&run, s->pattern);
    for (int64_t at = 0; !status && at <= n;) {
        status = regex_next(s->pattern, run, token, n, at, &begin, &end);
        if (status || begin < 0) break;
        text_put(&out->text, token + kept, (size_t)(begin - kept));
        text_put(&out->text, s->content, strlen(s->content));
        kept = end;
        at = end > begin ? end : end < n ? end + letter_size(token[end]) : n + 1;
    }
    regex_end(run);
    text_put(&out->text, token + kept, (size_t)(n - kept));
    if (status) out->text.status = status;
}

static void replace(const decode_step *s, const pieces *in, pieces *out)
{
    for (int64_t i = 0; i < in->n; i++) {
        size_t n;
        const char *token = piece_text(in, i, &n);
        if (s->pattern)
            put_matches_replaced(s, token, (int64_t)n, out);
        else
            put_replaced(&out->text, token, n, s->text, s->content);
        close_piece(out);
    }
}

/* ---- Reading ---- */
static rondo_status keep_text(const json_t *j, const char *key, const char *initial, char **text)
{
    const char *given;
    RONDO_TRY(field_text(j, key, initial, &given));
    if (!given) return rondo_fail(RONDO_E_FORMAT, "\"%s\" is missing", key);
    *text = alloc_text(given);
    return *text ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status read_plain(decode_step *s, const json_t *j)
{
    (void)s, (void)j;
    return RONDO_OK;
}

static rondo_status read_metaspace(decode_step *s, const json_t *j)
{
    const char *scheme;
    bool prefix;
    RONDO_TRY(field_bool(j, "add_prefix_space", true, &prefix));
    RONDO_TRY(field_text(j, "prepend_scheme", prefix ? "always" : "never", &scheme));
    s->keeps_first = strcmp(scheme, "never") == 0;
    return keep_text(j, "replacement", "\u2581", &s->text);
}

static rondo_status read_suffix(decode_step *s, const json_t *j)
{
    return keep_text(j, "suffix", "</w>", &s->text);
}

static rondo_status read_wordpiece(decode_step *s, const json_t *j)
{
    RONDO_TRY(field_bool(j, "cleanup", true, &s->clean));
    return keep_text(j, "prefix", "##", &s->text);
}

static rondo_status read_strip(decode_step *s, const json_t *j)
{
    RONDO_TRY(field_int(j, "start", 0, 0, INT32_MAX, &s->left));
    RONDO_TRY(field_int(j, "stop", 0, 0, INT32_MAX, &s->right));
    RONDO_TRY(keep_text(j, "content", NULL, &s->text));
    return *s->text ? RONDO_OK : rondo_fail(RONDO_E_FORMAT, "\"content\" is empty");
}

static rondo_status read_replace(decode_step *s, const json_t *j)
{
    json_t *either;
    const char *pattern;
    RONDO_TRY(json_want_object(j, "pattern", &either));
    RONDO_TRY(keep_text(j, "content", NULL, &s->content));
    RONDO_TRY(field_pattern(either, &pattern));
    if (pattern) return regex_new(&s->pattern, pattern);
    return keep_text(either, "String", NULL, &s->text);
}

static const struct {
    const char *name;
    rondo_status (*read)(decode_step *, const json_t *);
    void (*change)(const decode_step *, const pieces *, pieces *);
    const char *known[6];
} rows[] = {
    { "ByteLevel",
      read_plain,
      byte_level,
      { "type", "add_prefix_space", "trim_offsets", "use_regex" } },
    { "Fuse", read_plain, fuse, { "type" } },
    { "ByteFallback", read_plain, byte_fallback, { "type" } },
    { "Metaspace",
      read_metaspace,
      metaspace,
      { "type", "replacement", "prepend_scheme", "add_prefix_space", "split" } },
    { "BPEDecoder", read_suffix, bpe_suffix, { "type", "suffix" } },
    { "WordPiece", read_wordpiece, wordpiece, { "type", "prefix", "cleanup" } },
    { "Strip", read_strip, strip, { "type", "content", "start", "stop" } },
    { "Replace", read_replace, replace, { "type", "pattern", "content" } },
};

static rondo_status read_steps(decoder *d, const json_t *j)
{
    const char *type = field_type(j);
    if (!type) return RONDO_E_FORMAT;
    if (strcmp(type, "Sequence") == 0) {
        json_t *parts, *part;
        size_t i;
        RONDO_TRY(json_want_array(j, "decoders", &parts));
        json_array_foreach (parts, i, part) RONDO_TRY(read_steps(d, part));
        return RONDO_OK;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, type) != 0) continue;
        if (d->n == LIMIT_STEPS)
            return rondo_fail(RONDO_E_FORMAT, "there are over %d steps", LIMIT_STEPS);
        decode_step *s = &d->step[d->n++];
        s->change = rows[i].change;
        RONDO_TRY(field_known(j, type, rows[i].known));
        return rondo_fail_in(rows[i].read(s, j), "%s", type);
    }
    return rondo_fail(RONDO_E_ABSENT, "\"%s\" is none that Rondo has", type);
}

rondo_status decoder_read(decoder **out, const json_t *j)
{
    *out = NULL;
    if (!j || json_is_null(j)) return RONDO_OK;
    decoder *d = alloc_new(sizeof *d);
    if (!d) return RONDO_E_NOMEM;
    *out = d;
    return rondo_fail_in(read_steps(d, j), "decoder");
}

void decoder_free(decoder *d)
{
    for (int i = 0; d && i < d->n; i++) {
        alloc_free(d->step[i].text);
        alloc_free(d->step[i].content);
        regex_free(d->step[i].pattern);
    }
    alloc_free(d);
}

/* ---- At work ---- */

/* Without a decoder tokens are words. */
static void join(const tokenizer *t, const pieces *p, text_buffer *out)
{
    for (int64_t i = 0; i < p->n; i++) {
        size_t n;
        const char *text = piece_text(p, i, &n);
        if (i && !t->decoder) text_put(out, " ", 1);
        text_put(out, text, n);
    }
}

/* An added token that was made normal on the way in is so on the way out. */
static rondo_status put_token(const tokenizer *t, int64_t id, pieces *p)
{
    const added_token *added = added_of_id(&t->added, id);
    const char *token = tokenizer_token(t, id);
    if (!token)
        return rondo_fail(RONDO_E_ARG, "there is no token %lld; the vocabulary has %lld",
                          (long long)id, (long long)tokenizer_size(t));
    if (added && added->special) return RONDO_OK;
    if (added && added->normalized) {
        aligned text = { 0 };
        const rondo_status status = steps_rewrite(&t->normalizer, token, (int64_t)strlen(token),
                                                  &text);
        if (!status) text_put(&p->text, text.data ? text.data : "", (size_t)text.n);
        aligned_free(&text);
        RONDO_TRY(status);
    } else {
        size_t n = strlen(token);
        if (!added) vocabulary_text(&t->model.vocabulary, id, &n);
        text_put(&p->text, token, n);
    }
    close_piece(p);
    return RONDO_OK;
}

rondo_status tokenizer_decode(const tokenizer *t, const int32_t *ids, int64_t n, text_buffer *out)
{
    pieces p = { 0 };
    rondo_status status = RONDO_OK;
    for (int64_t i = 0; i < n && !status; i++) status = put_token(t, ids[i], &p);
    const size_t most = LIMIT_GROWTH * p.text.size + LIMIT_GROWTH_BASE;
    for (int i = 0; !status && t->decoder && i < t->decoder->n; i++) {
        const decode_step *s = &t->decoder->step[i];
        pieces next = { .text.most = most };
        s->change(s, &p, &next);
        if (p.text.status) next.text.status = p.text.status;
        pieces_free(&p);
        p = next;
    }
    if (!status) join(t, &p, out);
    if (p.text.status) status = p.text.status;
    pieces_free(&p);
    return status ? status : out->status;
}
