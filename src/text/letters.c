/* Letters and what Unicode says of them, through utf8proc. */
#include "text/parts.h"

int letter_put(char out[LONGEST_LETTER], int32_t letter)
{
    return (int)utf8proc_encode_char(letter, (utf8proc_uint8_t *)out);
}

bool letters_are_ascii(const char *text, int64_t n)
{
    uint64_t eight;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, text + i, 8);
        if (eight & 0x8080808080808080u) return false;
    }
    for (; i < n; i++)
        if ((unsigned char)text[i] & 0x80) return false;
    return true;
}

int64_t letters_count(const char *text, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* A set of Unicode's categories. */
#define CATEGORY(c) (1u << UTF8PROC_CATEGORY_##c)
static bool is_of(int32_t letter, uint32_t categories)
{
    return categories >> utf8proc_category(letter) & 1;
}

bool letter_is_space(int32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Alphabetic letters that are symbols by category: circled and squared ones. */
static bool is_enclosed_letter(int32_t c)
{
    return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool letter_is_word(int32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    return is_of(c, CATEGORY(LU) | CATEGORY(LL) | CATEGORY(LT) | CATEGORY(LM) | CATEGORY(LO) |
                        CATEGORY(MN) | CATEGORY(MC) | CATEGORY(ME) | CATEGORY(ND) | CATEGORY(NL) |
                        CATEGORY(PC)) ||
           c == 0x200C || c == 0x200D || is_enclosed_letter(c);
}

bool letter_is_number(int32_t c)
{
    if (c < 0x80) return c >= '0' && c <= '9';
    return is_of(c, CATEGORY(ND) | CATEGORY(NL) | CATEGORY(NO));
}

bool letter_is_punctuation(int32_t c)
{
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    return is_of(c, CATEGORY(PC) | CATEGORY(PD) | CATEGORY(PS) | CATEGORY(PE) | CATEGORY(PI) |
                        CATEGORY(PF) | CATEGORY(PO));
}

bool letter_is_mark(int32_t c)
{
    return c >= 0x300 && is_of(c, CATEGORY(MN) | CATEGORY(MC) | CATEGORY(ME));
}

bool letter_is_nonspacing(int32_t c)
{
    return c >= 0x300 && is_of(c, CATEGORY(MN));
}

bool letter_is_control(int32_t c)
{
    if (c < 0x80) return (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    return is_of(c, CATEGORY(CC) | CATEGORY(CF) | CATEGORY(CN) | CATEGORY(CO) | CATEGORY(CS));
}

bool letter_is_chinese(int32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* ---- Bytes as letters (Radford et al. 2019): those that can be seen stand for themselves, the
 * others, in order, for U+0100 and on ---- */
static bool is_seen(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* The unseen bytes in order are 0 … 0x20, 0x7F … 0xA0, 0xAD. */
int32_t letter_of_byte(unsigned char byte)
{
    if (is_seen(byte)) return byte;
    return 0x100 + (byte <= 0x20 ? byte : byte <= 0xA0 ? byte - 0x7F + 0x21 : 0x43);
}

int byte_of_letter(int32_t letter)
{
    if (letter < 0x100) return is_seen(letter) ? letter : -1;
    const int32_t i = letter - 0x100;
    if (i > 0x43) return -1;
    return i <= 0x20 ? i : i < 0x43 ? i - 0x21 + 0x7F : 0xAD;
}
