/* until: ends training once a score has reached a value. */
#include "train/train.h"

typedef struct until_options {
    char *condition;
} until_options;
typedef struct until {
    callback_self self;
    until_options options;
    condition condition;
} until;

static const option_field fields[] = {
    { "condition", OPTION_TEXT, offsetof(until_options, condition), NULL,
      "a score and a value, as in \"val_loss < 0.02\"; also <= > >=" },
};

static rondo_status open_self(callback_self *self)
{
    until *u = (until *)self;
    return condition_parse(&u->condition, u->options.condition);
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *p, void *user)
{
    const until *u = user;
    bool met = false;
    (void)m;
    if (event == RONDO_FIT_BEGIN || event == RONDO_EPOCH_END)
        RONDO_TRY(condition_met(&u->condition, p, &met));
    if (met) p->stop = true;
    return RONDO_OK;
}

const callback_row callback_until = {
    .name = "until",
    .help = "ends training once a score has reached a value",
    .options = OPTION_TABLE(fields),
    .self_size = sizeof(until),
    .options_offset = offsetof(until, options),
    .open = open_self,
    .on = on,
};
