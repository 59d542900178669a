/* pages - study.md and study.html: what was compared, what came out, and how sure that is. */
#include "study/study.h"
#include <math.h>
#include <string.h>

enum { CELL = 64, MAX_COLUMNS = 40 };

/* ---- Numbers ---- */
/* For all of a block: so many decimals that a deviation, typically, has two digits that count. */
static int decimals_of_block(const study_table *t, int b)
{
    double logs = 0;
    int n = 0;
    for (int k = 0; k < t->n_treatments; k++) {
        const study_group *g = &t->groups[b * t->n_treatments + k];
        const double size = g->deviation > 0 ? g->deviation : fabs(g->mean) / 100;
        if (!(size > 0)) continue;
        logs += log10(size);
        n++;
    }
    return n ? (int)fmin(fmax(1 - floor(logs / n), 0), 8) : 3;
}

static void number_cell(char cell[CELL], double number, int decimals)
{
    text_buffer t = { 0 };
    if (isfinite(number)) text_add(&t, "%.*f", decimals, number);
    snprintf(cell, CELL, "%s", t.data ? t.data : "");
    text_free(&t);
}

static void group_cell(char cell[CELL], const study_group *g, int decimals)
{
    char mean[CELL], deviation[CELL];
    number_cell(mean, g->mean, decimals);
    number_cell(deviation, g->deviation, decimals);
    if (g->n == 0)
        snprintf(cell, CELL, "%s",
                 g->diverged   ? "diverged"
                 : g->unsolved ? "unsolved"
                 : g->failed   ? "failed"
                 : g->lacking  ? "no such score"
                               : "");
    else if (g->n == 1)
        snprintf(cell, CELL, "%.40s", mean);
    else
        snprintf(cell, CELL, "%.28s ± %.28s", mean, deviation);
    const int lost = g->diverged + g->unsolved;
    const size_t used = strlen(cell);
    if (g->n && lost && used < CELL - 16)
        snprintf(cell + used, CELL - used, " (%d of %d)", g->n, g->n + lost);
}

/* -1: there is no score in it. */
static int best_of_block(const study_table *t, int b)
{
    const study_group *groups = &t->groups[b * t->n_treatments];
    int best = 0;
    for (int k = 1; k < t->n_treatments; k++)
        if (table_better(t, &groups[k], &groups[best])) best = k;
    return groups[best].n ? best : -1;
}

/* Whether nobody would tell its printed mean from that of the best, with as many runs lost. */
static bool is_best(const study_table *t, int b, int k)
{
    const int best = best_of_block(t, b), decimals = decimals_of_block(t, b);
    if (best < 0) return false;
    const study_group *g = &t->groups[b * t->n_treatments + k],
                      *than = &t->groups[b * t->n_treatments + best];
    char mean[CELL], best_mean[CELL];
    number_cell(mean, g->mean, decimals);
    number_cell(best_mean, than->mean, decimals);
    return g->n && g->diverged + g->unsolved == than->diverged + than->unsolved &&
           !strcmp(mean, best_mean);
}

/* Treatments in the order they are shown: by rank, where there is one. */
static void order_treatments(int *order, const study_table *t)
{
    for (int i = 0; i < t->n_treatments; i++) {
        int k = i;
        for (; t->ranks && k > 0 && t->ranks[order[k - 1]] > t->ranks[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

/* ---- The overview: treatments down, blocks across ---- */
static void overview(document *d, const study_table *t, const int *order)
{
    char cells[MAX_COLUMNS][CELL];
    const char *row[MAX_COLUMNS];
    bool strong[MAX_COLUMNS] = { false };
    const int blocks = t->n_blocks < MAX_COLUMNS - 2 ? t->n_blocks : MAX_COLUMNS - 2;
    const int n = blocks + 1 + (t->ranks != NULL);
    row[0] = "";
    for (int b = 0; b < blocks; b++) row[1 + b] = *t->blocks[b] ? t->blocks[b] : "mean ± sd";
    row[1 + blocks] = "average rank";
    document_table(d, row, n);
    for (int i = 0; i < t->n_treatments; i++) {
        const int k = order[i];
        row[0] = t->treatments[k];
        for (int b = 0; b < blocks; b++) {
            group_cell(cells[b], &t->groups[b * t->n_treatments + k], decimals_of_block(t, b));
            row[1 + b] = cells[b];
            strong[1 + b] = is_best(t, b, k);
        }
        if (t->ranks) number_cell(cells[blocks], t->ranks[k], 2);
        row[1 + blocks] = cells[blocks];
        document_row(d, row, strong);
    }
    document_table_end(d);
    if (blocks < t->n_blocks)
        document_text(d, "%d further blocks are in results.csv.", t->n_blocks - blocks);
}

/* ---- A block in full ---- */
static void block_table(document *d, const study_table *t, int b, const int *order)
{
    static const char *const columns[] = { "",      "mean", "sd",   "95 % interval", "best",
                                           "worst", "runs", "lost", "missing" };
    const int decimals = decimals_of_block(t, b);
    char cells[9][CELL];
    const char *row[9];
    if (*t->blocks[b]) document_heading(d, 3, t->blocks[b]);
    document_table(d, columns, 9);
    for (int i = 0; i < t->n_treatments; i++) {
        const study_group *g = &t->groups[b * t->n_treatments + order[i]];
        char low[CELL], high[CELL];
        number_cell(cells[1], g->mean, decimals);
        number_cell(cells[2], g->deviation, decimals);
        number_cell(low, g->low, decimals);
        number_cell(high, g->high, decimals);
        snprintf(cells[3], CELL, *low ? "%.28s … %.28s" : "", low, high);
        number_cell(cells[4], g->best, decimals);
        number_cell(cells[5], g->worst, decimals);
        snprintf(cells[6], CELL, "%d", g->n);
        snprintf(cells[7], CELL, "%d", g->diverged + g->unsolved);
        snprintf(cells[8], CELL, "%d", g->missing + g->failed + g->lacking);
        row[0] = t->treatments[order[i]];
        for (int c = 1; c < 9; c++) row[c] = cells[c];
        document_row(d, row, NULL);
    }
    document_table_end(d);
}

/* ---- What the tests say ---- */
static void say_p(char text[32], double p)
{
    text_buffer t = { 0 };
    text_add(&t, p < 0.001 ? "p < 0.001" : "p = %.3f", p);
    snprintf(text, 32, "%s", t.data ? t.data : "");
    text_free(&t);
}

static void say_tests(document *d, const study_table *t)
{
    char p_f[32], p_chi2[32];
    const char *what = t->by_seed ? "seeds" : "blocks";
    if (t->ranked < 2) {
        document_text(d, "Ranks need two %s at least in which every treatment has come to an end.",
                      what);
        return;
    }
    char corrected[160];
    say_p(p_f, t->test.p_f);
    say_p(p_chi2, t->test.p_chi2);
    if (isinf(t->test.f))
        snprintf(corrected, sizeof corrected,
                 "all %s rank them alike, so Iman and Davenport's F has no bound", what);
    else
        snprintf(corrected, sizeof corrected,
                 "as Iman and Davenport correct it, F(%d, %d) = %.2f, %s", t->test.freedom1,
                 t->test.freedom2, t->test.f, p_f);
    document_text(d,
                  "Ranks are averaged over %d %s. Friedman's test that all treatments are alike: "
                  "χ²(%d) = %.2f, %s; %s. "
                  "Nemenyi's critical difference of average ranks at 0.05 is %.2f: treatments "
                  "closer than that are not told apart.",
                  t->ranked, what, t->test.freedom1, t->test.chi2, p_chi2, corrected,
                  t->test.difference);
    if (t->by_seed)
        document_text(d, "There is one block alone, so ranks are those of its seeds: they say how "
                         "sure the order is on these data, not on others.");
}

static void pair_table(document *d, const study_table *t, const int *order)
{
    const int k = t->n_treatments;
    const char *row[MAX_COLUMNS];
    char cells[MAX_COLUMNS][CELL];
    bool strong[MAX_COLUMNS] = { false };
    if (!t->pairs) return;
    document_text(d, "Pairs by Wilcoxon's signed ranks: p, adjusted for all pairs by Holm; bold "
                     "below 0.05.");
    row[0] = "";
    for (int i = 0; i < k; i++) row[i + 1] = t->treatments[order[i]];
    document_table(d, row, k + 1);
    for (int i = 0; i < k; i++) {
        row[0] = t->treatments[order[i]];
        for (int j = 0; j < k; j++) {
            const double p = t->pairs[order[i] * k + order[j]];
            number_cell(cells[j], i == j ? NAN : p, 3);
            strong[j + 1] = i != j && p < 0.05;
            row[j + 1] = cells[j];
        }
        document_row(d, row, strong);
    }
    document_table_end(d);
}

/* ---- One measure ---- */
static rondo_status measure_section(document *d, const rondo_study *s, const study_measure *measure)
{
    char title[128];
    study_table t;
    rondo_status status = table_make(&t, s, measure);
    int *order = status ? NULL : alloc_array(t.n_treatments, sizeof *order);
    if (!status && !order) status = RONDO_E_NOMEM;
    if (!status) {
        order_treatments(order, &t);
        snprintf(title, sizeof title, "%.80s: %s is better", measure->name,
                 measure->higher ? "higher" : "lower");
        document_heading(d, 2, title);
        overview(d, &t, order);
        if (t.n_treatments > 1) {
            say_tests(d, &t);
            if (t.ranked > 1) figures_ranks(d, &t);
            pair_table(d, &t, order);
        }
        figures_intervals(d, s, &t);
        document_heading(d, 3, "Learning curves");
        figures_curves(d, s, &t);
        if (t.n_blocks > 1) document_fold(d, "Each block in numbers");
        for (int b = 0; b < t.n_blocks; b++) block_table(d, &t, b, order);
        if (t.n_blocks > 1) document_fold(d, NULL);
        status = d->status;
    }
    alloc_free(order);
    table_free(&t);
    return status;
}

/* ---- The whole ---- */
static void count(document *d, const rondo_study *s)
{
    int of[4] = { 0 };
    for (int i = 0; i < s->n_runs; i++) of[s->runs[i].state]++;
    document_text(d, "%d runs: %d finished, %d diverged, %d missing%s.", s->n_runs,
                  of[RUN_FINISHED], of[RUN_DIVERGED], of[RUN_WAITING] + of[RUN_FAILED],
                  of[RUN_WAITING] + of[RUN_FAILED] ? "; what follows is of those that are there"
                                                   : "");
    if (of[RUN_DIVERGED])
        document_text(d, "A treatment of which runs diverged, or did not reach their goal, ranks "
                         "behind those of which none did; its mean is that of the others.");
}

static void find_cpu(const char *name, const char *text, bool list, void *user)
{
    (void)list;
    if (strcmp(name, "cpu") == 0) snprintf(user, 128, "%s", text);
}

/* The data of the runs, each once. */
static void data_section(document *d, const rondo_study *s)
{
    static const char *const columns[] = { "data", "samples", "digest" };
    const char *key;
    json_t *item, *seen = json_object();
    document_table(d, columns, 3);
    for (int i = 0; i < s->n_runs && seen; i++)
        json_object_foreach (s->runs[i].facts, key, item) {
            const char *digest = json_string_value(json_object_get(item, "digest"));
            const char *path = json_string_value(json_object_get(item, "path"));
            char samples[32];
            if (!digest || json_object_get(seen, digest)) continue;
            json_object_set_new(seen, digest, json_true());
            snprintf(samples, sizeof samples, "%lld",
                     (long long)json_integer_value(json_object_get(item, "samples")));
            const char *const row[] = { path ? path : key, samples, digest };
            document_row(d, row, NULL);
        }
    document_table_end(d);
    json_decref(seen);
}

static void footer(document *d, const rondo_study *s)
{
    char cpu[128] = "unknown";
    text_buffer about = { 0 }, seeds = { 0 };
    (void)rondo_doctor(find_cpu, cpu);
    document_heading(d, 2, "How it was made");
    if (s->command) document_code(d, s->command);
    for (int i = 0; i < s->n_seeds && i < 20; i++)
        text_add(&seeds, "%s%llu", i ? ", " : "", (unsigned long long)s->seeds[i]);
    if (s->n_seeds > 20) text_add(&seeds, " …");
    double spent = 0;
    const char *written = NULL;
    for (int i = 0; i < s->n_runs; i++) {
        const double seconds = outcome_fact(&s->runs[i], "seconds");
        const char *when = json_string_value(json_object_get(s->runs[i].facts, "written"));
        if (isfinite(seconds)) spent += seconds;
        if (when && (!written || strcmp(when, written) > 0)) written = when;
    }
    text_add(&about, "Rondo %s, %s on %s, %d processors", rondo_version(), rondo_isa(), cpu,
             pool_processors());
    if (written) text_add(&about, "; last run %s", written);
    document_text(d, "%s.", about.data ? about.data : "");
    document_text(d, "Seeds %s. The runs took %.0f s of training together.",
                  seeds.data ? seeds.data : "", spent);
    if (s->seconds > 0) document_text(d, "The study took %.0f s.", s->seconds);
    text_free(&about);
    text_free(&seeds);
    data_section(d, s);
    document_text(d, "Every run is in results.csv, and in runs/ with its recipe, its log and its "
                     "model. Scores of test and of validation data are those of the epoch with the "
                     "least validation loss, where there are validation data.");
}

rondo_status pages_write(rondo_study *s)
{
    document d;
    const char *slash = strrchr(s->folder, '/');
    char title[160];
    RONDO_TRY(outcome_choose_measures(s));
    RONDO_TRY(outcome_write_csv(s));
    snprintf(title, sizeof title, "Study: %.120s", slash && slash[1] ? slash + 1 : s->folder);
    document_begin(&d, s->folder, title);
    count(&d, s);
    rondo_status status = RONDO_OK;
    for (int i = 0; i < s->n_measures && !status; i++)
        status = measure_section(&d, s, &s->measures[i]);
    footer(&d, s);
    if (status && !d.status) d.status = status;
    return document_end(&d, "study");
}
