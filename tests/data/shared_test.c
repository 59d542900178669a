/* Real files of others: MNIST, JapaneseVowels, traffic and weather; skipped where they are not. */
#include "data/files.h"
#include <sys/stat.h>

static const char *shared(const char *file)
{
    static char paths[4][1024];
    static int turn;
    char *path = paths[turn++ % 4];
    const char *root = getenv("RONDO_SHARED");
    snprintf(path, sizeof paths[0], "%s/data/%s", root && *root ? root : "../shared", file);
    struct stat s;
    if (stat(path, &s)) {
        print_message("skipped: %s is not here (RONDO_SHARED says where)\n", path);
        skip();
    }
    return path;
}

static void mnist(void **state)
{
    (void)state;
    char text[1100];
    snprintf(text, sizeof text, "labels=%s", shared("seqclass/mnist/t10k-labels-idx1-ubyte.gz"));
    rondo_dataset *d = must_open(shared("seqclass/mnist/t10k-images-idx3-ubyte.gz"), text);
    static const int32_t first[] = { 7, 2, 1, 0, 4, 1, 4, 9 };
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->count, 10000);
    assert_int_equal(d->input[0].shape.dim[0], 28);
    assert_int_equal(d->input[0].shape.dim[1], 28);
    assert_int_equal(d->n_classes, 10);
    double sum = 0;
    for (int64_t i = 0; i < d->count; i++) {
        assert_int_equal(d->get(d, &c, i, &s), RONDO_OK);
        if (i < 8) assert_int_equal(s.target[0].tokens[0], first[i]);
        for (int k = 0; k < 784; k++) sum += s.input[0].data[k];
    }
    assert_near(sum / 784 / 10000, 0.1325, 0.0001); /* the published mean of the test set */
    cursor_free(&c);
    rondo_dataset_free(d);
}

static void japanese_vowels(void **state)
{
    (void)state;
    rondo_dataset *d = must_open(shared("seqclass/ucr/JapaneseVowels_TRAIN.ts"), "");
    int64_t shortest = 1000, seen[9] = { 0 };
    cursor c = { 0 };
    sample s;
    assert_int_equal(d->count, 270);
    assert_int_equal(d->n_classes, 9);
    assert_string_equal(d->classes[8], "9");
    assert_int_equal(d->input[0].shape.dim[0], 0);
    assert_int_equal(d->input[0].shape.dim[1], 12);
    assert_int_equal(dataset_longest(d), 26);
    for (int64_t i = 0; i < d->count; i++) {
        if (d->length(d, i) < shortest) shortest = d->length(d, i);
        d->get(d, &c, i, &s);
        seen[s.target[0].tokens[0]]++;
    }
    assert_int_equal(shortest, 7);
    for (int k = 0; k < 9; k++) assert_int_equal(seen[k], 30);
    d->get(d, &c, 0, &s);
    assert_true(s.input[0].data[0] == (real)1.860936 && s.input[0].data[1] == (real)-0.207383);
    rondo_dataset_free(d);
    static const char *const others[] = { "ArrowHead_TRAIN", "GunPoint_TEST", "OSULeaf_TRAIN",
                                          "ItalyPowerDemand_TEST" };
    static const int64_t counts[] = { 36, 150, 200, 1029 };
    for (int k = 0; k < 4; k++) {
        char name[100];
        snprintf(name, sizeof name, "seqclass/ucr/%s.ts", others[k]);
        d = must_open(shared(name), "");
        assert_int_equal(d->count, counts[k]);
        assert_int_equal(d->input[0].shape.dim[1], 1);
        rondo_dataset_free(d);
    }
}

static void forecasts(void **state)
{
    (void)state;
    cursor c = { 0 };
    sample s;
    rondo_dataset *d = must_open(shared("forecast/pems_flow/train.csv"),
                                 "target='Lane 1 Flow (Veh/5 Minutes)' window=12 "
                                 "features='Lane 1 Flow (Veh/5 Minutes)'");
    assert_int_equal(d->count, 7776 - 12);
    d->get(d, &c, 0, &s);
    assert_true(s.input[0].data[0] == 12 && s.input[0].data[1] == 13);
    rondo_dataset_free(d);
    d = must_open(shared("forecast/ett/ETTh1.csv"), "target=OT window=96 horizon=24");
    assert_int_equal(d->count, 17420 - 96 - 24 + 1);
    assert_int_equal(d->n_features, 7);
    assert_int_equal(d->target[0].shape.dim[0], 24);
    rondo_dataset_free(d);
    d = must_open(shared("forecast/exchange_rate/exchange_rate.txt.gz"),
                  "target=1,2,3,4,5,6,7,8 window=24 horizon=3");
    assert_int_equal(d->count, 7588 - 24 - 3 + 1);
    assert_int_equal(d->target[0].shape.dim[0], 24);
    rondo_dataset_free(d);
    d = must_open(shared("forecast/jbrownlee/pollution.csv"),
                  "target=pm2.5 window=24 missing=NA features=pm2.5,DEWP,TEMP,PRES,Iws,Is,Ir");
    assert_true(d->count > 30000 && d->count < 43824);
    rondo_dataset_free(d);
    d = must_open(shared("forecast/jbrownlee/airline-passengers.csv"), "window=12");
    assert_int_equal(d->count, 144 - 12);
    rondo_dataset_free(d);
    must_fail(shared("forecast/jbrownlee/pollution.csv"), "target=pm25", RONDO_E_NAME,
              "did you mean \"pm2.5\"?");
}

/* The counts of the data's authors; 3.8 to 4 keys a frame. */
static void music(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int64_t songs, frames;
    } sets[] = { { "jsb_chorales.train", 229, 13807 },
                 { "jsb_chorales.test", 77, 4725 },
                 { "nottingham.valid", 173, 0 } };
    for (int k = 0; k < 3; k++) {
        char name[100];
        int64_t frames = 0;
        snprintf(name, sizeof name, "music/%s.jsonl", sets[k].file);
        rondo_dataset *d = must_open(shared(name), "");
        assert_int_equal(d->count, sets[k].songs);
        for (int64_t i = 0; i < d->count; i++) frames += d->length(d, i) + 1;
        if (sets[k].frames) assert_int_equal(frames, sets[k].frames);
        rondo_dataset_free(d);
    }
    cursor c = { 0 };
    sample s;
    rondo_dataset *d = must_open(shared("music/jsb_chorales.train.jsonl"), "");
    assert_int_equal(d->get(d, &c, 0, &s), RONDO_OK);
    for (int k = 0; k < 88; k++)
        assert_true(s.input[0].data[k] == (k == 39 || k == 51 || k == 58 || k == 67));
    cursor_free(&c);
    rondo_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mnist),
        cmocka_unit_test(japanese_vowels),
        cmocka_unit_test(forecasts),
        cmocka_unit_test(music),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
