/* csv_logger: one line per epoch: epoch, then the metrics by name.  Columns and append as Keras
 * 3's CSVLogger. */
#include "train/train.h"
#include <string.h>

typedef struct log_options {
    char *path;
    bool append;
} log_options;
typedef struct csv_log {
    callback_self self;
    log_options options;
    FILE *file;
    int64_t size; /* bytes written so far: a resumed run cuts the file back to them */
    bool loaded;
} csv_log;

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(log_options, name), initial, help                                    \
    }
static const option_field fields[] = {
    FIELD(path, OPTION_TEXT, NULL, "the file to write"),
    FIELD(append, OPTION_BOOL, NULL, "go on in a file that exists"),
};

static rondo_status open_self(callback_self *self)
{
    const csv_log *s = (const csv_log *)self;
    if (s->options.path) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "csv_logger needs a path, as in path=log.csv");
}

/* The metric whose name follows `last` in the alphabet; -1 after the last. */
static int next_name(const rondo_progress *p, const char *last)
{
    int best = -1;
    for (int i = 0; i < p->n_metrics; i++)
        if ((!last || strcmp(p->metric[i], last) > 0) &&
            (best < 0 || strcmp(p->metric[i], p->metric[best]) < 0))
            best = i;
    return best;
}

static rondo_status begin(csv_log *s, const rondo_progress *p)
{
    if (s->file) fclose(s->file);
    RONDO_TRY(log_open(&s->file, s->options.path,
                       s->loaded           ? s->size
                       : s->options.append ? INT64_MAX
                                           : 0));
    s->loaded = false;
    if (ftell(s->file) == 0) {
        fputs("epoch", s->file);
        for (int i = next_name(p, NULL); i >= 0; i = next_name(p, p->metric[i]))
            fprintf(s->file, ",%s", p->metric[i]);
        fputc('\n', s->file);
    }
    return log_flush(s->file, s->options.path, &s->size);
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    csv_log *s = user;
    (void)m;
    if (event == RONDO_FIT_BEGIN) return begin(s, p);
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    fprintf(s->file, "%lld", (long long)p->epoch);
    for (int i = next_name(p, NULL); i >= 0; i = next_name(p, p->metric[i])) {
        char text[32];
        number_text(text, p->value[i]);
        fprintf(s->file, ",%s", text);
    }
    fputc('\n', s->file);
    return log_flush(s->file, s->options.path, &s->size);
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    csv_log *s = user;
    *bytes = &s->size;
    *n = sizeof s->size;
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    csv_log *s = user;
    if (n != sizeof s->size)
        return rondo_fail(RONDO_E_MISMATCH, "csv_logger has %zu bytes in the checkpoint", n);
    memcpy(&s->size, bytes, n);
    s->loaded = true;
    return RONDO_OK;
}

static void close_file(callback_self *self)
{
    csv_log *s = (csv_log *)self;
    if (s->file) fclose(s->file);
}

const callback_row callback_csv_logger = {
    .name = "csv_logger",
    .help = "writes one line of metrics per epoch",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(csv_log),
    .options_offset = offsetof(csv_log, options),
    .open = open_self,
    .close = close_file,
    .on = on,
    .save = save,
    .load = load,
};
