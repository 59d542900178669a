/* The losses.  Formulas and gradients are the kernels'; see kernel.h and docs/GRADIENTS.md. */
#include "loss/loss.h"

static loss_kernel *cross_entropy(const kernels *k, bool fused)
{
    return fused ? k->softmax_cross_entropy : k->cross_entropy;
}

static slope_kernel *softmax(const kernels *k)
{
    return k->softmax_slope;
}

static loss_kernel *binary(const kernels *k, bool fused)
{
    return fused ? k->sigmoid_cross_entropy : k->binary_cross_entropy;
}

static loss_kernel *squared(const kernels *k, bool fused)
{
    (void)fused;
    return k->squared_error;
}

static loss_kernel *absolute(const kernels *k, bool fused)
{
    (void)fused;
    return k->absolute_error;
}

static loss_kernel *huber(const kernels *k, bool fused)
{
    (void)fused;
    return k->huber;
}

const loss_row loss_categorical_crossentropy = {
    .name = "categorical_crossentropy",
    .help = "-sum target log(y) over classes; targets are distributions (one-hot)",
    .parameters = "label_smoothing=0",
    .smooths = true,
    .fused = "softmax",
    .kernel = cross_entropy,
    .slope = softmax,
};
const loss_row loss_sparse_categorical_crossentropy = {
    .name = "sparse_categorical_crossentropy",
    .help = "-log(y[label]); targets are class labels",
    .takes_labels = true,
    .parameters = "label_smoothing=0",
    .smooths = true,
    .fused = "softmax",
    .kernel = cross_entropy,
    .slope = softmax,
};
const loss_row loss_binary_crossentropy = {
    .name = "binary_crossentropy",
    .help = "-target log(y) - (1-target) log(1-y), mean over the outputs",
    .parameters = "label_smoothing=0",
    .smooths = true,
    .fused = "sigmoid",
    .kernel = binary,
};
const loss_row loss_mse = {
    .name = "mse",
    .alias = "mean_squared_error",
    .help = "(y - target)^2, mean over the outputs",
    .kernel = squared,
};
const loss_row loss_mae = {
    .name = "mae",
    .alias = "mean_absolute_error",
    .help = "|y - target|, mean over the outputs",
    .kernel = absolute,
};
const loss_row loss_huber = {
    .name = "huber",
    .help = "squared below delta, linear above",
    .parameters = "delta=1",
    .kernel = huber,
};
