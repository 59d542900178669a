/* The layers, one file each; every recurrent cell is a layer of layer_recurrent by its own name. */
#include "layer.h"

extern const layer_type layer_dense, layer_activation, layer_embedding, layer_dropout,
    layer_spatial_dropout1d, layer_activity_regularization, layer_layer_normalization,
    layer_masking, layer_glu, layer_maxout, layer_merges[4], layer_rrelu, layer_adaptive_softmax,
    layer_pool;

static const layer_type *const rows[] = {
    &layer_dense,
    &layer_activation,
    &layer_embedding,
    &layer_dropout,
    &layer_spatial_dropout1d,
    &layer_activity_regularization,
    &layer_layer_normalization,
    &layer_masking,
    &layer_merges[0],
    &layer_merges[1],
    &layer_merges[2],
    &layer_merges[3],
    &layer_glu,
    &layer_maxout,
    &layer_rrelu,
    &layer_adaptive_softmax,
    &layer_pool,
};

void layer_register_all(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        registry_add(REGISTRY_LAYER, rows[i]->name, rows[i]);
}
