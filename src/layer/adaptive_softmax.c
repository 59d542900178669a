/* adaptive_softmax (Grave et al. 2017), as PyTorch's AdaptiveLogSoftmaxWithLoss: classes by falling
 * frequency, cut into a head and clusters. With s the softmax of the head, whose last columns stand for
 * the clusters, and t the softmax of a cluster,
 *   s = softmax(x H)      t = softmax(x P K)      y[class] = s[class], or s[cluster] t[class]
 * and the projection P of a cluster is div_value times narrower than that of the one before. A loss of
 * labels needs of each row the head and the one cluster that its label is in: label_loss. */
#include "layer.h"
#include <stdlib.h>
#include <string.h>

enum { CLUSTERS = (MAX_LINEARS - 1) / 2, CHUNK = 256 /* rows at a time */ };

typedef struct options {
    int64_t units;
    char *cutoffs, *kernel_initializer, *name;
    float div_value;
    bool head_bias;
} options;
typedef struct extra {
    int n;                     /* clusters */
    int64_t cut[CLUSTERS + 1]; /* the first class of each, then units */
    int head, project[CLUSTERS], classes[CLUSTERS];
    rondo_function softmax;
} extra;
typedef struct memory { /* all scratch, of a chunk */
    real *head, *dhead; /* [rows][cut[0] + n] */
    real *z, *dz;       /* [rows][width of a projection] */
    real *tail, *dtail; /* [rows][classes of a cluster] */
    real *some, *dsome; /* [rows][in] of the rows that are in a cluster */
    real *share;        /* [rows] their weights */
    real *product;      /* [classes] */
    double *loss;       /* [rows] */
    int64_t *row;       /* [rows] */
    int32_t *label;     /* [rows] */
} memory;

static const option_field fields[] = {
    { "units", OPTION_INT, offsetof(options, units), NULL, "classes, the most frequent first" },
    { "cutoffs", OPTION_TEXT, offsetof(options, cutoffs), NULL,
      "where clusters begin, after the head: cutoffs=\"2000 6000\"" },
    { "div_value", OPTION_REAL, offsetof(options, div_value), "4",
      "a cluster's projection is so many times narrower than that before it" },
    { "head_bias", OPTION_BOOL, offsetof(options, head_bias), NULL, "the head has a bias" },
    { "kernel_initializer", OPTION_TEXT, offsetof(options, kernel_initializer), "glorot_uniform",
      "" },
    { "name", OPTION_TEXT, offsetof(options, name), NULL, "of the layer and its weights" },
};

static rondo_status bad_cutoffs(const options *o)
{
    return rondo_fail(
        RONDO_E_ARG,
        "adaptive_softmax: cutoffs are \"%s\", expected 1 to %d rising numbers between "
        "0 and the number of classes, %lld, as in cutoffs=\"2000 6000\"",
        o->cutoffs ? o->cutoffs : "", CLUSTERS, (long long)o->units);
}

static rondo_status read_cutoffs(extra *e, const options *o)
{
    const char *at = o->cutoffs ? o->cutoffs : "";
    int64_t before = 0;
    for (at += strspn(at, " ,"); *at; at += strspn(at, " ,")) {
        char *end;
        const long long cut = strtoll(at, &end, 10);
        if (end == at || e->n == CLUSTERS || cut <= before || cut >= o->units)
            return bad_cutoffs(o);
        e->cut[e->n++] = before = cut;
        at = end;
    }
    e->cut[e->n] = o->units;
    return e->n ? RONDO_OK : bad_cutoffs(o);
}

static rondo_status open(rondo_layer *l)
{
    const options *o = l->options;
    extra *e = l->extra;
    if (o->units < 2 || o->units > LIMIT_SIZE)
        return rondo_fail(RONDO_E_ARG, "adaptive_softmax needs its number of classes, as in "
                                       "\"adaptive_softmax 10000 cutoffs='2000 6000'\"");
    if (!(o->div_value >= 1))
        return rondo_fail(RONDO_E_ARG, "adaptive_softmax: div_value is %g, expected 1 or more",
                          (double)o->div_value);
    RONDO_TRY(read_cutoffs(e, o));
    return activation_parse(&e->softmax, "softmax");
}

static void close(rondo_layer *l)
{
    activation_free(&((extra *)l->extra)->softmax);
}

static int64_t head_width(const extra *e)
{
    return e->cut[0] + e->n;
}

static int64_t cluster_size(const extra *e, int i)
{
    return e->cut[i + 1] - e->cut[i];
}

static rondo_status add_product(rondo_layer *l, const char *name, int64_t in, int64_t out, int bias,
                                int *index)
{
    int kernel;
    RONDO_TRY(layer_param(l, name, (rondo_shape){ 2, { in, out } },
                          ((const options *)l->options)->kernel_initializer, &kernel));
    return layer_linear(l, kernel, bias, in, 0, out, index);
}

static rondo_status build(rondo_layer *l, int n, const value_shape in[])
{
    const options *o = l->options;
    extra *e = l->extra;
    const int64_t features = in[0].features;
    double narrow = (double)features;
    int bias = -1;
    (void)n;
    if (o->head_bias)
        RONDO_TRY(
            layer_param(l, "head.bias", (rondo_shape){ 1, { head_width(e) } }, "zeros", &bias));
    RONDO_TRY(add_product(l, "head.kernel", features, head_width(e), bias, &e->head));
    l->linears[e->head].meets_input = true;
    for (int i = 0; i < e->n; i++) {
        char name[32];
        narrow /= (double)o->div_value;
        const int64_t width = narrow > 1 ? (int64_t)narrow : 1;
        snprintf(name, sizeof name, "tail_%d.projection", i);
        RONDO_TRY(add_product(l, name, features, width, -1, &e->project[i]));
        l->linears[e->project[i]].meets_input = true;
        snprintf(name, sizeof name, "tail_%d.kernel", i);
        RONDO_TRY(add_product(l, name, width, cluster_size(e, i), -1, &e->classes[i]));
    }
    return RONDO_OK;
}

static rondo_status outputs(const rondo_layer *l, int n, const value_shape in[], value_shape out[],
                            int *n_out)
{
    const int64_t features = l->linears[((const extra *)l->extra)->head].in;
    (void)n;
    if (in[0].features != features)
        return rondo_fail(RONDO_E_SHAPE, "%s was built for %lld features, given %lld", l->name,
                          (long long)features, (long long)in[0].features);
    out[0] = in[0];
    out[0].features = ((const options *)l->options)->units;
    *n_out = 1;
    return RONDO_OK;
}

static void plan(call *c, arena *a)
{
    const extra *e = c->layer->extra;
    const int64_t all = value_rows(c->in[0]), rows = all < CHUNK ? all : CHUNK;
    const int64_t in = c->in[0]->shape.features, width = c->layer->linears[e->project[0]].out;
    int64_t classes = 1;
    memory *m = c->memory;
    layer_same_rows(&c->out[0], c->in[0]);
    for (int i = 0; i < e->n; i++)
        if (cluster_size(e, i) > classes) classes = cluster_size(e, i);
    m->head = arena_scratch(a, (size_t)(rows * head_width(e)) * sizeof(real));
    m->z = arena_scratch(a, (size_t)(rows * width) * sizeof(real));
    m->tail = arena_scratch(a, (size_t)(rows * classes) * sizeof(real));
    m->some = arena_scratch(a, (size_t)(rows * in) * sizeof(real));
    m->share = arena_scratch(a, (size_t)rows * sizeof(real));
    m->loss = arena_scratch(a, (size_t)rows * sizeof(double));
    m->row = arena_scratch(a, (size_t)rows * sizeof(int64_t));
    m->label = arena_scratch(a, (size_t)rows * sizeof(int32_t));
    if (!c->gradients) return;
    m->dhead = arena_scratch(a, (size_t)(rows * head_width(e)) * sizeof(real));
    m->dz = arena_scratch(a, (size_t)(rows * width) * sizeof(real));
    m->dtail = arena_scratch(a, (size_t)(rows * classes) * sizeof(real));
    m->dsome = arena_scratch(a, (size_t)(rows * in) * sizeof(real));
    m->product = arena_scratch(a, (size_t)classes * sizeof(real));
}

/* ---- Products of a chunk's rows ---- */
static void forward_product(const call *c, int product, real *y, const real *x, int64_t rows)
{
    const linear *w = &c->layer->linears[product];
    linear_forward(w, c->weights, c->pool, y, w->out, x, w->in, rows, false);
}

static void backward_product(const call *c, int product, real *dx, bool add, const real *x,
                             const real *dy, int64_t rows)
{
    const linear *w = &c->layer->linears[product];
    linear_backward_weight(w, c->weights, c->gradients, c->pool, x, w->in, dy, w->out, rows);
    if (dx) linear_backward_input(w, c->pool, dx, w->in, dy, w->out, rows, add);
}

static void softmax_of(const call *c, int product, real *y, const real *x, int64_t rows)
{
    const extra *e = c->layer->extra;
    forward_product(c, product, y, x, rows);
    activation_forward(&e->softmax, y, y, rows, c->layer->linears[product].out);
}

/* ---- All classes ---- */
static void forward_chunk(const call *c, real *y, const real *x, int64_t rows)
{
    const kernels *k = kernel_table();
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    const int64_t units = e->cut[e->n], width = head_width(e);
    softmax_of(c, e->head, m->head, x, rows);
    for (int64_t r = 0; r < rows; r++) k->scale(y + r * units, m->head + r * width, 1, e->cut[0]);
    for (int i = 0; i < e->n; i++) {
        const int64_t size = cluster_size(e, i);
        forward_product(c, e->project[i], m->z, x, rows);
        softmax_of(c, e->classes[i], m->tail, m->z, rows);
        for (int64_t r = 0; r < rows; r++)
            k->scale(y + r * units + e->cut[i], m->tail + r * size,
                     m->head[r * width + e->cut[0] + i], size);
    }
}

static void forward_rows(const call *c, real *y, int64_t first, int64_t n)
{
    const int64_t in = c->in[0]->shape.features, units = c->out[0].shape.features;
    for (int64_t at = 0; at < n; at += CHUNK)
        forward_chunk(c, y + at * units, c->in[0]->data + (first + at) * in,
                      n - at < CHUNK ? n - at : CHUNK);
}

static rondo_status forward(call *c)
{
    layer_same_rows(&c->out[0], c->in[0]);
    forward_rows(c, c->out[0].data, 0, value_rows(c->in[0]));
    return RONDO_OK;
}

/* ds[cluster] = Σ dy t    dt = s[cluster] dy    and on through both softmaxes */
static void backward_chunk(const call *c, real *dx, bool add, const real *x, const real *dy,
                           int64_t rows)
{
    const kernels *k = kernel_table();
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    const int64_t units = e->cut[e->n], width = head_width(e);
    softmax_of(c, e->head, m->head, x, rows);
    for (int64_t r = 0; r < rows; r++) k->scale(m->dhead + r * width, dy + r * units, 1, e->cut[0]);
    for (int i = 0; i < e->n; i++) {
        const int64_t size = cluster_size(e, i);
        forward_product(c, e->project[i], m->z, x, rows);
        softmax_of(c, e->classes[i], m->tail, m->z, rows);
        for (int64_t r = 0; r < rows; r++) {
            const real *d = dy + r * units + e->cut[i];
            const int64_t cluster = r * width + e->cut[0] + i;
            k->mul(m->product, d, m->tail + r * size, size);
            m->dhead[cluster] = (real)k->sum(m->product, size);
            k->scale(m->dtail + r * size, d, m->head[cluster], size);
        }
        activation_backward(&e->softmax, m->dtail, NULL, m->tail, m->dtail, rows, size);
        backward_product(c, e->classes[i], m->dz, false, m->z, m->dtail, rows);
        backward_product(c, e->project[i], dx, add || i > 0, x, m->dz, rows);
    }
    activation_backward(&e->softmax, m->dhead, NULL, m->head, m->dhead, rows, width);
    backward_product(c, e->head, dx, true, x, m->dhead, rows);
}

static void backward(call *c)
{
    value *x = c->in[0];
    const int64_t in = x->shape.features, units = c->out[0].shape.features, n = value_rows(x);
    bool add;
    real *dx = value_grad(x, &add);
    for (int64_t at = 0; at < n; at += CHUNK)
        backward_chunk(c, dx ? dx + at * in : NULL, add, x->data + at * in,
                       c->out[0].grad + at * units, n - at < CHUNK ? n - at : CHUNK);
}

/* ---- The class that is true ---- */
typedef struct part { /* rows of a cross-entropy, shared out */
    double *loss;
    real *x; /* logits; becomes their gradient */
    const int32_t *label;
    const real *share;
    int64_t rows, width;
    bool back;
    int n;
} part;

static void compare_part(void *arg, int i)
{
    const part *p = arg;
    const int64_t from = p->rows * i / p->n, rows = p->rows * (i + 1) / p->n - from;
    real *x = p->x + from * p->width;
    kernel_table()->softmax_cross_entropy(p->loss + from, p->back ? x : NULL, x, x, NULL,
                                          p->label + from, p->share + from, 0, rows, p->width);
}

static void compare(const call *c, double *loss, real *x, const int32_t *label, const real *share,
                    int64_t rows, int64_t width)
{
    enum { ENOUGH = 1 << 14 }; /* elements, to be worth waking a thread */
    part p = { loss,
               x,
               label,
               share,
               rows,
               width,
               c->gradients != NULL,
               rows * width < ENOUGH ? 1 : pool_threads(c->pool) };
    pool_run(c->pool, compare_part, &p, p.n);
}

/* Adds the losses within cluster i of the rows that are in it, and what comes of them. */
static void cluster_loss(const call *c, int i, double *loss, real *dx, const real *x,
                         const int32_t *label, const real *share, int64_t rows)
{
    const kernels *k = kernel_table();
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    const int64_t in = c->in[0]->shape.features;
    int64_t n = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (share[r] == 0 || label[r] < e->cut[i] || label[r] >= e->cut[i + 1]) continue;
        m->row[n] = r;
        m->label[n] = label[r] - (int32_t)e->cut[i];
        m->share[n++] = share[r];
    }
    if (n == 0) return;
    k->gather(m->some, x, m->row, n, in);
    forward_product(c, e->project[i], m->z, m->some, n);
    forward_product(c, e->classes[i], m->tail, m->z, n);
    compare(c, m->loss, m->tail, m->label, m->share, n, cluster_size(e, i));
    for (int64_t r = 0; r < n; r++) loss[m->row[r]] += m->loss[r];
    if (!c->gradients) return;
    backward_product(c, e->classes[i], m->dz, false, m->z, m->tail, n);
    backward_product(c, e->project[i], dx ? m->dsome : NULL, false, m->some, m->dz, n);
    if (dx) k->scatter_add(dx, m->dsome, m->row, n, in);
}

static void head_loss(const call *c, double *loss, real *dx, bool add, const real *x,
                      const int32_t *label, const real *share, int64_t rows)
{
    const extra *e = c->layer->extra;
    const memory *m = c->memory;
    for (int64_t r = 0; r < rows; r++) {
        int i = 0;
        while (i < e->n && label[r] >= e->cut[i]) i++;
        m->label[r] = i ? (int32_t)e->cut[0] + i - 1 : label[r];
    }
    forward_product(c, e->head, m->head, x, rows);
    compare(c, loss, m->head, m->label, share, rows, head_width(e));
    if (c->gradients) backward_product(c, e->head, dx, add, x, m->head, rows);
}

static void label_loss(const call *c, double *loss, real *dx, bool add, const int32_t *label,
                       const real *share, int64_t first, int64_t n)
{
    const extra *e = c->layer->extra;
    const int64_t in = c->in[0]->shape.features;
    for (int64_t at = 0; at < n; at += CHUNK) {
        const int64_t rows = n - at < CHUNK ? n - at : CHUNK, begin = (first + at) * in;
        const real *x = c->in[0]->data + begin;
        real *d = dx ? dx + begin : NULL;
        head_loss(c, loss + at, d, add, x, label + at, share + at, rows);
        for (int i = 0; i < e->n; i++)
            cluster_loss(c, i, loss + at, d, x, label + at, share + at, rows);
    }
}

const layer_type layer_adaptive_softmax = {
    .name = "adaptive_softmax",
    .help = "class probabilities of large vocabularies: \"adaptive_softmax 50000 cutoffs='2000 "
            "10000'\"",
    .options_size = sizeof(options),
    .options = OPTION_TABLE(fields),
    .extra_size = sizeof(extra),
    .call_size = sizeof(memory),
    .min_inputs = 1,
    .max_inputs = 1,
    .open = open,
    .close = close,
    .build = build,
    .outputs = outputs,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .forward_rows = forward_rows,
    .label_loss = label_loss,
};
