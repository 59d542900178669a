/* rondo bench */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench {
    const call *c;
    const char *cases, *cell; /* which ones; NULL: all */
    const char *activation;   /* in place of those listed; NULL: each of them */
    const char *compute;      /* of training (d, f), and then nothing else; NULL: f32 */
    int threads[2], n_threads;
    char machine[128];
    const char *title; /* of the rows shown last */
    bool refused;      /* some figure was not believed */
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void find_machine(const char *name, const char *value, bool list, void *user)
{
    bench *b = user;
    (void)list;
    if (strcmp(name, "cpu") == 0) snprintf(b->machine, sizeof b->machine, "%s", value);
    if (strcmp(name, "threads") == 0 && b->n_threads == 0) {
        b->threads[0] = 1;
        b->threads[1] = atoi(value);
        b->n_threads = b->threads[1] > 1 ? 2 : 1;
    }
}

static bool listed(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || strchr(" ,", at[-1])) && (!at[n] || strchr(" ,", at[n]))) return true;
    return false;
}

static bool wanted(const bench *b, const rondo_bench_case *c)
{
    return (!b->cases || listed(b->cases, c->letter)) &&
           (!b->compute || (listed("d f", c->letter) && !c->numbers)) &&
           (!b->activation || (strcmp(c->letter, "activations") == 0 && !c->activation)) &&
           (!b->cell || strcmp(b->cell, c->cell) == 0);
}

static void show_case(FILE *out, const rondo_bench_case *c)
{
    fprintf(out, "%s,%s,%lld,%lld,%lld,%lld,%s%s%s\n", c->letter, c->cell, (long long)c->batch,
            (long long)c->steps, (long long)c->inputs, (long long)c->units,
            c->activation ? c->activation : "", c->numbers ? "," : "",
            c->numbers ? c->numbers : "");
}

static bool is_language(const rondo_bench_case *c)
{
    return strcmp(c->letter, "f") == 0;
}

static double words_per_second(const rondo_bench_case *c, const rondo_bench_result *r)
{
    return 1e6 * (double)(c->batch * c->steps) / r->us;
}

static bool is_memory(const rondo_bench_case *c)
{
    return strcmp(c->letter, "memory") == 0;
}

static void begin_json(const rondo_bench_case *c, int threads)
{
    printf("{\"case\":\"%s\",\"cell\":\"%s\",", c->letter, c->cell);
    if (c->activation) {
        fputs("\"activation\":", stdout);
        json_text(stdout, c->activation);
        putchar(',');
    }
    if (c->numbers) printf("\"numbers\":\"%s\",", c->numbers);
    printf("\"B\":%lld,\"T\":%lld,\"I\":%lld,\"H\":%lld,\"threads\":%d,", (long long)c->batch,
           (long long)c->steps, (long long)c->inputs, (long long)c->units, threads);
}

static void show_json(const rondo_bench_case *c, int threads, const rondo_bench_result *r)
{
    begin_json(c, threads);
    if (is_memory(c)) {
        printf("\"bytes\":%.0f,\"own_bytes\":%.0f}\n", r->bytes, r->own_bytes);
        return;
    }
    printf("\"us\":%.6g,\"gflops\":%.6g,", r->us, r->gflops);
    if (is_language(c)) printf("\"words_per_second\":%.6g,", words_per_second(c, r));
    if (r->relative > 0) printf("\"relative\":%.4g,", r->relative);
    printf("\"peak\":%.6g,\"isa\":\"%s\"}\n", r->peak, rondo_isa());
}

static void show_title(bench *b, const char *title)
{
    if (b->title != title) puts(title);
    b->title = title;
}

static void show_row(bench *b, const rondo_bench_case *c, int threads, const rondo_bench_result *r)
{
    static const char times[] = "case            cell          B    T     I     H numbers th"
                                "           us  GFLOP/s  peak",
                      activations[] = "activation      cell          B    T     I     H numbers th"
                                      "           us relative",
                      memory[] = "case            cell          B    T     I     H numbers th"
                                 "          MiB";
    const bool relative = strcmp(c->letter, "activations") == 0;
    const char *numbers = c->numbers ? c->numbers : "f32";
    if (strcmp(c->letter, "peak") == 0) {
        printf("# peak, fp32, %d thread%s: %.0f GFLOP/s\n", threads, threads == 1 ? "" : "s",
               r->peak);
        return;
    }
    show_title(b, relative ? activations : is_memory(c) ? memory : times);
    printf("%-15s %-10s %4lld %4lld %5lld %5lld %-7s %2d ",
           !relative       ? c->letter
           : c->activation ? c->activation
                           : "(usual)",
           c->cell, (long long)c->batch, (long long)c->steps, (long long)c->inputs,
           (long long)c->units, numbers, threads);
    if (is_memory(c)) {
        printf("%12.1f\n", r->bytes / (1 << 20));
        return;
    }
    printf("%12.5g ", r->us);
    if (relative)
        printf("%8.2f", r->relative);
    else
        printf("%8.1f %4.0f%%", r->gflops, 100 * r->gflops / r->peak);
    if (is_language(c)) printf("  %.0f words/s", words_per_second(c, r));
    putchar('\n');
}

/* One line on a terminal that keeps changing; none elsewhere. */
static void show_progress(const bench *b, const rondo_bench_case *c, int at, int total)
{
    if (b->c->quiet || !terminal_width(stderr)) return;
    fprintf(stderr, "\r%d/%d %s %s %s\033[K", at, total, c->letter, c->cell,
            c->activation ? c->activation : "");
}

static void clear_progress(const bench *b)
{
    if (!b->c->quiet && terminal_width(stderr)) fputs("\r\033[K", stderr);
}

/* A figure that is not believed is not shown; the next case may do better, the exit code tells. */
static int refuse(bench *b, const rondo_bench_case *c, int threads, rondo_status status)
{
    const int code = fail(status);
    if (status != RONDO_E_STATE) return code;
    b->refused = true;
    if (!b->c->json) return EXIT_OK;
    begin_json(c, threads);
    fputs("\"error\":", stdout);
    json_text(stdout, rondo_error());
    fputs("}\n", stdout);
    return finish_output();
}

/* Measures one case with one number of threads. */
static int measure(bench *b, const rondo_bench_case *asked, int which, double seconds)
{
    rondo_bench_result r;
    rondo_bench_case copy = *asked;
    const rondo_bench_case *c = &copy;
    if (b->compute) copy.numbers = b->compute;
    if (b->activation) copy.activation = b->activation;
    const rondo_status status = rondo_bench(&r, c, b->threads[which], seconds);
    clear_progress(b);
    if (status) return refuse(b, c, b->threads[which], status);
    if (b->c->json)
        show_json(c, b->threads[which], &r);
    else
        show_row(b, c, b->threads[which], &r);
    return finish_output();
}

/* Of the built-in ones, sharing out the time that is left. */
static int measure_all(bench *b, double seconds)
{
    const double end = now() + seconds;
    const rondo_bench_case *c;
    int total = 0, done = 0;
    for (int i = 0; (c = rondo_bench_case_at(i)) != NULL; i++) total += wanted(b, c) * b->n_threads;
    if (!total) return complain(EXIT_USAGE, "no such cases; rondo bench --list shows them all");
    if (!b->c->json) printf("# %s, %s\n", b->machine, rondo_isa());
    for (int i = 0; (c = rondo_bench_case_at(i)) != NULL; i++)
        for (int k = 0; wanted(b, c) && k < b->n_threads; k++, done++) {
            const double left = end - now();
            show_progress(b, c, done + 1, total);
            const double share = left / (total - done);
            const int code = measure(b, c, k, share > 0.02 ? 0.8 * share : 0.02);
            if (code) return code;
        }
    return EXIT_OK;
}

/* case,cell,B,T,I,H[,[activation][,numbers]], as --list writes them; answers each before the next is read. */
static int measure_lines(bench *b, FILE *in, double seconds)
{
    char line[256], letter[16], cell[32], more[128];
    for (int n = 1; fgets(line, sizeof line, in); n++) {
        long long size[4];
        *more = 0;
        if (sscanf(line, "%15[^,],%31[^,],%lld,%lld,%lld,%lld,%127[^\n]", letter, cell, &size[0],
                   &size[1], &size[2], &size[3], more) < 6)
            return complain(EXIT_INPUT, "line %d is no case,cell,B,T,I,H: %s", n, line);
        char *numbers = strchr(more, ',');
        if (numbers) *numbers++ = 0;
        const rondo_bench_case c = { letter,  cell,    *more ? more : NULL,
                                     size[0], size[1], size[2],
                                     size[3], numbers };
        for (int k = 0; k < b->n_threads; k++) {
            const int code = measure(b, &c, k, seconds);
            if (code) return code;
        }
    }
    return EXIT_OK;
}

int command_bench(call *c)
{
    bench b = { .c = c, .threads = { c->threads }, .n_threads = c->threads > 0 };
    const char *file = rondo_recipe_get(c->recipe, "cases");
    const char *list = rondo_recipe_get(c->recipe, "list");
    const char *text = rondo_recipe_get(c->recipe, "seconds");
    const double seconds = text ? atof(text) : file ? 0.5 : 60;
    const rondo_bench_case *each;
    b.cases = rondo_recipe_get(c->recipe, "case");
    b.cell = rondo_recipe_get(c->recipe, "cell");
    b.compute = rondo_recipe_get(c->recipe, "compute");
    b.activation = rondo_recipe_get(c->recipe, "activation");
    if (!(seconds > 0)) return complain(EXIT_USAGE, "seconds is %s; it must be over 0", text);
    if (list && strcmp(list, "true") == 0) {
        for (int i = 0; (each = rondo_bench_case_at(i)) != NULL; i++)
            if (wanted(&b, each)) show_case(stdout, each);
        return finish_output();
    }
    const rondo_status status = rondo_doctor(find_machine, &b);
    if (status) return fail(status);
    if (!file) {
        const int code = measure_all(&b, seconds);
        return code ? code : b.refused ? EXIT_CHECK : EXIT_OK;
    }
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    if (!in) return complain(EXIT_FILES, "cannot open %s", file);
    const int code = measure_lines(&b, in, seconds);
    if (in != stdin) fclose(in);
    return code ? code : b.refused ? EXIT_CHECK : EXIT_OK;
}
