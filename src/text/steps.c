/* steps - the normalizers and pre-tokenizers that tokenizer.json names, as lists of steps. */
#include "text/rewrite.h"

step *step_add(step_list *list)
{
    if (list->n == LIMIT_STEPS) {
        rondo_fail(RONDO_E_FORMAT, "there are over %d steps", LIMIT_STEPS);
        return NULL;
    }
    if ((list->n & (list->n - 1)) == 0) { /* full: 0, 1, 2, 4 … */
        const size_t room = list->n ? (size_t)list->n * 2 : 1;
        step *grown = alloc_grow(list->at, room * sizeof *grown);
        if (!grown) return NULL;
        list->at = grown;
    }
    step *s = &list->at[list->n++];
    *s = (step){ 0 };
    return s;
}

void steps_free(step_list *list)
{
    for (int i = 0; i < list->n; i++) {
        alloc_free(list->at[i].text);
        alloc_free(list->at[i].content);
        regex_free(list->at[i].pattern);
    }
    alloc_free(list->at);
    *list = (step_list){ 0 };
}

/* step_add fails with a sentence, of one of two kinds. */
static rondo_status no_step(const step_list *list)
{
    return list->n == LIMIT_STEPS ? RONDO_E_FORMAT : RONDO_E_NOMEM;
}

static rondo_status add_rewrite(step_list *list, rewrite_function *rewrite, idle_function *idle,
                                step **out)
{
    step *s = step_add(list);
    if (!s) return no_step(list);
    s->rewrite = rewrite;
    s->idle = idle;
    if (out) *out = s;
    return RONDO_OK;
}

static rondo_status add_cut(step_list *list, cut_function *cut, cut_behaviour behaviour, step **out)
{
    step *s = step_add(list);
    if (!s) return no_step(list);
    s->cut = cut;
    s->behaviour = behaviour;
    if (out) *out = s;
    return RONDO_OK;
}

static rondo_status add_test(step_list *list, letter_test *test, cut_behaviour behaviour)
{
    step *s;
    RONDO_TRY(add_cut(list, cut_letters, behaviour, &s));
    s->test = test;
    return RONDO_OK;
}

static rondo_status add_without(step_list *list, letter_test *test)
{
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_without, idle_ascii, &s));
    s->test = test;
    return RONDO_OK;
}

static rondo_status add_form(step_list *list, int64_t options)
{
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_form, idle_form, &s));
    s->number = options;
    return RONDO_OK;
}

/* The text in front of a piece, unless `unless` is there. */
static rondo_status add_prefix(step_list *list, const char *text, const char *unless,
                               bool first_only)
{
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_prefix, NULL, &s));
    s->text = alloc_text(text);
    s->content = alloc_text(unless);
    if (!s->text || (unless && !s->content)) return RONDO_E_NOMEM;
    s->text_size = (int64_t)strlen(text);
    s->content_size = unless ? (int64_t)strlen(unless) : 0;
    s->left = first_only;
    return RONDO_OK;
}

static rondo_status add_replace(step_list *list, const char *text, const char *content)
{
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_replace, idle_replace, &s));
    s->text = alloc_text(text);
    s->content = alloc_text(content);
    if (!s->text || !s->content) return RONDO_E_NOMEM;
    s->text_size = (int64_t)strlen(text);
    s->content_size = (int64_t)strlen(content);
    return RONDO_OK;
}

/* ---- Normalizers ---- */
enum { DECOMPOSED = UTF8PROC_DECOMPOSE, COMPOSED = UTF8PROC_COMPOSE, COMPATIBLE = UTF8PROC_COMPAT };

static rondo_status read_nfc(step_list *list, const json_t *j)
{
    (void)j;
    return add_form(list, COMPOSED);
}

static rondo_status read_nfd(step_list *list, const json_t *j)
{
    (void)j;
    return add_form(list, DECOMPOSED);
}

static rondo_status read_nfkc(step_list *list, const json_t *j)
{
    (void)j;
    return add_form(list, COMPOSED | COMPATIBLE);
}

static rondo_status read_nfkd(step_list *list, const json_t *j)
{
    (void)j;
    return add_form(list, DECOMPOSED | COMPATIBLE);
}

static rondo_status read_lowercase(step_list *list, const json_t *j)
{
    (void)j;
    return add_rewrite(list, rewrite_lowercase, idle_lowercase, NULL);
}

static rondo_status read_strip(step_list *list, const json_t *j)
{
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_strip, NULL, &s));
    RONDO_TRY(field_bool(j, "strip_left", true, &s->left));
    return field_bool(j, "strip_right", true, &s->right);
}

static rondo_status read_strip_accents(step_list *list, const json_t *j)
{
    (void)j;
    return add_without(list, letter_is_mark);
}

static rondo_status read_nmt(step_list *list, const json_t *j)
{
    (void)j;
    return add_rewrite(list, rewrite_nmt, NULL, NULL);
}

static rondo_status read_bytes(step_list *list, const json_t *j)
{
    (void)j;
    return add_rewrite(list, rewrite_bytes, NULL, NULL);
}

static rondo_status read_prepend(step_list *list, const json_t *j)
{
    const char *text;
    RONDO_TRY(json_want_text(j, "prepend", &text));
    return add_prefix(list, text, NULL, false);
}

/* {"String": …} or {"Regex": …}: the one that is there. */
static rondo_status read_pattern(const json_t *j, const char **text, const char **pattern)
{
    json_t *either;
    RONDO_TRY(json_want_object(j, "pattern", &either));
    RONDO_TRY(field_text(either, "String", NULL, text));
    RONDO_TRY(field_pattern(either, pattern));
    if (!*text == !*pattern)
        return rondo_fail(RONDO_E_FORMAT, "\"pattern\" is neither a \"String\" nor a \"Regex\"");
    if (*text && !**text) return rondo_fail(RONDO_E_FORMAT, "\"pattern\" is empty");
    return RONDO_OK;
}

/* Replacing single ASCII letters by nothing, one after the other, is one step. */
static rondo_status add_unwanted(step_list *list, unsigned char letter)
{
    step *s = list->n ? &list->at[list->n - 1] : NULL;
    if (!s || s->rewrite != rewrite_without_set)
        RONDO_TRY(add_rewrite(list, rewrite_without_set, NULL, &s));
    s->letters[letter / 64] |= (uint64_t)1 << letter % 64;
    return RONDO_OK;
}

static rondo_status read_replace(step_list *list, const json_t *j)
{
    const char *text, *pattern, *content;
    RONDO_TRY(read_pattern(j, &text, &pattern));
    RONDO_TRY(json_want_text(j, "content", &content));
    if (text && !text[1] && !*content) return add_unwanted(list, (unsigned char)*text);
    if (text) return add_replace(list, text, content);
    step *s;
    RONDO_TRY(add_rewrite(list, rewrite_replace_regex, NULL, &s));
    s->content = alloc_text(content);
    if (!s->content) return RONDO_E_NOMEM;
    s->content_size = (int64_t)strlen(content);
    return regex_new(&s->pattern, pattern);
}

static rondo_status read_bert(step_list *list, const json_t *j)
{
    bool clean, chinese, lower, accents;
    RONDO_TRY(field_bool(j, "clean_text", true, &clean));
    RONDO_TRY(field_bool(j, "handle_chinese_chars", true, &chinese));
    RONDO_TRY(field_bool(j, "lowercase", true, &lower));
    RONDO_TRY(field_bool(j, "strip_accents", lower, &accents)); /* null: as lowercase */
    if (clean) RONDO_TRY(add_rewrite(list, rewrite_clean, NULL, NULL));
    if (chinese) RONDO_TRY(add_rewrite(list, rewrite_chinese, idle_ascii, NULL));
    if (accents) {
        RONDO_TRY(add_form(list, DECOMPOSED));
        RONDO_TRY(add_without(list, letter_is_nonspacing));
    }
    return lower ? read_lowercase(list, j) : RONDO_OK;
}

/* ---- Pre-tokenizers ---- */
static rondo_status read_byte_level(step_list *list, const json_t *j)
{
    bool prefix, words;
    RONDO_TRY(field_bool(j, "add_prefix_space", true, &prefix));
    RONDO_TRY(field_bool(j, "use_regex", true, &words));
    if (prefix) RONDO_TRY(add_prefix(list, " ", " ", false));
    if (words) RONDO_TRY(add_cut(list, cut_gpt2, CUT_ISOLATED, NULL));
    return read_bytes(list, j);
}

static rondo_status read_metaspace(step_list *list, const json_t *j)
{
    const char *mark, *scheme;
    bool split, prefix;
    step *s;
    RONDO_TRY(field_letter(j, "replacement", "\u2581", &mark));
    RONDO_TRY(field_bool(j, "add_prefix_space", true, &prefix)); /* as older files have it */
    RONDO_TRY(field_text(j, "prepend_scheme", prefix ? "always" : "never", &scheme));
    RONDO_TRY(field_bool(j, "split", true, &split));
    RONDO_TRY(add_replace(list, " ", mark));
    if (strcmp(scheme, "always") == 0 || strcmp(scheme, "first") == 0)
        RONDO_TRY(add_prefix(list, mark, mark, *scheme == 'f'));
    else if (strcmp(scheme, "never") != 0)
        return rondo_fail(RONDO_E_FORMAT,
                          "\"prepend_scheme\" is \"%s\"; it may be always, first or never", scheme);
    if (!split) return RONDO_OK;
    RONDO_TRY(add_cut(list, cut_text, CUT_WITH_NEXT, &s));
    s->text = alloc_text(mark);
    s->text_size = (int64_t)strlen(mark);
    return s->text ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status read_bert_words(step_list *list, const json_t *j)
{
    (void)j;
    RONDO_TRY(add_test(list, letter_is_space, CUT_REMOVED));
    return add_test(list, letter_is_punctuation, CUT_ISOLATED);
}

static rondo_status read_whitespace(step_list *list, const json_t *j)
{
    (void)j;
    return add_cut(list, cut_words, CUT_ISOLATED, NULL);
}

static rondo_status read_whitespace_split(step_list *list, const json_t *j)
{
    (void)j;
    return add_test(list, letter_is_space, CUT_REMOVED);
}

static rondo_status read_digits(step_list *list, const json_t *j)
{
    bool single;
    RONDO_TRY(field_bool(j, "individual_digits", false, &single));
    return add_test(list, letter_is_number, single ? CUT_ISOLATED : CUT_CONTIGUOUS);
}

static rondo_status read_behaviour(const json_t *j, const char *initial, cut_behaviour *out)
{
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious",
                                         "MergedWithNext", "Contiguous" };
    const char *name;
    RONDO_TRY(field_text(j, "behavior", initial, &name));
    for (int i = 0; name && i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (cut_behaviour)i;
            return RONDO_OK;
        }
    return rondo_fail(RONDO_E_FORMAT, "\"behavior\" is \"%s\", which is none", name ? name : "");
}

static rondo_status read_punctuation(step_list *list, const json_t *j)
{
    cut_behaviour behaviour;
    RONDO_TRY(read_behaviour(j, "Isolated", &behaviour));
    return add_test(list, letter_is_punctuation, behaviour);
}

static rondo_status read_split(step_list *list, const json_t *j)
{
    const char *text, *pattern;
    cut_behaviour behaviour;
    step *s;
    RONDO_TRY(read_pattern(j, &text, &pattern));
    RONDO_TRY(read_behaviour(j, NULL, &behaviour));
    RONDO_TRY(add_cut(list, text ? cut_text : cut_regex, behaviour, &s));
    RONDO_TRY(field_bool(j, "invert", false, &s->invert));
    if (pattern) return regex_new(&s->pattern, pattern);
    s->text = alloc_text(text);
    s->text_size = (int64_t)strlen(text);
    return s->text ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status read_delimiter(step_list *list, const json_t *j)
{
    const char *letter;
    step *s;
    RONDO_TRY(field_letter(j, "delimiter", NULL, &letter));
    RONDO_TRY(add_cut(list, cut_text, CUT_REMOVED, &s));
    s->text = alloc_text(letter);
    s->text_size = (int64_t)strlen(letter);
    return s->text ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status read_length(step_list *list, const json_t *j)
{
    step *s;
    RONDO_TRY(add_cut(list, cut_length, CUT_ISOLATED, &s));
    return field_int(j, "length", 5, 1, INT32_MAX, &s->number);
}

/* ---- The tables ---- */
typedef struct step_row {
    const char *name;
    rondo_status (*read)(step_list *, const json_t *);
    const char *fields[6]; /* that it knows; "type" besides */
} step_row;

static const step_row normalizers[] = {
    { "NFC", read_nfc, { NULL } },
    { "NFD", read_nfd, { NULL } },
    { "NFKC", read_nfkc, { NULL } },
    { "NFKD", read_nfkd, { NULL } },
    { "Lowercase", read_lowercase, { NULL } },
    { "Strip", read_strip, { "strip_left", "strip_right" } },
    { "StripAccents", read_strip_accents, { NULL } },
    { "Nmt", read_nmt, { NULL } },
    { "ByteLevel", read_bytes, { NULL } },
    { "Prepend", read_prepend, { "prepend" } },
    { "Replace", read_replace, { "pattern", "content" } },
    { "BertNormalizer",
      read_bert,
      { "clean_text", "handle_chinese_chars", "strip_accents", "lowercase" } },
    { NULL, NULL, { NULL } },
};

static const step_row pre_tokenizers[] = {
    { "ByteLevel", read_byte_level, { "add_prefix_space", "trim_offsets", "use_regex" } },
    { "Metaspace",
      read_metaspace,
      { "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep" } },
    { "BertPreTokenizer", read_bert_words, { NULL } },
    { "Whitespace", read_whitespace, { NULL } },
    { "WhitespaceSplit", read_whitespace_split, { NULL } },
    { "Digits", read_digits, { "individual_digits" } },
    { "Punctuation", read_punctuation, { "behavior" } },
    { "Split", read_split, { "pattern", "behavior", "invert" } },
    { "CharDelimiterSplit", read_delimiter, { "delimiter" } },
    { "FixedLength", read_length, { "length" } },
    { NULL, NULL, { NULL } },
};

static rondo_status read_row(step_list *list, const json_t *j, const step_row *rows,
                             const char *what, const char *members)
{
    const char *type = field_type(j);
    if (!type) return RONDO_E_FORMAT;
    if (strcmp(type, "Sequence") == 0) {
        json_t *parts, *part;
        size_t i;
        RONDO_TRY(json_want_array(j, members, &parts));
        json_array_foreach (parts, i, part) RONDO_TRY(read_row(list, part, rows, what, members));
        return RONDO_OK;
    }
    for (const step_row *row = rows; row->name; row++) {
        const char *known[8] = { "type" };
        if (strcmp(row->name, type) != 0) continue;
        memcpy(known + 1, row->fields, sizeof row->fields);
        RONDO_TRY(field_known(j, type, known));
        return rondo_fail_in(row->read(list, j), "%s", type);
    }
    return rondo_fail(RONDO_E_ABSENT, "the %s \"%s\" is none that Rondo has", what, type);
}

rondo_status steps_read_normalizer(step_list *list, const json_t *j)
{
    if (!j || json_is_null(j)) return RONDO_OK;
    return rondo_fail_in(read_row(list, j, normalizers, "normalizer", "normalizers"), "normalizer");
}

rondo_status steps_read_pre_tokenizer(step_list *list, const json_t *j)
{
    if (!j || json_is_null(j)) return RONDO_OK;
    return rondo_fail_in(read_row(list, j, pre_tokenizers, "pre-tokenizer", "pretokenizers"),
                         "pre_tokenizer");
}

rondo_status steps_rewrite(const step_list *list, const char *text, int64_t n, aligned *out)
{
    aligned part[2] = { { 0 } };
    aligned now = { .data = (char *)(uintptr_t)text, .n = n };
    for (int i = 0, turn = 0; i < list->n; i++) {
        const step *s = &list->at[i];
        if (s->idle && s->idle(s, now.data, now.n)) continue;
        aligned *next = &part[turn];
        aligned_clear(next, false, n);
        s->rewrite(s, &now, &(piece){ 0, now.n, -1, true }, next);
        if (next->status) {
            now.status = next->status;
            break;
        }
        now = (aligned){ .data = next->data, .n = next->n };
        turn = !turn;
    }
    aligned_clear(out, false, n);
    aligned_copy(out, &now, 0, now.n);
    const rondo_status status = now.status ? now.status : out->status;
    for (int i = 0; i < 2; i++) aligned_free(&part[i]);
    return status;
}
