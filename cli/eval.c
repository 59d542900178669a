/* rondo eval */
#include "cli.h"
#include <string.h>

enum { MOST_SCORES = RONDO_MAX_SCORES, MOST_CLASSES_SHOWN = 20, MOST_STEPS = 24 };

static void print_confusion(const rondo_pipeline *p)
{
    int64_t n;
    size_t widest = 5;
    const double *counts = rondo_pipeline_confusion(p, &n);
    if (!counts || n > MOST_CLASSES_SHOWN) return;
    for (int64_t i = 0; i < n; i++)
        if (strlen(rondo_pipeline_column(p, (int)i)) > widest)
            widest = strlen(rondo_pipeline_column(p, (int)i));
    if (widest > 16) widest = 16;
    printf("\n%-*s   predicted\n%-*s ", (int)widest, "true", (int)widest, "");
    for (int64_t i = 0; i < n; i++)
        printf(" %*.*s", n > 10 ? 5 : 7, n > 10 ? 5 : 7, rondo_pipeline_column(p, (int)i));
    putchar('\n');
    for (int64_t i = 0; i < n; i++) {
        printf("%-*.*s ", (int)widest, (int)widest, rondo_pipeline_column(p, (int)i));
        for (int64_t k = 0; k < n; k++) printf(" %*.0f", n > 10 ? 5 : 7, counts[i * n + k]);
        putchar('\n');
    }
}

typedef struct results { /* of one evaluation, or of two that are compared */
    const char *names[MOST_SCORES];
    double values[MOST_SCORES], exact[MOST_SCORES]; /* exact: with weights in f32 */
    int n;
    int64_t samples; /* each with one answer; 0: answers over time, which depend on each other */
    const char *storage; /* what the weights are kept in; NULL: f32 alone */
    int64_t step[MOST_STEPS];
    double drift[MOST_STEPS];
    int n_steps;
    rondo_breakdown *groups; /* NULL: of all samples alone */
    bool text;               /* a language model's, in … */
    rondo_text_unit unit;
} results;

static void json_scores(const results *r, const double *values)
{
    for (int i = 0; i < r->n; i++) {
        if (i) fputs(", ", stdout);
        json_text(stdout, r->names[i]);
        fputs(": ", stdout);
        json_number(stdout, values[i]);
    }
}

static void json_unit(const rondo_text_unit *u)
{
    printf(", \"unit\": \"%s\", \"end\": ", u->unit);
    if (u->end)
        json_text(stdout, u->end);
    else
        fputs("null", stdout);
    printf(", \"tokens\": %lld, \"unknown\": %lld, \"bytes\": %lld, \"streams\": %lld",
           (long long)u->tokens, (long long)u->unknown, (long long)u->bytes, (long long)u->streams);
}

/* "perplexity 115.3 per word, <eos> counted, 82430 tokens" */
static void print_unit(const rondo_text_unit *u, const char *score)
{
    if (strstr(score, "byte")) {
        printf(" of %lld bytes", (long long)u->bytes);
        return;
    }
    const bool nats = strcmp(score, "loss") == 0 || strcmp(score, "nll") == 0;
    const bool bits = strcmp(score, "bits_per_token") == 0;
    if (!nats && !bits && strcmp(score, "perplexity") != 0) return;
    printf("%s per %s", nats ? " nats" : bits ? " bits" : "", u->unit);
    if (u->end) printf(", %s counted", u->end);
    printf(", %lld tokens", (long long)u->tokens);
}

static void json_intervals(const results *r)
{
    bool any = false;
    double low, high;
    for (int i = 0; i < r->n; i++) {
        if (!rondo_score_interval(r->names[i], r->values[i], r->samples, &low, &high)) continue;
        fputs(any ? ", " : ", \"intervals\": {", stdout);
        any = true;
        json_text(stdout, r->names[i]);
        fputs(": [", stdout);
        json_number(stdout, low);
        fputs(", ", stdout);
        json_number(stdout, high);
        fputc(']', stdout);
    }
    if (any) fputc('}', stdout);
}

static void print_json(const results *r)
{
    fputc('{', stdout);
    json_scores(r, r->values);
    json_intervals(r);
    if (r->storage) {
        fputs(", \"weights\": ", stdout);
        json_text(stdout, r->storage);
        fputs(", \"f32\": {", stdout);
        json_scores(r, r->exact);
        fputs("}, \"drift\": [", stdout);
        for (int i = 0; i < r->n_steps; i++) {
            printf("%s{\"step\": %lld, \"largest\": ", i ? ", " : "", (long long)r->step[i]);
            json_number(stdout, r->drift[i]);
            fputc('}', stdout);
        }
        fputc(']', stdout);
    }
    if (r->groups) json_groups(r->groups);
    if (r->text) json_unit(&r->unit);
    fputs("}\n", stdout);
}

static void print_score(const results *r, int i)
{
    double low, high;
    printf("%-18s %.6g", r->names[i], r->values[i]);
    if (rondo_score_interval(r->names[i], r->values[i], r->samples, &low, &high))
        printf("   95%% interval %.4g to %.4g", low, high);
    if (r->text) print_unit(&r->unit, r->names[i]);
    putchar('\n');
}

static void print_scores(const results *r)
{
    if (r->storage) printf("%-18s %-12s f32\n", "", r->storage);
    for (int i = 0; i < r->n; i++) {
        if (r->storage)
            printf("%-18s %-12.6g %.6g\n", r->names[i], r->values[i], r->exact[i]);
        else
            print_score(r, i);
    }
    if (r->text && r->unit.unknown)
        printf("%-18s %lld\n", "unknown tokens", (long long)r->unit.unknown);
    if (r->n_steps) puts("\nlargest difference of an output from f32");
    for (int i = 0; i < r->n_steps; i++)
        printf("step %-13lld %.3g\n", (long long)r->step[i], r->drift[i]);
}

static void keep_drift(int64_t step, double largest, void *user)
{
    results *r = user;
    if (r->n_steps == MOST_STEPS) return;
    r->step[r->n_steps] = step;
    r->drift[r->n_steps++] = largest;
}

/* The scores; where --weights asks for fewer bytes, those of f32 too, and the drift. */
static int judge(const call *c, job *j, results *r)
{
    int code = keep_weights(c, j->pipeline);
    if (code) return code;
    const char *storage = rondo_weight_storage(rondo_pipeline_model(j->pipeline));
    rondo_status status = RONDO_OK;
    if (strcmp(storage, "f32") != 0) {
        r->storage = storage;
        status = rondo_set_weight_storage(rondo_pipeline_model(j->pipeline), "f32");
        if (!status)
            status = rondo_pipeline_evaluate(j->pipeline, j->data, j->batch, r->names, r->exact,
                                             MOST_SCORES, &r->n);
        if (!status) status = rondo_set_weight_storage(rondo_pipeline_model(j->pipeline), storage);
    }
    if (!status)
        status = rondo_pipeline_evaluate(j->pipeline, j->data, j->batch, r->names, r->values,
                                         MOST_SCORES, &r->n);
    if (status) return fail(status);
    if (!r->storage) return EXIT_OK;
    status = rondo_pipeline_drift(j->pipeline, j->data, storage, keep_drift, r);
    if (status == RONDO_E_ARG) {
        remark(c, "no drift over time: %s", rondo_error());
        return EXIT_OK;
    }
    return status ? fail(status) : EXIT_OK;
}

/* With --by: the scores of all samples, and of each group. */
static int judge_groups(const call *c, job *j, results *r)
{
    const int code = keep_weights(c, j->pipeline);
    if (code) return code;
    const rondo_status status = rondo_breakdown_new(&r->groups, j->pipeline, j->data, j->batch);
    if (status) return fail(status);
    r->n = r->groups->n_scores;
    memcpy(r->names, r->groups->name, sizeof r->names);
    memcpy(r->values, r->groups->whole, sizeof r->values);
    return EXIT_OK;
}

static bool is_smoothed(const job *j, const results *r)
{
    bool apart = false;
    for (int i = 0; i < r->n; i++) apart |= strcmp(r->names[i], "nll") == 0;
    return apart && strstr(rondo_pipeline_json(j->pipeline), "label_smoothing");
}

int command_eval(call *c)
{
    job j;
    results r = { .n = 0 };
    int code = open_both(c, &j, true);
    const bool by = rondo_recipe_get(c->recipe, "by") != NULL;
    if (!code) r.text = rondo_pipeline_text_unit(j.pipeline, j.data, &r.unit);
    if (!code && !rondo_pipeline_over_time(j.pipeline)) r.samples = rondo_dataset_count(j.data);
    if (!code) code = by ? judge_groups(c, &j, &r) : judge(c, &j, &r);
    if (!code) {
        if (c->json)
            print_json(&r);
        else
            print_scores(&r);
        if (!c->json) print_confusion(j.pipeline);
        if (!c->json && r.groups) print_groups(r.groups);
        if (r.groups) remark_groups(c, r.groups);
        if (!c->json && strstr(rondo_pipeline_json(j.pipeline), "\"scale_targets\""))
            remark(c,
                   "the loss is that of scaled targets; the metrics are in the data's own units");
        if (!c->json && is_smoothed(&j, &r))
            remark(c,
                   "the loss is that of smoothed labels, as in training; nll and what comes of it "
                   "are those of the labels themselves");
        code = finish_output();
    }
    rondo_breakdown_free(r.groups);
    close_both(&j);
    return code;
}
