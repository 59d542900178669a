/* rondo doctor */
#include "cli.h"

int command_doctor(call *c)
{
    fact_sheet sheet = { .out = stdout, .json = c->json };
    if (c->json) fputs("{\n", stdout);
    const rondo_status status = rondo_doctor(show_fact, &sheet);
    if (c->json) fputs("\n}\n", stdout);
    const int code = finish_output();
    return status ? fail(status) : code;
}
