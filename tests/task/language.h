/* language.h - for tests of language models: raw texts, a small model that is trained a little, memory that
 * fails. The including file defines _DEFAULT_SOURCE. */
#ifndef TESTS_TASK_LANGUAGE_H
#define TESTS_TASK_LANGUAGE_H
#include "task/task.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[256];
static rondo_pipeline *model; /* a small one, of characters, trained a little */

static inline void ok(rondo_status status)
{
    if (status) fail_msg("%s: %s", rondo_status_text(status), rondo_error());
}

static void *(*usual)(void *, size_t); /* what allocates, while that is made to fail */

/* ---- Raw text ---- */
static inline rondo_status text_of(const rondo_dataset *d, cursor *c, int64_t i, const char **text,
                                   size_t *n)
{
    (void)c;
    *text = ((const char *const *)d->self)[i];
    *n = strlen(*text);
    return RONDO_OK;
}

static inline rondo_dataset *raw_text(const char *const *texts)
{
    rondo_dataset *d;
    int64_t n = 0;
    void *(*hook)(void *, size_t) = alloc_hook; /* it does not fail */
    while (texts[n]) n++;
    if (usual) alloc_hook = usual;
    ok(dataset_new(&d, n));
    alloc_hook = hook;
    d->text = text_of;
    d->self = (void *)texts;
    return d;
}

static const char *const lines[] = { "to be or not to be", "", "that is the question",
                                     "\xE4\xB8\xAD is not a word", NULL };

static inline void open_pipeline(rondo_pipeline *p, const char *kind, text_ends ends)
{
    rondo_dataset *raw = raw_text(lines);
    *p = (rondo_pipeline){ .task = &task_language, .ends = ends };
    ok(text_tokenizer(&p->tokenizer, kind, raw));
    rondo_dataset_free(raw);
}

/* ---- A model ---- */
static inline rondo_recipe *recipe_of(const char *verb, ...)
{
    va_list args;
    rondo_recipe *r = rondo_recipe_new();
    va_start(args, verb);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        ok(rondo_recipe_set(r, verb, key, va_arg(args, const char *)));
    va_end(args);
    return r;
}

static inline int open_model(void **state)
{
    const char *base = getenv("TMPDIR");
    char path[300], run[300];
    text_buffer text = { 0 };
    (void)state;
    snprintf(folder, sizeof folder, "%s/rondo-language-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/text.txt", folder);
    snprintf(run, sizeof run, "%s/run", folder);
    for (int i = 0; i < 60; i++) text_add(&text, "abba%s\n", i % 3 ? "c" : "ab");
    ok(file_write_all(path, text.data, text.size));
    text_free(&text);
    rondo_recipe *r = recipe_of("train", "task", "language", "data", path, "tokenizer", "char",
                                "model", "embedding 4; lstm 6 return_sequences; dense softmax",
                                "batch", "4", "bptt", "10", "epochs", "5", "learning_rate", "0.05",
                                "output", run, NULL);
    ok(rondo_run_train(r, NULL, 0, NULL, NULL, NULL));
    rondo_recipe_free(r);
    ok(rondo_pipeline_open(&model, run, 2));
    return 0;
}

static inline int close_model(void **state)
{
    char command[300];
    (void)state;
    rondo_pipeline_free(model);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Σ -log p of the text, after its first letter, step by step. */
static inline double nats_of(const char *text, int64_t *n)
{
    rondo_stream *s;
    token_list list = { 0 };
    double sum = 0;
    const int64_t width = model_output_shape(model->model, 0)->features;
    real *y = calloc((size_t)width, sizeof *y);
    ok(rondo_stream_new(&s, model->model, 1));
    ok(tokenizer_encode_plain(model->tokenizer, text, strlen(text), &list));
    for (int64_t i = 0; i + 1 < list.n; i++) {
        const rondo_array x = { list.id + i, RONDO_I32, { 1, { 1 } }, NULL };
        rondo_array out = { y, RONDO_F32, { 2, { 1, width } }, NULL };
        ok(rondo_stream_step(s, &x, &out));
        sum -= log((double)y[list.id[i + 1]]);
    }
    *n = list.n - 1;
    rondo_stream_free(s);
    token_list_free(&list);
    free(y);
    return sum;
}

static int64_t failing_after = -1;

static inline void *fail_once(void *p, size_t n)
{
    if (n && failing_after >= 0 && failing_after-- == 0) return NULL;
    return usual(p, n);
}

/* Every allocation of the act fails in its turn: it says so, or does without. */
static inline void act_without_memory(rondo_status (*act)(void))
{
    usual = alloc_hook;
    ok(act());
    for (int at = 0; at < 100000; at++) {
        failing_after = at;
        alloc_hook = fail_once;
        const rondo_status s = act();
        const bool reached = failing_after < 0;
        alloc_hook = usual;
        failing_after = -1;
        if (!reached) break;
        if (s && s != RONDO_E_NOMEM) fail_msg("%d: %s", at, rondo_error());
    }
}
#endif
