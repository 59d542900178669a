/* tensorboard: metrics per epoch as TensorBoard reads them.
 *
 * An events file is TFRecords: length (8 bytes), masked CRC-32C of it, data, masked CRC-32C of
 * that.  The data is a protobuf message, encoded by hand (tensorflow/core/util/event.proto,
 * framework/summary.proto):
 *   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *   Summary { repeated Value value = 1; }    Value { string tag = 1; float simple_value = 2; } */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct board_options {
    char *path;
} board_options;
typedef struct board {
    callback_self self;
    board_options options;
    FILE *file;
    char *file_path;
    struct { /* what a checkpoint keeps */
        int64_t size;
        char name[128];
    } state;
    bool loaded;
} board;

static const option_field fields[] = {
    { "path", OPTION_TEXT, offsetof(board_options, path), NULL, "the folder of the events file" },
};

/* ---- protobuf ---- */
typedef struct message {
    unsigned char bytes[2 * LIMIT_NAME + 64];
    size_t n;
} message;

static void put(message *m, const void *bytes, size_t n)
{
    memcpy(m->bytes + m->n, bytes, n);
    m->n += n;
}

static void put_varint(message *m, uint64_t v)
{
    for (; v >= 128; v >>= 7) m->bytes[m->n++] = (unsigned char)(v | 128);
    m->bytes[m->n++] = (unsigned char)v;
}

static void put_little(message *m, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) m->bytes[m->n++] = (unsigned char)(v >> 8 * i);
}

static void put_key(message *m, int number, int wire)
{
    put_varint(m, (uint64_t)(number << 3 | wire));
}

static void put_part(message *m, int number, const void *bytes, size_t n)
{
    put_key(m, number, 2);
    put_varint(m, n);
    put(m, bytes, n);
}

static void put_double(message *m, int number, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, number, 1);
    put_little(m, bits, 8);
}

static void put_float(message *m, int number, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, number, 5);
    put_little(m, bits, 4);
}

/* ---- records ---- */
uint32_t tfrecord_crc(const void *data, size_t n)
{
    const uint32_t crc = crc32c(0, data, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static void write_record(FILE *file, const message *m)
{
    message frame = { .n = 0 };
    put_little(&frame, m->n, 8);
    put_little(&frame, tfrecord_crc(frame.bytes, 8), 4);
    fwrite(frame.bytes, 1, frame.n, file);
    fwrite(m->bytes, 1, m->n, file);
    frame.n = 0;
    put_little(&frame, tfrecord_crc(m->bytes, m->n), 4);
    fwrite(frame.bytes, 1, frame.n, file);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void write_scalar(FILE *file, int64_t step, const char *tag, double number)
{
    message v = { .n = 0 }, summary = { .n = 0 }, event = { .n = 0 };
    put_part(&v, 1, tag, strnlen(tag, LIMIT_NAME));
    put_float(&v, 2, (float)number);
    put_part(&summary, 1, v.bytes, v.n);
    put_double(&event, 1, now());
    put_key(&event, 2, 0);
    put_varint(&event, (uint64_t)step);
    put_part(&event, 5, summary.bytes, summary.n);
    write_record(file, &event);
}

static void write_version(FILE *file)
{
    message event = { .n = 0 };
    put_double(&event, 1, now());
    put_part(&event, 3, "brain.Event:2", 13);
    write_record(file, &event);
}

/* ---- the callback ---- */
static rondo_status open_self(callback_self *self)
{
    const board *s = (const board *)self;
    if (s->options.path) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "tensorboard needs a path: the folder of its events file");
}

static rondo_status begin(board *s)
{
    if (s->file) fclose(s->file);
    s->file = NULL;
    if (!s->loaded) {
        char host[64] = "localhost";
        (void)gethostname(host, sizeof host - 1);
        snprintf(s->state.name, sizeof s->state.name, "events.out.tfevents.%lld.%s",
                 (long long)now(), host);
        s->state.size = 0;
    }
    s->loaded = false;
    RONDO_TRY(file_make_folder(s->options.path));
    alloc_free(s->file_path);
    s->file_path = file_join(s->options.path, s->state.name);
    if (!s->file_path) return RONDO_E_NOMEM;
    RONDO_TRY(log_open(&s->file, s->file_path, s->state.size));
    if (ftell(s->file) == 0) write_version(s->file);
    return log_flush(s->file, s->file_path, &s->state.size);
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    board *s = user;
    if (event == RONDO_FIT_BEGIN) return begin(s);
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    for (int i = 0; i < p->n_metrics; i++)
        write_scalar(s->file, p->epoch, p->metric[i], p->value[i]);
    write_scalar(s->file, p->epoch, "learning_rate", rondo_learning_rate(m));
    return log_flush(s->file, s->file_path, &s->state.size);
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    board *s = user;
    *bytes = &s->state;
    *n = sizeof s->state;
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    board *s = user;
    if (n != sizeof s->state)
        return rondo_fail(RONDO_E_MISMATCH, "tensorboard has %zu bytes in the checkpoint", n);
    memcpy(&s->state, bytes, n);
    s->state.name[sizeof s->state.name - 1] = '\0';
    if (strchr(s->state.name, '/'))
        return rondo_fail(RONDO_E_MISMATCH, "the checkpoint names an events file with a / in it");
    s->loaded = true;
    return RONDO_OK;
}

static void close_file(callback_self *self)
{
    board *s = (board *)self;
    if (s->file) fclose(s->file);
    alloc_free(s->file_path);
}

const callback_row callback_tensorboard = {
    .name = "tensorboard",
    .help = "writes metrics per epoch for TensorBoard",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(board),
    .options_offset = offsetof(board, options),
    .open = open_self,
    .close = close_file,
    .on = on,
    .save = save,
    .load = load,
};
