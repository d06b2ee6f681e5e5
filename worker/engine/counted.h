/* Integers that come of samples: bytes of a picture, places of a largest score, how many thresholds of an ordinal head a face
 * passes. */
#ifndef WORKER_ENGINE_COUNTED_H
#define WORKER_ENGINE_COUNTED_H

#include "worker/engine/graph.h"

/* Whether the value is such: floats on the device that are whole numbers, far below 2^24, and integers in the file (int32,
 * int64, uint8). */
bool counted_is(const struct value *value);

/* Before a node's inference: refuses one that would compute with them otherwise than with floats (a division), and makes floats
 * of constant integers that they meet. */
MUST_CHECK int counted_prepare(struct graph *graph, struct node *node, struct error *err);

#endif
