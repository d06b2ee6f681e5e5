/*
 * PNG files made by threads beside the device, or in turn with it.
 *
 *     compute thread ── encoder_put(batch of pixels) ──> threads ── file 0, 1, 2 … ──> sink
 *
 * Images are encoded in any order by any thread; the sink is called in the order in which they were
 * put, by one thread at a time. So what comes out is a function of what went in, whatever the
 * number of threads. At most ENCODER_BATCHES batches wait, which bounds the memory; who puts one
 * more encodes meanwhile instead of sleeping, as it does at the end.
 *
 * A CPU that computes on all cores has none to spare: a thread that encodes beside it takes a core from
 * one of the device's, and all others wait for that one at the end of every kernel. There a batch is
 * encoded by a thread on each core while the device rests, and encoder_put returns when it is.
 */
#ifndef WORKER_ENCODER_H
#define WORKER_ENCODER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/device.h"

#define ENCODER_BATCHES 2
#define ENCODER_THREADS_MAX 64
#define ENCODER_BESIDE_MAX 16

struct encoder; /* opaque; put, end and abandon are called by one thread at a time */

/* Takes file number `image`, which is borrowed. An error ends the encoding: nothing more is sunk.
 */
typedef int (*encoder_sink)(void *state, uint64_t image, const void *file, size_t size,
                            struct error *err);

struct encoder_way {
    unsigned threads; /* beside the one that puts: 0 to ENCODER_THREADS_MAX */
    /* encoder_put returns when a batch of no fewer images than threads is encoded. Each thread keeps to a core of
     * its own, or the system would leave two on one for milliseconds; who puts has no core and encodes nothing. */
    bool in_turn;
};

/* The way for a device: in turn with a CPU device of all cores, by a thread on each; beside a part of a
 * CPU by one for every eight cores of the part, since a face costs much more to make than to encode, and
 * the other cores may be another worker's; beside anything else by all cores of this machine, at most
 * ENCODER_BESIDE_MAX. */
struct encoder_way encoder_way(const struct device_info *info);

/* Starts the way's threads for images of one size. `state` must outlive encoder_end. Threads that cannot
 * be started are done without. */
MUST_CHECK int encoder_begin(const struct encoder_way *way, size_t height, size_t width,
                             encoder_sink sink, void *state, struct encoder **encoder,
                             struct error *err);

/* Who puts does not encode on for a full queue once another thread has set *stop: E_INTERRUPTED. Nor does it wait for
 * the rest of a batch that is encoded in turn. Borrowed. */
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
