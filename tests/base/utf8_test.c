/* UTF-8: what is, what is not, and where. */
#define _POSIX_C_SOURCE 200809L
#include "base/helpers.h"

static void good_and_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n, valid;
    } cases[] = {
        { "", 0, 0 },
        { "plain", 5, 5 },
        { "a\0b", 3, 3 },
        { "\xC3\xA9", 2, 2 },
        { "\xE4\xB8\xAD\xE6\x96\x87", 6, 6 },
        { "\xF0\x9F\x8E\xB5", 4, 4 },
        { "\xF4\x8F\xBF\xBF", 4, 4 },
        { "ab\xE9", 3, 2 }, /* Latin-1 */
        { "\xC3", 1, 0 },   /* cut off */
        { "\xE4\xB8", 2, 0 },
        { "x\xC0\xAF", 3, 1 }, /* overlong */
        { "\xE0\x80\xAF", 3, 0 },
        { "\xF0\x80\x80\xAF", 4, 0 },
        { "\xED\xA0\x80", 3, 0 },     /* a surrogate */
        { "\xF4\x90\x80\x80", 4, 0 }, /* above U+10FFFF */
        { "\x80", 1, 0 },
        { "\xFF", 1, 0 },
        { "0123456789abcde\xE9", 16, 15 },
        { "0123456789abcdef\xE4\xB8\xAD\x80", 20, 19 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_valid(cases[i].text, cases[i].n), cases[i].valid);
}

/* Every sequence of up to three bytes: valid means that decoding it gives back a letter. */
static void by_definition(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        const char two[] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 63)) };
        const char three[] = { (char)(0xE0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
                               (char)(0x80 | (c & 63)) };
        const char four[] = { (char)(0xF0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                              (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) };
        if (c < 0x800) assert_int_equal(utf8_valid(two, 2) == 2, c >= 0x80);
        if (c < 0x10000)
            assert_int_equal(utf8_valid(three, 3) == 3, c >= 0x800 && (c < 0xD800 || c > 0xDFFF));
        assert_int_equal(utf8_valid(four, 4) == 4, c >= 0x10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good_and_bad),
                                        cmocka_unit_test(by_definition) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
