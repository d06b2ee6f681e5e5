/*
 * Runs assignments: from the bundle's hash and the spec's text to an outcome. Owns the device, the
 * pipelines of the bundles seen last and the directions fetched last. One thread.
 */
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include "worker/tasks/task.h"

struct runner; /* opaque */

struct runner_options {
    int device;       /* index in device_list's order */
    unsigned threads; /* as in struct device_options */
    size_t batch;     /* faces at once, at most; halved where memory is short */
    const char *store;
};

#define RUNNER_BATCH 64

/* Opens the device. `inputs`, `cancelled` and the store's path must outlive the runner. */
MUST_CHECK int runner_open(const struct runner_options *options, const struct inputs *inputs,
                           const atomic_bool *cancelled, struct runner **runner, struct error *err);
void runner_close(struct runner **runner);

/* What the device is. */
const struct device_info *runner_device(const struct runner *runner);

/*
 * Runs the outcome's assignment and fills the outcome: with the result, or with code and text of
 * what failed. Never fails itself. Memory that runs out halves the batch and tries again; after an
 * error of the device, the device is opened anew for the next task.
 */
void runner_run(struct runner *runner, struct outcome *outcome);

#endif
