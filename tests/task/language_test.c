/* Language models: text as streams, and what they are judged by. */
#define _DEFAULT_SOURCE
#include "task/language.h"

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

static void memory_runs_out(void **state)
{
    (void)state;
    act_without_memory(open_and_judge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_on_the_streams_of_ptb_word_lm),
        cmocka_unit_test(judges_every_token_once),
        cmocka_unit_test(long_texts_are_cut_between_lines),
        cmocka_unit_test(splits_between_letters),
        cmocka_unit_test(scores_are_those_of_each_step),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
