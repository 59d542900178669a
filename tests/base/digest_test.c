#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

/* RFC 3720, B.4, and the check value of CRC-32C. */
static void crc32c_is_as_published(void **state)
{
    unsigned char bytes[32];
    (void)state;
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    memset(bytes, 0, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(crc32c(0, bytes, 32), 0x113FDB5C);
}

static void crc32c_goes_on_from_anywhere(void **state)
{
    unsigned char bytes[100];
    uint32_t whole;
    (void)state;
    for (int i = 0; i < 100; i++) bytes[i] = (unsigned char)(i * 37 + 11);
    whole = crc32c(0, bytes, 100);
    for (size_t cut = 0; cut <= 100; cut++)
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, 100 - cut), whole);
}

/* FIPS 180-4's examples (NIST CSRC) and a million a's. */
static void sha256_is_as_published(void **state)
{
    static const struct {
        const char *text, *digest;
    } known[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
          "lmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    char digest[65];
    char *million = malloc(1000000);
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        sha256_text(digest, known[i].text, strlen(known[i].text));
        assert_string_equal(digest, known[i].digest);
    }
    memset(million, 'a', 1000000);
    sha256_text(digest, million, 1000000);
    assert_string_equal(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_is_as_published),
        cmocka_unit_test(crc32c_goes_on_from_anywhere),
        cmocka_unit_test(sha256_is_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
