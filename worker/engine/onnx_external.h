/* Weights that an ONNX file keeps in another file beside it, as exporters do by default since PyTorch 2.9. */
#ifndef WORKER_ENGINE_ONNX_EXTERNAL_H
#define WORKER_ENGINE_ONNX_EXTERNAL_H

#include <onnx.pb-c.h>

#include "common/error.h"

/* Reads the initializers that `model`, the file at `path`, keeps in other files into it, as if they had stood there. Such a
 * file lies in the model's folder and is named without one; links are not followed. E_NOT_FOUND where it is missing,
 * E_PARSE for a name, an offset or a length that is none, E_LIMIT beyond LIMIT_ONNX_BYTES in all. */
MUST_CHECK int onnx_read_external(const char *path, Onnx__ModelProto *model, struct error *err);

/* The name of the file that tensor i of the initializers is in, or NULL: it is in the model. */
const char *onnx_external_file(const Onnx__ModelProto *model, size_t i);

#endif
