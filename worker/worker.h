/*
 * A worker process: for each of its devices a compute thread and a network thread, which know
 * nothing of the other devices'. To the broker each is a worker of its own, with its own session,
 * credit and results, so what becomes of one device does not concern the others.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/recovery.h"
#include "worker/runner.h"

struct worker_options {
    const char *endpoint;
    struct key_client keys;
    const char *name; /* NULL: the host's name and the process id */
    const char *labels; /* KEY=VALUE,…: see common/needs.h; NULL: none */
    const struct device_choice *devices;
    size_t device_count;
    struct runner_options runner; /* of each device, but for `device`, `cache` and `outbox` */
    const char *cache;   /* folder for what is not in the store; NULL: folder_cache() */
    uint64_t cache_size; /* bytes of bundles that it may hold; 0: CACHE_BYTES */
    struct recovery_options recovery;
    int64_t time_limit; /* drain so long after the start, in nanoseconds; 0: never */
    int stop_fd; /* readable: finish or drop what runs, say goodbye, return */
};

#define WORKER_CREDIT 3 /* one runs, one waits, one covers the way to the broker and its commit */

/*
 * Runs until stop_fd is readable; then 0. A device that cannot be opened at the start, or is given
 * up later, is reported in the log and the others go on; where none is left the error is that of
 * the first. With several devices each is called "name.0", "name.1", …, in the order given.
 */
MUST_CHECK int worker_run(const struct worker_options *options, struct error *err);

/* device_select() among the machine's devices; choices[DEVICE_CHOICES_MAX]. */
MUST_CHECK int worker_choose_devices(const char *wanted, unsigned threads,
                                     struct device_choice *choices, size_t *count,
                                     struct error *err);

#endif
