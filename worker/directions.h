/* The unit vectors of an edit or evaluate stage, as fetched from the broker. */
#ifndef WORKER_DIRECTIONS_H
#define WORKER_DIRECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/wire.h"

struct directions; /* opaque, immutable */

/* Copies and checks the message: every vector must have `dimension` finite elements and the
 * length 1. */
MUST_CHECK int directions_copy(const struct wire_directions *message, size_t dimension,
                               struct directions **directions, struct error *err);
void directions_free(struct directions **directions);

/* The direction of a target, plain or projected. It lives as long as `directions`. *name (may be
 * NULL) receives the target's text. E_NOT_FOUND where the broker sent none. */
MUST_CHECK int directions_find(const struct directions *directions, uint64_t target, bool projected,
                               const float **vector, const char **name, struct error *err);

/* Offset of the target's own boundary, whose normal is the plain direction. */
MUST_CHECK int directions_offset(const struct directions *directions, uint64_t target,
                                 double *offset, struct error *err);

#endif
