/* rondo tokenize: train, encode, decode, inspect. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- train ---- */
static void show_progress(const char *what, int64_t done, int64_t total, void *user)
{
    FILE *out = user;
    if (!terminal_width(out)) return;
    if (total > 0)
        fprintf(out, "\r%s %3.0f %%\033[K", what, 100.0 * (double)done / (double)total);
    else
        fprintf(out, "\r%s: %.1f MB\033[K", what, (double)done / 1e6);
}

static int show_facts(const call *c, const rondo_tokenizer *t, const char *file)
{
    fact_sheet sheet = { .out = stdout, .json = c->json };
    if (c->json) fputs("{\n", stdout);
    rondo_status status = rondo_tokenizer_facts(t, show_fact, &sheet);
    if (!status && file)
        status = rondo_tokenizer_measure((rondo_tokenizer *)(uintptr_t)t, file, c->recipe,
                                         show_fact, &sheet);
    if (c->json) fputs("\n}\n", stdout);
    const int code = finish_output();
    return status ? fail(status) : code;
}

/* tokenize train SPEC FILE… -o tokenizer.json */
static int train(call *c)
{
    const char *output = rondo_recipe_get(c->recipe, "output");
    const char *data = rondo_recipe_get(c->recipe, "data"), *files[MAX_WORDS + 1];
    rondo_tokenizer *t;
    int n = 0;
    if (c->n_words < 2)
        return complain(EXIT_USAGE, "which one? rondo tokenize train SPEC FILE… -o FILE.json");
    for (int i = 2; i < c->n_words; i++) files[n++] = c->words[i];
    if (data) files[n++] = data;
    if (!n)
        return complain(EXIT_USAGE,
                        "on which texts? rondo tokenize train \"%s\" FILE… -o FILE.json",
                        c->words[1]);
    if (!output)
        return complain(EXIT_USAGE, "where to? rondo tokenize train \"%s\" … -o FILE.json",
                        c->words[1]);
    rondo_status status = rondo_tokenizer_train(&t, c->words[1], files, n, c->recipe,
                                                c->quiet ? NULL : show_progress, stderr);
    if (!c->quiet && terminal_width(stderr)) fputs("\r\033[K", stderr);
    if (status) return fail(status);
    status = rondo_tokenizer_save(t, output);
    const int code = status ? fail(status) : show_facts(c, t, NULL);
    if (!code) remark(c, "wrote %s", output);
    rondo_tokenizer_free(t);
    return code;
}

/* ---- encode, decode: line by line ---- */
typedef int line_function(const call *, rondo_tokenizer *, const char *line, size_t n,
                          long long number);

static int fail_in(long long number, rondo_status status)
{
    return complain(exit_of(status), "line %lld: %s", number, rondo_error());
}

static bool wants(const call *c, const char *key)
{
    const char *value = rondo_recipe_get(c->recipe, key);
    return value &&
           (strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || strcmp(value, "yes") == 0);
}

static int encode(const call *c, rondo_tokenizer *t, const char *line, size_t n, long long number)
{
    const int32_t *ids;
    int64_t count;
    const bool names = wants(c, "pieces");
    const rondo_status status = rondo_tokenizer_encode(t, line, n, wants(c, "plain"), &ids, &count);
    if (status) return fail_in(number, status);
    if (c->json) fputs("{\"ids\": [", stdout);
    for (int64_t i = 0; i < count; i++) {
        if (i) fputs(c->json ? ", " : " ", stdout);
        if (names && !c->json)
            fputs(rondo_tokenizer_token(t, ids[i]), stdout);
        else
            fprintf(stdout, "%d", (int)ids[i]);
    }
    if (c->json) fputs("], \"tokens\": [", stdout);
    for (int64_t i = 0; c->json && i < count; i++) {
        if (i) fputs(", ", stdout);
        json_text(stdout, rondo_tokenizer_token(t, ids[i]));
    }
    fputs(c->json ? "]}\n" : "\n", stdout);
    return EXIT_OK;
}

/* Numbers between blanks or commas. */
static int decode(const call *c, rondo_tokenizer *t, const char *line, size_t n, long long number)
{
    int32_t *ids = malloc((n / 2 + 1) * sizeof *ids);
    const char *text, *at = line + strspn(line, " \t,[]");
    size_t size;
    int64_t count = 0;
    int code = EXIT_OK;
    if (!ids) return complain(EXIT_MEMORY, "out of memory");
    while (*at && !code) {
        char *end;
        errno = 0;
        const long id = strtol(at, &end, 10);
        if (end == at || errno || id < 0 || id > INT32_MAX)
            code = complain(EXIT_INPUT, "line %lld, column %td: \"%.*s\" is no id", number,
                            at - line + 1, (int)strcspn(at, " \t,"), at);
        else
            ids[count++] = (int32_t)id;
        at = end + strspn(end, " \t,[]");
    }
    if (!code && at < line + n)
        code = complain(EXIT_INPUT, "line %lld, column %td: a zero byte is no id", number,
                        at - line + 1);
    if (!code) {
        const rondo_status status = rondo_tokenizer_decode(t, ids, count, &text, &size);
        /* An id that is not in the vocabulary is the file's fault. */
        if (status)
            code = complain(EXIT_INPUT, "line %lld: %s", number, rondo_error());
        else if (c->json) {
            fputs("{\"text\": ", stdout);
            json_text(stdout, text);
            fputs("}\n", stdout);
        } else {
            fwrite(text, 1, size, stdout);
            putchar('\n');
        }
    }
    free(ids);
    return code;
}

static int each_line(const call *c, rondo_tokenizer *t, const char *path, line_function *use)
{
    const bool piped = !path || strcmp(path, "-") == 0;
    FILE *in = piped ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int code = EXIT_OK;
    if (!in) return complain(EXIT_FILES, "cannot read %s: %s", path, strerror(errno));
    for (long long number = 1; !code && (n = getline(&line, &room, in)) >= 0; number++) {
        if (n && line[n - 1] == '\n') line[--n] = 0;
        if (n && line[n - 1] == '\r') line[--n] = 0;
        code = use(c, t, line, (size_t)n, number);
    }
    if (!code && ferror(in))
        code = complain(EXIT_FILES, "cannot read %s: %s", piped ? "standard input" : path,
                        strerror(errno));
    free(line);
    if (!piped) fclose(in);
    return code ? code : finish_output();
}

/* ---- The command ---- */
int command_tokenize(call *c)
{
    const char *what = c->words[0];
    rondo_tokenizer *t;
    int code;
    if (strcmp(what, "train") == 0) return train(c);
    line_function *use = strcmp(what, "encode") == 0   ? encode
                         : strcmp(what, "decode") == 0 ? decode
                                                       : NULL;
    if (!use && strcmp(what, "inspect") != 0)
        return complain(EXIT_USAGE,
                        "tokenize does not know \"%s\"; it does train, encode, decode "
                        "and inspect",
                        what);
    if (c->n_words < 2) return complain(EXIT_USAGE, "which one? rondo tokenize %s FILE.json", what);
    if (c->n_words > 3)
        return complain(EXIT_USAGE,
                        "\"%s\" is one word too many: rondo tokenize %s FILE.json [TEXT]",
                        c->words[3], what);
    const char *file = c->n_words > 2 ? c->words[2] : rondo_recipe_get(c->recipe, "data");
    const rondo_status status = rondo_tokenizer_open(&t, c->words[1]);
    if (status) return fail(status);
    code = use ? each_line(c, t, file, use) : show_facts(c, t, file);
    rondo_tokenizer_free(t);
    return code;
}
