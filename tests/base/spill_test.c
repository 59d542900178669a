#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

enum { STEP = 7001, STEPS = 200 };

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 2654435761u >> 24);
}

static rondo_status append_all(spill *s)
{
    unsigned char bytes[STEP];
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < STEP; i++) bytes[i] = byte_at(step * STEP + i);
        RONDO_TRY(spill_append(s, bytes, STEP));
    }
    return RONDO_OK;
}

static void assert_all(const spill *s)
{
    size_t wrong = 0;
    assert_int_equal(s->size, STEP * STEPS);
    for (size_t i = 0; i < s->size; i++) wrong += s->data[i] != byte_at(i);
    assert_int_equal(wrong, 0);
}

static void keeps_all_in_memory_or_file(void **state)
{
    static const size_t limits[] = { 0, 1, 50000, 1000000 };
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        spill s;
        spill_init(&s, limits[i]);
        assert_int_equal(append_all(&s), RONDO_OK);
        assert_all(&s);
        assert_int_equal(s.fd >= 0, limits[i] != 0);
        spill_free(&s);
        assert_null(s.data);
        spill_free(&s);
    }
}

static void leaves_no_file(void **state)
{
    spill s;
    setenv("TMPDIR", *state, 1);
    spill_init(&s, 1);
    assert_int_equal(append_all(&s), RONDO_OK);
    assert_true(s.fd >= 0);
    assert_int_equal(folder_count(*state), 0);
    spill_free(&s);
    unsetenv("TMPDIR");
}

static void says_when_there_is_no_room(void **state)
{
    struct rlimit before, small;
    spill s;
    setenv("TMPDIR", "/no/such/directory", 1);
    spill_init(&s, 1);
    assert_int_equal(append_all(&s), RONDO_E_IO);
    assert_sentence("set TMPDIR");
    spill_free(&s);
    setenv("TMPDIR", *state, 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 200000;
    setrlimit(RLIMIT_FSIZE, &small);
    spill_init(&s, 1);
    assert_int_equal(append_all(&s), RONDO_E_IO);
    assert_sentence("temporary file");
    assert_true(s.size > 0 && s.data[0] == byte_at(0)); /* what was there stays */
    spill_free(&s);
    setrlimit(RLIMIT_FSIZE, &before);
    unsetenv("TMPDIR");
}

static char *write_gzip(const char *folder)
{
    char *path = file_join(folder, "data.gz");
    gzFile file = gzopen(path, "wb");
    for (size_t i = 0; i < STEP * STEPS; i++) gzputc(file, byte_at(i));
    gzclose(file);
    return path;
}

static void reads_plain_and_gzip(void **state)
{
    char *packed = write_gzip(*state), *plain = file_join(*state, "data");
    spill s;
    spill_init(&s, 100000);
    assert_int_equal(spill_read(&s, packed), RONDO_OK);
    assert_all(&s);
    assert_int_equal(file_write_all(plain, s.data, s.size), RONDO_OK);
    spill_free(&s);
    assert_int_equal(spill_read(&s, plain), RONDO_OK);
    assert_all(&s);
    spill_free(&s);
    assert_int_equal(file_write_all(plain, "", 0), RONDO_OK);
    assert_int_equal(spill_read(&s, plain), RONDO_OK);
    assert_int_equal(s.size, 0);
    spill_free(&s);
    alloc_free(packed);
    alloc_free(plain);
}

static void says_what_is_wrong(void **state)
{
    char *packed = write_gzip(*state), *bad = file_join(*state, "bad.gz");
    unsigned char *copy;
    file_map map;
    spill s;
    spill_init(&s, 0);
    assert_int_equal(file_map_open(&map, packed), RONDO_OK);
    assert_int_equal(file_write_all(bad, map.data, map.size / 2), RONDO_OK);
    assert_int_equal(spill_read(&s, bad), RONDO_E_FORMAT);
    assert_sentence(bad);
    assert_sentence("cut");
    spill_free(&s);
    copy = alloc_new(map.size);
    memcpy(copy, map.data, map.size);
    copy[map.size - 6] ^= 1; /* in the checksum */
    assert_int_equal(file_write_all(bad, copy, map.size), RONDO_OK);
    assert_int_equal(spill_read(&s, bad), RONDO_E_FORMAT);
    assert_sentence("damaged");
    spill_free(&s);
    assert_int_equal(spill_read(&s, *state), RONDO_E_IO);
    assert_sentence("it is a directory");
    assert_int_equal(spill_read(&s, "/no/such"), RONDO_E_IO);
    assert_sentence("cannot open /no/such: No such file or directory");
    spill_free(&s);
    alloc_free(copy);
    file_map_close(&map);
    alloc_free(packed);
    alloc_free(bad);
}

static rondo_status use(void *arg)
{
    spill s;
    rondo_status status;
    (void)arg;
    spill_init(&s, 300000);
    status = append_all(&s);
    spill_free(&s);
    return status;
}

static void survives_no_memory(void **state)
{
    (void)state;
    memory_fail_everywhere(use, NULL, false);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_all_in_memory_or_file),
        in_folder(leaves_no_file),
        in_folder(says_when_there_is_no_room),
        in_folder(reads_plain_and_gzip),
        in_folder(says_what_is_wrong),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
