/* language - how a text goes on: which token comes after those that came. */
#include "task/task.h"
#include <string.h>

/* ---- What ends a text ---- */
static const char *const end_names[] = {
    [TEXT_ENDS_NOT] = "none", [TEXT_ENDS_LINES] = "line", [TEXT_ENDS_DOCUMENTS] = "document"
};

bool language_ends_lines(const rondo_pipeline *p)
{
    return p->ends == TEXT_ENDS_LINES;
}

int32_t language_boundary(const rondo_pipeline *p)
{
    return p->ends == TEXT_ENDS_NOT ? -1 : tokenizer_special(p->tokenizer).end;
}

static bool is_kind(const char *given, const char *kind)
{
    const size_t n = strlen(kind);
    return given && strncmp(given, kind, n) == 0 && (given[n] == 0 || given[n] == ' ');
}

/* Lines of words and their parts end in a token; of characters and bytes they end in a line feed. */
static text_ends ends_of(const rondo_recipe *r)
{
    const char *kind = rondo_recipe_get(r, "tokenizer"), *given = rondo_recipe_get(r, "eos");
    for (int i = 0; given && i < TEXT_ENDINGS; i++)
        if (strcmp(given, end_names[i]) == 0) return (text_ends)i;
    return is_kind(kind, "char") || is_kind(kind, "byte") ? TEXT_ENDS_NOT : TEXT_ENDS_LINES;
}

/* A vocabulary that is taken over ends texts as it did. */
static text_ends ends_in(const plan *p, const rondo_recipe *r)
{
    const bool taken = transfer_reads_text(&p->transfer) && !rondo_recipe_get(r, "tokenizer");
    return taken && !rondo_recipe_get(r, "eos") ? p->transfer.base->ends : ends_of(r);
}

/* A line is a document where lines end in a token; else line feeds are text like any other. */
const char *language_reading(const plan *p, const rondo_recipe *r)
{
    return ends_in(p, r) == TEXT_ENDS_LINES ? "sample_by=line" : "sample_by=document";
}

static const char *unit_of(const rondo_recipe *r, const tokenizer *how)
{
    const char *kind = rondo_recipe_get(r, "tokenizer");
    if (is_kind(kind, "char")) return "character";
    if (is_kind(kind, "byte")) return "byte";
    return strcmp(tokenizer_kind(how), "WordLevel") == 0 ? "word" : "sub-word";
}

static bool names(const spec *s, const char *option)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->words[i].key ? s->words[i].key : s->words[i].value, option) == 0) return true;
    return false;
}

/* A language model reads text as it stands: words are what lies between blanks, <unk> is unknown and
 * <eos> the end, unless the recipe says otherwise. */
static rondo_status complete(char **whole, const char *kind, text_ends ends)
{
    spec s;
    text_buffer out = { 0 };
    RONDO_TRY(rondo_fail_in(spec_parse(&s, kind), "tokenizer"));
    const bool words = strcmp(s.kind, "word") == 0 || strcmp(s.kind, "char") == 0;
    text_add(&out, "%s", kind);
    if (words && !names(&s, "plain") && !names(&s, "standardize")) text_add(&out, " plain");
    if (words && !names(&s, "unknown")) text_add(&out, " unknown=<unk>");
    if (ends != TEXT_ENDS_NOT && !names(&s, "end")) text_add(&out, " end=<eos>");
    spec_free(&s);
    const rondo_status status = out.status;
    if (status) text_free(&out);
    *whole = out.data;
    return status;
}

static rondo_status make_tokenizer(rondo_pipeline *p, const char *kind, const rondo_dataset *raw)
{
    char *whole;
    if (path_is_tokenizer(kind)) return text_tokenizer(&p->tokenizer, kind, raw);
    RONDO_TRY(complete(&whole, kind, p->ends));
    const rondo_status status = text_tokenizer(&p->tokenizer, whole, raw);
    alloc_free(whole);
    return status;
}

/* ---- A plan's data ---- */
static rondo_status check_tokenizer(const rondo_pipeline *p, const char *kind)
{
    if (p->ends == TEXT_ENDS_NOT || tokenizer_special(p->tokenizer).end >= 0) return RONDO_OK;
    return rondo_fail(
        RONDO_E_ARG,
        "the tokenizer %s has no token that ends a text; leave line feeds in the text "
        "with --eos none, or take another tokenizer",
        kind);
}

static rondo_status streams(rondo_dataset **data, const plan *p, bool trains, int64_t rows)
{
    rondo_dataset *raw = *data;
    const corpus_cut how = {
        .training = trains, .rows = rows, .bptt = p->bptt, .vary = p->bptt_vary
    };
    *data = NULL;
    if (dataset_is_raw_text(raw)) return corpus_data(data, raw, p->pipeline, &how);
    rondo_dataset_free(raw);
    return rondo_fail(RONDO_E_ARG, "a language model reads text; these data are numbers");
}

rondo_status language_plan(plan *p, const rondo_recipe *r)
{
    const char *kind = rondo_recipe_get(r, "tokenizer"), *path = rondo_recipe_get(r, "data");
    rondo_pipeline *line = p->pipeline;
    const bool whole = p->train == p->data;
    if (rondo_recipe_get(r, "max_length") || rondo_recipe_get(r, "truncate"))
        return rondo_fail(RONDO_E_ARG, "a language model goes through all of its text: leave "
                                       "max_length and truncate out");
    if (p->steps_per_epoch)
        return rondo_fail(RONDO_E_ARG, "a language model goes through all of its text in order: "
                                       "leave steps_per_epoch out");
    if (!dataset_is_raw_text(p->data))
        return rondo_fail(RONDO_E_ARG, "a language model reads text; %s holds numbers", path);
    const bool taken = !kind && transfer_reads_text(&p->transfer);
    if (!kind) kind = taken ? "of the base" : "word";
    line->ends = ends_in(p, r);
    RONDO_TRY(taken ? transfer_tokenizer(&p->transfer, line)
                    : make_tokenizer(line, kind, p->train));
    RONDO_TRY(check_tokenizer(line, kind));
    const char *unit = taken ? p->transfer.base->unit : NULL;
    line->unit = alloc_text(unit ? unit : unit_of(r, line->tokenizer));
    if (!line->unit) return RONDO_E_NOMEM;
    const rondo_status status = streams(&p->train, p, true, p->batch);
    if (whole) p->data = p->train;
    RONDO_TRY(rondo_fail_in(status, "%s", path));
    if (p->validation)
        RONDO_TRY(rondo_fail_in(streams(&p->validation, p, false, p->batch), "validation"));
    for (int i = 0; i < p->n_tests; i++)
        RONDO_TRY(rondo_fail_in(streams(&p->tests[i].data, p, false, 1), "%s", p->tests[i].name));
    return RONDO_OK;
}

void language_identify(const plan *p, text_buffer *identity)
{
    if (p->task != &task_language) return;
    text_add(identity, "\neos %s", end_names[p->pipeline->ends]);
    if (p->bptt_vary) text_add(identity, "\nbptt_vary");
}

void language_note(const plan *p, text_buffer *notes)
{
    const rondo_dataset *d = p->train;
    const rondo_pipeline *line = p->pipeline;
    const int32_t end = language_boundary(line);
    const int64_t steps = d->length(d, 0);
    text_add(notes, "task: language, %lld streams of %lld tokens in windows of %lld%s\n",
             (long long)d->count, (long long)steps, (long long)p->bptt,
             p->bptt_vary ? ", varied" : "");
    if (end >= 0)
        text_add(notes, "each %s ends in %s, which counts as a %s\n", end_names[line->ends],
                 tokenizer_token(line->tokenizer, end), line->unit);
    if (p->validation && corpus_unknown(p->validation))
        text_add(notes, "validation: %lld of its %lld tokens are unknown\n",
                 (long long)corpus_unknown(p->validation),
                 (long long)corpus_targets(p->validation));
}

/* ---- The pipeline's part ---- */
rondo_status language_put(const rondo_pipeline *p, json_t *o)
{
    if (p->task != &task_language) return RONDO_OK;
    RONDO_TRY(json_put(o, "eos", json_string(end_names[p->ends])));
    return json_put(o, "unit", json_string(p->unit));
}

rondo_status language_get(rondo_pipeline *p, const json_t *o)
{
    const char *end, *unit;
    int ends = 0;
    if (p->task != &task_language) return RONDO_OK;
    RONDO_TRY(json_want_text(o, "eos", &end));
    RONDO_TRY(json_want_text(o, "unit", &unit));
    while (ends < TEXT_ENDINGS && strcmp(end, end_names[ends]) != 0) ends++;
    if (ends == TEXT_ENDINGS || !p->tokenizer)
        return rondo_fail(RONDO_E_FORMAT, "a language model with eos \"%s\" and %s tokenizer", end,
                          p->tokenizer ? "a" : "no");
    p->ends = (text_ends)ends;
    if (p->ends != TEXT_ENDS_NOT && language_boundary(p) < 0)
        return rondo_fail(RONDO_E_FORMAT, "eos is %s, and the tokenizer has no end token", end);
    p->unit = alloc_text(unit);
    return p->unit ? RONDO_OK : RONDO_E_NOMEM;
}

bool rondo_pipeline_text_unit(const rondo_pipeline *p, const rondo_dataset *d, rondo_text_unit *out)
{
    if (p->task != &task_language || !corpus_is(d)) return false;
    const int32_t end = language_boundary(p);
    *out = (rondo_text_unit){ .unit = p->unit,
                              .end = end < 0 ? NULL : tokenizer_token(p->tokenizer, end),
                              .streams = d->count,
                              .tokens = corpus_targets(d),
                              .unknown = corpus_unknown(d),
                              .bytes = d->text_bytes };
    return true;
}

/* ---- rondo new language ---- */
static const char recipe[] =
    "# A recipe: what to train, on what, and how.  Each key is an option of the command line, too\n"
    "# (rondo train --help lists them all); an option given there wins.  Train it, and let it "
    "write:\n"
    "#     rondo train recipe.yaml\n"
    "#     rondo generate run --prompt \"the old\" --samples 5\n"
    "task: language\n"
    "\n"
    "# The data: plain text, UTF-8.  Paths are relative to this file.\n"
    "data: village.txt\n"
    "validation_split: 0.1    # the last tenth, to see how well it tells text it has not seen\n"
    "tokenizer: word          # or char, byte, bpe vocab_size=8000, a tokenizer.json\n"
    "eos: line                # what ends with the token <eos>: line, document or none\n"
    "\n"
    "# The network, layer by layer.  The embedding's rows and the last layer's units are left "
    "out:\n"
    "# one for every token.\n"
    "model:\n"
    "  - embedding 32\n"
    "  - lstm 64 return_sequences\n"
    "  - dense softmax\n"
    "\n"
    "# The text is cut into `batch` streams that run beside each other; of each, `bptt` tokens "
    "are\n"
    "# learnt from at a time, and the state is carried on.\n"
    "batch: 16\n"
    "bptt: 20\n"
    "optimizer: adam\n"
    "learning_rate: 0.01\n"
    "global_clipnorm: 1\n"
    "epochs: 6\n"
    "seed: 0                  # the same seed gives the same weights, bit for bit\n"
    "output: run              # the run directory: model, log, checkpoints\n";

static const char *pick(rng *draw, int n, const char *const words[])
{
    return words[rng_below(draw, n)];
}
#define PICK(draw, words) pick(draw, sizeof(words) / sizeof *(words), words)

/* Who does what where: a verb agrees with who does it, however many words stand between them. */
static rondo_status sample_village(file_writer *w, rng *draw)
{
    static const char *const ages[] = { "old", "young", "quiet", "clever", "tired", "small" };
    static const char *const folk[] = { "miller", "fox",   "heron", "baker",
                                        "sailor", "otter", "clerk", "hedgehog" };
    static const char *const behind[] = { "by the river", "with the red hat", "from the hill",
                                          "behind the mill" };
    static const char *const one[] = { "reads", "carries", "forgets", "paints",
                                       "mends", "hides",   "finds",   "sells" };
    static const char *const many[] = { "read", "carry", "forget", "paint",
                                        "mend", "hide",  "find",   "sell" };
    static const char *const things[] = { "letter", "lantern", "boat", "basket", "clock", "song" };
    static const char *const times[] = { "in the morning", "before the rain", "at night",
                                         "on market day", "when the snow melts" };
    for (int i = 0; i < 1500; i++) {
        const bool plural = rng_below(draw, 2);
        RONDO_TRY(
            task_line(w, "the %s %s%s ", PICK(draw, ages), PICK(draw, folk), plural ? "s" : ""));
        if (rng_below(draw, 3) == 0) RONDO_TRY(task_line(w, "%s ", PICK(draw, behind)));
        RONDO_TRY(task_line(w, "%s a %s", plural ? PICK(draw, many) : PICK(draw, one),
                            PICK(draw, things)));
        if (rng_below(draw, 2)) RONDO_TRY(task_line(w, " %s", PICK(draw, times)));
        RONDO_TRY(task_line(w, " .\n"));
    }
    return RONDO_OK;
}

const task_row task_language = {
    .name = "language",
    .help = "how a text goes on: predicts it, and writes it",
    .target = TARGET_AUTO,
    .metrics = "perplexity",
    .batch = 20,
    .bptt = 35,
    .in_time_order = true,
    .recipe = recipe,
    .data = "village.txt",
    .sample = sample_village,
};
