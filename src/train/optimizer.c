/* Optimizers: sgd, rmsprop, adam, adamw, with Keras' names, defaults and clipping; asgd as PyTorch has
 * it. */
#include "train/train.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 14 }; /* elements of one kernel call: fixed, so that threads change no bit */

#define FIELD(name, type, initial, help)                                                           \
    {                                                                                              \
#name, type, offsetof(optimizer_options, name), initial, help                              \
    }
#define COMMON_FIELDS(rate, decay)                                                                 \
    FIELD(learning_rate, OPTION_REAL, rate, "step size"),                                          \
        FIELD(clipvalue, OPTION_REAL, NULL, "clip each gradient to [-x, x]"),                      \
        FIELD(clipnorm, OPTION_REAL, NULL, "clip each weight array's gradient to this norm"),      \
        FIELD(global_clipnorm, OPTION_REAL, NULL, "clip all gradients together to this norm"),     \
        FIELD(weight_decay, OPTION_REAL, decay, "share of the weights that each step takes away"), \
        FIELD(lazy, OPTION_BOOL, NULL, "vectors of tokens that a batch lacks stay as they are"),   \
        FIELD(schedule, OPTION_TEXT, NULL, "'cosine decay_steps=1000': how the rate changes")
#define EMA_FIELDS                                                                                 \
    FIELD(use_ema, OPTION_BOOL, NULL, "evaluate and save a moving average of the weights"),        \
        FIELD(ema_momentum, OPTION_REAL, "0.99", "share of it that an update keeps")
#define ADAM_FIELDS(decay)                                                                         \
    COMMON_FIELDS("0.001", decay), EMA_FIELDS,                                                     \
        FIELD(beta_1, OPTION_REAL, "0.9", "decay of the mean gradient"),                           \
        FIELD(beta_2, OPTION_REAL, "0.999", "decay of the mean squared gradient"),                 \
        FIELD(epsilon, OPTION_REAL, "1e-7", "added to the root of it")

static const option_field sgd_fields[] = {
    COMMON_FIELDS("0.01", NULL),
    EMA_FIELDS,
    FIELD(momentum, OPTION_REAL, NULL, "share of the last step that goes on"),
    FIELD(nesterov, OPTION_BOOL, NULL, "look ahead along the momentum"),
};
static const option_field rmsprop_fields[] = {
    COMMON_FIELDS("0.001", NULL),
    EMA_FIELDS,
    FIELD(rho, OPTION_REAL, "0.9", "decay of the mean squared gradient"),
    FIELD(momentum, OPTION_REAL, NULL, "share of the last step that goes on"),
    FIELD(epsilon, OPTION_REAL, "1e-7", "added to the mean squared gradient"),
};
static const option_field adam_fields[] = { ADAM_FIELDS(NULL) };
static const option_field adamw_fields[] = {
    ADAM_FIELDS("0.004"),
};
static const option_field asgd_fields[] = {
    COMMON_FIELDS("0.01", NULL),
    FIELD(lambd, OPTION_REAL, "0.0001", "decay: of weights and, by alpha, of the rate"),
    FIELD(alpha, OPTION_REAL, "0.75", "power of the rate's decay"),
    FIELD(t0, OPTION_INT, "1000000", "updates before weights are averaged"),
};
static const option_field ntasgd_fields[] = {
    COMMON_FIELDS("0.01", NULL),
    FIELD(nonmono, OPTION_INT, "5", "averages once an epoch's loss is over the best so long ago"),
};

static int no_slots(const optimizer_options *o)
{
    (void)o;
    return 0;
}

static int momentum_slots(const optimizer_options *o)
{
    return o->momentum != 0;
}

static int rmsprop_slots(const optimizer_options *o)
{
    return 1 + (o->momentum != 0);
}

static int adam_slots(const optimizer_options *o)
{
    (void)o;
    return 2;
}

static void update_sgd(const kernels *k, real *w, real *const slots[], const real *g, int64_t n,
                       const optimizer_terms *terms)
{
    k->sgd(w, slots[0], g, n, terms);
}

static void update_asgd(const kernels *k, real *w, real *const slots[], const real *g, int64_t n,
                        const optimizer_terms *terms)
{
    (void)slots;
    k->sgd(w, NULL, g, n, terms);
}

static void update_rmsprop(const kernels *k, real *w, real *const slots[], const real *g, int64_t n,
                           const optimizer_terms *terms)
{
    k->rmsprop(w, slots[0], slots[1], g, n, terms);
}

static void update_adam(const kernels *k, real *w, real *const slots[], const real *g, int64_t n,
                        const optimizer_terms *terms)
{
    k->adam(w, slots[0], slots[1], g, n, terms);
}

static const optimizer_row rows[] = {
    { "sgd", "gradient descent", OPTION_TABLE(sgd_fields), AVERAGES_NOTHING, momentum_slots,
      update_sgd },
    { "rmsprop", "steps divided by the root of the mean squared gradient",
      OPTION_TABLE(rmsprop_fields), AVERAGES_NOTHING, rmsprop_slots, update_rmsprop },
    { "adam", "mean gradient over the root of the mean squared gradient", OPTION_TABLE(adam_fields),
      AVERAGES_NOTHING, adam_slots, update_adam },
    { "adamw", "adam with weight decay of its own", OPTION_TABLE(adamw_fields), AVERAGES_NOTHING,
      adam_slots, update_adam },
    { "asgd", "gradient descent; the mean of its weights counts", OPTION_TABLE(asgd_fields),
      AVERAGES_LATE, no_slots, update_asgd },
    { "ntasgd", "gradient descent; once the loss falls no more, the mean of its weights counts",
      OPTION_TABLE(ntasgd_fields), AVERAGES_WHEN_STUCK, no_slots, update_asgd },
};

void optimizer_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_OPTIMIZER, rows[i].name, &rows[i]);
}

static rondo_status check(const optimizer *o)
{
    const optimizer_options *p = &o->options;
    const float positive[] = { p->learning_rate,   p->momentum,     p->clipvalue, p->clipnorm,
                               p->global_clipnorm, p->weight_decay, p->epsilon };
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (!(positive[i] >= 0) || isinf(positive[i]))
            return rondo_fail(RONDO_E_ARG, "optimizer %s: every option must be a number, 0 or more",
                              o->row->name);
    const float decays[] = { p->beta_1, p->beta_2, p->rho };
    for (size_t i = 0; i < sizeof decays / sizeof *decays; i++)
        if (!(decays[i] >= 0 && decays[i] < 1))
            return rondo_fail(RONDO_E_ARG, "optimizer %s: beta_1, beta_2, rho lie in [0, 1)",
                              o->row->name);
    if ((p->clipvalue > 0) + (p->clipnorm > 0) + (p->global_clipnorm > 0) > 1)
        return rondo_fail(RONDO_E_ARG,
                          "optimizer %s: set one of clipvalue, clipnorm and global_clipnorm",
                          o->row->name);
    return average_check(o);
}

/* AVERAGES_LATE as PyTorch: after update t0 the mean is of that one, and so it is after the next. */
static void plan_slots(optimizer *o)
{
    const optimizer_options *p = &o->options;
    o->n_slots = o->row->slots(p);
    o->average = p->use_ema || o->row->averages ? o->n_slots++ : -1;
    o->average_from = p->use_ema ? 0 : o->row->averages == AVERAGES_LATE ? p->t0 + 1 : -1;
}

rondo_status optimizer_parse(optimizer *o, const char *text)
{
    *o = (optimizer){ 0 };
    spec parsed;
    RONDO_TRY(spec_parse(&parsed, text ? text : "adam"));
    const void *row;
    rondo_status status = registry_get(REGISTRY_OPTIMIZER, parsed.kind, &row);
    if (status) goto done;
    o->row = row;
    status = options_default(&o->row->options, &o->options);
    if (status) goto done;
    status = options_from_spec(&o->row->options, &o->options, o->row->name, &parsed);
    if (status) goto done;
    status = check(o);
    if (status) goto done;
    status = schedule_parse(&o->schedule, &o->schedule_options, o->options.schedule);
    o->learning_rate = (double)o->options.learning_rate;
    o->share = 1;
    plan_slots(o);
done:
    spec_free(&parsed);
    if (status) optimizer_free(o);
    return status;
}

/* Of a param that trained before, where its slots were; -1: nowhere. */
static int64_t slot_before(const optimizer *o, int64_t id)
{
    for (int i = 0; i < o->n_places; i++)
        if (o->places[i].id == id) return o->places[i].at;
    return -1;
}

static rondo_status note_places(optimizer *o, param *const params[], int n_params)
{
    slot_place *places = alloc_array(n_params + 1, sizeof *places);
    if (!places) return RONDO_E_NOMEM;
    alloc_free(o->places);
    o->places = places;
    o->n_places = 0;
    for (int i = 0; i < n_params; i++)
        if (params[i]->gradient >= 0)
            places[o->n_places++] = (slot_place){ params[i]->id, params[i]->gradient };
    return RONDO_OK;
}

/* What was frozen until now is the average of what it was. */
static void first_slot(const optimizer *o, int s, real *slot, const real *weights, const param *p)
{
    if (s == o->average && weights)
        memcpy(slot, weights + p->offset, (size_t)shape_size(&p->shape) * sizeof *slot);
}

rondo_status optimizer_reserve(optimizer *o, const real *weights, int64_t n, param *const params[],
                               int n_params)
{
    for (int s = 0; s < o->n_slots; s++) {
        real *slots = alloc_aligned((size_t)(n + 1) * sizeof(real));
        if (!slots) return RONDO_E_NOMEM;
        for (int i = 0; i < n_params; i++) {
            const param *p = params[i];
            if (p->gradient < 0) continue;
            const int64_t before = slot_before(o, p->id);
            if (before < 0)
                first_slot(o, s, slots + p->gradient, weights, p);
            else
                memcpy(slots + p->gradient, o->slots[s] + before,
                       (size_t)shape_size(&p->shape) * sizeof *slots);
        }
        alloc_free_aligned(o->slots[s]);
        o->slots[s] = slots;
    }
    o->n = n;
    return note_places(o, params, n_params);
}

void optimizer_free(optimizer *o)
{
    for (int i = 0; i < o->n_slots; i++) alloc_free_aligned(o->slots[i]);
    alloc_free(o->places);
    if (o->row) options_free(&o->row->options, &o->options);
    *o = (optimizer){ 0 };
}

/* ---- Pieces of a stretch of weights, fixed so that threads change no bit: runs of CHUNK elements,
 * or of rows, where only a few rows have a gradient ---- */
typedef struct stretch {
    int64_t first, n, width; /* of gradients and slots; rows of a width */
    int64_t ahead;           /* that of the weights is so much further */
    const row_set *rows;     /* these of them; NULL: all */
} stretch;

static int64_t rows_of_piece(const stretch *s)
{
    return s->width < CHUNK ? CHUNK / s->width : 1;
}

static int64_t pieces(const stretch *s)
{
    const int64_t size = s->rows ? rows_of_piece(s) : CHUNK, n = s->rows ? s->rows->n : s->n;
    return (n + size - 1) / size;
}

static void each_run(const stretch *s, int64_t piece, void (*visit)(void *, int64_t, int64_t),
                     void *user)
{
    if (!s->rows) {
        const int64_t at = piece * CHUNK, left = s->n - at;
        visit(user, s->first + at, left < CHUNK ? left : CHUNK);
        return;
    }
    const int64_t some = rows_of_piece(s), end = (piece + 1) * some;
    for (int64_t r = piece * some; r < end && r < s->rows->n; r++)
        visit(user, s->first + s->rows->row[r] * s->width, s->width);
}

static stretch of_param(const param *p, bool touched_only)
{
    return (stretch){ p->gradient, shape_size(&p->shape), param_columns(p), p->offset - p->gradient,
                      touched_only && p->touched.row ? &p->touched : NULL };
}

/* ---- Σ g² ---- */
enum { ROUND = 64 }; /* pieces whose sums are kept at a time */
typedef struct squares {
    stretch stretch;
    const real *g;
    int64_t first;
    double sum[ROUND];
} squares;
typedef struct sum_of {
    const real *g;
    double sum;
} sum_of;

static void add_squares(void *user, int64_t at, int64_t n)
{
    sum_of *s = user;
    s->sum += kernel_table()->sum_squares(s->g + at, n);
}

static void squares_piece(void *arg, int i)
{
    squares *s = arg;
    sum_of piece = { s->g, 0 };
    each_run(&s->stretch, s->first + i, add_squares, &piece);
    s->sum[i] = piece.sum;
}

static double sum_squares(const real *gradients, const param *p, pool *threads)
{
    squares s = { .stretch = of_param(p, true), .g = gradients };
    const int64_t n = pieces(&s.stretch);
    double sum = 0;
    for (; s.first < n; s.first += ROUND) {
        const int some = (int)(n - s.first < ROUND ? n - s.first : ROUND);
        pool_run(threads, squares_piece, &s, some);
        for (int i = 0; i < some; i++) sum += s.sum[i];
    }
    return sum;
}

/* Keras: g·clip / max(norm, clip). */
static double clip_factor(double clip, double squares_sum)
{
    const double norm = sqrt(squares_sum);
    return clip > 0 && !(norm <= clip) ? clip / norm : 1;
}

/* ---- The update ---- */
typedef struct run {
    const optimizer *optimizer;
    stretch stretch;
    real *w;
    const real *g;
    optimizer_terms terms;
    double share; /* of the weights in their average */
} run;

static void update_run(void *user, int64_t at, int64_t n)
{
    const run *r = user;
    const optimizer *o = r->optimizer;
    const kernels *k = kernel_table();
    real *slots[3] = { NULL }, *w = r->w + r->stretch.ahead + at;
    for (int s = 0; s < o->n_slots && s != o->average; s++) slots[s] = o->slots[s] + at;
    o->row->update(k, w, slots, r->g + at, n, &r->terms);
    if (r->share > 0) k->approach(o->slots[o->average] + at, (real)r->share, w, n);
}

static void average_run(void *user, int64_t at, int64_t n)
{
    const run *r = user;
    const optimizer *o = r->optimizer;
    kernel_table()->approach(o->slots[o->average] + at, (real)r->share,
                             r->w + r->stretch.ahead + at, n);
}

static void average_piece(void *arg, int i)
{
    run *r = arg;
    each_run(&r->stretch, i, average_run, r);
}

static void update_piece(void *arg, int i)
{
    run *r = arg;
    each_run(&r->stretch, i, update_run, r);
}

static optimizer_terms terms(const optimizer *o)
{
    const optimizer_options *p = &o->options;
    const double t = (double)(o->iterations + 1);
    return (optimizer_terms){
        .rate = optimizer_rate(o) * o->share,
        .beta1 = (double)p->beta_1,
        .beta2 = (double)p->beta_2,
        .epsilon = (double)p->epsilon,
        .decay = (double)p->weight_decay + (double)p->lambd,
        .correction1 = 1 - pow((double)p->beta_1, t),
        .correction2 = 1 - pow((double)p->beta_2, t),
        .momentum = (double)p->momentum,
        .rho = (double)p->rho,
        .nesterov = p->nesterov,
        .scale = 1,
        .clip = (double)p->clipvalue,
    };
}

/* Whether weights whose gradient is 0 are left alone: they would not change, or it is wanted so. */
static bool rests(const optimizer *o)
{
    const optimizer_options *p = &o->options;
    return p->lazy || (o->row->slots(p) == 0 && !(p->weight_decay > 0) && !(p->lambd > 0));
}

/* Whether one go will do for the array and the next. */
static bool alike(const optimizer *o, const param *p, const param *next)
{
    return next->gradient >= 0 && next->rate == p->rate && !of_param(next, rests(o)).rows;
}

void optimizer_update(optimizer *o, real *weights, const real *gradients, param *const params[],
                      int n_params, pool *threads)
{
    const double norm = (double)o->options.clipnorm, all = (double)o->options.global_clipnorm;
    run r = { .optimizer = o, .w = weights, .g = gradients, .terms = terms(o) };
    const double rate = r.terms.rate, share = average_share(o);
    double squares_sum = 0;
    for (int i = 0; all > 0 && i < n_params; i++)
        if (params[i]->gradient >= 0) squares_sum += sum_squares(gradients, params[i], threads);
    r.terms.scale = clip_factor(all, squares_sum);
    for (int i = 0; i < n_params; i++) {
        if (params[i]->gradient < 0) continue;
        r.stretch = of_param(params[i], rests(o));
        r.terms.rate = rate * params[i]->rate;
        if (norm > 0)
            r.terms.scale = clip_factor(norm, sum_squares(gradients, params[i], threads));
        else /* in one go with those that follow, if they are treated alike */
            while (!r.stretch.rows && i + 1 < n_params && alike(o, params[i], params[i + 1])) {
                const param *next = params[++i];
                r.stretch.n = next->gradient + shape_size(&next->shape) - r.stretch.first;
            }
        r.share = r.stretch.rows ? 0 : share;
        pool_run(threads, update_piece, &r, (int)pieces(&r.stretch));
        if (!r.stretch.rows || !(share > 0)) continue;
        r.stretch = of_param(params[i], false); /* those that rest are averaged, too */
        r.share = share;
        pool_run(threads, average_piece, &r, (int)pieces(&r.stretch));
    }
    o->iterations++;
}

double optimizer_rate(const optimizer *o)
{
    schedule_time now = o->time;
    now.step = o->iterations;
    const double rate = o->learning_rate * o->schedule->factor(&o->schedule_options, &now);
    const double worn = 1 + (double)o->options.lambd * rate * (double)o->iterations;
    return rate / pow(worn, (double)o->options.alpha);
}
