/* Callbacks by name, and what they share. */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const callback_row *const rows[] = {
    &callback_early_stopping, &callback_model_checkpoint, &callback_reduce_lr_on_plateau,
    &callback_csv_logger,     &callback_tensorboard,      &callback_terminate_on_nan,
    &callback_until,
};

void callback_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)registry_add(REGISTRY_CALLBACK, rows[i]->name, rows[i]);
}

static void close_self(void *user)
{
    callback_self *self = user;
    if (self->row->close) self->row->close(self);
    options_free(&self->row->options, callback_options(self));
    alloc_free(self);
}

rondo_status rondo_callback_parse(rondo_callback *c, const char *text)
{
    *c = (rondo_callback){ 0 };
    spec parsed;
    RONDO_TRY(spec_parse(&parsed, text ? text : ""));
    const void *found;
    callback_self *self = NULL;
    rondo_status status = registry_get(REGISTRY_CALLBACK, parsed.kind, &found);
    if (status) goto done;
    const callback_row *row = found;
    self = alloc_new(row->self_size);
    if (!self) {
        status = RONDO_E_NOMEM;
        goto done;
    }
    self->row = row;
    status = options_default(&row->options, callback_options(self));
    if (!status)
        status = options_from_spec(&row->options, callback_options(self), row->name, &parsed);
    if (!status && row->open) status = row->open(self);
    if (status)
        close_self(self);
    else
        *c = (rondo_callback){ row->on, row->save, row->load, close_self, self };
done:
    spec_free(&parsed);
    return status;
}

bool callback_watches(const rondo_callback *c)
{
    return c->free == close_self && ((const callback_self *)c->user)->row->watches;
}

rondo_status callback_call(const rondo_callback *c, rondo_event event, rondo_model *m,
                           rondo_progress *p, bool *gave_up)
{
    callback_self *watcher = callback_watches(c) ? c->user : NULL;
    *gave_up = false;
    if (watcher && event == RONDO_FIT_BEGIN) watcher->gave_up = false;
    if (!c->on || (watcher && watcher->gave_up)) return RONDO_OK;
    const rondo_status status = c->on(event, m, p, c->user);
    if (!status || !watcher) return status;
    *gave_up = watcher->gave_up = true;
    return RONDO_OK;
}

void rondo_callback_free(rondo_callback *c)
{
    if (c->free) c->free(c->user);
    *c = (rondo_callback){ 0 };
}

/* ---- What they monitor ---- */
static char *metric_list(const rondo_progress *p)
{
    char *list = alloc_text("");
    for (int i = 0; i < p->n_metrics && list; i++) {
        char *longer = alloc_format("%s%s%s", list, i ? ", " : "", p->metric[i]);
        alloc_free(list);
        list = longer;
    }
    return list;
}

rondo_status monitor_value(const rondo_progress *p, const char *who, const char *monitor,
                           double *found)
{
    for (int i = 0; i < p->n_metrics; i++)
        if (!strcmp(p->metric[i], monitor)) {
            *found = p->value[i];
            return RONDO_OK;
        }
    char *list = metric_list(p);
    const rondo_status status = rondo_fail(
        RONDO_E_ARG, "%s monitors \"%s\", but this run gives %s: %s", who, monitor,
        list ? list : "others",
        !strncmp(monitor, "val_", 4) ? "add validation data, or watch loss" : "name one of these");
    alloc_free(list);
    return status;
}

rondo_status monitor_mode(const char *who, const char *mode, const char *monitor, bool *higher)
{
    if (!strcmp(mode, "auto"))
        *higher = metric_higher_is_better(monitor);
    else if (!strcmp(mode, "max") || !strcmp(mode, "min"))
        *higher = !strcmp(mode, "max");
    else
        return rondo_fail(RONDO_E_ARG, "%s: mode=%s is none of auto, min, max", who, mode);
    return RONDO_OK;
}

rondo_status condition_parse(condition *c, const char *text)
{
    *c = (condition){ 0 };
    text = text ? text + strspn(text, " ") : "";
    const size_t name = strcspn(text, " <>=");
    const char *at = text + name + strspn(text + name, " ");
    c->above = *at == '>';
    c->or_equal = *at && at[1] == '=';
    const char *number = at + 1 + c->or_equal;
    char *end = NULL;
    if (name && name < sizeof c->score && (*at == '<' || *at == '>'))
        c->value = strtod(number, &end);
    if (!end || end == number || end[strspn(end, " ")] || !isfinite(c->value))
        return rondo_fail(RONDO_E_ARG,
                          "until: \"%s\" is no condition; say a score, < or >, and a number, as in "
                          "\"val_loss < 0.02\"",
                          text);
    memcpy(c->score, text, name);
    return RONDO_OK;
}

rondo_status condition_met(const condition *c, const rondo_progress *p, bool *met)
{
    double now;
    RONDO_TRY(monitor_value(p, "until", c->score, &now));
    *met = (c->above ? now > c->value : now < c->value) || (c->or_equal && now == c->value);
    return RONDO_OK;
}

/* ---- What they write ---- */
void number_text(char text[32], double number)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, number);
        if (strtod(text, NULL) == number) return;
    }
}

/* Opens a file to go on after its first `keep` bytes; what follows them is cut off. */
rondo_status log_open(FILE **file, const char *path, int64_t keep)
{
    *file = fopen(path, "r+b");
    if (!*file && errno == ENOENT) *file = fopen(path, "w+b");
    if (!*file) return rondo_fail(RONDO_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (!fseek(*file, 0, SEEK_END) &&
        (ftell(*file) <= keep ||
         (!ftruncate(fileno(*file), (off_t)keep) && !fseek(*file, 0, SEEK_END))))
        return RONDO_OK;
    const int error = errno;
    fclose(*file);
    *file = NULL;
    return rondo_fail(RONDO_E_IO, "%s: cannot be cut to %lld bytes: %s", path, (long long)keep,
                      strerror(error));
}

rondo_status log_flush(FILE *file, const char *path, int64_t *size)
{
    if (fflush(file) || ferror(file))
        return rondo_fail(RONDO_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    *size = ftell(file);
    return RONDO_OK;
}
