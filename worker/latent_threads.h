/* Drawing latents on several threads: a latent is a function of its index, so the bits do not
 * depend on how many. */
#ifndef WORKER_LATENT_THREADS_H
#define WORKER_LATENT_THREADS_H

#include <stddef.h>
#include <stdint.h>

#include "common/latent.h"
#include "worker/device.h"

#define LATENT_THREADS_MOST 64

/* How many the host has to spare beside a device: the units of a CPU's own part, which wait
 * meanwhile; else the host's processors. */
unsigned latent_threads(const struct device *device);

/* As latent_draw(). The calling thread is one of them; one that cannot be made is done without. */
void latent_draw_on(unsigned threads, const struct latent_law *law, uint64_t seed, uint64_t start,
                    size_t count, size_t dimension, float *z);

#endif
