/* How large a batch of a bundle's networks fits into a device's memory, known before any is taken.
 */
#ifndef WORKER_PIPELINE_FIT_H
#define WORKER_PIPELINE_FIT_H

#include "common/bundle.h"
#include "worker/device.h"

struct pipeline_need {
    size_t batch;          /* faces at once */
    uint64_t bytes;        /* all that pipeline_open takes on the device at that batch */
    uint64_t buffer_bytes; /* the largest single buffer of it */
};

/*
 * The largest batch, at most `batch`, at which the bundle in `folder` needs no more than
 * `memory` bytes and no buffer larger than the device gives; smaller ones are powers of two.
 * E_LIMIT where one face at a time does not fit either: the text says what it needs. Errors of the
 * bundle and its networks are those of pipeline_open.
 */
MUST_CHECK int pipeline_fit(struct device *device, const char *folder, size_t batch,
                            uint64_t memory, struct pipeline_need *need, struct error *err);

/* The need at one batch. */
MUST_CHECK int pipeline_measure(struct device *device, const char *folder,
                                const struct bundle *bundle, size_t batch,
                                struct pipeline_need *need, struct error *err);

#endif
