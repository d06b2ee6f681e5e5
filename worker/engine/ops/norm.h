/* What fusion needs to know of normalisations. */
#ifndef WORKER_ENGINE_OPS_NORM_H
#define WORKER_ENGINE_OPS_NORM_H

#include "worker/engine/ops.h"

/* x / √(mean over dimension 1 of x² + fused.pixel_norm_epsilon). No file names it: fusion makes it. */
extern const struct op op_pixel_norm;

/* A BatchNormalization node as y = x · scale + shift per channel; the caller frees both. */
MUST_CHECK int batch_norm_affine(const struct graph *graph, const struct node *node, float **scale,
                                 float **shift, struct error *err);

#endif
