/* rondo inspect */
#include "cli.h"
#include <stdlib.h>

static void print_bytes(const char *name, double bytes)
{
    static const char *const units[] = { "bytes", "kB", "MB", "GB" };
    int unit = 0;
    while (bytes >= 10000 && unit < 3) {
        bytes /= 1000;
        unit++;
    }
    printf("%-18s%.*f %s\n", name, unit && bytes < 100 ? 1 : 0, bytes, units[unit]);
}

static void print_adapters(const rondo_model *m)
{
    rondo_adapter_info a;
    for (int i = 0; rondo_adapter_at(m, i, &a); i++)
        printf("%-18s%s on %s, %lld parameters%s\n", "adapter", a.name, a.weight,
               (long long)a.parameters, a.enabled ? "" : ", off");
}

static int print_text(rondo_pipeline *p)
{
    char *table;
    rondo_model *m = rondo_pipeline_model(p);
    fact_sheet sheet = { .out = stdout };
    const rondo_status status = rondo_summary(m, &table);
    if (status) return fail(status);
    const int64_t n = rondo_parameter_count(m, false);
    printf("%s\n", table);
    free(table);
    print_bytes("memory, weights", (double)n * sizeof(rondo_real));
    print_bytes("memory, training",
                (double)(n + 3 * rondo_parameter_count(m, true)) * sizeof(rondo_real));
    print_adapters(m);
    rondo_pipeline_facts(p, show_fact, &sheet);
    return finish_output();
}

static void print_weights(rondo_model *m)
{
    rondo_array weight;
    for (int i = 0; i < rondo_weight_count(m); i++) {
        const char *name = rondo_weight_name(m, i);
        if (rondo_weight_get(m, name, &weight)) continue;
        printf("%s    {\"name\": ", i ? ",\n" : "\n");
        json_text(stdout, name);
        fputs(", \"shape\": [", stdout);
        for (int d = 0; d < weight.shape.rank; d++)
            printf("%s%lld", d ? ", " : "", (long long)weight.shape.dim[d]);
        fputs("]}", stdout);
    }
}

static int print_json(const call *c, rondo_pipeline *p)
{
    rondo_model *m = rondo_pipeline_model(p);
    fact_sheet sheet = { .out = stdout, .json = true, .n = 1 };
    fputs("{\n  \"model\": ", stdout);
    json_text(stdout, c->words[0]);
    rondo_pipeline_facts(p, show_fact, &sheet);
    printf(",\n  \"parameters\": %lld,\n  \"trainable_parameters\": %lld,\n  \"weights\": [",
           (long long)rondo_parameter_count(m, false), (long long)rondo_parameter_count(m, true));
    print_weights(m);
    printf("\n  ],\n  \"adapters\": ");
    adapters_json(stdout, m);
    printf(",\n  \"pipeline\": %s\n}\n", rondo_pipeline_json(p));
    return finish_output();
}

int command_inspect(call *c)
{
    rondo_pipeline *p;
    const rondo_status status = rondo_pipeline_open(&p, c->words[0], c->threads);
    if (status) return fail(status);
    const int code = c->json ? print_json(c, p) : print_text(p);
    rondo_pipeline_free(p);
    return code;
}
