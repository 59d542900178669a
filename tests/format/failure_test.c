/* Saving that fails leaves the file that was there; memory that gives out at any allocation is
 * said and not leaked. */
#define _POSIX_C_SOURCE 200809L
#include "format/format.h"
#include "base/helpers.h"
#include "model/models.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void must_stand(const char *path, const rondo_model *m)
{
    rondo_model *kept;
    if (rondo_load(&kept, path)) fail_msg("%s", rondo_error());
    models_same(kept, m);
    rondo_model_free(kept);
}

/* The disk is full after so many bytes. */
static rondo_status save_with_room_for(const rondo_model *m, const char *path, rlim_t bytes)
{
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const rondo_status s = rondo_save(m, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    return s;
}

static void a_full_disk(void **state)
{
    static const rlim_t room[] = { 0, 1, 100, 1000, 8000 };
    char *path = file_join(*state, "m.safetensors");
    rondo_model *old = models_new("gru 4", 3), *large = models_new("lstm 30", 3);
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    assert_int_equal(rondo_save(old, path), RONDO_OK);
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        assert_int_equal(save_with_room_for(large, path, room[i]), RONDO_E_IO);
        assert_sentence("cannot write");
        assert_sentence(path);
        assert_int_equal(folder_count(*state), 1); /* nothing half written stays about */
        must_stand(path, old);
    }
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
    assert_int_equal(rondo_save(large, path), RONDO_OK);
    must_stand(path, large);
    rondo_model_free(old);
    rondo_model_free(large);
    alloc_free(path);
}

static void places_that_cannot_be_written(void **state)
{
    struct stat info;
    char *nowhere = file_join(*state, "no/such/folder.safetensors");
    rondo_model *m = models_new("gru 4", 3);
    assert_int_equal(rondo_save(m, nowhere), RONDO_E_IO);
    assert_sentence(nowhere);
    assert_int_equal(rondo_save(m, *state), RONDO_E_IO);
    assert_sentence("it is a directory");
    if (stat("/dev/full", &info) == 0 && S_ISCHR(info.st_mode)) {
        assert_int_equal(rondo_save(m, "/dev/full"), RONDO_E_IO);
        assert_sentence("/dev/full");
        assert_int_equal(stat("/dev/full", &info), 0);
        assert_true(S_ISCHR(info.st_mode)); /* a rename would have put a file there */
    }
    assert_int_equal(folder_count(*state), 0);
    rondo_model_free(m);
    alloc_free(nowhere);
}

static void a_folder_that_is_read_only(void **state)
{
    if (geteuid() == 0) skip(); /* root writes anywhere */
    char *path = file_join(*state, "m.safetensors");
    rondo_model *old = models_new("gru 4", 3), *other = models_new("gru 5", 3);
    assert_int_equal(rondo_save(old, path), RONDO_OK);
    assert_int_equal(chmod(*state, 0500), 0);
    const rondo_status s = rondo_save(other, path);
    assert_int_equal(chmod(*state, 0700), 0);
    assert_int_equal(s, RONDO_E_IO);
    must_stand(path, old);
    rondo_model_free(old);
    rondo_model_free(other);
    alloc_free(path);
}

/* ---- Memory ---- */
static rondo_status build(rondo_model *m)
{
    const rondo_value x = rondo_input(m, RONDO_F32, RONDO_SHAPE(0, 3));
    rondo_layer *shared = rondo_dense(3, .name = "shared", .activation = "tanh");
    const rondo_value a = rondo_apply(m, shared, 1, &x), b = rondo_apply(m, shared, 1, &a);
    const rondo_value pair[] = { a, b };
    rondo_apply(m, rondo_layer_parse("concat"), 2, pair);
    rondo_add(m, rondo_lstm(2, .activations = "i=hard_sigmoid c=elu", .return_sequences = true));
    return rondo_add_spec(
        m, "gru 2 reset_after=false return_sequences; layer_normalization; dense 2 softmax");
}

static rondo_status stream_one(const rondo_model *m)
{
    rondo_real x[3] = { 1, 2, 3 }, y[2];
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(1, 3), NULL };
    rondo_array out = { y, RONDO_F32, RONDO_SHAPE(1, 2), NULL };
    rondo_stream *s;
    RONDO_TRY(rondo_stream_new(&s, m, 1));
    const rondo_status status = rondo_stream_step(s, &in, &out);
    rondo_stream_free(s);
    return status;
}

static rondo_status build_save_load(void *path)
{
    rondo_model *copy = NULL, *m = rondo_model_new();
    if (!m) return RONDO_E_NOMEM;
    rondo_status s = build(m);
    if (!s) s = rondo_adapt(m, "shared.*", "frozen");
    if (!s) s = rondo_set_metadata(m, "{\"task\":\"none\"}");
    if (!s) s = model_prepare(m, 1);
    if (!s) s = rondo_save(m, path);
    if (!s) s = rondo_load(&copy, path);
    if (!s) assert_int_equal(rondo_parameter_count(copy, true), rondo_parameter_count(m, true));
    if (!s) s = stream_one(copy);
    rondo_model_free(copy);
    rondo_model_free(m);
    return s;
}

static rondo_status train_and_predict(void *nothing)
{
    rondo_real x[2 * 3 * 3] = { 1, 2, 3 }, y[2 * 3 * 2] = { 0.5 }, out[2 * 3 * 2];
    const rondo_array in = { x, RONDO_F32, RONDO_SHAPE(2, 3, 3), NULL };
    const rondo_array want = { y, RONDO_F32, RONDO_SHAPE(2, 3, 2), NULL };
    const rondo_batch b = { .n_inputs = 1, .n_targets = 1, .inputs = &in, .targets = &want };
    rondo_array result = { out, RONDO_F32, RONDO_SHAPE(2, 3, 2), NULL };
    rondo_model *m = rondo_model_new();
    double mean;
    (void)nothing;
    if (!m) return RONDO_E_NOMEM;
    rondo_status s = build(m);
    if (!s) s = rondo_compile(m, .loss = "mse", .metrics = "mae", .threads = 1);
    if (!s) s = rondo_train_batch(m, &b, &mean);
    if (!s) s = rondo_predict(m, &b, &result, 1);
    rondo_model_free(m);
    return s;
}

static void memory_that_gives_out(void **state)
{
    char *path = file_join(*state, "m.safetensors");
    assert_int_equal(build_save_load(path), RONDO_OK); /* what is made once in a process is made */
    memory_fail_everywhere(build_save_load, path, false);
    assert_int_equal(train_and_predict(NULL), RONDO_OK);
    memory_fail_everywhere(train_and_predict, NULL, false);
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_full_disk),
        IN_FOLDER(places_that_cannot_be_written),
        IN_FOLDER(a_folder_that_is_read_only),
        IN_FOLDER(memory_that_gives_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
