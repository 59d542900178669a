/* process - what is put around the tokens of a text: templates, truncation, padding. */
#include "text/parts.h"

enum { LIMIT_TEMPLATE = 1024 };

/* ---- Templates: each processor puts its tokens around what the one before it made ---- */
typedef struct template
{
    int32_t id[LIMIT_TEMPLATE]; /* OWN_TOKENS: those of the text */
    int64_t n;
}
template;

static rondo_status template_add(template *t, int64_t id, int64_t size)
{
    if (t->n == LIMIT_TEMPLATE)
        return rondo_fail(RONDO_E_FORMAT, "it adds over %d tokens", LIMIT_TEMPLATE);
    if (id != OWN_TOKENS && (id < 0 || id >= size))
        return rondo_fail(RONDO_E_FORMAT, "it adds the token %lld; the ids are 0 to %lld",
                          (long long)id, (long long)size - 1);
    t->id[t->n++] = (int32_t)id;
    return RONDO_OK;
}

static rondo_status add_inner(template *t, const template *inner, int64_t size)
{
    for (int64_t i = 0; i < inner->n; i++) RONDO_TRY(template_add(t, inner->id[i], size));
    return RONDO_OK;
}

/* {"SpecialToken": {"id": "[CLS]", …}}: the ids that "special_tokens" gives it. */
static rondo_status add_special(template *t, const json_t *item, const json_t *specials,
                                int64_t size)
{
    const char *name;
    json_t *special, *ids, *id;
    size_t i;
    RONDO_TRY(json_want_text(item, "id", &name));
    RONDO_TRY(json_want_object(specials, name, &special));
    RONDO_TRY(json_want_array(special, "ids", &ids));
    json_array_foreach (ids, i, id) {
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return rondo_fail(RONDO_E_FORMAT, "\"ids\" of \"%s\" are no ids", name);
        RONDO_TRY(template_add(t, json_integer_value(id), size));
    }
    return RONDO_OK;
}

static rondo_status read_template(template *t, const template *inner, const json_t *j, int64_t size)
{
    static const char *const known[] = { "type", "single", "pair", "special_tokens", NULL };
    json_t *single, *specials, *item;
    const char *which;
    size_t i;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(json_want_array(j, "single", &single));
    RONDO_TRY(json_want_object(j, "special_tokens", &specials));
    json_array_foreach (single, i, item) {
        const json_t *own = json_object_get(item, "Sequence");
        const json_t *special = json_object_get(item, "SpecialToken");
        if (special) {
            RONDO_TRY(add_special(t, special, specials, size));
        } else if (own) {
            RONDO_TRY(json_want_text(own, "id", &which));
            if (strcmp(which, "A") != 0)
                return rondo_fail(RONDO_E_FORMAT, "\"single\" asks for a second text");
            RONDO_TRY(add_inner(t, inner, size));
        } else {
            return rondo_fail(RONDO_E_FORMAT, "\"single\" has an item that is neither a "
                                              "\"Sequence\" nor a \"SpecialToken\"");
        }
    }
    return RONDO_OK;
}

/* ["[SEP]", 102] */
static rondo_status read_pair(const json_t *j, const char *key, int64_t *id)
{
    const json_t *pair = json_object_get(j, key), *number = json_array_get(pair, 1);
    *id = json_integer_value(number);
    if (json_array_size(pair) == 2 && json_is_integer(number) && *id >= 0) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"%s\" is not a token and its id", key);
}

/* [CLS] text [SEP], of BERT and RoBERTa */
static rondo_status read_cls_sep(template *t, const template *inner, const json_t *j, int64_t size)
{
    static const char *const known[] = { "type", "sep", "cls", "trim_offsets", "add_prefix_space",
                                         NULL };
    int64_t cls, sep;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(read_pair(j, "cls", &cls));
    RONDO_TRY(read_pair(j, "sep", &sep));
    RONDO_TRY(template_add(t, cls, size));
    RONDO_TRY(add_inner(t, inner, size));
    return template_add(t, sep, size);
}

/* It only trims the spans of tokens; ours have their blanks. */
static rondo_status read_byte_level(template *t, const template *inner, const json_t *j,
                                    int64_t size)
{
    static const char *const known[] = { "type", "add_prefix_space", "trim_offsets", "use_regex",
                                         NULL };
    RONDO_TRY(field_known(j, "it", known));
    return add_inner(t, inner, size);
}

static rondo_status read_processor(template *t, const json_t *j, int64_t size)
{
    static const struct {
        const char *name;
        rondo_status (*read)(template *, const template *, const json_t *, int64_t);
    } rows[] = { { "TemplateProcessing", read_template },
                 { "BertProcessing", read_cls_sep },
                 { "RobertaProcessing", read_cls_sep },
                 { "ByteLevel", read_byte_level } };
    const template inner = *t;
    const char *type = field_type(j);
    if (!type) return RONDO_E_FORMAT;
    if (strcmp(type, "Sequence") == 0) {
        json_t *parts, *part;
        size_t i;
        RONDO_TRY(json_want_array(j, "processors", &parts));
        json_array_foreach (parts, i, part) RONDO_TRY(read_processor(t, part, size));
        return RONDO_OK;
    }
    t->n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, type) == 0)
            return rondo_fail_in(rows[i].read(t, &inner, j, size), "%s", type);
    return rondo_fail(RONDO_E_ABSENT, "\"%s\" is none that Rondo has", type);
}

/* ---- Truncation and padding ---- */
static rondo_status read_side(const json_t *j, bool *left)
{
    const char *side;
    RONDO_TRY(field_text(j, "direction", "Right", &side));
    *left = strcmp(side, "Left") == 0;
    if (*left || strcmp(side, "Right") == 0) return RONDO_OK;
    return rondo_fail(RONDO_E_FORMAT, "\"direction\" is \"%s\"; it may be Left or Right", side);
}

static rondo_status read_truncation(post_processor *p, const json_t *j)
{
    static const char *const known[] = { "direction", "max_length", "strategy", "stride", NULL };
    const char *strategy;
    if (!j || json_is_null(j)) return RONDO_OK;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(field_int(j, "max_length", -1, 0, LIMIT_SIZE, &p->longest));
    RONDO_TRY(field_text(j, "strategy", "LongestFirst", &strategy));
    RONDO_TRY(read_side(j, &p->cuts_left));
    if (p->longest < 0) return rondo_fail(RONDO_E_FORMAT, "\"max_length\" is missing");
    if (strcmp(strategy, "LongestFirst") != 0 && strcmp(strategy, "OnlyFirst") != 0)
        return rondo_fail(RONDO_E_ABSENT, "the strategy \"%s\" is for two texts", strategy);
    if (p->longest < p->added)
        return rondo_fail(RONDO_E_FORMAT,
                          "\"max_length\" is %lld, but the post-processor alone adds %lld",
                          (long long)p->longest, (long long)p->added);
    p->cuts = true;
    return RONDO_OK;
}

static rondo_status read_padding(post_processor *p, const json_t *j, int64_t size)
{
    static const char *const known[] = { "strategy", "direction",   "pad_to_multiple_of",
                                         "pad_id",   "pad_type_id", "pad_token",
                                         NULL };
    const json_t *strategy = json_object_get(j, "strategy");
    int64_t id;
    if (!j || json_is_null(j)) return RONDO_OK;
    RONDO_TRY(field_known(j, "it", known));
    RONDO_TRY(field_int(j, "pad_id", 0, 0, size - 1, &id));
    RONDO_TRY(field_int(j, "pad_to_multiple_of", 0, 0, LIMIT_PADDING, &p->multiple));
    RONDO_TRY(read_side(j, &p->pads_left));
    if (json_is_object(strategy)) {
        RONDO_TRY(json_want_int(strategy, "Fixed", &p->fixed));
        RONDO_TRY(field_int(strategy, "Fixed", 0, 0, LIMIT_PADDING, &p->fixed));
    } else if (!json_is_string(strategy) ||
               strcmp(json_string_value(strategy), "BatchLongest") != 0) {
        return rondo_fail(RONDO_E_FORMAT,
                          "\"strategy\" is neither \"BatchLongest\" nor {\"Fixed\": N}");
    }
    p->pad = (int32_t)id;
    p->pads = true;
    return RONDO_OK;
}

rondo_status post_read(post_processor *p, const json_t *file, int64_t size)
{
    const json_t *j = json_object_get(file, "post_processor");
    *p = (post_processor){ 0 };
    template *t = alloc_new(sizeof *t);
    if (!t) return RONDO_E_NOMEM;
    t->id[t->n++] = OWN_TOKENS;
    rondo_status status = RONDO_OK;
    if (j && !json_is_null(j)) status = rondo_fail_in(read_processor(t, j, size), "post_processor");
    p->id = status ? NULL : alloc_array(t->n, sizeof *p->id);
    if (!status && !p->id) status = RONDO_E_NOMEM;
    for (int64_t i = 0; !status && i < t->n; i++) {
        p->id[p->n++] = t->id[i];
        p->added += t->id[i] != OWN_TOKENS;
    }
    alloc_free(t);
    RONDO_TRY(status);
    RONDO_TRY(rondo_fail_in(read_truncation(p, json_object_get(file, "truncation")), "truncation"));
    return rondo_fail_in(read_padding(p, json_object_get(file, "padding"), size), "padding");
}

void post_free(post_processor *p)
{
    alloc_free(p->id);
    *p = (post_processor){ 0 };
}

/* ---- At work ---- */
static void move(token_list *l, int64_t to, int64_t from, int64_t n)
{
    memmove(l->id + to, l->id + from, (size_t)n * sizeof *l->id);
    if (!l->spans) return;
    memmove(l->begin + to, l->begin + from, (size_t)n * sizeof *l->begin);
    memmove(l->end + to, l->end + from, (size_t)n * sizeof *l->end);
}

static void put(token_list *l, int64_t at, int32_t id, int64_t where)
{
    l->id[at] = id;
    if (l->spans) l->begin[at] = l->end[at] = where;
}

/* The text's tokens are first put out of the way. */
static rondo_status fill_template(const post_processor *p, token_list *l, int64_t start,
                                  int64_t text_size)
{
    const int64_t own = l->n - start;
    int64_t total = 0, at = start;
    bool before = true;
    for (int64_t i = 0; i < p->n; i++) total += p->id[i] == OWN_TOKENS ? own : 1;
    RONDO_TRY(token_list_reserve(l, start + total + own));
    move(l, start + total, start, own);
    for (int64_t i = 0; i < p->n; i++) {
        if (p->id[i] != OWN_TOKENS) {
            put(l, at++, p->id[i], before ? 0 : text_size);
            continue;
        }
        move(l, at, start + total, own);
        at += own;
        before = false;
    }
    l->n = at;
    return RONDO_OK;
}

static rondo_status pad(const post_processor *p, token_list *l, int64_t start, int64_t text_size)
{
    const int64_t n = l->n - start;
    int64_t wanted = p->fixed > n ? p->fixed : n;
    if (p->multiple) wanted = (wanted + p->multiple - 1) / p->multiple * p->multiple;
    const int64_t more = wanted - n;
    if (!more) return RONDO_OK;
    RONDO_TRY(token_list_reserve(l, start + wanted));
    if (p->pads_left) move(l, start + more, start, n);
    for (int64_t i = 0; i < more; i++)
        put(l, p->pads_left ? start + i : l->n + i, p->pad, p->pads_left ? 0 : text_size);
    l->n = start + wanted;
    return RONDO_OK;
}

rondo_status post_apply(const post_processor *p, token_list *l, int64_t start, int64_t text_size)
{
    const int64_t own = l->n - start, most = p->longest - p->added;
    if (p->cuts && own > most) {
        if (p->cuts_left) move(l, start, l->n - most, most);
        l->n = start + most;
    }
    if (p->added || p->n != 1) RONDO_TRY(fill_template(p, l, start, text_size));
    return p->pads ? pad(p, l, start, text_size) : RONDO_OK;
}
