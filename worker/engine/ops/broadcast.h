/* ONNX's broadcasting: shapes, and strides of an operand in the result's dimensions. */
#ifndef WORKER_ENGINE_OPS_BROADCAST_H
#define WORKER_ENGINE_OPS_BROADCAST_H

#include "worker/engine/graph.h"

/* Widens dims[0..*rank) by `other`. E_PARSE if they do not fit. */
MUST_CHECK int broadcast_dims(size_t *rank, int64_t *dims, const struct value *other,
                              struct error *err);

/* Strides of `value` in a result of `rank` dims, 0 where it is broadcast; entries 0..7 are set. */
void broadcast_strides(const struct value *value, size_t rank, const int64_t *dims,
                       int32_t strides[8]);

/* Dims as the 8 ints that kernels take; entries beyond rank are 1. */
void broadcast_ints(size_t rank, const int64_t *dims, int32_t ints[8]);

/* True if the operand's dimension 0 is not mixed by broadcasting to a batched result of `rank`. */
bool broadcast_keeps_rows(const struct value *value, size_t rank);

#endif
