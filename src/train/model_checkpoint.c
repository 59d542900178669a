/* model_checkpoint: saves the model each epoch, or only when a metric improved.  As Keras 3's
 * ModelCheckpoint. */
#include "train/train.h"
#include <math.h>
#include <string.h>

typedef struct saving_options {
    char *path, *monitor, *mode;
    bool save_best_only;
} saving_options;
typedef struct saving {
    callback_self self;
    saving_options options;
    bool higher, loaded;
    double best;
} saving;

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(saving_options, name), initial, help                                 \
    }
static const option_field fields[] = {
    FIELD(path, OPTION_TEXT, NULL, "the file to write"),
    FIELD(monitor, OPTION_TEXT, "val_loss", "the metric that says which is best"),
    FIELD(mode, OPTION_TEXT, "auto", "auto, min or max: what is better"),
    FIELD(save_best_only, OPTION_BOOL, NULL, "keep the best epoch's, not the last one's"),
};

static rondo_status open_self(callback_self *self)
{
    saving *s = (saving *)self;
    if (!s->options.path)
        return rondo_fail(RONDO_E_ARG,
                          "model_checkpoint needs a path, as in path=best.safetensors");
    return monitor_mode("model_checkpoint", s->options.mode, s->options.monitor, &s->higher);
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    saving *s = user;
    if (event != RONDO_FIT_BEGIN && event != RONDO_EPOCH_END) return RONDO_OK;
    double now = 0;
    if (s->options.save_best_only)
        RONDO_TRY(monitor_value(p, "model_checkpoint", s->options.monitor, &now));
    if (event == RONDO_FIT_BEGIN) {
        if (!s->loaded) s->best = s->higher ? -INFINITY : INFINITY;
        s->loaded = false;
        return RONDO_OK;
    }
    if (s->options.save_best_only) {
        if (!monitor_better(s->higher, now, s->best, 0)) return RONDO_OK;
        s->best = now;
    }
    return rondo_save(m, s->options.path);
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    saving *s = user;
    *bytes = &s->best;
    *n = sizeof s->best;
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    saving *s = user;
    if (n != sizeof s->best)
        return rondo_fail(RONDO_E_MISMATCH, "model_checkpoint has %zu bytes in the checkpoint", n);
    memcpy(&s->best, bytes, n);
    s->loaded = true;
    return RONDO_OK;
}

const callback_row callback_model_checkpoint = {
    .name = "model_checkpoint",
    .help = "saves the model each epoch, or when a metric improved",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(saving),
    .options_offset = offsetof(saving, options),
    .open = open_self,
    .on = on,
    .save = save,
    .load = load,
};
