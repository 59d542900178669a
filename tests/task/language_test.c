/* Language models: text as streams, what they are judged by, and what they write. */
#define _DEFAULT_SOURCE
#include "task/task.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];
static rondo_pipeline *model; /* a small one, of characters, trained a little */

static void ok(rondo_status status)
{
    if (status) fail_msg("%s: %s", rondo_status_text(status), rondo_error());
}

static void *(*usual)(void *, size_t); /* what allocates, while that is made to fail */

/* ---- Raw text ---- */
static rondo_status text_of(const rondo_dataset *d, cursor *c, int64_t i, const char **text,
                            size_t *n)
{
    (void)c;
    *text = ((const char *const *)d->self)[i];
    *n = strlen(*text);
    return RONDO_OK;
}

static rondo_dataset *raw_text(const char *const *texts)
{
    rondo_dataset *d;
    int64_t n = 0;
    void *(*hook)(void *, size_t) = alloc_hook; /* it does not fail */
    while (texts[n]) n++;
    if (usual) alloc_hook = usual;
    ok(dataset_new(&d, n));
    alloc_hook = hook;
    d->text = text_of;
    d->self = (void *)texts;
    return d;
}

static const char *const lines[] = { "to be or not to be", "", "that is the question",
                                     "\xE4\xB8\xAD is not a word", NULL };

static void open_pipeline(rondo_pipeline *p, const char *kind, text_ends ends)
{
    rondo_dataset *raw = raw_text(lines);
    *p = (rondo_pipeline){ .task = &task_language, .ends = ends };
    ok(text_tokenizer(&p->tokenizer, kind, raw));
    rondo_dataset_free(raw);
}

/* All tokens of the lines, with what ends each. */
static int64_t all_tokens(const rondo_pipeline *p, int32_t *all)
{
    int64_t n = 0;
    for (int i = 0; lines[i]; i++) {
        token_list list = { 0 };
        ok(tokenizer_encode_plain(p->tokenizer, lines[i], strlen(lines[i]), &list));
        if (p->ends == TEXT_ENDS_NOT && lines[i + 1])
            ok(tokenizer_encode_plain(p->tokenizer, "\n", 1, &list));
        memcpy(all + n, list.id, (size_t)list.n * sizeof *all);
        n += list.n;
        if (p->ends != TEXT_ENDS_NOT) all[n++] = tokenizer_special(p->tokenizer).end;
        token_list_free(&list);
    }
    return n;
}

/* x = data[r·L + i·steps …], y one further; L = ⌊N / rows⌋, as ptb_word_lm's reader has it. */
static void trains_on_the_streams_of_ptb_word_lm(void **state)
{
    (void)state;
    int32_t all[200];
    rondo_pipeline p;
    open_pipeline(&p, "word plain unknown=<unk> end=<eos>", TEXT_ENDS_LINES);
    const int64_t n = all_tokens(&p, all);
    assert_int_equal(n, 6 + 0 + 4 + 5 + 4);
    for (int64_t rows = 1; rows <= 4; rows++)
        for (int64_t bptt = 1; bptt <= 3; bptt++) {
            rondo_dataset *d;
            sample s;
            const corpus_cut how = { .training = true, .rows = rows, .bptt = bptt };
            ok(corpus_data(&d, raw_text(lines), &p, &how));
            const int64_t length = n / rows, windows = (length - 1) / bptt;
            assert_int_equal(d->count, rows);
            assert_true(d->streams);
            for (int64_t r = 0; r < rows; r++) {
                assert_int_equal(d->length(d, r), windows * bptt);
                ok(d->get(d, NULL, r, &s));
                assert_int_equal(s.input[0].steps, windows * bptt);
                assert_memory_equal(s.input[0].tokens, all + r * length,
                                    (size_t)(windows * bptt) * sizeof *all);
                assert_memory_equal(s.target[0].tokens, all + r * length + 1,
                                    (size_t)(windows * bptt) * sizeof *all);
            }
            rondo_dataset_free(d);
        }
    tokenizer_free(p.tokenizer);
}

/* Every token once, after the one before it; only a first one that nothing comes before is none. */
static void judges_every_token_once(void **state)
{
    static const struct {
        const char *kind;
        text_ends ends;
    } kinds[] = { { "word plain unknown=<unk> end=<eos>", TEXT_ENDS_LINES },
                  { "char plain unknown=<unk>", TEXT_ENDS_NOT } };
    (void)state;
    for (int k = 0; k < 2; k++) {
        int32_t all[200];
        rondo_pipeline p;
        open_pipeline(&p, kinds[k].kind, kinds[k].ends);
        const bool begun = p.ends != TEXT_ENDS_NOT;
        const int64_t n = all_tokens(&p, all);
        for (int64_t rows = 1; rows <= 9; rows += 2) {
            rondo_dataset *d;
            rondo_text_unit unit;
            int64_t at = !begun;
            ok(corpus_data(&d, raw_text(lines), &p, &(corpus_cut){ .rows = rows }));
            for (int64_t r = 0; r < d->count; r++) {
                sample s;
                ok(d->get(d, NULL, r, &s));
                for (int64_t t = 0; t < s.target[0].steps; t++, at++) {
                    assert_int_equal(s.target[0].tokens[t], all[at]);
                    assert_int_equal(s.input[0].tokens[t],
                                     at ? all[at - 1] : tokenizer_special(p.tokenizer).end);
                }
            }
            assert_int_equal(at, n);
            assert_true(rondo_pipeline_text_unit(&p, d, &unit));
            assert_int_equal(unit.tokens, n - !begun);
            /* line feeds, those that <eos> stands for, too; not the first letter where it is none */
            assert_int_equal(unit.bytes, 18 + 0 + 20 + 17 + (begun ? 4 : 3 - 1));
            rondo_dataset_free(d);
        }
        tokenizer_free(p.tokenizer);
    }
}

static void long_texts_are_cut_between_lines(void **state)
{
    enum { LINES = 60000 };
    static const char line[] = "abc d\xE4\xB8\xAD \xC3\xA9. to be or not\n";
    (void)state;
    char *text = malloc(LINES * (sizeof line - 1) + 1), *at = text;
    for (int i = 0; i < LINES; i++, at += sizeof line - 1) memcpy(at, line, sizeof line);
    for (int blank = 0; blank < 2; blank++) {
        const char *const texts[] = { text, NULL };
        rondo_pipeline p = { .task = &task_language };
        rondo_dataset *raw = raw_text(texts), *d;
        sample s;
        ok(text_tokenizer(&p.tokenizer, "char plain unknown=<unk>", raw));
        ok(corpus_data(&d, raw, &p, &(corpus_cut){ .rows = 1 }));
        token_list list = { 0 };
        ok(tokenizer_encode_plain(p.tokenizer, text, strlen(text), &list));
        ok(d->get(d, NULL, 0, &s));
        assert_int_equal(s.target[0].steps, list.n - 1);
        assert_memory_equal(s.input[0].tokens, list.id, (size_t)list.n * sizeof *list.id);
        token_list_free(&list);
        rondo_dataset_free(d);
        tokenizer_free(p.tokenizer);
        for (char *c = text; *c; c++) /* again, without an end of line to cut at */
            if (*c == '\n') *c = ' ';
    }
    free(text);
}

static void splits_between_letters(void **state)
{
    (void)state;
    static const char *const texts[] = { "\xE4\xB8\xAD\xE5\x9B\xBD", "abcd", NULL };
    char whole[32], seen[32];
    rondo_dataset *raw = raw_text(texts);
    snprintf(whole, sizeof whole, "%s%s", texts[0], texts[1]);
    for (int percent = 5; percent < 100; percent += 5) {
        rondo_dataset *parts[2];
        *seen = 0;
        ok(corpus_split(&parts[0], &parts[1], raw, percent / 100.0));
        for (int k = 0; k < 2; k++) {
            for (int64_t i = 0; i < parts[k]->count; i++) {
                const char *text;
                size_t n;
                ok(parts[k]->text(parts[k], NULL, i, &text, &n));
                assert_int_equal(utf8_valid(text, n), n);
                strncat(seen, text, n);
            }
            rondo_dataset_free(parts[k]);
        }
        assert_string_equal(seen, whole);
    }
    rondo_dataset_free(raw);
}

/* ---- The speaker ---- */
/* Says all tokens of a text; what comes out, with | after each token. */
static void say_all(char *out, const rondo_pipeline *p, const char *text, const char *stop)
{
    speaker s;
    token_list list = { 0 };
    const char *piece = "";
    size_t size = 0;
    ok(speaker_open(&s, p->tokenizer, stop));
    ok(tokenizer_encode_plain(p->tokenizer, text, strlen(text), &list));
    speaker_begin(&s, NULL, 0);
    *out = 0;
    for (int64_t i = 0; i < list.n && !s.stopped; i++) {
        ok(speaker_say(&s, list.id[i], &piece, &size));
        if (i + 1 == list.n) speaker_end(&s, &piece, &size);
        assert_int_equal(utf8_valid(piece, size), size);
        strncat(out, piece, size);
        strcat(out, "|");
    }
    token_list_free(&list);
    speaker_close(&s);
}

static void speaks_whole_letters_up_to_the_stop(void **state)
{
    (void)state;
    char out[700];
    rondo_pipeline bytes, words, chars;
    open_pipeline(&bytes, "byte", TEXT_ENDS_NOT);
    open_pipeline(&words, "word plain unknown=<unk> end=<eos>", TEXT_ENDS_LINES);
    open_pipeline(&chars, "char plain unknown=<unk>", TEXT_ENDS_NOT);
    say_all(out, &bytes,
            "a\xE4\xB8\xAD"
            "b",
            NULL);
    assert_string_equal(out, "a|||\xE4\xB8\xAD|b|");
    say_all(out, &words, "to be or not", NULL);
    assert_string_equal(out, "to| be| or| not|");
    say_all(out, &words, "to be or not", "or");
    assert_string_equal(out, "t|o be| |");
    say_all(out, &words, "to be or not", "orn");
    assert_string_equal(out, "t|o be| |or not|");
    say_all(out, &chars, "to be or", "e o");
    assert_string_equal(out, "t|o| |b||||");
    say_all(out, &chars, "to be the", "e o");
    assert_string_equal(out, "t|o| |b|||e t|h|e|");
    char text[301];
    memset(text, 'a', 300);
    text[300] = 0;
    say_all(out, &chars, text, "aaab"); /* more tokens than are kept */
    assert_int_equal(strlen(out), 600);
    assert_string_equal(out + 590, "|a|a|aaaa|");
    tokenizer_free(bytes.tokenizer);
    tokenizer_free(words.tokenizer);
    tokenizer_free(chars.tokenizer);
}

/* ---- A model ---- */
static rondo_recipe *recipe_of(const char *verb, ...)
{
    va_list args;
    rondo_recipe *r = rondo_recipe_new();
    va_start(args, verb);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        ok(rondo_recipe_set(r, verb, key, va_arg(args, const char *)));
    va_end(args);
    return r;
}

static int open_model(void **state)
{
    const char *base = getenv("TMPDIR");
    char path[300], run[300];
    text_buffer text = { 0 };
    (void)state;
    snprintf(folder, sizeof folder, "%s/rondo-language-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/text.txt", folder);
    snprintf(run, sizeof run, "%s/run", folder);
    for (int i = 0; i < 60; i++) text_add(&text, "abba%s\n", i % 3 ? "c" : "ab");
    ok(file_write_all(path, text.data, text.size));
    text_free(&text);
    rondo_recipe *r = recipe_of("train", "task", "language", "data", path, "tokenizer", "char",
                                "model", "embedding 4; lstm 6 return_sequences; dense softmax",
                                "batch", "4", "bptt", "10", "epochs", "5", "learning_rate", "0.05",
                                "output", run, NULL);
    ok(rondo_run_train(r, NULL, 0, NULL, NULL, NULL));
    rondo_recipe_free(r);
    ok(rondo_pipeline_open(&model, run, 2));
    return 0;
}

static int close_model(void **state)
{
    char command[300];
    (void)state;
    rondo_pipeline_free(model);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Σ -log p of the text, after its first letter, step by step. */
static double nats_of(const char *text, int64_t *n)
{
    rondo_stream *s;
    token_list list = { 0 };
    double sum = 0;
    const int64_t width = model_output_shape(model->model, 0)->features;
    real *y = calloc((size_t)width, sizeof *y);
    ok(rondo_stream_new(&s, model->model, 1));
    ok(tokenizer_encode_plain(model->tokenizer, text, strlen(text), &list));
    for (int64_t i = 0; i + 1 < list.n; i++) {
        const rondo_array x = { list.id + i, RONDO_I32, { 1, { 1 } }, NULL };
        rondo_array out = { y, RONDO_F32, { 2, { 1, width } }, NULL };
        ok(rondo_stream_step(s, &x, &out));
        sum -= log((double)y[list.id[i + 1]]);
    }
    *n = list.n - 1;
    rondo_stream_free(s);
    token_list_free(&list);
    free(y);
    return sum;
}

static void scores_are_those_of_each_step(void **state)
{
    static const char *const texts[] = { "abbac\nabbaab\nabab", NULL };
    const char *names[8];
    double values[8];
    int count;
    int64_t n;
    rondo_dataset *d;
    (void)state;
    const double nats = nats_of(texts[0], &n);
    ok(corpus_data(&d, raw_text(texts), model, &(corpus_cut){ .rows = 1 }));
    ok(rondo_pipeline_evaluate(model, d, 1, names, values, 8, &count));
    assert_int_equal(count, 5);
    assert_string_equal(names[0], "loss");
    assert_true(fabs(values[0] - nats / (double)n) < 1e-5);
    assert_string_equal(names[1], "perplexity");
    assert_true(fabs(values[1] - exp(nats / (double)n)) < 1e-4);
    assert_string_equal(names[3], "bits_per_byte");
    assert_true(fabs(values[3] - nats / (double)n / log(2)) < 1e-5); /* letters of a byte each */
    rondo_dataset_free(d);
}

/* ---- Writing ---- */
static double write_all(char out[][200], int64_t samples, rondo_generate_options o)
{
    rondo_generator *g;
    rondo_piece piece;
    bool more;
    double sum = 0;
    o.size = sizeof o;
    o.samples = samples;
    ok(rondo_generator_new(&g, model, &o));
    for (int64_t i = 0; i < samples; i++) *out[i] = 0;
    for (;;) {
        ok(rondo_generator_next(g, &piece, &more));
        if (!more) break;
        assert_true(piece.sample >= 0 && piece.sample < samples);
        strncat(out[piece.sample], piece.text, piece.size);
        if (piece.sample == 0) sum += piece.log_probability;
    }
    rondo_generator_free(g);
    return sum;
}

static void same_seed_same_text(void **state)
{
    static char one[40][200], many[40][200], other[40][200];
    const rondo_generate_options o = { .prompt = "ab", .length = 60, .seed = 3 };
    (void)state;
    write_all(many, 40, o); /* more than are made at a time */
    for (int i = 0; i < 40; i++) assert_int_equal(strlen(many[i]), 60);
    write_all(one, 1, o);
    assert_string_equal(one[0], many[0]);
    ok(model_threads(model->model, 1));
    write_all(other, 40, o);
    assert_memory_equal(many, other, sizeof many);
    ok(model_threads(model->model, 2));
    assert_string_not_equal(many[0], many[1]);
    rondo_generate_options again = o;
    again.seed = 4;
    write_all(other, 1, again);
    assert_string_not_equal(many[0], other[0]);
}

static void greedy_and_scores(void **state)
{
    static char out[1][200], text[300];
    int64_t n, prompt;
    (void)state;
    const rondo_generate_options o = {
        .prompt = "abba", .length = 20, .greedy = true, .scores = true
    };
    const double sum = write_all(out, 1, o);
    snprintf(text, sizeof text, "abba%s", out[0]);
    assert_true(fabs(nats_of("abba", &prompt) - sum - nats_of(text, &n)) < 1e-3 * 20 ||
                fabs(nats_of(text, &n) - nats_of("abba", &prompt) + sum) < 1e-3);
    assert_int_equal(n - prompt, 20);
}

/* With beams enough for all texts there are, the search finds the best of them. */
static void beams_find_the_best(void **state)
{
    enum { LENGTH = 3 };
    static char out[2][200];
    (void)state;
    const double first = write_all(
        out, 2,
        (rondo_generate_options){ .prompt = "ab", .length = LENGTH, .beams = 200, .scores = true });
    static const char letters[] = "abc\n";
    char text[208];
    int64_t n, prompt;
    double best = -INFINITY, second = -INFINITY, sum;
    const double before = nats_of("ab", &prompt);
    for (int i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "ab%c%c%c", letters[i % 4], letters[i / 4 % 4],
                 letters[i / 16]);
        sum = before - nats_of(text, &n);
        if (sum > second) second = sum;
        if (sum > best) second = best, best = sum;
    }
    assert_true(fabs(first - best) < 1e-4);
    snprintf(text, sizeof text, "ab%s", out[0]);
    assert_true(fabs(before - nats_of(text, &n) - best) < 1e-4);
    snprintf(text, sizeof text, "ab%s", out[1]);
    assert_true(fabs(before - nats_of(text, &n) - second) < 1e-4);
}

/* ---- When memory is out ---- */
static int64_t failing_after = -1;

static void *fail_once(void *p, size_t n)
{
    if (n && failing_after >= 0 && failing_after-- == 0) return NULL;
    return usual(p, n);
}

static rondo_status open_and_judge(void)
{
    static const char *const texts[] = { "abbac\nabbaab\nabab", NULL };
    const char *names[8];
    double values[8];
    int count;
    rondo_dataset *d;
    RONDO_TRY(corpus_data(&d, raw_text(texts), model, &(corpus_cut){ .rows = 2 }));
    const rondo_status s = rondo_pipeline_evaluate(model, d, 1, names, values, 8, &count);
    rondo_dataset_free(d);
    return s;
}

static rondo_status write_some(const rondo_generate_options *o)
{
    rondo_generator *g;
    rondo_piece piece;
    bool more = true;
    rondo_status s = rondo_generator_new(&g, model, o);
    if (s) assert_null(g);
    while (!s && more) s = rondo_generator_next(g, &piece, &more);
    rondo_generator_free(g);
    return s;
}

static rondo_status draw_some(void)
{
    return write_some(&(rondo_generate_options){ .size = sizeof(rondo_generate_options),
                                                 .prompt = "axb",
                                                 .stop = "zz",
                                                 .length = 5,
                                                 .samples = 3,
                                                 .repetition_penalty = 1.1,
                                                 .scores = true });
}

static rondo_status search_some(void)
{
    return write_some(&(rondo_generate_options){
        .size = sizeof(rondo_generate_options), .length = 5, .beams = 3 });
}

static void memory_runs_out(void **state)
{
    rondo_status (*const acts[])(void) = { open_and_judge, draw_some, search_some };
    (void)state;
    usual = alloc_hook;
    for (int i = 0; i < 3; i++) {
        ok(acts[i]());
        for (int at = 0; at < 100000; at++) {
            failing_after = at;
            alloc_hook = fail_once;
            const rondo_status s = acts[i]();
            const bool reached = failing_after < 0;
            alloc_hook = usual;
            failing_after = -1;
            if (!reached) break;
            if (s && s != RONDO_E_NOMEM) fail_msg("%d %d: %s", i, at, rondo_error());
        }
    }
}

static void mistakes_are_told(void **state)
{
    static const rondo_generate_options bad[] = {
        { .length = -1 },
        { .temperature = -1 },
        { .top_p = 2 },
        { .top_k = -2 },
        { .beams = 3, .top_k = 2 },
        { .beams = 2, .samples = 3 },
        { .temperature = NAN },
        { .repetition_penalty = -1 },
        { .beams = 2, .greedy = true },
        { .prompt = "a\xFF"
                    "b" },
    };
    rondo_generator *g;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rondo_generate_options o = bad[i];
        o.size = sizeof o;
        assert_int_not_equal(rondo_generator_new(&g, model, &o), RONDO_OK);
        assert_null(g);
        assert_true(strlen(rondo_error()) > 10);
    }
    rondo_generate_options o = { .size = sizeof o,
                                 .prompt = "axb\xE4\xB8\xAD"
                                           "xc" };
    ok(rondo_generator_new(&g, model, &o));
    assert_non_null(strstr(rondo_generator_remark(g), "\"x\", \"\xE4\xB8\xAD\" in the prompt"));
    rondo_generator_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_on_the_streams_of_ptb_word_lm),
        cmocka_unit_test(judges_every_token_once),
        cmocka_unit_test(long_texts_are_cut_between_lines),
        cmocka_unit_test(splits_between_letters),
        cmocka_unit_test(speaks_whole_letters_up_to_the_stop),
        cmocka_unit_test(scores_are_those_of_each_step),
        cmocka_unit_test(same_seed_same_text),
        cmocka_unit_test(greedy_and_scores),
        cmocka_unit_test(beams_find_the_best),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
