/* rules - from figures to sentences. One row per fault: when it holds, what it says and advises, in both
 * languages. A row is left out where another one of the same layer, or of the whole, explains it. */
#include "insight/insight.h"
#include <math.h>
#include <string.h>

enum { FACTS = 6 };
typedef struct facts { /* what a sentence is filled with */
    const char *layer, *what;
    double number[FACTS];
} facts;
typedef struct rule {
    const char *name;
    int severity;
    bool whole; /* of the network; otherwise asked for each layer (l) */
    bool (*holds)(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f);
    const char *unless; /* rules that explain it when they hold: "a b" */
    const char *sentence, *advice, *sentence_zh, *advice_zh;
} rule;

/* ---- What many ask ---- */
/* No better than the best constant answer; not said where that one's loss is not known. */
static bool fails(const rondo_diagnosis *d)
{
    return d->loss > 0.9 * d->constant_loss;
}

static bool works(const rondo_diagnosis *d)
{
    return d->loss < 0.3 * d->constant_loss;
}

static double last_gradient(const rondo_layer_diagnosis *l)
{
    return l->n_distances ? l->gradient[l->n_distances - 1] : NAN;
}

static double greatest_gradient(const rondo_layer_diagnosis *l)
{
    double most = 0;
    for (int64_t i = 0; i < l->n_distances; i++) most = fmax(most, l->gradient[i]);
    return most;
}

static const rondo_cell *cell_of(const rondo_layer_diagnosis *l)
{
    return l->recurrent ? registry_find(REGISTRY_CELL, l->kind) : NULL;
}

static bool has_forget_gate(const rondo_layer_diagnosis *l)
{
    const rondo_cell *c = cell_of(l);
    return c && c->forget_gate;
}

/* Whose bias chrono knows how to begin. */
static bool has_memory_gate(const rondo_layer_diagnosis *l)
{
    const rondo_cell *c = cell_of(l);
    return c && (c->keep_gate || c->write_gate);
}

/* ---- The whole ---- */
static bool diverged(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->number[0] = d->largest_norm;
    f->number[1] = d->gradient_norm;
    return d->diverged;
}

static bool inputs_unscaled(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->what = d->input_name;
    f->number[0] = d->input_size;
    return d->input_size > 10;
}

static bool targets_unscaled(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->number[0] = d->target_size;
    f->number[1] = d->loss;
    f->number[2] = d->constant_loss;
    return d->target_size > 10 && !(d->loss < 0.5 * d->constant_loss);
}

static bool gradients_spike(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->number[0] = d->largest_norm;
    f->number[1] = d->gradient_norm;
    f->number[2] = d->exploding;
    return d->largest_norm > 1e3 && d->largest_norm > 100 * d->gradient_norm && !(d->clipped > 0);
}

/* The least mean loss of an eighth of the training before the last; NaN of short ones. */
static double least_loss(const rondo_diagnosis *d)
{
    const int64_t n = d->n_losses / 8;
    double least = NAN;
    for (int64_t i = 0; n > 0 && i < 7; i++) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++) sum += d->losses[i * n + k];
        least = fmin(least, sum / (double)n);
    }
    return least;
}

static bool rate_too_high(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    const double least = least_loss(d), ratio = fmax(d->update_ratio, d->first_update_ratio);
    (void)l;
    f->number[0] = ratio;
    f->number[1] = d->loss;
    f->number[2] = least;
    return ratio > 0.5 || (ratio > 0.03 && (d->loss > 1.5 * least || fails(d)));
}

static bool rate_too_low(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->number[0] = d->first_update_ratio;
    f->number[1] = d->n_losses ? d->losses[0] : NAN;
    f->number[2] = d->loss;
    return d->first_update_ratio < 1e-4 && d->n_losses > 0 && d->loss > 0.9 * d->losses[0] &&
           !works(d);
}

static bool always_clipped(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)l;
    f->number[0] = d->clipped;
    f->number[1] = d->gradient_norm;
    return d->clipped > 0.9;
}

/* ---- A layer's units ---- */
static bool dead_units(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)d;
    f->what = l->activation;
    f->number[0] = (double)l->dead;
    f->number[1] = (double)l->units;
    return l->units > 1 && (double)l->dead >= 0.3 * (double)l->units;
}

static bool constant_units(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    f->number[0] = (double)l->constant;
    f->number[1] = (double)l->units;
    return d->samples > 1 && l->units > 1 && (double)l->constant >= 0.3 * (double)l->units;
}

/* ---- A recurrence ---- */
static bool states_explode(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    f->what = l->activation;
    f->number[0] = l->largest;
    f->number[1] = l->steps;
    return l->recurrent && l->largest > 1e3 && l->largest > 100 * fmax(d->input_size, 1);
}

static bool recurrence_explodes(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    const double far = greatest_gradient(l);
    (void)d;
    f->number[0] = exp(l->lyapunov);
    f->number[1] = l->lyapunov;
    f->number[2] = l->steps;
    f->number[3] = fmax(exp(fmin(l->lyapunov * l->steps, 600)), far);
    return far > 1e3 || (l->lyapunov > 0.05 && l->lyapunov * l->steps > log(1e3));
}

static bool recurrence_too_weak(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)d;
    f->number[0] = l->kernel_radius;
    f->number[1] = l->memory;
    f->number[2] = l->steps;
    return l->kernel_radius < 0.5 && l->memory < l->steps / 3;
}

static bool forgets(const rondo_layer_diagnosis *l, facts *f)
{
    f->number[0] = l->forgetting;
    f->number[1] = l->kept_half_life;
    f->number[2] = l->steps;
    return l->forgetting > 0.5 && l->kept_half_life < l->steps / 10;
}

static bool forget_gate_closed(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)d;
    return has_forget_gate(l) && forgets(l, f);
}

/* The same of an update gate, as the GRU's is. */
static bool keeps_nothing(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)d;
    return !has_forget_gate(l) && has_memory_gate(l) && forgets(l, f);
}

/* Functions with two flat ends; half of relu is flat, as it should be. */
static bool saturated(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    (void)d;
    f->number[0] = 0.7;
    for (int64_t g = 0; g < l->n_gates; g++) {
        const rondo_gate_diagnosis *gate = &l->gate[g];
        if (gate->from <= -4 || gate->to >= 4 || !(gate->saturated > f->number[0])) continue;
        f->what = gate->name;
        f->number[0] = gate->saturated;
        f->number[1] = gate->low;
        f->number[2] = gate->high;
    }
    return f->what != NULL;
}

static bool vanishes(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    f->number[0] = l->half_life;
    f->number[1] = l->memory;
    f->number[2] = l->steps;
    f->number[3] = last_gradient(l);
    f->number[4] = d->loss;
    f->number[5] = d->constant_loss;
    return fails(d) && l->memory < l->steps / 3 && last_gradient(l) < 1e-3;
}

static bool vanishes_plain(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    return !has_memory_gate(l) && vanishes(d, l, f);
}

static bool vanishes_gated(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    return has_memory_gate(l) && vanishes(d, l, f);
}

static bool unreached(const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    f->number[0] = l->unreached;
    return l->unreached > 0.5 && !works(d);
}

static const rule rules[] = {
    { "diverged", 3, true, diverged, NULL,
      "The loss stopped being a number: the gradient's norm reached {0}, its median is {1}.",
      "Lower the learning rate by ten, and clip gradients: --clipnorm 1.",
      "损失已不再是数字：梯度范数达到 {0}，其中位数为 {1}。",
      "把学习率降到十分之一，并裁剪梯度：--clipnorm 1。" },
    { "inputs_unscaled", 2, true, inputs_unscaled, NULL,
      "Inputs are not scaled: feature {what} has values around {0}, where weights are made for 1.",
      "Train with --scale standard; the scaling is kept in the model file.",
      "输入没有缩放：特征 {what} 的数值约为 {0}，而初始权重是按 1 左右设计的。",
      "训练时加上 --scale standard；缩放参数会保存在模型文件里。" },
    { "targets_unscaled", 2, true, targets_unscaled, NULL,
      "Targets are not scaled: they lie around {0}, and the loss is {1} where a constant answer "
      "has {2}.",
      "Train with --scale standard, which scales targets too and gives answers in the data's "
      "units.",
      "目标值没有缩放：数值约为 {0}；损失为 {1}，而常数答案的损失为 {2}。",
      "训练时加上 --scale standard：它也缩放目标值，输出仍用数据原来的单位。" },
    { "states_explode", 3, false, states_explode, NULL,
      "{layer}: states grow to {0} within {1} steps, as nothing bounds {what}.",
      "Begin with recurrent_initializer=identity (IRNN), clip gradients (--clipnorm 1) and lower "
      "the "
      "learning rate; or use tanh.",
      "{layer}：状态在 {1} 步内增长到 {0}，因为 {what} 没有上界。",
      "用 recurrent_initializer=identity（IRNN）初始化，裁剪梯度（--clipnorm 1）并降低学习率；"
      "或改用 tanh。" },
    { "recurrence_explodes", 3, false, recurrence_explodes, "states_explode",
      "{layer}: the recurrence multiplies small changes by {0} a step (largest Lyapunov exponent "
      "{1}): gradients grow by up to {3} over {2} steps. Its recurrent weights are too large.",
      "Begin with recurrent_initializer=orthogonal, clip gradients (--clipnorm 1), and lower the "
      "learning rate.",
      "{layer}：循环每一步把微小变化放大 {0} 倍（最大李雅普诺夫指数 {1}），{2} 步内梯度最多增长 "
      "{3} 倍。循环权重太大。",
      "用 recurrent_initializer=orthogonal 初始化，裁剪梯度（--clipnorm 1），并降低学习率。" },
    { "recurrence_too_weak", 2, false, recurrence_too_weak, "states_explode",
      "{layer}: its recurrent kernel has spectral radius {0}, so after {1} steps 1 % of the "
      "gradient is "
      "left, and rows have {2}. Its recurrent weights are too small.",
      "Begin with recurrent_initializer=orthogonal, whose radius is 1, or use lstm or gru.",
      "{layer}：循环权重矩阵的谱半径为 {0}，{1} 步之后梯度只剩 1 %，而序列有 {2} "
      "步。循环权重太小。",
      "用 recurrent_initializer=orthogonal（谱半径为 1）初始化，或改用 lstm 或 gru。" },
    { "forget_gate_closed", 2, false, forget_gate_closed, "rate_too_high inputs_unscaled",
      "{layer}: {0%} of forget gates are below 0.05: half-life {1} steps; your task spans {2}.",
      "Let the forget gate's bias begin with 1 (leave out no_unit_forget_bias), or begin with "
      "bias_initializer=\"chrono({2})\".",
      "{layer}：{0%} 的遗忘门低于 0.05：半衰期 {1} 步；而任务跨越 {2} 步。",
      "让遗忘门的偏置从 1 开始（不要使用 no_unit_forget_bias），或使用 "
      "bias_initializer=\"chrono({2})\"。" },
    { "keeps_nothing", 2, false, keeps_nothing, "rate_too_high inputs_unscaled",
      "{layer}: in {0%} of steps a unit keeps under 5 % of its state: half-life {1} steps; your "
      "task "
      "spans {2}.",
      "Let its gates begin by keeping: bias_initializer=\"chrono({2})\".",
      "{layer}：在 {0%} 的步中单元保留的状态不足 5 %：半衰期 {1} 步；而任务跨越 {2} 步。",
      "让门一开始就保留状态：bias_initializer=\"chrono({2})\"。" },
    { "saturated", 2, false, saturated,
      "forget_gate_closed keeps_nothing inputs_unscaled rate_too_high",
      "{layer}: gate {what} is saturated: in {0%} of steps its slope is under 5 % of the steepest, "
      "so "
      "hardly any gradient passes (values under 0.05: {1%}; over 0.95: {2%}).",
      "Weights or biases are too large: lower the learning rate, begin with the default "
      "initializers, or use layer_normalization before {layer}.",
      "{layer}：门 {what} 已饱和：{0%} 的步中其斜率低于最大斜率的 5 %，梯度几乎无法通过"
      "（低于 0.05 的占 {1%}，高于 0.95 的占 {2%}）。",
      "权重或偏置太大：降低学习率，使用默认的初始化，或在 {layer} 之前加 layer_normalization。" },
    { "dead_units", 2, false, dead_units, "inputs_unscaled",
      "{layer}: {0} of {1} units are dead: their {what} gives 0 for every sample, so they never "
      "learn.",
      "Lower the learning rate, use he_uniform as kernel_initializer, or leaky_relu or elu, which "
      "have a slope everywhere.",
      "{layer}：{1} 个单元中有 {0} 个已经死亡：对每个样本其 {what} 都输出 0，因而不再学习。",
      "降低学习率，用 he_uniform 作 kernel_initializer，或改用处处有斜率的 leaky_relu 或 elu。" },
    { "constant_units", 1, false, constant_units, "dead_units saturated inputs_unscaled",
      "{layer}: {0} of {1} units give the same for every sample and step.",
      "They carry nothing: fewer units would do, or the weights before them are far too small or "
      "too large.",
      "{layer}：{1} 个单元中有 {0} 个对所有样本和时间步都输出相同的值。",
      "它们不携带信息：可以减少单元数，或者它们之前的权重过小或过大。" },
    { "unreached", 2, false, unreached, "dead_units diverged states_explode inputs_unscaled",
      "{layer}: no gradient arrives in {0%} of the rows.",
      "A layer after it is saturated or dead: see the others, or begin again with a lower rate.",
      "{layer}：{0%} 的序列没有任何梯度到达。",
      "其后的某一层已饱和或死亡：请看其他各条，或用较低的学习率重新开始。" },
    { "vanishing_gradient", 2, false, vanishes_plain,
      "recurrence_too_weak saturated inputs_unscaled targets_unscaled rate_too_low diverged "
      "rate_too_high",
      "{layer}: the gradient vanishes: it halves every {0} steps, after {1} steps 1 % is left, and "
      "rows have {2}. The network does no better than a constant answer (loss {4}, constant {5}).",
      "Use lstm or gru, or relu with recurrent_initializer=identity; or shorten the rows.",
      "{layer}：梯度消失：每 {0} 步减半，{1} 步之后只剩 1 %，而序列有 {2} 步。"
      "网络并不比常数答案更好（损失 {4}，常数 {5}）。",
      "改用 lstm 或 gru，或 relu 加 recurrent_initializer=identity；或缩短序列。" },
    { "vanishing_gradient", 2, false, vanishes_gated,
      "forget_gate_closed keeps_nothing saturated inputs_unscaled targets_unscaled rate_too_low "
      "diverged "
      "rate_too_high",
      "{layer}: the gradient vanishes: it halves every {0} steps, after {1} steps 1 % is left, and "
      "rows have {2}. The network does no better than a constant answer (loss {4}, constant {5}).",
      "Begin with bias_initializer=\"chrono({2})\", or train longer: what gates keep is learnt.",
      "{layer}：梯度消失：每 {0} 步减半，{1} 步之后只剩 1 %，而序列有 {2} 步。"
      "网络并不比常数答案更好（损失 {4}，常数 {5}）。",
      "用 bias_initializer=\"chrono({2})\" 初始化，或训练更久：门的记忆是学出来的。" },
    { "rate_too_high", 2, true, rate_too_high,
      "diverged states_explode recurrence_explodes inputs_unscaled targets_unscaled",
      "The learning rate is too high: an update changes weights by {0%} of their size, where 0.1 % "
      "is "
      "usual; the loss is {1} and was {2} before.",
      "Lower --learning-rate by three to ten.",
      "学习率太高：每次更新改变权重大小的 {0%}，通常为 0.1 %；损失为 {1}，之前曾为 {2}。",
      "把 --learning-rate 降到三分之一至十分之一。" },
    { "rate_too_low", 2, true, rate_too_low,
      "diverged states_explode recurrence_explodes recurrence_too_weak forget_gate_closed "
      "keeps_nothing "
      "saturated "
      "dead_units unreached inputs_unscaled targets_unscaled",
      "The learning rate is too low: an update changes weights by {0} of their size, where 0.001 "
      "is "
      "usual; the loss went from {1} to {2}.",
      "Raise --learning-rate by ten.",
      "学习率太低：每次更新只改变权重大小的 {0}，通常为 0.001；损失从 {1} 变为 {2}。",
      "把 --learning-rate 提高到十倍。" },
    { "gradients_spike", 2, true, gradients_spike,
      "diverged states_explode recurrence_explodes inputs_unscaled targets_unscaled",
      "Gradients explode in single batches: the largest norm is {0}, the median {1}.",
      "Clip them: --clipnorm 1.", "个别批次的梯度爆炸：最大范数为 {0}，中位数为 {1}。",
      "裁剪梯度：--clipnorm 1。" },
    { "always_clipped", 1, true, always_clipped, "inputs_unscaled targets_unscaled",
      "{0%} of the batches are clipped (median norm {1}): the clipping, and not the learning rate, "
      "says how far a step goes.",
      "Raise the limit towards the median norm, or lower the learning rate instead.",
      "{0%} 的批次被裁剪（范数中位数 {1}）：步长由裁剪而不是学习率决定。",
      "把裁剪阈值提高到接近范数中位数，或改为降低学习率。" },
};
enum { RULES = sizeof rules / sizeof *rules };

/* ---- Sentences ---- */
/* {layer}, {what}, {0} as a number, {0%} as a percentage. */
static void fill(char *to, size_t room, const char *text, const facts *f)
{
    char out[1024];
    const size_t size = sizeof out;
    size_t n = 0;
    while (*text && n + 1 < size) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (!end) {
            out[n++] = *text++;
            continue;
        }
        const int i = text[1] - '0';
        const bool number = i >= 0 && i < FACTS;
        const double x = number ? f->number[i] : 0;
        int used;
        if (!number)
            used = snprintf(out + n, size - n, "%s", text[1] == 'l' ? f->layer : f->what);
        else if (text[2] == '%')
            used = snprintf(out + n, size - n, x < 0.1 ? "%.2g %%" : "%.0f %%", 100 * x);
        else
            used = snprintf(out + n, size - n, x >= 100 && x < 1e6 ? "%.0f" : "%.2g", x);
        n += used > 0 ? (size_t)used : 0;
        text = end + 1;
    }
    out[n < size ? n : size - 1] = 0;
    text_fit(to, room, out);
}

static void add(rondo_diagnosis *d, const rule *r, const facts *f)
{
    if (d->n_findings == RONDO_FINDINGS) return;
    rondo_finding *x = &d->finding[d->n_findings++];
    snprintf(x->rule, sizeof x->rule, "%s", r->name);
    text_fit(x->layer, sizeof x->layer, r->whole ? "" : f->layer);
    x->severity = r->severity;
    fill(x->sentence, sizeof x->sentence, r->sentence, f);
    fill(x->advice, sizeof x->advice, r->advice, f);
    fill(x->sentence_zh, sizeof x->sentence_zh, r->sentence_zh, f);
    fill(x->advice_zh, sizeof x->advice_zh, r->advice_zh, f);
}

static bool check(const rule *r, const rondo_diagnosis *d, const rondo_layer_diagnosis *l, facts *f)
{
    *f = (facts){ .layer = l ? l->name : "" };
    return r->whole == !l && r->holds(d, l, f);
}

static bool listed(const char *names, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = names; at && (at = strstr(at, name)) != NULL; at += n)
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

/* Whether a rule that explains this one holds for the layer or for the whole; for the whole, in any
 * layer. */
static bool explained(const rule *r, const rondo_diagnosis *d, const rondo_layer_diagnosis *l)
{
    facts unread;
    for (int i = 0; i < RULES; i++) {
        const rule *other = &rules[i];
        if (!listed(r->unless, other->name)) continue;
        if (other->whole ? check(other, d, NULL, &unread) : l && check(other, d, l, &unread))
            return true;
        for (int64_t k = 0; !l && !other->whole && k < d->n_layers; k++)
            if (check(other, d, &d->layer[k], &unread)) return true;
    }
    return false;
}

void rules_apply(rondo_diagnosis *d)
{
    d->n_findings = 0;
    for (int severity = 3; severity > 0; severity--)
        for (int i = 0; i < RULES; i++) {
            const rule *r = &rules[i];
            facts f;
            if (r->severity != severity) continue;
            if (r->whole && check(r, d, NULL, &f) && !explained(r, d, NULL)) add(d, r, &f);
            for (int64_t k = 0; !r->whole && k < d->n_layers; k++)
                if (check(r, d, &d->layer[k], &f) && !explained(r, d, &d->layer[k])) add(d, r, &f);
        }
}
