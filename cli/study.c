/* rondo study */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct session {
    call *call;
    progress progress;
} session;

/* Calls each(item) for the parts of a list between the separators, blanks cut off. */
static rondo_status each_item(const char *list, const char *separators,
                              rondo_status (*each)(void *user, const char *item), void *user)
{
    rondo_status status = RONDO_OK;
    int depth = 0;
    for (const char *begin = list, *at = list; !status; at++) {
        depth += (*at == '(') - (*at == ')');
        if (*at && (depth > 0 || !strchr(separators, *at))) continue;
        const char *end = at;
        while (begin < end && *begin == ' ') begin++;
        while (end > begin && end[-1] == ' ') end--;
        char *item = strndup(begin, (size_t)(end - begin));
        if (!item) return RONDO_E_NOMEM;
        if (*item) status = each(user, item);
        free(item);
        if (!*at) break;
        begin = at + 1;
    }
    return status;
}

/* ---- What the options say ---- */
typedef struct naming {
    rondo_study *study;
    const char *name; /* of an axis; of what is better */
    rondo_status (*add)(rondo_study *, const char *name, const char *item);
} naming;

static rondo_status add_item(void *user, const char *item)
{
    const naming *n = user;
    return n->add(n->study, n->name, item);
}

static rondo_status add_measure(rondo_study *s, const char *better, const char *item)
{
    return rondo_study_measure(s, item, better);
}

static rondo_status add_compared(rondo_study *s, const char *unused, const char *item)
{
    (void)unused;
    return rondo_study_compare(s, item);
}

/* "function=tanh,relu" */
static int vary(rondo_study *s, const char *text)
{
    char name[64];
    const size_t n = strcspn(text, "=");
    if (!text[n] || n == 0 || n >= sizeof name)
        return complain(EXIT_USAGE,
                        "--vary \"%s\": expected an axis and its values, as in "
                        "--vary \"function=tanh,relu\"",
                        text);
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    rondo_study_drop(s, name);
    naming axis = { s, name, rondo_study_vary };
    const rondo_status status = each_item(text + n + 1, ",", add_item, &axis);
    return status ? fail(status) : EXIT_OK;
}

/* "5" or "3,5,8" */
static int add_seeds(rondo_study *s, const char *text)
{
    const bool list = strchr(text, ',') != NULL;
    const char *at = text;
    do {
        char *end;
        const unsigned long long number = strtoull(at, &end, 10);
        if (*at < '0' || *at > '9' || (*end && *end != ',') ||
            (!list && (!number || number > 10000)))
            return complain(EXIT_USAGE,
                            "seeds is \"%s\"; expected how many, as in 5, or a list, as in 3,5,8",
                            text);
        rondo_status status = RONDO_OK;
        for (unsigned long long i = 0; !list && i < number && !status; i++)
            status = rondo_study_seed(s, i);
        if (list) status = rondo_study_seed(s, number);
        if (status) return fail(status);
        at = *end ? end + 1 : end;
    } while (*at);
    return EXIT_OK;
}

static bool is_about_us(const char *key) /* and not about the runs */
{
    static const char *const keys[] = { "output", "threads", "quiet", "json", "seed" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return rondo_recipe_find("train", key) == NULL;
}

static int define(const call *c, rondo_study *s)
{
    const char *seeds = rondo_recipe_get(c->recipe, "seeds");
    const char *one = rondo_recipe_get(c->recipe, "seed");
    const char *measures = rondo_recipe_get(c->recipe, "measure");
    const char *compare = rondo_recipe_get(c->recipe, "compare");
    naming measure = { s, rondo_recipe_get(c->recipe, "better"), add_measure };
    naming compared = { s, NULL, add_compared };
    int code = EXIT_OK;
    for (int i = 0; i < c->n_options && !code; i++) {
        const given *o = &c->options[i];
        if (strcmp(o->key, "vary") == 0) code = vary(s, o->value);
        if (is_about_us(o->key)) continue;
        const rondo_status set = rondo_study_override(s, o->key, o->value);
        if (set) code = fail(set);
    }
    if (!code && seeds) code = add_seeds(s, seeds);
    if (code) return code;
    rondo_status status = RONDO_OK;
    if (!seeds && one) status = rondo_study_seed(s, strtoull(one, NULL, 10));
    if (!status && measures) status = each_item(measures, " ,", add_item, &measure);
    if (!status && compare) status = each_item(compare, " ,", add_item, &compared);
    return status ? fail(status) : EXIT_OK;
}

/* The command as it was typed, for the pages. */
static rondo_status remember(const call *c, rondo_study *s)
{
    char text[4096] = "rondo study";
    size_t n = strlen(text);
    if (c->n_words) n += (size_t)snprintf(text + n, sizeof text - n, " %s", c->words[0]);
    for (int i = 0; i < c->n_options && n < sizeof text; i++) {
        const given *o = &c->options[i];
        char name[64];
        snprintf(name, sizeof name, "%s", o->key);
        for (char *l = name; *l; l++)
            if (*l == '_') *l = '-';
        const rondo_recipe_key *key = rondo_recipe_find("study", o->key);
        const bool plain = strspn(o->value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_./-=:,@%+") == strlen(o->value);
        if (key && !key->argument)
            n += (size_t)snprintf(text + n, sizeof text - n, " --%s%s",
                                  strcmp(o->value, "false") == 0 ? "no-" : "", name);
        else
            n += (size_t)snprintf(text + n, sizeof text - n, plain ? " --%s %s" : " --%s '%s'",
                                  name, o->value);
    }
    return rondo_study_command(s, text);
}

/* studies/NAME of NAME.yaml. */
static void choose_folder(char folder[1024], const call *c)
{
    const char *named = rondo_recipe_get(c->recipe, "output");
    const char *recipe = c->n_words ? c->words[0] : "study.yaml", *slash = strrchr(recipe, '/');
    if (slash) recipe = slash + 1;
    const char *dot = strrchr(recipe, '.');
    const int length = dot ? (int)(dot - recipe) : (int)strlen(recipe);
    if (named)
        snprintf(folder, 1024, "%s", named);
    else
        snprintf(folder, 1024, "studies/%.*s", length, recipe);
}

/* ---- While it goes on ---- */
static void tell(const rondo_study_event *e, void *user)
{
    session *s = user;
    if (s->call->quiet) return;
    if (e->run) {
        progress_clear(&s->progress);
        fprintf(s->progress.out, "%lld/%lld %s: %s%s%s  %.1f s\n", (long long)e->done,
                (long long)e->total, e->run, e->outcome, *e->detail ? ", " : "", e->detail,
                e->seconds);
    }
    progress_part(&s->progress, e->done, e->total, e->work, e->left);
}

static void print_json(const char *folder, const rondo_study_report *r)
{
    fputs("{\"output\": ", stdout);
    json_text(stdout, folder);
    printf(", \"runs\": %lld, \"before\": %lld, \"finished\": %lld, \"diverged\": %lld, "
           "\"failed\": %lld, \"stopped\": %s}\n",
           (long long)r->total, (long long)r->before, (long long)r->finished,
           (long long)r->diverged, (long long)r->failed, r->stopped ? "true" : "false");
}

static int report_failures(const rondo_study_report *r)
{
    return complain(EXIT_CHECK,
                    "%lld run%s failed, and will be tried again by the same command; the first: %s",
                    (long long)r->failed, r->failed == 1 ? "" : "s", r->failure);
}

static int conclude(const call *c, const char *folder, const rondo_study_report *r)
{
    if (c->json) print_json(folder, r);
    if (r->stopped)
        return complain(signals_exit() ? signals_exit() : EXIT_INTERRUPTED,
                        "stopped; what is there is in %s/study.md; the same command goes on",
                        folder);
    if (r->before == r->total)
        remark(c, "all %lld runs are there already: nothing was trained", (long long)r->total);
    remark(c, "tables and pictures: %s/study.html, study.md; every run: results.csv", folder);
    if (r->failed) return report_failures(r);
    return finish_output();
}

static int write_again(const call *c)
{
    rondo_study_report r;
    char folder[1024];
    choose_folder(folder, c);
    const rondo_status status = rondo_study_write(folder, &r);
    if (status) return fail(status);
    if (c->json) print_json(folder, &r);
    if (r.before < r.total)
        remark(c, "%lld of %lld runs are missing", (long long)(r.total - r.before),
               (long long)r.total);
    remark(c, "tables and pictures: %s/study.html, study.md; every run: results.csv", folder);
    return finish_output();
}

static int run(call *c, rondo_study *study)
{
    session s = { .call = c };
    rondo_study_report report;
    char folder[1024];
    int code = c->n_words ? recipe_read(c, study, c->words[0]) : EXIT_OK;
    if (!code) code = options_apply(c);
    if (!code) code = define(c, study);
    if (code) return code;
    const char *jobs = rondo_recipe_get(c->recipe, "jobs");
    choose_folder(folder, c);
    progress_init(&s.progress, stderr, c->quiet);
    signals_catch(rondo_interrupt);
    rondo_status status = remember(c, study);
    if (!status)
        status = rondo_study_run(study, folder, jobs ? atoi(jobs) : c->threads, tell, &s, &report);
    progress_clear(&s.progress);
    return status ? fail(status) : conclude(c, folder, &report);
}

int command_study(call *c)
{
    const char *again = rondo_recipe_get(c->recipe, "report");
    if (again && strcmp(again, "true") == 0) return write_again(c);
    rondo_study *study = rondo_study_new();
    if (!study) return fail(RONDO_E_NOMEM);
    const int code = run(c, study);
    rondo_study_free(study);
    return code;
}
