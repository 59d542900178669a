/* scale.c - scaled = (x - shift) * factor per feature, fitted on training data only. */
#include "data/data.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Running statistics of one feature. */
typedef struct running {
    double mean, squares, min, max; /* squares: Σ (x - mean)² */
} running;

/* Welford 1962: one pass, no cancellation. */
static void update(running *r, double x, int64_t count)
{
    const double d = x - r->mean;
    r->mean += d / (double)count;
    r->squares += d * (x - r->mean);
    if (count == 1 || x < r->min) r->min = x;
    if (count == 1 || x > r->max) r->max = x;
}

static bool is_filled(const real *x, int64_t n, real with)
{
    for (int64_t k = 0; k < n; k++)
        if (x[k] != with) return false;
    return n > 0;
}

/* Whether step t, which the first input fills with the mask's value, is no data. */
static bool is_padding(const rondo_dataset *d, const sample *s, int64_t t, const double *mask)
{
    const int64_t n = field_features(&d->input[0]);
    return mask && t < s->input[0].steps && is_filled(s->input[0].data + t * n, n, (real)*mask);
}

static rondo_status scan(running *stats, int64_t *count, const rondo_dataset *d, bool target,
                         int which, const double *mask)
{
    const field_shape *shape = target ? &d->target[which] : &d->input[which];
    const int64_t n = field_features(shape);
    if (!field_is_sequence(shape) || d->input[0].type != RONDO_F32) mask = NULL;
    cursor c = { 0 };
    rondo_status status = RONDO_OK;
    for (int64_t i = 0; !status && i < d->count; i++) {
        sample s;
        status = d->get(d, &c, i, &s);
        if (status) break;
        const field *f = target ? &s.target[which] : &s.input[which];
        for (int64_t t = 0; t < f->steps; t++) {
            if (is_padding(d, &s, t, mask)) continue;
            ++*count;
            for (int64_t k = 0; k < n; k++) {
                const double x = f->data[t * n + k];
                if (!isfinite(x))
                    status = rondo_fail(RONDO_E_FORMAT,
                                        "sample %lld, step %lld, feature %lld is not finite",
                                        (long long)i, (long long)t, (long long)k);
                update(&stats[k], x, *count);
            }
        }
    }
    cursor_free(&c);
    return status;
}

static rondo_status reserve(scaler *s, const char *kind, int64_t n)
{
    static const char *const kinds[] = { "standard", "minmax" };
    if (strcmp(kind, kinds[0]) && strcmp(kind, kinds[1])) {
        const char *near = name_nearest(kind, 2, kinds);
        return near ? rondo_fail(RONDO_E_NAME, "unknown scaling \"%s\"; did you mean \"%s\"?", kind,
                                 near)
                    : rondo_fail(RONDO_E_NAME,
                                 "unknown scaling \"%s\"; there are standard, minmax and none",
                                 kind);
    }
    s->shift = alloc_array(n, sizeof *s->shift);
    s->factor = alloc_array(n, sizeof *s->factor);
    if (!s->shift || !s->factor) {
        scaler_free(s);
        return RONDO_E_NOMEM;
    }
    snprintf(s->kind, sizeof s->kind, "%s", kind);
    s->n = n;
    return RONDO_OK;
}

rondo_status scaler_fit(scaler *s, const char *kind, const rondo_dataset *d, bool target, int which)
{
    return scaler_fit_masked(s, kind, d, target, which, NULL);
}

rondo_status scaler_fit_masked(scaler *s, const char *kind, const rondo_dataset *d, bool target,
                               int which, const double *mask)
{
    *s = (scaler){ 0 };
    if (!kind || !*kind || !strcmp(kind, "none")) return RONDO_OK;
    if (which < 0 || which >= (target ? d->n_targets : d->n_inputs))
        return rondo_fail(RONDO_E_ARG, "there is no %s %d to scale", target ? "target" : "input",
                          which);
    const field_shape *f = target ? &d->target[which] : &d->input[which];
    if (f->type != RONDO_F32)
        return rondo_fail(RONDO_E_ARG, "%s %d is of integers; only numbers are scaled",
                          target ? "target" : "input", which);
    const int64_t n = field_features(f);
    RONDO_TRY(reserve(s, kind, n));
    running *stats = alloc_array(n, sizeof *stats);
    int64_t count = 0;
    rondo_status status = stats ? scan(stats, &count, d, target, which, mask) : RONDO_E_NOMEM;
    for (int64_t k = 0; !status && k < n; k++) {
        const running *r = &stats[k];
        const bool standard = !strcmp(kind, "standard");
        const double spread = standard ? sqrt(r->squares / (double)(count ? count : 1))
                                       : r->max - r->min;
        s->shift[k] = standard ? r->mean : r->min;
        s->factor[k] = spread > 0 ? 1 / spread : 1;
    }
    alloc_free(stats);
    s->masked = mask && !target;
    if (s->masked) s->mask = *mask;
    if (status) scaler_free(s);
    return status;
}

void scaler_apply(const scaler *s, real *x, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++, x += s->n) {
        if (s->masked && is_filled(x, s->n, (real)s->mask)) continue;
        for (int64_t k = 0; k < s->n; k++) x[k] = (real)((x[k] - s->shift[k]) * s->factor[k]);
        /* data that scaling happens to make look like padding differ from it by the least there is */
        if (s->masked && is_filled(x, s->n, (real)s->mask))
            x[0] = x[0] == 0 ? (real)FLT_MIN : (real)(x[0] * (1 + 2 * (double)FLT_EPSILON));
    }
}

void scaler_reverse(const scaler *s, real *x, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < s->n; k++, x++) *x = (real)(*x / s->factor[k] + s->shift[k]);
}

static json_t *numbers_to_json(const double *x, int64_t n)
{
    json_t *list = json_array();
    for (int64_t k = 0; list && k < n; k++)
        if (json_array_append_new(list, json_real(x[k]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

json_t *scaler_to_json(const scaler *s)
{
    json_t *object = json_object();
    if (!object) return NULL;
    if (json_object_set_new(object, "kind", json_string(s->kind)) ||
        json_object_set_new(object, "shift", numbers_to_json(s->shift, s->n)) ||
        json_object_set_new(object, "factor", numbers_to_json(s->factor, s->n)) ||
        (s->masked && json_object_set_new(object, "mask", json_real(s->mask)))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static rondo_status numbers_from_json(double *x, const json_t *list, const char *what)
{
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *v = json_array_get(list, k);
        x[k] = json_number_value(v);
        if (!json_is_number(v) || !isfinite(x[k]) || (!strcmp(what, "factor") && x[k] == 0))
            return rondo_fail(RONDO_E_FORMAT, "scaler.%s[%zu] is not a usable number", what, k);
    }
    return RONDO_OK;
}

rondo_status scaler_from_json(scaler *s, const json_t *object)
{
    const char *kind;
    json_t *shift, *factor;
    *s = (scaler){ 0 };
    RONDO_TRY(json_want_text(object, "kind", &kind));
    RONDO_TRY(json_want_array(object, "shift", &shift));
    RONDO_TRY(json_want_array(object, "factor", &factor));
    if (json_array_size(shift) != json_array_size(factor))
        return rondo_fail(RONDO_E_FORMAT, "scaler: %zu shifts and %zu factors",
                          json_array_size(shift), json_array_size(factor));
    if (!*kind) return RONDO_OK;
    if (!json_array_size(shift)) return rondo_fail(RONDO_E_FORMAT, "scaler: no numbers");
    RONDO_TRY(reserve(s, kind, (int64_t)json_array_size(shift)));
    rondo_status status = numbers_from_json(s->shift, shift, "shift");
    if (!status) status = numbers_from_json(s->factor, factor, "factor");
    const json_t *mask = json_object_get(object, "mask");
    s->masked = mask != NULL;
    s->mask = json_number_value(mask);
    if (!status && mask && !json_is_number(mask))
        status = rondo_fail(RONDO_E_FORMAT, "scaler.mask is not a number");
    if (status) scaler_free(s);
    return status;
}

void scaler_free(scaler *s)
{
    alloc_free(s->shift);
    alloc_free(s->factor);
    *s = (scaler){ 0 };
}
