/* What `facefarm-worker` prints instead of working: devices, and whether a bundle would run. */
#ifndef WORKER_CHECK_H
#define WORKER_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

/* One line a device, or one JSON array of them. */
MUST_CHECK int check_list_devices(bool json, FILE *out, struct error *err);

/* Checks a bundle folder: bundle.yaml and digests, then that every network is one we run, and,
 * where the machine has an OpenCL device, that its tensors are what bundle.yaml says, and that the values on
 * some faces can be what it says (check_values.h). One line a network, warnings, ages. The error names file, node or tensor, what was found and what was expected. `device` as
 * in device_select: the first of those chosen. A `folder` that is an ONNX file is checked alone, without
 * a device: one line for every node that would not run. */
MUST_CHECK int check_bundle(const char *folder, const char *device, FILE *out, struct error *err);

#endif
