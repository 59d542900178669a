/* labels.c - the targets of readers that meet them one by one, as text: classes or numbers. */
#include "data/data.h"
#include <string.h>

rondo_status labels_begin(label_reader *l, const reader_request *q, bool numbers, spill *to)
{
    *l = (label_reader){ .numbers = numbers, .to = to };
    return numbers || !q->classes ? RONDO_OK
                                  : class_list_fix(&l->classes, q->classes, q->n_classes);
}

rondo_status label_read(label_reader *l, const char *text, size_t n, const char *path, int64_t line)
{
    char name[LIMIT_NAME];
    int32_t label;
    real value;
    if (n == 0)
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: the label is empty", path, (long long)line);
    if (n >= sizeof name)
        return rondo_fail(RONDO_E_FORMAT, "%s:%lld: a label of %zu bytes is too long for a name",
                          path, (long long)line, n);
    if (l->numbers) {
        RONDO_TRY(number_read(&value, text, n, path, line, "label"));
        return spill_append(l->to, &value, sizeof value);
    }
    memcpy(name, text, n);
    name[n] = 0;
    RONDO_TRY(class_list_find(&l->classes, name, path, line, &label));
    return spill_append(l->to, &label, sizeof label);
}

rondo_status labels_give(label_reader *l, rondo_dataset *d, bool per_step)
{
    d->n_targets = 1;
    if (l->numbers) {
        d->target[0] = (field_shape){ RONDO_F32, { per_step ? 2 : 1, { per_step ? 0 : 1, 1 } } };
        return RONDO_OK;
    }
    d->target[0] = (field_shape){ RONDO_I32, { per_step, { 0 } } };
    RONDO_TRY(class_list_finish(&l->classes, (int32_t *)(void *)l->to->data,
                                (int64_t)(l->to->size / sizeof(int32_t))));
    class_list_give(&l->classes, d);
    return RONDO_OK;
}

void labels_free(label_reader *l)
{
    class_list_free(&l->classes);
}
