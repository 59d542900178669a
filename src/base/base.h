/* base - what every folder stands on: errors, memory, options, names, random numbers, threads,
 * files. No floats of a network, no Rondo ideas. */
#ifndef RONDO_BASE_H
#define RONDO_BASE_H
#include "rondo.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

typedef rondo_real real;

/* Stated limits on what files and specs may ask for; over them: RONDO_E_LIMIT. */
enum {
    LIMIT_NAME = 256,          /* bytes of a name */
    LIMIT_LINE = 16 << 20,     /* bytes of a line, or a cell, that is a text of its own */
    LIMIT_LAYERS = 4096,       /* layers or nodes of a model */
    LIMIT_HEADER = 64 << 20,   /* bytes of a model file's header */
    LIMIT_DEPTH = 64,          /* nesting of JSON, of a formula's parentheses */
    LIMIT_FORMULA = 1024,      /* bytes of an activation's text */
    LIMIT_FORMULA_NODES = 4096 /* different subexpressions of a formula and its derivatives */
};
#define LIMIT_SIZE ((int64_t)1 << 40) /* elements of anything */

/* ---- status.c ---- */
/* Sets this thread's sentence and returns the code: return rondo_fail(RONDO_E_SHAPE, "…", …); */
rondo_status rondo_fail(rondo_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts "where: " before the sentence and passes the code on; RONDO_OK passes untouched. */
rondo_status rondo_fail_in(rondo_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define RONDO_TRY(expr)                                                                            \
    do {                                                                                           \
        rondo_status try_ = (expr);                                                                \
        if (try_) return try_;                                                                     \
    } while (0)

/* ---- alloc.c: the one hook; every allocation of the library passes here ---- */
extern void *(*alloc_hook)(void *p,
                           size_t n); /* realloc; free when n is 0. Tests count and fail it */
void *alloc_new(size_t n);            /* zeroed, or NULL with the sentence set */
void *alloc_array(int64_t count, size_t size); /* zeroed; checks the product */
void *alloc_aligned(size_t n); /* 64-byte aligned, zeroed; free with alloc_free_aligned */
void alloc_free_aligned(void *p);
void *alloc_grow(void *p, size_t n); /* realloc; NULL leaves p alone */
/* An array that grows: with room for n elements at the least, twice what it had where that is not
 * enough; *room says how many. NULL, the sentence set, leaves both alone. */
void *alloc_room(void *array, int64_t *room, int64_t n, size_t size);
char *alloc_text(const char *); /* strdup; NULL in, NULL out */
char *alloc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void alloc_free(void *p);
void alloc_trim(void); /* after much was freed: gives it back to the system, where that is a step */
bool size_mul(int64_t a, int64_t b,
              int64_t *product); /* false on overflow, negatives or over LIMIT_SIZE */
bool size_add(int64_t a, int64_t b, int64_t *sum);

static inline int64_t shape_size(const rondo_shape *s) /* elements; shapes are checked when made */
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}

/* ---- arena.c: one block, two ends.  base NULL measures: same calls, NULL pointers ---- */
typedef struct arena {
    unsigned char *base;
    size_t size;    /* of the block */
    size_t kept;    /* from the low end: lives until arena_reset */
    size_t scratch; /* from the high end: lives until arena_release */
    size_t deepest; /* the most scratch since arena_reset, inside releases too */
} arena;
void *arena_keep(arena *, size_t bytes); /* 64-byte aligned, not zeroed */
void *arena_scratch(arena *, size_t bytes);
static inline size_t arena_mark(const arena *a)
{
    return a->scratch;
}
static inline void arena_release(arena *a, size_t mark)
{
    a->scratch = mark;
}
static inline void arena_reset(arena *a)
{
    a->kept = a->scratch = a->deepest = 0;
}
/* What the calls so far take together: scratch is used again and again while all that is kept stays. */
static inline size_t arena_needed(const arena *a)
{
    return a->kept + a->deepest;
}
rondo_status arena_reserve(arena *,
                           size_t size); /* makes the block at least this large; contents lost */
void arena_free(arena *);

/* ---- options.c: an options struct and the table of its fields ---- */
typedef enum option_type {
    OPTION_INT,
    OPTION_REAL,
    OPTION_BOOL,
    OPTION_TEXT
} option_type; /* int64_t float bool char* */
typedef struct option_field {
    const char *name;
    option_type type;
    size_t offset;
    const char *initial; /* the default as text; NULL: 0, false, NULL */
    const char *help;
} option_field;
typedef struct option_table {
    const option_field *fields;
    int n;
} option_table;
#define OPTION_TABLE(fields)                                                                       \
    {                                                                                              \
        fields, (int)(sizeof(fields) / sizeof(*(fields)))                                          \
    }

typedef struct spec_word { /* one word of a spec: key NULL when it stood alone */
    char *key, *value;
    int column; /* where it began, from 1, for messages */
} spec_word;
typedef struct spec {
    char *kind;
    spec_word *words;
    int n;
} spec;
/* "kind word key=value key='quoted value'".  Errors show the text and a caret position in words. */
rondo_status spec_parse(spec *, const char *text);
void spec_free(spec *);
/* Splits at top-level separators (outside quotes and parentheses) and trims; NULL-terminated; free
 * with text_list_free. */
rondo_status text_split(char ***parts, int *n, const char *text, char separator);
void text_list_free(char **parts);

/* TEXT fields own their memory: options_default first, options_free last. */
rondo_status options_default(const option_table *, void *options);
/* Sets one field from text. E_NAME with "did you mean" when there is none of that name; E_ARG when
 * the value does not fit its type. `what` names the owner in the sentence: "lstm". */
rondo_status options_set(const option_table *, void *options, const char *what, const char *key,
                         const char *value);
/* Copies the fields that are set (not 0, false, NULL) in another struct of the same table. */
rondo_status options_merge(const option_table *, void *options, const void *from);
rondo_status options_from_spec(const option_table *, void *options, const char *what,
                               const spec *); /* key=value and flags only */
json_t *options_to_json(const option_table *, const void *options);
rondo_status options_from_json(const option_table *, void *options, const char *what,
                               const json_t *);
void options_free(const option_table *, void *options);
const option_field *options_find(const option_table *, const char *key);

/* ---- text.c: a text that grows; zeroed is empty ---- */
typedef struct text_buffer {
    char *data; /* ends in a zero; NULL while nothing was added */
    size_t size, capacity;
    size_t most;         /* bytes that it may have, then it fails with E_LIMIT; 0: any number */
    rondo_status status; /* the first failure: what is added after it is dropped */
} text_buffer;
void text_put(text_buffer *, const char *bytes, size_t n);
/* Numbers have a decimal point, whatever the program's locale. */
void text_add(text_buffer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, of the arguments of a function like it. */
void text_add_list(text_buffer *, const char *format, va_list)
    __attribute__((format(printf, 2, 0)));
void text_escaped(text_buffer *, const char *); /* as HTML and XML want it; bytes that are no UTF-8
                                                 * become U+FFFD */
void text_free(text_buffer *);
/* Into a field of `size` bytes, cut between letters of UTF-8 where it is too long. */
void text_fit(char *out, size_t size, const char *text);
int text_columns(const char *); /* of a terminal: a Chinese letter takes two */

/* ---- utf8.c ---- */
/* How many bytes from the beginning are UTF-8: n when all are. */
size_t utf8_valid(const char *text, size_t n);

/* ---- registry.c: every table by kind; look-ups across folders ---- */
typedef enum registry_kind {
    REGISTRY_ACTIVATION,
    REGISTRY_CELL,
    REGISTRY_LAYER,
    REGISTRY_INITIALIZER,
    REGISTRY_LOSS,
    REGISTRY_METRIC,
    REGISTRY_OPTIMIZER,
    REGISTRY_SCHEDULE,
    REGISTRY_CALLBACK,
    REGISTRY_READER,
    REGISTRY_GENERATOR,
    REGISTRY_FORMAT,
    REGISTRY_TASK,
    REGISTRY_ADAPTER,
    REGISTRY_PRESET,
    REGISTRY_KINDS
} registry_kind;
/* Rows are borrowed and live forever.  E_ARG when the name is taken by another row. */
rondo_status registry_add(registry_kind, const char *name, const void *row);
const void *registry_find(registry_kind, const char *name); /* or NULL, no sentence */
/* As registry_find, but fails with: unknown loss "mea"; did you mean "mae"? or, with none near,
 * lists all. */
rondo_status registry_get(registry_kind, const char *name, const void **row);
int registry_count(registry_kind);
const void *registry_at(registry_kind, int i); /* in the order of registration */
const char *registry_name(registry_kind, int i);
const char *registry_kind_name(registry_kind); /* "activation" */
/* The nearest of n names within an edit distance fit for its length, or NULL. */
const char *name_nearest(const char *name, int n, const char *const names[]);
void rondo_tables(void); /* src/tables.c: registers every built-in row; registry.c calls it once */

/* ---- json.c: thin help over jansson; errors name the path ---- */
rondo_status json_read(json_t **, const char *text, size_t n,
                       const char *what);        /* position in the sentence */
rondo_status json_text(char **, const json_t *); /* compact, sorted; alloc_free it */
rondo_status json_want_int(const json_t *object, const char *key,
                           int64_t *); /* E_FORMAT when absent or not one */
rondo_status json_want_real(const json_t *object, const char *key, double *);
rondo_status json_want_text(const json_t *object, const char *key, const char **); /* borrows */
rondo_status json_want_array(const json_t *object, const char *key, json_t **);    /* borrows */
rondo_status json_want_object(const json_t *object, const char *key, json_t **);
/* For building: takes `value` (stolen); E_NOMEM when either is NULL. */
rondo_status json_put(json_t *object, const char *key, json_t *value);

/* ---- rng.c: Philox4x32-10 (Salmon et al. 2011), counter based ---- */
enum { PHILOX_ROUNDS = 10 };
static const uint32_t philox_weyl[2] = { 0x9E3779B9, 0xBB67AE85 }; /* added to the key each round */
static inline void rng_philox_round(uint32_t *c0, uint32_t *c1, uint32_t *c2, uint32_t *c3,
                                    uint32_t k0, uint32_t k1)
{
    const uint64_t p0 = (uint64_t)0xD2511F53 * *c0, p1 = (uint64_t)0xCD9E8D57 * *c2;
    *c0 = (uint32_t)(p1 >> 32) ^ *c1 ^ k0;
    *c2 = (uint32_t)(p0 >> 32) ^ *c3 ^ k1;
    *c1 = (uint32_t)p1;
    *c3 = (uint32_t)p0;
}
void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);
typedef struct rng { /* a sequence of its own for every (seed, stream) */
    uint32_t key[2], counter[4], out[4];
    int left;
} rng;
rng rng_new(uint64_t seed, uint64_t stream);
uint32_t rng_next(rng *);
double rng_uniform(rng *);           /* [0, 1), 53 bits */
double rng_normal(rng *);            /* Box-Muller, double; two draws a call */
int64_t rng_below(rng *, int64_t n); /* 0 … n-1, unbiased */
void rng_shuffle(rng *, int64_t *items, int64_t n);
/* Streams that this project uses, so that none is used twice. */
enum {
    RNG_INIT = 1,
    RNG_SHUFFLE,
    RNG_DROPOUT,
    RNG_DATA,
    RNG_CHECK,
    RNG_WINDOW = 16,
    RNG_GENERATE,
    RNG_REPLAY
};
static inline uint64_t rng_stream(uint32_t use, uint32_t index)
{
    return (uint64_t)use << 32 | index;
}

/* Tells the processor that a loop waits for another thread. */
static inline void pause_cpu(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* ---- pool.c: persistent threads; who runs which task never changes a result ---- */
typedef struct pool pool;
rondo_status pool_new(pool **, int threads); /* 0: as many as the machine lets us use */
int pool_threads(const pool *);              /* 1 when NULL */
int pool_processors(void);                   /* that this process may run on */
/* Calls task(arg, i) for 0 ≤ i < n, on this thread and the others; returns when all are done.
 * A NULL or busy pool (another thread is in it, or we are) runs them here. */
void pool_run(pool *, void (*task)(void *arg, int i), void *arg, int n);
void pool_free(pool *);

/* ---- team.c: one thread's many short jobs, shared with those of a pool that spin meanwhile ---- */
typedef struct team team;
/* lead(arg, team) runs on one thread; the pool's others help until it returns, as they come. */
void team_run(pool *, void (*lead)(void *arg, team *), void *arg);
/* For lead: calls part(arg, i, n) for 0 ≤ i < n, n being how many are there (1 at the least);
 * returns when all are done. */
void team_share(team *, void (*part)(void *arg, int i, int n), void *arg);

/* ---- digest.c ---- */
uint32_t crc32c(uint32_t crc, const void *data, size_t n); /* start with 0 */
void sha256(uint8_t out[32], const void *data, size_t n);
void sha256_text(char out[65], const void *data, size_t n);

/* ---- file.c ---- */
typedef struct file_map {
    const unsigned char *data;
    size_t size;
    bool mapped;
} file_map;
rondo_status file_map_open(file_map *,
                           const char *path); /* whole file, read only; E_IO names the path */
void file_map_close(file_map *);
bool file_exists(const char *path);
bool file_is_folder(const char *path);
rondo_status file_make_folder(const char *path);       /* with parents */
char *file_join(const char *folder, const char *name); /* alloc_free it */
/* Atomic: temporary file beside it, write, fsync, rename, fsync the folder; on failure the old file
 * stands and the temporary one is gone. */
typedef struct file_writer {
    FILE *stream;
    char *path, *temporary;
} file_writer;
rondo_status file_write_begin(file_writer *, const char *path);
rondo_status file_write(file_writer *, const void *data, size_t n);
rondo_status file_write_end(file_writer *); /* commits */
void file_write_cancel(file_writer *);      /* safe after any failure and after end */
rondo_status file_write_all(const char *path, const void *data, size_t n); /* the three in one */

/* ---- tensors.c: named arrays in a safetensors file. 8-byte little-endian header length, JSON,
 * data. ---- */
typedef struct tensor {
    char *name;
    char type[8]; /* "F32" "F64" "I32" "I64" "U8" */
    rondo_shape shape;
    const void *data; /* borrowed; in files of other programs perhaps not aligned */
    size_t size;      /* bytes */
} tensor;
typedef struct tensor_file {
    tensor *tensors;
    int n;
    json_t *metadata; /* __metadata__: strings by key */
    file_map map;
} tensor_file;
/* Tensors in the given order, metadata of string values. Atomic; with a CRC-32C digest of header
 * and data under __metadata__.digest. */
rondo_status tensors_save(const char *path, const tensor *, int n, const json_t *metadata);
rondo_status
tensors_open(tensor_file *,
             const char *path); /* E_FORMAT in a sentence for anything that is not right */
const tensor *tensors_find(const tensor_file *, const char *name);
/* Copies as real, converting F32/F64; E_SHAPE naming both shapes when they differ. */
rondo_status tensors_copy(const tensor_file *, const char *name, const rondo_shape *, real *out);
void tensors_close(tensor_file *);

/* A growing array of bytes that moves to an unlinked temporary file once it passes `limit` bytes
 * (0: the default, a quarter of the machine's memory): data larger than memory pages from disk. */
typedef struct spill {
    unsigned char *data;
    size_t size, capacity, limit;
    int fd; /* -1 while in memory */
} spill;
void spill_init(spill *, size_t limit);
rondo_status spill_append(spill *, const void *data, size_t n);
void spill_free(spill *);
/* Reads a whole file into a spill, through zlib when it is gzip. */
rondo_status spill_read(spill *, const char *path);

#endif
