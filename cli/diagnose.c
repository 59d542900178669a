/* rondo diagnose */
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE = 24 }; /* columns of the curve of a gradient */

/* One of eight heights for a share from 0 to 1; nothing is a blank. */
static const char *height(double share, bool unicode)
{
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const letters[] = { ".", ":", "-", "=", "+", "*", "#", "@" };
    if (!(share > 0)) return " ";
    const int i = share < 1 ? (int)(8 * share) : 7;
    return unicode ? blocks[i] : letters[i];
}

/* 12.3, 0.0123, "-" where there is none. */
static void cell(int width, double x)
{
    char text[32];
    snprintf(text, sizeof text, fabs(x) >= 1e4 || (fabs(x) < 1e-3 && x != 0) ? "%.0e" : "%.3g", x);
    printf(" %*s", width, isfinite(x) ? text : "-");
}

static void share(int width, double x)
{
    if (isfinite(x))
        printf(" %*.0f %%", width - 2, 100 * x);
    else
        printf(" %*s", width, "-");
}

static int widest(const rondo_diagnosis *d)
{
    size_t most = 8;
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        const size_t n = strlen(l->name) + (l->backward ? 9 : 0);
        most = n > most ? n : most;
    }
    return most > 24 ? 24 : (int)most;
}

static void layer_name(int width, const rondo_layer_diagnosis *l)
{
    char text[96];
    snprintf(text, sizeof text, "%s%s", l->name, l->backward ? " backward" : "");
    printf("%-*.*s", width, width, text);
}

/* ---- The tables ---- */
static void print_summary(const rondo_diagnosis *d)
{
    printf("%lld samples", (long long)d->samples);
    if (isfinite(d->steps)) printf(" of %.3g steps", d->steps);
    printf("; loss %.4g", d->loss);
    if (isfinite(d->constant_loss))
        printf(" (%.4g for the best constant answer)", d->constant_loss);
    printf("\ngradients of the weights in %lld batches: median norm %.3g, largest %.3g\n",
           (long long)d->batches, d->gradient_norm, d->largest_norm);
}

static void print_units(const rondo_diagnosis *d, int width)
{
    printf("\n%-*s %6s %5s %8s %9s\n", width, "units", "units", "dead", "constant", "largest");
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        layer_name(width, l);
        printf(" %6lld %5lld %8lld", (long long)l->units, (long long)l->dead,
               (long long)l->constant);
        cell(9, l->largest);
        putchar('\n');
    }
}

/* The norm between 1 and 1e-6, on a logarithmic scale, at distances that lie evenly. */
static void print_curve(const rondo_layer_diagnosis *l, bool unicode)
{
    const int64_t longest = l->n_distances ? l->distance[l->n_distances - 1] : 0;
    int64_t i = 0;
    for (int k = 0; l->n_distances && k < CURVE; k++) {
        while (i + 1 < l->n_distances && l->distance[i + 1] <= longest * k / (CURVE - 1)) i++;
        fputs(height(1 + log10(fmax(l->gradient[i], 1e-30)) / 6, unicode), stdout);
    }
    if (longest) printf(" %lld", (long long)longest);
}

static void print_memory(const rondo_diagnosis *d, int width, bool unicode)
{
    printf("\n%-*s %7s %9s %7s %7s %8s %9s  %s\n", width, "memory", "decay", "half-life", "1 % at",
           "kept", "radius", "exponent", "the gradient, 1 to 1e-6, back in time");
    for (int64_t i = 0; i < d->n_layers; i++) {
        const rondo_layer_diagnosis *l = &d->layer[i];
        if (!l->recurrent) continue;
        layer_name(width, l);
        cell(7, l->decay);
        cell(9, l->half_life);
        cell(7, l->memory);
        cell(7, l->kept);
        cell(8, l->spectral_radius);
        cell(9, l->lyapunov);
        fputs("  ", stdout);
        print_curve(l, unicode);
        putchar('\n');
    }
}

static void print_gate(const rondo_layer_diagnosis *l, const rondo_gate_diagnosis *g, int width,
                       bool unicode)
{
    double most = 0;
    layer_name(width, l);
    printf(" %-4s %-12.12s", g->name, g->activation);
    cell(7, g->mean);
    share(6, g->bounded ? g->low : NAN);
    share(6, g->bounded ? g->high : NAN);
    share(9, g->saturated);
    for (int i = 0; i < RONDO_BARS; i++) most = fmax(most, g->bars[i]);
    printf(" %5.2g ", g->from);
    for (int i = 0; i < RONDO_BARS; i++)
        fputs(height(most > 0 ? g->bars[i] / most : 0, unicode), stdout);
    printf(" %.2g\n", g->to);
}

static void print_gates(const rondo_diagnosis *d, int width, bool unicode)
{
    printf("\n%-*s %-4s %-12s %7s %6s %6s %9s %s\n", width, "gates", "", "", "mean", "<0.05",
           ">0.95", "saturated", "  values");
    for (int64_t i = 0; i < d->n_layers; i++)
        for (int64_t g = 0; g < d->layer[i].n_gates; g++)
            print_gate(&d->layer[i], &d->layer[i].gate[g], width, unicode);
}

static void print_text(const rondo_diagnosis *d, bool chinese)
{
    const bool unicode = speaks_utf8();
    const int width = widest(d);
    bool recurrent = false;
    for (int64_t i = 0; i < d->n_layers; i++) recurrent |= d->layer[i].recurrent;
    print_summary(d);
    print_units(d, width);
    if (recurrent) print_memory(d, width, unicode);
    if (recurrent) print_gates(d, width, unicode);
    putchar('\n');
    print_findings(stdout, d, chinese);
}

/* ---- The command ---- */
static int show(const call *c, const rondo_diagnosis *d)
{
    const char *path = rondo_recipe_get(c->recipe, "output");
    const char *lang = rondo_recipe_get(c->recipe, "lang");
    char *text;
    if (path) {
        const rondo_status status = rondo_diagnosis_write(d, path, lang);
        if (status) return fail(status);
        remark(c, "charts in %s", path);
    }
    if (c->json) {
        const rondo_status status = rondo_diagnosis_json(d, &text);
        if (status) return fail(status);
        puts(text);
        free(text);
    } else {
        print_text(d, lang && strcmp(lang, "zh") == 0);
    }
    return finish_output();
}

int command_diagnose(call *c)
{
    job j;
    rondo_diagnosis *d = NULL;
    int code = open_both(c, &j, true);
    if (!code) {
        const rondo_diagnose_options o = { sizeof o, 0, j.batch };
        const rondo_status status = rondo_diagnose(j.pipeline, j.data, &o, &d);
        code = status ? fail(status) : show(c, d);
    }
    rondo_diagnosis_free(d);
    close_both(&j);
    return code;
}
