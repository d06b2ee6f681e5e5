/*
 * Writes a device's programs into the cache (program_cache.h): for PoCL, giving a program's binary means to compile
 * its kernels once more, for any group size, which takes as long as compiling them did. So it is for the time when
 * there is nothing else to do.
 */
#ifndef WORKER_PROGRAM_KEEPER_H
#define WORKER_PROGRAM_KEEPER_H

#include <stdbool.h>

#include "worker/device.h"

/* Writes one program that was built from source, where the device was opened with `cached`; false where there is
 * none left. What fails is logged and stays out of the cache. Nothing may be running on the device. */
bool device_keep_program(struct device *device);

#endif
