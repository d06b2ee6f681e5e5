/* A parsed spec against the bundle it names: what common/spec.h cannot know. */
#ifndef BROKER_CHECK_H
#define BROKER_CHECK_H

#include "broker/farm.h"
#include "broker/fleet.h"

/* Errors name stage and key. */
MUST_CHECK int check_spec(const struct spec *spec, const struct farm_bundle *bundle,
                          struct error *err);

/* Whether each stage could run on a worker of a declared class, or on one that is connected: E_INVALID names
 * the stage, what it needs, and who has that. */
MUST_CHECK int check_needs(const struct spec *spec, const struct fleet *fleet,
                           const struct farm *farm, struct error *err);

/* Whether the spec names photos or latents, whose lists are long to read. */
bool check_has_sources(const struct spec *spec);
/* Whether the store has them, and as many, and the bundle can take these; whether what is known of photos
 * fits. By any thread. */
MUST_CHECK int check_sources(const char *store, const struct spec *spec,
                             const struct bundle *bundle, struct error *err);

#endif
