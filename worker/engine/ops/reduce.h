/* What fusion needs to know of reductions. */
#ifndef WORKER_ENGINE_OPS_REDUCE_H
#define WORKER_ENGINE_OPS_REDUCE_H

#include "worker/engine/graph.h"

/* The axes that a reduction node reduces, as bits. */
MUST_CHECK int reduce_axes(const struct graph *graph, const struct node *node, unsigned *mask,
                           struct error *err);
bool node_is_mean(const struct node *node);

#endif
