/* What packed weights are kept in, for inference and for training; the weights themselves stay in
 * f32. */
#include "model.h"

/* Where there are packed weights, they are laid out anew. */
static rondo_status change(rondo_model *m, int *slot, int kind)
{
    const int before = *slot, laid_out = model_storage(m);
    *slot = kind;
    if (!m->weights || model_storage(m) == laid_out) return RONDO_OK;
    const rondo_status s = model_reserve_packed(m);
    if (s) *slot = before;
    return s;
}

rondo_status rondo_set_weight_storage(rondo_model *m, const char *name)
{
    int storage;
    RONDO_TRY(model_status(m));
    RONDO_TRY(linear_storage(&storage, name));
    return change(m, &m->storage, storage);
}

const char *rondo_weight_storage(const rondo_model *m)
{
    return m ? kernel_table()->storage[m->storage].name : NULL;
}

rondo_status model_set_compute(rondo_model *m, const char *name)
{
    int compute;
    RONDO_TRY(linear_compute(&compute, name));
    return change(m, &m->compute, compute);
}
