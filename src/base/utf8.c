/* UTF-8: is a text what it says it is, and where is it not?  (RFC 3629, the table of section 4.) */
#include "base/base.h"
#include <string.h>

/* How many bytes the letter at p has, of n that are left; 0: it is none. */
static size_t letter_size(const unsigned char *p, size_t n)
{
    const unsigned char first = p[0];
    const size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size == 1) return 1;
    if (first < 0xC2 || first > 0xF4 || size > n) return 0;
    /* No overlong forms, no surrogates, nothing above U+10FFFF: the second byte tells. */
    const unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < least || p[1] > most) return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    return size;
}

size_t utf8_valid(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        for (; i + 8 <= n; i += 8) { /* mostly ASCII */
            memcpy(&eight, p + i, 8);
            if (eight & 0x8080808080808080u) break;
        }
        if (i == n) break;
        const size_t size = letter_size(p + i, n - i);
        if (!size) return i;
        i += size;
    }
    return n;
}
