/* rondo train */
#include "cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct session {
    call *call;
    progress progress;
    rondo_callback bar;
    char diagnosis[1100]; /* the file that --diagnose writes; "" without it */
    rondo_diagnosis *known;
} session;

static void started(const rondo_run_report *r, const rondo_model *m, void *user)
{
    session *s = user;
    const char *watch = rondo_recipe_get(s->call->recipe, "diagnose");
    (void)m;
    if (watch && strcmp(watch, "false") != 0)
        snprintf(s->diagnosis, sizeof s->diagnosis, "%s/diagnosis.json", r->output);
    if (s->call->quiet) return;
    fputs(r->notes, stderr);
    fputs(r->warnings, stderr);
    fprintf(stderr, "%lld parameters, %lld %s", (long long)r->parameters, (long long)r->samples,
            strcmp(r->task, "language") == 0 ? "tokens" : "samples");
    if (r->validation_samples)
        fprintf(stderr, " and %lld to validate by", (long long)r->validation_samples);
    fprintf(stderr, ", seed %llu, into %s\n", (unsigned long long)r->seed, r->output);
    if (r->resumed) fputs("going on from the last checkpoint\n", stderr);
}

static void json_exchange(const rondo_exchange *e)
{
    const struct {
        const char *when;
        const double *scores;
    } times[] = { { "before", e->before }, { "exchanged", e->exchanged }, { "after", e->after } };
    fputs(", \"exchange\": {\"functions\": ", stdout);
    json_text(stdout, e->functions);
    if (*e->reason) fputs(", \"not_judged\": ", stdout);
    if (*e->reason) json_text(stdout, e->reason);
    for (int t = 0; e->judged && t < 3; t++) {
        printf(", \"%s\": {", times[t].when);
        for (int i = 0; i < e->n; i++) {
            printf("%s\"%s\": ", i ? ", " : "", e->name[i]);
            json_number(stdout, times[t].scores[i]);
        }
        putchar('}');
    }
    putchar('}');
}

static void print_json(const session *s, const rondo_run_report *r)
{
    fputs("{\"output\": ", stdout);
    json_text(stdout, r->output);
    fputs(", \"task\": ", stdout);
    json_text(stdout, r->task);
    printf(", \"parameters\": %lld, \"samples\": %lld, \"seed\": %llu, \"epochs\": %lld, "
           "\"steps\": %lld, \"resumed\": %s, \"already_done\": %s, \"reached\": %s%s",
           (long long)r->parameters, (long long)r->samples, (unsigned long long)r->seed,
           (long long)r->epochs, (long long)r->steps, r->resumed ? "true" : "false",
           r->already_done ? "true" : "false", r->reached ? "true" : "false", s->progress.last);
    if (*r->exchange.functions) json_exchange(&r->exchange);
    puts("}");
}

static void tell_exchange(const call *c, const rondo_exchange *e)
{
    if (!e->judged) return;
    remark(c, "exchanged: %s", e->functions);
    for (int i = 0; i < e->n; i++)
        remark(c, "  val_%s %.4g as it was, %.4g exchanged, %.4g after training", e->name[i],
               e->before[i], e->exchanged[i], e->after[i]);
}

/* A loss that still falls by so much in the last epoch will fall further. */
static const double still_learning = 0.05;

/* How to train for more epochs. */
static const char *further(char text[128], const rondo_run_report *r)
{
    const long long epochs = 2 * (long long)r->epochs;
    if (r->spans)
        snprintf(text, 128, "the schedule spans the run: say --epochs %lld --fresh for more",
                 epochs);
    else
        snprintf(text, 128, "the same command with --epochs %lld goes on", epochs);
    return text;
}

static void what_next(const session *s, const rondo_run_report *r)
{
    const call *c = s->call;
    char text[128];
    const char *data = rondo_recipe_get(c->recipe, "validation");
    const char *labels = rondo_recipe_get(c->recipe, "validation_labels");
    const char *until = rondo_recipe_get(c->recipe, "until");
    const double before = s->progress.judged[0], after = s->progress.judged[1];
    if (r->already_done) {
        remark(c, "%s is finished already: nothing was done. %s start over with --fresh", r->output,
               r->spans ? "Its schedule spans the run: to train longer,"
                        : "Raise --epochs to go on, or");
        return;
    }
    tell_exchange(c, &r->exchange);
    if (r->guarded)
        remark(c,
               "stopped by the guard: the base's loss rose by more than --guard %s; --replay FILE "
               "keeps it lower",
               rondo_recipe_get(c->recipe, "guard"));
    if (r->reached)
        remark(c, "%s is reached: %lld epochs, %lld batches", until, (long long)r->epochs,
               (long long)r->steps);
    else if (until)
        remark(c, "%s is not reached in %lld batches; %s", until, (long long)r->steps,
               further(text, r));
    else if (before > 0 && after < before * (1 - still_learning))
        remark(c, "still learning: the loss fell by %.0f %% in the last epoch; %s",
               100 * (1 - after / before), further(text, r));
    char *file = data ? shell_text(data) : NULL, *second = labels ? shell_text(labels) : NULL;
    const bool with_labels = data ? labels != NULL : rondo_recipe_get(c->recipe, "labels") != NULL;
    remark(c, "next: rondo eval %s --data %s%s%s", r->output, file ? file : "FILE",
           with_labels ? " --labels " : "",
           !with_labels ? ""
           : second     ? second
                        : "FILE");
    free(file);
    free(second);
    if (strcmp(r->task, "language") == 0)
        remark(c, "      rondo generate %s --prompt TEXT, rondo inspect %s", r->output, r->output);
    else if (!data)
        remark(c, "      rondo predict %s --data FILE, rondo inspect %s", r->output, r->output);
}

/* The diagnosis that is in the run's directory now, in place of the one known before. Where none is,
 * nothing is asked of the library, so that its sentence stays that of the training. */
static bool look_up(session *s)
{
    rondo_diagnosis *d;
    FILE *file = *s->diagnosis ? fopen(s->diagnosis, "rb") : NULL;
    if (!file) return false;
    fclose(file);
    if (rondo_diagnosis_load(&d, s->diagnosis)) return false;
    rondo_diagnosis_free(s->known);
    s->known = d;
    return true;
}

/* What is found while training is said at once, each fault when it is first seen. */
static rondo_status watch(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    session *s = user;
    rondo_diagnosis *before = s->known;
    const rondo_status status = s->bar.on(event, m, p, s->bar.user);
    if (p->remark) {
        progress_clear(&s->progress);
        remark(s->call, "the diagnosis gave up, the training goes on: %s", p->remark);
    }
    if (status || event != RONDO_EPOCH_END || s->call->quiet) return status;
    s->known = NULL;
    if (!look_up(s)) {
        s->known = before;
        return RONDO_OK;
    }
    progress_clear(&s->progress);
    print_new_findings(stderr, s->known, before);
    rondo_diagnosis_free(before);
    return RONDO_OK;
}

static void tell_findings(session *s)
{
    if (!look_up(s)) return;
    if (!s->call->quiet) print_findings(stderr, s->known, false);
    rondo_diagnosis_free(s->known);
}

int command_finetune(call *c)
{
    if (!is_recipe(c->words[0])) {
        const rondo_status status = rondo_recipe_set(c->recipe, NULL, "base", c->words[0]);
        if (status) return fail(status);
    } else if (!rondo_recipe_get(c->recipe, "base")) {
        return complain(EXIT_USAGE, "%s names no base; say base: runs/a", c->words[0]);
    }
    return command_train(c);
}

int command_train(call *c)
{
    session s = { .call = c };
    rondo_run_report report;
    progress_init(&s.progress, stderr, c->quiet);
    signals_catch(rondo_interrupt);
    s.bar = progress_callback(&s.progress);
    const rondo_callback seen = { .on = watch, .user = &s };
    const rondo_status status = rondo_run_train(c->recipe, &seen, 1, started, &s, &report);
    progress_clear(&s.progress);
    tell_findings(&s);
    if (report.stopped && signals_exit())
        return complain(signals_exit(), "stopped; checkpoint saved; the same command goes on");
    if (status) return fail(status);
    if (c->json) print_json(&s, &report);
    what_next(&s, &report);
    return finish_output();
}
