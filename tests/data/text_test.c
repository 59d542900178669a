/* Raw text: lines, paragraphs, tables and JSON become documents; what is no text is refused. */
#include "data/files.h"

static rondo_dataset *open_text(const char *path, const char *options)
{
    rondo_dataset *d;
    const reader_request q = { .path = path, .spec = options, .text = true };
    const rondo_status s = reader_open(&d, &q);
    if (s) print_error("%s (%s): %s\n", path, options, rondo_error());
    assert_int_equal(s, RONDO_OK);
    assert_true(dataset_is_raw_text(d));
    return d;
}

static void refuse(const char *path, const char *options, rondo_status code, const char *words)
{
    rondo_dataset *d;
    const reader_request q = { .path = path, .spec = options, .text = true };
    const rondo_status s = reader_open(&d, &q);
    if (s != code || !strstr(rondo_error(), words))
        print_error("%s (%s): %d: %s\n", path, options, s, rondo_error());
    assert_int_equal(s, code);
    assert_non_null(strstr(rondo_error(), words));
    assert_null(d);
}

static void document_is(const rondo_dataset *d, int64_t i, const char *expected)
{
    const char *text;
    size_t n;
    assert_int_equal(d->text(d, NULL, i, &text, &n), RONDO_OK);
    if (n != strlen(expected) || memcmp(text, expected, n))
        print_error("document %d is \"%.*s\"\n", (int)i, (int)n, text);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(text, expected, n);
}

static void label_is(const rondo_dataset *d, int64_t i, const char *expected)
{
    sample s;
    assert_int_equal(d->get(d, NULL, i, &s), RONDO_OK);
    assert_string_equal(d->classes[s.target[0].tokens[0]], expected);
}

static void lines(void **state)
{
    (void)state;
    rondo_dataset *d = open_text(
        put_text("a.txt", "\xef\xbb\xbfone fine day\r\n\n\xE4\xB8\xAD\n last"), NULL);
    assert_int_equal(d->count, 4);
    assert_int_equal(d->n_targets, 0);
    document_is(d, 0, "one fine day");
    document_is(d, 1, "");
    document_is(d, 2, "\xE4\xB8\xAD");
    document_is(d, 3, " last");
    rondo_dataset_free(d);
    d = open_text(put_text("p.txt", "\n\na b\nc\n\n \n\nd\n"), "sample_by=paragraph");
    assert_int_equal(d->count, 2);
    document_is(d, 0, "a b\nc");
    document_is(d, 1, "d");
    rondo_dataset_free(d);
    d = open_text(at("p.txt"), "sample_by=document");
    assert_int_equal(d->count, 1);
    document_is(d, 0, "\n\na b\nc\n\n \n\nd\n");
    rondo_dataset_free(d);
    d = open_text(put_gzip("g.txt.gz", "packed\n", 7), NULL);
    document_is(d, 0, "packed");
    rondo_dataset_free(d);
}

static void labels_in_front(void **state)
{
    (void)state;
    rondo_dataset *d = open_text(put_text("l.txt", "1 a fine film\n\n0\tdull\n1 so\n"),
                                 "label=first");
    assert_int_equal(d->count, 3);
    assert_int_equal(d->n_classes, 2);
    document_is(d, 0, "a fine film");
    document_is(d, 1, "dull");
    label_is(d, 0, "1");
    label_is(d, 1, "0");
    rondo_dataset_free(d);
    d = open_text(put_text("t.txt", "DESC:manner How ?\nENTY:cremat What ?\n"), "label=coarse");
    label_is(d, 0, "DESC");
    document_is(d, 1, "What ?");
    rondo_dataset_free(d);
    d = open_text(put_text("f.txt", "__label__good yes\n__label__bad no\n"), "label=first");
    label_is(d, 0, "good");
    rondo_dataset_free(d);
    put_text("seq.in", "play it\nstop\n");
    char options[600];
    snprintf(options, sizeof options, "labels=%s", put_text("label", "Play\nStop\n"));
    d = open_text(at("seq.in"), options);
    label_is(d, 1, "Stop");
    document_is(d, 1, "stop");
    rondo_dataset_free(d);
    put_text("label", "Play\n");
    refuse(at("seq.in"), options, RONDO_E_SHAPE, "1 labels");
}

static void tables(void **state)
{
    (void)state;
    const char *path = put_text("r.csv",
                                "stars,review,site\n2,\"so \"\"so\"\"\n really\",a\n5,fine,b\n");
    rondo_dataset *d = open_text(path, "text=review target=stars as=classes");
    assert_int_equal(d->count, 2);
    document_is(d, 0, "so \"so\"\n really");
    label_is(d, 1, "5");
    assert_string_equal(d->features[0], "review");
    rondo_dataset_free(d);
    refuse(path, "target=stars", RONDO_E_ARG, "which column is the text");
    d = open_text(path, "target=site");
    document_is(d, 1, "fine");
    rondo_dataset_free(d);
    refuse(path, "text=reviews target=stars", RONDO_E_NAME, "did you mean \"review\"");
    refuse(path, "text=review window=2 target=stars", RONDO_E_ARG, "only input");
}

static void json_objects(void **state)
{
    (void)state;
    rondo_dataset *d = open_text(put_text("a.jsonl",
                                          "{\"text\": \"one\", \"label\": \"x\"}\n\n"
                                          "{\"label\": true, \"text\": \"two \\u4e2d\"}\n"),
                                 NULL);
    assert_int_equal(d->count, 2);
    document_is(d, 1, "two \xE4\xB8\xAD");
    label_is(d, 0, "x");
    label_is(d, 1, "true");
    rondo_dataset_free(d);
    d = open_text(put_text("p.json", "[{\"paragraphs\": [\"a\", \"b\"]},\n {\"paragraphs\": []}]"),
                  "text=paragraphs");
    assert_int_equal(d->count, 2);
    document_is(d, 0, "a\nb");
    document_is(d, 1, "");
    assert_int_equal(d->n_targets, 0);
    rondo_dataset_free(d);
    refuse(at("p.json"), NULL, RONDO_E_FORMAT, "without \"text\"");
    refuse(put_text("b.jsonl", "{\"text\": \"a\"}\n{\"text\": 3}\n"), NULL, RONDO_E_FORMAT,
           "b.jsonl:2: \"text\" is no text");
    refuse(put_text("b.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n"), NULL, RONDO_E_FORMAT,
           "it has \"txt\"");
    char long_label[400];
    snprintf(long_label, sizeof long_label, "{\"text\": \"a\", \"label\": \"%0300d\"}\r\n", 1);
    refuse(put_text("b.jsonl", long_label), NULL, RONDO_E_FORMAT,
           "b.jsonl:1: \"label\" has 300 bytes, too long");
    refuse(put_text("b.jsonl", "{\"text\": \"a\"\n"), NULL, RONDO_E_FORMAT, "b.jsonl:1");
    refuse(put_text("b.jsonl", "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"b\"}\n"), NULL,
           RONDO_E_FORMAT, "b.jsonl:2: an object without \"label\"");
}

static const char sentences[] = "# text = Don't go.\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
                                "1\tDo\tdo\tAUX\tVBP\t_\t3\taux\t_\t_\n"
                                "2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_\n"
                                "2.1\tgone\tgo\tVERB\t_\t_\t_\t_\t_\t_\n"
                                "3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_\r\n"
                                "\n\n1\t10 000\t10000\tNUM\tCD\t_\t0\troot\t_\t_\n";

static void universal_dependencies(void **state)
{
    (void)state;
    rondo_dataset *d = open_text(put_text("s.conllu", sentences), "target=upos");
    sample s;
    assert_int_equal(d->count, 2);
    document_is(d, 0, "Do n't go");
    document_is(d, 1, "10_000");
    assert_int_equal(d->length(d, 0), 3);
    assert_int_equal(d->get(d, NULL, 0, &s), RONDO_OK);
    assert_int_equal(s.target[0].steps, 3);
    assert_string_equal(d->classes[s.target[0].tokens[1]], "PART");
    assert_int_equal(d->get(d, NULL, 1, &s), RONDO_OK);
    assert_string_equal(d->classes[s.target[0].tokens[0]], "NUM");
    rondo_dataset_free(d);
    d = open_text(at("s.conllu"), NULL);
    assert_int_equal(d->n_targets, 0);
    rondo_dataset_free(d);
    d = open_text(at("s.conllu"), "target=4");
    assert_string_equal(d->targets[0], "upos");
    rondo_dataset_free(d);
    refuse(at("s.conllu"), "target=pos", RONDO_E_NAME, "did you mean");
    refuse(at("s.conllu"), "target=2", RONDO_E_NAME, "say one of lemma, upos");
    refuse(put_text("b.conllu", "1\tDo\tdo\n"), NULL, RONDO_E_FORMAT, "b.conllu:1: expected ten");
    refuse(put_text("b.conllu", "1\t\t_\t_\t_\t_\t_\t_\t_\t_\n"), NULL, RONDO_E_FORMAT,
           "without a word");
    refuse(put_text("b.conllu", "# nothing\n\n"), NULL, RONDO_E_FORMAT, "no sentences");
}

static void rows(void **state)
{
    (void)state;
    put_text("n.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
    char path[600];
    snprintf(path, sizeof path, "%s?rows=1,8-9/10", at("n.txt"));
    rondo_dataset *d = open_text(path, NULL);
    assert_int_equal(d->count, 4);
    document_is(d, 0, "1");
    document_is(d, 1, "8");
    document_is(d, 3, "11");
    rondo_dataset_free(d);
    snprintf(path, sizeof path, "%s?rows=50-99%%&sample_by=line", at("n.txt"));
    d = open_text(path, NULL);
    assert_int_equal(d->count, 6);
    document_is(d, 0, "6");
    rondo_dataset_free(d);
    snprintf(path, sizeof path, "%s?rows=2-3", at("n.txt"));
    d = open_text(path, NULL);
    assert_int_equal(d->count, 2);
    rondo_dataset_free(d);
    static const char *const bad[] = { "x", "3-1", "1/0", "/3", "1,", "5%/2", "-2", "1/2/3" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "%s?rows=%s", at("n.txt"), bad[i]);
        refuse(path, NULL, RONDO_E_ARG, "rows is");
    }
    snprintf(path, sizeof path, "%s?rows=99", at("n.txt"));
    refuse(path, NULL, RONDO_E_ARG, "keeps none of 12");
}

static void encodings(void **state)
{
    (void)state;
    rondo_dataset *d = open_text(put_text("e.txt", "caf\xE9 \x93quoted\x94\n"), "encoding=cp1252");
    document_is(d, 0, "caf\xC3\xA9 \xE2\x80\x9Cquoted\xE2\x80\x9D");
    rondo_dataset_free(d);
    d = open_text(put_text("e.txt", "caf\xE9\n"), "encoding=latin1");
    document_is(d, 0, "caf\xC3\xA9");
    rondo_dataset_free(d);
    refuse(at("e.txt"), NULL, RONDO_E_FORMAT, "e.txt:1: byte 4 (0xE9) is not UTF-8");
    refuse(put_text("e.txt", "one\ntw\x81\n"), "encoding=cp1252", RONDO_E_FORMAT,
           "e.txt:2: byte 3 (0x81) is no letter of cp1252");
    refuse(at("e.txt"), "encoding=utf9", RONDO_E_ARG, "encoding is utf8, latin1 or cp1252");
    refuse(put("z.txt", "a\nb\0c", 5), "format=text", RONDO_E_FORMAT, "z.txt:2: byte 2 is zero");
    refuse(put("u.txt",
               "\xff\xfe"
               "a\0",
               4),
           "format=text", RONDO_E_FORMAT, "is UTF-16");
    refuse(put("u.txt", "\xfe\xff\0a", 4), NULL, RONDO_E_FORMAT, "is UTF-16");
    refuse(put("u.csv", "\xff\xfe,\0", 4), "text=1", RONDO_E_FORMAT, "is UTF-16");
    refuse(put("z.txt", "a\nb\0c", 5), NULL, RONDO_E_FORMAT, "zero bytes: it is no text");
    refuse(put_text("z.jsonl", "{\"text\": \"a\\u0000\"}\n"), NULL, RONDO_E_FORMAT,
           "z.jsonl:1: line 1, column 18: a zero character");
    refuse(put_text("t.csv", "label,text\n1,good\n0,\"two\nlin\xE9s\"\n"), "text=text target=label",
           RONDO_E_FORMAT, "t.csv:4: byte 4 (0xE9) is not UTF-8");
}

static void mistakes(void **state)
{
    (void)state;
    refuse(put_text("e.txt", ""), NULL, RONDO_E_FORMAT, "is empty");
    refuse(put_text("e.txt", "\n\n"), NULL, RONDO_E_FORMAT, "there is no text in it");
    refuse(at("e.txt"), "label=last", RONDO_E_ARG, "label is first, coarse or none");
    refuse(at("e.txt"), "sample_by=word", RONDO_E_ARG, "sample_by is line, paragraph or document");
    refuse(put_text("e.txt", "a b\n"), "label=coarse", RONDO_E_FORMAT, "wants a colon");
    char *long_line = malloc(LIMIT_LINE + 2);
    memset(long_line, 'a', LIMIT_LINE + 1);
    long_line[LIMIT_LINE + 1] = 0;
    refuse(put_text("e.txt", long_line), NULL, RONDO_E_LIMIT, "sample_by=document");
    memset(long_line, 'a', 300);
    long_line[300] = 0;
    refuse(put_text("e.txt", long_line), "label=first", RONDO_E_FORMAT, "too long for a name");
    free(long_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(labels_in_front),
        cmocka_unit_test(tables),
        cmocka_unit_test(json_objects),
        cmocka_unit_test(universal_dependencies),
        cmocka_unit_test(rows),
        cmocka_unit_test(encodings),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
