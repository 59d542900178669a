/* What matrix products in bf16 cost in accuracy: five seeds in f32 and five in bf16, and where the
 * losses of bf16 lie in the spread of those of f32.
 *
 *   bf16_training mnist FOLDER     the rows of train10k's images, LSTM 128; judged on t10k
 *   bf16_training ptb FOLDER       the first epoch of Penn Treebank's words, LSTM 200, T 35, B 20
 *
 * FOLDER has the files under the names that they are published by. Exits 1 when the mean loss of
 * bf16 is above the largest of f32, 77 when there are no such files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rondo.h"

enum { SEEDS = 5, SCORES = 2, STEPS = 35, ROWS = 20, WORDS = 10000, SLOTS = 1 << 15, ABSENT = 77 };

typedef struct study {
    const char *layers, *optimizer;
    rondo_type input;
    rondo_shape shape;
    rondo_dataset *train, *validation;
    int64_t epochs, batch;
    bool in_order;
} study;

static int check(rondo_status status)
{
    if (!status) return 0;
    fprintf(stderr, "%s\n", rondo_error());
    exit(status == RONDO_E_IO ? ABSENT : 2);
}

/* The losses of an epoch: of training, then of validation. */
static rondo_status note(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m;
    for (int i = 0; event == RONDO_EPOCH_END && i < p->n_metrics; i++) {
        if (strcmp(p->metric[i], "loss") == 0) ((double *)user)[0] = p->value[i];
        if (strcmp(p->metric[i], "val_loss") == 0) ((double *)user)[1] = p->value[i];
    }
    return RONDO_OK;
}

static void run(const study *s, int seed, const char *compute, double scores[SCORES])
{
    const rondo_callback told = { .on = note, .user = scores };
    rondo_model *m = rondo_model_new();
    rondo_input(m, s->input, s->shape);
    check(rondo_add_spec(m, s->layers));
    check(rondo_compile(m, .optimizer = s->optimizer, .loss = "sparse_categorical_crossentropy",
                        .seed = (uint64_t)seed, .compute = compute));
    check(rondo_fit(m, s->train, .epochs = s->epochs, .batch_size = s->batch,
                    .validation = s->validation, .no_shuffle = s->in_order, .callbacks = &told,
                    .n_callbacks = 1));
    rondo_model_free(m);
}

/* ---- What comes of it ---- */
static int compare(const char *what, double f32[SEEDS][SCORES], double bf16[SEEDS][SCORES], int i)
{
    double least = INFINITY, most = -INFINITY, mean[2] = { 0, 0 }, apart = 0;
    for (int s = 0; s < SEEDS; s++) {
        least = fmin(least, f32[s][i]);
        most = fmax(most, f32[s][i]);
        mean[0] += f32[s][i] / SEEDS;
        mean[1] += bf16[s][i] / SEEDS;
        apart = fmax(apart, fabs(bf16[s][i] - f32[s][i]));
    }
    const int good = mean[1] <= most;
    printf("%s: f32 %.5f to %.5f, mean %.5f; bf16 mean %.5f, %s; of one seed at most %.5f apart\n",
           what, least, most, mean[0], mean[1],
           !good             ? "ABOVE THE SPREAD"
           : mean[1] < least ? "below the spread"
                             : "within the spread",
           apart);
    return good ? 0 : 1;
}

static int run_study(const study *s)
{
    static double f32[SEEDS][SCORES], bf16[SEEDS][SCORES];
    printf("seed  f32: loss  validation  bf16: loss  validation\n");
    for (int i = 0; i < SEEDS; i++) {
        run(s, i + 1, "f32", f32[i]);
        run(s, i + 1, "bf16", bf16[i]);
        printf("%4d    %8.5f    %8.5f    %8.5f    %8.5f\n", i + 1, f32[i][0], f32[i][1], bf16[i][0],
               bf16[i][1]);
        fflush(stdout);
    }
    return compare("loss", f32, bf16, 0) | compare("validation loss", f32, bf16, 1);
}

static char *join(const char *folder, const char *name)
{
    const size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (!path) exit(2);
    snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* ---- MNIST ---- */
static rondo_dataset *open_images(const char *folder, const char *images, const char *labels)
{
    rondo_dataset *data;
    char *path = join(folder, images), *second = join(folder, labels), spec[4096];
    snprintf(spec, sizeof spec, "labels=\"%s\"", second);
    check(rondo_dataset_open(&data, path, spec));
    free(path);
    free(second);
    return data;
}

static int study_mnist(const char *folder)
{
    study s = { .layers = "lstm 128; dense 10 softmax",
                .optimizer = "adam",
                .input = RONDO_F32,
                .shape = RONDO_SHAPE(28, 28),
                .epochs = 4,
                .batch = 64 };
    s.train = open_images(folder, "train10k-images-idx3-ubyte.gz", "train10k-labels-idx1-ubyte.gz");
    s.validation = open_images(folder, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz");
    const int code = run_study(&s);
    rondo_dataset_free(s.train);
    rondo_dataset_free(s.validation);
    return code;
}

/* ---- Penn Treebank: words separated by spaces, the end of a line is one more ---- */
typedef struct vocabulary {
    char *word[SLOTS];
    int32_t id[SLOTS];
    int n;
} vocabulary;

static int32_t look_up(vocabulary *v, const char *word)
{
    uint32_t at = 2166136261u;
    for (const char *c = word; *c; c++) at = (at ^ (unsigned char)*c) * 16777619u;
    for (at %= SLOTS; v->word[at]; at = (at + 1) % SLOTS)
        if (strcmp(v->word[at], word) == 0) return v->id[at];
    if (v->n == WORDS) exit(2);
    v->word[at] = join("", word) + 1;
    return v->id[at] = v->n++;
}

static int32_t *read_words(vocabulary *v, const char *path, int64_t *n)
{
    FILE *in = fopen(path, "r");
    if (!in) {
        fprintf(stderr, "%s is not there\n", path);
        exit(ABSENT);
    }
    int32_t *token = NULL;
    char word[256];
    int length = 0, c;
    *n = 0;
    while ((c = getc(in)) != EOF) {
        if (c != ' ' && c != '\n' && length + 1 < (int)sizeof word) word[length++] = (char)c;
        if (c != ' ' && c != '\n') continue;
        for (int end = 0; end < 2; end++) {
            if (end ? c != '\n' : length == 0) continue;
            word[length] = 0;
            if ((*n & (*n - 1)) == 0) token = realloc(token, (size_t)(2 * *n + 1) * sizeof *token);
            if (!token) exit(2);
            token[(*n)++] = look_up(v, end ? "<eos>" : word);
            length = 0;
        }
    }
    fclose(in);
    return token;
}

/* ROWS columns of text side by side, cut into windows: batch b's row r goes on in batch b+1's. */
static rondo_dataset *open_words(vocabulary *v, const char *folder, const char *name)
{
    char *path = join(folder, name);
    int64_t n;
    int32_t *token = read_words(v, path, &n);
    const int64_t column = n / ROWS, batches = (column - 1) / STEPS, count = batches * ROWS;
    int32_t *x = malloc((size_t)(2 * count * STEPS) * sizeof *x), *y = x + count * STEPS;
    if (!x) exit(2);
    for (int64_t i = 0; i < count * STEPS; i++) {
        const int64_t at = i / STEPS % ROWS * column + i / STEPS / ROWS * STEPS + i % STEPS;
        x[i] = token[at];
        y[i] = token[at + 1];
    }
    const rondo_array in = { x, RONDO_I32, { 2, { count, STEPS } }, NULL };
    const rondo_array out = { y, RONDO_I32, { 2, { count, STEPS } }, NULL };
    const rondo_batch all = { 1, 1, &in, &out, NULL };
    rondo_dataset *data;
    check(rondo_dataset_new(&data, &all));
    free(token);
    free(path);
    return data;
}

static int study_ptb(const char *folder)
{
    static vocabulary v;
    study s = { .layers = "embedding 200 input_dim=10000; lstm 200 return_sequences stateful; "
                          "dense 10000 softmax",
                .optimizer = "adam learning_rate=0.002 global_clipnorm=5",
                .input = RONDO_I32,
                .shape = RONDO_SHAPE(STEPS),
                .epochs = 1,
                .batch = ROWS,
                .in_order = true };
    s.train = open_words(&v, folder, "ptb.train.txt");
    s.validation = open_words(&v, folder, "ptb.valid.txt");
    return run_study(&s);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "mnist") == 0) return study_mnist(argv[2]);
    if (argc == 3 && strcmp(argv[1], "ptb") == 0) return study_ptb(argv[2]);
    fprintf(stderr, "bf16_training mnist|ptb FOLDER\n");
    return 2;
}
