/* Losses by name, checked against their truth, run over a batch. */
#include "loss/loss.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double truth_weigh(real *weight, const real *sample, const int64_t *lengths, const int64_t *more,
                   const uint8_t *mask, int64_t steps, int64_t batch)
{
    int64_t valid = 0;
    for (int64_t t = 0; t < steps; t++)
        for (int64_t b = 0; b < batch; b++) {
            const int64_t i = t * batch + b;
            const bool counts = (!lengths || t < lengths[b]) && (!more || t < more[b]) &&
                                (!mask || mask[i]);
            weight[i] = !counts ? 0 : sample ? sample[b] : 1;
            valid += counts;
        }
    return (double)valid;
}

void truth_from_labels(real *target, const int32_t *label, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++) target[r] = (real)label[r];
}

double truth_weight_sum(const truth *t)
{
    return t->weight ? kernel_table()->sum(t->weight, t->rows) : (double)t->rows;
}

truth truth_rows(const truth *t, int64_t first, int64_t n)
{
    return (truth){ .target = t->target ? t->target + first * t->width : NULL,
                    .label = t->label ? t->label + first : NULL,
                    .weight = t->weight ? t->weight + first : NULL,
                    .rows = n,
                    .width = t->width,
                    .threshold = t->threshold };
}

/* "0.5", "delta=0.5" or nothing, for the one parameter of "delta=1". */
static rondo_status parse_parameter(loss *l, const char *text, size_t n)
{
    const char *initial = strchr(l->row->parameters, '=') + 1;
    const size_t name = (size_t)(initial - l->row->parameters); /* with its = */
    l->parameter = (real)strtod(initial, NULL);
    if (n > name && !strncmp(text, l->row->parameters, name)) {
        text += name;
        n -= name;
    }
    if (n == 0) return RONDO_OK;
    char *end;
    const double value = strtod(text, &end);
    const bool fits = l->row->smooths ? value >= 0 && value < 1 : isfinite(value) && value > 0;
    if (end != text + n || !fits)
        return rondo_fail(RONDO_E_ARG, "loss %s: \"%.*s\" is not a number %s (%s)", l->row->name,
                          (int)n, text, l->row->smooths ? "from 0 to under 1" : "over 0",
                          l->row->parameters);
    l->parameter = (real)value;
    return RONDO_OK;
}

rondo_status loss_parse(loss *l, const char *text)
{
    *l = (loss){ 0 };
    text += strspn(text, " ");
    const size_t n = strcspn(text, " (");
    char name[LIMIT_NAME];
    if (n == 0) return rondo_fail(RONDO_E_ARG, "the loss has no name; say loss=mse, for example");
    if (n >= sizeof name)
        return rondo_fail(RONDO_E_NAME, "unknown loss \"%.20s…\": no name is so long", text);
    memcpy(name, text, n);
    name[n] = '\0';
    const void *row;
    RONDO_TRY(registry_get(REGISTRY_LOSS, name, &row));
    l->row = row;

    const char *args = text + n + strspn(text + n, " (");
    size_t size = strlen(args);
    while (size && strchr(" )", args[size - 1])) size--;
    if (l->row->parameters) return parse_parameter(l, args, size);
    if (size)
        return rondo_fail(RONDO_E_ARG, "loss %s takes no parameters, but \"%.*s\" follows it", name,
                          (int)size, args);
    return RONDO_OK;
}

static rondo_status check_labels(const truth *t, int64_t width)
{
    int64_t worst = -1;
    for (int64_t r = 0; r < t->rows; r++) {
        if (t->weight && t->weight[r] == 0) continue;
        if (t->label[r] < 0)
            return rondo_fail(RONDO_E_ARG, "label %d of row %lld of the batch is below 0",
                              (int)t->label[r], (long long)r);
        if (t->label[r] >= width && (worst < 0 || t->label[r] > t->label[worst])) worst = r;
    }
    if (worst < 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "the model gives %lld values per example, the data has labels up to %d "
                      "(row %lld of the batch); it needs at least %d",
                      (long long)width, (int)t->label[worst], (long long)worst,
                      (int)t->label[worst] + 1);
}

static rondo_status check_targets(const truth *t)
{
    const kernels *k = kernel_table();
    if (k->all_finite(t->target, t->rows * t->width)) return RONDO_OK;
    for (int64_t r = 0; r < t->rows; r++)
        if (!(t->weight && t->weight[r] == 0) && !k->all_finite(t->target + r * t->width, t->width))
            return rondo_fail(RONDO_E_ARG, "the target of row %lld of the batch is not finite",
                              (long long)r);
    return RONDO_OK;
}

rondo_status loss_check(const loss *l, const truth *t, int64_t width)
{
    if (l->row->takes_labels) {
        if (!t->label)
            return rondo_fail(RONDO_E_SHAPE,
                              "loss %s compares with class labels (integers), the data has %lld "
                              "numbers per example: use categorical_crossentropy or mse",
                              l->row->name, (long long)t->width);
        return check_labels(t, width);
    }
    if (!t->target)
        return rondo_fail(RONDO_E_SHAPE,
                          "loss %s compares with %lld numbers per example, the data has class "
                          "labels: use sparse_categorical_crossentropy",
                          l->row->name, (long long)width);
    if (t->width != width)
        return rondo_fail(RONDO_E_SHAPE,
                          "the model gives %lld values per example, the data has targets of %lld",
                          (long long)width, (long long)t->width);
    return check_targets(t);
}

size_t loss_scratch(int64_t rows)
{
    return (size_t)rows * 2 * sizeof(double);
}

typedef struct work { /* the rows of a batch, in parts */
    loss_kernel *kernel;
    slope_kernel *slope; /* instead */
    truth truth;
    double *losses; /* [rows] */
    real *scaled;   /* [rows] weight / valid */
    real *dx, *y;   /* [rows][width] or NULL */
    const real *x;  /* [rows][width] */
    real parameter;
    int parts;
} work;

static void work_part(void *arg, int i)
{
    const work *w = arg;
    const int64_t begin = w->truth.rows * i / w->parts, end = w->truth.rows * (i + 1) / w->parts;
    const truth t = truth_rows(&w->truth, begin, end - begin);
    const int64_t at = begin * t.width;
    if (w->slope)
        w->slope(w->y + at, t.target, t.label, w->scaled + begin, w->parameter, t.rows, t.width);
    else
        w->kernel(w->losses + begin, w->dx ? w->dx + at : NULL, w->y ? w->y + at : NULL, w->x + at,
                  t.target, t.label, w->scaled + begin, w->parameter, t.rows, t.width);
}

static void share_out(work *w, pool *threads)
{
    enum { ENOUGH = 1 << 14 }; /* elements, to be worth waking a thread */
    w->parts = w->truth.rows * w->truth.width < ENOUGH ? 1 : pool_threads(threads);
    pool_run(threads, work_part, w, w->parts);
}

bool loss_is_of_labels(const loss *l)
{
    return l->row == &loss_sparse_categorical_crossentropy && !loss_is_smoothed(l);
}

bool loss_is_smoothed(const loss *l)
{
    return l->row->smooths && l->parameter > 0;
}

real *loss_shares(const truth *t, double valid, void *scratch)
{
    const kernels *k = kernel_table();
    real *shares = (real *)((double *)scratch + t->rows);
    const real share = valid > 0 ? (real)(1 / valid) : 0;
    if (t->weight)
        k->scale(shares, t->weight, share, t->rows);
    else
        k->fill(shares, share, t->rows);
    return shares;
}

double loss_sum(const truth *t, const double losses[])
{
    double sum = 0;
    for (int64_t r = 0; r < t->rows; r++)
        if (!t->weight || t->weight[r] != 0)
            sum += (t->weight ? (double)t->weight[r] : 1.0) * losses[r];
    return sum;
}

double loss_run(const loss *l, const truth *t, double valid, real *dx, real *y, const real *x,
                void *scratch, pool *threads)
{
    const kernels *k = kernel_table();
    double *losses = scratch;
    work w = { .kernel = l->row->kernel(k, l->fused),
               .truth = *t,
               .losses = losses,
               .scaled = loss_shares(t, valid, scratch),
               .dx = dx,
               .y = y,
               .x = x,
               .parameter = l->parameter };
    share_out(&w, threads);
    return loss_sum(t, losses);
}

void loss_slope(const loss *l, const truth *t, real *y, void *scratch, pool *threads)
{
    work w = { .slope = l->row->slope(kernel_table()),
               .truth = *t,
               .scaled = (real *)((double *)scratch + t->rows),
               .y = y,
               .parameter = l->parameter };
    share_out(&w, threads);
}
