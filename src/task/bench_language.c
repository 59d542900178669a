/* bench_language - case f: a language model learns, an embedding, two LSTM and a softmax over the
 * vocabulary, with plain gradient descent and clipping (Zaremba et al. 2014, whose small model it is
 * with 20 rows, 20 steps, 10000 words and 200 units). Every window starts from zero states. */
#include "task/bench.h"

enum { BATCHES = 8 };

/* A few tokens are frequent, most are rare, as words are; what follows one is always the same. */
static void draw(bench_training *t)
{
    rng r = rng_new(7, rng_stream(RNG_CHECK, 1));
    for (int64_t i = 0; i < t->samples * t->steps; i++) {
        const double u = rng_uniform(&r);
        t->token[i] = (int32_t)((double)t->inputs * u * u * u);
        t->label[i] = (int32_t)((7 * (int64_t)t->token[i] + 1) % t->inputs);
    }
}

static rondo_status build(bench_training *t, const rondo_bench_case *c, int threads)
{
    char layers[256];
    const long long words = c->inputs, units = c->units;
    snprintf(layers, sizeof layers,
             "embedding %lld input_dim=%lld; lstm %lld return_sequences; lstm %lld "
             "return_sequences; dense %lld softmax",
             units, words, units, units, words);
    rondo_input(t->model, RONDO_I32, RONDO_SHAPE(c->steps));
    RONDO_TRY(rondo_add_spec(t->model, layers));
    return rondo_compile(t->model, .optimizer = "sgd learning_rate=1 global_clipnorm=5",
                         .loss = "sparse_categorical_crossentropy", .seed = 1, .threads = threads,
                         .compute = c->numbers);
}

static rondo_status open(bench_training *t, const rondo_bench_case *c, int threads)
{
    RONDO_TRY(bench_training_new(t, c, BATCHES, c->steps, true));
    draw(t);
    const rondo_shape shape = { 2, { t->samples, t->steps } };
    const rondo_array x = { t->token, RONDO_I32, shape, NULL },
                      y = { t->label, RONDO_I32, shape, NULL };
    RONDO_TRY(rondo_dataset_new(&t->data, &(rondo_batch){ 1, 1, &x, &y, NULL }));
    return build(t, c, threads);
}

rondo_status bench_language(rondo_bench_result *result, const rondo_bench_case *c, int threads,
                            double seconds)
{
    bench_training t;
    rondo_status status = open(&t, c, threads);
    if (!status)
        status = bench_training_run(result, &t, c->letter, bench_language_loss, 0.95, seconds);
    bench_training_free(&t);
    return status;
}
