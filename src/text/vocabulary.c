/* vocabulary - texts by number and numbers by text: one block of bytes, one hash table. */
#include "text/parts.h"
#include <pthread.h>
#include <time.h>

static const size_t NO_TEXT = SIZE_MAX;
enum { MOST_TEXTS = 1 << 30, MOST_BYTES = INT32_MAX }; /* of one text; both are kept in 32 bits */

/* ---- The hash: SipHash-1-3 (Aumasson and Bernstein 2012) under a key of this process, so that no
 * file can choose texts that all fall into one place ---- */
static uint64_t key[2];

static void make_key(void)
{
    const uint32_t seed[2] = { (uint32_t)(uintptr_t)&key, (uint32_t)time(NULL) };
    const uint32_t counter[4] = { (uint32_t)clock(), (uint32_t)((uintptr_t)seed >> 4) };
    uint32_t out[4];
    rng_philox(out, counter, seed);
    key[0] = (uint64_t)out[0] << 32 | out[1];
    key[1] = (uint64_t)out[2] << 32 | out[3];
}

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = turn(v[3], 21) ^ v[0];
    v[1] = turn(v[1], 17) ^ v[2];
    v[2] = turn(v[2], 32);
}

static uint32_t hash_text(const char *text, size_t n)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                      key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
    uint64_t word;
    for (size_t i = 0; i <= n; i += 8) {
        const size_t left = n - i;
        word = left < 8 ? (uint64_t)n << 56 : 0;
        memcpy(&word, text + i, left < 8 ? left : 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    const uint64_t h = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(h ^ h >> 32);
}

/* ---- The table ---- */

/* The place of a text, or the empty one where it would be. */
static uint32_t *place(const vocabulary *v, const char *text, size_t n, uint32_t hash)
{
    for (uint32_t i = hash & v->mask;; i = (i + 1) & v->mask) {
        if (!v->slot[i]) return &v->slot[i];
        const struct vocabulary_entry *e = &v->entry[v->slot[i] - 1];
        if (e->hash == hash && e->size == n && memcmp(v->bytes + e->at, text, n) == 0)
            return &v->slot[i];
    }
}

int64_t vocabulary_find(const vocabulary *v, const char *text, size_t n)
{
    if (!v->count) return -1;
    return (int64_t)*place(v, text, n, hash_text(text, n)) - 1;
}

static rondo_status widen(vocabulary *v)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    const uint32_t size = v->slot ? (v->mask + 1) * 2 : 256;
    uint32_t *slot = alloc_array(size, sizeof *slot);
    if (!slot) return RONDO_E_NOMEM;
    alloc_free(v->slot);
    v->slot = slot;
    v->mask = size - 1;
    for (int64_t i = 0; i < v->n; i++) {
        if (v->entry[i].at == NO_TEXT) continue;
        uint32_t at = v->entry[i].hash & v->mask;
        while (slot[at]) at = (at + 1) & v->mask;
        slot[at] = (uint32_t)i + 1;
    }
    return RONDO_OK;
}

/* Room for one more text of n bytes, with this number. */
static rondo_status make_room(vocabulary *v, int64_t number, size_t n)
{
    struct vocabulary_entry *entry = alloc_room(v->entry, &v->entry_room, number + 1,
                                                sizeof *entry);
    if (!entry) return RONDO_E_NOMEM;
    v->entry = entry;
    if (v->used + n + 1 > v->room) {
        size_t room = v->room ? v->room : 4096;
        while (room < v->used + n + 1) room *= 2;
        char *bytes = alloc_grow(v->bytes, room);
        if (!bytes) return RONDO_E_NOMEM;
        v->bytes = bytes;
        v->room = room;
    }
    if (!v->slot || (v->count + 1) * 2 > (int64_t)v->mask + 1) return widen(v);
    return RONDO_OK;
}

static rondo_status insert(vocabulary *v, int64_t number, const char *text, size_t n)
{
    RONDO_TRY(make_room(v, number, n));
    const uint32_t hash = hash_text(text, n);
    for (; v->n <= number; v->n++) v->entry[v->n] = (struct vocabulary_entry){ NO_TEXT, 0, 0 };
    v->entry[number] = (struct vocabulary_entry){ v->used, (uint32_t)n, hash };
    memcpy(v->bytes + v->used, text, n);
    v->bytes[v->used + n] = 0;
    v->used += n + 1;
    v->count++;
    *place(v, text, n, hash) = (uint32_t)number + 1;
    return RONDO_OK;
}

rondo_status vocabulary_put(vocabulary *v, int64_t number, const char *text, size_t n)
{
    const int64_t known = vocabulary_find(v, text, n);
    if (known >= 0)
        return rondo_fail(RONDO_E_FORMAT, "the token \"%s\" is there twice, as %lld and %lld", text,
                          (long long)known, (long long)number);
    if (number < v->n && v->entry[number].at != NO_TEXT)
        return rondo_fail(RONDO_E_FORMAT, "the id %lld is both \"%s\" and \"%s\"",
                          (long long)number, v->bytes + v->entry[number].at, text);
    return insert(v, number, text, n);
}

rondo_status vocabulary_add(vocabulary *v, const char *text, size_t n, int64_t *number)
{
    if (n > MOST_BYTES)
        return rondo_fail(RONDO_E_LIMIT,
                          "a word of %zu bytes; %d are the most: a pre-tokenizer, or a document a "
                          "line, makes shorter ones",
                          n, MOST_BYTES);
    *number = vocabulary_find(v, text, n);
    if (*number >= 0) return RONDO_OK;
    if (v->n == MOST_TEXTS)
        return rondo_fail(RONDO_E_LIMIT,
                          "there are over %d different words; take a part of the text: "
                          "\"FILE?rows=0-9%%\"",
                          MOST_TEXTS);
    *number = v->n;
    return insert(v, v->n, text, n);
}

const char *vocabulary_text(const vocabulary *v, int64_t number, size_t *n)
{
    if (number < 0 || number >= v->n || v->entry[number].at == NO_TEXT) return NULL;
    if (n) *n = v->entry[number].size;
    return v->bytes + v->entry[number].at;
}

void vocabulary_free(vocabulary *v)
{
    alloc_free(v->bytes);
    alloc_free(v->entry);
    alloc_free(v->slot);
    *v = (vocabulary){ 0 };
}
