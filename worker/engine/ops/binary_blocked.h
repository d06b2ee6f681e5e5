/* Element-wise operators of a channels-last image and something smaller, on CPUs. */
#ifndef WORKER_ENGINE_OPS_BINARY_BLOCKED_H
#define WORKER_ENGINE_OPS_BINARY_BLOCKED_H

#include "worker/engine/lower.h"
#include "worker/engine/ops/elementwise.h"

/* One operand is the image, and lies channels-last; the other has one element a channel or one a pixel, for
 * each sample or for all. */
struct binary_blocked {
    size_t image, other; /* input numbers */
    bool per_channel;
    bool per_sample;
};

/* True, and how, if the node can run so. */
bool binary_blocked_fits(const struct lowering *lowering, const struct node *node, enum binary which,
                         struct binary_blocked *blocked);
/* With the node, those are lowered that may follow it in one pass over the image. */
MUST_CHECK int lower_binary_blocked(struct lowering *lowering, struct node *node, enum binary which,
                                    const struct binary_blocked *blocked, struct error *err);

#endif
