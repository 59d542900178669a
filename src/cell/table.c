/* The built-in cells: one file and one row each. */
#include "cell.h"
#include <string.h>

#define CELLS(X)                                                                                   \
    X(simple_rnn)                                                                                  \
    X(lstm) X(gru) X(mgu) X(mingru) X(indrnn) X(peephole_lstm) X(layer_norm_lstm) X(janet)

#if defined(__x86_64__) && !defined(RONDO_DOUBLE)
#define X(name)                                                                                    \
    extern const rondo_cell cell_##name##_plain, cell_##name##_avx2, cell_##name##_avx512;
CELLS(X)
#undef X
#define X(name) { &cell_##name##_plain, &cell_##name##_avx2, &cell_##name##_avx512 },
#else
#define X(name) extern const rondo_cell cell_##name##_plain;
CELLS(X)
#undef X
#define X(name) { &cell_##name##_plain },
#endif
static const rondo_cell *const rows[][3] = { CELLS(X) };
#undef X

void cell_register_all(void)
{
    const char *isa = kernel_table()->isa;
    const int wide = !strcmp(isa, "avx512") ? 2 : !strcmp(isa, "avx2") ? 1 : 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rondo_register_cell(rows[i][wide] ? rows[i][wide] : rows[i][0]);
}
