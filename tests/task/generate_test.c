/* What a language model writes: token by token as text, drawn or searched for. */
#define _DEFAULT_SOURCE
#include "task/language.h"

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
    (void)state;
    act_without_memory(draw_some);
    act_without_memory(search_some);
}

/* Numbers that no token has, within the vocabulary and behind it, are never drawn. */
static void gaps_are_never_said(void **state)
{
    static const char file[] =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":3,\"c\":5},\"merges\":[]}}";
    json_t *json;
    rondo_generator *g;
    rondo_piece piece;
    bool more;
    (void)state;
    rondo_pipeline *p;
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_I32, RONDO_SHAPE(0));
    ok(rondo_add_spec(m, "embedding 2 input_dim=9; gru 2 return_sequences; dense 9 softmax"));
    ok(model_prepare(m, 1));
    ok(pipeline_new(&p, &task_language));
    p->model = m;
    ok(json_read(&json, file, strlen(file), "test"));
    ok(tokenizer_from_json(&p->tokenizer, json));
    json_decref(json);
    for (int beams = 0; beams < 9; beams += 8) {
        ok(rondo_generator_new(&g, p,
                               &(rondo_generate_options){ .size = sizeof(rondo_generate_options),
                                                          .prompt = "ab",
                                                          .length = beams ? 3 : 200,
                                                          .beams = beams }));
        for (;;) {
            ok(rondo_generator_next(g, &piece, &more));
            if (!more) break;
            assert_true(piece.id == 0 || piece.id == 3 || piece.id == 5);
        }
        rondo_generator_free(g);
    }
    rondo_pipeline_free(p);
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
        cmocka_unit_test(speaks_whole_letters_up_to_the_stop),
        cmocka_unit_test(same_seed_same_text),
        cmocka_unit_test(greedy_and_scores),
        cmocka_unit_test(beams_find_the_best),
        cmocka_unit_test(gaps_are_never_said),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
