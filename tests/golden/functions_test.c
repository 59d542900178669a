/* functions/functions.safetensors: activations as Keras and PyTorch compute them, over rows of x, and
 * what comes back of dy. */
#include "cell/cell.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS = 16, WIDTH = 6, SIZE = ROWS * WIDTH };
#ifdef RONDO_DOUBLE
static const double tolerance =
    1e-7; /* arguments pass through float in PyTorch's and Keras' parsing */
#else
static const double tolerance = 2e-6;
#endif

static void read(const tensor_file *file, const char *name, int i, real out[SIZE])
{
    const rondo_shape shape = { 2, { ROWS, WIDTH } };
    char full[32];
    snprintf(full, sizeof full, i < 0 ? "%s" : "%s:%d", name, i);
    if (tensors_copy(file, full, &shape, out)) fail_msg("%s", rondo_error());
}

static void same(const char *name, const char *what, const real *found, const real *expected)
{
    for (int i = 0; i < SIZE; i++) {
        const double want = (double)expected[i];
        if (!(fabs((double)found[i] - want) <= tolerance * fmax(1, fabs(want))))
            fail_msg("%s: %s[%d] is %.9g, expected %.9g", name, what, i, (double)found[i], want);
    }
}

static void every_function(void **state)
{
    real x[SIZE], dy[SIZE], y[SIZE], dx[SIZE], want[SIZE];
    tensor_file file;
    (void)state;
    if (tensors_open(&file, "tests/golden/functions/functions.safetensors"))
        fail_msg("%s", rondo_error());
    json_t *names = json_loads(json_string_value(json_object_get(file.metadata, "functions")), 0,
                               NULL);
    assert_true(json_array_size(names) > 40);
    read(&file, "x", -1, x);
    read(&file, "dy", -1, dy);
    for (int i = 0; i < (int)json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        rondo_function f;
        if (activation_parse(&f, name)) fail_msg("%s", rondo_error());
        activation_forward(&f, y, x, ROWS, WIDTH);
        activation_backward(&f, dx, f.row->needs_input ? x : NULL, y, dy, ROWS, WIDTH);
        read(&file, "y", i, want);
        same(name, "y", y, want);
        read(&file, "dx", i, want);
        same(name, "dx", dx, want);
        activation_free(&f);
    }
    json_decref(names);
    tensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_function) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
