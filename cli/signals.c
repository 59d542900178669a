/* signals - the first Ctrl-C (or a batch system's SIGTERM) asks; the second one does not. */
#define _DEFAULT_SOURCE
#include "cli.h"
#include <signal.h>

static volatile sig_atomic_t caught;
static void (*on_interrupt)(void);

static void handle(int number)
{
    caught = number;
    if (on_interrupt) on_interrupt();
}

void signals_ignore(void)
{
    signal(SIGXFSZ, SIG_IGN); /* a write over a limit fails like any other */
}

/* Not restarted: a read that waits for a line comes back at once. */
void signals_catch(void (*interrupt)(void))
{
    struct sigaction action = { .sa_handler = handle, .sa_flags = (int)SA_RESETHAND };
    on_interrupt = interrupt;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int signals_exit(void)
{
    if (caught == SIGTERM) return EXIT_PREEMPTED;
    return caught == SIGINT ? EXIT_INTERRUPTED : EXIT_OK;
}
