/*
 * The directions of an edit or evaluate stage, from the boundaries that its fit stage found: for
 * every target the plain unit vector and, where the stage has conditions, the one after the
 * discounted projection on them (common/projection.h). Conditions that occur in a target do not
 * apply to it. Where some layers of w+ are moved only, what boundaries have there is projected,
 * scores are those along them (broker/moving.h), and gain and leak are those of the whole
 * boundaries. Of a target of several scores every face has a direction of its own (common/meet.h);
 * what is written here is that of a face at score 0, in the metric that its edit has.
 */
#ifndef BROKER_DIRECTIONS_H
#define BROKER_DIRECTIONS_H

#include "broker/moving.h"
#include "common/spec.h"

/* Whether the stage's targets and conditions can be read with boundaries of these names; the error
 * names stage and key. For specs, before anything is fitted. */
MUST_CHECK int directions_check(const struct spec_stage *stage, const char *const *names,
                                size_t count, struct error *err);

struct directions_order {
    int64_t id, fit; /* stages */
    const struct spec_stage *spec;
    const char *const *names; /* of the boundaries */
    size_t count;
    size_t dimension;
    const bool *layers; /* [layer_count]: which are moved; NULL and 0: all */
    size_t layer_count;
};

/* The boundaries as the stage's edits take them. *refused as below. */
MUST_CHECK int directions_boundaries(struct database *db, const struct directions_order *order,
                                     struct moving *boundaries, bool *refused, struct error *err);

/*
 * Reads the boundaries of stage `fit` and writes the directions of stage `id`, in the caller's
 * transaction. Where the mathematics refuses a target, *refused is set and the stage fails by that
 * error (the targets before it stay written); other errors are the database's.
 */
MUST_CHECK int directions_make(struct database *db, const struct directions_order *order,
                               bool *refused, struct error *err);

#endif
