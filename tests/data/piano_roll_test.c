/* Piano rolls: the frames that come out, targets one frame ahead, and what is said of bad files. */
#include "data/files.h"

static const char songs[] = "[[0,2],[1],[],[3,0]]\n\n [ [2] , [1,2] ]\r\n[[3]]\n[]";

static void check(const field *f, int64_t steps, int64_t n, const double *expected)
{
    assert_int_equal(f->steps, steps);
    assert_reals(f->data, n, expected);
}

static void frames(void **state)
{
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        const char *path = gzip ? put_gzip("a.jsonl.gz", songs, sizeof songs - 1)
                                : put_text("a.jsonl", songs);
        rondo_dataset *d = must_open(path, "keys=4");
        static const int64_t lengths[] = { 3, 1, 0, 0 };
        cursor c = { 0 };
        sample s;
        assert_int_equal(d->count, 4);
        assert_int_equal(d->input[0].shape.dim[0], 0);
        assert_int_equal(d->input[0].shape.dim[1], 4);
        assert_int_equal(d->target[0].shape.dim[1], 4);
        for (int i = 3; i >= 0; i--) {
            assert_int_equal(d->length(d, i), lengths[i]);
            assert_int_equal(d->get(d, &c, i, &s), RONDO_OK);
            assert_int_equal(s.input[0].steps, lengths[i]);
            assert_int_equal(s.target[0].steps, lengths[i]);
        }
        check(&s.input[0], 3, REALS(1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0));
        check(&s.target[0], 3, REALS(0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1));
        cursor_free(&c);
        rondo_dataset_free(d);
    }
}

/* To predict, all frames are input: the last answer is what nobody has heard yet. */
static void to_predict(void **state)
{
    (void)state;
    rondo_dataset *d = must_open(put_text("a.jsonl", songs), "keys=4 no_target");
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->n_targets, 0);
    assert_int_equal(d->get(d, &c, 1, &s), RONDO_OK);
    check(&s.input[0], 2, REALS(0, 0, 1, 0, 0, 1, 1, 0));
    cursor_free(&c);
    rondo_dataset_free(d);
}

static void sentences(void **state)
{
    (void)state;
    const char *path = at("b.jsonl");
    put_text("b.jsonl", "[[1]]\n[[1],[2,88]]\n");
    must_fail(path, "", RONDO_E_FORMAT,
              "b.jsonl:2: frame 2: key 88 of a roll that has 0 to 87; say keys=128");
    must_fail(path, "keys=0", RONDO_E_ARG, "keys must be 1 to 4096, not 0");
    must_fail(path, "labels=x", RONDO_E_ARG, "targets inside");
    must_fail(path, "as=classes", RONDO_E_ARG, "dense sigmoid");
    put_text("b.jsonl", "[[1]]\n[[1],[2]\n");
    must_fail(path, "", RONDO_E_FORMAT, "b.jsonl:2: line 1, column");
    put_text("b.jsonl", "[[1],[-1]]\n");
    must_fail(path, "", RONDO_E_FORMAT, "a key is a whole number from 0 on");
    put_text("b.jsonl", "[[1],[1.5]]\n");
    must_fail(path, "", RONDO_E_FORMAT, "a key is a whole number from 0 on");
    put_text("b.jsonl", "[[1],2]\n");
    must_fail(path, "", RONDO_E_FORMAT, "frame 2 is not a list of keys");
    put_text("b.jsonl", "{\"text\": 1}\n");
    must_fail(path, "format=piano_roll", RONDO_E_FORMAT, "a song is a list of frames");
    put_text("b.jsonl", "\n \n");
    must_fail(path, "format=piano_roll", RONDO_E_FORMAT, "no songs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(to_predict),
        cmocka_unit_test(sentences),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
