/* What the broker says of an edit or evaluate stage's edits: unit vectors, and where they are needed the
 * boundaries themselves and how logits vary. */
#ifndef WORKER_DIRECTIONS_H
#define WORKER_DIRECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/wire.h"

struct directions; /* opaque */

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

/* All boundaries, in the bundle's order: attributes, then the age; in the layers that the stage
 * moves. They live as long as `directions`. */
struct directions_boundaries {
    size_t count;
    const char *const *names;
    const double *normals; /* [count][dimension] */
    const double *offsets; /* [count] */
    const double *across;  /* [count][dimension]: Σ times them; NULL: Σ = I */
};
/* E_NOT_FOUND where the broker did not send `count` of them. */
MUST_CHECK int directions_boundaries(const struct directions *directions, size_t count,
                                     struct directions_boundaries *boundaries, struct error *err);

/* moments[attributes][2] of the labelled faces' logits: mean, standard deviation. E_NOT_FOUND where the
 * broker did not send them. */
MUST_CHECK int directions_logits(const struct directions *directions, size_t attributes,
                                 const float **moments, struct error *err);

#endif
