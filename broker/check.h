/* A parsed spec against the bundle it names: what common/spec.h cannot know. */
#ifndef BROKER_CHECK_H
#define BROKER_CHECK_H

#include "broker/farm.h"

/* Errors name stage and key. */
MUST_CHECK int check_spec(const struct spec *spec, const struct farm_bundle *bundle,
                          struct error *err);

/* Whether the store has the photos and latents that the spec names, and as many, and the bundle can
 * take these. */
MUST_CHECK int check_sources(const char *store, const struct spec *spec,
                             const struct farm_bundle *bundle, struct error *err);

#endif
