/* feeder.c - the next batch is gathered by a thread of its own while the present one is in use. */
#define _POSIX_C_SOURCE 200809L
#include "data/data.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum {
    SENTENCE = 1024,       /* as long as that of a failure gets */
    WORTHWHILE = 80 * 1024 /* bytes: a smaller batch is gathered before a thread is awake */
};

typedef enum stage { IDLE, ASKED, QUIT } stage;

struct feeder {
    const rondo_dataset *data;
    const scaler *scale_in, *scale_out;
    batch batch[2]; /* one is filled while the other is in use; alone, the first does both */
    int filling;
    const int64_t *items; /* what was asked for */
    int64_t n, first, steps;
    rondo_status status; /* of gathering it … */
    char error[SENTENCE];
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock; /* of the stage; everything else is whose turn it is */
    pthread_cond_t changed;
    stage stage;
};

static void gather(feeder *f)
{
    f->status = batch_gather_steps(&f->batch[f->filling], f->data, f->items, f->n, f->first,
                                   f->steps, f->scale_in, f->scale_out);
    if (f->status && f->threaded) snprintf(f->error, sizeof f->error, "%s", rondo_error());
}

static void go_to(feeder *f, stage next)
{
    pthread_mutex_lock(&f->lock);
    f->stage = next;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static stage wait_while(feeder *f, stage present)
{
    pthread_mutex_lock(&f->lock);
    while (f->stage == present) pthread_cond_wait(&f->changed, &f->lock);
    const stage next = f->stage;
    pthread_mutex_unlock(&f->lock);
    return next;
}

static void *work(void *arg)
{
    feeder *f = arg;
    while (wait_while(f, IDLE) == ASKED) {
        gather(f);
        go_to(f, IDLE);
    }
    return NULL;
}

/* It leaves signals to the program's own threads. Without it, whoever takes a batch gathers it. */
static void start(feeder *f)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    f->threaded = pthread_create(&f->thread, NULL, work, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

rondo_status feeder_open(feeder **out, const rondo_dataset *data, int64_t rows, int64_t steps,
                         const scaler *in, const scaler *target)
{
    feeder *f = alloc_new(sizeof *f);
    *out = NULL;
    if (!f) return RONDO_E_NOMEM;
    f->data = data;
    f->scale_in = in;
    f->scale_out = target;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    rondo_status status = batch_reserve(&f->batch[0], data, rows, steps);
    if (status) {
        feeder_close(f);
        return status;
    }
    const bool worthwhile = f->batch[0].size >= WORTHWHILE && pool_processors() > 1;
    if (worthwhile && !batch_reserve(&f->batch[1], data, rows, steps)) start(f);
    *out = f;
    return RONDO_OK;
}

void feeder_ask(feeder *f, const int64_t *items, int64_t n, int64_t first, int64_t steps)
{
    f->items = items;
    f->n = n;
    f->first = first;
    f->steps = steps;
    if (f->threaded) go_to(f, ASKED);
}

rondo_status feeder_take(feeder *f, const batch **taken)
{
    *taken = &f->batch[f->filling];
    if (!f->threaded) {
        gather(f);
        return f->status;
    }
    wait_while(f, ASKED);
    f->filling = !f->filling;
    return f->status ? rondo_fail(f->status, "%s", f->error) : RONDO_OK;
}

void feeder_close(feeder *f)
{
    if (!f) return;
    if (f->threaded) {
        wait_while(f, ASKED); /* what is being gathered, nobody wants any more */
        go_to(f, QUIT);
        pthread_join(f->thread, NULL);
    }
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    batch_free(&f->batch[0]);
    batch_free(&f->batch[1]);
    alloc_free(f);
}
