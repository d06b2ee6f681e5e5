/* `facefarm latents`: the latents of samples as a .npy file. */
#ifndef WORKER_LATENTS_H
#define WORKER_LATENTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct latents_options {
    const char *bundle;  /* folder */
    const char *samples; /* "0-9999,12000": ranges and single samples, in the order of the rows */
    const char *output;  /* file to write */
    const char *device;  /* as in device_select, or NULL; needed for w and w+ only */
    uint64_t seed;
    size_t batch;
};

/*
 * Writes [samples, dimension] float32, in w+ [samples, layers, dimension], in the space that the bundle's
 * boundaries are in: the numbers that the farm's workers draw (and map) for the same seed and samples. At
 * most LIMIT_LATENTS numbers.
 */
MUST_CHECK int latents_write(const struct latents_options *options, struct error *err);

#endif
