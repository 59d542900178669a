/* early_stopping: ends training when a metric no longer improves.  As Keras 3's EarlyStopping. */
#include "train/train.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct stopping_options {
    char *monitor, *mode, *baseline;
    float min_delta;
    int64_t patience, start_from_epoch;
    bool restore_best_weights;
} stopping_options;
typedef struct early_stopping {
    callback_self self;
    stopping_options options;
    bool higher, has_baseline, loaded;
    double baseline;
    struct { /* what a checkpoint keeps, before the best weights */
        double best;
        int64_t wait, has_best;
    } state;
    real *weights; /* [n] the best so far */
    int64_t n;
    unsigned char *bytes;
} early_stopping;

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(stopping_options, name), initial, help                               \
    }
static const option_field fields[] = {
    FIELD(monitor, OPTION_TEXT, "val_loss", "the metric to watch"),
    FIELD(mode, OPTION_TEXT, "auto", "auto, min or max: what is better"),
    FIELD(min_delta, OPTION_REAL, NULL, "an improvement is more than this"),
    FIELD(patience, OPTION_INT, NULL, "epochs without one that are borne"),
    FIELD(start_from_epoch, OPTION_INT, NULL, "epochs before it watches"),
    FIELD(baseline, OPTION_TEXT, NULL, "a value that must be beaten"),
    FIELD(restore_best_weights, OPTION_BOOL, NULL, "end with the weights of the best epoch"),
};

static rondo_status open_self(callback_self *self)
{
    early_stopping *s = (early_stopping *)self;
    s->state.best = INFINITY;
    if (s->options.baseline) {
        char *end;
        s->baseline = strtod(s->options.baseline, &end);
        s->has_baseline = true;
        if (*end || end == s->options.baseline)
            return rondo_fail(RONDO_E_ARG, "early_stopping: baseline=%s is not a number",
                              s->options.baseline);
    }
    return monitor_mode("early_stopping", s->options.mode, s->options.monitor, &s->higher);
}

static rondo_status reserve(early_stopping *s, int64_t n)
{
    if (s->weights && s->n == n) return RONDO_OK;
    alloc_free_aligned(s->weights);
    alloc_free(s->bytes);
    s->bytes = NULL;
    s->n = n;
    s->weights = alloc_aligned((size_t)n * sizeof(real));
    if (s->weights) s->bytes = alloc_new(sizeof s->state + (size_t)n * sizeof(real));
    return s->bytes ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status begin(early_stopping *s, const rondo_model *m, const rondo_progress *p)
{
    double ignored;
    RONDO_TRY(monitor_value(p, "early_stopping", s->options.monitor, &ignored));
    if (s->options.restore_best_weights) RONDO_TRY(reserve(s, m->n_weights));
    if (!s->loaded) {
        s->state.best = s->higher ? -INFINITY : INFINITY;
        s->state.wait = 0;
        s->state.has_best = 0;
    }
    s->loaded = false;
    return RONDO_OK;
}

static void keep_weights(early_stopping *s, const rondo_model *m)
{
    s->state.has_best = 1;
    if (s->weights) memcpy(s->weights, m->weights, (size_t)s->n * sizeof(real));
}

static rondo_status end_epoch(early_stopping *s, const rondo_model *m, rondo_progress *p)
{
    double now;
    RONDO_TRY(monitor_value(p, "early_stopping", s->options.monitor, &now));
    if (p->epoch < s->options.start_from_epoch) return RONDO_OK;
    const double delta = (double)s->options.min_delta;
    if (!s->state.has_best) keep_weights(s, m);
    s->state.wait++;
    if (monitor_better(s->higher, now, s->state.best, delta)) {
        s->state.best = now;
        keep_weights(s, m);
        if (!s->has_baseline || monitor_better(s->higher, now, s->baseline, delta))
            s->state.wait = 0;
        return RONDO_OK;
    }
    if (s->state.wait >= s->options.patience && p->epoch > 0) p->stop = true;
    return RONDO_OK;
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    early_stopping *s = user;
    if (event == RONDO_FIT_BEGIN) return begin(s, m, p);
    if (event == RONDO_EPOCH_END) return end_epoch(s, m, p);
    if (event == RONDO_FIT_END && s->weights && s->state.has_best) {
        memcpy(m->weights, s->weights, (size_t)s->n * sizeof(real));
        model_weights_changed(m);
    }
    return RONDO_OK;
}

static rondo_status save(void *user, const void **bytes, size_t *n)
{
    early_stopping *s = user;
    *bytes = &s->state;
    *n = sizeof s->state;
    if (!s->weights) return RONDO_OK;
    memcpy(s->bytes, &s->state, *n);
    memcpy(s->bytes + *n, s->weights, (size_t)s->n * sizeof(real));
    *bytes = s->bytes;
    *n += (size_t)s->n * sizeof(real);
    return RONDO_OK;
}

static rondo_status load(void *user, const void *bytes, size_t n)
{
    early_stopping *s = user;
    const size_t weights = n - sizeof s->state;
    if (n < sizeof s->state || weights % sizeof(real) ||
        (weights > 0) != s->options.restore_best_weights)
        return rondo_fail(RONDO_E_MISMATCH, "early_stopping had other options in the checkpoint");
    memcpy(&s->state, bytes, sizeof s->state);
    if (weights) {
        RONDO_TRY(reserve(s, (int64_t)(weights / sizeof(real))));
        memcpy(s->weights, (const unsigned char *)bytes + sizeof s->state, weights);
    }
    s->loaded = true;
    return RONDO_OK;
}

static void close_weights(callback_self *self)
{
    early_stopping *s = (early_stopping *)self;
    alloc_free_aligned(s->weights);
    alloc_free(s->bytes);
}

const callback_row callback_early_stopping = {
    .name = "early_stopping",
    .help = "ends training when a metric no longer improves",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(early_stopping),
    .options_offset = offsetof(early_stopping, options),
    .open = open_self,
    .close = close_weights,
    .on = on,
    .save = save,
    .load = load,
};
