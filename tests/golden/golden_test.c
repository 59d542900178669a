/* Every *.safetensors beside this file (or in $RONDO_GOLDEN) is a model that Keras or PyTorch ran and
 * trained: builds it through rondo.h and compares outputs, gradients, ten losses and the weights after
 * them.  README.md has the names. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MAX_FILES = 1000, MAX_ARRAYS = 16, MAX_BLOCKS = 512, MAX_NODES = 32, STEPS = 10 };

#ifdef RONDO_DOUBLE /* what is left: options are floats (epsilon=0.001, beta_2=0.999) */
static const double output_tolerance = 1e-8, gradient_tolerance = 1e-7, loss_tolerance = 1e-6,
                    weight_tolerance = 1e-6;
#else
static const double output_tolerance = 1e-5, gradient_tolerance = 1e-4, loss_tolerance = 1e-4,
                    weight_tolerance = 1e-4;
#endif
static const double exact = 1e-30;

typedef struct golden {
    tensor_file file;
    const char *name;
    json_t *about;
    rondo_model *model;
    rondo_batch batch;
    rondo_array inputs[MAX_ARRAYS], targets[MAX_ARRAYS];
    const int64_t *lengths; /* of input 0, or NULL */
    void *blocks[MAX_BLOCKS];
    int n_blocks, failures;
    double worst; /* error over its tolerance */
    char worst_where[200];
} golden;

typedef enum measure { ELEMENTS, NORM } measure;

static void complain(golden *g, const char *format, ...)
{
    va_list args;
    char text[1000];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_error("%s: %s\n", g->name, text);
    g->failures++;
}

static bool fine(golden *g, rondo_status status, const char *what)
{
    if (status) complain(g, "%s: %s (%s)", what, rondo_error(), rondo_status_text(status));
    return !status;
}

static void *block(golden *g, size_t size)
{
    assert_true(g->n_blocks < MAX_BLOCKS);
    void *p = calloc(size ? size : 1, 1);
    assert_non_null(p);
    return g->blocks[g->n_blocks++] = p;
}

static int64_t count(const rondo_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}

/* The tensor of this name as an array: real numbers, or int32. */
static bool fetch(golden *g, const char *name, rondo_array *out)
{
    const tensor *t = tensors_find(&g->file, name);
    if (!t) return false;
    *out = (rondo_array){ .type = RONDO_F32, .shape = t->shape };
    const int64_t n = count(&t->shape);
    if (!strcmp(t->type, "I32")) {
        out->type = RONDO_I32;
        out->data = block(g, (size_t)n * sizeof(int32_t));
        memcpy(out->data, t->data, (size_t)n * sizeof(int32_t));
        return true;
    }
    out->data = block(g, (size_t)n * sizeof(rondo_real));
    return fine(g, tensors_copy(&g->file, name, &t->shape, out->data), name);
}

static bool is_sequence(const rondo_array *a)
{
    return a->shape.rank >= (a->type == RONDO_F32 ? 3 : 2);
}

static double *numbers(golden *g, const tensor *t)
{
    const int64_t n = count(&t->shape);
    const bool is_double = !strcmp(t->type, "F64");
    double *out = block(g, (size_t)n * sizeof *out);
    if (is_double) memcpy(out, t->data, (size_t)n * sizeof *out);
    for (int64_t i = 0; i < n && !is_double; i++) {
        float x;
        memcpy(&x, (const char *)t->data + i * (int64_t)sizeof x, sizeof x);
        out[i] = (double)x;
    }
    return out;
}

/* ---- Comparing ---- */
static bool valid(const golden *g, const rondo_shape *s, int64_t i)
{
    if (!g->lengths || s->rank != 3) return true;
    const int64_t row = i / (s->dim[1] * s->dim[2]), t = i / s->dim[2] % s->dim[1];
    return t < g->lengths[row];
}

/* ELEMENTS: |a-b| / max(1,|b|) of the worst; NORM: ‖a-b‖ / max(1e-4,‖b‖).
 * Steps after a row's end do not count. */
static void compare(golden *g, const char *name, const rondo_array *got, measure how,
                    double tolerance)
{
    const tensor *t = tensors_find(&g->file, name);
    if (!t) {
        complain(g, "the file has no \"%s\"", name);
        return;
    }
    const int64_t n = count(&t->shape);
    double *want = numbers(g, t);
    if (count(&got->shape) != n) {
        complain(g, "%s has %lld elements, expected %lld", name, (long long)count(&got->shape),
                 (long long)n);
        return;
    }
    const rondo_real *have = got->data;
    double worst = -1, difference = 0, norm = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!valid(g, &t->shape, i)) continue;
        const double d = fabs(have[i] - want[i]), error = d / fmax(1, fabs(want[i]));
        difference += d * d;
        norm += want[i] * want[i];
        if (!(error <= worst)) worst = error, at = i;
    }
    const double error = how == NORM ? sqrt(difference) / fmax(1e-4, sqrt(norm)) : worst;
    if (error / tolerance > g->worst || isnan(error)) {
        g->worst = error / tolerance;
        snprintf(g->worst_where, sizeof g->worst_where, "%s %.1e", name, error);
    }
    if (!(error <= tolerance))
        complain(g, "%s: error %.3g over %.0e, worst at [%lld]: %.9g, expected %.9g", name, error,
                 tolerance, (long long)at, (double)have[at], want[at]);
}

static void compare_weights(golden *g, const char *prefix, measure how, double tolerance,
                            rondo_status get(const rondo_model *, const char *, rondo_array *))
{
    for (int i = 0; i < rondo_weight_count(g->model); i++) {
        const char *name = rondo_weight_name(g->model, i);
        char full[300];
        snprintf(full, sizeof full, "%s%s", prefix, name);
        rondo_array got;
        if (fine(g, get(g->model, name, &got), full)) compare(g, full, &got, how, tolerance);
    }
}

/* ---- Building ---- */
static void build(golden *g)
{
    rondo_value base[MAX_NODES], in[MAX_ARRAYS];
    rondo_layer *layers[MAX_NODES] = { NULL };
    size_t i, k, n = 0;
    json_t *item, *part;
    g->model = rondo_model_new();
    assert_non_null(g->model);
    json_array_foreach (json_object_get(g->about, "inputs"), i, item) {
        rondo_shape shape = { 0 };
        json_array_foreach (json_object_get(item, "shape"), k, part)
            shape.dim[shape.rank++] = json_integer_value(part);
        const bool tokens = !strcmp(json_string_value(json_object_get(item, "type")), "i32");
        base[n++] = rondo_input(g->model, tokens ? RONDO_I32 : RONDO_F32, shape);
    }
    json_array_foreach (json_object_get(g->about, "nodes"), i, item) {
        const char *text = json_string_value(json_object_get(item, "spec"));
        const json_t *sources = json_object_get(item, "inputs");
        json_array_foreach (sources, k, part) {
            in[k] = base[json_integer_value(json_array_get(part, 0))];
            in[k].port = (int)json_integer_value(json_array_get(part, 1));
        }
        assert_true(n < MAX_NODES);
        layers[n] = text ? rondo_layer_parse(text)
                         : layers[json_integer_value(json_object_get(item, "same"))];
        base[n] = rondo_apply(g->model, layers[n], (int)json_array_size(sources), in);
        n++;
    }
    json_array_foreach (json_object_get(g->about, "outputs"), i, item) {
        in[i] = base[json_integer_value(json_array_get(item, 0))];
        in[i].port = (int)json_integer_value(json_array_get(item, 1));
    }
    fine(g, rondo_outputs(g->model, (int)i, in), "rondo_outputs");
}

static void set_weights(golden *g)
{
    int set = 0;
    for (int i = 0; i < g->file.n; i++) {
        const char *name = g->file.tensors[i].name;
        rondo_array w;
        if (strncmp(name, "weight:", 7) || !fetch(g, name, &w)) continue;
        fine(g, rondo_weight_set(g->model, name + 7, &w), name);
        set++;
    }
    if (set != rondo_weight_count(g->model))
        complain(g, "%d weights in the file, %d in the model", set, rondo_weight_count(g->model));
}

/* The arrays called prefix:0, prefix:1 …; how many. */
static int fetch_all(golden *g, const char *prefix, rondo_array arrays[])
{
    int n = 0;
    char name[100];
    while (n < MAX_ARRAYS) {
        snprintf(name, sizeof name, "%s:%d", prefix, n);
        if (!fetch(g, name, &arrays[n])) break;
        if (is_sequence(&arrays[n]) && (n == 0 || !strcmp(prefix, "target")))
            arrays[n].lengths = g->lengths;
        n++;
    }
    return n;
}

static void load_batch(golden *g)
{
    const tensor *lengths = tensors_find(&g->file, "lengths");
    if (lengths) {
        int64_t *copy = block(g, lengths->size);
        memcpy(copy, lengths->data, lengths->size);
        g->lengths = copy;
    }
    g->batch.inputs = g->inputs;
    g->batch.targets = g->targets;
    g->batch.n_inputs = fetch_all(g, "input", g->inputs);
    g->batch.n_targets = fetch_all(g, "target", g->targets);
    const tensor *weights = tensors_find(&g->file, "sample_weights");
    if (weights) {
        float *copy = block(g, weights->size);
        memcpy(copy, weights->data, weights->size);
        g->batch.weights = copy;
    }
}

/* ---- What is compared ---- */
static void check_outputs(golden *g)
{
    rondo_array outputs[MAX_ARRAYS] = { { 0 } };
    rondo_batch inputs = g->batch;
    inputs.n_targets = 0;
    inputs.weights = NULL;
    const int n = rondo_output_count(g->model);
    for (int i = 0; i < n; i++) {
        if (!fine(g, rondo_predict_shape(g->model, &inputs, i, &outputs[i].shape), "predict_shape"))
            return;
        outputs[i].data = block(g, (size_t)count(&outputs[i].shape) * sizeof(rondo_real));
    }
    if (!fine(g, rondo_predict(g->model, &inputs, outputs, n), "rondo_predict")) return;
    for (int i = 0; i < n; i++) {
        char name[100];
        snprintf(name, sizeof name, "output:%d", i);
        compare(g, name, &outputs[i], ELEMENTS, output_tolerance);
    }
}

/* Carried state: a stream fed both batches step by step gives both batches' outputs. */
static void check_stream(golden *g, const rondo_batch *second)
{
    const rondo_shape *in = &g->batch.inputs[0].shape;
    const tensor *t = tensors_find(&g->file, "output:0");
    const int64_t rows = in->dim[0], steps = in->dim[1], width = in->dim[2];
    const int64_t made = t->shape.dim[2];
    rondo_stream *stream;
    rondo_real *step = block(g, (size_t)(rows * width) * sizeof *step);
    rondo_real *answer = block(g, (size_t)(rows * made) * sizeof *answer);
    rondo_real *all = block(g, (size_t)(rows * steps * made) * sizeof *all);
    const rondo_array x = { step, RONDO_F32, { 2, { rows, width } }, NULL };
    rondo_array y = { answer, RONDO_F32, { 2, { rows, made } }, NULL };
    const rondo_array outputs = { all, RONDO_F32, { 3, { rows, steps, made } }, NULL };
    if (!fine(g, rondo_stream_new(&stream, g->model, rows), "rondo_stream_new")) return;
    for (int k = 0; k < 2; k++) {
        const rondo_real *data = (k ? second : &g->batch)->inputs[0].data;
        for (int64_t at = 0; at < steps; at++) {
            for (int64_t r = 0; r < rows; r++)
                memcpy(step + r * width, data + (r * steps + at) * width,
                       (size_t)width * sizeof *step);
            if (!fine(g, rondo_stream_step(stream, &x, &y), "rondo_stream_step")) break;
            for (int64_t r = 0; r < rows; r++)
                memcpy(all + (r * steps + at) * made, answer + r * made,
                       (size_t)made * sizeof *all);
        }
        compare(g, k ? "output2:0" : "output:0", &outputs, ELEMENTS, output_tolerance);
    }
    rondo_stream_free(stream);
}

static void check_training(golden *g, const rondo_batch *second)
{
    const tensor *t = tensors_find(&g->file, "losses");
    double losses[STEPS], loss;
    assert_true(t && t->size == sizeof losses);
    memcpy(losses, t->data, sizeof losses);

    fine(g, rondo_reset_states(g->model), "rondo_reset_states");
    if (fine(g, rondo_gradients(g->model, &g->batch, &loss), "rondo_gradients")) {
        if (!(fabs(loss - losses[0]) <= loss_tolerance * losses[0]))
            complain(g, "loss beside the gradients: %.9g, expected %.9g", loss, losses[0]);
        compare_weights(g, "gradient:", NORM, gradient_tolerance, rondo_gradient_get);
        compare_weights(g, "weight:", ELEMENTS, exact, rondo_weight_get);
    }
    fine(g, rondo_reset_states(g->model), "rondo_reset_states");
    for (int step = 0; step < STEPS; step++) {
        const rondo_batch *batch = step % 2 && second ? second : &g->batch;
        if (!fine(g, rondo_train_batch(g->model, batch, &loss), "rondo_train_batch")) return;
        const double error = fabs(loss - losses[step]) / losses[step];
        if (error / loss_tolerance > g->worst) {
            g->worst = error / loss_tolerance;
            snprintf(g->worst_where, sizeof g->worst_where, "losses[%d] %.1e", step, error);
        }
        if (!(error <= loss_tolerance))
            complain(g, "losses[%d]: %.9g, expected %.9g", step, loss, losses[step]);
    }
    compare_weights(g, "weight10:", NORM, weight_tolerance, rondo_weight_get);
    if (rondo_swap_average(g->model)) return;
    compare_weights(g, "average10:", NORM, weight_tolerance, rondo_weight_get);
}

static void run(golden *g)
{
    rondo_array more[MAX_ARRAYS];
    rondo_batch second = { 0 };
    build(g);
    load_batch(g);
    const char *loss = json_string_value(json_object_get(g->about, "loss"));
    const char *optimizer = json_string_value(json_object_get(g->about, "optimizer"));
    if (!fine(g, rondo_compile(g->model, .loss = loss, .optimizer = optimizer, .threads = 2),
              "rondo_compile"))
        return;
    set_weights(g);
    if (g->failures) return;
    second = g->batch;
    second.inputs = more;
    const bool carries = fetch_all(g, "input2", more) > 0;
    check_outputs(g);
    if (carries) check_stream(g, &second);
    check_training(g, carries ? &second : NULL);
}

static void one_file(void **state)
{
    const char *path = *state;
    golden *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->name = strrchr(path, '/') + 1;
    if (tensors_open(&g->file, path)) fail_msg("%s", rondo_error());
    const char *text = json_string_value(json_object_get(g->file.metadata, "model"));
    g->about = text ? json_loads(text, 0, NULL) : NULL;
    if (g->about)
        run(g);
    else
        complain(g, "no \"model\" in its metadata");
    print_message("%-60s worst: %s (%.0f%% of what is allowed)\n", g->name, g->worst_where,
                  100 * g->worst);
    const int failures = g->failures;
    rondo_model_free(g->model);
    json_decref(g->about);
    tensors_close(&g->file);
    for (int i = 0; i < g->n_blocks; i++) free(g->blocks[i]);
    free(g);
    assert_int_equal(failures, 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(void)
{
    static struct CMUnitTest tests[MAX_FILES];
    size_t n = 0;
    const char *folder = getenv("RONDO_GOLDEN"), *only = getenv("RONDO_GOLDEN_ONLY");
    if (!folder) folder = "tests/golden"; /* tests run in the project's root */
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && n < MAX_FILES && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".safetensors") || (only && !strstr(entry->d_name, only))) continue;
        char *path = alloc_format("%s/%s", folder, entry->d_name);
        tests[n++] = (struct CMUnitTest){ path, one_file, NULL, NULL, path };
    }
    if (dir) closedir(dir);
    if (n == 0) {
        fprintf(stderr, "no golden files in %s\n", folder);
        return 1;
    }
    qsort(tests, n, sizeof *tests, by_name);
    const int failed = _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++) alloc_free(tests[i].initial_state);
    return failed;
}
