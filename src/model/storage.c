/* What packed weights are kept in for inference; the weights themselves stay in f32. */
#include "model.h"

rondo_status rondo_set_weight_storage(rondo_model *m, const char *name)
{
    int storage;
    RONDO_TRY(model_status(m));
    RONDO_TRY(linear_storage(&storage, name));
    if (storage == m->storage) return RONDO_OK;
    const int before = m->storage;
    m->storage = storage;
    if (!m->weights) return RONDO_OK;
    const rondo_status s = model_reserve_packed(m);
    if (s) m->storage = before;
    return s;
}

const char *rondo_weight_storage(const rondo_model *m)
{
    return m ? kernel_table()->storage[m->storage].name : NULL;
}
