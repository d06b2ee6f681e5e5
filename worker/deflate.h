/*
 * A zlib stream (RFC 1950, 1951) of filtered pictures.
 *
 * Differences of neighbours are mostly small and mostly noise: nearly all of the gain is in the
 * prefix codes, and short matches cost more than they save. So only matches of at least eight bytes
 * are looked for, at the newest place with the same hash of as many; and one is taken only where it
 * costs less than the bytes it stands for, by their frequencies in the block.
 */
#ifndef WORKER_DEFLATE_H
#define WORKER_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct deflate; /* opaque; one thread; serves any number of streams */

MUST_CHECK int deflate_open(struct deflate **deflate, struct error *err);
void deflate_close(struct deflate **deflate); /* NULL is fine */

/* The most bytes that the stream of `size` bytes can have. */
size_t deflate_bound(size_t size);

/* Writes the stream of data[size] (size 1 to 2^31 − 1) into out[deflate_bound(size)] and tells its
 * length. The stream is a pure function of the data, on every machine. */
void deflate_stream(struct deflate *deflate, const uint8_t *data, size_t size, uint8_t *out,
                    size_t *length);

#endif
