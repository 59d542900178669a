/* The built-in cells: one file and one row each. */
#include "cell.h"

extern const rondo_cell cell_simple_rnn, cell_lstm, cell_gru;

static const rondo_cell *const rows[] = { &cell_simple_rnn, &cell_lstm, &cell_gru };

void cell_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) rondo_register_cell(rows[i]);
}
