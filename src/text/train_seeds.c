/* Seeds of a Unigram model: every text that comes in words twice and is followed by different
 * letters, as a suffix array of the words shows them (sentencepiece does the same). */
#include "text/train.h"
#include <stdlib.h>

typedef struct suffix {
    const char *text;
    int32_t size;  /* bytes, of `longest` letters at the most */
    int64_t count; /* of its word */
} suffix;

static int by_text(const void *a, const void *b)
{
    const suffix *x = a, *y = b;
    const int order = memcmp(x->text, y->text, (size_t)(x->size < y->size ? x->size : y->size));
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Bytes that two suffixes have in common: whole letters. */
static int32_t common(const suffix *a, const suffix *b)
{
    const int32_t most = a->size < b->size ? a->size : b->size;
    int32_t same = 0;
    while (same < most && a->text[same] == b->text[same]) same++;
    if (same == most) return same;
    while (same > 0 && ((unsigned char)a->text[same] & 0xC0) == 0x80) same--;
    return same;
}

static rondo_status list_suffixes(const word_counts *words, int64_t longest, suffix **out,
                                  int64_t *count)
{
    int64_t letters = 0, n = 0;
    size_t size;
    for (int64_t w = 0; w < words->words.n; w++) {
        const char *word = vocabulary_text(&words->words, w, &size);
        letters += letters_count(word, (int64_t)size);
    }
    suffix *all = alloc_array(letters, sizeof *all);
    *out = all;
    if (!all) return RONDO_E_NOMEM;
    for (int64_t w = 0; w < words->words.n; w++) {
        const char *word = vocabulary_text(&words->words, w, &size);
        size_t end = 0;
        int64_t ahead = 0; /* letters from the suffix's beginning to `end` */
        for (size_t i = 0; i < size; i += (size_t)letter_size(word[i]), ahead--) {
            for (; end < size && ahead < longest; ahead++) end += (size_t)letter_size(word[end]);
            all[n++] = (suffix){ word + i, (int32_t)(end - i), words->count[w] };
        }
    }
    *count = n;
    if (n) qsort(all, (size_t)n, sizeof *all, by_text);
    return RONDO_OK;
}

/* Texts of two letters and more that come twice: a run of suffixes with so many bytes in common. */
typedef struct open_run {
    int32_t size;
    int64_t first, count;
} open_run;

static rondo_status close_run(const open_run *run, int64_t end, const suffix *all,
                              word_counts *seeds)
{
    if (end - run->first < 2 && run->count < 2) return RONDO_OK;
    if (letter_size(*all[run->first].text) == run->size) return RONDO_OK; /* a single letter */
    if (memchr(all[run->first].text, 0, (size_t)run->size)) return RONDO_OK;
    return counts_add(seeds, all[run->first].text, (size_t)run->size, run->count);
}

/* The intervals of the suffix array (Kasai et al. 2001), by a stack of those that are open. Suffixes
 * are cut off, so equal ones come one behind the other and are one text. */
static rondo_status find_runs(const suffix *all, int64_t n, int64_t longest, word_counts *seeds)
{
    open_run *stack = alloc_array(longest * LONGEST_LETTER + 2, sizeof *stack);
    rondo_status status = stack ? RONDO_OK : RONDO_E_NOMEM;
    int64_t depth = 0;
    for (int64_t i = 0; i <= n && !status; i++) {
        const int32_t same = i > 0 && i < n ? common(&all[i - 1], &all[i]) : 0;
        int64_t first = i, count = 0;
        while (!status && depth && stack[depth - 1].size > same) {
            const open_run run = stack[--depth];
            status = close_run(&run, i, all, seeds);
            first = run.first;
            count = run.count;
            if (depth && stack[depth - 1].size >= same) {
                stack[depth - 1].count += count;
                count = 0;
            }
        }
        if (i == n || status) break;
        if (same > 0 && (!depth || stack[depth - 1].size < same))
            stack[depth++] = (open_run){ same, first, count };
        if (!depth || stack[depth - 1].size < all[i].size)
            stack[depth++] = (open_run){ all[i].size, i, all[i].count };
        else
            stack[depth - 1].count += all[i].count;
    }
    alloc_free(stack);
    return status;
}

rondo_status train_seeds(const word_counts *words, int64_t longest, word_counts *seeds)
{
    suffix *all = NULL;
    int64_t n = 0;
    rondo_status status = list_suffixes(words, longest, &all, &n);
    if (!status) status = find_runs(all, n, longest, seeds);
    alloc_free(all);
    return status;
}
