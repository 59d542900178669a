/* seeds - good inputs for every target, to be spoilt by mutation; made in memory so that no
 * binary files are kept. */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H
#include "fuzz/targets.h"

enum { SEED_BYTES = 8192 };
typedef struct seed {
    uint8_t bytes[SEED_BYTES];
    size_t n;
} seed;

static const char *const seed_specs[] = {
    "simple_rnn 4 return_sequences; gru 3; dense 2 softmax",
    "lstm 5 activations=\"i=hard_sigmoid c=elu(alpha=0.5)\" merge=concat dropout=0.2 name='two "
    "ways'",
    "embedding 3 input_dim=9 mask_zero; gru 3 reset_after=false go_backwards; dense 2 "
    "leaky_relu(0.1)",
    "masking mask_value=-1; layer_normalization epsilon=0.001 no_center; dropout 0.5; activation "
    "mish",
    "lstm 3 kernel_initializer=\"normal(0, 0.01)\" bias_initializer=constant(0.5) stateful "
    "return_state",
    "lstm 3 \"a*tanh(b*x) with a=1, b=0.5 shared\" return_sequences; dense 2 prelu(0.1)",
    "gru 4 learned_state; dense 3 | lora 2 dropout=0.1 | weight_drop 0.5",
    "embedding 3 input_dim=9; dense no_bias tie=embedding | lora 1 name=a | lora 2 rslora",
    "huber(0.5)",
    "orthogonal(gain=2)",
};
static const char *const seed_formulas[] = {
    "x*tanh(log1p(exp(x)))",
    "0.5*x*(1 + erf(x/sqrt(2)))",
    "a*tanh(b*x) with a=1, b=-0.5 shared",
    "where(x >= 1e-3, x^2.5, -alpha*x**-2) with alpha=2",
    "min(max(x, -1), 1) + abs(sin(2*pi*x))/(1 + e^-x) - sign(x)*normal(x)",
    "(exp(x) - exp(-x))/(exp(x) + exp(-x)) != (x == 3) + log(1 + exp(x))",
    "leaky_relu(0.1)",
};
static const char *const seed_trainings[] = {
    "step step_size=10 gamma=0.5",
    "exponential decay_steps=100 decay_rate=0.96 staircase",
    "cosine decay_steps=1000 alpha=0.1 warmup_steps=10",
    "linear alpha=0.2 warmup_ratio=0.1",
    "decay_after epochs=4 gamma=0.5",
    "slanted_triangular cut_frac=0.1 ratio=32",
    "one_cycle decay_steps=50 pct_start=0.5 div_factor=10 final_div_factor=100",
    "adamw learning_rate=0.01 weight_decay=0.1 clipnorm=1 schedule='warmup warmup_steps=4'",
    "ntasgd learning_rate=30 nonmono=5 global_clipnorm=0.25",
    "discriminative=2.6",
    "embedding*=0.1 lstm.bias=3 *.kernel=0",
    "lstm*.recurrent_kernel=weight_drop 0.5; *.kernel=lora rank=2 dropout=0.1",
    "embedding.* *.bias",
    "awd_lstm",
    "ulmfit",
};
static const char *const seed_csv[] = {
    "id,x,y\na,1,2\na,3,4\nb,5,6\nb,7,8.5\n",
    "x;z;y\n1;\"a \"\"b\"\"\";up\n2;c;down\nNA;d;up\n",
    "1,2,3\n4,5,6\n",
};
static const char *const seed_ts[] = {
    "@problemName P\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true a b\n"
    "@data\n1,2:3,4:a\n5,?:6,7:b\n",
    "@classLabel true 1 2\n@data\n1,2,3:1\n4,5:2\n",
};

static const char *const seed_rolls[] = {
    "[[1,8],[],[3]]\n\n[[2]]\n[]\n",
    " [ [ 0 , 5 ] , [ 5 ] ]",
};

static const char *const seed_tokenizers[] = {
    "{\"version\":\"1.0\",\"truncation\":{\"direction\":\"Right\",\"max_length\":9,\"strategy\":"
    "\"LongestFirst\",\"stride\":0},\"padding\":{\"strategy\":{\"Fixed\":6},\"direction\":\"Left\","
    "\"pad_to_multiple_of\":4,\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"a\"},\"added_tokens\":"
    "[{"
    "\"id\":3,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":true,\"rstrip\":true,"
    "\"normalized\":"
    "false,\"special\":true}],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
    "\"NFKC\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"t\"},\"content\":\"aa\"},{\"type\":\"Strip\","
    "\"strip_left\":true,\"strip_right\":true}]},\"pre_tokenizer\":{\"type\":\"Metaspace\","
    "\"replacement\":"
    "\"_\",\"prepend_scheme\":\"first\",\"split\":true},\"post_processor\":{\"type\":"
    "\"BertProcessing\","
    "\"sep\":[\"a\",1],\"cls\":[\"<s>\",3]},\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{"
    "\"type\":"
    "\"ByteFallback\"},{\"type\":\"Fuse\"}]},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_"
    "token\":"
    "\"b\",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":true,"
    "\"byte_fallback\":true,\"ignore_merges\":false,\"vocab\":{\"a\":0,\"b\":1,\"aa\":2},"
    "\"merges\":["
    "[\"a\",\"a\"]]}}",
    "{\"version\":\"1.0\",\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
    "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{"
    "\"type\":"
    "\"BertPreTokenizer\"},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{"
    "\"Sequence\":{"
    "\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}}],\"pair\":[],"
    "\"special_tokens\":{\"x\":{\"id\":\"x\",\"ids\":[0,1],\"tokens\":[\"a\",\"b\"]}}},\"decoder\":"
    "{"
    "\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},\"model\":{\"type\":\"WordPiece\","
    "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
    "\"vocab\":{\"[UNK]\":0,\"a\":1,\"##a\":2,\"the\":3,\"##me\":4}}}",
    "{\"version\":\"1.0\",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
    "\"Split\","
    "\"pattern\":{\"String\":\" \"},\"behavior\":\"MergedWithPrevious\",\"invert\":true},{\"type\":"
    "\"Digits\",\"individual_digits\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
    "\"trim_offsets\":true,\"use_regex\":true}]},\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{"
    "\"type\":"
    "\"Unigram\",\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"<unk>\",0],[\"a\",-1.5],["
    "\"the\",-2],"
    "[\"<0x62>\",-3]]}}",
    "{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"WordLevel\",\"unk_token\":"
    "\"b\","
    "\"vocab\":{\"the\":0,\"b\":1}}}",
};
static const char *const seed_sentences[] = {
    "The theme comes back, again and again; it's 123 \xE4\xB8\xAD\xE6\x96\x87\n\t caf\xC3\xA9 "
    "<eos>",
    "a\xCC\x81\xCC\xA7 \xEF\xBE\x8A\xEF\xBE\x9E \xEA\xB0\x81\xE1\x86\xA8 \xF0\x9F\x8E\xB5 \xC4\xB0",
};
static const char *const seed_texts[] = {
    "good A caf\xC3\xA9 .\n\nbad Dull\nDESC:manner How ?\n",
    "a,b\n1,\"so \"\"so\"\"\n really\"\n2,fine\n",
    "{\"text\": \"one\", \"label\": 1}\n{\"label\": 0, \"text\": [\"\\u4e2d\", \"b\"]}\n",
    "[{\"text\": \"a\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": true}]",
    "\n  \r\n# a\n1\tx y\t\t\t\t\t\t\t\t\n2-3\t\t\t\t\t\t\t\t\t\n",
    "# a\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n1\ta\ta\tDET\tx\t_\t0\troot\t_\t_\n\n",
};
static const char *const seed_configs[] = {
    "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"lora_dropout\": 0.1}",
    "{\"peft_type\": \"LORA\", \"alpha_pattern\": {\"kernel\": 3}, \"use_rslora\": true, "
    "\"use_dora\": false}",
    "lora rank=2 alpha=1 dropout=0.5 rslora name=b",
};

static void seed_put(seed *s, const void *bytes, size_t n)
{
    fuzz_expect(n <= SEED_BYTES, "a seed is too large");
    memcpy(s->bytes, bytes, n);
    s->n = n;
}

static rondo_model *seed_model(const char *spec_text)
{
    rondo_model *m = rondo_model_new();
    const bool tokens = !strncmp(spec_text, "embedding", 9);
    rondo_input(m, tokens ? RONDO_I32 : RONDO_F32, tokens ? RONDO_SHAPE(0) : RONDO_SHAPE(0, 3));
    char **part; /* behind "|" come adapters */
    int n;
    fuzz_expect(!text_split(&part, &n, spec_text, '|'), "a seed is no text");
    rondo_status s = rondo_add_spec(m, part[0]);
    for (int i = 1; i < n && !s; i++) s = rondo_adapt(m, "*", part[i]);
    text_list_free(part);
    fuzz_expect(!s, "a seed is no model");
    return m;
}

/* Its digest is renamed, or every mutation would end at "the file is damaged". */
static void seed_model_file(seed *s, const char *spec_text)
{
    rondo_model *m = seed_model(spec_text);
    file_map map;
    const char *path = fuzz_file("seed", (const uint8_t *)"", 0);
    fuzz_expect(!rondo_set_metadata(m, "{}") && !rondo_save(m, path), "a seed cannot be saved");
    fuzz_expect(!file_map_open(&map, path), "a seed cannot be read");
    seed_put(s, map.data, map.size);
    for (size_t i = 0; i + 8 < s->n; i++)
        if (!memcmp(s->bytes + i, "\"digest\"", 8)) s->bytes[i + 6] = 'T';
    file_map_close(&map);
    unlink(path);
    rondo_model_free(m);
}

static void seed_graph(seed *s, const char *spec_text)
{
    rondo_model *m = seed_model(spec_text);
    json_t *json;
    char *text;
    fuzz_expect(!model_to_json(m, &json) && !json_text(&text, json), "a seed has no description");
    seed_put(s, text, strlen(text));
    alloc_free(text);
    json_decref(json);
    rondo_model_free(m);
}

static void seed_npy(seed *s, const char *header, const void *data, size_t n)
{
    char padded[118];
    snprintf(padded, sizeof padded, "%-116s\n", header);
    seed_put(s, "\x93NUMPY\1\0\x76\0", 10);
    memcpy(s->bytes + 10, padded, 118);
    memcpy(s->bytes + 128, data, n);
    s->n = 128 + n;
}

/* One stored member of a zip archive. */
static void seed_npz(seed *s)
{
    static const float x[4] = { 1, 2, 3, 4 };
    static const char name[] = "x.npy";
    enum { LOCAL = 30, CENTRAL = 46, NAME = sizeof name - 1 };
    seed inside;
    seed_npy(&inside, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", x, sizeof x);
    memset(s->bytes, 0, sizeof s->bytes);
    uint8_t *local = s->bytes, *central = local + LOCAL + NAME + inside.n,
            *last = central + CENTRAL + NAME;
    const uint32_t size = (uint32_t)inside.n, at = (uint32_t)(central - s->bytes),
                   length = CENTRAL + NAME;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < inside.n; i++) {
        crc ^= inside.bytes[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
    }
    crc = ~crc;
    memcpy(local, "PK\3\4\24", 5);
    memcpy(central, "PK\1\2\24\0\24", 7);
    for (int k = 0; k < 2; k++) {
        uint8_t *fields = k ? central + 16
                            : local + 14; /* CRC, packed and whole size, length of the name */
        memcpy(fields, &crc, 4);
        memcpy(fields + 4, &size, 4);
        memcpy(fields + 8, &size, 4);
        fields[12] = NAME;
    }
    memcpy(local + LOCAL, name, NAME);
    memcpy(local + LOCAL + NAME, inside.bytes, inside.n);
    memcpy(central + CENTRAL, name, NAME);
    memcpy(last, "PK\5\6", 4);
    last[8] = last[10] = 1;
    memcpy(last + 12, &length, 4);
    memcpy(last + 16, &at, 4);
    s->n = (size_t)(last + 22 - s->bytes);
}

/* The i-th seed of a target; false past its last. */
static bool seed_make(seed *s, const char *target, int i)
{
    static const uint8_t idx[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,
                                   0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const double y[6] = { 1, 2, 3, 4, 5, 6 };
#define SEEDS(list) (int)(sizeof(list) / sizeof *(list))
    const bool of_model = !strcmp(target, "model"), of_graph = !strcmp(target, "graph");
    if ((of_model || of_graph) && i < SEEDS(seed_specs) - 2) {
        if (of_model)
            seed_model_file(s, seed_specs[i]);
        else
            seed_graph(s, seed_specs[i]);
    } else if (!strcmp(target, "spec") && i < SEEDS(seed_specs)) {
        seed_put(s, seed_specs[i], strlen(seed_specs[i]));
    } else if (!strcmp(target, "formula") && i < SEEDS(seed_formulas)) {
        seed_put(s, seed_formulas[i], strlen(seed_formulas[i]));
    } else if (!strcmp(target, "training") && i < SEEDS(seed_trainings)) {
        seed_put(s, seed_trainings[i], strlen(seed_trainings[i]));
    } else if (!strcmp(target, "csv") && i < SEEDS(seed_csv)) {
        seed_put(s, seed_csv[i], strlen(seed_csv[i]));
    } else if (!strcmp(target, "tokenizer") && i < SEEDS(seed_tokenizers)) {
        seed_put(s, seed_tokenizers[i], strlen(seed_tokenizers[i]));
    } else if (!strcmp(target, "encode") && i < SEEDS(seed_sentences)) {
        seed_put(s, seed_sentences[i], strlen(seed_sentences[i]));
    } else if (!strcmp(target, "ts") && i < SEEDS(seed_ts)) {
        seed_put(s, seed_ts[i], strlen(seed_ts[i]));
    } else if (!strcmp(target, "piano_roll") && i < SEEDS(seed_rolls)) {
        seed_put(s, seed_rolls[i], strlen(seed_rolls[i]));
    } else if (!strcmp(target, "text") && i < SEEDS(seed_texts)) {
        seed_put(s, seed_texts[i], strlen(seed_texts[i]));
    } else if (!strcmp(target, "idx") && i < 1) {
        seed_put(s, idx, sizeof idx);
    } else if (!strcmp(target, "npz") && i < 1) {
        seed_npz(s);
    } else if (!strcmp(target, "npy") && i < 2) {
        seed_npy(s,
                 i ? "{'descr': '>f8', 'fortran_order': False, 'shape': (1, 2, 3), }"
                   : "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }",
                 y, sizeof y);
    } else if (!strcmp(target, "adapter_config") && i < SEEDS(seed_configs)) {
        seed_put(s, seed_configs[i], strlen(seed_configs[i]));
    } else if (!strcmp(target, "adapter_model") && i < 1) {
        size_t n;
        const unsigned char *tensors = fuzz_adapter_tensors(&n);
        seed_put(s, tensors, n);
    } else {
        return false;
    }
    return true;
}
#endif
