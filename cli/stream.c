/* rondo stream: a line of numbers in, an answer out, at once. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct streamer {
    call *call;
    rondo_pipeline *pipeline;
    rondo_real *x; /* [inputs] */
    int64_t inputs;
    long long line;
} streamer;

/* Numbers between commas; EXIT_OK, or EXIT_INPUT with a message that says where. */
static int read_numbers(streamer *s, char *line)
{
    int64_t n = 0;
    for (char *at = line;; at++) {
        char *end;
        const double number = strtod(at, &end);
        const char *rest = end + strspn(end, " \t\r\n");
        if (end == at || (*rest && *rest != ','))
            return complain(EXIT_INPUT, "line %lld, column %lld: \"%.*s\" is not a number", s->line,
                            (long long)n + 1, (int)strcspn(at, ",\r\n"), at);
        if (!isfinite(number))
            return complain(EXIT_INPUT, "line %lld, column %lld: %g is not a finite number",
                            s->line, (long long)n + 1, number);
        if (n < s->inputs) s->x[n] = (rondo_real)number;
        n++;
        if (!*rest) break;
        at = line + (rest - line);
    }
    if (n == s->inputs) return EXIT_OK;
    return complain(EXIT_INPUT, "line %lld has %lld numbers; the model takes %lld a step", s->line,
                    (long long)n, (long long)s->inputs);
}

static int answer(streamer *s, char *line)
{
    rondo_prediction told;
    const int code = read_numbers(s, line);
    if (code) return code;
    const rondo_status status = rondo_pipeline_stream(s->pipeline, s->x, s->inputs, &told);
    if (status) return fail(status);
    told.sample = s->line - 1;
    prediction_row(stdout, s->pipeline, &told, s->call->json);
    return finish_output();
}

static int answer_all(streamer *s)
{
    char *line = NULL;
    size_t room = 0;
    int code = EXIT_OK;
    while (!code && !signals_exit()) {
        const ssize_t n = getline(&line, &room, stdin);
        if (n < 0) break;
        s->line++;
        if (strlen(line) != (size_t)n)
            code = complain(EXIT_INPUT, "line %lld holds a zero byte", s->line);
        else if (line[strspn(line, " \t\r\n")])
            code = answer(s, line);
    }
    if (!code && !signals_exit() && ferror(stdin))
        code = complain(EXIT_FILES, "cannot read standard input: %s", strerror(errno));
    free(line);
    return code;
}

static int run(streamer *s)
{
    const char *state = rondo_recipe_get(s->call->recipe, "state");
    rondo_status status = RONDO_OK;
    s->inputs = rondo_pipeline_inputs(s->pipeline);
    s->x = calloc((size_t)s->inputs + 1, sizeof *s->x);
    if (!s->x) return complain(EXIT_MEMORY, "out of memory");
    if (state && access(state, F_OK) == 0) status = rondo_pipeline_state_load(s->pipeline, state);
    if (status) return fail(status);
    signals_catch(NULL);
    const int code = answer_all(s);
    if (state) status = rondo_pipeline_state_save(s->pipeline, state);
    if (status) return fail(status);
    if (!code && signals_exit())
        remark(s->call, state ? "stopped; the state is in %s" : "stopped", state);
    return code ? code : signals_exit();
}

int command_stream(call *c)
{
    streamer s = { .call = c };
    const rondo_status status = rondo_pipeline_open(&s.pipeline, c->words[0], c->threads);
    if (status) return fail(status);
    int code = keep_weights(c, s.pipeline);
    if (!code) code = run(&s);
    free(s.x);
    rondo_pipeline_free(s.pipeline);
    return code;
}
