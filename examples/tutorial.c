/* The network every tutorial begins with, in C:  cc tutorial.c -lrondo -o tutorial && ./tutorial */
#include <rondo.h>
#include <stdio.h>

int main(void)
{
    rondo_dataset *train = NULL, *test = NULL;
    double score[2];
    rondo_model *m = rondo_model_new();
    rondo_input(m, RONDO_F32, RONDO_SHAPE(28, 28));
    rondo_add(m, rondo_simple_rnn(64, .activation = "tanh", .return_sequences = true));
    rondo_add(m, rondo_simple_rnn(64, .activation = "tanh"));
    rondo_add(m, rondo_dense(10, .activation = "softmax"));
    rondo_status s = rondo_dataset_open(&train, "task:digits?count=2000", "");
    if (!s) s = rondo_dataset_open(&test, "task:digits?count=500&seed=1", "");
    if (!s) s = rondo_compile(m, .loss = "sparse_categorical_crossentropy", .metrics = "accuracy");
    if (!s) s = rondo_fit(m, train, .epochs = 10, .batch_size = 32);
    if (!s) s = rondo_evaluate(m, test, score, 2);
    if (!s) printf("test loss %.4f, accuracy %.1f %%\n", score[0], 100 * score[1]);
    if (s) fprintf(stderr, "%s\n", rondo_error());
    rondo_dataset_free(train);
    rondo_dataset_free(test);
    rondo_model_free(m);
    return s ? 1 : 0;
}
