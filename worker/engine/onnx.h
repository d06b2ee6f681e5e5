/*
 * ONNX files: reading, unpacking, and the checks that need no understanding of operators.
 *
 * What comes out is protobuf-c's message, whose strings are never NULL where ONNX requires them
 * (names of nodes may be empty).
 */
#ifndef WORKER_ENGINE_ONNX_H
#define WORKER_ENGINE_ONNX_H

#include <onnx.pb-c.h>

#include "worker/engine/graph.h"

/* Unpacks the file at `path`, with what it keeps in other files (onnx_external.h), or `size` bytes at `data`. The caller
 * frees with onnx_free. */
MUST_CHECK int onnx_read(const char *path, Onnx__ModelProto **model, struct error *err);
MUST_CHECK int onnx_unpack(const void *data, size_t size, Onnx__ModelProto **model,
                           struct error *err);
/* Calls `name` with the name of each other file that the initializers of the file at `path` are in, as often as they are. */
MUST_CHECK int onnx_name_files(const char *path, void (*name)(void *context, const char *file), void *context,
                               struct error *err);
void onnx_free(Onnx__ModelProto **model);

/* The version of the default operator set that the model imports. */
MUST_CHECK int onnx_opset(const Onnx__ModelProto *model, int *opset, struct error *err);

/* A dense tensor becomes a constant value: float stays, int32 becomes int64.
 * Fills type, rank, dims and data of `value`, which then owns the data. */
MUST_CHECK int onnx_tensor(const Onnx__TensorProto *tensor, struct value *value,
                           struct error *err);

/* The node's attribute of that name, or NULL. */
const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name);

/* Frees the elements of a tensor that nobody reads again; what is left of it says so. */
void onnx_drop_elements(Onnx__TensorProto *tensor);

#endif
