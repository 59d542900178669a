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
static void truncated_normal(real *w, int64_t n, double mean, double stddev, rng *r)
{
    for (int64_t i = 0; i < n; i++) {
        double z;
        do z = rng_normal(r);
        while (fabs(z) > 2);
        w[i] = (real)(mean + stddev * z);
    }
}

typedef enum shape_of { NORMAL, UNIFORM } shape_of;

/* Of mean 0 and this variance, as Keras' VarianceScaling: the truncated normal is drawn wider, so that
 * it has it after the cut. */
static void scaled(real *w, int64_t n, double variance, shape_of distribution, rng *r)
{
    static const double truncation = 0.87962566103423978;
    if (distribution == UNIFORM)
        uniform(w, n, -sqrt(3 * variance), sqrt(3 * variance), r);
    else
        truncated_normal(w, n, 0, sqrt(variance) / truncation, r);
}

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

static rondo_status fill_truncated_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    truncated_normal(w, shape_size(s), args[0], args[1], r);
    return RONDO_OK;
}

static void by_fans(real *w, const rondo_shape *s, double scale, double of_in, double of_out,
                    shape_of distribution, rng *r)
{
    double in, out;
    fans(s, &in, &out);
    scaled(w, shape_size(s), scale / (of_in * in + of_out * out), distribution, r);
}

/* Keras' VarianceScaling; mode is what the fans count: fan_in=0 fan_out=1, or a half of each. */
static rondo_status fill_variance_scaling(real *w, const rondo_shape *s, const double *args, rng *r)
{
    if (!(args[0] > 0 && args[1] >= 0 && args[2] >= 0 && args[1] + args[2] > 0))
        return rondo_fail(RONDO_E_ARG, "initializer variance_scaling: scale is above 0, and so is "
                                       "one of fan_in and fan_out");
    by_fans(w, s, args[0], args[1], args[2], args[3] != 0 ? UNIFORM : NORMAL, r);
    return RONDO_OK;
}

/* Glorot and Bengio 2010: variance 2 / (in + out). */
static rondo_status fill_glorot_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 2, 1, 1, UNIFORM, r);
    return RONDO_OK;
}

static rondo_status fill_glorot_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 2, 1, 1, NORMAL, r);
    return RONDO_OK;
}

/* He et al. 2015: variance 2 / in. */
static rondo_status fill_he_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 2, 1, 0, UNIFORM, r);
    return RONDO_OK;
}

static rondo_status fill_he_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 2, 1, 0, NORMAL, r);
    return RONDO_OK;
}

/* LeCun et al. 1998: variance 1 / in. */
static rondo_status fill_lecun_uniform(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 1, 1, 0, UNIFORM, r);
    return RONDO_OK;
}

static rondo_status fill_lecun_normal(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    by_fans(w, s, 1, 1, 0, NORMAL, r);
    return RONDO_OK;
}

/* All weights of PyTorch's RNN, LSTM and GRU. */
static rondo_status fill_torch_rnn(real *w, const rondo_shape *s, const double *args, rng *r)
{
    if (args[0] < 1)
        return rondo_fail(RONDO_E_ARG, "initializer torch_rnn is for recurrent layers; elsewhere "
                                       "say units, as in torch_rnn(64)");
    const double bound = 1 / sqrt(args[0]);
    uniform(w, shape_size(s), -bound, bound, r);
    return RONDO_OK;
}

/* Tallec and Ollivier 2018: gates that keep what was for times spread evenly up to the longest one:
 *   b_keep = log(U(1, max-1))   b_write = -b_keep */
static rondo_status fill_chrono(real *w, const rondo_shape *s, const double *args, rng *r)
{
    const int64_t units = (int64_t)args[1], keep = (int64_t)args[2], write = (int64_t)args[3];
    if (!(args[0] > 2 && args[0] < 1e18))
        return rondo_fail(RONDO_E_ARG, "initializer chrono needs the longest time to remember, in "
                                       "steps and more than 2, as in chrono(40)");
    if (s->rank != 1 || units < 1 || (keep == 0 && write == 0) ||
        (keep > write ? keep : write) * units > s->dim[0])
        return rondo_fail(RONDO_E_ARG, "initializer chrono is for the bias of a recurrent layer "
                                       "whose gates keep and write: lstm, gru, mgu, mingru …");
    for (int64_t k = 0; k < units; k++) {
        const real b = (real)log(1 + (args[0] - 2) * rng_uniform(r));
        if (keep > 0) w[(keep - 1) * units + k] = b;
        if (write > 0) w[(write - 1) * units + k] = -b;
    }
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

/* The largest eigenvalue of a symmetric positive definite a [n][n], by power iteration: the quotient's
 * error is the square of the vector's. v: [2][n]. */
static double largest_eigenvalue(const double *a, double *v, int64_t n)
{
    enum { TURNS = 2000 };
    double *next = v + n, found = 0;
    for (int64_t i = 0; i < n; i++) v[i] = 1 / sqrt((double)n);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int64_t i = 0; i < n; i++) next[i] = dot(a + i * n, v, n);
        const double quotient = dot(next, v, n), norm = sqrt(dot(next, next, n));
        for (int64_t i = 0; i < n; i++) v[i] = next[i] / norm;
        if (fabs(quotient - found) < 1e-12 * quotient) return quotient;
        found = quotient;
    }
    return found;
}

/* One block of columns: A = RᵀR/n, R Gaussian; (A + I) over its largest eigenvalue. */
static void positive_definite(double *a, double *gauss, real *w, int64_t n, int64_t columns, rng *r)
{
    for (int64_t i = 0; i < n * n; i++) gauss[i] = rng_normal(r);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double share = dot(gauss + i * n, gauss + j * n, n) / (double)n;
            a[i * n + j] = a[j * n + i] = share + (i == j);
        }
    const double largest = largest_eigenvalue(a, gauss, n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) w[i * columns + j] = (real)(a[i * n + j] / largest);
}

/* Talathi and Vartak 2015 (np-RNN); each gate's [units][units] by itself. */
static rondo_status fill_np_rnn(real *w, const rondo_shape *s, const double *args, rng *r)
{
    (void)args;
    const int64_t n = s->dim[0], columns = s->dim[1];
    if (s->rank != 2 || columns % n != 0)
        return rondo_fail(RONDO_E_SHAPE, "initializer np_rnn is for recurrent kernels, square for "
                                         "each gate");
    double *a = alloc_array(2 * n * (n + 1), sizeof *a);
    if (!a) return RONDO_E_NOMEM;
    for (int64_t at = 0; at < columns; at += n)
        positive_definite(a, a + n * n, w + at, n, columns, r);
    alloc_free(a);
    return RONDO_OK;
}

static const initializer_row rows[] = {
    { "glorot_uniform", NULL, "U(±sqrt(6/(in+out))), Keras' default for kernels",
      fill_glorot_uniform },
    { "glorot_normal", NULL, "truncated normal of variance 2/(in+out)", fill_glorot_normal },
    { "he_uniform", NULL, "U(±sqrt(6/in)), for relu", fill_he_uniform },
    { "he_normal", NULL, "truncated normal of variance 2/in, for relu", fill_he_normal },
    { "lecun_uniform", NULL, "U(±sqrt(3/in)), for selu", fill_lecun_uniform },
    { "lecun_normal", NULL, "truncated normal of variance 1/in, for selu", fill_lecun_normal },
    { "variance_scaling", "scale=1 fan_in=1 fan_out=0 uniform=0",
      "of variance scale/(fan_in in + fan_out out): truncated normal, or uniform",
      fill_variance_scaling },
    { "torch_rnn", "units=0", "U(±1/sqrt(units)), PyTorch's for recurrent layers", fill_torch_rnn },
    { "orthogonal", "gain=1", "orthonormal rows, Keras' default for recurrent kernels",
      fill_orthogonal },
    { "identity", "gain=1", "gain on the diagonal (IRNN: relu with identity)", fill_identity },
    { "np_rnn", NULL, "positive definite, largest eigenvalue 1 (np-RNN: relu with it)",
      fill_np_rnn },
    { "uniform", "minval=-0.05 maxval=0.05", "evenly between the two", fill_uniform },
    { "normal", "mean=0 stddev=0.05", "Gaussian", fill_normal },
    { "truncated_normal", "mean=0 stddev=0.05", "Gaussian, redrawn beyond two stddev",
      fill_truncated_normal },
    { "zeros", NULL, "0 everywhere", fill_zeros },
    { "ones", NULL, "1 everywhere", fill_ones },
    { "range", "begin=0 end=0 value=1",
      "value from begin to end-1, after another one (unit_forget_bias)", fill_range },
    { "constant", "value=0", "one value", fill_constant },
    { "chrono", "max=0 units=0 keep=0 write=0",
      "for bias_initializer: gates remember up to max steps; the layer gives the others",
      fill_chrono },
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

bool initializer_asks(const char *text, const char *name)
{
    char first[LIMIT_NAME];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(text, "( ;"), text);
    const initializer_row *row = registry_find(REGISTRY_INITIALIZER, first);
    return row && parameters_have(row->parameters, name);
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
