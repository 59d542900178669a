/* format - model files in and out; native is a safetensors file whose metadata hold the model.
 *
 * Metadata keys of a native file: "format" ("rondo"), "version", "model" (JSON: layers, graph),
 * "pipeline" (what rondo_set_metadata was given), "training" (JSON: optimizer, loss, metrics
 * specs), "digest". */
#ifndef RONDO_FORMAT_H
#define RONDO_FORMAT_H
#include "model/model.h"

void format_register_all(void); /* table.c */
#endif
