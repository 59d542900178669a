/* Callbacks, driven by made-up progress. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "train/train.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];
static rondo_model *model;

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/rondo_callback_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return -1;
    model = rondo_model_new();
    rondo_input(model, RONDO_F32, RONDO_SHAPE(0, 2));
    rondo_add_spec(model, "simple_rnn 3; dense 1");
    return rondo_compile(model, .loss = "mse", .optimizer = "sgd learning_rate=1", .threads = 1);
}

static int tear_down(void **state)
{
    (void)state;
    char path[600];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            remove(path);
        }
    closedir(d);
    rondo_model_free(model);
    return rmdir(folder);
}

static rondo_callback parse(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rondo_callback c;
    if (rondo_callback_parse(&c, text)) fail_msg("%s: %s", text, rondo_error());
    return c;
}

static const char *const names[] = { "loss", "accuracy", "val_loss", "val_accuracy" };

/* One event of an epoch; whether the callback asked to stop. */
static bool send(rondo_callback *c, rondo_event event, int64_t epoch, double val_loss,
                 double val_acc)
{
    const double values[] = { val_loss / 2, 0.5, val_loss, val_acc };
    rondo_progress p = {
        .epoch = epoch, .epochs = 100, .n_metrics = 4, .metric = names, .value = values
    };
    if (c->on(event, model, &p, c->user)) fail_msg("%s", rondo_error());
    return p.stop;
}

/* A fresh callback of the same spec with the saved state of another. */
static void hand_over(rondo_callback *to, rondo_callback *from)
{
    const void *bytes;
    size_t n;
    assert_int_equal(from->save(from->user, &bytes, &n), RONDO_OK);
    void *copy = malloc(n);
    memcpy(copy, bytes, n);
    rondo_callback_free(from);
    assert_int_equal(to->load(to->user, copy, n), RONDO_OK);
    free(copy);
}

/* Runs val_loss through it; the epoch after which it stopped, or -1. */
static int stops_after(rondo_callback *c, int n, const double losses[])
{
    send(c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    for (int e = 0; e < n; e++)
        if (send(c, RONDO_EPOCH_END, e, losses[e], 1 - losses[e])) return e;
    return -1;
}

static void early_stopping(void **state)
{
    (void)state;
    static const double losses[] = { 1, 0.8, 0.79, 0.85, 0.9, 0.7, 0.95, 0.96 };
    static const struct {
        const char *spec;
        int after;
    } cases[] = {
        { "early_stopping", 3 },
        { "early_stopping patience=2", 4 },
        { "early_stopping patience=3", -1 },
        { "early_stopping patience=2 min_delta=0.05", 3 },
        { "early_stopping patience=2 start_from_epoch=4", 7 },
        { "early_stopping patience=2 monitor=val_accuracy", 4 },
        { "early_stopping monitor=val_accuracy mode=min", 1 },
        { "early_stopping patience=3 baseline=0.5", 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_callback c = parse("%s", cases[i].spec);
        const int after = stops_after(&c, 8, losses);
        if (after != cases[i].after)
            fail_msg("%s: after %d, expected %d", cases[i].spec, after, cases[i].after);
        rondo_callback_free(&c);
    }
}

static void until(void **state)
{
    (void)state;
    static const double losses[] = { 1, NAN, 0.5, 0.25, 0.1 };
    static const struct {
        const char *condition;
        int after;
    } cases[] = {
        { "val_loss < 0.5", 3 },       { "val_loss<=0.5", 2 }, { "val_accuracy >= 0.75", 3 },
        { " val_accuracy > 0.8 ", 4 }, { "val_loss < 0", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_callback c = parse("until condition=\"%s\"", cases[i].condition);
        const int after = stops_after(&c, 5, losses);
        if (after != cases[i].after)
            fail_msg("%s: after %d, expected %d", cases[i].condition, after, cases[i].after);
        rondo_callback_free(&c);
    }
    static const char *const wrong[] = { "",    "val_loss",     "val_loss 3",     "val_loss <",
                                         "< 3", "val_loss < x", "val_loss < 3 4", "val_loss = 3" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rondo_callback c;
        char text[64];
        snprintf(text, sizeof text, "until condition=\"%s\"", wrong[i]);
        assert_int_equal(rondo_callback_parse(&c, text), RONDO_E_ARG);
        assert_non_null(strstr(rondo_error(), "is no condition"));
    }
    rondo_callback c = parse("until condition=\"val_los < 3\"");
    rondo_progress p = { .n_metrics = 4, .metric = names, .value = losses };
    assert_int_equal(c.on(RONDO_FIT_BEGIN, model, &p, c.user), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "this run gives loss, accuracy, val_loss"));
    rondo_callback_free(&c);
}

/* The best epoch's weights come back at the end, also when a resumed run ends. */
static void best_weights(void **state)
{
    (void)state;
    rondo_callback c = parse("early_stopping patience=9 restore_best_weights");
    static const double losses[] = { 1, 0.5, 0.9 };
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    for (int e = 0; e < 3; e++) {
        model->weights[0] = (real)e;
        send(&c, RONDO_EPOCH_END, e, losses[e], 0);
    }
    rondo_callback second = parse("early_stopping patience=9 restore_best_weights");
    hand_over(&second, &c);
    send(&second, RONDO_FIT_BEGIN, 3, NAN, NAN);
    model->weights[0] = 3;
    send(&second, RONDO_EPOCH_END, 3, 0.8, 0);
    send(&second, RONDO_FIT_END, 4, NAN, NAN);
    assert_true(model->weights[0] == 1);
    rondo_callback_free(&second);
}

static void reduce_lr(void **state)
{
    (void)state;
    rondo_callback c = parse("reduce_lr_on_plateau factor=0.5 patience=2 cooldown=1 min_lr=0.2");
    /*                              wait: 0  0  1  2→cut  cool→1  2→cut      cool  … */
    static const double losses[] = { 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 };
    static const double rates[] = { 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2 };
    rondo_set_learning_rate(model, 1);
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    for (int e = 0; e < 10; e++) {
        if (e == 4) { /* resuming changes nothing */
            rondo_callback d = parse(
                "reduce_lr_on_plateau factor=0.5 patience=2 cooldown=1 min_lr=0.2");
            hand_over(&d, &c);
            c = d;
            send(&c, RONDO_FIT_BEGIN, e, NAN, NAN);
        }
        send(&c, RONDO_EPOCH_END, e, losses[e], 0);
        assert_float_equal(rondo_learning_rate(model), rates[e], 1e-7);
    }
    rondo_callback_free(&c);
}

static void expect_file(const char *path, const char *expected)
{
    char text[512];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, expected);
}

static void csv_logger(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/log.csv", folder);
    const char *head = "epoch,accuracy,loss,val_accuracy,val_loss\n";
    char expected[512];

    rondo_callback c = parse("csv_logger path=%s", path);
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    send(&c, RONDO_EPOCH_END, 0, 0.25, 0.1);
    snprintf(expected, sizeof expected, "%s0,0.5,0.125,0.1,0.25\n", head);
    expect_file(path, expected);

    /* A checkpoint was written here; what is logged after it is lost to the run that resumes. */
    rondo_callback d = parse("csv_logger path=%s", path);
    const void *bytes;
    size_t n;
    assert_int_equal(c.save(c.user, &bytes, &n), RONDO_OK);
    assert_int_equal(d.load(d.user, bytes, n), RONDO_OK);
    send(&c, RONDO_EPOCH_END, 1, 99, 99);
    rondo_callback_free(&c);
    send(&d, RONDO_FIT_BEGIN, 1, NAN, NAN);
    send(&d, RONDO_EPOCH_END, 1, 1.0 / 3, 2);
    rondo_callback_free(&d);
    snprintf(expected, sizeof expected,
             "%s0,0.5,0.125,0.1,0.25\n1,0.5,0.16666666666666666,2,0.3333333333333333\n", head);
    expect_file(path, expected);

    rondo_callback e = parse("csv_logger path=%s append", path);
    send(&e, RONDO_FIT_BEGIN, 0, NAN, NAN);
    rondo_callback_free(&e);
    expect_file(path, expected);
    rondo_callback g = parse("csv_logger path=%s", path);
    send(&g, RONDO_FIT_BEGIN, 0, NAN, NAN);
    rondo_callback_free(&g);
    expect_file(path, head);
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static void tensorboard(void **state)
{
    (void)state;
    /* The length of a 24-byte record, as at the head of every events file of TensorFlow. */
    const unsigned char length[8] = { 24 };
    assert_int_equal(tfrecord_crc(length, 8), 0x224b7fa3u);

    rondo_callback c = parse("tensorboard path=%s", folder);
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    send(&c, RONDO_EPOCH_END, 5, 0.25, 0.1);
    rondo_callback_free(&c);

    unsigned char bytes[2048];
    size_t n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, "tfevents")) {
            char path[600];
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            FILE *f = fopen(path, "rb");
            n = fread(bytes, 1, sizeof bytes, f);
            fclose(f);
            remove(path);
        }
    closedir(d);

    int records = 0;
    bool found = false;
    for (size_t at = 0; at < n; records++) {
        const size_t size = (size_t)little(bytes + at, 8);
        assert_int_equal(little(bytes + at + 8, 4), tfrecord_crc(bytes + at, 8));
        const unsigned char *data = bytes + at + 12;
        assert_true(at + size + 16 <= n);
        assert_int_equal(little(data + size, 4), tfrecord_crc(data, size));
        /* Event.summary.value: tag "val_loss", simple_value 0.25, after wall_time and step 5. */
        static const unsigned char expected[] =
            "\x10\x05\x2a\x11\x0a\x0f\x0a\x08val_loss\x15\0\0\x80\x3e";
        found |= size == 9 + sizeof expected - 1 && data[0] == 9 &&
                 !memcmp(data + 9, expected, sizeof expected - 1);
        at += size + 16;
    }
    assert_int_equal(records, 1 + 4 + 1); /* version, metrics, learning rate */
    assert_true(found);
}

static void terminate_on_nan(void **state)
{
    (void)state;
    rondo_callback c = parse("terminate_on_nan");
    assert_false(send(&c, RONDO_BATCH_END, 0, 1, 1));
    assert_true(send(&c, RONDO_BATCH_END, 0, NAN, 1));
    assert_true(send(&c, RONDO_BATCH_END, 0, INFINITY, 1));
    rondo_callback_free(&c);
}

static void model_checkpoint(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s/best.safetensors", folder);
    rondo_callback c = parse("model_checkpoint path=%s save_best_only monitor=val_accuracy", path);
    static const double accuracies[] = { 0.5, 0.4, 0.6, 0.6 };
    static const bool saves[] = { true, false, true, false };
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    for (int e = 0; e < 4; e++) {
        send(&c, RONDO_EPOCH_END, e, 1, accuracies[e]);
        assert_int_equal(file_exists(path), saves[e]);
        remove(path);
    }
    rondo_callback_free(&c);
    c = parse("model_checkpoint path=%s", path);
    send(&c, RONDO_FIT_BEGIN, 0, NAN, NAN);
    send(&c, RONDO_EPOCH_END, 0, 1, 0);
    assert_true(file_exists(path));
    rondo_callback_free(&c);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        rondo_status code;
        const char *says;
    } cases[] = {
        { "early_stoping", RONDO_E_NAME, "early_stopping" },
        { "early_stopping patients=3", RONDO_E_NAME, "patience" },
        { "early_stopping mode=up", RONDO_E_ARG, "mode=up" },
        { "early_stopping baseline=low", RONDO_E_ARG, "baseline=low" },
        { "csv_logger", RONDO_E_ARG, "path" },
        { "model_checkpoint", RONDO_E_ARG, "path" },
        { "tensorboard", RONDO_E_ARG, "path" },
        { "reduce_lr_on_plateau factor=2", RONDO_E_ARG, "factor=2" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rondo_callback c;
        assert_int_equal(rondo_callback_parse(&c, cases[i].spec), cases[i].code);
        if (!strstr(rondo_error(), cases[i].says))
            fail_msg("%s: \"%s\" is not in: %s", cases[i].spec, cases[i].says, rondo_error());
    }
    rondo_callback c = parse("early_stopping monitor=val_los");
    rondo_progress p = { .n_metrics = 4, .metric = names, .value = (double[4]){ 0 } };
    assert_int_equal(c.on(RONDO_FIT_BEGIN, model, &p, c.user), RONDO_E_ARG);
    assert_non_null(strstr(rondo_error(), "loss, accuracy, val_loss, val_accuracy"));
    rondo_callback_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_stopping),
        cmocka_unit_test(best_weights),
        cmocka_unit_test(until),
        cmocka_unit_test(reduce_lr),
        cmocka_unit_test(csv_logger),
        cmocka_unit_test(tensorboard),
        cmocka_unit_test(terminate_on_nan),
        cmocka_unit_test(model_checkpoint),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
