/*
 * Latents drawn on a device, to the bits of common/latent.c, where the fit wants them (kernels/latent.cl).
 *
 * It needs double precision. Whether a device and its compiler keep to IEEE is not taken on trust: at
 * opening a block is drawn and compared with the host's, and a device that differs draws none.
 */
#ifndef WORKER_LATENT_DEVICE_H
#define WORKER_LATENT_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "common/latent.h"
#include "worker/device.h"

struct latent_device; /* belongs to the device's thread */

/* *drawer is NULL where the device cannot (a log line says why); that is no error. */
MUST_CHECK int latent_device_open(struct device *device, const struct latent_law *law,
                                  size_t dimension, struct latent_device **drawer,
                                  struct error *err);
void latent_device_close(struct latent_device **drawer);

/* Samples start … start+count−1 of `seed` into the chunk x of `rows` rows (a multiple of FIT_BLOCK), in the
 * layout of worker/fit_priv.h: the numbers, 1, zeros; rows from `count` on are zeros. Enqueued, not waited for. */
MUST_CHECK int latent_device_draw(struct latent_device *drawer, uint64_t seed, uint64_t start,
                                  size_t count, size_t rows, cl_mem x, struct error *err);

#endif
