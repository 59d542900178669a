/* sentiment - what a text says of its subject: classify, with texts for data; and finetune, the same by a
 * language model that has read the texts before. */
#include "task/task.h"

static const char recipe[] =
    "# A recipe: what to train, on what, and how.  Each key is an option of the command line, too\n"
    "# (rondo train --help lists them all); an option given there wins.  Train it with\n"
    "#     rondo train recipe.yaml\n"
    "# and ask it with\n"
    "#     echo 'the staff was not friendly' | rondo predict run -\n"
    "task: classify\n"
    "\n"
    "# The data: a CSV file, a review per row.  Plain files with a label in front of each line\n"
    "# (label: first) and JSON Lines do as well.  Paths are relative to this file.\n"
    "data: reviews.csv\n"
    "text: review             # the column that is read\n"
    "target: label            # the column that says what it is\n"
    "validation_split: 0.2    # keep a fifth back, to see how it does on texts it has not seen\n"
    "\n"
    "# How text becomes numbers.  Made from the training part alone, and kept in the model: word,\n"
    "# char (for Chinese, a good beginning), byte, bpe vocab_size=8000, or a tokenizer.json.\n"
    "tokenizer: word\n"
    "max_length: 100          # of longer reviews the rest is cut off (truncate: pre cuts the "
    "front)\n"
    "\n"
    "# The network, layer by layer.  The embedding finds how many words there are, the last layer\n"
    "# how many classes.\n"
    "model:\n"
    "  - embedding 32\n"
    "  - dropout 0.3\n"
    "  - lstm 32 merge=concat return_sequences   # from both ends\n"
    "  - pool max                                # what was strongest anywhere\n"
    "  - dropout 0.3\n"
    "  - dense softmax\n"
    "\n"
    "# Where one class is rare: class_weight: balanced, and threshold: f1.\n"
    "# Word vectors made elsewhere (GloVe, fastText): vectors: FILE.\n"
    "optimizer: adam\n"
    "learning_rate: 0.005\n"
    "epochs: 10\n"
    "batch: 32\n"
    "bucket: 20               # batches of texts of like length, which is faster\n"
    "seed: 0                  # the same seed gives the same weights, bit for bit\n"
    "output: run              # the run directory: model, log, checkpoints\n";

/* ---- The same, from a language model ---- */
static const char pretrain[] =
    "# The first of two recipes: a language model, which learns how the texts go and needs no "
    "labels\n"
    "# for it.  Train it with\n"
    "#     rondo train pretrain.yaml\n"
    "# and then recipe.yaml beside it, which begins as this one ends.  The more text, the better: "
    "any\n"
    "# plain text of the language will do (data: FILE, without the key text).\n"
    "task: language\n"
    "data: reviews.csv\n"
    "text: review             # the column that is read; what it is judged by later is not\n"
    "eos: document            # each review is a text of its own, which ends\n"
    "tokenizer: word          # kept by the model that begins as this one\n"
    "validation_split: 0.1\n"
    "\n"
    "# States go on from step to step: return_sequences.  The last layer tells the next word, and\n"
    "# shares its weights with the embedding (tie), so both are equally wide.\n"
    "model:\n"
    "  - embedding 64 name=embedding\n"
    "  - dropout 0.1 locked\n"
    "  - lstm 64 return_sequences\n"
    "  - dropout 0.1 locked\n"
    "  - dense softmax tie=embedding\n"
    "\n"
    "optimizer: adam\n"
    "learning_rate: 0.005\n"
    "epochs: 10\n"
    "batch: 8                 # so many streams of text beside each other\n"
    "bptt: 20                 # … of which so many words at a time\n"
    "output: language         # the run directory that recipe.yaml begins with\n";
static const char finetune[] =
    "# The second of two recipes (pretrain.yaml is the first): the language model becomes a\n"
    "# classifier, by the way of ULMFiT (Howard and Ruder 2018).  Train it with\n"
    "#     rondo train recipe.yaml\n"
    "# and ask it with\n"
    "#     echo 'the staff was not friendly' | rondo predict run -\n"
    "base: language           # the run, or model file, that it begins with\n"
    "\n"
    "# The preset brings, and rondo help presets ulmfit lists:\n"
    "#   head: pool last max average; …   in place of the layer that told words: the last state, "
    "and\n"
    "#                                    of all steps the largest and the mean\n"
    "#   rates: discriminative=2.6        each layer down learns 2.6 times more slowly\n"
    "#   unfreeze: 1                      the head first, one more layer after each epoch\n"
    "#   schedule: slanted_triangular     the rate rises for a tenth of the time, then falls\n"
    "#   optimizer: adam, learning_rate: 0.01, beta_1: 0.7, beta_2: 0.99, batch: 64\n"
    "# What is said here wins.\n"
    "preset: ulmfit\n"
    "batch: 16                # few samples: more steps\n"
    "\n"
    "data: reviews.csv\n"
    "text: review\n"
    "target: label            # the column that says what it is\n"
    "validation_split: 0.2\n"
    "epochs: 12\n"
    "\n"
    "# What the language model still knows: base_data: FILE judges it after each epoch, replay: "
    "FILE\n"
    "# keeps it in practice.  Few weights in place of all: freeze: '*', adapt: 'lstm*=lora "
    "rank=8'.\n"
    "seed: 0\n"
    "output: run\n";

enum { SUBJECTS = 3, NOUNS = 6, WORDS = 10, DEGREES = 5 };
static const char *const subjects[SUBJECTS] = { "hotel", "film", "restaurant" };
static const char *const nouns[SUBJECTS][NOUNS] = {
    { "room", "bed", "staff", "view", "breakfast", "pool" },
    { "story", "cast", "music", "ending", "dialogue", "pace" },
    { "soup", "service", "wine", "menu", "dessert", "table" },
};
static const char *const words[2][WORDS] = {
    { "awful", "dull", "dirty", "poor", "noisy", "disappointing", "cold", "tired", "rude", "weak" },
    { "wonderful", "lovely", "clean", "rich", "charming", "impressive", "warm", "fresh", "friendly",
      "superb" },
};
static const char *const degrees[DEGREES] = { "", "very ", "really ", "quite ", "so " };

static const char *pick(rng *draw, const char *const *list, int n)
{
    return list[rng_below(draw, n)];
}

/* "the soup was not very good": a word of the other kind, denied, says the same. */
static void say(text_buffer *out, rng *draw, int subject, int good)
{
    const bool denied = rng_below(draw, 4) == 0;
    text_add(out, "the %s was %s%s%s", pick(draw, nouns[subject], NOUNS), denied ? "not " : "",
             pick(draw, degrees, DEGREES), pick(draw, words[denied ? !good : good], WORDS));
}

static rondo_status write_review(file_writer *w, rng *draw)
{
    text_buffer text = { 0 };
    const int subject = (int)rng_below(draw, SUBJECTS), good = (int)rng_below(draw, 2);
    const bool mixed = rng_below(draw, 3) == 0; /* what comes behind "but" decides */
    if (mixed) {
        say(&text, draw, subject, !good);
        text_add(&text, ", but ");
    }
    const int64_t more = rng_below(draw, 3);
    say(&text, draw, subject, good);
    for (int64_t i = 0; i < more; i++) {
        text_add(&text, " and ");
        say(&text, draw, subject, good);
    }
    const bool slip = rng_below(draw, 25) == 0; /* people click the wrong star */
    rondo_status s = text.status ? text.status
                                 : task_line(w, "%s,%s,\"%s\"\n", good != slip ? "good" : "bad",
                                             subjects[subject], text.data);
    text_free(&text);
    return s;
}

static rondo_status sample_reviews(file_writer *w, rng *draw)
{
    RONDO_TRY(task_line(w, "label,about,review\n"));
    for (int i = 0; i < 800; i++) RONDO_TRY(write_review(w, draw));
    return RONDO_OK;
}

const task_row task_sentiment = {
    .name = "sentiment",
    .help = "what a text says, good or bad: classify, of texts",
    .as = &task_classify,
    .recipe = recipe,
    .data = "reviews.csv",
    .sample = sample_reviews,
};
const task_row task_finetune = {
    .name = "finetune",
    .help = "a language model becomes a classifier of texts: two recipes",
    .as = &task_classify,
    .first = pretrain,
    .recipe = finetune,
    .data = "reviews.csv",
    .sample = sample_reviews,
};
