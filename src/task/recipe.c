/* recipe - keys and values.  Ours are in the table below; readers and optimizers bring their own. */
#include "task/task.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 160 };
/* Verbs that open data as a model has them. */
#define READS_DATA "train eval predict diagnose explain report"

typedef struct own_key {
    rondo_recipe_key key;
    option_type type;
} own_key;

static const own_key own_keys[] = {
    { { "model", "SPEC", NULL, "layers, as in \"gru 64; dense softmax\"", "train", "; " },
      OPTION_TEXT },
    { { "preset", "NAME", NULL,
        "a published recipe, for all keys that are not set here: rondo help presets", "train", "" },
      OPTION_TEXT },
    { { "task", "NAME", "auto", "what it is: classify (or sentiment), regress, forecast, language",
        "train", "" },
      OPTION_TEXT },
    { { "data", "FILE", NULL, "a data file, or generated: task:adding?length=150",
        READS_DATA " tokenize", "" },
      OPTION_TEXT },
    { { "labels", "FILE", NULL, "the file of labels, where they are in one of their own",
        READS_DATA, "" },
      OPTION_TEXT },
    { { "validation", "FILE", NULL, "data to judge each epoch by", "train", "" }, OPTION_TEXT },
    { { "validation_labels", "FILE", NULL, "labels of the validation data", "train", "" },
      OPTION_TEXT },
    { { "test", "FILE", NULL,
        "data that only the best epoch is judged by, at the end; several: \"a=FILE; b=FILE\"",
        "train", "; " },
      OPTION_TEXT },
    { { "test_labels", "FILE", NULL, "labels of the test data", "train", "; " }, OPTION_TEXT },
    { { "validation_split", "PART", "0", "keep this part of the data for validation: 0.2", "train",
        "" },
      OPTION_REAL },
    { { "tokenizer", "SPEC or FILE", "word",
        "of text: char, byte, word, bpe vocab_size=8000 …, made from the training data; or a "
        "tokenizer.json",
        "train", " " },
      OPTION_TEXT },
    { { "max_length", "N", "0", "of text: so many tokens at most; 0: all", "train", "" },
      OPTION_INT },
    { { "truncate", "pre|post", "post", "of a longer text, which end is cut off", "train", "" },
      OPTION_TEXT },
    { { "vectors", "FILE", NULL,
        "of text: word vectors that the embedding begins with, as GloVe, word2vec or fastText "
        "write "
        "them",
        "train", "" },
      OPTION_TEXT },
    { { "scale", "KIND", "none", "standard, minmax or none; fitted on training data only", "train",
        "" },
      OPTION_TEXT },
    { { "class_weight", "WEIGHTS", NULL,
        "how much a sample of a class counts in the loss: balanced, or as in \"good=1 bad=2.5\"",
        "train", " " },
      OPTION_TEXT },
    { { "threshold", "WHICH", "0.5",
        "of two classes: over which probability the second is told; a number, or what is best on "
        "the "
        "validation data: accuracy, f1 or balanced_accuracy",
        "train eval predict report", "" },
      OPTION_TEXT },
    { { "optimizer", "SPEC", "adam", "as in \"sgd momentum=0.9\"", "train", " " }, OPTION_TEXT },
    { { "loss", "SPEC", NULL, "default: what the last layer asks for", "train", "; " },
      OPTION_TEXT },
    { { "metrics", "LIST", NULL, "default: accuracy, or mae", "train", " " }, OPTION_TEXT },
    { { "epochs", "N", "10", "times through the data", "train", "" }, OPTION_INT },
    { { "steps_per_epoch", "N", "0", "an epoch is so many batches, drawn anew; 0: all the data",
        "train", "" },
      OPTION_INT },
    { { "batch", "N", "32", "samples at a time", READS_DATA, "" }, OPTION_INT },
    { { "bucket", "N", "0",
        "sort each N batches of an epoch by length: short samples do not wait for long ones; 0: no",
        "train", "" },
      OPTION_INT },
    { { "bptt", "N", "0", "truncate backpropagation to so many steps; 0: never", "train", "" },
      OPTION_INT },
    { { "rates", "LIST", NULL,
        "factors of the learning rate: \"embedding*=0.1\", or discriminative: 1/2.6 for each layer "
        "down",
        "train", " " },
      OPTION_TEXT },
    { { "unfreeze", "N", "0",
        "the last layers train first, one more after every N epochs; 0: all at once", "train", "" },
      OPTION_INT },
    { { "compute", "KIND", "f32",
        "matrix products in f32 or bf16: wide layers train faster; weights stay f32", "train bench",
        "" },
      OPTION_TEXT },
    { { "patience", "N", "0", "stop after so many epochs without progress; 0: never", "train", "" },
      OPTION_INT },
    { { "until", "CONDITION", NULL, "stop once a score is reached: \"val_loss < 0.02\"", "train",
        "" },
      OPTION_TEXT },
    { { "callbacks", "SPECS", NULL, "more of them: \"reduce_lr_on_plateau patience=3\"", "train",
        "; " },
      OPTION_TEXT },
    { { "checkpoint_seconds", "S", "60", "write a checkpoint so often inside an epoch, too",
        "train", "" },
      OPTION_REAL },
    { { "output", "PATH", NULL, "where to: the run directory (runs/TASK-N), or a file (-o)",
        "train study diagnose explain report tokenize adapt", "" },
      OPTION_TEXT },
    { { "freeze", "PATTERNS", NULL, "weights that stay: \"embedding.* *.bias\"", "train", " " },
      OPTION_TEXT },
    { { "train", "PATTERNS", NULL, "weights that do train; alone: no others", "train", " " },
      OPTION_TEXT },
    { { "adapt", "PATTERN=SPEC", NULL, "\"*.kernel=lora 8; *=weight_drop 0.5\"", "train", "; " },
      OPTION_TEXT },
    { { "name", "NAME", NULL, "of adapters; default: all, or lora", "adapt", "" }, OPTION_TEXT },
    { { "diagnose", NULL, NULL, "watch gradients, gates and updates; say at the end what is wrong",
        "train", "" },
      OPTION_BOOL },
    { { "fresh", NULL, NULL, "start over in a directory that holds a run", "train", "" },
      OPTION_BOOL },
    { { "vary", "AXIS=VALUES", NULL,
        "an axis of the grid: \"function=tanh,relu\"; may be given again", "study", "; " },
      OPTION_TEXT },
    { { "seeds", "N", "1", "so many: 0, 1, 2 …; or a list: 3,5,8", "study", "," }, OPTION_TEXT },
    { { "jobs", "N", "0", "runs at a time; 0: as many as the machine has processors", "study", "" },
      OPTION_INT },
    { { "measure", "LIST", NULL, "the scores to compare by; default: the first of test data",
        "study", " " },
      OPTION_TEXT },
    { { "better", "WHICH", NULL, "higher or lower; default: as the metric has it", "study", "" },
      OPTION_TEXT },
    { { "compare", "LIST", NULL,
        "the axes whose values are compared; default: all but those that choose the data", "study",
        " " },
      OPTION_TEXT },
    { { "report", NULL, NULL, "train nothing: write the tables of the study in -o DIR again",
        "study", "" },
      OPTION_BOOL },
    { { "eos", "none|line|document", NULL,
        "of language: what ends with the tokenizer's end token; default: of characters and bytes "
        "none, else line",
        "train", "" },
      OPTION_TEXT },
    { { "bptt_vary", NULL, NULL,
        "of language: windows of lengths drawn around bptt, anew in every epoch", "train", "" },
      OPTION_BOOL },
    { { "prompt", "TEXT", NULL, "what it goes on from; -: standard input", "generate", "" },
      OPTION_TEXT },
    { { "length", "N", "200", "tokens of a sample, at most", "generate", "" }, OPTION_INT },
    { { "samples", "N", "1", "how many texts", "generate", "" }, OPTION_INT },
    { { "temperature", "X", "1", "under 1: keeps to what is likely; over 1: less; 0: as greedy",
        "generate", "" },
      OPTION_REAL },
    { { "top_k", "N", "0", "draw out of so many likeliest tokens; 0: all", "generate", "" },
      OPTION_INT },
    { { "top_p", "P", "1", "… or out of those that together have this probability", "generate",
        "" },
      OPTION_REAL },
    { { "repetition_penalty", "X", "1", "makes what was there before less likely: 1.2", "generate",
        "" },
      OPTION_REAL },
    { { "greedy", NULL, NULL, "always the most likely token", "generate", "" }, OPTION_BOOL },
    { { "beam", "N", NULL, "search for the most likely text with so many beams", "generate", "" },
      OPTION_INT },
    { { "length_penalty", "X", "1", "of beams: compare by log-probability / length ^ X", "generate",
        "" },
      OPTION_REAL },
    { { "stop", "TEXT", NULL, "end a sample before this text", "generate", "" }, OPTION_TEXT },
    { { "state", "FILE", NULL, "restore the carried state from here, save it here at the end",
        "stream", "" },
      OPTION_TEXT },
    { { "case", "LIST", NULL, "only these: \"a d activations\"", "bench", " " }, OPTION_TEXT },
    { { "cell", "NAME", NULL, "only this cell: lstm", "bench", "" }, OPTION_TEXT },
    { { "activation", "NAME", NULL,
        "an LSTM's training with this one, or this formula, in every gate", "bench", "" },
      OPTION_TEXT },
    { { "seconds", "S", "60", "about how long", "bench", "" }, OPTION_REAL },
    { { "cases", "FILE", NULL, "measure these cases, lines as --list writes them; -: as they come",
        "bench", "" },
      OPTION_TEXT },
    { { "list", NULL, NULL, "write the cases, measure nothing", "bench", "" }, OPTION_BOOL },
    { { "by", "COLUMNS", NULL,
        "also every metric for each group of samples: a column, or a,b for their combinations",
        "eval report", "," },
      OPTION_TEXT },
    { { "groups", "FILE", NULL, "the table with those columns, a row for each sample",
        "eval report", "" },
      OPTION_TEXT },
    { { "method", "LIST", "integrated_gradients",
        "of them: integrated_gradients occlusion gates units", "explain", " " },
      OPTION_TEXT },
    { { "sample", "N", "0", "which sample, counted from 0", "explain", "" }, OPTION_INT },
    { { "class", "NAME", NULL, "the class, or column of the answer, to explain; the predicted one",
        "explain", "" },
      OPTION_TEXT },
    { { "step", "N", NULL, "of answers over time, from 1; the last", "explain", "" }, OPTION_INT },
    { { "logit", NULL, NULL, "explain what the last activation takes, not the probability",
        "explain", "" },
      OPTION_BOOL },
    { { "baseline", "INPUT", "zeros", "the input that says nothing: zeros, mean or a number",
        "explain", "" },
      OPTION_TEXT },
    { { "hide", "N", "1", "steps that occlusion hides at a time", "explain", "" }, OPTION_INT },
    { { "layer", "NAME", NULL, "gates and units of this layer alone", "explain", "" },
      OPTION_TEXT },
    { { "gate", "NAME", NULL, "each unit of this gate, not each gate's mean", "explain", "" },
      OPTION_TEXT },
    { { "lang", "en|zh", "en", "the language of pages, and of what a diagnosis finds",
        "diagnose explain report", "" },
      OPTION_TEXT },
    { { "csv", NULL, NULL, "results as CSV, a number a line", "explain", "" }, OPTION_BOOL },
    { { "pieces", NULL, NULL, "the tokens themselves in place of their ids", "tokenize", "" },
      OPTION_BOOL },
    { { "plain", NULL, NULL, "the text's own tokens: none added, cut off or padded", "tokenize",
        "" },
      OPTION_BOOL },
    { { "show", NULL, NULL, "draw each sample above its answer", "predict", "" }, OPTION_BOOL },
    { { "weights", "KIND", "f32", "what weights are kept in: f32, bf16 or int8; faster, less exact",
        "eval predict generate stream", "" },
      OPTION_TEXT },
    { { "seed", "N", "0", "of initial weights, shuffling, dropout; of what is drawn",
        "train generate", "" },
      OPTION_INT },
    { { "threads", "N", "0", "0: as many as the machine has; never changes a result",
        "new study " READS_DATA " generate stream inspect adapt check doctor bench tokenize help",
        "" },
      OPTION_INT },
    { { "quiet", NULL, NULL, "no progress, no remarks",
        "new study " READS_DATA " generate stream adapt check bench tokenize", "" },
      OPTION_BOOL },
    { { "json", NULL, NULL, "results as JSON",
        "new study " READS_DATA " generate stream inspect adapt check doctor bench tokenize help",
        "" },
      OPTION_BOOL },
    { { "format", "NAME", "auto", "the reader: csv npy idx ts …", READS_DATA " tokenize", "" },
      OPTION_TEXT },
};

static const struct {
    const char *alias, *key;
} aliases[] = {
    { "lr", "learning_rate" },
    { "batch_size", "batch" },
    { "o", "output" },
};

static struct {
    rondo_recipe_key keys[MAX_KEYS];
    option_type types[MAX_KEYS];
    key_source sources[MAX_KEYS];
    int n;
} table;

static int find_key(const char *name)
{
    for (int i = 0; i < table.n; i++)
        if (strcmp(table.keys[i].name, name) == 0) return i;
    return -1;
}

/* A default that not all who have the option share is nobody's to show. */
static void forget_default(rondo_recipe_key *known, const char *initial)
{
    if (known->initial && (!initial || strcmp(known->initial, initial) != 0)) known->initial = NULL;
}

static void add_key(const rondo_recipe_key *key, option_type type, key_source from)
{
    if (find_key(key->name) >= 0) return;
    assert(table.n < MAX_KEYS); /* the tables are ours; a test finds every option of theirs */
    table.keys[table.n] = *key;
    table.types[table.n] = type;
    table.sources[table.n++] = from;
}

static void add_fields(const option_table *fields, key_source from, const char *verbs)
{
    static const char *const arguments[] = {
        [OPTION_INT] = "N", [OPTION_REAL] = "X", [OPTION_BOOL] = NULL, [OPTION_TEXT] = "TEXT"
    };
    for (int i = 0; i < fields->n; i++) {
        const option_field *f = &fields->fields[i];
        const rondo_recipe_key key = {
            f->name, arguments[f->type], f->initial, f->help, verbs, ","
        };
        const int known = find_key(f->name);
        if (known >= 0 && table.sources[known] == from)
            forget_default(&table.keys[known], f->initial);
        add_key(&key, f->type, from);
    }
}

static void build_table(void)
{
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++)
        add_key(&own_keys[i].key, own_keys[i].type,
                strcmp(own_keys[i].key.name, "format") == 0 ? KEY_READER : KEY_OWN);
    for (int i = 0; i < registry_count(REGISTRY_READER); i++)
        add_fields(&((const reader_row *)registry_at(REGISTRY_READER, i))->options, KEY_READER,
                   READS_DATA " tokenize");
    for (int i = 0; i < registry_count(REGISTRY_OPTIMIZER); i++)
        add_fields(&((const optimizer_row *)registry_at(REGISTRY_OPTIMIZER, i))->options,
                   KEY_OPTIMIZER, "train");
}

const rondo_recipe_key *rondo_recipe_keys(int *n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, build_table);
    *n = table.n;
    return table.keys;
}

static bool takes(const rondo_recipe_key *key, const char *verb)
{
    const size_t n = verb ? strlen(verb) : 0;
    if (n == 0) return true;
    if (strcmp(verb, "study") == 0 && takes(key, "train")) return true;
    for (const char *at = key->verbs; (at = strstr(at, verb)) != NULL; at += n)
        if ((at == key->verbs || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
    return false;
}

/* The names that the verb takes, for "did you mean". */
static void fail_key(const char *verb, const char *name, bool known)
{
    const char *names[MAX_KEYS];
    int n = 0;
    for (int i = 0; i < table.n; i++)
        if (takes(&table.keys[i], verb)) names[n++] = table.keys[i].name;
    const char *near = name_nearest(name, n, names);
    if (known)
        rondo_fail(RONDO_E_NAME, "%s takes no option %s; rondo %s --help lists what it takes", verb,
                   name, verb);
    else if (near)
        rondo_fail(RONDO_E_NAME, "unknown option %s; did you mean %s?", name, near);
    else
        rondo_fail(RONDO_E_NAME, "unknown option %s; rondo %s --help lists them", name,
                   verb ? verb : "train");
}

const rondo_recipe_key *rondo_recipe_find(const char *verb, const char *name)
{
    char plain[LIMIT_NAME];
    size_t length = 0;
    int n;
    rondo_recipe_keys(&n);
    for (; name[length] && length + 1 < sizeof plain; length++)
        plain[length] = name[length] == '-' ? '_' : name[length];
    plain[length] = 0;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(plain, aliases[i].alias) == 0) {
            memcpy(plain, aliases[i].key, strlen(aliases[i].key) + 1);
            break;
        }
    const int i = find_key(plain);
    if (i >= 0 && takes(&table.keys[i], verb)) return &table.keys[i];
    fail_key(verb, plain, i >= 0);
    return NULL;
}

/* ---- A recipe ---- */
struct rondo_recipe {
    char *values[MAX_KEYS];
};

rondo_recipe *rondo_recipe_new(void)
{
    return alloc_new(sizeof(rondo_recipe));
}

/* Of a key whose argument says "en|zh": one of these. */
static rondo_status check_choice(const rondo_recipe_key *key, const char *text)
{
    char **choices;
    int n;
    bool found = false;
    if (!strchr(key->argument, '|')) return RONDO_OK;
    RONDO_TRY(text_split(&choices, &n, key->argument, '|'));
    for (int i = 0; i < n; i++) found |= strcmp(choices[i], text) == 0;
    text_list_free(choices);
    if (found) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "%s is \"%s\", expected %s", key->name, text, key->argument);
}

const char *recipe_given(const rondo_recipe *r, const char *key)
{
    const int i = find_key(key);
    return i >= 0 ? r->values[i] : NULL;
}

/* What the recipe says of the i-th key, or its preset; NULL: neither. */
static const char *value_of(const rondo_recipe *r, int i)
{
    return r->values[i] ? r->values[i] : preset_value(r, table.keys[i].name);
}

/* The value must be one of its kind; the options code says what is wrong when it is not. */
static rondo_status check_value(const char *verb, int i, const char *text)
{
    union {
        int64_t integer;
        float number;
        bool flag;
        char *text;
    } slot = { 0 };
    if (table.types[i] == OPTION_TEXT) return check_choice(&table.keys[i], text);
    const option_field row = { table.keys[i].name, table.types[i], 0, NULL, NULL };
    const option_table one = { &row, 1 };
    return options_set(&one, &slot, verb ? verb : "recipe", row.name, text);
}

rondo_status rondo_recipe_set(rondo_recipe *r, const char *verb, const char *key, const char *text)
{
    if (!r || !key || !text) return rondo_fail(RONDO_E_ARG, "a recipe, a key and a value, please");
    const rondo_recipe_key *row = rondo_recipe_find(verb, key);
    if (!row) return RONDO_E_NAME;
    const int i = (int)(row - table.keys);
    RONDO_TRY(check_value(verb, i, text));
    char *copy = alloc_text(text);
    if (!copy) return RONDO_E_NOMEM;
    alloc_free(r->values[i]);
    r->values[i] = copy;
    return RONDO_OK;
}

const char *rondo_recipe_get(const rondo_recipe *r, const char *key)
{
    int n;
    rondo_recipe_keys(&n);
    const int i = find_key(key);
    return r && i >= 0 ? value_of(r, i) : NULL;
}

void rondo_recipe_free(rondo_recipe *r)
{
    if (!r) return;
    for (int i = 0; i < MAX_KEYS; i++) alloc_free(r->values[i]);
    alloc_free(r);
}

bool recipe_flag(const rondo_recipe *r, const char *key)
{
    const char *text = rondo_recipe_get(r, key);
    const option_field row = { key, OPTION_BOOL, 0, NULL, NULL };
    const option_table one = { &row, 1 };
    bool flag = false;
    return text && !options_set(&one, &flag, "rondo", key, text) && flag;
}

rondo_status recipe_int(const rondo_recipe *r, const char *key, int64_t initial, int64_t least,
                        int64_t *number)
{
    const char *text = rondo_recipe_get(r, key);
    *number = text ? strtoll(text, NULL, 10) : initial;
    if (*number < least)
        return rondo_fail(RONDO_E_ARG, "%s is %s; the least that makes sense is %lld", key, text,
                          (long long)least);
    return RONDO_OK;
}

rondo_status recipe_real(const rondo_recipe *r, const char *key, double initial, double *number)
{
    const char *text = rondo_recipe_get(r, key);
    *number = text ? strtod(text, NULL) : initial;
    if (!(*number >= 0))
        return rondo_fail(RONDO_E_ARG, "%s is %s; it cannot be negative", key, text);
    return RONDO_OK;
}

rondo_status recipe_spec(char **out, const rondo_recipe *r, key_source from, const char *first)
{
    *out = alloc_text(first ? first : "");
    for (int i = 0; *out && i < table.n; i++) {
        const char *text = value_of(r, i);
        if (!text || table.sources[i] != from) continue;
        const bool plain = *text && !strpbrk(text, " \t'\"();=");
        const char *quote = plain ? "" : strchr(text, '\'') ? "\"" : "'";
        char *longer = alloc_format("%s%s%s=%s%s%s", *out, **out ? " " : "", table.keys[i].name,
                                    quote, text, quote);
        alloc_free(*out);
        *out = longer;
    }
    return *out ? RONDO_OK : RONDO_E_NOMEM;
}

rondo_status recipe_groups(char ***names, int *n, const rondo_recipe *r)
{
    const char *by = rondo_recipe_get(r, "by");
    *names = NULL;
    *n = 0;
    if (!by && rondo_recipe_get(r, "groups"))
        return rondo_fail(RONDO_E_ARG, "groups without by: which of its columns? say --by COLUMN");
    if (!by) return RONDO_OK;
    RONDO_TRY(text_split(names, n, by, ','));
    rondo_status status = RONDO_OK;
    if (*n < 1 || *n > RONDO_MAX_BY)
        status = rondo_fail(RONDO_E_ARG, "by is \"%s\"; it names 1 to %d columns", by,
                            RONDO_MAX_BY);
    for (int i = 0; i < *n && !status; i++)
        for (int k = 0; k < i && !status; k++)
            if (strcmp((*names)[i], (*names)[k]) == 0)
                status = rondo_fail(RONDO_E_ARG, "by is \"%s\"; it names %s twice", by,
                                    (*names)[i]);
    if (!status) return RONDO_OK;
    text_list_free(*names);
    *names = NULL;
    return status;
}

json_t *recipe_to_json(const rondo_recipe *r)
{
    json_t *object = json_object();
    for (int i = 0; object && i < table.n; i++)
        if (value_of(r, i) && json_put(object, table.keys[i].name, json_string(value_of(r, i)))) {
            json_decref(object);
            return NULL;
        }
    return object;
}
