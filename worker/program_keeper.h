/*
 * Writes a device's programs into the cache (program_cache.h), in a thread beside the work: for PoCL, giving a
 * program's binary means to compile its kernels once more, for any group size, which takes as long as compiling
 * them did. The thread has the lowest priority, and ends when all that was built so far is written.
 */
#ifndef WORKER_PROGRAM_KEEPER_H
#define WORKER_PROGRAM_KEEPER_H

#include "worker/device.h"

/* Begins to write the programs that were built from source since the last call, where the device was opened with
 * `cached`; does nothing while the last call's are still written. What fails is logged and stays out of the cache. */
void device_keep_programs(struct device *device);

/* Waits until what the last call began to write is written. */
void device_keep_wait(struct device *device);

/* For device.c: stops after the program that is being written. */
void program_keeper_stop(struct device *device);

#endif
