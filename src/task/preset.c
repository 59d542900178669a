/* preset - published recipes by name: keys that a recipe has where it does not set them itself. */
#include "task/task.h"
#include <string.h>

typedef struct preset_key {
    const char *key, *value;
    const char *with; /* a recipe that sets this other key itself does without; NULL: never */
} preset_key;
typedef struct preset_row {
    const char *name, *help, *source;
    const preset_key *keys; /* ends with NULL */
} preset_row;

/* They sum the loss over the steps of a window, we take its mean: so their rate of 1 is here the number
 * of steps, and their clip of 5 is divided by it. Their LSTM has no bias of 1 in its forget gate. */
#define ZAREMBA_LSTM(units, from)                                                                  \
    "lstm " units " return_sequences no_unit_forget_bias kernel_initializer=" from                 \
    " recurrent_initializer=" from
#define SMALL  "uniform(-0.1,0.1)"
#define MEDIUM "uniform(-0.05,0.05)"

static const preset_key zaremba_small[] = {
    { "task", "language", NULL },
    { "tokenizer", "word", NULL },
    { "model",
      "embedding 200 embeddings_initializer=" SMALL "; " ZAREMBA_LSTM(
          "200", SMALL) "; " ZAREMBA_LSTM("200", SMALL) "; dense softmax kernel_initializer=" SMALL,
      NULL },
    { "batch", "20", NULL },
    { "bptt", "20", NULL },
    { "optimizer", "sgd", NULL },
    { "learning_rate", "20", "optimizer" },
    { "global_clipnorm", "0.25", "optimizer" },
    { "schedule", "decay_after epochs=4 gamma=0.5", "optimizer" },
    { "epochs", "13", NULL },
    { NULL, NULL, NULL },
};
static const preset_key zaremba_medium[] = {
    { "task", "language", NULL },
    { "tokenizer", "word", NULL },
    { "model",
      "embedding 650 embeddings_initializer=" MEDIUM "; dropout 0.5; " ZAREMBA_LSTM(
          "650", MEDIUM) "; dropout 0.5; " ZAREMBA_LSTM("650", MEDIUM) "; dropout 0.5; dense "
                                                                       "softmax "
                                                                       "kernel_initializer=" MEDIUM,
      NULL },
    { "batch", "20", NULL },
    { "bptt", "35", NULL },
    { "optimizer", "sgd", NULL },
    { "learning_rate", "35", "optimizer" },
    { "global_clipnorm", "0.1428571", "optimizer" },
    { "schedule", "decay_after epochs=6 gamma=0.8333333", "optimizer" },
    { "epochs", "39", NULL },
    { NULL, NULL, NULL },
};

#define AWD_LSTM(units)                                                                            \
    "lstm " units " return_sequences no_unit_forget_bias kernel_initializer=torch_rnn "            \
    "recurrent_initializer=torch_rnn bias_initializer=torch_rnn"
static const preset_key awd_lstm[] = {
    { "task", "language", NULL },
    { "tokenizer", "word", NULL },
    { "model",
      "embedding 400 dropout=0.1 embeddings_initializer=uniform(-0.1,0.1) name=embedding; dropout "
      "0.4 "
      "locked; " AWD_LSTM("1150") "; dropout 0.25 locked; " AWD_LSTM(
          "1150") "; dropout 0.25 "
                  "locked; " AWD_LSTM(
                      "400") "; activity_regularization tar=1; dropout 0.4 locked; "
                             "activity_regularization ar=2; dense softmax tie=embedding",
      NULL },
    { "adapt", "lstm*.recurrent_kernel=weight_drop 0.5", "model" },
    { "batch", "20", NULL },
    { "bptt", "70", NULL },
    { "bptt_vary", "true", NULL },
    { "optimizer", "ntasgd", NULL },
    { "learning_rate", "30", "optimizer" },
    { "weight_decay", "1.2e-6", "optimizer" },
    { "global_clipnorm", "0.25", "optimizer" },
    { "nonmono", "5", "optimizer" },
    { "epochs", "500", NULL },
    { NULL, NULL, NULL },
};

static const preset_key ulmfit_language[] = {
    { "optimizer", "adam", NULL },
    { "learning_rate", "0.004", "optimizer" },
    { "beta_1", "0.7", "optimizer" },
    { "beta_2", "0.99", "optimizer" },
    { "schedule", "slanted_triangular cut_frac=0.1 ratio=32", "optimizer" },
    { "rates", "discriminative=2.6", NULL },
    { "batch", "64", NULL },
    { "bptt", "70", NULL },
    { NULL, NULL, NULL },
};
/* Their head is normalised by batches where this one is by units. */
static const preset_key ulmfit[] = {
    { "head",
      "pool last max average; layer_normalization; dropout 0.4; dense 50 relu; "
      "layer_normalization; dropout 0.1; dense softmax",
      NULL },
    { "optimizer", "adam", NULL },
    { "learning_rate", "0.01", "optimizer" },
    { "beta_1", "0.7", "optimizer" },
    { "beta_2", "0.99", "optimizer" },
    { "schedule", "slanted_triangular cut_frac=0.1 ratio=32", "optimizer" },
    { "rates", "discriminative=2.6", NULL },
    { "unfreeze", "1", NULL },
    { "batch", "64", NULL },
    { NULL, NULL, NULL },
};

static const preset_row rows[] = {
    { "zaremba_small", "language model: two LSTMs of 200 units, 13 epochs",
      "Zaremba, Sutskever and Vinyals 2014, arXiv 1409.2329, non-regularized", zaremba_small },
    { "zaremba_medium", "language model: two LSTMs of 650 units with dropout, 39 epochs",
      "Zaremba, Sutskever and Vinyals 2014, arXiv 1409.2329, medium", zaremba_medium },
    { "awd_lstm", "language model: three LSTMs, regularized in every way, NT-ASGD",
      "Merity, Keskar and Socher 2017, arXiv 1708.02182, Penn Treebank", awd_lstm },
    { "ulmfit_language", "fine-tuning of a language model on the texts that are to be classified",
      "Howard and Ruder 2018, arXiv 1801.06146, section 3.2", ulmfit_language },
    { "ulmfit",
      "fine-tuning of a language model to a classifier, layer by layer, with a head of its own",
      "Howard and Ruder 2018, arXiv 1801.06146, section 3.3", ulmfit },
};

void preset_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_PRESET, rows[i].name, &rows[i]);
}

/* A head is for a model that begins as another. */
static bool applies(const preset_key *k, const rondo_recipe *r)
{
    const bool idle = strcmp(k->key, "head") == 0 && !recipe_given(r, "base");
    return !idle && !recipe_given(r, k->key) && !(k->with && recipe_given(r, k->with));
}

static const preset_row *preset_of(const rondo_recipe *r)
{
    const char *name = recipe_given(r, "preset");
    return name ? registry_find(REGISTRY_PRESET, name) : NULL;
}

const char *preset_value(const rondo_recipe *r, const char *key)
{
    const preset_row *row = preset_of(r);
    for (const preset_key *k = row ? row->keys : NULL; k && k->key; k++)
        if (strcmp(k->key, key) == 0) return applies(k, r) ? k->value : NULL;
    return NULL;
}

rondo_status preset_check(const rondo_recipe *r)
{
    const void *row;
    const char *name = recipe_given(r, "preset");
    return name ? registry_get(REGISTRY_PRESET, name, &row) : RONDO_OK;
}

void preset_note(const rondo_recipe *r, text_buffer *notes)
{
    const preset_row *row = preset_of(r);
    if (!row) return;
    text_add(notes, "preset: %s (%s)\n", row->name, row->source);
    for (const preset_key *k = row->keys; k->key; k++)
        if (applies(k, r)) text_add(notes, "  %s: %s\n", k->key, k->value);
}

const char *preset_line(const char *name)
{
    return ((const preset_row *)registry_find(REGISTRY_PRESET, name))->help;
}

rondo_status preset_tell(const char *name, rondo_fact *fact, void *user)
{
    const preset_row *row = registry_find(REGISTRY_PRESET, name);
    fact("name", row->name, false, user);
    fact("help", row->help, false, user);
    for (const preset_key *k = row->keys; k->key; k++) fact(k->key, k->value, false, user);
    fact("source", row->source, false, user);
    return RONDO_OK;
}
