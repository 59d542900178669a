/* sentiment - what a text says of its subject: classify, with texts for data. */
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
