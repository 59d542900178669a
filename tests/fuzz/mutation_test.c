/* Every fuzz target over its seeds and over deterministic mutations of them; no fuzzing compiler
 * is needed.
 *   test_fuzz_mutation                                    each target, a few hundred mutations
 *   test_fuzz_mutation TARGET|all COUNT [SEED] [FOLDER]   more of them; FOLDER: files to run as
 *                                                         well, and to start from */
#include "fuzz/seeds.h"
#include <dirent.h>

enum { MOST_SEEDS = 64, DEFAULT_COUNT = 400 };
static seed seeds[MOST_SEEDS];
static int n_seeds;

/* What libFuzzer calls, for the target that runs now. */
static const fuzz_target *now;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return now->run(data, size);
}

static void read_corpus(const char *folder)
{
    DIR *d = opendir(folder);
    fuzz_expect(d != NULL, "the corpus folder cannot be opened");
    for (struct dirent *entry; (entry = readdir(d));) {
        const size_t n = strlen(entry->d_name), e = strlen(now->ending);
        file_map map;
        if (n < e || strcmp(entry->d_name + n - e, now->ending) != 0) continue;
        char *path = file_join(folder, entry->d_name);
        if (path && !file_map_open(&map, path)) {
            LLVMFuzzerTestOneInput(map.data, map.size);
            if (map.size <= SEED_BYTES && n_seeds < MOST_SEEDS)
                seed_put(&seeds[n_seeds++], map.data, map.size);
            file_map_close(&map);
        }
        alloc_free(path);
    }
    closedir(d);
}

static const char *const words[] = { "0",
                                     "-1",
                                     "1e999",
                                     "nan",
                                     "9223372036854775807",
                                     "18446744073709551616",
                                     "null",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     "\"",
                                     "'",
                                     "(",
                                     ")",
                                     ",",
                                     ";",
                                     ":",
                                     "=",
                                     " ",
                                     "\n",
                                     "\\u0000",
                                     "true",
                                     "units",
                                     "inputs",
                                     "\xff\xfe",
                                     "\xc3" };

/* Makes room for, or takes away, n bytes at a place. */
static void insert(seed *s, size_t at, const void *bytes, size_t n)
{
    if (s->n + n > SEED_BYTES) return;
    memmove(s->bytes + at + n, s->bytes + at, s->n - at);
    memcpy(s->bytes + at, bytes, n);
    s->n += n;
}

static void cut(seed *s, size_t at, size_t n)
{
    if (n > s->n - at) n = s->n - at;
    memmove(s->bytes + at, s->bytes + at + n, s->n - at - n);
    s->n -= n;
}

static void mutate(seed *s, rng *r)
{
    uint8_t copy[64];
    const size_t at = (size_t)rng_below(r, (int64_t)s->n + 1);
    const char *word = words[rng_below(r, sizeof words / sizeof *words)];
    const seed *other = &seeds[rng_below(r, n_seeds)];
    size_t n = 1 + (size_t)rng_below(r, 32), from;
    switch (rng_below(r, 8)) {
    case 0:
        if (at < s->n) s->bytes[at] ^= (uint8_t)(1 << rng_below(r, 8));
        break;
    case 1:
        if (at < s->n) s->bytes[at] = (uint8_t)rng_next(r);
        break;
    case 2: /* a number a little larger or smaller */
        if (at < s->n) s->bytes[at] = (uint8_t)(s->bytes[at] + rng_below(r, 9) - 4);
        break;
    case 3:
        cut(s, at, n);
        break;
    case 4:
        insert(s, at, word, strlen(word));
        break;
    case 5: /* a word over what stands there */
        cut(s, at, strlen(word));
        insert(s, at, word, strlen(word));
        break;
    case 6: /* a piece of this or of another seed */
        if (other->n < n) break;
        from = (size_t)rng_below(r, (int64_t)(other->n - n) + 1);
        memcpy(copy, other->bytes + from, n);
        insert(s, at, copy, n);
        break;
    default: /* all behind goes */
        if (rng_below(r, 8) == 0) s->n = at;
        break;
    }
}

static void fuzz(const fuzz_target *target, int64_t count, uint64_t run_seed, const char *corpus)
{
    now = target;
    for (n_seeds = 0; n_seeds < MOST_SEEDS && seed_make(&seeds[n_seeds], target->name, n_seeds);)
        n_seeds++;
    fuzz_accepted = 0;
    for (int i = 0; i < n_seeds; i++) LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].n);
    fuzz_expect(n_seeds > 0 && fuzz_accepted >= n_seeds / 2, "seeds that are refused");
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    if (corpus) read_corpus(corpus);
    for (int64_t i = 0; i < count; i++) {
        static seed s;
        rng r = rng_new(run_seed, (uint64_t)i);
        s = seeds[rng_below(&r, n_seeds)];
        for (int64_t k = rng_below(&r, 6); k >= 0; k--) mutate(&s, &r);
        LLVMFuzzerTestOneInput(s.bytes, s.n);
    }
    printf("%s: %d seeds, %lld mutations\n", target->name, n_seeds, (long long)count);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "all", *corpus = argc > 4 ? argv[4] : NULL;
    const int64_t count = argc > 2 ? strtoll(argv[2], NULL, 10) : DEFAULT_COUNT;
    const uint64_t run_seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    bool found = false;
    for (int i = 0; i < FUZZ_TARGETS; i++) {
        if (strcmp(name, "all") != 0 && strcmp(name, fuzz_targets[i].name) != 0) continue;
        found = true;
        fuzz(&fuzz_targets[i], count, run_seed, corpus);
    }
    if (!found) fprintf(stderr, "there is no target \"%s\"\n", name);
    return found ? 0 : 2;
}
