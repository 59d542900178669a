/* The reference: everything that is built in says what it is. */
#include "rondo_task.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef struct heard {
    const char *kind;
    int entries, facts;
    char name[64], formula[512], derivative[1024], range[128], largest[64], gates[256];
    char weights[512], also[256];
} heard;

static void hear(const char *name, const char *text, bool list, void *user)
{
    heard *h = user;
    const struct {
        const char *name;
        char *copy;
        size_t size;
    } wanted[] = {
        { "name", h->name, sizeof h->name },
        { "formula", h->formula, sizeof h->formula },
        { "derivative", h->derivative, sizeof h->derivative },
        { "range", h->range, sizeof h->range },
        { "largest_slope", h->largest, sizeof h->largest },
        { "gates", h->gates, sizeof h->gates },
        { "weights", h->weights, sizeof h->weights },
        { "also", h->also, sizeof h->also },
    };
    (void)list;
    assert_true(*text);
    h->facts++;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strcmp(name, wanted[i].name)) snprintf(wanted[i].copy, wanted[i].size, "%s", text);
}

static heard entry(const char *kind, const char *name)
{
    heard h = { 0 };
    if (rondo_reference_entry(kind, name, hear, &h)) fail_msg("%s: %s", name, rondo_error());
    return h;
}

static void hear_name(const char *name, const char *line, bool list, void *user)
{
    heard *all = user;
    const heard h = entry(all->kind, name);
    (void)list;
    all->entries++;
    assert_string_equal(h.name, name);
    if (!*line) fail_msg("%s has no line about it", name);
    if (strcmp(all->kind, "activations") != 0) return;
    if (!*h.range) fail_msg("%s has no range", name);
    if (*h.formula && (!*h.derivative || !*h.largest)) fail_msg("%s has no derivative", name);
}

static void everything_says_what_it_is(void **state)
{
    (void)state;
    for (int i = 0; rondo_reference_kind(i); i++) {
        heard all = { .kind = rondo_reference_kind(i) };
        assert_int_equal(rondo_reference(all.kind, hear_name, &all), RONDO_OK);
        const bool few = !strcmp(all.kind, "presets") || !strcmp(all.kind, "adapters");
        assert_true(all.entries >= (few ? 2 : 9));
    }
}

static void what_is_known_of_some(void **state)
{
    (void)state;
    const heard swish = entry(NULL, "swish"), cube = entry("activations", "cube");
    const heard gru = entry("cells", "gru"), tanh_shrink = entry("activations", "tanh_shrink");
    assert_string_equal(swish.name, "silu");
    assert_string_equal(swish.also, "swish");
    assert_string_equal(swish.largest, "1.1");
    assert_string_equal(cube.largest, "grows without bound");
    assert_string_equal(tanh_shrink.largest, "1");
    assert_string_equal(gru.gates, "z=sigmoid\tr=sigmoid\th=tanh");
    assert_string_equal(gru.weights, "kernel features × 3 units\trecurrent_kernel units × 3 units\t"
                                     "bias 3 units\trecurrent_bias 3 units");
}

static void what_is_not_there(void **state)
{
    heard h = { 0 };
    (void)state;
    assert_int_equal(rondo_reference("functions", hear, &h), RONDO_E_NAME);
    assert_int_equal(rondo_reference_entry("activations", "lstm", hear, &h), RONDO_E_NAME);
    assert_int_equal(rondo_reference_entry(NULL, "gelo", hear, &h), RONDO_E_NAME);
    assert_int_equal(rondo_reference_entry(NULL, "gelu", NULL, NULL), RONDO_OK);
    assert_int_equal(h.facts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_says_what_it_is),
        cmocka_unit_test(what_is_known_of_some),
        cmocka_unit_test(what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
