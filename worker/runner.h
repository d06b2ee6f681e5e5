/*
 * Runs assignments: from the bundle's hash and the spec's text to an outcome. Owns the device, the
 * pipelines of the bundles seen last and the directions fetched last. One thread.
 *
 * A batch is chosen such that the bundle's networks fit into the runner's share of the device's
 * memory, before any of it is taken; where the device refuses all the same, the batch is halved. No
 * result depends on it.
 */
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include "worker/cache.h"
#include "worker/device_select.h"
#include "worker/tasks/task.h"

struct runner; /* opaque */

struct runner_options {
    struct device_choice device;
    size_t batch;    /* faces at once, at most; 0: RUNNER_BATCH */
    uint64_t memory; /* bytes of the device to use at most; 0: a default share, runner_memory() */
    const char *store; /* the broker's, where it is one with ours; */
    struct cache *cache; /* else what is fetched of it is kept here, NULL: nowhere, */
    const char *outbox;  /* and what goes there lies here until then */
};

#define RUNNER_BATCH 64

/* The memory that a runner may use: what the options say, but not more than there is; by default
 * 4/5 of a GPU's, and half of another device's (which is everybody's), of which a part of a CPU has
 * the part that its threads are. */
uint64_t runner_memory(const struct runner_options *options, const struct device_info *info);

/* Opens the device. `inputs`, `cancelled` and the store's path must outlive the runner. */
MUST_CHECK int runner_open(const struct runner_options *options, const struct inputs *inputs,
                           const atomic_bool *cancelled, struct runner **runner, struct error *err);
void runner_close(struct runner **runner);

/* What the device is. */
const struct device_info *runner_device(const struct runner *runner);

/*
 * Runs the outcome's assignment as far as it needs the device and fills the outcome: with the result (what remains to be
 * done of its files is outcome_finish's, on any thread), or with code and text of
 * what failed. Never fails itself. Memory that runs out halves the batch and tries again, down to
 * one face. After an error of the device it is closed, and opened anew for the next task. Where the
 * device does not answer any more (E_LOST), has no memory left for a single face that should fit
 * (E_MEMORY), or fails task after task, the outcome's `device_lost` is set: the next task needs a
 * runner_reopen first.
 */
void runner_begin(struct runner *runner, struct outcome *outcome);

/* The same, and outcome_finish. */
void runner_run(struct runner *runner, struct outcome *outcome);

/* Operations of the networks that ran since this was asked last. */
double runner_take_operations(struct runner *runner);

/* Opens a lost device again, sees whether it answers, and takes the full batch again. */
MUST_CHECK int runner_reopen(struct runner *runner, struct error *err);

/* Between tasks: one of the kernels that were compiled is kept on disk, where the device's options say so (device.h:
 * cached); false where none is left. */
bool runner_keep_program(struct runner *runner);

#endif
