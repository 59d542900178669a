/* progress - on a terminal one line that is redrawn, and one that stays for each epoch; elsewhere only
 * the latter. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_init(progress *p, FILE *out, bool quiet)
{
    const char *kind = getenv("TERM");
    *p = (progress){ .out = out, .quiet = quiet };
    p->width = kind && strcmp(kind, "dumb") == 0 ? 0 : terminal_width(out);
    p->colour = shows_colour(out);
    p->unicode = speaks_utf8();
}

void progress_clear(progress *p)
{
    if (p->under_way) fputs("\r\033[K", p->out);
    p->under_way = false;
}

/* "0:07", "12:30", "1:02:03" */
static void clock_text(char text[32], double seconds)
{
    const unsigned s = seconds > 0 && seconds < 3e6 ? (unsigned)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, 32, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 32, "%u:%02u", s / 60, s % 60);
}

/* "loss 0.2345  accuracy 0.9312", as many as there is room for. */
static size_t scores_text(char *text, size_t room, const rondo_progress *e)
{
    size_t n = 0;
    text[0] = 0;
    for (int i = 0; i < e->n_metrics; i++) {
        char one[96];
        const int size = snprintf(one, sizeof one, "  %s %.4g", e->metric[i], e->value[i]);
        if (size < 0 || n + (size_t)size >= room) break;
        memcpy(text + n, one, (size_t)size + 1);
        n += (size_t)size;
    }
    return n;
}

/* Only as a share of what is left is the time that is left known. */
static double time_left(const progress *p, const rondo_progress *e, double t)
{
    const double per_epoch = e->batches > 0 ? (double)e->batches : 1;
    const double done = (double)(e->epoch - p->first_epoch) * per_epoch + (double)e->batch -
                        (double)p->first_batch;
    const double left = (double)(e->epochs - e->epoch) * per_epoch - (double)e->batch;
    return done > 0 ? (t - p->begun) / done * left : 0;
}

static void draw_bar(const progress *p, int cells, double part)
{
    const int full = (int)(part * cells + 0.5);
    if (p->colour) fputs("\033[32m", p->out);
    for (int i = 0; i < cells; i++) {
        if (i == full && p->colour) fputs("\033[2;37m", p->out);
        fputs(p->unicode ? (i < full || p->colour ? "━" : " ") : i < full ? "=" : ".", p->out);
    }
    if (p->colour) fputs("\033[0m", p->out);
}

static void draw(progress *p, const rondo_progress *e)
{
    char left[32], head[48], tail[80], scores[256];
    const double t = now();
    if (t - p->drawn < 0.1 && p->under_way) return;
    p->drawn = t;
    const double part = e->batches > 0 ? (double)e->batch / (double)e->batches : 0;
    const double spent = t - p->epoch_begun;
    const int64_t batches = e->batch - (e->epoch == p->first_epoch ? p->first_batch : 0);
    const double samples = e->batch > 0 ? (double)e->samples * (double)batches / (double)e->batch
                                        : 0;
    clock_text(left, time_left(p, e, t));
    const int digits = snprintf(NULL, 0, "%lld", (long long)e->epochs);
    int used = snprintf(head, sizeof head, "epoch %*lld/%lld ", digits, (long long)e->epoch + 1,
                        (long long)e->epochs);
    used += snprintf(tail, sizeof tail, " %3.0f%%  %.0f/s  %s left", 100 * part,
                     spent > 0 ? samples / spent : 0, left);
    const int spare = p->width - used - 1;
    const int cells = spare > 60 ? 24 : spare > 12 ? 10 : 0;
    const size_t room = spare - cells > 1 ? (size_t)(spare - cells) : 1;
    scores_text(scores, room < sizeof scores ? room : sizeof scores, e);
    if (used + 1 > p->width) return;
    fputs("\r\033[K", p->out);
    fputs(head, p->out);
    draw_bar(p, cells, part);
    fputs(tail, p->out);
    fputs(scores, p->out);
    fflush(p->out);
    p->under_way = true;
}

void progress_part(progress *p, int64_t done, int64_t total, double work, double left)
{
    char remaining[32], head[64];
    const double t = now();
    if (p->begun == 0) p->begun = t;
    if (p->quiet || !p->width || (t - p->drawn < 0.1 && p->under_way)) return;
    p->drawn = t;
    clock_text(remaining, work > 0 ? (t - p->begun) / work * left : 0);
    const int used = snprintf(head, sizeof head, "%lld/%lld runs ", (long long)done,
                              (long long)total);
    const int spare = p->width - used - 24;
    fprintf(p->out, "\r\033[K%s", head);
    draw_bar(p,
             spare > 24  ? 24
             : spare > 0 ? spare
                         : 0,
             total > 0 ? ((double)total - left) / (double)total : 1);
    fprintf(p->out, "  %s left", work > 0 ? remaining : "?");
    fflush(p->out);
    p->under_way = true;
}

static void keep_scores(progress *p, const rondo_progress *e)
{
    size_t n = 0;
    p->last[0] = 0;
    for (int i = 0; i < e->n_metrics; i++) {
        char one[128], number[32] = "null";
        if (isfinite(e->value[i])) snprintf(number, sizeof number, "%.9g", e->value[i]);
        const int size = snprintf(one, sizeof one, ", \"%s\": %s", e->metric[i], number);
        if (size < 0 || n + (size_t)size >= sizeof p->last) return;
        memcpy(p->last + n, one, (size_t)size + 1);
        n += (size_t)size;
    }
}

static void keep_judged(progress *p, const rondo_progress *e)
{
    double judged = 0;
    for (int i = 0; i < e->n_metrics; i++)
        if (!strcmp(e->metric[i], "val_loss") || (i == 0 && !strcmp(e->metric[i], "loss")))
            judged = e->value[i];
    if (p->judged[0] == 0 || p->judged[1] < p->judged[0]) p->judged[0] = p->judged[1];
    p->judged[1] = judged;
}

static void end_epoch(progress *p, const rondo_progress *e)
{
    char scores[512];
    const double t = now(), spent = t - p->epoch_begun;
    keep_scores(p, e);
    keep_judged(p, e);
    if (p->quiet) return;
    progress_clear(p);
    scores_text(scores, sizeof scores, e);
    const int digits = snprintf(NULL, 0, "%lld", (long long)e->epochs);
    const int64_t batches = e->batch - (e->epoch == p->first_epoch ? p->first_batch : 0);
    const double samples = e->batch > 0 ? (double)e->samples * (double)batches / (double)e->batch
                                        : 0;
    fprintf(p->out, "epoch %*lld/%lld  %.1f s  %.0f/s%s\n", digits, (long long)e->epoch + 1,
            (long long)e->epochs, spent, spent > 0 ? samples / spent : 0, scores);
    fflush(p->out);
}

static rondo_status on(rondo_event event, rondo_model *m, rondo_progress *e, void *user)
{
    progress *p = user;
    (void)m;
    switch (event) {
    case RONDO_FIT_BEGIN:
        p->begun = p->epoch_begun = now();
        p->first_epoch = e->epoch;
        p->first_batch = e->batch;
        break;
    case RONDO_BATCH_END:
        if (!p->quiet && p->width) draw(p, e);
        break;
    case RONDO_EPOCH_END:
        end_epoch(p, e);
        p->epoch_begun = now();
        break;
    case RONDO_FIT_END:
        progress_clear(p);
        break;
    }
    return RONDO_OK;
}

rondo_callback progress_callback(progress *p)
{
    return (rondo_callback){ .on = on, .user = p };
}
