/* A worker: a device, a compute thread, and the calling thread as the network thread. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/runner.h"

struct worker_options {
    const char *endpoint;
    const char *name; /* NULL: the host's name and the process id */
    struct runner_options runner;
    int stop_fd; /* readable: finish or drop what runs, say goodbye, return */
};

#define WORKER_CREDIT 3 /* one runs, one waits, one covers the way to the broker and its commit */

/* Runs until stop_fd is readable; then 0. Errors are those of the start: device, endpoint. */
MUST_CHECK int worker_run(const struct worker_options *options, struct error *err);

/*
 * The device called `wanted`: an index of device_list's order, "cpu", "gpu", a part of a name (case
 * does not matter), or NULL for the best: a GPU before others, then the most compute units.
 */
MUST_CHECK int worker_choose_device(const char *wanted, int *index, struct error *err);

#endif
