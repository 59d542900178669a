/* table.c - every reader and generated task.  Readers are asked in this order whether a file is
 * theirs. */
#include "data/data.h"

extern const reader_row idx_reader, npy_reader, ts_reader, piano_roll_reader, json_text_reader,
    conllu_reader, lines_reader, csv_reader;
extern const generator_row adding_generator, copy_generator, cycle_navigation_generator,
    digits_generator, even_pairs_generator, modular_arithmetic_generator, parity_generator,
    sine_generator, temporal_order_generator;

void reader_register_all(void)
{
    static const reader_row *const rows[] = { &npy_reader,        &idx_reader,       &ts_reader,
                                              &piano_roll_reader, &json_text_reader, &conllu_reader,
                                              &lines_reader,      &csv_reader };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_READER, rows[i]->name, rows[i]);
}

void generator_register_all(void)
{
    static const generator_row *const rows[] = {
        &adding_generator,           &copy_generator,
        &digits_generator,           &sine_generator,
        &parity_generator,           &even_pairs_generator,
        &cycle_navigation_generator, &modular_arithmetic_generator,
        &temporal_order_generator,
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_GENERATOR, rows[i]->name, rows[i]);
}
