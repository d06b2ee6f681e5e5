/*
 * PNG files made by threads beside the device.
 *
 *     compute thread ── encoder_put(batch of pixels) ──> threads ── file 0, 1, 2 … ──> sink
 *
 * Images are encoded in any order by any thread; the sink is called in the order in which they were
 * put, by one thread at a time. So what comes out is a function of what went in, whatever the
 * number of threads. At most ENCODER_BATCHES batches wait, which bounds the memory; who puts one
 * more encodes meanwhile instead of sleeping, as it does at the end.
 */
#ifndef WORKER_ENCODER_H
#define WORKER_ENCODER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/device.h"

#define ENCODER_BATCHES 2
#define ENCODER_THREADS_MAX 16

struct encoder; /* opaque; put, end and abandon are called by one thread at a time */

/* Takes file number `image`, which is borrowed. An error ends the encoding: nothing more is sunk.
 */
typedef int (*encoder_sink)(void *state, uint64_t image, const void *file, size_t size,
                            struct error *err);

/* How many threads keep up beside a device: one for every eight cores that a CPU device computes on
 * itself, since a face costs much more to make than to encode; beside anything else all cores of
 * this machine, at most ENCODER_THREADS_MAX. */
unsigned encoder_threads(const struct device_info *info);

/* Starts `threads` threads (1 to ENCODER_THREADS_MAX) for images of one size. `state` must outlive
 * encoder_end. Threads that cannot be started are done without. */
MUST_CHECK int encoder_begin(unsigned threads, size_t height, size_t width, encoder_sink sink,
                             void *state, struct encoder **encoder, struct error *err);

/* Who puts does not encode on for a full queue once another thread has set *stop: E_INTERRUPTED. Borrowed. */
void encoder_stop_by(struct encoder *encoder, const atomic_bool *stop);

/* Takes pixels[count][height][width][3], made by malloc, count > 0; also where it fails, which it
 * does with the first error of an image put earlier, or E_MEMORY. */
MUST_CHECK int encoder_put(struct encoder *encoder, uint8_t **pixels, size_t count,
                           struct error *err);

/* Encodes and sinks all that was put, ends the threads and frees. Returns the first error in the
 * order of the images. */
MUST_CHECK int encoder_end(struct encoder **encoder, struct error *err);

/* Ends without sinking what has not been sunk yet. NULL is fine. */
void encoder_abandon(struct encoder **encoder);

#endif
