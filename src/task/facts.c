/* facts - what a pipeline knows and what a machine has, for people and programs to read. */
#define _POSIX_C_SOURCE 200809L
#include "task/task.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>
#include <zlib.h>

/* ---- Pipelines ---- */
static void list_names(rondo_fact *fact, void *user, const char *name, char *const *names, int n)
{
    size_t size = 1;
    if (n == 0) return;
    for (int i = 0; i < n; i++) size += strlen(names[i]) + 1;
    char *text = alloc_new(size);
    if (!text) return;
    for (int i = 0; i < n; i++) {
        strcat(text, i ? "\t" : "");
        strcat(text, names[i]);
    }
    fact(name, text, true, user);
    alloc_free(text);
}

static void tell_scaler(rondo_fact *fact, void *user, const char *name, const scaler *s)
{
    if (s->n) fact(name, s->kind, false, user);
}

static void tell_item(rondo_fact *fact, void *user, const char *name, const json_t *item)
{
    char text[64];
    if (json_is_string(item)) {
        fact(name, json_string_value(item), false, user);
        return;
    }
    if (!json_is_number(item)) return;
    snprintf(text, sizeof text, "%.6g", json_number_value(item));
    fact(name, text, false, user);
}

/* How it was trained, from the manifest of its run. */
static rondo_status tell_run(const char *folder, rondo_fact *fact, void *user)
{
    static const char *const keys[] = {
        "state", "optimizer", "epochs", "batch", "seed", "written"
    };
    const char *key;
    json_t *score;
    manifest m;
    RONDO_TRY(manifest_read(&m, folder));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        tell_item(fact, user, keys[i], json_object_get(m.json, keys[i]));
    const json_t *data = json_object_get(m.json, "data");
    tell_item(fact, user, "data", json_object_get(data, "path"));
    tell_item(fact, user, "samples", json_object_get(data, "samples"));
    json_object_foreach (json_object_get(m.json, "result"), key, score) {
        char *name = alloc_format("final_%s", key);
        if (name) tell_item(fact, user, name, score);
        alloc_free(name);
    }
    manifest_free(&m);
    return RONDO_OK;
}

static void tell_tokenizer(const rondo_pipeline *p, rondo_fact *fact, void *user)
{
    char text[LIMIT_NAME];
    if (p->threshold > 0) {
        snprintf(text, sizeof text, "%.6g", p->threshold);
        fact("threshold", text, false, user);
    }
    if (!p->tokenizer) return;
    snprintf(text, sizeof text, "%s, %lld tokens", tokenizer_kind(p->tokenizer),
             (long long)tokenizer_size(p->tokenizer));
    fact("tokenizer", text, false, user);
    if (!p->cut.most) return;
    snprintf(text, sizeof text, "%lld, %s", (long long)p->cut.most, p->cut.front ? "pre" : "post");
    fact("max_length", text, false, user);
}

rondo_status rondo_pipeline_facts(const rondo_pipeline *p, rondo_fact *fact, void *user)
{
    if (p->task) fact("task", p->task->name, false, user);
    if (p->loss) fact("loss", p->loss, false, user);
    if (p->metrics) fact("metrics", p->metrics, false, user);
    if (p->reader_spec && *p->reader_spec) fact("reader", p->reader_spec, false, user);
    tell_tokenizer(p, fact, user);
    list_names(fact, user, "classes", p->classes, p->n_classes);
    list_names(fact, user, "features", p->features, p->n_features);
    list_names(fact, user, "targets", p->targets, p->n_targets);
    tell_scaler(fact, user, "scale_inputs", &p->scale_in);
    tell_scaler(fact, user, "scale_targets", &p->scale_out);
    return p->folder ? tell_run(p->folder, fact, user) : RONDO_OK;
}

/* ---- The machine ---- */
static void cpu_name(char *name, size_t n)
{
    char line[256];
    snprintf(name, n, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *said = strstr(line, ": ");
        if (!said || strncmp(line, "model name", 10) != 0) continue;
        snprintf(name, n, "%.*s", (int)strcspn(said + 2, "\n"), said + 2);
        break;
    }
    if (file) fclose(file);
}

static void tell_tables(rondo_fact *fact, void *user)
{
    char built[128] = "", usable[128] = "";
    bool runs;
    const kernels *k;
    for (int i = 0; (k = kernel_at(i, &runs)) != NULL; i++) {
        char *const lists[] = { built, runs ? usable : NULL };
        for (int l = 0; l < 2; l++)
            if (lists[l])
                snprintf(lists[l] + strlen(lists[l]), 128 - strlen(lists[l]), "%s%s",
                         *lists[l] ? "\t" : "", k->isa);
    }
    fact("isa_built", built, true, user);
    fact("isa_usable", usable, true, user);
    fact("isa", rondo_isa(), false, user);
}

static void tell_registry(rondo_fact *fact, void *user)
{
    for (int kind = 0; kind < REGISTRY_KINDS; kind++) {
        char text[2048] = "", name[64];
        size_t used = 0;
        for (int i = 0; i < registry_count(kind) && used < sizeof text; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? "\t" : "",
                                     registry_name(kind, i));
        snprintf(name, sizeof name, "%s", registry_kind_name(kind));
        if (used) fact(name, text, true, user);
    }
}

static rondo_status try_folder(rondo_fact *fact, void *user)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    char *path = alloc_format("%s/rondo-doctor-%ld", folder, (long)getpid());
    if (!path) return RONDO_E_NOMEM;
    const rondo_status status = file_write_all(path, "rondo", 5);
    unlink(path);
    alloc_free(path);
    char *text = alloc_format("%s, %s", folder, status ? "not writable" : "writable");
    if (text) fact("temporary_folder", text, false, user);
    alloc_free(text);
    return status;
}

/* What some tokenizers want. */
static void tell_regex(rondo_fact *fact, void *user)
{
    char text[128] = "none (libpcre2-dev was not there at build time)";
    const rondo_regex_engine *engine = regex_engine();
    if (engine)
        snprintf(text, sizeof text, "%s %s", engine->name,
                 engine->version ? engine->version() : "");
    fact("regex", text, false, user);
}

rondo_status rondo_doctor(rondo_fact *fact, void *user)
{
    char text[256];
    pool *threads = NULL;
    struct timespec resolution = { 0 };
    fact("rondo", rondo_version(), false, user);
    cpu_name(text, sizeof text);
    fact("cpu", text, false, user);
    tell_tables(fact, user);
    RONDO_TRY(pool_new(&threads, 0));
    snprintf(text, sizeof text, "%d", pool_threads(threads));
    pool_free(threads);
    fact("threads", text, false, user);
    snprintf(text, sizeof text, "jansson %s\tzlib %s\tutf8proc %s", jansson_version_str(),
             zlibVersion(), utf8proc_version());
    fact("libraries", text, true, user);
    tell_regex(fact, user);
    tell_registry(fact, user);
    clock_getres(CLOCK_MONOTONIC, &resolution);
    snprintf(text, sizeof text, "%ld ns", resolution.tv_nsec);
    fact("clock_resolution", text, false, user);
    return try_folder(fact, user);
}
