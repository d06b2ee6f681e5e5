/* How large a batch of a bundle's networks fits into a device's memory, known before any is taken.
 */
#ifndef WORKER_PIPELINE_FIT_H
#define WORKER_PIPELINE_FIT_H

#include "worker/pipeline.h"

/*
 * Prepares the bundle in `folder` at the largest batch, at most `batch`, at which it needs no more than
 * `memory` bytes and no buffer larger than the device gives; smaller ones are powers of two.
 * E_LIMIT where one face at a time does not fit either: the text says what it needs. Other errors are those
 * of pipeline_prepare.
 */
MUST_CHECK int pipeline_fit(struct device *device, const char *folder, size_t batch,
                            uint64_t memory, enum pipeline_noise noise, struct pipeline **pipeline,
                            struct error *err);

#endif
