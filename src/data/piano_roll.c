/* piano_roll.c - polyphonic music as lines of JSON: a song a line, a list a frame, the numbers are
 * the keys that sound: [[60,64,67],[60,64],[]].  From the frames so far the next one is to be told
 * (Boulanger-Lewandowski et al. 2012): input frame t, target frame t+1, keys as zeros and ones. */
#include "data/data.h"
#include <string.h>

typedef struct piano_roll_options {
    int64_t keys;
} piano_roll_options;

enum { MOST_KEYS = 4096 };

static const option_field fields[] = {
    { "keys", OPTION_INT, offsetof(piano_roll_options, keys), "88",
      "keys of a piano roll, numbered from 0; 128 for MIDI notes" },
};

/* Rolls are wide and nearly empty, so what is kept is which keys sound; get() draws them. */
typedef struct rolls {
    spill songs;  /* [songs+1] int64_t: first frame */
    spill frames; /* [frames+1] int64_t: first note */
    spill notes;  /* uint16_t keys */
    int64_t keys;
    bool with_targets;
} rolls;

static const int64_t *numbers(const spill *s)
{
    return (const int64_t *)(const void *)s->data;
}

/* ---- Reading ---- */
static rondo_status begin(spill *list, const spill *of, size_t size)
{
    const int64_t first = (int64_t)(of->size / size);
    return spill_append(list, &first, sizeof first);
}

static rondo_status read_frame(rolls *r, const json_t *frame, const char *where, int64_t number)
{
    if (!json_is_array(frame))
        return rondo_fail(RONDO_E_FORMAT, "%s: frame %lld is not a list of keys, as in [60,64,67]",
                          where, (long long)number);
    for (size_t i = 0; i < json_array_size(frame); i++) {
        const json_t *key = json_array_get(frame, i);
        const int64_t k = json_integer_value(key);
        if (!json_is_integer(key) || k < 0)
            return rondo_fail(RONDO_E_FORMAT, "%s: frame %lld: a key is a whole number from 0 on",
                              where, (long long)number);
        if (k >= r->keys)
            return rondo_fail(RONDO_E_FORMAT,
                              "%s: frame %lld: key %lld of a roll that has 0 to %lld; say "
                              "keys=%s (--keys) if it has more",
                              where, (long long)number, (long long)k, (long long)r->keys - 1,
                              k < 128 ? "128" : "NUMBER");
        const uint16_t note = (uint16_t)k;
        RONDO_TRY(spill_append(&r->notes, &note, sizeof note));
    }
    return begin(&r->frames, &r->notes, sizeof(uint16_t));
}

static rondo_status read_song(rolls *r, const char *text, size_t n, const char *where)
{
    json_t *song;
    RONDO_TRY(json_read(&song, text, n, where));
    rondo_status s = json_is_array(song)
                         ? RONDO_OK
                         : rondo_fail(RONDO_E_FORMAT, "%s: a song is a list of frames", where);
    for (size_t t = 0; !s && t < json_array_size(song); t++)
        s = read_frame(r, json_array_get(song, t), where, (int64_t)t + 1);
    json_decref(song);
    if (s) return s;
    const int64_t end = (int64_t)(r->frames.size / sizeof(int64_t)) - 1;
    return spill_append(&r->songs, &end, sizeof end);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool all_blank(const char *text, size_t n)
{
    while (n && is_blank(text[n - 1])) n--;
    return n == 0;
}

static rondo_status read_songs(rolls *r, const char *path, const source_file *file)
{
    static const int64_t first = 0;
    const char *at = (const char *)file->data, *end = at + file->size;
    RONDO_TRY(spill_append(&r->songs, &first, sizeof first));
    RONDO_TRY(spill_append(&r->frames, &first, sizeof first));
    for (int64_t line = 1; at < end; line++) {
        char where[LIMIT_NAME];
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t n = (size_t)((stop ? stop : end) - at);
        snprintf(where, sizeof where, "%s:%lld", path, (long long)line);
        if (!all_blank(at, n)) RONDO_TRY(read_song(r, at, n, where));
        at = stop ? stop + 1 : end;
    }
    return r->songs.size > sizeof first ? RONDO_OK
                                        : rondo_fail(RONDO_E_FORMAT, "%s: no songs", path);
}

/* ---- The dataset ---- */
static int64_t frames_of(const rolls *r, int64_t i)
{
    return numbers(&r->songs)[i + 1] - numbers(&r->songs)[i];
}

static int64_t length(const rondo_dataset *d, int64_t i)
{
    const rolls *r = d->self;
    const int64_t n = frames_of(r, i);
    return r->with_targets && n > 0 ? n - 1 : n;
}

/* Frame t+1 is both the target of step t and the input of step t+1, so they share memory. */
static rondo_status get(const rondo_dataset *d, cursor *c, int64_t i, sample *out)
{
    const rolls *r = d->self;
    const int64_t frames = frames_of(r, i), steps = length(d, i);
    const int64_t *note = numbers(&r->frames) + numbers(&r->songs)[i];
    const uint16_t *keys = (const uint16_t *)(const void *)r->notes.data;
    const size_t bytes = (size_t)(frames * r->keys) * sizeof(real);
    RONDO_TRY(cursor_reserve(c, bytes + sizeof(real)));
    real *roll = c->memory;
    memset(roll, 0, bytes);
    for (int64_t t = 0; t < frames; t++)
        for (int64_t k = note[t]; k < note[t + 1]; k++) roll[t * r->keys + keys[k]] = 1;
    out->input[0] = (field){ roll, NULL, steps };
    if (r->with_targets) out->target[0] = (field){ steps ? roll + r->keys : roll, NULL, steps };
    out->weight = 1;
    return RONDO_OK;
}

static void close_rolls(rondo_dataset *d)
{
    rolls *r = d->self;
    if (!r) return;
    spill_free(&r->songs);
    spill_free(&r->frames);
    spill_free(&r->notes);
    alloc_free(r);
}

static rondo_status check_request(const reader_request *q, const piano_roll_options *o)
{
    if (q->labels)
        return rondo_fail(RONDO_E_ARG, "%s has its targets inside; leave the labels file out",
                          q->path);
    if (q->target == TARGET_CLASSES)
        return rondo_fail(RONDO_E_ARG,
                          "%s: a frame is %lld keys that sound or do not, not one class of "
                          "several; let the last layer be \"dense sigmoid\"",
                          q->path, (long long)o->keys);
    if (o->keys < 1 || o->keys > MOST_KEYS)
        return rondo_fail(RONDO_E_ARG, "piano_roll: keys must be 1 to %d, not %lld", MOST_KEYS,
                          (long long)o->keys);
    return RONDO_OK;
}

static rondo_status open(rondo_dataset **out, const reader_request *request, const void *options)
{
    const piano_roll_options *o = options;
    source_file file;
    rondo_dataset *d;
    *out = NULL;
    RONDO_TRY(check_request(request, o));
    RONDO_TRY(dataset_new(&d, 0));
    rolls *r = d->self = alloc_new(sizeof *r);
    rondo_status s = r ? source_open(&file, request->path) : RONDO_E_NOMEM;
    if (s) {
        alloc_free(r);
        alloc_free(d);
        return s;
    }
    spill_init(&r->songs, 0);
    spill_init(&r->frames, 0);
    spill_init(&r->notes, 0);
    r->keys = o->keys;
    r->with_targets = !request->no_target;
    d->close = close_rolls;
    d->length = length;
    d->get = get;
    d->n_inputs = 1;
    d->n_targets = r->with_targets;
    d->input[0] = d->target[0] = (field_shape){ RONDO_F32, { 2, { 0, o->keys } } };
    s = read_songs(r, request->path, &file);
    d->count = (int64_t)(r->songs.size / sizeof(int64_t)) - 1;
    source_close(&file);
    if (s)
        rondo_dataset_free(d);
    else
        *out = d;
    return s;
}

static bool recognises(const char *path, const unsigned char *head, size_t n)
{
    int lists = 0;
    if (!path_ends(path, ".jsonl")) return false;
    for (size_t i = 0; i < n && lists < 2; i++) {
        if (head[i] == '[')
            lists++;
        else if (!is_blank((char)head[i]))
            return false;
    }
    return lists == 2;
}

const reader_row piano_roll_reader = { .name = "piano_roll",
                                       .help =
                                           "music, a song a line: [[60,64],[60]], the keys of each "
                                           "frame; the next frame is to be told",
                                       .options = OPTION_TABLE(fields),
                                       .options_size = sizeof(piano_roll_options),
                                       .recognises = recognises,
                                       .open = open };
