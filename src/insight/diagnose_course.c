/* diagnose, the callback: watches a training. The norms of all gradients, and every so many batches how
 * far an update goes and, by a probe with a pass of its own, what the layers show of that batch. It reads
 * and never writes what trains, so that weights end in the same bits with it and without. */
#include "insight/insight.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS = 64,
    ENOUGH = 20,
    FIRST = 16,
    ROWS = 8,
    FRESH = 32
}; /* ENOUGH: batches before one can stand out */
static const double stands_out = 10;

typedef struct course_options {
    char *path;
    int64_t every;
} course_options;
typedef struct course {
    callback_self self;
    course_options options;
    probe probe;
    bool open;
    unsigned char *rows; /* of a batch: those that the probe is shown */
    size_t room;
    double median;                                /* of the norms, some batches ago */
    int64_t batches, exploding, clipped, updates; /* updates: made when `before` was taken */
    spread *norms, *ratios, *first_ratios;
    real *before; /* the weights some batches ago */
    bool taken;
    double part[PARTS];  /* sums of the losses of `width` batches each */
    int64_t width, last; /* batches of a part; of the last one */
    int n_parts;
} course;

static const option_field fields[] = {
    { "path", OPTION_TEXT, offsetof(course_options, path), NULL, "the file to write: JSON" },
    { "every", OPTION_INT, offsetof(course_options, every), "50", "look at one batch in so many" },
};

static rondo_status open_self(callback_self *self)
{
    const course *s = (const course *)self;
    if (!s->options.path)
        return rondo_fail(RONDO_E_ARG, "diagnose needs a path, as in path=diagnosis.json");
    if (s->options.every < 2)
        return rondo_fail(RONDO_E_ARG, "diagnose: every=%lld; the least that makes sense is 2",
                          (long long)s->options.every);
    return RONDO_OK;
}

static void end(course *s)
{
    if (s->open) probe_close(&s->probe);
    alloc_free(s->norms);
    alloc_free_aligned(s->before);
    alloc_free_aligned(s->rows);
    s->norms = NULL;
    s->before = NULL;
    s->rows = NULL;
    s->room = 0;
    s->open = false;
}

static void close_self(callback_self *self)
{
    end((course *)self);
}

static void take_weights(course *s, const rondo_model *m)
{
    memcpy(s->before, m->weights, (size_t)m->n_weights * sizeof *s->before);
    s->updates = m->training->optimizer.iterations;
    s->taken = true;
}

static rondo_status begin(course *s, const rondo_model *m)
{
    end(s);
    s->open = true;
    s->batches = s->exploding = s->clipped = s->last = s->n_parts = 0;
    s->width = 1;
    RONDO_TRY(probe_open(&s->probe, m, &m->training->objective));
    s->norms = alloc_array(3, sizeof *s->norms);
    s->before = alloc_aligned((size_t)(m->n_weights + 1) * sizeof *s->before);
    if (!s->norms || !s->before) return RONDO_E_NOMEM;
    s->ratios = s->norms + 1;
    s->first_ratios = s->norms + 2;
    take_weights(s, m);
    return RONDO_OK;
}

/* ---- Every batch ---- */
/* When all parts are taken, each becomes as long as two. */
static void note_loss(course *s, double mean)
{
    if (s->n_parts == 0 || s->last == s->width) {
        if (s->n_parts == PARTS) {
            for (int i = 0; i < PARTS / 2; i++) s->part[i] = s->part[2 * i] + s->part[2 * i + 1];
            s->n_parts = PARTS / 2;
            s->width *= 2;
        }
        s->part[s->n_parts++] = 0;
        s->last = 0;
    }
    s->part[s->n_parts - 1] += mean;
    s->last++;
}

static void note_gradients(course *s, const rondo_model *m)
{
    const optimizer_options *o = &m->training->optimizer.options;
    double all = 0;
    bool clipped = false;
    for (int i = 0; i < m->n_params; i++) {
        const param *p = m->params[i];
        if (p->gradient < 0) continue;
        const double squares = kernel_table()->sum_squares(m->gradients + p->gradient,
                                                           shape_size(&p->shape));
        clipped |= o->clipnorm > 0 && sqrt(squares) > (double)o->clipnorm;
        all += squares;
    }
    const double norm = sqrt(all);
    clipped |= o->global_clipnorm > 0 && norm > (double)o->global_clipnorm;
    s->clipped += clipped;
    if (s->norms->n >= ENOUGH && (s->batches % FRESH == 0 || s->norms->n == ENOUGH))
        s->median = spread_quantile(s->norms, 0.5);
    s->exploding += s->norms->n >= ENOUGH && norm > stands_out * s->median;
    spread_add(s->norms, norm);
}

/* ---- Some batches ---- */
/* Of matrices alone: biases begin at 0, of which nothing is a share. */
static void note_update(course *s, const rondo_model *m)
{
    const kernels *k = kernel_table();
    const double updates = (double)(m->training->optimizer.iterations - s->updates);
    s->taken = false;
    for (int i = 0; i < m->n_params && updates > 0; i++) {
        const param *p = m->params[i];
        const int64_t n = shape_size(&p->shape);
        real *before = s->before + p->offset;
        if (p->gradient < 0 || p->shape.rank < 2) continue;
        const double size = sqrt(k->sum_squares(before, n));
        k->axpy(before, -1, m->weights + p->offset, n);
        if (!(size > 0)) continue;
        const double ratio = sqrt(k->sum_squares(before, n)) / size / updates;
        spread_add(s->ratios, ratio);
        if (s->batches <= FIRST) spread_add(s->first_ratios, ratio);
    }
}

/* The first rows of every step of from[steps][all][bytes], copied to `at` bytes after base; without one
 * they are only counted. */
static const void *first_rows(unsigned char *base, size_t *at, const void *from, int64_t steps,
                              int64_t all, int64_t rows, size_t bytes)
{
    const size_t of = (size_t)all * bytes, some = (size_t)rows * bytes;
    unsigned char *to = base ? base + *at : NULL;
    if (!from) return NULL;
    for (int64_t t = 0; t < steps && to; t++)
        memcpy(to + (size_t)t * some, (const unsigned char *)from + (size_t)t * of, some);
    *at += ((size_t)steps * some + 63) / 64 * 64;
    return to;
}

/* The batch that was trained on last, which is still there: its first rows. Returns how many bytes. */
static size_t excerpt(const rondo_model *m, unsigned char *base, feed feeds[], truth truths[],
                      int64_t rows)
{
    const training *t = m->training;
    const int64_t all = pass_input(t->pass, 0)->batch;
    size_t at = 0;
    for (int i = 0; i < m->n_inputs; i++) {
        const value *x = pass_input(t->pass, i);
        const size_t width = (size_t)x->shape.features * sizeof(real);
        const real *data = x->tokens ? NULL : x->data;
        feeds[i] = (feed){ x->steps, rows, NULL, NULL, x->lengths };
        feeds[i].data = first_rows(base, &at, data, x->steps, all, rows, width);
        feeds[i].tokens = first_rows(base, &at, x->tokens, x->steps, all, rows, sizeof(int32_t));
    }
    for (int i = 0; i < t->comparison.n; i++) {
        const truth *y = &t->comparison.truth[i];
        const int64_t steps = y->rows / all;
        const size_t width = (size_t)y->width * sizeof(real);
        truths[i] = (truth){ .rows = steps * rows, .width = y->width };
        truths[i].target = first_rows(base, &at, y->target, steps, all, rows, width);
        truths[i].label = first_rows(base, &at, y->label, steps, all, rows, sizeof(int32_t));
        truths[i].weight = first_rows(base, &at, y->weight, steps, all, rows, sizeof(real));
    }
    return at;
}

static rondo_status look_now(course *s, const rondo_model *m, int64_t most)
{
    feed feeds[MAX_FIELDS];
    truth truths[MAX_PORTS];
    const int64_t all = pass_input(m->training->pass, 0)->batch, rows = all < most ? all : most;
    const size_t size = excerpt(m, NULL, feeds, truths, rows);
    if (size > s->room) {
        alloc_free_aligned(s->rows);
        s->room = 0;
        s->rows = alloc_aligned(size);
        if (!s->rows) return RONDO_E_NOMEM;
        s->room = size;
    }
    excerpt(m, s->rows, feeds, truths, rows);
    return probe_see(&s->probe, m->n_inputs, feeds, truths);
}

/* ---- The report ---- */
static void name_input(const rondo_model *m, rondo_diagnosis *d)
{
    const char *text = rondo_metadata(m);
    json_t *known = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *names = json_object_get(known, "features");
    const char *name = *d->input_name ? json_string_value(json_array_get(
                                            names, (size_t)(atoll(d->input_name) - 1)))
                                      : NULL;
    if (name) text_fit(d->input_name, sizeof d->input_name, name);
    json_decref(known);
}

static double mean_loss(const rondo_diagnosis *d, int64_t from, int64_t to)
{
    double sum = 0;
    if (from < 0 || from >= to) return NAN;
    for (int64_t i = from; i < to; i++) sum += d->losses[i];
    return sum / (double)(to - from);
}

static void add_course(const course *s, rondo_diagnosis *d)
{
    const double n = (double)s->batches;
    d->training = true;
    d->batches = s->batches;
    d->gradient_norm = spread_quantile(s->norms, 0.5);
    if (s->norms->n) d->largest_norm = s->norms->most;
    if (n > 0) d->exploding = (double)s->exploding / n;
    if (n > 0) d->clipped = (double)s->clipped / n;
    d->update_ratio = spread_quantile(s->ratios, 0.5);
    d->first_update_ratio = spread_quantile(s->first_ratios, 0.5);
    for (int i = 0; i < s->n_parts; i++)
        d->losses[i] = s->part[i] / (double)(i + 1 < s->n_parts ? s->width : s->last);
    d->n_losses = s->n_parts;
    d->loss = mean_loss(d, d->n_losses - d->n_losses / 8 - 1, d->n_losses);
}

static rondo_status report(course *s, const rondo_model *m, bool last)
{
    const bool diverged = !isfinite(m->training->comparison.total);
    rondo_diagnosis *d;
    char *text = NULL;
    if (last && !diverged) probe_reset(&s->probe);
    if (s->probe.samples == 0) RONDO_TRY(look_now(s, m, INT64_MAX));
    const bool whole = last && kernel_table()->all_finite(m->weights, m->n_weights);
    RONDO_TRY(probe_report(&s->probe, whole, &d));
    add_course(s, d);
    d->diverged = diverged;
    name_input(m, d);
    rules_apply(d);
    rondo_status status = rondo_diagnosis_json(d, &text);
    if (!status) status = file_write_all(s->options.path, text, strlen(text));
    free(text);
    rondo_diagnosis_free(d);
    return status;
}

/* Whether batch n, from 1, is looked at. */
static bool measured(const course *s, int64_t n)
{
    return n % s->options.every == s->options.every / 2;
}

static rondo_status see_batch(course *s, const rondo_model *m)
{
    const double mean = m->training->comparison.total;
    s->batches++;
    if (!isfinite(mean)) return report(s, m, true);
    note_loss(s, mean);
    note_gradients(s, m);
    if (s->taken) note_update(s, m);
    if (measured(s, s->batches + 1) || s->batches <= FIRST) take_weights(s, m);
    return measured(s, s->batches) ? look_now(s, m, ROWS) : RONDO_OK;
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    course *s = user;
    (void)p;
    switch (event) {
    case RONDO_FIT_BEGIN:
        return begin(s, m);
    case RONDO_BATCH_END:
        return see_batch(s, m);
    case RONDO_EPOCH_END:
        return s->probe.samples ? report(s, m, false) : RONDO_OK;
    case RONDO_FIT_END:
        return s->batches ? report(s, m, true) : RONDO_OK;
    }
    return RONDO_OK;
}

const callback_row callback_diagnose = {
    .name = "diagnose",
    .help = "watches gradients, gates, units and updates; writes what it finds as JSON",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(course),
    .options_offset = offsetof(course, options),
    .open = open_self,
    .close = close_self,
    .on = on,
    .watches = true,
};

void insight_register_all(void)
{
    (void)registry_add(REGISTRY_CALLBACK, callback_diagnose.name, &callback_diagnose);
}
