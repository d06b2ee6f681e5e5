/* The texts of kernels/. */
#ifndef WORKER_DEVICE_SOURCE_H
#define WORKER_DEVICE_SOURCE_H

#include "common/buffer.h"

#define DEVICE_SOURCE_MAX ((size_t)1 << 20) /* bytes, with what it includes */

/*
 * The source of a file of kernels/, NUL-terminated, into an initialised, empty buffer: as it was embedded or, while one works on
 * kernels, from the folder that FACEFARM_KERNELS names. A line `#include "FILE"` is the text of that file of the same
 * folder, which includes none itself: so an OpenCL compiler needs no folder, and a cache sees all that it compiles.
 * E_NOT_FOUND where there is no such file, E_LIMIT where it is too long.
 */
MUST_CHECK int device_source(const char *file, struct buffer *source, struct error *err);

#endif
