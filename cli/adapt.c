/* rondo adapt */
#include "cli.h"
#include <string.h>

void adapters_json(FILE *out, const rondo_model *m)
{
    rondo_adapter_info a;
    fputc('[', out);
    for (int i = 0; rondo_adapter_at(m, i, &a); i++) {
        fprintf(out, "%s    {\"weight\": ", i ? ",\n" : "\n");
        json_text(out, a.weight);
        fputs(", \"kind\": ", out);
        json_text(out, a.kind);
        fputs(", \"name\": ", out);
        json_text(out, a.name);
        fprintf(out, ", \"parameters\": %lld, \"enabled\": %s}", (long long)a.parameters,
                a.enabled ? "true" : "false");
    }
    fputs("]", out);
}

static void list(FILE *out, const rondo_model *m, bool json)
{
    rondo_adapter_info a;
    if (json) {
        fputs("{\"adapters\": ", out);
        adapters_json(out, m);
        fprintf(out, ", \"parameters\": %lld, \"trainable_parameters\": %lld}\n",
                (long long)rondo_parameter_count(m, false),
                (long long)rondo_parameter_count(m, true));
        return;
    }
    for (int i = 0; rondo_adapter_at(m, i, &a); i++)
        fprintf(out, "%-32s %-12s %-12s %10lld%s\n", a.weight, a.kind, a.name,
                (long long)a.parameters, a.enabled ? "" : "  off");
}

/* What a verb does to the model, with adapters of that name (NULL: all). */
typedef rondo_status change(rondo_model *, const char *name, const char *folder);
typedef struct verb {
    const char *name;
    bool folder, writes; /* wants FOLDER; wants -o FILE */
    change *change;      /* NULL: nothing */
} verb;

static rondo_status merge(rondo_model *m, const char *name, const char *folder)
{
    (void)folder;
    return rondo_adapter_merge(m, name);
}

static rondo_status take_off(rondo_model *m, const char *name, const char *folder)
{
    (void)folder;
    return rondo_adapter_remove(m, name);
}

static rondo_status save(rondo_model *m, const char *name, const char *folder)
{
    return rondo_adapters_save(m, name, folder);
}

static int run(call *c, const verb *v, const char *output)
{
    rondo_pipeline *p;
    const char *folder = c->n_words > 2 ? c->words[2] : NULL;
    rondo_status status = rondo_pipeline_open(&p, c->words[1], c->threads);
    if (status) return fail(status);
    rondo_model *m = rondo_pipeline_model(p);
    if (v->change) status = v->change(m, rondo_recipe_get(c->recipe, "name"), folder);
    if (!status && v->writes) status = rondo_save(m, output);
    if (!status && (c->json || !(v->writes || v->folder))) list(stdout, m, c->json);
    if (!status && !c->json && v->writes)
        remark(c, "%s: %lld parameters, %lld trainable", output,
               (long long)rondo_parameter_count(m, false),
               (long long)rondo_parameter_count(m, true));
    rondo_pipeline_free(p);
    return status ? fail(status) : finish_output();
}

int command_adapt(call *c)
{
    static const verb verbs[] = { { "list", false, false, NULL },
                                  { "merge", false, true, merge },
                                  { "remove", false, true, take_off },
                                  { "save", true, false, save },
                                  { "load", true, true, rondo_adapters_load } };
    const char *output = rondo_recipe_get(c->recipe, "output");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        const verb *v = &verbs[i];
        if (strcmp(v->name, c->words[0]) != 0) continue;
        if (v->folder != (c->n_words > 2))
            return complain(EXIT_USAGE, "rondo adapt %s takes MODEL%s", v->name,
                            v->folder ? " and FOLDER" : " alone");
        if (v->writes && !output) return complain(EXIT_USAGE, "where to? say -o FILE.safetensors");
        return run(c, v, output);
    }
    return complain(EXIT_USAGE, "rondo adapt can list, merge, remove, save or load, not \"%s\"",
                    c->words[0]);
}
