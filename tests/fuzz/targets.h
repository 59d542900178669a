/* targets - what is fuzzed: each takes any bytes and returns 0; it aborts when the library breaks
 * its word (a failure without a sentence or of a kind that bytes cannot cause, a model that
 * cannot be saved). */
#ifndef TESTS_FUZZ_TARGETS_H
#define TESTS_FUZZ_TARGETS_H
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#include "data/data.h"
#include "format/format.h"
#include "formula/formula.h"
#include "task/task.h"
#include "text/text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fuzz_target {
    const char *name, *ending; /* ending: of its seeds in a corpus folder */
    int (*run)(const uint8_t *data, size_t size);
} fuzz_target;

static int64_t fuzz_accepted; /* inputs that were good: seeds must be */

/* ---- Memory: more than a small machine has is not there ---- */
enum { FUZZ_MEMORY = 1 << 28, FUZZ_WEIGHTS = 1 << 20 };

static void *fuzz_memory(void *p, size_t n)
{
    if (n == 0) {
        free(p);
        return NULL;
    }
    return n > FUZZ_MEMORY ? NULL : realloc(p, n);
}

static void fuzz_expect(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "fuzz: %s; the sentence is \"%s\"\n", what, rondo_error());
    abort();
}

/* Bytes can be wrong; they cannot call too early or diverge. */
static void fuzz_check(rondo_status s)
{
    if (!s) return;
    fuzz_expect(s != RONDO_E_STATE && s != RONDO_E_NAN && s != RONDO_E_STOPPED && s != RONDO_E_IO,
                "a failure that bytes cannot cause");
    fuzz_expect(strlen(rondo_error()) > 5, "a failure without a sentence");
}

/* ---- A file of these bytes ---- */
static char fuzz_folder[256];

static void fuzz_leave(void)
{
    rmdir(fuzz_folder);
}

static const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[600];
    if (!*fuzz_folder) {
        const char *where = getenv("TMPDIR");
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/rondo-fuzz-XXXXXX",
                 where && *where ? where : "/tmp");
        fuzz_expect(mkdtemp(fuzz_folder) != NULL, "no temporary folder");
        atexit(fuzz_leave);
    }
    snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
    FILE *f = fopen(path, "wb");
    fuzz_expect(f && fwrite(data, 1, size, f) == size && fclose(f) == 0,
                "the input cannot be written");
    return path;
}

/* ---- Models ---- */
static void fuzz_forward(const rondo_model *m)
{
    static const real x[6 * 64];
    static const int32_t tokens[6];
    feed feeds[MAX_PORTS];
    pass *p;
    for (int i = 0; i < m->n_inputs; i++) {
        const value_shape *s = &m->nodes[m->inputs[i]].out[0];
        if (s->features > 64) return;
        feeds[i] = (feed){ .steps = s->sequence ? 3 : 1, .batch = 2, .data = x, .tokens = tokens };
    }
    rondo_status s = pass_new(&p, m);
    if (!s) s = pass_forward(p, m->n_inputs, feeds);
    fuzz_check(s);
    pass_free(p);
}

/* What can be built can be described, drawn and run. */
static void fuzz_use(rondo_model *m)
{
    json_t *json;
    rondo_model *copy;
    if (!m->n_layers) return;
    fuzz_accepted++;
    rondo_status s = model_to_json(m, &json);
    fuzz_check(s);
    if (!s) {
        s = model_from_json(&copy, json);
        fuzz_expect(!s || s == RONDO_E_NOMEM, "a model is not read back from its own description");
        rondo_model_free(copy);
        json_decref(json);
    }
    if (rondo_parameter_count(m, false) > FUZZ_WEIGHTS) return;
    s = model_prepare(m, 0);
    fuzz_check(s);
    if (!s) fuzz_forward(m);
}

static int fuzz_model(const uint8_t *data, size_t size)
{
    rondo_model *m;
    alloc_hook = fuzz_memory;
    const char *path = fuzz_file("model", data, size);
    const rondo_status s = rondo_load(&m, path);
    fuzz_check(s);
    fuzz_expect(!s == (m != NULL), "a model and a failure");
    if (m) fuzz_use(m);
    rondo_model_free(m);
    unlink(path);
    return 0;
}

static int fuzz_graph(const uint8_t *data, size_t size)
{
    json_t *json;
    rondo_model *m = NULL;
    alloc_hook = fuzz_memory;
    rondo_status s = json_read(&json, (const char *)data, size, "graph");
    if (!s) s = model_from_json(&m, json);
    fuzz_check(s);
    json_decref(json);
    if (m) fuzz_use(m);
    rondo_model_free(m);
    return 0;
}

static rondo_model *fuzz_adapted_model(void)
{
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    rondo_add_spec(m, "embedding 3 input_dim=4; lstm 3; dense no_bias tie=embedding");
    return m;
}

/* The tensors of LoRA on all of it. */
static const unsigned char *fuzz_adapter_tensors(size_t *n)
{
    static unsigned char bytes[1 << 12];
    static size_t size;
    char path[700], folder[600];
    file_map map;
    snprintf(folder, sizeof folder, "%s", fuzz_file("adapter_config.json", bytes, 0));
    *strrchr(folder, '/') = 0;
    rondo_model *m = size ? NULL : fuzz_adapted_model();
    if (m && !rondo_adapt(m, "*", "lora 2") && !rondo_adapters_save(m, NULL, folder)) {
        snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
        fuzz_expect(!file_map_open(&map, path) && map.size <= sizeof bytes, "no adapters saved");
        memcpy(bytes, map.data, size = map.size);
        file_map_close(&map);
    }
    rondo_model_free(m);
    *n = size;
    return bytes;
}

static int fuzz_adapters(const void *config, size_t config_size, const void *tensors, size_t size)
{
    char path[600];
    alloc_hook = fuzz_memory;
    (void)fuzz_file("adapter_config.json", config, config_size);
    snprintf(path, sizeof path, "%s", fuzz_file("adapter_model.safetensors", tensors, size));
    *strrchr(path, '/') = 0;
    rondo_model *m = fuzz_adapted_model();
    const rondo_status s = rondo_adapters_load(m, "read", path);
    fuzz_check(s);
    if (!s) fuzz_use(m);
    rondo_model_free(m);
    strcat(path, "/adapter_config.json");
    unlink(path);
    strcpy(strrchr(path, '/'), "/adapter_model.safetensors");
    unlink(path);
    return 0;
}

static int fuzz_adapter_config(const uint8_t *data, size_t size)
{
    size_t n;
    const unsigned char *tensors = fuzz_adapter_tensors(&n);
    return fuzz_adapters(data, size, tensors, n);
}

static int fuzz_adapter_model(const uint8_t *data, size_t size)
{
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4}";
    return fuzz_adapters(config, sizeof config - 1, data, size);
}

static int fuzz_spec(const uint8_t *data, size_t size)
{
    double args[RONDO_MAX_PARAMETERS];
    rondo_function f;
    loss l;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    alloc_hook = fuzz_memory;
    fuzz_check(activation_parse(&f, text));
    activation_free(&f);
    fuzz_check(initializer_check(text));
    fuzz_check(loss_parse(&l, text));
    fuzz_check(parameters_parse(args, "alpha=1 beta=2", text, "fuzz"));
    for (int tokens = 0; tokens < 2; tokens++) {
        rondo_model *m = rondo_model_new();
        rondo_input(m, tokens ? RONDO_I32 : RONDO_F32, tokens ? RONDO_SHAPE(0) : RONDO_SHAPE(0, 3));
        const rondo_status s = rondo_add_spec(m, text);
        fuzz_check(s);
        if (!s) fuzz_use(m);
        rondo_model_free(m);
    }
    rondo_model *m = fuzz_adapted_model();
    fuzz_check(rondo_adapt(m, "*", text));
    fuzz_check(rondo_adapt(m, text, "frozen"));
    if (!m->status) fuzz_use(m);
    rondo_model_free(m);
    free(text);
    return 0;
}

/* ---- How a model is trained: one text as each of the keys that say it ---- */

/* Whatever it is, its rates are numbers, and not below 0. */
static void fuzz_schedule(const char *text)
{
    const schedule_row *row;
    schedule_options o;
    const rondo_status s = schedule_parse(&row, &o, text);
    fuzz_check(s);
    fuzz_accepted += !s;
    for (int64_t step = 0; !s && step < 500; step += 1 + step / 3) {
        const schedule_time now = { step, (double)step / 20, 25, 500 };
        const double factor = row->factor(&o, &now);
        fuzz_expect(factor >= 0, "a rate that is no number"); /* it may grow without end */
    }
}

static void fuzz_recipe(const char *text)
{
    static const char *const keys[] = { "adapt", "freeze", "train", "rates", "preset" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        rondo_recipe *r = rondo_recipe_new();
        rondo_model *m = fuzz_adapted_model();
        rondo_status s = rondo_recipe_set(r, "train", keys[i], text);
        fuzz_check(s);
        if (!s) s = preset_check(r);
        fuzz_check(s);
        if (!s) s = recipe_adapt(m, r);
        fuzz_check(s);
        if (!s) s = rondo_set_rates(m, rondo_recipe_get(r, "rates"));
        fuzz_check(s);
        fuzz_accepted += !s;
        if (!s) fuzz_use(m);
        rondo_model_free(m);
        rondo_recipe_free(r);
    }
}

static int fuzz_training(const uint8_t *data, size_t size)
{
    optimizer o;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    alloc_hook = fuzz_memory;
    fuzz_schedule(text);
    const rondo_status s = optimizer_parse(&o, text);
    fuzz_check(s);
    fuzz_accepted += !s;
    if (!s) fuzz_expect(isfinite(optimizer_rate(&o)), "a first rate that is no number");
    if (!s) optimizer_free(&o);
    fuzz_recipe(text);
    free(text);
    return 0;
}

/* A formula that is taken computes, prints, and is read again from what was printed. */
static int fuzz_formula(const uint8_t *data, size_t size)
{
    enum { N = 19 };
    real x[N], y[N], dx[N], dy[N];
    rondo_function f;
    char *text = malloc(size + 1), *derivative;
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    alloc_hook = fuzz_memory;
    const rondo_status s = activation_parse(&f, text);
    fuzz_check(s);
    fuzz_expect(!s == (f.row != NULL), "a function and a failure");
    fuzz_accepted += !s;
    for (int i = 0; i < N; i++) {
        x[i] = (real)(i - 9);
        dy[i] = 1;
    }
    if (!s) {
        rondo_activate(&f, y, x, N);
        rondo_activate_backward(&f, dx, f.row->needs_input ? x : NULL, y, dy, N);
        activation_free(&f);
    }
    if (!formula_derivative_text(&derivative, text, "alpha=1 beta=2")) {
        tree t;
        int root;
        formula_names names = { .list = { { "alpha", 1, true }, { "beta", 2, true } }, .n = 2 };
        fuzz_expect(!tree_new(&t), "no memory");
        const rondo_status again = strlen(derivative) > LIMIT_FORMULA
                                       ? RONDO_OK
                                       : formula_parse(&t, &root, derivative, &names);
        fuzz_expect(!again || again == RONDO_E_LIMIT, "a derivative that is no formula");
        tree_free(&t);
        alloc_free(derivative);
    }
    free(text);
    return 0;
}

/* ---- Readers ---- */
static void fuzz_read(const char *name, const char *options, const uint8_t *data, size_t size)
{
    rondo_dataset *d;
    batch b = { 0 };
    scaler scale;
    alloc_hook = fuzz_memory;
    const char *path = fuzz_file(name, data, size);
    rondo_status s = rondo_dataset_open(&d, path, options);
    fuzz_check(s);
    fuzz_expect(!s == (d != NULL), "a dataset and a failure");
    fuzz_accepted += !s;
    const bool raw = d && dataset_is_raw_text(d);
    if (!s && !raw) s = scaler_fit(&scale, "standard", d, false, 0);
    if (!s && !raw) scaler_free(&scale);
    s = RONDO_OK;
    for (int64_t i = 0; raw && i < d->count; i++) {
        const char *text;
        size_t n;
        fuzz_check(d->text(d, NULL, i, &text, &n));
        fuzz_expect(utf8_valid(text, n) == n, "a document that is no UTF-8");
    }
    for (int64_t i = 0; d && i < d->count && i < 16 && !s; i++) {
        const int64_t items[] = { i, d->count - 1 };
        if (dataset_longest(d) < 1 << 12) s = batch_gather(&b, d, items, 2, NULL, NULL);
        fuzz_check(s);
    }
    batch_free(&b);
    rondo_dataset_free(d);
    unlink(path);
}

static int fuzz_csv(const uint8_t *data, size_t size)
{
    static const char *const options[] = { "target=y", "target=y sequence=id per_step features=x",
                                           "target=y window=2 horizon=1 missing=NA",
                                           "target=2 header=false steps=2" };
    for (int i = 0; i < 4; i++) fuzz_read("input.csv", options[i], data, size);
    return 0;
}

static int fuzz_npy(const uint8_t *data, size_t size)
{
    fuzz_read("input.npy", "no_target", data, size);
    return 0;
}

static int fuzz_npz(const uint8_t *data, size_t size)
{
    fuzz_read("input.npz", "no_target", data, size);
    return 0;
}

static int fuzz_idx(const uint8_t *data, size_t size)
{
    fuzz_read("input.idx", "no_target", data, size);
    return 0;
}

static int fuzz_ts(const uint8_t *data, size_t size)
{
    fuzz_read("input.ts", "", data, size);
    return 0;
}

static int fuzz_piano_roll(const uint8_t *data, size_t size)
{
    fuzz_read("input.jsonl", "format=piano_roll", data, size);
    fuzz_read("input.jsonl", "format=piano_roll keys=9 no_target", data, size);
    return 0;
}

/* ---- Tokenizers ---- */

/* What it makes of a text is the same every time, in order and from within the text; and it becomes
 * text again. */
static void fuzz_encode_with(const tokenizer *t, const char *text, size_t n)
{
    token_list once = { 0 }, spans = { .spans = true };
    text_buffer out = { 0 };
    rondo_status s = tokenizer_encode(t, text, n, &once);
    fuzz_check(s);
    fuzz_expect(s == RONDO_E_FORMAT || s == RONDO_E_LIMIT || s == RONDO_E_NOMEM ||
                    utf8_valid(text, n) == n,
                "tokens of what is no UTF-8");
    for (int i = 0; i < 2 && !s; i++) {
        spans.n = 0;
        s = tokenizer_encode(t, text, n, &spans);
        if (s) break;
        fuzz_expect(spans.n == once.n &&
                        (!once.n || !memcmp(once.id, spans.id, (size_t)once.n * sizeof *once.id)),
                    "other tokens the second time");
        for (int64_t k = 0; k < spans.n; k++)
            fuzz_expect(0 <= spans.begin[k] && spans.begin[k] <= spans.end[k] &&
                            spans.end[k] <= (int64_t)n && tokenizer_token(t, spans.id[k]),
                        "a token from nowhere");
    }
    if (!s) fuzz_check(tokenizer_decode(t, once.id, once.n, &out));
    text_free(&out);
    token_list_free(&once);
    token_list_free(&spans);
}

static int fuzz_tokenizer(const uint8_t *data, size_t size)
{
    static const char *const texts[] = { "",
                                         "the theme \xE4\xB8\xAD\xE6\x96\x87 comes <s>back</s>!",
                                         "  \xC3\x89t\xC3\xA9\n\t123 a\xCC\x81 ",
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    json_t *json, *written;
    tokenizer *t = NULL, *again;
    alloc_hook = fuzz_memory;
    rondo_status s = json_read(&json, (const char *)data, size, "tokenizer");
    if (!s) s = tokenizer_from_json(&t, json);
    fuzz_check(s);
    fuzz_expect(!s == (t != NULL), "a tokenizer and a failure");
    json_decref(json);
    fuzz_accepted += !s;
    for (int i = 0; t && i < 4; i++) fuzz_encode_with(t, texts[i], strlen(texts[i]));
    if (t) {
        s = tokenizer_to_json(t, &written);
        fuzz_check(s);
        if (!s) s = tokenizer_from_json(&again, written);
        fuzz_expect(!s || s == RONDO_E_NOMEM, "a tokenizer is not read back");
        if (!s) tokenizer_free(again);
        json_decref(written);
    }
    tokenizer_free(t);
    return 0;
}

static rondo_status fuzz_next_text(void *user, bool rewind, const char **text, size_t *n)
{
    static const char line[] = "The theme comes back, again and again; \xE4\xB8\xAD\xE6\x96\x87 "
                               "caf\xC3\xA9 123!";
    int *given = user;
    if (rewind) *given = 0;
    *text = (*given)++ < 2 ? line : NULL;
    *n = sizeof line - 1;
    return RONDO_OK;
}

/* Any bytes as text, for a tokenizer of each kind. */
static int fuzz_encode(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = { "char normalize=nfkc",
                                         "word strip_accents end=<eos>",
                                         "byte",
                                         "bpe vocab_size=300 normalize=nfc",
                                         "wordpiece vocab_size=60 truncate=9 pad_to=12",
                                         "unigram vocab_size=60" };
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static tokenizer *made[KINDS];
    alloc_hook = fuzz_memory;
    for (int i = 0, given; i < KINDS; i++) {
        if (!made[i])
            fuzz_expect(!tokenizer_train(&made[i], kinds[i], fuzz_next_text, &given, NULL),
                        "a tokenizer cannot be trained");
        fuzz_encode_with(made[i], (const char *)data, size);
    }
    fuzz_accepted += utf8_valid((const char *)data, size) == size;
    return 0;
}

/* ---- Readers of text ---- */
static int fuzz_text(const uint8_t *data, size_t size)
{
    fuzz_read("input.txt", "format=text label=first", data, size);
    fuzz_read("input.txt", "format=text label=coarse encoding=cp1252", data, size);
    fuzz_read("input.txt", "format=text sample_by=paragraph rows=0-1/3", data, size);
    fuzz_read("input.csv", "format=csv text=b target=a as=classes", data, size);
    fuzz_read("input.json", "format=json", data, size);
    fuzz_read("input.conllu", "format=conllu target=upos", data, size);
    return 0;
}

static const fuzz_target fuzz_targets[] = {
    { "tokenizer", ".tokenizer", fuzz_tokenizer },
    { "encode", ".utf8", fuzz_encode },
    { "model", ".safetensors", fuzz_model },
    { "graph", ".json", fuzz_graph },
    { "spec", ".txt", fuzz_spec },
    { "formula", ".formula", fuzz_formula },
    { "training", ".training", fuzz_training },
    { "csv", ".csv", fuzz_csv },
    { "npy", ".npy", fuzz_npy },
    { "npz", ".npz", fuzz_npz },
    { "idx", ".idx", fuzz_idx },
    { "ts", ".ts", fuzz_ts },
    { "piano_roll", ".jsonl", fuzz_piano_roll },
    { "text", ".txt", fuzz_text },
    { "adapter_config", ".config.json", fuzz_adapter_config },
    { "adapter_model", ".adapter.safetensors", fuzz_adapter_model },
};
enum { FUZZ_TARGETS = sizeof fuzz_targets / sizeof *fuzz_targets };
#endif
