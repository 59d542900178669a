/* The table of adapters: a new one is a file and a line here. */
#include "linear.h"

void adapter_register_all(void)
{
    static const adapter_row *const rows[] = { &adapter_lora, &adapter_weight_drop };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_ADAPTER, rows[i]->name, rows[i]);
}
