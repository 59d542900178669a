/* jobs - runs checked, then trained, many at once.  A run's bits do not depend on how many, nor on
 * their threads; what becomes of one is no other's business. */
#define _POSIX_C_SOURCE 200809L
#include "study/study.h"
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

typedef struct jobs {
    rondo_study *study;
    int *waiting; /* [n] runs that have not come to an end */
    int n;
    pthread_mutex_t lock; /* of all below */
    study_tell *tell;
    void *user;
    rondo_study_event event;
    rondo_study_report *report;
    int bad; /* the first run that cannot work; INT32_MAX: none */
    rondo_status bad_status;
    char bad_sentence[600];
    json_t *scores;   /* {name: null} of all runs that were checked */
    json_t *warnings; /* {line: null}, each once */
    atomic_bool stop;
    int interrupts; /* before it began */
} jobs;

typedef struct job { /* one run under way */
    jobs *all;
    study_run *run;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool interrupted(const jobs *j)
{
    return atomic_load(&j->stop) || fit_interrupts() != j->interrupts;
}

static void add_warnings(jobs *j, const text_buffer *lines)
{
    for (const char *line = lines->data; line && *line;) {
        const size_t n = strcspn(line, "\n");
        char *one = alloc_format("%.*s", (int)n, line);
        if (one) json_object_set_new(j->warnings, one, json_null());
        alloc_free(one);
        line += n + (line[n] == '\n');
    }
}

/* ---- Checking: each point of the grid once, before anything is trained ---- */
static void check_one(void *arg, int i)
{
    jobs *j = arg;
    const int index = j->waiting[i];
    study_run *run = &j->study->runs[index];
    if (interrupted(j)) return;
    const int points = j->study->n_runs / j->study->n_seeds;
    for (int k = index - points; k >= 0; k -= points) /* another seed of it is checked */
        if (j->study->runs[k].state == RUN_WAITING) return;
    run_outlook outlook = { 0 };
    const rondo_status status = run_check(run->recipe, &outlook);
    pthread_mutex_lock(&j->lock);
    if (outlook.scores) json_object_update(j->scores, outlook.scores);
    add_warnings(j, &outlook.warnings);
    if (status && index < j->bad) {
        j->bad = index;
        j->bad_status = status;
        snprintf(j->bad_sentence, sizeof j->bad_sentence, "%s", rondo_error());
    }
    pthread_mutex_unlock(&j->lock);
    run_outlook_free(&outlook);
}

/* Every measure must be a score of some run that is there or will be. */
static rondo_status check_measures(const jobs *j)
{
    const rondo_study *s = j->study;
    json_t *there = outcome_scores(s);
    if (!there || json_object_update(there, j->scores)) return RONDO_E_NOMEM;
    rondo_status status = RONDO_OK;
    for (int i = 0; i < s->n_measures && !status && !interrupted(j); i++)
        if (!json_object_get(there, s->measures[i].name) && !outcome_is_fact(s->measures[i].name))
            status = outcome_fail_measure(s->measures[i].name, there);
    json_decref(there);
    return status;
}

static rondo_status check_all(jobs *j, pool *threads)
{
    const char *line;
    json_t *item;
    char point[256];
    j->bad = INT32_MAX;
    pool_run(threads, check_one, j, j->n);
    if (j->bad != INT32_MAX) {
        study_describe(point, sizeof point, j->study, &j->study->runs[j->bad]);
        return rondo_fail(j->bad_status, "%s%s%s", point, *point ? ": " : "", j->bad_sentence);
    }
    RONDO_TRY(check_measures(j));
    json_object_foreach (j->warnings, line, item) {
        j->event.warning = line;
        if (j->tell) j->tell(&j->event, j->user);
    }
    j->event.warning = NULL;
    return RONDO_OK;
}

/* ---- Training ---- */
static void tell(jobs *j, const char *run, const char *outcome, const char *detail, double seconds)
{
    j->event.run = run;
    j->event.outcome = outcome;
    j->event.detail = detail;
    j->event.seconds = seconds;
    if (j->tell) j->tell(&j->event, j->user);
}

static void add_part(jobs *j, study_run *run, double part)
{
    j->event.work += part - run->part;
    j->event.left -= part - run->part;
    run->part = part;
}

static rondo_status watch(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    job *one = user;
    jobs *j = one->all;
    (void)m;
    if (event == RONDO_FIT_BEGIN && interrupted(j))
        return rondo_fail(RONDO_E_STOPPED, "interrupted before it began");
    if (event != RONDO_EPOCH_END) return RONDO_OK;
    pthread_mutex_lock(&j->lock);
    add_part(j, one->run, (double)(p->epoch + 1) / (double)(p->epochs + 1));
    tell(j, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&j->lock);
    return RONDO_OK;
}

/* "test_accuracy 0.91", of the first measure, or the first score there is. */
static void describe_score(char *text, size_t size, const rondo_study *s, const study_run *run)
{
    const char *name = s->n_measures ? s->measures[0].name : outcome_main_score(run);
    const double score = name ? outcome_score(run, name) : NAN;
    *text = 0;
    if (isfinite(score)) snprintf(text, size, "%s %.4g", name, score);
}

static void note_failure(rondo_study_report *report, const study_run *run)
{
    if (report->failed++ == 0)
        snprintf(report->failure, sizeof report->failure, "%.80s: %.400s", run->name,
                 run->why ? run->why : "");
}

static void settle(jobs *j, study_run *run, rondo_status status, double seconds)
{
    char detail[600] = "";
    snprintf(detail, sizeof detail, "%s", status ? rondo_error() : "");
    if (!status || status == RONDO_E_NAN) {
        status = outcome_read(run);
        if (status) snprintf(detail, sizeof detail, "%s", rondo_error());
    }
    if (status) {
        run->state = RUN_FAILED;
        run->why = alloc_text(detail);
    } else if (run->state == RUN_FINISHED) {
        describe_score(detail, sizeof detail, j->study, run);
    }
    pthread_mutex_lock(&j->lock);
    rondo_study_report *r = j->report;
    r->finished += run->state == RUN_FINISHED;
    r->diverged += run->state == RUN_DIVERGED;
    if (run->state == RUN_FAILED) note_failure(r, run);
    add_part(j, run, 1);
    j->event.done++;
    tell(j, run->name,
         run->state == RUN_FINISHED   ? "finished"
         : run->state == RUN_DIVERGED ? "diverged"
                                      : "failed",
         detail, seconds);
    pthread_mutex_unlock(&j->lock);
}

static void train_one(void *arg, int i)
{
    jobs *j = arg;
    job one = { j, &j->study->runs[j->waiting[i]] };
    const rondo_callback watcher = { .on = watch, .user = &one };
    const double begun = now();
    if (interrupted(j)) {
        atomic_store(&j->stop, true);
        return;
    }
    const rondo_status status = run_train(one.run->recipe, true, &watcher, 1, NULL, NULL, NULL);
    if (status == RONDO_E_STOPPED)
        atomic_store(&j->stop, true);
    else
        settle(j, one.run, status, now() - begun);
}

/* ---- The whole ---- */
static bool has_run(const rondo_study *s, const char *name)
{
    for (int i = 0; i < s->n_runs; i++)
        if (strcmp(s->runs[i].name, name) == 0) return true;
    return false;
}

/* Whether all of these runs are points of our grid, too. */
static bool is_of(const rondo_study *s, const json_t *names)
{
    json_t *name;
    size_t i;
    json_array_foreach (names, i, name)
        if (!json_is_string(name) || !has_run(s, json_string_value(name))) return false;
    return true;
}

/* Folders of runs that are no points of our grid. */
static int64_t count_others(const rondo_study *s)
{
    int64_t n = 0;
    char *path = file_join(s->folder, "runs");
    DIR *d = path ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += *e->d_name != '.' && !has_run(s, e->d_name);
    if (d) closedir(d);
    alloc_free(path);
    return n;
}

/* Nothing but what a study leaves that was killed before it had a study.json. */
static bool is_free(const char *folder)
{
    bool only = true;
    DIR *d = opendir(folder);
    if (!d) return !file_exists(folder);
    for (struct dirent *e; only && (e = readdir(d)) != NULL;)
        only = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
               folder_is_temporary(e->d_name, "study.json");
    closedir(d);
    return only;
}

/* The folder must be empty, not there, or a study's; its seconds count on while its grid is a part of
 * ours. */
static rondo_status claim(rondo_study *s)
{
    rondo_study *before = NULL;
    char *file = file_join(s->folder, "study.json");
    if (!file) return RONDO_E_NOMEM;
    const bool known = file_exists(file);
    alloc_free(file);
    if (known) {
        RONDO_TRY(study_load(&before, s->folder));
        s->seconds = is_of(s, before->names) ? before->seconds : 0;
        rondo_study_free(before);
        return RONDO_OK;
    }
    if (is_free(s->folder)) return RONDO_OK;
    return rondo_fail(RONDO_E_ARG,
                      "%s is not empty and holds no study; choose another directory with -o",
                      s->folder);
}

/* What an earlier call left of it; what cannot be read is a run that failed. */
static rondo_status take_up(study_run *run, rondo_study_report *report)
{
    const rondo_status status = outcome_read(run);
    if (status == RONDO_E_NOMEM) return status;
    if (status) {
        run->state = RUN_FAILED;
        run->why = alloc_format("%s; remove that directory and the run is made anew",
                                rondo_error());
        if (!run->why) return RONDO_E_NOMEM;
        note_failure(report, run);
    }
    report->before += run->state == RUN_FINISHED || run->state == RUN_DIVERGED;
    report->diverged += run->state == RUN_DIVERGED;
    return RONDO_OK;
}

static rondo_status find_waiting(jobs *j)
{
    rondo_study *s = j->study;
    j->waiting = alloc_array(s->n_runs, sizeof *j->waiting);
    if (!j->waiting) return RONDO_E_NOMEM;
    for (int i = 0; i < s->n_runs; i++) {
        if (!recipe_flag(s->runs[i].recipe, "fresh")) RONDO_TRY(take_up(&s->runs[i], j->report));
        if (s->runs[i].state == RUN_WAITING) j->waiting[j->n++] = i;
    }
    j->report->total = s->n_runs;
    j->report->others = count_others(s);
    j->event = (rondo_study_event){ .done = s->n_runs - j->n, .total = s->n_runs, .left = j->n };
    return RONDO_OK;
}

/* Where there are fewer runs than processors, each has several threads. */
static rondo_status share_threads(jobs *j, int at_once)
{
    char text[16];
    const int each = pool_processors() / (at_once < j->n ? at_once : j->n);
    snprintf(text, sizeof text, "%d", each > 1 ? each : 1);
    for (int i = 0; i < j->n; i++)
        RONDO_TRY(rondo_recipe_set(j->study->runs[j->waiting[i]].recipe, "train", "threads", text));
    return RONDO_OK;
}

static rondo_status train_all(jobs *j, int at_once)
{
    pool *threads;
    if (at_once == 0) at_once = pool_processors();
    RONDO_TRY(share_threads(j, at_once));
    RONDO_TRY(pool_new(&threads, at_once));
    const double begun = now();
    rondo_status status = check_all(j, threads);
    if (!status) status = file_make_folder(j->study->folder);
    if (!status) status = study_save(j->study);
    if (!status) pool_run(threads, train_one, j, j->n);
    pool_free(threads);
    RONDO_TRY(status);
    j->report->stopped = interrupted(j);
    j->study->seconds += now() - begun;
    return RONDO_OK;
}

rondo_status rondo_study_run(rondo_study *s, const char *folder, int at_once,
                             void (*told)(const rondo_study_event *, void *), void *user,
                             rondo_study_report *report)
{
    rondo_study_report unread;
    jobs j = { .study = s, .tell = told, .user = user, .interrupts = fit_interrupts() };
    j.report = report ? report : &unread;
    *j.report = (rondo_study_report){ 0 };
    if (at_once < 0) return rondo_fail(RONDO_E_ARG, "jobs is %d; 0 means all", at_once);
    grid_free(s); /* of a call before */
    alloc_free(s->folder);
    if (!(s->folder = alloc_text(folder))) return RONDO_E_NOMEM;
    pthread_mutex_init(&j.lock, NULL);
    j.scores = json_object();
    j.warnings = json_object();
    rondo_status status = j.scores && j.warnings ? grid_make(s) : RONDO_E_NOMEM;
    if (!status) status = claim(s);
    if (!status) status = find_waiting(&j);
    if (!status && j.n) status = train_all(&j, at_once);
    if (!status) status = study_save(s);
    if (!status) status = pages_write(s);
    pthread_mutex_destroy(&j.lock);
    alloc_free(j.waiting);
    json_decref(j.scores);
    json_decref(j.warnings);
    return status;
}

rondo_status rondo_study_write(const char *folder, rondo_study_report *report)
{
    rondo_study *s;
    rondo_study_report r = { 0 };
    RONDO_TRY(study_load(&s, folder));
    rondo_status status = grid_make(s);
    for (int i = 0; i < s->n_runs && !status; i++) {
        status = take_up(&s->runs[i], &r);
    }
    r.total = s->n_runs;
    r.others = status ? 0 : count_others(s);
    if (!status) status = pages_write(s);
    if (report) *report = r;
    rondo_study_free(s);
    return status;
}
