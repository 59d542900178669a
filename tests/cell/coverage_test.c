/* Every function that Keras 3, PyTorch and ONNX have is here by its name, and every one here says
 * what it is. */
#include "cell/cell.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* keras.activations; glu changes the width and is a layer. */
static const char *const keras[] = {
    "celu",        "elu",        "exponential", "gelu",        "hard_shrink", "hard_sigmoid",
    "hard_silu",   "hard_tanh",  "leaky_relu",  "linear",      "log_sigmoid", "log_softmax",
    "mish",        "relu",       "relu6",       "selu",        "sigmoid",     "silu",
    "soft_shrink", "softmax",    "softplus",    "softsign",    "sparse_plus", "sparse_sigmoid",
    "sparsemax",   "squareplus", "tanh",        "tanh_shrink", "threshold",   "swish",
    "hard_swish",  NULL,
};
/* torch.nn.functional; prelu and rrelu, which learn or draw, are elsewhere. */
static const char *const torch[] = {
    "elu",      "celu",       "gelu",       "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "identity", "leaky_relu", "mish",       "logsigmoid", "log_softmax", "relu",      "relu6",
    "selu",     "sigmoid",    "silu",       "softmax",    "softmin",     "softplus",  "softshrink",
    "softsign", "tanh",       "tanhshrink", "threshold",  NULL,
};
/* Of ONNX's RNN, GRU and LSTM, with arguments. */
static const char *const onnx[] = {
    "relu",
    "tanh",
    "sigmoid",
    "affine(2,1)",
    "leaky_relu(0.01)",
    "thresholded_relu(1)",
    "scaled_tanh(1.7,0.6)",
    "hard_sigmoid_k2(0.2,0.5)",
    "elu(1)",
    "softsign",
    "softplus",
    NULL,
};

static void all_there(const char *const names[])
{
    rondo_function f;
    for (; *names; names++)
        if (activation_parse(&f, *names)) fail_msg("%s: %s", *names, rondo_error());
}

static void every_tool(void **state)
{
    (void)state;
    all_there(keras);
    all_there(torch);
    all_there(onnx);
}

static void every_row_says_what_it_is(void **state)
{
    (void)state;
    for (int i = 0; i < registry_count(REGISTRY_ACTIVATION); i++) {
        const rondo_activation *row = registry_at(REGISTRY_ACTIVATION, i);
        if (!row->range || !(row->rowwise ? row->note : row->formula))
            fail_msg("%s lacks its range or its formula", row->name);
    }
}

/* Names at the beginnings of lines of its section on activations; "a / b" are two. */
static void conventions(void **state)
{
    FILE *file = fopen("../shared/reference/conventions.md", "r");
    char line[4096], word[64];
    bool inside = false;
    int found = 0;
    rondo_function f;
    (void)state;
    if (!file) {
        print_message("skipped: no ../shared/reference/conventions.md\n");
        skip();
    }
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "### Activation definitions")) inside = true;
        if (inside && strstr(line, "**The hard_sigmoid trap")) break;
        if (!inside || sscanf(line, "%63[a-z_0-9]", word) != 1) continue;
        found++;
        if (activation_parse(&f, word)) fail_msg("%s: %s", word, rondo_error());
    }
    fclose(file);
    assert_true(found > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tool),
        cmocka_unit_test(every_row_says_what_it_is),
        cmocka_unit_test(conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
