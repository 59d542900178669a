/* bench - what is measured, and by what it is judged. */
#ifndef RONDO_BENCH_H
#define RONDO_BENCH_H
#include "task/task.h"

/* ---- bench.c, bench_layer.c, bench_training.c and its networks: what is measured … ---- */
/* Calls once(user) until `seconds` are over, at least five times: their median. */
void bench_time(rondo_bench_result *, void (*once)(void *user), void *user, double seconds);
/* Samples of once(user) and of once(other) in turn: the median of the first, and of its ratios to the
 * second, which other work of the machine disturbs less. */
void bench_compare(rondo_bench_result *, void (*once)(void *user), void *user, void *other,
                   double seconds);
/* One call of each is timed and checked; the result's flops and peak are bench.c's. */
rondo_status bench_layer(rondo_bench_result *, const rondo_bench_case *, int threads,
                         double seconds);
/* The bias with which a gate of this activation (NULL: sigmoid) is smallest; false when it is
 * never much below 1. */
bool bench_closing_bias(double *bias, const char *activation);
typedef struct bench_training { /* a model that learns from samples in memory, a batch at a time */
    int64_t batch, steps, inputs, samples;
    rondo_model *model;
    rondo_dataset *data;
    real *x;        /* [samples][steps][inputs], or … */
    int32_t *token; /* [samples][steps] */
    int32_t *label; /* a class for each, or for each step */
    int64_t *items; /* [samples] */
    int64_t done;   /* steps of training */
    double loss;    /* of the last */
    rondo_status status;
} bench_training;
/* The samples' memory, items and an empty model: x is asked for, or else tokens. */
rondo_status bench_training_new(bench_training *, const rondo_bench_case *, int64_t batches,
                                int64_t labels, bool tokens);
void bench_training_free(bench_training *);
void bench_train(void *training); /* on the next batch */
/* Times it, and holds it to the plain loss of the first batch before and after, which has to fall
 * to that share. */
rondo_status bench_training_run(rondo_bench_result *, bench_training *, const char *letter,
                                double (*plain)(const bench_training *), double share,
                                double seconds);
rondo_status bench_network(rondo_bench_result *, int threads, double seconds);
rondo_status bench_language(rondo_bench_result *, const rondo_bench_case *, int threads,
                            double seconds);
rondo_status bench_memory(rondo_bench_result *, const rondo_bench_case *, int threads);

/* ---- … bench_check.c: and by what it is judged, in plain loops and double precision ---- */
typedef struct bench_layer_data {
    const rondo_bench_case *shape;
    const real *kernel, *recurrent;    /* [I][G·H] [H][G·H] */
    const real *bias, *recurrent_bias; /* [G·H] each; the second gru's alone */
    const real *x, *y;                 /* [T][B][I] [T][B][H] */
} bench_layer_data;
/* Some units of some rows, over all steps, each from the step before it: E_STATE if one differs. */
rondo_status bench_check_forward(const bench_layer_data *);
/* The loss of the first batch: of the tutorial's network, weights in order; of a language model. */
double bench_network_loss(const bench_training *);
double bench_language_loss(const bench_training *);
#endif
