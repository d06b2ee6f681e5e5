/* What fusion needs to know of the convolutions that conv.c does not run. */
#ifndef WORKER_ENGINE_OPS_CONV_ND_H
#define WORKER_ENGINE_OPS_CONV_ND_H

#include "worker/engine/ops.h"

/* True for a Conv or ConvTranspose of three axes, or of computed weights: nothing fuses with it. */
bool node_is_conv_nd(const struct node *node);

#endif
