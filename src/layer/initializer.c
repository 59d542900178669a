/* Initial weights as Keras 3 draws them (distributions; the random numbers are ours). */
#include "layer.h"
#include <math.h>
#include <string.h>

/* Keras: a matrix [in][out] has those fans, a vector its length twice. */
static void fans(const rondo_shape *s, double *in, double *out)
{
    *in = (double)s->dim[0];
    *out = (double)s->dim[s->rank > 1 ? 1 : 0];
}

static void uniform(real *w, int64_t n, double low, double high, rng *r)
{
    for (int64_t i = 0; i < n; i++) w[i] = (real)(low + (high - low) * rng_uniform(r));
}

static void normal(real *w, int64_t n, double mean, double stddev, rng *r)
{
    for (int64_t i = 0; i < n; i++) w[i] = (real)(mean + stddev * rng_normal(r));
}

/* Redrawn beyond two standard deviations; stddev is that of the normal before the cut. */
static void truncated_normal(real *w, int64_t n, double stddev, rng *r)
{
    for (int64_t i = 0; i < n; i++) {
        double z;
        do z = rng_normal(r);
        while (fabs(z) > 2);
        w[i] = (real)(stddev * z);
    }
}

/* Keras divides by this so that the truncated normal has the wanted variance. */
static const double truncation = 0.87962566103423978;

static rondo_status fill_zeros(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args, (void)r;
    kernel_table()->fill(w, 0, shape_size(s));
    return RONDO_OK;
}

static rondo_status fill_ones(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args, (void)r;
    kernel_table()->fill(w, 1, shape_size(s));
    return RONDO_OK;
}

static rondo_status fill_constant(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)r;
    kernel_table()->fill(w, (real)args[0], shape_size(s));
    return RONDO_OK;
}

/* One value in a range of a vector, leaving the rest: Keras' unit_forget_bias. */
static rondo_status fill_range(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)r;
    const int64_t n = shape_size(s);
    if (!(args[0] >= 0 && args[0] <= args[1] && args[1] <= (double)n))
        return rondo_fail(RONDO_E_ARG, "initializer range: %g to %g is not within %lld values",
                          args[0], args[1], (long long)n);
    kernel_table()->fill(w + (int64_t)args[0], (real)args[2], (int64_t)args[1] - (int64_t)args[0]);
    return RONDO_OK;
}

static rondo_status fill_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    uniform(w, shape_size(s), args[0], args[1], r);
    return RONDO_OK;
}

static rondo_status fill_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    normal(w, shape_size(s), args[0], args[1], r);
    return RONDO_OK;
}

/* Glorot and Bengio 2010: variance 2 / (in + out). */
static rondo_status fill_glorot_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    double in, out;
    (void)args;
    fans(s, &in, &out);
    const double bound = sqrt(6 / (in + out));
    uniform(w, shape_size(s), -bound, bound, r);
    return RONDO_OK;
}

static rondo_status fill_glorot_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    double in, out;
    (void)args;
    fans(s, &in, &out);
    truncated_normal(w, shape_size(s), sqrt(2 / (in + out)) / truncation, r);
    return RONDO_OK;
}

/* He et al. 2015: variance 2 / in. */
static rondo_status fill_he_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    double in, out;
    (void)args;
    fans(s, &in, &out);
    const double bound = sqrt(6 / in);
    uniform(w, shape_size(s), -bound, bound, r);
    return RONDO_OK;
}

static rondo_status fill_he_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    double in, out;
    (void)args;
    fans(s, &in, &out);
    truncated_normal(w, shape_size(s), sqrt(2 / in) / truncation, r);
    return RONDO_OK;
}

static rondo_status fill_identity(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)r;
    if (s->rank != 2)
        return rondo_fail(RONDO_E_SHAPE, "initializer identity is for matrices, not vectors");
    kernel_table()->fill(w, 0, shape_size(s));
    for (int64_t i = 0; i < s->dim[0] && i < s->dim[1]; i++) w[i * s->dim[1] + i] = (real)args[0];
    return RONDO_OK;
}

enum { LANES = 8 }; /* sums in so many parts: a fixed order that compilers can put into vectors */

static double dot(const double *a, const double *b, int64_t n)
{
    double part[LANES] = { 0 }, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++) part[k] += a[i + k] * b[i + k];
    for (; i < n; i++) sum += a[i] * b[i];
    for (int k = 0; k < LANES; k++) sum += part[k];
    return sum;
}

/* Modified Gram-Schmidt on the n rows of length m (n <= m): the Q of a QR whose R has a positive
 * diagonal, which is what Keras' sign correction makes. */
static void orthonormal_rows(double *q, int64_t n, int64_t m)
{
    for (int64_t i = 0; i < n; i++) {
        double *row = q + i * m;
        for (int64_t j = 0; j < i; j++) {
            const double *other = q + j * m, share = dot(row, other, m);
            for (int64_t k = 0; k < m; k++) row[k] -= share * other[k];
        }
        const double norm = sqrt(dot(row, row, m));
        for (int64_t k = 0; k < m; k++) row[k] /= norm;
    }
}

/* Saxe et al. 2014; the whole [units][gates*units] matrix at once, as Keras. */
static rondo_status fill_orthogonal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    if (s->rank != 2)
        return rondo_fail(RONDO_E_SHAPE, "initializer orthogonal is for matrices, not vectors");
    const int64_t rows = s->dim[0], columns = s->dim[1];
    const bool wide = rows <= columns;
    const int64_t n = wide ? rows : columns, m = wide ? columns : rows;
    double *q = alloc_array(n * m, sizeof *q);
    if (!q) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < n * m; i++) q[i] = rng_normal(r);
    orthonormal_rows(q, n, m);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            w[i * columns + j] = (real)(args[0] * (wide ? q[i * m + j] : q[j * m + i]));
    alloc_free(q);
    return RONDO_OK;
}

static const initializer_row rows[] = {
    { "glorot_uniform", NULL, "U(±sqrt(6/(in+out))), Keras' default for kernels",
      fill_glorot_uniform },
    { "glorot_normal", NULL, "truncated normal of variance 2/(in+out)", fill_glorot_normal },
    { "he_uniform", NULL, "U(±sqrt(6/in)), for relu", fill_he_uniform },
    { "he_normal", NULL, "truncated normal of variance 2/in, for relu", fill_he_normal },
    { "orthogonal", "gain=1", "orthonormal rows, Keras' default for recurrent kernels",
      fill_orthogonal },
    { "identity", "gain=1", "gain on the diagonal (IRNN: relu with identity)", fill_identity },
    { "uniform", "minval=-0.05 maxval=0.05", "evenly between the two", fill_uniform },
    { "normal", "mean=0 stddev=0.05", "Gaussian", fill_normal },
    { "zeros", NULL, "0", fill_zeros },
    { "ones", NULL, "1", fill_ones },
    { "range", "begin=0 end=0 value=1",
      "value from begin to end-1, after another one (unit_forget_bias)", fill_range },
    { "constant", "value=0", "one value", fill_constant },
};

/* "normal(0, 0.001)" → row and arguments */
static rondo_status parse(const initializer_row **row, double *args, const char *text)
{
    char name[LIMIT_NAME], given[LIMIT_NAME] = "";
    const size_t n = strcspn(text, "("), length = strlen(text);
    if (length >= sizeof name)
        return rondo_fail(RONDO_E_LIMIT, "an initializer's name is longer than %d bytes",
                          LIMIT_NAME);
    memcpy(name, text, n);
    name[n] = 0;
    if (text[n]) {
        if (text[length - 1] != ')')
            return rondo_fail(RONDO_E_ARG, "initializer \"%s\": expected \")\" at its end", text);
        memcpy(given, text + n + 1, length - n - 2);
        given[length - n - 2] = 0;
    }
    const void *found;
    RONDO_TRY(registry_get(REGISTRY_INITIALIZER, name, &found));
    *row = found;
    return parameters_parse(args, (*row)->parameters, given, name);
}

static rondo_status run_one(const char *text, real *w, const rondo_shape *shape, rng *r)
{
    const initializer_row *row;
    double args[RONDO_MAX_PARAMETERS];
    RONDO_TRY(parse(&row, args, text));
    return w ? row->fill(w, shape, args, r) : RONDO_OK;
}

rondo_status initializer_run(const char *text, real *w, const rondo_shape *shape, rng *r)
{
    char **parts;
    int n;
    RONDO_TRY(text_split(&parts, &n, text, ';'));
    rondo_status s = n ? RONDO_OK : run_one("", w, shape, r);
    if (w) kernel_table()->fill(w, 0, shape_size(shape));
    for (int i = 0; i < n && !s; i++) s = run_one(parts[i], w, shape, r);
    text_list_free(parts);
    return s;
}

rondo_status initializer_check(const char *text)
{
    return initializer_run(text, NULL, NULL, NULL);
}

void initializer_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_INITIALIZER, rows[i].name, &rows[i]);
}
