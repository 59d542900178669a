/* dispatch - which kernel table runs: what the CPU can, what the system saves, what RONDO_ISA
 * asks for. */
#include "kernel/kernel.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(RONDO_DOUBLE)
#include <cpuid.h>

/* XCR0: the register states that the system saves and restores. */
enum { STATE_AVX = 0x6, STATE_AVX512 = 0xe6 };

/* Whether the system saves these states and CPUID.7 shows these instructions, beside AVX and
 * FMA. */
static bool has(uint32_t states, uint32_t leaf7_ebx)
{
    uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
    const uint32_t base = bit_OSXSAVE | bit_AVX | bit_FMA;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & base) != base) return false;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    if ((eax & states) != states) return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & leaf7_ebx) == leaf7_ebx;
}

static bool runs_avx2(void)
{
    return has(STATE_AVX, bit_AVX2);
}

static bool runs_avx512(void)
{
    return has(STATE_AVX512, bit_AVX2 | bit_AVX512F | bit_AVX512DQ);
}
#endif

static bool runs_always(void)
{
    return true;
}

typedef struct table_row {
    const kernels *table;
    bool (*runs)(void);
} table_row;

static const table_row rows[] = {
    /* the later, the better */
    { &kernels_scalar, runs_always },
#if defined(__x86_64__) && !defined(RONDO_DOUBLE)
    { &kernels_avx2, runs_avx2 },
    { &kernels_avx512, runs_avx512 },
#elif defined(__aarch64__) && !defined(RONDO_DOUBLE)
    { &kernels_neon, runs_always },
#endif
};
enum { ROWS = sizeof rows / sizeof *rows };

static _Atomic(const kernels *) chosen; /* NULL until asked for; any thread finds the same */

static const kernels *best(void)
{
    int i = ROWS - 1;
    while (!rows[i].runs()) i--;
    return rows[i].table;
}

/* Leaves *table alone when it fails. */
static rondo_status find(const kernels **table, const char *isa)
{
    const char *names[ROWS], *near;
    for (int i = 0; i < ROWS; i++) {
        names[i] = rows[i].table->isa;
        if (strcmp(names[i], isa) != 0) continue;
        if (!rows[i].runs())
            return rondo_fail(RONDO_E_ABSENT, "this CPU and system do not run the %s kernels", isa);
        *table = rows[i].table;
        return RONDO_OK;
    }
    for (const char *const *other = (const char *const[]){ "avx2", "avx512", "neon", NULL }; *other;
         other++)
        if (strcmp(*other, isa) == 0)
            return rondo_fail(RONDO_E_ABSENT, "the %s kernels are not in this build", isa);
    near = name_nearest(isa, ROWS, names);
    return rondo_fail(RONDO_E_NAME, "unknown instruction set \"%s\"; did you mean \"%s\"?", isa,
                      near ? near : best()->isa);
}

static rondo_status first_choice(const kernels **table)
{
    const char *isa = getenv("RONDO_ISA");
    *table = best();
    if (!isa || !*isa) return RONDO_OK;
    rondo_status status = find(table, isa);
    return status ? rondo_fail_in(status, "RONDO_ISA") : RONDO_OK;
}

const kernels *kernel_table(void)
{
    const kernels *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (table) return table;
    first_choice(&table);
    const kernels *none = NULL;
    return atomic_compare_exchange_strong(&chosen, &none, table) ? table : none;
}

rondo_status kernel_select(const char *isa)
{
    const kernels *table = NULL;
    rondo_status status = isa ? find(&table, isa) : first_choice(&table);
    if (table) atomic_store_explicit(&chosen, table, memory_order_release);
    return status;
}

const kernels *kernel_at(int i, bool *runs)
{
    if (i < 0 || i >= ROWS) return NULL;
    if (runs) *runs = rows[i].runs();
    return rows[i].table;
}

const char *rondo_isa(void)
{
    return kernel_table()->isa;
}
