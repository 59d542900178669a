/* pairs - two numbers by two numbers, in one open table; and tries, whose edges they are. */
#include "text/parts.h"
#include <time.h>

static uint64_t key_of(int32_t left, int32_t right)
{
    return (uint64_t)((uint32_t)left + 1) << 32 | (uint32_t)right;
}

/* Multiply-shift (Dietzfelbinger et al. 1997) by a number that no file can know. */
static struct pair_slot *place(const pair_map *m, uint64_t key)
{
    const uint64_t mask = ((uint64_t)1 << m->bits) - 1;
    uint64_t i = (key ^ key >> 29) * m->odd >> (64 - m->bits);
    while (m->slot[i].key && m->slot[i].key != key) i = (i + 1) & mask;
    return &m->slot[i];
}

pair_value *pair_find(const pair_map *m, int32_t left, int32_t right)
{
    if (!m->n) return NULL;
    struct pair_slot *slot = place(m, key_of(left, right));
    return slot->key ? &slot->value : NULL;
}

static bool widen(pair_map *m)
{
    pair_map wide = { .bits = m->slot ? m->bits + 1 : 8, .n = m->n, .odd = m->odd };
    wide.slot = alloc_array((int64_t)1 << wide.bits, sizeof *wide.slot);
    if (!wide.slot) return false;
    if (!wide.odd)
        wide.odd = ((uint64_t)(uintptr_t)wide.slot * 0x9E3779B97F4A7C15u ^
                    (uint64_t)clock() * 0xD1B54A32D192ED03u) |
                   1;
    for (int64_t i = 0; m->slot && i < (int64_t)1 << m->bits; i++)
        if (m->slot[i].key) *place(&wide, m->slot[i].key) = m->slot[i];
    alloc_free(m->slot);
    *m = wide;
    return true;
}

pair_value *pair_put(pair_map *m, int32_t left, int32_t right)
{
    if (!m->slot || (m->n + 1) * 2 > (int64_t)1 << m->bits)
        if (!widen(m)) return NULL;
    struct pair_slot *slot = place(m, key_of(left, right));
    if (!slot->key) {
        *slot = (struct pair_slot){ key_of(left, right), { -1, -1 } };
        m->n++;
    }
    return &slot->value;
}

void pair_free(pair_map *m)
{
    alloc_free(m->slot);
    *m = (pair_map){ 0 };
}

rondo_status trie_put(trie *t, const char *text, size_t n, int32_t number)
{
    int32_t node = 0;
    if (n == 0) return RONDO_OK;
    t->first[(unsigned char)text[0]] = true;
    for (size_t i = 0; i < n; i++) {
        pair_value *edge = pair_put(&t->edge, node, (unsigned char)text[i]);
        if (!edge) return RONDO_E_NOMEM;
        if (edge->a < 0 && t->nodes == LIMIT_NODES)
            return rondo_fail(RONDO_E_FORMAT, "its tokens have over %d different beginnings",
                              LIMIT_NODES);
        if (edge->a < 0) edge->a = ++t->nodes;
        if (i + 1 == n) edge->b = number;
        node = edge->a;
    }
    return RONDO_OK;
}

void trie_free(trie *t)
{
    pair_free(&t->edge);
    *t = (trie){ 0 };
}
