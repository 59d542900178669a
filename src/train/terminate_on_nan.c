/* terminate_on_nan: ends training, without failing, when the loss is no longer a number. */
#include "train/train.h"
#include <math.h>

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    (void)m, (void)user;
    if (event == RONDO_BATCH_END && !isfinite(p->value[0])) p->stop = true;
    return RONDO_OK;
}

const callback_row callback_terminate_on_nan = {
    .name = "terminate_on_nan",
    .help = "ends training, without failing, when the loss is no longer a number",
    .self_size = sizeof(callback_self),
    .on = on,
};
