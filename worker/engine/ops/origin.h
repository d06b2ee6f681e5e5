/* Where the integers of a shape come from: the batch, or the file. */
#ifndef WORKER_ENGINE_OPS_ORIGIN_H
#define WORKER_ENGINE_OPS_ORIGIN_H

#include "worker/engine/graph.h"

/* Whether element `at` of `value`, a constant of integers, is computed from the number of rows of a batched value, as
 * x.shape[0] is: it is another one for another batch. What cannot be followed does not count as such. */
bool origin_is_batch(const struct graph *graph, int value, int64_t at);

/* The same of element `at` of input `i` of a node. */
bool origin_input_is_batch(const struct graph *graph, const struct node *node, size_t i, int64_t at);

#endif
