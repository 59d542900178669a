#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <pthread.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>

static void assert_content(const char *path, const char *text)
{
    file_map map;
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    assert_int_equal(map.size, strlen(text));
    assert_memory_equal(map.data, text, map.size);
    file_map_close(&map);
}

static void writes_and_reads(void **state)
{
    char *path = file_join(*state, "a");
    assert_int_equal(file_write_all(path, "one", 3), RONDO_OK);
    assert_content(path, "one");
    assert_int_equal(file_write_all(path, "another", 7), RONDO_OK);
    assert_content(path, "another");
    assert_int_equal(file_write_all(path, "", 0), RONDO_OK);
    assert_content(path, "");
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

static void cancel_keeps_the_old_file(void **state)
{
    char *path = file_join(*state, "a");
    file_writer w;
    assert_int_equal(file_write_all(path, "old", 3), RONDO_OK);
    assert_int_equal(file_write_begin(&w, path), RONDO_OK);
    assert_int_equal(file_write(&w, "new", 3), RONDO_OK);
    assert_content(path, "old");
    file_write_cancel(&w);
    file_write_cancel(&w);
    assert_content(path, "old");
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

/* A limit on the size of files stands in for a full disk: writes fail with EFBIG. */
static void a_full_disk_keeps_the_old_file(void **state)
{
    static char large[1 << 16];
    char *path = file_join(*state, "a");
    struct rlimit before, small;
    file_writer w;
    assert_int_equal(file_write_all(path, "old", 3), RONDO_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(file_write_all(path, large, sizeof large), RONDO_E_IO);
    assert_sentence(path);
    assert_sentence("File too large");
    assert_int_equal(file_write_begin(&w, path), RONDO_OK); /* fails when it is flushed */
    assert_int_equal(file_write(&w, large, 2000), RONDO_OK);
    assert_int_equal(file_write_end(&w), RONDO_E_IO);
    assert_sentence(path);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_content(path, "old");
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

static void devices_are_written_not_replaced(void **state)
{
    struct stat info;
    (void)state;
    if (stat("/dev/full", &info) || !S_ISCHR(info.st_mode)) skip();
    assert_int_equal(file_write_all("/dev/full", "x", 1), RONDO_E_IO);
    assert_sentence("cannot write /dev/full: No space left on device");
    assert_int_equal(file_write_all("/dev/null", "x", 1), RONDO_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void says_why_it_cannot(void **state)
{
    char *missing = file_join(*state, "no/such"), *path = file_join(*state, "file");
    char *below = file_join(path, "below");
    file_map map;
    assert_int_equal(file_map_open(&map, missing), RONDO_E_IO);
    assert_sentence(missing);
    assert_sentence("No such file or directory");
    assert_int_equal(file_map_open(&map, *state), RONDO_E_IO);
    assert_sentence("it is a directory");
    assert_int_equal(file_write_all(missing, "x", 1), RONDO_E_IO);
    assert_sentence(missing);
    assert_int_equal(file_write_all(*state, "x", 1), RONDO_E_IO);
    assert_sentence("it is a directory");
    assert_int_equal(file_write_all(path, "x", 1), RONDO_OK);
    assert_int_equal(file_make_folder(below), RONDO_E_IO);
    assert_sentence(path);
    assert_int_equal(folder_count(*state), 1);
    alloc_free(missing);
    alloc_free(path);
    alloc_free(below);
}

static void makes_folders(void **state)
{
    char *deep = file_join(*state, "a/b//c/");
    assert_false(file_exists(deep));
    assert_int_equal(file_make_folder(deep), RONDO_OK);
    assert_int_equal(file_make_folder(deep), RONDO_OK);
    assert_true(file_is_folder(deep) && file_exists(deep));
    assert_int_equal(file_make_folder("/"), RONDO_OK);
    alloc_free(deep);
}

static void joins(void **state)
{
    static const char *const cases[][3] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" }, { "/", "b", "/b" }
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        char *path = file_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        alloc_free(path);
    }
}

static void *feed(void *arg)
{
    FILE *pipe = fopen(arg, "w");
    for (int i = 0; i < 50000; i++) fprintf(pipe, "%04d", i % 10000);
    fclose(pipe);
    return NULL;
}

static void reads_pipes(void **state)
{
    char *path = file_join(*state, "pipe");
    pthread_t writer;
    file_map map;
    assert_int_equal(mkfifo(path, 0600), 0);
    pthread_create(&writer, NULL, feed, path);
    assert_int_equal(file_map_open(&map, path), RONDO_OK);
    pthread_join(writer, NULL);
    assert_int_equal(map.size, 200000);
    assert_memory_equal(map.data + 199996, "9999", 4);
    file_map_close(&map);
    alloc_free(path);
}

static rondo_status write_and_map(void *path)
{
    file_map map;
    RONDO_TRY(file_write_all(path, "text", 4));
    RONDO_TRY(file_map_open(&map, path));
    file_map_close(&map);
    return RONDO_OK;
}

static void survives_no_memory(void **state)
{
    char *path = file_join(*state, "a");
    memory_fail_everywhere(write_and_map, path, false);
    assert_int_equal(folder_count(*state), 1);
    alloc_free(path);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(writes_and_reads),
        in_folder(cancel_keeps_the_old_file),
        in_folder(a_full_disk_keeps_the_old_file),
        cmocka_unit_test(devices_are_written_not_replaced),
        in_folder(says_why_it_cannot),
        in_folder(makes_folders),
        cmocka_unit_test(joins),
        in_folder(reads_pipes),
        in_folder(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
