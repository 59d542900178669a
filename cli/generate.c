/* rondo generate: a language model writes, and what it writes is shown as it comes. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct growing {
    char *data;
    size_t size, room;
} growing;

typedef struct told {   /* of a sample */
    growing text;       /* as JSON wants it, or while others are shown */
    growing tokens;     /* members of a JSON list */
    const char *finish; /* NULL while it goes on */
} told;

typedef struct writer {
    const call *call;
    const char *prompt;
    int64_t samples, turn; /* which one is being shown */
    bool flushes;
    told *told; /* [samples] */
} writer;

static bool add(growing *g, const char *bytes, size_t n)
{
    if (g->size + n + 1 > g->room) {
        const size_t room = 2 * (g->size + n + 1);
        char *data = realloc(g->data, room);
        if (!data) return false;
        g->data = data;
        g->room = room;
    }
    if (n) memcpy(g->data + g->size, bytes, n);
    g->size += n;
    g->data[g->size] = 0;
    return true;
}

/* ---- The prompt ---- */
static int read_all(growing *g, FILE *in)
{
    char some[4096];
    size_t n;
    if (!add(g, "", 0)) return complain(EXIT_MEMORY, "out of memory");
    while ((n = fread(some, 1, sizeof some, in)) > 0) {
        if (memchr(some, 0, n)) return complain(EXIT_INPUT, "the prompt holds a zero byte");
        if (!add(g, some, n)) return complain(EXIT_MEMORY, "out of memory");
    }
    if (ferror(in)) return complain(EXIT_FILES, "cannot read standard input: %s", strerror(errno));
    return EXIT_OK;
}

/* ---- Options ---- */
static int64_t whole(const call *c, const char *key)
{
    const char *text = rondo_recipe_get(c->recipe, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static double number(const call *c, const char *key)
{
    const char *text = rondo_recipe_get(c->recipe, key);
    return text ? strtod(text, NULL) : 0;
}

static bool flag(const call *c, const char *key)
{
    const char *text = rondo_recipe_get(c->recipe, key);
    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

/* In the library 0 is a default; who types 0 means it. */
static int check_zeros(const call *c)
{
    static const char *const keys[] = {
        "length", "samples", "beam", "top_p", "repetition_penalty", "length_penalty"
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = rondo_recipe_get(c->recipe, keys[i]);
        if (text && strtod(text, NULL) == 0)
            return complain(EXIT_USAGE, "%s is %s; leave it out for its default", keys[i], text);
    }
    return EXIT_OK;
}

static rondo_generate_options options_of(const call *c, const char *prompt)
{
    const char *temperature = rondo_recipe_get(c->recipe, "temperature");
    const bool cold = temperature && strtod(temperature, NULL) == 0;
    return (rondo_generate_options){
        .size = sizeof(rondo_generate_options),
        .prompt = prompt,
        .stop = rondo_recipe_get(c->recipe, "stop"),
        .length = whole(c, "length"),
        .samples = whole(c, "samples"),
        .seed = (uint64_t)whole(c, "seed"),
        .greedy = cold || flag(c, "greedy"),
        .temperature = number(c, "temperature"),
        .top_k = whole(c, "top_k"),
        .top_p = number(c, "top_p"),
        .repetition_penalty = number(c, "repetition_penalty"),
        .beams = whole(c, "beam"),
        .length_penalty = number(c, "length_penalty"),
        .scores = c->json,
    };
}

/* ---- Writing ---- */
static bool add_token(growing *g, const rondo_piece *p)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out) return false;
    fprintf(out, "%s{\"id\": %d, \"token\": ", g->size ? ", " : "", (int)p->id);
    json_text(out, p->token);
    fputs(", \"log_probability\": ", out);
    json_number(out, p->log_probability);
    fputc('}', out);
    const bool done = !fclose(out) && add(g, text, n);
    free(text);
    return done;
}

static void begin_sample(const writer *w)
{
    if (w->call->json) return;
    if (w->samples > 1) printf("%s==> %lld <==\n", w->turn ? "\n" : "", (long long)w->turn + 1);
    fputs(w->prompt, stdout);
    if (w->told[w->turn].text.size)
        fwrite(w->told[w->turn].text.data, 1, w->told[w->turn].text.size, stdout);
}

static void end_sample(const writer *w)
{
    told *t = &w->told[w->turn];
    if (w->call->json) {
        printf("{\"sample\": %lld, \"prompt\": ", (long long)w->turn);
        json_text(stdout, w->prompt);
        fputs(", \"text\": ", stdout);
        json_text(stdout, t->text.size ? t->text.data : "");
        printf(", \"finish\": \"%s\", \"tokens\": [%s]}", t->finish,
               t->tokens.size ? t->tokens.data : "");
    }
    putchar('\n');
    fflush(stdout);
    free(t->text.data);
    free(t->tokens.data);
    t->text = t->tokens = (growing){ 0 };
}

/* False when memory is out. */
static bool take(writer *w, const rondo_piece *p)
{
    told *t = &w->told[p->sample];
    const bool json = w->call->json;
    if (json && !add_token(&t->tokens, p)) return false;
    if (!json && p->sample == w->turn) {
        fwrite(p->text, 1, p->size, stdout);
        if (w->flushes && p->size) fflush(stdout);
    } else if (!add(&t->text, p->text, p->size)) {
        return false;
    }
    t->finish = p->finish;
    while (w->turn < w->samples && w->told[w->turn].finish) {
        end_sample(w);
        if (++w->turn < w->samples) begin_sample(w);
    }
    return true;
}

static int write_samples(writer *w, rondo_generator *g)
{
    rondo_piece piece;
    bool more = true;
    rondo_status status = RONDO_OK;
    begin_sample(w);
    while (more && !ferror(stdout) && !signals_exit()) {
        status = rondo_generator_next(g, &piece, &more);
        if (status) return fail(status);
        if (more && !take(w, &piece)) return complain(EXIT_MEMORY, "out of memory");
    }
    if (more && !w->call->json) putchar('\n');
    const int code = finish_output();
    return code ? code : signals_exit();
}

/* A file is written in large pieces; whoever watches sees each token. */
static bool is_watched(FILE *out)
{
    struct stat s;
    return fstat(fileno(out), &s) || !S_ISREG(s.st_mode);
}

static int generate(const call *c, rondo_pipeline *p, const char *prompt)
{
    const rondo_generate_options o = options_of(c, prompt);
    rondo_generator *g;
    const rondo_status status = rondo_generator_new(&g, p, &o);
    if (status) return fail(status);
    if (rondo_generator_remark(g)) remark(c, "%s", rondo_generator_remark(g));
    writer w = { .call = c, .prompt = prompt, .samples = o.samples ? o.samples : 1 };
    w.flushes = is_watched(stdout);
    w.told = calloc((size_t)w.samples, sizeof *w.told);
    signals_catch(NULL);
    const int code = w.told ? write_samples(&w, g) : complain(EXIT_MEMORY, "out of memory");
    for (int64_t i = 0; w.told && i < w.samples; i++) {
        free(w.told[i].text.data);
        free(w.told[i].tokens.data);
    }
    free(w.told);
    rondo_generator_free(g);
    return code;
}

int command_generate(call *c)
{
    growing typed = { 0 };
    rondo_pipeline *p = NULL;
    const char *prompt = rondo_recipe_get(c->recipe, "prompt");
    int code = check_zeros(c);
    if (!code && prompt && strcmp(prompt, "-") == 0) {
        code = read_all(&typed, stdin);
        prompt = typed.data;
    }
    if (!code) {
        const rondo_status status = rondo_pipeline_open(&p, c->words[0], c->threads);
        code = status ? fail(status) : keep_weights(c, p);
    }
    if (!code) code = generate(c, p, prompt ? prompt : "");
    rondo_pipeline_free(p);
    free(typed.data);
    return code;
}
