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

static rondo_status add_value(rondo_study *s, const char *axis, const char *label)
{
    return rondo_study_vary(s, axis, label, NULL);
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
    naming axis = { s, name, add_value };
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
        if (*at < '0' || *at > '9' || (*end && *end != ',') || (*end && !end[1]) ||
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
    const char *one = rondo_recipe_get(c->recipe, "seed"); /* an option: recipes have seeds */
    const char *measures = rondo_recipe_get(c->recipe, "measure");
    const char *compare = rondo_recipe_get(c->recipe, "compare");
    naming measure = { s, rondo_recipe_get(c->recipe, "better"), add_measure };
    naming compared = { s, NULL, add_compared };
    int code = EXIT_OK;
    for (int i = 0; i < c->n_options && !code; i++) {
        const given *o = &c->options[i];
        if (one && strcmp(o->key, "seeds") == 0)
            code = complain(EXIT_USAGE, "--seed %s and --seeds %s: say one of them", one, o->value);
        if (strcmp(o->key, "vary") == 0) code = vary(s, o->value);
        if (code || is_about_us(o->key)) continue;
        const rondo_status set = rondo_study_override(s, o->key, o->value);
        if (set) code = fail(set);
    }
    if (!code && seeds && !one) code = add_seeds(s, seeds);
    if (code) return code;
    rondo_status status = RONDO_OK;
    if (one) status = rondo_study_seed(s, strtoull(one, NULL, 10));
    if (!status && measures) status = each_item(measures, " ,", add_item, &measure);
    if (!status && compare) status = each_item(compare, " ,", add_item, &compared);
    return status ? fail(status) : EXIT_OK;
}

/* The command as it was typed, for the pages. */
static void write_command(FILE *out, const call *c)
{
    fputs("rondo study", out);
    for (int i = -c->n_words; i < c->n_options; i++) {
        const given *o = i < 0 ? NULL : &c->options[i];
        const rondo_recipe_key *key = o ? rondo_recipe_find("study", o->key) : NULL;
        const bool flag = key && !key->argument;
        fputs(o ? " --" : " ", out);
        if (flag && strcmp(o->value, "false") == 0) fputs("no-", out);
        for (const char *l = o ? o->key : ""; *l; l++) fputc(*l == '_' ? '-' : *l, out);
        if (flag) continue;
        char *value = shell_text(o ? o->value : c->words[c->n_words + i]);
        fprintf(out, o ? " %s" : "%s", value ? value : "");
        free(value);
    }
}

static rondo_status remember(const call *c, rondo_study *s)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return RONDO_E_NOMEM;
    write_command(out, c);
    const rondo_status status = fclose(out) ? RONDO_E_NOMEM : rondo_study_command(s, text);
    free(text);
    return status;
}

/* studies/NAME of NAME.yaml; free() it. */
static char *choose_folder(const call *c)
{
    const char *named = rondo_recipe_get(c->recipe, "output");
    const char *recipe = c->n_words ? c->words[0] : "study.yaml", *slash = strrchr(recipe, '/');
    if (named) return strdup(named);
    if (slash) recipe = slash + 1;
    const char *dot = strrchr(recipe, '.');
    const size_t length = dot ? (size_t)(dot - recipe) : strlen(recipe);
    char *folder = malloc(sizeof "studies/" + length);
    if (folder) sprintf(folder, "studies/%.*s", (int)length, recipe);
    return folder;
}

/* ---- While it goes on ---- */
static void tell(const rondo_study_event *e, void *user)
{
    session *s = user;
    if (s->call->quiet) return;
    if (e->warning) {
        progress_clear(&s->progress);
        fprintf(s->progress.out, "%s\n", e->warning);
    }
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
                    "%lld run%s failed, and the same command tries what can be tried again; the "
                    "first: %s",
                    (long long)r->failed, r->failed == 1 ? "" : "s", r->failure);
}

static int point_out(const call *c, const char *folder, const rondo_study_report *r)
{
    if (r->others)
        remark(c, "%lld run%s of another grid %s in %s/runs/, and not in these tables",
               (long long)r->others, r->others == 1 ? "" : "s", r->others == 1 ? "is" : "are",
               folder);
    remark(c, "tables and pictures: %s/study.html, study.md; every run: results.csv", folder);
    if (r->failed) return report_failures(r);
    return finish_output();
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
    return point_out(c, folder, r);
}

/* The recipe says where, or the word is the study's directory itself. */
static int read_where(call *c, rondo_study *unused, char **folder)
{
    const bool recipe = c->n_words && is_recipe(c->words[0]);
    if (c->n_words && !recipe) {
        *folder = strdup(c->words[0]);
        return *folder ? EXIT_OK : fail(RONDO_E_NOMEM);
    }
    int code = recipe ? recipe_read(c, unused, c->words[0]) : EXIT_OK;
    if (!code) code = options_apply(c);
    if (code) return code;
    *folder = choose_folder(c);
    return *folder ? EXIT_OK : fail(RONDO_E_NOMEM);
}

static int write_again(call *c, rondo_study *unused)
{
    rondo_study_report r;
    char *folder = NULL;
    int code = read_where(c, unused, &folder);
    if (code) return code;
    const rondo_status status = rondo_study_write(folder, &r);
    if (status) {
        free(folder);
        return fail(status);
    }
    if (c->json) print_json(folder, &r);
    if (r.before + r.failed < r.total)
        remark(c, "%lld of %lld runs are missing", (long long)(r.total - r.before - r.failed),
               (long long)r.total);
    code = point_out(c, folder, &r);
    free(folder);
    return code;
}

static int run(call *c, rondo_study *study)
{
    session s = { .call = c };
    rondo_study_report report;
    int code = c->n_words ? recipe_read(c, study, c->words[0]) : EXIT_OK;
    if (!code) code = options_apply(c);
    if (!code) code = define(c, study);
    if (code) return code;
    const char *jobs = rondo_recipe_get(c->recipe, "jobs");
    char *folder = choose_folder(c);
    progress_init(&s.progress, stderr, c->quiet);
    signals_catch(rondo_interrupt);
    rondo_status status = folder ? remember(c, study) : RONDO_E_NOMEM;
    if (!status)
        status = rondo_study_run(study, folder, jobs ? atoi(jobs) : c->threads, tell, &s, &report);
    progress_clear(&s.progress);
    code = status ? fail(status) : conclude(c, folder, &report);
    free(folder);
    return code;
}

int command_study(call *c)
{
    const char *again = rondo_recipe_get(c->recipe, "report");
    rondo_study *study = rondo_study_new();
    if (!study) return fail(RONDO_E_NOMEM);
    const int code = again && strcmp(again, "true") == 0 ? write_again(c, study) : run(c, study);
    rondo_study_free(study);
    return code;
}
