/* Activations with learned parameters: formulas, as any row without functions of its own is. */
#include "cell.h"

static const rondo_activation rows[] = {
    { .name = "prelu",
      .parameters = "alpha=0.25 shared=0",
      .learned = 1,
      .formula = "where(x > 0, x, alpha*x)",
      .range = "(-inf, inf)",
      .source = "He et al. 2015; Keras PReLU, PyTorch PReLU",
      .note = "Keras begins with prelu(0); PyTorch's default is one slope for all units, "
              "prelu(0.25, shared=1)" },
    { .name = "modrelu",
      .parameters = "b=0 shared=0",
      .learned = 1,
      .formula = "sign(x)*max(0, abs(x) + b)",
      .range = "(-inf, inf)",
      .source = "Arjovsky et al. 2016, of real numbers as in Helfrich et al. 2018",
      .note = "for orthogonal recurrent weights; with b below 0 it has a dead zone around 0" },
    { .name = "learned_tanh",
      .parameters = "slope=1 shared=0",
      .learned = 1,
      .formula = "tanh(slope*x)",
      .range = "(-1, 1)",
      .source = "Jagtap et al. 2020 (adaptive activation functions)" },
    { .name = "learned_sigmoid",
      .parameters = "slope=1 shared=0",
      .learned = 1,
      .formula = "sigmoid(slope*x)",
      .range = "(0, 1)",
      .source = "Jagtap et al. 2020 (adaptive activation functions)" },
    { .name = "learned_swish",
      .parameters = "beta=1 shared=0",
      .learned = 1,
      .formula = "x*sigmoid(beta*x)",
      .range = "(-inf, inf)",
      .source = "Ramachandran et al. 2017 (swish with a trainable beta)" },
    { .name = "learned_snake",
      .parameters = "alpha=1 shared=0",
      .learned = 1,
      .formula = "x + sin(alpha*x)^2/alpha",
      .range = "(-inf, inf)",
      .source = "Ziyin et al. 2020 (snake with a trainable frequency)" },
    { .name = "pelu",
      .parameters = "a=1 b=1 shared=0",
      .learned = 2,
      .formula = "where(x > 0, a/b*x, a*expm1(x/b))",
      .range = "(-a, inf)",
      .source = "Trottier et al. 2017",
      .note = "a and b have to stay above 0" },
};

/* Not by rondo_register_activation, which compiles a row to see whether it can be: these can. */
void learned_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_ACTIVATION, rows[i].name, &rows[i]);
}
