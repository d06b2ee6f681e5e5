/* The compute thread: takes outcomes to fill, runs them, gives them back. It owns the runner and so
 * the device; everything else it learns and says goes through two mailboxes. */
#ifndef WORKER_COMPUTE_H
#define WORKER_COMPUTE_H

#include "worker/health.h"
#include "worker/runner.h"

struct compute; /* opaque */

struct compute_options {
    struct runner_options runner;
    struct mailbox *orders;  /* letters to the thread */
    struct mailbox *reports; /* letters from it */
    const atomic_bool *cancelled;
    const char *endpoint; /* of the broker, to fetch bundles; NULL: they are in a store */
    const struct key_client *keys;
    struct health *health; /* counts here */
    bool keep_programs;    /* keep compiled kernels: not where other threads run kernels, see program_keeper.c */
};

/* Opens the device and starts the thread. *info receives what the device is. */
MUST_CHECK int compute_start(const struct compute_options *options, struct device_info *info,
                             struct compute **compute, struct error *err);

/* Waits for the thread, which ends after LETTER_STOP, and frees. */
void compute_join(struct compute **compute);

#endif
