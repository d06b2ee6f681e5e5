/* What `facefarm-worker --plan` prints: how the networks of a bundle, or of one ONNX file, run here. */
#ifndef WORKER_PLAN_REPORT_H
#define WORKER_PLAN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/error.h"

/*
 * Prints each network's steps with algorithm, operations, predicted and measured milliseconds at `batch`
 * rows, and the share of the device's measured multiply-add peak. `path` is a bundle's folder or an
 * ONNX file; `device` as in device_select, the first of those chosen. `tune`: first finds
 * the fastest blocks and keeps them (engine_tune). A bundle's tolerance holds, a file has
 * ENGINE_TOLERANCE.
 */
MUST_CHECK int plan_report(const char *path, const char *device, size_t batch, bool tune, FILE *out,
                           struct error *err);

#endif
