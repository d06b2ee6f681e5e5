/* Nodes of a file that stand for several: calls of the file's own functions, and attention. */
#ifndef WORKER_ENGINE_EXPAND_H
#define WORKER_ENGINE_EXPAND_H

#include <onnx.pb-c.h>

#include "common/error.h"

/*
 * Writes what such nodes stand for in their place, into the model itself:
 *
 * - a call of a function that the model defines becomes the function's nodes, which may be calls in turn;
 * - Attention (opset 23) becomes Softmax((Q · Kᵀ) · scale + mask) · V.
 *
 * What has no such form (attention with a cache, a function for another opset) stays, to be refused by its name. E_LIMIT where
 * calls in calls would be too deep or too many.
 */
MUST_CHECK int expand_model(Onnx__ModelProto *model, int opset, struct error *err);

#endif
