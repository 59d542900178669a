/* aligned - a text that grows and, where that is wanted, knows where each of its bytes is from;
 * and lists of pieces and tokens.  Failures stick: who takes the result asks once. */
#include "text/parts.h"

/* Room for so many in arrays that `grow` is asked to make longer. */
static int64_t longer(int64_t room, int64_t needed)
{
    int64_t size = room ? room : 256;
    while (size < needed) size *= 2;
    return size;
}

static bool grow(void **array, int64_t room, size_t size)
{
    void *grown = alloc_grow(*array, (size_t)room * size);
    if (grown) *array = grown;
    return grown != NULL;
}

void aligned_clear(aligned *a, bool tracks, int64_t given)
{
    a->n = 0;
    a->tracks = tracks;
    a->most = LIMIT_GROWTH * given + LIMIT_GROWTH_BASE;
    a->status = RONDO_OK;
}

static bool make_room(aligned *a, int64_t n)
{
    if (a->status) return false;
    const bool arrays = a->tracks && !a->from;
    if (a->n + n <= a->room && !arrays) return true;
    if (n > a->most - a->n) {
        a->status = rondo_fail(RONDO_E_LIMIT,
                               "the tokenizer's steps make over %lld bytes of this text: its "
                               "file is not meant for such texts, or for any",
                               (long long)a->most);
        return false;
    }
    const int64_t room = longer(a->room, a->n + n);
    bool good = grow((void **)&a->data, room, 1);
    if (a->tracks || a->from)
        good = good && grow((void **)&a->from, room, sizeof *a->from) &&
               grow((void **)&a->to, room, sizeof *a->to);
    if (!good)
        a->status = RONDO_E_NOMEM;
    else
        a->room = room;
    return good;
}

void aligned_put(aligned *a, const char *bytes, int64_t n, int64_t from, int64_t to)
{
    if (n == 0 || !make_room(a, n)) return;
    memcpy(a->data + a->n, bytes, (size_t)n);
    for (int64_t i = 0; a->tracks && i < n; i++) {
        a->from[a->n + i] = from;
        a->to[a->n + i] = to;
    }
    a->n += n;
}

void aligned_copy(aligned *a, const aligned *in, int64_t begin, int64_t end)
{
    const int64_t n = end - begin;
    if (n == 0 || !make_room(a, n)) return;
    memcpy(a->data + a->n, in->data + begin, (size_t)n);
    if (a->tracks && in->tracks) {
        memcpy(a->from + a->n, in->from + begin, (size_t)n * sizeof *a->from);
        memcpy(a->to + a->n, in->to + begin, (size_t)n * sizeof *a->to);
    } else if (a->tracks) {
        for (int64_t i = begin, size; i < end; i += size) {
            size = letter_size(in->data[i]);
            for (int64_t k = 0; k < size; k++) {
                a->from[a->n + i - begin + k] = i;
                a->to[a->n + i - begin + k] = i + size;
            }
        }
    }
    a->n += n;
}

void aligned_span(const aligned *in, int64_t begin, int64_t end, int64_t *from, int64_t *to)
{
    if (!in->tracks) {
        *from = begin;
        *to = end;
    } else if (begin < end) {
        *from = in->from[begin];
        *to = in->to[end - 1];
    } else {
        *from = *to = begin < in->n ? in->from[begin] : in->n ? in->to[in->n - 1] : 0;
    }
}

void aligned_free(aligned *a)
{
    alloc_free(a->data);
    alloc_free(a->from);
    alloc_free(a->to);
    *a = (aligned){ 0 };
}

void piece_add(piece_list *list, piece p)
{
    if (list->status) return;
    piece *at = alloc_room(list->at, &list->room, list->n + 1, sizeof *at);
    if (!at) {
        list->status = RONDO_E_NOMEM;
        return;
    }
    list->at = at;
    list->at[list->n++] = p;
}

void token_add(token_out *out, int32_t id, int64_t begin, int64_t end)
{
    if (out->status) return;
    if (out->n == out->room) {
        const int64_t room = longer(out->room, out->n + 1);
        if (!grow((void **)&out->id, room, sizeof *out->id) ||
            !grow((void **)&out->begin, room, sizeof *out->begin) ||
            !grow((void **)&out->end, room, sizeof *out->end)) {
            out->status = RONDO_E_NOMEM;
            return;
        }
        out->room = room;
    }
    out->id[out->n] = id;
    out->begin[out->n] = begin;
    out->end[out->n++] = end;
}
