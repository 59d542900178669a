/* words - all that pages say, in English and in Chinese, side by side. */
#include "insight/insight.h"
#include <stdarg.h>
#include <string.h>

static const struct {
    const char *en, *zh;
} words[WORDS] = {
    [WORD_TITLE] = { "%s: a training, reported", "%s：训练报告" },
    [WORD_CLASSIFIER] = { "A classifier of %d classes: %s, with %lld parameters.",
                          "%d 类分类器：%s，共 %lld 个参数。" },
    [WORD_REGRESSION] = { "A regression: %s, with %lld parameters.",
                          "回归模型：%s，共 %lld 个参数。" },
    [WORD_FORECASTER] = { "A forecaster: %s, with %lld parameters.",
                          "预测模型：%s，共 %lld 个参数。" },
    [WORD_LANGUAGE_MODEL] = { "A language model, a %s at a time: %s, with %lld parameters.",
                              "语言模型（逐%s）：%s，共 %lld 个参数。" },
    [WORD_LAYERS_OF] = { "the layers of %s", "%s 的各层" },
    [WORD_TRAINED_TEXT] = { "Trained on %lld tokens of %s, for %lld epochs, with %s; seed %lld.",
                            "训练数据 %lld 个词元（%s），%lld 轮，优化器 %s，随机种子 %lld。" },
    [WORD_TRAINED] = { "Trained on %lld samples of %s, for %lld epochs, with %s; seed %lld.",
                       "训练数据 %lld 个样本（%s），%lld 轮，优化器 %s，随机种子 %lld。" },
    [WORD_BEST] = { "Best epoch: %lld, where %s was %.4g.", "最佳轮次：第 %lld 轮，%s 为 %.4g。" },
    [WORD_UNFINISHED] = { "This training is not finished: the same rondo train command goes on. "
                          "Until "
                          "then there is no model to look into.",
                          "训练尚未完成：再次运行同一条 rondo train "
                          "命令即可继续。在此之前没有可供分析的模型。" },
    [WORD_JUDGED] = { "Judged on %lld samples of %s:", "评估数据为 %lld 个样本（%s）：" },
    [WORD_JUDGED_TEXT] = { "Judged on %lld tokens of %s, each a %s.",
                           "评估数据为 %lld 个词元（%s），每个词元是一个%s。" },
    [WORD_END_COUNTED] = { " The end of a text, %s, counts as one.", "文本结尾 %s 也计作一个。" },
    [WORD_UNKNOWN] = { " %lld are unknown to its vocabulary.", "其中 %lld 个不在词表中。" },
    [WORD_A_WORD] = { "word", "词" },
    [WORD_A_SUB_WORD] = { "sub-word", "子词" },
    [WORD_A_CHARACTER] = { "character", "字符" },
    [WORD_A_BYTE] = { "byte", "字节" },
    [WORD_A_TOKEN] = { "token", "词元" },
    [WORD_PER] = { "per %s", "每%s" },
    [WORD_NATS_PER] = { "nats per %s", "奈特/%s" },
    [WORD_BITS_PER] = { "bits per %s", "比特/%s" },
    [WORD_WRITES] = { "What it writes", "模型写出的文字" },
    [WORD_FORGOTTEN] = { "What its base has kept", "基础模型保留了多少" },
    [WORD_FORGOTTEN_SAY] = { "The base is judged on data of its own, before and with the body as "
                             "the training left it.",
                             "用基础模型自己的数据评估：训练之前，以及换上训练之后的各层。" },
    [WORD_THE_BASE] = { "the base", "基础模型" },
    [WORD_FUNCTIONS] = { "What other functions cost", "更换激活函数的代价" },
    [WORD_EXCHANGE] = { "Exchanged: %s.", "更换如下：%s。" },
    [WORD_ON_VALIDATION] = { "On the validation data, in the data's own units:",
                             "在验证数据上（使用数据自身的单位）：" },
    [WORD_NOT_JUDGED] = { "That was not judged: %s.", "未作评估：%s。" },
    [WORD_AS_IT_WAS] = { "as it was", "原来" },
    [WORD_EXCHANGED] = { "exchanged", "更换后" },
    [WORD_AFTER_BEST] = { "best epoch", "最佳轮次" },
    [WORD_AFTER_LAST] = { "last epoch", "最后一轮" },
    [WORD_FLATTERS] = { "These are data that it was trained on, so the scores flatter it; rondo "
                        "report RUN --data FILE judges it by others.",
                        "这些是训练时用过的数据，分数会偏高；用 rondo report RUN --data FILE "
                        "换成别的数据评估。" },
    [WORD_NO_DATA] = { "There are no data to judge it by (%s); rondo report RUN --data FILE gives "
                       "some.",
                       "没有可用于评估的数据（%s）；用 rondo report RUN --data FILE 指定。" },
    [WORD_CURVES] = { "Learning curves", "学习曲线" },
    [WORD_NO_LOG] = { "The run has no epoch in its log.csv, so there is nothing to draw.",
                      "log.csv 中没有任何一轮的记录，无曲线可画。" },
    [WORD_EPOCH] = { "epoch", "轮次" },
    [WORD_TRAINING] = { "training", "训练" },
    [WORD_VALIDATION] = { "validation", "验证" },
    [WORD_SCORES] = { "Scores", "分数" },
    [WORD_METRIC] = { "metric", "指标" },
    [WORD_VALUE] = { "value", "数值" },
    [WORD_SCALED_LOSS] = { "The loss is that of scaled targets; the other metrics are in the "
                           "data's "
                           "own units.",
                           "损失按缩放后的目标计算；其他指标使用数据自身的单位。" },
    [WORD_SCALED_CURVES] = { "The curves are those of scaled targets.",
                             "曲线按缩放后的目标计算。" },
    [WORD_CONFUSION] = { "Confusion matrix", "混淆矩阵" },
    [WORD_PREDICTED] = { "predicted", "预测" },
    [WORD_TRUE] = { "true", "真实" },
    [WORD_CLASS] = { "class", "类别" },
    [WORD_PRECISION] = { "precision", "精确率" },
    [WORD_RECALL] = { "recall", "召回率" },
    [WORD_F1] = { "F1", "F1" },
    [WORD_SUPPORT] = { "of them", "数量" },
    [WORD_GROUPS] = { "Groups", "分组" },
    [WORD_SAMPLES] = { "samples", "样本数" },
    [WORD_INTERVAL] = { "95 % interval", "95 % 区间" },
    [WORD_SMALL] = { "too few to say", "样本太少，不作判断" },
    [WORD_LEAST] = { "least", "最小" },
    [WORD_LARGEST] = { "largest", "最大" },
    [WORD_DIFFERENCE] = { "difference", "差" },
    [WORD_RATIO] = { "ratio", "比" },
    [WORD_TO_ALL] = { "difference to all", "与总体之差" },
    [WORD_RATIO_TO_ALL] = { "ratio to all", "与总体之比" },
    [WORD_GROUPS_SAY] = { "Differences and ratios are those of Fairlearn's MetricFrame. A group "
                          "under 30 "
                          "samples, or with an interval wider than 0.2, is too small to say.",
                          "差与比的定义同 Fairlearn 的 MetricFrame。样本少于 30 个或区间宽于 0.2 "
                          "的组，样本太少，不作判断。" },
    [WORD_WRONG] = { "Wrong, the surest first", "判断错误的样本（按把握从高到低）" },
    [WORD_RIGHT] = { "Right, the least sure first", "判断正确的样本（按把握从低到高）" },
    [WORD_NONE_WRONG] = { "No sample is wrong.", "没有判断错误的样本。" },
    [WORD_NONE_RIGHT] = { "No sample is right.", "没有判断正确的样本。" },
    [WORD_WRONG_SAMPLE] = { "Sample %lld: %s (%.0f %%), in truth %s",
                            "样本 %lld：判为 %s（%.0f %%），实为 %s" },
    [WORD_RIGHT_SAMPLE] = { "Sample %lld: %s (%.0f %%)", "样本 %lld：%s（%.0f %%）" },
    [WORD_STEP] = { "step", "步" },
    [WORD_ATTRIBUTION] = { "Below it: what the probability of %s owes to each feature at each "
                           "step, by "
                           "integrated gradients from the mean input, gap %.2g %%.",
                           "下图：每个特征在每一步对“%"
                           "s”概率的贡献，即以平均输入为基线的积分梯度，误差 %.2g %%。" },
    [WORD_ANSWERS] = { "Predicted and true", "预测值与真实值" },
    [WORD_SAMPLE] = { "sample", "样本" },
    [WORD_ERRORS] = { "Errors", "误差" },
    [WORD_ERROR] = { "true less predicted", "真实值减预测值" },
    [WORD_COUNT] = { "samples", "样本数" },
    [WORD_BESIDE] = { "Beside the simplest answer", "与最简单的答案比较" },
    [WORD_MODEL] = { "this model", "本模型" },
    [WORD_LAST] = { "the last value again (persistence)", "重复最后一个值（持续性预测）" },
    [WORD_MEAN] = { "always the mean of these data", "总是这些数据的平均值" },
    [WORD_WORSE] = { "The model is no better than that.", "本模型并不比它更好。" },
    [WORD_DIAGNOSIS] = { "Diagnosis", "诊断" },
    [WORD_NO_DIAGNOSIS] = { "There is no diagnosis: %s.", "没有诊断结果：%s。" },
    [WORD_EXPLANATION] = { "Rondo: an explanation", "Rondo：解释" },
    [WORD_SAMPLE_NUMBER] = { "Sample %lld", "样本 %lld" },
    [WORD_SAMPLE_LABEL] = { "Sample %lld: %s", "样本 %lld：%s" },
    [WORD_EXPLAINED] = { "Explained is the %s of %s: %.6g; of the baseline (%s), %.6g.",
                         "解释的是%s（%s）：%.6g；基线（%s）为 %.6g。" },
    [WORD_EXPLAINED_STEP] = { "Explained is the %s of %s at step %lld: %.6g; of the baseline (%s), "
                              "%.6g.",
                              "解释的是%s（%s，第 %lld 步）：%.6g；基线（%s）为 %.6g。" },
    [WORD_COMPLETE] = { "Integrated gradients add up to %.6g; the difference is %.6g: a gap of "
                        "%.2g %%, at %lld points.",
                        "积分梯度之和为 %.6g，两者之差为 %.6g：误差 %.2g %%，共 %lld 个点。" },
    [WORD_PROBABILITY] = { "probability", "概率" },
    [WORD_LOGIT] = { "logit", "logit" },
    [WORD_QUANTITY] = { "value", "数值" },
    [WORD_INTEGRATED] = { "integrated gradients", "积分梯度" },
    [WORD_OCCLUSION] = { "occlusion", "遮挡" },
    [WORD_MAP_GATES] = { "gates", "门" },
    [WORD_MAP_UNITS] = { "units", "单元" },
    [WORD_TIME] = { "time", "时间" },
    [WORD_MAP] = { "%lld names from top to bottom, %lld steps from left to right",
                   "从上到下 %lld 个名称，从左到右 %lld 步" },
    [WORD_MAP_MANY] = { "%lld names from top to bottom, %lld steps from left to right, several in "
                        "a cell",
                        "从上到下 %lld 个名称，从左到右 %lld 步，每格含若干步" },
    [WORD_DIAGNOSED] = { "%lld samples; loss %.4g.", "%lld 个样本；损失 %.4g。" },
    [WORD_HEALTHY] = { "Nothing suspicious found.", "没有发现可疑之处。" },
    [WORD_TRY] = { "Try: ", "建议：" },
    [WORD_GRADIENTS] = { "How the gradient shrinks on its way back in time",
                         "梯度沿时间向后传播时如何衰减" },
    [WORD_GRADIENT_NORM] = { "norm of ∂loss/∂h, of that at the end",
                             "∂损失/∂h 的范数（相对于末步）" },
    [WORD_DISTANCE] = { "steps before the end of the row", "距序列末尾的步数" },
    [WORD_LOSSES] = { "Loss over the training", "训练过程中的损失" },
    [WORD_LOSS] = { "loss", "损失" },
    [WORD_PARTS] = { "parts of the training", "训练的各部分" },
    [WORD_MEMORY] = { "Memory of recurrent layers", "循环层的记忆" },
    [WORD_LAYER] = { "layer", "层" },
    [WORD_HALF_LIFE] = { "steps until half", "减半所需步数" },
    [WORD_ONE_PERCENT] = { "steps until 1 %%", "降到 1 %% 所需步数" },
    [WORD_DECAY] = { "factor a step", "每步的倍数" },
    [WORD_KEPT] = { "kept a step", "每步保留" },
    [WORD_RADIUS] = { "spectral radius", "谱半径" },
    [WORD_EXPONENT] = { "largest Lyapunov exponent", "最大李雅普诺夫指数" },
    [WORD_UNITS] = { "Units", "单元" },
    [WORD_N_UNITS] = { "units", "单元数" },
    [WORD_DEAD] = { "dead", "死亡" },
    [WORD_CONSTANT] = { "constant", "恒定" },
    [WORD_LARGEST_OUTPUT] = { "largest output", "最大输出" },
    [WORD_GATES] = { "What gates do", "各个门的取值" },
    [WORD_GATE] = { "gate", "门" },
    [WORD_ACTIVATION] = { "activation", "激活函数" },
    [WORD_GATE_MEAN] = { "mean", "均值" },
    [WORD_LOW] = { "under 0.05", "低于 0.05" },
    [WORD_HIGH] = { "over 0.95", "高于 0.95" },
    [WORD_SATURATED] = { "saturated", "饱和" },
    [WORD_SHARE] = { "share of the values", "取值的比例" },
    [WORD_LAYERS] = { "Layers", "网络层" },
    [WORD_RUN] = { "What this run is", "本次运行" },
    [WORD_MADE] = { "Made by Rondo %s. This page asks nothing of any network.",
                    "由 Rondo %s 生成。本页不访问网络。" },
};

rondo_status page_language(bool *chinese, const char *lang)
{
    *chinese = lang && strcmp(lang, "zh") == 0;
    if (*chinese || !lang || strcmp(lang, "en") == 0) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG, "a page is in en or zh, not \"%s\"", lang);
}

const char *page_word(int word, bool chinese)
{
    return chinese ? words[word].zh : words[word].en;
}

void page_vsay(text_buffer *out, bool chinese, int word, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, page_word(word, chinese), args);
    text_escaped(out, text);
}

void page_say(text_buffer *out, bool chinese, int word, ...)
{
    va_list args;
    va_start(args, word);
    page_vsay(out, chinese, word, args);
    va_end(args);
}
