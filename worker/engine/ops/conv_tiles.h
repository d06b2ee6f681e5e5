/* Convolutions on GPUs: kernels/tiles.cl, also between the stages of kernels/winograd_tiles.cl. */
#ifndef WORKER_ENGINE_OPS_CONV_TILES_H
#define WORKER_ENGINE_OPS_CONV_TILES_H

#include "worker/engine/ops/conv.h"

/* True if the target has tiles, and the convolution enough channels for them. */
bool conv_tiles_fit(const struct lowering *lowering, const struct conv *conv);

/* Emits the steps of a node that fits, without its pixel norm. */
MUST_CHECK int lower_conv_tiles(struct lowering *lowering, struct node *node, const struct conv *conv,
                                struct error *err);

#endif
