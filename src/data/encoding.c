/* encoding.c - the bytes of a file as UTF-8 text, so that no reader meets anything else. */
#include "data/data.h"
#include <string.h>

/* Windows-1252 where it differs from Latin-1: bytes 0x80 … 0x9F; 0: no character. */
static const uint16_t cp1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

typedef struct place { /* of a byte, both from 1 */
    int64_t line, byte;
} place;

static place place_of(const source_file *s, size_t offset)
{
    place p = { 1, 1 };
    size_t begin = 0;
    for (const unsigned char *at; (at = memchr(s->data + begin, '\n', offset - begin)) != NULL;) {
        begin = (size_t)(at - s->data) + 1;
        p.line++;
    }
    p.byte = (int64_t)(offset - begin) + 1;
    return p;
}

static bool begins(const source_file *s, const char *mark)
{
    const size_t n = strlen(mark);
    return s->size >= n && !memcmp(s->data, mark, n);
}

bool text_is_utf16(const unsigned char *bytes, size_t n)
{
    return n >= 2 && (!memcmp(bytes, "\xff\xfe", 2) || !memcmp(bytes, "\xfe\xff", 2));
}

rondo_status text_refuse_utf16(const char *path)
{
    return rondo_fail(RONDO_E_FORMAT,
                      "%s is UTF-16; iconv -f UTF-16 -t UTF-8 makes the UTF-8 that Rondo reads",
                      path);
}

static rondo_status check(const source_file *s, const char *path)
{
    const unsigned char *zero = memchr(s->data, 0, s->size);
    if (text_is_utf16(s->data, s->size)) return text_refuse_utf16(path);
    if (zero) {
        const place p = place_of(s, (size_t)(zero - s->data));
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: byte %lld is zero; this is no text", path,
                          (long long)p.line, (long long)p.byte);
    }
    const size_t valid = utf8_valid((const char *)s->data, s->size);
    if (valid == s->size) return RONDO_OK;
    const place p = place_of(s, valid);
    return rondo_fail(
        RONDO_E_FORMAT,
        "%s:%lld: byte %lld (0x%02X) is not UTF-8; encoding=latin1 or encoding=cp1252 "
        "(--encoding) reads older files",
        path, (long long)p.line, (long long)p.byte, s->data[valid]);
}

/* A byte over 0x7F as the two or three of UTF-8. */
static int put_letter(char out[3], uint16_t letter)
{
    if (letter < 0x800) {
        out[0] = (char)(0xC0 | letter >> 6);
        out[1] = (char)(0x80 | (letter & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | letter >> 12);
    out[1] = (char)(0x80 | (letter >> 6 & 0x3F));
    out[2] = (char)(0x80 | (letter & 0x3F));
    return 3;
}

static rondo_status convert(source_file *s, const char *path, bool windows)
{
    spill text;
    spill_init(&text, 0);
    rondo_status status = RONDO_OK;
    for (size_t i = 0; !status && i < s->size;) {
        const size_t begin = i;
        while (i < s->size && s->data[i] < 0x80) i++;
        if (i > begin) status = spill_append(&text, s->data + begin, i - begin);
        if (status || i == s->size) break;
        const unsigned char byte = s->data[i];
        const uint16_t letter = windows && byte < 0xA0 ? cp1252[byte - 0x80] : byte;
        char utf8[3];
        if (letter) {
            status = spill_append(&text, utf8, (size_t)put_letter(utf8, letter));
            i++;
        } else {
            const place p = place_of(s, i);
            status = rondo_fail(RONDO_E_FORMAT,
                                "%s:%lld: byte %lld (0x%02X) is no letter of cp1252", path,
                                (long long)p.line, (long long)p.byte, byte);
        }
    }
    if (status) {
        spill_free(&text);
        return status;
    }
    source_close(s);
    s->unpacked = text;
    s->data = text.data;
    s->size = text.size;
    return RONDO_OK;
}

rondo_status source_decode(source_file *s, const char *path, const char *encoding)
{
    static const char mark[] = "\xef\xbb\xbf"; /* byte order mark */
    const bool windows = !strcmp(encoding, "cp1252");
    if (windows || !strcmp(encoding, "latin1"))
        RONDO_TRY(convert(s, path, windows));
    else if (strcmp(encoding, "utf8") != 0)
        return rondo_fail(RONDO_E_ARG, "encoding is utf8, latin1 or cp1252, not \"%s\"", encoding);
    if (s->size) RONDO_TRY(check(s, path));
    if (begins(s, mark)) {
        s->data += strlen(mark);
        s->size -= strlen(mark);
    }
    return RONDO_OK;
}
