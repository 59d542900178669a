/* manifest - manifest.json says what a run is: of which data, model and options, by which Rondo, how
 * far it came and what came out.  A folder with one is a run; its identity decides who may go on. */
#define _POSIX_C_SOURCE 200809L
#include "task/task.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

rondo_status manifest_read(manifest *m, const char *folder)
{
    file_map map;
    const char *identity, *state;
    *m = (manifest){ 0 };
    char *path = file_join(folder, "manifest.json");
    if (!path) return RONDO_E_NOMEM;
    rondo_status status = RONDO_OK;
    if (file_exists(path)) {
        status = file_map_open(&map, path);
        if (!status) {
            status = json_read(&m->json, (const char *)map.data, map.size, path);
            file_map_close(&map);
        }
        if (!status) status = json_want_text(m->json, "identity", &identity);
        if (!status) status = json_want_text(m->json, "state", &state);
        if (!status) status = json_want_int(m->json, "epochs", &m->epochs);
        if (!status && !(m->identity = alloc_text(identity))) status = RONDO_E_NOMEM;
        if (!status) m->finished = strcmp(state, "finished") == 0;
    }
    alloc_free(path);
    if (status) manifest_free(m);
    return status;
}

void manifest_free(manifest *m)
{
    alloc_free(m->identity);
    json_decref(m->json);
    *m = (manifest){ 0 };
}

static json_t *now(void)
{
    char text[32];
    struct tm parts;
    const time_t seconds = time(NULL);
    if (!gmtime_r(&seconds, &parts)) return json_string("");
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

static json_t *about_data(const rondo_dataset *d, const char *path)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)d->digest);
    json_t *o = json_pack("{s:s?, s:I, s:s}", "path", path, "samples", (json_int_t)d->count,
                          "digest", digest);
    if (!o || !corpus_is(d) || !json_object_set_new(o, "tokens", json_integer(corpus_targets(d))))
        return o;
    json_decref(o);
    return NULL;
}

static rondo_status fill(json_t *o, const plan *p, const rondo_recipe *r, const char *state)
{
    const rondo_model *m = p->pipeline->model;
    RONDO_TRY(json_put(o, "rondo", json_string(rondo_version())));
    RONDO_TRY(json_put(o, "version", json_integer(MANIFEST_VERSION)));
    RONDO_TRY(json_put(o, "state", json_string(state)));
    RONDO_TRY(json_put(o, "identity", json_string(p->identity)));
    RONDO_TRY(json_put(o, "recipe", recipe_to_json(r)));
    RONDO_TRY(json_put(o, "task", json_string(p->task->name)));
    RONDO_TRY(json_put(o, "model", json_string(p->spec)));
    RONDO_TRY(json_put(o, "parameters", json_integer(rondo_parameter_count(m, false))));
    RONDO_TRY(json_put(o, "optimizer", json_string(p->optimizer)));
    RONDO_TRY(json_put(o, "loss", json_string(p->loss)));
    RONDO_TRY(json_put(o, "metrics", json_string(p->metrics)));
    RONDO_TRY(json_put(o, "epochs", json_integer(p->epochs)));
    RONDO_TRY(json_put(o, "batch", json_integer(p->batch)));
    RONDO_TRY(json_put(o, "seed", json_integer((json_int_t)p->seed)));
    RONDO_TRY(json_put(o, "isa", json_string(rondo_isa())));
    RONDO_TRY(json_put(o, "threads", json_integer(pool_threads(m->pool))));
    RONDO_TRY(json_put(o, "data", about_data(p->train, rondo_recipe_get(r, "data"))));
    if (p->validation)
        RONDO_TRY(json_put(o, "validation",
                           about_data(p->validation, rondo_recipe_get(r, "validation"))));
    for (int i = 0; i < p->n_tests; i++)
        RONDO_TRY(json_put(o, p->tests[i].name, about_data(p->tests[i].data, p->tests[i].path)));
    return RONDO_OK;
}

rondo_status manifest_write(const char *folder, const plan *p, const rondo_recipe *r,
                            const manifest *before, const char *state, const json_t *result,
                            const json_t *story)
{
    json_t *begun = before && before->json ? json_object_get(before->json, "started") : NULL;
    char *path = file_join(folder, "manifest.json"), *text = NULL;
    json_t *o = json_object();
    rondo_status status = path && o ? fill(o, p, r, state) : RONDO_E_NOMEM;
    if (!status) status = json_put(o, "started", begun ? json_incref(begun) : now());
    if (!status) status = json_put(o, "written", now());
    if (!status && result) status = json_put(o, "result", json_deep_copy(result));
    if (!status && story) status = json_put(o, "training", json_deep_copy(story));
    if (!status && !(text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER)))
        status = rondo_fail(RONDO_E_NOMEM, "out of memory");
    if (!status) status = file_write_all(path, text, strlen(text));
    free(text);
    alloc_free(path);
    json_decref(o);
    return status;
}
