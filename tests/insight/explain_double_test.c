/* Attributions against brute force in double precision: gradients by central differences along the way
 * from the baseline, occlusion by hand. */
#include "insight/subject.h"

enum { N = 14, PARTS = 256 };

/* Output 1 of the only sample x. */
static double answer(const subject *s, const real *x)
{
    real y[3];
    const rondo_array in = { (void *)x, RONDO_F32, { 3, { 1, 7, 2 } }, NULL };
    rondo_array out = { y, RONDO_F32, { 2, { 1, 3 } }, NULL };
    const rondo_batch b = { .n_inputs = 1, .inputs = &in };
    assert_int_equal(rondo_predict(s->pipeline->model, &b, &out, 1), RONDO_OK);
    return y[1];
}

static double slope(const subject *s, real x[N], int i)
{
    const double h = 1e-5;
    const real kept = x[i];
    x[i] = kept + h;
    const double above = answer(s, x);
    x[i] = kept - h;
    const double below = answer(s, x);
    x[i] = kept;
    return (above - below) / (2 * h);
}

static void integrated_gradients(void **state)
{
    static const char *const models[] = {
        "lstm 4; dense 3 softmax",
        "gru 4 merge=concat reset_after=false; dense 3 softmax",
        "simple_rnn 4 gelu return_sequences; lstm 3 softsign go_backwards; dense 3 softmax",
    };
    (void)state;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
        subject s;
        real x[N];
        subject_open(&s, "classify", models[k], false);
        rondo_explanation *e = must_explain(
            &s, (rondo_explain_options){ .output = "1", .baseline = "0.25" });
        assert_true(e->points < 100); /* smooth: the first points will nearly do */
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int part = 0; part < PARTS; part++) {
                for (int j = 0; j < N; j++) x[j] = 0.25 + (part + 0.5) / PARTS * (s.x[j] - 0.25);
                sum += slope(&s, x, i);
            }
            assert_near(e->maps[0].values[i], (s.x[i] - 0.25) * sum / PARTS,
                        1e-3 *
                            (fabs(e->f - e->f_baseline) + fabs(s.x[i] - 0.25) * fabs(sum) / PARTS));
        }
        assert_near(e->f, answer(&s, s.x), 1e-12);
        rondo_explanation_free(e);
        subject_close(&s);
    }
}

/* relu's kinks need more points; the sum comes closer and closer. */
static void kinks(void **state)
{
    subject s;
    (void)state;
    subject_open(&s, "regress", "simple_rnn 6 relu; dense 8 relu; dense 3", false);
    rondo_explanation *e = must_explain(&s, (rondo_explain_options){ .output = "y2" });
    assert_true(e->complete && e->gap < 0.01);
    assert_near(e->sum, e->f - e->f_baseline, 0.01 * fabs(e->f - e->f_baseline));
    rondo_explanation_free(e);
    subject_close(&s);
}

static void occlusion(void **state)
{
    subject s;
    real x[N];
    (void)state;
    subject_open(&s, "classify", "gru 4; dense 3 softmax", false);
    rondo_explanation *e = must_explain(
        &s, (rondo_explain_options){ .methods = "occlusion", .output = "1", .hide = 3 });
    assert_int_equal(e->points, 0);
    for (int t = 0; t < 7; t++)
        for (int f = 0; f < 2; f++) {
            memcpy(x, s.x, sizeof x);
            for (int hidden = t / 3 * 3; hidden < t / 3 * 3 + 3 && hidden < 7; hidden++)
                x[hidden * 2 + f] = 0;
            assert_near(e->maps[0].values[t * 2 + f], answer(&s, s.x) - answer(&s, x), 1e-12);
        }
    rondo_explanation_free(e);
    subject_close(&s);
}

/* A token's attribution is that of its vector: by a model without the embedding. */
static void tokens(void **state)
{
    subject s, of_vectors;
    (void)state;
    subject_open(&s, "regress", "embedding 2 input_dim=10; lstm 4; dense 3", true);
    subject_open(&of_vectors, "regress", "lstm 4; dense 3", false);
    rondo_array table, w;
    assert_int_equal(rondo_weight_get(s.pipeline->model, "embedding.embeddings", &table), 0);
    const real *vectors = table.data;
    for (int i = 0; i < rondo_weight_count(of_vectors.pipeline->model); i++) {
        const char *name = rondo_weight_name(of_vectors.pipeline->model, i);
        assert_int_equal(rondo_weight_get(s.pipeline->model, name, &w), 0);
        assert_int_equal(rondo_weight_set(of_vectors.pipeline->model, name, &w), 0);
    }
    for (int t = 0; t < 7; t++)
        for (int u = 0; u < 2; u++) of_vectors.x[t * 2 + u] = vectors[s.tokens[t] * 2 + u];
    rondo_adapt(s.pipeline->model, "embedding.*", "frozen"); /* attributed all the same */
    const rondo_explain_options o = { .methods = "integrated_gradients occlusion", .output = "y3" };
    rondo_explanation *a = must_explain(&s, o), *b = must_explain(&of_vectors, o);
    assert_int_equal(a->maps[0].width, 1);
    for (int t = 0; t < 7; t++)
        assert_near(a->maps[0].values[t], b->maps[0].values[2 * t] + b->maps[0].values[2 * t + 1],
                    1e-12);
    rondo_explanation_free(a);
    rondo_explanation_free(b);
    subject_close(&s);
    subject_close(&of_vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integrated_gradients),
        cmocka_unit_test(kinks),
        cmocka_unit_test(occlusion),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
