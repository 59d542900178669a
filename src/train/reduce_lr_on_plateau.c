/* reduce_lr_on_plateau: cuts the learning rate when a metric no longer improves.  As Keras 3's
 * ReduceLROnPlateau. */
#include "train/train.h"
#include <math.h>
#include <string.h>

typedef struct plateau_options {
    char *monitor, *mode;
    float factor, min_delta, min_lr;
    int64_t patience, cooldown;
} plateau_options;
typedef struct plateau {
    callback_self self;
    plateau_options options;
    bool higher, loaded;
    struct { /* what a checkpoint keeps */
        double best;
        int64_t wait, cooldown;
    } state;
} plateau;

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(plateau_options, name), initial, help                                \
    }
static const option_field fields[] = {
    FIELD(monitor, OPTION_TEXT, "val_loss", "the metric to watch"),
    FIELD(mode, OPTION_TEXT, "auto", "auto, min or max: what is better"),
    FIELD(factor, OPTION_REAL, "0.1", "what the rate is multiplied with"),
    FIELD(patience, OPTION_INT, "10", "epochs without improvement before a cut"),
    FIELD(min_delta, OPTION_REAL, "1e-4", "an improvement is more than this"),
    FIELD(cooldown, OPTION_INT, NULL, "epochs after a cut that do not count"),
    FIELD(min_lr, OPTION_REAL, NULL, "the rate never goes below"),
};

static rondo_status open_self(callback_self *self)
{
    plateau *s = (plateau *)self;
    if (!(s->options.factor > 0 && s->options.factor < 1))
        return rondo_fail(RONDO_E_ARG, "reduce_lr_on_plateau: factor=%g does not lie in (0, 1)",
                          (double)s->options.factor);
    return monitor_mode("reduce_lr_on_plateau", s->options.mode, s->options.monitor, &s->higher);
}

static void cut_rate(plateau *s, optimizer *o)
{
    const double least = (double)s->options.min_lr;
    if (o->learning_rate <= least) return;
    const double rate = o->learning_rate * (double)s->options.factor;
    o->learning_rate = rate > least ? rate : least;
    s->state.cooldown = s->options.cooldown;
    s->state.wait = 0;
}

static void end_epoch(plateau *s, rondo_model *m, double now)
{
    if (s->state.cooldown > 0) {
        s->state.cooldown--;
        s->state.wait = 0;
    }
    if (monitor_better(s->higher, now, s->state.best, (double)s->options.min_delta)) {
        s->state.best = now;
        s->state.wait = 0;
    } else if (s->state.cooldown == 0 && ++s->state.wait >= s->options.patience) {
        cut_rate(s, &m->training->optimizer);
    }
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    plateau *s = user;
    if (event != RONDO_FIT_BEGIN && event != RONDO_EPOCH_END) return RONDO_OK;
    double now;
    RONDO_TRY(monitor_value(p, "reduce_lr_on_plateau", s->options.monitor, &now));
    if (event == RONDO_EPOCH_END) {
        end_epoch(s, m, now);
        return RONDO_OK;
    }
    if (!s->loaded) {
        s->state.best = s->higher ? -INFINITY : INFINITY;
        s->state.wait = s->state.cooldown = 0;
    }
    s->loaded = false;
    return RONDO_OK;
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    plateau *s = user;
    *bytes = &s->state;
    *n = sizeof s->state;
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    plateau *s = user;
    if (n != sizeof s->state)
        return rondo_fail(RONDO_E_MISMATCH, "reduce_lr_on_plateau has %zu bytes in the checkpoint",
                          n);
    memcpy(&s->state, bytes, n);
    s->loaded = true;
    return RONDO_OK;
}

const callback_row callback_reduce_lr_on_plateau = {
    .name = "reduce_lr_on_plateau",
    .help = "cuts the learning rate when a metric no longer improves",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(plateau),
    .options_offset = offsetof(plateau, options),
    .open = open_self,
    .on = on,
    .save = save,
    .load = load,
};
